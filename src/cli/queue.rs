//! `platen queue`: what is printed where and when, why not elsewhere, and what is wanted of a waiting job.

use clap::Args;

use super::client::segment;
use super::quality::{By, told, when};
use super::{Client, Failed, Global, show};
use crate::api::queue::{
    CallOffGiven, MaintenanceGiven, MaintenanceView, QueueEntry, QueueJobView, QueueView, WishGiven,
};

#[derive(Debug, Args)]
pub struct Queue {
    /// Look at this waiting job: where and when, and of every other printer why not there.
    pub job: Option<String>,
    /// How urgent it is: routine, urgent, emergency, or as_case.
    #[arg(long, value_name = "WORD", group = "wish", requires = "job")]
    pub priority: Option<String>,
    /// When its print has to have ended, such as 2026-12-01T07:00Z; or as_case.
    #[arg(long, value_name = "TIME", group = "wish", requires = "job")]
    pub due: Option<String>,
    /// Hold it: it waits for material, approval, question, printer or other.
    #[arg(long, value_name = "WHAT", group = "wish", requires = "job")]
    pub hold: Option<String>,
    /// Hold it no more.
    #[arg(long, group = "wish", requires = "job")]
    pub go_on: bool,
    /// The only printer that it may run on; or any.
    #[arg(long, value_name = "PRINTER", group = "wish", requires = "job")]
    pub printer: Option<String>,
    /// Bed and material of this printer are ready for it; or no.
    #[arg(long, value_name = "PRINTER", group = "wish", requires = "job")]
    pub prepared: Option<String>,
    /// The waiting job that it is to come before; last, or as_it_came.
    #[arg(long, value_name = "JOB", group = "wish", requires = "job")]
    pub before: Option<String>,
    /// Show when this printer is away; with --from and --until, it is away then.
    #[arg(long, value_name = "PRINTER", conflicts_with = "job")]
    pub away: Option<String>,
    #[arg(long, value_name = "TIME", requires = "away")]
    pub from: Option<String>,
    #[arg(long, value_name = "TIME", requires = "from", group = "window")]
    pub until: Option<String>,
    /// Call off what begins at --from.
    #[arg(long, requires = "from", group = "window")]
    pub call_off: bool,
    #[command(flatten)]
    pub by: By,
}

impl Queue {
    pub fn run(mut self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let by = std::mem::take(&mut self.by);
        if let Some(printer) = self.away.take() {
            return self.maintenance(&client, &printer, by, global);
        }
        let Some(job) = self.job.take() else {
            by.unused("JOB --priority urgent")?;
            let queue: QueueView = client.get("/v1/queue")?;
            return told(global, &queue, |queue| list(&queue.jobs));
        };
        let path = format!("/v1/queue/{}", segment(&job));
        let view: QueueJobView = match self.wish() {
            None => {
                by.unused("--priority urgent")?;
                client.get(&path)?
            }
            Some(wish) => {
                by.ask(&client, |hand| hand.client().post(&path, &WishGiven { by: hand.name(), ..wish }))?
            }
        };
        told(global, &view, one)
    }

    fn wish(self) -> Option<WishGiven> {
        let Self { priority, due, hold, go_on, printer, prepared, before, .. } = self;
        let hold = hold.or_else(|| go_on.then(|| "no".into()));
        let any = [&priority, &due, &hold, &printer, &prepared, &before].into_iter().any(Option::is_some);
        any.then_some(WishGiven { priority, due, hold, printer, prepared, before, was: None, by: None })
    }

    fn maintenance(self, client: &Client, printer: &str, by: By, global: &Global) -> Result<(), Failed> {
        let path = format!("/v1/printers/{}/maintenance", segment(printer));
        let windows: Vec<MaintenanceView> = match (self.from, self.until) {
            (None, _) => {
                by.unused("--from TIME --until TIME")?;
                client.get(&path)?
            }
            (Some(from), Some(until)) => by.ask(client, |hand| {
                hand.client().post(&path, &MaintenanceGiven { from, until, by: hand.name() })
            })?,
            (Some(from), None) if self.call_off => by.ask(client, |hand| {
                hand.client().post(&format!("{path}/call-off"), &CallOffGiven { from, by: hand.name() })
            })?,
            (Some(_), None) => {
                return Err(Failed::Usage("say until when it is away (--until TIME), or --call-off".into()));
            }
        };
        told(global, &windows, |windows| {
            if windows.is_empty() {
                return show::line("no maintenance is planned");
            }
            let rows: Vec<_> = windows.iter().map(|of| vec![when(&of.from), when(&of.until)]).collect();
            show::table(&["AWAY FROM (UTC)", "UNTIL"], &rows);
        })
    }
}

fn slack(entry: &QueueEntry) -> String {
    match entry.slack_min {
        _ if entry.at_once => "nothing".into(),
        None => String::new(),
        Some(minutes) if minutes < 0 => format!("LATE by {}", span(-minutes)),
        Some(minutes) => span(minutes),
    }
}

fn span(minutes: i64) -> String {
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {minutes:02} min"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

fn list(jobs: &[QueueEntry]) {
    if jobs.is_empty() {
        return show::line("nothing is queued; `platen print FILE --case TOKEN --part NUMBER` queues a job");
    }
    let at = |at: &Option<String>| at.as_deref().map(when).unwrap_or_default();
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            let place = job.printer.clone().unwrap_or_else(|| "-".into());
            let guess = if job.guessed { " ?" } else { "" };
            vec![
                job.job.clone(),
                job.state.clone(),
                format!("{} part {}", job.case, job.part),
                job.priority.clone(),
                place,
                at(&job.start),
                format!("{}{guess}", at(&job.end)),
                if job.at_once { "at once".into() } else { at(&job.due) },
                slack(job),
                job.waits.as_deref().map(show::plain).unwrap_or_default(),
            ]
        })
        .collect();
    let head =
        ["JOB", "STATE", "FOR", "PRIORITY", "PRINTER", "BEGINS (UTC)", "ENDS", "DUE", "TO SPARE", "WAITS"];
    show::table(&head, &rows);
}

fn one(view: &QueueJobView) {
    list(std::slice::from_ref(&view.entry));
    if let Some(reprints) = &view.entry.reprints {
        show::line(&format!("it prints {}", reprints.in_words()));
    }
    if let (Some(reason), Some(by)) = (&view.entry.held, &view.entry.held_by) {
        show::line(&format!("{} holds it: {reason}", show::plain(by)));
    }
    if let Some(note) = &view.note {
        show::line(&show::plain(note));
    }
    if view.printers.is_empty() {
        return;
    }
    show::line("");
    let rows: Vec<_> =
        view.printers.iter().map(|why| vec![why.printer.clone(), show::plain(&why.why)]).collect();
    show::table(&["PRINTER", "WHY, OR WHY NOT"], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_the_units_that_matter() {
        let told = [0, 59, 61, 1_439, 1_440, 10_000].map(span);
        assert_eq!(told, ["0 min", "59 min", "1 h 01 min", "23 h 59 min", "1 d 0 h", "6 d 22 h"]);
    }
}
