//! The picture that a slicer has put into its file, as it stands there: PNG in base64, over several comments.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::PreviewError;
use crate::gcode::metadata::THUMBNAIL_SIDE;

/// Characters of a picture that are read: 1 MB of PNG.
pub const TEXT_MAX: usize = 1_400_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// `text` begins at the line `; thumbnail begin …`, and may go on behind the picture's end.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, PreviewError> {
    let mut lines = text.split(|byte| *byte == b'\n').map(comment);
    let begins = lines.next().is_some_and(|line| line.starts_with(b"thumbnail"));
    let mut encoded = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.starts_with(b"thumbnail")) {
        encoded.extend_from_slice(line);
        if encoded.len() > TEXT_MAX {
            return Err(PreviewError::NoThumbnail);
        }
    }
    let picture = STANDARD.decode(encoded).map_err(|_| PreviewError::NoThumbnail)?;
    if begins && is_small(&picture) { Ok(picture) } else { Err(PreviewError::NoThumbnail) }
}

/// A picture that opens as large as nobody expects would cost whoever looks at it.
fn is_small(picture: &[u8]) -> bool {
    let side = |at: usize| {
        let bytes = picture.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).is_some_and(|side| (1..=THUMBNAIL_SIDE).contains(&side))
    };
    // Behind the sign, the length and the name of its first chunk.
    picture.starts_with(PNG) && picture.get(12..16) == Some(b"IHDR") && side(16) && side(20)
}

fn comment(line: &[u8]) -> &[u8] {
    line.strip_prefix(b";").unwrap_or_default().trim_ascii()
}
