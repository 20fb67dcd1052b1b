//! `hw-sim chitu`: puts a board behind a tty, waits for a signal, and prints what was really done.

use std::fs;
use std::io::{self, Write};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::ledger::Ledger;
use super::options::ChituOptions;
use super::tty::ChituPrinter;

/// Runs until SIGINT or SIGTERM, then writes the ledger as JSON; SIGUSR1 writes it as it stands.
pub fn run(options: &ChituOptions) -> io::Result<()> {
    let config = options.build()?;
    // Before any thread is made, so that all of them leave these signals to us.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGUSR1);
    signals.thread_block()?;
    let signals = SignalFd::new(&signals)?;
    let printer = ChituPrinter::spawn(config)?;
    eprintln!("{} at {}", printer.name(), printer.path().display());
    loop {
        let signal = signals.read_signal()?;
        if signal.is_some_and(|signal| i64::from(signal.ssi_signo) == Signal::SIGUSR1 as i64) {
            write(options, &printer.ledger())?;
        } else if signal.is_some() {
            return write(options, &printer.stop());
        }
    }
}

fn write(options: &ChituOptions, ledger: &Ledger) -> io::Result<()> {
    let text = serde_json::to_string(ledger)? + "\n";
    io::stdout().write_all(text.as_bytes())?;
    options.ledger.as_ref().map_or(Ok(()), |path| fs::write(path, text))
}
