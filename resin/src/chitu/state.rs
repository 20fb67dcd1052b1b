//! What is told of a ChiTu board: its states, how a print ended, and what is doubted.

use std::time::Duration;

use super::command::FileName;
use super::dialect::{Dialect, StartWay};
use super::layers::Layers;
use super::reply::{Entry, Printed};
use crate::layer::LayerIndex;
use crate::units::Micrometres;

/// A file that is to be printed from the board's own stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub name: FileName,
    /// Its exact size, bytes: by it the board's copy is known.
    pub size: u64,
    pub layers: Layers,
}

/// What the board does, as far as it was asked and has answered. Whether it answers at all is [`Health`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The port is not open.
    Unknown,
    Greeting,
    Idle,
    /// The file is selected, and its name and size are held against what must be there.
    Selecting,
    /// Told to start, and no layer of it printed yet.
    Starting,
    Printing,
    /// Told to pause; it finishes its layer first.
    Pausing,
    Paused,
    Resuming,
    Stopping,
    Uploading,
    /// It prints something that is not ours: nothing but a stop touches it.
    Foreign,
    Ended(Ending),
}

/// How a print of ours ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It had come to its last layer (of an opaque file: the last byte that is printed) when the board stopped printing.
    Completed,
    /// It stopped before, was watched all the time, and we did not do it.
    CancelledAtPanel { last_layer: Option<LayerIndex> },
    /// We stopped it.
    Stopped { last_layer: Option<LayerIndex>, proof: StopProof },
    /// The stick was gone before its last layer.
    MediumRemoved { last_layer: Option<LayerIndex> },
    /// It is not known whether it was completed: somebody has to look.
    Unknown { last_layer: Option<LayerIndex>, why: Unproven },
}

/// What was seen after `M33`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopProof {
    /// The board says twice that it does not print, and its plate went up.
    NotPrintingAndRising,
    /// It says twice that it does not print; its plate was not seen to move.
    NotPrinting,
}

/// Why nobody knows how a print ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the file does not tell its layers, and the board stopped before its last byte")]
    OpaqueFile,
    #[error("the board was not heard for {} s before it was found not to print", .0.as_secs())]
    Unwatched(Duration),
    #[error("the board did not print when we came back to it")]
    EndedWithoutUs,
    #[error("the board was found to print something else")]
    OtherFile,
    #[error("the board does not tell whether it prints")]
    NotTold,
}

/// Whether the board can be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// It does not answer: off, unplugged, other baud rate, or wedged by commands too close to each other.
    Silent,
    /// Only NULs come: wires crossed, no common ground, or another voltage.
    WiringFault,
}

/// The board's own USB stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    NotAsked,
    Ready,
    /// `//Disk init fail!`: none there, or one that it cannot read.
    Removed,
}

/// What has to be told to somebody; its words say what and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("the board did not answer {0}; whether it was taken is being asked")]
    Unanswered(&'static str),
    #[error(
        "M112 has stopped the motors and no more: nothing says that the light is off. Look, and cut the power if it is on"
    )]
    LightNotKnown,
    #[error("the board was told to stop and still prints: stop it at its panel, or cut its power")]
    StillPrinting,
    #[error(
        "the board was told to stop and does not say whether it prints: look, and cut its power if in doubt"
    )]
    StopNotTold,
    #[error("the board has stopped printing, but its plate was not seen to go up: look before you touch it")]
    PlateNotRising,
    #[error("the board was told to pause and goes on printing")]
    NotPausing,
    #[error("this board does not tell whether it has paused: look")]
    PauseNotTold,
    #[error("the board was told to go on and does not: see its panel")]
    NotResuming,
    #[error(
        "the print was recognised by its size alone, since this board does not tell the name of its file"
    )]
    KnownBySizeOnly,
    #[error("the board says that it has read {now} bytes, after {before}: not believed")]
    WentBack { before: u64, now: u64 },
    #[error("the stick was taken out, or cannot be read any more, in the middle of a print")]
    MediumGone,
    #[error(
        "the board wants line numbers or checksums: this is no ChiTu board, or its port is set up for another"
    )]
    ChecksumsWanted,
    #[error("another board answers than before: {before:?}, now {now:?}; it is greeted anew")]
    OtherBoard { before: String, now: String },
    #[error("the board did not print with {0:?}; it says that it does not print, so the other way is tried")]
    OtherWay(StartWay),
    #[error("the board did not take {code}: {said:?}")]
    NotTaken { code: &'static str, said: String },
    #[error(
        "the board had a file open that somebody was sending; it was closed, and what is there of it is not printed"
    )]
    FileWasOpen,
}

/// Why a print was not started, or a file is not what it must be. The board prints nothing by our doing then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    #[error("{name} is not on the stick ({said:?}): put it there, or see whether the right stick is in")]
    Missing { name: FileName, said: String },
    #[error(
        "{name} on the stick has {on_board} bytes and must have {wanted}: another file, or a copy that was cut off. Copy it anew"
    )]
    WrongSize { name: FileName, on_board: u64, wanted: u64 },
    #[error("the board has {said:?} selected, not {name}")]
    OtherName { name: FileName, said: String },
    #[error("the board does not tell how many bytes {name} has, so it may be any file")]
    SizeNotTold { name: FileName },
    #[error("the board cannot read its stick: put it in, or format it as FAT32")]
    NoMedium,
    #[error("the board prints already")]
    AlreadyPrinting,
    #[error("the board prints a file of {on_board} bytes, ours has {wanted}: stop it and look at the stick")]
    OtherFilePrints { on_board: u64, wanted: u64 },
    #[error("the board tells neither by M4000 nor by M27 whether it prints, so no start could be believed")]
    TellsNothing,
    #[error("the board was told to start and says that it does not print ({said:?})")]
    NotPrinting { said: String },
    #[error("the board stopped answering; nothing was started")]
    NoAnswer,
    #[error("the start was called off")]
    CalledOff,
}

/// Why a command of the caller is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the port is not open")]
    NotOpen,
    #[error("the board does not answer")]
    NotWell,
    #[error("not in this state: {0:?}")]
    NotNow(State),
    #[error("the same thing is asked for already")]
    Pending,
    #[error("{} µm up from {} µm is above what the board says it can reach, {} µm", .by.0, .from.0, .reach.0)]
    TooHigh { by: Micrometres, from: Micrometres, reach: Micrometres },
    #[error("a plate is raised by more than 0 and at most 1 m, at more than 0 and at most 100 mm/s")]
    NoRaise,
    #[error("how high the plate is, or can go, is not known")]
    HeightNotKnown,
    #[error("{0}")]
    File(super::blocks::BadUpload),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    StateChanged(State),
    /// The board was greeted, and this is what it can.
    Learned(Box<Dialect>),
    /// The stick's root; `complete` is false where it held more than is kept.
    Listed {
        entries: Vec<Entry>,
        complete: bool,
    },
    /// The file is on the stick, by name and size.
    Verified {
        name: FileName,
        size: u64,
    },
    NotStarted(NotStarted),
    /// A print that ran before we came, known as ours.
    Attached {
        name: FileName,
    },
    /// The board prints something that we did not start.
    NotOurs {
        name: Option<String>,
        total: u64,
    },
    /// Never goes back.
    Progress(Printed),
    /// Never goes back; layers may be skipped between two looks.
    LayerReached(LayerIndex),
    Ended(Ending),
    Uploaded {
        name: FileName,
        size: u64,
    },
    NotUploaded(super::blocks::UploadError),
    Doubt(Doubt),
    Medium(Medium),
    Health(Health),
    /// Text that is not understood, for the log.
    Said(String),
}

/// How often and how long; every span above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between an answer and the next command: closer ones wedge boards (mariner #453).
    pub gap: Duration,
    /// Ends a line without newline.
    pub line_pause: Duration,
    /// As `line_pause`, while a start is answered.
    pub line_pause_start: Duration,
    /// How long an `ok` may take to come behind what could be the whole answer.
    pub settle: Duration,
    /// An answer may take so long from the last byte.
    pub reply: Duration,
    /// And so long in all, whatever comes.
    pub longest_reply: Duration,
    /// How often a board is looked at.
    pub poll: Duration,
    /// After a start command, until the board must say that it prints.
    pub start: Duration,
    /// After `M25`; a layer is finished first, and bottom layers are long.
    pub pause: Duration,
    pub resume: Duration,
    /// `M33` is said again after this time.
    pub stop: Duration,
    /// How long the plate is watched for going up after a stop.
    pub rise: Duration,
    /// How much faster than a clock the board prints: 1, but for a simulated one. `poll` is by a clock.
    pub board_speed: u32,
}

impl Timing {
    /// For a simulated board that prints so many times faster than a clock: it is looked at as often by its own time,
    /// and still no closer than `gap`. What the wire takes is not faster by that, nor is how long an answer may take.
    #[must_use]
    pub fn for_board_speed(self, speed: u32) -> Self {
        let speed = speed.max(1);
        Self { poll: (self.poll / speed).max(self.gap), board_speed: speed, ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        Self {
            gap: ms(100),
            line_pause: ms(100),
            line_pause_start: s(2),
            settle: ms(500),
            reply: s(5),
            longest_reply: s(60),
            poll: s(2),
            start: s(10),
            pause: s(180),
            resume: s(15),
            stop: s(10),
            rise: s(15),
            board_speed: 1,
        }
    }
}

/// A span that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} must be {1}")]
pub struct BadTiming(pub &'static str, pub &'static str);

impl Timing {
    pub(super) fn check(&self) -> Result<(), BadTiming> {
        for (name, span) in [
            ("line_pause", self.line_pause),
            ("line_pause_start", self.line_pause_start),
            ("settle", self.settle),
            ("reply", self.reply),
            ("longest_reply", self.longest_reply),
            ("start", self.start),
            ("pause", self.pause),
            ("resume", self.resume),
            ("stop", self.stop),
            ("rise", self.rise),
        ] {
            if span.is_zero() {
                return Err(BadTiming(name, "above zero"));
            }
        }
        if self.gap < Duration::from_millis(10) {
            return Err(BadTiming("gap", "10 ms or more: closer commands wedge boards"));
        }
        if self.poll.saturating_mul(self.board_speed) < Duration::from_secs(1) {
            return Err(BadTiming("poll", "1 s or more: boards want to be asked every 2 to 5 s"));
        }
        Ok(())
    }
}

/// What the caller knows of a board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub timing: Timing,
    /// How prints are started; else by the firmware.
    pub start: Option<StartWay>,
}
