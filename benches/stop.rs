//! From the request of a stop to its bytes at the printers' end of their ptys, while all of them stream; and, in
//! virtual time, from those bytes to the halt.
//!
//! By HTTP where nobody is set up, and where people are: with a token that is looked up by its hash, and with one that
//! is not known here. A stop has to be as quick with them as without.
//!
//! The daemon runs in this process; each printer is a thread that answers its lines at the speed of 115200 baud
//! and notes when `M112` came. `-- --rounds 1` makes it shorter.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use hw_sim::faults::Fault;
use hw_sim::quirks::Face;
use hw_sim::rig::{Rig, RigConfig};
use platen::config::Config;
use platen::control::run::FileLine;
use platen::control::session::{Profile, Session, SessionEvent};
use platen::daemon::Daemon;
use platen::domain::ids::JobId;
use platen::domain::moment::Moment;
use platen::domain::printer::Activity;
use platen::domain::units::Baud;
use platen::io::credentials::{CredentialsFile, FILE, SetUp};
use platen::io::secret::{COSTS, PasswordHash, Secret};
use platen::protocol::window::Capacity;
use serde_json::{Value, json};
use support::answerer::Answerer;
use support::pty::{Pty, pty, row};
use support::{ALLOWED, pause, until};

/// A printer on a pty: it reads at once, so that a stop is noted when it is there; each line is answered after
/// its time on the wire, by another thread.
fn printer(mut master: File, stopped: &Sender<Instant>) {
    let mut writer = master.try_clone().unwrap();
    let (arrived, arrivals) = channel::<Vec<u8>>();
    thread::spawn(move || {
        let (mut answerer, mut answer) = (Answerer::new(true), Vec::new());
        while let Ok(bytes) = arrivals.recv() {
            answerer.take(&bytes, &mut answer);
            pause(Duration::from_micros(bytes.len() as u64 * 87));
            if writer.write_all(&answer).is_err() {
                return;
            }
            answer.clear();
        }
        let _ = writer.write_all(b"Error:Printer halted. kill() called!\n");
    });
    let mut bytes = [0; 4096];
    while let Ok(count) = master.read(&mut bytes) {
        let came = support::now();
        if bytes[..count].windows(4).any(|part| part == b"M112") {
            let _ = stopped.send(came);
            return;
        }
        let _ = arrived.send(bytes[..count].to_vec());
    }
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    Fleet,
    Http,
    /// People are set up, and this is one of them.
    Token,
    /// People are set up, and this token is none of theirs: nobody is kept from a stop.
    Unknown,
}

impl By {
    const ALL: [(Self, &str); 4] = [
        (Self::Fleet, "from inside"),
        (Self::Http, "by HTTP"),
        (Self::Token, "by HTTP with a token"),
        (Self::Unknown, "by HTTP with an unknown one"),
    ];

    fn is_of_people(self) -> bool {
        matches!(self, Self::Token | Self::Unknown)
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).build().into()
}

/// Who asks, by the header that says so; nobody where nobody is set up.
type Asker = Option<(&'static str, String)>;

fn posting(url: &str, asker: &Asker) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
    let request = agent().post(url);
    match asker {
        Some((name, value)) => request.header(*name, value),
        None => request,
    }
}

fn post(url: &str, asker: &Asker, body: &Value) -> Value {
    posting(url, asker).send_json(body).unwrap().body_mut().read_json().unwrap()
}

fn sign_in(url: &str, name: &str, password: &str) -> Asker {
    let given = json!({"name": name, "password": password});
    let answer = agent().post(format!("{url}/v1/session")).send_json(given).unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    Some(("Cookie", cookie))
}

const ADMINS: &str = "correct horse battery";

/// An operator with as many tokens as one may have, by the last of them.
fn people(url: &str) -> Asker {
    let (given, own) = ("a first one by ada", "words of kim herself");
    let ada = sign_in(url, "ada", ADMINS);
    let roles = json!(["operator", "designer"]);
    post(&format!("{url}/v1/users"), &ada, &json!({"name": "kim", "roles": roles, "password": given}));
    let kim = sign_in(url, "kim", given);
    post(&format!("{url}/v1/session/password"), &kim, &json!({"old": given, "new": own}));
    let kim = sign_in(url, "kim", own);
    let token = |n| json!({"label": format!("bench {n}"), "roles": roles});
    let made = |n| post(&format!("{url}/v1/tokens"), &kim, &token(n))["token"].clone();
    let all: Vec<_> = (0..8).map(made).collect();
    Some(("Authorization", format!("Bearer {}", all[7].as_str().unwrap())))
}

/// The same token with another secret.
fn unknown(asker: &Asker) -> Asker {
    let (name, value) = asker.clone()?;
    let turned = |c: char| if c == '0' { '1' } else { '0' };
    let (kept, last) = value.split_at(value.len() - 1);
    Some((name, format!("{kept}{}", turned(last.chars().next().unwrap()))))
}

/// A job of a long file on every printer.
fn print(url: &str, asker: &Asker, names: &[String]) {
    let text: String = support::curve(60_000).iter().map(|line| format!("{line}\n")).collect();
    let mut answer = posting(&format!("{url}/v1/files"), asker).send(text).unwrap();
    let file: Value = answer.body_mut().read_json().unwrap();
    let case = post(&format!("{url}/v1/cases"), asker, &json!({"intended_use": "guide"}))["token"].clone();
    post(&format!("{url}/v1/cases/{}/parts", case.as_str().unwrap()), asker, &json!({"name": "bench"}));
    for name in names {
        let job = json!({"file": file["file"], "case": case, "part": 1, "printer": name});
        post(&format!("{url}/v1/jobs"), asker, &job);
    }
}

/// Nothing but a write and a thread that reads, beside all the rest: what the machine itself takes.
fn limit(samples: usize) -> Vec<Duration> {
    let Pty { mut master, mut slave, .. } = pty();
    let (tell, told) = channel();
    thread::spawn(move || {
        while let Ok(1..) = master.read(&mut [0; 64]) {
            if tell.send(support::now()).is_err() {
                return;
            }
        }
    });
    let one = |_| {
        pause(Duration::from_millis(3));
        let began = support::now();
        slave.write_all(b"M112\n").unwrap();
        told.recv().unwrap() - began
    };
    (0..samples).map(one).collect()
}

/// What one round has measured.
#[derive(Default)]
struct Waits {
    /// Until the bytes were read at the other end.
    read: Vec<Duration>,
    /// Until the last printer's were in the kernel's hands, as the daemon says.
    all_in_kernel: Vec<Duration>,
    limit: Vec<Duration>,
}

/// One stop of all; how long it took to each printer.
fn round(runtime: &tokio::runtime::Runtime, count: usize, by: By, waits: &mut Waits) {
    let folder = tempfile::tempdir().unwrap();
    let (stopped, stops) = channel();
    let mut slaves = Vec::new();
    let mut names = Vec::new();
    let state = folder.path().join("state");
    let mut config =
        format!("site = \"b\"\nnode = \"b\"\nstate_dir = {state:?}\n[http]\nlisten = \"127.0.0.1:0\"\n");
    for number in 0..count {
        let Pty { master, slave, path } = pty();
        let stopped = stopped.clone();
        thread::spawn(move || printer(master, &stopped));
        slaves.push(slave);
        names.push(format!("p-{number:03}"));
        let port = Path::new(&path);
        config +=
            &format!("[[printer]]\nname = \"p-{number:03}\"\nport = {port:?}\nbaud = 115200\n{ALLOWED}");
    }
    drop(stopped);
    if by.is_of_people() {
        std::fs::create_dir_all(&state).unwrap();
        let ada = SetUp { name: "ada".parse().unwrap(), printed: "Ada".parse().unwrap() };
        let password = PasswordHash::of(&Secret::new(ADMINS.to_owned()), COSTS).unwrap();
        CredentialsFile::set_up(&state.join(FILE), ada, password).unwrap();
    }
    let daemon = runtime.block_on(Daemon::start(Config::parse(&config).unwrap())).unwrap();
    let url = format!("http://{}", daemon.address);
    let board = daemon.fleet.board().clone();
    let all = |what: fn(&Activity) -> bool| board.snapshots().iter().all(|one| what(&one.activity));
    until("printers that are ready", || all(|activity| *activity == Activity::Ready));
    let asker = if by.is_of_people() { people(&url) } else { None };
    print(&url, &asker, &names);
    until("printers that all print", || {
        all(|activity| matches!(activity, Activity::Printing { progress, .. } if progress.confirmed > 50))
    });
    // A connection as a page has one: open already.
    let agent = agent();
    agent.get(format!("{url}/healthz")).call().unwrap().body_mut().read_to_string().unwrap();
    waits.limit.extend(limit(40));
    let asker = if by == By::Unknown { unknown(&asker) } else { asker };
    let mut stop = agent.post(format!("{url}/v1/stop"));
    if let Some((name, value)) = &asker {
        stop = stop.header(*name, value);
    }
    let began = support::now();
    match by {
        By::Http | By::Token | By::Unknown => {
            let mut answer = stop.send_empty().unwrap();
            let told: Value = answer.body_mut().read_json().unwrap();
            assert!(told.as_array().unwrap().iter().all(|one| one["on_wire"] == true), "{told}");
        }
        By::Fleet => {
            let told = runtime.block_on(daemon.fleet.stop(None, "bench")).unwrap();
            assert!(told.iter().all(|(_, on_wire)| *on_wire));
        }
    }
    waits.all_in_kernel.push(support::now() - began);
    waits.read.extend((0..count).map(|_| stops.recv().unwrap() - began));
    runtime.block_on(daemon.stop());
}

/// What people cost: these waits in parts of those where nobody is set up.
fn against(people: &[Duration], nobody: &[Duration]) {
    let at = |waits: &[Duration], percent: usize| {
        let mut waits = waits.to_vec();
        waits.sort();
        waits[(waits.len() - 1) * percent / 100].as_secs_f64()
    };
    let part = |percent| at(people, percent) / at(nobody, percent);
    println!(
        "{:<46} {:>8} {:>8.2} {:>8.2}",
        "  of what it takes where nobody is set up",
        "",
        part(50),
        part(99)
    );
}

/// From the stop to the halt, in virtual time: by the kill line, or by the relay.
fn halt(emergency_parser: bool, file: &[String], at_us: u64) -> (Duration, bool) {
    let mut config = RigConfig::new(Face::Marlin21, 115_200, 1_000, 1);
    config.firmware.prevent_cold_extrusion = false;
    config.firmware.emergency_parser = emergency_parser;
    let mut rig = Rig::new(config);
    let capacity = Capacity { receive_bytes: 127, queue_slots: 0 };
    let mut session = Session::new("b".parse().unwrap(), Profile::new(Baud(115_200), capacity));
    let (mut now, mut supplied, mut began, mut relay) = (0, 0, None, false);
    rig.open_port(0);
    session.handle_opened(Moment(0));
    let mut start_at = None;
    loop {
        if session.is_ready() && start_at.is_none() {
            start_at = Some(now);
            session.start(Moment(now), JobId::from_entropy([7; 16]), file.len() as u64).unwrap();
        }
        if began.is_none() && start_at.is_some_and(|at| now >= at + at_us) {
            began = Some(now);
            session.stop(Moment(now));
        }
        let wants = session.wants().min(file.len() - supplied);
        let lines: Vec<_> = (supplied..supplied + wants)
            .map(|at| FileLine { index: at as u64 + 1, text: file[at].as_bytes().into() })
            .collect();
        supplied += wants;
        session.supply(Moment(now), lines);
        let bytes = session.transmit().to_vec();
        session.transmitted(bytes.len());
        rig.host_write(now, &bytes);
        while let Some(event) = session.poll_event() {
            if event == SessionEvent::StopUnverified {
                relay = true;
                rig.inject(now, &Fault::PowerCut);
            }
        }
        if let Some(began) = began.filter(|_| rig.firmware().is_halted()) {
            return (Duration::from_micros(rig.now_us() - began), relay);
        }
        let next = start_at.filter(|_| began.is_none()).map_or(u64::MAX, |at| at + at_us);
        let timeout = session.poll_timeout().map_or(now + 1_000, |at| at.micros().min(now + 1_000));
        now = rig.run_until_output(timeout.min(next).max(now + 1));
        let heard = rig.host_read(now);
        session.handle_bytes(Moment(now), &heard);
        if session.poll_timeout().is_some_and(|at| at.micros() <= now) {
            session.handle_timeout(Moment(now));
        }
    }
}

fn main() {
    if !support::asked() {
        return;
    }
    let mut args = std::env::args().skip_while(|arg| arg != "--rounds");
    let rounds = args.nth(1).map(|value| value.parse::<usize>().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let columns = ["stops", "p50", "p99", "max"];
    println!(
        "{:<46} {:>8} {:>8} {:>8} {:>8}",
        "µs from request to bytes", columns[0], columns[1], columns[2], columns[3]
    );
    for (count, usual) in [(1, 40), (32, 10), (128, 3)] {
        let mut nobody = Vec::new();
        for (by, name) in By::ALL {
            let rounds = rounds.unwrap_or(usual);
            let mut waits = Waits::default();
            (0..rounds).for_each(|_| round(&runtime, count, by, &mut waits));
            row(&format!("{count} streaming, {name}"), waits.read.clone());
            if by.is_of_people() {
                against(&waits.read, &nobody);
            }
            if by == By::Http {
                nobody = waits.read;
            }
            row("  answered: all in the kernel's hands", waits.all_in_kernel);
            row("  limit: a write, and a thread that reads", waits.limit);
        }
    }
    println!(
        "\n{:<46} {:>8} {:>8} {:>8} {:>8}",
        "virtual µs to the halt", columns[0], columns[1], columns[2], columns[3]
    );
    let long: Vec<String> =
        (0..500).map(|n| format!("G1 X{} F600", if n % 2 == 0 { 10 } else { 190 })).collect();
    for (what, file) in [("short moves", support::curve(20_000)), ("long moves", long)] {
        for emergency_parser in [true, false] {
            let all: Vec<_> =
                (0..100).map(|n| halt(emergency_parser, &file, 1_000_000 + n * 7_919)).collect();
            let by_relay = all.iter().filter(|(_, relay)| *relay).count();
            let parser = if emergency_parser { "emergency parser" } else { "none" };
            let name = format!("{what}, {parser}, {by_relay} % by relay");
            row(&name, all.into_iter().map(|(time, _)| time).collect());
        }
    }
}
