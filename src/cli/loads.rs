//! `platen loads`: which lot is on which printer, typed or scanned from their labels.

use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal};

use super::client::segment;
use super::quality::{By, Hand, loads, told};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{LoadView, LotView, NewLoad, ScannedLoad, Unload};
use crate::domain::ids::{LotId, PrinterName};
use crate::domain::quality::lot::SLOTS;
use crate::labels::Scanned;

#[derive(Debug, Args)]
pub struct Loads {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// List what is and was loaded on a printer.
    #[command(after_help = "Example: platen loads list mk3-07")]
    List {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
    },
    /// Say that a lot is on a printer now.
    #[command(after_help = "Example: platen loads load mk3-07 LOT --by kim")]
    Load {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The lot's id, as its label has it.
        lot: LotId,
        /// The tool or the tank, from 0 to 7.
        #[arg(long, value_name = "N", default_value_t = 0)]
        slot: u8,
        #[command(flatten)]
        by: By,
    },
    /// The same with a scanner: scan the printer's label, then the lot's, and so on. A slot's number typed between the two means that slot; an empty line begins anew.
    #[command(after_help = "Example: platen loads scan --by kim")]
    Scan {
        /// What the printer's label says, to note one lot alone; else it is read from the standard input.
        #[arg(requires = "lot")]
        printer: Option<String>,
        /// What the lot's label says.
        lot: Option<String>,
        /// The tool or the tank, from 0 to 7.
        #[arg(long, value_name = "N", default_value_t = 0)]
        slot: u8,
        #[command(flatten)]
        by: By,
    },
    /// Say that a printer's lot was taken off.
    #[command(after_help = "Example: platen loads unload mk3-07 --by kim")]
    Unload {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The tool or the tank, from 0 to 7.
        #[arg(long, value_name = "N", default_value_t = 0)]
        slot: u8,
        #[command(flatten)]
        by: By,
    },
}

fn path(name: &str, below: &str) -> String {
    format!("/v1/printers/{}/{below}", segment(name))
}

impl Loads {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let all: Vec<LoadView> = match self.what {
            What::List { name } => client.get(&path(&name, "loads"))?,
            What::Load { name, lot, slot, by } => {
                by.post(&client, &path(&name, "loads"), NewLoad { lot, slot })?
            }
            What::Scan { printer: Some(printer), lot: Some(lot), slot, by } => {
                by.post(&client, "/v1/loads", ScannedLoad { printer, lot, slot })?
            }
            What::Scan { slot, by, .. } => {
                return by
                    .ask(&client, |hand| Desk::new(hand, global.json, slot).serve(std::io::stdin().lock()));
            }
            What::Unload { name, slot, by } => {
                by.post(&client, &path(&name, "unload"), Unload { slot, lot: None })?
            }
        };
        told(global, &all, |all| loads(all))
    }
}

/// Where somebody stands with a scanner.
struct Desk<'h> {
    hand: &'h Hand<'h>,
    json: bool,
    /// Where nobody types another one.
    usual_slot: u8,
    /// What was scanned so far, and for which slot the lot is.
    begun: Option<(PrinterName, u8)>,
    /// A scan was refused, and nothing was noted since.
    refused: bool,
    noted: Vec<LoadView>,
}

impl<'h> Desk<'h> {
    fn new(hand: &'h Hand<'h>, json: bool, usual_slot: u8) -> Self {
        Self { hand, json, usual_slot, begun: None, refused: false, noted: Vec::new() }
    }

    /// Until there is nothing more to be read. What is refused is told, and the same is wanted again.
    fn serve(mut self, lines: impl BufRead) -> Result<(), Failed> {
        let asks = std::io::stdin().is_terminal();
        self.ask(asks);
        for line in lines.split(b'\n') {
            let line = line.map_err(|error| {
                Failed::Finding(format!("what was scanned cannot be read: {error}; scan it again"))
            })?;
            let taken = match std::str::from_utf8(&line) {
                Ok(line) => self.take(line.trim()),
                Err(_) => Err(Failed::Finding(
                    "what was scanned is no text (UTF-8); scan it again, or type what stands beside the code"
                        .into(),
                )),
            };
            match taken {
                Ok(()) => {}
                Err(error) if is_of_the_scan(&error) => {
                    eprintln!("platen: {error}");
                    self.refused = true;
                }
                Err(error) => return Err(error),
            }
            self.ask(asks);
        }
        if self.json {
            show::json(&self.noted)?;
        }
        match self.begun {
            None if self.refused => Err(Failed::Finding(
                "the last scan was refused, and nothing was noted after it; `platen loads list PRINTER` shows what is"
                    .into(),
            )),
            None => Ok(()),
            Some((printer, slot)) => Err(Failed::Finding(format!(
                "nothing is noted for slot {slot} of {printer}, since no lot was scanned for it; scan the printer again, then the lot"
            ))),
        }
    }

    fn ask(&self, asks: bool) {
        if asks {
            match &self.begun {
                None => eprint!("printer: "),
                Some((printer, slot)) => eprint!("lot for slot {slot} of {printer}: "),
            }
        }
    }

    /// What is told while all goes well; with --json only what came of it is.
    fn say(&self, words: &str) {
        if !self.json {
            show::line(&show::plain(words));
        }
    }

    fn take(&mut self, line: &str) -> Result<(), Failed> {
        let Some((printer, slot)) = self.begun.clone() else {
            return if line.is_empty() { Ok(()) } else { self.printer(line) };
        };
        if line.is_empty() {
            self.begun = None;
            self.say(&format!("nothing is noted for slot {slot} of {printer}: scan a printer"));
            return Ok(());
        }
        match line.parse::<u8>() {
            Ok(other) if line.len() == 1 && other < SLOTS => {
                self.begun = Some((printer.clone(), other));
                self.say(&format!("slot {other} of {printer}: scan the lot"));
                Ok(())
            }
            _ => self.lot(line, &printer, slot),
        }
    }

    fn printer(&mut self, line: &str) -> Result<(), Failed> {
        let printer = Scanned::printer(line).map_err(|not| Failed::Finding(not.to_string()))?;
        let all: Vec<LoadView> = self.hand.client().get(&path(printer.as_str(), "loads"))?;
        let now = all.iter().filter(|load| load.to.is_none());
        let now: Vec<_> =
            now.map(|load| format!("slot {} has lot {} ({})", load.slot, load.lot, load.material)).collect();
        let now = if now.is_empty() { "nothing is loaded".into() } else { now.join(", ") };
        self.say(&format!("printer {printer}: {now}; scan the lot"));
        self.begun = Some((printer, self.usual_slot));
        Ok(())
    }

    fn lot(&mut self, line: &str, printer: &PrinterName, slot: u8) -> Result<(), Failed> {
        let asked = ScannedLoad { printer: printer.to_string(), lot: line.to_owned(), slot };
        let all: Vec<LoadView> = self.hand.post("/v1/loads", asked)?;
        self.begun = None;
        self.refused = false;
        let load = all.into_iter().find(|load| load.slot == slot && load.to.is_none());
        let Some(load) = load else { return Ok(()) };
        let LoadView { lot, material, supplier_lot, .. } = &load;
        self.say(&format!("lot {lot} ({material}, {supplier_lot}) is on {printer} now, in slot {slot}"));
        let view: LotView = self.hand.client().get(&format!("/v1/lots/{}", segment(lot)))?;
        for why in &view.brief.unusable {
            self.say(&format!("  not now  it {why}"));
        }
        if view.brief.low {
            self.say("  less than a tenth of it should be left: have another lot at hand");
        }
        self.noted.push(load);
        Ok(())
    }
}

/// Another scan may do better; what is wrong with the daemon, or with who asks, stays wrong.
fn is_of_the_scan(error: &Failed) -> bool {
    match error {
        Failed::Finding(_) => true,
        Failed::Problem(problem) => matches!(problem.status, 404 | 409 | 422),
        _ => false,
    }
}
