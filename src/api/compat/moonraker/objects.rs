//! What a dashboard may ask of a printer, object by object: one table, and no field that nobody knows.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::super::AppState;
use super::super::Place;
use super::super::look::{Doing, Look, LookJob, look, name_of};
use crate::domain::ids::FileHash;
use crate::domain::job::{JobState, Outcome, Progress};
use crate::domain::moment::Moment;
use crate::domain::printer::{Activity, Bed, Reading, Snapshot};
use crate::services::preview::Seen;

/// Whether the printer behind a place can be asked anything, in the words of this dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Klippy {
    Ready,
    Startup,
    Shutdown,
    Error,
    Disconnected,
}

impl Klippy {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
            Self::Disconnected => "disconnected",
        }
    }

    /// What the printer itself would say: one that is away says nothing, and that is an error.
    pub fn of_the_printer(self) -> &'static str {
        if self == Self::Disconnected { Self::Error.word() } else { self.word() }
    }

    fn of(look: &Look) -> Self {
        // The shared queue always takes work.
        let Some(snapshot) = &look.snapshot else { return Self::Ready };
        match &snapshot.activity {
            Activity::Offline { .. } => Self::Disconnected,
            Activity::Connecting => Self::Startup,
            Activity::Stopped | Activity::Faulted { .. } => Self::Shutdown,
            Activity::Quarantined { .. } => Self::Error,
            _ => Self::Ready,
        }
    }
}

/// A job that is over, and whose part still is on the bed.
#[derive(Clone, Debug)]
struct Ended {
    name: String,
    file: FileHash,
    bytes: Option<u64>,
    word: &'static str,
    seconds: f64,
    progress: Progress,
}

/// All that the objects of a place tell of.
#[derive(Clone, Debug)]
pub struct Scene {
    pub look: Look,
    pub klippy: Klippy,
    progress: Option<Progress>,
    /// Of how many layers it is at which.
    layer: Option<(usize, usize)>,
    /// mm of filament, as `Known::pushed` knows it.
    pushed: Option<f64>,
    ended: Option<Ended>,
    now: Moment,
}

impl Scene {
    pub fn of(app: &AppState, place: &Place) -> Self {
        let look = look(app, place);
        let klippy = Klippy::of(&look);
        let ended = if look.job.is_none() { ended(app, place) } else { None };
        let running = look.job.as_ref().map(|job| (&job.file, come(app, &look, job)));
        let there = running.or_else(|| ended.as_ref().map(|ended| (&ended.file, ended.progress)));
        let known = there.and_then(|(file, progress)| match app.previews.known(file) {
            Seen::Here(known) => Some((known, progress.confirmed)),
            Seen::Soon | Seen::Never(_) => None,
        });
        let layer = known.as_ref().and_then(|(known, done)| known.after(*done));
        let layer = layer.map(|place| (place.layer, place.layers));
        let pushed = known.and_then(|(known, done)| known.pushed(done));
        let progress = there.map(|(_, progress)| progress);
        Self { look, klippy, progress, layer, pushed, ended, now: app.clock.now() }
    }

    pub fn eventtime(&self) -> f64 {
        eventtime(self.now)
    }

    fn share(&self) -> f64 {
        self.progress.map_or(0.0, |progress| (progress.percent() / 100.0).clamp(0.0, 1.0))
    }

    fn is_active(&self) -> bool {
        matches!(self.look.doing, Doing::Printing | Doing::Finishing | Doing::Cancelling)
    }

    fn is_paused(&self) -> bool {
        matches!(self.look.doing, Doing::Pausing | Doing::Paused)
    }

    fn seconds(&self) -> f64 {
        let running = self.look.job.as_ref().map(|job| job.elapsed_s as f64);
        running.or_else(|| self.ended.as_ref().map(|ended| ended.seconds)).unwrap_or_default()
    }

    fn name(&self) -> Option<&str> {
        let running = self.look.job.as_ref().map(|job| job.name.as_str());
        running.or_else(|| self.ended.as_ref().map(|ended| ended.name.as_str()))
    }

    fn message(&self) -> &str {
        if self.look.doing == Doing::Error { &self.look.words } else { "" }
    }

    fn heater(&self, which: fn(&Snapshot) -> Option<Reading>) -> Option<(Option<f64>, Option<f64>)> {
        let snapshot = self.look.snapshot.as_ref()?;
        let reading = which(snapshot)?;
        // What was told too long ago says nothing of now.
        if snapshot.temperatures.old_since(self.now).is_some() {
            return Some((None, None));
        }
        Some((Some(reading.actual.0), reading.target.map(|target| target.0)))
    }

    fn hotend(&self) -> Option<(Option<f64>, Option<f64>)> {
        self.heater(|snapshot| snapshot.temperatures.hotend)
    }

    fn bed(&self) -> Option<(Option<f64>, Option<f64>)> {
        self.heater(|snapshot| snapshot.temperatures.bed)
    }

    fn chamber(&self) -> Option<(Option<f64>, Option<f64>)> {
        self.heater(|snapshot| snapshot.temperatures.chamber)
    }
}

/// How far a job has come: as its printer says it, else as it is noted.
fn come(app: &AppState, look: &Look, job: &LookJob) -> Progress {
    let live = look.snapshot.as_ref().and_then(|snapshot| snapshot.activity.progress());
    let noted = || app.recorder.read(|lab| Some(lab.jobs.get(&job.id)?.state.run()?.progress));
    live.or_else(noted).unwrap_or_default()
}

/// Seconds since the start, as this dialect counts.
pub fn eventtime(now: Moment) -> f64 {
    now.millis() as f64 / 1_000.0
}

/// The last job of a printer, until somebody clears its bed.
fn ended(app: &AppState, place: &Place) -> Option<Ended> {
    let name = place.printer.as_ref()?;
    let record = app.recorder.printer(name);
    let Bed::Occupied { job } = &record.bed else { return None };
    app.recorder.read(|lab| {
        let job = lab.jobs.get(job)?;
        let JobState::Ended { run: Some(run), ended, outcome } = &job.state else { return None };
        let seconds = ended.0.saturating_sub(run.started.0) as f64 / 1_000.0;
        let progress = match outcome {
            Outcome::Printed { .. } => Progress { confirmed: job.commands, total: job.commands },
            _ => run.progress,
        };
        Some(Ended {
            name: name_of(lab, job),
            file: job.file.clone(),
            bytes: lab.queue.uploads.values().find(|upload| upload.file == job.file).map(|one| one.bytes),
            word: print_word(outcome),
            seconds,
            progress,
        })
    })
}

fn print_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Printed { .. } => "complete",
        Outcome::Cancelled { .. } => "cancelled",
        Outcome::Interrupted { .. } | Outcome::NotSliced { .. } => "error",
    }
}

type Object = fn(&Scene) -> Option<Value>;

/// Every object, and how it comes about. What is not known now is not there.
const OBJECTS: &[(&str, Object)] = &[
    ("configfile", |_| {
        Some(json!({"config": {}, "settings": {}, "warnings": [], "save_config_pending": false}))
    }),
    ("display_status", |scene| Some(json!({"progress": scene.share(), "message": null}))),
    ("extruder", |scene| scene.hotend().map(heater)),
    ("gcode_move", |_| {
        // Lines go out as the file has them.
        Some(json!({"speed_factor": 1.0, "extrude_factor": 1.0, "gcode_position": [null, null, null, null]}))
    }),
    ("heater_bed", |scene| scene.bed().map(heater)),
    ("heaters", |scene| {
        let is = |name: &'static str, there: bool| there.then_some(name);
        let heaters = [is("heater_bed", scene.bed().is_some()), is("extruder", scene.hotend().is_some())];
        let heaters: Vec<_> = heaters.into_iter().flatten().collect();
        let mut sensors = heaters.clone();
        sensors.extend(is(CHAMBER, scene.chamber().is_some()));
        Some(json!({"available_heaters": heaters, "available_sensors": sensors}))
    }),
    ("idle_timeout", |scene| {
        let state = match (scene.is_active(), scene.klippy) {
            (true, _) => "Printing",
            (false, Klippy::Ready) => "Ready",
            _ => "Idle",
        };
        let seconds = if scene.is_active() { scene.seconds() } else { 0.0 };
        Some(json!({"state": state, "printing_time": seconds}))
    }),
    ("pause_resume", |scene| Some(json!({"is_paused": scene.is_paused()}))),
    ("print_stats", |scene| Some(print_stats(scene))),
    ("system_stats", |_| Some(json!({"sysload": null, "cputime": null, "memavail": null}))),
    (CHAMBER, |scene| scene.chamber().map(|(temperature, _)| json!({"temperature": temperature}))),
    ("toolhead", |scene| {
        // Where the head is only its firmware knows.
        let extruder = if scene.hotend().is_some() { "extruder" } else { "" };
        Some(json!({"homed_axes": "", "position": [null, null, null, null], "extruder": extruder}))
    }),
    ("virtual_sdcard", |scene| Some(card(scene))),
    ("webhooks", |scene| {
        Some(json!({"state": scene.klippy.of_the_printer(), "state_message": scene.look.words}))
    }),
];

const CHAMBER: &str = "temperature_sensor chamber";

/// No firmware here tells how much of its power it uses.
fn heater((temperature, target): (Option<f64>, Option<f64>)) -> Value {
    json!({"temperature": temperature, "target": target, "power": 0.0})
}

/// `filament_used` is what the file says that its confirmed commands push, and no measure of the nozzle's. It is 0 until
/// the file was read, and where that depends on the firmware: programs of this dialect reckon with the number.
fn print_stats(scene: &Scene) -> Value {
    let state = match scene.look.doing {
        Doing::Error => "error",
        _ if scene.is_active() => "printing",
        _ if scene.is_paused() => "paused",
        _ => scene.ended.as_ref().map_or("standby", |ended| ended.word),
    };
    let (current, total) = scene.layer.unzip();
    json!({
        "state": state,
        "filename": scene.name().unwrap_or_default(),
        "total_duration": scene.seconds(),
        "print_duration": scene.seconds(),
        "filament_used": scene.pushed.unwrap_or_default(),
        "message": scene.message(),
        "info": {"total_layer": total, "current_layer": current},
    })
}

/// There is no card: it is the file that is printed, as far as its printer has confirmed it.
fn card(scene: &Scene) -> Value {
    let ended = || scene.ended.as_ref().and_then(|ended| ended.bytes);
    let bytes = scene.look.job.as_ref().map_or_else(ended, |job| job.bytes);
    let position = match (bytes, scene.progress) {
        (Some(bytes), Some(progress)) => place_in(bytes, progress),
        _ => 0,
    };
    let path = scene.look.job.as_ref().map(|job| &job.name);
    json!({
        "file_path": path,
        "progress": scene.share(),
        "is_active": scene.is_active(),
        "file_position": position,
        "file_size": bytes.unwrap_or_default(),
    })
}

/// Commands are counted, not bytes: as far into the file as into its commands.
fn place_in(bytes: u64, progress: Progress) -> u64 {
    let place = u128::from(bytes) * u128::from(progress.confirmed) / u128::from(progress.total.max(1));
    u64::try_from(place).unwrap_or(bytes).min(bytes)
}

/// Which objects somebody wants, and which of their fields; all of them where none are named.
pub type Wanted = BTreeMap<String, Option<Vec<String>>>;

/// `{"objects": {"webhooks": null, "extruder": ["target"]}}`
pub fn wanted(params: &Value) -> Option<Wanted> {
    let objects = params.get("objects")?.as_object()?;
    let fields = |value: &Value| match value {
        Value::Null => Some(None),
        Value::Array(all) => {
            all.iter().map(|field| field.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>().map(Some)
        }
        _ => None,
    };
    objects.iter().map(|(name, value)| Some((name.clone(), fields(value)?))).collect()
}

/// `?webhooks&extruder=temperature,target`, as the same.
pub fn wanted_in_query(pairs: &[(String, String)]) -> Value {
    let fields = |text: &str| match text {
        "" => Value::Null,
        text => text.split(',').map(Value::from).collect(),
    };
    let objects: Map<_, _> = pairs.iter().map(|(name, value)| (name.clone(), fields(value))).collect();
    json!({"objects": objects})
}

pub fn names(scene: &Scene) -> Vec<&'static str> {
    OBJECTS.iter().filter(|(_, object)| object(scene).is_some()).map(|(name, _)| *name).collect()
}

/// What is known of what is wanted. Objects and fields that are not there are left out.
pub fn status(scene: &Scene, wanted: &Wanted) -> Map<String, Value> {
    let mut status = Map::new();
    for (name, object) in OBJECTS {
        let Some(fields) = wanted.get(*name) else { continue };
        let Some(Value::Object(mut known)) = object(scene) else { continue };
        if let Some(fields) = fields {
            known.retain(|field, _| fields.contains(field));
        }
        status.insert((*name).to_owned(), known.into());
    }
    status
}

/// The fields of `now` that are not as they were.
pub fn news(before: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let mut news = Map::new();
    for (name, object) in now {
        let Some(fields) = object.as_object() else { continue };
        let old = before.get(name);
        let changed =
            fields.iter().filter(|(field, value)| old.and_then(|old| old.get(*field)) != Some(*value));
        let changed: Map<_, _> = changed.map(|(field, value)| (field.clone(), value.clone())).collect();
        if !changed.is_empty() {
            news.insert(name.clone(), changed.into());
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::JobId;
    use crate::domain::moment::WallTime;
    use crate::domain::printer::Temperatures;
    use crate::domain::units::Celsius;
    use std::sync::Arc;

    fn scene(doing: Doing, activity: Activity, job: bool) -> Scene {
        let now = Moment::from_millis(90_500);
        let mut snapshot = Snapshot::offline("mk3".parse().unwrap(), "", now);
        let reading =
            |actual, target| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
        snapshot.activity = activity;
        snapshot.temperatures = Temperatures {
            hotend: reading(209.5, 210.0),
            bed: reading(60.0, 0.0),
            chamber: None,
            at: Some(now),
        };
        let job = job.then(|| LookJob {
            id: JobId::from_entropy([1; 16]),
            name: "left-hand-0a1b2c.gcode".into(),
            file: FileHash::from_digest([2; 32]),
            bytes: Some(2_000),
            sent_to: None,
            percent: 25.0,
            started: WallTime(0),
            elapsed_s: 40,
            left_s: None,
        });
        let progress = snapshot.activity.progress();
        let look = Look { doing, words: "in words".into(), snapshot: Some(Arc::new(snapshot)), job };
        let klippy = Klippy::of(&look);
        let (layer, pushed) = (progress.map(|_| (3, 12)), progress.map(|_| 321.5));
        Scene { look, klippy, progress, layer, pushed, ended: None, now }
    }

    fn printing() -> Scene {
        let progress = Progress { confirmed: 25, total: 100 };
        scene(Doing::Printing, Activity::Printing { job: JobId::from_entropy([1; 16]), progress }, true)
    }

    fn all(scene: &Scene) -> Value {
        let wanted = names(scene).into_iter().map(|name| (name.to_owned(), None)).collect();
        status(scene, &wanted).into()
    }

    #[test]
    fn a_print_is_told_of_in_every_object() {
        assert_eq!(
            all(&printing()),
            json!({
                "configfile": {"config": {}, "settings": {}, "warnings": [], "save_config_pending": false},
                "display_status": {"progress": 0.25, "message": null},
                "extruder": {"temperature": 209.5, "target": 210.0, "power": 0.0},
                "gcode_move": {"speed_factor": 1.0, "extrude_factor": 1.0,
                    "gcode_position": [null, null, null, null]},
                "heater_bed": {"temperature": 60.0, "target": 0.0, "power": 0.0},
                "heaters": {"available_heaters": ["heater_bed", "extruder"],
                    "available_sensors": ["heater_bed", "extruder"]},
                "idle_timeout": {"state": "Printing", "printing_time": 40.0},
                "pause_resume": {"is_paused": false},
                "print_stats": {"state": "printing", "filename": "left-hand-0a1b2c.gcode",
                    "total_duration": 40.0, "print_duration": 40.0, "filament_used": 321.5, "message": "",
                    "info": {"total_layer": 12, "current_layer": 3}},
                "system_stats": {"sysload": null, "cputime": null, "memavail": null},
                "toolhead": {"homed_axes": "", "position": [null, null, null, null], "extruder": "extruder"},
                "virtual_sdcard": {"file_path": "left-hand-0a1b2c.gcode", "progress": 0.25, "is_active": true,
                    "file_position": 500, "file_size": 2_000},
                "webhooks": {"state": "ready", "state_message": "in words"},
            })
        );
    }

    #[test]
    fn every_state_of_a_printer_has_its_words() {
        let job = JobId::from_entropy([1; 16]);
        let progress = Progress::default();
        let (paused, fault) = (
            Activity::Paused { job: job.clone(), progress, draining: true },
            Activity::Faulted { fault: crate::domain::printer::Fault::Killed },
        );
        for (doing, activity, klippy, state) in [
            (Doing::Operational, Activity::Ready, "ready", "standby"),
            (Doing::Offline, Activity::Offline { reason: String::new().into() }, "disconnected", "standby"),
            (Doing::Connecting, Activity::Connecting, "startup", "standby"),
            (Doing::Pausing, paused, "ready", "paused"),
            (Doing::Cancelling, Activity::Cancelling { job }, "ready", "printing"),
            (Doing::Error, Activity::Stopped, "shutdown", "error"),
            (Doing::Error, fault, "shutdown", "error"),
            (Doing::Error, Activity::Quarantined { reason: String::new() }, "error", "error"),
        ] {
            let scene = scene(doing, activity, false);
            assert_eq!((scene.klippy.word(), &all(&scene)["print_stats"]["state"]), (klippy, &json!(state)));
        }
    }

    #[test]
    fn a_temperature_of_long_ago_is_none_of_now() {
        let mut late = printing();
        late.now = late.now + std::time::Duration::from_secs(7);
        assert_eq!(all(&late)["extruder"], json!({"temperature": null, "target": null, "power": 0.0}));
    }

    #[test]
    fn only_what_is_wanted_and_known_is_told() {
        let query = [
            ("print_stats".into(), String::new()),
            ("extruder".into(), "target,colour".into()),
            ("bed_mesh".into(), String::new()),
        ];
        let params = wanted_in_query(&query);
        assert_eq!(
            params,
            json!({"objects": {"print_stats": null, "extruder": ["target", "colour"], "bed_mesh": null}})
        );
        let told = status(&printing(), &wanted(&params).unwrap());
        assert_eq!(told.keys().collect::<Vec<_>>(), ["extruder", "print_stats"]);
        assert_eq!(told["extruder"], json!({"target": 210.0}));
        for odd in [
            json!({}),
            json!({"objects": []}),
            json!({"objects": {"extruder": 7}}),
            json!({"objects": {"extruder": [7]}}),
        ] {
            assert_eq!(wanted(&odd), None, "{odd}");
        }
    }

    #[test]
    fn news_are_the_fields_that_changed() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let before =
            map(json!({"extruder": {"temperature": 20.0, "target": 0.0}, "toolhead": {"homed_axes": ""}}));
        let now = map(
            json!({"extruder": {"temperature": 21.0, "target": 0.0}, "toolhead": {"homed_axes": ""}, "new": {"a": 1}}),
        );
        assert_eq!(
            Value::from(news(&before, &now)),
            json!({"extruder": {"temperature": 21.0}, "new": {"a": 1}})
        );
        assert!(news(&now, &now).is_empty());
    }
}
