//! `platen stream`: one file to one port without a daemon, for commissioning and benchmarks.

use clap::{ArgGroup, Args};
use serde::Serialize;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

use super::probe::{self, Place};
use super::{Failed, Global, calm_runtime};
use crate::config::{Config, ConfigErrors};
use crate::control::session::{Profile, Session, SessionEvent};
use crate::domain::command::Code;
use crate::domain::ids::{BootId, JobId};
use crate::domain::printer::{Firmware, LATENCY_BOUNDS_MS, LineRate, LineTrouble};
use crate::domain::units::Baud;
use crate::gcode::survey::{Survey, Surveyor};
use crate::io::clock::{Clock, cpu_time, entropy};
use crate::io::replace::Replaceable;
use crate::io::serial::SerialDial;
use crate::protocol::window::{Capacity, SAFE_RECEIVE_BYTES};
use crate::services::drive::{Drive, FileSupply, Turn, dial};

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").args(["file", "probe"]).required(true)),
    group(ArgGroup::new("where").args(["port", "config"]).required(true))
)]
pub struct Stream {
    /// The G-code to send.
    pub file: Option<PathBuf>,
    /// Send no file, but measure how much the board can hold; nothing moves, nothing is heated.
    #[arg(long, conflicts_with_all = ["rx_buffer", "command_buffer", "meatpack"])]
    pub probe: bool,
    /// The serial port.
    #[arg(long, value_name = "PATH", requires = "baud")]
    pub port: Option<PathBuf>,
    /// Line speed in bits per second.
    #[arg(long, value_name = "N", requires = "port", conflicts_with = "config")]
    pub baud: Option<u32>,
    /// A configuration that knows the port, its speed and the rest.
    #[arg(long, value_name = "FILE", requires = "printer")]
    pub config: Option<PathBuf>,
    /// The printer in that configuration.
    #[arg(long, value_name = "NAME", requires = "config", conflicts_with = "port")]
    pub printer: Option<String>,
    /// Write what was measured into that configuration.
    #[arg(long, requires_all = ["probe", "config"], conflicts_with_all = ["port", "file"])]
    pub write: bool,
    /// Bytes of the board's receive buffer; 128 where nothing else is known.
    #[arg(long, value_name = "N", value_parser = in_bytes)]
    pub rx_buffer: Option<usize>,
    /// Commands that the board takes out of that buffer before it runs them; 0 where nothing else is known.
    #[arg(long, value_name = "N", value_parser = in_slots)]
    pub command_buffer: Option<usize>,
    /// The firmware, where it does not say so itself: marlin-2.1, prusa-mk3, repetier …
    #[arg(long, value_name = "NAME", value_parser = firmware)]
    pub firmware: Option<Firmware>,
    /// Whether lines go out packed where the firmware can unpack them.
    #[arg(long, value_name = "BOOL")]
    pub meatpack: Option<bool>,
    /// Only for a simulated printer: how many times faster than a real one it heats.
    #[arg(long, value_name = "N", hide = true)]
    pub simulated_speed: Option<u16>,
}

/// What is known of a printer before its port is opened.
pub(super) struct Line {
    pub(super) port: PathBuf,
    pub(super) profile: Profile,
}

fn firmware(text: &str) -> Result<Firmware, String> {
    Firmware::named(text).ok_or_else(|| {
        let names = Firmware::ALL.map(|(_, name)| name);
        format!("use one of {}", names.join(", "))
    })
}

fn in_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (32..=65_536).contains(&bytes) => Ok(bytes),
        _ => Err("a number of bytes from 32 to 65536".into()),
    }
}

fn in_slots(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(slots) if slots <= 256 => Ok(slots),
        _ => Err("a number of commands from 0 to 256".into()),
    }
}

/// What was measured from the first line of the file to the firmware's confirmation of the last.
#[derive(Debug, Serialize)]
struct Report {
    /// How it ended: `printed`, `cancelled`, `interrupted`.
    outcome: String,
    /// The firmware confirmed exactly the commands of the file, in order.
    exact: bool,
    firmware: String,
    /// What it is taken for.
    dialect: &'static str,
    advanced_ok: bool,
    /// Lines went out packed, at the beginning at least.
    packed: bool,
    /// Commands of the file.
    commands: u64,
    confirmed: u64,
    digest: String,
    /// Lines and bytes on the wire, with numbers, checksums and what was sent again.
    lines: u64,
    bytes: u64,
    seconds: f64,
    lines_per_second: f64,
    bytes_per_second: f64,
    /// Bytes per second against what the baud rate allows (a tenth of it).
    line_used: f64,
    /// Processor time of this process for 1,000 lines, in milliseconds.
    cpu_ms_per_1000_lines: f64,
    resends: u64,
    resends_damaged: u64,
    resends_number: u64,
    resends_unexplained: u64,
    /// Lines that were done without an `ok` of their own.
    oks_missing: u64,
    /// Upper bounds of `ok_latency`, in milliseconds; its last bucket has none.
    ok_latency_bounds_ms: [u64; LATENCY_BOUNDS_MS.len()],
    ok_latency: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// Seconds in which the planner held no move but the one just taken in; where the firmware tells.
    starved_seconds: Option<f64>,
    /// What the errors mean, if there were many.
    trouble: Option<&'static str>,
    /// Times that nothing came back and the firmware was asked where it is.
    stalls: u64,
    /// Commands that the firmware seems to have run out of place, after noise, or has left out.
    strays: u64,
    /// Moves that pushed no filament because the nozzle was cold.
    cold_extrusions: u64,
    /// The most bytes that were unconfirmed at once.
    window_bytes: u64,
    /// Command slots that the firmware told of or the profile vouched for.
    window_slots: usize,
}

impl Report {
    fn why_not_exact(&self) -> String {
        if self.outcome == "printed" && self.strays > 0 {
            format!(
                "{} commands seem to have run out of place, were changed by noise behind their checksum, or were left out by the firmware",
                self.strays
            )
        } else {
            format!("{}, {} of {} commands confirmed", self.outcome, self.confirmed, self.commands)
        }
    }
}

/// What `--json` says where nothing was streamed or measured: `outcome` is `failed`.
pub(super) fn tell_failed(failed: &Failed, global: &Global) {
    if global.json {
        println!("{}", serde_json::json!({"outcome": "failed", "reason": failed.to_string()}));
    }
}

impl Stream {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let (line, place) = self.line()?;
        let Some(path) = &self.file else { return probe::run(&line, place, global) };
        let allowed: Vec<Code> = line.profile.allowed.into_iter().flatten().collect();
        let survey = survey(path, &allowed)?;
        let streamed = calm_runtime()?.block_on(stream(&line, path, &survey));
        let report = streamed.inspect_err(|failed| tell_failed(failed, global))?;
        if global.json {
            println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
        } else {
            println!(
                "{}{}: {} of {} commands in {:.1} s, {:.0} lines/s, {:.0} % of the line, {} resends, {} stalls",
                report.outcome,
                if report.exact { " exactly" } else { "" },
                report.confirmed,
                report.commands,
                report.seconds,
                report.lines_per_second,
                report.line_used * 100.0,
                report.resends,
                report.stalls,
            );
            if let Some(trouble) = report.trouble {
                println!("the line ails: {trouble}");
            }
        }
        if report.exact {
            Ok(())
        } else {
            let (port, why) = (line.port.display(), report.why_not_exact());
            Err(Failed::Finding(format!(
                "{port}: the file was not printed exactly: {why}; look at the printer"
            )))
        }
    }

    /// The printer's line, and the place for what is measured where that is to be written.
    fn line(&self) -> Result<(Line, Option<Place>), Failed> {
        let (mut line, place) = match (&self.config, &self.printer, &self.port, self.baud) {
            (Some(config), Some(printer), ..) => self.configured(config, printer)?,
            (_, _, Some(port), Some(baud)) => {
                let safe = Capacity { receive_bytes: SAFE_RECEIVE_BYTES, queue_slots: 0 };
                (Line { port: port.clone(), profile: Profile::new(Baud(baud), safe) }, None)
            }
            // The groups above leave nothing else.
            _ => return Err(Failed::Usage("give --port and --baud, or --config and --printer".into())),
        };
        let profile = &mut line.profile;
        // One byte of the ring is never used (Marlin `MarlinSerial`).
        self.rx_buffer.inspect(|bytes| profile.capacity.receive_bytes = bytes - 1);
        self.command_buffer.inspect(|slots| profile.capacity.queue_slots = *slots);
        self.meatpack.inspect(|packed| profile.meatpack = *packed);
        self.simulated_speed.inspect(|speed| profile.heat.simulated_speed = (*speed).clamp(1, 200));
        profile.firmware = self.firmware.or(profile.firmware);
        Ok((line, place))
    }

    fn configured(&self, path: &Path, printer: &str) -> Result<(Line, Option<Place>), Failed> {
        let wrong = |errors: ConfigErrors| Failed::Usage(errors.to_string());
        let (config, file) = if self.write {
            let file = Replaceable::open(path).map_err(|error| Failed::Finding(error.to_string()))?;
            let config = Config::parse(file.text())
                .map_err(|mistakes| wrong(ConfigErrors { path: path.to_owned(), mistakes }))?;
            (config, Some(file))
        } else {
            (Config::load(path).map_err(wrong)?, None)
        };
        let found = config
            .named_printer(printer)
            .map_err(|reason| Failed::Usage(format!("{}: {reason}", path.display())))?;
        let line = Line { port: found.port.clone(), profile: crate::daemon::profile(found) };
        Ok((line, file.map(|file| Place { file, printer: printer.to_owned() })))
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Failed {
    Failed::File { path: path.display().to_string(), error }
}

fn survey(path: &Path, allowed: &[Code]) -> Result<Survey, Failed> {
    let mut file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut surveyor = Surveyor::new();
    let mut chunk = vec![0; 256 * 1024];
    let wrong = |error| Failed::Finding(format!("{}: {error}", path.display()));
    loop {
        let count = file.read(&mut chunk).map_err(|error| unreadable(path, error))?;
        if count == 0 {
            let survey = surveyor.finish().map_err(wrong)?;
            survey.allowed_by(allowed).map_err(wrong)?;
            return Ok(survey);
        }
        surveyor.feed(&chunk[..count]).map_err(wrong)?;
    }
}

/// Opens the port; the greeting begins.
pub(super) async fn open(line: &Line, profile: Profile) -> Result<(Drive, Clock), Failed> {
    let way = Arc::new(SerialDial { path: line.port.clone(), baud: profile.baud });
    let wire = dial(way).await.map_err(|error| Failed::Finding(error.to_string()))?;
    let clock = Clock::start(BootId::from_entropy(entropy()));
    // Only a name for messages; there is no farm here.
    let name = "stream".parse().map_err(|error| line.told(&format!("{error}")))?;
    Ok((Drive::new(Session::new(name, profile), wire, clock.clone()), clock))
}

impl Line {
    pub(super) fn told(&self, reason: &str) -> Failed {
        Failed::Finding(format!("{}: {reason}", self.port.display()))
    }
}

async fn stream(line: &Line, path: &Path, survey: &Survey) -> Result<Report, Failed> {
    let told = |reason: String| line.told(&reason);
    let (mut drive, clock) = open(line, line.profile).await?;
    while !drive.session.is_ready() {
        turn(&mut drive).await.map_err(told)?;
    }
    // A port that vanishes takes what is known of its board with it.
    let greeted = *drive.session.link().dialect();
    let (firmware, packed) = (drive.session.firmware().name.clone(), drive.session.link().is_packing());
    let cpu_before = cpu_time();
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let job = JobId::from_entropy(entropy());
    let started = drive.session.start(clock.now(), job.clone(), survey.commands);
    started.map_err(|error| told(error.to_string()))?;
    drive.set_supply(Some(FileSupply::read(file)));
    let mut meter = Meter::new(survey.commands);
    let mut first_line = None;
    let mut asked = 0;
    let mut gone = None;
    // Made once: a handler of its own for each turn would be most of the work.
    let end = super::asked_to_end();
    tokio::pin!(end);
    let mut entered: Option<oneshot::Receiver<bool>> = None;
    let ended = loop {
        tokio::select! {
            biased;
            () = &mut end => {
                end.set(super::asked_to_end());
                asked += 1;
                if asked > 1 || drive.session.cancel(clock.now(), &job, "operator").is_err() {
                    let on_wire = drive.stop(false).await;
                    return Err(told(format!("stopped; the stop is {}on the wire", if on_wire { "" } else { "NOT " })));
                }
                eprintln!("platen: cancelling, heaters off; press again for an emergency stop");
            }
            moved = turn(&mut drive) => match moved {
                Ok(None) => {}
                Ok(Some(SessionEvent::Paused { reason, .. })) => {
                    let text = drive.session.snapshot(clock.now()).hold.text.unwrap_or_default();
                    eprintln!("platen: {}: {text}\nplaten: press Enter to go on", reason.in_words());
                    entered = Some(enter());
                }
                Ok(Some(event)) => break event,
                // The job's end is told behind the port's.
                Err(reason) => match ended(&mut drive).and_then(|first| match first {
                    Some(SessionEvent::Paused { .. }) => ended(&mut drive),
                    first => Ok(first),
                }) {
                    Ok(Some(event)) => {
                        gone = Some(reason);
                        break event;
                    }
                    _ => return Err(told(reason)),
                },
            },
            go_on = async { entered.as_mut()?.await.ok() }, if entered.is_some() => {
                entered = None;
                if go_on == Some(true) {
                    // It may have gone on by itself, at its own panel.
                    let _ = drive.session.resume(clock.now(), &job, "operator");
                } else {
                    eprintln!("platen: nobody is there to go on; cancelling");
                    let _ = drive.session.cancel(clock.now(), &job, "operator");
                }
            }
        }
        if first_line.is_none() && drive.session.link().is_streaming() {
            first_line = Some(clock.now());
        }
        meter.show(&drive.session);
    };
    meter.end();
    let cpu = cpu_time().saturating_sub(cpu_before);
    let seconds = first_line.map_or(0.0, |first| (clock.now() - first).as_secs_f64());
    let (outcome, progress, digest, line) = match ended {
        SessionEvent::Printed { progress, digest, line, .. } => {
            ("printed".to_owned(), progress, Some(digest), line)
        }
        SessionEvent::Cancelled { progress, line, .. } => ("cancelled".to_owned(), progress, None, line),
        SessionEvent::Interrupted { progress, why, line, .. } => {
            let why = gone.clone().unwrap_or_else(|| why.in_words());
            (format!("interrupted ({why})"), progress, None, line)
        }
        other => return Err(told(format!("{other:?}"))),
    };
    let confirmed = progress.confirmed;
    let rate = LineRate::of(&line, seconds);
    let dialect = if gone.is_some() { &greeted } else { drive.session.link().dialect() };
    Ok(Report {
        outcome,
        exact: digest.as_ref() == Some(&survey.digest) && confirmed == survey.commands && line.strays == 0,
        firmware,
        dialect: dialect.firmware.name(),
        advanced_ok: dialect.advanced_ok,
        packed,
        commands: survey.commands,
        confirmed,
        digest: digest.map_or_else(String::new, |digest| digest.to_string()),
        lines: line.lines_sent,
        bytes: line.bytes_sent,
        seconds,
        lines_per_second: rate.lines_per_s,
        bytes_per_second: rate.bytes_per_s,
        line_used: rate.used,
        cpu_ms_per_1000_lines: cpu.as_secs_f64() * 1e6 / (line.lines_sent.max(1) as f64),
        resends: line.resends,
        resends_damaged: line.resends_damaged,
        resends_number: line.resends_number,
        resends_unexplained: line.resends_unexplained,
        oks_missing: line.oks_missing,
        ok_latency_bounds_ms: LATENCY_BOUNDS_MS,
        ok_latency: line.ok_latency,
        starved_seconds: line.planner_told.then_some(line.starved_us as f64 / 1e6),
        trouble: line.trouble.map(LineTrouble::in_words),
        stalls: line.probes,
        strays: line.strays,
        cold_extrusions: drive.session.cold_extrusions(),
        window_bytes: line.in_flight_max,
        window_slots: drive.session.link().window().capacity().queue_slots,
    })
}

/// Waits for a line on standard input, on a thread that nobody waits for; `false` where that is at its end.
fn enter() -> oneshot::Receiver<bool> {
    let (sender, entered) = oneshot::channel();
    std::thread::spawn(move || {
        let read = std::io::stdin().read_line(&mut String::new());
        let _ = sender.send(read.is_ok_and(|bytes| bytes > 0));
    });
    entered
}

/// One turn; the event that ends a job, pauses it or ends a measurement, or the reason why the port is of no more use.
pub(super) async fn turn(drive: &mut Drive) -> Result<Option<SessionEvent>, String> {
    if let Turn::Gone(reason) = drive.turn().await {
        drive.session.handle_closed(&reason);
        return Err(reason);
    }
    ended(drive)
}

/// The event that ends a job, pauses it or ends a measurement, if it is there already.
pub(super) fn ended(drive: &mut Drive) -> Result<Option<SessionEvent>, String> {
    while let Some(event) = drive.session.poll_event() {
        match event {
            SessionEvent::Printed { .. }
            | SessionEvent::Cancelled { .. }
            | SessionEvent::Interrupted { .. }
            | SessionEvent::Paused { .. }
            | SessionEvent::Probed(_) => return Ok(Some(event)),
            SessionEvent::Close { reason } => return Err(reason),
            SessionEvent::Heat(alarm) => eprintln!("platen: {}", alarm.in_words()),
            // Heaters are being switched off: the job ends when they are.
            SessionEvent::Faulted(_) if drive.session.progress().is_some() => {}
            SessionEvent::Faulted(fault) => return Err(fault.in_words().into()),
            _ => {}
        }
    }
    Ok(None)
}

/// A progress line on a terminal.
struct Meter {
    total: u64,
    shown: Instant,
    on: bool,
}

impl Meter {
    fn new(total: u64) -> Self {
        Self { total, shown: now(), on: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, session: &Session) {
        if !self.on || self.shown.elapsed() < Duration::from_millis(250) {
            return;
        }
        self.shown = now();
        if let Some(progress) = session.progress() {
            eprint!("\r{:>5.1} %  {} of {} commands ", progress.percent(), progress.confirmed, self.total);
        }
    }

    fn end(&self) {
        if self.on {
            eprintln!();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how often a progress line is drawn decides nothing")]
fn now() -> Instant {
    Instant::now()
}
