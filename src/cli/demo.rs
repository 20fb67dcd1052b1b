//! `platen demo`: everything on this machine, with nothing installed.

mod boards;

use clap::Args;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hw_sim::ledger::{StreamHash, stream_hash_of};
use hw_sim::pty::{Handle, Printer as SimulatedPrinter, PrinterConfig};
use hw_sim::quirks::Face;
use hw_sim::rig::{RigConfig, Statistics};

use self::boards::{Boards, MATERIAL, Truth};
use super::{Failed, runtime};
use crate::config::{
    BedClearing, Build, Config, Gate, Http, Kind, Mqtt, MqttVersion, Printer, Restart, Schedule,
};
use crate::daemon::{Daemon, DaemonError};
use crate::domain::case::IntendedUse;
use crate::domain::command::Level;
use crate::domain::event::Actor;
use crate::domain::heat::HeatLimits;
use crate::domain::ids::{CaseToken, JobId, PartId, PrinterName};
use crate::domain::job::{Job, JobState, Outcome};
use crate::domain::lab::{NewJob, Request};
use crate::domain::part::{PartName, PartRef};
use crate::domain::printer::INACTIVITY_KILL;
use crate::domain::printer::Park;
use crate::domain::units::{Baud, Height};
use crate::io::broker::Broker;
use crate::io::clock::entropy;
use crate::io::spool::FREE_FLOOR;
use crate::services::intake::{Accepted, with_needs};
use crate::services::recorder::Recorder;

#[derive(Debug, Args)]
pub struct Demo {
    /// Simulated printers for filament, 1 to 32; two for resin come with them.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub printers: u16,
    /// How much faster than a real printer they move.
    #[arg(long, value_name = "X", default_value_t = 20.0, value_parser = speed)]
    pub speed: f64,
    /// End when the sample jobs have ended; exit code 0 if all were printed exactly.
    #[arg(long)]
    pub until_done: bool,
    /// Where the page answers.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7180")]
    pub http: SocketAddr,
    /// Port of the demo's MQTT broker (3.1.1); for MQTT 5 it takes a free one and says which.
    #[arg(long, value_name = "PORT", default_value_t = 1883)]
    pub mqtt: u16,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=200.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.1 to 200".into()),
    }
}

/// A sliced file that comes with platen; `config/demo/README.md` says how it was made.
struct Sample {
    part: &'static str,
    intended_use: IntendedUse,
    compressed: &'static [u8],
}

const SAMPLES: [Sample; 3] = [
    Sample {
        part: "heart, hollow",
        intended_use: IntendedUse::Diagnostic,
        compressed: include_bytes!("../../config/demo/heart.gcode.gz"),
    },
    Sample {
        part: "lumbar vertebra",
        intended_use: IntendedUse::Education,
        compressed: include_bytes!("../../config/demo/vertebra.gcode.gz"),
    },
    Sample {
        part: "cutting guide",
        intended_use: IntendedUse::Guide,
        compressed: include_bytes!("../../config/demo/guide.gcode.gz"),
    },
];

/// Firmware faces of the demo's printers: what they speak differs, what they print does not.
const FACES: [(Face, u32, bool); 3] =
    [(Face::Marlin21, 115_200, false), (Face::Marlin20, 250_000, false), (Face::Marlin11, 115_200, true)];

/// What the samples were sliced for.
fn build() -> Build {
    Build {
        x: Some((0, 220)),
        y: Some((0, 210)),
        height: Some(200),
        beside: 0,
        nozzle: Height::from_mm(0.4),
        filament: Height::from_mm(1.75),
        arcs: None,
        longest: Some(Duration::from_secs(24 * 3_600)),
    }
}

fn unpack(sample: &Sample) -> Result<Vec<u8>, Failed> {
    let mut gcode = Vec::new();
    flate2::read::GzDecoder::new(sample.compressed)
        .read_to_end(&mut gcode)
        .map_err(|error| Failed::Finding(format!("the demo's file {} is damaged: {error}", sample.part)))?;
    Ok(gcode)
}

/// A folder that is gone when the demo is.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("platen-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| Failed::Finding(format!("{} cannot be made: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A job of the demo and what its print must be equal to.
struct Queued {
    job: JobId,
    case: CaseToken,
    part: &'static str,
    expected: Expected,
}

enum Expected {
    /// The commands of the file, on any of the printers for filament.
    Commands(StreamHash),
    Resin(Truth),
}

impl Expected {
    fn counted(&self) -> &'static str {
        match self {
            Self::Commands(_) => "commands",
            Self::Resin(_) => "layers",
        }
    }
}

/// Every simulated printer.
struct Machines {
    fdm: Vec<Handle>,
    resin: Boards,
}

impl Machines {
    fn stop(self) {
        for handle in self.fdm {
            let _ = handle.stop();
        }
        self.resin.stop();
    }
}

impl Demo {
    pub fn run(self) -> Result<(), Failed> {
        let scratch = Scratch::make()?;
        runtime()?.block_on(self.show(&scratch))
    }

    /// The whole times as fast as a real printer that are not below what is wanted.
    fn whole_speed(&self) -> u16 {
        (1..=200).find(|whole| f64::from(*whole) >= self.speed).unwrap_or(200)
    }

    fn simulate(&self, scratch: &Scratch) -> Result<Machines, Failed> {
        let configs = (0..usize::from(self.printers)).map(|index| {
            let (face, baud, reset_on_open) = FACES[index % FACES.len()];
            let mut rig = RigConfig::new(face, baud, 1_000, index as u64 + 1);
            rig.firmware.reset_on_open = reset_on_open;
            rig.firmware.machine_type = format!("Simulated printer {}", index + 1);
            rig.firmware.uuid = format!("00000000-0000-4000-8000-{index:012x}");
            PrinterConfig {
                name: format!("fdm-{}", index + 1),
                rig,
                link: Some(scratch.0.join(format!("tty-fdm-{}", index + 1))),
                speed: self.speed,
                record: None,
            }
        });
        let fdm = SimulatedPrinter::spawn_all(configs.collect())
            .map_err(|error| Failed::Finding(format!("the simulated printers do not start: {error}")))?;
        Ok(Machines { fdm, resin: Boards::simulate(&scratch.0, self.whole_speed())? })
    }

    async fn broker(&self) -> Result<Broker, Failed> {
        match Broker::start(self.mqtt, 0).await {
            Ok(broker) => Ok(broker),
            Err(taken) => {
                eprintln!("platen: {taken}");
                eprintln!("platen: taking a free port instead");
                Broker::start(0, 0).await.map_err(|error| Failed::Finding(error.to_string()))
            }
        }
    }

    fn config(&self, scratch: &Scratch, handles: &[Handle], broker: &Broker) -> Result<Config, Failed> {
        let wrong = |error: crate::domain::ids::IdError| Failed::Finding(error.to_string());
        let mut printers = Vec::new();
        for (index, handle) in handles.iter().enumerate() {
            printers.push(Printer {
                model: None,
                name: handle.name().parse().map_err(wrong)?,
                port: handle.path().to_owned(),
                baud: Baud(FACES[index % FACES.len()].1),
                rx_buffer: 128,
                command_buffer: 0,
                firmware: None,
                meatpack: true,
                heat: HeatLimits { simulated_speed: self.whole_speed(), ..HeatLimits::USUAL },
                bed_clearing: BedClearing::Person,
                dtr_reset: None,
                relay: None,
                unattended: true,
                fixed_plug: false,
                park: Some(Park { at: Some((0, 180)), lift: 10, retract: 1, build_height: Some(200) }),
                paused_hot_max: Duration::from_secs(10 * 60),
                paused_bed_max: Duration::from_secs(120 * 60),
                hold_temperature: None,
                inactivity_kill: Some(INACTIVITY_KILL),
                console: Level::Read,
                allow_commands: Vec::new(),
                build: build(),
                allow_findings: Vec::new(),
                resin: None,
                kind: Kind::default(),
                power: None,
            });
        }
        printers.extend(boards::printers(&scratch.0, self.whole_speed())?);
        Ok(Config {
            file: None,
            slicing: None,
            gate: Gate::default(),
            counting: Default::default(),
            heads: None,
            schedule: Schedule::default(),
            monitoring: Default::default(),
            vault: None,
            mdns: None,
            notifications: Default::default(),
            site: "demo".parse().map_err(wrong)?,
            node: "local".parse().map_err(wrong)?,
            zone: Default::default(),
            state_dir: scratch.0.join("state"),
            http: Http::at(self.http),
            mqtt: Some(Mqtt {
                host: broker.v311.ip().to_string(),
                port: broker.v311.port(),
                tls: false,
                ca_file: None,
                version: MqttVersion::V311,
                username: None,
                password_file: None,
                outbox_max: 1_000_000,
                home_assistant: None,
            }),
            attended_uses: Vec::new(),
            restart: Restart::default(),
            disk_floor: FREE_FLOOR,
            printers,
            stop_file: None,
            stop_input: None,
        })
    }

    async fn show(&self, scratch: &Scratch) -> Result<(), Failed> {
        is_free(self.http)?;
        let machines = self.simulate(scratch)?;
        let broker = self.broker().await?;
        let config = self.config(scratch, &machines.fdm, &broker)?;
        let printers = config.printers.clone();
        let daemon = Daemon::start(config).await.map_err(not_started)?;
        boards::prepare(&daemon).await?;
        let mut queued = Vec::new();
        for index in 0..usize::from(self.printers).max(SAMPLES.len()) {
            queued.push(queue(&daemon, &SAMPLES[index % SAMPLES.len()]).await?);
        }
        for sample in boards::samples()? {
            queued.push(queue_resin(&daemon, &printers, sample).await?);
        }
        println!("The page      http://{}/", daemon.address);
        println!("The API       http://{}/openapi.json", daemon.address);
        println!(
            "The broker    {}   mosquitto_sub -p {} -t 'platen/#' -v   (MQTT 5: port {})",
            broker.v311,
            broker.v311.port(),
            broker.v5.port()
        );
        println!(
            "The printers  {} for filament and 2 for resin, simulated, {} times as fast as real ones",
            self.printers, self.speed
        );
        for one in &queued {
            println!("Case {}  job {}  {}", one.case, one.job, one.part);
        }
        println!();
        let outcome = tokio::select! {
            () = super::asked_to_end() => {
                println!("ending");
                Ok(())
            }
            outcome = self.watch(&daemon, &queued, &machines) => outcome,
        };
        daemon.stop().await;
        machines.stop();
        outcome
    }

    /// Tells how the jobs do; with `--until-done`, whether the printers executed exactly the files.
    async fn watch(&self, daemon: &Daemon, queued: &[Queued], machines: &Machines) -> Result<(), Failed> {
        let mut told = BTreeMap::new();
        let mut feed = daemon.recorder.subscribe();
        loop {
            let jobs = jobs(&daemon.recorder, queued);
            for (one, job) in queued.iter().zip(&jobs) {
                let now = line(job);
                if told.get(&one.job) != Some(&now) {
                    println!("{}  {:<16} {now}", one.case, one.part);
                    told.insert(one.job.clone(), now);
                }
            }
            let ended = jobs.iter().all(|job| matches!(job.state, JobState::Ended { .. }));
            if self.until_done {
                // There are as many jobs as beds only where there are three printers or more.
                clear_beds_that_hold_others_back(daemon, &jobs).await;
                if ended {
                    return verdict(queued, &jobs, machines);
                }
            } else if ended && told.len() == queued.len() {
                told.clear();
                println!("\nAll sample jobs have ended. Look at the page, or stop with Ctrl-C.");
                std::future::pending::<()>().await;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), feed.recv()).await;
        }
    }
}

fn jobs(recorder: &Recorder, queued: &[Queued]) -> Vec<Job> {
    recorder.read(|lab| queued.iter().filter_map(|one| lab.jobs.get(&one.job).cloned()).collect())
}

/// One job in a line, in steps of ten percent.
fn line(job: &Job) -> String {
    match &job.state {
        JobState::Slicing { .. } => "slicing".into(),
        JobState::Queued => "waiting".into(),
        JobState::Printing { run } | JobState::Paused { run, .. } => {
            let tens = (run.progress.percent() / 10.0).floor() * 10.0;
            format!("{} on {}  {tens:>3} %", job.state.word(), run.printer)
        }
        JobState::Ended { outcome: Outcome::Interrupted { why }, .. } => {
            format!("interrupted: {}", why.in_words())
        }
        JobState::Ended { outcome, .. } => outcome.word().into(),
    }
}

/// Asked before anything is simulated: what has begun would otherwise tell first of its own abrupt end.
fn is_free(address: SocketAddr) -> Result<(), Failed> {
    match std::net::TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => Err(not_started(DaemonError::Listen { address, error })),
    }
}

/// By what the demo was given: it has no configuration that somebody could change.
fn not_started(error: DaemonError) -> Failed {
    match error {
        DaemonError::Listen { address, error } => Failed::Finding(format!(
            "the page cannot be served on {address}: {error}; stop what listens there, or give another address, as `--http 127.0.0.1:0` (any free port)"
        )),
        error => Failed::Finding(error.to_string()),
    }
}

/// What became of a file of the demo on its way in.
async fn taken_in(daemon: &Daemon, part: &str, bytes: &[u8]) -> Result<Accepted, Failed> {
    let told = |error: &dyn std::fmt::Display| Failed::Finding(format!("{part}: {error}"));
    let mut incoming = daemon.intake.begin().await.map_err(|error| told(&error))?;
    incoming.write(bytes).await.map_err(|error| told(&error))?;
    daemon.intake.accept(incoming).await.map_err(|error| told(&error))
}

/// A job of a file of the demo.
struct Ordered<'o> {
    part: &'static str,
    intended_use: IntendedUse,
    accepted: Accepted,
    material: &'static str,
    /// Absent: on whichever printer is free.
    printer: Option<&'o Printer>,
    expected: Expected,
}

/// Opens a case with one part and queues the file for it, as a technician would.
async fn order(daemon: &Daemon, ordered: Ordered<'_>) -> Result<Queued, Failed> {
    let Ordered { part, intended_use, accepted, material, printer, expected } = ordered;
    let told = |error: &dyn std::fmt::Display| Failed::Finding(format!("{part}: {error}"));
    let (case, job) = (CaseToken::from_entropy(entropy()), JobId::from_entropy(entropy()));
    let name = PartName::try_from(part.replace(',', "")).map_err(|error| told(&error))?;
    let need = accepted.resin.as_ref().map(|read| read.need_on(printer, &[])).transpose();
    let need = need.map_err(|error| told(&error))?;
    let queued = Request::QueueJob(Box::new(NewJob {
        job: job.clone(),
        case: case.clone(),
        part: PartRef::Number(1),
        also: Vec::new(),
        file: accepted.file,
        commands: accepted.survey.commands,
        digest: accepted.survey.digest,
        pinned: printer.map(|printer| printer.name.clone()),
        material: Some(material.into()),
        gate: None,
    }));
    let requests = [
        Request::OpenCase { case: case.clone(), intended_use },
        Request::AddPart { case: case.clone(), part: PartId::from_entropy(entropy()), name },
        with_needs(queued, need.map(|need| (job.clone(), need))),
    ];
    for request in requests {
        let by = Actor::Person("demo".into());
        daemon.recorder.submit(request, by).await.map_err(|error| told(&error))?;
    }
    Ok(Queued { job, case, part, expected })
}

async fn queue(daemon: &Daemon, sample: &Sample) -> Result<Queued, Failed> {
    let Sample { part, intended_use, .. } = *sample;
    let gcode = unpack(sample)?;
    let truth = stream_hash_of(gcode.as_slice())
        .map_err(|error| Failed::Finding(format!("the demo's file {part} is damaged: {error}")))?;
    let accepted = taken_in(daemon, part, &gcode).await?;
    let expected = Expected::Commands(truth);
    let ordered = Ordered { part, intended_use, accepted, material: "PLA", printer: None, expected };
    order(daemon, ordered).await
}

/// On the printer that its file is for.
async fn queue_resin(
    daemon: &Daemon,
    printers: &[Printer],
    sample: boards::Sample,
) -> Result<Queued, Failed> {
    let boards::Sample { part, bytes, truth } = sample;
    let printer = printers.iter().find(|printer| printer.name.as_str() == truth.printer());
    let accepted = taken_in(daemon, part, &bytes).await?;
    let (intended_use, expected) = (IntendedUse::Diagnostic, Expected::Resin(truth));
    order(daemon, Ordered { part, intended_use, accepted, material: MATERIAL, printer, expected }).await
}

/// With fewer printers than jobs, the demo is its own technician.
async fn clear_beds_that_hold_others_back(daemon: &Daemon, jobs: &[Job]) {
    if !jobs.iter().any(|job| job.state == JobState::Queued) {
        return;
    }
    let done: Vec<PrinterName> = jobs
        .iter()
        .filter(|job| matches!(job.state, JobState::Ended { .. }))
        .filter_map(|job| job.state.run().map(|run| run.printer.clone()))
        .collect();
    for printer in done {
        let request = Request::ClearBed { printer, by: "demo".into() };
        // Refused where the bed is clear or the next job is on it already.
        let _ = daemon.recorder.submit(request, Actor::Person("demo".into())).await;
    }
}

/// What the printers really did, by their own account.
fn verdict(queued: &[Queued], jobs: &[Job], machines: &Machines) -> Result<(), Failed> {
    let accounts: Vec<Statistics> =
        machines.fdm.iter().filter_map(|handle| handle.statistics().ok()).collect();
    println!();
    let mut failed = 0;
    for (one, job) in queued.iter().zip(jobs) {
        let printed =
            matches!(job.state, JobState::Ended { outcome: Outcome::Printed { exact: true, .. }, .. });
        let executed = match &one.expected {
            Expected::Commands(truth) => executed(truth, job, &accounts),
            Expected::Resin(truth) => machines.resin.executed(truth),
        };
        let verdict = match (printed, executed) {
            (true, Ok(())) => "exact".to_owned(),
            (true, Err(why)) => format!("NOT EXACT: {why}"),
            (false, _) => "NOT PRINTED".to_owned(),
        };
        failed += u32::from(verdict != "exact");
        let counted = one.expected.counted();
        println!("{}  {:<16} {verdict}  {} {counted}", one.case, one.part, job.commands);
    }
    if failed == 0 {
        println!("\nAll {} jobs exact.", queued.len());
        Ok(())
    } else {
        Err(Failed::Finding(format!(
            "{failed} of {} jobs were not printed exactly; look at the log above",
            queued.len()
        )))
    }
}

/// Whether a printer for filament executed exactly these commands.
fn executed(truth: &StreamHash, job: &Job, accounts: &[Statistics]) -> Result<(), String> {
    let printer = job.state.run().map(|run| run.printer.as_str());
    let account = accounts.iter().find(|account| Some(account.name.as_str()) == printer);
    let is_it = account.is_some_and(|account| {
        let segments = account.segments.iter();
        segments.into_iter().any(|one| one.stream_hash == truth.hash_hex && one.commands == truth.commands)
    });
    if is_it { Ok(()) } else { Err("the printer executed something else".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_told_before_anything_is_simulated() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let told = is_free(taken.local_addr().unwrap()).unwrap_err().to_string();
        assert!(
            told.contains("the page cannot be served on") && told.contains("--http 127.0.0.1:0"),
            "{told}"
        );
        assert!(is_free("127.0.0.1:0".parse().unwrap()).is_ok());
    }
}
