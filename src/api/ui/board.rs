//! The board as HTML: printers, jobs, cases, each from the same shapes that the API answers with.

use maud::{Markup, html};

use super::look;
use crate::api::door::Asker;
use crate::api::shapes::{CaseBrief, JobView, PartView, PrinterView, ProgressView, ReadingView, age};
use crate::api::uploads::UploadView;
use crate::api::{AppState, views};
use crate::domain::job::{Job, JobState};

/// A printer that said nothing for this long is shown with the age of what it said last.
const OLD_MS: u64 = 10_000;
/// Ended jobs that stay on the page: about a day's work.
const ENDED_SHOWN: usize = 20;
/// Cases on the page; /v1/cases has all.
const CASES_SHOWN: usize = 20;

struct Shown {
    printers: Vec<PrinterView>,
    /// The parts that stand on beds, by their jobs.
    on_beds: Vec<JobView>,
    running: Vec<JobView>,
    queued: Vec<JobView>,
    ended: Vec<JobView>,
    cases: Vec<(CaseBrief, Vec<PartView>)>,
    /// Files of which nobody has said yet of which part they are.
    uploads: Vec<UploadView>,
    more_cases: usize,
}

fn gather(app: &AppState) -> Shown {
    app.recorder.read(|lab| {
        let mut shown = Shown {
            printers: views::printers(app, lab),
            on_beds: Vec::new(),
            running: Vec::new(),
            queued: Vec::new(),
            ended: Vec::new(),
            cases: Vec::new(),
            uploads: lab.queue.unassigned().map(|upload| UploadView::of(lab, upload)).collect(),
            more_cases: lab.cases.len().saturating_sub(CASES_SHOWN),
        };
        let on_bed = |printer: &PrinterView| lab.jobs.get(&printer.on_bed.as_ref()?.parse().ok()?);
        shown.on_beds =
            shown.printers.iter().filter_map(on_bed).map(|job| views::job(app, lab, job)).collect();
        let jobs = lab.jobs_in_order();
        for job in jobs.iter().filter(|job| job.state.run().is_none() || job.state.is_running()) {
            match job.state.word() {
                "queued" | "slicing" => shown.queued.push(views::job(app, lab, job)),
                "printing" | "paused" => shown.running.push(views::job(app, lab, job)),
                _ => {}
            }
        }
        let waits = |job: &Job| matches!(job.state, JobState::Queued | JobState::Slicing { .. });
        let ended = jobs.iter().rev().filter(|job| !waits(job) && !job.state.is_running());
        shown.ended = ended.take(ENDED_SHOWN).map(|job| views::job(app, lab, job)).collect();
        for case in views::cases(lab).into_iter().take(CASES_SHOWN) {
            let parts = lab.parts.values().filter(|part| part.case.as_str() == case.token);
            let mut parts: Vec<PartView> = parts.map(Into::into).collect();
            parts.sort_by_key(|part| part.number);
            shown.cases.push((case, parts));
        }
        shown
    })
}

/// All that changes, as one fragment.
pub(super) fn board(app: &AppState, asker: &Asker) -> Markup {
    let signs = asker.name().is_none();
    let shown = gather(app);
    let online =
        shown.printers.iter().filter(|p| !matches!(p.state.as_str(), "offline" | "connecting")).count();
    html! {
        section aria-labelledby="printers" {
            h2 #printers {
                "Printers "
                small { (online) " of " (shown.printers.len()) " online, " (shown.running.len()) " at work" }
            }
            div.printers {
                @for printer in &shown.printers {
                    @let job = shown.running.iter().find(|job| printer.job.as_ref() == Some(&job.id));
                    @let on_bed = shown.on_beds.iter().find(|job| printer.on_bed.as_ref() == Some(&job.id));
                    (card(app, printer, job, on_bed, signs))
                }
            }
        }
        section aria-labelledby="jobs" {
            h2 #jobs {
                "Jobs "
                small { (shown.queued.len()) " waiting" }
            }
            @if shown.running.is_empty() && shown.queued.is_empty() && shown.ended.is_empty() {
                p.empty { "No job yet. " code { "platen print FILE --case TOKEN --part NUMBER" } " queues one." }
            } @else {
                (jobs(app, &shown, signs))
            }
        }
        @if !shown.uploads.is_empty() { (uploads(&shown.uploads, signs)) }
        section aria-labelledby="cases" {
            h2 #cases { "Cases" }
            @if shown.cases.is_empty() {
                p.empty { "No case yet. " code { "platen cases new" } " opens one." }
            } @else {
                (cases(&shown))
            }
        }
    }
}

/// Files that slicers sent, each with the one step that makes a job of it.
fn uploads(all: &[UploadView], signs: bool) -> Markup {
    html! {
        section aria-labelledby="uploads" {
            h2 #uploads { "Sent by slicers " small { (all.len()) " of no part yet" } }
            p { "Nothing of this is printed before somebody has said of which part it is." }
            @for upload in all {
                article.upload aria-label=(upload.name) {
                    p {
                        strong { (upload.name) } ", " (grouped(upload.bytes / 1_024)) " KB, " (when(&upload.at))
                        @if let Some(printer) = &upload.printer { ", for " (printer) }
                    }
                    @if let Some(waits) = &upload.waits { p { "It waits: " (waits) "." } }
                    form.named[signs] method="post" action="/do/assign" id=(format!("assign-{}", upload.id)) {
                        input type="hidden" name="upload" value=(upload.id);
                        (signature(&format!("by-assign-{}", upload.id), signs))
                        label { "Case " input name="case" required size="14" value=(upload.case.as_deref().unwrap_or_default()); }
                        label { "Part " input name="part" required size="3" inputmode="numeric" value=(upload.part.map(|part| part.to_string()).unwrap_or_default()); }
                        label { "Material " input name="material" size="10"; }
                        button { "Queue it" }
                    }
                    (named_form("/do/dismiss", &format!("dismiss-{}", upload.id), &[("upload", &upload.id)], "Put it away", signs))
                }
            }
        }
    }
}

/// `signs`: whoever presses a button gives a name; who is signed in has one.
fn card(
    app: &AppState,
    printer: &PrinterView,
    job: Option<&JobView>,
    on_bed: Option<&JobView>,
    signs: bool,
) -> Markup {
    let name = &printer.name;
    html! {
        article.printer data-state=(printer.state) data-latched[printer.latch.is_some() || printer.quarantine.is_some()] aria-labelledby=(format!("printer-{name}")) {
            header {
                h3 id=(format!("printer-{name}")) { (name) }
                span.state { (printer.state) }
                form method="post" action="/do/stop" {
                    input type="hidden" name="printer" value=(name);
                    input type="hidden" name="by" value="";
                    button.stop id=(format!("stop-{name}")) aria-label=(format!("Stop {name}")) { "Stop" }
                }
            }
            // Where the state's word says it all, a sentence would only say it again.
            @if printer.latch.is_none() && printer.quarantine.is_none() && !matches!(printer.state.as_str(), "ready" | "printing" | "paused") {
                p.words { (capital(&printer.words)) }
            }
            @if printer.age_ms > OLD_MS { p.old { "Last heard " (age(printer.age_ms)) " ago" } }
            @if let Some(latch) = &printer.latch {
                div.latch {
                    p { strong { "Locked: " } (latch.why) ", " (when(&latch.at)) ". Look at the printer before it is used again." }
                    (named_form("/do/clear-latch", &format!("clear-latch-{name}"), &[("printer", name)], "It may be used again", signs))
                }
            }
            @if let Some(quarantine) = &printer.quarantine {
                div.latch {
                    p { strong { "Quarantine: " } (quarantine.why) ", " (when(&quarantine.at)) ". Plug its own board in, or say that this is it." }
                    @if let Some(own) = &printer.own_board { p { strong { (capital(own)) } } }
                    (named_form("/do/identify", &format!("identify-{name}"), &[("printer", name)], "This is its own board", signs))
                }
            }
            (hold(printer, signs))
            @if let Some(progress) = &printer.progress { (bar(progress, name)) }
            @if let Some(job) = job {
                p.job {
                    code { (job.part.case) } " part " (job.part.number) ", " (job.part.name)
                    @if !job.build.is_empty() { ", " (job.build.len()) " pieces" }
                    @if let Some(material) = &job.material { ", " (material) }
                }
            }
            @if let Some(job) = job { (look::printing(app, job)) }
            dl.heat data-old[printer.temperatures.old] {
                (reading("Hotend", printer.temperatures.hotend))
                (reading("Bed", printer.temperatures.bed))
                (reading("Chamber", printer.temperatures.chamber))
            }
            @if let Some(age) = printer.temperatures.told_ago() {
                p.old { "Temperatures of " (age) " ago; what they are now is not known" }
            }
            @match (&printer.on_bed, job) {
                (Some(id), None) => div.bed {
                    p {
                        "On the bed: "
                        @match on_bed {
                            Some(job) => {
                                code { (job.part.case) } " part " (job.part.number) ", " (job.part.name)
                                @if !job.build.is_empty() { ", " (job.build.len()) " pieces: " (job.build.join(", ")) }
                                " (" (job.state) ")"
                            }
                            None => { "the part of job " code { (id) } }
                        }
                    }
                    (named_form("/do/clear-bed", &format!("clear-bed-{name}"), &[("printer", name)], "The bed is clear", signs))
                },
                (Some(_), Some(_)) => {},
                (None, _) => p.bed { "Bed clear" },
            }
            @if let Some(job) = job { (job_forms(job, signs)) }
            (console(printer, signs))
            p.line {
                @if let Some(firmware) = &printer.firmware { (firmware) ". " }
                (grouped(printer.line.lines_sent)) " lines sent, " (grouped(printer.line.resends)) " resent"
                @if printer.line.used > 0.005 { (format!(", {:.0} % of the line", printer.line.used * 100.0)) }
            }
            @if let Some(trouble) = &printer.line.trouble {
                p.line role="status" { "The line ails: " (trouble) }
            }
        }
    }
}

/// What a pause is at, and what the printer asks, with its buttons.
fn hold(printer: &PrinterView, signs: bool) -> Markup {
    let name = &printer.name;
    let minutes = |seconds: u64| seconds.div_ceil(60);
    html! {
        @if let Some(hold) = &printer.hold {
            @if let Some(words) = &hold.words { p.words role="status" { (capital(words)) } }
            @if let Some(text) = &hold.text { p.words { "The file says: " q { (text) } } }
            @if let (Some(left), true) = (hold.nozzle_off_s, hold.nozzle_off_s == hold.bed_off_s) {
                p.words { "Nozzle and bed go off in " (minutes(left)) " min" }
            }
            @else if let Some(left) = hold.nozzle_off_s { p.words { "The nozzle goes off in " (minutes(left)) " min" } }
            @else if let Some(left) = hold.bed_off_s { p.words { "The bed goes off in " (minutes(left)) " min" } }
        }
        @if let Some(prompt) = &printer.prompt {
            div.prompt {
                p { strong { "The printer asks: " } q { (prompt.asked) } }
                @if prompt.buttons.is_empty() { p { "Only its panel can answer: press the button at the printer" } }
                @for (place, label) in prompt.buttons.iter().enumerate() {
                    (named_form("/do/answer", &format!("answer-{name}-{place}"),
                        &[("printer", name), ("button", &place.to_string()), ("asked", &prompt.asked)], label, signs))
                }
            }
        }
    }
}

/// One command for a printer whose console is open.
fn console(printer: &PrinterView, signs: bool) -> Markup {
    let name = &printer.name;
    html! {
        @if matches!(printer.console.as_str(), "read" | "service") && printer.state != "offline" {
            details.more id=(format!("console-{name}")) {
                summary { "Console (" (printer.console) ")" }
                form.named[signs] method="post" action="/do/console" {
                    input type="hidden" name="printer" value=(name);
                    label { "Command " input name="command" required maxlength="80" placeholder="M503"; }
                    (signature(&format!("by-console-{name}"), signs))
                    button id=(format!("send-{name}")) { "Send" }
                }
            }
        }
    }
}

fn bar(progress: &ProgressView, of: &str) -> Markup {
    html! {
        div.progress {
            progress max="100" value=(format!("{:.1}", progress.percent)) aria-label=(format!("Progress of {of}")) {}
            span { (format!("{:.1} %", progress.percent)) }
            small { (grouped(progress.confirmed)) " of " (grouped(progress.total)) " commands confirmed" }
        }
    }
}

fn reading(what: &str, reading: Option<ReadingView>) -> Markup {
    html! {
        @if let Some(reading) = reading {
            div {
                dt { (what) }
                dd {
                    (format!("{:.1}", reading.actual))
                    @match reading.target {
                        Some(0.0) => small { " °C, off" },
                        Some(target) => small { (format!(" of {target:.0} °C")) },
                        None => small { " °C" },
                    }
                }
            }
        }
    }
}

/// A button that somebody answers for by name.
fn named_form(action: &str, id: &str, hidden: &[(&str, &str)], label: &str, signs: bool) -> Markup {
    html! {
        form.named[signs] method="post" action=(action) {
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
            (signature(&format!("by-{id}"), signs))
            button id=(id) { (label) }
        }
    }
}

/// Where a name is typed.
fn signature(id: &str, signs: bool) -> Markup {
    html! {
        @if signs {
            label { "Name " input name="by" id=(id) required maxlength="40" autocomplete="name"; }
        }
    }
}

fn job_forms(job: &JobView, signs: bool) -> Markup {
    let id = &job.id;
    let form = |what: &str, label: &str| {
        named_form("/do/job", &format!("{what}-{id}"), &[("job", id), ("change", what)], label, signs)
    };
    let accepts = job
        .waiting
        .as_ref()
        .is_some_and(|waiting| waiting.printers.iter().any(|on| !on.acceptable.is_empty()));
    let waits_for_somebody =
        job.waiting.as_ref().is_some_and(|waiting| waiting.printers.iter().any(|on| on.person));
    html! {
        @match job.state.as_str() {
            "printing" => details.more id=(format!("more-{id}")) {
                summary { "Pause or cancel" }
                (form("pause", "Pause")) (form("cancel", "Cancel the job"))
            },
            "paused" => details.more open id=(format!("more-{id}")) {
                summary { "Resume or cancel" }
                (form("resume", "Resume")) (form("cancel", "Cancel the job"))
            },
            "queued" | "slicing" => details.more id=(format!("more-{id}")) {
                summary {
                    @if waits_for_somebody { "Begin or cancel" } @else if accepts { "Accept or cancel" } @else { "Cancel" }
                }
                @for on in job.waiting.iter().flat_map(|waiting| &waiting.printers).filter(|on| !on.acceptable.is_empty()) {
                    (named_form(
                        "/do/job",
                        &format!("accept-{id}-{}", on.printer),
                        &[("job", id), ("change", "accept"), ("codes", &on.acceptable.join(" "))],
                        &format!("Accept {}: I have looked", on.acceptable.join(", ")),
                        signs,
                    ))
                }
                @for on in job.waiting.iter().flat_map(|waiting| &waiting.printers).filter(|on| on.person) {
                    (named_form(
                        "/do/job",
                        &format!("start-{id}-{}", on.printer),
                        &[("job", id), ("change", "start"), ("printer", &on.printer)],
                        &format!("Begin it on {}: I am there", on.printer),
                        signs,
                    ))
                }
                (form("cancel", "Cancel the job"))
            },
            _ => {},
        }
    }
}

fn jobs(app: &AppState, shown: &Shown, signs: bool) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr {
                    th scope="col" { "Case and part" }
                    th scope="col" { "Picture" }
                    th scope="col" { "State" }
                    th scope="col" { "Printer" }
                    th scope="col" { "Queued" }
                    th scope="col" { "Job" }
                } }
                tbody {
                    @for job in shown.running.iter().chain(&shown.queued).chain(&shown.ended) {
                        tr data-state=(job.state) {
                            th scope="row" {
                                code { (job.case) } " · " (job.part.number) " " (job.part.name)
                                @if !job.build.is_empty() { small { " " (job.build.len()) " pieces" } }
                                @if let Some(material) = &job.material { small { " " (material) } }
                            }
                            td { (look::listed(app, job)) }
                            td {
                                span.state { (job.state) }
                                @if let Some(done) = &job.unrecorded {
                                    small { " (" (done) ", not yet in the journal)" }
                                } @else if let Some(slicing) = &job.slicing {
                                    small { (format!(" {} % ", slicing.percent)) (slicing.in_words()) " (" (slicing.process) ")" }
                                } @else if let Some(progress) = job.progress.filter(|_| job.state != "printed") {
                                    small { (format!(" {:.1} %", progress.percent)) }
                                }
                                @if let Some(why) = job.why.as_ref().or(job.paused.as_ref()) { div.why { (why) } }
                                @if let Some(why) = &job.out_of_reach { div.why { (capital(why)) } }
                                (waiting(job))
                                (found(job))
                            }
                            td.name {
                                @match (&job.printer, &job.pinned) {
                                    (Some(printer), _) => (printer),
                                    (None, Some(pinned)) => { "only " (pinned) },
                                    (None, None) => "any",
                                }
                            }
                            td { (when(&job.queued)) }
                            td {
                                code { (job.id) }
                                @if matches!(job.state.as_str(), "queued" | "slicing") { (job_forms(job, signs)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was found in its file, and accepted.
fn found(job: &JobView) -> Markup {
    html! {
        @if let Some(gate) = &job.gate {
            ul.why {
                @for noted in &gate.findings {
                    li {
                        (noted.severity) " " code { (noted.code) }
                        @if let Some(line) = noted.line { " in line " (line) }
                        @if let (true, Some(by)) = (gate.accepted.contains(&noted.code), &gate.by) { ", accepted by " (by) }
                    }
                }
                @if gate.more > 0 { li { (gate.more) " more" } }
            }
        }
    }
}

fn waiting(job: &JobView) -> Markup {
    html! {
        @if let Some(waiting) = &job.waiting {
            ul.why {
                @for on in &waiting.printers { li { (on.printer) ": " (on.why) } }
            }
        }
    }
}

fn cases(shown: &Shown) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr {
                    th scope="col" { "Case" }
                    th scope="col" { "For" }
                    th scope="col" { "Parts" }
                    th scope="col" { "Jobs" }
                    th scope="col" { "Opened" }
                } }
                tbody {
                    @for (case, parts) in &shown.cases {
                        tr {
                            th scope="row" { code { (case.token) } }
                            td { (case.intended_use) }
                            td {
                                @for (index, part) in parts.iter().enumerate() {
                                    @if index > 0 { ", " }
                                    (part.number) " " (part.name)
                                }
                            }
                            td { (case.jobs) }
                            td { (when(&case.opened)) }
                        }
                    }
                }
            }
        }
        @if shown.more_cases > 0 { p.empty { (shown.more_cases) " older cases: " code { "platen cases" } } }
    }
}

/// An RFC 3339 time; the script turns it into local time.
fn when(stamp: &str) -> Markup {
    let day = stamp.get(..10).unwrap_or(stamp);
    let minute = stamp.get(11..16).unwrap_or_default();
    html! { time datetime=(stamp) { (day) " " (minute) " UTC" } }
}

/// 131004 as `131 004`, with thin spaces.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(131_004), "131\u{202f}004");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
