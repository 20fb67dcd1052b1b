//! `platen print`: upload a file or a model, queue a job from it, say where it runs or why it waits.

use clap::Args;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::model::Given;
use super::resin::millilitres;
use super::{Client, Failed, Global, show};
use crate::api::shapes::{FileView, JobView, ModelGiven, ModelView, NewJob, PartGiven};
use crate::model::Hint;

/// How often `--wait` looks: progress is noted once a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub struct Print {
    /// The G-code or resin file to print, or a model (STL, 3MF, OBJ) that the daemon slices first.
    pub file: PathBuf,
    /// The case's token.
    #[arg(long, value_name = "TOKEN")]
    pub case: String,
    /// The part's number within the case, or its id; again for each other piece that the file lays on the bed.
    #[arg(long, value_name = "PART", required = true)]
    pub part: Vec<String>,
    /// The only printer that it may run on.
    #[arg(long, value_name = "NAME")]
    pub printer: Option<String>,
    /// The material in plain words, such as PLA.
    #[arg(long, value_name = "WORDS")]
    pub material: Option<String>,
    /// What resin an encrypted file takes, as the slicer shows it: without it the job does not begin. --by says it.
    #[arg(long, value_name = "ML", value_parser = millilitres)]
    pub resin_ml: Option<f64>,
    /// How long it takes, with --resin-ml: so that the plan has an end of it.
    #[arg(long, value_name = "MINUTES", requires = "resin_ml")]
    pub minutes: Option<u32>,
    /// For a model, the process by its name; or `draft` or `fine`, where only one fits.
    #[arg(long, value_name = "NAME")]
    pub process: Option<String>,
    #[command(flatten)]
    pub given: Given,
    /// Queue so many jobs from the file, 1 to 20.
    #[arg(long, value_name = "N", conflicts_with = "wait")]
    pub copies: Option<u8>,
    /// A warning about the file or the model that is accepted, by its code; may be given again.
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
    /// Who accepts, and says what it takes.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Wait for the job's end; exit 0 only if it was printed exactly.
    #[arg(long)]
    pub wait: bool,
}

impl Print {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let failed = |error| Failed::File { path: self.file.display().to_string(), error };
        let file = File::open(&self.file).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(Failed::Usage(format!(
                "{} is no file; give one file of G-code or for resin",
                self.file.display()
            )));
        }
        let extension = self.file.extension().and_then(|extension| extension.to_str());
        let kind = extension.map(str::to_ascii_lowercase);
        let hint = kind.and_then(|kind| Hint::of(&kind).map(|hint| (hint, kind)));
        if !self.accept.is_empty() || self.resin_ml.is_some() {
            client.by(self.by.clone())?;
        }
        match (&hint, &self.process) {
            (Some(_), None) => {
                let words = "say by which process this model is to be sliced, with --process NAME; `platen slice` lists them";
                return Err(Failed::Usage(words.into()));
            }
            (None, Some(_)) => {
                let words = "this file is sliced already; --process is for a model (.stl, .3mf, .obj)";
                return Err(Failed::Usage(words.into()));
            }
            _ => {}
        }
        let mut source = Watched::new(file, about.len());
        let (file, model) = match (hint, self.process) {
            (None, _) => {
                let uploaded: FileView = client.upload("/v1/files", about.len(), &mut source)?;
                (Some(uploaded.file), None)
            }
            (Some((_, kind)), process) => {
                let units = self.given.units.map(|units| units.to_string());
                let of = units.as_ref().map(|units| format!("&units={units}")).unwrap_or_default();
                let path = format!("/v1/models?kind={kind}{of}");
                let uploaded: ModelView = client.upload(&path, about.len(), &mut source)?;
                let declared = self.given.declared();
                let model = ModelGiven {
                    hash: uploaded.model,
                    process: process.unwrap_or_default(),
                    units,
                    scale: Some(declared.scale),
                    mirrored: declared.mirrored,
                    expected: declared.expected.map(|size| size.to_vec()),
                    accept: Vec::new(),
                };
                (None, Some(model))
            }
        };
        source.clear();
        let named = |part: String| part.parse().map_or(PartGiven::Text(part), PartGiven::Number);
        let mut parts = self.part.into_iter().map(named);
        let Some(part) = parts.next() else {
            return Err(Failed::Usage("say of which part it is, with --part NUMBER".into()));
        };
        let new = NewJob {
            file,
            model,
            case: self.case,
            part,
            also: parts.collect(),
            printer: self.printer,
            material: self.material,
            resin_ml: self.resin_ml,
            minutes: self.minutes,
            accept: self.accept,
            copies: self.copies,
            by: self.by,
        };
        let mut job: JobView = client.post("/v1/jobs", &new)?;
        if self.wait {
            if !global.json {
                show::line(&job.id);
            }
            job = wait(&client, job)?;
        }
        if global.json {
            show::json(&job)?;
        } else {
            show::job(&job);
            if !job.copies.is_empty() {
                show::line(&format!("  and its copies: {}", job.copies.join(", ")));
            }
        }
        match (self.wait, job.exact) {
            (true, Some(true)) | (false, _) => Ok(()),
            (true, _) => {
                let next = match job.printer {
                    Some(printer) => format!("look at {printer} before you print again"),
                    None => "no printer had it".to_owned(),
                };
                let why = job.why.map(|why| format!(" ({why})")).unwrap_or_default();
                Err(Failed::Finding(format!("job {} ended as {}{why}; {next}", job.id, job.state)))
            }
        }
    }
}

/// Asks for the job until it has ended.
#[expect(clippy::disallowed_methods, reason = "a person looks on; the daemon is asked a few times a second")]
fn wait(client: &Client, mut job: JobView) -> Result<JobView, Failed> {
    let path = format!("/v1/jobs/{}", job.id);
    let mut bar = Bar::new();
    while job.ended.is_none() {
        match job.progress {
            None if job.slicing.is_some() => {
                let percent = job.slicing.as_ref().map_or(0, |slicing| slicing.percent);
                bar.draw(&job.state, f64::from(percent));
            }
            Some(progress) => bar.draw(&job.state, progress.percent),
            None => bar.draw(&job.state, 0.0),
        }
        std::thread::sleep(LOOK_EVERY);
        job = client.get(&path)?;
    }
    bar.clear();
    Ok(job)
}

/// A file that is being sent, with a bar on standard error where that is a terminal.
struct Watched {
    file: File,
    sent: u64,
    total: u64,
    bar: Bar,
}

impl Watched {
    fn new(file: File, total: u64) -> Self {
        Self { file, sent: 0, total, bar: Bar::new() }
    }

    fn clear(&mut self) {
        self.bar.clear();
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.sent += count as u64;
        let percent = if self.total == 0 { 100.0 } else { self.sent as f64 * 100.0 / self.total as f64 };
        self.bar.draw("uploading", percent);
        Ok(count)
    }
}

/// One line on a terminal that is drawn over itself.
pub(super) struct Bar {
    drawn: Option<Instant>,
    terminal: bool,
}

impl Bar {
    const WIDTH: usize = 30;

    pub(super) fn new() -> Self {
        Self { drawn: None, terminal: std::io::stderr().is_terminal() }
    }

    #[expect(clippy::disallowed_methods, reason = "how often a bar is drawn decides nothing")]
    pub(super) fn draw(&mut self, what: &str, percent: f64) {
        let recently = self.drawn.is_some_and(|drawn| drawn.elapsed() < Duration::from_millis(100));
        if !self.terminal || recently {
            return;
        }
        self.drawn = Some(Instant::now());
        let done =
            (0..Self::WIDTH).filter(|step| (*step as f64) < percent / 100.0 * Self::WIDTH as f64).count();
        let bar = "█".repeat(done) + &"░".repeat(Self::WIDTH - done);
        let _ = write!(std::io::stderr(), "\r\x1b[K{what} {bar} {percent:5.1} %");
    }

    pub(super) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
