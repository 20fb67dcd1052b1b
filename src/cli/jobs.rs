//! `platen jobs`: list, look at one, start, cancel, pause or resume it.

use clap::Args;

use super::client::segment;
use super::{Client, Failed, Global, show};
use crate::api::shapes::{By, JobView, StartOrder};

#[derive(Debug, Args)]
pub struct Jobs {
    /// Look at this one only.
    pub id: Option<String>,
    /// Take it off the queue, or end it on its printer.
    #[arg(long, value_name = "ID", group = "change", requires = "by", conflicts_with = "id")]
    pub cancel: Option<String>,
    /// Send no more lines until somebody resumes.
    #[arg(long, value_name = "ID", group = "change", requires = "by", conflicts_with = "id")]
    pub pause: Option<String>,
    /// Go on with a paused job.
    #[arg(long, value_name = "ID", group = "change", requires = "by", conflicts_with = "id")]
    pub resume: Option<String>,
    /// Let a waiting job begin now: you are at the printer.
    #[arg(long, value_name = "ID", group = "change", requires = "by", conflicts_with = "id")]
    pub start: Option<String>,
    /// The printer that you are at.
    #[arg(long, value_name = "PRINTER", requires = "start")]
    pub printer: Option<String>,
    /// Who says so.
    #[arg(long, value_name = "NAME", requires = "change")]
    pub by: Option<String>,
}

impl Jobs {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let changes = [("cancel", self.cancel), ("pause", self.pause), ("resume", self.resume)];
        let change = changes.into_iter().find_map(|(what, id)| id.map(|id| (what, id)));
        let cancelled = matches!(change, Some(("cancel", _)));
        let job: JobView = match (change, self.id) {
            _ if self.start.is_some() => {
                let id = self.start.unwrap_or_default();
                let order = StartOrder { by: self.by.unwrap_or_default(), printer: self.printer };
                client.post(&format!("/v1/jobs/{}/start", segment(&id)), &order)?
            }
            (Some((what, id)), _) => {
                let by = By { by: self.by.unwrap_or_default() };
                client.post(&format!("/v1/jobs/{}/{what}", segment(&id)), &by)?
            }
            (None, Some(id)) => client.get(&format!("/v1/jobs/{}", segment(&id)))?,
            (None, None) => {
                let jobs: Vec<JobView> = client.get("/v1/jobs")?;
                if global.json {
                    return show::json(&jobs);
                }
                show::jobs(&jobs);
                return Ok(());
            }
        };
        if global.json {
            return show::json(&job);
        }
        show::job(&job);
        if cancelled && job.ended.is_none() {
            show::line("cancelling: no more lines are sent, heaters and fan are being switched off");
        }
        Ok(())
    }
}
