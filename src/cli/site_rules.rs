//! `platen site-rules`: what this site asks for beyond what always holds.

use clap::Args;

use super::quality::{By, told};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::SiteRules as Rules;

/// Shows the rules; with --set those that are named are on, and all others off.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: platen site-rules --set --approval-before-printing --lots --reminders-before-waiver 2 --by pat"
)]
pub struct SiteRules {
    /// Set all rules: those that are named are on, the others off.
    #[arg(long)]
    set: bool,
    /// A job begins only for a case in production, and only from an approved revision.
    #[arg(long, requires = "set")]
    approval_before_printing: bool,
    /// A job begins only in the material that was ordered, and with a loaded lot that may be used.
    #[arg(long, requires = "set")]
    lots: bool,
    /// A job begins only on a qualified printer whose calibration is not due.
    #[arg(long, requires = "set")]
    qualified_printers: bool,
    /// A part is accepted only when a coupon that was printed with it has passed.
    #[arg(long, requires = "set")]
    witness_coupon: bool,
    /// Whoever had a part in their hands may release it, too.
    #[arg(long, requires = "set")]
    releaser_may_be_operator: bool,
    /// A signature needs the password of the signer.
    #[arg(long, requires = "set")]
    password_to_sign: bool,
    /// So often somebody is asked for the assessment before it may be waived.
    #[arg(long, value_name = "N", requires = "set", default_value_t = 0)]
    reminders_before_waiver: u8,
    #[command(flatten)]
    by: By,
}

impl SiteRules {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let now: Rules = if self.set {
            let rules = Rules {
                approval_before_printing: self.approval_before_printing,
                lots: self.lots,
                qualified_printers: self.qualified_printers,
                witness_coupon: self.witness_coupon,
                releaser_may_be_operator: self.releaser_may_be_operator,
                password_to_sign: self.password_to_sign,
                reminders_before_waiver: self.reminders_before_waiver,
            };
            self.by.post(&client, "/v1/site-rules", rules)?
        } else {
            self.by.unused("--set --lots")?;
            client.get("/v1/site-rules")?
        };
        told(global, &now, lines)
    }
}

fn lines(rules: &Rules) {
    for (name, on) in [
        ("approval before printing", rules.approval_before_printing),
        ("lots", rules.lots),
        ("qualified printers", rules.qualified_printers),
        ("witness coupon", rules.witness_coupon),
        ("releaser may be operator", rules.releaser_may_be_operator),
        ("password to sign", rules.password_to_sign),
    ] {
        show::line(&format!("{name}: {}", if on { "on" } else { "off" }));
    }
    show::line(&format!("reminders before waiver: {}", rules.reminders_before_waiver));
}
