//! Lot genealogy both ways: from a lot to its loads, its printed parts and their cases, with the look-back list; or from
//! a case to every lot that may be in it. Takes `lot`, or `case`.
//!
//! A part is of every lot that was loaded on its printer while it was printed: what was deducted says how much, and
//! what was loaded says what may be in it.

use serde::Serialize;
use std::collections::BTreeSet;

use super::case::{entries, or_none, short};
use super::past::Entry;
use super::sheet::{Section, Table};
use super::words::{grams, said, said_of};
use super::{Parameters, ReportError, Sources};
use crate::domain::ids::{CaseToken, LotId, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::quality::lot::{Lot, LotState};
use crate::domain::quality::printed::{LookBack, PrintedPart};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LotOf {
    pub lot: LotId,
    pub material: String,
    pub supplier: Option<String>,
    pub supplier_lot: String,
    pub certificate: Option<String>,
    pub received: String,
    pub expires: String,
    pub opened: Option<String>,
    pub status: &'static str,
    pub blocked_why: Option<String>,
    pub recalled_why: Option<String>,
    pub received_milligrams: u64,
    pub left_milligrams: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadOf {
    pub lot: LotId,
    pub printer: PrinterName,
    pub slot: u8,
    pub from: String,
    pub to: Option<String>,
    pub by: String,
}

/// A printed part and a lot that may be in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PieceOf {
    pub lot: LotId,
    pub case: CaseToken,
    pub serial: String,
    pub state: &'static str,
    pub printer: Option<PrinterName>,
    pub started: Option<String>,
    pub ended: Option<String>,
    /// Nothing where nothing was deducted: it was loaded, and may be in the part.
    pub used_milligrams: Option<u64>,
    /// The lot was recalled, and this part is on its list.
    pub looked_back: bool,
    /// With somebody outside of the lab: for a person to recall.
    pub out: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Genealogy {
    pub lots: Vec<LotOf>,
    pub loads: Vec<LoadOf>,
    pub pieces: Vec<PieceOf>,
    pub cases: BTreeSet<CaseToken>,
    /// Of a case: its printed parts of which no lot is known.
    pub without_lot: Vec<String>,
    pub entries: Vec<Entry>,
}

fn lot(lot: &Lot) -> LotOf {
    let about = &lot.about;
    LotOf {
        lot: lot.id.clone(),
        material: said(about.material.as_str()),
        supplier: said_of(about.supplier.as_ref()),
        supplier_lot: said(about.supplier_lot.as_str()),
        certificate: said_of(about.certificate.as_ref()),
        received: about.received.to_string(),
        expires: about.expires.to_string(),
        opened: lot.opened.map(|day| day.to_string()),
        status: lot.state.word(),
        blocked_why: match &lot.state {
            LotState::Blocked { why } => Some(said(why.as_str())),
            _ => None,
        },
        recalled_why: said_of(lot.recalled.as_ref()),
        received_milligrams: about.milligrams,
        left_milligrams: lot.left_mg,
    }
}

fn piece(lot: &LotId, printed: &PrintedPart) -> PieceOf {
    let used = printed.used.iter().filter(|used| used.lot == *lot).map(|used| used.milligrams);
    PieceOf {
        lot: lot.clone(),
        case: printed.serial.case.clone(),
        serial: printed.serial.to_string(),
        state: printed.state.word(),
        printer: printed.printer.clone(),
        started: printed.started.map(|at| at.to_string()),
        ended: printed.ended.map(|at| at.to_string()),
        used_milligrams: used.reduce(|sum, more| sum + more),
        looked_back: printed.lookbacks.contains(&LookBack::LotRecalled { lot: lot.clone() }),
        out: printed.state.is_out(),
    }
}

/// Every lot that a piece names.
fn lots_of(printed: &PrintedPart) -> BTreeSet<&LotId> {
    printed.lots.iter().chain(printed.used.iter().map(|used| &used.lot)).collect()
}

impl Genealogy {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let lab: &Lab = of.lab;
        if let Some(id) = &parameters.lot {
            let known = lab.quality.lots.get(id).ok_or_else(|| ReportError::NoLot(id.clone()))?;
            let pieces: Vec<PieceOf> = lab
                .quality
                .printed
                .values()
                .filter(|printed| lots_of(printed).contains(id))
                .map(|printed| piece(id, printed))
                .collect();
            return Ok(Self {
                lots: vec![lot(known)],
                loads: loads(lab, &BTreeSet::from([id]), None),
                cases: pieces.iter().map(|piece| piece.case.clone()).collect(),
                pieces,
                without_lot: Vec::new(),
                entries: of.past.told.clone(),
            });
        }
        let case = parameters
            .case
            .clone()
            .ok_or(ReportError::Needs { kind: super::Kind::Lot, needs: "one lot, or of one case" })?;
        let printed: Vec<&PrintedPart> =
            lab.quality.printed_of(&case).filter(|printed| printed.started.is_some()).collect();
        let ids: BTreeSet<&LotId> = printed.iter().flat_map(|printed| lots_of(printed)).collect();
        let printers: BTreeSet<&PrinterName> =
            printed.iter().filter_map(|printed| printed.printer.as_ref()).collect();
        let without = printed.iter().filter(|printed| lots_of(printed).is_empty());
        Ok(Self {
            lots: ids.iter().filter_map(|id| lab.quality.lots.get(*id)).map(lot).collect(),
            loads: loads(lab, &ids, Some(&printers)),
            pieces: printed
                .iter()
                .flat_map(|printed| lots_of(printed).into_iter().map(|id| piece(id, printed)))
                .collect(),
            without_lot: without.map(|printed| printed.serial.to_string()).collect(),
            cases: BTreeSet::from([case]),
            entries: Vec::new(),
        })
    }
}

fn loads(lab: &Lab, lots: &BTreeSet<&LotId>, on: Option<&BTreeSet<&PrinterName>>) -> Vec<LoadOf> {
    let of_them = lab.quality.loads.values().filter(|load| {
        lots.contains(&load.lot) && on.is_none_or(|printers| printers.contains(&load.printer))
    });
    of_them
        .map(|load| LoadOf {
            lot: load.lot.clone(),
            printer: load.printer.clone(),
            slot: load.slot,
            from: load.from.to_string(),
            to: load.to.map(|at| at.to_string()),
            by: load.by.clone(),
        })
        .collect()
}

impl Genealogy {
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for lot in &self.lots {
            sections.push(Section::pairs(
                &format!("Lot {}", lot.lot),
                vec![
                    ("Material", lot.material.clone()),
                    ("Maker", or_none(lot.supplier.as_ref())),
                    ("Maker's lot", lot.supplier_lot.clone()),
                    ("Certificate", or_none(lot.certificate.as_ref())),
                    ("Received", lot.received.clone()),
                    ("Opened", or_none(lot.opened.as_ref())),
                    ("Expires", lot.expires.clone()),
                    ("Status", lot.status.to_owned()),
                    ("Blocked because", or_none(lot.blocked_why.as_ref())),
                    ("Recalled because", or_none(lot.recalled_why.as_ref())),
                    ("Left", format!("{} of {}", grams(lot.left_milligrams), grams(lot.received_milligrams))),
                ],
            ));
        }
        let mut pieces = Table::new(&[
            "Lot",
            "Case",
            "Printed part",
            "State",
            "Printer",
            "Began (UTC)",
            "Used",
            "Look-back",
        ]);
        for piece in &self.pieces {
            let back = match (piece.looked_back, piece.out) {
                (true, true) => "yes, and it is OUT: recall it",
                (true, false) => "yes",
                (false, _) => "no",
            };
            pieces.row([
                piece.lot.to_string(),
                piece.case.to_string(),
                piece.serial.clone(),
                piece.state.to_owned(),
                piece.printer.as_ref().map_or_else(|| "–".into(), ToString::to_string),
                piece.started.as_deref().map_or_else(|| "–".into(), short),
                piece.used_milligrams.map_or_else(|| "loaded, not deducted".into(), grams),
                back.to_owned(),
            ]);
        }
        let cases: Vec<_> = self.cases.iter().map(ToString::to_string).collect();
        let cases = if cases.is_empty() { "no case".into() } else { cases.join(", ") };
        sections.push(Section::table("Printed parts", pieces).noted(format!("Cases: {cases}")));
        if !self.without_lot.is_empty() {
            sections.push(Section::lines("Printed parts of which no lot is known", self.without_lot.clone()));
        }
        let mut loads = Table::new(&["Lot", "Printer", "Slot", "From (UTC)", "To (UTC)", "By"]);
        for load in &self.loads {
            loads.row([
                load.lot.to_string(),
                load.printer.to_string(),
                load.slot.to_string(),
                short(&load.from),
                load.to.as_deref().map_or_else(|| "still loaded".into(), short),
                load.by.clone(),
            ]);
        }
        sections.push(Section::table("Where it was loaded", loads));
        if !self.entries.is_empty() {
            sections.push(entries("What the journal tells", &self.entries));
        }
        sections
    }

    /// One row for each lot in each printed part.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[
            "lot",
            "material",
            "supplier_lot",
            "case",
            "printed_part",
            "state",
            "printer",
            "began_utc",
            "used_milligrams",
            "looked_back",
            "out",
        ]);
        for piece in &self.pieces {
            let lot = self.lots.iter().find(|lot| lot.lot == piece.lot);
            table.row([
                piece.lot.to_string(),
                lot.map(|lot| lot.material.clone()).unwrap_or_default(),
                lot.map(|lot| lot.supplier_lot.clone()).unwrap_or_default(),
                piece.case.to_string(),
                piece.serial.clone(),
                piece.state.to_owned(),
                piece.printer.as_ref().map(ToString::to_string).unwrap_or_default(),
                piece.started.clone().unwrap_or_default(),
                piece.used_milligrams.map(|used| used.to_string()).unwrap_or_default(),
                piece.looked_back.to_string(),
                piece.out.to_string(),
            ]);
        }
        table
    }
}
