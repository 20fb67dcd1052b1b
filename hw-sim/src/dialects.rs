//! How each firmware judges a line: what it takes, what it has had before, and what it will not have.

use crate::parser::{LineError, Verdict, judge, trim_start};
use crate::quirks::{FirmwareConfig, LineCheck};

/// Repetier takes a line that is at most so far behind for one that it has had.
const REPETIER_REMEMBERS: i64 = 40;

/// Judges a line as this firmware does.
pub(crate) fn judge_as(config: &FirmwareConfig, line: &[u8], last_number: i64) -> Verdict {
    match config.line_check {
        LineCheck::Marlin => judge(line, last_number),
        LineCheck::Prusa => match judge(line, last_number) {
            Verdict::Accept(None) if line.contains(&b'*') => Verdict::Refuse(LineError::NoNumber),
            verdict => verdict,
        },
        LineCheck::Repetier => judge_repetier(line, last_number),
        LineCheck::Smoothie => judge_smoothie(line, last_number),
        LineCheck::RepRap => judge_reprap(line, config.checksum_required),
        LineCheck::Nothing => Verdict::Accept(line_number(line)),
    }
}

/// The number in front of a line, if there is one.
pub fn line_number(line: &[u8]) -> Option<i64> {
    let (first, digits) = trim_start(line).split_first()?;
    (first.eq_ignore_ascii_case(&b'N')).then(|| integer(digits))?
}

/// The sum over a text, as all of them have it.
fn xor(text: &[u8]) -> i64 {
    i64::from(text.iter().fold(0, |sum, byte| sum ^ byte))
}

/// The digits at the start as a number; nothing if there are none.
fn integer(text: &[u8]) -> Option<i64> {
    let text = trim_start(text);
    let (sign, digits) = match text.split_first() {
        Some((b'-', digits)) => (-1, digits),
        _ => (1, text),
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let add = |sum: i64, byte: &u8| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
    (count > 0).then(|| sign * digits[..count].iter().fold(0, add))
}

/// Text before the last `*`, and what stands behind it.
fn split_checksum(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match line.iter().rposition(|byte| *byte == b'*') {
        Some(star) => (&line[..star], Some(&line[star + 1..])),
        None => (line, None),
    }
}

fn is_m110(text: &[u8]) -> bool {
    text.windows(4).any(|window| window == b"M110")
}

/// The number that an `M110` sets: the last `N` counts.
fn renumbering(text: &[u8]) -> Option<i64> {
    let at = text.iter().rposition(|byte| *byte == b'N')?;
    integer(&text[at + 1..])
}

fn judge_repetier(line: &[u8], last_number: i64) -> Verdict {
    let (text, checksum) = split_checksum(trim_start(line));
    let number = line_number(text);
    match checksum {
        Some(digits) if integer(digits) != Some(xor(text)) => return Verdict::Refuse(LineError::Checksum),
        None if number.is_some() => return Verdict::Refuse(LineError::NoChecksum),
        _ => {}
    }
    let commands = |byte: &u8| matches!(byte.to_ascii_uppercase(), b'G' | b'M' | b'T');
    if !text.iter().any(commands) {
        return Verdict::Refuse(LineError::Format);
    }
    let Some(number) = number else {
        return Verdict::Accept(None);
    };
    if is_m110(text) {
        return Verdict::Accept(renumbering(text));
    }
    if last_number.wrapping_add(1) & 0xFFFF == number & 0xFFFF {
        Verdict::Accept(Some(number))
    } else if last_number.wrapping_sub(number) & 0xFFFF < REPETIER_REMEMBERS {
        Verdict::Duplicate
    } else {
        Verdict::Refuse(LineError::Number)
    }
}

fn judge_smoothie(line: &[u8], last_number: i64) -> Verdict {
    let (text, checksum) = split_checksum(trim_start(line));
    if text.first() != Some(&b'N') {
        return Verdict::Accept(None);
    }
    match checksum {
        None => Verdict::Refuse(LineError::NoChecksum),
        Some(digits) if integer(digits) != Some(xor(text)) => Verdict::Refuse(LineError::Checksum),
        Some(_) if is_m110(text) => Verdict::Accept(renumbering(text)),
        Some(_) if line_number(text) == Some(last_number.saturating_add(1)) => {
            Verdict::Accept(line_number(text))
        }
        Some(_) => Verdict::Refuse(LineError::Number),
    }
}

fn judge_reprap(line: &[u8], checksum_required: bool) -> Verdict {
    let (text, checksum) = split_checksum(line);
    let is_right = match checksum {
        None => !checksum_required,
        Some(digits) => {
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            match count {
                1..=3 => integer(digits) == Some(xor(text)),
                5 => integer(digits) == Some(i64::from(crc16(text))),
                _ => false,
            }
        }
    };
    if is_right { Verdict::Accept(line_number(text)) } else { Verdict::Refuse(LineError::Checksum) }
}

/// The CRC of RepRapFirmware: polynomial 0x1021, from 0, no reflection.
pub fn crc16(text: &[u8]) -> u16 {
    text.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quirks::Face;

    #[test]
    fn every_firmware_judges_the_same_lines_in_its_own_way() {
        use LineError::{Checksum, Format, NoChecksum, NoNumber, Number};
        use Verdict::{Accept, Duplicate, Refuse};
        let table: [(&[u8], [Verdict; 5]); 9] = [
            // The last line was 3.     Prusa,          Repetier,        Smoothieware,   RepRapFirmware,   Klipper
            (b"N4 G1 X20.5*77", [Accept(Some(4)); 5]),
            (
                b"N4 G1 X20.5*78",
                [Refuse(Checksum), Refuse(Checksum), Refuse(Checksum), Refuse(Checksum), Accept(Some(4))],
            ),
            (
                b"N5 G1 X21*86",
                [Refuse(Number), Refuse(Number), Refuse(Number), Accept(Some(5)), Accept(Some(5))],
            ),
            (b"N3 G1 X20*81", [Duplicate, Duplicate, Refuse(Number), Accept(Some(3)), Accept(Some(3))]),
            (
                b"N4 G1 X22",
                [
                    Refuse(NoChecksum),
                    Refuse(NoChecksum),
                    Refuse(NoChecksum),
                    Accept(Some(4)),
                    Accept(Some(4)),
                ],
            ),
            (
                b"G1 X22*33",
                [Refuse(NoNumber), Refuse(Checksum), Accept(None), Refuse(Checksum), Accept(None)],
            ),
            (b"G1 X22", [Accept(None); 5]),
            (b"HELLO", [Accept(None), Refuse(Format), Accept(None), Accept(None), Accept(None)]),
            (b"N100 M110*34", [Accept(Some(100)); 5]),
        ];
        let faces = [Face::PrusaMk3, Face::Repetier, Face::Smoothieware, Face::RepRapFirmware, Face::Klipper];
        for (line, verdicts) in table {
            for (face, verdict) in faces.into_iter().zip(verdicts) {
                let found = judge_as(&FirmwareConfig::face(face), line, 3);
                assert_eq!(found, verdict, "{face:?}: {}", String::from_utf8_lossy(line));
            }
        }
    }

    #[test]
    fn repetier_compares_numbers_modulo_65536() {
        let judged = |text: &str, last_number| {
            judge_repetier(format!("{text}*{}", xor(text.as_bytes())).as_bytes(), last_number)
        };
        assert_eq!(judged("N65536 G90", 65_535), Verdict::Accept(Some(65_536)));
        assert_eq!(judged("N0 G90", 65_535), Verdict::Accept(Some(0)));
        assert_eq!(judged("N65500 G90", 3), Verdict::Duplicate, "39 behind");
        assert_eq!(judged("N65499 G90", 3), Verdict::Refuse(LineError::Number), "40 behind");
    }

    #[test]
    fn the_last_number_of_an_m110_counts() {
        assert_eq!(judge_repetier(b"N0 M110 N770*125", 5), Verdict::Accept(Some(770)), "7^7 is 0");
        assert_eq!(judge_smoothie(b"N0 M110 N0*125", 5), Verdict::Accept(Some(0)));
    }

    #[test]
    fn five_digits_are_a_crc_and_four_are_nothing() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        let line = |digits: usize| format!("G1 X1*{:0digits$}", crc16(b"G1 X1"));
        assert_eq!(judge_reprap(line(5).as_bytes(), false), Verdict::Accept(None));
        assert_eq!(judge_reprap(line(6).as_bytes(), false), Verdict::Refuse(LineError::Checksum));
        assert_eq!(judge_reprap(b"G1 X1", true), Verdict::Refuse(LineError::Checksum));
    }
}
