//! A case: the clinical reason for a print, known outside the vault only by its token.

use serde::{Deserialize, Serialize};

use super::identifiers::IdentifierState;
use super::ids::CaseToken;
use super::moment::WallTime;

/// What the finished parts are for; decides later which processes and checks are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntendedUse {
    /// Planning or diagnosis: somebody decides by this part.
    Diagnostic,
    /// A guide that touches the patient.
    Guide,
    /// Teaching and talking with patients.
    Education,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub token: CaseToken,
    pub intended_use: IntendedUse,
    pub opened: WallTime,
    /// How many parts were ever added: the next part's number is one more.
    pub parts: u16,
    /// Absent where none were ever kept, and in journals of a platen without a vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifiers: Option<IdentifierState>,
}
