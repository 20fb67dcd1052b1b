//! What the kernel knows of the USB plug behind a serial port, read from sysfs without libudev.
//!
//! From the number of an open device: the device itself cannot be mistaken, while the name by which it was
//! opened may lead somewhere else by now.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor, stat};

use crate::domain::identity::{Plugging, UsbPort};
use crate::protocol::report::harmless;

/// The number of a character device, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device(pub u64);

impl Device {
    /// The device that a path leads to now; `None` where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        stat(path).ok().map(|found| Self(found.st_rdev)).filter(|device| device.0 != 0)
    }
}

/// The kernel's view of the machine's USB.
#[derive(Clone, Debug)]
pub struct Usb {
    sysfs: PathBuf,
    boot: String,
}

impl Default for Usb {
    fn default() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self::at("/sys", &boot)
    }
}

/// The text of a small file of sysfs.
fn attribute(folder: &Path, name: &str) -> Option<String> {
    let text = harmless(&fs::read_to_string(folder.join(name)).ok()?);
    (!text.is_empty()).then_some(text)
}

fn name(folder: &Path) -> Option<&str> {
    folder.file_name()?.to_str()
}

impl Usb {
    /// Another tree, or another start of the host.
    pub fn at(sysfs: impl Into<PathBuf>, boot: &str) -> Self {
        Self { sysfs: sysfs.into(), boot: boot.trim().to_owned() }
    }

    /// The plug behind a device; `None` where there is none (a pseudo-terminal, a UART of the host).
    pub fn port(&self, device: Device) -> Option<UsbPort> {
        let number = format!("{}:{}", major(device.0), minor(device.0));
        self.described(&self.sysfs.join("dev/char").join(number))
    }

    /// What the adapter behind a device calls its maker and itself: bounded, printable, and not to be believed.
    pub fn called(&self, device: Device) -> (Option<String>, Option<String>) {
        let number = format!("{}:{}", major(device.0), minor(device.0));
        let Ok(tty) = fs::canonicalize(self.sysfs.join("dev/char").join(number)) else { return (None, None) };
        match tty.ancestors().find(|folder| folder.join("idVendor").is_file()) {
            Some(plug) => (attribute(plug, "manufacturer"), attribute(plug, "product")),
            None => (None, None),
        }
    }

    /// `tty` is the folder of a tty, or a link to it: `…/1-1.2/1-1.2:1.0/ttyUSB0/tty/ttyUSB0`.
    fn described(&self, tty: &Path) -> Option<UsbPort> {
        let tty = fs::canonicalize(tty).ok()?;
        let mut interface = None;
        let mut lane = None;
        for folder in tty.ancestors() {
            if folder.join("idVendor").is_file() {
                return self.plug(folder, interface?, lane);
            }
            interface = name(folder)?.split_once(':').map(|(_, interface)| interface);
            // Adapters with several lanes on one interface.
            lane = lane.or_else(|| attribute(folder, "port_number"));
        }
        None
    }

    fn plug(&self, folder: &Path, interface: &str, lane: Option<String>) -> Option<UsbPort> {
        let device = name(folder)?;
        let (_, chain) = device.split_once('-')?;
        let is_bus = |folder: &&Path| name(folder).is_some_and(|name| name.starts_with("usb"));
        let controller = folder.ancestors().find(is_bus).and_then(Path::parent).and_then(name)?;
        let lane = lane.filter(|lane| lane != "0").map_or_else(String::new, |lane| format!("-port{lane}"));
        let plugging = attribute(folder, "devnum")
            .and_then(|number| number.parse().ok())
            .map(|number| Plugging { boot: self.boot.clone(), device: device.to_owned(), number });
        Some(UsbPort {
            kind: format!("{}:{}", attribute(folder, "idVendor")?, attribute(folder, "idProduct")?),
            serial: attribute(folder, "serial"),
            socket: harmless(&format!("{controller}-usb-0:{chain}:{interface}{lane}")),
            plugging,
        })
    }

    /// The plug was not pulled since then.
    pub fn is_still_in(&self, plugging: &Plugging) -> bool {
        let folder = self.sysfs.join("bus/usb/devices").join(&plugging.device);
        let number = attribute(&folder, "devnum").and_then(|number| number.parse::<u32>().ok());
        // A name of sysfs is no path.
        !plugging.device.contains('/') && plugging.boot == self.boot && number == Some(plugging.number)
    }

    /// The tty on which an adapter with that serial number is now, or the adapter in that socket.
    pub fn find(&self, wanted: &UsbPort) -> Option<String> {
        let ttys = fs::read_dir(self.sysfs.join("class/tty")).ok()?;
        let found = ttys.flatten().filter_map(|tty| Some((tty.path(), self.described(&tty.path())?)));
        let mut same: Vec<_> = found
            .filter(|(_, port)| port.kind == wanted.kind && port.serial == wanted.serial)
            .filter(|(_, port)| wanted.serial.is_some() || port.socket == wanted.socket)
            .collect();
        let only = same.pop().filter(|_| same.is_empty());
        only.and_then(|(path, _)| name(&path).map(|name| format!("/dev/{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::makedev;
    use std::os::unix::fs::symlink;

    /// A tree as the kernel makes one, with one adapter in it.
    fn plug_in(root: &Path, at: &str, tty: &str, minor: u64, attributes: &[(&str, &str)]) {
        let bus = "devices/pci0000:00/0000:00:14.0/usb1";
        let (hub, _) = at.split_once('.').unwrap();
        let device = root.join(bus).join(hub).join(at);
        let folder = device.join(format!("{at}:1.0")).join(tty).join("tty").join(tty);
        fs::create_dir_all(&folder).unwrap();
        for (key, value) in attributes {
            fs::write(device.join(key), format!("{value}\n")).unwrap();
        }
        for (link, target) in [
            (format!("dev/char/188:{minor}"), &folder),
            (format!("class/tty/{tty}"), &folder),
            (format!("bus/usb/devices/{at}"), &device),
        ] {
            let link = root.join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(target, link).unwrap();
        }
    }

    const CH340: [(&str, &str); 3] = [("idVendor", "1a86"), ("idProduct", "7523"), ("devnum", "7")];

    #[test]
    fn a_plug_is_described_by_adapter_socket_and_serial_number() {
        let root = tempfile::tempdir().unwrap();
        plug_in(root.path(), "1-1.2", "ttyUSB0", 0, &CH340);
        let ftdi = [("idVendor", "0403"), ("idProduct", "6001"), ("devnum", "8"), ("serial", "A50285BI")];
        plug_in(root.path(), "1-1.3", "ttyUSB1", 1, &ftdi);
        let usb = Usb::at(root.path(), "boot\n");
        let ch340 = usb.port(Device(makedev(188, 0))).unwrap();
        assert_eq!(
            ch340,
            UsbPort {
                kind: "1a86:7523".into(),
                serial: None,
                socket: "0000:00:14.0-usb-0:1.2:1.0".into(),
                plugging: Some(Plugging { boot: "boot".into(), device: "1-1.2".into(), number: 7 }),
            }
        );
        let ftdi = usb.port(Device(makedev(188, 1))).unwrap();
        assert_eq!(ftdi.serial.as_deref(), Some("A50285BI"));
        assert_eq!(usb.port(Device(makedev(136, 3))), None, "a pseudo-terminal");
        assert_eq!(usb.find(&ch340).as_deref(), Some("/dev/ttyUSB0"));
        assert_eq!(
            usb.find(&UsbPort { socket: "elsewhere".into(), ..ftdi }).as_deref(),
            Some("/dev/ttyUSB1")
        );
        assert_eq!(usb.find(&UsbPort { socket: "elsewhere".into(), ..ch340 }), None);
    }

    #[test]
    fn a_plug_that_was_pulled_or_a_host_that_started_anew_is_seen() {
        let root = tempfile::tempdir().unwrap();
        plug_in(root.path(), "1-1.2", "ttyUSB0", 0, &CH340);
        let usb = Usb::at(root.path(), "boot");
        let plugging = usb.port(Device(makedev(188, 0))).unwrap().plugging.unwrap();
        assert!(usb.is_still_in(&plugging));
        assert!(!Usb::at(root.path(), "later").is_still_in(&plugging));
        let number = root.path().join("bus/usb/devices/1-1.2/devnum");
        fs::write(&number, "9\n").unwrap();
        assert!(!usb.is_still_in(&plugging));
        fs::remove_file(number).unwrap();
        assert!(!usb.is_still_in(&plugging));
    }

    #[test]
    fn a_descriptor_cannot_say_what_a_terminal_would_obey_nor_be_long() {
        let root = tempfile::tempdir().unwrap();
        let serial = format!("\u{1b}[2J<b>{}", "x".repeat(500));
        let mut hostile = CH340.to_vec();
        hostile.extend([("serial", serial.as_str()), ("product", serial.as_str())]);
        plug_in(root.path(), "1-1.2", "ttyUSB0", 0, &hostile);
        let port = Usb::at(root.path(), "boot").port(Device(makedev(188, 0))).unwrap();
        let called = Usb::at(root.path(), "boot").called(Device(makedev(188, 0)));
        assert_eq!(called.0, None);
        for text in [port.serial.unwrap(), called.1.unwrap()] {
            assert!(text.len() <= 60 && text.bytes().all(|b| b.is_ascii_graphic()), "{text}");
        }
    }

    #[test]
    fn this_machine_is_read_without_a_panic() {
        let usb = Usb::default();
        assert_eq!(usb.port(Device::of(Path::new("/dev/null")).unwrap()), None);
        assert_eq!(Device::of(Path::new("/dev/platen-no-such-port")), None);
    }
}
