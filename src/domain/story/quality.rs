//! What the quality half has in the journal, in sentences. Words that people wrote go through the guard first.

use super::{named, short, used};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{CaseToken, FileHash, InspectionId, LotId, NonconformanceId, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::privacy::{HELD_BACK, Known, pass};
use crate::domain::quality::assessment::Overall;
use crate::domain::quality::case::{CaseAbout, CaseKind, Priority, Step as CaseStep};
use crate::domain::quality::effort::{Effort, EffortCategory, EffortRole};
use crate::domain::quality::inspection::{Found, Measured, Subject};
use crate::domain::quality::lot::Step as LotStep;
use crate::domain::quality::nonconformance::{
    About, Cause, Disposition, Severity, Step as NonconformanceStep,
};
use crate::domain::quality::order::Ordered;
use crate::domain::quality::part::{Laterality, PartAbout, PartKind, Step as PartStep};
use crate::domain::quality::printed::{LookBack, Serial, Step as PrintedStep};
use crate::domain::quality::process::Process;
use crate::domain::quality::processing::{Processing, ProcessingKind};
use crate::domain::quality::qualification::Step as PrinterStep;
use crate::domain::quality::rules::SiteRules;
use crate::domain::quality::signature::Proof;
use crate::domain::quality::taken::ReportMade;
use crate::domain::quality::words::Words;
use crate::domain::quality::{Change, Fact};

/// Whether a change is about this case. What is kept apart for a lot or a printer is of the case as well.
pub(super) fn is_of_case(lab: &Lab, change: &Change, case: &CaseToken) -> bool {
    let looked_back =
        |because: &LookBack| lab.quality.printed_of(case).any(|printed| printed.lookbacks.contains(because));
    match change {
        Change::Case { case: of, .. } | Change::Part { case: of, .. } => of == case,
        Change::Printed { serial, .. } => serial.case == *case,
        Change::Inspection { id, measured, .. } => match &measured.subject {
            Subject::Part { serial } | Subject::Coupon { serial } => serial.case == *case,
            Subject::Phantom { .. } => looked_back(&LookBack::PhantomFailed { inspection: id.clone() }),
        },
        Change::Lot { lot, step: LotStep::Recalled { .. } } => {
            looked_back(&LookBack::LotRecalled { lot: lot.clone() })
        }
        Change::MaterialUsed { job, .. } => lab.jobs.get(job).is_some_and(|job| job.case == *case),
        Change::Nonconformance { id, .. } => {
            lab.quality.nonconformances.get(id).and_then(|known| known.case()) == Some(case)
        }
        Change::ReportMade { made } => made.parameters.case.as_ref() == Some(case),
        Change::Rules { .. }
        | Change::Template { .. }
        | Change::Instrument { .. }
        | Change::Lot { .. }
        | Change::Loaded { .. }
        | Change::Unloaded { .. }
        | Change::Process { .. }
        | Change::ProcessGone { .. }
        | Change::Printer { .. } => false,
    }
}

/// One sentence, without its time and its actor.
pub(super) fn told(fact: &Fact) -> String {
    let by = match (&fact.by, &fact.printed_name) {
        (Some(by), Some(printed)) => format!(" by {by} ({printed})"),
        (by, _) => named(by.as_ref()),
    };
    match &fact.change {
        Change::Rules { rules } => format!("the rules of the site are set{by}: {}", asked(*rules)),
        Change::Case { case, step } => of_case(case, step, &by),
        Change::Part { case, part, step } => of_part(case, *part, step, &by),
        Change::Printed { serial, step } => of_printed(serial, step, &by),
        Change::Inspection { id, measured, found } => inspected(id, measured, found.as_ref(), &by),
        Change::Template { template } => {
            format!("template {} is written{by}, as version {}", template.name, template.version)
        }
        Change::Instrument { instrument } => {
            let (name, due) = (&instrument.name, instrument.calibration_due);
            format!("instrument {name} is noted{by}: it may be used until {due}")
        }
        Change::Lot { lot, step } => of_lot(lot, step, &by),
        Change::Loaded { lot, printer, slot } => {
            format!("lot {lot} is loaded on {printer}{by}, into slot {slot}")
        }
        Change::Unloaded { printer, slot } => format!("slot {slot} of {printer} is unloaded{by}"),
        Change::MaterialUsed { job, lot, milligrams, .. } => {
            format!("job {job} has used {}.{:03} g of lot {lot}", milligrams / 1000, milligrams % 1000)
        }
        Change::Printer { printer, step } => of_printer(printer, step, &by),
        Change::Nonconformance { id, step } => of_nonconformance(id, step, &by),
        Change::Process { process } => {
            let Process { name, version, printer_model, .. } = process.as_ref();
            let (material, uses, hash) =
                (said(&process.material), uses(&process.validated_for), short(&process.sha256));
            format!(
                "process {name} is found in the catalogue, as version {version}: {material} on {printer_model}, validated for {uses} (SHA-256 {hash})"
            )
        }
        Change::ProcessGone { name } => format!("process {name} is not in the catalogue any more"),
        Change::ReportMade { made } => {
            let ReportMade { kind, parameters, cut, sha256, .. } = made.as_ref();
            let (title, of) = (kind.title(), parameters.in_words());
            format!("a report is taken{by}: {title} of {of}, up to entry {cut}, SHA-256 {}", short(sha256))
        }
    }
}

/// Words of a person, unless they look as if they said who a patient is.
fn said<const MAX: usize>(words: &Words<MAX>) -> &str {
    pass(words.as_str(), &Known::none()).unwrap_or(HELD_BACK)
}

fn because<const MAX: usize>(words: Option<&Words<MAX>>) -> String {
    words.map(|words| format!(": {}", said(words))).unwrap_or_default()
}

fn signed(digest: &FileHash, proof: Proof) -> String {
    let proof = match proof {
        Proof::Name => "by name alone",
        Proof::Password => "with the password",
    };
    format!(", {proof} (digest {})", short(digest))
}

fn uses(uses: &[IntendedUse]) -> String {
    match uses {
        [] => "nothing".into(),
        uses => uses.iter().map(|of| used(*of)).collect::<Vec<_>>().join(", "),
    }
}

fn asked(rules: SiteRules) -> String {
    let SiteRules {
        approval_before_printing,
        lots,
        qualified_printers,
        witness_coupon,
        releaser_may_be_operator,
        password_to_sign,
        reminders_before_waiver,
    } = rules;
    let rules = [
        (approval_before_printing, "an approval before printing"),
        (lots, "a lot that may be used"),
        (qualified_printers, "a qualified printer"),
        (witness_coupon, "a coupon that passed"),
        (password_to_sign, "the password to sign"),
        (releaser_may_be_operator, "a releaser who may have made the part"),
    ];
    let mut on: Vec<_> = rules.into_iter().filter(|(on, _)| *on).map(|(_, words)| words.to_owned()).collect();
    if reminders_before_waiver > 0 {
        on.push(format!("{reminders_before_waiver} reminders before an assessment is waived"));
    }
    if on.is_empty() { "nothing is asked for".into() } else { on.join(", ") }
}

fn of_case(case: &CaseToken, step: &CaseStep, by: &str) -> String {
    let word = step.word();
    match step {
        CaseStep::Described { about } => format!("case {case} is {word}{by}: {}", ordered(about)),
        CaseStep::Requested
        | CaseStep::Accepted
        | CaseStep::ApprovalAsked
        | CaseStep::QcBegun
        | CaseStep::Delivered
        | CaseStep::Used
        | CaseStep::Closed
        | CaseStep::Continued => format!("case {case} is {word}{by}"),
        CaseStep::SentBack { why }
        | CaseStep::Held { why }
        | CaseStep::Cancelled { why }
        | CaseStep::Reopened { why } => format!("case {case} is {word}{by}: {}", said(why)),
        CaseStep::DesignBegun => format!("the design of case {case} is begun{by}"),
        CaseStep::Approved { digest, proof, confirmed } => {
            let parts = confirmed.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            let confirmed = match confirmed.as_slice() {
                [] => String::new(),
                _ => format!("; mirrored or modified, and meant so: part {parts}"),
            };
            format!("the design of case {case} is approved{by}{}{confirmed}", signed(digest, *proof))
        }
        CaseStep::ProductionBegun { process, validated_for, outside, version } => {
            let version = version.map(|version| format!(" version {version}")).unwrap_or_default();
            let outside =
                outside.as_ref().map(|why| format!("; outside of that: {}", said(why))).unwrap_or_default();
            let (process, uses) = (said(process), uses(validated_for));
            format!("case {case} is {word}{by}, by process {process}{version}, validated for {uses}{outside}")
        }
        CaseStep::ReworkAsked { why } => format!("rework of case {case} is asked for{by}: {}", said(why)),
        CaseStep::Released { digest, proof } => {
            format!("case {case} is {word}{by}{}", signed(digest, *proof))
        }
        CaseStep::Assessed { assessment } => {
            let mut words = Vec::new();
            words.extend(assessment.overall.map(Overall::in_words));
            words.extend(assessment.used_in_procedure.map(|used| match used {
                true => "what was made was used in the procedure",
                false => "what was made was not used in the procedure",
            }));
            let words = if words.is_empty() { String::new() } else { format!(": {}", words.join("; ")) };
            format!("case {case} is {word}{by}{words}")
        }
        CaseStep::Reminded => format!("the assessment of case {case} is asked for again{by}"),
        CaseStep::AssessmentWaived { why } => {
            format!("the assessment of case {case} is waived{by}: {}", said(why))
        }
        CaseStep::EffortNoted { effort } => format!("for case {case}, {} is noted{by}", worked(*effort)),
        // Not how much: whoever reads the story need not be allowed to read costs.
        CaseStep::CostNoted { cost } => {
            format!("for case {case}, a cost is noted{by}: {}, {}", cost.kind.word(), said(&cost.what))
        }
        CaseStep::MessagePosted { text, mentions } => {
            let to = match mentions.as_slice() {
                [] => String::new(),
                mentions => format!(" to {}", mentions.join(", ")),
            };
            format!("a message about case {case} is written{by}{to}: {}", said(text))
        }
        CaseStep::UnitsConfirmed { confirmed } => {
            let (units, of) = (confirmed.in_words(), short(&confirmed.of));
            let note = because(confirmed.note.as_ref());
            format!("the units of case {case} are confirmed{by}: {units}, as proposed under {of}{note}")
        }
    }
}

/// Not for whom, since that may be a surgeon; and not until when, since that may be the day of the surgery.
fn ordered(about: &CaseAbout) -> String {
    let kind = match about.kind {
        CaseKind::Model => "a model",
        CaseKind::Guide => "a guide",
        CaseKind::Both => "a model and a guide",
    };
    let priority = match about.priority {
        Priority::Routine => "routine",
        Priority::Urgent => "urgent",
        Priority::Emergency => "emergency",
    };
    let agreed = about.acceptance.as_ref().map(|agreed| format!("; agreed to be taken: {}", said(agreed)));
    format!("{kind} for {}, {priority}{}", said(&about.service), agreed.unwrap_or_default())
}

fn worked(effort: Effort) -> String {
    let role = match effort.role {
        EffortRole::Clinician => "a clinician",
        EffortRole::NonClinician => "somebody who is no clinician",
    };
    let category = match effort.category {
        EffortCategory::Consultation => "consultation",
        EffortCategory::Segmentation => "segmentation",
        EffortCategory::Cad => "CAD",
        EffortCategory::Preparation => "work before and after the print",
    };
    let time = effort.minutes.map_or_else(|| "an unknown time".into(), |minutes| format!("{minutes} min"));
    format!("{time} of {category} of {role}")
}

fn of_part(case: &CaseToken, part: u16, step: &PartStep, by: &str) -> String {
    match step {
        PartStep::Described { about } => {
            format!("part {part} of case {case} is described{by}: {}", shows(about))
        }
        PartStep::Revised { revision } => {
            let mirrored = if revision.mirrored { ", MIRRORED" } else { "" };
            let modified = if revision.modified { ", modified" } else { "" };
            let (model, unit) = (short(&revision.mesh), revision.unit);
            format!("part {part} of case {case} is revised{by}: model {model}, in {unit}{mirrored}{modified}")
        }
    }
}

fn shows(about: &PartAbout) -> String {
    let kind = match about.kind {
        PartKind::Component => "a component",
        PartKind::Guide => "a guide",
        PartKind::Holder => "a holder",
        PartKind::Coupon => "a coupon",
    };
    let side = match about.laterality {
        None => "",
        Some(Laterality::Left) => ", left",
        Some(Laterality::Right) => ", right",
        Some(Laterality::Bilateral) => ", of both sides",
        Some(Laterality::Unpaired) => ", of no side",
    };
    let required = if about.required { "" } else { ", not required" };
    let ordered = about.ordered.as_ref().map(|ordered| format!("; ordered: {}", wanted(ordered)));
    format!("{kind}{side}{required}{}", ordered.unwrap_or_default())
}

fn wanted(ordered: &Ordered) -> String {
    let Ordered { scale, material, colour, quantity } = ordered;
    let mut words = vec![format!("{quantity} of it")];
    words.extend(scale.map(|scale| format!("at scale {scale}")));
    words.extend(material.as_ref().map(|material| format!("in {}", said(material))));
    words.extend(colour.as_ref().map(|colour| format!("coloured {}", said(colour))));
    words.join(", ")
}

fn of_printed(serial: &Serial, step: &PrintedStep, by: &str) -> String {
    let word = step.word();
    match step {
        PrintedStep::Planned { replaces } => {
            let replaces =
                replaces.as_ref().map(|other| format!(", in place of {other}")).unwrap_or_default();
            format!("printed part {serial} is {word}{by}{replaces}")
        }
        PrintedStep::RevisionAttested { revision } => {
            format!("printed part {serial} is said to be of revision {revision}{by}")
        }
        PrintedStep::Processed { processing } => {
            format!("printed part {serial} is {}", handled(processing, by))
        }
        // To whom may be a surgeon.
        PrintedStep::SentToInspection | PrintedStep::Packed | PrintedStep::Delivered { .. } => {
            format!("printed part {serial} is {word}{by}")
        }
        PrintedStep::Accepted { inspection, why } => {
            format!(
                "printed part {serial} is {word}{by}, as of inspection {inspection}{}",
                because(why.as_ref())
            )
        }
        PrintedStep::Rejected { why }
        | PrintedStep::Scrapped { why }
        | PrintedStep::Quarantined { why }
        | PrintedStep::QuarantineLifted { why }
        | PrintedStep::Recalled { why } => format!("printed part {serial} is {word}{by}: {}", said(why)),
        PrintedStep::Released { digest, proof } => {
            format!("printed part {serial} is {word}{by}{}", signed(digest, *proof))
        }
        PrintedStep::HandedOver { cycle } => {
            format!("printed part {serial} is {word}{by}, in cycle {}", said(cycle))
        }
    }
}

fn handled(processing: &Processing, by: &str) -> String {
    let kind = match processing.kind {
        ProcessingKind::Removal => "taken off the bed",
        ProcessingKind::Wash => "washed",
        ProcessingKind::Dry => "dried",
        ProcessingKind::Cure => "cured",
        ProcessingKind::SupportRemoval => "freed of its supports",
        ProcessingKind::Finish => "finished",
    };
    let minutes = processing.minutes.map(|minutes| format!(" for {minutes} min")).unwrap_or_default();
    let equipment =
        processing.equipment.as_ref().map(|with| format!(" with {}", said(with))).unwrap_or_default();
    format!("{kind}{by}{equipment}{minutes}{}", because(processing.recipe.as_ref()))
}

fn inspected(id: &InspectionId, measured: &Measured, found: Option<&Found>, by: &str) -> String {
    let subject = match &measured.subject {
        Subject::Part { serial } => format!("printed part {serial}"),
        Subject::Coupon { serial } => format!("the coupon of printed part {serial}"),
        Subject::Phantom { printer, .. } => format!("the phantom of {printer}"),
    };
    let with = measured.instrument.as_ref().map(|name| format!(" with {name}")).unwrap_or_default();
    let verdict = found.map_or("no verdict", |found| found.verdict.word());
    let doubts = measured.looked_at.iter().map(|doubt| doubt.in_words()).collect::<Vec<_>>().join(", ");
    let looked_at = if doubts.is_empty() { doubts } else { format!("; looked at: {doubts}") };
    let (template, version) = (&measured.template, measured.version);
    let note = because(measured.note.as_ref());
    format!(
        "{subject} is inspected{by}{with} by template {template} version {version}, as inspection {id}: {verdict}{looked_at}{note}"
    )
}

fn of_lot(lot: &LotId, step: &LotStep, by: &str) -> String {
    let word = step.word();
    match step {
        LotStep::Received { about } => {
            format!("lot {lot} of {} is {word}{by}; it expires on {}", said(&about.material), about.expires)
        }
        LotStep::Opened { on } => format!("lot {lot} is {word}{by}, on {on}"),
        LotStep::Released | LotStep::Consumed => format!("lot {lot} is {word}{by}"),
        LotStep::Blocked { why } | LotStep::Unblocked { why } | LotStep::Recalled { why } => {
            format!("lot {lot} is {word}{by}: {}", said(why))
        }
    }
}

fn of_printer(printer: &PrinterName, step: &PrinterStep, by: &str) -> String {
    match step {
        PrinterStep::Qualified => format!("{printer} is qualified{by}"),
        PrinterStep::Restricted { uses: of, why } => {
            format!("{printer} is restricted{by} to {}: {}", uses(of), said(why))
        }
        PrinterStep::Withdrawn { why } => {
            format!("the qualification of {printer} is withdrawn{by}: {}", said(why))
        }
        PrinterStep::Maintained { what, minutes } => {
            let minutes = minutes.map(|minutes| format!(" in {minutes} min")).unwrap_or_default();
            format!("{printer} is maintained{by}{minutes}: {}", said(what))
        }
        PrinterStep::CalibrationDue { on } => format!("{printer} is to be calibrated by {on}, as noted{by}"),
    }
}

fn of_nonconformance(id: &NonconformanceId, step: &NonconformanceStep, by: &str) -> String {
    match step {
        NonconformanceStep::Opened { about, cause: why, severity, what } => {
            let about = match about {
                About::Part { serial } => format!("printed part {serial}"),
                About::Case { case } => format!("case {case}"),
                About::Lot { lot } => format!("lot {lot}"),
                About::Printer { printer } => printer.to_string(),
            };
            let severity = match severity {
                Severity::Minor => "minor",
                Severity::Major => "major",
                Severity::Critical => "critical",
            };
            let (cause, what) = (cause(*why), said(what));
            format!("nonconformance {id} of {about} is opened{by}: {severity}, {cause}: {what}")
        }
        NonconformanceStep::Disposed { decision, why } => {
            let proof = match decision {
                Disposition::UseAsIs { digest, proof } => signed(digest, *proof),
                Disposition::Scrap | Disposition::Reprint | Disposition::Rework => String::new(),
            };
            format!("nonconformance {id} is decided{by}: {}{proof}: {}", decision.word(), said(why))
        }
        NonconformanceStep::Closed { capa } => {
            format!("nonconformance {id} is closed{by}{}", because(capa.as_ref()))
        }
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Dimension => "dimension",
        Cause::Surface => "surface",
        Cause::Breakage => "breakage",
        Cause::Incomplete => "incomplete",
        Cause::WrongFile => "wrong file",
        Cause::WrongMaterial => "wrong material",
        Cause::WrongSide => "wrong side",
        Cause::Contamination => "contamination",
        Cause::Labelling => "labelling",
        Cause::Machine => "machine",
        Cause::Handling => "handling",
        Cause::Other => "another cause",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{JobId, PartId};
    use crate::domain::moment::WallTime;
    use crate::domain::quality::cost::{Cost, CostKind};
    use crate::domain::quality::nonconformance::{Nonconformance, NonconformanceState};
    use crate::domain::quality::printed::{PrintedPart, PrintedState};

    fn case() -> CaseToken {
        CaseToken::from_entropy([3; 16])
    }

    fn serial() -> Serial {
        Serial { case: case(), part: 2, attempt: 1 }
    }

    fn digest() -> FileHash {
        FileHash::from_digest([0xab; 32])
    }

    fn words<const MAX: usize>(words: &str) -> Words<MAX> {
        Words::new(words).unwrap()
    }

    fn by_kim(change: Change) -> String {
        told(&Fact { by: Some("kim".into()), printed_name: None, change })
    }

    #[test]
    fn a_sentence_names_what_was_done_by_whom_and_why() {
        let (case, serial, id) = (case(), serial(), NonconformanceId::from_entropy([5; 16]));
        for (change, expected) in [
            (
                Change::Case { case: case.clone(), step: CaseStep::Accepted },
                format!("case {case} is accepted by kim"),
            ),
            (
                Change::Case {
                    case: case.clone(),
                    step: CaseStep::Approved {
                        digest: digest(),
                        proof: Proof::Password,
                        confirmed: vec![1, 4],
                    },
                },
                format!(
                    "the design of case {case} is approved by kim, with the password (digest abababababab); mirrored or modified, and meant so: part 1, 4"
                ),
            ),
            (
                Change::Printed {
                    serial: serial.clone(),
                    step: PrintedStep::Rejected { why: words("a wall is too thin") },
                },
                format!("printed part {serial} is rejected by kim: a wall is too thin"),
            ),
            (
                Change::Nonconformance {
                    id: id.clone(),
                    step: NonconformanceStep::Disposed {
                        decision: Disposition::UseAsIs { digest: digest(), proof: Proof::Name },
                        why: words("the wall is not seen"),
                    },
                },
                format!(
                    "nonconformance {id} is decided by kim: use as is, by name alone (digest abababababab): the wall is not seen"
                ),
            ),
        ] {
            assert_eq!(by_kim(change), expected);
        }
        let change = Change::MaterialUsed {
            job: JobId::from_entropy([6; 16]),
            lot: LotId::from_entropy([7; 16]),
            milligrams: 12_034,
            runs_out: None,
        };
        let told = told(&Fact { by: None, printed_name: None, change });
        assert!(told.contains(" has used 12.034 g of lot "), "{told}");
    }

    #[test]
    fn what_was_ordered_noted_and_done_is_told_and_of_a_signer_the_name_in_full() {
        let case = case();
        let part = |about: &str| Change::Part {
            case: case.clone(),
            part: 1,
            step: PartStep::Described { about: serde_json::from_str(about).unwrap() },
        };
        let about = r#"{"kind":"guide","required":true,
            "ordered":{"scale":500000,"material":"clear resin","colour":"red","quantity":3}}"#;
        let ordered = "a guide; ordered: 3 of it, at scale 0.5, in clear resin, coloured red";
        assert_eq!(by_kim(part(about)), format!("part 1 of case {case} is described by kim: {ordered}"));
        let about = r#"{"kind":"model","service":"ENT","acceptance":"no wall below 1 mm"}"#;
        let about = serde_json::from_str(about).unwrap();
        let described = by_kim(Change::Case { case: case.clone(), step: CaseStep::Described { about } });
        assert!(described.ends_with("ENT, routine; agreed to be taken: no wall below 1 mm"), "{described}");
        let cost = Cost { kind: CostKind::Consumables, amount: 1_250, what: words("for MRN 4711081") };
        let noted = by_kim(Change::Case { case: case.clone(), step: CaseStep::CostNoted { cost } });
        let wanted = format!("for case {case}, a cost is noted by kim: consumables, {HELD_BACK}");
        assert_eq!(noted, wanted);
        let step = PrinterStep::Maintained { what: words("a new nozzle"), minutes: Some(20) };
        let done = by_kim(Change::Printer { printer: "mk3-07".parse().unwrap(), step });
        assert_eq!(done, "mk3-07 is maintained by kim in 20 min: a new nozzle");
        let step = CaseStep::Released { digest: digest(), proof: Proof::Password };
        let change = Change::Case { case: case.clone(), step };
        let printed_name = "Kim Lee, MD".parse().ok();
        let signed = told(&Fact { by: Some("kim".into()), printed_name, change });
        assert!(signed.contains(" is released by kim (Kim Lee, MD), with the password"), "{signed}");
    }

    #[test]
    fn words_that_may_say_who_a_patient_is_and_the_receiver_of_a_part_are_not_told() {
        let step = |text| CaseStep::MessagePosted { text: words(text), mentions: vec!["ada".into()] };
        let told = by_kim(Change::Case { case: case(), step: step("for MRN 4711081, Mrs. Smith") });
        assert!(told.ends_with(" by kim to ada: (words that may say who a patient is)"), "{told}");
        let told = by_kim(Change::Case { case: case(), step: step("the left wall is thin") });
        assert!(told.ends_with(": the left wall is thin"), "{told}");
        let delivered = PrintedStep::Delivered { to: words("Quincy, operating room 3") };
        let told = by_kim(Change::Printed { serial: serial(), step: delivered });
        assert_eq!(told, format!("printed part {} is delivered by kim", serial()));
    }

    #[test]
    fn a_change_is_of_the_case_whose_part_job_or_nonconformance_it_is_about() {
        let other = CaseToken::from_entropy([4; 16]);
        let (id, lot) = (NonconformanceId::from_entropy([5; 16]), LotId::from_entropy([7; 16]));
        let mut lab = Lab::default();
        let nonconformance = Nonconformance {
            id: id.clone(),
            about: About::Part { serial: serial() },
            cause: Cause::Surface,
            severity: Severity::Minor,
            what: words("a scratch"),
            state: NonconformanceState::Open,
            by: "kim".into(),
            at: WallTime(1),
            seq: 1,
        };
        lab.quality.nonconformances.insert(id.clone(), nonconformance);
        let mut printed = PrintedPart::new(serial(), PartId::from_entropy([8; 16]), PrintedState::Accepted);
        printed.lookbacks.push(LookBack::LotRecalled { lot: lot.clone() });
        lab.quality.printed.insert(serial(), printed);
        let recalled = |lot| Change::Lot { lot, step: LotStep::Recalled { why: words("wet") } };
        let closed = |id| Change::Nonconformance { id, step: NonconformanceStep::Closed { capa: None } };
        for (change, mine) in [
            (Change::Case { case: case(), step: CaseStep::Closed }, true),
            (Change::Printed { serial: serial(), step: PrintedStep::Packed }, true),
            (closed(id), true),
            (closed(NonconformanceId::from_entropy([9; 16])), false),
            (recalled(lot.clone()), true),
            (recalled(LotId::from_entropy([9; 16])), false),
            (Change::Lot { lot, step: LotStep::Consumed }, false),
            (Change::Rules { rules: SiteRules::default() }, false),
        ] {
            assert_eq!(is_of_case(&lab, &change, &case()), mine, "{change:?}");
            assert!(!is_of_case(&lab, &change, &other), "{change:?}");
        }
    }
}
