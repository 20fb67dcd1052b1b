//! Files and folders that are on the disk before anybody is told so.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A new file that only its owner may read; it must not be there yet.
pub fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A new folder of the same kind.
pub fn new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A plain file of somebody else's making: no link, no pipe that never ends.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let options =
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).clone();
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("this is no plain file")) }
}

/// Everything below a folder, and the folder itself.
pub fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

/// The names in the folder that `path` is in.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Gives what is at `from` the name `to`, which nothing has yet; durable on return.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let flags = nix::fcntl::RenameFlags::RENAME_NOREPLACE;
    match nix::fcntl::renameat2(nix::fcntl::AT_FDCWD, from, nix::fcntl::AT_FDCWD, to, flags) {
        Ok(()) => {}
        // File systems that do not know the flag (some network ones).
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to)?;
        }
        Err(error) => return Err(error.into()),
    }
    sync_parent(to)
}
