//! The display of one printer behind its task: opened again and again until it is there, dark whenever nothing else is
//! wanted, and never waited for.
//!
//! ```text
//!   ┌─▶ Away ──opened, and told to be dark──▶ Dark ◀──blank──┐
//!   │    ▲ it cannot be had                    │ load, show  │
//!   │    └─────────────────────────────────────┴─▶ Shown ────┘
//!   └────────── it failed, hung or broke ──────────────┘
//! ```
//! Only what was asked for last is told: what a task has given up comes too late for it.

use std::fs::File;
use std::time::Duration;

use ::mask::ahead::DecodeError;
use ::mask::drm::{Drm, DrmConfig};
use ::mask::fbdev::{Fbdev, FbdevConfig};
use ::mask::file::{FileConfig, FileSink, Form, Frames};
use ::mask::pack::{Order, PackError, Panel, PixelFormat, Rotation, Size, Subpixels};
use ::mask::shower::{Answer, Bounds, Failure, Refused, Sequence, Shower};
use ::mask::sink::{Label, MaskSink, Shown};
use ::resin::file::Mask;
use ::resin::layer::LayerIndex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::config::resin as config;
use crate::control::light::MaskMark;
use crate::domain::ids::{JobId, PrinterName};
use crate::io::offload::offload;
use crate::io::resinfile::{self, Masks};

/// A display that is not there costs one attempt in this time, at most.
const RETRY_MAX: Duration = Duration::from_secs(5);
const RETRY_MIN: Duration = Duration::from_millis(250);
/// Layers that are decoded ahead: one is lit for a second at least, and takes some tenths of one to decode.
const AHEAD: u8 = 2;
/// Pictures that are kept of a display that is a folder.
const KEPT: u32 = 32;
/// The ledger of a display that is a folder.
pub const LEDGER: &str = "shown.jsonl";

/// A display as it is built into a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub sink: config::Sink,
    pub panel: Panel,
    /// How long a picture may take until it is out.
    pub answers: Duration,
}

impl Settings {
    /// A configuration has the points of such a display; without them it is none that can be opened.
    pub fn of(msla: &config::Msla, display: config::Panel) -> Self {
        let panel = panel(&msla.packing, display.points.unwrap_or_default());
        Self { sink: msla.sink.clone(), panel, answers: msla.display_answers }
    }
}

/// The display of that many columns and rows of points, as files have them.
fn panel(packing: &config::Packing, [columns, rows]: [u32; 2]) -> Panel {
    let rotate = Rotation::of_degrees(packing.rotate.into()).unwrap_or(Rotation::None);
    let upright = matches!(rotate, Rotation::None | Rotation::By180);
    let (across, down) = if upright { (columns, rows) } else { (rows, columns) };
    let (subpixels, points) = match packing.subpixels {
        3 => (Subpixels::Three, 3),
        _ => (Subpixels::One, 1),
    };
    Panel {
        mode: Size::new(across / points, down),
        subpixels,
        order: match packing.order {
            config::Order::Rgb => Order::Rgb,
            config::Order::Bgr => Order::Bgr,
        },
        bits: packing.bits,
        mirror_x: packing.flip[0],
        mirror_y: packing.flip[1],
        rotate,
    }
}

/// Opens it and has it dark. Blocks.
fn open(settings: &Settings, answers: mpsc::UnboundedSender<Answer>) -> Result<Shower, String> {
    let Settings { sink, panel, answers: within } = settings;
    let wrong = |error: PackError| error.to_string();
    let sink: Box<dyn MaskSink> = match sink {
        config::Sink::Framebuffer { path } => {
            let config = FbdevConfig { path: path.clone(), console: None };
            Box::new(Fbdev::open(&config).map_err(|error| error.to_string())?)
        }
        config::Sink::Drm { card, connector } => {
            let config = DrmConfig {
                path: card.clone(),
                connector: Some(connector.clone()),
                mode: panel.mode,
                refresh: None,
                bits: panel.bits,
                flip_within: *within,
            };
            Box::new(Drm::open(&config).map_err(|error| error.to_string())?)
        }
        config::Sink::Folder { path } => {
            let form = Form::Pgm { subpixels: panel.subpixels, order: panel.order };
            let frames = Frames { folder: path.clone(), form, keep: KEPT };
            let config = FileConfig {
                mode: panel.mode,
                format: PixelFormat::of_bits(panel.bits, false).map_err(wrong)?,
                frames: Some(frames),
                ledger: Some(path.join(LEDGER)),
            };
            // The folder has to be there, as a display has: one that was taken away is none to be made anew.
            if !path.is_dir() {
                return Err(format!("the folder {} is not there; make it", path.display()));
            }
            Box::new(FileSink::open(config).map_err(|error| error.to_string())?)
        }
    };
    // Within its own bound a display still has to be asked to be dark; what watches over it is the last to give up.
    let bounds = Bounds { display: *within, depth: AHEAD };
    let tell = move |answer| drop(answers.send(answer));
    Shower::start(sink, *panel, bounds, tell).map_err(|error| error.to_string())
}

/// What has come of what was asked for last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// This mask is out, and no other.
    Shown(LayerIndex, MaskMark),
    Blanked,
    /// In words for the log.
    Failed(String),
}

/// A file whose masks can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub layers: u32,
}

enum Ask {
    Load { job: JobId, file: File, done: oneshot::Sender<Result<Loaded, String>> },
    Unload,
    Show(LayerIndex),
    Blank,
    End { within: Duration, done: oneshot::Sender<bool> },
}

/// A printer's way to its display. When it is dropped the display is made dark and let go of.
#[derive(Debug)]
pub struct Display {
    asks: mpsc::UnboundedSender<Ask>,
    told: mpsc::UnboundedReceiver<Told>,
    /// Why masks cannot be shown now.
    away: watch::Receiver<Option<String>>,
}

impl Display {
    /// Opens it, again and again until it is there; the first that it does is to be dark.
    pub fn start(printer: PrinterName, settings: Settings) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        let (why, away) = watch::channel(Some("it is being opened".to_owned()));
        let (answer, answers) = mpsc::unbounded_channel();
        let keeper = Keeper {
            printer,
            settings,
            asked,
            tell,
            why,
            answer,
            answers,
            shower: None,
            job: None,
            wanted: None,
            late: None,
        };
        tokio::spawn(keeper.run());
        Self { asks, told, away }
    }

    /// Why it cannot show masks now; absent where it can.
    pub fn why_not(&self) -> Option<String> {
        self.away.borrow().clone()
    }

    /// Begins to decode the masks of a file. The answer comes when it is known that the display can show them.
    pub fn load(&self, job: JobId, file: File) -> oneshot::Receiver<Result<Loaded, String>> {
        let (done, loaded) = oneshot::channel();
        self.ask(Ask::Load { job, file, done });
        loaded
    }

    /// Lets go of the file.
    pub fn unload(&self) {
        self.ask(Ask::Unload);
    }

    pub fn show(&self, layer: LayerIndex) {
        self.ask(Ask::Show(layer));
    }

    pub fn blank(&self) {
        self.ask(Ask::Blank);
    }

    /// The next that is told. Cancel-safe; never comes back once the display has ended.
    pub async fn told(&mut self) -> Told {
        match self.told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    /// Dark, and let go of; whether that is certain.
    pub async fn end(self, within: Duration) -> bool {
        let (done, ended) = oneshot::channel();
        self.ask(Ask::End { within, done });
        tokio::time::timeout(within * 2, ended).await.is_ok_and(|ended| ended.unwrap_or(false))
    }

    fn ask(&self, ask: Ask) {
        // The keeper ends only after us.
        let _ = self.asks.send(ask);
    }
}

/// What is told only once the display has had its time.
struct Late {
    at: Instant,
    told: Told,
}

/// Owns the display.
struct Keeper {
    printer: PrinterName,
    settings: Settings,
    asked: mpsc::UnboundedReceiver<Ask>,
    tell: mpsc::UnboundedSender<Told>,
    why: watch::Sender<Option<String>>,
    answer: mpsc::UnboundedSender<Answer>,
    answers: mpsc::UnboundedReceiver<Answer>,
    shower: Option<Shower>,
    /// Whose masks are loaded.
    job: Option<JobId>,
    /// The request that was made last: only its answer is told.
    wanted: Option<Sequence>,
    late: Option<Late>,
}

impl Keeper {
    async fn run(mut self) {
        let mut pause = RETRY_MIN;
        let mut retry = Instant::now();
        loop {
            let away = self.shower.is_none();
            let late = self.late.as_ref().map(|late| late.at);
            tokio::select! {
                biased;
                ask = self.asked.recv() => match ask {
                    // Whoever asks is gone; dropped, the display gets dark.
                    None => return,
                    Some(Ask::End { within, done }) => {
                        let dark = self.end(within).await;
                        // Whoever asked may have gone.
                        let _ = done.send(dark);
                        return;
                    }
                    Some(ask) => self.obey(ask).await,
                },
                Some(answer) = self.answers.recv() => self.hear(answer),
                () = sleep_until(late.unwrap_or(retry)), if late.is_some() => {
                    if let Some(Late { told, .. }) = self.late.take() {
                        self.say(told);
                    }
                }
                () = sleep_until(retry), if away => {
                    match self.open().await {
                        Ok(()) => pause = RETRY_MIN,
                        Err(why) => {
                            self.gone(&why);
                            pause = (pause * 2).min(RETRY_MAX);
                        }
                    }
                    retry = Instant::now() + pause;
                }
            }
            if !away && self.shower.is_none() {
                retry = Instant::now() + pause;
            }
        }
    }

    async fn open(&mut self) -> Result<(), String> {
        // What one before it has said is over.
        (self.answer, self.answers) = mpsc::unbounded_channel();
        let (settings, answer) = (self.settings.clone(), self.answer.clone());
        let opened = offload(move || open(&settings, answer)).await;
        self.shower = Some(opened.map_err(|error| error.to_string())??);
        // It is there once it is dark: that is the answer to its first request.
        (self.wanted, self.late, self.job) = (None, None, None);
        Ok(())
    }

    async fn end(&mut self, within: Duration) -> bool {
        let Some(shower) = self.shower.take() else { return false };
        offload(move || shower.end(within)).await.unwrap_or(false)
    }

    async fn obey(&mut self, ask: Ask) {
        match ask {
            Ask::Load { job, file, done } => {
                let loaded = self.load(&job, file).await;
                self.job = loaded.is_ok().then_some(job);
                // Whoever asked may have gone.
                let _ = done.send(loaded);
            }
            Ask::Unload => {
                self.job = None;
                if let Some(shower) = &self.shower {
                    shower.unload();
                }
            }
            Ask::Show(layer) => self.ask(|keeper, shower| {
                let job = keeper.job.as_ref().ok_or_else(|| Refused::NoJob.to_string())?;
                let label = Label::new(&format!("{job}/{}", layer.0)).map_err(|error| error.to_string())?;
                shower.show(layer.0, label, keeper.settings.answers).map_err(|refused| refused.to_string())
            }),
            Ask::Blank => self.ask(|_, shower| shower.blank().map_err(|refused| refused.to_string())),
            Ask::End { .. } => {}
        }
    }

    fn ask(&mut self, ask: impl FnOnce(&Self, &Shower) -> Result<Sequence, String>) {
        self.late = None;
        self.wanted = None;
        let asked = match &self.shower {
            Some(shower) => ask(self, shower),
            None => Err(self.why.borrow().clone().unwrap_or_else(|| "it is not there".into())),
        };
        match asked {
            Ok(sequence) => self.wanted = Some(sequence),
            Err(why) => self.say(Told::Failed(why)),
        }
    }

    /// Decodes the masks of a file ahead, where the display has as many points as they have.
    async fn load(&mut self, job: &JobId, file: File) -> Result<Loaded, String> {
        let why = self.why.borrow().clone();
        if let Some(why) = why {
            return Err(format!("its display cannot be had: {why}"));
        }
        let opened = offload(move || resinfile::open(file)).await.map_err(|error| error.to_string())?;
        let (said, masks) = opened.map_err(|error| error.to_string())?;
        let Some(shower) = &self.shower else { return Err("its display is gone".into()) };
        let display = shower.logical();
        let points = resinfile::points(&said);
        if points != Some([display.width, display.height]) {
            let [width, height] = points.unwrap_or_default();
            return Err(format!(
                "the file's masks have {width}x{height} points, and its display {display}; slice the model for this printer"
            ));
        }
        let layers = u32::try_from(said.layers.len()).map_err(|_| "it has too many layers".to_owned())?;
        shower.load(0..layers, decoder(masks, display)).map_err(|error| error.to_string())?;
        tracing::info!(printer = %self.printer, %job, layers, "masks loaded");
        Ok(Loaded { layers })
    }

    fn hear(&mut self, answer: Answer) {
        let sequence = answer.sequence();
        let is_first = sequence == Sequence(0);
        match answer {
            Answer::Shown { layer, logical, shown, .. } if self.wanted == Some(sequence) => {
                self.wanted = None;
                self.tell_when_out(shown, Told::Shown(LayerIndex(layer), MaskMark(logical.crc32)));
            }
            Answer::Blanked { shown, .. } if is_first => {
                tracing::info!(printer = %self.printer, "its display is there, and dark");
                self.why.send_replace(None);
                if self.wanted.is_none() {
                    self.tell_when_out(shown, Told::Blanked);
                }
            }
            Answer::Blanked { shown, .. } if self.wanted == Some(sequence) => {
                self.wanted = None;
                self.tell_when_out(shown, Told::Blanked);
            }
            Answer::Shown { .. } | Answer::Blanked { .. } | Answer::Stopped { .. } => {}
            // Its task has gone on to something else.
            Answer::Failed { why: Failure::Overtaken, .. } => {}
            Answer::Failed { why: why @ (Failure::TooLate { .. } | Failure::Picture(_)), dark, .. } => {
                self.failed(&why);
                if !dark {
                    self.gone(&why.to_string());
                }
            }
            Answer::Failed { why, .. } => {
                self.failed(&why);
                self.gone(&why.to_string());
            }
        }
    }

    /// Told, whoever's request it was: what is on the display is not known.
    fn failed(&mut self, why: &Failure) {
        (self.wanted, self.late) = (None, None);
        self.say(Told::Failed(why.to_string()));
    }

    /// It is let go of, which makes it dark if anything does, and opened anew.
    fn gone(&mut self, why: &str) {
        let known = self.why.borrow().as_deref() == Some(why);
        if !known {
            tracing::error!(printer = %self.printer, %why, "its display cannot be had; trying again");
            self.why.send_replace(Some(why.to_owned()));
        }
        (self.shower, self.job, self.late) = (None, None, None);
    }

    /// A display that cannot say when a picture is out has its time for it.
    fn tell_when_out(&mut self, shown: Shown, told: Told) {
        let passed = ::mask::clock::Monotonic::now().since(shown.at);
        let left = shown.latch.wait().saturating_sub(passed);
        if left.is_zero() {
            return self.say(told);
        }
        self.late = Some(Late { at: Instant::now() + left, told });
    }

    fn say(&self, told: Told) {
        // Whoever asked may have gone.
        let _ = self.tell.send(told);
    }
}

/// Draws masks of a file.
fn decoder(
    mut masks: Masks,
    display: Size,
) -> impl FnMut(u32, &mut [u8]) -> Result<(), DecodeError> + Send + 'static {
    let mut mask = Mask::default();
    move |layer, picture| {
        let failed = |error: String| DecodeError(error);
        masks.layer(LayerIndex(layer), &mut mask).map_err(|error| failed(error.to_string()))?;
        if mask.grey.len() != picture.len() || Size::new(mask.width, mask.height) != display {
            let (width, height) = (mask.width, mask.height);
            return Err(failed(format!("its mask has {width}x{height} points, and the display {display}")));
        }
        picture.copy_from_slice(&mask.grey);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use ::resin::sample::Settings as Sample;
    use std::io::{Seek, Write};
    use std::path::Path;

    const BOUND: Duration = Duration::from_secs(30);

    fn settings(folder: &Path) -> Settings {
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\n[[printer]]\nname = \"m\"\nkind = \"msla\"\nport = \"/dev/m\"\n\
             baud = 115200\nbuild_height = 100\n[printer.display]\ncolumns = 48\nrows = 32\npoint_x_um = 50\n\
             point_y_um = 50\nfolder = {folder:?}\n[printer.light]\nlongest_exposure_s = 9\non = \"M106\"\n\
             off = \"M107\"\n[printer.plate]\nhomes = \"up\"\ntravel_mm_min = 60\nfastest_mm_min = 60\n\
             [printer.peel]\nlift_mm = 5\nlift_mm_min = 60\nretract_mm_min = 60\n[printer.vat]\nholds_ml = 9\n\
             keeps_ml = 1\n"
        );
        let resin = Config::parse(&text).unwrap().printers.remove(0).resin.unwrap();
        Settings::of(resin.msla().unwrap(), resin.panel)
    }

    /// A file with so many masks of that size, each another.
    fn file(layers: u8, [width, height]: [u32; 2]) -> File {
        let mask = |n: u8| Mask::dark(width, height).with_box([2.0, 2.0], [9.0 + f64::from(n), 20.0]);
        let masks: Vec<Mask> = (0..layers).map(mask).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&Sample::default().sl1(&masks)).unwrap();
        file.rewind().unwrap();
        file
    }

    fn job() -> JobId {
        JobId::from_entropy([7; 16])
    }

    async fn next(display: &mut Display) -> Told {
        tokio::time::timeout(BOUND, display.told()).await.unwrap()
    }

    async fn there(display: &mut Display, is_there: bool) {
        let wait = display.away.wait_for(|why| why.is_none() == is_there);
        tokio::time::timeout(BOUND, wait).await.unwrap().unwrap();
    }

    fn last(folder: &Path) -> String {
        let text = std::fs::read_to_string(folder.join(LEDGER)).unwrap();
        text.lines().last().unwrap().to_owned()
    }

    #[tokio::test]
    async fn masks_are_shown_in_their_turn_with_their_marks_and_at_the_end_it_is_dark() {
        let folder = tempfile::tempdir().unwrap();
        let mut display = Display::start("m".parse().unwrap(), settings(folder.path()));
        there(&mut display, true).await;
        assert_eq!(next(&mut display).await, Told::Blanked);
        let loaded = display.load(job(), file(4, [48, 32])).await.unwrap();
        assert_eq!(loaded, Ok(Loaded { layers: 4 }));
        let (said, mut masks) = resinfile::open(file(4, [48, 32])).unwrap();
        let mut marks = Vec::new();
        resinfile::digest(&said, &mut masks, |layer, mask| marks.push((layer, resinfile::mark(mask))))
            .unwrap();
        for (layer, mark) in marks {
            display.show(layer);
            assert_eq!(next(&mut display).await, Told::Shown(layer, mark));
            assert!(last(folder.path()).contains(&format!("\"label\":\"{}/{}\"", job(), layer.0)));
        }
        display.blank();
        assert_eq!(next(&mut display).await, Told::Blanked);
        assert!(display.end(BOUND).await);
        assert!(last(folder.path()).contains("blank"));
    }

    #[tokio::test]
    async fn a_file_for_another_display_is_refused_and_so_is_a_layer_that_nobody_has_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let mut display = Display::start("m".parse().unwrap(), settings(folder.path()));
        there(&mut display, true).await;
        assert_eq!(next(&mut display).await, Told::Blanked);
        let refused = display.load(job(), file(2, [32, 48])).await.unwrap().unwrap_err();
        assert!(refused.contains("32x48") && refused.contains("48x32"), "{refused}");
        display.show(LayerIndex(0));
        let Told::Failed(why) = next(&mut display).await else { panic!("it was shown") };
        assert!(why.contains("no job is loaded"), "{why}");
    }

    #[tokio::test]
    async fn a_display_that_is_gone_is_told_and_is_dark_as_soon_as_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let (here, away) = (folder.path().join("here"), folder.path().join("away"));
        let mut display = Display::start("m".parse().unwrap(), settings(&here));
        there(&mut display, false).await;
        let refused = display.load(job(), file(2, [48, 32])).await.unwrap().unwrap_err();
        assert!(refused.contains("cannot be had"), "{refused}");
        std::fs::create_dir(&here).unwrap();
        there(&mut display, true).await;
        assert_eq!(next(&mut display).await, Told::Blanked);
        display.load(job(), file(2, [48, 32])).await.unwrap().unwrap();
        display.show(LayerIndex(0));
        assert!(matches!(next(&mut display).await, Told::Shown(..)));
        std::fs::rename(&here, &away).unwrap();
        display.show(LayerIndex(1));
        assert!(matches!(next(&mut display).await, Told::Failed(_)));
        there(&mut display, false).await;
        std::fs::rename(&away, &here).unwrap();
        there(&mut display, true).await;
        assert!(last(&here).contains("blank"));
    }

    #[test]
    fn a_panel_that_is_turned_has_its_mode_across() {
        let packing = config::Packing {
            subpixels: 3,
            order: config::Order::Bgr,
            bits: [8; 3],
            flip: [true, false],
            rotate: 90,
        };
        let panel = panel(&packing, [480, 270]);
        assert_eq!((panel.mode, panel.logical()), (Size::new(90, 480), Size::new(480, 270)));
        assert_eq!((panel.mirror_x, panel.mirror_y, panel.order), (true, false, Order::Bgr));
    }
}
