//! The desk over a journal in memory and a vault on the disk: what is told of what, and what a closed vault still does.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::case::IntendedUse;
use crate::domain::identifiers::{Entered, IdentifierFact};
use crate::domain::part::PartName;
use crate::domain::privacy::HELD_BACK;
use crate::domain::quality::words::Text;
use crate::io::clock::{Clock, entropy};
use crate::io::store::Store;
use crate::io::store::memory::MemoryStore;

struct World {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    recorder: Recorder,
    clock: Clock,
    case: CaseToken,
}

fn identifiers() -> Identifiers {
    let entered = Entered {
        name: Some("Quimby, Jane".into()),
        mrn: Some("4711-0815".into()),
        surgery_at: Some("2026-12-01T07:30".into()),
        ..Entered::default()
    };
    Identifiers::try_from(&entered).unwrap()
}

fn rita() -> UserName {
    "rita".parse().unwrap()
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let store = Arc::new(MemoryStore::default());
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let recorder = Recorder::open(shared, clock.clone(), site, node).await.unwrap();
        let case = CaseToken::from_entropy([3; 16]);
        let open = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide };
        recorder.submit(open, Actor::Platen).await.unwrap();
        let world = Self { folder, store, recorder, clock, case };
        Keys::make(&world.key(), &world.state()).unwrap();
        world
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("vault.key")
    }

    /// The desk as another start of the daemon has it.
    async fn desk(&self) -> VaultDesk {
        let place = Place { state: self.state(), key: VaultKey::File(self.key()), credentials: None };
        VaultDesk::open(Some(place), &self.state(), self.recorder.clone(), self.clock.boot().clone()).await
    }

    async fn facts(&self) -> Vec<IdentifierFact> {
        let events = self.recorder.events(1, 1000).await.unwrap();
        let facts = events.into_iter().filter_map(|event| match event.fact {
            Fact::Identifiers(fact) => Some(*fact),
            _ => None,
        });
        facts.collect()
    }

    async fn add_part(&self, name: &str) -> Event {
        let part = crate::domain::ids::PartId::from_entropy(entropy());
        let name = PartName::try_from(name.to_owned()).unwrap();
        let request = Request::AddPart { case: self.case.clone(), part, name };
        self.recorder.submit(request, Actor::Platen).await.unwrap()[0].as_ref().clone()
    }
}

#[tokio::test]
async fn what_is_kept_is_read_by_who_is_in_the_journal_before_and_erased_for_ever() {
    let world = World::new().await;
    let desk = world.desk().await;
    assert_eq!(desk.word(), "open");
    assert_eq!(desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap(), 1);
    assert_eq!(desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap(), 2);
    let read = desk.read(&rita(), world.case.clone(), ReadingReason::Handover).await.unwrap();
    assert_eq!(read, identifiers());
    desk.erase(&rita(), world.case.clone(), ErasingReason::Retention).await.unwrap();
    assert!(desk.sealed_cases().await.unwrap().is_empty());
    let error = desk.read(&rita(), world.case.clone(), ReadingReason::Audit).await.unwrap_err();
    assert!(error.to_string().contains("no identifiers of case"), "{error}");
    let told: Vec<String> = world.facts().await.iter().map(|fact| format!("{fact:?}")).collect();
    let steps = ["Kept", "Kept", "Read", "Erased"];
    assert_eq!(told.len(), steps.len(), "{told:?}");
    for (told, step) in told.iter().zip(steps) {
        assert!(told.starts_with(step) && told.contains("rita"), "{told}");
        assert!(!told.contains("Quimby") && !told.contains("4711"), "{told}");
    }
}

#[tokio::test]
async fn another_start_reads_what_was_kept_and_a_case_that_is_not_there_is_told_so() {
    let world = World::new().await;
    world.desk().await.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let desk = world.desk().await;
    assert_eq!(desk.read(&rita(), world.case.clone(), ReadingReason::Billing).await.unwrap(), identifiers());
    let nobody = CaseToken::from_entropy([9; 16]);
    let error = desk.keep(&rita(), nobody.clone(), identifiers()).await.unwrap_err();
    assert!(matches!(error, NotServed::NotRecorded(NotRecorded::Refused(Refusal::NoCase(_)))), "{error}");
    assert_eq!(desk.sealed_cases().await.unwrap(), vec![world.case], "nothing is left of it");
}

#[tokio::test]
async fn what_cannot_be_opened_is_not_in_the_journal_as_read() {
    let world = World::new().await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let record = world.state().join(FOLDER).join(world.case.as_str());
    let mut bytes = std::fs::read(&record).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&record, bytes).unwrap();
    let error = desk.read(&rita(), world.case.clone(), ReadingReason::Handover).await.unwrap_err();
    assert!(error.to_string().contains("cut or changed"), "{error}");
    assert_eq!(world.facts().await.len(), 1, "kept, and never read");
}

#[tokio::test]
async fn a_journal_that_takes_nothing_leaves_the_record_as_it_was() {
    let world = World::new().await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    world.store.set_full(true);
    let mrn = Entered { mrn: Some("4712".into()), ..Entered::default() };
    let other = Identifiers::try_from(&mrn).unwrap();
    assert!(desk.keep(&rita(), world.case.clone(), other).await.is_err());
    assert!(desk.read(&rita(), world.case.clone(), ReadingReason::Handover).await.is_err());
    assert!(desk.erase(&rita(), world.case.clone(), ErasingReason::Retention).await.is_err());
    world.store.set_full(false);
    let desk = world.desk().await;
    assert_eq!(desk.read(&rita(), world.case.clone(), ReadingReason::Handover).await.unwrap(), identifiers());
}

#[tokio::test]
async fn a_vault_without_its_key_is_closed_and_opens_when_the_key_is_back() {
    let world = World::new().await;
    world.desk().await.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let aside = world.folder.path().join("aside");
    std::fs::rename(world.key(), &aside).unwrap();
    let missing = world.desk().await;
    Keys::make(&world.key(), &world.state()).unwrap();
    let other = world.desk().await;
    std::fs::remove_file(world.key()).unwrap();
    std::fs::copy(&aside, world.key()).unwrap();
    std::fs::set_permissions(world.key(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let open_to_others = world.desk().await;
    for desk in [&missing, &other, &open_to_others] {
        assert_eq!(desk.word(), "closed");
        let error = desk.read(&rita(), world.case.clone(), ReadingReason::Handover).await.unwrap_err();
        assert!(matches!(error, NotServed::Closed), "{error}");
        assert!(matches!(
            desk.keep(&rita(), world.case.clone(), identifiers()).await,
            Err(NotServed::Closed)
        ));
        assert_eq!(desk.sealed_cases().await.unwrap().len(), 1, "a backup takes what is sealed");
    }
    let error = missing.reseal().await.unwrap_err().to_string();
    assert!(error.contains("mode 0640") && error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(world.key(), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(missing.reseal().await.unwrap().unchanged, 1);
    assert_eq!(missing.word(), "open");
    assert_eq!(
        missing.read(&rita(), world.case.clone(), ReadingReason::Handover).await.unwrap(),
        identifiers()
    );
    assert_eq!(world.facts().await.len(), 2, "kept and read, and nothing of the closed ones");
}

#[tokio::test]
async fn another_key_seals_everything_anew_while_the_daemon_runs() {
    let world = World::new().await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let before = desk.sealed_record(world.case.clone()).await.unwrap();
    Keys::add(&world.key(), &world.state()).unwrap();
    assert_eq!(desk.reseal().await.unwrap().changed, 1);
    assert_ne!(desk.sealed_record(world.case.clone()).await.unwrap(), before);
    let text = std::fs::read_to_string(world.key()).unwrap();
    std::fs::write(world.key(), text.lines().last().unwrap()).unwrap();
    let desk = world.desk().await;
    assert_eq!(desk.read(&rita(), world.case.clone(), ReadingReason::Audit).await.unwrap(), identifiers());
}

#[tokio::test]
async fn without_a_vault_nothing_is_kept_and_nothing_is_held() {
    let world = World::new().await;
    let desk =
        VaultDesk::open(None, &world.state(), world.recorder.clone(), world.clock.boot().clone()).await;
    assert_eq!(desk.word(), "off");
    let error = desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap_err();
    assert!(matches!(error, NotServed::Off), "{error}");
    assert!(desk.sealed_cases().await.unwrap().is_empty());
    let held = desk.held(None).await;
    assert!(held.cases.is_empty() && held.others.is_none());
}

/// What platen itself says in a thread, through the one door by which it does: a lot that runs low, and is empty then.
#[tokio::test]
async fn a_closed_vault_holds_back_what_people_wrote_on_a_case_and_nothing_that_platen_wrote() {
    use crate::domain::ids::{FileHash, JobId, LotId};
    use crate::domain::job::Progress;
    use crate::domain::lab::NewJob;
    use crate::domain::part::PartRef;
    use crate::domain::printer::LineHealth;
    use crate::domain::quality::lot::{LotAbout, Step as LotStep};
    let world = World::new().await;
    world.desk().await.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    world.add_part("left femur").await;
    let change = async |by: Option<&str>, change: Change| {
        let asked = quality::Request { by: by.map(str::to_owned), change };
        let actor = by.map_or(Actor::Platen, |by| Actor::Person(by.into()));
        world.recorder.submit(Request::Quality(Box::new(asked)), actor).await.unwrap()
    };
    let (lot, printer) = (LotId::from_entropy([5; 16]), || "mk3-07".parse().unwrap());
    let about = LotAbout {
        material: "PLA".parse().unwrap(),
        supplier_lot: "for Jane".parse().unwrap(),
        supplier: None,
        received: "2026-01-01".parse().unwrap(),
        expires: "2099-01-01".parse().unwrap(),
        open_days: None,
        certificate: None,
        milligrams: 1_000,
        density: None,
    };
    let received = LotStep::Received { about: Box::new(about) };
    change(Some("sam"), Change::Lot { lot: lot.clone(), step: received }).await;
    change(Some("sam"), Change::Loaded { lot: lot.clone(), printer: printer(), slot: 0 }).await;
    let mut entries = Vec::new();
    for (n, milligrams) in [(1, 950), (2, 60)] {
        let job = JobId::from_entropy([n; 16]);
        let digest = FileHash::from_digest([9; 32]);
        let new = NewJob {
            job: job.clone(),
            case: world.case.clone(),
            part: PartRef::Number(1),
            also: Vec::new(),
            file: FileHash::from_digest([8; 32]),
            commands: 10,
            digest: digest.clone(),
            pinned: None,
            material: None,
            gate: None,
        };
        let progress = Progress { confirmed: 10, total: 10 };
        let line = Box::new(LineHealth::default());
        for request in [
            Request::QueueJob(Box::new(new)),
            Request::StartJob { job: job.clone(), printer: printer() },
            Request::NotePrinted { job: job.clone(), progress, digest, line, millis: 5 },
            Request::ClearBed { printer: printer(), by: "oli".into() },
        ] {
            world.recorder.submit(request, Actor::Person("oli".into())).await.unwrap();
        }
        let used = Change::MaterialUsed { job, lot: lot.clone(), milligrams, runs_out: None };
        entries.extend(change(None, used).await);
    }
    let text = Text::new("it is ready").unwrap();
    let step = Step::MessagePosted { text, mentions: Vec::new() };
    entries.extend(change(Some("lee"), Change::Case { case: world.case.clone(), step }).await);

    std::fs::remove_file(world.key()).unwrap();
    let held = world.desk().await.held(None).await;
    let mut lab = world.recorder.read(Lab::clone);
    let texts = |event: &Arc<Event>| match held.entry(&lab, event.as_ref().clone()).fact {
        Fact::Quality(quality::Fact {
            change: Change::Case { step: Step::MessagePosted { text, .. }, .. },
            ..
        }) => Some(text.to_string()),
        _ => None,
    };
    let told: Vec<String> = entries.iter().filter_map(texts).collect();
    held.lab(&mut lab);
    let kept: Vec<String> = lab.quality.messages.values().map(|of| of.text.to_string()).collect();
    assert_eq!(told, kept);
    assert_eq!(told.len(), 3, "{told:?}");
    let begin = [format!("Lot {lot} is running low"), format!("Lot {lot} should be empty")];
    assert!(told.iter().zip(begin).all(|(text, begin)| text.starts_with(&begin)), "{told:?}");
    assert_eq!(told[2], HELD_BACK, "nobody can say which words of people are harmless");
    assert!(!told.concat().contains("Jane"), "and no word of anybody's is in them");
}

#[tokio::test]
async fn entries_and_the_lab_go_out_without_what_the_vault_has_and_with_all_else() {
    let world = World::new().await;
    let early = world.add_part("femur Quimby").await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let late = world.add_part("left femur").await;
    let held = desk.held(Some(world.case.clone())).await;
    let mut lab = world.recorder.read(Lab::clone);
    let name = |event: Event| match event.fact {
        Fact::PartAdded { name, .. } => name.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(held.entry(&lab, early.clone())), HELD_BACK);
    assert_eq!(name(held.entry(&lab, late.clone())), "left femur");
    held.lab(&mut lab);
    let names: Vec<_> = lab.parts_of(&world.case).iter().map(|part| part.name.as_str().to_owned()).collect();
    assert!(names.contains(&HELD_BACK.to_owned()) && names.contains(&"left femur".to_owned()), "{names:?}");

    // A closed vault lets no word of that case out, since nobody can say which are harmless.
    std::fs::remove_file(world.key()).unwrap();
    let closed = world.desk().await;
    let held = closed.held(None).await;
    assert_eq!(name(held.entry(&lab, late)), HELD_BACK);
    let words = Text::new("for Jane Quimby").unwrap();
    for case in [Some(&world.case), None] {
        closed.let_in(case, &words, Words::CanWait).await.unwrap();
        let error = desk.let_in(case, &words, Words::KeepApart).await.unwrap_err().to_string();
        assert!(error.contains("the patient's name") && !error.contains("Quimby"), "{error}");
    }
}

fn lot(step: serde_json::Value) -> Change {
    let change = serde_json::json!({"what": "lot", "lot": "0123456789abcdef", "step": step});
    serde_json::from_value(change).unwrap()
}

fn blocked(why: &str) -> Change {
    lot(serde_json::json!({"is": "blocked", "why": why}))
}

fn someone(name: &str) -> Identifiers {
    let entered = Entered { name: Some(name.into()), ..Entered::default() };
    Identifiers::try_from(&entered).unwrap()
}

impl World {
    async fn other_case(&self, byte: u8) -> CaseToken {
        let case = CaseToken::from_entropy([byte; 16]);
        let open = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide };
        self.recorder.submit(open, Actor::Platen).await.unwrap();
        case
    }

    fn damage(&self, case: &CaseToken) -> impl FnOnce() + use<> {
        let record = self.state().join(FOLDER).join(case.as_str());
        let before = std::fs::read(&record).unwrap();
        let mut bytes = before.clone();
        bytes[60] ^= 1;
        std::fs::write(&record, bytes).unwrap();
        move || std::fs::write(&record, before).unwrap()
    }

    /// The entry that a fact of no case would be, as it goes out.
    fn told(&self, held: &Held, change: &Change) -> String {
        let fact = quality::Fact { by: Some("rita".into()), printed_name: None, change: change.clone() };
        let stamp = self.clock.stamp();
        let event = Event { seq: 1, stamp, actor: Actor::Platen, subject: None, fact: Fact::Quality(fact) };
        let event = self.recorder.read(|lab| held.entry(lab, event));
        story::told(&event.fact)
    }
}

#[tokio::test]
async fn words_of_no_case_are_held_against_all_records_and_each_is_opened_once() {
    let world = World::new().await;
    let desk = world.desk().await;
    let mut cases = Vec::new();
    for (byte, name) in [(21, "Vandermeer, Ada"), (22, "Ottokar, Emil"), (23, "Lindqvist, Maja")] {
        let case = world.other_case(byte).await;
        desk.keep(&rita(), case.clone(), someone(name)).await.unwrap();
        cases.push(case);
    }
    for name in ["Vandermeer", "ottokar", "MAJA"] {
        let error = desk.let_in(None, &blocked(name), Words::KeepApart).await.unwrap_err().to_string();
        assert!(error.contains("`why` has the patient's name in it") && !error.contains(name), "{error}");
        assert!(desk.let_name_in(&name.to_lowercase()).await.is_err());
    }
    desk.let_in(None, &blocked("the seal is open"), Words::CanWait).await.unwrap();

    // Nothing is opened again, and of what changes only that.
    let mend: Vec<_> = cases.iter().map(|case| world.damage(case)).collect();
    assert!(desk.let_in(None, &blocked("Ottokar"), Words::CanWait).await.is_err());
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    for name in ["Quimby", "Ottokar", "Lindqvist", "4711 0815"] {
        assert!(desk.let_in(None, &blocked(name), Words::CanWait).await.is_err(), "{name}");
    }
    assert_eq!(desk.all().await.unread.len(), 0);
    mend.into_iter().for_each(|mend| mend());

    // What is erased or entered anew is no longer known.
    desk.erase(&rita(), cases[0].clone(), ErasingReason::Retention).await.unwrap();
    desk.keep(&rita(), cases[1].clone(), someone("Brightwater, Una")).await.unwrap();
    for (name, is_known) in
        [("Vandermeer", false), ("Ottokar", false), ("Brightwater", true), ("Lindqvist", true)]
    {
        let taken = desk.let_in(None, &blocked(name), Words::CanWait).await;
        assert_eq!(taken.is_err(), is_known, "{name}");
    }
}

#[tokio::test]
async fn what_was_written_about_no_case_before_the_vault_knew_does_not_go_out() {
    let world = World::new().await;
    let desk = world.desk().await;
    let early = blocked("spilt by Quimby");
    let instrument: Change = serde_json::from_value(serde_json::json!({"what": "instrument",
        "instrument": {"name": "quimby", "what": "caliper of Jane", "calibration_due": "2099-01-01"}}))
    .unwrap();
    assert!(world.told(&desk.held(None).await, &early).contains("spilt by Quimby"));
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    // Also in what is told of another case, which the lot was used for.
    let other = world.other_case(21).await;
    for case in [None, Some(world.case.clone()), Some(other)] {
        let held = desk.held(case).await;
        assert!(world.told(&held, &early).ends_with(HELD_BACK), "{}", world.told(&held, &early));
        assert!(world.told(&held, &blocked("the seal is open")).ends_with("the seal is open"));
        let told = world.told(&held, &instrument);
        assert!(told.contains("instrument held-back is noted"), "{told}");
    }
    let mut lab = world.recorder.read(Lab::clone);
    let Change::Instrument { instrument } = &instrument else { unreachable!() };
    lab.quality.instruments.insert(instrument.name.clone(), instrument.as_ref().clone());
    let id: crate::domain::ids::LotId = "0123456789abcdef".parse().unwrap();
    let lot = serde_json::json!({"id": id, "about": {"material": "PLA of Jane", "supplier_lot": "L-1",
        "received": "2020-01-01", "expires": "2099-01-01", "milligrams": 1}, "state": {"status": "blocked",
        "why": "Quimby"}, "opened": null, "left_mg": 1});
    lab.quality.lots.insert(id, serde_json::from_value(lot).unwrap());
    desk.held(None).await.lab(&mut lab);
    let shown = format!("{:?} {:?}", lab.quality.lots, lab.quality.instruments).to_lowercase();
    assert!(!shown.contains("jane") && !shown.contains("quimby") && shown.contains("l-1"), "{shown}");

    // Where nobody can say which words are harmless, none goes out.
    let mend = world.damage(&world.case);
    let desk = world.desk().await;
    let held = desk.held(None).await;
    assert!(world.told(&held, &blocked("the seal is open")).ends_with(HELD_BACK));
    mend();
    std::fs::remove_file(world.key()).unwrap();
    let held = world.desk().await.held(None).await;
    assert!(world.told(&held, &blocked("the seal is open")).ends_with(HELD_BACK));
}

#[tokio::test]
async fn words_of_a_case_whose_record_is_damaged_wait_for_it_and_what_keeps_apart_does_not() {
    let world = World::new().await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let mend = world.damage(&world.case);
    let words = Text::new("the left hand is ready").unwrap();
    let error = desk.let_in(Some(&world.case), &words, Words::CanWait).await.unwrap_err().to_string();
    let token = world.case.to_string();
    assert!(error.contains(&token) && error.contains("cut or changed; bring it back"), "{error}");
    desk.let_in(Some(&world.case), &words, Words::KeepApart).await.unwrap();
    // Words of no case are many people's work, and are held against the other records.
    desk.let_in(None, &blocked("the seal is open"), Words::CanWait).await.unwrap();
    assert_eq!(desk.all().await.unread.len(), 1);
    mend();
    desk.let_in(Some(&world.case), &words, Words::CanWait).await.unwrap();
    desk.reseal().await.unwrap();
    assert!(desk.let_in(None, &blocked("Quimby"), Words::CanWait).await.is_err());
}

/// Whoever seals thousands of records anew is at the desk for minutes.
#[tokio::test]
async fn what_keeps_apart_waits_for_nobody_at_the_desk_and_all_else_does() {
    let world = World::new().await;
    let desk = world.desk().await;
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    let mend = world.damage(&world.case);
    let words = Text::new("the left hand is ready").unwrap();
    let at_the_desk = desk.0.changes.lock().await;
    let patience = std::time::Duration::from_secs(20);
    let apart = async {
        desk.let_in(None, &blocked("for Quimby"), Words::KeepApart).await.unwrap();
        desk.let_in(Some(&world.case), &words, Words::KeepApart).await.unwrap();
    };
    tokio::time::timeout(patience, apart).await.expect("it does not wait");
    mend();
    let leave = async { drop(at_the_desk) };
    let words = blocked("for Quimby");
    let (taken, ()) = tokio::join!(desk.let_in(None, &words, Words::CanWait), leave);
    assert!(taken.is_err(), "it waited, and was looked at");
    // What is known already is held against what keeps apart, too, whoever is at the desk.
    let _at_the_desk = desk.0.changes.lock().await;
    assert!(desk.let_in(None, &blocked("for Quimby"), Words::KeepApart).await.is_err());
}

#[tokio::test]
async fn what_was_opened_is_kept_where_whoever_asked_goes_away() {
    let world = World::new().await;
    let desk = world.desk().await;
    let other = world.other_case(21).await;
    desk.keep(&rita(), other.clone(), someone("Vandermeer, Ada")).await.unwrap();
    assert_eq!(desk.all().await.unread.len(), 0);
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    // It is in memory, and could not be opened again.
    let _mend = world.damage(&other);
    let mut asking = Box::pin(desk.all());
    let asked = std::future::poll_fn(|context| std::task::Poll::Ready(asking.as_mut().poll(context)));
    assert!(asked.await.is_pending(), "its records are being opened");
    drop(asking);
    // It is begun now, and done when the desk is free.
    tokio::task::yield_now().await;
    drop(desk.0.changes.lock().await);
    let all = desk.all().await;
    assert_eq!((all.unread.len(), all.kept), (0, 2));
    for name in ["Quimby", "Vandermeer"] {
        assert!(desk.let_in(None, &blocked(name), Words::CanWait).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn nothing_that_the_vault_has_stands_on_the_label_of_a_lot() {
    let world = World::new().await;
    let desk = world.desk().await;
    let received = |material: &str, number: &str| -> Lot {
        let about = serde_json::json!({"material": material, "supplier_lot": number, "received": "2020-01-01",
            "expires": "2099-01-01", "milligrams": 1});
        let lot = serde_json::json!({"id": "0123456789abcdef", "about": about, "state": {"status": "released"},
            "opened": null, "left_mg": 1});
        serde_json::from_value(lot).unwrap()
    };
    let shown = async |desk: &VaultDesk, material: &str, number: &str| {
        let mut lot = received(material, number);
        desk.held_of_no_case().await.lot(&mut lot);
        [lot.about.material.to_string(), lot.about.supplier_lot.to_string()]
    };
    let held = HELD_BACK;
    assert_eq!(shown(&desk, "PLA", "Quimby").await, ["PLA", "Quimby"], "nothing is known of anybody");
    desk.keep(&rita(), world.case.clone(), identifiers()).await.unwrap();
    for (material, number, wanted) in [
        ("PLA", "Quimby", ["PLA", held]),
        ("for Quimby", "L-2231", [held, "L-2231"]),
        ("PLA", "4711-0815", ["PLA", held]),
        ("PLA", "47110815", ["PLA", held]),
        ("PLA", "47110816", ["PLA", "47110816"]),
    ] {
        assert_eq!(shown(&desk, material, number).await, wanted);
    }
    std::fs::remove_file(world.key()).unwrap();
    let closed = world.desk().await;
    assert_eq!(shown(&closed, "PLA", "47110816").await, [held, held], "nobody can say what is harmless");
}
