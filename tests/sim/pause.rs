//! Pauses of every kind: parked and brought back exactly, bounded in heat, asked by people, files and boards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use hw_sim::canonical::spelled;
use hw_sim::faults::{Direction, Fault as Trouble};
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::rig::RigConfig;
use platen::control::park::Pausing;
use platen::control::run::ALLOWED_MAX;
use platen::control::session::{NotNow, Profile, SessionEvent};
use platen::domain::job::{Interruption, PauseReason};
use platen::domain::printer::{Activity, Hold, HoldStep, Park, StopProof};
use platen::domain::units::Baud;
use platen::gcode::commands::{Code, When};
use std::time::Duration;

use crate::world::{SAFE, World, curve};

const PARK: Park = Park { at: Some((5, 190)), lift: 10, retract: 2, build_height: Some(200) };

/// Every line that platen sends of its own accord in a pause begins like one of these.
const SCRIPTS: &[&str] = &[
    "M83",
    "M82",
    "G90",
    "G91",
    "G1 E-2 F1800",
    "G1 E2 F1800",
    "G1 Z",
    "G1 X5 Y190 F6000",
    "G1 F",
    "M84 S",
    "M104 S",
    "M140 S",
    "M109 S",
    "M190 S",
    "M602",
];

fn person() -> PauseReason {
    PauseReason::Person { by: "kim".into() }
}

/// A print with heat, homing and modes, as slicers write it.
fn print_of(lines: usize) -> Vec<String> {
    let mut file = vec!["M140 S60".to_owned(), "M104 S210".into(), "M190 S60".into(), "M109 S210".into()];
    file.extend(["G28", "G90", "M83", "G1 Z0.2 F1200", "G1 X130 Y100 F3000"].map(str::to_owned));
    file.extend(curve(lines));
    file.extend(["M104 S0", "M140 S0", "M107"].map(str::to_owned));
    file
}

fn profile(baud: u32, park: Option<Park>) -> Profile {
    let pausing = Pausing {
        park,
        nozzle_hot_max: Duration::from_secs(10 * 60),
        hold: None,
        bed_hot_max: Duration::from_secs(30 * 60),
    };
    Profile { pausing, ..Profile::new(Baud(baud), SAFE) }
}

fn world_of(config: RigConfig, park: Option<Park>, file: Vec<String>) -> World {
    let baud = config.wire.to_device.baud;
    let mut world = World::with_profile(config, profile(baud, park), file);
    world.scripts = SCRIPTS;
    world
}

fn world(face: Face, park: Option<Park>, file: Vec<String>) -> World {
    world_of(RigConfig::new(face, 115_200, 1_000, 1), park, file)
}

impl World {
    fn hold(&self) -> Hold {
        self.session.snapshot(self.moment()).hold
    }

    fn is_at(&self, step: HoldStep) -> bool {
        self.hold().step == Some(step)
    }

    /// Runs for so long.
    #[track_caller]
    fn wait(&mut self, seconds: u64) {
        let until = self.now + seconds * 1_000_000;
        self.run_until(seconds + 1, "a while", |world| world.now >= until);
    }

    /// What was executed since the job began, the file's lines and ours.
    fn ran(&self) -> Vec<String> {
        self.rig.ledger().executed().iter().map(|line| spelled(line)).collect()
    }

    #[track_caller]
    fn begin(&mut self, executed: usize) {
        self.keep_trace |= std::env::var_os("PLATEN_TRACE").is_some();
        self.open();
        self.until_ready();
        self.start();
        self.run_until(2_000, "some lines", |world| world.executed() > executed);
    }

    #[track_caller]
    fn pause_by_person(&mut self) {
        self.session.pause(self.moment(), &Self::job(), person()).unwrap();
        self.flush();
        self.run_until(120, "standstill", |world| {
            matches!(world.session.activity(), Activity::Paused { draining: false, .. })
        });
    }

    fn resume(&mut self) {
        self.session.resume(self.moment(), &Self::job(), "kim").unwrap();
        self.flush();
    }

    #[track_caller]
    fn ends_exactly(&mut self) {
        self.run_until(4_000, "the end", |world| {
            world
                .events
                .iter()
                .any(|event| matches!(event, SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. }))
        });
        let digest = self.digest();
        let printed = self.events.iter().find_map(|event| match event {
            SessionEvent::Printed { progress, digest, line, .. } => {
                Some((*progress, digest.clone(), line.strays))
            }
            _ => None,
        });
        let Some((progress, confirmed, strays)) = printed else { panic!("{:?}", self.events.last()) };
        assert_eq!((progress.confirmed, progress.total), (self.file.len() as u64, self.file.len() as u64));
        // Smoothieware is silent in a slow move, and `ok`s that were given up for lost come late: a weakness of
        // the link that has nothing to do with pauses.
        let face = self.rig.firmware().config().face;
        assert!(strays == 0 || face == Face::Smoothieware, "{strays} strays, {face:?}");
        assert_eq!(confirmed, digest);
        assert_eq!(self.rig.ledger().totals.steppers_let_go, 0, "the head's place was lost");
    }

    fn target(&self, bed: bool) -> f64 {
        let which = if bed { hw_sim::heater::HeaterId::Bed } else { hw_sim::heater::HeaterId::Hotend };
        self.rig.firmware().heater(which).target()
    }

    /// Where the board would say that it is.
    fn place(&mut self) -> [f64; 4] {
        self.rig.firmware().position()
    }
}

#[test]
fn a_parked_print_goes_on_from_where_it_was_with_the_very_next_line() {
    for (_, face) in Face::NAMED {
        let mut world = world(face, Some(PARK), print_of(600));
        world.begin(200);
        world.pause_by_person();
        let ran = world.ran();
        let from = ran.iter().rposition(|line| line == "M400").unwrap();
        let own: Vec<&str> = ran[from..].iter().map(String::as_str).filter(|line| *line != "M105").collect();
        assert_eq!(own[..3], ["M400", "M114", "M114"], "{face:?}");
        assert!(own.contains(&"G1 X5 Y190 F6000"), "{face:?}: {own:?}");
        let parked = world.place();
        assert_eq!((parked[0], parked[1]), (5.0, 190.0), "{face:?}");
        assert!(parked[2] > 10.0, "{face:?} {parked:?}");
        let before = world.executed();
        world.wait(300);
        assert_eq!(world.executed(), before, "{face:?}");
        world.resume();
        world.ends_exactly();
        assert_eq!(world.executed(), world.file.len(), "{face:?}");
    }
}

/// Where each line of the file begins and ends, with and without a pause in between.
#[test]
fn a_pause_leaves_position_modes_and_feedrate_as_the_file_had_them() {
    for modes in [["G90", "M83"], ["G90", "M82"], ["G91", "M83"]] {
        for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3, Face::Smoothieware] {
            let mut file: Vec<String> =
                ["M104 S210", "M109 S210", "G28", "G90", "G1 X100 Y100 Z5 F2400"].map(str::to_owned).into();
            file.extend(modes.map(str::to_owned));
            file.extend(
                (0..150)
                    .map(|n| format!("G1 X{} Y{}", 50 + n % 40, 60 + n % 7))
                    .filter(|_| modes[0] == "G90"),
            );
            let away = |n: i32| if n % 2 == 0 { 3 } else { -3 };
            file.extend(
                (0..150)
                    .map(|n| format!("G1 X{} Y{} E0.01", away(n), -away(n)))
                    .filter(|_| modes[0] == "G91"),
            );
            let mut undisturbed = world(face, Some(PARK), file.clone());
            undisturbed.print_exactly(3_000);
            let want = undisturbed.rig.firmware().modes();
            let mut world = world(face, Some(PARK), file);
            world.begin(60);
            world.pause_by_person();
            assert!(world.is_at(HoldStep::Parked), "{face:?} {modes:?} {:?}", world.hold());
            world.resume();
            world.ends_exactly();
            let got = world.rig.firmware().modes();
            assert_eq!(got.0, want.0, "{face:?} {modes:?}: modes and feedrate");
            for (got, want) in got.1.iter().zip(want.1) {
                assert!((got - want).abs() < 0.006, "{face:?} {modes:?}: {got} is not {want}");
            }
        }
    }
}

#[test]
fn the_head_leaves_the_part_at_once_and_the_job_goes_on_at_once_when_it_is_back() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(600));
    world.keep_trace = true;
    world.begin(200);
    world.pause_by_person();
    world.resume();
    world.run_until(120, "the next line", |world| {
        world.rig.firmware().is_standing() || world.hold().step.is_none()
    });
    world.ends_exactly();
    // Between the last move at the part and the first away from it lies one question and its answer.
    let sent = |text: &str| {
        let at = world
            .trace
            .iter()
            .position(|(_, way, bytes)| *way == '>' && String::from_utf8_lossy(bytes).contains(text));
        world.trace[at.unwrap()].0
    };
    let stands = world
        .trace
        .iter()
        .filter(|(_, way, bytes)| *way == '<' && String::from_utf8_lossy(bytes).contains("X:"));
    let told = stands.map(|(at, ..)| *at).find(|at| *at > sent("M400")).unwrap();
    assert!(sent("E-2") - told < 20_000, "{} µs", sent("E-2") - told);
    // Down, filament, modes and the file's next lines go out together.
    assert!(world.rig.ledger().totals.stall_seconds < 2.0);
}

#[test]
fn nothing_of_a_park_is_sent_when_the_job_has_not_homed() {
    let unhomed: Vec<String> = print_of(400).into_iter().filter(|line| line != "G28").collect();
    let mut let_go = print_of(400);
    let_go.insert(9, "M84".into());
    for (file, park) in [(unhomed, Some(PARK)), (let_go, Some(PARK)), (print_of(400), None)] {
        let mut world = world(Face::Marlin21, park, file);
        world.begin(150);
        world.pause_by_person();
        assert!(world.is_at(HoldStep::Standing), "{:?}", world.hold());
        let ran = world.ran();
        let from = ran.iter().rposition(|line| line == "M400").unwrap();
        let moves: Vec<_> = ran[from..].iter().filter(|line| line.starts_with('G')).collect();
        assert!(moves.is_empty(), "{moves:?}");
        world.resume();
        world.ends_exactly();
    }
}

#[test]
fn a_position_that_noise_has_changed_moves_nothing_to_a_wrong_place() {
    // Any byte of either answer, and of the next ones.
    for nth in 1..110 {
        let mut world = world(Face::Marlin21, Some(PARK), print_of(300));
        world.begin(100);
        world.session.pause(world.moment(), &World::job(), person()).unwrap();
        world.flush();
        world.run_until(60, "the question", |world| world.ran().iter().any(|line| line == "M400"));
        world.inject(&Trouble::DamageByte { direction: Direction::ToHost, nth });
        world.run_until(60, "standstill", |world| {
            matches!(world.session.activity(), Activity::Paused { draining: false, .. })
        });
        let before = world.executed();
        world.resume();
        world.run_until(120, "the next lines", |world| world.executed() > before + 3);
        // Back above the very place where the last line of the file had ended.
        let ran = world.ran();
        let stood = ran.iter().rposition(|line| line == "M400").unwrap();
        let last = ran[..stood].iter().rfind(|line| line.starts_with("G1 X")).unwrap();
        let words = last.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ");
        let back: Vec<_> = ran[stood..].iter().filter(|line| line.ends_with(" F6000")).skip(1).collect();
        for line in back {
            assert_eq!(*line, format!("G1 {words} F6000"), "byte {nth}");
        }
        world.ends_exactly();
    }
}

#[test]
fn a_head_that_was_moved_by_hand_in_a_pause_is_brought_back_first() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
    world.begin(150);
    world.pause_by_person();
    // Somebody moves it at the panel, and leaves the board in another mode.
    world.rig.firmware_mut().jog([30.0, -20.0, 5.0]);
    world.resume();
    world.ends_exactly();
}

#[test]
fn a_board_that_counts_no_lines_and_starts_anew_in_a_pause_gets_no_line() {
    for face in [Face::RepRapFirmware, Face::Klipper] {
        let mut file: Vec<_> =
            ["G28", "G90", "M83", "G1 Z0.2 F1200", "G1 X130 Y100 F3000"].map(str::to_owned).into();
        file.extend(curve(300));
        let mut config = RigConfig::new(face, 115_200, 1_000, 1);
        // An older one, which does not tell for how long it has run.
        config.firmware.has_object_model = false;
        let mut world = world_of(config, None, file);
        world.open();
        world.until_ready();
        world.start();
        world.run_until(400, "some lines", |world| world.executed() > 60);
        world.session.pause(world.moment(), &World::job(), person()).unwrap();
        world.run_until(60, "a stand", |world| world.is_at(HoldStep::Standing));
        world.session.resume(world.moment(), &World::job(), "kim").unwrap();
        let more = world.executed() + 20;
        world.run_until(60, "the next lines", |world| world.executed() > more);
        world.session.pause(world.moment(), &World::job(), person()).unwrap();
        world.run_until(60, "a stand", |world| world.is_at(HoldStep::Standing));
        let executed = world.executed();
        // It says nothing of it, and has lost its place.
        world.inject(&Trouble::DropReply { prefix: "// Klipper state".into(), nth: 1 });
        world.inject(&Trouble::Reset { cause: ResetCause::BrownOut });
        world.wait(1);
        world.session.resume(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(60, "a head astray", |world| world.is_at(HoldStep::Astray));
        assert!(
            world
                .events
                .iter()
                .any(|event| { matches!(event, SessionEvent::Paused { reason: PauseReason::Astray, .. }) })
        );
        world.wait(10);
        assert_eq!(world.executed(), executed, "{face:?}");
    }
}

/// A job that has homed, and nothing else, on a board that looks at no numbers; a person pauses it.
fn paused_at_the_origin(face: Face, park: Option<Park>) -> World {
    let mut file: Vec<_> =
        ["G28", "G90", "M83", "G1 Z0.2 F1200", "G1 X130 Y100 F3000"].map(str::to_owned).into();
    file.extend(curve(300));
    let mut world = world(face, park, file);
    world.open();
    world.until_ready();
    world.start();
    let lines = if park.is_some() { 40 } else { 1 };
    world.run_until(400, "some lines", |world| world.executed() >= lines);
    world.session.pause(world.moment(), &World::job(), person()).unwrap();
    let stands = if park.is_some() { HoldStep::Parked } else { HoldStep::Standing };
    world.run_until(60, "a stand", |world| world.is_at(stands));
    world
}

/// It loses its power just behind a question, so that none goes to a board that has none.
fn starts_anew_unseen(world: &mut World) {
    world.run_until(10, "a question", |world| !world.session.link().is_idle());
    world.run_until(10, "its answer", |world| world.session.link().is_idle());
    world.inject(&Trouble::Reset { cause: ResetCause::BrownOut });
}

/// Why the job was interrupted; nothing else may have become of it.
fn why(world: &World) -> Option<Interruption> {
    assert_eq!(world.printed(), None);
    world.events.iter().find_map(|event| match event {
        SessionEvent::Interrupted { why, .. } => Some(why.clone()),
        _ => None,
    })
}

#[test]
fn a_board_that_starts_anew_unseen_where_it_stood_at_its_origin_gets_no_line() {
    for park in [None, Some(PARK)] {
        let mut world = paused_at_the_origin(Face::RepRapFirmware, park);
        let before = world.rig.ledger().executed().len();
        starts_anew_unseen(&mut world);
        world.wait(2);
        assert_eq!(why(&world), None, "nobody has asked yet");
        world.session.resume(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(60, "an end", |world| why(world).is_some());
        assert_eq!(why(&world), Some(Interruption::PrinterReset));
        world.until_ready();
        world.wait(10);
        let moves = |line: &&String| line.starts_with("G") || line.starts_with("T");
        let ran = &world.rig.ledger().executed()[before..];
        assert_eq!(ran.iter().find(moves), None, "parked: {}", park.is_some());
    }
}

#[test]
fn a_board_that_starts_anew_unseen_is_noticed_in_time_though_nobody_resumes() {
    let mut world = paused_at_the_origin(Face::RepRapFirmware, None);
    world.wait(60);
    assert_eq!(why(&world), None);
    starts_anew_unseen(&mut world);
    world.run_until(30, "an end", |world| why(world).is_some());
    assert_eq!(why(&world), Some(Interruption::PrinterReset));
}

#[test]
fn a_board_without_an_object_model_prints_and_is_not_asked_for_ever() {
    let mut config = RigConfig::new(Face::RepRapFirmware, 115_200, 1_000, 1);
    config.firmware.has_object_model = false;
    let mut world = world_of(config, None, curve(600));
    world.print_exactly(4_000);
    let asked = world.rig.ledger().executed().iter().filter(|line| line.starts_with("M409")).count();
    assert!((1..10).contains(&asked), "{asked}");
}

#[test]
fn a_klipper_that_says_that_it_is_ready_has_started_anew() {
    let mut world = paused_at_the_origin(Face::Klipper, None);
    world.inject(&Trouble::Reset { cause: ResetCause::BrownOut });
    world.run_until(10, "an end", |world| why(world).is_some());
    assert_eq!(why(&world), Some(Interruption::PrinterReset));
}

#[test]
fn a_head_that_is_not_where_it_was_told_to_be_gets_no_line_until_somebody_has_looked() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
    world.begin(150);
    world.pause_by_person();
    let before = world.executed();
    let ran = world.ran().len();
    world.resume();
    // Somebody gets hold of it just when it has come back.
    world.run_until(20, "the way back", |world| {
        world.ran()[ran..].iter().any(|line| line.ends_with(" F6000"))
    });
    world.rig.firmware_mut().jog([0.0, 40.0, 0.0]);
    world.run_until(20, "the finding", |world| world.is_at(HoldStep::Astray));
    assert!(matches!(world.session.activity(), Activity::Paused { .. }));
    let paused =
        |event: &SessionEvent| matches!(event, SessionEvent::Paused { reason: PauseReason::Astray, .. });
    assert!(world.events.iter().any(paused), "the journal knows");
    world.wait(60);
    assert_eq!(world.executed(), before);
    world.resume();
    world.ends_exactly();
}

#[test]
fn a_nozzle_that_waits_is_switched_off_and_then_the_bed_and_both_are_hot_again_before_the_head_returns() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(500));
    world.begin(200);
    world.pause_by_person();
    let hold = world.hold();
    assert!(hold.nozzle_off_at.is_some() && hold.bed_off_at.is_some());
    world.wait(9 * 60);
    assert_eq!((world.target(false), world.target(true)), (210.0, 60.0));
    world.wait(2 * 60);
    assert_eq!((world.target(false), world.target(true)), (0.0, 60.0), "the part stays on a warm bed");
    assert!(world.hold().nozzle_is_off);
    world.wait(20 * 60);
    assert_eq!((world.target(false), world.target(true)), (0.0, 0.0));
    world.resume();
    assert!(matches!(world.session.activity(), Activity::Printing { .. }));
    world.run_until(20, "heating", |world| world.is_at(HoldStep::Reheating) && world.target(false) > 0.0);
    world.run_until(1_200, "the way back", |world| world.rig.firmware().position()[0] != 5.0);
    let hotend = world.rig.firmware().heater(hw_sim::heater::HeaterId::Hotend);
    assert!(hotend.temperature() > 205.0, "{}", hotend.temperature());
    let before = world.rig.ledger().totals.extrusions_prevented;
    world.ends_exactly();
    assert_eq!(
        world.rig.ledger().totals.extrusions_prevented,
        before,
        "no line of the file met a cold nozzle"
    );
}

#[test]
fn a_pause_while_it_heats_up_again_parks_it_again() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
    world.begin(150);
    world.pause_by_person();
    world.wait(15 * 60);
    world.resume();
    world.run_until(20, "heating", |world| world.is_at(HoldStep::Reheating));
    world.wait(3);
    world.pause_by_person();
    assert!(world.is_at(HoldStep::Parked), "{:?}", world.hold());
    world.wait(11 * 60);
    assert_eq!(world.target(false), 0.0, "the time begins anew");
    world.resume();
    world.ends_exactly();
}

#[test]
fn a_pause_in_a_file_is_platens_own_and_shows_its_words() {
    let mut file = print_of(300);
    file.insert(100, "M0 Insert the nut".into());
    file.push("M1".into());
    let mut world = world(Face::Marlin21, Some(PARK), file);
    world.begin(50);
    world.run_until(300, "the pause", |world| world.is_at(HoldStep::Parked));
    assert_eq!(world.hold().text.as_deref(), Some("Insert the nut"));
    assert_eq!(world.hold().reason, Some(PauseReason::File { command: 101 }));
    let confirmed = world.session.progress().unwrap().confirmed;
    assert_eq!(confirmed, 101);
    world.wait(60);
    world.resume();
    world.run_until(600, "the last pause", |world| {
        world.hold().reason.is_some() && world.is_at(HoldStep::Parked)
    });
    world.resume();
    world.ends_exactly();
    assert!(!world.ran().iter().any(|line| line.starts_with("M0") || line.starts_with("M1 ")), "never sent");
}

#[test]
fn a_forbidden_command_ends_the_job_before_it_is_sent_even_if_intake_let_it_through() {
    for (command, allowed, sent) in [
        ("M500", None, false),
        ("M500", Some(500), true),
        ("M112", Some(112), false),
        ("M104 S0 S200", None, false),
    ] {
        let mut file = curve(50);
        file.insert(30, command.into());
        let config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
        let mut codes = [None; ALLOWED_MAX];
        codes[0] = allowed.map(|number| Code::new(b'M', number));
        let profile = Profile { allowed: codes, ..profile(115_200, None) };
        let mut world = World::with_profile(config, profile, file);
        world.open();
        world.until_ready();
        world.start();
        world.run_until(100, "an end", |world| {
            world
                .events
                .iter()
                .any(|event| matches!(event, SessionEvent::Interrupted { .. } | SessionEvent::Printed { .. }))
        });
        assert_eq!(world.ran().iter().any(|line| line == command), sent, "{command} {allowed:?}");
        let why = world
            .events
            .iter()
            .any(|event| matches!(event, SessionEvent::Interrupted { why: Interruption::NotAllowed, .. }));
        assert_eq!(why, !sent, "{command}");
    }
}

#[test]
fn a_change_of_filament_waits_for_a_person_who_answers_button_by_button() {
    let mut file = print_of(300);
    file.insert(120, "M600".into());
    let mut world = world(Face::Marlin21, Some(PARK), file);
    world.begin(50);
    world.run_until(300, "the wait", |world| world.is_at(HoldStep::WaitsForPerson));
    assert!(matches!(world.session.activity(), Activity::Paused { .. }));
    let prompt = world.hold().prompt.unwrap();
    assert_eq!(
        (prompt.text.as_str(), prompt.buttons.as_slice()),
        ("Nozzle Parked", &["Continue".to_owned()][..])
    );
    let before = world.executed();
    world.wait(600);
    assert_eq!(world.executed(), before);
    let now = world.moment();
    assert_eq!(world.session.answer(now, 0, Some("Paused"), "kim"), Err(NotNow::OtherPrompt));
    assert_eq!(world.session.answer(now, 5, Some("Nozzle Parked"), "kim"), Err(NotNow::NoButton));
    assert_eq!(world.session.answer(now, 0, Some("Nozzle Parked"), "kim").as_deref(), Ok("Continue"));
    world.flush();
    let purged = |world: &World| world.hold().prompt.is_some_and(|prompt| prompt.buttons.len() == 2);
    world.run_until(60, "the next question", |world| purged(world));
    // More, then enough.
    assert_eq!(world.session.answer(world.moment(), 0, None, "kim").as_deref(), Ok("PurgeMore"));
    world.flush();
    world.wait(3);
    world.run_until(60, "the question again", |world| world.is_at(HoldStep::WaitsForPerson));
    assert_eq!(world.session.answer(world.moment(), 1, None, "kim").as_deref(), Ok("Continue"));
    world.flush();
    world.ends_exactly();
    let paused = world
        .events
        .iter()
        .filter(|event| matches!(event, SessionEvent::Paused { reason: PauseReason::Printer, .. }));
    assert_eq!(paused.count(), 1);
    let resumed =
        world.events.iter().any(|event| matches!(event, SessionEvent::Resumed { by, .. } if by == "kim"));
    assert!(resumed, "the journal knows who answered");
}

#[test]
fn what_a_board_says_when_it_goes_on_is_gone_when_it_has_gone_on() {
    let mut world = changing_filament(Face::Marlin21, |_| {});
    let now = world.moment();
    assert!(world.session.answer(now, 0, Some("Nozzle Parked"), "kim").is_ok());
    world.flush();
    let purged = |world: &World| world.hold().prompt.is_some_and(|prompt| prompt.text == "Paused");
    world.run_until(60, "the next question", |world| purged(world));
    assert!(world.session.answer(world.moment(), 1, Some("Paused"), "kim").is_ok());
    world.flush();
    // Once these are acknowledged, what was said before them has been heard.
    let acknowledged = |world: &World| world.session.link().window().acked();
    let before = acknowledged(&world);
    world.run_until(60, "the next lines", |world| acknowledged(world) > before + 2);
    assert_eq!(world.hold(), Hold::default(), "it said `Resuming`, and has");
    world.ends_exactly();
    assert_eq!(world.hold(), Hold::default());
}

#[test]
fn a_note_of_a_board_is_gone_when_somebody_has_read_it_or_the_job_has_ended() {
    const NOTE: [&str; 3] =
        ["//action:prompt_begin Probing failed", "//action:prompt_button Dismiss", "//action:prompt_show"];
    let shown = |world: &World| world.hold().prompt.map(|prompt| prompt.text);
    let mut world = world(Face::Marlin21, Some(PARK), print_of(200));
    world.open();
    world.until_ready();
    NOTE.into_iter().for_each(|line| say(&mut world, line));
    world.wait(60);
    assert_eq!(shown(&world).as_deref(), Some("Probing failed"), "nobody has read it");
    assert!(world.session.answer(world.moment(), 0, None, "kim").is_ok());
    world.flush();
    world.wait(5);
    assert_eq!(shown(&world), None);
    world.start();
    world.run_until(2_000, "some lines", |world| world.executed() > 50);
    world.pause_by_person();
    NOTE.into_iter().for_each(|line| say(&mut world, line));
    assert_eq!(shown(&world).as_deref(), Some("Probing failed"));
    world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    world.run_until(60, "the end", |world| world.session.is_ready());
    assert_eq!(shown(&world), None);
}

#[test]
fn a_runout_pauses_the_job_until_somebody_has_changed_the_filament() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3] {
        let mut config = RigConfig::new(face, 115_200, 1_000, 1);
        config.firmware.critical_at_read = true;
        let mut world = world_of(config, Some(PARK), print_of(400));
        world.begin(150);
        world.inject(&Trouble::Runout);
        world.run_until(60, "the wait", |world| world.is_at(HoldStep::WaitsForPerson));
        let before = world.executed();
        world.wait(120);
        assert_eq!(world.executed(), before, "{face:?}");
        let reason = world.hold().reason;
        let known = if face == Face::Marlin21 { PauseReason::Runout } else { PauseReason::Printer };
        assert_eq!(reason, Some(known), "{face:?}");
        // At the printer itself, as people do.
        for _ in 0..2 {
            let waits = |world: &World| world.is_at(HoldStep::WaitsForPerson) || world.hold().step.is_none();
            world.run_until(60, "the question", waits);
            world.inject(&Trouble::Continue);
            world.wait(3);
        }
        world.ends_exactly();
        assert_eq!(world.executed(), world.file.len(), "{face:?}");
    }
}

/// A printer that waits for somebody to change its filament.
fn changing_filament(face: Face, set: impl FnOnce(&mut RigConfig)) -> World {
    let mut file = print_of(300);
    file.insert(120, "M600".into());
    let mut config = RigConfig::new(face, 115_200, 1_000, 1);
    set(&mut config);
    let mut world = world_of(config, Some(PARK), file);
    world.begin(50);
    world.run_until(300, "the wait", |world| world.is_at(HoldStep::WaitsForPerson));
    world
}

#[test]
fn nobody_answers_a_stopped_printer_s_question() {
    for face in [Face::Marlin21, Face::Marlin11] {
        let mut world = changing_filament(face, |config| config.firmware.emergency_parser = false);
        world.session.stop(world.moment());
        world.flush();
        assert_eq!(world.hold().prompt, None, "{face:?}: it is not shown either");
        let told = world.session.answer(world.moment(), 0, None, "kim");
        assert_eq!(told, Err(NotNow::State { state: "stopped" }), "{face:?}");
        assert!(world.session.transmit().is_empty(), "{face:?}");
    }
}

#[test]
fn a_board_that_hears_no_buttons_while_it_waits_is_told_to_go_on_and_a_choice_is_left_to_its_panel() {
    let mut world = changing_filament(Face::Marlin21, |config| {
        config.firmware.emergency_parser = false;
        config.firmware.critical_at_read = true;
    });
    assert_eq!(world.hold().prompt.unwrap().buttons, ["Continue"]);
    assert_eq!(
        world.session.answer(world.moment(), 0, Some("Nozzle Parked"), "kim").as_deref(),
        Ok("Continue")
    );
    world.flush();
    let asks = |world: &World| world.hold().prompt.is_some_and(|prompt| prompt.text == "Paused");
    world.run_until(60, "the next question", |world| asks(world));
    assert_eq!(world.hold().prompt.unwrap().buttons, [""; 0], "whichever was meant, it would go on");
    for button in [0, 1] {
        assert_eq!(world.session.answer(world.moment(), button, None, "kim"), Err(NotNow::AtPanel));
    }
    assert!(world.session.transmit().is_empty());
    world.inject(&Trouble::Continue);
    world.ends_exactly();
}

#[test]
fn where_a_board_asks_without_words_somebody_can_still_say_go_on() {
    for face in [Face::Marlin20, Face::Marlin11] {
        let mut world = changing_filament(face, |config| config.firmware.critical_at_read = true);
        assert_eq!(world.hold().prompt.unwrap().buttons, ["Continue"]);
        assert!(world.session.answer(world.moment(), 0, None, "kim").is_ok());
        world.flush();
        world.ends_exactly();
        assert_eq!(world.executed(), world.file.len(), "{face:?}");
    }
}

/// A line that the board says by itself, as its panel or another program on it makes it.
fn say(world: &mut World, line: &str) {
    world.inject(&Trouble::Garbage { bytes: format!("{line}\n").into_bytes() });
    let later = world.now + 50_000;
    world.run_until(1, "the line", |world| world.now >= later);
}

#[test]
fn what_the_panel_asks_is_done_in_every_spelling_and_noted_as_the_panels() {
    for (pause, resume) in [("//action:pause", "//action:resume"), ("// action:pause", "// action:resume")] {
        let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
        world.begin(150);
        say(&mut world, pause);
        world.run_until(60, "the pause", |world| world.is_at(HoldStep::Parked));
        assert_eq!(world.hold().reason, Some(PauseReason::Panel));
        say(&mut world, resume);
        world.ends_exactly();
        let by = world.events.iter().find_map(|event| match event {
            SessionEvent::Resumed { by, .. } => Some(by.clone()),
            _ => None,
        });
        assert_eq!(by.as_deref(), Some("the printer panel"));
    }
}

#[test]
fn a_board_that_says_it_has_paused_is_sent_no_line_until_it_goes_on() {
    let cases = [
        ("//action:paused", "//action:resumed"),
        ("// action:paused", "// action:resume"),
        ("RequestPause:User interaction", "RequestContinue:"),
    ];
    for (paused, resumed) in cases {
        let mut world = world(Face::Marlin21, Some(PARK), print_of(600));
        world.begin(100);
        say(&mut world, paused);
        assert!(world.is_at(HoldStep::PausedByPrinter), "{paused}: {:?}", world.hold());
        world.wait(5);
        let before = world.executed();
        world.wait(60);
        assert_eq!(world.executed(), before, "{paused}");
        say(&mut world, resumed);
        world.ends_exactly();
    }
}

#[test]
fn cancelling_parks_a_homed_head_after_the_heaters_and_moves_nothing_else() {
    let unhomed: Vec<String> = print_of(400).into_iter().filter(|line| line != "G28").collect();
    for (file, parks) in [(print_of(400), true), (unhomed, false)] {
        let mut world = world(Face::Marlin21, Some(PARK), file);
        world.begin(150);
        world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(60, "the end", |world| world.session.is_ready());
        world.wait(10);
        let ran = world.ran();
        let off = ran.iter().rposition(|line| line == "M104 S0").unwrap();
        let moves: Vec<&String> = ran[off..].iter().filter(|line| line.starts_with("G1")).collect();
        assert_eq!(moves.len(), if parks { 2 } else { 0 }, "{moves:?}");
        let place = world.place();
        assert_eq!((place[0], place[1]) == (5.0, 190.0), parks, "{place:?}");
        assert_eq!((world.target(false), world.target(true)), (0.0, 0.0));
    }
}

#[test]
fn cancelling_a_parked_job_moves_nothing_and_lets_the_steppers_go_again() {
    let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
    world.begin(150);
    world.pause_by_person();
    let from = world.ran().len();
    world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    world.run_until(60, "the end", |world| world.session.is_ready());
    let ran = &world.ran()[from..];
    assert!(!ran.iter().any(|line| line.starts_with('G')), "{ran:?}");
    assert!(ran.contains(&"M84 S120".to_owned()), "{ran:?}");
    assert_eq!((world.target(false), world.target(true)), (0.0, 0.0));
}

#[test]
fn a_job_is_cancelled_out_of_a_long_heat_also_where_nothing_reads_ahead() {
    for face in [Face::Marlin21, Face::Marlin20, Face::Marlin11] {
        let mut config = RigConfig::new(face, 115_200, 1_000, 1);
        // Marlin without an emergency parser looks for `M108` when it reads a line into its queue.
        config.firmware.critical_at_read = true;
        let mut world = world_of(config, Some(PARK), print_of(100));
        world.keep_trace = true;
        world.open();
        world.until_ready();
        world.start();
        world.wait(10);
        world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
        world.flush();
        world.run_until(20, "the cancellation", |world| world.session.is_ready());
        assert_eq!((world.target(false), world.target(true)), (0.0, 0.0), "{face:?}");
    }
}

#[test]
fn where_a_long_heat_cannot_be_broken_off_that_is_told_and_the_heaters_go_off_after_it() {
    let mut world = world(Face::Smoothieware, Some(PARK), print_of(100));
    world.open();
    world.until_ready();
    world.start();
    world.wait(10);
    world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    assert!(world.is_at(HoldStep::CancelWaitsForHeat), "{:?}", world.hold());
    world.run_until(1_500, "the cancellation", |world| world.session.is_ready());
    assert_eq!((world.target(false), world.target(true)), (0.0, 0.0));
}

#[test]
fn cancelling_while_a_person_is_waited_for_speaks_for_that_person() {
    let mut file = print_of(300);
    file.insert(120, "M600".into());
    let mut world = world(Face::Marlin21, Some(PARK), file);
    world.begin(50);
    world.run_until(300, "the wait", |world| world.is_at(HoldStep::WaitsForPerson));
    world.session.cancel(world.moment(), &World::job(), "kim").unwrap();
    world.flush();
    world.run_until(120, "the end", |world| world.session.is_ready());
    assert_eq!((world.target(false), world.target(true)), (0.0, 0.0));
}

/// `PLATEN_SEEDS=2000` runs more.
#[test]
fn a_pause_is_exact_on_a_noisy_line_too() {
    let seeds = std::env::var("PLATEN_SEEDS").map_or(60, |text| text.parse().unwrap());
    let faces =
        [Face::Marlin21, Face::Marlin20, Face::Marlin11, Face::PrusaMk3, Face::Repetier, Face::Smoothieware];
    let mut exact = 0;
    for seed in 0..seeds {
        let face = faces[seed as usize % faces.len()];
        let mut config = RigConfig::new(face, 115_200, 1_000, seed);
        config.mix.damage_to_device = [0.0, 3e-4][seed as usize % 2];
        config.mix.loss_to_device = [0.0, 2e-4][seed as usize / 2 % 2];
        config.mix.damage_to_host = [0.0, 3e-4][seed as usize / 4 % 2];
        config.mix.loss_to_host = [0.0, 3e-4][seed as usize / 8 % 2];
        let mut world = world_of(config, Some(PARK), print_of(300));
        world.keep_trace = std::env::var_os("PLATEN_TRACE").is_some();
        world.open();
        let mut greeted = false;
        for _ in 0..20 {
            world.run_until(400, "greeting", |world| world.session.is_ready() || world.session.is_closed());
            greeted = world.session.is_ready();
            if greeted {
                break;
            }
            world.close("again");
            world.open();
        }
        assert!(greeted, "seed {seed}");
        world.start();
        let over = |world: &World| {
            world
                .events
                .iter()
                .any(|event| matches!(event, SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. }))
        };
        world.run_until(3_000, "some lines", |world| world.executed() > 100 || over(world));
        for _ in 0..3 {
            if world.session.pause(world.moment(), &World::job(), person()).is_err() {
                break;
            }
            world.flush();
            let stands =
                |world: &World| matches!(world.session.activity(), Activity::Paused { draining: false, .. });
            world.run_until(600, "standstill", |world| stands(world) || over(world));
            if over(&world) {
                break;
            }
            let before = world.executed();
            world.wait(20);
            assert_eq!(world.executed(), before, "seed {seed} {face:?}");
            world.resume();
            world.run_until(600, "more lines", |world| {
                world.executed() > before + 20 || world.is_at(HoldStep::Astray) || over(world)
            });
            assert!(!world.is_at(HoldStep::Astray), "seed {seed} {face:?}");
        }
        world.run_until(4_000, "the end", over);
        if world.wrong + world.undetectable == 0 && world.printed().is_some() {
            assert_eq!(
                world.printed(),
                Some((world.file.len() as u64, world.digest())),
                "seed {seed} {face:?}"
            );
            assert_eq!(world.executed(), world.file.len(), "seed {seed} {face:?}");
            exact += 1;
        }
    }
    assert!(exact * 10 >= seeds * 8, "{exact} of {seeds}");
}

#[test]
fn a_stop_in_the_middle_of_a_park_leaves_nothing_behind_it() {
    for after in [0, 5, 20, 80, 300, 1_500] {
        let mut world = world(Face::Marlin21, Some(PARK), print_of(400));
        world.begin(150);
        world.session.pause(world.moment(), &World::job(), person()).unwrap();
        world.flush();
        let later = world.now + after * 1_000;
        world.run_until(10, "a moment", |world| world.now >= later);
        world.session.stop(world.moment());
        assert!(world.session.transmit().starts_with(b"\nM112\nN"));
        world.flush();
        world.run_until(5, "the kill line", |world| {
            world.events.contains(&SessionEvent::StopVerified(StopProof::KillLine))
        });
        let executed = world.ran().len();
        world.wait(60);
        assert_eq!(world.ran().len(), executed, "after {after} ms");
        assert_eq!(world.hold(), Hold::default());
    }
}

#[test]
fn a_console_command_in_a_print_is_answered_and_the_print_stays_exact() {
    let mut world = world(Face::Marlin21, None, print_of(400));
    world.scripts = &["M119", "M503"];
    world.begin(150);
    let now = world.moment();
    assert!(matches!(world.session.console(now, b"M503", When::NoJob), Err(NotNow::State { .. })));
    world.run_until(10, "room", |world| world.session.link().window().in_flight_bytes() < 60);
    world.session.console(world.moment(), b"M119", When::Always).unwrap();
    world.flush();
    world.run_until(10, "the answer", |world| {
        world.events.iter().any(|event| matches!(event, SessionEvent::Console(told) if told.done && told.lines.contains(&"x_min: open".to_owned())))
    });
    world.ends_exactly();
}

#[test]
fn heat_from_the_console_goes_off_by_itself() {
    let mut world = World::marlin(Vec::new());
    world.open();
    world.until_ready();
    world.forget_executed();
    world.scripts = &["M104 S"];
    world.session.console(world.moment(), b"M104 S200", When::NoJob).unwrap();
    world.flush();
    world.wait(60);
    assert_eq!(world.target(false), 200.0);
    world.wait(10 * 60);
    assert_eq!(world.target(false), 0.0);
}

#[test]
fn hostile_words_of_a_board_are_shown_bounded_and_plain_and_change_nothing() {
    let hostile: [Vec<u8>; 5] = [
        b"//action:prompt_begin <img src=x onerror=alert(1)>\x1b[2J\n//action:prompt_button \x1b]0;pwned\x07\n//action:prompt_show\n".to_vec(),
        [b"//action:prompt_begin ".to_vec(), vec![b'A'; 10_000], b"\n//action:prompt_button x\n//action:prompt_show\n".to_vec()].concat(),
        b"//action:prompt_begin \xe2\x80\xae\xf0\x9f\x92\xa3\xff\xfe\n//action:prompt_button \xcc\x81\xcc\x81\n//action:prompt_show\n".to_vec(),
b"FIRMWARE_NAME:<script>alert(1)</script>\x1b[31m MACHINE_TYPE:\xff\xfe UUID:x\n".to_vec(),
        [vec![b'\xf0'; 10_000], b"\n".to_vec()].concat(),
    ];
    let mut world = world(Face::Marlin21, None, print_of(9_000));
    world.begin(100);
    for bytes in hostile {
        world.inject(&Trouble::Garbage { bytes });
        world.wait(1);
        let snapshot = world.session.snapshot(world.moment());
        let mut shown: Vec<String> = snapshot.firmware.into_iter().collect();
        if let Some(prompt) = snapshot.hold.prompt {
            shown.push(prompt.text);
            shown.extend(prompt.buttons);
        }
        for text in shown {
            assert!(text.len() <= 60 && text.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{text:?}");
        }
        assert!(matches!(snapshot.activity, Activity::Printing { .. }), "{:?}", snapshot.activity);
    }
    world.ends_exactly();
}
