//! The resin printer's board in virtual time: its light, its plate, its masks, and what is left when things break.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::faults::{Fault, FaultScript};
use hw_sim::msla::{
    Cause, Crash, Dialect, Difference, Flaw, Frame, HomeEnd, LidLines, LightOutput, LightTiming, MoveSync,
    MslaConfig, MslaFault, MslaReport, PlannedLayer, Tolerance,
};
use hw_sim::planner::Motion;
use hw_sim::quirks::ResetCause;
use hw_sim::rig::{Rig, RigConfig};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;
/// One exposure, all of it in the board's hands (facts B.6).
const BURST: &str = "M400\nM106 S255\nG4 P8000\nM107\nM400\n";

struct Printer {
    rig: Rig,
    partial: Vec<u8>,
}

impl Printer {
    fn new(change: impl FnOnce(&mut MslaConfig)) -> Self {
        Self::of(Dialect::Marlin, change)
    }

    fn of(dialect: Dialect, change: impl FnOnce(&mut MslaConfig)) -> Self {
        let mut config = RigConfig::msla(dialect, 115_200, 0, 1);
        change(config.firmware.msla.as_mut().unwrap());
        Self::with(config)
    }

    fn with(config: RigConfig) -> Self {
        let mut rig = Rig::new(config);
        rig.open_port(0);
        Self { rig, partial: Vec::new() }
    }

    /// At home, and the plate above the display.
    fn ready(change: impl FnOnce(&mut MslaConfig)) -> Self {
        let mut printer = Self::new(change);
        printer.ask("G28\nG1 Z10 F600\nM400\n", 60 * SECOND);
        assert_eq!((printer.report().z_um, printer.report().told_z_um), (10_000, 10_000));
        printer
    }

    fn write(&mut self, text: &str) {
        self.rig.host_write(self.rig.now_us(), text.as_bytes());
    }

    fn run(&mut self, for_us: u64) -> Vec<String> {
        let until_us = self.rig.now_us() + for_us;
        self.rig.advance(until_us);
        self.heard()
    }

    fn heard(&mut self) -> Vec<String> {
        self.partial.extend(self.rig.host_read(self.rig.now_us()));
        let end = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text: Vec<u8> = self.partial.drain(..end).collect();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    fn ask(&mut self, text: &str, for_us: u64) -> Vec<String> {
        self.write(text);
        self.run(for_us)
    }

    /// The lines up to the so-manieth `ok`, and how long it took, µs.
    fn until_ok(&mut self, text: &str, oks: usize) -> (Vec<String>, u64) {
        let begun_us = self.rig.now_us();
        self.write(text);
        let mut lines = Vec::new();
        while lines.iter().filter(|line: &&String| line.starts_with("ok")).count() < oks {
            let now_us = self.rig.run_until_output(begun_us + 600 * SECOND);
            assert!(now_us < begun_us + 600 * SECOND, "no ok: {lines:?}");
            lines.extend(self.heard());
        }
        (lines, self.rig.now_us() - begun_us)
    }

    fn fault(&mut self, fault: MslaFault) {
        self.rig.inject(self.rig.now_us(), &Fault::Msla(fault));
    }

    fn show(&mut self, frame: Frame) {
        self.rig.show_mask(self.rig.now_us(), frame);
    }

    fn report(&self) -> MslaReport {
        self.rig.msla_report().unwrap()
    }

    fn is_lit(&self) -> bool {
        self.report().lit
    }

    fn crashes(&self) -> Vec<Crash> {
        self.report().crashes
    }

    /// Lifts, lowers, shows, exposes and blanks, as a host should.
    fn layer(&mut self, z_um: i64, frame: Frame, exposure_ms: u64) {
        let z_mm = z_um as f64 / 1000.0;
        let way = format!("G1 Z{:.3} F600\nG1 Z{z_mm:.3} F600\nM400\n", z_mm + 5.0);
        self.until_ok(&way, 3);
        self.show(frame);
        self.run(50_000);
        self.until_ok(&format!("M400\nM106 S255\nG4 P{exposure_ms}\nM107\nM400\n"), 5);
        self.show(Frame::Blank);
    }
}

fn numbered(lines: &str) -> String {
    let line = |(at, text): (usize, &str)| {
        let text = format!("N{} {text}", at + 1);
        format!("{text}*{}\n", text.bytes().fold(0, |sum, byte| sum ^ byte))
    };
    lines.lines().enumerate().map(line).collect()
}

#[test]
fn a_move_takes_the_time_that_its_speed_and_ramps_allow() {
    let mut printer = Printer::ready(|_| ());
    // 5 mm at 3 mm/s, 50 mm/s² at both ends; the first move waits 100 ms for company.
    let (_, took_us) = printer.until_ok("G1 Z15 F180\nM400\n", 2);
    let seconds = took_us as f64 / 1e6;
    let wanted = 0.1 + 5.0 / 3.0 + 3.0 / 50.0;
    assert!((seconds - wanted).abs() < 0.02, "{seconds} s for {wanted} s");
    assert_eq!(printer.report().z_um, 15_000);
}

#[test]
fn a_burst_lights_for_eight_seconds_to_the_millisecond_and_the_plate_stands() {
    for numbers in [false, true] {
        let mut printer = Printer::ready(|_| ());
        printer.ask("N0 M110 N0*125\n", SECOND);
        let burst = if numbers { numbered(BURST) } else { BURST.to_owned() };
        printer.until_ok(&format!("G1 Z5 F600\n{burst}"), 6);
        let report = printer.report();
        assert_eq!(report.exposures.len(), 1);
        let exposure = &report.exposures[0];
        assert!(exposure.lit_us.abs_diff(8 * SECOND) <= 1000, "{exposure:?}");
        assert_eq!((exposure.z_um, exposure.power, exposure.dose_us), (5000, 255, exposure.lit_us));
        assert_eq!((report.totals.moved_in_light, report.lit), (0, false));
        let causes: Vec<_> = report.events.iter().map(|event| event.cause.clone()).collect();
        assert_eq!(causes, [Cause::Command("M106 S255".to_owned()), Cause::Command("M107".to_owned())]);
    }
}

#[test]
fn light_in_motion_is_seen_when_the_host_forgets_to_wait() {
    let forgotten = "G1 Z15 F180\nM106 S255\nG4 P1000\nM107\nM400\n";
    let too_early = "M106 S255\nG1 Z15 F180\nM107\nM400\n";
    let patient = "G1 Z15 F180\nM400\nM106 S255\nG4 P1000\nM107\nG1 Z10 F180\nM400\n";
    let between = "G1 Z15 F180\nM106 S255\nG1 Z10 F180\nM107\nM400\n";
    let (at_once, with_moves) = (LightTiming::AtOnce, LightTiming::WithMoves);
    let table = [
        (at_once, forgotten, 5, true),
        (at_once, too_early, 4, false),
        (at_once, patient, 7, false),
        // The pin follows the block under way, so the first move is dark and the second is not.
        (with_moves, forgotten, 5, false),
        (with_moves, too_early, 4, true),
        (with_moves, between, 5, true),
        (with_moves, patient, 7, false),
        (LightTiming::AfterMoves, forgotten, 5, false),
    ];
    for (timing, text, oks, moved) in table {
        let mut printer = Printer::ready(|config| config.light_timing = timing);
        printer.until_ok(text, oks);
        let report = printer.report();
        assert_eq!(report.totals.moved_in_light > 0, moved, "{timing:?} {text:?} {report:#?}");
        assert_eq!(report.exposures[0].flaws.contains(&Flaw::Moved), moved);
        assert_eq!(printer.rig.firmware().msla().unwrap().uv().moved_in_light(), moved);
    }
}

#[test]
fn how_long_it_moved_in_the_light_is_measured() {
    let mut printer = Printer::ready(|_| ());
    printer.until_ok("G1 Z15 F180\nM106 S255\nG4 P1000\nM107\nM400\n", 5);
    let exposure = &printer.report().exposures[0];
    let wanted = 5.0 / 3.0 + 3.0 / 50.0;
    assert!((exposure.moved_us as f64 / 1e6 - wanted).abs() < 0.01, "{exposure:?}");
    assert!(exposure.lit_us.abs_diff(exposure.moved_us + SECOND) < 110_000, "{exposure:?}");
    assert_eq!(exposure.z_um, 10_000);
}

#[test]
fn a_quick_stop_ends_the_motion_and_not_the_light() {
    let mut printer = Printer::ready(|_| ());
    printer.ask("M106\nG1 Z100 F600\n", 2 * SECOND);
    printer.ask("M410\n", 10 * SECOND);
    let report = printer.report();
    assert!(report.lit && report.totals.moved_us.abs_diff(1_900_000) < 20_000, "{:?}", report.totals);
    assert!((27_000..30_000).contains(&report.z_um), "{}", report.z_um);
}

#[test]
fn with_moves_a_late_command_shortens_the_light() {
    let mut printer = Printer::ready(|config| config.light_timing = LightTiming::WithMoves);
    printer.write("G1 Z15 F180\nM106 S255\n");
    printer.run(1_000_000);
    assert!(!printer.is_lit(), "a host that counts from its command counts too much");
    printer.run(1_000_000);
    assert!(printer.is_lit());
}

#[test]
fn a_host_that_dies_at_any_byte_leaves_light_only_if_m107_had_not_arrived() {
    let plain = BURST.to_owned();
    let with_sums = numbered(BURST);
    for burst in [plain, with_sums] {
        let line_end = |wanted: &str| {
            let at = burst.find(wanted).unwrap();
            at + burst[at..].find('\n').unwrap() + 1
        };
        let (on, off) = (line_end("M106"), line_end("M107"));
        for bytes in 0..=burst.len() {
            let mut printer = Printer::ready(|_| ());
            printer.write(&burst[..bytes]);
            let now_us = printer.rig.now_us();
            printer.rig.close_port(now_us);
            printer.run(60 * SECOND);
            let report = printer.report();
            assert_eq!(!report.exposures.is_empty(), bytes >= on, "after {bytes} bytes of {burst:?}");
            assert_eq!(report.lit, (on..off).contains(&bytes), "after {bytes} bytes of {burst:?}");
            if bytes >= off {
                // The light begins before the dwell's line is there: its 15 bytes take 1.3 ms.
                assert!(report.exposures[0].lit_us.abs_diff(8 * SECOND) <= 2000);
            }
        }
    }
}

#[test]
fn a_cable_pulled_in_the_light_lets_the_buffer_run_out() {
    let mut printer = Printer::ready(|_| ());
    printer.ask(BURST, 3 * SECOND);
    printer.rig.inject(printer.rig.now_us(), &Fault::Disconnect);
    assert!(printer.is_lit());
    printer.run(20 * SECOND);
    let report = printer.report();
    assert!(!report.lit && report.exposures[0].lit_us.abs_diff(8 * SECOND) <= 1000, "{report:?}");
}

#[test]
fn a_watchdog_puts_the_light_out_when_the_host_is_silent() {
    for (watchdog_us, lit_seconds) in [(0, 600), (12 * SECOND, 12)] {
        let mut printer = Printer::ready(|config| config.watchdog_us = watchdog_us);
        printer.ask("M106 S255\n", 600 * SECOND);
        let report = printer.report();
        assert!(report.totals.lit_us.abs_diff(lit_seconds * SECOND) < 10_000, "{:?}", report.totals);
        assert_eq!(report.lit, watchdog_us == 0);
        assert_eq!(report.events.last().unwrap().cause == Cause::Watchdog, watchdog_us > 0);
    }
    // A host that asks something keeps it on.
    let mut printer = Printer::ready(|config| config.watchdog_us = 3 * SECOND);
    printer.write("M106 S255\n");
    for _ in 0..10 {
        printer.ask("M105\n", 2 * SECOND);
    }
    assert!(printer.is_lit());
}

#[test]
fn a_reset_is_dark_and_forgets_the_place_and_a_wrong_board_is_not_dark() {
    for power_after_reset in [0, 255] {
        let mut printer = Printer::ready(|config| config.power_after_reset = power_after_reset);
        printer.ask("M106 S255\nG4 P8000\nM107\n", 2 * SECOND);
        let fault = Fault::Reset { cause: ResetCause::BrownOut };
        printer.rig.inject(printer.rig.now_us(), &fault);
        assert_eq!(printer.is_lit(), power_after_reset > 0);
        let lines = printer.run(20 * SECOND);
        assert!(lines.contains(&"start".to_owned()), "{lines:?}");
        assert_eq!(printer.is_lit(), power_after_reset > 0, "the queue is gone with its M107");
        let report = printer.report();
        assert_eq!((report.z_um, report.told_z_um), (10_000, 0), "the plate has not moved");
        assert!(report.events.iter().any(|event| event.cause == Cause::Reset) || report.lit);
        printer.until_ok("G28\n", 1);
        assert_eq!((printer.report().z_um, printer.report().told_z_um), (150_000, 150_000));
    }
}

#[test]
fn what_a_stop_does_to_the_light_depends_on_its_pin() {
    let table = [
        (Dialect::Marlin, None, true),
        (Dialect::Marlin, Some(true), false),
        (Dialect::Klipper, None, false),
        (Dialect::Klipper, Some(false), true),
    ];
    for (dialect, kill_darkens, stays_lit) in table {
        let mut printer = Printer::of(dialect, |config| {
            config.kill_darkens = kill_darkens.unwrap_or(config.kill_darkens);
        });
        let on = if dialect == Dialect::Marlin { "M106 S255\n" } else { "SET_PIN PIN=uv VALUE=1\n" };
        printer.ask(on, SECOND);
        assert!(printer.is_lit(), "{dialect:?}");
        printer.ask("M112\n", SECOND);
        assert!(printer.rig.firmware().is_halted());
        assert_eq!(printer.is_lit(), stays_lit, "{dialect:?} {kill_darkens:?}");
    }
    let mut printer = Printer::ready(|_| ());
    printer.ask("M106\n", SECOND);
    printer.rig.inject(printer.rig.now_us(), &Fault::PowerCut);
    assert!(!printer.is_lit());
    assert_eq!(printer.report().events.last().unwrap().cause, Cause::PowerCut);
}

#[test]
fn homing_goes_to_its_end_and_takes_its_way() {
    for (home, z_um, seconds) in [(HomeEnd::Top, 150_000, 14.2), (HomeEnd::Bottom, 0, 16.2)] {
        let mut printer = Printer::new(|config| config.home = home);
        let line = if home == HomeEnd::Top { "z_max: " } else { "z_min: " };
        let lines = printer.ask("M119\n", SECOND);
        assert!(lines.contains(&format!("{line}open")), "{lines:?}");
        let (lines, took_us) = printer.until_ok("G28\n", 1);
        assert!((took_us as f64 / 1e6 - seconds).abs() < 0.1, "{took_us}");
        assert!(lines.iter().any(|line| line.starts_with("echo:busy: processing")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("X:0.00 Y:0.00 Z:")), "{lines:?}");
        assert_eq!((printer.report().z_um, printer.report().told_z_um), (z_um, z_um));
        let lines = printer.ask("M119\n", SECOND);
        assert!(lines.contains(&format!("{line}TRIGGERED")), "{lines:?}");
        assert!(printer.crashes().is_empty());
    }
}

fn print(printer: &mut Printer, layers: i64) -> Vec<PlannedLayer> {
    printer.show(Frame::Blank);
    let mut file = Vec::new();
    for number in 1..=layers {
        let (z_um, hash) = (number * 50, format!("{number:064x}"));
        let exposure_ms = if number <= 2 { 4000 } else { 1500 };
        printer.layer(z_um, Frame::layer(&format!("part{number:05}.png"), &hash), exposure_ms);
        file.push(PlannedLayer { z_um, hash, lit_us: exposure_ms * 1000 });
    }
    file
}

#[test]
fn a_part_that_was_printed_well_is_as_the_file_has_it() {
    let mut printer = Printer::ready(|_| ());
    let file = print(&mut printer, 6);
    let report = printer.report();
    assert_eq!(report.part.differences(&file, Tolerance::default()), []);
    assert!(report.exposures.iter().all(|exposure| exposure.flaws.is_empty()), "{report:#?}");
    let second = &report.exposures[1];
    assert_eq!(second.frame, Some(Frame::layer("part00002.png", &format!("{:064x}", 2))));
    assert!((50_000..60_000).contains(&second.settled_us.unwrap()), "{second:?}");
    assert_eq!((report.part.layers[1].number, report.part.layers[1].z_um), (2, 100));
    assert!(report.totals.lit_us.abs_diff(14 * SECOND) < 6 * 1000, "{:?}", report.totals);
    assert_eq!((report.totals.wasted_us, report.totals.loose), (0, 0));
}

#[test]
fn every_kind_of_wrong_layer_is_seen() {
    let mut printer = Printer::ready(|_| ());
    let mut file = print(&mut printer, 3);
    file[0].z_um += 50;
    file[1].hash.replace_range(..1, "f");
    file[2].lit_us += 20_000;
    file.push(PlannedLayer { z_um: 200, hash: "0".to_owned(), lit_us: 1 });
    let part = printer.report().part;
    assert_eq!(
        part.differences(&file, Tolerance::default()),
        [
            Difference::Height { layer: 1, wanted_um: 100, cured_um: 50 },
            Difference::Mask { layer: 2 },
            Difference::Light { layer: 3, wanted_us: file[2].lit_us, lit_us: part.layers[2].lit_us },
            Difference::Missing { layer: 4 },
        ]
    );
    file.truncate(2);
    assert!(part.differences(&file, Tolerance::default()).contains(&Difference::Extra { layer: 3 }));
}

#[test]
fn an_exposure_behind_a_blank_or_a_changing_display_is_told_apart() {
    let mut printer = Printer::ready(|_| ());
    printer.until_ok("M106\nG4 P1000\nM107\n", 3);
    printer.show(Frame::Blank);
    printer.until_ok("M106\nG4 P1000\nM107\n", 3);
    printer.show(Frame::layer("1", "aa"));
    printer.write("M106\nG4 P2000\nM107\n");
    printer.run(500_000);
    printer.show(Frame::layer("the same", "AA"));
    printer.run(500_000);
    printer.show(Frame::layer("2", "bb"));
    printer.run(3 * SECOND);
    let report = printer.report();
    let flaws: Vec<_> = report.exposures.iter().map(|exposure| exposure.flaws.clone()).collect();
    assert_eq!(flaws, [vec![Flaw::UnknownMask], vec![Flaw::Blank], vec![Flaw::MaskChanged]]);
    assert_eq!(report.exposures[2].flips, 1, "the same picture by another name is no change");
    assert_eq!(report.totals.wasted_us, report.exposures[1].lit_us);
    assert_eq!(report.part.layers.len(), 2, "behind a blank display nothing cures");
}

#[test]
fn a_layer_that_is_lit_twice_is_one_layer_and_what_bonds_to_nothing_is_loose() {
    let mut printer = Printer::ready(|_| ());
    printer.show(Frame::Blank);
    printer.layer(50, Frame::layer("1", "aa"), 1000);
    printer.layer(50, Frame::layer("1", "aa"), 500);
    printer.layer(5000, Frame::layer("2", "bb"), 1000);
    let report = printer.report();
    assert_eq!(report.part.layers.len(), 2);
    assert_eq!(report.part.layers[0].exposures, 2);
    assert!(report.part.layers[0].lit_us.abs_diff(1_500_000) <= 4000, "{report:#?}");
    assert_eq!((report.part.layers[1].bonded, report.totals.loose), (false, 1));
    let file = [
        PlannedLayer { z_um: 50, hash: "AA".to_owned(), lit_us: 1_500_000 },
        PlannedLayer { z_um: 5000, hash: "bb".to_owned(), lit_us: 1_000_000 },
    ];
    let tolerance = Tolerance { lit_us: 4000, ..Tolerance::default() };
    assert_eq!(report.part.differences(&file, tolerance), [Difference::Loose { layer: 2 }]);
}

#[test]
fn a_plate_driven_into_the_display_is_a_crash_and_so_is_homing_down_with_a_part() {
    let mut printer = Printer::ready(|_| ());
    printer.until_ok("G1 Z-3 F600\nM400\n", 2);
    assert_eq!(printer.crashes().len(), 1);
    assert_eq!((printer.crashes()[0].z_um, printer.crashes()[0].top), (-3000, false));
    assert_eq!((printer.report().z_um, printer.report().told_z_um), (-200, -3000), "steps are lost");

    for (removed, crashes) in [(false, 1), (true, 0)] {
        let mut printer = Printer::ready(|config| config.home = HomeEnd::Bottom);
        print(&mut printer, 20);
        printer.until_ok("G1 Z50 F600\nM400\n", 2);
        if removed {
            printer.fault(MslaFault::PartRemoved);
        }
        printer.until_ok("G28\n", 1);
        assert_eq!(printer.crashes().len(), crashes, "{:?}", printer.crashes());
        assert_eq!(printer.report().part.layers.len(), if removed { 0 } else { 20 });
    }
    // After a reset the board believes in 0, and goes down from wherever it is.
    let mut printer = Printer::ready(|_| ());
    printer.rig.inject(printer.rig.now_us(), &Fault::Reset { cause: ResetCause::Watchdog });
    printer.run(2 * SECOND);
    printer.until_ok("G91\nG1 Z-20 F600\nM400\n", 3);
    assert_eq!(printer.crashes().len(), 1);
}

#[test]
fn an_open_lid_is_told_when_asked_and_by_itself_and_cuts_the_lamp_where_it_is_wired_so() {
    for wired in [false, true] {
        let mut printer = Printer::ready(|config| {
            let [opened, closed] = ["//action:lid open", "//action:lid closed"].map(str::to_owned);
            config.lid_lines = Some(LidLines { opened, closed });
            config.lid_darkens = wired;
        });
        assert!(printer.ask("M119\nM106\n", SECOND).contains(&"filament: TRIGGERED".to_owned()));
        printer.fault(MslaFault::LidOpened);
        assert_eq!(printer.is_lit(), !wired);
        let lines = printer.run(SECOND);
        assert_eq!(lines, ["//action:lid open"]);
        assert!(printer.ask("M119\n", SECOND).contains(&"filament: open".to_owned()));
        assert!(printer.report().lid_open);
        printer.fault(MslaFault::LidClosed);
        assert_eq!(printer.run(SECOND), ["//action:lid closed"]);
        assert!(printer.is_lit(), "the pin was on all the time");
    }
    let mut silent = Printer::ready(|_| ());
    silent.fault(MslaFault::LidOpened);
    assert_eq!(silent.run(SECOND), Vec::<String>::new());
}

#[test]
fn m105_tells_how_warm_the_led_is() {
    let mut printer = Printer::ready(|_| ());
    let read = |printer: &mut Printer| {
        let lines = printer.ask("M105\n", SECOND / 10);
        let line = lines.iter().find(|line| line.starts_with("ok T:")).unwrap_or_else(|| panic!("{lines:?}"));
        line[5..].split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let cold = read(&mut printer);
    printer.ask("M106\n", 300 * SECOND);
    let warm = read(&mut printer);
    printer.fault(MslaFault::LedUncooled);
    printer.run(300 * SECOND);
    let hot = read(&mut printer);
    assert!(cold < 23.0 && (40.0..50.0).contains(&warm) && hot > 90.0, "{cold} {warm} {hot}");
    printer.fault(MslaFault::LedReads { celsius: 71.5 });
    assert_eq!(read(&mut printer).to_bits(), 71.5_f64.to_bits());
    printer.fault(MslaFault::LedMended);
    assert!(read(&mut printer) > 90.0);
    let mut blind = Printer::ready(|config| config.led.sensor = None);
    let lines = blind.ask("M105\n", SECOND);
    assert!(lines[0].starts_with("Error:No thermistors") && lines[1].starts_with("ok"), "{lines:?}");
}

#[test]
fn a_stalled_axis_never_ends_its_move_and_the_board_goes_on_talking() {
    let mut printer = Printer::ready(|_| ());
    printer.write("G1 Z40 F600\nM400\n");
    printer.run(SECOND);
    printer.fault(MslaFault::ZStalled);
    let stuck_um = printer.report().z_um;
    assert!((11_000..39_000).contains(&stuck_um));
    let lines = printer.run(60 * SECOND);
    assert!(lines.iter().any(|line| line.starts_with("echo:busy: processing")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("ok")), "{lines:?}");
    assert_eq!(printer.report().z_um, stuck_um);
    printer.fault(MslaFault::ZMended);
    let lines = printer.run(10 * SECOND);
    assert!(lines.iter().any(|line| line.starts_with("ok")), "{lines:?}");
    assert_eq!(printer.report().z_um, 40_000);
    // A reset does not free it.
    printer.fault(MslaFault::ZStalled);
    printer.rig.inject(printer.rig.now_us(), &Fault::Reset { cause: ResetCause::External });
    printer.run(2 * SECOND);
    printer.ask("G1 Z5 F600\nM400\n", 60 * SECOND);
    assert_eq!(printer.report().z_um, 40_000);
}

#[test]
fn a_place_that_is_told_wrong_and_a_place_that_is_wrong_are_two_faults() {
    let mut printer = Printer::ready(|_| ());
    printer.fault(MslaFault::ZMisread { um: 2500 });
    assert!(printer.ask("M114\n", SECOND)[0].contains(" Z:12.50 "));
    printer.fault(MslaFault::ZMisread { um: 0 });
    printer.fault(MslaFault::ZSlipped { um: -400 });
    let lines = printer.ask("M114\n", SECOND);
    assert!(lines[0].starts_with("X:0.00 Y:0.00 Z:10.00 E:0.00 Count X:0 Y:0 Z:16000"), "{lines:?}");
    assert_eq!((printer.report().z_um, printer.report().told_z_um), (9600, 10_000));
}

#[test]
fn a_lamp_may_burn_or_stay_dark_whatever_its_pin_says() {
    let mut printer = Printer::ready(|_| ());
    printer.fault(MslaFault::LightStuckOn);
    printer.ask("M107\n", SECOND);
    assert!(printer.is_lit());
    assert_eq!(printer.report().events.last().unwrap().cause, Cause::Fault);
    printer.rig.inject(printer.rig.now_us(), &Fault::Reset { cause: ResetCause::External });
    assert!(printer.is_lit());
    printer.rig.inject(printer.rig.now_us(), &Fault::PowerCut);
    assert!(!printer.is_lit(), "nothing burns without a supply");
    let mut printer = Printer::ready(|_| ());
    printer.fault(MslaFault::LightDead);
    printer.ask("M106\n", SECOND);
    assert!(!printer.is_lit());
    printer.fault(MslaFault::LightMended);
    assert!(printer.is_lit());
}

#[test]
fn noise_of_zeros_and_lost_or_late_oks_do_not_touch_the_light() {
    let mut printer = Printer::ready(|_| ());
    let script = FaultScript::from_toml(
        "[[fault]]\nat_us = 1\nkind = \"msla\"\nwhat = \"z-slipped\"\num = -5\n\
         [[fault]]\nat_us = 1\nkind = \"msla\"\nwhat = \"lid-opened\"\n",
    )
    .unwrap();
    assert_eq!(script.faults[0].fault, Fault::Msla(MslaFault::ZSlipped { um: -5 }));
    assert_eq!(script.faults[1].fault, Fault::Msla(MslaFault::LidOpened));
    let faults = [
        Fault::Garbage { bytes: vec![0; 64] },
        Fault::LoseNextOks { count: 5 },
        Fault::SlowReplies { delay_us: 400_000 },
    ];
    for (at, fault) in faults.iter().enumerate() {
        printer.rig.inject(printer.rig.now_us(), fault);
        printer.ask(BURST, 10 * SECOND);
        let report = printer.report();
        assert_eq!(report.exposures.len(), at + 1, "{fault:?}");
        assert!(report.exposures[at].lit_us.abs_diff(8 * SECOND) <= 1000, "{fault:?}");
    }
}

#[test]
fn a_damaged_light_command_lights_nothing_and_is_asked_for_again() {
    let mut printer = Printer::ready(|_| ());
    printer.ask("N0 M110 N0*125\n", SECOND);
    let lines = printer.ask("N1 M106 S255*1\n", SECOND);
    assert!(lines.contains(&"Resend: 1".to_owned()), "{lines:?}");
    assert!(!printer.is_lit());
    printer.ask(&numbered("M106 S255\n"), SECOND);
    assert!(printer.is_lit());
}

#[test]
fn each_output_has_its_commands_and_no_others() {
    let fan = |index| LightOutput::Fan { index };
    let pin = LightOutput::Pin { name: "uv".to_owned() };
    let led = LightOutput::Led { name: "uv".to_owned() };
    let (marlin, klipper) = (Dialect::Marlin, Dialect::Klipper);
    let table = [
        (marlin, fan(0), "M106 S128\n", 128),
        (marlin, fan(0), "M106\n", 255),
        (marlin, fan(0), "M106 S9999\n", 255),
        (marlin, fan(0), "M106 S-5\n", 0),
        (marlin, fan(0), "M106 P1 S255\n", 0),
        (marlin, fan(1), "M106 S255\n", 0),
        (marlin, fan(1), "M106 P1 S255\n", 255),
        (marlin, fan(0), "M3 S255\n", 0),
        (marlin, LightOutput::Spindle, "M3 S200\n", 200),
        (marlin, LightOutput::Spindle, "M106 S255\n", 0),
        (marlin, LightOutput::Spindle, "M3\nM5\n", 0),
        (klipper, pin.clone(), "SET_PIN PIN=uv VALUE=0.5\n", 128),
        (klipper, pin.clone(), "SET_PIN PIN=fan VALUE=1\n", 0),
        (klipper, pin, "SET_LED LED=uv WHITE=1\n", 0),
        (klipper, led.clone(), "SET_LED LED=uv RED=0 WHITE=1.0\n", 255),
        (klipper, led, "SET_LED LED=uv\n", 0),
        (klipper, fan(0), "M106 S255\n", 255),
    ];
    for (dialect, light, text, power) in table {
        let mut printer = Printer::of(dialect, |config| config.light = light.clone());
        printer.ask(text, SECOND);
        let board = printer.rig.firmware().msla().unwrap();
        assert_eq!(board.uv().power(), power, "{light:?} {text:?}");
    }
}

#[test]
fn a_spindle_output_waits_for_the_moves_by_itself() {
    let mut printer = Printer::ready(|config| config.light = LightOutput::Spindle);
    printer.until_ok("G1 Z15 F180\nM3 S255\nG4 P1000\nM5\nM400\n", 5);
    let report = printer.report();
    assert_eq!(report.totals.moved_in_light, 0);
    assert!(report.exposures[0].lit_us.abs_diff(SECOND) <= 1000);
}

#[test]
fn the_end_of_a_move_is_told_where_the_board_is_built_so() {
    let mut printer = Printer::ready(|config| config.move_sync = MoveSync::ZMoves);
    let (lines, took_us) = printer.until_ok("G1 Z15 F180\n", 1);
    assert!(took_us > 1_600_000 && lines.contains(&"Z_move_comp".to_owned()), "{took_us} {lines:?}");
    let (lines, took_us) = printer.until_ok("G4 P2000\n", 1);
    assert!(took_us > 2_000_000 && lines[0] == "Z_move_comp", "{took_us} {lines:?}");
    let (lines, _) = printer.until_ok("G28\n", 1);
    assert!(lines.contains(&"Z_move_comp".to_owned()), "{lines:?}");
    let (lines, _) = printer.until_ok("G1 F600\n", 1);
    assert!(!lines.contains(&"Z_move_comp".to_owned()), "{lines:?}");

    let mut printer = Printer::of(Dialect::Klipper, |_| ());
    for command in ["MOVE_PLATE Z=5 F=300\n", "G1 Z5\n"] {
        let (lines, _) = printer.until_ok(command, 1);
        assert_eq!(lines, ["!! Must home axis first", "ok"]);
    }
    let (lines, _) = printer.until_ok("HOME_AXIS\n", 1);
    assert_eq!(lines, ["echo: Z_move_comp", "ok"]);
    let (lines, took_us) = printer.until_ok("MOVE_PLATE Z=140 F=300\n", 1);
    assert_eq!(lines, ["echo: Z_move_comp", "ok"]);
    assert!((2_000_000..2_300_000).contains(&took_us), "{took_us}");
    let (lines, _) = printer.until_ok("M400\n", 1);
    assert_eq!(lines, ["echo: Z_move_comp", "ok"]);
    let (lines, _) = printer.until_ok("RESPOND MSG=\"still here\"\n", 1);
    assert_eq!(lines, ["echo: still here", "ok"]);
    assert_eq!(printer.report().z_um, 140_000);
    let (lines, _) = printer.until_ok("M105\n", 1);
    assert!(lines[0].starts_with("ok T:22.0 /0.0"), "{lines:?}");
    printer.until_ok("G1 Z130 F300\nSET_PIN PIN=uv VALUE=1\nG4 P500\nSET_PIN PIN=uv VALUE=0\n", 4);
    assert_eq!(printer.report().totals.moved_in_light, 0, "in the order of print time");
}

#[test]
fn it_has_neither_heaters_nor_a_probe() {
    let mut printer = Printer::ready(|_| ());
    for command in ["M104 S200", "M190 S60", "G29", "M600"] {
        let (lines, _) = printer.until_ok(&format!("{command}\n"), 1);
        assert_eq!(lines[0], format!("echo:Unknown command: \"{command}\""));
    }
    for command in ["M17", "M18", "M84", "M114", "M115", "M400", "M106 P2 S50"] {
        let (lines, _) = printer.until_ok(&format!("{command}\n"), 1);
        assert!(!lines[0].contains("Unknown"), "{command} {lines:?}");
    }
}

#[test]
fn motion_in_no_time_is_motion_still() {
    let mut config = RigConfig::msla(Dialect::Marlin, 115_200, 0, 1);
    config.firmware.motion = Motion::Instant;
    let mut printer = Printer::with(config);
    printer.until_ok("G28\nG1 Z10\n", 2);
    assert_eq!(printer.report().z_um, 10_000);
    printer.until_ok("M106\nG1 Z11\nM107\n", 3);
    let exposure = &printer.report().exposures[0];
    assert_eq!((exposure.flaws.contains(&Flaw::Moved), exposure.moved_us), (true, 0));
}

#[test]
fn statistics_carry_the_report_and_come_back_from_json_and_other_printers_have_none() {
    let mut printer = Printer::ready(|_| ());
    print(&mut printer, 2);
    let statistics = printer.rig.statistics("resin");
    let text = serde_json::to_string(&statistics).unwrap();
    let back: hw_sim::rig::Statistics = serde_json::from_str(&text).unwrap();
    assert_eq!(back.msla.as_ref().map(|report| report.part.layers.len()), Some(2));
    assert_eq!(back, statistics);
    let fdm = Rig::new(RigConfig::new(hw_sim::quirks::Face::Marlin21, 115_200, 0, 1));
    assert!(!serde_json::to_string(&fdm.statistics("fdm")).unwrap().contains("msla"));
}

#[derive(Debug, Clone)]
enum Doing {
    Send(String),
    Wait(u64),
    Break(Fault),
    Show(Frame),
}

fn doing() -> impl Strategy<Value = Doing> {
    let commands = proptest::sample::select(vec![
        "M106 S255",
        "M106 S7",
        "M107",
        "G28",
        "G1 Z5 F600",
        "G1 Z-2",
        "G1 Z149 F900",
        "M400",
        "G4 P700",
        "M84",
        "M114",
        "M105",
        "M119",
        "M112",
        "M410",
        "G92 Z0",
        "G91",
        "G90",
        "M3",
        "SET_PIN PIN=uv VALUE=1",
        "M106 S",
    ]);
    let faults = proptest::sample::select(vec![
        Fault::Reset { cause: ResetCause::External },
        Fault::Msla(MslaFault::ZStalled),
        Fault::Msla(MslaFault::ZMended),
        Fault::Msla(MslaFault::ZSlipped { um: 700 }),
        Fault::Msla(MslaFault::LidOpened),
        Fault::Msla(MslaFault::LidClosed),
        Fault::Msla(MslaFault::LightStuckOn),
        Fault::Msla(MslaFault::LightDead),
        Fault::Msla(MslaFault::LightMended),
        Fault::Msla(MslaFault::PartRemoved),
        Fault::Hang { for_us: 300_000 },
        Fault::Disconnect,
        Fault::Reconnect,
    ]);
    prop_oneof![
        6 => commands.prop_map(|command| Doing::Send(format!("{command}\n"))),
        1 => "[ -~]{0,40}\n".prop_map(Doing::Send),
        4 => (0u64..3_000_000).prop_map(Doing::Wait),
        1 => faults.prop_map(Doing::Break),
        1 => "[0-9a-f]{2}".prop_map(|hash| Doing::Show(Frame::layer(&hash, &hash))),
        1 => Just(Doing::Show(Frame::Blank)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_sent_and_breaks_the_ledgers_agree_with_themselves(
        steps in proptest::collection::vec(doing(), 1..40),
        timing in proptest::sample::select(vec![LightTiming::AtOnce, LightTiming::WithMoves, LightTiming::AfterMoves]),
        watchdog_us in proptest::sample::select(vec![0, 2_000_000]),
    ) {
        let mut printer = Printer::new(|config| {
            config.light_timing = timing;
            config.watchdog_us = watchdog_us;
        });
        for step in steps {
            match step {
                Doing::Send(text) => printer.write(&text),
                Doing::Wait(for_us) => drop(printer.run(for_us)),
                Doing::Break(fault) => printer.rig.inject(printer.rig.now_us(), &fault),
                Doing::Show(frame) => printer.show(frame),
            }
        }
        let now_us = printer.rig.now_us();
        let report = printer.report();
        let mut free_us = 0;
        for exposure in &report.exposures {
            prop_assert!(exposure.on_us >= free_us);
            free_us = exposure.off_us.unwrap_or(now_us);
            prop_assert_eq!(exposure.lit_us, free_us - exposure.on_us);
            prop_assert!(exposure.moved_us <= exposure.lit_us && exposure.dose_us <= exposure.lit_us);
            prop_assert!(exposure.moved_us == 0 || exposure.flaws.contains(&Flaw::Moved));
        }
        prop_assert_eq!(report.lit, report.exposures.last().is_some_and(|last| last.off_us.is_none()));
        prop_assert_eq!(report.lit, report.events.last().is_some_and(|last| last.power > 0));
        // The machine ends at both ends, by what film and display give way and by what slipped.
        prop_assert!(report.z_um >= -200 && report.z_um <= 150_200 + 700 * 40, "{}", report.z_um);
    }
}
