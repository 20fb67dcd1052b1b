//! Where the journal and the lab's state are kept, behind one trait.
//!
//! A `Batch` is committed whole or not at all, and is on the disk when `commit` returns.

pub mod memory;
pub mod sled;

use std::path::PathBuf;

/// The longest value: sled moves larger ones to files of their own, which it does not make durable.
pub const VALUE_MAX: usize = 4096;

/// A value that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(Vec<u8>);

impl Value {
    pub fn new(bytes: Vec<u8>) -> Result<Self, StoreError> {
        if bytes.len() > VALUE_MAX {
            return Err(StoreError::TooLong { bytes: bytes.len() });
        }
        Ok(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What goes wrong with a store, each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "an entry of {bytes} bytes is longer than the store takes ({VALUE_MAX}); this is a defect of platen"
    )]
    TooLong { bytes: usize },
    #[error("the disk of {path} is full; free some space, then try again (nothing accepted so far is lost)")]
    Full { path: PathBuf },
    #[error(
        "the disk of {path} is full; free some space there, {megabytes} MB at least, then start platen again (nothing was changed, and nothing accepted before is lost)"
    )]
    NoRoom { path: PathBuf, megabytes: u64 },
    #[error(
        "another platen uses {path}; only one daemon may own a state folder: stop the other, or give this one a state_dir of its own"
    )]
    Locked { path: PathBuf },
    #[error(
        "the store in {path} is damaged ({detail}); move the state folder away, then `platen restore` your last backup"
    )]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "the store in {path} was written in format {found}, this platen reads {known}; use the platen that wrote it, or a newer one"
    )]
    Format { path: PathBuf, found: String, known: u32 },
    #[error(
        "the store in {path} failed while it wrote ({detail}), and whether the last entry is in it is not known; see to the disk, then start platen again (nothing accepted before is lost)"
    )]
    Lost { path: PathBuf, detail: String },
    #[error("{path} is no folder, and the journal is kept in one; move it away, or set another state_dir")]
    NoFolder { path: PathBuf },
    #[error(
        "the store in {path} cannot be used: {error}; see that the folder and its files are ones that platen's user may read and write"
    )]
    Io { path: PathBuf, error: std::io::Error },
}

/// Changes that belong together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Journal entries, by `seq`; never overwritten.
    pub events: Vec<(u64, Value)>,
    /// The lab's entities, by path.
    pub entities: Vec<(String, Value)>,
    /// Readers' cursors and other small facts about the store itself.
    pub meta: Vec<(String, Value)>,
    /// Worth the last reserve of a full disk: a printer is stopped, and must stay so after a crash.
    pub urgent: bool,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.entities.is_empty() && self.meta.is_empty()
    }
}

/// A place for the journal. All calls block; the recorder makes them from a blocking thread.
pub trait Store: Send + Sync + 'static {
    /// All of the batch or nothing, durable on return. After an error there is nothing of it in the
    /// store, but for `StoreError::Lost`, after which the store takes nothing more.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;
    /// Why the next commit would be refused, as far as that is known without making one.
    fn ready(&self) -> Result<(), StoreError>;
    /// Journal entries from `seq` on, at most `limit`, in order.
    fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;
    /// The newest journal entry.
    fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError>;
    /// All entities with their paths.
    fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// All small facts with their keys.
    fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
}
