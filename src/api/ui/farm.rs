//! The farm: what has happened, and every printer as a card, those that want somebody first.

use maud::{Markup, html};
use std::cmp::Reverse;

use super::kit;
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, common, farm as words, hands as hands_words, resin as resin_words};
use crate::api::resin::shapes::ResinBrief;
use crate::api::shapes::{JobView, PrinterView, ReadingView};
use crate::api::{AppState, look_ahead, views};
use crate::config::resin::Drive;
use crate::domain::day::Day;
use crate::domain::ids::PrinterName;
use crate::domain::job::{Interruption, Job, JobState, Outcome};
use crate::domain::lab::Lab;
use crate::domain::moment::WallTime;
use crate::domain::people::roles::Permission;
use crate::domain::printer::OutOfReach;

/// A printer that said nothing for this long is shown with the age of what it said last.
pub(super) const OLD_MS: u64 = 10_000;
/// What failed is listed up to so many.
const FAILED_SHOWN: usize = 12;
const LATE_SHOWN: usize = 8;
const HOUR_MS: u64 = 3_600_000;

pub(super) fn content(viewer: Viewer, _: Ask) -> Answer {
    Box::pin(async move {
        let shown = gather(&viewer);
        let mut pieces = vec![head(&viewer, &shown), so_far(&viewer, &shown)];
        pieces.push(Piece::around("printers", |inner| {
            html! {
                section.cards id="printers" aria-label=(viewer.say(words::PRINTERS)) {
                    @for card in &shown.cards { (inner.put_around(format!("printer-{}", card.printer.name), |inner| draw(&viewer, card, inner))) }
                    @if shown.cards.is_empty() {
                        (kit::empty(viewer.say(words::NO_PRINTER), Some(html! { a href="/commission" { (viewer.say(super::words::commission::TITLE)) } })))
                    }
                }
            }
        }));
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

/// How much a printer wants somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wants {
    Nothing,
    /// It is not there, and has nothing to do.
    Away,
    Work,
    /// A part waits on its bed, or a job for a person.
    Hands,
    /// It has stopped in the middle of something.
    Attention,
    /// It was stopped, has a fault, or is another.
    Trouble,
    /// It is gone in the middle of something, and nobody knows how hot it is.
    Lost,
}

pub(super) fn wants(printer: &PrinterView, job: Option<&JobView>) -> Wants {
    let asks = printer.prompt.is_some() || printer.hold.as_ref().is_some_and(|hold| hold.needs_person);
    if printer.latch.is_some() || printer.quarantine.is_some() {
        return Wants::Trouble;
    }
    match printer.state.as_str() {
        "stopped" | "faulted" | "quarantined" => Wants::Trouble,
        _ if is_deaf(printer) => Wants::Trouble,
        "offline" | "connecting" if job.is_some() => Wants::Trouble,
        "paused" => Wants::Attention,
        _ if asks => Wants::Attention,
        "printing" | "finishing" | "cancelling" => Wants::Work,
        _ if printer.on_bed.is_some() => Wants::Hands,
        "offline" | "connecting" => Wants::Away,
        _ => Wants::Nothing,
    }
}

/// Whether it was unlocked after a stop and does not answer: it waits for a hand on its reset button.
pub(super) fn is_deaf(printer: &PrinterView) -> bool {
    printer.state == "offline" && printer.still_deaf
}

struct Card {
    printer: PrinterView,
    job: Option<JobView>,
    /// The job whose part stands on the bed.
    on_bed: Option<JobView>,
    /// When its job is to end.
    ends: Option<WallTime>,
    is_lost: bool,
    wants: Wants,
}

/// What has ended since a time, and what is late.
struct Shown {
    cards: Vec<Card>,
    since: WallTime,
    printed: usize,
    failed: Vec<JobView>,
    late: Vec<(JobView, WallTime, u64)>,
}

/// Since when somebody who looks now wants to know what happened: in the morning since the evening before, later since
/// the morning.
fn since(viewer: &Viewer) -> WallTime {
    let (zone, now) = (&viewer.app.config.zone, viewer.now());
    let today: Day = zone.day(now);
    let noon = zone.local(today, 12, 0);
    if now < noon {
        let evening = zone.local(today, 0, 0).0.saturating_sub(7 * HOUR_MS);
        WallTime(evening)
    } else {
        zone.local(today, 6, 0)
    }
}

fn gather(viewer: &Viewer) -> Shown {
    let app = &viewer.app;
    let since = since(viewer);
    app.recorder.read(|lab| {
        let mut cards: Vec<Card> =
            views::printers(app, lab).into_iter().map(|printer| card(app, lab, printer)).collect();
        cards.sort_by(|a, b| {
            Reverse(a.wants).cmp(&Reverse(b.wants)).then_with(|| a.printer.name.cmp(&b.printer.name))
        });
        let ended = |job: &&Job| matches!(&job.state, JobState::Ended { ended, .. } if *ended >= since);
        let (mut printed, mut failed) = (0, Vec::new());
        for job in lab.jobs.values().filter(ended) {
            match &job.state {
                JobState::Ended { outcome: Outcome::Printed { .. }, .. } => printed += 1,
                _ => failed.push(job),
            }
        }
        failed.sort_by_key(|job| Reverse(job.queued));
        let failed = failed.into_iter().map(|job| views::job(app, lab, job)).collect();
        Shown { cards, since, printed, failed, late: late(app, lab) }
    })
}

fn card(app: &AppState, lab: &Lab, printer: PrinterView) -> Card {
    let found = |id: &Option<String>| lab.jobs.get(&id.as_ref()?.parse().ok()?);
    let at_work = found(&printer.job);
    let job = at_work.map(|job| views::job(app, lab, job));
    let on_bed = found(&printer.on_bed).map(|job| views::job(app, lab, job));
    let ends = at_work.and_then(|job| look_ahead::ends(app, job));
    let is_lost = is_lost(app, lab, &printer);
    let wants = if is_lost { Wants::Lost } else { wants(&printer, job.as_ref()) };
    Card { printer, job, on_bed, ends, is_lost, wants }
}

/// Whether its port is gone in the middle of something, now or before platen was started anew: it may be hot, and its
/// job may go on.
pub(super) fn is_lost(app: &AppState, lab: &Lab, printer: &PrinterView) -> bool {
    let sought = || {
        let name: PrinterName = printer.name.parse().ok()?;
        let seen = app.fleet.board().get(&name)?.borrow().clone();
        Some(seen.out_of_reach != OutOfReach::Nothing)
    };
    let on_bed = || lab.jobs.get(&printer.on_bed.as_ref()?.parse().ok()?);
    let is_at_it = || on_bed().is_some_and(|job| job.state.is_running());
    // Whether it went away hot is not written down: after a restart only its board can say that it is cold.
    let is_unheard = printer.temperatures.age_ms.is_none() && !is_deaf(printer);
    let was_left = || is_unheard && on_bed().is_some_and(left_hot);
    printer.state == "offline" && (sought() == Some(true) || is_at_it() || was_left())
}

/// Whether a job ended so that nobody may have switched off its heaters.
fn left_hot(job: &Job) -> bool {
    let JobState::Ended { outcome: Outcome::Interrupted { why }, .. } = &job.state else { return false };
    match why {
        Interruption::DaemonEnded
        | Interruption::Unplugged
        | Interruption::Silence
        | Interruption::LineCountLost
        | Interruption::Noise
        | Interruption::Unaccounted
        // A light may be on where there is no heat.
        | Interruption::Exposure { .. }
        | Interruption::Board { .. }
        | Interruption::NotContinued { .. } => true,
        Interruption::PrinterReset
        | Interruption::Stopped
        | Interruption::Fault { .. }
        | Interruption::FileUnreadable
        | Interruption::FileChanged
        | Interruption::NotAllowed => false,
    }
}

/// Jobs that will end after they are due, as they are planned now.
fn late(app: &AppState, lab: &Lab) -> Vec<(JobView, WallTime, u64)> {
    let Some(drawn) = app.planner.latest() else { return Vec::new() };
    let mut late = Vec::new();
    for job in lab.jobs_in_order().into_iter().filter(|job| !matches!(job.state, JobState::Ended { .. })) {
        let Some(slack) = drawn.planned(&job.id).and_then(|planned| planned.slack()) else { continue };
        let due = app.planner.due(lab, job, lab.cases.get(&job.case).map(|case| case.intended_use));
        if let (Ok(by), Some(due), true) = (u64::try_from(slack.saturating_neg()), due, slack < 0) {
            late.push((job, crate::services::planner::wall(due), by));
        }
    }
    late.sort_by_key(|(_, due, _)| *due);
    late.truncate(LATE_SHOWN);
    late.into_iter().map(|(job, due, by)| (views::job(app, lab, job), due, by)).collect()
}

fn head(viewer: &Viewer, shown: &Shown) -> Piece {
    let count = |wanted: &[Wants]| shown.cards.iter().filter(|card| wanted.contains(&card.wants)).count();
    let wanting = count(&[Wants::Hands, Wants::Attention, Wants::Trouble, Wants::Lost]);
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::TITLE)) }
                ul.pills {
                    @if wanting > 0 { li { span.chip data-state="wants" { (kit::mark("suspect")) (viewer.fill(words::COUNT_WANT, &[("n", &wanting)])) } } }
                    li { span.chip data-state="busy" { (kit::mark("printing")) (viewer.fill(words::COUNT_WORK, &[("n", &count(&[Wants::Work]))])) } }
                    li { span.chip data-state="good" { (kit::mark("ready")) (viewer.fill(words::COUNT_FREE, &[("n", &count(&[Wants::Nothing]))])) } }
                    @let away = count(&[Wants::Away]);
                    @if away > 0 { li { span.chip { (kit::mark("offline")) (viewer.fill(words::COUNT_AWAY, &[("n", &away)])) } } }
                }
                a.button.first.end href="/hands" { (viewer.say(words::HANDS)) }
            }
        },
    )
}

/// What has happened since the evening, and what is late: the page's first answer at seven in the morning.
fn so_far(viewer: &Viewer, shown: &Shown) -> Piece {
    let nothing = shown.printed == 0 && shown.failed.is_empty() && shown.late.is_empty();
    Piece::new(
        "so-far",
        html! {
            section.card.so-far id="so-far" aria-label=(viewer.fill(words::SINCE, &[("time", &viewer.short(shown.since))])) {
                p.buttons {
                    strong { (viewer.fill(words::SINCE, &[("time", &viewer.short(shown.since))])) }
                    @if nothing { span.quiet { (viewer.say(words::SINCE_NONE)) } }
                    @if shown.printed > 0 { span.chip data-state="good" { (kit::mark("printed")) (viewer.fill(words::PRINTED, &[("n", &shown.printed)])) } }
                    @if !shown.failed.is_empty() { span.chip data-state="bad" { (kit::mark("failed")) (viewer.fill(words::NOT_PRINTED, &[("n", &shown.failed.len())])) } }
                    @if !shown.late.is_empty() { span.chip data-state="wants" { (kit::mark("suspect")) (viewer.fill(words::LATE, &[("n", &shown.late.len())])) } }
                }
                @if !shown.failed.is_empty() {
                    ul.rows aria-label=(viewer.say(words::WHAT_FAILED)) {
                        @for job in shown.failed.iter().take(FAILED_SHOWN) { li { (ended(viewer, job)) } }
                    }
                }
                @if !shown.late.is_empty() {
                    ul.rows {
                        @for (job, due, by) in &shown.late {
                            li {
                                (part(viewer, job)) ": "
                                strong.old { (viewer.fill(words::LATE_BY, &[("time", &viewer.span(*by))])) }
                                ", " (viewer.fill(words::DUE, &[("time", &viewer.short(*due))]))
                            }
                        }
                    }
                }
            }
        },
    )
}

fn ended(viewer: &Viewer, job: &JobView) -> Markup {
    html! {
        (kit::state(viewer, &job.state)) " " (part(viewer, job))
        @if let Some(printer) = &job.printer { " · " a href=(format!("/printers/{printer}")) { (printer) } }
        @if let Some(why) = &job.why { ": " (viewer.told(why)) }
        @if let Some(at) = &job.ended { " · " (viewer.when(at)) }
    }
}

/// `A7KQ part 2, left ventricle`, leading to the case.
pub(super) fn part(viewer: &Viewer, job: &JobView) -> Markup {
    html! {
        a.plain-link href=(format!("/cases/{}", job.case)) {
            code { (viewer.fill(words::PART_OF, &[("case", &job.case), ("part", &job.part.number)])) }
        }
        " " (job.part.name)
        @if !job.build.is_empty() { ", " (viewer.fill(words::PIECES, &[("n", &job.build.len())])) }
    }
}

fn draw(viewer: &Viewer, card: &Card, inner: &Inner) -> Markup {
    let printer = &card.printer;
    let name = &printer.name;
    // The edge of the card says what the whole of it wants; the state has its own mark.
    let edge = match card.wants {
        Wants::Trouble | Wants::Lost => "bad",
        Wants::Attention | Wants::Hands => "wants",
        Wants::Work => "busy",
        Wants::Nothing => "good",
        Wants::Away => "away",
    };
    // What was printed when it was lost stands on its bed.
    let lost_job = card.on_bed.as_ref().filter(|_| card.is_lost);
    let job = card.job.as_ref().or(lost_job);
    html! {
        article.card.printer id=(format!("printer-{name}")) data-state=(edge) aria-labelledby=(format!("name-{name}")) tabindex="-1" data-go {
            div.top {
                h2 id=(format!("name-{name}")) { a.plain-link href=(format!("/printers/{name}")) { (name) } }
                (chip(viewer, printer, card.is_lost))
                (kit::stop(viewer, Some(name)))
            }
            (lost(viewer, printer, card.is_lost))
            (odd(viewer, printer))
            (inner.put(format!("age-{name}"), stale(viewer, printer)))
            (troubles(viewer, printer))
            (hold(viewer, printer))
            (unrecorded(viewer, card.job.as_ref().or(card.on_bed.as_ref())))
            @if let Some(job) = job { p.job { (part(viewer, job)) @if let Some(material) = &job.material { ", " (material) } } }
            @if job.is_some() || printer.progress.is_some() {
                (inner.put(format!("work-{name}"), work(viewer, card, job)))
            }
            @if has_heat(viewer, printer) { (inner.put(format!("heat-{name}"), heat(viewer, printer))) }
            @if let Some(is) = &printer.light { p { (inner.put(format!("light-{name}"), light(viewer, name, is))) } }
            @if let Some(resin) = &printer.resin { (inner.put(format!("vat-{name}"), vat(viewer, name, resin))) }
            (bed(viewer, card))
            div.foot {
                @if printer.on_bed.is_none() { p.quiet { (viewer.say(words::BED_CLEAR)) } }
                (inner.put(format!("line-{name}"), line(viewer, printer)))
                @if let Some(job) = &card.job { (steps(viewer, job)) }
            }
        }
    }
}

/// Its state, and what it is worth: one that is ready but has a bed to be cleared prints nothing.
pub(super) fn chip(viewer: &Viewer, printer: &PrinterView, is_lost: bool) -> Markup {
    let is_to_clear = printer.state == "ready" && printer.on_bed.is_some();
    let said = |state: &str, mark: &str, text: Text| {
        html! { span.state data-state=(state) { (kit::mark(mark)) (viewer.say(text)) } }
    };
    match (is_lost, is_to_clear) {
        (true, _) => said("bad", "failed", words::OUT_OF_REACH),
        (false, true) => said("wants", "suspect", words::READY_NOT_CLEAR),
        (false, false) => kit::state(viewer, &printer.state),
    }
}

/// What to do about one that is lost.
pub(super) fn lost(viewer: &Viewer, printer: &PrinterView, is_lost: bool) -> Markup {
    html! { @if is_lost { p.note data-state="bad" { strong { (viewer.say(lost_words(printer))) } } } }
}

/// A resin printer has a light where others have heat.
pub(super) fn lost_words(printer: &PrinterView) -> Text {
    if printer.resin.is_some() { words::LOST_LIT } else { words::LOST }
}

/// What its board did that somebody has to know, until somebody has looked.
pub(super) fn odd(viewer: &Viewer, printer: &PrinterView) -> Markup {
    html! {
        @for seen in printer.resin.iter().flat_map(|resin| &resin.odd) {
            p.note data-state="wants" { strong { (viewer.told(&seen.words)) } ", " (viewer.when(&seen.at)) }
        }
    }
}

/// How old what is shown is, where it is old; and what else the state says.
pub(super) fn stale(viewer: &Viewer, printer: &PrinterView) -> Markup {
    let is_plain = matches!(printer.state.as_str(), "ready" | "printing" | "paused" | "finishing");
    // A lock or a quarantine says the rest itself, but not that the heaters of one out of reach may be on.
    let is_said = (printer.latch.is_some() || printer.quarantine.is_some()) && printer.state != "offline";
    html! {
        div.age id=(format!("age-{}", printer.name)) {
            @if !is_said && !is_plain { p.quiet { (viewer.told(&printer.words)) } }
            @if printer.age_ms > OLD_MS {
                p.old { (viewer.fill(common::LAST_HEARD, &[("age", &viewer.span(printer.age_ms / 1_000))])) }
            }
        }
    }
}

/// What has become of its job, where the journal does not know it yet.
pub(super) fn unrecorded(viewer: &Viewer, job: Option<&JobView>) -> Markup {
    html! {
        @if let Some(done) = job.and_then(|job| job.unrecorded.as_ref()) {
            p.note data-state="bad" {
                strong { (viewer.fill(common::UNRECORDED, &[("state", &viewer.state(done))])) }
                ". " (viewer.say(common::UNRECORDED_WHY))
            }
        }
    }
}

/// ` (printed)`; nothing where the journal's word is behind the printer.
pub(super) fn in_state(viewer: &Viewer, job: &JobView) -> Markup {
    html! { @if job.unrecorded.is_none() { " (" (viewer.state(&job.state)) ")" } }
}

/// Why it may not be used, with the button of whoever has looked.
pub(super) fn troubles(viewer: &Viewer, printer: &PrinterView) -> Markup {
    let name = &printer.name;
    html! {
        @if let Some(latch) = &printer.latch {
            div.note data-state="bad" {
                p { (viewer.fill(words::LOCKED, &[("why", &viewer.told_within(&latch.why)), ("time", &moment(viewer, &latch.at))])) }
                @if viewer.may(Permission::ClearLatch) {
                    (asked(viewer, "/do/clear-latch", &format!("clear-latch-{name}"), &[("printer", name), ("since", &latch.at)],
                        viewer.say(words::USE_AGAIN), Some(&looked(viewer, name))))
                }
            }
        }
        @if let Some(quarantine) = &printer.quarantine {
            div.note data-state="bad" {
                p { (viewer.fill(words::QUARANTINE, &[("why", &viewer.told_within(&quarantine.why)), ("time", &moment(viewer, &quarantine.at))])) }
                @if let Some(own) = &printer.own_board { p { strong { (viewer.told(own)) } } }
                @if viewer.may(Permission::Identify) {
                    (simple(viewer, "/do/identify", &format!("identify-{name}"), &[("printer", name), ("since", &quarantine.at)], viewer.say(words::OWN_BOARD)))
                }
            }
        }
    }
}

/// What is asked before a lock is lifted.
pub(super) fn looked(viewer: &Viewer, printer: &str) -> String {
    viewer.fill(hands_words::LOOKED, &[("printer", &printer)])
}

/// A stamp in plain text.
pub(super) fn moment(viewer: &Viewer, stamp: &str) -> String {
    stamp.parse().map_or_else(|_| stamp.to_owned(), |at: WallTime| viewer.short(at))
}

/// What a pause is at, and what the printer asks, with its buttons.
pub(super) fn hold(viewer: &Viewer, printer: &PrinterView) -> Markup {
    let name = &printer.name;
    let off = |text, seconds: u64| viewer.fill(text, &[("n", &seconds.div_ceil(60))]);
    html! {
        @if let Some(hold) = &printer.hold {
            @if let Some(said) = &hold.words { p.note data-state="wants" { (viewer.told(said)) } }
            @if let Some(text) = &hold.text { p { (viewer.say(words::FILE_SAYS)) " " q { (text) } } }
            @match (hold.nozzle_off_s, hold.bed_off_s) {
                (Some(nozzle), Some(bed)) if nozzle == bed => p.quiet { (off(words::BOTH_OFF, nozzle)) },
                (Some(nozzle), _) => p.quiet { (off(words::NOZZLE_OFF, nozzle)) },
                (None, Some(bed)) => p.quiet { (off(words::BED_OFF, bed)) },
                (None, None) => {},
            }
        }
        @if let Some(prompt) = &printer.prompt {
            div.note.prompt data-state="wants" {
                p { strong { (viewer.say(words::ASKS)) } " " q { (viewer.told_within(&prompt.asked)) } }
                @if prompt.buttons.is_empty() { p { (viewer.say(words::PANEL_ONLY)) } }
                @if viewer.may(Permission::AnswerPrinter) {
                    @for (place, label) in prompt.buttons.iter().enumerate() {
                        (simple(viewer, "/do/answer", &format!("answer-{name}-{place}"),
                            &[("printer", name), ("button", &place.to_string()), ("asked", &prompt.asked)], &viewer.told_within(label)))
                    }
                }
            }
        }
    }
}

/// How far it is, and when it ends.
fn work(viewer: &Viewer, card: &Card, job: Option<&JobView>) -> Markup {
    let name = &card.printer.name;
    // A layer of a resin file is lit as a whole, and its printer counts them.
    let lit = card.printer.resin.as_ref().and_then(|resin| Some((resin.layer?, u64::from(resin.layers?))));
    let drawn = job.and_then(|job| job.layer).map(|layer| (layer.number as u64, layer.of as u64));
    let layer = lit.or(drawn);
    let known = job.filter(|_| card.is_lost).and_then(|job| job.progress.as_ref());
    html! {
        div.work id=(format!("work-{name}")) {
            @if let Some(progress) = card.printer.progress.as_ref().or(known) {
                (kit::bar(viewer, progress.percent, &viewer.fill(words::PROGRESS_OF, &[("printer", name)])))
            }
            p.quiet {
                @if let Some((n, of)) = layer { (viewer.fill(words::LAYER, &[("n", &n), ("of", &of)])) }
                @if layer.is_some() && !card.is_lost { " · " }
                @if !card.is_lost { (ends(viewer, card.ends)) }
            }
        }
    }
}

pub(super) fn ends(viewer: &Viewer, ends: Option<WallTime>) -> Markup {
    let left = |at: WallTime| at.0.saturating_sub(viewer.now().0) / 1_000;
    html! {
        @match ends {
            Some(at) => {
                // In whole minutes: seconds are of no use, and are sent each second.
                strong { (viewer.fill(words::LEFT, &[("time", &viewer.span(left(at).div_ceil(60) * 60))])) }
                " · " (viewer.fill(words::ENDS, &[("time", &viewer.short(at))]))
            }
            None => (viewer.say(words::ENDS_UNKNOWN)),
        }
    }
}

/// Whether there is anything to be hot: a resin printer has neither nozzle nor bed, and may have a heated vat.
pub(super) fn has_heat(viewer: &Viewer, printer: &PrinterView) -> bool {
    printer.resin.is_none() || !told_heat(viewer, printer).is_empty()
}

/// Where a board measures heat, as it says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heater {
    Hotend,
    Bed,
    Chamber,
}

/// What that is on this printer. A resin printer has no hotend: where its board tells its light's heat as one's, it is
/// that, and else nothing, unless the board heats it.
pub(super) fn heater(viewer: &Viewer, printer: &PrinterView, heater: Heater) -> Option<Text> {
    match (heater, &printer.resin) {
        (Heater::Hotend, None) => Some(words::HOTEND),
        (Heater::Bed, None) => Some(words::BED),
        (Heater::Chamber, _) => Some(words::CHAMBER),
        (Heater::Bed, Some(_)) => Some(resin_words::VAT),
        (Heater::Hotend, Some(_)) if tells_light(viewer, &printer.name) => Some(resin_words::LIGHT),
        (Heater::Hotend, Some(_)) => {
            let target = printer.temperatures.hotend.and_then(|reading| reading.target);
            target.filter(|target| *target > 0.0).map(|_| words::HOTEND)
        }
    }
}

/// Whether its board tells of its light's heat as of a hotend's.
fn tells_light(viewer: &Viewer, name: &str) -> bool {
    let name = name.parse::<PrinterName>().ok();
    let resin = name.and_then(|name| viewer.app.config.printer(&name)?.resin.as_deref());
    matches!(resin.map(|resin| &resin.drive), Some(Drive::Msla(msla)) if msla.light.hottest_c.is_some())
}

/// What it told last of its heat, by what is hot there.
pub(super) fn told_heat(viewer: &Viewer, printer: &PrinterView) -> Vec<(Text, ReadingView)> {
    let given = &printer.temperatures;
    let all = [(Heater::Hotend, given.hotend), (Heater::Bed, given.bed), (Heater::Chamber, given.chamber)];
    all.into_iter().filter_map(|(of, reading)| Some((heater(viewer, printer, of)?, reading?))).collect()
}

/// Whether its light is on, in a word, a shape and a colour. It changes twice a layer, and so by itself.
pub(super) fn light(viewer: &Viewer, name: &str, is: &str) -> Markup {
    let (shape, state, words) = match is {
        "on" => ("lit", Some("lit"), resin_words::LIGHT_ON),
        "may_be_on" => ("lit", Some("lit"), resin_words::LIGHT_MAY_BE_ON),
        "off" => ("dark", None, resin_words::LIGHT_OFF),
        _ => ("offline", None, resin_words::LIGHT_UNKNOWN),
    };
    html! {
        span.chip id=(format!("light-{name}")) data-state=[state] { (kit::mark(shape)) (viewer.say(words)) }
    }
}

/// A volume in whole millilitres; less than one in tenths, and what is less than that is not nothing.
pub(super) fn millilitres(viewer: &Viewer, volume: f64) -> String {
    if volume > 0.0 && volume < 0.05 {
        return viewer.fill(resin_words::UNDER, &[("n", &viewer.number(0.1, 1))]);
    }
    viewer.number(volume, usize::from(volume > 0.0 && volume < 0.95))
}

/// What is in its vat, and what of it wants somebody.
fn vat(viewer: &Viewer, name: &str, resin: &ResinBrief) -> Markup {
    let due = |verdict: &str| matches!(verdict, "worn" | "overdue");
    html! {
        div.heat id=(format!("vat-{name}")) {
            p {
                @match (&resin.material, resin.left_ml) {
                    (Some(material), Some(left)) => {
                        (material) ", " (viewer.fill(resin_words::LEFT_ML, &[("n", &millilitres(viewer, left))]))
                    }
                    _ => span.old { (viewer.say(resin_words::VAT_EMPTY_SHORT)) },
                }
            }
            @if resin.debris { p.old { (viewer.say(resin_words::FILTER_AFTER)) } }
            @if due(&resin.display) { p.old { (viewer.say(resin_words::DISPLAY_WORN)) } }
            @if due(&resin.film) { p.old { (viewer.say(resin_words::FILM_WORN)) } }
            @if resin.layer.is_none() && resin.checklist { p.quiet { (viewer.say(resin_words::LOOK_FIRST)) } }
        }
    }
}

pub(super) fn heat(viewer: &Viewer, printer: &PrinterView) -> Markup {
    let given = &printer.temperatures;
    let all = told_heat(viewer, printer);
    html! {
        div.heat id=(format!("heat-{}", printer.name)) data-old[given.old] {
            dl {
                @for (what, reading) in &all { (degrees(viewer, viewer.say(*what), *reading)) }
            }
            @if all.is_empty() { p.quiet { (viewer.say(words::NO_HEAT)) } }
            @if let Some(age) = given.age_ms.filter(|_| given.old) {
                p.old { (viewer.fill(words::HEAT_OLD, &[("age", &viewer.span(age / 1_000))])) }
            }
        }
    }
}

fn degrees(viewer: &Viewer, what: &str, reading: ReadingView) -> Markup {
    html! {
        div {
            dt { (what) }
            dd {
                (viewer.number(reading.actual, 1)) " "
                small {
                    @match reading.target {
                        Some(0.0) => (viewer.say(words::OFF)),
                        Some(target) => (viewer.fill(words::OF_DEGREES, &[("n", &viewer.number(target, 0))])),
                        None => (viewer.say(words::DEGREES)),
                    }
                }
            }
        }
    }
}

fn bed(viewer: &Viewer, card: &Card) -> Markup {
    html! {
        @if let (Some(id), None) = (&card.printer.on_bed, &card.job) {
            div.note.bed data-state="wants" {
                p {
                    @match &card.on_bed {
                        Some(job) => {
                            (viewer.fill(words::ON_BED, &[("what", &viewer.fill(words::PART_OF, &[("case", &job.case), ("part", &job.part.number)]))]))
                            " " (job.part.name)
                            @if !card.is_lost { (in_state(viewer, job)) }
                        }
                        None => (viewer.fill(words::ON_BED, &[("what", &viewer.fill(words::ON_BED_JOB, &[("job", id)]))])),
                    }
                }
                (clear_bed(viewer, &card.printer, id, card.on_bed.as_ref(), card.is_lost))
            }
        }
    }
}

/// The button that says that a bed is clear, with a question that says what stands there; or why there is none yet.
pub(super) fn clear_bed(
    viewer: &Viewer,
    printer: &PrinterView,
    id: &str,
    job: Option<&JobView>,
    is_lost: bool,
) -> Markup {
    let name = &printer.name;
    let runs = job.is_some_and(|job| job.unrecorded.is_some() || is_at_work(&job.state));
    let part = job.map(|job| OnBed {
        case: &job.case,
        part: job.part.number,
        name: &job.part.name,
        interrupted: job.state == "interrupted",
    });
    html! {
        @if let Some(why) = not_clear_yet(printer, is_lost, runs) {
            p.quiet { (viewer.say(why)) }
            (gone(viewer, printer, id, job, is_lost))
        }
        @else if viewer.may(Permission::ClearBed) {
            (asked(viewer, "/do/clear-bed", &format!("clear-bed-{name}"), &[("printer", name), ("job", id)],
                viewer.say(words::CLEAR_BED), Some(&clear_question(viewer, name, part.as_ref()))))
        }
    }
}

/// The way out where a printer that is out of reach is not expected back: first its job is given up, and then, by
/// somebody who has switched it off and looked, its bed is noted as clear.
fn gone(viewer: &Viewer, printer: &PrinterView, id: &str, job: Option<&JobView>, is_lost: bool) -> Markup {
    let name = &printer.name;
    let runs = job.is_some_and(|job| is_at_work(&job.state));
    // While the disk takes nothing the job cannot end; a lock is lifted first.
    let is_stuck = printer.latch.is_some() || job.is_some_and(|job| job.unrecorded.is_some());
    let may = viewer.may(if runs { Permission::CancelJob } else { Permission::ClearBed });
    if !is_lost || is_stuck || !may {
        return html! {};
    }
    let holes: [(&str, &dyn std::fmt::Display); 1] = [("printer", name)];
    let form = if runs {
        let hidden = [("job", id), ("change", "cancel")];
        let question = viewer.fill(words::GONE_JOB_ASK, &holes);
        let (button, label) = (format!("give-up-{id}"), viewer.say(words::GONE_JOB_DO));
        asked(viewer, "/do/job", &button, &hidden, label, Some(&question))
    } else {
        let hidden = [("printer", name.as_str()), ("job", id)];
        let question = viewer.fill(words::GONE_BED_ASK, &holes);
        let (button, label) = (format!("give-up-bed-{name}"), viewer.say(words::GONE_BED_DO));
        let tick = viewer.say(words::GONE_TICK);
        ticked(viewer, "/do/clear-bed", &button, &hidden, label, Some(&question), Some(tick))
    };
    html! {
        details.more id=(format!("gone-{name}")) {
            summary { (viewer.say(words::GONE)) }
            p.note data-state="wants" { (viewer.say(match (runs, &printer.resin) {
                (true, None) => words::GONE_JOB,
                (true, Some(_)) => words::GONE_JOB_LIT,
                (false, _) => words::GONE_BED,
            })) }
            (form)
        }
    }
}

fn is_at_work(state: &str) -> bool {
    matches!(state, "printing" | "paused")
}

/// Why nobody can say yet that a bed is clear.
pub(super) fn not_clear_yet(printer: &PrinterView, is_lost: bool, runs: bool) -> Option<Text> {
    if is_lost || printer.own_board.is_some() {
        Some(if printer.resin.is_some() { words::NOT_CLEAR_LOST_LIT } else { words::NOT_CLEAR_LOST })
    } else if printer.latch.is_some() {
        Some(words::NOT_CLEAR_LOCKED)
    } else {
        runs.then_some(words::NOT_CLEAR_RUNS)
    }
}

/// What stands on a bed.
pub(super) struct OnBed<'b> {
    pub(super) case: &'b str,
    pub(super) part: u16,
    pub(super) name: &'b str,
    pub(super) interrupted: bool,
}

/// What is asked before a bed counts as clear: a press on the wrong card begins a print onto a part.
pub(super) fn clear_question(viewer: &Viewer, printer: &str, on_bed: Option<&OnBed<'_>>) -> String {
    let Some(OnBed { case, part, name, interrupted }) = on_bed else {
        return viewer.fill(words::CLEAR_ASK, &[("printer", &printer)]);
    };
    let holes: [(&str, &dyn std::fmt::Display); 4] =
        [("printer", &printer), ("case", case), ("part", part), ("name", name)];
    let question = viewer.fill(words::CLEAR_ASK_PART, &holes);
    if *interrupted { format!("{question} {}", viewer.say(words::CLEAR_INTERRUPTED)) } else { question }
}

/// What can be done with a job that runs.
pub(super) fn steps(viewer: &Viewer, job: &JobView) -> Markup {
    let id = &job.id;
    let step = |change: &str, label: &str| {
        simple(viewer, "/do/job", &format!("{change}-{id}"), &[("job", id), ("change", change)], label)
    };
    // What is cancelled is not gone on with.
    let sure = viewer.fill(words::CANCEL_ASK, &[("case", &job.case), ("part", &job.part.number)]);
    let cancel = || {
        let (id_of_it, hidden) = (format!("cancel-{id}"), [("job", id.as_str()), ("change", "cancel")]);
        let label = viewer.say(words::CANCEL_JOB);
        html! {
            @if viewer.may(Permission::CancelJob) {
                (asked(viewer, "/do/job", &id_of_it, &hidden, label, Some(&sure)))
            }
        }
    };
    html! {
        @match job.state.as_str() {
            "printing" => details.more id=(format!("more-{id}")) {
                summary { (viewer.say(words::PAUSE_OR_CANCEL)) }
                div.buttons {
                    @if viewer.may(Permission::PauseJob) { (step("pause", viewer.say(words::PAUSE))) }
                    (cancel())
                }
            },
            "paused" => div.buttons {
                @if viewer.may(Permission::ResumeJob) { (step("resume", viewer.say(words::RESUME))) }
                (cancel())
            },
            _ => {},
        }
    }
}

/// For how many milliseconds a board has not answered since it halted: only a reset brings it back.
pub(super) fn deaf_for(printer: &PrinterView) -> Option<u64> {
    let has_halted = matches!(printer.state.as_str(), "stopped" | "faulted");
    let heat = &printer.temperatures;
    // After a restart it has said nothing at all.
    let unheard = Some(printer.age_ms).filter(|age| heat.age_ms.is_none() && *age > OLD_MS);
    heat.age_ms.filter(|_| heat.old).or(unheard).filter(|_| has_halted)
}

pub(super) fn line(viewer: &Viewer, printer: &PrinterView) -> Markup {
    let line = &printer.line;
    html! {
        p.line id=(format!("line-{}", printer.name)) {
            @if let Some(age) = deaf_for(printer) {
                @let since = WallTime(viewer.now().0.saturating_sub(age));
                span.old { (viewer.fill(words::DEAF, &[("time", &viewer.short(since))])) }
            }
            @else if printer.state == "offline" { "\u{a0}" }
            @else if let Some(trouble) = &line.trouble { span.old { (viewer.fill(words::LINE_AILS, &[("why", &viewer.told_within(trouble))])) } }
            @else if line.resends > 0 { (viewer.fill(words::LINE_RESENDS, &[("n", &viewer.grouped(line.resends))])) }
            @else if line.used > 0.05 { (viewer.fill(words::LINE_USED, &[("n", &viewer.number((line.used * 20.0).round() * 5.0, 0))])) }
            @else { (viewer.say(words::LINE_GOOD)) }
        }
    }
}

/// A form that works without a script: a button that somebody answers for by name.
pub(super) fn simple(
    viewer: &Viewer,
    action: &str,
    id: &str,
    hidden: &[(&str, &str)],
    label: &str,
) -> Markup {
    asked(viewer, action, id, hidden, label, None)
}

/// The same with a question before it is sent, where there is a script; without one it is sent by the press.
pub(super) fn asked(
    viewer: &Viewer,
    action: &str,
    id: &str,
    hidden: &[(&str, &str)],
    label: &str,
    question: Option<&str>,
) -> Markup {
    ticked(viewer, action, id, hidden, label, question, None)
}

/// The same with what has to be ticked first, also without a script.
fn ticked(
    viewer: &Viewer,
    action: &str,
    id: &str,
    hidden: &[(&str, &str)],
    label: &str,
    question: Option<&str>,
    tick: Option<&str>,
) -> Markup {
    // Another question or job is another form: a press that began on this one does not end on that.
    let key = hidden.iter().fold(id.to_owned(), |key, (_, value)| format!("{key} {value}"));
    html! {
        form.named[viewer.signs()] method="post" action=(viewer.to(action)) data-key=(key) data-ask=[question] {
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
            @if viewer.signs() {
                // With a script the name at the top is sent. As fields, sixty of them hold a browser up for longer than all
                // else of the page: it lays out each by itself, to see whether it could fill it in.
                noscript {
                    label { (viewer.say(common::NAME)) " " input name="by" id=(format!("by-{id}")) required maxlength="40" autocomplete="name"; }
                }
            }
            @if let Some(tick) = tick {
                // Without a name: it is for whoever presses, and is not sent.
                label.tick { input type="checkbox" required; span { (tick) } }
            }
            button id=(id) { (label) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Level;
    use crate::domain::moment::Moment;
    use crate::domain::printer::{Activity, PrinterRecord, STILL_DEAF, Snapshot};

    #[test]
    fn a_halted_board_that_was_not_heard_since_the_start_is_to_be_reset() {
        let name: PrinterName = "mk3".parse().unwrap();
        let mut snapshot = Snapshot::offline(name.clone(), STILL_DEAF, Moment::from_millis(0));
        let seen = |snapshot: &Snapshot, at: u64| {
            views::printer(snapshot, &PrinterRecord::new(name.clone()), Level::Off, Moment::from_millis(at))
        };
        assert!(is_deaf(&seen(&snapshot, 0)));
        assert_eq!(wants(&seen(&snapshot, 0), None), Wants::Trouble);
        assert_eq!(deaf_for(&seen(&snapshot, 60_000)), None, "it has not halted");
        snapshot.activity = Activity::Stopped;
        assert_eq!(deaf_for(&seen(&snapshot, 5_000)), None);
        assert_eq!(deaf_for(&seen(&snapshot, 60_000)), Some(60_000));
    }

    #[test]
    fn what_wants_somebody_more_comes_first() {
        assert!(Wants::Lost > Wants::Trouble && Wants::Trouble > Wants::Attention);
        assert!(Wants::Attention > Wants::Hands);
        assert!(Wants::Hands > Wants::Work && Wants::Work > Wants::Away && Wants::Away > Wants::Nothing);
    }
}
