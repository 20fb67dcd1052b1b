//! `platen setup`: from an installed package to a lab that can print, step by step, each of which may be left out.
//!
//! ```text
//! first admin ─▶ token ─▶ broker ─▶ printers ─▶ certificate ─▶ what is still missing, in order
//! ```
//! What is there stays, and is told. Each file is there whole or not at all, so that a run that was cut off is only run
//! again. Of people and tokens it writes the file of hashes; the daemon tells the journal when it starts, since nobody
//! else writes there.

mod asking;
mod broker;
mod look;
mod printers;
mod tls;

use clap::Args;
use serde::Serialize;
use std::io::IsTerminal;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use self::asking::Asking;
use super::{Failed, Global, show};
use crate::config::{Config, NotAmended};
use crate::domain::ids::BootId;
use crate::domain::people::Label;
use crate::domain::people::name::{NameError, PrintedName, UserName};
use crate::domain::people::roles::Role;
use crate::domain::people::setup::{Plan, Wanted, judge_password, plan};
use crate::io::clock::{Clock, entropy};
use crate::io::credentials::{CredentialsError, CredentialsFile, FILE, PreparedToken, SetUp};
use crate::io::place::{Acting, Put, Whose, put, whose};
use crate::io::replace::Replaceable;
use crate::io::secret::{COSTS, GivenToken, NewToken, PasswordHash, Secret};
use crate::io::store::sled::lock_folder;
use crate::io::terminal::{first_line, hidden_line};
use crate::services::restore::is_unfinished;

/// What a token is for that was made here.
const LABEL: &str = "platen setup";

#[derive(Debug, Args)]
pub struct Setup {
    /// The daemon's configuration; broker, printers and certificate are written there.
    #[arg(long, value_name = "FILE", default_value = "/etc/platen/platen.toml")]
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
    /// Take what each question offers: broker where mosquitto is installed, all ports, a certificate of its own making.
    #[arg(long)]
    pub yes: bool,
    /// Make an admin's token for programs, and put it into this file, which nobody else may read.
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// Write mosquitto's listener, passwords and access list into this folder; on Debian /etc/mosquitto/conf.d.
    #[arg(long, value_name = "DIR")]
    pub broker_files: Option<PathBuf>,
    /// The port on which that mosquitto listens, to this machine only.
    #[arg(long, value_name = "PORT", default_value_t = 1883)]
    pub broker_port: u16,
    /// Write a section for each serial port that is no printer's yet. No port is opened.
    #[arg(long)]
    pub find_printers: bool,
    /// Open those ports, and ask who is there: a board that prints for another program may restart.
    #[arg(long, requires = "find_printers")]
    pub ask_printers: bool,
    /// Make a certificate that nobody else vouches for.
    #[arg(long, conflicts_with = "certificate")]
    pub self_signed: bool,
    /// Another name for that certificate, beside this machine's; may be given again.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// Use this certificate (PEM), where it is.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Write mosquitto's files and the certificate anew where they are there already.
    #[arg(long)]
    pub replace: bool,
    /// Where the devices are.
    #[arg(long, hide = true, value_name = "DIR", default_value = "/dev")]
    pub dev: PathBuf,
}

/// What became of one thing.
#[derive(Clone, Debug, Serialize)]
struct Step {
    of: &'static str,
    /// It is new.
    done: bool,
    what: String,
}

impl Step {
    fn done(of: &'static str, what: &str) -> Self {
        Self { of, done: true, what: what.to_owned() }
    }

    fn there(of: &'static str, what: &str) -> Self {
        Self { of, done: false, what: what.to_owned() }
    }

    fn of(of: &'static str, became: Put, path: &Path, more: &str) -> Self {
        let word = match became {
            Put::Written => "written",
            Put::Replaced => "written anew",
            Put::There => "is there",
        };
        Self { of, done: became != Put::There, what: format!("{} {word}: {more}", path.display()) }
    }

    fn tell(&self) {
        show::line(&format!("{:<12} {}", self.of, show::plain(&self.what)));
    }
}

#[derive(Serialize)]
struct Admin {
    name: String,
    path: String,
    reset: bool,
}

#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    admin: Option<Admin>,
    steps: Vec<Step>,
    /// What is still to be done, in this order.
    missing: Vec<look::Missing>,
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::Finding(error.to_string())
}

/// The machine that is set up.
struct Machine {
    path: PathBuf,
    config: Config,
    clock: Clock,
    /// Who platen runs as: whose the state folder is.
    whose: Whose,
}

impl Machine {
    fn of(path: &Path) -> Result<Self, Failed> {
        let config = Config::load(path).map_err(|errors| Failed::Usage(errors.to_string()))?;
        let path = path.canonicalize().map_err(failed)?;
        let whose = whose(&config.state_dir).unwrap_or_default();
        // Only root gives files away.
        let whose = if crate::io::machine::own_uid() == 0 { whose } else { Whose::default() };
        Ok(Self { path, config, clock: Clock::start(BootId::from_entropy(entropy())), whose })
    }

    /// A file that lies beside the configuration.
    fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn text(&self) -> Result<String, Failed> {
        Ok(Replaceable::open(&self.path).map_err(failed)?.text().to_owned())
    }

    /// Another text in place of the one that was read.
    fn replace(&mut self, known: &str, new: &str) -> Result<(), Failed> {
        let file = Replaceable::open(&self.path).map_err(failed)?;
        if file.text() != known {
            return Err(failed(format!(
                "{} was changed by somebody else meanwhile; try again",
                self.path.display()
            )));
        }
        file.replace(new).map_err(failed)?;
        self.config = Config::load(&self.path).map_err(failed)?;
        Ok(())
    }

    fn unsaid(&self, error: &NotAmended) -> Failed {
        failed(format!("{}: {error}; nothing of it was changed", self.path.display()))
    }

    /// Everybody of whom a password is kept; nobody where that cannot be read.
    fn known(&self) -> Vec<UserName> {
        let file = CredentialsFile::load(&self.config.state_dir.join(FILE));
        file.map(|file| file.names().into_iter().collect()).unwrap_or_default()
    }
}

impl Setup {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let mut machine = Machine::of(&self.config)?;
        let is_step = self.token.is_some()
            || self.broker_files.is_some()
            || self.find_printers
            || self.self_signed
            || self.certificate.is_some();
        let asking = Asking::of(self.yes, self.password_stdin || self.reset || is_step || global.json);
        let mut done = Done { admin: None, steps: Vec::new(), missing: Vec::new() };
        let names_admin = self.name.is_some() || self.password_stdin || self.reset;
        if !names_admin && !machine.known().is_empty() {
            let known: Vec<_> = machine.known().iter().map(ToString::to_string).collect();
            done.steps.push(Step::there(
                "admin",
                &format!("people are set up here already ({})", known.join(", ")),
            ));
        } else if names_admin || !is_step {
            done.admin = self.admin(&machine, &mut done.steps)?;
        }
        if let Some(admin) = done.admin.as_ref().filter(|_| !global.json) {
            tell_admin(admin);
        }
        let mut told = 0;
        let worked = self.steps(&mut machine, asking, &mut done.steps, &mut |steps: &[Step]| {
            if !global.json {
                steps[told..].iter().for_each(Step::tell);
                told = steps.len();
            }
        });
        if !global.json {
            done.steps[told..].iter().for_each(Step::tell);
        }
        worked?;
        done.missing = look::missing(&machine);
        if global.json {
            return show::json(&done);
        }
        look::tell(&done.missing);
        Ok(())
    }

    /// All but the admin. `tell` is called whenever there is something new to tell.
    fn steps(
        &self,
        machine: &mut Machine,
        asking: Asking,
        into: &mut Vec<Step>,
        tell: &mut dyn FnMut(&[Step]),
    ) -> Result<(), Failed> {
        tell(into.as_slice());
        match &self.token {
            Some(file) => self.token(machine, Some(file), into)?,
            None if asking == Asking::Person
                && asking.yes("A token for programs (backup, monitoring), shown once?", false)? =>
            {
                self.token(machine, None, into)?;
            }
            None => {}
        }
        tell(into.as_slice());
        let folder = match &self.broker_files {
            Some(folder) => Some(folder.clone()),
            None if machine.config.mqtt.as_ref().is_some_and(|mqtt| mqtt.username.is_some()) => None,
            None => broker::offered().map_or(Ok(None), |folder| {
                let question = format!("Write the files of mosquitto into {}?", folder.display());
                Ok::<_, Failed>(asking.yes(&question, true)?.then_some(folder))
            })?,
        };
        if let Some(folder) = folder {
            broker::run(machine, &folder, self.broker_port, self.replace, into)?;
        }
        tell(into.as_slice());
        if self.find_printers
            || asking.yes("Look for printers? No port is opened unless you say so.", true)?
        {
            let asking = if self.find_printers { Asking::Offered } else { asking };
            printers::run(machine, &self.dev, asking, self.ask_printers, into)?;
        }
        tell(into.as_slice());
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => tls::own(machine, certificate, key, self.replace, into)?,
            _ if self.self_signed => tls::self_signed(machine, &self.hosts, self.replace, into)?,
            _ if machine.config.http.tls.is_none() => {
                let question = "A certificate of its own making, so that others may reach the page over TLS?";
                // What others would have to trust is not made unasked, but where `--yes` says so.
                if asking.yes(question, asking == Asking::Offered)? {
                    tls::self_signed(machine, &self.hosts, self.replace, into)?;
                }
            }
            _ => {}
        }
        tell(into.as_slice());
        Ok(())
    }

    /// The first admin, or a new password for one; nothing where this one is there.
    fn admin(&self, machine: &Machine, into: &mut Vec<Step>) -> Result<Option<Admin>, Failed> {
        let wanted = self.wanted()?;
        let state = &machine.config.state_dir;
        let _acting = ready(state)?;
        // Nobody else changes the folder from here on; held until the end.
        let _lock = lock_folder(&state.join("journal")).map_err(failed)?;
        let path = state.join(FILE);
        let there = match CredentialsFile::load(&path) {
            Ok(file) => Some(file),
            Err(CredentialsError::Missing(_)) => None,
            Err(error) => return Err(failed(error)),
        };
        let known = there.as_ref().map(CredentialsFile::names).unwrap_or_default();
        if !self.reset && known.contains(&wanted.name) {
            let words =
                format!("{} is set up already, and the password stays (--reset gives another)", wanted.name);
            into.push(Step::there("admin", &words));
            return Ok(None);
        }
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
        Ok(Some(Admin { name, path: path.display().to_string(), reset: plan == Plan::Reset }))
    }

    /// A token into a file, or shown.
    fn token(&self, machine: &Machine, file: Option<&Path>, into: &mut Vec<Step>) -> Result<(), Failed> {
        let state = &machine.config.state_dir;
        let path = state.join(FILE);
        let load = || CredentialsFile::load(&path).map_err(failed);
        if let Some(file) = file.filter(|file| file.symlink_metadata().is_ok()) {
            let text = std::fs::read_to_string(file).map(Secret::new);
            let text = text.map_err(|error| failed(format!("{} cannot be read: {error}", file.display())))?;
            let given = GivenToken::read(text.expose().trim());
            let credentials = load()?;
            let is_known = given.is_some_and(|given| {
                credentials.token(&given.id).is_some_and(|(_, hash)| given.is(&hash.bytes()))
            });
            if !is_known {
                return Err(failed(format!(
                    "{} is there, and holds no token that is known here; take it away, then try again",
                    file.display()
                )));
            }
            into.push(Step::of("token", Put::There, file, "it is known here, and stays"));
            return Ok(());
        }
        let owner = self.owner(machine)?;
        let made = NewToken::make().map_err(failed)?;
        let shown = match file {
            // Before its hash is kept: a file that is cut off lets nobody in.
            Some(file) => {
                let text = Secret::new(format!("{}\n", made.shown.expose()));
                let became = put(file, text.expose().as_bytes(), 0o600, Whose::default(), false);
                let became = became
                    .map_err(|error| failed(format!("{} cannot be written: {error}", file.display())))?;
                Step::of(
                    "token",
                    became,
                    file,
                    &format!("a token of {owner}, from the next start of platen on"),
                )
            }
            None => Step::done(
                "token",
                &format!(
                    "{} (a token of {owner}, from the next start of platen on; it is not shown again)",
                    made.shown.expose()
                ),
            ),
        };
        let kept = || {
            let _acting = ready(state)?;
            let _lock = lock_folder(&state.join("journal")).map_err(failed)?;
            let label: Label = LABEL.parse().map_err(failed)?;
            let prepared =
                PreparedToken { owner, token: made.id.clone(), label, roles: [Role::Admin].into() };
            load()?.prepare_token(prepared, made.hash).map_err(failed)
        };
        if let Err(error) = kept() {
            // It was never one.
            if let Some(file) = file {
                let _ = std::fs::remove_file(file);
            }
            return Err(error);
        }
        into.push(shown);
        Ok(())
    }

    /// Whose the token is to be.
    fn owner(&self, machine: &Machine) -> Result<UserName, Failed> {
        if let Some(name) = &self.name {
            return name.parse().map_err(|error: NameError| Failed::Usage(error.to_string()));
        }
        match machine.known().as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(failed(
                "nobody is set up yet, whose token it could be; give --name and --password-stdin as well",
            )),
            _ => Err(Failed::Usage(
                "there are several people; say with --name whose token it is to be, an admin's".into(),
            )),
        }
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

fn tell_admin(admin: &Admin) {
    let Admin { name, path, reset } = admin;
    show::line(&format!("{name} is kept in {path}"));
    show::line(&if *reset {
        format!(
            "from the next start of platen on, {name} signs in with the new password; tokens of theirs are void"
        )
    } else {
        format!("from the next start of platen on, {name} is admin and adds the others")
    });
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

/// The state folder is there, whole, and belongs to whoever runs this; root does it as whose it is, until the end.
fn ready(state: &Path) -> Result<Option<Acting>, Failed> {
    let shown = state.display();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|error| {
        failed(format!(
            "the state folder {shown} cannot be made: {error}; do this as the user that platen runs as"
        ))
    })?;
    let found =
        state.metadata().map_err(|error| failed(format!("{shown} cannot be read: {error}; look at it")))?;
    let (us, owner) = (crate::io::machine::own_uid(), found.uid());
    if us != owner && us != 0 {
        return Err(failed(format!(
            "{shown} belongs to another user (number {owner}), and platen could not read what you write there; do this as that user, as with `sudo -u`"
        )));
    }
    if is_unfinished(state) {
        return Err(failed(format!(
            "{shown} has a restore in it that was not finished; run `platen restore FROM --into {shown}` again first"
        )));
    }
    let acting = (us != owner).then(|| Acting::begin(owner, found.gid())).transpose();
    acting
        .map_err(|error| failed(format!("this cannot be done as the user that {shown} belongs to: {error}")))
}
