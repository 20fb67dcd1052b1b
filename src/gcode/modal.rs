//! What the lines of a file leave behind in the firmware: modes, feedrate, heat, whether it is homed.
//!
//! A pure tracker of what was sent, so that what platen does in between (a park) can be undone exactly. What a
//! file has never said is not known, and nothing is guessed: whoever needs it must do without.

use super::commands;
use crate::domain::printer::Firmware;

/// How the numbers of a move count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Absolute,
    Relative,
}

/// What `G90` and `G91` do to the numbers of filament, beside `M82` and `M83`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Nothing (Klipper, RepRapFirmware, Prusa-Firmware, Repetier).
    Apart,
    /// Whatever was said last counts (Marlin 2 `set_relative_mode`, Smoothieware).
    Latest,
    /// Relative as long as either says so (Marlin 1.1 `gcode_get_destination`).
    Either,
}

impl Counting {
    /// Absent where the firmware is not known.
    pub fn of(firmware: Firmware) -> Option<Self> {
        match firmware {
            Firmware::Marlin20 | Firmware::Marlin21 | Firmware::Smoothieware => Some(Self::Latest),
            Firmware::Marlin11 => Some(Self::Either),
            Firmware::PrusaMk3 | Firmware::Repetier | Firmware::RepRapFirmware | Firmware::Klipper => {
                Some(Self::Apart)
            }
            Firmware::Unknown => None,
        }
    }
}

/// Tools whose heat is followed: more than any FDM printer has.
pub const TOOLS: usize = 8;

/// The letter–number words of a command behind its code; a word without a number has none.
pub fn words(text: &[u8]) -> impl Iterator<Item = (u8, Option<f64>)> + '_ {
    let mut rest = text.get(1..).unwrap_or_default().trim_ascii_start();
    rest = &rest[number_length(rest)..];
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let (&letter, tail) = rest.split_first()?;
        let tail = tail.trim_ascii_start();
        let length = number_length(tail);
        let value = std::str::from_utf8(&tail[..length]).ok().and_then(|text| text.parse().ok());
        rest = &tail[length..];
        Some((letter, value))
    })
}

/// The value of one word.
pub fn word(text: &[u8], letter: u8) -> Option<f64> {
    words(text).find(|(found, _)| *found == letter).and_then(|(_, value)| value)
}

/// Whether a command may lay something on the plate or on a part: it moves across, and pushes filament.
pub fn may_lay(text: &[u8]) -> bool {
    let has = |letters: &[u8]| words(text).any(|(letter, _)| letters.contains(&letter));
    commands::codes(text).any(|code| match (code.letter, code.number) {
        (b'G', 0..=5) => has(b"E") && has(b"XYIJ"),
        // Prints a pattern of its own.
        (b'G', 26) => true,
        _ => false,
    })
}

/// Digits, one sign before them, a point.
fn number_length(text: &[u8]) -> usize {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    sign + text[sign..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count()
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Modal {
    motion: Option<Mode>,
    /// As the last `M82` or `M83` said.
    extrusion: Option<Mode>,
    /// `G90` or `G91` came after that.
    motion_is_later: bool,
    /// mm/min: of the last move, and of the last that was no `G0` (Smoothieware keeps two).
    feed: Option<f64>,
    feed_of_g1: Option<f64>,
    /// Where the file's own numbers say that the head is, as far as they do.
    place: [Option<f64>; 3],
    homed: [bool; 3],
    /// `G92`, `G54` and the like: the file's numbers are not the printer's.
    shifted: bool,
    inches: bool,
    tool: usize,
    hotends: [Option<f64>; TOOLS],
    bed: Option<f64>,
}

impl Modal {
    /// Takes in a command that was sent, in order.
    pub fn note(&mut self, text: &[u8]) {
        let Some(code) = commands::Code::of(text) else { return };
        match (code.letter, code.number) {
            (b'G', 0..=5) => self.note_move(code.number, text),
            (b'G', 20) => self.inches = true,
            (b'G', 21) => self.inches = false,
            (b'G', 28) => self.note_homing(text),
            // Probing ends somewhere.
            (b'G', 29..=38) => self.place = [None; 3],
            (b'G', 53..=59) => self.shifted = true,
            (b'G', 90 | 91) => {
                self.motion = Some(if code.number == 90 { Mode::Absolute } else { Mode::Relative });
                self.motion_is_later = true;
            }
            (b'G', 92) => {
                let only_e = words(text).all(|(letter, _)| letter == b'E') && words(text).next().is_some();
                self.shifted |= !only_e;
                if !only_e {
                    self.place = [None; 3];
                }
            }
            (b'M', 82 | 83) => {
                self.extrusion = Some(if code.number == 82 { Mode::Absolute } else { Mode::Relative });
                self.motion_is_later = false;
            }
            (b'M', 18 | 84) => {
                let filament_only =
                    words(text).next().is_some() && words(text).all(|(letter, _)| letter == b'E');
                if !filament_only {
                    self.homed = [false; 3];
                }
            }
            (b'M', 104 | 109) => self.note_hotend(text, code.number == 109),
            (b'M', 140 | 190) => self.bed = target(text, code.number == 190).or(self.bed),
            (b'T', number) => {
                self.tool = usize::try_from(number).unwrap_or(TOOLS).min(TOOLS - 1);
                self.place = [None; 3];
            }
            (commands::Code::NAMED, _) => self.note_named(code),
            _ => {}
        }
    }

    /// A command of Klipper's that has a name.
    fn note_named(&mut self, code: commands::Code) {
        match code.name() {
            Some("BED_MESH_CALIBRATE" | "QUAD_GANTRY_LEVEL" | "Z_TILT_ADJUST") => self.place = [None; 3],
            Some("TURN_OFF_HEATERS") => {
                self.hotends.iter_mut().flatten().for_each(|target| *target = 0.0);
                self.bed = self.bed.map(|_| 0.0);
            }
            _ if commands::rule(code).is_some_and(|rule| rule.in_file == commands::InFile::Sent) => {}
            // Only the printer knows what it leaves behind.
            name => {
                let shifted = self.shifted || name == Some("SET_GCODE_OFFSET");
                *self = Self { shifted, inches: self.inches, tool: self.tool, ..Self::default() };
            }
        }
    }

    fn note_move(&mut self, number: u32, text: &[u8]) {
        for (letter, value) in words(text) {
            let Some(value) = value else { continue };
            let axis = match letter {
                b'X' => 0,
                b'Y' => 1,
                b'Z' => 2,
                b'F' if value > 0.0 => {
                    self.feed = Some(value);
                    if number > 0 {
                        self.feed_of_g1 = Some(value);
                    }
                    continue;
                }
                _ => continue,
            };
            self.place[axis] = match self.motion {
                Some(Mode::Absolute) => Some(value),
                Some(Mode::Relative) => self.place[axis].map(|from| from + value),
                None => None,
            };
        }
    }

    fn note_homing(&mut self, text: &[u8]) {
        let mut named = [false; 3];
        for (letter, _) in words(text) {
            if let Some(axis) = b"XYZ".iter().position(|axis| *axis == letter) {
                named[axis] = true;
            }
        }
        let all = !named.contains(&true);
        for (homed, named) in self.homed.iter_mut().zip(named) {
            *homed |= all || named;
        }
        self.place = [None; 3];
    }

    fn note_hotend(&mut self, text: &[u8], waits: bool) {
        let tool = word(text, b'T').map_or(self.tool, |tool| {
            (0..TOOLS).find(|known| (*known as f64 - tool).abs() < 0.5).unwrap_or(TOOLS - 1)
        });
        self.hotends[tool] = target(text, waits).or(self.hotends[tool]);
    }

    pub fn motion(&self) -> Option<Mode> {
        self.motion
    }

    /// What of `M82` and `M83` brings `E` back to how it counts; where it is not known how a firmware counts, all
    /// must come to the same.
    pub fn extrusion(&self, counting: Option<Counting>) -> Option<Mode> {
        let with_motion = if self.motion_is_later { self.motion } else { self.extrusion };
        match counting {
            Some(Counting::Latest) => with_motion,
            // A relative `G91` is said again by whoever brings that back.
            Some(Counting::Apart | Counting::Either) => self.extrusion,
            None => self.extrusion.filter(|mode| Some(*mode) == with_motion),
        }
    }

    /// mm/min; `of_g1` where `G0` has a feedrate of its own.
    pub fn feed(&self, of_g1: bool) -> Option<f64> {
        if of_g1 { self.feed_of_g1 } else { self.feed }
    }

    /// Where the file's numbers say that the head is, in mm.
    pub fn place(&self) -> [Option<f64>; 3] {
        self.place
    }

    /// This file has homed every axis, and nothing has let go of them since.
    pub fn is_homed(&self) -> bool {
        self.homed == [true; 3]
    }

    /// The file's numbers are the printer's own, in mm.
    pub fn is_plain(&self) -> bool {
        !self.shifted && !self.inches
    }

    /// Tools other than the first are in use.
    pub fn has_tools(&self) -> bool {
        self.tool > 0 || self.hotends.iter().skip(1).any(Option::is_some)
    }

    /// The tool in use.
    pub fn tool(&self) -> usize {
        self.tool
    }

    /// Targets that the file has set, in °C, by tool.
    pub fn hotends(&self) -> [Option<f64>; TOOLS] {
        self.hotends
    }

    pub fn bed(&self) -> Option<f64> {
        self.bed
    }
}

/// `S`, or `R` of a command that waits for cooling too; the others do not read `R` (Marlin `M104_M109.cpp`).
fn target(text: &[u8], waits: bool) -> Option<f64> {
    word(text, b'S')
        .or_else(|| word(text, b'R').filter(|_| waits))
        .filter(|target| (0.0..=1_000.0).contains(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_across_and_pushes_lays_something() {
        for text in ["G1 X1 E.5", "G0 Y2 E1", "G2 I3 J0 E2", "G5 X1 Y1 E1", "G26", "G90 G1 X1 E1"] {
            assert!(may_lay(text.as_bytes()), "{text}");
        }
        for text in ["G1 E15 F150", "G1 X1 Y2", "G28 X Y", "G92 E0", "M109 S210", "G10"] {
            assert!(!may_lay(text.as_bytes()), "{text}");
        }
    }
    use proptest::prelude::*;

    fn after(lines: &[&str]) -> Modal {
        let mut modal = Modal::default();
        lines.iter().for_each(|line| modal.note(line.as_bytes()));
        modal
    }

    #[test]
    fn words_are_read_with_and_without_spaces() {
        let read = |text: &str| words(text.as_bytes()).collect::<Vec<_>>();
        let want = vec![(b'X', Some(1.5)), (b'Y', Some(-2.0)), (b'E', Some(0.5))];
        assert_eq!(read("G1 X1.5 Y-2 E.5"), want);
        assert_eq!(read("G1X1.5Y-2E.5"), want);
        assert_eq!(read("G28 X Y"), vec![(b'X', None), (b'Y', None)]);
        assert_eq!(word(b"M104 S210 T1", b'T'), Some(1.0));
    }

    #[test]
    fn modes_feedrate_and_heat_are_those_of_the_last_line_that_says_so() {
        let modal =
            after(&["G90", "M83", "G1 X1 Y2 F3000", "G0 Z3 F9000", "M104 S200", "M109 S215", "M190 R60"]);
        assert_eq!((modal.motion(), modal.extrusion(None)), (Some(Mode::Absolute), Some(Mode::Relative)));
        assert_eq!((modal.feed(false), modal.feed(true)), (Some(9_000.0), Some(3_000.0)));
        assert_eq!(modal.place(), [Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!((modal.hotends()[0], modal.bed()), (Some(215.0), Some(60.0)));
        assert!(!modal.has_tools());
    }

    #[test]
    fn how_filament_counts_depends_on_whether_g90_sets_it_too() {
        let modal = after(&["M83", "G91", "G1 Z1", "G90"]);
        assert_eq!(modal.extrusion(Some(Counting::Latest)), Some(Mode::Absolute));
        assert_eq!(modal.extrusion(Some(Counting::Apart)), Some(Mode::Relative));
        assert_eq!(modal.extrusion(None), None, "not known, so not guessed");
        assert_eq!(after(&["G90", "M82"]).extrusion(None), Some(Mode::Absolute));
        assert_eq!(after(&["G90"]).extrusion(Some(Counting::Either)), None);
    }

    #[test]
    fn a_printer_is_homed_only_while_its_steppers_hold() {
        assert!(after(&["G28"]).is_homed());
        assert!(after(&["G28 W"]).is_homed());
        assert!(after(&["G28 X Y", "G28 Z"]).is_homed());
        assert!(!after(&["G28 X Y"]).is_homed());
        assert!(!after(&["G28", "M84"]).is_homed());
        assert!(!after(&["G28", "M18 X"]).is_homed());
        assert!(after(&["G28", "M84 E"]).is_homed());
        assert!(!after(&[]).is_homed());
    }

    #[test]
    fn numbers_that_are_not_the_printers_own_are_known_as_such() {
        assert!(after(&["G21", "G92 E0"]).is_plain());
        for line in ["G92 X0", "G92", "G20", "G54", "G92 Z5 E0"] {
            assert!(!after(&[line]).is_plain(), "{line}");
        }
    }

    #[test]
    fn relative_moves_add_up_and_what_is_not_known_stays_so() {
        let modal = after(&["G90", "G1 X10 Y20", "G91", "G1 X1", "G1 Z1"]);
        assert_eq!(modal.place(), [Some(11.0), Some(20.0), None]);
        assert_eq!(after(&["G1 X10"]).place(), [None; 3], "nobody said whether that is absolute");
        assert_eq!(after(&["G90", "G1 X10", "G28"]).place(), [None; 3]);
    }

    #[test]
    fn behind_a_macro_nothing_is_known_until_the_file_says_it_again() {
        let known = ["G90", "M83", "G28", "G1 X1 Y2 Z3 F3000", "M104 S200"];
        for line in
            ["START_PRINT BED=60", "PRINT_END", "SET_KINEMATIC_POSITION X=0", "BED_MESH_PROFILE SAVE=a"]
        {
            assert_eq!(after(&[&known[..], &[line]].concat()), Modal::default(), "{line}");
        }
        for lines in [["SET_GCODE_OFFSET Z=1", "G90"], ["G92 X5", "START_PRINT"], ["G20", "START_PRINT"]] {
            assert!(!after(&lines).is_plain(), "{lines:?}");
        }
        for line in ["SET_VELOCITY_LIMIT ACCEL=500", "SET_PRINT_STATS_INFO CURRENT_LAYER=1", "BED_MESH_CLEAR"]
        {
            assert_eq!(after(&[&known[..], &[line]].concat()), after(&known), "{line}");
        }
        let probed = after(&[&known[..], &["BED_MESH_CALIBRATE ADAPTIVE=1"]].concat());
        assert_eq!((probed.place(), probed.is_homed()), ([None; 3], true));
        let off = after(&["M104 S200", "M140 S60", "TURN_OFF_HEATERS"]);
        assert_eq!((off.hotends()[0], off.hotends()[1], off.bed()), (Some(0.0), None, Some(0.0)));
    }

    #[test]
    fn each_tool_has_its_own_heat() {
        let modal = after(&["M104 T1 S200", "T1", "M109 S220", "T0", "M104 S0"]);
        assert_eq!((modal.hotends()[0], modal.hotends()[1]), (Some(0.0), Some(220.0)));
        assert!(modal.has_tools());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_tracker_panic(lines: Vec<Vec<u8>>) {
            let mut modal = Modal::default();
            lines.iter().for_each(|line| modal.note(line));
            let _ = modal.extrusion(None);
        }
    }
}
