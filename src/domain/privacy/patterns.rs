//! What identifiers look like, whoever they belong to (medical reference, §3.5).
//!
//! Each rule is a function over the pieces of a text. The order is the order of what is believed: a date is also a
//! long number, and is told as a date.

use std::ops::Range;

use super::days::month_in_full;
use super::pieces::{Class, Piece, Text};
use super::words::{Umlaut, canonical};
use super::{Found, What};

/// So many digits are a number of somebody's: most hospitals' have six to ten, and six would be many counts of ours.
const LONG: usize = 7;

type Rule = fn(&Text<'_>) -> Vec<Range<usize>>;

const RULES: [(What, Rule); 12] = [
    (What::Link, links),
    (What::Email, emails),
    (What::DicomUid, uids),
    (What::Address, addresses),
    (What::SocialSecurity, social_security),
    (What::Date, |text| dates(text).into_iter().map(|(at, _)| at).collect()),
    (What::Phone, phones),
    (What::Age, ages),
    (What::Labelled, labelled),
    (What::Accession, accessions),
    (What::LongNumber, long_numbers),
    (What::PersonName, person_names),
];

pub(super) fn find(text: &Text<'_>) -> Vec<Found> {
    let mut all = Vec::new();
    for (what, rule) in RULES {
        all.extend(rule(text).into_iter().map(|at| Found { what, at }));
    }
    all
}

/// The pieces from `first` to before `end`, none of them our own, as bytes of the text.
fn span(text: &Text<'_>, first: usize, end: usize) -> Option<Range<usize>> {
    let pieces = text.pieces.get(first..end)?;
    let (from, to) = (pieces.first()?, pieces.last()?);
    (!pieces.iter().any(|piece| piece.ours)).then_some(from.at.start..to.at.end)
}

/// Numbers with this one sign between each two, none of them our own: the pieces that they are made of.
fn chains(text: &Text<'_>, sign: &str) -> Vec<Range<usize>> {
    let pieces = &text.pieces;
    let number = |n: usize| pieces.get(n).is_some_and(|piece| piece.is(Class::Digits) && !piece.ours);
    let mut all = Vec::new();
    let mut n = 0;
    while n < pieces.len() {
        let mut end = n + 1;
        if number(n) {
            while number(end + 1) && pieces[end].text == sign {
                end += 2;
            }
            all.push(n..end);
        }
        n = end;
    }
    all
}

fn numbers<'a, 't>(text: &'a Text<'t>, chain: &Range<usize>) -> Vec<&'a Piece<'t>> {
    text.pieces[chain.clone()].iter().filter(|piece| piece.is(Class::Digits)).collect()
}

fn lengths(text: &Text<'_>, chain: &Range<usize>) -> Vec<usize> {
    numbers(text, chain).iter().map(|piece| piece.text.len()).collect()
}

fn links(text: &Text<'_>) -> Vec<Range<usize>> {
    let lower = text.whole.to_ascii_lowercase();
    let heads = ["http://", "https://", "ftp://", "file://", "smb://", "www."];
    let mut all = Vec::new();
    let mut begin = 0;
    for word in lower.split_inclusive(char::is_whitespace) {
        let link = heads.iter().filter_map(|head| word.find(head)).min();
        all.extend(link.map(|at| begin + at..begin + word.trim_end().len()));
        begin += word.len();
    }
    all
}

fn emails(text: &Text<'_>) -> Vec<Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || ".-_+".contains(c);
    let mut all = Vec::new();
    for (at, _) in text.whole.match_indices('@') {
        let (before, after) = (&text.whole[..at], &text.whole[at + 1..]);
        let start = before.trim_end_matches(part).len();
        let length = after.find(|c| !part(c)).unwrap_or(after.len());
        let host = after[..length].trim_end_matches('.');
        if start < at && host.contains('.') {
            all.push(start..at + 1 + host.len());
        }
    }
    all
}

/// Numbers with points between them, as registered organisations have them.
fn uids(text: &Text<'_>) -> Vec<Range<usize>> {
    let is_uid = |chain: &Range<usize>| {
        let parts = numbers(text, chain);
        let first: Vec<&str> = parts.iter().take(3).map(|piece| piece.text).collect();
        let digits: usize = lengths(text, chain).iter().sum();
        matches!(first[..], ["1", "2", "840"]) && parts.len() >= 5
            || matches!(first[..], ["2", "25", _]) && digits >= 12
            || matches!(first.first(), Some(&("0" | "1" | "2"))) && parts.len() >= 6 && digits >= 10
    };
    let uids = chains(text, ".").into_iter().filter(is_uid);
    uids.filter_map(|chain| span(text, chain.start, chain.end)).collect()
}

/// Four numbers with points; versions of firmware (2.1.2.5) have fewer digits and other beginnings.
fn addresses(text: &Text<'_>) -> Vec<Range<usize>> {
    let is_address = |chain: &Range<usize>| {
        let parts: Vec<Option<u32>> = numbers(text, chain).iter().map(|piece| piece.number()).collect();
        let digits: usize = lengths(text, chain).iter().sum();
        parts.len() == 4
            && parts.iter().all(|part| part.is_some_and(|part| part < 256))
            && (digits >= 8 || matches!(parts[0], Some(10 | 127 | 172 | 192)))
    };
    let addresses = chains(text, ".").into_iter().filter(is_address);
    addresses.filter_map(|chain| span(text, chain.start, chain.end)).collect()
}

fn social_security(text: &Text<'_>) -> Vec<Range<usize>> {
    let all = ["-", " "].into_iter().flat_map(|sign| chains(text, sign));
    let all = all.filter(|chain| lengths(text, chain) == [3, 2, 4]);
    all.filter_map(|chain| span(text, chain.start, chain.end)).collect()
}

fn phones(text: &Text<'_>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let pieces = &text.pieces;
    for n in 0..pieces.len() {
        let plus = pieces[n].is_sign("+");
        let bracket = pieces[n].is_sign("(");
        let starts = plus || bracket || pieces[n].is(Class::Digits);
        // In the middle of a word or of a number with a point, no number of a phone begins.
        let fresh = n == 0 || !(pieces[n - 1].is(Class::Letters) || pieces[n - 1].is_sign(".,"));
        if !starts || !fresh {
            continue;
        }
        let (mut end, mut signs) = (n, 0);
        let mut groups: Vec<&str> = Vec::new();
        // More digits than any number of a phone has are none, and a long list of numbers is not read again and again.
        while let Some(piece) = pieces.get(end).filter(|piece| !piece.ours && groups.len() < 7) {
            if piece.is(Class::Digits) {
                (groups, signs) = ([groups, vec![piece.text]].concat(), 0);
            } else if end > n && (signs >= 2 || !piece.is_sign(" -./()")) {
                break;
            } else {
                signs += 1;
            }
            end += 1;
        }
        while end > n && !pieces[end - 1].is(Class::Digits) {
            end -= 1;
        }
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let digits: usize = lengths.iter().sum();
        let trunk = groups.first().is_some_and(|first| first.len() >= 2 && first.starts_with('0'));
        let pointed = text.whole[pieces[n].at.start..pieces[end.max(n + 1) - 1].at.end].contains('.');
        let is_phone = (plus && (8..=15).contains(&digits))
            || matches!(lengths[..], [3, 3, 4] | [1, 3, 3, 4])
            || (bracket && groups.len() > 1 && (9..=13).contains(&digits))
            || (trunk && groups.len() > 1 && (9..=13).contains(&digits) && !pointed);
        if is_phone {
            all.extend(span(text, n, end));
        }
    }
    all
}

type YearMonthDay = (u16, u8, u8);

/// A day as three numbers could mean it: the year first, or last with day and month in either order.
fn readings(parts: [&Piece<'_>; 3]) -> Vec<YearMonthDay> {
    let year = |piece: &Piece<'_>| -> Vec<u16> {
        match (piece.text.len(), piece.text.parse::<u16>()) {
            (4, Ok(year)) if (1880..=2120).contains(&year) => vec![year],
            (2, Ok(short)) => vec![1900 + short, 2000 + short],
            _ => Vec::new(),
        }
    };
    let small = |piece: &Piece<'_>, most: u8| -> Option<u8> {
        let number: u8 = piece.text.parse().ok().filter(|_| piece.text.len() <= 2)?;
        (1..=most).contains(&number).then_some(number)
    };
    let mut all = Vec::new();
    let orders = [[0, 1, 2], [2, 1, 0], [2, 0, 1]];
    for [y, m, d] in orders {
        if y == 0 && parts[0].text.len() != 4 {
            continue;
        }
        if let (Some(month), Some(day)) = (small(parts[m], 12), small(parts[d], 31)) {
            all.extend(year(parts[y]).into_iter().map(|year| (year, month, day)));
        }
    }
    all
}

/// Every date that tells a day or a month, with the days that it may mean; none where it has no year or no day.
pub(super) fn dates(text: &Text<'_>) -> Vec<(Range<usize>, Vec<YearMonthDay>)> {
    let mut all = Vec::new();
    for chain in ["-", ".", "/", "_", " "].into_iter().flat_map(|sign| chains(text, sign)) {
        let parts = numbers(text, &chain);
        for n in 0..parts.len().saturating_sub(2) {
            let first = chain.start + 2 * n;
            let sign = text.pieces[first + 1].text;
            let four = parts[n].text.len() == 4 || parts[n + 2].text.len() == 4;
            let alone = parts.len() == 3;
            // Without the whole year it is three small numbers, as sizes are.
            let wanted = match sign {
                "-" | "." => four || (alone && parts.iter().all(|part| part.text.len() == 2)),
                "/" => four || (alone && parts[2].text.len() == 2),
                _ => four,
            };
            if !wanted || (sign == "." && !alone) {
                continue;
            }
            let days = readings([parts[n], parts[n + 1], parts[n + 2]]);
            if let Some(at) = span(text, first, first + 5).filter(|_| !days.is_empty()) {
                all.push((at, days));
            }
        }
    }
    for piece in text.pieces.iter().filter(|piece| piece.is(Class::Digits) && !piece.ours) {
        let cut = |from: usize, to: usize| Piece {
            class: Class::Digits,
            text: &piece.text[from..to],
            at: 0..0,
            ours: false,
        };
        if piece.text.len() == 8 && piece.text.is_ascii() {
            let mut days = readings([&cut(0, 4), &cut(4, 6), &cut(6, 8)]);
            days.extend(readings([&cut(0, 2), &cut(2, 4), &cut(4, 8)]));
            if !days.is_empty() {
                all.push((piece.at.clone(), days));
            }
        }
    }
    all.extend(named_dates(text));
    all
}

/// Months that are known by their beginning too; the other names of `days` count in full only.
const MONTHS: [(&str, u8); 20] = [
    ("january", 1),
    ("januar", 1),
    ("janvier", 1),
    ("february", 2),
    ("februar", 2),
    ("march", 3),
    ("marz", 3),
    ("april", 4),
    ("may", 5),
    ("mai", 5),
    ("june", 6),
    ("juni", 6),
    ("july", 7),
    ("juli", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("oktober", 10),
    ("november", 11),
    ("december", 12),
];

fn month(word: &str) -> Option<u8> {
    let word = canonical(word, Umlaut::Bare);
    if word.len() < 3 {
        return None;
    }
    if word.as_str() == "dez" {
        return Some(12);
    }
    let fits = |name: &str| name == word.as_str() || (word.len() <= 4 && name.starts_with(word.as_str()));
    let begun = MONTHS.iter().find(|(name, _)| fits(name)).map(|(_, month)| *month);
    begun.or_else(|| month_in_full(&word))
}

/// `12 May 1960`, `May 12, 1960`, `12May60`, `1960-May-12`, `May 1960`; a month and a day alone where the month is
/// written in full.
fn named_dates(text: &Text<'_>) -> Vec<(Range<usize>, Vec<YearMonthDay>)> {
    let pieces = &text.pieces;
    let near = |from: usize, forward: bool| -> Option<usize> {
        let mut at = from;
        for _ in 0..3 {
            at = if forward { at + 1 } else { at.checked_sub(1)? };
            let piece = pieces.get(at)?;
            if piece.is(Class::Digits) {
                return Some(at);
            }
            if !piece.is_sign(" .,-_/") && !matches!(piece.text, "st" | "nd" | "rd" | "th" | "er") {
                return None;
            }
        }
        None
    };
    let day = |at: Option<usize>| -> Option<u8> {
        let number = pieces.get(at?).filter(|piece| piece.text.len() <= 2)?.number()?;
        u8::try_from(number).ok().filter(|day| (1..=31).contains(day))
    };
    let year = |at: Option<usize>| -> Option<u16> {
        let piece = pieces.get(at?)?;
        let number = u16::try_from(piece.number()?).ok()?;
        match piece.text.len() {
            4 if (1880..=2120).contains(&number) => Some(number),
            2 => Some(1900 + number),
            _ => None,
        }
    };
    let mut all = Vec::new();
    for (n, piece) in pieces.iter().enumerate().filter(|(_, piece)| piece.is(Class::Letters) && !piece.ours) {
        let Some(month) = month(piece.text) else { continue };
        let (before, after) = (near(n, false), near(n, true));
        let further = after.and_then(|after| near(after, true));
        let full = piece.text.chars().count() > 4;
        let found = match (day(before), year(after), day(after), year(further)) {
            (Some(day), Some(year), ..) => Some((before, after, Some((year, day)))),
            (_, _, Some(day), Some(year)) => Some((Some(n), further, Some((year, day)))),
            _ if year(before).is_some_and(|_| day(after).is_some())
                && before.is_some_and(|at| pieces[at].text.len() == 4) =>
            {
                Some((before, after, year(before).zip(day(after))))
            }
            (_, Some(year), ..) if year >= 1880 && after.is_some_and(|at| pieces[at].text.len() == 4) => {
                Some((Some(n), after, None))
            }
            (Some(_), ..) if full => Some((before, Some(n), None)),
            (_, _, Some(_), _) if full => Some((Some(n), after, None)),
            _ => None,
        };
        let Some((Some(first), Some(last), at_day)) = found else { continue };
        let Some(at) = span(text, first, last + 1) else { continue };
        let days =
            at_day.map_or_else(Vec::new, |(year, day)| vec![(year, month, day), (year + 100, month, day)]);
        all.push((at, days));
    }
    all
}

fn ages(text: &Text<'_>) -> Vec<Range<usize>> {
    let words = ["y", "yo", "yr", "yrs", "year", "years", "jahre", "jahrig", "jahriger", "jahrige", "ans"];
    let mut all = Vec::new();
    for (n, piece) in text.pieces.iter().enumerate() {
        if !piece.number().is_some_and(|age| (90..130).contains(&age)) {
            continue;
        }
        let between = text.pieces.get(n + 1).is_some_and(|next| next.is_sign(" -_"));
        let next = text.pieces.get(n + 1 + usize::from(between));
        if next.is_some_and(|next| words.contains(&canonical(next.text, Umlaut::Bare).as_str())) {
            all.extend(span(text, n, n + 2 + usize::from(between)));
        }
        let signs = text.pieces[..n].iter().rev().take(3).take_while(|sign| sign.is_sign(" :=_-")).count();
        let word = n.checked_sub(signs + 1).and_then(|at| text.pieces.get(at)).filter(|_| signs > 0);
        if word.is_some_and(|word| {
            ["age", "aged", "alter"].contains(&canonical(word.text, Umlaut::Bare).as_str())
        }) {
            all.extend(span(text, n, n + 1));
        }
    }
    all
}

/// Words behind which a number is somebody's.
const LABELS: [&str; 14] = [
    "mrn",
    "dob",
    "ssn",
    "pid",
    "patid",
    "patientid",
    "patient",
    "patientnr",
    "accession",
    "acc",
    "fallnr",
    "fallnummer",
    "geb",
    "gebdatum",
];

fn labelled(text: &Text<'_>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for (n, piece) in text.pieces.iter().enumerate().filter(|(_, piece)| piece.is(Class::Letters)) {
        if !LABELS.contains(&canonical(piece.text, Umlaut::Bare).as_str()) {
            continue;
        }
        // Up to three signs between the word and its number, of which the first may be missing.
        let after = text.pieces[n + 1..].iter().take(4).take_while(|next| !next.is(Class::Letters));
        let number = after.enumerate().find(|(_, next)| next.is(Class::Digits));
        if let Some((m, _)) = number {
            all.extend(span(text, n, n + 2 + m));
        }
    }
    all
}

/// A few letters and at least six digits, written as one or with one sign between.
fn accessions(text: &Text<'_>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for (n, piece) in text.pieces.iter().enumerate().filter(|(_, piece)| piece.is(Class::Letters)) {
        let sign = text.pieces.get(n + 1).is_some_and(|next| next.is_sign("-_"));
        let number = n + 1 + usize::from(sign);
        let digits =
            text.pieces.get(number).filter(|next| next.is(Class::Digits)).map_or(0, |next| next.text.len());
        let inside = n > 0 && text.pieces[n - 1].is(Class::Digits);
        if piece.text.len() <= 5 && digits >= 6 && !inside {
            all.extend(span(text, n, number + 1));
        }
    }
    all
}

/// Seven digits and more, also with hyphens between; a number with one point is a measure.
fn long_numbers(text: &Text<'_>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for chain in chains(text, ".") {
        let parts = numbers(text, &chain);
        let measure = parts.len() == 2;
        for (n, part) in parts.iter().enumerate().filter(|(_, part)| part.text.len() >= LONG && !measure) {
            let at = chain.start + 2 * n;
            all.extend(span(text, at, at + 1).filter(|_| !part.ours));
        }
    }
    for chain in chains(text, "-") {
        let lengths = lengths(text, &chain);
        if lengths.len() > 1 && lengths.iter().sum::<usize>() >= LONG {
            all.extend(span(text, chain.start, chain.end));
        }
    }
    all
}

fn person_names(text: &Text<'_>) -> Vec<Range<usize>> {
    let titles = ["Dr", "DR", "Prof", "Mr", "Mrs", "Ms", "Herr", "Frau", "Mme", "Miss"];
    let capital = |piece: &Piece<'_>| {
        piece.is(Class::Letters)
            && piece.text.chars().count() > 1
            && piece.text.starts_with(char::is_uppercase)
    };
    let mut all = Vec::new();
    for (n, piece) in text.pieces.iter().enumerate().filter(|(_, piece)| piece.is(Class::Letters)) {
        let next = |at: usize| text.pieces.get(at);
        if next(n + 1).is_some_and(|sign| sign.is_sign("^"))
            && next(n + 2).is_some_and(|p| p.is(Class::Letters))
        {
            all.extend(span(text, n, n + 3));
        }
        if titles.contains(&piece.text) {
            let signs = text.pieces[n + 1..].iter().take(2).take_while(|next| next.is_sign(". _")).count();
            if signs > 0 && next(n + 1 + signs).is_some_and(capital) {
                all.extend(span(text, n, n + 2 + signs));
            }
        }
    }
    all
}
