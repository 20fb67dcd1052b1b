//! `platen jobs`: list, look at one, start, cancel, pause or resume it, or make a file that goes on with its part.

use clap::Args;

use super::client::segment;
use super::quality::{By, told};
use super::{Client, Failed, Global, show};
use crate::api::queue::ReprintGiven;
use crate::api::shapes::{
    AcceptOrder, By as ByName, JobView, NewJob, PartGiven, PrinterView, ResumeFileView, ResumeOrder,
    StartOrder,
};

#[derive(Debug, Args)]
pub struct Jobs {
    /// Look at this one only.
    pub id: Option<String>,
    /// Take it off the queue, or end it on its printer.
    #[arg(long, value_name = "ID", group = "change", conflicts_with = "id")]
    pub cancel: Option<String>,
    /// Send no more lines until somebody resumes.
    #[arg(long, value_name = "ID", group = "change", conflicts_with = "id")]
    pub pause: Option<String>,
    /// Go on with a paused job.
    #[arg(long, value_name = "ID", group = "change", conflicts_with = "id")]
    pub resume: Option<String>,
    /// Let a waiting job begin now: you are at the printer.
    #[arg(long, value_name = "ID", group = "change", conflicts_with = "id")]
    pub start: Option<String>,
    /// The printer that you are at.
    #[arg(long, value_name = "PRINTER", requires = "start")]
    pub printer: Option<String>,
    /// Print the file of this job, which is over, once more, as a new job.
    #[arg(long, value_name = "ID", group = "change", requires = "cause", conflicts_with = "id")]
    pub reprint: Option<String>,
    /// Why: print_failed, inspection_failed, damaged, lost or another_copy.
    #[arg(long, value_name = "WORD", requires = "reprint")]
    pub cause: Option<String>,
    /// Make a file that goes on with the part of this interrupted job.
    #[arg(long, value_name = "ID", group = "change", requires = "layer", conflicts_with = "id")]
    pub resume_file: Option<String>,
    /// The layer to go on with, from 1: the one in which the job ended, or the next.
    #[arg(long, value_name = "N", requires = "resume_file")]
    pub layer: Option<u32>,
    /// How high the nozzle stands above the plate now, in millimetres; else as the record has it.
    #[arg(long, value_name = "MM", requires = "resume_file")]
    pub height: Option<f64>,
    /// Queue a job from that file, too; it begins when somebody at the printer says so.
    #[arg(long, requires = "resume_file")]
    pub queue: bool,
    /// Accept warnings about the file of this waiting job, by their codes.
    #[arg(long, value_name = "ID", group = "change", requires = "accept", conflicts_with = "id")]
    pub sign: Option<String>,
    /// A warning that is accepted with --sign or --queue, by its code; may be given again.
    #[arg(long, value_name = "CODE", requires = "change")]
    #[arg(conflicts_with_all = ["cancel", "pause", "resume", "start", "reprint"])]
    pub accept: Vec<String>,
    #[command(flatten)]
    pub by: By,
}

/// What happens while a job is cancelled. A resin printer has a light where others have heaters.
fn cancelling(with_resin: bool) -> &'static str {
    if with_resin {
        "cancelling: the print is being ended, and its light goes off with it"
    } else {
        "cancelling: no more lines are sent, heaters and fan are being switched off"
    }
}

fn at(id: &str, what: &str) -> String {
    format!("/v1/jobs/{}{what}", segment(id))
}

impl Jobs {
    pub fn run(mut self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let changes = [
            &self.cancel,
            &self.pause,
            &self.resume,
            &self.start,
            &self.sign,
            &self.resume_file,
            &self.reprint,
        ];
        let by = std::mem::take(&mut self.by);
        if changes.into_iter().any(Option::is_some) {
            return by.ask(&client, |hand| self.change(hand.client(), hand.name(), global));
        }
        by.unused("--start JOB")?;
        let Some(id) = self.id else {
            let jobs: Vec<JobView> = client.get("/v1/jobs")?;
            if global.json {
                return show::json(&jobs);
            }
            show::jobs(&jobs);
            return Ok(());
        };
        let job: JobView = client.get(&at(&id, ""))?;
        if global.json {
            return show::json(&job);
        }
        show::job(&job);
        Ok(())
    }

    fn change(self, client: &Client, by: Option<String>, global: &Global) -> Result<(), Failed> {
        if let Some(id) = &self.resume_file {
            return self.make_resume_file(id, by, client, global);
        }
        if let Some(id) = self.reprint {
            let cause = self.cause.unwrap_or_default();
            let given = ReprintGiven { cause, printer: None, by };
            let job: JobView = client.post(&at(&id, "/reprint"), &given)?;
            return told(global, &job, show::job);
        }
        let cancelled = self.cancel.is_some();
        let changes = [("/cancel", self.cancel), ("/pause", self.pause), ("/resume", self.resume)];
        let change = changes.into_iter().find_map(|(what, id)| id.map(|id| (what, id)));
        let job: JobView = match (change, self.sign, self.start) {
            (Some((what, id)), _, _) => client.post(&at(&id, what), &ByName { by })?,
            (None, Some(id), _) => {
                client.post(&at(&id, "/accept"), &AcceptOrder { accept: self.accept, by })?
            }
            (None, None, Some(id)) => {
                client.post(&at(&id, "/start"), &StartOrder { by, printer: self.printer })?
            }
            (None, None, None) => {
                return Err(Failed::Usage("say what is to become of which job, such as --start JOB".into()));
            }
        };
        if global.json {
            return show::json(&job);
        }
        show::job(&job);
        if cancelled && job.ended.is_none() {
            let path = job.printer.as_deref().map(|name| format!("/v1/printers/{}", segment(name)));
            // What becomes of the job is said already: only the words for it are asked for.
            let printer = path.and_then(|path| client.get::<PrinterView>(&path).ok());
            show::line(cancelling(printer.is_some_and(|printer| printer.resin.is_some())));
        }
        Ok(())
    }

    fn make_resume_file(
        &self,
        id: &str,
        by: Option<String>,
        client: &Client,
        global: &Global,
    ) -> Result<(), Failed> {
        let path = at(id, "");
        let order =
            ResumeOrder { layer: self.layer.unwrap_or_default(), height_mm: self.height, by: by.clone() };
        let made: ResumeFileView = client.post(&format!("{path}/resume-file"), &order)?;
        if !self.queue {
            if global.json {
                return show::json(&made);
            }
            show::resume_file(&made);
            return Ok(());
        }
        let origin: JobView = client.get(&path)?;
        let new = NewJob {
            model: None,
            file: Some(made.file.file.clone()),
            case: origin.case,
            part: PartGiven::Text(origin.part.id),
            // It goes on with all pieces of that job.
            also: Vec::new(),
            printer: Some(made.printer.clone()),
            material: origin.material,
            resin_ml: None,
            minutes: None,
            accept: self.accept.clone(),
            copies: None,
            by,
        };
        let job: JobView = client.post("/v1/jobs", &new)?;
        if global.json {
            return show::json(&job);
        }
        show::resume_file(&made);
        show::job(&job);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_printer_without_heaters_none_are_said_to_go_off() {
        assert!(cancelling(false).contains("heaters and fan"));
        assert!(cancelling(true).contains("light") && !cancelling(true).contains("heater"));
    }
}
