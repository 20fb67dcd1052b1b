//! The real daemon with 32 simulated printers on ptys, in real time: how full each line is, and what that costs.
//!
//! The simulator is this process, on the same cores. One more printer, with one line in flight, measures how
//! long an `ok` waits for the next line meanwhile.
//! `-- --printers 32 --baud 115200 --seconds 20 --plain-ok` are what can be said.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::rig::Statistics;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::counting::process_cpu;
use support::pty::{Pty, printer, pty, row};
use support::virtually::instant;
use support::{ALLOWED, pause, until};

fn given(flag: &str, otherwise: u32) -> u32 {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    args.nth(1).map_or(otherwise, |value| value.parse().unwrap())
}

/// Segments of 0.3 mm without extrusion: a cold nozzle complains about it, and that would fill the way back.
fn file(lines: usize) -> String {
    let mut text = String::from("G90\n");
    for line in support::curve(lines) {
        let moves: Vec<_> = line.split(' ').filter(|word| !word.starts_with('E')).collect();
        text += &moves.join(" ");
        text.push('\n');
    }
    text
}

struct Daemon {
    child: Child,
    url: String,
    agent: ureq::Agent,
}

impl Daemon {
    fn start(config: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_platen"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, url)) = line.split_once("the page is at ") {
                break url.trim_end_matches('/').to_owned();
            }
        };
        // Read on, so that the daemon never waits for a reader of its log.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let config = ureq::Agent::config_builder().proxy(None).build();
        Self { child, url, agent: config.new_agent() }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = self.agent.post(format!("{}{path}", self.url)).send_json(body).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// A job of `file` on each printer.
    fn print(&self, file: &str, printers: &[String]) {
        let mut answer = self.agent.post(format!("{}/v1/files", self.url)).send(file).unwrap();
        let file: Value = answer.body_mut().read_json().unwrap();
        let case = self.post("/v1/cases", &json!({"intended_use": "guide"}))["token"].clone();
        let token = case.as_str().unwrap();
        self.post(&format!("/v1/cases/{token}/parts"), &json!({"name": "bench"}));
        for printer in printers {
            let job = json!({"file": file["file"], "case": case, "part": 1, "printer": printer});
            self.post("/v1/jobs", &job);
        }
    }

    fn all_are(&self, state: &str) -> bool {
        self.get("/v1/printers").as_array().unwrap().iter().all(|printer| printer["state"] == state)
    }

    /// Numbered lines sent to all printers.
    fn lines(&self) -> u64 {
        let printers = self.get("/v1/printers");
        printers.as_array().unwrap().iter().map(|one| one["line"]["lines_sent"].as_u64().unwrap()).sum()
    }

    fn process(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// CPU time so far, in user and in kernel mode.
    fn cpu(&self) -> [f64; 2] {
        let stat = self.process("stat");
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let ticks: Vec<f64> = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse().unwrap()).collect();
        // USER_HZ has been 100 on every Linux for decades.
        [ticks[0] / 100.0, ticks[1] / 100.0]
    }

    fn kib(&self, what: &str) -> u64 {
        let status = self.process("status");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn main() {
    if !support::asked() {
        return;
    }
    let (count, baud) = (given("--printers", 32), given("--baud", 115_200));
    let seconds = given("--seconds", 20);
    let advanced_ok = !std::env::args().any(|arg| arg == "--plain-ok");
    let folder = tempfile::tempdir().unwrap();
    let simulated = |number: u32| PrinterConfig {
        name: format!("p-{number:03}"),
        rig: instant(baud, 1_000, advanced_ok),
        link: Some(folder.path().join(format!("p-{number:03}"))),
        speed: 1.0,
        record: None,
    };
    let printers = Printer::spawn_all((0..count).map(simulated).collect()).unwrap();
    let Pty { master, slave, path } = pty();
    let reaction = thread::spawn(move || printer(master, Duration::from_micros(3_000)));

    let mut config = format!(
        "site = \"bench\"\nnode = \"farm\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n",
        folder.path().join("state")
    );
    let section = |name: &str, path: &std::path::Path, more: &str| {
        format!("[[printer]]\nname = \"{name}\"\nport = {path:?}\nbaud = {baud}\n{ALLOWED}{more}\n")
    };
    for printer in &printers {
        config += &section(printer.name(), printer.path(), "");
    }
    // The smallest buffer there is holds one line.
    config += &section("reaction", path.as_ref(), "rx_buffer = 32");
    let config_path = folder.path().join("platen.toml");
    std::fs::write(&config_path, config).unwrap();

    let daemon = Daemon::start(&config_path);
    until("printers that are ready", || daemon.all_are("ready"));
    let mut names: Vec<_> = printers.iter().map(|printer| printer.name().to_owned()).collect();
    names.push("reaction".into());
    println!("{count} printers at {baud} baud and one that measures reaction, {seconds} s of real time");
    println!("resident before the jobs: {:.1} MiB", daemon.kib("VmRSS") as f64 / 1024.0);
    let per_second = baud / 10 / 30;
    daemon.print(&file((per_second * (seconds + 15)) as usize), &names);
    until("printers that all print", || daemon.all_are("printing"));
    pause(Duration::from_secs(2));

    let look =
        || -> Vec<Statistics> { printers.iter().map(Handle::statistics).map(Result::unwrap).collect() };
    let (before, cpu, ours, lines) = (look(), daemon.cpu(), process_cpu(), daemon.lines());
    pause(Duration::from_secs(u64::from(seconds)));
    let (after, cpu_after, ours_after, lines_after) = (look(), daemon.cpu(), process_cpu(), daemon.lines());
    assert!(daemon.all_are("printing"), "the file was too short");

    let mut full = Vec::new();
    for (before, after) in before.iter().zip(&after) {
        let bytes = (after.to_device.sent - before.to_device.sent) as f64;
        full.push(bytes / (after.seconds - before.seconds) / (f64::from(baud) / 10.0) * 100.0);
    }
    for (printers, full) in names.chunks(8).zip(full.chunks(8)) {
        let cells: Vec<_> = full.iter().map(|full| format!("{full:>6.1} %")).collect();
        println!("full, from {}: {}", printers[0], cells.join(" "));
    }
    full.sort_by(f64::total_cmp);
    println!("full: least {:.1} %, median {:.1} %", full[0], full[full.len() / 2]);
    let lines = lines_after - lines;
    let cost = |seconds: f64| seconds * 1e6 / lines as f64;
    let (user, system) = (cost(cpu_after[0] - cpu[0]), cost(cpu_after[1] - cpu[1]));
    println!("lines sent: {lines}, {} a second", lines / u64::from(seconds));
    println!("platen: CPU for 1,000 lines {:.1} ms ({user:.1} user, {system:.1} system)", user + system);
    let simulator = (ours_after - ours).as_secs_f64();
    println!("simulator: CPU for 1,000 lines {:.1} ms", cost(simulator));
    let used = simulator + cpu_after[0] - cpu[0] + cpu_after[1] - cpu[1];
    println!("cores used by both: {:.2}", used / f64::from(seconds));
    let mib = |what| daemon.kib(what) as f64 / 1024.0;
    println!(
        "platen: resident {:.1} MiB (of it {:.1} its own, {:.1} of its file), at most {:.1} MiB",
        mib("VmRSS"),
        mib("RssAnon"),
        mib("RssFile"),
        mib("VmHWM")
    );
    drop(daemon);
    drop((printers, slave));
    println!("{:<46} {:>8} {:>8} {:>8} {:>8}", "µs from `ok` to the next line", "lines", "p50", "p99", "max");
    row("reaction beside the farm", reaction.join().unwrap());
}
