//! What a case costs, by rates with a version: material, machine time, labour, consumables and a share of overhead.
//!
//! Money is whole minor units (`money`). Each line is rounded once, and every sum is the sum of shown lines. What has
//! no rate or no quantity is told as missing, and never counted as nothing: the total is then "at least".

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::effort::Who;
use super::mistake::{Mistake, Mistakes};
use super::money::{Currency, Money, TooLarge};
use super::read::{self, Reader, Section};
use crate::domain::day::Day;
use crate::domain::ids::CaseToken;

/// Rates of one version, valid from a day until the next version begins. All in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    pub version: String,
    pub from: Day,
    pub currency: Currency,
    pub source: String,
    /// A kilogram of a material.
    material: BTreeMap<String, u64>,
    /// An hour of a model of machine.
    machine: BTreeMap<String, u64>,
    /// An hour of a group of people.
    labour: BTreeMap<Who, u64>,
    /// One piece.
    consumable: BTreeMap<String, u64>,
    /// Thousandths of all direct costs.
    overhead_permille: u64,
}

/// Versions in the order of their days, all in one currency; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateBook {
    currency: Currency,
    versions: Vec<Rates>,
}

impl RateBook {
    /// Reads one file a version; every mistake of every file is told.
    pub fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut versions: Vec<(String, Rates)> = files
            .into_iter()
            .filter_map(|file| Some((file.0.to_owned(), read::file(file, &mut mistakes, rates)?)))
            .collect();
        versions.sort_by_key(|(_, rates)| rates.from);
        for ((_, earlier), (file, later)) in versions.iter().zip(versions.iter().skip(1)) {
            let mut wrong = |key: &str, reason: String, instead: &str| {
                let (file, key, instead) = (file.clone(), key.into(), instead.into());
                mistakes.push(Mistake { file, line: None, key, reason, instead });
            };
            if later.from == earlier.from {
                let reason = format!("version {} begins on {} too", earlier.version, later.from);
                wrong("valid_from", reason, "let one version begin on each day");
            }
            if later.currency != earlier.currency {
                let reason = format!("version {} is in {}", earlier.version, earlier.currency.code);
                wrong("currency", reason, "keep all versions in one currency, with the same digits");
            }
        }
        let mut names = BTreeSet::new();
        for (file, rates) in &versions {
            if !names.insert(rates.version.as_str()) {
                mistakes.push(Mistake {
                    file: file.clone(),
                    line: None,
                    key: "version".into(),
                    reason: format!("another file has version {} too", rates.version),
                    instead: "give each version a name of its own: reports name it".into(),
                });
            }
        }
        let currency = versions.first().map(|(_, rates)| rates.currency.clone());
        match currency {
            Some(currency) if mistakes.is_empty() => {
                Ok(Self { currency, versions: versions.into_iter().map(|(_, rates)| rates).collect() })
            }
            None if mistakes.is_empty() => Err(Mistakes(vec![Mistake {
                file: "the rates".into(),
                line: None,
                key: String::new(),
                reason: "there is no file of rates".into(),
                instead: "copy config/costs/example.toml and write your own rates into it".into(),
            }])),
            _ => Err(Mistakes(mistakes)),
        }
    }

    pub fn currency(&self) -> &Currency {
        &self.currency
    }

    /// The version of a day; nothing before the first.
    pub fn at(&self, day: Day) -> Option<&Rates> {
        self.versions.iter().rev().find(|rates| rates.from <= day)
    }
}

fn rates(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<Rates> {
    const KNOWN: [&str; 10] = [
        "version",
        "valid_from",
        "currency",
        "currency_digits",
        "source",
        "overhead_permille",
        "material",
        "machine",
        "labour",
        "consumable",
    ];
    reader.unknown_keys(top, &KNOWN);
    let version = reader.text(top, "version");
    let from = reader.day(top, "valid_from");
    let digits = reader.number(top, "currency_digits", 0..=4).and_then(|digits| u8::try_from(digits).ok());
    let currency = reader.parsed(top, "currency", |code| Currency::new(code, digits.unwrap_or(2)));
    let source = reader.text(top, "source");
    let overhead_permille = reader.number(top, "overhead_permille", 0..=10_000);
    let material = priced(reader, top, "material", "per_kg");
    let machine = priced(reader, top, "machine", "per_hour");
    let consumable = priced(reader, top, "consumable", "each");
    let mut labour = BTreeMap::new();
    for section in reader.sections(top, "labour") {
        reader.unknown_keys(&section, &["who", "per_hour"]);
        let words = Who::ALL.map(|who| (who.word(), who));
        let who = reader.word(&section, "who", &words);
        let rate = reader.number(&section, "per_hour", 0..=MOST);
        let Some((who, rate)) = who.zip(rate) else { continue };
        if labour.insert(who, rate).is_some() {
            reader.wrong(
                &section,
                "who",
                format!("{} stands here twice", who.word()),
                "leave one of them out",
            );
        }
    }
    Some(Rates {
        version: version?,
        from: from?,
        currency: currency.filter(|_| digits.is_some())?,
        source: source?,
        material,
        machine,
        labour,
        consumable,
        overhead_permille: overhead_permille?,
    })
}

/// A rate above ten million of a currency with cents is a slip of the hand.
const MOST: u64 = 1_000_000_000;

fn priced(reader: &mut Reader<'_>, top: &Section<'_>, kind: &str, price: &str) -> BTreeMap<String, u64> {
    let mut rates = BTreeMap::new();
    for section in reader.sections(top, kind) {
        reader.unknown_keys(&section, &["name", price]);
        let (name, rate) = (reader.text(&section, "name"), reader.number(&section, price, 0..=MOST));
        let Some((name, rate)) = name.zip(rate) else { continue };
        if rates.contains_key(&name) {
            let reason = format!("{} stands here twice", read::shown(&name));
            reader.wrong(&section, "name", reason, "leave one of them out");
        }
        rates.insert(name, rate);
    }
    rates
}

/// What was used up. A quantity that nobody knows is `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Used {
    Material { name: String, milligrams: Option<u64> },
    Machine { name: String, seconds: Option<u64> },
    Labour { who: Who, minutes: Option<u64> },
    Consumable { name: String, pieces: Option<u64> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostEvent {
    pub case: CaseToken,
    /// The part's number; nothing where it is for the case as a whole.
    pub part: Option<u16>,
    /// Chooses the version of the rates.
    pub day: Day,
    pub used: Used,
    /// It went into a print that was thrown away.
    pub scrap: bool,
}

/// What a rate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    Kilogram,
    Hour,
    Piece,
}

/// One event with its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLine {
    pub part: Option<u16>,
    pub day: Day,
    pub used: Used,
    pub scrap: bool,
    pub rate: Money,
    pub per: Per,
    pub version: String,
    pub amount: Money,
}

/// Why an event is in no sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Unpriced {
    #[error("its quantity is not known")]
    NoQuantity,
    #[error("version {version} of the rates has no rate for it")]
    NoRate { version: String },
    #[error("no rates are valid on {day}")]
    NoVersion { day: Day },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingCost {
    pub part: Option<u16>,
    pub day: Day,
    pub used: Used,
    pub why: Unpriced,
}

/// The sums of one part, or of what is for the case as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCost {
    pub part: Option<u16>,
    pub direct: Money,
    /// How much of `direct` went into what was thrown away.
    pub scrap: Money,
    pub overhead: Money,
    pub missing: u64,
}

impl PartCost {
    pub fn total(&self) -> Result<Money, TooLarge> {
        self.direct.plus(self.overhead)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseCost {
    pub case: CaseToken,
    pub currency: Currency,
    pub versions: BTreeSet<String>,
    pub lines: Vec<CostLine>,
    pub missing: Vec<MissingCost>,
    /// What is for the whole case first, then by part.
    pub parts: Vec<PartCost>,
    pub direct: Money,
    pub scrap: Money,
    pub overhead: Money,
    /// At least this, where anything is missing.
    pub total: Money,
}

impl RateBook {
    /// The cost of a case; other cases' events are passed over.
    pub fn cost(&self, case: &CaseToken, events: &[CostEvent]) -> Result<CaseCost, TooLarge> {
        let mut cost = CaseCost {
            case: case.clone(),
            currency: self.currency.clone(),
            versions: BTreeSet::new(),
            lines: Vec::new(),
            missing: Vec::new(),
            parts: Vec::new(),
            direct: Money::ZERO,
            scrap: Money::ZERO,
            overhead: Money::ZERO,
            total: Money::ZERO,
        };
        let mut parts: BTreeMap<Option<u16>, PartCost> = BTreeMap::new();
        // Overhead is rounded once for each part and version, so that the parts add up to the case.
        let mut bases: BTreeMap<(Option<u16>, Day), (Money, u64)> = BTreeMap::new();
        for event in events.iter().filter(|event| event.case == *case) {
            let part = parts
                .entry(event.part)
                .or_insert_with(|| PartCost { part: event.part, ..PartCost::default() });
            match self.price(event)? {
                Ok((line, rates)) => {
                    part.direct = part.direct.plus(line.amount)?;
                    if line.scrap {
                        part.scrap = part.scrap.plus(line.amount)?;
                    }
                    let base = bases.entry((event.part, rates.from)).or_default();
                    *base = (base.0.plus(line.amount)?, rates.overhead_permille);
                    cost.versions.insert(rates.version.clone());
                    cost.lines.push(line);
                }
                Err(why) => {
                    part.missing += 1;
                    let (part, day, used) = (event.part, event.day, event.used.clone());
                    cost.missing.push(MissingCost { part, day, used, why });
                }
            }
        }
        for ((part, _), (base, permille)) in bases {
            if let Some(part) = parts.get_mut(&part) {
                part.overhead = part.overhead.plus(Money::rate(base.0.unsigned_abs(), permille, 1_000)?)?;
            }
        }
        for part in parts.into_values() {
            cost.direct = cost.direct.plus(part.direct)?;
            cost.scrap = cost.scrap.plus(part.scrap)?;
            cost.overhead = cost.overhead.plus(part.overhead)?;
            cost.parts.push(part);
        }
        cost.total = cost.direct.plus(cost.overhead)?;
        Ok(cost)
    }

    fn price(&self, event: &CostEvent) -> Result<Result<(CostLine, &Rates), Unpriced>, TooLarge> {
        let Some(rates) = self.at(event.day) else { return Ok(Err(Unpriced::NoVersion { day: event.day })) };
        let (rate, quantity, divisor, per) = match &event.used {
            Used::Material { name, milligrams } => {
                (rates.material.get(name), *milligrams, 1_000_000, Per::Kilogram)
            }
            Used::Machine { name, seconds } => (rates.machine.get(name), *seconds, 3_600, Per::Hour),
            Used::Labour { who, minutes } => (rates.labour.get(who), *minutes, 60, Per::Hour),
            Used::Consumable { name, pieces } => (rates.consumable.get(name), *pieces, 1, Per::Piece),
        };
        let Some(rate) = rate else {
            return Ok(Err(Unpriced::NoRate { version: rates.version.clone() }));
        };
        let Some(quantity) = quantity else { return Ok(Err(Unpriced::NoQuantity)) };
        let line = CostLine {
            part: event.part,
            day: event.day,
            used: event.used.clone(),
            scrap: event.scrap,
            rate: Money::rate(*rate, 1, 1)?,
            per,
            version: rates.version.clone(),
            amount: Money::rate(*rate, quantity, divisor)?,
        };
        Ok(Ok((line, rates)))
    }
}

/// Costs of one kind (cases, models, guides, components) in a report: n, and how many lack something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostSummary {
    pub n: u64,
    /// Of n, those whose cost is "at least".
    pub incomplete: u64,
    pub sum: Money,
    /// Rounded half up.
    pub mean: Option<Money>,
    pub p50: Option<Money>,
    pub p90: Option<Money>,
}

impl CostSummary {
    /// Each cost with whether it is whole.
    pub fn of(costs: impl IntoIterator<Item = (Money, bool)>) -> Result<Self, TooLarge> {
        let mut amounts = Vec::new();
        let mut summary = Self::default();
        for (amount, whole) in costs {
            summary.n += 1;
            summary.incomplete += u64::from(!whole);
            summary.sum = summary.sum.plus(amount)?;
            amounts.push(amount);
        }
        amounts.sort_unstable();
        if summary.n > 0 {
            summary.mean = Some(Money::rate(summary.sum.0.unsigned_abs(), 1, summary.n)?);
        }
        summary.p50 = super::stats::percentile(&amounts, 50);
        summary.p90 = super::stats::percentile(&amounts, 90);
        Ok(summary)
    }
}

#[cfg(test)]
mod tests;
