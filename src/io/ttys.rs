//! The serial ports of this machine, each with all its names, and which paths lead to one.
//!
//! A path of somebody's is opened only where it leads to a serial port: to open anything else can do harm (a watchdog
//! that begins to count, a pipe that waits for ever).

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::usb::Device;

/// Folders whose names stay, the better one first.
const LASTING: [&str; 2] = ["serial/by-id", "serial/by-path"];
/// What such devices are called: adapters, boards with USB of their own, and the UARTs of small computers.
const LISTED: [&str; 3] = ["ttyUSB", "ttyACM", "ttyAMA"];
/// A PC has more of these than sockets, so they are not listed.
const UART: &str = "ttyS";
/// More than this is no farm; a folder full of links is not read to its end.
const NAMES_MAX: usize = 1_024;

/// One port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tty {
    pub device: Device,
    /// The kernel's name.
    pub path: PathBuf,
    /// All names, those that stay first.
    pub names: Vec<PathBuf>,
}

/// Why a path is not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTty {
    #[error("there is no such port; plug the printer in, switch it on, and look at the list of ports again")]
    Missing,
    #[error("this is no serial port; take one of the list of ports")]
    Other,
    #[error("this is a terminal that somebody may sit at; give the link by which its printer is known")]
    Terminal,
}

fn is_numbered(name: &str, kind: &str) -> bool {
    let number = name.strip_prefix(kind);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Names within a folder, sorted; none where it cannot be read.
fn names(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = found.take(NAMES_MAX).map(|entry| entry.path()).collect();
    names.sort();
    names
}

fn is_listed(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| LISTED.iter().any(|kind| is_numbered(name, kind)))
}

/// The ports below `dev`. Blocks.
pub fn ttys(dev: &Path) -> Vec<Tty> {
    let lasting = LASTING.iter().flat_map(|folder| names(&dev.join(folder)));
    let plain = names(dev).into_iter().filter(|path| is_listed(path));
    let mut all: Vec<Tty> = Vec::new();
    for name in lasting.chain(plain) {
        let (Some(device), Ok(path)) = (Device::of(&name), name.canonicalize()) else { continue };
        match all.iter_mut().find(|tty| tty.device == device) {
            Some(tty) => tty.names.push(name),
            None => all.push(Tty { device, path, names: vec![name] }),
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Whether a name leads to the same printer after the next start.
pub fn stays(name: &Path) -> bool {
    // udev makes names that stay, and a link that somebody has made means what they meant.
    !is_listed(name)
}

/// The device behind a path, if it is a serial port. Blocks.
pub fn serial_port(path: &Path) -> Result<Device, NoTty> {
    let real = path.canonicalize().map_err(|_| NoTty::Missing)?;
    let is_device = fs::metadata(&real).is_ok_and(|found| found.file_type().is_char_device());
    let Some(device) = Device::of(&real).filter(|_| is_device) else { return Err(NoTty::Other) };
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if real.parent() == Some(Path::new("/dev/pts")) && is_numbered(name, "") {
        // Klipper and the simulator link to theirs; whoever names a terminal by its number has picked one.
        return if path == real { Err(NoTty::Terminal) } else { Ok(device) };
    }
    let is_tty = is_listed(&real) || is_numbered(name, UART);
    if is_tty && real.parent() == Some(Path::new("/dev")) { Ok(device) } else { Err(NoTty::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_port_is_listed_once_with_all_its_names_and_the_one_that_stays_first() {
        let dev = tempfile::tempdir().unwrap();
        let (id, place) = (dev.path().join("serial/by-id"), dev.path().join("serial/by-path"));
        fs::create_dir_all(&id).unwrap();
        fs::create_dir_all(&place).unwrap();
        // Any device will do for its number.
        for name in ["ttyUSB0", "ttyUSBx", "ttyS0", "serial/by-id/usb-a", "serial/by-path/pci-1"] {
            symlink("/dev/null", dev.path().join(name)).unwrap();
        }
        symlink("/dev/zero", dev.path().join("ttyACM3")).unwrap();
        symlink("/none", dev.path().join("ttyACM4")).unwrap();
        let found = ttys(dev.path());
        assert_eq!(found.len(), 2, "{found:?}");
        let null = found.iter().find(|tty| tty.path == Path::new("/dev/null")).unwrap();
        let wanted =
            ["serial/by-id/usb-a", "serial/by-path/pci-1", "ttyUSB0"].map(|name| dev.path().join(name));
        assert_eq!(null.names, wanted);
        assert_eq!(ttys(Path::new("/none")), []);
    }

    #[test]
    fn only_what_leads_to_a_serial_port_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = |target: &str| {
            let link = folder.path().join(format!("to{}", target.replace('/', "-")));
            symlink(target, &link).unwrap();
            link
        };
        assert_eq!(serial_port(Path::new("/dev/none")), Err(NoTty::Missing));
        for path in ["/dev/null", "/dev/tty", "/etc/passwd", "/dev/pts", "/"] {
            if Path::new(path).exists() {
                assert_eq!(serial_port(Path::new(path)), Err(NoTty::Other), "{path}");
                assert_eq!(serial_port(&link(path)), Err(NoTty::Other), "a link to {path}");
            }
        }
    }

    #[test]
    fn names_of_udev_stay_and_those_of_the_kernel_do_not() {
        assert!(stays(Path::new("/dev/serial/by-id/usb-1a86-if00")));
        assert!(stays(Path::new("/run/klipper/printer")));
        assert!(!stays(Path::new("/dev/ttyUSB0")));
    }
}
