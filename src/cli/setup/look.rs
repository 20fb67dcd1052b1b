//! What is still missing after a setup, in the order in which it is to be done, each with its command.

use serde::Serialize;
use std::time::Duration;

use super::{Machine, show};
use crate::services::check;

/// A daemon on this machine takes a connection at once.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Missing {
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

/// Reads what `platen check` reads, and looks whether a daemon listens.
pub(super) fn missing(machine: &Machine) -> Vec<Missing> {
    let config = machine.path.display();
    let setup = |more: &str| Some(format!("platen setup --config {config} {more}"));
    let mut all = Vec::new();
    let mut miss = |what: String, command: Option<String>| all.push(Missing { what, command });
    if machine.known().is_empty() {
        miss("no admin: whoever reaches platen may do everything".into(), setup("--name NAME"));
    }
    if !machine.config.printers.iter().any(|printer| printer.port.exists()) {
        miss("no port of any printer is there".into(), setup("--find-printers"));
    }
    for found in check::machine(&machine.config) {
        let command = found.is_mistake.then(|| format!("platen check --config {config}"));
        miss(found.words, command);
    }
    if machine.config.mqtt.is_none() {
        let folder = super::broker::FOLDER;
        miss("no broker: nothing is published".into(), setup(&format!("--broker-files {folder}")));
    }
    match &machine.config.http.tls {
        None => miss("no certificate: platen answers this machine only".into(), setup("--self-signed")),
        Some(_) if machine.config.http.listen.ip().is_loopback() => miss(
            format!(
                "platen answers this machine only: for others, write listen = \"0.0.0.0:{}\" under [http]",
                machine.config.http.listen.port()
            ),
            None,
        ),
        Some(_) => {}
    }
    let here = super::super::doctor::from_here(machine.config.http.listen);
    if std::net::TcpStream::connect_timeout(&here, PATIENCE).is_err() {
        miss("platen does not run".into(), Some("sudo systemctl enable --now platen".into()));
    }
    all
}

pub(super) fn tell(all: &[Missing]) {
    if all.is_empty() {
        show::line("nothing is missing; `platen doctor` looks at all of this machine");
        return;
    }
    show::line("still to do, in this order:");
    for (number, missing) in (1..).zip(all) {
        let number: usize = number;
        show::line(&format!("{number:>3}. {}", show::plain(&missing.what)));
        if let Some(command) = &missing.command {
            show::line(&format!("     {}", show::plain(command)));
        }
    }
    show::line("then `platen doctor` looks at all of this machine");
}
