//! A lab on this machine for the tests beside it: simulated printers, a configuration, the real daemon.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::{RigConfig, Statistics};
use nix::sys::signal::Signal;
use platen::config::Config;
use platen::control::session::Profile;
use platen::domain::case::IntendedUse;
use platen::domain::event::Actor;
use platen::domain::ids::{BootId, CaseToken, FileHash, JobId, PartId};
use platen::domain::lab::{NewJob, Request};
use platen::domain::part::PartRef;
use platen::domain::printer::{Activity, Snapshot};
use platen::domain::units::Baud;
use platen::io::clock::{Clock, entropy};
use platen::io::serial::SerialDial;
use platen::io::store::Store;
use platen::protocol::window::Capacity;
use platen::services::board::Board;
use platen::services::fleet::Fleet;
use platen::services::printer::{Parting, Setup, spawn};
use platen::services::recorder::Recorder;
use platen::services::relay::Relay;
pub use process_harness::{BOUND, Process, TEST_BENCH, Told, until};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// As `until`, in this process: waits for what comes by itself.
pub async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

/// A journal in this process.
pub async fn journal(store: Arc<dyn Store>) -> (Recorder, Clock) {
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
    (Recorder::open(store, clock.clone(), site, node).await.unwrap(), clock)
}

/// What the task of this printer needs, in this process.
pub fn setup(board: &Handle, recorder: &Recorder, clock: &Clock) -> Setup {
    let baud = Baud(115_200);
    Setup {
        name: board.name().parse().unwrap(),
        profile: Profile::new(baud, Capacity { receive_bytes: 127, queue_slots: 0 }),
        dial: Arc::new(SerialDial { path: board.path().to_owned(), baud }),
        recorder: recorder.clone(),
        clock: clock.clone(),
        relay: Relay::absent(),
        ports: Arc::default(),
        pulse: Default::default(),
    }
}

/// A printer's task in this process, and all that others see of it.
pub struct Tended {
    pub fleet: Fleet,
    pub live: watch::Receiver<Arc<Snapshot>>,
    shutdown: CancellationToken,
    task: JoinHandle<Parting>,
}

impl Tended {
    pub fn new(setup: Setup) -> Self {
        let (name, shutdown) = (setup.name.clone(), CancellationToken::new());
        let (lanes, live, task) = spawn(setup, shutdown.clone());
        let fleet = Fleet::new([(name.clone(), lanes)].into(), Board::new(vec![(name, live.clone())]));
        Self { fleet, live, shutdown, task }
    }

    pub async fn ready(&mut self) {
        let ready = |snapshot: &Arc<Snapshot>| snapshot.activity == Activity::Ready;
        within("a ready printer", self.live.wait_for(ready)).await.unwrap();
    }

    pub async fn end(self) {
        self.shutdown.cancel();
        within("the end of the task", self.task).await.unwrap();
    }
}

/// A simulated printer that is fast, and whose link keeps its name.
pub fn printer(folder: &Path, name: &str, face: Face, speed: f64) -> PrinterConfig {
    let mut rig = RigConfig::new(face, 115_200, 0, 7);
    rig.firmware.home_us = 1_000_000;
    rig.firmware.record_lines = true;
    let record = Some(folder.join(format!("{name}.executed")));
    PrinterConfig { name: name.to_owned(), rig, link: Some(folder.join(name)), speed, record }
}

/// Short moves after some heat, which nothing waits for.
pub fn gcode(moves: u32) -> String {
    process_harness::gcode("a test", moves)
}

/// The text of all that a printer executed; ends it.
pub fn executed(handle: Handle) -> (Statistics, Vec<String>) {
    let file = handle.path().with_extension("executed");
    let statistics = handle.stop().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    (statistics, text.lines().map(str::to_owned).collect())
}

pub fn platen(args: &[&str]) -> Command {
    process_harness::command(env!("CARGO_BIN_EXE_platen"), args)
}

/// A JPEG of 8 by 8 grey pixels whose EXIF says how the camera was held, whose it is and where it was taken.
pub fn photo(orientation: u8, words: &str) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    let mut segment = |mark: u8, body: &[u8]| {
        file.extend([0xFF, mark]);
        file.extend(u16::try_from(body.len() + 2).unwrap().to_be_bytes());
        file.extend(body);
    };
    let exif = [
        &b"Exif\0\0II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0\x26\0\0\0\x12\x01\x03\0\x01\0\0\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
        words.as_bytes(),
        b" 52.5163 N 13.3777 E",
    ];
    segment(0xE1, &exif.concat());
    segment(0xFE, words.as_bytes());
    segment(0xDB, &[&[0u8][..], &[1; 64]].concat());
    segment(0xC0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        segment(0xC4, &[&[class, 1][..], &[0; 16]].concat());
    }
    segment(0xDA, &[1, 1, 0, 0, 63, 0]);
    file.extend([0x3F, 0xFF, 0xD9]);
    file.extend(words.bytes());
    file
}

/// Runs a command to its end.
pub fn run(args: &[&str]) -> Told {
    Process::spawn(&mut platen(args)).end()
}

/// A folder with a configuration, and the printers in it.
pub struct Lab {
    // Dropped in this order: the printers write what they executed into the folder.
    pub printers: Vec<Handle>,
    pub folder: TempDir,
    pub config: PathBuf,
}

impl Lab {
    /// A lab of these printers; `more` goes into each one's section.
    pub fn new(folder: TempDir, printers: Vec<PrinterConfig>, more: &str) -> Self {
        let printers = Printer::spawn_all(printers).unwrap();
        let lab = Self { config: folder.path().join("platen.toml"), folder, printers };
        lab.configure("", more);
        lab
    }

    /// One printer, `mk`, at 20 times its speed.
    pub fn one() -> Self {
        Self::one_with("")
    }

    pub fn one_with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let printer = printer(folder.path(), "mk", Face::Marlin21, 20.0);
        Self::new(folder, vec![printer], more)
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes the configuration; `top` are sections of its own.
    pub fn configure(&self, top: &str, more: &str) {
        let mut text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{top}\n",
            self.state()
        );
        for printer in &self.printers {
            let (name, port) = (printer.name(), printer.path());
            let bench = if more.contains("allow_findings") { "" } else { TEST_BENCH };
            text.push_str(&format!(
                "[[printer]]\nname = \"{name}\"\nport = {port:?}\nbaud = 115200\nsimulated_speed = 200\n{bench}{more}\n"
            ));
        }
        std::fs::write(&self.config, text).unwrap();
    }

    /// A file of G-code in the lab's folder.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn serve_process(&self) -> Process {
        Process::spawn(&mut platen(&["serve", "--config", self.config.to_str().unwrap()]))
    }

    /// A daemon whose page answers.
    pub fn serve(&self) -> Daemon {
        Daemon::of(self.serve_process())
    }

    /// One in this process, with the lab's configuration and what is changed of it.
    pub fn serve_here(&self, change: impl FnOnce(&mut Config)) -> Here {
        let mut config = Config::load(&self.config).unwrap();
        change(&mut config);
        let runtime = Runtime::new().unwrap();
        let daemon = runtime.block_on(platen::daemon::Daemon::start(config)).unwrap();
        let page = Page::at(format!("http://{}", daemon.address));
        Here { page, daemon: Some(daemon), runtime }
    }
}

impl Daemon {
    /// Waits for its page.
    pub fn of(mut process: Process) -> Self {
        let url = process.page();
        Self { process, page: Page::at(url) }
    }

    /// Kill -9.
    pub fn crash(mut self) {
        self.process.signal(Signal::SIGKILL);
        until("the end of a killed daemon", || self.process.ended());
    }

    /// SIGTERM, and the end by itself.
    pub fn terminate(self) -> Told {
        self.process.signal(Signal::SIGTERM);
        self.process.end()
    }
}

/// A daemon that runs.
pub struct Daemon {
    pub process: Process,
    page: Page,
}

impl Deref for Daemon {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

/// A daemon in this process, for what no configuration says.
pub struct Here {
    page: Page,
    // Both are there until it is dropped.
    daemon: Option<platen::daemon::Daemon>,
    runtime: Runtime,
}

impl Deref for Here {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.runtime.block_on(daemon.stop());
        }
    }
}

/// What a daemon answers.
pub struct Page {
    pub url: String,
    pub agent: ureq::Agent,
}

impl Page {
    fn at(url: String) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .proxy(None)
            .build();
        Self { url, agent: agent.new_agent() }
    }

    /// A verb of the command line, asked of this daemon.
    pub fn platen(&self, args: &[&str]) -> Told {
        let mut all = vec!["--url", &self.url];
        all.extend(args);
        run(&all)
    }

    /// The same, which must succeed; the JSON that it prints.
    pub fn ask(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let told = self.platen(&all);
        assert_eq!(told.code, Some(0), "{args:?}: {told:?}");
        told.json()
    }

    pub fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// What the page shows: the farm, and the queue.
    pub fn page(&self) -> String {
        let shown = ["/", "/queue"].map(|path| {
            let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
            answer.body_mut().read_to_string().unwrap()
        });
        shown.concat()
    }

    /// A new case with one part: its token.
    pub fn case(&self) -> String {
        self.case_for("guide")
    }

    pub fn case_for(&self, of: &str) -> String {
        let told = self.platen(&["cases", "new", "--intended-use", of]);
        assert_eq!(told.code, Some(0), "{told:?}");
        let token = told.out.trim().to_owned();
        self.ask(&["cases", "add-part", &token, "left hand"]);
        token
    }

    /// Queues a job: its id.
    pub fn print(&self, file: &str, case: &str, printer: &str) -> String {
        let job = self.ask(&["print", file, "--case", case, "--part", "1", "--printer", printer]);
        job["id"].as_str().unwrap().to_owned()
    }

    pub fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}"))
    }

    pub fn printer(&self, name: &str) -> Value {
        self.get(&format!("/v1/printers/{name}"))
    }

    pub fn wait_job(&self, id: &str, state: &str) -> Value {
        until(&format!("job {id} {state}"), || {
            let job = self.job(id);
            let ended = job["ended"].is_string() && job["state"] != state;
            assert!(!ended, "job {id} was to be {state}: {job}");
            Some(job).filter(|job| job["state"] == state)
        })
    }

    pub fn wait_printer(&self, name: &str, state: &str) -> Value {
        let mut last = Value::Null;
        until(&format!("printer {name} {state}"), || {
            last = self.printer(name);
            Some(last.clone()).filter(|printer| printer["state"] == state)
        })
    }

    /// The whole journal as it is now, as the event stream tells it.
    pub fn events(&self) -> Vec<Value> {
        let end = self.get("/healthz")["journal"].as_u64().unwrap();
        let answer = self.agent.get(format!("{}/v1/events?after=0", self.url)).call().unwrap();
        let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
        let mut events = Vec::new();
        let mut id = None;
        while (events.len() as u64) < end {
            let line = lines.next().expect("the stream goes on").unwrap();
            if let Some(text) = line.strip_prefix("id:") {
                id = text.trim().parse::<u64>().ok();
            } else if let Some(data) = line.strip_prefix("data:") {
                let event: Value = serde_json::from_str(data.trim_start()).unwrap();
                assert_eq!(event["seq"].as_u64(), id, "the id of a message is its event's seq");
                events.push(event);
            }
        }
        events
    }
}

/// The printer has taken up at least so many commands.
pub fn wait_commands(printer: &Handle, count: u64) -> Statistics {
    until(&format!("{count} commands executed"), || {
        Some(printer.statistics().unwrap()).filter(|statistics| statistics.commands >= count)
    })
}

/// A job for the left hand of a guide, waiting.
pub async fn queued(recorder: &Recorder, file: FileHash, commands: u64, digest: FileHash) -> JobId {
    let (case, part) = (CaseToken::from_entropy(entropy()), PartId::from_entropy(entropy()));
    let job = JobId::from_entropy(entropy());
    let new = NewJob {
        job: job.clone(),
        case: case.clone(),
        part: PartRef::Id(part.clone()),
        also: Vec::new(),
        file,
        commands,
        digest,
        pinned: None,
        material: None,
        gate: None,
    };
    for request in [
        Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide },
        Request::AddPart { case, part, name: "left hand".to_owned().try_into().unwrap() },
        Request::QueueJob(Box::new(new)),
    ] {
        recorder.submit(request, Actor::Platen).await.unwrap();
    }
    job
}
