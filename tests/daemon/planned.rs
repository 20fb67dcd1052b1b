//! The daemon is started anew on purpose while printers print: systemd keeps their ports, and nothing is lost.

use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use hw_sim::quirks::Face;
use nix::cmsg_space;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::Value;

use crate::restart::assert_executed;
use crate::world::{Daemon, Lab, Process, Told, gcode, platen, printer, run, until, wait_commands};

const UNIT: &str = "platen.service";

/// What systemd keeps: names, descriptors.
type Kept = Arc<Mutex<Vec<(String, OwnedFd)>>>;

/// systemd, as far as a service sees it: its socket, its store of descriptors, and `systemctl list-jobs`.
pub struct Systemd {
    folder: PathBuf,
    kept: Kept,
    /// Each datagram.
    heard: Arc<Mutex<Vec<String>>>,
    /// Descriptors passed to the service; the last process had so many.
    passed: std::cell::Cell<usize>,
}

fn read(socket: &UnixDatagram) -> Option<(String, Vec<OwnedFd>)> {
    let mut text = [0; 1024];
    let mut space = cmsg_space!([i32; 4]);
    let (length, raw) = {
        let mut into = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let got = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut space), flags).ok()?;
        let rights = |one| if let ControlMessageOwned::ScmRights(raw) = one { raw } else { Vec::new() };
        (got.bytes, got.cmsgs().ok()?.flat_map(rights).collect::<Vec<_>>())
    };
    let passed = raw.into_iter().map(owned).collect();
    Some((String::from_utf8(text[..length].to_vec()).unwrap(), passed))
}

#[expect(unsafe_code, reason = "the kernel gives numbers")]
fn owned(number: i32) -> OwnedFd {
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// The child finds them from descriptor 3 on, as systemd's children do.
#[expect(unsafe_code, reason = "only a child can say which number a descriptor has there")]
fn pass(command: &mut std::process::Command, descriptors: Vec<OwnedFd>) {
    let place = move || {
        for (from, to) in descriptors.iter().zip(3..) {
            // SAFETY: `dup2` may be called between fork and exec; what it replaces there is nobody's any more.
            if unsafe { nix::libc::dup2(from.as_raw_fd(), to) } < 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: it only calls `dup2`, and allocates nothing.
    unsafe { command.pre_exec(place) };
}

fn hear(socket: &UnixDatagram, kept: &Kept, heard: &Mutex<Vec<String>>) {
    while let Some((text, passed)) = read(socket) {
        heard.lock().unwrap().push(text.clone());
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let name = || value("FDNAME").unwrap().to_owned();
        if value("END").is_some() {
            return;
        } else if value("FDSTORE").is_some() {
            kept.lock().unwrap().extend(passed.into_iter().map(|one| (name(), one)));
        } else if value("FDSTOREREMOVE").is_some() {
            kept.lock().unwrap().retain(|(kept, _)| *kept != name());
        }
        // What came with a barrier is closed here.
    }
}

impl Systemd {
    pub fn new(folder: &Path) -> Self {
        let folder = folder.join("systemd");
        fs::create_dir(&folder).unwrap();
        let systemctl = folder.join("systemctl");
        fs::write(&systemctl, format!("#!/bin/sh\ncat {}\n", folder.join("jobs").display())).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        let (kept, heard) = (Kept::default(), Arc::default());
        let systemd = Self { folder, kept, heard, passed: std::cell::Cell::new(0) };
        systemd.plan("");
        systemd
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("notify")
    }

    /// Keeps what it gets, until this is dropped.
    pub fn listening(self) -> Self {
        let (socket, kept) = (UnixDatagram::bind(self.socket()).unwrap(), Arc::clone(&self.kept));
        let heard = Arc::clone(&self.heard);
        thread::spawn(move || hear(&socket, &kept, &heard));
        self
    }

    /// All words so far, in their order.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().flat_map(|text| text.lines().map(str::to_owned)).collect()
    }

    /// What it would run behind a daemon that ended so (`ExecStopPost=`).
    pub fn after_stop(&self, lab: &Lab, code: &str, status: &str) -> Told {
        let config = lab.config.to_str().unwrap();
        let mut command = platen(&["safe-off", "--config", config, "--after-stop", "--wait", "60"]);
        self.surround(&mut command);
        command.env("SERVICE_RESULT", "signal").env("EXIT_CODE", code).env("EXIT_STATUS", status);
        Process::spawn(&mut command).end()
    }

    fn surround(&self, command: &mut std::process::Command) {
        let path = format!("{}:{}", self.folder.display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("NOTIFY_SOCKET", self.socket()).env("PLATEN_UNIT", UNIT);
    }

    /// What it is at with the service: `restart`, `stop`, or nothing.
    pub fn plan(&self, kind: &str) {
        let jobs = if kind.is_empty() { String::new() } else { format!("1234 {UNIT} {kind} running\n") };
        fs::write(self.folder.join("jobs"), jobs).unwrap();
    }

    fn kept(&self) -> Vec<String> {
        let mut names: Vec<_> = self.kept.lock().unwrap().iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Starts the service, with what was kept.
    pub fn serve(&self, lab: &Lab) -> Daemon {
        self.serve_with(lab, &[])
    }

    pub fn serve_with(&self, lab: &Lab, more: &[(&str, &str)]) -> Daemon {
        // Copies far from the numbers that the child finds them at; no other child inherits them.
        let copies: Vec<(String, OwnedFd)> = {
            let kept = self.kept.lock().unwrap();
            let copy = |(name, port): &(String, OwnedFd)| {
                let number = fcntl(port, FcntlArg::F_DUPFD_CLOEXEC(200)).unwrap();
                (name.clone(), owned(number))
            };
            kept.iter().map(copy).collect()
        };
        self.passed.set(copies.len());
        let (names, copies): (Vec<_>, Vec<_>) = copies.into_iter().unzip();
        let program = platen(&["serve", "--config", lab.config.to_str().unwrap()]);
        let mut command = std::process::Command::new("bash");
        command.args(["-c", "export LISTEN_PID=$$\nexec \"$0\" \"$@\""]);
        command.arg(program.get_program()).args(program.get_args());
        pass(&mut command, copies);
        self.surround(&mut command);
        command.envs(more.iter().copied());
        command.env("FDSTORE", "64").env("LISTEN_FDS", names.len().to_string());
        command.env("LISTEN_FDNAMES", names.join(":"));
        Daemon::of(Process::spawn(&mut command))
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let socket = UnixDatagram::unbound().unwrap();
        // Where nobody listens, nobody has to end.
        let _ = socket.send_to(b"END=1", self.socket());
    }
}

/// Printers that restart when their port is opened, as most boards do.
pub fn lab(printers: usize) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let faces = [Face::Marlin21, Face::Marlin20, Face::Marlin11];
    let printers = (0..printers).map(|number| {
        let mut one = printer(folder.path(), &format!("mk{number}"), faces[number % faces.len()], 4.0);
        one.rig.firmware.reset_on_open = true;
        one
    });
    let printers = printers.collect();
    Lab::new(folder, printers, "")
}

/// One job on each printer, in the middle of it.
pub fn printing(lab: &Lab, daemon: &Daemon, of: &str, text: &str) -> Vec<String> {
    let file = lab.file("long.gcode", text);
    let case = daemon.case_for(of);
    let jobs = lab.printers.iter().map(|board| daemon.print(&file, &case, board.name()));
    let jobs: Vec<_> = jobs.collect();
    for (board, job) in lab.printers.iter().zip(&jobs) {
        daemon.wait_job(job, "printing");
        wait_commands(board, 120);
    }
    jobs
}

pub fn are_hot(lab: &Lab) -> bool {
    lab.printers.iter().all(|board| board.statistics().unwrap().targets == [200.0, 60.0])
}

pub fn are_off(lab: &Lab) -> bool {
    lab.printers.iter().all(|board| board.statistics().unwrap().targets == [0.0, 0.0])
}

#[test]
fn eight_printers_in_mid_print_go_on_after_a_planned_restart_and_none_of_them_is_reset() {
    let lab = lab(8);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let daemon = systemd.serve(&lab);
    let text = gcode(1_500);
    let jobs = printing(&lab, &daemon, "education", &text);
    let resets = || -> Vec<u64> {
        lab.printers.iter().map(|board| board.statistics().unwrap().totals.resets).collect()
    };
    let before = resets();
    assert!(before.iter().all(|count| *count > 0), "they restart when their port is opened: {before:?}");
    systemd.plan("restart");
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    let names: Vec<_> = lab.printers.iter().map(|board| board.name().to_owned()).collect();
    assert_eq!(systemd.kept(), names, "{told:?}");
    assert!(are_hot(&lab), "{told:?}");

    systemd.plan("");
    let daemon = systemd.serve(&lab);
    assert_eq!(systemd.passed.get(), 8);
    until("an empty store", || systemd.kept().is_empty().then_some(()));
    let mut gaps: Vec<u64> = jobs
        .iter()
        .map(|job| {
            let job = until("the mark", || {
                let now = daemon.job(job);
                assert_ne!(now["state"], "interrupted", "{now}");
                now["continued"][0].is_object().then_some(now)
            });
            job["continued"][0]["gap_ms"].as_u64().unwrap()
        })
        .collect();
    for job in &jobs {
        let printed = daemon.wait_job(job, "printed");
        assert_eq!(
            (&printed["exact"], printed["continued"].as_array().unwrap().len()),
            (&Value::Bool(true), 1)
        );
    }
    assert_eq!(resets(), before);
    gaps.sort_unstable();
    println!("planned restart of 8 printers: gap median {} ms, longest {} ms", gaps[4], gaps[7]);
    // Other tests share the machine; on a quiet one it is some tenths of a second.
    assert!(gaps[7] < 10_000, "{gaps:?}");
    crate::crash::assert_gapless(&daemon.events());
    drop(daemon);
    let Lab { printers, folder, .. } = lab;
    for board in printers {
        assert_executed(board, &text);
    }
    drop((systemd, folder));
}

#[test]
fn a_guide_is_held_after_a_planned_restart() {
    let lab = lab(1);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let daemon = systemd.serve(&lab);
    let jobs = printing(&lab, &daemon, "guide", &gcode(1_000));
    systemd.plan("restart");
    daemon.terminate();
    let daemon = systemd.serve(&lab);
    daemon.wait_job(&jobs[0], "paused");
    assert!(are_hot(&lab));
    daemon.ask(&["jobs", "--resume", &jobs[0], "--by", "kim"]);
    assert_eq!(daemon.wait_job(&jobs[0], "printed")["exact"], true);
}

#[test]
fn a_stop_of_the_service_switches_the_heaters_off() {
    for plan in ["stop", ""] {
        let lab = lab(1);
        let systemd = Systemd::new(lab.folder.path()).listening();
        let daemon = systemd.serve(&lab);
        let jobs = printing(&lab, &daemon, "education", &gcode(20_000));
        systemd.plan(plan);
        let told = daemon.terminate();
        assert_eq!((told.code, systemd.kept().len()), (Some(0), 0), "{plan}: {told:?}");
        assert!(are_off(&lab), "{plan}: {told:?}");
        assert!(!lab.state().join("run/left-hot").exists());
        let daemon = systemd.serve(&lab);
        daemon.wait_job(&jobs[0], "interrupted");
    }
}

#[test]
fn a_store_that_takes_nothing_switches_the_heaters_off() {
    let lab = lab(1);
    let systemd = Systemd::new(lab.folder.path());
    // It is there, and reads nothing.
    let _hangs = UnixDatagram::bind(systemd.socket()).unwrap();
    let daemon = systemd.serve(&lab);
    let jobs = printing(&lab, &daemon, "education", &gcode(20_000));
    systemd.plan("restart");
    let told = daemon.terminate();
    assert!(are_off(&lab), "{told:?}");
    assert!(told.err.contains("systemd has not taken the open port"), "{told:?}");
    assert!(!lab.state().join("run/left-hot").exists());
    let daemon = systemd.serve(&lab);
    daemon.wait_job(&jobs[0], "interrupted");
}

#[test]
fn a_printer_that_is_not_configured_any_more_is_not_left_hot() {
    let lab = lab(1);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let daemon = systemd.serve(&lab);
    let jobs = printing(&lab, &daemon, "education", &gcode(20_000));
    systemd.plan("restart");
    daemon.terminate();
    assert!(are_hot(&lab));
    let config = fs::read_to_string(&lab.config).unwrap();
    // Its port, too, is nobody's now.
    let other =
        config.replace("\"mk0\"", "\"other\"").replace(lab.printers[0].path().to_str().unwrap(), "/dev/none");
    fs::write(&lab.config, other).unwrap();
    let daemon = systemd.serve(&lab);
    until("heaters off", || are_off(&lab).then_some(()));
    daemon.wait_job(&jobs[0], "interrupted");
}

#[test]
fn what_was_left_hot_for_a_daemon_that_does_not_come_is_switched_off() {
    let lab = lab(2);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let config = lab.config.to_str().unwrap();
    let guard = || run(&["safe-off", "--config", config, "--left-hot", "1", "--wait", "60"]);
    let daemon = systemd.serve(&lab);
    printing(&lab, &daemon, "education", &gcode(20_000));
    let told = guard();
    assert!(told.code == Some(0) && told.out.is_empty() && are_hot(&lab), "a daemon is there: {told:?}");
    systemd.plan("restart");
    daemon.terminate();
    assert!(are_hot(&lab) && lab.state().join("run/left-hot").exists());
    // The service was stopped before it came back: systemd lets go.
    systemd.kept.lock().unwrap().clear();
    let told = guard();
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(are_off(&lab), "{told:?}");
    assert!(!lab.state().join("run/left-hot").exists());
}
