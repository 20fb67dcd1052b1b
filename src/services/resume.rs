//! Makes the file that goes on with an interrupted job's part: read the old one, judge the new one, tie it, keep it.
//!
//! The tie to the old job is in the journal before the file has its name, so that no such file can ever be queued
//! as one that begins on an empty bed.

use std::io::SeekFrom;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::gate::{firmware_of, limits_of, speaks};
use super::intake::{Accepted, Intake, IntakeError};
use super::recorder::{NotRecorded, Recorder};
use crate::config::{self, Printer};
use crate::domain::event::Actor;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{Interruption, JobState, Outcome};
use crate::domain::lab::Request;
use crate::domain::printer::Firmware;
use crate::domain::units::Height;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::preflight::{Finding, PrinterLimits, Question, Severity, judge};
use crate::gcode::resume::{Ask, CannotResume, PLANNED_MAX, Reader, Resume};
use crate::gcode::survey::SurveyError;
use crate::io::spool::{Incoming, SpoolError, WHOLE};

/// Commands that a board may have run beyond those that it has confirmed: as many as the largest `command_buffer`
/// and a planner hold.
const IN_FLIGHT: u64 = 256 + PLANNED_MAX;
/// Progress is noted at each hundredth of a job, once a second at most, and more commands than this no line carries
/// in a second: what a daemon that ended had sent beyond its last note.
const NOT_NOTED: u64 = 4_000;
const BLOCK: usize = 256 << 10;

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub job: JobId,
    pub layer: u32,
    /// Absent: as the record has it.
    pub height: Option<Height>,
    pub by: String,
}

#[derive(Clone, Debug)]
pub struct Made {
    pub accepted: Accepted,
    pub printer: PrinterName,
    pub height: Height,
    /// Where the layer lies, mm.
    pub z: Option<f64>,
    /// Warnings only.
    pub findings: Vec<Finding>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error("there is no resume file: {0}")]
    Cannot(#[from] CannotResume),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error(
        "the firmware of {0} moves no axis that it has not homed, and Z cannot be homed under a part; print the part anew"
    )]
    Firmware(PrinterName),
    #[error("printer {0} is not in the configuration any more; put it back, or print the part anew")]
    NoPrinter(PrinterName),
    #[error("{} speaks against the resume file: {}", count(.0.len()), in_words(.0))]
    Findings(Vec<Finding>),
}

impl From<SpoolError> for NotMade {
    fn from(error: SpoolError) -> Self {
        Self::Intake(error.into())
    }
}

fn count(findings: usize) -> String {
    if findings == 1 { "1 finding".into() } else { format!("{findings} findings") }
}

fn in_words(findings: &[Finding]) -> String {
    let words = findings.iter().map(|finding| {
        let line = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{}: {line}{} ({})", finding.code, finding.what, finding.help)
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Klipper and RepRapFirmware refuse to move what is not homed.
fn moves_unhomed(printer: &Printer, told: Option<&str>) -> bool {
    let told = told.unwrap_or_default().to_ascii_lowercase();
    !matches!(printer.firmware, Some(Firmware::Klipper | Firmware::RepRapFirmware))
        && !["klipper", "reprapfirmware", "duet"].iter().any(|name| told.contains(name))
}

/// See `Ask::told_is_lowest`. What is not known of a firmware is taken for so.
fn told_is_lowest(printer: &Printer, told: Option<&str>) -> bool {
    !matches!(
        firmware_of(printer, told),
        Some(Firmware::Marlin20 | Firmware::Marlin21 | Firmware::PrusaMk3 | Firmware::Smoothieware)
    )
}

/// How many commands the firmware may have run beyond those in the record.
fn ahead(why: &Interruption, commands: u64) -> u64 {
    match why {
        Interruption::DaemonEnded | Interruption::NotContinued { .. } => {
            commands.div_ceil(100) + NOT_NOTED + IN_FLIGHT
        }
        _ => IN_FLIGHT,
    }
}

/// What the record knows of the interrupted job.
struct Origin {
    file: FileHash,
    printer: PrinterName,
    material: Option<String>,
    confirmed: u64,
    ahead: u64,
    recorded: bool,
    resumes: bool,
}

impl Origin {
    fn of(recorder: &Recorder, job: &JobId) -> Result<Self, NotMade> {
        let origin = recorder.read(|lab| {
            let (job, run) = lab.may_resume(job)?;
            let ahead = match &job.state {
                JobState::Ended { outcome: Outcome::Interrupted { why }, .. } => ahead(why, job.commands),
                _ => job.commands,
            };
            Ok(Self {
                file: job.file.clone(),
                printer: run.printer.clone(),
                material: job.material.clone(),
                confirmed: run.progress.confirmed,
                ahead,
                // Whatever has begun to go on with it since may have moved the head.
                recorded: !run.paused && lab.tried_on(&job.id).next().is_none(),
                resumes: job.resumes.is_some(),
            })
        });
        origin.map_err(|refusal| NotRecorded::Refused(refusal).into())
    }
}

/// Makes a resume file, durable and tied to its job when this returns. `firmware` finds what a printer's board says
/// of itself.
pub async fn make(
    recorder: &Recorder,
    intake: &Intake,
    printer: impl Fn(&PrinterName) -> Option<Printer>,
    site: &config::Gate,
    firmware: impl Fn(&PrinterName) -> Option<String>,
    wish: Wish,
) -> Result<Made, NotMade> {
    let origin = Origin::of(recorder, &wish.job)?;
    let name = origin.printer.clone();
    let told = firmware(&name);
    let printer = printer(&name).ok_or_else(|| NotMade::NoPrinter(name.clone()))?;
    if !moves_unhomed(&printer, told.as_deref()) {
        return Err(NotMade::Firmware(name));
    }
    let limits =
        PrinterLimits { firmware: firmware_of(&printer, told.as_deref()), ..limits_of(&printer, site) };
    let resume = work_out(intake, &origin, &printer, &limits, told.as_deref(), &wish).await?;
    let mut incoming = intake.begin().await?;
    let judged = match write(intake, &origin.file, &resume, limits.options(), &mut incoming).await {
        Ok(analysis) => check(&incoming, &analysis, &printer, limits, origin.material.as_deref()).await,
        Err(error) => Err(error),
    };
    let tied = match judged {
        Ok((findings, file)) => {
            let request = Request::MakeResumeFile {
                job: wish.job,
                file,
                layer: wish.layer,
                height: resume.height,
                by: wish.by.clone(),
            };
            recorder.submit(request, Actor::Person(wish.by)).await.map(|_| findings).map_err(NotMade::from)
        }
        Err(error) => Err(error),
    };
    match tied {
        Ok(findings) => {
            let accepted = intake.accept(incoming).await?;
            Ok(Made { accepted, printer: name, height: resume.height, z: resume.z, findings })
        }
        Err(error) => {
            incoming.discard().await;
            Err(error)
        }
    }
}

async fn work_out(
    intake: &Intake,
    origin: &Origin,
    printer: &Printer,
    limits: &PrinterLimits,
    told: Option<&str>,
    wish: &Wish,
) -> Result<Resume, NotMade> {
    let (spool, file) = (intake.spool(), &origin.file);
    let (_, read) = spool.read_checked(file, Analyser::new(limits.options()), Analyser::feed).await?;
    let analysis = read.and_then(Analyser::finish).map_err(CannotResume::from)?;
    let ask = Ask {
        file: file.clone(),
        layer: wish.layer,
        confirmed: origin.confirmed,
        ahead: origin.ahead,
        height: wish.height,
        recorded: origin.recorded,
        park: printer.park.and_then(|park| park.at).map(|(x, y)| (f64::from(x), f64::from(y))),
        build_height: printer.build.height.map(f64::from),
        told_is_lowest: told_is_lowest(printer, told),
        counting: limits.options().counting,
        resumes: origin.resumes,
    };
    let reader = spool.scan(file, WHOLE, Reader::new(&analysis, ask)?, Reader::feed).await?;
    Ok(reader.and_then(Reader::finish)?)
}

/// The new lines, and the rest of the old file byte for byte.
async fn write(
    intake: &Intake,
    file: &FileHash,
    resume: &Resume,
    options: Options,
    incoming: &mut Incoming,
) -> Result<Analysis, NotMade> {
    let spool = intake.spool();
    let broken = |error| SpoolError::Io { path: spool.path(file), error };
    let mut analyser = Analyser::new(options);
    incoming.write(resume.head.as_bytes()).await?;
    analyser.feed(resume.head.as_bytes()).map_err(CannotResume::from)?;
    let (mut old, _) = spool.reader(file).await?;
    old.seek(SeekFrom::Start(resume.offset)).await.map_err(broken)?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = old.read(&mut block).await.map_err(broken)?;
        if read == 0 {
            break;
        }
        incoming.write(&block[..read]).await?;
        analyser.feed(&block[..read]).map_err(CannotResume::from)?;
    }
    Ok(analyser.finish().map_err(CannotResume::from)?)
}

/// Judges the new file as any other; with its name.
async fn check(
    incoming: &Incoming,
    analysis: &Analysis,
    printer: &Printer,
    limits: PrinterLimits,
    material: Option<&str>,
) -> Result<(Vec<Finding>, FileHash), NotMade> {
    let refused = |error: SurveyError| NotMade::Intake(error.into());
    let survey = incoming.survey().await?.map_err(refused)?;
    survey.allowed_by(&printer.allow_commands).map_err(refused)?;
    let question = Question { printer: limits, material, model: None, whole: Some(true), resumes: true };
    let (errors, warnings): (Vec<_>, Vec<_>) = speaks(judge(analysis, &question), printer)
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok((warnings, incoming.hash()?)) } else { Err(NotMade::Findings(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_told_height_is_the_lowest_place_for_every_firmware_of_which_nothing_better_is_known() {
        let printer = |more: &str| {
            let text = format!(
                "site = \"st-anna\"\nnode = \"lab-1\"\n[[printer]]\nname = \"mk\"\nport = \"/dev/null\"\nbaud = 115200\n{more}"
            );
            Config::parse(&text).unwrap().printers.remove(0)
        };
        let says = |told| told_is_lowest(&printer(""), told);
        assert!(says(None) && says(Some("Marlin 1.1.9 (Github)")) && says(Some("Homemade 7")));
        assert!(
            !says(Some("Marlin 2.1.2.4 (Github)")) && !says(Some("Prusa-Firmware 3.13.2 based on Marlin"))
        );
        assert!(!told_is_lowest(&printer("firmware = \"marlin-2.0\"\n"), None));
        assert!(told_is_lowest(&printer("firmware = \"marlin-1.1\"\n"), Some("Marlin 2.1.2.4")));
    }
}
