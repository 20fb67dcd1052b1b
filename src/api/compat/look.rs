//! What programs of other hosts want to see of a printer, in one place, before each says it in its own words.

use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::AppState;
use super::super::door::Asker;
use super::super::jobs::change;
use super::super::problem::Problem;
use super::Place;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{Change, Job, JobState};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::printer::{Activity, Snapshot};
use crate::domain::queue::upload::{Upload, UploadState};

/// What a printer does, as other hosts tell it apart. The shared queue is `Operational`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Offline,
    Connecting,
    Operational,
    Printing,
    /// Moves that were sent still run.
    Pausing,
    Paused,
    /// All lines are sent, and the end is not yet confirmed.
    Finishing,
    Cancelling,
    /// Stopped, faulted, or with a board that is not its own: a person has to look.
    Error,
}

impl Doing {
    /// It can be asked for temperatures, and takes work now or later.
    pub fn is_operational(self) -> bool {
        !matches!(self, Self::Offline | Self::Connecting | Self::Error)
    }

    pub fn is_busy(self) -> bool {
        matches!(self, Self::Printing | Self::Pausing | Self::Paused | Self::Finishing | Self::Cancelling)
    }
}

/// The job that a printer has.
#[derive(Clone, Debug)]
pub struct LookJob {
    pub id: JobId,
    /// Safe to be shown: of the upload that it was, or of its id.
    pub name: String,
    pub file: FileHash,
    /// Of its file, where it came by a button.
    pub bytes: Option<u64>,
    /// Under which place its file is found; where it did not come by a button, under none.
    pub sent_to: Option<Place>,
    /// 0 to 100.
    pub percent: f64,
    pub started: WallTime,
    pub elapsed_s: u64,
    /// By how far it has come in that time; nothing while that would be a guess.
    pub left_s: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Look {
    pub doing: Doing,
    /// For people, in platen's words.
    pub words: String,
    /// Absent for the shared queue.
    pub snapshot: Option<Arc<Snapshot>>,
    pub job: Option<LookJob>,
}

/// What is shown of one job: the name of an upload, or of a job that did not come by a button. Lists ask `names`.
pub fn name_of(lab: &Lab, job: &Job) -> String {
    let upload = lab.queue.uploads.values().find(|upload| made(upload) == Some(&job.id));
    shown(job, upload)
}

/// The same of many jobs, with the uploads gone through once.
#[derive(Debug)]
pub struct Names<'l>(BTreeMap<&'l JobId, &'l Upload>);

pub fn names(lab: &Lab) -> Names<'_> {
    Names(lab.queue.uploads.values().filter_map(|upload| Some((made(upload)?, upload))).collect())
}

impl Names<'_> {
    pub fn of(&self, job: &Job) -> String {
        shown(job, self.0.get(&job.id).copied())
    }
}

/// The job that an upload became.
fn made(upload: &Upload) -> Option<&JobId> {
    match &upload.state {
        UploadState::Queued { job } => Some(job),
        UploadState::Unassigned | UploadState::Dismissed { .. } => None,
    }
}

fn shown(job: &Job, upload: Option<&Upload>) -> String {
    upload.map_or_else(|| format!("job-{}.gcode", job.id), Upload::shown)
}

/// The firmware's emergency stop, which programs send as any other command.
pub fn is_stop(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("M112"))
}

/// The printer that a stop is for, or all of them. Whatever else is odd in the address keeps no stop from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToStop(pub Place);

impl FromRequestParts<AppState> for ToStop {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, app).await;
        let printer = match params {
            Ok(params) => {
                let found = params.iter().find(|(name, _)| *name == "printer");
                found.map(|(_, value)| value.parse::<PrinterName>()).transpose()?
            }
            // One of them is not UTF-8, and need not be the printer.
            Err(_) => {
                let whole = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
                in_path(whole.path()).map(str::parse::<PrinterName>).transpose()?
            }
        };
        Ok(Self(Place { printer, carried: None }))
    }
}

/// `mk3` in `/p/mk3/…`.
fn in_path(path: &str) -> Option<&str> {
    path.strip_prefix("/p/").and_then(|rest| rest.split('/').next())
}

fn doing(activity: &Activity) -> Doing {
    match activity {
        Activity::Offline { .. } => Doing::Offline,
        Activity::Connecting => Doing::Connecting,
        Activity::Ready => Doing::Operational,
        Activity::Printing { .. } => Doing::Printing,
        Activity::Paused { draining: true, .. } => Doing::Pausing,
        Activity::Paused { .. } => Doing::Paused,
        Activity::Finishing { .. } => Doing::Finishing,
        Activity::Cancelling { .. } => Doing::Cancelling,
        Activity::Stopped | Activity::Faulted { .. } | Activity::Quarantined { .. } => Doing::Error,
    }
}

fn words(activity: &Activity) -> String {
    match activity {
        Activity::Stopped => "stopped: a person has to clear it".into(),
        Activity::Faulted { fault } => fault.in_words().into(),
        // Why is the firmware's word, or a path of this machine.
        other => other.word().into(),
    }
}

/// The printer, or the shared queue, as it is now.
pub fn look(app: &AppState, place: &Place) -> Look {
    let live = place.printer.as_ref().and_then(|name| app.fleet.board().get(name));
    let Some(snapshot) = live.map(|live| Arc::clone(&live.borrow())) else {
        let words = "the shared queue of all printers".to_owned();
        return Look { doing: Doing::Operational, words, snapshot: None, job: None };
    };
    let now = app.clock.stamp().wall;
    let progress = snapshot.activity.progress();
    let job = snapshot.activity.job().and_then(|id| {
        app.recorder.read(|lab| {
            let job = lab.jobs.get(id)?;
            let run = job.state.run()?;
            let percent = progress.unwrap_or(run.progress).percent();
            let elapsed_s = now.0.saturating_sub(run.started.0) / 1_000;
            let bytes = lab.queue.uploads.values().find(|upload| upload.file == job.file).map(|u| u.bytes);
            let sent = lab.queue.uploads.values().find(|upload| made(upload) == Some(&job.id));
            let sent_to = |upload: &Upload| Place { printer: upload.printer.clone(), carried: None };
            Some(LookJob {
                id: id.clone(),
                name: shown(job, sent),
                sent_to: sent.map(sent_to),
                file: job.file.clone(),
                bytes,
                percent,
                started: run.started,
                elapsed_s,
                left_s: left(elapsed_s, percent),
            })
        })
    });
    Look { doing: doing(&snapshot.activity), words: words(&snapshot.activity), snapshot: Some(snapshot), job }
}

/// Below one percent nobody knows.
fn left(elapsed_s: u64, percent: f64) -> Option<u64> {
    if percent < 1.0 {
        return None;
    }
    let left = elapsed_s as f64 * (100.0 - percent) / percent;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just here")]
    Some(left.clamp(0.0, 1e9) as u64)
}

/// Pauses, resumes or cancels what the printer of this place prints. A problem with status 409 where it prints nothing,
/// and for the shared queue.
pub async fn control(app: &AppState, asker: &Asker, place: &Place, wanted: Change) -> Result<(), Problem> {
    asker.may(match wanted {
        Change::Pause => Permission::PauseJob,
        Change::Resume => Permission::ResumeJob,
        Change::Cancel => Permission::CancelJob,
    })?;
    let Some(job) = look(app, place).job else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "wrong-state",
            "nothing is printed here now",
            "look at the printer's own address, /p/<printer>, or at the page",
        ));
    };
    let by = asker.by_if_known(None)?.unwrap_or_else(|| "a slicer".into());
    change(app, job.id, &by, wanted).await.map(drop)
}

/// The file that a program means by a name: as it is shown in lists, or, where who asks sent it, as it was called then.
/// A row of a list is nobody's other file, whatever somebody called his.
pub fn find(app: &AppState, asker: &Asker, place: &Place, name: &str) -> Option<Upload> {
    let name = name.trim_matches('/');
    let by_name = app.names.find(place.printer.as_ref(), asker.name().unwrap_or_default(), name);
    app.recorder.read(|lab| {
        let queue = &lab.queue;
        let by_name = by_name.as_ref().and_then(|id| queue.uploads.get(id));
        let shown = queue.newest().into_iter().find(|upload| upload.shown() == name && is_of(upload, place));
        shown.filter(|upload| is_kept(upload)).or(by_name).or(shown).cloned()
    })
}

fn is_kept(upload: &Upload) -> bool {
    !matches!(upload.state, UploadState::Dismissed { .. })
}

fn is_of(upload: &Upload, place: &Place) -> bool {
    upload.printer == place.printer
}

/// The files of a place that were not put away, the newest first.
pub fn files(app: &AppState, place: &Place) -> Vec<Upload> {
    app.recorder.read(|lab| {
        let all = lab.queue.newest().into_iter().filter(|upload| is_kept(upload));
        all.filter(|upload| is_of(upload, place)).cloned().collect()
    })
}

/// The printer prints this file now.
pub fn prints(app: &AppState, upload: &Upload) -> bool {
    let UploadState::Queued { job } = &upload.state else { return false };
    app.recorder.read(|lab| {
        let state = lab.jobs.get(job).map(|job| job.state.clone());
        matches!(state, Some(JobState::Printing { .. } | JobState::Paused { .. }))
    })
}

/// A file that is a job already has that job's turn to wait for, and no other: it is a conflict where it had its turn.
pub fn waits(app: &AppState, job: &JobId) -> Result<(), Problem> {
    let waits = |job: &Job| matches!(job.state, JobState::Queued | JobState::Slicing { .. });
    if app.recorder.read(|lab| lab.jobs.get(job).is_some_and(waits)) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "wrong-state",
        "this file's job has begun already, or is over",
        "send the file again, or queue another job of it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_the_first_word_of_a_line() {
        for (line, is) in [
            ("M112", true),
            (" m112 ", true),
            ("M112 now", true),
            ("M1123", false),
            ("M105 M112", false),
            ("", false),
        ] {
            assert_eq!(is_stop(line), is, "{line}");
        }
    }

    #[test]
    fn the_printer_of_a_path_is_found_whatever_stands_behind_it() {
        for (path, printer) in [
            ("/p/mk3/c/%ff/printer/emergency_stop", Some("mk3")),
            ("/p/mk3", Some("mk3")),
            ("/c/%ff/printer/emergency_stop", None),
            ("/printer/emergency_stop", None),
        ] {
            assert_eq!(in_path(path), printer, "{path}");
        }
    }
}
