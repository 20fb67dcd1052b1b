//! `platen serve`: the daemon.

use clap::Args;
use std::path::PathBuf;

use super::{Failed, runtime};
use crate::config::Config;
use crate::daemon::Daemon;

#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration; config/platen.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

impl Serve {
    /// Runs until SIGTERM or SIGINT.
    pub fn run(self) -> Result<(), Failed> {
        let config = Config::load(&self.config).map_err(|errors| Failed::Usage(errors.to_string()))?;
        runtime()?.block_on(async {
            let daemon = Daemon::start(config).await.map_err(|error| Failed::Finding(error.to_string()))?;
            eprintln!("platen: the page is at http://{}/", daemon.address);
            super::asked_to_end().await;
            eprintln!("platen: ending");
            daemon.stop().await;
            Ok(())
        })
    }
}
