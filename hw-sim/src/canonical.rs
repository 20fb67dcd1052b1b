//! One spelling for each command, so that a host may drop comments, spaces and zeros and still be proven right.
//!
//! Commands made of letter–number words become `G1 X1.5 Y-2`: upper case, one space, shortest decimals.
//! Commands that carry text (`M117 Hello`) keep it as it is. What a host says for its own sake is left out.

use crate::parser::{Command, trim_end, trim_start};

/// Codes whose arguments are text.
const TEXT_M_CODES: [u32; 12] = [0, 1, 16, 23, 28, 30, 32, 33, 117, 118, 486, 919];

/// Codes by which a host keeps house: they are no part of a print.
const HOUSEKEEPING_M_CODES: [u32; 13] = [85, 105, 108, 110, 112, 113, 114, 115, 154, 155, 400, 409, 876];

/// What a line is to the hash of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canonical {
    /// A command of the print, in its one spelling.
    Print(Vec<u8>),
    /// The host's own question or setting.
    Housekeeping,
    /// Nothing to execute.
    Nothing,
}

/// The one spelling of a command whose comment, line number and checksum may still be on it.
pub fn canonical(line: &[u8]) -> Canonical {
    let line = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let command = Command::read(line);
    if command.letter == 0 {
        return Canonical::Nothing;
    }
    let is_m = command.letter.eq_ignore_ascii_case(&b'M');
    if is_m && command.code.is_some_and(|code| HOUSEKEEPING_M_CODES.contains(&code)) {
        return Canonical::Housekeeping;
    }
    let is_text = is_m && command.code.is_some_and(|code| TEXT_M_CODES.contains(&code));
    if !is_text && let Some(words) = words(&command.text) {
        return Canonical::Print(words);
    }
    Canonical::Print(raw(&command))
}

/// A command of a print in its one spelling, any other as it is; for whoever compares commands as text.
pub fn spelled(command: &str) -> String {
    match canonical(command.as_bytes()) {
        Canonical::Print(text) => String::from_utf8_lossy(&text).into_owned(),
        Canonical::Housekeeping | Canonical::Nothing => command.to_owned(),
    }
}

/// Characters to change, add or leave out to make `b` of `a`; spaces do not count.
pub fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Code and untouched text, with one space between them; a command without a code is all text.
fn raw(command: &Command) -> Vec<u8> {
    if command.code.is_none() {
        return command.text.clone();
    }
    let rest = command.rest();
    let code_bytes = command.text.len() - rest.len();
    let mut out = trim_end(&command.text[..code_bytes]).to_vec();
    if !rest.is_empty() {
        out.push(b' ');
        out.extend_from_slice(rest);
    }
    out
}

/// The words of a command, or nothing if any part is no letter–number word.
fn words(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = trim_start(text);
    while let Some((&letter, tail)) = rest.split_first() {
        if !letter.is_ascii_alphabetic() {
            return None;
        }
        if !out.is_empty() {
            out.push(b' ');
        }
        out.push(letter.to_ascii_uppercase());
        let after_spaces = trim_start(tail);
        let number_bytes = after_spaces
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'))
            .count();
        if number_bytes > 0 {
            decimal(&after_spaces[..number_bytes], &mut out)?;
        } else if out.len() == 1 {
            // A first word without a number is no command made of words, such as `Tx` or a macro's name.
            return None;
        }
        rest = trim_start(&after_spaces[number_bytes..]);
        // `XYZZY` is a name, not four flags: letters must not touch.
        let touches = number_bytes == 0 && tail.first().is_some_and(u8::is_ascii_alphabetic);
        if touches {
            return None;
        }
    }
    Some(out)
}

/// Appends the shortest spelling of a decimal number.
fn decimal(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let point = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let whole = &digits[..point];
    let fraction = digits.get(point + 1..).unwrap_or_default();
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !all_digits || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = &whole[whole.iter().take_while(|byte| **byte == b'0').count()..];
    let zeros = fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    let fraction = &fraction[..fraction.len() - zeros];
    if whole.is_empty() && fraction.is_empty() {
        out.push(b'0');
        return Some(());
    }
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(canonical(line.as_bytes()), Canonical::Print(expected.as_bytes().to_vec()), "{line}");
    }

    #[test]
    fn one_move_has_one_spelling() {
        for line in [
            "G1 X1.5 Y-2",
            "G1 X1.50 Y-2.000",
            "g01x+1.5y-2.",
            "  G1   X 1.5  Y-02 ; a comment",
            "N12 G1 X1.5 Y-2*33",
        ] {
            check(line, "G1 X1.5 Y-2");
        }
        check("G1 X-0.000 E.5 Z-.25", "G1 X0 E0.5 Z-0.25");
        check("G28 X Y", "G28 X Y");
        check("G29.1", "G29.1");
    }

    #[test]
    fn text_is_kept_as_it_is() {
        check("M117  Layer 1.50 of  20 ", "M117 Layer 1.50 of  20");
        check("M862.3 P \"MK3S\"", "M862.3 P \"MK3S\"");
        check("Tx", "Tx");
        check("START_PRINT BED=60", "START_PRINT BED=60");
    }

    #[test]
    fn housekeeping_and_nothing_are_no_part_of_a_print() {
        for line in ["M105", "N1 M110 N0*3", "M155 S1", "M400"] {
            assert_eq!(canonical(line.as_bytes()), Canonical::Housekeeping, "{line}");
        }
        for line in ["", "  ", "; only a comment", "\r"] {
            assert_eq!(canonical(line.as_bytes()), Canonical::Nothing, "{line}");
        }
    }
}
