//! One daemon, many printers: none waits for another, none costs more among many, and one that is off costs nothing.
//!
//! Time is virtual everywhere (tokio's paused clock, the rig's own): no verdict here depends on the machine.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Seek, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hw_sim::faults::Fault;
use hw_sim::planner::Motion;
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
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
use platen::services::board::Live;
use platen::services::fleet::{Lanes, Start, Work};
use platen::services::printer::{self, Parting, Setup};
use platen::services::recorder::Recorder;
use platen::services::relay::Relay;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PROFILE: Profile = Profile::new(Baud(115_200), Capacity { receive_bytes: 127, queue_slots: 0 });

fn rig() -> Rig {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    config.firmware.motion = Motion::Instant;
    config.firmware.home_us = 0;
    Rig::new(config)
}

fn file(lines: usize) -> Vec<String> {
    (0..lines).map(|n| format!("G1 X{}.{:03} Y{} F3000", n % 200, n % 1000, n % 180)).collect()
}

// ---- counted memory -------------------------------------------------------------------------------------------

struct Counting;

thread_local! {
    /// Only what happens inside `counted` on this thread.
    static ON: Cell<bool> = const { Cell::new(false) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn note(calls: u64, bytes: i64) {
    // A thread that is being torn down has no locals any more.
    if ON.try_with(Cell::get) == Ok(true) {
        CALLS.set(CALLS.get() + calls);
        LIVE.set(LIVE.get() + bytes);
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, signed(size) - signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        note(0, -signed(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted<T>(work: impl FnOnce() -> T) -> T {
    ON.set(true);
    let result = work();
    ON.set(false);
    result
}

/// A session on a simulated printer; only the session's work is counted.
struct Pair {
    session: Session,
    rig: Rig,
    now: u64,
    supplied: usize,
}

impl Pair {
    fn new() -> Self {
        let mut rig = rig();
        rig.open_port(0);
        let session = counted(|| {
            let mut session = Session::new("one".parse().unwrap(), PROFILE);
            session.handle_opened(Moment::ZERO);
            session
        });
        Self { session, rig, now: 0, supplied: usize::MAX }
    }

    fn step(&mut self, file: &[String]) {
        let until = self.session.poll_timeout().map_or(u64::MAX, Moment::micros).max(self.now);
        self.now = self.rig.run_until_output(until.min(self.now + 1_000_000)).max(self.now);
        let heard = self.rig.host_read(self.now);
        let at = Moment(self.now);
        let (session, supplied) = (&mut self.session, &mut self.supplied);
        counted(|| {
            if !heard.is_empty() {
                session.handle_bytes(at, &heard);
            }
            if session.poll_timeout().is_some_and(|due| due <= at) {
                session.handle_timeout(at);
            }
            if session.wants() >= 64 && *supplied <= file.len() {
                let from = *supplied;
                *supplied = (from + 64).min(file.len());
                let line = |at: usize| FileLine { index: at as u64 + 1, text: file[at].as_bytes().into() };
                session.supply(at, (from..*supplied).map(line));
                if *supplied == file.len() {
                    *supplied = usize::MAX;
                    session.supply_ended(at);
                }
            }
            while session.poll_event().is_some() {}
        });
        let sent = self.session.transmit().to_vec();
        counted(|| self.session.transmitted(sent.len()));
        if !sent.is_empty() {
            self.rig.host_write(self.now, &sent);
        }
    }

    fn confirmed(&self) -> u64 {
        self.session.progress().map_or(u64::MAX, |progress| progress.confirmed)
    }
}

/// Lets every pair go on until it is done.
fn all_until(farm: &mut [Pair], file: &[String], done: impl Fn(&Pair) -> bool) {
    while !farm.iter().all(&done) {
        for pair in farm.iter_mut().filter(|pair| !done(pair)) {
            pair.step(file);
        }
    }
}

/// Allocations a line and session in each quarter of a job, and the bytes that are held at the end of each.
fn quarters(count: usize) -> Vec<(f64, i64)> {
    CALLS.set(0);
    LIVE.set(0);
    const LINES: usize = 2_000;
    let file = file(LINES);
    let mut farm: Vec<_> = (0..count).map(|_| Pair::new()).collect();
    all_until(&mut farm, &file, |pair| pair.session.is_ready());
    for pair in &mut farm {
        counted(|| pair.session.start(Moment(pair.now), JobId::from_entropy([7; 16]), LINES as u64)).unwrap();
        pair.supplied = 0;
    }
    let mut quarters = Vec::new();
    for quarter in 1..=4 {
        let before = CALLS.get();
        all_until(&mut farm, &file, |pair| pair.confirmed() >= (LINES * quarter / 4) as u64);
        let calls = CALLS.get() - before;
        quarters.push((calls as f64 / (count * LINES / 4) as f64, LIVE.get() / signed(count)));
    }
    quarters
}

#[test]
fn a_line_costs_the_same_allocations_among_128_printers_as_alone_and_at_the_end_as_at_the_beginning() {
    let (alone, many) = (quarters(1), quarters(128));
    println!("allocations a line, bytes held: alone {alone:?}, among 128 {many:?}");
    let near = |a: f64, b: f64| (a - b).abs() <= 0.05 * a.max(b) + 0.01;
    for (alone, many) in alone.iter().zip(&many) {
        assert!(near(alone.0, many.0), "{alone:?} {many:?}");
    }
    // Without the first quarter, in which buffers grow to what they need, and the last, which has the job's end.
    for found in [&alone, &many] {
        assert!(near(found[1].0, found[2].0), "{found:?}");
        assert!((found[1].1 - found[2].1).abs() <= 4096, "{found:?}");
    }
}

// ---- whole tasks ----------------------------------------------------------------------------------------------

/// A port that can be opened so often, and how often somebody tried.
struct Port {
    ends: Mutex<Vec<DuplexStream>>,
    dialled: AtomicU64,
}

impl Port {
    fn new(ends: Vec<DuplexStream>) -> Arc<Self> {
        Arc::new(Self { ends: Mutex::new(ends), dialled: AtomicU64::new(0) })
    }
}

impl Dial for Port {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        self.dialled.fetch_add(1, Ordering::Relaxed);
        let end = self.ends.lock().unwrap().pop();
        end.map(|end| Box::new(end) as Box<dyn Wire>).ok_or_else(|| DialError::Missing("memory".into()))
    }
}

/// Plays a simulated printer on its end of a wire, until it has taken so many bytes; then it says nothing more.
async fn play(mut rig: Rig, mut end: DuplexStream, mut takes: usize) {
    let began = tokio::time::Instant::now();
    let now = || u64::try_from(began.elapsed().as_micros()).unwrap();
    rig.open_port(0);
    let mut bytes = [0; 512];
    loop {
        let due = rig.poll_timeout().map(|due| began + Duration::from_micros(due));
        tokio::select! {
            biased;
            count = end.read(&mut bytes) => match count {
                Ok(count @ 1..) if count <= takes => {
                    takes -= count;
                    rig.host_write(now(), &bytes[..count]);
                }
                Ok(1..) => return std::future::pending().await,
                _ => return,
            },
            () = tokio::time::sleep_until(due.unwrap_or(began)), if due.is_some() => rig.advance(now()),
        }
        let said = rig.host_read(now());
        if end.write_all(&said).await.is_err() {
            return;
        }
    }
}

struct Printer {
    lanes: Lanes,
    live: Live,
    task: JoinHandle<Parting>,
}

struct Farm {
    recorder: Recorder,
    clock: Clock,
    shutdown: CancellationToken,
    printers: Vec<Printer>,
}

impl Farm {
    async fn new() -> Self {
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let store = Arc::new(MemoryStore::default());
        let recorder = Recorder::open(store, clock.clone(), site, node).await.unwrap();
        Self { recorder, clock, shutdown: CancellationToken::new(), printers: Vec::new() }
    }

    fn add(&mut self, dial: Arc<dyn Dial>) {
        let name = format!("p-{}", self.printers.len()).parse().unwrap();
        let (recorder, clock) = (self.recorder.clone(), self.clock.clone());
        let (relay, ports) = (Relay::absent(), Arc::default());
        let setup =
            Setup { name, profile: PROFILE, dial, recorder, clock, relay, ports, pulse: Default::default() };
        let (lanes, live, task) = printer::spawn(setup, self.shutdown.clone());
        self.printers.push(Printer { lanes, live, task });
    }

    fn add_rig(&mut self, rig: Rig) {
        self.add_rig_that_hangs_after(usize::MAX, rig);
    }

    fn add_rig_that_hangs_after(&mut self, bytes: usize, rig: Rig) {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(play(rig, theirs, bytes));
        self.add(Port::new(vec![ours]));
    }

    async fn wait(&self, at: usize, what: impl FnMut(&Arc<Snapshot>) -> bool) -> Moment {
        self.printers[at].live.clone().wait_for(what).await.unwrap().at
    }

    /// Starts a job as soon as the printer is ready; how long it takes in virtual time.
    async fn start(&self, at: usize) -> JoinHandle<Duration> {
        const LINES: usize = 200;
        self.wait(at, |snapshot| snapshot.activity == Activity::Ready).await;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all((self::file(LINES).join("\n") + "\n").as_bytes()).unwrap();
        file.rewind().unwrap();
        let (answer, answered) = oneshot::channel();
        let work = Work::Lines { commands: LINES as u64, file };
        let start = Start { job: JobId::from_entropy(entropy()), work, answer };
        let began = self.clock.now();
        self.printers[at].lanes.starts.send(start).await.unwrap();
        answered.await.unwrap().unwrap();
        let mut live = self.printers[at].live.clone();
        tokio::spawn(async move {
            let printed =
                |now: &Arc<Snapshot>| now.activity == Activity::Ready && now.line.lines_sent > LINES as u64;
            let at = live.wait_for(printed).await.unwrap().at;
            at - began
        })
    }

    async fn end(self) {
        self.shutdown.cancel();
        for printer in self.printers {
            printer.task.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_printer_waits_for_another() {
    let mut lonely = Farm::new().await;
    lonely.add_rig(rig());
    let alone = lonely.start(0).await.await.unwrap();
    lonely.end().await;

    let mut farm = Farm::new().await;
    // One is off, one hears nothing, one takes no byte off its cable, and one stops listening in mid-print.
    farm.add(Port::new(Vec::new()));
    let mut deaf = rig();
    deaf.inject(0, &Fault::Deaf { for_us: 3_600_000_000 });
    farm.add_rig(deaf);
    let (ours, _stalled) = tokio::io::duplex(16);
    farm.add(Port::new(vec![ours]));
    farm.add_rig_that_hangs_after(4_000, rig());
    for _ in farm.printers.len()..128 {
        farm.add_rig(rig());
    }
    let hangs = farm.start(3).await;
    let mut waiting = Vec::new();
    for at in 4..128 {
        waiting.push(farm.start(at).await);
    }
    let mut took = Vec::new();
    for job in waiting {
        took.push(job.await.unwrap());
    }
    println!("alone {alone:?}, among others {:?} to {:?}", took.iter().min(), took.iter().max());
    assert!(took.iter().all(|one| *one == alone), "alone {alone:?}, among others {took:?}");
    let activity = |at: usize| farm.printers[at].live.borrow().activity.clone();
    assert!(matches!(activity(0), Activity::Offline { .. }));
    assert_eq!((activity(1), activity(2)), (Activity::Connecting, Activity::Connecting));
    assert!(matches!(activity(3), Activity::Printing { .. }) && !hangs.is_finished(), "{:?}", activity(3));
    hangs.abort();
    farm.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_printer_that_is_off_is_looked_for_every_five_seconds_and_costs_nothing_else() {
    let mut farm = Farm::new().await;
    let port = Port::new(Vec::new());
    farm.add(port.clone());
    farm.wait(0, |snapshot| matches!(&snapshot.activity, Activity::Offline { reason } if reason.to_string().contains("there is no port")))
        .await;
    let mut live = farm.printers[0].live.clone();
    live.borrow_and_update();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let dialled = port.dialled.load(Ordering::Relaxed);
    // It begins with a quarter of a second and doubles that to five.
    assert!((700..=3_600 / 5 + 6).contains(&dialled), "{dialled}");
    assert!(!live.has_changed().unwrap(), "it is shown again though nothing has changed");
    farm.end().await;
}
