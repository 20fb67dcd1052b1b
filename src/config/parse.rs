//! From the text of a configuration to a `Config`, or to all its mistakes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use toml::de::DeTable;

use super::http::http;
use super::mdns::mdns;
use super::mistake::Mistake;
use super::monitoring::monitoring;
use super::notifications::notifications;
use super::reader::{Found, Reader, Section, meant};
use super::{
    BedClearing, Build, Circuit, Config, Counting, Gate, Heads, HomeAssistant, Mqtt, MqttVersion, Printer,
    Restart, ServiceDay, Slicing, StopInput, VaultKey, relay, resin, schedule, zone,
};
use crate::domain::case::IntendedUse;
use crate::domain::command::{Code, Level};
use crate::domain::finding::{OF_FILES, OF_RESIN, code_of_files, may_be_allowed};
use crate::domain::heat::HeatLimits;
use crate::domain::ids::{IdError, PrinterName};
use crate::domain::printer::INACTIVITY_KILL;
use crate::domain::printer::{Firmware, Park};
use crate::domain::units::{Baud, Height};

/// Every key that is read, by section; `config/platen.toml` explains each, and a test compares.
pub const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "site",
            "node",
            "zone",
            "state_dir",
            "disk_floor_mb",
            "stop_file",
            "stop_input",
            "stop_input_at",
            "attended_uses",
        ],
    ),
    ("http", &["listen", "public", "hosts", "upload_max_mb"]),
    ("http.tls", &["certificate", "key", "redirect"]),
    (
        "http.oidc",
        &[
            "issuer",
            "client_id",
            "client_secret_file",
            "ca_file",
            "name_claim",
            "roles_claim",
            "roles",
            "emergency",
        ],
    ),
    ("restart", &["continue", "ask"]),
    ("slicing", &["profiles", "program", "parallel", "memory_mb", "minutes"]),
    ("mqtt", &["url", "version", "username", "password_file", "ca_file", "outbox_max", "home_assistant"]),
    ("mdns", &["announce", "host", "port", "address"]),
    ("monitoring", &["slow_request_ms", "slow_journal_ms", "slow_plan_ms"]),
    (
        "schedule",
        &[
            "attended",
            "ready_at",
            "post_processing_h",
            "inspection_h",
            "sterilising_h",
            "handling_min",
            "firm_min",
            "unknown_h",
        ],
    ),
    ("circuit", &["name", "watts"]),
    ("gate", &["forbidden_commands"]),
    ("audit", &["heads", "key_file"]),
    ("vault", &["key_file"]),
    ("notifications.mail", &["host", "port", "tls", "ca_file", "user", "password_file", "from"]),
    ("notifications.webhook", &["url", "secret_file", "ca_file"]),
    ("counting", &["codes", "texts", "rates", "service_date", "utc_offset"]),
    (
        "printer",
        &[
            "name",
            "model",
            "kind",
            "port",
            "baud",
            "rx_buffer",
            "command_buffer",
            "firmware",
            "meatpack",
            "hotend_max",
            "bed_max",
            "chamber_max",
            "heat_by_hand_min",
            "simulated_speed",
            "bed_clearing",
            "dtr_reset",
            "relay_off",
            "relay_timeout_s",
            "relay_renew",
            "relay_renew_every_s",
            "relay_renew_when",
            "unattended",
            "fixed_plug",
            "park_x",
            "park_y",
            "park_lift",
            "park_retract",
            "build_x",
            "build_y",
            "build_height",
            "beside_plate",
            "nozzle",
            "filament",
            "arcs",
            "longest_job_h",
            "allow_findings",
            "paused_hot_max",
            "paused_bed_max",
            "hold_temperature",
            "inactivity_kill",
            "console",
            "allow_commands",
            "circuit",
            "heating_w",
            "printing_w",
            "heatup_min",
        ],
    ),
    ("printer.resin", &["display_life_h", "film_life_layers", "warn_at_percent", "worn_bars", "checklist"]),
    (
        "printer.display",
        &[
            "columns",
            "rows",
            "point_x_um",
            "point_y_um",
            "mirrored_x",
            "mirrored_y",
            "framebuffer",
            "drm",
            "connector",
            "folder",
            "subpixels",
            "order",
            "bits",
            "flip_x",
            "flip_y",
            "rotate",
            "settle_ms",
            "answers_ms",
        ],
    ),
    (
        "printer.light",
        &["longest_exposure_s", "on", "off", "timed_by", "buffer_lines", "burst_lead_ms", "hottest_c"],
    ),
    ("printer.cover", &["ask", "open", "closed"]),
    (
        "printer.plate",
        &[
            "home",
            "homes",
            "homes_within_s",
            "travel_mm_min",
            "fastest_mm_min",
            "raise_at_pause_mm",
            "raise_at_end_mm",
            "motors_off_at_end",
            "first_layer_rest_ms",
            "rest_after_pause_ms",
            "long_pause_min",
        ],
    ),
    ("printer.peel", &PEEL),
    ("printer.bottom_peel", &BOTTOM_PEEL),
    ("printer.vat", &["holds_ml", "keeps_ml", "resin_days"]),
    ("printer.delivery", &["by", "folder", "image", "start", "gap_ms"]),
];

const PEEL: [&str; 10] = [
    "rest_before_lift_ms",
    "lift_mm",
    "lift_mm_min",
    "second_lift_mm",
    "second_lift_mm_min",
    "rest_after_lift_ms",
    "retract_mm_min",
    "second_retract_mm",
    "second_retract_mm_min",
    "rest_before_light_ms",
];

/// The same, and how many layers these are.
const BOTTOM_PEEL: [&str; 12] = [
    "layers",
    "transition_layers",
    "rest_before_lift_ms",
    "lift_mm",
    "lift_mm_min",
    "second_lift_mm",
    "second_lift_mm_min",
    "rest_after_lift_ms",
    "retract_mm_min",
    "second_retract_mm",
    "second_retract_mm_min",
    "rest_before_light_ms",
];

const TOP: &[&str] = &[
    "site",
    "node",
    "zone",
    "state_dir",
    "disk_floor_mb",
    "stop_file",
    "stop_input",
    "stop_input_at",
    "attended_uses",
    "http",
    "restart",
    "slicing",
    "gate",
    "audit",
    "vault",
    "counting",
    "notifications",
    "mqtt",
    "mdns",
    "monitoring",
    "schedule",
    "circuit",
    "printer",
];

const STATE_DIR: &str = "/var/lib/platen";
/// Days of a full farm's journal; the store itself takes no entry with less than 8 MiB.
const DISK_FLOOR_MB: u64 = 256;
/// Two days of 128 printers, months of a few; about a gigabyte of journal.
pub const OUTBOX_MAX: u64 = 1_000_000;
const MEGABYTE: u64 = 1 << 20;
const PROFILES: &str = "/etc/platen/slicing";
/// As `slicing::limits` has them, with the reasons.
const SLICER_MEMORY_MB: u64 = 4_096;
const SLICER_MINUTES: u64 = 30;
/// Classic Marlin's receive ring; every board has at least this.
const RX_BUFFER: u64 = 128;
/// What the recorder's queue is made for, with room for people.
const PRINTERS_MAX: usize = 128;
/// A nozzle that stands hot for longer chars what is in it, and nobody watches it.
const PAUSED_HOT_MAX: u64 = 10;
/// A part that cools comes loose: the bed waits for a person longer than the nozzle, but not for ever.
const PAUSED_BED_MAX: u64 = 120;
/// More exceptions than this are no exceptions; a session holds as many.
const ALLOW_COMMANDS_MAX: usize = 16;
/// A site that forbids more has another list to write: of what it allows.
const FORBIDDEN_MAX: usize = 64;
/// The speeds that firmware for printers is built with.
const BAUDS: &[u64] = &[
    9_600, 19_200, 38_400, 57_600, 76_800, 115_200, 230_400, 250_000, 460_800, 500_000, 921_600, 1_000_000,
    2_000_000,
];

pub(super) fn keys(section: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

pub(super) fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    let mut reader = Reader::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What a broken line did to the keys around it is not worth telling.
        for error in &errors {
            reader.syntax(error);
        }
        return Err(reader.finish());
    }
    let top = Section { name: String::new(), table: document.get_ref() };
    reader.unknown_keys(&top, TOP);
    let site = name(&mut reader, &top, "site", "write the lab's name, as in site = \"st-anna\"");
    let node = name(&mut reader, &top, "node", "write this machine's name, as in node = \"lab-1\"");
    let state_dir = path(&mut reader, &top, "state_dir").unwrap_or_else(|| STATE_DIR.into());
    let floor = reader.number(&top, "disk_floor_mb", "megabytes", 16..=1_048_576);
    let disk_floor = floor.map_or(DISK_FLOOR_MB, |found| found.value) * MEGABYTE;
    let stop_file = path(&mut reader, &top, "stop_file");
    let stop_input = stop_input(&mut reader, &top);
    let attended_uses = uses(&mut reader, &top, "attended_uses");
    let restart = restart(&mut reader, &top);
    let mut http = http(&mut reader, &top);
    let page = http.public.as_ref().map(|public| format!("{}/", public.url()));
    let mqtt = reader.section(&top, "mqtt").and_then(|section| mqtt(&mut reader, &section, page));
    let mdns = mdns(&mut reader, &top, http.listen);
    http.hosts.extend(mdns.iter().filter_map(|mdns| Some(format!("{}.local", mdns.host.as_ref()?))));
    let slicing = reader.section(&top, "slicing").map(|section| slicing(&mut reader, &section));
    let gate = gate(&mut reader, &top);
    let heads = heads(&mut reader, &top);
    let vault = vault(&mut reader, &top, &state_dir);
    let counting = counting(&mut reader, &top);
    let zone = zone::zone(&mut reader, &top);
    let notifications = notifications(&mut reader, &top);
    let schedule = schedule::schedule(&mut reader, &top);
    let monitoring = monitoring(&mut reader, &top);
    let has_broker = top.table.contains_key("mqtt");
    let printers = printers(&mut reader, &top, has_broker, &schedule.circuits);
    let mistakes = reader.finish();
    match (site, node) {
        (Some(site), Some(node)) if mistakes.is_empty() => Ok(Config {
            file: None,
            site,
            node,
            zone,
            state_dir,
            disk_floor,
            http,
            mqtt,
            attended_uses,
            restart,
            printers,
            slicing,
            gate,
            counting,
            heads,
            vault,
            mdns,
            notifications,
            schedule,
            monitoring,
            stop_file,
            stop_input,
        }),
        _ => Err(mistakes),
    }
}

fn name<T: FromStr<Err = IdError>>(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    key: &str,
    instead: &str,
) -> Option<T> {
    let found = reader.needed_text(section, key, instead)?;
    match found.value.parse() {
        Ok(name) => Some(name),
        Err(_) => {
            let reason = "a name is 1 to 64 of a-z, 0-9 and -, and begins with a letter or digit";
            reader.wrong(&found.at, reason, instead);
            None
        }
    }
}

/// An absolute path: the daemon's working directory is nobody's business.
fn path(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<PathBuf> {
    let found = reader.text(section, key)?;
    absolute(reader, &found, key)
}

pub(super) fn absolute(reader: &mut Reader<'_>, found: &Found<String>, key: &str) -> Option<PathBuf> {
    if Path::new(&found.value).is_absolute() && !found.value.contains('\0') {
        return Some(found.value.clone().into());
    }
    reader.wrong(&found.at, "this is no absolute path", format!("write {key} = \"/…\""));
    None
}

/// A file with a secret, or `credential:NAME` as it stands, for what systemd hands over (`io::secret::place`).
pub(super) fn secret(reader: &mut Reader<'_>, found: &Found<String>, key: &str) -> Option<PathBuf> {
    let Some(name) = found.value.strip_prefix("credential:") else {
        return absolute(reader, found, key);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        return Some(found.value.clone().into());
    }
    let instead =
        format!("write the name that LoadCredential= has before its colon: {key} = \"credential:NAME\"");
    reader.wrong(&found.at, "this is no name of a credential", instead);
    None
}

/// A contact that stops everything, read from a file.
fn stop_input(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<StopInput> {
    let stops_at = reader.number(top, "stop_input_at", "(0 or 1)", 0..=1);
    if !top.table.contains_key("stop_input") {
        if let Some(found) = &stops_at {
            reader.wrong(
                &found.at,
                "there is no input to read",
                "write stop_input = \"/sys/class/gpio/gpio17/value\" beside it",
            );
        }
        return None;
    }
    let path = path(reader, top, "stop_input")?;
    Some(StopInput { path, stops_at: stops_at.is_none_or(|found| found.value == 1) })
}

/// Where profiles are, and what a slicer may take.
fn slicing(reader: &mut Reader<'_>, section: &Section<'_>) -> Slicing {
    reader.unknown_keys(section, keys("slicing"));
    let profiles = path(reader, section, "profiles").unwrap_or_else(|| PROFILES.into());
    let program = path(reader, section, "program");
    let parallel = reader.number(section, "parallel", "slicers", 1..=64).map_or(1, |found| found.value);
    let memory = reader.number(section, "memory_mb", "megabytes", 128..=1_048_576);
    let memory = memory.map_or(SLICER_MEMORY_MB, |found| found.value) * MEGABYTE;
    let minutes = reader.number(section, "minutes", "minutes", 1..=1_440);
    let wall = Duration::from_secs(minutes.map_or(SLICER_MINUTES, |found| found.value) * 60);
    let parallel = usize::try_from(parallel).unwrap_or(1);
    Slicing { profiles, program, parallel, memory, wall }
}

/// `page` is where others reach ours.
fn mqtt(reader: &mut Reader<'_>, section: &Section<'_>, page: Option<String>) -> Option<Mqtt> {
    const URL: &str = "write url = \"mqtt://HOST:1883\" or \"mqtts://HOST:8883\"";
    reader.unknown_keys(section, keys("mqtt"));
    let version = match reader.text(section, "version") {
        None => MqttVersion::V5,
        Some(found) => match found.value.as_str() {
            "5" => MqttVersion::V5,
            "3.1.1" => MqttVersion::V311,
            _ => {
                reader.wrong(&found.at, "platen speaks MQTT 5 and 3.1.1", "write \"5\" or \"3.1.1\"");
                MqttVersion::V5
            }
        },
    };
    let username = reader.text(section, "username");
    let password = reader.text(section, "password_file");
    if let (None, Some(found)) = (&username, &password) {
        reader.wrong(&found.at, "a password needs a user", "write username = \"…\" beside it");
    }
    let password_file = password.and_then(|found| secret(reader, &found, "password_file"));
    let ca = reader.text(section, "ca_file");
    let address = reader.needed_text(section, "url", URL).and_then(|found| match broker(&found.value) {
        Ok(address) => Some(address),
        Err(reason) => {
            reader.wrong(&found.at, reason, URL);
            None
        }
    });
    if let (Some((false, ..)), Some(found)) = (&address, &ca) {
        reader.wrong(&found.at, "there is no certificate to check without TLS", "write url = \"mqtts://…\"");
    }
    let ca_file = ca.and_then(|found| absolute(reader, &found, "ca_file"));
    let most = reader.number(section, "outbox_max", "entries", 100..=1_000_000_000);
    let outbox_max = most.map_or(OUTBOX_MAX, |found| found.value);
    let home_assistant = home_assistant(reader, section).map(|prefix| HomeAssistant { prefix, page });
    let (tls, host, port) = address?;
    let username = username.map(|found| found.value);
    Some(Mqtt { host, port, tls, ca_file, version, username, password_file, outbox_max, home_assistant })
}

/// Below which topic Home Assistant looks for devices.
fn home_assistant(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<String> {
    let found = reader.text(section, "home_assistant")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let levels = |text: &str| text.split('/').all(|level| !level.is_empty() && level.chars().all(legal));
    if found.value.len() <= 64 && levels(&found.value) {
        return Some(found.value);
    }
    let reason = "this is no topic: 1 to 64 of a-z, A-Z, 0-9, _ and -, with a / between levels";
    reader.wrong(
        &found.at,
        reason,
        "write home_assistant = \"homeassistant\", unless it was told another there",
    );
    None
}

/// Whether TLS, host and port of a broker's address.
fn broker(url: &str) -> Result<(bool, String, u16), &'static str> {
    let (tls, rest) = match url.split_once("://") {
        Some(("mqtt", rest)) => (false, rest),
        Some(("mqtts", rest)) => (true, rest),
        _ => return Err("this does not begin with mqtt:// or mqtts://"),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err("user and password do not stand in the address; username and password_file are for them");
    }
    // An IPv6 address stands in brackets, since it has colons of its own.
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => {
            (host, Some(port.strip_prefix(':').ok_or("after ] there is neither : nor the end")?))
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(legal) {
        return Err("there is no host in this address, or more than a host");
    }
    let port = match port {
        None if tls => 8883,
        None => 1883,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err("the port is a number from 1 to 65535"),
            Ok(port) => port,
        },
    };
    Ok((tls, host.to_owned(), port))
}

fn printers(
    reader: &mut Reader<'_>,
    top: &Section<'_>,
    has_broker: bool,
    circuits: &[Circuit],
) -> Vec<Printer> {
    let sections = reader.sections(top, "printer");
    if sections.is_empty() && !top.table.contains_key("printer") {
        reader.missing("[[printer]]", "write one for each printer, with name, port and baud");
    }
    if sections.len() > PRINTERS_MAX {
        reader.overall(
            "[[printer]]",
            format!("{} printers are more than one machine drives", sections.len()),
            format!("write {PRINTERS_MAX} at most, and run a second platen on another machine for the rest"),
        );
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut ports: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut printers = Vec::with_capacity(sections.len());
    for section in &sections {
        let known: Vec<&str> = keys("printer").iter().copied().chain(resin::SECTIONS).collect();
        reader.unknown_keys(section, &known);
        let name: Option<PrinterName> =
            name(reader, section, "name", "write a name such as name = \"mk3-07\"");
        if let Some(found) = reader.text(section, "name") {
            match names.get(&found.value) {
                Some(first) => reader.wrong(
                    &found.at,
                    format!("the printer in line {first} has this name already"),
                    "give each printer a name of its own",
                ),
                None => drop(names.insert(found.value, found.at.line)),
            }
        }
        let model = model(reader, section);
        let power = schedule::power(reader, section, circuits);
        let port = port(reader, section, &mut ports);
        let baud = baud(reader, section);
        let rx_buffer =
            reader.number(section, "rx_buffer", "bytes", 32..=65_536).map_or(RX_BUFFER, |f| f.value);
        let command_buffer =
            reader.number(section, "command_buffer", "commands", 0..=256).map_or(0, |f| f.value);
        let firmware = firmware(reader, section);
        let meatpack = reader.flag(section, "meatpack").is_none_or(|found| found.value);
        let heat = heat(reader, section);
        let bed_clearing = bed_clearing(reader, section);
        let dtr_reset = reader.flag(section, "dtr_reset").map(|found| found.value);
        let relay = relay::relay(reader, section, has_broker);
        let unattended = reader.flag(section, "unattended").is_none_or(|found| found.value);
        let fixed_plug = reader.flag(section, "fixed_plug").is_some_and(|found| found.value);
        let build = build(reader, section);
        let board = resin::Board { firmware, rx_buffer, simulated_speed: heat.simulated_speed };
        let (kind, resin) = resin::kind(reader, section, build.height, bed_clearing, board);
        let park = park(reader, section, build.height);
        let allow_findings = allow_findings(reader, section);
        let minutes = |reader: &mut Reader<'_>, key: &str, default: u64| {
            let found = reader.number(section, key, "minutes", 1..=1_440);
            Duration::from_secs(found.map_or(default, |found| found.value) * 60)
        };
        let paused_hot_max = minutes(reader, "paused_hot_max", PAUSED_HOT_MAX);
        let paused_bed_max = minutes(reader, "paused_bed_max", PAUSED_BED_MAX);
        let hold_temperature = reader.number(section, "hold_temperature", "°C", 0..=500);
        let hold_temperature = hold_temperature.and_then(|found| u16::try_from(found.value).ok());
        let inactivity_kill = inactivity_kill(reader, section);
        let console = console(reader, section);
        let allow_commands = allow_commands(reader, section);
        if let (Some(name), Some(port), Some(baud)) = (name, port, baud) {
            // Both are within the ranges above, far below any usize.
            let (rx_buffer, command_buffer) =
                (usize::try_from(rx_buffer).unwrap_or(0), usize::try_from(command_buffer).unwrap_or(0));
            printers.push(Printer {
                name,
                model,
                kind,
                resin,
                power,
                port,
                baud,
                rx_buffer,
                command_buffer,
                firmware,
                meatpack,
                heat,
                bed_clearing,
                dtr_reset,
                relay,
                unattended,
                fixed_plug,
                park,
                paused_hot_max,
                paused_bed_max,
                hold_temperature,
                inactivity_kill,
                console,
                allow_commands,
                build,
                allow_findings,
            });
        }
    }
    printers
}

/// As the processes name it.
fn model(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<String> {
    let found = reader.text(section, "model")?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=64).contains(&found.value.len()) && found.value.chars().all(legal) {
        return Some(found.value);
    }
    let instead = "write it as `printer_model` in processes.toml, such as \"prusa-mk3s\"";
    reader.wrong(&found.at, "a printer model is 1 to 64 of a-z, 0-9 and -", instead);
    None
}

fn port(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    ports: &mut BTreeMap<PathBuf, String>,
) -> Option<PathBuf> {
    const PORT: &str = "write port = \"/dev/serial/by-id/…\" (ls /dev/serial/by-id shows the names)";
    let found = reader.needed_text(section, "port", PORT)?;
    let port = absolute(reader, &found, "port")?;
    match ports.get(&port) {
        Some(first) => {
            reader.wrong(
                &found.at,
                format!("{first} is on this port already"),
                "give each printer a port of its own",
            );
        }
        None => drop(ports.insert(port.clone(), section.name.clone())),
    }
    Some(port)
}

fn baud(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Baud> {
    const BAUD: &str = "write the speed that the firmware was built with: 115200 or 250000 for most";
    if !section.table.contains_key("baud") {
        reader.missing(format!("{} baud", section.name), BAUD);
        return None;
    }
    let found = reader.number(section, "baud", "bits per second", 1..=u64::from(u32::MAX))?;
    if !BAUDS.contains(&found.value) {
        reader.wrong(&found.at, "no firmware uses this line speed", BAUD);
        return None;
    }
    u32::try_from(found.value).ok().map(Baud)
}

fn firmware(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Firmware> {
    let found = reader.text(section, "firmware")?;
    let known = Firmware::named(&found.value);
    if known.is_none() {
        let names = Firmware::ALL.map(|(_, name)| name);
        let instead =
            meant(&found.value, &names, format!("leave it out, or write one of {}", names.join(", ")));
        reader.wrong(&found.at, "platen does not know this firmware", instead);
    }
    known
}

/// The ranges are those of real machines: what is beyond is a slip of the finger, or °F.
fn heat(reader: &mut Reader<'_>, section: &Section<'_>) -> HeatLimits {
    let usual = HeatLimits::USUAL;
    let mut degrees = |key, range, usual| {
        let found = reader.number(section, key, "°C", range);
        found.and_then(|found| u16::try_from(found.value).ok()).unwrap_or(usual)
    };
    let hotend_max = degrees("hotend_max", 150..=500, usual.hotend_max);
    let bed_max = degrees("bed_max", 40..=200, usual.bed_max);
    let chamber_max = degrees("chamber_max", 30..=150, usual.chamber_max);
    let minutes =
        reader.number(section, "heat_by_hand_min", "minutes", 0..=120).map_or(0, |found| found.value);
    let speed = reader.number(section, "simulated_speed", "times", 1..=200);
    let simulated_speed = speed.and_then(|found| u16::try_from(found.value).ok()).unwrap_or(1);
    let by_hand = Duration::from_secs(minutes * 60);
    HeatLimits { hotend_max, bed_max, chamber_max, by_hand, simulated_speed }
}

/// What becomes of jobs that were running when platen ended.
fn restart(reader: &mut Reader<'_>, top: &Section<'_>) -> Restart {
    let Some(section) = reader.section(top, "restart") else { return Restart::default() };
    reader.unknown_keys(&section, keys("restart"));
    let defaults = Restart::default();
    let has = |key: &str| section.table.contains_key(key);
    let continue_uses = uses(reader, &section, "continue");
    let ask_uses = uses(reader, &section, "ask");
    if let Some(found) = reader
        .texts(&section, "ask")
        .into_iter()
        .find(|found| continue_uses.iter().any(|of| word(*of) == found.value))
    {
        reader.wrong(&found.at, "this use is in both lists", "write it into `continue` or into `ask`");
    }
    // A list that is given takes its uses out of the other one's default.
    let others = |default: Vec<IntendedUse>, given: &[IntendedUse]| {
        default.into_iter().filter(|of| !given.contains(of)).collect()
    };
    Restart {
        ask_uses: if has("ask") { ask_uses.clone() } else { others(defaults.ask_uses, &continue_uses) },
        continue_uses: if has("continue") {
            continue_uses
        } else {
            others(defaults.continue_uses, &ask_uses)
        },
    }
}

fn word(of: IntendedUse) -> &'static str {
    match of {
        IntendedUse::Diagnostic => "diagnostic",
        IntendedUse::Guide => "guide",
        IntendedUse::Education => "education",
    }
}

/// A list of what cases may be for.
fn uses(reader: &mut Reader<'_>, top: &Section<'_>, key: &str) -> Vec<IntendedUse> {
    const WORDS: &[&str] = &["diagnostic", "guide", "education"];
    let mut uses = Vec::new();
    for found in reader.texts(top, key) {
        match found.value.as_str() {
            "diagnostic" => uses.push(IntendedUse::Diagnostic),
            "guide" => uses.push(IntendedUse::Guide),
            "education" => uses.push(IntendedUse::Education),
            other => {
                let instead = meant(other, WORDS, "write \"diagnostic\", \"guide\" or \"education\"");
                reader.wrong(&found.at, "a case is for none of that", instead);
            }
        }
    }
    uses
}

/// Where the head waits in a pause; nothing moves where nothing is said.
fn park(reader: &mut Reader<'_>, section: &Section<'_>, build_height: Option<u16>) -> Option<Park> {
    let mut length = |key: &str, range: std::ops::RangeInclusive<u64>| {
        // The ranges fit.
        reader.number(section, key, "mm", range).and_then(|found| u16::try_from(found.value).ok())
    };
    let (x, y) = (length("park_x", 0..=2_000), length("park_y", 0..=2_000));
    let (lift, retract) = (length("park_lift", 0..=200), length("park_retract", 0..=20));
    let name = |key: &str| format!("{} {key}", section.name);
    if x.is_some() != y.is_some() {
        reader.overall(name("park_x"), "park_x and park_y are one place", "write both, or neither");
    }
    if lift.is_some_and(|lift| lift > 0) && build_height.is_none() {
        let why = "without the height of the printer, a lift could run into its top";
        reader.overall(name("park_lift"), why, "write build_height = … beside it, in mm");
    }
    let at = x.zip(y);
    let moves = at.is_some() || lift.is_some_and(|lift| lift > 0);
    if retract.is_some_and(|retract| retract > 0) && !moves {
        let why = "filament is pulled back only when the head goes away";
        reader.overall(name("park_retract"), why, "write park_x and park_y, or park_lift, beside it");
    }
    moves.then(|| Park { at, lift: lift.unwrap_or(0), retract: retract.unwrap_or(0), build_height })
}

/// Below five minutes an ordinary dwell of a start script is long; zero is never.
fn inactivity_kill(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Duration> {
    let Some(found) = reader.number(section, "inactivity_kill", "minutes", 0..=240) else {
        return Some(INACTIVITY_KILL);
    };
    if (1..5).contains(&found.value) {
        reader.wrong(
            &found.at,
            "start scripts dwell for longer than that",
            "write 5 or more, or 0 for never",
        );
    }
    (found.value > 0).then(|| Duration::from_secs(found.value * 60))
}

fn console(reader: &mut Reader<'_>, section: &Section<'_>) -> Level {
    let Some(found) = reader.text(section, "console") else { return Level::default() };
    if let Some((level, _)) = Level::ALL.iter().find(|(_, word)| *word == found.value) {
        return *level;
    }
    let words = Level::ALL.map(|(_, word)| word);
    let instead = meant(&found.value, &words, "write \"off\", \"read\" or \"service\"");
    reader.wrong(&found.at, "a console is off, or open for reading or for service", instead);
    Level::default()
}

/// What the printer can build, as far as it is told; what is not said refuses no file.
fn build(reader: &mut Reader<'_>, section: &Section<'_>) -> Build {
    let mut short = |key: &str, unit: &str, range: std::ops::RangeInclusive<u64>| {
        // The ranges fit.
        reader.number(section, key, unit, range).and_then(|found| u16::try_from(found.value).ok())
    };
    let height = short("build_height", "mm", 1..=5_000);
    let beside = short("beside_plate", "mm", 0..=200).unwrap_or(0);
    let longest =
        short("longest_job_h", "hours", 1..=1_000).map(|hours| Duration::from_secs(3_600 * u64::from(hours)));
    let mut axis = |key: &str| {
        let (low, high) = reader.span(section, key, "mm", -2_000..=5_000)?.value;
        Some((i16::try_from(low).ok()?, i16::try_from(high).ok()?))
    };
    let (x, y) = (axis("build_x"), axis("build_y"));
    let mut diameter = |key: &str, range: std::ops::RangeInclusive<f64>| {
        reader.decimal(section, key, "mm", range).and_then(|found| Height::from_mm(found.value))
    };
    let nozzle = diameter("nozzle", 0.1..=5.0);
    let filament = diameter("filament", 1.0..=4.0);
    let arcs = reader.flag(section, "arcs").map(|found| found.value);
    Build { x, y, height, beside, nozzle, filament, arcs, longest }
}

/// Findings that say nothing against a file on this printer.
fn allow_findings(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<&'static str> {
    let mut codes = Vec::new();
    for found in reader.texts(section, "allow_findings") {
        match code_of_files(&found.value) {
            // It is a question of the part, not of the printer.
            Some(code) if code.starts_with("size.") => {
                let instead = "leave it out; a scale is declared with its model";
                reader.wrong(&found.at, "another size than the approved model's is never allowed", instead);
            }
            Some("command.not_allowed") => {
                let instead = "leave it out, and name the command itself in allow_commands, as in \"M500\"";
                reader.wrong(&found.at, "commands are not allowed by the code of their finding", instead);
            }
            Some(code) if !may_be_allowed(code) => {
                let reason = "what the printer cannot do, or may not in any case, is never allowed";
                reader.wrong(&found.at, reason, "leave it out");
            }
            Some(code) => codes.push(code),
            None => {
                let known: Vec<_> = OF_FILES.iter().chain(OF_RESIN).map(|kind| kind.code).collect();
                let instead = meant(
                    &found.value,
                    &known,
                    "write one of the codes in docs/gate.md, such as \"heat.none\"",
                );
                reader.wrong(&found.at, "nothing is found under this code", instead);
            }
        }
    }
    codes
}

/// What no file may hold here.
fn gate(reader: &mut Reader<'_>, top: &Section<'_>) -> Gate {
    let Some(section) = reader.section(top, "gate") else { return Gate::default() };
    reader.unknown_keys(&section, keys("gate"));
    let forbidden_commands =
        codes(reader, &section, "forbidden_commands", FORBIDDEN_MAX, "commands are too many to look through");
    Gate { forbidden_commands }
}

fn heads(reader: &mut Reader<'_>, top: &Section<'_>) -> Option<Heads> {
    let section = reader.section(top, "audit")?;
    reader.unknown_keys(&section, keys("audit"));
    let folder = reader.text(&section, "heads");
    let key = reader.text(&section, "key_file");
    match (&folder, &key) {
        (Some(found), None) => reader.wrong(
            &found.at,
            "a head needs a key that signs it",
            "write key_file = \"/…\" beside it; `platen audit key FILE` makes one",
        ),
        (None, Some(found)) => {
            reader.wrong(
                &found.at,
                "there is no place for what it signs",
                "write heads = \"/…\", a folder, beside it",
            );
        }
        _ => {}
    }
    let folder = folder.and_then(|found| absolute(reader, &found, "heads"));
    let key_file = key.and_then(|found| secret(reader, &found, "key_file"));
    Some(Heads { folder: folder?, key_file: key_file? })
}

/// Where the vault's key is.
fn vault(reader: &mut Reader<'_>, top: &Section<'_>, state: &Path) -> Option<VaultKey> {
    let section = reader.section(top, "vault")?;
    reader.unknown_keys(&section, keys("vault"));
    let found = reader.text(&section, "key_file")?;
    if let Some(name) = found.value.strip_prefix("credential:") {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
            return Some(VaultKey::Credential(name.to_owned()));
        }
        let instead =
            "write the name that LoadCredential= has before its colon, as in \"credential:vault-key\"";
        reader.wrong(&found.at, "this is no name of a credential", instead);
        return None;
    }
    let path = absolute(reader, &found, "key_file")?;
    if path.starts_with(state) {
        reader.wrong(
            &found.at,
            "the key would lie in state_dir, beside what it locks",
            "write a path elsewhere, such as key_file = \"/etc/platen/vault.key\"",
        );
        return None;
    }
    Some(VaultKey::File(path))
}

/// By which tables and days reports count.
fn counting(reader: &mut Reader<'_>, top: &Section<'_>) -> Counting {
    const DAYS: &[&str] = &["printed", "delivered"];
    let Some(section) = reader.section(top, "counting") else { return Counting::default() };
    reader.unknown_keys(&section, keys("counting"));
    let codes = path(reader, &section, "codes");
    let texts = path(reader, &section, "texts");
    let rates = path(reader, &section, "rates");
    let service_day = match reader.text(&section, "service_date") {
        None => ServiceDay::default(),
        Some(found) => match found.value.as_str() {
            "printed" => ServiceDay::Printed,
            "delivered" => ServiceDay::Delivered,
            "procedure" => {
                let reason = "the day of the procedure is a patient's, and lies in the vault alone";
                reader.wrong(&found.at, reason, "write \"delivered\" or \"printed\"");
                ServiceDay::default()
            }
            other => {
                let instead = meant(other, DAYS, "write \"delivered\" or \"printed\"");
                reader.wrong(&found.at, "a case has no such day", instead);
                ServiceDay::default()
            }
        },
    };
    // `utc_offset` is read beside `zone`.
    Counting { codes, texts, rates, service_day }
}

fn allow_commands(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<Code> {
    codes(reader, section, "allow_commands", ALLOW_COMMANDS_MAX, "exceptions are no exceptions")
}

fn codes(reader: &mut Reader<'_>, section: &Section<'_>, key: &str, max: usize, why: &str) -> Vec<Code> {
    let mut codes = Vec::new();
    for found in reader.texts(section, key) {
        match Code::named(&found.value) {
            Some(code) if codes.len() < max => codes.push(code),
            Some(_) => reader.wrong(&found.at, format!("more than {max} {why}"), "leave this one out"),
            None => {
                let instead = "write its letter and number alone, as in \"M500\" (docs/commands.md)";
                reader.wrong(&found.at, "this is no code of a command", instead);
            }
        }
    }
    codes
}

fn bed_clearing(reader: &mut Reader<'_>, section: &Section<'_>) -> BedClearing {
    const WORDS: &[&str] = &["person", "automatic"];
    let Some(found) = reader.text(section, "bed_clearing") else { return BedClearing::Person };
    match found.value.as_str() {
        "person" => BedClearing::Person,
        "automatic" => BedClearing::Automatic,
        other => {
            let instead = meant(other, WORDS, "write \"person\" or \"automatic\"");
            reader.wrong(&found.at, "a bed is cleared by a person or by the printer itself", instead);
            BedClearing::Person
        }
    }
}
