//! A pause, from the last line that was sent to the next one: standing still, going away, coming back.
//!
//! ```text
//!             all sent has moved           profile, homed, modes known
//!  Draining ──▶ Standing (M400, M114) ──▶ Parking ──▶ Parked ──long──▶ nozzle off ──longer──▶ bed off
//!                        └── else: stays where it is ────▲ │ resume
//!                                                        │ ▼
//!   (printing) ◀── lowered, primed ◀── Returning ◀── Reheating ◀── Proving (only after a gap: see `rejoin`)
//!                                          └── not where it was told to be: Astray, sends no line
//!  Looking: where the head stood all the while and the board counts no lines, its place is asked before Reheating.
//!  Held: the firmware has paused or asks somebody, and nothing is sent to it.
//! ```
//! Pure: what is to be sent comes out as text. The position is asked twice and must come to the same, since no
//! reply has a checksum. The way back is in absolute numbers, as somebody may have moved the head meanwhile.

use std::time::Duration;

use crate::domain::job::PauseReason;
use crate::domain::moment::Moment;
use crate::domain::printer::{Park, Temperatures};
use crate::gcode::modal::{Counting, Modal, Mode, TOOLS};
use crate::protocol::dialect::Firmware;
use crate::protocol::report::Position;

/// mm/min. Slow enough for every printer: the firmware's own limits are not known.
const TRAVEL_FEED: u32 = 6_000;
const LIFT_FEED: u32 = 600;
const FILAMENT_FEED: u32 = 1_800;
/// Below this the filament does not move, and the firmware refuses it (Marlin's `EXTRUDE_MINTEMP`), °C.
const EXTRUDE_MIN: f64 = 170.0;
/// Positions are told in hundredths at worst, mm.
const TOLD_EXACTLY: f64 = 0.0051;
/// Where the head should be and is not, by more than this, something is wrong, mm.
const ASTRAY: f64 = 0.1;
/// How often the position is asked for until two answers agree.
pub const ASKED_MAX: u32 = 6;
/// A heater this far below its target is waited for, °C.
const COLD: f64 = 5.0;
/// Marlin's own time after which idle steppers let go, s (`DEFAULT_STEPPER_DEACTIVE_TIME`): what platen puts back.
const STEPPERS_IDLE_S: u32 = 120;

/// What a printer's profile says of pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pausing {
    /// Absent: the head stands where the last line left it.
    pub park: Option<Park>,
    /// A paused nozzle is switched off after this time: what stays in it chars, and nobody watches it.
    pub nozzle_hot_max: Duration,
    /// The bed later, since a part that cools comes loose, and then the job is lost.
    pub bed_hot_max: Duration,
    /// While a person is asked after a restart, a nozzle that is hotter is only this hot, °C. Absent: as it was.
    pub hold: Option<u16>,
}

impl Pausing {
    pub const DEFAULT: Self = Self {
        park: None,
        nozzle_hot_max: Duration::from_secs(10 * 60),
        bed_hot_max: Duration::from_secs(120 * 60),
        hold: None,
    };
}

/// What the firmware tells of its position, until two answers in a row are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Told {
    last: Option<Position>,
    agreed: bool,
    /// It does not know the question.
    never: bool,
    pub asked: u32,
}

impl Told {
    /// The question is on its way twice.
    pub fn asked_twice() -> Self {
        Self { asked: 2, ..Self::default() }
    }

    /// The question is on its way.
    pub fn asked_once() -> Self {
        Self { asked: 1, ..Self::default() }
    }

    pub fn handle(&mut self, position: Option<Position>) {
        match position {
            Some(position) => {
                self.agreed = self.last == Some(position);
                self.last = Some(position);
            }
            None => self.never = true,
        }
    }

    pub fn agreed(&self) -> Option<Position> {
        self.last.filter(|_| self.agreed)
    }

    /// Asking again may help.
    pub fn is_open(&self) -> bool {
        !self.agreed && !self.never && self.asked < ASKED_MAX
    }
}

/// Where the head was, and what the file had set when it left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    x: f64,
    y: f64,
    z: f64,
    motion: Mode,
    /// Absent where it was not changed.
    extrusion: Option<Mode>,
    feed: f64,
    retracted: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The firmware has paused by itself: `told` it so, `asks` somebody; acknowledged lines then.
    Held {
        told: bool,
        asks: bool,
        acked: u32,
    },
    Draining,
    Standing(Told),
    Parking(Place),
    /// `from` is absent where the head did not move.
    Parked {
        from: Option<Place>,
        astray: bool,
    },
    /// Held after a gap, and resumed: the board is asked once more for its count.
    Proving,
    /// The head has not moved, and the board counts no lines: only its place tells whether it has started anew.
    Looking(Told),
    Reheating(Option<Place>),
    Returning(Place, Told),
}

/// A pause that is going on.
#[derive(Clone, Debug, PartialEq)]
pub struct Pause {
    pub reason: PauseReason,
    /// The words of the file's `M0`.
    pub text: Option<String>,
    pub step: Step,
    /// When it came to stand, from which the time hot is counted.
    pub since: Moment,
    pub nozzle_is_off: bool,
    pub bed_is_off: bool,
    /// Somebody wants to go on as soon as the head is parked.
    pub resume_asked: bool,
    /// Where the head came to stand.
    pub stood: Option<Position>,
    /// The nozzle's and the bed's targets when they were switched off, where the file never said one.
    pub reported: (Option<f64>, Option<f64>),
}

impl Pause {
    pub fn new(reason: PauseReason, text: Option<String>, step: Step, now: Moment) -> Self {
        Self {
            reason,
            text,
            step,
            since: now,
            nozzle_is_off: false,
            bed_is_off: false,
            resume_asked: false,
            stood: None,
            reported: (None, None),
        }
    }

    pub fn is_held(&self) -> bool {
        matches!(self.step, Step::Held { .. })
    }

    pub fn is_parked(&self) -> bool {
        matches!(self.step, Step::Parked { .. })
    }

    /// Somebody has resumed it, and the way back has begun.
    pub fn is_ending(&self) -> bool {
        matches!(self.step, Step::Proving | Step::Looking(_) | Step::Reheating(_) | Step::Returning(..))
    }

    /// Paused again on the way back: what is to be sent.
    pub fn turn_back(&mut self, now: Moment, reason: PauseReason, park: Option<&Park>) -> Vec<Box<[u8]>> {
        let (from, moved) = match self.step {
            Step::Proving | Step::Looking(_) => (None, false),
            Step::Reheating(from) => (from, false),
            Step::Returning(place, _) => (Some(place), true),
            _ => return Vec::new(),
        };
        let stood = self.stood;
        *self = Self { stood, ..Self::new(reason, None, Step::Parked { from, astray: false }, now) };
        let mut lines = Script::default();
        if let Some((x, y)) = park.and_then(|park| park.at).filter(|_| moved) {
            lines.say("G90");
            lines.say(format!("G1 X{x} Y{y} F{TRAVEL_FEED}"));
        }
        lines.0
    }

    /// When the nozzle and the bed are to go off, where they are not yet.
    pub fn off_at(&self, pausing: &Pausing) -> (Option<Moment>, Option<Moment>) {
        if !matches!(self.step, Step::Parked { .. }) {
            return (None, None);
        }
        let nozzle = (!self.nozzle_is_off).then(|| self.since + pausing.nozzle_hot_max);
        // Held after a restart, the job is given up then, and all its heat with it.
        let held = self.reason == PauseReason::Restart;
        let bed_max =
            if held { pausing.nozzle_hot_max } else { pausing.bed_hot_max.max(pausing.nozzle_hot_max) };
        let bed = (!self.bed_is_off).then(|| self.since + bed_max);
        (nozzle, bed)
    }

    /// Switches off what was hot for long enough; says what is to be sent.
    pub fn cool(
        &mut self,
        now: Moment,
        pausing: &Pausing,
        modal: &Modal,
        heat: &Temperatures,
    ) -> Vec<Box<[u8]>> {
        let (nozzle, bed) = self.off_at(pausing);
        let target = |reading: Option<crate::domain::printer::Reading>| {
            reading.and_then(|reading| reading.target).map(|target| target.0).filter(|target| *target > 0.0)
        };
        let mut lines = Script::default();
        if nozzle.is_some_and(|at| now >= at) {
            self.nozzle_is_off = true;
            self.reported.0 = target(heat.hotend);
            if modal.has_tools() {
                let hot = (0..TOOLS).filter(|tool| modal.hotends()[*tool].is_some_and(|target| target > 0.0));
                hot.for_each(|tool| lines.say(format!("M104 T{tool} S0")));
            }
            lines.say("M104 S0");
        }
        if bed.is_some_and(|at| now >= at) {
            self.bed_is_off = true;
            self.reported.1 = target(heat.bed);
            lines.say("M140 S0");
        }
        lines.0
    }

    /// Cools nozzles that are to be held for a person; nothing gets hotter.
    pub fn hold(pausing: &Pausing, modal: &Modal) -> Vec<Box<[u8]>> {
        let Some(hold) = pausing.hold else { return Vec::new() };
        let mut lines = Script::default();
        for (tool, target) in modal.hotends().iter().enumerate() {
            if target.is_some_and(|target| target > f64::from(hold)) {
                let tool = if modal.has_tools() { format!("T{tool} ") } else { String::new() };
                lines.say(format!("M104 {tool}S{hold}"));
            }
        }
        lines.0
    }

    /// What brings the heat back that the file wants, and waits for it.
    pub fn reheat(&self, modal: &Modal, heat: &Temperatures) -> Vec<Box<[u8]>> {
        let lost = |off: bool, reading: Option<crate::domain::printer::Reading>, wanted: f64| {
            let cold = reading.is_some_and(|reading| {
                let other = reading.target.is_some_and(|target| (target.0 - wanted).abs() > 0.5);
                reading.actual.0 < wanted - COLD || other
            });
            wanted > 0.0 && (off || cold)
        };
        let mut lines = Script::default();
        let bed = modal.bed().or(self.reported.1).unwrap_or(0.0);
        let bed_is_lost = lost(self.bed_is_off, heat.bed, bed);
        if bed_is_lost {
            lines.say(format!("M140 S{}", decimal(bed)));
        }
        let nozzle = modal.hotends()[modal.tool()].or(self.reported.0).unwrap_or(0.0);
        let nozzle_is_lost = lost(self.nozzle_is_off, heat.hotend, nozzle);
        if nozzle_is_lost {
            lines.say(format!("M104 S{}", decimal(nozzle)));
        }
        if self.nozzle_is_off && modal.has_tools() {
            for tool in (0..TOOLS).filter(|tool| *tool != modal.tool()) {
                if let Some(target) = modal.hotends()[tool].filter(|target| *target > 0.0) {
                    lines.say(format!("M104 T{tool} S{}", decimal(target)));
                }
            }
        }
        if bed_is_lost {
            lines.say(format!("M190 S{}", decimal(bed)));
        }
        if nozzle_is_lost {
            lines.say(format!("M109 S{}", decimal(nozzle)));
        }
        lines.0
    }
}

/// Lines to be sent, in order.
#[derive(Default)]
struct Script(Vec<Box<[u8]>>);

impl Script {
    fn say(&mut self, line: impl AsRef<[u8]>) {
        self.0.push(line.as_ref().into());
    }
}

/// The shortest spelling of a number, to a hundred-thousandth.
fn decimal(value: f64) -> String {
    let text = format!("{value:.5}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// `M84 S0` keeps the steppers from letting go after a while; elsewhere than in Marlin it may switch them off.
fn knows_stepper_time(firmware: Firmware) -> bool {
    matches!(firmware, Firmware::Marlin11 | Firmware::Marlin20 | Firmware::Marlin21 | Firmware::PrusaMk3)
}

/// What keeps the steppers on in a long pause.
pub fn hold_steppers(firmware: Firmware) -> Option<Box<[u8]>> {
    knows_stepper_time(firmware).then(|| b"M84 S0"[..].into())
}

/// What undoes that.
pub fn release_steppers(firmware: Firmware) -> Option<Box<[u8]>> {
    knows_stepper_time(firmware).then(|| format!("M84 S{STEPPERS_IDLE_S}").into_bytes().into())
}

/// The way to the park position, if all that it takes is known: where the head is, how the file counts, that it
/// is homed. Otherwise nothing moves.
pub fn leave(
    park: Option<&Park>,
    modal: &Modal,
    firmware: Firmware,
    heat: &Temperatures,
    told: Option<Position>,
) -> Option<(Place, Vec<Box<[u8]>>)> {
    let (park, told) = (park?, told?);
    if !modal.is_homed() || !modal.is_plain() {
        return None;
    }
    let motion = modal.motion()?;
    let feed = modal.feed(firmware == Firmware::Smoothieware)?;
    let counting = Counting::of(firmware);
    let extrusion = modal.extrusion(counting);
    if extrusion.is_none() && matches!(counting, None | Some(Counting::Latest)) {
        return None;
    }
    // The file's own numbers are finer than those that are told.
    let [x, y, z] = std::array::from_fn(|axis| {
        let told = [told.x, told.y, told.z][axis];
        modal.place()[axis].filter(|said| (said - told).abs() <= TOLD_EXACTLY).unwrap_or(told)
    });
    let height = park.build_height.map(f64::from);
    if z < -ASTRAY || height.is_some_and(|height| z > height + ASTRAY) {
        return None;
    }
    let lift = height.map_or(0.0, |height| f64::from(park.lift).min((height - z).floor())).max(0.0);
    if lift == 0.0 && park.at.is_none() {
        return None;
    }
    let is_hot = heat.hotend.is_some_and(|hotend| {
        hotend.actual.0 >= EXTRUDE_MIN && hotend.target.is_some_and(|target| target.0 >= EXTRUDE_MIN)
    });
    let retracted = if extrusion.is_some() && is_hot { park.retract } else { 0 };
    let mut lines = Script::default();
    if retracted > 0 {
        lines.say("M83");
        lines.say(format!("G1 E-{retracted} F{FILAMENT_FEED}"));
    }
    if lift > 0.0 {
        lines.say("G91");
        lines.say(format!("G1 Z{} F{LIFT_FEED}", decimal(lift)));
    }
    lines.say("G90");
    if let Some((x, y)) = park.at {
        lines.say(format!("G1 X{x} Y{y} F{TRAVEL_FEED}"));
    }
    Some((Place { x, y, z, motion, extrusion, feed, retracted }, lines.0))
}

/// The way back to above the part, and twice the question whether that is where the head is.
pub fn approach(place: &Place) -> Vec<Box<[u8]>> {
    let mut lines = Script::default();
    lines.say("G90");
    lines.say(format!("G1 X{} Y{} F{TRAVEL_FEED}", decimal(place.x), decimal(place.y)));
    lines.say("M114");
    lines.say("M114");
    lines.0
}

/// The head is above where it left the part, or at least not below it.
pub fn is_above(place: &Place, told: &Position) -> bool {
    (told.x - place.x).abs() <= ASTRAY && (told.y - place.y).abs() <= ASTRAY && told.z >= place.z - ASTRAY
}

/// The head is where it stood.
pub fn is_at(stood: &Position, told: &Position) -> bool {
    [(stood.x, told.x), (stood.y, told.y), (stood.z, told.z)].iter().all(|(a, b)| (a - b).abs() <= ASTRAY)
}

/// Down to the part, filament forward, and everything as the file had it. Nothing is waited for in between.
pub fn arrive(place: &Place) -> Vec<Box<[u8]>> {
    let mut lines = Script::default();
    lines.say(format!("G1 Z{} F{LIFT_FEED}", decimal(place.z)));
    if place.retracted > 0 {
        lines.say("M83");
        lines.say(format!("G1 E{} F{FILAMENT_FEED}", place.retracted));
    }
    lines.say(if place.motion == Mode::Absolute { "G90" } else { "G91" });
    match place.extrusion {
        Some(Mode::Absolute) => lines.say("M82"),
        Some(Mode::Relative) => lines.say("M83"),
        None => {}
    }
    lines.say(format!("G1 F{}", decimal(place.feed)));
    lines.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::printer::Reading;
    use crate::domain::units::Celsius;

    #[test]
    fn a_job_that_is_held_after_a_restart_loses_all_its_heat_at_once() {
        for (reason, at_once) in [(PauseReason::Restart, true), (PauseReason::Panel, false)] {
            let parked = Step::Parked { from: None, astray: false };
            let pause = Pause::new(reason, None, parked, Moment::ZERO);
            let (nozzle, bed) = pause.off_at(&Pausing::DEFAULT);
            assert_eq!(nozzle, Some(Moment::ZERO + Pausing::DEFAULT.nozzle_hot_max));
            assert_eq!(nozzle == bed, at_once);
        }
    }

    const PARK: Park = Park { at: Some((0, 200)), lift: 10, retract: 2, build_height: Some(200) };
    const TOLD: Option<Position> = Some(Position { x: 12.35, y: 20.0, z: 1.2, e: 3.0 });

    fn modal(lines: &[&str]) -> Modal {
        let mut modal = Modal::default();
        lines.iter().for_each(|line| modal.note(line.as_bytes()));
        modal
    }

    const FILE: [&str; 7] =
        ["G28", "G90", "M83", "M104 S215", "M140 S60", "G1 X0 Y20 Z1.2 F1800", "G1 X12.3456 E.5"];

    fn heat(hotend: f64, target: f64) -> Temperatures {
        let reading =
            |actual, target| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
        Temperatures { hotend: reading(hotend, target), bed: reading(60.0, 60.0), ..Temperatures::default() }
    }

    fn texts(lines: &[Box<[u8]>]) -> Vec<String> {
        lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn the_way_out_and_the_way_back_leave_nothing_changed() {
        let (place, out) =
            leave(Some(&PARK), &modal(&FILE), Firmware::Marlin21, &heat(215.0, 215.0), TOLD).unwrap();
        let want = ["M83", "G1 E-2 F1800", "G91", "G1 Z10 F600", "G90", "G1 X0 Y200 F6000"];
        assert_eq!(texts(&out), want);
        assert_eq!(texts(&approach(&place)), ["G90", "G1 X12.3456 Y20 F6000", "M114", "M114"]);
        let want = ["G1 Z1.2 F600", "M83", "G1 E2 F1800", "G90", "M83", "G1 F1800"];
        assert_eq!(texts(&arrive(&place)), want);
    }

    #[test]
    fn nothing_moves_unless_everything_that_it_takes_is_known() {
        let hot = heat(215.0, 215.0);
        let may = |lines: &[&str], firmware, told| {
            leave(Some(&PARK), &modal(lines), firmware, &hot, told).is_some()
        };
        assert!(may(&FILE, Firmware::Marlin21, TOLD));
        assert!(!may(&FILE, Firmware::Marlin21, None), "nobody knows where it is");
        for left_out in [0, 1, 5] {
            let mut lines = FILE.to_vec();
            lines.remove(left_out);
            let told = if left_out == 5 { Some(Position { x: 0.0, y: 0.0, z: 0.0, e: 0.0 }) } else { TOLD };
            assert!(!may(&lines, Firmware::Marlin21, told), "without {}", FILE[left_out]);
        }
        for line in ["M84", "G92 X5", "G20", "G54"] {
            assert!(!may(&[&FILE[..], &[line]].concat(), Firmware::Marlin21, TOLD), "after {line}");
        }
        assert!(leave(None, &modal(&FILE), Firmware::Marlin21, &hot, TOLD).is_none(), "no profile");
        // How filament counts after `M83`, `G90` depends on the firmware.
        let unclear = ["G28", "M83", "G90", "G1 X12 F100"];
        assert!(may(&unclear, Firmware::Marlin21, TOLD));
        assert!(may(&unclear, Firmware::PrusaMk3, TOLD));
        assert!(!may(&unclear, Firmware::Unknown, TOLD));
    }

    #[test]
    fn the_lift_ends_at_the_build_height_and_there_is_none_without_one() {
        let lifted = |z: f64, build_height| {
            let park = Park { build_height, ..PARK };
            let told = Some(Position { z, ..TOLD.unwrap() });
            let way = leave(Some(&park), &modal(&FILE), Firmware::Marlin21, &heat(215.0, 215.0), told);
            way.map(|(_, lines)| texts(&lines).into_iter().find(|line| line.starts_with("G1 Z")))
        };
        assert_eq!(lifted(100.0, Some(200)), Some(Some("G1 Z10 F600".into())));
        assert_eq!(lifted(195.5, Some(200)), Some(Some("G1 Z4 F600".into())));
        assert_eq!(lifted(199.9, Some(200)), Some(None));
        assert_eq!(lifted(100.0, None), Some(None));
        assert_eq!(lifted(250.0, Some(200)), None, "it cannot be there");
        assert_eq!(lifted(-5.0, Some(200)), None);
    }

    #[test]
    fn a_cold_nozzle_pulls_no_filament() {
        for cold in [heat(30.0, 0.0), heat(100.0, 215.0), heat(215.0, 0.0), Temperatures::default()] {
            let (place, lines) = leave(Some(&PARK), &modal(&FILE), Firmware::Marlin21, &cold, TOLD).unwrap();
            assert!(!texts(&lines).iter().any(|line| line.contains('E')), "{cold:?}");
            assert!(!texts(&arrive(&place)).iter().any(|line| line.contains('E')));
        }
    }

    #[test]
    fn heat_goes_off_step_by_step_and_comes_back_as_the_file_had_it() {
        let pausing = Pausing::DEFAULT;
        let modal = modal(&FILE);
        let step = Step::Parked { from: None, astray: false };
        let mut pause = Pause::new(PauseReason::Panel, None, step, Moment::ZERO);
        let hot = heat(215.0, 215.0);
        let at = |minutes: u64| Moment(minutes * 60_000_000);
        assert!(pause.cool(at(9), &pausing, &modal, &hot).is_empty());
        assert!(pause.reheat(&modal, &hot).is_empty(), "it is hot");
        assert_eq!(texts(&pause.cool(at(10), &pausing, &modal, &hot)), ["M104 S0"]);
        assert!(pause.cool(at(100), &pausing, &modal, &hot).is_empty());
        assert_eq!(texts(&pause.reheat(&modal, &heat(30.0, 0.0))), ["M104 S215", "M109 S215"]);
        assert_eq!(texts(&pause.cool(at(120), &pausing, &modal, &hot)), ["M140 S0"]);
        let want = ["M140 S60", "M104 S215", "M190 S60", "M109 S215"];
        assert_eq!(texts(&pause.reheat(&modal, &heat(30.0, 0.0))), want);
    }

    #[test]
    fn a_nozzle_that_the_printer_itself_let_cool_is_heated_again() {
        let step = Step::Parked { from: None, astray: false };
        let pause = Pause::new(PauseReason::Panel, None, step, Moment::ZERO);
        for cold in [heat(30.0, 0.0), heat(160.0, 215.0), heat(215.0, 160.0)] {
            assert_eq!(texts(&pause.reheat(&modal(&FILE), &cold)), ["M104 S215", "M109 S215"], "{cold:?}");
        }
    }

    #[test]
    fn a_position_counts_only_when_it_was_told_twice() {
        let mut told = Told::default();
        let other = Position { z: 11.2, ..TOLD.unwrap() };
        told.handle(TOLD);
        assert_eq!(told.agreed(), None);
        told.handle(Some(other));
        assert_eq!(told.agreed(), None, "noise in one of them");
        told.handle(Some(other));
        assert_eq!(told.agreed(), Some(other));
        let mut told = Told::default();
        told.handle(None);
        assert!(!told.is_open());
    }

    #[test]
    fn a_head_that_is_elsewhere_than_it_was_told_to_be_is_noticed() {
        let (place, _) =
            leave(Some(&PARK), &modal(&FILE), Firmware::Marlin21, &heat(215.0, 215.0), TOLD).unwrap();
        let at = TOLD.unwrap();
        assert!(is_above(&place, &Position { z: 11.2, ..at }));
        assert!(!is_above(&place, &Position { z: 0.0, ..at }));
        assert!(!is_above(&place, &Position { x: 0.0, z: 11.2, ..at }));
    }
}
