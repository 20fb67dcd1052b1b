//! What one more printer costs: CPU, allocations and memory, with 1, 16, 64 and 128 of them in one process.
//!
//! Two tables: the session alone (the brain and the protocol, no IO), then the whole task of a printer as the
//! daemon runs it, on wires in memory. The printers' side is not counted. Nothing paces the lines, so this is
//! work, not waiting.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use platen::control::run::FileLine;
use platen::control::session::{Profile, Session};
use platen::domain::ids::{BootId, JobId};
use platen::domain::moment::Moment;
use platen::domain::printer::{Activity, Snapshot};
use platen::domain::units::Baud;
use platen::io::clock::{Clock, entropy};
use platen::io::serial::{Dial, DialError, Wire};
use platen::io::store::memory::MemoryStore;
use platen::protocol::window::Capacity;
use platen::services::fleet::{Start, Work};
use platen::services::printer::{self, Setup};
use platen::services::recorder::Recorder;
use platen::services::relay::Relay;
use support::answerer::Answerer;
use support::counting::{self, Counting};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PRINTERS: [usize; 4] = [1, 16, 64, 128];
const LINES: usize = 2_000;
const CAPACITY: Capacity = Capacity { receive_bytes: 127, queue_slots: 3 };
const PROFILE: Profile = Profile::new(Baud(115_200), CAPACITY);

// The session alone.

struct Alone {
    session: Session,
    answerer: Answerer,
    heard: Vec<u8>,
    supplied: usize,
    now: Moment,
}

/// Allocations and CPU time of the sessions, without those of the printers.
#[derive(Default)]
struct Cost {
    allocations: u64,
    cpu: Duration,
}

impl Alone {
    fn new() -> Self {
        let mut session = Session::new("bench".parse().unwrap(), PROFILE);
        session.handle_opened(Moment::ZERO);
        let (answerer, heard) = (Answerer::new(true), Vec::new());
        Self { session, answerer, heard, supplied: 0, now: Moment::ZERO }
    }

    /// One exchange: what was heard goes in, what is to be sent comes out.
    fn step(&mut self, file: &[String], sent: &mut Vec<u8>) {
        self.now = self.now + Duration::from_millis(3);
        if !self.heard.is_empty() {
            self.session.handle_bytes(self.now, &self.heard);
        }
        if self.session.poll_timeout().is_some_and(|at| at <= self.now) {
            self.session.handle_timeout(self.now);
        }
        let wants = self.session.wants();
        if wants >= 64 && self.supplied < file.len() {
            let from = self.supplied;
            self.supplied = (from + 64).min(file.len());
            let lines = (from..self.supplied)
                .map(|at| FileLine { index: at as u64 + 1, text: file[at].as_bytes().into() });
            self.session.supply(self.now, lines);
        } else if wants >= 64 && self.supplied == file.len() {
            self.supplied += 1;
            self.session.supply_ended(self.now);
        }
        while self.session.poll_event().is_some() {}
        sent.extend_from_slice(self.session.transmit());
        self.session.transmitted(sent.len());
    }

    fn run(farm: &mut [Self], file: &[String], done: impl Fn(&Session) -> bool) -> Cost {
        let mut cost = Cost::default();
        let mut sent: Vec<Vec<u8>> = farm.iter().map(|_| Vec::with_capacity(4096)).collect();
        while !farm.iter().all(|printer| done(&printer.session)) {
            let (calls, began) = (counting::allocations(), counting::thread_cpu());
            for (printer, sent) in farm.iter_mut().zip(&mut sent) {
                printer.step(file, sent);
            }
            cost.cpu += counting::thread_cpu() - began;
            cost.allocations += counting::allocations() - calls;
            for (printer, sent) in farm.iter_mut().zip(&mut sent) {
                printer.heard.clear();
                printer.answerer.take(sent, &mut printer.heard);
                sent.clear();
            }
        }
        cost
    }
}

fn sessions(count: usize) {
    let file = support::curve(LINES);
    let before = counting::live_bytes();
    let mut farm: Vec<_> = (0..count).map(|_| Alone::new()).collect();
    Alone::run(&mut farm, &file, Session::is_ready);
    for printer in &mut farm {
        printer.session.start(printer.now, JobId::from_entropy([7; 16]), LINES as u64).unwrap();
    }
    let half =
        |session: &Session| session.progress().is_none_or(|so_far| so_far.confirmed * 2 > LINES as u64);
    let mut cost = Alone::run(&mut farm, &file, half);
    let memory = counting::live_bytes() - before;
    let rest = Alone::run(&mut farm, &file, Session::is_ready);
    cost.cpu += rest.cpu;
    cost.allocations += rest.allocations;
    let lines: u64 = farm.iter().map(|printer| printer.session.line().lines_sent).sum();
    row(count, lines, cost.cpu, cost.allocations, memory / count as i64, None);
}

// The whole task.

/// A port that can be opened once.
struct Once(Mutex<Option<DuplexStream>>);

impl Dial for Once {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        let end = self.0.lock().unwrap().take();
        end.map(|end| Box::new(end) as Box<dyn Wire>).ok_or_else(|| DialError::Missing("memory".into()))
    }
}

/// The printers' side, on a thread of its own; gives the CPU time that it took.
fn answer_all(mut ends: mpsc::UnboundedReceiver<DuplexStream>) -> (Duration, u64) {
    counting::leave_this_thread_out();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let lines = runtime.block_on(async {
        let mut tasks = Vec::new();
        while let Some(mut end) = ends.recv().await {
            tasks.push(tokio::spawn(async move {
                let (mut answerer, mut bytes, mut answer) = (Answerer::new(true), [0; 512], Vec::new());
                let mut lines = 0;
                while let Ok(count @ 1..) = end.read(&mut bytes).await {
                    lines += answerer.take(&bytes[..count], &mut answer);
                    if end.write_all(&answer).await.is_err() {
                        break;
                    }
                    answer.clear();
                }
                lines
            }));
        }
        let mut lines = 0;
        for task in tasks {
            lines += task.await.unwrap_or(0);
        }
        lines
    });
    (counting::thread_cpu(), lines)
}

async fn tasks(
    count: usize,
    files: Vec<std::fs::File>,
    ends: mpsc::UnboundedSender<DuplexStream>,
) -> (u64, i64, u64) {
    let (live, resident) = (counting::live_bytes(), counting::resident_bytes());
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let store = Arc::new(MemoryStore::default());
    let recorder = Recorder::open(store, clock.clone(), "bench".parse().unwrap(), "farm".parse().unwrap())
        .await
        .unwrap();
    let shutdown = CancellationToken::new();
    let mut printers = Vec::new();
    for number in 0..count {
        let (ours, theirs) = tokio::io::duplex(4096);
        ends.send(theirs).unwrap();
        let setup = Setup {
            name: format!("p-{number}").parse().unwrap(),
            profile: PROFILE,
            dial: Arc::new(Once(Mutex::new(Some(ours)))),
            recorder: recorder.clone(),
            clock: clock.clone(),
            relay: Relay::absent(),
            ports: Arc::default(),
            pulse: Default::default(),
        };
        printers.push(printer::spawn(setup, shutdown.clone()));
    }
    drop(ends);
    for (_, live, _) in &mut printers {
        live.wait_for(|snapshot| snapshot.activity == Activity::Ready).await.unwrap();
    }
    let before = counting::allocations();
    for ((lanes, _, _), file) in printers.iter().zip(files) {
        let (answer, answered) = oneshot::channel();
        let job = JobId::from_entropy(entropy());
        let work = Work::Lines { commands: LINES as u64, file };
        lanes.starts.send(Start { job, work, answer }).await.unwrap();
        answered.await.unwrap().unwrap();
    }
    let memory = counting::live_bytes() - live;
    for (_, live, _) in &mut printers {
        // A snapshot from before the start is ready, too.
        let printed = |snapshot: &Arc<Snapshot>| snapshot.line.lines_sent > LINES as u64;
        live.wait_for(|snapshot| snapshot.activity == Activity::Ready && printed(snapshot)).await.unwrap();
    }
    let allocations = counting::allocations() - before;
    let resident = counting::resident_bytes().saturating_sub(resident);
    shutdown.cancel();
    for (_, _, task) in printers {
        task.await.unwrap();
    }
    recorder.close().await;
    (allocations, memory, resident)
}

fn whole(count: usize) {
    let files = (0..count).map(|_| support::curve_file(LINES).unwrap()).collect();
    let (ends, inbox) = mpsc::unbounded_channel();
    let began = counting::process_cpu();
    let answering = thread::spawn(move || answer_all(inbox));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (allocations, memory, resident) = runtime.block_on(tasks(count, files, ends));
    drop(runtime);
    let (theirs, lines) = answering.join().unwrap();
    let cpu = (counting::process_cpu() - began).saturating_sub(theirs);
    row(count, lines, cpu, allocations, memory / count as i64, Some(resident / count as u64));
}

fn head(what: &str) {
    println!("{what}");
    println!(
        "{:>8} {:>9} {:>12} {:>17} {:>19} {:>21}",
        "printers", "lines", "CPU µs/line", "allocations/line", "heap bytes/printer", "resident KiB/printer"
    );
}

fn row(count: usize, lines: u64, cpu: Duration, allocations: u64, memory: i64, resident: Option<u64>) {
    let each = |total: f64| total / lines as f64;
    let resident = resident.map_or_else(|| "-".to_owned(), |bytes| (bytes / 1024).to_string());
    let (cpu, allocations) = (each(cpu.as_secs_f64() * 1e6), each(allocations as f64));
    println!("{count:>8} {lines:>9} {cpu:>12.2} {allocations:>17.2} {memory:>19} {resident:>21}");
}

fn main() {
    if !support::asked() {
        return;
    }
    head("Session alone, no IO");
    PRINTERS.into_iter().for_each(sessions);
    head("A printer's task (Session, Drive, file, board), wires in memory");
    PRINTERS.into_iter().for_each(whole);
}
