//! How the shared queue is planned: `[schedule]`, `[[circuit]]`, and what a printer draws.

use std::time::Duration;

use super::parse::keys;
use super::reader::{Reader, Section, meant};
use super::{Circuit, Power, Schedule, Shift};

/// A ring main has 16 A or 32 A; a lab has some of them.
const WATTS_MAX: u64 = 100_000;
const HEATUP_MIN: u64 = 10;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const SHIFT: &str = "write days and times, as in \"mon-fri 07:00-18:00\" or \"sat 08:00-12:00\"";

pub(super) fn schedule(reader: &mut Reader<'_>, top: &Section<'_>) -> Schedule {
    let circuits = circuits(reader, top);
    let defaults = Schedule::default();
    let Some(section) = reader.section(top, "schedule") else { return Schedule { circuits, ..defaults } };
    reader.unknown_keys(&section, keys("schedule"));
    let mut attended = Vec::new();
    for found in reader.texts(&section, "attended") {
        match shift(&found.value) {
            Some(shift) => attended.push(shift),
            None => reader.wrong(&found.at, "these are no days and times of people", SHIFT),
        }
    }
    let ready_at = match reader.text(&section, "ready_at") {
        None => defaults.ready_at,
        Some(found) => minute_of_day(&found.value).unwrap_or_else(|| {
            reader.wrong(&found.at, "this is no time of the day", "write ready_at = \"07:00\"");
            defaults.ready_at
        }),
    };
    let mut span = |key: &str, unit: &str, most: u64, seconds: u64, default: Duration| {
        let found = reader.number(&section, key, unit, 0..=most);
        found.map_or(default, |found| Duration::from_secs(found.value * seconds))
    };
    Schedule {
        attended,
        ready_at,
        post_processing: span("post_processing_h", "hours", 240, 3_600, defaults.post_processing),
        inspection: span("inspection_h", "hours", 240, 3_600, defaults.inspection),
        sterilising: span("sterilising_h", "hours", 240, 3_600, defaults.sterilising),
        handling: span("handling_min", "minutes", 240, 60, defaults.handling),
        firm: span("firm_min", "minutes", 1_440, 60, defaults.firm),
        unknown: span("unknown_h", "hours", 240, 3_600, defaults.unknown),
        circuits,
    }
}

fn circuits(reader: &mut Reader<'_>, top: &Section<'_>) -> Vec<Circuit> {
    let mut circuits: Vec<Circuit> = Vec::new();
    for section in &reader.sections(top, "circuit") {
        reader.unknown_keys(section, keys("circuit"));
        let name = reader.needed_text(section, "name", "write a name, as in name = \"ring-a\"");
        let watts = reader.number(section, "watts", "watts", 1..=WATTS_MAX);
        if watts.is_none() && !section.table.contains_key("watts") {
            reader.missing(section.key("watts"), "write what it may carry, as in watts = 3600");
        }
        let (Some(name), Some(watts)) = (name, watts) else { continue };
        if circuits.iter().any(|circuit| circuit.name == name.value) {
            reader.wrong(&name.at, "another circuit has this name already", "give each a name of its own");
            continue;
        }
        circuits.push(Circuit { name: name.value, watts: u32::try_from(watts.value).unwrap_or(u32::MAX) });
    }
    circuits
}

/// What a printer draws, where it hangs on a circuit that is watched.
pub(super) fn power(reader: &mut Reader<'_>, section: &Section<'_>, circuits: &[Circuit]) -> Option<Power> {
    let circuit = reader.text(section, "circuit");
    let mut watts = |key: &str| {
        let found = reader.number(section, key, "watts", 1..=WATTS_MAX);
        found.and_then(|found| u32::try_from(found.value).ok().map(|watts| (watts, found.at)))
    };
    let (heating, printing) = (watts("heating_w"), watts("printing_w"));
    let heatup = reader.number(section, "heatup_min", "minutes", 1..=120);
    let heatup = Duration::from_secs(heatup.map_or(HEATUP_MIN, |found| found.value) * 60);
    let Some(circuit) = circuit else {
        if let Some((_, at)) = &heating {
            reader.wrong(at, "nobody knows what it draws from", "write circuit = \"…\" beside it");
        }
        return None;
    };
    let Some(known) = circuits.iter().find(|known| known.name == circuit.value) else {
        let names: Vec<_> = circuits.iter().map(|known| known.name.as_str()).collect();
        let instead = meant(&circuit.value, &names, "write a [[circuit]] of that name, with its watts");
        reader.wrong(&circuit.at, "there is no circuit of this name", instead);
        return None;
    };
    let Some((heating, at)) = heating else {
        reader.missing(section.key("heating_w"), "write what it draws while it heats up, in watts");
        return None;
    };
    if heating > known.watts {
        reader.wrong(&at, "it alone draws more than its circuit carries", "correct one of the two numbers");
    }
    let printing = printing.map_or(heating, |(printing, _)| printing.min(heating));
    Some(Power { circuit: circuit.value, heating, printing, heatup })
}

/// `mon-fri 07:00-18:00`
fn shift(text: &str) -> Option<Shift> {
    let (days, times) = text.trim().split_once(' ')?;
    let day = |word: &str| DAYS.iter().position(|day| *day == word.to_ascii_lowercase());
    let (first, last) = match days.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(days)?, day(days)?),
    };
    let (from, until) = times.trim().split_once('-')?;
    let until = if until == "24:00" { 24 * 60 } else { minute_of_day(until)? };
    let from = minute_of_day(from)?;
    if until <= from {
        return None;
    }
    let mut on = [false; 7];
    let mut at = first;
    loop {
        on[at] = true;
        if at == last {
            return Some(Shift { days: on, from, until });
        }
        at = (at + 1) % 7;
    }
}

/// Minutes since midnight of `07:00`.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_of_people_are_read() {
        let all = |days: [u8; 7], from, until| Some(Shift { days: days.map(|day| day == 1), from, until });
        assert_eq!(shift("mon-fri 07:00-18:00"), all([1, 1, 1, 1, 1, 0, 0], 420, 1_080));
        assert_eq!(shift("Sat 08:30-12:00"), all([0, 0, 0, 0, 0, 1, 0], 510, 720));
        assert_eq!(shift("sat-mon 00:00-24:00"), all([1, 0, 0, 0, 0, 1, 1], 0, 1_440));
        for odd in ["", "mon", "mon 7-18", "mon 18:00-07:00", "foo 07:00-18:00", "mon 07:00-25:00", "mon-fri"]
        {
            assert_eq!(shift(odd), None, "{odd}");
        }
    }
}
