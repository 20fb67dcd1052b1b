//! `platen serve`: the daemon.

use clap::Args;
use std::path::PathBuf;

use super::{Asked, Failed, runtime};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::domain::ids::PrinterName;
use crate::io::successor::{self, Supervisor};

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
        let supervisor = Supervisor::of_environment();
        runtime.block_on(async {
            let names: Vec<_> = inherited.iter().map(|(name, _)| name.clone()).collect();
            let public = config.http.public.clone();
            let daemon = Daemon::start_after(config, inherited);
            let daemon = daemon.await.map_err(|error| Failed::Finding(error.to_string()))?;
            // Not before: a start that failed is tried again, with the same ports.
            let supervisor = blocking(move || supervisor.inspect(|systemd| forget(systemd, &names))).await;
            eprintln!("platen: the page is at http://{}/", daemon.address);
            if let Some(public) = public {
                eprintln!("platen: others reach it at {}/", public.url());
            }
            asked.wait().await;
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
