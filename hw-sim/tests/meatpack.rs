//! Packed characters on their way through a board: ring, line reader, resend, stop and reset.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::firmware::Firmware;
use hw_sim::quirks::{Face, FirmwareConfig, ResetCause};

const ENABLE: [u8; 3] = [0xFF, 0xFF, 0xFB];

/// Packs a text, character by character.
fn pack(text: &str) -> Vec<u8> {
    let nibble = |byte: u8| b"0123456789. \nGX".iter().position(|known| *known == byte).unwrap_or(15);
    let mut bytes = text.bytes().peekable();
    let mut out = Vec::new();
    while let Some(first) = bytes.next() {
        let second = if first == b'\n' { b'0' } else { bytes.next().unwrap_or(b' ') };
        out.push(u8::try_from(nibble(second) << 4 | nibble(first)).unwrap());
        out.extend([first, second].into_iter().filter(|byte| nibble(*byte) == 15));
    }
    out
}

fn sum(line: &str) -> String {
    format!("{line}*{}\n", line.bytes().fold(0, |sum, byte| sum ^ byte))
}

struct Bench {
    firmware: Firmware,
    now_us: u64,
}

impl Bench {
    fn new(meatpack: bool) -> Self {
        let config = FirmwareConfig { meatpack, record_lines: true, ..FirmwareConfig::face(Face::Marlin21) };
        Self { firmware: Firmware::new(config, 1), now_us: 0 }
    }

    fn ask(&mut self, bytes: &[u8]) -> Vec<String> {
        self.firmware.handle_bytes(self.now_us, bytes);
        let to_us = self.now_us + 20_000;
        while let Some(next_us) = self.firmware.poll_timeout().filter(|next_us| *next_us <= to_us) {
            self.now_us = self.now_us.max(next_us);
            self.firmware.handle_timeout(self.now_us);
        }
        self.now_us = to_us;
        let mut text = Vec::new();
        while let Some(bytes) = self.firmware.poll_transmit() {
            text.extend(bytes);
        }
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }
}

#[test]
fn packed_lines_are_judged_as_any_others_and_take_less_room() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.ask(&ENABLE), ["[MP] PV01 ON ESP"]);
    assert_eq!(bench.ask(&pack(&sum("N1 G1 X10.5 Y20"))), ["ok N1 P14 B3"]);
    assert_eq!(
        bench.ask(&pack("N2 G1 X11*0\n")),
        ["Error:checksum mismatch, Last Line: 1", "Resend: 2", "ok"]
    );
    assert_eq!(bench.firmware.ledger().executed(), ["G1 X10.5 Y20"]);
    let packed = pack("G1 X10.5 X20.5 X30.5\n");
    bench.ask(&pack(&"G4 P9000\n".repeat(4)));
    bench.ask(&packed);
    assert_eq!((bench.firmware.ring_bytes(), packed.len()), (11, 11));
}

#[test]
fn the_capability_is_told_and_without_it_bytes_are_bytes() {
    assert!(Bench::new(true).ask(b"M115\n").contains(&"Cap:MEATPACK:1".to_owned()));
    let mut bench = Bench::new(false);
    assert!(bench.ask(b"M115\n").contains(&"Cap:MEATPACK:0".to_owned()));
    assert_eq!(bench.ask(&ENABLE), Vec::<String>::new());
}

#[test]
fn a_reset_switches_packing_off() {
    let mut bench = Bench::new(true);
    bench.ask(&ENABLE);
    bench.firmware.reset(bench.now_us, ResetCause::External);
    bench.now_us += 1_000_000;
    bench.ask(b"");
    assert_eq!(bench.ask(b"G90\n"), ["ok P15 B3"]);
    assert_eq!(bench.ask(&[0xFF, 0xFF, 0xF8]), ["[MP] PV01 OFF ESP"]);
}

#[test]
fn a_packed_stop_waits_for_its_turn_and_a_plain_one_does_not() {
    let mut bench = Bench::new(true);
    bench.ask(&ENABLE);
    bench.ask(&pack("G4 P5000\nM112\n"));
    assert!(!bench.firmware.is_halted());
    // Two characters that cannot be packed stand in the stream as they are, but between packed ones.
    bench.ask(&[0xFF, 0xFF, 0xFA]);
    bench.ask(b"\nM112\n");
    assert!(bench.firmware.is_halted());
}

#[test]
fn a_flush_empties_the_ring_but_not_the_unpacker() {
    // The bad line's end is a character of its own, the second of its pair was packed with it.
    let mut bench = Bench::new(true);
    bench.ask(&ENABLE);
    let bad_line = pack("N1 G1 X1*0");
    assert_eq!(bench.ask(&[&bad_line[..], &[0x1F, b'\n']].concat())[1], "Resend: 1");
    assert_eq!(bench.ask(&pack("G90\n")), ["echo:Unknown command: \"1G90\"", "ok P15 B3"]);
    // Of two characters that were to follow, the second was flushed, and the next byte is taken for it.
    let mut bench = Bench::new(true);
    bench.ask(&ENABLE);
    assert_eq!(bench.ask(&[&bad_line[..], b"\xFF\nM"].concat())[1], "Resend: 1");
    let lost = [b"G"[..].to_vec(), pack("90\n")].concat();
    assert_eq!(bench.ask(&lost), ["ok P15 B3"]);
    assert_eq!(bench.firmware.ledger().executed(), ["G90"]);
}
