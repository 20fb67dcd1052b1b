//! Under which names slicers sent files: kept in memory only, and not as they were.
//!
//! A file's name may say who a patient is, so that what is stored and shown is what the guard leaves of it. A program
//! that asks for its own name again still finds its file: by a hash of that name, keyed with what no restart outlives.

use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::{PrinterName, UploadId};
use crate::io::clock::entropy;

/// More names than these are not found again; the files are.
const NAMES_MAX: usize = 2_000;

type Known = VecDeque<([u8; 32], UploadId)>;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Names {
    key: [u8; 16],
    known: Arc<Mutex<Known>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { key: entropy(), known: Arc::default() }
    }
}

impl Names {
    fn hash(&self, printer: Option<&PrinterName>, by: &str, name: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(printer.map_or("", PrinterName::as_str));
        hasher.update([0]);
        // It may have a zero in it where nobody is set up to have a name.
        hasher.update((by.len() as u64).to_le_bytes());
        hasher.update(by);
        hasher.update(name.trim_matches('/'));
        hasher.finalize().into()
    }

    /// From now on that name means this file, in the list of this printer, to who sent it; `by` is empty where nobody
    /// is set up.
    pub fn remember(&self, printer: Option<&PrinterName>, by: &str, name: &str, upload: &UploadId) {
        let hash = self.hash(printer, by, name);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(other, _)| *other != hash);
        known.push_back((hash, upload.clone()));
        if known.len() > NAMES_MAX {
            known.pop_front();
        }
    }

    pub fn find(&self, printer: Option<&PrinterName>, by: &str, name: &str) -> Option<UploadId> {
        let hash = self.hash(printer, by, name);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(other, _)| *other == hash).map(|(_, upload)| upload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_name_it_had_and_the_name_is_kept_nowhere() {
        let (names, id) = (Names::default(), UploadId::from_entropy([1; 16]));
        let printer: PrinterName = "mk3".parse().unwrap();
        names.remember(None, "", "Doe_Jane.gcode", &id);
        assert_eq!(names.find(None, "", "/Doe_Jane.gcode"), Some(id.clone()));
        assert_eq!(names.find(Some(&printer), "", "Doe_Jane.gcode"), None);
        assert!(!format!("{names:?}").contains("Doe"));
        for n in 0..NAMES_MAX {
            names.remember(None, "", &n.to_string(), &id);
        }
        assert_eq!(names.find(None, "", "Doe_Jane.gcode"), None);
    }

    #[test]
    fn only_who_sent_a_file_finds_it_by_the_name_it_had() {
        let names = Names::default();
        let [kim, lee] = [[1; 16], [2; 16]].map(UploadId::from_entropy);
        names.remember(None, "kim", "heart.gcode", &kim);
        assert_eq!(names.find(None, "lee", "heart.gcode"), None);
        names.remember(None, "lee", "heart.gcode", &lee);
        assert_eq!(names.find(None, "kim", "heart.gcode"), Some(kim));
        assert_eq!(names.find(None, "lee", "heart.gcode"), Some(lee));
        assert_eq!(names.find(None, "ki", "mheart.gcode"), None);
    }
}
