//! From a model to a file that can be printed: a few slicers at a time, each in its cage, and nothing believed.
//!
//! ```text
//! waiting ─▶ model read and judged ─▶ our own copy of it ─▶ slicer ─▶ file whole? ─▶ read and judged ─▶ Sliced
//! ```
//! Whatever goes wrong ends here, with words; the folder of the slicing goes away with it.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::case::IntendedUse;
use crate::domain::chain::{Chain, ModelLink, ProfileLink, SlicerLink};
use crate::domain::finding::{Finding, refused, without_allowed};
use crate::domain::ids::FileHash;
use crate::domain::units::Height;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::lexer::LexError;
use crate::gcode::preflight::{self, PrinterLimits, Question};
use crate::io::cage::{self, Network, Private, Said};
use crate::io::durable::new_file;
use crate::io::offload::offload;
use crate::model::limits::{LIMITS as MODEL_LIMITS, ModelError};
use crate::model::rewrite::{RewriteError, rewrite};
use crate::model::scale::{Declared, Sliced as Measured, Turned, compare_extents};
use crate::model::{Hint, ModelReport, judge, read};
use crate::slicing::failure::Failure;
use crate::slicing::limits::Limits;
use crate::slicing::part::PartOnly;
use crate::slicing::process::{Catalogue, Process, ProcessError};
use crate::slicing::profile::{Profile, ProfileError, Technology};
use crate::slicing::prusa::PrusaSlicer;
use crate::slicing::whole::Whole;
use crate::slicing::{MODEL, PROFILE, Slicer, Step, output};

/// The file with all processes, beside the profiles.
pub const CATALOGUE: &str = "processes.toml";
/// As much of a file as is read at a time.
const BLOCK: usize = 256 << 10;
/// Lines in which a program says its version.
const HEAD_LINES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    #[error("{path}: {error}; look at the path")]
    Io { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("this model cannot be used: {0}")]
    Model(#[from] ModelError),
    #[error(transparent)]
    Copy(RewriteError),
    /// What speaks against the model, or against what was made of it, and nobody has accepted.
    #[error("{}", words(.0))]
    Findings(Vec<Finding>),
    #[error(transparent)]
    Slicer(#[from] Failure),
    #[error("what was sliced cannot be printed: {0}")]
    File(LexError),
    #[error("the slicing was given up, since platen ends")]
    Ended,
}

fn words(findings: &[Finding]) -> String {
    let one = |finding: &Finding| format!("{}: {}; {}", finding.code, finding.what, finding.help);
    findings.iter().map(one).collect::<Vec<_>>().join("; and ")
}

/// Where slicers come from and what they may take.
#[derive(Debug)]
pub struct Slicing {
    profiles: PathBuf,
    /// Else what is on the path.
    program: Option<PathBuf>,
    limits: Limits,
    /// Private folders are made here.
    scratch: PathBuf,
    slicer: Arc<dyn Slicer>,
    slots: Semaphore,
    asked: OnceLock<Result<String, String>>,
}

/// One slicing.
#[derive(Clone, Debug)]
pub struct Task {
    pub model: PathBuf,
    /// What its name says of it, where it has one.
    pub hint: Option<Hint>,
    pub declared: Declared,
    pub process: Process,
    /// What the printer bears; its plate is the profile's.
    pub printer: PrinterLimits,
    pub intended_use: Option<IntendedUse>,
    /// Warnings that somebody has accepted, by their codes.
    pub accepted: Vec<String>,
    /// What the printer's section allows of what may be found in the file.
    pub allowed: Vec<&'static str>,
}

/// What came of it. The file goes away with this.
#[derive(Debug)]
pub struct Sliced {
    pub path: PathBuf,
    pub chain: Chain,
    /// About model and file; those that are left were accepted.
    pub findings: Vec<Finding>,
    /// What the file does, where it is G-code.
    pub analysis: Option<Box<Analysis>>,
    /// What the slicer says of the time, s.
    pub claimed_seconds: Option<f64>,
    _folder: Private,
}

impl Slicing {
    /// `scratch` has to be there; `parallel` slicers run at a time.
    pub fn new(
        profiles: &Path,
        program: Option<PathBuf>,
        limits: Limits,
        scratch: &Path,
        parallel: usize,
    ) -> Self {
        Self {
            profiles: profiles.to_owned(),
            program,
            limits,
            scratch: scratch.to_owned(),
            slicer: Arc::new(PrusaSlicer),
            slots: Semaphore::new(parallel.max(1)),
            asked: OnceLock::new(),
        }
    }

    /// All processes of the site, as their file says now.
    pub fn catalogue(&self) -> Result<Catalogue, SliceError> {
        Ok(Catalogue::parse(&self.text(CATALOGUE)?)?)
    }

    /// The profile of a process, which has to be the one that was validated.
    pub fn profile(&self, process: &Process) -> Result<Profile, SliceError> {
        let profile = Profile::parse(&process.profile, &self.text(&process.profile)?)?;
        process.fits(&profile)?;
        Ok(profile)
    }

    fn text(&self, name: &str) -> Result<String, SliceError> {
        let path = self.profiles.join(name);
        std::fs::read_to_string(&path).map_err(|error| SliceError::Io { path, error })
    }

    /// When one of the places is free. Steps are told as they come; nobody needs to look.
    pub async fn slice(
        self: &Arc<Self>,
        task: Task,
        cancel: &CancellationToken,
        steps: watch::Sender<Step>,
    ) -> Result<Sliced, SliceError> {
        let slot = tokio::select! {
            slot = self.slots.acquire() => slot.map_err(|_| SliceError::Ended)?,
            () = cancel.cancelled() => return Err(Failure::Cancelled.into()),
        };
        let (slicing, cancel) = (Arc::clone(self), cancel.clone());
        let done = offload(move || {
            slicing.slice_here(&task, &cancel, |step| {
                steps.send_if_modified(|last| {
                    // A slicer's own order goes back and forth.
                    let step = Step { percent: step.percent.max(last.percent), ..step };
                    let news = *last != step;
                    *last = step;
                    news
                });
            })
        })
        .await;
        drop(slot);
        done.unwrap_or(Err(SliceError::Ended))
    }

    /// On this thread, which waits.
    pub fn slice_here(
        &self,
        task: &Task,
        cancel: &CancellationToken,
        step: impl FnMut(Step),
    ) -> Result<Sliced, SliceError> {
        let process = &task.process;
        let (program, version) = self.able(process, cancel)?;
        let Ready { profile, report, mut findings } = self.ready(task)?;
        let (mut source, told) = (open(&task.model)?, task.declared.units);

        let folder = Private::new(&self.scratch).map_err(|error| io(&self.scratch, error))?;
        let model = folder.path().join(MODEL);
        let copy = new_file(&model).map_err(|error| io(&model, error))?;
        rewrite(&mut source, task.hint, told, &MODEL_LIMITS, &report, copy).map_err(|error| match error {
            RewriteError::Model(error) => SliceError::Model(error),
            error => SliceError::Copy(error),
        })?;
        let settings = folder.path().join(PROFILE);
        std::fs::write(&settings, &profile.text).map_err(|error| io(&settings, error))?;

        let network = self.run(&program, &profile, &folder, cancel, step)?;
        let path = folder.path().join(output(profile.technology));
        let whole = self.whole(&profile, &path)?;
        let file = self.look(task, &profile, &report, &path, &whole, &mut findings)?;
        pass(&findings, &task.accepted)?;
        let chain = Chain {
            model: model_link(&report),
            process: process.name.clone(),
            printer_model: process.printer_model.clone(),
            material: process.material.clone(),
            profile: ProfileLink { name: profile.name, version: profile.version, hash: profile.hash },
            slicer: SlicerLink { name: self.slicer.name().into(), version },
            file: file.hash,
            bytes: file.bytes,
            layers: file.layers,
            height: file.height.and_then(Height::from_mm),
            network_cut: network == Network::Cut,
            accepted: codes(&findings),
        };
        let analysis = file.analysis;
        Ok(Sliced { path, chain, findings, analysis, claimed_seconds: whole.seconds, _folder: folder })
    }

    /// What can be said without a slicer: whether the process may be used so, and whether the model may be sliced.
    pub fn ready(&self, task: &Task) -> Result<Ready, SliceError> {
        if let Some(wanted) = task.intended_use {
            task.process.good_for(wanted)?;
        }
        let profile = self.profile(&task.process)?;
        let report = read(&mut open(&task.model)?, task.hint, task.declared.units, &MODEL_LIMITS)?;
        let declared = Declared { volume: volume(&profile).or(task.declared.volume), ..task.declared };
        let findings = judge(&report, &declared);
        pass(&findings, &task.accepted)?;
        Ok(Ready { profile, report, findings })
    }

    /// The slicer of a process, if it is here in the version that was validated.
    pub fn able(
        &self,
        process: &Process,
        cancel: &CancellationToken,
    ) -> Result<(PathBuf, String), SliceError> {
        let (program, version) = self.version(cancel)?;
        self.fits(process, &version)?;
        Ok((program, version))
    }

    /// Whether a process was validated with a slicer of this version.
    pub fn fits(&self, process: &Process, version: &str) -> Result<(), SliceError> {
        Ok(process.fits_slicer(self.slicer.as_ref(), version)?)
    }

    /// Which slicer there is, or why none, as it was when this was first asked: for pages that are made again and again.
    /// Blocks the first time.
    pub fn asked_version(&self) -> Result<&str, &str> {
        let ask = || {
            let version = self.version(&CancellationToken::new());
            version.map(|(_, version)| version).map_err(|error| error.to_string())
        };
        self.asked.get_or_init(ask).as_ref().map(String::as_str).map_err(String::as_str)
    }

    /// Where the slicer is, and which one.
    pub fn version(&self, cancel: &CancellationToken) -> Result<(PathBuf, String), SliceError> {
        let name = self.program.clone().unwrap_or_else(|| self.slicer.program().into());
        let shown = name.display().to_string();
        let missing = || Failure::Missing { program: shown.clone(), install: self.slicer.install() };
        let program = cage::find(&name).ok_or_else(missing)?;
        let folder = Private::new(&self.scratch).map_err(|error| io(&self.scratch, error))?;
        let order = cage::Order {
            program: &program,
            arguments: self.slicer.version_arguments(),
            folder: folder.path(),
            limits: &self.limits,
        };
        let mut head = Vec::new();
        let (end, _) = cage::run(&order, cancel, |said| {
            if let Said::Out(line) = said
                && head.len() < HEAD_LINES
            {
                head.push(line.to_owned());
            }
        })
        .map_err(|error| self.not_started(&program, &error))?;
        if end.stopped.is_some() {
            return Err(self.slicer.failure(&end).into());
        }
        let version = self.slicer.version(&head.join("\n"));
        // It may not even have begun: what it needs finds no room in its memory.
        if version.is_none() && end.status != crate::slicing::failure::Status::Exit(0) {
            return Err(self.slicer.failure(&end).into());
        }
        version.map(|version| (program, version)).ok_or_else(|| Failure::NoVersion { program: shown }.into())
    }

    fn not_started(&self, program: &Path, error: &std::io::Error) -> Failure {
        let program = program.display().to_string();
        match error.kind() {
            ErrorKind::NotFound => Failure::Missing { program, install: self.slicer.install() },
            _ => Failure::Start { program, error: error.to_string() },
        }
    }

    fn run(
        &self,
        program: &Path,
        profile: &Profile,
        folder: &Private,
        cancel: &CancellationToken,
        mut step: impl FnMut(Step),
    ) -> Result<Network, SliceError> {
        let arguments = self.slicer.arguments(profile.technology);
        let order =
            cage::Order { program, arguments: &arguments, folder: folder.path(), limits: &self.limits };
        let (end, network) = cage::run(&order, cancel, |said| {
            if let Said::Out(line) = said
                && let Some(found) = self.slicer.step(line)
            {
                step(found);
            }
        })
        .map_err(|error| self.not_started(program, &error))?;
        let whole = end.stopped.is_none() && end.status == crate::slicing::failure::Status::Exit(0);
        if whole { Ok(network) } else { Err(self.slicer.failure(&end).into()) }
    }

    /// Exit code 0 says little: the file has to be there, complete, and made with the profile.
    fn whole(&self, profile: &Profile, path: &Path) -> Result<Whole, SliceError> {
        let mut file = match crate::io::durable::open_plain(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Failure::NotWhole("it is not there".into()).into());
            }
            Err(error) => return Err(io(path, error)),
        };
        self.slicer.whole(profile, &mut file).map_err(|failure| match failure {
            // A disk that is full cuts files, and not every program minds.
            Failure::NotWhole(_) if cage::free(&self.scratch).is_ok_and(|free| free < self.limits.floor) => {
                let free = cage::free(&self.scratch).unwrap_or(0);
                Failure::Disk { free, floor: self.limits.floor }.into()
            }
            failure => failure.into(),
        })
    }

    /// Reads the file as if somebody else had made it.
    fn look(
        &self,
        task: &Task,
        profile: &Profile,
        report: &ModelReport,
        path: &Path,
        whole: &Whole,
        findings: &mut Vec<Finding>,
    ) -> Result<Looked, SliceError> {
        let mut file = open(path)?;
        let filament = profile.technology == Technology::Filament;
        let new = || Analyser::new(Options::default());
        let mut analyser = filament.then(|| (new(), new(), PartOnly::default()));
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let (mut block, mut lines) = (vec![0; BLOCK], Vec::new());
        loop {
            let read = file.read(&mut block).map_err(|error| io(path, error))?;
            if read == 0 {
                break;
            }
            hash.update(&block[..read]);
            bytes += read as u64;
            if let Some((all, own, part)) = &mut analyser {
                all.feed(&block[..read]).map_err(SliceError::File)?;
                lines.clear();
                part.feed(&block[..read], &mut lines);
                own.feed(&lines).map_err(SliceError::File)?;
            }
        }
        let hash = FileHash::from_digest(hash.finalize().into());
        let layer = profile.number("layer_height").unwrap_or(0.3);
        let first = profile.number("initial_layer_height").or_else(|| profile.number("first_layer_height"));
        let layer = layer.max(first.unwrap_or(0.0));
        let (bead, below) = (profile.bead(), profile.below());
        let mut found = Vec::new();
        let (size, layers, analysis) = match analyser {
            Some((all, own, _)) => {
                let analysis = all.finish().map_err(SliceError::File)?;
                // Without what lies around it, so that no change of scale hides in that.
                let part = own.finish().map_err(SliceError::File)?.extrusion;
                let printer = PrinterLimits { volume: box_of(profile), ..task.printer.clone() };
                let material = Some(task.process.material.as_str());
                let question = Question { printer, material, model: None, whole: Some(true), resumes: false };
                found.extend(preflight::judge(&analysis, &question));
                let [x, y, _] = part.size();
                let top = part.high[2].map(|top| top.value);
                let size = x.zip(y).zip(top).map(|((x, y), z)| [x, y, z]);
                (size, analysis.layers.len() as u64, Some(Box::new(analysis)))
            }
            None => {
                let size = whole.size.zip(whole.height).map(|([x, y], z)| [x, y, z]);
                (size, whole.layers.unwrap_or(0), None)
            }
        };
        // A tip that is thinner than a line is not printed, and takes its height with it.
        let size_or_none = size.unwrap_or([f64::NAN; 3]);
        let around = profile.around();
        let measured = Measured { size: size_or_none, bead, layer: layer.max(bead), around, below };
        found.extend(compare_extents(report.size, &measured, Turned::Not));
        findings.append(&mut without_allowed(found, &task.allowed));
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.line));
        Ok(Looked { hash, bytes, layers, height: size.map(|size| size[2]), analysis })
    }
}

/// A model that may be sliced, and by what.
#[derive(Debug)]
pub struct Ready {
    pub profile: Profile,
    pub report: ModelReport,
    /// All accepted.
    pub findings: Vec<Finding>,
}

struct Looked {
    hash: FileHash,
    bytes: u64,
    layers: u64,
    height: Option<f64>,
    analysis: Option<Box<Analysis>>,
}

fn io(path: &Path, error: std::io::Error) -> SliceError {
    SliceError::Io { path: path.to_owned(), error }
}

fn open(path: &Path) -> Result<File, SliceError> {
    let mut file = File::open(path).map_err(|error| io(path, error))?;
    if !file.metadata().map_err(|error| io(path, error))?.is_file() {
        return Err(io(path, std::io::Error::other("this is no file")));
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| io(path, error))?;
    Ok(file)
}

fn pass(findings: &[Finding], accepted: &[String]) -> Result<(), SliceError> {
    let open: Vec<Finding> = refused(findings, accepted).into_iter().cloned().collect();
    if open.is_empty() { Ok(()) } else { Err(SliceError::Findings(open)) }
}

fn codes(findings: &[Finding]) -> Vec<String> {
    let mut codes: Vec<String> = findings.iter().map(|finding| finding.code.to_owned()).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// What the profile's printer can make, mm.
fn volume(profile: &Profile) -> Option<[f64; 3]> {
    let [x, y] = profile.plate()?;
    Some([x.1 - x.0, y.1 - y.0, profile.number("max_print_height")?])
}

fn box_of(profile: &Profile) -> [Option<(f64, f64)>; 3] {
    let plate = profile.plate();
    let height = profile.number("max_print_height").map(|height| (0.0, height));
    [plate.map(|plate| plate[0]), plate.map(|plate| plate[1]), height]
}

fn model_link(report: &ModelReport) -> ModelLink {
    let format = serde_json::to_value(report.format).ok();
    let format = format.and_then(|format| format.as_str().map(str::to_owned)).unwrap_or_default();
    // What is larger than ten metres was refused by then.
    let size = report.size.map(|mm| Height::from_mm(mm).unwrap_or_default());
    ModelLink {
        hash: report.hash.clone(),
        format,
        unit: report.unit.to_string(),
        size,
        triangles: report.triangles,
        watertight: report.watertight,
    }
}
