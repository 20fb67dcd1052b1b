//! A lab in memory, a real mosquitto and a real mosquitto_sub, for the tests of MQTT.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod played;

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platen::config::{self, MqttVersion};
use platen::domain::case::IntendedUse;
use platen::domain::event::{Actor, Event};
use platen::domain::ids::{BootId, CaseToken, FileHash, JobId, PartId, PrinterName};
use platen::domain::job::Progress;
use platen::domain::lab::{NewJob, Request};
use platen::domain::moment::Moment;
use platen::domain::part::{PartName, PartRef};
use platen::domain::printer::Snapshot;
use platen::io::clock::{Clock, entropy};
use platen::io::mqtt::Dial;
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::services::board::Board;
use platen::services::recorder::Recorder;
use platen::services::telemetry::message::Origin;
use platen::services::telemetry::{self, MqttStatus};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes a second; the machine may be busy.
pub const BOUND: Duration = Duration::from_secs(60);
/// What must never be seen outside: planted wherever a person or a firmware may write.
pub const SECRETS: [&str; 6] = [
    "Kim.Secret-1",
    "left ventricle Meier",
    "PLA for Meier",
    "SN-4711",
    "MK3-FW-0815",
    "ttyACM-by-id-SN-4711",
];

pub fn printer() -> PrinterName {
    "mk3-07".parse().unwrap()
}

pub fn origin() -> Origin {
    Origin { site: "st-mary".parse().unwrap(), node: "lab-2".parse().unwrap() }
}

/// One case with one part, one printer or more, and a recorder over a store in memory.
pub struct World {
    pub recorder: Recorder,
    pub clock: Clock,
    pub board: Board,
    /// In the order of the board; the first is `printer()`.
    pub lives: Vec<watch::Sender<Arc<Snapshot>>>,
    pub case: CaseToken,
}

impl World {
    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::default()), 1).await
    }

    /// A daemon's start over what is in the store, with a new case.
    pub async fn over(store: Arc<dyn Store>, printers: usize) -> Self {
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let Origin { site, node } = origin();
        let recorder = Recorder::open(store, clock.clone(), site, node).await.unwrap();
        let (mut lives, mut board) = (Vec::new(), Vec::new());
        for place in 0..printers {
            let name = if place == 0 { printer() } else { format!("p-{place}").parse().unwrap() };
            let reason = "/dev/ttyACM-by-id-SN-4711 is away";
            let mut snapshot = Snapshot::offline(name.clone(), reason, Moment::ZERO);
            snapshot.firmware = Some("Marlin MK3-FW-0815 SN-4711".into());
            let (live, receiver) = watch::channel(Arc::new(snapshot));
            lives.push(live);
            board.push((name, receiver));
        }
        let (board, case) = (Board::new(board), CaseToken::from_entropy(entropy()));
        let world = Self { recorder, clock, board, lives, case };
        let case = world.case.clone();
        world.ask(Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide }).await;
        let name = PartName::try_from("left ventricle Meier".to_owned()).unwrap();
        world.ask(Request::AddPart { case, part: PartId::from_entropy(entropy()), name }).await;
        world
    }

    pub async fn ask(&self, request: Request) -> Vec<Arc<Event>> {
        self.recorder.submit(request, Actor::Person("Kim.Secret-1".into())).await.unwrap()
    }

    pub async fn queue(&self, commands: u64) -> JobId {
        let job = JobId::from_entropy(entropy());
        let new = NewJob {
            job: job.clone(),
            case: self.case.clone(),
            part: PartRef::Number(1),
            also: Vec::new(),
            file: FileHash::from_digest([7; 32]),
            commands,
            digest: FileHash::from_digest([9; 32]),
            pinned: None,
            material: Some("PLA for Meier".into()),
            gate: None,
        };
        self.ask(Request::QueueJob(Box::new(new))).await;
        job
    }

    pub async fn start(&self, job: &JobId) {
        self.ask(Request::StartJob { job: job.clone(), printer: printer() }).await;
    }

    pub async fn progress(&self, job: &JobId, confirmed: u64, total: u64) {
        let progress = Progress { confirmed, total };
        self.ask(Request::NoteProgress { job: job.clone(), progress }).await;
    }

    /// Ends a job and clears the bed for the next one.
    pub async fn finish(&self, job: &JobId, total: u64) {
        let progress = Progress { confirmed: total, total };
        let digest = FileHash::from_digest([9; 32]);
        self.ask(Request::NotePrinted {
            job: job.clone(),
            progress,
            digest,
            line: Box::default(),
            millis: 5,
        })
        .await;
        self.ask(Request::ClearBed { printer: printer(), by: "Kim.Secret-1".into() }).await;
    }

    /// queued, started, `steps` times progress, printed.
    pub async fn print(&self, steps: u64) -> JobId {
        let job = self.queue(steps).await;
        self.start(&job).await;
        for confirmed in 1..=steps {
            self.progress(&job, confirmed, steps).await;
        }
        self.finish(&job, steps).await;
        job
    }

    pub fn show(&self, edit: impl FnOnce(&mut Snapshot)) {
        self.show_at(0, edit);
    }

    pub fn show_at(&self, place: usize, edit: impl FnOnce(&mut Snapshot)) {
        self.lives[place].send_modify(|snapshot| edit(Arc::make_mut(snapshot)));
    }

    /// How many events this lab has for MQTT.
    pub fn published(&self) -> u64 {
        self.recorder.read(|lab| lab.counters.outbox)
    }

    pub fn publish(&self, mqtt: config::Mqtt) -> Publisher {
        let shutdown = CancellationToken::new();
        let (task, status) = telemetry::spawn(
            self.recorder.clone(),
            self.board.clone(),
            self.clock.clone(),
            "st-mary".parse().unwrap(),
            "lab-2".parse().unwrap(),
            Some(mqtt),
            shutdown.clone(),
        );
        Publisher { task, status, shutdown }
    }

    /// The same publisher, to a broker that a test plays.
    pub fn publish_over(&self, dial: impl Dial) -> Publisher {
        let shutdown = CancellationToken::new();
        let (recorder, board) = (self.recorder.clone(), self.board.clone());
        let (task, status) =
            telemetry::spawn_over(recorder, board, self.clock.clone(), origin(), dial, shutdown.clone());
        Publisher { task, status, shutdown }
    }
}

/// The task under test.
pub struct Publisher {
    pub task: JoinHandle<()>,
    pub status: watch::Receiver<MqttStatus>,
    pub shutdown: CancellationToken,
}

impl Publisher {
    pub async fn connected(&mut self) {
        self.reaches(|status| matches!(status, MqttStatus::Connected { .. })).await;
    }

    /// Waits until the reason for being away has all of `words`.
    pub async fn away(&mut self, words: &[&str]) -> String {
        let status = self
            .reaches(|status| match status {
                MqttStatus::Away { reason, .. } => words.iter().all(|word| reason.contains(word)),
                _ => false,
            })
            .await;
        let MqttStatus::Away { reason, .. } = status else { unreachable!() };
        reason
    }

    /// Waits for a connection; why the one before it ended, where that is still told.
    pub async fn holds_again(&mut self) -> Option<String> {
        match self.reaches(|status| matches!(status, MqttStatus::Connected { .. })).await {
            MqttStatus::Connected { lately, .. } => lately,
            _ => unreachable!(),
        }
    }

    async fn reaches(&mut self, wanted: impl Fn(&MqttStatus) -> bool) -> MqttStatus {
        let wait = async { self.status.wait_for(|status| wanted(status)).await.unwrap().clone() };
        match tokio::time::timeout(BOUND, wait).await {
            Ok(status) => status,
            Err(_) => panic!("the status stays {:?}", *self.status.borrow()),
        }
    }

    pub async fn end(self) {
        self.shutdown.cancel();
        tokio::time::timeout(BOUND, self.task).await.expect("the publisher ends").unwrap();
    }

    /// As `kill -9` would: the socket closes without a goodbye.
    pub async fn drop_hard(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub fn mqtt(port: u16, version: MqttVersion) -> config::Mqtt {
    config::Mqtt {
        host: "127.0.0.1".into(),
        port,
        tls: false,
        ca_file: None,
        version,
        username: None,
        password_file: None,
        outbox_max: 1_000_000,
        home_assistant: None,
    }
}

/// Below the ports that the kernel gives to outgoing connections, and never the same one twice:
/// a broker that is killed and started again must find its port free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let offset = std::process::id().wrapping_mul(97) + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(12_000 + offset % 18_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Keys and certificates in a folder: authorities `ca` and `other`, and a `server` on this machine that `ca` knows.
pub fn certificates(folder: &Path) {
    let script = "set -e; cd \"$1\"
        for name in ca other; do
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -keyout $name.key -out $name.pem -subj /CN=$name -addext basicConstraints=critical,CA:TRUE
        done
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
        echo subjectAltName=DNS:localhost,IP:127.0.0.1 > names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem";
    let made = Command::new("sh").args(["-c", script, "sh"]).arg(folder).output().unwrap();
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}

/// Debian's mosquitto with a configuration of its own, killed with the test.
pub struct Mosquitto {
    pub port: u16,
    pub folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Mosquitto {
    const PROGRAM: &str = "/usr/sbin/mosquitto";

    /// A broker without access control, not yet started.
    pub fn open() -> Self {
        Self::with("allow_anonymous true\n")
    }

    /// `rules` is added to the configuration.
    pub fn with(rules: &str) -> Self {
        // Saved at every change, so that a subscriber's session survives a kill.
        let kept = "persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n";
        Self::configured(&format!("{kept}max_queued_messages 0\n{rules}"))
    }

    /// A broker that has nothing on its disk: killed, it forgets sessions, subscriptions and retained messages.
    pub fn forgetful() -> Self {
        Self::configured("allow_anonymous true\nmax_inflight_messages 0\n")
    }

    fn configured(rules: &str) -> Self {
        let program = Path::new(Self::PROGRAM);
        assert!(
            program.exists(),
            "{} is missing; install Debian's packages mosquitto and mosquitto-clients",
            Self::PROGRAM
        );
        let broker = Self { port: free_port(), folder: tempfile::tempdir().unwrap(), process: None };
        let folder = broker.folder.path().display().to_string();
        let text = format!("listener {} 127.0.0.1\nuser root\n{rules}", broker.port);
        std::fs::write(broker.file("mosquitto.conf"), text.replace("{folder}", &folder)).unwrap();
        broker
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[allow(clippy::disallowed_methods, reason = "mosquitto tells nobody when it listens: it is tried again")]
    pub fn start(&mut self) {
        let log = std::fs::File::create(self.file("log")).unwrap();
        let mut process = Command::new(Self::PROGRAM)
            .arg("-c")
            .arg(self.file("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.file("log")).unwrap();
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < BOUND, "mosquitto does not listen: {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
    }

    pub fn started(mut self) -> Self {
        self.start();
        self
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Makes it read its access list again.
    pub fn reload(&self) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The network between platen and a broker: a port of its own, that can be closed, and that breaks.
pub struct Gate {
    pub port: u16,
    state: Arc<Mutex<GateState>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct GateState {
    open: bool,
    /// The next connection breaks after so many bytes from the broker, in the midst of its acknowledgements.
    breaks_after: Option<u64>,
}

impl Gate {
    /// A closed gate in front of a broker's port.
    pub async fn before(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(GateState::default()));
        let now = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                if !now.lock().unwrap().open {
                    continue;
                }
                let Ok(theirs) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let breaks_after = now.lock().unwrap().breaks_after.take();
                tokio::spawn(Self::carry(ours, theirs, breaks_after));
            }
        });
        Self { port: own, state, task }
    }

    async fn carry(ours: tokio::net::TcpStream, theirs: tokio::net::TcpStream, breaks_after: Option<u64>) {
        use tokio::io::{AsyncReadExt, copy};
        let ((mut from_us, mut to_us), (from_broker, mut to_broker)) =
            (ours.into_split(), theirs.into_split());
        let mut acknowledgements = from_broker.take(breaks_after.unwrap_or(u64::MAX));
        // Whichever ends first ends both.
        tokio::select! {
            _ = copy(&mut from_us, &mut to_broker) => {}
            _ = copy(&mut acknowledgements, &mut to_us) => {}
        }
    }

    /// For connections from now on.
    pub fn open(&self, breaks_after: Option<u64>) {
        *self.state.lock().unwrap() = GateState { open: true, breaks_after };
    }

    /// Connections that are there stay.
    pub fn close(&self) {
        self.state.lock().unwrap().open = false;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One received message.
#[derive(Clone, Debug)]
pub struct Received {
    pub retained: bool,
    pub qos: u8,
    pub topic: String,
    pub payload: Value,
    pub raw: String,
}

impl Received {
    pub fn kind(&self) -> &str {
        self.payload["type"].as_str().unwrap()
    }

    pub fn number(&self, field: &str) -> u64 {
        self.payload[field].as_u64().unwrap_or_else(|| panic!("{field} in {}", self.raw))
    }

    pub fn is_event(&self) -> bool {
        self.topic.ends_with("/event")
    }
}

/// A `mosquitto_sub`, and everything that it has printed.
pub struct Subscriber {
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
    pub received: Vec<Received>,
}

impl Subscriber {
    /// Returns when the broker has granted the subscription.
    pub async fn new(port: u16, topic: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-q", "1", "-F", "message %r %q %t %p"])
            .args(["-p", &port.to_string(), "-t", topic])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub runs; install Debian's package mosquitto-clients");
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut subscriber = Self { process, lines, received: Vec::new() };
        subscriber.granted().await;
        subscriber
    }

    /// Waits until the broker has granted the subscription, the first time or once more.
    pub async fn granted(&mut self) {
        let granted = async {
            loop {
                let line = self.lines.recv().await.expect("mosquitto_sub stays");
                if line.starts_with("Subscribed") {
                    break;
                }
                self.keep(&line);
            }
        };
        tokio::time::timeout(BOUND, granted).await.expect("the subscription is granted");
    }

    /// Waits for the next message.
    async fn next(&mut self) {
        loop {
            let line = self.lines.recv().await.expect("mosquitto_sub stays");
            if self.keep(&line) {
                return;
            }
        }
    }

    /// Takes a line of the output; whether it was a message.
    fn keep(&mut self, line: &str) -> bool {
        let Some(message) = line.strip_prefix("message ") else { return false };
        let mut fields = message.splitn(4, ' ');
        let mut field = || fields.next().unwrap().to_owned();
        let (retained, qos, topic, raw) = (field() == "1", field().parse().unwrap(), field(), field());
        let payload = serde_json::from_str(&raw).unwrap();
        self.received.push(Received { retained, qos, topic, payload, raw });
        true
    }

    /// Waits until what was received so far satisfies `wanted`.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&[Received]) -> bool) {
        let deadline = tokio::time::Instant::now() + BOUND;
        while !wanted(&self.received) {
            if tokio::time::timeout_at(deadline, self.next()).await.is_err() {
                let events = self.received.iter().filter(|message| message.is_event());
                let seqs: Vec<u64> = events.map(|message| message.number("seq")).collect();
                let last = self.received.last();
                panic!("never saw {what}; last {last:?}, events {seqs:?}");
            }
        }
    }

    /// Waits until every event up to `last` was seen.
    pub async fn until_seq(&mut self, last: u64) {
        let all: Vec<u64> = (1..=last).collect();
        self.until(&format!("all events up to {last}"), |received| {
            let mut seqs: Vec<u64> =
                received.iter().filter(|message| message.is_event()).map(|m| m.number("seq")).collect();
            seqs.sort_unstable();
            seqs.dedup();
            seqs == all
        })
        .await;
    }

    /// Events in the order of first sight; a second sight must be the same, byte for byte.
    pub fn distinct_events(&self) -> Vec<Received> {
        distinct_events(&self.received)
    }

    pub fn last(&self, topic: &str) -> Option<&Received> {
        self.received.iter().rev().find(|message| message.topic == topic)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Events in the order of first sight; a second sight must be the same, byte for byte.
pub fn distinct_events(received: &[Received]) -> Vec<Received> {
    let mut known = std::collections::BTreeMap::<&str, &str>::new();
    let mut distinct = Vec::new();
    for message in received.iter().filter(|message| message.is_event()) {
        let id = message.payload["id"].as_str().unwrap();
        match known.insert(id, &message.raw) {
            Some(before) => assert_eq!(before, message.raw),
            None => distinct.push(message.clone()),
        }
    }
    distinct
}

/// `seq` 1, 2, 3 … over all, and `job_seq` 1, 2, 3 … over each job.
pub fn assert_gapless(events: &[Received]) {
    let mut jobs = std::collections::BTreeMap::<String, u64>::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.number("seq"), at as u64 + 1, "{}", event.raw);
        let last = jobs.entry(event.payload["job"].to_string()).or_default();
        *last += 1;
        assert_eq!(event.number("job_seq"), *last, "{}", event.raw);
    }
}
