//! Cases worked by hand from medical-domain.md §1.2 and §1.4: what goes in, which units come out, and why.

use super::facts::Revision;
use super::tests::{case, day, hash, part, print, proposed};
use super::*;

use PartKind::{Component, Coupon, Guide, Holder};
use Standing::{Failed, InWork, Quarantined, Recalled, Rejected, Released, Scrapped};

/// What one case is and what has to come out.
struct Hand {
    case: &'static str,
    /// The date of service.
    on: &'static str,
    parts: Vec<PartFacts>,
    /// Code, units, and how many of them are above the cap.
    units: &'static [(&'static str, u16, u16)],
    /// Parts that are not counted, each with the beginning of each reason.
    not_counted: &'static [(u16, &'static str)],
    /// Prints that add nothing.
    prints_not_counted: usize,
    /// The beginning of each warning.
    warnings: &'static [&'static str],
}

fn with(mut part: PartFacts, change: impl FnOnce(&mut PartFacts)) -> PartFacts {
    change(&mut part);
    part
}

fn standing(number: u16, kind: PartKind, standings: &[Standing]) -> PartFacts {
    with(part(number, kind), |part| {
        part.prints =
            (1..).zip(standings).map(|(attempt, standing)| print(number, attempt, *standing)).collect();
    })
}

fn parts(kind: PartKind, numbers: std::ops::RangeInclusive<u16>) -> Vec<PartFacts> {
    numbers.map(|number| part(number, kind)).collect()
}

fn revised(number: u32, sha: u16, print: PrintFacts) -> PrintFacts {
    PrintFacts { revision: Revision { number, sha256: hash(sha), ..print.revision.clone() }, ..print }
}

const NOW: &str = "2026-05-05";
const NOTHING: &[(u16, &str)] = &[];

#[rustfmt::skip]
fn table() -> Vec<Hand> {
    vec![
        // 1. One bone is one component: the base code once (0559T = min(1, 1)), no add-on.
        Hand { case: "one bone", on: NOW, parts: parts(Component, 1..=1),
            units: &[("0559T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 2. §1.4's own example: kidney, tumour, artery, vein and collecting system in one multi-material print, each
        //    segmented and processed by itself. Five components: 1 + 4. The cap of 0560T is 5, so nothing is above.
        Hand { case: "kidney in five components, one print job", on: NOW,
            parts: parts(Component, 1..=5).into_iter().map(|p| with(p, |p| p.prints[0].job = JobId::from_entropy([9; 16]))).collect(),
            units: &[("0559T", 1, 0), ("0560T", 4, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 3. The same on the last day of the old caps: 0560T had a cap of 1, so 3 of the 4 are above it.
        Hand { case: "kidney before April 2026", on: "2026-03-31", parts: parts(Component, 1..=5),
            units: &[("0559T", 1, 0), ("0560T", 4, 3)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["0560T: 4 units are 3 above the cap of 1 on 2026-03-31 (inferred"] },
        // 4. Six components: 1 + 5, exactly the cap.
        Hand { case: "six components", on: "2026-04-01", parts: parts(Component, 1..=6),
            units: &[("0559T", 1, 0), ("0560T", 5, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 5. Seven: 1 + 6, one above the cap of 5. It is proposed all the same, and said.
        Hand { case: "seven components", on: "2026-04-01", parts: parts(Component, 1..=7),
            units: &[("0559T", 1, 0), ("0560T", 6, 1)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["0560T: 6 units are 1 above the cap of 5 on 2026-04-01 (read at its source)"] },
        // 6. One cutting guide: 0561T once.
        Hand { case: "one guide", on: NOW, parts: parts(Guide, 1..=1),
            units: &[("0561T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 7. Three guides: 1 + 2, exactly the cap of 0562T.
        Hand { case: "three guides", on: NOW, parts: parts(Guide, 1..=3),
            units: &[("0561T", 1, 0), ("0562T", 2, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 8. Four guides: 1 + 3, one above.
        Hand { case: "four guides", on: NOW, parts: parts(Guide, 1..=4),
            units: &[("0561T", 1, 0), ("0562T", 3, 1)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["0562T: 3 units are 1 above the cap of 2"] },
        // 9. A model and a guide for the same patient: both families are counted, each from its own first (§1.2).
        Hand { case: "mandible in two components and a guide", on: NOW,
            parts: vec![part(1, Component), part(2, Guide), part(3, Component)],
            units: &[("0559T", 1, 0), ("0560T", 1, 0), ("0561T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 10. Printed three times because two failed: one component, one unit. Two attempts add nothing.
        Hand { case: "third attempt is the good one", on: NOW, parts: vec![standing(1, Component, &[Failed, Scrapped, Released])],
            units: &[("0559T", 1, 0)], not_counted: NOTHING, prints_not_counted: 2, warnings: &[] },
        // 11. Three copies, all released (one for the ward): copies add nothing.
        Hand { case: "three released copies", on: NOW, parts: vec![standing(1, Component, &[Released, Released, Released])],
            units: &[("0559T", 1, 0)], not_counted: NOTHING, prints_not_counted: 2, warnings: &[] },
        // 12. A tumour that was not segmented by itself is no component of its own: the kidney alone counts.
        Hand { case: "tumour in the kidney's segmentation", on: NOW,
            parts: vec![part(1, Component), with(part(2, Component), |p| p.individually_segmented = false)],
            units: &[("0559T", 1, 0)], not_counted: &[(2, "it was not segmented by itself")], prints_not_counted: 1, warnings: &[] },
        // 13. A skull that did not fit and was cut in two for the bed: the second half was not processed as a component
        //     of its own. One component, though two objects lie there.
        Hand { case: "one skull in two halves", on: NOW,
            parts: vec![part(1, Component), with(part(2, Component), |p| { p.individually_segmented = false; p.individually_processed = false; p.group_uid = Some("skull".into()); })],
            units: &[("0559T", 1, 0)], not_counted: &[(2, "it was not segmented by itself"), (2, "it was not processed by itself")],
            prints_not_counted: 1, warnings: &[] },
        // 14. Components that are put together afterwards (one group) stay components: a unit is no object.
        Hand { case: "heart in three components that plug together", on: NOW,
            parts: parts(Component, 1..=3).into_iter().map(|p| with(p, |p| p.group_uid = Some("heart".into()))).collect(),
            units: &[("0559T", 1, 0), ("0560T", 2, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 15. A stand and a witness coupon are no anatomy.
        Hand { case: "bone with stand and coupon", on: NOW, parts: vec![part(1, Coupon), part(2, Holder), part(3, Component)],
            units: &[("0559T", 1, 0)], not_counted: &[(1, "a coupon tests the print"), (2, "a holder is no anatomy")],
            prints_not_counted: 2, warnings: &[] },
        // 16. Nothing came out: no unit, however many jobs there were.
        Hand { case: "all attempts failed", on: NOW, parts: vec![standing(1, Component, &[Failed, Failed, Rejected])],
            units: &[], not_counted: &[(1, "none of its prints is released: 1-1 is failed, 1-2 is failed, 1-3 is rejected")],
            prints_not_counted: 3, warnings: &[] },
        // 17. In quarantine, in work, recalled, or not printed yet: none of these is released now.
        Hand { case: "quarantined, in work, recalled, planned", on: NOW,
            parts: vec![standing(1, Component, &[Quarantined]), standing(2, Component, &[InWork]), standing(3, Guide, &[Recalled]), standing(4, Guide, &[])],
            units: &[], not_counted: &[(1, "none of its prints is released"), (2, "none of its prints"), (3, "none of its prints"), (4, "nothing of it has been printed")],
            prints_not_counted: 3, warnings: &[] },
        // 18. The second part has the first one's mesh, byte for byte: nobody prepared it. A copy.
        Hand { case: "a copy entered as a part", on: NOW,
            parts: vec![part(1, Component), with(part(2, Component), |p| p.prints[0].revision.sha256 = hash(1))],
            units: &[("0559T", 1, 0)], not_counted: &[(2, "its mesh is that of part 1")], prints_not_counted: 1, warnings: &[] },
        // 19. A guide is counted by its release alone (§1.4 asks for the two flags only of components).
        Hand { case: "guide without the components' flags", on: NOW,
            parts: vec![with(part(1, Guide), |p| { p.individually_segmented = false; p.individually_processed = false; })],
            units: &[("0561T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0, warnings: &[] },
        // 20. Two guides that are screwed together: a guide is a single piece (§1.2), so a coder has to look. The count
        //     stays: nothing is edited in silence.
        Hand { case: "guide of two pieces", on: NOW,
            parts: parts(Guide, 1..=2).into_iter().map(|p| with(p, |p| p.group_uid = Some("wrist".into()))).collect(),
            units: &[("0561T", 1, 0), ("0562T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["guides [1, 2] are meant to be assembled"] },
        // 21. Marked as released, but nobody signed: it is not counted.
        Hand { case: "release without a signature", on: NOW,
            parts: vec![with(part(1, Component), |p| p.prints[0].release = None), part(2, Component)],
            units: &[("0559T", 1, 0)], not_counted: &[(1, "print 1-1 stands as released, but no signature")], prints_not_counted: 1, warnings: &[] },
        // 22. Revision 1 was released, then revision 2: still one component; revision 2 shows it.
        Hand { case: "two released revisions", on: NOW,
            parts: vec![with(part(1, Component), |p| { p.newest_revision = 2; p.prints.push(revised(2, 77, print(1, 2, Released))); })],
            units: &[("0559T", 1, 0)], not_counted: NOTHING, prints_not_counted: 1, warnings: &[] },
        // 23. After the last table's end the codes may be gone: counted by that table, and said.
        Hand { case: "after the sunset", on: "2030-01-01", parts: parts(Component, 1..=2),
            units: &[("0559T", 1, 0), ("0560T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["the last table of codes ends on 2029-12-31 (from memory, no source found), before 2030-01-01"] },
        // 24. Before July 2019 there were no such codes.
        Hand { case: "before the codes", on: "2019-06-30", parts: parts(Component, 1..=1),
            units: &[("0559T", 1, 0)], not_counted: NOTHING, prints_not_counted: 0,
            warnings: &["on 2019-06-30 there were no such codes yet; the first table begins on 2019-07-01"] },
    ]
}

#[test]
fn twenty_four_cases_have_the_units_that_were_worked_out_by_hand() {
    let table = table();
    assert_eq!(table.len(), 24);
    for hand in table {
        let mut facts = case(hand.parts);
        facts.dates.delivered = Some(day(hand.on));
        facts.dates.procedure = None;
        let proposal = proposed(&facts);
        let name = hand.case;
        let units: Vec<_> = proposal.lines.iter().map(|l| (l.code.as_str(), l.units, l.above_cap)).collect();
        assert_eq!(units, hand.units, "{name}");
        let reasons: Vec<(u16, String)> = proposal
            .parts_not_counted
            .iter()
            .flat_map(|part| part.reasons.iter().map(|reason| (part.number, reason.to_string())))
            .collect();
        assert_eq!(reasons.len(), hand.not_counted.len(), "{name}: {reasons:?}");
        for ((number, reason), expected) in reasons.iter().zip(hand.not_counted) {
            assert!(*number == expected.0 && reason.starts_with(expected.1), "{name}: {number} {reason}");
        }
        assert_eq!(proposal.prints_not_counted.len(), hand.prints_not_counted, "{name}");
        let warnings: Vec<_> = proposal.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), hand.warnings.len(), "{name}: {warnings:#?}");
        for (warning, expected) in warnings.iter().zip(hand.warnings) {
            assert!(warning.starts_with(expected), "{name}: {warning}");
        }
    }
}

#[test]
fn of_two_released_revisions_the_newer_one_shows_the_unit() {
    let two = with(part(1, Component), |part| {
        part.newest_revision = 2;
        part.prints.push(revised(2, 77, print(1, 2, Released)));
    });
    let proposal = proposed(&case(vec![two]));
    let unit = &proposal.lines[0].evidence[0];
    assert_eq!((unit.revision, unit.serial.as_str(), &unit.sha256), (2, "1-2", &hash(77)));
    assert_eq!(
        proposal.prints_not_counted[0].why,
        "one more of the same part, which print 1-2 shows: a copy adds nothing"
    );
}
