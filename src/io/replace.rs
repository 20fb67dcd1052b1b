//! A text file that is replaced whole or not at all, and only while it still says what was read.
//!
//! ```text
//! open ─▶ (somebody works out the new text) ─▶ write beside it, fsync ─▶ still the same? ─▶ rename, fsync of the folder
//! ```

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::clock::entropy;

#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    #[error("{path} cannot be read: {error}; look at the path")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{0} is no file that could be replaced; give the path of a plain file")]
    NoFile(PathBuf),
    #[error("{0} is write-protected; do this as its owner, after `chmod u+w`")]
    Protected(PathBuf),
    #[error("{path} cannot be written: {error}; do this as a user that may write it and its folder")]
    Unwritable { path: PathBuf, error: io::Error },
    #[error("{0} was changed by somebody else meanwhile; look at it, then try again")]
    Changed(PathBuf),
}

/// A file as it was read.
#[derive(Debug)]
pub struct Replaceable {
    /// The file itself, where a link was given: links stay links.
    path: PathBuf,
    text: String,
    metadata: Metadata,
}

/// What became of a replaced file's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Kept,
    /// It could not be given back to its owner or group: it is ours now.
    Ours,
}

impl Replaceable {
    /// Reads a file; one that could not be replaced is told now, before anybody works for it.
    pub fn open(path: &Path) -> Result<Self, ReplaceError> {
        let unreadable = |error| ReplaceError::Unreadable { path: path.to_owned(), error };
        let path = path.canonicalize().map_err(unreadable)?;
        let metadata = path.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(ReplaceError::NoFile(path));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        // Root may write all the same, but somebody meant it.
        if metadata.permissions().mode() & 0o222 == 0 {
            return Err(ReplaceError::Protected(path));
        }
        let may = access(&path, AccessFlags::W_OK)
            .and_then(|()| access(folder_of(&path), AccessFlags::W_OK | AccessFlags::X_OK));
        match may {
            Ok(()) => Ok(Self { path, text, metadata }),
            Err(error) => Err(ReplaceError::Unwritable { path, error: error.into() }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// After this the file has either all of the new text or all of the old one, whatever happens.
    pub fn replace(&self, text: &str) -> Result<Owner, ReplaceError> {
        let failed = |error| ReplaceError::Unwritable { path: self.path.clone(), error };
        let beside = Beside::new(&self.path);
        // Nobody else may read it before it has its permissions.
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside.path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let owner = self.give_back(&file).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let now = std::fs::read(&self.path)
            .map_err(|error| ReplaceError::Unreadable { path: self.path.clone(), error })?;
        if now != self.text.as_bytes() {
            return Err(ReplaceError::Changed(self.path.clone()));
        }
        std::fs::rename(&beside.path, &self.path).map_err(failed)?;
        File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(owner)
    }

    /// Owner first: a change of owner may take permissions away.
    fn give_back(&self, file: &File) -> io::Result<Owner> {
        let (old, new) = (&self.metadata, file.metadata()?);
        let same = (old.uid(), old.gid()) == (new.uid(), new.gid());
        let owner = if same || fchown(file, Some(old.uid()), Some(old.gid())).is_ok() {
            Owner::Kept
        } else {
            // The group is what lets a daemon read it, and a member may give it.
            let _ = fchown(file, None, Some(old.gid()));
            Owner::Ours
        };
        file.set_permissions(Permissions::from_mode(old.permissions().mode() & 0o7777))?;
        Ok(owner)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// A file beside another one; removed unless it took the other's name.
struct Beside {
    path: PathBuf,
}

impl Beside {
    fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let random = u64::from_le_bytes(*entropy().first_chunk().unwrap_or(&[0; 8]));
        Self { path: path.with_file_name(format!(".{name}.{random:016x}.new")) }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn file(text: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platen.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_replaced_file_has_the_new_text_and_the_old_permissions_and_owner() {
        for bits in [0o600, 0o640, 0o664] {
            let (folder, path) = file("old");
            std::fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
            let before = path.metadata().unwrap();
            assert_eq!(Replaceable::open(&path).unwrap().replace("new").unwrap(), Owner::Kept);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
            let after = path.metadata().unwrap();
            assert_eq!((mode(&path), after.uid(), after.gid()), (bits, before.uid(), before.gid()));
            assert_eq!(names(&folder), ["platen.toml"]);
        }
    }

    #[test]
    fn the_owner_is_kept_where_we_may_give_files_away() {
        let (_folder, path) = file("old");
        if std::os::unix::fs::chown(&path, Some(12_345), Some(12_346)).is_err() {
            return;
        }
        assert_eq!(Replaceable::open(&path).unwrap().replace("new").unwrap(), Owner::Kept);
        let after = path.metadata().unwrap();
        assert_eq!((after.uid(), after.gid()), (12_345, 12_346));
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_is_replaced() {
        let (folder, path) = file("old");
        let links = tempfile::tempdir().unwrap();
        let link = links.path().join("link.toml");
        symlink(&path, &link).unwrap();
        Replaceable::open(&link).unwrap().replace("new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((names(&folder), names(&links)), (vec!["platen.toml".into()], vec!["link.toml".into()]));
    }

    #[test]
    fn a_file_that_was_changed_meanwhile_is_left_as_it_is_now() {
        let (folder, path) = file("old");
        let opened = Replaceable::open(&path).unwrap();
        std::fs::write(&path, "theirs").unwrap();
        let error = opened.replace("new").unwrap_err();
        assert!(matches!(error, ReplaceError::Changed(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(&folder), ["platen.toml"]);
    }

    #[test]
    fn what_cannot_be_replaced_is_told_before_it_is_tried() {
        let (folder, path) = file("old");
        std::fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        assert!(matches!(Replaceable::open(&path), Err(ReplaceError::Protected(_))));
        assert!(matches!(Replaceable::open(folder.path()), Err(ReplaceError::NoFile(_))));
        let missing = folder.path().join("missing");
        assert!(matches!(Replaceable::open(&missing), Err(ReplaceError::Unreadable { .. })));
        // Nobody, not even root, may write here.
        assert!(matches!(
            Replaceable::open(Path::new("/proc/sys/kernel/ostype")),
            Err(ReplaceError::Protected(_) | ReplaceError::Unwritable { .. })
        ));
    }
}
