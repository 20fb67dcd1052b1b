//! Fewer bytes for the same command: needless spaces and trailing zeros of moves are left out.
//!
//! Only moves (`G0`–`G3`) and `G92` are touched: they are nearly all of a file, and their words are
//! letters with plain numbers. A space before `E` stays, because older parsers read `X10E5` as a
//! number with an exponent. A command with anything else in it goes out as it is.

/// Appends `command` in its short form.
pub fn write_compact(out: &mut Vec<u8>, command: &[u8]) {
    if is_plain_move(command) { write_words(out, command, true) } else { out.extend_from_slice(command) }
}

/// As `write_compact`, for a way on which `E` costs no more than a space: none is needed before it.
pub fn write_dense(out: &mut Vec<u8>, command: &[u8]) {
    if is_plain_move(command) { write_words(out, command, false) } else { out.extend_from_slice(command) }
}

fn is_plain_move(command: &[u8]) -> bool {
    let ([b'G', b'0'..=b'3', b' ', words @ ..] | [b'G', b'9', b'2', b' ', words @ ..]) = command else {
        return false;
    };
    // Each word is one capital with a decimal number, so that leaving spaces out joins nothing.
    words.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).all(|word| {
        let [b'A'..=b'Z', value @ ..] = word else { return false };
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        let points = digits.iter().filter(|byte| **byte == b'.').count();
        points <= 1
            && digits.len() > points
            && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    })
}

fn write_words(out: &mut Vec<u8>, command: &[u8], space_before_e: bool) {
    for word in command.split(|byte| *byte == b' ') {
        if space_before_e && word.first() == Some(&b'E') {
            out.push(b' ');
        }
        out.extend_from_slice(without_trailing_zeros(word));
    }
}

fn without_trailing_zeros(word: &[u8]) -> &[u8] {
    if !word.contains(&b'.') {
        return word;
    }
    let end = word.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    let word = &word[..end];
    match word.strip_suffix(b".") {
        // `X.` and `X-.` are no numbers everywhere: keep what was there.
        Some(head) if head.last().is_some_and(u8::is_ascii_digit) => head,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compact(command: &str) -> String {
        let mut out = Vec::new();
        write_compact(&mut out, command.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn moves_lose_spaces_and_trailing_zeros_and_nothing_else() {
        let cases = [
            ("G1 X100.500 Y20.000 E0.01230 F1800", "G1X100.5Y20 E0.0123F1800"),
            ("G0 X0.000 Y-0.500", "G0X0Y-0.5"),
            ("G1 X10 Y200", "G1X10Y200"),
            ("G92 E0", "G92 E0"),
            ("G2 X1.50 Y2. I-3.250 J0", "G2X1.5Y2I-3.25J0"),
            ("G1  X1   Y2", "G1X1Y2"),
            ("G1 X.500", "G1X.5"),
        ];
        for (long, short) in cases {
            assert_eq!(compact(long), short);
        }
    }

    #[test]
    fn what_is_no_plain_move_goes_out_as_it_is() {
        for command in [
            "M117 Hello  1.500",
            "G1",
            "G28 X Y",
            "G10 L2 P1",
            "G1 X1e5",
            "G1 X1 ; 2.50",
            "G1 (a b) X1.50",
            "G1 X1.5.0",
            "G1 X--1.0",
            "G1X1.50 Y2",
            "G1 X",
            "G1 X.",
            "M104 S200.0",
            "g1 x1.0",
        ] {
            assert_eq!(compact(command), command);
        }
    }

    /// Letters with their values, as a firmware reads them.
    fn words(command: &str) -> Vec<(char, f64)> {
        let mut found: Vec<(char, String)> = Vec::new();
        for c in command.chars().filter(|c| *c != ' ') {
            match found.last_mut() {
                Some((_, value)) if !c.is_ascii_uppercase() => value.push(c),
                _ => found.push((c, String::new())),
            }
        }
        found.into_iter().map(|(letter, value)| (letter, value.parse().unwrap_or(f64::NAN))).collect()
    }

    proptest! {
        #[test]
        fn every_value_of_a_move_stays_the_same(
            command in "G[0-3]( [XYZEFIJ]-?[0-9]{1,3}(\\.[0-9]{1,5})?){1,6}",
        ) {
            let short = compact(&command);
            prop_assert_eq!(words(&command), words(&short));
            prop_assert!(short.len() <= command.len());
            prop_assert_eq!(compact(&short.replace("G1", "G1 ")).len() <= short.len() + 1, true);
        }
    }
}
