//! How one firmware talks, and how its machine moves: every difference between real boards that a host can meet.

use serde::{Deserialize, Serialize};

/// What stands behind `ok N:`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Always 0 (V4.3.x).
    #[default]
    Zero,
    /// Commands since power-on (V4.4.3).
    Running,
}

/// The reply to `M4000`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusReply {
    /// A whole line.
    Full,
    /// Only `ok N:<n>`.
    OkOnly,
    /// Everything, ended by a space and no newline (mariner test_mars.py).
    #[default]
    NoNewline,
}

/// The reply to `M4006`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectedReply {
    /// `ok '/subdir/LittleBBC.ctb'`.
    Path,
    /// `ok 'LittleBBC.ctb'`.
    #[default]
    Basename,
    /// Only `ok N:160` (mariner#452).
    OkOnly,
}

/// The reply to a successful `M23`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedReply {
    /// `File opened:lattice.ctb Size:26058253`, `File selected`, `ok N:0` (mariner test_mars.py).
    #[default]
    FileOpened,
    /// `File selected`, `File1.ctb Size:8472210`, `File selected`, `ok N:460` (V4.4.3).
    SelectedTwice,
}

/// Which command starts a print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartCommand {
    /// `M23 /path`, then `M6030 'basename'`.
    #[default]
    M6030,
    /// `M23 /path`, then `M24` (Mars Pro 4.4.3). Assumption: `M6030` says `ok` there and starts nothing.
    M23M24,
}

/// `D:` in the status of a board that does not print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleProgress {
    /// `D:0/0/0`.
    #[default]
    Zero,
    /// `D:0/0/1`.
    ZeroPaused,
    /// `D:31540/0/1`: where the last print stood.
    StalePaused,
}

/// What `M28` is good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upload {
    /// Blocks are written.
    Works,
    /// A file without a byte is made, and `ok N:536925260` said (elegoomars tid=150 #13, mariner#56).
    #[default]
    EmptyFile,
    /// No answer at all (assumption).
    Unsupported,
}

/// The stick as the board sees it at power-on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    /// It can be read.
    #[default]
    Ok,
    /// It is there and cannot be read: `//Disk init fail!`.
    Fail,
    /// There is none: `//Disk init fail!` too.
    Removed,
}

/// What a print does whose stick is gone. Nobody has written it down; both are assumptions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StickLoss {
    /// The layer in work is finished, then the print ends as if stopped.
    #[default]
    Ends,
    /// The layer in work is finished, then it stands there for good, and its status says that it prints.
    Stalls,
}

/// NULs of bad wiring (mariner#407).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NulNoise {
    /// None.
    #[default]
    Quiet,
    /// A run of them before each reply.
    Runs,
    /// Every byte of every reply is one.
    Only,
}

/// Commands that a firmware answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// All.
    #[default]
    Whole,
    /// Those from `M4000` to `M4006` by `ok N:<n>` and nothing else (mariner#453 on V4.4.3), `M4002` among them.
    OkForM400x,
    /// None; it obeys none either (Octoprint-Chituboard#42). What it says by itself is still said.
    Mute,
}

/// The plate's own drive, mm and mm/s; what a job file does not say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// Highest place of the plate, mm: `155` in `T:0/0/0/155/1` and in `Z:155.000000`.
    pub z_max_mm: f64,
    /// Where it stands at power-on, mm.
    pub z_mm: f64,
    /// Speed of homing, and of the way up after the end, mm/s.
    pub travel_mm_s: f64,
    /// Lift where the file says none, mm.
    pub lift_mm: f64,
    /// Speed of the lift where the file says none, mm/s.
    pub lift_mm_s: f64,
    /// Speed of the way down where the file says none, mm/s.
    pub retract_mm_s: f64,
    /// How far a pause lifts the plate, mm (assumption).
    pub pause_lift_mm: f64,
    /// Layers that are assumed for a file whose table cannot be read, since it is enciphered.
    pub opaque_layers: u32,
    /// Exposure of such a layer, s.
    pub opaque_exposure_s: f64,
    /// Height of such a layer, mm.
    pub opaque_height_mm: f64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            z_max_mm: 155.0,
            z_mm: 155.0,
            travel_mm_s: 5.0,
            lift_mm: 5.0,
            lift_mm_s: 1.0,
            retract_mm_s: 2.5,
            pause_lift_mm: 50.0,
            opaque_layers: 100,
            opaque_exposure_s: 8.0,
            opaque_height_mm: 0.05,
        }
    }
}

/// One firmware; the fields of facts A.4 by their names there, and a few more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Behind `ok ` in the reply to `M4002`, for example `V4.3.4_LCDC`.
    pub firmware: String,
    /// The reply to `M115`.
    pub identity: String,
    pub n_counter: Counter,
    /// Where a running counter begins.
    pub n_first: u32,
    pub voice: Voice,
    pub m4000: StatusReply,
    /// `SD N:463`, `byte 1363986/8472210`, `ok N:463` instead of one line.
    pub m27_split: bool,
    pub m4006: SelectedReply,
    pub m23: OpenedReply,
    pub start: StartCommand,
    pub idle_d: IdleProgress,
    /// What a stale `D:` shows before the first print, bytes.
    pub stale_bytes: u64,
    pub uart_upload: Upload,
    /// Blocks of an upload, counted from 1, whose first byte arrives changed: every so-manieth; 0 for none.
    pub corrupt_every_block: u32,
    /// `resend <offset>, error:<n>` instead of `resend <offset>`.
    pub resend_with_error: bool,
    /// `wait` every second while it homes or goes to the first layer.
    pub emit_wait: bool,
    /// `End read` when the last layer of a print is done.
    pub emit_end_read: bool,
    /// From the end of a command to its reply, ms.
    pub reply_latency_ms: u64,
    /// The same for `M6030`, and for the `M24` that starts a print, ms.
    pub start_latency_ms: u64,
    /// Least time from `M25` to the flag in `D:`, s; the layer is finished in any case.
    pub pause_latency_s: f64,
    /// Commands whose ends are closer than this wedge it until a power cycle, ms; 0 for never (mariner#453).
    pub overrun_gap_ms: u64,
    pub disk: Disk,
    pub stick_loss: StickLoss,
    /// Whether a stop lets the exposure in work end (nobody has written down which).
    pub stop_finishes_exposure: bool,
    pub nul_noise: NulNoise,
    /// A byte 0xB4 at the end of each reply's text (the byte is of mariner#301, its place is assumed).
    pub non_utf8: bool,
    pub machine: Machine,
}

impl Default for Profile {
    fn default() -> Self {
        Preset::Mars.profile()
    }
}

/// Families whose replies were captured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Elegoo Mars, `V4.3.4_LCDC` (mariner test_mars.py).
    #[default]
    Mars,
    /// Elegoo Mars Pro, V4.4.3: counts its commands, splits `M27`, starts by `M24`, tells no status (mariner#453).
    MarsPro,
    /// The first Mars, `V4.2.20.3_LCDM`.
    MarsOriginal,
    /// Mars 3 Pro, "Chitu M21": answers nothing.
    MarsM21,
    /// A board that takes files by `M28`; its WiFi sisters do (facts A.3).
    Uploading,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Mars, Self::MarsPro, Self::MarsOriginal, Self::MarsM21, Self::Uploading];

    /// How it talks.
    pub fn profile(self) -> Profile {
        let mars = Profile {
            firmware: "V4.3.4_LCDC".to_owned(),
            identity: "CBD make it.Date:Apr  2 2020 Time:16:30:35".to_owned(),
            n_counter: Counter::Zero,
            n_first: 0,
            voice: Voice::Whole,
            m4000: StatusReply::NoNewline,
            m27_split: false,
            m4006: SelectedReply::Basename,
            m23: OpenedReply::FileOpened,
            start: StartCommand::M6030,
            idle_d: IdleProgress::StalePaused,
            stale_bytes: 0,
            uart_upload: Upload::EmptyFile,
            corrupt_every_block: 0,
            resend_with_error: false,
            emit_wait: false,
            emit_end_read: false,
            reply_latency_ms: 50,
            start_latency_ms: 1_500,
            pause_latency_s: 4.0,
            overrun_gap_ms: 50,
            disk: Disk::Ok,
            stick_loss: StickLoss::Ends,
            stop_finishes_exposure: false,
            nul_noise: NulNoise::Quiet,
            non_utf8: false,
            machine: Machine::default(),
        };
        match self {
            Self::Mars => mars,
            Self::MarsPro => Profile {
                firmware: "V4.4.3_LCDC".to_owned(),
                n_counter: Counter::Running,
                voice: Voice::OkForM400x,
                m4000: StatusReply::OkOnly,
                m27_split: true,
                m4006: SelectedReply::OkOnly,
                m23: OpenedReply::SelectedTwice,
                start: StartCommand::M23M24,
                idle_d: IdleProgress::Zero,
                emit_end_read: true,
                ..mars
            },
            Self::MarsOriginal => Profile {
                firmware: "V4.2.20.3_LCDM".to_owned(),
                m4006: SelectedReply::Path,
                idle_d: IdleProgress::ZeroPaused,
                emit_wait: true,
                ..mars
            },
            Self::MarsM21 => Profile {
                firmware: String::new(),
                voice: Voice::Mute,
                m4000: StatusReply::OkOnly,
                m4006: SelectedReply::OkOnly,
                uart_upload: Upload::Unsupported,
                ..mars
            },
            Self::Uploading => Profile {
                identity: "ZWLF make it".to_owned(),
                m4000: StatusReply::Full,
                m4006: SelectedReply::Path,
                idle_d: IdleProgress::Zero,
                uart_upload: Upload::Works,
                emit_end_read: true,
                overrun_gap_ms: 0,
                ..mars
            },
        }
    }
}
