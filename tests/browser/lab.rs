//! A lab behind the page: simulated printers on ptys, the real daemon at one address, people who sign in.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use nix::sys::signal::Signal;
use process_harness::{BOUND, Process, TEST_BENCH, command, until};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

/// Who sets the lab up.
pub const ADA: (&str, &str) = ("ada", "notes on the engine");
/// Who may do everything that is done at printers and with cases, and reads the rest.
pub const KIM: (&str, &str) = ("kim", "kim has own words");
/// The other person in the lab, who may do the same.
pub const LEE: (&str, &str) = ("lee", "lee has own words");

const ROLES: [&str; 10] = [
    "requester",
    "designer",
    "operator",
    "inspector",
    "releaser",
    "materials",
    "maintenance",
    "biller",
    "admin",
    "auditor",
];

/// A folder with a configuration, and the printers in it.
pub struct Lab {
    // Dropped in this order: the printers' links are in the folder.
    pub printers: Vec<Handle>,
    pub folder: TempDir,
    config: PathBuf,
    top: String,
    more: String,
}

/// A board at 20 times its speed; what is odd about it is set on what this gives.
pub fn board(folder: &TempDir, name: &str) -> PrinterConfig {
    let mut rig = RigConfig::new(Face::Marlin21, 115_200, 0, 7);
    rig.firmware.home_us = 1_000_000;
    let link = Some(folder.path().join(name));
    PrinterConfig { name: name.to_owned(), rig, link, speed: 20.0, record: None }
}

impl Lab {
    pub fn new(folder: TempDir, printers: Vec<PrinterConfig>) -> Self {
        Self::with(folder, printers, "", "simulated_speed = 200\n")
    }

    /// `top` are sections of the configuration, `more` goes into each printer's.
    pub fn with(folder: TempDir, printers: Vec<PrinterConfig>, top: &str, more: &str) -> Self {
        let printers = Printer::spawn_all(printers).unwrap();
        let config = folder.path().join("platen.toml");
        Self { printers, folder, config, top: top.into(), more: more.into() }
    }

    /// One printer, `mk`.
    pub fn one() -> Self {
        Self::of(&["mk"])
    }

    pub fn of(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let printers = names.iter().map(|name| board(&folder, name)).collect();
        Self::new(folder, printers)
    }

    pub fn printer(&self, name: &str) -> &Handle {
        self.printers.iter().find(|printer| printer.name() == name).unwrap()
    }

    fn configure(&self, listen: &str) {
        let Self { top, more, .. } = self;
        let mut text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"{listen}\"\n{top}\n",
            self.folder.path().join("state")
        );
        for printer in &self.printers {
            let (name, port) = (printer.name(), printer.path());
            text.push_str(&format!(
                "[[printer]]\nname = \"{name}\"\nport = {port:?}\nbaud = 115200\n{TEST_BENCH}{more}\n"
            ));
        }
        std::fs::write(&self.config, text).unwrap();
    }

    fn start(&self, listen: &str) -> Daemon {
        self.configure(listen);
        self.serve_as_it_stands()
    }

    /// With its configuration as the file has it, whoever has written it.
    pub fn serve_as_it_stands(&self) -> Daemon {
        let config = self.config.to_str().unwrap();
        let program = env!("CARGO_BIN_EXE_platen");
        let mut process = Process::spawn(&mut command(program, &["serve", "--config", config]));
        let url = process.page();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .proxy(None)
            .build();
        Daemon { process, url, agent: agent.new_agent(), cookie: None }
    }

    /// A daemon whose page answers, and that nobody signs in to.
    pub fn serve(&self) -> Daemon {
        self.start("127.0.0.1:0")
    }

    /// A daemon that knows ada, kim and lee, and that kim has asked what this test asks by itself.
    pub fn serve_people(&self) -> Daemon {
        self.configure("127.0.0.1:0");
        let args = ["setup", "--config", self.config.to_str().unwrap(), "--name", ADA.0, "--password-stdin"];
        let mut setup = command(env!("CARGO_BIN_EXE_platen"), &args);
        let mut child = setup.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{}\n", ADA.1).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let mut daemon = self.serve();
        daemon.sign_in(ADA);
        for (name, own) in [KIM, LEE] {
            let first = format!("{name} was given these words");
            daemon.done("/v1/users", &json!({"name": name, "roles": ROLES, "password": first}));
            let ada = daemon.cookie.take();
            daemon.sign_in((name, first.as_str()));
            daemon.done("/v1/session/password", &json!({"old": first, "new": own}));
            daemon.cookie = ada;
        }
        daemon.sign_in(KIM);
        daemon
    }

    /// Kill -9: the address that nobody answers at any more.
    pub fn crash(&self, mut daemon: Daemon) -> String {
        daemon.process.signal(Signal::SIGKILL);
        until("the end of a killed daemon", || daemon.process.ended());
        daemon.url.trim_start_matches("http://").to_owned()
    }

    pub fn serve_again(&self, address: &str) -> Daemon {
        self.start(address)
    }
}

/// A daemon that runs, and what it answers to whom it knows.
pub struct Daemon {
    pub process: Process,
    pub url: String,
    agent: ureq::Agent,
    cookie: Option<String>,
}

impl Daemon {
    /// Asks from here on in this person's name.
    pub fn sign_in(&mut self, (name, password): (&str, &str)) {
        let given = json!({"name": name, "password": password});
        let answer = self.agent.post(format!("{}/v1/session", self.url)).send_json(&given).unwrap();
        assert_eq!(answer.status(), 201, "{name}");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    fn cookie(&self) -> &str {
        self.cookie.as_deref().unwrap_or_default()
    }

    pub fn done(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.url)).header("cookie", self.cookie());
        let mut answer = request.send_json(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(matches!(answer.status().as_u16(), 200..=204), "{path} {body}: {} {text}", answer.status());
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn get(&self, path: &str) -> Value {
        let request = self.agent.get(format!("{}{path}", self.url)).header("cookie", self.cookie());
        let mut answer = request.call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Bytes as a program sends them.
    pub fn send(&self, path: &str, kind: &str, body: &[u8]) -> Value {
        let request = self.agent.post(format!("{}{path}", self.url)).header("cookie", self.cookie());
        let mut answer = request.header("content-type", kind).send(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{path}: {} {text}", answer.status());
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// As a slicer sends it, under this name and with a key of its own.
    pub fn send_from_slicer(&self, name: &str, content: &str) {
        let token = self.done("/v1/tokens", &json!({"label": "slicer", "roles": ["operator"]}));
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--b--\r\n"
        );
        let request = self.agent.post(format!("{}/api/files/local", self.url));
        let request = request.header("x-api-key", token["token"].as_str().unwrap());
        let mut answer =
            request.header("content-type", "multipart/form-data; boundary=b").send(body.as_bytes()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 201, "{text}");
    }

    /// A new case with one part: its token.
    pub fn case(&self) -> String {
        let case = self.done("/v1/cases", &json!({"intended_use": "guide"}));
        let token = case["token"].as_str().unwrap().to_owned();
        self.done(&format!("/v1/cases/{token}/parts"), &json!({"name": "left hand"}));
        token
    }

    /// Queues a job: its id.
    pub fn print(&self, gcode: &str, case: &str, printer: &str) -> String {
        let file = self.send("/v1/files", "application/octet-stream", gcode.as_bytes())["file"].clone();
        self.print_file(&file, case, printer)
    }

    pub fn print_file(&self, file: &Value, case: &str, printer: &str) -> String {
        let job = json!({"file": file, "case": case, "part": 1, "printer": printer, "material": "PLA"});
        self.done("/v1/jobs", &job)["id"].as_str().unwrap().to_owned()
    }

    /// How many bytes a page that is open is sent in this time; none where it is not to be followed.
    pub fn bytes_of_stream(&self, path: &str, span: Duration) -> Option<usize> {
        let answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        let mut stream = answer.status().is_success().then(|| answer.into_body().into_reader())?;
        let (mut bytes, mut piece, began) = (0, [0; 64 << 10], Instant::now());
        while began.elapsed() < span {
            bytes += stream.read(&mut piece).unwrap();
        }
        Some(bytes)
    }

    pub fn printer(&self, name: &str) -> Value {
        self.get(&format!("/v1/printers/{name}"))
    }

    pub fn wait_printer(&self, name: &str, state: &str) -> Value {
        until(&format!("printer {name} {state}"), || {
            Some(self.printer(name)).filter(|printer| printer["state"] == state)
        })
    }

    pub fn wait_job(&self, id: &str, state: &str) -> Value {
        until(&format!("job {id} {state}"), || {
            let job = self.get(&format!("/v1/jobs/{id}"));
            assert!(!job["ended"].is_string() || job["state"] == state, "job {id} was to be {state}: {job}");
            Some(job).filter(|job| job["state"] == state)
        })
    }
}

/// How often boards were stopped dead.
pub fn kills(printer: &Handle) -> u64 {
    printer.statistics().unwrap().totals.kills
}

/// The printer has taken up so many commands more: it goes on.
pub fn goes_on(printer: &Handle, commands: u64) {
    let wanted = printer.statistics().unwrap().commands + commands;
    until(&format!("{commands} commands more"), || {
        (printer.statistics().unwrap().commands >= wanted).then_some(())
    });
}
