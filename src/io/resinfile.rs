//! A file for resin as it lies in the spool: what it says, its masks one at a time, and what tells each from others.
//!
//! All of it blocks: it belongs on a thread that may wait. The file is taken for what was uploaded; whoever lets it
//! print has asked `Spool::verify` before.

use std::fs::File;
use std::io::BufReader;

use ::mask::pack::LogicalHash;
use ::resin::file::{self, FileError, LIMITS, Mask, MaskAccess, ResinFile};
use ::resin::layer::LayerIndex;

use crate::control::light::{MaskMark, MasksDigest};
use crate::domain::ids::FileHash;

/// Masks of an open file, in any order.
pub type Masks = file::Masks<BufReader<File>>;

/// A seek in an archive is seldom far from the last one, and a picture is read from its beginning to its end.
const BUFFER: usize = 64 * 1024;

/// What the file says, without its masks. The file is left anywhere.
///
/// # Errors
/// What makes it unfit to be printed at all, in words for people.
pub fn read(file: File) -> Result<ResinFile, FileError> {
    file::read(&mut BufReader::with_capacity(BUFFER, file), &LIMITS)
}

/// What the file says, and its masks.
///
/// # Errors
/// As `read`, and where only the printer reads its masks.
pub fn open(file: File) -> Result<(ResinFile, Masks), FileError> {
    Masks::open(BufReader::with_capacity(BUFFER, file), &LIMITS)
}

/// What tells this mask from others, as whoever shows it says it.
pub fn mark(mask: &Mask) -> MaskMark {
    MaskMark(LogicalHash::of(&mask.grey, false).crc32)
}

/// Reads all masks, each into the same buffer, and gives each away with its layer. What was printed is held against
/// the digest of their marks: it is `Printed::digest` of a job in which each was shown in its turn.
///
/// # Errors
/// The first mask that cannot be shown.
pub fn digest(
    file: &ResinFile,
    masks: &mut Masks,
    mut each: impl FnMut(LayerIndex, &Mask),
) -> Result<FileHash, FileError> {
    let mut digest = MasksDigest::default();
    let mut mask = Mask::default();
    for (layer, _) in (0_u32..).zip(&file.layers) {
        let layer = LayerIndex(layer);
        masks.layer(layer, &mut mask)?;
        digest.add(&mark(&mask));
        each(layer, &mask);
    }
    Ok(digest.finish())
}

/// Columns and rows of its masks, where they can be shown here.
pub fn points(file: &ResinFile) -> Option<[u32; 2]> {
    match file.masks {
        MaskAccess::Readable { points } => Some(points),
        MaskAccess::Opaque { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::sample::Settings;
    use std::io::{Seek, Write};

    fn sample() -> (File, Vec<Mask>) {
        let masks: Vec<Mask> =
            (0..4_u8).map(|n| Mask::dark(48, 32).with_box([4.0, 4.0], [20.0 + f64::from(n), 20.0])).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&Settings::default().sl1(&masks)).unwrap();
        file.rewind().unwrap();
        (file, masks)
    }

    #[test]
    fn the_digest_of_a_file_is_that_of_its_masks_in_their_order() {
        let (file, masks) = sample();
        let (said, mut open) = open(file).unwrap();
        assert_eq!(points(&said), Some([48, 32]));
        let mut read = Vec::new();
        let digest = digest(&said, &mut open, |layer, mask| read.push((layer.0, mask.clone()))).unwrap();
        assert_eq!(read, (0..).zip(masks.clone()).collect::<Vec<_>>());
        let of = |masks: &[Mask]| {
            let mut digest = MasksDigest::default();
            masks.iter().for_each(|mask| digest.add(&mark(mask)));
            digest.finish()
        };
        assert_eq!(digest, of(&masks));
        let mut turned = masks;
        turned.swap(1, 2);
        assert_ne!(digest, of(&turned));
    }
}
