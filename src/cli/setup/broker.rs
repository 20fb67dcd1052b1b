//! The broker: mosquitto's files for platen and for dashboards, the two passwords, and what platen's configuration says.
//!
//! ```text
//! passwords ─▶ mosquitto's password file, made of them ─▶ access list ─▶ listener ─▶ [mqtt]
//! ```
//! Whatever cuts it off, the next run goes on from what is there.

use std::path::{Path, PathBuf};

use super::{Failed, Machine, Step, failed};
use crate::config::{Said, says, with_settings};
use crate::io::mosquitto::{self, PLATEN, READER};
use crate::io::place::{Put, Whose, put};
use crate::io::secret::{NewToken, Secret};
use crate::io::{durable, machine};

/// Where Debian's mosquitto looks for more.
pub(super) const FOLDER: &str = "/etc/mosquitto/conf.d";
/// The group that Debian's runs in.
const GROUP: &str = "mosquitto";
/// The broker of the configuration that comes with platen, which nobody has.
const EXAMPLE: &str = "broker.lab.example";
const KEPT: u64 = 4096;

/// Who may do what, by whose password.
const ACCOUNTS: [(&str, &str); 2] = [(PLATEN, "mqtt-password"), (READER, "mqtt-dashboard-password")];

pub(super) fn run(
    machine: &mut Machine,
    folder: &Path,
    port: u16,
    replace: bool,
    into: &mut Vec<Step>,
) -> Result<(), Failed> {
    if !folder.is_dir() {
        return Err(failed(format!(
            "{} is no folder; install mosquitto (`apt install mosquitto`), or give another folder with --broker-files",
            folder.display()
        )));
    }
    let folder = folder.canonicalize().map_err(|error| failed(format!("{}: {error}", folder.display())))?;
    let mut passwords = Vec::new();
    for (name, file) in ACCOUNTS {
        let path = machine.beside(file);
        // A dashboard's password is for whoever sets that up.
        let whose = if name == PLATEN { machine.whose } else { Whose::default() };
        passwords.push((name, password(&path, whose, into)?, path));
    }
    let at = |ending: &str| folder.join(format!("platen.{ending}"));
    let (users, access, listener) = (at("passwd"), at("acl"), at("conf"));
    // Only root gives files away.
    let group = machine::group(GROUP).filter(|_| machine::own_uid() == 0);
    let whose = Whose { user: None, group };
    let mut lines = String::new();
    for (name, password, _) in &passwords {
        lines.push_str(&mosquitto::line(name, password).map_err(failed)?);
    }
    let prefix = machine.config.mqtt.as_ref().and_then(|mqtt| mqtt.home_assistant.as_ref());
    let list = mosquitto::access_list(prefix.map(|found| found.prefix.as_str()));
    let listens = mosquitto::listener(port, &users, &access);
    // The listener last: mosquitto reads nothing of the others before.
    for (path, text) in [(&users, &lines), (&access, &list), (&listener, &listens)] {
        let became = write(path, text.as_bytes(), 0o640, whose, replace)?;
        into.push(Step::of("broker", became, path, replace_hint(became)));
    }
    let kept = std::fs::read_to_string(&users).map_err(|error| unread(&users, &error))?;
    for (name, password, path) in &passwords {
        if !mosquitto::lets_in(&kept, name, password) {
            return Err(failed(format!(
                "{} does not let {name} in with the password in {}; look whose it is, then write it anew with --replace",
                users.display(),
                path.display()
            )));
        }
    }
    said(machine, port, &passwords[0].2, into)
}

fn replace_hint(became: Put) -> &'static str {
    match became {
        Put::There => "it stays (--replace writes it anew)",
        Put::Written | Put::Replaced => "restart mosquitto: `systemctl restart mosquitto`",
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32, whose: Whose, replace: bool) -> Result<Put, Failed> {
    put(path, bytes, mode, whose, replace).map_err(|error| {
        failed(format!("{} cannot be written: {error}; do this as root (`sudo`)", path.display()))
    })
}

fn unread(path: &Path, error: &std::io::Error) -> Failed {
    failed(format!("{} cannot be read: {error}; do this as root (`sudo`)", path.display()))
}

/// The password in a file, which is made where there is none.
fn password(path: &Path, whose: Whose, into: &mut Vec<Step>) -> Result<Secret, Failed> {
    use std::io::Read;
    let made = NewToken::make().map_err(failed)?.shown;
    let random = made.expose().rsplit('_').next().unwrap_or_default();
    let became = write(path, format!("{random}\n").as_bytes(), 0o600, whose, false)?;
    into.push(Step::of("broker", became, path, "a random password, for nobody else to read"));
    let mut text = String::new();
    let read = durable::open_plain(path).and_then(|file| file.take(KEPT).read_to_string(&mut text));
    read.map_err(|error| unread(path, &error))?;
    let password = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if password.expose().is_empty() {
        return Err(failed(format!("{} is empty; take it away, then try again", path.display())));
    }
    Ok(password)
}

/// platen's own configuration; a broker elsewhere, and whoever platen is to it, stay.
fn said(machine: &mut Machine, port: u16, password: &Path, into: &mut Vec<Step>) -> Result<(), Failed> {
    let url = format!("mqtt://127.0.0.1:{port}");
    let settings = [
        ("url", Said::Text(url)),
        ("username", Said::Text(PLATEN.into())),
        ("password_file", Said::Text(password.display().to_string())),
    ];
    let text = machine.text()?;
    if settings.iter().all(|(key, value)| says(&text, "mqtt", key, value)) {
        into.push(Step::there("broker", "[mqtt] in the configuration says so already"));
        return Ok(());
    }
    if let Some(mqtt) = &machine.config.mqtt
        && (mqtt.username.is_some() || mqtt.host != EXAMPLE)
    {
        into.push(Step::there(
            "broker",
            &format!(
                "[mqtt] names the broker {} already and stays; for this one, write url = \"mqtt://127.0.0.1:{port}\", username = \"{PLATEN}\" and password_file = \"{}\" there",
                mqtt.host,
                password.display()
            ),
        ));
        return Ok(());
    }
    let new = with_settings(&text, "mqtt", &settings).map_err(|error| machine.unsaid(&error))?;
    machine.replace(&text, &new)?;
    into.push(Step::done("broker", "[mqtt] in the configuration names it, with platen's password"));
    Ok(())
}

/// Where its files go, where nobody has said.
pub(super) fn offered() -> Option<PathBuf> {
    Path::new(FOLDER).is_dir().then(|| FOLDER.into())
}
