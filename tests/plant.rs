//! Identifiers planted everywhere a person, a file or a firmware can put them: the guard finds each of them, and no way
//! out that is built from ids, numbers and words of ours carries one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use platen::domain::chain::{Chain, ModelLink, ProfileLink, SliceOrder, SlicerLink};
use platen::domain::event::{Actor, Event, Fact, JobRef};
use platen::domain::identifiers::{
    Entered, ErasingReason, IdentifierRequest, IdentifierState, Identifiers, ReadingReason,
};
use platen::domain::ids::{BootId, CaseToken, FileHash, JobId, LotId, PartId};
use platen::domain::job::{Interruption, Job, JobState, Outcome, PauseReason, Progress, Run};
use platen::domain::lab::Request;
use platen::domain::moment::{Moment, Stamp, WallTime};
use platen::domain::printer::{Activity, Hold, Latch, PrinterRecord, Prompt, Snapshot};
use platen::domain::privacy::{Known, find, find_in_json, pass, strip_file_name};
use platen::domain::units::Height;
use platen::io::mqtt::Message;
use platen::io::store::Store;
use platen::io::vault::{Erasing, Keeping, Keys, Reading, Vault};
use platen::labels::{Label, Labelled, LotLabel, Made, Mark, Said, Side, Stock};
use platen::services::telemetry::message::{Belonging, Origin};

/// As people and devices write them; the vault has the first twelve in one spelling each.
const PLANTED: [&str; 30] = [
    "Jane Quimby-Doe",
    "QUIMBY^JANE",
    "quimbydoe_jane",
    "JQuimby",
    "0047-110815",
    "47110815",
    "RAD-2026-4455",
    "rad20264455",
    "Dr. Ada Vandermeer",
    "vandermeer",
    "12.05.1960",
    "2026-12-01",
    "May 12, 1960",
    "19600512",
    "5/12/60",
    "1. Dezember 2026",
    "jane.q@example.org",
    "+49 171 2345678",
    "(555) 123-4567",
    "078-05-1120",
    "MRN 4711",
    "DOB: 60",
    "1.2.840.113619.2.55.3.604688119",
    "2.25.329800735698586629295641978511506172918",
    "ACC123456",
    "9876543210",
    "https://pacs.example.org/study/1",
    "192.168.17.23",
    "93 years old",
    "Mrs. Smith",
];

fn identifiers() -> Identifiers {
    let entered = Entered {
        name: Some("Quimby-Doe, Jane".into()),
        mrn: Some("47-110815".into()),
        accession: Some("RAD20264455".into()),
        surgeon: Some("Dr. Ada Vandermeer".into()),
        surgery_at: Some("2026-12-01T07:30".into()),
        birth_date: Some("1960-05-12".into()),
    };
    Identifiers::try_from(&entered).unwrap()
}

fn known() -> Known {
    Known::of(&identifiers())
}

/// The texts that an identifier can come in with.
fn carriers(planted: &str) -> Vec<String> {
    vec![
        planted.to_owned(),
        format!("{planted}.stl"),
        format!("left_femur_{planted}_v2.gcode"),
        format!("left femur ({planted})"),
        format!("please print {planted} again, thanks"),
        format!("; object {planted} id:0 copy 0"),
        format!("G1 X10.5 Y3 E0.12 ; {planted}"),
        format!("M117 {planted}"),
        format!("echo:busy: {planted}"),
        format!("//action:prompt_begin {planted}"),
        format!("platen/v1/st-anna/case/{planted}/job"),
    ]
}

/// Without signs and capitals, so that no spelling hides it.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What no way out may carry: the planted texts, and the words of the names alone. A short one is looked for as it
/// stands, since a few digits in a row are in any list of numbers.
fn assert_clean(out: &str, what: &str) {
    let (lower, signless) = (out.to_lowercase(), bare(out));
    for secret in PLANTED.iter().copied().chain(["quimby", "jane", "vandermeer", "4711081"]) {
        let wanted = bare(secret);
        let there =
            lower.contains(&secret.to_lowercase()) || (wanted.len() > 7 && signless.contains(&wanted));
        assert!(!there, "{secret} is in {what}: {out}");
    }
}

#[test]
fn every_planted_identifier_is_found_in_whatever_it_comes_in_with() {
    for planted in PLANTED {
        for text in carriers(planted) {
            assert!(!find(&text, &known()).is_empty(), "{planted} is not found in {text:?}");
            let refusal = pass(&text, &known()).unwrap_err().to_string();
            assert_clean(&refusal, "what is said of it");
        }
    }
}

#[test]
fn without_the_vault_all_are_found_but_names_that_look_like_words() {
    let names = ["Jane Quimby-Doe", "quimbydoe_jane", "JQuimby", "vandermeer"];
    for planted in PLANTED.iter().filter(|planted| !names.contains(planted)) {
        assert!(!find(planted, &Known::none()).is_empty(), "{planted}");
    }
}

#[test]
fn a_stripped_name_of_a_file_keeps_none_of_them() {
    for planted in PLANTED {
        for name in carriers(planted) {
            let safe = strip_file_name(&name);
            assert_clean(safe.as_str(), &name);
            assert!(find(safe.as_str(), &known()).is_empty(), "{safe} of {name}");
        }
    }
    assert_eq!(strip_file_name("left_femur_QUIMBY^JANE_v2.gcode").as_str(), "left-femur-v2.gcode");
}

fn origin() -> Origin {
    Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() }
}

fn stamp() -> Stamp {
    Stamp { wall: WallTime(1), mono: Moment(2), boot: BootId::from_entropy([7; 16]) }
}

fn subject() -> JobRef {
    JobRef {
        case: CaseToken::from_entropy([1; 16]),
        part: PartId::from_entropy([2; 16]),
        job: JobId::from_entropy([3; 16]),
        job_seq: 1,
        outbox_seq: 1,
    }
}

/// Every fact of a job that has room for somebody's words, with this in all of it.
fn facts(planted: &str) -> Vec<Fact> {
    let (hash, printer) = (FileHash::from_digest([5; 32]), || "mk3-07".parse().unwrap());
    let (text, progress) = (planted.to_owned(), Progress { confirmed: 1, total: 2 });
    let order = SliceOrder {
        // One of those in the configuration, which is judged before.
        process: "mk3-pla-02".into(),
        unit: Some(text.clone()),
        scale: SliceOrder::WHOLE,
        mirrored: false,
        expected: None,
        accepted: vec![text.clone()],
        by: Some(text.clone()),
    };
    let chain = Chain {
        model: ModelLink {
            hash: hash.clone(),
            format: "stl-binary".into(),
            unit: "mm".into(),
            size: [Height::from_mm(80.0).unwrap(); 3],
            triangles: 12,
            watertight: true,
        },
        process: "mk3-pla-02".into(),
        printer_model: "prusa-mk3s".into(),
        material: text.clone(),
        profile: ProfileLink { name: text.clone(), version: 3, hash: hash.clone() },
        slicer: SlicerLink { name: "prusa-slicer".into(), version: "2.9.0".into() },
        file: hash.clone(),
        bytes: 9,
        layers: 7,
        height: Height::from_mm(80.0),
        network_cut: true,
        accepted: Vec::new(),
    };
    vec![
        Fact::JobSlicing {
            model: hash.clone(),
            order: Box::new(order),
            pinned: None,
            material: Some(text.clone()),
        },
        Fact::JobSliced { chain: Box::new(chain) },
        Fact::JobNotSliced { why: text.clone() },
        Fact::JobQueued {
            file: hash.clone(),
            commands: 9,
            digest: hash,
            pinned: None,
            material: Some(text.clone()),
            resumes: None,
            gate: None,
            attempt: None,
            also: Vec::new(),
        },
        Fact::JobReleased { printer: printer(), by: text.clone() },
        Fact::JobAccepted { findings: Vec::new(), by: text.clone() },
        Fact::JobPaused { printer: printer(), progress, reason: PauseReason::Person { by: text.clone() } },
        Fact::JobResumed { printer: printer(), by: Some(text.clone()) },
        Fact::JobCancelled { printer: Some(printer()), progress: Some(progress), by: text, line: None },
        Fact::JobInterrupted { printer: printer(), progress, why: Interruption::Unplugged, line: None },
    ]
}

fn ended_job(planted: &str) -> Job {
    let hash = FileHash::from_digest([5; 32]);
    let run = Run {
        printer: "mk3-07".parse().unwrap(),
        started: WallTime(1),
        progress: Progress::default(),
        line: None,
        paused: false,
    };
    Job {
        id: subject().job,
        case: subject().case,
        part: subject().part,
        file: hash.clone(),
        commands: 9,
        digest: hash,
        pinned: None,
        material: Some(planted.into()),
        queued: WallTime(1),
        order: 1,
        events: 4,
        state: JobState::Ended {
            run: Some(run),
            ended: WallTime(2),
            outcome: Outcome::Cancelled { by: planted.into() },
        },
        released: None,
        cancelling: None,
        trail_lost: false,
        continued: Vec::new(),
        resume_files: Vec::new(),
        resumes: None,
        attempt: None,
    }
}

/// A printer of which every text that it can show says this.
fn snapshot(planted: &str, activity: Activity) -> Snapshot {
    let prompt = Prompt { text: planted.into(), buttons: vec![planted.into()] };
    Snapshot {
        firmware: Some(planted.into()),
        hold: Hold { text: Some(planted.into()), prompt: Some(prompt), ..Hold::default() },
        ..Snapshot { activity, ..Snapshot::offline("mk3-07".parse().unwrap(), planted, Moment(1)) }
    }
}

fn assert_message_clean(message: &Message, planted: &str) {
    assert_clean(&message.topic, "a topic");
    assert_clean(&String::from_utf8_lossy(&message.payload), "a payload");
    let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(find_in_json(&json, &known()), [], "{planted}: {json:#}");
    assert_eq!(find(&message.topic, &known()), [], "{}", message.topic);
}

#[test]
fn none_goes_out_over_mqtt() {
    for planted in PLANTED {
        for fact in facts(planted) {
            let ends = fact.ends_job();
            let actor = Actor::Person(planted.into());
            let event = Event { seq: 1, stamp: stamp(), actor, subject: Some(subject()), fact };
            assert_message_clean(&origin().event(&event).unwrap(), planted);
            if ends {
                assert_message_clean(&origin().summary(&event, &ended_job(planted)).unwrap(), planted);
            }
        }
        let (belonging, latch) = (
            Belonging { case: subject().case, part: subject().part },
            Latch::Stopped { by: planted.into(), at: WallTime(1) },
        );
        let mut record = PrinterRecord::new("mk3-07".parse().unwrap());
        record.latch = Some(latch);
        for activity in [
            Activity::Offline { reason: planted.into() },
            Activity::Quarantined { reason: planted.into() },
            Activity::Printing { job: subject().job, progress: Progress::default() },
        ] {
            let snapshot = snapshot(planted, activity);
            assert_message_clean(&origin().status(&snapshot, &record, Some(&belonging), &stamp()), planted);
            assert_message_clean(&origin().telemetry(&snapshot, Some(&belonging), &stamp()), planted);
        }
    }
}

#[tokio::test]
async fn none_is_in_the_metrics() {
    let lab = support::lab().await;
    let all = PLANTED.join(" | ");
    let gcode = format!("; {all}\nG28 ; {all}\nM117 {}\n", PLANTED[0]);
    let answer = lab.upload([gcode.as_bytes(), support::GCODE].concat().as_slice()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    for activity in [
        Activity::Offline { reason: all.clone().into() },
        Activity::Quarantined { reason: all.clone() },
        Activity::Printing { job: subject().job, progress: Progress::default() },
    ] {
        for (name, board) in &lab.boards {
            let shown = Snapshot { printer: name.parse().unwrap(), ..snapshot(&all, activity.clone()) };
            board.send_replace(Arc::new(shown));
        }
        let page = lab.get("/metrics").await;
        assert!(page.status == 200 && page.body.contains("platen_printer_state"), "{page:?}");
        assert_clean(&page.body, "the metrics");
    }
}

#[test]
fn none_is_on_a_label() {
    let label = Label {
        token: subject().case,
        part: 2,
        attempt: 1,
        revision: Some(3),
        side: Some(Side::Left),
        lot: Some(LotId::from_entropy([4; 16])),
        made: Some(Made::Year(2026)),
        marks: BTreeSet::from(Mark::ALL),
    };
    for stock in Stock::ALL {
        for line in label.draw(stock).unwrap().lines {
            assert_eq!(find(&line.text, &known()), [], "{}", line.text);
        }
        assert_clean(&label.svg(stock).unwrap(), "a label");
        assert_clean(&String::from_utf8_lossy(&label.pdf(stock).unwrap()), "a label");
    }
}

/// What somebody has typed about a lot is of no case, so the names of the vault's are not looked for.
#[test]
fn none_that_looks_like_one_is_on_a_lot_s_label() {
    for planted in PLANTED.iter().filter(|planted| !find(planted, &Known::none()).is_empty()) {
        let text: String = format!("for {planted}").chars().take(40).collect();
        let label = LotLabel {
            lot: LotId::from_entropy([4; 16]),
            material: Said::new(planted),
            supplier_lot: Said::new(&text),
            expires: "2099-06-30".parse().unwrap(),
            open: None,
        };
        for stock in Stock::ALL {
            assert_clean(&label.svg(stock).unwrap(), "a lot's label");
            assert_clean(&String::from_utf8_lossy(&label.pdf(stock).unwrap()), "a lot's label");
        }
    }
}

/// All that the journal and its state have, as text.
fn stored(store: &dyn Store) -> String {
    let mut all: Vec<Vec<u8>> =
        store.events(0, usize::MAX).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    all.extend(store.entities().unwrap().into_iter().map(|(_, bytes)| bytes));
    all.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned() + "\n").collect()
}

#[tokio::test]
async fn identifiers_go_into_the_vault_and_out_of_it_and_the_journal_tells_who_and_why_and_not_what() {
    let lab = support::lab().await;
    let case = lab.case().await;
    let state = lab.folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let key = lab.folder.path().join("key");
    Keys::make(&key, &state).unwrap();
    let open = |states: &BTreeMap<CaseToken, IdentifierState>| {
        let keys = Keys::read(&key, &state).unwrap();
        Vault::open(&state.join("vault"), keys, lab.clock.boot().clone(), states).unwrap()
    };
    let ask = async |request| {
        let actor = Actor::Person("kim".into());
        lab.recorder.submit(Request::Identifiers(Box::new(request)), actor).await
    };
    let read =
        || IdentifierRequest::Read { case: case.clone(), reason: ReadingReason::Handover, by: "kim".into() };
    let vault = open(&BTreeMap::new());
    let nothing = ask(read()).await.unwrap_err().to_string();
    assert!(nothing.contains("no identifiers of case"), "{nothing}");

    let prepared = vault.prepare(&case, 1, &identifiers()).unwrap();
    let keep = IdentifierRequest::Keep {
        case: case.clone(),
        version: prepared.version(),
        seal: prepared.seal().clone(),
        kinds: identifiers().kinds(),
        by: "kim".into(),
    };
    let events = ask(keep).await.unwrap();
    vault.settle(prepared, &Keeping::journaled(&events[0]).unwrap()).unwrap();

    let events = ask(read()).await.unwrap();
    let shown = vault.read(Reading::journaled(&events[0]).unwrap()).unwrap();
    assert_eq!(shown, identifiers());

    // Another start, from what the lab knows.
    let states = lab.recorder.read(|lab| {
        let known = lab.cases.iter().filter_map(|(case, of)| Some((case.clone(), of.identifiers.clone()?)));
        known.collect::<BTreeMap<_, _>>()
    });
    let vault = open(&states);
    assert_eq!(vault.known(&case, 1).map(|known| find("for jane", &known).len()).unwrap(), 1);

    let erase = IdentifierRequest::Erase {
        case: case.clone(),
        reason: ErasingReason::PatientRequest,
        by: "kim".into(),
    };
    let events = ask(erase).await.unwrap();
    vault.erase(&Erasing::journaled(&events[0]).unwrap()).unwrap();
    assert!(vault.cases().unwrap().is_empty());
    assert!(ask(read()).await.is_err());

    let journal = stored(lab.store.as_ref());
    assert_clean(&journal, "the journal");
    for word in ["\"kept\"", "\"read\"", "\"erased\"", "handover", "patient_request", "birth_date", "kim"] {
        assert!(journal.contains(word), "{word} in {journal}");
    }
    // What the journal says again is what the lab knows: replayed, it is the same.
    let replayed = platen::services::recorder::audit(lab.store.as_ref());
    assert!(replayed.is_ok(), "{replayed:?}");
}
