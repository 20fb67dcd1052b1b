//! The page at `/reports`: a form for each kind of report, and which were made before.
//!
//! The forms are asked for as they are, without a script: each leads to `/v1/reports/{kind}`.

use maud::{Markup, html};

use super::kit::{self, Field};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::{Text, common, reports as words};
use crate::api::Problem;
use crate::api::reports::needs;
use crate::domain::day::Day;
use crate::domain::event::Event;
use crate::domain::ids::{CaseToken, FileHash, LotId, PrinterName};
use crate::domain::moment::WallTime;
use crate::domain::quality::taken::{Parameters, ReportKind, ReportMade};
use crate::services::reporting;

/// Of what was made, as many are listed.
const MADE_MAX: usize = 50;
/// So many are offered while somebody types; others are typed to their end.
const OFFERED_MAX: usize = 200;
/// As much of a hash as a table shows.
const HASH_SHOWN: usize = 16;

type Made = (Event, Option<String>, ReportMade);

/// A period as it was typed.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    from: Option<Day>,
    to: Option<Day>,
}

/// What is filled in already.
#[derive(Debug, Default)]
struct Given {
    period: Period,
    /// Something was given for a day that is none.
    no_day: bool,
    case: String,
    printer: String,
    lot: String,
}

impl Given {
    fn of(ask: &Ask) -> Self {
        let day = |key| ask.query(key).map(str::parse::<Day>);
        let (from, to) = (day("from"), day("to"));
        let no_day = matches!(from, Some(Err(_))) || matches!(to, Some(Err(_)));
        // Only what can be one goes into a field: nothing else is repeated.
        let known = |key: &str, is: bool| ask.query(key).filter(|_| is).unwrap_or_default().to_owned();
        let is = |key: &str, of: fn(&str) -> bool| ask.query(key).is_some_and(of);
        Self {
            period: Period { from: from.and_then(Result::ok), to: to.and_then(Result::ok) },
            no_day,
            case: known("case", is("case", |text| text.parse::<CaseToken>().is_ok())),
            printer: known("printer", is("printer", |text| text.parse::<PrinterName>().is_ok())),
            lot: known("lot", is("lot", |text| text.parse::<LotId>().is_ok())),
        }
    }
}

/// What the lab has, as far as the page says something of it.
#[derive(Debug)]
struct Lab {
    /// Newest first, each with its state.
    cases: Vec<(String, &'static str)>,
    printers: Vec<String>,
    lots: Vec<(String, String)>,
    /// In the period: prints that ended, and cases that were delivered.
    prints: usize,
    delivered: usize,
}

fn look(viewer: &Viewer, period: Period) -> Lab {
    let zone = &viewer.app.config.zone;
    let from = period.from.map_or(WallTime(0), |day| zone.begins(day));
    let to = period.to.map_or(WallTime(u64::MAX), |day| zone.ends(day));
    let is_in = |at: &WallTime| (from..=to).contains(at);
    let configured = viewer.app.config.printers.iter().map(|printer| printer.name.clone());
    viewer.app.recorder.read(|lab| {
        let mut cases: Vec<_> = lab.cases.values().collect();
        cases.sort_by_key(|case| std::cmp::Reverse(case.opened));
        let mut lots: Vec<_> = lab.quality.lots.values().collect();
        lots.sort_by_key(|lot| std::cmp::Reverse(lot.about.received));
        let mut printers: Vec<PrinterName> = configured.chain(lab.printers.keys().cloned()).collect();
        printers.sort_unstable();
        printers.dedup();
        let reached = lab.quality.cases.values().filter_map(|record| record.reached.get("delivered"));
        let state = |token: &CaseToken| super::cases::state_word(&lab.quality.case_state(token));
        Lab {
            cases: cases
                .into_iter()
                .take(OFFERED_MAX)
                .map(|case| (case.token.to_string(), state(&case.token)))
                .collect(),
            printers: printers.iter().map(ToString::to_string).collect(),
            lots: lots
                .into_iter()
                .take(OFFERED_MAX)
                .map(|lot| (lot.id.to_string(), format!("{} {}", lot.about.material, lot.about.supplier_lot)))
                .collect(),
            prints: lab.quality.printed.values().filter_map(|part| part.ended).filter(is_in).count(),
            delivered: reached.filter(|at| is_in(at)).count(),
        }
    })
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let given = Given::of(&ask);
        let lab = look(&viewer, given.period);
        let recorder = &viewer.app.recorder;
        let (made, of_all) = reporting::latest(recorder, MADE_MAX).await.map_err(Problem::from)?;
        let paper = match ask.query("sha256").map(str::parse::<FileHash>) {
            None => Paper::NotAsked,
            Some(Err(_)) => Paper::Wrong,
            Some(Ok(sha256)) => {
                Paper::Found(reporting::made(recorder, &sha256).await.map_err(Problem::from)?)
            }
        };
        let pieces = vec![
            head(&viewer),
            period(&viewer, &given, &lab),
            forms(&viewer, &given, &lab),
            paper_piece(&viewer, &paper),
            made_piece(&viewer, &made, of_all),
        ];
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

// --- the period

fn days(period: Period) -> (String, String) {
    let text = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
    (text(period.from), text(period.to))
}

fn date_fields(viewer: &Viewer, period: Period) -> Markup {
    let (from, to) = days(period);
    let date = |name, label, value| Field { kind: "date", ..Field::text(name, label).value(value) };
    html! {
        (date("from", viewer.say(words::FROM), &from).input())
        (date("to", viewer.say(words::TO), &to).input())
    }
}

/// The periods that are asked for most, up to the given day.
fn usual(today: Day) -> [(Text, Period); 5] {
    let text = today.to_string();
    let mut numbers = text.splitn(3, '-').map(|part| part.parse::<i32>().unwrap_or(1));
    let (year, month) = (numbers.next().unwrap_or(2_026), numbers.next().unwrap_or(1));
    let day = |year: i32, month: i32| format!("{year:04}-{month:02}-01").parse::<Day>().ok();
    let before = |day: Option<Day>| day.and_then(|day| day.before(1));
    let (last, last_year) = if month == 1 { (12, year - 1) } else { (month - 1, year) };
    [
        (words::THIS_MONTH, Period { from: day(year, month), to: Some(today) }),
        (words::LAST_MONTH, Period { from: day(last_year, last), to: before(day(year, month)) }),
        (words::THIS_YEAR, Period { from: day(year, 1), to: Some(today) }),
        (words::LAST_YEAR, Period { from: day(year - 1, 1), to: before(day(year, 1)) }),
        (words::ALL_TIME, Period::default()),
    ]
}

fn period(viewer: &Viewer, given: &Given, lab: &Lab) -> Piece {
    let today = viewer.app.config.zone.day(viewer.now());
    let path = |period: Period| match days(period) {
        (from, to) if from.is_empty() && to.is_empty() => "/reports".to_owned(),
        (from, to) => format!("/reports?from={from}&to={to}"),
    };
    Piece::new(
        "period",
        html! {
            section.card.stack id="period" aria-labelledby="period-title" {
                h2 id="period-title" { (viewer.say(words::PERIOD)) }
                form.named method="get" action="/reports" {
                    (date_fields(viewer, given.period))
                    button { (viewer.say(words::TAKE)) }
                    small { (viewer.say(words::PERIOD_HINT)) }
                }
                p.buttons {
                    @for (text, period) in usual(today) { a.button href=(path(period)) { (viewer.say(text)) } }
                }
                (what_is_in_it(viewer, given, lab))
            }
        },
    )
}

/// What a period has in it, or that it has nothing.
fn what_is_in_it(viewer: &Viewer, given: &Given, lab: &Lab) -> Markup {
    let Period { from, to } = given.period;
    let is_all = from.is_none() && to.is_none();
    let is_backwards = from.zip(to).is_some_and(|(from, to)| to < from);
    let wrong = match (given.no_day, is_backwards) {
        (true, _) => Some(words::NO_DAY),
        (false, true) => Some(words::BACKWARDS),
        (false, false) => None,
    };
    let (empty, some) = match is_all {
        true => (words::EMPTY_ALL, words::IN_ALL),
        false => (words::EMPTY_PERIOD, words::IN_PERIOD),
    };
    let is_empty = lab.prints == 0 && lab.delivered == 0;
    let holes: [(&str, &dyn std::fmt::Display); 2] = [("prints", &lab.prints), ("cases", &lab.delivered)];
    html! {
        @if let Some(wrong) = wrong {
            p.note data-state="bad" role="alert" { (viewer.say(wrong)) }
        } @else if is_empty {
            p.note data-state="wants" { (viewer.say(empty)) }
        } @else {
            p { (viewer.fill(some, &holes)) }
        }
    }
}

// --- one form for each

const fn title(kind: ReportKind) -> Text {
    match kind {
        ReportKind::Case => words::CASE_TITLE,
        ReportKind::Worksheet => words::WORKSHEET_TITLE,
        ReportKind::Registry => words::REGISTRY_TITLE,
        ReportKind::Value => words::VALUE_TITLE,
        ReportKind::Printer => words::PRINTER_TITLE,
        ReportKind::Lot => words::LOT_TITLE,
        ReportKind::Audit => words::AUDIT_TITLE,
    }
}

const fn what(kind: ReportKind) -> Text {
    match kind {
        ReportKind::Case => words::CASE_WHAT,
        ReportKind::Worksheet => words::WORKSHEET_WHAT,
        ReportKind::Registry => words::REGISTRY_WHAT,
        ReportKind::Value => words::VALUE_WHAT,
        ReportKind::Printer => words::PRINTER_WHAT,
        ReportKind::Lot => words::LOT_WHAT,
        ReportKind::Audit => words::AUDIT_WHAT,
    }
}

fn forms(viewer: &Viewer, given: &Given, lab: &Lab) -> Piece {
    let kinds = ReportKind::ALL.into_iter().filter(|kind| viewer.may(needs(*kind)));
    Piece::new(
        "kinds",
        html! {
            div.cards id="kinds" {
                datalist id="all-cases" {
                    @for (token, state) in &lab.cases { option value=(token) { (viewer.state(state)) } }
                }
                datalist id="all-lots" {
                    @for (id, says) in &lab.lots { option value=(id) { (says) } }
                }
                @for kind in kinds { (card(viewer, given, lab, kind)) }
            }
        },
    )
}

fn card(viewer: &Viewer, given: &Given, lab: &Lab, kind: ReportKind) -> Markup {
    let id = format!("report-{}", kind.word());
    let case = || case_field(viewer, given);
    let period = || date_fields(viewer, given.period);
    let one = |fields: Markup| form(viewer, kind, None, fields);
    let named = |text: Text, fields: Markup| form(viewer, kind, Some(text), fields);
    html! {
        section.card.stack id=(id) aria-labelledby=(format!("{id}-title")) {
            h2 id=(format!("{id}-title")) { (viewer.say(title(kind))) }
            p.quiet { (viewer.say(what(kind))) }
            @match kind {
                ReportKind::Case | ReportKind::Worksheet if lab.cases.is_empty() => {
                    p { (viewer.say(words::NO_CASES)) }
                }
                ReportKind::Case | ReportKind::Worksheet => (one(case())),
                ReportKind::Value => (one(period())),
                ReportKind::Printer => {
                    (one(html! { (printer_field(viewer, given, lab)) (period()) }))
                }
                ReportKind::Registry | ReportKind::Audit => {
                    (named(words::OF_PERIOD, period()))
                    @if !lab.cases.is_empty() { (named(words::OF_CASE, case())) }
                }
                ReportKind::Lot => {
                    @if lab.lots.is_empty() { p { (viewer.say(words::NO_LOTS)) } }
                    @else { (named(words::OF_LOT, lot_field(viewer, given))) }
                    @if !lab.cases.is_empty() { (named(words::OF_CASE, case())) }
                }
            }
        }
    }
}

/// A form whose buttons say in which form the report is wanted.
fn form(viewer: &Viewer, kind: ReportKind, named: Option<Text>, fields: Markup) -> Markup {
    html! {
        form.report method="get" action=(format!("/v1/reports/{}", kind.word()))
            aria-label=[named.map(|text| format!("{}: {}", viewer.say(title(kind)), viewer.say(text)))] {
            @if let Some(text) = named { h3 { (viewer.say(text)) } }
            div.fields { (fields) }
            @if viewer.signs() { input type="hidden" name="by" value=""; }
            p.buttons {
                button.first name="format" value="html" { (viewer.say(words::PAGE)) }
                button name="format" value="csv" { (viewer.say(words::CSV)) }
                button name="format" value="json" { (viewer.say(words::JSON)) }
            }
        }
    }
}

fn case_field(viewer: &Viewer, given: &Given) -> Markup {
    offered(viewer, ("case", words::CASE, words::CASE_HINT), "all-cases", &given.case)
}

fn lot_field(viewer: &Viewer, given: &Given) -> Markup {
    offered(viewer, ("lot", words::LOT, words::LOT_HINT), "all-lots", &given.lot)
}

/// A field that offers what is there.
fn offered(viewer: &Viewer, (name, label, hint): (&str, Text, Text), list: &str, value: &str) -> Markup {
    html! {
        label.field {
            span { (viewer.say(label)) }
            input type="text" name=(name) list=(list) value=(value) required autocomplete="off"
                spellcheck="false" maxlength="32";
            small { (viewer.say(hint)) }
        }
    }
}

fn printer_field(viewer: &Viewer, given: &Given, lab: &Lab) -> Markup {
    let printers: Vec<(&str, String)> =
        lab.printers.iter().map(|printer| (printer.as_str(), printer.clone())).collect();
    let field = Field::text("printer", viewer.say(common::PRINTER));
    field.required().value(&given.printer).choice(&printers)
}

// --- what was made

/// Whether a paper is one of ours.
#[derive(Debug)]
enum Paper {
    NotAsked,
    Wrong,
    Found(Vec<Made>),
}

fn paper_piece(viewer: &Viewer, paper: &Paper) -> Piece {
    Piece::new(
        "paper",
        html! {
            section.card.stack id="paper" aria-labelledby="paper-title" {
                h2 id="paper-title" { (viewer.say(words::PAPER)) }
                form.paper method="get" action="/reports#paper" {
                    label.field {
                        span { (viewer.say(words::PAPER_HINT)) }
                        input type="text" name="sha256" required maxlength="64" autocomplete="off"
                            spellcheck="false";
                    }
                    button { (viewer.say(words::PAPER_LOOK)) }
                }
                @match paper {
                    Paper::NotAsked => {},
                    Paper::Wrong => p.note data-state="bad" role="alert" { (viewer.say(words::PAPER_WRONG)) },
                    Paper::Found(made) if made.is_empty() => {
                        p.note data-state="bad" { (viewer.say(words::PAPER_NO)) }
                    }
                    Paper::Found(made) => {
                        p.note data-state="good" { (viewer.say(words::PAPER_YES)) }
                        (table(viewer, "found", made))
                    }
                }
            }
        },
    )
}

fn made_piece(viewer: &Viewer, made: &[Made], of_all: usize) -> Piece {
    Piece::new(
        "made",
        html! {
            section.stack id="made" aria-labelledby="made-title" {
                h2 id="made-title" { (viewer.say(words::MADE)) }
                @if made.is_empty() {
                    (kit::empty(viewer.say(words::MADE_NONE), None))
                } @else {
                    (table(viewer, "made", made))
                    @if of_all > made.len() {
                        p { (viewer.fill(words::MADE_MORE, &[("n", &made.len()), ("all", &of_all)])) }
                    }
                }
            }
        },
    )
}

fn table(viewer: &Viewer, what: &str, made: &[Made]) -> Markup {
    let heads = [words::WHEN, words::WHO, words::REPORT, words::OF, words::CUT, words::HASH];
    html! {
        div.scroll {
            table {
                thead { tr { @for text in heads { th scope="col" { (viewer.say(text)) } } td {} } }
                tbody { @for one in made { (row(viewer, what, one)) } }
            }
        }
    }
}

fn row(viewer: &Viewer, what: &str, (event, by, made): &Made) -> Markup {
    let hash = made.sha256.as_str();
    html! {
        tr id=(format!("{what}-{}", event.seq)) {
            th scope="row" { (viewer.at(event.stamp.wall)) }
            td { (by.as_deref().unwrap_or_else(|| viewer.say(words::NOBODY))) }
            td { (viewer.say(title(made.kind))) }
            td { (in_words(viewer, &made.parameters)) }
            td.number { (made.cut) }
            td.hash { code title=(hash) { (hash.get(..HASH_SHOWN).unwrap_or(hash)) "…" } }
            td { @if viewer.may(needs(made.kind)) { a href=(again(made)) { (viewer.say(words::AGAIN)) } } }
        }
    }
}

/// The same report of the same data cut: with the same tables it has the same hash.
fn again(made: &ReportMade) -> String {
    let Parameters { case, printer, lot, from, to } = &made.parameters;
    let mut path = format!("/v1/reports/{}?until={}", made.kind.word(), made.cut);
    let given = [
        ("case", case.as_ref().map(ToString::to_string)),
        ("printer", printer.as_ref().map(ToString::to_string)),
        ("lot", lot.as_ref().map(ToString::to_string)),
        ("from", from.map(|day| day.to_string())),
        ("to", to.map(|day| day.to_string())),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    path
}

/// What a report is of.
fn in_words(viewer: &Viewer, of: &Parameters) -> String {
    let Parameters { case, printer, lot, from, to } = of;
    let day = |day: Day| viewer.day(&day.to_string());
    let mut all = Vec::new();
    all.extend(case.as_ref().map(|case| viewer.fill(words::WORD_CASE, &[("case", case)])));
    all.extend(printer.as_ref().map(|printer| viewer.fill(words::WORD_PRINTER, &[("printer", printer)])));
    all.extend(lot.as_ref().map(|lot| viewer.fill(words::WORD_LOT, &[("lot", lot)])));
    all.extend(from.map(|from| viewer.fill(words::WORD_FROM, &[("day", &day(from))])));
    all.extend(to.map(|to| viewer.fill(words::WORD_TO, &[("day", &day(to))])));
    if all.is_empty() { viewer.say(words::OF_EVERYTHING).to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_periods_end_today_or_with_their_last_day() {
        let of = |today: &str| usual(today.parse().unwrap()).map(|(_, period)| days(period));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            of("2026-01-15"),
            [
                pair("2026-01-01", "2026-01-15"),
                pair("2025-12-01", "2025-12-31"),
                pair("2026-01-01", "2026-01-15"),
                pair("2025-01-01", "2025-12-31"),
                pair("", ""),
            ]
        );
        assert_eq!(of("2024-03-31")[1], pair("2024-02-01", "2024-02-29"));
    }
}
