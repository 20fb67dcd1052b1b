//! What is said over MQTT: one JSON object per message, built from named fields and nothing else.
//!
//! Every field is listed here, so that nothing leaves because somebody added it to a type
//! elsewhere: no operator, no part's name, no material, no file name, no firmware text, no port.
//! The schemas in `docs/mqtt` say the same to subscribers. A field that does not apply is absent.
//!
//! No payload comes near 8 KiB: every field is a number, a word of ours, or an id of at most 64
//! characters (a test builds the longest).

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::domain::event::{Event, Fact, JobRef};
use crate::domain::ids::{BootId, CaseToken, FileHash, JobId, NodeName, PartId, PrinterName, SiteName, hex};
use crate::domain::job::{Interruption, Job, Progress, Resumes};
use crate::domain::moment::{Moment, Stamp};
use crate::domain::printer::{
    Activity, Bed, Fault, Latch, LineHealth, LineTrouble, PrinterRecord, Reading, Snapshot, Temperatures,
};
use crate::domain::quality::build::Piece;
use crate::io::mqtt::{Delivery, Message};

/// The envelope's `v`, and the `v1` of the topics: changed when a subscriber would misread us.
pub const VERSION: u8 = 1;
/// What a payload may be at most.
pub const PAYLOAD_MAX: usize = 8 * 1024;
/// The `type` of every event of a job.
pub const EVENT_TYPES: [&str; 15] = [
    "slicing",
    "sliced",
    "not_sliced",
    "queued",
    "resume_file",
    "released",
    "accepted",
    "started",
    "progress",
    "paused",
    "resumed",
    "continued",
    "printed",
    "cancelled",
    "interrupted",
];

/// Whether the daemon is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    Online,
    /// Said by the daemon before it ends.
    Offline,
    /// Said by the broker when the daemon's connection broke.
    Lost,
}

#[derive(Serialize)]
struct Envelope<'a, D> {
    v: u8,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_seq: Option<u64>,
    boot: &'a BootId,
    ts: String,
    mono_ms: u64,
    site: &'a SiteName,
    node: &'a NodeName,
    #[serde(skip_serializing_if = "Option::is_none")]
    printer: Option<&'a PrinterName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a CaseToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a JobId>,
    #[serde(rename = "type")]
    kind: &'a str,
    data: D,
}

#[derive(Serialize)]
struct StateData {
    state: NodeState,
}

#[derive(Serialize)]
struct ProgressData {
    confirmed: u64,
    total: u64,
    percent: f64,
}

impl From<Progress> for ProgressData {
    fn from(progress: Progress) -> Self {
        let Progress { confirmed, total } = progress;
        Self { confirmed, total, percent: hundredths(progress.percent()) }
    }
}

#[derive(Serialize)]
struct ReadingData {
    actual: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
}

#[derive(Serialize)]
struct TemperatureData {
    #[serde(skip_serializing_if = "Option::is_none")]
    hotend: Option<ReadingData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bed: Option<ReadingData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chamber: Option<ReadingData>,
    /// When the firmware reported them; in a status only once they are old, since it would otherwise never rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    mono_ms: Option<u64>,
}

impl TemperatureData {
    fn new(temperatures: &Temperatures, at: Option<Moment>) -> Self {
        let Temperatures { hotend, bed, chamber, at: _ } = *temperatures;
        Self {
            hotend: reading(hotend),
            bed: reading(bed),
            chamber: reading(chamber),
            mono_ms: at.map(Moment::millis),
        }
    }
}

/// JSON has no NaN: a reading that is none is left out.
fn reading(reading: Option<Reading>) -> Option<ReadingData> {
    let Reading { actual, target } = reading.filter(|reading| reading.actual.0.is_finite())?;
    let target = target.map(|target| target.0).filter(|target| target.is_finite());
    Some(ReadingData { actual: hundredths(actual.0), target: target.map(hundredths) })
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum BedData<'a> {
    Clear,
    Occupied { job: &'a JobId },
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum LatchData {
    Stopped { since: String },
    Fault { fault: Fault, since: String },
}

#[derive(Serialize)]
struct LineData {
    lines_sent: u64,
    bytes_sent: u64,
    resends: u64,
    resends_damaged: u64,
    resends_number: u64,
    probes: u64,
    stray_oks: u64,
    strays: u64,
    oks_missing: u64,
    /// Left out where the firmware does not tell of its planner.
    #[serde(skip_serializing_if = "Option::is_none")]
    starved_ms: Option<u64>,
    ok_latency_mean_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<LineTrouble>,
}

impl From<&LineHealth> for LineData {
    fn from(line: &LineHealth) -> Self {
        let answered = line.ok_latency.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let mean = if answered > 0 { line.ok_latency_sum_ms as f64 / answered as f64 } else { 0.0 };
        Self {
            lines_sent: line.lines_sent,
            bytes_sent: line.bytes_sent,
            resends: line.resends,
            resends_damaged: line.resends_damaged,
            resends_number: line.resends_number,
            probes: line.probes,
            stray_oks: line.stray_oks,
            strays: line.strays,
            oks_missing: line.oks_missing,
            starved_ms: line.planner_told.then_some(line.starved_us / 1_000),
            ok_latency_mean_ms: hundredths(mean),
            trouble: line.trouble,
        }
    }
}

#[derive(Serialize)]
struct StatusData<'a> {
    activity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a PartId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressData>,
    /// While pausing: moves that were already sent still run.
    #[serde(skip_serializing_if = "Option::is_none")]
    draining: Option<bool>,
    /// The firmware waits for a person; what it asks stays here.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_person: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
    temperatures: TemperatureData,
    bed: BedData<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latch: Option<LatchData>,
    line: LineData,
}

#[derive(Serialize)]
struct TelemetryData {
    activity: &'static str,
    temperatures: TemperatureData,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressData>,
}

#[derive(Serialize)]
struct GapData {
    from: String,
    from_mono_ms: u64,
    to: String,
    to_mono_ms: u64,
    samples: u64,
}

#[derive(Serialize)]
struct EventData<'a> {
    part: &'a PartId,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Slicing {
        process: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pinned: Option<&'a PrinterName>,
    },
    Sliced {
        process: &'a str,
        model: &'a FileHash,
        profile: &'a FileHash,
        profile_version: u32,
        slicer: &'a str,
        slicer_version: &'a str,
        file: &'a FileHash,
        layers: u64,
        network_cut: bool,
    },
    Queued {
        commands: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        pinned: Option<&'a PrinterName>,
        #[serde(skip_serializing_if = "Option::is_none")]
        resumes: Option<ResumesData<'a>>,
        #[serde(skip_serializing_if = "<[Piece]>::is_empty")]
        also: &'a [Piece],
    },
    ResumeFile {
        layer: u32,
        height_mm: f64,
    },
    Begun {},
    Reached {
        #[serde(skip_serializing_if = "Option::is_none")]
        progress: Option<ProgressData>,
    },
    /// Why in a word; who did it stays here.
    Paused {
        progress: ProgressData,
        why: &'static str,
    },
    Continued {
        progress: ProgressData,
        layer: u32,
        gap_ms: u64,
    },
    Printed {
        progress: ProgressData,
        exact: bool,
        resends: u64,
        strays: u64,
        millis: u64,
    },
    Interrupted {
        progress: ProgressData,
        why: &'a Interruption,
    },
}

/// With whose part a job goes on, and where the part wants an extra look.
#[derive(Serialize)]
struct ResumesData<'a> {
    job: &'a JobId,
    layer: u32,
    height_mm: f64,
}

impl<'a> From<&'a Resumes> for ResumesData<'a> {
    fn from(resumes: &'a Resumes) -> Self {
        let Resumes { job, layer, height } = resumes;
        Self { job, layer: *layer, height_mm: height.mm() }
    }
}

#[derive(Serialize)]
struct SummaryData<'a> {
    part: &'a PartId,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a Interruption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<bool>,
    /// Where no file was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a FileHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a FileHash>,
    /// SHA-256 over the commands of the file, and over those that the firmware confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a FileHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_digest: Option<&'a FileHash>,
    commands: u64,
    confirmed: u64,
    queued: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    ended: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resends: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strays: Option<u64>,
    /// How the line did for this job, where it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<LineData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumes: Option<ResumesData<'a>>,
    /// How many events the job has: the last one's `job_seq`.
    events: u64,
}

/// Which job a printer is at, for what is said about the printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    pub case: CaseToken,
    pub part: PartId,
}

/// Samples of a printer's telemetry that are missing, from the first to the last, within one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Stamp,
    pub to: Stamp,
    pub samples: u64,
}

/// Who speaks: the site and the node that stand in every topic and payload.
#[derive(Clone, Debug)]
pub struct Origin {
    pub site: SiteName,
    pub node: NodeName,
}

impl Origin {
    /// Unique among all daemons of a broker: names have no dots.
    pub fn client(&self) -> String {
        format!("platen.{}.{}", self.site, self.node)
    }

    pub(super) fn node_topic(&self, rest: &str) -> String {
        format!("platen/v{VERSION}/{}/{}/{rest}", self.site, self.node)
    }

    fn job_topic(&self, subject: &JobRef, rest: &str) -> String {
        let JobRef { case, job, .. } = subject;
        format!("platen/v{VERSION}/{}/case/{case}/job/{job}/{rest}", self.site)
    }

    /// What one person is told; whoever reads it knows them by the name that they sign in with.
    pub fn notice<D: Serialize>(&self, id: &str, to: &str, stamp: &Stamp, data: D) -> Message {
        let envelope = self.envelope("notice", id.to_owned(), stamp, data);
        Message {
            topic: self.node_topic(&format!("person/{to}/notice")),
            payload: json(&envelope),
            delivery: Delivery::AtLeastOnce,
            retain: false,
        }
    }

    /// The same for the same thing said again, different for everything else.
    pub fn id(&self, parts: &[&str]) -> String {
        let mut hasher = Sha256::new();
        for part in [self.site.as_str(), self.node.as_str()].iter().chain(parts) {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hex(&hasher.finalize()[..16])
    }

    fn envelope<'a, D>(&'a self, kind: &'a str, id: String, stamp: &'a Stamp, data: D) -> Envelope<'a, D> {
        Envelope {
            v: VERSION,
            id,
            seq: None,
            job_seq: None,
            boot: &stamp.boot,
            ts: stamp.wall.to_string(),
            mono_ms: stamp.mono.millis(),
            site: &self.site,
            node: &self.node,
            printer: None,
            case: None,
            job: None,
            kind,
            data,
        }
    }

    /// The node's state; retained, and the last will.
    pub fn state(&self, state: NodeState, stamp: &Stamp) -> Message {
        let word = match state {
            NodeState::Online => "online",
            NodeState::Offline => "offline",
            NodeState::Lost => "lost",
        };
        let id = self.id(&["state", word, stamp.boot.as_str(), &stamp.mono.micros().to_string()]);
        let payload = json(&self.envelope("state", id, stamp, StateData { state }));
        Message { topic: self.node_topic("state"), payload, delivery: Delivery::AtLeastOnce, retain: true }
    }

    fn printer_envelope<'a, D>(
        &'a self,
        kind: &'a str,
        snapshot: &'a Snapshot,
        belonging: Option<&'a Belonging>,
        stamp: &'a Stamp,
        data: D,
    ) -> Envelope<'a, D> {
        let at = stamp.mono.micros().to_string();
        let id = self.id(&[kind, snapshot.printer.as_str(), stamp.boot.as_str(), &at]);
        Envelope {
            printer: Some(&snapshot.printer),
            case: belonging.map(|belonging| &belonging.case),
            job: snapshot.activity.job(),
            ..self.envelope(kind, id, stamp, data)
        }
    }

    /// Everything about one printer; retained.
    pub fn status(
        &self,
        snapshot: &Snapshot,
        record: &PrinterRecord,
        belonging: Option<&Belonging>,
        stamp: &Stamp,
    ) -> Message {
        let data = status_data(snapshot, record, belonging);
        Message {
            topic: self.node_topic(&format!("printer/{}/status", snapshot.printer)),
            payload: json(&self.printer_envelope("status", snapshot, belonging, stamp, data)),
            delivery: Delivery::AtLeastOnce,
            retain: true,
        }
    }

    /// What changes all the time about one printer; may be lost.
    pub fn telemetry(&self, snapshot: &Snapshot, belonging: Option<&Belonging>, stamp: &Stamp) -> Message {
        let data = TelemetryData {
            activity: snapshot.activity.word(),
            temperatures: TemperatureData::new(&snapshot.temperatures, snapshot.temperatures.at),
            progress: snapshot.activity.progress().map(ProgressData::from),
        };
        Message {
            topic: self.node_topic(&format!("printer/{}/telemetry", snapshot.printer)),
            payload: json(&self.printer_envelope("telemetry", snapshot, belonging, stamp, data)),
            delivery: Delivery::AtMostOnce,
            retain: false,
        }
    }

    /// How much of a printer's telemetry is missing. The same bytes when it is said again unchanged.
    pub fn gap(&self, printer: &PrinterName, gap: &Gap) -> Message {
        let Gap { from, to, samples } = gap;
        let (first, last) = (from.mono.micros().to_string(), to.mono.micros().to_string());
        let id = self.id(&["gap", printer.as_str(), to.boot.as_str(), &first, &last, &samples.to_string()]);
        let data = GapData {
            from: from.wall.to_string(),
            from_mono_ms: from.mono.millis(),
            to: to.wall.to_string(),
            to_mono_ms: to.mono.millis(),
            samples: *samples,
        };
        let envelope = Envelope { printer: Some(printer), ..self.envelope("gap", id, to, data) };
        Message {
            topic: self.node_topic(&format!("printer/{printer}/gap")),
            payload: json(&envelope),
            delivery: Delivery::AtLeastOnce,
            retain: false,
        }
    }

    /// An event of a job; `None` for every other fact. The same bytes whenever it is built again.
    pub fn event(&self, event: &Event) -> Option<Message> {
        let subject = event.subject.as_ref()?;
        let (kind, what) = what(&event.fact)?;
        let queued = matches!(event.fact, Fact::JobQueued { .. } | Fact::JobSlicing { .. });
        let envelope = Envelope {
            seq: Some(subject.outbox_seq),
            job_seq: Some(subject.job_seq),
            // A queued job is at no printer yet; the one it is meant for is `pinned`.
            printer: event.fact.printer().filter(|_| !queued),
            case: Some(&subject.case),
            job: Some(&subject.job),
            ..self.envelope(
                kind,
                self.journal_id("event", event, subject),
                &event.stamp,
                EventData { part: &subject.part, what },
            )
        };
        Some(Message {
            topic: self.job_topic(subject, "event"),
            payload: json(&envelope),
            delivery: Delivery::AtLeastOnce,
            retain: false,
        })
    }

    /// A whole job on one page, from the event that ended it; retained. `None` for other events.
    pub fn summary(&self, event: &Event, job: &Job) -> Option<Message> {
        let subject = event.subject.as_ref()?;
        let run = job.state.run();
        let mut data = SummaryData {
            part: &subject.part,
            outcome: "",
            why: None,
            exact: None,
            model: Some(&job.file).filter(|_| !job.has_file()),
            file: Some(&job.file).filter(|_| job.has_file()),
            digest: Some(&job.digest).filter(|_| job.has_file()),
            confirmed_digest: None,
            commands: job.commands,
            confirmed: run.map_or(0, |run| run.progress.confirmed),
            queued: job.queued.to_string(),
            started: run.map(|run| run.started.to_string()),
            ended: event.stamp.wall.to_string(),
            millis: None,
            resends: None,
            strays: None,
            line: run.and_then(|run| run.line.as_deref()).map(LineData::from),
            resumes: job.resumes.as_ref().map(ResumesData::from),
            events: subject.job_seq,
        };
        match &event.fact {
            Fact::JobPrinted { exact, digest, line, millis, .. } => {
                data.outcome = "printed";
                data.exact = Some(*exact);
                data.confirmed_digest = Some(digest);
                data.resends = Some(line.resends);
                data.strays = Some(line.strays);
                data.millis = Some(*millis);
            }
            Fact::JobCancelled { .. } => data.outcome = "cancelled",
            Fact::JobNotSliced { .. } => data.outcome = "not_sliced",
            Fact::JobInterrupted { why, .. } => {
                data.outcome = "interrupted";
                data.why = Some(why);
            }
            _ => return None,
        }
        let id = self.journal_id("summary", event, subject);
        let envelope = Envelope {
            printer: run.map(|run| &run.printer),
            case: Some(&subject.case),
            job: Some(&subject.job),
            ..self.envelope("summary", id, &event.stamp, data)
        };
        Some(Message {
            topic: self.job_topic(subject, "summary"),
            payload: json(&envelope),
            delivery: Delivery::AtLeastOnce,
            retain: true,
        })
    }

    /// The boot is part of it: a journal that was begun anew counts from 1 again.
    fn journal_id(&self, kind: &str, event: &Event, subject: &JobRef) -> String {
        let seq = subject.outbox_seq.to_string();
        self.id(&[kind, event.boot().as_str(), subject.job.as_str(), &seq])
    }
}

/// An event's `type` and what it says. Without a catch-all, so that a new fact has to be thought of.
fn what(fact: &Fact) -> Option<(&'static str, What<'_>)> {
    let reached = |progress: Option<Progress>| What::Reached { progress: progress.map(ProgressData::from) };
    Some(match fact {
        Fact::JobSlicing { order, pinned, model: _, material: _ } => {
            ("slicing", What::Slicing { process: &order.process, pinned: pinned.as_ref() })
        }
        Fact::JobSliced { chain } => {
            let what = What::Sliced {
                process: &chain.process,
                model: &chain.model.hash,
                profile: &chain.profile.hash,
                profile_version: chain.profile.version,
                slicer: &chain.slicer.name,
                slicer_version: &chain.slicer.version,
                file: &chain.file,
                layers: chain.layers,
                network_cut: chain.network_cut,
            };
            ("sliced", what)
        }
        // Why may be a slicer's words.
        Fact::JobNotSliced { why: _ } => ("not_sliced", What::Begun {}),
        Fact::JobQueued {
            commands,
            pinned,
            resumes,
            also,
            file: _,
            digest: _,
            material: _,
            gate: _,
            attempt: _,
        } => {
            let resumes = resumes.as_ref().map(ResumesData::from);
            ("queued", What::Queued { commands: *commands, pinned: pinned.as_ref(), resumes, also })
        }
        Fact::JobResumeFile { layer, height, printer: _, file: _, by: _ } => {
            ("resume_file", What::ResumeFile { layer: *layer, height_mm: height.mm() })
        }
        Fact::JobReleased { printer: _, by: _ } => ("released", What::Begun {}),
        Fact::JobAccepted { findings: _, by: _ } => ("accepted", What::Begun {}),
        Fact::JobStarted { printer: _ } => ("started", What::Begun {}),
        Fact::JobProgress { progress, printer: _ } => ("progress", reached(Some(*progress))),
        Fact::JobPaused { progress, reason, printer: _ } => {
            ("paused", What::Paused { progress: (*progress).into(), why: reason.word() })
        }
        Fact::JobResumed { printer: _, by: _ } => ("resumed", What::Begun {}),
        Fact::JobContinued { progress, layer, gap_ms, printer: _ } => {
            let what = What::Continued { progress: (*progress).into(), layer: *layer, gap_ms: *gap_ms };
            ("continued", what)
        }
        Fact::JobPrinted { progress, exact, line, millis, printer: _, digest: _ } => {
            let progress = (*progress).into();
            (
                "printed",
                What::Printed {
                    progress,
                    exact: *exact,
                    resends: line.resends,
                    strays: line.strays,
                    millis: *millis,
                },
            )
        }
        Fact::JobCancelled { progress, printer: _, by: _, line: _ } => ("cancelled", reached(*progress)),
        Fact::JobInterrupted { progress, why, printer: _, line: _ } => {
            ("interrupted", What::Interrupted { progress: (*progress).into(), why })
        }
        Fact::JournalBegun { .. }
        | Fact::DaemonStarted { .. }
        | Fact::CaseOpened { .. }
        | Fact::PartAdded { .. }
        | Fact::BedCleared { .. }
        | Fact::BedGivenBack { .. }
        | Fact::CancelAsked { .. }
        | Fact::TrailLost { .. }
        | Fact::PrinterStopped { .. }
        | Fact::StopVerified { .. }
        | Fact::StopUnverified { .. }
        | Fact::PrinterFaulted { .. }
        | Fact::LatchCleared { .. }
        | Fact::HeatAlarm { .. }
        | Fact::PrinterIdentified { .. }
        | Fact::PrinterQuarantined { .. }
        | Fact::PrinterRecognised { .. }
        | Fact::PromptAnswered { .. }
        | Fact::ConsoleUsed { .. }
        | Fact::JournalRestored { .. }
        // Words of people, and what is between them: none of it leaves the lab.
        | Fact::Quality(_)
        | Fact::Queue(_)
        | Fact::Resin(_)
        // Who looked at whose identifiers is nobody's business outside.
        | Fact::Identifiers(_)
        | Fact::People(_) => return None,
    })
}

fn status_data<'a>(
    snapshot: &'a Snapshot,
    record: &'a PrinterRecord,
    belonging: Option<&'a Belonging>,
) -> StatusData<'a> {
    // The reason for being offline and the firmware's name stay here: they may hold serial numbers.
    let Snapshot {
        activity,
        temperatures,
        line,
        hold,
        printer: _,
        firmware: _,
        rate: _,
        unprotected: _,
        out_of_reach: _,
        own_last: _,
        cover: _,
        light: _,
        at,
    } = snapshot;
    StatusData {
        activity: activity.word(),
        part: belonging.map(|belonging| &belonging.part),
        progress: activity.progress().map(ProgressData::from),
        draining: match activity {
            Activity::Paused { draining, .. } => Some(*draining),
            _ => None,
        },
        needs_person: hold.needs_person().then_some(true),
        fault: match activity {
            Activity::Faulted { fault } => Some(*fault),
            _ => None,
        },
        temperatures: TemperatureData::new(temperatures, temperatures.old_since(*at)),
        bed: match &record.bed {
            Bed::Clear => BedData::Clear,
            Bed::Occupied { job } => BedData::Occupied { job },
        },
        latch: record.latch.as_ref().map(|latch| match latch {
            Latch::Stopped { at, by: _ } => LatchData::Stopped { since: at.to_string() },
            Latch::Fault { fault, at } => LatchData::Fault { fault: *fault, since: at.to_string() },
        }),
        line: line.into(),
    }
}

/// What a status says besides its time: two that are equal here need not both be sent.
pub fn status_content(snapshot: &Snapshot, record: &PrinterRecord, belonging: Option<&Belonging>) -> Vec<u8> {
    json(&(snapshot.activity.job(), status_data(snapshot, record, belonging)))
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Serialising to a Vec fails only for maps with non-string keys, of which there are none.
    serde_json::to_vec(value).unwrap_or_default()
}
