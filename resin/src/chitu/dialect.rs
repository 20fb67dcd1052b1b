//! What was learned of one board: its firmware, what it tells, and how a print is started on it.

use super::reply::Axes;
use crate::units::Micrometres;

/// How a selected file is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartWay {
    /// `M23 /name`, then `M6030 'name'` (mariner).
    M6030,
    /// `M23 /name`, then `M24` (Mars Pro with V4.4.3).
    M23M24,
}

impl StartWay {
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::M6030 => Self::M23M24,
            Self::M23M24 => Self::M6030,
        }
    }
}

/// Whether a question has been of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    #[default]
    NotAsked,
    Yes,
    No,
}

/// How `M4006` names the file that is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameTold {
    #[default]
    NotAsked,
    Path,
    BaseName,
    /// `ok` and no name (mariner #452).
    No,
}

/// One board.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialect {
    /// As `M4002` tells it: `V4.3.4_LCDC`.
    pub firmware: Option<String>,
    pub axes: Axes,
    /// Whether `M4000` tells `D:`.
    pub status: Tells,
    /// Whether `M27` tells bytes, or that nothing prints.
    pub progress: Tells,
    pub name: NameTold,
    /// What worked, once something has.
    pub start: Option<StartWay>,
}

impl Eq for Dialect {}

impl Dialect {
    /// How prints are started, where the site does not say and nothing has worked yet.
    #[must_use]
    pub fn start_way(&self, forced: Option<StartWay>) -> StartWay {
        forced.or(self.start).unwrap_or_else(|| match self.version() {
            Some([4, 4, ..]) => StartWay::M23M24,
            _ => StartWay::M6030,
        })
    }

    /// `[4, 3, 4]` of `V4.3.4_LCDC`.
    #[must_use]
    pub fn version(&self) -> Option<[u32; 3]> {
        let numbers = self.firmware.as_deref()?.strip_prefix(['V', 'v'])?;
        let numbers = numbers.split(['_', '-']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        Some([parts.next()??, parts.next()??, parts.next()??])
    }

    /// How far up the plate goes.
    #[must_use]
    pub fn height(&self) -> Option<Micrometres> {
        self.axes.height()
    }

    /// Whether it can be known whether it prints.
    #[must_use]
    pub fn tells_printing(&self) -> bool {
        self.status == Tells::Yes || self.progress == Tells::Yes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_start_is_the_sites_then_what_worked_then_the_firmwares() {
        for (firmware, version, way) in [
            (Some("V4.4.3_LCDC"), Some([4, 4, 3]), StartWay::M23M24),
            (Some("V4.3.4_LCDC"), Some([4, 3, 4]), StartWay::M6030),
            (Some("V4.2.20.3_LCDM"), Some([4, 2, 20]), StartWay::M6030),
            (Some("V4"), None, StartWay::M6030),
            (Some("CBD"), None, StartWay::M6030),
            (None, None, StartWay::M6030),
        ] {
            let dialect = Dialect { firmware: firmware.map(str::to_owned), ..Dialect::default() };
            assert_eq!(dialect.version(), version);
            assert_eq!(dialect.start_way(None), way);
            assert_eq!(dialect.start_way(Some(way.other())), way.other());
            let learned = Dialect { start: Some(way.other()), ..dialect };
            assert_eq!(learned.start_way(None), way.other());
        }
    }
}
