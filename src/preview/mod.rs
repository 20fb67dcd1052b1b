//! Pictures of what is to be printed: one layer from its toolpath or mask, and print or model from three sides. And
//! charts.
//!
//! Numbers of the file are all that they show; no word of it gets into a picture.

pub mod chart;
pub mod drawing;
pub mod layer;
pub mod mask;
pub mod places;
pub mod relief;
pub mod sides;
pub mod thumbnail;

/// Pixels of the longer side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixels(u16);

impl Pixels {
    pub const MIN: u16 = 16;
    pub const MAX: u16 = 4_096;

    pub const fn new(pixels: u16) -> Option<Self> {
        if pixels >= Self::MIN && pixels <= Self::MAX { Some(Self(pixels)) } else { None }
    }

    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for Pixels {
    fn default() -> Self {
        Self(800)
    }
}

impl std::str::FromStr for Pixels {
    type Err = PreviewError;

    fn from_str(text: &str) -> Result<Self, PreviewError> {
        text.parse().ok().and_then(Self::new).ok_or(PreviewError::Size)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    #[error("a picture has from {min} to {max} pixels", min = Pixels::MIN, max = Pixels::MAX)]
    Size,
    #[error("there is no layer {layer}; {}", match layers {
        0 => "the file has none: nothing is laid in it".to_owned(),
        1 => "the file has one, layer 1".to_owned(),
        layers => format!("the file has layers 1 to {layers}"),
    })]
    NoLayer { layer: usize, layers: usize },
    #[error("it lays no filament at a place that is known, so there is nothing to see")]
    Nothing,
    #[error("layer {layer} has more than {max} moves; it is not drawn")]
    TooMuch { layer: usize, max: usize },
    #[error("the file holds no picture in PNG; its slicer puts one in if it is told to")]
    NoThumbnail,
    #[error("a layer of a resin file is a picture of points; ask for it as PNG")]
    NoVectors,
    #[error("the picture could not be made: {0}")]
    Encoder(String),
}

#[cfg(test)]
mod tests;
