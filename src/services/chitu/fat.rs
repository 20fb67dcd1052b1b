//! One file put into the root of a FAT16 or FAT32 disk that is an image here, so that a cut leaves no wrong file.
//!
//! ```text
//! old entries away ─sync─▶ data ─sync─▶ table ─sync─▶ the new entry ─sync─▶ there
//! ```
//! What a crash leaves are clusters that nobody has, which any check of the disk gives back. Names are 8.3. Source:
//! Microsoft, "FAT: General Overview of On-Disk Format" 1.03.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::stick::copy;

/// A table in memory: of the largest FAT32 with clusters of 32 KB that anybody makes an image of, 256 GB.
const CLUSTERS_MAX: u32 = 1 << 23;
const SLOT: usize = 32;
const DELETED: u8 = 0xE5;

#[derive(Debug, thiserror::Error)]
pub(super) enum FatError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("this is no FAT16 or FAT32 disk ({0}); make one with `mkfs.vfat -F 32`")]
    NoDisk(&'static str),
    #[error(
        "it has {free} bytes free, and the file has {wanted}: remove what is not needed, or make a larger one"
    )]
    Full { free: u64, wanted: u64 },
    #[error("its root holds as many files as it can: remove some")]
    RootFull,
    #[error("{0} is no name that it can hold: with images only .CTB and .GOO files go; use a folder")]
    Name(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fat16,
    Fat32,
}

struct Disk<'f> {
    image: &'f File,
    kind: Kind,
    /// Bytes.
    cluster: u64,
    /// Where the tables begin, how long one is and how many there are.
    tables: u64,
    table: u64,
    copies: u64,
    /// Of FAT16.
    root: std::ops::Range<u64>,
    /// Of FAT32.
    root_cluster: u32,
    data: u64,
    /// Clusters are numbered from 2 to this, which is none.
    end: u32,
    info: Option<u64>,
    next: Vec<u32>,
}

fn le16(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 2).map_or(0, |bytes| u32::from(bytes[0]) | u32::from(bytes[1]) << 8)
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    le16(bytes, at) | le16(bytes, at + 2) << 16
}

fn short(name: &str) -> Option<[u8; 11]> {
    let (stem, extension) = name.split_once('.')?;
    let legal = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    if !legal(stem, 8) || !legal(extension, 3) {
        return None;
    }
    let mut short = [b' '; 11];
    short[..stem.len()].copy_from_slice(stem.as_bytes());
    short[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    Some(short)
}

impl<'f> Disk<'f> {
    fn open(image: &'f File) -> Result<Self, FatError> {
        let no = FatError::NoDisk;
        let mut boot = [0; 512];
        let read = |at: u64, into: &mut [u8]| image.read_exact_at(into, at);
        read(0, &mut boot).map_err(|_| no("it is shorter than a sector"))?;
        let is_signed = |sector: &[u8; 512]| sector[510..] == [0x55, 0xAA];
        let is_volume = |sector: &[u8; 512]| {
            let bytes = le16(sector, 11);
            matches!(sector[0], 0xEB | 0xE9) && (512..=4_096).contains(&bytes) && bytes.is_power_of_two()
        };
        if !is_signed(&boot) {
            return Err(no("its first sector is not signed"));
        }
        let mut base = 0;
        if !is_volume(&boot) {
            let part =
                boot[446..510].chunks(16).find(|part| [0x04, 0x06, 0x0B, 0x0C, 0x0E].contains(&part[4]));
            let first = le32(part.ok_or_else(|| no("it has no FAT partition"))?, 8);
            base = u64::from(first) * 512;
            read(base, &mut boot).map_err(|_| no("its partition is behind its end"))?;
            if !is_signed(&boot) || !is_volume(&boot) {
                return Err(no("its partition is not formatted"));
            }
        }
        let sector = u64::from(le16(&boot, 11));
        let (per_cluster, copies) = (u64::from(boot[13]), u64::from(boot[16]));
        let (reserved, root_slots) = (u64::from(le16(&boot, 14)), u64::from(le16(&boot, 17)));
        let either = |short: usize, long: usize| match le16(&boot, short) {
            0 => u64::from(le32(&boot, long)),
            sectors => u64::from(sectors),
        };
        let (sectors, table_sectors) = (either(19, 32), either(22, 36));
        if !per_cluster.is_power_of_two() || copies == 0 || reserved == 0 || table_sectors == 0 {
            return Err(no("its first sector makes no sense"));
        }
        let root_sectors = (root_slots * SLOT as u64).div_ceil(sector);
        let before = reserved + copies * table_sectors + root_sectors;
        let clusters = sectors.saturating_sub(before) / per_cluster;
        let clusters = u32::try_from(clusters).ok().filter(|clusters| *clusters <= CLUSTERS_MAX);
        let clusters = clusters.ok_or_else(|| no("it has more clusters than can be"))?;
        let kind = match clusters {
            0..4_085 => return Err(no("it is too small, a FAT12")),
            4_085..65_525 => Kind::Fat16,
            _ => Kind::Fat32,
        };
        let tables = base + reserved * sector;
        let table = table_sectors * sector;
        let root_at = tables + copies * table;
        let width = if kind == Kind::Fat16 { 2 } else { 4 };
        let end = clusters + 2;
        if table < u64::from(end) * width {
            return Err(no("its table is shorter than its data"));
        }
        // FAT32 may keep only one of its tables up to date.
        let active = match (kind, le16(&boot, 40)) {
            (Kind::Fat32, flags) if flags & 0x80 != 0 => u64::from(flags & 0xF).min(copies - 1),
            _ => 0,
        };
        let mut raw =
            vec![0; usize::try_from(u64::from(end) * width).map_err(|_| no("its table is too long"))?];
        read(tables + active * table, &mut raw)?;
        let next = match kind {
            Kind::Fat16 => raw.chunks_exact(2).map(|entry| le16(entry, 0)).collect(),
            Kind::Fat32 => raw.chunks_exact(4).map(|entry| le32(entry, 0)).collect(),
        };
        let info = (kind == Kind::Fat32).then(|| base + u64::from(le16(&boot, 48)) * sector);
        Ok(Self {
            image,
            kind,
            cluster: per_cluster * sector,
            tables,
            table,
            copies,
            root: root_at..root_at + root_slots * SLOT as u64,
            root_cluster: le32(&boot, 44),
            data: root_at + root_sectors * sector,
            end,
            info,
            next,
        })
    }

    fn place(&self, cluster: u32) -> u64 {
        self.data + u64::from(cluster.saturating_sub(2)) * self.cluster
    }

    fn after(&self, cluster: u32) -> Option<u32> {
        let next = *self.next.get(usize::try_from(cluster).ok()?)?;
        let next = if self.kind == Kind::Fat32 { next & 0x0FFF_FFFF } else { next };
        (2..self.end).contains(&next).then_some(next)
    }

    /// A file's clusters, in order; one that runs in a ring ends.
    fn chain(&self, first: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut at = Some(first).filter(|first| (2..self.end).contains(first));
        while let Some(cluster) = at.filter(|_| chain.len() < self.next.len()) {
            chain.push(cluster);
            at = self.after(cluster);
        }
        chain
    }

    fn link(&mut self, cluster: u32, to: u32) {
        let Some(entry) = usize::try_from(cluster).ok().and_then(|at| self.next.get_mut(at)) else { return };
        // The four upper bits of FAT32 are not the table's.
        *entry = if self.kind == Kind::Fat32 { *entry & 0xF000_0000 | to & 0x0FFF_FFFF } else { to & 0xFFFF };
    }

    /// Where the slots of the root are, in order.
    fn slots(&self) -> Vec<u64> {
        let pieces: Vec<_> = match self.kind {
            Kind::Fat16 => vec![self.root.clone()],
            Kind::Fat32 => {
                let at = |cluster| self.place(cluster)..self.place(cluster) + self.cluster;
                self.chain(self.root_cluster).into_iter().map(at).collect()
            }
        };
        pieces.into_iter().flat_map(|piece| piece.step_by(SLOT)).collect()
    }

    fn slot(&self, at: u64) -> io::Result<[u8; SLOT]> {
        let mut slot = [0; SLOT];
        self.image.read_exact_at(&mut slot, at)?;
        Ok(slot)
    }

    /// Takes files of these names out of the root, with their long names; their clusters are free in memory.
    fn remove(&mut self, names: &[[u8; 11]]) -> io::Result<()> {
        let mut long = Vec::new();
        for at in self.slots() {
            let slot = self.slot(at)?;
            match (slot[0], slot[11]) {
                (0, _) => break,
                (DELETED, _) => long.clear(),
                (_, 0x0F) => long.push(at),
                // Folders, and the disk's own name.
                (_, attributes) if attributes & 0x18 != 0 => long.clear(),
                _ => {
                    if names.iter().any(|name| slot[..11] == name[..]) {
                        for at in long.drain(..).chain([at]) {
                            self.image.write_all_at(&[DELETED], at)?;
                        }
                        for cluster in self.chain(le16(&slot, 20) << 16 | le16(&slot, 26)) {
                            self.link(cluster, 0);
                        }
                    }
                    long.clear();
                }
            }
        }
        Ok(())
    }

    fn is_free(&self, cluster: u32) -> bool {
        let entry = usize::try_from(cluster).ok().and_then(|at| self.next.get(at));
        let mask = if self.kind == Kind::Fat32 { 0x0FFF_FFFF } else { 0xFFFF };
        entry.is_some_and(|entry| entry & mask == 0)
    }

    fn take(&mut self, bytes: u64) -> Result<Vec<u32>, FatError> {
        let wanted = usize::try_from(bytes.div_ceil(self.cluster)).unwrap_or(usize::MAX);
        let free: Vec<u32> = (2..self.end).filter(|cluster| self.is_free(*cluster)).collect();
        let Some(taken) = free.get(..wanted).map(<[u32]>::to_vec) else {
            return Err(FatError::Full { free: free.len() as u64 * self.cluster, wanted: bytes });
        };
        for (at, cluster) in taken.iter().enumerate() {
            let to = taken.get(at + 1).copied().unwrap_or(0x0FFF_FFFF);
            self.link(*cluster, to);
        }
        Ok(taken)
    }

    fn write_tables(&self) -> io::Result<()> {
        let mut raw = Vec::with_capacity(self.next.len() * 4);
        for entry in &self.next {
            let bytes = entry.to_le_bytes();
            raw.extend_from_slice(if self.kind == Kind::Fat16 { &bytes[..2] } else { &bytes });
        }
        for copy in 0..self.copies {
            self.image.write_all_at(&raw, self.tables + copy * self.table)?;
        }
        let Some(info) = self.info else { return Ok(()) };
        let mut begin = [0; 4];
        self.image.read_exact_at(&mut begin, info)?;
        // How much is free is counted anew by whoever mounts it.
        if begin == *b"RRaA" { self.image.write_all_at(&[0xFF; 8], info + 488) } else { Ok(()) }
    }
}

/// Puts a file of so many bytes into the root, in place of one of the same name, without files of these old names.
pub(super) fn put(image: &File, name: &str, file: &File, bytes: u64, old: &[String]) -> Result<(), FatError> {
    let own = short(name).ok_or_else(|| FatError::Name(name.to_owned()))?;
    let size =
        u32::try_from(bytes).map_err(|_| FatError::Full { free: u64::from(u32::MAX), wanted: bytes })?;
    let mut disk = Disk::open(image)?;
    let gone: Vec<_> = old.iter().filter_map(|name| short(name)).chain([own]).collect();
    disk.remove(&gone)?;
    image.sync_all()?;
    // Nothing is lost where the next step is the last.
    disk.write_tables()?;
    let clusters = disk.take(bytes)?;
    let mut piece_at = 0_u64;
    copy(file, bytes, |mut piece| {
        while !piece.is_empty() {
            let (nth, within) = (piece_at / disk.cluster, piece_at % disk.cluster);
            let cluster = usize::try_from(nth).ok().and_then(|nth| clusters.get(nth));
            let cluster = *cluster.ok_or(io::ErrorKind::UnexpectedEof)?;
            let room = usize::try_from(disk.cluster - within).unwrap_or(usize::MAX).min(piece.len());
            let (now, rest) = piece.split_at(room);
            image.write_all_at(now, disk.place(cluster) + within)?;
            piece_at += now.len() as u64;
            piece = rest;
        }
        Ok(())
    })?;
    image.sync_all()?;
    disk.write_tables()?;
    image.sync_all()?;
    let slots = disk.slots();
    let mut free = None;
    for (nth, at) in slots.iter().enumerate() {
        let first = disk.slot(*at)?[0];
        if matches!(first, 0 | DELETED) {
            free = Some((nth, *at, first == 0));
            break;
        }
    }
    let (nth, at, was_last) = free.ok_or(FatError::RootFull)?;
    if let (true, Some(behind)) = (was_last, slots.get(nth + 1)) {
        image.write_all_at(&[0], *behind)?;
    }
    let mut slot = [0; SLOT];
    slot[..11].copy_from_slice(&own);
    // To be archived; and the first day that such a disk knows, since no clock is asked.
    slot[11] = 0x20;
    for day in [16, 18, 24] {
        slot[day..day + 2].copy_from_slice(&0x0021_u16.to_le_bytes());
    }
    let first = clusters.first().copied().unwrap_or(0).to_le_bytes();
    slot[26..28].copy_from_slice(&first[..2]);
    slot[20..22].copy_from_slice(&first[2..]);
    slot[28..].copy_from_slice(&size.to_le_bytes());
    image.write_all_at(&slot, at)?;
    Ok(image.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// An empty disk with clusters of 512 bytes, as `mkfs.vfat -s 1` lays it out; behind a table of partitions or not.
    fn disk(kind: Kind, clusters: u32, partitioned: bool) -> File {
        let is_32 = kind == Kind::Fat32;
        let base = if partitioned { 8_u32 } else { 0 };
        let reserved = if is_32 { 32_u32 } else { 1 };
        let table = ((clusters + 2) * if is_32 { 4 } else { 2 }).div_ceil(512);
        let root = if is_32 { 0 } else { 32_u32 };
        let sectors = reserved + 2 * table + root + clusters;
        let mut boot = [0_u8; 512];
        boot[0] = 0xEB;
        boot[11..13].copy_from_slice(&512_u16.to_le_bytes());
        boot[13] = 1;
        boot[14..16].copy_from_slice(&u16::try_from(reserved).unwrap().to_le_bytes());
        boot[16] = 2;
        boot[17..19].copy_from_slice(&u16::try_from(root * 16).unwrap().to_le_bytes());
        boot[32..36].copy_from_slice(&sectors.to_le_bytes());
        if is_32 {
            boot[36..40].copy_from_slice(&table.to_le_bytes());
            boot[44] = 2;
            boot[48] = 1;
        } else {
            boot[22..24].copy_from_slice(&u16::try_from(table).unwrap().to_le_bytes());
        }
        boot[510..].copy_from_slice(&[0x55, 0xAA]);
        let image = tempfile::tempfile().unwrap();
        image.set_len(u64::from(base + sectors) * 512).unwrap();
        let at = |sector: u32| u64::from(base + sector) * 512;
        image.write_all_at(&boot, at(0)).unwrap();
        for copy in 0..2 {
            let begin: &[u8] = if is_32 {
                &[0xF8, 0xFF, 0xFF, 0x0F, 0xFF, 0xFF, 0xFF, 0x0F, 0xFF, 0xFF, 0xFF, 0x0F]
            } else {
                &[0xF8, 0xFF, 0xFF, 0xFF]
            };
            image.write_all_at(begin, at(reserved + copy * table)).unwrap();
        }
        if partitioned {
            let mut first = [0_u8; 512];
            first[446 + 4] = if is_32 { 0x0C } else { 0x06 };
            first[446 + 8..446 + 12].copy_from_slice(&base.to_le_bytes());
            first[510..].copy_from_slice(&[0x55, 0xAA]);
            image.write_all_at(&first, 0).unwrap();
        }
        image
    }

    /// What is in the root: names, and bytes by the second table.
    fn listed(image: &File) -> Vec<(String, Vec<u8>)> {
        let mut disk = Disk::open(image).unwrap();
        let width = if disk.kind == Kind::Fat16 { 2 } else { 4 };
        let mut raw = vec![0; disk.next.len() * width];
        image.read_exact_at(&mut raw, disk.tables + disk.table).unwrap();
        disk.next =
            raw.chunks(width).map(|entry| if width == 2 { le16(entry, 0) } else { le32(entry, 0) }).collect();
        let mut found = Vec::new();
        for at in disk.slots() {
            let slot = disk.slot(at).unwrap();
            if slot[0] == 0 {
                break;
            }
            if slot[0] != DELETED && slot[11] == 0x20 {
                let mut bytes = Vec::new();
                for cluster in disk.chain(le16(&slot, 20) << 16 | le16(&slot, 26)) {
                    let mut piece = vec![0; usize::try_from(disk.cluster).unwrap()];
                    image.read_exact_at(&mut piece, disk.place(cluster)).unwrap();
                    bytes.extend(piece);
                }
                bytes.truncate(usize::try_from(le32(&slot, 28)).unwrap());
                found.push((String::from_utf8_lossy(&slot[..11]).into_owned(), bytes));
            }
        }
        found
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn bytes(length: usize, seed: u8) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect()
    }

    #[test]
    fn a_file_is_read_back_and_an_old_one_of_ours_makes_room_for_it() {
        for (kind, clusters) in [(Kind::Fat16, 5_000), (Kind::Fat32, 66_000)] {
            for partitioned in [false, true] {
                let image = disk(kind, clusters, partitioned);
                let most = usize::try_from(clusters).unwrap() * 512;
                let (one, two) = (bytes(most * 2 / 3, 1), bytes(most * 2 / 3, 2));
                let length = one.len() as u64;
                put(&image, "HOLIDAY2.CTB", &file(b"theirs"), 6, &[]).unwrap();
                put(&image, "AAAAAAAA.CTB", &file(&one), length, &[]).unwrap();
                let full = put(&image, "BBBBBBBB.CTB", &file(&two), length, &[]).unwrap_err();
                assert!(matches!(full, FatError::Full { .. }), "{full}");
                put(&image, "BBBBBBBB.CTB", &file(&two), length, &["AAAAAAAA.CTB".to_owned()]).unwrap();
                // The same once more, in its own place.
                put(&image, "BBBBBBBB.CTB", &file(&one), length, &[]).unwrap();
                let mut found = listed(&image);
                found.sort();
                assert!(found == [("BBBBBBBBCTB".into(), one), ("HOLIDAY2CTB".into(), b"theirs".to_vec())]);
            }
        }
    }

    #[test]
    fn what_is_no_disk_and_what_is_no_name_say_so() {
        let none = file(&[0; 4_096]);
        assert!(matches!(put(&none, "AAAAAAAA.CTB", &file(b"x"), 1, &[]), Err(FatError::NoDisk(_))));
        let image = disk(Kind::Fat16, 5_000, false);
        for name in ["AAAAAAAA.PHOTON", "a.ctb", "AAAAAAAAA.CTB"] {
            assert!(matches!(put(&image, name, &file(b"x"), 1, &[]), Err(FatError::Name(_))), "{name}");
        }
        let short = put(&image, "AAAAAAAA.CTB", &file(b"x"), 2, &[]).unwrap_err();
        assert!(short.to_string().contains("shorter"), "{short}");
        assert_eq!(listed(&image), [], "no entry before all of it is there");
    }
}
