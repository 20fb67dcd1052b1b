//! systemd's own tools read the units of `config/systemd`: nothing in them is unknown, and little is in their reach.

#![allow(clippy::unwrap_used, reason = "a failed test is the message")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use process_harness::command;

/// What `systemd-analyze security` may find, in tenths.
const EXPOSURE_MAX: &str = "20";

fn units() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/systemd");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut units: Vec<_> =
        entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect();
    units.sort();
    units
}

fn analyze(args: &[&str]) -> Output {
    let mut analyze = Command::new("systemd-analyze");
    // Units of this machine are no concern of ours, and colours neither.
    analyze.args(args).env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "cat").env("LC_ALL", "C.UTF-8");
    analyze.output().unwrap_or_else(|error| panic!("systemd-analyze: {error}; tests/run installs it"))
}

/// A machine on which the units are installed, and our program where they say.
fn installed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let (bin, system) = (root.path().join("usr/bin"), root.path().join("etc/systemd/system"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&system).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_platen"), bin.join("platen")).unwrap();
    for (name, path) in units() {
        fs::copy(path, system.join(name)).unwrap();
    }
    // Those of systemd that ours name.
    for name in ["local-fs", "multi-user", "timers", "sysinit", "basic", "shutdown", "paths"] {
        fs::write(system.join(format!("{name}.target")), "[Unit]\nDescription=of systemd\n").unwrap();
    }
    root
}

/// What systemd finds wrong with one of them; empty: nothing.
fn verified(root: &Path, name: &str) -> String {
    let root = format!("--root={}", root.display());
    let Output { status, stdout, stderr } = analyze(&["verify", "--man=no", &root, name]);
    let told = [stdout, stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    if status.success() || !told.is_empty() { told } else { format!("{status}") }
}

#[test]
fn systemd_finds_nothing_wrong_with_any_unit() {
    let root = installed();
    for (name, _) in units() {
        assert_eq!(verified(root.path(), &name), "", "{name}");
    }
    let service = root.path().join("etc/systemd/system/platen.service");
    let right = fs::read_to_string(&service).unwrap();
    // What it would say of a wrong one.
    for (old, new) in [
        ("\nWatchdogSec=", "\nWatchdogSeconds="),
        ("\nType=notify", "\nType=notified"),
        ("=/usr/bin/platen serve", "=/usr/bin/platten serve"),
    ] {
        assert!(right.contains(old), "{old}");
        fs::write(&service, right.replace(old, new)).unwrap();
        assert_ne!(verified(root.path(), "platen.service"), "", "{new}");
    }
}

#[test]
fn every_service_is_exposed_to_two_points_of_ten_at_most() {
    let services: Vec<_> = units().into_iter().filter(|(name, _)| name.ends_with(".service")).collect();
    let names: Vec<_> = services.iter().map(|(name, _)| name.as_str()).collect();
    let known =
        ["platen-backup.service", "platen-left-hot.service", "platen-safe-off.service", "platen.service"];
    assert_eq!(names, known);
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let judged = |path: &Path| {
        analyze(&["security", "--offline=true", "--no-pager", &threshold, path.to_str().unwrap()])
    };
    for (name, path) in &services {
        let Output { status, stdout, stderr } = judged(path);
        let told = String::from_utf8_lossy(&stdout).into_owned();
        assert!(status.success(), "{name}: {told}{}", String::from_utf8_lossy(&stderr));
        assert!(told.contains("Overall exposure level for "), "{name}: {told}");
    }
    // One that is open is refused.
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open.service");
    fs::write(&open, "[Service]\nExecStart=/bin/true\n").unwrap();
    assert!(!judged(&open).status.success());
}

#[test]
fn the_program_takes_every_line_that_systemd_runs_it_with() {
    let mut lines = 0;
    for (name, path) in units() {
        for line in fs::read_to_string(path).unwrap().lines() {
            let Some((key, value)) = line.split_once('=').filter(|(key, _)| key.starts_with("Exec")) else {
                continue;
            };
            let args = value.strip_prefix("/usr/bin/platen ").unwrap_or_else(|| panic!("{name}: {line}"));
            // Asked for help last, it has taken all before.
            let mut args: Vec<_> = args.split(' ').collect();
            args.push("--help");
            let told = command(env!("CARGO_BIN_EXE_platen"), &args).output().unwrap();
            assert!(told.status.success(), "{name}: {key}: {}", String::from_utf8_lossy(&told.stderr));
            lines += 1;
        }
    }
    assert_eq!(lines, 6);
}

#[test]
fn what_the_daemon_says_to_systemd_and_asks_of_it_its_unit_lets_it() {
    let unit = units().into_iter().find(|(name, _)| name == "platen.service").unwrap().1;
    let text = fs::read_to_string(unit).unwrap();
    let all = |key: &str| -> Vec<&str> {
        text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
    };
    assert_eq!((all("Type"), all("NotifyAccess")), (vec!["notify"], vec!["exec"]));
    assert_eq!(all("Environment"), ["PLATEN_UNIT=%n"]);
    assert!(all("FileDescriptorStorePreserve").is_empty(), "ports would stay open after a stop");
    // `systemctl list-jobs` needs D-Bus, mDNS the list of networks.
    assert_eq!(all("RestrictAddressFamilies"), ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"]);
    // What a slicer is confined by (src/io/cage.rs).
    assert_eq!(all("RestrictNamespaces"), ["user net"]);
    let calls = all("SystemCallFilter").join(" ");
    for call in ["setrlimit", "setpriority", "ioprio_set"] {
        assert!(calls.split(' ').any(|one| one == call), "{call}: {calls}");
    }
    let devices = all("DeviceAllow").join(" ");
    for device in ["char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-ttyS", "char-fb", "char-drm"] {
        assert!(devices.split(' ').any(|one| one == device), "{device}: {devices}");
    }
    let patience: u64 = all("WatchdogSec")[0].parse().unwrap();
    // A disk that tries a bad sector again takes 30 seconds (`/sys/block/*/device/timeout`).
    assert!(patience > 30, "{patience}");
}
