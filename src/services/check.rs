//! Whether this machine fits a configuration: what `platen check` says, and the page of settings beside it.
//!
//! Nothing of it shows a secret: of a file that holds one its path is told, and of a mistake never what was written.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::certificate::hosts;
use super::reporting::Tables;
use super::slicing::Slicing;
use crate::config::resin::{Delivery, Drive, Sink};
use crate::config::{Config, Mistake, Printer};
use crate::domain::ids::BootId;
use crate::io::certificate::{Certificate, Doubt};
use crate::io::clock::{Clock, entropy};
use crate::io::credentials;
use crate::io::installed;
use crate::io::mail::secret_in;
use crate::io::secret::place;
use crate::slicing::limits::LIMITS;
use crate::slicing::profile::Technology;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Ports,
    /// How others reach platen: the certificate and its key.
    Network,
    /// Files that the way to the broker needs.
    Broker,
    Slicing,
    Counting,
    StateDir,
    /// Whether what runs is what is installed.
    Program,
}

impl Of {
    pub const ALL: [Self; 7] = [
        Self::Ports,
        Self::Network,
        Self::Broker,
        Self::Slicing,
        Self::Counting,
        Self::StateDir,
        Self::Program,
    ];
}

/// What is not as it should be: what, which, and what to do, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub of: Of,
    /// Else it may come right by itself: a port that is plugged in later.
    pub is_mistake: bool,
    pub words: String,
}

/// What the gate knows of a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub printer: String,
    /// Keys that say nothing, so that nothing of theirs speaks against a file.
    pub unknown: Vec<&'static str>,
    pub allowed: Vec<&'static str>,
}

impl Known {
    pub fn of(printer: &Printer) -> Self {
        let build = &printer.build;
        let of_resin = printer.resin.as_deref().map(|resin| {
            let panel = &resin.panel;
            vec![
                ("build_height", build.height.is_some()),
                ("columns", panel.points.is_some()),
                ("point_x_um", panel.point_nm.is_some()),
                ("mirrored_x", panel.mirrored.is_some()),
                ("model", printer.model.is_some()),
                ("longest_job_h", build.longest.is_some()),
            ]
        });
        let of_filament = vec![
            ("build_x", build.x.is_some()),
            ("build_y", build.y.is_some()),
            ("build_height", build.height.is_some()),
            ("nozzle", build.nozzle.is_some()),
            ("filament", build.filament.is_some()),
            ("model", printer.model.is_some()),
            ("arcs", build.arcs.is_some()),
            ("longest_job_h", build.longest.is_some()),
        ];
        let known = of_resin.unwrap_or(of_filament);
        Self {
            printer: printer.name.to_string(),
            unknown: known.into_iter().filter(|(_, known)| !known).map(|(key, _)| key).collect(),
            allowed: printer.allow_findings.clone(),
        }
    }
}

/// How the file of the configuration stands to what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// There is none: platen was started without.
    None,
    /// What is in it is what runs.
    Same,
    /// It is whole, and another; what is in it counts from the next start on.
    Changed,
    /// With what is in it now, platen would not start.
    Mistaken(Vec<Mistake>),
}

/// Reads the file that a configuration came from once more. Blocks.
pub fn file(running: &Config) -> File {
    let Some(before) = &running.file else { return File::None };
    match Config::load(&before.path) {
        Err(errors) => File::Mistaken(errors.mistakes),
        Ok(now) if now.file.as_ref().is_some_and(|now| now.text == before.text) => File::Same,
        Ok(_) => File::Changed,
    }
}

/// What only this machine can tell: ports (they may be plugged in later), files, folder. Blocks.
pub fn machine(config: &Config) -> Vec<Finding> {
    let slicing = config.slicing.as_ref().map(|wanted| {
        let scratch = std::env::temp_dir();
        Slicing::new(&wanted.profiles, wanted.program.clone(), LIMITS, &scratch, 1)
    });
    beside(config, slicing.as_ref())
}

/// The same of a daemon that runs, with its slicer as it was when somebody first asked for it. Blocks.
pub fn beside(config: &Config, slicing: Option<&Slicing>) -> Vec<Finding> {
    let mut found = Vec::new();
    ports(&config.printers, &mut found);
    found.extend(config.printers.iter().filter_map(way_of_masks));
    network(config, &mut found);
    for file in config.mqtt.iter().flat_map(|mqtt| [&mqtt.password_file, &mqtt.ca_file]).flatten() {
        if let Err(error) = place(file).and_then(|place| std::fs::File::open(place.path)) {
            let words = format!("{} cannot be read: {error}; look at the path and its owner", file.display());
            found.push(mistake(Of::Broker, words));
        }
    }
    if let Some(slicing) = slicing {
        models(slicing, &config.printers, &mut found);
    }
    if let Err(mistakes) = Tables::read(&config.counting) {
        found.extend(mistakes.into_iter().map(|words| mistake(Of::Counting, format!("[counting]: {words}"))));
    }
    if let Err(error) = writable(&config.state_dir) {
        let words = format!(
            "state_dir = {:?} cannot be written: {error}; make it, and give it to the user that runs platen",
            config.state_dir
        );
        found.push(mistake(Of::StateDir, words));
    }
    if installed::is_replaced() {
        let words = format!(
            "the platen that runs, {}, is not the one that is installed; restart it when it suits: `systemctl restart platen`",
            env!("CARGO_PKG_VERSION")
        );
        found.push(warning(Of::Program, words));
    }
    found
}

const fn mistake(of: Of, words: String) -> Finding {
    Finding { of, is_mistake: true, words }
}

const fn warning(of: Of, words: String) -> Finding {
    Finding { of, is_mistake: false, words }
}

/// The certificate and its key, as the page would be shown with them.
fn network(config: &Config, found: &mut Vec<Finding>) {
    // Who is admin the journal says, which a running platen has for itself: without this file there is none.
    let is_for_others = !config.http.listen.ip().is_loopback();
    if is_for_others && !config.state_dir.join(credentials::FILE).exists() {
        let words = format!(
            "nobody is set up here, and platen does not start on {}, which is for others; run `platen setup --config FILE` first",
            config.http.listen
        );
        found.push(mistake(Of::Network, words));
    }
    if config.http.oidc.is_some() && !cfg!(feature = "oidc") {
        let words = "[http.oidc]: this platen was built without the site's own sign-in; take the section out, or install one that was built with --features oidc";
        found.push(mistake(Of::Network, words.into()));
    }
    if let Some(oidc) = &config.http.oidc
        && let Err(why) = secret_in(&oidc.secret_file)
    {
        found.push(mistake(Of::Network, format!("[http.oidc]: {why}")));
    }
    let Some(tls) = &config.http.tls else { return };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match Certificate::read(tls, credentials.as_deref()) {
        Err(error) => found.push(mistake(Of::Network, format!("[http.tls]: {error}"))),
        Ok(certificate) => {
            let now = Clock::start(BootId::from_entropy(entropy())).wall();
            let doubts = certificate.doubts(now, hosts(&config.http));
            let told = |doubt: Doubt| Finding {
                of: Of::Network,
                is_mistake: doubt.is_mistake(),
                words: format!("[http.tls]: {doubt}"),
            };
            found.extend(doubts.into_iter().map(told));
        }
    }
}

fn ports(printers: &[Printer], found: &mut Vec<Finding>) {
    let mut devices: Vec<(PathBuf, &str)> = Vec::new();
    for printer in printers {
        let name = printer.name.as_str();
        match printer.port.canonicalize() {
            Err(error) => {
                let path = printer.port.display();
                // That there is none says the sentence itself.
                let why = match error.kind() {
                    std::io::ErrorKind::NotFound => String::new(),
                    _ => format!(" ({error})"),
                };
                let words = format!(
                    "the port of {name} is not there now: {path}{why}; plug the printer in, or look at `ls /dev/serial/by-id`"
                );
                found.push(warning(Of::Ports, words));
            }
            Ok(device) => {
                if let Some((_, other)) = devices.iter().find(|(known, _)| *known == device) {
                    let words = format!(
                        "{name} and {other} have the same port under two names, {}; give each its own",
                        device.display()
                    );
                    found.push(mistake(Of::Ports, words));
                }
                devices.push((device, name));
            }
        }
    }
}

/// Where the masks or files of a resin printer go. As with a port, what is absent may come later, so it is no mistake.
/// Nothing is opened: a running printer may use it.
fn way_of_masks(printer: &Printer) -> Option<Finding> {
    const CONNECT: &str = "connect it and make it writable for the user that runs platen";
    const MAKE: &str = "make it and give it to the user that runs platen";
    let (thing, path, cure, key) = match &printer.resin.as_deref()?.drive {
        Drive::Msla(msla) => match &msla.sink {
            Sink::Framebuffer { path } => ("display", path, CONNECT, "framebuffer"),
            Sink::Drm { card, .. } => ("display", card, CONNECT, "drm"),
            Sink::Folder { path } => ("folder for the masks", path, MAKE, "folder"),
        },
        Drive::Chitu(chitu) => match &chitu.delivery {
            Delivery::UsbFolder { path } => ("stick", path, MAKE, "folder"),
            Delivery::UsbImage { path } => ("stick", path, MAKE, "image"),
            Delivery::Operator | Delivery::Uart => return None,
        },
    };
    let name = &printer.name;
    let why = match access(path, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) => return None,
        Err(Errno::ENOENT) => format!("the {thing} of {name} is not there now: {}", path.display()),
        Err(error) => format!("the {thing} of {name} cannot be written: {} ({error})", path.display()),
    };
    Some(warning(Of::Ports, format!("{why}; {cure}, or correct `{key}` in its section")))
}

/// Whether models could be sliced: processes and profiles whole, and a slicer here in the version that they name.
fn models(slicing: &Slicing, printers: &[Printer], found: &mut Vec<Finding>) {
    let told = |error: &dyn std::fmt::Display| format!("[slicing]: {error}");
    let catalogue = match slicing.catalogue() {
        Ok(catalogue) => catalogue,
        Err(error) => return found.push(mistake(Of::Slicing, told(&error))),
    };
    for process in catalogue.all() {
        if let Err(error) = slicing.profile(process) {
            found.push(mistake(Of::Slicing, told(&error)));
        }
        if process.technology == Technology::Filament
            && !printers.iter().any(|printer| printer.model.as_ref() == Some(&process.printer_model))
        {
            let words = format!(
                "process {} is for a {}, and no printer here says that it is one (`model`)",
                process.name, process.printer_model
            );
            found.push(warning(Of::Slicing, words));
        }
    }
    // G-code is taken without a slicer, so that its absence is no mistake.
    match slicing.asked_version() {
        Err(error) => found.push(warning(Of::Slicing, told(&error))),
        Ok(version) => {
            let others = catalogue.all().iter().filter_map(|process| slicing.fits(process, version).err());
            found.extend(others.map(|error| warning(Of::Slicing, told(&error))));
        }
    }
}

/// Whether a file can be made in a folder, or in the nearest one above that is there.
fn writable(folder: &Path) -> std::io::Result<()> {
    let there = folder.ancestors().find(|above| above.exists()).unwrap_or(folder);
    let trial = there.join(format!(".platen-check-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&trial)?;
    std::fs::remove_file(&trial)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "site = \"lab\"\nnode = \"one\"\nstate_dir = \"STATE\"\n\
        [[printer]]\nname = \"mk3\"\nport = \"/dev/serial/by-id/not-there\"\nbaud = 115200\n";

    fn written(folder: &Path) -> (PathBuf, Config) {
        let path = folder.join("platen.toml");
        std::fs::write(&path, TEXT.replace("STATE", &folder.display().to_string())).unwrap();
        let config = Config::load(&path).unwrap();
        (path, config)
    }

    #[test]
    fn a_port_that_is_not_there_is_told_with_what_to_do_and_is_no_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let (_, config) = written(folder.path());
        let found = machine(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].of, found[0].is_mistake), (Of::Ports, false));
        assert!(
            found[0].words.contains("mk3 is not there now") && found[0].words.contains("; plug"),
            "{found:?}"
        );
    }

    #[test]
    fn where_the_masks_of_a_resin_printer_go_is_told_while_it_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = written(folder.path());
        let masks = folder.path().join("masks");
        let text = format!(
            "kind = \"chitu\"\n[printer.light]\nlongest_exposure_s = 60\n[printer.vat]\nholds_ml = 200\n\
             keeps_ml = 20\n[printer.delivery]\nby = \"usb_gadget\"\nfolder = {masks:?}\n"
        );
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{before}{text}")).unwrap();
        let config = Config::load(&path).unwrap();
        let told = || -> Vec<Finding> {
            machine(&config).into_iter().filter(|found| found.words.contains("stick")).collect()
        };
        let found = told();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].is_mistake);
        for words in ["the stick of mk3 is not there now", masks.to_str().unwrap(), "; make it", "`folder`"] {
            assert!(found[0].words.contains(words), "{words}: {found:?}");
        }
        std::fs::create_dir(&masks).unwrap();
        assert_eq!(told(), []);
    }

    #[test]
    fn a_file_that_was_changed_or_spoilt_since_the_start_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (path, config) = written(folder.path());
        assert_eq!(file(&config), File::Same);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("# more\n{text}")).unwrap();
        assert_eq!(file(&config), File::Changed);
        std::fs::write(&path, text.replace("baud = 115200", "baud = 7")).unwrap();
        assert!(matches!(file(&config), File::Mistaken(mistakes) if mistakes.len() == 1));
        assert_eq!(file(&Config { file: None, ..config }), File::None);
    }
}
