//! `platen setup`: the first admin, or a new password for one, while the daemon does not run.
//!
//! It writes the file of hashes and who it was; the daemon tells the journal when it starts, since nobody else
//! writes there.

use clap::Args;
use serde::Serialize;
use std::io::IsTerminal;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{Failed, Global, show};
use crate::config::Config;
use crate::domain::people::name::{NameError, PrintedName, UserName};
use crate::domain::people::setup::{Plan, Wanted, judge_password, plan};
use crate::io::credentials::{CredentialsError, CredentialsFile, FILE, SetUp};
use crate::io::secret::{COSTS, PasswordHash, Secret};
use crate::io::store::sled::lock_folder;
use crate::io::terminal::{first_line, hidden_line};
use crate::services::restore::is_unfinished;

#[derive(Debug, Args)]
pub struct Setup {
    /// The daemon's configuration; its state_dir is looked for there.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The name that the admin signs in with; asked for where it is left out.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Their name in full, as it stands under a signature; the same where it is left out.
    #[arg(long, value_name = "NAME")]
    pub printed: Option<String>,
    /// The first line of the standard input is the password, instead of asking for it twice on the terminal.
    #[arg(long)]
    pub password_stdin: bool,
    /// People are set up already: give this admin a new password, and void their tokens.
    #[arg(long)]
    pub reset: bool,
}

#[derive(Serialize)]
struct Done {
    name: String,
    path: String,
    reset: bool,
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::Finding(error.to_string())
}

impl Setup {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let config = Config::load(&self.config).map_err(|errors| Failed::Usage(errors.to_string()))?;
        let wanted = self.wanted()?;
        let state = &config.state_dir;
        ready(state)?;
        // Nobody else changes the folder from here on; held until the end.
        let _lock = lock_folder(&state.join("journal")).map_err(failed)?;
        let path = state.join(FILE);
        let there = match CredentialsFile::load(&path) {
            Ok(file) => Some(file),
            Err(CredentialsError::Missing(_)) => None,
            Err(error) => return Err(failed(error)),
        };
        let known = there.as_ref().map(CredentialsFile::names).unwrap_or_default();
        let plan = plan(&known, &wanted).map_err(failed)?;
        let password = self.password()?;
        judge_password(&wanted, password.expose()).map_err(failed)?;
        let hash = PasswordHash::of(&password, COSTS).map_err(failed)?;
        let who = SetUp { name: wanted.name, printed: wanted.printed };
        let name = who.name.to_string();
        match there {
            None => drop(CredentialsFile::set_up(&path, who, hash).map_err(failed)?),
            // It may be there with nobody in it.
            Some(mut file) => file.reset(who, hash).map_err(failed)?,
        }
        let (path, reset) = (path.display().to_string(), plan == Plan::Reset);
        if global.json {
            return show::json(&Done { name, path, reset });
        }
        show::line(&format!("{name} is kept in {path}"));
        show::line(&if reset {
            format!(
                "from the next start of platen on, {name} signs in with the new password; tokens of theirs are void"
            )
        } else {
            format!("from the next start of platen on, {name} is admin and adds the others")
        });
        Ok(())
    }

    fn wanted(&self) -> Result<Wanted, Failed> {
        let usage = |error: NameError| Failed::Usage(error.to_string());
        let name = match &self.name {
            Some(name) => name.clone(),
            None if self.password_stdin => {
                return Err(Failed::Usage(
                    "--password-stdin needs --name as well: say who the admin is".into(),
                ));
            }
            None => {
                terminal()?;
                eprint!("Name of the admin, to sign in with: ");
                first_line(&std::io::stdin()).map_err(unread)?.ok_or_else(given_up)?.expose().to_owned()
            }
        };
        let name: UserName = name.parse().map_err(usage)?;
        let printed = self.printed.as_deref().unwrap_or(name.as_str());
        let printed: PrintedName = printed.parse().map_err(usage)?;
        Ok(Wanted { name, printed, reset: self.reset })
    }

    fn password(&self) -> Result<Secret, Failed> {
        let stdin = std::io::stdin();
        if self.password_stdin {
            let none =
                || Failed::Usage("the standard input is empty: give the password in its first line".into());
            return first_line(&stdin).map_err(unread)?.ok_or_else(none);
        }
        terminal()?;
        let ask = |what: &str| {
            let line = hidden_line(&stdin, || eprint!("{what}"));
            line.map_err(unread)?.ok_or_else(given_up)
        };
        let password = ask("Password, 12 characters at least (not shown): ")?;
        let again = ask("The same again: ")?;
        if password.expose() != again.expose() {
            return Err(Failed::Finding("the two passwords differ; nothing was changed: try again".into()));
        }
        Ok(password)
    }
}

pub(super) fn terminal() -> Result<(), Failed> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failed::Usage(
        "there is no terminal to ask on: give --name, and the password with --password-stdin".into(),
    ))
}

pub(super) fn unread(error: std::io::Error) -> Failed {
    Failed::Finding(format!("what was typed cannot be read: {error}; nothing was changed: try again"))
}

pub(super) fn given_up() -> Failed {
    Failed::Finding("given up; nothing was changed".into())
}

/// The state folder is there, whole, and belongs to whoever runs this.
fn ready(state: &Path) -> Result<(), Failed> {
    let shown = state.display();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|error| {
        failed(format!(
            "the state folder {shown} cannot be made: {error}; do this as the user that platen runs as"
        ))
    })?;
    let owner_of = |path: &Path| path.metadata().map(|metadata| metadata.uid());
    let owner =
        owner_of(state).map_err(|error| failed(format!("{shown} cannot be read: {error}; look at it")))?;
    // Who we are, as the kernel has it.
    if owner_of(Path::new("/proc/self")).is_ok_and(|us| us != owner) {
        return Err(failed(format!(
            "{shown} belongs to another user (number {owner}), and platen could not read what you write there; do this as that user, as with `sudo -u`"
        )));
    }
    if is_unfinished(state) {
        return Err(failed(format!(
            "{shown} has a restore in it that was not finished; run `platen restore FROM --into {shown}` again first"
        )));
    }
    Ok(())
}
