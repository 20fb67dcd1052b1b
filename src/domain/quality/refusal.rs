//! Why something of the quality half is not done: what, which, and what to do.

use std::fmt;

use super::case::CaseState;
use super::lot::Unusable;
use super::order::{Quantity, Scale};
use super::printed::{Doubt, Serial};
use super::words::Text;
use crate::domain::day::Day;
use crate::domain::ids::{
    CaseToken, FileHash, InspectionId, InstrumentName, JobId, LotId, NonconformanceId, PrinterName,
    TemplateName,
};

/// A step that is not possible in this state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{state}, so it cannot be {wanted}; {todo}")]
pub struct Illegal {
    pub state: &'static str,
    pub wanted: &'static str,
    pub todo: &'static str,
}

/// What a refusal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Case(CaseToken),
    Part(CaseToken, u16),
    Printed(Serial),
    Lot(LotId),
    Printer(PrinterName),
    Instrument(InstrumentName),
    Template(TemplateName, u16),
    Inspection(InspectionId),
    Nonconformance(NonconformanceId),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(case) => write!(f, "case {case}"),
            Self::Part(case, part) => write!(f, "part {part} of case {case}"),
            Self::Printed(serial) => write!(f, "printed part {serial}"),
            Self::Lot(lot) => write!(f, "lot {lot}"),
            Self::Printer(printer) => write!(f, "printer {printer}"),
            Self::Instrument(name) => write!(f, "instrument {name}"),
            Self::Template(name, version) => write!(f, "version {version} of template {name}"),
            Self::Inspection(id) => write!(f, "inspection {id}"),
            Self::Nonconformance(id) => write!(f, "nonconformance {id}"),
        }
    }
}

/// Why a job does not begin on a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    NothingLoaded,
    NoMaterialNamed,
    NotAsOrdered {
        part: u16,
        ordered: String,
        wanted: String,
    },
    WrongMaterial {
        lot: LotId,
        loaded: String,
        wanted: String,
    },
    Unusable {
        lot: LotId,
        supplier_lot: String,
        why: Unusable,
    },
    NotInProduction {
        case: CaseToken,
        state: &'static str,
        todo: &'static str,
    },
    /// It was queued by a platen that knew no printed parts.
    NotFollowed,
    NoRevision {
        serial: Serial,
    },
    NotApproved {
        serial: Serial,
        revision: u16,
    },
    OtherProcess {
        planned: String,
        sliced: String,
    },
    NotValidated {
        process: String,
    },
    Unqualified,
    Restricted {
        why: Text,
    },
    CalibrationDue(Day),
    CalibrationUnknown,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingLoaded => f.write_str("no lot is noted as loaded there: scan the one that is"),
            Self::NoMaterialNamed => f.write_str("it names no material: queue it with one"),
            Self::NotAsOrdered { part, ordered, wanted } => {
                write!(
                    f,
                    "part {part} was ordered in {ordered}, and it wants {wanted}: queue it anew in what was ordered"
                )
            }
            Self::WrongMaterial { lot, loaded, wanted } => {
                write!(f, "lot {lot} that is loaded is {loaded}, and it wants {wanted}")
            }
            Self::Unusable { lot, supplier_lot, why } => write!(f, "lot {lot} ({supplier_lot}) {why}"),
            Self::NotInProduction { case, state, todo } => {
                write!(f, "case {case} is {state}, and not in production: {todo}")
            }
            Self::NotFollowed => {
                f.write_str("it was queued before this site asked for approvals: queue it anew")
            }
            Self::NoRevision { serial } => {
                write!(f, "it is not known from which revision {serial} is printed: say which")
            }
            Self::NotApproved { serial, revision } => {
                write!(f, "revision {revision}, from which {serial} is printed, is not approved")
            }
            Self::OtherProcess { planned, sliced } => {
                write!(f, "its file was sliced by process {sliced}, and the case is produced by {planned}")
            }
            Self::NotValidated { process } => write!(
                f,
                "process {process}, by which its file was sliced, is not validated for what the case is for"
            ),
            Self::Unqualified => f.write_str("the printer is not qualified"),
            Self::Restricted { why } => write!(f, "the printer is restricted to other uses: {why}"),
            Self::CalibrationDue(on) => {
                write!(f, "the printer's calibration was due on {on}: measure a phantom")
            }
            Self::CalibrationUnknown => {
                f.write_str("it is not known when the printer's calibration is due: measure a phantom")
            }
        }
    }
}

/// A part of which there are fewer such prints than were ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking {
    pub part: u16,
    pub there: usize,
    pub ordered: Quantity,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, there, ordered } = self;
        write!(f, "{there} of {ordered} of part {part}")
    }
}

fn listed<T: fmt::Display>(of: &[T]) -> String {
    of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn told(of: &[Doubt]) -> String {
    of.iter().map(|doubt| doubt.in_words()).collect::<Vec<_>>().join(", ")
}

fn to_be_signable(what: &What) -> &'static str {
    match what {
        What::Printed(_) => "inspect it and accept it first",
        _ => "see that each of its parts has a revision",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no {0}; look how it is named")]
    Nothing(What),
    #[error("there is a {0} already; take another name")]
    Exists(What),
    #[error("{what} is {illegal}")]
    Illegal { what: What, illegal: Illegal },
    #[error("{what} lacks {}; say it, then try again", .missing.join(", "))]
    Missing { what: What, missing: Vec<String> },
    #[error("case {case} is {}, so its parts stay as they are; reopen it, or send it back", .state.word())]
    Locked { case: CaseToken, state: Box<CaseState> },
    #[error("what is to be signed has changed: its digest is now {now}; look at it again, then sign that")]
    OtherDigest { now: FileHash },
    #[error("there is nothing to sign for {0}; {todo}", todo = to_be_signable(.0))]
    NothingToSign(What),
    #[error("this site wants the password of whoever signs; type it, then sign")]
    PasswordNeeded,
    #[error("the parts {} of case {case} are mirrored or modified; confirm each of them, or send the case back", listed(.parts))]
    NotConfirmed { case: CaseToken, parts: Vec<u16> },
    #[error("process {process} is not validated for this use; choose one that is")]
    NotValidated { process: String },
    #[error("{by} had a hand in {serial}; another person has to release it")]
    OwnWork { serial: Serial, by: String },
    #[error("so many people had a hand in {serial} that it is not known who may release it; print it anew")]
    TooManyHands { serial: Serial },
    #[error("case {case} has no released print of part {}; print, inspect and release it", listed(.parts))]
    NotReleased { case: CaseToken, parts: Vec<u16> },
    #[error("case {case} has no delivered print of part {}; hand it over first", listed(.parts))]
    NotDelivered { case: CaseToken, parts: Vec<u16> },
    #[error("of case {case} too few prints are released: {}; print, inspect and release the others", listed(.lacking))]
    TooFewReleased { case: CaseToken, lacking: Vec<Lacking> },
    #[error("of case {case} too few prints are delivered: {}; hand the others over first", listed(.lacking))]
    TooFewDelivered { case: CaseToken, lacking: Vec<Lacking> },
    #[error(
        "part {part} of case {case} was ordered at scale {ordered}, and its revision {revision} is at scale {revised}; hand in a model at that scale, or say anew what was ordered"
    )]
    OtherScale { case: CaseToken, part: u16, ordered: Scale, revision: u16, revised: Scale },
    #[error("nonconformance {nonconformance} of {what} is not closed; decide it and close it first")]
    NotClosed { what: What, nonconformance: NonconformanceId },
    #[error("{serial} wants an extra look, since {}; note an inspection that has looked at it", told(.doubts))]
    Doubtful { serial: Serial, doubts: Vec<Doubt> },
    #[error(
        "inspection {inspection} is {verdict}, so {serial} cannot be accepted by it; inspect it again, or reject it"
    )]
    NotPassed { serial: Serial, inspection: InspectionId, verdict: &'static str },
    #[error("inspection {inspection} has flags; say why {serial} is good enough, or reject it")]
    Flagged { serial: Serial, inspection: InspectionId },
    #[error("inspection {inspection} is not the last of {serial}; accept it by {newest}", newest = .last.as_ref().map_or("one that is noted of it", InspectionId::as_str))]
    NotTheLast { serial: Serial, inspection: InspectionId, last: Option<InspectionId> },
    #[error("{serial} has no coupon that passed; inspect the one that was printed with it")]
    NoCoupon { serial: Serial },
    #[error("{serial} is not printed from the approved revision of its part; print that")]
    WrongRevision { serial: Serial },
    #[error("case {case} is {state}, so no part of it is released; begin its quality control first")]
    CaseNotInQc { case: CaseToken, state: &'static str },
    #[error("it is about no printed part, so there is nothing to be disposed; close it with what was done")]
    NoPart,
    #[error(
        "the calibration of instrument {instrument} was due on {due}; use another, or have it calibrated"
    )]
    InstrumentDue { instrument: InstrumentName, due: Day },
    #[error("template {template} is measured with an instrument; say with which")]
    InstrumentNeeded { template: TemplateName },
    #[error(
        "template {template} has {items} items, and {values} values are given; give one for each, or leave it open"
    )]
    Values { template: TemplateName, items: usize, values: usize },
    #[error("this is version {next} of template {template}; a template in use does not change")]
    Version { template: TemplateName, next: u16 },
    #[error(
        "a template has 1 to 10 items with limits around their nominal value, and names of 240 bytes in all; make two of it"
    )]
    Template,
    #[error("lot {lot} {}; use another", listed(.why))]
    LotUnusable { lot: LotId, why: Vec<Unusable> },
    #[error(
        "printer {printer} has lot {lot} in slot {slot}; unload that first (`platen loads unload {printer} --slot {slot}`)"
    )]
    SlotTaken { printer: PrinterName, slot: u8, lot: LotId },
    #[error("printer {printer} has nothing in slot {slot}; a slot is 0 to 7")]
    SlotEmpty { printer: PrinterName, slot: u8 },
    #[error("lot {lot} was not loaded while job {job} ran; see which was")]
    NotUsed { lot: LotId, job: JobId },
    #[error("what job {job} used of lot {lot} is deducted already; there is nothing to do")]
    Deducted { lot: LotId, job: JobId },
    #[error("job {job} cannot begin on printer {printer}: {}; see to it, then try again", .why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Hindered { job: JobId, printer: PrinterName, why: Vec<Hindrance> },
    #[error(
        "the assessment of case {case} was asked for {asked} times, and this site wants {wanted} before it is waived; remind them"
    )]
    TooFewReminders { case: CaseToken, asked: u8, wanted: u8 },
    #[error("the last phantom of printer {0} has failed; measure one that passes, then qualify it")]
    PhantomFailed(PrinterName),
    #[error("{0} has as many entries of that kind as it may have; {1}")]
    TooMany(What, &'static str),
    #[error("what is said of {0} is too long for one entry of the journal; say it in fewer words")]
    TooWordy(What),
    #[error("an appropriateness is 1 to 9; leave it out where nobody has rated it")]
    Appropriateness,
    #[error("a revision has triangles, a volume, extents, and a scale above 0; check the model")]
    Revision,
    #[error(
        "the surface of part {part} faces inwards, as a mirrored one does; repair it, or say that it is mirrored"
    )]
    InsideOut { part: u16 },
    #[error("a name is needed; say who does it (1 to 40 letters, digits, spaces and . - _ @)")]
    Name,
    #[error("nobody who may come in is called {0}; mention people by the name that they sign in with")]
    NobodyCalled(String),
    #[error("this is written down by platen itself; a person cannot do it")]
    NotByAPerson,
    #[error(
        "the proposal of units has changed: its SHA-256 is now {now}; look at the worksheet again, then confirm that"
    )]
    OtherProposal { now: FileHash },
    #[error(
        "an assessment says whether the model helped, or has the seven answers; say at least one of the two"
    )]
    NothingSaid,
}
