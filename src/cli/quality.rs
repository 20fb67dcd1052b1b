//! What the verbs of the quality half have in common: who asks, words of the domain as arguments, how things are shown.

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

use super::client::segment;
use super::report::keep_or_print;
use super::users::password_of;
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{
    Asks, AssessedView, CaseQuality, InspectionView, LoadView, LotBrief, NonconformanceView, Ordered,
    PrintedBrief, SignatureView, ToSign,
};
use crate::api::shapes::Hidden;
use crate::domain::quality::assessment::Overall;

/// Who asks.
#[derive(Clone, Debug, Default, Args)]
pub struct By {
    /// Who says so; with a token, its owner.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Sign in as this user for this one change, and give the password again for a signature.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "by")]
    pub signed_in_as: Option<String>,
    /// The first line of the standard input is that password.
    #[arg(long, requires = "signed_in_as")]
    pub password_stdin: bool,
}

impl By {
    /// Asks for a change in their name.
    pub fn post<T: DeserializeOwned>(
        self,
        client: &Client,
        path: &str,
        given: impl Serialize,
    ) -> Result<T, Failed> {
        self.ask(client, |hand| hand.post(path, given))
    }

    /// For one change, or for several, one after the other.
    pub fn ask<T>(
        self,
        client: &Client,
        ask: impl FnOnce(&Hand<'_>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let Some(name) = self.signed_in_as else {
            return ask(&Hand::Named { client, by: client.by(self.by)? });
        };
        let password = password_of(&name, self.password_stdin)?;
        let (client, _) = client.sign_in(&name, &password)?;
        let hand = Hand::SignedIn { client, password: Hidden(password.expose().to_owned()) };
        let done = ask(&hand);
        // What was done is done; a session that is left ends by itself.
        let _ = hand.client().sign_out();
        done
    }

    /// Nothing is asked for in anybody's name.
    pub fn unused(&self, such_as: &str) -> Result<(), Failed> {
        if self.by.is_none() && self.signed_in_as.is_none() {
            return Ok(());
        }
        let words = format!("nothing is to be changed in anybody's name; say what, such as {such_as}");
        Err(Failed::Usage(words))
    }
}

/// Somebody in whose name changes are asked for.
#[derive(Debug)]
pub enum Hand<'c> {
    Named { client: &'c Client, by: Option<String> },
    SignedIn { client: Client, password: Hidden },
}

impl Hand<'_> {
    pub fn client(&self) -> &Client {
        match self {
            Self::Named { client, .. } => client,
            Self::SignedIn { client, .. } => client,
        }
    }

    /// The name that is given; whoever is signed in gives none.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Named { by, .. } => by.clone(),
            Self::SignedIn { .. } => None,
        }
    }

    pub fn post<T: DeserializeOwned>(&self, path: &str, given: impl Serialize) -> Result<T, Failed> {
        let by = self.name();
        let password = match self {
            Self::Named { .. } => None,
            Self::SignedIn { password, .. } => Some(password.clone()),
        };
        self.client().post(path, &Asks { by, password, given })
    }
}

/// A label as a file for the label printer.
#[derive(Debug, Args)]
pub struct LabelFile {
    /// The size of the labels in millimetres: 62x29 or 100x50.
    #[arg(long, default_value = "62x29", value_parser = ["62x29", "100x50"])]
    stock: String,
    #[arg(long, default_value = "pdf", value_parser = ["svg", "pdf"])]
    format: String,
    /// The file to make; else label- and what it is of, in this folder. - is the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl LabelFile {
    /// Of what `name` is, whose label is at `path`.
    pub fn make(self, client: &Client, path: &str, name: &str) -> Result<(), Failed> {
        let Self { stock, format, output } = self;
        let mut body = client.open(&format!("{path}?stock={stock}&format={format}"))?;
        let into = output.unwrap_or_else(|| PathBuf::from(format!("label-{}.{format}", segment(name))));
        let into = (into.as_os_str() != "-").then_some(into);
        keep_or_print(&mut body, into.as_deref())
    }
}

/// One of the domain's words, such as `support-removal`.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = serde_json::Value::String(text.replace('-', "_"));
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Facts as JSON or in lines.
pub fn told<T: Serialize>(global: &Global, facts: &T, lines: impl Fn(&T)) -> Result<(), Failed> {
    if global.json {
        return show::json(facts);
    }
    lines(facts);
    Ok(())
}

pub fn to_sign(shown: &ToSign) {
    show::line(&show::plain(&shown.text));
    show::line(&format!("meaning {}", shown.meaning));
    show::line(&format!("digest  {}", shown.digest));
}

/// When, to the minute.
pub fn when(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

pub fn case(case: &CaseQuality) {
    show::line(&format!("case {}: {}", case.token, show::plain(&case.words)));
    show::line(&format!("  next     {}", case.todo));
    if let Some(about) = &case.about {
        let needed = about.needed_by.map(|day| format!(", needed by {day}")).unwrap_or_default();
        show::line(&format!("  order    for {}{needed}", show::plain(about.service.as_str())));
        if let Some(agreed) = &about.acceptance {
            show::line(&format!("  agreed   {}", show::plain(agreed.as_str())));
        }
    }
    if let Some(process) = &case.process {
        let version = case.process_version.map(|version| format!(" version {version}")).unwrap_or_default();
        show::line(&format!("  process  {}{version}", show::plain(process)));
    }
    for part in &case.parts {
        let revision = part.revisions.last().map_or_else(
            || "no revision".into(),
            |revision| format!("revision {} {}", revision.number, revision.state),
        );
        show::line(&format!("  part {}   {}, {revision}", part.number, show::plain(&part.name)));
        if let Some(ordered) = part.about.as_ref().and_then(|about| about.ordered.as_ref()) {
            show::line(&format!("    ordered  {}", self::ordered(ordered)));
        }
    }
    for printed in &case.printed {
        show::line(&format!("  print    {}: {}", printed.serial, show::plain(&printed.words)));
    }
    for found in &case.nonconformances {
        show::line(&format!("  fault    {}: {}, {}", found.id, found.state, show::plain(&found.what)));
    }
    case.signatures.iter().for_each(signature);
    if matches!(case.state.as_str(), "delivered" | "used") {
        show::line(&format!(
            "  asked    whether it helped: `platen cases assess {} --helped`, or --no-difference, or --hindered",
            case.token
        ));
    }
    if let Some(assessed) = &case.assessed {
        show::line(&format!("  helped   {}", helped(assessed)));
    }
    if let Some(confirmed) = &case.confirmed {
        let units: Vec<_> = confirmed.units.iter().map(|(code, units)| format!("{code} {units}")).collect();
        let units = if units.is_empty() { "none".into() } else { units.join(", ") };
        let (by, at) = (&confirmed.by, when(&confirmed.at));
        show::line(&format!("  units    {units}, confirmed by {by} on {at}"));
    }
    if case.messages > 0 {
        show::line(&format!("  messages {}: `platen cases messages {}`", case.messages, case.token));
    }
}

/// What the user of a model said of it, in words.
fn helped(AssessedView { assessment, by, at }: &AssessedView) -> String {
    let mut words = vec![assessment.overall.map_or("not said on the whole", Overall::in_words).to_owned()];
    words.extend(assessment.used_in_procedure.map(|used| {
        let used = if used { "used in the procedure" } else { "not used in the procedure" };
        used.to_owned()
    }));
    words.extend(assessment.saved.map(|saved| {
        let how = if saved.measured { "measured" } else { "estimated" };
        format!("{} min saved ({how})", saved.minutes)
    }));
    words.extend(assessment.answers.map(|_| "seven answers".to_owned()));
    words.push(format!("said by {}", assessment.respondent.as_str()));
    show::plain(&format!("{}; noted by {by} on {}", words.join(", "), when(at)))
}

/// What was ordered of a part, in words.
pub fn ordered(ordered: &Ordered) -> String {
    let mut words = vec![format!("{} of it", ordered.quantity)];
    words.extend(ordered.scale.map(|scale| format!("at scale {}", f64::from(scale))));
    words.extend(ordered.material.as_ref().map(|material| format!("in {material}")));
    words.extend(ordered.colour.as_ref().map(|colour| format!("coloured {colour}")));
    show::plain(&words.join(", "))
}

pub fn signature(signature: &SignatureView) {
    let thing = signature.thing.as_ref().map(|thing| format!(" {thing}")).unwrap_or_default();
    let void = signature.voided.as_ref().map(|at| format!(", void since {}", when(at))).unwrap_or_default();
    let printed = signature.printed_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    show::line(&show::plain(&format!(
        "  signed   {} {}{thing} by {}{printed} on {}{void}",
        signature.meaning,
        signature.of,
        signature.by,
        when(&signature.at)
    )));
}

pub fn printed_list(all: &[PrintedBrief]) {
    if all.is_empty() {
        return show::line("no printed parts");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|of| {
            vec![
                of.serial.clone(),
                of.state.clone(),
                of.printer.clone().unwrap_or_else(|| "-".into()),
                of.doubts.iter().map(|doubt| doubt.doubt.as_str()).collect::<Vec<_>>().join(" "),
            ]
        })
        .collect();
    show::table(&["PART", "STATE", "PRINTER", "DOUBTS"], &rows);
}

pub fn lots(all: &[LotBrief]) {
    if all.is_empty() {
        return show::line("no lots; `platen lots receive` takes one in");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|lot| {
            vec![
                lot.id.clone(),
                lot.about.material.to_string(),
                lot.about.supplier_lot.to_string(),
                lot.state.clone(),
                lot.about.expires.to_string(),
                format!("{:.0} g", lot.left_g),
            ]
        })
        .collect();
    show::table(&["LOT", "MATERIAL", "MAKER'S", "STATE", "EXPIRES", "LEFT"], &rows);
}

pub fn loads(all: &[LoadView]) {
    if all.is_empty() {
        return show::line("nothing is noted as loaded; `platen loads load` notes a lot");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|load| {
            vec![
                load.slot.to_string(),
                load.lot.clone(),
                load.material.clone(),
                load.supplier_lot.clone(),
                when(&load.from),
                load.to.as_deref().map_or_else(|| "loaded".into(), when),
            ]
        })
        .collect();
    show::table(&["SLOT", "LOT", "MATERIAL", "MAKER'S", "FROM (UTC)", "TO (UTC)"], &rows);
}

pub fn inspection(inspection: &InspectionView) {
    show::line(&format!("inspection {}: {}", inspection.id, inspection.verdict));
    let version = inspection.version;
    show::line(&format!("  template {} version {version}", inspection.template));
    for value in &inspection.values {
        let found = value.value.map_or_else(|| "not measured".into(), |value| value.to_string());
        show::line(&format!(
            "  {:<10} {} {found} {} ({} to {})",
            value.verdict,
            show::plain(&value.name),
            value.unit,
            value.low,
            value.high
        ));
    }
    for photo in &inspection.photos {
        show::line(&format!("  photo      {photo}"));
    }
    show::line(&format!("  by {} on {}", inspection.by, when(&inspection.at)));
}

pub fn nonconformance(found: &NonconformanceView) {
    show::line(&format!(
        "nonconformance {}: {}, {} ({})",
        found.id, found.state, found.cause, found.severity
    ));
    show::line(&format!("  what     {}", show::plain(&found.what)));
    if let (Some(disposition), Some(why)) = (&found.disposition, &found.why) {
        let by = found.decided_by.as_deref().unwrap_or_default();
        show::line(&format!("  decided  {disposition} by {by}: {}", show::plain(why)));
    }
    if let Some(capa) = &found.capa {
        show::line(&format!("  capa     {}", show::plain(capa)));
    }
}
