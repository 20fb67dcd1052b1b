//! The page at `/cases`: what is under way as a board by state, or all as a list with filters.
//!
//! What is typed to look for a case goes into no address: `cases.js` asks `/v1/cases/search` with it.

use maud::{Markup, html};

use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, cases as words, common};
use crate::api::views::use_word;
use crate::domain::case::Case;
use crate::domain::day::Day;
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::notice;
use crate::domain::people::name::fold;
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::{CaseRecord, CaseState, Priority};

/// Cases in one column, and in the list; more are counted, and found by filters.
const COLUMN_MAX: usize = 12;
const LIST_MAX: usize = 100;
/// A day that is nearer than this is told by how many days it is away.
const NEAR_DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;

pub(super) const USES: [&str; 3] = ["diagnostic", "guide", "education"];

/// The columns of the board, each by its first state.
const COLUMNS: [&[&str]; 10] = [
    &["draft"],
    &["requested"],
    &["accepted"],
    &["in design"],
    &["awaiting approval"],
    &["approved"],
    &["in production", "rework"],
    &["in quality control"],
    &["released"],
    &["delivered", "used", "assessed"],
];

/// States of which the list can show those alone.
const STATES: [&str; 16] = [
    "draft",
    "requested",
    "accepted",
    "in design",
    "awaiting approval",
    "approved",
    "in production",
    "rework",
    "in quality control",
    "released",
    "delivered",
    "used",
    "assessed",
    "on hold",
    "closed",
    "cancelled",
];

const COLUMNS_OF_LIST: [Text; 7] = [
    common::CASE,
    words::STATE,
    words::PARTS,
    words::NEEDED,
    words::INTENDED_USE,
    words::SERVICE,
    words::OPENED,
];

/// A case's state as the page's words have it.
pub(super) fn state_word(state: &CaseState) -> &'static str {
    match state {
        CaseState::Draft => "draft",
        CaseState::Designing => "in design",
        CaseState::Rework { .. } => "rework",
        other => other.word(),
    }
}

/// As it stands in an address.
fn key(word: &str) -> String {
    word.replace(' ', "-")
}

/// What is asked for.
#[derive(Debug, Default)]
struct Wanted {
    is_list: bool,
    /// One state's word, `all`, or none: all that are not closed.
    state: Option<String>,
    intended_use: Option<String>,
    due: Option<Day>,
    late: bool,
    /// Whoever looks, where only their cases are wanted.
    mine: Option<String>,
    asked_mine: bool,
}

impl Wanted {
    fn of(viewer: &Viewer, ask: &Ask) -> Self {
        let known = |word: &&str| *word == "all" || STATES.iter().any(|state| key(state) == **word);
        let state = ask.query("state").filter(known).map(str::to_owned);
        let asked_mine = ask.query("mine").is_some();
        Self {
            is_list: ask.query("view") == Some("list") || state.is_some(),
            state,
            intended_use: ask.query("use").filter(|word| USES.contains(word)).map(str::to_owned),
            due: ask.query("due").and_then(|day| day.parse().ok()),
            late: ask.query("late").is_some(),
            mine: asked_mine.then(|| viewer.asker.name().map(fold)).flatten(),
            asked_mine,
        }
    }

    fn is_filtered(&self) -> bool {
        self.state.is_some()
            || self.intended_use.is_some()
            || self.due.is_some()
            || self.late
            || self.asked_mine
    }

    fn takes(&self, lab: &Lab, found: &Found<'_>) -> bool {
        let of_state = match self.state.as_deref() {
            None => !found.is_over(),
            Some("all") => true,
            Some(wanted) => key(found.word()) == wanted,
        };
        of_state
            && self.intended_use.as_deref().is_none_or(|wanted| use_word(found.case.intended_use) == wanted)
            && self.due.is_none_or(|until| found.due.is_some_and(|day| day <= until))
            && (!self.late || found.is_late())
            && self.mine.as_ref().is_none_or(|name| notice::involved(lab, &found.case.token).contains(name))
    }
}

static DRAFT: CaseState = CaseState::Draft;

/// A case as the lab has it: nothing is copied before it is known which ones are shown.
#[derive(Debug)]
struct Found<'l> {
    case: &'l Case,
    record: Option<&'l CaseRecord>,
    due: Option<Day>,
    priority: Priority,
    today: Day,
}

impl<'l> Found<'l> {
    fn of(lab: &'l Lab, case: &'l Case, today: Day) -> Self {
        let record = lab.quality.cases.get(&case.token);
        let about = record.and_then(|record| record.about.as_ref());
        Self {
            case,
            record,
            due: about.and_then(|about| about.needed_by),
            priority: about.map(|about| about.priority).unwrap_or_default(),
            today,
        }
    }

    fn state(&self) -> &CaseState {
        self.record.map_or(&DRAFT, |record| &record.state)
    }

    fn word(&self) -> &'static str {
        state_word(self.state())
    }

    fn is_over(&self) -> bool {
        matches!(self.state(), CaseState::Closed { .. } | CaseState::Cancelled { .. })
    }

    fn is_late(&self) -> bool {
        is_awaited(self.state()) && self.due.is_some_and(|day| day < self.today)
    }

    /// What is on hold stands where it was before.
    fn column(&self) -> Option<usize> {
        let state = match self.state() {
            CaseState::OnHold { from, .. } => from.as_ref(),
            other => other,
        };
        COLUMNS.iter().position(|states| states.contains(&state_word(state)))
    }

    /// What is most urgent first, then what is needed first, then the newest.
    fn order(&self) -> (bool, std::cmp::Reverse<Priority>, bool, Option<Day>, std::cmp::Reverse<WallTime>) {
        let due = self.due.filter(|_| is_awaited(self.state()));
        let (priority, opened) = (std::cmp::Reverse(self.priority), std::cmp::Reverse(self.case.opened));
        (self.is_over(), priority, due.is_none(), due, opened)
    }
}

/// Whether somebody still waits for it.
pub(super) fn is_awaited(state: &CaseState) -> bool {
    match state {
        CaseState::OnHold { from, .. } => is_awaited(from),
        CaseState::Delivered { .. }
        | CaseState::Used { .. }
        | CaseState::Assessed { .. }
        | CaseState::Closed { .. }
        | CaseState::Cancelled { .. } => false,
        _ => true,
    }
}

/// What is shown of a case.
#[derive(Debug)]
struct Row {
    token: String,
    state: &'static str,
    /// Where it was before it was put on hold.
    before: Option<&'static str>,
    why: Option<String>,
    intended_use: &'static str,
    service: Option<String>,
    priority: Priority,
    due: Option<Day>,
    awaited: bool,
    parts: Vec<String>,
    opened: WallTime,
}

impl Row {
    fn of(lab: &Lab, found: &Found<'_>) -> Self {
        let about = found.record.and_then(|record| record.about.as_ref());
        let (before, why) = match found.state() {
            CaseState::OnHold { from, why } => (Some(state_word(from)), Some(why)),
            CaseState::Rework { why, .. } | CaseState::Cancelled { why } => (None, Some(why)),
            _ => (None, None),
        };
        Self {
            token: found.case.token.to_string(),
            state: found.word(),
            before,
            why: why.map(ToString::to_string),
            intended_use: use_word(found.case.intended_use),
            service: about.map(|about| about.service.to_string()),
            priority: found.priority,
            due: found.due,
            awaited: is_awaited(found.state()),
            parts: lab
                .parts_of(&found.case.token)
                .into_iter()
                .map(|part| part.name.as_str().to_owned())
                .collect(),
            opened: found.case.opened,
        }
    }
}

/// Some of many.
#[derive(Debug, Default)]
struct Few {
    rows: Vec<Row>,
    all: usize,
}

/// What the page shows.
#[derive(Debug)]
struct Shown {
    columns: Vec<Few>,
    list: Few,
    /// Of all cases, whatever the filters say.
    any: bool,
    late: usize,
}

fn gather(viewer: &Viewer, wanted: &Wanted) -> Shown {
    let today = viewer.app.config.zone.day(viewer.now());
    viewer.app.recorder.read(|lab| {
        let all: Vec<Found<'_>> = lab.cases.values().map(|case| Found::of(lab, case, today)).collect();
        let late = all.iter().filter(|found| found.is_late()).count();
        let any = !all.is_empty();
        let mut taken: Vec<&Found<'_>> = all.iter().filter(|found| wanted.takes(lab, found)).collect();
        taken.sort_by_cached_key(|found| found.order());
        let mut shown = Shown { columns: Vec::new(), list: Few::default(), any, late };
        if wanted.is_list {
            shown.list = some(lab, &taken, LIST_MAX);
        } else {
            for column in 0..COLUMNS.len() {
                let in_it: Vec<&Found<'_>> =
                    taken.iter().copied().filter(|found| found.column() == Some(column)).collect();
                shown.columns.push(some(lab, &in_it, COLUMN_MAX));
            }
        }
        shown
    })
}

fn some(lab: &Lab, all: &[&Found<'_>], most: usize) -> Few {
    Few { rows: all.iter().take(most).map(|found| Row::of(lab, found)).collect(), all: all.len() }
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let wanted = Wanted::of(&viewer, &ask);
        let shown = gather(&viewer, &wanted);
        let mut pieces = vec![head(&viewer, &wanted, &shown)];
        if shown.any {
            pieces.push(filters(&viewer, &wanted));
        }
        pieces.push(if !shown.any {
            nothing(&viewer)
        } else if wanted.is_list {
            list(&viewer, &wanted, &shown.list)
        } else {
            board(&viewer, &wanted, &shown)
        });
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn head(viewer: &Viewer, wanted: &Wanted, shown: &Shown) -> Piece {
    Piece::around("head", |inner| {
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::TITLE)) }
                @if shown.any {
                    nav.buttons aria-label=(viewer.say(words::VIEWS)) {
                        @for (path, name, is) in [
                            ("/cases", words::BOARD, !wanted.is_list),
                            ("/cases?view=list", words::LIST, wanted.is_list),
                        ] {
                            a.button href=(path) aria-current=[is.then_some("page")] { (viewer.say(name)) }
                        }
                    }
                    (inner.put("late-cases", html! {
                        p id="late-cases" {
                            @if shown.late > 0 {
                                a.chip data-state="bad" href="/cases?view=list&late=1" {
                                    (viewer.fill(words::LATE_CASES, &[("n", &shown.late)]))
                                }
                            }
                        }
                    }))
                }
                @if viewer.may(Permission::OpenCase) { div.end { (new_case(viewer, "new-case")) } }
            }
        }
    })
}

/// Opens a case, and goes there.
fn new_case(viewer: &Viewer, id: &str) -> Markup {
    let uses: Vec<_> = USES.iter().map(|word| (*word, use_words(viewer, word))).collect();
    let to = "/cases/{token}";
    Sends { then: Some(to), ..Sends::new(id, "POST /v1/cases", viewer.say(words::NEW_CASE)) }
        .form(viewer, Field::text("intended_use", viewer.say(words::INTENDED_USE)).choice(&uses))
}

fn nothing(viewer: &Viewer) -> Piece {
    let next = if viewer.may(Permission::OpenCase) { words::NO_CASE_NEW } else { words::NO_CASE_ASK };
    let next = html! { (viewer.say(next)) };
    Piece::new("cases", html! { div id="cases" { (kit::empty(viewer.say(words::NO_CASE), Some(next))) } })
}

/// What an intended use is, for people.
pub(super) fn use_words(viewer: &Viewer, word: &str) -> String {
    viewer
        .say(match word {
            "diagnostic" => words::USE_DIAGNOSTIC,
            "guide" => words::USE_GUIDE,
            _ => words::USE_EDUCATION,
        })
        .to_owned()
}

/// What the API's words for states say, for the script that shows what was found.
fn api_states(viewer: &Viewer) -> String {
    let api_word = |word: &str| match word {
        "in design" => "designing".to_owned(),
        "in quality control" => "in_qc".to_owned(),
        other => other.replace(' ', "_"),
    };
    let all: serde_json::Map<String, serde_json::Value> =
        STATES.iter().map(|word| (api_word(word), viewer.state(word).into())).collect();
    serde_json::Value::Object(all).to_string()
}

/// Search by script, filters without.
fn filters(viewer: &Viewer, wanted: &Wanted) -> Piece {
    let states =
        [("", viewer.say(words::ALL_OPEN).to_owned()), ("all", viewer.say(words::ALL_STATES).to_owned())];
    let mut states: Vec<(String, String)> =
        states.into_iter().map(|(word, says)| (word.to_owned(), says)).collect();
    states.extend(STATES.iter().map(|word| (key(word), viewer.state(word))));
    let states: Vec<(&str, String)> =
        states.iter().map(|(word, says)| (word.as_str(), says.clone())).collect();
    let mut uses = vec![("", viewer.say(common::EVERYTHING).to_owned())];
    uses.extend(USES.iter().map(|word| (*word, use_words(viewer, word))));
    let due = wanted.due.map(|day| day.to_string()).unwrap_or_default();
    let due = Field { kind: "date", ..Field::text("due", viewer.say(words::NEEDED_UNTIL)).value(&due) };
    let state =
        Field::text("state", viewer.say(words::STATE)).value(wanted.state.as_deref().unwrap_or_default());
    let of_use = Field::text("use", viewer.say(words::INTENDED_USE));
    let of_use = of_use.value(wanted.intended_use.as_deref().unwrap_or_default());
    let box_of = |name: &str, says: Text, on: bool| {
        html! {
            label.tick {
                input type="checkbox" name=(name) value="1" checked[on];
                span { (viewer.say(says)) }
            }
        }
    };
    Piece::new(
        "filters",
        html! {
            section.filters id="filters" aria-label=(viewer.say(words::FILTERS)) {
                form.find id="find" role="search" data-use="cases" data-none=(viewer.say(words::FOUND_NONE))
                    data-some=(viewer.say(words::FOUND_SOME)) data-states=(api_states(viewer)) {
                    label.field {
                        span { (viewer.say(words::SEARCH)) }
                        input id="find-words" type="search" autocomplete="off" maxlength="120"
                            placeholder=(viewer.say(words::SEARCH_HINT)) aria-controls="found";
                    }
                }
                form.narrow id="narrow" method="get" action="/cases" {
                    @if wanted.is_list { input type="hidden" name="view" value="list"; }
                    (state.choice(&states))
                    (of_use.choice(&uses))
                    (due.input())
                    (box_of("late", words::ONLY_LATE, wanted.late))
                    @if viewer.asker.name().is_some() {
                        (box_of("mine", words::ONLY_MINE, wanted.asked_mine))
                    }
                    button { (viewer.say(common::SHOW)) }
                    @if wanted.is_filtered() {
                        a.button href=(if wanted.is_list { "/cases?view=list" } else { "/cases" }) {
                            (viewer.say(words::NO_FILTER))
                        }
                    }
                }
                div.found id="found" data-keep role="region" aria-live="polite"
                    aria-label=(viewer.say(words::FOUND)) {}
            }
        },
    )
}

fn board(viewer: &Viewer, wanted: &Wanted, shown: &Shown) -> Piece {
    let total: usize = shown.columns.iter().map(|column| column.all).sum();
    Piece::around("cases", |inner| {
        html! {
            div id="cases" {
                @if total == 0 {
                    @let words = if wanted.is_filtered() { words::NONE_SO } else { words::NONE_OPEN };
                    (kit::empty(viewer.say(words), None))
                } @else {
                    div.case-board {
                        @for (state, column) in named(&shown.columns).filter(|(_, column)| column.all > 0) {
                            (column_of(viewer, wanted, inner, state, column))
                        }
                    }
                    (empty_ones(viewer, &shown.columns))
                }
            }
        }
    })
}

/// Each column with the state that it is called by.
fn named(columns: &[Few]) -> impl Iterator<Item = (&'static str, &Few)> {
    let named = COLUMNS.iter().zip(columns);
    named.filter_map(|(states, column)| Some((*states.first()?, column)))
}

/// What nothing is in takes one line, and no place beside what there is.
fn empty_ones(viewer: &Viewer, columns: &[Few]) -> Markup {
    let empty = named(columns).filter(|(_, column)| column.all == 0);
    let empty: Vec<String> = empty.map(|(state, _)| viewer.state(state)).collect();
    html! {
        @if !empty.is_empty() {
            p.quiet.empty-columns { (viewer.fill(words::NOTHING_IN, &[("states", &empty.join(", "))])) }
        }
    }
}

fn column_of(viewer: &Viewer, wanted: &Wanted, inner: &Inner, state: &str, column: &Few) -> Markup {
    let id = format!("column-{}", key(state));
    let more = column.all.saturating_sub(column.rows.len());
    let markup = html! {
        section.column id=(id) aria-labelledby=(format!("{id}-name")) {
            h2 id=(format!("{id}-name")) { (viewer.state(state)) " " small { (column.all) } }
            @for row in &column.rows { (card(viewer, row, state)) }
            @if more > 0 {
                p { a href=(more_of(wanted, state)) { (viewer.fill(words::MORE, &[("n", &more)])) } }
            }
        }
    };
    inner.put(id, markup)
}

/// The list of a column, with the filters that hold already.
fn more_of(wanted: &Wanted, state: &str) -> String {
    let mut path = format!("/cases?view=list&state={}", key(state));
    if let Some(word) = &wanted.intended_use {
        path += &format!("&use={word}");
    }
    if let Some(day) = wanted.due {
        path += &format!("&due={day}");
    }
    for (is, name) in [(wanted.late, "late"), (wanted.asked_mine, "mine")] {
        if is {
            path += &format!("&{name}=1");
        }
    }
    path
}

fn card(viewer: &Viewer, row: &Row, column: &str) -> Markup {
    html! {
        article.card.case id=(format!("case-{}", row.token)) {
            h3 { a href=(format!("/cases/{}", row.token)) data-go { code { (row.token) } } }
            @if row.state != column { p { (kit::state(viewer, row.state)) } }
            @if let Some(why) = &row.why { p.why { (why) } }
            p.names {
                @for (index, name) in row.parts.iter().take(3).enumerate() { @if index > 0 { ", " } (name) }
                @if row.parts.len() > 3 { " +" (row.parts.len() - 3) }
                @if row.parts.is_empty() { span.quiet { (viewer.say(words::NO_PART_YET)) } }
            }
            p.small {
                (use_words(viewer, row.intended_use))
                @if let Some(service) = &row.service { " · " (service) }
            }
            (urgency(viewer, row.priority, row.due, row.awaited))
        }
    }
}

/// How urgent it is and when it is needed, in words.
pub(super) fn urgency(viewer: &Viewer, priority: Priority, due: Option<Day>, awaited: bool) -> Markup {
    let urgent = match priority {
        Priority::Routine => None,
        Priority::Urgent => Some(("wants", "urgent")),
        Priority::Emergency => Some(("bad", "emergency")),
    };
    html! {
        @if urgent.is_some() || due.is_some() {
            p.pills {
                @if let Some((state, word)) = urgent { span.chip data-state=(state) { (viewer.state(word)) } }
                @if let Some(day) = due {
                    @let (state, words) = due_words(viewer, day, awaited);
                    time.chip datetime=(day) data-state=[state] { (words) }
                }
            }
        }
    }
}

/// When a case is needed: `3 days late`, `due tomorrow`; once it is delivered, the day alone.
fn due_words(viewer: &Viewer, day: Day, awaited: bool) -> (Option<&'static str>, String) {
    let today = viewer.app.config.zone.day(viewer.now());
    let date = viewer.day(&day.to_string());
    let at = |day: Day| i64::try_from(day.begins().0).unwrap_or(i64::MAX);
    let away = at(day).saturating_sub(at(today)) / DAY_MS;
    if !awaited {
        return (None, viewer.fill(words::DUE_ON, &[("day", &date)]));
    }
    match away {
        -1 => (Some("bad"), viewer.fill(words::LATE_ONE, &[("day", &date)])),
        ..-1 => (Some("bad"), viewer.fill(words::LATE_DAYS, &[("n", &away.unsigned_abs()), ("day", &date)])),
        0 => (Some("wants"), viewer.say(words::DUE_TODAY).to_owned()),
        1 => (Some("wants"), viewer.say(words::DUE_TOMORROW).to_owned()),
        2..=NEAR_DAYS => {
            let state = (away <= 3).then_some("wants");
            (state, viewer.fill(words::DUE_IN, &[("n", &away), ("day", &date)]))
        }
        _ => (None, viewer.fill(words::DUE_ON, &[("day", &date)])),
    }
}

fn list(viewer: &Viewer, wanted: &Wanted, shown: &Few) -> Piece {
    let more = shown.all.saturating_sub(shown.rows.len());
    let markup = html! {
        div.stack id="cases" {
            @if shown.rows.is_empty() {
                @let words = if wanted.is_filtered() { words::NONE_SO } else { words::NONE_OPEN };
                (kit::empty(viewer.say(words), None))
            } @else {
                div.scroll {
                    table {
                        caption.unseen { (viewer.say(words::TITLE)) }
                        thead {
                            tr {
                                @for name in COLUMNS_OF_LIST { th scope="col" { (viewer.say(name)) } }
                            }
                        }
                        tbody { @for row in &shown.rows { (line(viewer, row)) } }
                    }
                }
                @if more > 0 { p { (viewer.fill(words::MORE_FILTER, &[("n", &more)])) } }
            }
        }
    };
    Piece::new("cases", markup)
}

fn line(viewer: &Viewer, row: &Row) -> Markup {
    html! {
        tr id=(format!("case-{}", row.token)) {
            th scope="row" { a href=(format!("/cases/{}", row.token)) data-go { code { (row.token) } } }
            td {
                (kit::state(viewer, row.state))
                @if let Some(before) = row.before.map(|before| viewer.state(before)) {
                    " " small { (viewer.fill(words::BEFORE, &[("state", &before)])) }
                }
                @if let Some(why) = &row.why { p.why { (why) } }
            }
            td { (row.parts.join(", ")) }
            td { (urgency(viewer, row.priority, row.due, row.awaited)) }
            td { (use_words(viewer, row.intended_use)) }
            td { (row.service.as_deref().unwrap_or_default()) }
            td { (viewer.at(row.opened)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_that_is_not_over_has_a_column_or_is_on_hold() {
        let over = ["on hold", "closed", "cancelled"];
        for state in STATES.iter().filter(|state| !over.contains(state)) {
            assert!(COLUMNS.iter().any(|states| states.contains(state)), "{state}");
        }
        assert_eq!(COLUMNS.iter().map(|states| states.len()).sum::<usize>() + over.len(), STATES.len());
    }
}
