//! How long the queue's page takes with 500 waiting jobs and 100 printers, beside the API's own list of them: the whole
//! answer on loopback, from the real daemon.
//!
//! No printer is connected: what is measured is the page and not the farm, and nothing is waited for that may not come.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use platen::config::Config;
use platen::daemon::Daemon;
use platen::domain::moment::WallTime;
use serde_json::{Value, json};
use support::{ALLOWED, BOUND, until};

const JOBS: usize = 500;
const PRINTERS: usize = 100;
const ROUNDS: usize = 11;
/// Lines of the file that all of them print.
const LINES: usize = 5_000;
/// Pages that may be open at once.
const VIEWERS: usize = 128;
/// Milliseconds that the first paint may take in all.
const WANTED: f64 = 300.0;

/// The daemon as somebody asks it, over one connection.
struct Lab {
    url: String,
    agent: ureq::Agent,
}

impl Lab {
    fn get(&self, path: &str) -> String {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        answer.body_mut().with_config().limit(1 << 28).read_to_string().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = self.agent.post(format!("{}{path}", self.url)).send_json(body).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    fn queue(&self) -> Value {
        serde_json::from_str(&self.get("/v1/queue")).unwrap()
    }

    /// The best and the median of some rounds in ms, and how much is answered.
    fn timed(&self, path: &str) -> ([f64; 2], usize) {
        let (mut times, mut bytes) = ([0.0; ROUNDS], 0);
        for time in &mut times {
            let began = support::now();
            bytes = self.get(path).len();
            *time = (support::now() - began).as_secs_f64() * 1e3;
        }
        times.sort_by(f64::total_cmp);
        ([times[0], times[ROUNDS / 2]], bytes)
    }

    /// The jobs: some for one printer, some until a day. Gives one of them.
    fn fill(&self) -> String {
        let text: String = support::curve(LINES).iter().map(|line| format!("{line}\n")).collect();
        let mut file = self.agent.post(format!("{}/v1/files", self.url)).send(text).unwrap();
        let file: Value = file.body_mut().read_json().unwrap();
        let case = self.post("/v1/cases", &json!({"intended_use": "guide"}))["token"].clone();
        self.post(&format!("/v1/cases/{}/parts", case.as_str().unwrap()), &json!({"name": "left hand"}));
        let job = |at: usize| {
            let printer = at.is_multiple_of(5).then(|| name(at % PRINTERS));
            let new = json!({"file": file["file"], "case": case, "part": 1, "printer": printer});
            self.post("/v1/jobs", &new)["id"].as_str().unwrap().to_owned()
        };
        let first = job(0);
        until("a first plan", || self.queue()["planned_at"].is_string());
        let planned: WallTime = self.queue()["planned_at"].as_str().unwrap().parse().unwrap();
        for at in 1..JOBS {
            let id = job(at);
            if at.is_multiple_of(7) {
                let due = WallTime(planned.0 + 3_600_000 * (at as u64 + 1));
                self.post(&format!("/v1/queue/{id}"), &json!({"due": due.to_string(), "by": "kim"}));
            }
        }
        first
    }
}

fn name(number: usize) -> String {
    format!("mk3-{number:03}")
}

fn main() {
    if !support::asked() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut config =
        format!("site = \"b\"\nnode = \"b\"\nstate_dir = {state:?}\n[http]\nlisten = \"127.0.0.1:0\"\n");
    for number in 0..PRINTERS {
        let (name, port) = (name(number), folder.path().join(name(number)));
        config += &format!("[[printer]]\nname = \"{name}\"\nport = {port:?}\nbaud = 115200\n{ALLOWED}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let daemon = runtime.block_on(Daemon::start(Config::parse(&config).unwrap())).unwrap();
    let agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(BOUND)).build().into();
    let lab = Lab { url: format!("http://{}", daemon.address), agent };
    let first = lab.fill();
    // The plan has all of them: each has its time, or says what it waits for.
    let is_planned = |job: &Value| job["end"].is_string() || job["waits"].is_string();
    until("a plan of all jobs", || lab.queue()["jobs"].as_array().unwrap().iter().all(is_planned));
    let jobs = lab.queue()["jobs"].as_array().unwrap().len();
    println!("{jobs} jobs in the queue of {PRINTERS} printers");
    println!("                          best   median  bytes");
    let open = format!("/queue?open={first}");
    let paths = [
        ("GET /v1/queue", "/v1/queue"),
        ("GET /queue", "/queue"),
        ("with an open row", &open),
        ("GET /hands", "/hands"),
        ("GET /", "/"),
    ];
    let mut last = 0.0;
    for (what, path) in paths {
        let ([best, median], bytes) = lab.timed(path);
        println!("{what:22} {best:7.2}  {median:7.2}  {bytes}");
        last = best;
    }
    println!("wanted of a page       {WANTED:7.2}");
    // Each open page of the farm is made anew once a second, at most.
    println!("{VIEWERS} open pages of the farm: {:.1} % of a core at most", last * VIEWERS as f64 / 10.0);
    runtime.block_on(daemon.stop());
}
