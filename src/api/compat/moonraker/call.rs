//! Every method of this dialect, once: a request over HTTP and a call over a socket mean the same and answer the same.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::problem::Problem;
use super::super::super::uploads::{Assignment, assigned, why_it_waits};
use super::super::super::{printers, stop};
use super::super::Place;
use super::super::look::{self, control, name_of, names};
use super::objects::{self, Klippy, Scene};
use super::{STOP, files};
use crate::domain::ids::PrinterName;
use crate::domain::job::{Change, Job, JobState, Outcome};
use crate::domain::lab::Lab;
use crate::domain::people::roles::Permission;
use crate::domain::printer::Reading;
use crate::domain::queue::upload::UploadState;
use crate::services::history::{SECONDS, Sample};

/// Which Moonraker's ways these are.
const API: [u32; 3] = [1, 4, 0];
/// A list is no longer than this, whatever is asked for.
const LIST_MAX: usize = 500;
/// Commands in one script.
const SCRIPT_MAX: usize = 16;
/// Who does something where nobody is set up and no name can be given.
const SOMEBODY: &str = "a dashboard";

use Permission as P;

/// Every method, and what it asks of who calls it; nothing where it is a stop.
pub const METHODS: &[(&str, Option<Permission>)] = &[
    ("access.get_api_key", Some(P::OwnAccount)),
    ("access.get_user", Some(P::Look)),
    ("access.info", Some(P::Look)),
    ("access.oneshot_token", Some(P::Look)),
    ("machine.device_power.devices", Some(P::Look)),
    ("machine.proc_stats", Some(P::Look)),
    ("machine.system_info", Some(P::Look)),
    ("machine.update.status", Some(P::Look)),
    ("printer.emergency_stop", None),
    ("printer.firmware_restart", Some(P::Console)),
    ("printer.gcode.help", Some(P::Look)),
    ("printer.gcode.script", Some(P::Console)),
    ("printer.info", Some(P::Look)),
    ("printer.objects.list", Some(P::Look)),
    ("printer.objects.query", Some(P::Look)),
    ("printer.objects.subscribe", Some(P::Look)),
    ("printer.objects.unsubscribe", Some(P::Look)),
    ("printer.print.cancel", Some(P::CancelJob)),
    ("printer.print.pause", Some(P::PauseJob)),
    ("printer.print.resume", Some(P::ResumeJob)),
    ("printer.print.start", Some(P::Queue)),
    ("printer.restart", Some(P::Console)),
    ("server.announcements.list", Some(P::Look)),
    ("server.config", Some(P::Look)),
    ("server.connection.identify", Some(P::Look)),
    ("server.database.delete_item", Some(P::Settings)),
    ("server.database.get_item", Some(P::Look)),
    ("server.database.list", Some(P::Look)),
    ("server.database.post_item", Some(P::Settings)),
    ("server.files.delete_file", Some(P::Queue)),
    ("server.files.get_directory", Some(P::Look)),
    ("server.files.list", Some(P::Look)),
    ("server.files.metadata", Some(P::Look)),
    ("server.files.roots", Some(P::Look)),
    ("server.files.thumbnails", Some(P::Look)),
    ("server.gcode_store", Some(P::Look)),
    ("server.history.get_job", Some(P::Look)),
    ("server.history.list", Some(P::Look)),
    ("server.history.totals", Some(P::Look)),
    ("server.info", Some(P::Look)),
    ("server.job_queue.status", Some(P::Look)),
    ("server.temperature_store", Some(P::Look)),
    ("server.webcams.list", Some(P::Look)),
    ("server.websocket.id", Some(P::Look)),
];

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// JSON-RPC's, or the status that HTTP answers with.
    pub code: i32,
    pub words: String,
}

impl RpcError {
    pub const UNREADABLE: i32 = -32_700;
    pub const NO_REQUEST: i32 = -32_600;
    pub const NO_METHOD: i32 = -32_601;
    pub const NOT_THESE: i32 = -32_602;

    pub fn new(code: i32, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }

    /// What HTTP answers with.
    pub fn status(&self) -> StatusCode {
        let own = u16::try_from(self.code).ok().and_then(|code| StatusCode::from_u16(code).ok());
        own.unwrap_or(if self.code == Self::NO_METHOD {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        })
    }
}

impl From<Problem> for RpcError {
    fn from(problem: Problem) -> Self {
        Self::new(i32::from(problem.status), format!("{}: {}", problem.detail, problem.help))
    }
}

type Answered = Result<Value, RpcError>;

/// Does what a method says. Whether its caller may is asked here too, since a socket has no door.
pub async fn call(app: &AppState, asker: &Asker, place: &Place, method: &str, params: &Value) -> Answered {
    let Some((method, needs)) = METHODS.iter().find(|(name, _)| *name == method) else {
        return Err(RpcError::new(RpcError::NO_METHOD, "Method not found: platen has no such method"));
    };
    if let Some(needs) = needs {
        // Whoever may send no other command may send this one.
        asker.may(if is_stop(method, params) { P::Stop } else { *needs })?;
    }
    match *method {
        "printer.emergency_stop" => stopped(app, asker, place).await,
        "printer.gcode.script" => script(app, asker, place, params).await,
        "printer.print.pause" => changed(app, asker, place, Change::Pause).await,
        "printer.print.resume" => changed(app, asker, place, Change::Resume).await,
        "printer.print.cancel" => changed(app, asker, place, Change::Cancel).await,
        "printer.print.start" => started(app, asker, place, params).await,
        "server.files.delete_file" => files::deleted(app, asker, place, text(params, "path")?).await,
        "server.files.list" | "server.files.get_directory" if !files::is_root(params) => {
            Err(no_such("there is no such folder", "the only one is `gcodes`").into())
        }
        "server.files.metadata" => files::metadata(app, asker, place, text(params, "filename")?),
        "access.oneshot_token" => Ok(app.streams.sockets.ticket(asker, app.clock.now()).into()),
        "access.get_user" => Ok(json!({"username": asker.name(), "source": "moonraker", "created_on": null})),
        method if method.starts_with("printer.objects.") => told(app, place, method, params),
        method if method.starts_with("server.history.") => history(app, place, method, params),
        method => plain(app, place, method),
    }
}

/// What depends on nothing but what is there.
fn plain(app: &AppState, place: &Place, method: &str) -> Answered {
    Ok(match method {
        "server.info" => server_info(app, place),
        "printer.info" => printer_info(app, place),
        "server.config" => json!({"config": {"server": {}, "file_manager": {}}, "orig": {}, "files": []}),
        "access.info" => json!({
            "default_source": "moonraker",
            "available_sources": ["moonraker"],
            "login_required": app.entrance.is_guarded(),
            "trusted": !app.entrance.is_guarded(),
        }),
        "server.files.list" => files::list(app, place),
        "server.files.get_directory" => files::directory(app, place),
        "server.files.roots" => json!([{"name": files::ROOT, "path": files::ROOT, "permissions": "rw"}]),
        "server.files.thumbnails" => json!([]),
        "server.gcode_store" => json!({"gcode_store": []}),
        "server.job_queue.status" => queue(app, place),
        "server.temperature_store" => temperatures(app, place),
        "server.webcams.list" => json!({"webcams": []}),
        "server.announcements.list" => json!({"entries": [], "feeds": []}),
        "server.database.list" => json!({"namespaces": [], "backups": []}),
        "server.database.get_item" => {
            return Err(
                no_such("platen keeps nothing for dashboards", "a dashboard keeps its own settings").into()
            );
        }
        "printer.gcode.help" => json!({}),
        "machine.system_info" => json!({"system_info": {
            "provider": "none",
            "cpu_info": {},
            "distribution": {"name": "platen", "id": "platen", "version": env!("CARGO_PKG_VERSION")},
            "virtualization": {"virt_type": "none", "virt_identifier": "none"},
            "network": {},
            "available_services": [],
            "service_state": {},
            "instance_ids": {},
        }}),
        "machine.proc_stats" => json!({
            "moonraker_stats": [],
            "throttled_state": null,
            "cpu_temp": null,
            "network": {},
            "system_cpu_usage": {},
            "system_uptime": objects::eventtime(app.clock.now()),
            "websocket_connections": app.streams.sockets.open(),
        }),
        "machine.update.status" => json!({
            "busy": false,
            "github_rate_limit": null,
            "github_requests_remaining": null,
            "github_limit_reset_time": null,
            "version_info": {},
        }),
        "machine.device_power.devices" => json!({"devices": []}),
        _ => return Err(not_here(method).into()),
    })
}

fn no_such(what: &str, help: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-there", what, help)
}

/// A method that is known, and that platen does in another way or not at all.
fn not_here(method: &str) -> Problem {
    let (what, help) = match method {
        "access.get_api_key" => {
            ("there is no key for everybody", "have a token of your own issued on the page Account")
        }
        "printer.restart" | "printer.firmware_restart" => {
            ("a printer is not started anew from here", "look at it, and clear its lock on platen's page")
        }
        "printer.objects.subscribe"
        | "printer.objects.unsubscribe"
        | "server.connection.identify"
        | "server.websocket.id" => {
            ("this is of a socket, and the request has none", "ask it over /websocket")
        }
        _ => ("platen keeps nothing for dashboards", "a dashboard keeps its own settings"),
    };
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not-here", what, help)
}

fn server_info(app: &AppState, place: &Place) -> Value {
    let klippy = Scene::of(app, place).klippy;
    json!({
        "klippy_connected": klippy != Klippy::Disconnected,
        "klippy_state": klippy.word(),
        "components": [
            "server", "klippy_connection", "klippy_apis", "file_manager", "job_queue", "history", "database",
            "data_store", "authorization", "machine", "webcam", "announcements",
        ],
        "failed_components": [],
        "registered_directories": [files::ROOT],
        "warnings": [],
        "websocket_count": app.streams.sockets.open(),
        "missing_klippy_requirements": [],
        "moonraker_version": concat!("v0.9.3-platen-", env!("CARGO_PKG_VERSION")),
        "api_version": API,
        "api_version_string": API.map(|n| n.to_string()).join("."),
    })
}

fn printer_info(app: &AppState, place: &Place) -> Value {
    let scene = Scene::of(app, place);
    let hostname = place.printer.as_ref().map_or_else(|| app.config.node.to_string(), ToString::to_string);
    let firmware = scene.look.snapshot.as_ref().and_then(|snapshot| snapshot.firmware.clone());
    json!({
        "state": scene.klippy.of_the_printer(),
        "state_message": scene.look.words,
        "hostname": hostname,
        "software_version": firmware.unwrap_or_else(|| concat!("platen ", env!("CARGO_PKG_VERSION")).to_owned()),
        "app": "platen",
        "cpu_info": "",
        "klipper_path": "",
        "python_path": "",
        "log_file": "",
        "config_file": "",
    })
}

fn told(app: &AppState, place: &Place, method: &str, params: &Value) -> Answered {
    match method {
        "printer.objects.list" => Ok(json!({"objects": objects::names(&Scene::of(app, place))})),
        "printer.objects.query" => {
            let wanted = objects::wanted(params).ok_or_else(no_objects)?;
            let scene = Scene::of(app, place);
            Ok(json!({"eventtime": scene.eventtime(), "status": objects::status(&scene, &wanted)}))
        }
        method => Err(not_here(method).into()),
    }
}

pub fn no_objects() -> RpcError {
    RpcError::new(400, "there is no list of objects: send {\"objects\": {\"print_stats\": null}}")
}

fn temperatures(app: &AppState, place: &Place) -> Value {
    let scene = Scene::of(app, place);
    let wanted = objects::names(&scene).into_iter().map(|name| (name.to_owned(), None)).collect();
    let status = objects::status(&scene, &wanted);
    let now = |of: &Value, field: &str| of.get(field).filter(|value| value.is_number()).cloned();
    let (history, at) = (app.fleet.board().history(), app.clock.now());
    let past = place.printer.as_ref().map(|printer| history.temperatures(printer, at, SECONDS));
    let past = past.unwrap_or_default();
    let store = status.iter().filter_map(|(name, object)| {
        let temperature = now(object, "temperature")?;
        let before = unbroken(name, &past);
        let actual: Vec<_> = before.iter().map(|reading| reading.actual.0).collect();
        let targets: Vec<_> = before.iter().map(|reading| reading.target.map_or(0.0, |it| it.0)).collect();
        let or_now = |all: Vec<f64>, now: Value| if all.is_empty() { json!([now]) } else { json!(all) };
        let mut of = Map::from_iter([("temperatures".to_owned(), or_now(actual, temperature))]);
        of.extend(now(object, "target").map(|target| ("targets".to_owned(), or_now(targets, target))));
        Some((name.clone(), of.into()))
    });
    store.collect::<Map<_, _>>().into()
}

/// Since the last gap, the oldest first: a dashboard takes the list for one value a second up to now.
fn unbroken(object: &str, past: &[Sample]) -> Vec<Reading> {
    let of = |sample: &Sample| match object {
        "extruder" => sample.hotend,
        "heater_bed" => sample.bed,
        _ => sample.chamber,
    };
    let mut all: Vec<_> = past.iter().rev().map_while(of).collect();
    all.reverse();
    all
}

/// One that must be there.
fn text<'p>(params: &'p Value, name: &str) -> Result<&'p str, RpcError> {
    let found = params.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| RpcError::new(400, format!("the argument `{name}` is missing: give it as text")))
}

/// A number, which in a query is text.
fn number(params: &Value, name: &str) -> Result<Option<f64>, RpcError> {
    let odd = || RpcError::new(400, format!("the argument `{name}` is no number"));
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => number.as_f64().ok_or_else(odd).map(Some),
        Some(Value::String(text)) => text.parse().map_err(|_| odd()).map(Some),
        Some(_) => Err(odd()),
    }
}

fn count(params: &Value, name: &str, otherwise: usize) -> Result<usize, RpcError> {
    let number = number(params, name)?.map(|number| number.clamp(0.0, 1e6));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just here")]
    Ok(number.map_or(otherwise, |number| number as usize))
}

// ---- what is asked of a print -----------------------------------------------------------------------------------

async fn changed(app: &AppState, asker: &Asker, place: &Place, change: Change) -> Answered {
    control(app, asker, place, change).await?;
    Ok("ok".into())
}

/// Its printer, or at the shared queue all of them: a stop is for whoever sees that it is needed.
async fn stopped(app: &AppState, asker: &Asker, place: &Place) -> Answered {
    let all = stop::stopped(app, place.printer.as_ref(), asker.stops_as(None).as_deref()).await?;
    let not: Vec<_> = all.iter().filter(|one| !one.on_wire).map(|one| one.printer.as_str()).collect();
    if not.is_empty() {
        return Ok("ok".into());
    }
    let words = format!(
        "the stop did not reach {}: look at it, and switch it off by hand if it moves (every other printer that was \
         meant is stopped)",
        not.join(", ")
    );
    Err(RpcError::new(503, words))
}

/// Nothing begins by this: a file that came with its case is queued and begins when its turn comes, and one
/// of no case never does.
async fn started(app: &AppState, asker: &Asker, place: &Place, params: &Value) -> Answered {
    let upload = files::find(app, asker, place, text(params, "filename")?)?;
    let conflict = |what: &str, help: &str| Problem::new(StatusCode::CONFLICT, "wrong-state", what, help);
    match &upload.state {
        UploadState::Queued { job } => look::waits(app, job)?,
        UploadState::Unassigned if upload.no_case => {
            return Err(conflict(why_it_waits(&upload).unwrap_or_default(), "then it is queued").into());
        }
        UploadState::Unassigned if upload.carried.is_some() => {
            let by = asker.by_if_known(None)?;
            assigned(app, upload.id, Assignment::default(), by).await?;
        }
        // `find` finds none that was put away.
        UploadState::Unassigned | UploadState::Dismissed { .. } => {
            let what = "nobody has said yet of which part the file is, so it is not printed";
            return Err(conflict(what, "say so on platen's page, or with `platen uploads`").into());
        }
    }
    Ok("ok".into())
}

/// Whether a call is to be done whatever becomes of who makes it: it makes a printer stop, or stand still.
pub fn is_urgent(method: &str, params: &Value) -> bool {
    is_stop(method, params) || matches!(method, "printer.print.pause" | "printer.print.cancel")
}

/// Whether a call is a stop, by its name or by a command in it.
pub fn is_stop(method: &str, params: &Value) -> bool {
    let script = || params.get("script").and_then(Value::as_str).unwrap_or_default();
    method == STOP || (method == "printer.gcode.script" && script().lines().any(look::is_stop))
}

/// One command a line, each as if it were typed into platen's console.
async fn script(app: &AppState, asker: &Asker, place: &Place, params: &Value) -> Answered {
    if is_stop("printer.gcode.script", params) {
        return stopped(app, asker, place).await;
    }
    let script = text(params, "script")?;
    let lines: Vec<_> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > SCRIPT_MAX {
        return Err(RpcError::new(
            400,
            format!("a script has {SCRIPT_MAX} lines at most: send a file instead"),
        ));
    }
    let printer = of_one(place)?;
    let by = asker.by_if_known(None)?.unwrap_or_else(|| SOMEBODY.to_owned());
    for line in lines {
        printers::consoled(app, printer, line, &by).await?;
    }
    Ok("ok".into())
}

fn of_one(place: &Place) -> Result<&PrinterName, RpcError> {
    place.printer.as_ref().ok_or_else(|| {
        RpcError::new(409, "this is the queue of all printers: use the printer's own address, /p/<printer>")
    })
}

/// In whose name a file is put away.
pub fn by(asker: &Asker) -> Result<String, Problem> {
    Ok(asker.by_if_known(None)?.unwrap_or_else(|| SOMEBODY.to_owned()))
}

// ---- jobs that wait, and that are over --------------------------------------------------------------------------

/// Those that may run here, in their order.
pub fn queued(app: &AppState, place: &Place) -> Vec<Value> {
    let now = app.clock.wall();
    app.recorder.read(|lab| {
        let is_ours = |job: &&Job| {
            let pinned = job.pinned.as_ref();
            job.state == JobState::Queued
                && (place.printer.is_none() || pinned.is_none() || pinned == place.printer.as_ref())
        };
        let mut jobs: Vec<_> = lab.jobs.values().filter(is_ours).collect();
        jobs.sort_by_key(|job| job.order);
        let names = names(lab);
        let each = |job: &Job| {
            json!({
                "filename": names.of(job),
                "job_id": job.id.to_string(),
                "time_added": seconds(job.queued.0),
                "time_in_queue": seconds(now.0.saturating_sub(job.queued.0)),
            })
        };
        jobs.into_iter().take(LIST_MAX).map(each).collect()
    })
}

fn queue(app: &AppState, place: &Place) -> Value {
    json!({"queued_jobs": queued(app, place), "queue_state": "ready"})
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// A job that has begun, under the name that is shown of it, as this dialect tells of it; nothing of one that has not.
pub fn past(job: &Job, name: &str) -> Option<Value> {
    let run = job.state.run()?;
    let (status, ended) = match &job.state {
        JobState::Ended { ended, outcome, .. } => {
            let status = match outcome {
                Outcome::Printed { .. } => "completed",
                Outcome::Cancelled { .. } => "cancelled",
                Outcome::Interrupted { .. } | Outcome::NotSliced { .. } => "error",
            };
            (status, Some(ended.0))
        }
        _ => ("in_progress", None),
    };
    let took = ended.map_or(0.0, |ended| seconds(ended.saturating_sub(run.started.0)));
    Some(json!({
        "job_id": job.id.to_string(),
        "exists": true,
        "filename": name,
        "status": status,
        "start_time": seconds(run.started.0),
        "end_time": ended.map(seconds),
        "print_duration": took,
        "total_duration": took,
        "filament_used": 0.0,
        "metadata": {},
        "auxiliary_data": [],
        "user": null,
    }))
}

/// Those of this place, the newest first.
fn begun<'l>(lab: &'l Lab, place: &Place) -> Vec<&'l Job> {
    let is_ours = |job: &&Job| {
        job.state
            .run()
            .is_some_and(|run| place.printer.as_ref().is_none_or(|printer| run.printer == *printer))
    };
    let mut jobs: Vec<_> = lab.jobs.values().filter(is_ours).collect();
    jobs.sort_by_key(|job| std::cmp::Reverse((job.state.run().map(|run| run.started), job.order)));
    jobs
}

fn history(app: &AppState, place: &Place, method: &str, params: &Value) -> Answered {
    match method {
        "server.history.totals" => Ok(totals(app, place)),
        "server.history.get_job" => {
            let id = text(params, "uid")?;
            let found = app.recorder.read(|lab| {
                let job = begun(lab, place).into_iter().find(|job| job.id.as_str() == id)?;
                past(job, &name_of(lab, job))
            });
            let none = || no_such("there is no such job here", "look into server.history.list");
            Ok(json!({"job": found.ok_or_else(none)?}))
        }
        _ => {
            let (limit, start) = (count(params, "limit", 50)?.min(LIST_MAX), count(params, "start", 0)?);
            let (since, before) = (number(params, "since")?, number(params, "before")?);
            let oldest_first = params.get("order").and_then(Value::as_str) == Some("asc");
            Ok(app.recorder.read(|lab| {
                let within = |job: &&Job| {
                    let started = job.state.run().map_or(0.0, |run| seconds(run.started.0));
                    since.is_none_or(|since| started > since) && before.is_none_or(|before| started < before)
                };
                let mut jobs: Vec<_> = begun(lab, place).into_iter().filter(within).collect();
                if oldest_first {
                    jobs.reverse();
                }
                let names = names(lab);
                let page = jobs.iter().skip(start).take(limit).filter_map(|job| past(job, &names.of(job)));
                json!({"count": jobs.len(), "jobs": page.collect::<Vec<_>>()})
            }))
        }
    }
}

fn totals(app: &AppState, place: &Place) -> Value {
    let took = |job: &Job| match &job.state {
        JobState::Ended { run: Some(run), ended, .. } => Some(seconds(ended.0.saturating_sub(run.started.0))),
        _ => None,
    };
    let all: Vec<f64> = app.recorder.read(|lab| begun(lab, place).into_iter().filter_map(took).collect());
    let (sum, longest) = (all.iter().sum::<f64>(), all.iter().copied().fold(0.0, f64::max));
    json!({"job_totals": {
        "total_jobs": all.len(),
        "total_time": sum,
        "total_print_time": sum,
        "total_filament_used": 0.0,
        "longest_job": longest,
        "longest_print": longest,
    }, "auxiliary_totals": []})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_method_is_there_twice() {
        for (at, (name, _)) in METHODS.iter().enumerate() {
            assert!(!METHODS[..at].iter().any(|(other, _)| other == name), "{name}");
        }
    }

    #[test]
    fn a_store_begins_after_the_last_gap_and_is_of_one_heater() {
        use crate::domain::moment::Moment;
        use crate::domain::units::Celsius;

        let reading = |actual: f64| Reading { actual: Celsius(actual), target: None };
        let hotend = [Some(20.0), None, Some(30.0), Some(31.0)];
        let each = hotend.into_iter().zip(0..).map(|(hotend, second)| Sample {
            at: Moment::from_millis(second * 1_000),
            hotend: hotend.map(reading),
            bed: Some(reading(60.0)),
            chamber: None,
        });
        let past: Vec<_> = each.collect();
        assert_eq!(unbroken("extruder", &past), [reading(30.0), reading(31.0)]);
        assert_eq!(unbroken("heater_bed", &past).len(), 4);
        assert_eq!(unbroken("temperature_sensor chamber", &past), []);
    }

    #[test]
    fn an_error_has_a_status_that_is_one() {
        for (code, status) in [(409, 409), (RpcError::NO_METHOD, 404), (RpcError::NOT_THESE, 400), (7, 400)] {
            assert_eq!(RpcError::new(code, "").status().as_u16(), status, "{code}");
        }
    }

    #[test]
    fn a_stop_is_a_stop_among_commands_too() {
        for (method, params, is) in [
            (STOP, json!(null), true),
            ("printer.gcode.script", json!({"script": "M105\nm112 now"}), true),
            ("printer.gcode.script", json!({"script": "M1123"}), false),
            ("printer.gcode.script", json!({"script": 112}), false),
            ("printer.gcode.script", json!([]), false),
            ("printer.info", json!({"script": "M112"}), false),
        ] {
            assert_eq!(is_stop(method, &params), is, "{method} {params}");
            assert_eq!(is_urgent(method, &params), is, "{method} {params}");
        }
        for (method, is) in [("pause", true), ("cancel", true), ("resume", false), ("start", false)] {
            assert_eq!(is_urgent(&format!("printer.print.{method}"), &json!({})), is, "{method}");
        }
    }

    #[test]
    fn a_number_is_read_from_a_query_too() {
        let params = json!({"limit": "7", "start": 2, "since": [], "before": "x"});
        assert_eq!(count(&params, "limit", 50), Ok(7));
        assert_eq!(count(&params, "start", 0), Ok(2));
        assert_eq!(count(&params, "other", 50), Ok(50));
        assert!(number(&params, "since").is_err() && number(&params, "before").is_err());
        assert_eq!(count(&json!({"limit": -1}), "limit", 50), Ok(0));
    }
}
