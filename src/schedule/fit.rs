//! Whether a printer can ever take a job, by what both are: the same judgement answers yes or no fast, and tells all.

use super::problem::{
    Amount, Calibration, Circuit, Job, Kind, Lot, Material, Model, Needs, Printer, PrinterAt, Process,
    Qualification, Seconds, Site, State, Usable, Use, Validated,
};
use super::{Hold, Load};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    X,
    Y,
    Z,
}

/// One thing that speaks against a pair, or delays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    Held(Hold),
    WrongKind {
        needs: Kind,
    },
    WrongModel {
        needs: Model,
    },
    /// By so many micrometres.
    TooLarge {
        axis: Axis,
        by: u32,
    },
    /// Micrometres; absent where the printer's is not known.
    Nozzle {
        needs: u32,
        has: Option<u32>,
    },
    NotLoaded {
        material: Material,
    },
    Lot {
        material: Material,
        lot: Option<Lot>,
        why: Usable,
    },
    NotEnough {
        material: Material,
        needs: Amount,
        left: Amount,
    },
    /// There would be enough for it alone; `planned` is what jobs before it take of what is left.
    UsedUp {
        material: Material,
        needs: Amount,
        left: Amount,
        planned: Amount,
    },
    /// The same of what a vat gives.
    VatUsedUp {
        material: Material,
        needs: Amount,
        left: Amount,
        planned: Amount,
    },
    NotValidated {
        process: Process,
        purpose: Use,
    },
    Unqualified,
    Restricted {
        purpose: Use,
    },
    CalibrationUnknown,
    /// It could begin only after this.
    CalibrationOverdue {
        since: Seconds,
    },
    Offline,
    Locked,
    /// Watts: alone it would draw more than the circuit has.
    Overload {
        circuit: Circuit,
        needs: u32,
        has: u32,
    },
    PinnedTo(PrinterAt),
    PreparedOn(PrinterAt),
    Barred(u16),
    /// It prints until then.
    Busy {
        until: Seconds,
    },
    /// Its bed is clear and ready then; never in the attended hours known where absent.
    Bed {
        until: Option<Seconds>,
    },
    /// Other jobs are planned there until then.
    Queue {
        until: Seconds,
    },
    Maintenance {
        until: Seconds,
    },
    /// It needs a person, and none is there until then; never in the attended hours known where absent.
    NoPerson {
        until: Option<Seconds>,
    },
    /// Its circuit has too little to spare until then.
    Power {
        circuit: Circuit,
        until: Seconds,
    },
}

/// Notes what speaks against a printer by what it is; ends at the first where `note` answers false.
pub(super) fn judge(
    now: Seconds,
    site: &Site,
    (kind, needs): (Kind, &Needs),
    printer: &Printer,
    mut note: impl FnMut(Obstacle) -> bool,
) -> bool {
    let purpose = needs.purpose;
    let mut found = |wrong: bool, obstacle: Obstacle| !wrong || note(obstacle);
    let mut fits = found(kind != printer.kind, Obstacle::WrongKind { needs: kind })
        && found(printer.state == State::Offline, Obstacle::Offline)
        && found(printer.state == State::Locked, Obstacle::Locked)
        && needs
            .model
            .is_none_or(|model| found(model != printer.model, Obstacle::WrongModel { needs: model }))
        && needs.extents.is_none_or(|extents| {
            [Axis::X, Axis::Y, Axis::Z].into_iter().zip(extents.into_iter().zip(printer.volume)).all(
                |(axis, (needs, has))| {
                    found(needs > has, Obstacle::TooLarge { axis, by: needs.saturating_sub(has) })
                },
            )
        })
        && needs.nozzle.is_none_or(|nozzle| {
            let has = printer.nozzle;
            found(kind == Kind::Fdm && has != Some(nozzle), Obstacle::Nozzle { needs: nozzle, has })
        });
    if let (true, Some(material), true) =
        (fits, needs.material, printer.tracks_material && !printer.has_vat())
    {
        let of_it = || printer.loads.iter().filter(|load| load.material == material);
        // Nobody knows from which of them it will be fed: all must be good, and one long enough.
        let unusable = of_it().any(|load| wrong_with(load, None).is_some());
        if unusable || !of_it().any(|load| wrong_with(load, needs.amount).is_none()) {
            fits = found(of_it().next().is_none(), Obstacle::NotLoaded { material })
                && of_it().filter_map(|load| wrong_with(load, needs.amount)).all(|wrong| found(true, wrong));
        }
    }
    fits && needs.process.is_none_or(|process| {
        let validated = match &printer.validated {
            Validated::NotAsked => true,
            Validated::Only(list) => {
                list.iter().any(|(one, uses)| *one == process && uses.contains(&purpose))
            }
        };
        found(!validated, Obstacle::NotValidated { process, purpose })
    }) && match &printer.qualification {
        Qualification::NotAsked | Qualification::Qualified => true,
        Qualification::Unqualified => found(true, Obstacle::Unqualified),
        Qualification::Restricted(uses) => found(!uses.contains(&purpose), Obstacle::Restricted { purpose }),
    } && match printer.calibration {
        Calibration::NotAsked => true,
        Calibration::Unknown => found(true, Obstacle::CalibrationUnknown),
        Calibration::Until(since) => found(since <= now, Obstacle::CalibrationOverdue { since }),
    } && printer.power.is_none_or(|power| {
        let needs = power.heating.max(power.printing);
        watts(site, power.circuit)
            .is_none_or(|has| found(needs > has, Obstacle::Overload { circuit: power.circuit, needs, has }))
    })
}

/// What a circuit has; nothing where it has no limit.
pub(super) fn watts(site: &Site, circuit: Circuit) -> Option<u32> {
    site.circuits.iter().find(|(one, _)| *one == circuit).map(|(_, watts)| *watts)
}

fn wrong_with(load: &Load, amount: Option<Amount>) -> Option<Obstacle> {
    let Load { material, lot, usable, left } = *load;
    if usable != Usable::Yes {
        return Some(Obstacle::Lot { material, lot, why: usable });
    }
    let (needs, left) = amount.zip(left)?;
    (left < needs).then_some(Obstacle::NotEnough { material, needs, left })
}

/// Whether nothing lasting speaks against the pair, apart from where the job is pinned or prepared.
pub(super) fn suits(now: Seconds, site: &Site, job: &Job, printer: &Printer) -> bool {
    judge(now, site, (job.kind, &job.needs), printer, |_| false)
}

/// The printer that a job may not leave: where it is pinned, else where it is prepared and still fits.
pub(super) fn bound_to(job: &Job, fits: impl Fn(usize) -> bool) -> Option<PrinterAt> {
    job.pinned.or_else(|| {
        job.prepared.filter(|at| !job.barred.iter().any(|(barred, _)| barred == at) && fits(at.0))
    })
}
