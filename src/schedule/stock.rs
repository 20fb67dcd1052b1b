//! What hangs on the printers and is not planned for yet: each job that is placed takes its share, as one sum a pool.
//!
//! A pool is what hangs on one printer of one material, since nobody knows from which of several loads a job is fed. One
//! lot that hangs on several printers is one pool of theirs. Where nobody knows how much is left, nothing is added up.

use std::collections::BTreeMap;

use super::problem::{Amount, JobAt, Load, Lot, Material, Needs, Printer, Problem, State, Usable};

/// What a job takes of a material, where both are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Takes {
    material: Material,
    milligrams: u64,
}

impl Takes {
    pub(super) fn of(needs: &Needs) -> Option<Self> {
        let (material, Amount(milligrams)) = needs.material.zip(needs.amount)?;
        Some(Self { material, milligrams })
    }
}

/// Milligrams, or in a vat microlitres, before anything is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pool {
    whole: u64,
    /// The longest of its loads.
    longest: u64,
}

/// Which pools each printer is fed from.
#[derive(Clone, Debug)]
pub(super) struct Shelves {
    on: Vec<Vec<(Material, usize)>>,
    pools: Vec<Pool>,
}

/// Milligrams of each pool that are not planned for yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stock(Vec<u64>);

/// Why a job finds too little where there would be enough for it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) material: Material,
    pub(super) needs: Amount,
    pub(super) left: Amount,
    /// What the jobs before it take of that.
    pub(super) planned: Amount,
}

impl Shelves {
    /// And what is on them, less what the prints take that run now: nobody has booked it yet.
    pub(super) fn new(problem: &Problem) -> (Self, Stock) {
        let mut shelves = Self { on: Vec::with_capacity(problem.printers.len()), pools: Vec::new() };
        let mut of_lots: BTreeMap<(Material, Lot), usize> = BTreeMap::new();
        for printer in &problem.printers {
            let shelf = shelves.shelf(printer, &mut of_lots);
            shelves.on.push(shelf);
        }
        let mut stock = Stock(shelves.pools.iter().map(|pool| pool.whole).collect());
        for (at, printer) in problem.printers.iter().enumerate() {
            let State::Busy { job: Some(JobAt(job)), .. } = printer.state else { continue };
            let takes = problem.jobs.get(job).and_then(|job| Takes::of(&job.needs));
            shelves.take(&mut stock, at, takes);
        }
        (shelves, stock)
    }

    fn shelf(
        &mut self,
        printer: &Printer,
        of_lots: &mut BTreeMap<(Material, Lot), usize>,
    ) -> Vec<(Material, usize)> {
        let usable =
            |load: &&Load| printer.tracks_material && matches!(load.usable, Usable::Yes | Usable::InVat);
        let mut loads: BTreeMap<Material, Vec<&Load>> = BTreeMap::new();
        for load in printer.loads.iter().filter(usable) {
            loads.entry(load.material).or_default().push(load);
        }
        let mut shelf = Vec::with_capacity(loads.len());
        for (material, loads) in loads {
            let left: Option<Vec<u64>> = loads.iter().map(|load| load.left.map(|left| left.0)).collect();
            let Some(left) = left else { continue };
            let pool = Pool {
                whole: left.iter().copied().fold(0, u64::saturating_add),
                longest: left.into_iter().max().unwrap_or(0),
            };
            let next = self.pools.len();
            let place = match loads.as_slice() {
                [Load { lot: Some(lot), .. }] => *of_lots.entry((material, *lot)).or_insert(next),
                _ => next,
            };
            match self.pools.get_mut(place) {
                Some(known) => known.whole = known.whole.min(pool.whole),
                None => self.pools.push(pool),
            }
            shelf.push((material, place));
        }
        shelf
    }

    fn pool(&self, printer: usize, takes: Takes) -> Option<usize> {
        let shelf = self.on.get(printer)?;
        shelf.iter().find(|(material, _)| *material == takes.material).map(|(_, pool)| *pool)
    }

    /// Whether there is enough left for a job.
    pub(super) fn has(&self, stock: &Stock, printer: usize, takes: Option<Takes>) -> bool {
        let left = |takes: Takes| {
            let left = stock.0.get(self.pool(printer, takes)?)?;
            Some(*left >= takes.milligrams)
        };
        takes.and_then(left).unwrap_or(true)
    }

    pub(super) fn take(&self, stock: &mut Stock, printer: usize, takes: Option<Takes>) {
        self.change(stock, printer, takes, u64::saturating_sub);
    }

    pub(super) fn give_back(&self, stock: &mut Stock, printer: usize, takes: Option<Takes>) {
        self.change(stock, printer, takes, u64::saturating_add);
    }

    fn change(&self, stock: &mut Stock, at: usize, takes: Option<Takes>, change: fn(u64, u64) -> u64) {
        let Some(takes) = takes else { return };
        if let Some(left) = self.pool(at, takes).and_then(|pool| stock.0.get_mut(pool)) {
            *left = change(*left, takes.milligrams);
        }
    }

    /// What a job is short of where there would be enough for it alone.
    pub(super) fn short(&self, stock: &Stock, printer: usize, takes: Option<Takes>) -> Option<Short> {
        let takes = takes.filter(|_| !self.has(stock, printer, takes))?;
        let pool = self.pool(printer, takes)?;
        let (Pool { whole, longest }, left) = (*self.pools.get(pool)?, *stock.0.get(pool)?);
        (longest >= takes.milligrams).then_some(Short {
            material: takes.material,
            needs: Amount(takes.milligrams),
            left: Amount(whole),
            planned: Amount(whole.saturating_sub(left)),
        })
    }
}
