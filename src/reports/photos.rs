//! The photos that a page shows: they lie beside the journal, so that a page may have to do without one.
//!
//! They are in no report and in no hash of one: a report names them, by hashes of their own.

use std::collections::BTreeMap;

use crate::domain::ids::FileHash;
use crate::domain::photo::Kind;

/// Bytes of photos in one page: a browser still opens it, and it can still be sent by mail.
pub const PAGE_MAX: u64 = 24 << 20;

/// What became of a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Photo {
    Here {
        kind: Kind,
        bytes: Vec<u8>,
    },
    /// The page has too many others already.
    TooMuch,
}

/// Photos by their hashes. What is not in it is missing.
#[derive(Clone, Debug, Default)]
pub struct Photos {
    all: BTreeMap<FileHash, Photo>,
    bytes: u64,
}

impl Photos {
    /// Takes one in that the page shows so many times.
    pub fn take(&mut self, file: FileHash, kind: Kind, bytes: Vec<u8>, times: usize) {
        let more = (bytes.len() as u64).saturating_mul(times as u64);
        let photo = if self.bytes.saturating_add(more) > PAGE_MAX {
            Photo::TooMuch
        } else {
            self.bytes += more;
            Photo::Here { kind, bytes }
        };
        self.all.insert(file, photo);
    }

    /// It is not read: the page has no room for it.
    pub fn leave_out(&mut self, file: FileHash) {
        self.all.insert(file, Photo::TooMuch);
    }

    pub fn get(&self, file: &FileHash) -> Option<&Photo> {
        self.all.get(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_bound_and_a_photo_that_is_shown_twice_counts_twice() {
        let photo = |n: u8| FileHash::from_digest([n; 32]);
        let half = || vec![0; usize::try_from(PAGE_MAX / 2).unwrap()];
        let mut photos = Photos::default();
        photos.take(photo(1), Kind::Jpeg, half(), 3);
        photos.take(photo(2), Kind::Jpeg, half(), 2);
        photos.take(photo(3), Kind::Png, vec![1], 1);
        assert_eq!(photos.get(&photo(1)), Some(&Photo::TooMuch));
        assert!(matches!(photos.get(&photo(2)), Some(Photo::Here { kind: Kind::Jpeg, .. })));
        assert_eq!(photos.get(&photo(3)), Some(&Photo::TooMuch));
        assert_eq!(photos.get(&photo(4)), None);
    }
}
