//! A file that goes on with a part: one layer of an interrupted job's file and all behind it, after lines that bring the printer to where that layer began.
//!
//! ```text
//! bed hot ─▶ nozzle hot ─▶ Z told (G92) ─▶ up ─▶ X and Y homed ─▶ settings ─▶ primed beside the part
//!     ─▶ above the place ─▶ down ─▶ fan, modes, E, feedrate ─▶ the file, byte for byte
//! ```
//! Pure. Z is never homed, since that would drive the nozzle or the probe into the part: how high the nozzle
//! stands is told by a person, or by the record where all that the firmware can have run lies at one height.
//! Everything else comes from the lines of the file; what they do not say, or say in a way that a firmware which
//! has lost its memory cannot be given back, is refused.

use std::fmt::Write;

use super::analysis::{Analysis, EXTRUDE_MIN};
use super::commands::{self, Code, InFile};
use super::lexer::{Command, LexError, Lexer};
use super::modal::{Counting, Modal, Mode, TOOLS, word, words};
use crate::domain::ids::FileHash;
use crate::domain::units::Height;

/// The head passes so far above everything that may have been laid, mm.
const LIFT: f64 = 5.0;
/// A measured height is this far off at most, mm: a ruler and a sagging axis.
const OFF_MAX: f64 = 1.0;
/// With less room than this above the part, it is not passed over.
const LIFT_MIN: f64 = 1.0;
/// Commands that a planner holds: confirmed, and lost by a board that was reset.
pub const PLANNED_MAX: u64 = 64;
/// The place for priming is so far from everything that is printed, mm.
const BESIDE: f64 = 5.0;
/// Filament pushed before going on: what was in the nozzle has run out or charred, mm.
const PRIME: f64 = 15.0;
/// Drawn back on the way to the part, so that nothing is strung over it, mm.
const DRAWN_BACK: f64 = 2.0;
/// A file that has drawn back more has taken its filament out, mm.
const DRAWN_BACK_MAX: f64 = 15.0;
/// mm/min. Slow enough for every printer: the firmware's own limits are not known.
const TRAVEL_FEED: u32 = 6_000;
const LIFT_FEED: u32 = 600;
const PRIME_FEED: u32 = 150;
const FILAMENT_FEED: u32 = 1_800;
/// Settings that are put back; a file that changes more of them is not understood.
const KEPT_MAX: usize = 64;
/// Rounding of places in files, mm.
const EXACT: f64 = 0.005;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The interrupted job's file.
    pub file: FileHash,
    /// The layer to go on with, counted from 1 as the analysis of the file counts.
    pub layer: u32,
    /// Commands of the file that the firmware has confirmed.
    pub confirmed: u64,
    /// So many more it may have run.
    pub ahead: u64,
    /// How high the nozzle stands now; absent: where the record says that it was.
    pub height: Option<Height>,
    /// The record may say that: the head was not away from the part when the job ended.
    pub recorded: bool,
    /// Where the profile parks the head.
    pub park: Option<(f64, f64)>,
    /// The highest Z of the printer.
    pub build_height: Option<f64>,
    /// The firmware may let the head no lower than it stood when its height was told. Marlin 1.1 does so: `G92 Z`
    /// moves the soft end stop with it (`gcode_G92`, `position_shift`, `update_software_endstops` of its
    /// `Marlin_main.cpp`), `clamp_to_software_endstops` never asks whether the axis is homed, and a board that was
    /// reset takes the place where it stands for Z 0. Marlin 2.0 and later ask that (`apply_motion_limits` of
    /// `motion.cpp`); Prusa's firmware sets its place itself. `M211 S0` would let X and Y run into their ends too.
    pub told_is_lowest: bool,
    /// The interrupted job went on with a part itself: that stands there, whatever came of the job.
    pub resumes: bool,
    /// What `G90` and `G91` do to filament on the printer; not known where absent.
    pub counting: Option<Counting>,
}

/// Why there is no resume file: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CannotResume {
    #[error("{0}: it is not G-code; print the part anew")]
    Unreadable(#[from] LexError),
    #[error("the file has no layer {layer}: it has {layers}; count from 1")]
    NoLayer { layer: u32, layers: usize },
    #[error("nothing of the part was confirmed as printed; print it anew")]
    NothingPrinted,
    #[error("layer {layer} is not the one where the job ended; choose {first} to {last}")]
    OtherLayer { layer: u32, first: u32, last: u32 },
    #[error("line {line}: `{text}` {why}; print the part anew")]
    Line { line: u64, text: String, why: &'static str },
    #[error("before layer {layer}, the file {what}; print the part anew")]
    Unknown { layer: u32, what: &'static str },
    #[error(
        "how high the nozzle stands is not known: it was {}; measure it above the plate, and tell it with `--height`",
        .between.map_or_else(|| "away from the part".to_owned(), |(low, high)| format!("somewhere between Z {low} and Z {high} mm"))
    )]
    Height { between: Option<(f64, f64)> },
    #[error(
        "the nozzle was between Z {low} and Z {high} mm when the job ended, and {told} mm cannot be right: measure it again above the plate; if somebody has moved it, bring it back by the same way"
    )]
    OtherHeight { told: f64, low: f64, high: f64 },
    #[error(
        "there is no room above the part: it may be {top} mm tall, and the head is known to reach {ceiling} mm; write `build_height` into the printer's section, or print the part anew"
    )]
    NoRoom { top: f64, ceiling: f64 },
    #[error(
        "from layer {layer} on the file goes down to Z {z} mm, and the nozzle stands at {told} mm: this firmware lets a head whose Z is not homed no lower than it stands; choose the next layer, or print the part anew"
    )]
    Clipped { layer: u32, z: f64, told: f64 },
    #[error(
        "layer {layer} begins at Z {z} mm, and filament was laid up to {top} mm, or may have been: the nozzle would run into the part; choose the next layer, or print the part anew"
    )]
    Below { layer: u32, z: f64, top: f64 },
}

/// What makes the new file, together with the old one.
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// Comes before the rest of the old file.
    pub head: String,
    /// Where that rest begins, in bytes.
    pub offset: u64,
    /// How high the nozzle is taken to stand.
    pub height: Height,
    /// Where the layer lies, mm, as far as it is known.
    pub z: Option<f64>,
}

/// A setting that is put back as it was written.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    code: Code,
    /// Which tool or fan it is of, where it says so.
    of: Option<f64>,
    /// The letters of its words, as bits.
    letters: u32,
    text: String,
}

/// What lines leave behind, beyond what `Modal` knows.
#[derive(Clone, Debug, Default)]
struct Left {
    modal: Modal,
    counting: Option<Counting>,
    homed: [bool; 3],
    /// The firmware has moved these by itself, and no line has said since where they are.
    astray: [bool; 3],
    /// As the file counts.
    e: f64,
    /// Filament that is drawn back.
    drawn_back: f64,
    /// `G10` has drawn it back.
    drawn_by_firmware: bool,
    /// Filament moved while it was not known how it counts.
    e_unclear: bool,
    chamber: Option<f64>,
    settings: Vec<Kept>,
    fans: Vec<Kept>,
    leveling: Option<String>,
}

/// Why a command before the layer cannot be given back; reads on after the command.
type Why = &'static str;

const OTHER_STATE: Why = "changes the printer in a way that cannot be put back";
const PROBED: Why = "probes the plate: what it found is lost when the board starts anew, and cannot be probed again under the part";

/// Whether a printer's profile has to allow it, as it is written.
fn is_kept_back(text: &[u8]) -> bool {
    commands::in_file(text).0 >= InFile::IfAllowed
}

impl Left {
    fn note(&mut self, text: &[u8]) -> Result<(), Why> {
        const OTHER_PLACES: Why = "makes the file's numbers others than the printer's";
        let Some(code) = Code::of(text) else { return Ok(()) };
        if commands::codes(text).nth(1).is_some() {
            return Err("holds more than one command");
        }
        match (code.letter, code.number) {
            (b'G', 0..=3 | 5) => {
                self.note_filament(text);
                self.modal.note(text);
                for (axis, letter) in b"XYZ".iter().enumerate() {
                    let said = self.modal.motion() == Some(Mode::Absolute) && word(text, *letter).is_some();
                    self.astray[axis] &= !said;
                }
            }
            (b'G', 10) if words(text).next().is_some() => return Err(OTHER_STATE),
            (b'G', 10 | 11) => self.drawn_by_firmware = code.number == 10,
            (b'G', 18 | 19) => return Err("turns arcs into another plane"),
            (b'G', 20) => return Err("counts in inches"),
            (b'G', 28) => self.note_homing(text),
            (b'G', 29..=38 | 80 | 81) => {
                return Err(PROBED);
            }
            (b'G', 12 | 26 | 27 | 42 | 60 | 61 | 76 | 425) => self.astray = [true; 3],
            (b'G', 50..=59 | 68) => return Err(OTHER_PLACES),
            (b'G', 92) => self.note_told(text)?,
            (b'M', 18 | 84) => {
                // `S` sets a time; `E` lets go of the filament alone.
                if words(text).all(|(letter, _)| !matches!(letter, b'E' | b'S')) {
                    self.homed = [false; 3];
                }
            }
            (b'M', 141 | 191) => {
                self.chamber = word(text, b'S').or_else(|| word(text, b'R')).or(self.chamber);
            }
            (b'M', 106 | 107) => {
                let of = Some(word(text, b'P').unwrap_or(0.0));
                self.fans.retain(|kept| kept.of != of);
                keep(&mut self.fans, Code::new(b'M', 106), of, text)?;
            }
            (b'M', 220) if words(text).any(|(letter, _)| matches!(letter, b'B' | b'R')) => {
                return Err(OTHER_STATE);
            }
            (b'M', 201 | 203 | 207 | 208 | 221 | 900) => {
                keep(&mut self.settings, code, word(text, b'T'), text)?;
            }
            (b'M', 566 | 572 | 592 | 593) => keep(&mut self.settings, code, word(text, b'D'), text)?,
            (b'M', 204 | 205 | 209 | 211 | 220 | 301 | 302 | 304 | 412 | 413) => {
                keep(&mut self.settings, code, None, text)?;
            }
            (Code::NAMED, _) => self.note_named(code, text)?,
            (b'M', 420) => self.leveling = Some(String::from_utf8_lossy(text).into_owned()),
            (b'M', 200) if is_kept_back(text) => return Err("counts filament by its volume"),
            (b'M', 206 | 428 | 665 | 666 | 851 | 852) => return Err(OTHER_PLACES),
            (b'M', 3 | 4 | 42 | 43 | 92 | 163..=166 | 501 | 605) => return Err(OTHER_STATE),
            // What the printer keeps by itself, and what lasts no longer than its line.
            (b'M', 48 | 81 | 85 | 86 | 145 | 155 | 500 | 504) => {}
            _ if is_kept_back(text) => return Err(OTHER_STATE),
            _ => self.modal.note(text),
        }
        Ok(())
    }

    /// A command of Klipper's that has a name.
    fn note_named(&mut self, code: Code, text: &[u8]) -> Result<(), Why> {
        match code.name() {
            Some("SET_PRESSURE_ADVANCE" | "SET_VELOCITY_LIMIT") => {
                keep(&mut self.settings, code, None, text)?
            }
            Some("BED_MESH_CLEAR" | "BED_MESH_PROFILE") if !is_kept_back(text) => {
                self.leveling = Some(String::from_utf8_lossy(text).into_owned());
            }
            Some("BED_MESH_CALIBRATE" | "QUAD_GANTRY_LEVEL" | "Z_TILT_ADJUST") => return Err(PROBED),
            _ if is_kept_back(text) => return Err(OTHER_STATE),
            _ => self.modal.note(text),
        }
        Ok(())
    }

    fn note_filament(&mut self, text: &[u8]) {
        let Some(e) = word(text, b'E') else { return };
        let moved = match self.modal.extrusion(self.counting) {
            Some(Mode::Relative) => e,
            Some(Mode::Absolute) => e - self.e,
            None => {
                self.e_unclear = true;
                return;
            }
        };
        self.e += moved;
        self.drawn_back = (self.drawn_back - moved).max(0.0);
    }

    fn note_homing(&mut self, text: &[u8]) {
        let named: [bool; 3] = std::array::from_fn(|axis| words(text).any(|(l, _)| l == b"XYZ"[axis]));
        let all = !named.contains(&true);
        for (axis, named) in named.into_iter().enumerate() {
            if all || named {
                (self.homed[axis], self.astray[axis]) = (true, true);
            }
        }
    }

    /// `G92`: of E at any time; of Z alone where nothing is known of it, as a resume file says it.
    fn note_told(&mut self, text: &[u8]) -> Result<(), Why> {
        const SHIFTS: Why = "moves the origin of an axis";
        let mut any = false;
        for (letter, value) in words(text) {
            any = true;
            match (letter, value) {
                (b'E', Some(value)) => (self.e, self.e_unclear) = (value, false),
                (b'Z', Some(value)) if !self.homed[2] && self.modal.motion() == Some(Mode::Absolute) => {
                    self.homed[2] = true;
                    self.astray[2] = false;
                    self.modal.note(format!("G1 Z{value}").as_bytes());
                }
                _ => return Err(SHIFTS),
            }
        }
        if any { Ok(()) } else { Err(SHIFTS) }
    }

    /// Where the file's lines have brought the head, by axis.
    fn place(&self, axis: usize) -> Option<f64> {
        self.modal.place()[axis].filter(|_| !self.astray[axis])
    }
}

/// Keeps a setting, and forgets those that it replaces whole.
fn keep(list: &mut Vec<Kept>, code: Code, of: Option<f64>, text: &[u8]) -> Result<(), Why> {
    let letters = words(text)
        .filter(|(letter, _)| letter.is_ascii_uppercase())
        .fold(0, |bits, (letter, _)| bits | 1u32 << (letter - b'A'));
    let replaced = |kept: &Kept| match code.letter {
        Code::NAMED => says_all_of(text, kept.text.as_bytes()),
        _ => kept.of == of && kept.letters & !letters == 0,
    };
    list.retain(|kept| kept.code != code || !replaced(kept));
    if list.len() == KEPT_MAX {
        return Err("is one setting more than can be followed");
    }
    list.push(Kept { code, of, letters, text: String::from_utf8_lossy(text).into_owned() });
    Ok(())
}

/// Whether a command of Klipper's sets all that an earlier one has set, of the same extruder.
fn says_all_of(text: &[u8], earlier: &[u8]) -> bool {
    let of = |text| commands::arguments(text).find(|(key, _)| *key == b"EXTRUDER");
    let said = |key: &[u8]| commands::arguments(text).any(|(other, _)| other == key);
    of(text) == of(earlier) && commands::arguments(earlier).all(|(key, _)| said(key))
}

/// Whether a command lays filament: it moves across the plate and pushes.
fn lays(code: Code, text: &[u8]) -> bool {
    code.letter == b'G'
        && matches!(code.number, 1..=3 | 5)
        && word(text, b'E').is_some()
        && (word(text, b'X').is_some() || word(text, b'Y').is_some())
}

/// How the file's own lines behind the layer's beginning come to their height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Descent {
    /// Not yet known.
    Open,
    /// They say where Z is before they lay anything.
    Theirs,
    /// They go on from where the layer before has left Z.
    Ours,
}

/// Reads a file once, in chunks of any size, after it was analysed.
#[derive(Clone, Debug)]
pub struct Reader {
    ask: Ask,
    begin: u64,
    offset: u64,
    layer_z: Option<f64>,
    /// The lowest of the layers from there on.
    lowest: Option<f64>,
    /// Lines where layers begin.
    starts: Vec<u64>,
    ceiling: Option<f64>,
    /// Lowest and highest place across the plate where filament is laid.
    printed: [Option<(f64, f64)>; 2],
    lexer: Lexer,
    seen: Seen,
}

#[derive(Clone, Debug)]
struct Seen {
    walk: Left,
    /// As it was where the layer begins.
    left: Option<Left>,
    wrong: Option<CannotResume>,
    descent: Descent,
    /// Layers that had begun when the earliest, and the last, confirmed command was run.
    first: u32,
    last: u32,
    /// Heights of the head over the commands of which it is not known whether they were run.
    between: Option<(f64, f64)>,
    height_lost: bool,
    /// The highest place where filament was laid, and where it may have been.
    top: f64,
    top_ahead: f64,
}

impl Reader {
    pub fn new(analysis: &Analysis, ask: Ask) -> Result<Self, CannotResume> {
        let layers = &analysis.layers;
        let no_layer = CannotResume::NoLayer { layer: ask.layer, layers: layers.len() };
        let index = usize::try_from(ask.layer).ok().and_then(|layer| layer.checked_sub(1));
        let begin = index.and_then(|index| layers.get(index)).ok_or(no_layer)?;
        let span = |axis: usize| {
            let (low, high) = (analysis.extrusion.low[axis]?, analysis.extrusion.high[axis]?);
            Some((low.value, high.value))
        };
        Ok(Self {
            begin: begin.line,
            offset: begin.offset,
            layer_z: begin.z,
            lowest: layers
                .iter()
                .skip_while(|layer| layer.line < begin.line)
                .map(|layer| layer.z)
                .reduce(|a, b| Some(a?.min(b?)))
                .flatten(),
            starts: layers.iter().map(|layer| layer.line).collect(),
            ceiling: ask.build_height.or_else(|| analysis.moves.high[2].map(|high| high.value)),
            printed: [span(0), span(1)],
            lexer: Lexer::new(),
            seen: Seen {
                walk: Left { counting: ask.counting, ..Left::default() },
                left: None,
                wrong: None,
                descent: Descent::Open,
                first: 0,
                last: 0,
                between: None,
                height_lost: false,
                top: 0.0,
                top_ahead: 0.0,
            },
            ask,
        })
    }

    /// The next bytes of the file. After an error it needs no further reading.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), CannotResume> {
        let Self { lexer, seen, ask, begin, starts, .. } = self;
        lexer.feed(chunk, &mut |command| seen.command(command, ask, *begin, starts))?;
        seen.wrong.clone().map_or(Ok(()), Err)
    }

    /// The end of the file: what stands before its rest.
    pub fn finish(mut self) -> Result<Resume, CannotResume> {
        let Self { lexer, seen, ask, begin, starts, .. } = &mut self;
        lexer.finish(&mut |command| seen.command(command, ask, *begin, starts))?;
        if let Some(wrong) = seen.wrong.take() {
            return Err(wrong);
        }
        let layer = ask.layer;
        if seen.last == 0 && !ask.resumes {
            return Err(CannotResume::NothingPrinted);
        }
        let (first, last) = (seen.first.max(1), seen.last + 1);
        if !(first..=last).contains(&layer) {
            let layers = u32::try_from(starts.len()).unwrap_or(u32::MAX);
            return Err(CannotResume::OtherLayer { layer, first, last: last.min(layers) });
        }
        let left = seen.left.take().unwrap_or_else(|| seen.walk.clone());
        let height = self.height()?;
        self.head(&left, height)
    }

    fn height(&self) -> Result<Height, CannotResume> {
        let known = self.seen.between.filter(|_| self.ask.recorded && !self.seen.height_lost);
        if let Some(height) = self.ask.height {
            let told = height.mm();
            return match known.filter(|(low, high)| !(low - OFF_MAX..=high + OFF_MAX).contains(&told)) {
                Some((low, high)) => {
                    Err(CannotResume::OtherHeight { told, low: thousandth(low), high: thousandth(high) })
                }
                None => Ok(height),
            };
        }
        let same = known.filter(|(low, high)| high - low < EXACT).and_then(|(low, _)| Height::from_mm(low));
        same.ok_or_else(|| CannotResume::Height {
            between: known.map(|(low, high)| (thousandth(low), thousandth(high))),
        })
    }

    fn head(&self, left: &Left, height: Height) -> Result<Resume, CannotResume> {
        let layer = self.ask.layer;
        let unknown = |what| CannotResume::Unknown { layer, what };
        let modal = &left.modal;
        let motion = modal.motion().ok_or_else(|| unknown("does not say how moves count (G90, G91)"))?;
        // Where either counts, one line cannot give both back.
        let counting = self.ask.counting.filter(|counting| *counting != Counting::Either);
        let extrusion = modal
            .extrusion(counting)
            .filter(|_| !left.e_unclear)
            .ok_or_else(|| unknown("does not say how filament counts for every firmware (M82, M83)"))?;
        if left.homed != [true; 3] {
            return Err(unknown("has not homed every axis, or has let go of one"));
        }
        let (Some(x), Some(y)) = (left.place(0), left.place(1)) else {
            return Err(unknown("does not say where the head is"));
        };
        let feed = modal.feed(false).ok_or_else(|| unknown("says no feedrate"))?;
        if left.drawn_back > DRAWN_BACK_MAX {
            return Err(unknown("has drawn its filament back out of the nozzle"));
        }
        let tool = modal.tool();
        let hotend = modal.hotends()[tool].filter(|target| *target >= EXTRUDE_MIN);
        let hotend = hotend.ok_or_else(|| unknown("has not heated the nozzle in use"))?;
        if (0..TOOLS).any(|other| other != tool && modal.hotends()[other].is_some_and(|hot| hot > 0.0)) {
            return Err(unknown("has more than one hot nozzle"));
        }

        // A nozzle that stands at a height where the lines ahead lay filament may have laid it.
        if let Some(z) = self.layer_z
            && (z + EXACT..=self.seen.top_ahead + EXACT).contains(&height.mm())
        {
            return Err(CannotResume::Below { layer, z: thousandth(z), top: height.mm() });
        }
        let top = self.seen.top_ahead.max(height.mm());
        let ceiling = self.ceiling.unwrap_or(top);
        let up = (top + LIFT).min(ceiling);
        if up < top + LIFT_MIN {
            let (top, ceiling) = (thousandth(top), thousandth(ceiling));
            return Err(CannotResume::NoRoom { top, ceiling });
        }
        let descends = self.seen.descent == Descent::Ours || motion == Mode::Relative;
        let down = match left.place(2).filter(|_| descends) {
            Some(z) if z < self.seen.top - EXACT => {
                let (z, top) = (thousandth(z), thousandth(self.seen.top));
                return Err(CannotResume::Below { layer, z, top });
            }
            None if descends => return Err(unknown("does not say how high the head is")),
            down => down,
        };

        if self.ask.told_is_lowest {
            let lowest = self.lowest.ok_or_else(|| unknown("does not say how low the head goes"))?;
            let (lowest, told) = (down.map_or(lowest, |down| lowest.min(down)), height.mm());
            if lowest < told - EXACT {
                return Err(CannotResume::Clipped { layer, z: thousandth(lowest), told });
            }
        }

        let mut head = Head(String::new());
        head.say(format_args!("; made by platen: goes on with a part"));
        head.say(format_args!("; of the file {}, at its layer {layer} (line {})", self.ask.file, self.begin));
        head.say(format_args!("; the nozzle stands {height} above the plate when this begins"));
        ["G21", "G90", "M83"].into_iter().for_each(|line| head.say(format_args!("{line}")));
        // The bed first: on a cold one the part comes loose when the nozzle pulls at it.
        if let Some(bed) = modal.bed().filter(|bed| *bed > 0.0) {
            head.say(format_args!("M140 S{}", plain(bed)));
            head.say(format_args!("M190 S{}", plain(bed)));
        }
        if let Some(chamber) = left.chamber.filter(|chamber| *chamber > 0.0) {
            head.say(format_args!("M141 S{}", plain(chamber)));
        }
        let of = if tool > 0 { format!("T{tool} ") } else { String::new() };
        head.say(format_args!("M104 {of}S{}", plain(hotend)));
        head.say(format_args!("M109 {of}S{}", plain(hotend)));
        // Hot, the nozzle lets go of what it stands on.
        head.say(format_args!("G92 Z{}", plain(height.mm())));
        head.say(format_args!("G1 Z{} F{LIFT_FEED}", plain(up)));
        head.say(format_args!("G28 X Y"));
        if let Some(leveling) = &left.leveling {
            head.say(format_args!("{leveling}"));
        }
        if tool > 0 {
            head.say(format_args!("T{tool}"));
        }
        left.settings.iter().for_each(|kept| head.say(format_args!("{}", kept.text)));
        if let Some((x, y)) = self.ask.park.filter(|at| self.is_beside(*at)) {
            head.say(format_args!("G1 X{} Y{} F{TRAVEL_FEED}", plain(x), plain(y)));
        }
        let drawn = if left.drawn_by_firmware { 0.0 } else { left.drawn_back };
        let back = drawn.max(DRAWN_BACK);
        head.say(format_args!("G92 E0"));
        head.say(format_args!("G1 E{} F{PRIME_FEED}", plain(PRIME)));
        head.say(format_args!("G1 E-{} F{FILAMENT_FEED}", plain(back)));
        head.say(format_args!("G1 X{} Y{} F{TRAVEL_FEED}", plain(x), plain(y)));
        // What is pushed out above the part falls on it as a drop: the nozzle is brought down for that.
        let pushed = back - drawn > 1e-5;
        let near = || self.layer_z.map(|z| z.max(self.seen.top_ahead).min(up));
        if let Some(z) = down.or_else(|| if pushed { near() } else { None }) {
            head.say(format_args!("G1 Z{} F{LIFT_FEED}", plain(z)));
        }
        if pushed {
            head.say(format_args!("G1 E{} F{FILAMENT_FEED}", plain(back - drawn)));
        }
        if left.drawn_by_firmware {
            head.say(format_args!("G10"));
        }
        left.fans.iter().for_each(|kept| head.say(format_args!("{}", kept.text)));
        // How filament counts is said last: to some firmwares G90 says that, too.
        head.say(format_args!("{}", if motion == Mode::Absolute { "G90" } else { "G91" }));
        head.say(format_args!("{}", if extrusion == Mode::Absolute { "M82" } else { "M83" }));
        head.say(format_args!("G92 E{}", plain(left.e)));
        match modal.feed(true).filter(|of_g1| (of_g1 - feed).abs() > 1e-6) {
            // Smoothieware keeps two; everybody else has the later one then.
            Some(of_g1) => {
                head.say(format_args!("G1 F{}", plain(of_g1)));
                head.say(format_args!("G0 F{}", plain(feed)));
            }
            None => head.say(format_args!("G1 F{}", plain(feed))),
        }
        Ok(Resume { head: head.0, offset: self.offset, height, z: self.layer_z.map(thousandth) })
    }

    /// Whether a place is off everything that is printed.
    fn is_beside(&self, at: (f64, f64)) -> bool {
        let [Some(x), Some(y)] = self.printed else { return true };
        let outside = |place: f64, (low, high): (f64, f64)| place < low - BESIDE || place > high + BESIDE;
        outside(at.0, x) || outside(at.1, y)
    }
}

impl Seen {
    fn command(&mut self, command: Command<'_>, ask: &Ask, begin: u64, starts: &[u64]) {
        let Command { index, line, text } = command;
        let last = ask.confirmed.saturating_add(ask.ahead);
        let done = index > last && self.left.is_some() && self.descent != Descent::Open;
        if self.wrong.is_some() || done {
            return;
        }
        if line >= begin && self.left.is_none() {
            self.left = Some(self.walk.clone());
        }
        if self.left.is_some() && self.descent == Descent::Open {
            self.descent = self.descends(text);
        }
        let noted = self.walk.note(text);
        // What cannot be put back matters before the layer only; behind it, it stands in the file.
        if let (Err(why), None) = (noted, &self.left) {
            let text = String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(40).collect();
            self.wrong = Some(CannotResume::Line { line, text, why });
            return;
        }
        let begun = || u32::try_from(starts.partition_point(|start| *start <= line)).unwrap_or(u32::MAX);
        let earliest = ask.confirmed.saturating_sub(PLANNED_MAX).max(1);
        if index == earliest {
            self.first = begun();
        }
        if index == ask.confirmed {
            self.last = begun();
        }
        let z = self.walk.place(2);
        if (earliest..=last).contains(&index) {
            match z {
                Some(z) => {
                    let (low, high) = self.between.unwrap_or((z, z));
                    self.between = Some((low.min(z), high.max(z)));
                }
                None => self.height_lost = true,
            }
        }
        if let Some(z) = z.filter(|_| index <= last && Code::of(text).is_some_and(|code| lays(code, text))) {
            self.top_ahead = self.top_ahead.max(z);
            if index <= ask.confirmed {
                self.top = self.top.max(z);
            }
        }
    }

    /// Judges the next command of the rest, before it is noted.
    fn descends(&self, text: &[u8]) -> Descent {
        let Some(code) = Code::of(text) else { return Descent::Open };
        let says_z = word(text, b'Z').is_some();
        match (code.letter, code.number) {
            _ if lays(code, text) => Descent::Ours,
            (b'G', 0..=3 | 5) if says_z && self.walk.modal.motion() == Some(Mode::Absolute) => {
                Descent::Theirs
            }
            (b'G', 92) if says_z || words(text).next().is_none() => Descent::Ours,
            _ => Descent::Open,
        }
    }
}

/// Lines of G-code.
struct Head(String);

impl Head {
    fn say(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A number as firmwares read it: no exponent, nothing behind the last digit that counts.
fn plain(value: f64) -> String {
    let text = format!("{value:.5}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn thousandth(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests;
