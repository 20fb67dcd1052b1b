//! A command with its number and checksum, as Marlin wants it on the wire.
//!
//! `N<number> <command>*<checksum>\n`; the checksum is the XOR of every byte before `*`, in
//! decimal (`hosts-and-protocols.md` §2.1, `transcripts/marlin-2.1.2.6-checksums_resend.txt`).

use std::io::Write;

/// What Marlin keeps of a line, `MAX_CMD_SIZE` less its terminator; the rest is cut silently.
pub const FRAME_MAX: usize = 95;

/// XOR over all bytes.
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Appends a numbered, checksummed line; returns how many bytes it has, with the newline.
pub fn write_numbered(out: &mut Vec<u8>, number: u32, command: &[u8]) -> usize {
    let begin = out.len();
    // Writing to a Vec cannot fail.
    let _ = write!(out, "N{number} ");
    out.extend_from_slice(command);
    let sum = checksum(&out[begin..]);
    let _ = writeln!(out, "*{sum}");
    out.len() - begin
}

/// How many bytes `write_numbered` would append.
pub fn numbered_length(number: u32, command: &[u8]) -> usize {
    let digits = |mut value: u32| {
        let mut count = 1;
        while value >= 10 {
            value /= 10;
            count += 1;
        }
        count
    };
    // The checksum is taken as three digits: at most two bytes too many.
    1 + digits(number) + 1 + command.len() + 1 + 3 + 1
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
        fn the_length_is_known_before_within_two_bytes(number: u32, command in "[A-Z][0-9]{1,3}( [XYZEF]-?[0-9.]{1,7}){0,5}") {
            let real = numbered(number, &command).len();
            let said = numbered_length(number, command.as_bytes());
            prop_assert!(said >= real && said <= real + 2);
        }
    }
}
