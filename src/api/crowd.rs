//! How many connections there may be: in all, from one address, and apart from these for this machine itself.
//!
//! Whoever takes all places from elsewhere takes none of this machine's: somebody who sits at it can always stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::people::whence::{Machine, Whence};

/// From elsewhere, in all. Each holds some 40 KiB, and with TLS as much again.
pub const AFAR: usize = 512;
/// From one address: the lab behind a router, with pages, dashboards and slicers of its own.
pub const OF_ONE: usize = 128;
/// From this machine: a proxy's, and those of the command line.
pub const HERE: usize = 768;

#[derive(Debug, Default)]
struct Counts {
    here: usize,
    afar: usize,
    by_machine: BTreeMap<Machine, usize>,
}

/// Who is there. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Crowd(Arc<Mutex<Counts>>);

/// One connection's place, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Crowd,
    whence: Whence,
}

impl Crowd {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more, where there is one.
    pub fn enter(&self, whence: Whence) -> Option<Place> {
        let mut counts = self.counts();
        match whence {
            Whence::Here if counts.here < HERE => counts.here += 1,
            Whence::Afar(machine) if counts.afar < AFAR => {
                let of_one = counts.by_machine.entry(machine).or_default();
                if *of_one >= OF_ONE {
                    return None;
                }
                *of_one += 1;
                counts.afar += 1;
            }
            Whence::Here | Whence::Afar(_) => return None,
        }
        drop(counts);
        Some(Place { crowd: self.clone(), whence })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        match self.whence {
            Whence::Here => counts.here = counts.here.saturating_sub(1),
            Whence::Afar(machine) => {
                counts.afar = counts.afar.saturating_sub(1);
                let left = counts.by_machine.get(&machine).map_or(0, |of_one| of_one.saturating_sub(1));
                // Nothing is kept of who is gone.
                match left {
                    0 => drop(counts.by_machine.remove(&machine)),
                    left => drop(counts.by_machine.insert(machine, left)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn afar(n: u8) -> Whence {
        Whence::Afar(Machine([n; 16]))
    }

    #[test]
    fn one_address_cannot_take_all_and_all_cannot_take_this_machine_s() {
        let crowd = Crowd::default();
        let of_one: Vec<_> = std::iter::from_fn(|| crowd.enter(afar(1))).collect();
        assert_eq!(of_one.len(), OF_ONE);
        let others: Vec<_> = (2..=255).filter_map(|n| crowd.enter(afar(n))).collect();
        let more: Vec<_> = (2..=255).filter_map(|n| crowd.enter(afar(n))).collect();
        assert_eq!(of_one.len() + others.len() + more.len(), AFAR);
        assert!(crowd.enter(afar(1)).is_none());
        let here: Vec<_> = std::iter::from_fn(|| crowd.enter(Whence::Here)).collect();
        assert_eq!(here.len(), HERE);
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_ends_and_nothing_is_kept_of_it() {
        let crowd = Crowd::default();
        for n in 0..=255 {
            let held = [crowd.enter(afar(n)), crowd.enter(afar(n)), crowd.enter(Whence::Here)];
            assert!(held.iter().all(Option::is_some));
        }
        let counts = crowd.counts();
        assert_eq!((counts.here, counts.afar, counts.by_machine.len()), (0, 0, 0));
    }
}
