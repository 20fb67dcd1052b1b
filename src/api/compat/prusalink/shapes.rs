//! What PrusaLink says of a printer, its job and its files, as its programs read it.
//!
//! What is not known is `null`: nothing is made up for them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::compat::Place;
use crate::api::compat::look::{Doing, Look, LookJob};
use crate::domain::ids::JobId;
use crate::domain::job::{JobState, Outcome};
use crate::domain::moment::{Moment, WallTime};
use crate::domain::printer::{Activity, Reading, Snapshot};
use crate::domain::queue::upload::Upload;

/// The one storage that there is.
pub(super) const STORAGE: &str = "local";
/// What programs call it that know printers with a stick in them.
const STICK: &str = "usb";

pub(super) fn is_storage(name: &str) -> bool {
    name == STORAGE || name == STICK
}

/// Programs expect a number: 31 bits of a hash of the id, so that it is the same after a restart.
pub(super) fn number(job: &JobId) -> u32 {
    let hash = Sha256::digest(job.as_str().as_bytes());
    let bytes = hash.first_chunk::<4>().copied().unwrap_or_default();
    (u32::from_be_bytes(bytes) >> 1).max(1)
}

/// What became of what stands on the bed, as far as something does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnBed {
    Nothing,
    /// Whole, until a person takes it off.
    Printed,
    /// It began there and did not come to its end.
    Broken,
}

impl OnBed {
    /// By what is known of the job that began there.
    pub(super) fn of(state: Option<&JobState>) -> Self {
        match state {
            Some(JobState::Ended { outcome: Outcome::Printed { .. }, .. }) => Self::Printed,
            Some(_) | None => Self::Broken,
        }
    }
}

/// One of the nine words.
pub(super) fn state(look: &Look, bed: OnBed) -> &'static str {
    let activity = look.snapshot.as_ref().map(|snapshot| &snapshot.activity);
    match look.doing {
        Doing::Operational => match bed {
            OnBed::Nothing => "IDLE",
            OnBed::Printed => "FINISHED",
            OnBed::Broken => "STOPPED",
        },
        Doing::Printing | Doing::Finishing => "PRINTING",
        Doing::Paused => "PAUSED",
        Doing::Pausing | Doing::Cancelling | Doing::Connecting => "BUSY",
        Doing::Offline => "ERROR",
        Doing::Error if matches!(activity, Some(Activity::Faulted { .. })) => "ERROR",
        Doing::Error => "ATTENTION",
    }
}

/// To a tenth; more no sensor knows.
fn degrees(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| json!((value * 10.0).round() / 10.0))
}

fn heater(
    snapshot: Option<&Snapshot>,
    now: Moment,
    of: impl Fn(&Snapshot) -> Option<Reading>,
) -> (Value, Value) {
    let told = snapshot.filter(|snapshot| snapshot.temperatures.old_since(now).is_none()).and_then(of);
    let target = told.and_then(|reading| reading.target);
    (degrees(told.map(|reading| reading.actual.0)), degrees(target.map(|target| target.0)))
}

pub(super) fn printer(look: &Look, bed: OnBed, now: Moment) -> Value {
    let snapshot = look.snapshot.as_deref();
    let (temp_nozzle, target_nozzle) = heater(snapshot, now, |told| told.temperatures.hotend);
    let (temp_bed, target_bed) = heater(snapshot, now, |told| told.temperatures.bed);
    let well = !matches!(look.doing, Doing::Offline | Doing::Error);
    json!({
        "state": state(look, bed),
        "temp_nozzle": temp_nozzle,
        "target_nozzle": target_nozzle,
        "temp_bed": temp_bed,
        "target_bed": target_bed,
        "axis_z": null,
        "flow": 100,
        "speed": 100,
        "fan_hotend": null,
        "fan_print": null,
        "status_printer": {"ok": well, "message": look.words},
    })
}

fn percent(job: &LookJob) -> f64 {
    (job.percent * 100.0).round() / 100.0
}

/// The short form, as it stands in a status.
pub(super) fn job_in_status(job: &LookJob) -> Value {
    json!({
        "id": number(&job.id),
        "progress": percent(job),
        "time_remaining": job.left_s,
        "time_printing": job.elapsed_s,
    })
}

/// `root` stands before every path.
pub(super) fn job(look: &Look, job: &LookJob, root: &str) -> Value {
    let mut view = job_in_status(job);
    view["state"] = state(look, OnBed::Nothing).into();
    view["file"] = json!({
        "name": job.name,
        "display_name": job.name,
        "path": format!("/{STORAGE}"),
        "size": job.bytes,
        "m_timestamp": seconds(job.started),
        "refs": refs(root, job.sent_to.as_ref(), &job.name),
    });
    view
}

fn seconds(at: WallTime) -> u64 {
    at.0 / 1_000
}

/// Names that are shown need no escaping. A file is found where it was sent.
fn refs(root: &str, sent_to: Option<&Place>, name: &str) -> Value {
    let at = |place: &Place| format!("{root}{}/downloads/files/{STORAGE}/{name}", place.prefix());
    let download = sent_to.map(at);
    json!({"download": download, "icon": null, "thumbnail": null})
}

pub(super) fn file(upload: &Upload, root: &str) -> Value {
    let name = upload.shown();
    let sent_to = Place { printer: upload.printer.clone(), carried: None };
    json!({
        "type": "PRINT_FILE",
        "refs": refs(root, Some(&sent_to), &name),
        "name": name,
        "display_name": name,
        "path": format!("/{STORAGE}"),
        "size": upload.bytes,
        "m_timestamp": seconds(upload.at),
        "ro": false,
        "read_only": false,
        "meta": {},
    })
}

pub(super) fn folder(files: &[Upload], root: &str) -> Value {
    json!({
        "type": "FOLDER",
        "name": STORAGE,
        "display_name": STORAGE,
        "path": format!("/{STORAGE}"),
        "ro": false,
        "read_only": false,
        "children": files.iter().map(|upload| file(upload, root)).collect::<Vec<_>>(),
    })
}

/// Bytes that are free, and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub free: u64,
    pub total: u64,
}

pub(super) fn storage(space: Space, files: usize) -> Value {
    json!({
        "path": format!("/{STORAGE}"),
        "name": "platen",
        "type": "LOCAL",
        "read_only": false,
        "available": true,
        "system_files": false,
        "free_space": space.free,
        "total_space": space.total,
        "print_files": files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{FileHash, UploadId};
    use crate::domain::job::Progress;
    use crate::domain::printer::{Fault, Temperatures};
    use crate::domain::queue::upload::{UploadState, Via};
    use crate::domain::units::Celsius;
    use std::sync::Arc;

    fn look(doing: Doing, activity: Activity) -> Look {
        let mut snapshot = Snapshot::offline("mk3-01".parse().unwrap(), "", Moment(0));
        snapshot.activity = activity;
        Look { doing, words: "as it is".into(), snapshot: Some(Arc::new(snapshot)), job: None }
    }

    fn a_job() -> LookJob {
        LookJob {
            id: JobId::from_entropy([7; 16]),
            name: "left-femur-ab12cd.gcode".into(),
            file: FileHash::from_digest([1; 32]),
            bytes: Some(17),
            sent_to: Some(Place { printer: Some("mk3-01".parse().unwrap()), carried: None }),
            percent: 33.333_333,
            started: WallTime(5_000),
            elapsed_s: 60,
            left_s: Some(120),
        }
    }

    #[test]
    fn every_activity_has_one_of_the_nine_words() {
        let job = JobId::from_entropy([7; 16]);
        let progress = Progress::default();
        for (doing, activity, bed, wanted) in [
            (Doing::Operational, Activity::Ready, OnBed::Nothing, "IDLE"),
            (Doing::Operational, Activity::Ready, OnBed::Printed, "FINISHED"),
            (Doing::Operational, Activity::Ready, OnBed::Broken, "STOPPED"),
            (Doing::Printing, Activity::Printing { job: job.clone(), progress }, OnBed::Broken, "PRINTING"),
            (Doing::Finishing, Activity::Finishing { job: job.clone(), progress }, OnBed::Broken, "PRINTING"),
            (Doing::Paused, Activity::Cancelling { job: job.clone() }, OnBed::Broken, "PAUSED"),
            (Doing::Pausing, Activity::Cancelling { job: job.clone() }, OnBed::Broken, "BUSY"),
            (Doing::Cancelling, Activity::Cancelling { job }, OnBed::Broken, "BUSY"),
            (Doing::Connecting, Activity::Connecting, OnBed::Nothing, "BUSY"),
            (Doing::Offline, Activity::Offline { reason: String::new().into() }, OnBed::Nothing, "ERROR"),
            (Doing::Error, Activity::Faulted { fault: Fault::Fan }, OnBed::Nothing, "ERROR"),
            (Doing::Error, Activity::Stopped, OnBed::Nothing, "ATTENTION"),
        ] {
            assert_eq!(state(&look(doing, activity), bed), wanted, "{doing:?}");
        }
    }

    #[test]
    fn a_printer_tells_what_is_known_and_nothing_that_is_old() {
        let mut look = look(Doing::Operational, Activity::Ready);
        let mut snapshot = Snapshot::clone(look.snapshot.as_ref().unwrap());
        let hotend = Reading { actual: Celsius(214.96), target: Some(Celsius(215.0)) };
        let bed = Reading { actual: Celsius(60.04), target: None };
        let at = Some(Moment(1_000_000));
        snapshot.temperatures = Temperatures { hotend: Some(hotend), bed: Some(bed), chamber: None, at };
        look.snapshot = Some(Arc::new(snapshot));
        let mut wanted = json!({
            "state": "IDLE", "temp_nozzle": 215.0, "target_nozzle": 215.0, "temp_bed": 60.0, "target_bed": null,
            "axis_z": null, "flow": 100, "speed": 100, "fan_hotend": null, "fan_print": null,
            "status_printer": {"ok": true, "message": "as it is"},
        });
        assert_eq!(printer(&look, OnBed::Nothing, Moment(2_000_000)), wanted);
        for key in ["temp_nozzle", "target_nozzle", "temp_bed"] {
            wanted[key] = Value::Null;
        }
        assert_eq!(printer(&look, OnBed::Nothing, Moment(9_000_000)), wanted);
    }

    #[test]
    fn a_job_has_a_number_that_stays_and_the_name_that_is_shown() {
        let id = JobId::from_entropy([7; 16]);
        assert_eq!(number(&id), number(&id.to_string().parse().unwrap()));
        let numbers = (0..64).map(|n| number(&JobId::from_entropy([n; 16])));
        let numbers: std::collections::BTreeSet<_> = numbers.collect();
        assert!(numbers.len() == 64 && numbers.iter().all(|n| (1..1 << 31).contains(n)), "{numbers:?}");
        let look = look(Doing::Printing, Activity::Ready);
        let wanted = json!({
            "id": number(&id), "state": "PRINTING", "progress": 33.33, "time_remaining": 120, "time_printing": 60,
            "file": {
                "name": "left-femur-ab12cd.gcode", "display_name": "left-femur-ab12cd.gcode", "path": "/local",
                "size": 17, "m_timestamp": 5,
                "refs": {
                    "download": "/p/mk3-01/downloads/files/local/left-femur-ab12cd.gcode",
                    "icon": null, "thumbnail": null,
                },
            },
        });
        assert_eq!(job(&look, &a_job(), ""), wanted);
        let shared = LookJob { sent_to: Some(Place::default()), ..a_job() };
        let there = &job(&look, &shared, "https://lab.example/platen")["file"]["refs"]["download"];
        assert_eq!(there, "https://lab.example/platen/downloads/files/local/left-femur-ab12cd.gcode");
        let no_button = LookJob { sent_to: None, ..a_job() };
        assert_eq!(job(&look, &no_button, "")["file"]["refs"]["download"], Value::Null);
    }

    #[test]
    fn files_stand_in_one_folder() {
        let upload = Upload {
            id: UploadId::from_entropy([1; 16]),
            file: FileHash::from_digest([1; 32]),
            bytes: 9,
            name: "heart.gcode".into(),
            via: Via::Prusalink,
            printer: None,
            carried: None,
            no_case: false,
            print: false,
            by: None,
            at: WallTime(7_900),
            state: UploadState::Unassigned,
        };
        let seen = folder(std::slice::from_ref(&upload), "");
        assert_eq!((&seen["type"], &seen["name"]), (&json!("FOLDER"), &json!("local")));
        let child = &seen["children"][0];
        assert_eq!(child, &file(&upload, ""));
        assert_eq!((&child["type"], &child["name"]), (&json!("PRINT_FILE"), &json!(upload.shown())));
        assert_eq!((&child["size"], &child["m_timestamp"]), (&json!(9), &json!(7)));
        assert!(["local", "usb"].into_iter().all(is_storage));
        assert!(!["cloud", "sdcard", "", "LOCAL"].into_iter().any(is_storage));
    }
}
