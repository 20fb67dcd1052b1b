//! Taking in a file: stream it into the spool, read it once, and say what is wrong with it.

use std::sync::Arc;

use crate::domain::ids::FileHash;
use crate::gcode::commands::Code;
use crate::gcode::survey::{Survey, SurveyError};
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

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("this file cannot be printed: {0}")]
    Survey(#[from] SurveyError),
    #[error("this model cannot be used: {0}")]
    Model(#[from] ModelError),
}

#[derive(Clone, Debug)]
pub struct Intake {
    spool: Arc<Spool>,
    /// Codes that some printer's profile allows.
    allowed: Arc<[Code]>,
}

impl Intake {
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, allowed: Arc::new([]) }
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

    /// Reads a file again that is in the spool, for a further job from it.
    pub async fn accepted(&self, file: &FileHash) -> Result<Accepted, IntakeError> {
        let (bytes, survey) = self.spool.survey(file).await?;
        let survey = survey?;
        survey.allowed_by(&self.allowed)?;
        Ok(Accepted { file: file.clone(), bytes, survey })
    }
}
