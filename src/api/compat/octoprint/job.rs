//! The print that runs now, and what may be asked of it.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::gate::told;
use super::super::Place;
use super::super::look::{Doing, Look, LookJob, control, look};
use super::{Answer, Body, Here, conflict, done, state, unknown_command, yes};
use crate::config::{Build, Printer};
use crate::domain::ids::{FileHash, PrinterName};
use crate::domain::job::Change;
use crate::services::gate::Reading;

pub fn routes() -> Router<AppState> {
    Router::new().route("/api/job", get(show).post(command))
}

/// This printer or any, and what each says of its firmware: asked once, for however many files.
pub(super) struct Readers<'a> {
    app: &'a AppState,
    says: Vec<(&'a PrinterName, Option<String>)>,
}

impl<'a> Readers<'a> {
    pub(super) fn of(app: &'a AppState, printer: Option<&PrinterName>) -> Self {
        let all = app.config.printers.iter().map(|known| &known.name);
        let wanted = all.filter(|name| printer.is_none_or(|only| only == *name));
        let says =
            app.recorder.read(|lab| wanted.map(|name| (name, told(app, lab, name))).collect::<Vec<_>>());
        Self { app, says }
    }

    /// A file as the gate has read it already. Reading it anew is printers' turn first.
    pub(super) fn reading(&self, file: &FileHash) -> Option<Arc<Reading>> {
        let gate = &self.app.gate;
        self.says
            .iter()
            .find_map(|(name, says)| gate.reading_kept(&gate.asked(file, name, says.as_deref(), None, false)))
    }
}

/// How thick the filament of a printer is, in mm.
pub(super) fn filament_of(app: &AppState, printer: Option<&PrinterName>) -> f64 {
    let build = printer.and_then(|name| app.config.printer(name)).map(|printer| &printer.build);
    build.and_then(|build: &Build| build.filament).map_or(1.75, |filament| filament.mm())
}

/// What a file takes in seconds, as far as that is known; of resin on this printer, or on any.
pub(super) fn seconds(reading: &Reading, printer: Option<&Printer>) -> Option<f64> {
    match reading {
        Reading::Gcode { analysis, .. } => Some(analysis.seconds),
        Reading::Resin(resin) => resin.seconds(printer),
    }
}

/// The filament of a file by tool; a resin file has none.
pub(super) fn filament_in(reading: &Reading, diameter: f64) -> Option<Value> {
    Some(filament(&reading.gcode()?.filament, diameter))
}

/// `{"tool0": {"length": mm, "volume": cm³}}`, for each tool that lays anything.
pub(super) fn filament(lengths: &[f64], diameter: f64) -> Value {
    let area = std::f64::consts::PI * diameter * diameter / 4.0;
    let used = lengths.iter().enumerate().filter(|(_, length)| **length > 0.0);
    used.map(|(tool, length)| {
        (format!("tool{tool}"), json!({"length": length, "volume": length * area / 1_000.0}))
    })
    .collect()
}

/// The job of a place as OctoPrint tells it; without one the same keys, and nothing in them.
pub(super) fn shape(
    job: Option<&LookJob>,
    reading: Option<&Reading>,
    (printer, diameter): (Option<&Printer>, f64),
) -> (Value, Value) {
    let Some(job) = job else {
        let file = json!({
            "name": null, "path": null, "display": null, "origin": null, "size": null, "date": null,
        });
        let empty = json!({
            "file": file, "estimatedPrintTime": null, "averagePrintTime": null, "lastPrintTime": null,
            "filament": null, "user": null,
        });
        let progress = json!({
            "completion": null, "filepos": null, "printTime": null, "printTimeLeft": null,
            "printTimeLeftOrigin": null,
        });
        return (empty, progress);
    };
    let seconds = reading.and_then(|reading| seconds(reading, printer));
    // How far in bytes is not known; of the whole it is the same share.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a file's size")]
    let position = job.bytes.map(|bytes| (bytes as f64 * (job.percent / 100.0).clamp(0.0, 1.0)) as u64);
    let file = json!({
        "name": job.name,
        "path": job.name,
        "display": job.name,
        "origin": "local",
        "size": job.bytes,
        "date": job.started.0 / 1_000,
    });
    let told = json!({
        "file": file,
        "estimatedPrintTime": seconds,
        "averagePrintTime": null,
        "lastPrintTime": null,
        "filament": reading.and_then(|reading| filament_in(reading, diameter)),
        "user": null,
        "platen": {"job": job.id.to_string()},
    });
    let progress = json!({
        "completion": job.percent,
        "filepos": position,
        "printTime": job.elapsed_s,
        "printTimeLeft": job.left_s,
        "printTimeLeftOrigin": job.left_s.map(|_| "linear"),
    });
    (told, progress)
}

/// `job` and `progress` of a place.
pub(super) fn of(app: &AppState, place: &Place, look: &Look) -> (Value, Value) {
    let printer = place.printer.as_ref();
    let read = look.job.as_ref().and_then(|job| Readers::of(app, printer).reading(&job.file));
    let known = printer.and_then(|name| app.config.printer(name));
    shape(look.job.as_ref(), read.as_deref(), (known, filament_of(app, printer)))
}

async fn show(State(app): State<AppState>, Here(place): Here) -> Answer {
    let look = look(&app, &place);
    let (job, progress) = of(&app, &place, &look);
    let (_, text) = state(look.doing, &look.words);
    let mut answer = json!({"job": job, "progress": progress, "state": text});
    if look.doing == Doing::Error {
        answer["error"] = json!(look.words);
    }
    yes(answer)
}

/// What is meant by a pause; `None` where there is no such action.
fn pause(action: &str, doing: Doing) -> Option<Change> {
    match action {
        "pause" => Some(Change::Pause),
        "resume" => Some(Change::Resume),
        "" | "toggle" if matches!(doing, Doing::Paused | Doing::Pausing) => Some(Change::Resume),
        "" | "toggle" => Some(Change::Pause),
        _ => None,
    }
}

async fn command(State(app): State<AppState>, asker: Asker, Here(place): Here, body: Body) -> Answer {
    let wanted = match body.command() {
        "cancel" => Change::Cancel,
        "pause" => {
            let action = body.text("action").unwrap_or_default();
            let wanted = pause(action, look(&app, &place).doing);
            wanted.ok_or_else(|| unknown_command(action, "pause, resume, toggle"))?
        }
        "start" => {
            return Err(conflict(
                "a print is not started from here",
                "platen starts a job by itself once its file, its part and the printer are ready; `platen jobs` says what it waits for",
            )
            .into());
        }
        "restart" => {
            return Err(conflict(
                "a print is not begun again from here",
                "cancel it, and queue its file again",
            )
            .into());
        }
        other => return Err(unknown_command(other, "start, cancel, restart, pause")),
    };
    control(&app, &asker, &place, wanted).await?;
    done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::WallTime;

    #[test]
    fn a_job_is_told_in_percent_and_whole_seconds() {
        let job = LookJob {
            id: crate::domain::ids::JobId::from_entropy([1; 16]),
            name: "left-femur-ab12cd.gcode".into(),
            file: "a".repeat(64).parse().unwrap(),
            bytes: Some(2_000),
            sent_to: None,
            percent: 25.0,
            started: WallTime(5_000),
            elapsed_s: 60,
            left_s: Some(180),
        };
        let (told, progress) = shape(Some(&job), None, (None, 1.75));
        assert_eq!(
            told["file"],
            json!({
                "name": "left-femur-ab12cd.gcode", "path": "left-femur-ab12cd.gcode",
                "display": "left-femur-ab12cd.gcode", "origin": "local", "size": 2000, "date": 5,
            })
        );
        assert_eq!(
            progress,
            json!({
                "completion": 25.0, "filepos": 500, "printTime": 60, "printTimeLeft": 180,
                "printTimeLeftOrigin": "linear",
            })
        );
        assert_eq!(told["estimatedPrintTime"], Value::Null);
    }

    #[test]
    fn without_a_job_every_key_is_there_and_null() {
        let (told, progress) = shape(None, None, (None, 1.75));
        assert!(progress.as_object().unwrap().values().all(Value::is_null), "{progress}");
        assert_eq!(progress.as_object().unwrap().len(), 5);
        assert!(told["file"].as_object().unwrap().values().all(Value::is_null), "{told}");
        assert_eq!(told["file"].as_object().unwrap().len(), 6);
    }

    #[test]
    fn a_pause_toggles_unless_it_says_which() {
        for (action, doing, wanted) in [
            ("", Doing::Printing, Some(Change::Pause)),
            ("toggle", Doing::Paused, Some(Change::Resume)),
            ("toggle", Doing::Pausing, Some(Change::Resume)),
            ("pause", Doing::Paused, Some(Change::Pause)),
            ("resume", Doing::Printing, Some(Change::Resume)),
            ("stop", Doing::Printing, None),
        ] {
            assert_eq!(pause(action, doing), wanted, "{action}");
        }
    }

    #[test]
    fn filament_is_told_by_length_and_volume_for_each_tool_that_lays_any() {
        let told = filament(&[1_000.0, 0.0, 10.0], 1.75);
        assert_eq!(told["tool0"]["length"], 1_000.0);
        let volume = told["tool0"]["volume"].as_f64().unwrap();
        assert!((volume - 2.405).abs() < 0.001, "{volume}");
        assert!(told.get("tool1").is_none() && told.get("tool2").is_some());
    }
}
