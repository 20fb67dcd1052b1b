//! The reports by figures that were worked by hand, and what holds for all of them: hash, guard, formats.

use super::world::{BEGAN, HOUR, World, job, lot, of_case, serial, site, token};
use super::*;
use crate::counting::codes::CodeTables;
use crate::counting::money::Money;
use crate::counting::stats::Share;
use crate::counting::units::facts::ServiceDate;
use crate::domain::case::IntendedUse;
use crate::domain::lab::Request;
use crate::domain::privacy::{Known, find_in_json};
use crate::domain::quality::Change;
use crate::domain::quality::assessment::Overall;
use crate::domain::quality::case::{CaseState, Step as CaseStep};
use crate::domain::quality::confirmation::{Confirmation, Confirmed};
use crate::domain::quality::cost::{Cost, CostKind};
use crate::domain::quality::effort::{Effort, EffortCategory, EffortRole};
use crate::domain::quality::inspection::Subject as Inspected;
use crate::domain::quality::lot::Step as LotStep;
use crate::domain::quality::order::Ordered;
use crate::domain::quality::process::{KnownProcess, Process};
use crate::domain::quality::qualification::Step as PrinterStep;
use crate::domain::quality::signature::Meaning;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn parameters(kind: Kind) -> Parameters {
    match kind {
        Kind::Case | Kind::Worksheet => of_case(),
        Kind::Printer => Parameters { printer: Some("a".parse().unwrap()), ..Parameters::default() },
        Kind::Lot => Parameters { lot: Some(lot()), ..Parameters::default() },
        Kind::Registry | Kind::Value | Kind::Audit => Parameters::default(),
    }
}

fn made(world: &World, kind: Kind) -> Sealed {
    world.report(kind, parameters(kind)).unwrap()
}

fn body(sealed: &Sealed) -> Json {
    serde_json::from_str::<Json>(&sealed.canonical).unwrap()["body"].clone()
}

/// The line of a CSV that holds these words.
fn line<'t>(csv: &'t str, words: &str) -> &'t str {
    csv.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {csv}"))
}

#[test]
fn the_same_records_give_the_same_hash_and_one_figure_more_another() {
    let world = World::closed();
    let mut other = World::closed();
    let (role, category) = (EffortRole::Clinician, EffortCategory::Cad);
    other.case("lee", CaseStep::EffortNoted { effort: Effort { role, category, minutes: Some(1) } });
    for kind in Kind::ALL {
        let (one, again) = (made(&world, kind), made(&World::closed(), kind));
        assert_eq!((&one.hash, &one.canonical), (&again.hash, &again.canonical), "{kind}");
        let digest = FileHash::from_digest(Sha256::digest(one.canonical.as_bytes()).into());
        assert_eq!(one.hash, digest, "{kind}");
        // The JSON has exactly those bytes under `report`.
        let written = one.json();
        assert_eq!(written, format!("{{\"sha256\":\"{}\",\"report\":{}}}\n", one.hash, one.canonical));
        assert_eq!(serde_json::from_str::<Json>(&written).unwrap()["report"]["report"], json!(kind.word()));
        assert_ne!(made(&other, kind).hash, one.hash, "{kind}: the data cut is another");
    }
    // The figure alone, with the same data cut.
    let mut lab = world.lab.clone();
    lab.quality.printed.get_mut(&serial(1, 1)).unwrap().used[0].milligrams += 1;
    let past = world.past(Kind::Case, &of_case());
    let site = site();
    let changed = make(Kind::Case, of_case(), Sources { lab: &lab, past: &past, site: &site }).unwrap();
    assert_ne!(changed.hash, made(&world, Kind::Case).hash);
}

#[test]
fn no_report_tells_what_may_say_who_a_patient_is() {
    let world = World::closed();
    for kind in Kind::ALL {
        let sealed = made(&world, kind);
        for text in [sealed.json(), sealed.csv(), sealed.html()] {
            for secret in ["Smith", "4711081", "Quincy", "2026-04-05"] {
                assert!(!text.contains(secret), "{kind} tells {secret}");
            }
        }
    }
    let exported = made(&world, Kind::Registry);
    let found = find_in_json(&body(&exported), &Known::none());
    assert!(found.is_empty(), "{found:?}");
    // Of dates only the year.
    assert_eq!(body(&exported)["cases"][0]["delivered_year"], 2026);
    assert!(!body(&exported).to_string().contains("2026-"), "{}", body(&exported));
    assert_eq!(body(&made(&world, Kind::Case))["assessment"]["comment"], words::HELD_BACK);
}

/// What looks as if it said who a patient is, whatever the vault has.
const PLANTED: [&str; 12] = [
    "QUIMBY^JANE",
    "RAD-2026-4455",
    "12.05.1960",
    "May 12, 1960",
    "jane.q@example.org",
    "+49 171 2345678",
    "078-05-1120",
    "MRN 4711",
    "9876543210",
    "192.168.17.23",
    "93 years old",
    "Mrs. Smith",
];

/// The lab with this in every word that a person may write.
fn planted_in(lab: &Lab, planted: &str) -> Lab {
    fn some<const MAX: usize>(planted: &str) -> Option<crate::domain::quality::words::Words<MAX>> {
        Some(world::words(planted))
    }
    let mut lab = lab.clone();
    let quality = &mut lab.quality;
    for about in quality.cases.values_mut().filter_map(|record| record.about.as_mut()) {
        about.service = world::words(planted);
        (about.requester, about.modality) = (some(planted), some(planted));
        (about.indication, about.acceptance) = (some(planted), some(planted));
    }
    for about in quality.parts.values_mut().map(|record| &mut record.about) {
        (about.region, about.subregion, about.structure) = (some(planted), some(planted), some(planted));
        (about.guide_type, about.group, about.comment) = (some(planted), some(planted), some(planted));
        let (material, colour) = (some(planted), some(planted));
        about.ordered = Some(Ordered { material, colour, ..Ordered::default() });
    }
    for revision in quality.revisions.values_mut() {
        (revision.of.software, revision.of.author) = (some(planted), some(planted));
        revision.of.format = world::words(planted);
    }
    quality.costs.values_mut().for_each(|of| of.cost.what = world::words(planted));
    quality.maintenance.values_mut().for_each(|of| of.what = world::words(planted));
    for lot in quality.lots.values_mut() {
        (lot.about.material, lot.about.supplier_lot) = (world::words(planted), world::words(planted));
        (lot.about.supplier, lot.about.certificate, lot.recalled) =
            (some(planted), some(planted), some(planted));
    }
    for step in quality.processed.values_mut() {
        (step.processing.recipe, step.processing.equipment) = (some(planted), some(planted));
    }
    quality.inspections.values_mut().for_each(|of| of.measured.note = some(planted));
    for item in quality.templates.values_mut().flat_map(|template| &mut template.items) {
        item.name = world::words(planted);
    }
    let (of, units) = (FileHash::from_digest([1; 32]), BTreeMap::new());
    let confirmed = Confirmed { of, units, note: some(planted) };
    let (by, at) = ("bo".to_owned(), WallTime(BEGAN));
    quality.confirmations.insert(token(), Confirmation { case: token(), confirmed, by, at });
    for assessed in quality.assessments.values_mut() {
        assessed.assessment.respondent = world::words(planted);
        assessed.assessment.comment = some(planted);
    }
    lab.jobs.values_mut().for_each(|job| job.material = Some(planted.to_owned()));
    lab
}

#[test]
fn what_is_planted_in_any_word_of_a_person_comes_out_in_no_report() {
    let (mut world, site) = (World::closed(), site());
    spend(&mut world);
    let pasts = Kind::ALL.map(|kind| (kind, world.past(kind, &parameters(kind))));
    for planted in PLANTED {
        let lab = planted_in(&world.lab, planted);
        for (kind, past) in &pasts {
            let sealed = make(*kind, parameters(*kind), Sources { lab: &lab, past, site: &site }).unwrap();
            for text in [sealed.json(), sealed.csv(), sealed.html()] {
                assert!(!text.contains(planted), "{kind} tells {planted}");
            }
            if *kind == Kind::Registry {
                assert_eq!(find_in_json(&body(&sealed), &Known::none()), [], "{planted}");
            }
        }
    }
}

#[test]
fn every_format_names_the_hash_the_cut_and_the_review_where_one_is_needed() {
    let world = World::closed();
    for kind in Kind::ALL {
        let sealed = made(&world, kind);
        let (hash, html, csv) = (sealed.hash.as_str(), sealed.html(), sealed.csv());
        assert!(
            html.starts_with("<!DOCTYPE html>") && html.contains(hash) && html.contains(kind.title()),
            "{kind}"
        );
        assert!(html.contains(&format!("as of entry {}", sealed.report.data_cut.entry)), "{kind}");
        // The head is that of a table, which is printed on every sheet.
        let head = html.split("<thead>").nth(1).unwrap().split("</thead>").next().unwrap();
        assert_eq!(head.contains("Needs coder review"), kind.needs_coder_review(), "{kind}");
        for foreign in ["<script", "http://", "https://", "url(", "@import", "<img", "<link"] {
            assert!(!html.contains(foreign), "{kind} has {foreign}");
        }
        let mut rows = csv.split("\r\n").filter(|row| !row.is_empty());
        let head = rows.next().unwrap();
        assert!(head.ends_with("report,report_version,data_cut_entry,report_sha256"), "{kind}: {head}");
        let mut count = 0;
        for row in rows {
            count += 1;
            assert!(row.ends_with(hash), "{kind}: {row}");
            assert_eq!(row.contains("needs coder review"), kind.needs_coder_review(), "{kind}: {row}");
        }
        assert!(count > 0, "{kind} has no rows");
    }
}

#[test]
fn the_worksheet_proposes_the_units_that_were_worked_by_hand_with_their_evidence() {
    let world = World::closed();
    let sealed = made(&world, Kind::Worksheet);
    let proposal = &body(&sealed)["proposal"];
    let lines: Vec<_> = proposal["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["code"].as_str().unwrap().to_owned(), line["units"].as_u64().unwrap()))
        .collect();
    let expected = [("0559T", 1), ("0560T", 1), ("0561T", 1)].map(|(code, units)| (code.to_owned(), units));
    assert_eq!(lines, expected);
    assert_eq!((&proposal["day"], &proposal["service_date"]), (&json!("2026-04-02"), &json!("delivered")));
    let evidence = &proposal["lines"][1]["evidence"][0];
    assert_eq!(
        (&evidence["serial"], &evidence["release"]["by"]),
        (&json!(serial(2, 2).to_string()), &json!("rita"))
    );
    let warnings = body(&sealed)["warnings"].clone();
    let guide = warnings
        .as_array()
        .unwrap()
        .iter()
        .find(|words| words.as_str().unwrap().starts_with("part 3 has no record"));
    assert!(guide.unwrap().as_str().unwrap().contains("unique identification"), "{warnings}");
    let csv = sealed.csv();
    assert!(line(&csv, "0561T").contains(&serial(3, 1).to_string()), "{csv}");
    let not_counted = proposal["prints_not_counted"].as_array().unwrap();
    assert_eq!((not_counted.len(), &not_counted[0]["serial"]), (1, &json!(serial(2, 1).to_string())));
    // What is not released is no unit.
    let early = body(&World::produced().report(Kind::Worksheet, of_case()).unwrap());
    assert_eq!(early["proposal"]["lines"], json!([]));
    assert!(early["warnings"][0].as_str().unwrap().contains("no date of service yet"), "{early}");
}

#[test]
fn the_value_report_has_the_figures_that_were_worked_by_hand() {
    let world = World::closed();
    let sealed = made(&world, Kind::Value);
    let Body::Value(value) = &sealed.report.body else { panic!("another report") };
    let share = |hits, n| Share { hits, n, missing: 0 };
    // Part 2 took a second attempt.
    assert_eq!(value.first_pass_yield, share(2, 3));
    assert_eq!((value.success.all, value.reprints.all), (share(3, 4), share(1, 4)));
    assert_eq!(value.reprints.by_cause, BTreeMap::from([("cancelled".to_owned(), 1)]));
    let by = |name: &str| value.reprints.by_printer[&name.parse::<PrinterName>().unwrap()];
    assert_eq!((by("a"), by("b")), (share(1, 2), share(0, 2)));
    // Hours 1 to 24
    let whole = value.turnaround.whole;
    assert_eq!((whole.n, whole.missing, whole.p50), (1, 0, Some(23 * HOUR)));
    assert_eq!(value.turnaround.on_time, share(1, 1));
    assert_eq!((value.scrap.attempts, value.scrap.milligrams, value.scrap.lost_ms), (1, 2_000, HOUR));
    assert_eq!(value.scrap.cost, Money(155));
    // Printer a: from hour 6 to the assessment at hour 30, two jobs of 2 and 1 h, one of which was cancelled.
    let used = value.utilisation.printers[&"a".parse::<PrinterName>().unwrap()];
    assert_eq!((used.available, used.printing, used.failed), (24 * HOUR + 1, 3 * HOUR, HOUR));
    assert_eq!((used.waiting_for_bed, used.attempts, used.permille()), (HOUR + HOUR / 2, 2, Some(125)));
    let saved = &value.minutes_saved;
    assert_eq!((saved.answered, saved.used, saved.sum), (1, 1, 30));
    assert_eq!(value.worth.worth.middle, Money(186_000));
    assert_eq!((value.plan.altered, value.plan.confidence.unwrap().mean), (share(1, 1), 2.0));
    let costs = value.costs.as_ref().unwrap();
    // PLA 25 + 5 + 28 + 10, machines 300 + 150 + 450 + 150, people 7500 + 6000; the CAD nobody timed is missing.
    assert_eq!((costs.direct, costs.scrap), (Money(14_618), Money(155)));
    // 15 %: 13500 → 2025, 325 → 48.75, 633 → 94.95, 160 → 24
    assert_eq!((costs.overhead, costs.cases.sum), (Money(2_025 + 49 + 95 + 24), Money(16_811)));
    assert_eq!((costs.cases.n, costs.cases.incomplete), (1, 1));
    // Parts 1 and 2 with overhead: 325 + 49 and 633 + 95; the guide: 160 + 24
    assert_eq!((costs.components.n, costs.components.sum), (2, Money(374 + 728)));
    assert_eq!((costs.guides.n, costs.guides.sum, costs.guides.incomplete), (1, Money(184), 0));
    assert_eq!(value.volume.n, 2);
    let units: Vec<_> = value.units.iter().map(|(code, total)| (code.as_str(), total.proposed)).collect();
    assert_eq!(units, [("0559T", 1), ("0560T", 1), ("0561T", 1)]);
    let csv = sealed.csv();
    assert!(line(&csv, "first-pass yield").contains("66.7 % (2 of 3),3,0"), "{csv}");
    assert!(line(&csv, "of those used").contains("1 of 1,1,0"), "{csv}");
    assert!(sealed.html().contains("168.11 USD"));
}

/// Two costs of the case, and one entry of printer a's maintenance log.
fn spend(world: &mut World) {
    for (kind, amount) in [(CostKind::Consumables, 1_250), (CostKind::Other, 5)] {
        world.case("lee", CaseStep::CostNoted { cost: Cost { kind, amount, what: world::words("bags") } });
    }
    let step = PrinterStep::Maintained { what: world::words("a new nozzle"), minutes: Some(20) };
    world.ask("mo", Change::Printer { printer: "a".parse().unwrap(), step });
}

#[test]
fn costs_that_people_noted_stand_beside_those_by_rates_and_with_them() {
    let mut world = World::closed();
    let before = body(&made(&world, Kind::Value));
    assert_eq!(before["noted_costs"]["entries"], 0);
    spend(&mut world);
    let sealed = made(&world, Kind::Value);
    let Body::Value(value) = &sealed.report.body else { panic!("another report") };
    assert_eq!(body(&sealed)["costs"], before["costs"]);
    let noted = &value.noted_costs;
    assert_eq!((noted.entries, noted.cases, noted.sum), (2, 1, Money(1_255)));
    assert_eq!(noted.by_kind, [(CostKind::Consumables, Money(1_250)), (CostKind::Other, Money(5))].into());
    // 168.11 by rates
    assert_eq!(noted.with_rates, Some(Money(18_066)));
    let csv = sealed.csv();
    assert!(line(&csv, "beside that: consumables").contains(",12.50 USD,2,0"), "{csv}");
    assert!(line(&csv, "with what people noted").contains(",180.66 USD,1,1"), "{csv}");
    // Without rates there is no currency, and what was noted is there all the same.
    let poor = Site { rates: None, ..site() };
    let without = world.report_at(Kind::Value, Parameters::default(), &poor).unwrap();
    assert!(line(&without.csv(), "noted by people, all").contains(",1255 minor units,2,0"));
    let record = made(&world, Kind::Case);
    let costs = &body(&record)["costs"];
    assert_eq!(
        (&costs[0]["kind"], &costs[0]["amount"], &costs[1]["by"]),
        (&json!("consumables"), &json!(1_250), &json!("lee"))
    );
    assert!(record.html().contains("12.50 USD"));
}

#[test]
fn the_case_record_has_what_was_ordered_and_the_name_in_full_of_each_signer() {
    let world = World::closed();
    let mut lab = world.lab.clone();
    let about = lab.quality.cases.values_mut().find_map(|record| record.about.as_mut()).unwrap();
    about.acceptance = Some(world::words("no wall below 1 mm"));
    let part = lab.quality.parts.values_mut().find(|record| record.number == 1).unwrap();
    let (scale, quantity) = (500_000.try_into().ok(), 3.try_into().unwrap());
    let material = Some(world::words("clear resin"));
    part.about.ordered = Some(Ordered { scale, material, colour: None, quantity });
    for signature in lab.quality.signatures.values_mut().filter(|of| of.by == "rita") {
        signature.printed_name = "Rita Rossi, MD".parse().ok();
    }
    let site = site();
    let of = |kind: Kind| {
        let past = world.past(kind, &of_case());
        make(kind, of_case(), Sources { lab: &lab, past: &past, site: &site }).unwrap()
    };
    let record = of(Kind::Case);
    let html = record.html();
    for words in ["no wall below 1 mm", "3 of it, at 50 %, in clear resin", "rita (Rita Rossi, MD)"] {
        assert!(html.contains(words), "{words}");
    }
    let signed = &body(&record)["signatures"];
    assert_eq!(
        (&signed[0]["printed_name"], &signed[1]["printed_name"]),
        (&json!(null), &json!("Rita Rossi, MD"))
    );
    assert_eq!(body(&record)["parts"][0]["ordered"]["quantity"], 3);
    assert!(of(Kind::Worksheet).html().contains("rita (Rita Rossi, MD), 2026-"));
}

#[test]
fn the_printer_report_has_the_maintenance_of_its_period() {
    let mut world = World::closed();
    spend(&mut world);
    let sealed = made(&world, Kind::Printer);
    let log = &body(&sealed)["maintenance"];
    assert_eq!((&log[0]["what"], &log[0]["minutes"]), (&json!("a new nozzle"), &json!(20)));
    assert!(sealed.html().contains("a is maintained by mo in 20 min: a new nozzle"));
    let early = Parameters { to: "2026-04-01".parse().ok(), ..parameters(Kind::Printer) };
    assert_eq!(body(&world.report(Kind::Printer, early).unwrap())["maintenance"], json!([]));
}

fn confirm(world: &mut World, of: FileHash, units: &[(&str, u16)]) {
    let units = units.iter().map(|(code, units)| (code.parse().unwrap(), *units)).collect();
    let note = Some(world::words("looked at, Mrs. Smith"));
    let confirmed = Box::new(Confirmed { of, units, note });
    world.case("bo", CaseStep::UnitsConfirmed { confirmed });
}

fn sheet(world: &World) -> worksheet::Worksheet {
    match made(world, Kind::Worksheet).report.body {
        Body::Worksheet(sheet) => *sheet,
        _ => panic!("another report"),
    }
}

#[test]
fn what_a_coder_confirmed_stands_beside_what_is_proposed_and_is_outdated_once_the_case_has_changed() {
    let mut world = World::closed();
    let before = sheet(&world);
    assert!(before.confirmation.is_none() && before.review.codes.iter().all(|of| of.confirmed.is_none()));
    assert!(made(&world, Kind::Worksheet).html().contains("No coder has confirmed any unit of it."));
    confirm(&mut world, before.proposal_sha256.clone(), &[("0559T", 1), ("0561T", 2)]);
    let now = sheet(&world);
    assert_eq!(now.proposal_sha256, before.proposal_sha256, "a confirmation changes no proposal");
    let codes: Vec<_> =
        now.review.codes.iter().map(|of| (of.code.as_str(), of.proposed, of.confirmed)).collect();
    assert_eq!(codes, [("0559T", 1, Some(1)), ("0560T", 1, Some(0)), ("0561T", 1, Some(2))]);
    assert!(!now.review.outdated);
    let sealed = made(&world, Kind::Worksheet);
    let (html, csv) = (sealed.html(), sealed.csv());
    assert!(html.contains("Confirmed by bo, ") && html.contains("Needs coder review"), "{html}");
    assert!(html.contains(words::HELD_BACK) && !html.contains("Smith"));
    assert!(line(&csv, "confirmed,0561T").contains("confirmed,0561T,2,"), "{csv}");
    let totals = |world: &World| {
        let sealed = made(world, Kind::Value);
        let text = line(&sealed.csv(), "units,0561T").to_owned();
        let Body::Value(value) = sealed.report.body else { panic!("another report") };
        let of = &value.units[&"0561T".parse().unwrap()];
        (of.proposed, of.confirmed, of.unreviewed, text)
    };
    let (proposed, confirmed, unreviewed, text) = totals(&world);
    assert_eq!((proposed, confirmed, unreviewed), (1, 2, 0));
    assert!(text.contains("2 confirmed by a coder"), "{text}");
    // Another proposal than the one that was seen: the guide's revision has lost its approval.
    let revision = world.lab.quality.signatures.values_mut().find(|of| of.meaning == Meaning::Approved);
    revision.unwrap().by = "somebody else".into();
    let past = world.past_of(Kind::Worksheet, &of_case());
    let site = site();
    let sources = Sources { lab: &world.lab, past: &past, site: &site };
    let Body::Worksheet(outdated) = make(Kind::Worksheet, of_case(), sources).unwrap().report.body else {
        panic!("another report")
    };
    assert!(
        outdated.review.outdated
            && outdated
                .sections()
                .iter()
                .any(|of| { of.note.as_ref().is_some_and(|note| note.starts_with("OUTDATED")) })
    );
    let past = world.past_of(Kind::Value, &Parameters::default());
    let sources = Sources { lab: &world.lab, past: &past, site: &site };
    let Body::Value(value) = make(Kind::Value, Parameters::default(), sources).unwrap().report.body else {
        panic!("another report")
    };
    let of = &value.units[&"0561T".parse().unwrap()];
    assert_eq!((of.confirmed, of.unreviewed), (0, 1));
}

#[test]
fn a_confirmation_is_not_outdated_by_words_that_are_held_back() {
    let (world, site) = (World::closed(), site());
    let past = world.past(Kind::Worksheet, &of_case());
    let held = planted_in(&world.lab, words::HELD_BACK);
    let sources = Sources { lab: &held, past: &past, site: &site };
    let Body::Worksheet(now) = make(Kind::Worksheet, of_case(), sources).unwrap().report.body else {
        panic!("another report")
    };
    assert_eq!(now.proposal_sha256, sheet(&world).proposal_sha256);
}

#[test]
fn a_confirmation_of_a_case_without_a_date_of_service_is_not_outdated_on_the_next_day() {
    let mut world = World::closed();
    let site = Site { service_date: ServiceDate::Procedure, ..site() };
    let sheet = |world: &World| {
        let sealed = world.report_at(Kind::Worksheet, of_case(), &site).unwrap();
        let Body::Worksheet(sheet) = sealed.report.body else { panic!("another report") };
        *sheet
    };
    let before = sheet(&world);
    let by = "counted by the table and the caps of 2026-04-01";
    assert!(before.warnings[0].ends_with(by), "{:?}", before.warnings);
    confirm(world.at(10 * 24 * 60), before.proposal_sha256.clone(), &[("0559T", 1)]);
    assert!(!sheet(&world).review.outdated);
}

#[test]
fn without_a_date_of_service_every_day_of_one_table_counts_by_the_same_day() {
    let tables = CodeTables::shipped().unwrap();
    for (today, expected) in [
        ("2019-01-01", "2019-06-30"),
        ("2026-03-31", "2019-07-01"),
        ("2026-04-01", "2026-04-01"),
        ("2029-12-31", "2026-04-01"),
        ("2030-01-01", "2030-01-01"),
        ("2031-05-05", "2030-01-01"),
    ] {
        let asked = facts::counted_by(&tables, today.parse().unwrap());
        assert_eq!(asked.to_string(), expected, "{today}");
    }
}

#[test]
fn one_word_on_the_whole_is_counted_and_the_answers_that_nobody_gave_are_missing() {
    let mut world = World::closed();
    let assessed = world.lab.quality.assessments.get_mut(&token()).unwrap();
    assessed.assessment.overall = Some(Overall::Helped);
    assessed.assessment.answers = None;
    assessed.assessment.used_in_procedure = None;
    let site = site();
    let of = |kind| {
        let past = world.past_of(kind, &parameters(kind));
        make(kind, parameters(kind), Sources { lab: &world.lab, past: &past, site: &site }).unwrap()
    };
    let value = of(Kind::Value);
    assert_eq!(
        body(&value)["overall"],
        json!({"helped": 1, "no_difference": 0, "hindered": 0, "missing": 0})
    );
    assert_eq!(body(&value)["plan"]["altered"], json!({"hits": 0, "n": 1, "missing": 1}));
    assert!(line(&value.csv(), "it helped").contains("1 of 1,1,0"), "{}", value.csv());
    let registry = of(Kind::Registry);
    assert_eq!((&body(&registry)["assessed"], &body(&registry)["answered"]), (&json!(1), &json!(0)));
    let answers = &body(&registry)["cases"][0]["answers"];
    assert_eq!((&answers["overall"], &answers["plan_altered"]), (&json!("helped"), &json!(null)));
    let record = of(Kind::Case);
    assert_eq!(body(&record)["assessment"]["overall"], "helped");
    assert!(record.html().contains("it helped") && record.html().contains("not answered"));
}

#[test]
fn the_case_record_has_the_version_of_the_process_that_was_in_the_catalogue_when_it_began() {
    let mut world = World::closed();
    assert_eq!(body(&made(&world, Kind::Case))["process"]["version"], json!(null));
    assert!(made(&world, Kind::Case).html().contains("No version of it is on record"));
    let process = Process {
        name: "mk3-pla-fine".parse().unwrap(),
        version: 2,
        sha256: FileHash::from_digest([7; 32]),
        printer_model: "mk3".parse().unwrap(),
        technology: world::words("filament"),
        material: world::words("PLA"),
        quality: world::words("fine"),
        profile: world::words("mk3-pla-fine.ini"),
        profile_version: 2,
        profile_sha256: FileHash::from_digest([8; 32]),
        slicer: world::words("prusa-slicer"),
        slicer_version: world::words("2.5.0"),
        layer_micrometres: Some(150),
        validated_for: vec![IntendedUse::Diagnostic],
    };
    let known = KnownProcess { process: process.clone(), since: WallTime(BEGAN), gone: None };
    world.lab.quality.processes.insert((process.name.clone(), 2), known);
    let record = world.lab.quality.cases.get_mut(&token()).unwrap();
    let CaseState::Closed { out } = &mut record.state else { panic!("it is not closed") };
    out.made.version = Some(2);
    let (past, site) = (world.past_of(Kind::Case, &of_case()), site());
    let sealed = make(Kind::Case, of_case(), Sources { lab: &world.lab, past: &past, site: &site }).unwrap();
    let of = &body(&sealed)["process"];
    assert_eq!((&of["version"], &of["sha256"]), (&json!(2), &json!(process.sha256)));
    assert_eq!((&of["layer_micrometres"], &of["validated_for"]), (&json!(150), &json!(["diagnostic"])));
    assert!(sealed.html().contains("0.150 mm"));
}

#[test]
fn a_period_counts_what_falls_into_it_and_never_goes_beyond_the_data_cut() {
    let world = World::closed();
    let of = |from: Option<&str>, to: Option<&str>| {
        let day = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let asked = Parameters { from: day(from), to: day(to), ..Parameters::default() };
        world.report(Kind::Value, asked).map(|sealed| match sealed.report.body {
            Body::Value(value) => (value.volume.n, value.success.all.n, value.to),
            _ => panic!("another report"),
        })
    };
    let cut = WallTime(BEGAN + 30 * HOUR).to_string();
    // All was printed on the first day, and delivered on the second.
    assert_eq!(of(Some("2026-04-02"), None), Ok((2, 0, cut.clone())));
    assert_eq!(of(None, Some("2026-04-01")), Ok((0, 4, "2026-04-01T23:59:59.999Z".into())));
    assert_eq!(of(None, Some("2030-01-01")), Ok((2, 4, cut)));
    assert!(matches!(of(Some("2026-04-02"), Some("2026-04-01")), Err(ReportError::Backwards { .. })));
    let later = of(Some("2031-01-01"), None).unwrap();
    assert_eq!((later.0, later.1), (0, 0));
}

#[test]
fn the_case_record_counts_and_names_what_was_made() {
    let world = World::closed();
    let sealed = made(&world, Kind::Case);
    let Body::Case(record) = &sealed.report.body else { panic!("another report") };
    let of = record.quantities;
    assert_eq!((of.begun, of.made, of.released, of.failed, of.scrapped), (4, 3, 3, 1, 0));
    assert_eq!(record.state, "closed");
    let at = |hours: u64| Some(WallTime(BEGAN + hours * HOUR).to_string());
    assert_eq!((&record.made_from, &record.made_to), (&at(6), &at(15)));
    let second = &record.pieces[2];
    assert_eq!((second.serial.clone(), second.jobs[0].job.clone()), (serial(2, 2).to_string(), job(3)));
    assert_eq!(
        (second.lots[0].used_milligrams, second.lots[0].supplier_lot.as_str()),
        (Some(11_000), "S-17")
    );
    let inspected = &second.inspections[0];
    assert_eq!((inspected.verdict, inspected.counts, inspected.items[0].value), ("pass", true, Some(40_100)));
    let meanings: Vec<_> = record.signatures.iter().map(|of| of.meaning.as_str()).collect();
    assert_eq!(meanings, ["approved", "released", "released", "released", "released"]);
    assert!(record.signatures.iter().all(|of| of.voided.is_none()));
    assert!(record.entries.iter().any(|entry| entry.what.contains("is approved by ann")));
    assert!(record.entries.len() > 40);
    // The chain's hash stands at each entry.
    assert_eq!(record.entries.last().unwrap().hash, sealed.report.data_cut.head);
}

#[test]
fn the_registry_has_the_fields_of_its_form_with_the_dominant_part_first() {
    let world = World::closed();
    let sealed = made(&world, Kind::Registry);
    let Body::Registry(registry) = &sealed.report.body else { panic!("another report") };
    let row = &registry.cases[0];
    let parts: Vec<_> = row.anatomy.iter().map(|part| (part.part, part.object)).collect();
    assert_eq!(parts, [(2, "anatomic_model"), (1, "anatomic_model"), (3, "anatomic_guide")]);
    // Two machines: part 1 on a, parts 2 and 3 on b.
    let models: Vec<_> =
        row.models.iter().map(|model| model.parts.iter().copied().collect::<Vec<_>>()).collect();
    assert_eq!(models, [vec![1], vec![2, 3]]);
    let times: Vec<_> = row.effort.iter().map(|time| (time.hours, time.minutes, time.unknown)).collect();
    assert_eq!(times.len(), 8);
    assert_eq!((times[0], times[1]), ((Some(0), Some(25), Some(false)), (None, None, None)));
    assert_eq!((times[5], times[6]), ((Some(1), Some(0), Some(false)), (None, None, Some(true))));
    let csv = sealed.csv();
    let head: Vec<_> = csv.lines().next().unwrap().split(',').collect();
    let cells: Vec<_> = csv.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(head.len(), cells.len());
    let cell = |name: &str| cells[head.iter().position(|head| *head == name).unwrap()];
    assert_eq!(
        (cell("part_1_object"), cell("part_1_region"), cell("part_1_dominant")),
        ("anatomic_model", "Chest", "true")
    );
    assert_eq!((cell("model_2_parts"), cell("model_2_scale_percent")), ("2 3", "100"));
    assert_eq!((cell("clinician_consultation_minutes"), cell("non_clinician_cad_unknown")), ("25", "true"));
    assert_eq!((cell("minutes_saved"), cell("confident_after")), ("30", "5"));
    let empty = World::produced().report(Kind::Registry, Parameters::default()).unwrap();
    assert_eq!(body(&empty)["cases"], json!([]), "nothing is delivered");
}

#[test]
fn the_printer_report_has_its_use_and_a_control_chart_of_its_phantoms() {
    let mut world = World::closed();
    for n in 0..4u8 {
        let phantom = Inspected::Phantom { printer: "a".parse().unwrap(), next_due: None };
        world.at(2_000 + u64::from(n)).measure(40 + n, phantom, [10, -10]);
    }
    let sealed = made(&world, Kind::Printer);
    let Body::Printer(printer) = &sealed.report.body else { panic!("another report") };
    assert_eq!((printer.used.printing, printer.prints.len()), (3 * HOUR, 2));
    assert_eq!(
        (printer.success, printer.printed_again),
        (Share { hits: 1, n: 2, missing: 0 }, Share { hits: 1, n: 2, missing: 0 })
    );
    let chart = printer.phantoms.as_ref().unwrap();
    assert_eq!(chart.points.len(), 8);
    let crate::counting::spc::Verdict::Judged { limits, signals } = &chart.verdict else {
        panic!("{chart:?}")
    };
    // Ranges of 20: 20 / 1.128 = 17.73, three of which are 53.19; the mean is 0.
    assert!((limits.upper - 53.191).abs() < 0.01 && limits.mean.abs() < 1e-9 && signals.is_empty());
    assert_eq!(printer.last_good_phantom.as_ref().map(|of| of.passed), Some(true));
    let html = sealed.html();
    assert!(html.contains("<svg") && html.contains("limits from 8 points, provisional: no rule is broken"));
    let csv = sealed.csv();
    assert_eq!(csv.lines().filter(|line| line.starts_with("a,phantom,")).count(), 8);
    assert!(line(&csv, "a,phantom,2026-04-02 09:20:00").contains(",10,") || csv.contains(",-10,"), "{csv}");
    let nobody = Parameters { printer: Some("z".parse().unwrap()), ..Parameters::default() };
    assert!(matches!(world.report(Kind::Printer, nobody), Err(ReportError::NoPrinter(_))));
}

#[test]
fn a_lot_leads_to_its_parts_and_cases_and_a_case_to_its_lots() {
    let mut world = World::closed();
    let why = words::said("wet");
    world.ask("mat", Change::Lot { lot: lot(), step: LotStep::Recalled { why: world::words(&why) } });
    let sealed = made(&world, Kind::Lot);
    let Body::Lot(forward) = &sealed.report.body else { panic!("another report") };
    let pieces: Vec<_> = forward.pieces.iter().map(|of| (of.serial.clone(), of.used_milligrams)).collect();
    let expected = [(1, 1, 10_000), (2, 1, 2_000), (2, 2, 11_000), (3, 1, 4_000)];
    assert_eq!(pieces, expected.map(|(part, attempt, used)| (serial(part, attempt).to_string(), Some(used))));
    assert!(forward.pieces.iter().all(|of| of.looked_back));
    assert_eq!(
        forward.pieces.iter().filter(|of| of.out).count(),
        3,
        "delivered ones are to be recalled by somebody"
    );
    assert_eq!((forward.cases.len(), forward.loads.len()), (1, 2));
    assert_eq!(forward.lots[0].left_milligrams, 1_000_000 - 27_000);
    assert!(forward.entries.iter().any(|entry| entry.what.contains("is recalled by mat: wet")));
    let back = world.report(Kind::Lot, of_case()).unwrap();
    let Body::Lot(backward) = &back.report.body else { panic!("another report") };
    assert_eq!(backward.lots, forward.lots);
    assert_eq!(backward.pieces, forward.pieces);
    assert!(sealed.html().contains("yes, and it is OUT: recall it"));
}

#[test]
fn a_case_s_page_shows_the_photos_that_are_here_and_names_those_that_are_not() {
    use super::photos::Photos;
    use crate::domain::photo::Kind as Format;
    let sealed = made(&World::closed(), Kind::Case);
    let photo = FileHash::from_digest([90; 32]);
    assert_eq!(sealed.photos(), [(photo.clone(), 3)], "each of three inspections names it");
    let bare = sealed.html();
    assert_eq!(bare.matches("missing: it is not stored here").count(), 3);
    assert!(!bare.contains("<img") && bare.contains(&format!("SHA-256 <code>{photo}</code>")));
    let mut photos = Photos::default();
    photos.take(photo.clone(), Format::Png, b"a photo\"".to_vec(), 3);
    let shown = sealed.html_with(&photos);
    assert_eq!(shown.matches(" src=\"data:image/png;base64,YSBwaG90byI=\"").count(), 3);
    assert!(!shown.contains("missing: ") && shown.contains(&format!("Photos of {}", serial(1, 1))));
    assert!(shown.contains("the part at the inspection "));
    let mut full = Photos::default();
    full.take(photo, Format::Png, vec![0; 9 << 20], 3);
    assert_eq!(sealed.html_with(&full).matches("which is full of photos").count(), 3);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Case) {
        assert_eq!(made(&World::closed(), kind).photos(), [], "{kind}");
    }
    assert!(policy().contains("; img-src data:;"));
}

#[test]
fn the_audit_extract_has_every_entry_but_progress_with_its_place_in_the_chain() {
    let world = World::closed();
    let sealed = made(&world, Kind::Audit);
    let Body::Audit(extract) = &sealed.report.body else { panic!("another report") };
    assert_eq!(extract.entries.len(), world.journal.len());
    assert_eq!(extract.verified_entries, world.journal.len() as u64);
    assert_eq!(extract.entries.last().unwrap().hash, extract.head_sha256);
    let day = Parameters { to: "2026-04-01".parse().ok(), ..Parameters::default() };
    let shorter = world.report(Kind::Audit, day).unwrap();
    let Body::Audit(shorter) = &shorter.report.body else { panic!("another report") };
    assert!(
        shorter.entries.len() < extract.entries.len()
            && shorter.entries.iter().all(|of| of.at.as_str() < "2026-04-02")
    );
}

#[test]
fn what_a_report_is_not_asked_for_rightly_is_told() {
    let world = World::produced();
    let other = Parameters { case: Some(CaseToken::from_entropy([8; 16])), ..Parameters::default() };
    assert_eq!(
        world.report(Kind::Case, other.clone()).unwrap_err(),
        ReportError::NoCase(CaseToken::from_entropy([8; 16]))
    );
    for (kind, asked, words) in [
        (Kind::Case, Parameters::default(), "a case report is of one case; name it"),
        (Kind::Printer, Parameters::default(), "a printer report is of one printer; name it"),
        (Kind::Lot, Parameters::default(), "a lot report is of one lot, or of one case; name it"),
        (
            Kind::Lot,
            Parameters { lot: Some(lot()), ..of_case() },
            "a lot report is of one lot, or of one case; name it",
        ),
        (Kind::Value, of_case(), "a value report takes no case; leave it out"),
    ] {
        assert_eq!(world.report(kind, asked).unwrap_err().to_string(), words);
    }
    assert!("cases".parse::<Kind>().is_err());
    assert!(Kind::ALL.iter().all(|kind| kind.word().parse::<Kind>() == Ok(*kind)));
    assert_ne!(token(), CaseToken::from_entropy([8; 16]));
}

/// `PLATEN_WRITE_PAGES=FOLDER cargo test --lib reports::` writes each page there, to be looked at and printed.
#[test]
fn each_page_is_written_where_somebody_wants_to_look_at_it() {
    let Some(folder) = std::env::var_os("PLATEN_WRITE_PAGES") else { return };
    let mut world = World::closed();
    for n in 0..12u8 {
        let phantom = Inspected::Phantom { printer: "a".parse().unwrap(), next_due: None };
        let drift = i32::from(n) * 7;
        world.at(2_000 + u64::from(n)).measure(40 + n, phantom, [drift + 10, drift - 30]);
    }
    for kind in Kind::ALL {
        let sealed = made(&world, kind);
        let name = std::path::Path::new(&folder).join(format!("{kind}.html"));
        std::fs::write(name, sealed.html()).unwrap();
    }
}

#[test]
fn the_case_record_says_what_came_off_one_bed() {
    let mut world = World::produced();
    world.queue_with(1, 1, &[2]);
    world.at(360).request(Request::StartJob { job: job(1), printer: "a".parse().unwrap() });
    world.at(480).finish(1);
    let both = format!("with 2 pieces: {}, {}", serial(1, 1), serial(2, 1));
    let html = made(&world, Kind::Case).html();
    assert_eq!(html.matches(&both).count(), 2, "{html}");
}

#[test]
fn a_piece_keeps_the_process_by_which_it_was_begun_when_its_case_is_produced_by_another() {
    let mut world = World::produced();
    world.at(360).start(1, 1, "a");
    world.at(480).finish(1);
    world.clear("a");
    let rework = || CaseStep::ReworkAsked { why: "a wall is missing".parse().unwrap() };
    for (n, part) in [(2, 2), (3, 3)] {
        world.at(500).start(n, part, "b");
        world.at(520).finish(n);
        world.clear("b");
    }
    world.case("ina", CaseStep::QcBegun);
    world.case("ina", rework());
    let validated_for = vec![IntendedUse::Diagnostic];
    let process = "another".parse().unwrap();
    let again = CaseStep::ProductionBegun { process, validated_for, outside: None, version: None };
    world.case("olga", again);
    world.at(540).start(4, 1, "a");
    world.at(600).finish(4);
    let record = body(&made(&world, Kind::Case));
    let pieces = record["pieces"].as_array().unwrap();
    let by: Vec<_> =
        pieces.iter().map(|piece| (piece["serial"].as_str(), piece["made_by"].as_str())).collect();
    let expected =
        [(1, 1, "mk3-pla-fine"), (1, 2, "another"), (2, 1, "mk3-pla-fine"), (3, 1, "mk3-pla-fine")];
    let expected = expected.map(|(part, attempt, by)| (serial(part, attempt).to_string(), by));
    assert_eq!(by, expected.each_ref().map(|(serial, by)| (Some(serial.as_str()), Some(*by))));
}
