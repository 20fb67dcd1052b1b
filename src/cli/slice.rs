//! `platen slice`: from a model to a file that can be printed, by a process of this site, without a daemon.

use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::print::Bar;
use super::{Failed, Global, asked_to_end, calm_runtime, model, preflight, show};
use crate::domain::chain::Chain;
use crate::domain::finding::Finding;
use crate::gcode::analysis::Analysis;
use crate::gcode::preflight::PrinterLimits;
use crate::io::durable::{new_file, sync_parent};
use crate::model::Hint;
use crate::services::slicing::{SliceError, Sliced, Slicing, Task};
use crate::slicing::Step;
use crate::slicing::limits::{LIMITS, Limits};
use crate::slicing::process::{Process, use_word};

/// Nothing but this slicing needs room on the disk of a command line.
const FLOOR: u64 = 32 << 20;

#[derive(Debug, Args)]
pub struct Slice {
    /// The model to slice: STL, 3MF or OBJ. Without one, processes are listed.
    pub file: Option<PathBuf>,
    /// The process, by its name; or `draft` or `fine`, where only one is of that quality.
    #[arg(long, value_name = "NAME", requires = "file")]
    pub process: Option<String>,
    /// The file to write; it must not be there yet.
    #[arg(short, long, value_name = "FILE", requires = "file")]
    pub output: Option<PathBuf>,
    /// The folder with processes.toml and the profiles.
    #[arg(long, value_name = "FOLDER", env = "PLATEN_PROFILES", default_value = "/etc/platen/slicing")]
    pub profiles: PathBuf,
    /// The slicer to run, by its path; else the one on the PATH.
    #[arg(long, value_name = "PATH")]
    pub slicer: Option<PathBuf>,
    #[command(flatten)]
    pub given: model::Given,
    /// A warning that is accepted, by its code; may be given again.
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
    /// How much memory the slicer may take, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = LIMITS.memory >> 20, value_parser = clap::value_parser!(u64).range(64..=1 << 20))]
    pub memory_mb: u64,
    /// How long it may take, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = LIMITS.wall.as_secs() / 60, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub minutes: u64,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    ok: bool,
    findings: &'a [Finding],
    chain: Option<&'a Chain>,
    claimed_seconds: Option<f64>,
    analysis: Option<&'a Analysis>,
}

impl Slice {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let wall = Duration::from_secs(self.minutes * 60);
        let limits = Limits { memory: self.memory_mb << 20, wall, cpu: wall * 4, floor: FLOOR, ..LIMITS };
        let scratch = std::env::temp_dir();
        let slicing = Arc::new(Slicing::new(&self.profiles, self.slicer.clone(), limits, &scratch, 1));
        let catalogue = slicing.catalogue().map_err(|error| {
            Failed::Finding(format!("{error}; name the folder with the processes with --profiles"))
        })?;
        let Some(file) = &self.file else { return list(catalogue.all(), global) };
        let Some(wanted) = &self.process else {
            return Err(Failed::Usage(
                "say which process, with --process NAME; `platen slice` lists them".into(),
            ));
        };
        let Some(output) = &self.output else {
            return Err(Failed::Usage("say which file to write, with --output FILE".into()));
        };
        if output.symlink_metadata().is_ok() {
            return Err(Failed::Finding(format!("{} is there already; name another file", output.display())));
        }
        let process = catalogue.find(wanted, None, None).map_err(|error| Failed::Usage(error.to_string()))?;
        let task = Task {
            model: file.clone(),
            hint: file.extension().and_then(|extension| extension.to_str()).and_then(Hint::of),
            declared: self.given.declared(),
            process: process.clone(),
            printer: PrinterLimits::default(),
            intended_use: None,
            accepted: self.accept,
            allowed: Vec::new(),
        };
        let sliced = match calm_runtime()?.block_on(slice(&slicing, task)) {
            Ok(sliced) => sliced,
            Err(SliceError::Findings(findings)) => {
                if global.json {
                    let (chain, claimed_seconds, analysis) = (None, None, None);
                    show::json(&Told { ok: false, findings: &findings, chain, claimed_seconds, analysis })?;
                } else {
                    findings.iter().for_each(preflight::finding);
                }
                let many = if findings.len() == 1 { "finding speaks" } else { "findings speak" };
                return Err(Failed::Finding(format!("{} {many} against this print", findings.len())));
            }
            Err(error) => return Err(Failed::Finding(error.to_string())),
        };
        keep(&sliced.path, output)?;
        if global.json {
            show::json(&Told {
                ok: true,
                findings: &sliced.findings,
                chain: Some(&sliced.chain),
                claimed_seconds: sliced.claimed_seconds,
                analysis: sliced.analysis.as_deref(),
            })
        } else {
            print(&sliced, process);
            Ok(())
        }
    }
}

async fn slice(slicing: &Arc<Slicing>, task: Task) -> Result<Sliced, SliceError> {
    let (tells, mut steps) = watch::channel(Step::default());
    let cancel = CancellationToken::new();
    let mut bar = Bar::new();
    let work = slicing.slice(task, &cancel, tells);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = asked_to_end(), if !cancel.is_cancelled() => cancel.cancel(),
            Ok(()) = steps.changed() => {
                let step = steps.borrow_and_update().clone();
                bar.draw(&step.doing, f64::from(step.percent));
            }
        }
    };
    bar.clear();
    done
}

/// Over nothing, and on the disk when we say so.
fn keep(made: &Path, output: &Path) -> Result<(), Failed> {
    let failed = |error| Failed::Finding(format!("{} cannot be written: {error}", output.display()));
    let mut from = File::open(made).map_err(failed)?;
    let mut to = new_file(output).map_err(failed)?;
    let copied = std::io::copy(&mut from, &mut to).and_then(|_| to.sync_all());
    copied.and_then(|()| sync_parent(output)).map_err(|error| {
        // A part of a file is worse than none.
        let _ = std::fs::remove_file(output);
        failed(error)
    })
}

fn list(processes: &[Process], global: &Global) -> Result<(), Failed> {
    if global.json {
        return show::json(&processes);
    }
    let rows: Vec<_> = processes
        .iter()
        .map(|process| {
            let uses: Vec<_> = process.validated_for.iter().map(|good| use_word(*good)).collect();
            let uses = if uses.is_empty() { "nothing yet".into() } else { uses.join(", ") };
            let slicer = format!("{} {}", process.slicer, process.slicer_version);
            let (name, model) = (process.name.clone(), process.printer_model.clone());
            vec![name, model, process.material.clone(), process.quality.word().into(), slicer, uses]
        })
        .collect();
    show::table(&["PROCESS", "PRINTER MODEL", "MATERIAL", "QUALITY", "SLICER", "VALIDATED FOR"], &rows);
    Ok(())
}

fn print(sliced: &Sliced, process: &Process) {
    let chain = &sliced.chain;
    let row = |name: &str, text: &str| show::line(&format!("{name:<9}  {text}"));
    let size = chain.model.size.map(|length| format!("{:.1}", length.mm())).join(" × ");
    row("model", &format!("{} ({}, {size} mm)", chain.model.hash, chain.model.format));
    let uses: Vec<_> = process.validated_for.iter().map(|good| use_word(*good)).collect();
    let uses = if uses.is_empty() { "validated for nothing yet".into() } else { uses.join(", ") };
    row("process", &format!("{} ({} on {}; {uses})", chain.process, chain.material, chain.printer_model));
    row(
        "profile",
        &format!("{}, version {}, {}", chain.profile.name, chain.profile.version, chain.profile.hash),
    );
    let network = if chain.network_cut { "" } else { " (it could have reached the network)" };
    row("slicer", &format!("{} {}{network}", chain.slicer.name, chain.slicer.version));
    row("file", &format!("{}, {} bytes, {} layers", chain.file, chain.bytes, chain.layers));
    match &sliced.analysis {
        Some(analysis) => preflight::print(analysis, &sliced.findings),
        None => sliced.findings.iter().for_each(preflight::finding),
    }
}
