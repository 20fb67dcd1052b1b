//! Material: a lot in its container, and on which printer it is loaded.
//!
//! ```text
//! Quarantine ─▶ Released ─▶ Consumed          Quarantine, Released ─▶ Blocked ─▶ Quarantine
//! ```

use serde::{Deserialize, Serialize};
use std::fmt;

use super::refusal::Illegal;
use super::words::{Label, Line, Text};
use crate::domain::day::Day;
use crate::domain::ids::{LotId, PrinterName};
use crate::domain::moment::WallTime;

/// What is on the container and the delivery note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotAbout {
    /// As jobs name it: "PLA", "clear resin".
    pub material: Label,
    /// The maker's number.
    pub supplier_lot: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Label>,
    pub received: Day,
    /// The last day on which it may be used.
    pub expires: Day,
    /// So many days it may be used once it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_days: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Line>,
    pub milligrams: u64,
    /// mg/cm³, where its maker says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LotState {
    /// Until somebody has looked at its certificate.
    Quarantine,
    Released,
    Blocked {
        why: Text,
    },
    Consumed,
}

/// What may be done with a lot, as a request and as a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Step {
    Received {
        about: Box<LotAbout>,
    },
    Opened {
        on: Day,
    },
    Released,
    Blocked {
        why: Text,
    },
    /// Into quarantine again: somebody has to look at it anew.
    Unblocked {
        why: Text,
    },
    Consumed,
    /// Blocked, and every part that was printed from it is looked up.
    Recalled {
        why: Text,
    },
}

impl Step {
    /// The word of the step, which fits behind "cannot be".
    pub fn word(&self) -> &'static str {
        match self {
            Self::Received { .. } => "received",
            Self::Opened { .. } => "opened",
            Self::Released => "released",
            Self::Blocked { .. } => "blocked",
            Self::Unblocked { .. } => "unblocked",
            Self::Consumed => "noted as consumed",
            Self::Recalled { .. } => "recalled",
        }
    }
}

impl LotState {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Quarantine => "in quarantine",
            Self::Released => "released",
            Self::Blocked { .. } => "blocked",
            Self::Consumed => "consumed",
        }
    }

    fn refuse(&self, wanted: &'static str) -> Illegal {
        let todo = match self {
            Self::Quarantine => "look at its certificate and release it, or block it",
            Self::Released => "use it, or block it with a reason",
            Self::Blocked { .. } => "unblock it with a reason, and release it anew",
            Self::Consumed => "use another lot",
        };
        Illegal { state: self.word(), wanted, todo }
    }

    pub fn open(&self) -> Result<Self, Illegal> {
        match self {
            Self::Quarantine | Self::Released => Ok(self.clone()),
            _ => Err(self.refuse("opened")),
        }
    }

    pub fn release(&self) -> Result<Self, Illegal> {
        match self {
            Self::Quarantine => Ok(Self::Released),
            _ => Err(self.refuse("released")),
        }
    }

    pub fn block(&self, why: &Text) -> Result<Self, Illegal> {
        match self {
            Self::Quarantine | Self::Released => Ok(Self::Blocked { why: why.clone() }),
            _ => Err(self.refuse("blocked")),
        }
    }

    pub fn unblock(&self) -> Result<Self, Illegal> {
        match self {
            Self::Blocked { .. } => Ok(Self::Quarantine),
            _ => Err(self.refuse("unblocked")),
        }
    }

    pub fn consume(&self) -> Result<Self, Illegal> {
        match self {
            Self::Released | Self::Blocked { .. } => Ok(Self::Consumed),
            Self::Quarantine | Self::Consumed => Err(self.refuse("noted as consumed")),
        }
    }

    /// Also of a lot that is consumed: its parts are there.
    pub fn recall(&self, why: &Text) -> Self {
        match self {
            Self::Consumed => Self::Consumed,
            _ => Self::Blocked { why: why.clone() },
        }
    }

    pub fn after(&self, step: &Step) -> Result<Self, Illegal> {
        match step {
            Step::Received { .. } => Err(self.refuse("received")),
            Step::Opened { .. } => self.open(),
            Step::Released => self.release(),
            Step::Blocked { why } => self.block(why),
            Step::Unblocked { .. } => self.unblock(),
            Step::Consumed => self.consume(),
            Step::Recalled { why } => Ok(self.recall(why)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    pub id: LotId,
    pub about: LotAbout,
    pub state: LotState,
    pub opened: Option<Day>,
    /// What should be left of it.
    pub left_mg: u64,
    /// It was recalled, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<Text>,
}

/// How little is left of a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunningOut {
    /// Less than a tenth of it, from here on.
    Low,
    /// More was used of it than was left.
    Empty,
}

/// Why a lot may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    Expired(Day),
    OpenTooLong(Day),
    Quarantined,
    Blocked(Text),
    Consumed,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(on) => write!(f, "expired on {on}"),
            Self::OpenTooLong(until) => write!(f, "was to be used up by {until}, since it is open"),
            Self::Quarantined => f.write_str("is in quarantine: look at its certificate and release it"),
            Self::Blocked(why) => write!(f, "is blocked: {why}"),
            Self::Consumed => f.write_str("is consumed"),
        }
    }
}

impl Lot {
    pub fn new(id: LotId, about: LotAbout) -> Self {
        let left_mg = about.milligrams;
        Self { id, about, state: LotState::Quarantine, opened: None, left_mg, recalled: None }
    }

    /// mg/cm³: as its maker says, else as the material usually has it.
    pub fn density(&self) -> Option<u16> {
        self.about.density.or_else(|| usual_density(self.about.material.as_str()))
    }

    /// Less than a tenth of it should be left: a next one should be at hand.
    pub fn is_low(&self) -> bool {
        low(self.left_mg, self.about.milligrams)
    }

    /// What people should be told when so much was used of it.
    pub(super) fn runs_out(&self, milligrams: u64) -> Option<RunningOut> {
        let (left, whole) = (self.left_mg, self.about.milligrams);
        // Somebody has said already that nothing is left.
        if self.state == LotState::Consumed {
            return None;
        }
        if milligrams > left {
            return Some(RunningOut::Empty);
        }
        (low(left - milligrams, whole) && !low(left, whole)).then_some(RunningOut::Low)
    }

    /// The same in words of ours.
    pub(super) fn told(&self, runs_out: RunningOut, milligrams: u64) -> String {
        let (id, left, whole) = (&self.id, self.left_mg, self.about.milligrams);
        let grams = |mg: u64| format!("{}.{} g", mg / 1_000, mg % 1_000 / 100);
        match runs_out {
            RunningOut::Empty => {
                let (used, left) = (grams(milligrams), grams(left));
                format!(
                    "Lot {id} should be empty: {used} of it were used, and only {left} were left. Weigh what is there, and have another lot at hand."
                )
            }
            RunningOut::Low => {
                let (after, whole) = (grams(left.saturating_sub(milligrams)), grams(whole));
                format!(
                    "Lot {id} is running low: {after} of {whole} should be left. Have another lot at hand."
                )
            }
        }
    }

    pub fn is_of(&self, material: &str) -> bool {
        self.about.material.as_str().eq_ignore_ascii_case(material.trim())
    }

    /// Every reason for which it may not be used today.
    pub fn unusable(&self, today: Day) -> Vec<Unusable> {
        let mut reasons = Vec::new();
        match &self.state {
            LotState::Quarantine => reasons.push(Unusable::Quarantined),
            LotState::Released => {}
            LotState::Blocked { why } => reasons.push(Unusable::Blocked(why.clone())),
            LotState::Consumed => reasons.push(Unusable::Consumed),
        }
        if today > self.about.expires {
            reasons.push(Unusable::Expired(self.about.expires));
        }
        reasons.extend(self.open_until().filter(|until| today > *until).map(Unusable::OpenTooLong));
        reasons
    }

    /// The last day on which it may be used, since it is open; nothing where it is not, or where that does not matter.
    pub fn open_until(&self) -> Option<Day> {
        self.opened.zip(self.about.open_days).map(|(opened, days)| opened.after(days))
    }
}

fn low(left: u64, whole: u64) -> bool {
    left.saturating_mul(10) < whole
}

/// mg/cm³ of what is printed from filament, by the first word of what it is called. Fillings (wood, glass, carbon)
/// change it: then the lot or the slicer has to say it.
const DENSITIES: [(&str, u16); 17] = [
    ("PLA", 1_240),
    ("PETG", 1_270),
    ("PET", 1_270),
    ("ABS", 1_040),
    ("ASA", 1_070),
    ("HIPS", 1_040),
    ("TPU", 1_210),
    ("TPE", 1_210),
    ("FLEX", 1_210),
    ("PVA", 1_230),
    ("PVB", 1_090),
    ("BVOH", 1_140),
    ("PP", 900),
    ("PC", 1_200),
    ("PA", 1_120),
    ("NYLON", 1_120),
    ("PEEK", 1_300),
];

fn usual_density(material: &str) -> Option<u16> {
    let ends = |c: char| c.is_ascii_digit() || [' ', '+', '_'].contains(&c);
    let first = material.trim().split(ends).next().unwrap_or_default();
    let mut known = DENSITIES.iter();
    known.find(|(name, _)| name.eq_ignore_ascii_case(first)).map(|(_, density)| *density)
}

/// A lot on a printer, from when to when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// 1, 2, 3 … over all loads of the lab.
    pub number: u64,
    pub lot: LotId,
    pub printer: PrinterName,
    /// The tool or the tank, from 0.
    pub slot: u8,
    pub from: WallTime,
    pub by: String,
    /// Absent while it is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<WallTime>,
}

/// As many materials as a printer may hold at once.
pub const SLOTS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(material: &str, left_mg: u64) -> Lot {
        let about = LotAbout {
            material: Label::new(material).unwrap(),
            supplier_lot: Label::new("L-1").unwrap(),
            supplier: None,
            received: "2026-01-01".parse().unwrap(),
            expires: "2027-01-01".parse().unwrap(),
            open_days: None,
            certificate: None,
            milligrams: 1_000_000,
            density: None,
        };
        let new = Lot::new(LotId::from_entropy([1; 16]), about);
        Lot { left_mg, state: LotState::Released, ..new }
    }

    #[test]
    fn a_lot_that_runs_out_is_told_once_and_one_that_gives_more_than_it_has_each_time() {
        for (left, used, told) in [
            (1_000_000, 900_000, None),
            (1_000_000, 900_001, Some("running low: 99.9 g of 1000.0 g")),
            (100_000, 1, Some("running low: 99.9 g of 1000.0 g")),
            (99_999, 99_999, None),
            (99_999, 100_000, Some("should be empty: 100.0 g of it were used, and only 99.9 g were left")),
            (0, 1, Some("should be empty")),
            (0, 0, None),
        ] {
            let of = lot("PLA", left);
            let words = of.runs_out(used).map(|runs_out| of.told(runs_out, used));
            match told {
                None => assert_eq!(words, None, "{used} of {left}"),
                Some(told) => {
                    let words = words.unwrap();
                    assert!(words.contains(told) && words.len() <= 280, "{used} of {left}: {words}");
                }
            }
        }
        let gone = Lot { state: LotState::Consumed, ..lot("PLA", 0) };
        assert_eq!(gone.runs_out(5), None);
        assert!(lot("PLA", 99_999).is_low() && !lot("PLA", 100_000).is_low());
    }

    #[test]
    fn the_maker_s_density_counts_before_the_usual_one_and_fillings_have_none() {
        for (material, usual) in [
            ("PLA", Some(1_240)),
            ("pla+ white", Some(1_240)),
            ("PETG", Some(1_270)),
            ("PA12", Some(1_120)),
            ("PLA-CF", None),
            ("clear resin", None),
        ] {
            assert_eq!(lot(material, 1).density(), usual, "{material}");
        }
        let mut told = lot("PLA-CF", 1);
        told.about.density = Some(1_290);
        assert_eq!(told.density(), Some(1_290));
    }
}
