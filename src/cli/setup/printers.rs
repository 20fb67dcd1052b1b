//! Finding printers: ports that are no printer's of the configuration yet, each with a section of its own.
//!
//! No port is opened unless the person says so: boards restart when theirs is, and one of them may print for another
//! program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::asking::Asking;
use super::{Failed, Machine, Step, failed};
use crate::cli::calm_runtime;
use crate::config::{Chosen, NotAdded, with_section};
use crate::domain::units::Baud;
use crate::io::ttys::{stays, ttys};
use crate::io::usb::{Device, Usb};
use crate::services::commissioning::Commissioning;

/// What most boards speak, until somebody has asked.
const USUAL: u32 = 115_200;

/// A port that is nobody's yet.
struct Port {
    path: PathBuf,
    called: String,
}

fn free(machine: &Machine, dev: &Path) -> Vec<Port> {
    let taken: Vec<_> =
        machine.config.printers.iter().filter_map(|printer| Device::of(&printer.port)).collect();
    let usb = Usb::default();
    let free = ttys(dev).into_iter().filter(|tty| !taken.contains(&tty.device));
    free.map(|tty| {
        let (maker, called) = usb.called(tty.device);
        let called: Vec<_> = [maker, called].into_iter().flatten().collect();
        Port { path: tty.names.first().unwrap_or(&tty.path).clone(), called: called.join(" ") }
    })
    .collect()
}

/// How a board answers, and at which speed.
fn ask(machine: &Machine, port: &Path) -> Result<Result<(Baud, String), String>, Failed> {
    let asks = Commissioning::default();
    let config = Arc::new(machine.config.clone());
    let probed = calm_runtime()?.block_on(asks.probe(&config, &machine.clock, port, None, false));
    Ok(match probed {
        Err(error) => Err(error.to_string()),
        Ok(probed) => match (probed.board, probed.tried.last()) {
            (Some(board), Some((baud, _))) => {
                Ok((*baud, board.firmware.map_or_else(|| "no name".to_owned(), |firmware| firmware.name)))
            }
            _ => Err("nothing answers there at any speed; is it switched on?".into()),
        },
    })
}

pub(super) fn run(
    machine: &mut Machine,
    dev: &Path,
    asking: Asking,
    may_ask: bool,
    into: &mut Vec<Step>,
) -> Result<(), Failed> {
    let found = free(machine, dev);
    if found.is_empty() {
        into.push(Step::there(
            "printers",
            "no port that is not in the configuration already; plug printers in, and switch them on",
        ));
    }
    for port in found {
        let shown = match port.called.as_str() {
            "" => port.path.display().to_string(),
            called => format!("{} ({called})", port.path.display()),
        };
        if asking == Asking::Person && !asking.yes(&format!("{shown}: a printer?"), true)? {
            continue;
        }
        let opens = "Open it and ask who is there? A board that prints for another program may restart.";
        let asked = may_ask || asking == Asking::Person && asking.yes(opens, false)?;
        let mut baud = Baud(USUAL);
        let mut said =
            format!("not asked: {USUAL} baud is a guess; `platen stream --probe` with its port tells");
        if asked {
            match ask(machine, &port.path)? {
                Ok((speed, firmware)) => (baud, said) = (speed, format!("{firmware}, {} baud", speed.0)),
                Err(why) => said = format!("{why}; {USUAL} baud is a guess"),
            }
        }
        let name = asking.text("Its name", &next_name(machine))?;
        let chosen = Chosen {
            name: name.clone(),
            port: port.path.display().to_string(),
            baud: baud.0.into(),
            ..Chosen::default()
        };
        let text = machine.text()?;
        let new = with_section(&text, &chosen.section()).map_err(|error| not_added(machine, &error))?;
        machine.replace(&text, &new)?;
        let lasting =
            if stays(&port.path) { "" } else { "; this name of its port may be another's after a restart" };
        into.push(Step::done("printers", &format!("{name} on {shown}: {said}{lasting}")));
    }
    Ok(())
}

fn not_added(machine: &Machine, error: &NotAdded) -> Failed {
    let words = match error {
        NotAdded::Mistakes { here, elsewhere } => {
            here.iter().chain(elsewhere).map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        NotAdded::Unusual => "it is written in an unusual way; add the printer by hand".into(),
    };
    failed(format!("{}: {words}; nothing of it was changed", machine.path.display()))
}

fn next_name(machine: &Machine) -> String {
    let taken = |name: &str| machine.config.printers.iter().any(|printer| printer.name.as_str() == name);
    let names = (1..).map(|number: u32| format!("printer-{number}"));
    names.take(1_000).find(|name| !taken(name)).unwrap_or_else(|| "printer".into())
}
