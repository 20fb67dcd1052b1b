//! The gate for files of the spool: each is read once for all printers that read files alike, and judged for each.
//!
//! ```text
//! asked ─▶ judged before? ──yes──▶ findings
//!             └─no─▶ read before? ──yes──▶ judged (microseconds) ─▶ kept
//!                       └─no─▶ (its turn) ─▶ read through, hash and all ─▶ kept
//! ```
//! Who may wait asks `findings`; the dispatcher asks `verdict`, which never waits and says later that there is news.
//! A resin file is told by its content, is read alike for all printers, and judged by `resin`.

pub mod resin;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::resin::file::begin;
use tokio::sync::{Notify, Semaphore};

use super::resinfiles::{NoResin, ResinFiles, ResinReading};
use super::suits::Medium;
use crate::config::{self, Kind, Printer};
use crate::domain::finding::{Finding, Severity, refused, without_allowed};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::Job;
use crate::domain::lab::Lab;
use crate::domain::printer::Firmware;
use crate::domain::units::Height;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::lexer::LexError;
use crate::gcode::modal::Counting;
use crate::gcode::preflight::{PrinterLimits, Question, judge};
use crate::io::spool::{Spool, SpoolError};

/// Files that are not read again when somebody asks about another printer: a busy day's.
const READ_MAX: usize = 64;
/// Answers that are kept: a hundred printers times more jobs than wait for them.
const JUDGED_MAX: usize = 16_384;

/// What the configuration says that a printer can bear.
pub fn limits_of(printer: &Printer, site: &config::Gate) -> PrinterLimits {
    let build = &printer.build;
    let axis = |of: Option<(i16, i16)>| of.map(|(low, high)| (f64::from(low), f64::from(high)));
    PrinterLimits {
        volume: [axis(build.x), axis(build.y), build.height.map(|height| (0.0, f64::from(height)))],
        margin: f64::from(build.beside),
        hotend_max: Some(f64::from(printer.heat.hotend_max)),
        bed_max: Some(f64::from(printer.heat.bed_max)),
        chamber_max: Some(f64::from(printer.heat.chamber_max)),
        nozzle: build.nozzle.map(Height::mm),
        filament: build.filament.map(Height::mm),
        model: printer.model.clone(),
        arcs: build.arcs,
        firmware: printer.firmware,
        longest: build.longest.map(|longest| longest.as_secs_f64()),
        forbidden: site.forbidden_commands.clone(),
        allowed: Some(printer.allow_commands.clone()),
    }
}

/// What speaks against a file on this printer, without what its section allows.
pub fn speaks(found: Vec<Finding>, printer: &Printer) -> Vec<Finding> {
    without_allowed(found, &printer.allow_findings)
}

/// A printer's firmware: the operator's word, else what its board says or said last.
pub fn firmware_of(printer: &Printer, told: Option<&str>) -> Option<Firmware> {
    let told = || told.map(Firmware::identify).filter(|firmware| *firmware != Firmware::Unknown);
    printer.firmware.or_else(told)
}

/// What a printer's board said of its firmware when it was last connected.
pub fn last_told(lab: &Lab, printer: &PrinterName) -> Option<String> {
    lab.printers.get(printer)?.identity.as_ref()?.evidence.board.firmware.clone()
}

/// What is known of a printer's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Board {
    Known(Firmware),
    /// It has said what it is, and that is nothing that platen knows.
    Unknown,
    /// It was never connected: it will say what it is before anything begins there.
    Untold,
}

/// One for each way to count filament, and one that has `G29 S1` to `S3` move nothing: what speaks against a file on
/// all of them does so on every board.
const ANY: [Firmware; 4] =
    [Firmware::Marlin21, Firmware::Marlin11, Firmware::Klipper, Firmware::RepRapFirmware];

impl Board {
    /// How it has to be looked at.
    fn firmwares(self) -> Vec<Option<Firmware>> {
        match self {
            Self::Known(firmware) => vec![Some(firmware)],
            Self::Unknown => vec![None],
            Self::Untold => untold().to_vec(),
        }
    }
}

/// How a file has to be looked at for a printer that has not said yet what it is.
pub fn untold() -> [Option<Firmware>; ANY.len()] {
    ANY.map(Some)
}

/// What speaks against a file whichever of these it is, in the words of the first.
pub fn on_each(each: impl IntoIterator<Item = Vec<Finding>>) -> Vec<Finding> {
    let both = |all: Vec<Finding>, here: Vec<Finding>| {
        all.into_iter().filter(|finding| here.iter().any(|other| other.code == finding.code)).collect()
    };
    each.into_iter().reduce(both).unwrap_or_default()
}

/// What is asked about a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub file: FileHash,
    pub printer: PrinterName,
    board: Board,
    material: Option<String>,
    resumes: bool,
}

/// A file as it was read; without what only pictures need.
#[derive(Clone, Debug)]
pub enum Reading {
    Gcode { analysis: Box<Analysis>, layers: usize },
    Resin(Arc<ResinReading>),
}

impl Reading {
    pub fn layers(&self) -> usize {
        match self {
            Self::Gcode { layers, .. } => *layers,
            Self::Resin(reading) => reading.pictures.len(),
        }
    }

    pub fn gcode(&self) -> Option<&Analysis> {
        match self {
            Self::Gcode { analysis, .. } => Some(analysis),
            Self::Resin(_) => None,
        }
    }

    pub fn resin(&self) -> Option<&Arc<ResinReading>> {
        match self {
            Self::Gcode { .. } => None,
            Self::Resin(reading) => Some(reading),
        }
    }

    pub fn medium(&self) -> Medium {
        match self {
            Self::Gcode { .. } => Medium::Filament,
            Self::Resin(_) => Medium::Resin,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Without a word of the file, since more people read it than have uploaded it.
    #[error("this file cannot be printed: {0}: it is not G-code")]
    File(#[from] LexError),
    /// The same.
    #[error("this file cannot be printed: {0}")]
    Resin(&'static str),
    #[error("printer {0} is not in the configuration; `platen printers` lists them")]
    NoPrinter(PrinterName),
}

impl From<NoResin> for NotRead {
    fn from(error: NoResin) -> Self {
        match error {
            NoResin::Spool(error) => Self::Spool(error),
            error => Self::Resin(error.kind()),
        }
    }
}

/// What the dispatcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passes,
    Refused(Arc<[Finding]>),
    /// The file is being read; there will be news.
    NotYet,
    /// The file cannot be read to its end as what was uploaded.
    Unreadable,
}

/// How a file is read: those for whom it is the same share a reading.
type Key = (FileHash, Option<Counting>);

#[derive(Debug, Default)]
struct Kept {
    readings: VecDeque<(Key, Arc<Reading>)>,
    judged: BTreeMap<Asked, Arc<[Finding]>>,
    /// Being read for the dispatcher.
    wanted: Vec<Key>,
    failed: Vec<Key>,
}

impl Kept {
    fn reading(&self, key: &Key) -> Option<Arc<Reading>> {
        self.readings.iter().find(|(kept, _)| kept == key).map(|(_, reading)| Arc::clone(reading))
    }

    /// The oldest go first.
    fn keep(&mut self, key: Key, reading: Arc<Reading>) {
        self.failed.retain(|failed| *failed != key);
        self.readings.push_back((key, reading));
        while self.readings.len() > READ_MAX {
            self.readings.pop_front();
        }
    }
}

#[derive(Debug)]
struct Inner {
    spool: Arc<Spool>,
    resin: ResinFiles,
    printers: BTreeMap<PrinterName, Printer>,
    site: config::Gate,
    /// Printers come first: one file is read at a time.
    turn: Semaphore,
    kept: Mutex<Kept>,
    news: Notify,
}

/// A handle to the gate; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

impl Gate {
    pub fn new(spool: Arc<Spool>, printers: &[Printer], site: &config::Gate) -> Self {
        Self::sharing(spool, printers, site, ResinFiles::default())
    }

    /// One that knows what others have read of resin files, and has them know what it reads.
    pub fn sharing(spool: Arc<Spool>, printers: &[Printer], site: &config::Gate, resin: ResinFiles) -> Self {
        let printers = printers.iter().map(|printer| (printer.name.clone(), printer.clone())).collect();
        let (turn, kept, news) = (Semaphore::new(1), Mutex::default(), Notify::new());
        Self(Arc::new(Inner { spool, resin, printers, site: site.clone(), turn, kept, news }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `told` is what the printer's board says of its firmware; absent where it was never connected.
    pub fn asked(
        &self,
        file: &FileHash,
        printer: &PrinterName,
        told: Option<&str>,
        material: Option<&str>,
        resumes: bool,
    ) -> Asked {
        let firmware = self.0.printers.get(printer).and_then(|printer| firmware_of(printer, told));
        let board = match (firmware, told) {
            (Some(firmware), _) => Board::Known(firmware),
            (None, Some(_)) => Board::Unknown,
            (None, None) => Board::Untold,
        };
        Asked {
            file: file.clone(),
            printer: printer.clone(),
            board,
            material: material.map(str::to_owned),
            resumes,
        }
    }

    /// About a job.
    pub fn asked_of(&self, job: &Job, printer: &PrinterName, told: Option<&str>) -> Asked {
        self.asked(&job.file, printer, told, job.material.as_deref(), job.resumes.is_some())
    }

    fn key(asked: &Asked, firmware: Option<Firmware>) -> Key {
        (asked.file.clone(), firmware.and_then(Counting::of))
    }

    /// As it is kept here, or by whoever reads resin files, which are the same to every firmware.
    fn read_before(&self, kept: &Kept, key: &Key) -> Option<Arc<Reading>> {
        kept.reading(key).or_else(|| self.resin_before(&key.0))
    }

    fn resin_before(&self, file: &FileHash) -> Option<Arc<Reading>> {
        self.0.resin.kept(file).map(|reading| Arc::new(Reading::Resin(reading)))
    }

    /// What is known without reading anything.
    pub fn known(&self, asked: &Asked) -> Option<Arc<[Finding]>> {
        let mut kept = self.kept();
        if let Some(found) = kept.judged.get(asked) {
            return Some(Arc::clone(found));
        }
        let printer = self.0.printers.get(&asked.printer)?;
        let mut each = Vec::new();
        for firmware in asked.board.firmwares() {
            let reading = self.read_before(&kept, &Self::key(asked, firmware))?;
            each.push(self.judged(&reading, printer, firmware, asked));
        }
        let found: Arc<[Finding]> = speaks(on_each(each), printer).into();
        if kept.judged.len() >= JUDGED_MAX {
            kept.judged.clear();
        }
        kept.judged.insert(asked.clone(), Arc::clone(&found));
        Some(found)
    }

    fn judged(
        &self,
        reading: &Reading,
        printer: &Printer,
        firmware: Option<Firmware>,
        asked: &Asked,
    ) -> Vec<Finding> {
        let material = asked.material.as_deref();
        match (reading, printer.kind) {
            (Reading::Gcode { analysis, .. }, Kind::Fdm) => {
                let question = Question {
                    printer: PrinterLimits { firmware, ..limits_of(printer, &self.0.site) },
                    material,
                    model: None,
                    // What is cut does not come into the spool.
                    whole: Some(true),
                    resumes: asked.resumes,
                };
                judge(analysis, &question)
            }
            (Reading::Resin(reading), Kind::Resin) => resin::judge(reading, printer, material),
            (Reading::Gcode { .. }, Kind::Resin) => {
                vec![resin::other_kind("this printer prints with resin, and the file is G-code for filament")]
            }
            (Reading::Resin(_), Kind::Fdm) => {
                vec![resin::other_kind("this printer prints with filament, and the file is for resin")]
            }
        }
    }

    /// What speaks against the file there; reads it where nobody has.
    pub async fn findings(&self, asked: &Asked) -> Result<Arc<[Finding]>, NotRead> {
        if !self.0.printers.contains_key(&asked.printer) {
            return Err(NotRead::NoPrinter(asked.printer.clone()));
        }
        loop {
            if let Some(found) = self.known(asked) {
                return Ok(found);
            }
            for firmware in asked.board.firmwares() {
                self.read(Self::key(asked, firmware)).await?;
            }
        }
    }

    /// The file as it is read for that printer.
    pub async fn reading(&self, asked: &Asked) -> Result<Arc<Reading>, NotRead> {
        self.read(Self::key(asked, asked.board.firmwares().first().copied().flatten())).await
    }

    /// A file as somebody has read it before, for whichever firmware.
    pub fn read_already(&self, file: &FileHash) -> Option<Arc<Reading>> {
        let kept = self.kept();
        let found = kept.readings.iter().find(|((of, _), _)| of == file);
        found.map(|(_, reading)| Arc::clone(reading)).or_else(|| self.resin_before(file))
    }

    /// The same, where it was read already.
    pub fn reading_kept(&self, asked: &Asked) -> Option<Arc<Reading>> {
        let key = Self::key(asked, asked.board.firmwares().first().copied().flatten());
        self.read_before(&self.kept(), &key)
    }

    async fn read(&self, key: Key) -> Result<Arc<Reading>, NotRead> {
        let kept = self.read_before(&self.kept(), &key);
        if let Some(reading) = kept {
            return Ok(reading);
        }
        let (file, counting) = &key;
        // Masks have a turn of their own: they take minutes, and G-code seconds.
        if begin(&self.0.spool.first_bytes(file).await?).is_some() {
            let resin = self.0.resin.of(&self.0.spool, file).await?;
            self.kept().failed.retain(|failed| failed.0 != *file);
            return Ok(Arc::new(Reading::Resin(resin)));
        }
        // It is never closed; and without a turn it would only be read at once.
        let _turn = self.0.turn.acquire().await;
        let kept = self.kept().reading(&key);
        if let Some(reading) = kept {
            return Ok(reading);
        }
        let analyser = Analyser::new(Options { counting: *counting, ..Options::default() });
        // What was read is kept under this name: it must be the file of this name.
        let (_, read) = self.0.spool.read_checked(file, analyser, Analyser::feed).await?;
        let analysis = read.and_then(Analyser::finish)?;
        let layers = analysis.layers.len();
        let analysis = Box::new(Analysis { layers: Vec::new(), ..analysis });
        let reading = Arc::new(Reading::Gcode { analysis, layers });
        self.kept().keep(key, Arc::clone(&reading));
        Ok(reading)
    }

    /// Whether a job may begin there, as far as the file goes. Does not wait: where the file has to be read first,
    /// `news` comes when it is.
    pub fn verdict(&self, asked: &Asked, accepted: &[String]) -> Verdict {
        if let Some(found) = self.known(asked) {
            return match refused(&found, accepted).is_empty() {
                true => Verdict::Passes,
                false => Verdict::Refused(found),
            };
        }
        let mut kept = self.kept();
        let keys = asked.board.firmwares().into_iter().map(|firmware| Self::key(asked, firmware));
        let Some(key) = keys.into_iter().find(|key| self.read_before(&kept, key).is_none()) else {
            return Verdict::NotYet;
        };
        if let Some(at) = kept.failed.iter().position(|failed| *failed == key) {
            kept.failed.swap_remove(at);
            return Verdict::Unreadable;
        }
        if !kept.wanted.contains(&key) && self.0.printers.contains_key(&asked.printer) {
            kept.wanted.push(key.clone());
            let gate = self.clone();
            tokio::spawn(async move {
                let outcome = gate.read(key.clone()).await;
                let mut kept = gate.kept();
                kept.wanted.retain(|wanted| *wanted != key);
                if let Err(error) = outcome {
                    tracing::error!(file = %key.0, %error, "the gate cannot read a file");
                    if !kept.failed.contains(&key) {
                        kept.failed.push(key);
                    }
                }
                drop(kept);
                gate.0.news.notify_one();
            });
        }
        Verdict::NotYet
    }

    /// When a file was read for `verdict`.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }
}

/// The codes that would have to be accepted, where that is all.
pub fn acceptable(found: &[Finding], accepted: &[String]) -> Vec<&'static str> {
    let open = refused(found, accepted);
    if open.iter().any(|finding| finding.severity == Severity::Error) {
        return Vec::new();
    }
    let mut codes: Vec<_> = open.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What is not accepted of what was found in a job's file, in a sentence.
pub fn in_words(found: &[Finding], accepted: &[String], job: &JobId) -> String {
    let open = refused(found, accepted);
    let Some(first) = open.first() else { return "nothing speaks against its file".into() };
    let line = first.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let more = match open.len() {
        1 => String::new(),
        2 => " (and one finding more)".into(),
        all => format!(" (and {} findings more)", all - 1),
    };
    let help = match acceptable(found, accepted).as_slice() {
        [] => first.help.to_owned(),
        codes => {
            let codes = codes.join(" --accept ");
            format!("{}, or accept it: `platen jobs --sign {job} --accept {codes} --by NAME`", first.help)
        }
    };
    format!("its file does not pass here: {line}{}{more} ({}); {help}", first.what, first.code)
}

#[cfg(test)]
mod tests;
