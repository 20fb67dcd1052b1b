//! Entries of resin printers in sentences; in none of them are words but ours and names of people.

use crate::domain::ids::CaseToken;
use crate::domain::lab::Lab;
use crate::domain::resin::Fact;
use crate::domain::resin::outfit::listed;
use crate::domain::resin::wear::HOUR_MS;

pub(super) fn case_of<'a>(lab: &'a Lab, fact: &Fact) -> Option<&'a CaseToken> {
    lab.jobs.get(fact.job()?).map(|job| &job.case)
}

/// `1 h 02 min`
fn long(millis: u64) -> String {
    format!("{} h {:02} min", millis / HOUR_MS, millis % HOUR_MS / 60_000)
}

pub(super) fn told(fact: &Fact) -> String {
    match fact {
        Fact::Fitted { printer, outfit: Some(outfit) } => {
            format!("{printer} prints with resin: its vat holds {} and keeps {}", outfit.holds, outfit.keeps)
        }
        Fact::Fitted { printer, outfit: None } => format!("{printer} is no resin printer any more"),
        Fact::Needs { job, need } if need.opaque.is_some() => match need.said_by() {
            Some(by) => {
                let minutes = need.said_minutes().map(|minutes| format!(" and {minutes} min"));
                format!(
                    "job {job} has an encrypted file, and takes {}{} as {by} says",
                    need.resin,
                    minutes.unwrap_or_default()
                )
            }
            None => format!("job {job} has an encrypted file, and nobody has said what resin it takes"),
        },
        Fact::Needs { job, need } => {
            let stops = match need.refills.len() {
                0 => String::new(),
                1 => ", with a refill on the way".into(),
                several => format!(", with {several} refills on the way"),
            };
            let (layers, light) = (need.layers, long(need.light_ms));
            format!("job {job} takes {} of resin in {layers} layers and {light} of light{stops}", need.resin)
        }
        Fact::VatFilled { printer, lot, poured, by } => {
            format!("{by} fills the vat of {printer} with {poured} of lot {lot}")
        }
        Fact::VatToppedUp { printer, lot, poured, by } => {
            format!("{by} tops the vat of {printer} up with {poured} of lot {lot}")
        }
        Fact::VatMeasured { printer, left, by } => format!("{by} finds {left} in the vat of {printer}"),
        Fact::VatStirred { printer, by } => format!("{by} stirs the resin in {printer}"),
        Fact::VatFiltered { printer, by } => {
            format!("{by} filters the resin of {printer}: nothing cured is in the vat")
        }
        Fact::VatEmptied { printer, resin, by } => {
            format!("{by} empties and cleans the vat of {printer}; {}", resin.in_words())
        }
        Fact::DisplayReplaced { printer, hours, by } => {
            format!("{by} replaces the display of {printer}; the new one has had {hours} hours of light")
        }
        Fact::FilmReplaced { printer, layers, by } => {
            format!("{by} replaces the film of {printer}; the new one has let go {layers} layers")
        }
        Fact::Lit { printer, job, lit, guessed, reached } => {
            let at_most = if *guessed { "at most " } else { "" };
            let (layers, light) = (lit.layers, long(lit.light_ms));
            // A lit job has layers, unless nobody knows them.
            let layers = if layers == 0 { String::new() } else { format!(" in {layers} layers") };
            let reached: String = reached.iter().map(|reached| format!("; {}", reached.in_words())).collect();
            format!(
                "{printer} has lit job {job} {at_most}for {light}{layers}, of about {} of resin{reached}",
                lit.resin
            )
        }
        Fact::ChecklistDone { printer, items, by } => {
            format!("{by} has looked at {printer} before a start: {}", listed(items))
        }
        Fact::Odd { printer, odd, .. } => format!("on {printer}, {}", odd.in_words()),
    }
}
