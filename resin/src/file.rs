//! One resin file, of whatever format: what it says of its layers, and its masks one at a time.
//!
//! ```text
//! bytes → recognise → sl1 | nanodlp | ctb | goo → ResinFile (settings, layers)
//!                                               → Masks     (layer i as grey, into one buffer that is used again)
//! ```

use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use archive::Archive;

use crate::layer::{Layer, LayerIndex};
use crate::machine::Mirrored;
use crate::picture::{self, Pictures};
use crate::units::Micrometres;
use crate::{ctb, goo, nanodlp, sl1};

/// What wrote it, by its content and not by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Prusa's, of PrusaSlicer: an archive of pictures.
    Sl1,
    /// NanoDLP's plate: an archive of pictures.
    NanoDlp,
    /// ChiTuBox, versions 2 to 4 in the clear.
    Ctb,
    /// Of the first ChiTu boards: `.cbddlp` and Anycubic's `.photon`.
    Cbddlp,
    /// Elegoo's.
    Goo,
    /// ChiTuBox, encrypted: nothing of it is read.
    EncryptedCtb,
}

/// What a resin file says. Nothing in it was checked against a printer yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ResinFile {
    pub format: Format,
    pub masks: MaskAccess,
    /// Width and height of a point of a mask, µm.
    pub point: Option<[f64; 2]>,
    /// As the slicer's settings of the printer are, along the printer's X and Y.
    pub mirrored: Option<Mirrored>,
    /// Of all layers but the first, which may be another; `None` where nothing of the file is read.
    pub layer_height: Option<Micrometres>,
    /// From the plate up. Empty where nothing of the file is read ([`Format::EncryptedCtb`]), and only there.
    pub layers: Vec<Layer>,
    pub claims: Claims,
}

/// Whether the masks of a file can be read here, and how many columns and rows of points they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskAccess {
    /// [`Masks`] gives them.
    Readable { points: [u32; 2] },
    /// Only the printer reads them. What stands behind the byte `ends_at` is no picture: whoever has read up to there has
    /// read all that is printed.
    Opaque { points: Option<[u32; 2]>, ends_at: u64 },
}

/// What the slicer wrote beside what is printed: to be held against what is counted and against the case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    pub layers: Option<u32>,
    /// Of the whole print, s, as the slicer believes the printer to be.
    pub seconds: Option<f64>,
    /// Of resin, ml.
    pub millilitres: Option<f64>,
    /// The resin's name.
    pub material: Option<String>,
    /// The printer's model.
    pub printer: Option<String>,
    /// The names of the slicer's settings.
    pub print_profile: Option<String>,
    pub printer_profile: Option<String>,
    /// The slicer and its version.
    pub slicer: Option<String>,
    /// What an SL1's time was calculated of.
    pub estimate: Option<crate::timing::Estimate>,
}

/// One layer's picture: rows from the top, each of `width` bytes, 0 dark to 255 fully lit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    pub width: u32,
    pub height: u32,
    pub grey: Vec<u8>,
}

/// What reading a file may cost. None of it depends on what the file claims of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub archive: archive::Limits,
    pub layers: u32,
    /// Points of one mask. A mask takes a byte for each, and reading it about as much again.
    pub points: u64,
    /// Bytes of one text of settings.
    pub text: u64,
}

/// What holds everywhere; only tests use others. They keep a reader below 256 MB.
pub const LIMITS: Limits = Limits {
    archive: archive::Limits {
        entries: 50_010,
        // 46 bytes, a name and an extra field each.
        directory: 8 << 20,
        // Pictures as they are packed, one after the other; each unfolds into the same buffer.
        expanded: 8 << 30,
        // A picture of nothing shrinks to a four-hundredth once more, and is small.
        ratio: 200,
        ratio_free: 1 << 20,
    },
    // 500 mm at 10 µm.
    layers: 50_000,
    // Displays called 16K have 15,120 by 6,230.
    points: 96 << 20,
    // Two hundred settings, and G-code among them.
    text: 1 << 20,
};

/// Why a resin file cannot be used: what, which; what to do. `format` is [`Format::name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("the file cannot be read: {0}; try again, and look at the disk if it stays so")]
    Unreadable(String),
    #[error(
        "this is no resin file that can be recognised (SL1, NanoDLP, CTB, CBDDLP, GOO): {0}; slice the part again for this printer"
    )]
    Unknown(String),
    #[error(
        "the file has {what}: {found}, and {max} are the most that is taken; slice fewer parts at a time"
    )]
    TooMuch { what: &'static str, found: u64, max: u64 },
    #[error("the {format} is damaged: {what}; slice or copy it again")]
    Damaged { format: &'static str, what: String },
    #[error(
        "the {format} holds what none needs and attacks use: {what}; slice it again with a program that you trust"
    )]
    Hostile { format: &'static str, what: String },
    #[error(
        "the {format} ends before it is complete ({what}): it was cut on its way; slice or copy it again"
    )]
    Cut { format: &'static str, what: &'static str },
    /// A setting without which nothing can be printed.
    #[error("the {format} does not say {what}; slice it again")]
    Missing { format: &'static str, what: &'static str },
    /// `place` is where it stands: `config.ini, expTime`.
    #[error("the {format} says what cannot be, at {place}: {what}; slice it again")]
    Value { format: &'static str, place: String, what: String },
    /// Two places of one file.
    #[error("the {format} contradicts itself: {what}; slice it again")]
    Contradiction { format: &'static str, what: String },
    /// What is not wrong, and not known here.
    #[error("the {format} cannot be printed here: {what}; slice it again without that")]
    Unsupported { format: &'static str, what: String },
    /// People count layers from 1.
    #[error("the picture of layer {} in the {format} {what}; slice it again", u64::from(.layer.0) + 1)]
    Layer { format: &'static str, layer: LayerIndex, what: String },
    #[error("the masks of a {format} are for the printer alone; only settings are read of it")]
    Opaque { format: &'static str },
}

impl Format {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sl1 => "SL1",
            Self::NanoDlp => "NanoDLP file",
            Self::Ctb => "CTB",
            Self::Cbddlp => "CBDDLP",
            Self::Goo => "GOO",
            Self::EncryptedCtb => "encrypted CTB",
        }
    }
}

impl MaskAccess {
    #[must_use]
    pub fn points(self) -> Option<[u32; 2]> {
        match self {
            Self::Readable { points } => Some(points),
            Self::Opaque { points, .. } => points,
        }
    }
}

impl ResinFile {
    /// How thick a layer is: from the upper side of the one below it, or from the plate.
    #[must_use]
    pub fn thickness(&self, layer: LayerIndex) -> Option<Micrometres> {
        let at = usize::try_from(layer.0).ok()?;
        let below = match at.checked_sub(1) {
            None => Micrometres(0),
            Some(below) => self.layers.get(below)?.top,
        };
        Some(Micrometres(self.layers.get(at)?.top.0.saturating_sub(below.0)))
    }
}

/// What the bytes at the beginning of a file tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A ZIP: [`recognise`] looks at the names in it.
    Archive,
    Whole(Format),
}

/// What an archive is called until it is known what is in it, in the words of errors.
pub const ARCHIVE: &str = "resin file in an archive";

/// Bytes that [`begin`] wants.
pub const BEGIN: usize = 12;

/// From the first [`BEGIN`] bytes; `None` of what is no resin file (facts C.3).
#[must_use]
pub fn begin(first: &[u8]) -> Option<Begin> {
    let magic = *first.first_chunk::<4>()?;
    if magic == *b"PK\x03\x04" {
        return Some(Begin::Archive);
    }
    let goo = first.first_chunk::<BEGIN>().filter(|first| goo::recognise(**first));
    ctb::recognise(magic).or_else(|| goo.map(|_| Format::Goo)).map(Begin::Whole)
}

/// By content. The source is left anywhere.
///
/// # Errors
/// [`FileError::Unknown`], and what is wrong with an archive.
pub fn recognise(source: &mut (impl Read + Seek), limits: &Limits) -> Result<Format, FileError> {
    Ok(Open::source(source, limits)?.format())
}

/// What the file says, without its masks. Of an archive the first mask's header is looked at; the others are held to
/// it where they are read ([`Masks::layer`]), and whoever lets a file print reads them all.
///
/// # Errors
/// Whatever makes it unfit to be printed at all.
pub fn read(source: &mut (impl Read + Seek), limits: &Limits) -> Result<ResinFile, FileError> {
    Ok(match Open::source(source, limits)? {
        Open::Sl1(archive) => sl1::open(archive, limits)?.0,
        Open::NanoDlp(archive) => nanodlp::open(archive, limits)?.0,
        Open::Goo(source) => goo::read(source, limits)?,
        Open::Chitu(source, _) => ctb::read(source, limits)?,
    })
}

/// A source that was looked at.
enum Open<R> {
    Sl1(Archive<R>),
    NanoDlp(Archive<R>),
    Goo(R),
    Chitu(R, Format),
}

impl<R: Read + Seek> Open<R> {
    fn source(mut source: R, limits: &Limits) -> Result<Self, FileError> {
        let unreadable = |error: std::io::Error| FileError::Unreadable(error.to_string());
        let mut first = Vec::with_capacity(BEGIN);
        source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        source.by_ref().take(BEGIN as u64).read_to_end(&mut first).map_err(unreadable)?;
        match begin(&first) {
            None => Err(FileError::Unknown("it begins like none of them".into())),
            Some(Begin::Whole(Format::Goo)) => Ok(Self::Goo(source)),
            Some(Begin::Whole(format)) => Ok(Self::Chitu(source, format)),
            Some(Begin::Archive) => Self::archive(source, limits),
        }
    }

    /// An archive is known by what every one of its kind has.
    fn archive(source: R, limits: &Limits) -> Result<Self, FileError> {
        let kind = ARCHIVE;
        let archive = Archive::open(source, "a resin file", &limits.archive);
        let archive = archive.map_err(|error| picture::of_archive(kind, error))?;
        let is_sl1 = archive.has(sl1::CONFIG);
        let is_nanodlp = [nanodlp::PLATE, nanodlp::PROFILE].iter().any(|name| archive.has(name))
            || [nanodlp::META, nanodlp::SLICER].iter().all(|name| archive.has(name));
        match (is_sl1, is_nanodlp) {
            (true, false) => Ok(Self::Sl1(archive)),
            (false, true) => Ok(Self::NanoDlp(archive)),
            (true, true) => {
                let what = "it is an SL1 and a NanoDLP file at once".into();
                Err(FileError::Contradiction { format: kind, what })
            }
            (false, false) => {
                let what = "it is an archive without the settings of one (config.ini, plate.json)";
                Err(FileError::Unknown(what.into()))
            }
        }
    }

    fn format(&self) -> Format {
        match self {
            Self::Sl1(_) => Format::Sl1,
            Self::NanoDlp(_) => Format::NanoDlp,
            Self::Goo(_) => Format::Goo,
            Self::Chitu(_, format) => *format,
        }
    }
}

/// An open file whose masks are shown one after the other: one of its pictures is in memory, packed.
pub struct Masks<R> {
    kind: Kind<R>,
}

enum Kind<R> {
    Pictures(Pictures<R>),
    Ctb(ctb::Masks<R>),
    Goo(goo::Masks<R>),
}

impl<R> fmt::Debug for Masks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masks").finish_non_exhaustive()
    }
}

impl<R: Read + Seek> Masks<R> {
    /// What the file says, and its masks.
    ///
    /// # Errors
    /// [`FileError::Opaque`] for a format whose masks only the printer reads; as [`read`] besides.
    pub fn open(source: R, limits: &Limits) -> Result<(ResinFile, Self), FileError> {
        let (file, kind) = match Open::source(source, limits)? {
            Open::Sl1(archive) => {
                let (file, pictures) = sl1::open(archive, limits)?;
                (file, Kind::Pictures(pictures))
            }
            Open::NanoDlp(archive) => {
                let (file, pictures) = nanodlp::open(archive, limits)?;
                (file, Kind::Pictures(pictures))
            }
            Open::Goo(source) => {
                let (file, masks) = goo::Masks::open(source, limits)?;
                (file, Kind::Goo(masks))
            }
            Open::Chitu(_, format @ Format::EncryptedCtb) => {
                return Err(FileError::Opaque { format: format.name() });
            }
            Open::Chitu(source, _) => {
                let (file, masks) = ctb::Masks::open(source, limits)?;
                (file, Kind::Ctb(masks))
            }
        };
        Ok((file, Self { kind }))
    }

    /// Reads one mask into a buffer that may be used again, and holds nothing that is valid after an error. In any
    /// order, as often as wanted.
    ///
    /// # Errors
    /// [`FileError::Layer`] for a picture that is damaged, of another size or kind.
    pub fn layer(&mut self, layer: LayerIndex, into: &mut Mask) -> Result<(), FileError> {
        match &mut self.kind {
            Kind::Pictures(pictures) => pictures.layer(layer, into),
            Kind::Ctb(masks) => masks.layer(layer, into),
            Kind::Goo(masks) => masks.layer(layer, into),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use archive::sample::Zip;
    use proptest::prelude::*;

    use super::*;
    use crate::sample::Settings;

    fn masks() -> Vec<Mask> {
        vec![Mask::dark(48, 32).with_box([4.0, 4.0], [30.0, 20.0]); 4]
    }

    /// Reads all that a file has.
    fn all(file: &[u8]) -> Result<Vec<Mask>, FileError> {
        let (file, mut masks) = Masks::open(Cursor::new(file), &LIMITS)?;
        let mut mask = Mask::default();
        let layers = u32::try_from(file.layers.len()).unwrap_or(0);
        let each = (0..layers).map(|layer| masks.layer(LayerIndex(layer), &mut mask).map(|()| mask.clone()));
        each.collect()
    }

    #[test]
    fn a_file_is_known_by_what_is_in_it() {
        let sample = Settings::default();
        for (file, format) in
            [(sample.sl1(&masks()), Format::Sl1), (sample.nanodlp(&masks()), Format::NanoDlp)]
        {
            assert_eq!(begin(&file), Some(Begin::Archive));
            assert_eq!(recognise(&mut Cursor::new(&file), &LIMITS), Ok(format));
            assert_eq!(read(&mut Cursor::new(&file), &LIMITS).unwrap().format, format);
        }
        for (first, format) in [
            (&[0x86, 0x00, 0xFD, 0x12][..], Format::Ctb),
            (&[0x06, 0x01, 0xFD, 0x12], Format::Ctb),
            (&[0x07, 0x01, 0xFD, 0x12], Format::EncryptedCtb),
            (&[0x19, 0x00, 0xFD, 0x12], Format::Cbddlp),
            (b"V3.0\x07\0\0\0DLP\0", Format::Goo),
        ] {
            assert_eq!(begin(first), Some(Begin::Whole(format)));
        }
        for file in [&b""[..], b"PK", b"solid", b"V3.0", b";FLAVOR:Marlin", b"\x12\xFD\0\x86"] {
            assert_eq!(begin(file), None);
            let error = recognise(&mut Cursor::new(file), &LIMITS).unwrap_err();
            assert!(matches!(error, FileError::Unknown(_)), "{error}");
        }
    }

    #[test]
    fn an_archive_of_something_else_or_of_two_things_is_none() {
        let model = Zip::default().file("3D/3dmodel.model", b"<model/>").bytes();
        let error = recognise(&mut Cursor::new(model), &LIMITS).unwrap_err().to_string();
        assert!(error.contains("without the settings of one"), "{error}");
        let both = Zip::default().file("config.ini", b"").file("plate.json", b"{}").bytes();
        let error = recognise(&mut Cursor::new(both), &LIMITS).unwrap_err().to_string();
        assert!(error.contains("an SL1 and a NanoDLP file at once"), "{error}");
    }

    #[test]
    fn masks_of_an_encrypted_file_are_not_asked_for() {
        let encrypted = crate::sample::encrypted(4_096);
        let error = Masks::open(Cursor::new(encrypted), &LIMITS).unwrap_err();
        assert_eq!(error, FileError::Opaque { format: "encrypted CTB" });
    }

    #[test]
    fn a_picture_that_was_changed_is_told_by_its_layer_before_it_is_shown() {
        let tables = Settings::default();
        let mut file = tables.nanodlp(&masks());
        // Its pictures are stored as they are; a byte in the middle of the third one.
        let third = file.windows(8).enumerate().filter(|(_, bytes)| *bytes == b"\x89PNG\r\n\x1a\n").nth(2);
        let at = third.unwrap().0 + 60;
        file[at] ^= 1;
        let error = all(&file).unwrap_err().to_string();
        assert!(
            error.contains("the picture of layer 3 in the NanoDLP file is damaged (the checksum"),
            "{error}"
        );
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_and_never_a_panic() {
        let sample = Settings::default();
        for file in [sample.sl1(&masks()), sample.nanodlp(&masks())] {
            assert_eq!(all(&file).unwrap(), masks());
            for length in 0..file.len() {
                assert!(all(&file[..length]).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn a_mask_is_read_into_the_buffer_that_is_there() {
        let file = Settings::default().sl1(&masks());
        let (_, mut masks) = Masks::open(Cursor::new(file), &LIMITS).unwrap();
        let mut mask = Mask::default();
        masks.layer(LayerIndex(0), &mut mask).unwrap();
        let before = (mask.grey.as_ptr(), mask.grey.capacity());
        for layer in [3, 1, 2, 2, 0] {
            masks.layer(LayerIndex(layer), &mut mask).unwrap();
            assert_eq!((mask.grey.as_ptr(), mask.grey.capacity()), before);
        }
    }

    proptest! {
        #[test]
        fn a_file_changed_anywhere_is_an_error_or_shows_the_same(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut file = Settings::default().sl1(&masks());
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            if let Ok(read) = all(&file) {
                prop_assert_eq!(read, masks());
            }
        }

        #[test]
        fn bytes_of_any_kind_are_an_error_and_never_a_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..600),
            magic in prop::sample::select(vec![
                &b"PK\x03\x04"[..], &[0x86, 0, 0xFD, 0x12], &[0x19, 0, 0xFD, 0x12], b"V3.0\x07\0\0\0DLP\0", b"",
            ]),
        ) {
            bytes.splice(0..0, magic.iter().copied());
            prop_assert!(read(&mut Cursor::new(&bytes), &LIMITS).is_err());
            prop_assert!(all(&bytes).is_err());
        }
    }
}
