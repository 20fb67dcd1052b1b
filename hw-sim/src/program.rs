//! The simulator as a program: puts printers behind ttys, waits, and prints what they have really done.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program that waits for a person, by the clock on the wall"
)]

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::chitu::options::ChituOptions;
use crate::ledger::stream_hash_of;
use crate::msla::MslaOptions;
use crate::options::{FarmFile, PrinterOptions};
use crate::pty::{Handle, Printer};
use clap::{Args, Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Simulated 3D printers behind ttys.
#[derive(Debug, Parser)]
#[command(name = "hw-sim", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// A farm: TOML with `speed`, `statistics` and `[[printer]]` tables.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// One FDM printer.
    Fdm(Box<Fdm>),
    /// The board of a host-driven resin printer.
    Msla(Box<Msla>),
    /// A ChiTu resin board with a directory as its USB stick.
    Chitu(Box<ChituOptions>),
    /// The stream hash that a printer must report after printing FILE.
    Hash {
        /// G-code.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Fdm {
    #[command(flatten)]
    printer: PrinterOptions,
    /// End when it has been idle for so long, once it has heard anything.
    #[arg(long, value_name = "SECONDS")]
    until_idle: Option<f64>,
    /// Write the statistics here too.
    #[arg(long, value_name = "PATH")]
    statistics: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Msla {
    #[command(flatten)]
    board: Fdm,
    #[command(flatten)]
    resin: MslaOptions,
}

/// Runs until SIGINT or SIGTERM, or until the printers are idle, as the arguments say; SIGUSR1 writes the statistics
/// so far to their file, and to standard output where there is none.
pub fn run(arguments: Arguments) -> io::Result<()> {
    let (configs, statistics, until_idle) = match (arguments.verb, arguments.config) {
        (Some(Verb::Hash { file }), _) => {
            let hash = stream_hash_of(BufReader::new(File::open(file)?))?;
            println!("{}", serde_json::to_string(&hash)?);
            return Ok(());
        }
        (Some(Verb::Chitu(options)), _) => return crate::chitu::program::run(&options),
        (Some(Verb::Fdm(fdm)), _) => (vec![fdm.printer.build(0, 1.0)?], fdm.statistics, fdm.until_idle),
        (Some(Verb::Msla(msla)), _) => {
            let Msla { board, resin } = *msla;
            let printer = PrinterOptions { msla: Some(resin), ..board.printer };
            (vec![printer.build(0, 1.0)?], board.statistics, board.until_idle)
        }
        (None, Some(path)) => {
            let farm = FarmFile::read(&path)?;
            (farm.build()?, farm.statistics, None)
        }
        (None, None) => (Vec::new(), None, None),
    };
    // Before any thread is made, so that all of them leave these signals to us.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGUSR1);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK)?;
    let printers = Printer::spawn_all(configs)?;
    for printer in &printers {
        eprintln!("{} at {}", printer.name(), printer.path().display());
    }
    wait(&signals, &printers, until_idle, statistics.as_deref())?;
    let mut report = String::new();
    for printer in printers {
        report += &serde_json::to_string(&printer.stop()?)?;
        report.push('\n');
    }
    io::stdout().write_all(report.as_bytes())?;
    statistics.map_or(Ok(()), |path| fs::write(path, report))
}

/// Waits for a signal, or for silence after the first byte.
fn wait(
    signals: &SignalFd,
    printers: &[Handle],
    until_idle: Option<f64>,
    report: Option<&Path>,
) -> io::Result<()> {
    let (mut heard, mut since) = (0, Instant::now());
    loop {
        match signals.read_signal()? {
            Some(signal) if i64::from(signal.ssi_signo) == Signal::SIGUSR1 as i64 => {
                write_so_far(printers, report)?;
                continue;
            }
            Some(_) => return Ok(()),
            None => {}
        }
        std::thread::sleep(Duration::from_millis(50));
        let Some(seconds) = until_idle else { continue };
        let (mut bytes, mut idle) = (0, true);
        for printer in printers {
            let statistics = printer.statistics()?;
            bytes += statistics.totals.bytes_received;
            idle &= statistics.idle;
        }
        if bytes != heard || !idle {
            (heard, since) = (bytes, Instant::now());
        } else if heard > 0 && since.elapsed().as_secs_f64() >= seconds {
            return Ok(());
        }
    }
}

fn write_so_far(printers: &[Handle], path: Option<&Path>) -> io::Result<()> {
    let mut report = String::new();
    for printer in printers {
        report += &serde_json::to_string(&printer.statistics()?)?;
        report.push('\n');
    }
    match path {
        Some(path) => fs::write(path, report),
        None => io::stdout().write_all(report.as_bytes()),
    }
}
