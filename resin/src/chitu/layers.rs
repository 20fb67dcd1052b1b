//! How far a print is, told from the bytes that the board has read of the file.
//!
//! The board tells the offset at which the picture of the layer that it prints ends (`D:`, `M27`); the file's
//! own table makes a layer of it: the first whose end is not before (facts A.2, Chituboard
//! `get_current_layer`).

use crate::layer::{Layer, LayerIndex};

/// Why bytes tell no layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Opaque {
    #[error("the file does not say where its layers end")]
    NotTold,
    #[error("layers stand in the file in another order than they are printed, or share a picture")]
    NotInOrder,
    #[error("a layer ends behind the end of the file")]
    PastTheEnd,
}

/// The ends of the layers of one file, in bytes from its begin, growing; of a file that nobody but the board reads at
/// most where the last of them ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers(Result<Vec<u64>, Opaque>, Option<u64>);

impl Layers {
    /// Of a file of `size` bytes.
    #[must_use]
    pub fn of(layers: &[Layer], size: u64) -> Self {
        let Some(ends) = layers.iter().map(|layer| layer.ends_at).collect::<Option<Vec<_>>>() else {
            return Self(Err(Opaque::NotTold), None);
        };
        let Some(last) = ends.last() else { return Self(Err(Opaque::NotTold), None) };
        if ends[0] == 0 || ends.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Self(Err(Opaque::NotInOrder), None);
        }
        if *last > size || u32::try_from(ends.len()).is_err() {
            return Self(Err(Opaque::PastTheEnd), None);
        }
        Self(Ok(ends), None)
    }

    /// Of a file that nobody but the board reads.
    #[must_use]
    pub const fn opaque() -> Self {
        Self(Err(Opaque::NotTold), None)
    }

    /// The same, where all that is printed is known to end at this byte.
    #[must_use]
    pub const fn opaque_to(end: u64) -> Self {
        Self(Err(Opaque::NotTold), Some(end))
    }

    /// Whether whoever has read so many bytes of a file of `size` has read the last picture, where no layer tells it.
    #[must_use]
    pub fn is_end(&self, bytes: u64, size: u64) -> bool {
        bytes <= size && bytes >= self.1.unwrap_or(size)
    }

    #[must_use]
    pub fn why_opaque(&self) -> Option<Opaque> {
        self.0.as_ref().err().copied()
    }

    /// The layer that is printed when the board has read `bytes`; `None` before the first and for an opaque
    /// file.
    #[must_use]
    pub fn at(&self, bytes: u64) -> Option<LayerIndex> {
        let ends = self.0.as_ref().ok()?;
        if bytes == 0 {
            return None;
        }
        // Bytes behind the last picture are read when all pictures are.
        let index = ends.partition_point(|end| *end < bytes).min(ends.len() - 1);
        u32::try_from(index).ok().map(LayerIndex)
    }

    #[must_use]
    pub fn last(&self) -> Option<LayerIndex> {
        let ends = self.0.as_ref().ok()?;
        u32::try_from(ends.len() - 1).ok().map(LayerIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(ends: &[Option<u64>], size: u64) -> Layers {
        let layers: Vec<Layer> = ends.iter().map(|end| Layer { ends_at: *end, ..Layer::default() }).collect();
        Layers::of(&layers, size)
    }

    #[test]
    fn the_layer_is_the_first_that_ends_at_or_behind_the_byte() {
        let layers = layers(&[Some(100), Some(250), Some(300)], 310);
        assert_eq!(layers.last(), Some(LayerIndex(2)));
        for (bytes, layer) in [
            (0, None),
            (1, Some(0)),
            (100, Some(0)),
            (101, Some(1)),
            (250, Some(1)),
            (300, Some(2)),
            (310, Some(2)),
            (u64::MAX, Some(2)),
        ] {
            assert_eq!(layers.at(bytes), layer.map(LayerIndex), "{bytes}");
        }
    }

    #[test]
    fn a_file_whose_bytes_tell_no_layer_says_why() {
        for (ends, why) in [
            (&[][..], Opaque::NotTold),
            (&[Some(1), None], Opaque::NotTold),
            (&[Some(0), Some(9)], Opaque::NotInOrder),
            (&[Some(5), Some(5)], Opaque::NotInOrder),
            (&[Some(6), Some(5)], Opaque::NotInOrder),
            (&[Some(5), Some(11)], Opaque::PastTheEnd),
        ] {
            let layers = layers(ends, 10);
            assert_eq!(layers.why_opaque(), Some(why));
            assert_eq!((layers.at(5), layers.last()), (None, None));
        }
        assert_eq!(Layers::opaque().why_opaque(), Some(Opaque::NotTold));
    }
}
