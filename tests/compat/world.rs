//! A lab whose people are set up: simulated printers, the real daemon, and a token for programs.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use process_harness::TEST_BENCH;
pub use process_harness::{BOUND, Process, gcode, until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The printer of these tests.
pub const PRINTER: &str = "mk";
const ADMIN: (&str, &str) = ("ada", "notes on the engine");
const OPERATOR: &str = "olga";

fn platen(args: &[&str]) -> Command {
    process_harness::command(env!("CARGO_BIN_EXE_platen"), args)
}

/// A simulated printer, so slow that a job can be paused and cancelled.
fn printer(folder: &Path, speed: f64) -> PrinterConfig {
    let mut rig = RigConfig::new(Face::Marlin21, 115_200, 0, 7);
    rig.firmware.home_us = 1_000_000;
    PrinterConfig { name: PRINTER.to_owned(), rig, link: Some(folder.join(PRINTER)), speed, record: None }
}

/// What a request of platen's own API came to.
type Said = (u16, Value);

/// A daemon that runs, with people, and a token of one who runs printers and designs.
pub struct Lab {
    // Dropped in this order: the daemon before its printers, and both before their folder.
    pub process: Process,
    _printers: Vec<Handle>,
    folder: TempDir,
    pub url: String,
    pub address: SocketAddr,
    agent: ureq::Agent,
    /// `platen_…`
    pub key: String,
}

impl Lab {
    pub fn open() -> Self {
        Self::with("")
    }

    /// `http` goes into the section of that name.
    pub fn with(http: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let printers = Printer::spawn_all(vec![printer(folder.path(), 5.0)]).unwrap();
        let config = configure(&folder, &printers, http);
        set_up(&config);
        let (process, url) = serve(&config);
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .proxy(None)
            .build()
            .new_agent();
        let mut lab = Self { process, _printers: printers, folder, url, address, agent, key: String::new() };
        lab.key = lab.token();
        lab
    }

    /// The host as a request names it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    fn said(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>, path: &str) -> Said {
        let mut answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        (answer.status().as_u16(), json)
    }

    fn post(&self, path: &str, header: (&str, &str), body: &Value) -> Said {
        let asked = self.agent.post(format!("{}{path}", self.url)).header(header.0, header.1);
        Self::said(asked.header("connection", "close").send_json(body), path)
    }

    /// A change that must be made.
    fn change(&self, path: &str, cookie: &str, body: &Value) -> Value {
        let (status, json) = self.post(path, ("cookie", cookie), body);
        assert!(matches!(status, 200 | 201), "{path}: {status} {json}");
        json
    }

    /// The cookie of a session.
    fn sign_in(&self, name: &str, password: &str) -> String {
        let given = json!({"name": name, "password": password});
        let answer = self.agent.post(format!("{}/v1/session", self.url)).send_json(&given).unwrap();
        assert_eq!(answer.status(), 201, "{name} is to be signed in");
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// An operator's, who designs as well.
    fn token(&self) -> String {
        let roles = json!(["operator", "designer"]);
        let (first, own) = ("first words of olga", "words of olga alone");
        let admin = self.sign_in(ADMIN.0, ADMIN.1);
        let olga = json!({"name": OPERATOR, "roles": roles, "password": first});
        self.change("/v1/users", &admin, &olga);
        let session = self.sign_in(OPERATOR, first);
        self.change("/v1/session/password", &session, &json!({"old": first, "new": own}));
        let session = self.sign_in(OPERATOR, own);
        let token = json!({"label": "slicers", "roles": roles, "digest": true});
        let issued = self.change("/v1/tokens", &session, &token);
        issued["token"].as_str().unwrap().to_owned()
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    pub fn get(&self, path: &str) -> Value {
        let asked = self.agent.get(format!("{}{path}", self.url)).header("authorization", self.bearer());
        let (status, json) = Self::said(asked.call(), path);
        assert_eq!(status, 200, "{path}: {json}");
        json
    }

    /// What a path answers as text, whatever it is.
    pub fn text(&self, path: &str) -> String {
        let asked = self.agent.get(format!("{}{path}", self.url)).header("authorization", self.bearer());
        asked.call().unwrap().body_mut().read_to_string().unwrap()
    }

    pub fn ask(&self, path: &str, body: &Value) -> Said {
        self.post(path, ("authorization", &self.bearer()), body)
    }

    /// A new case with one part: its token.
    pub fn case(&self) -> String {
        let (status, case) = self.ask("/v1/cases", &json!({"intended_use": "guide"}));
        assert_eq!(status, 201, "{case}");
        let token = case["token"].as_str().unwrap().to_owned();
        let (status, part) = self.ask(&format!("/v1/cases/{token}/parts"), &json!({"name": "left hand"}));
        assert_eq!(status, 201, "{part}");
        token
    }

    /// All files that slicers sent.
    pub fn uploads(&self) -> Vec<Value> {
        let listed = self.get("/v1/uploads");
        listed.as_array().unwrap_or_else(|| panic!("a list of uploads: {listed}")).clone()
    }

    pub fn wait_ready(&self) {
        until("a ready printer", || {
            let printer = self.get(&format!("/v1/printers/{PRINTER}"));
            (printer["state"] == "ready").then_some(())
        });
    }

    /// What the daemon keeps of files, however deep.
    pub fn kept_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("state/files")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.map(Result::unwrap) {
                let at = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut found };
                at.push(entry.path());
            }
        }
        found
    }

    /// A file in the lab's folder: its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Writes the configuration: its path.
fn configure(folder: &TempDir, printers: &[Handle], http: &str) -> PathBuf {
    let state = folder.path().join("state");
    let mut text = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {state:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{http}\n"
    );
    for printer in printers {
        let (name, port) = (printer.name(), printer.path());
        text.push_str(&format!(
            "[[printer]]\nname = \"{name}\"\nport = {port:?}\nbaud = 115200\nsimulated_speed = 200\n{TEST_BENCH}\n"
        ));
    }
    let config = folder.path().join("platen.toml");
    std::fs::write(&config, text).unwrap();
    config
}

/// `platen setup`.
fn set_up(config: &Path) {
    let args = ["setup", "--config", config.to_str().unwrap(), "--name", ADMIN.0, "--password-stdin"];
    let mut child = platen(&args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", ADMIN.1).as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A daemon whose page answers, and its address.
fn serve(config: &Path) -> (Process, String) {
    let mut process = Process::spawn(&mut platen(&["serve", "--config", config.to_str().unwrap()]));
    let url = process.page();
    (process, url)
}
