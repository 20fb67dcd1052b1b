//! The process that comes after us: whether systemd starts one, and the open ports that it gets from us.
//!
//! ```text
//! systemctl restart ─▶ SIGTERM ─▶ restarts() ─▶ keep(port) ─▶ (end) … (start) ─▶ inherited() ─▶ forget(port)
//! ```
//! systemd keeps descriptors for a service (`FileDescriptorStoreMax=`) as long as a start of it is still to come.
//! Nothing in the environment tells a restart from a stop, so systemd is asked what it is at; whatever is not
//! "restart" is a stop.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::notify::{ANSWER, Notify};
use super::trail;

/// The first descriptor that systemd passes (`sd_listen_fds(3)`).
const FIRST: i32 = 3;

/// systemd, as far as it starts a process after us and keeps what it gets from us.
#[derive(Debug)]
pub struct Supervisor {
    notify: Notify,
    /// Our name there.
    unit: String,
    /// How many descriptors it keeps, where it says so (since systemd 254).
    room: Option<usize>,
    kept: AtomicBool,
}

fn given(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

impl Supervisor {
    /// `None` where nobody would keep anything: without the lines of our unit file.
    pub fn of_environment(notify: Notify) -> Option<Self> {
        let unit = given("PLATEN_UNIT")?.into_string().ok()?;
        let room = given("FDSTORE").and_then(|room| room.to_str()?.parse().ok());
        Some(Self { notify, unit, room, kept: AtomicBool::new(false) })
    }

    /// Whether it keeps so many descriptors, as far as it says.
    pub fn has_room(&self, count: usize) -> bool {
        self.room.is_none_or(|room| count <= room)
    }

    /// Whether it ends us only to start us again. Blocks, but not for long; what is not known is no.
    pub fn restarts(&self) -> bool {
        at(&self.unit) == At::Restart
    }

    /// Gives it a copy of an open port. `Ok` when it has read that. Blocks, but not for long.
    pub fn keep(&self, name: &str, port: BorrowedFd<'_>) -> io::Result<()> {
        self.notify.keep(name, port)?;
        self.kept.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Whether it has taken anything.
    pub fn has_kept(&self) -> bool {
        self.kept.load(Ordering::SeqCst)
    }

    /// It keeps nothing of that name any more, and has read that. Blocks, but not for long.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.notify.forget(name)
    }
}

/// What systemd is at with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// It ends it to start it again.
    Restart,
    /// It starts it.
    Start,
    Stop,
    /// No job of it waits: whoever has ended has ended by itself.
    Nothing,
    /// It does not say.
    Unknown,
}

/// Asks systemd what it is at. Blocks, but not for long.
fn at(unit: &str) -> At {
    let (answer, answered) = std::sync::mpsc::channel();
    let asked = unit.to_owned();
    // A bus that hangs must not keep us; the thread ends with the process.
    let asking = std::thread::Builder::new().name("systemctl".into()).spawn(move || {
        let _ = answer.send(jobs(&asked));
    });
    let jobs = match asking {
        Ok(_) => answered.recv_timeout(ANSWER).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        Err(error) => Err(error),
    };
    jobs.map_or_else(
        |error| {
            tracing::warn!(%error, "systemd does not say what it is at: taken for a stop");
            At::Unknown
        },
        |jobs| of_jobs(&jobs, unit),
    )
}

/// How the main process of a service ended, as systemd tells it to what it runs behind it (`ExecStopPost=`;
/// `systemd.exec(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `EXIT_CODE`: `exited`, `killed` or `dumped`; absent where no main process ran.
    code: Option<String>,
    /// `EXIT_STATUS`: a number, or a signal's name.
    status: Option<String>,
}

impl Ended {
    pub fn of_environment() -> Self {
        let text = |name| given(name).and_then(|value| value.into_string().ok());
        Self { code: text("EXIT_CODE"), status: text("EXIT_STATUS") }
    }

    /// It has said that it left nothing hot, or what it left hot somebody else sees to.
    fn is_in_order(&self) -> bool {
        self.code.as_deref() == Some("exited") && self.status.as_deref() == Some("0")
    }

    /// Whether heaters may be on, and nobody comes who sees to them.
    ///
    /// Behind a crash systemd starts the next daemon in a moment, which goes on with what it can prove; only
    /// where it was told to stop nobody comes.
    fn leaves_heat(&self, at: impl FnOnce() -> At) -> bool {
        !self.is_in_order() && matches!(at(), At::Stop | At::Unknown)
    }
}

/// Whether the daemon that has just ended may have left heaters on, for nobody. Blocks, but not for long.
pub fn left_for_nobody() -> bool {
    let unit = given("PLATEN_UNIT").and_then(|unit| unit.into_string().ok());
    Ended::of_environment().leaves_heat(|| unit.map_or(At::Unknown, |unit| at(&unit)))
}

fn jobs(unit: &str) -> io::Result<String> {
    let mut command = Command::new("systemctl");
    command.args(["list-jobs", "--no-legend", "--no-pager", "--", unit]).env("LC_ALL", "C");
    let told = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if !told.status.success() {
        return Err(io::Error::other(format!("systemctl list-jobs: {}", told.status)));
    }
    Ok(String::from_utf8_lossy(&told.stdout).into_owned())
}

/// Lines of `number unit type state`.
fn of_jobs(jobs: &str, unit: &str) -> At {
    let types = jobs.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        (words.next() == Some(unit)).then(|| words.next()).flatten()
    });
    types.fold(At::Nothing, |at, word| match word {
        "restart" => At::Restart,
        "stop" => At::Stop,
        "start" => At::Start,
        _ => at,
    })
}

/// What systemd has kept of the process before us, by name. Only the first call gets it.
pub fn inherited() -> Vec<(String, OwnedFd)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    let ours = number("LISTEN_PID") == Some(std::process::id());
    if !ours || TAKEN.swap(true, Ordering::SeqCst) {
        return Vec::new();
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let count = number("LISTEN_FDS").and_then(|count| i32::try_from(count).ok()).unwrap_or(0).min(4096);
    (FIRST..FIRST + count)
        .zip(names.split(':'))
        .filter_map(|(at, name)| Some((name.to_owned(), taken(at)?)))
        .collect()
}

#[expect(unsafe_code, reason = "systemd passes descriptors by their numbers")]
fn taken(number: i32) -> Option<OwnedFd> {
    // SAFETY: only asked whether it is open; nothing is closed or kept.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    // A relay's command is not to have it.
    fcntl(there, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: it is open, systemd has passed it to us, and `inherited` gives each number away once.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A file that is there while printers are left hot for a process that is still to come. `platen safe-off
/// --left-hot` waits for its end.
pub fn left_hot(state: &Path) -> PathBuf {
    trail::folder(state).join("left-hot")
}

/// Says that printers are left hot.
pub fn leave_hot(state: &Path) -> io::Result<()> {
    // Nothing else has to be in that folder.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(trail::folder(state))?;
    File::create(left_hot(state))?.sync_all()
}

/// Somebody looks after them again.
pub fn is_back(state: &Path) {
    match fs::remove_file(left_hot(state)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!(%error, path = %left_hot(state).display(), "take this file away"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::cmsg_space;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    use std::io::{IoSliceMut, Read, Seek, Write};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::UnixDatagram;

    fn supervisor(path: &Path, room: Option<usize>) -> Supervisor {
        let notify = Notify::at(path.as_os_str()).unwrap();
        Supervisor { notify, unit: "platen.service".into(), room, kept: AtomicBool::new(false) }
    }

    /// What systemd would get: text, and descriptors.
    #[expect(unsafe_code, reason = "the kernel gives numbers")]
    fn read(socket: &UnixDatagram) -> (String, Vec<OwnedFd>) {
        let mut text = [0; 256];
        let mut space = cmsg_space!([i32; 4]);
        let (length, raw) = {
            let mut into = [IoSliceMut::new(&mut text)];
            let flags = MsgFlags::empty();
            let got = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut space), flags).unwrap();
            let raw: Vec<i32> = got
                .cmsgs()
                .unwrap()
                .flat_map(|one| if let ControlMessageOwned::ScmRights(raw) = one { raw } else { Vec::new() })
                .collect();
            (got.bytes, raw)
        };
        // SAFETY: the kernel has just made them for us.
        let passed = raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }).collect();
        (String::from_utf8(text[..length].to_vec()).unwrap(), passed)
    }

    #[test]
    fn an_open_file_goes_to_systemd_under_its_name_and_is_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let supervisor = supervisor(&path, Some(8));
        assert!(supervisor.has_room(8) && !supervisor.has_room(9));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"the port").unwrap();
        let reader = std::thread::spawn(move || {
            let kept = read(&systemd);
            // Dropped is read, for a barrier.
            let (barrier, _) = read(&systemd);
            let forgotten = read(&systemd).0;
            let _ = read(&systemd);
            (kept, barrier, forgotten, systemd)
        });
        assert!(!supervisor.has_kept());
        supervisor.keep("mk3-07", file.as_fd()).unwrap();
        assert!(supervisor.has_kept());
        supervisor.forget("mk3-07").unwrap();
        let ((text, passed), barrier, forgotten, _systemd) = reader.join().unwrap();
        assert_eq!(
            (text.as_str(), barrier.as_str(), forgotten.as_str()),
            ("FDSTORE=1\nFDNAME=mk3-07", "BARRIER=1", "FDSTOREREMOVE=1\nFDNAME=mk3-07")
        );
        let mut same = File::from(passed.into_iter().next().unwrap());
        same.rewind().unwrap();
        let mut content = String::new();
        same.read_to_string(&mut content).unwrap();
        assert_eq!(content, "the port");
    }

    #[test]
    fn a_systemd_that_reads_nothing_has_kept_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _hangs = UnixDatagram::bind(&path).unwrap();
        let supervisor = supervisor(&path, None);
        let file = tempfile::tempfile().unwrap();
        assert_eq!(supervisor.keep("mk", file.as_fd()).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn only_a_restart_of_our_own_unit_is_a_restart() {
        let unit = "platen.service";
        for (jobs, at) in [
            ("1234 platen.service restart running\n", At::Restart),
            ("  7 a.service start waiting\n 12 platen.service restart waiting\n", At::Restart),
            ("1 platen.service stop running\n", At::Stop),
            ("1 platen.service start running\n", At::Start),
            ("", At::Nothing),
            ("No jobs running.\n", At::Nothing),
            ("1 other.service restart running\n", At::Nothing),
            ("1 other.service stop running\n", At::Nothing),
            ("restart", At::Nothing),
        ] {
            assert_eq!(of_jobs(jobs, unit), at, "{jobs}");
        }
    }

    #[test]
    fn heat_is_left_for_nobody_only_behind_a_stop_that_did_not_end_in_order() {
        let ended = |code: &str, status: &str| Ended { code: Some(code.into()), status: Some(status.into()) };
        let well = ended("exited", "0");
        let badly = [
            ended("exited", "1"),
            ended("killed", "TERM"),
            ended("killed", "KILL"),
            ended("dumped", "ABRT"),
            Ended { code: None, status: None },
        ];
        for at in [At::Restart, At::Start, At::Stop, At::Nothing, At::Unknown] {
            assert!(!well.leaves_heat(|| at), "{at:?}");
            for ended in &badly {
                assert_eq!(
                    ended.leaves_heat(|| at),
                    matches!(at, At::Stop | At::Unknown),
                    "{ended:?} {at:?}"
                );
            }
        }
    }
}
