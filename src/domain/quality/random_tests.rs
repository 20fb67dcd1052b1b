//! Random sequences of everything that can be asked for: what must never be is never reached, and the journal
//! replayed gives the same lab.
//!
//! What is never to be stands here a second time, written from medical-domain.md §6.2 and §6.3 and not from the code.

use proptest::prelude::*;
use std::collections::BTreeMap;

use super::case::{CaseState, Step as CaseStep};
use super::confirmation::{Confirmed, Note};
use super::cost::{Cost, CostKind};
use super::inspection::Subject as Inspected;
use super::lot::Step as LotStep;
use super::nonconformance::{About, Disposition};
use super::printed::{Doubt, PrintedState, Serial, Step as PrintedStep};
use super::qualification::Step as PrinterStep;
use super::rules::SiteRules;
use super::signature::{Meaning, Proof, Subject};
use super::tests::{
    GOOD, Stage, World, assessment, case, close_fault, dispose, fault, inspect, inspection, job, line, lot,
    lot_about, lot_step, measured, new_job, open_fault, ordering_two, printed_step, printer, processing,
    produce, revised, revision, step, text,
};
use super::{Change, Request as Asked};
use crate::domain::event::Fact;
use crate::domain::ids::{CaseToken, FileHash};
use crate::domain::job::{Interruption, PauseReason, Progress};
use crate::domain::lab::Request;
use crate::domain::printer::LineHealth;
use crate::domain::units::Height;

/// One thing to try: what, and two small numbers that say at which part, attempt, job or lot.
type Draw = (u8, u8, u8);

const KINDS: u8 = 50;

/// The request of a draw. Digests are those of what is there, or, now and then, of something else.
fn request(world: &World, (kind, a, b): Draw) -> Request {
    // One that is there, mostly.
    let printed = world.lab.quality.printed.keys();
    let there = printed.clone().nth(usize::from(a / 2) % printed.len().max(1)).filter(|_| b != 10);
    let (part, attempt) = there
        .map_or_else(|| (u16::from(a % 2) + 1, u32::from(b % 3) + 1), |there| (there.part, there.attempt));
    let (n, bed) = (a % 8, printer(if b % 2 == 0 { "a" } else { "b" }));
    let digest = |subject: Subject| match b {
        11 => FileHash::from_digest([0; 32]),
        _ => world.digest(&subject),
    };
    let proof = if b == 7 { Proof::Password } else { Proof::Name };
    let quality = |by: &str, change: Change| {
        let by = Some(by.to_owned()).filter(|by| !by.is_empty());
        Request::Quality(Box::new(Asked { by, change }))
    };
    let printed = |by: &str, step: PrintedStep| quality(by, printed_step(part, attempt, step));
    let of_case = |by: &str, of: CaseStep| quality(by, step(of));
    let (why, short) = (|| text("because"), || line("because"));
    let serial = || Serial { case: case(), part, attempt };
    let progress = Progress { confirmed: 4, total: 10 };
    let running = world.lab.running_on(&bed).map_or_else(|| job(n), |running| running.id.clone());
    match kind % KINDS {
        0 | 1 => Request::QueueJob(Box::new(new_job(n, part))),
        2 | 3 => Request::StartJob { job: job(n), printer: bed },
        4 | 5 => Request::NotePrinted {
            job: running,
            progress: Progress { confirmed: 10, total: 10 },
            digest: FileHash::from_digest([9; 32]),
            line: Box::new(LineHealth { strays: u64::from(b == 3), ..LineHealth::default() }),
            millis: 5,
        },
        6 => Request::NoteInterrupted { job: running, progress, why: Interruption::Unplugged, line: None },
        7 => Request::NotePaused { job: running, progress, reason: PauseReason::Panel },
        8 => Request::NoteResumed { job: running, by: "kim".into() },
        9 => Request::NoteContinued { job: running, progress, layer: 3, gap_ms: 9 },
        10 => Request::CancelJob {
            job: running,
            progress: (b % 2 == 0).then_some(progress),
            by: "kim".into(),
            line: None,
        },
        11 | 12 => Request::ClearBed { printer: bed, by: "olga".into() },
        13 => Request::MakeResumeFile {
            job: job(n),
            file: FileHash::from_digest([100 + (n + 1) % 8; 32]),
            layer: 4,
            height: Height::from_mm(4.0).unwrap(),
            by: "kim".into(),
        },
        14 => Request::LaidNothing(Box::new(Request::NoteInterrupted {
            job: running,
            progress,
            why: Interruption::Unplugged,
            line: None,
        })),
        15 => printed("olga", PrintedStep::RevisionAttested { revision: u16::from(b % 2) + 1 }),
        16 | 17 => printed("olga", processing()),
        18 | 19 => printed("olga", PrintedStep::SentToInspection),
        20..=22 => {
            let values = if b % 4 == 3 { [41_000, 40_000] } else { GOOD };
            let looked_at = if b % 2 == 0 { Doubt::ALL.to_vec() } else { Vec::new() };
            let subject = match a % 5 {
                4 => Inspected::Phantom { printer: bed, next_due: None },
                3 => Inspected::Coupon { serial: serial() },
                _ => Inspected::Part { serial: serial() },
            };
            // A name that is not taken, mostly.
            let id = u8::try_from(world.lab.quality.inspections.len() % 250).unwrap() + u8::from(b != 5);
            quality("ina", inspect(id, measured(subject, &values, &looked_at)))
        }
        23..=25 => {
            let last = world.lab.quality.printed.get(&serial()).and_then(|of| of.inspections.last().cloned());
            let inspection = last.unwrap_or_else(|| inspection(n));
            printed("ina", PrintedStep::Accepted { inspection, why: (b % 2 == 0).then(short) })
        }
        26 => printed("ina", PrintedStep::Rejected { why: short() }),
        27..=29 => {
            let by = if b % 4 == 1 { "olga" } else { "rita" };
            printed(by, PrintedStep::Released { digest: digest(Subject::Part { serial: serial() }), proof })
        }
        30 => printed("olga", PrintedStep::Packed),
        31 => printed("olga", PrintedStep::HandedOver { cycle: line("134 °C") }),
        32 => printed("olga", PrintedStep::Delivered { to: line("theatre 3") }),
        33 => printed("ina", PrintedStep::Quarantined { why: short() }),
        34 => printed("ina", PrintedStep::QuarantineLifted { why: short() }),
        35 => match b % 3 {
            0 => printed("ina", PrintedStep::Scrapped { why: short() }),
            1 => printed("ina", PrintedStep::Recalled { why: short() }),
            _ => {
                let last = world.lab.quality.attempts_at(&case(), part).next_back();
                let next = last.map_or(1, |last| last.serial.attempt + 1);
                quality("", printed_step(part, next, PrintedStep::Planned { replaces: None }))
            }
        },
        36 => quality(
            "ina",
            open_fault(
                n,
                if b % 3 == 0 { About::Case { case: case() } } else { About::Part { serial: serial() } },
            ),
        ),
        37 | 38 => {
            let digest = digest(Subject::Concession { nonconformance: fault(n) });
            quality(
                "rita",
                dispose(
                    n,
                    match b % 4 {
                        0 => Disposition::Scrap,
                        1 => Disposition::Reprint,
                        2 => Disposition::Rework,
                        _ => Disposition::UseAsIs { digest, proof },
                    },
                ),
            )
        }
        39 => quality("ina", close_fault(n)),
        40 => match b % 5 {
            0 => quality(
                "max",
                lot_step(n % 3, LotStep::Received { about: Box::new(lot_about("2027-01-01")) }),
            ),
            1 => quality("max", lot_step(n % 3, LotStep::Released)),
            2 => quality("max", Change::Loaded { lot: lot(n % 3), printer: bed, slot: 0 }),
            3 => quality("max", Change::Unloaded { printer: bed, slot: 0 }),
            _ => quality("max", lot_step(n % 3, LotStep::Recalled { why: why() })),
        },
        41 => {
            let step = match b {
                11 => PrinterStep::Maintained { what: why(), minutes: Some(5) },
                _ if b % 2 == 0 => PrinterStep::Qualified,
                _ => PrinterStep::Withdrawn { why: why() },
            };
            quality("ina", Change::Printer { printer: printer("a"), step })
        }
        42 => {
            let rules = SiteRules {
                approval_before_printing: b % 2 == 1,
                lots: b == 2,
                releaser_may_be_operator: b == 4,
                password_to_sign: b == 6,
                ..SiteRules::default()
            };
            quality("ada", Change::Rules { rules })
        }
        43 if b == 11 => quality("ann", ordering_two(part)),
        43 => quality("lee", revised(part, revision(60 + b % 4))),
        44 | 45 => of_case(
            "Dr A",
            match b % 6 {
                0 => CaseStep::ApprovalAsked,
                1 | 2 => CaseStep::Approved { digest: digest(Subject::Design), proof, confirmed: vec![1, 2] },
                3 | 4 => produce("mk3-pla-fine"),
                _ => CaseStep::SentBack { why: why() },
            },
        ),
        46 | 47 => of_case(
            "rita",
            match b % 6 {
                0 => CaseStep::QcBegun,
                1 => CaseStep::ReworkAsked { why: why() },
                2..=4 => CaseStep::Released { digest: digest(Subject::Case), proof },
                _ => CaseStep::Delivered,
            },
        ),
        48 => of_case(
            "ann",
            match b {
                0 => CaseStep::Reopened { why: why() },
                1 => CaseStep::Cancelled { why: why() },
                2 | 3 => CaseStep::Held { why: why() },
                4..=7 => CaseStep::Continued,
                8 | 9 => CaseStep::AssessmentWaived { why: why() },
                _ => CaseStep::Closed,
            },
        ),
        _ => of_case(
            "ann",
            match b % 4 {
                0 if b == 8 => CaseStep::CostNoted {
                    cost: Cost { kind: CostKind::Material, amount: 1_250, what: short() },
                },
                0 if b == 4 => {
                    let (of, units) = (FileHash::from_digest([n; 32]), BTreeMap::new());
                    let confirmed = Box::new(Confirmed { of, units, note: Some(Note::new("seen").unwrap()) });
                    CaseStep::UnitsConfirmed { confirmed }
                }
                0 => CaseStep::MessagePosted { text: why(), mentions: Vec::new() },
                1 => CaseStep::Used,
                2 => assessment(),
                _ => CaseStep::Requested,
            },
        ),
    }
}

/// From which states a printed part may come into each of these.
const BEFORE: [(&str, &[&str]); 9] = [
    ("printing", &["queued", "interrupted", "in quarantine"]),
    ("awaiting inspection", &["in post-processing", "suspect", "in quarantine"]),
    ("accepted", &["awaiting inspection", "rejected", "in quarantine"]),
    ("released", &["accepted"]),
    ("packed", &["released"]),
    ("handed over for sterilisation", &["packed"]),
    ("delivered", &["packed", "handed over for sterilisation"]),
    ("scrapped", &["rejected", "failed", "recalled", "in quarantine"]),
    ("recalled", &["released", "packed", "handed over for sterilisation", "delivered"]),
];

/// A case in one of these has a design that somebody has signed and that is still the same.
fn is_made(state: &CaseState) -> bool {
    ["approved", "in production", "in quality control", "in rework", "released"].contains(&state.word())
}

/// What must hold whatever has happened.
fn check(world: &World, before: &BTreeMap<Serial, PrintedState>) -> Result<(), TestCaseError> {
    let quality = &world.lab.quality;
    let signed = |case: &CaseToken, number: u32, meaning: Meaning| {
        let signature = quality.holds(case, number);
        signature.filter(|of| of.meaning == meaning).map(|of| (&of.subject, &of.digest, of.by.as_str()))
    };
    for printed in quality.printed.values() {
        let (word, serial) = (printed.state.word(), &printed.serial);
        let was = before.get(serial).map_or("none", PrintedState::word);
        if was != word
            && let Some((_, allowed)) = BEFORE.iter().find(|(state, _)| *state == word)
        {
            prop_assert!(allowed.contains(&was), "{serial} came from {was} to {word}");
        }
        prop_assert!(
            was != "failed" || ["failed", "scrapped", "interrupted"].contains(&word),
            "{serial}: {word}"
        );
        if ["released", "packed", "handed over for sterilisation", "delivered"].contains(&word) {
            let number = printed.state.release_signature().unwrap();
            let found = signed(&serial.case, number, Meaning::Released);
            prop_assert!(found.is_some(), "{serial} is {word} without a signature that holds");
            let (subject, digest, by) = found.unwrap();
            prop_assert_eq!(subject, &Subject::Part { serial: serial.clone() });
            prop_assert_eq!(digest, &world.digest(subject), "{} has changed since it was signed", serial);
            prop_assert!(printed.accepted.is_some() && printed.revision.is_some());
            if !quality.rules.releaser_may_be_operator && was == "accepted" {
                prop_assert!(by != "olga" || !printed.operators.contains("olga"), "{} by {}", serial, by);
            }
        }
        // A print that was odd is never simply printed.
        prop_assert!(word != "printed" || printed.doubts.is_empty(), "{serial}: {:?}", printed.doubts);
    }
    let state = quality.case_state(&case());
    if is_made(&state) {
        let found = state.approval().and_then(|number| signed(&case(), number, Meaning::Approved));
        prop_assert!(found.is_some(), "{} without an approval that holds", state.word());
        prop_assert_eq!(found.unwrap().1, &world.digest(&Subject::Design));
    }
    if ["released", "delivered", "used", "assessed", "closed"].contains(&state.word()) {
        let found = state.release_signature().and_then(|number| signed(&case(), number, Meaning::Released));
        prop_assert!(found.is_some(), "{} without a release that holds", state.word());
    }
    if state.word() == "released" {
        for part in 1..=2 {
            let released = quality.attempts_at(&case(), part).filter(|of| of.state.is_released()).count();
            let record = quality.parts.values().find(|record| record.number == part);
            let ordered = record.and_then(|record| record.about.ordered.as_ref());
            let wanted = ordered.map_or(1, |ordered| u8::from(ordered.quantity));
            prop_assert!(
                released >= usize::from(wanted),
                "released with {released} of {wanted} of part {part}"
            );
        }
    }
    Ok(())
}

const STAGES: [Stage; 10] = [
    Stage::Asked,
    Stage::Produced,
    Stage::Printed,
    Stage::InQc,
    Stage::Awaiting,
    Stage::Accepted,
    Stage::PartsReleased,
    Stage::Released,
    Stage::PartsDelivered,
    Stage::Delivered,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_for_nothing_is_released_unsigned_and_the_journal_replayed_is_the_lab(
        stage in 0..STAGES.len(),
        draws in proptest::collection::vec((0..KINDS, 0u8..16, 0u8..12), 0..60),
    ) {
        let mut world = World::at(STAGES[stage]);
        for draw in draws {
            let before: BTreeMap<_, _> =
                world.lab.quality.printed.iter().map(|(serial, of)| (serial.clone(), of.state.clone())).collect();
            let request = request(&world, draw);
            match world.request(&request) {
                Ok(events) => {
                    for event in &events {
                        let published = matches!(event.fact, Fact::Quality(_)) && event.subject.is_some();
                        prop_assert!(!published);
                    }
                    check(&world, &before)?;
                }
                Err(refusal) => prop_assert!(refusal.to_string().len() > 20, "{refusal}"),
            }
        }
        world.assert_durable();
    }
}

/// Whether the draws reach what the property is about; else it would hold of nothing.
#[test]
fn random_requests_reach_the_states_that_must_be_guarded() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = proptest::collection::vec((0..KINDS, 0u8..16, 0u8..12), 60);
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for round in 0..180 {
        let mut world = World::at(STAGES[round % STAGES.len()]);
        for draw in strategy.new_tree(&mut runner).unwrap().current() {
            let request = request(&world, draw);
            if world.request(&request).is_ok() {
                let words = world.lab.quality.printed.values().map(|of| of.state.word());
                for word in words.chain([world.state().word()]) {
                    *seen.entry(word).or_default() += 1;
                }
            }
        }
    }
    for word in [
        "accepted",
        "released",
        "packed",
        "delivered",
        "rejected",
        "scrapped",
        "recalled",
        "failed",
        "suspect",
        "interrupted",
        "withdrawn",
        "planned",
        "in quarantine",
        "being designed",
        "in rework",
        "on hold",
        "closed",
    ] {
        assert!(seen.contains_key(word), "no sequence reaches {word}: {seen:?}");
    }
}
