//! What a job takes of resin, light and film, and where it stands still to be refilled.

use serde::{Deserialize, Serialize};

use crate::domain::units::Microlitres;

/// More refills are no print, but a night of work; and an entry of the journal has a bound.
pub const REFILLS_MAX: usize = 16;
/// A vat of 100 litres is none: what is above is a slip of somewhere else.
const RESIN_MAX: Microlitres = Microlitres(100_000_000);
/// A hundred days of light.
const LIGHT_MAX_MS: u64 = 8_640_000_000;
/// And of printing.
const MINUTES_MAX: u32 = 144_000;

/// As the job's file has it; of a file that nobody but its printer reads, as a person has said it.
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
    /// Of a file that nobody but its printer reads: its layers and its light are not known, and nothing stands above for
    /// them. Absent where the file itself tells all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<Opaque>,
}

/// What is known of a file that nobody but its printer reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "resin", rename_all = "snake_case")]
pub enum Opaque {
    /// Nobody has said what it takes: it does not begin on a resin printer.
    Unsaid,
    /// A person has read it from the slicer's screen.
    Said {
        by: String,
        /// How long the slicer says that it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u32>,
    },
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
    #[error("its file is encrypted, so that nobody knows its layers and its light")]
    Opaque,
    #[error("it is said to take no time, or more than a hundred days")]
    Minutes,
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
    /// Of a file that nobody but its printer reads; none of resin where nobody has said it.
    pub fn opaque(opaque: Opaque, resin: Microlitres) -> Self {
        Self { resin, opaque: Some(opaque), ..Self::default() }
    }

    /// How many layers it has; `None` where nobody knows.
    pub fn known_layers(&self) -> Option<u32> {
        self.opaque.is_none().then_some(self.layers)
    }

    /// All exposures together, ms; `None` where nobody knows.
    pub fn known_light_ms(&self) -> Option<u64> {
        self.opaque.is_none().then_some(self.light_ms)
    }

    /// What it takes of resin; `None` where nobody knows.
    pub fn known_resin(&self) -> Option<Microlitres> {
        (self.opaque != Some(Opaque::Unsaid)).then_some(self.resin)
    }

    /// Minutes that it takes as a person has said.
    pub fn said_minutes(&self) -> Option<u32> {
        match self.opaque {
            Some(Opaque::Said { minutes, .. }) => minutes,
            Some(Opaque::Unsaid) | None => None,
        }
    }

    /// Who has said what it takes; absent where its file tells it, or nobody has.
    pub fn said_by(&self) -> Option<&str> {
        match &self.opaque {
            Some(Opaque::Said { by, .. }) => Some(by),
            Some(Opaque::Unsaid) | None => None,
        }
    }

    fn check_opaque(&self, opaque: &Opaque) -> Result<(), NeedError> {
        let told = Self { resin: Microlitres(0), opaque: None, ..self.clone() };
        if told != Self::default() {
            return Err(NeedError::Opaque);
        }
        match opaque {
            Opaque::Unsaid if self.resin.0 > 0 => Err(NeedError::Opaque),
            Opaque::Unsaid => Ok(()),
            Opaque::Said { .. } if self.resin.0 == 0 => Err(NeedError::NoResin),
            Opaque::Said { .. } if self.resin > RESIN_MAX => Err(NeedError::TooMuch),
            Opaque::Said { minutes: Some(minutes), .. } if !(1..=MINUTES_MAX).contains(minutes) => {
                Err(NeedError::Minutes)
            }
            Opaque::Said { .. } => Ok(()),
        }
    }

    pub fn check(&self) -> Result<(), NeedError> {
        if let Some(opaque) = &self.opaque {
            return self.check_opaque(opaque);
        }
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

    /// What it takes from where so much is used until it stands still the next time, or ends.
    pub fn until_refill(&self, used: Microlitres) -> Microlitres {
        let next = self.refills.iter().map(|refill| refill.used).find(|at| *at > used);
        Microlitres(next.unwrap_or(self.resin).0.saturating_sub(used.0))
    }

    /// The stretch that a job goes on with that stands still to be refilled behind so many layers. A board of its own
    /// may stand one layer before its stop.
    pub fn stretch_behind(&self, layers: u64) -> Microlitres {
        let stops = self.refills.iter().take_while(|refill| u64::from(refill.before_layer) <= layers + 1);
        self.stretches().nth(stops.count()).unwrap_or(self.resin)
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
