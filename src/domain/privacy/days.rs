//! Where a text names a day of the calendar, in the ways in which people write one down.
//!
//! The ways are wide, and are for days that are looked for: what looks like a date to somebody who knows none is told
//! by `patterns`. Without its year a day is also a part of twelve, a size or a version, so more has to be around it.

use std::ops::Range;

use zeroize::Zeroizing;

use super::pieces::{Class, Text};
use super::words::{Umlaut, canonical};

type YearMonthDay = (u16, u8, u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Year {
    Whole(u16),
    /// Its last two digits.
    Short(u16),
    Untold,
}

/// One way to read a place in a text as a day.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) at: Range<usize>,
    year: Year,
    month: u8,
    day: u8,
}

impl Mention {
    /// The day where it is told with its whole year.
    pub(super) fn whole(&self) -> Option<YearMonthDay> {
        match self.year {
            Year::Whole(year) => Some((year, self.month, self.day)),
            Year::Short(_) | Year::Untold => None,
        }
    }

    pub(super) fn may_be(&self, (year, month, day): YearMonthDay) -> bool {
        let in_year = match self.year {
            Year::Whole(whole) => whole == year,
            Year::Short(short) => short == year % 100,
            Year::Untold => true,
        };
        in_year && (month, day) == (self.month, self.day)
    }
}

pub(super) fn mentions(text: &Text<'_>) -> Vec<Mention> {
    let mut all = Vec::new();
    for n in 0..text.pieces.len() {
        if let Some((second, sign)) = next_number(text, n) {
            all.extend(of_three(text, n, second, sign));
            all.extend(of_two(text, n, second, sign));
        }
        all.extend(named(text, n));
    }
    all
}

/// The digits at this place, but for those of platen's own.
fn number<'a>(text: &Text<'a>, n: usize) -> Option<&'a str> {
    text.pieces.get(n).filter(|piece| piece.is(Class::Digits) && !piece.ours).map(|piece| piece.text)
}

fn small(digits: &str, most: u8) -> Option<u8> {
    let number: u8 = digits.parse().ok().filter(|_| digits.len() <= 2)?;
    (1..=most).contains(&number).then_some(number)
}

fn year(digits: &str) -> Option<Year> {
    let number: u16 = digits.parse().ok()?;
    match digits.len() {
        4 if (1800..=2200).contains(&number) => Some(Year::Whole(number)),
        2 => Some(Year::Short(number)),
        _ => None,
    }
}

/// The number behind the one at `n` and the sign between them, which may be none but spaces.
fn next_number<'a>(text: &Text<'a>, n: usize) -> Option<(usize, &'a str)> {
    number(text, n)?;
    let signs = text.pieces[n + 1..].iter().take(3).take_while(|piece| piece.is(Class::Other)).count();
    let next = n + 1 + signs;
    number(text, next).filter(|_| signs > 0)?;
    let between = &text.whole[text.pieces[n].at.end..text.pieces[next].at.start];
    let sign = between.trim();
    (!between.contains('\n') && sign.chars().count() <= 1).then_some((next, sign))
}

/// What people put between the numbers of a date.
const SIGNS: &str = "./-_|\\'\u{b7}\u{2013}\u{2014}";

/// `12.5.60`, `5/12/1960`, `60-05-12`: day, month and year in every order in which people write them.
fn of_three(text: &Text<'_>, first: usize, second: usize, sign: &str) -> Vec<Mention> {
    let Some((third, other)) = next_number(text, second) else { return Vec::new() };
    let (Some(one), Some(two), Some(three)) =
        (number(text, first), number(text, second), number(text, third))
    else {
        return Vec::new();
    };
    let whole = one.len() == 4 || three.len() == 4;
    // Three small numbers in a row are a size, and four with points a version.
    let fits = |sign: &str| match sign {
        "" | "," => whole,
        sign => SIGNS.contains(sign),
    };
    let point = |n: Option<usize>| n.and_then(|n| text.pieces.get(n)).is_some_and(|piece| piece.is_sign("."));
    let digits = |n: Option<usize>| n.is_some_and(|n| number(text, n).is_some());
    let longer = (point(first.checked_sub(1)) && digits(first.checked_sub(2)))
        || (point(Some(third + 1)) && digits(Some(third + 2)));
    if !fits(sign) || !fits(other) || (longer && !whole) {
        return Vec::new();
    }
    let at = text.pieces[first].at.start..text.pieces[third].at.end;
    let orders = [(one, two, three), (three, two, one), (three, one, two)];
    let read = orders.into_iter().filter_map(|(of_year, of_month, of_day)| {
        let (year, month, day) = (year(of_year)?, small(of_month, 12)?, small(of_day, 31)?);
        Some(Mention { at: at.clone(), year, month, day })
    });
    read.collect()
}

/// Before these a day and a month stand, in English, German, French, Spanish and Italian.
#[rustfmt::skip]
const DATED: [&str; 86] = [
    "on", "born", "birth", "birthday", "dob", "surgery", "operation", "operated", "op", "date", "dated",
    "due", "until", "till", "before", "since", "day", "scheduled", "planned", "am", "vom", "zum", "bis",
    "seit", "den", "geboren", "geb", "geburtstag", "operiert", "termin", "datum", "le", "du", "ne", "nee",
    "naissance", "chirurgie", "opere", "operee", "el", "del", "al", "nacido", "nacida", "nacimiento",
    "cirugia", "operado", "operada", "fecha", "il", "dal", "nato", "nata", "nascita", "chirurgia",
    "intervento", "operato", "data", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday", "montag", "dienstag", "mittwoch", "donnerstag",
    "freitag", "samstag", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "lunes", "martes", "miercoles",
];

/// Behind these it is a part of many, a size or a version.
#[rustfmt::skip]
const COUNTED: [&str; 45] = [
    "layer", "layers", "part", "parts", "page", "pages", "step", "steps", "plate", "plates", "piece",
    "pieces", "no", "nr", "item", "items", "version", "ver", "v", "rev", "revision", "release", "firmware",
    "scale", "ratio", "factor", "size", "wall", "walls", "thickness", "diameter", "gap", "offset",
    "tolerance", "lot", "batch", "image", "slice", "teil", "teile", "seite", "schicht", "wand", "couche",
    "capa",
];

/// Before these it is a measure.
#[rustfmt::skip]
const UNITS: [&str; 19] = [
    "mm", "cm", "m", "um", "g", "kg", "mg", "ml", "l", "h", "min", "s", "sec", "uhr", "inch", "bar", "mpa",
    "gpa", "x",
];

fn canonical_at(text: &Text<'_>, n: usize) -> Option<Zeroizing<String>> {
    let piece = text.pieces.get(n).filter(|piece| piece.is(Class::Letters))?;
    Some(canonical(piece.text, Umlaut::Bare))
}

/// `1.12.`, `12/1`, `12-01`, and `1.12` behind a word such as *on*: without the year.
fn of_two(text: &Text<'_>, first: usize, second: usize, sign: &str) -> Vec<Mention> {
    let pieces = &text.pieces;
    let (Some(one), Some(two)) = (number(text, first), number(text, second)) else { return Vec::new() };
    // Read only where there may be a day: most numbers are none.
    if !matches!(sign, "." | "/" | "-" | "\u{2013}") || one.len() > 2 || two.len() > 2 {
        return Vec::new();
    }
    let piece = |n: Option<usize>| n.and_then(|n| pieces.get(n));
    let is = |n: Option<usize>, class: Class| piece(n).is_some_and(|piece| piece.is(class));
    let is_sign = |n: Option<usize>, signs: &str| piece(n).is_some_and(|piece| piece.is_sign(signs));
    let (before, after) = (first.checked_sub(1), Some(second + 1));
    let within = is(before, Class::Letters)
        || is(after, Class::Letters)
        || (is_sign(before, ".,:/-_") && is(first.checked_sub(2), Class::Digits))
        || (is_sign(after, ".,:/-_") && is(Some(second + 2), Class::Digits))
        || is_sign(before, "+-<>~#*\u{b1}");
    let blank = usize::from(is_sign(after, " "));
    let unit = canonical_at(text, second + 1 + blank);
    let measure = is_sign(Some(second + 1 + blank), "%*\"\u{b0}\u{d7}")
        || unit.is_some_and(|unit| UNITS.contains(&unit.as_str()));
    if within || measure {
        return Vec::new();
    }
    let signs = pieces[..first].iter().rev().take(3).take_while(|piece| piece.is(Class::Other)).count();
    let word = first.checked_sub(signs + 1).and_then(|n| canonical_at(text, n));
    let behind = |words: &[&str]| word.as_ref().is_some_and(|word| words.contains(&word.as_str()));
    let wanted = match sign {
        "." => behind(&DATED) || is_sign(after, "."),
        "/" => true,
        _ => behind(&DATED) || (one.len() == 2 && two.len() == 2),
    };
    if !wanted || behind(&COUNTED) {
        return Vec::new();
    }
    let at = pieces[first].at.start..pieces[second].at.end;
    let mention = |of_month: &str, of_day: &str| {
        let (month, day) = (small(of_month, 12)?, small(of_day, 31)?);
        Some(Mention { at: at.clone(), year: Year::Untold, month, day })
    };
    // With a point between them the day is first, wherever people write so.
    let month_first = if sign == "." { None } else { mention(one, two) };
    mention(two, one).into_iter().chain(month_first).collect()
}

/// The months in English, German, French, Spanish and Italian, as words are compared.
#[rustfmt::skip]
const MONTHS: [(&str, u8); 56] = [
    ("january", 1), ("januar", 1), ("janner", 1), ("jaenner", 1), ("janvier", 1), ("enero", 1), ("gennaio", 1),
    ("february", 2), ("februar", 2), ("fevrier", 2), ("febrero", 2), ("febbraio", 2),
    ("march", 3), ("marz", 3), ("maerz", 3), ("mars", 3), ("marzo", 3),
    ("april", 4), ("avril", 4), ("abril", 4), ("aprile", 4),
    ("may", 5), ("mai", 5), ("mayo", 5), ("maggio", 5),
    ("june", 6), ("juni", 6), ("juin", 6), ("junio", 6), ("giugno", 6),
    ("july", 7), ("juli", 7), ("juillet", 7), ("julio", 7), ("luglio", 7),
    ("august", 8), ("aout", 8), ("agosto", 8),
    ("september", 9), ("septembre", 9), ("septiembre", 9), ("setiembre", 9), ("settembre", 9),
    ("october", 10), ("oktober", 10), ("octobre", 10), ("octubre", 10), ("ottobre", 10),
    ("november", 11), ("novembre", 11), ("noviembre", 11),
    ("december", 12), ("dezember", 12), ("decembre", 12), ("diciembre", 12), ("dicembre", 12),
];

/// How people shorten them.
#[rustfmt::skip]
const SHORT_MONTHS: [(&str, u8); 29] = [
    ("jan", 1), ("janv", 1), ("ene", 1), ("feb", 2), ("febr", 2), ("fev", 2), ("fevr", 2), ("mar", 3),
    ("mrz", 3), ("apr", 4), ("avr", 4), ("abr", 4), ("jun", 6), ("giu", 6), ("jul", 7), ("juil", 7),
    ("lug", 7), ("aug", 8), ("ago", 8), ("sep", 9), ("sept", 9), ("sett", 9), ("oct", 10), ("okt", 10),
    ("ott", 10), ("nov", 11), ("dec", 12), ("dez", 12), ("dic", 12),
];

/// Months that are shortened to another word: they are months only with a year.
const UNSURE_MONTHS: [(&str, u8); 3] = [("gen", 1), ("mag", 5), ("set", 9)];

fn among(months: &[(&str, u8)], word: &str) -> Option<u8> {
    months.iter().find(|(name, _)| *name == word).map(|(_, month)| *month)
}

/// The month of this name, as words are compared, where it is written in full.
pub(super) fn month_in_full(word: &str) -> Option<u8> {
    among(&MONTHS, word)
}

/// What stands between a month and its day or year.
#[rustfmt::skip]
const BETWEEN: [&str; 21] = [
    "st", "nd", "rd", "th", "er", "re", "e", "o", "\u{ba}", "\u{aa}", "te", "ten", "ter", "of", "the", "de",
    "del", "di", "d", "des", "den",
];

/// The number that is nearest to a place, with nothing but such words and signs between.
fn near(text: &Text<'_>, from: usize, forward: bool) -> Option<usize> {
    let mut at = from;
    for _ in 0..8 {
        at = if forward { at + 1 } else { at.checked_sub(1)? };
        let piece = text.pieces.get(at)?;
        let between = match piece.class {
            Class::Digits => return (!piece.ours).then_some(at),
            Class::Other => piece.is_sign(" .,-_/'()\u{2019}\u{2013}\u{b0}"),
            Class::Letters => BETWEEN.contains(&canonical(piece.text, Umlaut::Bare).as_str()),
        };
        if !between {
            return None;
        }
    }
    None
}

/// `Dec 1st`, `1er décembre`, `12th of May 1960`, `12may60`, `1960-May-12`: where a month is at this place.
fn named(text: &Text<'_>, n: usize) -> Vec<Mention> {
    let Some(piece) = text.pieces.get(n).filter(|piece| piece.is(Class::Letters) && !piece.ours) else {
        return Vec::new();
    };
    let word = canonical(piece.text, Umlaut::Bare);
    let sure = among(&MONTHS, &word).or_else(|| among(&SHORT_MONTHS, &word));
    let Some(month) = sure.or_else(|| among(&UNSURE_MONTHS, &word)) else { return Vec::new() };
    let (before, after) = (near(text, n, false), near(text, n, true));
    let further = after.and_then(|after| near(text, after, true));
    let digits = |at: Option<usize>| at.and_then(|at| number(text, at));
    let day = |at: Option<usize>| digits(at).and_then(|digits| small(digits, 31));
    let year = |at: Option<usize>| digits(at).and_then(year).unwrap_or(Year::Untold);
    let mention = |day: u8, year: Year, first: Option<usize>, last: Option<usize>| {
        let year = match year {
            // Two digits behind a day may be a count as well: "on 1 Dec 12 parts are needed".
            Year::Short(_) | Year::Untold if sure.is_some() => Year::Untold,
            Year::Untold => return None,
            year => year,
        };
        let at = text.pieces.get(first?)?.at.start..text.pieces.get(last?)?.at.end;
        Some(Mention { at, year, month, day })
    };
    let day_first = day(before).and_then(|day| {
        let year = year(after);
        let last = if matches!(year, Year::Whole(_)) { after } else { Some(n) };
        mention(day, year, before, last)
    });
    let month_first = day(after).and_then(|day| match (year(further), year(before)) {
        (year @ Year::Whole(_), _) => mention(day, year, Some(n), further),
        (_, year @ Year::Whole(_)) => mention(day, year, before, after),
        (year, _) => mention(day, year, Some(n), after),
    });
    day_first.into_iter().chain(month_first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIRTH: YearMonthDay = (1960, 5, 12);
    const SURGERY: YearMonthDay = (2026, 12, 1);

    fn names(text: &str, day: YearMonthDay) -> bool {
        mentions(&Text::new(text)).iter().any(|mention| mention.may_be(day))
    }

    #[test]
    fn a_day_is_read_in_every_order_and_language() {
        for text in [
            "12.5.60",
            "12.05.60",
            "12. 5. 1960",
            "5/12/60",
            "12/5/1960",
            "60-5-12",
            "1960.5.12",
            "12 - 5 - 1960",
            "12\u{2013}05\u{2013}1960",
            "12\\5\\60",
            "12 5 1960",
            "12th of May 1960",
            "the 12th of May, 1960",
            "May the 12th",
            "may 12",
            "12.mai",
            "12 mai 60",
            "12 de mayo de 1960",
            "12 maggio",
            "12 mag 1960",
            "1960-May-12",
            "12may60",
            "12/5",
            "5/12",
            "05-12",
            "12.5.",
            "born 12.5",
        ] {
            assert!(names(text, BIRTH), "{text}");
        }
        for text in [
            "1.12.26",
            "1.12.",
            "01.12.",
            "1. 12. at 7:30",
            "on 1.12",
            "am 1.12",
            "le 1.12",
            "surgery: 1.12",
            "12/1",
            "on 12-1",
            "on Dec 1",
            "Dec 1st at 7:30",
            "Dec. 1, 10:30",
            "surgery on December 1st",
            "1er d\u{e9}cembre",
            "1er de\u{301}cembre 2026",
            "1. Dez.",
            "1 diciembre",
            "1\u{ba} de diciembre",
            "1\u{b0} dicembre 2026",
            "on 1 Dec 12 parts are needed",
        ] {
            assert!(names(text, SURGERY), "{text}");
        }
    }

    #[test]
    fn a_size_a_version_a_part_of_many_and_another_day_are_not_read_as_the_day() {
        for text in [
            "wall 1.12 mm",
            "1.12",
            "v1.12.",
            "version 1.12.",
            "scaled by 1.12",
            "1.12 g left",
            "on 1.12 mm",
            "part 1/12",
            "layers 1/12",
            "holes 1-12",
            "1/12 mm",
            "offset -1.12.",
            "1.12.26.4",
            "3.1.12.",
            "0.1.12",
            "1 12 26",
            "1, 12, 26",
            "1 x 12 x 26",
            "1:12",
            "1.12.2025",
            "1.12.25",
            "1/12/25",
            "1 Dec 2025",
            "Dec 2026",
            "Dec 2",
            "11.12.",
            "1.\n12.",
            "X1.12 Y12.01",
            "",
        ] {
            assert!(!names(text, SURGERY), "{text}");
        }
        for text in ["set 1 of 3", "gen 1", "mag 1"] {
            let months = [1, 5, 9].map(|month| (2026, month, 1));
            assert!(!months.into_iter().any(|day| names(text, day)), "{text}");
        }
    }

    #[test]
    fn each_month_is_known_by_its_names() {
        let all = [&MONTHS[..], &SHORT_MONTHS[..], &UNSURE_MONTHS[..]].concat();
        for (name, month) in &all {
            assert_eq!(canonical(name, Umlaut::Bare).as_str(), *name);
            let same = all.iter().filter(|(other, _)| other == name).count();
            assert!((1..=12).contains(month) && same == 1, "{name}");
        }
    }
}
