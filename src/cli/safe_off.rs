//! `platen safe-off`: heaters off at every configured printer, without the daemon, its journal or its page.

use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::{Failed, Global, runtime, show};
use crate::config::{Config, Printer};
use crate::control::safe_off::{Heard, SafeOff as Talk, may_pack};
use crate::domain::ids::BootId;
use crate::domain::printer::{Reading, RelayOutcome};
use crate::io::clock::{Clock, entropy};
use crate::io::notify::{Notify, Word};
use crate::io::serial::{Dial, DialError, SerialDial, Wire};
use crate::io::successor;
use crate::services::drive::{dial, switch_off};
use crate::services::relay::Relay;

/// How often it is looked whether somebody has come, or has let go of a port.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct SafeOff {
    /// The daemon's configuration; nothing else of it is read.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How long a printer may take to answer before its relay is told.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=300))]
    pub wait: u64,
    /// Only where a daemon has left printers hot for another one, and that does not come in so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub left_hot: Option<u64>,
    /// Only where the daemon that has just ended was told to stop, and did not end in order (`ExecStopPost=`).
    #[arg(long, conflicts_with = "left_hot")]
    pub after_stop: bool,
}

/// What became of one printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum End {
    /// It says so itself.
    Off,
    /// It talks, but its heaters are not known to be off: it is busy, or does not obey.
    NotConfirmed,
    /// It said nothing.
    Silent,
    /// Another program has its port; that one answers for it.
    Taken,
    /// Its port cannot be opened.
    NoPort,
}

#[derive(Debug, Serialize)]
struct Told {
    printer: String,
    end: End,
    relay: Option<RelayOutcome>,
    /// For people.
    words: String,
}

impl SafeOff {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        if self.after_stop {
            if !successor::left_for_nobody() {
                return Ok(());
            }
            eprintln!("platen: the daemon was stopped and did not end in order: heaters off");
            may_take_long();
        }
        let config = Config::load(&self.config).map_err(|errors| Failed::Usage(errors.to_string()))?;
        let wait = Duration::from_secs(self.wait);
        let runtime = runtime()?;
        if let Some(patience) = self.left_hot {
            let file = successor::left_hot(&config.state_dir);
            if !runtime.block_on(nobody_comes(&file, Duration::from_secs(patience))) {
                return Ok(());
            }
        }
        let told = runtime.block_on(all(&config, wait, self.left_hot.is_some(), global.json));
        if global.json {
            show::json(&told)?;
        }
        let safe = |one: &&Told| one.end == End::Off || one.relay == Some(RelayOutcome::Switched);
        let unsafe_ones: Vec<_> =
            told.iter().filter(|one| !safe(one)).map(|one| one.printer.as_str()).collect();
        if unsafe_ones.is_empty() {
            successor::is_back(&config.state_dir);
            return Ok(());
        }
        Err(Failed::Finding(format!(
            "{} may be hot: switch off by hand, at the printer or its plug",
            unsafe_ones.join(", ")
        )))
    }
}

/// systemd waits for us, as long as we are at most.
fn may_take_long() {
    /// A wait of 300 s, if somebody has asked for that, and what relays take.
    const MOST: Duration = Duration::from_secs(400);
    let Some(notify) = Notify::of_environment() else { return };
    let words = [Word::Extend(MOST), Word::Status("the daemon did not end in order: heaters off".into())];
    if let Err(error) = notify.say(&words) {
        tracing::warn!(%error, "systemd does not hear that this may take long");
    }
}

/// Whether printers are left hot, and nobody has come for them in that time.
async fn nobody_comes(left_hot: &Path, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let mut look = tokio::time::interval(LOOK);
    while left_hot.exists() {
        if Instant::now() >= deadline {
            return true;
        }
        look.tick().await;
    }
    false
}

/// Opens the port; `waits` for whoever has it, for systemd lets go of it a moment after the service is down.
async fn opened(way: Arc<dyn Dial>, waits: bool) -> Result<Box<dyn Wire>, DialError> {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        match dial(Arc::clone(&way)).await {
            Err(DialError::Taken(_)) if waits => {}
            other => return other,
        }
    }
}

/// All at once: one that hangs must not keep the others hot.
async fn all(config: &Config, wait: Duration, waits: bool, quiet: bool) -> Vec<Told> {
    let mut tasks = Vec::new();
    for printer in &config.printers {
        let broker = config.mqtt.clone().map(|mqtt| (mqtt, format!("{}-{}-off", config.site, config.node)));
        let printer = printer.clone();
        tasks.push(tokio::spawn(async move {
            let told = one(&printer, broker, wait, waits).await;
            if !quiet {
                show::line(&format!("{}: {}", told.printer, told.words));
            }
            told
        }));
    }
    let mut told = Vec::new();
    for task in tasks {
        told.extend(task.await);
    }
    told
}

async fn one(
    printer: &Printer,
    broker: Option<(crate::config::Mqtt, String)>,
    wait: Duration,
    waits: bool,
) -> Told {
    let way: Arc<dyn Dial> = Arc::new(SerialDial { path: printer.port.clone(), baud: printer.baud });
    let (end, mut words) = match tokio::time::timeout(wait, opened(way, waits)).await {
        Ok(Ok(wire)) => talk(wire, wait, may_pack(printer.meatpack, printer.firmware)).await,
        Ok(Err(error @ DialError::Taken(_))) => {
            (End::Taken, format!("{error}; that program answers for its heaters, so its power is left alone"))
        }
        Ok(Err(error)) => (End::NoPort, error.to_string()),
        Err(_) => (End::NoPort, format!("its port {} does not open", printer.port.display())),
    };
    let relay = match end {
        End::Off | End::Taken => None,
        End::NotConfirmed | End::Silent | End::NoPort => {
            let relay = cut(printer, broker).await;
            words = format!("{words}; {}", relay.in_words());
            Some(relay)
        }
    };
    Told { printer: printer.name.to_string(), end, relay, words }
}

async fn cut(printer: &Printer, broker: Option<(crate::config::Mqtt, String)>) -> RelayOutcome {
    let Some(settings) = &printer.relay else { return RelayOutcome::Absent };
    let broker = broker.as_ref().map(|(mqtt, client)| (mqtt, client.clone()));
    let Ok(relay) = Relay::start(&printer.name, settings, broker) else { return RelayOutcome::Failed };
    let (tell, told) = tokio::sync::oneshot::channel();
    relay.switch_off(move |outcome| {
        let _ = tell.send(outcome);
    });
    told.await.unwrap_or(RelayOutcome::Failed)
}

fn shown(heard: Heard) -> String {
    let one = |name: &str, heater: Option<Reading>| {
        heater.map(|heater| match heater.target {
            Some(target) => format!("{name} {:.0} °C, target {:.0}", heater.actual.0, target.0),
            None => format!("{name} {:.0} °C", heater.actual.0),
        })
    };
    let all = [one("hotend", heard.hotend), one("bed", heard.bed), one("chamber", heard.chamber)];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

async fn talk(mut wire: Box<dyn Wire>, wait: Duration, packs: bool) -> (End, String) {
    let clock = Clock::start(BootId::from_entropy(entropy()));
    // What a program before us has left in the kernel is not to be printed.
    wire.discard_output();
    let mut talk = Talk::begin(clock.now(), 0, packs);
    let gone = switch_off(&mut wire, &clock, &mut talk, wait).await.is_err();
    if talk.is_off() {
        return (End::Off, format!("heaters off ({})", shown(talk.heard())));
    }
    let heard = shown(talk.heard());
    match (talk.has_talked(), gone) {
        (_, true) => (End::Silent, "its port vanished meanwhile".into()),
        (true, _) if heard.is_empty() => {
            (End::NotConfirmed, "it talks, but does not say that its heaters are off".into())
        }
        (true, _) => (End::NotConfirmed, format!("NOT KNOWN TO BE OFF: it last said: {heard}")),
        (false, _) => {
            (End::Silent, "no answer: it is off, or halted (then its heaters are off), or hung".into())
        }
    }
}
