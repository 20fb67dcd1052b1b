//! What a display is to the rest: it takes one packed picture, and says when that picture is what is out.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::clock::Monotonic;
use crate::pack::{Packed, PixelFormat, Size};

/// A display for masks. All of its calls may block for as long as the display needs; the shower bounds that.
pub trait MaskSink: Send {
    /// What it takes; the same for as long as it lives.
    fn geometry(&self) -> Geometry;

    /// Shows a picture and returns only once it is out, or says that this is assumed ([`Latch`]).
    /// After an error it is unknown what is out, and the caller blanks.
    fn show(&mut self, picture: &Packed, label: &Label) -> Result<Shown, SinkError>;

    /// Makes it dark, and returns as [`MaskSink::show`] does.
    fn blank(&mut self) -> Result<Shown, SinkError>;
}

impl<Sink: MaskSink + ?Sized> MaskSink for Box<Sink> {
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }

    fn show(&mut self, picture: &Packed, label: &Label) -> Result<Shown, SinkError> {
        (**self).show(picture, label)
    }

    fn blank(&mut self) -> Result<Shown, SinkError> {
        (**self).blank()
    }
}

/// What a display takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels of its video mode.
    pub mode: Size,
    pub format: PixelFormat,
    /// It wants the SHA-256 of pictures, which costs more than the CRC that all have.
    pub sha256: bool,
}

/// A picture, or darkness, that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When it was, by the display's own word where it has one.
    pub at: Monotonic,
    pub latch: Latch,
}

/// How it is known that a picture is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latch {
    /// The display said so: since `at`, what it sends is this picture from the first line on.
    Flipped,
    /// The display cannot say: it was written at `at` and is taken to be out so much later. Whoever turns on
    /// the light waits that long first.
    Assumed { after: Duration },
}

impl Latch {
    /// How long after `at` the picture may be relied on, before the liquid crystal's own time to settle.
    #[must_use]
    pub fn wait(self) -> Duration {
        match self {
            Self::Flipped => Duration::ZERO,
            Self::Assumed { after } => after,
        }
    }
}

/// Whose picture it is, for ledgers: up to 96 characters of `A-Z a-z 0-9 . _ : / -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(String);

#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{text:?} is no label of a picture: give 1 to {} characters of A-Z a-z 0-9 . _ : / -",
    Label::LONGEST
)]
pub struct LabelError {
    text: String,
}

impl Label {
    pub const LONGEST: usize = 96;

    pub fn new(text: &str) -> Result<Self, LabelError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
        if text.is_empty() || text.len() > Self::LONGEST || !text.bytes().all(fits) {
            return Err(LabelError { text: text.chars().take(Self::LONGEST).collect() });
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a display cannot be had, or did not show something.
#[derive(Debug, Error)]
pub enum SinkError {
    #[error("{path} cannot be opened: {error}{}", hint(.error))]
    Open { path: PathBuf, error: io::Error },
    #[error("{path} is no display: {what}")]
    NotADisplay { path: PathBuf, what: String },
    /// It is one, but not one that masks can be shown on.
    #[error("{path} cannot show masks: {what}")]
    Unsuitable { path: PathBuf, what: String },
    #[error(
        "the picture is {picture} of {picture_format}, and the display takes {display} of {display_format}"
    )]
    OtherPicture { picture: Size, picture_format: PixelFormat, display: Size, display_format: PixelFormat },
    #[error("{path}: {doing} failed: {error}")]
    Failed { path: PathBuf, doing: &'static str, error: io::Error },
    /// The display took a picture and did not say within the bound that it is out.
    #[error("{path} did not say within {} ms that the picture is out", .bound.as_millis())]
    NoFlip { path: PathBuf, bound: Duration },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ": no such display is there, so look in /dev for fb0 or dri/card0",
        io::ErrorKind::PermissionDenied => ": the user that runs this must be in the group `video`",
        _ => "",
    }
}

impl Geometry {
    /// Whether a picture was packed for this display.
    pub fn check(&self, picture: &Packed) -> Result<(), SinkError> {
        if picture.mode() == self.mode && picture.format() == self.format {
            return Ok(());
        }
        Err(SinkError::OtherPicture {
            picture: picture.mode(),
            picture_format: picture.format(),
            display: self.mode,
            display_format: self.format,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_short_and_plain() {
        for good in ["a", "job-7/layer:12", "A_z.9", &"x".repeat(96)] {
            assert_eq!(Label::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "two words", "quote\"", "line\n", "ü", &"x".repeat(97)] {
            let error = Label::new(bad).unwrap_err().to_string();
            assert!(error.contains("96 characters"), "{error}");
        }
    }
}
