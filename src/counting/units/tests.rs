//! What a proposal tells, and the laws that hold for every case.

use super::facts::{CaseKind, Dates, Laterality, Revision};
use super::review::{CodeTotal, Confirmation, Reviewed, totals};
use super::*;
use crate::domain::case::IntendedUse;
use crate::domain::moment::WallTime;
use proptest::prelude::*;
use std::collections::BTreeSet;

pub(super) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(super) fn hash(number: u16) -> FileHash {
    let mut digest = [0; 32];
    digest[..2].copy_from_slice(&number.to_be_bytes());
    FileHash::from_digest(digest)
}

fn signature(by: &str, of: u16) -> Signature {
    Signature { by: by.into(), printed_name: None, at: WallTime(1_000), of: hash(of) }
}

/// One print of a part, released unless it is said otherwise.
pub(super) fn print(part: u16, attempt: u32, standing: Standing) -> PrintFacts {
    let unique = u8::try_from(attempt).unwrap();
    let mut entropy = [unique; 16];
    entropy[..2].copy_from_slice(&part.to_be_bytes());
    PrintFacts {
        serial: format!("{part}-{attempt}"),
        job: JobId::from_entropy(entropy),
        attempt,
        revision: Revision {
            number: 1,
            sha256: hash(part),
            approved: Some(signature("designer", part)),
            approved_on: Some(day("2026-04-01")),
        },
        standing,
        release: (standing == Standing::Released).then(|| signature("releaser", part)),
    }
}

/// A part of which all is as it should be: segmented and processed by itself, proven, printed once, released.
pub(super) fn part(number: u16, kind: PartKind) -> PartFacts {
    let mut entropy = [7; 16];
    entropy[..2].copy_from_slice(&number.to_be_bytes());
    let proofs = [
        Proof::ImagingReviewed,
        Proof::Segmentation,
        Proof::CutPlanes,
        Proof::MatchedToAnatomy,
        Proof::Material,
        Proof::UniqueIdentification,
        Proof::Photographs,
    ];
    PartFacts {
        number,
        part: PartId::from_entropy(entropy),
        kind,
        individually_segmented: true,
        individually_processed: true,
        group_uid: None,
        laterality: Laterality::Given,
        newest_revision: 1,
        proofs: proofs.map(|proof| (proof, format!("record of part {number}"))).into(),
        prints: vec![print(number, 1, Standing::Released)],
    }
}

pub(super) fn case(parts: Vec<PartFacts>) -> CaseFacts {
    let dates = Dates {
        printed: Some(day("2026-05-04")),
        delivered: Some(day("2026-05-05")),
        procedure: Some(day("2026-05-11")),
    };
    CaseFacts {
        case: CaseToken::from_entropy([3; 16]),
        kind: CaseKind::Both,
        intended_use: IntendedUse::Diagnostic,
        dates,
        parts,
        other_codes: BTreeSet::new(),
    }
}

pub(super) fn proposed(facts: &CaseFacts) -> Proposal {
    propose(facts, &CodeTables::shipped().unwrap(), ServiceDate::Delivered, day("2026-05-20"))
}

fn code(number: &str) -> CodeNumber {
    number.parse().unwrap()
}

fn told(facts: &CaseFacts) -> Vec<String> {
    proposed(facts).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_unit_shows_part_revision_hash_release_and_why_it_is_counted() {
    let mut component = part(2, PartKind::Component);
    component.proofs.remove(&Proof::Photographs);
    component.prints[0].revision.approved = None;
    let proposal = proposed(&case(vec![component]));
    let unit = &proposal.lines[0].evidence[0];
    assert_eq!((unit.number, unit.revision, unit.serial.as_str()), (2, 1, "2-1"));
    assert_eq!((&unit.sha256, unit.release.by.as_str()), (&hash(2), "releaser"));
    assert_eq!(
        unit.why,
        "component 2: segmented and processed by itself, print 2-1 of revision 1 is released"
    );
    assert_eq!(unit.missing, [Proof::DesignReview, Proof::Photographs]);
    assert_eq!(
        proposal.warnings,
        [Warning::NoProof { part: 2, missing: vec![Proof::DesignReview, Proof::Photographs] }]
    );
    assert!(proposal.needs_review);
    assert!(NEEDS_REVIEW.contains("review by a coder"));
}

#[test]
fn a_guide_is_asked_for_every_service_that_its_code_stands_for() {
    let mut guide = part(1, PartKind::Guide);
    guide.proofs.clear();
    let proposal = proposed(&case(vec![guide]));
    assert_eq!(proposal.lines[0].evidence[0].missing.len(), 7);
    let words = proposal.warnings[0].to_string();
    for expected in
        ["biocompatible and sterilizable", "unique identification", "cutting planes", "photographs"]
    {
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn what_a_coder_should_look_at_is_said_and_changes_no_count() {
    let mut clean = case(vec![part(1, PartKind::Component), part(2, PartKind::Guide)]);
    // On the day of the procedure itself is in time.
    clean.parts[0].prints[0].revision.approved_on = clean.dates.procedure;
    assert_eq!(told(&clean), [""; 0]);
    let mut odd = clean.clone();
    odd.kind = CaseKind::Model;
    odd.intended_use = IntendedUse::Education;
    odd.other_codes = BTreeSet::from([code("76377"), code("99999")]);
    odd.parts[0].laterality = Laterality::Missing;
    odd.parts[0].newest_revision = 3;
    odd.parts[1].prints[0].revision.approved_on = Some(day("2026-05-12"));
    let expected = [
        "76377 is reported for this patient too",
        "the case is for education",
        "the case was asked for as a model, and a guide is counted",
        "part 1 does not say which side",
        "part 1 is counted by revision 1, and its newest is revision 3",
        "the design of part 2 was approved on 2026-05-12, after the procedure on 2026-05-11",
    ];
    let warnings = told(&odd);
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (warning, expected) in warnings.iter().zip(expected) {
        assert!(warning.starts_with(expected), "{warning}");
    }
    assert_eq!(proposed(&odd).counts(), proposed(&clean).counts());
}

#[test]
fn the_site_chooses_which_day_is_the_date_of_service_and_with_it_the_cap() {
    let mut facts = case((1..=4).map(|number| part(number, PartKind::Component)).collect());
    facts.dates = Dates {
        printed: Some(day("2026-03-30")),
        delivered: Some(day("2026-03-31")),
        procedure: Some(day("2026-04-01")),
    };
    let tables = CodeTables::shipped().unwrap();
    let above = |choice| {
        let proposal = propose(&facts, &tables, choice, day("2026-05-01"));
        (proposal.day, proposal.lines[1].units, proposal.lines[1].above_cap)
    };
    assert_eq!(above(ServiceDate::Printed), (Some(day("2026-03-30")), 3, 2));
    assert_eq!(above(ServiceDate::Delivered), (Some(day("2026-03-31")), 3, 2));
    assert_eq!(above(ServiceDate::Procedure), (Some(day("2026-04-01")), 3, 0));
    facts.dates.procedure = None;
    let proposal = propose(&facts, &tables, ServiceDate::Procedure, day("2026-03-15"));
    assert_eq!((proposal.day, proposal.lines[1].above_cap), (None, 2));
    assert!(
        proposal.warnings[0]
            .to_string()
            .starts_with("the case has no date of service yet (the site chose: procedure)")
    );
}

#[test]
fn a_confirmation_stands_beside_the_proposal_and_is_outdated_when_anything_has_changed() {
    let facts = case(vec![part(1, PartKind::Component), part(2, PartKind::Component)]);
    let proposal = proposed(&facts);
    let unseen = Reviewed::of(&proposal, None);
    assert!(unseen.codes.iter().all(|compared| compared.confirmed.is_none()) && !unseen.outdated);
    let confirmation = Confirmation {
        by: "coder".into(),
        at: WallTime(5),
        of: proposal.hash(),
        units: BTreeMap::from([(code("0559T"), 1), (code("0561T"), 1)]),
        note: None,
    };
    let reviewed = Reviewed::of(&proposal, Some(&confirmation));
    let rows: Vec<_> = reviewed.codes.iter().map(|c| (c.code.as_str(), c.proposed, c.confirmed)).collect();
    assert_eq!(rows, [("0559T", 1, Some(1)), ("0560T", 1, Some(0)), ("0561T", 0, Some(1))]);
    assert!(!reviewed.outdated);
    // The counts stay, and what shows them is another print.
    let mut changed = facts.clone();
    changed.parts[0].prints[0].serial = "1-9".into();
    let later = proposed(&changed);
    assert_eq!(later.counts(), proposal.counts());
    assert!(Reviewed::of(&later, Some(&confirmation)).outdated);
    let totals = totals([(&proposal, Some(&confirmation)), (&later, Some(&confirmation)), (&later, None)]);
    let expected = CodeTotal { cases: 3, proposed: 3, above_cap: 0, confirmed: 1, unreviewed: 2 };
    assert_eq!(totals.get(&code("0559T")), Some(&expected));
}

#[test]
fn a_proposal_is_read_back_as_it_was_written() {
    let proposal = proposed(&case(vec![part(1, PartKind::Component), part(2, PartKind::Holder)]));
    let text = serde_json::to_string(&proposal).unwrap();
    let back: Proposal = serde_json::from_str(&text).unwrap();
    assert_eq!((&back, back.hash()), (&proposal, proposal.hash()));
}

// ---- laws -----------------------------------------------------------------------------------------------------

fn any_standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![
        Standing::InWork,
        Standing::Failed,
        Standing::Rejected,
        Standing::Scrapped,
        Standing::Quarantined,
        Standing::Released,
        Standing::Released,
        Standing::Recalled,
    ])
}

/// A part as a lab may have it: any kind, any flags, up to four prints in any standing, sometimes another's mesh.
fn any_part() -> impl Strategy<Value = PartFacts> {
    let kind = prop::sample::select(vec![
        PartKind::Component,
        PartKind::Component,
        PartKind::Component,
        PartKind::Guide,
        PartKind::Guide,
        PartKind::Holder,
        PartKind::Coupon,
    ]);
    let prints = prop::collection::vec((any_standing(), 1u32..3, prop::bool::weighted(0.9)), 0..4);
    (kind, prop::bool::weighted(0.8), prop::bool::weighted(0.8), prints, prop::option::weighted(0.2, 0u16..4))
        .prop_map(|(kind, segmented, processed, prints, mesh)| {
            let mut made = part(0, kind);
            made.individually_segmented = segmented;
            made.individually_processed = processed;
            made.prints = (1u32..)
                .zip(prints)
                .map(|(attempt, (standing, revision, signed))| {
                    let mut one = print(0, attempt, standing);
                    one.revision.number = revision;
                    one.revision.sha256 = hash(mesh.unwrap_or(u16::MAX));
                    one.release = one.release.filter(|_| signed);
                    one
                })
                .collect();
            made
        })
}

/// Numbers and ids of their own for all parts, and meshes for those that have none of the shared ones.
fn numbered(parts: Vec<PartFacts>) -> Vec<PartFacts> {
    (1u16..)
        .zip(parts)
        .map(|(number, mut made)| {
            made.number = number;
            made.part = part(number, made.kind).part;
            for one in &mut made.prints {
                one.serial = format!("{number}-{}", one.attempt);
                if one.revision.sha256 == hash(u16::MAX) {
                    let revision = u16::try_from(one.revision.number).unwrap();
                    one.revision.sha256 = hash(100 + number * 10 + revision);
                }
            }
            made
        })
        .collect()
}

fn any_parts() -> impl Strategy<Value = Vec<PartFacts>> {
    prop::collection::vec(any_part(), 0..12).prop_map(numbered)
}

fn units(proposal: &Proposal, number: &str) -> u16 {
    proposal.counts().get(&code(number)).copied().unwrap_or(0)
}

fn both(proposal: &Proposal) -> (u16, u16) {
    let sum = |first, more| units(proposal, first) + units(proposal, more);
    (sum("0559T", "0560T"), sum("0561T", "0562T"))
}

proptest! {
    #[test]
    fn one_more_released_component_of_its_own_is_one_more_unit(parts in any_parts()) {
        let before = both(&proposed(&case(parts.clone())));
        let mut more = parts;
        more.push(part(999, PartKind::Component));
        prop_assert_eq!(both(&proposed(&case(more))), (before.0 + 1, before.1));
    }

    #[test]
    fn another_part_never_takes_a_unit_away(parts in any_parts(), more in any_part()) {
        let before = both(&proposed(&case(parts.clone())));
        let mut with = parts;
        with.push(more);
        let after = both(&proposed(&case(numbered(with))));
        prop_assert!(after.0 >= before.0 && after.1 >= before.1, "{before:?} {after:?}");
    }

    #[test]
    fn a_reprint_of_a_counted_part_never_adds_a_unit(
        parts in any_parts(), at in any::<prop::sample::Index>(), standing in any_standing(), times in 1u32..4,
    ) {
        let before = proposed(&case(parts.clone()));
        let counted: Vec<u16> = before.lines.iter().flat_map(|l| &l.evidence).map(|unit| unit.number).collect();
        prop_assume!(!counted.is_empty());
        let number = counted[at.index(counted.len())];
        let mut more = parts;
        let made = more.iter_mut().find(|part| part.number == number).unwrap();
        let shown = shown_by(made).unwrap().0.revision.clone();
        for time in 0..times {
            made.prints.push(PrintFacts { revision: shown.clone(), ..print(number, 10 + time, standing) });
        }
        prop_assert_eq!(proposed(&case(more)).counts(), before.counts());
    }

    #[test]
    fn a_print_that_is_not_released_never_adds_a_unit_to_any_part(
        parts in any_parts(), at in any::<prop::sample::Index>(), standing in any_standing(),
    ) {
        prop_assume!(!parts.is_empty() && standing != Standing::Released);
        let before = proposed(&case(parts.clone())).counts();
        let mut more = parts;
        let place = at.index(more.len());
        let number = more[place].number;
        more[place].prints.push(print(number, 20, standing));
        prop_assert_eq!(proposed(&case(more)).counts(), before);
    }

    #[test]
    fn jobs_attempts_and_the_order_of_parts_change_no_count(parts in any_parts(), seed in any::<[u8; 16]>()) {
        let before = proposed(&case(parts.clone())).counts();
        let mut other = parts;
        other.reverse();
        for print in other.iter_mut().flat_map(|part| &mut part.prints) {
            print.job = JobId::from_entropy(seed);
            print.attempt = 1;
        }
        prop_assert_eq!(proposed(&case(other)).counts(), before);
    }

    #[test]
    fn no_cap_is_passed_without_a_warning_that_names_the_amount_above(
        components in 0u16..9, guides in 0u16..5, early in any::<bool>(),
    ) {
        let kinds = std::iter::repeat_n(PartKind::Component, components.into())
            .chain(std::iter::repeat_n(PartKind::Guide, guides.into()));
        let mut facts = case((1..).zip(kinds).map(|(number, kind)| part(number, kind)).collect());
        if early {
            facts.dates.delivered = Some(day("2026-03-31"));
        }
        let proposal = proposed(&facts);
        for line in &proposal.lines {
            let cap = line.cap.as_ref().unwrap().units;
            prop_assert_eq!(line.above_cap, line.units.saturating_sub(cap));
            let told: Vec<u16> = proposal.warnings.iter().filter_map(|warning| match warning {
                Warning::AboveCap { code, above, .. } if *code == line.code => Some(*above),
                _ => None,
            }).collect();
            prop_assert_eq!(told, if line.above_cap > 0 { vec![line.above_cap] } else { Vec::new() });
        }
    }

    #[test]
    fn units_are_the_formula_of_the_reference_and_nothing_is_left_without_a_word(parts in any_parts()) {
        let facts = case(parts);
        let proposal = proposed(&facts);
        // §1.4, counted apart: what is released and signed, by distinct mesh.
        let distinct = |kind| {
            let meshes = facts.parts.iter().filter(|part| part.kind == kind).filter_map(|part| {
                let own = part.individually_segmented && part.individually_processed;
                let released = part.prints.iter().filter(|p| p.standing == Standing::Released && p.release.is_some());
                let newest = released.max_by_key(|print| print.revision.number)?;
                (own || kind == PartKind::Guide).then(|| newest.revision.sha256.clone())
            });
            u16::try_from(meshes.collect::<BTreeSet<_>>().len()).unwrap()
        };
        let (components, guides) = (distinct(PartKind::Component), distinct(PartKind::Guide));
        prop_assert_eq!(units(&proposal, "0559T"), components.min(1));
        prop_assert_eq!(units(&proposal, "0560T"), components.saturating_sub(1));
        prop_assert_eq!(units(&proposal, "0561T"), guides.min(1));
        prop_assert_eq!(units(&proposal, "0562T"), guides.saturating_sub(1));
        let shown: Vec<&Unit> = proposal.lines.iter().flat_map(|line| &line.evidence).collect();
        prop_assert!(proposal.lines.iter().all(|line| usize::from(line.units) == line.evidence.len()));
        prop_assert_eq!(shown.len() + proposal.parts_not_counted.len(), facts.parts.len());
        prop_assert!(proposal.parts_not_counted.iter().all(|part| !part.reasons.is_empty()));
        let prints: usize = facts.parts.iter().map(|part| part.prints.len()).sum();
        prop_assert_eq!(shown.len() + proposal.prints_not_counted.len(), prints);
        let mut numbers: BTreeSet<u16> = shown.iter().map(|unit| unit.number).collect();
        numbers.extend(proposal.parts_not_counted.iter().map(|part| part.number));
        prop_assert_eq!(numbers.len(), facts.parts.len());
    }
}
