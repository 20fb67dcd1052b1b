//! What the firmware really did: the witness against which a host's claims are held.
//!
//! Executed commands are hashed in their one spelling ([`crate::canonical`]), per *segment*: a new segment
//! begins whenever an `M110` is executed, so a job that begins by renumbering has a hash of its own.
//! Text that no firmware understands and that came without a line number into a numbered stream (the tail of
//! a line cut by a flush, say) did nothing and is counted as a stray, but not hashed.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical::{Canonical, canonical};

/// SHA-256 over the canonical commands, each followed by a newline.
#[derive(Debug, Clone, Default)]
struct StreamHasher {
    sha: Sha256,
    commands: u64,
}

impl StreamHasher {
    fn add(&mut self, command: &[u8]) {
        self.sha.update(command);
        self.sha.update(b"\n");
        self.commands += 1;
    }

    fn hash(&self) -> StreamHash {
        let digest = self.sha.clone().finalize();
        let hash_hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        StreamHash { hash_hex, commands: self.commands }
    }
}

/// The identity of a stream of commands, whatever its comments, spaces and zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHash {
    /// SHA-256 in lower-case hexadecimal digits.
    pub hash_hex: String,
    /// How many commands went into it.
    pub commands: u64,
}

/// The hash that a printer must report after printing this G-code file.
pub fn stream_hash_of(mut reader: impl BufRead) -> io::Result<StreamHash> {
    let mut hasher = StreamHasher::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(hasher.hash());
        }
        if let Canonical::Print(command) = canonical(&line) {
            hasher.add(&command);
        }
    }
}

/// The commands from one `M110` to the next.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    hasher: StreamHasher,
    /// Commands that only serve the host (`M105`, `M110`, `M155`, …).
    pub housekeeping: u64,
    /// Commands of the print that came with a line number.
    pub numbered: u64,
    /// Commands of the print that came without one.
    pub strays: u64,
    /// Commands that the firmware does not know.
    pub unknown: u64,
}

impl Segment {
    /// Commands of the print that were executed.
    pub fn commands(&self) -> u64 {
        self.hasher.commands
    }

    /// The identity of what was executed.
    pub fn stream_hash(&self) -> StreamHash {
        self.hasher.hash()
    }

    /// The same facts, to be written down.
    pub fn summary(&self) -> SegmentSummary {
        SegmentSummary {
            commands: self.commands(),
            stream_hash: self.stream_hash().hash_hex,
            housekeeping: self.housekeeping,
            numbered: self.numbered,
            strays: self.strays,
            unknown: self.unknown,
        }
    }
}

/// How an executed command came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// With a line number.
    pub numbered: bool,
    /// The firmware knew it; otherwise it did nothing.
    pub known: bool,
}

/// A segment as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSummary {
    /// Commands of the print that were executed.
    pub commands: u64,
    /// SHA-256 of their canonical spelling, hexadecimal.
    pub stream_hash: String,
    /// Commands that only serve the host.
    pub housekeeping: u64,
    /// Commands of the print that came with a line number.
    pub numbered: u64,
    /// Commands of the print that came without one.
    pub strays: u64,
    /// Commands that the firmware does not know.
    pub unknown: u64,
}

/// Sums since the printer was made; resets do not clear them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes that arrived at the UART, also those that were lost there.
    pub bytes_received: u64,
    /// Bytes lost because the receive ring was full.
    pub bytes_overrun: u64,
    /// Bytes lost because nobody listened: booting, killed or made deaf.
    pub bytes_unheard: u64,
    /// Bytes thrown away by the flush after a line error.
    pub bytes_flushed: u64,
    /// `ok` lines handed to the transmitter, also those that a fault then swallowed.
    pub oks: u64,
    /// `Resend:` requests.
    pub resends: u64,
    /// Lines whose checksum was wrong.
    pub checksum_errors: u64,
    /// Lines whose number was wrong.
    pub number_errors: u64,
    /// Numbered lines without a checksum, and sums without a number.
    pub missing_checksums: u64,
    /// Lines that are no commands, where that is an error.
    #[serde(default)]
    pub format_errors: u64,
    /// Commands refused because the board has stopped.
    #[serde(default)]
    pub refused: u64,
    /// Repeated lines dropped without a reply.
    pub duplicates: u64,
    /// Commands in the print's hash, over all segments.
    pub commands: u64,
    /// Commands that the firmware does not know.
    pub unknown: u64,
    /// Moves taken into the planner.
    pub moves_planned: u64,
    /// Moves carried out to their end.
    pub moves_finished: u64,
    /// Filament pushed less filament pulled, in mm.
    pub extruded_mm: f64,
    /// Moves whose extrusion was refused because the nozzle was cold or the length absurd.
    pub extrusions_prevented: u64,
    /// Times the planner ran empty although more moves of the same stretch came later.
    pub underruns: u64,
    /// How long the machine stood still because of them, in seconds.
    pub stall_seconds: f64,
    /// The hottest that the nozzle has been, in °C.
    pub hotend_max_celsius: f64,
    /// The hottest that the bed has been, in °C.
    pub bed_max_celsius: f64,
    /// Times that steppers had let go by themselves before a homed head was moved again: its place was lost.
    #[serde(default)]
    pub steppers_let_go: u64,
    /// Resets of any cause, the power-up not counted.
    pub resets: u64,
    /// Halts by `kill()`.
    pub kills: u64,
    /// Why the last halt came.
    pub kill_cause: Option<String>,
}

/// The printer's own record.
#[derive(Debug, Clone)]
pub struct Ledger {
    segments: Vec<Segment>,
    whole: StreamHasher,
    executed: Option<Vec<String>>,
    manners: Vec<Manner>,
    /// Sums since the printer was made.
    pub totals: Totals,
}

impl Ledger {
    /// An empty record; `record_lines` also keeps the text of every executed command.
    pub fn new(record_lines: bool) -> Self {
        Self {
            segments: vec![Segment::default()],
            whole: StreamHasher::default(),
            executed: record_lines.then(Vec::new),
            manners: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// All segments; the first holds what came before any `M110`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment that is being written.
    pub fn current(&self) -> &Segment {
        // The list is made with one segment and never shrinks.
        &self.segments[self.segments.len() - 1]
    }

    /// The segment with the most commands: the job, where there was one job.
    pub fn longest(&self) -> &Segment {
        self.segments.iter().max_by_key(|segment| segment.commands()).unwrap_or_else(|| self.current())
    }

    /// The identity of everything executed since the printer was made, whatever its segments.
    pub fn stream_hash(&self) -> StreamHash {
        self.whole.hash()
    }

    /// The text of every executed command, if it is recorded.
    pub fn executed(&self) -> &[String] {
        self.executed.as_deref().unwrap_or_default()
    }

    /// How the command at this place of [`Self::executed`] came.
    pub fn manner(&self, at: usize) -> Manner {
        self.manners.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn begin_segment(&mut self) {
        self.segments.push(Segment::default());
    }

    /// Notes a command whose execution begins.
    pub(crate) fn note(&mut self, text: &[u8], numbered: bool, known: bool) {
        let at = self.segments.len() - 1;
        let segment = &mut self.segments[at];
        if !known {
            segment.unknown += 1;
            self.totals.unknown += 1;
        }
        match canonical(text) {
            Canonical::Housekeeping => segment.housekeeping += 1,
            Canonical::Nothing if !numbered => segment.strays += 1,
            Canonical::Nothing => {}
            Canonical::Print(command) => {
                if numbered {
                    segment.numbered += 1;
                } else {
                    segment.strays += 1;
                }
                let harmless_scrap = !numbered && !known && segment.numbered > 0;
                if !harmless_scrap {
                    segment.hasher.add(&command);
                    self.whole.add(&command);
                    self.totals.commands += 1;
                }
            }
        }
        if let Some(executed) = &mut self.executed {
            executed.push(String::from_utf8_lossy(text).into_owned());
            self.manners.push(Manner { numbered, known });
        }
    }

    pub(crate) fn note_temperatures(&mut self, hotend_celsius: f64, bed_celsius: f64) {
        self.totals.hotend_max_celsius = self.totals.hotend_max_celsius.max(hotend_celsius);
        self.totals.bed_max_celsius = self.totals.bed_max_celsius.max(bed_celsius);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> StreamHash {
        stream_hash_of(text.as_bytes()).expect("memory can be read")
    }

    #[test]
    fn comments_spaces_zeros_and_line_ends_do_not_change_the_hash() {
        let plain = hash("G28\nG1 X1.5 Y2 E0.5 F1200\nM104 S0\n");
        let dressed = hash("; head\r\n\r\nG28 ; home\r\n  G1  X1.500 Y2.0 E.5 F1200.0\r\nM105\r\nM104 S0");
        assert_eq!(plain, dressed);
        assert_eq!(plain.commands, 3);
    }

    #[test]
    fn order_and_values_change_the_hash() {
        assert_ne!(hash("G1 X1\nG1 X2\n").hash_hex, hash("G1 X2\nG1 X1\n").hash_hex);
        assert_ne!(hash("G1 X1\n").hash_hex, hash("G1 X10\n").hash_hex);
        assert_ne!(hash("M117 a  b\n").hash_hex, hash("M117 a b\n").hash_hex);
    }

    #[test]
    fn scraps_without_a_number_are_counted_but_not_hashed_in_a_numbered_stream() {
        let mut ledger = Ledger::new(false);
        ledger.begin_segment();
        ledger.note(b"G1 X1", true, true);
        ledger.note(b"5 Y3", false, false);
        let segment = ledger.current();
        assert_eq!((segment.commands(), segment.strays, segment.unknown), (1, 1, 1));
        assert_eq!(segment.stream_hash(), hash("G1 X1\n"));
    }
}
