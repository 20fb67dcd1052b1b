//! Files by their hash: an upload is streamed, hashed, made durable, and only then named.
//!
//! ```text
//! begin ─▶ incoming/<random> ──write…──▶ keep: fsync, rename to <sha256>, fsync of the folder
//!                 └──discard, drop, crash──▶ removed
//! ```
//! An upload is hashed and surveyed while it is written, so that nothing is read twice. All disk
//! work is on blocking threads; at most one block of 64 KiB of an upload is in memory.

use std::convert::Infallible;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::domain::ids::{FileHash, hex};
use crate::gcode::survey::{Survey, SurveyError, Surveyor};
use crate::io::clock::entropy;
use crate::io::offload::offload;

/// Uploads leave this much space on the disk: the journal on it needs some for every print.
pub const FREE_FLOOR: u64 = 64 * 1024 * 1024;
/// Large enough that the way to a blocking thread does not show, small enough to forget.
const BLOCK: usize = 64 * 1024;
/// So many bytes tell what a file is.
pub const BEGIN: usize = 16;
/// All bytes of a file.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// What goes wrong with the spool, each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("there is no file {0}; upload it again")]
    NoFile(FileHash),
    #[error("what is stored of file {0} is not what was uploaded any more; upload it again")]
    Changed(FileHash),
    #[error("the disk of {path} has {} MiB left, and {} MiB stay free for the journal; free some space, then try again", free >> 20, floor >> 20)]
    Low { path: PathBuf, free: u64, floor: u64 },
    #[error(
        "the disk of {path} is full; free some space, then upload again (nothing of this upload is kept)"
    )]
    Full { path: PathBuf },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("the upload broke off in an earlier write; begin it again")]
    BrokenOff,
}

/// A folder of files under the hash of their content.
#[derive(Clone, Debug)]
pub struct Spool {
    dir: PathBuf,
    floor: u64,
}

/// An upload under way. Dropped before `keep`, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    spool: Spool,
    /// Absent after a failed write, or while a write that nobody awaited is under way.
    file: Option<Writing>,
    /// Bytes not yet written.
    block: Vec<u8>,
    /// Its first bytes, up to `BEGIN`.
    begin: Vec<u8>,
    /// Its place among all uploads, until it is kept or gone.
    _room: Option<OwnedSemaphorePermit>,
}

/// The half of an upload that goes to a blocking thread and back.
#[derive(Debug)]
struct Writing {
    file: File,
    temporary: Temporary,
    hash: Sha256,
    bytes: u64,
    survey: Result<Surveyor, SurveyError>,
}

/// A file that goes away unless it was renamed.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // What stays behind is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Spool {
    /// Opens `state_dir/files`, making it where needed, and removes what a crash left half-written.
    /// Blocks; called once, at the start.
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        let incoming = dir.join("incoming");
        let io = |error| failure(&incoming, error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&incoming).map_err(io)?;
        for entry in std::fs::read_dir(&incoming).map_err(io)? {
            let path = entry.map_err(io)?.path();
            std::fs::remove_file(&path).map_err(|error| failure(&path, error))?;
        }
        sync_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), floor: FREE_FLOOR })
    }

    /// The same with another floor, in bytes.
    pub fn with_floor(self, floor: u64) -> Self {
        Self { floor, ..self }
    }

    /// Whether there is room for anything new.
    pub async fn room(&self) -> Result<(), SpoolError> {
        let spool = self.clone();
        blocking(move || spool.check_space()).await
    }

    /// Begins an upload.
    pub async fn begin(&self) -> Result<Incoming, SpoolError> {
        let spool = self.clone();
        let writing = blocking(move || {
            spool.check_space()?;
            let path = spool.dir.join("incoming").join(hex(&entropy()));
            let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
            let file = file.map_err(|error| failure(&path, error))?;
            let temporary = Temporary { path, renamed: false };
            Ok(Writing { file, temporary, hash: Sha256::new(), bytes: 0, survey: Ok(Surveyor::new()) })
        });
        let file = Some(writing.await?);
        Ok(Incoming { spool: self.clone(), file, block: Vec::new(), begin: Vec::new(), _room: None })
    }

    /// Where a kept file is, or would be.
    pub fn path(&self, file: &FileHash) -> PathBuf {
        self.dir.join(file.as_str())
    }

    /// All kept files, in the order of their names.
    pub async fn list(&self) -> Result<Vec<FileHash>, SpoolError> {
        let spool = self.clone();
        blocking(move || {
            let io = |error| failure(&spool.dir, error);
            let mut files = Vec::new();
            for entry in std::fs::read_dir(&spool.dir).map_err(io)? {
                // Whatever else is in the folder is not ours.
                files.extend(entry.map_err(io)?.file_name().to_str().and_then(|name| name.parse().ok()));
            }
            files.sort();
            Ok(files)
        })
        .await
    }

    /// Opens a kept file for reading; with its length in bytes.
    pub async fn reader(&self, file: &FileHash) -> Result<(tokio::fs::File, u64), SpoolError> {
        let (spool, file) = (self.clone(), file.clone());
        let (file, bytes) = blocking(move || spool.open_kept(&file)).await?;
        Ok((tokio::fs::File::from_std(file), bytes))
    }

    /// Reads a kept file through, if it still is what was uploaded; with its length in bytes.
    pub async fn survey(&self, file: &FileHash) -> Result<(u64, Result<Survey, SurveyError>), SpoolError> {
        let (bytes, read) = self.read_checked(file, Surveyor::new(), Surveyor::feed).await?;
        Ok((bytes, read.and_then(Surveyor::finish)))
    }

    /// Whether a kept file still is what was uploaded: asked before a print begins, since nothing
    /// that was checked at the upload holds for a file that a disk or a person has changed.
    pub async fn verify(&self, file: &FileHash) -> Result<(), SpoolError> {
        self.read_checked(file, (), |(), _| Ok::<_, Infallible>(())).await.map(drop)
    }

    /// Reads a kept file through, block by block, into `state`, if it still is what was uploaded; with its length in
    /// bytes. After its first error `each` is not called any more.
    pub async fn read_checked<T: Send + 'static, E: Send + 'static>(
        &self,
        file: &FileHash,
        mut state: T,
        mut each: impl FnMut(&mut T, &[u8]) -> Result<(), E> + Send + 'static,
    ) -> Result<(u64, Result<T, E>), SpoolError> {
        let (spool, file) = (self.clone(), file.clone());
        blocking(move || {
            let (mut hash, mut bytes, mut read) = (Sha256::new(), 0, Ok(()));
            let Ok(()) = spool.read_part(&file, WHOLE, |block| {
                hash.update(block);
                bytes += block.len() as u64;
                if read.is_ok() {
                    read = each(&mut state, block);
                }
                Ok::<_, Infallible>(())
            })?;
            if FileHash::from_digest(hash.finalize().into()) != file {
                return Err(SpoolError::Changed(file));
            }
            Ok((bytes, read.map(|()| state)))
        })
        .await
    }

    /// Reads these bytes of a kept file, block by block, into `state`, up to the first error; whether they are what was
    /// uploaded is not asked.
    pub async fn scan<T: Send + 'static, E: Send + 'static>(
        &self,
        file: &FileHash,
        part: Range<u64>,
        mut state: T,
        mut each: impl FnMut(&mut T, &[u8]) -> Result<(), E> + Send + 'static,
    ) -> Result<Result<T, E>, SpoolError> {
        let (spool, file) = (self.clone(), file.clone());
        blocking(move || {
            let read = spool.read_part(&file, part, |block| each(&mut state, block))?;
            Ok(read.map(|()| state))
        })
        .await
    }

    /// The first bytes of a kept file, up to `BEGIN`; whether they are what was uploaded is not asked.
    pub async fn first_bytes(&self, file: &FileHash) -> Result<Vec<u8>, SpoolError> {
        let (spool, file) = (self.clone(), file.clone());
        blocking(move || {
            let (opened, _) = spool.open_kept(&file)?;
            let mut begin = Vec::with_capacity(BEGIN);
            let read = opened.take(BEGIN as u64).read_to_end(&mut begin);
            read.map_err(|error| failure(&spool.path(&file), error))?;
            Ok(begin)
        })
        .await
    }

    fn open_kept(&self, file: &FileHash) -> Result<(File, u64), SpoolError> {
        let path = self.path(file);
        let opened = File::open(&path).and_then(|opened| Ok((opened.metadata()?, opened)));
        match opened {
            // Only files with content are kept, so an empty one has lost it.
            Ok((meta, _)) if meta.len() == 0 => Err(SpoolError::Changed(file.clone())),
            Ok((meta, opened)) if meta.is_file() => Ok((opened, meta.len())),
            Ok(_) => Err(SpoolError::NoFile(file.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(SpoolError::NoFile(file.clone())),
            Err(error) => Err(failure(&path, error)),
        }
    }

    fn read_part<E>(
        &self,
        file: &FileHash,
        part: Range<u64>,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, SpoolError> {
        let broken = |error| failure(&self.path(file), error);
        let (mut opened, _) = self.open_kept(file)?;
        opened.seek(SeekFrom::Start(part.start)).map_err(broken)?;
        let mut rest = opened.take(part.end.saturating_sub(part.start));
        let mut block = vec![0; BLOCK];
        loop {
            let read = match rest.read(&mut block) {
                Ok(0) => return Ok(Ok(())),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            };
            if let Err(error) = each(&block[..read]) {
                return Ok(Err(error));
            }
        }
    }

    fn check_space(&self) -> Result<(), SpoolError> {
        let space =
            nix::sys::statvfs::statvfs(&self.dir).map_err(|errno| failure(&self.dir, errno.into()))?;
        let free = space.blocks_available() * space.fragment_size();
        if free < self.floor {
            return Err(SpoolError::Low { path: self.dir.clone(), free, floor: self.floor });
        }
        Ok(())
    }
}

impl Incoming {
    /// The same, with its place among all uploads.
    pub fn in_room(self, room: OwnedSemaphorePermit) -> Self {
        Self { _room: Some(room), ..self }
    }

    /// The next bytes of the upload. After an error the upload is over.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), SpoolError> {
        let begin = BEGIN.saturating_sub(self.begin.len()).min(bytes.len());
        self.begin.extend_from_slice(&bytes[..begin]);
        while !bytes.is_empty() {
            let (first, rest) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(first);
            bytes = rest;
            if self.block.len() == BLOCK {
                let block = std::mem::take(&mut self.block);
                let (spool, mut writing) = (self.spool.clone(), self.take()?);
                let (writing, mut block) = blocking(move || {
                    spool.check_space()?;
                    writing.write(&block)?;
                    Ok((writing, block))
                })
                .await?;
                block.clear();
                (self.file, self.block) = (Some(writing), block);
            }
        }
        Ok(())
    }

    /// The first bytes, as far as they were written.
    pub fn first_bytes(&self) -> &[u8] {
        &self.begin
    }

    /// What the bytes written so far would be if the file ended here.
    pub async fn survey(&self) -> Result<Result<Survey, SurveyError>, SpoolError> {
        let writing = self.file.as_ref().ok_or(SpoolError::BrokenOff)?;
        let mut survey = writing.survey.clone();
        survey_block(&mut survey, &self.block);
        Ok(survey.and_then(Surveyor::finish))
    }

    /// Has what was written so far read by somebody else, from its beginning.
    pub async fn look<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&mut File) -> T + Send + 'static,
    ) -> Result<T, SpoolError> {
        let block = std::mem::take(&mut self.block);
        let mut writing = self.take()?;
        let (writing, found) = blocking(move || {
            writing.write(&block)?;
            let path = &writing.temporary.path;
            let mut file = File::open(path).map_err(|error| failure(path, error))?;
            let found = read(&mut file);
            Ok((writing, found))
        })
        .await?;
        self.file = Some(writing);
        Ok(found)
    }

    /// What its name would be if the file ended here.
    pub fn hash(&self) -> Result<FileHash, SpoolError> {
        let mut hash = self.file.as_ref().ok_or(SpoolError::BrokenOff)?.hash.clone();
        hash.update(&self.block);
        Ok(FileHash::from_digest(hash.finalize().into()))
    }

    /// fsync, rename to its hash, fsync of the folder. With the length in bytes.
    ///
    /// A file with the same content that is there already is replaced by this one: whatever a disk
    /// did to it is mended, and who reads it reads on.
    pub async fn keep(mut self) -> Result<(FileHash, u64), SpoolError> {
        let (spool, mut writing) = (self.spool.clone(), self.take()?);
        let block = std::mem::take(&mut self.block);
        blocking(move || {
            spool.check_space()?;
            writing.write(&block)?;
            let Writing { file, mut temporary, hash, bytes, .. } = writing;
            file.sync_all().map_err(|error| failure(&temporary.path, error))?;
            let hash = FileHash::from_digest(hash.finalize().into());
            let path = spool.path(&hash);
            std::fs::rename(&temporary.path, &path).map_err(|error| failure(&path, error))?;
            temporary.renamed = true;
            sync_dir(&spool.dir)?;
            Ok((hash, bytes))
        })
        .await
    }

    /// Ends the upload without a trace.
    pub async fn discard(mut self) {
        let writing = self.file.take();
        // Removing a large file takes a while; a dropped upload pays for that on its own thread.
        let _ = blocking(move || {
            drop(writing);
            Ok(())
        })
        .await;
    }

    fn take(&mut self) -> Result<Writing, SpoolError> {
        self.file.take().ok_or(SpoolError::BrokenOff)
    }
}

impl Writing {
    fn write(&mut self, block: &[u8]) -> Result<(), SpoolError> {
        self.file.write_all(block).map_err(|error| failure(&self.temporary.path, error))?;
        self.hash.update(block);
        self.bytes += block.len() as u64;
        survey_block(&mut self.survey, block);
        Ok(())
    }
}

/// Surveys on until the first error, which stays.
fn survey_block(survey: &mut Result<Surveyor, SurveyError>, block: &[u8]) {
    if let Ok(surveyor) = survey
        && let Err(error) = surveyor.feed(block)
    {
        *survey = Err(error);
    }
}

fn sync_dir(dir: &Path) -> Result<(), SpoolError> {
    File::open(dir).and_then(|opened| opened.sync_all()).map_err(|error| failure(dir, error))
}

fn failure(path: &Path, error: std::io::Error) -> SpoolError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SpoolError::Full { path: path.to_owned() },
        _ => SpoolError::Io { path: path.to_owned(), error },
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    // The work has no panic of its own; what is left is a runtime that ends.
    offload(work).await.unwrap_or(Err(SpoolError::BrokenOff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn sha256(bytes: &[u8]) -> FileHash {
        FileHash::from_digest(Sha256::digest(bytes).into())
    }

    async fn upload(spool: &Spool, bytes: &[u8]) -> (FileHash, u64) {
        let mut incoming = spool.begin().await.unwrap();
        for chunk in bytes.chunks(70_001) {
            incoming.write(chunk).await.unwrap();
        }
        incoming.keep().await.unwrap()
    }

    #[tokio::test]
    async fn an_upload_is_kept_under_its_hash_and_read_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let file = "G1 X1 ; left\n".repeat(80_000).into_bytes();
        let mut incoming = spool.begin().await.unwrap();
        incoming.write(&file).await.unwrap();
        let survey = incoming.survey().await.unwrap().unwrap();
        assert_eq!((survey.lines, survey.commands), (80_000, 80_000));
        assert_eq!(incoming.first_bytes(), &file[..BEGIN]);
        assert_eq!(names(dir.path()), [""; 0], "not named before it is whole");
        let (hash, bytes) = incoming.keep().await.unwrap();
        assert_eq!((&hash, bytes), (&sha256(&file), file.len() as u64));
        assert_eq!(names(dir.path()), [hash.as_str()]);
        assert_eq!(names(&dir.path().join("incoming")), [""; 0]);
        let (mut reader, length) = spool.reader(&hash).await.unwrap();
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await.unwrap();
        assert!(back == file && length == bytes);
        assert_eq!(spool.survey(&hash).await.unwrap(), (bytes, Ok(survey)));
        assert_eq!(spool.first_bytes(&hash).await.unwrap(), &file[..BEGIN]);
        spool.verify(&hash).await.unwrap();
    }

    #[tokio::test]
    async fn the_same_file_twice_is_one_file_and_heals_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let (hash, _) = upload(&spool, b"G28\n").await;
        std::fs::write(spool.path(&hash), b"G29\n").unwrap();
        let error = spool.verify(&hash).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("what is stored of file {hash} is not what was uploaded any more; upload it again")
        );
        assert_eq!(upload(&spool, b"G28\n").await.0, hash);
        spool.verify(&hash).await.unwrap();
        assert_eq!(names(dir.path()), [hash.as_str()]);
    }

    #[tokio::test]
    async fn a_reader_gets_the_part_that_it_asks_for_and_its_error_hides_no_change_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let (hash, _) = upload(&spool, &b"0123456789".repeat(BLOCK)).await;
        let take = |all: &mut Vec<u8>, block: &[u8]| {
            all.extend_from_slice(block);
            if all.len() > BLOCK { Err("enough") } else { Ok(()) }
        };
        assert_eq!(spool.scan(&hash, 13..19, Vec::new(), take).await.unwrap().unwrap(), b"345678");
        let end = 10 * BLOCK as u64;
        assert_eq!(spool.scan(&hash, end - 2..u64::MAX, Vec::new(), take).await.unwrap().unwrap(), b"89");
        assert_eq!(spool.scan(&hash, WHOLE, Vec::new(), take).await.unwrap(), Err("enough"));
        assert_eq!(spool.read_checked(&hash, Vec::new(), take).await.unwrap(), (end, Err("enough")));
        std::fs::write(spool.path(&hash), b"0123456789".repeat(BLOCK - 1)).unwrap();
        let changed = spool.read_checked(&hash, Vec::new(), take).await;
        assert!(matches!(changed, Err(SpoolError::Changed(_))), "{changed:?}");
    }

    #[tokio::test]
    async fn a_missing_or_emptied_file_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let hash = sha256(b"never");
        assert!(matches!(spool.reader(&hash).await, Err(SpoolError::NoFile(named)) if named == hash));
        assert!(matches!(spool.survey(&hash).await, Err(SpoolError::NoFile(_))));
        assert!(matches!(spool.verify(&hash).await, Err(SpoolError::NoFile(_))));
        std::fs::write(spool.path(&hash), b"").unwrap();
        assert!(matches!(spool.reader(&hash).await, Err(SpoolError::Changed(_))));
    }

    #[tokio::test]
    async fn an_upload_can_be_looked_at_before_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let mut upload = spool.begin().await.unwrap();
        upload.write(b"solid ").await.unwrap();
        let read = |file: &mut File| {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(upload.look(read).await.unwrap(), "solid ");
        upload.write(b"part").await.unwrap();
        assert_eq!(upload.look(read).await.unwrap(), "solid part");
        assert_eq!(upload.keep().await.unwrap(), (sha256(b"solid part"), 10));
    }

    #[tokio::test]
    async fn an_upload_that_is_not_kept_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let incoming = dir.path().join("incoming");
        for discard in [true, false] {
            let mut upload = spool.begin().await.unwrap();
            upload.write(&vec![b'G'; 600_000]).await.unwrap();
            assert_eq!(names(&incoming).len(), 1);
            if discard {
                upload.discard().await;
            } else {
                drop(upload);
            }
            assert_eq!(names(&incoming), [""; 0]);
        }
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[tokio::test]
    async fn what_a_crash_left_half_written_is_removed_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let kept = upload(&Spool::open(dir.path()).unwrap(), b"G28\n").await.0;
        std::fs::write(dir.path().join("incoming/0123"), b"G2").unwrap();
        Spool::open(dir.path()).unwrap();
        assert_eq!(names(&dir.path().join("incoming")), [""; 0]);
        assert_eq!(names(dir.path()), [kept.as_str()]);
    }

    #[tokio::test]
    async fn below_the_floor_no_upload_begins_and_none_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let mut under_way = spool.begin().await.unwrap();
        let full = spool.with_floor(u64::MAX);
        let error = full.begin().await.unwrap_err().to_string();
        assert!(error.contains("MiB left") && error.contains("free some space"), "{error}");
        under_way.spool = full;
        let error = under_way.write(&vec![b'G'; BLOCK]).await.unwrap_err();
        assert!(matches!(error, SpoolError::Low { .. }), "{error}");
        assert!(matches!(under_way.keep().await, Err(SpoolError::BrokenOff)));
        assert_eq!(names(&dir.path().join("incoming")), [""; 0]);
    }

    #[tokio::test]
    async fn a_refused_survey_still_tells_the_first_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        let mut incoming = spool.begin().await.unwrap();
        incoming.write(b"G1\n<html>\n").await.unwrap();
        incoming.write(&b"M112\n".repeat(100_000)).await.unwrap();
        let told = incoming.survey().await.unwrap().unwrap_err().to_string();
        assert!(told.starts_with("line 2: `<html>`"), "{told}");
        let (hash, _) = incoming.keep().await.unwrap();
        assert!(spool.survey(&hash).await.unwrap().1.is_err());
    }
}
