//! A program that is not ours, run where it can do little harm: a folder, a clock, bounds, no network, no inheritance.
//!
//! ```text
//! start ─▶ running ──ends by itself──────────────▶ its group killed ─▶ reaped ─▶ End
//!             └──cancelled, late, disk low──▶ its group killed ─┘
//! ```
//! It is the leader of a process group of its own, and the group is killed before the leader is reaped, so that the
//! number cannot be somebody else's by then. If platen dies, the kernel kills it, too.

use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use super::clock::entropy;
use crate::domain::ids::hex;
use crate::slicing::failure::{End, Status, Stopped};
use crate::slicing::limits::{KEPT, LINE, Limits};

/// How often it is looked whether it was cancelled, is late, or fills the disk.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The same where a fast disk could be filled between two looks.
const LOOK_OFTEN: Duration = Duration::from_millis(25);
/// Bytes above the floor that are little.
const LITTLE: u64 = 256 << 20;
/// What a killed group wrote last is read for so long; a child that left its group may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Lines that wait to be read; then the program waits.
const LINES_WAITING: usize = 64;
/// Above the daemon's own -900, and above what else runs: the kernel is to take this one first.
const OOM_SCORE: &[u8] = b"700";
/// Bytes that a file may have whatever the disk has: enough for a program to say that it failed.
const ROOM_MIN: u64 = 64 << 10;

/// Whether a program could reach a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// It had none but its own.
    Cut,
    /// The machine does not let platen take it away (no privilege, and no user namespaces).
    Open,
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub program: &'a Path,
    pub arguments: &'a [&'a str],
    /// Where it runs; its home, too.
    pub folder: &'a Path,
    pub limits: &'a Limits,
}

/// A line of its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    Out(&'a str),
    Error(&'a str),
}

enum News {
    Out(String),
    Error(String),
    Ended,
}

/// A folder for one run, which only we may read; it goes away when dropped.
#[derive(Debug)]
pub struct Private(PathBuf);

impl Private {
    pub fn new(parent: &Path) -> io::Result<Self> {
        let path = parent.join(hex(&entropy()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder for such folders, made where needed; what a crash left in it is removed.
    pub fn clean(parent: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        for entry in std::fs::read_dir(parent)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What stays behind is removed at the next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where a program of this name is, as a shell would find it; a path stands for itself.
pub fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Bytes that are free on the disk of a folder.
pub fn free(folder: &Path) -> io::Result<u64> {
    space(folder).map(|(free, _)| free)
}

/// Bytes that are free on the disk of a folder, and all that it has.
pub fn space(folder: &Path) -> io::Result<(u64, u64)> {
    let space = nix::sys::statvfs::statvfs(folder)?;
    let unit = space.fragment_size();
    Ok((space.blocks_available() * unit, space.blocks() * unit))
}

/// Runs it to its end on this thread. An error: it was not started.
pub fn run(
    order: &Order<'_>,
    cancel: &CancellationToken,
    mut each: impl FnMut(Said<'_>),
) -> io::Result<(End, Network)> {
    let (out, out_end) = terminal()?;
    let (errors, errors_end) = io::pipe()?;
    let (mut told, tells) = io::pipe()?;
    let mut command = Command::new(order.program);
    command
        .args(order.arguments)
        .current_dir(order.folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", order.folder)
        .env("TMPDIR", order.folder)
        .env("LC_ALL", "C")
        // Else each of its threads takes 64 MB of address space for nothing.
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null())
        .stdout(out_end)
        .stderr(errors_end)
        .process_group(0);
    let used = children_time();
    // A file grows faster than anybody looks at the disk: none may take more than there is above the floor.
    let spare = free(order.folder)?.saturating_sub(order.limits.floor).max(ROOM_MIN);
    let limits = Limits { file: order.limits.file.min(spare), ..*order.limits };
    confine(&mut command, &limits, OwnedFd::from(tells))?;
    let mut child = command.spawn()?;
    // It holds our ends of the pipes.
    drop(command);
    let mut network = [0];
    let network = match told.read(&mut network) {
        Ok(1) if network[0] == 1 => Network::Cut,
        _ => Network::Open,
    };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    let (news, heard) = sync_channel(LINES_WAITING);
    let listeners = listen(out, errors, pid, &news);
    drop(news);
    if listeners.is_err() {
        let _ = killpg(pid, Signal::SIGKILL);
        let _ = child.wait();
    }
    listeners?;
    let mut last = Last::default();
    let stopped = watch(order, cancel, &heard, &mut last, &mut each);
    // Its leader is not reaped yet, so this group is still its own.
    let _ = killpg(pid, Signal::SIGKILL);
    let status = child.wait()?;
    drain(&heard, &mut last, &mut each);
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => Status::Exit(code),
        (None, signal) => Status::Signal(signal.unwrap_or_default()),
    };
    let Last { out, errors } = last;
    let end = End {
        status,
        stopped,
        out: out.into(),
        errors: errors.into(),
        limits,
        filled: limits.file < order.limits.file,
        free: free(order.folder).unwrap_or(0),
        cpu: children_time().saturating_sub(used),
    };
    Ok((end, network))
}

/// A terminal for its output where there is one: on a pipe, programs keep their lines back until the end.
fn terminal() -> io::Result<(File, Stdio)> {
    match nix::pty::openpty(None, None) {
        Ok(pair) => {
            for end in [&pair.master, &pair.slave] {
                let flag = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
                nix::fcntl::fcntl(end, flag)?;
            }
            Ok((File::from(pair.master), Stdio::from(pair.slave)))
        }
        Err(_) => {
            let (reader, writer) = io::pipe()?;
            Ok((File::from(OwnedFd::from(reader)), Stdio::from(writer)))
        }
    }
}

/// Processor time of all children that have ended: too much rather than too little, where several run.
fn children_time() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec().saturating_mul(1_000_000).saturating_add(time.tv_usec()));
    Duration::from_micros(u64::try_from(micros[0].saturating_add(micros[1])).unwrap_or(0))
}

/// What is done in the child before the program runs: system calls only, since another thread of ours may have held
/// any lock when it was forked.
#[expect(unsafe_code, reason = "bounds are set between fork and exec, and some calls have no safe wrapper")]
fn confine(command: &mut Command, limits: &Limits, tells: OwnedFd) -> io::Result<()> {
    let bounds = [
        (Resource::RLIMIT_AS, limits.memory),
        (Resource::RLIMIT_CPU, limits.cpu.as_secs().max(1)),
        (Resource::RLIMIT_FSIZE, limits.file),
        (Resource::RLIMIT_NOFILE, limits.open),
        (Resource::RLIMIT_CORE, 0),
    ];
    let score = CString::new("/proc/self/oom_score_adj")?;
    let parent = std::process::id();
    let prepare = move || {
        // SAFETY: plain system calls with numbers.
        unsafe {
            // A program of ours that outlives us would have nobody to stop it.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::setpriority(libc::PRIO_PROCESS, 0, 19);
            // Of the disk, what is left over (class 3, idle).
            libc::syscall(libc::SYS_ioprio_set, 1, 0, 3 << 13);
        }
        // SAFETY: the path is a string with its end, and the descriptor is closed again.
        unsafe {
            let file = libc::open(score.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            if file >= 0 {
                libc::write(file, OOM_SCORE.as_ptr().cast(), OOM_SCORE.len());
                libc::close(file);
            }
        }
        // SAFETY: numbers only. As root the first works; else a user's own namespace may.
        let cut = unsafe {
            libc::unshare(libc::CLONE_NEWNET) == 0
                || libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
        };
        tell(tells.as_raw_fd(), u8::from(cut));
        for (what, most) in bounds {
            setrlimit(what, most, most)?;
        }
        Ok(())
    };
    // SAFETY: `prepare` allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
    Ok(())
}

#[expect(unsafe_code, reason = "between fork and exec")]
fn tell(to: RawFd, byte: u8) {
    // SAFETY: one byte of ours; the descriptor is open as long as the command lives.
    unsafe { libc::write(to, (&raw const byte).cast(), 1) };
}

/// One thread for each thing that waits. They end when the program and its pipes do.
fn listen(out: File, errors: io::PipeReader, pid: Pid, news: &SyncSender<News>) -> io::Result<()> {
    let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.into()).stack_size(128 << 10).spawn(work).map(drop)
    };
    let to = news.clone();
    thread("slicer-out", Box::new(move || lines(out, |line| to.send(News::Out(line)).is_ok())))?;
    let to = news.clone();
    thread("slicer-errors", Box::new(move || lines(errors, |line| to.send(News::Error(line)).is_ok())))?;
    let to = news.clone();
    thread(
        "slicer-end",
        Box::new(move || {
            // It stays a zombie, so that its number stays its own.
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(pid), flags) == Err(nix::errno::Errno::EINTR) {}
            let _ = to.send(News::Ended);
        }),
    )
}

/// Longer lines are cut; a terminal that was closed is an end.
fn lines(from: impl Read, mut each: impl FnMut(String) -> bool) {
    let mut from = BufReader::new(from);
    let (mut line, mut over) = (Vec::new(), false);
    loop {
        let block = match from.fill_buf() {
            Ok(block) if !block.is_empty() => block,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            _ => break,
        };
        let end = block.iter().position(|byte| *byte == b'\n');
        let part = &block[..end.unwrap_or(block.len())];
        let room = LINE - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        over |= end.is_some();
        let used = end.map_or(block.len(), |end| end + 1);
        from.consume(used);
        if std::mem::take(&mut over) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if !each(text) {
                return;
            }
        }
    }
    if !line.is_empty() {
        each(String::from_utf8_lossy(&line).trim_end().to_owned());
    }
}

/// Its last lines.
#[derive(Default)]
struct Last {
    out: VecDeque<String>,
    errors: VecDeque<String>,
}

impl Last {
    /// False where it has ended.
    fn take(&mut self, news: News, each: &mut impl FnMut(Said<'_>)) -> bool {
        let (kept, line) = match news {
            News::Ended => return false,
            News::Out(line) => {
                each(Said::Out(&line));
                (&mut self.out, line)
            }
            News::Error(line) => {
                each(Said::Error(&line));
                (&mut self.errors, line)
            }
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
        true
    }
}

/// Until it ends, or has to.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a foreign program ran is not a matter of our own time"
)]
fn watch(
    order: &Order<'_>,
    cancel: &CancellationToken,
    heard: &Receiver<News>,
    last: &mut Last,
    each: &mut impl FnMut(Said<'_>),
) -> Option<Stopped> {
    let began = std::time::Instant::now();
    let floor = order.limits.floor;
    let is_little = |free: u64| free < floor.saturating_mul(8).max(floor.saturating_add(LITTLE));
    let mut pause = LOOK_EVERY;
    loop {
        let goes_on = match heard.recv_timeout(pause) {
            Ok(news) => last.take(news, each),
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => true,
        };
        if !goes_on {
            return None;
        }
        if cancel.is_cancelled() {
            return Some(Stopped::Cancelled);
        }
        if began.elapsed() > order.limits.wall {
            return Some(Stopped::Late);
        }
        if let Ok(free) = free(order.folder) {
            if free < floor {
                return Some(Stopped::Disk { free });
            }
            pause = if is_little(free) { LOOK_OFTEN } else { LOOK_EVERY };
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "as above")]
fn drain(heard: &Receiver<News>, last: &mut Last, each: &mut impl FnMut(Said<'_>)) {
    let began = std::time::Instant::now();
    while began.elapsed() < LAST_WORDS
        && let Ok(news) = heard.recv_timeout(LAST_WORDS)
    {
        last.take(news, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slicing::limits::LIMITS;

    fn shell(script: &str, limits: Limits) -> (End, Network, Vec<String>) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Private::new(parent.path()).unwrap();
        let arguments = ["-c", script];
        let order = Order {
            program: Path::new("/bin/sh"),
            arguments: &arguments,
            folder: folder.path(),
            limits: &limits,
        };
        let mut said = Vec::new();
        let (end, network) = run(&order, &CancellationToken::new(), |line| match line {
            Said::Out(line) => said.push(line.to_owned()),
            Said::Error(line) => said.push(format!("! {line}")),
        })
        .unwrap();
        (end, network, said)
    }

    fn small() -> Limits {
        Limits { floor: 0, ..LIMITS }
    }

    #[test]
    fn a_program_has_its_folder_a_bare_environment_and_the_bounds_and_is_heard_line_by_line() {
        let (end, network, said) = shell(
            "echo home $HOME; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo wrong >&2; nice; \
             ulimit -v; ulimit -n; cat /proc/self/oom_score_adj; readlink /proc/self/ns/net; exit 3",
            small(),
        );
        assert_eq!((end.status, end.stopped), (Status::Exit(3), None));
        let home = said.iter().find_map(|line| line.strip_prefix("home ")).unwrap().to_owned();
        assert!(said.contains(&home), "it runs at home: {said:?}");
        let names = said.iter().find(|line| line.contains("LC_ALL")).unwrap();
        for name in names.split_whitespace() {
            let known =
                ["HOME", "LC_ALL", "MALLOC_ARENA_MAX", "PATH", "PWD", "TMPDIR", "SHLVL", "OLDPWD", "_"];
            assert!(known.contains(&name), "{name} was inherited");
        }
        for wanted in ["! wrong", "19", "4194304", "256", "700"] {
            assert!(said.iter().any(|line| line == wanted), "{wanted} of {said:?}");
        }
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap().to_string_lossy().into_owned();
        assert_eq!(said.contains(&ours), network == Network::Open, "{network:?} and {said:?}");
        assert_eq!(end.errors, ["wrong"]);
    }

    #[test]
    fn one_that_hangs_is_killed_with_all_its_children_when_its_time_is_up() {
        let limits = Limits { wall: Duration::from_millis(300), ..small() };
        let (end, _, said) = shell("sleep 600 & echo child $!; wait", limits);
        assert_eq!((end.status, end.stopped), (Status::Signal(9), Some(Stopped::Late)));
        let child = said.iter().find_map(|line| line.strip_prefix("child ")).unwrap();
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "the child lives on: {state}");
    }

    #[test]
    fn one_that_writes_without_end_is_stopped_by_the_bound_of_a_file_and_by_the_floor_of_the_disk() {
        let limits = Limits { file: 1 << 20, ..small() };
        let (end, _, _) = shell("exec cat /dev/zero > big", limits);
        assert_eq!((end.status, end.stopped), (Status::Signal(25), None));
        let limits = Limits { floor: u64::MAX, ..small() };
        let (end, _, _) = shell("sleep 600", limits);
        assert!(matches!(end.stopped, Some(Stopped::Disk { .. })), "{end:?}");
    }

    #[test]
    fn no_file_takes_what_the_disk_has_below_its_floor_however_fast_it_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let room = 1 << 20;
        let limits = Limits { floor: free(parent.path()).unwrap() - room, ..small() };
        // It ends before anybody looks.
        let (end, _, said) = shell("cat /dev/zero > big; wc -c < big", limits);
        let written: u64 = said.iter().find_map(|line| line.trim().parse().ok()).unwrap_or(0);
        let reached = end.stopped.is_some() || end.filled;
        assert!(reached && written < 64 * room, "{written} bytes: {end:?}");
    }

    #[test]
    fn one_that_takes_its_processor_time_is_ended_by_the_kernel() {
        let limits = Limits { cpu: Duration::from_secs(1), ..small() };
        let (end, _, _) = shell("while :; do :; done", limits);
        assert!(matches!(end.status, Status::Signal(24 | 9)), "{end:?}");
        assert!(end.cpu >= Duration::from_millis(900), "{end:?}");
    }

    #[test]
    fn one_that_is_cancelled_ends_and_its_last_words_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Private::new(parent.path()).unwrap();
        let limits = small();
        let arguments = ["-c", "echo begun; exec sleep 600"];
        let order = Order {
            program: Path::new("/bin/sh"),
            arguments: &arguments,
            folder: folder.path(),
            limits: &limits,
        };
        let cancel = CancellationToken::new();
        let by = cancel.clone();
        let (end, _) = run(&order, &cancel, |_| by.cancel()).unwrap();
        assert_eq!((end.stopped, end.out), (Some(Stopped::Cancelled), vec!["begun".to_owned()]));
    }

    #[test]
    fn a_line_without_end_is_cut_and_takes_no_memory() {
        let (end, _, said) = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last", small());
        assert_eq!(end.status, Status::Exit(0));
        assert_eq!(said.iter().map(String::len).collect::<Vec<_>>(), [LINE, 4]);
    }

    #[test]
    fn a_private_folder_is_ours_alone_and_goes_away_with_what_is_in_it() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("slicing");
        Private::clean(&place).unwrap();
        let folder = Private::new(&place).unwrap();
        assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(folder.path().join("file"), "x").unwrap();
        std::mem::forget(folder);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1, "as after a crash");
        Private::clean(&place).unwrap();
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
        drop(Private::new(&place).unwrap());
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found_and_not_started() {
        assert_eq!(find(Path::new("no-such-slicer-anywhere")), None);
        assert_eq!(find(Path::new("/nowhere/slicer")), None);
        assert!(find(Path::new("sh")).unwrap().is_absolute());
    }
}
