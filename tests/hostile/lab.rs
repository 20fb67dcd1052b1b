//! A lab of simulated printers behind the real daemon, with people, and with secrets to be kept.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use hw_sim::ledger::Totals;
use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::RigConfig;
use process_harness::{BOUND, Process, TEST_BENCH, command, until};
use serde_json::{Value, json};
use tempfile::TempDir;

const ADA: (&str, &str) = ("ada", "notes on the engine");
const KIM: (&str, &str) = ("kim", "kim has own words");
const KIM_AT_FIRST: &str = "kim was given these words";
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
/// Who a case is for, as the vault has it, and what is said on the case.
const PATIENT: &str = "Quimby, Josephine";
const NUMBER: &str = "4711-0815";
const SAID: &str = "the size of a walnut";

/// How much faster than a real one a printer is.
pub const SPEED: f64 = 4.0;

pub struct Lab {
    // Dropped in this order: the daemon before its printers, and both before their folder.
    pub process: Process,
    pub printers: Vec<Handle>,
    pub folder: TempDir,
    pub address: SocketAddr,
    agent: ureq::Agent,
    /// Of kim, who may do everything: `platen_session=…`.
    pub cookie: String,
    /// Of kim's slicers: `platen_…`.
    pub key: String,
    /// The case that has secrets.
    pub case: String,
}

fn platen(args: &[&str]) -> Command {
    command(env!("CARGO_BIN_EXE_platen"), args)
}

fn printer(folder: &Path, name: String) -> PrinterConfig {
    let mut rig = RigConfig::new(Face::Marlin21, 115_200, 0, 7);
    rig.firmware.home_us = 1_000_000;
    PrinterConfig { link: Some(folder.join(&name)), name, rig, speed: SPEED, record: None }
}

impl Lab {
    /// So many printers: `mk-01`, `mk-02` …
    pub fn of(printers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = (1..=printers).map(|number| format!("mk-{number:02}"));
        let printers = Printer::spawn_all(names.map(|name| printer(folder.path(), name)).collect()).unwrap();
        let key = folder.path().join("vault.key");
        assert!(platen(&["vault", "new-key", key.to_str().unwrap()]).output().unwrap().status.success());
        let config = folder.path().join("platen.toml");
        std::fs::write(&config, configuration(&folder, &key, &printers)).unwrap();
        let config = config.to_str().unwrap();
        let setup = ["setup", "--config", config, "--name", ADA.0, "--password-stdin"];
        let mut child = platen(&setup).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{}\n", ADA.1).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        let mut process = Process::spawn(&mut platen(&["serve", "--config", config]));
        let address = process.page().strip_prefix("http://").unwrap().parse().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(BOUND))
            .proxy(None)
            .build()
            .new_agent();
        let (cookie, key, case) = (String::new(), String::new(), String::new());
        let mut lab = Self { process, printers, folder, address, agent, cookie, key, case };
        lab.settle();
        lab
    }

    /// People come in, and something is here that nobody else may hear of.
    fn settle(&mut self) {
        self.cookie = self.sign_in(ADA.0, ADA.1);
        self.done("/v1/users", &json!({"name": KIM.0, "roles": ROLES, "password": KIM_AT_FIRST}));
        self.cookie = self.sign_in(KIM.0, KIM_AT_FIRST);
        self.done("/v1/session/password", &json!({"old": KIM_AT_FIRST, "new": KIM.1}));
        self.cookie = self.sign_in(KIM.0, KIM.1);
        let token = json!({"label": "slicers", "roles": ["operator", "designer"], "digest": true});
        self.key = self.done("/v1/tokens", &token)["token"].as_str().unwrap().to_owned();
        self.case = self.new_case();
        let case = &self.case;
        self.done(&format!("/v1/cases/{case}/identifiers"), &json!({"name": PATIENT, "mrn": NUMBER}));
        self.done(&format!("/v1/cases/{case}/messages"), &json!({"text": SAID}));
    }

    fn sign_in(&self, name: &str, password: &str) -> String {
        let given = json!({"name": name, "password": password});
        let answer = self.agent.post(self.url("/v1/session")).send_json(&given).unwrap();
        assert_eq!(answer.status(), 201, "{name} is to be signed in");
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What no answer and no line of the log may have in it, in small letters.
    pub fn secrets(&self) -> Vec<String> {
        let (_, session) = self.cookie.split_once('=').unwrap();
        let key = std::fs::read_to_string(self.folder.path().join("vault.key")).unwrap();
        let key = key.trim().rsplit(':').next().unwrap();
        let words =
            [ADA.1, KIM.1, KIM_AT_FIRST, session, self.key.as_str(), key, "quimby", "josephine", NUMBER];
        let mut all: Vec<_> = words.map(str::to_lowercase).into();
        // Of hashes, of the vault's key file, and of this machine's users.
        all.extend([SAID, "$argon2id$", "platen-vault-key", "root:x:0:"].map(str::to_owned));
        assert!(all.iter().all(|secret| secret.len() >= 6), "{all:?}");
        all
    }

    pub fn done(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(self.url(path)).header("cookie", self.cookie.as_str());
        let mut answer = request.send_json(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {} {text}", answer.status());
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn get(&self, path: &str) -> Value {
        let request = self.agent.get(self.url(path)).header("cookie", self.cookie.as_str());
        let mut answer = request.call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A new case with one part: its token.
    fn new_case(&self) -> String {
        let case = self.done("/v1/cases", &json!({"intended_use": "guide"}));
        let token = case["token"].as_str().unwrap().to_owned();
        self.done(&format!("/v1/cases/{token}/parts"), &json!({"name": "left hand"}));
        token
    }

    /// Prints this on so many printers, from the first on: the jobs, when all of them are under way.
    pub fn print(&self, gcode: &str, printers: usize) -> Vec<String> {
        let request = self.agent.post(self.url("/v1/files")).header("cookie", self.cookie.as_str());
        let mut answer =
            request.header("content-type", "application/octet-stream").send(gcode.as_bytes()).unwrap();
        let file: Value = answer.body_mut().read_json().unwrap();
        let jobs: Vec<_> = self.printers[..printers]
            .iter()
            .map(|printer| {
                let job = json!({"file": file["file"], "case": self.new_case(), "part": 1,
                    "printer": printer.name(), "material": "PLA"});
                self.done("/v1/jobs", &job)["id"].as_str().unwrap().to_owned()
            })
            .collect();
        for job in &jobs {
            self.wait_job(job, "printing");
        }
        jobs
    }

    pub fn job(&self, id: &str) -> Value {
        self.get(&format!("/v1/jobs/{id}"))
    }

    pub fn wait_job(&self, id: &str, state: &str) -> Value {
        until(&format!("job {id} {state}"), || {
            let job = self.job(id);
            assert!(!job["ended"].is_string() || job["state"] == state, "job {id} was to be {state}: {job}");
            Some(job).filter(|job| job["state"] == state)
        })
    }

    /// What each printer counted since it was switched on.
    pub fn totals(&self) -> Vec<Totals> {
        self.printers.iter().map(|printer| printer.statistics().unwrap().totals).collect()
    }

    /// Descriptors that the daemon has open.
    pub fn descriptors(&self) -> usize {
        let config = self.folder.path().join("platen.toml");
        let config = config.to_str().unwrap();
        let daemon = std::fs::read_dir("/proc").unwrap().map(Result::unwrap).find(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("\0serve\0") && line.contains(config)
        });
        std::fs::read_dir(daemon.expect("the daemon runs").path().join("fd")).unwrap().count()
    }

    /// What lies in the lab's folder itself, and what of uploads that are under way.
    pub fn files(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            all.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let mut all = names(self.folder.path());
        all.extend(names(&self.folder.path().join("state/files/incoming")));
        all.sort();
        all
    }
}

fn configuration(folder: &TempDir, key: &Path, printers: &[Handle]) -> String {
    let state = folder.path().join("state");
    let mut text = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {state:?}\ndisk_floor_mb = 16\n\
         [http]\nlisten = \"127.0.0.1:0\"\nupload_max_mb = 1\n[vault]\nkey_file = {key:?}\n"
    );
    for printer in printers {
        let (name, port) = (printer.name(), printer.path());
        text.push_str(&format!(
            "[[printer]]\nname = \"{name}\"\nport = {port:?}\nbaud = 115200\n\
             simulated_speed = 200\n{TEST_BENCH}\n"
        ));
    }
    text
}
