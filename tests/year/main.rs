//! A scripted year of a lab: 500 cases played through the real state machines in virtual time, and every report's
//! figures held against an independent count.
//!
//! `script` draws the year from a seed, asks the lab for each step, and keeps what was done in plain records of its own;
//! `count` counts from those. Nothing of `platen::counting` or `platen::reports` is used on that side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the message")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    reason = "numbers of a script that are known to be small"
)]
#![allow(clippy::disallowed_methods, reason = "how long a report takes is told, and nothing rests on it")]

mod count;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::Instant;

use platen::counting::codes::{CodeTables, Descriptors};
use platen::counting::costs::RateBook;
use platen::counting::units::facts::ServiceDate;
use platen::domain::event::{ChainHash, ChainedRecord};
use platen::domain::lab::Lab;
use platen::domain::zone::Zone;
use platen::reports::past::Past;
use platen::reports::{Kind, Parameters, Site, Sources, make, telling};
use serde_json::{Value, json};

use count::{Counted, RATES, word};
use script::{BEGAN, CASES, DAY, PRINTERS, Year, printer};

/// What is compared: the whole year, and one quarter of it.
const QUARTER: (&str, &str) = ("2026-04-01", "2026-06-30");
/// Cases whose stories are compared, one of so many.
const TOLD_OF: usize = 12;

/// The rates as a site would write them.
fn rates() -> RateBook {
    let files: Vec<(String, String)> = RATES
        .iter()
        .map(|rates| {
            let mut text = format!(
                "version = \"{}\"\nvalid_from = \"{}\"\ncurrency = \"USD\"\ncurrency_digits = 2\nsource = \"a test\"\noverhead_permille = {}\n",
                rates.version, rates.from, rates.overhead
            );
            for (name, price) in rates.material {
                text += &format!("[[material]]\nname = \"{name}\"\nper_kg = {price}\n");
            }
            for (name, price) in rates.machine {
                text += &format!("[[machine]]\nname = \"{name}\"\nper_hour = {price}\n");
            }
            for (who, price) in [("clinician", rates.clinician), ("non_clinician", rates.other)] {
                text += &format!("[[labour]]\nwho = \"{who}\"\nper_hour = {price}\n");
            }
            (format!("{}.toml", rates.version), text)
        })
        .collect();
    RateBook::read(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

fn site() -> Site {
    Site {
        name: "st-anna".parse().unwrap(),
        zone: Zone::utc(),
        service_date: ServiceDate::Delivered,
        models: (0..PRINTERS.len()).map(|n| (printer(n), Some(PRINTERS[n].1.to_owned()))).collect(),
        tables: CodeTables::shipped().unwrap(),
        descriptors: Descriptors::default(),
        rates: Some(rates()),
    }
}

fn of_case(year: &Year, case: usize) -> Parameters {
    Parameters { case: Some(year.ledger.cases[case].token.clone()), ..Parameters::default() }
}

fn quarter() -> Parameters {
    Parameters {
        from: Some(QUARTER.0.parse().unwrap()),
        to: Some(QUARTER.1.parse().unwrap()),
        ..Parameters::default()
    }
}

/// The year, replayed once for everything that only the journal knows.
struct Told {
    year: Year,
    site: Site,
    /// What is told of nothing, by kind and parameters.
    pasts: Vec<(Kind, Parameters, Past)>,
}

fn told() -> &'static Told {
    static TOLD: OnceLock<Told> = OnceLock::new();
    TOLD.get_or_init(|| {
        let began = Instant::now();
        let year = Year::play(20_261_129);
        println!(
            "played: {} cases, {} jobs, {} entries of the journal in {:.1?}",
            year.ledger.cases.iter().filter(|case| !case.state.is_empty()).count(),
            year.ledger.jobs.len(),
            year.journal.len(),
            began.elapsed()
        );
        let mut wanted = vec![
            (Kind::Value, Parameters::default()),
            (Kind::Audit, Parameters::default()),
            (Kind::Audit, quarter()),
        ];
        wanted.extend((0..CASES).step_by(TOLD_OF).map(|case| (Kind::Case, of_case(&year, case))));
        for lot in &year.ledger.lots {
            wanted.push((Kind::Lot, Parameters { lot: Some(lot.id.clone()), ..Parameters::default() }));
        }
        for place in 0..PRINTERS.len() {
            let printer = Some(printer(place));
            wanted.push((Kind::Printer, Parameters { printer, ..Parameters::default() }));
        }
        let past = |kind: Kind, parameters: &Parameters| Past::new(telling(kind, parameters, &Zone::utc()));
        let mut pasts: Vec<_> = wanted
            .into_iter()
            .map(|(kind, parameters)| (kind, parameters.clone(), past(kind, &parameters)))
            .collect();
        let (mut lab, mut head) = (Lab::default(), ChainHash::GENESIS);
        for event in &year.journal {
            let touched = lab.apply(event);
            head = ChainedRecord::chain(head, event).hash;
            pasts.iter_mut().for_each(|(_, _, past)| past.note(&lab, event, head, &touched));
        }
        assert!(lab == year.lab, "the journal replayed gives another lab");
        Told { year, site: site(), pasts }
    })
}

impl Told {
    fn past(&self, kind: Kind, parameters: &Parameters) -> &Past {
        let found = self.pasts.iter().find(|(of, asked, _)| *of == kind && asked == parameters);
        // What needs no sentences is as well told by the one that tells nothing.
        &found.unwrap_or(&self.pasts[0]).2
    }

    fn body(&self, kind: Kind, parameters: Parameters) -> Value {
        let past = self.past(kind, &parameters);
        let made = make(kind, parameters, Sources { lab: &self.year.lab, past, site: &self.site }).unwrap();
        serde_json::from_str::<Value>(&made.canonical).unwrap()["body"].clone()
    }

    /// The ledger over the whole year, or over the quarter.
    fn counted(&self, whole: bool) -> Counted<'_> {
        let last = self.year.journal.last().unwrap().stamp.wall.0;
        let (from, to) = if whole { (BEGAN, last + 1) } else { (BEGAN + 90 * DAY, BEGAN + 181 * DAY) };
        Counted { of: &self.year.ledger, from, to }
    }
}

/// The first place at which two texts of figures differ. What is not counted here is passed over: the window.
fn differs(at: &str, told: &Value, counted: &Value) -> Option<String> {
    match (told, counted) {
        (Value::Object(told), Value::Object(counted)) => {
            let keys: BTreeSet<&String> = told.keys().chain(counted.keys()).collect();
            keys.into_iter().filter(|key| *key != "window").find_map(|key| {
                let nothing = Value::Null;
                let (told, counted) = (told.get(key), counted.get(key));
                differs(&format!("{at}.{key}"), told.unwrap_or(&nothing), counted.unwrap_or(&nothing))
            })
        }
        (Value::Array(told), Value::Array(counted)) if told.len() == counted.len() => {
            let mut pairs = told.iter().zip(counted).enumerate();
            pairs.find_map(|(n, (told, counted))| differs(&format!("{at}[{n}]"), told, counted))
        }
        _ if told == counted => None,
        _ => Some(format!("{at}: platen tells {told}, and the ledger has {counted}")),
    }
}

/// Every place at which something differs, told together.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn hold(&mut self, what: &str, told: &Value, counted: &Value) {
        self.0.extend(differs(what, told, counted));
    }

    fn near(&mut self, what: &str, told: &Value, counted: Option<f64>) {
        let same = match (told.as_f64(), counted) {
            (Some(told), Some(counted)) => (told - counted).abs() < 1e-6,
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.0.push(format!("{what}: platen tells {told}, and the ledger has {counted:?}"));
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} differences:\n{}", self.0.len(), self.0.join("\n"));
    }
}

#[test]
fn the_year_has_something_of_everything() {
    let year = &told().year;
    let cases = &year.ledger.cases;
    let states: BTreeMap<&str, usize> = cases.iter().fold(BTreeMap::new(), |mut states, case| {
        *states.entry(case.state).or_default() += 1;
        states
    });
    println!("cases by their state: {states:?}");
    assert_eq!(cases.iter().filter(|case| !case.state.is_empty()).count(), CASES);
    assert!(states["closed"] > 300 && states["cancelled"] > 10 && states["delivered"] > 3, "{states:?}");
    let parts = || cases.iter().flat_map(|case| &case.parts);
    for kind in ["component", "guide", "holder", "coupon"] {
        assert!(parts().filter(|part| part.kind == kind).count() > 20, "{kind}");
    }
    let pieces = || parts().flat_map(|part| &part.pieces);
    let kinds: BTreeMap<&str, usize> = pieces().fold(BTreeMap::new(), |mut kinds, piece| {
        *kinds.entry(word(&piece.state)).or_default() += 1;
        kinds
    });
    println!("pieces by their state: {kinds:?}");
    for state in ["delivered", "scrapped", "accepted", "withdrawn", "recalled"] {
        assert!(kinds.get(state).is_some_and(|n| *n > 2), "{state}: {kinds:?}");
    }
    assert!(pieces().any(|piece| piece.reworks > 0) && pieces().any(|piece| !piece.looked_back.is_empty()));
    assert!(year.ledger.lots.len() > 12 && year.ledger.lots.iter().any(|lot| lot.recalled));
    assert!(cases.iter().any(|case| case.messages > 0), "no lot ever ran low");
    let builds: Vec<_> = year.ledger.jobs.iter().filter(|job| !job.also.is_empty()).collect();
    let twice = builds.iter().filter(|job| job.also.iter().any(|(_, part, _)| *part == job.piece.1));
    println!("{} jobs, of them {} builds", year.ledger.jobs.len(), builds.len());
    assert!(builds.len() > 50 && twice.count() > 5);
    assert_eq!(year.journal.len(), year.ledger.entries.len());
}

#[test]
fn the_programme_s_figures_of_the_year_and_of_a_quarter_are_those_of_the_ledger() {
    let told = told();
    let mut differences = Differences::default();
    for (whole, parameters) in [(true, Parameters::default()), (false, quarter())] {
        let name = if whole { "year" } else { "quarter" };
        let (body, counted) = (told.body(Kind::Value, parameters), told.counted(whole));
        for (what, figures) in [
            ("volume", counted.volume()),
            ("turnaround", counted.turnaround()),
            ("first_pass_yield", counted.first_pass_yield()),
            ("success", counted.success()),
            ("reprints", counted.reprints()),
            ("scrap", counted.scrap()),
            ("utilisation", counted.utilisation()),
            ("effort", counted.effort()),
            ("costs", counted.cost()),
            ("overall", counted.overall()),
            ("units", counted.units()),
            ("quality", counted.quality()),
        ] {
            differences.hold(&format!("{name}: {what}"), &body[what], &figures);
        }
        let (saved, mean) = counted.minutes_saved();
        let mut told_of_it = body["minutes_saved"].clone();
        let told_mean = told_of_it.as_object_mut().unwrap().remove("mean").unwrap();
        differences.hold(&format!("{name}: minutes_saved"), &told_of_it, &saved);
        differences.near(&format!("{name}: mean of minutes"), &told_mean["mean"], mean.map(|(mean, _)| mean));
        differences.near(&format!("{name}: their deviation"), &told_mean["sd"], mean.map(|(_, sd)| sd));
        let worth = counted.worth(saved["sum"].as_i64().unwrap());
        for part in ["low", "middle", "high"] {
            differences.hold(&format!("{name}: worth.{part}"), &body["worth"][part], &worth[part]);
        }
        let (plan, change) = counted.plan();
        differences.hold(&format!("{name}: plan.altered"), &body["plan"]["altered"], &plan["altered"]);
        differences.hold(&format!("{name}: plan.unpaired"), &body["plan"]["unpaired"], &plan["unpaired"]);
        let confidence = &body["plan"]["confidence"];
        differences.near(&format!("{name}: confidence"), &confidence["mean"], change.map(|(mean, _)| mean));
        let long = counted.to - counted.from;
        let a_year =
            counted.volume()["n"].as_u64().unwrap() as f64 * 365.25 * DAY as f64 / long as f64 * 10.0;
        let a_year = (a_year + 0.5).floor() as u64;
        differences.hold(&format!("{name}: a year"), &body["pieces_a_year_tenths"], &json!(a_year));
    }
    differences.none();
}

#[test]
fn every_case_s_record_and_worksheet_say_what_was_done() {
    let told = told();
    let mut differences = Differences::default();
    let counted = told.counted(true);
    for (c, case) in told.year.ledger.cases.iter().enumerate() {
        let name = format!("case {c} {}", case.token);
        let record = told.body(Kind::Case, of_case(&told.year, c));
        differences.hold(&name, &record["state"], &json!(case.state));
        let reached: BTreeMap<&str, String> =
            case.reached.iter().map(|(state, at)| (*state, rfc3339(*at))).collect();
        differences.hold(&format!("{name}: reached"), &record["reached"], &json!(reached));
        differences.hold(&format!("{name}: quantities"), &record["quantities"], &Counted::quantities(case));
        let pieces: Vec<Value> = case
            .parts
            .iter()
            .enumerate()
            .flat_map(|(p, part)| part.pieces.iter().map(move |piece| (p, piece)))
            .map(|(p, piece)| {
                let used: Vec<u64> = piece.used.iter().map(|(_, milligrams)| *milligrams).collect();
                json!([
                    counted.serial(c, p, piece),
                    word(&piece.state),
                    piece.started.map(rfc3339),
                    piece.ended.map(rfc3339),
                    piece.reworks,
                    piece.looked_back.len(),
                    (!used.is_empty()).then(|| used.iter().sum::<u64>()),
                ])
            })
            .collect();
        let told_pieces: Vec<Value> = record["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|piece| {
                let used =
                    piece["lots"].as_array().unwrap().iter().find_map(|lot| lot["used_milligrams"].as_u64());
                let lot_recalls = piece["look_backs"].as_array().unwrap().iter();
                let lot_recalls = lot_recalls.filter(|why| why.as_str().unwrap().contains("lot")).count();
                json!([
                    piece["serial"],
                    piece["state"],
                    piece["started"],
                    piece["ended"],
                    piece["reworks"],
                    lot_recalls,
                    used,
                ])
            })
            .collect();
        differences.hold(&format!("{name}: pieces"), &json!(told_pieces), &json!(pieces));
        for (what, wanted) in [("signatures", case.signatures), ("nonconformances", case.faults)] {
            differences.hold(
                &format!("{name}: {what}"),
                &json!(record[what].as_array().unwrap().len()),
                &json!(wanted),
            );
        }
        differences.hold(&format!("{name}: messages"), &record["messages"], &json!(case.messages));
        if c % TOLD_OF == 0 {
            differences.hold(
                &format!("{name}: entries"),
                &json!(record["entries"].as_array().unwrap().len()),
                &json!(counted.entries(Some(c))),
            );
        }
        let sheet = told.body(Kind::Worksheet, of_case(&told.year, c));
        let lines: Vec<Value> = sheet["proposal"]["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| json!([line["code"], line["units"], line["above_cap"]]))
            .collect();
        let wanted: Vec<Value> = Counted::lines(case)
            .into_iter()
            .map(|(code, units, above)| json!([code, units, above]))
            .collect();
        differences.hold(&format!("{name}: units"), &json!(lines), &json!(wanted));
        let [components, guides] = Counted::parts_that_count(case);
        let counts: BTreeSet<usize> = components.iter().chain(&guides).copied().collect();
        let not: Vec<usize> = (0..case.parts.len()).filter(|p| !counts.contains(p)).map(|p| p + 1).collect();
        let told_not: Vec<&Value> = sheet["proposal"]["parts_not_counted"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| &part["number"])
            .collect();
        differences.hold(&format!("{name}: parts not counted"), &json!(told_not), &json!(not));
        let prints = case
            .parts
            .iter()
            .flat_map(|part| &part.pieces)
            .filter(|piece| !matches!(piece.state, script::St::Planned | script::St::Withdrawn))
            .count();
        differences.hold(
            &format!("{name}: prints that add nothing"),
            &json!(sheet["proposal"]["prints_not_counted"].as_array().unwrap().len()),
            &json!(prints - counts.len()),
        );
    }
    differences.none();
}

#[test]
fn the_registry_s_rows_are_the_delivered_cases_of_the_ledger() {
    let told = told();
    let mut differences = Differences::default();
    for (whole, parameters) in [(true, Parameters::default()), (false, quarter())] {
        let body = told.body(Kind::Registry, parameters);
        let rows: BTreeMap<String, Value> = body["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["case"].as_str().unwrap().to_owned(), row.clone()))
            .collect();
        let wanted = told.counted(whole).registered();
        assert!(wanted.len() > 50);
        let assessed = wanted.values().filter(|row| !row["answers"].is_null()).count();
        differences.hold("assessed", &body["assessed"], &json!(assessed));
        let answered = wanted.values().filter(|row| !row["answers"]["easy_to_use"].is_null()).count();
        differences.hold("answered", &body["answered"], &json!(answered));
        differences.hold("rows", &json!(rows), &json!(wanted));
    }
    differences.none();
}

#[test]
fn every_printer_s_report_is_that_of_the_ledger() {
    let told = told();
    let mut differences = Differences::default();
    let ledger = &told.year.ledger;
    for (place, (label, ..)) in PRINTERS.iter().enumerate() {
        for (whole, period) in [(true, Parameters::default()), (false, quarter())] {
            let name = format!("{label} {}", if whole { "year" } else { "quarter" });
            let body = told.body(Kind::Printer, Parameters { printer: Some(printer(place)), ..period });
            let counted = told.counted(whole);
            let of = counted.of_printer(place);
            for what in ["success", "by_outcome", "printed_again"] {
                differences.hold(&format!("{name}: {what}"), &body[what], &of[what]);
            }
            let prints = body["prints"].as_array().unwrap().len();
            differences.hold(&format!("{name}: prints"), &json!(prints), &of["prints"]);
            differences.hold(&format!("{name}: use"), &body["use"], &counted.use_of(place));
            for (what, of) in [("phantoms", &ledger.of_phantoms), ("parts", &ledger.of_parts)] {
                let points = counted.points(of, place);
                let told_points: Vec<&Value> =
                    body[what]["points"].as_array().unwrap().iter().map(|point| &point[1]).collect();
                differences.hold(&format!("{name}: {what}"), &json!(told_points), &json!(points));
                let long: Vec<i64> = points.iter().map(|point| i64::from(*point)).collect();
                let limits = &body[what]["verdict"]["limits"];
                if long.len() >= 8 {
                    let mean = long.iter().sum::<i64>() as f64 / long.len() as f64;
                    let ranges: i64 = long.windows(2).map(|two| (two[1] - two[0]).abs()).sum();
                    let sigma = ranges as f64 / (long.len() - 1) as f64 / 1.128;
                    differences.near(&format!("{name}: {what} mean"), &limits["mean"], Some(mean));
                    differences.near(
                        &format!("{name}: {what} upper limit"),
                        &limits["upper"],
                        Some(mean + 3.0 * sigma),
                    );
                }
            }
            let loads: Vec<Value> = ledger
                .loads
                .iter()
                .filter(|load| {
                    load.printer == place
                        && load.from < counted.to
                        && load.to.is_none_or(|to| to >= counted.from)
                })
                .map(|load| json!([ledger.lots[load.lot].id, rfc3339(load.from), load.to.map(rfc3339)]))
                .collect();
            let told_loads: Vec<Value> = body["loads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|load| json!([load["lot"], load["from"], load["to"]]))
                .collect();
            differences.hold(&format!("{name}: loads"), &json!(told_loads), &json!(loads));
            let qualified = if ledger.printers[place].qualified { "qualified" } else { "unqualified" };
            differences.hold(&format!("{name}: qualification"), &body["qualification"], &json!(qualified));
            let due = ledger.printers[place].due.map(script::date);
            differences.hold(&format!("{name}: due"), &body["calibration_due"], &json!(due));
        }
    }
    differences.none();
}

#[test]
fn lots_and_cases_are_followed_both_ways() {
    let told = told();
    let mut differences = Differences::default();
    let (ledger, counted) = (&told.year.ledger, told.counted(true));
    let mut of_cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let row =
        |piece: &Value| json!([piece["state"], piece["used_milligrams"], piece["looked_back"], piece["out"]]);
    for (n, lot) in ledger.lots.iter().enumerate() {
        let body = told.body(Kind::Lot, Parameters { lot: Some(lot.id.clone()), ..Parameters::default() });
        let pieces: BTreeMap<String, Value> = body["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|piece| (piece["serial"].as_str().unwrap().to_owned(), row(piece)))
            .collect();
        let from = counted.pieces_with(n);
        differences.hold(&format!("lot {n}: pieces"), &json!(pieces), &json!(from));
        let about = &body["lots"][0];
        differences.hold(&format!("lot {n}: left"), &about["left_milligrams"], &json!(lot.left));
        differences.hold(&format!("lot {n}: status"), &about["status"], &json!(lot.state));
        differences.hold(
            &format!("lot {n}: entries"),
            &json!(body["entries"].as_array().unwrap().len()),
            &json!(lot.entries),
        );
        let cases: BTreeSet<&str> = from.keys().map(|serial| serial.split('-').next().unwrap()).collect();
        differences.hold(&format!("lot {n}: cases"), &body["cases"], &json!(cases));
        for case in cases {
            of_cases.entry(case.to_owned()).or_default().insert(lot.id.to_string());
        }
    }
    for (c, case) in ledger.cases.iter().enumerate() {
        let body = told.body(Kind::Lot, of_case(&told.year, c));
        let lots: BTreeSet<&str> =
            body["lots"].as_array().unwrap().iter().map(|lot| lot["lot"].as_str().unwrap()).collect();
        let wanted = of_cases.get(&case.token.to_string()).cloned().unwrap_or_default();
        differences.hold(&format!("case {c}: lots"), &json!(lots), &json!(wanted));
        differences.hold(&format!("case {c}: without a lot"), &body["without_lot"], &json!([]));
    }
    differences.none();
}

#[test]
fn the_audit_extract_has_every_entry_once_in_its_order() {
    let told = told();
    for (whole, parameters) in [(true, Parameters::default()), (false, quarter())] {
        let body = told.body(Kind::Audit, parameters);
        let entries = body["entries"].as_array().unwrap();
        assert_eq!(entries.len(), told.counted(whole).entries(None), "whole year: {whole}");
        let seqs: Vec<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
        assert!(seqs.windows(2).all(|two| two[0] < two[1]));
        // Each is the entry of the journal that has its number, at its time.
        for (entry, seq) in entries.iter().zip(seqs) {
            let at = told.year.ledger.entries[seq as usize - 1].at;
            assert_eq!(entry["at"], json!(rfc3339(at)));
        }
        assert_eq!(body["verified_entries"], json!(told.year.ledger.entries.len()));
    }
}

#[test]
fn how_long_a_report_of_the_year_takes_is_told() {
    let told = told();
    let began = Instant::now();
    let (mut lab, mut head, mut past) = (
        Lab::default(),
        ChainHash::GENESIS,
        Past::new(telling(Kind::Value, &Parameters::default(), &Zone::utc())),
    );
    for event in &told.year.journal {
        let touched = lab.apply(event);
        head = ChainedRecord::chain(head, event).hash;
        past.note(&lab, event, head, &touched);
    }
    println!("the journal is replayed in {:.2?} ({} entries)", began.elapsed(), told.year.journal.len());
    let lot = told.year.ledger.lots[1].id.clone();
    for (kind, parameters) in [
        (Kind::Case, of_case(&told.year, 0)),
        (Kind::Worksheet, of_case(&told.year, 0)),
        (Kind::Registry, Parameters::default()),
        (Kind::Value, Parameters::default()),
        (Kind::Printer, Parameters { printer: Some(printer(1)), ..Parameters::default() }),
        (Kind::Lot, Parameters { lot: Some(lot), ..Parameters::default() }),
        (Kind::Audit, Parameters::default()),
    ] {
        let past = told.past(kind, &parameters);
        let began = Instant::now();
        let made = make(kind, parameters, Sources { lab: &told.year.lab, past, site: &told.site }).unwrap();
        let counted = began.elapsed();
        let page = made.html();
        println!(
            "{kind}: counted in {counted:.2?}, a page of {} bytes in {:.2?} more",
            page.len(),
            began.elapsed() - counted
        );
    }
}

/// A moment of the ledger as text.
fn rfc3339(at: u64) -> String {
    let (hours, millis) = (at / script::HOUR % 24, at % 60_000);
    let minutes = at / script::MINUTE % 60;
    let date = script::date(script::days(at));
    format!("{date}T{hours:02}:{minutes:02}:{:02}.{:03}Z", millis / 1_000, millis % 1_000)
}
