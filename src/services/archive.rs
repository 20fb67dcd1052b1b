//! The journal as lines of JSON: what a copy is made of, and what a restore believes of it.
//!
//! ```text
//! {"platen_journal":1,"entries":2,"cursors":{"mqtt":1}}
//! {"hash":"<its place in the chain>","event":{…the very bytes that were hashed…}}   × entries
//! {"end":2,"head":"<hash of the last>","sha256":"<over all lines before this one>"}
//! ```
//! Lines are taken only as they were written, byte for byte: a hash is over bytes. A file that was
//! cut has no last line; a changed byte anywhere breaks the chain or the sum.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::journal::{JournalError, check_references};
use crate::domain::event::{ChainHash, ChainedRecord, Event};
use crate::domain::ids::{hex, unhex};
use crate::domain::lab::Lab;

/// The layout of the lines.
const FORMAT: u32 = 1;
/// An entry has 2 KiB at most, and its line 90 bytes more; the first line is shorter still.
const LINE_MAX: u64 = 8 * 1024;
const HASH: &str = "{\"hash\":\"";
const EVENT: &str = "\",\"event\":";

/// What is wrong with a copy, each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the copy cannot be read: {0}; look at the path, and at the disk that it is on")]
    Unreadable(std::io::Error),
    #[error(
        "line {line} is not one that platen wrote; take another copy, or the journal.jsonl of a backup as it was made"
    )]
    Strange { line: u64 },
    #[error(
        "it is a copy in format {found}, and this platen reads format {FORMAT}; use the platen that wrote it, or a newer one"
    )]
    Format { found: u32 },
    #[error("it ends before its end: the copy was cut short; take another copy")]
    Cut,
    #[error("there is something behind its last line; take another copy")]
    Longer,
    #[error("its last line does not fit the lines before it: some of them were changed; take another copy")]
    Sum,
    #[error("{0}; take another copy")]
    Journal(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    platen_journal: u32,
    entries: u64,
    cursors: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    end: u64,
    head: String,
    sha256: String,
}

/// Writes a journal out, line by line.
#[derive(Debug)]
pub struct Archiver {
    sum: Sha256,
    head: ChainHash,
    entries: u64,
}

impl Archiver {
    /// With the first line. `cursors` are the places of the journal's readers, none beyond `entries`.
    pub fn begin(entries: u64, cursors: BTreeMap<String, u64>) -> (Self, Vec<u8>) {
        let mut archiver = Self { sum: Sha256::new(), head: ChainHash::GENESIS, entries: 0 };
        let header = Header { platen_journal: FORMAT, entries, cursors };
        // Text and numbers only: it cannot fail, and an empty line would be no header to any reader.
        let line = archiver.line(serde_json::to_vec(&header).unwrap_or_default());
        (archiver, line)
    }

    pub fn entry(&mut self, record: &ChainedRecord) -> Vec<u8> {
        let hash = record.hash.to_hex();
        let mut line = Vec::with_capacity(HASH.len() + hash.len() + EVENT.len() + record.canonical.len() + 2);
        for piece in [HASH.as_bytes(), hash.as_bytes(), EVENT.as_bytes(), &record.canonical, b"}"] {
            line.extend_from_slice(piece);
        }
        (self.head, self.entries) = (record.hash, self.entries + 1);
        self.line(line)
    }

    pub fn end(mut self) -> Vec<u8> {
        let sha256 = hex(&std::mem::take(&mut self.sum).finalize());
        let trailer = Trailer { end: self.entries, head: self.head.to_hex(), sha256 };
        self.line(serde_json::to_vec(&trailer).unwrap_or_default())
    }

    fn line(&mut self, mut line: Vec<u8>) -> Vec<u8> {
        line.push(b'\n');
        self.sum.update(&line);
        line
    }
}

/// A copy that was read to its end and found whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    pub entries: u64,
    pub head: ChainHash,
    pub cursors: BTreeMap<String, u64>,
    /// What the journal makes of the lab.
    pub lab: Lab,
}

/// Reads a copy and checks every link. `each` gets the entries in order; what it has done by then is
/// worth something only if all of this succeeds.
pub fn read<E: From<ArchiveError>>(
    source: &mut dyn BufRead,
    mut each: impl FnMut(u64, &ChainedRecord) -> Result<(), E>,
) -> Result<Whole, E> {
    let mut lines = Lines { source, number: 0, sum: Sha256::new() };
    let first = lines.next()?.ok_or(ArchiveError::Cut)?;
    let Ok(header) = serde_json::from_slice::<Header>(&first) else {
        return Err(ArchiveError::Strange { line: 1 }.into());
    };
    if header.platen_journal != FORMAT {
        return Err(ArchiveError::Format { found: header.platen_journal }.into());
    }
    if header.cursors.values().any(|place| *place > header.entries) {
        return Err(ArchiveError::Strange { line: 1 }.into());
    }
    let (mut lab, mut head) = (Lab::default(), ChainHash::GENESIS);
    for seq in 1..=header.entries {
        let line = lines.next()?.ok_or(ArchiveError::Cut)?;
        let record = record(&line, head).ok_or(ArchiveError::Strange { line: lines.number })?;
        let journal = |error: String| ArchiveError::Journal(error);
        record.verify(seq, head).map_err(|error| journal(error.to_string()))?;
        let event: Event = record.event(seq).map_err(|error| journal(error.to_string()))?;
        lab.apply(&event);
        head = record.hash;
        each(seq, &record)?;
    }
    let sum = hex(&lines.sum.clone().finalize());
    let last = lines.next()?.ok_or(ArchiveError::Cut)?;
    let Ok(trailer) = serde_json::from_slice::<Trailer>(&last) else {
        return Err(ArchiveError::Strange { line: lines.number }.into());
    };
    if (trailer.end, trailer.head, trailer.sha256) != (header.entries, head.to_hex(), sum) {
        return Err(ArchiveError::Sum.into());
    }
    if lines.next()?.is_some() {
        return Err(ArchiveError::Longer.into());
    }
    check_references(&lab).map_err(|error| match error {
        JournalError::State { entry } => ArchiveError::Journal(format!("{entry} is named and is not there")),
        other => ArchiveError::Journal(other.to_string()),
    })?;
    Ok(Whole { entries: header.entries, head, cursors: header.cursors, lab })
}

struct Lines<'s> {
    source: &'s mut dyn BufRead,
    number: u64,
    sum: Sha256,
}

impl Lines<'_> {
    /// The next line without its end; `None` at the end of all.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        let mut line = Vec::new();
        let mut bounded = (&mut *self.source).take(LINE_MAX);
        bounded.read_until(b'\n', &mut line).map_err(ArchiveError::Unreadable)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.sum.update(&line);
        match line.pop() {
            Some(b'\n') => Ok(Some(line)),
            _ if line.len() as u64 + 1 == LINE_MAX => Err(ArchiveError::Strange { line: self.number }),
            _ => Err(ArchiveError::Cut),
        }
    }
}

/// The entry that a line holds, as one that follows `previous`.
fn record(line: &[u8], previous: ChainHash) -> Option<ChainedRecord> {
    let rest = line.strip_prefix(HASH.as_bytes())?.strip_suffix(b"}")?;
    let (digits, rest) = rest.split_at_checked(64)?;
    let canonical = rest.strip_prefix(EVENT.as_bytes())?.to_vec();
    Some(ChainedRecord { previous, hash: ChainHash(unhex(digits)?), canonical })
}
