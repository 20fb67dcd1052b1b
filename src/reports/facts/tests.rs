//! Counting's facts of one case, each against what its world says was done.

use super::*;
use crate::counting::metrics::Window;
use crate::counting::metrics::printing::{Reprints, Scrap};
use crate::counting::money::Money;
use crate::domain::ids::PartId;
use crate::domain::lab::Request;
use crate::domain::quality::Change;
use crate::domain::quality::inspection::Subject as Inspected;
use crate::domain::quality::printed::Step as PrintedStep;
use crate::reports::world::{BEGAN, HOUR, World, inspection, job, of_case, serial, site, token, words};
use crate::reports::{Kind, Parameters};

fn hour(hours: u64) -> Option<WallTime> {
    Some(WallTime(BEGAN + hours * HOUR))
}

fn counted(lab: &Lab, of: &CaseToken, zone: &Zone) -> Option<unit::CaseFacts> {
    case(lab, &Inspections::of(lab), of, zone)
}

fn models() -> Models {
    site().models
}

#[test]
fn released_and_individually_prepared_parts_are_what_is_counted_with_their_proofs() {
    let world = World::closed();
    let facts = counted(&world.lab, &token(), &Zone::utc()).unwrap();
    let prints: Vec<_> = facts
        .parts
        .iter()
        .flat_map(|part| &part.prints)
        .map(|print| (print.serial.clone(), print.standing, print.release.is_some()))
        .collect();
    assert_eq!(
        prints,
        [
            (serial(1, 1).to_string(), unit::Standing::Released, true),
            (serial(2, 1).to_string(), unit::Standing::Failed, false),
            (serial(2, 2).to_string(), unit::Standing::Released, true),
            (serial(3, 1).to_string(), unit::Standing::Released, true),
        ]
    );
    let part = &facts.parts[0];
    assert!(part.individually_segmented && part.individually_processed);
    assert_eq!((part.laterality, part.newest_revision), (unit::Laterality::Given, 1));
    assert_eq!(part.proofs[&unit::Proof::Segmentation], "revision 1: its software is on record");
    for (part, n) in facts.parts.iter().zip(1u8..) {
        let shown = &part.proofs[&unit::Proof::Photographs];
        assert!(shown.starts_with(&format!("inspection {}: photo ", inspection(n))), "its own: {shown}");
    }
    let release = part.prints[0].release.as_ref().unwrap();
    assert_eq!(
        (release.by.as_str(), part.prints[0].revision.approved.as_ref().unwrap().by.as_str()),
        ("rita", "ann")
    );
    let day = |text: &str| text.parse().ok();
    let dates = unit::Dates { printed: day("2026-04-01"), delivered: day("2026-04-02"), procedure: None };
    assert_eq!((facts.dates, facts.kind), (dates, unit::CaseKind::Both));
    // Part 3 was printed at 14 to 15 h: with a clock 10 hours ahead that is the next day.
    assert_eq!(counted(&world.lab, &token(), &Zone::fixed(600)).unwrap().dates.printed, day("2026-04-02"));
}

#[test]
fn a_date_of_service_late_in_the_evening_is_that_of_the_sites_clock_in_summer_and_in_winter() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    let token = token();
    for (at, day) in [
        ("2026-07-15T21:30:00Z", "2026-07-15"), // 23:30
        ("2026-07-15T22:30:00Z", "2026-07-16"), // 00:30
        ("2027-01-15T22:30:00Z", "2027-01-15"), // 23:30
        ("2027-01-15T23:30:00Z", "2027-01-16"), // 00:30
    ] {
        let mut world = World::closed();
        let at: WallTime = at.parse().unwrap();
        let case = world.lab.quality.cases.get_mut(&token).unwrap();
        case.reached.insert("delivered".to_owned(), at);
        world.lab.quality.printed.get_mut(&serial(3, 1)).unwrap().ended = Some(at);
        let day = day.parse().ok();
        let dates = counted(&world.lab, &token, &berlin).unwrap().dates;
        assert_eq!(dates, unit::Dates { printed: day, delivered: day, procedure: None }, "{at}");
    }
}

#[test]
fn what_nobody_has_described_is_not_counted_and_a_part_without_a_side_is_told() {
    let mut world = World::produced();
    let part = PartId::from_entropy([1; 16]);
    world.lab.quality.parts.get_mut(&part).unwrap().about.laterality = None;
    world.lab.quality.parts.remove(&PartId::from_entropy([2; 16]));
    let facts = counted(&world.lab, &token(), &Zone::utc()).unwrap();
    assert_eq!(facts.parts[0].laterality, unit::Laterality::Missing);
    let unknown = &facts.parts[1];
    assert_eq!((unknown.kind, unknown.individually_segmented), (unit::PartKind::Component, false));
    assert_eq!(counted(&world.lab, &CaseToken::from_entropy([9; 16]), &Zone::utc()), None);
}

#[test]
fn each_piece_is_one_attempt_with_its_end_its_cause_and_its_grams() {
    let world = World::closed();
    let found = attempts(&world.lab, &models(), site().rates.as_ref(), &Zone::utc());
    let rows: Vec<_> = found
        .iter()
        .map(|of| (of.job.clone(), of.number, of.printer.as_str(), of.started, of.ended, of.outcome))
        .collect();
    use AttemptOutcome::{Cancelled, Completed};
    assert_eq!(
        rows,
        [
            (job(1), 1, "a", hour(6), hour(8), Completed),
            (job(2), 1, "a", hour(9), hour(10), Cancelled),
            (job(3), 2, "b", hour(11), hour(14), Completed),
            (job(4), 1, "b", hour(14), hour(15), Completed),
        ]
    );
    let causes: Vec<_> = found.iter().map(|of| of.cause.as_deref()).collect();
    assert_eq!(causes, [None, None, Some("cancelled"), None]);
    let grams: Vec<_> = found.iter().map(|of| of.milligrams).collect();
    assert_eq!(grams, [Some(10_000), Some(2_000), Some(11_000), Some(4_000)]);
    // 2500 × 10 g / kg = 25, and 150 × 2 h = 300; 5 + 150; 27.5 → 28 and 450; 10 + 150
    let costs: Vec<_> = found.iter().map(|of| of.cost).collect();
    assert_eq!(costs, [Some(Money(325)), Some(Money(155)), Some(Money(478)), Some(Money(160))]);
    assert!(
        attempts(&world.lab, &Models::new(), site().rates.as_ref(), &Zone::utc())
            .iter()
            .all(|of| of.cost.is_none())
    );
}

#[test]
fn a_nonconformance_says_why_a_part_was_printed_again_and_a_doubt_makes_a_print_suspect() {
    use crate::domain::job::PauseReason;
    use crate::domain::lab::Request;
    use crate::domain::quality::nonconformance::{About, Cause, Disposition, Severity, Step};
    let mut world = World::produced();
    world.at(360).start(1, 1, "a");
    let reason = PauseReason::Person { by: "olga".into() };
    world.request(Request::NotePaused { job: job(1), progress: Default::default(), reason });
    world.request(Request::NoteResumed { job: job(1), by: "olga".into() });
    world.at(420).finish(1);
    world.clear("a");
    let id = crate::domain::ids::NonconformanceId::from_entropy([7; 16]);
    let about = About::Part { serial: serial(1, 1) };
    let step =
        Step::Opened { about, cause: Cause::WrongSide, severity: Severity::Major, what: words("mirrored") };
    world.ask("ina", Change::Nonconformance { id: id.clone(), step });
    let step = Step::Disposed { decision: Disposition::Reprint, why: words("it is the other side") };
    world.ask("rita", Change::Nonconformance { id, step });
    world.at(480).start(2, 1, "b");
    let found = attempts(&world.lab, &models(), None, &Zone::utc());
    let rows: Vec<_> =
        found.iter().map(|of| (of.number, of.outcome, of.scrapped, of.cause.as_deref())).collect();
    let expected =
        [(1, AttemptOutcome::Suspect, true, None), (2, AttemptOutcome::Running, false, Some("wrong_side"))];
    assert_eq!(rows, expected);
    let faults = nonconformities(&world.lab);
    assert_eq!((faults.len(), faults[0].cause.as_deref(), faults[0].closed), (1, Some("wrong_side"), None));
    let parts = parts(&world.lab);
    assert_eq!((parts.len(), parts[0].attempts, parts[0].end), (1, 2, PartEnd::Open));
}

#[test]
fn a_printer_is_in_service_from_its_first_print_and_waits_while_a_part_is_on_its_bed() {
    let world = World::closed();
    let past = world.past(Kind::Value, &Parameters::default());
    let times = printers(&past, &models());
    let span = |from: u64, to: u64| Span {
        from: WallTime(BEGAN + from * 60_000),
        to: Some(WallTime(BEGAN + to * 60_000)),
    };
    let a = &times[0];
    assert_eq!(
        (a.printer.as_str(), &a.in_service),
        ("a", &vec![Span { from: WallTime(BEGAN + 6 * HOUR), to: None }])
    );
    assert_eq!(a.waiting_for_bed, [span(480, 540), span(600, 630)]);
    // b was cleared in the moment in which its prints ended.
    assert_eq!(times[1].waiting_for_bed, [span(840, 840), span(900, 900)]);
    let runs = runs(&world.lab);
    assert_eq!(runs.iter().filter(|run| run.printer.as_str() == "a").count(), 2);
    assert_eq!(
        calibrations(&world.lab, &models(), &Zone::utc()).iter().filter(|of| of.due.is_none()).count(),
        2
    );
}

#[test]
fn a_case_has_its_stays_and_in_production_the_hours_of_its_jobs() {
    let world = World::closed();
    let past = world.past(Kind::Value, &Parameters::default());
    let times = times(&world.lab, &past, &Zone::utc());
    assert_eq!((times[0].requested, times[0].delivered), (hour(1), hour(24)));
    // The end of 2026-04-05
    assert_eq!(times[0].needed_by, Some(WallTime(BEGAN + 5 * 24 * HOUR - 1)));
    let stays: Vec<_> =
        times[0].stays.iter().map(|stay| (stay.stage, stay.from, stay.to, stay.touch_ms)).collect();
    use Stage::{Accepted, Approved, AwaitingApproval, Designing, InProduction, InQc, Released, Requested};
    let at = |hours: u64| WallTime(BEGAN + hours * HOUR);
    assert_eq!(
        stays,
        [
            (Requested, at(1), hour(2), None),
            (Accepted, at(2), hour(3), None),
            (Designing, at(3), hour(3), None),
            (AwaitingApproval, at(3), hour(4), None),
            (Approved, at(4), hour(5), None),
            // 2 + 1 + 3 + 1 hours of jobs
            (InProduction, at(5), hour(16), Some(7 * HOUR)),
            (InQc, at(16), hour(20), None),
            (Released, at(20), hour(24), None),
        ]
    );
}

#[test]
fn spans_that_lie_over_one_another_count_once_and_only_within_the_stay() {
    let within = |spans: &[(u64, u64)]| within(spans, WallTime(10), Some(WallTime(20)));
    assert_eq!(within(&[]), Some(0));
    assert_eq!(within(&[(5, 12), (11, 15), (18, 30), (0, 9), (25, 40)]), Some(7));
    assert_eq!(super::within(&[(5, 12)], WallTime(10), None), None);
}

#[test]
fn effort_value_and_pieces_are_those_that_were_noted() {
    let world = World::closed();
    let efforts = efforts(&world.lab);
    let minutes: Vec<_> =
        efforts.iter().map(|of| (of.bucket.who.word(), of.bucket.work.word(), of.effort)).collect();
    assert_eq!(
        minutes,
        [
            ("non_clinician", "segmentation", Effort::Minutes(60)),
            ("clinician", "consultation", Effort::Minutes(25)),
            ("non_clinician", "cad", Effort::Unknown),
        ]
    );
    let said = assessments(&world.lab);
    assert_eq!(
        (said.len(), said[0].used, said[0].minutes_saved),
        (1, Some(true), Some((30, Basis::Estimated)))
    );
    assert_eq!((Some(said[0].at), said[0].plan_altered.map(u8::from)), (hour(30), Some(4)));
    let pieces = pieces(&world.lab);
    let kinds: Vec<_> = pieces.iter().map(|of| of.of[&Dimension::Kind].as_str()).collect();
    assert_eq!(kinds, ["model", "guide"]);
    assert_eq!(pieces[0].of[&Dimension::OrganSystem], "Chest");
    assert!(!pieces[0].of.contains_key(&Dimension::Technology));
    // Delivered, and not assessed: missing, and not "no".
    let mut silent = world.lab.clone();
    silent.quality.assessments.clear();
    silent.quality.cases.get_mut(&token()).unwrap().reached.remove("used");
    assert_eq!((assessments(&silent)[0].used, assessments(&silent)[0].minutes_saved), (None, None));
    let early = World::produced().lab;
    assert!(super::pieces(&early).is_empty() && assessments(&early).is_empty(), "nothing is delivered");
}

#[test]
fn lengths_are_measured_from_nominal_and_belong_to_the_printer_that_made_the_part() {
    let mut world = World::closed();
    let phantom = Inspected::Phantom { printer: "a".parse().unwrap(), next_due: None };
    world.at(2_000).measure(40, phantom, [15, -5]);
    let of = |of| {
        let found: Vec<_> = measurements(&world.lab, of)
            .into_iter()
            .map(|point| (point.printer.to_string(), point.micrometres))
            .collect();
        found
    };
    assert_eq!(of(Measured::Phantoms), [("a".to_owned(), Some(15)), ("a".to_owned(), Some(-5))]);
    let parts = of(Measured::Parts);
    assert_eq!(parts.iter().filter(|(printer, _)| printer == "b").count(), 4);
    assert_eq!(parts.iter().filter(|(_, value)| *value == Some(100)).count(), 3);
}

#[test]
fn a_piece_that_waits_for_its_file_has_no_print_yet() {
    let mut world = World::produced();
    world.piece("olga", 1, 1, PrintedStep::Planned { replaces: None });
    assert!(counted(&world.lab, &token(), &Zone::utc()).unwrap().parts[0].prints.is_empty());
    assert!(attempts(&world.lab, &models(), None, &Zone::utc()).is_empty() && parts(&world.lab).is_empty());
    assert!(costs(&world.lab, &jobs(&world.lab), &token(), &models(), &Zone::utc()).is_empty());
    let past = world.past(Kind::Case, &of_case());
    assert!(!past.told.is_empty() && past.stays[&token()].last().unwrap().to.is_none());
}

#[test]
fn a_job_that_was_cancelled_before_it_began_is_no_attempt_at_its_part() {
    let mut world = World::produced();
    world.queue(7, 1);
    world.request(Request::CancelJob { job: job(7), progress: None, by: "olga".into(), line: None });
    world.at(360).start(1, 1, "a");
    world.at(480).finish(1);
    world.clear("a");
    let attempts = attempts(&world.lab, &models(), None, &Zone::utc());
    let told: Vec<_> = attempts.iter().map(|of| (of.number, of.cause.clone())).collect();
    assert_eq!(told, [(1, None)], "its serial has the number 2, and nothing was printed before");
    let part = &parts(&world.lab)[0];
    assert_eq!((part.attempts, part.end), (1, PartEnd::Open));
    let printed = world.lab.quality.printed.get_mut(&serial(1, 2)).unwrap();
    printed.state = PrintedState::Released { release: 1 };
    assert_eq!(parts(&world.lab)[0].end, PartEnd::Released { attempt: 1 });
}

/// A print of part 1 that is cancelled while it runs, or one that comes to its end.
fn lose(world: &mut World, n: u8, on: &str) {
    world.start(n, 1, on);
    let progress = Some(crate::domain::job::Progress { confirmed: 3, total: 10 });
    world.request(Request::CancelJob { job: job(n), progress, by: "olga".into(), line: None });
    world.clear(on);
}

fn make_one(world: &mut World, n: u8, on: &str) {
    world.start(n, 1, on);
    world.finish(n);
    world.clear(on);
}

/// A build of two pieces of part 1.
fn build_two(world: &mut World, n: u8, on: &str) {
    world.queue_with(n, 1, &[1]);
    world.request(Request::StartJob { job: job(n), printer: on.parse().unwrap() });
    world.finish(n);
    world.clear(on);
}

fn order(world: &mut World, quantity: u8) {
    use crate::domain::quality::order::{Ordered, Quantity};
    let quantity = Quantity::try_from(quantity).unwrap();
    let part = world.lab.quality.parts.get_mut(&PartId::from_entropy([1; 16])).unwrap();
    part.about.ordered = Some(Ordered { quantity, ..Ordered::default() });
}

fn numbers(world: &World) -> Vec<u32> {
    attempts(&world.lab, &models(), None, &Zone::utc()).iter().map(|of| of.number).collect()
}

#[test]
fn of_two_that_were_ordered_the_two_that_failed_are_charged_and_no_good_one() {
    let mut world = World::produced();
    order(&mut world, 2);
    lose(&mut world, 1, "a");
    lose(&mut world, 2, "a");
    make_one(&mut world, 3, "b");
    make_one(&mut world, 4, "b");
    assert_eq!(numbers(&world), [1, 1, 2, 3]);
    let window = Window { from: WallTime(0), to: WallTime(u64::MAX) };
    let reprints = Reprints::of(window, &attempts(&world.lab, &models(), None, &Zone::utc()));
    let on = |printer: &str| reprints.by_printer[&printer.parse::<PrinterName>().unwrap()];
    assert_eq!(((on("a").hits, on("a").n), (on("b").hits, on("b").n)), ((2, 2), (0, 2)));
    // The last one was printed for one that was cancelled, and not for the good one before it.
    assert_eq!(reprints.by_cause, BTreeMap::from([("cancelled".to_owned(), 2)]));
    assert_eq!(reprints.without_cause, 0);
}

#[test]
fn a_build_that_comes_later_makes_no_reprint_undone() {
    let mut world = World::produced();
    lose(&mut world, 1, "a");
    lose(&mut world, 2, "a");
    assert_eq!(numbers(&world), [1, 2]);
    build_two(&mut world, 3, "b");
    // Those of one bed are no reprints of one another.
    assert_eq!(numbers(&world), [1, 2, 3, 3]);
    make_one(&mut world, 4, "a");
    assert_eq!(numbers(&world), [1, 2, 3, 3, 5], "three of the four before it were reprints");
}

#[test]
fn a_part_that_failed_is_no_first_pass_hit_when_a_build_of_two_comes_after() {
    let mut world = World::produced();
    lose(&mut world, 1, "a");
    build_two(&mut world, 2, "b");
    assert_eq!(numbers(&world), [1, 2, 2]);
    world.lab.quality.printed.get_mut(&serial(1, 2)).unwrap().state = PrintedState::Released { release: 1 };
    let part = &parts(&world.lab)[0];
    assert_eq!((part.attempts, part.end), (2, PartEnd::Released { attempt: 2 }));
}

#[test]
fn of_a_build_only_what_is_beyond_the_order_is_a_reprint() {
    let mut world = World::produced();
    order(&mut world, 2);
    lose(&mut world, 1, "a");
    build_two(&mut world, 2, "b");
    assert_eq!(numbers(&world), [1, 1, 2]);
}

#[test]
fn what_was_queued_first_and_begins_later_is_the_reprint() {
    let mut world = World::produced();
    world.queue(1, 1);
    lose(&mut world, 2, "b");
    assert_eq!(numbers(&world), [1]);
    world.request(Request::StartJob { job: job(1), printer: "a".parse().unwrap() });
    let found = attempts(&world.lab, &models(), None, &Zone::utc());
    let rows: Vec<_> = found.iter().map(|of| (of.job.clone(), of.number, of.cause.as_deref())).collect();
    assert_eq!(rows, [(job(1), 2, Some("cancelled")), (job(2), 1, None)]);
}

#[test]
fn pieces_of_one_build_share_what_it_took_and_are_no_reprints_of_one_another() {
    let mut world = World::produced();
    // Two pieces of part 1 and one of part 2, in two hours.
    world.queue_with(1, 1, &[1, 2]);
    world.at(360).request(Request::StartJob { job: job(1), printer: "a".parse().unwrap() });
    world.at(480).finish(1);
    world.used(1, 10_001);
    world.clear("a");
    // The second is printed again.
    world.lab.quality.printed.get_mut(&serial(1, 2)).unwrap().state =
        PrintedState::Scrapped { why: words("a wall is missing") };
    world.at(540).start(2, 1, "b");
    world.at(600).finish(2);
    world.clear("b");
    let found = attempts(&world.lab, &models(), site().rates.as_ref(), &Zone::utc());
    let rows: Vec<_> =
        found.iter().map(|of| (of.job.clone(), of.number, of.together, of.milligrams)).collect();
    assert_eq!(
        rows,
        [
            (job(1), 1, 3, Some(3_335)),
            (job(1), 1, 3, Some(3_333)),
            (job(2), 2, 1, None),
            (job(1), 1, 3, Some(3_333)),
        ]
    );
    // 2500 × 3.3 g / kg = 8, and 150 × 2 h / 3 = 100
    assert_eq!(found[0].cost, Some(Money(108)));
    let window = Window { from: WallTime(0), to: WallTime(u64::MAX) };
    let scrap = Scrap::of(window, &found).unwrap();
    assert_eq!((scrap.attempts, scrap.milligrams, scrap.lost_ms), (1, 3_333, 2 * HOUR / 3));
    // One of the two had to be repeated: the one that was scrapped.
    let reprints = Reprints::of(window, &found);
    let on = |printer: &str| reprints.by_printer[&printer.parse::<PrinterName>().unwrap()];
    assert_eq!((on("a").hits, on("a").n, on("b").hits), (1, 3, 0));
    // A printer was used once, for two hours.
    let runs = runs(&world.lab);
    assert_eq!(
        runs.iter().map(|run| (run.job.clone(), run.scrapped)).collect::<Vec<_>>(),
        [(job(1), false), (job(2), false)]
    );
    let took = costs(&world.lab, &jobs(&world.lab), &token(), &models(), &Zone::utc());
    let seconds: u64 = took
        .iter()
        .filter_map(|event| match &event.used {
            Used::Machine { seconds, .. } => *seconds,
            _ => None,
        })
        .sum();
    assert_eq!(seconds, 3 * 3_600, "two hours of the build and one of the reprint");
}

#[test]
fn a_part_that_is_measured_again_is_no_further_point_of_its_printer() {
    let mut world = World::closed();
    let before = measurements(&world.lab, Measured::Parts);
    assert_eq!(before.len(), 6, "two lengths of three parts");
    let id = inspection(1);
    let mut again = world.lab.quality.inspections[&id].clone();
    again.id = inspection(77);
    again.at = WallTime(again.at.0 + HOUR);
    again.measured.values = vec![Some(50_000); 2];
    world.lab.quality.inspections.insert(again.id.clone(), again);
    assert_eq!(measurements(&world.lab, Measured::Parts), before);
}
