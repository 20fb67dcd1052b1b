//! A lab for tests of HTTP: a journal in memory, a fleet whose printers are told what to answer.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use platen::api::{self, AppState};
use platen::config::{Config, VaultKey};
use platen::control::console::ConsoleAnswer;
use platen::domain::event::Actor;
use platen::domain::ids::{BootId, CaseToken, JobId, PrinterName};
use platen::domain::job::PauseReason;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Snapshot};
use platen::domain::seen::Seen;
use platen::io::clock::{Clock, entropy};
use platen::io::credentials::{CredentialsFile, FILE, SetUp};
use platen::io::secret::{Costs, PasswordHash, Secret};
use platen::io::serial::Bypass;
use platen::io::spool::Spool;
use platen::io::store::memory::MemoryStore;
use platen::io::vault::Keys;
use platen::services::access::Access;
use platen::services::board::Board;
use platen::services::entrance::Entrance;
use platen::services::fleet::{Fleet, Lanes, NotDone, Order, Ordered, Stop};
use platen::services::gate::Gate;
use platen::services::intake::Intake;
use platen::services::monitor::Monitor;
use platen::services::owed::Keeping;
use platen::services::planner::Planner;
use platen::services::preview::Previews;
use platen::services::recorder::{LeftRunning, Recorder};
use platen::services::uploads::Names;
use platen::services::vault_desk::{Place, VaultDesk};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// `hung` never answers a stop; `away` has no port open.
pub const PRINTERS: &[&str] = &["mk3-01", "mk3-02", "away"];

/// The files of these tests lay nothing, and some are not homed or not heated.
pub const TEST_BENCH: &str = "allow_findings = [\"extrusion.none\", \"heat.left_on\", \"heat.none\", \"home.missing\", \"mode.motion_unsaid\"]\n";

/// A resin printer of 48 by 32 points, whose masks are shown in a folder.
pub const MSLA: &str = "kind = \"msla\"\nbuild_height = 150\n[printer.display]\ncolumns = 48\nrows = 32\n\
                        point_x_um = 50\npoint_y_um = 50\nmirrored_x = false\nmirrored_y = false\n\
                        folder = \"/srv/masks\"\n[printer.light]\nlongest_exposure_s = 60\n\
                        on = \"M106 S{pwm}\"\noff = \"M107\"\n[printer.plate]\nhomes = \"up\"\n\
                        travel_mm_min = 300\nfastest_mm_min = 600\n[printer.peel]\nlift_mm = 6\n\
                        lift_mm_min = 60\nretract_mm_min = 150\n[printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n";

pub const CHITU: &str = "kind = \"chitu\"\n[printer.light]\nlongest_exposure_s = 60\n\
                         [printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n[printer.delivery]\nby = \"operator\"\n";

pub struct TestLab {
    pub address: SocketAddr,
    pub recorder: Recorder,
    pub store: Arc<MemoryStore>,
    pub clock: Clock,
    pub shutdown: CancellationToken,
    /// What the printers were told, in words.
    pub told: Arc<Mutex<Vec<String>>>,
    pub boards: BTreeMap<String, watch::Sender<Arc<Snapshot>>>,
    /// What the page reads.
    pub board: Board,
    /// Nothing plans here by itself: a test has it draw.
    pub planner: Planner,
    /// What is counted of the requests.
    pub monitor: Monitor,
    pub folder: tempfile::TempDir,
}

pub async fn lab() -> TestLab {
    lab_with(PRINTERS).await
}

pub async fn lab_with(printers: &[&str]) -> TestLab {
    lab_of(printers, None, "", "").await
}

/// A lab that others reach at this address.
pub async fn lab_behind(public: &str) -> TestLab {
    lab_of(PRINTERS, None, "", &format!("public = \"{public}\"\n")).await
}

/// A lab whose clock goes by this zone.
pub async fn lab_in(zone: &str) -> TestLab {
    lab_of(PRINTERS, None, &format!("zone = \"{zone}\"\n"), "").await
}

/// The least that argon2 takes: tests are about whether, not how long.
pub const QUICK: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };

/// A lab with a first admin, as `platen setup` makes one.
pub async fn lab_of_people(admin: &str, password: &str) -> TestLab {
    lab_of(PRINTERS, Some((admin, password)), "", "").await
}

async fn entrance(admin: (&str, &str), folder: &Path, recorder: &Recorder, clock: &Clock) -> Entrance {
    let (name, printed) = (admin.0.parse().unwrap(), admin.0.parse().unwrap());
    let hash = PasswordHash::of(&Secret::new(admin.1.into()), QUICK).unwrap();
    let file = CredentialsFile::set_up(&folder.join(FILE), SetUp { name, printed }, hash).unwrap();
    let access = Access::of(file, QUICK);
    let SetUp { name, printed } = access.to_adopt().unwrap();
    recorder.submit(Request::AdoptAdmin { name, printed }, Actor::Platen).await.unwrap();
    access.adopted().unwrap();
    Entrance::guarded(access, recorder.clone(), clock.clone())
}

/// An open vault, whose key is beside the state folder.
async fn vault(folder: &Path, recorder: &Recorder, clock: &Clock) -> VaultDesk {
    let (state, key) = (folder.join("kept"), folder.join("vault.key"));
    std::fs::create_dir(&state).unwrap();
    Keys::make(&key, &state).unwrap();
    let place = Place { state: state.clone(), key: VaultKey::File(key), credentials: None };
    VaultDesk::open(Some(place), &state, recorder.clone(), clock.boot().clone()).await
}

/// `top` stands before all sections, `http` goes into the one of that name.
async fn lab_of(printers: &[&str], admin: Option<(&str, &str)>, top: &str, http: &str) -> TestLab {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("files")).unwrap().with_floor(0);
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let store = Arc::new(MemoryStore::default());
    let names = printers.iter().map(|name| name.parse().unwrap()).collect();
    let recorder = Recorder::open_keeping(
        Arc::clone(&store) as Arc<dyn platen::io::store::Store>,
        clock.clone(),
        "st-anna".parse().unwrap(),
        "lab-1".parse().unwrap(),
        Keeping::read(folder.path().join("latches"), names).unwrap(),
        |_| LeftRunning::default(),
    )
    .await
    .unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (mut lanes, mut live, mut boards) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for name in printers {
        let name: PrinterName = name.parse().unwrap();
        let mut snapshot = Snapshot::offline(name.clone(), "no such port", clock.now());
        if name.as_str() != "away" {
            snapshot.activity = Activity::Ready;
        }
        let (sender, receiver) = watch::channel(Arc::new(snapshot));
        boards.insert(name.to_string(), sender);
        live.push((name.clone(), receiver));
        let (orders, order_inbox) = mpsc::channel(8);
        let (stops, stop_inbox) = mpsc::channel(1);
        tokio::spawn(fake_printer(
            name.clone(),
            order_inbox,
            stop_inbox,
            recorder.clone(),
            Arc::clone(&told),
        ));
        // Nothing starts jobs here: there is no dispatcher.
        let (starts, _) = mpsc::channel(1);
        lanes.insert(name, Lanes { orders, stops, starts, bypass: Bypass::default() });
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let printers: String = printers
        .iter()
        .map(|name| {
            let more = match *name {
                "mk3-02" => "console = \"service\"\nallow_commands = [\"M92\"]\n",
                "away" => "console = \"off\"\n",
                "msla-01" => MSLA,
                "mars-01" => CHITU,
                _ => "",
            };
            format!(
                "[[printer]]\nname = \"{name}\"\nport = \"/dev/{name}\"\nbaud = 115200\n{TEST_BENCH}{more}"
            )
        })
        .collect();
    let config = Config::parse(&format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n{top}[http]\nlisten = \"{address}\"\nupload_max_mb = 1\n{http}{printers}",
        folder.path()
    ))
    .unwrap();
    let shutdown = CancellationToken::new();
    let spool = Arc::new(spool);
    let entrance = match admin {
        Some(admin) => entrance(admin, folder.path(), &recorder, &clock).await,
        None => Entrance::for_everybody(),
    };
    let gate = Gate::new(Arc::clone(&spool), &config.printers, &config.gate);
    let board = Board::new(live);
    let planner = Planner::new(&config, recorder.clone(), gate.clone(), board.clone(), clock.clone());
    let monitor = Monitor::default();
    let state = AppState {
        planner: planner.clone(),
        previews: Previews::new(Arc::clone(&spool)),
        names: Names::default(),
        app_keys: Default::default(),
        commissioning: Default::default(),
        gate,
        recorder: recorder.clone(),
        entrance,
        #[cfg(feature = "oidc")]
        site: None,
        vault: vault(folder.path(), &recorder, &clock).await,
        fleet: Fleet::new(lanes, board.clone()),
        intake: Intake::new(spool)
            .allowing(config.printers.iter().flat_map(|printer| printer.allow_commands.clone())),
        slicing: None,
        steps: Default::default(),
        config: Arc::new(config),
        clock: clock.clone(),
        monitor: monitor.clone(),
        mqtt: None,
        streams: api::Streams::default(),
        shutdown: shutdown.clone(),
    };
    tokio::spawn(api::serve(listener, api::router(state), CancellationToken::new()));
    TestLab { address, recorder, store, clock, shutdown, told, boards, board, planner, monitor, folder }
}

async fn fake_printer(
    name: PrinterName,
    mut orders: mpsc::Receiver<Ordered>,
    mut stops: mpsc::Receiver<Stop>,
    recorder: Recorder,
    told: Arc<Mutex<Vec<String>>>,
) {
    loop {
        tokio::select! {
            Some(stop) = stops.recv() => {
                told.lock().unwrap().push(format!("{name}: stop by {}", stop.by.as_deref().unwrap_or_default()));
                if name.as_str() == "hung" {
                    std::future::pending::<()>().await;
                }
                let _ = stop.answer.send(name.as_str() != "away");
                let _ = recorder.submit(Request::NoteStopped { printer: name.clone(), by: stop.by.unwrap_or_default() }, Actor::Platen).await;
            }
            Some(Ordered { order, answer }) = orders.recv() => {
                told.lock().unwrap().push(format!("{name}: {order:?}"));
                let request = match order {
                    Order::Pause { job, by } => {
                        let reason = PauseReason::Person { by };
                        Request::NotePaused { job, progress: Default::default(), reason }
                    }
                    Order::Resume { job, by } => Request::NoteResumed { job, by },
                    Order::Answer { button, by, .. } => {
                        Request::NoteAnswered { printer: name.clone(), by, button, label: "Continue".into() }
                    }
                    Order::Console { reply, .. } => {
                        let hostile = "<script>alert(1)</script>".to_owned();
                        let _ = reply.send(ConsoleAnswer { lines: vec![hostile], cut: false, done: true });
                        let _ = answer.send(Ok(()));
                        continue;
                    }
                    Order::Cancel { job, by } => {
                        Request::CancelJob { job, progress: Some(Default::default()), by, line: None }
                    }
                    Order::Clear { by, since } => {
                        let seen = since.map(|since| Seen::Locked { printer: name.clone(), since });
                        Request::ClearLatch { printer: name.clone(), by }.provided(seen)
                    }
                    Order::Identify { by, since } => {
                        let seen = since.map(|since| Seen::Apart { printer: name.clone(), since });
                        Request::Identify { printer: name.clone(), evidence: Box::default(), by }.provided(seen)
                    }
                };
                let done = recorder.submit(request, Actor::Printer(name.clone())).await;
                let _ = answer.send(done.map(drop).map_err(|error| NotDone::not_recorded(&error)));
            }
            else => return,
        }
    }
}

/// What came back over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The short kind of a problem, after checking that it is whole.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        for key in ["title", "detail", "help"] {
            assert!(json[key].as_str().is_some_and(|text| !text.is_empty()), "{key} in {self:?}");
        }
        json["type"].as_str().unwrap().strip_prefix("urn:platen:problem:").unwrap().to_owned()
    }
}

impl TestLab {
    /// Sends bytes as they are, shuts our side, and reads the answer to its end.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has refused already may have closed its side.
        let _ = stream.write_all(bytes).await;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        parse(&all)
    }

    pub async fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let host = if headers.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.address)
        };
        let length = if headers.to_lowercase().contains("transfer-encoding:") {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\n{host}{headers}{length}Connection: close\r\n\r\n")
                .into_bytes();
        bytes.extend_from_slice(body);
        let answer = self.raw(&bytes).await;
        assert_declared(method, path, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"").await
    }

    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.send("POST", path, "Content-Type: application/json\r\n", body.to_string().as_bytes()).await
    }

    pub async fn upload(&self, body: &[u8]) -> Answer {
        self.send("POST", "/v1/files", "", body).await
    }

    /// A case with one part: its token.
    pub async fn case(&self) -> CaseToken {
        let case = self.post("/v1/cases", &serde_json::json!({"intended_use": "guide"})).await;
        let token = case.json()["token"].as_str().unwrap().to_owned();
        let part =
            self.post(&format!("/v1/cases/{token}/parts"), &serde_json::json!({"name": "left hand"})).await;
        assert_eq!(part.status, 201, "{part:?}");
        token.parse().unwrap()
    }

    /// A queued job of a small file.
    pub async fn job(&self, case: &CaseToken, printer: Option<&str>) -> JobId {
        let file = self.upload(GCODE).await.json()["file"].clone();
        let new =
            serde_json::json!({"file": file, "case": case, "part": 1, "printer": printer, "material": "PLA"});
        let job = self.post("/v1/jobs", &new).await;
        assert_eq!(job.status, 201, "{job:?}");
        job.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// The description of the API as JSON.
pub fn description() -> &'static serde_json::Value {
    static DESCRIPTION: OnceLock<serde_json::Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::to_value(api::description()).unwrap())
}

/// What the description says of a path as it is asked for; none for the page and unknown ones.
pub fn described(path: &str) -> Option<&'static serde_json::Map<String, serde_json::Value>> {
    let asked: Vec<_> = path.split('?').next().unwrap().split('/').collect();
    let all = description()["paths"].as_object().unwrap();
    let is = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        parts.len() == asked.len()
            && parts.iter().zip(&asked).all(|(part, asked)| part == asked || part.starts_with('{'))
    };
    all.iter().find(|(template, _)| is(template)).and_then(|(_, item)| item.as_object())
}

/// Holds every answer of every test to the description: its status is declared, with its type.
fn assert_declared(method: &str, path: &str, answer: &Answer) {
    let Some(item) = described(path).filter(|_| answer.status != 0) else { return };
    let own = item.get(&method.to_lowercase());
    // A method that the path does not take is told of by those that it takes.
    for operation in own.map_or_else(|| item.values().collect(), |own| vec![own]) {
        let said = &operation["responses"][answer.status.to_string()];
        let kind = answer.header("content-type").map(|kind| kind.split(';').next().unwrap());
        assert!(
            said["content"].get(kind.unwrap_or_default()).is_some(),
            "{method} {path} answered {} as {kind:?}, and the description does not say so: {said}",
            answer.status
        );
    }
}

/// What must not be found anywhere.
pub const NAME: &str = "QUIMBY^JANE";

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

pub const GCODE: &[u8] = b"; a cube\nG28\nM104 S200\nG1 X10 Y10 F3000\nM104 S0\n";

/// A tetrahedron of 8 by 6 by 10 mm times `factor`, as ASCII STL.
pub fn tetrahedron(factor: f64) -> String {
    let corners = [[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 10.0]];
    let mut file = "solid t\n".to_owned();
    for triangle in [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
        file += "facet normal 0 0 0\nouter loop\n";
        for corner in triangle {
            let [x, y, z]: [f64; 3] = corners[corner];
            file += &format!("vertex {} {} {}\n", x * factor, y * factor, z * factor);
        }
        file += "endloop\nendfacet\n";
    }
    file + "endsolid\n"
}

pub fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        if length == 0 || rest.len() < length {
            break;
        }
        body.push_str(&rest[..length]);
        text = rest[length..].trim_start_matches("\r\n");
    }
    body
}

/// An event stream, read message by message.
pub struct Events {
    stream: TcpStream,
    buffer: String,
}

#[derive(Debug)]
pub struct Message {
    pub id: Option<u64>,
    pub event: String,
    pub data: String,
}

impl Events {
    pub async fn open(lab: &TestLab, path: &str, headers: &str) -> Self {
        Self::try_open(lab, path, headers).await.expect("a stream of events")
    }

    /// `None` where the answer is no stream.
    pub async fn try_open(lab: &TestLab, path: &str, headers: &str) -> Option<Self> {
        let mut stream = TcpStream::connect(lab.address).await.unwrap();
        // HTTP/1.0: the body comes without chunks, to the end of the connection.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n{headers}\r\n", lab.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut events = Self { stream, buffer: String::new() };
        let head = events.block("\r\n\r\n").await.expect("an answer");
        (head.contains("200 OK") && head.contains("text/event-stream")).then_some(events)
    }

    async fn block(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once(end) {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await.unwrap() {
                0 => return None,
                count => self.buffer.push_str(std::str::from_utf8(&bytes[..count]).unwrap()),
            }
        }
    }

    /// The next message, without heartbeats; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let block = self.block("\n\n").await?;
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                    .map(|text| text.trim_start())
            };
            if let Some(event) = field("event").filter(|event| *event != "alive") {
                let id = field("id").map(|id| id.parse().unwrap());
                return Some(Message {
                    id,
                    event: event.to_owned(),
                    data: field("data").unwrap_or("").to_owned(),
                });
            }
        }
    }

    pub async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.extend(self.next().await.expect("the stream goes on").id);
        }
        ids
    }
}
