//! What a site asks for beyond what always holds. All is off until somebody says so.

use serde::{Deserialize, Serialize};

/// Rules that bar printing or signing; without them the queue runs as if there were no quality half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteRules {
    /// A job begins only for a case in production, and only from an approved revision.
    pub approval_before_printing: bool,
    /// A job begins only in the material that was ordered, and with a loaded lot that may be used.
    pub lots: bool,
    /// A job begins only on a qualified printer whose calibration is not due.
    pub qualified_printers: bool,
    /// A part is accepted only when a coupon that was printed with it has passed.
    pub witness_coupon: bool,
    /// Whoever had a part in their hands may release it, too.
    pub releaser_may_be_operator: bool,
    /// A signature needs the password of the signer.
    pub password_to_sign: bool,
    /// So often somebody is asked for the assessment before it may be waived.
    pub reminders_before_waiver: u8,
}
