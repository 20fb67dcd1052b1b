//! Several pieces on one bed: each follows the job, and is a printed part of its own from there on.

use super::build::{Build, PIECES_MAX, Piece};
use super::inspection::Subject as Inspected;
use super::lot::Step as LotStep;
use super::nonconformance::{About, Disposition};
use super::order::Ordered;
use super::part::{PartAbout, Step as PartStep};
use super::printed::{Doubt, Failure, PrintedPart, PrintedState, Serial, Step as PrintedStep};
use super::rules::SiteRules;
use super::tests::*;
use super::{Change, Hindrance, Refusal};
use crate::domain::event::{ChainHash, ChainedRecord, Fact};
use crate::domain::ids::JobId;
use crate::domain::job::Progress;
use crate::domain::lab::{self, NewJob, Request};
use crate::domain::part::PartRef;
use crate::domain::units::Height;

/// Two pieces of part 1 and one of part 2.
const THREE: [(u16, u32); 3] = [(1, 1), (1, 2), (2, 1)];

fn three(n: u8) -> NewJob {
    NewJob { also: vec![PartRef::Number(1), PartRef::Number(2)], ..new_job(n, 1) }
}

fn queue(world: &mut World, new: NewJob) -> Result<Vec<crate::domain::event::Event>, lab::Refusal> {
    world.request(&Request::QueueJob(Box::new(new)))
}

/// A build of three pieces that is being printed.
fn printing() -> World {
    let mut world = World::at(Stage::Produced);
    queue(&mut world, three(1)).unwrap();
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    world
}

#[track_caller]
fn all(world: &World, is: impl Fn(&PrintedPart) -> bool) {
    for (part, attempt) in THREE {
        assert!(is(world.printed(part, attempt)), "{:?}", world.printed(part, attempt));
    }
    world.assert_durable();
}

fn serials_of(world: &World, job: &JobId) -> Vec<Serial> {
    let pieces = world.lab.quality.pieces_of(&world.lab, &world.lab.jobs[job]);
    pieces.into_iter().map(|piece| piece.serial.clone()).collect()
}

#[test]
fn each_piece_of_a_build_is_a_printed_part_that_follows_its_job() {
    let mut world = World::at(Stage::Produced);
    queue(&mut world, three(1)).unwrap();
    all(&world, |piece| piece.state == PrintedState::Queued && piece.job == Some(job(1)));
    assert_eq!(serials_of(&world, &job(1)), THREE.map(|(part, attempt)| serial(part, attempt)));
    let also = vec![Piece { part: 1, attempt: 2 }, Piece { part: 2, attempt: 1 }];
    assert_eq!(world.lab.quality.builds[&job(1)], Build { job: job(1), also });
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    all(&world, |piece| piece.state == PrintedState::Printing && piece.printer == Some(printer("a")));
    world.finish(1);
    all(&world, |piece| piece.state == PrintedState::Printed && piece.digest == Some(hash(9)));
    world.clear("a");
    all(&world, |piece| piece.operators.contains("olga") && piece.state == PrintedState::Printed);
    // The next jobs of these parts take the next numbers.
    queue(&mut world, three(2)).unwrap();
    assert_eq!(serials_of(&world, &job(2)), [serial(1, 3), serial(1, 4), serial(2, 2)]);
    world.assert_durable();
}

#[test]
fn what_is_odd_about_a_build_is_odd_about_each_piece_of_it() {
    for (what, doubt) in [
        (note_pause(crate::domain::job::PauseReason::Panel), Doubt::Paused),
        (heat(), Doubt::HeatAlarm),
        (note_interrupted(), Doubt::Interrupted),
    ] {
        let mut world = printing();
        world.request(&what).unwrap();
        all(&world, |piece| piece.doubts.contains(&doubt));
    }
}

#[test]
fn a_build_that_is_cancelled_before_it_began_leaves_no_piece_and_one_that_ran_only_failed_ones() {
    let mut world = World::at(Stage::Produced);
    queue(&mut world, three(1)).unwrap();
    let by = || "kim".to_owned();
    world.request(&Request::CancelJob { job: job(1), progress: None, by: by(), line: None }).unwrap();
    all(&world, |piece| piece.state == PrintedState::Withdrawn);
    let mut world = printing();
    let progress = Some(Progress { confirmed: 4, total: 10 });
    world.request(&Request::CancelJob { job: job(1), progress, by: by(), line: None }).unwrap();
    all(&world, |piece| piece.state == PrintedState::Failed { how: Failure::Cancelled });
    let mut world = printing();
    world.request(&note_interrupted()).unwrap();
    world.clear("a");
    all(&world, |piece| piece.state == PrintedState::Failed { how: Failure::TakenOff });
}

#[test]
fn a_job_that_goes_on_with_a_build_goes_on_with_all_of_its_pieces() {
    let mut world = printing();
    world.request(&note_interrupted()).unwrap();
    let height = Height::from_mm(4.2).unwrap();
    let make = Request::MakeResumeFile { job: job(1), file: hash(102), layer: 7, height, by: "kim".into() };
    world.request(&make).unwrap();
    let refused = queue(&mut world, three(2)).unwrap_err();
    assert_eq!(refused, lab::Refusal::SamePieces { job: job(1) });
    queue(&mut world, new_job(2, 1)).unwrap();
    assert_eq!(serials_of(&world, &job(2)), THREE.map(|(part, attempt)| serial(part, attempt)));
    all(&world, |piece| piece.state == PrintedState::Interrupted);
    world.request(&Request::StartJob { job: job(2), printer: printer("a") }).unwrap();
    all(&world, |piece| piece.state == PrintedState::Printing);
    // One that has laid nothing leaves them as they were.
    let mut back = world.clone();
    let progress = Some(Progress { confirmed: 0, total: 10 });
    let cancel = Request::CancelJob { job: job(2), progress, by: "kim".into(), line: None };
    back.request(&Request::LaidNothing(Box::new(cancel))).unwrap();
    all(&back, |piece| piece.state == PrintedState::Interrupted && piece.job == Some(job(1)));
    world.finish(2);
    all(&world, |piece| piece.state.word() == "in quarantine" && piece.doubts.contains(&Doubt::Resumed));
}

#[test]
fn one_piece_of_a_build_is_scrapped_and_the_others_go_their_way() {
    let mut world = printing();
    world.finish(1);
    world.clear("a");
    for (part, attempt) in THREE {
        world.ok("olga", printed_step(part, attempt, PrintedStep::RevisionAttested { revision: 1 }));
    }
    world.ok("ina", open_fault(1, About::Part { serial: serial(1, 2) }));
    world.ok("ina", dispose(1, Disposition::Reprint));
    assert_eq!(world.printed(1, 2).state.word(), "scrapped");
    assert_eq!(world.printed(1, 1).state, PrintedState::Printed);
    assert_eq!(world.printed(1, 3).state, PrintedState::Planned);
    world.ok("ina", close_fault(1));
    world.ok("ina", step(super::case::Step::QcBegun));
    for (n, (part, attempt)) in [(1, 1), (2, 1)].into_iter().enumerate() {
        world.send_to_inspection(part, attempt);
        world.accept(u8::try_from(n).unwrap() + 1, part, attempt);
        world.release(part, attempt);
    }
    assert!(world.printed(1, 1).state.is_released() && world.printed(2, 1).state.is_released());
    world.assert_durable();
    // What is planned is printed first, and the rest is new.
    queue(&mut world, three(2)).unwrap();
    assert_eq!(serials_of(&world, &job(2)), [serial(1, 3), serial(1, 4), serial(2, 2)]);
    assert_eq!(world.printed(1, 3).replaces, Some(serial(1, 2)));
    world.assert_durable();
}

#[test]
fn a_build_begins_only_when_each_piece_of_it_is_of_an_approved_revision() {
    let mut world = World::at(Stage::Produced);
    let rules = SiteRules { approval_before_printing: true, ..SiteRules::default() };
    world.ok("pat", Change::Rules { rules });
    queue(&mut world, three(1)).unwrap();
    let start = Request::StartJob { job: job(1), printer: printer("a") };
    for (done, (part, attempt)) in THREE.into_iter().enumerate() {
        let refused = world.request(&start).unwrap_err();
        let lab::Refusal::Quality(Refusal::Hindered { why, .. }) = refused else { panic!("{refused}") };
        let left = THREE[done..].iter().map(|(part, attempt)| serial(*part, *attempt));
        let left: Vec<_> = left.map(|serial| Hindrance::NoRevision { serial }).collect();
        assert_eq!(why, left);
        world.ok("olga", printed_step(part, attempt, PrintedStep::RevisionAttested { revision: 1 }));
    }
    world.request(&start).unwrap();
}

#[test]
fn what_a_build_used_is_shared_among_its_pieces_and_taken_off_the_lot_once() {
    let mut world = World::at(Stage::Produced);
    world.ok("olga", lot_step(1, LotStep::Received { about: Box::new(lot_about("2027-01-01")) }));
    world.ok("olga", Change::Loaded { lot: lot(1), printer: printer("a"), slot: 0 });
    queue(&mut world, three(1)).unwrap();
    world.request(&Request::StartJob { job: job(1), printer: printer("a") }).unwrap();
    all(&world, |piece| piece.lots.contains(&lot(1)));
    world.finish(1);
    let used = Change::MaterialUsed { job: job(1), lot: lot(1), milligrams: 10_001, runs_out: None };
    world.ask("", used.clone()).unwrap();
    let shares = THREE.map(|(part, attempt)| world.printed(part, attempt).used[0].milligrams);
    assert_eq!(shares, [3_335, 3_333, 3_333]);
    assert_eq!(world.lab.quality.lots[&lot(1)].left_mg, 1_000_000 - 10_001);
    let again = world.ask("", used).unwrap_err();
    assert_eq!(again, Refusal::Deducted { lot: lot(1), job: job(1) });
    // A lot that is recalled keeps each of them apart.
    world.ok("olga", lot_step(1, LotStep::Recalled { why: text("the maker says so") }));
    all(&world, |piece| piece.state.word() == "in quarantine");
}

#[test]
fn a_lot_that_is_loaded_while_a_build_runs_is_in_each_of_its_pieces() {
    let mut world = printing();
    world.ok("olga", lot_step(1, LotStep::Received { about: Box::new(lot_about("2027-01-01")) }));
    world.ok("olga", Change::Loaded { lot: lot(1), printer: printer("a"), slot: 0 });
    all(&world, |piece| piece.lots.contains(&lot(1)));
}

#[test]
fn a_failed_phantom_looks_back_on_each_piece_of_a_build() {
    let mut world = printing();
    world.finish(1);
    let phantom = Inspected::Phantom { printer: printer("a"), next_due: None };
    world.ok("ina", inspect(9, measured(phantom, &[50_000, 40_000], &[])));
    all(&world, |piece| piece.state.word() == "in quarantine" && piece.lookbacks.len() == 1);
}

#[test]
fn a_build_has_parts_of_its_own_case_only_and_no_more_than_fit() {
    let mut world = World::at(Stage::Produced);
    let stranger = NewJob { also: vec![PartRef::Number(3)], ..new_job(1, 1) };
    assert!(matches!(queue(&mut world, stranger), Err(lab::Refusal::NoPart { .. })));
    let other = crate::domain::ids::PartId::from_entropy([77; 16]);
    let other = NewJob { also: vec![PartRef::Id(other)], ..new_job(1, 1) };
    assert!(matches!(queue(&mut world, other), Err(lab::Refusal::NoPart { .. })));
    let pieces = |count: usize| NewJob { also: vec![PartRef::Number(2); count], ..new_job(1, 1) };
    assert_eq!(
        queue(&mut world, pieces(PIECES_MAX)),
        Err(lab::Refusal::TooManyPieces { pieces: PIECES_MAX + 1 })
    );
    let events = queue(&mut world, pieces(PIECES_MAX - 1)).unwrap();
    assert!(matches!(&events[0].fact, Fact::JobQueued { also, .. } if also.len() == PIECES_MAX - 1));
    assert_eq!(serials_of(&world, &job(1)).len(), PIECES_MAX);
    let bytes = ChainedRecord::chain(ChainHash::GENESIS, &events[0]).to_bytes().len();
    assert!(bytes <= 2_048, "{bytes} bytes");
    world.assert_durable();
}

#[test]
fn a_build_in_another_material_than_any_part_of_it_was_ordered_in_does_not_begin() {
    for order in [[1, 2], [2, 1]] {
        let mut world = World::at(Stage::Requested);
        let ordered = Ordered { material: Some(label("clear resin")), ..Ordered::default() };
        let about = PartAbout { ordered: Some(ordered), ..part_about() };
        world.ok("ann", part_step(2, PartStep::Described { about: Box::new(about) }));
        world.ok("ada", Change::Rules { rules: SiteRules { lots: true, ..SiteRules::default() } });
        world.ok("olga", lot_step(1, LotStep::Received { about: Box::new(lot_about("2027-01-01")) }));
        world.ok("olga", lot_step(1, LotStep::Released));
        world.ok("olga", Change::Loaded { lot: lot(1), printer: printer("a"), slot: 0 });
        let new = NewJob { also: vec![PartRef::Number(order[1])], ..new_job(1, order[0]) };
        queue(&mut world, new).unwrap();
        let start = Request::StartJob { job: job(1), printer: printer("a") };
        let refused = world.request(&start).unwrap_err();
        let lab::Refusal::Quality(Refusal::Hindered { why, .. }) = refused else { panic!("{refused}") };
        let (ordered, wanted) = ("clear resin".to_owned(), "PLA".to_owned());
        assert_eq!(why, [Hindrance::NotAsOrdered { part: 2, ordered, wanted }], "{order:?}");
    }
}

#[test]
fn a_build_that_is_missing_from_the_store_is_named() {
    let mut world = printing();
    assert_eq!(world.lab.quality.lost(&world.lab), None);
    world.lab.quality.builds.clear();
    let lost = world.lab.quality.lost(&world.lab);
    assert_eq!(lost, Some(format!("quality/build/{}", job(1))));
}
