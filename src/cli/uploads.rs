//! `platen uploads`: files that slicers sent, which of them wait, and of which part one is.

use clap::Args;

use super::client::segment;
use super::quality::{By, told, when};
use super::resin::millilitres;
use super::{Client, Failed, Global, show};
use crate::api::shapes::{By as ByName, JobView, PartGiven};
use crate::api::uploads::{Assignment, UploadView};

#[derive(Debug, Args)]
pub struct Uploads {
    /// Say of which part this one is, and queue it.
    #[arg(long, value_name = "ID", group = "change")]
    pub assign: Option<String>,
    /// The case, where it did not come along.
    #[arg(long, value_name = "TOKEN", requires = "assign")]
    pub case: Option<String>,
    /// The number of the part; given again for what else lies on the bed.
    #[arg(long, value_name = "NUMBER", requires = "assign")]
    pub part: Vec<u16>,
    /// The only printer that it may run on.
    #[arg(long, value_name = "PRINTER", requires = "assign")]
    pub printer: Option<String>,
    #[arg(long, value_name = "WORDS", requires = "assign")]
    pub material: Option<String>,
    /// What resin an encrypted file takes, as the slicer shows it; --by says it.
    #[arg(long, value_name = "ML", value_parser = millilitres, requires = "assign")]
    pub resin_ml: Option<f64>,
    /// How long it takes, with --resin-ml.
    #[arg(long, value_name = "MINUTES", requires = "resin_ml")]
    pub minutes: Option<u32>,
    /// A warning about the file that is accepted, by its code; may be given again.
    #[arg(long, value_name = "CODE", requires = "assign")]
    pub accept: Vec<String>,
    /// Put this one away.
    #[arg(long, value_name = "ID", group = "change")]
    pub dismiss: Option<String>,
    #[command(flatten)]
    pub by: By,
}

impl Uploads {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let path = |id: &str, what: &str| format!("/v1/uploads/{}/{what}", segment(id));
        if let Some(id) = &self.assign {
            let mut parts = self.part.into_iter().map(PartGiven::Number);
            let given = Assignment {
                case: self.case,
                part: parts.next(),
                also: parts.collect(),
                printer: self.printer,
                material: self.material,
                resin_ml: self.resin_ml,
                minutes: self.minutes,
                accept: self.accept,
                by: None,
            };
            let job: JobView = self.by.ask(&client, |hand| {
                hand.client().post(&path(id, "assign"), &Assignment { by: hand.name(), ..given })
            })?;
            return told(global, &job, show::job);
        }
        if let Some(id) = &self.dismiss {
            let gone: UploadView = self
                .by
                .ask(&client, |hand| hand.client().post(&path(id, "dismiss"), &ByName { by: hand.name() }))?;
            return told(global, &gone, |gone| list(std::slice::from_ref(gone)));
        }
        self.by.unused("--assign ID --case TOKEN --part NUMBER")?;
        let all: Vec<UploadView> = client.get("/v1/uploads")?;
        told(global, &all, |all| list(all))
    }
}

fn list(all: &[UploadView]) {
    if all.is_empty() {
        return show::line("no slicer has sent a file; docs/slicers.md says how one does");
    }
    let rows: Vec<_> = all
        .iter()
        .map(|upload| {
            let case = upload.case.as_ref().map(|case| match upload.part {
                Some(part) => format!("{case} part {part}"),
                None => case.clone(),
            });
            vec![
                upload.id.clone(),
                show::plain(&upload.name),
                upload.printer.clone().unwrap_or_else(|| "any".into()),
                upload.state.clone(),
                case.unwrap_or_default(),
                upload.job.clone().unwrap_or_default(),
                when(&upload.at),
                upload.waits.clone().unwrap_or_default(),
            ]
        })
        .collect();
    show::table(&["UPLOAD", "NAME", "PRINTER", "STATE", "CASE", "JOB", "CAME (UTC)", "WAITS BECAUSE"], &rows);
}
