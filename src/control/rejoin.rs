//! Going on with a job after a gap (another platen began it, or its port was gone): what has to be proven, and what
//! was kept for that.
//!
//! ```text
//!            count told twice          M115 answered           M105, M114 twice, count once more
//!  Counting ──────────────────▶ Recognising ──────────▶ Asking ──────────────────────▶ Confirming
//!     │ `start`, no count,          │ another board        │ elsewhere, other targets     │ all proven
//!     ▼ no line of the job          ▼                      ▼                              ▼
//!   (interrupted: greeted anew, which switches the heaters off)            Continue, or Ask: held
//!                         ▲ another count, or none                                       │ resumed
//!                         └───────────────────────────────────── count once more ◀───────┘ ──▶ Continue
//! ```
//! Nothing that is sent here moves or heats. The first numbered line is taken only by a board that counts as
//! it said, so its answer proves the count; what that number carries is told by the trail, which is kept before
//! each line goes out; position and targets are held against a replay of the file. While it is held for a person the
//! board may lose its power unseen, so it is asked for its count once more before anything is sent or said.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::park::Told;
use super::run::FileLine;
use crate::domain::ids::JobId;
use crate::domain::job::{AfterCrash, Progress, Unproven};
use crate::domain::moment::Moment;
use crate::domain::printer::Temperatures;
use crate::gcode::commands::{self, Code, InFile};
use crate::gcode::modal::{Modal, word};
use crate::gcode::survey::CommandDigest;
use crate::protocol::numbering::{Numbering, Point};
use crate::protocol::report::Position;

/// Told positions are rounded to a hundredth, and firmware adds relative moves up in single precision, mm.
const ELSEWHERE: f64 = 0.03;
/// A target is told to a hundredth, °C.
const OTHER_TARGET: f64 = 0.6;
/// A nozzle or bed that was waited for and is this far off has been without power, °C.
const LOST_HEAT: f64 = 15.0;
/// A board that works through long moves or heats up answers late; it says `busy` meanwhile.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How often `M115` is asked.
pub const ASKED_MAX: u32 = 4;

/// What is kept of a job while it runs, so that somebody else can go on with it. It is renewed before the first
/// byte goes out that would make it wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    pub job: JobId,
    /// Only lines of the file go out, and questions. Otherwise a pause or an end is under way.
    pub steady: bool,
    /// Numbers and the commands of the file that they carry.
    pub points: Vec<(u32, u64)>,
    /// The next new line's number when this was kept.
    pub next: u32,
    /// Lines go out packed; without spaces.
    pub packed: bool,
    pub compact: bool,
    /// Pieces of cut lines that the firmware seems to have run as commands.
    pub strays: u64,
    /// Commands of the file that were confirmed when this was kept; the journal may stand still, on a full disk.
    #[serde(default)]
    pub confirmed: u64,
    /// A line that lays something may have gone out; what was kept without a word of it may be of any job.
    #[serde(default = "yes")]
    pub laid: bool,
}

fn yes() -> bool {
    true
}

impl Trail {
    /// How far the job has come for certain, where the journal has `noted` so much.
    pub fn progress(&self, noted: Progress) -> Progress {
        Progress { confirmed: noted.confirmed.max(self.confirmed).min(noted.total), ..noted }
    }

    fn numbering(&self) -> Option<Numbering> {
        Numbering::of(self.points.iter().map(|(number, index)| Point { number: *number, index: *index }))
    }
}

/// What the journal and the trail know of the job that was running.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub job: JobId,
    pub progress: Progress,
    pub trail: Trail,
    pub policy: AfterCrash,
}

/// Where an axis is, as far as the file's lines tell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Axis {
    /// No line has moved it, or the last that did was the firmware's own cycle (homing, probing).
    Firmwares,
    At(f64),
    Unknown,
}

/// The file up to the line that is next: what it leaves behind.
#[derive(Clone, Debug)]
pub struct Replay {
    pub modal: Modal,
    pub digest: CommandDigest,
    /// The next command's index.
    pub next: u64,
    /// Heights at which filament was laid, counted from 1.
    pub layer: u32,
    layer_height: Option<f64>,
    axes: [Axis; 3],
    /// The present target was waited for.
    hotend_waited: bool,
    bed_waited: bool,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            modal: Modal::default(),
            digest: CommandDigest::default(),
            next: 1,
            layer: 0,
            layer_height: None,
            axes: [Axis::Firmwares; 3],
            hotend_waited: false,
            bed_waited: false,
        }
    }
}

impl Replay {
    /// Takes the next command in.
    pub fn note(&mut self, text: &[u8]) {
        self.digest.add(text);
        self.next += 1;
        if text.starts_with(b"M") && commands::in_file(text).0 == InFile::Pauses {
            return;
        }
        let before = self.modal;
        self.modal.note(text);
        let Some(code) = Code::of(text) else { return };
        match (code.letter, code.number) {
            (b'G', 28..=38) => self.axes = [Axis::Firmwares; 3],
            (b'M', 104) => self.hotend_waited &= before.hotends() == self.modal.hotends(),
            (b'M', 109) => self.hotend_waited = true,
            (b'M', 140) => self.bed_waited &= before.bed() == self.modal.bed(),
            (b'M', 190) => self.bed_waited = true,
            (b'T', _) => self.hotend_waited = false,
            _ => {}
        }
        for (axis, place) in self.axes.iter_mut().zip(self.modal.place()) {
            match (*axis, place) {
                (_, Some(at)) => *axis = Axis::At(at),
                (Axis::At(_), None) => *axis = Axis::Unknown,
                (Axis::Firmwares | Axis::Unknown, None) => {}
            }
        }
        if code.letter == b'G' && code.number <= 5 {
            for (letter, (axis, place)) in b"XYZ".iter().zip(self.axes.iter_mut().zip(self.modal.place())) {
                // Moved from where the firmware's own cycle has left it, by so much: nobody knows where to.
                if place.is_none() && word(text, *letter).is_some() {
                    *axis = Axis::Unknown;
                }
            }
            if self.modal.motion().is_none() || !self.modal.is_plain() {
                self.axes = [Axis::Unknown; 3];
            }
            self.note_layer(text);
        }
    }

    fn note_layer(&mut self, text: &[u8]) {
        let lays = word(text, b'E').is_some() && (word(text, b'X').is_some() || word(text, b'Y').is_some());
        let height = self.modal.place()[2];
        if lays && height.is_some() && self.layer_height != height {
            self.layer += 1;
            self.layer_height = height;
        }
    }

    /// Whether the head is where these lines leave it.
    fn judge_place(&self, told: &Position) -> Result<(), Unproven> {
        for (axis, told) in self.axes.iter().zip([told.x, told.y, told.z]) {
            match axis {
                Axis::Firmwares => {}
                Axis::At(at) if (at - told).abs() <= ELSEWHERE => {}
                Axis::At(_) | Axis::Unknown => return Err(Unproven::Position),
            }
        }
        Ok(())
    }

    /// Whether the heaters want what these lines have set, and have it.
    fn judge_heat(&self, told: &Temperatures) -> Result<(), Unproven> {
        let heaters = [
            (told.hotend, self.modal.hotends()[self.modal.tool()], self.hotend_waited),
            (told.bed, self.modal.bed(), self.bed_waited),
        ];
        for (reading, wanted, waited) in heaters {
            let Some(reading) = reading else {
                if wanted.is_some_and(|wanted| wanted > 0.0) {
                    return Err(Unproven::Targets);
                }
                continue;
            };
            let wanted = wanted.unwrap_or(0.0);
            if reading.target.is_none_or(|target| (target.0 - wanted).abs() > OTHER_TARGET) {
                return Err(Unproven::Targets);
            }
            if waited && wanted > 0.0 && reading.actual.0 < wanted - LOST_HEAT {
                return Err(Unproven::Heat);
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    Counting,
    /// `M115` was asked so often.
    Recognising {
        asked: u32,
    },
    /// `M105` and `M114` are asked.
    Asking,
    Confirming,
    /// All is answered; the replay may still run.
    Answered,
}

/// One try to go on.
#[derive(Clone, Debug)]
pub struct Rejoin {
    pub plan: Plan,
    pub step: Step,
    pub replay: Replay,
    pub place: Told,
    pub until: Moment,
    /// The next command of the file, as the count and the trail tell it.
    next: Option<u64>,
    /// No number below this command's can be the one.
    floor: u64,
    supply: VecDeque<FileLine>,
    pub supplied: bool,
    supplied_to: u64,
    /// The plug was pulled: the board is asked who it is, `introduced` times so far, before a number is used.
    pub replugged: bool,
    pub introduced: u32,
}

impl Rejoin {
    /// `Err` where what was kept is of no use.
    pub fn begin(now: Moment, plan: Plan) -> Result<Self, Unproven> {
        let numbering = plan.trail.numbering().filter(|_| plan.trail.job == plan.job);
        let numbering = numbering.ok_or(Unproven::NoRecord)?;
        if plan.policy == AfterCrash::Interrupt {
            return Err(Unproven::Policy);
        }
        if !plan.trail.steady {
            return Err(Unproven::Unsteady);
        }
        let floor = numbering.points().next().map_or(1, |point| point.index);
        Ok(Self {
            plan,
            step: Step::Counting,
            replay: Replay::default(),
            place: Told::asked_twice(),
            until: now + PATIENCE,
            next: None,
            floor,
            supply: VecDeque::new(),
            supplied: false,
            supplied_to: 0,
            replugged: false,
            introduced: 0,
        })
    }

    /// The line number about which the board should be.
    pub fn near(&self) -> u32 {
        self.plan.trail.next
    }

    /// The board wants this line next. Gives the command of the file that is next.
    pub fn handle_count(&mut self, wanted: u32) -> Result<u64, Unproven> {
        let index = self.plan.trail.numbering().and_then(|numbering| numbering.index_at(wanted));
        let index = index.filter(|index| (self.floor..=self.plan.progress.total + 1).contains(index));
        let index = index.ok_or(Unproven::Count)?;
        self.next = Some(index);
        self.step = Step::Recognising { asked: 1 };
        self.replay_more();
        Ok(index)
    }

    /// How many more lines of the file it would take now.
    pub fn wants(&self) -> usize {
        if self.supplied { 0 } else { super::run::SUPPLY_AHEAD.saturating_sub(self.supply.len()) }
    }

    pub fn take(&mut self, line: FileLine) -> Result<(), Unproven> {
        if line.index != self.supplied_to + 1 {
            return Err(Unproven::File);
        }
        self.supplied_to = line.index;
        self.supply.push_back(line);
        self.replay_more();
        Ok(())
    }

    fn replay_more(&mut self) {
        let to = self.next.unwrap_or(self.floor);
        while self.supply.front().is_some_and(|line| line.index < to) {
            let Some(line) = self.supply.pop_front() else { return };
            self.replay.note(&line.text);
        }
    }

    pub fn is_replayed(&self) -> bool {
        self.next == Some(self.replay.next)
    }

    /// Everything is answered and replayed: may it go on?
    pub fn judge(&self, told: &Temperatures) -> Result<(), Unproven> {
        let place = self.place.agreed().ok_or(Unproven::Position)?;
        self.replay.judge_place(&place)?;
        self.replay.judge_heat(told)
    }

    /// What is left for the run: replay, and the lines that were read ahead.
    pub fn into_parts(self) -> (Plan, Replay, VecDeque<FileLine>, bool) {
        (self.plan, self.replay, self.supply, self.supplied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::printer::Reading;
    use crate::domain::units::Celsius;

    const FILE: [&str; 9] = [
        "G28",
        "G90",
        "M83",
        "M140 S60",
        "M190 S60",
        "M109 S215",
        "G1 Z0.2 F600",
        "G1 X10 Y20 E1",
        "G1 X12 E.5",
    ];

    fn replay(lines: &[&str]) -> Replay {
        let mut replay = Replay::default();
        lines.iter().for_each(|line| replay.note(line.as_bytes()));
        replay
    }

    fn at(x: f64, y: f64, z: f64) -> Position {
        Position { x, y, z, e: 0.0 }
    }

    fn heat(hotend: (f64, f64), bed: (f64, f64)) -> Temperatures {
        let reading =
            |(actual, target)| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
        Temperatures { hotend: reading(hotend), bed: reading(bed), ..Temperatures::default() }
    }

    fn plan(points: Vec<(u32, u64)>) -> Plan {
        let job = JobId::from_entropy([7; 16]);
        let trail = Trail {
            job: job.clone(),
            steady: true,
            points,
            next: 10_050,
            packed: false,
            compact: true,
            strays: 0,
            confirmed: 10,
            laid: true,
        };
        Plan { job, progress: Progress { confirmed: 10, total: 100 }, trail, policy: AfterCrash::Continue }
    }

    #[test]
    fn the_head_must_be_where_the_replayed_lines_leave_it() {
        let replay = replay(&FILE);
        assert_eq!(replay.judge_place(&at(12.0, 20.0, 0.2)), Ok(()));
        for elsewhere in [at(10.0, 20.0, 0.2), at(12.0, 20.1, 0.2), at(12.0, 20.0, 0.0)] {
            assert_eq!(replay.judge_place(&elsewhere), Err(Unproven::Position), "{elsewhere:?}");
        }
    }

    #[test]
    fn a_place_that_the_lines_do_not_tell_proves_nothing() {
        let anywhere = at(1.0, 2.0, 3.0);
        assert_eq!(replay(&["G28"]).judge_place(&anywhere), Ok(()), "homing ends where the firmware says");
        for lines in [&["G1 X5"][..], &["G28", "G90", "G1 X1 Y2 Z3", "G92 X0"], &["G28", "G91", "G1 X1"]] {
            assert!(replay(lines).judge_place(&anywhere).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn targets_must_be_those_of_the_file_and_what_was_waited_for_must_be_hot() {
        let replay = replay(&FILE);
        assert_eq!(replay.judge_heat(&heat((214.0, 215.0), (60.0, 60.0))), Ok(()));
        assert_eq!(replay.judge_heat(&heat((214.0, 0.0), (60.0, 60.0))), Err(Unproven::Targets));
        assert_eq!(replay.judge_heat(&heat((214.0, 215.0), (60.0, 0.0))), Err(Unproven::Targets));
        assert_eq!(replay.judge_heat(&heat((150.0, 215.0), (60.0, 60.0))), Err(Unproven::Heat));
        assert_eq!(replay.judge_heat(&Temperatures::default()), Err(Unproven::Targets));
    }

    #[test]
    fn the_layer_is_counted_by_heights_at_which_filament_is_laid() {
        let lines = [
            "G90", "M83", "G1 Z0.2", "G1 X1 E1", "G1 Z5", "G1 X9", "G1 Z0.2", "G1 X2 E1", "G1 Z0.4",
            "G1 X3 E1",
        ];
        assert_eq!(replay(&lines).layer, 2);
    }

    #[test]
    fn a_count_that_the_trail_does_not_cover_is_no_count() {
        let begin = |points| Rejoin::begin(Moment::ZERO, plan(points)).unwrap();
        let points = vec![(10_040, 30), (10_045, 34)];
        for (wanted, index) in
            [(10_042, Some(32)), (10_044, Some(34)), (10_045, Some(34)), (10_047, Some(36))]
        {
            assert_eq!(begin(points.clone()).handle_count(wanted).ok(), index, "{wanted}");
        }
        // A board that was reset, one that is behind all that is known, and one that is beyond the file.
        for wanted in [1, 14, 9_999, 10_039, 10_200, 4_000_000] {
            assert_eq!(begin(points.clone()).handle_count(wanted), Err(Unproven::Count), "{wanted}");
        }
    }

    #[test]
    fn a_job_has_come_as_far_as_the_better_of_journal_and_trail_knows() {
        let trail = |confirmed| Trail { confirmed, ..plan(vec![(10_000, 1)]).trail };
        let noted = |confirmed| Progress { confirmed, total: 100 };
        for (kept, journal, wanted) in [(60, 10, 60), (10, 60, 60), (101, 10, 100)] {
            assert_eq!(trail(kept).progress(noted(journal)), noted(wanted));
        }
    }

    #[test]
    fn what_was_not_kept_whole_is_not_used() {
        let begin = |change: fn(&mut Plan)| {
            let mut plan = plan(vec![(10_000, 1)]);
            change(&mut plan);
            Rejoin::begin(Moment::ZERO, plan).err()
        };
        assert_eq!(begin(|_| {}), None);
        assert_eq!(begin(|plan| plan.trail.steady = false), Some(Unproven::Unsteady));
        assert_eq!(begin(|plan| plan.trail.points.clear()), Some(Unproven::NoRecord));
        assert_eq!(begin(|plan| plan.trail.job = JobId::from_entropy([8; 16])), Some(Unproven::NoRecord));
        assert_eq!(begin(|plan| plan.policy = AfterCrash::Interrupt), Some(Unproven::Policy));
    }
}
