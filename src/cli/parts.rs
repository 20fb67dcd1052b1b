//! `platen parts`: the printed parts, one piece each, from the printer to whoever gets it.

use clap::{Args, Subcommand};

use super::client::segment;
use super::quality::{By, LabelFile, nonconformance, printed_list, signature, to_sign, told, word};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{PrintedBrief, PrintedStep, PrintedView, Processing, ToSign};
use crate::domain::ids::{FileHash, InspectionId};
use crate::domain::quality::printed::Serial;
use crate::domain::quality::processing::ProcessingKind;
use crate::domain::quality::words::{Label, Line};
use crate::labels::Scanned;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Parts {
    #[command(subcommand)]
    pub what: Option<What>,
    /// Look at this one only (CASE-PART-ATTEMPT, or the code of its label), with everything that it comes from.
    pub serial: Option<String>,
    /// Those of this case only.
    #[arg(long, value_name = "TOKEN", conflicts_with = "serial")]
    pub case: Option<String>,
    /// Those in this state only, such as suspect.
    #[arg(long, conflicts_with = "serial")]
    pub state: Option<String>,
}

/// A printed part, and who says so.
#[derive(Debug, Args)]
pub struct Plain {
    /// CASE-PART-ATTEMPT
    serial: String,
    #[command(flatten)]
    by: By,
}

/// The same with a reason.
#[derive(Debug, Args)]
pub struct Why {
    /// CASE-PART-ATTEMPT
    serial: String,
    /// The reason; never a patient's name.
    #[arg(long, value_name = "TEXT")]
    why: Line,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Write a part's label as a file for the label printer.
    #[command(after_help = "Example: platen parts label 0123456789abc-1-1 --stock 62x29 --format pdf")]
    Label {
        /// CASE-PART-ATTEMPT
        serial: String,
        #[command(flatten)]
        file: LabelFile,
    },
    /// Plan another attempt at a part; its serial is the part's next.
    #[command(
        after_help = "Example: platen parts plan 0123456789abc-1-2 --instead-of 0123456789abc-1-1 --by kim"
    )]
    Plan {
        /// CASE-PART-ATTEMPT
        serial: String,
        /// The part that it is printed in place of.
        #[arg(long, value_name = "SERIAL")]
        instead_of: Option<Serial>,
        #[command(flatten)]
        by: By,
    },
    /// Say from which revision its file was made, where platen did not slice it.
    #[command(after_help = "Example: platen parts attest 0123456789abc-1-1 --revision 1 --by kim")]
    Attest {
        /// CASE-PART-ATTEMPT
        serial: String,
        #[arg(long)]
        revision: u16,
        #[command(flatten)]
        by: By,
    },
    /// Note a step after printing.
    #[command(
        after_help = "Example: platen parts process 0123456789abc-1-1 --kind support-removal --minutes 20 --by kim"
    )]
    Process {
        /// CASE-PART-ATTEMPT
        serial: String,
        /// removal, wash, dry, cure, support-removal or finish
        #[arg(long, value_parser = word::<ProcessingKind>)]
        kind: ProcessingKind,
        /// "IPA 99 %, two baths"
        #[arg(long)]
        recipe: Option<Line>,
        #[arg(long)]
        minutes: Option<u16>,
        #[arg(long)]
        equipment: Option<Label>,
        #[command(flatten)]
        by: By,
    },
    /// Send a part to inspection.
    #[command(after_help = "Example: platen parts send 0123456789abc-1-1 --by kim")]
    Send(Plain),
    /// Accept a part by its last inspection.
    #[command(after_help = "Example: platen parts accept 0123456789abc-1-1 --inspection ID --by lee")]
    Accept {
        /// CASE-PART-ATTEMPT
        serial: String,
        /// Its last one.
        #[arg(long, value_name = "ID")]
        inspection: InspectionId,
        /// Where that has flags: why it is good enough.
        #[arg(long, value_name = "TEXT")]
        why: Option<Line>,
        #[command(flatten)]
        by: By,
    },
    /// Reject a part.
    #[command(after_help = "Example: platen parts reject 0123456789abc-1-1 --why \"too long\" --by lee")]
    Reject(Why),
    /// Scrap a part that failed, was rejected or recalled, or is in quarantine.
    #[command(after_help = "Example: platen parts scrap 0123456789abc-1-1 --why \"broken\" --by pat")]
    Scrap(Why),
    /// Show what would be signed now to release a part, and its digest.
    #[command(after_help = "Example: platen parts to-sign 0123456789abc-1-1")]
    ToSign {
        /// CASE-PART-ATTEMPT
        serial: String,
    },
    /// Sign a part: it is good, and may leave the lab.
    #[command(after_help = "Example: platen parts release 0123456789abc-1-1 --digest DIGEST --by pat")]
    Release {
        /// CASE-PART-ATTEMPT
        serial: String,
        /// As `to-sign` shows it.
        #[arg(long)]
        digest: FileHash,
        #[command(flatten)]
        by: By,
    },
    /// Say that a part is packed.
    #[command(after_help = "Example: platen parts pack 0123456789abc-1-1 --by kim")]
    Pack(Plain),
    /// Hand a part over for sterilisation.
    #[command(after_help = "Example: platen parts hand-over 0123456789abc-1-1 --cycle \"134 °C\" --by kim")]
    HandOver {
        /// CASE-PART-ATTEMPT
        serial: String,
        #[arg(long, value_name = "TEXT")]
        cycle: Line,
        #[command(flatten)]
        by: By,
    },
    /// Deliver a part.
    #[command(after_help = "Example: platen parts deliver 0123456789abc-1-1 --to \"theatre 3\" --by kim")]
    Deliver {
        /// CASE-PART-ATTEMPT
        serial: String,
        /// A place or a service; never a patient's name.
        #[arg(long, value_name = "TEXT")]
        to: Line,
        #[command(flatten)]
        by: By,
    },
    /// Put a part into quarantine.
    #[command(after_help = "Example: platen parts quarantine 0123456789abc-1-1 --why \"fell down\" --by kim")]
    Quarantine(Why),
    /// Take a part out of quarantine; it is inspected anew.
    #[command(after_help = "Example: platen parts lift 0123456789abc-1-1 --why \"it is whole\" --by pat")]
    Lift(Why),
    /// Recall a part that was released.
    #[command(after_help = "Example: platen parts recall 0123456789abc-1-1 --why \"bad resin\" --by pat")]
    Recall(Why),
}

impl Parts {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let Some(what) = self.what else {
            if let Some(serial) = &self.serial {
                let serial = match serial.parse() {
                    Ok(Scanned::Part(scanned)) => scanned.to_string(),
                    _ => serial.clone(),
                };
                let part: PrintedView = client.get(&format!("/v1/printed/{}", segment(&serial)))?;
                return told(global, &part, one);
            }
            let mut query = Vec::new();
            query.extend(self.case.map(|case| format!("case={}", segment(&case))));
            query.extend(self.state.map(|state| format!("state={}", segment(&state.replace('-', "_")))));
            let all: Vec<PrintedBrief> = client.get(&format!("/v1/printed?{}", query.join("&")))?;
            return told(global, &all, |all| printed_list(all));
        };
        let (serial, by, step) = match what {
            What::Label { serial, file } => {
                let path = format!("/v1/printed/{}/label", segment(&serial));
                return file.make(&client, &path, &serial);
            }
            What::Plan { serial, instead_of, by } => {
                (serial, by, PrintedStep::Planned { replaces: instead_of })
            }
            What::Attest { serial, revision, by } => (serial, by, PrintedStep::RevisionAttested { revision }),
            What::Process { serial, kind, recipe, minutes, equipment, by } => {
                let processing = Box::new(Processing { kind, recipe, minutes, equipment });
                (serial, by, PrintedStep::Processed { processing })
            }
            What::Send(of) => (of.serial, of.by, PrintedStep::SentToInspection {}),
            What::Accept { serial, inspection, why, by } => {
                (serial, by, PrintedStep::Accepted { inspection, why })
            }
            What::Reject(of) => (of.serial, of.by, PrintedStep::Rejected { why: of.why }),
            What::Scrap(of) => (of.serial, of.by, PrintedStep::Scrapped { why: of.why }),
            What::ToSign { serial } => {
                let shown: ToSign = client.get(&format!("/v1/printed/{}/to-sign", segment(&serial)))?;
                return told(global, &shown, to_sign);
            }
            What::Release { serial, digest, by } => (serial, by, PrintedStep::Released { digest }),
            What::Pack(of) => (of.serial, of.by, PrintedStep::Packed {}),
            What::HandOver { serial, cycle, by } => (serial, by, PrintedStep::HandedOver { cycle }),
            What::Deliver { serial, to, by } => (serial, by, PrintedStep::Delivered { to }),
            What::Quarantine(of) => (of.serial, of.by, PrintedStep::Quarantined { why: of.why }),
            What::Lift(of) => (of.serial, of.by, PrintedStep::QuarantineLifted { why: of.why }),
            What::Recall(of) => (of.serial, of.by, PrintedStep::Recalled { why: of.why }),
        };
        let path = format!("/v1/printed/{}/steps", segment(&serial));
        let now: PrintedView = by.post(&client, &path, step)?;
        told(global, &now, one)
    }
}

fn one(part: &PrintedView) {
    let brief = &part.brief;
    show::line(&format!("{}: {}", brief.serial, show::plain(&brief.words)));
    show::line(&format!("  next     {}", brief.todo));
    show::line(&format!("  part     {} {} of case {}", part.part, show::plain(&part.part_name), part.case));
    for doubt in &brief.doubts {
        show::line(&format!("  doubt    {}: {}", doubt.doubt, doubt.words));
    }
    if let (Some(revision), Some(model)) = (brief.revision, &part.model) {
        show::line(&format!("  revision {revision} ({model})"));
    }
    if let Some(job) = &part.job {
        let on = brief.printer.as_ref().map(|printer| format!(" on {printer}")).unwrap_or_default();
        show::line(&format!("  job      {job}{on}"));
    }
    for lot in &part.lots {
        let used = lot.used_g.map(|grams| format!(", {grams} g used")).unwrap_or_default();
        show::line(&format!("  lot      {} {} ({}){used}", lot.lot, lot.material, lot.supplier_lot));
    }
    for step in &part.processed {
        let recipe = step.processing.recipe.as_ref().map(|recipe| format!(" ({recipe})")).unwrap_or_default();
        let kind = serde_json::to_value(step.processing.kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or_default();
        show::line(&show::plain(&format!("  step     {} {kind}{recipe} by {}", step.number, step.by)));
    }
    for inspection in &part.inspections {
        show::line(&format!(
            "  measured inspection {} by {}: {}",
            inspection.id, inspection.by, inspection.verdict
        ));
    }
    if let Some(accepted) = &part.accepted {
        show::line(&format!("  accepted by {}", show::plain(accepted)));
    }
    part.nonconformances.iter().for_each(nonconformance);
    part.signatures.iter().for_each(signature);
    for why in &part.lookbacks {
        show::line(&format!("  look     {why}"));
    }
    if !part.together_with.is_empty() {
        show::line(&format!("  on the same bed as {}", part.together_with.join(", ")));
    }
    if let Some(replaces) = &part.replaces {
        show::line(&format!("  in place of {replaces}"));
    }
    for other in &part.replaced_by {
        show::line(&format!("  replaced by {other}"));
    }
}
