//! A report as a page that prints well: a head on every sheet of paper, tables that break between rows, photos in the
//! page itself, no script, and nothing that is loaded from elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::case::short;
use super::photos::{Photo, Photos};
use super::sheet::{Content, Section, Shot, Table};
use super::{Report, Sealed};
use crate::counting::spc::{Chart, Limits, Verdict};

/// The style sheet, which stands in the page itself: a saved page looks the same.
pub const STYLE: &str = include_str!("report.css");

/// What a browser may do with a page: use its own style sheet, show the photos in it, and nothing else.
pub fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

pub(super) fn page(sealed: &Sealed, photos: &Photos) -> Markup {
    let report = &sealed.report;
    let title = report.report.title();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (report.parameters.in_words()) " · platen" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                // The head of a table is the one thing that every browser prints on every sheet.
                table.sheet {
                    thead { tr { td { (running_head(report, sealed.hash.as_str())) } } }
                    tbody { tr { td { main { (title_block(report)) @for section in report.sections() { (shown(&section, photos)) } } } } }
                }
            }
        }
    }
}

fn running_head(report: &Report, hash: &str) -> Markup {
    let cut = &report.data_cut;
    html! {
        div.running {
            p { strong { "platen · " (report.report.title()) } " · " (report.site.as_str()) " · " (report.parameters.in_words()) }
            p.small {
                "as of entry " (cut.entry) " of the journal, " (short(&cut.at)) " UTC · version " (report.version)
                " · SHA-256 " code { (hash) }
            }
            @if report.needs_coder_review {
                p.review { "Needs coder review: proposed units, not billing advice." }
            }
        }
    }
}

fn title_block(report: &Report) -> Markup {
    html! {
        h1 { (report.report.title()) }
        p.asked { (report.parameters.in_words()) }
        @for note in &report.notes { p.note { (note) } }
    }
}

fn shown(section: &Section, photos: &Photos) -> Markup {
    html! {
        section {
            h2 { (section.title) }
            @if let Some(note) = &section.note { p.note { (note) } }
            @match &section.content {
                Content::Pairs(pairs) => {
                    table.pairs { tbody { @for (key, value) in pairs { tr { th scope="row" { (key) } td { (value) } } } } }
                }
                Content::Table(table) => (rows(table)),
                Content::Lines(lines) => ul { @for line in lines { li { (line) } } },
                Content::Chart(chart) => (drawn(chart)),
                Content::Photos(shots) => div.photos { @for shot in shots { (shot_of(shot, photos)) } },
            }
        }
    }
}

fn shot_of(shot: &Shot, photos: &Photos) -> Markup {
    html! {
        figure {
            @match photos.get(&shot.photo) {
                Some(Photo::Here { kind, bytes }) => {
                    img alt=(shot.of) src=(format!("data:{};base64,{}", kind.media_type(), STANDARD.encode(bytes)));
                }
                Some(Photo::TooMuch) => p.none { "not on this page, which is full of photos: look at it by its hash" },
                None => p.none { "missing: it is not stored here, or not as it was; upload it again" },
            }
            figcaption { (shot.of) " · SHA-256 " code { (shot.photo) } }
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn rows(table: &Table) -> Markup {
    html! {
        @if table.rows.is_empty() {
            p.none { "none" }
        } @else {
            table.rows {
                thead { tr { @for cell in &table.head { th scope="col" { (cell) } } } }
                tbody {
                    @for row in &table.rows {
                        tr { @for cell in row { @if is_hash(cell) { td { code { (cell) } } } @else { td { (cell) } } } }
                    }
                }
            }
        }
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 60.0;
const MARGIN: f64 = 16.0;

/// Points in the order of time, with their mean and limits, in micrometres.
fn drawn(chart: &Chart) -> Markup {
    let limits: Option<&Limits> = match &chart.verdict {
        Verdict::Judged { limits, .. } => Some(limits),
        Verdict::TooFew { .. } | Verdict::NoSpread { .. } => None,
    };
    let signals: Vec<(usize, usize)> = match &chart.verdict {
        Verdict::Judged { signals, .. } => signals.iter().map(|signal| (signal.first, signal.last)).collect(),
        _ => Vec::new(),
    };
    let lines: Vec<(f64, &str)> = limits
        .into_iter()
        .flat_map(|limits| {
            [(limits.upper, "upper limit"), (limits.mean, "mean"), (limits.lower, "lower limit")]
        })
        .chain([(0.0, "nominal")])
        .collect();
    let values =
        chart.points.iter().map(|(_, value)| f64::from(*value)).chain(lines.iter().map(|(at, _)| *at));
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    let span = (high - low).max(1.0);
    let y = |value: f64| MARGIN + (high - value) / span * (HEIGHT - 2.0 * MARGIN);
    let step = (WIDTH - LEFT - 110.0) / (chart.points.len().saturating_sub(1).max(1)) as f64;
    let x = |place: usize| LEFT + place as f64 * step;
    let path: Vec<String> = chart
        .points
        .iter()
        .enumerate()
        .map(|(place, (_, value))| format!("{:.1},{:.1}", x(place), y(f64::from(*value))))
        .collect();
    html! {
        figure {
            svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label="Control chart" {
                @for (at, name) in &lines {
                    line class=(name.split(' ').next_back().unwrap_or_default()) x1=(LEFT) x2=(WIDTH - 100.0) y1=(format!("{:.1}", y(*at))) y2=(format!("{:.1}", y(*at))) {}
                    text x=(WIDTH - 96.0) y=(format!("{:.1}", y(*at) + 3.0)) { (name) }
                    text.number x=(LEFT - 6.0) y=(format!("{:.1}", y(*at) + 3.0)) { (format!("{at:.0}")) }
                }
                polyline points=(path.join(" ")) {}
                @for (place, (_, value)) in chart.points.iter().enumerate() {
                    @let odd = signals.iter().any(|(first, last)| (*first..=*last).contains(&place));
                    circle.odd[odd] cx=(format!("{:.1}", x(place))) cy=(format!("{:.1}", y(f64::from(*value)))) r="3" {}
                }
            }
            figcaption {
                (chart.points.len()) " points in µm, " (chart.missing) " not measured"
                @if let Some(all) = &chart.all { "; mean " (format!("{:.1}", all.mean)) @if let Some(sd) = all.sd { ", SD " (format!("{sd:.1}")) } }
                @if let Some(largest) = chart.largest { "; largest " (largest) }
            }
        }
    }
}
