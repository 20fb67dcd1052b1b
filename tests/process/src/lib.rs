//! Processes of ours under test: their output is kept, their end is waited for, and none outlives its test.
//!
//! A crate, since test programs in folders of their own share no module, and what one of them does not use is no dead
//! code of another.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is the message")]
#![allow(clippy::disallowed_methods, reason = "another process can only be waited for by the clock")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Nothing takes a third of this, even where the machine does other things too.
pub const BOUND: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(10);

/// What the files of these tests may lack on a printer that prints nothing: filament, heat, homing, modes.
pub const TEST_BENCH: &str = "allow_findings = [\"extrusion.none\", \"heat.left_on\", \"heat.none\", \"heat.not_waited\", \"home.missing\", \"mode.motion_unsaid\"]\n";

/// Looks until there is something to see.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(what, BOUND, look)
}

/// The same of what may take longer, or must not take so long.
pub fn until_within<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {bound:?}: {what}");
        thread::sleep(PAUSE);
    }
}

/// Short moves after some heat, which nothing waits for; `mark` makes it another file.
pub fn gcode(mark: &str, moves: u32) -> String {
    let mut text = format!("; {mark}\nM140 S60\nM104 S200\nG28\nG90\n");
    for i in 0..moves {
        text.push_str(&format!("G1 X{}.{} Y{} F6000\n", 10 + i % 3, i % 10, 10 + (i / 7) % 5));
    }
    text.push_str("M104 S0\nM140 S0\n");
    text
}

/// A verb of this program, which asks nobody but whom its arguments say.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_remove("PLATEN_URL").env_remove("PLATEN_LOG").stdin(Stdio::null());
    command
}

/// What a command came to.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A process of ours whose output is kept; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

fn keep(stream: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let into = Arc::clone(into);
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (Arc::default(), Arc::default());
        let readers =
            vec![keep(child.stdout.take().unwrap(), &out), keep(child.stderr.take().unwrap(), &err)];
        Self { child, out, err, readers }
    }

    pub fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its own end.
    pub fn end(self) -> Told {
        self.end_within(BOUND)
    }

    pub fn end_within(mut self, bound: Duration) -> Told {
        let status = until_within("the end of the process", bound, || self.ended());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Told { code: status.code(), out: self.out(), err: self.err() }
    }

    /// Where the page of a daemon is, as soon as it answers: `http://127.0.0.1:4242`.
    pub fn page(&mut self) -> String {
        until("the page's address", || {
            let err = self.err();
            let ended = self.ended();
            assert!(ended.is_none(), "the daemon ended with {ended:?}:\n{err}");
            let (_, rest) = err.split_once("the page is at ")?;
            Some(rest.split_once("/\n")?.0.to_owned())
        })
    }

    /// The most memory that it has had resident so far, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- standard error of the process:\n{}---", self.err());
        }
    }
}
