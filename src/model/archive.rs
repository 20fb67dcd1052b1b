//! A ZIP read with suspicion: its table of contents in bounded memory, and each file only as large as it said.
//!
//! A model is judged by what we read of it and printed by what a slicer reads of it, so an archive that two readers
//! may read differently is refused: two files of one name, a name that the file itself tells otherwise, files that
//! overlap. Nothing is ever unpacked to a disk.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::limits::{Budget, Limits, ModelError};
use super::lines::shown;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
/// The end of an archive, and the longest comment behind it.
const TAIL: u64 = 22 + 65_535;
/// The end in 64 bits and where it is, before the end in 32.
const TAIL_64: u64 = 56 + 20;

/// One file of the archive.
#[derive(Clone, Debug)]
struct Entry {
    /// As it is written; its key is in small letters, since names in a 3MF are the same in any.
    name: Vec<u8>,
    deflated: bool,
    encrypted: bool,
    crc: u32,
    packed: u64,
    expanded: u64,
    at: u64,
}

#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    entries: BTreeMap<String, Entry>,
    expanded: Budget,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the table of contents.
    pub fn open(mut source: R, limits: &Limits) -> Result<Self, ModelError> {
        let bytes = source.seek(SeekFrom::End(0))?;
        let end = End::find(&mut source, bytes)?;
        let most = "export it with one plate and without pictures";
        Budget::new(limits.entries, "too many files in it", most).spend(end.entries)?;
        Budget::new(limits.directory, "too long a table of contents", most).spend(end.length)?;
        source.seek(SeekFrom::Start(end.begin))?;
        let mut table = Vec::new();
        source.by_ref().take(end.length).read_to_end(&mut table)?;
        let mut entries = BTreeMap::new();
        let mut rest = &table[..];
        for _ in 0..end.entries {
            let entry;
            (entry, rest) = Entry::parse(rest)?;
            let key = key(&entry.name)?;
            if entries.insert(key, entry).is_some() {
                return Err(ModelError::Hostile("two files of the same name".into()));
            }
        }
        if !rest.is_empty() {
            return Err(damaged("its table of contents is longer than it says"));
        }
        check_sizes(entries.values(), end.begin, limits)?;
        let help =
            "it would not fit into the memory of what slices it; export it without what is not printed";
        let expanded = Budget::new(limits.expanded, "too many bytes once unfolded", help);
        Ok(Self { source, entries, expanded })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The content of a file of the archive, which ends with an error where it is not what was promised.
    pub fn read(&mut self, name: &str) -> Result<impl Read, ModelError> {
        let missing = || ModelError::Archive(format!("it has no {}", shown(name.as_bytes())));
        let entry = self.entries.get(name).ok_or_else(missing)?;
        if entry.encrypted {
            return Err(ModelError::Unsupported(format!("{} is encrypted", shown(name.as_bytes()))));
        }
        self.expanded.spend(entry.expanded)?;
        self.source.seek(SeekFrom::Start(entry.at))?;
        let mut head = [0; 30];
        self.source.read_exact(&mut head).map_err(|_| damaged("a file in it begins behind its end"))?;
        if head[..4] != LOCAL {
            return Err(damaged("a file in it does not begin where it should"));
        }
        let (name_length, extra) = (u64::from(u16_at(&head, 26)), u64::from(u16_at(&head, 28)));
        let mut own_name = Vec::new();
        self.source.by_ref().take(name_length).read_to_end(&mut own_name)?;
        if own_name != entry.name {
            let what =
                format!("a file calls itself {} and is listed as {}", shown(&own_name), shown(&entry.name));
            return Err(ModelError::Hostile(what));
        }
        std::io::copy(&mut self.source.by_ref().take(extra), &mut std::io::sink())?;
        let packed = BufReader::new(self.source.by_ref().take(entry.packed));
        let content = if entry.deflated {
            Content::Deflated(DeflateDecoder::new(packed))
        } else {
            Content::Stored(packed)
        };
        Ok(Checked { content, crc: Crc::new(), promised: entry.crc, left: entry.expanded })
    }
}

fn damaged(what: &str) -> ModelError {
    ModelError::Archive(what.into())
}

/// What a file in a 3MF may be called, in small letters.
fn key(name: &[u8]) -> Result<String, ModelError> {
    let bad = |why| Err(ModelError::Hostile(format!("a file called {}, {why}", shown(name))));
    let Ok(text) = std::str::from_utf8(name) else { return bad("which is no text") };
    if text.is_empty() || text.len() > 512 || text.chars().any(char::is_control) {
        return bad("which is no name");
    }
    if text.starts_with('/')
        || text.contains(['\\', ':'])
        || text.split('/').any(|part| matches!(part, "." | ".."))
    {
        return bad("which leads out of it");
    }
    Ok(text.to_ascii_lowercase())
}

/// Refuses what unfolds too far, also in files that we do not read: a slicer does.
fn check_sizes<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    begin: u64,
    limits: &Limits,
) -> Result<(), ModelError> {
    let bomb = |what: String| Err(ModelError::Hostile(what));
    let (mut places, mut whole) = (Vec::new(), 0_u64);
    for entry in entries {
        whole = whole.saturating_add(entry.expanded);
        if whole > limits.expanded {
            return bomb(format!("files that unfold to more than {} MB", limits.expanded >> 20));
        }
        let fair = entry.packed.saturating_mul(limits.ratio).max(limits.ratio_free);
        if entry.expanded > fair {
            let (name, times) = (shown(&entry.name), limits.ratio);
            return bomb(format!("{name}, which unfolds to more than {times} times its size"));
        }
        if !entry.deflated && entry.packed != entry.expanded {
            return Err(damaged("a file in it is stored as it is, and has two sizes"));
        }
        let end =
            entry.at.checked_add(30 + entry.name.len() as u64).and_then(|at| at.checked_add(entry.packed));
        match end {
            Some(end) if end <= begin => places.push((entry.at, end)),
            _ => return Err(damaged("a file in it ends behind its end")),
        }
    }
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return bomb("files that overlap".into());
    }
    Ok(())
}

/// Where the table of contents is.
struct End {
    entries: u64,
    begin: u64,
    length: u64,
}

impl End {
    fn find(source: &mut (impl Read + Seek), bytes: u64) -> Result<Self, ModelError> {
        let none = || damaged("its end is missing");
        let tail_begin = bytes.saturating_sub(TAIL + TAIL_64);
        source.seek(SeekFrom::Start(tail_begin))?;
        let mut tail = Vec::new();
        source.by_ref().take(TAIL + TAIL_64).read_to_end(&mut tail)?;
        let ends = |at: &usize| {
            tail[*at..].starts_with(&END) && at + 22 + usize::from(u16_at(&tail, at + 20)) == tail.len()
        };
        let at = (0..tail.len().saturating_sub(21)).rev().find(ends).ok_or_else(none)?;
        let end = &tail[at..];
        if u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || u16_at(end, 8) != u16_at(end, 10) {
            return Err(ModelError::Unsupported("it is one of several archives that belong together".into()));
        }
        let mut found = Self {
            entries: u64::from(u16_at(end, 10)),
            length: u64::from(u32_at(end, 12)),
            begin: u64::from(u32_at(end, 16)),
        };
        let mut before = tail_begin + at as u64;
        let wide =
            at.checked_sub(20).map(|at| &tail[at..at + 20]).filter(|locator| locator[..4] == LOCATOR_64);
        if let Some(locator) = wide {
            // The end in 64 bits stands right before its locator, unless somebody hides something.
            let wide = at.checked_sub(76).map(|at| &tail[at..at + 56]).filter(|end| end[..4] == END_64);
            let wide = wide.ok_or_else(none)?;
            before -= TAIL_64;
            if u64_at(locator, 8) != before {
                return Err(none());
            }
            found = Self { entries: u64_at(wide, 32), length: u64_at(wide, 40), begin: u64_at(wide, 48) };
        }
        if found.begin.checked_add(found.length) != Some(before) {
            return Err(damaged("its table of contents is not where its end says"));
        }
        Ok(found)
    }
}

impl Entry {
    /// The first one of a table of contents, and the rest.
    fn parse(table: &[u8]) -> Result<(Self, &[u8]), ModelError> {
        let short = || damaged("its table of contents is shorter than it says");
        let (head, rest) = table.split_at_checked(46).ok_or_else(short)?;
        if head[..4] != CENTRAL {
            return Err(short());
        }
        let length = |at| usize::from(u16_at(head, at));
        let (name, rest) = rest.split_at_checked(length(28)).ok_or_else(short)?;
        let (mut extra, rest) = rest.split_at_checked(length(30)).ok_or_else(short)?;
        let (_comment, rest) = rest.split_at_checked(length(32)).ok_or_else(short)?;
        let mut sizes =
            [u64::from(u32_at(head, 24)), u64::from(u32_at(head, 20)), u64::from(u32_at(head, 42))];
        // Sizes that do not fit into 32 bits stand in an extra field, in this order.
        while let Some((field, after)) = extra.split_at_checked(4) {
            let (body, next) = after.split_at_checked(usize::from(u16_at(field, 2))).ok_or_else(short)?;
            if u16_at(field, 0) == 1 {
                let mut wide = body.chunks_exact(8);
                for size in sizes.iter_mut().filter(|size| **size == u64::from(u32::MAX)) {
                    *size = u64_at(wide.next().ok_or_else(short)?, 0);
                }
            }
            extra = next;
        }
        let [expanded, packed, at] = sizes;
        let deflated = match u16_at(head, 10) {
            0 => false,
            8 => true,
            other => {
                let what =
                    format!("{} is packed in a way (number {other}) that 3MF does not know", shown(name));
                return Err(ModelError::Unsupported(what));
            }
        };
        let encrypted = u16_at(head, 8) & 1 != 0;
        let crc = u32_at(head, 16);
        Ok((Self { name: name.to_vec(), deflated, encrypted, crc, packed, expanded, at }, rest))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

enum Content<R: Read> {
    Stored(BufReader<R>),
    Deflated(DeflateDecoder<BufReader<R>>),
}

/// Holds a file of an archive against its promised length and checksum.
struct Checked<R: Read> {
    content: Content<R>,
    crc: Crc,
    promised: u32,
    left: u64,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.content {
            Content::Stored(content) => content.read(buffer),
            Content::Deflated(content) => content.read(buffer),
        };
        // What the decoder says of broken data is about the archive, and no fault of the disk.
        let read = read.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput
            | std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::UnexpectedEof => damaged("a file in it cannot be unfolded").through(),
            _ => error,
        })?;
        if read == 0 {
            return match (self.left, self.crc.sum() == self.promised) {
                (0, true) => Ok(0),
                (0, false) => Err(damaged("the checksum of a file in it is wrong").through()),
                _ => Err(damaged("a file in it is shorter than it says").through()),
            };
        }
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            ModelError::Hostile("a file that unfolds to more than it says".into()).through()
        })?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::super::tests::{Zip, zip};
    use super::*;
    use std::io::Cursor;

    fn content(file: &[u8], name: &str) -> Result<Vec<u8>, ModelError> {
        let mut archive = Archive::open(Cursor::new(file), &LIMITS)?;
        let mut content = Vec::new();
        archive.read(name)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn stored_and_deflated_files_are_read_by_a_name_in_any_case() {
        let long = "x y z ".repeat(10_000);
        for deflate in [false, true] {
            let file =
                Zip { deflate, ..Zip::default() }.file("3D/Model", long.as_bytes()).file("b", b"").bytes();
            assert_eq!(content(&file, "3d/model").unwrap(), long.as_bytes());
            assert_eq!(content(&file, "b").unwrap(), b"");
            let archive = Archive::open(Cursor::new(&file), &LIMITS).unwrap();
            assert_eq!(archive.names().collect::<Vec<_>>(), ["3d/model", "b"]);
            assert!(archive.has("b") && !archive.has("c"));
            let wide = Zip { deflate, wide: true, ..Zip::default() }.file("a", long.as_bytes()).bytes();
            assert_eq!(content(&wide, "a").unwrap(), long.as_bytes());
        }
        let mut commented = zip(&[("a", "one")]);
        let at = commented.len() - 2;
        commented[at..].copy_from_slice(&4_u16.to_le_bytes());
        commented.extend(b"PK\x05\x06");
        assert_eq!(content(&commented, "a").unwrap(), b"one");
    }

    #[test]
    fn names_that_lead_out_or_are_there_twice_are_refused() {
        for name in
            ["../a", "a/../../b", "/etc/passwd", "a\\b", "C:/a", "a/./b", "", "a\nb", &"x".repeat(600)]
        {
            let error = content(&zip(&[("ok", ""), (name, "x")]), "ok").unwrap_err();
            assert!(matches!(error, ModelError::Hostile(_)), "{name:?}: {error}");
        }
        assert!(content(&zip(&[("a..b/c..", "x")]), "a..b/c..").is_ok());
        let error = content(&zip(&[("a", "1"), ("A", "2")]), "a").unwrap_err().to_string();
        assert!(error.contains("two files of the same name"), "{error}");
    }

    #[test]
    fn a_bomb_is_refused_before_it_unfolds_and_a_liar_while_it_does() {
        let zeros = vec![0; 8 << 20];
        let bomb = Zip::default().file("a", &zeros).bytes();
        let error = content(&bomb, "a").unwrap_err().to_string();
        assert!(error.contains("more than 200 times its size"), "{error}");
        // One that says to be small.
        let liar = Zip { claims: Some(1000), ..Zip::default() }.file("a", &zeros).bytes();
        let error = content(&liar, "a").unwrap_err().to_string();
        assert!(error.contains("unfolds to more than it says"), "{error}");
        let boaster = Zip { claims: Some(1000), ..Zip::default() }.file("a", b"short").bytes();
        let error = content(&boaster, "a").unwrap_err().to_string();
        assert!(error.contains("shorter than it says"), "{error}");
        let limits = Limits { expanded: 3 << 20, ..LIMITS };
        let part = "0123456789abcdef".repeat(1 << 16);
        let many = Zip { deflate: false, ..Zip::default() }
            .file("a", part.as_bytes())
            .file("b", part.as_bytes())
            .file("c", part.as_bytes())
            .file("d", b"x")
            .bytes();
        let error = Archive::open(Cursor::new(many), &limits).unwrap_err().to_string();
        assert!(error.contains("unfold to more than 3 MB"), "{error}");
    }

    #[test]
    fn files_that_overlap_or_call_themselves_otherwise_are_refused() {
        let good = zip(&[("a", "one"), ("b", "two")]);
        // The second entry of the table points to the first file.
        let second = good.windows(4).rposition(|four| four == CENTRAL).unwrap();
        let mut same = good.clone();
        same[second + 42..second + 46].fill(0);
        let error = content(&same, "b").unwrap_err().to_string();
        assert!(error.contains("overlap"), "{error}");
        let mut named = good;
        named[second + 46] = b'c';
        let error = content(&named, "c").unwrap_err().to_string();
        assert!(error.contains("calls itself `b` and is listed as `c`"), "{error}");
    }

    #[test]
    fn what_the_table_claims_is_bounded_before_anything_is_held() {
        let mut file = Zip { wide: true, ..Zip::default() }.file("a", b"x").bytes();
        let limits = Limits { directory: 70, ..LIMITS };
        let error = Archive::open(Cursor::new(&file), &limits).unwrap_err().to_string();
        assert!(error.contains("too long a table of contents: 75, and 70"), "{error}");
        let claim = file.windows(4).rposition(|four| four == END_64).unwrap() + 32;
        file[claim..claim + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let error = Archive::open(Cursor::new(&file), &LIMITS).unwrap_err().to_string();
        assert!(error.contains("too many files in it: 1099511627776, and 4096"), "{error}");
        let many: Vec<(String, &str)> = (0..5000).map(|n| (n.to_string(), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let error = Archive::open(Cursor::new(zip(&many)), &LIMITS).unwrap_err().to_string();
        assert!(error.contains("too many files in it: 5000, and 4096"), "{error}");
    }

    #[test]
    fn an_archive_cut_or_changed_anywhere_is_an_error_and_never_a_panic() {
        let good = zip(&[("a", "one two three four five six seven"), ("b", "two")]);
        for length in 0..good.len() {
            let error = content(&good[..length], "a").unwrap_err();
            assert!(matches!(error, ModelError::Archive(_)), "{length}: {error}");
        }
        for at in 0..good.len() {
            for bit in [1, 0x80] {
                let mut changed = good.clone();
                changed[at] ^= bit;
                // The checksum guards the content; times and versions are nobody's.
                if let Ok(content) = content(&changed, "a") {
                    assert_eq!(content, b"one two three four five six seven", "byte {at}");
                }
            }
        }
        let mut secret = good;
        let table = secret.windows(4).position(|four| four == CENTRAL).unwrap();
        secret[table + 8] |= 1;
        assert!(matches!(content(&secret, "a").unwrap_err(), ModelError::Unsupported(_)));
    }
}
