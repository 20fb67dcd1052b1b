//! The command line: one binary, one file a verb.
//!
//! Exit codes: 0 done, 1 failed, 2 used wrongly. With `--json`, verbs that print facts print one
//! JSON document to standard output; errors and progress go to standard error always.

pub mod audit;
pub mod backup;
pub mod cases;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod inspect;
pub mod jobs;
pub mod loads;
pub mod lots;
pub mod manual;
pub mod model;
pub mod nonconformances;
pub mod parts;
pub mod photos;
pub mod preflight;
pub mod preview;
pub mod print;
pub mod printers;
mod processes;
pub mod qualification;
pub mod queue;
pub mod report;
pub mod resin;
pub mod restore;
pub mod safe_off;
pub mod serve;
pub mod setup;
pub mod site_rules;
pub mod slice;
pub mod stop;
pub mod stream;
pub mod uploads;
pub mod users;
pub mod vault;

mod client;
mod masks;
mod probe;
mod quality;
mod show;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use client::{Client, Failed};

/// Print-farm controller for hospital 3D-printing labs.
#[derive(Debug, Parser)]
#[command(name = "platen", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// What is logged where `PLATEN_LOG` says nothing: a daemon tells what it does, the other verbs
    /// only what goes wrong. The demo's broker complains of every client that leaves.
    pub fn log_filter(&self) -> &'static str {
        match self.verb {
            Verb::Serve(_) => "warn,platen=info",
            _ => "warn,rumqttd=off",
        }
    }
}

/// Where the daemon answers, unless its configuration says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7180";

/// What every verb understands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print facts as JSON.
    #[arg(long, global = true, help_heading = "Every verb")]
    pub json: bool,
    /// Where the daemon answers, for the verbs that ask it.
    #[arg(
        long,
        global = true,
        help_heading = "Every verb",
        env = "PLATEN_URL",
        default_value = DEFAULT_URL,
        value_name = "URL"
    )]
    pub url: String,
    /// A file whose first line is an API token, where people are set up; else PLATEN_TOKEN has it.
    #[arg(long, global = true, help_heading = "Every verb", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the daemon.
    Serve(serve::Serve),
    /// Run everything on this machine: daemon, broker, simulated printers, sample jobs.
    Demo(demo::Demo),
    /// Tell every mistake in a configuration, without starting anything.
    Check(check::Check),
    /// Look at ports, disk, clock, broker, slicer, store and units, and say in words what is wrong and what to do.
    Doctor(doctor::Doctor),
    /// Say what a model is (STL, 3MF, OBJ), and what speaks against printing it, without a daemon.
    Model(model::Model),
    /// Slice a model (STL, 3MF, OBJ) with a process of this site, without a daemon.
    Slice(slice::Slice),
    /// Say what a file (G-code, or for resin) would do, and what speaks against printing it, without a daemon.
    Preflight(preflight::Preflight),
    /// Draw a layer of a file (G-code, or for resin), or the whole print or a model (STL, 3MF, OBJ) from three sides, without a daemon.
    Preview(preview::Preview),
    /// Stream one file to one port without a daemon, to try a printer out; or measure what its board can hold.
    Stream(stream::Stream),
    /// Upload a file (G-code, or for resin), or a model to be sliced, and queue a job from it.
    Print(print::Print),
    /// List jobs, look at one, start, cancel, pause or resume it, or go on with an interrupted one's part.
    Jobs(jobs::Jobs),
    /// Show what is printed where and when, and why not elsewhere; say what is wanted of a waiting job.
    Queue(queue::Queue),
    /// List files that slicers sent, say of which part one is, or put it away.
    Uploads(uploads::Uploads),
    /// List printers, look at one, say that its bed is clear or that a board is its own.
    Printers(printers::Printers),
    /// List cases, look at one, open one, add a part, and take it from the wish to the file.
    Cases(cases::Cases),
    /// List printed parts, look at one and what it comes from, process, accept, release, deliver or recall it.
    Parts(parts::Parts),
    /// Note what was measured on parts, coupons and phantoms; templates and instruments; or look into a resin file.
    Inspect(inspect::Inspect),
    /// Upload photos for inspections, without their metadata, and fetch them.
    Photos(photos::Photos),
    /// Report what is not as it should be, and decide what becomes of it.
    Nonconformances(nonconformances::Nonconformances),
    /// Take in lots of material, release, block or recall them, and see where they went.
    Lots(lots::Lots),
    /// Say which lot is on which printer.
    Loads(loads::Loads),
    /// Say what was done with a resin printer's vat: filled, topped up, measured, stirred, filtered, emptied.
    Vat(resin::Vat),
    /// Say that a resin printer was looked at before a start, and all is as it should be.
    Checklist(resin::Checklist),
    /// Qualify printers, and say when their calibration is due.
    Qualification(qualification::Qualifications),
    /// Show or set what this site asks for beyond what always holds.
    SiteRules(site_rules::SiteRules),
    /// List the versions of the processes of this site's catalogue
    Processes(processes::Processes),
    /// Make a report: of a case, of units, for the registry, of the programme, of a printer, of a lot, of the journal.
    Report(report::Report),
    /// Make the first admin, or give one a new password, while the daemon does not run.
    Setup(setup::Setup),
    /// List users, add one, change what they may do, give them a password; make and revoke tokens.
    Users(users::Users),
    /// The vault, in which it is written down who a case is for: make its key, or seal it with another.
    Vault(vault::Vault),
    /// Emergency stop of one printer or of all; or say that a stopped one may be used again.
    Stop(stop::Stop),
    /// Switch the heaters of every configured printer off, without the daemon and its journal: for when it has died.
    SafeOff(safe_off::SafeOff),
    /// Check every link of the journal's hash chain, tell a case's part of it, or write it out.
    Audit(audit::Audit),
    /// Copy journal and files to a new folder, while the daemon runs.
    Backup(backup::Backup),
    /// Make an empty state folder that of a backup.
    Restore(restore::Restore),
    /// Write pages for `man` and completions for shells, for a package.
    #[command(hide = true)]
    Manual(manual::Manual),
}

/// The exit code of what became of a verb that asks the daemon; prints the error.
pub fn finish(outcome: Result<(), Failed>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("platen: {failed}");
            ExitCode::from(failed.code())
        }
    }
}

/// A runtime for the verbs that run for long: two threads, since printers need little and the
/// machine has little.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failed::Finding(format!("platen could not start its threads: {error}")))
}

/// A runtime on this thread alone: one wire has nobody to make way for.
fn calm_runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::Finding(format!("platen could not start its threads: {error}")))
}

/// SIGINT (Ctrl-C) and SIGTERM, which no longer end the process by themselves once this is there.
struct Asked(Option<(Signal, Signal)>);

impl Asked {
    /// To be called in a runtime.
    fn listen() -> Self {
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        Self(match signals {
            (Ok(interrupt), Ok(terminate)) => Some((interrupt, terminate)),
            _ => None,
        })
    }

    /// Waits for one that has come since then, or comes.
    async fn wait(&mut self) {
        let Some((interrupt, terminate)) = &mut self.0 else {
            // Without handlers, the signals end the process by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM.
async fn asked_to_end() {
    Asked::listen().wait().await;
}

/// Runs one verb to its exit code.
pub fn run(cli: Cli) -> ExitCode {
    let Cli { global, verb } = cli;
    let outcome = match verb {
        Verb::Serve(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::Stream(verb) => verb.run(&global),
        Verb::Check(verb) => verb.run(&global),
        Verb::Doctor(verb) => verb.run(&global),
        Verb::Model(verb) => verb.run(&global),
        Verb::Slice(verb) => verb.run(&global),
        Verb::Preflight(verb) => verb.run(&global),
        Verb::Preview(verb) => verb.run(),
        Verb::Print(verb) => verb.run(&global),
        Verb::Jobs(verb) => verb.run(&global),
        Verb::Queue(verb) => verb.run(&global),
        Verb::Uploads(verb) => verb.run(&global),
        Verb::Printers(verb) => verb.run(&global),
        Verb::Cases(verb) => verb.run(&global),
        Verb::Parts(verb) => verb.run(&global),
        Verb::Inspect(verb) => verb.run(&global),
        Verb::Photos(verb) => verb.run(&global),
        Verb::Nonconformances(verb) => verb.run(&global),
        Verb::Lots(verb) => verb.run(&global),
        Verb::Loads(verb) => verb.run(&global),
        Verb::Vat(verb) => verb.run(&global),
        Verb::Checklist(verb) => verb.run(&global),
        Verb::Qualification(verb) => verb.run(&global),
        Verb::SiteRules(verb) => verb.run(&global),
        Verb::Processes(verb) => verb.run(&global),
        Verb::Report(verb) => verb.run(&global),
        Verb::Setup(verb) => verb.run(&global),
        Verb::Users(verb) => verb.run(&global),
        Verb::Vault(verb) => verb.run(&global),
        Verb::Stop(verb) => verb.run(&global),
        Verb::SafeOff(verb) => verb.run(&global),
        Verb::Audit(verb) => verb.run(&global),
        Verb::Backup(verb) => verb.run(&global),
        Verb::Restore(verb) => verb.run(&global),
        Verb::Manual(verb) => verb.run(),
    };
    finish(outcome)
}
