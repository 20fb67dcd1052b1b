//! `platen doctor`: what of this machine keeps platen from doing its work, in words, with what to do.

use clap::Args;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::client::Client;
use super::{DEFAULT_URL, Failed, Global, calm_runtime, show};
use crate::config::Config;
use crate::services::doctor::{self, Daemon, State, Told};

#[derive(Debug, Args)]
pub struct Doctor {
    /// The daemon's configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/platen/platen.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Serialize)]
struct Found {
    /// Nothing is wrong. Warnings are not.
    ok: bool,
    checks: Vec<Told>,
}

impl Doctor {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let mut checks = doctor::versions();
        match Config::load(&self.config) {
            Err(errors) => {
                let mistakes = errors.mistakes.iter().map(ToString::to_string);
                checks.extend(doctor::of_mistakes(&self.config, mistakes));
            }
            Ok(config) => {
                let daemon = daemon(global, config.http.listen)?;
                checks.extend(doctor::machine_for(&config, &daemon));
                checks.push(calm_runtime()?.block_on(doctor::broker(config.mqtt.as_ref())));
            }
        }
        let place = |told: &Told| doctor::AREAS.iter().position(|area| *area == told.area);
        checks.sort_by_key(place);
        let count = |state| checks.iter().filter(|told| told.state == state).count();
        let (wrong, warnings) = (count(State::Wrong), count(State::Warning));
        let found = Found { ok: wrong == 0, checks };
        if global.json {
            show::json(&found)?;
        } else {
            found.checks.iter().for_each(tell);
        }
        if wrong > 0 {
            let noun = if wrong == 1 { "thing is" } else { "things are" };
            return Err(Failed::Finding(format!(
                "{wrong} {noun} wrong, {warnings} more to look at; mend the first, then ask again"
            )));
        }
        Ok(())
    }
}

fn tell(told: &Told) {
    show::line(&format!("{:<8} {:<13} {}", told.state.word(), told.area, show::plain(&told.what)));
    if let Some(help) = &told.help {
        show::line(&format!("{:<22} → {}", "", show::plain(help)));
    }
}

/// Where this machine reaches what listens there.
pub(super) fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Whether one answers. What else went wrong is the use of this program.
fn daemon(global: &Global, listen: SocketAddr) -> Result<Daemon, Failed> {
    let mut global = global.clone();
    // Nobody has said another one, and the configuration knows where it listens.
    if global.url == DEFAULT_URL {
        global.url = format!("http://{}", from_here(listen));
    }
    match Client::new(&global)?.health() {
        Ok(health) if health.status == "ok" => Ok(Daemon::Well { version: health.version }),
        Ok(health) => {
            let trouble = health.trouble.unwrap_or_else(|| "it says that it fails; look at its log".into());
            Ok(Daemon::Failing { version: health.version, trouble })
        }
        Err(Failed::NoDaemon { url }) => Ok(Daemon::Silent { why: format!("no platen answers at {url}") }),
        Err(error @ (Failed::Usage(_) | Failed::Url { .. })) => Err(error),
        Err(error) => Ok(Daemon::Silent { why: error.to_string() }),
    }
}
