//! Takes what a job has used off the lots that it was fed from, when the job has ended and as the journal has it.
//!
//! ```text
//! journal ─▶ followed from its beginning (`Feeding`) ─▶ a job has ended ─▶ nothing was loaded: nothing is taken off
//!                                                             ├─ long before this start ─▶ not looked at
//!                                                             └─ taken off already (also by a person)? ─▶ done
//!                                                                 └─ its file is read: filament up to where it
//!                                                                    ended ─▶ MaterialUsed, once for each lot
//! ```
//! Of a resin job it is what was lit, as it was counted into the journal, shared among the lots that are mixed in the vat
//! as they were poured in; no file is read for it.
//!
//! Nobody waits for this, the wires least of all, nor does the daemon's end. A crash takes nothing away and doubles
//! nothing: what is to be done stands in the journal, and so does that it was done, also where that was 0 mg.
//!
//! What may pass by itself (the disk is full) is tried again, ever more seldom, and its file is not read again for
//! that. What does not pass (the file is gone, nobody knows a density) is told once and left; the next start looks at
//! it again, as at all jobs that ended in the two weeks before it. Older ones are left to people, so that no start
//! reads the files of a whole history, or takes a history off lots that were counted by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::gate::{firmware_of, last_told};
use super::journal::JournalError;
use super::recorder::{NotRecorded, Recorder};
use crate::config::Printer;
use crate::domain::event::{Actor, Event};
use crate::domain::ids::{FileHash, JobId, LotId};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::moment::WallTime;
use crate::domain::quality::feeding::{Fed, Feeding, Stretch};
use crate::domain::quality::printed::USED_MAX;
use crate::domain::quality::{self, Change};
use crate::domain::resin::Station;
use crate::domain::resin::vat::Contents;
use crate::domain::units::Microlitres;
use crate::gcode::analysis::Options;
use crate::gcode::lexer::LexError;
use crate::gcode::modal::Counting;
use crate::gcode::pushed::{Lengths, Pushed, Pushing};
use crate::io::spool::{Spool, SpoolError, WHOLE};

/// Entries of the journal that are read at a time.
const BATCH: usize = 256;
/// What cannot be found out now, or not be noted, is tried again after this time, then after twice that, and so on.
const AGAIN: Duration = Duration::from_secs(60);
/// The longest time between two tries.
const AGAIN_MOST: Duration = Duration::from_secs(60 * 60);
/// A start looks at jobs that ended within this time: long enough for a weekend and a week's repair.
const LOOKS_BACK: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A printed part has room for so many notes more, where lots are noted that nothing was used of.
const SPARE: usize = 2;
/// mm of filament, where neither the printer nor the slicer says it.
const DIAMETER: f64 = 1.75;

/// Deducts what the jobs of the journal have used.
#[derive(Debug)]
pub struct Deductions {
    pub recorder: Recorder,
    pub spool: Arc<Spool>,
    pub printers: Vec<Printer>,
}

/// Where the journal stood when this began.
#[derive(Clone, Copy, Debug)]
struct Start {
    seq: u64,
    /// Of its last entry, which this start has made, or somebody after it: that is now.
    wall: WallTime,
}

impl Start {
    /// Whether a job is looked at that ended with this entry. The wall's clock may have been wrong, then or now: what
    /// is that far ahead counts as old, too.
    fn looks_at(self, seq: u64, ended: WallTime) -> bool {
        seq > self.seq || u128::from(self.wall.0.abs_diff(ended.0)) <= LOOKS_BACK.as_millis()
    }
}

/// A job of which something may have to be taken off.
#[derive(Debug)]
struct Undone {
    fed: Fed,
    /// mg of lots that are not noted yet; absent until the file is read.
    notes: Option<VecDeque<(LotId, u64)>>,
    /// Until the next try, if this one fails.
    wait: Duration,
}

impl Undone {
    fn new(fed: Fed) -> Self {
        Self { fed, notes: None, wait: AGAIN }
    }
}

/// What is tried again, and when: whatever else happens meanwhile puts nothing off.
#[derive(Debug, Default)]
struct Later(BTreeMap<JobId, (Instant, Undone)>);

impl Later {
    fn put(&mut self, job: JobId, mut undone: Undone, now: Instant) {
        let at = now + undone.wait;
        undone.wait = (undone.wait * 2).min(AGAIN_MOST);
        self.0.insert(job, (at, undone));
    }

    fn next(&self) -> Option<Instant> {
        self.0.values().map(|(at, _)| *at).min()
    }

    fn due(&mut self, now: Instant) -> BTreeMap<JobId, Undone> {
        let all = std::mem::take(&mut self.0).into_iter();
        let (due, later): (BTreeMap<_, _>, BTreeMap<_, _>) = all.partition(|(_, (at, _))| *at <= now);
        self.0 = later;
        due.into_iter().map(|(job, (_, undone))| (job, undone)).collect()
    }
}

/// Until then; for ever where there is no such time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What is to be found out of a job.
#[derive(Debug)]
struct Wanted {
    file: FileHash,
    /// How much is noted of its printed part already.
    noted: usize,
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
    #[error("platen is shutting down")]
    Ending,
}

impl NotDeducted {
    /// Whether it may come right by itself, or by somebody who looks at the disk.
    fn passes(&self) -> bool {
        match self {
            Self::Spool(error) => {
                matches!(error, SpoolError::Low { .. } | SpoolError::Full { .. } | SpoolError::Io { .. })
            }
            Self::Recorded(error) => matches!(error, NotRecorded::Store(_) | NotRecorded::Kept(_)),
            Self::File(_) | Self::Ending => false,
        }
    }
}

/// A file on its way through memory: whether it is what was uploaded, and what it pushes.
#[derive(Debug)]
struct Reading {
    hash: Sha256,
    /// Up to the first line that cannot be read.
    pushing: Result<Pushing, LexError>,
    ending: CancellationToken,
}

/// A file is not read to its end, because the daemon ends.
#[derive(Debug)]
struct BrokenOff;

impl Reading {
    /// Asks at each block whether it is to go on: the daemon's end waits for the thread that this is done on.
    fn feed(&mut self, block: &[u8]) -> Result<(), BrokenOff> {
        if self.ending.is_cancelled() {
            return Err(BrokenOff);
        }
        self.hash.update(block);
        if let Ok(pushing) = &mut self.pushing
            && let Err(error) = pushing.feed(block)
        {
            self.pushing = Err(error);
        }
        Ok(())
    }
}

/// Reads a file through, if it still is what was uploaded.
async fn read(
    spool: &Spool,
    file: &FileHash,
    pushing: Pushing,
    ending: &CancellationToken,
) -> Result<Pushed, NotDeducted> {
    let reading = Reading { hash: Sha256::new(), pushing: Ok(pushing), ending: ending.clone() };
    let read = spool.scan(file, WHOLE, reading, Reading::feed).await?;
    let Ok(Reading { hash, pushing, .. }) = read else { return Err(NotDeducted::Ending) };
    if FileHash::from_digest(hash.finalize().into()) != *file {
        return Err(SpoolError::Changed(file.clone()).into());
    }
    Ok(pushing.and_then(Pushing::finish)?)
}

impl Deductions {
    /// Runs until `shutdown`; what is left then is found at the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.recorder.subscribe();
        let (mut feeding, mut next) = (Feeding::default(), 1);
        let (mut start, mut wait) = (None, AGAIN);
        let (mut open, mut later) = (BTreeMap::<JobId, Undone>::new(), Later::default());
        loop {
            match self.entries(start, next).await {
                Ok((began, events)) => {
                    (start, wait) = (Some(began), AGAIN);
                    for event in &events {
                        next = event.seq + 1;
                        let Some((job, fed)) = feeding.follow(event) else { continue };
                        if !fed.stretches.is_empty() && began.looks_at(event.seq, event.stamp.wall) {
                            open.insert(job, Undone::new(fed));
                        }
                    }
                    if shutdown.is_cancelled() {
                        return;
                    }
                    if events.len() >= BATCH {
                        continue;
                    }
                }
                Err(JournalError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "what jobs have used cannot be found in the journal");
                    if timeout(wait, shutdown.cancelled()).await.is_ok() {
                        return;
                    }
                    wait = (wait * 2).min(AGAIN_MOST);
                    continue;
                }
            }
            open.append(&mut later.due(Instant::now()));
            while let Some((job, mut undone)) = open.pop_first() {
                let deducted = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    deducted = self.deduct(&job, &mut undone, &shutdown) => deducted,
                };
                match deducted {
                    Ok(()) => {}
                    Err(NotDeducted::Ending | NotDeducted::Recorded(NotRecorded::Closed)) => return,
                    Err(error) if error.passes() => {
                        tracing::warn!(%job, %error, "what it used is not deducted yet");
                        later.put(job, undone, Instant::now());
                    }
                    Err(error) => tracing::warn!(%job, %error, "what it used is not deducted"),
                }
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = until(later.next()) => {}
                heard = feed.recv() => if matches!(heard, Err(RecvError::Closed)) {
                    return;
                },
            }
        }
    }

    /// The next entries of the journal, and where it stood at first.
    async fn entries(&self, start: Option<Start>, next: u64) -> Result<(Start, Vec<Event>), JournalError> {
        let start = match start {
            Some(start) => start,
            None => {
                let seq = self.recorder.read(|lab| lab.counters.seq);
                let last = self.recorder.events(seq, 1).await?;
                let wall = last.first().map_or(WallTime(0), |event| event.stamp.wall);
                Start { seq, wall }
            }
        };
        Ok((start, self.recorder.events(next, BATCH).await?))
    }

    /// Reads what is not read yet, and notes what is not noted yet. What is refused of one lot keeps no other waiting.
    async fn deduct(
        &self,
        job: &JobId,
        undone: &mut Undone,
        ending: &CancellationToken,
    ) -> Result<(), NotDeducted> {
        if undone.notes.is_none() {
            undone.notes = Some(self.find(job, &undone.fed, ending).await?);
        }
        let Some(notes) = &mut undone.notes else { return Ok(()) };
        while let Some((lot, milligrams)) = notes.front().cloned() {
            let (used_by, used) = (job.clone(), lot.clone());
            let change = Change::MaterialUsed { job: used_by, lot: used, milligrams, runs_out: None };
            let request = Request::Quality(Box::new(quality::Request { by: None, change }));
            match self.recorder.submit(request, Actor::Platen).await {
                // Somebody has noted it by hand meanwhile.
                Ok(_) | Err(NotRecorded::Refused(Refusal::Quality(quality::Refusal::Deducted { .. }))) => {}
                Err(error @ (NotRecorded::Refused(_) | NotRecorded::TooLong { .. })) => {
                    tracing::warn!(%job, %lot, %error, "what it used of this lot is not deducted");
                }
                Err(error) => return Err(error.into()),
            }
            notes.pop_front();
        }
        Ok(())
    }

    /// What is to be noted of a job; nothing where all is noted.
    async fn find(
        &self,
        job: &JobId,
        fed: &Fed,
        ending: &CancellationToken,
    ) -> Result<VecDeque<(LotId, u64)>, NotDeducted> {
        let Some(wanted) = self.recorder.read(|lab| self.wanted(lab, job, fed)) else {
            return Ok(VecDeque::new());
        };
        if let Some(resin) = self.recorder.read(|lab| resin_used(lab, job, fed, &wanted.lots)) {
            if resin.is_nowhere {
                tracing::warn!(%job, "its vat holds other lots by now, so that nobody knows which it used: not deducted");
            }
            for lot in &resin.used.unknown {
                tracing::warn!(%job, %lot, "no density is known: receive lots with --density, or `platen lots use`");
            }
            return Ok(notes(resin.used, wanted.noted));
        }
        let options = Options { counting: wanted.counting, ..Options::default() };
        let places = places(&fed.stretches);
        let pushing = Pushing::new(options, places.clone());
        let pushed = read(&self.spool, &wanted.file, pushing, ending).await?;
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
        Ok(notes(used, wanted.noted))
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
        let (file, noted) = (known.file.clone(), printed.used.len());
        Some(Wanted { file, noted, lots, counting: firmware.and_then(Counting::of) })
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
    /// Lots of which surely nothing was used. None where it is not known where all filament came from, or where the
    /// file pushes none at all: people may then know better.
    unused: BTreeSet<LotId>,
}

/// What a resin job has used, as far as it can be told.
#[derive(Debug, Default, PartialEq)]
struct OfVat {
    used: Used,
    /// Several lots were there, and how they were mixed is not known any more.
    is_nowhere: bool,
}

/// Nothing for a job that is no file for resin. What was lit is what its printer has counted, as long as no other job
/// was counted there since; else as much of what it takes as its layers say.
fn resin_used(lab: &Lab, job: &JobId, fed: &Fed, lots: &BTreeMap<LotId, Density>) -> Option<OfVat> {
    let need = lab.resin.needs.get(job)?;
    let station = lab.resin.stations.get(&fed.printer);
    let counted = station.and_then(|station| station.counted.as_ref()).filter(|(of, _)| of == job);
    let lit = counted.map_or_else(
        || {
            // Of a file that nobody but its board reads, its bytes.
            let all = need
                .known_layers()
                .map_or_else(|| lab.jobs.get(job).map_or(0, |job| job.commands), u64::from);
            let of_all = u128::from(need.resin.0) * u128::from(fed.confirmed.min(all));
            let share = of_all / u128::from(all.max(1));
            Microlitres(u64::try_from(share).unwrap_or(u64::MAX))
        },
        |(_, lit)| lit.resin,
    );
    let fed_from: BTreeSet<&LotId> = fed.stretches.iter().map(|stretch| &stretch.lot).collect();
    let contents = station.and_then(Station::contents);
    let mixed = contents.filter(|contents| fed_from.iter().all(|lot| contents.holds(lot)));
    let shares = match (fed_from.len(), mixed) {
        (1, _) => fed_from.into_iter().map(|lot| (lot.clone(), lit)).collect(),
        (_, Some(contents)) => {
            // What was poured in only afterwards has no part in it.
            let portions = contents.portions.iter().filter(|portion| fed_from.contains(&portion.lot));
            Contents { portions: portions.cloned().collect(), ..contents.clone() }.shares(lit)
        }
        (_, None) => return Some(OfVat { is_nowhere: true, ..OfVat::default() }),
    };
    let mut used = Used::default();
    for (lot, share) in shares {
        let Some(density) = lots.get(&lot) else { continue };
        match density.told.or(density.usual).map(|density| share.milligrams(density)) {
            Some(0) => drop(used.unused.insert(lot)),
            Some(milligrams) => drop(used.milligrams.insert(lot, milligrams)),
            None if share.0 > 0 => drop(used.unknown.insert(lot)),
            None => drop(used.unused.insert(lot)),
        }
    }
    Some(OfVat { used, is_nowhere: false })
}

/// mg to note of each lot, those that were used first. That nothing was used is noted as well, so that the file is not
/// read again for it at the next start, as long as that leaves room for what the part's other jobs use.
fn notes(used: Used, noted: usize) -> VecDeque<(LotId, u64)> {
    let mut notes: VecDeque<_> = used.milligrams.into_iter().collect();
    if noted + notes.len() + used.unused.len() + SPARE <= USED_MAX {
        notes.extend(used.unused.into_iter().map(|lot| (lot, 0)));
    }
    notes
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
    if found.nowhere.is_empty() && whole.iter().any(|length| *length > 0.0) {
        let lots = lots.keys();
        let unused = lots.filter(|lot| !found.milligrams.contains_key(*lot) && !found.unknown.contains(*lot));
        found.unused = unused.cloned().collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::case::IntendedUse;
    use crate::domain::ids::{BootId, CaseToken, PartId, PrinterName};
    use crate::domain::job::Progress;
    use crate::domain::lab::NewJob;
    use crate::domain::part::{PartName, PartRef};
    use crate::domain::quality::lot::{LotAbout, Step as LotStep};
    use crate::domain::quality::words::Words;
    use crate::gcode::metadata::Metadata;
    use crate::io::clock::Clock;
    use crate::io::offload::in_place;
    use crate::io::store::Store;
    use crate::io::store::memory::MemoryStore;

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
        let wanted = Used { unknown: [lot(1)].into(), nowhere: vec![1], ..Used::default() };
        assert_eq!(used, wanted);
    }

    #[test]
    fn that_nothing_was_used_is_noted_last_and_leaves_room_for_more() {
        let three = fed(vec![stretch(0, 1, 0, 100), stretch(1, 2, 0, 100), stretch(2, 3, 0, 100)]);
        let places = places(&three.stretches);
        let unsaid = Density::default();
        let lots = BTreeMap::from([(lot(1), unsaid), (lot(2), PLA), (lot(3), unsaid)]);
        let told = || used(&three, &places, &pushed(&places, Metadata::default()), None, &lots);
        assert_eq!(told().unknown, BTreeSet::from([lot(1)]));
        assert_eq!(told().unused, BTreeSet::from([lot(3)]));
        assert_eq!(notes(told(), 0), [(lot(2), 298), (lot(3), 0)]);
        assert_eq!(notes(told(), USED_MAX - SPARE - 2).len(), 2);
        assert_eq!(notes(told(), USED_MAX - SPARE - 1), [(lot(2), 298)]);
    }

    #[test]
    fn a_start_looks_at_jobs_of_two_weeks_and_at_all_that_end_after_it() {
        const DAY: u64 = 24 * 60 * 60 * 1_000;
        let start = Start { seq: 900, wall: WallTime(100 * DAY) };
        for (why, seq, ended, wanted) in [
            ("just now", 899, 100 * DAY, true),
            ("two weeks ago", 3, 86 * DAY, true),
            ("longer ago", 2, 86 * DAY - 1, false),
            ("by a clock that ran ahead a little", 4, 101 * DAY, true),
            ("by a clock that was wrong", 5, 1_000 * DAY, false),
            ("after the start, by a clock that is wrong", 901, 0, true),
        ] {
            assert_eq!(start.looks_at(seq, WallTime(ended)), wanted, "{why}");
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let file = || FileHash::from_digest([1; 32]);
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        for passes in [
            NotDeducted::from(SpoolError::Full { path: "files".into() }),
            SpoolError::Io { path: "files".into(), error: denied }.into(),
        ] {
            assert!(passes.passes(), "{passes}");
        }
        for stays in [
            NotDeducted::from(SpoolError::NoFile(file())),
            SpoolError::Changed(file()).into(),
            LexError::LineTooLong { line: 1, max: 1 }.into(),
            NotRecorded::TooLong { bytes: 1 }.into(),
        ] {
            assert!(!stays.passes(), "{stays}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_comes_after_a_minute_then_after_twice_that_up_to_an_hour_whatever_happens_meanwhile() {
        let began = Instant::now();
        let mut later = Later::default();
        later.put(JobId::from_entropy([1; 16]), Undone::new(fed(Vec::new())), began);
        let mut tried = Vec::new();
        while tried.len() < 8 {
            // As often as the journal has something new.
            let _ = timeout(Duration::from_secs(7), until(later.next())).await;
            for (job, undone) in later.due(Instant::now()) {
                tried.push(began.elapsed().as_secs());
                later.put(job, undone, Instant::now());
            }
        }
        assert_eq!(tried, [60, 180, 420, 900, 1_860, 3_780, 7_380, 10_980]);
    }

    /// Seven commands: 100 mm of the first tool, 50 mm of the second. Of PLA 298 mg and 149 mg.
    const TEXT: &str = "M83\nG28\nG90\nT0\nG1 X10 Y10 E100 F600\nT1\nG1 X20 E50\n";

    /// A journal and a spool; in virtual time.
    struct World {
        store: Arc<MemoryStore>,
        recorder: Recorder,
        spool: Arc<Spool>,
        file: FileHash,
        _folder: tempfile::TempDir,
    }

    impl World {
        async fn new() -> Self {
            in_place(|| Duration::ZERO);
            let folder = tempfile::tempdir().unwrap();
            let spool = Arc::new(Spool::open(&folder.path().join("files")).unwrap().with_floor(0));
            let mut incoming = spool.begin().await.unwrap();
            incoming.write(TEXT.as_bytes()).await.unwrap();
            let (file, _) = incoming.keep().await.unwrap();
            let store = Arc::new(MemoryStore::default());
            let clock = Clock::start(BootId::from_entropy([7; 16]));
            let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
            let shared = Arc::clone(&store) as Arc<dyn Store>;
            let recorder = Recorder::open(shared, clock, site, node).await.unwrap();
            Self { store, recorder, spool, file, _folder: folder }
        }

        async fn ask(&self, request: Request) {
            self.recorder.submit(request, Actor::Platen).await.unwrap();
        }

        async fn change(&self, change: Change) {
            let request = quality::Request { by: Some("sam".into()), change };
            self.ask(Request::Quality(Box::new(request))).await;
        }

        async fn case(&self, n: u8) -> CaseToken {
            let case = CaseToken::from_entropy([n; 16]);
            let request = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Diagnostic };
            self.ask(request).await;
            case
        }

        /// A job that was printed out of the first of three lots, and of the second; the third one is loaded too.
        async fn printed(&self) -> JobId {
            let printer = || -> PrinterName { "a".parse().unwrap() };
            for n in 1..=3 {
                let about = LotAbout {
                    material: Words::new("PLA").unwrap(),
                    supplier_lot: Words::new("S-17").unwrap(),
                    supplier: None,
                    received: "2026-03-01".parse().unwrap(),
                    expires: "2099-03-01".parse().unwrap(),
                    open_days: None,
                    certificate: None,
                    milligrams: 1_000_000,
                    density: None,
                };
                let step = LotStep::Received { about: Box::new(about) };
                self.change(Change::Lot { lot: lot(n), step }).await;
                self.change(Change::Loaded { lot: lot(n), printer: printer(), slot: n - 1 }).await;
            }
            let (case, part) = (self.case(1).await, PartId::from_entropy([1; 16]));
            let name = PartName::try_from("heart".to_owned()).unwrap();
            self.ask(Request::AddPart { case: case.clone(), part, name }).await;
            let (job, digest) = (JobId::from_entropy([1; 16]), FileHash::from_digest([9; 32]));
            let new = NewJob {
                job: job.clone(),
                case,
                part: PartRef::Number(1),
                also: Vec::new(),
                file: self.file.clone(),
                commands: 7,
                digest: digest.clone(),
                pinned: None,
                material: None,
                gate: None,
            };
            self.ask(Request::QueueJob(Box::new(new))).await;
            self.ask(Request::StartJob { job: job.clone(), printer: printer() }).await;
            let (progress, line) = (Progress { confirmed: 7, total: 7 }, Box::default());
            self.ask(Request::NotePrinted { job: job.clone(), progress, digest, line, millis: 5 }).await;
            job
        }

        fn deductions(&self) -> Deductions {
            let (recorder, spool) = (self.recorder.clone(), Arc::clone(&self.spool));
            Deductions { recorder, spool, printers: Vec::new() }
        }

        fn noted(&self) -> BTreeMap<LotId, u64> {
            self.recorder.read(|lab| {
                let used = lab.quality.printed.values().flat_map(|printed| &printed.used);
                used.map(|used| (used.lot.clone(), used.milligrams)).collect()
            })
        }
    }

    /// A lab with a job of 20 ml in 100 layers, on a printer whose vat was filled with two lots, three parts to one.
    fn vat_lab(counted: Option<u64>) -> (Lab, JobId) {
        use crate::domain::resin::need::Need;
        use crate::domain::resin::vat::Vat;
        use crate::domain::resin::wear::Lit;

        let (mut lab, job) = (Lab::default(), JobId::from_entropy([1; 16]));
        let need = Need {
            layers: 100,
            resin: Microlitres(20_000),
            largest_layer: Microlitres(300),
            light_ms: 200_000,
            longest_layer_ms: 20_000,
            refills: Vec::new(),
            opaque: None,
        };
        lab.resin.needs.insert(job.clone(), need);
        let mut contents = Contents::new("Clear", &lot(1), Microlitres(150_000), WallTime(0), "kim");
        contents.top_up(&lot(2), Microlitres(50_000), "kim");
        let printer: PrinterName = "a".parse().unwrap();
        let mut station = Station::new(printer.clone());
        station.vat = Vat::Filled { contents };
        let lit = |ul| Lit { layers: 50, light_ms: 1, resin: Microlitres(ul) };
        station.counted = counted.map(|ul| (job.clone(), lit(ul)));
        lab.resin.stations.insert(printer, station);
        (lab, job)
    }

    #[test]
    fn what_was_lit_is_shared_among_the_lots_in_the_vat_as_they_were_poured_in() {
        let known = Density { told: Some(1_100), usual: None };
        let used = |lab: &Lab, job: &JobId, fed: &Fed, lots: Vec<(u8, Density)>| {
            let lots = lots.into_iter().map(|(n, density)| (lot(n), density)).collect();
            resin_used(lab, job, fed, &lots).unwrap()
        };
        let both = fed(vec![stretch(0, 1, 0, 50), stretch(1, 2, 0, 50)]);
        let (lab, job) = vat_lab(Some(8_000));
        let told = used(&lab, &job, &both, vec![(1, known), (2, known)]);
        assert_eq!(told.used.milligrams, [(lot(1), 6_600), (lot(2), 2_200)].into());
        // One of them is noted already, and of the other nobody knows the density.
        let told = used(&lab, &job, &both, vec![(2, Density::default())]);
        assert_eq!((told.used.milligrams, told.used.unknown), ([].into(), [lot(2)].into()));
        // Nobody has counted it: half of its layers are half of what it takes.
        let (lab, job) = vat_lab(None);
        let told = used(&lab, &job, &fed(vec![stretch(0, 1, 0, 50)]), vec![(1, known)]);
        assert_eq!(told.used.milligrams, [(lot(1), 11_000)].into());
        // The vat was filled with something else since.
        let other = fed(vec![stretch(0, 1, 0, 50), stretch(1, 3, 0, 50)]);
        let told = used(&lab, &job, &other, vec![(1, known), (3, known)]);
        assert_eq!(told, OfVat { is_nowhere: true, ..OfVat::default() });
        let none = resin_used(&lab, &JobId::from_entropy([9; 16]), &both, &BTreeMap::new());
        assert_eq!(none, None, "it is no file for resin");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_disk_did_not_take_is_noted_later_and_not_put_off_by_what_happens_meanwhile() {
        let world = World::new().await;
        world.printed().await;
        world.store.set_full(true);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(world.deductions().run(shutdown.clone()));
        tokio::time::sleep(Duration::from_secs(30)).await;
        // What is known of it needs no file any more.
        std::fs::remove_file(world.spool.path(&world.file)).unwrap();
        world.store.set_full(false);
        for n in 2..30 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.case(n).await;
        }
        assert_eq!(world.noted(), BTreeMap::new());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(world.noted(), BTreeMap::from([(lot(1), 298), (lot(2), 149), (lot(3), 0)]));
        shutdown.cancel();
        running.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_lot_that_a_person_has_noted_meanwhile_keeps_no_other_lot_from_being_noted() {
        let world = World::new().await;
        let job = world.printed().await;
        let (deductions, ending) = (world.deductions(), CancellationToken::new());
        let of = || fed(vec![stretch(0, 1, 0, 7), stretch(1, 2, 0, 7), stretch(2, 3, 0, 7)]);
        let mut undone = Undone::new(of());
        world.store.set_full(true);
        let error = deductions.deduct(&job, &mut undone, &ending).await.unwrap_err();
        assert!(error.passes(), "{error}");
        world.store.set_full(false);
        let noted = Change::MaterialUsed { job: job.clone(), lot: lot(1), milligrams: 7, runs_out: None };
        world.change(noted).await;
        deductions.deduct(&job, &mut undone, &ending).await.unwrap();
        assert_eq!(world.noted(), BTreeMap::from([(lot(1), 7), (lot(2), 149), (lot(3), 0)]));
        // Nothing is left to be found out: the file is not looked for.
        std::fs::remove_file(world.spool.path(&world.file)).unwrap();
        deductions.deduct(&job, &mut Undone::new(of()), &ending).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_read_no_further_once_the_daemon_ends_and_is_not_trusted_once_it_was_changed() {
        let World { spool, file, _folder: folder, .. } = World::new().await;
        let pushing = || Pushing::new(Options::default(), vec![0, 7]);
        let (going, ending) = (CancellationToken::new(), CancellationToken::new());
        ending.cancel();
        let pushed = read(&spool, &file, pushing(), &going).await.unwrap();
        assert_eq!(pushed.until[1][..2], [100.0, 50.0]);
        let ended = read(&spool, &file, pushing(), &ending).await;
        assert!(matches!(ended, Err(NotDeducted::Ending)), "{ended:?}");
        std::fs::write(spool.path(&file), "M83\n").unwrap();
        let changed = read(&spool, &file, pushing(), &going).await;
        assert!(matches!(changed, Err(NotDeducted::Spool(SpoolError::Changed(_)))), "{changed:?}");
        std::fs::remove_file(spool.path(&file)).unwrap();
        let gone = read(&spool, &file, pushing(), &going).await;
        assert!(matches!(gone, Err(NotDeducted::Spool(SpoolError::NoFile(_)))), "{gone:?}");
        drop(folder);
    }
}
