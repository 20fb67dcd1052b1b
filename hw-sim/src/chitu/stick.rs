//! The USB stick in a board: a directory of the host, as a gadget's volume would be, or files in memory.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Most entries of one folder that are listed.
const LISTED: usize = 10_000;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A folder's name.
    Folder(String),
    /// A file's name and its size in bytes.
    File(String, u64),
}

/// Files by their paths. A path is `folder/name.ctb`; a slash or colon in front is taken away.
///
/// Names are compared exactly, unlike those of FAT: a host that relies on its leniency shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stick {
    volume: Volume,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Volume {
    Memory(BTreeMap<String, Vec<u8>>),
    Directory(PathBuf),
}

/// The path as the stick keeps it; an error for one that leads out of it.
pub fn path_of(text: &str) -> io::Result<String> {
    let path = text.trim_start_matches(['/', ':']);
    let wrong = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
    if path.split('/').any(wrong) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no path on a stick: {text:?}")));
    }
    Ok(path.to_owned())
}

impl Stick {
    /// An empty stick in memory.
    pub fn memory() -> Self {
        Self { volume: Volume::Memory(BTreeMap::new()) }
    }

    /// What is in this directory, whenever it is looked at.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self { volume: Volume::Directory(path.into()) }
    }

    /// The same stick with this file on it.
    pub fn with(mut self, path: &str, bytes: Vec<u8>) -> io::Result<Self> {
        self.put(path, bytes)?;
        Ok(self)
    }

    /// Writes a file, in place of one that was there.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>) -> io::Result<()> {
        let path = path_of(path)?;
        match &mut self.volume {
            Volume::Memory(files) => drop(files.insert(path, bytes)),
            Volume::Directory(root) => {
                let whole = root.join(path);
                if let Some(folder) = whole.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(whole, bytes)?;
            }
        }
        Ok(())
    }

    /// Adds bytes at the end of a file that exists.
    pub fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = path_of(path)?;
        match &mut self.volume {
            Volume::Memory(files) => {
                files.get_mut(&path).ok_or_else(|| missing(&path))?.extend_from_slice(bytes);
                Ok(())
            }
            Volume::Directory(root) => {
                OpenOptions::new().append(true).open(root.join(path))?.write_all(bytes)
            }
        }
    }

    /// Deletes a file.
    pub fn remove(&mut self, path: &str) -> io::Result<()> {
        let path = path_of(path)?;
        match &mut self.volume {
            Volume::Memory(files) => files.remove(&path).map(drop).ok_or_else(|| missing(&path)),
            Volume::Directory(root) => fs::remove_file(root.join(path)),
        }
    }

    /// A file's size in bytes; an error if there is none.
    pub fn size(&self, path: &str) -> io::Result<u64> {
        let path = path_of(path)?;
        match &self.volume {
            Volume::Memory(files) => {
                files.get(&path).map(|bytes| bytes.len() as u64).ok_or_else(|| missing(&path))
            }
            Volume::Directory(root) => {
                let found = fs::metadata(root.join(&path))?;
                if found.is_file() { Ok(found.len()) } else { Err(missing(&path)) }
            }
        }
    }

    /// Bytes of a file from `offset` on: `length` of them, fewer only at the end.
    pub fn read(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let path = path_of(path)?;
        match &self.volume {
            Volume::Memory(files) => {
                let bytes = files.get(&path).ok_or_else(|| missing(&path))?;
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let to = from.saturating_add(length).min(bytes.len());
                Ok(bytes[from..to].to_vec())
            }
            Volume::Directory(root) => {
                let mut file = File::open(root.join(path))?;
                file.seek(SeekFrom::Start(offset))?;
                let mut bytes = Vec::new();
                file.take(length as u64).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// What is in a folder, folders first; `""` or `/` is the root.
    pub fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let folder = folder.trim_matches(['/', ':']);
        let folder = if folder.is_empty() { String::new() } else { path_of(folder)? };
        let mut entries = Vec::new();
        match &self.volume {
            Volume::Memory(files) => {
                let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                for (path, bytes) in files {
                    let Some(rest) = path.strip_prefix(&prefix) else { continue };
                    entries.push(match rest.split_once('/') {
                        Some((name, _)) => Entry::Folder(name.to_owned()),
                        None => Entry::File(rest.to_owned(), bytes.len() as u64),
                    });
                }
            }
            Volume::Directory(root) => {
                for found in fs::read_dir(root.join(folder))?.take(LISTED) {
                    let found = found?;
                    let about = fs::metadata(found.path())?;
                    let name = found.file_name().to_string_lossy().into_owned();
                    entries.push(if about.is_dir() {
                        Entry::Folder(name)
                    } else {
                        Entry::File(name, about.len())
                    });
                }
            }
        }
        entries.sort();
        entries.dedup();
        entries.truncate(LISTED);
        Ok(entries)
    }
}

fn missing(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{path} is not on the stick"))
}
