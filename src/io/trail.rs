//! What is kept of a running job for whoever comes after us: it outlives the process, and need not outlive the machine.
//!
//! A file in memory (`/run/platen`) with two places, written in turn: a write that was cut leaves the other one.
//! A write is a copy within the kernel and waits for no disk where the folder is on tmpfs: a disk that hangs must hold
//! back neither the line nor, behind it, a stop.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::ids::PrinterName;

/// Bytes of one place: its number (8), its length (4), a check (8), the text.
const PLACE: usize = 4096;
const HEAD: usize = 20;

/// The file of one printer.
#[derive(Debug)]
pub struct TrailFile {
    path: PathBuf,
    state: State,
    number: u64,
}

#[derive(Debug)]
enum State {
    Kept(File),
    /// What could not be kept is away: nothing wrong can be read there.
    Gone,
    /// It could not be taken away either, and what is there is wrong. It is tried again, and whoever comes after us
    /// has to be told by other means.
    Wrong(File),
}

fn place(number: u64) -> u64 {
    (number % 2) * PLACE as u64
}

fn check(number: u64, text: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(number.to_le_bytes()).chain_update(text).finalize();
    std::array::from_fn(|at| hash[at])
}

fn read(file: &File, number: u64) -> Option<(u64, Vec<u8>)> {
    let mut bytes = vec![0; PLACE];
    file.read_exact_at(&mut bytes, place(number)).ok()?;
    let number = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let length = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
    let text = bytes.get(HEAD..)?.get(..usize::try_from(length).ok()?)?;
    (number > 0 && bytes.get(12..HEAD)? == check(number, text)).then(|| (number, text.to_vec()))
}

impl TrailFile {
    /// Opens a printer's file in `dir`, and reads what was kept last.
    pub fn open(dir: &Path, printer: &PrinterName) -> io::Result<(Self, Option<Vec<u8>>)> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(format!("{printer}.trail"));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let last =
            [0, 1].into_iter().filter_map(|number| read(&file, number)).max_by_key(|(number, _)| *number);
        let number = last.as_ref().map_or(0, |(number, _)| *number);
        if last.is_none() {
            // Room for both, so that a full disk is found out now.
            file.write_all_at(&[0; 2 * PLACE], 0)?;
        }
        Ok((Self { path, state: State::Kept(file), number }, last.map(|(_, text)| text)))
    }

    /// Keeps this instead of what was kept before. What cannot be kept leaves nothing.
    pub fn keep(&mut self, text: &[u8]) {
        if let State::Wrong(_) = self.state {
            self.take_away();
        }
        let State::Kept(file) = &self.state else { return };
        let number = self.number + 1;
        let Ok(length) = u32::try_from(text.len()) else { return self.give_up("too long") };
        if HEAD + text.len() > PLACE {
            return self.give_up("too long");
        }
        let mut bytes = Vec::with_capacity(HEAD + text.len());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&check(number, text));
        bytes.extend_from_slice(text);
        match file.write_all_at(&bytes, place(number)) {
            Ok(()) => self.number = number,
            Err(error) => self.give_up(&error.to_string()),
        }
    }

    /// What was kept is on the disk, too. `false` where nothing is.
    pub fn sync(&mut self) -> bool {
        let State::Kept(file) = &self.state else { return false };
        let synced = file.sync_data();
        if let Err(error) = &synced {
            self.give_up(&error.to_string());
        }
        synced.is_ok()
    }

    /// What would be read there is wrong, and could not be taken away.
    pub fn is_wrong(&self) -> bool {
        matches!(self.state, State::Wrong(_))
    }

    fn give_up(&mut self, why: &str) {
        tracing::error!(path = %self.path.display(), why, "a running job could not be continued after a crash now");
        if let State::Kept(file) = std::mem::replace(&mut self.state, State::Gone) {
            self.state = State::Wrong(file);
            self.take_away();
        }
    }

    /// Any of the three is enough: a text without its check is none, and so is a file that is not there.
    fn take_away(&mut self) {
        let State::Wrong(file) = &self.state else { return };
        let wiped = file.write_all_at(&[0; 2 * PLACE], 0);
        let cut = file.set_len(0);
        let removed = std::fs::remove_file(&self.path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        match wiped.or(cut).or(removed) {
            Ok(()) => self.state = State::Gone,
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "what is kept there is wrong, and cannot be removed: do it by hand");
            }
        }
    }
}

/// The id of this start of the machine; absent where the kernel does not tell.
pub fn machine_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The folder for what outlives a process: systemd's `RuntimeDirectory`, else in `state`.
pub fn folder(state: &Path) -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY").filter(|dir| !dir.is_empty());
    given.map_or_else(|| state.join("run"), |dir| PathBuf::from(dir).join("trails"))
}

/// Where Linux keeps files in memory for everybody.
const MEMORY: &str = "/dev/shm";

/// The folder for the trails: as `folder` where systemd gives one, else in memory, by the path of `state`. A machine
/// without such memory has them in `state`.
pub fn trails_folder(state: &Path) -> PathBuf {
    let in_state = folder(state);
    if !in_state.starts_with(state) {
        return in_state;
    }
    match in_memory(Path::new(MEMORY), state) {
        Ok(folder) => folder,
        Err(error) => {
            tracing::warn!(%error, "no folder in {MEMORY}: a disk that hangs can hold back printers, and their stops");
            in_state
        }
    }
}

/// A folder of our own in `memory`, which everybody may write to: one that is not ours alone is not used.
fn in_memory(memory: &Path, state: &Path) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let kind = nix::sys::statfs::statfs(memory)?.filesystem_type();
    if kind != nix::sys::statfs::TMPFS_MAGIC {
        return Err(io::Error::other("it is not in memory"));
    }
    let owner = std::fs::metadata("/proc/self")?.uid();
    let hash = Sha256::digest(std::path::absolute(state)?.as_os_str().as_bytes());
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = memory.join(format!("platen-{owner}-{name}"));
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = folder.symlink_metadata()?;
    if !found.is_dir() || found.uid() != owner || found.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!("{} is not this user's alone", folder.display())));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trails_are_kept_in_memory_and_only_in_a_folder_that_is_ours_alone() {
        let memory = Path::new(MEMORY);
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = in_memory(memory, one.path()).unwrap();
        assert_eq!(in_memory(memory, one.path()).unwrap(), folder);
        let other = in_memory(memory, two.path()).unwrap();
        assert_ne!(other, folder);
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert!(in_memory(memory, one.path()).is_err());
        std::fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&other, &folder).unwrap();
        assert!(in_memory(memory, one.path()).is_err());
        std::fs::remove_file(&folder).unwrap();
        std::fs::remove_dir(&other).unwrap();
        assert!(in_memory(Path::new("/proc"), one.path()).is_err());
    }

    #[test]
    fn the_last_text_is_read_back_and_a_cut_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let printer: PrinterName = "mk".parse().unwrap();
        let (mut file, nothing) = TrailFile::open(dir.path(), &printer).unwrap();
        assert_eq!(nothing, None);
        for text in ["one", "two", "three"] {
            file.keep(text.as_bytes());
        }
        assert!(file.sync());
        let kept = || TrailFile::open(dir.path(), &printer).unwrap().1;
        assert_eq!(kept().as_deref(), Some(&b"three"[..]));
        let path = dir.path().join("mk.trail");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[PLACE + HEAD] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(kept().as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn what_is_wrong_is_taken_away_by_any_way_that_is_open_and_told_where_none_is() {
        let printer: PrinterName = "mk".parse().unwrap();
        for (writable, removable) in [(true, true), (true, false), (false, true), (false, false)] {
            let dir = tempfile::tempdir().unwrap();
            let real = dir.path().join("mk.trail");
            let (mut file, _) = TrailFile::open(dir.path(), &printer).unwrap();
            file.keep(b"one");
            if !writable {
                file.state = State::Kept(File::open(&real).unwrap());
            }
            if !removable {
                // A folder is no file to be removed.
                file.path = dir.path().to_owned();
            }
            file.give_up("a test");
            assert_eq!(file.is_wrong(), !(writable || removable), "{writable} {removable}");
            let found = TrailFile::open(dir.path(), &printer).unwrap().1;
            assert_eq!(found.is_some(), file.is_wrong(), "{writable} {removable}");
            if file.is_wrong() {
                // As soon as it can be done, it is done.
                file.path = real;
                file.keep(b"two");
                assert!(!file.is_wrong());
                assert_eq!(TrailFile::open(dir.path(), &printer).unwrap().1, None);
            }
        }
    }

    #[test]
    fn what_does_not_fit_leaves_nothing_that_could_be_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let printer: PrinterName = "mk".parse().unwrap();
        let (mut file, _) = TrailFile::open(dir.path(), &printer).unwrap();
        file.keep(b"one");
        file.keep(&[b'x'; PLACE]);
        file.keep(b"two");
        assert!(!file.sync());
        assert_eq!(TrailFile::open(dir.path(), &printer).unwrap().1, None);
    }
}
