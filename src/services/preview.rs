//! Pictures of files in the spool, drawn one at a time and kept while there is room for them.
//!
//! ```text
//! asked ─▶ kept? ──yes──▶ picture
//!            └─no─▶ (its turn) ─▶ read through once for what it is, once for its way ─▶ drawn ─▶ kept
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::Semaphore;

use crate::domain::ids::FileHash;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::lexer::LexError;
use crate::gcode::survey::SurveyError;
use crate::io::spool::{Spool, SpoolError, WHOLE};
use crate::preview::drawing::Drawing;
pub use crate::preview::drawing::Format;
use crate::preview::{Pixels, PreviewError, thumbnail};

/// Bytes of pictures that are kept.
const KEPT_BYTES: usize = 32 << 20;
/// Files of which it is kept what they are: who turns the leaves of one asks again at once.
const KEPT_FILES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The first is 1.
    Layer(usize, Format),
    /// The whole print from three sides.
    Sides,
    /// What its slicer has put in.
    Thumbnail,
}

#[derive(Debug, thiserror::Error)]
pub enum NotDrawn {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("this file cannot be drawn: {0}")]
    File(#[from] SurveyError),
    #[error(transparent)]
    Preview(#[from] PreviewError),
}

type Key = (FileHash, Subject, Pixels);

#[derive(Debug, Default)]
struct Kept {
    pictures: VecDeque<(Key, Arc<[u8]>)>,
    files: VecDeque<(FileHash, Arc<Analysis>)>,
}

impl Kept {
    fn picture(&self, key: &Key) -> Option<Arc<[u8]>> {
        self.pictures.iter().find(|(kept, _)| kept == key).map(|(_, picture)| Arc::clone(picture))
    }

    fn file(&self, file: &FileHash) -> Option<Arc<Analysis>> {
        self.files.iter().find(|(kept, _)| kept == file).map(|(_, analysis)| Arc::clone(analysis))
    }

    /// The oldest go first.
    fn keep(&mut self, key: Key, picture: Arc<[u8]>) {
        self.pictures.push_back((key, picture));
        while self.pictures.iter().map(|(_, picture)| picture.len()).sum::<usize>() > KEPT_BYTES {
            self.pictures.pop_front();
        }
    }
}

#[derive(Clone, Debug)]
pub struct Previews {
    spool: Arc<Spool>,
    /// Printers come first: one picture at a time.
    turn: Arc<Semaphore>,
    kept: Arc<Mutex<Kept>>,
}

impl Previews {
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, turn: Arc::new(Semaphore::new(1)), kept: Arc::default() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The picture's bytes; whatever was drawn before is not drawn again.
    pub async fn draw(
        &self,
        file: &FileHash,
        subject: Subject,
        pixels: Pixels,
    ) -> Result<Arc<[u8]>, NotDrawn> {
        let key = (file.clone(), subject, pixels);
        let kept = self.kept().picture(&key);
        if let Some(picture) = kept {
            return Ok(picture);
        }
        // It is never closed; and without a turn it would only be drawn at once.
        let _turn = self.turn.acquire().await;
        let kept = self.kept().picture(&key);
        if let Some(picture) = kept {
            return Ok(picture);
        }
        let analysis = self.analysis(file).await?;
        let picture: Arc<[u8]> = match subject {
            Subject::Layer(layer, format) => {
                self.print(file, Drawing::layer(analysis, layer, format, pixels)?).await?
            }
            Subject::Sides => self.print(file, Drawing::sides(analysis, pixels)?).await?,
            Subject::Thumbnail => self.thumbnail(file, &analysis).await?,
        }
        .into();
        self.kept().keep(key, Arc::clone(&picture));
        Ok(picture)
    }

    async fn analysis(&self, file: &FileHash) -> Result<Arc<Analysis>, NotDrawn> {
        let kept = self.kept().file(file);
        if let Some(analysis) = kept {
            return Ok(analysis);
        }
        let analyser = self.pass(file, Analyser::new(Options::default()), Analyser::feed).await?;
        let analysis = Arc::new(analyser.finish().map_err(SurveyError::from)?);
        let mut kept = self.kept();
        kept.files.push_back((file.clone(), Arc::clone(&analysis)));
        while kept.files.len() > KEPT_FILES {
            kept.files.pop_front();
        }
        Ok(analysis)
    }

    /// Reads the file through.
    async fn pass<T: Send + 'static>(
        &self,
        file: &FileHash,
        reader: T,
        feed: impl Fn(&mut T, &[u8]) -> Result<(), LexError> + Send + 'static,
    ) -> Result<T, NotDrawn> {
        let read = self.spool.scan(file, WHOLE, reader, feed).await?;
        Ok(read.map_err(SurveyError::from)?)
    }

    async fn print(&self, file: &FileHash, drawing: Drawing) -> Result<Vec<u8>, NotDrawn> {
        let drawing = self.pass(file, drawing, Drawing::feed).await?;
        Ok(drawn(move || drawing.picture()).await?)
    }

    async fn thumbnail(&self, file: &FileHash, analysis: &Analysis) -> Result<Vec<u8>, NotDrawn> {
        let place = analysis.metadata.largest_thumbnail().ok_or(PreviewError::NoThumbnail)?;
        let (mut open, _) = self.spool.reader(file).await?;
        let broken = |error| SpoolError::Io { path: self.spool.path(file), error };
        open.seek(std::io::SeekFrom::Start(place.offset)).await.map_err(broken)?;
        let mut text = Vec::new();
        open.take(thumbnail::TEXT_MAX as u64).read_to_end(&mut text).await.map_err(broken)?;
        Ok(thumbnail::decode(&text)?)
    }
}

/// Away from the threads that keep the wires going.
async fn drawn(
    draw: impl FnOnce() -> Result<Vec<u8>, PreviewError> + Send + 'static,
) -> Result<Vec<u8>, PreviewError> {
    match tokio::task::spawn_blocking(draw).await {
        Ok(drawn) => drawn,
        Err(error) => Err(PreviewError::Encoder(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "G90\nM83\nG28\n;LAYER_CHANGE\nG1 X1 Y1 Z.2\nG1 X20 Y9 E1\n";

    async fn spooled(folder: &std::path::Path, text: &str) -> (Previews, FileHash) {
        let spool = Spool::open(folder).unwrap().with_floor(0);
        let mut incoming = spool.begin().await.unwrap();
        incoming.write(text.as_bytes()).await.unwrap();
        let (file, _) = incoming.keep().await.unwrap();
        (Previews::new(Arc::new(spool)), file)
    }

    #[tokio::test]
    async fn what_was_drawn_is_not_drawn_again_and_what_has_no_room_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT).await;
        let of_layer = Subject::Layer(1, Format::Png);
        let first = previews.draw(&file, of_layer, Pixels::default()).await.unwrap();
        // Nothing of it is read again.
        std::fs::remove_file(previews.spool.path(&file)).unwrap();
        let again = previews.draw(&file, of_layer, Pixels::default()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let other = previews.draw(&file, Subject::Sides, Pixels::default()).await;
        assert!(matches!(other, Err(NotDrawn::Spool(_))), "{other:?}");
        let mut kept = previews.kept();
        for size in 16..20 {
            let key = (file.clone(), of_layer, Pixels::new(size).unwrap());
            kept.keep(key, vec![0; KEPT_BYTES / 3].into());
        }
        assert_eq!(kept.pictures.len(), 3);
        assert!(kept.picture(&(file.clone(), of_layer, Pixels::default())).is_none());
    }
}
