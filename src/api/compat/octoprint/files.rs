//! Files: taken in as uploads, listed under names that are safe, and given back byte for byte.

use axum::Router;
use axum::body::{Body as RawBody, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::problem::Problem;
use super::super::super::uploads::{Arrival, Assignment, assigned, dismissed, take, why_it_waits};
use super::super::Place;
use super::super::look::{self, find, waits};
use super::super::prusalink::free_and_total;
use super::super::receive::{self, Sent};
use super::job::{Readers, filament_in, filament_of, seconds};
use super::{
    Answer, Body, Here, InPath, Refused, base, by, conflict, done, segment, unknown_command, wants_2, yes,
};
use crate::config::Printer;
use crate::domain::people::roles::Permission;
use crate::domain::queue::upload::{Upload, UploadState, Via};
use crate::services::gate::Reading;

/// The one folder that there is; programs of PrusaLink call it `usb`.
const LOCATIONS: [&str; 4] = ["local", CARD[0], CARD[1], "usb"];
/// The printer's own storage, before and since version 2.0.
const CARD: [&str; 2] = ["sdcard", "printer"];

pub fn routes() -> Router<AppState> {
    let upload = get(list_one).post(upload).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/api/files", get(list))
        .route("/api/files/{location}", upload)
        .route("/api/files/{location}/{*path}", get(show).post(command).delete(delete))
        .route("/downloads/files/{location}/{*path}", get(download))
}

fn no_file() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-file",
        "there is no such file here",
        "GET /api/files lists what there is, under the names that platen gave",
    )
}

fn known(location: &str) -> Result<(), Problem> {
    if LOCATIONS.contains(&location) { Ok(()) } else { Err(no_file()) }
}

/// Where a file is told to be: its own address, and where its bytes are.
fn refs(base: &str, name: &str) -> Value {
    let name = segment(name);
    json!({
        "resource": format!("{base}/api/files/local/{name}"),
        "download": format!("{base}/downloads/files/local/{name}"),
    })
}

/// What was read in the file, where it was.
fn analysis(reading: &Reading, printer: Option<&Printer>, diameter: f64) -> Value {
    let seconds = seconds(reading, printer);
    json!({
        "estimatedPrintTime": seconds,
        "filament": filament_in(reading, diameter),
        // How much time is left at which share of the file.
        "progress": seconds.map(|seconds| [[0.0, seconds], [1.0, 0.0]]),
    })
}

/// One entry of a list.
fn entry(
    base: &str,
    upload: &Upload,
    read: Option<&Reading>,
    (printer, diameter): (Option<&Printer>, f64),
) -> Value {
    let name = upload.shown();
    let mut entry = json!({
        "name": name,
        "display": name,
        "path": name,
        "type": "machinecode",
        "typePath": ["machinecode", "gcode"],
        "hash": upload.file.to_string(),
        "size": upload.bytes,
        "date": upload.at.0 / 1_000,
        "origin": "local",
        "user": upload.by,
        "refs": refs(base, &name),
        "platen": {"upload": upload.id.to_string(), "state": upload.state.word()},
    });
    if let UploadState::Queued { job } = &upload.state {
        entry["platen"]["job"] = json!(job.to_string());
    }
    if let Some(read) = read {
        entry["gcodeAnalysis"] = analysis(read, printer, diameter);
    }
    entry
}

fn told(app: &AppState, place: &Place, base: &str, uploads: &[Upload]) -> Vec<Value> {
    let printer = place.printer.as_ref();
    let (readers, diameter) = (Readers::of(app, printer), filament_of(app, printer));
    let known = printer.and_then(|name| app.config.printer(name));
    let each =
        |upload: &Upload| entry(base, upload, readers.reading(&upload.file).as_deref(), (known, diameter));
    uploads.iter().map(each).collect()
}

async fn listed(app: &AppState, place: &Place, headers: &HeaderMap) -> Answer {
    let files = told(app, place, &base(app, headers, place), &look::files(app, place));
    let (free, total) = free_and_total(app).await;
    // Of a disk without bytes nothing is known.
    let known = |bytes: u64| (total > 0).then_some(bytes);
    yes(json!({"files": files, "free": known(free), "total": known(total)}))
}

async fn list(State(app): State<AppState>, Here(place): Here, headers: HeaderMap) -> Answer {
    listed(&app, &place, &headers).await
}

async fn list_one(
    State(app): State<AppState>,
    Here(place): Here,
    path: InPath,
    headers: HeaderMap,
) -> Answer {
    match path.get("location") {
        // Nothing is kept on a printer's card.
        card if CARD.contains(&card) => yes(json!({"files": [], "free": null, "total": null})),
        location => {
            known(location)?;
            listed(&app, &place, &headers).await
        }
    }
}

/// One that was put away is gone.
fn there(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Option<Upload> {
    find(app, asker, place, name).filter(|upload| !matches!(upload.state, UploadState::Dismissed { .. }))
}

/// The file that a path means.
fn meant(app: &AppState, asker: &Asker, place: &Place, path: &InPath) -> Result<Upload, Problem> {
    known(path.get("location"))?;
    there(app, asker, place, path.get("path")).ok_or_else(no_file)
}

async fn show(
    State(app): State<AppState>,
    asker: Asker,
    Here(place): Here,
    path: InPath,
    headers: HeaderMap,
) -> Answer {
    let upload = meant(&app, &asker, &place, &path)?;
    let told = told(&app, &place, &base(&app, &headers, &place), std::slice::from_ref(&upload));
    yes(told.into_iter().next().unwrap_or_default())
}

async fn download(State(app): State<AppState>, asker: Asker, Here(place): Here, path: InPath) -> Answer {
    let upload = meant(&app, &asker, &place, &path)?;
    let (file, bytes) = app.intake.spool().reader(&upload.file).await.map_err(Problem::from)?;
    let body = RawBody::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
    ];
    Ok((headers, body).into_response())
}

/// There are no folders: one that is made is where all files are.
fn folder(base: &str) -> Answer {
    let refs = json!({"resource": format!("{base}/api/files/local")});
    let folder = json!({"name": "", "path": "", "origin": "local", "refs": refs});
    Ok((StatusCode::CREATED, axum::Json(json!({"folder": folder, "done": true}))).into_response())
}

async fn upload(
    State(app): State<AppState>,
    asker: Asker,
    Here(place): Here,
    path: InPath,
    headers: HeaderMap,
    request: Request,
) -> Answer {
    known(path.get("location"))?;
    let base = base(&app, &headers, &place);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        return folder_in_json(&app, &base, request).await;
    }
    let form = match receive::sent(&app, request).await? {
        Sent::File(form) => *form,
        Sent::Fields(fields) if fields.contains_key("foldername") => return folder(&base),
        Sent::Fields(_) => return Err(receive::no_file().into()),
    };
    if form.is_set("noOverwrite") && there(&app, &asker, &place, &form.path()).is_some() {
        form.incoming.discard().await;
        let help = "send it without `noOverwrite`, or under another name";
        return Err(conflict("a file of this name is here already", help).into());
    }
    let print = form.is_set("print");
    let carried = form.carried(place.carried.as_ref());
    let name = form.path();
    let printer = place.printer.clone();
    let arrival = Arrival { incoming: form.incoming, name, via: Via::Octoprint, printer, carried, print };
    let taken = take(&app, &asker, arrival).await?;
    let name = taken.upload.shown();
    let refs = refs(&base, &name);
    let location = format!("{base}/api/files/local/{}", segment(&name));
    let queued = taken.job.is_some();
    let file = json!({"name": name, "display": name, "path": name, "origin": "local", "refs": refs});
    let mut answer = json!({
        "done": true,
        "effectiveSelect": queued,
        "effectivePrint": queued,
        "platen": {
            "upload": taken.upload.id.to_string(),
            "job": taken.job.map(|job| job.to_string()),
            "waits": taken.waits,
        },
    });
    if wants_2(&headers) {
        answer["file"] = file;
    } else {
        answer["files"] = json!({"local": file});
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(answer)).into_response())
}

async fn folder_in_json(app: &AppState, base: &str, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    // The limit that every other body has.
    let bytes = to_bytes(body, super::super::super::given::BODY_MAX).await;
    let bytes = bytes
        .map_err(|_| Problem::unreadable("the body is too large, or was cut", "send {\"foldername\": …}"))?;
    let body = Body::from_request(Request::from_parts(parts, RawBody::from(bytes)), app).await?;
    if body.text("foldername").is_some() {
        return folder(base);
    }
    Err(Problem::unreadable("the body has no file", "send multipart/form-data with one field `file`").into())
}

/// Whoever selects a file to have it printed has it queued, where it is known of which part it is.
async fn print(app: &AppState, asker: &Asker, upload: Upload) -> Answer {
    match &upload.state {
        UploadState::Queued { job } => {
            waits(app, job)?;
            done()
        }
        UploadState::Unassigned if upload.no_case => {
            Err(conflict(why_it_waits(&upload).unwrap_or_default(), "then it is queued").into())
        }
        UploadState::Unassigned if upload.carried.is_none() => Err(conflict(
            "nobody has said yet of which part the file is, so it is not printed",
            "say so on platen's page, or with `platen uploads`",
        )
        .into()),
        UploadState::Unassigned => {
            asker.may(Permission::Queue)?;
            let by = asker.by_if_known(None)?;
            assigned(app, upload.id, Assignment::default(), by).await?;
            done()
        }
        UploadState::Dismissed { .. } => Err(no_file().into()),
    }
}

async fn command(
    State(app): State<AppState>,
    asker: Asker,
    Here(place): Here,
    path: InPath,
    body: Body,
) -> Answer {
    let upload = meant(&app, &asker, &place, &path)?;
    match body.command() {
        "select" if body.is_set("print") => print(&app, &asker, upload).await,
        // As PrusaLink's programs say it.
        "start" => print(&app, &asker, upload).await,
        "select" | "unselect" => done(),
        "copy" | "move" | "slice" | "analyse" => {
            let help = "send the file again, or have it sliced from its model";
            Err(conflict("platen keeps a file as it came", help).into())
        }
        other => Err(unknown_command(other, "select, unselect")),
    }
}

async fn delete(State(app): State<AppState>, asker: Asker, Here(place): Here, path: InPath) -> Answer {
    let upload = meant(&app, &asker, &place, &path)?;
    if look::prints(&app, &upload) {
        return Err(Refused::from(conflict("the file is printed now", "cancel the print first")));
    }
    dismissed(&app, &upload.id, &by(&asker)?).await?;
    done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{JobId, UploadId};
    use crate::domain::moment::WallTime;

    fn upload(state: UploadState) -> Upload {
        Upload {
            id: UploadId::from_entropy([7; 16]),
            file: "a".repeat(64).parse().unwrap(),
            bytes: 1_234,
            name: "left-femur.gcode".into(),
            via: Via::Octoprint,
            printer: None,
            carried: None,
            no_case: false,
            print: true,
            by: None,
            at: WallTime(9_500),
            state,
        }
    }

    #[test]
    fn a_file_is_told_under_its_safe_name_with_where_it_is() {
        let one = upload(UploadState::Unassigned);
        let told = entry("http://farm:7180/p/mk3", &one, None, (None, 1.75));
        let name = one.shown();
        assert_eq!(
            (&told["name"], &told["path"], &told["display"]),
            (&json!(name), &json!(name), &json!(name))
        );
        assert_eq!(told["typePath"], json!(["machinecode", "gcode"]));
        assert_eq!(
            (&told["size"], &told["date"], &told["origin"]),
            (&json!(1_234), &json!(9), &json!("local"))
        );
        assert_eq!(
            told["refs"],
            json!({
                "resource": format!("http://farm:7180/p/mk3/api/files/local/{name}"),
                "download": format!("http://farm:7180/p/mk3/downloads/files/local/{name}"),
            })
        );
        assert!(told.get("gcodeAnalysis").is_none());
        assert_eq!(told["platen"]["state"], "unassigned");
    }

    #[test]
    fn a_file_that_is_a_job_says_which() {
        let job = JobId::from_entropy([3; 16]);
        let told = entry("http://x", &upload(UploadState::Queued { job: job.clone() }), None, (None, 1.75));
        assert_eq!(told["platen"]["job"], job.to_string());
    }
}
