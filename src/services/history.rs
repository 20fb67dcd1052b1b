//! What each printer's heaters were at, second by second for the last half hour, and how far its job has come since it
//! began: in memory only, for charts.
//!
//! Bounded: 1 800 seconds of 12 bytes and a course of at most 512 points of 16 bytes, 30 KB a printer and 3 MB for 100.
//! One task fills it from the board's snapshots, of which it takes a handle each and lets go at once; what readers
//! wait for here is no lock of a printer's task.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::job::Progress;
use crate::domain::moment::Moment;
use crate::domain::printer::{Activity, READING_LASTS, Reading, Snapshot, Temperatures};
use crate::domain::units::Celsius;
use crate::io::clock::Clock;

/// How many seconds are kept.
pub const SECONDS: usize = 1_800;
/// Points of a job's course; when there are so many, every other one goes.
const COURSE_MAX: usize = 512;

/// Tenths of a degree: hotend, bed, chamber, each what it is and what it should be.
type Slot = [i16; 6];
const ABSENT: i16 = i16::MIN;
const NOTHING: Slot = [ABSENT; 6];

/// What was known in one second. Where nothing is, it is a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub at: Moment,
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
}

/// How a job came along: the one that runs, or the last one that did since the daemon began.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    pub job: JobId,
    /// In commands.
    pub total: u64,
    /// What was confirmed when; nothing where nobody knew for a while.
    pub points: Vec<(Moment, Option<u64>)>,
}

impl Course {
    /// 0 to 100.
    pub fn percent(&self, confirmed: u64) -> f64 {
        Progress { confirmed, total: self.total }.percent()
    }

    /// The newest that is known.
    pub fn latest(&self) -> Option<u64> {
        self.points.iter().rev().find_map(|(_, confirmed)| *confirmed)
    }
}

/// The histories of all printers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct History {
    printers: Arc<BTreeMap<PrinterName, Mutex<Kept>>>,
}

impl History {
    pub fn of(printers: impl IntoIterator<Item = PrinterName>) -> Self {
        let printers = printers.into_iter().map(|name| (name, Mutex::default())).collect();
        Self { printers: Arc::new(printers) }
    }

    /// Takes down what is so now; once a second counts.
    pub fn note(&self, printer: &PrinterName, snapshot: &Snapshot, now: Moment) {
        let Some(mut kept) = self.kept(printer) else { return };
        let second = second(now);
        kept.note(second, slot(&snapshot.temperatures, now));
        kept.follow(second, &snapshot.activity);
    }

    /// The last `seconds` up to `now`, the oldest first, one sample for each from the first one that was taken down.
    pub fn temperatures(&self, printer: &PrinterName, now: Moment, seconds: usize) -> Vec<Sample> {
        let Some(kept) = self.kept(printer) else { return Vec::new() };
        let since = (second(now) + 1).saturating_sub(seconds.min(SECONDS) as u64);
        kept.seconds()
            .filter(|(second, _)| *second >= since)
            .map(|(second, slot)| sample(second, slot))
            .collect()
    }

    pub fn course(&self, printer: &PrinterName) -> Option<Course> {
        self.kept(printer)?.run.as_ref().map(Run::course)
    }

    fn kept(&self, printer: &PrinterName) -> Option<MutexGuard<'_, Kept>> {
        Some(self.printers.get(printer)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fills the history of `board` until `ending`.
pub async fn run(board: Board, clock: Clock, ending: CancellationToken) {
    let first = clock.instant(Moment::from_millis((second(clock.now()) + 1) * 1_000));
    let mut every = interval_at(first, Duration::from_secs(1));
    // A second that was missed is a gap.
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while ending.run_until_cancelled(every.tick()).await.is_some() {
        let now = clock.now();
        for (name, live) in board.printers() {
            let snapshot = Arc::clone(&live.borrow());
            board.history().note(name, &snapshot, now);
        }
    }
}

fn second(at: Moment) -> u64 {
    at.millis() / 1_000
}

#[derive(Debug, Default)]
struct Kept {
    slots: VecDeque<Slot>,
    /// The second of the newest slot.
    last: u64,
    run: Option<Run>,
}

impl Kept {
    fn note(&mut self, second: u64, slot: Slot) {
        if self.slots.is_empty() {
            self.slots.reserve_exact(SECONDS);
        } else if second <= self.last {
            return;
        } else {
            let missed = (second - self.last - 1).min(SECONDS as u64);
            (0..missed).for_each(|_| self.push(NOTHING));
        }
        self.push(slot);
        self.last = second;
    }

    fn push(&mut self, slot: Slot) {
        if self.slots.len() == SECONDS {
            self.slots.pop_front();
        }
        self.slots.push_back(slot);
    }

    fn seconds(&self) -> impl Iterator<Item = (u64, Slot)> {
        let first = (self.last + 1).saturating_sub(self.slots.len() as u64);
        (first..).zip(self.slots.iter().copied())
    }

    fn follow(&mut self, second: u64, activity: &Activity) {
        let (Some(job), Some(progress)) = (activity.job(), activity.progress()) else { return };
        match &mut self.run {
            Some(run) if run.job == *job => run.note(second, progress),
            run => *run = Some(Run::begin(job.clone(), second, progress)),
        }
    }
}

/// One job. The longer it runs, the farther apart its points are.
#[derive(Debug)]
struct Run {
    job: JobId,
    total: u64,
    every: u64,
    points: Vec<(u64, u64)>,
}

impl Run {
    fn begin(job: JobId, second: u64, progress: Progress) -> Self {
        Self { job, total: progress.total, every: 1, points: vec![(second, progress.confirmed)] }
    }

    fn note(&mut self, second: u64, progress: Progress) {
        self.total = progress.total;
        if self.points.last().is_some_and(|(last, _)| second < last + self.every) {
            return;
        }
        if self.points.len() == COURSE_MAX {
            let mut is_kept = false;
            self.points.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.every *= 2;
        }
        self.points.push((second, progress.confirmed));
    }

    fn course(&self) -> Course {
        let far = self.every * 2 + READING_LASTS.as_secs();
        let mut points = Vec::with_capacity(self.points.len());
        let mut before = None;
        for (second, confirmed) in &self.points {
            let at = Moment::from_millis(second * 1_000);
            if before.is_some_and(|before| second - before > far) {
                points.push((at, None));
            }
            points.push((at, Some(*confirmed)));
            before = Some(*second);
        }
        Course { job: self.job.clone(), total: self.total, points }
    }
}

/// What is older than readings last says nothing of now.
fn slot(all: &Temperatures, now: Moment) -> Slot {
    if all.old_since(now).is_some() {
        return NOTHING;
    }
    let mut slot = NOTHING;
    for (at, reading) in [all.hotend, all.bed, all.chamber].into_iter().enumerate() {
        let Some(reading) = reading else { continue };
        slot[at * 2] = tenths(reading.actual);
        slot[at * 2 + 1] = reading.target.map_or(ABSENT, tenths);
    }
    slot
}

#[expect(clippy::cast_possible_truncation, reason = "held within its bounds first")]
fn tenths(celsius: Celsius) -> i16 {
    let tenths = (celsius.0 * 10.0).round();
    if (-32_767.0..=32_767.0).contains(&tenths) { tenths as i16 } else { ABSENT }
}

fn sample(second: u64, slot: Slot) -> Sample {
    let celsius = |tenths: i16| (tenths != ABSENT).then(|| Celsius(f64::from(tenths) / 10.0));
    let reading =
        |at: usize| Some(Reading { actual: celsius(slot[at * 2])?, target: celsius(slot[at * 2 + 1]) });
    let at = Moment::from_millis(second * 1_000);
    Sample { at, hotend: reading(0), bed: reading(1), chamber: reading(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> PrinterName {
        "mk3-01".parse().unwrap()
    }

    fn at(second: u64) -> Moment {
        Moment::from_millis(second * 1_000 + 3)
    }

    fn job(byte: u8) -> JobId {
        JobId::from_entropy([byte; 16])
    }

    fn reading(actual: f64, target: Option<f64>) -> Reading {
        Reading { actual: Celsius(actual), target: target.map(Celsius) }
    }

    fn hot(second: u64, actual: f64) -> Snapshot {
        let mut snapshot = Snapshot::offline(name(), "", at(second));
        snapshot.temperatures.hotend = Some(reading(actual, Some(215.0)));
        snapshot.temperatures.at = Some(at(second));
        snapshot
    }

    fn printing(second: u64, job: &JobId, confirmed: u64) -> Snapshot {
        let progress = Progress { confirmed, total: 100_000 };
        let activity = Activity::Printing { job: job.clone(), progress };
        Snapshot { activity, ..hot(second, 20.0) }
    }

    fn told(history: &History, now: u64, seconds: usize) -> Vec<(u64, Option<f64>)> {
        let all = history.temperatures(&name(), at(now), seconds);
        all.iter().map(|one| (one.at.millis() / 1_000, one.hotend.map(|it| it.actual.0))).collect()
    }

    #[test]
    fn a_second_that_was_missed_and_a_reading_that_is_too_old_are_gaps_and_absent_stays_absent() {
        let history = History::of([name()]);
        assert_eq!(told(&history, 5, 60), []);
        history.note(&name(), &hot(5, 20.04), at(5));
        history.note(&name(), &hot(5, 99.0), at(5));
        history.note(&name(), &hot(8, 30.0), at(8));
        history.note(&name(), &hot(2, 30.0), at(9));
        let wanted = [(5, Some(20.0)), (6, None), (7, None), (8, Some(30.0)), (9, None)];
        assert_eq!(told(&history, 9, 60), wanted);
        assert_eq!(told(&history, 9, 2), wanted[3..]);
        assert_eq!(told(&history, 20, 2), [], "of those seconds nothing is known");
        let first = history.temperatures(&name(), at(9), 60)[0];
        assert_eq!(first.hotend, Some(reading(20.0, Some(215.0))));
        assert_eq!((first.bed, first.chamber), (None, None));
        assert_eq!(history.temperatures(&"nobody".parse().unwrap(), at(9), 60), []);
    }

    #[test]
    fn what_is_no_temperature_is_absent() {
        for odd in [f64::NAN, f64::INFINITY, -1e9, 3_276.8] {
            let history = History::of([name()]);
            history.note(&name(), &hot(1, odd), at(1));
            assert_eq!(told(&history, 1, 60), [(1, None)], "{odd}");
        }
    }

    #[test]
    fn half_an_hour_is_kept_and_no_byte_more() {
        let history = History::of([name()]);
        for second in 1..=4_000 {
            history.note(&name(), &hot(second, 20.0), at(second));
        }
        let all = told(&history, 4_000, usize::MAX);
        assert_eq!((all.len(), all[0].0, all[SECONDS - 1].0), (SECONDS, 2_201, 4_000));
        history.note(&name(), &hot(1 << 40, 20.0), at(1 << 40));
        assert_eq!(told(&history, 1 << 40, SECONDS).iter().filter(|(_, value)| value.is_some()).count(), 1);
        let kept = history.kept(&name()).unwrap();
        assert!(kept.slots.capacity() * size_of::<Slot>() <= 22_000, "{}", kept.slots.capacity());
    }

    #[test]
    fn a_course_has_its_whole_job_in_few_points_and_a_new_job_begins_anew() {
        let history = History::of([name()]);
        assert_eq!(history.course(&name()), None);
        let (one, other) = (job(1), job(2));
        for second in 1..=20_000 {
            history.note(&name(), &printing(second, &one, second * 5), at(second));
        }
        let course = history.course(&name()).unwrap();
        assert_eq!((&course.job, course.points[0]), (&one, (Moment::from_millis(1_000), Some(5))));
        assert!((COURSE_MAX / 2 - 1..=COURSE_MAX).contains(&course.points.len()), "{}", course.points.len());
        assert!(course.points.iter().all(|(_, confirmed)| confirmed.is_some()));
        assert!(course.latest().is_some_and(|latest| latest > 99_000 && course.percent(latest) > 99.0));
        // It stays when its job has ended, until another begins.
        history.note(&name(), &hot(20_001, 20.0), at(20_001));
        assert_eq!(history.course(&name()).map(|course| course.job), Some(one));
        history.note(&name(), &printing(20_002, &other, 7), at(20_002));
        let course = history.course(&name()).unwrap();
        assert_eq!((course.job, course.points.len()), (other, 1));
    }

    #[test]
    fn a_course_has_a_gap_where_nobody_knew_how_far_its_job_was() {
        let history = History::of([name()]);
        for second in [1, 2, 60] {
            history.note(&name(), &printing(second, &job(1), second), at(second));
        }
        let points = history.course(&name()).unwrap().points;
        let points: Vec<_> = points.iter().map(|(at, confirmed)| (at.millis() / 1_000, *confirmed)).collect();
        assert_eq!(points, [(1, Some(1)), (2, Some(2)), (60, None), (60, Some(60))]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_takes_down_every_printer_once_a_second_until_it_is_to_end() {
        let clock = Clock::start(crate::domain::ids::BootId::from_entropy([1; 16]));
        let (_sender, live) = tokio::sync::watch::channel(Arc::new(hot(1, 20.0)));
        let board = Board::new(vec![(name(), live)]);
        let ending = CancellationToken::new();
        let task = tokio::spawn(run(board.clone(), clock.clone(), ending.clone()));
        tokio::time::advance(Duration::from_millis(1)).await;
        while board.history().temperatures(&name(), clock.now(), 60).len() < 9 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ending.cancel();
        task.await.unwrap();
        let all = told(board.history(), 9, 60);
        assert_eq!(all[0], (1, Some(20.0)));
        assert_eq!((all[6], all[7]), ((7, Some(20.0)), (8, None)), "its reading is too old by then: {all:?}");
    }
}
