//! Taking in a file: stream it into the spool, read it once, and say what is wrong with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ::resin::file::{Begin, Format, begin};
use tokio::sync::Semaphore;

use super::resinfiles::{NoResin, ResinFiles, ResinReading};
use super::suits::Medium;
use crate::domain::ids::{FileHash, JobId};
use crate::domain::photo::{self, Clean, NoPhoto};
use crate::domain::resin::need::Need;
use crate::domain::{lab, resin};
use crate::gcode::commands::Code;
use crate::gcode::survey::{Survey, SurveyError};
use crate::io::offload::offload;
use crate::io::spool::{Incoming, Spool, SpoolError};
use crate::model::limits::{LIMITS, ModelError};
use crate::model::scale::Unit;
use crate::model::{Hint, ModelReport, read};

/// A file that may be printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub file: FileHash,
    pub bytes: u64,
    /// Commands and their digest: what a print is measured against. Of a resin file each layer is a command, and its
    /// mark is in the digest; it has no lines. Of one that nobody but its printer reads each byte is, and the digest is
    /// the file's hash.
    pub survey: Survey,
    /// What is in it, where it is a resin file.
    pub resin: Option<Arc<ResinReading>>,
}

impl Accepted {
    fn of_resin(file: FileHash, resin: Arc<ResinReading>) -> Self {
        let (commands, digest) = if resin.is_opaque() {
            (resin.bytes, file.clone())
        } else {
            (u64::from(resin.layers()), resin.digest.clone())
        };
        let survey = Survey { lines: 0, commands, digest, needs: Vec::new() };
        Self { file, bytes: resin.bytes, survey, resin: Some(resin) }
    }

    pub fn medium(&self) -> Medium {
        if self.resin.is_some() { Medium::Resin } else { Medium::Filament }
    }
}

/// A request that makes jobs, with what those take that are files for resin.
pub fn with_needs(request: lab::Request, needs: impl IntoIterator<Item = (JobId, Need)>) -> lab::Request {
    let needs: BTreeMap<_, _> = needs.into_iter().collect();
    if needs.is_empty() {
        return request;
    }
    lab::Request::Resin(Box::new(resin::Request::WithNeeds { request: Box::new(request), needs }))
}

/// A model that may be sliced.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedModel {
    pub file: FileHash,
    pub report: ModelReport,
}

/// A photo that is kept, without anything but its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedPhoto {
    /// Of what is kept, not of what was sent.
    pub file: FileHash,
    pub bytes: u64,
    pub kind: photo::Kind,
    pub width: u32,
    pub height: u32,
}

/// Why there is no such photo here: which; what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotHere {
    #[error(
        "no photo {0} is kept here; upload it (`platen photos upload FILE`), and name it as the answer does"
    )]
    Nothing(FileHash),
    #[error("what is stored of photo {0} is not what was uploaded any more; upload it again")]
    Changed(FileHash),
    #[error(transparent)]
    Spool(SpoolError),
}

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("this file cannot be printed: {0}")]
    Survey(#[from] SurveyError),
    #[error("this file cannot be printed: {0}")]
    Resin(NoResin),
    #[error("this model cannot be used: {0}")]
    Model(#[from] ModelError),
    #[error("this photo cannot be kept: {0}")]
    Photo(#[from] NoPhoto),
}

impl From<NoResin> for IntakeError {
    fn from(error: NoResin) -> Self {
        match error {
            NoResin::Spool(error) => Self::Spool(error),
            error => Self::Resin(error),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Intake {
    spool: Arc<Spool>,
    resin: ResinFiles,
    /// Codes that some printer's profile allows.
    allowed: Arc<[Code]>,
    /// A photo is in memory while it is read, one at a time.
    turn: Arc<Semaphore>,
}

impl Intake {
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, resin: ResinFiles::default(), allowed: Arc::new([]), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Takes in files with these commands, too: some printer's profile allows them.
    #[must_use]
    pub fn allowing(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { allowed: codes.into_iter().collect(), ..self }
    }

    pub fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// What it has read of resin files, for others who want the same.
    pub fn resin_files(&self) -> &ResinFiles {
        &self.resin
    }

    /// Begins an upload; feed it with `Incoming::write`, then give it to `accept`.
    pub async fn begin(&self) -> Result<Incoming, IntakeError> {
        Ok(self.spool.begin().await?)
    }

    /// Ends an upload: the bytes are durable under their hash, and the file was read to its end.
    /// What it is says its content. A file that cannot be printed does not stay in the spool.
    pub async fn accept(&self, mut incoming: Incoming) -> Result<Accepted, IntakeError> {
        if begin(incoming.first_bytes()).is_some() {
            return match self.resin.of_upload(&mut incoming).await {
                Ok(resin) => Ok(Accepted::of_resin(incoming.keep().await?.0, resin)),
                Err(error) => {
                    incoming.discard().await;
                    Err(error.into())
                }
            };
        }
        let survey = incoming.survey().await?;
        let judged = survey.and_then(|survey| survey.allowed_by(&self.allowed).map(|()| survey));
        let survey = match judged {
            Ok(survey) => survey,
            Err(error) => {
                incoming.discard().await;
                return Err(error.into());
            }
        };
        let (file, bytes) = incoming.keep().await?;
        Ok(Accepted { file, bytes, survey, resin: None })
    }

    /// Ends the upload of a model: read to its end, and durable under its hash. What is no model does not stay.
    pub async fn accept_model(
        &self,
        mut incoming: Incoming,
        hint: Option<Hint>,
        told: Option<Unit>,
    ) -> Result<AcceptedModel, IntakeError> {
        match incoming.look(move |file| read(file, hint, told, &LIMITS)).await? {
            Ok(report) => {
                let (file, _) = incoming.keep().await?;
                Ok(AcceptedModel { file, report })
            }
            Err(error) => {
                incoming.discard().await;
                Err(error.into())
            }
        }
    }

    /// Ends the upload of a photo: read to its end, and durable without its metadata, under the hash of that. Of what
    /// was sent nothing else stays.
    pub async fn accept_photo(&self, mut incoming: Incoming) -> Result<AcceptedPhoto, IntakeError> {
        // It is never closed; and without a turn it would only be read at once.
        let _turn = self.turn.acquire().await;
        let read = incoming.look(read_photo).await;
        incoming.discard().await;
        let Clean { kind, width, height, bytes } = read?.map_err(|error| {
            let path = Path::new("an upload").to_owned();
            SpoolError::Io { path, error }
        })??;
        let mut kept = self.spool.begin().await?;
        if let Err(error) = kept.write(&bytes).await {
            kept.discard().await;
            return Err(error.into());
        }
        let (file, bytes) = kept.keep().await?;
        Ok(AcceptedPhoto { file, bytes, kind, width, height })
    }

    /// A photo of the spool, read to its end: it is what was uploaded, and has nothing in it but its picture.
    pub async fn photo(&self, file: &FileHash) -> Result<Clean, NotHere> {
        let _turn = self.turn.acquire().await;
        let not_read = |error| match error {
            SpoolError::NoFile(file) => NotHere::Nothing(file),
            SpoolError::Changed(file) => NotHere::Changed(file),
            error => NotHere::Spool(error),
        };
        let nothing = || NotHere::Nothing(file.clone());
        // A file to print may be a thousand times as long, and is not read for this.
        let (_, length) = self.spool.reader(file).await.map_err(not_read)?;
        if length > photo::KEPT_MAX {
            return Err(nothing());
        }
        let collect = |all: &mut Vec<u8>, block: &[u8]| {
            all.extend_from_slice(block);
            Ok::<_, Infallible>(())
        };
        let (_, Ok(bytes)) = self.spool.read_checked(file, Vec::new(), collect).await.map_err(not_read)?;
        let read = offload(move || photo::clean(&bytes).ok().filter(|clean| clean.bytes == bytes)).await;
        read.map_err(|_| NotHere::Spool(SpoolError::BrokenOff))?.ok_or_else(nothing)
    }

    /// Whether only its printer can read a file of the spool, by its first bytes. What is not there is no such file.
    pub async fn is_opaque(&self, file: &FileHash) -> bool {
        let first = self.spool.first_bytes(file).await;
        first.is_ok_and(|first| begin(&first) == Some(Begin::Whole(Format::EncryptedCtb)))
    }

    /// Reads a file again that is in the spool, for a further job from it.
    pub async fn accepted(&self, file: &FileHash) -> Result<Accepted, IntakeError> {
        if begin(&self.spool.first_bytes(file).await?).is_some() {
            // What was read before says nothing of what the disk has now.
            self.spool.verify(file).await?;
            let resin = self.resin.of(&self.spool, file).await?;
            return Ok(Accepted::of_resin(file.clone(), resin));
        }
        let (bytes, survey) = self.spool.survey(file).await?;
        let survey = survey?;
        survey.allowed_by(&self.allowed)?;
        Ok(Accepted { file: file.clone(), bytes, survey, resin: None })
    }
}

/// An upload, which was bounded on its way in.
fn read_photo(file: &mut File) -> Result<Result<Clean, NoPhoto>, std::io::Error> {
    let mut bytes = Vec::new();
    file.take(photo::BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(photo::clean(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::file::Mask;
    use ::resin::sample::Settings;
    use std::path::PathBuf;

    fn names(folder: &Path) -> Vec<PathBuf> {
        let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        all.filter(|entry| entry.file_type().unwrap().is_file()).map(|entry| entry.path()).collect()
    }

    async fn taken(intake: &Intake, bytes: &[u8]) -> Result<Accepted, IntakeError> {
        let mut incoming = intake.begin().await.unwrap();
        for piece in bytes.chunks(7_001) {
            incoming.write(piece).await.unwrap();
        }
        intake.accept(incoming).await
    }

    fn masks() -> Vec<Mask> {
        (0..3_u8).map(|n| Mask::dark(48, 32).with_box([4.0, 4.0], [20.0 + f64::from(n), 20.0])).collect()
    }

    #[tokio::test]
    async fn a_resin_file_is_known_by_its_content_and_each_of_its_layers_is_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::new(Arc::new(Spool::open(folder.path()).unwrap().with_floor(0)));
        let file = Settings::default().sl1(&masks());
        let accepted = taken(&intake, &file).await.unwrap();
        assert_eq!(
            (accepted.medium(), accepted.survey.commands, accepted.survey.lines),
            (Medium::Resin, 3, 0)
        );
        assert_eq!(accepted.bytes, file.len() as u64);
        assert_eq!(names(folder.path()), [folder.path().join(accepted.file.as_str())]);
        let again = intake.accepted(&accepted.file).await.unwrap();
        assert_eq!(again, accepted);
        // Of the same masks in another order something else is printed.
        let mut turned = masks();
        turned.swap(0, 1);
        let other = taken(&intake, &Settings::default().sl1(&turned)).await.unwrap();
        assert_ne!(other.survey.digest, accepted.survey.digest);
        let gcode = taken(&intake, b"G28\n").await.unwrap();
        assert_eq!((gcode.medium(), gcode.survey.commands), (Medium::Filament, 1));
        // What was read before does not hide what a disk does.
        std::fs::write(intake.spool().path(&accepted.file), &file[..file.len() - 1]).unwrap();
        let changed = intake.accepted(&accepted.file).await;
        assert!(matches!(changed, Err(IntakeError::Spool(SpoolError::Changed(_)))), "{changed:?}");
    }

    #[tokio::test]
    async fn an_encrypted_file_is_taken_as_it_is_and_nothing_is_made_of_what_nobody_can_read_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::new(Arc::new(Spool::open(folder.path()).unwrap().with_floor(0)));
        let file = ::resin::sample::encrypted(9_000);
        let accepted = taken(&intake, &file).await.unwrap();
        assert_eq!((accepted.medium(), accepted.survey.lines), (Medium::Resin, 0));
        assert_eq!((accepted.bytes, accepted.survey.commands), (9_000, 9_000));
        assert_eq!(accepted.survey.digest, accepted.file);
        let resin = accepted.resin.as_deref().unwrap();
        assert!(resin.is_opaque());
        assert_eq!((resin.said.format.name(), resin.layers()), ("encrypted CTB", 0));
        assert_eq!((resin.seconds(None), resin.millilitres(None), resin.size(None)), (None, None, None));
        assert_eq!(names(folder.path()), [folder.path().join(accepted.file.as_str())]);
        assert_eq!(intake.accepted(&accepted.file).await.unwrap(), accepted);
    }

    #[tokio::test]
    async fn a_broken_resin_file_is_refused_in_words_and_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::new(Arc::new(Spool::open(folder.path()).unwrap().with_floor(0)));
        let whole = Settings::default().sl1(&masks());
        // A byte of the last picture.
        let mut damaged = whole.clone();
        let at = damaged.windows(4).rposition(|bytes| bytes == b"IDAT").unwrap() + 6;
        damaged[at] ^= 0x55;
        let encrypted = ::resin::sample::encrypted(4_096);
        for (bytes, words) in [
            (&damaged[..], "the picture of layer 3"),
            (&whole[..whole.len() / 2], "it is a zip archive, and no resin file that can be read"),
            (&encrypted[..4_000], "encrypted CTB"),
            (&encrypted[..20], "encrypted CTB"),
        ] {
            let told = taken(&intake, bytes).await.unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
            assert_eq!(names(folder.path()).len(), 0, "{told}");
        }
    }

    #[test]
    fn only_what_takes_something_is_wrapped() {
        let job = JobId::from_entropy([1; 16]);
        let plain = || lab::Request::NoteTrailLost { job: job.clone() };
        assert!(matches!(with_needs(plain(), None), lab::Request::NoteTrailLost { .. }));
        let wrapped = with_needs(plain(), [(job.clone(), Need::default())]);
        let lab::Request::Resin(request) = wrapped else { panic!("not wrapped") };
        assert!(matches!(request.carried(), Some(lab::Request::NoteTrailLost { .. })));
    }
}
