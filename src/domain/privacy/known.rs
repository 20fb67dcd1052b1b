//! What the vault has of a case, ready to be held against texts, and not to be shown.

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::pieces::{Class, Text};
use super::words::{Umlaut, canonical, split_case};
use super::{Found, What, patterns};
use crate::domain::identifiers::{Identifiers, Kind};

/// Shorter words of a name stand for nothing by themselves.
const WORD_MIN: usize = 3;
/// Words of a name that are found also as the beginning or end of a longer word.
const AFFIX_MIN: usize = 5;
/// Joined names that are found in the middle of a longer word.
const INSIDE_MIN: usize = 7;
/// Numbers that are found also where their digits are apart, or in one of platen's own ids.
const NUMBER_MIN: usize = 5;
const NUMBER_SURE: usize = 7;
/// Not part of a name.
const TITLES: [&str; 12] = ["dr", "med", "prof", "mr", "mrs", "ms", "herr", "frau", "jr", "sr", "md", "phd"];

struct Name {
    kind: Kind,
    words: Vec<Zeroizing<String>>,
    /// First and last, last and first, with initials, all together.
    joined: Vec<Zeroizing<String>>,
}

struct Number {
    kind: Kind,
    /// Letters and digits only, without zeros before it.
    text: Zeroizing<String>,
}

/// The identifiers of one case or of several. It has no way to show them.
#[derive(Default)]
pub struct Known {
    names: Vec<Name>,
    numbers: Vec<Number>,
    days: Vec<(Kind, (u16, u8, u8))>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known (hidden)")
    }
}

impl Known {
    /// For a text of which the case is not known, or has nothing in the vault.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn of(identifiers: &Identifiers) -> Self {
        let names = [(Kind::Name, identifiers.name()), (Kind::Surgeon, identifiers.surgeon())];
        let numbers = [(Kind::Mrn, identifiers.mrn()), (Kind::Accession, identifiers.accession())];
        let days = [
            (Kind::BirthDate, identifiers.birth_date()),
            (Kind::SurgeryAt, identifiers.surgery_at().map(|time| time.day())),
        ];
        Self {
            names: names
                .into_iter()
                .filter_map(|(kind, name)| Some(Name::new(kind, name?.reveal())))
                .collect(),
            numbers: numbers
                .into_iter()
                .filter_map(|(kind, number)| Some(Number { kind, text: bare(number?.reveal()) }))
                .filter(|number| number.text.len() > WORD_MIN)
                .collect(),
            days: days.into_iter().filter_map(|(kind, day)| Some((kind, day?.parts()))).collect(),
        }
    }

    /// Both together, for a text that is about more cases than one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.numbers.extend(other.numbers);
        self.days.extend(other.days);
        self
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Found> {
        let mut found = Vec::new();
        if self.names.is_empty() && self.numbers.is_empty() && self.days.is_empty() {
            return found;
        }
        let words = words(text);
        for name in &self.names {
            found.extend(name.find(&words, text));
        }
        for number in &self.numbers {
            found.extend(number.find(text));
        }
        for (kind, day) in &self.days {
            found.extend(find_day(*kind, *day, text));
        }
        found
    }
}

/// A number without what people put between and before its digits.
fn bare(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 2));
    for c in text.chars().filter(|c| c.is_alphanumeric()) {
        out.extend(c.to_lowercase());
    }
    let trimmed = out.trim_start_matches('0');
    Zeroizing::new(trimmed.to_owned())
}

struct Word {
    /// With umlauts bare, and spelt.
    forms: [Zeroizing<String>; 2],
    at: Range<usize>,
    /// Nothing but signs that people put between names is between it and the word before.
    follows: bool,
}

/// The words of a text as names are compared: also those that are told apart by capitals only.
fn words(text: &Text<'_>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut end = 0;
    for piece in text.pieces.iter().filter(|piece| piece.is(Class::Letters) && !piece.ours) {
        for at in split_case(piece.text) {
            let at = piece.at.start + at.start..piece.at.start + at.end;
            let between = &text.whole[end..at.start];
            let follows = between.chars().count() <= 3 && !between.chars().any(char::is_alphanumeric);
            words.push(Word { forms: forms(&text.whole[at.clone()]), at: at.clone(), follows });
            end = at.end;
        }
    }
    words
}

fn has(all: &[Zeroizing<String>], one: &str) -> bool {
    all.iter().any(|text| text.as_str() == one)
}

fn forms(word: &str) -> [Zeroizing<String>; 2] {
    [canonical(word, Umlaut::Bare), canonical(word, Umlaut::Spelt)]
}

/// Mueller is Muller, too, where somebody knows no umlauts; in short words these letters are mostly no umlaut (Doe).
fn collapsed(word: &str) -> Option<Zeroizing<String>> {
    let spelt = ["ae", "oe", "ue"].iter().any(|umlaut| word.contains(umlaut));
    let bare = || word.replace("ae", "a").replace("oe", "o").replace("ue", "u");
    (spelt && word.chars().count() >= AFFIX_MIN).then(|| Zeroizing::new(bare()))
}

impl Name {
    fn new(kind: Kind, name: &str) -> Self {
        let split = name.split(|c: char| !c.is_alphabetic() && !('\u{300}'..='\u{36f}').contains(&c));
        let split: Vec<&str> = split
            .filter(|word| !word.is_empty() && !TITLES.contains(&canonical(word, Umlaut::Bare).as_str()))
            .collect();
        let mut all = Self { kind, words: Vec::new(), joined: Vec::new() };
        let spelt = split.iter().map(|word| canonical(word, Umlaut::Spelt));
        all.add(&spelt.clone().map(|word| collapsed(&word).unwrap_or(word)).collect::<Vec<_>>());
        all.add(&spelt.collect::<Vec<_>>());
        all.add(&split.iter().map(|word| canonical(word, Umlaut::Bare)).collect::<Vec<_>>());
        for texts in [&mut all.words, &mut all.joined] {
            texts.sort_by(|one, other| one.as_str().cmp(other));
            texts.dedup();
        }
        all
    }

    /// One spelling of the name.
    fn add(&mut self, words: &[Zeroizing<String>]) {
        self.words.extend(words.iter().filter(|word| word.len() >= WORD_MIN).cloned());
        let mut joined = Vec::new();
        for (n, one) in words.iter().enumerate() {
            for (_, other) in words.iter().enumerate().filter(|(m, _)| *m != n) {
                joined.push(format!("{}{}", one.as_str(), other.as_str()));
                if let Some(initial) = one.chars().next().filter(|_| other.len() >= WORD_MIN) {
                    joined.push(format!("{initial}{}", other.as_str()));
                    joined.push(format!("{}{initial}", other.as_str()));
                }
            }
        }
        if words.len() > 1 {
            joined.push(words.iter().map(|word| word.as_str()).collect());
            joined.push(words.iter().rev().map(|word| word.as_str()).collect());
        }
        let long = joined.into_iter().map(Zeroizing::new).filter(|text| text.len() > WORD_MIN);
        self.joined.extend(long);
    }

    fn find(&self, words: &[Word], text: &Text<'_>) -> Vec<Found> {
        let what = What::Known(self.kind);
        let mut found = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let mut joined = [Zeroizing::new(String::new()), Zeroizing::new(String::new())];
            let near = words[n..].iter().take(5).enumerate().take_while(|(m, word)| *m == 0 || word.follows);
            for (_, next) in near {
                for (joined, form) in joined.iter_mut().zip(&next.forms) {
                    joined.push_str(form);
                }
                if joined.iter().any(|joined| has(&self.joined, joined)) {
                    found.push(Found { what, at: word.at.start..next.at.end });
                }
            }
        }
        for word in words.iter().filter(|word| word.forms.iter().any(|form| has(&self.words, form))) {
            found.push(Found { what, at: word.at.clone() });
        }
        for piece in text.pieces.iter().filter(|piece| piece.is(Class::Letters) && !piece.ours) {
            if forms(piece.text).iter().any(|run| self.is_in(run)) {
                found.push(Found { what, at: piece.at.clone() });
            }
        }
        found
    }

    /// Whether a run of letters is the name, or has it at its beginning, at its end or, where it is long, within.
    fn is_in(&self, run: &str) -> bool {
        let affix = |word: &Zeroizing<String>| {
            word.len() >= AFFIX_MIN && (run.starts_with(word.as_str()) || run.ends_with(word.as_str()))
        };
        let inside = |text: &Zeroizing<String>| text.len() >= INSIDE_MIN && run.contains(text.as_str());
        has(&self.words, run)
            || has(&self.joined, run)
            || self.words.iter().any(affix)
            || self.joined.iter().any(inside)
    }
}

/// One letter or digit of a text, and where it is.
struct Sign {
    c: char,
    at: Range<usize>,
    /// In one of platen's own ids or hashes.
    ours: bool,
    /// How many signs that are neither letter nor digit are before it.
    apart: usize,
}

fn signs(text: &Text<'_>) -> Vec<Sign> {
    let mut all = Vec::new();
    let mut apart = 0;
    for piece in &text.pieces {
        if piece.is(Class::Other) {
            apart += 1;
            continue;
        }
        for (start, c) in piece.text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
            let at = piece.at.start + start..piece.at.start + start + c.len_utf8();
            let c = c.to_lowercase().next().unwrap_or(c);
            all.push(Sign { c, at, ours: piece.ours, apart });
            apart = 0;
        }
    }
    all
}

impl Number {
    fn find(&self, text: &Text<'_>) -> Vec<Found> {
        let what = What::Known(self.kind);
        let wanted: Vec<char> = self.text.chars().collect();
        let all = signs(text);
        let mut found = Vec::new();
        for (start, window) in all.windows(wanted.len()).enumerate() {
            if !window.iter().zip(&wanted).all(|(sign, wanted)| sign.c == *wanted) {
                continue;
            }
            let before = all[..start].iter().rev();
            let after = all.get(start + wanted.len());
            let together = window[1..].iter().all(|sign| sign.apart == 0);
            let near = window[1..].iter().all(|sign| sign.apart <= 2);
            let ours = window.iter().any(|sign| sign.ours);
            // 4711 is not found in 14711, but in 004711.
            let mut touching = before.scan(window[0].apart, |apart, sign| {
                let touches = *apart == 0;
                *apart = sign.apart;
                touches.then_some(sign.c)
            });
            let first = touching.by_ref().find(|c| *c != '0');
            let begins = first.is_none_or(|c| c.is_ascii_digit() != window[0].c.is_ascii_digit());
            let last = window[window.len() - 1].c;
            let ends =
                after.is_none_or(|sign| sign.apart > 0 || sign.c.is_ascii_digit() != last.is_ascii_digit());
            let counts = match wanted.len() {
                NUMBER_SURE.. if ours => together && begins && ends,
                _ if ours => false,
                NUMBER_MIN.. => near && begins && ends,
                _ => together && begins && ends,
            };
            if counts {
                found.push(Found { what, at: window[0].at.start..window[window.len() - 1].at.end });
            }
        }
        found
    }
}

/// A known day in the forms that patterns find, and in such as nobody would take for a date without knowing it.
fn find_day(kind: Kind, (year, month, day): (u16, u8, u8), text: &Text<'_>) -> Vec<Found> {
    let what = What::Known(kind);
    let mut found: Vec<Found> = patterns::dates(text)
        .into_iter()
        .filter(|(_, days)| days.contains(&(year, month, day)))
        .map(|(at, _)| Found { what, at })
        .collect();
    let short = year % 100;
    let bare = [
        format!("{year:04}{month:02}{day:02}"),
        format!("{day:02}{month:02}{year:04}"),
        format!("{month:02}{day:02}{year:04}"),
        format!("{short:02}{month:02}{day:02}"),
        format!("{day:02}{month:02}{short:02}"),
        format!("{month:02}{day:02}{short:02}"),
    ];
    for piece in text.pieces.iter().filter(|piece| piece.is(Class::Digits) && !piece.ours) {
        if bare.iter().any(|form| form == piece.text) {
            found.push(Found { what, at: piece.at.clone() });
        }
    }
    found
}
