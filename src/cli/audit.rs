//! `platen audit`: is the journal whole? Exit code 0 yes, 1 no.

use clap::Args;

use super::{Client, Failed, Global, show};
use crate::api::shapes::AuditView;

#[derive(Debug, Args)]
pub struct Audit {}

impl Audit {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let found: AuditView = Client::new(global)?.get("/v1/audit")?;
        if global.json {
            show::json(&found)?;
        }
        match (found.intact, found.entries, found.head) {
            (true, Some(entries), Some(head)) => {
                if !global.json {
                    show::line(&format!("intact: {entries} entries, head {head}"));
                }
                Ok(())
            }
            _ => Err(Failed::Finding(format!(
                "the journal is NOT intact: {}",
                found.finding.unwrap_or_else(|| "no reason was given".into())
            ))),
        }
    }
}
