//! `platen printers`: list, look at one, say that its bed is clear, or that a board is its own.

use clap::{Args, Subcommand};

use super::client::segment;
use super::quality::{By, LabelFile};
use super::{Client, Failed, Global, resin, show};
use crate::api::shapes::{
    Answered, By as ByName, ConsoleOrder, ConsoleView, IdentityView, PrinterView, PromptView,
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Printers {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Look at this one only.
    #[arg(value_name = "PRINTER")]
    pub name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Say that somebody has looked: a bed is clear, and the next job may start on it. (After a stop or a fault: `platen stop --clear PRINTER --by NAME`.)
    Clear {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Say that the board on its port is its own: after a board or an adapter was replaced, or where nothing but a person can tell.
    Identify {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Answer what a printer asks whoever stands there; `platen printers PRINTER` shows it with its buttons.
    Answer {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The button's place, from 0.
        #[arg(long, value_name = "N")]
        button: u8,
        /// The question as it was seen: if the printer asks something else by now, nothing is answered.
        #[arg(long, value_name = "TEXT")]
        asked: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Write a printer's label as a file for the label printer: its name, and the code that is scanned where a lot is loaded.
    #[command(after_help = "Example: platen printers label mk3-07 --stock 62x29 --format pdf")]
    Label {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        file: LabelFile,
    },
    /// Show what is noted of a resin printer: vat, display, film, checklist, and whether its next job has what it takes.
    #[command(after_help = "Example: platen printers resin msla-1")]
    Resin {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
    },
    /// Say that a resin printer has another display: its hours of light are counted from there.
    #[command(after_help = "Example: platen printers display-replaced msla-1 --by kim")]
    DisplayReplaced {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The hours of light that the other one has had before.
        #[arg(long, value_name = "N", default_value_t = 0)]
        hours: u32,
        #[command(flatten)]
        by: By,
    },
    /// Say that a resin printer has another film: the layers that come off it are counted from there.
    #[command(after_help = "Example: platen printers film-replaced msla-1 --by kim")]
    FilmReplaced {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The layers that the other one has let go before.
        #[arg(long, value_name = "N", default_value_t = 0)]
        layers: u32,
        #[command(flatten)]
        by: By,
    },
    /// Send one command that the printer's console allows (docs/commands.md), and show what came back.
    Send {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The command, such as M503.
        command: String,
        #[command(flatten)]
        by: By,
    },
}

impl Printers {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let printer: PrinterView = match (self.what, self.name) {
            (Some(What::Clear { name, by }), _) => {
                let path = format!("/v1/printers/{}/clear-bed", segment(&name));
                by.ask(&client, |hand| hand.client().post(&path, &ByName { by: hand.name() }))?
            }
            (Some(What::Identify { name, by }), _) => {
                let path = format!("/v1/printers/{}/identify", segment(&name));
                by.ask(&client, |hand| hand.client().post(&path, &ByName { by: hand.name() }))?
            }
            (Some(What::Answer { name, button, asked, by }), _) => {
                let path = format!("/v1/printers/{}/answer", segment(&name));
                by.ask(&client, |hand| {
                    hand.client().post(&path, &Answered { button, asked, by: hand.name() })
                })?
            }
            (Some(What::Send { name, command, by }), _) => {
                let path = format!("/v1/printers/{}/console", segment(&name));
                let told: ConsoleView = by.ask(&client, |hand| {
                    hand.client().post(&path, &ConsoleOrder { command, by: hand.name() })
                })?;
                return said(global, &told);
            }
            (Some(What::Resin { name }), _) => return resin::told(global, &resin::seen(&client, &name)?),
            (Some(What::DisplayReplaced { name, hours, by }), _) => {
                return resin::told(global, &resin::display_replaced(&client, &name, hours, by)?);
            }
            (Some(What::FilmReplaced { name, layers, by }), _) => {
                return resin::told(global, &resin::film_replaced(&client, &name, layers, by)?);
            }
            (Some(What::Label { name, file }), _) => {
                return file.make(&client, &format!("/v1/printers/{}/label", segment(&name)), &name);
            }
            (None, Some(name)) => client.get(&format!("/v1/printers/{}", segment(&name)))?,
            (None, None) => {
                let printers: Vec<PrinterView> = client.get("/v1/printers")?;
                if global.json {
                    return show::json(&printers);
                }
                list(&printers);
                return Ok(());
            }
        };
        if global.json {
            return show::json(&printer);
        }
        one(&printer);
        Ok(())
    }
}

/// What a console command brought.
fn said(global: &Global, told: &ConsoleView) -> Result<(), Failed> {
    if global.json {
        show::json(told)?;
    } else {
        told.lines.iter().for_each(|line| show::line(&show::plain(line)));
        if told.cut {
            show::line("(more came than is shown)");
        }
    }
    if told.done {
        return Ok(());
    }
    Err(Failed::Finding("the printer has not said that it is done; look at it".into()))
}

/// What the columns of the list are called.
pub const HEAD: [&str; 7] = ["PRINTER", "STATE", "DONE", "HOTEND", "HEATBED", "PLATE", "JOB"];

fn list(printers: &[PrinterView]) {
    let rows: Vec<_> = printers
        .iter()
        .map(|printer| {
            let progress = printer.progress.map_or_else(|| "-".into(), |p| format!("{:.1} %", p.percent));
            vec![
                printer.name.clone(),
                printer.state.clone(),
                progress,
                show::heat(&printer.temperatures, printer.temperatures.hotend, ""),
                show::heat(&printer.temperatures, printer.temperatures.bed, ""),
                show::bed(printer).into(),
                printer.job.clone().unwrap_or_else(|| "-".into()),
            ]
        })
        .collect();
    show::table(&HEAD, &rows);
}

/// One printer in lines.
pub fn one(printer: &PrinterView) {
    show::line(&format!("{}: {}", printer.name, show::plain(&printer.words)));
    if let Some(latch) = &printer.latch {
        show::line(&format!("  locked   {} ({})", show::plain(&latch.why), latch.at));
        show::line(&format!("           look at it, then `platen stop --clear {} --by NAME`", printer.name));
    }
    if let Some(quarantine) = &printer.quarantine {
        show::line(&format!("  in quarantine since {}: {}", quarantine.at, show::plain(&quarantine.why)));
        show::line(&format!(
            "           plug its own board in, or look which one it is, then `platen printers identify {} --by NAME`",
            printer.name
        ));
    }
    if let Some(hold) = &printer.hold {
        if let Some(words) = &hold.words {
            show::line(&format!("  pause    {}", show::plain(words)));
        }
        if let Some(text) = &hold.text {
            show::line(&format!("  file     says: {}", show::plain(text)));
        }
        for (what, left) in [("nozzle", hold.nozzle_off_s), ("bed", hold.bed_off_s)] {
            if let Some(left) = left {
                show::line(&format!("           the {what} goes off in {} min", left.div_ceil(60)));
            }
        }
    }
    if let Some(prompt) = &printer.prompt {
        asks(&printer.name, prompt).iter().for_each(|line| show::line(line));
    }
    if let (Some(job), Some(progress)) = (&printer.job, printer.progress) {
        show::line(&format!("  job      {job}, {:.1} % confirmed", progress.percent));
    }
    match &printer.on_bed {
        None => show::line("  bed      clear"),
        Some(job) => show::line(&format!("  bed      the part of job {job}")),
    }
    let heat = printer.temperatures;
    for (what, reading) in [("hotend", heat.hotend), ("heatbed", heat.bed), ("chamber", heat.chamber)] {
        if reading.is_some() {
            show::line(&format!("  {what:<8} {}", show::heat(&heat, reading, " °C")));
        }
    }
    if let Some(resin) = &printer.resin {
        show::line(&format!("  vat      {}", resin::brief(resin)));
        show::line(&format!("           `platen printers resin {}` says more", printer.name));
    }
    if let Some(firmware) = &printer.firmware {
        show::line(&format!("  firmware {}", show::plain(firmware)));
    }
    if let Some(identity) = &printer.identity {
        identified(identity);
    }
    let line = &printer.line;
    show::line(&format!(
        "  line     {} lines, {} bytes, {} resent, {} probes, {} stray oks",
        line.lines_sent, line.bytes_sent, line.resends, line.probes, line.stray_oks
    ));
    if line.lines_per_s > 0.0 {
        let (lines, used) = (line.lines_per_s, line.used * 100.0);
        show::line(&format!("  speed    {lines:.0} lines/s, {used:.0} % of the line"));
    }
    if let Some(starved) = line.starved_ms.filter(|starved| *starved > 0) {
        show::line(&format!("  starved  {:.1} s without a move ahead", starved as f64 / 1_000.0));
    }
    if let Some(trouble) = &line.trouble {
        show::line(&format!("  trouble  {trouble}"));
    }
}

/// A text as one word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A question, and how each of its buttons is pressed from here.
fn asks(printer: &str, prompt: &PromptView) -> Vec<String> {
    let mut lines = vec![format!("  asks     {}", show::plain(&prompt.asked))];
    // By then it may ask something else.
    let asked = quoted(&show::plain(&prompt.asked));
    lines.extend(prompt.buttons.iter().enumerate().map(|(place, label)| {
        let label = show::plain(label);
        format!("           {label}: `platen printers answer {printer} --button {place} --asked {asked} --by NAME`")
    }));
    if prompt.buttons.is_empty() {
        lines.push("           only its panel can answer: press the button at the printer".into());
    }
    lines
}

fn identified(identity: &IdentityView) {
    let who = identity.by.as_deref().map_or_else(|| "learned".into(), |by| format!("said by {by}"));
    let told = [&identity.uuid, &identity.usb_serial, &identity.machine_type, &identity.usb_socket];
    let told: Vec<_> = told.into_iter().flatten().map(|text| show::plain(text)).collect();
    show::line(&format!("  known by {} ({who} {}): {}", identity.known_by, identity.at, told.join(", ")));
    if identity.weak {
        show::line("           a board that looks the same in its place would not be noticed by itself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_shown_with_a_command_for_each_button_that_it_has_and_for_no_other() {
        let lines = |buttons: &[&str]| {
            let buttons = buttons.iter().map(|label| (*label).to_owned()).collect();
            asks("mk", &PromptView { asked: "Who's there? $(reboot)".into(), buttons })
        };
        // One word for a shell, which runs nothing in it.
        let asked = r"'Who'\''s there? $(reboot)'";
        let command =
            |button| format!("`platen printers answer mk --button {button} --asked {asked} --by NAME`");
        assert_eq!(
            lines(&["PurgeMore", "Continue"]),
            [
                "  asks     Who's there? $(reboot)".to_owned(),
                format!("           PurgeMore: {}", command(0)),
                format!("           Continue: {}", command(1)),
            ]
        );
        let none = lines(&[]);
        assert!(none[1].contains("at the printer") && !none.concat().contains("--button"), "{none:?}");
    }
}
