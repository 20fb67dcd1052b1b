//! `platen inspect`: what is measured on parts, coupons and phantoms, by which template, with which instrument; and what
//! a resin file has in it.

use clap::{Args, Subcommand};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::client::segment;
use super::masks::{self, Looked};
use super::photos::Photo;
use super::quality::{By, inspection, printed_list, told, word};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{
    Inspected, InspectionView, Instrument, Item, NewInspection, NewTemplate, PrintedBrief, TemplateView,
    Thousandths,
};
use crate::domain::day::Day;
use crate::domain::finding::refused;
use crate::domain::ids::{InstrumentName, PrinterName, TemplateName};
use crate::domain::quality::inspection::Method;
use crate::domain::quality::printed::{Doubt, Serial};
use crate::domain::quality::words::{Label, Text};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example: platen inspect femur.sl1 --config platen.toml --printer msla-1"
)]
pub struct Inspect {
    /// A resin file (SL1, NanoDLP, CTB, CBDDLP, GOO) to look into, without a daemon.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The configuration that says what the printer can bear.
    #[arg(long, value_name = "FILE", requires_all = ["file", "printer"])]
    pub config: Option<PathBuf>,
    /// The printer in it.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub printer: Option<String>,
    /// What is to be in the vat.
    #[arg(long, value_name = "WORDS", requires = "file")]
    pub material: Option<String>,
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What somebody has measured.
#[derive(Debug, Args)]
pub struct Measured {
    /// What is measured; its newest version.
    #[arg(long, value_name = "NAME")]
    template: TemplateName,
    /// What it is measured with.
    #[arg(long, value_name = "NAME")]
    instrument: Option<InstrumentName>,
    /// One value for each item of the template, in its order; - where one was not measured.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, value_parser = value)]
    value: Vec<Value>,
    #[arg(long, value_name = "TEXT")]
    note: Option<Text>,
    /// A photo (JPEG or PNG), which is uploaded without its metadata; or the hash of one that is. May be given again.
    #[arg(long, value_name = "FILE")]
    photo: Vec<Photo>,
    #[command(flatten)]
    by: By,
}

/// A measured value, or none.
#[derive(Clone, Copy, Debug)]
pub struct Value(Option<Thousandths>);

fn value(text: &str) -> Result<Value, String> {
    if text == "-" {
        return Ok(Value(None));
    }
    number(text).map(|value| Value(Some(value)))
}

fn number(text: &str) -> Result<Thousandths, String> {
    let number: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number"))?;
    Thousandths::try_from(number).map_err(|error| error.to_string())
}

/// `"length mm 80 79.5 80.5 fail"`
fn item(text: &str) -> Result<Item, String> {
    let odd = || "an item is a name, its unit, nominal, lowest, highest and fail, flag or note".to_owned();
    let words: Vec<_> = text.split_whitespace().collect();
    let [name @ .., unit, nominal, low, high, weight] = &words[..] else { return Err(odd()) };
    Ok(Item {
        name: Label::new(&name.join(" ")).map_err(|error| error.to_string())?,
        unit: word(unit)?,
        nominal: number(nominal)?,
        low: number(low)?,
        high: number(high)?,
        weight: word(weight)?,
    })
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Note what was measured on a printed part that is sent to inspection.
    #[command(
        after_help = "Example: platen inspect part 0123456789abc-1-1 --template femur --instrument caliper-1 --value 80.1 --looked-at interrupted --photo femur.jpg --by lee"
    )]
    Part {
        /// CASE-PART-ATTEMPT
        serial: Serial,
        /// A doubt about the part that you have looked at; may be given again.
        #[arg(long, value_name = "DOUBT", value_parser = word::<Doubt>)]
        looked_at: Vec<Doubt>,
        #[command(flatten)]
        measured: Measured,
    },
    /// Note what was measured on a coupon that was printed with a part.
    #[command(
        after_help = "Example: platen inspect coupon 0123456789abc-1-1 --template coupon --value 20.02 --by lee"
    )]
    Coupon {
        /// CASE-PART-ATTEMPT of the part.
        serial: Serial,
        #[command(flatten)]
        measured: Measured,
    },
    /// Note what was measured on a printer's phantom.
    #[command(
        after_help = "Example: platen inspect phantom mk3-07 --template phantom --instrument caliper-1 --value 100.05 --next-due 2027-02-28 --by mo"
    )]
    Phantom {
        printer: PrinterName,
        /// When it passes, the next is due by then.
        #[arg(long, value_name = "DAY")]
        next_due: Option<Day>,
        #[command(flatten)]
        measured: Measured,
    },
    /// List inspections.
    #[command(after_help = "Example: platen inspect list --part 0123456789abc-1-1")]
    List {
        /// Those of this printed part and its coupons only.
        #[arg(long, value_name = "SERIAL", conflicts_with = "printer")]
        part: Option<Serial>,
        /// Those of this printer's phantoms only.
        #[arg(long)]
        printer: Option<PrinterName>,
    },
    /// Look at one inspection.
    #[command(after_help = "Example: platen inspect show ID")]
    Show {
        /// The inspection's id.
        id: String,
    },
    /// List what is looked back at since a phantom failed.
    #[command(after_help = "Example: platen inspect look-back ID")]
    LookBack {
        /// The phantom's inspection.
        id: String,
    },
    /// List templates, or write one: with --item the next version of it.
    #[command(
        after_help = "Example: platen inspect template femur --method caliper --item \"length mm 80 79.5 80.5 fail\" --by pat"
    )]
    Template {
        /// The template; all where it is left out.
        name: Option<TemplateName>,
        /// caliper, photo, surface-scan, photogrammetry, ct, fit-test or visual
        #[arg(long, value_parser = word::<Method>, requires = "item")]
        method: Option<Method>,
        /// Name, unit, nominal, lowest, highest, and fail, flag or note; may be given again.
        #[arg(long, value_name = "ITEM", value_parser = item, requires_all = ["name", "method"])]
        item: Vec<Item>,
        #[command(flatten)]
        by: By,
    },
    /// List instruments, or note one that is new or calibrated anew.
    #[command(
        after_help = "Example: platen inspect instrument caliper-1 --what \"digital caliper 150 mm\" --due 2027-06-30 --by mo"
    )]
    Instrument {
        /// The instrument; all where it is left out.
        #[arg(requires_all = ["what", "due"])]
        name: Option<InstrumentName>,
        #[arg(long, value_name = "TEXT", requires = "name")]
        what: Option<Label>,
        /// The last day on which it may be used.
        #[arg(long, value_name = "DAY", requires = "name")]
        due: Option<Day>,
        #[command(flatten)]
        by: By,
    },
}

impl Inspect {
    /// Tells what is in a file. What speaks against it is told too, and is no failure: that is `platen preflight`.
    fn look(&self, path: &Path, global: &Global) -> Result<(), Failed> {
        let failed = |error| Failed::File { path: path.display().to_string(), error };
        let own = match (&self.config, &self.printer) {
            (Some(config), Some(name)) => Some(masks::printer(config, name)?.0),
            _ => None,
        };
        let mut file = File::open(path).map_err(failed)?;
        if !masks::is_resin(&mut file).map_err(failed)? {
            return Err(Failed::Finding(format!(
                "{} is no resin file (SL1, NanoDLP, CTB, CBDDLP, GOO); `platen preflight` looks at G-code, `platen model` at models",
                path.display()
            )));
        }
        let looked = Looked::at(path, &file)?;
        let findings = looked.findings(own.as_ref(), self.material.as_deref());
        let ok = refused(&findings, &[]).is_empty();
        let told = looked.told(own.as_ref(), &findings, ok);
        if global.json {
            return show::json(&told);
        }
        masks::print(&told);
        Ok(())
    }

    pub fn run(self, global: &Global) -> Result<(), Failed> {
        if let Some(file) = &self.file {
            return self.look(file, global);
        }
        let Some(what) = self.what else {
            return Err(Failed::Usage(
                "name a resin file to look into, or say what was measured; `platen inspect --help` lists it"
                    .into(),
            ));
        };
        let client = Client::new(global)?;
        match what {
            What::Part { serial, looked_at, measured } => {
                measured.note(&client, global, Inspected::Part { serial }, looked_at)
            }
            What::Coupon { serial, measured } => {
                measured.note(&client, global, Inspected::Coupon { serial }, Vec::new())
            }
            What::Phantom { printer, next_due, measured } => {
                measured.note(&client, global, Inspected::Phantom { printer, next_due }, Vec::new())
            }
            What::List { part, printer } => {
                let mut query = Vec::new();
                query.extend(part.map(|serial| format!("serial={serial}")));
                query.extend(printer.map(|printer| format!("printer={printer}")));
                let all: Vec<InspectionView> = client.get(&format!("/v1/inspections?{}", query.join("&")))?;
                told(global, &all, |all| all.iter().for_each(inspection))
            }
            What::Show { id } => {
                let one: InspectionView = client.get(&format!("/v1/inspections/{}", segment(&id)))?;
                told(global, &one, inspection)
            }
            What::LookBack { id } => {
                let path = format!("/v1/inspections/{}/look-back", segment(&id));
                let all: Vec<PrintedBrief> = client.get(&path)?;
                told(global, &all, |all| printed_list(all))
            }
            What::Template { name: Some(name), method: Some(method), item: items, by } => {
                let new = NewTemplate { name, method, items };
                let written: TemplateView = by.post(&client, "/v1/templates", new)?;
                told(global, &written, template)
            }
            What::Template { name, by, .. } => {
                by.unused("heart --method caliper --item ITEM")?;
                let path =
                    name.map_or_else(|| "/v1/templates".into(), |name| format!("/v1/templates/{name}"));
                let all: Vec<TemplateView> = client.get(&path)?;
                told(global, &all, |all| all.iter().for_each(template))
            }
            What::Instrument { name: Some(name), what: Some(what), due: Some(due), by } => {
                let new = Instrument { name, what, calibration_due: due };
                let noted: Instrument = by.post(&client, "/v1/instruments", new)?;
                told(global, &noted, instrument)
            }
            What::Instrument { by, .. } => {
                by.unused("caliper-1 --what WORDS --due DAY")?;
                let all: Vec<Instrument> = client.get("/v1/instruments")?;
                told(global, &all, |all| all.iter().for_each(instrument))
            }
        }
    }
}

impl Measured {
    fn note(
        self,
        client: &Client,
        global: &Global,
        subject: Inspected,
        looked_at: Vec<Doubt>,
    ) -> Result<(), Failed> {
        let mut given = NewInspection {
            subject,
            template: self.template,
            version: None,
            instrument: self.instrument,
            values: self.value.into_iter().map(|value| value.0).collect(),
            looked_at: looked_at.into_iter().collect(),
            photos: Vec::new(),
            note: self.note,
            request: None,
        };
        let photos = self.photo;
        let noted: InspectionView = self.by.ask(client, |hand| {
            let kept = photos.into_iter().map(|photo| photo.kept(hand.client()));
            given.photos = kept.collect::<Result<_, _>>()?;
            hand.post("/v1/inspections", given)
        })?;
        told(global, &noted, inspection)
    }
}

fn template(template: &TemplateView) {
    show::line(&format!("{} version {} ({})", template.name, template.version, template.method));
    for item in &template.items {
        let word = |of: serde_json::Result<serde_json::Value>| {
            of.ok().and_then(|of| of.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (low, high) = (f64::from(item.low), f64::from(item.high));
        let (unit, weight) = (word(serde_json::to_value(item.unit)), word(serde_json::to_value(item.weight)));
        let name = show::plain(item.name.as_str());
        show::line(&format!("  {name}: {} {unit} ({low} to {high}), else {weight}", f64::from(item.nominal)));
    }
}

fn instrument(instrument: &Instrument) {
    let what = show::plain(instrument.what.as_str());
    show::line(&format!("{}: {what}, may be used until {}", instrument.name, instrument.calibration_due));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_from_one_text_and_its_name_may_have_spaces() {
        let read = item("outer length mm 80 79.5 80.5 fail").unwrap();
        assert_eq!(
            (read.name.as_str(), read.low, read.high.0),
            ("outer length", Thousandths(79_500), 80_500)
        );
        for bad in
            ["", "length mm 80 79 81", "length ell 80 79 81 fail", "length mm x 79 81 fail", "mm 1 0 2 fail"]
        {
            assert!(item(bad).is_err(), "{bad}");
        }
        assert!(value("-").unwrap().0.is_none() && value("80,1").is_err());
    }
}
