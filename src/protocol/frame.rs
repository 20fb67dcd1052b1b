//! A command with its number and checksum, as Marlin wants it on the wire.
//!
//! `N<number> <command>*<checksum>\n`; the checksum is the XOR of every byte before `*`, in
//! decimal (`hosts-and-protocols.md` §2.1, `transcripts/marlin-2.1.2.6-checksums_resend.txt`).

use super::{compact, meatpack};

/// What Marlin keeps of a line, `MAX_CMD_SIZE` less its terminator; the rest is cut silently.
pub const FRAME_MAX: usize = 95;

/// How a command is put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As it stands in the file.
    #[default]
    Plain,
    /// Without needless spaces and zeros.
    Compact,
    /// Compact, and two characters in a byte where they are common ones.
    Packed,
}

/// XOR over all bytes.
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Appends a number in decimal.
fn write_decimal(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        // A digit fits a byte.
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a numbered, checksummed line; returns how many bytes it has, with the newline.
pub fn write_numbered(out: &mut Vec<u8>, number: u32, command: &[u8]) -> usize {
    write_framed(out, number, |out| {
        out.push(b' ');
        out.extend_from_slice(command);
    })
}

fn write_framed(out: &mut Vec<u8>, number: u32, body: impl FnOnce(&mut Vec<u8>)) -> usize {
    let begin = out.len();
    out.push(b'N');
    write_decimal(out, number);
    body(out);
    let sum = checksum(&out[begin..]);
    out.push(b'*');
    write_decimal(out, u32::from(sum));
    out.push(b'\n');
    out.len() - begin
}

/// As `write_numbered`, in a form; `scratch` is overwritten.
pub fn write_as(out: &mut Vec<u8>, scratch: &mut Vec<u8>, form: Form, number: u32, command: &[u8]) -> usize {
    let begin = out.len();
    match form {
        Form::Plain => return write_numbered(out, number, command),
        Form::Compact => {
            return write_framed(out, number, |out| {
                out.push(b' ');
                compact::write_compact(out, command);
            });
        }
        // A byte that begins a command of the unpacker goes past it.
        Form::Packed if command.contains(&0xFF) => {
            out.extend_from_slice(meatpack::DISABLE);
            write_numbered(out, number, command);
            out.extend_from_slice(meatpack::ENABLE);
        }
        Form::Packed => {
            scratch.clear();
            write_framed(scratch, number, |out| {
                // The space behind the number is needed only where a letter does not begin a word.
                let begin = out.len();
                out.push(b' ');
                compact::write_dense(out, command);
                if out[begin + 1] == b'G' {
                    out.remove(begin);
                }
            });
            meatpack::pack(out, scratch);
        }
    }
    out.len() - begin
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(number: u32, command: &str) -> String {
        let mut out = Vec::new();
        write_numbered(&mut out, number, command.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn frames_are_those_that_real_marlin_accepted() {
        assert_eq!(numbered(0, "M110 N0"), "N0 M110 N0*125\n");
        assert_eq!(numbered(1, "G28 X Y"), "N1 G28 X Y*19\n");
        assert_eq!(numbered(2, "G1 X10 Y10 F6000"), "N2 G1 X10 Y10 F6000*75\n");
        assert_eq!(numbered(100, "M110"), "N100 M110*34\n");
        assert_eq!(numbered(1, "M105"), "N1 M105*38\n");
    }

    proptest! {
        #[test]
        fn the_checksum_is_over_what_stands_before_it(
            number: u32,
            command in "[A-Z][0-9]{1,3}( [XYZEF]-?[0-9.]{1,7}){0,5}",
            packed: bool,
        ) {
            let form = if packed { Form::Packed } else { Form::Compact };
            let (mut out, mut scratch) = (Vec::new(), Vec::new());
            let length = write_as(&mut out, &mut scratch, form, number, command.as_bytes());
            prop_assert_eq!(length, out.len());
            let line = if packed { &scratch } else { &out };
            let star = line.iter().rposition(|byte| *byte == b'*').unwrap();
            let sum: u8 = std::str::from_utf8(&line[star + 1..line.len() - 1]).unwrap().parse().unwrap();
            prop_assert_eq!(sum, checksum(&line[..star]));
        }
    }

    #[test]
    fn each_form_is_shorter_than_the_one_before() {
        let command = b"G1 X100.500 Y20.250 E0.01230";
        let length = |form| {
            let (mut out, mut scratch) = (Vec::new(), Vec::new());
            write_as(&mut out, &mut scratch, form, 12_345, command)
        };
        assert_eq!((length(Form::Plain), length(Form::Compact), length(Form::Packed)), (39, 33, 19));
    }
}
