//! What resin files have in them: each is read to its end once, one at a time, and what was seen is kept while there is
//! room.
//!
//! ```text
//! an upload, a file of the spool ─▶ kept? ──yes──▶ reading
//!                                     └─no─▶ (its turn) ─▶ each mask unfolded, looked at, marked ─▶ kept
//! ```
//! Of an encrypted file nothing but that it is all there is known: it has no layers here, and nobody looks for any.
//!
//! Masks take minutes to unfold where a display has many points, so that whoever asks waits for his turn, and one mask
//! is in memory. Whoever does not wait any more gives the turn back within a mask.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::resin::budget;
use ::resin::check::Picture;
use ::resin::exposure;
use ::resin::file::{FileError, Mask, MaskAccess, ResinFile};
use ::resin::layer::{Layer, LayerIndex};
use ::resin::picture::{Bounds, Survey, survey};
use ::resin::timing;
use ::resin::units::{Micrometres, Milliseconds};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::suits;
use crate::config::Printer;
use crate::config::resin::{Drive, Panel};
use crate::control::light::MasksDigest;
use crate::domain::ids::FileHash;
use crate::domain::resin::need::{Need, NeedError, Opaque, refills};
use crate::domain::units::Microlitres;
use crate::io::offload::offload;
use crate::io::resinfile;
use crate::io::spool::{Incoming, Spool, SpoolError};
use crate::preview::mask::Frame;
use crate::preview::relief::{Relief, Size};

/// Files of which it is kept what they are: a busy day's.
const KEPT_FILES: usize = 32;
/// And their layers, which are some 250 bytes each.
const KEPT_LAYERS: usize = 200_000;
/// Sides of a point, µm, where nobody says them: for pictures alone.
const POINT: f64 = 50.0;

/// A resin file as it was read to its end, each of its masks looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct ResinReading {
    pub said: ResinFile,
    pub bytes: u64,
    /// Columns and rows of points of each mask; of none where it is opaque.
    pub points: [u32; 2],
    /// What was seen in the mask of each layer.
    pub pictures: Vec<Picture>,
    /// Over the marks of all masks in their order: what a print of it is held against.
    pub digest: FileHash,
    relief: Relief,
}

#[derive(Debug, thiserror::Error)]
pub enum NoResin {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    File(#[from] FileError),
    /// Why it is none, in words.
    #[error(
        "it is a zip archive, and no resin file that can be read ({0}); export it as plain G-code, or slice it again as SL1"
    )]
    Archive(String),
}

impl NoResin {
    /// For journal and log: without a word of the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Spool(SpoolError::Changed(_)) => "it is not what was uploaded any more",
            Self::Spool(SpoolError::NoFile(_)) => "it is not in the spool",
            Self::Spool(_) => "the spool cannot be read",
            Self::Archive(_) => "it is a zip archive, and no resin file that can be read",
            Self::File(error) => without_words(error),
        }
    }
}

/// What is wrong with a resin file, without a word of it.
pub fn without_words(error: &FileError) -> &'static str {
    match error {
        FileError::Unreadable(_) => "it cannot be read",
        FileError::Unknown(_) => "it is no resin file that can be recognised",
        FileError::TooMuch { .. } => "it has more of something than is taken",
        FileError::Damaged { .. } => "it is damaged",
        FileError::Hostile { .. } => "it holds what no file needs",
        FileError::Cut { .. } => "it ends before it is complete",
        FileError::Missing { .. } => "it does not say what is needed",
        FileError::Value { .. } => "it says what cannot be",
        FileError::Contradiction { .. } => "it contradicts itself",
        FileError::Unsupported { .. } => "it has what cannot be printed here",
        FileError::Layer { .. } => "a picture of a layer cannot be read",
        FileError::Opaque { .. } => "its masks are for the printer alone",
    }
}

/// Why it is not known what a file takes on a printer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNeed {
    #[error(
        "neither the file nor the configuration says how large a point of its masks is, so that nobody knows what resin it takes; write point_x_um and point_y_um behind the printer, or slice it again"
    )]
    Point,
    #[error("what the file takes makes no sense: {0}; slice it again, or with fewer parts at a time")]
    Need(#[from] NeedError),
    #[error(transparent)]
    Unsuited(#[from] suits::Unsuited),
}

/// What was looked into as an archive, and is not even known to be a resin file.
fn is_other_archive(error: &FileError) -> bool {
    match error {
        FileError::Unknown(_) => true,
        FileError::Damaged { format, .. }
        | FileError::Hostile { format, .. }
        | FileError::Unsupported { format, .. } => *format == ::resin::file::ARCHIVE,
        _ => false,
    }
}

/// Reads a file to its end. Blocks for as long as its masks take; `None` where nobody wants it any more.
///
/// # Errors
/// Whatever makes it unfit to be printed, the first mask that cannot be shown among it.
pub fn read_through(
    file: File,
    bytes: u64,
    ending: &CancellationToken,
) -> Result<Option<ResinReading>, NoResin> {
    let copy = file.try_clone().map_err(|error| FileError::Unreadable(error.to_string()))?;
    let opened = resinfile::open(file);
    if let Err(FileError::Opaque { .. }) = opened {
        return Ok(Some(ResinReading::opaque(resinfile::read(copy)?, bytes)));
    }
    let opened = opened.map_err(|error| match error {
        error if is_other_archive(&error) => {
            let words = error.to_string();
            NoResin::Archive(words.split_once("; ").map_or(words.as_str(), |(what, _)| what).to_owned())
        }
        error => error.into(),
    });
    let (said, mut masks) = opened?;
    let MaskAccess::Readable { points } = said.masks else {
        return Ok(Some(ResinReading::opaque(said, bytes)));
    };
    let layers = u32::try_from(said.layers.len()).unwrap_or(u32::MAX);
    let mut pictures = Vec::with_capacity(said.layers.len());
    let mut digest = MasksDigest::default();
    let mut relief = Relief::new(points, layers, said.mirrored.unwrap_or_default());
    let mut mask = Mask::default();
    for layer in 0..layers {
        if ending.is_cancelled() {
            return Ok(None);
        }
        masks.layer(LayerIndex(layer), &mut mask)?;
        digest.add(&resinfile::mark(&mask));
        let found = survey(&mask);
        if relief.wants(layer) {
            relief.add(layer, &mask, &found);
        }
        pictures.push(Picture::Seen(found));
    }
    Ok(Some(ResinReading { said, bytes, points, pictures, digest: digest.finish(), relief }))
}

impl ResinReading {
    /// Of a file that nobody but its printer reads.
    fn opaque(said: ResinFile, bytes: u64) -> Self {
        let points = [0; 2];
        let relief = Relief::new(points, 0, said.mirrored.unwrap_or_default());
        let digest = MasksDigest::default().finish();
        Self { said, bytes, points, pictures: Vec::new(), digest, relief }
    }

    /// Nobody but its printer reads it: how many layers it has, how long they are lit and what they take is not known.
    pub fn is_opaque(&self) -> bool {
        matches!(self.said.masks, MaskAccess::Opaque { .. })
    }

    pub fn layers(&self) -> u32 {
        u32::try_from(self.said.layers.len()).unwrap_or(u32::MAX)
    }

    /// From the plate to the upper side of its last layer.
    pub fn height(&self) -> Micrometres {
        self.said.layers.iter().map(|layer| layer.top).max().unwrap_or_default()
    }

    fn seen(&self) -> impl Iterator<Item = &Survey> {
        self.pictures.iter().filter_map(|picture| match picture {
            Picture::Seen(survey) => Some(survey),
            Picture::Damaged(_) => None,
        })
    }

    /// What any of its layers lights; `None` where none does.
    pub fn bounds(&self) -> Option<Bounds> {
        self.seen().filter_map(|seen| seen.bounds).reduce(Bounds::around)
    }

    /// Sides of a point, µm: as the file says, else as the printer's display has them.
    pub fn point(&self, panel: Option<&Panel>) -> Option<[f64; 2]> {
        let of_display = || panel?.point_nm.map(|sides| sides.map(|nm| f64::from(nm) / 1_000.0));
        self.said.point.or_else(of_display)
    }

    /// Width, depth and height of all that is lit, mm.
    pub fn size(&self, panel: Option<&Panel>) -> Option<[f64; 3]> {
        let [x, y] = self.bounds()?.millimetres(self.point(panel)?);
        Some([x, y, self.height().millimetres()])
    }

    /// ml of all layers up to each, with it.
    fn through(&self, point: [f64; 2]) -> impl Iterator<Item = f64> {
        let thick = |layer| self.said.thickness(LayerIndex(layer)).unwrap_or_default();
        (0_u32..).zip(self.seen()).scan(0.0, move |all, (layer, seen)| {
            *all += budget::millilitres(seen.grey, point, thick(layer));
            Some(*all)
        })
    }

    /// What each layer takes. All of them together are what the whole takes, rounded up.
    pub fn resin(&self, point: [f64; 2]) -> Vec<Microlitres> {
        let mut before = 0_u64;
        let each = self.through(point).map(|ml| {
            let through = Microlitres::from_ml(ml).map_or(u64::MAX, |whole| {
                // From the nearest to the next above.
                if whole.0 as f64 / 1_000.0 < ml { whole.0 + 1 } else { whole.0 }
            });
            let takes = through.saturating_sub(before);
            before = before.max(through);
            Microlitres(takes)
        });
        each.collect()
    }

    /// ml of the whole print; `None` where nobody knows how large a point is.
    pub fn millilitres(&self, panel: Option<&Panel>) -> Option<f64> {
        self.through(self.point(panel)?).last()
    }

    /// What it takes, where it is refilled whenever a full vat gives no more; without `room` it is not refilled.
    pub fn need(&self, panel: Option<&Panel>, room: Option<Microlitres>) -> Result<Need, NoNeed> {
        let each = self.resin(self.point(panel).ok_or(NoNeed::Point)?);
        let sum = |times: &mut dyn Iterator<Item = u64>| times.fold(0_u64, u64::saturating_add);
        let lit = || self.said.layers.iter().map(|layer| layer.exposure.0);
        let refills = match room {
            // The vat is full when it begins, or it is told then that it has to be.
            Some(room) => refills(each.iter().copied(), room, room)?,
            None => Vec::new(),
        };
        let need = Need {
            layers: self.layers(),
            resin: Microlitres(sum(&mut each.iter().map(|takes| takes.0))),
            largest_layer: each.iter().copied().max().unwrap_or_default(),
            light_ms: sum(&mut lit()),
            longest_layer_ms: lit().max().unwrap_or(0),
            refills,
            opaque: None,
        };
        need.check()?;
        Ok(need)
    }

    /// What it takes on a printer; where none is named, on that of these whose vat gives the most: with as few refills as
    /// there can be. Of an opaque file a person has to say it: until then it is not known.
    pub fn need_on(&self, pinned: Option<&Printer>, all: &[Printer]) -> Result<Need, NoNeed> {
        if let Some(printer) = pinned {
            suits::takes(printer, suits::Medium::Resin)?;
            suits::reads(printer, self.said.format)?;
        }
        let takes =
            |printer: &&Printer| printer.resin.is_some() && suits::reads(printer, self.said.format).is_ok();
        let fitting = pinned.into_iter().chain(all.iter().filter(|_| pinned.is_none())).filter(takes);
        let resin = fitting.filter_map(|printer| printer.resin.as_deref());
        let most = resin.max_by_key(|resin| resin.outfit().room());
        match most {
            Some(_) if self.is_opaque() => Ok(Need::opaque(Opaque::Unsaid, Microlitres(0))),
            Some(resin) => self.need(Some(&resin.panel), Some(resin.outfit().room())),
            None => Err(suits::Unsuited::Nowhere(self.said.format).into()),
        }
    }

    /// Seconds that it takes on a printer, without homing: as its layer loop counts them, else as a board of its own
    /// would do what the file says, else as its slicer says. `None` where none of them knows.
    pub fn seconds(&self, printer: Option<&Printer>) -> Option<f64> {
        if self.is_opaque() {
            return None;
        }
        let resin = printer.and_then(|printer| printer.resin.as_deref());
        let counted = match resin.map(|resin| &resin.drive) {
            Some(Drive::Msla(msla)) => {
                let plan = exposure::Plan::of(&self.said.layers, &msla.exposing).ok();
                plan.map(|plan| plan.takes())
            }
            Some(Drive::Chitu(_)) | None => {
                let peel = ::resin::layer::Peel::default();
                let plan = timing::Plan::of(&self.said.layers, &peel, Milliseconds(0)).ok();
                plan.map(|plan| plan.whole())
            }
        };
        counted.map(Milliseconds::seconds).or(self.said.claims.seconds)
    }

    /// The exposure of its middle layer: what is usual, where most are lit alike.
    pub fn usual_exposure(&self) -> Milliseconds {
        let mut all: Vec<Milliseconds> = self.said.layers.iter().map(|layer| layer.exposure).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    /// The bottom of the print, which is lit the longest as a rule.
    pub fn first(&self) -> Option<&Layer> {
        self.said.layers.first()
    }

    /// In what frame its layers are drawn.
    pub fn frame(&self) -> Option<Frame> {
        let mirrored = self.said.mirrored.unwrap_or_default();
        Some(Frame { bounds: self.bounds()?, point: self.point(None).unwrap_or([POINT; 2]), mirrored })
    }

    /// What it looks like from three sides, and its measures.
    pub fn relief(&self) -> (&Relief, Size) {
        let point = self.point(None).unwrap_or([POINT; 2]).map(|side| side / 1e3);
        let layers = f64::from(self.layers().max(1));
        (&self.relief, Size { point, layer: self.height().millimetres() / layers })
    }
}

type Kept = VecDeque<(FileHash, Arc<ResinReading>)>;

#[derive(Debug)]
struct Inner {
    /// One file's masks are unfolded at a time: printers come first.
    turn: Semaphore,
    kept: Mutex<Kept>,
}

/// What is known of resin files; cheap to clone.
#[derive(Clone, Debug)]
pub struct ResinFiles(Arc<Inner>);

impl Default for ResinFiles {
    fn default() -> Self {
        Self(Arc::new(Inner { turn: Semaphore::new(1), kept: Mutex::default() }))
    }
}

impl ResinFiles {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read already; whether the file is still what it was is not asked.
    pub fn kept(&self, file: &FileHash) -> Option<Arc<ResinReading>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|(known, _)| known == file)?;
        let found = kept.remove(at)?;
        let reading = Arc::clone(&found.1);
        kept.push_back(found);
        Some(reading)
    }

    /// What was not asked for the longest goes first.
    fn keep(&self, file: FileHash, reading: &Arc<ResinReading>) {
        let mut kept = self.lock();
        kept.retain(|(known, _)| *known != file);
        kept.push_back((file, Arc::clone(reading)));
        let layers = |kept: &Kept| kept.iter().map(|(_, reading)| reading.pictures.len()).sum::<usize>();
        while kept.len() > 1 && (kept.len() > KEPT_FILES || layers(&kept) > KEPT_LAYERS) {
            kept.pop_front();
        }
    }

    /// Reads an upload under way to its end.
    pub async fn of_upload(&self, incoming: &mut Incoming) -> Result<Arc<ResinReading>, NoResin> {
        let file = incoming.hash()?;
        if let Some(known) = self.kept(&file) {
            return Ok(known);
        }
        // It is never closed; and without a turn it would only be read at once.
        let _turn = self.0.turn.acquire().await;
        if let Some(known) = self.kept(&file) {
            return Ok(known);
        }
        let ending = CancellationToken::new();
        let _given_up = ending.clone().drop_guard();
        let read = incoming.look(move |file| {
            let unreadable = |error: std::io::Error| FileError::Unreadable(error.to_string());
            let bytes = file.metadata().map_err(unreadable)?.len();
            read_through(file.try_clone().map_err(unreadable)?, bytes, &ending)
        });
        self.taken(file, read.await?)
    }

    /// What a file of the spool has in it; reads it where nobody has. It is the file of this name.
    pub async fn of(&self, spool: &Spool, file: &FileHash) -> Result<Arc<ResinReading>, NoResin> {
        if let Some(known) = self.kept(file) {
            return Ok(known);
        }
        let _turn = self.0.turn.acquire().await;
        if let Some(known) = self.kept(file) {
            return Ok(known);
        }
        spool.verify(file).await?;
        let (open, bytes) = spool.reader(file).await?;
        let open = open.into_std().await;
        let ending = CancellationToken::new();
        let _given_up = ending.clone().drop_guard();
        let read = offload(move || read_through(open, bytes, &ending)).await;
        self.taken(file.clone(), read.map_err(|_| SpoolError::BrokenOff)?)
    }

    fn taken(
        &self,
        file: FileHash,
        read: Result<Option<ResinReading>, NoResin>,
    ) -> Result<Arc<ResinReading>, NoResin> {
        let reading = Arc::new(read?.ok_or(SpoolError::BrokenOff)?);
        self.keep(file, &reading);
        Ok(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use ::resin::sample::Settings;
    use std::io::{Seek, Write};

    /// Ten layers of 20 by 10 mm, 0.05 mm thick: 10 µl each.
    fn reading() -> ResinReading {
        let masks = vec![Mask::dark(960, 640).with_box([100.0, 100.0], [500.0, 300.0]); 10];
        let bytes = Settings::default().sl1(&masks);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        read_through(file, bytes.len() as u64, &CancellationToken::new()).unwrap().unwrap()
    }

    fn printers(vats: &[&str]) -> Vec<Printer> {
        let mut text = "site = \"a\"\nnode = \"b\"\n".to_owned();
        for (at, vat) in vats.iter().enumerate() {
            text += &format!(
                "[[printer]]\nname = \"r{at}\"\nport = \"/dev/r{at}\"\nbaud = 115200\nkind = \"chitu\"\n\
                 [printer.light]\nlongest_exposure_s = 60\n[printer.vat]\n{vat}\n\
                 [printer.delivery]\nby = \"operator\"\n"
            );
        }
        text += "[[printer]]\nname = \"f\"\nport = \"/dev/f\"\nbaud = 115200\n";
        Config::parse(&text).unwrap().printers
    }

    #[test]
    fn what_a_file_takes_is_counted_in_its_masks() {
        let reading = reading();
        let need = reading.need(None, None).unwrap();
        assert_eq!((need.layers, need.resin), (10, Microlitres(100)));
        // Layers are rounded up one behind the other, so that one may have a microlitre of its neighbour.
        assert!((10..=11).contains(&need.largest_layer.0), "{:?}", need.largest_layer);
        // Three layers and four that fade from 20 s, and three of 2 s.
        assert_eq!(
            (need.longest_layer_ms, need.light_ms),
            (20_000, 60_000 + 16_400 + 12_800 + 9_200 + 5_600 + 6_000)
        );
        let [x, y, z] = reading.size(None).unwrap();
        assert!((x - 20.0).abs() < 1e-9 && (y - 10.0).abs() < 1e-9 && (z - 0.5).abs() < 1e-9, "{x} {y} {z}");
    }

    #[test]
    fn a_print_is_refilled_as_seldom_as_the_largest_vat_allows_and_only_by_who_takes_it() {
        // Boards with a stick of their own read no SL1.
        let reading = ResinReading {
            said: ResinFile { format: ::resin::file::Format::Ctb, ..reading().said },
            ..reading()
        };
        let all = printers(&["holds_ml = 1.1\nkeeps_ml = 1.06", "holds_ml = 1.1\nkeeps_ml = 1.05"]);
        let before = |need: Need| need.refills.iter().map(|refill| refill.before_layer).collect::<Vec<_>>();
        assert_eq!(before(reading.need_on(None, &all).unwrap()), [5]);
        assert_eq!(before(reading.need_on(Some(&all[0]), &all).unwrap()), [4, 8]);
        let told = reading.need_on(Some(&all[2]), &all).unwrap_err().to_string();
        assert!(told.starts_with("printer f prints with filament, and this is a file for resin"), "{told}");
        let told = reading.need_on(None, &all[2..]).unwrap_err().to_string();
        assert!(told.starts_with("no printer here takes a file of this kind (CTB)"), "{told}");
        let said = ResinFile { format: ::resin::file::Format::Sl1, ..reading.said.clone() };
        let sl1 = ResinReading { said, ..reading.clone() };
        let told = sl1.need_on(Some(&all[0]), &all).unwrap_err().to_string();
        assert!(told.starts_with("printer r0 prints no file of this kind (SL1)"), "{told}");
    }

    #[test]
    fn nobody_reads_on_what_nobody_wants() {
        let bytes = Settings::default().sl1(&[Mask::dark(48, 32).with_box([4.0, 4.0], [9.0, 9.0])]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let ending = CancellationToken::new();
        ending.cancel();
        assert_eq!(read_through(file, bytes.len() as u64, &ending).unwrap(), None);
    }

    #[tokio::test]
    async fn a_file_is_read_once_however_many_ask() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap().with_floor(0);
        let mut incoming = spool.begin().await.unwrap();
        let mask = Mask::dark(48, 32).with_box([4.0, 4.0], [9.0, 9.0]);
        incoming.write(&Settings::default().sl1(&[mask])).await.unwrap();
        let files = ResinFiles::default();
        let first = files.of_upload(&mut incoming).await.unwrap();
        let (file, _) = incoming.keep().await.unwrap();
        let again = files.of(&spool, &file).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let other = ResinFiles::default();
        let (one, two) = tokio::join!(other.of(&spool, &file), other.of(&spool, &file));
        assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
        std::fs::write(spool.path(&file), b"PK\x03\x04").unwrap();
        let changed = ResinFiles::default().of(&spool, &file).await;
        assert!(matches!(changed, Err(NoResin::Spool(SpoolError::Changed(_)))), "{changed:?}");
    }
}
