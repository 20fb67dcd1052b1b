//! MeatPack: two characters in a byte, for the fifteen that G-code is mostly made of.
//!
//! ```text
//! packed byte = second character << 4 | first character        0xF: not packable, the character follows as it is
//! 0xFF 0xFF command                                            seen anywhere, also between a byte and what follows it
//! ```

use std::collections::VecDeque;

/// Announces a command when it comes twice; once it is a packed byte like any other.
const SIGNAL: u8 = 0xFF;
/// The nibble of a character that is not in the table.
const NOT_PACKED: u8 = 0xF;
/// The characters of the nibbles; the one at 0xB is `E` where spaces are left out.
const TABLE: [u8; 15] = *b"0123456789. \nGX";

/// How much of a command has been seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Signals {
    #[default]
    None,
    One,
    /// The next byte is the command itself.
    Both,
}

/// What characters are still to come as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Follows {
    #[default]
    Nothing,
    One,
    /// One, and behind it this one, which was packed.
    OneBefore(u8),
    Two,
}

/// The state between two bytes.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    packs: bool,
    no_spaces: bool,
    signals: Signals,
    follows: Follows,
    decoded: VecDeque<u8>,
}

impl Decoder {
    /// A character that has been decoded.
    pub fn pop(&mut self) -> Option<u8> {
        self.decoded.pop_front()
    }

    /// Characters that have been decoded and not yet taken.
    pub fn waiting(&self) -> usize {
        self.decoded.len()
    }

    /// Takes one byte; gives what the board says to a command.
    pub fn push(&mut self, byte: u8) -> Option<String> {
        match (self.signals, byte) {
            (Signals::Both, command) => {
                self.signals = Signals::None;
                self.obey(command);
                return Some(self.report());
            }
            (Signals::One, SIGNAL) => self.signals = Signals::Both,
            (Signals::None, SIGNAL) => self.signals = Signals::One,
            (signals, byte) => {
                self.signals = Signals::None;
                if signals == Signals::One {
                    self.unpack(SIGNAL);
                }
                self.unpack(byte);
            }
        }
        None
    }

    fn obey(&mut self, command: u8) {
        match command {
            0xFB => self.packs = true,
            0xFA => self.packs = false,
            0xF9 => *self = Self { decoded: std::mem::take(&mut self.decoded), ..Self::default() },
            0xF7 => self.no_spaces = true,
            0xF6 => self.no_spaces = false,
            // 0xF8 asks for nothing but the report.
            _ => {}
        }
    }

    fn report(&self) -> String {
        let packs = if self.packs { "ON" } else { "OFF" };
        let spaces = if self.no_spaces { "NSP" } else { "ESP" };
        format!("[MP] PV01 {packs} {spaces}")
    }

    fn unpack(&mut self, byte: u8) {
        if !self.packs {
            self.decoded.push_back(byte);
            return;
        }
        match std::mem::take(&mut self.follows) {
            Follows::Nothing => self.unpack_pair(byte),
            Follows::One => self.decoded.push_back(byte),
            Follows::OneBefore(second) => self.decoded.extend([byte, second]),
            Follows::Two => {
                self.decoded.push_back(byte);
                self.follows = Follows::One;
            }
        }
    }

    fn unpack_pair(&mut self, byte: u8) {
        self.follows = match (self.character(byte & 0xF), self.character(byte >> 4)) {
            (None, None) => Follows::Two,
            (None, Some(second)) => Follows::OneBefore(second),
            // A line's end fills its byte.
            (Some(b'\n'), _) => {
                self.decoded.push_back(b'\n');
                Follows::Nothing
            }
            (Some(first), second) => {
                self.decoded.push_back(first);
                self.decoded.extend(second);
                if second.is_none() { Follows::One } else { Follows::Nothing }
            }
        };
    }

    fn character(&self, nibble: u8) -> Option<u8> {
        match nibble {
            NOT_PACKED => None,
            0xB if self.no_spaces => Some(b'E'),
            nibble => TABLE.get(usize::from(nibble)).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, and what the board says meanwhile.
    fn decode(decoder: &mut Decoder, bytes: &[u8]) -> (String, Vec<String>) {
        let said = bytes.iter().filter_map(|byte| decoder.push(*byte)).collect();
        let text = std::iter::from_fn(|| decoder.pop()).map(char::from).collect();
        (text, said)
    }

    fn packing() -> Decoder {
        let mut decoder = Decoder::default();
        decode(&mut decoder, &[0xFF, 0xFF, 0xFB]);
        decoder
    }

    #[test]
    fn every_nibble_is_its_character_first_in_the_low_half() {
        let bytes = [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xED, 0x0C];
        assert_eq!(decode(&mut packing(), &bytes).0, "0123456789. GX\n");
        let mut decoder = packing();
        decode(&mut decoder, &[0xFF, 0xFF, 0xF7]);
        assert_eq!(decode(&mut decoder, &bytes).0, "0123456789.EGX\n");
    }

    #[test]
    fn what_cannot_be_packed_follows_in_the_order_of_the_text() {
        let table: [(&[u8], &str); 4] = [
            (&[0xFF, b'M', b'S'], "MS"),
            (&[0x1F, b'M'], "M1"),
            (&[0xF1, b'M'], "1M"),
            (&[0x1D, 0xFB, b'Y', 0x51], "G1 Y15"),
        ];
        for (bytes, text) in table {
            assert_eq!(decode(&mut packing(), bytes).0, text, "{bytes:x?}");
        }
    }

    #[test]
    fn behind_a_newline_in_the_low_half_the_high_half_is_nothing() {
        for high in 0..16 {
            assert_eq!(decode(&mut packing(), &[high << 4 | 0xC, 0x1D]).0, "\nG1", "{high:x}");
        }
        assert_eq!(decode(&mut packing(), &[0xC1, 0x1D]).0, "1\nG1");
    }

    #[test]
    fn commands_are_seen_anywhere_and_answered() {
        let mut decoder = Decoder::default();
        let said = |packs: &str, spaces: &str| vec![format!("[MP] PV01 {packs} {spaces}")];
        let table: [(&[u8], &str, Vec<String>); 9] = [
            (&[b'G', 0xFF, 0xFF, 0xFB], "G", said("ON", "ESP")),
            (&[0xFF, b'M', 0xFF, 0xFF, 0xF8, b'S'], "MS", said("ON", "ESP")),
            (&[0x1F, 0xFF, 0xFF, 0xF7, b'M'], "M1", said("ON", "NSP")),
            (&[0xB1], "1E", vec![]),
            (&[0xFF, 0xFF, 0xF6, 0xB1], "1 ", said("ON", "ESP")),
            (&[0xFF, 0xFF, 0xFA, b'G', b'1'], "G1", said("OFF", "ESP")),
            (&[0xFF, b'x'], "\u{ff}x", vec![]),
            (
                &[0xFF, 0xFF, 0xFB, 0xFF, 0xFF, 0xF7, 0x1F],
                "",
                [said("ON", "ESP"), said("ON", "NSP")].concat(),
            ),
            (&[0xFF, 0xFF, 0xF9, b'G'], "G", said("OFF", "ESP")),
        ];
        for (bytes, text, said) in table {
            assert_eq!(decode(&mut decoder, bytes), (text.to_owned(), said), "{bytes:x?}");
        }
    }
}
