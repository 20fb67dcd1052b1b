//! A PNG chunk by chunk: what its pixels need stays, as it is and with a sum that fits; every other chunk goes.

use flate2::Crc;

use super::orientation::{self, Turned};
use super::{Clean, Kind, NoPhoto, Rest, size};

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
const MISPLACED: NoPhoto = NoPhoto::Damaged("a piece of it stands where it may not be");
const ODD: NoPhoto = NoPhoto::Damaged("a piece of it is not as long as it should be");

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before its colours, if it has a table of them.
    Head,
    /// Behind that table.
    Colours,
    Pixels,
    /// Behind the pixels.
    Tail,
}

struct Chunk<'b> {
    kind: [u8; 4],
    data: &'b [u8],
    sum: u32,
}

impl<'b> Chunk<'b> {
    fn read(rest: &mut Rest<'b>) -> Result<Self, NoPhoto> {
        let length = rest.u32().ok_or(NoPhoto::Cut)?;
        let kind: [u8; 4] = rest.array().ok_or(NoPhoto::Cut)?;
        if !kind.iter().all(u8::is_ascii_alphabetic) || length > i32::MAX.unsigned_abs() {
            return Err(NoPhoto::Damaged("there is something between its pieces"));
        }
        let data = usize::try_from(length).ok().and_then(|length| rest.take(length)).ok_or(NoPhoto::Cut)?;
        Ok(Self { kind, data, sum: rest.u32().ok_or(NoPhoto::Cut)? })
    }

    fn write(&self, into: &mut Vec<u8>) -> Result<(), NoPhoto> {
        if self.sum != sum(&self.kind, self.data) {
            return Err(NoPhoto::Damaged("a piece of it does not fit its sum"));
        }
        let length = u32::try_from(self.data.len()).map_err(|_| ODD)?;
        into.extend(length.to_be_bytes());
        into.extend(self.kind);
        into.extend(self.data);
        into.extend(self.sum.to_be_bytes());
        Ok(())
    }
}

fn sum(kind: &[u8], data: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    sum.sum()
}

/// What the first chunk says.
struct Header {
    size: (u32, u32),
    colours: u8,
}

impl Header {
    fn read(data: &[u8]) -> Result<Self, NoPhoto> {
        let mut rest = Rest(data);
        let (Some(width), Some(height), Some([bits, colours, packing, filter, order])) =
            (rest.u32(), rest.u32(), rest.array())
        else {
            return Err(ODD);
        };
        if !rest.0.is_empty() {
            return Err(ODD);
        }
        let known = match colours {
            0 => matches!(bits, 1 | 2 | 4 | 8 | 16),
            3 => matches!(bits, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(bits, 8 | 16),
            _ => false,
        };
        if !known || (packing, filter) != (0, 0) || order > 1 {
            return Err(NoPhoto::Unusual("its pixels are stored in a way that only few programs know"));
        }
        Ok(Self { size: size(width, height)?, colours })
    }

    /// Whether what says which colour is seen through is as long as that takes.
    fn fits_transparency(&self, length: usize, table: usize) -> bool {
        match self.colours {
            0 => length == 2,
            2 => length == 6,
            3 => (1..=table).contains(&length),
            _ => false,
        }
    }
}

/// The whole file, which begins with its signature.
pub(super) fn clean(file: &[u8]) -> Result<Clean, NoPhoto> {
    let mut rest = Rest(file);
    rest.take(SIGNATURE.len());
    let mut bytes = Vec::with_capacity(file.len() + 64);
    bytes.extend(SIGNATURE);
    let first = Chunk::read(&mut rest)?;
    let header = match &first.kind {
        b"IHDR" => Header::read(first.data)?,
        b"CgBI" => return Err(NoPhoto::Unusual("it is made for telephones of Apple")),
        _ => return Err(NoPhoto::Damaged("its size is not what comes first")),
    };
    first.write(&mut bytes)?;
    let (mut at, mut turned, mut picture): (At, Option<Turned>, Vec<u8>) =
        (At::Head, None, Vec::with_capacity(file.len()));
    // Entries of the table of colours; what is there once already.
    let (mut table, mut seen, mut pixels): (usize, Vec<[u8; 4]>, usize) = (0, Vec::new(), 0);
    loop {
        let chunk = Chunk::read(&mut rest)?;
        let (kind, length) = (chunk.kind, chunk.data.len());
        if at == At::Pixels && kind != *b"IDAT" {
            at = At::Tail;
        }
        let length_of_colours = match &kind {
            b"gAMA" => Some(4),
            b"cHRM" => Some(32),
            b"sRGB" => Some(1),
            _ => None,
        };
        match &kind {
            b"IEND" if length != 0 => return Err(ODD),
            b"IEND" => {
                chunk.write(&mut picture)?;
                break;
            }
            b"IDAT" => {
                if at == At::Tail {
                    return Err(MISPLACED);
                }
                at = At::Pixels;
                pixels += length;
                chunk.write(&mut picture)?;
            }
            b"PLTE" => {
                if at != At::Head {
                    return Err(MISPLACED);
                }
                if length == 0 || length > 256 * 3 || !length.is_multiple_of(3) {
                    return Err(ODD);
                }
                (at, table) = (At::Colours, length / 3);
                chunk.write(&mut picture)?;
            }
            b"tRNS" => {
                if !matches!(at, At::Head | At::Colours) || seen.contains(&kind) {
                    return Err(MISPLACED);
                }
                if !header.fits_transparency(length, table) {
                    return Err(ODD);
                }
                seen.push(kind);
                chunk.write(&mut picture)?;
            }
            // How bright and which red its colours mean; elsewhere or twice it means nothing.
            _ if length_of_colours == Some(length) && at == At::Head && !seen.contains(&kind) => {
                seen.push(kind);
                chunk.write(&mut picture)?;
            }
            b"eXIf" => turned = turned.or_else(|| orientation::of(chunk.data)),
            b"IHDR" => return Err(NoPhoto::Damaged("it has two pictures in one")),
            // A capital first letter: without it the picture is another one.
            [b'A'..=b'Z', ..] => return Err(NoPhoto::Unusual("it has pieces that only few programs know")),
            _ => {}
        }
    }
    if pixels == 0 || (header.colours == 3 && table == 0) {
        return Err(NoPhoto::Damaged("there is no picture in it"));
    }
    if let Some(turned) = turned {
        let data = turned.tiff();
        Chunk { kind: *b"eXIf", data: &data, sum: sum(b"eXIf", &data) }.write(&mut bytes)?;
    }
    bytes.append(&mut picture);
    let (width, height) = header.size;
    Ok(Clean { kind: Kind::Png, width, height, bytes })
}
