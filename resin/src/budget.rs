//! How much resin a print takes, counted from its masks, and how far what is in the vat reaches.

use crate::layer::LayerIndex;
use crate::machine::Vat;
use crate::units::Micrometres;

/// µm³ of a millilitre.
const MILLILITRE: f64 = 1e12;

/// What one layer takes, ml: all its grey, of 255 a point, in points of this width and height, µm. Resin that shrinks
/// or stays on the part is not counted (facts C.2: 59.163 so counted, where PrusaSlicer says 59.162).
#[must_use]
pub fn millilitres(grey: u64, point: [f64; 2], thickness: Micrometres) -> f64 {
    // Exact up to 2^53, which is a thousand square metres of points.
    grey as f64 / 255.0 * point[0] * point[1] * thickness.0 as f64 / MILLILITRE
}

/// What all layers take, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// ml, with all before.
    through: Vec<f64>,
}

/// How far a filling reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// To the end; `left` ml are still above what has to stay.
    All { left: f64 },
    /// Before this layer there have to be `lacks` ml more for the rest of the print.
    Until { layer: LayerIndex, lacks: f64 },
}

impl Budget {
    /// Adds the next layer, from the plate up. What is no volume counts nothing.
    pub fn push(&mut self, millilitres: f64) {
        let more = if millilitres.is_finite() { millilitres.max(0.0) } else { 0.0 };
        self.through.push(self.total() + more);
    }

    /// ml of the whole print.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.through.last().copied().unwrap_or(0.0)
    }

    /// ml of all layers up to this one, and with it.
    #[must_use]
    pub fn through(&self, layer: LayerIndex) -> f64 {
        let at = usize::try_from(layer.0).unwrap_or(usize::MAX);
        self.through.get(at).copied().unwrap_or_else(|| self.total())
    }

    /// How far `filled` ml in the vat reach before layer `from`, when `keeps` ml have to stay in it: below that,
    /// light reaches a film that is dry.
    #[must_use]
    pub fn reach(&self, filled: f64, keeps: f64, from: LayerIndex) -> Reach {
        let gone = match from.0.checked_sub(1) {
            None => 0.0,
            Some(before) => self.through(LayerIndex(before)),
        };
        // A filling that nobody can read is none.
        let usable = if filled.is_finite() { filled - keeps } else { -keeps };
        let begin = usize::try_from(from.0).unwrap_or(usize::MAX).min(self.through.len());
        let rest = self.total() - gone;
        let whole = self.through[begin..].partition_point(|through| through - gone <= usable);
        match u32::try_from(begin + whole) {
            Ok(layer) if begin + whole < self.through.len() => {
                Reach::Until { layer: LayerIndex(layer), lacks: rest - usable }
            }
            _ => Reach::All { left: (usable - rest).max(0.0) },
        }
    }

    /// How much has to be in the vat before layer `from`, ml, and how often it has to be filled for that: once, unless
    /// the vat does not hold it all.
    #[must_use]
    pub fn fillings(&self, vat: Vat) -> Option<u32> {
        let room = vat.holds - vat.keeps;
        if room <= 0.0 || !room.is_finite() {
            return None;
        }
        let mut fillings = 1_u32;
        let mut begin = 0.0;
        let mut before = 0.0;
        for through in &self.through {
            if through - begin > room {
                fillings = fillings.checked_add(1)?;
                begin = before;
                if through - begin > room {
                    return None;
                }
            }
            before = *through;
        }
        Some(fillings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(each: &[f64]) -> Budget {
        let mut budget = Budget::default();
        each.iter().for_each(|one| budget.push(*one));
        budget
    }

    #[test]
    fn a_layer_takes_its_points_times_its_thickness() {
        // 1,000 by 1,000 points of 50 µm, 50 µm thick: 50 by 50 by 0.05 mm.
        let full = millilitres(1_000_000 * 255, [50.0, 50.0], Micrometres(50));
        assert!((full - 0.125).abs() < 1e-12, "{full}");
        assert!((millilitres(1_000_000 * 51, [50.0, 50.0], Micrometres(50)) - 0.025).abs() < 1e-12);
        assert_eq!(millilitres(0, [50.0, 50.0], Micrometres(50)), 0.0);
    }

    #[test]
    fn a_filling_reaches_to_the_layer_that_would_touch_what_has_to_stay() {
        let budget = of(&[2.0, 1.0, 1.0, 4.0]);
        assert_eq!((budget.total(), budget.through(LayerIndex(1))), (8.0, 3.0));
        let until = |layer, lacks| Reach::Until { layer: LayerIndex(layer), lacks };
        for (filled, from, reach) in [
            (28.0, 0, Reach::All { left: 0.0 }),
            (30.0, 0, Reach::All { left: 2.0 }),
            (27.5, 0, until(3, 0.5)),
            (23.0, 0, until(2, 5.0)),
            (21.0, 0, until(0, 7.0)),
            (10.0, 0, until(0, 18.0)),
            (f64::NAN, 0, until(0, 28.0)),
            (24.0, 3, Reach::All { left: 0.0 }),
            (22.0, 1, until(3, 4.0)),
            (21.0, 4, Reach::All { left: 1.0 }),
            (21.0, u32::MAX, Reach::All { left: 1.0 }),
        ] {
            assert_eq!(budget.reach(filled, 20.0, LayerIndex(from)), reach, "{filled} ml before {from}");
        }
        assert_eq!(of(&[]).reach(25.0, 20.0, LayerIndex(0)), Reach::All { left: 5.0 });
        assert_eq!(of(&[1.0, f64::NAN, -3.0, f64::INFINITY]).total(), 1.0);
    }

    #[test]
    fn a_print_that_is_more_than_a_vat_is_filled_again_between_layers() {
        let budget = of(&[2.0, 1.0, 1.0, 4.0]);
        for (holds, fillings) in
            [(28.0, Some(1)), (25.0, Some(2)), (24.0, Some(2)), (23.9, None), (20.0, None), (10.0, None)]
        {
            assert_eq!(budget.fillings(Vat { holds, keeps: 20.0 }), fillings, "{holds} ml");
        }
    }

    proptest! {
        #[test]
        fn what_reaches_to_a_layer_is_enough_for_those_before_and_not_for_it(
            each in prop::collection::vec(0.0..5.0, 1..30),
            filled in 0.0..100.0,
            from in 0_u32..30,
        ) {
            let budget = of(&each);
            let from = LayerIndex(from.min(u32::try_from(each.len()).unwrap()));
            let needs = |to: usize| each[from.0 as usize..to].iter().sum::<f64>();
            match budget.reach(filled, 10.0, from) {
                Reach::All { left } => {
                    let over = filled - 10.0 - needs(each.len());
                    prop_assert!((over.max(0.0) - left).abs() < 1e-9);
                    // Nothing is wanted behind the last layer.
                    prop_assert!(over > -1e-9 || from.0 as usize == each.len());
                }
                Reach::Until { layer, lacks } => {
                    let to = layer.0 as usize;
                    prop_assert!(needs(to) <= (filled - 10.0).max(0.0) + 1e-9);
                    prop_assert!(needs(to + 1) > filled - 10.0 - 1e-9 && lacks > -1e-9);
                }
            }
        }
    }
}
