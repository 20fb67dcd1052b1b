//! A picture under way: its file was read once for what it is, and is read once more for its way.

use std::sync::Arc;

use super::layer::Picked;
use super::sides::Sides;
use super::{Pixels, PreviewError};
use crate::gcode::analysis::{Analyser, Analysis, Options};
use crate::gcode::lexer::LexError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Svg,
}

/// Fed with the whole file in chunks of any size, then a picture.
#[derive(Debug)]
pub struct Drawing {
    of: Arc<Analysis>,
    way: Analyser,
    what: What,
    pixels: Pixels,
}

#[derive(Debug)]
enum What {
    Layer(Picked, Format),
    Sides(Box<Sides>),
}

impl Drawing {
    /// One layer from above; the first is 1.
    pub fn layer(
        of: Arc<Analysis>,
        layer: usize,
        format: Format,
        pixels: Pixels,
    ) -> Result<Self, PreviewError> {
        let layers = of.layers.len();
        if !(1..=layers).contains(&layer) {
            return Err(PreviewError::NoLayer { layer, layers });
        }
        Ok(Self::begin(of, What::Layer(Picked::new(layer), format), pixels))
    }

    /// The whole print from three sides.
    pub fn sides(of: Arc<Analysis>, pixels: Pixels) -> Result<Self, PreviewError> {
        let sides = Sides::of_print(&of, pixels)?;
        Ok(Self::begin(of, What::Sides(Box::new(sides)), pixels))
    }

    fn begin(of: Arc<Analysis>, what: What, pixels: Pixels) -> Self {
        Self { of, way: Analyser::tracing(Options::default()), what, pixels }
    }

    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), LexError> {
        self.way.feed(chunk)?;
        let way = self.way.take_segments();
        match &mut self.what {
            What::Layer(picked, _) => picked.take(way),
            What::Sides(sides) => way.iter().for_each(|segment| sides.segment(segment)),
        }
        Ok(())
    }

    /// The end of the file: the picture's bytes. Takes its time.
    pub fn picture(mut self) -> Result<Vec<u8>, PreviewError> {
        // A last line may have no end.
        self.feed(b"\n").map_err(|error| PreviewError::Encoder(error.to_string()))?;
        match self.what {
            What::Layer(picked, format) => {
                let view = picked.view(&self.of)?;
                match format {
                    Format::Svg => Ok(view.svg(self.pixels).into_bytes()),
                    Format::Png => view.png(self.pixels),
                }
            }
            What::Sides(sides) => sides.png(),
        }
    }
}
