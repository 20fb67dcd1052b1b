//! A 3MF as an archive: read with suspicion by the crate `archive`, told in the words of a model.

use std::io::{Read, Seek};

use ::archive::ArchiveError;

use super::limits::{Limits, ModelError};

pub(super) use ::archive::NAME_MAX;

#[derive(Debug)]
pub struct Archive<R>(::archive::Archive<R>);

impl<R: Read + Seek> Archive<R> {
    pub fn open(source: R, limits: &Limits) -> Result<Self, ModelError> {
        Ok(Self(::archive::Archive::open(source, "3MF", &limits.archive())?))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// The content of a file of the archive, which ends with an error where it is not what was promised.
    pub fn read(&mut self, name: &str) -> Result<impl Read + use<'_, R>, ModelError> {
        Ok(self.0.read(name)?)
    }
}

impl From<ArchiveError> for ModelError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::TooMuch { what, found, max } => {
                Self::TooMuch { what, found, max, help: "export it with one plate and without pictures" }
            }
            ArchiveError::Damaged(what) => Self::Archive(what),
            ArchiveError::Hostile(what) => Self::Hostile(what),
            ArchiveError::Unsupported(what) => Self::Unsupported(what),
            ArchiveError::Unreadable(what) => Self::Unreadable(what),
        }
    }
}
