//! Taking in a file: stream it into the spool, read it once, and say what is wrong with it.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::domain::ids::FileHash;
use crate::domain::photo::{self, Clean, NoPhoto};
use crate::gcode::commands::Code;
use crate::gcode::survey::{Survey, SurveyError};
use crate::io::offload::offload;
use crate::io::spool::{Incoming, Spool, SpoolError};
use crate::model::limits::{LIMITS, ModelError};
use crate::model::scale::Unit;
use crate::model::{Hint, ModelReport, read};

/// A file that may be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub file: FileHash,
    pub bytes: u64,
    /// Commands and their digest: what a print is measured against.
    pub survey: Survey,
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
    #[error("this model cannot be used: {0}")]
    Model(#[from] ModelError),
    #[error("this photo cannot be kept: {0}")]
    Photo(#[from] NoPhoto),
}

#[derive(Clone, Debug)]
pub struct Intake {
    spool: Arc<Spool>,
    /// Codes that some printer's profile allows.
    allowed: Arc<[Code]>,
    /// A photo is in memory while it is read, one at a time.
    turn: Arc<Semaphore>,
}

impl Intake {
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, allowed: Arc::new([]), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Takes in files with these commands, too: some printer's profile allows them.
    #[must_use]
    pub fn allowing(self, codes: impl IntoIterator<Item = Code>) -> Self {
        Self { allowed: codes.into_iter().collect(), ..self }
    }

    pub fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// Begins an upload; feed it with `Incoming::write`, then give it to `accept`.
    pub async fn begin(&self) -> Result<Incoming, IntakeError> {
        Ok(self.spool.begin().await?)
    }

    /// Ends an upload: the bytes are durable under their hash, and the file was read to its end.
    /// A file that cannot be printed does not stay in the spool.
    pub async fn accept(&self, incoming: Incoming) -> Result<Accepted, IntakeError> {
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
        Ok(Accepted { file, bytes, survey })
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

    /// Reads a file again that is in the spool, for a further job from it.
    pub async fn accepted(&self, file: &FileHash) -> Result<Accepted, IntakeError> {
        let (bytes, survey) = self.spool.survey(file).await?;
        let survey = survey?;
        survey.allowed_by(&self.allowed)?;
        Ok(Accepted { file: file.clone(), bytes, survey })
    }
}

/// An upload, which was bounded on its way in.
fn read_photo(file: &mut File) -> Result<Result<Clean, NoPhoto>, std::io::Error> {
    let mut bytes = Vec::new();
    file.take(photo::BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(photo::clean(&bytes))
}
