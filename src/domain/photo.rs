//! A photo without anything but its picture: JPEG or PNG, read to its end and written anew from what a browser needs.
//!
//! ```text
//! bytes ─▶ which kind? ─▶ segment by segment ──────────▶ known and needed: kept, checked to its last byte
//!              └─neither: refused   └─cut, broken: refused └─everything else: gone (place, time, owner, words)
//! ```
//! What is kept is a list, so that metadata of a kind that nobody here has heard of goes too. How the camera was held
//! is the one thing that is read out of metadata; platen writes it itself. Pixels are not decoded: what the picture
//! shows stays.

mod jpeg;
mod orientation;
mod png;

#[cfg(test)]
mod tests;

/// What a phone makes of a scene at its usual quality, twice.
pub const BYTES_MAX: u64 = 8 << 20;
/// What platen writes itself (an orientation) may make a kept photo a little longer than what was uploaded.
pub const KEPT_MAX: u64 = BYTES_MAX + 256;
/// Four bytes each, once somebody looks at it.
pub const PIXELS_MAX: u64 = 50_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Jpeg,
    Png,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A photo of which nothing but the picture is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    pub kind: Kind,
    /// As it lies in the file: an orientation may turn it.
    pub width: u32,
    pub height: u32,
    pub bytes: Vec<u8>,
}

/// Why a file is no photo that is kept: what; what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPhoto {
    #[error("it is neither a JPEG nor a PNG; export it as a JPEG")]
    Neither,
    #[error(
        "it is a HEIC picture or a video; set the camera to JPEG (\"most compatible\"), or export it as a JPEG"
    )]
    Heic,
    #[error("it ends before its end; copy it from the camera again")]
    Cut,
    #[error("it is damaged: {0}; copy it from the camera again, or export it anew")]
    Damaged(&'static str),
    #[error("not every browser shows this kind of picture: {0}; export it as a plain JPEG")]
    Unusual(&'static str),
    #[error(
        "it has {width} by {height} pixels, and at most {} million are taken; export it smaller",
        PIXELS_MAX / 1_000_000
    )]
    Pixels { width: u32, height: u32 },
}

/// Reads a file to its end and gives back what is kept of it. What it gives back, it gives back unchanged.
pub fn clean(file: &[u8]) -> Result<Clean, NoPhoto> {
    match file {
        [0xFF, 0xD8, rest @ ..] => jpeg::clean(rest),
        _ if file.starts_with(&png::SIGNATURE) => png::clean(file),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Err(NoPhoto::Heic),
        _ => Err(NoPhoto::Neither),
    }
}

/// A size that somebody can be shown.
fn size(width: u32, height: u32) -> Result<(u32, u32), NoPhoto> {
    match u64::from(width) * u64::from(height) {
        0 => Err(NoPhoto::Damaged("it has no pixels")),
        pixels if pixels > PIXELS_MAX => Err(NoPhoto::Pixels { width, height }),
        _ => Ok((width, height)),
    }
}

/// Bytes that are still to be read.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}
