//! The daemon dies at a random moment of a print, and another one finds the board still at work.
//!
//! `PLATEN_SEEDS=2000 cargo test --release --test sim rejoin -- --nocapture` runs more of each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::faults::Fault;
use hw_sim::heater::HeaterId;
use hw_sim::planner::Motion;
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::random::Random;
use hw_sim::rig::RigConfig;
use platen::control::session::{MayBeLeft, Profile, SessionEvent};
use platen::domain::job::{AfterCrash, Interruption, PauseReason, Unproven};
use platen::domain::units::Baud;

use crate::world::{SAFE, World, curve};

const COUNTING: [Face; 4] = [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3];

fn seeds(few: u64) -> std::ops::RangeInclusive<u64> {
    1..=std::env::var("PLATEN_SEEDS").map_or(few, |n| n.parse().unwrap())
}

fn file(lines: usize) -> Vec<String> {
    let mut file: Vec<_> = ["G28", "G90", "M83", "G1 Z0.2 F600"].map(str::to_owned).into();
    file.extend(curve(lines));
    file
}

/// A printer, drawn; noise where it is wanted.
fn world(seed: u64, noise: f64) -> (World, Random) {
    world_that(seed, noise, false)
}

fn world_that(seed: u64, noise: f64, resets_on_open: bool) -> (World, Random) {
    let mut dice = Random::new(seed);
    let face = COUNTING[dice.below(4) as usize];
    let latency_us = [100, 1_000, 4_000, 16_000][dice.below(4) as usize];
    let mut config = RigConfig::new(face, 115_200, latency_us, seed);
    config.firmware.motion = if dice.below(3) == 0 { Motion::Instant } else { Motion::Real };
    config.firmware.prevent_cold_extrusion = false;
    config.firmware.reset_on_open = resets_on_open;
    config.firmware.home_us = 1_000_000;
    config.firmware.meatpack = matches!(face, Face::Marlin21 | Face::Marlin20) && dice.below(3) == 0;
    config.firmware.ack_with_line_number &= dice.below(2) == 0;
    config.wire = config.wire.with_damage(noise);
    (World::new(config, SAFE, file(1_200)), dice)
}

/// Prints until a random moment, and kills the daemon there.
fn killed(seed: u64, noise: f64) -> (World, Random) {
    let (mut world, mut dice) = world(seed, noise);
    world.open();
    world.until_ready();
    world.start();
    let lines = dice.below(1_100) as usize;
    world.run_until(4_000, "so many lines", |world| world.executed() >= lines);
    let until = world.now + dice.below(20_000);
    while world.now < until {
        world.step(until);
    }
    world.crash();
    if dice.below(2) == 0 {
        // The board works on alone for a while.
        world.now += dice.below(3_000_000);
    }
    (world, dice)
}

/// The seed that is looked at alone, with its bytes.
fn look(world: &mut World, seed: u64) {
    world.keep_trace = std::env::var("PLATEN_SEED").is_ok_and(|n| n.parse() == Ok(seed));
}

fn settled(world: &World) -> bool {
    world.events.iter().any(|event| {
        matches!(event, SessionEvent::Continued { .. } | SessionEvent::Interrupted { .. })
            || matches!(event, SessionEvent::Paused { reason: PauseReason::Restart, .. })
    })
}

fn why(world: &World) -> Option<Interruption> {
    world.events.iter().find_map(|event| match event {
        SessionEvent::Interrupted { why, .. } => Some(why.clone()),
        _ => None,
    })
}

fn continued(world: &World) -> bool {
    world.events.iter().any(|event| matches!(event, SessionEvent::Continued { .. }))
}

/// After this nothing of the file may be executed: what was on its way has arrived.
fn nothing_more(world: &mut World, seed: u64) {
    let until = world.now + 5_000_000;
    while world.now < until {
        world.step(until);
    }
    let executed = world.executed();
    let until = world.now + 60_000_000;
    while world.now < until {
        world.step(until);
    }
    assert_eq!(world.executed(), executed, "seed {seed}: a line of the file was sent");
}

#[test]
fn a_daemon_that_dies_at_any_moment_of_a_print_goes_on_with_the_very_next_line() {
    let mut gaps = Vec::new();
    for seed in seeds(200) {
        let (mut world, _) = killed(seed, 0.0);
        look(&mut world, seed);
        let from = world.now;
        world.reopen(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(continued(&world), "seed {seed}: {:?}", why(&world));
        gaps.push(world.now - from);
        world.run_until(4_000, "the end", |world| world.printed().is_some() || why(world).is_some());
        let all = world.file.len();
        assert_eq!(world.printed(), Some((all as u64, world.digest())), "seed {seed}: {:?}", why(&world));
        assert_eq!((world.executed(), world.wrong), (all, 0), "seed {seed}");
    }
    gaps.sort_unstable();
    println!(
        "{} continued, from the port open to the next line: median {} ms, longest {} ms",
        gaps.len(),
        gaps[gaps.len() / 2] / 1_000,
        gaps[gaps.len() - 1] / 1_000
    );
}

#[test]
fn a_line_that_was_begun_goes_out_whole_and_no_other_before_the_next_daemon() {
    for seed in seeds(100) {
        let (mut world, mut dice) = world_that(seed, 0.0, true);
        world.open();
        world.until_ready();
        world.start();
        let lines = dice.below(1_100) as usize;
        world.run_until(4_000, "so many lines", |world| world.executed() >= lines);
        world.run_until(60, "a line boundary", |world| world.session.may_be_left() == MayBeLeft::Now);
        let resets = world.rig.ledger().totals.resets;
        world.hand_over();
        let sent = world.trail.as_ref().unwrap().next;
        // The board works on alone for a while, and what it says is read by whoever comes.
        world.now += dice.below(3_000_000);
        world.rig.advance(world.now);
        assert!(world.rig.firmware().last_line_number() < i64::from(sent), "seed {seed}");
        world.take_port(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(continued(&world), "seed {seed}: {:?}", why(&world));
        world.run_until(4_000, "the end", |world| world.printed().is_some() || why(world).is_some());
        let all = world.file.len();
        assert_eq!(world.printed(), Some((all as u64, world.digest())), "seed {seed}: {:?}", why(&world));
        assert_eq!((world.executed(), world.wrong), (all, 0), "seed {seed}");
        assert_eq!(world.rig.ledger().totals.resets, resets, "seed {seed}");
    }
}

/// Prints, and pulls the cable at a random moment, in the middle of a line where it happens so.
fn pull(world: &mut World, dice: &mut Random, seed: u64) {
    world.open();
    world.until_ready();
    world.start();
    let lines = dice.below(1_100) as usize;
    world.run_until(4_000, "so many lines", |world| world.executed() >= lines);
    world.run_until(60, "a steady moment", |world| world.session.may_be_left() == MayBeLeft::Now);
    assert!(world.pull(), "seed {seed}");
}

/// A world whose cable was pulled so.
fn pulled(seed: u64) -> (World, Random) {
    let (mut world, mut dice) = world(seed, 0.0);
    pull(&mut world, &mut dice, seed);
    assert!(world.session.is_closed() && why(&world).is_none(), "seed {seed}");
    (world, dice)
}

#[test]
fn a_cable_that_is_pulled_and_put_in_again_loses_no_line() {
    for seed in seeds(150) {
        let (mut world, mut dice) = pulled(seed);
        world.now += dice.below(25_000_000);
        world.put_in(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(continued(&world), "seed {seed}: {:?}", why(&world));
        world.run_until(4_000, "the end", |world| world.printed().is_some() || why(world).is_some());
        let all = world.file.len();
        assert_eq!(world.printed(), Some((all as u64, world.digest())), "seed {seed}: {:?}", why(&world));
        assert_eq!((world.executed(), world.wrong), (all, 0), "seed {seed}");
    }
}

/// Commands that the firmware did not know.
fn unknown(world: &World) -> Vec<String> {
    let ledger = world.rig.ledger();
    let lines = ledger.executed().iter().enumerate();
    lines.filter(|(at, _)| !ledger.manner(*at).known).map(|(_, line)| line.clone()).collect()
}

/// When the board will have some of a move that is on its way: its whole number, and nothing of its checksum.
fn in_mid_line(world: &World, seed: u64) -> Option<u64> {
    let coming: Vec<_> = world.rig.on_the_way().collect();
    let bytes: Vec<_> = coming.iter().map(|(_, byte)| *byte).collect();
    let find = |from: usize, wanted: u8| {
        let at = bytes.get(from..)?.iter().position(|byte| *byte == wanted)?;
        Some(from + at)
    };
    let begins = find(0, b'N')?;
    let number_ends = find(begins, b' ')?;
    let checksum = find(number_ends, b'*')?;
    if !bytes[number_ends..].starts_with(b" G1") || bytes[begins..checksum].contains(&b'\n') {
        return None;
    }
    let last = number_ends + seed as usize % (checksum - number_ends);
    Some(coming[last].0)
}

#[test]
fn the_refusal_of_a_half_line_that_a_pulled_cable_has_left_takes_nothing_of_the_question() {
    let (mut halves, mut all) = (0, 0);
    for seed in seeds(100) {
        let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, seed);
        config.firmware.prevent_cold_extrusion = false;
        config.firmware.home_us = 1_000_000;
        config.firmware.meatpack = false;
        let mut world = World::new(config, SAFE, file(200));
        look(&mut world, seed);
        world.open();
        world.until_ready();
        world.start();
        let lines = 20 + seed as usize % 60;
        world.run_until(400, "so many lines", |world| world.executed() >= lines);
        world.run_until(60, "a line on its way", |world| in_mid_line(world, seed).is_some());
        let (refused, before) = (world.rig.ledger().totals.missing_checksums, unknown(&world));
        world.now = in_mid_line(&world, seed).unwrap();
        assert!(world.pull(), "seed {seed}");
        // The board works off what it has; then the main loop's next turn is anywhere between two bytes.
        world.now += 5_000_000 + seed * 7;
        world.put_in(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(continued(&world), "seed {seed}: {:?}", why(&world));
        halves += world.rig.ledger().totals.missing_checksums - refused;
        all += 1;
        world.run_until(400, "the end", |world| world.printed().is_some() || why(world).is_some());
        assert_eq!((world.executed(), why(&world)), (world.file.len(), None), "seed {seed}");
        assert_eq!(unknown(&world), before, "seed {seed}");
    }
    assert!(halves * 2 > all, "{halves} half lines in {all} pulls");
}

#[test]
fn a_board_that_lost_its_power_with_its_cable_is_interrupted_and_never_continued() {
    for seed in seeds(60) {
        let (mut world, mut dice) = pulled(seed);
        let cause = [ResetCause::External, ResetCause::BrownOut][dice.below(2) as usize];
        world.inject(&Fault::Reset { cause });
        world.now += dice.below(25_000_000);
        world.put_in(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(why(&world).is_some() && !continued(&world), "seed {seed}");
        nothing_more(&mut world, seed);
        assert!(!continued(&world), "seed {seed}");
    }
}

#[test]
fn a_board_whose_power_dips_while_the_port_stays_open_is_interrupted_and_never_continued() {
    for seed in seeds(60) {
        let (mut world, mut dice) = world(seed, 0.0);
        world.open();
        world.until_ready();
        world.start();
        let lines = dice.below(1_100) as usize;
        world.run_until(4_000, "so many lines", |world| world.executed() >= lines);
        world.inject(&Fault::Reset { cause: ResetCause::BrownOut });
        world.run_until(300, "a decision", |world| why(world).is_some() || world.printed().is_some());
        assert_eq!((why(&world).is_some(), continued(&world)), (true, false), "seed {seed}");
        nothing_more(&mut world, seed);
    }
}

#[test]
fn a_number_that_our_own_question_took_is_never_mistaken_for_a_line_of_the_file() {
    let lines = (0..400).map(|n| format!("M106 S{}", n % 255));
    let file: Vec<_> = ["G28".to_owned(), "G90".to_owned()].into_iter().chain(lines).collect();
    for seed in seeds(60) {
        // Nothing moves, so position proves nothing; and what is asked last is the last that the board has.
        let mut config = RigConfig::new(Face::Marlin11, 115_200, 1_000, seed);
        config.firmware.reset_on_open = false;
        let mut world = World::new(config, SAFE, file.clone());
        world.open();
        world.until_ready();
        world.start();
        let lines = 20 + 5 * seed as usize % 300;
        world.run_until(400, "so many lines", |world| world.executed() >= lines);
        world.hold_back = true;
        world.run_until(60, "a question as the last line", |world| {
            world.session.link().is_idle() && world.session.link().numbering().points().count() > 1
        });
        world.crash();
        world.hold_back = false;
        world.reopen(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(continued(&world), "seed {seed}: {:?}", why(&world));
        world.run_until(400, "the end", |world| world.printed().is_some() || why(world).is_some());
        assert_eq!((world.executed(), why(&world)), (file.len(), None), "seed {seed}");
    }
}

#[test]
fn noise_makes_it_interrupted_at_worst_and_never_inexact() {
    let mut ends = (0, 0);
    for seed in seeds(200) {
        let (mut world, _) = killed(seed, 3e-4);
        world.reopen(AfterCrash::Continue);
        world.run_until(300, "a decision", settled);
        if continued(&world) {
            ends.0 += 1;
            world.run_until(9_000, "the end", |world| world.printed().is_some() || why(world).is_some());
            if world.printed().is_some() {
                assert_eq!(world.executed(), world.file.len(), "seed {seed}");
            }
        } else {
            ends.1 += 1;
            nothing_more(&mut world, seed);
        }
    }
    println!("under noise: {} continued, {} interrupted", ends.0, ends.1);
    assert!(ends.0 > ends.1, "{ends:?}");
}

#[test]
fn killed_again_and_again_even_while_it_asks_no_line_is_lost_or_doubled() {
    let (mut whole, mut interrupted) = (0, 0);
    for seed in seeds(200) {
        let (mut world, mut dice) = killed(seed, 0.0);
        let mut alive = true;
        for _ in 0..6 {
            world.reopen(AfterCrash::Continue);
            let until = world.now + dice.below(400_000);
            while world.now < until && world.printed().is_none() {
                world.step(until);
            }
            if why(&world).is_some() {
                alive = false;
                break;
            }
            if world.printed().is_some() {
                break;
            }
            world.crash();
        }
        if alive && world.printed().is_none() {
            world.reopen(AfterCrash::Continue);
            world.run_until(4_000, "the end", |world| world.printed().is_some() || why(world).is_some());
            alive = why(&world).is_none();
        }
        if alive {
            whole += 1;
            assert_eq!(world.executed(), world.file.len(), "seed {seed}");
        } else {
            interrupted += 1;
            nothing_more(&mut world, seed);
        }
    }
    println!("killed six times more: {whole} printed, {interrupted} interrupted");
    assert!(whole > 0 && interrupted > 0);
}

#[test]
fn a_board_that_was_reset_meanwhile_is_interrupted_and_never_continued() {
    for seed in seeds(50) {
        let (mut world, mut dice) = killed(seed, 0.0);
        world.inject(&Fault::Reset {
            cause: [ResetCause::External, ResetCause::BrownOut][dice.below(2) as usize],
        });
        if dice.below(2) == 0 {
            world.now += dice.below(8_000_000);
        }
        world.reopen(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(!continued(&world), "seed {seed}");
        let said = why(&world);
        let right = matches!(
            said,
            Some(
                Interruption::PrinterReset
                    | Interruption::NotContinued { unproven: Unproven::Count | Unproven::Silent }
            )
        );
        assert!(right, "seed {seed}: {said:?}");
        nothing_more(&mut world, seed);
        assert!(!continued(&world), "seed {seed}");
    }
}

#[test]
fn a_board_that_resets_when_its_port_is_opened_is_interrupted() {
    let (mut world, _) = {
        let mut config = RigConfig::new(Face::Marlin11, 115_200, 1_000, 5);
        config.firmware.prevent_cold_extrusion = false;
        config.firmware.reset_on_open = true;
        (World::new(config, SAFE, file(600)), ())
    };
    world.open();
    world.until_ready();
    world.start();
    world.run_until(400, "some lines", |world| world.executed() > 100);
    world.crash();
    world.reopen(AfterCrash::Continue);
    world.run_until(60, "a decision", settled);
    assert_eq!(why(&world), Some(Interruption::PrinterReset));
    nothing_more(&mut world, 0);
}

#[test]
fn a_head_or_a_heater_that_somebody_else_has_moved_interrupts() {
    let meddled: [(&[u8], Unproven); 3] = [
        (b"G91\nG1 X5\nG90\n", Unproven::Position),
        (b"M104 S80\n", Unproven::Targets),
        (b"M140 S50\n", Unproven::Targets),
    ];
    for (bytes, unproven) in meddled {
        let (mut world, _) = killed(4, 0.0);
        world.scripts = &["G91", "G1 X5", "G90", "M104", "M140"];
        world.rig.open_port(world.now);
        world.rig.host_write(world.now, bytes);
        world.now += 3_000_000;
        let _ = world.rig.host_read(world.now);
        world.rig.close_port(world.now);
        world.reopen(AfterCrash::Continue);
        world.run_until(60, "a decision", settled);
        assert_eq!(
            why(&world),
            Some(Interruption::NotContinued { unproven }),
            "{:?}",
            world.session.activity()
        );
        nothing_more(&mut world, 0);
    }
}

#[test]
fn a_job_that_was_not_printing_steadily_is_interrupted() {
    let (mut world, _) = world(3, 0.0);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(400, "some lines", |world| world.executed() > 100);
    world.session.pause(world.moment(), &World::job(), PauseReason::Panel).unwrap();
    world.flush();
    world.crash();
    world.reopen(AfterCrash::Continue);
    assert_eq!(why(&world), Some(Interruption::NotContinued { unproven: Unproven::Unsteady }));
}

#[test]
fn asked_it_holds_without_a_line_and_goes_on_when_a_person_says_so() {
    for seed in seeds(60) {
        let (mut world, _) = killed(seed, 0.0);
        world.reopen(AfterCrash::Ask);
        world.run_until(120, "a decision", settled);
        assert_eq!((continued(&world), why(&world)), (false, None), "seed {seed}");
        nothing_more(&mut world, seed);
        assert!(matches!(
            world.events.last(),
            Some(SessionEvent::Paused { reason: PauseReason::Restart, .. })
        ));
        let executed = world.executed();
        world.session.resume(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(10, "its count once more", continued);
        assert_eq!(world.executed(), executed, "seed {seed}: the part is marked before it gets a line");
        world.run_until(4_000, "the end", |world| world.printed().is_some());
        assert_eq!(world.executed(), world.file.len(), "seed {seed}");
    }
}

/// Held for a person, on a board of each kind that counts, by what its seed says.
fn held(seed: u64) -> (World, Random) {
    let mut dice = Random::new(seed);
    let faces = [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3, Face::Smoothieware];
    let mut config = RigConfig::new(faces[seed as usize % 5], 115_200, 1_000, seed);
    config.firmware.reset_on_open = false;
    config.firmware.home_us = 1_000_000;
    let mut world = World::new(config, SAFE, file(1_200));
    pull(&mut world, &mut dice, seed);
    world.now += 2_000_000;
    world.put_in(AfterCrash::Ask);
    world.run_until(120, "a decision", settled);
    assert_eq!(why(&world), None, "seed {seed}");
    let until = world.now + dice.below(30_000_000);
    while world.now < until {
        world.step(until);
    }
    (world, dice)
}

#[test]
fn a_board_that_lost_its_power_unnoticed_while_it_was_held_is_interrupted_when_a_person_resumes() {
    for seed in seeds(60) {
        let (mut world, mut dice) = held(seed);
        let comes_back = dice.below(3) > 0;
        // Nobody hears how it starts anew: it only counts from the beginning.
        world.inject(&Fault::DropReply { prefix: "start".into(), nth: 1 });
        let lost = if comes_back { Fault::Reset { cause: ResetCause::BrownOut } } else { Fault::PowerCut };
        world.inject(&lost);
        let until = world.now + dice.below(1_500_000);
        while world.now < until {
            world.step(until);
        }
        assert_eq!(why(&world), None, "seed {seed}: it was noticed");
        let executed = world.executed();
        world.session.resume(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(1_000, "a decision", |world| continued(world) || why(world).is_some());
        assert!(!continued(&world), "seed {seed}");
        let right = match why(&world) {
            Some(Interruption::NotContinued { unproven }) => unproven == Unproven::Count || !comes_back,
            Some(Interruption::LineCountLost) => comes_back,
            Some(Interruption::Silence) => !comes_back,
            _ => false,
        };
        assert!(right, "seed {seed}: {:?}", why(&world));
        nothing_more(&mut world, seed);
        assert_eq!(world.executed(), executed, "seed {seed}");
    }
}

#[test]
fn whoever_changes_their_mind_while_the_board_is_asked_has_it_paused_or_cancelled() {
    for seed in seeds(20) {
        for cancels in [false, true] {
            let (mut world, _) = held(seed);
            world.run_until(60, "a quiet line", |world| world.session.link().is_idle());
            let (job, executed) = (World::job(), world.executed());
            world.session.resume(world.moment(), &job, "kim").unwrap();
            world.flush();
            assert!(!world.session.link().is_idle(), "seed {seed}: it is asked");
            if cancels {
                world.session.cancel(world.moment(), &job, "kim").unwrap();
                world.flush();
                let cancelled = |event: &SessionEvent| matches!(event, SessionEvent::Cancelled { .. });
                world.run_until(60, "its end", |world| world.events.iter().any(cancelled));
                assert_eq!((world.printed(), continued(&world)), (None, false), "seed {seed}");
                continue;
            }
            let by = PauseReason::Person { by: "kim".into() };
            world.session.pause(world.moment(), &job, by).unwrap();
            nothing_more(&mut world, seed);
            assert_eq!((continued(&world), world.executed()), (false, executed), "seed {seed}");
            world.session.resume(world.moment(), &job, "kim").unwrap();
            world.flush();
            world.run_until(4_000, "the end", |world| world.printed().is_some());
            assert!(continued(&world), "seed {seed}: it is asked again");
            assert_eq!(world.executed(), world.file.len(), "seed {seed}");
        }
    }
}

#[test]
fn a_held_nozzle_is_cooled_to_its_hold_temperature_and_hot_again_before_the_next_line() {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 5);
    config.firmware.reset_on_open = false;
    let mut profile = Profile::new(Baud(115_200), SAFE);
    profile.pausing.hold = Some(150);
    let mut heated: Vec<_> = ["M140 S50", "M109 S200", "M190 S50"].map(str::to_owned).into();
    heated.extend(file(1_200));
    let mut world = World::with_profile(config, profile, heated);
    world.scripts = &["M104 S", "M109 S"];
    world.open();
    world.until_ready();
    world.start();
    world.run_until(4_000, "some lines", |world| world.executed() > 200);
    world.crash();
    world.reopen(AfterCrash::Ask);
    world.run_until(120, "a decision", settled);
    assert_eq!(why(&world), None);
    let hotend = |world: &World| world.rig.firmware().heater(HeaterId::Hotend).target();
    world.run_until(10, "a cooler nozzle", |world| hotend(world) == 150.0);
    assert_eq!(world.rig.firmware().heater(HeaterId::Bed).target(), 50.0, "the part stays stuck");
    nothing_more(&mut world, 5);
    let executed = world.executed();
    world.session.resume(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    world.run_until(400, "the next line", |world| world.executed() > executed);
    let hot = world.rig.firmware().heater(HeaterId::Hotend);
    assert!(hot.target() == 200.0 && hot.temperature() > 190.0, "{} of {}", hot.temperature(), hot.target());
    world.run_until(4_000, "the end", |world| world.printed().is_some());
    assert_eq!((world.executed(), world.wrong), (world.file.len(), 0));
}

#[test]
fn asked_in_vain_it_is_interrupted_with_its_heaters_off() {
    let (mut world, _) = killed(8, 0.0);
    world.reopen(AfterCrash::Ask);
    world.run_until(120, "a decision", settled);
    let executed = world.executed();
    world.run_until(700, "the end of the patience", |world| why(world).is_some());
    assert_eq!(why(&world), Some(Interruption::NotContinued { unproven: Unproven::Unanswered }));
    assert!(world.executed() - executed < 40, "only what the board had");
}

#[test]
fn a_firmware_that_cannot_tell_its_line_is_interrupted() {
    for face in [Face::RepRapFirmware, Face::Klipper] {
        let mut config = RigConfig::new(face, 115_200, 1_000, 2);
        config.firmware.prevent_cold_extrusion = false;
        let mut world = World::new(config, SAFE, file(800));
        world.open();
        world.until_ready();
        world.start();
        world.run_until(400, "some lines", |world| world.executed() > 100);
        world.crash();
        world.reopen(AfterCrash::Continue);
        world.run_until(120, "a decision", settled);
        assert!(!continued(&world), "{face:?}");
        nothing_more(&mut world, 0);
    }
}

#[test]
fn what_is_kept_tells_how_far_the_job_has_come_and_whether_it_may_have_laid_anything() {
    let config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    let mut lines: Vec<String> = ["G28", "G90", "M83", "G1 Z0.2 F600"].map(str::to_owned).into();
    lines.extend((0..300).map(|at| format!("G1 X{} Y5 F6000", at % 50)));
    lines.extend(curve(600));
    let mut world = World::new(config, SAFE, lines);
    world.open();
    world.until_ready();
    world.start();
    world.run_until(4_000, "so many lines", |world| world.executed() >= 40);
    let kept = world.session.trail().unwrap();
    assert!(!kept.laid && (20..150).contains(&kept.confirmed), "{kept:?}");
    assert!(!world.trail.as_ref().unwrap().laid);
    world.run_until(4_000, "more lines", |world| world.executed() >= 600);
    let kept = world.session.trail().unwrap();
    assert!(kept.laid && (500..800).contains(&kept.confirmed), "{kept:?}");
    assert!(world.trail.as_ref().unwrap().laid, "kept anew before the first such line went out");
}

#[test]
fn a_job_that_is_looked_for_can_be_cancelled_and_no_line_of_it_is_sent_any_more() {
    for seed in 1..=6 {
        let (mut world, mut dice) = killed(seed, 0.0);
        look(&mut world, seed);
        world.reopen(AfterCrash::Continue);
        let until = world.now + dice.below(50_000);
        while world.now < until && world.session.is_rejoining() {
            world.step(until);
        }
        if !world.session.is_rejoining() {
            continue;
        }
        world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
        world.run_until(120, "a printer that is ready", |world| world.session.is_ready());
        let cancelled =
            |event: &SessionEvent| matches!(event, SessionEvent::Cancelled { by, .. } if by == "kim");
        assert_eq!(world.events.iter().filter(|event| cancelled(event)).count(), 1, "seed {seed}");
        nothing_more(&mut world, seed);
    }
}
