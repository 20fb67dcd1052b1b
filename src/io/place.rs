//! A file of a machine's set-up, put in its place whole or not at all, with its mode and owner from the first moment.
//!
//! ```text
//! write beside it (0600) ─▶ owner, mode, fsync ─▶ rename ─▶ fsync of the folder
//! ```

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, getegid, geteuid, setegid, seteuid};

use super::clock::entropy;
use super::durable::{new_file, rename_new, sync_parent};
use crate::domain::ids::hex;

/// Whose a file is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// Absent: who makes it.
    pub user: Option<u32>,
    pub group: Option<u32>,
}

/// User and group of what is there.
pub fn whose(path: &Path) -> io::Result<Whose> {
    let found = path.metadata()?;
    Ok(Whose { user: Some(found.uid()), group: Some(found.gid()) })
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Written,
    /// One was there, and is gone.
    Replaced,
    /// One is there, and stays.
    There,
}

/// Puts `bytes` there. Nobody sees half of them, and what is there makes way only if it may. Blocks.
pub fn put(path: &Path, bytes: &[u8], mode: u32, whose: Whose, may_replace: bool) -> io::Result<Put> {
    let is_there = path.symlink_metadata().is_ok();
    if is_there && !may_replace {
        return Ok(Put::There);
    }
    let beside = beside(path);
    let written = write(&beside, bytes, mode, whose).and_then(|()| {
        if is_there {
            std::fs::rename(&beside, path)?;
            sync_parent(path)?;
            return Ok(Put::Replaced);
        }
        match rename_new(&beside, path) {
            Ok(()) => Ok(Put::Written),
            // Somebody was quicker, and theirs stays.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !may_replace => {
                std::fs::remove_file(&beside)?;
                Ok(Put::There)
            }
            Err(error) => Err(error),
        }
    });
    if written.is_err() {
        // It has no name of its own yet, so nobody misses it.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.new", hex(&entropy()[..8])))
}

fn write(path: &Path, bytes: &[u8], mode: u32, whose: Whose) -> io::Result<()> {
    let mut file: File = new_file(path)?;
    file.write_all(bytes)?;
    let found = file.metadata()?;
    let other = |wanted: Option<u32>, now: u32| wanted.filter(|wanted| *wanted != now);
    let (user, group) = (other(whose.user, found.uid()), other(whose.group, found.gid()));
    if user.is_some() || group.is_some() {
        fchown(&file, user, group)?;
    }
    // Owner first: a change of owner may take permissions away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// While this lives, files are made and read as another user, which only root may do.
#[derive(Debug)]
pub struct Acting {
    before: (Uid, Gid),
}

impl Acting {
    pub fn begin(user: u32, group: u32) -> io::Result<Self> {
        let acting = Self { before: (geteuid(), getegid()) };
        setegid(Gid::from_raw(group))?;
        // If this fails, the group is put back by `Drop`.
        seteuid(Uid::from_raw(user))?;
        Ok(acting)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        // The user first: only root may change the group.
        if seteuid(self.before.0).and_then(|()| setegid(self.before.1)).is_err() {
            tracing::error!("this process goes on as another user than it began; end it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_with_its_mode_and_what_is_there_stays_unless_it_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let put = |bytes: &[u8], replace| put(&path, bytes, 0o640, Whose::default(), replace).unwrap();
        assert_eq!(put(b"one", false), Put::Written);
        assert_eq!(put(b"two", false), Put::There);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
        assert_eq!(put(b"two", true), Put::Replaced);
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_nothing_can_be_put_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::write(there.join("in it"), "").unwrap();
        assert!(put(&there, b"x", 0o600, Whose::default(), true).is_err());
        assert!(put(&folder.path().join("no/file"), b"x", 0o600, Whose::default(), false).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
