//! A picture under way: its file was read once for what it is, and is read once more for its way.

use std::ops::Range;
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
    way: Follower,
    /// Bytes of the file whose way is seen.
    seen: Range<u64>,
    what: What,
    pixels: Pixels,
}

#[derive(Debug)]
enum What {
    Layer(Picked, Format),
    Sides(Box<Sides>),
}

/// Has followed a file's way up to some byte: what goes on from there needs nothing of what was before.
#[derive(Clone, Debug)]
pub struct Follower {
    at: u64,
    way: Analyser,
}

impl Follower {
    fn new() -> Self {
        Self { at: 0, way: Analyser::tracing(Options::default()) }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<(), LexError> {
        self.at += chunk.len() as u64;
        self.way.feed(chunk)
    }
}

impl Drawing {
    /// One layer from above; the first is 1, and what comes before it is seen with it.
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
        let begin = if layer == 1 { 0 } else { of.layers[layer - 1].offset };
        let end = of.layers.get(layer).map_or(u64::MAX, |next| next.offset);
        let what = What::Layer(Picked::new(layer), format);
        Ok(Self { of, way: Follower::new(), seen: begin..end, what, pixels })
    }

    /// The whole print from three sides.
    pub fn sides(of: Arc<Analysis>, pixels: Pixels) -> Result<Self, PreviewError> {
        let sides = Sides::of_print(&of, pixels)?;
        let what = What::Sides(Box::new(sides));
        Ok(Self { of, way: Follower::new(), seen: 0..u64::MAX, what, pixels })
    }

    /// Goes on from where another drawing of the same file has come to, unless that is too far.
    pub fn after(mut self, follower: Option<Follower>) -> Self {
        if let Some(follower) = follower.filter(|follower| follower.at <= self.seen.start) {
            self.way = follower;
        }
        self
    }

    /// The bytes of the file that it has still to be fed; others behind them change nothing.
    pub fn wants(&self) -> Range<u64> {
        self.way.at..self.seen.end
    }

    /// For a drawing of a layer behind this one, if there is one.
    pub fn follower(&self) -> Option<Follower> {
        (self.seen.end < u64::MAX).then(|| self.way.clone())
    }

    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), LexError> {
        let within = |chunk: &[u8], bytes: u64| {
            usize::try_from(bytes).map_or(chunk.len(), |bytes| bytes.min(chunk.len()))
        };
        let (before, chunk) = chunk.split_at(within(chunk, self.seen.start.saturating_sub(self.way.at)));
        if !before.is_empty() {
            self.way.feed(before)?;
            self.way.way.take_segments();
        }
        let chunk = &chunk[..within(chunk, self.seen.end.saturating_sub(self.way.at))];
        self.way.feed(chunk)?;
        self.take();
        Ok(())
    }

    fn take(&mut self) {
        let way = self.way.way.take_segments();
        match &mut self.what {
            What::Layer(picked, _) => picked.take(way),
            What::Sides(sides) => way.iter().for_each(|segment| sides.segment(segment)),
        }
    }

    /// The end of the file: the picture's bytes. Takes its time.
    pub fn picture(mut self) -> Result<Vec<u8>, PreviewError> {
        // A last line may have no end.
        self.way.feed(b"\n").map_err(|error| PreviewError::Encoder(error.to_string()))?;
        self.take();
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
