//! From the lab and the live board to the shapes of the API; also the words that the page shows.

use ::resin::units::{Micrometres, Milliseconds};

use crate::domain::command::Level;
use crate::domain::identity::{Evidence, Identity, Quarantine};
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::job::{Interruption, Job, JobState, Outcome, PauseReason, Progress, Resumes, Run};
use crate::domain::lab::Lab;
use crate::domain::moment::{Moment, WallTime};
use crate::domain::part::Part;
use crate::domain::printer::{
    Activity, Bed, Hold, HoldStep, LATENCY_BOUNDS_MS, Latch, LineHealth, LineRate, OutOfReach, PrinterRecord,
    Prompt, Reading, Snapshot, StopOutcome, Temperatures,
};

use super::AppState;
use super::pictures;
use super::quality::case_words;
use super::quality::views::case_tag;
use super::queue::ReprintView;
use super::reasons;
use super::resin::views as resin;
use super::shapes::{
    CaseBrief, CaseView, ChainView, ContinuedView, FoundCase, GateView, HoldView, IdentityView, JobView,
    LatchView, LayerView, LineView, NeedView, NotedView, PartView, PicturesView, PrinterView, ProgressView,
    PromptView, QuarantineView, ReadingView, ResinFileView, ResumeFileBrief, ResumeFileView, ResumesView,
    SlicingView, TaleView, TemperaturesView, Waiting, age,
};
use crate::config::resin::Panel;
use crate::domain::case::{Case, IntendedUse};
use crate::domain::chain::Chain;
use crate::domain::event::Event;
use crate::domain::finding::{Gated, Noted};
use crate::domain::resin::need::Need;
use crate::domain::story;
use crate::domain::units::{Height, Microlitres};
use crate::services::intake::{Accepted, AcceptedPhoto};
use crate::services::preview::{Seen, Subject};
use crate::services::resinfiles::ResinReading;
use crate::services::resume::Made;

impl From<Accepted> for super::shapes::FileView {
    fn from(accepted: Accepted) -> Self {
        Self {
            file: accepted.file.to_string(),
            bytes: accepted.bytes,
            lines: accepted.survey.lines,
            commands: accepted.survey.commands,
            digest: accepted.survey.digest.to_string(),
            resin: accepted.resin.as_deref().map(|reading| ResinFileView::of(reading, None)),
        }
    }
}

impl ResinFileView {
    /// Where the file does not say how large its points are, they are those of a printer's display.
    pub fn of(reading: &ResinReading, panel: Option<&Panel>) -> Self {
        let light = reading.said.layers.iter().map(|layer| layer.exposure.0).fold(0, u64::saturating_add);
        let is_known = !reading.is_opaque();
        Self {
            format: reading.said.format.name().into(),
            layers: is_known.then(|| reading.layers()),
            layer_mm: reading.said.layer_height.map(Micrometres::millimetres),
            height_mm: is_known.then(|| reading.height().millimetres()),
            points: if is_known { reading.points.to_vec() } else { Vec::new() },
            point_um: reading.point(panel).map(Into::into),
            size_mm: reading.size(panel).map(Into::into),
            first_exposure_s: reading.first().map(|first| first.exposure.seconds()),
            exposure_s: is_known.then(|| reading.usual_exposure().seconds()),
            light_s: is_known.then(|| Milliseconds(light).seconds()),
            millilitres: reading.millilitres(panel),
            claimed_millilitres: reading.said.claims.millilitres,
            material: reading.said.claims.material.clone(),
        }
    }
}

impl From<&Need> for NeedView {
    fn from(need: &Need) -> Self {
        Self {
            layers: need.known_layers(),
            millilitres: need.known_resin().map(Microlitres::ml),
            light_s: need.known_light_ms().map(|ms| Milliseconds(ms).seconds()),
            minutes: need.said_minutes(),
            said_by: need.said_by().map(str::to_owned),
            refill_before: need.refills.iter().map(|refill| refill.before_layer.saturating_add(1)).collect(),
        }
    }
}

impl From<AcceptedPhoto> for super::shapes::PhotoView {
    fn from(accepted: AcceptedPhoto) -> Self {
        let AcceptedPhoto { file, bytes, kind, width, height } = accepted;
        Self { photo: file.to_string(), bytes, format: kind.word().into(), width, height }
    }
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        Self { confirmed: progress.confirmed, total: progress.total, percent: progress.percent() }
    }
}

impl From<&Part> for PartView {
    fn from(part: &Part) -> Self {
        Self {
            id: part.id.to_string(),
            case: part.case.to_string(),
            number: part.number,
            name: part.name.as_str().to_owned(),
        }
    }
}

impl LineView {
    fn new(line: &LineHealth, rate: LineRate) -> Self {
        Self {
            lines_sent: line.lines_sent,
            bytes_sent: line.bytes_sent,
            lines_per_s: rate.lines_per_s,
            bytes_per_s: rate.bytes_per_s,
            used: rate.used,
            resends: line.resends,
            resends_damaged: line.resends_damaged,
            resends_number: line.resends_number,
            resends_unexplained: line.resends_unexplained,
            probes: line.probes,
            stray_oks: line.stray_oks,
            strays: line.strays,
            oks_missing: line.oks_missing,
            ok_latency_bounds_ms: LATENCY_BOUNDS_MS.to_vec(),
            ok_latency: line.ok_latency.to_vec(),
            starved_ms: line.planner_told.then_some(line.starved_us / 1_000),
            trouble: line.trouble.map(|trouble| trouble.in_words().into()),
        }
    }

    /// The line of a job that ran for so long.
    fn of_job(run: &Run, ended: WallTime) -> Option<Self> {
        let line = run.line.as_deref()?;
        let seconds = ended.0.saturating_sub(run.started.0) as f64 / 1_000.0;
        Some(Self::new(line, LineRate::of(line, seconds)))
    }
}

impl From<Reading> for ReadingView {
    fn from(reading: Reading) -> Self {
        Self { actual: reading.actual.0, target: reading.target.map(|target| target.0) }
    }
}

fn temperatures(given: &Temperatures, now: Moment) -> TemperaturesView {
    TemperaturesView {
        hotend: given.hotend.map(Into::into),
        bed: given.bed.map(Into::into),
        chamber: given.chamber.map(Into::into),
        age_ms: given.at.map(|at| millis(now, at)),
        old: given.old_since(now).is_some(),
    }
}

/// What its own board said last of its heat, also when its port is gone; never what another board says.
fn last_temperatures(snapshot: &Snapshot, now: Moment) -> TemperaturesView {
    let is_gone = snapshot.temperatures.at.is_none() && !is_elsewhere(snapshot);
    match snapshot.own_last.filter(|_| is_gone) {
        Some(own) => TemperaturesView { old: true, ..temperatures(&own, now) },
        None => temperatures(&snapshot.temperatures, now),
    }
}

fn millis(now: Moment, at: Moment) -> u64 {
    u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn use_word(intended: IntendedUse) -> &'static str {
    match intended {
        IntendedUse::Diagnostic => "diagnostic",
        IntendedUse::Guide => "guide",
        IntendedUse::Education => "education",
    }
}

/// Cases, newest first.
pub fn cases(lab: &Lab) -> Vec<CaseBrief> {
    let mut jobs = std::collections::BTreeMap::new();
    for job in lab.jobs.values() {
        *jobs.entry(&job.case).or_insert(0) += 1;
    }
    let mut cases: Vec<&Case> = lab.cases.values().collect();
    cases.sort_by(|a, b| b.opened.cmp(&a.opened).then_with(|| a.token.cmp(&b.token)));
    cases
        .into_iter()
        .map(|case| CaseBrief {
            token: case.token.to_string(),
            intended_use: use_word(case.intended_use).into(),
            state: case_words(&lab.quality.case_state(&case.token)),
            opened: case.opened.to_string(),
            parts: usize::from(case.parts),
            jobs: jobs.get(&case.token).copied().unwrap_or(0),
        })
        .collect()
}

/// As many cases as are found at once.
const FOUND_MAX: usize = 50;

/// The cases in which each of the words is found: in the token, a part's name, or the ordering service.
pub fn found_cases(lab: &Lab, words: &str) -> Vec<FoundCase> {
    let words = words.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let is_found = |case: &&&Case| {
        let mut all = case.token.as_str().to_owned();
        let record = lab.quality.cases.get(&case.token);
        let service = record.and_then(|record| record.about.as_ref()).map(|about| about.service.as_str());
        let names = lab.parts_of(&case.token).into_iter().map(|part| part.name.as_str());
        for text in service.into_iter().chain(names) {
            all.push('\n');
            all.push_str(&text.to_lowercase());
        }
        words.iter().all(|word| all.contains(word))
    };
    let mut cases: Vec<&Case> = lab.cases.values().collect();
    cases.sort_by(|a, b| b.opened.cmp(&a.opened).then_with(|| a.token.cmp(&b.token)));
    let found = cases.iter().filter(is_found).take(FOUND_MAX);
    let shown = found.map(|case| FoundCase {
        token: case.token.to_string(),
        intended_use: use_word(case.intended_use).into(),
        state: case_tag(&lab.quality.case_state(&case.token)),
        parts: lab.parts_of(&case.token).into_iter().map(|part| part.name.as_str().to_owned()).collect(),
    });
    shown.collect()
}

pub fn case(app: &AppState, lab: &Lab, case: &Case) -> CaseView {
    CaseView {
        token: case.token.to_string(),
        intended_use: use_word(case.intended_use).into(),
        state: case_words(&lab.quality.case_state(&case.token)),
        opened: case.opened.to_string(),
        parts: lab.parts_of(&case.token).into_iter().map(Into::into).collect(),
        jobs: lab.jobs_of(&case.token).into_iter().map(|found| job(app, lab, found)).collect(),
    }
}

pub fn job(app: &AppState, lab: &Lab, job: &Job) -> JobView {
    let run = job.state.run();
    let (ended, outcome) = match &job.state {
        JobState::Ended { ended, outcome, .. } => (Some(ended.to_string()), Some(outcome)),
        _ => (None, None),
    };
    let progress = run.map(|run| live_progress(app, &job.id, &run.printer).unwrap_or(run.progress));
    let part = lab.parts.get(&job.part).map_or_else(
        // Every job was judged against its part; a store where it is missing is shown, not hidden.
        || PartView {
            id: job.part.to_string(),
            case: job.case.to_string(),
            number: 0,
            name: "(missing)".into(),
        },
        Into::into,
    );
    JobView {
        id: job.id.to_string(),
        case: job.case.to_string(),
        part,
        build: lab.quality.build_of(lab, job),
        file: job.file.to_string(),
        commands: job.commands,
        state: job.state.word().into(),
        slicing: slicing(app, job),
        chain: lab.chains.get(&job.id).map(Into::into),
        gate: lab.gates.get(&job.id).map(Into::into),
        need: lab.resin.needs.get(&job.id).map(Into::into),
        paused: match &job.state {
            JobState::Paused { reason, .. } => Some(reason.in_words()),
            _ => None,
        },
        printer: run.map(|run| run.printer.to_string()),
        pinned: job.pinned.as_ref().map(ToString::to_string),
        material: job.material.clone(),
        progress: progress.map(Into::into),
        layer: progress.filter(|_| job.state.is_running()).and_then(|progress| layer(app, job, progress)),
        pictures: pictures(lab, job),
        queued: job.queued.to_string(),
        started: run.map(|run| run.started.to_string()),
        ended,
        why: outcome.and_then(|outcome| why_ended(outcome, &job.file, is_opaque(lab, job))),
        exact: match outcome {
            Some(Outcome::Printed { exact, .. }) => Some(*exact),
            _ => None,
        },
        continued: job
            .continued
            .iter()
            .map(|place| ContinuedView {
                command: place.command,
                layer: place.layer,
                gap_ms: place.gap_ms,
                at: place.at.to_string(),
            })
            .collect(),
        resumes: job.resumes.as_ref().map(Into::into),
        reprints: ReprintView::of(lab, job),
        resume_files: job
            .resume_files
            .iter()
            .map(|made| ResumeFileBrief {
                file: made.file.to_string(),
                layer: made.layer,
                height_mm: made.height.mm(),
                by: made.by.clone(),
                at: made.at.to_string(),
            })
            .collect(),
        line: match &job.state {
            JobState::Ended { run: Some(run), ended, .. } => LineView::of_job(run, *ended),
            _ => None,
        },
        copies: Vec::new(),
        unrecorded: run
            .filter(|_| job.state.is_running())
            .and_then(|run| unrecorded(app, &job.id, &run.printer))
            .map(Into::into),
        out_of_reach: run.and_then(|run| out_of_reach(app, &job.id, &run.printer)),
        waiting: (job.state == JobState::Queued).then(|| waiting(app, lab, job)),
    }
}

fn layer(app: &AppState, job: &Job, progress: Progress) -> Option<LayerView> {
    let Seen::Here(known) = app.previews.known(&job.file) else { return None };
    let place = known.after(progress.confirmed)?;
    Some(LayerView { number: place.layer, of: place.layers, z_mm: place.z })
}

/// The file of a job that is a model still, and its model, where it has one.
pub fn print_and_model<'l>(lab: &'l Lab, job: &'l Job) -> (Option<&'l FileHash>, Option<&'l FileHash>) {
    // No file that can be printed is without commands.
    match job.commands {
        0 => (None, Some(&job.file)),
        _ => (Some(&job.file), lab.chains.get(&job.id).map(|chain| &chain.model.hash)),
    }
}

fn pictures(lab: &Lab, job: &Job) -> PicturesView {
    let (print, model) = print_and_model(lab, job);
    PicturesView {
        print: print.map(|file| pictures::path(file, Subject::Sides, None)),
        model: model.map(|file| pictures::path(file, Subject::Model, None)),
    }
}

fn slicing(app: &AppState, job: &Job) -> Option<SlicingView> {
    let JobState::Slicing { order } = &job.state else { return None };
    let step = app.steps.of(&job.id).unwrap_or_default();
    Some(SlicingView { process: order.process.clone(), percent: step.percent, doing: step.doing })
}

impl From<crate::services::intake::AcceptedModel> for super::shapes::ModelView {
    fn from(accepted: crate::services::intake::AcceptedModel) -> Self {
        let report = accepted.report;
        Self {
            model: accepted.file.to_string(),
            bytes: report.bytes,
            format: report.format.to_string(),
            unit: report.unit.to_string(),
            size_mm: report.size.to_vec(),
            triangles: report.triangles,
            watertight: report.watertight,
        }
    }
}

impl From<&Chain> for ChainView {
    fn from(chain: &Chain) -> Self {
        Self {
            model: chain.model.hash.to_string(),
            model_format: chain.model.format.clone(),
            model_unit: chain.model.unit.clone(),
            model_size_mm: chain.model.size.map(Height::mm).to_vec(),
            process: chain.process.clone(),
            printer_model: chain.printer_model.clone(),
            material: chain.material.clone(),
            profile: chain.profile.name.clone(),
            profile_version: chain.profile.version,
            profile_hash: chain.profile.hash.to_string(),
            slicer: chain.slicer.name.clone(),
            slicer_version: chain.slicer.version.clone(),
            file: chain.file.to_string(),
            layers: chain.layers,
            height_mm: chain.height.map(Height::mm),
            network_cut: chain.network_cut,
            accepted: chain.accepted.clone(),
        }
    }
}

impl From<&Resumes> for ResumesView {
    fn from(resumes: &Resumes) -> Self {
        Self { job: resumes.job.to_string(), layer: resumes.layer, height_mm: resumes.height.mm() }
    }
}

impl From<&Gated> for GateView {
    fn from(gated: &Gated) -> Self {
        let noted = |noted: &Noted| NotedView {
            code: noted.code.clone(),
            severity: noted.severity.word().into(),
            line: noted.line,
        };
        Self {
            findings: gated.findings.iter().map(noted).collect(),
            more: gated.more,
            accepted: gated.accepted.clone(),
            by: gated.by.clone(),
        }
    }
}

pub fn resume_file(job: &JobId, layer: u32, made: Made) -> ResumeFileView {
    ResumeFileView {
        file: made.accepted.into(),
        job: job.to_string(),
        printer: made.printer.to_string(),
        layer,
        height_mm: made.height.mm(),
        layer_z_mm: made.z,
        findings: made.findings.iter().map(Into::into).collect(),
    }
}

/// The journal notes progress once a second; the board knows it as it is.
fn live_progress(app: &AppState, job: &JobId, printer: &PrinterName) -> Option<Progress> {
    let live = app.fleet.board().get(printer)?.borrow().activity.clone();
    (live.job() == Some(job)).then(|| live.progress()).flatten()
}

/// What a printer that works on nothing any more does, where the journal still has a job on it.
fn unrecorded(app: &AppState, job: &JobId, printer: &PrinterName) -> Option<&'static str> {
    let seen = app.fleet.board().get(printer)?.borrow().clone();
    match &seen.activity {
        // It has not ended, and goes on if its port is back in time.
        Activity::Offline { .. } if seen.out_of_reach == OutOfReach::Job { job: job.clone() } => None,
        Activity::Stopped | Activity::Faulted { .. } | Activity::Offline { .. } => Some(seen.activity.word()),
        Activity::Ready if app.recorder.owes_cancelling(job) => Some("cancelled"),
        // Ready and Connecting are also what a printer is while it takes a job that has just begun.
        _ => None,
    }
}

/// What is so of a job whose printer is out of reach, and what to do.
fn out_of_reach(app: &AppState, job: &JobId, printer: &PrinterName) -> Option<String> {
    let seen = app.fleet.board().get(printer)?.borrow().clone();
    let offline = matches!(seen.activity, Activity::Offline { .. });
    let now = app.clock.now();
    match seen.out_of_reach.clone() {
        OutOfReach::Job { job: sought } if offline && sought == *job => Some(format!(
            "the port of {printer} is gone: the job goes on if it is back within half a minute, and until then {AS_IT_WAS}"
        )),
        OutOfReach::Heat { job: Some(ended) } if offline && ended == *job => {
            Some(format!("{printer} is out of reach, so {MAY_BE_ON}{}", last_said(&seen, now)))
        }
        OutOfReach::Heat { job: Some(ended) } if is_elsewhere(&seen) && ended == *job => Some(format!(
            "another board is on the port of {printer}, and its own is out of reach, so {MAY_BE_ON}{}",
            last_said(&seen, now)
        )),
        _ => None,
    }
}

fn is_elsewhere(seen: &Snapshot) -> bool {
    matches!(seen.activity, Activity::Quarantined { .. })
}

/// What its own board said last of its heat, and how long ago, as the end of a sentence; nothing where it was cold.
fn last_said(seen: &Snapshot, now: Moment) -> String {
    let Some(Temperatures { hotend, bed, chamber, at: Some(at) }) = seen.own_last else {
        return String::new();
    };
    let heaters = [("hotend", hotend), ("heatbed", bed), ("chamber", chamber)];
    let told: Vec<_> = heaters
        .into_iter()
        .filter_map(|(what, heater)| heater.map(|heater| (what, heater)))
        .map(|(what, heater)| match heater.target.filter(|target| target.0 > 0.0) {
            Some(target) => format!("{what} {:.0} °C of {:.0}", heater.actual.0, target.0),
            None => format!("{what} {:.0} °C", heater.actual.0),
        })
        .collect();
    format!("; {} ago it said: {}", age(millis(now, at)), told.join(", "))
}

/// What may be so of a printer's own board while another one is on its port.
fn own_board(seen: &Snapshot, now: Moment) -> Option<String> {
    let said = last_said(seen, now);
    match seen.out_of_reach {
        _ if !is_elsewhere(seen) => None,
        OutOfReach::Heat { .. } => Some(format!("its own board is out of reach, so {MAY_BE_ON}{said}")),
        _ if !said.is_empty() => Some(format!("its own board is out of reach, and may still be hot{said}")),
        OutOfReach::Job { .. } | OutOfReach::Nothing => None,
    }
}

const AS_IT_WAS: &str = "its heaters are as the job left them";
const MAY_BE_ON: &str = "its heaters may be on: they go off when it is back; if that takes long, switch it off by hand or by its relay";

/// An end that the board told; that it read all bytes says nothing of what it showed.
const UNSEEN: &str = "its file is encrypted: nobody can compare what the board showed with it; look at the part before it is used";

fn is_opaque(lab: &Lab, job: &Job) -> bool {
    lab.resin.needs.get(&job.id).is_some_and(|need| need.opaque.is_some())
}

fn why_ended(outcome: &Outcome, file: &FileHash, is_opaque: bool) -> Option<String> {
    match outcome {
        Outcome::Printed { exact: true, .. } => None,
        Outcome::Printed { exact: false, .. } if is_opaque => Some(UNSEEN.into()),
        Outcome::Printed { exact: false, .. } => {
            Some("what the firmware confirmed is not exactly the file; do not use the part unseen".into())
        }
        Outcome::Cancelled { by } => Some(format!("cancelled by {by}")),
        Outcome::Interrupted { why: Interruption::FileChanged } => {
            Some(format!("file {file}: {}", Interruption::FileChanged.in_words()))
        }
        Outcome::Interrupted { why } => Some(Interruption::in_words(why)),
        Outcome::NotSliced { why } => Some(why.clone()),
    }
}

/// Why a queued job does not start at once, printer by printer.
fn waiting(app: &AppState, lab: &Lab, job: &Job) -> Waiting {
    let before: Vec<&Job> = lab
        .jobs
        .values()
        .filter(|other| other.state == JobState::Queued && other.order < job.order)
        .collect();
    let shares = |other: &&&Job| match (&other.pinned, &job.pinned) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => true,
    };
    let may_run = |name: &&PrinterName| job.pinned.as_ref().is_none_or(|pinned| pinned == *name);
    let names = app.fleet.board().printers().map(|(name, _)| name).filter(may_run);
    let printers = names.map(|name| reasons::on(app, lab, job, name)).collect();
    Waiting { ahead: before.iter().filter(shares).count(), printers }
}

/// An activity as a sentence for a technician, without the job's number.
pub fn words(activity: &Activity) -> String {
    match activity {
        Activity::Offline { reason } => format!("it is offline: {reason}"),
        Activity::Connecting => "it is being greeted".into(),
        Activity::Quarantined { reason } => format!("it is in quarantine: {reason}"),
        Activity::Ready => "it is ready".into(),
        Activity::Printing { .. } => "it prints".into(),
        Activity::Paused { draining: true, .. } => "it pauses once the moves it has are done".into(),
        Activity::Paused { draining: false, .. } => "it is paused".into(),
        Activity::Finishing { .. } => "all lines are sent; the end is not yet confirmed".into(),
        Activity::Cancelling { .. } => "its job is being cancelled".into(),
        Activity::Stopped => "emergency stop; nothing is sent until somebody clears it".into(),
        Activity::Faulted { fault } => format!("it has halted: {}", fault.in_words()),
    }
}

fn latch(latch: &Latch, stop: &StopOutcome) -> LatchView {
    let (kind, why, at) = match latch {
        Latch::Stopped { by, at } => ("stopped", format!("stopped by {by}"), at),
        Latch::Fault { fault, at } => ("fault", fault.in_words().to_owned(), at),
    };
    let outcome = stop.in_words();
    let why = if outcome.is_empty() { why } else { format!("{why}; {outcome}") };
    LatchView {
        kind: kind.into(),
        why,
        at: at.to_string(),
        confirmed: stop.proof.map(|proof| proof.word().into()),
        relay: stop.relay.map(|relay| relay.word().into()),
    }
}

impl From<&Identity> for IdentityView {
    fn from(identity: &Identity) -> Self {
        let Evidence { usb, board } = &identity.evidence;
        Self {
            known_by: identity.rung().in_words().into(),
            weak: identity.is_weak(),
            uuid: board.uuid.clone(),
            machine_type: board.machine.clone(),
            firmware: board.firmware.clone(),
            usb: usb.as_ref().map(|usb| usb.kind.clone()),
            usb_serial: usb.as_ref().and_then(|usb| usb.serial.clone()),
            usb_socket: usb.as_ref().map(|usb| usb.socket.clone()),
            by: identity.by.clone(),
            at: identity.at.to_string(),
        }
    }
}

impl From<&Quarantine> for QuarantineView {
    fn from(quarantine: &Quarantine) -> Self {
        Self {
            why: quarantine.why.in_words(),
            seems_to_be: quarantine.why.ours().map(ToString::to_string),
            at: quarantine.at.to_string(),
        }
    }
}

/// Where a pause is at, as a clause for a technician.
fn hold_words(step: HoldStep) -> &'static str {
    match step {
        HoldStep::WaitsForPerson => "it waits for a person",
        HoldStep::PausedByPrinter => "the printer has paused by itself",
        HoldStep::Draining => "it comes to a stand once the moves it has are done",
        HoldStep::Parking => "the head goes away from the part",
        HoldStep::Parked => "the head is parked",
        HoldStep::Standing => "the head stands where it was",
        HoldStep::Proving => "it is asked whether it still is where it was, then it goes on",
        HoldStep::Reheating => "it heats up again, then goes on",
        HoldStep::Returning => "the head goes back to the part",
        HoldStep::Astray => {
            "the head is not where it was told to be, so nothing is sent; look at it, then resume once more or cancel"
        }
        HoldStep::Raising => "the plate goes up, behind the layer that is lit",
        HoldStep::Raised => "the plate is up, and it is dark",
        HoldStep::CancelWaitsForHeat => {
            "it cannot be broken off until it is hot, and only then do the heaters go off; if that is too long, stop the printer"
        }
        HoldStep::CancelWaitsForPerson => {
            "it waits for a person at its panel, and only then do the heaters go off; if that is too long, stop the printer"
        }
    }
}

fn hold(hold: &Hold, now: Moment) -> Option<HoldView> {
    let left = |at: Option<Moment>| at.map(|at| at.since(now).as_secs());
    let mut words: Vec<String> = hold.reason.iter().map(PauseReason::in_words).collect();
    // Its reason says already that it waits for somebody.
    let is_said = hold.reason == Some(PauseReason::Printer) && hold.step == Some(HoldStep::WaitsForPerson);
    words.extend(hold.step.filter(|_| !is_said).map(hold_words).map(Into::into));
    if hold.bed_is_off {
        words.push("its nozzle and bed were switched off, since the pause was long".into());
    } else if hold.nozzle_is_off {
        words.push("its nozzle was switched off, since the pause was long".into());
    }
    if hold.reason == Some(PauseReason::Restart) && hold.nozzle_off_at.is_some() {
        words.push("without an answer, all heat goes off and it is interrupted".into());
    }
    // Without a pause it is no file's: what is done before a board prints by itself.
    let text = hold.text.clone().filter(|_| !words.is_empty());
    words.extend(hold.text.clone().filter(|_| text.is_none()));
    (!words.is_empty()).then(|| HoldView {
        needs_person: hold.needs_person(),
        words: Some(words.join("; ")),
        text,
        nozzle_off_s: left(hold.nozzle_off_at),
        bed_off_s: left(hold.bed_off_at),
    })
}

fn prompt(prompt: &Prompt) -> PromptView {
    PromptView { asked: prompt.text.clone(), buttons: prompt.buttons.clone() }
}

pub fn printer(snapshot: &Snapshot, record: &PrinterRecord, console: Level, now: Moment) -> PrinterView {
    let console = Level::ALL.iter().find(|(level, _)| *level == console).map_or("", |(_, word)| word);
    let own_board = own_board(snapshot, now);
    PrinterView {
        name: snapshot.printer.to_string(),
        state: snapshot.activity.word().into(),
        words: if snapshot.hold.needs_person() {
            "it waits for a person".into()
        } else {
            match (&snapshot.activity, &snapshot.out_of_reach) {
                (Activity::Offline { .. }, OutOfReach::Job { .. }) => format!(
                    "{}; its job goes on if the port is back within half a minute, and until then {AS_IT_WAS}",
                    words(&snapshot.activity)
                ),
                (Activity::Offline { .. }, OutOfReach::Heat { .. }) => {
                    format!("{}; {MAY_BE_ON}{}", words(&snapshot.activity), last_said(snapshot, now))
                }
                (activity, _) => match &own_board {
                    Some(own) => format!("{}; {own}", words(activity)),
                    None => words(activity),
                },
            }
        },
        job: snapshot.activity.job().map(ToString::to_string),
        progress: snapshot.activity.progress().map(Into::into),
        temperatures: last_temperatures(snapshot, now),
        firmware: snapshot.firmware.clone(),
        prompt: snapshot.hold.prompt.as_ref().map(prompt),
        hold: hold(&snapshot.hold, now),
        console: console.into(),
        line: LineView::new(&snapshot.line, snapshot.rate),
        on_bed: match &record.bed {
            Bed::Clear => None,
            Bed::Occupied { job } => Some(job.to_string()),
        },
        latch: record.latch.as_ref().map(|why| latch(why, &record.stop)),
        identity: record.identity.as_deref().map(Into::into),
        quarantine: record.quarantine.as_deref().map(Into::into),
        own_board,
        resin: None,
        light: snapshot.light.map(|light| light.word().into()),
        age_ms: millis(now, snapshot.at),
        still_deaf: snapshot.is_still_deaf(),
    }
}

/// What a printer's console takes.
pub fn console(app: &AppState, name: &PrinterName) -> Level {
    app.config.printer(name).map_or(Level::Off, |printer| printer.console)
}

/// All printers in the order of the configuration.
pub fn printers(app: &AppState, lab: &Lab) -> Vec<PrinterView> {
    let now = app.clock.now();
    let all = app.fleet.board().snapshots();
    all.iter()
        .map(|snapshot| {
            let name = &snapshot.printer;
            let view = printer(snapshot, &app.recorder.printer_in(lab, name), console(app, name), now);
            PrinterView { resin: resin::brief(app, lab, name), ..view }
        })
        .collect()
}

impl From<&Event> for TaleView {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq,
            at: event.wall().to_string(),
            who: story::who(event),
            job: event.subject.as_ref().map(|subject| subject.job.to_string()),
            what: story::told(&event.fact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_print_is_not_said_to_differ_from_its_file_and_another_one_is() {
        let file = FileHash::from_digest([5; 32]);
        let hash = FileHash::from_digest([6; 32]);
        let printed = Outcome::Printed { exact: false, digest: hash };
        assert_eq!(why_ended(&printed, &file, true).as_deref(), Some(UNSEEN));
        assert!(why_ended(&printed, &file, false).unwrap().contains("not exactly the file"));
    }
}
