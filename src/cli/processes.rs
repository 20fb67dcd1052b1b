//! `platen processes`: what the site's catalogue of processes says and has said, version by version.

use clap::Args;

use super::quality::{told, when};
use super::{Client, Failed, Global, show};
use crate::api::quality::shapes::ProcessView;

#[derive(Debug, Args)]
pub struct Processes {}

impl Processes {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let all: Vec<ProcessView> = Client::new(global)?.get("/v1/processes")?;
        told(global, &all, |all| lines(all))
    }
}

fn lines(all: &[ProcessView]) {
    if all.is_empty() {
        return show::line("no process is in the journal; docs/slicing.md says how a site has its catalogue");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|of| {
            let validated_for = match of.validated_for.as_slice() {
                [] => "nothing".to_owned(),
                uses => uses.join(", "),
            };
            vec![
                of.name.clone(),
                of.version.to_string(),
                show::plain(&of.material),
                validated_for,
                when(&of.since),
                of.gone.as_deref().map(when).unwrap_or_default(),
                of.sha256.chars().take(12).collect(),
            ]
        })
        .collect();
    show::table(
        &["PROCESS", "VERSION", "MATERIAL", "VALIDATED FOR", "SINCE (UTC)", "GONE", "SHA-256"],
        &rows,
    );
}
