//! `platen serve`: the daemon.

use clap::Args;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Asked, Failed, runtime};
use crate::config::Config;
use crate::daemon::{Daemon, Stage};
use crate::domain::ids::PrinterName;
use crate::io::notify::{self, Notify, Word};
use crate::io::successor::{self, Supervisor};
use crate::services::board::Board;
use crate::services::monitor::Monitor;
use crate::services::pulse::{self, Look, Pulses};

#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration; config/platen.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

impl Serve {
    /// Runs until SIGTERM or SIGINT, and fails where it leaves a printer that may be hot. What systemd kept open for
    /// us is ours, and what it does next decides how we end.
    pub fn run(self) -> Result<(), Failed> {
        // Before anything is opened: a number that was promised and is not open could be given to that.
        let inherited = successor::inherited();
        let runtime = runtime()?;
        // Before anything is begun that is to be ended in good order.
        let mut asked = runtime.block_on(async { Asked::listen() });
        let config = Config::load(&self.config).map_err(|errors| Failed::Usage(errors.to_string()))?;
        let notify = Notify::of_environment();
        let supervisor = notify.clone().and_then(Supervisor::of_environment);
        runtime.block_on(async {
            let names: Vec<_> = inherited.iter().map(|(name, _)| name.clone()).collect();
            let (public, tls) = (config.http.public.clone(), config.http.tls.is_some());
            let daemon = Daemon::start_after(config, inherited);
            let mut daemon = daemon.await.map_err(|error| Failed::Finding(error.to_string()))?;
            // Not before: a start that failed is tried again, with the same ports.
            let supervisor = blocking(move || supervisor.inspect(|systemd| forget(systemd, &names))).await;
            eprintln!("platen: the page is at http://{}/", here(daemon.address));
            if tls {
                eprintln!("platen: others come over TLS, to port {}", daemon.address.port());
            }
            if let Some(public) = public {
                eprintln!("platen: others reach it at {}/", public.url());
            }
            let ending = CancellationToken::new();
            if let Some(notify) = &notify {
                let told = Told { notify: notify.clone(), board: daemon.fleet.board().clone() };
                let (pulses, monitor) = (daemon.pulses(), daemon.monitor.clone());
                tokio::spawn(told.run(pulses, monitor, ending.clone()));
            }
            asked.wait().await;
            ending.cancel();
            if let Some(notify) = notify {
                tokio::spawn(tell_end(notify, daemon.stages()));
            }
            let printers = daemon.fleet.printers();
            match blocking(move || supervisor.flatten().filter(|systemd| comes_back(systemd, printers)))
                .await
                .flatten()
            {
                Some(systemd) => {
                    eprintln!("platen: ending, to be started again");
                    // Whoever comes next greets them all, and switches off what is hot for no job.
                    if let Some(told) = unproven(&daemon.hand_over(systemd).await) {
                        eprintln!("platen: {told}");
                    }
                    Ok(())
                }
                None => {
                    eprintln!("platen: ending");
                    unproven(&daemon.stop().await).map_or(Ok(()), |told| Err(Failed::Finding(told)))
                }
            }
        })
    }
}

/// systemd hears how things are.
struct Told {
    notify: Notify,
    board: Board,
}

impl Told {
    /// Ready when all that must live has begun, then fed as long as it lives on.
    async fn run(self, pulses: Pulses, monitor: Monitor, ending: CancellationToken) {
        /// systemd is busy, or reads no more: the start counts as failed if that stays so.
        const AGAIN: Duration = Duration::from_secs(1);
        if ending.run_until_cancelled(pulses.begun()).await.is_none() {
            return;
        }
        loop {
            let (notify, words) = (self.notify.clone(), [Word::Ready, Word::Status(self.in_words())]);
            match blocking(move || notify.say(&words)).await {
                Some(Ok(())) => break,
                Some(Err(error)) => tracing::warn!(%error, "systemd does not hear that platen is ready"),
                None => return,
            }
            if ending.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                return;
            }
        }
        let Some(patience) = notify::watchdog() else { return };
        let told = |look: Look| match look {
            Look::Fed => {
                // What finds no room is said at the next look.
                if self.notify.say_at_once(&[Word::Fed, Word::Status(self.in_words())]).is_ok() {
                    monitor.fed();
                }
            }
            Look::Hungry { still, since } => {
                let words = format!("no sign of life for {} s of {}", since.as_secs(), still.join(", "));
                tracing::error!("the watchdog is not fed: {words}");
                let _ = self.notify.say_at_once(&[Word::Status(words)]);
            }
        };
        pulse::watch(pulses, patience, ending, told).await;
    }

    fn in_words(&self) -> String {
        let all = self.board.printers().count();
        let busy = self.board.printers().filter(|(_, live)| live.borrow().activity.job().is_some()).count();
        format!("{busy} of {all} printers have a job")
    }
}

/// systemd hears how far the end has come, and how long that may take.
async fn tell_end(notify: Notify, mut stages: watch::Receiver<Stage>) {
    let mut words = vec![Word::Stopping];
    loop {
        let stage = *stages.borrow_and_update();
        words.extend([Word::Status(stage.in_words().into()), Word::Extend(stage.most())]);
        if let Err(error) = notify.say_at_once(&words) {
            tracing::warn!(%error, "systemd does not hear how far platen's end has come");
        }
        words.clear();
        if stages.changed().await.is_err() {
            return;
        }
    }
}

/// Where this machine reaches an address that it listens on.
fn here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// What is to be said of printers of which nobody knows that their heaters are off.
fn unproven(left: &[PrinterName]) -> Option<String> {
    let names: Vec<_> = left.iter().map(PrinterName::as_str).collect();
    (!left.is_empty()).then(|| {
        format!(
            "ended, but nobody knows that the heaters of {} are off: look there, and switch off by hand what is hot",
            names.join(", ")
        )
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// What we have taken over is not to be kept as well: it would stay open when we close it.
fn forget(systemd: &Supervisor, names: &[String]) {
    for name in names {
        if let Err(error) = systemd.forget(name) {
            tracing::warn!(name, %error, "systemd still keeps a port open");
        }
    }
}

fn comes_back(systemd: &Supervisor, printers: usize) -> bool {
    if !systemd.has_room(printers) {
        tracing::warn!(printers, "systemd keeps fewer open ports than that: raise FileDescriptorStoreMax=");
        return false;
    }
    systemd.restarts()
}
