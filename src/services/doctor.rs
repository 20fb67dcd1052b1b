//! What of this machine keeps platen from doing its work, in words, with what to do: for `platen doctor`.
//!
//! Nothing is changed, no port is opened, and the journal is read in a copy: whoever asks while a daemon starts must
//! not be in its way. Functions that begin with `of_` judge what others have read; nothing else decides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::check::{self, Of};
use super::journal::audit;
use super::restore::is_unfinished;
use super::slicing::Slicing;
use crate::config::{Config, Mqtt};
use crate::domain::ids::BootId;
use crate::domain::moment::WallTime;
use crate::io::cage::Private;
use crate::io::clock::{Clock, entropy};
use crate::io::machine::{self, Account, Disk, Holder, Holders, Unit};
use crate::io::mqtt::{Connection, Delivery, Dial as _, Dialler, Message, News};
use crate::io::store::sled::{FORMAT, SledStore};
use crate::io::ttys::{self, NoTty};
use crate::slicing::limits::LIMITS;

/// The unit of the daemon, and those that belong to it; the last one is there where a site backs up by it.
pub const UNITS: [&str; 4] =
    ["platen.service", "platen-safe-off.service", "platen-left-hot.path", "platen-backup.timer"];
/// Programs that talk to whatever looks like a modem or a Braille display, and take ports from printers.
const MEDDLERS: [(&str, &str); 2] = [("ModemManager", "modems"), ("brltty", "Braille displays")];
/// A broker answers in milliseconds, a TLS handshake over a bad line in seconds.
const BROKER_PATIENCE: Duration = Duration::from_secs(10);
/// A larger journal is not copied only to be looked at.
const COPY_MAX: u64 = 4 << 30;
/// 2025-01-01: this program is not older.
const LONG_AGO: WallTime = WallTime(1_735_689_600_000);
/// With fewer, the journal and uploads soon have no more files to be made.
const FILES_MIN: u64 = 1_000;

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Fine,
    /// It could not be found out.
    Unknown,
    /// It works, and may not for long; or not all of it does.
    Warning,
    Wrong,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Told {
    /// What it belongs to: one of [`AREAS`].
    pub area: &'static str,
    pub state: State,
    /// What, and which.
    pub what: String,
    /// What to do; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What is looked at, in this order.
pub const AREAS: [&str; 13] = [
    "versions",
    "configuration",
    "disk",
    "clock",
    "ports",
    "programs",
    "broker",
    "network",
    "slicer",
    "counting",
    "store",
    "daemon",
    "units",
];

fn fine(area: &'static str, what: impl Into<String>) -> Told {
    Told { area, state: State::Fine, what: what.into(), help: None }
}

fn told(area: &'static str, state: State, what: impl Into<String>, help: impl Into<String>) -> Told {
    Told { area, state, what: what.into(), help: Some(help.into()) }
}

/// An error of the layers below: `what, which; what to do`.
fn from_words(area: &'static str, state: State, words: &str) -> Told {
    match words.split_once("; ") {
        Some((what, help)) => told(area, state, what, help),
        None => Told { area, state, what: words.into(), help: None },
    }
}

/// What the daemon answered, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daemon {
    Well {
        version: String,
    },
    /// It answers, and says what is wrong with it.
    Failing {
        version: String,
        trouble: String,
    },
    /// Nobody does.
    Silent {
        why: String,
    },
}

/// What is known without a configuration.
pub fn versions() -> Vec<Told> {
    let kernel = machine::kernel().unwrap_or_else(|| "a kernel that does not say which".into());
    vec![fine(
        "versions",
        format!(
            "platen {}, store format {FORMAT}, {kernel}, {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH
        ),
    )]
}

/// A configuration with mistakes, each of them.
pub fn of_mistakes(path: &Path, mistakes: impl Iterator<Item = String>) -> Vec<Told> {
    let each = mistakes.map(|mistake| from_words("configuration", State::Wrong, &mistake));
    let each = each.map(|told| Told { what: format!("{}: {}", path.display(), told.what), ..told });
    each.collect()
}

/// All that can be told of this machine for a configuration. Blocks, but for the broker, which comes apart.
pub fn machine_for(config: &Config, daemon: &Daemon) -> Vec<Told> {
    let mut all = Vec::new();
    let path =
        config.file.as_ref().map_or_else(|| PathBuf::from("the configuration"), |file| file.path.clone());
    let (printers, path) = (config.printers.len(), path.display());
    all.push(fine("configuration", format!("{path} is whole: {printers} printers")));
    let (units, unread) = match machine::has_systemd().then(|| machine::units(&UNITS)) {
        Some(Ok(units)) => (units, None),
        Some(Err(error)) => (Vec::new(), Some(format!("systemd does not say how its units are: {error}"))),
        None => (Vec::new(), Some("systemd does not run this machine".into())),
    };
    all.extend(match machine::disk(&config.state_dir) {
        Ok(disk) => of_disk(&config.state_dir, disk, config.disk_floor),
        Err(error) => vec![told(
            "disk",
            State::Wrong,
            format!("{}: {error}", config.state_dir.display()),
            "make state_dir, and give it to the user that runs platen; a package does both",
        )],
    });
    let now = Clock::start(BootId::from_entropy(entropy())).wall();
    let zone = (config.zone.name().to_owned(), config.zone.is_fixed());
    all.extend(of_clock(machine::is_clock_set(), now, &zone, machine::zone().as_deref()));
    all.extend(ports(config, &units));
    all.extend(MEDDLERS.iter().map(|(name, of)| of_meddler(name, of, machine::running(&[name]).as_ref())));
    all.extend(beside(config));
    all.push(store(&config.state_dir, daemon));
    let active = units.first().is_some_and(|unit| unit.active == "active");
    all.push(of_daemon(daemon, active));
    match unread {
        Some(why) => all.push(Told { area: "units", state: State::Unknown, what: why, help: None }),
        None => all.extend(of_units(&units)),
    }
    all
}

/// What `platen check` finds, and what there is where it finds nothing. Ports are told with more.
fn beside(config: &Config) -> Vec<Told> {
    let slicing = config.slicing.as_ref().map(|wanted| {
        let scratch = std::env::temp_dir();
        Slicing::new(&wanted.profiles, wanted.program.clone(), LIMITS, &scratch, 1)
    });
    let found = check::beside(config, slicing.as_ref());
    let area = |of: Of| match of {
        Of::Program => "versions",
        Of::Ports => "ports",
        Of::Network => "network",
        Of::Broker => "broker",
        Of::Slicing => "slicer",
        Of::Counting => "counting",
        Of::StateDir => "disk",
    };
    let state = |is_mistake| if is_mistake { State::Wrong } else { State::Warning };
    let mut all: Vec<_> = found
        .iter()
        .filter(|finding| finding.of != Of::Ports || finding.is_mistake)
        .map(|finding| from_words(area(finding.of), state(finding.is_mistake), &finding.words))
        .collect();
    let is_well = |area: &str, all: &[Told]| all.iter().all(|told| told.area != area);
    if is_well("slicer", &all) {
        all.push(match slicing.as_ref().map(Slicing::asked_version) {
            None => fine("slicer", "models are not taken here, and no slicer is needed ([slicing])"),
            Some(Ok(version)) => fine("slicer", format!("version {version}, as its processes want it")),
            Some(Err(error)) => from_words("slicer", State::Warning, error),
        });
    }
    if is_well("network", &all) {
        all.push(match &config.http.tls {
            None => fine("network", format!("listens on {} without TLS", config.http.listen)),
            Some(tls) => fine(
                "network",
                format!("the certificate {} holds for a while yet", tls.certificate.display()),
            ),
        });
    }
    all
}

fn megabytes(bytes: u64) -> String {
    if bytes >= 10 << 30 { format!("{} GB", bytes >> 30) } else { format!("{} MB", bytes >> 20) }
}

/// What is left on the disk of a folder, against what platen asks for.
pub fn of_disk(folder: &Path, disk: Disk, floor: u64) -> Vec<Told> {
    let (free, of, path) = (megabytes(disk.free), megabytes(disk.size), folder.display());
    let what = format!("{free} of {of} are free at {path}, and disk_floor_mb asks for {}", megabytes(floor));
    let help = "free some space: old backups, logs, files of others; then look at it again";
    let space = match disk.free {
        free if free < floor => {
            told("disk", State::Wrong, format!("{what}: no upload and no job is taken in"), help)
        }
        free if free < floor.saturating_mul(4) => told("disk", State::Warning, what, help),
        _ => fine("disk", what),
    };
    let files = disk.free_files.filter(|free| *free < FILES_MIN).map(|free| {
        let what =
            format!("only {free} more files can be made at {path} (inodes), however much space is left");
        told(
            "disk",
            State::Wrong,
            what,
            "`df -i` shows it; find the folder with very many small files, and clear it",
        )
    });
    [space].into_iter().chain(files).collect()
}

/// `zone`: the site's, and whether it knows no summer time; `here`: the machine's.
pub fn of_clock(set: Option<bool>, now: WallTime, zone: &(String, bool), here: Option<&str>) -> Vec<Told> {
    let clock = match set {
        _ if now < LONG_AGO => told(
            "clock",
            State::Wrong,
            "the clock of this machine is years behind: expiry, days of reports and certificates go wrong",
            "`sudo timedatectl set-ntp true`, or set it by hand with `sudo timedatectl set-time`",
        ),
        Some(true) => fine("clock", "the clock is set by a time server"),
        Some(false) => told(
            "clock",
            State::Warning,
            "nothing sets the clock of this machine: days, expiry and certificates are as good as its quartz",
            "`sudo timedatectl set-ntp true`, with the hospital's time server in /etc/systemd/timesyncd.conf",
        ),
        None => Told {
            area: "clock",
            state: State::Unknown,
            what: "the kernel does not say whether its clock is set".into(),
            help: Some("`timedatectl` on the machine itself says it".into()),
        },
    };
    let (name, is_fixed) = zone;
    let zone = match here {
        Some(here) if *is_fixed && here.contains('/') && !here.starts_with("Etc/") => told(
            "clock",
            State::Warning,
            format!("days and shifts go by {name}, and this machine is in {here}"),
            format!("write zone = \"{here}\" into the configuration, if the lab is there"),
        ),
        Some(here) => fine("clock", format!("days and shifts go by {name}; the machine is in {here}")),
        None => fine("clock", format!("days and shifts go by {name}")),
    };
    vec![clock, zone]
}

/// Each printer's port.
fn ports(config: &Config, units: &[Unit]) -> Vec<Told> {
    let account = machine::owner(&config.state_dir).map(|mut account| {
        let extra = units.first().map(|unit| unit.groups.as_slice()).unwrap_or_default();
        account.gids.extend(extra.iter().filter_map(|name| machine::group(name)));
        account
    });
    let one = |printer: &crate::config::Printer| {
        let (name, path) = (printer.name.as_str(), printer.port.as_path());
        let device = match ttys::serial_port(path) {
            Ok(device) => device,
            Err(why) => return vec![of_no_port(name, path, &why)],
        };
        let may = account.as_ref().ok().map(|account| {
            let may = machine::may_read_and_write(path, account).unwrap_or(false);
            let group = machine::gid_of(path).map(machine::group_name).unwrap_or_default();
            (account.clone(), may, group)
        });
        of_port(name, path, may.as_ref(), &machine::holders(&device))
    };
    config.printers.iter().flat_map(one).collect()
}

/// A port that cannot be one now.
pub fn of_no_port(printer: &str, path: &Path, why: &NoTty) -> Told {
    let state = if *why == NoTty::Missing { State::Warning } else { State::Wrong };
    let words = why.to_string();
    let (what, help) = words.split_once("; ").unwrap_or((&words, "look at `ls -l /dev/serial/by-id`"));
    told("ports", state, format!("{printer}: {}: {what}", path.display()), help)
}

/// `may`: whose platen's state is, whether a port lets them in, and its group.
pub fn of_port(
    printer: &str,
    path: &Path,
    may: Option<&(Account, bool, String)>,
    holders: &Holders,
) -> Vec<Told> {
    let port = path.display();
    let mut all = Vec::new();
    if let Some((account, false, group)) = may {
        let user = &account.name;
        all.push(told(
            "ports",
            State::Wrong,
            format!("{printer}: {user} may not read and write {port}, which is of the group {group}"),
            format!("`sudo usermod -aG {group} {user}`, then `sudo systemctl restart platen`"),
        ));
    }
    let is_ours = |holder: &&Holder| holder.name == "platen";
    let (ours, others): (Vec<_>, Vec<_>) = holders.found.iter().partition(is_ours);
    for other in &others {
        all.push(told(
            "ports",
            State::Wrong,
            format!(
                "{printer}: {} (process {}) has {port} open, and two cannot talk to one printer",
                other.name, other.pid
            ),
            format!("end it: `sudo kill {}`, or stop the service that it belongs to", other.pid),
        ));
    }
    if let [first, second, ..] = ours.as_slice() {
        all.push(told(
            "ports",
            State::Wrong,
            format!("{printer}: two platens have {port} open, processes {} and {}", first.pid, second.pid),
            "end one of them: each machine has one daemon",
        ));
    } else if all.is_empty() {
        let who = match ours.first() {
            Some(ours) => format!("platen has it open (process {})", ours.pid),
            None if holders.all => "nobody has it open".into(),
            None => "who has it open cannot be seen by this user: run it with sudo".into(),
        };
        all.push(fine("ports", format!("{printer}: {port} is there; {who}")));
    }
    all
}

/// A program that takes ports.
pub fn of_meddler(name: &str, of: &str, running: Option<&Holder>) -> Told {
    match running {
        None => fine("programs", format!("{name} does not run")),
        Some(found) => told(
            "programs",
            State::Warning,
            format!(
                "{name} runs (process {}): it opens ports that may have {of} behind them, and resets boards",
                found.pid
            ),
            format!(
                "the package's udev rules keep it away from printers (docs/package.md); or `sudo systemctl disable --now {name}` where nobody needs it"
            ),
        ),
    }
}

/// Connects as somebody else than the daemon, who would otherwise be thrown out, and says what the broker answers.
pub async fn broker(mqtt: Option<&Mqtt>) -> Told {
    let Some(mqtt) = mqtt else {
        return fine("broker", "none is configured: nothing is published ([mqtt])");
    };
    // 23 characters are the most that every broker takes.
    let [a, b, c, d, e, f, g, h, ..] = entropy();
    let client = format!("platen-{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    let dialler = Dialler::new(mqtt.clone(), client);
    let broker = dialler.broker();
    // Told only if we are cut off ourselves, to nobody that listens.
    let will = Message {
        topic: "platen/v1/doctor".into(),
        payload: Vec::new(),
        delivery: Delivery::AtMostOnce,
        retain: false,
    };
    let ask = async {
        let mut connection: Connection<()> =
            dialler.connect(will).await.map_err(|error| error.to_string())?;
        loop {
            match connection.next().await {
                News::Connected => connection.disconnect(),
                News::Closed => return Ok(()),
                News::Gone(error) => return Err(error.to_string()),
                News::Acknowledged(()) => {}
            }
        }
    };
    match timeout(BROKER_PATIENCE, ask).await {
        Ok(Ok(())) => fine("broker", format!("{broker} takes us in")),
        Ok(Err(words)) => from_words("broker", State::Wrong, &words),
        Err(_) => told(
            "broker",
            State::Wrong,
            format!("{broker} has not answered for {} s", BROKER_PATIENCE.as_secs()),
            "look at the broker, and at firewalls on the way",
        ),
    }
}

/// Whether the journal opens, and is whole. A copy is opened: on a damaged file the store changes what it opens, and a
/// daemon that is just starting must find nobody there.
fn store(state: &Path, daemon: &Daemon) -> Told {
    let journal = state.join("journal");
    if is_unfinished(state) {
        let what = format!("{} has a restore in it that was not finished", state.display());
        return told("store", State::Wrong, what, "run `platen restore FROM --into FOLDER` again");
    }
    if !matches!(daemon, Daemon::Silent { .. }) {
        return fine("store", "the daemon has it open, and checks its chain at each start");
    }
    match looked_at(&journal) {
        Ok(Some(entries)) => fine("store", format!("it opens, and its chain is whole: {entries} entries")),
        Ok(None) => fine("store", format!("there is none yet in {}", state.display())),
        Err(NotLooked::Damaged(words)) => from_words("store", State::Wrong, &words),
        Err(NotLooked::Unknown(what, help)) => told("store", State::Unknown, what, help),
    }
}

enum NotLooked {
    Damaged(String),
    Unknown(String, &'static str),
}

/// Names, sizes and times of change of the files in a folder.
fn marks(folder: &Path) -> std::io::Result<Vec<(PathBuf, u64, Option<std::time::SystemTime>)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, found) = (entry.path(), entry.metadata()?);
        if found.is_dir() {
            all.extend(marks(&path)?);
        } else {
            all.push((path, found.len(), found.modified().ok()));
        }
    }
    all.sort();
    Ok(all)
}

/// The entries of a journal whose chain is whole; nothing where there is no journal.
fn looked_at(journal: &Path) -> Result<Option<u64>, NotLooked> {
    let unread = |error: std::io::Error| {
        let words = format!("{} cannot be read: {error}", journal.display());
        NotLooked::Unknown(words, "run it as platen's user, or with sudo")
    };
    match journal.try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) => return Err(unread(error)),
    }
    let before = marks(journal).map_err(unread)?;
    let bytes: u64 = before.iter().map(|(_, bytes, _)| bytes).sum();
    let scratch = std::env::temp_dir();
    let room = machine::disk(&scratch).map_or(0, |disk| disk.free);
    // The store makes reserves of its own in what it opens.
    if bytes > COPY_MAX || room < bytes.saturating_mul(2).saturating_add(256 << 20) {
        let words = format!("the journal takes {}, too much to be looked at in a copy", megabytes(bytes));
        return Err(NotLooked::Unknown(words, "`platen audit` checks it in the daemon, once that runs"));
    }
    let copy = Private::new(&scratch).map_err(unread)?;
    for (path, ..) in &before {
        let Ok(inner) = path.strip_prefix(journal) else { continue };
        let to = copy.path().join("journal").join(inner);
        let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::copy(path, &to)).map_err(unread)?;
    }
    if marks(journal).map_err(unread)? != before {
        let words = "somebody writes into the journal while it is looked at".to_owned();
        return Err(NotLooked::Unknown(
            words,
            "a daemon runs that does not answer here: look whether --url is its address",
        ));
    }
    let damaged = |words: String| {
        // What people are told of is the journal itself.
        let shown = copy.path().join("journal").display().to_string();
        NotLooked::Damaged(words.replace(&shown, &journal.display().to_string()))
    };
    let store = SledStore::open(&copy.path().join("journal")).map_err(|error| damaged(error.to_string()))?;
    let found = audit(&store).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(found.entries))
}

/// `active`: systemd says that it runs.
pub fn of_daemon(daemon: &Daemon, active: bool) -> Told {
    let ours = env!("CARGO_PKG_VERSION");
    match daemon {
        Daemon::Failing { trouble, .. } => from_words("daemon", State::Wrong, trouble),
        Daemon::Well { version } if version != ours => told(
            "daemon",
            State::Warning,
            format!("it answers, and is platen {version}, while this is {ours}"),
            "`sudo systemctl restart platen` when it suits: running prints go on (docs/restart.md)",
        ),
        Daemon::Well { .. } => fine("daemon", "it answers, and its journal takes entries"),
        Daemon::Silent { why } if active => told(
            "daemon",
            State::Wrong,
            format!("systemd says that it runs, and it does not answer: {why}"),
            "look whether --url is its address, and at `journalctl -u platen -e`",
        ),
        Daemon::Silent { why } => {
            told("daemon", State::Warning, why.clone(), "`sudo systemctl start platen`")
        }
    }
}

/// What systemd says of platen's units.
pub fn of_units(units: &[Unit]) -> Vec<Told> {
    units.iter().filter_map(of_unit).collect()
}

fn of_unit(unit: &Unit) -> Option<Told> {
    let id = unit.id.as_str();
    let optional = id.ends_with("backup.timer");
    Some(match (unit.load.as_str(), unit.active.as_str(), unit.file.as_str()) {
        ("not-found", ..) if optional => return None,
        ("not-found", ..) => told(
            "units",
            State::Warning,
            format!("systemd does not know {id}"),
            "install the package, or copy config/systemd to /etc/systemd/system, then `sudo systemctl daemon-reload`",
        ),
        ("masked", ..) => {
            told("units", State::Warning, format!("{id} is masked"), format!("`sudo systemctl unmask {id}`"))
        }
        (_, "failed", _) if id.contains("safe-off") => told(
            "units",
            State::Wrong,
            format!("{id} has failed ({}): it is not known that all heaters are off", unit.result),
            "look at every printer, switch off by hand what is hot; then `sudo systemctl reset-failed`",
        ),
        (_, "failed", _) => told(
            "units",
            State::Wrong,
            format!("{id} has failed ({})", unit.result),
            format!("`journalctl -u {id} -e` says why; then `sudo systemctl reset-failed {id}` and start it"),
        ),
        (_, active, "disabled") => told(
            "units",
            State::Warning,
            format!("{id} is {active}, and does not start with the machine"),
            format!("`sudo systemctl enable --now {id}`"),
        ),
        (_, active, _) => fine("units", format!("{id} is {active}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1 << 30;

    fn states(all: &[Told]) -> Vec<State> {
        for one in all {
            assert!(AREAS.contains(&one.area), "{one:?}");
            let is_well = one.state == State::Fine;
            assert!(is_well || one.help.is_some(), "what to do? {one:?}");
        }
        all.iter().map(|one| one.state).collect()
    }

    #[test]
    fn a_disk_is_judged_by_what_platen_asks_for_and_by_its_files() {
        let of = |free, files| of_disk(Path::new("/s"), Disk { free, size: 100 * GB, free_files: files }, GB);
        assert_eq!(states(&of(50 * GB, Some(100_000))), [State::Fine]);
        assert_eq!(states(&of(50 * GB, None)), [State::Fine]);
        assert_eq!(states(&of(3 * GB, None)), [State::Warning]);
        assert_eq!(states(&of(GB - 1, None)), [State::Wrong]);
        assert_eq!(states(&of(50 * GB, Some(10))), [State::Fine, State::Wrong]);
    }

    #[test]
    fn a_clock_that_nobody_sets_and_a_zone_that_is_another_are_told() {
        let now = WallTime(LONG_AGO.0 + 1);
        let utc = ("UTC".to_owned(), true);
        let berlin = ("Europe/Berlin".to_owned(), false);
        let of = |set, now, zone, here| states(&of_clock(set, now, zone, here));
        assert_eq!(of(Some(true), now, &berlin, Some("Europe/Berlin")), [State::Fine, State::Fine]);
        assert_eq!(of(Some(false), now, &utc, Some("Europe/Berlin")), [State::Warning, State::Warning]);
        assert_eq!(of(Some(true), now, &utc, Some("Etc/UTC")), [State::Fine, State::Fine]);
        assert_eq!(of(None, now, &utc, None), [State::Unknown, State::Fine]);
        assert_eq!(of(Some(true), WallTime(0), &utc, None), [State::Wrong, State::Fine]);
    }

    #[test]
    fn a_port_says_who_may_not_and_who_else_has_it() {
        let account = Account { name: "platen".into(), uid: 7, gids: vec![7] };
        let holder = |pid, name: &str| Holder { pid, name: name.into() };
        let of = |may: bool, found: Vec<Holder>, all| {
            let may = (account.clone(), may, "dialout".to_owned());
            of_port("mk3", Path::new("/dev/ttyACM0"), Some(&may), &Holders { found, all })
        };
        assert_eq!(states(&of(true, vec![], true)), [State::Fine]);
        assert!(of(true, vec![], false)[0].what.contains("sudo"));
        assert_eq!(states(&of(true, vec![holder(1, "platen")], true)), [State::Fine]);
        let both = of(false, vec![holder(1, "platen"), holder(2, "ModemManager")], true);
        assert_eq!(states(&both), [State::Wrong, State::Wrong]);
        assert!(both[0].help.as_deref().unwrap().contains("usermod -aG dialout platen"), "{both:?}");
        assert!(both[1].what.contains("ModemManager (process 2)"), "{both:?}");
        assert_eq!(states(&of(true, vec![holder(1, "platen"), holder(2, "platen")], true)), [State::Wrong]);
        for (why, state) in
            [(NoTty::Missing, State::Warning), (NoTty::Other, State::Wrong), (NoTty::Terminal, State::Wrong)]
        {
            assert_eq!(states(&[of_no_port("mk3", Path::new("/dev/x"), &why)]), [state]);
        }
        let runs = of_meddler("brltty", "Braille displays", Some(&holder(3, "brltty")));
        assert_eq!(
            states(&[runs, of_meddler("brltty", "Braille displays", None)]),
            [State::Warning, State::Fine]
        );
    }

    #[test]
    fn units_that_failed_are_wrong_and_a_safe_off_that_failed_sends_people_to_the_printers() {
        let unit = |id: &str, load: &str, active: &str, file: &str| Unit {
            id: id.into(),
            load: load.into(),
            active: active.into(),
            file: file.into(),
            result: "exit-code".into(),
            groups: Vec::new(),
        };
        let all = of_units(&[
            unit("platen.service", "loaded", "active", "enabled"),
            unit("platen.service", "loaded", "active", "disabled"),
            unit("platen.service", "loaded", "failed", "enabled"),
            unit("platen-safe-off.service", "loaded", "failed", "static"),
            unit("platen-left-hot.path", "not-found", "inactive", ""),
            unit("platen-left-hot.path", "masked", "inactive", ""),
            unit("platen-backup.timer", "not-found", "inactive", ""),
        ]);
        use State::{Fine, Warning, Wrong};
        assert_eq!(states(&all), [Fine, Warning, Wrong, Wrong, Warning, Warning]);
        assert!(all[3].help.as_deref().unwrap().contains("every printer"), "{all:?}");
    }

    #[test]
    fn a_daemon_that_should_run_and_is_silent_is_wrong_and_one_that_was_not_started_is_a_warning() {
        let silent = Daemon::Silent { why: "nobody there".into() };
        let version = || env!("CARGO_PKG_VERSION").to_owned();
        let failing = Daemon::Failing { version: version(), trouble: "the disk is full; free some".into() };
        let all = [
            of_daemon(&silent, true),
            of_daemon(&silent, false),
            of_daemon(&failing, true),
            of_daemon(&Daemon::Well { version: version() }, true),
            of_daemon(&Daemon::Well { version: "0.0.1".into() }, true),
        ];
        use State::{Fine, Warning, Wrong};
        assert_eq!(states(&all), [Wrong, Warning, Wrong, Fine, Warning]);
        assert_eq!((all[2].what.as_str(), all[2].help.as_deref()), ("the disk is full", Some("free some")));
    }

    #[tokio::test]
    async fn the_store_is_looked_at_in_a_copy_and_stays_as_it_is() {
        use crate::services::recorder::Recorder;
        let folder = tempfile::tempdir().unwrap();
        let silent = Daemon::Silent { why: String::new() };
        let of = || store(folder.path(), &silent);
        assert!(of().state == State::Fine && of().what.contains("none yet"), "{:?}", of());
        let journal = folder.path().join("journal");
        let store = std::sync::Arc::new(SledStore::open(&journal).unwrap());
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let recorder = Recorder::open(store, clock, "st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let recorder = recorder.await.unwrap();
        recorder.close().await;
        drop(recorder);
        let before = marks(&journal).unwrap();
        let found = of();
        assert!(found.state == State::Fine && found.what.contains("its chain is whole"), "{found:?}");
        assert_eq!(marks(&journal).unwrap(), before);
        // The daemon answers for its own.
        assert!(
            super::store(folder.path(), &Daemon::Well { version: String::new() }).what.contains("daemon")
        );
        std::fs::write(journal.join("conf"), "no conf of a store").unwrap();
        let spoilt = marks(&journal).unwrap();
        let found = of();
        assert_eq!(found.state, State::Wrong, "{found:?}");
        assert!(found.what.contains(&journal.display().to_string()), "{found:?}");
        assert_eq!(marks(&journal).unwrap(), spoilt, "nothing of it was wiped");
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_told_with_its_address_and_what_to_do() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
        let text =
            format!("site = \"a\"\nnode = \"b\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n{printer}");
        let config = Config::parse(&text).unwrap();
        let found = broker(config.mqtt.as_ref()).await;
        assert_eq!(states(std::slice::from_ref(&found)), [State::Wrong]);
        assert!(found.what.contains(&format!("127.0.0.1:{port}")), "{found:?}");
        assert_eq!(broker(None).await.state, State::Fine);
    }
}
