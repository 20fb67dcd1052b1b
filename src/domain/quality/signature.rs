//! Who stands for what: a name, a time, a meaning, and SHA-256 of exactly what was signed (21 CFR 11.50 and 11.70).
//!
//! `to_sign` says what somebody would sign now. A signature is taken only under the digest of that, and it is void
//! from the moment at which that digest is another one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::inspection::Verdict;
use super::nonconformance::{Cause, Severity};
use super::order::Ordered;
use super::part::PartKind;
use super::printed::{Acceptance, Doubt, Serial};
use super::revision::NewRevision;
use super::words::Text;
use super::{Quality, part};
use crate::domain::case::IntendedUse;
use crate::domain::ids::{CaseToken, FileHash, InspectionId, JobId, LotId, NonconformanceId, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::name::PrintedName;

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The design is right, and is to be made.
    Approved,
    /// It is good, and may leave the lab.
    Released,
    /// It is not as it should be, and may be used all the same.
    UseAsIs,
}

/// How the signer showed who they are. Set by whoever asked them, never by what they typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By a name alone.
    Name,
    /// They typed their password for this signature.
    Password,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Subject {
    /// The current revisions of all parts of the case, and what was ordered of them.
    Design,
    Part {
        serial: Serial,
    },
    /// The case with its released parts.
    Case,
    Concession {
        nonconformance: NonconformanceId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voided {
    pub at: WallTime,
    /// The `seq` of the event that changed what was signed.
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub case: CaseToken,
    /// 1, 2, 3 … within the case.
    pub number: u32,
    pub subject: Subject,
    pub meaning: Meaning,
    pub digest: FileHash,
    pub proof: Proof,
    pub by: String,
    /// Their name in full as it was then, where people are set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed_name: Option<PrintedName>,
    pub at: WallTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided: Option<Voided>,
}

#[derive(Serialize)]
struct SignedRevision<'a> {
    part: u16,
    kind: PartKind,
    laterality: Option<part::Laterality>,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordered: Option<&'a Ordered>,
    revision: u16,
    #[serde(flatten)]
    of: &'a NewRevision,
}

#[derive(Serialize)]
struct SignedInspection<'a> {
    id: &'a InspectionId,
    verdict: Verdict,
}

#[derive(Serialize)]
#[serde(tag = "sign", rename_all = "snake_case")]
enum Signed<'a> {
    Design {
        case: &'a CaseToken,
        intended_use: IntendedUse,
        #[serde(skip_serializing_if = "Option::is_none")]
        acceptance: Option<&'a Text>,
        parts: Vec<SignedRevision<'a>>,
    },
    Part {
        #[serde(flatten)]
        of: SignedPart<'a>,
        accepted: &'a Acceptance,
    },
    Case {
        case: &'a CaseToken,
        parts: Vec<(&'a Serial, &'a FileHash)>,
    },
    Concession {
        #[serde(flatten)]
        of: SignedPart<'a>,
        nonconformance: &'a NonconformanceId,
        cause: Cause,
        severity: Severity,
        what: &'a Text,
    },
}

/// Everything about a printed part that makes it this one, and good.
#[derive(Serialize)]
struct SignedPart<'a> {
    serial: &'a Serial,
    revision: Option<u16>,
    mesh: Option<&'a FileHash>,
    job: Option<&'a JobId>,
    file: Option<&'a FileHash>,
    digest: Option<&'a FileHash>,
    printer: Option<&'a PrinterName>,
    lots: Vec<&'a LotId>,
    doubts: Vec<Doubt>,
    inspections: Vec<SignedInspection<'a>>,
    processings: u16,
    reworks: u16,
}

fn signed_part<'a>(lab: &'a Lab, serial: &Serial) -> Option<SignedPart<'a>> {
    let quality = &lab.quality;
    let printed = quality.printed.get(serial)?;
    let mesh = printed
        .revision
        .and_then(|revision| quality.revisions.get(&(printed.part.clone(), revision)))
        .map(|revision| &revision.of.mesh);
    let inspections = printed.inspections.iter().filter_map(|id| quality.inspections.get(id));
    Some(SignedPart {
        serial: &printed.serial,
        revision: printed.revision,
        mesh,
        job: printed.job.as_ref(),
        file: printed.job.as_ref().and_then(|job| lab.jobs.get(job)).map(|job| &job.file),
        digest: printed.digest.as_ref(),
        printer: printed.printer.as_ref(),
        lots: printed.lots.iter().collect(),
        doubts: printed.doubts.iter().copied().collect(),
        inspections: inspections
            .map(|inspection| SignedInspection { id: &inspection.id, verdict: inspection.found.verdict })
            .collect(),
        processings: printed.processings,
        reworks: printed.reworks,
    })
}

/// What somebody would sign now, as JSON to be shown to them; none where there is no such thing.
pub fn to_sign(lab: &Lab, case: &CaseToken, subject: &Subject) -> Option<String> {
    let quality = &lab.quality;
    let signed = match subject {
        Subject::Design => {
            let mut parts = Vec::new();
            for part in lab.parts_of(case) {
                let record = quality.parts.get(&part.id)?;
                let revision = quality.revisions.get(&(part.id.clone(), record.revision))?;
                parts.push(SignedRevision {
                    part: part.number,
                    kind: record.about.kind,
                    laterality: record.about.laterality,
                    required: record.about.required,
                    ordered: record.about.ordered.as_ref(),
                    revision: revision.number,
                    of: &revision.of,
                });
            }
            let about = quality.cases.get(case).and_then(|record| record.about.as_ref());
            let acceptance = about.and_then(|about| about.acceptance.as_ref());
            let case = lab.cases.get(case)?;
            Signed::Design { case: &case.token, intended_use: case.intended_use, acceptance, parts }
        }
        Subject::Part { serial } => {
            let of = signed_part(lab, serial)?;
            let accepted = quality.printed.get(serial)?.accepted.as_ref()?;
            Signed::Part { of, accepted }
        }
        Subject::Case => {
            let mut parts = Vec::new();
            for printed in quality.printed_of(case) {
                if let Some(release) = printed.state.release_signature() {
                    let signature = quality.signatures.get(&(case.clone(), release))?;
                    parts.push((&printed.serial, &signature.digest));
                }
            }
            Signed::Case { case: &lab.cases.get(case)?.token, parts }
        }
        Subject::Concession { nonconformance } => {
            let found = quality.nonconformances.get(nonconformance)?;
            let of = signed_part(lab, found.serial()?)?;
            Signed::Concession {
                of,
                nonconformance: &found.id,
                cause: found.cause,
                severity: found.severity,
                what: &found.what,
            }
        }
    };
    serde_json::to_string(&signed).ok()
}

/// SHA-256 of what somebody would sign now.
pub fn digest(lab: &Lab, case: &CaseToken, subject: &Subject) -> Option<FileHash> {
    let text = to_sign(lab, case, subject)?;
    Some(FileHash::from_digest(Sha256::digest(text.as_bytes()).into()))
}

/// The signatures of a case that hold and should not any more: what they are under has changed.
pub(super) fn changed(lab: &Lab, case: &CaseToken) -> Vec<u32> {
    let live = lab.quality.signatures_of(case).filter(|signature| signature.voided.is_none());
    live.filter(|signature| digest(lab, case, &signature.subject).as_ref() != Some(&signature.digest))
        .map(|signature| signature.number)
        .collect()
}

impl Quality {
    /// The signatures of a case, by number.
    pub fn signatures_of<'a>(&'a self, case: &CaseToken) -> impl Iterator<Item = &'a Signature> + use<'a> {
        self.signatures.range((case.clone(), 0)..=(case.clone(), u32::MAX)).map(|(_, signature)| signature)
    }

    /// The signature with this number, where it holds.
    pub fn holds(&self, case: &CaseToken, number: u32) -> Option<&Signature> {
        self.signatures.get(&(case.clone(), number)).filter(|signature| signature.voided.is_none())
    }
}
