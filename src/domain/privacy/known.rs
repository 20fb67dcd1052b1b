//! What the vault has, ready to be held against texts, and not to be shown: of one case, or of everybody.
//!
//! Every text is looked up in sorted lists, so that a text costs the same whether they are of one case or of
//! thousands. Words that are of no case are held against everybody, and there less counts than in a case's own words:
//! among thousands of people somebody is called White, and was operated on any day of the year.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::common::is_common;
use super::pieces::{Class, Text, plain};
use super::words::{Umlaut, canonical, drawn_like, split_case};
use super::{Found, What, days, patterns};
use crate::domain::identifiers::{Identifiers, Kind};

/// Shorter words of a name stand for nothing by themselves.
const WORD_MIN: usize = 3;
/// Words of a name that are found also as the beginning or end of a longer word.
const AFFIX_MIN: usize = 5;
/// Joined names that are found in the middle of a longer word.
const INSIDE_MIN: usize = 7;
/// Words of a name that are found also where they are written as several words.
const APART_MIN: usize = 7;
/// Numbers that are found also where their digits are apart, or in one of platen's own ids.
const NUMBER_MIN: usize = 5;
const NUMBER_SURE: usize = 7;
/// Not part of a name.
const TITLES: [&str; 12] = ["dr", "med", "prof", "mr", "mrs", "ms", "herr", "frau", "jr", "sr", "md", "phd"];

/// Of everybody: a shorter word is mostly another one (Lee, Mai), and counts with the rest of the name only.
const ALONE_MIN: usize = 4;
/// Of everybody: a name of several words, together.
const PAIR_MIN: usize = 6;
/// Of everybody: a name that is written as one word.
const RUN_MIN: usize = 7;
/// Of everybody: a name within a longer word.
const WITHIN_MIN: usize = 10;
/// Of everybody: numbers that are written together, and such whose digits may be apart.
const MANY_MIN: usize = 6;
/// Words about material and machines name no day before this year, except one on which somebody was born.
const OF_LABS: u16 = 2015;

/// Shared by all lists that it is in, and wiped when the last of them goes.
type Secret = Arc<Zeroizing<String>>;

fn secret(text: String) -> Secret {
    Arc::new(Zeroizing::new(text))
}

/// Texts of identifiers in their order, each with what it is.
#[derive(Clone, Default)]
struct Texts(Vec<(Secret, Kind)>);

impl Texts {
    fn settle(&mut self) {
        self.0.sort_by(|(one, of_one), (other, of_other)| {
            (one.as_str(), of_one).cmp(&(other.as_str(), of_other))
        });
        self.0.dedup_by(|(one, of_one), (other, of_other)| {
            of_one == of_other && one.as_str() == other.as_str()
        });
    }
}

/// The identifiers of one case or of several. It has no way to show them.
#[derive(Clone, Default)]
pub struct Known {
    /// The words of names.
    words: Texts,
    /// Those that may begin a longer word, and, read from behind, those that may end one.
    beginnings: Texts,
    endings: Texts,
    /// First and last, last and first, with initials, all together.
    joined: Texts,
    /// Letters and digits only, without zeros before them.
    numbers: Texts,
    /// How long those are. A text is gone through once for each length.
    lengths: BTreeSet<usize>,
    days: Vec<((u16, u8, u8), Kind)>,
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
        let mut known = Self::default();
        let names = [(Kind::Name, identifiers.name()), (Kind::Surgeon, identifiers.surgeon())];
        for (kind, name) in names {
            if let Some(name) = name {
                known.add_name(kind, name.reveal());
            }
        }
        let numbers = [(Kind::Mrn, identifiers.mrn()), (Kind::Accession, identifiers.accession())];
        for (kind, number) in numbers {
            let number = number.map(|number| bare(number.reveal())).filter(|text| text.len() > WORD_MIN);
            known.numbers.0.extend(number.map(|number| (Arc::new(number), kind)));
        }
        let days = [
            (Kind::BirthDate, identifiers.birth_date()),
            (Kind::SurgeryAt, identifiers.surgery_at().map(|time| time.day())),
        ];
        known.days.extend(days.into_iter().filter_map(|(kind, day)| Some((day?.parts(), kind))));
        for (word, kind) in known.words.0.iter().filter(|(word, _)| word.len() >= AFFIX_MIN) {
            known.beginnings.0.push((Arc::clone(word), *kind));
            known.endings.0.push((secret(word.chars().rev().collect()), *kind));
        }
        known.settle();
        known
    }

    fn settle(&mut self) {
        let Self { words, beginnings, endings, joined, numbers, lengths, days } = self;
        *lengths = numbers.0.iter().map(|(number, _)| number.chars().count()).collect();
        for texts in [words, beginnings, endings, joined, numbers] {
            texts.settle();
        }
        days.sort_unstable();
        days.dedup();
    }

    /// Both together, for a text that is about more cases than one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.words.0.extend(other.words.0);
        self.beginnings.0.extend(other.beginnings.0);
        self.endings.0.extend(other.endings.0);
        self.joined.0.extend(other.joined.0);
        self.numbers.0.extend(other.numbers.0);
        self.days.extend(other.days);
        self.settle();
        self
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Found> {
        Look::new(self, None).find(text)
    }

    fn add_name(&mut self, kind: Kind, name: &str) {
        let split = name.split(|c: char| !c.is_alphabetic() && !('\u{300}'..='\u{36f}').contains(&c));
        let split: Vec<&str> = split
            .filter(|word| !word.is_empty() && !TITLES.contains(&canonical(word, Umlaut::Bare).as_str()))
            .collect();
        let spelt = split.iter().map(|word| canonical(word, Umlaut::Spelt));
        self.add_spelling(
            kind,
            &spelt.clone().map(|word| collapsed(&word).unwrap_or(word)).collect::<Vec<_>>(),
        );
        self.add_spelling(kind, &spelt.collect::<Vec<_>>());
        let bare = split.iter().map(|word| canonical(word, Umlaut::Bare));
        self.add_spelling(kind, &bare.collect::<Vec<_>>());
        let drawn = split.iter().map(|word| canonical_as_drawn(word));
        self.add_spelling(kind, &drawn.collect::<Vec<_>>());
    }

    fn add_spelling(&mut self, kind: Kind, words: &[Zeroizing<String>]) {
        let long = words.iter().filter(|word| word.len() >= WORD_MIN);
        self.words.0.extend(long.map(|word| (Arc::new(word.clone()), kind)));
        let mut joined = Vec::new();
        for (n, one) in words.iter().enumerate() {
            for (_, other) in words.iter().enumerate().filter(|(m, _)| *m != n) {
                joined.push(secret(format!("{}{}", one.as_str(), other.as_str())));
                if let Some(initial) = one.chars().next().filter(|_| other.len() >= WORD_MIN) {
                    joined.push(secret(format!("{initial}{}", other.as_str())));
                    joined.push(secret(format!("{}{initial}", other.as_str())));
                }
            }
        }
        if words.len() > 1 {
            joined.push(secret(words.iter().map(|word| word.as_str()).collect()));
            joined.push(secret(words.iter().rev().map(|word| word.as_str()).collect()));
        }
        self.joined
            .0
            .extend(joined.into_iter().filter(|text| text.len() > WORD_MIN).map(|text| (text, kind)));
    }
}

/// What the vault has of all cases, for words that are of none.
#[derive(Debug, Default)]
pub struct Everybody(Known);

impl Everybody {
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Known>) -> Self {
        let mut everybody = Known::default();
        for known in all {
            // Nothing is found here as a part of a longer word: those lists are not needed.
            everybody.words.0.extend(known.words.0.iter().cloned());
            everybody.joined.0.extend(known.joined.0.iter().cloned());
            everybody.numbers.0.extend(known.numbers.0.iter().cloned());
            everybody.days.extend(
                known.days.iter().filter(|((year, ..), kind)| *kind == Kind::BirthDate && *year < OF_LABS),
            );
        }
        everybody.settle();
        Self(everybody)
    }

    pub(super) fn find(&self, text: &Text<'_>, ours: &Ours) -> Vec<Found> {
        Look::new(&self.0, Some(ours)).find(text)
    }
}

/// The words of the names of those who use this platen: one of them alone says who works here, and not who a patient is.
#[derive(Clone, Debug, Default)]
pub struct Ours(BTreeSet<String>);

impl Ours {
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words = BTreeSet::new();
        for word in names.into_iter().flat_map(|name| name.split(|c: char| !c.is_alphabetic())) {
            words.extend(forms(word).iter().map(|form| form.to_string()));
        }
        Self(words)
    }
}

/// A number without what people put between and before its digits.
fn bare(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 2));
    for c in text.chars().map(plain).filter(|c| c.is_alphanumeric()) {
        out.extend(drawn_like(c).to_lowercase());
    }
    let trimmed = out.trim_start_matches('0');
    Zeroizing::new(trimmed.to_owned())
}

/// A word with its umlauts bare, with them spelt, and with the Latin letters that it looks as if it had.
type Forms = [Zeroizing<String>; 3];

struct Word {
    forms: Forms,
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

fn forms(word: &str) -> Forms {
    [canonical(word, Umlaut::Bare), canonical(word, Umlaut::Spelt), canonical_as_drawn(word)]
}

fn canonical_as_drawn(word: &str) -> Zeroizing<String> {
    let latin = Zeroizing::new(word.chars().map(drawn_like).collect::<String>());
    canonical(&latin, Umlaut::Bare)
}

/// Most words have one form: it is looked up once.
fn distinct(forms: &Forms) -> impl Iterator<Item = &Zeroizing<String>> {
    let again = move |n: usize| forms[..n].iter().any(|before| before.as_str() == forms[n].as_str());
    forms.iter().enumerate().filter(move |(n, _)| !again(*n)).map(|(_, form)| form)
}

/// Words that are one letter each, side by side: "W h i t e".
fn one_by_one(words: &[Word]) -> impl Iterator<Item = &[Word]> {
    let single = |word: &Word| word.forms[0].chars().count() == 1;
    let runs = words.chunk_by(move |before, word| word.follows && single(before) && single(word));
    runs.filter(|run| run.len() >= WORD_MIN)
}

/// Mueller is Muller, too, where somebody knows no umlauts; in short words these letters are mostly no umlaut (Doe).
fn collapsed(word: &str) -> Option<Zeroizing<String>> {
    let spelt = ["ae", "oe", "ue"].iter().any(|umlaut| word.contains(umlaut));
    let bare = || word.replace("ae", "a").replace("oe", "o").replace("ue", "u");
    (spelt && word.chars().count() >= AFFIX_MIN).then(|| Zeroizing::new(bare()))
}

/// One look at one text.
struct Look<'a> {
    known: &'a Known,
    /// Present where the text is of no case, and `known` of everybody.
    of_none: Option<&'a Ours>,
    /// How often something was looked up.
    lookups: Cell<usize>,
}

impl<'a> Look<'a> {
    fn new(known: &'a Known, of_none: Option<&'a Ours>) -> Self {
        Self { known, of_none, lookups: Cell::new(0) }
    }

    fn find(&self, text: &Text<'_>) -> Vec<Found> {
        let Known { words: of_names, numbers, days, .. } = self.known;
        let mut found = Vec::new();
        if !of_names.0.is_empty() || !self.known.joined.0.is_empty() {
            self.names(text, &mut found);
        }
        if !numbers.0.is_empty() {
            self.numbers(text, &mut found);
        }
        if !days.is_empty() {
            self.days(text, &mut found);
        }
        found
    }

    /// What this text is, where it is one of them.
    fn kinds(&self, texts: &'a Texts, text: &str) -> impl Iterator<Item = Kind> + use<'a> {
        self.lookups.set(self.lookups.get() + 1);
        let all = &texts.0;
        let from = all.partition_point(|(one, _)| one.as_str() < text);
        let count = all[from..].iter().take_while(|(one, _)| one.as_str() == text).count();
        all[from..from + count].iter().map(|(_, kind)| *kind)
    }

    /// Those of the texts that `run` begins with, by their length and what they are, the longest first.
    fn beginning(&self, texts: &'a Texts, run: &str) -> Vec<(usize, Kind)> {
        let (all, mut rest, mut found) = (&texts.0, run, Vec::new());
        while !rest.is_empty() {
            self.lookups.set(self.lookups.get() + 1);
            // Whatever `rest` begins with stands before it, and begins also what stands in between.
            let end = all.partition_point(|(one, _)| one.as_str() <= rest);
            let Some((last, _)) = all[..end].last() else { break };
            if rest.starts_with(last.as_str()) {
                let same = all[..end].iter().rev().take_while(|(one, _)| one.as_str() == last.as_str());
                found.extend(same.map(|(one, kind)| (one.len(), *kind)));
                let shorter = last.char_indices().next_back().map_or(0, |(at, _)| at);
                rest = &rest[..shorter];
            } else {
                let same = rest.chars().zip(last.chars()).take_while(|(one, other)| one == other);
                rest = &rest[..same.map(|(one, _)| one.len_utf8()).sum()];
            }
        }
        found
    }

    /// Whether a word of a name counts where it stands alone.
    fn counts_alone(&self, forms: &Forms) -> bool {
        self.of_none.is_none_or(|ours| {
            forms[0].len() >= ALONE_MIN
                && !forms.iter().any(|form| is_common(form) || ours.0.contains(form.as_str()))
        })
    }

    /// Whether a name that was found in these words together counts.
    fn counts_joined(&self, joined: &str, words: &[Word]) -> bool {
        self.of_none.is_none_or(|ours| match words {
            [_] => joined.len() >= RUN_MIN,
            words => {
                // One letter before another word is mostly an article: "a long print".
                let whole = words.iter().all(|word| word.forms[0].len() > 1);
                let of_ours = words.iter().all(|word| ours.0.contains(word.forms[0].as_str()));
                joined.len() >= PAIR_MIN && whole && !of_ours
            }
        })
    }

    /// Whether words that are one word of a name together count as it: "bell-weather".
    fn counts_apart(&self, joined: &str, words: &[Word]) -> bool {
        let everyday = |word: &Word| {
            word.forms[0].len() < ALONE_MIN || distinct(&word.forms).any(|form| is_common(form))
        };
        words.len() > 1
            && joined.len() >= APART_MIN
            && self.of_none.is_none_or(|ours| {
                !words.iter().all(|word| everyday(word) || ours.0.contains(word.forms[0].as_str()))
            })
    }

    fn names(&self, text: &Text<'_>, found: &mut Vec<Found>) {
        let Known { words: of_names, joined: of_joined, .. } = self.known;
        let words = words(text);
        for (n, word) in words.iter().enumerate() {
            let mut joined: Forms = Default::default();
            let near = words[n..].iter().take(5).enumerate().take_while(|(m, word)| *m == 0 || word.follows);
            for (m, next) in near {
                for (joined, form) in joined.iter_mut().zip(&next.forms) {
                    joined.push_str(form);
                }
                let at = word.at.start..next.at.end;
                let together = &words[n..=n + m];
                for one in distinct(&joined) {
                    if self.counts_joined(one, together) {
                        found.extend(self.kinds(of_joined, one).map(|kind| known_at(kind, at.clone())));
                    }
                    if self.counts_apart(one, together) {
                        found.extend(self.kinds(of_names, one).map(|kind| known_at(kind, at.clone())));
                    }
                }
            }
        }
        for word in words.iter().filter(|word| self.counts_alone(&word.forms)) {
            for form in distinct(&word.forms) {
                found.extend(self.kinds(of_names, form).map(|kind| known_at(kind, word.at.clone())));
            }
        }
        for piece in text.pieces.iter().filter(|piece| piece.is(Class::Letters) && !piece.ours) {
            let forms = forms(piece.text);
            self.runs(&forms, &piece.at, found);
        }
        for letters in one_by_one(&words) {
            let (Some(first), Some(last)) = (letters.first(), letters.last()) else { continue };
            let mut joined: Forms = Default::default();
            for (n, joined) in joined.iter_mut().enumerate() {
                letters.iter().for_each(|letter| joined.push_str(&letter.forms[n]));
            }
            self.runs(&joined, &(first.at.start..last.at.end), found);
        }
    }

    fn runs(&self, forms: &Forms, at: &Range<usize>, found: &mut Vec<Found>) {
        let alone = self.counts_alone(forms);
        for run in distinct(forms) {
            found.extend(self.run(run, alone).into_iter().map(|kind| known_at(kind, at.clone())));
        }
    }

    /// What a run of letters is, or has at its beginning, at its end or, where that is long, within.
    fn run(&self, run: &str, alone: bool) -> Vec<Kind> {
        let Known { words, beginnings, endings, joined, .. } = self.known;
        let mut kinds = Vec::new();
        if alone {
            kinds.extend(self.kinds(words, run));
        }
        if self.of_none.is_none() || run.len() >= RUN_MIN {
            kinds.extend(self.kinds(joined, run));
        }
        kinds.extend(self.beginning(beginnings, run).into_iter().map(|(_, kind)| kind));
        if !endings.0.is_empty() {
            let backwards = Zeroizing::new(run.chars().rev().collect::<String>());
            kinds.extend(self.beginning(endings, &backwards).into_iter().map(|(_, kind)| kind));
        }
        let long = if self.of_none.is_some() { WITHIN_MIN } else { INSIDE_MIN };
        for (from, _) in run.char_indices().take_while(|(from, _)| from + long <= run.len()) {
            let within = self.beginning(joined, &run[from..]).into_iter();
            kinds.extend(within.filter(|(length, _)| *length >= long).map(|(_, kind)| kind));
        }
        kinds
    }

    fn numbers(&self, text: &Text<'_>, found: &mut Vec<Found>) {
        let numbers = &self.known.numbers;
        let all = signs(text);
        for &length in &self.known.lengths {
            for (start, window) in all.windows(length).enumerate() {
                if !self.stands_as_number(&all, start, window) {
                    continue;
                }
                let number = Zeroizing::new(window.iter().map(|sign| sign.c).collect::<String>());
                let at = window[0].at.start..window[length - 1].at.end;
                found.extend(self.kinds(numbers, &number).map(|kind| known_at(kind, at.clone())));
            }
        }
    }

    /// Whether these signs stand as one number does: near one another, and apart from what is around them.
    fn stands_as_number(&self, all: &[Sign], start: usize, window: &[Sign]) -> bool {
        let before = all[..start].iter().rev();
        let after = all.get(start + window.len());
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
        let counts = match window.len() {
            NUMBER_SURE.. if ours => together,
            _ if ours => false,
            NUMBER_SURE.. => near,
            length if self.of_none.is_some() => together && length >= MANY_MIN,
            NUMBER_MIN.. => near,
            _ => together,
        };
        counts && begins && ends
    }

    /// What of somebody's is on this day.
    fn on(&self, day: (u16, u8, u8)) -> impl Iterator<Item = Kind> + use<'a> {
        self.lookups.set(self.lookups.get() + 1);
        let known = self.known;
        let from = known.days.partition_point(|(one, _)| *one < day);
        known.days[from..].iter().take_while(move |(one, _)| *one == day).map(|(_, kind)| *kind)
    }

    /// A known day in the forms that patterns find, and in such as nobody would take for a date without knowing it.
    fn days(&self, text: &Text<'_>, found: &mut Vec<Found>) {
        let days = &self.known.days;
        for (at, read) in patterns::dates(text) {
            for day in read {
                found.extend(self.on(day).map(|kind| known_at(kind, at.clone())));
            }
        }
        for mention in days::mentions(text) {
            let at = &mention.at;
            match mention.whole() {
                Some(day) => found.extend(self.on(day).map(|kind| known_at(kind, at.clone()))),
                // Somebody's day of another year, among thousands of people: it is looked for in one case only.
                None if self.of_none.is_none() => {
                    let same = days.iter().filter(|(day, _)| mention.may_be(*day));
                    found.extend(same.map(|(_, kind)| known_at(*kind, at.clone())));
                }
                None => {}
            }
        }
        // Six digits are mostly another number than anybody's birthday.
        if self.of_none.is_some() {
            return;
        }
        for ((year, month, day), kind) in days {
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
                    found.push(known_at(*kind, piece.at.clone()));
                }
            }
        }
    }
}

fn known_at(kind: Kind, at: Range<usize>) -> Found {
    Found { what: What::Known(kind), at }
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
            let c = drawn_like(c);
            let c = c.to_lowercase().next().unwrap_or(c);
            all.push(Sign { c, at, ours: piece.ours, apart });
            apart = 0;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identifiers::Entered;

    fn person(n: usize) -> Known {
        let entered = Entered {
            name: Some(format!("{}, {}", spelt(n), spelt(n * 7 + 3)).into()),
            mrn: Some(format!("{:08}", 10_000_019 + n * 7_919).into()),
            surgeon: Some(format!("Dr. {}", spelt(n * 13 + 5)).into()),
            birth_date: Some(format!("19{:02}-{:02}-{:02}", n % 90 + 10, n % 12 + 1, n % 28 + 1).into()),
            ..Entered::default()
        };
        Known::of(&Identifiers::try_from(&entered).unwrap())
    }

    /// A name that no word is.
    fn spelt(n: usize) -> String {
        let syllables = ["ba", "zo", "ki", "mur", "fel", "dru", "nix", "qua", "tov", "wes"];
        let digits = format!("{:05}", n % 100_000);
        digits.bytes().map(|digit| syllables[usize::from(digit - b'0')]).collect()
    }

    /// How often something was looked up, and what was found.
    fn looked(everybody: &Everybody, text: &str) -> (usize, usize) {
        let ours = Ours::default();
        let look = Look::new(&everybody.0, Some(&ours));
        let found = look.find(&Text::new(text)).len();
        (look.lookups.get(), found)
    }

    #[test]
    fn a_text_costs_the_same_whether_the_vault_has_ten_people_or_five_thousand() {
        let all: Vec<Known> = (0..5_000).map(person).collect();
        let [few, many] = [10, 5_000].map(|count| Everybody::of(&all[..count]));
        let text = "the spool of clear resin was wet and is dried at 45 C for 6 h, supplier lot 20394857; "
            .repeat(4);
        let text = &text[..280];
        let (with_few, with_many) = (looked(&few, text), looked(&many, text));
        assert_eq!((with_few.1, with_many.1), (0, 0));
        assert!(with_many.0 <= 2 * with_few.0 && with_many.0 < 2_000, "{with_few:?}, {with_many:?}");
        // And they are all there.
        for n in [0, 9, 4_999] {
            let told = format!("{text} {}", spelt(n));
            assert!(looked(&many, &told).1 > 0, "{n}");
        }
        assert_eq!(looked(&few, &format!("{text} {}", spelt(4_999))).1, 0);
        // The longest run of letters that fits into a text.
        let run = "baba".repeat(70);
        assert!(looked(&many, &run).0 < 12_000, "{:?}", looked(&many, &run));
    }

    #[test]
    fn how_long_numbers_are_is_told_once_and_not_for_each_text() {
        let number = |mrn: &str| {
            let entered = Entered { mrn: Some(mrn.into()), ..Entered::default() };
            Known::of(&Identifiers::try_from(&entered).unwrap())
        };
        let all = ["4711-0815", "00471108", "4711081", "AB47"].map(number);
        let lengths = |known: &Known| known.lengths.iter().copied().collect::<Vec<_>>();
        assert_eq!(all.iter().map(lengths).collect::<Vec<_>>(), [[8], [6], [7], [4]]);
        let [one, other, ..] = all.clone();
        assert_eq!(lengths(&one.and(other)), [6, 8]);
        let everybody = Everybody::of(&all);
        assert_eq!(lengths(&everybody.0), [4, 6, 7, 8]);
        for text in ["lot 4711 0815", "lot 471108", "lot 4711081"] {
            assert_eq!(looked(&everybody, text).1, 1, "{text}");
        }
        assert_eq!(lengths(&Known::none()), [0; 0]);
    }

    #[test]
    fn what_begins_a_run_is_found_at_every_length() {
        let mut texts = Texts::default();
        for text in ["ab", "abc", "abcde", "abd", "b", "abcdx"] {
            texts.0.push((secret(text.into()), Kind::Name));
        }
        texts.settle();
        let known = Known::default();
        let look = Look::new(&known, None);
        let lengths = |run: &str| -> Vec<usize> {
            look.beginning(&texts, run).into_iter().map(|(length, _)| length).collect()
        };
        assert_eq!(lengths("abcdef"), [5, 3, 2]);
        assert_eq!(lengths("abcdy"), [3, 2]);
        assert_eq!(lengths("ab"), [2]);
        assert_eq!(lengths("a"), [0; 0]);
        assert_eq!(lengths("bzz"), [1]);
        assert_eq!(lengths("zz"), [0; 0]);
    }
}
