//! `platen manual`: pages for `man` and completions for shells, made from the command line itself.
//!
//! packaging/deb asks for them; nobody else has to, so that help does not name this verb.

use clap::{Args, CommandFactory};
use clap_complete::shells::{Bash, Fish, Zsh};
use std::io;
use std::path::{Path, PathBuf};

use super::{Cli, Failed};

const PROGRAM: &str = "platen";

#[derive(Debug, Args)]
pub struct Manual {
    /// The folder to write to, which is made where it is not there: `man1`, `bash`, `zsh` and `fish` below it.
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
}

impl Manual {
    pub fn run(self) -> Result<(), Failed> {
        write(&self.into).map_err(|error| {
            let folder = self.into.display();
            Failed::Finding(format!(
                "nothing can be written to {folder}: {error}; look at the path and its owner"
            ))
        })
    }
}

/// The same for the same program: there is neither a date nor anything of this machine in it.
fn write(into: &Path) -> io::Result<()> {
    let below = |name: &str| {
        let folder = into.join(name);
        std::fs::create_dir_all(&folder).map(|()| folder)
    };
    clap_mangen::generate_to(Cli::command(), below("man1")?)?;
    clap_complete::generate_to(Bash, &mut Cli::command(), PROGRAM, below("bash")?)?;
    clap_complete::generate_to(Zsh, &mut Cli::command(), PROGRAM, below("zsh")?)?;
    clap_complete::generate_to(Fish, &mut Cli::command(), PROGRAM, below("fish")?)?;
    Ok(())
}
