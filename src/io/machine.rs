//! What this machine says of itself: its disks, this process, its clock, who has a device open, what systemd runs.
//!
//! Everything is read, and nothing is changed. What cannot be read is absent, never zero.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use super::usb::Device;

/// What is left on the disk of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that a user may still take.
    pub free: u64,
    pub size: u64,
    /// Files that may still be made; absent where the file system makes room for them as it goes (btrfs).
    pub free_files: Option<u64>,
}

/// Blocks.
pub fn disk(folder: &Path) -> io::Result<Disk> {
    let space = nix::sys::statvfs::statvfs(folder)?;
    let unit = space.fragment_size();
    Ok(Disk {
        free: space.blocks_available().saturating_mul(unit),
        size: space.blocks().saturating_mul(unit),
        free_files: (space.files() > 0).then(|| space.files_available()),
    })
}

/// Bytes of the files in a folder, and below it one level deep. Blocks.
pub fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        // What goes away meanwhile is nothing.
        let Ok(found) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) else { continue };
        bytes += match found {
            (path, metadata) if metadata.is_dir() => flat(&path),
            (_, metadata) => metadata.len(),
        };
    }
    Ok(bytes)
}

fn flat(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

/// What this process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Bytes.
    pub resident: Option<u64>,
    pub threads: Option<u64>,
    pub descriptors: Option<u64>,
    pub descriptors_max: Option<u64>,
}

/// Blocks, but for no disk.
pub fn process() -> Process {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let opened = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    let limits = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok();
    Process {
        resident: number("VmRSS").map(|kib| kib.saturating_mul(1024)),
        threads: number("Threads"),
        // The one with which it is looked is one of them.
        descriptors: opened.and_then(|count| u64::try_from(count).ok()).map(|count| count.saturating_sub(1)),
        descriptors_max: limits.map(|(soft, _)| soft),
    }
}

/// The kernel's name and release, as `uname -sr` has them.
pub fn kernel() -> Option<String> {
    let text = |file: &str| fs::read_to_string(format!("/proc/sys/kernel/{file}")).ok();
    Some(format!("{} {}", text("ostype")?.trim(), text("osrelease")?.trim()))
}

/// Whether the kernel takes its clock for set by something outside; absent where it may not be asked.
#[expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper")]
pub fn is_clock_set() -> Option<bool> {
    // SAFETY: all zeroes is a value of this plain struct, and `modes` of 0 only asks.
    let mut asked: nix::libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a whole struct of ours, for the time of the call.
    let state = unsafe { nix::libc::adjtimex(&raw mut asked) };
    (state >= 0).then_some(state != nix::libc::TIME_ERROR && asked.status & nix::libc::STA_UNSYNC == 0)
}

/// The zone of the machine's clock, by its name; absent where `/etc/localtime` is no link to one.
pub fn zone() -> Option<String> {
    let target = fs::canonicalize("/etc/localtime").ok()?;
    let target = target.to_str()?;
    target.split_once("/zoneinfo/").map(|(_, name)| name.trim_start_matches("posix/").to_owned())
}

/// A process that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

/// Names and numbers of all processes.
fn processes() -> impl Iterator<Item = (u32, PathBuf, String)> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some((pid, entry.path(), name.trim().to_owned()))
    })
}

/// Whether a process of one of these names runs: the first that is found.
pub fn running(names: &[&str]) -> Option<Holder> {
    processes()
        .find(|(_, _, name)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
        .map(|(pid, _, name)| Holder { pid, name })
}

/// Who has a device open, as far as we may see; `all`: nobody's descriptors were hidden from us. Blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    pub found: Vec<Holder>,
    pub all: bool,
}

pub fn holders(device: &Device) -> Holders {
    let mut holders = Holders { found: Vec::new(), all: true };
    for (pid, folder, name) in processes() {
        let Ok(descriptors) = fs::read_dir(folder.join("fd")) else {
            // One that has ended meanwhile holds nothing.
            holders.all &= !folder.exists();
            continue;
        };
        let mut open = descriptors.flatten().map(|entry| entry.path());
        // What a link of /proc leads to is asked of the link, which opens nothing.
        let is_it = |path: &PathBuf| {
            let target = fs::read_link(path).ok();
            target.is_some_and(|target| target.starts_with("/dev/"))
                && Device::of(path).as_ref() == Some(device)
        };
        if open.any(|path| is_it(&path)) {
            holders.found.push(Holder { pid, name });
        }
    }
    holders
}

/// A user, with the groups that they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gids: Vec<u32>,
}

/// Whose a file or folder is. Blocks.
pub fn owner(path: &Path) -> io::Result<Account> {
    let metadata = fs::metadata(path)?;
    let uid = Uid::from_raw(metadata.uid());
    let Some(user) = User::from_uid(uid).ok().flatten() else {
        return Ok(Account { name: uid.to_string(), uid: uid.as_raw(), gids: vec![metadata.gid()] });
    };
    let name = CString::new(user.name.clone()).map_err(io::Error::other)?;
    let groups = getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
    Ok(Account { name: user.name, uid: uid.as_raw(), gids: groups.into_iter().map(Gid::as_raw).collect() })
}

/// Who runs this.
pub fn own_uid() -> u32 {
    Uid::effective().as_raw()
}

/// The number of a group.
pub fn group(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}

/// The name of a group; its number where it has none.
pub fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Whether a file's mode lets somebody read and write it. root may always.
pub fn may_read_and_write(path: &Path, account: &Account) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    let shift = if metadata.uid() == account.uid {
        6
    } else if account.gids.contains(&metadata.gid()) {
        3
    } else {
        0
    };
    Ok(account.uid == 0 || (metadata.mode() >> shift) & 0o6 == 0o6)
}

/// The group of a file.
pub fn gid_of(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.gid())
}

/// One unit, as systemd has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    pub id: String,
    /// `loaded`, `not-found`, `masked`.
    pub load: String,
    /// `active`, `inactive`, `failed`, …
    pub active: String,
    /// `enabled`, `disabled`, `static`, …; empty where there is no file of it.
    pub file: String,
    pub result: String,
    pub groups: Vec<String>,
}

/// Whether systemd runs this machine.
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Units by their names, in that order. Blocks.
pub fn units(names: &[&str]) -> io::Result<Vec<Unit>> {
    let mut command = Command::new("systemctl");
    command.args([
        "show",
        "--no-pager",
        "-p",
        "Id,LoadState,ActiveState,UnitFileState,Result,SupplementaryGroups",
        "--",
    ]);
    command.args(names).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null());
    let told = command.output()?;
    if !told.status.success() {
        return Err(io::Error::other(format!("systemctl show: {}", told.status)));
    }
    Ok(units_in(&String::from_utf8_lossy(&told.stdout)))
}

/// Blocks of `Key=value`, an empty line between them.
fn units_in(text: &str) -> Vec<Unit> {
    let unit = |block: &str| {
        let mut unit = Unit::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => unit.id = value.into(),
                "LoadState" => unit.load = value.into(),
                "ActiveState" => unit.active = value.into(),
                "UnitFileState" => unit.file = value.into(),
                "Result" => unit.result = value.into(),
                "SupplementaryGroups" => unit.groups = value.split_whitespace().map(str::to_owned).collect(),
                _ => {}
            }
        }
        unit
    };
    text.split("\n\n").filter(|block| !block.trim().is_empty()).map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let before = process();
        assert!(before.resident.unwrap() > 1 << 20 && before.threads.unwrap() >= 1, "{before:?}");
        assert!(before.descriptors.unwrap() >= 3 && before.descriptors_max.unwrap() > 3, "{before:?}");
        assert!(kernel().unwrap().starts_with("Linux "));
    }

    #[test]
    fn the_disk_of_a_folder_has_room_and_what_is_in_it_is_counted_one_level_deep() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), [0; 100]).unwrap();
        fs::create_dir_all(folder.path().join("below/deeper")).unwrap();
        fs::write(folder.path().join("below/b"), [0; 30]).unwrap();
        fs::write(folder.path().join("below/deeper/c"), [0; 7]).unwrap();
        assert_eq!(bytes_in(folder.path()).unwrap(), 130);
        let disk = disk(folder.path()).unwrap();
        assert!(disk.free > 0 && disk.free <= disk.size, "{disk:?}");
        assert!(bytes_in(Path::new("/none")).is_err() && super::disk(Path::new("/none")).is_err());
    }

    #[test]
    fn who_has_a_device_open_is_found_by_the_device_and_not_by_its_name() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let path = nix::unistd::ttyname(&pty.slave).unwrap();
        let found = holders(&Device::of(&path).unwrap());
        let us = std::process::id();
        assert!(found.found.iter().any(|holder| holder.pid == us), "{found:?}");
        drop(pty);
        let us = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(running(&[us.trim()]).is_some() && running(&["no such program"]).is_none());
    }

    #[test]
    fn the_mode_of_a_file_says_who_may_and_root_always_may() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tty");
        fs::write(&path, "").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let of = |uid, gid| Account { name: "x".into(), uid, gids: vec![gid] };
        let (owner, group) = (metadata.uid().max(1), metadata.gid());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        let may = |account: &Account| may_read_and_write(&path, account).unwrap();
        assert!(may(&of(0, group + 1)) && may(&of(owner + 1, group)) && !may(&of(owner + 1, group + 1)));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(!may(&of(owner + 1, group)), "reading alone is not enough");
    }

    #[test]
    fn what_systemd_shows_is_read_block_by_block() {
        let text = "Id=platen.service\nLoadState=loaded\nActiveState=failed\nUnitFileState=enabled\nResult=exit-code\n\
                    SupplementaryGroups=dialout gpio\n\nId=x.path\nLoadState=not-found\nActiveState=inactive\n";
        let units = units_in(text);
        assert_eq!(units.len(), 2);
        assert_eq!(
            (units[0].active.as_str(), units[0].groups.as_slice()),
            ("failed", &["dialout".to_owned(), "gpio".to_owned()][..])
        );
        assert_eq!((units[1].load.as_str(), units[1].file.as_str()), ("not-found", ""));
    }

    #[test]
    fn asking_for_the_clock_changes_nothing_and_may_be_refused() {
        assert_eq!(is_clock_set(), is_clock_set());
    }
}
