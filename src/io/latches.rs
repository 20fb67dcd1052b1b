//! What bars a printer, kept on the disk where the journal cannot take it: a file that needs no new space.
//!
//! All of it is written when it is made, so that later writes only go over what is there. ext4 and xfs need no free
//! block for that; a file system that copies on write (btrfs, zfs, an xfs file that was cloned) may still refuse.
//!
//! ```text
//! block 0: how many slots │ slot 0: label │ place │ slot 1: label │ place │ …
//! ```
//! A label names the printer whose slot it is and is written while there is nothing to keep, so that a place that
//! was damaged can still be named. Each block is sealed: mark (8), length (4), check (16), text. An empty one
//! begins with zeros.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::durable::sync_parent;
use crate::domain::event::{Actor, Fact};
use crate::domain::ids::PrinterName;
use crate::domain::moment::Stamp;

const BLOCK: usize = 4096;
const MARK: &[u8; 8] = b"PLATENL1";
const HEAD: usize = 28;
/// A disk writes so much whole or not at all: a place is emptied by this alone.
const SECTOR: usize = 512;
/// Slots beside those of the configured printers, for the ones of tomorrow.
const SPARE: usize = 16;
/// No file of ours comes near this: 1 MiB is enough for 128 printers.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// One fact that bars a printer, or its job from being gone on with, as the journal is to have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The journal's last entry at that time: it can have this fact only behind it.
    pub after: u64,
    pub stamp: Stamp,
    pub actor: Actor,
    pub fact: Fact,
}

/// The text of a place.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    printer: PrinterName,
    kept: Vec<Kept>,
}

/// What an earlier daemon has left in the file.
#[derive(Debug, PartialEq)]
pub enum Found {
    Kept {
        printer: PrinterName,
        kept: Vec<Kept>,
    },
    /// Something was kept of this printer, and cannot be read.
    Damaged {
        printer: PrinterName,
    },
    /// Something cannot be read, and it may be of any printer that has no slot any more.
    Nameless,
}

/// A block as it is read back.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Empty,
    Whole(Vec<u8>),
    Damaged,
}

fn check(block: usize, text: &[u8]) -> [u8; 16] {
    let hash =
        Sha256::new().chain_update(MARK).chain_update(block.to_le_bytes()).chain_update(text).finalize();
    std::array::from_fn(|at| hash[at])
}

/// The bytes of a block; absent where the text does not fit.
fn seal(block: usize, text: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(text.len()).ok().filter(|_| HEAD + text.len() <= BLOCK)?;
    let mut bytes = Vec::with_capacity(HEAD + text.len());
    bytes.extend_from_slice(MARK);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&check(block, text));
    bytes.extend_from_slice(text);
    Some(bytes)
}

fn unseal(block: usize, bytes: &[u8]) -> Block {
    let Some(head) = bytes.get(..HEAD) else { return Block::Damaged };
    if head.iter().all(|byte| *byte == 0) {
        return Block::Empty;
    }
    let length = head.get(8..12).and_then(|length| Some(u32::from_le_bytes(length.try_into().ok()?)));
    let text = length.and_then(|length| bytes.get(HEAD..)?.get(..usize::try_from(length).ok()?));
    match text {
        Some(text) if head.starts_with(MARK) && head.get(12..) == Some(&check(block, text)[..]) => {
            Block::Whole(text.to_vec())
        }
        _ => Block::Damaged,
    }
}

/// The oldest of which there is a newer one of the same kind.
pub fn repeated(kept: &[Kept]) -> Option<usize> {
    let newer =
        |at: usize, one: &Kept| kept.iter().skip(at + 1).any(|later| later.fact.word() == one.fact.word());
    kept.iter().enumerate().position(|(at, one)| newer(at, one))
}

/// What is kept of a printer as the text of its place. Where not all of it fits, the newest of each kind has to.
fn page(printer: &PrinterName, kept: &[Kept]) -> io::Result<Vec<u8>> {
    let mut kept = kept.to_vec();
    loop {
        let page = Page { printer: printer.clone(), kept: kept.clone() };
        let text = serde_json::to_vec(&page)?;
        if HEAD + text.len() <= BLOCK {
            return Ok(text);
        }
        let repeated = repeated(&kept).ok_or_else(|| io::Error::other("it is longer than its place"))?;
        kept.remove(repeated);
    }
}

fn label(slot: usize) -> usize {
    1 + 2 * slot
}

fn place(slot: usize) -> usize {
    2 + 2 * slot
}

fn offset(block: usize) -> u64 {
    block as u64 * BLOCK as u64
}

/// A slot as it was found, or as it is.
#[derive(Debug, Default)]
struct Slot {
    /// Whose it is; absent: nobody's.
    of: Option<PrinterName>,
    /// Its place is to be emptied.
    used: bool,
    /// Its label is to be written anew.
    mislabelled: bool,
}

/// The file with the places, one a printer. All calls block.
#[derive(Debug)]
pub struct Latches {
    path: PathBuf,
    /// Absent where there is none (yet), or none that is whole.
    file: Option<File>,
    there: bool,
    slots: Vec<Slot>,
    /// Its first block is to be written anew.
    headless: bool,
}

impl Latches {
    /// Looks into the file at `path`, which need not be there. Nothing is changed.
    pub fn read(path: &Path) -> io::Result<(Self, Vec<Found>)> {
        let mut latches =
            Self { path: path.to_owned(), file: None, there: false, slots: Vec::new(), headless: false };
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .clone();
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((latches, Vec::new())),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("this is no plain file"));
        }
        latches.there = true;
        let mut bytes = Vec::new();
        (&file).take(FILE_MAX).read_to_end(&mut bytes)?;
        let blocks: Vec<_> =
            bytes.chunks(BLOCK).enumerate().map(|(block, bytes)| unseal(block, bytes)).collect();
        let (found, is_whole) = latches.look_at(&blocks, bytes.len());
        latches.file = Some(file).filter(|_| is_whole);
        Ok((latches, found))
    }

    /// What stands in the blocks, and whether the file is as long as it was made.
    fn look_at(&mut self, blocks: &[Block], length: usize) -> (Vec<Found>, bool) {
        let mut found = Vec::new();
        let count = blocks.len().saturating_sub(1) / 2;
        let told = match blocks.first() {
            Some(Block::Whole(text)) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        self.headless = told != Some(count);
        let is_whole =
            count > 0 && length == (1 + 2 * count) * BLOCK && told.is_none_or(|told| told == count);
        let mut nameless = self.headless || !is_whole;
        for slot in 0..count {
            let labelled = match blocks.get(label(slot)) {
                Some(Block::Whole(text)) => {
                    std::str::from_utf8(text).ok().and_then(|name| name.parse::<PrinterName>().ok())
                }
                _ => None,
            };
            let mislabelled = labelled.is_none() && blocks.get(label(slot)) != Some(&Block::Empty);
            let page = match blocks.get(place(slot)) {
                Some(Block::Empty) => None,
                Some(Block::Whole(text)) => Some(serde_json::from_slice::<Page>(text).ok()),
                _ => Some(None),
            };
            let used = page.is_some();
            match (page, &labelled) {
                (None, _) => {}
                (Some(Some(Page { printer, kept })), _) => found.push(Found::Kept { printer, kept }),
                (Some(None), Some(printer)) => found.push(Found::Damaged { printer: printer.clone() }),
                (Some(None), None) => nameless = true,
            }
            self.slots.push(Slot { of: labelled, used, mislabelled });
        }
        if nameless {
            found.push(Found::Nameless);
        }
        (found, is_whole)
    }

    /// Whether there is a file, in whatever state.
    pub fn is_there(&self) -> bool {
        self.there
    }

    /// Whether this printer has a slot.
    pub fn has(&self, printer: &PrinterName) -> bool {
        self.slot_of(printer).is_some()
    }

    fn slot_of(&self, printer: &PrinterName) -> Option<usize> {
        self.slots.iter().position(|slot| slot.of.as_ref() == Some(printer))
    }

    /// Empties everything, since the journal has it now, and gives each of these printers a slot.
    pub fn make_ready(&mut self, printers: &[PrinterName]) -> io::Result<()> {
        if self.file.is_none() || self.slots.len() < printers.len() {
            return self.make_anew(printers);
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut changed = false;
        if self.headless {
            write_head(file, self.slots.len())?;
            (self.headless, changed) = (false, true);
        }
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.used {
                file.write_all_at(&[0; SECTOR], offset(place(at)))?;
                (slot.used, changed) = (false, true);
            }
            if slot.mislabelled {
                file.write_all_at(&[0; SECTOR], offset(label(at)))?;
                (slot.mislabelled, changed) = (false, true);
            }
        }
        for printer in printers {
            if self.has(printer) {
                continue;
            }
            let nobodys = |slot: &Slot| slot.of.is_none();
            let former = |slot: &Slot| slot.of.as_ref().is_none_or(|of| !printers.contains(of));
            let free = self.slots.iter().position(nobodys).or_else(|| self.slots.iter().position(former));
            let (Some(free), Some(file)) = (free, &self.file) else { break };
            write_block(file, label(free), printer.as_str().as_bytes())?;
            if let Some(slot) = self.slots.get_mut(free) {
                slot.of = Some(printer.clone());
            }
            changed = true;
        }
        match &self.file {
            Some(file) if changed => file.sync_data(),
            _ => Ok(()),
        }
    }

    /// A new file in place of what is there: whole under its name, or not at all.
    fn make_anew(&mut self, printers: &[PrinterName]) -> io::Result<()> {
        let count = (printers.len() + SPARE).next_multiple_of(SPARE);
        let new = self.path.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let made = self.write_anew(&new, count, printers);
        if made.is_err() {
            // On a full disk it would only take more of it.
            let _ = std::fs::remove_file(&new);
        }
        self.file = Some(made?);
        self.there = true;
        self.slots = (0..count)
            .map(|at| Slot { of: printers.get(at).cloned(), used: false, mislabelled: false })
            .collect();
        self.headless = false;
        Ok(())
    }

    fn write_anew(&self, new: &Path, count: usize, printers: &[PrinterName]) -> io::Result<File> {
        let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).clone();
        let mut file = options.open(new)?;
        for _ in 0..=2 * count {
            file.write_all(&[0; BLOCK])?;
        }
        write_head(&file, count)?;
        for (at, printer) in printers.iter().enumerate() {
            write_block(&file, label(at), printer.as_str().as_bytes())?;
        }
        file.sync_all()?;
        std::fs::rename(new, &self.path)?;
        sync_parent(&self.path)?;
        Ok(file)
    }

    /// Keeps this of these printers, instead of what was kept before; durable on return.
    pub fn keep<'a>(
        &mut self,
        all: impl IntoIterator<Item = (&'a PrinterName, &'a [Kept])>,
    ) -> io::Result<()> {
        let file = self.file.as_ref().ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        for (printer, kept) in all {
            let slot = self.slot_of(printer);
            let slot =
                slot.ok_or_else(|| io::Error::other(format!("printer {printer} has no place in it")))?;
            write_block(file, place(slot), &page(printer, kept)?)?;
        }
        file.sync_data()
    }

    /// The journal has it by now.
    pub fn empty<'a>(&mut self, printers: impl IntoIterator<Item = &'a PrinterName>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        for printer in printers {
            if let Some(slot) = self.slot_of(printer) {
                file.write_all_at(&[0; SECTOR], offset(place(slot)))?;
            }
        }
        file.sync_data()
    }
}

fn write_head(file: &File, count: usize) -> io::Result<()> {
    write_block(file, 0, count.to_string().as_bytes())
}

fn write_block(file: &File, block: usize, text: &[u8]) -> io::Result<()> {
    let bytes = seal(block, text).ok_or_else(|| io::Error::other("it is longer than its place"))?;
    file.write_all_at(&bytes, offset(block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BootId;
    use crate::domain::moment::{Moment, WallTime};
    use crate::domain::printer::Fault;
    use proptest::prelude::*;

    fn printer(name: &str) -> PrinterName {
        name.parse().unwrap()
    }

    fn kept(after: u64, fact: Fact) -> Kept {
        let stamp = Stamp { wall: WallTime(after), mono: Moment(after), boot: BootId::from_entropy([1; 16]) };
        Kept { after, stamp, actor: Actor::Printer(printer("mk")), fact }
    }

    fn stopped(after: u64, by: &str) -> Kept {
        kept(after, Fact::PrinterStopped { printer: printer("mk"), by: by.into() })
    }

    fn faulted(after: u64) -> Kept {
        kept(after, Fact::PrinterFaulted { printer: printer("mk"), fault: Fault::ThermalRunaway })
    }

    /// A file for two printers, with something kept of the first.
    fn with_a_stop(folder: &Path) -> PathBuf {
        let path = folder.join("latches");
        let (mut latches, found) = Latches::read(&path).unwrap();
        assert_eq!((found, latches.is_there()), (Vec::new(), false));
        latches.make_ready(&[printer("mk"), printer("ender")]).unwrap();
        latches.keep([(&printer("mk"), &[stopped(7, "kim")][..])]).unwrap();
        path
    }

    fn flip(path: &Path, at: u64) {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    }

    fn found(path: &Path) -> Vec<Found> {
        Latches::read(path).unwrap().1
    }

    #[test]
    fn what_is_kept_is_found_again_until_it_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = with_a_stop(folder.path());
        let all = vec![Found::Kept { printer: printer("mk"), kept: vec![stopped(7, "kim")] }];
        assert_eq!(found(&path), all);
        let (mut latches, again) = Latches::read(&path).unwrap();
        assert_eq!(again, all, "reading changes nothing");
        let more = [stopped(7, "kim"), faulted(8)];
        latches.keep([(&printer("mk"), &more[..])]).unwrap();
        assert_eq!(found(&path), [Found::Kept { printer: printer("mk"), kept: more.to_vec() }]);
        latches.empty([&printer("mk")]).unwrap();
        assert_eq!(found(&path), []);
        latches.keep([(&printer("ender"), &[faulted(9)][..])]).unwrap();
        let (mut latches, _) = Latches::read(&path).unwrap();
        latches.make_ready(&[printer("mk")]).unwrap();
        assert_eq!(found(&path), []);
    }

    #[test]
    fn keeping_writes_only_over_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = with_a_stop(folder.path());
        let length = || std::fs::metadata(&path).unwrap().len();
        let before = length();
        let (mut latches, _) = Latches::read(&path).unwrap();
        let many: Vec<_> = (0..200).map(|n| stopped(n, "kim")).chain([faulted(200)]).collect();
        latches.keep([(&printer("mk"), &many[..])]).unwrap();
        assert_eq!(length(), before);
        let [Found::Kept { kept, .. }] = &found(&path)[..] else { panic!("not what was kept") };
        assert_eq!(kept.last(), many.last(), "the newest of each kind is there");
        assert!(kept.contains(&many[199]) && kept.len() < many.len());
    }

    #[test]
    fn a_flipped_bit_of_what_is_kept_still_names_the_printer() {
        let folder = tempfile::tempdir().unwrap();
        let path = with_a_stop(folder.path());
        flip(&path, offset(place(0)) + 40);
        assert_eq!(found(&path), [Found::Damaged { printer: printer("mk") }]);
        // Of a place with nothing in it, too: what was there is not known.
        flip(&path, offset(place(1)) + 3);
        let damaged = ["mk", "ender"].map(|name| Found::Damaged { printer: printer(name) });
        assert_eq!(found(&path), damaged);
    }

    #[test]
    fn where_the_label_is_damaged_what_is_kept_names_the_printer_and_else_nobody_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = with_a_stop(folder.path());
        flip(&path, offset(label(0)) + 29);
        assert_eq!(found(&path), [Found::Kept { printer: printer("mk"), kept: vec![stopped(7, "kim")] }]);
        flip(&path, offset(place(0)) + 30);
        let (mut latches, all) = Latches::read(&path).unwrap();
        assert_eq!(all, [Found::Nameless]);
        assert!(!latches.has(&printer("mk")) && latches.has(&printer("ender")));
        latches.make_ready(&[printer("mk"), printer("ender")]).unwrap();
        assert_eq!(found(&path), []);
        assert!(latches.has(&printer("mk")));
    }

    #[test]
    fn a_file_that_was_cut_names_whom_it_can_and_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = with_a_stop(folder.path());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(offset(label(1))).unwrap();
        let (mut latches, all) = Latches::read(&path).unwrap();
        let stop = Found::Kept { printer: printer("mk"), kept: vec![stopped(7, "kim")] };
        assert_eq!(all, [stop, Found::Nameless]);
        assert!(latches.is_there() && !latches.has(&printer("ender")));
        latches.make_ready(&[printer("mk"), printer("ender")]).unwrap();
        latches.keep([(&printer("ender"), &[faulted(1)][..])]).unwrap();
        assert_eq!(found(&path), [Found::Kept { printer: printer("ender"), kept: vec![faulted(1)] }]);
        for length in [0, 1, 3 * offset(1) - 1] {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
            assert!(found(&path).contains(&Found::Nameless), "cut to {length}");
        }
    }

    #[test]
    fn more_printers_than_slots_get_a_larger_file_and_former_ones_give_theirs_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latches");
        let names =
            |from: usize, to: usize| -> Vec<_> { (from..to).map(|n| printer(&format!("p{n}"))).collect() };
        let (mut latches, _) = Latches::read(&path).unwrap();
        latches.make_ready(&names(0, 3)).unwrap();
        let first = std::fs::metadata(&path).unwrap().len();
        latches.make_ready(&names(3, 30)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), first, "those of before made room");
        assert!(names(3, 30).iter().all(|name| latches.has(name)));
        latches.make_ready(&names(0, 100)).unwrap();
        let (latches, all) = Latches::read(&path).unwrap();
        assert!(names(0, 100).iter().all(|name| latches.has(name)) && all.is_empty());
        assert!(std::fs::metadata(&path).unwrap().len() > first);
    }

    #[test]
    fn what_is_no_plain_file_is_no_place_to_keep_anything() {
        let folder = tempfile::tempdir().unwrap();
        Latches::read(folder.path()).unwrap_err();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        Latches::read(&link).unwrap_err();
    }

    proptest! {
        #[test]
        fn a_sealed_text_is_read_back_and_one_changed_bit_is_noticed(
            text in proptest::collection::vec(any::<u8>(), 0..BLOCK - HEAD),
            block in 0usize..1_000,
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut bytes = seal(block, &text).unwrap();
            let mut padded = bytes.clone();
            padded.resize(BLOCK, 7);
            prop_assert_eq!(unseal(block, &padded), Block::Whole(text));
            prop_assert_eq!(unseal(block + 1, &padded), Block::Damaged, "in another place");
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(unseal(block, &bytes), Block::Damaged);
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..3 * BLOCK),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("latches");
            std::fs::write(&path, &bytes).unwrap();
            prop_assert!(found(&path).contains(&Found::Nameless));
        }
    }
}
