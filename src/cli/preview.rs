//! `platen preview`: a picture of a layer, of the whole print or of a model, or the one that its slicer has put in.

use clap::Args;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Failed;
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::model::limits::LIMITS;
use crate::model::{self, Hint};
use crate::preview::layer::Picked;
use crate::preview::sides::Sides;
use crate::preview::{Pixels, PreviewError, thumbnail};

/// As much as is read at a time.
const BLOCK: usize = 256 << 10;

#[derive(Debug, Args)]
pub struct Preview {
    /// The G-code to look at, or a model (.stl, .3mf, .obj).
    pub file: PathBuf,
    /// This layer from above, the first is 1; else the whole print from the front, the right and above.
    #[arg(long, value_name = "NUMBER")]
    pub layer: Option<usize>,
    /// The picture that the slicer has put into the file.
    #[arg(long, conflicts_with = "layer")]
    pub thumbnail: bool,
    /// Where the picture goes: .png, or .svg for a layer. What is there is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Pixels of its longer side, or of each side's.
    #[arg(long, value_name = "PIXELS", default_value = "800")]
    pub size: Pixels,
}

enum Kind {
    Png,
    Svg,
}

impl Preview {
    pub fn run(self) -> Result<(), Failed> {
        let kind = match self.out.extension().and_then(|extension| extension.to_str()) {
            Some("png") => Kind::Png,
            Some("svg") if self.layer.is_some() => Kind::Svg,
            _ => {
                let out = self.out.display();
                return Err(Failed::Usage(format!("{out}: name a .png, or a .svg for a layer")));
            }
        };
        let mut file = File::open(&self.file).map_err(|error| failed(&self.file, error))?;
        let extension = self.file.extension().and_then(|extension| extension.to_str());
        if let Some(hint) = extension.and_then(Hint::of) {
            if self.layer.is_some() || self.thumbnail {
                return Err(Failed::Usage(
                    "a model has no layers and no slicer's picture; slice it first".into(),
                ));
            }
            return self.keep(self.model(&mut file, hint)?);
        }
        let analysis = self.pass(&mut file, Analyser::new(Options::default()), |_| {})?;
        let picture = match (self.layer, kind) {
            (None, _) if self.thumbnail => self.thumbnail(&mut file, &analysis),
            (None, _) => self.sides(&mut file, &analysis),
            (Some(layer), Kind::Svg) => self
                .picked(&mut file, &analysis, layer)?
                .view(&analysis)
                .map(|view| view.svg(self.size).into_bytes()),
            (Some(layer), Kind::Png) => {
                self.picked(&mut file, &analysis, layer)?.view(&analysis).and_then(|view| view.png(self.size))
            }
        };
        self.keep(picture)
    }

    fn keep(&self, picture: Result<Vec<u8>, PreviewError>) -> Result<(), Failed> {
        let picture =
            picture.map_err(|error| Failed::Finding(format!("{}: {error}", self.file.display())))?;
        std::fs::write(&self.out, picture)
            .map_err(|error| Failed::Finding(format!("{} cannot be written: {error}", self.out.display())))
    }
}

impl Preview {
    /// Reads the file through; `each` hears of the way.
    fn pass(
        &self,
        file: &mut File,
        mut analyser: Analyser,
        mut each: impl FnMut(&mut Analyser),
    ) -> Result<Analysis, Failed> {
        let unreadable = |error: crate::gcode::lexer::LexError| {
            Failed::Finding(format!("{}: {error}: it is not G-code", self.file.display()))
        };
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&self.file, error))?;
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).map_err(|error| failed(&self.file, error))?;
            if read == 0 {
                break;
            }
            analyser.feed(&block[..read]).map_err(unreadable)?;
            each(&mut analyser);
        }
        analyser.finish().map_err(unreadable)
    }

    /// From three sides, as it would stand on the plate; how large it is makes no difference.
    fn model(&self, file: &mut File, hint: Hint) -> Result<Result<Vec<u8>, PreviewError>, Failed> {
        let unusable =
            |error| Failed::Finding(format!("{}: this model cannot be used: {error}", self.file.display()));
        let report = model::read(file, Some(hint), None, &LIMITS).map_err(unusable)?;
        let mm = report.unit.millimetres();
        let mut sides = match Sides::new(report.extents.low, report.extents.high, 0.0, self.size) {
            Ok(sides) => sides,
            Err(error) => return Ok(Err(error)),
        };
        let mut sink = |corners: [[f64; 3]; 3]| sides.triangle(corners.map(|at| at.map(|at| at * mm)));
        model::pass(file, Some(hint), None, &LIMITS, Some(&mut sink)).map_err(unusable)?;
        Ok(sides.png())
    }

    fn picked(&self, file: &mut File, analysis: &Analysis, layer: usize) -> Result<Picked, Failed> {
        let mut picked = Picked::new(layer);
        if (1..=analysis.layers.len()).contains(&layer) {
            self.pass(file, Analyser::tracing(Options::default()), |analyser| {
                picked.take(analyser.take_segments());
            })?;
        }
        Ok(picked)
    }

    fn sides(&self, file: &mut File, analysis: &Analysis) -> Result<Vec<u8>, PreviewError> {
        let mut sides = Sides::of_print(analysis, self.size)?;
        let drawn = self.pass(file, Analyser::tracing(Options::default()), |analyser| {
            analyser.take_segments().iter().for_each(|segment| sides.segment(segment));
        });
        drawn.map_err(|error| PreviewError::Encoder(error.to_string()))?;
        sides.png()
    }

    fn thumbnail(&self, file: &mut File, analysis: &Analysis) -> Result<Vec<u8>, PreviewError> {
        let place = analysis.metadata.largest_thumbnail().ok_or(PreviewError::NoThumbnail)?;
        let mut text = Vec::new();
        let read = file
            .seek(SeekFrom::Start(place.offset))
            .and_then(|_| file.take(thumbnail::TEXT_MAX as u64).read_to_end(&mut text));
        read.map_err(|error| PreviewError::Encoder(error.to_string()))?;
        thumbnail::decode(&text)
    }
}

fn failed(path: &Path, error: std::io::Error) -> Failed {
    Failed::File { path: path.display().to_string(), error }
}
