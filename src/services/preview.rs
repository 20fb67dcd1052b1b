//! Pictures of files in the spool, drawn one at a time and kept while there is room for them.
//!
//! ```text
//! asked ─▶ kept? ──yes──▶ picture
//!            └─no─▶ (its turn) ─▶ read through for what it is ─▶ for its way, from the layer before on ─▶ drawn ─▶ kept
//! ```
//! Of a resin file it is known once its masks were read (`ResinFiles`), with what it looks like from three sides; a layer
//! is one mask more.
//!
//! Who may wait asks `draw`. The page asks `look`, which never waits and has it drawn for the next time: a browser has
//! few connections to a host, and a stop must not stand behind pictures in them.
//!
//! Whatever is read whole is drawn only if it still is what was uploaded, since it is kept under that name, by browsers
//! too. A part of a file (a layer, what its slicer has put in) is not asked that again after the first reading: a file
//! that a disk or a person changes between the two may be drawn wrong there, and is kept so.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::resin::file::{FileError, Mask, begin};
use ::resin::layer::LayerIndex;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::Semaphore;

use super::resinfiles::{NoResin, ResinFiles, ResinReading, without_words};
use crate::domain::ids::FileHash;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::lexer::LexError;
use crate::gcode::metadata::Thumbnail;
use crate::io::offload::offload;
use crate::io::resinfile;
use crate::io::spool::{Spool, SpoolError, WHOLE};
use crate::model::limits::ModelError;
pub use crate::preview::drawing::Format;
use crate::preview::drawing::{Drawing, Follower};
use crate::preview::places::{Places, Placing};
use crate::preview::sides::{NoModel, Sides};
use crate::preview::{Pixels, PreviewError, thumbnail};

/// Bytes of pictures that are kept.
const KEPT_BYTES: usize = 32 << 20;
/// Files of which it is kept what they are: a large lab's, printing and waiting.
const KEPT_FILES: usize = 256;
/// And their layers, which are some 50 bytes each.
const KEPT_LAYERS: usize = 500_000;
/// Files of which it is kept how far their way was followed, so that the next layer is a piece of the file only.
const FOLLOWED: usize = 64;
/// Such a file's layers: each is kept with its way.
const FOLLOWED_LAYERS: usize = 10_000;
/// What the page waits for; the rest is asked for again when it is looked at again.
const WANTED_MAX: usize = 64;
/// Reasons why there is no picture.
const FAILED_MAX: usize = 256;
/// A slicer's picture that may stand for a job in a list of them, bytes.
const ICON_MAX: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The first is 1.
    Layer(usize, Format),
    /// The whole print from three sides.
    Sides,
    /// What its slicer has put in.
    Thumbnail,
    /// The largest that its slicer has put in and that is small enough for a list, else the print from three sides.
    Icon,
    /// The file is a model: from three sides.
    Model,
}

const OPAQUE: &str = "it is encrypted, and nobody but its printer can read its layers";

#[derive(Debug, thiserror::Error)]
pub enum NotDrawn {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The one that holds no word of the file: a survey's would quote a line, and a line may hold a name.
    #[error("this file cannot be drawn: {0}: it is not G-code")]
    File(#[from] LexError),
    /// Without its words, which may be out of the file: a name of an archive, a line.
    #[error("this model cannot be drawn ({}); `platen model` says why", .0.kind())]
    Model(ModelError),
    /// The same.
    #[error("this file cannot be drawn: {0}")]
    Resin(&'static str),
    #[error(transparent)]
    Preview(#[from] PreviewError),
}

impl From<NoResin> for NotDrawn {
    fn from(error: NoResin) -> Self {
        match error {
            NoResin::Spool(error) => Self::Spool(error),
            error => Self::Resin(error.kind()),
        }
    }
}

impl From<FileError> for NotDrawn {
    fn from(error: FileError) -> Self {
        Self::Resin(without_words(&error))
    }
}

impl NotDrawn {
    /// For the log, which is kept: no word out of a file.
    fn kind(&self) -> &'static str {
        match self {
            Self::Spool(SpoolError::Changed(_)) => "it is not what was uploaded any more",
            Self::Spool(SpoolError::NoFile(_)) => "it is not in the spool",
            Self::Spool(_) => "the spool cannot be read",
            Self::File(_) => "it is no G-code that can be read",
            Self::Model(error) => error.kind(),
            Self::Resin(kind) => kind,
            Self::Preview(PreviewError::Encoder(_)) => "the picture cannot be written",
            Self::Preview(_) => "there is nothing to draw",
        }
    }

    /// It is the same whenever it is asked.
    fn stays(&self) -> bool {
        !matches!(self, Self::Spool(_) | Self::Preview(PreviewError::Encoder(_)))
    }
}

/// What is there for who does not wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    Here(T),
    /// It is being drawn or read.
    Soon,
    /// Why, in words.
    Never(String),
}

/// A layer of a file; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub layer: usize,
    pub layers: usize,
    /// mm
    pub z: Option<f64>,
}

/// A file as it was read, with what its pictures need alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Known(What);

#[derive(Clone, Debug, PartialEq)]
enum What {
    Gcode { analysis: Arc<Analysis>, places: Arc<Places> },
    Resin(Arc<ResinReading>),
}

impl Known {
    pub fn layers(&self) -> usize {
        match &self.0 {
            What::Gcode { analysis, .. } => analysis.layers.len(),
            What::Resin(reading) => reading.said.layers.len(),
        }
    }

    pub fn layer(&self, layer: usize) -> Option<Place> {
        let at = layer.checked_sub(1)?;
        let z = match &self.0 {
            What::Gcode { analysis, .. } => analysis.layers.get(at)?.z,
            What::Resin(reading) => Some(reading.said.layers.get(at)?.top.millimetres()),
        };
        Some(Place { layer, layers: self.layers(), z })
    }

    /// The layer that the last of so many commands is in, if it is in one. Of a resin file each layer is a command.
    pub fn after(&self, commands: u64) -> Option<Place> {
        match &self.0 {
            What::Gcode { places, .. } => self.layer(places.layer(commands)),
            What::Resin(_) => self.layer(usize::try_from(commands).ok()?),
        }
    }

    /// mm of filament that so many of its commands push, all tools together: what the file says, as it is deducted from
    /// lots, and no measure of what a nozzle let through. Exact after each command of a short file; of one with more
    /// than a thousand lines at each thousandth, and even between two of these. Absent where how filament counts
    /// depends on the firmware, and of a resin file.
    pub fn pushed(&self, commands: u64) -> Option<f64> {
        let What::Gcode { analysis, places } = &self.0 else { return None };
        analysis.mode_doubtful.is_none().then(|| places.pushed(commands))
    }
}

type Key = (FileHash, Subject, Pixels);
/// A file to be read, and what is to be drawn of it then.
type Want = (FileHash, Option<(Subject, Pixels)>);

#[derive(Debug, Default)]
struct Kept {
    pictures: VecDeque<(Key, Arc<[u8]>)>,
    files: VecDeque<(FileHash, Known)>,
    followers: VecDeque<(FileHash, Follower)>,
    wanted: Vec<Want>,
    failed: VecDeque<Failed>,
}

/// Why there is no picture.
#[derive(Debug)]
struct Failed {
    of: (FileHash, Option<Subject>),
    why: String,
    /// Else it is tried again when this was told.
    stays: bool,
}

/// The one of this name, which is now the newest.
fn newest<K: PartialEq, V: Clone>(all: &mut VecDeque<(K, V)>, wanted: &K) -> Option<V> {
    let at = all.iter().position(|(key, _)| key == wanted)?;
    let found = all.remove(at)?;
    let value = found.1.clone();
    all.push_back(found);
    Some(value)
}

impl Kept {
    /// What was not asked for the longest goes first.
    fn keep(&mut self, key: Key, picture: Arc<[u8]>) {
        self.pictures.push_back((key, picture));
        while self.pictures.iter().map(|(_, picture)| picture.len()).sum::<usize>() > KEPT_BYTES {
            self.pictures.pop_front();
        }
    }

    fn know(&mut self, file: &FileHash, known: &Known) {
        self.files.push_back((file.clone(), known.clone()));
        while self.files.len() > KEPT_FILES
            || self.files.iter().map(|(_, known)| known.layers()).sum::<usize>() > KEPT_LAYERS
        {
            self.files.pop_front();
        }
    }

    fn follow(&mut self, file: &FileHash, follower: Follower) {
        self.followers.retain(|(kept, _)| kept != file);
        self.followers.push_back((file.clone(), follower));
        if self.followers.len() > FOLLOWED {
            self.followers.pop_front();
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.failed.push_back(failed);
        if self.failed.len() > FAILED_MAX {
            self.failed.pop_front();
        }
    }

    fn why_not(&mut self, of: &(FileHash, Option<Subject>)) -> Option<String> {
        let at = self.failed.iter().position(|failed| failed.of == *of)?;
        let why = self.failed[at].why.clone();
        if !self.failed[at].stays {
            self.failed.remove(at);
        }
        Some(why)
    }
}

#[derive(Clone, Debug)]
pub struct Previews {
    spool: Arc<Spool>,
    resin: ResinFiles,
    /// Printers come first: one picture at a time.
    turn: Arc<Semaphore>,
    /// And of those that nobody waits for only one stands before somebody who does.
    beside: Arc<Semaphore>,
    kept: Arc<Mutex<Kept>>,
}

impl Previews {
    pub fn new(spool: Arc<Spool>) -> Self {
        let one = || Arc::new(Semaphore::new(1));
        Self { spool, resin: ResinFiles::default(), turn: one(), beside: one(), kept: Arc::default() }
    }

    /// With what others have read of resin files.
    #[must_use]
    pub fn sharing(self, resin: ResinFiles) -> Self {
        Self { resin, ..self }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, file: &FileHash, subject: Subject, pixels: Pixels) -> bool {
        newest(&mut self.kept().pictures, &(file.clone(), subject, pixels)).is_some()
    }

    /// The highest layer up to this one that is drawn already, as PNG. Never waits.
    pub fn drawn_up_to(&self, file: &FileHash, layer: usize, pixels: Pixels) -> Option<usize> {
        let kept = self.kept();
        let drawn = kept.pictures.iter().filter_map(|((of, subject, size), _)| match subject {
            Subject::Layer(drawn, Format::Png) if of == file && *size == pixels => Some(*drawn),
            _ => None,
        });
        drawn.filter(|drawn| *drawn <= layer).max()
    }

    /// Whether it is drawn already; if not, it will be. Never waits.
    pub fn look(&self, file: &FileHash, subject: Subject, pixels: Pixels) -> Seen<()> {
        if self.has(file, subject, pixels) {
            return Seen::Here(());
        }
        self.want((file.clone(), Some((subject, pixels))))
    }

    /// What a file is, if it was read; if not, it will be. Never waits.
    pub fn known(&self, file: &FileHash) -> Seen<Known> {
        let known = newest(&mut self.kept().files, file);
        let known = known.or_else(|| self.resin.kept(file).map(|reading| Known(What::Resin(reading))));
        known.map_or_else(|| self.want((file.clone(), None)), Seen::Here)
    }

    fn want<T>(&self, want: Want) -> Seen<T> {
        let mut kept = self.kept();
        if let Some(why) = kept.why_not(&(want.0.clone(), want.1.map(|(subject, _)| subject))) {
            return Seen::Never(why);
        }
        if kept.wanted.len() < WANTED_MAX && !kept.wanted.contains(&want) {
            kept.wanted.push(want.clone());
            tokio::spawn(self.clone().bring(want));
        }
        Seen::Soon
    }

    async fn bring(self, want: Want) {
        let (file, what) = &want;
        let brought = match self.read_masks(file, what.map(|(subject, _)| subject)).await {
            Err(error) => Err(error),
            Ok(()) => {
                let _turn = self.beside.acquire().await;
                match what {
                    Some((subject, pixels)) => self.draw(file, *subject, *pixels).await.map(drop),
                    None => {
                        let _turn = self.turn.acquire().await;
                        self.read(file).await.map(drop)
                    }
                }
            }
        };
        let mut kept = self.kept();
        kept.wanted.retain(|wanted| *wanted != want);
        if let Err(error) = brought {
            tracing::info!(%file, kind = error.kind(), "no picture");
            let of = (want.0, want.1.map(|(subject, _)| subject));
            kept.fail(Failed { of, why: error.to_string(), stays: error.stays() });
        }
    }

    /// Has the masks of a resin file read, before anybody's turn: that takes minutes. A model may be an archive, too.
    async fn read_masks(&self, file: &FileHash, of: Option<Subject>) -> Result<(), NotDrawn> {
        if of == Some(Subject::Model) || self.resin.kept(file).is_some() {
            return Ok(());
        }
        if begin(&self.spool.first_bytes(file).await?).is_some() {
            self.resin.of(&self.spool, file).await?;
        }
        Ok(())
    }

    /// The picture's bytes; whatever was drawn before is not drawn again.
    pub async fn draw(
        &self,
        file: &FileHash,
        subject: Subject,
        pixels: Pixels,
    ) -> Result<Arc<[u8]>, NotDrawn> {
        let key = (file.clone(), subject, pixels);
        let kept = newest(&mut self.kept().pictures, &key);
        if let Some(picture) = kept {
            return Ok(picture);
        }
        self.read_masks(file, Some(subject)).await?;
        // It is never closed; and without a turn it would only be drawn at once.
        let _turn = self.turn.acquire().await;
        let kept = newest(&mut self.kept().pictures, &key);
        if let Some(picture) = kept {
            return Ok(picture);
        }
        let picture: Arc<[u8]> = match subject {
            Subject::Model => self.model(file, pixels).await?,
            subject => match self.read(file).await?.0 {
                What::Gcode { analysis, .. } => self.print(file, analysis, subject, pixels).await?,
                What::Resin(reading) => self.resin_print(file, reading, subject, pixels).await?,
            },
        }
        .into();
        self.kept().keep(key, Arc::clone(&picture));
        Ok(picture)
    }

    async fn print(
        &self,
        file: &FileHash,
        analysis: Arc<Analysis>,
        subject: Subject,
        pixels: Pixels,
    ) -> Result<Vec<u8>, NotDrawn> {
        let followed = analysis.layers.len() <= FOLLOWED_LAYERS;
        let drawing = match subject {
            Subject::Thumbnail => {
                let place = analysis.metadata.largest_thumbnail().ok_or(PreviewError::NoThumbnail)?;
                return self.thumbnail(file, place).await;
            }
            Subject::Icon => {
                if let Some(icon) = self.icon(file, &analysis).await {
                    return Ok(icon);
                }
                Drawing::sides(analysis, pixels)?
            }
            Subject::Layer(layer, format) => {
                let follower = newest(&mut self.kept().followers, file);
                Drawing::layer(analysis, layer, format, pixels)?.after(follower)
            }
            Subject::Sides | Subject::Model => Drawing::sides(analysis, pixels)?,
        };
        let drawing = self.pass(file, drawing.wants(), drawing, Drawing::feed).await?;
        if let (true, Some(follower)) = (followed, drawing.follower()) {
            self.kept().follow(file, follower);
        }
        Ok(drawn(move || drawing.picture()).await?)
    }

    /// A layer of it is unfolded once more; what it looks like as a whole was gathered when it was read.
    async fn resin_print(
        &self,
        file: &FileHash,
        reading: Arc<ResinReading>,
        subject: Subject,
        pixels: Pixels,
    ) -> Result<Vec<u8>, NotDrawn> {
        match subject {
            Subject::Thumbnail => Err(PreviewError::NoThumbnail.into()),
            _ if reading.is_opaque() => Err(NotDrawn::Resin(OPAQUE)),
            Subject::Layer(_, Format::Svg) => Err(PreviewError::NoVectors.into()),
            Subject::Layer(layer, Format::Png) => {
                let layers = reading.said.layers.len();
                let at = layer.checked_sub(1).filter(|at| *at < layers).and_then(|at| u32::try_from(at).ok());
                let at = LayerIndex(at.ok_or(PreviewError::NoLayer { layer, layers })?);
                let frame = reading.frame().ok_or(PreviewError::Nothing)?;
                let open = self.spool.reader(file).await?.0.into_std().await;
                let picture = offload(move || -> Result<_, NotDrawn> {
                    let (_, mut masks) = resinfile::open(open)?;
                    let mut mask = Mask::default();
                    masks.layer(at, &mut mask)?;
                    Ok(frame.png(&mask, pixels)?)
                });
                picture.await.map_err(|_| SpoolError::BrokenOff)?
            }
            Subject::Sides | Subject::Icon | Subject::Model => Ok(drawn(move || {
                let (relief, size) = reading.relief();
                relief.png(size, pixels)
            })
            .await?),
        }
    }

    /// From its bytes as they were uploaded, since what is kept of it is kept under that name. Has its turn.
    async fn read(&self, file: &FileHash) -> Result<Known, NotDrawn> {
        let known = newest(&mut self.kept().files, file);
        if let Some(known) = known {
            return Ok(known);
        }
        if begin(&self.spool.first_bytes(file).await?).is_some() {
            // It is kept where it was read.
            return Ok(Known(What::Resin(self.resin.of(&self.spool, file).await?)));
        }
        let (_, read) =
            self.spool.read_checked(file, Analyser::new(Options::default()), Analyser::feed).await?;
        let Analysis { lines, layers, extrusion, metadata, mode_doubtful, .. } =
            read.and_then(Analyser::finish)?;
        let kept = Analysis { lines, layers, extrusion, metadata, mode_doubtful, ..Analysis::default() };
        let analysis = Arc::new(kept);
        let placing = self.pass(file, WHOLE, Placing::new(Arc::clone(&analysis)), Placing::feed).await?;
        let places = Arc::new(placing.finish()?);
        let known = Known(What::Gcode { analysis, places });
        self.kept().know(file, &known);
        Ok(known)
    }

    /// Reads a part of the file through; all of it only as it was uploaded.
    async fn pass<T: Send + 'static>(
        &self,
        file: &FileHash,
        part: Range<u64>,
        reader: T,
        feed: impl Fn(&mut T, &[u8]) -> Result<(), LexError> + Send + 'static,
    ) -> Result<T, NotDrawn> {
        let read = match part {
            WHOLE => self.spool.read_checked(file, reader, feed).await?.1,
            part => self.spool.scan(file, part, reader, feed).await?,
        };
        Ok(read?)
    }

    async fn model(&self, file: &FileHash, pixels: Pixels) -> Result<Vec<u8>, NotDrawn> {
        let (open, _) = self.spool.reader(file).await?;
        let mut open = open.into_std().await;
        let seen = offload(move || {
            let (sides, report) = Sides::of_model(&mut open, None, pixels)?;
            Ok((sides.png()?, report.hash))
        });
        match seen.await {
            Ok(Ok((picture, hash))) if hash == *file => Ok(picture),
            Ok(Ok(_)) => Err(SpoolError::Changed(file.clone()).into()),
            Ok(Err(NoModel::Model(error))) => Err(NotDrawn::Model(error)),
            Ok(Err(NoModel::Preview(error))) => Err(error.into()),
            Err(error) => Err(PreviewError::Encoder(error.to_string()).into()),
        }
    }

    async fn icon(&self, file: &FileHash, analysis: &Analysis) -> Option<Vec<u8>> {
        let mut places = analysis.metadata.thumbnails.clone();
        places.sort_by_key(|place| std::cmp::Reverse(u64::from(place.width) * u64::from(place.height)));
        for place in places {
            // What is no PNG, or cannot be read, is drawn instead.
            if let Ok(picture) = self.thumbnail(file, place).await
                && picture.len() <= ICON_MAX
            {
                return Some(picture);
            }
        }
        None
    }

    async fn thumbnail(&self, file: &FileHash, place: Thumbnail) -> Result<Vec<u8>, NotDrawn> {
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
    match offload(draw).await {
        Ok(drawn) => drawn,
        Err(error) => Err(PreviewError::Encoder(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two layers, of five and two commands.
    const TEXT: &str =
        "G90\nM83\nG28\n;LAYER_CHANGE\nG1 X1 Y1 Z.2\nG1 X20 Y9 E1\n;LAYER_CHANGE\n; up\nG1 Z.4\nG1 X1 E1\n";

    async fn spooled(folder: &std::path::Path, bytes: &[u8]) -> (Previews, FileHash) {
        let spool = Spool::open(folder).unwrap().with_floor(0);
        let mut incoming = spool.begin().await.unwrap();
        incoming.write(bytes).await.unwrap();
        let (file, _) = incoming.keep().await.unwrap();
        (Previews::new(Arc::new(spool)), file)
    }

    #[tokio::test]
    async fn a_resin_file_is_drawn_from_its_masks_and_its_layers_are_its_commands() {
        use ::resin::sample::Settings;
        use tiny_skia::Pixmap;

        let mask = |right| Mask::dark(96, 64).with_box([10.0, 10.0], [right, 50.0]);
        let masks = [mask(80.0), mask(80.0), mask(40.0)];
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), &Settings::default().sl1(&masks)).await;
        let size = Pixels::new(100).unwrap();
        let layer = |layer| Subject::Layer(layer, Format::Png);
        let dark = |picture: Arc<[u8]>| {
            let picture = Pixmap::decode_png(&picture).unwrap();
            picture.pixels().iter().filter(|pixel| pixel.red() < 0x80).count()
        };
        let first = dark(previews.draw(&file, layer(1), size).await.unwrap());
        let last = dark(previews.draw(&file, layer(3), size).await.unwrap());
        assert!(last > 0 && first > last * 2 - last / 4, "{first} and {last}");
        assert!(dark(previews.draw(&file, Subject::Sides, size).await.unwrap()) > 0);
        let no_layer = previews.draw(&file, layer(4), size).await.unwrap_err().to_string();
        assert_eq!(no_layer, "there is no layer 4; the file has layers 1 to 3");
        let no_vectors = previews.draw(&file, Subject::Layer(1, Format::Svg), size).await.unwrap_err();
        assert!(no_vectors.to_string().ends_with("ask for it as PNG"), "{no_vectors}");
        assert!(previews.draw(&file, Subject::Thumbnail, size).await.is_err());
        let Seen::Here(known) = settled(&previews, || previews.known(&file)).await else {
            panic!("not read")
        };
        assert_eq!(known.after(0), None);
        assert_eq!(known.after(2), Some(Place { layer: 2, layers: 3, z: Some(0.1) }));
        assert_eq!((known.after(4), known.pushed(2)), (None, None));
    }

    /// What is there when nothing is under way any more.
    async fn settled<T>(previews: &Previews, look: impl Fn() -> Seen<T>) -> Seen<T> {
        look();
        while !previews.kept().wanted.is_empty() {
            tokio::task::yield_now().await;
        }
        look()
    }

    #[tokio::test]
    async fn what_was_drawn_is_not_drawn_again_and_what_was_not_asked_for_the_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let of_layer = Subject::Layer(1, Format::Png);
        let first = previews.draw(&file, of_layer, Pixels::default()).await.unwrap();
        // Nothing of it is read again.
        std::fs::remove_file(previews.spool.path(&file)).unwrap();
        let again = previews.draw(&file, of_layer, Pixels::default()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let other = previews.draw(&file, Subject::Sides, Pixels::default()).await;
        assert!(matches!(other, Err(NotDrawn::Spool(_))), "{other:?}");
        let of_size = |size| (file.clone(), of_layer, Pixels::new(size).unwrap());
        for size in 16..20 {
            previews.kept().keep(of_size(size), vec![0; KEPT_BYTES / 3].into());
            let first = previews.has(&file, of_layer, Pixels::new(16).unwrap());
            assert!(first, "asked for again and again");
        }
        assert_eq!(previews.kept().pictures.len(), 3);
        assert!(!previews.has(&file, of_layer, Pixels::default()));
    }

    #[tokio::test]
    async fn who_does_not_wait_is_told_soon_and_finds_it_drawn_later() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let size = Pixels::default();
        let look = || previews.look(&file, Subject::Sides, size);
        // While another is drawn, nothing is brought, and nobody who looks is held up.
        let turn = previews.turn.acquire().await.unwrap();
        for _ in 0..3 {
            assert_eq!(look(), Seen::Soon);
            tokio::task::yield_now().await;
        }
        assert_eq!(previews.kept().wanted.len(), 1, "wanted once, however often it is looked at");
        drop(turn);
        assert_eq!(settled(&previews, look).await, Seen::Here(()));
        let none = settled(&previews, || previews.look(&file, Subject::Layer(3, Format::Png), size)).await;
        assert_eq!(none, Seen::Never("there is no layer 3; the file has layers 1 to 2".into()));
        assert_eq!(previews.kept().wanted, [], "and not tried again");
        for layer in 4..500 {
            assert_eq!(previews.look(&file, Subject::Layer(layer, Format::Png), size), Seen::Soon);
        }
        assert_eq!(previews.kept().wanted.len(), WANTED_MAX);
        settled(&previews, look).await;
    }

    #[tokio::test]
    async fn a_file_that_is_away_for_a_while_is_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let (path, away) = (previews.spool.path(&file), folder.path().join("away"));
        std::fs::rename(&path, &away).unwrap();
        let look = || previews.look(&file, Subject::Sides, Pixels::default());
        let Seen::Never(why) = settled(&previews, look).await else { panic!("it is not there") };
        assert!(why.starts_with("there is no file"), "{why}");
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(settled(&previews, look).await, Seen::Here(()));
        // What is read is kept under the name of what was uploaded.
        std::fs::write(&path, TEXT.replace("X20", "X30")).unwrap();
        let fresh = Previews::new(Arc::clone(&previews.spool));
        let changed = fresh.draw(&file, Subject::Sides, Pixels::default()).await;
        assert!(matches!(changed, Err(NotDrawn::Spool(SpoolError::Changed(_)))), "{changed:?}");
    }

    #[tokio::test]
    async fn a_file_that_changes_between_its_two_readings_is_not_drawn_under_its_old_name() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let Seen::Here(_) = settled(&previews, || previews.known(&file)).await else { panic!() };
        std::fs::write(previews.spool.path(&file), TEXT.replace("X20", "X30")).unwrap();
        let size = Pixels::default();
        for whole in [Subject::Sides, Subject::Icon] {
            let changed = previews.draw(&file, whole, size).await.map(|picture| picture.len());
            assert!(matches!(changed, Err(NotDrawn::Spool(SpoolError::Changed(_)))), "{changed:?}");
            assert!(!previews.has(&file, whole, size));
        }
    }

    #[test]
    fn why_a_model_is_not_drawn_is_told_without_a_word_of_it() {
        let name = || "Smith John".to_owned();
        for (error, kind) in [
            (ModelError::Hostile(name()), "its archive holds what none needs"),
            (ModelError::Archive(name()), "its archive is damaged"),
            (ModelError::Part { part: name(), at: 3, what: name() }, "a part of it cannot be read"),
            (ModelError::Line { format: "OBJ", line: 3, what: name() }, "a line of it cannot be read"),
        ] {
            let error = NotDrawn::Model(error);
            let (told, logged) = (error.to_string(), error.kind());
            assert!(!told.contains("Smith") && told.contains("`platen model`"), "{told}");
            assert_eq!(logged, kind);
        }
    }

    #[tokio::test]
    async fn why_a_file_is_not_drawn_is_told_by_its_line_and_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{TEXT}M117 Smith John{}\n", " ".repeat(70_000));
        let (previews, file) = spooled(folder.path(), text.as_bytes()).await;
        let error = previews.draw(&file, Subject::Sides, Pixels::default()).await.unwrap_err();
        let told = error.to_string();
        assert!(!told.contains("Smith") && told.contains("line 11 is longer"), "{told}");
        assert!(!error.kind().contains("Smith"), "{error:?}");
    }

    #[tokio::test]
    async fn the_layer_of_a_job_is_that_of_its_last_confirmed_command() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let Seen::Here(known) = settled(&previews, || previews.known(&file)).await else { panic!() };
        let layers: Vec<_> = (0..8).map(|done| known.after(done).map(|place| place.layer)).collect();
        assert_eq!(layers, [None, None, None, None, Some(1), Some(1), Some(2), Some(2)]);
        assert_eq!(known.layer(2), Some(Place { layer: 2, layers: 2, z: Some(0.4) }));
        assert_eq!((known.layer(0), known.layer(3)), (None, None));
    }

    #[tokio::test]
    async fn what_a_job_has_pushed_is_that_of_its_confirmed_commands_and_unknown_where_firmwares_differ() {
        let folder = tempfile::tempdir().unwrap();
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let Seen::Here(known) = settled(&previews, || previews.known(&file)).await else { panic!() };
        let pushed: Vec<_> = [0, 4, 5, 6, 7, u64::MAX].map(|done| known.pushed(done)).into();
        assert_eq!(pushed, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0].map(Some));
        // Some firmwares take `G90` for filament, too.
        let text = TEXT.replace("G90\nM83\n", "M83\nG90\n");
        let (previews, file) = spooled(folder.path(), text.as_bytes()).await;
        let Seen::Here(known) = settled(&previews, || previews.known(&file)).await else { panic!() };
        assert_eq!(known.pushed(7), None);
    }

    #[tokio::test]
    async fn the_next_layer_is_drawn_from_its_own_part_of_the_file_and_looks_as_if_all_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (1..=60)
            .map(|layer| format!(";LAYER_CHANGE\nG1 Z{layer}\nG1 X{layer} Y1\nG91\nG1 X5 Y{layer} E1\nG90\n"))
            .collect();
        let text = format!("G90\nM83\nG28\n{text}");
        let (previews, file) = spooled(folder.path(), text.as_bytes()).await;
        let layer = |layer| Subject::Layer(layer, Format::Svg);
        let size = Pixels::default();
        let mut alone = Vec::new();
        for number in 20..=24 {
            alone.push(
                Previews::new(Arc::clone(&previews.spool)).draw(&file, layer(number), size).await.unwrap(),
            );
        }
        previews.draw(&file, layer(19), size).await.unwrap();
        // All before the next layer is gone: it is not needed any more.
        let at = text.match_indices(";LAYER").nth(19).unwrap().0;
        let rest = format!("{}{}", "?".repeat(at), &text[at..]);
        std::fs::write(previews.spool.path(&file), rest).unwrap();
        for (number, wanted) in (20..=24).zip(&alone) {
            assert_eq!(previews.draw(&file, layer(number), size).await.unwrap(), *wanted, "layer {number}");
        }
        assert_ne!(alone[0], alone[1]);
    }

    #[tokio::test]
    async fn a_model_is_seen_from_three_sides_and_is_no_print() {
        let folder = tempfile::tempdir().unwrap();
        let corners = [[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]];
        let mut stl = "solid heart\n".to_owned();
        for face in [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]] {
            let [a, b, c] = face.map(|corner: usize| corners[corner].map(|mm| mm.to_string()).join(" "));
            stl += &format!(
                "facet normal 0 0 0\nouter loop\nvertex {a}\nvertex {b}\nvertex {c}\nendloop\nendfacet\n"
            );
        }
        let (previews, file) = spooled(folder.path(), (stl + "endsolid heart\n").as_bytes()).await;
        let size = Pixels::new(64).unwrap();
        let picture = previews.draw(&file, Subject::Model, size).await.unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        let (print, no_model) = spooled(folder.path(), TEXT.as_bytes()).await;
        let refused = print.draw(&no_model, Subject::Model, size).await;
        assert!(matches!(refused, Err(NotDrawn::Model(_))), "{refused:?}");
        std::fs::write(previews.spool.path(&file), stl_of_another()).unwrap();
        let other = previews.draw(&file, Subject::Model, Pixels::default()).await;
        assert!(matches!(other, Err(NotDrawn::Spool(SpoolError::Changed(_)))), "{other:?}");
    }

    /// One triangle.
    fn stl_of_another() -> String {
        "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 1\nendloop\nendfacet\nendsolid a\n".into()
    }

    #[tokio::test]
    async fn a_job_in_a_list_has_its_slicer_s_picture_where_that_is_small() {
        use base64::Engine;
        let png = |side: u32, noise: bool| {
            let mut picture = tiny_skia::Pixmap::new(side, side).unwrap();
            let mut seed = 7_u32;
            for byte in picture.data_mut().iter_mut().filter(|_| noise) {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = seed.to_be_bytes()[0];
            }
            picture.encode_png().unwrap()
        };
        let text = |picture: &[u8], side: u32| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(picture);
            format!("; thumbnail begin {side}x{side} {}\n; {encoded}\n; thumbnail end\n", encoded.len())
        };
        let (small, large) = (png(16, false), png(180, true));
        assert!(large.len() > ICON_MAX, "{}", large.len());
        let wrapped = |text: String| {
            text.as_bytes().chunks(60_000).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b"\n; "[..])
        };
        let folder = tempfile::tempdir().unwrap();
        let both = [wrapped(text(&large, 180)), text(&small, 16).into_bytes(), TEXT.into()].concat();
        let (previews, file) = spooled(folder.path(), &both).await;
        let size = Pixels::new(64).unwrap();
        assert_eq!(*previews.draw(&file, Subject::Icon, size).await.unwrap(), *small);
        let (previews, file) = spooled(folder.path(), TEXT.as_bytes()).await;
        let drawn = previews.draw(&file, Subject::Icon, size).await.unwrap();
        assert_eq!(drawn, previews.draw(&file, Subject::Sides, size).await.unwrap());
    }
}
