//! The page at `/audit`: the journal in sentences, newest first, and whether it is whole.
//!
//! A journal may have a million entries. They are read from the store page by page, backwards from a cursor, and
//! a request looks at so many and no more: where its filters find few, a link looks further.

use maud::{Markup, html};

use super::kit::{self, Field};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::{Text, audit as words, common};
use crate::domain::day::Day;
use crate::domain::event::{Actor, Event, Fact};
use crate::domain::ids::{CaseToken, LotId, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::name::fold;
use crate::domain::quality::Change;
use crate::domain::story;
use crate::io::offload::offload;
use crate::reports::past::{is_of_lot, is_of_printer, sentence};
use crate::services::heads;
use crate::services::recorder::{JournalError, Recorder};
use crate::services::vault_desk::Held;

/// Entries that are read at once; between two pages others have their turn.
const PAGE: u64 = 256;
/// Rows of one page.
const ROWS: usize = 100;
/// Entries that one request looks at.
const LOOK_MAX: u64 = 4_096;
/// Clocks are set: entries of a day are looked for until they are older than this before it.
const CLOCK_SLACK_MS: u64 = 86_400_000;
/// The newest signed heads that are held against the journal.
const HEADS: usize = 5;
/// What was typed is repeated in a field up to here.
const WORDS_MAX: usize = 80;

/// Kinds of entries, as addresses have them.
const KINDS: [(&str, Text); 12] = [
    ("prints", words::KIND_PRINTS),
    ("printers", words::KIND_PRINTERS),
    ("cases", words::KIND_CASES),
    ("parts", words::KIND_PARTS),
    ("material", words::KIND_MATERIAL),
    ("rules", words::KIND_RULES),
    ("queue", words::KIND_QUEUE),
    ("reports", words::KIND_REPORTS),
    ("vault", words::KIND_VAULT),
    ("people", words::KIND_PEOPLE),
    ("journal", words::KIND_JOURNAL),
    (PROGRESS, words::KIND_PROGRESS),
];
/// Most entries are of this kind, and nobody wants to read them among the others.
const PROGRESS: &str = "progress";

const fn of_quality(change: &Change) -> &'static str {
    match change {
        Change::Case { .. } | Change::Part { .. } => "cases",
        Change::Printed { .. }
        | Change::Inspection { .. }
        | Change::Nonconformance { .. }
        | Change::Template { .. }
        | Change::Instrument { .. } => "parts",
        Change::Lot { .. }
        | Change::Loaded { .. }
        | Change::Unloaded { .. }
        | Change::MaterialUsed { .. } => "material",
        Change::Rules { .. }
        | Change::Process { .. }
        | Change::ProcessGone { .. }
        | Change::Printer { .. } => "rules",
        Change::ReportMade { .. } => "reports",
    }
}

fn kind_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::JournalBegun { .. } | Fact::DaemonStarted { .. } | Fact::JournalRestored { .. } => "journal",
        Fact::CaseOpened { .. } | Fact::PartAdded { .. } => "cases",
        Fact::JobProgress { .. } => PROGRESS,
        Fact::JobSlicing { .. }
        | Fact::JobSliced { .. }
        | Fact::JobNotSliced { .. }
        | Fact::JobQueued { .. }
        | Fact::JobResumeFile { .. }
        | Fact::JobStarted { .. }
        | Fact::JobPaused { .. }
        | Fact::JobResumed { .. }
        | Fact::JobContinued { .. }
        | Fact::JobPrinted { .. }
        | Fact::JobCancelled { .. }
        | Fact::JobInterrupted { .. }
        | Fact::JobReleased { .. }
        | Fact::JobAccepted { .. }
        | Fact::CancelAsked { .. } => "prints",
        Fact::BedCleared { .. }
        | Fact::BedGivenBack { .. }
        | Fact::TrailLost { .. }
        | Fact::PrinterStopped { .. }
        | Fact::StopVerified { .. }
        | Fact::StopUnverified { .. }
        | Fact::PrinterFaulted { .. }
        | Fact::LatchCleared { .. }
        | Fact::HeatAlarm { .. }
        | Fact::PrinterIdentified { .. }
        | Fact::PrinterQuarantined { .. }
        | Fact::PrinterRecognised { .. }
        | Fact::PromptAnswered { .. }
        | Fact::ConsoleUsed { .. }
        | Fact::Resin(_) => "printers",
        Fact::Quality(fact) => of_quality(&fact.change),
        Fact::Queue(_) => "queue",
        Fact::Identifiers(_) => "vault",
        Fact::People(_) => "people",
    }
}

/// What is asked for.
#[derive(Debug, Default)]
struct Wanted {
    /// Entries before this one.
    before: Option<u64>,
    seq: Option<u64>,
    who: Option<String>,
    case: Option<CaseToken>,
    printer: Option<PrinterName>,
    lot: Option<LotId>,
    kind: Option<&'static str>,
    day: Option<Day>,
    /// What of it cannot be.
    wrong: Vec<Text>,
}

impl Wanted {
    fn of(ask: &Ask, newest: u64) -> Self {
        let mut wrong = Vec::new();
        let seq: Option<u64> = parsed(ask, "seq", words::WRONG_SEQ, &mut wrong);
        let seq = seq.filter(|seq| {
            let is_there = (1..=newest).contains(seq);
            if !is_there {
                wrong.push(words::WRONG_SEQ);
            }
            is_there
        });
        let kind = ask.query("kind").map(|given| KINDS.iter().find(|(word, _)| *word == given));
        if kind == Some(None) {
            wrong.push(words::WRONG_KIND);
        }
        Self {
            before: ask.query("before").and_then(|text| text.parse().ok()),
            seq,
            who: ask.query("who").map(|who| who.chars().take(WORDS_MAX).collect()),
            case: parsed(ask, "case", words::WRONG_CASE, &mut wrong),
            printer: parsed(ask, "printer", words::WRONG_PRINTER, &mut wrong),
            lot: parsed(ask, "lot", words::WRONG_LOT, &mut wrong),
            kind: kind.flatten().map(|(word, _)| *word),
            day: parsed(ask, "day", words::WRONG_DAY, &mut wrong),
            wrong,
        }
    }

    const fn is_filtered(&self) -> bool {
        self.who.is_some()
            || self.case.is_some()
            || self.printer.is_some()
            || self.lot.is_some()
            || self.kind.is_some()
            || self.day.is_some()
            || self.seq.is_some()
    }

    /// What is known of an entry without the lab.
    fn takes(&self, event: &Event, day: Option<(WallTime, WallTime)>) -> bool {
        let kind = kind_of(&event.fact);
        let of_kind = match self.kind {
            Some(wanted) => kind == wanted,
            // Whoever names an entry wants that one.
            None => kind != PROGRESS || self.seq == Some(event.seq),
        };
        of_kind
            && day.is_none_or(|(from, to)| (from..=to).contains(&event.stamp.wall))
            && self.printer.as_ref().is_none_or(|printer| {
                is_of_printer(event, printer) || event.actor == Actor::Printer(printer.clone())
            })
            && self.lot.as_ref().is_none_or(|lot| is_of_lot(event, lot))
            && self.who.as_deref().is_none_or(|who| is_by(event, who))
    }

    /// The same with another cursor. What was typed is written so that it is one value.
    fn path(&self, before: Option<u64>) -> String {
        let given = [
            ("who", self.who.as_deref().map(encoded)),
            ("case", self.case.as_ref().map(ToString::to_string)),
            ("printer", self.printer.as_ref().map(ToString::to_string)),
            ("lot", self.lot.as_ref().map(ToString::to_string)),
            ("kind", self.kind.map(str::to_owned)),
            ("day", self.day.map(|day| day.to_string())),
            ("before", before.map(|seq| seq.to_string())),
        ];
        let given: Vec<String> =
            given.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
        if given.is_empty() { "/audit".into() } else { format!("/audit?{}", given.join("&")) }
    }
}

/// As a value in an address: what is not plain is in hexadecimal.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What is given, if it can be that; else what is wrong is noted.
fn parsed<T: std::str::FromStr>(ask: &Ask, key: &str, wrong: Text, into: &mut Vec<Text>) -> Option<T> {
    let parsed = ask.query(key)?.parse().ok();
    if parsed.is_none() {
        into.push(wrong);
    }
    parsed
}

/// Whether somebody caused an entry, or is named in it as who did.
fn is_by(event: &Event, who: &str) -> bool {
    let who = fold(who);
    let is_actor = match &event.actor {
        Actor::Person(name) => fold(name) == who,
        Actor::Printer(printer) => printer.as_str() == who,
        Actor::Platen => who == "platen",
    };
    is_actor || serde_json::to_value(&event.fact).is_ok_and(|fact| names(&fact, &who))
}

/// Whether a fact has this name under `by` or `user`.
fn names(fact: &serde_json::Value, who: &str) -> bool {
    let is = |value: &serde_json::Value| value.as_str().is_some_and(|name| fold(name) == who);
    match fact {
        serde_json::Value::Object(all) => all.iter().any(|(key, value)| match key.as_str() {
            "by" | "user" => is(value) || is(&value["name"]),
            _ => names(value, who),
        }),
        serde_json::Value::Array(all) => all.iter().any(|one| names(one, who)),
        _ => false,
    }
}

/// One entry as it is shown.
#[derive(Debug)]
struct Row {
    seq: u64,
    at: WallTime,
    actor: Actor,
    what: String,
    case: Option<CaseToken>,
    kind: &'static str,
}

/// What was found, and how far back it was looked for.
#[derive(Debug, Default)]
struct Found {
    rows: Vec<Row>,
    newest_seen: u64,
    oldest_seen: u64,
    /// Where to go on.
    before: Option<u64>,
    failed: Option<String>,
}

/// The last entry that was written by then, as far as the clock was right. About twenty reads.
async fn last_by(recorder: &Recorder, newest: u64, at: WallTime) -> Result<u64, JournalError> {
    let (mut low, mut high) = (1, newest.max(1));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match recorder.events(middle, 1).await?.first() {
            Some(event) if event.stamp.wall <= at => low = middle,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

/// Of some entries those that are wanted, each with the case whose words it may have; the lab is held shortly.
fn of_case(lab: &Lab, wanted: &Wanted, page: Vec<Event>) -> Vec<(Option<CaseToken>, Event)> {
    let is = |event: &Event| wanted.case.as_ref().is_none_or(|case| story::is_of_case(lab, event, case));
    let page = page.into_iter().filter(is);
    page.map(|event| (story::case_of(lab, &event).cloned(), event)).collect()
}

async fn look(viewer: &Viewer, wanted: &Wanted, newest: u64, found: &mut Found) -> Result<(), JournalError> {
    let recorder = &viewer.app.recorder;
    let zone = &viewer.app.config.zone;
    let day = wanted.day.map(|day| (zone.begins(day), zone.ends(day)));
    let mut next = match wanted.before {
        Some(before) => before.saturating_sub(1).min(newest),
        None => wanted.seq.unwrap_or(newest),
    };
    if let Some((_, ends)) = day {
        next = next.min(last_by(recorder, newest, ends).await?);
    }
    let held = viewer.app.vault.held(wanted.case.clone()).await;
    let least = next.saturating_sub(LOOK_MAX);
    (found.newest_seen, found.oldest_seen) = (next, next);
    while next > least && found.rows.len() < ROWS {
        let from = next.saturating_sub(PAGE - 1).max(least + 1);
        let mut page = recorder.events(from, usize::try_from(next - from + 1).unwrap_or(1)).await?;
        page.reverse();
        let is_past = |event: &Event| {
            day.is_some_and(|(begins, _)| event.stamp.wall.0.saturating_add(CLOCK_SLACK_MS) < begins.0)
        };
        if page.first().is_none_or(is_past) {
            found.before = None;
            return Ok(());
        }
        page.retain(|event| wanted.takes(event, day));
        let page = recorder.read(|lab| of_case(lab, wanted, page));
        next = from - 1;
        for (case, event) in page {
            if found.rows.len() == ROWS {
                next = event.seq;
                break;
            }
            found.rows.push(row(&held, case, event));
            tokio::task::yield_now().await;
        }
        found.oldest_seen = next + 1;
        found.before = (next > 0).then_some(next + 1);
    }
    Ok(())
}

fn row(held: &Held, case: Option<CaseToken>, event: Event) -> Row {
    let kind = kind_of(&event.fact);
    let event = held.entry_of(case.as_ref(), event);
    Row { seq: event.seq, at: event.stamp.wall, what: sentence(&event.fact), actor: event.actor, case, kind }
}

/// A signed head, and whether the journal has that hash at that entry.
#[derive(Debug)]
struct Head {
    day: String,
    entries: u64,
    fits: bool,
}

#[derive(Debug)]
enum Heads {
    Off,
    Wrong(String),
    Kept(Vec<Head>),
}

async fn signed_heads(viewer: &Viewer) -> Heads {
    let Some(config) = viewer.app.config.heads.clone() else { return Heads::Off };
    let kept = match offload(move || heads::newest(&config, HEADS)).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => return Heads::Wrong(error.to_string()),
        Err(error) => return Heads::Wrong(error.to_string()),
    };
    let mut all = Vec::new();
    for head in kept {
        // Where the entry is not there, or cannot be read, it does not fit.
        let records = viewer.app.recorder.records(head.entries, 1).await.unwrap_or_default();
        let fits = records.first().is_some_and(|record| record.hash.to_hex() == head.head)
            && (&head.site, &head.node) == (&viewer.app.config.site, &viewer.app.config.node);
        all.push(Head { day: head.made, entries: head.entries, fits });
    }
    Heads::Kept(all)
}

/// The hash of one entry, and of the one before.
async fn hashes(recorder: &Recorder, seq: u64) -> Option<(String, String)> {
    let record = recorder.records(seq, 1).await.ok()?.pop()?;
    Some((record.hash.to_hex(), record.previous.to_hex()))
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let newest = viewer.app.recorder.read(|lab| lab.counters.seq);
        let wanted = Wanted::of(&ask, newest);
        let mut found = Found::default();
        if wanted.wrong.is_empty()
            && let Err(error) = look(&viewer, &wanted, newest, &mut found).await
        {
            // Of a damaged journal this page has to tell, too.
            found.failed = Some(error.to_string());
        }
        let hashes = match wanted.seq.filter(|_| wanted.wrong.is_empty()) {
            Some(seq) => hashes(&viewer.app.recorder, seq).await,
            None => None,
        };
        let heads = signed_heads(&viewer).await;
        let mut pieces =
            vec![head(&viewer), whole(&viewer, newest, &heads), filters(&viewer, &wanted, newest)];
        if let (Some(seq), Some(hashes)) = (wanted.seq, hashes) {
            pieces.push(entry(&viewer, seq, &found, &hashes));
        }
        pieces.push(journal(&viewer, &wanted, newest, &found));
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn head(viewer: &Viewer) -> Piece {
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::TITLE)) }
                p.quiet { (viewer.say(words::INTRO)) }
            }
        },
    )
}

/// Whether the journal is whole, and what was signed of it.
fn whole(viewer: &Viewer, newest: u64, heads: &Heads) -> Piece {
    let finding = viewer.app.recorder.finding();
    let restored = viewer.app.recorder.read(|lab| lab.counters.restored);
    Piece::new(
        "whole",
        html! {
            div.split id="whole" {
                section.card.stack aria-labelledby="whole-title" {
                    h2 id="whole-title" { (viewer.say(words::WHOLE)) }
                    dl.facts { dt { (viewer.say(words::ENTRIES)) } dd { (viewer.grouped(newest)) } }
                    @match finding {
                        Some(finding) => p.note data-state="bad" role="alert" {
                            (viewer.fill(words::KNOWN_DAMAGE, &[("finding", &finding)]))
                        },
                        None => p { (viewer.say(words::NO_DAMAGE)) },
                    }
                    @if let Some(restored) = restored {
                        @let day = viewer.day(&viewer.app.config.zone.day(restored.at).to_string());
                        p.note data-state="wants" { (viewer.fill(words::RESTORED, &[("day", &day)])) }
                    }
                    (check(viewer))
                    p.buttons {
                        a href="/v1/journal" { (viewer.say(words::DOWNLOAD)) }
                        a href="/reports#report-audit" { (viewer.say(words::EXTRACT)) }
                    }
                }
                (signed(viewer, heads))
            }
        },
    )
}

/// The button that has all of it read; without a script, a link to the same answer.
fn check(viewer: &Viewer) -> Markup {
    let text = |text: Text| viewer.say(text);
    html! {
        div.check id="check" data-use="audit" data-checking=(text(words::CHECKING))
            data-intact=(text(words::INTACT)) data-broken=(text(words::BROKEN)) {
            button.first type="button" hidden { (text(words::CHECK)) }
            noscript { a.button href="/v1/audit" { (text(words::CHECK)) } }
            small { (text(words::CHECK_HINT)) }
            p id="checked" role="status" {}
        }
    }
}

fn signed(viewer: &Viewer, heads: &Heads) -> Markup {
    html! {
        section.card.stack aria-labelledby="heads-title" {
            h2 id="heads-title" { (viewer.say(words::HEADS)) }
            @match heads {
                Heads::Off => p.quiet { (viewer.say(words::HEADS_OFF)) },
                Heads::Wrong(why) => p.note data-state="bad" {
                    (viewer.fill(words::HEADS_WRONG, &[("why", &viewer.told(why))]))
                },
                Heads::Kept(all) if all.is_empty() => p.quiet { (viewer.say(words::HEADS_NONE)) },
                Heads::Kept(all) => ul.rows {
                    @for head in all {
                        li {
                            (viewer.when(&head.day)) ", "
                            (viewer.fill(words::HEAD_OF, &[("n", &viewer.grouped(head.entries))])) " "
                            @if head.fits { span.chip data-state="good" { (viewer.say(words::HEAD_FITS)) } }
                            @else { strong.note data-state="bad" { (viewer.say(words::HEAD_NOT)) } }
                        }
                    }
                },
            }
        }
    }
}

/// Of those who may be chosen: users, and printers of the configuration and of the journal.
fn choices(viewer: &Viewer) -> (Vec<String>, Vec<String>) {
    let configured = viewer.app.config.printers.iter().map(|printer| printer.name.to_string());
    viewer.app.recorder.read(|lab| {
        let mut people: Vec<String> = lab.people.users.values().map(|user| user.name.to_string()).collect();
        people.push("platen".into());
        let mut printers: Vec<String> =
            configured.chain(lab.printers.keys().map(ToString::to_string)).collect();
        printers.sort_unstable();
        printers.dedup();
        (people, printers)
    })
}

fn filters(viewer: &Viewer, wanted: &Wanted, newest: u64) -> Piece {
    let (people, printers) = choices(viewer);
    let mut of_printers = vec![("", viewer.say(words::ALL_PRINTERS).to_owned())];
    of_printers.extend(printers.iter().map(|printer| (printer.as_str(), printer.clone())));
    let mut kinds = vec![("", viewer.say(words::ALL_KINDS).to_owned())];
    kinds.extend(KINDS.iter().map(|(word, text)| (*word, viewer.say(*text).to_owned())));
    let text = |of: Option<String>| of.unwrap_or_default();
    let (case, lot, day) = (
        text(wanted.case.as_ref().map(ToString::to_string)),
        text(wanted.lot.as_ref().map(ToString::to_string)),
        text(wanted.day.map(|day| day.to_string())),
    );
    let printer = text(wanted.printer.as_ref().map(ToString::to_string));
    let kind = wanted.kind.unwrap_or_default();
    let seq = text(wanted.seq.map(|seq| seq.to_string()));
    let say = |text| viewer.say(text);
    let date = Field { kind: "date", ..Field::text("day", say(words::DAY)).value(&day) };
    Piece::new(
        "filters",
        html! {
            section.filters id="filters" aria-label=(say(words::FILTERS)) {
                @for wrong in &wanted.wrong {
                    p.note data-state="bad" role="alert" { (viewer.fill(*wrong, &[("n", &newest)])) }
                }
                form.narrow id="narrow-audit" method="get" action="/audit" {
                    label.field {
                        span { (say(words::WHO)) }
                        input type="text" name="who" list="people" maxlength="40" autocomplete="off"
                            value=(wanted.who.as_deref().unwrap_or_default());
                        small { (say(words::WHO_HINT)) }
                    }
                    datalist id="people" { @for name in &people { option value=(name) {} } }
                    (Field::text("case", say(words::CASE)).value(&case).input())
                    (Field::text("printer", say(words::PRINTER)).value(&printer).choice(&of_printers))
                    (Field::text("kind", say(words::KIND)).value(kind).choice(&kinds))
                    (Field::text("lot", say(words::LOT)).value(&lot).input())
                    (date.input())
                    button.first { (say(common::SHOW)) }
                    @if wanted.is_filtered() || !wanted.wrong.is_empty() {
                        a.button href="/audit" { (say(words::NO_FILTER)) }
                    }
                }
                form.narrow id="one-entry" method="get" action="/audit" {
                    label.field {
                        span { (say(words::SEQ)) }
                        input type="number" name="seq" min="1" max=(newest) step="1" required value=(seq);
                    }
                    button { (say(common::OPEN)) }
                }
            }
        },
    )
}

fn actor(viewer: &Viewer, actor: &Actor) -> String {
    match actor {
        Actor::Person(name) => viewer.called(name).to_owned(),
        Actor::Printer(printer) => viewer.fill(words::PRINTER_NAMED, &[("printer", printer)]),
        Actor::Platen => "platen".into(),
    }
}

/// One entry with its place in the chain.
fn entry(viewer: &Viewer, seq: u64, found: &Found, (hash, before): &(String, String)) -> Piece {
    let row = found.rows.iter().find(|row| row.seq == seq);
    Piece::new(
        "entry",
        html! {
            section.card.stack id="entry" aria-labelledby="entry-title" {
                h2 id="entry-title" { (viewer.fill(words::ENTRY_N, &[("n", &seq)])) }
                @if let Some(row) = row { p.said { (viewer.told_within(&row.what)) } }
                dl.facts {
                    @if let Some(row) = row {
                        dt { (viewer.say(words::WHEN)) } dd { (viewer.at(row.at)) }
                        dt { (viewer.say(words::WHO)) } dd { (actor(viewer, &row.actor)) }
                    }
                    dt { (viewer.say(words::HASH)) } dd { code { (hash) } }
                    dt { (viewer.say(words::BEFORE_HASH)) } dd { code { (before) } }
                }
            }
        },
    )
}

fn journal(viewer: &Viewer, wanted: &Wanted, newest: u64, found: &Found) -> Piece {
    let looked: [(&str, &dyn std::fmt::Display); 3] = [
        ("from", &viewer.grouped(found.oldest_seen)),
        ("to", &viewer.grouped(found.newest_seen)),
        ("n", &found.rows.len()),
    ];
    let is_full = found.rows.len() == ROWS;
    let (older, is_first) =
        (if is_full { words::OLDER } else { words::FURTHER }, found.newest_seen == newest);
    Piece::new(
        "journal",
        html! {
            section.stack id="journal" aria-labelledby="journal-title" {
                h2 id="journal-title" { (viewer.say(words::JOURNAL)) }
                @if let Some(failed) = &found.failed {
                    p.note data-state="bad" role="alert" {
                        (viewer.fill(words::KNOWN_DAMAGE, &[("finding", failed)]))
                    }
                }
                @if !found.rows.is_empty() { (table(viewer, &found.rows)) }
                @else if wanted.wrong.is_empty() && found.failed.is_none() {
                    @let next = html! {
                        @if found.before.is_some() { (viewer.say(words::NONE_SO_HINT)) }
                        @else { (viewer.say(words::NONE_LEFT)) }
                    };
                    (kit::empty(viewer.say(words::NONE_SO), Some(next)))
                }
                @if found.newest_seen > 0 { p.quiet { (viewer.fill(words::LOOKED_AT, &looked)) } }
                p.buttons {
                    @if found.before.is_some() {
                        a.button id="older" rel="next" href=(wanted.path(found.before)) { (viewer.say(older)) }
                    } @else if !found.rows.is_empty() {
                        span.quiet { (viewer.say(words::NONE_LEFT)) }
                    }
                    @if !is_first { a.button href=(wanted.path(None)) { (viewer.say(words::NEWEST)) } }
                }
            }
        },
    )
}

fn table(viewer: &Viewer, rows: &[Row]) -> Markup {
    let heads = [words::ENTRY, words::WHEN, words::WHO, words::WHAT, words::CASE];
    html! {
        div.scroll {
            table.journal {
                thead { tr { @for text in heads { th scope="col" { (viewer.say(text)) } } } }
                tbody { @for row in rows { (line(viewer, row)) } }
            }
        }
    }
}

fn line(viewer: &Viewer, row: &Row) -> Markup {
    html! {
        tr id=(format!("entry-{}", row.seq)) data-kind=(row.kind) {
            th.number scope="row" { a href=(format!("/audit?seq={}", row.seq)) data-go { (row.seq) } }
            td { (viewer.at(row.at)) }
            td { (actor(viewer, &row.actor)) }
            td.said { (viewer.told_within(&row.what)) }
            td { @if let Some(case) = &row.case { a href=(format!("/cases/{case}")) { code { (case) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stays_one_value_of_an_address() {
        let wanted = Wanted {
            who: Some("Dr. Ö & \"x\"=1".into()),
            day: Some("2026-11-30".parse().unwrap()),
            ..Wanted::default()
        };
        let path = wanted.path(Some(7));
        assert_eq!(path, "/audit?who=Dr.%20%C3%96%20%26%20%22x%22%3D1&day=2026-11-30&before=7");
        assert_eq!(Wanted::default().path(None), "/audit");
    }

    #[test]
    fn whoever_is_named_in_a_fact_has_caused_it_too() {
        let user = serde_json::json!({"kind": "person", "name": "lee"});
        let value = serde_json::json!({"type": "x", "inner": [{"by": "Kim"}], "user": user});
        for (who, is) in [("kim", true), ("lee", true), ("x", false)] {
            assert_eq!(names(&value, who), is, "{who}");
        }
    }
}
