//! Every state machine, with every step tried in every state: what is not in a table is refused, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{CaseAbout, CaseKind, CaseState, Made, Out, Priority, Step as CaseStep};
use super::confirmation::Confirmed;
use super::cost::{Cost, CostKind};
use super::effort::{Effort, EffortCategory, EffortRole};
use super::lot::{LotState, Step as LotStep};
use super::nonconformance::{Decision, Disposition, NonconformanceState};
use super::printed::{Doubt, Failure, PrintedState, QuarantineCause, Step as PrintedStep};
use super::processing::{Processing, ProcessingKind};
use super::qualification::{QualificationState, Step as PrinterStep};
use super::refusal::Illegal;
use super::revision::RevisionState;
use super::signature::Proof;
use super::words::{Label, Line, Text};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{FileHash, InspectionId};
use crate::domain::moment::WallTime;

fn text(words: &str) -> Text {
    Text::new(words).unwrap()
}

fn line(words: &str) -> Line {
    Line::new(words).unwrap()
}

fn hash() -> FileHash {
    FileHash::from_digest([1; 32])
}

/// A refusal has to name the state, what was wanted, and what can be done.
fn assert_told(illegal: &Illegal, state: &str, tried: &str) {
    assert_eq!(illegal.state, state, "{tried}");
    let words = illegal.to_string();
    assert!(words.starts_with(state), "{tried}: {words}");
    assert!(words.contains(", so it cannot be ") && !illegal.wanted.is_empty(), "{tried}: {words}");
    assert!(illegal.todo.len() > 5, "{tried}: {words}");
}

/// Tries every step in every state and holds what comes out against `legal`: (state, step, state after it).
fn try_all(
    states: &[&str],
    steps: &[&str],
    legal: &[(&str, &str, &str)],
    step: impl Fn(usize, usize) -> Result<String, Illegal>,
) {
    let mut left: BTreeSet<_> = legal.iter().collect();
    assert_eq!(left.len(), legal.len(), "a row stands twice");
    assert_eq!(states.iter().collect::<BTreeSet<_>>().len(), states.len(), "{states:?}");
    assert_eq!(steps.iter().collect::<BTreeSet<_>>().len(), steps.len(), "{steps:?}");
    let mut refused = 0;
    for (i, state) in states.iter().enumerate() {
        for (j, name) in steps.iter().enumerate() {
            let tried = format!("{name} of what is {state}");
            let row = legal.iter().find(|(from, by, _)| from == state && by == name);
            match (step(i, j), row) {
                (Ok(after), Some(row)) => {
                    assert_eq!(after, row.2, "{tried}");
                    left.remove(row);
                }
                (Ok(after), None) => panic!("{tried} is not in the table, and leads to {after}"),
                (Err(illegal), None) => {
                    refused += 1;
                    assert_told(&illegal, state, &tried);
                }
                (Err(illegal), Some(_)) => panic!("{tried} is in the table, and is refused: {illegal}"),
            }
        }
    }
    assert!(left.is_empty(), "rows that name no state or step: {left:?}");
    assert_eq!(refused + legal.len(), states.len() * steps.len());
}

fn made() -> Made {
    Made { approval: 1, process: Label::new("mk3-pla-fine").unwrap(), version: None }
}

fn out(waived: bool) -> Out {
    Out { made: made(), release: 2, reminders: 0, waived: waived.then(|| text("no answer")) }
}

fn case_states() -> Vec<CaseState> {
    vec![
        CaseState::Draft,
        CaseState::Requested,
        CaseState::Accepted,
        CaseState::Designing,
        CaseState::AwaitingApproval,
        CaseState::Approved { approval: 1 },
        CaseState::InProduction { made: made() },
        CaseState::InQc { made: made() },
        CaseState::Rework { made: made(), why: text("broken") },
        CaseState::Released { made: made(), release: 2 },
        CaseState::Delivered { out: out(false) },
        CaseState::Used { out: out(false) },
        CaseState::Assessed { out: out(false) },
        CaseState::Closed { out: out(false) },
        CaseState::OnHold { from: Box::new(CaseState::InProduction { made: made() }), why: text("wait") },
        CaseState::Cancelled { why: text("not needed") },
    ]
}

fn case_steps() -> Vec<CaseStep> {
    let about = Box::new(CaseAbout {
        kind: CaseKind::Model,
        service: Label::new("cardiac surgery").unwrap(),
        requester: None,
        indication: None,
        modality: None,
        needed_by: None,
        priority: Priority::Routine,
        appropriateness: None,
        acceptance: None,
    });
    let why = || text("because");
    let (role, category) = (EffortRole::Clinician, EffortCategory::Cad);
    vec![
        CaseStep::Described { about },
        CaseStep::Requested,
        CaseStep::Accepted,
        CaseStep::DesignBegun,
        CaseStep::ApprovalAsked,
        CaseStep::SentBack { why: why() },
        CaseStep::Approved { digest: hash(), proof: Proof::Name, confirmed: Vec::new() },
        CaseStep::ProductionBegun {
            process: Label::new("mk3-pla-fine").unwrap(),
            validated_for: vec![IntendedUse::Diagnostic],
            outside: None,
            version: None,
        },
        CaseStep::QcBegun,
        CaseStep::ReworkAsked { why: why() },
        CaseStep::Released { digest: hash(), proof: Proof::Name },
        CaseStep::Delivered,
        CaseStep::Used,
        super::tests::assessment(),
        CaseStep::Reminded,
        CaseStep::AssessmentWaived { why: why() },
        CaseStep::Closed,
        CaseStep::Held { why: why() },
        CaseStep::Continued,
        CaseStep::Cancelled { why: why() },
        CaseStep::Reopened { why: why() },
        CaseStep::EffortNoted { effort: Effort { role, category, minutes: Some(5) } },
        CaseStep::MessagePosted { text: why(), mentions: Vec::new() },
        CaseStep::CostNoted { cost: Cost { kind: CostKind::Other, amount: 5, what: line("bags") } },
        CaseStep::UnitsConfirmed {
            confirmed: Box::new(Confirmed { of: hash(), units: BTreeMap::new(), note: None }),
        },
    ]
}

/// As in medical-domain.md §6.2.
const CASE: [(&str, &str, &str); 47] = [
    ("a draft", "described", "a draft"),
    ("requested", "described", "requested"),
    ("accepted", "described", "accepted"),
    ("being designed", "described", "being designed"),
    ("a draft", "requested", "requested"),
    ("requested", "accepted", "accepted"),
    ("accepted", "designed", "being designed"),
    ("being designed", "put up for approval", "awaiting approval"),
    ("awaiting approval", "sent back", "being designed"),
    ("awaiting approval", "approved", "approved"),
    ("approved", "put into production", "in production"),
    ("in rework", "put into production", "in production"),
    ("in production", "put into quality control", "in quality control"),
    ("in quality control", "reworked", "in rework"),
    ("in quality control", "released", "released"),
    ("released", "delivered", "delivered"),
    ("delivered", "noted as used", "used"),
    ("delivered", "assessed", "assessed"),
    ("used", "assessed", "assessed"),
    ("delivered", "reminded of", "delivered"),
    ("used", "reminded of", "used"),
    ("delivered", "closed without an assessment", "delivered"),
    ("used", "closed without an assessment", "used"),
    ("assessed", "closed", "closed"),
    ("requested", "put on hold", "on hold"),
    ("accepted", "put on hold", "on hold"),
    ("being designed", "put on hold", "on hold"),
    ("awaiting approval", "put on hold", "on hold"),
    ("approved", "put on hold", "on hold"),
    ("in production", "put on hold", "on hold"),
    ("in quality control", "put on hold", "on hold"),
    ("in rework", "put on hold", "on hold"),
    ("released", "put on hold", "on hold"),
    ("on hold", "continued", "in production"),
    ("a draft", "cancelled", "cancelled"),
    ("requested", "cancelled", "cancelled"),
    ("accepted", "cancelled", "cancelled"),
    ("being designed", "cancelled", "cancelled"),
    ("awaiting approval", "cancelled", "cancelled"),
    ("approved", "cancelled", "cancelled"),
    ("in production", "cancelled", "cancelled"),
    ("in quality control", "cancelled", "cancelled"),
    ("in rework", "cancelled", "cancelled"),
    ("on hold", "cancelled", "cancelled"),
    ("approved", "reopened", "being designed"),
    ("in production", "reopened", "being designed"),
    ("in quality control", "reopened", "being designed"),
];

#[test]
fn every_step_of_a_case_is_possible_where_the_table_says_and_refused_in_words_elsewhere() {
    let (states, steps) = (case_states(), case_steps());
    let (state_words, step_words): (Vec<_>, Vec<_>) =
        (states.iter().map(CaseState::word).collect(), steps.iter().map(CaseStep::word).collect());
    assert_eq!((states.len(), steps.len()), (16, 25));
    let mut legal = CASE.to_vec();
    legal.extend([("in rework", "reopened", "being designed"), ("released", "reopened", "being designed")]);
    // Units are of what was released.
    for state in ["released", "delivered", "used", "assessed", "closed"] {
        legal.push((state, "confirmed by a coder", state));
    }
    // People talk and work whatever the state is.
    for state in &state_words {
        legal.extend([(*state, "given an effort", *state), (*state, "written about", *state)]);
        legal.push((*state, "given a cost", *state));
    }
    try_all(&state_words, &step_words, &legal, |state, step| {
        states[state].after(&steps[step], 9).map(|after| after.word().to_owned())
    });
}

#[test]
fn a_case_is_closed_without_an_assessment_only_when_that_was_waived_with_a_reason() {
    for (waived, wanted) in [(false, false), (true, true)] {
        for state in [CaseState::Delivered { out: out(waived) }, CaseState::Used { out: out(waived) }] {
            assert_eq!(state.close().is_ok(), wanted, "{state:?}");
        }
    }
}

#[test]
fn a_case_comes_back_from_hold_as_what_it_was_and_is_locked_meanwhile_as_before() {
    for state in case_states() {
        let Ok(held) = state.hold(&text("wait")) else { continue };
        assert_eq!(held.is_locked(), state.is_locked(), "{state:?}");
        assert_eq!(held.approval(), state.approval());
        assert_eq!(held.go_on().unwrap(), state);
        assert!(held.hold(&text("again")).is_err());
    }
}

fn id() -> InspectionId {
    InspectionId::from_entropy([1; 16])
}

fn printed_states() -> Vec<PrintedState> {
    vec![
        PrintedState::Planned,
        PrintedState::Queued,
        PrintedState::Printing,
        PrintedState::Interrupted,
        PrintedState::Printed,
        PrintedState::Suspect,
        PrintedState::PostProcessing,
        PrintedState::AwaitingInspection,
        PrintedState::Accepted,
        PrintedState::Rejected { why: line("cracked") },
        PrintedState::Released { release: 2 },
        PrintedState::Packed { release: 2 },
        PrintedState::SterilisationHandover { release: 2, cycle: line("134 °C") },
        PrintedState::Delivered { release: 2, to: line("theatre 3") },
        PrintedState::Scrapped { why: line("cracked") },
        PrintedState::Failed { how: Failure::Cancelled },
        PrintedState::Withdrawn,
        PrintedState::Quarantined {
            cause: QuarantineCause::Reopened,
            from: Box::new(PrintedState::Accepted),
        },
        PrintedState::Recalled { why: line("lot"), release: 2 },
    ]
}

type Tried = Box<dyn Fn(&PrintedState) -> Result<PrintedState, Illegal>>;

fn printed_steps() -> Vec<(&'static str, Tried)> {
    let people = [
        PrintedStep::Planned { replaces: None },
        PrintedStep::RevisionAttested { revision: 1 },
        PrintedStep::Processed {
            processing: Box::new(Processing {
                kind: ProcessingKind::Removal,
                recipe: None,
                minutes: None,
                equipment: None,
            }),
        },
        PrintedStep::SentToInspection,
        PrintedStep::Accepted { inspection: id(), why: None },
        PrintedStep::Rejected { why: line("cracked") },
        PrintedStep::Scrapped { why: line("cracked") },
        PrintedStep::Released { digest: hash(), proof: Proof::Name },
        PrintedStep::Packed,
        PrintedStep::HandedOver { cycle: line("134 °C") },
        PrintedStep::Delivered { to: line("theatre 3") },
        PrintedStep::Quarantined { why: line("odd") },
        PrintedStep::QuarantineLifted { why: line("fine") },
        PrintedStep::Recalled { why: line("lot") },
    ];
    let mut all: Vec<(&'static str, Tried)> = people
        .into_iter()
        .map(|step| (step.word(), Box::new(move |state: &PrintedState| state.after(&step, 2)) as Tried))
        .collect();
    let doubts =
        |doubt: Option<Doubt>| move |state: &PrintedState| state.finish(&doubt.into_iter().collect());
    all.extend([
        ("queued", Box::new(PrintedState::queue) as Tried),
        ("started", Box::new(PrintedState::start)),
        ("interrupted", Box::new(PrintedState::interrupt)),
        ("finished", Box::new(doubts(None))),
        ("finished after a pause", Box::new(doubts(Some(Doubt::Paused)))),
        ("finished after a resume", Box::new(doubts(Some(Doubt::Resumed)))),
        ("failed", Box::new(|state: &PrintedState| state.fail(Failure::TakenOff))),
        ("given back", Box::new(PrintedState::give_back)),
        ("withdrawn", Box::new(PrintedState::withdraw)),
        ("reworked", Box::new(PrintedState::rework)),
        ("used as it is", Box::new(PrintedState::use_as_is)),
        ("found at fault", Box::new(PrintedState::find_fault)),
        ("inspected", Box::new(PrintedState::inspect)),
        ("judged by its coupon", Box::new(PrintedState::inspect_coupon)),
    ]);
    all
}

/// As in medical-domain.md §6.3.
const PRINTED: [(&str, &str, &str); 39] = [
    // What print jobs do.
    ("planned", "queued", "queued"),
    ("queued", "started", "printing"),
    ("interrupted", "started", "printing"),
    ("printing", "interrupted", "interrupted"),
    ("printing", "finished", "printed"),
    ("printing", "finished after a pause", "suspect"),
    ("printing", "finished after a resume", "in quarantine"),
    ("printing", "failed", "failed"),
    ("interrupted", "failed", "failed"),
    ("interrupted", "given back", "interrupted"),
    ("failed", "given back", "interrupted"),
    ("queued", "withdrawn", "withdrawn"),
    // What people do.
    ("printed", "processed", "in post-processing"),
    ("suspect", "processed", "in post-processing"),
    ("in post-processing", "processed", "in post-processing"),
    ("in post-processing", "sent to inspection", "awaiting inspection"),
    ("suspect", "sent to inspection", "awaiting inspection"),
    ("awaiting inspection", "inspected", "awaiting inspection"),
    ("awaiting inspection", "accepted", "accepted"),
    ("awaiting inspection", "rejected", "rejected"),
    ("accepted", "released", "released"),
    ("released", "packed", "packed"),
    ("packed", "handed over for sterilisation", "handed over for sterilisation"),
    ("packed", "delivered", "delivered"),
    ("handed over for sterilisation", "delivered", "delivered"),
    ("released", "recalled", "recalled"),
    ("packed", "recalled", "recalled"),
    ("handed over for sterilisation", "recalled", "recalled"),
    ("delivered", "recalled", "recalled"),
    // What becomes of what is not good.
    ("rejected", "scrapped", "scrapped"),
    ("failed", "scrapped", "scrapped"),
    ("recalled", "scrapped", "scrapped"),
    ("in quarantine", "scrapped", "scrapped"),
    ("rejected", "reworked", "in post-processing"),
    ("in quarantine", "reworked", "in post-processing"),
    ("rejected", "used as it is", "accepted"),
    ("in quarantine", "used as it is", "accepted"),
    // Nothing that was accepted before quarantine still is.
    ("in quarantine", "taken out of quarantine", "awaiting inspection"),
    ("printed", "judged by its coupon", "printed"),
];

#[test]
fn every_step_of_a_printed_part_is_possible_where_the_table_says_and_refused_in_words_elsewhere() {
    let (states, steps) = (printed_states(), printed_steps());
    let state_words: Vec<_> = states.iter().map(PrintedState::word).collect();
    let step_words: Vec<_> = steps.iter().map(|(word, _)| *word).collect();
    assert_eq!((states.len(), steps.len()), (19, 28));
    let mut legal = PRINTED.to_vec();
    for state in ["suspect", "in post-processing", "awaiting inspection"] {
        legal.push((state, "judged by its coupon", state));
    }
    for state in [
        "printing",
        "interrupted",
        "printed",
        "suspect",
        "in post-processing",
        "awaiting inspection",
        "accepted",
        "rejected",
        "released",
        "packed",
    ] {
        legal.push((state, "put into quarantine", "in quarantine"));
    }
    for state in &state_words[..8] {
        legal.push((state, "given a revision", state));
    }
    for state in state_words.iter().filter(|state| !["planned", "queued", "withdrawn"].contains(*state)) {
        legal.push((state, "found at fault", state));
    }
    // A row that stands in the loop above, too, would hide a missing one.
    try_all(&state_words, &step_words, &legal, |state, step| {
        let (_, tried) = &steps[step];
        // The refusal of what happens inside a quarantine names what is inside.
        match tried(&states[state]) {
            Err(illegal) if states[state].word() == "in quarantine" && illegal.state == "accepted" => {
                Err(Illegal { state: "in quarantine", ..illegal })
            }
            other => other.map(|after| after.word().to_owned()),
        }
    });
}

#[test]
fn a_print_job_goes_on_inside_a_quarantine_and_does_not_end_it() {
    let cause = || QuarantineCause::Person { why: line("odd") };
    let kept = |from: PrintedState| PrintedState::Quarantined { cause: cause(), from: Box::new(from) };
    let printing = PrintedState::Printing.quarantine(cause()).unwrap();
    assert_eq!(printing, kept(PrintedState::Printing));
    assert_eq!(printing.finish(&BTreeSet::new()).unwrap(), kept(PrintedState::Printed));
    assert_eq!(printing.finish(&BTreeSet::from([Doubt::Resumed])).unwrap(), kept(PrintedState::Suspect));
    let interrupted = printing.interrupt().unwrap();
    assert_eq!(interrupted, kept(PrintedState::Interrupted));
    assert_eq!(interrupted.start().unwrap(), printing);
    assert_eq!(interrupted.give_back().unwrap(), interrupted);
    assert_eq!(interrupted.fail(Failure::TakenOff).unwrap(), PrintedState::Failed { how: Failure::TakenOff });
    // Nothing is decided about a piece that is still being printed.
    for early in [&printing, &interrupted] {
        for refused in [early.scrap(&line("x")), early.rework(), early.use_as_is()] {
            assert_told(&refused.unwrap_err(), "in quarantine", "a decision");
        }
    }
}

#[test]
fn what_comes_out_of_quarantine_is_looked_at_again() {
    let lifted: BTreeMap<_, _> = printed_states()
        .into_iter()
        .filter_map(|state| {
            let kept = state.quarantine(QuarantineCause::Reopened).ok()?;
            Some((state.word(), kept.lift().unwrap().word()))
        })
        .collect();
    let wanted = BTreeMap::from([
        ("printing", "printing"),
        ("interrupted", "interrupted"),
        ("printed", "suspect"),
        ("suspect", "suspect"),
        ("in post-processing", "in post-processing"),
        ("awaiting inspection", "awaiting inspection"),
        ("accepted", "awaiting inspection"),
        ("rejected", "rejected"),
        ("released", "awaiting inspection"),
        ("packed", "awaiting inspection"),
    ]);
    assert_eq!(lifted, wanted);
}

#[test]
fn a_disposition_does_what_it_says_wherever_the_part_is() {
    let use_as_is = Disposition::UseAsIs { digest: hash(), proof: Proof::Name };
    let why = line("because");
    for (state, scrap, rework, as_is) in [
        ("rejected", Some("scrapped"), Some("in post-processing"), Some("accepted")),
        ("in quarantine", Some("scrapped"), Some("in post-processing"), Some("accepted")),
        ("failed", Some("scrapped"), None, None),
        ("recalled", Some("scrapped"), None, None),
        ("scrapped", Some("scrapped"), None, None),
        ("delivered", None, None, Some("delivered")),
        ("handed over for sterilisation", None, None, Some("handed over for sterilisation")),
        ("printing", None, None, None),
        ("accepted", None, None, None),
        ("released", None, None, None),
    ] {
        let of = printed_states().into_iter().find(|of| of.word() == state).unwrap();
        let after = |disposition: &Disposition| of.dispose(disposition, &why).ok().map(|after| after.word());
        assert_eq!(after(&Disposition::Scrap), scrap, "{state}");
        assert_eq!(after(&Disposition::Reprint), scrap, "{state}");
        assert_eq!(after(&Disposition::Rework), rework, "{state}");
        assert_eq!(after(&use_as_is), as_is, "{state}");
    }
}

#[test]
fn every_step_of_a_lot_is_possible_where_the_table_says_and_refused_in_words_elsewhere() {
    let states = [
        LotState::Quarantine,
        LotState::Released,
        LotState::Blocked { why: text("wet") },
        LotState::Consumed,
    ];
    let why = || text("because");
    let about = super::tests::lot_about("2027-01-01");
    let steps = [
        LotStep::Received { about: Box::new(about) },
        LotStep::Opened { on: "2026-11-01".parse().unwrap() },
        LotStep::Released,
        LotStep::Blocked { why: why() },
        LotStep::Unblocked { why: why() },
        LotStep::Consumed,
        LotStep::Recalled { why: why() },
    ];
    let legal = [
        ("in quarantine", "opened", "in quarantine"),
        ("released", "opened", "released"),
        ("in quarantine", "released", "released"),
        ("in quarantine", "blocked", "blocked"),
        ("released", "blocked", "blocked"),
        ("blocked", "unblocked", "in quarantine"),
        ("released", "noted as consumed", "consumed"),
        ("blocked", "noted as consumed", "consumed"),
        ("in quarantine", "recalled", "blocked"),
        ("released", "recalled", "blocked"),
        ("blocked", "recalled", "blocked"),
        ("consumed", "recalled", "consumed"),
    ];
    let (state_words, step_words) =
        (states.each_ref().map(LotState::word), steps.each_ref().map(LotStep::word));
    try_all(&state_words, &step_words, &legal, |state, step| {
        states[state].after(&steps[step]).map(|after| after.word().to_owned())
    });
}

#[test]
fn every_step_of_a_printer_s_qualification_is_as_the_table_says() {
    let uses = || vec![IntendedUse::Education];
    let states = [
        QualificationState::Unqualified,
        QualificationState::Qualified,
        QualificationState::Restricted { uses: uses(), why: text("worn") },
    ];
    let steps = [
        PrinterStep::Qualified,
        PrinterStep::Restricted { uses: uses(), why: text("worn") },
        PrinterStep::Withdrawn { why: text("broken") },
        PrinterStep::CalibrationDue { on: "2026-12-01".parse().unwrap() },
        PrinterStep::Maintained { what: text("a new belt"), minutes: Some(40) },
    ];
    let legal = [
        ("unqualified", "qualified", "qualified"),
        ("restricted", "qualified", "qualified"),
        ("qualified", "restricted", "restricted"),
        ("restricted", "restricted", "restricted"),
        ("qualified", "withdrawn", "unqualified"),
        ("restricted", "withdrawn", "unqualified"),
        ("unqualified", "calibrated", "unqualified"),
        ("qualified", "calibrated", "qualified"),
        ("restricted", "calibrated", "restricted"),
        ("unqualified", "maintained", "unqualified"),
        ("qualified", "maintained", "qualified"),
        ("restricted", "maintained", "restricted"),
    ];
    let step_words = ["qualified", "restricted", "withdrawn", "calibrated", "maintained"];
    try_all(&states.each_ref().map(QualificationState::word), &step_words, &legal, |state, step| {
        states[state].after(&steps[step]).map(|after| after.word().to_owned())
    });
}

#[test]
fn every_step_of_a_revision_is_as_the_table_says() {
    let states = [RevisionState::Proposed, RevisionState::Approved { approval: 1 }, RevisionState::Obsolete];
    let legal = [
        ("proposed", "approved", "approved"),
        ("approved", "taken back", "proposed"),
        ("proposed", "superseded", "obsolete"),
    ];
    let step_words = ["approved", "taken back", "superseded"];
    try_all(&states.map(RevisionState::word), &step_words, &legal, |state, step| {
        let state = states[state];
        let after = [state.approve(1), state.void(), state.supersede()];
        after[step].clone().map(|after| after.word().to_owned())
    });
}

#[test]
fn every_step_of_a_nonconformance_is_as_the_table_says() {
    let decision = || Decision {
        disposition: Disposition::Scrap,
        why: line("cracked"),
        by: "kim".into(),
        at: WallTime(1),
    };
    let closed =
        || NonconformanceState::Closed { decision: None, capa: None, by: "kim".into(), at: WallTime(1) };
    let states = [
        NonconformanceState::Open,
        NonconformanceState::Disposed { decision: Box::new(decision()) },
        closed(),
    ];
    let legal = [
        ("open", "decided", "decided"),
        ("decided", "closed", "closed"),
        ("open", "closed without a part", "closed"),
        ("decided", "closed without a part", "closed"),
    ];
    let step_words = ["decided", "closed", "closed without a part"];
    try_all(&states.each_ref().map(NonconformanceState::word), &step_words, &legal, |state, step| {
        let state = &states[state];
        let close = |of_part| state.close(of_part, None, "kim".into(), WallTime(1));
        let after = [state.dispose(decision()), close(true), close(false)];
        after[step].clone().map(|after| after.word().to_owned())
    });
}
