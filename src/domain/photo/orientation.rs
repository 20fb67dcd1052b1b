//! How the camera was held: read out of EXIF, and written as an EXIF that says nothing else.

const TAG: u16 = 0x0112;
const SHORT: u16 = 3;
/// Two bytes each for tag and kind, four each for count and value.
const ENTRY: usize = 12;

/// A picture that has to be turned or mirrored to be seen as it was taken: 2 to 8 of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turned(u8);

/// What a TIFF, of which an EXIF is made, says of it. What cannot be read is not turned.
pub(super) fn of(tiff: &[u8]) -> Option<Turned> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| -> Option<u32> {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let first = directory.checked_add(2)?;
    let entries = (0..usize::from(short(directory)?)).map_while(|entry| first.checked_add(entry * ENTRY));
    for at in entries {
        // The directory is cut where an entry is.
        let tag = short(at)?;
        if (tag, short(at.checked_add(2)?)?, long(at.checked_add(4)?)?) == (TAG, SHORT, 1) {
            let value = short(at.checked_add(8)?)?;
            return u8::try_from(value).ok().filter(|value| (2..=8).contains(value)).map(Turned);
        }
    }
    None
}

impl Turned {
    /// A TIFF with this one entry.
    pub(super) fn tiff(self) -> [u8; 26] {
        let mut tiff = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
        tiff[19] = self.0;
        tiff
    }
}
