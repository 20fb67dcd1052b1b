//! What waits stays, what was put away is no job, and what people want outlives a restart.

use super::*;
use crate::domain::case::IntendedUse;
use crate::domain::event::{Actor, Event, Fact as Entry};
use crate::domain::ids::{BootId, CaseToken, FileHash, PartId};
use crate::domain::lab::{EntityKey, Request as Ask};
use crate::domain::moment::{Moment, Stamp};
use crate::domain::part::{PartName, PartRef};
use crate::domain::quality::case::Priority;
use upload::{Carried, Via};
use wish::HoldReason;

const NOW: WallTime = WallTime(1_000_000);

fn token() -> CaseToken {
    CaseToken::from_entropy([3; 16])
}

fn job(n: u8) -> JobId {
    JobId::from_entropy([n; 16])
}

fn printer(name: &str) -> PrinterName {
    name.parse().unwrap()
}

fn upload_id(n: u8) -> UploadId {
    UploadId::from_entropy([n; 16])
}

/// Grants it, and holds the lab against one that is read back from the store.
fn grant(lab: &mut Lab, request: &Ask) -> Result<Vec<Event>, Refusal> {
    let facts = lab.judge(request, NOW)?;
    let stamp = Stamp { wall: NOW, mono: Moment(5), boot: BootId::from_entropy([1; 16]) };
    let events = lab.number(request, facts, &stamp, &Actor::Platen);
    for event in &events {
        for key in lab.apply(event) {
            if let (EntityKey::Queue(_), Some(bytes)) = (&key, lab.entity(&key)) {
                let mut back = Lab::default();
                back.restore(&key.path(), &bytes).unwrap();
                assert_eq!(back.entity(&key), Some(bytes), "{}", key.path());
            }
        }
    }
    Ok(events)
}

fn ask(lab: &mut Lab, request: Request) -> Result<Vec<Event>, Refusal> {
    grant(lab, &Ask::Queue(Box::new(request)))
}

fn new_job(n: u8) -> NewJob {
    NewJob {
        job: job(n),
        case: token(),
        part: PartRef::Number(1),
        also: Vec::new(),
        file: FileHash::from_digest([n; 32]),
        commands: 10,
        digest: FileHash::from_digest([9; 32]),
        pinned: None,
        material: None,
        gate: None,
    }
}

fn lab(jobs: u8) -> Lab {
    let mut lab = Lab::default();
    grant(&mut lab, &Ask::OpenCase { case: token(), intended_use: IntendedUse::Diagnostic }).unwrap();
    let (part, name) = (PartId::from_entropy([4; 16]), PartName::try_from("heart".to_owned()).unwrap());
    grant(&mut lab, &Ask::AddPart { case: token(), part, name }).unwrap();
    for n in 0..jobs {
        grant(&mut lab, &Ask::QueueJob(Box::new(new_job(n)))).unwrap();
    }
    lab
}

fn sent(n: u8, carried: Option<Carried>) -> Request {
    let upload = NewUpload {
        id: upload_id(n),
        file: FileHash::from_digest([n; 32]),
        bytes: 100,
        name: "left-femur-v2.gcode".into(),
        via: Via::Octoprint,
        printer: Some(printer("mk3")),
        carried,
        no_case: false,
        print: true,
        by: Some(" kim ".into()),
    };
    Request::TakeUpload { upload: Box::new(upload) }
}

fn wish(job_n: u8, wanted: Wanted) -> Request {
    Request::Wish { job: job(job_n), wanted, by: "kim".into() }
}

#[test]
fn a_file_that_a_slicer_sent_waits_and_is_no_job_until_somebody_says_of_which_part_it_is() {
    let mut lab = lab(0);
    ask(&mut lab, sent(1, Some(Carried { case: token(), part: Some(1) }))).unwrap();
    assert!(lab.jobs.is_empty());
    let upload = lab.queue.uploads[&upload_id(1)].clone();
    assert_eq!((upload.by.as_deref(), upload.state.word()), (Some("kim"), "unassigned"));
    assert_eq!(upload.shown(), format!("left-femur-v2-{}.gcode", &upload.id.as_str()[..6]));

    let events =
        ask(&mut lab, Request::AssignUpload { upload: upload_id(1), job: Box::new(new_job(7)) }).unwrap();
    assert!(matches!(events[0].fact, Entry::JobQueued { .. }), "one commit holds both");
    assert_eq!(lab.queue.uploads[&upload_id(1)].state, UploadState::Queued { job: job(7) });
    assert_eq!(lab.jobs[&job(7)].state, JobState::Queued);
    let again = ask(&mut lab, Request::AssignUpload { upload: upload_id(1), job: Box::new(new_job(8)) });
    assert_eq!(again, Err(Refusal::UploadIsJob { upload: upload_id(1), job: job(7) }));
    assert!(!lab.jobs.contains_key(&job(8)), "one file sent once is one job");
}

#[test]
fn a_file_that_was_put_away_or_never_came_becomes_no_job() {
    let mut lab = lab(0);
    ask(&mut lab, sent(1, None)).unwrap();
    ask(&mut lab, Request::DismissUpload { upload: upload_id(1), by: "kim".into() }).unwrap();
    for (id, refusal) in [(1, Refusal::UploadGone(upload_id(1))), (2, Refusal::NoUpload(upload_id(2)))] {
        let assign = Request::AssignUpload { upload: upload_id(id), job: Box::new(new_job(7)) };
        assert_eq!(ask(&mut lab, assign), Err(refusal));
    }
}

#[test]
fn a_job_that_may_not_be_queued_leaves_its_file_waiting() {
    let mut lab = lab(0);
    ask(&mut lab, sent(1, None)).unwrap();
    let elsewhere = NewJob { part: PartRef::Number(9), ..new_job(7) };
    let refused = ask(&mut lab, Request::AssignUpload { upload: upload_id(1), job: Box::new(elsewhere) });
    assert!(matches!(refused, Err(Refusal::NoPart { .. })));
    assert_eq!(lab.queue.unassigned().count(), 1);
}

#[test]
fn of_files_that_wait_no_more_only_the_latest_are_remembered_and_those_that_wait_all_are() {
    let mut queue = Queue::default();
    let mut take = |n: u16, ends: bool| {
        let [high, low] = n.to_be_bytes();
        let mut entropy = [0; 16];
        (entropy[0], entropy[1]) = (high, low);
        let Request::TakeUpload { upload } = sent(0, None) else { unreachable!() };
        let id = UploadId::from_entropy(entropy);
        let at = WallTime(u64::from(n));
        apply(
            &mut queue,
            &Fact::UploadTaken { upload: Box::new(NewUpload { id: id.clone(), ..*upload }) },
            at,
        );
        if ends {
            apply(&mut queue, &Fact::UploadDismissed { upload: id, by: "kim".into() }, at);
        }
    };
    (0..10).for_each(|n| take(n, false));
    (10..700).for_each(|n| take(n, true));
    assert_eq!(queue.unassigned().count(), 10);
    assert!((REMEMBERED..=REMEMBERED + 1).contains(&(queue.uploads.len() - 10)));
    assert_eq!(queue.newest()[0].at, WallTime(699));
}

#[test]
fn a_held_job_begins_nowhere_until_somebody_lets_it_go_on() {
    let mut lab = lab(1);
    let held = Some(HoldReason::Material);
    ask(&mut lab, wish(0, Wanted::Held { reason: held, ended: None })).unwrap();
    let start = Ask::StartJob { job: job(0), printer: printer("mk3") };
    let refusal = lab.judge(&start, NOW).unwrap_err();
    assert!(refusal.to_string().contains("waits for material, says kim"), "{refusal}");
    ask(&mut lab, wish(0, Wanted::Held { reason: None, ended: None })).unwrap();
    lab.judge(&start, NOW).unwrap();
}

#[test]
fn nothing_begins_on_a_printer_that_is_away_and_windows_do_not_overlap() {
    let mut lab = lab(1);
    let away = |from: u64, until: u64| Request::PlanMaintenance {
        printer: printer("mk3"),
        window: Maintenance { from: WallTime(from), until: WallTime(until) },
        by: "kim".into(),
    };
    ask(&mut lab, away(NOW.0 - 10, NOW.0 + 1_000)).unwrap();
    let start = |name: &str| Ask::StartJob { job: job(0), printer: printer(name) };
    assert!(matches!(lab.judge(&start("mk3"), NOW), Err(Refusal::Away { .. })));
    lab.judge(&start("mk4"), NOW).unwrap();
    lab.judge(&start("mk3"), WallTime(NOW.0 + 1_000)).unwrap();
    for (from, until, refusal) in [
        (NOW.0 + 500, NOW.0 + 2_000, Refusal::Windows(printer("mk3"))),
        (NOW.0 + 3_000, NOW.0 + 3_000, Refusal::Window),
        (NOW.0 - 100, NOW.0 - 50, Refusal::Window),
        (NOW.0 + 3_000, NOW.0 + 3_001 + WINDOW_MAX_MS, Refusal::Window),
    ] {
        assert_eq!(ask(&mut lab, away(from, until)), Err(refusal), "{from} to {until}");
    }
    ask(&mut lab, away(NOW.0 + 1_000, NOW.0 + 2_000)).unwrap();
    let call_off = |from: u64| Request::CallOffMaintenance {
        printer: printer("mk3"),
        from: WallTime(from),
        by: "kim".into(),
    };
    assert_eq!(ask(&mut lab, call_off(NOW.0)), Err(Refusal::NoWindow(printer("mk3"))));
    ask(&mut lab, call_off(NOW.0 - 10)).unwrap();
    lab.judge(&start("mk3"), NOW).unwrap();
}

#[test]
fn what_is_wanted_of_a_job_is_kept_beside_it_and_its_printer_is_its_own() {
    let mut lab = lab(1);
    let due = Some(WallTime(9_000_000));
    for wanted in [
        Wanted::Priority { priority: Some(Priority::Urgent) },
        Wanted::Due { at: due },
        Wanted::Place { at: Some(500) },
        Wanted::Prepared { printer: Some(printer("mk3")) },
    ] {
        ask(&mut lab, wish(0, wanted)).unwrap();
    }
    let wished = lab.queue.wish(&job(0)).unwrap();
    assert_eq!((wished.priority, wished.due, wished.place), (Some(Priority::Urgent), due, Some(500)));
    ask(&mut lab, wish(0, Wanted::Pinned { printer: Some(printer("mk4")) })).unwrap();
    assert_eq!(lab.jobs[&job(0)].pinned, Some(printer("mk4")));
    assert_eq!(lab.queue.wish(&job(0)).unwrap().prepared, None, "what was prepared elsewhere is in vain");
    let elsewhere = ask(&mut lab, wish(0, Wanted::Prepared { printer: Some(printer("mk3")) }));
    assert!(matches!(elsewhere, Err(Refusal::Pinned { .. })));
    let start = Ask::StartJob { job: job(0), printer: printer("mk4") };
    grant(&mut lab, &start).unwrap();
    let late = ask(&mut lab, wish(0, Wanted::Priority { priority: None }));
    assert!(matches!(late, Err(Refusal::WrongState { .. })), "it runs already");
}

#[test]
fn a_reprint_is_a_new_job_with_its_reason_and_only_of_one_that_is_over() {
    let mut lab = lab(1);
    let reprint = || Request::Reprint {
        of: job(0),
        job: Box::new(new_job(7)),
        cause: ReprintCause::Damaged,
        by: "kim".into(),
    };
    assert!(matches!(ask(&mut lab, reprint()), Err(Refusal::WrongState { .. })));
    let cancel = Ask::CancelJob { job: job(0), progress: None, by: "kim".into(), line: None };
    grant(&mut lab, &cancel).unwrap();
    ask(&mut lab, reprint()).unwrap();
    assert_eq!(lab.queue.wish(&job(7)).unwrap().reprints, Some((job(0), ReprintCause::Damaged)));
    assert_eq!(lab.jobs[&job(7)].attempt, lab.jobs[&job(0)].attempt.map(|attempt| attempt + 1));
}

#[test]
fn people_are_told_once_that_a_print_will_be_late_and_once_that_it_will_not() {
    let mut lab = lab(1);
    let due = WallTime(9_000_000);
    let late = || Request::NoteLate { job: job(0), due, expected: WallTime(9_900_000) };
    assert_eq!(ask(&mut lab, late()).unwrap().len(), 1);
    assert_eq!(ask(&mut lab, late()).unwrap().len(), 0);
    assert_eq!(ask(&mut lab, Request::NoteOnTime { job: job(0) }).unwrap().len(), 1);
    assert_eq!(ask(&mut lab, Request::NoteOnTime { job: job(0) }).unwrap().len(), 0);
    assert_eq!(ask(&mut lab, late()).unwrap().len(), 1);
}

#[test]
fn copies_are_attempts_of_their_own_and_all_of_them_are_queued_or_none() {
    let mut lab = lab(1);
    let first = lab.jobs[&job(0)].attempt.unwrap();
    let build = |n| NewJob { also: vec![PartRef::Number(1)], ..new_job(n) };
    grant(&mut lab, &Ask::QueueCopies(vec![build(1), build(2), build(3)])).unwrap();
    let attempts = [1, 2, 3].map(|n| lab.jobs[&job(n)].attempt.unwrap());
    assert_eq!(attempts, [first + 1, first + 3, first + 5]);
    assert_eq!(lab.quality.printed.len(), 7);
    let twice = Ask::QueueCopies(vec![new_job(5), new_job(1)]);
    assert!(matches!(grant(&mut lab, &twice), Err(Refusal::JobExists(_))));
    assert!(!lab.jobs.contains_key(&job(5)));
}

fn held(reason: Option<HoldReason>, by: &str) -> Request {
    Request::Wish { job: job(0), wanted: Wanted::Held { reason, ended: None }, by: by.into() }
}

#[test]
fn nobody_replaces_another_s_hold_and_whose_has_ended_is_in_the_journal() {
    let mut lab = lab(1);
    ask(&mut lab, held(Some(HoldReason::Question), "kim")).unwrap();
    let refused = ask(&mut lab, held(Some(HoldReason::Material), "lee")).unwrap_err();
    assert!(matches!(&refused, Refusal::HeldAlready { by, .. } if by == "kim"), "{refused}");
    assert!(refused.to_string().contains("an answer to a question, says kim"), "{refused}");
    ask(&mut lab, held(Some(HoldReason::Printer), "kim")).unwrap();
    let events = ask(&mut lab, held(None, "lee")).unwrap();
    let told = crate::domain::story::told(&events[0].fact);
    assert!(
        told.contains("lee wants") && told.contains("kim held it, since it waited for a printer"),
        "{told}"
    );
    assert_eq!(lab.queue.wish(&job(0)).unwrap().held, None);
    let events = ask(&mut lab, held(None, "lee")).unwrap();
    let told = crate::domain::story::told(&events[0].fact);
    assert!(!told.contains("held it"), "nobody did: {told}");
    let old = r#"{"what":"wished","job":"JOB","wanted":{"is":"held","reason":null},"by":"kim"}"#;
    let old: Fact = serde_json::from_str(&old.replace("JOB", job(0).as_str())).unwrap();
    assert!(matches!(old, Fact::Wished { wanted: Wanted::Held { reason: None, ended: None }, .. }));
}

#[test]
fn an_upload_whose_job_was_taken_off_before_it_began_becomes_a_job_again() {
    let mut lab = lab(0);
    ask(&mut lab, sent(1, None)).unwrap();
    let assign = |n| Request::AssignUpload { upload: upload_id(1), job: Box::new(new_job(n)) };
    ask(&mut lab, assign(7)).unwrap();
    assert!(!was_taken_off(&lab, &lab.queue.uploads[&upload_id(1)]));
    assert!(matches!(ask(&mut lab, assign(8)), Err(Refusal::UploadIsJob { .. })));
    grant(&mut lab, &Ask::CancelJob { job: job(7), progress: None, by: "kim".into(), line: None }).unwrap();
    assert!(was_taken_off(&lab, &lab.queue.uploads[&upload_id(1)]));
    ask(&mut lab, assign(8)).unwrap();
    assert_eq!(lab.queue.uploads[&upload_id(1)].state, UploadState::Queued { job: job(8) });
    assert_eq!(lab.jobs[&job(7)].state.word(), "cancelled", "what was is kept");
    grant(&mut lab, &Ask::StartJob { job: job(8), printer: printer("mk3") }).unwrap();
    let cancel = Ask::CancelJob {
        job: job(8),
        progress: Some(crate::domain::job::Progress::default()),
        by: "kim".into(),
        line: None,
    };
    grant(&mut lab, &cancel).unwrap();
    assert!(matches!(ask(&mut lab, assign(9)), Err(Refusal::UploadIsJob { .. })), "that one had begun");
}

#[test]
fn where_lots_are_asked_for_no_upload_becomes_a_job_without_a_material() {
    let mut lab = lab(0);
    lab.quality.rules.lots = true;
    ask(&mut lab, sent(1, None)).unwrap();
    let assign = |material: Option<&str>| {
        let job = NewJob { material: material.map(str::to_owned), ..new_job(7) };
        Request::AssignUpload { upload: upload_id(1), job: Box::new(job) }
    };
    assert_eq!(ask(&mut lab, assign(None)), Err(Refusal::MaterialNeeded));
    assert_eq!(lab.queue.unassigned().count(), 1);
    ask(&mut lab, assign(Some("PLA"))).unwrap();
}

#[test]
fn a_due_time_is_within_five_years_and_not_long_ago() {
    let lab = lab(1);
    let (day, now) = (86_400_000, WallTime(1_800_000_000_000));
    let due = |at: u64| {
        let wanted = Wanted::Due { at: Some(WallTime(at)) };
        lab.judge(&Ask::Queue(Box::new(wish(0, wanted))), now).map(drop)
    };
    for at in [now.0 - day, now.0, now.0 + 1_000 * day] {
        due(at).unwrap();
    }
    for at in [0, now.0 - day - 1, now.0 + 2_000 * day, u64::MAX] {
        assert_eq!(due(at), Err(Refusal::Due), "{at}");
    }
    let as_case = Ask::Queue(Box::new(wish(0, Wanted::Due { at: None })));
    lab.judge(&as_case, now).unwrap();
}

#[test]
fn by_hand_nothing_begins_elsewhere_than_where_somebody_has_prepared_it() {
    let mut lab = lab(1);
    ask(&mut lab, wish(0, Wanted::Prepared { printer: Some(printer("mk3")) })).unwrap();
    let release = |name: &str| Ask::ReleaseJob { job: job(0), printer: printer(name), by: "lee".into() };
    let refused = lab.judge(&release("mk4"), NOW).unwrap_err().to_string();
    assert!(refused.contains("mk3 is prepared for job") && refused.contains("by kim"), "{refused}");
    assert!(refused.contains("--prepared no"), "{refused}");
    lab.judge(&release("mk3"), NOW).unwrap();
    // Where that printer fits no more, the plan takes another one.
    lab.judge(&Ask::StartJob { job: job(0), printer: printer("mk4") }, NOW).unwrap();
    ask(&mut lab, wish(0, Wanted::Prepared { printer: None })).unwrap();
    lab.judge(&release("mk4"), NOW).unwrap();
}

#[test]
fn a_maintenance_that_is_over_is_in_nobody_s_way() {
    let mut lab = lab(0);
    let away = |from: u64, until: u64| {
        let window = Maintenance { from: WallTime(from), until: WallTime(until) };
        Ask::Queue(Box::new(Request::PlanMaintenance { printer: printer("mk3"), window, by: "kim".into() }))
    };
    grant(&mut lab, &away(NOW.0, NOW.0 + 1_000)).unwrap();
    let other = away(NOW.0 + 500, NOW.0 + 2_000);
    assert!(matches!(lab.judge(&other, WallTime(NOW.0 + 999)), Err(Refusal::Windows(_))));
    lab.judge(&other, WallTime(NOW.0 + 1_000)).unwrap();
}
