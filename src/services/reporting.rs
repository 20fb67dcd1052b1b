//! Reports of this lab: its journal replayed and checked up to an entry, and the site's tables read, for each anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::intake::Intake;
use super::journal::JournalError;
use super::recorder::{NotRecorded, Recorder};
use super::vault_desk::{Held, VaultDesk};
use crate::config::{Config, Counting, ServiceDay};
use crate::counting::codes::{CodeTables, Descriptors};
use crate::counting::costs::RateBook;
use crate::counting::mistake::Mistakes;
use crate::counting::units::facts::ServiceDate;
use crate::domain::event::{Actor, ChainHash, Event, Fact, RecordError};
use crate::domain::ids::{CaseToken, FileHash};
use crate::domain::lab::{Lab, Request};
use crate::domain::moment::Stamp;
use crate::domain::photo;
use crate::domain::quality::taken::ReportMade;
use crate::domain::quality::{self, Change};
use crate::io::offload::offload;
use crate::reports::past::Past;
use crate::reports::photos::{PAGE_MAX, Photos};
use crate::reports::worksheet::Worksheet;
use crate::reports::{Body, Kind, Parameters, ReportError, Sealed, Site, Sources, check, make, telling};

/// Entries that are read at once; between two pages, others have their turn.
const PAGE: usize = 256;
/// More files than this are no tables.
const FILES_MAX: usize = 100;
/// A person who takes the same report as data again and again is noted this often.
const NOTED_EVERY: Duration = Duration::from_secs(3600);
/// A replayed lab takes as much memory as the lab itself, so that only one is made at a time.
static ROOM: Semaphore = Semaphore::const_new(1);
/// So is a page with photos in it.
static PAGES: Semaphore = Semaphore::const_new(1);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NotReported {
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal ends at entry {last}; ask for a report of that, or of an earlier one")]
    Beyond { last: u64 },
    #[error("{}", .0.join("\n"))]
    Tables(Vec<String>),
    /// It is made, and nobody gets it: a paper that platen knows nothing of would be worth nothing.
    #[error(transparent)]
    Unnoted(#[from] NotRecorded),
}

/// The tables that a site counts by.
#[derive(Clone, Debug)]
pub struct Tables {
    pub codes: CodeTables,
    pub texts: Descriptors,
    pub rates: Option<RateBook>,
}

/// The `.toml` files of a folder, by name.
fn folder(path: &Path) -> Result<Vec<(String, String)>, String> {
    let wrong = |error: std::io::Error| {
        format!("{} cannot be read: {error}; look at the path and its owner", path.display())
    };
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        let name = entry.map_err(wrong)?.path();
        if name.extension().is_some_and(|extension| extension == "toml") {
            names.push(name);
        }
    }
    if names.len() > FILES_MAX {
        return Err(format!(
            "{} has more than {FILES_MAX} tables; keep those that are needed",
            path.display()
        ));
    }
    names.sort();
    names.iter().map(|name| Ok((name.display().to_string(), file(name)?))).collect()
}

fn file(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        format!("{} cannot be read: {error}; look at the path and its owner", path.display())
    })
}

fn borrowed(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

fn told(mistakes: &Mistakes) -> Vec<String> {
    mistakes.0.iter().map(ToString::to_string).collect()
}

impl Tables {
    /// Reads them. Every mistake of every file is told. Blocks.
    pub fn read(counting: &Counting) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let codes = match &counting.codes {
            None => CodeTables::shipped().map_err(|found| mistakes.extend(told(&found))).ok(),
            Some(path) => folder(path).map_err(|found| mistakes.push(found)).ok().and_then(|files| {
                CodeTables::read(borrowed(&files)).map_err(|found| mistakes.extend(told(&found))).ok()
            }),
        };
        let texts = match (&counting.texts, &codes) {
            (Some(path), Some(codes)) => match file(path) {
                Ok(text) => Descriptors::read((&path.display().to_string(), &text), codes)
                    .map_err(|found| mistakes.extend(told(&found)))
                    .unwrap_or_default(),
                Err(found) => {
                    mistakes.push(found);
                    Descriptors::default()
                }
            },
            _ => Descriptors::default(),
        };
        let rates = counting.rates.as_ref().and_then(|path| {
            let files = folder(path).map_err(|found| mistakes.push(found)).ok()?;
            RateBook::read(borrowed(&files)).map_err(|found| mistakes.extend(told(&found))).ok()
        });
        match codes {
            Some(codes) if mistakes.is_empty() => Ok(Self { codes, texts, rates }),
            _ => Err(mistakes),
        }
    }
}

/// Makes a report of the journal up to an entry, or up to its end. What the vault has of a case now is in no word of
/// it, however old the entry is.
pub async fn report(
    recorder: &Recorder,
    vault: &VaultDesk,
    config: &Config,
    kind: Kind,
    parameters: Parameters,
    until: Option<u64>,
) -> Result<Sealed, NotReported> {
    check(kind, &parameters)?;
    let last = recorder.read(|lab| lab.counters.seq);
    let until = match until {
        Some(until) => until,
        None => newest(recorder, last).await?,
    };
    if until > last || until == 0 {
        return Err(NotReported::Beyond { last });
    }
    let counting = config.counting.clone();
    let tables = offload(move || Tables::read(&counting)).await.map_err(|_| JournalError::Closed)?;
    let Tables { codes, texts, rates } = tables.map_err(NotReported::Tables)?;
    let models: BTreeMap<_, _> =
        config.printers.iter().map(|printer| (printer.name.clone(), printer.model.clone())).collect();
    let site = Site {
        name: config.site.clone(),
        zone: config.zone.clone(),
        service_date: match config.counting.service_day {
            ServiceDay::Printed => ServiceDate::Printed,
            ServiceDay::Delivered => ServiceDate::Delivered,
        },
        models,
        tables: codes,
        descriptors: texts,
        rates,
    };
    let _room = ROOM.acquire().await.map_err(|_| JournalError::Closed)?;
    let held = Arc::new(vault.held(parameters.case.clone()).await);
    let told = Past::new(telling(kind, &parameters, &config.zone));
    let (mut lab, past) = replay(recorder, &held, until, told).await?;
    let made = offload(move || {
        held.lab(&mut lab);
        make(kind, parameters, Sources { lab: &lab, past: &past, site: &site })
    });
    Ok(made.await.map_err(|_| JournalError::Closed)??)
}

/// The newest entry but for those that say that a report was taken: taking one changes no other.
async fn newest(recorder: &Recorder, last: u64) -> Result<u64, JournalError> {
    let mut end = last;
    while end > 0 {
        let from = end.saturating_sub(PAGE as u64 - 1).max(1);
        let limit = usize::try_from(end - from + 1).unwrap_or(PAGE);
        let page = recorder.events(from, limit).await?;
        let tells = |event: &&Event| event.seq <= end && of_report(&event.fact).is_none();
        if let Some(event) = page.iter().rev().find(tells) {
            return Ok(event.seq);
        }
        end = from - 1;
    }
    Ok(last)
}

fn of_report(fact: &Fact) -> Option<(&Option<String>, &ReportMade)> {
    match fact {
        Fact::Quality(quality::Fact { by, change: Change::ReportMade { made }, .. }) => {
            Some((by, made.as_ref()))
        }
        _ => None,
    }
}

/// How a report is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// A page, which may be printed and then has to be known by its hash.
    Page,
    /// JSON or CSV, which programs may ask for each minute.
    Data,
}

/// Notes that somebody takes a report, where that is not noted yet; done when it is on the disk. Whether its hash is
/// in the journal then: as data it is not where the same person, or nobody, took a report of this kind and these
/// parameters less than an hour ago, so that no program that asks each minute fills journal and memory. A page always
/// is. The hour is counted by the daemon's clock, and anew when the daemon starts.
pub async fn taken(
    recorder: &Recorder,
    now: &Stamp,
    made: ReportMade,
    by: Option<String>,
    form: As,
) -> Result<bool, NotReported> {
    let known = recorder.read(|lab| lab.quality.has_taken(&made.sha256, by.as_deref()));
    if known {
        return Ok(true);
    }
    if form == As::Data && is_noted_of_late(recorder, now, &made, by.as_deref()).await? {
        return Ok(false);
    }
    let actor = by.as_ref().map_or(Actor::Platen, |by| Actor::Person(by.clone()));
    let change = Change::ReportMade { made: Box::new(made) };
    recorder.submit(Request::Quality(Box::new(quality::Request { by, change })), actor).await?;
    Ok(true)
}

/// Whether the journal has it from this last hour that this person took a report of this kind and these parameters.
async fn is_noted_of_late(
    recorder: &Recorder,
    now: &Stamp,
    made: &ReportMade,
    by: Option<&str>,
) -> Result<bool, JournalError> {
    let mut places: Vec<u64> = recorder.read(|lab| {
        let of_them = lab.quality.reports.values().filter(|taken| taken.by.as_deref() == by);
        of_them.map(|taken| taken.seq).collect()
    });
    places.sort_unstable();
    for seq in places.into_iter().rev() {
        let Some(event) = recorder.events(seq, 1).await?.pop() else { break };
        if event.stamp.boot != now.boot || now.mono.since(event.stamp.mono) >= NOTED_EVERY {
            break;
        }
        let told = of_report(&event.fact);
        if told.is_some_and(|(_, of)| of.kind == made.kind && of.parameters == made.parameters) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each time that a report of this hash was taken, first one first: entry, by whom, which.
pub async fn made(
    recorder: &Recorder,
    sha256: &FileHash,
) -> Result<Vec<(Event, Option<String>, ReportMade)>, JournalError> {
    let places: Vec<u64> = recorder.read(|lab| lab.quality.taken(sha256).map(|taken| taken.seq).collect());
    let mut all = Vec::new();
    for seq in places {
        for event in recorder.events(seq, 1).await? {
            if let Some((by, made)) = of_report(&event.fact).filter(|(_, made)| made.sha256 == *sha256) {
                let (by, made) = (by.clone(), made.clone());
                all.push((event, by, made));
            }
        }
    }
    Ok(all)
}

/// The last `most` times that a report was taken, the newest first, and how often one was in all.
pub async fn latest(
    recorder: &Recorder,
    most: usize,
) -> Result<(Vec<(Event, Option<String>, ReportMade)>, usize), JournalError> {
    let mut places: Vec<u64> =
        recorder.read(|lab| lab.quality.reports.values().map(|taken| taken.seq).collect());
    places.sort_unstable();
    let mut all = Vec::new();
    for seq in places.iter().rev().take(most) {
        for event in recorder.events(*seq, 1).await? {
            if let Some((by, made)) = of_report(&event.fact) {
                let (by, made) = (by.clone(), made.clone());
                all.push((event, by, made));
            }
        }
    }
    Ok((all, places.len()))
}

/// The worksheet of a case as it is now: what a coder's confirmation is held against.
pub async fn worksheet(
    recorder: &Recorder,
    vault: &VaultDesk,
    config: &Config,
    case: &CaseToken,
) -> Result<Worksheet, NotReported> {
    let parameters = Parameters { case: Some(case.clone()), ..Parameters::default() };
    let sealed = report(recorder, vault, config, Kind::Worksheet, parameters, None).await?;
    match sealed.report.body {
        Body::Worksheet(sheet) => Ok(*sheet),
        _ => Err(ReportError::NotWritten.into()),
    }
}

/// The photos of a page, of which no more are read than it can hold.
#[derive(Default)]
struct Gathered {
    photos: Photos,
    read: u64,
}

impl Gathered {
    fn is_full(&self) -> bool {
        self.read >= PAGE_MAX
    }

    fn take(&mut self, file: FileHash, photo: photo::Clean, times: usize) {
        self.read = self.read.saturating_add(photo.bytes.len() as u64);
        self.photos.take(file, photo.kind, photo.bytes, times);
    }

    /// It is not read, and the page says that it had no room for it.
    fn leave_out(&mut self, file: FileHash) {
        self.photos.leave_out(file);
    }
}

/// A report as a page, with its photos as far as they are here.
pub async fn page(sealed: &Arc<Sealed>, intake: &Intake) -> Result<String, NotReported> {
    let wanted = sealed.photos();
    if wanted.is_empty() {
        return Ok(sealed.html());
    }
    let _room = PAGES.acquire().await.map_err(|_| JournalError::Closed)?;
    let mut gathered = Gathered::default();
    for (file, times) in wanted {
        if gathered.is_full() {
            gathered.leave_out(file);
            continue;
        }
        match intake.photo(&file).await {
            Ok(photo) => gathered.take(file, photo, times),
            Err(error) => tracing::warn!(%error, "a report is made without a photo"),
        }
    }
    let sealed = Arc::clone(sealed);
    let made = offload(move || sealed.html_with(&gathered.photos));
    Ok(made.await.map_err(|_| JournalError::Closed)?)
}

/// The lab as it was at an entry, with every link up to there checked. Page by page on a thread that may wait: what
/// is held back of an entry takes long, and stops are answered meanwhile.
async fn replay(
    recorder: &Recorder,
    held: &Arc<Held>,
    until: u64,
    past: Past,
) -> Result<(Lab, Past), JournalError> {
    let (mut played, mut next) = ((Lab::default(), past, ChainHash::GENESIS), 1);
    while next <= until {
        let limit = usize::try_from(until - next + 1).unwrap_or(PAGE).min(PAGE);
        let page = recorder.records(next, limit).await?;
        if page.is_empty() {
            return Err(RecordError::Missing { seq: next }.into());
        }
        let (held, from) = (Arc::clone(held), next);
        next += page.len() as u64;
        let play = move || -> Result<_, JournalError> {
            let (mut lab, mut past, mut head) = played;
            for (seq, record) in (from..).zip(page) {
                record.verify(seq, head)?;
                let event = record.event(seq)?;
                let touched = lab.apply(&event);
                head = record.hash;
                past.note(&lab, &held.entry(&lab, event), head, &touched);
            }
            Ok((lab, past, head))
        };
        played = offload(play).await.map_err(|_| JournalError::Closed)??;
    }
    let (lab, past, _) = played;
    Ok((lab, past))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BootId;
    use crate::io::clock::{Clock, entropy};
    use crate::io::store::Store;
    use crate::io::store::memory::MemoryStore;
    use crate::reports::photos::Photo;

    fn made(kind: Kind, n: u8) -> ReportMade {
        let sha256 = FileHash::from_digest([n; 32]);
        ReportMade { kind, parameters: Parameters::default(), cut: 1, version: 1, sha256 }
    }

    #[tokio::test]
    async fn who_takes_the_same_data_each_minute_is_noted_each_hour_and_every_page_is() {
        let store = Arc::new(MemoryStore::default()) as Arc<dyn Store>;
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let recorder = Recorder::open(store, clock.clone(), site, node).await.unwrap();
        let now = clock.stamp();
        let takes = async |now: &Stamp, made: ReportMade, by: Option<&str>, form: As| {
            let before = recorder.read(|lab| lab.counters.seq);
            let noted = taken(&recorder, now, made, by.map(Into::into), form).await.unwrap();
            (noted, recorder.read(|lab| lab.counters.seq) - before)
        };
        let of = |n: u8| made(Kind::Audit, n);
        for by in [Some("kim"), None] {
            assert_eq!(takes(&now, of(1), by, As::Data).await, (true, 1), "{by:?}");
            assert_eq!(takes(&now, of(1), by, As::Data).await, (true, 0), "{by:?}: it is noted already");
            assert_eq!(takes(&now, of(2), by, As::Data).await, (false, 0), "{by:?}");
        }
        assert_eq!(takes(&now, of(2), Some("lee"), As::Data).await, (true, 1), "another person");
        assert_eq!(takes(&now, made(Kind::Value, 3), Some("kim"), As::Data).await, (true, 1), "another kind");
        assert_eq!(takes(&now, of(4), Some("kim"), As::Page).await, (true, 1), "a page");
        let from = Some("2026-01-01".parse().unwrap());
        let other = ReportMade { parameters: Parameters { from, ..Parameters::default() }, ..of(5) };
        assert_eq!(takes(&now, other, Some("kim"), As::Data).await, (true, 1), "other parameters");
        let later = Stamp { mono: clock.now() + NOTED_EVERY, ..now.clone() };
        assert_eq!(takes(&later, of(6), Some("kim"), As::Data).await, (true, 1), "an hour later");
        let anew = Stamp { boot: BootId::from_entropy([7; 16]), ..now.clone() };
        assert_eq!(takes(&anew, of(7), Some("kim"), As::Data).await, (true, 1), "another start");
    }

    #[test]
    fn no_more_photos_are_read_than_a_page_holds_and_the_others_are_not_missing() {
        let file = |n: u8| FileHash::from_digest([n; 32]);
        let third = || photo::Clean {
            kind: photo::Kind::Png,
            width: 1,
            height: 1,
            bytes: vec![0; usize::try_from(PAGE_MAX / 3).unwrap()],
        };
        let mut gathered = Gathered::default();
        for (n, times) in [(1, 1), (2, 9), (3, 1)] {
            assert!(!gathered.is_full(), "{n}");
            gathered.take(file(n), third(), times);
        }
        assert!(gathered.is_full());
        gathered.leave_out(file(4));
        for (n, is_shown) in [(1, true), (2, false), (3, true), (4, false)] {
            let photo = gathered.photos.get(&file(n)).unwrap();
            assert_eq!(*photo != Photo::TooMuch, is_shown, "{n}");
        }
    }

    #[test]
    fn every_mistake_of_every_table_is_told_and_what_came_with_platen_has_none() {
        let shipped = Tables::read(&Counting::default()).unwrap();
        assert!(shipped.rates.is_none());
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("rates")).unwrap();
        std::fs::write(at("rates/a.toml"), "version = 1\n").unwrap();
        std::fs::write(at("rates/notes.txt"), "not a table").unwrap();
        let counting = Counting {
            codes: Some(at("none")),
            rates: Some(at("rates")),
            texts: None,
            ..Counting::default()
        };
        let found = Tables::read(&counting).unwrap_err();
        assert!(found[0].contains("none cannot be read"), "{found:?}");
        assert!(found.iter().any(|one| one.contains("a.toml") && one.contains("version")), "{found:?}");
        assert!(!found.iter().any(|one| one.contains("notes.txt")), "{found:?}");
    }
}
