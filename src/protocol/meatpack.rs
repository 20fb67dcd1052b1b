//! MeatPack: two of the fifteen commonest characters of G-code in one byte.
//!
//! Own code and not the crate `meatpack` (0.1.0): that packs whole streams only, writes its header
//! before each, and drops every space, also those of a message, which changes the checksum.
//!
//! The first character stands in the low nibble; 15 says that the character follows as a byte of its
//! own. With "no spaces" on, `E` takes the place of the space in the table. A newline in the low
//! nibble ends the line, and the high nibble is not read (Marlin `feature/meatpack`).

/// Packing on, then "no spaces" on. The firmware answers each with its state.
pub const ENABLE: &[u8] = &[0xFF, 0xFF, 0xFB, 0xFF, 0xFF, 0xF7];
/// Packing off; known in every state of the unpacker.
pub const DISABLE: &[u8] = &[0xFF, 0xFF, 0xFA];
/// Ends a line whatever the unpacker holds: up to two bytes it may still take for full characters.
pub const END_ANY_LINE: &[u8] = &[0xCC, 0xCC, 0xCC];

const FULL: u8 = 0b1111;

fn nibble(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        b'.' => 10,
        b'E' => 11,
        b'\n' => 12,
        b'G' => 13,
        b'X' => 14,
        _ => FULL,
    }
}

/// Appends `text`, which ends with a newline, in packed form.
pub fn pack(out: &mut Vec<u8>, text: &[u8]) {
    for pair in text.chunks(2) {
        let first = pair[0];
        // Behind a newline in the low nibble nothing is read; the line is at its end.
        let second = pair.get(1).copied().unwrap_or(b'\n');
        let (low, high) = (nibble(first), nibble(second));
        out.push(high << 4 | low);
        if low == FULL {
            out.push(first);
        }
        if high == FULL {
            out.push(second);
        }
    }
}

/// What the firmware says of its unpacker: `[MP] PV01 ON NSP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub on: bool,
    pub no_spaces: bool,
}

/// Reads a status line; what is damaged is none.
pub fn status(line: &str) -> Option<Status> {
    let mut words = line.strip_prefix("[MP] ")?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("PV"))?;
    let on = match words.next()? {
        "ON" => true,
        "OFF" => false,
        _ => return None,
    };
    let no_spaces = match words.next() {
        Some("NSP") => true,
        Some("ESP") | None => false,
        Some(_) => return None,
    };
    Some(Status { on, no_spaces })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        pack(&mut out, text.as_bytes());
        out
    }

    #[test]
    fn two_common_characters_make_a_byte_and_a_rare_one_follows_as_itself() {
        assert_eq!(packed("G1\n"), [0x1D, 0xCC]);
        assert_eq!(packed("X1.5\n"), [0x1E, 0x5A, 0xCC]);
        assert_eq!(packed("1Y\n"), [0xF1, b'Y', 0xCC]);
        assert_eq!(packed("Y1\n"), [0x1F, b'Y', 0xCC]);
        assert_eq!(packed("N*\n"), [0xFF, b'N', b'*', 0xCC]);
        assert_eq!(packed("E1\n"), [0x1B, 0xCC]);
    }

    #[test]
    fn a_status_is_read_whole_or_not_at_all() {
        let on = |on, no_spaces| Some(Status { on, no_spaces });
        assert_eq!(status("[MP] PV01 ON NSP"), on(true, true));
        assert_eq!(status("[MP] PV01 ON ESP"), on(true, false));
        assert_eq!(status("[MP] PV01 OFF ESP"), on(false, false));
        assert_eq!(status("[MP] PV01 OFF"), on(false, false));
        for damaged in ["[MP] PV01 O", "[MP] XV01 ON NSP", "MP] PV01 ON", "[MP] PV01 ON NSQ", "[MP] "] {
            assert_eq!(status(damaged), None, "{damaged}");
        }
    }

    /// Unpacks as the firmware does, for comparing.
    fn unpack(bytes: &[u8]) -> String {
        const TABLE: &[u8] = b"0123456789.E\nGX";
        let mut out = String::new();
        let mut at = 0;
        while at < bytes.len() {
            let (low, high) = (bytes[at] & 15, bytes[at] >> 4);
            at += 1;
            for nibble in [low, high] {
                let character = match TABLE.get(usize::from(nibble)) {
                    Some(character) => *character,
                    None => {
                        at += 1;
                        bytes[at - 1]
                    }
                };
                out.push(char::from(character));
                if character == b'\n' {
                    break;
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked_to_the_same(text in "[ -~]{0,95}") {
            let line = format!("{text}\n");
            let bytes = packed(&line);
            prop_assert_eq!(unpack(&bytes), line);
            prop_assert!(!bytes.windows(2).any(|pair| pair == [0xFF, 0xFF]));
        }
    }
}
