//! Reasons in plain English: what is in the way, and what to do about it, in one sentence.

use super::{
    Amount, Circuit, Hold, JobAt, Kind, Lot, Material, Model, Obstacle, PrinterAt, Process, Reason, Seconds,
    Usable, Use, Waiting,
};

/// What the caller's numbers are called.
pub trait Names {
    fn job(&self, job: JobAt) -> String;
    fn printer(&self, printer: PrinterAt) -> String;
    fn material(&self, material: Material) -> String;
    fn lot(&self, lot: Lot) -> String;
    fn process(&self, process: Process) -> String;
    fn circuit(&self, circuit: Circuit) -> String;
    fn model(&self, model: Model) -> String;
    /// As in "validated for …".
    fn purpose(&self, purpose: Use) -> String;
    /// What speaks against it, as a part of a sentence, and what to do.
    fn barred(&self, code: u16) -> (String, String);
    /// As in "until …".
    fn moment(&self, moment: Seconds) -> String;
}

impl Kind {
    fn in_words(self) -> &'static str {
        match self {
            Self::Fdm => "a filament printer",
            Self::Resin => "a resin printer",
        }
    }
}

impl Hold {
    /// What holds the job, and what to do.
    fn in_words(self, names: &dyn Names) -> (String, String) {
        let (what, cure) = match self {
            Self::ByPerson => ("somebody holds the job", "release it"),
            Self::CaseOnHold => ("its case is on hold", "resume the case"),
            Self::NotApproved => ("its model is not approved", "have it approved"),
            Self::Unassigned => ("it belongs to no part of a case", "assign it to one"),
            Self::Other(code) => return names.barred(code),
        };
        (what.to_owned(), cure.to_owned())
    }
}

/// Micrometres as millimetres, without zeros at the end.
fn millimetres(micrometres: u32) -> String {
    let text = format!("{}.{:03}", micrometres / 1_000, micrometres % 1_000);
    format!("{} mm", text.trim_end_matches('0').trim_end_matches('.'))
}

impl Obstacle {
    /// What is in the way, as a part of a sentence, and what to do.
    pub fn in_words(&self, names: &dyn Names) -> (String, String) {
        let wait = |what: String| (what, "wait".to_owned());
        let other = |what: String| (what, "choose another printer".to_owned());
        match *self {
            Self::Held(hold) => hold.in_words(names),
            Self::WrongKind { needs } => {
                (format!("the job needs {}", needs.in_words()), "choose such a one".into())
            }
            Self::WrongModel { needs } => {
                let model = names.model(needs);
                (format!("the file is made for a {model}"), format!("choose a {model}, or slice it anew"))
            }
            Self::TooLarge { axis, by } => (
                format!("what it prints is {} too large in {axis:?}", millimetres(by)),
                "choose a larger printer, or turn or split the part".into(),
            ),
            Self::Nozzle { needs, has: Some(has) } => (
                format!("the nozzle is {} wide and the job needs {}", millimetres(has), millimetres(needs)),
                "change the nozzle".into(),
            ),
            Self::Nozzle { needs, has: None } => (
                format!("the job needs a nozzle of {} and this one's is not known", millimetres(needs)),
                "enter the nozzle".into(),
            ),
            Self::NotLoaded { material } => {
                let material = names.material(material);
                (format!("{material} is not loaded"), format!("load {material}"))
            }
            Self::Lot { material, lot, why } => {
                let of = lot.map_or_else(String::new, |lot| format!(" of lot {}", names.lot(lot)));
                let material = names.material(material);
                let (is, cure) = match why {
                    Usable::Expired => ("has expired", "load a lot that has not"),
                    Usable::Blocked => ("is blocked", "load another lot, or have it unblocked"),
                    Usable::NotOpened => ("is not booked as opened", "book its opening"),
                    Usable::Recalled => ("has been recalled", "take it out and load another lot"),
                    Usable::Yes | Usable::InVat => ("is in order", "look at the printer again"),
                };
                (format!("the loaded {material}{of} {is}"), cure.into())
            }
            Self::NotEnough { material, needs, left } => {
                let material = names.material(material);
                let what =
                    format!("{} of {material} are left and the job needs {}", grams(left), grams(needs));
                (what, format!("load more {material}"))
            }
            Self::UsedUp { material, needs, left, planned } => {
                let material = names.material(material);
                let (left, planned, needs) = (grams(left), grams(planned), grams(needs));
                let what = format!(
                    "{left} of {material} are left, the jobs before it take {planned} of that and it needs {needs}"
                );
                (what, format!("load another spool of {material}, or move a job to another printer"))
            }
            Self::VatUsedUp { material, needs, left, planned } => {
                let material = names.material(material);
                let (left, planned, needs) = (millilitres(left), millilitres(planned), millilitres(needs));
                let what = format!(
                    "the vat gives {left} of {material}, the jobs before it take {planned} of that and it needs {needs}"
                );
                (what, "top the vat up when they are printed, or move a job to another printer".into())
            }
            Self::NotValidated { process, purpose } => (
                format!("{} is not validated here for {}", names.process(process), names.purpose(purpose)),
                "validate it, or choose another printer".into(),
            ),
            Self::Unqualified => {
                ("the printer is not qualified".into(), "qualify it, or choose another printer".into())
            }
            Self::Restricted { purpose } => {
                other(format!("the printer's qualification does not cover {}", names.purpose(purpose)))
            }
            Self::CalibrationUnknown => {
                ("nobody entered when its calibration ends".into(), "calibrate it, or enter the day".into())
            }
            Self::CalibrationOverdue { since } => (
                format!("it could begin only after its calibration ends at {}", names.moment(since)),
                "calibrate it".into(),
            ),
            Self::Offline => ("the printer is offline".into(), "connect it".into()),
            Self::Locked => ("the printer is locked".into(), "look at it and unlock it".into()),
            Self::Overload { circuit, needs, has } => {
                let circuit = names.circuit(circuit);
                (
                    format!("it draws {needs} W and circuit {circuit} has {has} W"),
                    "put it on another circuit, or correct the watts".into(),
                )
            }
            Self::PinnedTo(printer) => {
                let printer = names.printer(printer);
                (format!("the job is pinned to {printer}"), format!("print it on {printer}, or unpin it"))
            }
            Self::PreparedOn(printer) => {
                let printer = names.printer(printer);
                (format!("{printer} is prepared for the job"), format!("print it on {printer}"))
            }
            Self::Barred(code) => names.barred(code),
            Self::Busy { until } => wait(format!("it prints until {}", names.moment(until))),
            Self::Bed { until: Some(until) } => {
                (format!("its bed is not ready until {}", names.moment(until)), "clear the bed".into())
            }
            Self::Bed { until: None } => (
                "its bed is not clear and nobody is planned to be there to clear it".into(),
                "clear the bed, or enter attended hours".into(),
            ),
            Self::Queue { until } => {
                wait(format!("other jobs are planned on it until {}", names.moment(until)))
            }
            Self::Maintenance { until } => {
                wait(format!("maintenance is in the way until {}", names.moment(until)))
            }
            Self::NoPerson { until: Some(until) } => (
                format!("a person must be there when it begins and none is until {}", names.moment(until)),
                "wait, or come earlier".into(),
            ),
            Self::NoPerson { until: None } => (
                "a person must be there and none is planned to be in time".into(),
                "enter attended hours".into(),
            ),
            Self::Power { circuit, until } => wait(format!(
                "circuit {} has no power to spare for it until {}",
                names.circuit(circuit),
                names.moment(until)
            )),
        }
    }
}

fn grams(amount: Amount) -> String {
    format!("{} g", amount.0.div_ceil(1_000))
}

/// Of what a vat gives.
fn millilitres(amount: Amount) -> String {
    format!("{} ml", amount.0.div_ceil(1_000))
}

/// "a", "a and b", "a, b and c".
fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// All obstacles and each cure once; where a cure is more than waiting, waiting is not said.
fn all(against: &[Obstacle], names: &dyn Names) -> (String, String) {
    let (what, cures): (Vec<_>, Vec<_>) = against.iter().map(|one| one.in_words(names)).unzip();
    let mut told: Vec<String> = Vec::new();
    for cure in cures {
        if !told.contains(&cure) {
            told.push(cure);
        }
    }
    if told.len() > 1 {
        told.retain(|cure| cure != "wait");
    }
    (list(&what), list(&told))
}

impl Reason {
    /// One sentence with what to do.
    pub fn in_words(&self, names: &dyn Names) -> String {
        match self {
            Self::Chosen { start } => {
                format!(
                    "This is the one: it begins here at {}; have the printer ready.",
                    names.moment(*start)
                )
            }
            Self::Running { until } => {
                format!("It prints here until {}; there is nothing to do.", names.moment(*until))
            }
            Self::RunsOn(printer) => {
                format!("{} prints it already; there is nothing to do here.", names.printer(*printer))
            }
            Self::Against(against) => {
                let (what, cure) = all(against, names);
                format!("It cannot be printed here because {what}; {cure}.")
            }
            Self::Elsewhere { there, ends_there, ends_here, delays } => {
                let printer = names.printer(*there);
                let (at, here) = (names.moment(*ends_there), names.moment(*ends_here));
                let (what, _) = all(delays, names);
                let why = if what.is_empty() { String::new() } else { format!(" because {what}") };
                if ends_there < ends_here {
                    format!(
                        "{printer} ends it sooner, at {at}, and here it would end at {here}{why}; leave it there."
                    )
                } else if ends_there == ends_here {
                    format!("{printer} ends it at {at}, no later than it would end here; leave it there.")
                } else {
                    format!(
                        "It would end here at {here}, but its place on {printer} (end at {at}) is kept; pin it here to move it."
                    )
                }
            }
            Self::Unknown => "This job or this printer is not part of the plan; plan again.".into(),
        }
    }
}

impl Waiting {
    /// One sentence with what to do.
    pub fn in_words(&self, names: &dyn Names) -> String {
        match self {
            Self::Held(hold) => {
                let (what, cure) = hold.in_words(names);
                format!("The job waits because {what}; {cure}.")
            }
            Self::NoPrinters => "The job waits because there is no printer; add one.".into(),
            Self::Nowhere { nearest, against } => {
                let (what, cure) = all(against, names);
                format!(
                    "The job waits because no printer can take it, and for {}, which comes nearest, {what}; {cure}.",
                    names.printer(*nearest)
                )
            }
        }
    }
}
