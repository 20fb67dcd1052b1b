//! The simulator's binary; all of it is in `hw_sim::program`.

use clap::Parser;
use hw_sim::program::{Arguments, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hw-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
