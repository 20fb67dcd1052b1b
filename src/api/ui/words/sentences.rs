//! Sentences that other parts of platen say in English, in the page's other languages; what is not known stays
//! English.
//!
//! ```text
//! "stopped by kim; the board confirmed it" ─▶ whole? no ─▶ its pieces ─▶ "angehalten von kim; die Platine hat …"
//! ```
//! A sentence is known as it stands, by a pattern with holes, or as several that are.

mod files;
mod journal;
mod known;
mod refused;
mod resin;

use std::borrow::Cow;

use super::Language;
use crate::api::ui::viewer::capital;

/// Sentences as they stand, and titles.
static FIXED: [&[(&str, &str)]; 6] =
    [known::FIXED, known::TITLES, refused::FIXED, files::FIXED, journal::FIXED, resin::FIXED];
/// Those with holes; the first that fits counts, and the most general ones are the last.
static PATTERNS: [&[(&str, &str)]; 5] =
    [resin::PATTERNS, refused::PATTERNS, files::PATTERNS, journal::PATTERNS, known::PATTERNS];

/// How else than as it stands a hole is filled in (`filled`).
const MARKS: [char; 5] = ['!', '=', '?', '#', '-'];

/// How deep a hole's words are looked at: a printer is locked after a fault that names a heater.
const DEPTH: u8 = 3;
/// Sentences with more pieces than that are looked at as they stand: the time that this takes is bounded.
const PIECES_MAX: usize = 12;
/// A piece longer than that is no sentence of ours.
const LENGTH_MAX: usize = 2_000;

/// What stands behind a number that was measured or counted out.
const UNITS: [&str; 11] = ["ml", "mm", "mm/s", "cm", "µm", "°C", "s", "min", "h", "g", "%"];

/// A sentence in a language, as far as it is known there.
pub fn say(language: Language, sentence: &str) -> Cow<'_, str> {
    match language {
        Language::English => Cow::Borrowed(sentence),
        Language::German if sentence.len() > LENGTH_MAX => Cow::Borrowed(sentence),
        Language::German => told(sentence, DEPTH),
    }
}

/// All of it, or those of its pieces that are known.
fn told(sentence: &str, depth: u8) -> Cow<'_, str> {
    if let Some(said) = whole(sentence, depth) {
        return said;
    }
    if sentence.contains(". ") {
        // A new sentence begins behind it.
        let pieces = pieces(sentence, ". ", depth);
        let capitals = pieces.into_iter().enumerate();
        let pieces = capitals.map(|(at, piece)| if at == 0 { piece.into_owned() } else { capital(&piece) });
        return Cow::Owned(pieces.collect::<Vec<_>>().join(". "));
    }
    if sentence.contains("; ") {
        return Cow::Owned(pieces(sentence, "; ", depth).join("; "));
    }
    Cow::Borrowed(sentence)
}

/// The pieces between joints, each the longest that is known: a sentence may have a joint in itself.
fn pieces<'s>(sentence: &'s str, joint: &str, depth: u8) -> Vec<Cow<'s, str>> {
    let mut ends: Vec<usize> = sentence.match_indices(joint).map(|(at, _)| at).collect();
    ends.push(sentence.len());
    if ends.len() > PIECES_MAX {
        return vec![Cow::Borrowed(sentence)];
    }
    let (mut told_pieces, mut from, mut next) = (Vec::new(), 0, 0);
    while next < ends.len() {
        let longest = (next..ends.len()).rev().find_map(|end| {
            let said = whole(sentence.get(from..ends[end])?, depth)?;
            Some((end, said))
        });
        let (end, said) = longest.unwrap_or_else(|| {
            let piece = sentence.get(from..ends[next]).unwrap_or_default();
            let inner = joint == ". " && piece.contains("; ");
            (next, if inner { told(piece, depth) } else { Cow::Borrowed(piece) })
        });
        told_pieces.push(said);
        from = ends[end] + joint.len();
        next = end + 1;
    }
    told_pieces
}

/// A sentence that is known as a whole.
fn whole(sentence: &str, depth: u8) -> Option<Cow<'_, str>> {
    let mut fixed = FIXED.iter().copied().flatten();
    if let Some((_, german)) = fixed.find(|(english, _)| *english == sentence) {
        return Some(Cow::Borrowed(german));
    }
    let bare = sentence.strip_suffix('.').filter(|bare| !bare.ends_with('.'));
    if let Some(said) = bare.and_then(|bare| whole(bare, depth)) {
        return Some(Cow::Owned(format!("{said}.")));
    }
    let depth = depth.checked_sub(1)?;
    let mut patterns = PATTERNS.iter().copied().flatten();
    let by_pattern = patterns.find_map(|(english, german)| filled(german, &holes(english, sentence)?, depth));
    by_pattern.or_else(|| listed(sentence, depth)).map(Cow::Owned)
}

/// What stands in a pattern's holes, if the sentence is one of it.
fn holes<'s>(pattern: &str, sentence: &'s str) -> Option<Vec<&'s str>> {
    let mut fixed = pattern.split("{}").peekable();
    let mut rest = sentence.strip_prefix(fixed.next()?)?;
    let mut holes = Vec::new();
    while let Some(piece) = fixed.next() {
        let is_last = fixed.peek().is_none();
        let (hole, after) = if is_last { (rest.strip_suffix(piece)?, "") } else { rest.split_once(piece)? };
        if hole.is_empty() {
            return None;
        }
        holes.push(hole);
        rest = after;
    }
    rest.is_empty().then_some(holes)
}

/// The words of a pattern with its holes filled: `{1}` as it stands, but for the point of a number with a unit, `{2!}` told itself, `{3=}` the same, and it has to
/// be known. What stands in a hole of the first kind is a name or a number, and no further sentence; `{4#}` is one word
/// of that, `{5?}` is anybody's words, and `{6-}` is left out, whatever it is.
fn filled(german: &str, holes: &[&str], depth: u8) -> Option<String> {
    let is_plain = |at: usize| !MARKS.iter().any(|mark| german.contains(&format!("{{{at}{mark}}}")));
    let is_more = |hole: &str| ["; ", ", ", " and "].iter().any(|joint| hole.contains(joint));
    if (1..).zip(holes).any(|(at, hole)| is_more(hole) && is_plain(at)) {
        return None;
    }
    let (mut text, mut rest) = (String::new(), german);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (mark, after) = after.split_once('}')?;
        let number = mark.trim_end_matches(MARKS);
        let hole = holes.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        match mark.strip_prefix(number) {
            Some("!") => text.push_str(&told(hole, depth)),
            Some("=") => text.push_str(&whole(hole, depth)?),
            Some("-") => {}
            Some("#") if hole.contains(' ') => return None,
            Some("?") => text.push_str(hole),
            _ => text.push_str(&measured(hole, after)),
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// A number with its unit, in it or behind it, as it is written in German: `12.5 ml` is `12,5 ml`. What has no unit may be
/// a version, and stays.
fn measured<'h>(hole: &'h str, behind: &str) -> Cow<'h, str> {
    let (number, unit) = match hole.split_once(' ') {
        Some((number, unit)) => (number, unit),
        None => (hole, behind.strip_prefix(' ').unwrap_or_default()),
    };
    let unit = unit.split(|next: char| !next.is_alphabetic() && !matches!(next, '°' | '%' | '/')).next();
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_decimal = number
        .strip_prefix('-')
        .unwrap_or(number)
        .split_once('.')
        .is_some_and(|(whole, part)| is_digits(whole) && is_digits(part));
    if is_decimal && unit.is_some_and(|unit| UNITS.contains(&unit)) {
        return Cow::Owned(hole.replacen('.', ",", 1));
    }
    Cow::Borrowed(hole)
}

/// `a, b and c`, of which each is known.
fn listed(sentence: &str, depth: u8) -> Option<String> {
    let all = |parts: &str| -> Option<Vec<String>> {
        let parts: Vec<&str> = parts.split(", ").take(PIECES_MAX + 1).collect();
        if parts.len() > PIECES_MAX {
            return None;
        }
        parts.into_iter().map(|part| whole(part, depth.min(1)).map(Cow::into_owned)).collect()
    };
    let mut joints = sentence.rmatch_indices(" and ").take(4);
    let by_joint = joints.find_map(|(at, joint)| {
        let last = whole(sentence.get(at + joint.len()..)?, depth.min(1))?;
        let first = sentence.get(..at)?;
        let first = whole(first, depth).map(Cow::into_owned).or_else(|| Some(all(first)?.join(", ")))?;
        Some(format!("{first} und {last}"))
    });
    by_joint.or_else(|| sentence.contains(", ").then(|| all(sentence)).flatten().map(|all| all.join(", ")))
}

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod tests;
