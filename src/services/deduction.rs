//! Takes what a job has used off the lots that it was fed from, when the job has ended and as the journal has it.
//!
//! ```text
//! journal ─▶ followed from its beginning (`Feeding`) ─▶ a job has ended ─▶ nothing was loaded: nothing is taken off
//!                                                             └─ taken off already (also by a person)? ─▶ done
//!                                                                 └─ its file is read: filament up to where it
//!                                                                    ended ─▶ MaterialUsed, once for each lot
//! ```
//! Nobody waits for this, the wires least of all. A crash takes nothing away and doubles nothing: what is to be done
//! stands in the journal, and so does that it was done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::gate::{firmware_of, last_told};
use super::journal::JournalError;
use super::recorder::{NotRecorded, Recorder};
use crate::config::Printer;
use crate::domain::event::Actor;
use crate::domain::ids::{FileHash, JobId, LotId};
use crate::domain::lab::{Lab, Request};
use crate::domain::quality::feeding::{Fed, Feeding, Stretch};
use crate::domain::quality::{self, Change};
use crate::gcode::analysis::Options;
use crate::gcode::lexer::LexError;
use crate::gcode::modal::Counting;
use crate::gcode::pushed::{Lengths, Pushed, Pushing};
use crate::io::spool::{Spool, SpoolError};

/// Entries of the journal that are read at a time.
const BATCH: usize = 256;
/// What cannot be found out now, or not be noted, is tried again after this time.
const AGAIN: Duration = Duration::from_secs(60);
/// mm of filament, where neither the printer nor the slicer says it.
const DIAMETER: f64 = 1.75;

/// Deducts what the jobs of the journal have used.
#[derive(Debug)]
pub struct Deductions {
    pub recorder: Recorder,
    pub spool: Arc<Spool>,
    pub printers: Vec<Printer>,
}

/// What is to be found out of a job.
#[derive(Debug)]
struct Wanted {
    file: FileHash,
    /// mg/cm³ of the lots that nothing is taken off yet; absent where neither the lot nor its material says it.
    lots: BTreeMap<LotId, Density>,
    counting: Option<Counting>,
}

/// mg/cm³: what the lot's maker says, and what its material usually has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Density {
    told: Option<u16>,
    usual: Option<u16>,
}

#[derive(Debug, thiserror::Error)]
enum NotDeducted {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the file cannot be read: {0}")]
    File(#[from] LexError),
    #[error(transparent)]
    Recorded(#[from] NotRecorded),
}

impl NotDeducted {
    /// Whether it may come right by itself, or by somebody who looks at the disk.
    fn passes(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Recorded(NotRecorded::Refused(_) | NotRecorded::TooLong { .. }))
    }
}

impl Deductions {
    /// Runs until `shutdown`; what is left then is found at the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.recorder.subscribe();
        let (mut feeding, mut next) = (Feeding::default(), 1);
        let mut open: BTreeMap<JobId, Fed> = BTreeMap::new();
        let mut later: BTreeMap<JobId, Fed> = BTreeMap::new();
        loop {
            match self.recorder.events(next, BATCH).await {
                Ok(events) if !events.is_empty() => {
                    for event in events {
                        next = event.seq + 1;
                        open.extend(feeding.follow(&event).filter(|(_, fed)| !fed.stretches.is_empty()));
                    }
                    if shutdown.is_cancelled() {
                        return;
                    }
                    continue;
                }
                Ok(_) => {}
                Err(JournalError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "what jobs have used cannot be found in the journal");
                    if tokio::time::timeout(AGAIN, shutdown.cancelled()).await.is_ok() {
                        return;
                    }
                    continue;
                }
            }
            while let Some((job, fed)) = open.pop_first() {
                let deducted = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    deducted = self.deduct(&job, &fed) => deducted,
                };
                match deducted {
                    Ok(()) => {}
                    Err(error) if error.passes() => {
                        tracing::warn!(%job, %error, "what it used is not deducted yet");
                        later.insert(job, fed);
                    }
                    Err(error) => tracing::warn!(%job, %error, "what it used is not deducted"),
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                heard = feed.recv() => if matches!(heard, Err(RecvError::Closed)) {
                    return;
                },
                () = tokio::time::sleep(AGAIN), if !later.is_empty() => open.append(&mut later),
            }
        }
    }

    async fn deduct(&self, job: &JobId, fed: &Fed) -> Result<(), NotDeducted> {
        let Some(wanted) = self.recorder.read(|lab| self.wanted(lab, job, fed)) else { return Ok(()) };
        let options = Options { counting: wanted.counting, ..Options::default() };
        let places = places(&fed.stretches);
        let pushing = Pushing::new(options, places.clone());
        let (_, read) = self.spool.read_checked(&wanted.file, pushing, Pushing::feed).await?;
        let pushed = read.and_then(Pushing::finish)?;
        let printer = self.printers.iter().find(|printer| printer.name == fed.printer);
        let diameter = printer.and_then(|printer| printer.build.filament).map(|filament| filament.mm());
        let used = used(fed, &places, &pushed, diameter, &wanted.lots);
        if !used.nowhere.is_empty() {
            let tools = &used.nowhere;
            tracing::warn!(%job, ?tools, "nothing is loaded in the slots of these tools: not deducted");
        }
        for lot in &used.unknown {
            tracing::warn!(%job, %lot, "no density is known: receive lots with --density, or `platen lots use`");
        }
        for (lot, milligrams) in used.milligrams {
            let change = Change::MaterialUsed { job: job.clone(), lot, milligrams };
            let request = Request::Quality(Box::new(quality::Request { by: None, change }));
            self.recorder.submit(request, Actor::Platen).await?;
        }
        Ok(())
    }

    /// Nothing where all is deducted, or the job's part is not followed.
    fn wanted(&self, lab: &Lab, job: &JobId, fed: &Fed) -> Option<Wanted> {
        let known = lab.jobs.get(job)?;
        let printed = lab.quality.printed_by(lab, known)?;
        let lots: BTreeSet<_> = fed.stretches.iter().map(|stretch| &stretch.lot).collect();
        let deducted = |lot: &LotId| printed.used.iter().any(|used| used.job == *job && used.lot == *lot);
        let lots = lots.into_iter().filter(|lot| !deducted(lot));
        let lots: BTreeMap<_, _> = lots
            .filter_map(|id| {
                let lot = lab.quality.lots.get(id)?;
                Some((id.clone(), Density { told: lot.about.density, usual: lot.density() }))
            })
            .collect();
        if lots.is_empty() {
            return None;
        }
        let told = last_told(lab, &fed.printer);
        let printer = self.printers.iter().find(|printer| printer.name == fed.printer);
        let firmware = printer.and_then(|printer| firmware_of(printer, told.as_deref()));
        Some(Wanted { file: known.file.clone(), lots, counting: firmware.and_then(Counting::of) })
    }
}

/// The counts of commands at which something begins or ends, ascending.
fn places(stretches: &[Stretch]) -> Vec<u64> {
    let places: BTreeSet<u64> = stretches.iter().flat_map(|stretch| [stretch.from, stretch.to]).collect();
    places.into_iter().collect()
}

#[derive(Debug, Default, PartialEq)]
struct Used {
    /// Of each lot that is still to be deducted from; nothing where it rounds to nothing.
    milligrams: BTreeMap<LotId, u64>,
    /// Lots of which nobody says how dense they are.
    unknown: BTreeSet<LotId>,
    /// Tools that pushed filament out of a slot where nothing was loaded.
    nowhere: Vec<usize>,
}

/// What was used of each lot. A tool is fed from the slot of its number; where one slot alone was ever loaded, all
/// tools are fed from that: one nozzle that files call by any number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a lot can have; slots are below 8"
)]
fn used(
    fed: &Fed,
    places: &[u64],
    pushed: &Pushed,
    diameter: Option<f64>,
    lots: &BTreeMap<LotId, Density>,
) -> Used {
    let at = |place: u64| -> Option<&Lengths> { pushed.until.get(places.binary_search(&place).ok()?) };
    let of = |values: &[f64], tool: usize| values.get(tool).or_else(|| values.first()).copied();
    let slots: BTreeSet<u8> = fed.stretches.iter().map(|stretch| stretch.slot).collect();
    let whole = pushed.until.last().copied().unwrap_or_default();
    let (mut found, mut milligrams) = (Used::default(), BTreeMap::<LotId, f64>::new());
    for (tool, length) in whole.iter().enumerate() {
        if *length <= 0.0 {
            continue;
        }
        let feeds = |stretch: &&Stretch| slots.len() == 1 || usize::from(stretch.slot) == tool;
        if !fed.stretches.iter().any(|stretch| feeds(&stretch)) {
            found.nowhere.push(tool);
        }
        let diameter = diameter.or_else(|| of(&pushed.metadata.filament_diameter, tool));
        let diameter = diameter.filter(|diameter| *diameter > 0.0).unwrap_or(DIAMETER);
        let section = std::f64::consts::PI * diameter * diameter / 4.0;
        for stretch in fed.stretches.iter().filter(feeds) {
            let Some(density) = lots.get(&stretch.lot) else { continue };
            let (Some(from), Some(to)) = (at(stretch.from), at(stretch.to)) else { continue };
            let mm = (to[tool] - from[tool]).max(0.0);
            let sliced = of(&pushed.metadata.filament_density, tool).filter(|density| *density > 0.0);
            let in_g = |density: u16| f64::from(density) / 1_000.0;
            let density = density.told.map(in_g).or(sliced).or_else(|| density.usual.map(in_g));
            match density {
                // mm³ times g/cm³ are mg.
                Some(density) => {
                    *milligrams.entry(stretch.lot.clone()).or_default() += mm * section * density
                }
                None if mm > 0.0 => drop(found.unknown.insert(stretch.lot.clone())),
                None => {}
            }
        }
    }
    let rounded = milligrams.into_iter().map(|(lot, mg)| (lot, mg.round().clamp(0.0, 1e9) as u64));
    found.milligrams = rounded.filter(|(_, mg)| *mg > 0).collect();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::metadata::Metadata;

    fn lot(n: u8) -> LotId {
        LotId::from_entropy([n; 16])
    }

    fn stretch(slot: u8, n: u8, from: u64, to: u64) -> Stretch {
        Stretch { slot, lot: lot(n), from, to }
    }

    fn fed(stretches: Vec<Stretch>) -> Fed {
        let confirmed = stretches.iter().map(|one| one.to).max().unwrap_or_default();
        Fed { printer: "a".parse().unwrap(), confirmed, stretches }
    }

    /// Ten millimetres each command of the first tool, a millimetre each of the second.
    fn pushed(places: &[u64], metadata: Metadata) -> Pushed {
        let until = places.iter().map(|place| {
            let mut lengths = Lengths::default();
            (lengths[0], lengths[1]) = (*place as f64 * 10.0, *place as f64);
            lengths
        });
        Pushed { until: until.collect(), metadata }
    }

    const PLA: Density = Density { told: None, usual: Some(1_240) };

    struct Row {
        why: &'static str,
        stretches: Vec<Stretch>,
        lots: Vec<(u8, Density)>,
        diameter: Option<f64>,
        metadata: Metadata,
        wanted: Vec<(u8, u64)>,
    }

    #[test]
    fn what_was_pushed_out_of_each_slot_becomes_a_mass_of_its_lot() {
        let slicer = |density: f64, diameter: f64| Metadata {
            filament_density: vec![density],
            filament_diameter: vec![diameter],
            ..Metadata::default()
        };
        let row = |why, stretches, lots, wanted| Row {
            why,
            stretches,
            lots,
            diameter: None,
            metadata: Metadata::default(),
            wanted,
        };
        // 1,000 mm of 1.75 mm are 2,405.28 mm³; of PLA 2,982.5 mg. The second tool pushes a tenth of that.
        let rows = [
            Row {
                diameter: Some(2.85),
                // 1,000 mm of 2.85 mm are 6,379.40 mm³, and 1,100 mm 7,017.34: of PLA 8,701.5 mg, a little less.
                ..row(
                    "as thick as the printer takes it, and both tools out of the one slot",
                    vec![stretch(0, 1, 0, 100)],
                    vec![(1, PLA)],
                    vec![(1, 8_701)],
                )
            },
            row("all of one lot", vec![stretch(0, 1, 0, 100)], vec![(1, PLA)], vec![(1, 3_281)]),
            row(
                "each tool out of its slot",
                vec![stretch(0, 1, 0, 100), stretch(1, 2, 0, 100)],
                vec![(1, PLA), (2, PLA)],
                vec![(1, 2_983), (2, 298)],
            ),
            row(
                "changed at 60 of 100",
                vec![stretch(1, 1, 0, 60), stretch(1, 2, 60, 100)],
                vec![(1, PLA), (2, PLA)],
                vec![(1, 1_968), (2, 1_312)],
            ),
            row(
                "the same lot put on again is added up",
                vec![stretch(0, 1, 0, 60), stretch(0, 1, 60, 100)],
                vec![(1, PLA)],
                vec![(1, 3_281)],
            ),
            row(
                "one of them is deducted already",
                vec![stretch(0, 1, 0, 100), stretch(1, 2, 0, 100)],
                vec![(2, PLA)],
                vec![(2, 298)],
            ),
            row(
                "the lot's own density counts before the usual one",
                vec![stretch(0, 1, 0, 100)],
                vec![(1, Density { told: Some(2_000), usual: Some(2_000) })],
                vec![(1, 5_292)],
            ),
            Row {
                metadata: slicer(1.0, 1.75),
                ..row(
                    "the slicer's density counts before the usual one",
                    vec![stretch(0, 1, 0, 100)],
                    vec![(1, PLA)],
                    vec![(1, 2_646)],
                )
            },
            Row {
                metadata: slicer(1.0, 3.5),
                ..row(
                    "the slicer's diameter counts where the printer has none",
                    vec![stretch(0, 1, 0, 100)],
                    vec![(1, PLA)],
                    vec![(1, 10_583)],
                )
            },
            row("nothing came out of it", vec![stretch(0, 1, 0, 0)], vec![(1, PLA)], vec![]),
        ];
        for row in rows {
            let fed = fed(row.stretches);
            let places = places(&fed.stretches);
            let lots = row.lots.into_iter().map(|(n, density)| (lot(n), density)).collect();
            let used = used(&fed, &places, &pushed(&places, row.metadata), row.diameter, &lots);
            let wanted = row.wanted.into_iter().map(|(n, mg)| (lot(n), mg)).collect();
            assert_eq!(used.milligrams, wanted, "{}", row.why);
            assert_eq!((&used.unknown, &used.nowhere), (&BTreeSet::new(), &Vec::new()), "{}", row.why);
        }
    }

    #[test]
    fn what_has_no_density_or_no_slot_is_told_and_not_guessed() {
        let fed = fed(vec![stretch(0, 1, 0, 100), stretch(2, 2, 0, 100)]);
        let places = places(&fed.stretches);
        let lots = [(lot(1), Density::default()), (lot(2), PLA)].into();
        let used = used(&fed, &places, &pushed(&places, Metadata::default()), None, &lots);
        let wanted = Used { milligrams: BTreeMap::new(), unknown: [lot(1)].into(), nowhere: vec![1] };
        assert_eq!(used, wanted);
    }
}
