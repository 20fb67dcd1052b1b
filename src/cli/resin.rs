//! `platen vat`, `platen checklist`, and what `platen printers` says of a resin printer.

use clap::{Args, Subcommand, ValueEnum};
use std::collections::BTreeSet;

use super::client::segment;
use super::quality::By;
use super::{Client, Failed, Global, show};
use crate::api::resin::shapes::{
    ContentsView, Looked, NeedView, NewDisplay, NewFilm, OddView, ResinBrief, ResinView, VatEmpty, VatFill,
    VatMeasure, VatTended, VatTopUp, WearView,
};
use crate::domain::resin::Emptied;
use crate::domain::resin::outfit::Item;

#[derive(Debug, Args)]
pub struct Vat {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Show what is in a printer's vat, how worn display and film are, and what is asked before the next start.
    #[command(after_help = "Example: platen vat show msla-1")]
    Show {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
    },
    /// Say that a lot was poured into the empty vat. It is loaded from then on.
    #[command(after_help = "Example: platen vat fill msla-1 LOT --ml 350 --by kim")]
    Fill {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The lot's id, or what a scanner types of its label.
        lot: String,
        #[command(flatten)]
        poured: Poured,
        #[command(flatten)]
        by: By,
    },
    /// Say that more was poured into it, of the same material.
    #[command(after_help = "Example: platen vat top-up msla-1 LOT --ml 120 --by kim")]
    TopUp {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// The lot's id, or what a scanner types of its label.
        lot: String,
        #[command(flatten)]
        poured: Poured,
        #[command(flatten)]
        by: By,
    },
    /// Say how much is in it: that counts from then on.
    #[command(after_help = "Example: platen vat measure msla-1 --ml 210 --by kim")]
    Measure {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        poured: Poured,
        #[command(flatten)]
        by: By,
    },
    /// Say that its resin was stirred.
    Stir {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Say that it was poured through a filter and back: nothing cured is in it.
    Filter {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        #[command(flatten)]
        by: By,
    },
    /// Say that it was emptied and cleaned. Its lots are off the printer from then on.
    #[command(after_help = "Example: platen vat empty msla-1 --resin bottled --by kim")]
    Empty {
        /// The printer.
        #[arg(value_name = "PRINTER")]
        name: String,
        /// What became of what was in it.
        #[arg(long)]
        resin: Became,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Args)]
pub struct Poured {
    /// How many millilitres.
    #[arg(long, value_name = "ML", value_parser = millilitres)]
    pub ml: f64,
}

/// A volume that is one: JSON has no word for what is no number, and would lose it on the way.
pub fn millilitres(text: &str) -> Result<f64, String> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("{text} is no volume; say millilitres, such as 80.5"))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Became {
    /// It is back in the bottle.
    Bottled,
    /// It is waste.
    Discarded,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: platen checklist msla-1 --item film --item vat --item stirred --item plate --item cover --by kim"
)]
pub struct Checklist {
    /// The printer.
    #[arg(value_name = "PRINTER")]
    pub name: String,
    /// Everything that the printer asks for is so.
    #[arg(long, conflicts_with = "item", required_unless_present = "item")]
    pub all_ok: bool,
    /// This is so: film, vat, stirred, plate or cover. All that the printer asks for has to be named.
    #[arg(long, value_name = "ITEM")]
    pub item: Vec<String>,
    #[command(flatten)]
    pub by: By,
}

fn path(name: &str, below: &str) -> String {
    format!("/v1/printers/{}/{below}", segment(name))
}

/// What is noted of a resin printer.
pub fn seen(client: &Client, name: &str) -> Result<ResinView, Failed> {
    client.get(&path(name, "resin"))
}

pub fn told(global: &Global, resin: &ResinView) -> Result<(), Failed> {
    if global.json {
        return show::json(resin);
    }
    lines(resin).iter().for_each(|line| show::line(line));
    Ok(())
}

/// Says that a printer has another display, which has had so many hours of light.
pub fn display_replaced(client: &Client, name: &str, hours: u32, by: By) -> Result<ResinView, Failed> {
    by.ask(client, |hand| {
        let given = NewDisplay { by: hand.name(), hours, since: None };
        hand.client().post(&path(name, "display"), &given)
    })
}

/// Says that a printer has another film, which has let go so many layers.
pub fn film_replaced(client: &Client, name: &str, layers: u32, by: By) -> Result<ResinView, Failed> {
    by.ask(client, |hand| {
        let given = NewFilm { by: hand.name(), layers, since: None };
        hand.client().post(&path(name, "film"), &given)
    })
}

impl Vat {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let tended = |name: &str, what: &str, by: By| {
            by.ask(&client, |hand| {
                hand.client().post(&path(name, what), &VatTended { by: hand.name(), was: None })
            })
        };
        let now: ResinView = match self.what {
            What::Show { name } => seen(&client, &name)?,
            What::Fill { name, lot, poured: Poured { ml }, by } => by.ask(&client, |hand| {
                hand.client().post(&path(&name, "vat/fill"), &VatFill { by: hand.name(), lot, ml })
            })?,
            What::TopUp { name, lot, poured: Poured { ml }, by } => by.ask(&client, |hand| {
                let given = VatTopUp { by: hand.name(), lot, ml, was: None };
                hand.client().post(&path(&name, "vat/top-up"), &given)
            })?,
            What::Measure { name, poured: Poured { ml }, by } => by.ask(&client, |hand| {
                let given = VatMeasure { by: hand.name(), ml, was: None };
                hand.client().post(&path(&name, "vat/measure"), &given)
            })?,
            What::Stir { name, by } => tended(&name, "vat/stir", by)?,
            What::Filter { name, by } => tended(&name, "vat/filter", by)?,
            What::Empty { name, resin, by } => by.ask(&client, |hand| {
                let resin = match resin {
                    Became::Bottled => Emptied::Bottled,
                    Became::Discarded => Emptied::Discarded,
                };
                let given = VatEmpty { by: hand.name(), resin, was: None };
                hand.client().post(&path(&name, "vat/empty"), &given)
            })?,
        };
        told(global, &now)
    }
}

impl Checklist {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let Self { name, all_ok, item: words, by } = self;
        let named = words.iter().map(|word| item(word)).collect::<Result<BTreeSet<Item>, _>>()?;
        let now: ResinView = by.ask(&client, |hand| {
            let items = if all_ok { asked(hand.client(), &name)? } else { named };
            hand.client().post(&path(&name, "checklist"), &Looked { by: hand.name(), items })
        })?;
        told(global, &now)
    }
}

/// All that the printer asks for.
fn asked(client: &Client, name: &str) -> Result<BTreeSet<Item>, Failed> {
    seen(client, name)?.checklist.items.iter().map(|of| item(&of.item)).collect()
}

fn item(word: &str) -> Result<Item, Failed> {
    let all = Item::ALL.map(Item::word).join(", ");
    let unknown =
        || Failed::Usage(format!("\"{}\" is nothing to be looked at; there are: {all}", show::plain(word)));
    Item::named(word.trim()).ok_or_else(unknown)
}

/// What is in a vat, and what wants somebody, in one line.
pub fn brief(resin: &ResinBrief) -> String {
    let vat = match (&resin.material, resin.left_ml) {
        (Some(material), Some(left)) => format!("{}, {left:.0} ml left", show::plain(material)),
        _ => "is empty".into(),
    };
    let due = |verdict: &str| matches!(verdict, "worn" | "overdue");
    let wants = [
        (resin.debris, "pieces of a print may lie in it"),
        (due(&resin.display), "the display is worn"),
        (due(&resin.film), "the film is worn"),
        (resin.checklist && resin.layer.is_none(), "somebody looks before the next start"),
    ];
    let wants = wants.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| format!("; {words}"));
    let layer = resin.layer.zip(resin.layers).map(|(n, of)| format!("; layer {n} of {of}"));
    layer.into_iter().chain(wants).fold(vat, |said, more| said + &more)
}

/// One resin printer in lines.
fn lines(resin: &ResinView) -> Vec<String> {
    let name = &resin.printer;
    let mut all = vec![format!(
        "{name}: the vat holds {:.0} ml, and {:.0} ml stay in it",
        resin.vat.holds_ml, resin.vat.keeps_ml
    )];
    match &resin.vat.contents {
        None => all.push(format!(
            "  vat      is empty: `platen vat fill {name} LOT --ml ML --by NAME`, at most {:.0} ml",
            resin.vat.holds_ml.floor()
        )),
        Some(contents) => all.extend(filled(contents, resin.vat.resin_days)),
    }
    if let Some(job) = &resin.debris {
        all.push(format!(
            "  debris   pieces of job {job} may lie in the vat: filter the resin, or empty the vat"
        ));
    }
    all.extend(resin.odd.iter().map(odd));
    all.push(format!("  display  {}", lit_for(&resin.display)));
    all.push(format!("  film     {}", worn(&resin.film, "layers")));
    let list = &resin.checklist;
    match (&list.by, &list.at) {
        _ if list.items.is_empty() => all.push("  look     is not asked for".into()),
        (Some(by), Some(at)) if list.holds => {
            all.push(format!("  look     {} has looked, {at}", show::plain(by)));
        }
        _ => {
            all.push(format!(
                "  look     before the next start: `platen checklist {name} --item ITEM --by NAME` with each item, or --all-ok where all of it is so"
            ));
            let open = list.items.iter().filter(|of| !of.done);
            all.extend(open.map(|of| format!("           {}: {}", of.item, of.words)));
        }
    }
    if let Some(lit) = &resin.job {
        let left = lit.left_at_end_ml.map_or_else(
            || "what is there is not enough to its end".into(),
            |ml| format!("{ml:.0} ml left then"),
        );
        all.push(format!("  now      job {}, layer {} of {}; {left}", lit.job, lit.layer, lit.layers));
    } else if let Some(job) = &resin.running {
        all.push(running(job));
    }
    if let Some(next) = &resin.next {
        all.extend(needs(next));
    }
    all
}

fn filled(contents: &ContentsView, may: Option<u16>) -> Vec<String> {
    let days = may.map_or_else(|| contents.days.to_string(), |may| format!("{} of {may}", contents.days));
    let mut all = vec![format!(
        "  vat      {}, {:.1} ml left, of which a print may take {:.1}; {days} days in it",
        show::plain(&contents.material),
        contents.left_ml,
        contents.gives_ml
    )];
    for lot in &contents.lots {
        let words = show::plain(&lot.supplier_lot);
        all.push(format!("           {:.1} ml of lot {} ({words}) poured in", lot.poured_ml, lot.lot));
        all.extend(lot.unusable.iter().map(|why| format!("           not now: it {}", show::plain(why))));
    }
    for (what, at) in
        [("stirred", &contents.stirred), ("filtered", &contents.filtered), ("measured", &contents.measured)]
    {
        all.extend(at.as_ref().map(|at| format!("           last {what} {at}")));
    }
    if contents.too_old {
        all.push("           it is there for longer than it may be: empty the vat".into());
    }
    all
}

/// A job of which no layer is known.
fn running(job: &str) -> String {
    format!("  now      job {job}, at a layer that nobody knows: `platen jobs {job}` tells how far it is")
}

/// What its board did that somebody has to know.
fn odd(seen: &OddView) -> String {
    let of = seen.job.as_ref().map(|job| format!(", job {job}")).unwrap_or_default();
    format!("  warning  {} ({}{of})", show::plain(&seen.words), seen.at)
}

/// Whole hours are counted: a display that has had few minutes has not had none.
fn lit_for(display: &WearView) -> String {
    match (display.used, display.life) {
        (0, Some(life)) => format!("{}: less than 1 of {life} hours of light", display.verdict),
        (0, None) => "less than 1 hour of light".into(),
        _ => worn(display, "hours of light"),
    }
}

fn worn(wear: &WearView, unit: &str) -> String {
    let at_most = if wear.at_most { "at most " } else { "" };
    match wear.life {
        Some(life) => format!("{}: {at_most}{} of {life} {unit}", wear.verdict, wear.used),
        None => format!("{at_most}{} {unit}", wear.used),
    }
}

fn needs(next: &NeedView) -> Vec<String> {
    let enough = if next.enough { "enough is there" } else { "that is not there" };
    let takes = match (next.needs_ml, next.first_ml, next.layers) {
        (Some(all), Some(first), Some(layers)) => {
            format!("{all:.1} ml in {layers} layers, {first:.1} ml until it is refilled or ends; {enough}")
        }
        (Some(all), _, _) => format!("{all:.1} ml as was said, its layers are not known; {enough}"),
        (None, _, _) => "what it takes is not known".to_owned(),
    };
    let mut all = vec![format!("  next     job {}: {takes}", next.job)];
    all.extend(next.hindrances.iter().map(|why| format!("           waits: {}", show::plain(&why.words))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_job_whose_layers_nobody_knows_is_shown() {
        let told = r#"{"printer": "mars", "vat": {"holds_ml": 200.0, "keeps_ml": 20.0},
            "display": {"used": 0, "verdict": "good", "at_most": false},
            "film": {"used": 0, "verdict": "good", "at_most": false},
            "worn_bars": false, "checklist": {"items": [], "holds": true}, "running": "j1"}"#;
        let told = lines(&serde_json::from_str(told).unwrap());
        assert!(told.contains(&running("j1")), "{told:?}");
    }

    #[test]
    fn what_its_board_did_is_told_with_its_time_and_its_job() {
        let mut seen = OddView { words: "look".into(), at: "2026-12-01T08:00:00Z".into(), job: None };
        assert_eq!(odd(&seen), "  warning  look (2026-12-01T08:00:00Z)");
        seen.job = Some("j1".into());
        assert_eq!(odd(&seen), "  warning  look (2026-12-01T08:00:00Z, job j1)");
    }

    #[test]
    fn a_new_display_is_not_said_to_have_had_no_light() {
        let new = |used, life| WearView {
            used,
            life,
            percent: None,
            verdict: "good".into(),
            since: None,
            at_most: false,
        };
        assert_eq!(lit_for(&new(0, None)), "less than 1 hour of light");
        assert_eq!(lit_for(&new(0, Some(2000))), "good: less than 1 of 2000 hours of light");
        assert_eq!(lit_for(&new(3, None)), "3 hours of light");
    }

    #[test]
    fn when_the_resin_was_last_stirred_filtered_and_measured_is_told() {
        let mut contents = ContentsView {
            material: "resin".into(),
            lots: Vec::new(),
            left_ml: 100.0,
            gives_ml: 80.0,
            poured_ml: 100.0,
            since: "2026-12-01T08:00:00Z".into(),
            days: 0,
            too_old: false,
            measured: None,
            stirred: None,
            filtered: None,
            by: "kim".into(),
        };
        assert_eq!(filled(&contents, None).len(), 1);
        contents.stirred = Some("2026-12-01T09:00:00Z".into());
        contents.measured = Some("2026-12-01T10:00:00Z".into());
        let told = filled(&contents, None);
        assert_eq!(
            told[1..],
            ["           last stirred 2026-12-01T09:00:00Z", "           last measured 2026-12-01T10:00:00Z"]
        );
    }

    #[test]
    fn what_is_no_volume_is_refused_before_it_is_sent() {
        assert_eq!(["0", " 80.5"].map(millilitres), [Ok(0.0), Ok(80.5)]);
        for odd in ["nan", "inf", "-3", "80,5", ""] {
            let told = millilitres(odd).unwrap_err();
            assert!(told.ends_with("is no volume; say millilitres, such as 80.5"), "{told}");
        }
    }
}
