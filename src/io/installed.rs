//! Whether a process runs from the file that is installed: a package that is upgraded puts another in that one's place,
//! and leaves the process alone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What Linux says behind the name of a file that is no longer there (`proc_pid_exe(5)`).
const GONE: &[u8] = b" (deleted)";
const ITSELF: &str = "/proc/self";

/// The file that a process was started from, and whether another has taken its place. `None` where nobody may know:
/// only root sees what others run.
fn program(process: &Path) -> Option<(PathBuf, bool)> {
    let file = fs::read_link(process.join("exe")).ok()?;
    let Some(name) = file.as_os_str().as_bytes().strip_suffix(GONE) else { return Some((file, false)) };
    let name = PathBuf::from(OsStr::from_bytes(name));
    let replaced = name.exists();
    Some((name, replaced))
}

/// Whether another program is installed by now than the one that this process is.
pub fn is_replaced() -> bool {
    program(Path::new(ITSELF)).is_some_and(|(_, replaced)| replaced)
}

/// Processes that serve this configuration with a program that has made way for the one that this process is. Those of
/// others are seen by root only.
pub fn left_running(config: &Path) -> Vec<u32> {
    program(Path::new(ITSELF)).map(|(ours, _)| left_of(&ours, config)).unwrap_or_default()
}

fn left_of(ours: &Path, config: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let config = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let mut found: Vec<u32> = processes
        .flatten()
        .filter_map(|process| {
            let number = process.file_name().to_str()?.parse().ok()?;
            let left = program(&process.path()).is_some_and(|(file, replaced)| replaced && file == ours);
            (left && serves(&process.path(), &config)).then_some(number)
        })
        .collect();
    found.sort_unstable();
    found
}

/// Whether it was started as `… serve … --config CONFIG`.
fn serves(process: &Path, config: &Path) -> bool {
    let Ok(words) = fs::read(process.join("cmdline")) else { return false };
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
    let named = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(b"--config") {
        Some([]) => words.get(at + 1).copied(),
        Some([b'=', name @ ..]) => Some(name),
        _ => None,
    });
    // A path that does not begin at the root is one from a folder that we do not ask for.
    let is_it = |name: &[u8]| fs::canonicalize(OsStr::from_bytes(name)).is_ok_and(|name| name == config);
    words.contains(&b"serve".as_slice()) && named.is_some_and(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A shell that waits until it is ended, started from a file of its own.
    fn started(program: &Path, words: &[&str]) -> Child {
        let mut command = Command::new(program);
        command.args(["-c", "read line", "sh"]).args(words);
        command.stdin(Stdio::piped()).spawn().unwrap()
    }

    fn ended(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_daemon_is_left_behind_once_another_file_is_in_the_place_of_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().canonicalize().unwrap();
        let (ours, newer, config) = (at.join("platen"), at.join("newer"), at.join("platen.toml"));
        let shell = fs::canonicalize("/bin/sh").unwrap();
        fs::copy(&shell, &ours).unwrap();
        fs::copy(&shell, &newer).unwrap();
        fs::write(&config, "").unwrap();
        let named = config.to_str().unwrap();
        let daemon = started(&ours, &["serve", "--config", named]);
        let spelt = started(&ours, &["serve", &format!("--config={named}")]);
        let of_another = started(&ours, &["serve", "--config", "/dev/null"]);
        let no_daemon = started(&ours, &["check", "--config", named]);
        assert!(left_of(&ours, &config).is_empty());

        fs::rename(&newer, &ours).unwrap();
        let mut left = [daemon.id(), spelt.id()];
        left.sort_unstable();
        assert_eq!(left_of(&ours, &config), left);
        let itself = PathBuf::from(format!("/proc/{}", daemon.id()));
        assert_eq!(program(&itself), Some((ours.clone(), true)));

        // Removed, and nothing in its place: there is nothing to start anew from.
        fs::remove_file(&ours).unwrap();
        assert_eq!(program(&itself), Some((ours.clone(), false)));
        assert!(left_of(&ours, &config).is_empty());
        for child in [daemon, spelt, of_another, no_daemon] {
            ended(child);
        }
    }

    #[test]
    fn what_runs_from_its_own_file_is_not_replaced() {
        assert!(!is_replaced());
        assert!(left_running(Path::new("/dev/null")).is_empty());
    }
}
