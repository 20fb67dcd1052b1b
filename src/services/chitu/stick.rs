//! The stick that this machine plays for a board: a folder or an image of a FAT disk, taken off the bus, filled, put back.
//!
//! ```text
//! in the board ─take_out─▶ (the board sees none) ─fill─▶ durable ─put_in─▶ in the board, which reads it anew
//! ```
//! The bus is Linux's mass storage gadget: its `lun…/file` names what it plays. Which of them is ours is found by what
//! that names: the image, or what the folder is mounted from. Where none is, the board's stick is played by something
//! else, and files are only put into the folder, durably. All of it blocks.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::fat;

/// Bytes that are copied at once.
const PIECE: usize = 256 * 1024;

/// A stick of ours.
pub(super) trait Stick: Send + Sync + std::fmt::Debug {
    /// The board sees no stick any more.
    fn take_out(&self) -> Result<(), String>;
    /// This file, of so many bytes, is on it under this name, durably; files of these other names of ours are not.
    fn fill(&self, name: &str, file: &File, bytes: u64, old: &[String]) -> Result<(), String>;
    /// The board sees it, as it is now.
    fn put_in(&self) -> Result<(), String>;
}

/// A folder of this machine.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) bus: Bus,
}

/// An image of a FAT disk that is mounted nowhere here.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    pub(super) bus: Bus,
}

fn of(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull => {
            format!("{} is full: remove what is not needed from it", path.display())
        }
        io::ErrorKind::NotFound => {
            format!("{} is not there: mount it, or correct [printer.delivery]", path.display())
        }
        _ => format!("{}: {error}; look at it and at the rights of platen's user", path.display()),
    }
}

/// All of a file, wherever somebody else is in it.
pub(super) fn copy(from: &File, bytes: u64, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < bytes {
        let wanted = usize::try_from(bytes - at).unwrap_or(PIECE).min(PIECE);
        let read = from.read_at(&mut piece[..wanted], at)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the job's file is shorter than it was",
            ));
        }
        to(&piece[..read])?;
        at += read as u64;
    }
    Ok(())
}

impl Stick for Folder {
    fn take_out(&self) -> Result<(), String> {
        self.bus.set(&self.lun()?, None)
    }

    fn fill(&self, name: &str, file: &File, bytes: u64, old: &[String]) -> Result<(), String> {
        let folder = of(&self.path);
        if !self.path.is_dir() {
            return Err(folder(io::ErrorKind::NotFound.into()));
        }
        for old in old.iter().filter(|old| *old != name) {
            match fs::remove_file(self.path.join(old)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(folder(error)),
                _ => {}
            }
        }
        let stem = name.split('.').next().unwrap_or(name);
        // A name that no board prints, so that half a file is none.
        let (new, to) = (self.path.join(format!("{stem}.NEW")), self.path.join(name));
        let write = || {
            let mut out = OpenOptions::new().write(true).create(true).truncate(true).open(&new)?;
            copy(file, bytes, |piece| out.write_all(piece))?;
            out.sync_all()?;
            drop(out);
            fs::rename(&new, &to)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&new);
            folder(error)
        })
    }

    fn put_in(&self) -> Result<(), String> {
        let Some((lun, played)) = self.lun()? else { return Ok(()) };
        self.bus.set(&Some((lun, played.clone())), Some(&played))
    }
}

impl Folder {
    fn lun(&self) -> Result<Option<(PathBuf, PathBuf)>, String> {
        Ok(self.bus.playing(&self.bus.mounted_from(&self.path)))
    }
}

impl Stick for Image {
    fn take_out(&self) -> Result<(), String> {
        self.bus.set(&self.bus.playing(std::slice::from_ref(&self.path)), None)
    }

    fn fill(&self, name: &str, file: &File, bytes: u64, old: &[String]) -> Result<(), String> {
        let image = OpenOptions::new().read(true).write(true).open(&self.path).map_err(of(&self.path))?;
        fat::put(&image, name, file, bytes, old)
            .map_err(|error| format!("the image {}: {error}", self.path.display()))
    }

    fn put_in(&self) -> Result<(), String> {
        let lun = self.bus.playing(std::slice::from_ref(&self.path));
        self.bus.set(&lun, Some(&self.path))
    }
}

/// Where the kernel tells of its gadgets; below another root in tests.
#[derive(Debug)]
pub(super) struct Bus {
    root: PathBuf,
    /// What a place of the bus played before it was taken off it.
    taken: std::sync::Mutex<Vec<(PathBuf, PathBuf)>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::at("/")
    }
}

/// The folders in a folder whose names begin so; none where there is no such folder.
fn folders(path: &Path, begins: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(begins)))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(4_096).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The same file, however it is named.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

impl Bus {
    pub(super) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), taken: std::sync::Mutex::default() }
    }

    /// The `file` of every place of every gadget: of configfs, and of `g_mass_storage`.
    fn places(&self) -> Vec<PathBuf> {
        let mut places = Vec::new();
        for gadget in folders(&self.root.join("sys/kernel/config/usb_gadget"), "") {
            for function in folders(&gadget.join("functions"), "mass_storage.") {
                places.extend(folders(&function, "lun."));
            }
        }
        for controller in folders(&self.root.join("sys/class/udc"), "") {
            for gadget in folders(&controller.join("device"), "gadget") {
                places.extend(folders(&gadget, "lun"));
            }
        }
        places.into_iter().map(|place| place.join("file")).filter(|file| file.is_file()).collect()
    }

    /// The place that plays one of these, or did before we took it off, and what it plays.
    fn playing(&self, meant: &[PathBuf]) -> Option<(PathBuf, PathBuf)> {
        let is_meant = |played: &PathBuf| meant.iter().any(|meant| is_same(meant, played));
        let taken = self.taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let places = self.places();
        // A platen that was killed in between has left the only place there is empty.
        let left = match &places[..] {
            [only] if text(only).is_none() => meant.last().map(|meant| (only.clone(), meant.clone())),
            _ => None,
        };
        let found = places.into_iter().find_map(|place| {
            let before = || taken.iter().find(|(of, _)| *of == place).map(|(_, played)| played.clone());
            let played = text(&place).map(PathBuf::from).or_else(before)?;
            is_meant(&played).then_some((place, played))
        });
        found.or(left)
    }

    /// The device that is mounted at a folder, and the file behind it where it is a loop.
    fn mounted_from(&self, folder: &Path) -> Vec<PathBuf> {
        let Some(mounts) = fs::read_to_string(self.root.join("proc/self/mounts")).ok() else {
            return Vec::new();
        };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut from = Vec::new();
        for line in mounts.lines() {
            let mut words = line.split(' ');
            let (Some(device), Some(at)) = (words.next(), words.next()) else { continue };
            if Path::new(&at.replace("\\040", " ")) != folder {
                continue;
            }
            from.push(PathBuf::from(device));
            let Some(name) = device.strip_prefix("/dev/") else { continue };
            // A partition of a loop: `loop0p1`.
            let whole =
                name.strip_prefix("loop").and_then(|n| n.split('p').next()).map(|n| format!("loop{n}"));
            let behind = whole.and_then(|name| {
                text(&self.root.join(format!("sys/block/{name}/loop/backing_file"))).map(PathBuf::from)
            });
            from.extend(behind);
        }
        from
    }

    /// Plays this in a place of the bus from now on; nothing where there is no such place.
    fn set(&self, lun: &Option<(PathBuf, PathBuf)>, played: Option<&Path>) -> Result<(), String> {
        let Some((place, was)) = lun else { return Ok(()) };
        let mut taken = self.taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        taken.retain(|(of, _)| of != place);
        if played.is_none() {
            taken.push((place.clone(), was.clone()));
        }
        let write = |file: &Path, text: &[u8]| {
            OpenOptions::new().write(true).truncate(true).open(file)?.write_all(text)
        };
        let line =
            played.map_or_else(|| b"\n".to_vec(), |played| played.as_os_str().as_encoded_bytes().to_vec());
        let written = match write(place, &line) {
            // The board holds it: as a hand does that pulls a stick.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && played.is_none() => {
                write(&place.with_file_name("forced_eject"), b"1")
            }
            written => written,
        };
        written.map_err(|error| {
            format!(
                "{}: {error}; platen's user needs the right to write it, or the gadget is gone",
                place.display()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_folder_has_the_new_file_and_none_of_our_old_ones_and_all_that_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["AAAAAAAA.CTB", "HOLIDAY2.CTB"] {
            fs::write(at(name), "x").unwrap();
        }
        let stick = Folder { path: folder.path().to_owned(), bus: Bus::at(at("no machine")) };
        let old = ["AAAAAAAA.CTB".to_owned(), "BBBBBBBB.CTB".to_owned()];
        stick.take_out().unwrap();
        stick.fill("CCCCCCCC.CTB", &file(b"layers"), 6, &old).unwrap();
        stick.put_in().unwrap();
        assert_eq!(fs::read(at("CCCCCCCC.CTB")).unwrap(), b"layers");
        assert_eq!((at("AAAAAAAA.CTB").exists(), at("HOLIDAY2.CTB").exists()), (false, true));
        let short = stick.fill("DDDDDDDD.CTB", &file(b"lay"), 6, &[]).unwrap_err();
        assert!(short.contains("shorter"), "{short}");
        assert_eq!((at("DDDDDDDD.CTB").exists(), at("DDDDDDDD.NEW").exists()), (false, false));
        let gone = Folder { path: at("gone"), bus: Bus::at("/nowhere") };
        assert!(gone.fill("CCCCCCCC.CTB", &file(b"l"), 1, &[]).unwrap_err().contains("mount it"));
    }

    #[test]
    fn the_place_on_the_bus_that_plays_our_stick_is_found_emptied_and_filled_again() {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path();
        let image = root.join("mars.img");
        fs::write(&image, "a disk").unwrap();
        let mounted = root.join("mnt");
        fs::create_dir(&mounted).unwrap();
        let lun =
            |n: u8| root.join(format!("sys/kernel/config/usb_gadget/g{n}/functions/mass_storage.0/lun.0"));
        for (n, plays) in [(1, root.join("another.img")), (2, image.clone())] {
            fs::create_dir_all(lun(n)).unwrap();
            fs::write(lun(n).join("file"), format!("{}\n", plays.display())).unwrap();
        }
        fs::create_dir_all(root.join("proc/self")).unwrap();
        fs::create_dir_all(root.join("sys/block/loop3/loop")).unwrap();
        let at = mounted.canonicalize().unwrap();
        fs::write(root.join("proc/self/mounts"), format!("/dev/loop3p1 {} vfat rw 0 0\n", at.display()))
            .unwrap();
        fs::write(root.join("sys/block/loop3/loop/backing_file"), image.display().to_string()).unwrap();
        let plays = |n| text(&lun(n).join("file"));
        let sticks: [Box<dyn Stick>; 2] = [
            Box::new(Folder { path: mounted, bus: Bus::at(root) }),
            Box::new(Image { path: image.clone(), bus: Bus::at(root) }),
        ];
        for stick in sticks {
            stick.take_out().unwrap();
            assert_eq!(plays(2), None);
            stick.put_in().unwrap();
            assert_eq!(plays(2), Some(image.display().to_string()));
            assert!(plays(1).unwrap().contains("another"));
        }
    }
}
