//! What the square code says, and how it is read back at a handover.

use std::fmt;
use std::str::FromStr;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

use super::LabelError;
use crate::domain::ids::{CaseToken, IdError};

/// What every code of ours begins with, and its layout.
const HEAD: &str = "PLATEN1";
/// 29 squares a side: room for 47 characters at a quarter of damage, where the longest has 38.
const SIZE: u8 = 3;
/// The same label always looks the same: no search for the best mask depends on a version of a crate.
const MASK: u8 = 2;

/// A printed part as its label names it: `PLATEN1:<token>-<part>-<attempt>` in capitals, the serial behind the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    pub token: CaseToken,
    pub part: u16,
    pub attempt: u32,
}

/// What a scanner may say that is no label of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("this code is not of a label of platen's; scan the square code on the part's label")]
    Foreign,
    #[error("this label cannot be read right ({0}); scan it again, or type the token that stands on it")]
    Token(#[from] IdError),
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_str().to_ascii_uppercase();
        write!(f, "{HEAD}:{token}-{}-{}", self.part, self.attempt)
    }
}

impl FromStr for Scanned {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        let serial = text.trim().strip_prefix(HEAD).and_then(|rest| rest.strip_prefix(':'));
        let mut fields = serial.ok_or(ScanError::Foreign)?.split('-');
        let (Some(token), Some(part), Some(attempt), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ScanError::Foreign);
        };
        // One way to write a number, so that two codes never mean the same part.
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let part = part.parse().ok().filter(|_| plain(part)).ok_or(ScanError::Foreign)?;
        let attempt = attempt.parse().ok().filter(|_| plain(attempt)).ok_or(ScanError::Foreign)?;
        Ok(Self { token: token.parse()?, part, attempt })
    }
}

pub(super) fn encode(scanned: &Scanned) -> Result<QrCode, LabelError> {
    let segments = [QrSegment::make_alphanumeric(&scanned.to_string())];
    let (size, mask) = (Version::new(SIZE), Mask::new(MASK));
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Quartile, size, size, Some(mask), false)
        .map_err(|_| LabelError::Code)
}
