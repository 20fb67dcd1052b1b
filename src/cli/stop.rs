//! `platen stop`: emergency stop of one printer or of all, and the way back.

use clap::Args;
use std::time::Duration;

use super::client::segment;
use super::quality::By;
use super::{Client, Failed, Global, printers, show};
use crate::api::shapes::{By as ByName, PrinterView, StopOrder, Stopped};

#[derive(Debug, Args)]
pub struct Stop {
    /// The printer; all where absent.
    pub printer: Option<String>,
    #[command(flatten)]
    pub by: By,
    /// Say that somebody has looked: a stopped or halted printer may be used again. (Its bed: `platen printers clear PRINTER --by NAME`.)
    #[arg(long, value_name = "PRINTER", conflicts_with = "printer")]
    pub clear: Option<String>,
}

impl Stop {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        if let Some(name) = self.clear {
            let path = format!("/v1/printers/{}/clear-latch", segment(&name));
            let printer: PrinterView =
                self.by.ask(&client, |hand| hand.client().post(&path, &ByName { by: hand.name() }))?;
            if global.json {
                return show::json(&printer);
            }
            printers::one(&printer);
            return Ok(());
        }
        // A stop waits for nobody's password: the name is noted as one that was given.
        let by = self.by.by.or(self.by.signed_in_as);
        let order = StopOrder { by, printer: self.printer };
        let stopped: Vec<Stopped> = client.post("/v1/stop", &order)?;
        if global.json {
            show::json(&stopped)?;
        } else {
            for one in &stopped {
                let what = if one.on_wire { "stop sent" } else { "NOT sent: its board is not on its port" };
                show::line(&format!("{}: {what}", one.printer));
            }
        }
        // Told already; what the boards made of it is worth a moment.
        let unconfirmed = outcome(&client, &stopped, global.json)?;
        let missed: Vec<_> =
            stopped.iter().filter(|one| !one.on_wire).map(|one| one.printer.as_str()).collect();
        if missed.is_empty() && !unconfirmed.is_empty() {
            return Err(Failed::Finding(format!(
                "{} did not confirm the stop; switch off by hand whichever moves",
                unconfirmed.join(", ")
            )));
        }
        if missed.is_empty() {
            return Ok(());
        }
        Err(Failed::Finding(format!(
            "no stop could be sent to {}; switch off by hand whichever moves",
            missed.join(", ")
        )))
    }
}

/// A board confirms within a second, a reset by DTR takes two more, and a relay its time.
const OUTCOME_WITHIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Says what became of the stop at each printer as it is known; those that did not confirm it.
/// `quiet`: the exit code alone tells it.
fn outcome(client: &Client, stopped: &[Stopped], quiet: bool) -> Result<Vec<String>, Failed> {
    let mut waited = Duration::ZERO;
    let mut open: Vec<&Stopped> = stopped.iter().collect();
    let mut unconfirmed = Vec::new();
    while !open.is_empty() && waited < OUTCOME_WITHIN {
        let printers: Vec<PrinterView> = match client.get("/v1/printers") {
            // Everybody may stop, and only who is known may look.
            Err(Failed::Problem(problem)) if matches!(problem.status, 401 | 403) => {
                if !quiet {
                    show::line("whether the boards confirm it is told to who may look: go to the printers");
                }
                return Ok(Vec::new());
            }
            other => other?,
        };
        open.retain(|Stopped { printer: name, asked_at, .. }| {
            let latch = printers.iter().find(|one| one.name == *name).and_then(|one| one.latch.as_ref());
            // What is told of an earlier stop says nothing of this one.
            // Both are RFC 3339 of the daemon's clock, in one form.
            // An older daemon does not tell the time: then nothing is known of this one.
            let of_this = latch.filter(|latch| !asked_at.is_empty() && latch.at >= *asked_at);
            let known = of_this.filter(|latch| latch.confirmed.is_some() || latch.relay.is_some());
            let Some(latch) = known else { return true };
            if !quiet {
                show::line(&format!("{name}: {}", show::plain(&latch.why)));
            }
            if latch.confirmed.is_none() {
                unconfirmed.push(name.clone());
            }
            false
        });
        pause();
        waited += LOOK;
    }
    unconfirmed.extend(open.into_iter().map(|one| one.printer.clone()));
    Ok(unconfirmed)
}

#[expect(clippy::disallowed_methods, reason = "another process is asked again, a few times")]
fn pause() {
    std::thread::sleep(LOOK);
}
