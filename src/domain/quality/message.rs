//! What is said about a case, by people to one another and by platen to them.

use serde::{Deserialize, Serialize};

use super::words::Text;
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;

/// People who are named in one message.
pub const MENTIONS_MAX: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub case: CaseToken,
    /// 1, 2, 3 … within the case.
    pub number: u32,
    /// Absent in a notice of platen's, which is made of ids, numbers and words of ours and repeats nobody's: no guard
    /// holds it back.
    pub by: Option<String>,
    pub text: Text,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    pub at: WallTime,
}
