//! A JPEG segment by segment: tables, frame and scans stay, every other segment goes.
//!
//! Of the two that say how colours are stored (JFIF, Adobe) platen writes its own, with that and nothing else.

use super::orientation::{self, Turned};
use super::{Clean, Kind, NoPhoto, Rest, size};

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP14: u8 = 0xEE;
const EXIF: &[u8] = b"Exif\0\0";
/// Version 1.1, square pixels, no thumbnail.
const JFIF: &[u8] = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
/// A progressive one has ten; a thousand of a large one would keep a browser busy for minutes.
const SCANS_MAX: usize = 100;

/// How colours are stored, as Adobe's programs say it.
#[derive(Clone, Copy)]
struct Transform(u8);

impl Transform {
    fn of(body: &[u8]) -> Option<Self> {
        let (name, transform) = (body.get(..5)?, *body.get(11)?);
        (name == b"Adobe" && transform <= 2).then_some(Self(transform))
    }

    fn segment(self) -> [u8; 12] {
        let mut body = *b"Adobe\0\x64\0\0\0\0\0";
        body[11] = self.0;
        body
    }
}

/// `file` is what comes after the mark of its start.
pub(super) fn clean(file: &[u8]) -> Result<Clean, NoPhoto> {
    let mut rest = Rest(file);
    let mut picture = Vec::with_capacity(file.len() + 64);
    let (mut jfif, mut transform, mut turned): (bool, Option<Transform>, Option<Turned>) =
        (false, None, None);
    let (mut frame, mut scans) = (None, 0);
    loop {
        let mark = mark(&mut rest)?;
        if mark == END {
            break;
        }
        let body = match mark {
            0xC0..=0xCF | SCAN | 0xDB..=0xFE => body(&mut rest)?,
            _ => return Err(NoPhoto::Damaged("a mark in it stands where none may be")),
        };
        let whole = match mark {
            0xDB => quantisation(body),
            0xC4 => huffman(body),
            0xDD => (body.len() == 2).then_some(()),
            0xC0..=0xC2 => {
                if frame.is_some() {
                    return Err(NoPhoto::Damaged("it has two pictures in one"));
                }
                frame = Some(self::frame(body)?);
                Some(())
            }
            SCAN => {
                if frame.is_none() {
                    return Err(NoPhoto::Damaged("its picture comes before its size"));
                }
                scans += 1;
                if scans > SCANS_MAX {
                    return Err(NoPhoto::Unusual("it is drawn in too many passes"));
                }
                scan_head(body)
            }
            0xC3 | 0xC5..=0xCF | 0xDC | 0xDE | 0xDF => {
                return Err(NoPhoto::Unusual("it is packed in a way that only few programs know"));
            }
            _ => {
                jfif |= mark == APP0 && body.starts_with(b"JFIF\0") && body.len() >= JFIF.len();
                if mark == APP14 {
                    transform = transform.or_else(|| Transform::of(body));
                }
                if let Some(tiff) = body.strip_prefix(EXIF).filter(|_| mark == APP1) {
                    turned = turned.or_else(|| orientation::of(tiff));
                }
                continue;
            }
        };
        whole.ok_or(NoPhoto::Damaged("a table in it is not as long as it should be"))?;
        segment(&mut picture, mark, body);
        if mark == SCAN {
            scan(&mut rest, &mut picture)?;
        }
    }
    let Some((width, height)) = frame.filter(|_| scans > 0) else {
        return Err(NoPhoto::Damaged("there is no picture in it"));
    };
    let mut bytes = Vec::with_capacity(picture.len() + 96);
    bytes.extend([0xFF, START]);
    if jfif {
        segment(&mut bytes, APP0, JFIF);
    }
    if let Some(turned) = turned {
        segment(&mut bytes, APP1, &[EXIF, &turned.tiff()].concat());
    }
    if let Some(transform) = transform {
        segment(&mut bytes, APP14, &transform.segment());
    }
    bytes.append(&mut picture);
    bytes.extend([0xFF, END]);
    Ok(Clean { kind: Kind::Jpeg, width, height, bytes })
}

/// The next mark, behind as many fillers as there are.
fn mark(rest: &mut Rest<'_>) -> Result<u8, NoPhoto> {
    if rest.byte().ok_or(NoPhoto::Cut)? != 0xFF {
        return Err(NoPhoto::Damaged("there is something between its pieces"));
    }
    loop {
        match rest.byte().ok_or(NoPhoto::Cut)? {
            0xFF => {}
            mark => return Ok(mark),
        }
    }
}

fn body<'b>(rest: &mut Rest<'b>) -> Result<&'b [u8], NoPhoto> {
    let length = usize::from(rest.u16().ok_or(NoPhoto::Cut)?);
    let length = length.checked_sub(2).ok_or(NoPhoto::Damaged("a piece of it has no length"))?;
    rest.take(length).ok_or(NoPhoto::Cut)
}

/// `body` is as long as a segment may be, since it was read as one or is ours.
fn segment(into: &mut Vec<u8>, mark: u8, body: &[u8]) {
    let length = u16::try_from(body.len() + 2).unwrap_or(u16::MAX);
    into.extend([0xFF, mark]);
    into.extend(length.to_be_bytes());
    into.extend(body);
}

/// Tables to the last byte: nothing else hides behind them.
fn quantisation(body: &[u8]) -> Option<()> {
    let mut rest = Rest(body);
    while !rest.0.is_empty() {
        let kind = rest.byte()?;
        let bytes = match kind >> 4 {
            0 => 64,
            1 => 128,
            _ => return None,
        };
        (kind & 15 < 4).then_some(())?;
        rest.take(bytes)?;
    }
    Some(())
}

fn huffman(body: &[u8]) -> Option<()> {
    let mut rest = Rest(body);
    while !rest.0.is_empty() {
        let kind = rest.byte()?;
        (kind >> 4 < 2 && kind & 15 < 4).then_some(())?;
        let counts: [u8; 16] = rest.array()?;
        let codes: usize = counts.iter().map(|count| usize::from(*count)).sum();
        (codes <= 256).then_some(())?;
        rest.take(codes)?;
    }
    Some(())
}

/// Width and height.
fn frame(body: &[u8]) -> Result<(u32, u32), NoPhoto> {
    let mut rest = Rest(body);
    let odd = NoPhoto::Damaged("what says its size is not as long as it should be");
    let (Some(bits), Some(height), Some(width), Some(colours)) =
        (rest.byte(), rest.u16(), rest.u16(), rest.byte())
    else {
        return Err(odd);
    };
    if bits != 8 || !matches!(colours, 1 | 3 | 4) {
        return Err(NoPhoto::Unusual("its colours are stored in a way that only few programs know"));
    }
    if rest.0.len() != usize::from(colours) * 3 {
        return Err(odd);
    }
    size(u32::from(width), u32::from(height))
}

fn scan_head(body: &[u8]) -> Option<()> {
    let colours = *body.first()?;
    ((1..=4).contains(&colours) && body.len() == 4 + 2 * usize::from(colours)).then_some(())
}

/// The packed pixels, up to the mark of what comes next.
fn scan(rest: &mut Rest<'_>, into: &mut Vec<u8>) -> Result<(), NoPhoto> {
    let before = into.len();
    loop {
        let at = memchr::memchr(0xFF, rest.0).ok_or(NoPhoto::Cut)?;
        into.extend(rest.take(at).ok_or(NoPhoto::Cut)?);
        let mut ahead = Rest(rest.0);
        match mark(&mut ahead)? {
            // A byte of the pixels that looks like a mark, and where a reader may begin anew.
            mark @ (0 | 0xD0..=0xD7) => {
                into.extend([0xFF, mark]);
                rest.0 = ahead.0;
            }
            _ if into.len() == before => return Err(NoPhoto::Damaged("a pass over its picture is empty")),
            _ => return Ok(()),
        }
    }
}
