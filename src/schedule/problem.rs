//! What the planner is told: jobs, printers, the site and what was planned before, as plain numbers.
//!
//! Times are seconds since the epoch, spans are seconds, lengths are micrometres, power is watts.

/// Beyond any plan; sums of two such values do not overflow.
pub(super) const FAR: i64 = i64::MAX / 8;

/// A moment, in seconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub i64);

impl Seconds {
    /// Moments outside of any plan are brought to its edge, so that arithmetic on them is safe.
    pub(super) fn bounded(self) -> i64 {
        self.0.clamp(-FAR, FAR)
    }
}

/// From (included) to (not included).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    pub from: Seconds,
    pub to: Seconds,
}

/// Place of a job in [`Problem::jobs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobAt(pub usize);

/// Place of a printer in [`Problem::printers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrinterAt(pub usize);

macro_rules! interned {
    ($($(#[$doc:meta])* $name:ident($number:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub $number);
    )*};
}

interned! {
    /// A material, interned by the caller.
    Material(u32);
    /// One batch of a material.
    Lot(u32);
    /// A validated way of making: material, profile and printer family together.
    Process(u32);
    /// A fused circuit that printers share.
    Circuit(u32);
    /// A printer's make and model.
    Model(u32);
    /// What the printed part is for (display, guide, …), numbered by the caller.
    Use(u8);
    /// Milligrams of material; of what a vat gives, microlitres.
    Amount(u64);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Fdm,
    Resin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Routine,
    Urgent,
    Emergency,
}

/// Why a job may not be planned at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    ByPerson,
    CaseOnHold,
    NotApproved,
    /// It belongs to no part of a case yet.
    Unassigned,
    /// What the caller has words for ([`super::Names::barred`]).
    Other(u16),
}

/// What a job asks of a printer; what is absent is not asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needs {
    /// Size of all that is printed, x, y, z in micrometres.
    pub extents: Option<[u32; 3]>,
    /// Micrometres.
    pub nozzle: Option<u32>,
    pub material: Option<Material>,
    pub amount: Option<Amount>,
    pub process: Option<Process>,
    pub purpose: Use,
    pub model: Option<Model>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: Kind,
    /// Persons' order, or that of arrival: lower is earlier, and no two jobs share one.
    pub order: u64,
    pub priority: Priority,
    /// When the print must have ended; [`due`] counts back from when the part is needed.
    pub due: Option<Seconds>,
    /// Seconds from the start (heating included) to the end; the site's guess where absent.
    pub duration: Option<i64>,
    pub held: Option<Hold>,
    /// People said: this printer and no other.
    pub pinned: Option<PrinterAt>,
    /// People made this printer ready for it; binds for as long as that printer fits.
    pub prepared: Option<PrinterAt>,
    /// A person must be there when it begins.
    pub attended: bool,
    /// Not before.
    pub release: Option<Seconds>,
    pub needs: Needs,
    /// What others (the gate, the journal's rules) have said against a printer, as the caller's codes.
    pub barred: Vec<(PrinterAt, u16)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Idle,
    Busy {
        /// When its print ends.
        until: Seconds,
        /// Which of the jobs it prints, where it is one of them.
        job: Option<JobAt>,
        /// Until when it draws heating watts; in the past where it is hot.
        heats_until: Seconds,
    },
    Offline,
    /// Stopped, faulted or in quarantine: a person must unlock it.
    Locked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bed {
    Clear,
    /// Somebody must clear it, as after every print.
    Occupied,
    /// It needs nobody, now and after every print; the handling time passes all the same.
    ClearsItself,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usable {
    Yes,
    Expired,
    Blocked,
    NotOpened,
    Recalled,
    /// What a vat gives: it is added up, and all else is asked of the vat by the caller.
    InVat,
}

/// What hangs on a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub material: Material,
    pub lot: Option<Lot>,
    pub usable: Usable,
    pub left: Option<Amount>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validated {
    NotAsked,
    Only(Vec<(Process, Vec<Use>)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualification {
    NotAsked,
    Unqualified,
    Restricted(Vec<Use>),
    Qualified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    NotAsked,
    Unknown,
    /// A print must begin before this.
    Until(Seconds),
}

/// What a printer draws, in watts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    pub circuit: Circuit,
    pub heating: u32,
    pub printing: u32,
    /// Seconds from a start for which `heating` is drawn.
    pub heat_up: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printer {
    pub kind: Kind,
    pub model: Model,
    pub state: State,
    pub bed: Bed,
    /// x, y, z in micrometres.
    pub volume: [u32; 3],
    /// Micrometres, where it has one and it is known.
    pub nozzle: Option<u32>,
    pub loads: Vec<Load>,
    /// Whether `loads` is what hangs there; otherwise nothing is asked of it.
    pub tracks_material: bool,
    pub validated: Validated,
    pub qualification: Qualification,
    pub calibration: Calibration,
    /// Maintenance, in any order: nothing prints in it.
    pub windows: Vec<Window>,
    /// Whether a print may begin with nobody there.
    pub unattended: bool,
    pub power: Option<Power>,
}

impl Printer {
    /// What is loaded is what its vat gives.
    pub(super) fn has_vat(&self) -> bool {
        self.loads.iter().any(|load| load.usable == Usable::InVat)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// When somebody is there, for the whole horizon; empty where always.
    pub attended: Vec<Window>,
    /// Watts of each circuit; one that is not named has no limit.
    pub circuits: Vec<(Circuit, u32)>,
    /// Seconds that a person needs to clear a bed and make it ready.
    pub handling: i64,
    /// Seconds from now within which what was planned to begin stays where it is.
    pub firm: i64,
    /// A job leaves its planned printer only for one that ends so many seconds sooner (or in time).
    pub stay: i64,
    /// Seconds that a job of unknown length is guessed to take.
    pub guess: i64,
}

/// What was planned the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    pub job: JobAt,
    pub printer: PrinterAt,
    pub start: Seconds,
    /// The start that was first promised there: it keeps its place until that is past, and not for ever.
    pub promised: Seconds,
    /// It may leave: another printer would have nothing to do.
    pub freed: bool,
}

impl Before {
    pub fn new(job: JobAt, printer: PrinterAt, start: Seconds) -> Self {
        Self { job, printer, start, promised: start, freed: false }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub now: Seconds,
    pub jobs: Vec<Job>,
    pub printers: Vec<Printer>,
    pub site: Site,
    pub before: Vec<Before>,
}

/// Seconds that pass between the end of a print and the moment when the part is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowances {
    pub post_processing: i64,
    pub inspection: i64,
    pub sterilising: i64,
    pub transport: i64,
}

/// When the print must have ended for the part to be there at `needed_at`.
pub fn due(needed_at: Seconds, allow: Allowances) -> Seconds {
    let Allowances { post_processing, inspection, sterilising, transport } = allow;
    let all = [post_processing, inspection, sterilising, transport];
    Seconds(all.into_iter().fold(needed_at.0, i64::saturating_sub))
}
