//! Files as PrusaLink takes them: a raw body under its name, which waits until somebody says of which part it is.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::shapes::{self, STORAGE, is_storage};
use super::{Params, Refused, unknown};
use crate::api::AppState;
use crate::api::compat::look::{files, find, prints, waits};
use crate::api::compat::receive::{carried_in_path, first_said};
use crate::api::compat::{API_KEY, Place};
use crate::api::door::Asker;
use crate::api::files::{of_config, received};
use crate::api::given::header_text;
use crate::api::problem::Problem;
use crate::api::public::before_path;
use crate::api::uploads::{Arrival, Assignment, Taken, assigned, dismissed, take, why_it_waits};
use crate::domain::people::roles::Permission;
use crate::domain::queue::upload::{Upload, UploadState, Via};
use crate::services::access::NotAuthenticated;

const OVERWRITE: HeaderName = HeaderName::from_static("overwrite");
const PRINT: HeaderName = HeaderName::from_static("print-after-upload");
const CREATE_FOLDER: HeaderName = HeaderName::from_static("create-folder");
/// As long as a name may be on a disk.
const NAME_MAX: usize = 255;

/// What a request names: a file of the one storage, or that storage itself.
fn named(params: &Params) -> Result<&str, Refused> {
    if !is_storage(params.get("storage")) {
        let help = "send it to /local; /usb is the same one";
        return Err(
            Problem::new(StatusCode::NOT_FOUND, "no-such-storage", "there is no such storage", help).into()
        );
    }
    Ok(params.get("path").trim_matches('/'))
}

fn no_file() -> Refused {
    let help = "list the files under /api/v1/files/local";
    Problem::new(StatusCode::NOT_FOUND, "no-such-upload", "no file here has this name", help).into()
}

fn conflict(detail: &str, help: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "wrong-state", detail, help)
}

/// What was put away is not there any more.
fn there(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Option<Upload> {
    find(app, asker, place, name).filter(|upload| !matches!(upload.state, UploadState::Dismissed { .. }))
}

/// `?1`, as RFC 8941 writes a yes.
fn is_set(headers: &HeaderMap, name: &HeaderName) -> Result<bool, Refused> {
    match header_text(headers, name)?.map(str::trim) {
        None | Some("?0" | "0" | "false") => Ok(false),
        Some("?1" | "1" | "true") => Ok(true),
        Some(_) => {
            Err(Problem::unreadable(format!("the header {name} is neither ?0 nor ?1"), "send one of them")
                .into())
        }
    }
}

/// Whether a file of this name can be G-code or for resin; what is in it is judged when it has come.
pub(super) fn judge(path: &str) -> Result<(), Problem> {
    const UNREAL: &str = "send a name such as heart.gcode";
    let bad = |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-a-name", detail, UNREAL);
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || path.split('/').any(|piece| matches!(piece, "" | "." | "..")) {
        return Err(bad("this is no name of a file"));
    }
    if name.len() > NAME_MAX || path.chars().any(char::is_control) {
        return Err(bad("the name is longer than 255 bytes, or has control characters in it"));
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let (detail, help) = match ending.as_str() {
        "gcode" | "gco" | "g" | "nc" => return Ok(()),
        "sl1" | "ctb" | "cbddlp" | "photon" | "goo" | "nanodlp" => return Ok(()),
        "bgcode" => (
            "binary G-code is not read here",
            "switch \"Supports binary G-code\" off in the slicer's settings of the printer, and slice again",
        ),
        "stl" | "3mf" | "obj" | "amf" | "step" | "stp" => {
            ("this is a model, and a printer takes G-code", "slice it, or use `platen print` with the model")
        }
        "sl1s" => (
            "this is a file of the SL1S, which is not read here",
            "slice it for a printer that takes SL1, CTB or GOO",
        ),
        _ => ("this is no name of a G-code or resin file", UNREAL),
    };
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-gcode", detail, help))
}

/// The files, or one of them.
pub(super) async fn show(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<Response, Refused> {
    let (place, params) = (place?, params?);
    let name = named(&params)?;
    if name.is_empty() {
        return Ok(Json(shapes::folder(&files(&app, &place), &before_path(&app.config))).into_response());
    }
    let upload = there(&app, &asker, &place, name).ok_or_else(no_file)?;
    let now = if prints(&app, &upload) { "?1" } else { "?0" };
    let headers = [("Read-Only", "?0"), ("Currently-Printed", now)];
    Ok((headers, Json(shapes::file(&upload, &before_path(&app.config)))).into_response())
}

/// Some programs send nothing first, to be asked who they are. Where everybody may come in, they are asked all the
/// same: what came is no file.
fn is_first_try(headers: &HeaderMap) -> bool {
    let empty = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    empty && !headers.contains_key(API_KEY) && !headers.contains_key(header::AUTHORIZATION)
}

/// Takes a file in. 201 means that it is durable; what becomes of it stands in the answer.
pub(super) async fn put(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
    request: Request,
) -> Result<Response, Refused> {
    let (place, params) = (place?, params?);
    let name = named(&params)?.to_owned();
    let headers = request.headers();
    if is_set(headers, &CREATE_FOLDER)? {
        // All files stand in one.
        let location = format!("{}/api/v1/files/{STORAGE}", place.prefix());
        return Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(shapes::folder(&[], "")))
            .into_response());
    }
    if is_first_try(headers) {
        return Ok(unknown(&app, NotAuthenticated::Nobody.into()));
    }
    judge(&name)?;
    if !is_set(headers, &OVERWRITE)? && there(&app, &asker, &place, &name).is_some() {
        let help = "send it with `Overwrite: ?1`, or under another name";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "name-taken",
            "a file of this name is here already",
            help,
        )
        .into());
    }
    let print = is_set(headers, &PRINT)?;
    let incoming = received(&app, request, of_config(&app)).await?;
    let carried = first_said([place.carried.clone().into(), carried_in_path(&name)]);
    let printer = place.printer.clone();
    let arrival = Arrival { incoming, name, via: Via::Prusalink, printer, carried, print };
    let taken = take(&app, &asker, arrival).await?;
    Ok(came(&app, &place, &taken))
}

fn came(app: &AppState, place: &Place, taken: &Taken) -> Response {
    let Taken { upload, job, waits } = taken;
    let location = format!("{}/api/v1/files/{STORAGE}/{}", place.prefix(), upload.shown());
    let mut view = shapes::file(upload, &before_path(&app.config));
    view["message"] = match (job, waits) {
        (Some(job), _) => format!("queued as job {job}").into(),
        (None, Some(waits)) => format!("it waits in platen, and prints nowhere yet: {waits}").into(),
        (None, None) => json!("it is in platen"),
    };
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(view)).into_response()
}

/// What `print` means here: a file of a case becomes a job, and one of none waits for somebody to say of which it is.
pub(super) async fn print(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<StatusCode, Refused> {
    let (place, params) = (place?, params?);
    let upload = there(&app, &asker, &place, named(&params)?).ok_or_else(no_file)?;
    match &upload.state {
        UploadState::Queued { job } => {
            waits(&app, job)?;
            Ok(StatusCode::NO_CONTENT)
        }
        UploadState::Unassigned if upload.carried.is_some() => {
            asker.may(Permission::Queue)?;
            let by = asker.by_if_known(None)?;
            assigned(&app, upload.id, Assignment::default(), by).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        UploadState::Unassigned if upload.no_case => {
            Err(conflict(why_it_waits(&upload).unwrap_or_default(), "then it is queued").into())
        }
        UploadState::Unassigned => {
            let help = "say so on platen's page, or with POST /v1/uploads/<id>/assign; then it is queued";
            Err(conflict("nobody has said yet of which part this file is, so it is not printed", help).into())
        }
        UploadState::Dismissed { .. } => Err(no_file()),
    }
}

/// Puts a file away; its bytes stay in the spool as long as platen keeps them.
pub(super) async fn remove(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Place, Problem>,
    params: Result<Params, Problem>,
) -> Result<StatusCode, Refused> {
    let (place, params) = (place?, params?);
    let upload = there(&app, &asker, &place, named(&params)?).ok_or_else(no_file)?;
    let by = asker.by_if_known(None)?.unwrap_or_else(|| super::NAMELESS.into());
    dismissed(&app, &upload.id, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_gcode_and_of_resin_files_are_taken_and_the_others_told_what_to_do() {
        for good in ["heart.gcode", "a/b/Heart 2.GCODE", "x.g", "é.gco", "heart.SL1", "a/heart.ctb"] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
        for (bad, status) in [
            ("", 422),
            ("a/", 422),
            ("../heart.gcode", 422),
            ("a//heart.gcode", 422),
            ("a\n.gcode", 422),
            ("heart", 415),
            ("heart.stl", 415),
            ("heart.3MF", 415),
            ("heart.sl1s", 415),
            ("heart.bgcode", 415),
            ("heart.exe", 415),
        ] {
            let problem = judge(bad).unwrap_err();
            assert_eq!(problem.status, status, "{bad}");
            assert!(!problem.detail.contains("heart") && !problem.help.is_empty(), "{problem:?}");
        }
        for model in ["a.stl", "a.3mf"] {
            assert!(judge(model).unwrap_err().help.contains("`platen print`"), "{model}");
        }
        assert_eq!(judge(&format!("{}.gcode", "x".repeat(NAME_MAX))).unwrap_err().status, 422);
    }

    #[test]
    fn a_yes_is_written_as_the_standard_does() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(OVERWRITE, text.parse().unwrap())]);
            is_set(&headers, &OVERWRITE).map_err(|Refused(problem)| problem.status)
        };
        assert_eq!((read("?1"), read(" ?0 "), read("true")), (Ok(true), Ok(false), Ok(true)));
        assert_eq!(read("yes"), Err(400));
        assert!(matches!(is_set(&HeaderMap::new(), &PRINT), Ok(false)));
    }
}
