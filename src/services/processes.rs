//! Writes down what the site's catalogue of processes says, wherever that is news: at the start of the daemon, before
//! a case is put into production, and before a model is taken in to be sliced.

use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::recorder::{NotRecorded, Recorder};
use super::slicing::{SliceError, Slicing};
use crate::domain::event::Actor;
use crate::domain::ids::{FileHash, ProcessName};
use crate::domain::lab::Request;
use crate::domain::quality::process::Process as Kept;
use crate::domain::quality::words::Words;
use crate::domain::quality::{self, Change};
use crate::io::offload::offload;
use crate::slicing::process::{Catalogue, Process};

/// Why it is not known that the journal has what the catalogue says.
#[derive(Debug, thiserror::Error)]
pub enum NotNoted {
    #[error(transparent)]
    Catalogue(#[from] SliceError),
    #[error(transparent)]
    Recorder(#[from] NotRecorded),
}

/// The catalogue as it is now, which is in the journal then. Where nothing of it has changed, nothing is written.
pub async fn note(recorder: &Recorder, slicing: &Arc<Slicing>) -> Result<Catalogue, NotNoted> {
    let slicing = Arc::clone(slicing);
    let read = move || {
        let catalogue = slicing.catalogue()?;
        let found: Vec<Option<Kept>> =
            catalogue.all().iter().map(|process| kept(process, layer(&slicing, process))).collect();
        Ok((catalogue, found))
    };
    let (catalogue, found) = offload(read).await.unwrap_or(Err(SliceError::Ended))?;
    let gone: Vec<ProcessName> = recorder.read(|lab| {
        let known = lab.quality.processes.values().map(|known| &known.process.name);
        let is_gone = |name: &&ProcessName| {
            let is_there = catalogue.all().iter().any(|process| process.name == name.as_str());
            !is_there && lab.quality.current_process(name.as_str()).is_some()
        };
        let mut gone: Vec<_> = known.filter(is_gone).cloned().collect();
        gone.dedup();
        gone
    });
    // Nearly always nothing is news, and nobody waits for the disk.
    let is_news = |process: &Kept| recorder.read(|lab| !lab.quality.is_known(process));
    let found = found
        .into_iter()
        .flatten()
        .filter(is_news)
        .map(|process| Change::Process { process: Box::new(process) });
    for change in found.chain(gone.into_iter().map(|name| Change::ProcessGone { name })) {
        let request = Request::Quality(Box::new(quality::Request { by: None, change }));
        recorder.submit(request, Actor::Platen).await?;
    }
    Ok(catalogue)
}

/// The layer's height in thousandths of a millimetre, where the profile is the one that was validated.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 1 to 10,000")]
fn layer(slicing: &Slicing, process: &Process) -> Option<u32> {
    let millimetres = slicing.profile(process).ok()?.number("layer_height")?;
    (0.001..=10.0).contains(&millimetres).then(|| (millimetres * 1_000.0).round() as u32)
}

/// At most so many characters of a word of the catalogue; its hash is over all of them.
fn clipped<const MAX: usize>(text: &str) -> Option<Words<MAX>> {
    let seen: String = text.chars().filter(|c| !c.is_control()).take(MAX).collect();
    Words::new(&seen).ok()
}

/// A row of the catalogue as the journal keeps it; nothing of one whose names it could not keep.
fn kept(process: &Process, layer_micrometres: Option<u32>) -> Option<Kept> {
    let definition = serde_json::to_vec(process).ok()?;
    let technology = serde_json::to_value(process.technology).ok()?;
    Some(Kept {
        name: process.name.parse().ok()?,
        version: 0,
        sha256: FileHash::from_digest(Sha256::digest(&definition).into()),
        printer_model: process.printer_model.parse().ok()?,
        technology: clipped(technology.as_str()?)?,
        material: clipped(&process.material)?,
        quality: clipped(process.quality.word())?,
        profile: clipped(&process.profile)?,
        profile_version: process.profile_version,
        profile_sha256: process.profile_sha256.clone(),
        slicer: clipped(&process.slicer)?,
        slicer_version: clipped(&process.slicer_version)?,
        layer_micrometres,
        validated_for: process.validated_for.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Catalogue {
        Catalogue::parse(include_str!("../../config/slicing/processes.toml")).unwrap()
    }

    #[test]
    fn every_process_that_comes_with_platen_can_be_kept_and_another_content_has_another_hash() {
        let catalogue = shipped();
        assert!(catalogue.all().len() > 3);
        for process in catalogue.all() {
            let one = kept(process, None).unwrap();
            assert_eq!((one.name.as_str(), one.version), (process.name.as_str(), 0));
            let other = Process { slicer_version: "2.6.1".into(), ..process.clone() };
            assert_ne!(kept(&other, None).unwrap().sha256, one.sha256, "{}", process.name);
            assert_eq!(kept(process, Some(200)).unwrap().sha256, one.sha256);
        }
    }

    #[test]
    fn a_word_of_the_catalogue_that_is_too_long_is_cut_and_not_left_out() {
        let long = Process { material: "P".repeat(200), ..shipped().all()[0].clone() };
        assert_eq!(kept(&long, None).unwrap().material.as_str(), "P".repeat(40));
    }
}
