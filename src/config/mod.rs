//! What the operator may say, in one TOML file; every mistake is reported at once.

mod amend;
mod edit;
mod http;
mod known;
mod mdns;
mod mistake;
mod monitoring;
mod notifications;
mod oidc;
mod parse;
mod public;
mod reader;
mod relay;
pub mod resin;
mod schedule;
mod section;
#[cfg(test)]
mod tests;
mod zone;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::case::IntendedUse;
use crate::domain::command::{Code, Level};
use crate::domain::heat::HeatLimits;
use crate::domain::ids::{NodeName, PrinterName, SiteName};
use crate::domain::job::Attended;
use crate::domain::people::notices::MailAddress;
use crate::domain::printer::{Firmware, Park};
use crate::domain::units::{Baud, Height};
use crate::domain::zone::Zone;

pub use amend::{NotAmended, Said, says, with_settings};
pub use edit::{Buffers, EditError, with_buffers};
pub use http::{Http, Tls, TlsKey};
pub use known::{Known, known, like};
pub use mistake::{ConfigErrors, Mistake};
pub use monitoring::Monitoring;
pub use notifications::is_reached_safely;
pub use oidc::{BACK, Oidc};
pub use parse::KEYS;
pub use public::Public;
pub use section::{Chosen, NotAdded, with_section};

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it was read; absent where it was no file.
    pub file: Option<ConfigFile>,
    pub site: SiteName,
    pub node: NodeName,
    /// Of the site's clock: days, shifts and times for people are by it.
    pub zone: Zone,
    pub state_dir: PathBuf,
    /// With less free space, in bytes, no upload and no job is taken in.
    pub disk_floor: u64,
    pub http: Http,
    /// Absent: nothing is published (the journal keeps all events for later).
    pub mqtt: Option<Mqtt>,
    /// Jobs for cases of these uses begin only while a person is there.
    pub attended_uses: Vec<IntendedUse>,
    /// What becomes of jobs that were running when platen ended.
    pub restart: Restart,
    pub printers: Vec<Printer>,
    /// Absent: models are not taken, G-code is.
    pub slicing: Option<Slicing>,
    pub gate: Gate,
    /// By which tables reports count.
    pub counting: Counting,
    /// Absent: the head of the journal is not signed.
    pub heads: Option<Heads>,
    /// Absent: nobody writes down who a case is for.
    pub vault: Option<VaultKey>,
    /// Absent: nothing is announced on the local network.
    pub mdns: Option<Mdns>,
    /// By which ways people are told.
    pub notifications: Notifications,
    /// How the shared queue is planned.
    pub schedule: Schedule,
    /// What is told as slow.
    pub monitoring: Monitoring,
    /// While this file is there, all printers are stopped.
    pub stop_file: Option<PathBuf>,
    /// A file that reads `0` or `1`, as GPIO has them, and the value that means stop.
    pub stop_input: Option<StopInput>,
}

/// The file of a configuration, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    pub path: PathBuf,
    pub text: String,
}

/// Jobs for cases of these uses go on after platen ended and came back, once all is proven; those of no list are
/// interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// At once.
    pub continue_uses: Vec<IntendedUse>,
    /// When a person says so.
    pub ask_uses: Vec<IntendedUse>,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            continue_uses: vec![IntendedUse::Education],
            ask_uses: vec![IntendedUse::Guide, IntendedUse::Diagnostic],
        }
    }
}

/// What speaks against a file on every printer of the site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// A file with one of these is printed nowhere.
    pub forbidden_commands: Vec<Code>,
}

/// Which day of a case is its date of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceDay {
    /// The end of the last print that was released.
    Printed,
    #[default]
    Delivered,
}

/// What reports are counted by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    /// A folder of tables of codes; absent: those that came with platen.
    pub codes: Option<PathBuf>,
    /// A file with the official texts of the codes; absent: platen's own words.
    pub texts: Option<PathBuf>,
    /// A folder of rates, a file a version; absent: nothing has a cost.
    pub rates: Option<PathBuf>,
    pub service_day: ServiceDay,
}

/// Where the head of the journal is written once a day, and with which key it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    pub folder: PathBuf,
    pub key_file: PathBuf,
}

/// Where the key of the vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultKey {
    /// A file, outside of `state_dir`.
    File(PathBuf),
    /// What systemd hands to the service under this name (`LoadCredential=`).
    Credential(String),
}

/// What is announced on the local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mdns {
    /// Without `.local`; absent: the machine's own.
    pub host: Option<String>,
    /// Absent: that on which HTTP listens.
    pub port: Option<u16>,
    /// Where a proxy answers; none: those of the machine.
    pub addresses: Vec<IpAddr>,
}

/// How people are told of what happens; MQTT beside these, where there is a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    pub mail: Option<MailServer>,
    pub webhook: Option<Webhook>,
}

/// How the way to a mail server is hidden from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// In the open, and only to this machine itself.
    None,
    StartTls,
    /// From the first byte.
    Wrapped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub ca_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub from: MailAddress,
}

/// Where notices are posted; only who writes the configuration says where.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    pub secret_file: PathBuf,
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for Webhook {
    /// Its path may be a secret of the receiver's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("secret_file", &self.secret_file).finish_non_exhaustive()
    }
}

/// What a printer prints with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Fdm,
    Resin,
}

/// On which days, Monday first, people are in the lab from one minute of the day to another, in the site's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub days: [bool; 7],
    pub from: u16,
    pub until: u16,
}

/// Something that printers draw their power from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    pub name: String,
    pub watts: u32,
}

/// What a printer draws from its circuit: while it heats up, for so long, and afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    pub circuit: String,
    pub heating: u32,
    pub printing: u32,
    pub heatup: Duration,
}

/// How the shared queue is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When people are there; nothing: always.
    pub attended: Vec<Shift>,
    /// The minute of the day, in the site's time, at which a case's parts have to be ready on the day it is needed.
    pub ready_at: u16,
    /// What comes between the end of a print and that.
    pub post_processing: Duration,
    pub inspection: Duration,
    /// Of guides only.
    pub sterilising: Duration,
    /// From a bed that is full to the next print.
    pub handling: Duration,
    /// What is planned to begin so soon stays where it is.
    pub firm: Duration,
    /// How long a print is taken for of which nobody knows it.
    pub unknown: Duration,
    pub circuits: Vec<Circuit>,
}

impl Default for Schedule {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Self {
            attended: Vec::new(),
            ready_at: 7 * 60,
            post_processing: hours(4),
            inspection: hours(2),
            sterilising: hours(24),
            handling: Duration::from_secs(15 * 60),
            firm: hours(1),
            unknown: hours(8),
            circuits: Vec::new(),
        }
    }
}

/// What a printer can build. What is absent is not known, and refuses no file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Lowest and highest place over the plate, mm.
    pub x: Option<(i16, i16)>,
    pub y: Option<(i16, i16)>,
    /// The highest Z, mm.
    pub height: Option<u16>,
    /// How far beside the plate the head may go, mm.
    pub beside: u16,
    pub nozzle: Option<Height>,
    pub filament: Option<Height>,
    /// Whether its firmware knows arcs.
    pub arcs: Option<bool>,
    /// How long a job may take.
    pub longest: Option<Duration>,
}

/// How models become files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slicing {
    /// The folder with `processes.toml` and the profiles.
    pub profiles: PathBuf,
    /// The slicer; else the one on the path.
    pub program: Option<PathBuf>,
    /// So many at a time.
    pub parallel: usize,
    /// Bytes of address space that one may take.
    pub memory: u64,
    /// How long one may take.
    pub wall: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopInput {
    pub path: PathBuf,
    /// The contact is open when this is `false`: a cut wire stops.
    pub stops_at: bool,
}

/// How a relay is told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A program and its arguments; no shell.
    Command(Vec<String>),
    /// `GET`, `POST` or `PUT`.
    Http { method: String, url: String },
    /// On the broker under `[mqtt]`.
    Mqtt { topic: String, payload: String },
}

/// When a relay's lease is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewWhen {
    /// As long as platen looks after the printer: for a relay in front of the whole printer.
    Always,
    /// Only while it may be hot besides: for one in front of its heaters.
    Hot,
}

/// A relay that switches off by itself unless it hears this again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayLease {
    pub renew: Switch,
    pub every: Duration,
    pub when: RenewWhen,
}

/// What takes a printer's power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    pub off: Switch,
    pub lease: Option<RelayLease>,
    /// How long one order may take.
    pub timeout: Duration,
}

impl Config {
    /// Reads and checks a configuration file. The error holds every mistake in it, not the first.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let failed = |mistakes| ConfigErrors { path: path.to_owned(), mistakes };
        let text =
            std::fs::read_to_string(path).map_err(|error| failed(vec![Mistake::unreadable(&error)]))?;
        let config = Self::parse(&text).map_err(failed)?;
        Ok(Self { file: Some(ConfigFile { path: path.to_owned(), text }), ..config })
    }

    /// Checks the text of a configuration, without looking at the machine.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        parse::parse(text)
    }

    /// What the configuration says of one printer.
    pub fn printer(&self, name: &PrinterName) -> Option<&Printer> {
        self.printers.iter().find(|printer| printer.name == *name)
    }

    /// The printer of that name, or what to say where there is none.
    pub fn named_printer(&self, name: &str) -> Result<&Printer, String> {
        self.printers.iter().find(|printer| printer.name.as_str() == name).ok_or_else(|| {
            let names: Vec<_> = self.printers.iter().map(|printer| printer.name.as_str()).collect();
            match reader::nearest(name, &names) {
                Some(near) => format!("there is no printer {name:?}; did you mean {near}?"),
                None => format!("there is no printer {name:?}; known printers: {}", names.join(", ")),
            }
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttVersion {
    V311,
    V5,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    pub host: String,
    pub port: u16,
    /// `mqtts://`: TLS, checked against `ca_file`, or the system's certificates where absent.
    pub tls: bool,
    pub ca_file: Option<PathBuf>,
    pub version: MqttVersion,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// With so many entries of the journal not yet published, no job is taken in.
    pub outbox_max: u64,
    /// Absent: Home Assistant is told of no printer.
    pub home_assistant: Option<HomeAssistant>,
}

/// What Home Assistant is told with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeAssistant {
    /// Below which topic it looks for devices.
    pub prefix: String,
    /// Where a device's page is; `public` of `[http]`.
    pub page: Option<String>,
}

impl From<&str> for HomeAssistant {
    fn from(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), page: None }
    }
}

/// Who says that a bed is clear after a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BedClearing {
    /// A named person, each time. The default.
    Person,
    /// The printer removes parts by itself (a belt, a simulator).
    Automatic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printer {
    pub name: PrinterName,
    /// Which processes are for it.
    pub model: Option<String>,
    pub kind: Kind,
    /// Absent where it prints with filament, and where it is a resin printer that is not driven from here.
    pub resin: Option<Box<resin::Resin>>,
    /// Absent: what it draws is not watched.
    pub power: Option<Power>,
    pub port: PathBuf,
    pub baud: Baud,
    /// Bytes of the board's receive buffer; 128 unless the maker says more.
    pub rx_buffer: usize,
    /// Commands that the board takes out of that buffer before it runs them; 0 is the safe default.
    pub command_buffer: usize,
    /// The firmware, where it does not say so itself or says it wrongly.
    pub firmware: Option<Firmware>,
    /// Packed lines where the firmware can unpack them.
    pub meatpack: bool,
    /// How hot it may be made.
    pub heat: HeatLimits,
    pub bed_clearing: BedClearing,
    /// Whether DTR resets the board; found out where absent.
    pub dtr_reset: Option<bool>,
    pub relay: Option<Relay>,
    /// Jobs begin by themselves; otherwise a person lets each begin.
    pub unattended: bool,
    /// Its plug never leaves its socket.
    pub fixed_plug: bool,
    /// How it parks in a pause; absent: it stands still.
    pub park: Option<Park>,
    /// How long a paused nozzle, and a paused bed, stay hot.
    pub paused_hot_max: Duration,
    pub paused_bed_max: Duration,
    /// A nozzle that is held for a person after a restart of platen, °C.
    pub hold_temperature: Option<u16>,
    /// After how long without a move the firmware is to halt during a job; absent: never.
    pub inactivity_kill: Option<Duration>,
    /// What its console takes.
    pub console: Level,
    /// Commands that only this printer's jobs and console may hold.
    pub allow_commands: Vec<Code>,
    pub build: Build,
    /// Findings of the gate that speak against no file here, by their codes.
    pub allow_findings: Vec<&'static str>,
}

impl Printer {
    /// Why a person has to be there when a job of this use begins; `unprotected` is what the firmware says.
    pub fn attended(
        &self,
        uses: &[IntendedUse],
        of: Option<IntendedUse>,
        unprotected: bool,
    ) -> Option<Attended> {
        if !self.unattended {
            return Some(Attended::Printer);
        }
        let demanding = of.filter(|of| uses.contains(of)).map(Attended::Use);
        demanding.or_else(|| unprotected.then_some(Attended::Unprotected))
    }
}
