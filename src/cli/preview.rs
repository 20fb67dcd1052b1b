//! `platen preview`: a picture of a layer, of the whole print or of a model, or the one that its slicer has put in.

use clap::Args;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::resin::file::Mask;
use ::resin::layer::LayerIndex;

use super::Failed;
use super::masks::{self, Looked};
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::survey::other_format;
use crate::io::resinfile;
use crate::model::Hint;
use crate::preview::drawing::{Drawing, Format};
use crate::preview::sides::{NoModel, Sides};
use crate::preview::{Pixels, PreviewError, thumbnail};

/// As much as is read at a time.
const BLOCK: usize = 256 << 10;
/// Bytes that say what a file is.
const HEAD: u64 = 84;

#[derive(Debug, Args)]
pub struct Preview {
    /// The G-code or resin file to look at, or a model (.stl, .3mf, .obj).
    pub file: PathBuf,
    /// This layer from above, the first is 1; else the whole print from the front, the right and above.
    #[arg(long, value_name = "NUMBER")]
    pub layer: Option<usize>,
    /// The picture that the slicer has put into the file.
    #[arg(long, conflicts_with = "layer")]
    pub thumbnail: bool,
    /// Where the picture goes: .png, or .svg for a layer of G-code. What is there is replaced.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Pixels of its longer side, or of each side's.
    #[arg(long, value_name = "PIXELS", default_value = "800")]
    pub size: Pixels,
}

impl Preview {
    pub fn run(self) -> Result<(), Failed> {
        let wanted = self.out.extension().and_then(|extension| extension.to_str());
        let format = match wanted.map(str::to_ascii_lowercase).as_deref() {
            Some("png") => Format::Png,
            Some("svg") if self.layer.is_some() => Format::Svg,
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
            let sides = match Sides::of_model(&mut file, Some(hint), self.size) {
                Ok((sides, _)) => sides.png(),
                Err(NoModel::Preview(error)) => Err(error),
                Err(error) => return Err(Failed::Finding(format!("{}: {error}", self.file.display()))),
            };
            return self.keep(sides);
        }
        if masks::is_resin(&mut file).map_err(|error| failed(&self.file, error))? {
            return self.resin(&file, format);
        }
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|error| failed(&self.file, error))?;
        other_format(&head).map_or(Ok(()), |error| Err(self.no_gcode(error)))?;
        let analyser = self.pass(&mut file, Analyser::new(Options::default()), Analyser::feed)?;
        let analysis = Arc::new(analyser.finish().map_err(|error| self.no_gcode(error))?);
        if self.thumbnail {
            return self.keep(Self::slicers(&mut file, &analysis));
        }
        let drawing = match self.layer {
            Some(layer) => Drawing::layer(analysis, layer, format, self.size),
            None => Drawing::sides(analysis, self.size),
        };
        match drawing {
            Ok(drawing) => {
                let drawing = self.pass(&mut file, drawing, Drawing::feed)?;
                self.keep(drawing.picture())
            }
            Err(error) => self.keep(Err(error)),
        }
    }

    /// A mask, or the print as its masks show it.
    fn resin(&self, file: &File, format: Format) -> Result<(), Failed> {
        if self.thumbnail {
            return self.keep(Err(PreviewError::NoThumbnail));
        }
        if format == Format::Svg {
            return self.keep(Err(PreviewError::NoVectors));
        }
        let Looked(reading) = Looked::at(&self.file, file)?;
        if reading.is_opaque() {
            return Err(Failed::Finding(format!("{} is encrypted: it cannot be drawn", self.file.display())));
        }
        let Some(layer) = self.layer else {
            let (relief, size) = reading.relief();
            return self.keep(relief.png(size, self.size));
        };
        let layers = reading.said.layers.len();
        let at = layer.checked_sub(1).filter(|at| *at < layers).and_then(|at| u32::try_from(at).ok());
        let (Some(at), Some(frame)) = (at, reading.frame()) else {
            let why =
                if at.is_none() { PreviewError::NoLayer { layer, layers } } else { PreviewError::Nothing };
            return self.keep(Err(why));
        };
        let drawn = || -> Result<Mask, String> {
            let (_, mut masks) = resinfile::open(file.try_clone().map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())?;
            let mut mask = Mask::default();
            masks.layer(LayerIndex(at), &mut mask).map_err(|error| error.to_string())?;
            Ok(mask)
        };
        let mask = drawn().map_err(|error| self.no_gcode(error))?;
        self.keep(frame.png(&mask, self.size))
    }

    fn keep(&self, picture: Result<Vec<u8>, PreviewError>) -> Result<(), Failed> {
        let picture =
            picture.map_err(|error| Failed::Finding(format!("{}: {error}", self.file.display())))?;
        std::fs::write(&self.out, picture)
            .map_err(|error| Failed::Finding(format!("{} cannot be written: {error}", self.out.display())))
    }
}

impl Preview {
    fn no_gcode(&self, error: impl std::fmt::Display) -> Failed {
        Failed::Finding(format!("{} cannot be drawn: {error}", self.file.display()))
    }

    /// Reads the file through.
    fn pass<T, E: std::fmt::Display>(
        &self,
        file: &mut File,
        mut reader: T,
        feed: impl Fn(&mut T, &[u8]) -> Result<(), E>,
    ) -> Result<T, Failed> {
        file.seek(SeekFrom::Start(0)).map_err(|error| failed(&self.file, error))?;
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).map_err(|error| failed(&self.file, error))?;
            if read == 0 {
                return Ok(reader);
            }
            feed(&mut reader, &block[..read]).map_err(|error| self.no_gcode(error))?;
        }
    }

    /// What the slicer has put in.
    fn slicers(file: &mut File, analysis: &Analysis) -> Result<Vec<u8>, PreviewError> {
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
