//! A display that is a folder: the last pictures to look at, and a ledger with a line for each change.
//!
//! A line of the ledger is one JSON object, written by one call, so that a reader finds whole lines only:
//! `{"at_ns":81234567,"sequence":7,"what":"shown","sha256":"…","crc32":"…","label":"job-7/3","file":"…"}`.
//! `at_ns` is `CLOCK_MONOTONIC`, which every process of this machine shares; the hashes are over the logical
//! picture's bytes, as the file of the job has them. Of darkness `what` is `"blank"`, without hashes, label
//! and file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::clock::Monotonic;
use crate::pack::{Order, Packed, PixelFormat, Size, Subpixels, points_of};
use crate::sink::{Geometry, Label, Latch, MaskSink, Shown, SinkError};

/// Bytes at which a ledger is begun anew; the one before is kept beside it as `.old`.
pub const LEDGER_MOST: u64 = 64 << 20;
/// Pictures that may be kept.
pub const FRAMES_MOST: u32 = 100_000;

/// How a picture is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its bytes as a display gets them, rows of pixels without gaps: `.raw`.
    Raw,
    /// The points of the panel as grey, for any viewer of pictures: `.pgm` (binary, of 255).
    Pgm { subpixels: Subpixels, order: Order },
}

/// The pictures that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// A folder; it is made where it is missing.
    pub folder: PathBuf,
    pub form: Form,
    /// How many, 1 to 100,000: the oldest go.
    pub keep: u32,
}

/// What is written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    pub mode: Size,
    pub format: PixelFormat,
    pub frames: Option<Frames>,
    /// A file; it is made where it is missing, and appended to.
    pub ledger: Option<PathBuf>,
}

/// A folder, a ledger or both as a display for masks.
#[derive(Debug)]
pub struct FileSink {
    geometry: Geometry,
    frames: Option<Frames>,
    ledger: Option<Ledger>,
    /// The number of the next change; goes on from the pictures that are there already.
    next: u64,
}

#[derive(Debug)]
struct Ledger {
    path: PathBuf,
    file: File,
    size: u64,
}

fn failed(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> SinkError {
    let path = path.to_owned();
    move |error| SinkError::Failed { path: path.clone(), doing, error }
}

impl Ledger {
    fn open(path: &Path) -> Result<Self, SinkError> {
        let error = |error| SinkError::Open { path: path.to_owned(), error };
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file =
            OpenOptions::new().append(true).read(true).create(true).custom_flags(flags.bits()).open(path);
        let file = file.map_err(error)?;
        let about = file.metadata().map_err(error)?;
        if !about.is_file() {
            let what = "a ledger is a plain file".into();
            return Err(SinkError::Unsuitable { path: path.to_owned(), what });
        }
        let mut ledger = Self { path: path.to_owned(), file, size: about.len() };
        ledger.end_line()?;
        Ok(ledger)
    }

    /// A disk that filled up, or a crash, may have left half a line.
    fn end_line(&mut self) -> Result<(), SinkError> {
        let mut last = [b'\n'];
        if let Some(place) = self.size.checked_sub(1) {
            std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut last, place)
                .map_err(failed(&self.path, "reading the ledger"))?;
        }
        if last != [b'\n'] { self.write(b"\n") } else { Ok(()) }
    }

    fn write(&mut self, line: &[u8]) -> Result<(), SinkError> {
        let error = failed(&self.path, "writing the ledger");
        if self.size.saturating_add(line.len() as u64) > LEDGER_MOST {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            fs::rename(&self.path, &old).map_err(&error)?;
            let fresh = OpenOptions::new().append(true).read(true).create(true).open(&self.path);
            (self.file, self.size) = (fresh.map_err(&error)?, 0);
        }
        // One call: who reads meanwhile sees all of the line or none of it.
        let written = self.file.write(line).map_err(&error)?;
        self.size += written as u64;
        if written < line.len() {
            return Err(error(io::Error::new(
                io::ErrorKind::StorageFull,
                "only a part of a line was written",
            )));
        }
        Ok(())
    }
}

impl FileSink {
    /// Both may be missing; then it shows to nobody.
    pub fn open(config: FileConfig) -> Result<Self, SinkError> {
        let FileConfig { mode, format, frames, ledger } = config;
        let mut next = 1;
        if let Some(frames) = &frames {
            let unsuitable = |what| SinkError::Unsuitable { path: frames.folder.clone(), what };
            if !(1..=FRAMES_MOST).contains(&frames.keep) {
                let keep = frames.keep;
                return Err(unsuitable(format!("{keep} pictures cannot be kept: give 1 to {FRAMES_MOST}")));
            }
            let open = |error| SinkError::Open { path: frames.folder.clone(), error };
            fs::create_dir_all(&frames.folder).map_err(open)?;
            if let Some(last) = numbers(&frames.folder).map_err(open)?.last() {
                next = last.saturating_add(1);
            }
        }
        let ledger = ledger.as_deref().map(Ledger::open).transpose()?;
        Ok(Self { geometry: Geometry { mode, format, sha256: true }, frames, ledger, next })
    }

    fn keep(&self, picture: &Packed, frames: &Frames) -> Result<String, SinkError> {
        let name = format!("frame-{:010}.{}", self.next, extension(frames.form));
        let path = frames.folder.join(&name);
        let half = frames.folder.join("frame.part");
        let error = failed(&path, "writing the picture");
        let mut file = File::create(&half).map_err(&error)?;
        match frames.form {
            Form::Raw => file.write_all(picture.bytes()).map_err(&error)?,
            Form::Pgm { subpixels, order } => {
                let points = points_of(picture, subpixels, order);
                let Size { width, height } = picture.mode();
                let width = match subpixels {
                    Subpixels::One => u64::from(width),
                    Subpixels::Three => 3 * u64::from(width),
                };
                file.write_all(format!("P5\n{width} {height}\n255\n").as_bytes()).map_err(&error)?;
                file.write_all(&points).map_err(&error)?;
            }
        }
        fs::rename(&half, &path).map_err(&error)?;
        let there =
            numbers(&frames.folder).map_err(failed(&frames.folder, "looking through the pictures"))?;
        let too_many = there.len().saturating_sub(frames.keep as usize);
        for number in &there[..too_many] {
            for form in ["raw", "pgm"] {
                let old = frames.folder.join(format!("frame-{number:010}.{form}"));
                match fs::remove_file(&old) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failed(&old, "removing an old picture")(error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(name)
    }

    fn note(&mut self, at: Monotonic, more: &str) -> Result<(), SinkError> {
        let sequence = self.next;
        self.next = self.next.saturating_add(1);
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        ledger.write(format!("{{\"at_ns\":{},\"sequence\":{sequence},{more}}}\n", at.0).as_bytes())
    }
}

fn extension(form: Form) -> &'static str {
    match form {
        Form::Raw => "raw",
        Form::Pgm { .. } => "pgm",
    }
}

/// The numbers of the pictures in a folder, from the oldest.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let name = name.strip_prefix("frame-")?;
            name.strip_suffix(".raw").or_else(|| name.strip_suffix(".pgm"))?.parse::<u64>().ok()
        });
        numbers.extend(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl MaskSink for FileSink {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn show(&mut self, picture: &Packed, label: &Label) -> Result<Shown, SinkError> {
        self.geometry.check(picture)?;
        let name = match &self.frames {
            Some(frames) => format!(",\"file\":\"{}\"", self.keep(picture, frames)?),
            None => String::new(),
        };
        let at = Monotonic::now();
        let logical = picture.logical();
        let sha256 = logical.sha256.map(|hash| format!("\"sha256\":\"{}\",", hexadecimal(&hash)));
        let crc32 = logical.crc32;
        let sha256 = sha256.unwrap_or_default();
        self.note(
            at,
            &format!("\"what\":\"shown\",{sha256}\"crc32\":\"{crc32:08x}\",\"label\":\"{label}\"{name}"),
        )?;
        Ok(Shown { at, latch: Latch::Flipped })
    }

    fn blank(&mut self) -> Result<Shown, SinkError> {
        let at = Monotonic::now();
        self.note(at, "\"what\":\"blank\"")?;
        Ok(Shown { at, latch: Latch::Flipped })
    }
}

#[cfg(test)]
mod tests;
