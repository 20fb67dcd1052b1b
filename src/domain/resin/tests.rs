//! Vats, wear and looks before a start: what is granted, what it makes of a printer, and why a job does not begin.

use super::*;
use crate::domain::case::IntendedUse;
use crate::domain::event::{Actor, Event, Fact as Entry};
use crate::domain::ids::{BootId, CaseToken, FileHash, PartId};
use crate::domain::job::{Change as Wanted, Interruption, JobState, PauseReason, Progress};
use crate::domain::lab::{EntityKey, Lab, NewJob, Reached, Refusal as Refused, Request as Ask};
use crate::domain::moment::{Moment, Stamp};
use crate::domain::part::{PartName, PartRef};
use crate::domain::quality::{self, Change, lot};
use crate::domain::story;
use need::{Opaque, Refill, refills};
use wear::{HOUR_MS, Reached as Worn, Verdict};

const NOW: WallTime = WallTime(1_700_000_000_000);
const DAY: u64 = 86_400_000;

fn token() -> CaseToken {
    CaseToken::from_entropy([3; 16])
}

fn job(n: u8) -> JobId {
    JobId::from_entropy([n; 16])
}

fn lot(n: u8) -> LotId {
    LotId::from_entropy([n; 16])
}

fn printer() -> PrinterName {
    "msla".parse().unwrap()
}

fn kim() -> String {
    "kim".into()
}

fn ml(ml: u64) -> Microlitres {
    Microlitres(ml * 1_000)
}

fn at(lab: &mut Lab, request: &Ask, wall: WallTime) -> Result<Vec<Event>, Refused> {
    let facts = lab.judge(request, wall)?;
    let stamp = Stamp { wall, mono: Moment(5), boot: BootId::from_entropy([1; 16]) };
    let events = lab.number(request, facts, &stamp, &Actor::Platen);
    for event in &events {
        assert!(event.canonical().len() + 65 <= 2_048, "{}", event.fact.word());
        if let Entry::Resin(fact) = &event.fact {
            let words = story::told(&event.fact);
            assert!(words.len() > 10 && !words.contains('_'), "{fact:?}: {words}");
        }
        // What is stored is what is read back.
        for key in lab.apply(event) {
            if let (EntityKey::Resin(_), Some(bytes)) = (&key, lab.entity(&key)) {
                assert!(bytes.len() <= 4_096);
                let mut back = Lab::default();
                back.restore(&key.path(), &bytes).unwrap();
                assert_eq!(back.entity(&key), Some(bytes), "{}", key.path());
            }
        }
    }
    Ok(events)
}

fn grant(lab: &mut Lab, request: &Ask) -> Result<Vec<Event>, Refused> {
    at(lab, request, NOW)
}

fn ask(lab: &mut Lab, request: Request) -> Result<Vec<Event>, Refused> {
    grant(lab, &Ask::Resin(Box::new(request)))
}

fn outfit() -> Outfit {
    Outfit {
        holds: ml(500),
        keeps: ml(50),
        resin_days: Some(14),
        display_life_h: Some(10),
        film_life_layers: Some(1_000),
        warn_at_percent: 90,
        worn_bars: true,
        checklist: Item::ALL.into(),
        alone: false,
    }
}

fn fit(outfit: Outfit) -> Request {
    Request::Fit { printer: printer(), outfit: Some(Box::new(outfit)) }
}

fn need() -> Need {
    Need {
        layers: 400,
        resin: ml(100),
        largest_layer: Microlitres(400),
        light_ms: 1_000_000,
        longest_layer_ms: 30_000,
        refills: Vec::new(),
        opaque: None,
    }
}

fn new_job(n: u8, material: Option<&str>) -> NewJob {
    NewJob {
        job: job(n),
        case: token(),
        part: PartRef::Number(1),
        also: Vec::new(),
        file: FileHash::from_digest([n; 32]),
        commands: 400,
        digest: FileHash::from_digest([9; 32]),
        pinned: None,
        material: material.map(str::to_owned),
        gate: None,
    }
}

fn queue(n: u8, need: Need) -> Request {
    let request = Box::new(Ask::QueueJob(Box::new(new_job(n, Some("clear resin")))));
    Request::WithNeeds { request, needs: [(job(n), need)].into() }
}

fn of_lot(n: u8, step: lot::Step) -> Ask {
    let change = Change::Lot { lot: lot(n), step };
    Ask::Quality(Box::new(quality::Request { by: Some(kim()), change }))
}

fn receive(lab: &mut Lab, n: u8, material: &str) {
    let about = lot::LotAbout {
        material: material.parse().unwrap(),
        supplier_lot: "L-1".parse().unwrap(),
        supplier: None,
        received: "2023-01-01".parse().unwrap(),
        expires: "2030-01-01".parse().unwrap(),
        open_days: None,
        certificate: None,
        milligrams: 1_000_000,
        density: Some(1_100),
    };
    grant(lab, &of_lot(n, lot::Step::Received { about: Box::new(about) })).unwrap();
    grant(lab, &of_lot(n, lot::Step::Released)).unwrap();
}

/// A printer that is fitted, lots 1 and 2 of clear resin and 3 of another, and job 0.
fn bare() -> Lab {
    let mut lab = Lab::default();
    grant(&mut lab, &Ask::OpenCase { case: token(), intended_use: IntendedUse::Diagnostic }).unwrap();
    let (part, name) = (PartId::from_entropy([4; 16]), PartName::try_from("heart".to_owned()).unwrap());
    grant(&mut lab, &Ask::AddPart { case: token(), part, name }).unwrap();
    for (n, material) in [(1, "clear resin"), (2, "Clear Resin"), (3, "tough resin")] {
        receive(&mut lab, n, material);
    }
    ask(&mut lab, fit(outfit())).unwrap();
    ask(&mut lab, queue(0, need())).unwrap();
    lab
}

fn fill(n: u8, millilitres: u64) -> Request {
    Request::FillVat { printer: printer(), lot: lot(n), poured: ml(millilitres), by: kim() }
}

fn top_up(n: u8, millilitres: u64) -> Request {
    Request::TopUpVat { printer: printer(), lot: lot(n), poured: ml(millilitres), by: kim() }
}

fn looked() -> Request {
    Request::DoChecklist { printer: printer(), items: Item::ALL.into(), by: kim() }
}

fn filter() -> Request {
    Request::FilterVat { printer: printer(), by: kim() }
}

fn empty() -> Request {
    Request::EmptyVat { printer: printer(), resin: Emptied::Bottled, by: kim() }
}

fn replace_film() -> Request {
    Request::ReplaceFilm { printer: printer(), layers: 0, by: kim() }
}

fn replace_display() -> Request {
    Request::ReplaceDisplay { printer: printer(), hours: 3, by: kim() }
}

fn start(n: u8) -> Ask {
    Ask::StartJob { job: job(n), printer: printer() }
}

fn lit(n: u8, layers: u32, now: bool) -> Request {
    let lit =
        Lit { layers, light_ms: u64::from(layers) * 2_500, resin: Microlitres(u64::from(layers) * 250) };
    Request::NoteLit { job: job(n), lit, now }
}

fn interrupt(n: u8) -> Ask {
    let progress = Progress { confirmed: 10, total: 400 };
    Ask::NoteInterrupted { job: job(n), progress, why: Interruption::Unplugged, line: None }
}

/// Everything is ready for job 0.
fn ready() -> Lab {
    let mut lab = bare();
    ask(&mut lab, fill(1, 300)).unwrap();
    ask(&mut lab, looked()).unwrap();
    lab
}

fn running() -> Lab {
    let mut lab = ready();
    grant(&mut lab, &start(0)).unwrap();
    lab
}

fn station(lab: &Lab) -> &Station {
    &lab.resin.stations[&printer()]
}

/// The words of why job `n` does not begin.
fn why(lab: &Lab, n: u8, wall: WallTime) -> Vec<&'static str> {
    match lab.judge(&start(n), wall) {
        Ok(_) => Vec::new(),
        Err(Refused::Resin(Refusal::Hindered { why, .. })) => why.iter().map(Hindrance::word).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_job_begins_once_its_vat_is_filled_and_somebody_has_looked() {
    let mut lab = bare();
    assert_eq!(why(&lab, 0, NOW), ["vat_empty", "checklist_needed"]);
    ask(&mut lab, fill(1, 300)).unwrap();
    assert_eq!(why(&lab, 0, NOW), ["checklist_needed"]);
    ask(&mut lab, looked()).unwrap();
    assert_eq!(why(&lab, 0, NOW), [""; 0]);
    grant(&mut lab, &start(0)).unwrap();
    assert_eq!(station(&lab).checklist, None, "it was for this start");
    let released = lab.judge(&Ask::ReleaseJob { job: job(0), printer: printer(), by: kim() }, NOW);
    assert!(matches!(released, Err(Refused::WrongState { .. })), "{released:?}");
}

#[test]
fn every_reason_why_a_job_does_not_begin_is_told_in_words_that_say_what_to_do() {
    type Spoil = fn(&mut Lab);
    let cases: [(&[&str], &str, Spoil); 14] = [
        (&["no_resin_printer"], "choose a resin printer", |lab| {
            drop(ask(lab, Request::Fit { printer: printer(), outfit: None }).unwrap());
        }),
        (&["need_unknown"], "queue a file for resin", |lab| drop(lab.resin.needs.remove(&job(0)))),
        (&["need_unsaid"], "with the millilitres that the slicer shows", |lab| {
            lab.resin.needs.insert(job(0), Need::opaque(Opaque::Unsaid, ml(0)));
        }),
        (&["no_material_named"], "queue it with one", |lab| {
            lab.jobs.get_mut(&job(0)).unwrap().material = None;
        }),
        (&["wrong_material"], "the vat holds clear resin, and it wants flexible resin", |lab| {
            lab.jobs.get_mut(&job(0)).unwrap().material = Some("flexible resin".into());
        }),
        (&["lot_unusable"], "which is in the vat, is blocked: it is cloudy", |lab| {
            let why = "it is cloudy".parse().unwrap();
            drop(grant(lab, &of_lot(1, lot::Step::Recalled { why })).unwrap());
        }),
        (&["too_little_resin"], "the vat gives 99.0 ml, and it needs 100.0 ml", |lab| {
            drop(ask(lab, Request::MeasureVat { printer: printer(), left: ml(149), by: kim() }).unwrap());
        }),
        (&["vat_too_small"], "it needs 100.0 ml without a stop, and a full vat gives 99.0 ml", |lab| {
            drop(ask(lab, fit(Outfit { keeps: ml(401), ..outfit() })).unwrap());
        }),
        (&["resin_too_old", "checklist_old"], "in the vat for 15 days, and 14 are allowed", |_| {}),
        (&["debris"], "filter the resin, or empty the vat", |lab| {
            lab.resin.stations.get_mut(&printer()).unwrap().debris = Some(job(7));
        }),
        (&["display_overdue"], "had 10 of 10 hours of light", |lab| {
            lab.resin.stations.get_mut(&printer()).unwrap().display.add(10 * HOUR_MS, false);
        }),
        (&["film_overdue"], "let go 1000 of 1000 layers", |lab| {
            lab.resin.stations.get_mut(&printer()).unwrap().film.add(1_000, false);
        }),
        (&["checklist_needed"], "confirm: film taut and undamaged with nothing on it, vat seated", |lab| {
            drop(ask(lab, top_up(1, 1)).unwrap());
        }),
        (&["checklist_old"], "more than twelve hours ago", |_| {}),
    ];
    for (words, told, spoil) in cases {
        let mut lab = ready();
        spoil(&mut lab);
        let wall = match words {
            ["resin_too_old", ..] => WallTime(NOW.0 + 15 * DAY),
            ["checklist_old"] => WallTime(NOW.0 + CHECKLIST_HOLDS_MS + 1),
            _ => NOW,
        };
        assert_eq!(why(&lab, 0, wall), words);
        let refused = lab.judge(&start(0), wall).unwrap_err().to_string();
        assert!(refused.contains(told) && refused.ends_with("; see to it, then try again"), "{refused}");
    }
}

#[test]
fn a_lab_without_resin_printers_starts_as_ever_and_stores_nothing_of_them() {
    let mut lab = Lab::default();
    grant(&mut lab, &Ask::OpenCase { case: token(), intended_use: IntendedUse::Education }).unwrap();
    let (part, name) = (PartId::from_entropy([4; 16]), PartName::try_from("heart".to_owned()).unwrap());
    grant(&mut lab, &Ask::AddPart { case: token(), part, name }).unwrap();
    grant(&mut lab, &Ask::QueueJob(Box::new(new_job(0, None)))).unwrap();
    grant(&mut lab, &start(0)).unwrap();
    assert_eq!(lab.resin, Resin::default());
    let none = Request::Fit { printer: printer(), outfit: None };
    assert_eq!(ask(&mut lab, none).unwrap(), []);
}

#[test]
fn what_is_done_to_a_printer_is_granted_or_refused_as_the_table_says() {
    let measure = |left| Request::MeasureVat { printer: printer(), left: ml(left), by: kim() };
    let stir = || Request::StirVat { printer: printer(), by: kim() };
    let some = || Request::DoChecklist { printer: printer(), items: [Item::Cover].into(), by: kim() };
    let nobody = Request::StirVat { printer: printer(), by: " ".into() };
    let stranger = Request::StirVat { printer: "fdm".parse().unwrap(), by: kim() };
    // On an empty vat, a filled one, and while job 0 runs.
    let table: Vec<(Request, [&str; 3])> = vec![
        (fill(1, 300), ["", "holds resin already", "holds resin already"]),
        (fill(1, 501), ["holds 500.0 ml, and 501.0 ml", "holds resin already", "holds resin already"]),
        (fill(1, 0), ["nothing is poured", "holds resin already", "holds resin already"]),
        (fill(9, 10), ["there is no lot", "holds resin already", "holds resin already"]),
        (top_up(1, 100), ["is empty", "", ""]),
        (top_up(2, 100), ["is empty", "", ""]),
        (top_up(3, 100), ["is empty", "holds clear resin, and lot", "holds clear resin, and lot"]),
        (top_up(1, 201), ["is empty", "501.0 ml would be in it", "501.0 ml would be in it"]),
        (measure(200), ["is empty", "", ""]),
        (measure(501), ["is empty", "501.0 ml", "501.0 ml"]),
        (stir(), ["is empty", "", ""]),
        (filter(), ["is empty", "", "already prints job"]),
        (empty(), ["is empty", "", "already prints job"]),
        (replace_film(), ["", "empty the vat first", "already prints job"]),
        (replace_display(), ["", "", "already prints job"]),
        (looked(), ["is empty", "", "already prints job"]),
        (some(), ["is empty", "lacks film taut", "already prints job"]),
        (nobody, ["a name is needed"; 3]),
        (stranger, ["printer fdm has no vat"; 3]),
    ];
    let mut filled = bare();
    ask(&mut filled, fill(1, 300)).unwrap();
    for (request, outcomes) in table {
        for (lab, told) in [bare(), filled.clone(), running()].iter_mut().zip(outcomes) {
            let before = lab.clone();
            match ask(lab, request.clone()) {
                Ok(events) => assert!(told.is_empty() && !events.is_empty(), "{request:?}: {told}"),
                Err(refused) => {
                    assert!(!told.is_empty() && refused.to_string().contains(told), "{request:?}: {refused}");
                    assert_eq!(*lab, before);
                }
            }
        }
    }
}

#[test]
fn lots_in_the_vat_are_loaded_on_the_printer_and_mixed_by_what_was_poured() {
    let mut lab = bare();
    let load = Change::Loaded { lot: lot(3), printer: printer(), slot: 0 };
    let load = quality::Request { by: Some(kim()), change: load };
    grant(&mut lab, &Ask::Quality(Box::new(load))).unwrap();
    let loaded = |lab: &Lab| -> Vec<LotId> {
        lab.quality.loaded_on(&printer()).map(|load| load.lot.clone()).collect()
    };
    ask(&mut lab, fill(1, 300)).unwrap();
    assert_eq!(loaded(&lab), [lot(1)], "what was there is of an earlier filling");
    ask(&mut lab, top_up(2, 100)).unwrap();
    ask(&mut lab, top_up(2, 50)).unwrap();
    assert_eq!(loaded(&lab), [lot(1), lot(2)]);
    let contents = station(&lab).contents().unwrap();
    assert_eq!((contents.left, contents.since), (ml(450), NOW));
    assert_eq!(contents.shares(Microlitres(10)), [(lot(1), Microlitres(6)), (lot(2), Microlitres(4))]);
    ask(&mut lab, empty()).unwrap();
    assert_eq!((loaded(&lab), &station(&lab).vat), (Vec::new(), &Vat::Empty));
}

#[test]
fn a_print_is_counted_now_and_then_and_never_back() {
    let mut lab = running();
    for (layers, now, noted) in [
        (50, false, false),
        (99, false, false),
        (100, false, true),
        (150, false, false),
        (150, true, true),
        (150, true, false),
        (149, true, false),
        (249, false, false),
        (250, false, true),
        (251, true, true),
    ] {
        let events = ask(&mut lab, lit(0, layers, now)).unwrap();
        assert_eq!(!events.is_empty(), noted, "{layers}");
    }
    let of_it = station(&lab);
    assert_eq!((of_it.film.count, of_it.display.count), (251, 251 * 2_500));
    assert_eq!(of_it.contents().unwrap().left, Microlitres(300_000 - 251 * 250));
    assert!(!of_it.film.guessed);
    assert!(matches!(ask(&mut lab, lit(9, 1, true)), Err(Refused::NoJob(_))));
}

#[test]
fn what_wears_out_is_good_then_worn_then_overdue_until_it_is_replaced() {
    for (used, life, verdict, percent) in [
        (0, None, Verdict::Unjudged, None),
        (899, Some(1_000), Verdict::Good, Some(89)),
        (900, Some(1_000), Verdict::Worn, Some(90)),
        (1_000, Some(1_000), Verdict::Overdue, Some(100)),
        (u64::MAX, Some(u32::MAX), Verdict::Overdue, Some(4_294_967_297)),
    ] {
        let wear = Wear::of(used, life, 90);
        assert_eq!((wear.verdict, wear.percent()), (verdict, percent), "{used} of {life:?}");
    }
    let mut lab = bare();
    lab.resin.stations.get_mut(&printer()).unwrap().film.add(950, true);
    assert_eq!(station(&lab).film_wear().verdict, Verdict::Worn);
    ask(&mut lab, replace_film()).unwrap();
    ask(&mut lab, replace_display()).unwrap();
    let of_it = station(&lab);
    assert_eq!((of_it.film_wear().used, of_it.film.guessed, of_it.film.since), (0, false, Some(NOW)));
    assert_eq!((of_it.display_wear().used, of_it.display_wear().verdict), (3, Verdict::Good));
}

#[test]
fn what_a_print_wears_out_stands_in_the_one_entry_with_which_it_does() {
    let mut lab = running();
    lab.resin.stations.get_mut(&printer()).unwrap().film.add(600, false);
    let mut reached = |layers: u32| {
        let events = ask(&mut lab, lit(0, layers, true)).unwrap();
        let Entry::Resin(Fact::Lit { reached, .. }) = &events[0].fact else { panic!("{events:?}") };
        reached.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!((reached(100), reached(299)), (vec![], vec![]));
    assert_eq!((reached(300), reached(399)), (vec![Worn::FilmWorn], vec![]));
    assert_eq!(reached(400), [Worn::FilmOverdue]);
    // From good to past its life in one step, and the display with it.
    let mut lab = running();
    let station = lab.resin.stations.get_mut(&printer()).unwrap();
    station.film.add(700, false);
    station.display.add(10 * HOUR_MS - 1, false);
    let wears = station.would_reach(&job(0), &Lit { layers: 300, light_ms: 1, resin: ml(1) });
    assert_eq!(wears.into_iter().collect::<Vec<_>>(), [Worn::DisplayOverdue, Worn::FilmOverdue]);
}

#[test]
fn a_checklist_is_of_one_start_and_of_the_printer_as_it_stood() {
    let mut asked = ready();
    let twice = ask(&mut asked, looked()).unwrap();
    assert_eq!(twice.len(), 1, "to look again is no mistake");
    let stopped = Ask::NoteStopped { printer: printer(), by: kim() };
    let of_resin = |request| Ask::Resin(Box::new(request));
    for (request, stays) in [
        (of_resin(top_up(1, 10)), false),
        (of_resin(filter()), false),
        (of_resin(empty()), false),
        (of_resin(replace_display()), false),
        (stopped, false),
        (start(0), false),
        (of_resin(Request::StirVat { printer: printer(), by: kim() }), true),
        (of_resin(Request::MeasureVat { printer: printer(), left: ml(200), by: kim() }), true),
    ] {
        let mut lab = ready();
        grant(&mut lab, &request).unwrap();
        assert_eq!(station(&lab).checklist.is_some(), stays, "{request:?}");
    }
    // On a plate with a part on it nobody confirms the next start.
    let mut lab = running();
    grant(&mut lab, &interrupt(0)).unwrap();
    assert!(matches!(ask(&mut lab, looked()), Err(Refused::BedOccupied { .. })));
    // A site may ask for less, or for nothing.
    let mut lab = bare();
    ask(&mut lab, fill(1, 300)).unwrap();
    ask(&mut lab, fit(Outfit { checklist: [].into(), ..outfit() })).unwrap();
    assert_eq!(why(&lab, 0, NOW), [""; 0]);
    let asked = ask(&mut lab, looked());
    assert!(matches!(asked, Err(Refused::Resin(Refusal::NoChecklist(_)))), "{asked:?}");
}

#[test]
fn what_a_board_did_that_somebody_has_to_know_is_told_once_and_until_somebody_has_looked() {
    let odd = |lab: &mut Lab, odd| ask(lab, Request::NoteOdd { printer: printer(), odd }).unwrap();
    let mut lab = running();
    assert_eq!(odd(&mut lab, Odd::NotPausing).len(), 1);
    assert!(odd(&mut lab, Odd::NotPausing).is_empty(), "it is told already");
    assert_eq!(odd(&mut lab, Odd::Refused).len(), 1);
    let seen: Vec<_> = station(&lab).odd.iter().map(|seen| (seen.odd, seen.job.clone())).collect();
    assert_eq!(seen, [(Odd::NotPausing, Some(job(0))), (Odd::Refused, Some(job(0)))]);
    // What is seen behind the end of a job is of what stands on the plate.
    grant(&mut lab, &interrupt(0)).unwrap();
    let events = odd(&mut lab, Odd::PlateNotRising);
    assert_eq!(station(&lab).odd.last().unwrap().job, Some(job(0)));
    let told = story::told(&events[0].fact);
    assert_eq!(told, format!("on msla, {}", Odd::PlateNotRising.in_words()));
    assert!(story::is_of_case(&lab, &events[0], &token()), "it is in the story of its case");
    grant(&mut lab, &Ask::ClearBed { printer: printer(), by: kim() }).unwrap();
    assert!(station(&lab).odd.is_empty());
    odd(&mut lab, Odd::FileWasOpen);
    assert_eq!(station(&lab).odd.first().unwrap().job, None);
    ask(&mut lab, looked()).unwrap();
    assert!(station(&lab).odd.is_empty(), "somebody stood there");
    for each in Odd::ALL {
        odd(&mut lab, each);
    }
    assert_eq!(station(&lab).odd.len(), odd::ODD_MAX, "no more than are read");
    let filament = Request::NoteOdd { printer: "mk3".parse().unwrap(), odd: Odd::Settles };
    assert!(ask(&mut lab, filament).is_err());
    // A printer of an older platen has seen nothing.
    let old: Station = serde_json::from_str(r#"{"printer":"msla"}"#).unwrap();
    assert!(old.odd.is_empty());
}

#[test]
fn a_print_that_was_cut_off_leaves_the_vat_in_doubt_until_it_is_looked_through() {
    let mut lab = running();
    grant(&mut lab, &interrupt(0)).unwrap();
    grant(&mut lab, &Ask::ClearBed { printer: printer(), by: kim() }).unwrap();
    ask(&mut lab, queue(1, need())).unwrap();
    ask(&mut lab, looked()).unwrap();
    assert_eq!(why(&lab, 1, NOW), ["debris"]);
    ask(&mut lab, filter()).unwrap();
    ask(&mut lab, looked()).unwrap();
    assert_eq!(why(&lab, 1, NOW), [""; 0]);
    // Of a job of which nothing came to the printer there is nothing.
    let mut lab = running();
    grant(&mut lab, &Ask::SentNothing(Box::new(interrupt(0)))).unwrap();
    assert_eq!(station(&lab).debris, None);
}

#[test]
fn after_a_crash_the_most_is_counted_that_can_have_been_lit() {
    let boot = |reached: Option<(u64, bool)>| {
        let of = |(confirmed, laid)| (job(0), Reached { progress: Progress { confirmed, total: 400 }, laid });
        let reached = reached.map(of).into_iter().collect();
        Ask::BeginBoot { version: "1".into(), rejoining: Vec::new(), reached }
    };
    for (alone, counted, reached, layers) in [
        (false, 0, None, 100),
        (false, 120, None, 220),
        (false, 120, Some((130, true)), 220),
        (false, 120, Some((300, true)), 300),
        (false, 350, None, 400),
        (false, 0, Some((0, false)), 0),
        (true, 120, None, 400),
    ] {
        let mut lab = ready();
        lab.resin.stations.get_mut(&printer()).unwrap().outfit = Some(Outfit { alone, ..outfit() });
        grant(&mut lab, &start(0)).unwrap();
        if counted > 0 {
            ask(&mut lab, lit(0, counted, true)).unwrap();
        }
        grant(&mut lab, &boot(reached)).unwrap();
        assert!(matches!(lab.jobs[&job(0)].state, JobState::Ended { .. }));
        let of_it = station(&lab);
        assert_eq!(of_it.film.count, layers, "{alone} {counted} {reached:?}");
        assert_eq!(of_it.film.guessed, layers > u64::from(counted));
        let light = u64::from(counted) * 2_500 + (layers - u64::from(counted)) * 30_000;
        assert_eq!(of_it.display.count, light.min(1_000_000), "{alone} {counted} {reached:?}");
        assert!(of_it.contents().unwrap().left >= ml(200), "never more than the job takes");
    }
}

#[test]
fn a_job_that_stands_still_to_be_refilled_goes_on_once_its_vat_gives_the_next_stretch() {
    let stop = |before_layer, used| Refill { before_layer, used: ml(used) };
    let planned = Need { resin: ml(900), refills: vec![stop(100, 260), stop(250, 600)], ..need() };
    let behind = [0, 98, 99, 100, 249, 250].map(|layers| planned.stretch_behind(layers));
    assert_eq!(behind, [260, 260, 340, 340, 300, 300].map(ml));
    let mut lab = bare();
    ask(&mut lab, queue(5, planned)).unwrap();
    ask(&mut lab, fill(1, 310)).unwrap();
    ask(&mut lab, looked()).unwrap();
    grant(&mut lab, &start(5)).unwrap();
    let progress = Progress { confirmed: 100, total: 400 };
    let all = Lit { layers: 100, light_ms: 250_000, resin: ml(260) };
    ask(&mut lab, Request::NoteLit { job: job(5), lit: all, now: true }).unwrap();
    let reason = PauseReason::Refill;
    grant(&mut lab, &Ask::NotePaused { job: job(5), progress, reason }).unwrap();
    // 50 ml stay in it.
    for (pours, gives) in [(339, 339), (1, 340)] {
        let told = lab.doer(&job(5), Wanted::Resume).unwrap_err().to_string();
        assert!(told.contains("is refilled: it gives") && told.contains("340.0 ml are needed"), "{told}");
        lab.doer(&job(5), Wanted::Cancel).unwrap();
        ask(&mut lab, top_up(1, pours)).unwrap();
        let left = station(&lab).contents().unwrap().left;
        assert_eq!(left, ml(50 + gives));
    }
    lab.doer(&job(5), Wanted::Resume).unwrap();
}

/// So that a vat that is measured in between is not charged with what was gone by then.
#[test]
fn of_a_file_without_known_layers_each_twentieth_of_its_resin_is_counted() {
    let mut lab = bare();
    ask(&mut lab, queue(5, said(100))).unwrap();
    ask(&mut lab, fill(1, 300)).unwrap();
    ask(&mut lab, looked()).unwrap();
    grant(&mut lab, &start(5)).unwrap();
    let mut note = |resin| {
        let lit = Lit { layers: 0, light_ms: 1_000 + resin, resin: ml(resin) };
        let noted = ask(&mut lab, Request::NoteLit { job: job(5), lit, now: false }).unwrap();
        (!noted.is_empty(), station(&lab).contents().unwrap().left)
    };
    let told = [4, 5, 9, 95].map(&mut note);
    assert_eq!(told, [(false, ml(300)), (true, ml(295)), (false, ml(295)), (true, ml(205))]);
    ask(&mut lab, Request::MeasureVat { printer: printer(), left: ml(250), by: kim() }).unwrap();
    let whole = Lit { layers: 0, light_ms: 2_000, resin: ml(100) };
    ask(&mut lab, Request::NoteLit { job: job(5), lit: whole, now: true }).unwrap();
    assert_eq!(station(&lab).contents().unwrap().left, ml(245), "only what it took since");
}

#[test]
fn a_print_is_refilled_as_late_as_its_vat_allows() {
    let each = |count: usize, takes: u64| vec![ml(takes); count];
    let stop = |before_layer, used| Refill { before_layer, used: ml(used) };
    for (layers, first, room, expected) in [
        (each(10, 10), 100, 100, Ok(vec![])),
        (each(10, 10), 99, 100, Ok(vec![stop(9, 90)])),
        (each(10, 10), 35, 40, Ok(vec![stop(3, 30), stop(7, 70)])),
        (each(10, 10), 0, 100, Ok(vec![])),
        (each(2, 50), 100, 40, Err(NeedError::LayerAboveVat { layer: 0, takes: ml(50), room: ml(40) })),
        (each(100, 10), 10, 10, Err(NeedError::Refills)),
        (Vec::new(), 0, 0, Ok(vec![])),
    ] {
        assert_eq!(refills(layers.clone(), ml(first), ml(room)), expected, "{layers:?} {first} {room}");
    }
    // The plan is what the start is judged by.
    let plan = vec![stop(100, 260), stop(250, 600)];
    let planned = Need { resin: ml(900), refills: plan, ..need() };
    assert_eq!(planned.check(), Ok(()));
    assert_eq!(planned.stretches().collect::<Vec<_>>(), [ml(260), ml(340), ml(300)]);
    let mut lab = bare();
    ask(&mut lab, queue(5, planned)).unwrap();
    ask(&mut lab, fill(1, 300)).unwrap();
    ask(&mut lab, looked()).unwrap();
    assert_eq!(why(&lab, 5, NOW), ["too_little_resin"]);
    ask(&mut lab, top_up(1, 10)).unwrap();
    ask(&mut lab, looked()).unwrap();
    assert_eq!(why(&lab, 5, NOW), [""; 0]);
}

#[test]
fn a_need_that_makes_no_sense_makes_no_job() {
    let stop = |before_layer, used| Refill { before_layer, used: ml(used) };
    for (odd, error) in [
        (Need { layers: 0, ..need() }, NeedError::NoLayers),
        (Need { resin: ml(0), ..need() }, NeedError::NoResin),
        (Need { light_ms: 0, ..need() }, NeedError::NoLight),
        (Need { resin: ml(1_000_000), ..need() }, NeedError::TooMuch),
        (Need { largest_layer: ml(101), ..need() }, NeedError::LayerAboveAll),
        (Need { longest_layer_ms: 1_000_001, ..need() }, NeedError::LayerAboveAll),
        (Need { refills: vec![stop(0, 0)], ..need() }, NeedError::Refills),
        (Need { refills: vec![stop(400, 10)], ..need() }, NeedError::Refills),
        (Need { refills: vec![stop(9, 10), stop(9, 20)], ..need() }, NeedError::Refills),
        (Need { refills: vec![stop(9, 20), stop(10, 10)], ..need() }, NeedError::Refills),
        (Need { refills: (1..=17).map(|layer| stop(layer, 1)).collect(), ..need() }, NeedError::Refills),
    ] {
        let mut lab = bare();
        let refused = ask(&mut lab, queue(5, odd.clone())).unwrap_err();
        assert_eq!(refused, Refused::Resin(Refusal::Need { job: job(5), error }), "{odd:?}");
        assert!(!lab.jobs.contains_key(&job(5)));
    }
    let mut lab = bare();
    let request = Box::new(Ask::NoteStopped { printer: printer(), by: kim() });
    let refused = ask(&mut lab, Request::WithNeeds { request, needs: [(job(0), need())].into() });
    assert_eq!(refused, Err(Refused::Resin(Refusal::NotMade(job(0)))));
    let request = Box::new(Ask::ClearBed { printer: printer(), by: kim() });
    let refused = ask(&mut lab, Request::WithNeeds { request, needs: [(job(0), need())].into() });
    assert!(matches!(refused, Err(Refused::BedClear(_))), "the carried request is judged first: {refused:?}");
    let copies = Box::new(Ask::QueueCopies(vec![new_job(6, None), new_job(7, None)]));
    let needs = [(job(6), need()), (job(7), need())].into();
    let events = ask(&mut lab, Request::WithNeeds { request: copies, needs }).unwrap();
    assert_eq!(events.iter().filter(|event| event.subject.is_some()).count(), 2);
    assert!(lab.resin.needs.contains_key(&job(6)) && lab.resin.needs.contains_key(&job(7)));
}

/// Of an encrypted file, as kim says.
fn said(millilitres: u64) -> Need {
    Need::opaque(Opaque::Said { by: kim(), minutes: Some(90) }, ml(millilitres))
}

#[test]
fn what_a_person_says_of_an_encrypted_file_is_named_and_kept_and_nothing_is_made_of_what_nobody_says() {
    let unsaid = |resin| Need::opaque(Opaque::Unsaid, resin);
    let timed = |minutes| Need::opaque(Opaque::Said { by: kim(), minutes: Some(minutes) }, ml(5));
    for (odd, error) in [
        (said(0), NeedError::NoResin),
        (said(1_000_000), NeedError::TooMuch),
        (unsaid(ml(5)), NeedError::Opaque),
        (Need { layers: 4, ..said(5) }, NeedError::Opaque),
        (Need { light_ms: 4, ..said(5) }, NeedError::Opaque),
        (timed(0), NeedError::Minutes),
        (timed(144_001), NeedError::Minutes),
    ] {
        let refused = ask(&mut bare(), queue(5, odd.clone())).unwrap_err();
        assert_eq!(refused, Refused::Resin(Refusal::Need { job: job(5), error }), "{odd:?}");
    }
    let mut lab = ready();
    let events = ask(&mut lab, queue(5, said(80))).unwrap();
    let told = story::told(&events.last().unwrap().fact);
    assert_eq!(
        told,
        format!("job {} has an encrypted file, and takes 80.0 ml and 90 min as kim says", job(5))
    );
    let kept = &lab.resin.needs[&job(5)];
    assert_eq!((kept.said_by(), kept.said_minutes()), (Some("kim"), Some(90)));
    assert_eq!((kept.known_layers(), kept.known_light_ms(), kept.known_resin()), (None, None, Some(ml(80))));
    // What an older journal has of a file that tells all is read as that.
    let older = serde_json::to_string(&need()).unwrap();
    assert!(!older.contains("opaque"), "{older}");
    assert_eq!(serde_json::from_str::<Need>(&older).unwrap(), need());
    let again: Need = serde_json::from_str(&serde_json::to_string(kept).unwrap()).unwrap();
    assert_eq!(again, *kept);
}

#[test]
fn the_story_of_a_case_has_what_its_jobs_took_and_no_vat() {
    let mut lab = ready();
    let mut events = grant(&mut lab, &start(0)).unwrap();
    events.extend(ask(&mut lab, lit(0, 144, true)).unwrap());
    let last = events.last().unwrap();
    assert!(story::is_of_case(&lab, last, &token()));
    let words =
        format!("msla has lit job {} for 0 h 06 min in 144 layers, of about 36.0 ml of resin", job(0));
    assert_eq!(story::told(&last.fact), words);
    let poured = ask(&mut lab, top_up(1, 10)).unwrap();
    assert!(!story::is_of_case(&lab, poured.last().unwrap(), &token()));
    assert!(!story::has_words_of_no_case(&poured.last().unwrap().fact));
}

#[test]
fn the_same_entries_make_the_same_printers_again() {
    let mut lab = Lab::default();
    let mut again = Lab::default();
    let mut events = Vec::new();
    for request in [fit(outfit()), replace_film(), replace_display()] {
        events.extend(ask(&mut lab, request).unwrap());
    }
    for event in &events {
        let bytes = event.canonical();
        again.apply(&serde_json::from_slice(&bytes).unwrap());
    }
    assert_eq!(again, lab);
    assert_eq!(again.resin.difference(&lab.resin), None);
    assert_eq!(Resin::default().difference(&lab.resin).as_deref(), Some("resin/printer/msla"));
    assert_eq!(ask(&mut lab, fit(outfit())).unwrap(), [], "no news is no entry");
}
