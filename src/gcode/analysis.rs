//! What a print would be, read from its file in one pass and constant memory: where it goes, how hot, how long.
//!
//! Moves in the form that slicers write (`G1 X1.5 E.2`) are read in one go; every other line is cut by the lexer's
//! own code, so that both mean the same. What a file does wrong is only noted here, with its line;
//! `gcode::preflight` judges it.

use std::collections::BTreeMap;

use memchr::{memchr2, memrchr2};

use super::commands::{self, Code, InFile};
use super::lexer::{LINE_MAX, LexError, split_comment, strip_number};
use super::metadata::Metadata;
use super::modal::{self, Counting, TOOLS, words as words_of};
use super::motion::{Clock, Limits, Pace};
use words::{E, F, OTHER, Words, X, Y, Z, plain_words, quick_words, slot};

/// Marlin's `EXTRUDE_MINTEMP`, °C: below it, filament is not moved.
pub const EXTRUDE_MIN: f64 = 170.0;
/// Layers that are kept: 20 m of 0.2 mm.
const LAYERS_MAX: usize = 100_000;
/// Steps of a course that are kept; a longer one is thinned out.
const COURSE_MAX: usize = 512;
/// Kinds of commands that are counted.
const CODES_MAX: usize = 512;
/// What is laid so low may be a cleaning line, or begin another part beside those that stand, mm.
pub const FOOT: f64 = 1.0;
/// What goes down by less than this belongs to the layer, mm.
const DOWN: f64 = 0.5;
/// What is laid higher by less than this belongs to the layer, mm.
const RISE: f64 = 0.02;
/// The words of a move in the plane with filament.
const LAYS: u8 = 1 << X | 1 << Y | 1 << E;
/// `M862` checks that are kept.
const CHECKS_MAX: usize = 8;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What cannot be known from the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub limits: Limits,
    /// What `G90` and `G91` do to filament; not known where absent.
    pub counting: Option<Counting>,
}

/// A number and the first line where it was reached.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct At {
    pub value: f64,
    pub line: u64,
}

/// Lowest and highest place by axis, mm; absent where nothing is known to have gone there.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Extents {
    pub low: [Option<At>; 3],
    pub high: [Option<At>; 3],
}

impl Extents {
    /// mm; absent where the axis has no place.
    pub fn size(&self) -> [Option<f64>; 3] {
        std::array::from_fn(|axis| Some(self.high[axis]?.value - self.low[axis]?.value))
    }
}

/// How far one axis has gone; line 0 where it has not.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: At,
    high: At,
}

impl Span {
    const NOWHERE: Self =
        Self { low: At { value: f64::INFINITY, line: 0 }, high: At { value: f64::NEG_INFINITY, line: 0 } };

    #[inline]
    fn include(&mut self, value: f64, line: u64) {
        if value < self.low.value {
            self.low = At { value, line };
        }
        if value > self.high.value {
            self.high = At { value, line };
        }
    }
}

impl Span {
    fn joined(&self, other: &Self) -> Self {
        let low = if other.low.value < self.low.value { other.low } else { self.low };
        let high = if other.high.value > self.high.value { other.high } else { self.high };
        Self { low, high }
    }
}

impl From<[Span; 3]> for Extents {
    fn from(spans: [Span; 3]) -> Self {
        let known = |at: At| (at.line > 0).then_some(at);
        Self { low: spans.map(|span| known(span.low)), high: spans.map(|span| known(span.high)) }
    }
}

/// What moves have in common that lay filament in one layer, one after another.
#[derive(Clone, Copy, Debug)]
struct Steady {
    pace: Pace,
    /// Square of the most filament per way so far.
    thickest: f64,
    /// From where to where, in X and Y, nothing has to be noted of a place.
    within: [(f64, f64); 2],
}

/// Where a layer begins in the file.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Layer {
    /// Bytes from the start of the file to the line that begins it.
    pub offset: u64,
    pub line: u64,
    /// mm, of its first extrusion.
    pub z: Option<f64>,
    /// Seconds from the start of the print.
    pub seconds: f64,
}

/// How a value goes on over the print: pairs of seconds and value, thinned out where there are many.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Course(Vec<(f64, f64)>);

impl Course {
    fn note(&mut self, seconds: f64, value: f64) {
        if self.0.len() == COURSE_MAX {
            let mut at = 0;
            self.0.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
        self.0.push((seconds, value));
    }

    pub fn steps(&self) -> &[(f64, f64)] {
        &self.0
    }
}

/// One heater over the file.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Heated {
    /// Hottest target, °C.
    pub hottest: Option<At>,
    /// Latest target, °C.
    pub last: Option<At>,
    /// Latest target as only RepRapFirmware reads it, where the firmware may be that one.
    pub perhaps: Option<At>,
    /// First target below zero, °C.
    pub negative: Option<At>,
    /// Its tool was switched off as only RepRapFirmware does it (`M568 A0`), and not told anything since.
    pub rests: Option<u64>,
    /// A command waited for it (`M109`, `M190`).
    pub waited: bool,
    pub course: Course,
}

impl Heated {
    fn set(&mut self, target: f64, line: u64, seconds: f64, waits: bool) {
        if self.hottest.is_none_or(|hottest| target > hottest.value) {
            self.hottest = Some(At { value: target, line });
        }
        (self.last, self.perhaps) = (Some(At { value: target, line }), None);
        self.rests = None;
        if target < 0.0 {
            self.negative.get_or_insert(At { value: target, line });
        }
        self.waited |= waits && target > 0.0;
        self.course.note(seconds, target);
    }

    /// It may become so hot without being told again.
    fn may_reach(&mut self, target: f64, line: u64) {
        if self.hottest.is_none_or(|hottest| target > hottest.value) {
            self.hottest = Some(At { value: target, line });
        }
    }
}

/// Filament of one tool that is pushed without way, mm.
#[derive(Clone, Copy, Debug, Default)]
struct Pushed {
    /// As far as its filament ever was in the nozzle: what is drawn back and pushed again heaps up nothing.
    furthest: f64,
    /// Where the last push ended.
    end: f64,
    /// In a heap; what is laid on the way takes from it.
    heap: f64,
}

/// One straight piece of the head's way, mm; of an arc, one chord.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    pub from: [f64; 3],
    pub to: [f64; 3],
    /// Filament is laid on the way.
    pub lays: bool,
    /// 0 before the first layer.
    pub layer: usize,
}

/// Chords of a full turn.
const CHORDS: f64 = 72.0;

/// An arc in the plane: its middle, where it begins, and how far it turns, counter-clockwise, in radians.
#[derive(Clone, Copy, Debug)]
struct Bend {
    centre: [f64; 2],
    radius: f64,
    start: f64,
    turn: f64,
}

/// All that is known of a file. Lengths in mm, times in s.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Analysis {
    pub bytes: u64,
    pub lines: u64,
    pub moves: Extents,
    pub extrusion: Extents,
    /// Of what is laid above `FOOT`, and behind that.
    pub body: Extents,
    pub layers: Vec<Layer>,
    pub seconds: f64,
    /// Net filament by tool, mm.
    pub filament: [f64; TOOLS],
    pub hotends: [Heated; TOOLS],
    pub bed: Heated,
    pub chamber: Heated,
    pub fan: Course,
    pub tool_changes: u64,
    pub metadata: Metadata,
    /// Commands by their codes: how many, and the first line.
    pub codes: BTreeMap<String, (u64, u64)>,
    /// `M862…` as they stand.
    pub checks: Vec<(u64, String)>,
    pub fastest: Option<At>,
    /// mm/s of a move with filament.
    pub slowest: Option<At>,
    /// Filament per mm of way, the most, over ways of a millimetre and more; and of `body` alone.
    pub thickest: Option<At>,
    pub body_thickest: Option<At>,
    /// Highest speed at which an axis changes its direction at once (`M205`), mm/s.
    pub jerk: Option<At>,
    /// Highest and lowest acceleration that is asked for, mm/s².
    pub acceleration: Option<At>,
    pub slack: Option<At>,
    /// The speed that no move goes below (`M205 S`), mm/s.
    pub least_speed: Option<At>,
    /// The lowest share of its speed that a move gets (`M220`), %.
    pub speed_share: Option<At>,
    /// The longest time that pressure is pushed ahead for (`M572`, `SET_PRESSURE_ADVANCE`), s.
    pub pressure: Option<At>,
    /// Lowest and highest lift of the firmware's own drawing back (`M207 Z`), mm.
    pub lift: [Option<At>; 2],
    // First lines of what is wrong, or may be.
    pub moved_unhomed: Option<u64>,
    /// An axis moved that was neither homed nor, where it is Z, told its place (`G92 Z`).
    pub moved_untold: Option<u64>,
    /// Z was homed.
    pub homed_z: Option<u64>,
    /// Filament moved with a target below `EXTRUDE_MIN`: the target.
    pub extruded_cold: Option<At>,
    pub extruded_unwaited: Option<u64>,
    /// How filament counts depends on the firmware there.
    pub mode_doubtful: Option<u64>,
    pub extrusion_mode_unsaid: Option<u64>,
    pub motion_mode_unsaid: Option<u64>,
    pub inches: Option<u64>,
    pub arc: Option<u64>,
    pub shifted: Option<u64>,
    /// A word whose number cannot be read, or is none.
    pub odd_number: Option<u64>,
    /// A move of an axis beside X, Y, Z and E.
    pub other_axis: Option<u64>,
    /// Firmwares may read other words than we do, and why (`commands::ambiguity`, `commands::heat_fault`).
    pub ambiguous: Option<(u64, &'static str)>,
    /// Commands that are sent only where a profile allows them, or never: the first line of each.
    pub needs: BTreeMap<String, u64>,
    /// A command of Klipper's that has a name.
    pub klipper: Option<(u64, &'static str)>,
    /// A text that holds a command to firmwares that run several in a line (`commands::hides_command`).
    pub hidden: Option<u64>,
    /// A tool is heated as only RepRapFirmware does it (`G10 P`, `M568`).
    pub heats_tool: Option<u64>,
    /// Filament laid while a place is not known: mm, and the first line.
    pub laid_unknown: Option<At>,
    /// How far an axis goes back and forth while its place is not known, mm.
    pub span_unknown: [Option<At>; 3],
    /// Z goes down from where it was homed, and that is not known: the lowest.
    pub below_home: Option<At>,
    /// The lowest height to which filament is laid, mm; where that begins may not be known.
    pub lowest_laid: Option<At>,
    /// Height of what is laid first, mm.
    pub first_laid: Option<At>,
    /// The most that what is laid rises by at once, mm.
    pub gap: Option<At>,
    /// How far below what was laid, and not beside it on the plate, something is laid again: the most, mm.
    pub below_laid: Option<At>,
    /// The head goes across below what was laid, or comes down onto it; and what is laid next does not begin another
    /// part.
    pub through_laid: Option<u64>,
    /// The longest wait in one place (`G4`), s, over all that follow one another there.
    pub dwell: Option<At>,
    /// A wait of less than nothing.
    pub dwell_negative: Option<u64>,
    /// Homed or probed in Z after more than a first layer was laid.
    pub homed_over_part: Option<u64>,
    /// `G29 S1` to `S3` there: RepRapFirmware loads, drops or keeps its mesh, others probe.
    pub mesh_over_part: Option<u64>,
    /// The most filament that is pushed without way, mm.
    pub heap: Option<At>,
    /// Lowest and highest share of its filament that a move gets (`M221`), %.
    pub flow: [Option<At>; 2],
}

impl Analysis {
    /// cm³ and, where the slicer tells a density, g; by tool.
    pub fn filament_of(&self, tool: usize) -> (f64, Option<f64>) {
        let of = |values: &[f64]| values.get(tool).or_else(|| values.first()).copied();
        let diameter = of(&self.metadata.filament_diameter).unwrap_or(1.75);
        let volume = self.filament[tool] * std::f64::consts::PI * diameter * diameter / 4.0 / 1_000.0;
        (volume, of(&self.metadata.filament_density).filter(|density| *density > 0.0).map(|d| d * volume))
    }
}

/// Reads a file once, in chunks of any size.
#[derive(Clone, Debug)]
pub struct Analyser {
    held: Vec<u8>,
    after_return: bool,
    /// Bytes before the line that is read.
    offset: u64,
    state: State,
}

#[derive(Clone, Debug)]
struct State {
    found: Analysis,
    clock: Clock,
    moves: [Span; 3],
    extrusion: [Span; 3],
    /// `place` lies in `extrusion`.
    laid: bool,
    /// As `is_clear` says since the last command that is no move.
    clear: bool,
    /// For `lay_on`, since a move that was looked at by itself.
    steady: Option<Steady>,
    counting: Option<Counting>,
    line: u64,
    offset: u64,
    /// mm, of the machine; E as the file counts it.
    place: [f64; 4],
    /// What `G92` has put between the file's numbers and the machine's.
    shift: [f64; 4],
    known: [bool; 3],
    homed: [bool; 3],
    /// `G92 Z` has said where an axis is that was not homed.
    z_told: bool,
    relative: bool,
    /// As `M82` and `M83` say; as the last of these and `G90`, `G91` says; and what comes of both.
    own_relative: bool,
    latest_relative: bool,
    relative_extrusion: bool,
    doubtful: bool,
    motion_said: bool,
    extrusion_said: bool,
    unit: f64,
    /// mm/s
    feed: f64,
    feed_percent: f64,
    tool: usize,
    pushed: [Pushed; TOOLS],
    /// By axis whose place is not known: lowest and highest since it was homed or probed.
    strays: [Option<(f64, f64)>; 3],
    /// Places are counted from where Z was homed.
    from_home: bool,
    /// Layers come from comments, not from Z.
    told_layers: bool,
    /// The latest of them has no extrusion so far.
    awaits_z: bool,
    printed_z: f64,
    /// What was laid before it rose above `FOOT`, and its thickest bead.
    foot: Option<[Span; 3]>,
    foot_thickest: Option<At>,
    /// Of the part that is laid; below zero where nothing was.
    top: f64,
    /// Of what was laid last; not a number where it has to be looked at again.
    laid_z: f64,
    /// Since when the head goes across below what was laid, or stands there.
    low: Option<u64>,
    /// Where it waits, and how long already, s.
    waits_at: [f64; 3],
    waited: f64,
    /// The way since the last `take_segments`, where somebody wants it.
    way: Option<Vec<Segment>>,
}

impl Analyser {
    pub fn new(options: Options) -> Self {
        Self {
            held: Vec::new(),
            after_return: false,
            offset: 0,
            state: State {
                found: Analysis::default(),
                clock: Clock::new(options.limits),
                moves: [Span::NOWHERE; 3],
                extrusion: [Span::NOWHERE; 3],
                laid: false,
                clear: false,
                steady: None,
                counting: options.counting,
                line: 0,
                offset: 0,
                place: [0.0; 4],
                shift: [0.0; 4],
                known: [false; 3],
                homed: [false; 3],
                z_told: false,
                relative: false,
                own_relative: false,
                latest_relative: false,
                relative_extrusion: false,
                doubtful: false,
                motion_said: false,
                extrusion_said: false,
                unit: 1.0,
                feed: 25.0,
                feed_percent: 1.0,
                tool: 0,
                pushed: [Pushed::default(); TOOLS],
                strays: [None; 3],
                from_home: false,
                told_layers: false,
                awaits_z: false,
                printed_z: f64::NEG_INFINITY,
                foot: None,
                foot_thickest: None,
                top: f64::NEG_INFINITY,
                laid_z: f64::NAN,
                low: None,
                waits_at: [f64::NAN; 3],
                waited: 0.0,
                way: None,
            },
        }
    }

    /// Keeps the head's way, too: `take_segments` between the chunks.
    pub fn tracing(options: Options) -> Self {
        let mut analyser = Self::new(options);
        analyser.state.way = Some(Vec::new());
        analyser
    }

    /// The way since the last call, places of axes that are known alone.
    pub fn take_segments(&mut self) -> Vec<Segment> {
        self.state.way.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Net filament by tool so far, mm: up to the last line that has ended.
    pub fn filament(&self) -> &[f64; TOOLS] {
        &self.state.found.filament
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), LexError> {
        if self.after_return && !chunk.is_empty() {
            self.after_return = false;
            if let Some(rest) = chunk.strip_prefix(b"\n") {
                self.offset += 1;
                chunk = rest;
            }
        }
        if !self.held.is_empty() {
            let Some(end) = memchr2(b'\n', b'\r', chunk) else { return self.hold(chunk) };
            self.hold(&chunk[..end])?;
            let held = std::mem::take(&mut self.held);
            self.take_held(&held)?;
            self.offset += held.len() as u64 + 1;
            chunk = self.behind(&chunk[end..]);
        }
        let Some(last) = memrchr2(b'\n', b'\r', chunk) else { return self.hold(chunk) };
        let (mut whole, tail) = chunk.split_at(last + 1);
        let mut words = Words::default();
        while !whole.is_empty() {
            let end = self.state.take(whole, self.offset, &mut words)?;
            self.offset += end as u64 + 1;
            whole = self.behind(&whole[end..]);
        }
        if !tail.is_empty() {
            self.after_return = false;
        }
        self.hold(tail)
    }

    /// What follows the line end that `rest` begins with.
    fn behind<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        if rest.first() != Some(&b'\r') {
            return rest.get(1..).unwrap_or_default();
        }
        let rest = rest.get(1..).unwrap_or_default();
        self.after_return = rest.is_empty();
        match rest.strip_prefix(b"\n") {
            Some(behind) => {
                self.offset += 1;
                behind
            }
            None => rest,
        }
    }

    /// A line that is not in one piece, or does not end.
    fn take_held(&mut self, line: &[u8]) -> Result<(), LexError> {
        self.state.line += 1;
        self.state.offset = self.offset;
        self.state.take_any(line).map(drop)
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), LexError> {
        if self.held.len() + part.len() > LINE_MAX {
            return Err(LexError::LineTooLong { line: self.state.line + 1, max: LINE_MAX });
        }
        self.held.extend_from_slice(part);
        Ok(())
    }

    /// The end of the file.
    pub fn finish(mut self) -> Result<Analysis, LexError> {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.take_held(&held)?;
        }
        let mut state = self.state;
        state.clock.stop();
        // Nothing comes that could begin another part.
        if let Some(line) = state.low {
            state.found.through_laid.get_or_insert(line);
        }
        state.found.seconds = state.clock.seconds();
        state.found.moves = state.moves.into();
        state.found.extrusion = match state.foot {
            None => state.extrusion,
            Some(foot) => std::array::from_fn(|axis| foot[axis].joined(&state.extrusion[axis])),
        }
        .into();
        if state.foot.is_some() {
            state.found.body = state.extrusion.into();
            state.found.body_thickest = state.found.thickest;
            let both = [state.foot_thickest, state.found.thickest].into_iter().flatten();
            state.found.thickest = both.max_by(|one, other| one.value.total_cmp(&other.value));
        }
        state.found.bytes = self.offset + held.len() as u64;
        state.found.lines = state.line;
        Ok(state.found)
    }
}

impl State {
    /// The line that `text` begins with; says where it ends. `words` is room for them.
    #[inline(always)]
    fn take(&mut self, text: &[u8], offset: u64, words: &mut Words) -> Result<usize, LexError> {
        self.line += 1;
        self.offset = offset;
        if let [b'G', b'0' | b'1', b' ', ..] = text
            && let Some(end) = quick_words(text, words)
        {
            if !self.lay_on(words) {
                self.go(words, None);
            }
            return Ok(end);
        }
        self.take_any(text)
    }

    /// As `take`, for any line, the last of the file too.
    #[inline(never)]
    fn take_any(&mut self, text: &[u8]) -> Result<usize, LexError> {
        let end = memchr2(b'\n', b'\r', text).unwrap_or(text.len());
        let line = &text[..end];
        if line.len() > LINE_MAX {
            return Err(LexError::LineTooLong { line: self.line, max: LINE_MAX });
        }
        if let [b'G', b'0' | b'1', b' ', ..] = line
            && let Some(words) = plain_words(line)
        {
            self.go(&words, None);
        } else {
            self.other(line);
        }
        Ok(end)
    }

    fn other(&mut self, line: &[u8]) {
        let line = if self.line == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        if let [b';', comment @ ..] = line {
            return self.comment(comment);
        }
        let (command, comment) = split_comment(line);
        let command = strip_number(command.trim_ascii());
        if let (false, Some(code)) = (command.is_empty(), Code::of(command)) {
            self.command(code, command);
        }
        if let Some(comment) = comment {
            self.comment(comment);
        }
    }

    fn comment(&mut self, text: &[u8]) {
        // What slicers write at every few moves, and says nothing here.
        if [&b"TYPE:"[..], b"WIDTH:", b"HEIGHT:"].iter().any(|begin| text.starts_with(begin)) {
            return;
        }
        let text = text.trim_ascii();
        self.layer_comment(text);
        self.found.metadata.note(text, self.offset);
    }

    fn layer_comment(&mut self, text: &[u8]) {
        let numbered = |rest: Option<&[u8]>| rest.is_some_and(|r| r.first().is_some_and(u8::is_ascii_digit));
        let begins = text == b"LAYER_CHANGE"
            || text == b"CHANGE_LAYER"
            || numbered(text.strip_prefix(b"LAYER:"))
            || (numbered(text.strip_prefix(b"layer ")) && text.windows(4).any(|four| four == b"Z = "));
        if begins {
            self.steady = None;
            if !self.told_layers {
                self.told_layers = true;
                self.found.layers.clear();
            }
            self.begin_layer(None);
        }
    }

    fn begin_layer(&mut self, z: Option<f64>) {
        if self.found.layers.len() < LAYERS_MAX {
            let seconds = self.clock.seconds();
            self.found.layers.push(Layer { offset: self.offset, line: self.line, z, seconds });
            self.awaits_z = z.is_none();
        }
    }

    fn command(&mut self, code: Code, text: &[u8]) {
        self.steady = None;
        // Some firmwares run several commands in one line; only the first has the words.
        let name = code.to_string();
        let line = self.line;
        if let Some((count, _)) = self.found.codes.get_mut(&name) {
            *count += 1;
        } else if self.found.codes.len() < CODES_MAX {
            self.found.codes.insert(name, (1, line));
        }
        match (code.letter, code.number) {
            (b'G', 0..=3 | 5) => {
                let mut read = Words::default();
                for (letter, value) in words_of(text) {
                    match (slot(letter), value) {
                        (OTHER, _) if code.number < 2 && b"UVWABC".contains(&letter) => {
                            self.found.other_axis.get_or_insert(line);
                        }
                        (OTHER, _) if letter.is_ascii_alphabetic() => {}
                        (slot @ 0..OTHER, Some(value)) if value.is_finite() => read.set(slot, value),
                        _ => drop(self.found.odd_number.get_or_insert(line)),
                    }
                }
                let bend = match code.number {
                    2 | 3 => self.arc(&read, code.number == 2),
                    _ => None,
                };
                if code.number == 5 {
                    self.spline(&read, [b'P', b'Q'].map(|letter| modal::word(text, letter)));
                }
                self.go(&read, bend);
            }
            (b'G', 4) => {
                let wait = modal::word(text, b'S')
                    .or_else(|| modal::word(text, b'P').map(|millis| millis / 1_000.0));
                let wait = wait.unwrap_or(0.0).min(1e9);
                if wait < 0.0 {
                    self.found.dwell_negative.get_or_insert(line);
                }
                let [x, y, z, _] = self.place;
                if self.waits_at != [x, y, z] {
                    (self.waits_at, self.waited) = ([x, y, z], 0.0);
                }
                self.waited += wait.max(0.0);
                raise(&mut self.found.dwell, self.waited, line);
                self.clock.wait(wait);
            }
            (b'G', 10) if modal::word(text, b'L').is_some() => {
                self.found.shifted.get_or_insert(line);
            }
            // RepRapFirmware's; elsewhere, G10 draws filament back.
            (b'G', 10) if modal::word(text, b'P').is_some() => self.heat_tool(text),
            (b'M', 568) => self.heat_tool(text),
            (b'M', 116) if self.counting == Some(Counting::Apart) => {
                for hotend in &mut self.found.hotends {
                    hotend.waited |= hotend.last.is_some_and(|last| last.value > 0.0);
                }
            }
            (b'G', 54..=59) => drop(self.found.shifted.get_or_insert(line)),
            (b'G', 20) => {
                self.unit = 25.4;
                self.found.inches.get_or_insert(line);
            }
            (b'G', 21) => self.unit = 1.0,
            // Marlin cleans the nozzle; it parks with `P1` at a height of its own, also where that is lower.
            (b'G', 12) => {
                self.comes_down();
                self.lose_place();
            }
            (b'G', 27) => {
                if modal::word(text, b'P') == Some(1.0) {
                    self.comes_down();
                }
                self.lose_place();
            }
            (b'G', 28) => self.home(text),
            (b'G', 29..=38 | 80) => self.probe(code.number, text),
            (b'G', 90 | 91) => {
                self.relative = code.number == 91;
                self.motion_said = true;
                self.extrusion_said |= self.counting == Some(Counting::Latest);
                self.latest_relative = self.relative;
                self.count_filament();
            }
            (b'G', 92) => self.set_place(text),
            (b'M', 82 | 83) => {
                self.own_relative = code.number == 83;
                (self.latest_relative, self.extrusion_said) = (self.own_relative, true);
                self.count_filament();
            }
            // With a time, they go off by themselves as soon as the head stands so long.
            (b'M', 18 | 84)
                if words_of(text).all(|(letter, value)| {
                    letter != b'E' && (letter != b'S' || value.is_some_and(|seconds| seconds > 0.0))
                }) =>
            {
                self.homed = [false; 3];
            }
            (b'M', 104 | 109) => self.heat(text, code.number == 109),
            (b'M', 140 | 190) => {
                if let Some(target) = target(text, code.number == 190) {
                    self.found.bed.set(target, line, self.clock.seconds(), code.number == 190);
                }
            }
            (b'M', 141 | 191) => {
                if let Some(target) = target(text, code.number == 191) {
                    self.found.chamber.set(target, line, self.clock.seconds(), code.number == 191);
                }
            }
            (b'M', 106) => {
                let speed = modal::word(text, b'S').unwrap_or(255.0);
                self.found.fan.note(self.clock.seconds(), speed);
            }
            (b'M', 107) => self.found.fan.note(self.clock.seconds(), 0.0),
            // Repetier's are 201 and 202, of moves that lay and that do not.
            (b'M', 201 | 202) => {
                for (_, value) in words_of(text).filter(|(letter, _)| b"XYZE".contains(letter)) {
                    if let Some(value) = value {
                        raise(&mut self.found.acceleration, value, line);
                        lower(&mut self.found.slack, value, line);
                    }
                }
                if code.number == 201 {
                    self.limit(text, |limits| &mut limits.max_acceleration);
                }
            }
            (b'M', 203) => self.limit(text, |limits| &mut limits.max_feedrate),
            (b'M', 204) => {
                // Repetier's tunes a heater, with X, Y and Z.
                let tunes = words_of(text).any(|(letter, _)| b"XYZ".contains(&letter));
                for (_, value) in words_of(text).filter(|(letter, _)| b"PRST".contains(letter)) {
                    if let Some(value) = value.filter(|_| !tunes) {
                        lower(&mut self.found.slack, value, line);
                    }
                }
                for (letter, value) in words_of(text) {
                    let Some(value) = value.filter(|value| *value > 0.0 && value.is_finite()) else {
                        continue;
                    };
                    raise(&mut self.found.acceleration, value, line);
                    let limits = self.clock.limits_mut();
                    match letter {
                        b'P' => limits.print_acceleration = value,
                        b'R' => limits.retract_acceleration = value,
                        b'T' => limits.travel_acceleration = value,
                        b'S' => (limits.print_acceleration, limits.travel_acceleration) = (value, value),
                        _ => {}
                    }
                }
            }
            (b'M', 205) => {
                if let Some(deviation) = modal::word(text, b'J').filter(|j| *j > 0.0 && j.is_finite()) {
                    self.clock.limits_mut().junction_deviation = deviation;
                }
                let jerks = words_of(text).filter(|(letter, _)| b"XYZE".contains(letter));
                for jerk in jerks.filter_map(|(_, value)| value) {
                    raise(&mut self.found.jerk, jerk, line);
                }
                if let Some(speed) = modal::word(text, b'S') {
                    raise(&mut self.found.least_speed, speed, line);
                }
            }
            // RepRapFirmware's jerk, in mm a minute.
            (b'M', 566) => {
                let jerks = words_of(text).filter(|(letter, _)| b"XYZE".contains(letter));
                for jerk in jerks.filter_map(|(_, value)| value) {
                    raise(&mut self.found.jerk, jerk / 60.0, line);
                }
            }
            (b'M', 572) => {
                if let Some(seconds) = modal::word(text, b'S') {
                    raise(&mut self.found.pressure, seconds, line);
                }
            }
            (b'M', 220) => {
                let percent = modal::word(text, b'S');
                if let Some(percent) = percent {
                    lower(&mut self.found.speed_share, percent, line);
                }
                if let Some(percent) = percent.filter(|percent| *percent > 0.0) {
                    self.feed_percent = percent / 100.0;
                    self.note_speed();
                }
            }
            (b'M', 221) => {
                if let Some(percent) = modal::word(text, b'S') {
                    self.note_flow(percent);
                }
            }
            // More filament the faster it goes (Marlin `M592.cpp`, RepRapFirmware's `L` bounds it): at 5 mm/s of it.
            (b'M', 592) => {
                let number = |letter| modal::word(text, letter).filter(|value| value.is_finite());
                let curve = 5.0 * number(b'A').unwrap_or(0.0) + 25.0 * number(b'B').unwrap_or(0.0);
                let bound = number(b'L').map_or(f64::INFINITY, f64::abs);
                self.note_flow(100.0 * (number(b'C').unwrap_or(1.0) + curve.clamp(-bound, bound)));
            }
            // So much the firmware draws back and pushes with `G10` and `G11`.
            (b'M', 207 | 208) => {
                let lengths = [b'S', b'W'].map(|letter| modal::word(text, letter).map_or(0.0, f64::abs));
                self.heap(lengths[0].max(lengths[1]));
                if code.number == 207 {
                    if let Some(lift) = modal::word(text, b'Z') {
                        let [low, high] = &mut self.found.lift;
                        lower(low, lift * self.unit, line);
                        raise(high, lift * self.unit, line);
                    }
                    // Only Repetier's has X: a jerk.
                    if let Some(jerk) = modal::word(text, b'X') {
                        raise(&mut self.found.jerk, jerk, line);
                    }
                }
            }
            // A probe is let down, or its pin is.
            (b'M', 401) => self.comes_down(),
            (b'M', 280) if modal::word(text, b'S') == Some(10.0) => self.comes_down(),
            // So much is loaded.
            (b'M', 125 | 600 | 603 | 701) => {
                if let Some(length) = modal::word(text, b'L').map(f64::abs) {
                    self.heap(length);
                }
                if matches!(code.number, 125 | 600) {
                    self.note_park(text);
                }
            }
            (b'M', 862) if self.found.checks.len() < CHECKS_MAX => {
                self.found.checks.push((line, String::from_utf8_lossy(text).into_owned()));
            }
            (b'T', number) => {
                let tool = usize::try_from(number).unwrap_or(TOOLS).min(TOOLS - 1);
                self.found.tool_changes += u64::from(tool != self.tool);
                self.tool = tool;
            }
            (Code::NAMED, _) => self.named(code, text),
            _ => {}
        }
        if commands::hides_command(text) {
            self.found.hidden.get_or_insert(line);
        }
        self.clear = self.is_clear();
        let single = commands::codes(text).nth(1).is_none();
        if !single {
            self.found.odd_number.get_or_insert(line);
        }
        if self.found.ambiguous.is_none() {
            let why = commands::ambiguity(text).or_else(|| commands::heat_fault(text));
            self.found.ambiguous = why.map(|why| (line, why));
        }
        if !(single && code.letter == b'G' && code.number <= 3) {
            for rule in commands::rules(text).filter(|rule| rule.in_file >= InFile::IfAllowed) {
                self.found.needs.entry(rule.code.to_string()).or_insert(line);
            }
        }
    }

    fn heat(&mut self, text: &[u8], waits: bool) {
        let (line, seconds) = (self.line, self.clock.seconds());
        let tool = modal::word(text, b'T').map_or(self.tool, tool_of);
        let Some(target) = target(text, waits) else { return };
        self.found.hotends[tool].set(target, line, seconds, waits);
        // Marlin's AUTOTEMP goes up to B by itself.
        if let Some(most) = modal::word(text, b'B').filter(|most| most.is_finite()) {
            self.found.hotends[tool].may_reach(most, line);
        }
    }

    /// As RepRapFirmware does: `S` for a tool in use, `R` for one that waits.
    fn heat_tool(&mut self, text: &[u8]) {
        let (line, seconds) = (self.line, self.clock.seconds());
        let number = |letter| modal::word(text, letter).filter(|value| value.is_finite());
        let tool = number(b'P').map_or(self.tool, tool_of);
        let switches_off = Code::of(text) == Some(Code::new(b'M', 568)) && number(b'A') == Some(0.0);
        let heated = &mut self.found.hotends[tool];
        if switches_off {
            self.found.heats_tool.get_or_insert(line);
            heated.rests = Some(line);
        }
        let told = [number(b'S'), number(b'R')];
        told.into_iter().flatten().for_each(|target| heated.may_reach(target, line));
        let Some(target) = told[0] else { return };
        self.found.heats_tool.get_or_insert(line);
        match self.counting {
            Some(Counting::Apart) => heated.set(target, line, seconds, false),
            Some(_) => {}
            None => heated.perhaps = Some(At { value: target, line }),
        }
    }

    fn probe(&mut self, number: u32, text: &[u8]) {
        let slot = if number == 29 { modal::word(text, b'S') } else { None };
        if slot.is_some_and(|slot| [1.0, 2.0, 3.0].contains(&slot)) {
            if self.is_over_part() {
                self.found.mesh_over_part.get_or_insert(self.line);
            }
            // As RepRapFirmware counts: it may be one, and then nothing moves.
            if self.counting == Some(Counting::Apart) {
                return;
            }
        } else if matches!(number, 29 | 30 | 32..=35 | 38 | 80) {
            // The others set a probe up, or undock it.
            self.comes_down();
        }
        if number == 38 {
            self.note_probing(text);
        }
        self.lose_place();
    }

    /// As far as the head goes to find something.
    fn note_probing(&mut self, text: &[u8]) {
        for axis in 0..3 {
            let Some(value) = modal::word(text, b"XYZ"[axis]).filter(|value| value.is_finite()) else {
                continue;
            };
            let from = self.place[axis];
            let base = if self.relative { from } else { self.shift[axis] };
            let to = value * self.unit + base;
            if self.known[axis] || !self.relative {
                self.moves[axis].include(to, self.line);
            } else {
                self.stray(axis, from, to);
            }
        }
    }

    /// The firmware has moved the head by itself.
    fn lose_place(&mut self) {
        (self.known, self.laid) = ([false; 3], false);
        (self.strays, self.from_home) = ([None; 3], false);
    }

    /// Where the head is to wait: a place of the printer's, whatever the file's numbers mean.
    fn note_park(&mut self, text: &[u8]) {
        for (axis, letter) in [b'X', b'Y'].into_iter().enumerate() {
            if let Some(place) = modal::word(text, letter).filter(|place| place.is_finite()) {
                self.moves[axis].include(place * self.unit, self.line);
            }
        }
    }

    /// A command of Klipper's that has a name.
    fn named(&mut self, code: Code, text: &[u8]) {
        let Some(name) = code.name() else { return };
        self.found.klipper.get_or_insert((self.line, name));
        match name {
            "BED_MESH_CALIBRATE" | "QUAD_GANTRY_LEVEL" | "Z_TILT_ADJUST" => {
                self.comes_down();
                self.lose_place();
            }
            "TURN_OFF_HEATERS" => {
                let (line, seconds) = (self.line, self.clock.seconds());
                let found = &mut self.found;
                let heaters = found.hotends.iter_mut().chain([&mut found.bed, &mut found.chamber]);
                heaters
                    .filter(|heated| heated.hottest.is_some())
                    .for_each(|heated| heated.set(0.0, line, seconds, false));
            }
            "SET_VELOCITY_LIMIT" => {
                let line = self.line;
                let acceleration = argument(text, b"ACCEL");
                let speed = argument(text, b"VELOCITY");
                let corner = argument(text, b"SQUARE_CORNER_VELOCITY");
                let found = &mut self.found;
                if let Some(speed) = speed {
                    raise(&mut found.fastest, speed, line);
                }
                if let Some(corner) = corner {
                    raise(&mut found.jerk, corner, line);
                }
                if let Some(value) = acceleration {
                    raise(&mut found.acceleration, value, line);
                    lower(&mut found.slack, value, line);
                }
                if let Some(value) = acceleration.filter(|value| *value > 0.0 && value.is_finite()) {
                    let limits = self.clock.limits_mut();
                    (limits.print_acceleration, limits.travel_acceleration) = (value, value);
                }
            }
            "SET_PRESSURE_ADVANCE" => {
                if let Some(seconds) = argument(text, b"ADVANCE") {
                    raise(&mut self.found.pressure, seconds, self.line);
                }
            }
            "SET_GCODE_OFFSET" => drop(self.found.shifted.get_or_insert(self.line)),
            _ => {}
        }
    }

    /// The nozzle or the probe comes down to the plate, or to what stands there.
    fn comes_down(&mut self) {
        if self.is_over_part() {
            self.found.homed_over_part.get_or_insert(self.line);
        }
    }

    /// More than a first layer was laid.
    fn is_over_part(&self) -> bool {
        let Span { low, high } = &self.extrusion[Z];
        self.foot.is_some() || high.value > low.value + 0.05
    }

    /// A move while the place of an axis is not known.
    #[inline(never)]
    fn note_lost(&mut self, words: &Words, from: &[f64; 4], delta: &[f64; 4], path: f64) {
        for (axis, from) in from.iter().enumerate().take(3) {
            if words.has(axis) && !self.known[axis] {
                self.stray(axis, *from, self.place[axis]);
            }
        }
        if delta[E] > 0.0 && (delta[0] != 0.0 || delta[1] != 0.0 || path > 0.0) {
            let before = self.found.laid_unknown.unwrap_or(At { value: 0.0, line: self.line });
            self.found.laid_unknown = Some(At { value: before.value + delta[E], ..before });
        }
    }

    /// An axis goes on from a place that is not known.
    fn stray(&mut self, axis: usize, from: f64, to: f64) {
        let line = self.line;
        let (low, high) = self.strays[axis].unwrap_or((from, from));
        let (low, high) = (low.min(to), high.max(to));
        self.strays[axis] = Some((low, high));
        if self.found.span_unknown[axis].is_none_or(|span| high - low > span.value) {
            self.found.span_unknown[axis] = Some(At { value: high - low, line });
        }
        if axis == Z && self.from_home && self.found.below_home.is_none_or(|lowest| low < lowest.value) {
            self.found.below_home = (low < -0.05).then_some(At { value: low, line });
        }
    }

    /// Filament that is drawn back, or pushed without way.
    fn push(&mut self, amount: f64) {
        let reached = self.found.filament[self.tool];
        let pushed = &mut self.pushed[self.tool];
        pushed.furthest = pushed.furthest.max(reached - amount);
        if amount > 0.0 && reached > pushed.furthest {
            let laid = (pushed.furthest - pushed.end).max(0.0);
            pushed.heap = (pushed.heap - laid).max(0.0) + reached - pushed.furthest;
            (pushed.furthest, pushed.end) = (reached, reached);
            let heap = pushed.heap;
            self.heap(heap);
        }
    }

    fn heap(&mut self, length: f64) {
        raise(&mut self.found.heap, length, self.line);
    }

    fn note_flow(&mut self, percent: f64) {
        let [low, high] = &mut self.found.flow;
        lower(low, percent, self.line);
        raise(high, percent, self.line);
    }

    fn limit(&mut self, text: &[u8], which: impl Fn(&mut Limits) -> &mut [f64; 4]) {
        for (letter, value) in words_of(text) {
            let slot = slot(letter);
            if let Some(value) = value.filter(|value| slot < 4 && *value > 0.0 && value.is_finite()) {
                which(self.clock.limits_mut())[slot] = value;
            }
        }
    }

    fn home(&mut self, text: &[u8]) {
        self.clock.stop();
        self.laid = false;
        let mut named = [false; 3];
        words_of(text)
            .map(|(letter, _)| slot(letter))
            .filter(|slot| *slot < 3)
            .for_each(|slot| named[slot] = true);
        let all = !named.contains(&true);
        if all || named[Z] {
            self.found.homed_z.get_or_insert(self.line);
            self.comes_down();
            self.from_home = true;
        }
        for (axis, named) in named.into_iter().enumerate() {
            if all || named {
                self.homed[axis] = true;
                self.known[axis] = false;
                self.place[axis] = 0.0;
                self.shift[axis] = 0.0;
                self.strays[axis] = None;
            }
        }
    }

    /// How filament counts from here on.
    fn count_filament(&mut self) {
        let either = self.own_relative || self.relative;
        self.relative_extrusion = match self.counting {
            Some(Counting::Latest) => self.latest_relative,
            Some(Counting::Either) => either,
            Some(Counting::Apart) | None => self.own_relative,
        };
        let alike = self.own_relative == self.latest_relative && self.own_relative == either;
        self.doubtful = self.counting.is_none() && !alike;
    }

    fn set_place(&mut self, text: &[u8]) {
        self.laid = false;
        let mut any = false;
        for (letter, value) in words_of(text) {
            let slot = slot(letter);
            let Some(value) = value.filter(|_| slot < 4) else { continue };
            any = true;
            if slot == Z && !self.homed[Z] {
                // Nothing is moved by it: this is the first that is known of the axis.
                (self.place[Z], self.shift[Z]) = (value * self.unit, 0.0);
                (self.known[Z], self.z_told) = (true, true);
                continue;
            }
            self.shift[slot] = self.place[slot] - value * self.unit;
            if slot < 3 {
                self.found.shifted.get_or_insert(self.line);
            }
        }
        if !any {
            self.shift = self.place;
            self.found.shifted.get_or_insert(self.line);
        }
    }

    /// As `go` does, where nothing but places, filament and time changes: a move in the plane that lays as the one
    /// before it did, within what was laid. Says whether it was such a one; if not, nothing is changed.
    #[inline(always)]
    fn lay_on(&mut self, words: &Words) -> bool {
        let Some(Steady { pace, thickest, within: [in_x, in_y] }) = &self.steady else { return false };
        let [from_x, from_y, _, from] = self.place;
        let x = words.value[X] * self.unit + self.shift[X];
        let y = words.value[Y] * self.unit + self.shift[Y];
        let base = if self.relative_extrusion { from } else { self.shift[E] };
        let filament = words.value[E] * self.unit + base;
        let (along_x, along_y, amount) = (x - from_x, y - from_y, filament - from);
        let way = along_x * along_x + along_y * along_y;
        // Nothing of it holds of what is no number.
        let lays_on = (words.has == LAYS)
            & (amount > 0.0)
            & (way > 0.0 && way <= f64::MAX)
            & (amount * amount <= thickest * way)
            & ((amount <= 1.0) | (way >= 1.0))
            & pace.is_for(amount, way)
            & (in_x.0 <= x && x <= in_x.1)
            & (in_y.0 <= y && y <= in_y.1);
        if lays_on {
            (self.place[X], self.place[Y], self.place[E]) = (x, y, filament);
            self.found.filament[self.tool] += amount;
            self.clock.lay([along_x, along_y], amount, way, pace);
        }
        lays_on
    }

    /// What holds of all further moves like the last one, which laid something, until another command comes.
    fn steady(&self) -> Option<Steady> {
        let z = self.place[Z];
        let in_layer = z == self.laid_z && (self.told_layers || z <= self.printed_z + RISE);
        let slow = self.found.slowest.is_some_and(|slowest| self.feed >= slowest.value);
        let clear = self.clear && self.laid && !self.awaits_z && !self.relative && self.way.is_none();
        if !(clear && in_layer && slow) {
            return None;
        }
        let pace = self.clock.pace(self.feed * self.feed_percent)?;
        let thickest = self.found.thickest?.value;
        let within = [X, Y].map(|axis| {
            let [moved, laid] = [&self.moves[axis], &self.extrusion[axis]];
            (moved.low.value.max(laid.low.value), moved.high.value.min(laid.high.value))
        });
        Some(Steady { pace, thickest: thickest * thickest, within })
    }

    /// A straight move, or an arc of some length and shape.
    #[inline(never)]
    fn go(&mut self, words: &Words, bend: Option<(f64, Bend)>) {
        let path = bend.map_or(0.0, |(path, _)| path);
        self.steady = None;
        if let Some(feed) = words.get(F)
            && feed > 0.0
        {
            self.feed = feed * self.unit / 60.0;
            self.note_speed();
        }
        if words.has & 0b1111 == 0 && path <= 0.0 {
            return;
        }
        let laid = std::mem::take(&mut self.laid);
        let from = self.place;
        let mut delta = [0.0; 4];
        let relative = self.relative;
        for axis in 0..3 {
            if words.has(axis) {
                let base = if relative { from[axis] } else { self.shift[axis] };
                let to = words.value[axis] * self.unit + base;
                delta[axis] = to - from[axis];
                self.place[axis] = to;
                // Not written again: flags that are read together just behind that are read slowly.
                if !self.known[axis] && !relative {
                    self.known[axis] = true;
                }
                if self.known[axis] {
                    self.moves[axis].include(to, self.line);
                }
            }
        }
        if words.has(E) {
            let base = if self.relative_extrusion { from[E] } else { self.shift[E] };
            self.place[E] = words.value[E] * self.unit + base;
            delta[E] = self.place[E] - from[E];
        }
        let travels = words.has & 0b111 != 0 || path > 0.0;
        if words.has(Z) && self.place[Z] < self.top - DOWN {
            self.clear = false;
        }
        if !self.clear {
            if self.known != [true; 3] {
                self.note_lost(words, &from, &delta, path);
            }
            self.note_doubts(words, travels, path);
            self.clear = self.is_clear();
        }
        if words.has(E) {
            self.extrude(&from, &delta, path, laid);
        }
        if travels && self.way.is_some() {
            self.note_way(from, delta[E] > 0.0, bend.map(|(_, bend)| bend));
        }
        self.clock.push(delta, path, self.feed * self.feed_percent);
    }

    #[inline(always)]
    fn note_speed(&mut self) {
        let speed = self.feed * self.feed_percent;
        if self.found.fastest.is_none_or(|fastest| speed > fastest.value) {
            self.found.fastest = Some(At { value: speed, line: self.line });
        }
    }

    /// Whether no move can be wrong in what `note_doubts` looks for.
    fn is_clear(&self) -> bool {
        let heat = &self.found.hotends[self.tool];
        let hot = heat.waited && heat.last.is_some_and(|last| last.value >= EXTRUDE_MIN);
        let placed = self.homed == [true; 3] && self.known == [true; 3];
        let above = self.place[Z] >= self.top - DOWN;
        hot && placed && above && self.motion_said && self.extrusion_said && !self.doubtful
    }

    /// What may be wrong with a move, or cannot be known.
    #[inline(never)]
    fn note_doubts(&mut self, words: &Words, travels: bool, path: f64) {
        let line = self.line;
        if travels {
            // Up from where it was homed is the same in both.
            let up = words.value[Z] > 0.0 && self.place[Z] == words.value[Z] * self.unit;
            let lifts = words.has & 0b1111 == 1 << Z && path <= 0.0 && self.homed[Z] && up;
            if !self.motion_said && !lifts {
                self.found.motion_mode_unsaid.get_or_insert(line);
            }
            if self.homed != [true; 3] {
                self.found.moved_unhomed.get_or_insert(line);
                let known = [self.homed[X], self.homed[1], self.homed[Z] || self.z_told];
                if path > 0.0 || (0..3).any(|axis| words.has(axis) && !known[axis]) {
                    self.found.moved_untold.get_or_insert(line);
                }
            }
        }
        let across = words.has & 0b11 != 0 || path > 0.0;
        let onto = words.has(Z) && self.is_above_laid();
        if (across || onto) && self.known == [true; 3] && self.place[Z] < self.top - DOWN {
            self.low.get_or_insert(line);
            self.laid_z = f64::NAN;
        }
        if words.has(E) {
            let heat = &self.found.hotends[self.tool];
            let target = heat.last.map_or(0.0, |last| last.value);
            if target < EXTRUDE_MIN {
                self.found.extruded_cold.get_or_insert(At { value: target, line });
            } else if !heat.waited {
                self.found.extruded_unwaited.get_or_insert(line);
            }
            if self.doubtful {
                self.found.mode_doubtful.get_or_insert(line);
            }
            if !self.extrusion_said {
                self.found.extrusion_mode_unsaid.get_or_insert(line);
            }
        }
    }

    /// Within what reaches from side to side of all that was laid, seen from above.
    fn is_above_laid(&self) -> bool {
        [X, 1].into_iter().all(|axis| {
            let Span { low, high } = &self.extrusion[axis];
            (low.value..=high.value).contains(&self.place[axis])
        })
    }

    fn note_way(&mut self, from: [f64; 4], lays: bool, bend: Option<Bend>) {
        if self.known != [true; 3] {
            return;
        }
        let Some(way) = &mut self.way else { return };
        let layer = self.found.layers.len();
        let mut at = [from[0], from[1], from[2]];
        let end = [self.place[0], self.place[1], self.place[2]];
        let mut to = |next: [f64; 3]| {
            way.push(Segment { from: at, to: next, lays, layer });
            at = next;
        };
        if let Some(Bend { centre, radius, start, turn }) = bend {
            let chords = (turn.abs() / std::f64::consts::TAU * CHORDS).ceil().max(1.0);
            let mut chord = 1.0;
            while chord < chords {
                let part = chord / chords;
                let angle = start + turn * part;
                let rise = from[2] + (end[2] - from[2]) * part;
                to([centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin(), rise]);
                chord += 1.0;
            }
        }
        to(end);
    }

    #[inline(always)]
    fn extrude(&mut self, from: &[f64; 4], delta: &[f64; 4], path: f64, laid: bool) {
        let line = self.line;
        let amount = delta[E];
        self.found.filament[self.tool] += amount;
        if amount <= 0.0 || (delta[0] == 0.0 && delta[1] == 0.0 && path <= 0.0) {
            return self.push(amount);
        }
        let z = self.place[Z];
        let began_anew = z != self.laid_z && self.note_height(z);
        let laid = laid && !began_anew;
        for (axis, from) in from.iter().enumerate().take(3) {
            if self.known[axis] {
                self.extrusion[axis].include(self.place[axis], line);
                if !laid {
                    self.extrusion[axis].include(*from, line);
                }
            }
        }
        self.laid = self.known == [true; 3];
        // Squared: a root and a quotient are for a new record only.
        let way = if path > 0.0 { path * path } else { delta[0] * delta[0] + delta[1] * delta[1] };
        let most = self.found.thickest.map_or(0.0, |thickest| thickest.value);
        let thicker = amount * amount > most * most * way;
        let slower = self.found.slowest.is_none_or(|slowest| self.feed < slowest.value);
        if thicker | slower {
            self.note_record(amount, way, thicker, slower);
        }
        // So little way is none.
        if amount > 1.0 && way < 1.0 {
            self.push(amount);
        }
        if self.awaits_z {
            self.awaits_z = false;
            if let Some(layer) = self.found.layers.last_mut() {
                layer.z = Some(z);
            }
        } else if !self.told_layers && z > self.printed_z + RISE {
            self.printed_z = z;
            self.begin_layer(Some(z));
        }
        self.steady = self.steady();
    }

    /// Something is laid at another height than before. Whether what was laid so far is the foot of it.
    #[inline(never)]
    fn note_height(&mut self, z: f64) -> bool {
        if !self.known[Z] {
            return false;
        }
        self.laid_z = z;
        let line = self.line;
        lower(&mut self.found.lowest_laid, z, line);
        let low = self.low.take();
        if self.top == f64::NEG_INFINITY {
            self.found.first_laid = Some(At { value: z, line });
            self.top = z;
        } else if z > self.top {
            let gap = z - self.top;
            if self.found.gap.is_none_or(|most| gap > most.value) {
                self.found.gap = Some(At { value: gap, line });
            }
            self.top = z;
        } else if z < self.top - DOWN {
            if z <= FOOT {
                // The next part, beside those that stand.
                self.top = z;
                return false;
            }
            let below = self.top - z;
            if self.found.below_laid.is_none_or(|most| below > most.value) {
                self.found.below_laid = Some(At { value: below, line });
            }
            return false;
        }
        if let Some(line) = low {
            self.found.through_laid.get_or_insert(line);
        }
        if z <= FOOT || self.foot.is_some() {
            return false;
        }
        self.foot = Some(std::mem::replace(&mut self.extrusion, [Span::NOWHERE; 3]));
        self.foot_thickest = self.found.thickest.take();
        true
    }

    /// A spline lies between its ends and the two points that draw it: these go into the extents.
    fn spline(&mut self, words: &Words, second: [Option<f64>; 2]) {
        self.found.arc.get_or_insert(self.line);
        for (axis, second) in second.into_iter().enumerate() {
            let from = self.place[axis];
            let to = match words.get(axis).map(|value| value * self.unit) {
                Some(wanted) if self.relative => from + wanted,
                Some(wanted) => wanted + self.shift[axis],
                None => from,
            };
            let first = words.get(5 + axis).map(|along| from + along * self.unit);
            let second = second.map(|back| to + back * self.unit);
            for point in [first, second].into_iter().flatten() {
                if !self.known[axis] {
                    self.stray(axis, from, point);
                    continue;
                }
                self.moves[axis].include(point, self.line);
                if words.has(E) {
                    self.extrusion[axis].include(point, self.line);
                }
            }
        }
    }

    /// The most filament per way and the lowest speed, over ways of a millimetre and more.
    #[inline(never)]
    fn note_record(&mut self, amount: f64, way: f64, thicker: bool, slower: bool) {
        if way < 1.0 {
            return;
        }
        if thicker {
            self.found.thickest = Some(At { value: amount / way.sqrt(), line: self.line });
        }
        if slower {
            self.found.slowest = Some(At { value: self.feed, line: self.line });
        }
    }

    /// The length of an arc in mm, and its shape; its outermost points go into the extents. Nothing where it makes
    /// no sense.
    fn arc(&mut self, words: &Words, clockwise: bool) -> Option<(f64, Bend)> {
        use std::f64::consts::{FRAC_PI_2, TAU};
        self.found.arc.get_or_insert(self.line);
        let to: [f64; 3] = std::array::from_fn(|axis| match words.get(axis).map(|value| value * self.unit) {
            Some(wanted) if self.relative => self.place[axis] + wanted,
            Some(wanted) => wanted + self.shift[axis],
            None => self.place[axis],
        });
        let (dx, dy) = (to[0] - self.place[0], to[1] - self.place[1]);
        let (i, j) = match words.get(7).map(|radius| radius * self.unit) {
            Some(radius) => {
                let chord = dx.hypot(dy);
                let height = (radius * radius - chord * chord / 4.0).max(0.0).sqrt();
                let side = if clockwise == (radius > 0.0) { -1.0 } else { 1.0 };
                let (nx, ny) = (-dy / chord.max(1e-9), dx / chord.max(1e-9));
                (dx / 2.0 + side * height * nx, dy / 2.0 + side * height * ny)
            }
            None => (words.get(5).unwrap_or(0.0) * self.unit, words.get(6).unwrap_or(0.0) * self.unit),
        };
        let radius = i.hypot(j);
        if radius <= 0.0 || !radius.is_finite() {
            return None;
        }
        let (start, end) = ((-j).atan2(-i), (dy - j).atan2(dx - i));
        let turn = if clockwise { start - end } else { end - start }.rem_euclid(TAU);
        let turn = if turn < 1e-9 { TAU } else { turn };
        let centre = [self.place[0] + i, self.place[1] + j];
        for quarter in 0..4 {
            let angle = f64::from(quarter) * FRAC_PI_2;
            let on_the_way = if clockwise { start - angle } else { angle - start }.rem_euclid(TAU);
            if on_the_way <= turn {
                let point = [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()];
                for axis in [0, 1] {
                    if self.known[axis] {
                        self.moves[axis].include(point[axis], self.line);
                        if words.get(E).is_some() {
                            self.extrusion[axis].include(point[axis], self.line);
                        }
                    } else {
                        self.stray(axis, self.place[axis], point[axis]);
                    }
                }
            }
        }
        let bend = Bend { centre, radius, start, turn: if clockwise { -turn } else { turn } };
        Some(((radius * turn).hypot(to[2] - self.place[2]), bend))
    }
}

/// Keeps the highest, where it was reached first.
fn raise(highest: &mut Option<At>, value: f64, line: u64) {
    if !value.is_nan() && highest.is_none_or(|highest| value > highest.value) {
        *highest = Some(At { value, line });
    }
}

/// Keeps the lowest, where it was reached first.
fn lower(lowest: &mut Option<At>, value: f64, line: u64) {
    if !value.is_nan() && lowest.is_none_or(|lowest| value < lowest.value) {
        *lowest = Some(At { value, line });
    }
}

/// A number of a command of Klipper's that has a name.
fn argument(text: &[u8], name: &[u8]) -> Option<f64> {
    let (_, value) = commands::arguments(text).find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn tool_of(number: f64) -> usize {
    (0..TOOLS).find(|known| (*known as f64 - number).abs() < 0.5).unwrap_or(TOOLS - 1)
}

/// `S`, or `R` of a command that waits for cooling too; the others do not read `R` (Marlin `M104_M109.cpp`).
fn target(text: &[u8], waits: bool) -> Option<f64> {
    let cooling = || modal::word(text, b'R').filter(|_| waits);
    modal::word(text, b'S').or_else(cooling).filter(|target| target.is_finite())
}

mod words;

#[cfg(test)]
mod tests;
