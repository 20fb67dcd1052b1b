//! The printer's board: by what it is known again, and how the line to it does.

use maud::{Markup, html};

use super::{Shown, farm, kit, prints_alone};
use crate::api::shapes::{IdentityView, LineView};
use crate::api::ui::pieces::Inner;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, printer as words};
use crate::domain::people::roles::Permission;

pub(super) fn identity(viewer: &Viewer, shown: &Shown) -> Markup {
    let printer = &shown.printer;
    let is_known = printer.quarantine.is_none() && printer.identity.is_some();
    html! {
        section.card.stack id="board" aria-labelledby="board-head" {
            (kit::heading("board-head", viewer, words::BOARD, ""))
            @if let Some(firmware) = &printer.firmware { p { (viewer.say(words::FIRMWARE)) ": " (firmware) } }
            @match &printer.identity {
                Some(known) => (known_by(viewer, known)),
                None => p.quiet { (viewer.say(not_known(viewer, shown))) },
            }
            @if is_known && viewer.may(Permission::Identify) {
                details id="identify-again" {
                    summary { (viewer.say(words::OTHER_BOARD)) }
                    p.quiet { (viewer.say(words::OTHER_BOARD_IS)) }
                    (farm::simple(viewer, "/do/identify", &format!("identify-{}", printer.name),
                        &[("printer", &printer.name)], viewer.say(words::KNOW_ANEW)))
                }
            }
        }
    }
}

/// Why nothing is noted by which its board would be known again.
fn not_known(viewer: &Viewer, shown: &Shown) -> Text {
    let printer = &shown.printer;
    let is_away = matches!(printer.state.as_str(), "offline" | "connecting" | "stopped" | "faulted");
    // The protocol of such a board has nothing that tells one from another, so none is ever learned.
    match (prints_alone(viewer, &shown.name), &printer.firmware) {
        (true, Some(_)) => words::TELLS_FIRMWARE_ONLY,
        (true, None) if is_away => words::TELLS_NO_BOARD_YET,
        (true, None) => words::TELLS_NOTHING,
        (false, None) if is_away => words::NOT_KNOWN_YET,
        (false, _) => words::NOT_LEARNED,
    }
}

fn known_by(viewer: &Viewer, known: &IdentityView) -> Markup {
    let facts = [
        (words::MACHINE, &known.machine_type, None),
        (words::UUID, &known.uuid, Some("long")),
        (words::USB, &known.usb, Some("long")),
        (words::USB_SERIAL, &known.usb_serial, Some("long")),
        (words::USB_SOCKET, &known.usb_socket, Some("long")),
        (words::FIRMWARE_THEN, &known.firmware, None),
    ];
    html! {
        p { (viewer.told(&known.known_by)) }
        @if known.weak { p.note data-state="wants" { (viewer.say(words::WEAK)) } }
        dl.facts.known {
            @for (what, value, class) in facts {
                @if let Some(value) = value { dt { (viewer.say(what)) } dd class=[class] { (value) } }
            }
            dt { (viewer.say(words::KNOWN_SINCE)) }
            dd { (viewer.when(&known.at)) @if let Some(by) = &known.by { ", " (by) } }
        }
    }
}

/// How the line does: in words always, in numbers behind a fold.
pub(super) fn line(viewer: &Viewer, shown: &Shown, inner: &Inner) -> Markup {
    let printer = &shown.printer;
    html! {
        section.card.stack id="wire" aria-labelledby="wire-head" {
            (kit::heading("wire-head", viewer, words::LINE, ""))
            (inner.put(format!("line-{}", printer.name), farm::line(viewer, printer)))
            details id="wire-more" {
                summary { (viewer.say(words::LINE_NUMBERS)) }
                (inner.put("wire-facts", facts(viewer, &printer.line)))
                (inner.put("wire-bars", bars(viewer, &printer.line)))
            }
        }
    }
}

fn facts(viewer: &Viewer, line: &LineView) -> Markup {
    let count = |number| viewer.grouped(number);
    let rate = viewer.fill(
        words::RATE,
        &[
            ("lines", &viewer.number(line.lines_per_s, 0)),
            ("bytes", &viewer.number(line.bytes_per_s, 0)),
            ("used", &viewer.number(line.used * 100.0, 0)),
        ],
    );
    let starved = line.starved_ms.map_or_else(
        || viewer.say(words::STARVED_UNKNOWN).to_owned(),
        |ms| viewer.fill(words::STARVED_FOR, &[("s", &viewer.number(ms as f64 / 1_000.0, 1))]),
    );
    let all = [
        (words::LINES_SENT, count(line.lines_sent)),
        (words::RATE_NOW, rate),
        (words::RESENDS, count(line.resends)),
        (words::RESENDS_DAMAGED, count(line.resends_damaged)),
        (words::RESENDS_NUMBER, count(line.resends_number)),
        (words::RESENDS_UNEXPLAINED, count(line.resends_unexplained)),
        (words::PROBES, count(line.probes)),
        (words::STRAY_OKS, count(line.stray_oks)),
        (words::OKS_MISSING, count(line.oks_missing)),
        (words::STRAYS, count(line.strays)),
        (words::STARVED, starved),
    ];
    html! {
        dl.facts id="wire-facts" { @for (what, value) in all { dt { (viewer.say(what)) } dd { (value) } } }
    }
}

/// Within how many milliseconds almost all lines were answered; nothing where that is beyond the last bound.
fn almost_all_within(line: &LineView) -> Option<u64> {
    let total: u64 = line.ok_latency.iter().sum();
    let mut seen = 0;
    line.ok_latency.iter().zip(&line.ok_latency_bounds_ms).find_map(|(count, bound)| {
        seen += count;
        (total > 0 && seen * 20 >= total * 19).then_some(*bound)
    })
}

/// Of a hundred lines, how many in each bucket: whole numbers, which rarely change.
fn shares(line: &LineView) -> Vec<u64> {
    let total: u64 = line.ok_latency.iter().sum();
    let share = |count: &u64| if total == 0 { 0 } else { (count * 100).div_ceil(total).min(100) };
    line.ok_latency.iter().map(share).collect()
}

const BAR: usize = 40;
const HEIGHT: u64 = 100;

/// How long answers took, as bars.
fn bars(viewer: &Viewer, line: &LineView) -> Markup {
    let shares = shares(line);
    let bounds = &line.ok_latency_bounds_ms;
    let said = match almost_all_within(line) {
        Some(bound) => viewer.fill(words::LATENCY_WITHIN, &[("n", &bound)]),
        None if shares.iter().all(|share| *share == 0) => viewer.say(words::LATENCY_NONE).to_owned(),
        None => viewer.say(words::LATENCY_LONG).to_owned(),
    };
    html! {
        figure.chart-of id="wire-bars" {
            svg.chart.chart-bars viewBox=(format!("0 0 {} 130", BAR * shares.len())) role="img" {
                title { (viewer.say(words::LATENCY)) }
                desc { (said) }
                @for (place, share) in shares.iter().enumerate() {
                    rect.bar-mark x=(place * BAR + 3) y=(HEIGHT - share) width=(BAR - 6) height=(share) {}
                    text.chart-text x=(place * BAR + BAR / 2) y="120" text-anchor="middle" font-size="12"
                        fill="currentColor" {
                        @match bounds.get(place) { Some(bound) => (bound), None => "∞" }
                    }
                }
            }
            figcaption { (viewer.say(words::LATENCY)) ": " (said) }
            // Who cannot see it reads the numbers.
            table.unseen {
                caption { (viewer.say(words::LATENCY)) }
                @for (place, share) in shares.iter().enumerate() {
                    tr {
                        th scope="row" {
                            @match (bounds.get(place), bounds.last()) {
                                (Some(bound), _) => { "≤ " (bound) " ms" }
                                (None, Some(bound)) => { "> " (bound) " ms" }
                                (None, None) => {}
                            }
                        }
                        td { (share) " %" }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shapes::LineView;

    fn of(counts: &[u64]) -> LineView {
        let view = serde_json::json!({
            "lines_sent": 0, "bytes_sent": 0, "resends": 0, "probes": 0, "stray_oks": 0, "starved_ms": null,
            "trouble": null, "ok_latency_bounds_ms": [1, 2, 5], "ok_latency": counts,
        });
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn what_almost_all_lines_took_is_told_by_the_bound_that_holds_them() {
        assert_eq!(almost_all_within(&of(&[90, 6, 0, 4])), Some(2));
        assert_eq!(almost_all_within(&of(&[50, 0, 0, 50])), None);
        assert_eq!(almost_all_within(&of(&[0, 0, 0, 0])), None);
        assert_eq!(shares(&of(&[999, 0, 1, 0])), [100, 0, 1, 0]);
    }
}
