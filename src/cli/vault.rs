//! `platen vault`: the key that the vault is sealed with, and another one.

use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};

use super::users::password_of;
use super::{Client, Failed, Global, show};
use crate::api::shapes::{NoMore, ResealedView};
use crate::io::vault::Keys;

#[derive(Debug, Args)]
pub struct Vault {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Make a key file, or put a new key into one; prints the key's id.
    NewKey {
        /// The file; it must not be there yet, except with --add. Its owner must be the user that platen runs as.
        file: PathBuf,
        /// The file is there: add a key, with which `platen vault reseal` then has everything sealed.
        #[arg(long)]
        add: bool,
    },
    /// Have the daemon read its key file anew, and seal every record with the last key in it.
    Reseal {
        #[command(flatten)]
        who: SignedIn,
    },
}

/// Who asks, where no token says it.
#[derive(Clone, Debug, Default, Args)]
pub struct SignedIn {
    /// Sign in as this user for this one thing.
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// The first line of the standard input is the password.
    #[arg(long, requires = "name")]
    pub password_stdin: bool,
}

impl SignedIn {
    /// Asks in their name, and signs out again.
    pub fn ask<T>(
        &self,
        client: &Client,
        ask: impl FnOnce(&Client) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let Some(name) = &self.name else { return ask(client) };
        let password = password_of(name, self.password_stdin)?;
        let (client, _) = client.sign_in(name, &password)?;
        let done = ask(&client);
        // What was done is done; a session that is left ends by itself.
        let _ = client.sign_out();
        done
    }
}

#[derive(Serialize)]
struct NewKey {
    path: String,
    key: String,
}

/// The daemon looks again, with the state folder of its own configuration.
const USUAL_STATE: &str = "/var/lib/platen";

impl Vault {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        match self.what {
            What::NewKey { file, add } => {
                let state = Path::new(USUAL_STATE);
                let made = if add { Keys::add(&file, state) } else { Keys::make(&file, state) };
                let key = made.map_err(|error| Failed::Finding(error.to_string()))?.to_string();
                let path = file.display().to_string();
                if global.json {
                    return show::json(&NewKey { path, key });
                }
                show::line(&format!("key {key} is in {path}"));
                show::line(
                    "keep a copy of that file, and not where the backups are: without it, what is sealed is lost",
                );
                Ok(())
            }
            What::Reseal { who } => {
                let client = Client::new(global)?;
                let told: ResealedView =
                    who.ask(&client, |client| client.post("/v1/vault/reseal", &NoMore {}))?;
                if global.json {
                    show::json(&told)?;
                } else {
                    let (changed, unchanged) = (told.changed, told.unchanged);
                    show::line(&format!("{changed} records sealed anew, {unchanged} had the key already"));
                }
                if told.failed.is_empty() {
                    return Ok(());
                }
                Err(Failed::Finding(format!(
                    "{} records are not sealed anew; leave the old keys in the file:\n  {}",
                    told.failed.len(),
                    told.failed.join("\n  ")
                )))
            }
        }
    }
}
