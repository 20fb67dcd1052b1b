//! Parse, run; what became of it is the exit code.

use clap::Parser;
use platen::cli::{self, Cli};
use platen::io::journald::Journald;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PLATEN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(cli.log_filter()));
    match Journald::of_environment() {
        Some(journald) => tracing_subscriber::registry().with(filter).with(journald).init(),
        None => {
            let terminal = std::io::stderr().is_terminal();
            let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal);
            log.with_writer(std::io::stderr).init();
        }
    }
    cli::run(cli)
}
