//! A ZIP read with suspicion: its table of contents in bounded memory, and each file only as large as it said.
//!
//! The bytes are `rawzip`'s to read; what may be in them is decided here. A model is judged by what we read of it and
//! was approved by what a viewer read of it, so an archive that two readers may read differently is refused: two files
//! of one name, a name that the file itself tells otherwise, files that overlap, a table that is not where the end says.
//! Nothing is ever unpacked to a disk. A file in it may be read again and again, in any order: each time costs its own
//! bytes and no search.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive,
    ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator,
};

pub mod sample;

/// The end of an archive without the comment behind it, and with the longest one.
const END: usize = 22;
const TAIL: u64 = END as u64 + 65_535;
/// The end in 64 bits and where it is, right before the end in 32.
const WIDE: usize = 56 + 20;
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";

/// Bytes of the longest name of a file in it.
pub const NAME_MAX: usize = 512;

/// What reading an archive may cost. None of it depends on what the archive claims of itself: a claim beyond a bound
/// is refused before anything is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files in it; some 200 bytes and a name are held for each.
    pub entries: u64,
    /// Bytes of its table of contents.
    pub directory: u64,
    /// Bytes that the files in it unfold to, together.
    pub expanded: u64,
    /// How many times larger than itself a file in it may become.
    pub ratio: u64,
    /// Bytes that a file in it may unfold to at any ratio.
    pub ratio_free: u64,
}

/// Why an archive, or a file in it, cannot be used. What to do about it is for the caller to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("there are {what}: {found}, and {max} are the most that is taken")]
    TooMuch { what: &'static str, found: u64, max: u64 },
    /// Cut, changed, or no archive.
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// What no honest program writes.
    #[error("the archive holds what none needs and attacks use: {0}")]
    Hostile(String),
    #[error("the archive cannot be understood as a whole: {0}")]
    Unsupported(String),
    /// What the source itself said.
    #[error("the archive cannot be read: {0}")]
    Unreadable(String),
}

impl ArchiveError {
    /// Through `std::io::Read`, and back by [`From`].
    fn through(self) -> std::io::Error {
        std::io::Error::other(self)
    }
}

impl From<std::io::Error> for ArchiveError {
    fn from(error: std::io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&std::io::Error> for ArchiveError {
    fn from(error: &std::io::Error) -> Self {
        let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        ours.cloned().unwrap_or_else(|| Self::Unreadable(error.to_string()))
    }
}

/// One file of the archive.
#[derive(Clone, Debug)]
struct Entry {
    /// As it is written; its key is in small letters, since names are the same in any.
    name: Vec<u8>,
    method: CompressionMethod,
    encrypted: bool,
    at: u64,
    way: ZipArchiveEntryWayfinder,
}

/// An open archive; it can go to another thread, and be read by one at a time.
pub struct Archive<R> {
    zip: ZipArchive<At<R>>,
    entries: BTreeMap<String, Entry>,
    /// For names, in the table and before each file.
    names: Vec<u8>,
}

impl<R> fmt::Debug for Archive<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A source that is read from any place.
#[derive(Debug)]
struct At<R>(RefCell<R>);

impl<R: Read + Seek> ReaderAt for At<R> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> std::io::Result<usize> {
        let mut source = self.0.borrow_mut();
        source.seek(SeekFrom::Start(at))?;
        source.read(buffer)
    }
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the table of contents. `kind` is what such an archive is called in an error: `3MF`.
    ///
    /// # Errors
    /// All but what only a file in it tells.
    pub fn open(mut source: R, kind: &str, limits: &Limits) -> Result<Self, ArchiveError> {
        let bytes = source.seek(SeekFrom::End(0))?;
        let mut names = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let locator = ZipLocator::new().max_search_space(TAIL);
        let zip = locator
            .locate_in_reader(At(RefCell::new(source)), &mut names, bytes)
            .map_err(|(_, error)| broken(error, "its end is missing"))?;
        if zip.end_offset() != bytes {
            return Err(damaged("its end is missing"));
        }
        let count = zip.entries_hint();
        within("too many files in it", count, limits.entries)?;
        let mut length = 0_u64;
        let short = "its table of contents is shorter than it says";
        let mut entries = BTreeMap::new();
        let mut table = zip.entries(&mut names);
        while let Some(record) = table.next_entry().map_err(|error| broken(error, short))? {
            let (key, entry) = Entry::of(&record, kind)?;
            let extra = record.extra_fields().remaining_bytes().len() + record.comment().as_bytes().len();
            length = length.saturating_add(46 + entry.name.len() as u64 + extra as u64);
            within("too long a table of contents", length, limits.directory)?;
            if entries.insert(key, entry).is_some() {
                return Err(ArchiveError::Hostile("two files of the same name".into()));
            }
            if entries.len() as u64 > count {
                return Err(damaged("its table of contents is longer than it says"));
            }
        }
        if (entries.len() as u64) < count {
            return Err(damaged(short));
        }
        check_end(&zip, count, length)?;
        check_sizes(entries.values(), zip.directory_offset(), limits)?;
        Ok(Self { zip, entries, names })
    }

    /// In small letters, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether there is a file of this name, in letters of any size.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Bytes that a file says it unfolds to; reading it ends there or with an error.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<u64> {
        Some(self.entry(name)?.way.uncompressed_size_hint())
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        let small = name.bytes().all(|byte| !byte.is_ascii_uppercase());
        let key = if small { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        self.entries.get(key.as_ref())
    }

    /// The content of a file of the archive, which ends with an error where it is not what was promised: a length and
    /// a checksum that hold only if it is read to its end. [`ArchiveError::from`] gets such an error back out of the
    /// reader's.
    ///
    /// # Errors
    /// What is not there, encrypted, or not the file that the table lists.
    pub fn read(&mut self, name: &str) -> Result<impl Read + use<'_, R>, ArchiveError> {
        let missing = || ArchiveError::Damaged(format!("it has no {}", shown(name.as_bytes())));
        let entry = self.entry(name).ok_or_else(missing)?.clone();
        if entry.encrypted {
            return Err(ArchiveError::Unsupported(format!("{} is encrypted", shown(name.as_bytes()))));
        }
        let begin = "a file in it does not begin where it should";
        let file = self.zip.get_entry(entry.way).map_err(|error| broken(error, begin))?;
        let local = file.local_header(&mut self.names).map_err(|error| broken(error, begin))?;
        let own_name = local.file_path();
        if own_name.as_bytes() != entry.name {
            let (own, listed) = (shown(own_name.as_bytes()), shown(&entry.name));
            let what = format!("a file calls itself {own} and is listed as {listed}");
            return Err(ArchiveError::Hostile(what));
        }
        let packed = BufReader::new(file.reader());
        let content = if entry.method == CompressionMethod::DEFLATE {
            Content::Deflated(DeflateDecoder::new(packed))
        } else {
            Content::Stored(packed)
        };
        Ok(Checked(file.verifying_reader(content)))
    }
}

fn within(what: &'static str, found: u64, max: u64) -> Result<(), ArchiveError> {
    if found > max { Err(ArchiveError::TooMuch { what, found, max }) } else { Ok(()) }
}

fn damaged(what: &str) -> ArchiveError {
    ArchiveError::Damaged(what.into())
}

/// Bytes of the archive for an error: printable, and not more of them than help.
fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(24).collect();
    if text.len() < bytes.len() { format!("`{text}…`") } else { format!("`{text}`") }
}

/// What the library says of a place in the archive; what it says of the disk is passed on.
fn broken(error: rawzip::Error, what: &str) -> ArchiveError {
    match error.into_kind() {
        ErrorKind::IO(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => error.into(),
        _ => damaged(what),
    }
}

impl Entry {
    fn of(record: &ZipFileHeaderRecord<'_>, kind: &str) -> Result<(String, Self), ArchiveError> {
        let name = record.file_path().as_bytes().to_vec();
        let method = record.compression_method();
        if ![CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&method) {
            let (name, number) = (shown(&name), method.as_u16());
            let what = format!("{name} is packed in a way (number {number}) that {kind} does not know");
            return Err(ArchiveError::Unsupported(what));
        }
        let (encrypted, at) = (record.flags().is_encrypted(), record.local_header_offset());
        Ok((key(&name)?, Self { name, method, encrypted, at, way: record.wayfinder() }))
    }
}

/// What a file in an archive may be called, in small letters.
fn key(name: &[u8]) -> Result<String, ArchiveError> {
    let bad = |why| Err(ArchiveError::Hostile(format!("a file called {}, {why}", shown(name))));
    let Ok(text) = std::str::from_utf8(name) else { return bad("which is no text") };
    if text.is_empty() || text.len() > NAME_MAX || text.chars().any(char::is_control) {
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

/// Holds what the end says against the table that was found: the library forgives, and other readers obey.
fn check_end<R: Read + Seek>(zip: &ZipArchive<At<R>>, entries: u64, length: u64) -> Result<(), ArchiveError> {
    let mut end = [0; WIDE + END];
    let before = usize::try_from(zip.eocd_offset()).map_or(WIDE, |at| at.min(WIDE));
    zip.get_ref().read_exact_at(&mut end[WIDE - before..], zip.eocd_offset() - before as u64)?;
    let number = |at: usize, bytes: usize| {
        end[at..at + bytes].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let disks = [(WIDE + 4, 2), (WIDE + 6, 2)];
    if disks.into_iter().any(|(at, bytes)| number(at, bytes) != 0) {
        return Err(ArchiveError::Unsupported("it is one of several archives that belong together".into()));
    }
    // All ones mean that the number stands in the end in 64 bits.
    let wide = end[56..60] == LOCATOR_64;
    let begin = zip.directory_offset();
    let short = [(8, 2, entries), (10, 2, entries), (12, 4, length), (16, 4, begin)].into_iter().all(
        |(at, bytes, found)| match number(WIDE + at, bytes) {
            said if wide && said == u64::MAX >> (64 - 8 * bytes) => true,
            said => said == found,
        },
    );
    let long = [(16, 8, 0), (24, 8, entries), (32, 8, entries), (40, 8, length), (48, 8, begin)];
    let long = !wide || long.into_iter().all(|(at, bytes, found)| number(at, bytes) == found);
    if !short || !long {
        return Err(damaged("its table of contents is not where its end says"));
    }
    Ok(())
}

/// Refuses what unfolds too far, also in files that we do not read: a slicer does.
fn check_sizes<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    begin: u64,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let bomb = |what: String| Err(ArchiveError::Hostile(what));
    let (mut places, mut whole) = (Vec::new(), 0_u64);
    for entry in entries {
        let (packed, expanded) = (entry.way.compressed_size_hint(), entry.way.uncompressed_size_hint());
        whole = whole.saturating_add(expanded);
        if whole > limits.expanded {
            return bomb(format!("files that unfold to more than {} MB", limits.expanded >> 20));
        }
        let fair = packed.saturating_mul(limits.ratio).max(limits.ratio_free);
        if expanded > fair {
            let (name, times) = (shown(&entry.name), limits.ratio);
            return bomb(format!("{name}, which unfolds to more than {times} times its size"));
        }
        if entry.method == CompressionMethod::STORE && packed != expanded {
            return Err(damaged("a file in it is stored as it is, and has two sizes"));
        }
        let end = entry.at.checked_add(30 + entry.name.len() as u64).and_then(|at| at.checked_add(packed));
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

enum Content<R: Read> {
    Stored(BufReader<R>),
    Deflated(DeflateDecoder<BufReader<R>>),
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Stored(content) => content.read(buffer),
            Self::Deflated(content) => content.read(buffer),
        }
    }
}

/// A file of an archive that is held against its promised length and checksum, and says in our words what is wrong.
struct Checked<V>(V);

impl<V: Read> Read for Checked<V> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let promise = error.get_ref().and_then(|inner| inner.downcast_ref::<rawzip::Error>());
            let what = match (promise.map(rawzip::Error::kind), error.kind()) {
                (Some(ErrorKind::InvalidSize { expected, actual }), _) if actual > expected => {
                    let what = "a file that unfolds to more than it says";
                    return ArchiveError::Hostile(what.into()).through();
                }
                (Some(ErrorKind::InvalidSize { .. }), _) => "a file in it is shorter than it says",
                (Some(_), _) => "the checksum of a file in it is wrong",
                // What the decoder says of broken data is about the archive, and no fault of the disk.
                (
                    None,
                    std::io::ErrorKind::InvalidInput
                    | std::io::ErrorKind::InvalidData
                    | std::io::ErrorKind::UnexpectedEof,
                ) => "a file in it cannot be unfolded",
                (None, _) => return error,
            };
            damaged(what).through()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::sample::Zip;
    use super::*;
    use std::io::Cursor;

    const LIMITS: Limits =
        Limits { entries: 4_096, directory: 1 << 20, expanded: 1 << 30, ratio: 200, ratio_free: 1 << 20 };

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let add = |zip: Zip, (name, text): &(&str, &str)| zip.file(name, text.as_bytes());
        files.iter().fold(Zip::default(), add).bytes()
    }

    const CENTRAL: [u8; 4] = *b"PK\x01\x02";
    const END_64: [u8; 4] = *b"PK\x06\x06";

    fn content(file: &[u8], name: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut archive = Archive::open(Cursor::new(file), "ZIP", &LIMITS)?;
        let mut content = Vec::new();
        archive.read(name)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn stored_and_deflated_files_are_read_by_a_name_in_any_case() {
        let long = "x y z ".repeat(10_000);
        for deflate in [false, true] {
            let file =
                Zip::default().deflated(deflate).file("3D/Model", long.as_bytes()).file("b", b"").bytes();
            assert_eq!(content(&file, "3d/model").unwrap(), long.as_bytes());
            assert_eq!(content(&file, "b").unwrap(), b"");
            let archive = Archive::open(Cursor::new(&file), "ZIP", &LIMITS).unwrap();
            assert_eq!(archive.names().collect::<Vec<_>>(), ["3d/model", "b"]);
            assert!(archive.has("b") && !archive.has("c"));
            let wide = Zip::default().deflated(deflate).wide().file("a", long.as_bytes()).bytes();
            assert_eq!(content(&wide, "a").unwrap(), long.as_bytes());
        }
        assert_eq!(content(&commented(zip(&[("a", "one")]), b"of no use"), "a").unwrap(), b"one");
    }

    #[test]
    fn a_file_is_read_again_and_again_in_any_order_and_from_another_thread() {
        let (one, two) = ("one ".repeat(5000), "two ".repeat(6000));
        let file = zip(&[("One", &one), ("two", &two)]);
        // So much in all that a second reading would be above it, if readings were counted.
        let limits = Limits { expanded: 44_000, ..LIMITS };
        let mut archive = Archive::open(Cursor::new(file), "ZIP", &limits).unwrap();
        assert_eq!(archive.size("ONE"), Some(20_000));
        assert_eq!(archive.size("three"), None);
        std::thread::spawn(move || {
            for round in 0..20 {
                for (name, wanted) in [("two", &two), ("oNe", &one)] {
                    let mut content = String::new();
                    let mut reader = archive.read(name).unwrap();
                    if round % 2 == 0 {
                        reader.read_to_string(&mut content).unwrap();
                        assert_eq!(&content, wanted);
                    } else {
                        // Left in the middle.
                        reader.read_exact(&mut [0; 100]).unwrap();
                    }
                }
            }
            let error = archive.read("three").err().unwrap().to_string();
            assert!(error.contains("it has no `three`"), "{error}");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_is_wrong_comes_out_of_a_reader_as_it_went_in_and_a_disks_fault_as_one() {
        let file = Zip::default().claiming(3).file("a", b"longer").bytes();
        let mut archive = Archive::open(Cursor::new(file), "ZIP", &LIMITS).unwrap();
        let error = archive.read("a").unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert!(matches!(ArchiveError::from(error), ArchiveError::Hostile(_)));
        let error = ArchiveError::from(std::io::Error::other("sector 7"));
        assert_eq!(error, ArchiveError::Unreadable("sector 7".into()));
        let packed = Zip::default().file("a", b"x").bytes();
        let table = packed.windows(4).position(|four| four == CENTRAL).unwrap();
        let mut other = packed;
        other[table + 10] = 12;
        let error = Archive::open(Cursor::new(other), "SL1", &LIMITS).unwrap_err().to_string();
        assert!(error.contains("packed in a way (number 12) that SL1 does not know"), "{error}");
    }

    fn commented(mut file: Vec<u8>, comment: &[u8]) -> Vec<u8> {
        let at = file.len() - 2;
        file[at..].copy_from_slice(&u16::try_from(comment.len()).unwrap().to_le_bytes());
        file.extend(comment);
        file
    }

    #[test]
    fn names_that_lead_out_or_are_there_twice_are_refused() {
        for name in
            ["../a", "a/../../b", "/etc/passwd", "a\\b", "C:/a", "a/./b", "", "a\nb", &"x".repeat(600)]
        {
            let error = content(&zip(&[("ok", ""), (name, "x")]), "ok").unwrap_err();
            assert!(matches!(error, ArchiveError::Hostile(_)), "{name:?}: {error}");
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
        let liar = Zip::default().claiming(1000).file("a", &zeros).bytes();
        let error = content(&liar, "a").unwrap_err().to_string();
        assert!(error.contains("unfolds to more than it says"), "{error}");
        let boaster = Zip::default().claiming(1000).file("a", b"short").bytes();
        let error = content(&boaster, "a").unwrap_err().to_string();
        assert!(error.contains("shorter than it says"), "{error}");
        let limits = Limits { expanded: 3 << 20, ..LIMITS };
        let part = "0123456789abcdef".repeat(1 << 16);
        let many = Zip::default()
            .deflated(false)
            .file("a", part.as_bytes())
            .file("b", part.as_bytes())
            .file("c", part.as_bytes())
            .file("d", b"x")
            .bytes();
        let error = Archive::open(Cursor::new(many), "ZIP", &limits).unwrap_err().to_string();
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
    fn an_end_by_which_others_may_find_another_table_is_refused() {
        let narrow = zip(&[("a", "one"), ("b", "two")]);
        let wide = Zip::default().wide().file("a", b"one").file("b", b"two").bytes();
        for good in [&narrow, &wide] {
            assert_eq!(content(good, "b").unwrap(), b"two");
            let before = [&b"#!"[..], good].concat();
            let behind = [good, &b"#!"[..]].concat();
            let second = commented(good.clone(), b"PK\x05\x06 and more");
            for file in [before, behind, second] {
                let error = content(&file, "b").unwrap_err();
                assert!(matches!(error, ArchiveError::Damaged(_)), "{error}");
            }
        }
        // Disks, numbers of files, length and place of the table, where each stands before the end of the file.
        let places = [(&narrow, &[18, 16, 14, 12, 10, 6][..]), (&wide, &[82, 78, 74, 66, 58, 50, 34])];
        for (good, places) in places {
            for place in places {
                let mut changed = good.clone();
                let at = changed.len() - place;
                changed[at] ^= 2;
                assert!(content(&changed, "a").is_err(), "{place} before the end of {}", good.len());
            }
        }
    }

    #[test]
    fn what_the_table_claims_is_bounded_before_anything_is_held() {
        let mut file = Zip::default().wide().file("a", b"x").bytes();
        let limits = Limits { directory: 70, ..LIMITS };
        let error = Archive::open(Cursor::new(&file), "ZIP", &limits).unwrap_err().to_string();
        assert!(error.contains("too long a table of contents: 75, and 70"), "{error}");
        let claim = file.windows(4).rposition(|four| four == END_64).unwrap() + 24;
        file[claim..claim + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let error = Archive::open(Cursor::new(&file), "ZIP", &LIMITS).unwrap_err().to_string();
        assert!(error.contains("too many files in it: 1099511627776, and 4096"), "{error}");
        let many: Vec<(String, &str)> = (0..5000).map(|n| (n.to_string(), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let error = Archive::open(Cursor::new(zip(&many)), "ZIP", &LIMITS).unwrap_err().to_string();
        assert!(error.contains("too many files in it: 5000, and 4096"), "{error}");
    }

    #[test]
    fn an_archive_cut_or_changed_anywhere_is_an_error_and_never_a_panic() {
        let good = zip(&[("a", "one two three four five six seven"), ("b", "two")]);
        for length in 0..good.len() {
            let error = content(&good[..length], "a").unwrap_err();
            assert!(matches!(error, ArchiveError::Damaged(_)), "{length}: {error}");
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
        assert!(matches!(content(&secret, "a").unwrap_err(), ArchiveError::Unsupported(_)));
    }
}
