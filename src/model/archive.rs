//! A ZIP read with suspicion: its table of contents in bounded memory, and each file only as large as it said.
//!
//! The bytes are `rawzip`'s to read; what may be in them is decided here. A model is judged by what we read of it and
//! was approved by what a viewer read of it, so an archive that two readers may read differently is refused: two files
//! of one name, a name that the file itself tells otherwise, files that overlap, a table that is not where the end says.
//! Nothing is ever unpacked to a disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive,
    ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator,
};

use super::limits::{Budget, Limits, ModelError};
use super::lines::shown;

/// The end of an archive without the comment behind it, and with the longest one.
const END: usize = 22;
const TAIL: u64 = END as u64 + 65_535;
/// The end in 64 bits and where it is, right before the end in 32.
const WIDE: usize = 56 + 20;
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";

/// Bytes of the longest name of a file in it.
pub(super) const NAME_MAX: usize = 512;

/// One file of the archive.
#[derive(Clone, Debug)]
struct Entry {
    /// As it is written; its key is in small letters, since names in a 3MF are the same in any.
    name: Vec<u8>,
    method: CompressionMethod,
    encrypted: bool,
    at: u64,
    way: ZipArchiveEntryWayfinder,
}

#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<At<R>>,
    entries: BTreeMap<String, Entry>,
    expanded: Budget,
    /// For names, in the table and before each file.
    names: Vec<u8>,
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
    /// Reads the table of contents.
    pub fn open(mut source: R, limits: &Limits) -> Result<Self, ModelError> {
        let bytes = source.seek(SeekFrom::End(0))?;
        let mut names = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let locator = ZipLocator::new().max_search_space(TAIL);
        let zip = locator
            .locate_in_reader(At(RefCell::new(source)), &mut names, bytes)
            .map_err(|(_, error)| broken(error, "its end is missing"))?;
        if zip.end_offset() != bytes {
            return Err(damaged("its end is missing"));
        }
        let most = "export it with one plate and without pictures";
        let mut count = Budget::new(limits.entries, "too many files in it", most);
        count.spend(zip.entries_hint())?;
        let mut length = Budget::new(limits.directory, "too long a table of contents", most);
        let short = "its table of contents is shorter than it says";
        let mut entries = BTreeMap::new();
        let mut table = zip.entries(&mut names);
        while let Some(record) = table.next_entry().map_err(|error| broken(error, short))? {
            let (key, entry) = Entry::of(&record)?;
            let extra = record.extra_fields().remaining_bytes().len() + record.comment().as_bytes().len();
            length.spend(46 + entry.name.len() as u64 + extra as u64)?;
            if entries.insert(key, entry).is_some() {
                return Err(ModelError::Hostile("two files of the same name".into()));
            }
            if entries.len() as u64 > count.used {
                return Err(damaged("its table of contents is longer than it says"));
            }
        }
        if (entries.len() as u64) < count.used {
            return Err(damaged(short));
        }
        check_end(&zip, count.used, length.used)?;
        check_sizes(entries.values(), zip.directory_offset(), limits)?;
        let help =
            "it would not fit into the memory of what slices it; export it without what is not printed";
        let expanded = Budget::new(limits.expanded, "too many bytes once unfolded", help);
        Ok(Self { zip, entries, expanded, names })
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
        self.expanded.spend(entry.way.uncompressed_size_hint())?;
        let begin = "a file in it does not begin where it should";
        let file = self.zip.get_entry(entry.way).map_err(|error| broken(error, begin))?;
        let local = file.local_header(&mut self.names).map_err(|error| broken(error, begin))?;
        let own_name = local.file_path();
        if own_name.as_bytes() != entry.name {
            let (own, listed) = (shown(own_name.as_bytes()), shown(&entry.name));
            let what = format!("a file calls itself {own} and is listed as {listed}");
            return Err(ModelError::Hostile(what));
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

fn damaged(what: &str) -> ModelError {
    ModelError::Archive(what.into())
}

/// What the library says of a place in the archive; what it says of the disk is passed on.
fn broken(error: rawzip::Error, what: &str) -> ModelError {
    match error.into_kind() {
        ErrorKind::IO(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => error.into(),
        _ => damaged(what),
    }
}

impl Entry {
    fn of(record: &ZipFileHeaderRecord<'_>) -> Result<(String, Self), ModelError> {
        let name = record.file_path().as_bytes().to_vec();
        let method = record.compression_method();
        if ![CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&method) {
            let (name, number) = (shown(&name), method.as_u16());
            let what = format!("{name} is packed in a way (number {number}) that 3MF does not know");
            return Err(ModelError::Unsupported(what));
        }
        let (encrypted, at) = (record.flags().is_encrypted(), record.local_header_offset());
        Ok((key(&name)?, Self { name, method, encrypted, at, way: record.wayfinder() }))
    }
}

/// What a file in a 3MF may be called, in small letters.
fn key(name: &[u8]) -> Result<String, ModelError> {
    let bad = |why| Err(ModelError::Hostile(format!("a file called {}, {why}", shown(name))));
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
fn check_end<R: Read + Seek>(zip: &ZipArchive<At<R>>, entries: u64, length: u64) -> Result<(), ModelError> {
    let mut end = [0; WIDE + END];
    let before = usize::try_from(zip.eocd_offset()).map_or(WIDE, |at| at.min(WIDE));
    zip.get_ref().read_exact_at(&mut end[WIDE - before..], zip.eocd_offset() - before as u64)?;
    let number = |at: usize, bytes: usize| {
        end[at..at + bytes].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let disks = [(WIDE + 4, 2), (WIDE + 6, 2)];
    if disks.into_iter().any(|(at, bytes)| number(at, bytes) != 0) {
        return Err(ModelError::Unsupported("it is one of several archives that belong together".into()));
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
) -> Result<(), ModelError> {
    let bomb = |what: String| Err(ModelError::Hostile(what));
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
                    return ModelError::Hostile(what.into()).through();
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
    use super::super::limits::LIMITS;
    use super::super::tests::{Zip, zip};
    use super::*;
    use std::io::Cursor;

    const CENTRAL: [u8; 4] = *b"PK\x01\x02";
    const END_64: [u8; 4] = *b"PK\x06\x06";

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
        assert_eq!(content(&commented(zip(&[("a", "one")]), b"of no use"), "a").unwrap(), b"one");
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
    fn an_end_by_which_others_may_find_another_table_is_refused() {
        let narrow = zip(&[("a", "one"), ("b", "two")]);
        let wide = Zip { wide: true, ..Zip::default() }.file("a", b"one").file("b", b"two").bytes();
        for good in [&narrow, &wide] {
            assert_eq!(content(good, "b").unwrap(), b"two");
            let before = [&b"#!"[..], good].concat();
            let behind = [good, &b"#!"[..]].concat();
            let second = commented(good.clone(), b"PK\x05\x06 and more");
            for file in [before, behind, second] {
                let error = content(&file, "b").unwrap_err();
                assert!(matches!(error, ModelError::Archive(_)), "{error}");
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
        let mut file = Zip { wide: true, ..Zip::default() }.file("a", b"x").bytes();
        let limits = Limits { directory: 70, ..LIMITS };
        let error = Archive::open(Cursor::new(&file), &limits).unwrap_err().to_string();
        assert!(error.contains("too long a table of contents: 75, and 70"), "{error}");
        let claim = file.windows(4).rposition(|four| four == END_64).unwrap() + 24;
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
