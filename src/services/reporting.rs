//! Reports of this lab: its journal replayed and checked up to an entry, and the site's tables read, for each anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use crate::domain::quality::taken::ReportMade;
use crate::domain::quality::{self, Change};
use crate::io::offload::offload;
use crate::reports::past::Past;
use crate::reports::photos::Photos;
use crate::reports::worksheet::Worksheet;
use crate::reports::{Body, Kind, Parameters, ReportError, Sealed, Site, Sources, check, make, telling};

/// Entries that are read at once; between two pages, others have their turn.
const PAGE: usize = 256;
/// More files than this are no tables.
const FILES_MAX: usize = 100;
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
    let offset = counting.offset_minutes;
    let tables = offload(move || Tables::read(&counting)).await.map_err(|_| JournalError::Closed)?;
    let Tables { codes, texts, rates } = tables.map_err(NotReported::Tables)?;
    let models: BTreeMap<_, _> =
        config.printers.iter().map(|printer| (printer.name.clone(), printer.model.clone())).collect();
    let site = Site {
        name: config.site.clone(),
        offset_minutes: offset,
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
    let told = Past::new(telling(kind, &parameters, offset));
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

/// Notes that somebody takes a report, where that is not noted yet. Done when it is on the disk.
pub async fn taken(recorder: &Recorder, sealed: &Sealed, by: Option<String>) -> Result<(), NotReported> {
    let actor = by.as_ref().map_or(Actor::Platen, |by| Actor::Person(by.clone()));
    let change = Change::ReportMade { made: Box::new(sealed.made()) };
    recorder.submit(Request::Quality(Box::new(quality::Request { by, change })), actor).await?;
    Ok(())
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

/// A report as a page, with its photos as far as they are here.
pub async fn page(sealed: Sealed, intake: &Intake) -> Result<(Sealed, String), NotReported> {
    let wanted = sealed.photos();
    if wanted.is_empty() {
        let page = sealed.html();
        return Ok((sealed, page));
    }
    let _room = PAGES.acquire().await.map_err(|_| JournalError::Closed)?;
    let mut photos = Photos::default();
    for (file, times) in wanted {
        match intake.photo(&file).await {
            Ok(photo) => photos.take(file, photo.kind, photo.bytes, times),
            Err(error) => tracing::warn!(%error, "a report is made without a photo"),
        }
    }
    let made = offload(move || {
        let page = sealed.html_with(&photos);
        (sealed, page)
    });
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
