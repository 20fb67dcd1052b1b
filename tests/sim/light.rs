//! Prints that are lit layer by layer, against the simulated board with its lamp, plate and display.
//!
//! What is judged is what lamp, plate and display did by the simulator's own ledgers, never what the session says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use hw_sim::canonical::spelled;
use hw_sim::faults::{Direction, Fault, FaultMix};
use hw_sim::msla::{
    Dialect, Flaw, Frame, LightTiming, MslaFault, MslaReport, PlannedLayer, Tolerance, UvExposure,
};
use hw_sim::quirks::ResetCause;
use hw_sim::random::Random;
use hw_sim::rig::{Rig, RigConfig};
use platen::control::cover::Switch;
use platen::control::light::{Exposures, Lamp, MaskMark, MaskStep, MasksDigest};
use platen::control::session::{NotNow, Profile, Session, SessionEvent};
use platen::control::stop::DtrReset;
use platen::domain::ids::{FileHash, JobId};
use platen::domain::job::{ExposureFault, Interruption, PANEL, PauseReason};
use platen::domain::moment::Moment;
use platen::domain::printer::{Activity, Cover, Light, StopProof};
use platen::domain::units::Baud;
use resin::exposure::{self, Board, Bottom, Plan, Plate, TimedBy};
use resin::layer::{Layer, LayerIndex, Peel};
use resin::units::{Micrometres, MicrometresPerSecond, Milliseconds};

use crate::world::SAFE;

const LAYER_UM: i64 = 50;
/// Low enough that homing takes no time.
const HEIGHT_MM: f64 = 20.0;
/// How long the board may be silent beyond what it does.
const ANSWERS_MS: u64 = 10_000;
const DISPLAY_ANSWERS_MS: u64 = 1_000;

fn ms(millis: u64) -> Milliseconds {
    Milliseconds(millis)
}

fn um(micrometres: i64) -> Micrometres {
    Micrometres(micrometres)
}

fn speed(micrometres_per_second: i64) -> MicrometresPerSecond {
    MicrometresPerSecond(micrometres_per_second)
}

/// What is printed, and on what.
#[derive(Clone)]
struct Print {
    dialect: Dialect,
    timed_by: TimedBy,
    timing: Option<LightTiming>,
    layers: u32,
    exposure: Milliseconds,
    bottom_exposure: Milliseconds,
    lead: Milliseconds,
    /// Before these the file pauses; the first of them for a refill if so said.
    pauses: BTreeSet<u32>,
    refills: BTreeSet<u32>,
    long_pause: Option<Milliseconds>,
    /// Its cover has a switch.
    covered: bool,
    /// How hot its light may become, °C.
    hottest: Option<f64>,
    seed: u64,
    mix: FaultMix,
}

impl Print {
    fn new(dialect: Dialect, timed_by: TimedBy, layers: u32) -> Self {
        Self {
            dialect,
            timed_by,
            timing: None,
            layers,
            exposure: ms(2_500),
            bottom_exposure: ms(8_000),
            lead: ms(0),
            pauses: BTreeSet::new(),
            refills: BTreeSet::new(),
            long_pause: None,
            covered: false,
            hottest: None,
            seed: 1,
            mix: FaultMix::default(),
        }
    }

    /// As little as shows it: for many seeds.
    fn small(dialect: Dialect, seed: u64) -> Self {
        Self { exposure: ms(400), bottom_exposure: ms(900), seed, ..Self::new(dialect, TimedBy::Board, 3) }
    }

    fn cover(&self) -> Option<Switch> {
        let name = match self.dialect {
            Dialect::Marlin => "filament: ",
            Dialect::Klipper => "filament:",
        };
        let (open, closed) = (format!("{name}open"), format!("{name}TRIGGERED"));
        self.covered.then(|| Switch { ask: b"M119"[..].into(), open, closed })
    }

    fn board(&self) -> Board {
        match self.dialect {
            Dialect::Marlin => Board::Marlin,
            Dialect::Klipper => Board::Klipper,
        }
    }

    fn profile(&self) -> exposure::Profile {
        let (on, off) = match self.dialect {
            Dialect::Marlin => ("M106 S{pwm}", "M107"),
            Dialect::Klipper => ("SET_PIN PIN=uv VALUE={pwm}", "SET_PIN PIN=uv VALUE=0"),
        };
        let peel = Peel {
            rest_before_lift: Some(ms(100)),
            lift: Some(um(1_000)),
            lift_speed: Some(speed(2_000)),
            second_lift: Some(um(2_000)),
            second_lift_speed: Some(speed(8_000)),
            rest_after_lift: Some(ms(50)),
            retract_speed: Some(speed(8_000)),
            second_retract: Some(um(1_000)),
            second_retract_speed: Some(speed(3_000)),
            rest_before_light: Some(ms(150)),
        };
        exposure::Profile {
            board: self.board(),
            timed_by: self.timed_by,
            light_on: vec![on.into()],
            light_off: vec![off.into()],
            home: "G28".into(),
            homes_down: false,
            wait: "M400".into(),
            dwell: "G4 P{ms}".into(),
            motors_off: "M84".into(),
            motors_off_at_end: false,
            height: Micrometres::of_millimetres(HEIGHT_MM).unwrap(),
            fastest: speed(10_000),
            travel_speed: speed(10_000),
            raise_at_pause: um(6_000),
            raise_at_end: None,
            z_tolerance: um(10),
            peel,
            bottom: Bottom {
                layers: 2,
                transition: 2,
                exposure: Some(self.bottom_exposure),
                peel: Peel { lift_speed: Some(speed(1_000)), ..Peel::default() },
            },
            exposure: Some(self.exposure),
            longest_exposure: ms(60_000),
            first_layer_rest: ms(500),
            rest_after_pause: ms(200),
            long_pause: self.long_pause,
            display: exposure::Display { settles_in: ms(60), answers_within: ms(DISPLAY_ANSWERS_MS) },
            answers_within: ms(ANSWERS_MS),
            homes_within: ms(10_000),
            buffer_lines: 4,
            buffer_bytes: 127,
            burst_lead: self.lead,
        }
    }

    fn plan(&self) -> Plan {
        let printer = self.profile().checked().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let layers: Vec<Layer> = (0..self.layers)
            .map(|at| Layer {
                top: um(i64::from(at + 1) * LAYER_UM),
                pause: self.pauses.contains(&at) || self.refills.contains(&at),
                ..Layer::default()
            })
            .collect();
        Plan::of(&layers, &printer).unwrap()
    }

    fn rig(&self) -> RigConfig {
        let mut config = RigConfig::msla(self.dialect, 115_200, 1_000, self.seed);
        config.mix = self.mix;
        config.firmware.record_lines = true;
        let msla = config.firmware.msla.as_mut().unwrap();
        msla.z_max_mm = HEIGHT_MM;
        msla.start_z_mm = 12.0;
        msla.light_timing = self.timing.unwrap_or(msla.light_timing);
        config
    }
}

fn mark(LayerIndex(layer): LayerIndex) -> MaskMark {
    MaskMark(0xa5a5_0000 | layer)
}

/// How the display behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    Well,
    /// It takes so long for each picture, µs.
    Slowly(u64),
    /// It takes the next picture in and never says that it is there.
    Never,
    /// It shows and tells the picture of another layer.
    Another,
    /// It says that it has failed.
    Fails,
}

/// One session, one resin printer, its display, and the time between them.
struct Booth {
    rig: Rig,
    session: Session,
    lamp: Lamp,
    plan: Plan,
    print: Print,
    events: Vec<SessionEvent>,
    now: u64,
    shows: Shows,
    /// What the display has still to show, and when it will.
    pictures: VecDeque<(u64, MaskStep)>,
    /// Pictures that were asked for.
    asked: Vec<MaskStep>,
    /// Writes so far.
    writes: u64,
    /// The process dies directly behind this one, from 0.
    dies_at_write: Option<u64>,
    is_dead: bool,
    has_relay: bool,
    trace: VecDeque<(u64, char, String)>,
}

impl Drop for Booth {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (at, way, text) in &self.trace {
                println!("{at} {way} {text}");
            }
            println!("{:?}", self.events);
            println!("{:?}", self.rig.msla_report().map(|report| report.events));
        }
    }
}

impl Booth {
    fn with(print: Print, configure: impl FnOnce(&mut RigConfig)) -> Self {
        let mut config = print.rig();
        configure(&mut config);
        let plan = print.plan();
        let lamp = Lamp::new(Arc::new(plan.printer().clone())).watched(print.cover(), print.hottest);
        Self {
            rig: Rig::new(config),
            session: session(&lamp),
            lamp,
            plan,
            print,
            events: Vec::new(),
            now: 0,
            shows: Shows::Well,
            pictures: VecDeque::new(),
            asked: Vec::new(),
            writes: 0,
            dies_at_write: None,
            is_dead: false,
            has_relay: false,
            trace: VecDeque::new(),
        }
    }

    fn new(print: Print) -> Self {
        Self::with(print, |_| {})
    }

    /// Greeted and at its first lines.
    fn started(print: Print) -> Self {
        let mut booth = Self::new(print);
        booth.open();
        booth.start();
        booth
    }

    fn moment(&self) -> Moment {
        Moment(self.now)
    }

    fn job() -> JobId {
        JobId::from_entropy([7; 16])
    }

    #[track_caller]
    fn open(&mut self) {
        self.rig.open_port(self.now);
        self.session.handle_opened(self.moment());
        self.flush();
        self.run_until(60, "greeting", |booth| booth.session.is_ready());
    }

    #[track_caller]
    fn start(&mut self) {
        let exposures =
            Exposures { plan: self.plan.clone(), plate: Plate::Empty, refills: self.print.refills.clone() };
        self.session.start_exposing(self.moment(), Self::job(), exposures).unwrap();
        self.flush();
    }

    fn note(&mut self, way: char, bytes: &[u8]) {
        if self.trace.len() > 160 {
            self.trace.pop_front();
        }
        self.trace.push_back((self.now, way, bytes.escape_ascii().to_string()));
    }

    fn flush(&mut self) {
        loop {
            let mut moved = false;
            if !self.session.transmit().is_empty() {
                let bytes = self.session.transmit().to_vec();
                self.session.transmitted(bytes.len());
                self.rig.host_write(self.now, &bytes);
                self.note('>', &bytes);
                if self.dies_at_write == Some(self.writes) {
                    self.is_dead = true;
                    return;
                }
                self.writes += 1;
                moved = true;
            }
            while let Some(event) = self.session.poll_event() {
                if event == SessionEvent::StopUnverified && self.has_relay {
                    self.rig.inject(self.now, &Fault::PowerCut);
                }
                self.events.push(event);
                moved = true;
            }
            while let Some(step) = self.session.poll_mask() {
                self.ask_picture(step);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        let up = self.session.dtr_is_up(self.moment());
        self.rig.set_dtr(self.now, up);
    }

    fn ask_picture(&mut self, step: MaskStep) {
        self.asked.push(step);
        let takes = match self.shows {
            Shows::Never if matches!(step, MaskStep::Show(_)) => return,
            Shows::Slowly(takes) => takes,
            _ => 17_000,
        };
        let free = self.pictures.back().map_or(self.now, |(at, _)| *at).max(self.now);
        self.pictures.push_back((free + takes, step));
    }

    fn show(&mut self, step: MaskStep) {
        let now = self.moment();
        let layer = match step {
            MaskStep::Blank => {
                self.rig.show_mask(self.now, Frame::Blank);
                return self.session.handle_blanked(now);
            }
            MaskStep::Show(_) if self.shows == Shows::Fails => {
                return self.session.handle_display_failed(now, "its cable is out");
            }
            MaskStep::Show(LayerIndex(layer)) if self.shows == Shows::Another => LayerIndex(layer + 1),
            MaskStep::Show(layer) => layer,
        };
        let frame = Frame::layer(&layer.0.to_string(), &hash(layer));
        self.rig.show_mask(self.now, frame);
        self.session.handle_shown(now, layer, mark(layer));
    }

    /// To the next thing that happens anywhere.
    fn step(&mut self, until: u64) {
        if self.is_dead {
            self.now = until;
            return self.rig.advance(until);
        }
        let host = self.session.poll_timeout().map_or(until, Moment::micros);
        let picture = self.pictures.front().map_or(until, |(at, _)| *at);
        let next = host.min(picture).max(self.now).min(until);
        self.now = self.rig.run_until_output(next).max(self.now);
        let bytes = self.rig.host_read(self.now);
        if !bytes.is_empty() {
            self.note('<', &bytes);
            self.session.handle_bytes(self.moment(), &bytes);
        }
        while let Some((_, step)) = self.pictures.front().copied().filter(|(at, _)| *at <= self.now) {
            self.pictures.pop_front();
            self.show(step);
        }
        if self.session.poll_timeout().is_some_and(|at| at.micros() <= self.now) {
            self.session.handle_timeout(self.moment());
        }
        self.flush();
    }

    #[track_caller]
    fn run_until(&mut self, seconds: u64, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let until = self.now + seconds * 1_000_000;
        while !done(self) {
            assert!(
                self.now < until && !self.is_dead,
                "{what} did not happen in {seconds} s: {:?}, {:?}",
                self.session.activity(),
                self.events.last()
            );
            self.step(until);
        }
    }

    /// Until then, or until its process dies.
    fn run_to(&mut self, at: u64) {
        while self.now < at && !self.is_dead {
            self.step(at);
        }
    }

    fn wait(&mut self, millis: u64) {
        self.run_to(self.now + millis * 1_000);
    }

    fn inject(&mut self, fault: &Fault) {
        self.rig.inject(self.now, fault);
    }

    fn says(&mut self, line: &str) {
        self.inject(&Fault::Garbage { bytes: format!("{line}\n").into_bytes() });
    }

    fn report(&self) -> MslaReport {
        self.rig.msla_report().unwrap()
    }

    fn exposures(&self) -> &[UvExposure] {
        self.rig.firmware().msla().unwrap().uv().exposures()
    }

    fn is_lit(&self) -> bool {
        self.rig.firmware().msla().unwrap().is_lit()
    }

    /// The light is on for the layer with this number, from 0.
    #[track_caller]
    fn until_lit(&mut self, layer: usize) {
        self.run_until(120, "light", |booth| booth.is_lit() && booth.exposures().len() == layer + 1);
    }

    fn ending(&self) -> Option<&SessionEvent> {
        self.events.iter().rfind(|event| {
            matches!(
                event,
                SessionEvent::Printed { .. }
                    | SessionEvent::Cancelled { .. }
                    | SessionEvent::Interrupted { .. }
            )
        })
    }

    #[track_caller]
    fn until_over(&mut self, seconds: u64) {
        self.run_until(seconds, "the end of the print", |booth| booth.ending().is_some());
    }

    fn interrupted(&self) -> Option<&Interruption> {
        match self.ending() {
            Some(SessionEvent::Interrupted { why, .. }) => Some(why),
            _ => None,
        }
    }

    fn fault(&self) -> Option<ExposureFault> {
        match self.interrupted() {
            Some(Interruption::Exposure { fault }) => Some(*fault),
            _ => None,
        }
    }

    fn printed(&self) -> Option<&FileHash> {
        match self.ending() {
            Some(SessionEvent::Printed { digest, .. }) => Some(digest),
            _ => None,
        }
    }

    fn planned(&self) -> Vec<PlannedLayer> {
        let planned = |(at, layer): (u32, &exposure::LayerPlan)| PlannedLayer {
            z_um: layer.z.0,
            hash: hash(LayerIndex(at)),
            lit_us: layer.exposure.0 * 1_000,
        };
        (0..).zip(self.plan.layers()).map(planned).collect()
    }

    fn longest_us(&self) -> u64 {
        self.planned().iter().map(|layer| layer.lit_us).max().unwrap()
    }

    /// The whole part, as the file has it, each layer lit for its time within `tolerance` of it.
    #[track_caller]
    fn assert_printed(&mut self, tolerance: impl Fn(u64) -> u64) {
        let Some(digest) = self.printed() else { panic!("{:?}", self.ending()) };
        let mut digests = MasksDigest::default();
        (0..self.print.layers).for_each(|at| digests.add(&mark(LayerIndex(at))));
        assert_eq!(*digest, digests.finish());
        let planned = self.planned();
        let report = self.report();
        // Each layer with a tolerance of its own.
        let wide = Tolerance { z_um: 2, lit_us: tolerance(self.longest_us()) };
        assert_eq!(report.part.differences(&planned, wide), []);
        for (cured, wanted) in report.part.layers.iter().zip(&planned) {
            let off = cured.lit_us.abs_diff(wanted.lit_us);
            assert!(off <= tolerance(wanted.lit_us), "{} µs instead of {}", cured.lit_us, wanted.lit_us);
            assert_eq!(cured.exposures, 1);
        }
        self.assert_lit_well();
        self.wait(1_000);
        self.assert_dark();
    }

    /// Whatever was lit was lit once, behind its own mask, with the plate standing where it belongs. Only a print that
    /// ends in the light blanks its mask there.
    #[track_caller]
    fn assert_lit_well(&self) {
        let report = self.report();
        assert_eq!(report.crashes, []);
        let flips = self.rig.firmware().msla().unwrap().masks();
        let last = report.exposures.len().saturating_sub(1);
        for (at, exposure) in (0..).zip(&report.exposures) {
            let blanked = flips
                .between(exposure.on_us, exposure.off_us.unwrap_or(self.now))
                .iter()
                .all(|flip| flip.frame == Frame::Blank);
            let may_be_blanked = at as usize == last && blanked && self.printed().is_none();
            for flaw in &exposure.flaws {
                let is_none = *flaw == Flaw::Burning || (*flaw == Flaw::MaskChanged && may_be_blanked);
                assert!(is_none, "{exposure:?}");
            }
            assert_eq!(exposure.frame, Some(Frame::layer(&format!("{at}"), &hash(LayerIndex(at)))));
            assert_eq!(exposure.z_um, (i64::from(at) + 1) * LAYER_UM);
        }
    }

    #[track_caller]
    fn assert_dark(&self) {
        assert!(!self.is_lit());
        let last = self.rig.firmware().msla().unwrap().masks().flips().last().cloned();
        assert_eq!(last.map(|flip| flip.frame), Some(Frame::Blank));
    }

    /// Nothing is lit or moved for a long time.
    #[track_caller]
    fn assert_rests(&mut self) {
        let (lit, z) = (self.exposures().len(), self.report().z_um);
        self.wait(30_000);
        assert_eq!((self.exposures().len(), self.report().z_um), (lit, z), "lit or moved behind its end");
        assert!(!self.is_lit());
    }

    fn stop(&mut self) {
        self.session.stop(self.moment());
        self.flush();
    }

    fn verdict(&self) -> Option<&SessionEvent> {
        self.events
            .iter()
            .rfind(|event| matches!(event, SessionEvent::StopVerified(_) | SessionEvent::StopUnverified))
    }

    /// The commands that the board has run, from the `from`th on.
    fn executed(&self, from: usize) -> Vec<String> {
        self.rig.ledger().executed()[from..].iter().map(|line| spelled(line)).collect()
    }

    fn executed_count(&self) -> usize {
        self.rig.ledger().executed().len()
    }

    /// The process is gone; its display stays as it is.
    fn die(&mut self) {
        self.rig.close_port(self.now);
        self.pictures.clear();
        self.session = session(&self.lamp);
        (self.is_dead, self.dies_at_write) = (false, None);
        self.events.clear();
    }

    fn pull(&mut self) {
        self.inject(&Fault::Disconnect);
        self.session.handle_closed("unplugged");
        self.flush();
    }

    fn put_in(&mut self) {
        self.inject(&Fault::Reconnect);
    }
}

fn session(lamp: &Lamp) -> Session {
    let profile = Profile { dtr_reset: DtrReset::Never, ..Profile::new(Baud(115_200), SAFE) };
    Session::new("resin".parse().unwrap(), profile).with_lamp(Some(lamp.clone()))
}

fn hash(layer: LayerIndex) -> String {
    format!("{:08x}", mark(layer).0)
}

const DIALECTS: [Dialect; 2] = [Dialect::Marlin, Dialect::Klipper];

/// What a wire of this speed makes of an exposure that the board times: one in a hundred, and no less than 2 ms.
fn board_timed(planned: u64) -> u64 {
    (planned / 100).max(2_000)
}

/// We hear of the light on only behind two questions, and of the end of it not before it has come.
fn host_timed(planned: u64) -> u64 {
    (planned / 20).max(50_000)
}

// Whole prints.

#[test]
fn a_print_of_twenty_layers_is_its_file_whoever_times_it_and_whatever_the_board() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            for timing in [LightTiming::AtOnce, LightTiming::WithMoves] {
                for lead in [ms(0), ms(40)] {
                    let print = Print { timing: Some(timing), lead, ..Print::new(dialect, timed_by, 20) };
                    let mut booth = Booth::started(print);
                    booth.until_over(600);
                    booth.assert_printed(if timed_by == TimedBy::Board { board_timed } else { host_timed });
                    assert!(booth.session.is_ready());
                    booth.assert_rests();
                }
            }
        }
    }
}

#[test]
fn all_that_was_lit_is_told_before_the_end_of_the_print() {
    let mut booth = Booth::started(Print::new(Dialect::Marlin, TimedBy::Board, 6));
    booth.until_over(600);
    booth.assert_printed(board_timed);
    let lit = booth.events.iter().find_map(|event| match event {
        SessionEvent::Lit { lit, .. } => Some(*lit),
        _ => None,
    });
    let planned: u64 = booth.planned().iter().map(|layer| layer.lit_us / 1_000).sum();
    assert_eq!(lit.map(|lit| (lit.layers, lit.light_ms)), Some((6, planned)));
}

#[test]
fn a_light_is_told_as_on_all_the_while_and_as_off_only_when_it_is() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            let began = || Booth::started(Print::new(dialect, timed_by, 4));
            let mut booth = began();
            let mut seen_off = false;
            booth.run_until(600, "the end of the print", |booth| {
                let told = booth.session.light();
                assert!(!booth.is_lit() || told == Some(Light::On), "{told:?}");
                seen_off |= told == Some(Light::Off);
                booth.ending().is_some()
            });
            assert!(seen_off && booth.session.light() == Some(Light::Off));
            let mut booth = began();
            booth.until_lit(1);
            let now = booth.moment();
            booth.session.stop(now);
            assert_ne!(booth.session.light(), Some(Light::Off), "nobody has said yet that it is dark");
            let mut booth = began();
            booth.until_lit(1);
            booth.session.handle_closed("its port is gone");
            assert_eq!(booth.session.light(), Some(Light::MayBeOn));
        }
    }
}

// Line numbers: the five lines of an exposure on Klipper have 123 bytes with numbers of five digits, 128 with six.

impl Booth {
    /// The number of the line that was sent last.
    #[track_caller]
    fn number(&self) -> u32 {
        let number = |(_, way, text): &(u64, char, String)| match way {
            '>' => {
                text.rsplit("\\n").find_map(|line| line.strip_prefix('N')?.split(' ').next()?.parse().ok())
            }
            _ => None,
        };
        self.trace.iter().rev().find_map(number).unwrap()
    }
}

#[test]
fn a_print_on_a_line_that_has_counted_far_is_numbered_anew_before_its_plate_homes() {
    let mut booth = Booth::new(Print::new(Dialect::Klipper, TimedBy::Board, 3));
    booth.open();
    while booth.number() < 100_100 {
        booth.wait(600_000);
    }
    booth.start();
    booth.until_over(120);
    assert!((10_000..11_000).contains(&booth.number()), "{}", booth.number());
    booth.assert_printed(board_timed);
}

#[test]
fn a_print_that_outlives_five_digits_is_numbered_anew_between_its_layers() {
    let pauses = BTreeSet::from([1, 2, 3]);
    let mut booth = Booth::started(Print { pauses, ..Print::new(Dialect::Klipper, TimedBy::Board, 5) });
    let mut highest = 0;
    for _ in 0..3 {
        booth.run_until(120, "the pause", Booth::stands);
        // Less than a day: then Klipper lets go of its motors.
        booth.wait(82_000_000);
        highest = highest.max(booth.number());
        assert!(booth.resume());
        booth.run_until(60, "the next light", Booth::is_lit);
    }
    booth.until_over(120);
    assert!((90_000..100_000).contains(&highest), "{highest}");
    assert!(booth.number() < highest, "{}", booth.number());
    booth.assert_printed(board_timed);
}

// Pauses.

/// Where a print is when somebody does something.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Homing,
    /// On its way down to the first layer.
    GoingDown,
    /// The mask of this layer has been asked for, and nothing is lit.
    Mask(u32),
    /// This many µs into the light of a layer.
    Light(usize, u64),
    /// On its way up from a layer.
    Lift(usize),
}

const LAST: usize = 3;

const PLACES: [Place; 9] = [
    Place::Homing,
    Place::GoingDown,
    Place::Mask(0),
    Place::Light(0, 10_000),
    Place::Light(1, 1_200_000),
    Place::Lift(1),
    Place::Mask(2),
    Place::Lift(2),
    Place::Light(LAST, 300_000),
];

impl Booth {
    #[track_caller]
    fn reach(&mut self, place: Place) {
        let moves = |booth: &Self| !booth.rig.firmware().is_standing();
        match place {
            Place::Homing => self.run_until(60, "homing", moves),
            Place::GoingDown => {
                self.run_until(60, "homing", moves);
                self.run_until(60, "the way down", |booth| moves(booth) && booth.report().z_um < 19_000);
            }
            Place::Mask(layer) => {
                let shows = MaskStep::Show(LayerIndex(layer));
                self.run_until(120, "the mask", |booth| booth.asked.last() == Some(&shows));
            }
            Place::Light(layer, after) => {
                self.until_lit(layer);
                let at = self.exposures()[layer].on_us + after;
                self.run_to(at);
                assert!(self.is_lit());
            }
            Place::Lift(layer) => {
                let lifts = |booth: &Self| booth.exposures().len() == layer + 1 && moves(booth);
                self.run_until(120, "the lift", lifts);
            }
        }
    }

    fn pause(&mut self) -> bool {
        let reason = PauseReason::Person { by: "nurse".into() };
        let taken = self.session.pause(self.moment(), &Self::job(), reason).is_ok();
        self.flush();
        taken
    }

    fn resume(&mut self) -> bool {
        let taken = self.session.resume(self.moment(), &Self::job(), "nurse").is_ok();
        self.flush();
        taken
    }

    fn cancel(&mut self) -> bool {
        let taken = self.session.cancel(self.moment(), &Self::job(), "nurse").is_ok();
        self.flush();
        taken
    }

    fn stands(&self) -> bool {
        matches!(self.session.activity(), Activity::Paused { draining: false, .. })
    }

    #[track_caller]
    fn until_paused(&mut self) {
        self.run_until(60, "the pause", Self::stands);
        self.wait(200);
        self.assert_dark();
        assert!(self.rig.firmware().is_standing());
    }

    fn long_pauses(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, SessionEvent::LongPause { .. })).count()
    }

    fn pauses(&self) -> Vec<PauseReason> {
        let reason = |event: &SessionEvent| match event {
            SessionEvent::Paused { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }
}

fn four_layers(dialect: Dialect, timed_by: TimedBy) -> Print {
    Print { long_pause: Some(ms(60_000)), ..Print::new(dialect, timed_by, 4) }
}

#[test]
fn a_pause_anywhere_leaves_the_part_as_its_file_has_it() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            for place in PLACES {
                let mut booth = Booth::started(four_layers(dialect, timed_by));
                booth.reach(place);
                assert!(booth.pause() && !booth.pause(), "{place:?}");
                if matches!(place, Place::Light(LAST, _)) {
                    // Behind the last layer there is nothing to pause before.
                    booth.until_over(120);
                    let by = "platen".to_owned();
                    let went_on = SessionEvent::Resumed { job: Booth::job(), by };
                    assert!(booth.events.contains(&went_on));
                } else {
                    booth.until_paused();
                    let lit = booth.exposures().len();
                    // Above the layer as far as was said, or where it was homed.
                    assert!(booth.report().z_um >= 6_000, "{place:?}: {} µm", booth.report().z_um);
                    booth.wait(90_000);
                    assert_eq!((booth.exposures().len(), booth.long_pauses()), (lit, 1), "{place:?}");
                    assert!(booth.stands() && booth.resume() && !booth.resume());
                    booth.until_over(120);
                }
                booth.assert_printed(if timed_by == TimedBy::Board { board_timed } else { host_timed });
                assert_eq!(booth.pauses(), [PauseReason::Person { by: "nurse".into() }]);
            }
        }
    }
}

#[test]
fn a_pause_that_is_taken_back_in_the_light_does_not_come() {
    for dialect in DIALECTS {
        let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
        booth.reach(Place::Light(1, 100_000));
        assert!(booth.pause() && booth.resume());
        booth.until_over(120);
        booth.assert_printed(board_timed);
    }
}

#[test]
fn a_file_pauses_where_it_says_and_a_refill_is_told_as_that() {
    for dialect in DIALECTS {
        let print = Print {
            pauses: BTreeSet::from([1]),
            refills: BTreeSet::from([2]),
            ..four_layers(dialect, TimedBy::Board)
        };
        let mut booth = Booth::started(print);
        for lit in [1, 2] {
            booth.until_paused();
            assert_eq!(booth.exposures().len(), lit);
            assert!(booth.resume());
            booth.run_until(10, "going on", |booth| !booth.stands());
        }
        booth.until_over(120);
        assert_eq!(booth.pauses(), [PauseReason::File { command: 2 }, PauseReason::Refill]);
        booth.assert_printed(board_timed);
    }
}

#[test]
fn a_cancel_anywhere_ends_dark_and_raised_and_lights_nothing_more() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            for place in PLACES {
                for paused in [false, true] {
                    let mut booth = Booth::started(four_layers(dialect, timed_by));
                    booth.reach(place);
                    if paused {
                        booth.pause();
                        if place != PLACES[8] {
                            booth.until_paused();
                        }
                    }
                    let lit = booth.exposures().len();
                    assert!(
                        booth.cancel() && !booth.cancel() && !booth.pause() && !booth.resume(),
                        "{place:?}"
                    );
                    booth.until_over(60);
                    assert!(
                        matches!(booth.ending(), Some(SessionEvent::Cancelled { by, .. }) if by == "nurse")
                    );
                    booth.wait(200);
                    booth.assert_lit_well();
                    booth.assert_dark();
                    assert_eq!(booth.exposures().len(), lit, "{place:?}");
                    if place != Place::Homing {
                        assert_eq!(booth.report().z_um, 20_000, "{place:?}: not raised");
                    }
                    booth.assert_rests();
                }
            }
        }
    }
}

#[test]
fn the_panel_pauses_goes_on_and_cancels() {
    let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Board));
    booth.reach(Place::Lift(0));
    booth.says("//action:pause");
    booth.until_paused();
    booth.says("//action:resume");
    booth.until_lit(1);
    booth.says("//action:cancel");
    booth.until_over(60);
    assert_eq!(booth.pauses(), [PauseReason::Panel]);
    assert!(matches!(booth.ending(), Some(SessionEvent::Cancelled { by, .. }) if by == PANEL));
    booth.assert_lit_well();
    booth.assert_rests();
}

// Stops.

/// From light off being written to its being executed.
const AT_ONCE_US: u64 = 60_000;

#[test]
fn a_stop_in_light_is_dark_in_time_and_halts_then_where_a_halt_alone_would_leave_it_on() {
    for emergency_parser in [true, false] {
        for after in [0, 20_000, 700_000, 2_450_000] {
            for discards in [false, true] {
                let mut booth = Booth::with(four_layers(Dialect::Marlin, TimedBy::Board), |config| {
                    config.firmware.emergency_parser = emergency_parser;
                    assert!(!config.firmware.msla.as_ref().unwrap().kill_darkens);
                });
                booth.open();
                booth.start();
                booth.reach(Place::Light(2, after));
                if discards {
                    booth.rig.discard_output();
                }
                booth.stop();
                assert_eq!(booth.interrupted(), Some(&Interruption::Stopped));
                let planned = booth.planned()[2].lit_us;
                booth.run_until(10, "the verdict", |booth| booth.verdict().is_some());
                let lit = booth.exposures().last().unwrap().clone();
                assert!(lit.off_us.is_some_and(|off| off < booth.now), "halted in light");
                assert!(lit.lit_us <= planned + 1_000_000, "lit {} µs", lit.lit_us);
                assert_eq!(booth.verdict(), Some(&SessionEvent::StopVerified(StopProof::KillLine)));
                assert!(booth.rig.firmware().is_halted());
                assert_eq!(booth.session.activity(), Activity::Stopped);
                booth.wait(100);
                booth.assert_dark();
                booth.assert_rests();
            }
        }
    }
}

#[test]
fn a_light_that_we_time_goes_out_at_once_by_a_stop_and_then_the_board_halts() {
    for emergency_parser in [true, false] {
        let mut booth = Booth::with(four_layers(Dialect::Marlin, TimedBy::Host), |config| {
            config.firmware.emergency_parser = emergency_parser;
        });
        booth.open();
        booth.start();
        booth.reach(Place::Light(2, 700_000));
        let stopped = booth.now;
        booth.stop();
        booth.run_until(10, "the verdict", |booth| booth.verdict().is_some());
        let off = booth.exposures().last().unwrap().off_us.unwrap();
        assert!(off <= stopped + AT_ONCE_US, "{} µs later", off - stopped);
        assert_eq!(booth.verdict(), Some(&SessionEvent::StopVerified(StopProof::KillLine)));
        booth.assert_rests();
    }
}

#[test]
fn a_stop_on_klipper_is_dark_at_once() {
    for timed_by in [TimedBy::Board, TimedBy::Host] {
        let mut booth = Booth::started(four_layers(Dialect::Klipper, timed_by));
        booth.reach(Place::Light(2, 700_000));
        let stopped = booth.now;
        booth.stop();
        booth.run_until(10, "the verdict", |booth| booth.verdict().is_some());
        let off = booth.exposures().last().unwrap().off_us.unwrap();
        assert!(off <= stopped + AT_ONCE_US, "{} µs later", off - stopped);
        assert!(matches!(booth.verdict(), Some(SessionEvent::StopVerified(_))));
        booth.wait(100);
        booth.assert_dark();
        booth.assert_rests();
    }
}

#[test]
fn a_stop_in_the_dark_halts_at_once_and_nothing_goes_on() {
    for dialect in DIALECTS {
        for place in [Place::Homing, Place::GoingDown, Place::Mask(2), Place::Lift(1), Place::Lift(2)] {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.reach(place);
            let stopped = booth.now;
            booth.stop();
            booth.run_until(10, "the halt", |booth| booth.rig.firmware().is_halted());
            assert!(booth.now <= stopped + AT_ONCE_US, "{place:?}: {} µs later", booth.now - stopped);
            booth.run_until(10, "the verdict", |booth| booth.verdict().is_some());
            assert!(matches!(booth.verdict(), Some(SessionEvent::StopVerified(_))), "{place:?}");
            booth.wait(500);
            booth.assert_lit_well();
            booth.assert_dark();
            booth.assert_rests();
        }
    }
}

#[test]
fn a_burst_that_a_stop_cuts_at_any_byte_is_dark_in_time_and_the_board_halts() {
    let byte_us = 87;
    let mut lit = 0;
    for byte in 0..90 {
        for lead in [ms(0), ms(20)] {
            let print = Print { lead, ..four_layers(Dialect::Marlin, TimedBy::Board) };
            let mut booth = Booth::started(print);
            booth.until_lit(0);
            let on_the_wire = |booth: &Booth| {
                let bytes: Vec<u8> = booth.rig.on_the_way().map(|(_, byte)| byte).collect();
                bytes.windows(4).any(|bytes| bytes == b"M106")
            };
            booth.run_until(60, "a burst", |booth| !booth.is_lit() && on_the_wire(booth));
            let before = booth.exposures().len();
            booth.run_to(booth.now + byte * byte_us);
            booth.rig.discard_output();
            booth.stop();
            let stopped = booth.now;
            booth.run_until(20, "the verdict", |booth| booth.verdict().is_some());
            assert_eq!(booth.verdict(), Some(&SessionEvent::StopVerified(StopProof::KillLine)), "{byte}");
            for exposure in &booth.exposures()[before..] {
                lit += 1;
                let at_most = booth.planned()[1].lit_us + 1_000_000;
                assert!(exposure.lit_us <= at_most && exposure.off_us.is_some(), "{byte}: {exposure:?}");
            }
            assert!(booth.now <= stopped + 20_000_000);
            booth.assert_rests();
        }
    }
    assert!(lit > 20, "only {lit} were cut in or behind the light");
}

#[test]
fn a_stop_that_nobody_hears_is_told_as_that_and_the_relay_ends_the_light() {
    for dialect in DIALECTS {
        let mut booth = Booth::started(four_layers(dialect, TimedBy::Host));
        booth.has_relay = true;
        booth.reach(Place::Light(2, 300_000));
        booth.inject(&Fault::Deaf { for_us: 3_600_000_000 });
        let stopped = booth.now;
        booth.stop();
        booth.run_until(10, "the relay", |booth| booth.verdict() == Some(&SessionEvent::StopUnverified));
        assert!(booth.now <= stopped + 3_000_000, "{} µs later", booth.now - stopped);
        booth.assert_rests();
    }
}

#[test]
fn a_board_that_kills_itself_in_the_light_is_no_verified_stop_where_its_light_stays_on() {
    let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Board));
    booth.has_relay = true;
    booth.reach(Place::Light(1, 300_000));
    booth.inject(&Fault::Kill);
    booth.until_over(5);
    assert!(matches!(booth.interrupted(), Some(Interruption::Fault { .. })));
    assert_eq!(booth.verdict(), Some(&SessionEvent::StopUnverified));
    booth.assert_rests();

    let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Board));
    booth.reach(Place::Lift(1));
    booth.inject(&Fault::Kill);
    booth.until_over(5);
    assert_eq!(booth.verdict(), Some(&SessionEvent::StopVerified(StopProof::KillLine)));
    booth.assert_rests();
}

// Faults.

#[test]
fn a_cable_that_is_pulled_in_the_light_ends_it_by_the_boards_time_and_nothing_resumes() {
    for dialect in DIALECTS {
        for back_after in [100, 1_000, 10_000] {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.reach(Place::Light(2, 300_000));
            let planned = booth.planned()[2].lit_us;
            booth.pull();
            assert_eq!(booth.interrupted(), Some(&Interruption::Unplugged));
            booth.wait(back_after);
            booth.put_in();
            let (z, executed, asked) = (booth.report().z_um, booth.executed_count(), booth.asked.len());
            booth.open();
            assert_eq!(booth.asked[asked..], [MaskStep::Blank]);
            // What was left of the burst comes before it.
            let new = booth.executed(executed);
            let off = booth.lamp.printer().light_off[0].clone();
            let first = new.iter().position(|line| line.starts_with("M115")).unwrap();
            assert!(new[..first].contains(&off), "{new:?}");
            booth.wait(100);
            booth.assert_dark();
            assert!(booth.exposures()[2].lit_us.abs_diff(planned) <= board_timed(planned));
            booth.wait(60_000);
            assert_eq!((booth.exposures().len(), booth.report().z_um), (3, z));
            assert!(booth.session.is_ready() && booth.session.job().is_none());
            booth.assert_lit_well();
        }
    }
}

#[test]
fn a_board_that_restarts_in_the_light_is_dark_and_greeted_and_nothing_moves() {
    for dialect in DIALECTS {
        for cause in [ResetCause::BrownOut, ResetCause::Watchdog] {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.reach(Place::Light(2, 300_000));
            let z = booth.report().z_um;
            booth.inject(&Fault::Reset { cause });
            booth.until_over(120);
            booth.run_until(120, "an end of it", |booth| {
                booth.session.is_ready() || booth.session.is_closed() || booth.verdict().is_some()
            });
            booth.wait(1_000);
            booth.assert_dark();
            assert_eq!(booth.report().z_um, z);
            booth.assert_rests();
        }
    }
}

/// More than that, and the layer is known to be wrong.
fn noisy(planned: u64) -> u64 {
    (planned / 10).max(100_000) + 60_000
}

#[test]
fn noise_lights_no_mask_twice_and_moves_nothing_in_the_light_and_a_wrong_layer_is_no_print() {
    let (mut printed, mut resent, mut ended) = (0, 0, 0);
    for seed in 0..300 {
        let mut random = Random::fork(seed, "noise in light");
        let mix = FaultMix {
            damage_to_device: 0.004 * random.unit().powi(2),
            loss_to_device: 0.001 * random.unit().powi(2),
            damage_to_host: 0.002 * random.unit().powi(2),
            loss_to_host: 0.001 * random.unit().powi(2),
            ..FaultMix::default()
        };
        let dialect = DIALECTS[usize::from(seed % 4 == 3)];
        let mut booth = Booth::new(Print { mix, ..Print::small(dialect, seed) });
        booth.rig.open_port(0);
        booth.session.handle_opened(booth.moment());
        booth.flush();
        booth.run_to(30_000_000);
        if !booth.session.is_ready() {
            continue;
        }
        booth.start();
        booth.until_over(300);
        let planned = booth.planned();
        booth.wait(10_000);
        assert!(!booth.is_lit(), "seed {seed}");
        let report = booth.report();
        let exact = report
            .exposures
            .iter()
            .zip(&planned)
            .all(|(lit, wanted)| lit.lit_us.abs_diff(wanted.lit_us) <= noisy(wanted.lit_us));
        assert_eq!(report.totals.moved_in_light, 0, "seed {seed}");
        for (at, exposure) in (0..).zip(&report.exposures) {
            let frame = Frame::layer(&format!("{at}"), &hash(LayerIndex(at)));
            assert_eq!(exposure.frame, Some(frame), "seed {seed}: lit twice, or another");
            let lit = exposure.lit_us;
            assert!(lit <= booth.longest_us() + 16_000_000, "seed {seed}: {lit} µs");
        }
        resent += u64::from(booth.session.line().resends > 0);
        if booth.printed().is_some() {
            printed += 1;
            assert!(exact, "seed {seed}: {:?}", report.exposures);
        } else {
            ended += 1;
        }
    }
    assert!(printed > 100 && resent > 50 && ended > 5, "{printed} printed, {resent} resent, {ended} ended");
}

#[test]
fn lost_and_late_answers_only_delay_a_print() {
    let faults = [
        Fault::LoseEveryOk { every: 9 },
        Fault::DuplicateEveryOk { every: 9 },
        Fault::SlowReplies { delay_us: 150_000 },
    ];
    for fault in faults {
        let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Board));
        booth.inject(&fault);
        booth.until_over(600);
        assert!(booth.printed().is_some(), "{fault:?}: {:?}", booth.ending());
        booth.assert_printed(board_timed);
    }
}

/// What came of it cannot be told from a light that the board has left out.
#[test]
fn a_display_that_talks_to_the_same_board_ends_the_print_dark() {
    let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Board));
    booth.inject(&Fault::Display { every_us: 700_000 });
    booth.until_over(600);
    assert_eq!(booth.fault(), Some(ExposureFault::Board));
    booth.assert_rests();
}

#[test]
fn zero_bytes_on_the_line_are_nothing() {
    for dialect in DIALECTS {
        let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
        for _ in 0..40 {
            booth.wait(500);
            booth.inject(&Fault::Garbage { bytes: vec![0; 37] });
        }
        booth.until_over(120);
        booth.assert_printed(board_timed);
    }
}

#[test]
fn a_plate_that_stalls_ends_the_print_and_is_not_lit() {
    for dialect in DIALECTS {
        for place in [Place::GoingDown, Place::Lift(1)] {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.has_relay = true;
            booth.reach(place);
            let lit = booth.exposures().len();
            booth.inject(&Fault::Msla(MslaFault::ZStalled));
            booth.until_over(200);
            assert_eq!(booth.fault(), Some(ExposureFault::BoardSilent), "{place:?}");
            assert_eq!(booth.exposures().len(), lit);
            booth.assert_rests();
        }
    }
}

#[test]
fn a_board_that_tells_another_place_ends_the_print_where_it_stands() {
    for dialect in DIALECTS {
        for (lies, place) in
            [(400, Place::Lift(1)), (-3_000, Place::Mask(2)), (400, Place::Light(1, 100_000))]
        {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.reach(place);
            booth.inject(&Fault::Msla(MslaFault::ZMisread { um: lies }));
            booth.until_over(120);
            assert_eq!(booth.fault(), Some(ExposureFault::Elsewhere), "{place:?}");
            booth.assert_lit_well();
            booth.assert_rests();
        }
    }
}

#[test]
fn a_display_that_is_late_fails_or_shows_another_picture_ends_the_print_dark_and_raised() {
    for dialect in DIALECTS {
        for (shows, fault) in [
            (Shows::Slowly(3_000_000), ExposureFault::DisplaySilent),
            (Shows::Never, ExposureFault::DisplaySilent),
            (Shows::Another, ExposureFault::WrongMask),
            (Shows::Fails, ExposureFault::Display),
        ] {
            let mut booth = Booth::started(four_layers(dialect, TimedBy::Board));
            booth.reach(Place::Lift(0));
            booth.shows = shows;
            booth.until_over(120);
            assert_eq!(booth.fault(), Some(fault), "{shows:?}");
            assert_eq!(booth.exposures().len(), 1);
            booth.assert_lit_well();
            booth.wait(10_000);
            booth.assert_dark();
            if shows != Shows::Slowly(3_000_000) {
                assert_eq!(booth.report().z_um, 20_000, "{shows:?}");
            }
            booth.assert_rests();
        }
    }
}

#[test]
fn a_light_that_nobody_cools_ends_the_print_dark_and_raised() {
    let mut booth = Booth::started(Print::new(Dialect::Marlin, TimedBy::Board, 200));
    booth.reach(Place::Lift(1));
    booth.inject(&Fault::Msla(MslaFault::LedUncooled));
    booth.until_over(3_600);
    assert!(matches!(booth.interrupted(), Some(Interruption::Fault { .. })), "{:?}", booth.ending());
    booth.wait(1_000);
    booth.assert_lit_well();
    booth.assert_dark();
    assert_eq!(booth.report().z_um, 20_000);
    booth.assert_rests();
}

#[test]
fn a_light_above_its_own_limit_ends_the_print_by_that_name() {
    let mut booth =
        Booth::started(Print { hottest: Some(40.0), ..Print::new(Dialect::Marlin, TimedBy::Board, 200) });
    booth.reach(Place::Lift(1));
    booth.inject(&Fault::Msla(MslaFault::LedUncooled));
    booth.until_over(3_600);
    assert_eq!(booth.fault(), Some(ExposureFault::LightTooHot));
    booth.wait(1_000);
    booth.assert_lit_well();
    booth.assert_dark();
    assert_eq!(booth.report().z_um, 20_000);
    booth.assert_rests();
}

// The cover.

fn covered(dialect: Dialect, timed_by: TimedBy) -> Print {
    Print { covered: true, ..four_layers(dialect, timed_by) }
}

impl Booth {
    fn lid(&mut self, fault: MslaFault) {
        self.inject(&Fault::Msla(fault));
    }

    fn cover(&self) -> Cover {
        self.session.cover(self.moment())
    }

    fn asked_for_cover(&self) -> usize {
        self.executed(0).iter().filter(|line| line.starts_with("M119")).count()
    }
}

#[test]
fn a_closed_cover_is_asked_for_before_each_layer_and_delays_none() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            let took = |print: Print| {
                let mut booth = Booth::new(print);
                booth.open();
                let (from, asked) = (booth.now, booth.asked_for_cover());
                booth.start();
                booth.until_over(120);
                let took = (booth.now - from, booth.asked_for_cover() - asked);
                booth.assert_printed(if timed_by == TimedBy::Board { board_timed } else { host_timed });
                took
            };
            let (plain, never) = took(four_layers(dialect, timed_by));
            let (with_cover, asked) = took(covered(dialect, timed_by));
            assert_eq!((never, asked), (0, 5), "once before it homes, and once a layer");
            assert!(with_cover < plain + 5 * 20_000, "{with_cover} µs instead of {plain} µs");
        }
    }
}

#[test]
fn a_cover_that_is_opened_in_a_print_ends_it_dark_before_the_next_light_and_nothing_moves() {
    for dialect in DIALECTS {
        for timed_by in [TimedBy::Board, TimedBy::Host] {
            for (place, lit) in [
                (Place::Homing, 0),
                (Place::GoingDown, 0),
                (Place::Light(0, 10_000), 1),
                (Place::Light(1, 1_200_000), 2),
                (Place::Lift(1), 2),
                (Place::Mask(2), 2),
            ] {
                let mut booth = Booth::started(covered(dialect, timed_by));
                booth.reach(place);
                booth.lid(MslaFault::LidOpened);
                booth.until_over(60);
                assert_eq!(booth.fault(), Some(ExposureFault::LidOpen), "{place:?}");
                assert_eq!(booth.exposures().len(), lit, "{place:?}");
                booth.assert_lit_well();
                booth.wait(1_000);
                booth.assert_dark();
                booth.assert_rests();
            }
        }
    }
}

#[test]
fn nothing_homes_under_an_open_cover_and_its_printer_is_not_free() {
    for dialect in DIALECTS {
        let mut booth = Booth::new(covered(dialect, TimedBy::Board));
        booth.open();
        assert!(!booth.session.snapshot(booth.moment()).is_free(), "nothing was told yet");
        booth.run_until(10, "the answer", |booth| booth.cover() == Cover::Closed);
        assert!(booth.session.snapshot(booth.moment()).is_free());
        booth.lid(MslaFault::LidOpened);
        booth.run_until(10, "the answer", |booth| booth.cover() == Cover::Open);
        assert!(!booth.session.snapshot(booth.moment()).is_free());
        let z = booth.report().z_um;
        booth.start();
        booth.until_over(60);
        assert_eq!(booth.fault(), Some(ExposureFault::LidOpen));
        assert_eq!((booth.report().z_um, booth.exposures().len()), (z, 0));
        booth.assert_dark();
        booth.lid(MslaFault::LidClosed);
        booth.run_until(10, "the answer", |booth| booth.session.snapshot(booth.moment()).is_free());
    }
}

#[test]
fn a_pause_is_for_hands_and_does_not_end_before_the_cover_is_closed() {
    for dialect in DIALECTS {
        let mut booth = Booth::started(covered(dialect, TimedBy::Board));
        booth.reach(Place::Lift(1));
        assert!(booth.pause());
        booth.until_paused();
        booth.lid(MslaFault::LidOpened);
        booth.run_until(10, "the answer", |booth| booth.cover() == Cover::Open);
        let now = booth.moment();
        assert_eq!(booth.session.resume(now, &Booth::job(), "nurse"), Err(NotNow::CoverOpen));
        booth.wait(30_000);
        assert!(booth.stands(), "{:?}", booth.ending());
        booth.lid(MslaFault::LidClosed);
        booth.run_until(10, "the answer", |booth| booth.cover() == Cover::Closed);
        assert!(booth.resume());
        booth.until_over(120);
        booth.assert_printed(board_timed);
    }
}

#[test]
fn a_cover_that_is_opened_as_a_pause_ends_is_found_before_the_plate_goes_down() {
    let mut booth = Booth::started(covered(Dialect::Marlin, TimedBy::Board));
    booth.reach(Place::Lift(1));
    assert!(booth.pause());
    booth.until_paused();
    booth.run_until(10, "the answer", |booth| booth.cover() == Cover::Closed);
    let z = booth.report().z_um;
    booth.lid(MslaFault::LidOpened);
    assert!(booth.resume());
    booth.until_over(60);
    assert_eq!((booth.fault(), booth.report().z_um), (Some(ExposureFault::LidOpen), z));
}

#[test]
fn a_board_that_does_not_tell_of_its_cover_lights_nothing() {
    let mut booth = Booth::with(covered(Dialect::Marlin, TimedBy::Board), |config| {
        config.firmware.msla.as_mut().unwrap().lid_endstop = None;
    });
    booth.open();
    booth.wait(10_000);
    assert_eq!(booth.cover(), Cover::NotTold);
    booth.start();
    booth.until_over(60);
    assert_eq!((booth.fault(), booth.exposures().len()), (Some(ExposureFault::Board), 0));
    booth.assert_dark();
}

#[test]
fn lost_answers_only_delay_a_print_under_a_cover() {
    for fault in [Fault::LoseEveryOk { every: 9 }, Fault::SlowReplies { delay_us: 150_000 }] {
        let mut booth = Booth::started(covered(Dialect::Marlin, TimedBy::Board));
        booth.inject(&fault);
        booth.until_over(600);
        assert!(booth.printed().is_some(), "{fault:?}: {:?}", booth.ending());
        booth.assert_printed(board_timed);
    }
}

#[test]
fn a_display_that_is_slow_within_its_time_only_delays_the_print() {
    let mut booth = Booth::new(four_layers(Dialect::Marlin, TimedBy::Board));
    booth.shows = Shows::Slowly(800_000);
    booth.open();
    booth.start();
    booth.until_over(300);
    booth.assert_printed(board_timed);
}

#[test]
fn a_board_that_falls_silent_in_the_light_is_halted_and_else_loses_its_power() {
    for emergency_parser in [true, false] {
        for dialect in DIALECTS {
            let mut booth = Booth::with(four_layers(dialect, TimedBy::Host), |config| {
                config.firmware.emergency_parser = emergency_parser;
            });
            booth.has_relay = true;
            booth.open();
            booth.start();
            booth.reach(Place::Light(2, 300_000));
            booth.inject(&Fault::Hang { for_us: 3_600_000_000 });
            booth.until_over(120);
            assert_eq!(booth.fault(), Some(ExposureFault::BoardSilent));
            booth.run_until(60, "the verdict", |booth| booth.verdict().is_some());
            if dialect == Dialect::Marlin {
                // It halts where it reads ahead, and its pin is as it was.
                assert_eq!(booth.verdict(), Some(&SessionEvent::StopUnverified));
            }
            booth.assert_rests();
        }
    }
}

// The host dies.

/// A new process greets the board: dark and blank before all else, and nothing moves.
#[track_caller]
fn comes_back(booth: &mut Booth, seed: u64) {
    let (z, lit, executed) = (booth.report().z_um, booth.exposures().len(), booth.executed_count());
    let asked = booth.asked.len();
    booth.open();
    assert_eq!(booth.asked[asked..], [MaskStep::Blank], "seed {seed}");
    let new = booth.executed(executed);
    let off = booth.lamp.printer().light_off[0].clone();
    let dark = new.iter().position(|line| *line == off);
    let asks = new.iter().position(|line| line.starts_with("M115"));
    assert!(dark.is_some() && dark < asks, "seed {seed}: {new:?}");
    booth.wait(1_000);
    booth.assert_dark();
    assert_eq!((booth.report().z_um, booth.exposures().len()), (z, lit), "seed {seed}");
}

/// How long the board may be at what it was told: a way up, the longest exposure.
const DRAINS_MS: u64 = 12_000;

fn mortal(seed: u64) -> (Booth, Random) {
    let mut random = Random::fork(seed, "death");
    let dialect = DIALECTS[usize::from(random.chance(0.3))];
    let lead = ms(if random.chance(0.3) { 20 } else { 0 });
    let timing = random.chance(0.3).then_some(LightTiming::WithMoves);
    let booth = Booth::started(Print { lead, timing, ..Print::small(dialect, seed) });
    (booth, random)
}

#[test]
fn a_host_that_dies_between_any_two_writes_leaves_no_light_on() {
    // How many writes the whole print has, and how long it is.
    let whole = DIALECTS.map(|dialect| {
        let mut booth = Booth::started(Print::small(dialect, 0));
        let before = (booth.writes, booth.now);
        booth.until_over(120);
        booth.assert_printed(board_timed);
        (booth.writes - before.0, booth.now - before.1)
    });
    let mut in_light = 0;
    for seed in 0..2_000 {
        let (mut booth, mut random) = mortal(seed);
        let (writes, takes) = whole[usize::from(booth.print.dialect == Dialect::Klipper)];
        let mut at = booth.now + takes;
        if random.chance(0.5) {
            booth.dies_at_write = Some(booth.writes + random.below(writes));
        } else {
            at = booth.now + random.below(takes);
        }
        while booth.now < at && !booth.is_dead {
            booth.step(at);
        }
        let (was_lit, lit_before) = (booth.is_lit(), booth.exposures().len());
        booth.die();
        booth.wait(DRAINS_MS);
        assert!(!booth.is_lit(), "seed {seed}: its light was left on");
        in_light += u64::from(was_lit || booth.exposures().len() > lit_before);
        let planned = booth.planned();
        for (lit, wanted) in booth.exposures().iter().zip(&planned) {
            let (lit, wanted) = (lit.lit_us, wanted.lit_us);
            assert!(lit.abs_diff(wanted) <= board_timed(wanted), "seed {seed}: {lit} of {wanted} µs");
        }
        booth.assert_lit_well();
        comes_back(&mut booth, seed);
    }
    assert!(in_light > 150, "only {in_light} died in or just before the light");
}

#[test]
fn a_cable_that_is_cut_inside_a_burst_may_leave_its_light_on_until_it_is_back_and_a_lead_does_not_help() {
    let byte_us = 87;
    let mut left_on = [0, 0];
    for (at, lead) in [ms(0), ms(20)].into_iter().enumerate() {
        for byte in 0..90 {
            let mut booth = Booth::started(Print { lead, ..Print::small(Dialect::Marlin, 1) });
            let on_the_wire = |booth: &Booth| {
                let bytes: Vec<u8> = booth.rig.on_the_way().map(|(_, byte)| byte).collect();
                bytes.windows(4).any(|bytes| bytes == b"M106")
            };
            booth.run_until(60, "a burst", on_the_wire);
            booth.run_to(booth.now + byte * byte_us);
            booth.pull();
            booth.wait(DRAINS_MS);
            left_on[at] += u64::from(booth.is_lit());
            booth.put_in();
            let z = booth.report().z_um;
            booth.open();
            booth.wait(1_000);
            booth.assert_dark();
            assert_eq!(booth.report().z_um, z);
            assert_eq!(booth.report().totals.moved_in_light, 0);
        }
    }
    // From the end of light on to the end of light off: so many bytes lie between on the wire, some 2.5 ms a layer.
    assert!(left_on.iter().all(|bytes| (20..40).contains(bytes)), "{left_on:?}");
}

#[test]
fn a_host_that_times_the_light_and_dies_leaves_it_on_until_a_new_one_greets() {
    let mut booth = Booth::started(four_layers(Dialect::Marlin, TimedBy::Host));
    booth.reach(Place::Light(1, 100_000));
    booth.die();
    booth.wait(20_000);
    assert!(booth.is_lit(), "who else would have ended it?");
    comes_back(&mut booth, 0);
}

// Whatever happens, it ends.

#[test]
fn with_all_faults_over_every_print_ends_printed_or_with_a_reason() {
    let (mut printed, mut others) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::fork(seed, "trouble in light");
        let dialect = DIALECTS[usize::from(random.chance(0.3))];
        let timed_by = if random.chance(0.3) { TimedBy::Host } else { TimedBy::Board };
        let mut booth = Booth::started(Print { timed_by, ..Print::small(dialect, seed) });
        booth.has_relay = true;
        for _ in 0..1 + random.below(3) {
            booth.wait(random.below(6_000));
            if booth.ending().is_some() {
                break;
            }
            let direction = if random.chance(0.5) { Direction::ToDevice } else { Direction::ToHost };
            let for_us = random.below(3_000_000);
            match random.below(13) {
                0 => booth.inject(&Fault::Noise { direction, loss: 0.01, damage: 0.01 }),
                1 => booth.inject(&Fault::LoseNextOks { count: 1 + u32::try_from(random.below(5)).unwrap() }),
                2 => booth.inject(&Fault::Stall { direction, for_us }),
                3 => booth.inject(&Fault::Hang { for_us }),
                4 => booth.inject(&Fault::Deaf { for_us }),
                5 => booth.inject(&Fault::SpliceLine { direction, nth: 1 + random.below(4) }),
                6 => booth.inject(&Fault::DuplicateLine { direction, nth: 1 + random.below(4) }),
                7 => booth.inject(&Fault::Reset { cause: ResetCause::Watchdog }),
                8 => booth.shows = Shows::Slowly(random.below(2_000_000)),
                9 => booth.inject(&Fault::Msla(MslaFault::ZStalled)),
                10 => {
                    booth.pause();
                }
                11 => {
                    booth.cancel();
                }
                _ => booth.inject(&Fault::LoseByte { direction, nth: 1 + random.below(60) }),
            }
            booth.wait(random.below(3_000));
            for direction in [Direction::ToDevice, Direction::ToHost] {
                booth.inject(&Fault::Noise { direction, loss: 0.0, damage: 0.0 });
            }
            booth.inject(&Fault::Msla(MslaFault::ZMended));
            booth.shows = Shows::Well;
        }
        let until = booth.now + 300_000_000;
        while booth.ending().is_none() {
            assert!(booth.now < until, "seed {seed}: {:?}", booth.session.activity());
            if booth.stands() {
                booth.resume();
            }
            booth.step(booth.now + 1_000_000);
        }
        booth.wait(20_000);
        assert!(!booth.is_lit(), "seed {seed}");
        assert_eq!(booth.report().totals.moved_in_light, 0, "seed {seed}");
        let labels: Vec<_> = booth.report().exposures.iter().map(|lit| lit.frame.clone()).collect();
        assert!(labels.iter().all(Option::is_some), "seed {seed}");
        assert_eq!(
            labels.len(),
            labels.iter().flatten().map(|frame| format!("{frame:?}")).collect::<BTreeSet<_>>().len()
        );
        if booth.printed().is_some() {
            printed += 1;
        } else {
            others += 1;
        }
    }
    assert!(printed > 60 && others > 30, "{printed} printed, {others} ended otherwise");
}
