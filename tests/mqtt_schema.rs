//! Every payload that can be built fits the schemas in `docs/mqtt`, and the documents know every type.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use jsonschema::{Registry, Validator};
use platen::domain::case::IntendedUse;
use platen::domain::chain::{Chain, ModelLink, ProfileLink, SliceOrder, SlicerLink};
use platen::domain::event::{Actor, Event, Fact, JobRef};
use platen::domain::heat::{Action, Alarm, Hazard, Heater};
use platen::domain::identifiers::{IdentifierFact, ReadingReason};
use platen::domain::identity::Wrong;
use platen::domain::ids::{BootId, CaseToken, FileHash, JobId, LotId, PartId, UploadId};
use platen::domain::job::{
    BoardFault, ExposureFault, Interruption, Job, JobState, Outcome, PauseReason, Progress, Resumes, Run,
    Unproven,
};
use platen::domain::moment::{Moment, Stamp, WallTime};
use platen::domain::part::PartName;
use platen::domain::people;
use platen::domain::printer::{
    Activity, Bed, Cover, Fault, Hold, HoldStep, Latch, Light, LineHealth, LineRate, LineTrouble, OutOfReach,
    PrinterRecord, Prompt, Reading, RelayOutcome, Snapshot, StopProof, Temperatures,
};
use platen::domain::quality;
use platen::domain::quality::words::Words;
use platen::domain::queue;
use platen::domain::queue::upload::{Carried, NewUpload, Via};
use platen::domain::resin;
use platen::domain::units::{Celsius, Height, Microlitres};
use platen::io::mqtt::{Delivery, Message};
use platen::services::telemetry::message::{Belonging, EVENT_TYPES, Gap, NodeState, Origin, PAYLOAD_MAX};
use serde_json::Value;

const FAULTS: [Fault; 17] = [
    Fault::ThermalRunaway,
    Fault::HeatingFailed,
    Fault::TooHot,
    Fault::TooCold,
    Fault::Killed,
    Fault::Probing,
    Fault::Halted,
    Fault::Overheated,
    Fault::TargetTooHigh,
    Fault::RiseTooSlow,
    Fault::RiseTooFast,
    Fault::LeftTarget,
    Fault::SensorStuck,
    Fault::SensorBroken,
    Fault::SuddenDrop,
    Fault::HeatUnasked,
    Fault::SilentWhileHot,
];

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mqtt").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&document(&format!("{name}.schema.json"))).unwrap()
}

fn validator(name: &str) -> Validator {
    let envelope = schema("envelope");
    let address = envelope["$id"].as_str().unwrap().to_owned();
    let registry = Registry::new().add(address, envelope).unwrap().prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&schema(name)).unwrap()
}

/// Holds a message against its schema and against the envelope; returns its JSON.
fn check(name: &str, message: &Message) -> Value {
    let json: Value = serde_json::from_slice(&message.payload).unwrap();
    for schema in [name, "envelope"] {
        let errors: Vec<_> = validator(schema).iter_errors(&json).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{schema}: {errors:?}\n{json:#}");
    }
    assert!(message.payload.len() <= PAYLOAD_MAX);
    json
}

/// With the longest names there are.
fn origin() -> Origin {
    Origin { site: "s".repeat(64).parse().unwrap(), node: "n".repeat(64).parse().unwrap() }
}

fn stamp() -> Stamp {
    Stamp { wall: WallTime(1_795_458_000_123), mono: Moment(u64::MAX), boot: BootId::from_entropy([255; 16]) }
}

fn subject() -> JobRef {
    JobRef {
        case: CaseToken::from_entropy([1; 16]),
        part: PartId::from_entropy([2; 16]),
        job: JobId::from_entropy([3; 16]),
        job_seq: u64::MAX,
        outbox_seq: u64::MAX,
    }
}

fn printer() -> platen::domain::ids::PrinterName {
    "p".repeat(64).parse().unwrap()
}

fn progress() -> Progress {
    Progress { confirmed: u64::MAX, total: u64::MAX }
}

const UNPROVEN: [Unproven; 11] = [
    Unproven::Policy,
    Unproven::NoRecord,
    Unproven::Unsteady,
    Unproven::Silent,
    Unproven::Count,
    Unproven::Board,
    Unproven::Position,
    Unproven::Targets,
    Unproven::Heat,
    Unproven::File,
    Unproven::Unanswered,
];

fn interruptions() -> Vec<Interruption> {
    let mut all = vec![
        Interruption::DaemonEnded,
        Interruption::Unplugged,
        Interruption::PrinterReset,
        Interruption::Silence,
        Interruption::LineCountLost,
        Interruption::Unaccounted,
        Interruption::Stopped,
        Interruption::FileUnreadable,
        Interruption::FileChanged,
        Interruption::NotAllowed,
        Interruption::Noise,
    ];
    all.extend(UNPROVEN.map(|unproven| Interruption::NotContinued { unproven }));
    all.extend(FAULTS.map(|fault| Interruption::Fault { fault }));
    all.extend(ExposureFault::ALL.map(|fault| Interruption::Exposure { fault }));
    all.extend(BoardFault::ALL.map(|fault| Interruption::Board { fault }));
    all
}

fn resumes() -> Resumes {
    Resumes { job: subject().job, layer: 4, height: Height::from_mm(1.25).unwrap() }
}

fn order() -> SliceOrder {
    let expected = Some([Height::from_mm(80.0).unwrap(); 3]);
    let (process, unit) = ("p".repeat(64), Some("inch".to_owned()));
    let accepted = vec!["mesh.open".to_owned()];
    SliceOrder {
        process,
        unit,
        scale: SliceOrder::WHOLE,
        mirrored: true,
        expected,
        accepted,
        by: Some("Kim.Secret-1".into()),
    }
}

fn chain() -> Chain {
    let hash = FileHash::from_digest([6; 32]);
    Chain {
        model: ModelLink {
            hash: hash.clone(),
            format: "stl-binary".into(),
            unit: "mm".into(),
            size: [Height::from_mm(80.0).unwrap(); 3],
            triangles: 12,
            watertight: true,
        },
        process: "p".repeat(64),
        printer_model: "prusa-mk3s".into(),
        material: "PLA for Meier".into(),
        profile: ProfileLink { name: "Meier.ini".into(), version: 3, hash: hash.clone() },
        slicer: SlicerLink { name: "prusa-slicer".into(), version: "2.5.0".into() },
        file: hash,
        bytes: 9,
        layers: 7,
        height: Height::from_mm(80.0),
        network_cut: true,
        accepted: vec!["mesh.open".into()],
    }
}

/// Every kind of fact about a job, with and without what may be absent.
fn job_facts() -> Vec<Fact> {
    let file = FileHash::from_digest([5; 32]);
    let mut facts = Vec::new();
    for pinned in [None, Some(printer())] {
        let material = Some("PLA for Meier".into());
        facts.push(Fact::JobSlicing { model: file.clone(), order: Box::new(order()), pinned, material });
    }
    facts.push(Fact::JobSliced { chain: Box::new(chain()) });
    facts.push(Fact::JobNotSliced { why: "the slicer crashed: Meier.stl Kim".into() });
    for pinned in [None, Some(printer())] {
        facts.push(Fact::JobQueued {
            file: file.clone(),
            commands: 9,
            digest: file.clone(),
            pinned,
            material: Some("PLA for Meier".into()),
            resumes: None,
            gate: None,
            attempt: Some(2),
            also: Vec::new(),
        });
    }
    for exact in [true, false] {
        facts.push(Fact::JobPrinted {
            printer: printer(),
            progress: progress(),
            digest: file.clone(),
            exact,
            line: Box::default(),
            millis: 2,
        });
    }
    let by = "Kim.Secret-1".to_owned();
    facts.push(Fact::JobQueued {
        file: file.clone(),
        commands: 9,
        digest: file.clone(),
        pinned: Some(printer()),
        material: None,
        resumes: Some(resumes()),
        gate: None,
        attempt: None,
        also: vec!["2-1".parse().unwrap(), "12-3".parse().unwrap()],
    });
    facts.extend([
        Fact::JobResumeFile { printer: printer(), file, layer: 4, height: resumes().height, by: by.clone() },
        Fact::JobReleased { printer: printer(), by: by.clone() },
        Fact::JobAccepted { findings: Vec::new(), by: by.clone() },
        Fact::JobStarted { printer: printer() },
        Fact::JobProgress { printer: printer(), progress: Progress::default() },
        Fact::JobPaused {
            printer: printer(),
            progress: progress(),
            reason: PauseReason::Person { by: by.clone() },
        },
        Fact::JobPaused { printer: printer(), progress: progress(), reason: PauseReason::Restart },
        Fact::JobResumed { printer: printer(), by: Some(by.clone()) },
        Fact::JobContinued { printer: printer(), progress: progress(), layer: 3, gap_ms: 900 },
        Fact::JobCancelled { printer: None, progress: None, by: by.clone(), line: None },
        Fact::JobCancelled { printer: Some(printer()), progress: Some(progress()), by, line: None },
    ]);
    facts.extend(interruptions().into_iter().map(|why| Fact::JobInterrupted {
        printer: printer(),
        progress: progress(),
        why,
        line: None,
    }));
    facts
}

/// Every kind of fact that is about no job.
fn other_facts() -> Vec<Fact> {
    let (case, by) = (CaseToken::from_entropy([1; 16]), "Kim.Secret-1".to_owned());
    let name = PartName::try_from("left ventricle Meier".to_owned()).unwrap();
    vec![
        Fact::JournalBegun { site: origin().site, node: origin().node },
        Fact::DaemonStarted { version: "1".into() },
        Fact::CaseOpened { case: case.clone(), intended_use: IntendedUse::Guide },
        Fact::PartAdded { case, part: PartId::from_entropy([2; 16]), number: 1, name },
        Fact::BedCleared { printer: printer(), by: by.clone() },
        Fact::CancelAsked { printer: printer(), job: JobId::from_entropy([3; 16]), by: by.clone() },
        Fact::TrailLost { printer: printer(), job: JobId::from_entropy([3; 16]) },
        Fact::BedGivenBack { printer: printer(), job: Some(JobId::from_entropy([3; 16])) },
        Fact::PrinterStopped { printer: printer(), by: by.clone() },
        Fact::StopVerified { printer: printer(), proof: StopProof::Silence },
        Fact::StopUnverified { printer: printer(), relay: RelayOutcome::Failed },
        Fact::PrinterFaulted { printer: printer(), fault: Fault::Halted },
        Fact::LatchCleared { printer: printer(), by: by.clone() },
        Fact::PrinterIdentified { printer: printer(), evidence: Box::default(), by: Some(by.clone()) },
        Fact::HeatAlarm {
            printer: printer(),
            alarm: Alarm {
                heater: Heater::Bed,
                hazard: Hazard::Overheated,
                action: Action::Stop,
                reading: Some(Celsius(140.0)),
                target: None,
                limit: 135.0,
            },
        },
        Fact::PrinterQuarantined { printer: printer(), why: Box::new(Wrong::Doubt { with: printer() }) },
        Fact::PrinterRecognised { printer: printer() },
        Fact::PromptAnswered { printer: printer(), by: by.clone(), button: 1, label: "Secret".into() },
        Fact::ConsoleUsed { printer: printer(), by: by.clone(), command: "M503 Secret".into() },
        Fact::JournalRestored { entries: 7, by: Some(by.clone()) },
        Fact::Quality(quality::Fact {
            printed_name: None,
            by: Some(by.clone()),
            change: quality::Change::Case {
                case: CaseToken::from_entropy([1; 16]),
                step: quality::case::Step::MessagePosted {
                    text: Words::new("Meier, left: a Secret").unwrap(),
                    mentions: vec!["Kim.Secret-1".into()],
                },
            },
        }),
        Fact::Queue(queue::Fact::UploadTaken {
            upload: Box::new(NewUpload {
                id: UploadId::from_entropy([5; 16]),
                file: FileHash::from_digest([6; 32]),
                bytes: 100,
                name: "Secret.gcode".into(),
                via: Via::Moonraker,
                printer: Some(printer()),
                carried: Some(Carried { case: CaseToken::from_entropy([1; 16]), part: Some(1) }),
                no_case: false,
                print: true,
                by: Some(by.clone()),
            }),
        }),
        Fact::Identifiers(Box::new(IdentifierFact::Read {
            case: CaseToken::from_entropy([1; 16]),
            version: 1,
            reason: ReadingReason::Handover,
            by,
        })),
        Fact::Resin(resin::Fact::VatFilled {
            printer: printer(),
            lot: LotId::from_entropy([4; 16]),
            poured: Microlitres(250_000),
            by: "Kim.Secret-1".into(),
        }),
        Fact::People(people::Fact::UserAdded {
            user: "Kim.Secret-1".parse().unwrap(),
            printed: "Kim Meier".parse().unwrap(),
            roles: [people::roles::Role::Operator].into(),
            by: people::By::Setup,
        }),
    ]
}

fn event(fact: Fact, subject: Option<JobRef>) -> Event {
    Event { seq: 1, stamp: stamp(), actor: Actor::Person("Kim.Secret-1".into()), subject, fact }
}

#[test]
fn every_event_of_a_job_fits_its_schema_and_no_type_is_missing() {
    let mut seen = Vec::new();
    for fact in job_facts() {
        let word = fact.word();
        let message = origin()
            .event(&event(fact, Some(subject())))
            .unwrap_or_else(|| panic!("{word} is not published"));
        let json = check("event", &message);
        assert_eq!(Some(json["type"].as_str().unwrap()), word.strip_prefix("job_"));
        assert!(!message.retain && message.delivery == Delivery::AtLeastOnce);
        seen.push(json["type"].as_str().unwrap().to_owned());
    }
    for kind in EVENT_TYPES {
        assert!(seen.iter().any(|seen| seen == kind), "no fact becomes {kind}");
    }
    for fact in &seen {
        assert!(EVENT_TYPES.contains(&fact.as_str()), "{fact} is not in EVENT_TYPES");
    }
}

#[test]
fn facts_about_no_job_are_not_published() {
    for fact in other_facts() {
        let word = fact.word();
        assert_eq!(origin().event(&event(fact, None)), None, "{word}");
    }
}

#[test]
fn every_kind_of_fact_is_in_these_tests() {
    // A new variant is missing here until it is thought of: `word` lists them all.
    let source = include_str!("../src/domain/event.rs");
    let words: Vec<&str> = source
        .lines()
        .filter(|line| line.contains("{ .. } => \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(words.len() >= 16, "{words:?}");
    let tested: Vec<&str> = job_facts().iter().chain(&other_facts()).map(Fact::word).collect();
    for word in words {
        assert!(tested.contains(&word), "{word}");
    }
}

#[test]
fn the_schema_and_the_page_know_every_type() {
    let schema = schema("event");
    let types: Vec<&str> = schema["properties"]["type"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    assert_eq!(types, EVENT_TYPES);
    let page = document("README.md");
    for kind in EVENT_TYPES {
        assert!(page.contains(&format!("| `{kind}` |")), "{kind} is not in README.md");
    }
}

/// The summary of a job of so many commands that this has ended.
fn summary(fact: Fact, commands: u64) -> Value {
    let file = FileHash::from_digest([5; 32]);
    let started = fact.printer().is_some();
    let run = started.then(|| Run {
        printer: printer(),
        started: WallTime(1),
        progress: progress(),
        line: Some(Box::default()),
        paused: false,
    });
    let outcome = Outcome::Cancelled { by: "Kim.Secret-1".into() };
    let job = Job {
        id: subject().job,
        case: subject().case,
        part: subject().part,
        file: file.clone(),
        commands,
        digest: file,
        pinned: None,
        material: Some("PLA for Meier".into()),
        queued: WallTime(1),
        order: 1,
        events: 4,
        state: JobState::Ended { run, ended: WallTime(2), outcome },
        released: None,
        cancelling: None,
        trail_lost: false,
        continued: Vec::new(),
        resume_files: Vec::new(),
        resumes: started.then(resumes),
        attempt: Some(1),
    };
    let message = origin().summary(&event(fact, Some(subject())), &job).unwrap();
    let json = check("summary", &message);
    assert!(message.retain && json.get("seq").is_none());
    assert!(!json.to_string().contains("Kim") && !json.to_string().contains("Meier"));
    json
}

#[test]
fn every_summary_fits_its_schema() {
    let files = job_facts().into_iter().filter(Fact::ends_job);
    for fact in files.filter(|fact| !matches!(fact, Fact::JobNotSliced { .. })) {
        let data = &summary(fact, 9)["data"];
        assert!(
            data["file"].is_string() && data["digest"].is_string() && data.get("model").is_none(),
            "{data}"
        );
    }
}

#[test]
fn a_job_that_ended_before_it_was_sliced_is_summed_up_with_its_model_and_no_file() {
    let cancelled = Fact::JobCancelled { printer: None, progress: None, by: "kim".into(), line: None };
    for fact in [Fact::JobNotSliced { why: "the slicer crashed: Meier.stl Kim".into() }, cancelled] {
        let data = &summary(fact, 0)["data"];
        assert_eq!(data["model"], FileHash::from_digest([5; 32]).as_str(), "{data}");
        assert!(data.get("file").is_none() && data.get("digest").is_none(), "{data}");
    }
}

fn activities() -> Vec<Activity> {
    let job = subject().job;
    let mut all = vec![
        Activity::Offline { reason: "/dev/serial/by-id/SN-4711 is away".into() },
        Activity::Connecting,
        Activity::Quarantined { reason: "its USB serial number is SN-4711".into() },
        Activity::Ready,
        Activity::Printing { job: job.clone(), progress: progress() },
        Activity::Paused { job: job.clone(), progress: progress(), draining: true },
        Activity::Finishing { job: job.clone(), progress: progress() },
        Activity::Cancelling { job },
        Activity::Stopped,
    ];
    all.extend(FAULTS.map(|fault| Activity::Faulted { fault }));
    all
}

fn temperatures() -> Vec<Temperatures> {
    let reading = |actual, target| Some(Reading { actual: Celsius(actual), target });
    vec![
        Temperatures::default(),
        Temperatures {
            hotend: reading(215.123_456, Some(Celsius(215.0))),
            bed: reading(f64::NAN, Some(Celsius(60.0))),
            chamber: reading(-15.0, Some(Celsius(f64::INFINITY))),
            at: Some(Moment(7)),
        },
    ]
}

#[test]
fn every_status_and_telemetry_fits_its_schema() {
    let at = WallTime(5);
    let latches = [
        None,
        Some(Latch::Stopped { by: "Kim.Secret-1".into(), at }),
        Some(Latch::Fault { fault: Fault::TooHot, at }),
    ];
    for activity in activities() {
        for temperatures in temperatures() {
            for latch in latches.clone() {
                let bed = if latch.is_some() { Bed::Occupied { job: subject().job } } else { Bed::Clear };
                let record = PrinterRecord { bed, latch: latch.clone(), ..PrinterRecord::new(printer()) };
                let max = u64::MAX;
                let line = LineHealth {
                    lines_sent: max,
                    bytes_sent: max,
                    resends: max,
                    probes: max,
                    stray_oks: max,
                    ok_latency: [max; 12],
                    ok_latency_sum_ms: max,
                    starved_us: max,
                    planner_told: latch.is_some(),
                    trouble: latch.as_ref().map(|_| LineTrouble::Stranger),
                    ..LineHealth::default()
                };
                let snapshot = Snapshot {
                    printer: printer(),
                    activity: activity.clone(),
                    temperatures,
                    firmware: Some("Marlin SN-4711".into()),
                    line,
                    hold: Hold {
                        step: Some(HoldStep::WaitsForPerson),
                        prompt: Some(Prompt { text: "<b>Secret</b>".into(), buttons: vec!["Secret".into()] }),
                        text: Some("Secret".into()),
                        reason: Some(PauseReason::Person { by: "Secret".into() }),
                        ..Hold::default()
                    },
                    rate: LineRate::default(),
                    unprotected: false,
                    out_of_reach: OutOfReach::Nothing,
                    own_last: None,
                    cover: Cover::NoSwitch,
                    light: Some(Light::On),
                    at: Moment(9),
                };
                let belonging = Belonging { case: subject().case, part: subject().part };
                let belonging = activity.job().map(|_| &belonging);
                let status = origin().status(&snapshot, &record, belonging, &stamp());
                let json = check("status", &status);
                assert!(status.retain && json.get("seq").is_none());
                for secret in ["4711", "Marlin", "Kim", "serial"] {
                    assert!(!json.to_string().contains(secret), "{secret} in {json}");
                }
                let telemetry = origin().telemetry(&snapshot, belonging, &stamp());
                check("telemetry", &telemetry);
                assert_eq!(telemetry.delivery, Delivery::AtMostOnce);
            }
        }
    }
}

#[test]
fn a_status_says_when_its_temperatures_were_told_once_they_are_not_of_now() {
    let temperatures = temperatures().remove(1);
    let told = |at| {
        let snapshot = Snapshot { temperatures, ..Snapshot::offline(printer(), "", Moment::from_millis(at)) };
        let status = origin().status(&snapshot, &PrinterRecord::new(printer()), None, &stamp());
        check("status", &status)["data"]["temperatures"]["mono_ms"].clone()
    };
    assert_eq!((told(5_000), told(7_000), told(99_000)), (Value::Null, 0.into(), 0.into()));
}

#[test]
fn every_gap_fits_its_schema_and_has_the_same_bytes_when_it_is_said_again() {
    let from = Stamp { mono: Moment(7_000), ..stamp() };
    let gap = Gap { from: from.clone(), to: stamp(), samples: u64::MAX };
    let message = origin().gap(&printer(), &gap);
    let json = check("gap", &message);
    assert_eq!(
        message.topic,
        format!("platen/v1/{}/{}/printer/{}/gap", origin().site, origin().node, printer())
    );
    assert!(!message.retain && message.delivery == Delivery::AtLeastOnce);
    assert_eq!(
        (json["data"]["from_mono_ms"].as_u64(), json["data"]["samples"].as_u64()),
        (Some(7), Some(u64::MAX))
    );
    assert_eq!(origin().gap(&printer(), &gap), message);
    for other in
        [Gap { from: stamp(), ..gap.clone() }, Gap { to: from, ..gap.clone() }, Gap { samples: 9, ..gap }]
    {
        assert_ne!(check("gap", &origin().gap(&printer(), &other))["id"], json["id"], "{other:?}");
    }
}

#[test]
fn every_state_fits_its_schema() {
    for state in [NodeState::Online, NodeState::Offline, NodeState::Lost] {
        let message = origin().state(state, &stamp());
        check("state", &message);
        assert!(message.retain);
    }
}

#[test]
fn the_id_is_the_same_when_said_again_and_different_for_anything_else() {
    let id = |origin: &Origin, event: &Event| {
        let json: Value = serde_json::from_slice(&origin.event(event).unwrap().payload).unwrap();
        json["id"].as_str().unwrap().to_owned()
    };
    let first = event(Fact::JobStarted { printer: printer() }, Some(subject()));
    assert_eq!(id(&origin(), &first), id(&origin(), &first.clone()));
    let mut later = first.clone();
    later.subject.as_mut().unwrap().outbox_seq -= 1;
    let mut other_journal = first.clone();
    other_journal.stamp.boot = BootId::from_entropy([9; 16]);
    let other_node = Origin { node: "other".parse().unwrap(), ..origin() };
    let ids = [
        id(&origin(), &first),
        id(&origin(), &later),
        id(&origin(), &other_journal),
        id(&other_node, &first),
    ];
    for (at, one) in ids.iter().enumerate() {
        assert!(ids[at + 1..].iter().all(|other| other != one), "{ids:?}");
    }
}

#[test]
fn a_field_that_nobody_documented_is_refused() {
    let message = origin().event(&event(Fact::JobStarted { printer: printer() }, Some(subject()))).unwrap();
    let good: Value = serde_json::from_slice(&message.payload).unwrap();
    for path in ["", "/data"] {
        let mut bad = good.clone();
        bad.pointer_mut(path).unwrap()["operator"] = "kim".into();
        assert!(!validator("event").is_valid(&bad), "{bad}");
    }
}

#[test]
fn the_example_on_the_page_fits_the_schema() {
    let page = document("README.md");
    let example = page.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let errors: Vec<_> = validator("event").iter_errors(&example).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn every_notice_fits_its_schema_and_the_schema_knows_every_topic() {
    use platen::domain::notice;
    use platen::domain::people::notices::Topic;
    use platen::services::notices::parcel::{Age, Item, LISTED, Parcel};
    let schema = schema("notice");
    let items = &schema["properties"]["data"]["properties"]["notices"];
    let topics = items["items"]["properties"]["topic"]["enum"].as_array().unwrap();
    let topics: Vec<&str> = topics.iter().map(|topic| topic.as_str().unwrap()).collect();
    assert_eq!(topics, Topic::ALL.map(Topic::word));
    assert_eq!(items["maxItems"], LISTED);
    let mut lab = platen::domain::lab::Lab::default();
    let opened = Fact::CaseOpened { case: subject().case, intended_use: IntendedUse::Guide };
    let added = Fact::PartAdded {
        case: subject().case,
        part: subject().part,
        number: 1,
        name: PartName::try_from("left ventricle Meier".to_owned()).unwrap(),
    };
    for fact in [opened, added] {
        lab.apply(&event(fact, None));
    }
    let mut told = Vec::new();
    for fact in job_facts() {
        let event = event(fact, Some(subject()));
        // The job has to be known, and that is all.
        if matches!(event.fact, Fact::JobQueued { .. }) {
            lab.apply(&event);
        }
        told.extend(notice::of_event(&lab, &event));
    }
    for fact in other_facts() {
        told.extend(notice::of_event(&lab, &event(fact, None)));
    }
    assert!(told.len() >= 6, "{told:?}");
    let item = |notice: &notice::Notice| Item {
        id: "3f0c6a52d1f94a7d8f7f0a3a2b1c9d8e".into(),
        seq: Some(1),
        at: stamp().wall,
        age: Age::default(),
        notice: notice.clone(),
    };
    let several: Vec<Item> = told.iter().chain(&told).map(item).collect();
    let singles = told.iter().map(|notice| vec![item(notice)]);
    for items in singles.chain([several]) {
        let mail = Some("kim@lab.example".parse().unwrap());
        let parcel = Parcel::new(&origin(), "lee".parse().unwrap(), mail, items, None, &stamp());
        let json = check("notice", &parcel.message);
        assert!(!parcel.message.retain && parcel.message.delivery == Delivery::AtLeastOnce);
        for secret in ["Kim", "Meier", "@lab", "PLA"] {
            assert!(!json.to_string().contains(secret), "{secret}: {json}");
        }
    }
}
