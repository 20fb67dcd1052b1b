//! Where the plate really is, which the board only believes to know, and what it runs into.
//!
//! ```text
//! true height = told height + offset     reset, lost steps: the offset changes     G28: the offset is 0 again
//! ```

use serde::{Deserialize, Serialize};

use super::config::MslaConfig;
use super::um;

/// The plate, or the part on it, was driven into something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// Board time, µs.
    pub at_us: u64,
    /// Where it was driven to, µm above the display.
    pub z_um: i64,
    /// Thickness of the part on the plate, µm.
    pub part_um: i64,
    /// Whether it was the top of the machine; else it was film and display.
    pub top: bool,
}

/// The plate and the thickness of what hangs on it.
#[derive(Debug, Clone)]
pub struct Plate {
    told_mm: f64,
    offset_mm: f64,
    /// Thickness of the part, µm.
    part_um: i64,
    /// Exposures that bonded to nothing.
    loose: u64,
    lowest_um: i64,
    highest_um: i64,
    cure_depth_um: i64,
    crashes: Vec<Crash>,
    /// It stood against something when it was looked at last.
    is_pushing: bool,
}

impl Plate {
    pub(crate) fn new(config: &MslaConfig) -> Self {
        Self {
            told_mm: 0.0,
            offset_mm: config.start_z_mm,
            part_um: 0,
            loose: 0,
            lowest_um: -config.give_um,
            highest_um: um(config.z_max_mm) + config.give_um,
            cure_depth_um: config.cure_depth_um,
            crashes: Vec::new(),
            is_pushing: false,
        }
    }

    /// True height above the display, µm.
    pub fn z_um(&self) -> i64 {
        um(self.z_mm())
    }

    /// True height above the display, mm.
    pub fn z_mm(&self) -> f64 {
        self.told_mm + self.offset_mm
    }

    /// Thickness of the part that hangs on it, µm.
    pub fn part_um(&self) -> i64 {
        self.part_um
    }

    /// Exposures whose layer bonded to nothing: the gap was greater than what cures through.
    pub fn loose(&self) -> u64 {
        self.loose
    }

    /// What it was driven into.
    pub fn crashes(&self) -> &[Crash] {
        &self.crashes
    }

    /// The board now believes in this height, because the motor turned. What stands in the way stops the plate, and
    /// the motor loses steps.
    pub(crate) fn follow(&mut self, now_us: u64, told_mm: f64) {
        if told_mm.to_bits() == self.told_mm.to_bits() {
            return;
        }
        let rises = told_mm > self.told_mm;
        self.told_mm = told_mm;
        let z_um = self.z_um();
        let lowest_um = self.part_um + self.lowest_um;
        let (limit_um, top) = if z_um < lowest_um && !rises {
            (lowest_um, false)
        } else if z_um > self.highest_um && rises {
            (self.highest_um, true)
        } else {
            self.is_pushing = false;
            return;
        };
        // One move is looked at many times; it is one crash, as deep as all of it.
        let was_pushing = std::mem::replace(&mut self.is_pushing, true);
        match self.crashes.last_mut().filter(|last| was_pushing && last.top == top) {
            Some(last) => last.z_um += z_um - limit_um,
            None => self.crashes.push(Crash { at_us: now_us, z_um, part_um: self.part_um, top }),
        }
        self.offset_mm += (limit_um - z_um) as f64 / 1000.0;
    }

    /// The board begins to count from another number; the plate does not move.
    pub(crate) fn renumber(&mut self, told_mm: f64) {
        self.offset_mm += self.told_mm - told_mm;
        self.told_mm = told_mm;
    }

    /// It stands at the switch, unless something stopped it on its way there.
    pub(crate) fn arrive(&mut self, told_mm: f64) {
        self.renumber(told_mm);
        if self.offset_mm.abs() < 0.001 {
            self.offset_mm = 0.0;
        }
    }

    /// Steps were lost: it is so much higher than the board believes.
    pub(crate) fn slip(&mut self, by_um: i64) {
        self.offset_mm += by_um as f64 / 1000.0;
    }

    /// Resin has cured between the part and the display.
    pub(crate) fn cure(&mut self, z_um: i64) {
        if bonds(z_um, self.part_um, self.cure_depth_um) {
            self.part_um = self.part_um.max(z_um);
        } else {
            self.loose += 1;
        }
    }

    /// Nothing hangs on it any more.
    pub(crate) fn clear(&mut self) {
        self.part_um = 0;
    }
}

/// Whether what cures at this height of the plate reaches the part.
pub(crate) fn bonds(z_um: i64, part_um: i64, cure_depth_um: i64) -> bool {
    z_um - part_um <= cure_depth_um
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate() -> Plate {
        let mut plate = Plate::new(&MslaConfig::default());
        plate.follow(0, 70.0);
        plate.arrive(150.0);
        plate
    }

    #[test]
    fn a_part_takes_room_below_the_plate() {
        let mut plate = plate();
        for layer in 1..=100 {
            plate.follow(layer, layer as f64 * 0.05);
            plate.cure(plate.z_um());
        }
        assert_eq!((plate.part_um(), plate.crashes().len(), plate.loose()), (5000, 0, 0));
        plate.follow(101, 0.0);
        assert_eq!(plate.crashes(), [Crash { at_us: 101, z_um: 0, part_um: 5000, top: false }]);
        // It was stopped where film and display gave way no further, and the board does not know.
        assert_eq!(plate.z_um(), 4800);
        plate.clear();
        plate.follow(102, -4.0);
        assert_eq!(plate.crashes().len(), 1);
    }

    #[test]
    fn what_cures_far_below_the_part_bonds_to_nothing() {
        let mut plate = plate();
        plate.follow(1, 5.0);
        plate.cure(plate.z_um());
        assert_eq!((plate.part_um(), plate.loose()), (0, 1));
    }

    #[test]
    fn the_top_of_the_machine_stops_it_too() {
        let mut plate = plate();
        plate.follow(1, 151.0);
        assert_eq!((plate.crashes().len(), plate.crashes()[0].top, plate.z_um()), (1, true, 150_200));
    }
}
