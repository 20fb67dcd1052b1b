//! Blocks of a file on their way over the UART, in both directions (facts A.3).
//!
//! `payload (1 to 1280 bytes) | offset in the file, u32 little-endian | XOR of all before | 0x83`

/// Most bytes of payload in a block.
pub(super) const PAYLOAD_BYTES: usize = 1280;
/// What a block has besides.
const FRAME_BYTES: usize = 6;
/// Last byte of a block.
const END: u8 = 0x83;
/// Silence after which what has come is all there is, µs (assumption: a UART does not say where a block ends).
const GAP_US: u64 = 500_000;

/// A file that is being received.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// Its path on the stick.
    pub(super) path: String,
    /// Bytes written, which is the offset of the next block.
    pub(super) offset: u64,
    /// Its place in the ledger.
    pub(super) record: usize,
    /// Blocks that have begun.
    blocks: u32,
    corrupt_every_block: u32,
    pending: Vec<u8>,
    last_us: u64,
}

/// What the bytes were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A good block: its payload.
    Block(Vec<u8>),
    /// Not a block; it must come again.
    Damaged,
    /// `M4000`, `M29` or the length check: what is not data while a file is open.
    Command(String),
}

impl Upload {
    pub(super) fn new(path: String, record: usize, corrupt_every_block: u32) -> Self {
        Self { path, offset: 0, record, blocks: 0, corrupt_every_block, pending: Vec::new(), last_us: 0 }
    }

    /// Takes bytes; gives what is complete by them.
    pub(super) fn take(&mut self, now_us: u64, bytes: &[u8]) -> Vec<Piece> {
        self.last_us = now_us;
        let mut pieces = Vec::new();
        for &byte in bytes {
            if self.pending.is_empty() {
                self.blocks += 1;
            }
            let is_struck = self.pending.is_empty()
                && self.corrupt_every_block > 0
                && self.blocks.is_multiple_of(self.corrupt_every_block)
                // A command is no block.
                && byte != b'M';
            self.pending.push(if is_struck { byte ^ 0x01 } else { byte });
            if let Some(piece) = self.piece() {
                if matches!(piece, Piece::Command(_)) {
                    self.blocks -= 1;
                }
                self.pending.clear();
                pieces.push(piece);
            }
        }
        pieces
    }

    /// When silence will have ended what is pending, µs.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        (!self.pending.is_empty()).then_some(self.last_us + GAP_US)
    }

    /// Silence: what is pending is no block.
    pub(super) fn handle_timeout(&mut self, now_us: u64) -> Option<Piece> {
        self.poll_timeout().filter(|due_us| *due_us <= now_us)?;
        self.pending.clear();
        Some(Piece::Damaged)
    }

    fn piece(&self) -> Option<Piece> {
        let pending = &self.pending[..];
        match pending.last()? {
            // The offset that is due, the XOR and the end together are no chance.
            &END if self.is_due(pending) => {
                return Some(Piece::Block(pending[..pending.len() - FRAME_BYTES].to_vec()));
            }
            b'\n' => {
                let text = str::from_utf8(pending).ok().map(str::trim);
                let is_command = |text: &&str| {
                    let code = text.split_whitespace().next().unwrap_or("");
                    matches!(code, "M4000" | "M29" | "M4012")
                };
                if let Some(text) = text.filter(is_command) {
                    return Some(Piece::Command(text.to_owned()));
                }
            }
            _ => {}
        }
        (pending.len() >= PAYLOAD_BYTES + FRAME_BYTES).then_some(Piece::Damaged)
    }

    fn is_due(&self, block: &[u8]) -> bool {
        let Some(payload) = block.len().checked_sub(FRAME_BYTES).filter(|payload| *payload > 0) else {
            return false;
        };
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX).to_le_bytes();
        block[payload..payload + 4] == offset && block[payload + 4] == xor(&block[..payload + 4])
    }
}

/// A block as it goes over the wire.
pub(super) fn block(payload: &[u8], offset: u32) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    bytes.extend(offset.to_le_bytes());
    bytes.push(xor(&bytes));
    bytes.push(END);
    bytes
}

fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_of_the_papers_is_made_and_taken() {
        let bytes = [0x74, 0x65, 0x73, 0x74, 0, 0, 0, 0, 0x16, 0x83];
        assert_eq!(block(b"test", 0), bytes);
        let mut upload = Upload::new("t".into(), 0, 0);
        assert_eq!(upload.take(0, &bytes), [Piece::Block(b"test".to_vec())]);
    }

    #[test]
    fn silence_ends_what_is_no_block() {
        let mut upload = Upload::new("t".into(), 0, 0);
        assert_eq!(upload.take(7, b"half"), []);
        assert_eq!(upload.handle_timeout(GAP_US), None);
        assert_eq!(upload.handle_timeout(7 + GAP_US), Some(Piece::Damaged));
        assert_eq!(upload.take(9, b"M29\r\n"), [Piece::Command("M29".into())]);
    }
}
