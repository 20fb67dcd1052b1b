//! What a job takes of resin, light and film, and where it stands still to be refilled.

use serde::{Deserialize, Serialize};

use crate::domain::units::Microlitres;

/// More refills are no print, but a night of work; and an entry of the journal has a bound.
pub const REFILLS_MAX: usize = 16;
/// A vat of 100 litres is none: what is above is a slip of somewhere else.
const RESIN_MAX: Microlitres = Microlitres(100_000_000);
/// A hundred days of light.
const LIGHT_MAX_MS: u64 = 8_640_000_000;

/// As the job's file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub layers: u32,
    /// Over all layers.
    pub resin: Microlitres,
    /// Of the layer that takes the most.
    pub largest_layer: Microlitres,
    /// All exposures together, ms.
    pub light_ms: u64,
    /// The longest of them.
    pub longest_layer_ms: u64,
    /// Where it stands still until somebody has refilled the vat, by rising layer; none where a vat full is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refills: Vec<Refill>,
}

/// A stop before a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refill {
    /// From 0: it is not lit before the vat is refilled.
    pub before_layer: u32,
    /// What all layers below it take together.
    pub used: Microlitres,
}

/// What makes no sense in a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NeedError {
    #[error("it has no layer")]
    NoLayers,
    #[error("it takes no resin")]
    NoResin,
    #[error("it takes no light")]
    NoLight,
    #[error("it takes more than any vat or any day has")]
    TooMuch,
    #[error("one layer takes more than all of them")]
    LayerAboveAll,
    #[error("its refills are not in the order of its layers, or more than 16")]
    Refills,
    #[error("layer {layer} alone takes {takes}, and a full vat gives {room}")]
    LayerAboveVat { layer: u32, takes: Microlitres, room: Microlitres },
}

impl Need {
    pub fn check(&self) -> Result<(), NeedError> {
        if self.layers == 0 {
            return Err(NeedError::NoLayers);
        }
        if self.resin.0 == 0 {
            return Err(NeedError::NoResin);
        }
        if self.light_ms == 0 {
            return Err(NeedError::NoLight);
        }
        if self.resin > RESIN_MAX || self.light_ms > LIGHT_MAX_MS {
            return Err(NeedError::TooMuch);
        }
        if self.largest_layer > self.resin || self.longest_layer_ms > self.light_ms {
            return Err(NeedError::LayerAboveAll);
        }
        let rises = |pair: &[Refill]| match pair {
            [one, next] => one.before_layer < next.before_layer && one.used <= next.used,
            _ => true,
        };
        let within =
            |refill: &Refill| (1..self.layers).contains(&refill.before_layer) && refill.used <= self.resin;
        let few = self.refills.len() <= REFILLS_MAX;
        if few && self.refills.iter().all(within) && self.refills.windows(2).all(rises) {
            Ok(())
        } else {
            Err(NeedError::Refills)
        }
    }

    /// What it takes until its first refill, and then from each to the next or to the end.
    pub fn stretches(&self) -> impl Iterator<Item = Microlitres> + '_ {
        let ends = self.refills.iter().map(|refill| refill.used).chain([self.resin]);
        let begins = [Microlitres(0)].into_iter().chain(self.refills.iter().map(|refill| refill.used));
        begins.zip(ends).map(|(from, to)| Microlitres(to.0.saturating_sub(from.0)))
    }

    /// What it takes until it stands still for the first time, or ends.
    pub fn first_stretch(&self) -> Microlitres {
        self.stretches().next().unwrap_or(self.resin)
    }

    /// The longest stretch, for which a full vat has to be enough.
    pub fn longest_stretch(&self) -> Microlitres {
        self.stretches().max().unwrap_or(self.resin)
    }
}

/// Where a print is refilled, from what each of its layers takes: as late as `first` (what the vat gives at the start)
/// and then `room` (what a full one gives) allow. Nothing where that is enough without.
///
/// An error names the layer for which a full vat is too little, or says that there would be too many refills.
pub fn refills(
    layers: impl IntoIterator<Item = Microlitres>,
    first: Microlitres,
    room: Microlitres,
) -> Result<Vec<Refill>, NeedError> {
    let mut refills = Vec::new();
    let (mut used, mut since, mut gives) = (0u64, 0u64, first.0);
    for (layer, takes) in (0u32..).zip(layers) {
        if takes > room {
            return Err(NeedError::LayerAboveVat { layer, takes, room });
        }
        if since.saturating_add(takes.0) > gives {
            // Before the first layer there is no stop, but a vat to be filled: that is said when the job begins.
            if layer > 0 {
                if refills.len() == REFILLS_MAX {
                    return Err(NeedError::Refills);
                }
                refills.push(Refill { before_layer: layer, used: Microlitres(used) });
            }
            (since, gives) = (0, room.0);
        }
        since = since.saturating_add(takes.0);
        used = used.saturating_add(takes.0);
    }
    Ok(refills)
}
