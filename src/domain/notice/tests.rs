//! Notices by tables: what is told of what, to whom, and that no word of people is in it.

use super::*;
use crate::domain::case::IntendedUse;
use crate::domain::event::JobRef;
use crate::domain::heat::Hazard;
use crate::domain::ids::{BootId, FileHash, InspectionId, InstrumentName, PartId};
use crate::domain::job::{Interruption, Progress};
use crate::domain::moment::{Moment, Stamp};
use crate::domain::people::notices::{Settings, Ways};
use crate::domain::people::roles::Role;
use crate::domain::people::{self, By};
use crate::domain::printer::{Fault, LineHealth, RelayOutcome};
use crate::domain::quality::case::{CaseAbout, CaseRecord};
use crate::domain::quality::inspection::{Found, Instrument, Measured};
use crate::domain::quality::nonconformance::Cause;
use crate::domain::quality::printed::{Doubt, PrintedPart, PrintedState};
use crate::domain::quality::qualification::Qualification;
use crate::domain::quality::signature::Proof;
use crate::domain::quality::words::Text;

/// In every text that a person may write.
const PATIENT: &str = "Meier, Johanna 1948-02-11 MRN 4471129";

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn case() -> CaseToken {
    CaseToken::from_entropy([1; 16])
}

fn printer() -> PrinterName {
    "mk3-07".parse().unwrap()
}

fn job() -> JobId {
    JobId::from_entropy([3; 16])
}

fn serial() -> Serial {
    Serial { case: case(), part: 1, attempt: 2 }
}

fn words() -> Text {
    Text::new(PATIENT).unwrap()
}

fn day(day: &str) -> Day {
    day.parse().unwrap()
}

fn event(actor: Actor, job: bool, fact: Fact) -> Event {
    let stamp =
        Stamp { wall: WallTime(1_795_458_000_000), mono: Moment(2), boot: BootId::from_entropy([7; 16]) };
    let subject = job.then(|| JobRef {
        case: case(),
        part: PartId::from_entropy([2; 16]),
        job: self::job(),
        job_seq: 1,
        outbox_seq: 1,
    });
    Event { seq: 9, stamp, actor, subject, fact }
}

/// People of each role by its name, a case with a part, and a job at it that `operator` has begun.
fn lab() -> Lab {
    let mut lab = Lab::default();
    for role in Role::ALL {
        let (user, printed) = (name(role.word()), role.word().parse().unwrap());
        let fact = people::Fact::UserAdded { user, printed, roles: BTreeSet::from([role]), by: By::Setup };
        lab.people.apply(&fact, WallTime(1));
    }
    let facts = [
        (false, Fact::CaseOpened { case: case(), intended_use: IntendedUse::Diagnostic }),
        (
            false,
            Fact::PartAdded {
                case: case(),
                part: PartId::from_entropy([2; 16]),
                number: 1,
                name: "the mandible of Meier".to_owned().try_into().unwrap(),
            },
        ),
        (
            true,
            Fact::JobQueued {
                file: FileHash::from_digest([4; 32]),
                commands: 10,
                digest: FileHash::from_digest([5; 32]),
                pinned: None,
                material: Some("PLA for Meier".into()),
                resumes: None,
                gate: None,
                attempt: Some(2),
                also: Vec::new(),
            },
        ),
        (true, Fact::JobStarted { printer: printer() }),
    ];
    for (job, fact) in facts {
        lab.apply(&event(Actor::Person("operator".into()), job, fact));
    }
    lab
}

#[test]
fn of_several_pieces_on_one_bed_none_is_named_in_place_of_the_others() {
    let mut lab = lab();
    let of = |lab: &Lab| {
        let told = of_event(lab, &event(Actor::Printer(printer()), true, printed(false))).unwrap();
        assert_eq!(told.what, What::Suspect);
        (told.case, told.part, told.attempt)
    };
    assert_eq!(of(&lab), (Some(case()), Some(1), Some(2)));
    let build = quality::build::Build { job: job(), also: vec!["1-3".parse().unwrap()] };
    lab.quality.builds.insert(job(), build);
    assert_eq!(of(&lab), (Some(case()), None, None));
}

fn progress() -> Progress {
    Progress { confirmed: 5, total: 10 }
}

fn printed(exact: bool) -> Fact {
    Fact::JobPrinted {
        printer: printer(),
        progress: progress(),
        digest: FileHash::from_digest([5; 32]),
        exact,
        line: Box::new(LineHealth::default()),
        millis: 1,
    }
}

fn quality(change: Change) -> Fact {
    Fact::Quality(quality::Fact { by: Some("designer".into()), printed_name: None, change })
}

fn of_case(step: CaseStep) -> Fact {
    quality(Change::Case { case: case(), step })
}

fn paused(reason: PauseReason) -> Fact {
    Fact::JobPaused { printer: printer(), progress: progress(), reason }
}

fn reports(about: About) -> Fact {
    let id = NonconformanceId::from_entropy([if matches!(about, About::Part { .. }) { 6 } else { 7 }; 16]);
    let step = NonconformanceStep::Opened {
        about,
        cause: Cause::Other,
        severity: Severity::Critical,
        what: words(),
    };
    quality(Change::Nonconformance { id, step })
}

/// As platen notes it when a job has ended.
fn used(runs_out: Option<RunningOut>) -> Fact {
    let lot = LotId::from_entropy([5; 16]);
    let change = Change::MaterialUsed { job: job(), lot, milligrams: 12_000, runs_out };
    Fact::Quality(quality::Fact { by: None, printed_name: None, change })
}

fn phantom(verdict: Verdict) -> Fact {
    let measured = Measured {
        subject: Inspected::Phantom { printer: printer(), next_due: Some(day("2027-01-01")) },
        template: "t".parse().unwrap(),
        version: 1,
        instrument: None,
        values: Vec::new(),
        looked_at: BTreeSet::new(),
        photos: Vec::new(),
        note: None,
    };
    let found = Found { items: Vec::new(), verdict, instrument_due: None };
    let id = InspectionId::from_entropy([8; 16]);
    quality(Change::Inspection { id, measured: Box::new(measured), found: Some(found) })
}

/// Every fact that is worth telling, whether it is about the job, and what it is told as.
fn worth_telling() -> Vec<(bool, Fact, What)> {
    let proof = Proof::Name;
    let digest = FileHash::from_digest([1; 32]);
    let (id, lot) = (LotId::from_entropy([5; 16]), LotId::from_entropy([5; 16]));
    let critical = What::Reported(Severity::Critical);
    let released = PrintedStep::Released { digest: digest.clone(), proof };
    let recalled = PrintedStep::Recalled { why: quality::words::Line::new(PATIENT).unwrap() };
    vec![
        (true, printed(true), What::Finished),
        (true, printed(false), What::Suspect),
        (
            true,
            Fact::JobInterrupted {
                printer: printer(),
                progress: progress(),
                why: Interruption::Unplugged,
                line: None,
            },
            What::Interrupted,
        ),
        (
            true,
            Fact::JobCancelled {
                printer: Some(printer()),
                progress: Some(progress()),
                by: "kim".into(),
                line: None,
            },
            What::Cancelled,
        ),
        (true, Fact::JobNotSliced { why: PATIENT.into() }, What::NotSliced),
        (true, paused(PauseReason::Runout), What::Waits),
        (true, paused(PauseReason::Printer), What::Waits),
        (true, paused(PauseReason::Restart), What::Waits),
        (true, paused(PauseReason::Astray), What::Waits),
        (true, paused(PauseReason::File { command: 3 }), What::Waits),
        (true, paused(PauseReason::Heat { hazard: Hazard::SuddenDrop }), What::Waits),
        (false, Fact::PrinterStopped { printer: printer(), by: "kim".into() }, What::Stopped),
        (false, Fact::StopUnverified { printer: printer(), relay: RelayOutcome::Failed }, What::NotStopped),
        (false, Fact::PrinterFaulted { printer: printer(), fault: Fault::Killed }, What::Locked),
        (false, of_case(CaseStep::ApprovalAsked), What::ApprovalAsked),
        (
            false,
            of_case(CaseStep::MessagePosted { text: words(), mentions: vec!["inspector".into()] }),
            What::Mentioned,
        ),
        (false, of_case(CaseStep::Released { digest, proof }), What::CaseReleased),
        (false, quality(Change::Printed { serial: serial(), step: released }), What::PartReleased),
        (false, quality(Change::Printed { serial: serial(), step: recalled }), What::PartRecalled),
        (false, quality(Change::Lot { lot, step: LotStep::Recalled { why: words() } }), What::LotRecalled),
        (false, used(Some(RunningOut::Low)), What::LotLow),
        (false, used(Some(RunningOut::Empty)), What::LotEmpty),
        (false, reports(About::Part { serial: serial() }), critical),
        (false, reports(About::Case { case: case() }), critical),
        (false, reports(About::Lot { lot: id }), critical),
        (false, reports(About::Printer { printer: printer() }), critical),
        (false, phantom(Verdict::Fail), What::PhantomFailed),
        (false, Fact::People(people::Fact::EmergencyUsed { user: name("admin") }), What::EmergencyUsed),
        (true, paused(PauseReason::Refill), What::Waits),
        (false, lit(&[Reached::DisplayWorn]), What::Worn(Parts::Display)),
        (false, lit(&[Reached::FilmWorn, Reached::DisplayWorn]), What::Worn(Parts::Both)),
        (false, lit(&[Reached::FilmOverdue, Reached::DisplayWorn]), What::Overdue(Parts::Film)),
        (false, lit(&[Reached::FilmOverdue, Reached::DisplayOverdue]), What::Overdue(Parts::Both)),
    ]
}

fn lit(reached: &[Reached]) -> Fact {
    let reached = reached.iter().copied().collect();
    let (printer, job, lit) = (printer(), job(), resin::wear::Lit::default());
    Fact::Resin(resin::Fact::Lit { printer, job, lit, guessed: false, reached })
}

#[test]
fn each_fact_that_is_worth_telling_is_told_as_what_it_is_and_nothing_of_a_person_is_in_it() {
    let lab = lab();
    for (job, fact, what) in worth_telling() {
        let notice =
            of_event(&lab, &event(Actor::Platen, job, fact.clone())).unwrap_or_else(|| panic!("{fact:?}"));
        assert_eq!(notice.what, what, "{fact:?}");
        let text = notice.text();
        for word in ["Meier", "Johanna", "1948", "4471129", "mandible", "PLA", "kim", "designer"] {
            assert!(!text.contains(word), "{text}");
        }
        if job {
            let at = format!("case {}, part 1, attempt 2", case());
            assert!(text.contains(&at), "{text}");
        }
        assert!(text.is_ascii() && text.len() < 300 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn what_is_of_the_daily_work_or_of_nobody_is_not_told() {
    let lab = lab();
    let step = |step| of_case(step);
    let quiet = [
        (true, paused(PauseReason::Person { by: "kim".into() })),
        (true, paused(PauseReason::Panel)),
        (true, Fact::JobProgress { printer: printer(), progress: progress() }),
        (true, Fact::JobStarted { printer: printer() }),
        (true, Fact::JobCancelled { printer: None, progress: None, by: "kim".into(), line: None }),
        (false, Fact::BedCleared { printer: printer(), by: "kim".into() }),
        (false, step(CaseStep::Accepted)),
        (false, step(CaseStep::MessagePosted { text: words(), mentions: Vec::new() })),
        (false, phantom(Verdict::Pass)),
        (false, used(None)),
        (false, lit(&[])),
        (false, Fact::People(people::Fact::SignedIn { user: name("admin") })),
    ];
    for (job, fact) in quiet {
        assert_eq!(of_event(&lab, &event(Actor::Platen, job, fact.clone())), None, "{fact:?}");
    }
}

#[test]
fn a_print_with_a_doubt_is_told_as_odd_although_it_is_exact() {
    let mut lab = lab();
    let found = of_event(&lab, &event(Actor::Platen, true, printed(true))).unwrap();
    assert_eq!(found.what, What::Finished);
    let mut piece = PrintedPart::new(serial(), PartId::from_entropy([2; 16]), PrintedState::Suspect);
    piece.job = Some(job());
    piece.doubts.insert(Doubt::Paused);
    lab.quality.printed.insert(serial(), piece);
    let found = of_event(&lab, &event(Actor::Platen, true, printed(true))).unwrap();
    assert_eq!(found.what, What::Suspect);
}

fn told(lab: &Lab, fact: Fact, job: bool) -> Vec<String> {
    told_by(lab, Actor::Platen, fact, job)
}

fn told_by(lab: &Lab, actor: Actor, fact: Fact, job: bool) -> Vec<String> {
    let notice = of_event(lab, &event(actor, job, fact)).unwrap();
    recipients(lab, &notice).into_keys().map(|name| name.to_string()).collect()
}

#[test]
fn whoever_has_chosen_nothing_is_told_what_is_their_work() {
    let lab = lab();
    // `operator` has begun the job, so it is theirs; nobody else has to do with the case.
    assert_eq!(told(&lab, printed(true), true), ["operator"]);
    assert_eq!(told(&lab, printed(false), true), ["operator"]);
    assert_eq!(told(&lab, paused(PauseReason::Runout), true), ["maintenance", "operator"]);
    assert_eq!(told(&lab, of_case(CaseStep::ApprovalAsked), false), ["releaser", "requester"]);
    assert_eq!(told(&lab, reports(About::Printer { printer: printer() }), false), ["releaser"]);
    let recalled =
        Change::Lot { lot: LotId::from_entropy([5; 16]), step: LotStep::Recalled { why: words() } };
    assert_eq!(told(&lab, quality(recalled), false), ["materials", "releaser"]);
    assert_eq!(told(&lab, phantom(Verdict::Fail), false), ["maintenance"]);
}

#[test]
fn that_a_lot_runs_out_is_told_to_whoever_keeps_material_and_to_nobody_who_has_noted_it() {
    let mut lab = lab();
    for runs_out in [RunningOut::Low, RunningOut::Empty] {
        assert_eq!(told(&lab, used(Some(runs_out)), false), ["materials"]);
        let notice = of_event(&lab, &event(Actor::Platen, false, used(Some(runs_out)))).unwrap();
        let lot = LotId::from_entropy([5; 16]);
        assert!(notice.text().contains(&format!("(lot {lot}): ")), "{}", notice.text());
        assert!(notice.text().ends_with("have another one at hand"), "{}", notice.text());
        assert_eq!((notice.topic(), notice.is_urgent()), (Topic::MaterialLow, false));
    }
    let by_hand = || {
        let Fact::Quality(fact) = used(Some(RunningOut::Low)) else { panic!("it is of the quality half") };
        Fact::Quality(quality::Fact { by: Some("Materials".into()), ..fact })
    };
    assert_eq!(told(&lab, by_hand(), false), Vec::<String>::new());
    // Each as they have chosen, and nobody who does not come in any more.
    let topics = Ways::from([(Topic::MaterialLow, BTreeSet::from([Way::Webhook]))]);
    for user in ["operator", "materials"] {
        let settings = Settings { user: name(user), mail: None, topics: Some(topics.clone()) };
        lab.people.notices.insert(name(user), settings);
    }
    assert_eq!(told(&lab, used(Some(RunningOut::Low)), false), ["materials", "operator"]);
    let by = By::Person(name("admin"));
    lab.people.apply(&people::Fact::UserDisabled { user: name("materials"), by }, WallTime(2));
    assert_eq!(told(&lab, used(Some(RunningOut::Low)), false), ["operator"]);
}

#[test]
fn only_whoever_is_mentioned_is_told_so_and_never_by_themselves() {
    let lab = lab();
    let post = |mentions: &[&str]| {
        let mentions = mentions.iter().map(|name| (*name).to_owned()).collect();
        of_case(CaseStep::MessagePosted { text: words(), mentions })
    };
    assert_eq!(told(&lab, post(&["Inspector", "nobody-here"]), false), ["inspector"]);
    assert_eq!(told(&lab, post(&["designer", "operator"]), false), ["operator"], "designer wrote it");
}

#[test]
fn who_did_it_is_not_told() {
    let lab = lab();
    let stopped = |by: &str| Fact::PrinterStopped { printer: printer(), by: by.into() };
    assert_eq!(told(&lab, stopped("OPERATOR"), false), ["maintenance"]);
    assert_eq!(told(&lab, stopped("kim"), false), ["maintenance", "operator"]);
}

#[test]
fn each_chooses_for_themselves_which_notice_comes_by_which_way() {
    let mut lab = lab();
    let choose = |lab: &mut Lab, user: &str, topics: Ways| {
        let settings = Settings { user: name(user), mail: None, topics: Some(topics) };
        lab.people.notices.insert(name(user), settings);
    };
    choose(&mut lab, "operator", Ways::new());
    choose(&mut lab, "biller", Ways::from([(Topic::HandsNeeded, BTreeSet::from([Way::Webhook, Way::Mqtt]))]));
    let notice = of_event(&lab, &event(Actor::Platen, true, paused(PauseReason::Runout))).unwrap();
    let told = recipients(&lab, &notice);
    let names: Vec<_> = told.keys().map(UserName::as_str).collect();
    assert_eq!(names, ["biller", "maintenance"]);
    assert_eq!(told[&name("biller")], BTreeSet::from([Way::Webhook, Way::Mqtt]));
    // Whoever does not come in any more hears nothing, whatever they chose.
    let by = By::Person(name("admin"));
    lab.people.apply(&people::Fact::UserDisabled { user: name("biller"), by }, WallTime(2));
    assert_eq!(recipients(&lab, &notice).len(), 1);
}

#[test]
fn a_case_is_of_whoever_has_written_on_it_or_had_a_hand_in_it() {
    let mut lab = lab();
    assert_eq!(involved(&lab, &case()), BTreeSet::from(["operator".to_owned()]));
    let post = of_case(CaseStep::MessagePosted { text: words(), mentions: vec!["requester".into()] });
    lab.apply(&event(Actor::Person("designer".into()), false, post));
    let names: Vec<_> = involved(&lab, &case()).into_iter().collect();
    assert_eq!(names, ["designer", "operator", "requester"]);
    assert_eq!(told(&lab, printed(true), true), ["designer", "operator"]);
    assert_eq!(involved(&lab, &CaseToken::from_entropy([9; 16])), BTreeSet::new());
}

fn with_days() -> Lab {
    let mut lab = lab();
    let mut qualified = Qualification::new(printer());
    qualified.calibration_due = Some(day("2026-12-10"));
    lab.quality.printers.insert(printer(), qualified);
    let instrument: InstrumentName = "meier-caliper".parse().unwrap();
    let what = quality::words::Label::new(PATIENT).unwrap();
    let kept = Instrument { name: instrument.clone(), what, calibration_due: day("2026-12-10") };
    lab.quality.instruments.insert(instrument, kept);
    let mut record = CaseRecord::new(case());
    record.about = Some(CaseAbout { needed_by: Some(day("2026-12-10")), ..about() });
    lab.quality.cases.insert(case(), record);
    lab
}

fn about() -> CaseAbout {
    serde_json::from_str(r#"{"kind": "model", "service": "cardiac surgery"}"#).unwrap()
}

#[test]
fn what_comes_near_is_told_a_week_and_a_day_before_and_on_its_day_and_once_each() {
    let lab = with_days();
    let on = |after: &str, today: &str| {
        due(&lab, day(after), day(today)).iter().map(|notice| notice.what).collect::<Vec<_>>()
    };
    let at = day("2026-12-10");
    let (printer, instrument, case) = (What::PrinterDue(at), What::InstrumentDue(at), What::CaseDue(at));
    assert_eq!(on("2026-12-01", "2026-12-02"), []);
    assert_eq!(on("2026-12-02", "2026-12-03"), [printer, instrument]);
    assert_eq!(on("2026-12-03", "2026-12-04"), []);
    assert_eq!(on("2026-12-07", "2026-12-08"), [case]);
    assert_eq!(on("2026-12-08", "2026-12-09"), [printer, instrument]);
    assert_eq!(on("2026-12-09", "2026-12-10"), [printer, instrument, case]);
    assert_eq!(on("2026-12-10", "2026-12-11"), []);
    // platen was away for a month: each once, and not three times.
    assert_eq!(on("2026-11-20", "2026-12-20"), [printer, instrument, case]);
    for notice in due(&lab, day("2026-12-09"), at) {
        let text = notice.text();
        assert!(text.contains("2026-12-10") && !text.to_lowercase().contains("meier"), "{text}");
    }
    assert_eq!(
        recipients(&lab, &due(&lab, day("2026-12-02"), day("2026-12-03"))[0]).into_keys().collect::<Vec<_>>(),
        [name("maintenance")]
    );
}

#[test]
fn resin_that_is_in_the_vat_for_too_long_is_told_once_on_the_first_day_on_which_it_is() {
    let mut lab = lab();
    let (lot, filled) = (LotId::from_entropy([5; 16]), WallTime(1_795_458_000_000));
    let mut station = Station::new(printer());
    station.outfit = Some(
        serde_json::from_str(
            r#"{"holds": 500000, "keeps": 50000, "resin_days": 14, "warn_at_percent": 90, "checklist": []}"#,
        )
        .unwrap(),
    );
    let contents =
        resin::vat::Contents::new("clear", &lot, crate::domain::units::Microlitres(9), filled, "kim");
    station.vat = resin::vat::Vat::Filled { contents };
    lab.resin.stations.insert(printer(), station);
    let first = Day::in_utc(filled).after(15);
    let on = |after: Day, today: Day| due(&lab, after, today).len();
    let before = first.before(1).unwrap();
    assert_eq!(
        (on(before.before(1).unwrap(), before), on(before, first), on(first, first.after(1))),
        (0, 1, 0)
    );
    let told = &due(&lab, before, first)[0];
    assert_eq!(told.what, What::ResinOld);
    assert_eq!(
        recipients(&lab, told).into_keys().collect::<Vec<_>>(),
        [name("maintenance"), name("operator")]
    );
}

#[test]
fn a_case_that_is_cancelled_comes_due_no_more() {
    let mut lab = with_days();
    let record = lab.quality.cases.get_mut(&case()).unwrap();
    record.state = CaseState::Cancelled { why: words() };
    let left = due(&lab, day("2026-12-09"), day("2026-12-10"));
    assert!(left.iter().all(|notice| notice.topic() == Topic::QualificationDue), "{left:?}");
    assert_eq!(thread(&lab, &case(), day("2026-12-31")), []);
}

#[test]
fn the_thread_tells_what_became_of_the_case_in_its_order_and_without_a_word_of_people() {
    let mut lab = with_days();
    let mut at = |millis: u64, actor: Actor, job: bool, fact: Fact| {
        let mut event = event(actor, job, fact);
        event.stamp.wall = WallTime(event.stamp.wall.0 + millis);
        lab.apply(&event);
    };
    let kim = || Actor::Person("kim".into());
    at(10, Actor::Printer(printer()), true, printed(false));
    at(20, kim(), false, reports(About::Part { serial: serial() }));
    at(30, kim(), false, reports(About::Printer { printer: printer() }));
    let all = thread(&lab, &case(), day("2026-12-01"));
    let what: Vec<_> = all.iter().map(|(_, notice)| notice.what).collect();
    assert_eq!(what, [What::Suspect, What::Reported(Severity::Critical)], "of another thing nothing");
    assert!(all.is_sorted_by_key(|(at, _)| *at));
    let later = thread(&lab, &case(), day("2026-12-08"));
    assert_eq!(later.last().unwrap().1.what, What::CaseDue(day("2026-12-10")));
    assert_eq!(later.last().unwrap().0.to_string(), "2026-12-08T00:00:00.000Z");
    for (_, notice) in later {
        let text = notice.text();
        assert!(!text.contains("Meier") && !text.contains("mandible"), "{text}");
    }
}

#[test]
fn urgent_is_a_printer_that_does_not_stop_then_one_that_is_locked_then_one_that_is_stopped() {
    let urgent = [What::NotStopped, What::Locked, What::Stopped].map(What::urgency);
    assert!(urgent.is_sorted() && urgent.iter().all(Option::is_some), "{urgent:?}");
    let others = [What::Waits, What::Foreign, What::Interrupted, What::Reported(Severity::Critical)];
    assert_eq!(others.map(What::urgency), [None; 4]);
    assert!(Notice::at(What::NotStopped, &printer()).is_urgent());
    assert!(!Notice::at(What::Foreign, &printer()).is_urgent());
}
