//! Jobs whose file is still to be made: each is sliced as long as the journal says so, also after a crash.
//!
//! ```text
//! journal: Slicing ─▶ begun here ─▶ sliced ─▶ in the spool ─▶ JobSliced, JobQueued
//!              │           │└──────▶ not sliced ─▶ JobNotSliced
//!              │           └─ cancelled by a person, or platen ends: the slicer is killed
//!              └─ found at the next start: begun again from the model
//! ```
//! What is half-made is only ever in a private folder, so that beginning again costs time and nothing else.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use ::resin::file::Format;

use super::gate::{self, firmware_of, last_told, limits_of, speaks};
use super::intake::{Accepted, Intake, IntakeError, with_needs};
use super::recorder::{NotRecorded, Recorder};
use super::resinfiles::NoNeed;
use super::slicing::{SliceError, Sliced, Slicing, Task};
use super::suits::{Medium, Unsuited, reads, takes};
use crate::config::{self, Printer};
use crate::domain::case::IntendedUse;
use crate::domain::chain::SliceOrder;
use crate::domain::event::Actor;
use crate::domain::finding::{Finding, Gated, refused};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::JobState;
use crate::domain::lab::{Lab, Request};
use crate::domain::resin::need::Need;
use crate::domain::units::Height;
use crate::gcode::preflight::PrinterLimits;
use crate::model::rewrite::RewriteError;
use crate::model::scale::{Declared, Unit};
use crate::slicing::Step;
use crate::slicing::process::{Catalogue, Process, ProcessError};
use crate::slicing::profile::Technology;

/// Nothing is missed by events; this only bounds how long a lost wake-up could last.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What could not be noted is sliced again after this.
const AGAIN: Duration = Duration::from_secs(30);
/// As much of a file as goes to the spool at a time.
const BLOCK: usize = 256 << 10;

/// How far each job is that is being sliced, to look at.
#[derive(Clone, Debug, Default)]
pub struct Steps(Arc<Mutex<BTreeMap<JobId, watch::Receiver<Step>>>>);

impl Steps {
    pub fn of(&self, job: &JobId) -> Option<Step> {
        self.all().get(job).map(|step| step.borrow().clone())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<JobId, watch::Receiver<Step>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of an order is needed to slice.
#[derive(Clone, Debug)]
struct Wanted {
    job: JobId,
    model: FileHash,
    order: SliceOrder,
    pinned: Option<PrinterName>,
    intended_use: Option<IntendedUse>,
}

/// The process that was asked for, and the printer that it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProcess {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(
        "no printer here is a {model}, for which process {process} is; write model = \"{model}\" into the section of a printer that is one"
    )]
    NoPrinter { process: String, model: String },
    #[error(
        "process {process} is for a {model}, and {printer} is {}; name a process for that, or another printer", own.as_ref().map_or_else(|| "told no model (`model` in its section)".to_owned(), |own| format!("a {own}"))
    )]
    OtherPrinter { process: String, model: String, printer: PrinterName, own: Option<String> },
    #[error(
        "process {process} is for a {model}, and several printers are one ({printers}); say which of them"
    )]
    Several { process: String, model: String, printers: String },
    #[error("process {process} is for a {model}: {why}")]
    Unsuited { process: String, model: String, why: Box<Unsuited> },
}

/// Whether a printer takes what a process makes, whatever model it is: G-code, or an SL1.
pub fn prints(printer: &Printer, process: &Process) -> Result<(), Unsuited> {
    match process.technology {
        Technology::Filament => takes(printer, Medium::Filament),
        Technology::Resin => {
            takes(printer, Medium::Resin)?;
            reads(printer, Format::Sl1)
        }
    }
}

/// Which process and which printer are meant. What is sliced for one printer model never runs on another.
pub fn choose(
    catalogue: &Catalogue,
    printers: &[Printer],
    wanted: &str,
    pinned: Option<&PrinterName>,
    material: Option<&str>,
) -> Result<(Process, PrinterName), NoProcess> {
    let may = |printer: &&Printer| pinned.is_none_or(|pinned| printer.name == *pinned);
    let models: Vec<String> =
        printers.iter().filter(may).filter_map(|printer| printer.model.clone()).collect();
    let exact = catalogue.all().iter().find(|process| process.name == wanted);
    let process = match exact {
        Some(process) => process,
        None => catalogue.find(wanted, Some(&models), material)?,
    };
    let (name, model) = (process.name.clone(), process.printer_model.clone());
    let of_model = || printers.iter().filter(may).filter(|printer| printer.model.as_ref() == Some(&model));
    let takes = of_model().filter(|printer| prints(printer, process).is_ok());
    let fitting: Vec<&PrinterName> = takes.map(|printer| &printer.name).collect();
    let unsuited = of_model().find_map(|printer| prints(printer, process).err());
    if let (Some(why), true) = (unsuited, fitting.is_empty()) {
        return Err(NoProcess::Unsuited { process: name, model, why: Box::new(why) });
    }
    match fitting[..] {
        [] => match pinned.and_then(|pinned| printers.iter().find(|printer| printer.name == *pinned)) {
            Some(other) => Err(NoProcess::OtherPrinter {
                process: name,
                model,
                printer: other.name.clone(),
                own: other.model.clone(),
            }),
            None => Err(NoProcess::NoPrinter { process: name, model }),
        },
        [only] => Ok((process.clone(), only.clone())),
        _ => {
            let printers: Vec<_> = fitting.iter().map(|name| name.as_str()).collect();
            Err(NoProcess::Several { process: name, model, printers: printers.join(", ") })
        }
    }
}

/// An order as the model's reader takes it.
pub fn declared(order: &SliceOrder) -> Declared {
    Declared {
        units: order.unit.as_ref().and_then(|unit| Unit::from_str(unit).ok()),
        scale: f64::from(order.scale) / f64::from(SliceOrder::WHOLE),
        mirrored: order.mirrored,
        expected: order.expected.map(|size| size.map(Height::mm)),
        volume: None,
    }
}

/// Slices what the journal says is to be sliced.
#[derive(Debug)]
pub struct SliceJobs {
    pub recorder: Recorder,
    pub intake: Intake,
    pub slicing: Arc<Slicing>,
    pub printers: Vec<Printer>,
    pub site: config::Gate,
    pub steps: Steps,
}

impl SliceJobs {
    /// Runs until `shutdown`; then every slicer is killed, and the jobs stay to be sliced.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.recorder.subscribe();
        let this = Arc::new(self);
        let mut running: BTreeMap<JobId, CancellationToken> = BTreeMap::new();
        let mut tasks: JoinSet<JobId> = JoinSet::new();
        loop {
            let wanted = this.recorder.read(wanted);
            for (job, cancel) in &running {
                if !wanted.iter().any(|wanted| wanted.job == *job) {
                    cancel.cancel();
                }
            }
            for wanted in wanted {
                if !running.contains_key(&wanted.job) {
                    // Not the shutdown itself: a person's cancelling is told apart by the journal.
                    let cancel = shutdown.child_token();
                    running.insert(wanted.job.clone(), cancel.clone());
                    let this = Arc::clone(&this);
                    tasks.spawn(async move {
                        let job = wanted.job.clone();
                        this.one(wanted, cancel).await;
                        job
                    });
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(done) = tasks.join_next() => match done {
                    Ok(job) => drop(running.remove(&job)),
                    // Its job stays as it is until the next start.
                    Err(error) => tracing::error!(%error, "a slicing broke off"),
                },
                _ = feed.recv() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn one(&self, wanted: Wanted, cancel: CancellationToken) {
        let (tells, step) = watch::channel(Step::default());
        let job = wanted.job.clone();
        self.steps.all().insert(job.clone(), step);
        let outcome = self.slice(&wanted, &cancel, tells).await;
        self.steps.all().remove(&job);
        let told = match outcome {
            _ if cancel.is_cancelled() => Ok(()),
            Ok(()) => Ok(()),
            Err(NotSliced::Recorded(error)) => Err(error),
            Err(error) => {
                let why = error.in_words();
                tracing::warn!(%job, why, "not sliced");
                let request = Request::NoteNotSliced { job: job.clone(), why };
                self.recorder.submit(request, Actor::Platen).await.map(drop)
            }
        };
        if let Err(error) = told {
            tracing::error!(%job, %error, "what became of a slicing could not be noted; it begins again later");
            // A disk that is full does not empty itself at once.
            let _ = tokio::time::timeout(AGAIN, cancel.cancelled()).await;
        }
    }

    async fn slice(
        &self,
        wanted: &Wanted,
        cancel: &CancellationToken,
        tells: watch::Sender<Step>,
    ) -> Result<(), NotSliced> {
        // Nothing is sliced from a file that a disk or a person has changed.
        self.intake.spool().verify(&wanted.model).await.map_err(IntakeError::from)?;
        let process = self.slicing.catalogue()?.find(&wanted.order.process, None, None)?.clone();
        let printer =
            wanted.pinned.as_ref().and_then(|name| self.printers.iter().find(|one| one.name == *name));
        let task = Task {
            model: self.intake.spool().path(&wanted.model),
            hint: None,
            declared: declared(&wanted.order),
            process,
            printer: printer.map_or_else(PrinterLimits::default, |printer| self.limits(printer)),
            intended_use: wanted.intended_use,
            accepted: wanted.order.accepted.clone(),
            allowed: printer.map(|printer| printer.allow_findings.clone()).unwrap_or_default(),
        };
        let sliced = self.slicing.slice(task, cancel, tells).await?;
        self.take(wanted, sliced).await
    }

    /// Of the firmware as the printer's board told it last.
    fn limits(&self, printer: &Printer) -> PrinterLimits {
        let told = self.recorder.read(|lab| last_told(lab, &printer.name));
        let firmware = firmware_of(printer, told.as_deref());
        PrinterLimits { firmware, ..limits_of(printer, &self.site) }
    }

    /// The file goes the way of every upload, and is only then in the journal.
    async fn take(&self, wanted: &Wanted, sliced: Sliced) -> Result<(), NotSliced> {
        let mut incoming = self.intake.begin().await?;
        let failed = |error| SliceError::Io { path: sliced.path.clone(), error };
        let mut file = tokio::fs::File::open(&sliced.path).await.map_err(failed)?;
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).await.map_err(failed)?;
            if read == 0 {
                break;
            }
            incoming.write(&block[..read]).await.map_err(IntakeError::from)?;
        }
        let accepted = self.intake.accept(incoming).await?;
        if accepted.file != sliced.chain.file {
            return Err(NotSliced::Changed);
        }
        let mut findings = sliced.findings.clone();
        let need = self.judged(wanted, &sliced, &accepted, &mut findings)?;
        let request = Request::NoteSliced {
            job: wanted.job.clone(),
            chain: Box::new(sliced.chain.clone()),
            commands: accepted.survey.commands,
            digest: accepted.survey.digest,
            gate: Some(Box::new(Gated::new(&findings, &wanted.order.accepted, wanted.order.by.clone()))),
        };
        let request = with_needs(request, need.map(|need| (wanted.job.clone(), need)));
        self.recorder.submit(request, Actor::Platen).await?;
        Ok(())
    }

    /// What a resin file takes, which has to pass the gate like any other; G-code was judged when it was sliced.
    fn judged(
        &self,
        wanted: &Wanted,
        sliced: &Sliced,
        accepted: &Accepted,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Need>, NotSliced> {
        let Some(resin) = &accepted.resin else { return Ok(None) };
        let pinned = wanted.pinned.as_ref();
        let printer = pinned.and_then(|name| self.printers.iter().find(|printer| printer.name == *name));
        if let Some(printer) = printer {
            let material = Some(sliced.chain.material.as_str());
            findings.extend(speaks(gate::resin::judge(resin, printer, material), printer));
        }
        let open = refused(findings, &wanted.order.accepted);
        if !open.is_empty() {
            return Err(SliceError::Findings(open.into_iter().cloned().collect()).into());
        }
        Ok(Some(resin.need_on(printer, &self.printers)?))
    }
}

#[derive(Debug, thiserror::Error)]
enum NotSliced {
    #[error(transparent)]
    Slice(#[from] SliceError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error(transparent)]
    Need(#[from] NoNeed),
    #[error("what was sliced changed on its way to the spool; print the model again, and look at the disk")]
    Changed,
    #[error(transparent)]
    Recorded(#[from] NotRecorded),
}

impl NotSliced {
    /// For journal and log: without a line or a name out of the file or the model.
    fn in_words(&self) -> String {
        match self {
            Self::Intake(IntakeError::Survey(error)) => {
                IntakeError::from(error.clone().without_words()).to_string()
            }
            Self::Intake(IntakeError::Resin(error)) => {
                format!(
                    "this file cannot be printed: {}; look at it with `platen inspect FILE`",
                    error.kind()
                )
            }
            Self::Intake(IntakeError::Model(error))
            | Self::Slice(SliceError::Model(error) | SliceError::Copy(RewriteError::Model(error))) => {
                format!("this model cannot be used ({}); `platen model` says why", error.kind())
            }
            error => error.to_string(),
        }
    }
}

fn wanted(lab: &Lab) -> Vec<Wanted> {
    let one = |job: &&crate::domain::job::Job| match &job.state {
        JobState::Slicing { order } => Some(Wanted {
            job: job.id.clone(),
            model: job.file.clone(),
            order: order.as_ref().clone(),
            pinned: job.pinned.clone(),
            intended_use: lab.cases.get(&job.case).map(|case| case.intended_use),
        }),
        _ => None,
    };
    lab.jobs_in_order().iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::limits::ModelError;

    fn printers(named: &[(&str, Option<&str>)]) -> Vec<Printer> {
        let mut text = "site = \"a\"\nnode = \"b\"\n".to_owned();
        for (name, model) in named {
            let model = model.map(|model| format!("model = \"{model}\"\n")).unwrap_or_default();
            text +=
                &format!("[[printer]]\nname = \"{name}\"\nport = \"/dev/{name}\"\nbaud = 115200\n{model}");
        }
        Config::parse(&text).unwrap().printers
    }

    #[test]
    fn what_is_sliced_for_one_printer_model_is_pinned_to_a_printer_of_it() {
        let text = include_str!("../../config/slicing/processes.toml");
        let all = Catalogue::parse(text).unwrap();
        let lab = printers(&[("mk", Some("prusa-mk3s")), ("e1", Some("generic-220")), ("old", None)]);
        let chosen = |printers: &[Printer], wanted: &str, pinned: Option<&str>| {
            let pinned = pinned.map(|name| name.parse::<PrinterName>().unwrap());
            choose(&all, printers, wanted, pinned.as_ref(), None)
                .map(|(process, printer)| format!("{} on {printer}", process.name))
                .map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&lab, "prusa-mk3s-pla-fine", None).unwrap(), "prusa-mk3s-pla-fine on mk");
        assert_eq!(chosen(&lab, "fine", Some("e1")).unwrap(), "generic-220-pla-fine on e1");
        let told = chosen(&lab, "fine", None).unwrap_err();
        assert_eq!(told, "fine may be prusa-mk3s-pla-fine, generic-220-pla-fine; say which of them");
        let told = chosen(&lab, "prusa-mk3s-pla-fine", Some("e1")).unwrap_err();
        assert!(told.contains("for a prusa-mk3s, and e1 is a generic-220; name a process"), "{told}");
        let told = chosen(&lab, "prusa-mk3s-pla-fine", Some("old")).unwrap_err();
        assert!(told.contains("and old is told no model"), "{told}");
        let told = chosen(&lab[1..], "prusa-mk3s-pla-fine", None).unwrap_err();
        assert!(told.starts_with("no printer here is a prusa-mk3s"), "{told}");
        let told = chosen(&lab, "fine", Some("old")).unwrap_err();
        assert!(told.starts_with("there is no process fine"), "{told}");
        let twins = printers(&[("e1", Some("generic-220")), ("e2", Some("generic-220"))]);
        let told = chosen(&twins, "fine", None).unwrap_err();
        assert!(told.contains("several printers are one (e1, e2)"), "{told}");
        assert_eq!(chosen(&twins, "fine", Some("e2")).unwrap(), "generic-220-pla-fine on e2");
        let told = chosen(&lab, "msla-2k-clear-fine", None).unwrap_err();
        assert!(told.starts_with("no printer here is a "), "{told}");
        let model = all.find("msla-2k-clear-fine", None, None).unwrap().printer_model.clone();
        let other = printers(&[("r", Some(model.as_str()))]);
        let told = chosen(&other, "msla-2k-clear-fine", None).unwrap_err();
        assert!(told.contains("r prints with filament, and this is a file for resin"), "{told}");
    }

    #[test]
    fn why_a_model_is_not_sliced_is_told_without_a_word_of_it() {
        let model =
            || ModelError::Part { part: "meier.model".into(), at: 7, what: "`Meier` is no number".into() };
        for error in [
            NotSliced::Intake(IntakeError::Model(model())),
            NotSliced::Slice(SliceError::Model(model())),
            NotSliced::Slice(SliceError::Copy(RewriteError::Model(model()))),
        ] {
            let wanted = "this model cannot be used (a part of it cannot be read); `platen model` says why";
            assert_eq!(error.in_words(), wanted);
        }
    }

    #[test]
    fn an_order_says_the_same_to_the_model_s_reader_after_it_was_kept() {
        let size = Height::from_mm(80.5).unwrap();
        let order = SliceOrder {
            process: "p".into(),
            unit: Some("inch".into()),
            scale: 500_000,
            mirrored: true,
            expected: Some([size; 3]),
            accepted: Vec::new(),
            by: None,
        };
        let json = serde_json::to_string(&order).unwrap();
        let kept: SliceOrder = serde_json::from_str(&json).unwrap();
        assert_eq!(kept, order);
        let declared = declared(&kept);
        assert_eq!((declared.units, declared.scale), (Some(Unit::Inch), 0.5));
        assert_eq!((declared.mirrored, declared.expected), (true, Some([80.5; 3])));
    }
}
