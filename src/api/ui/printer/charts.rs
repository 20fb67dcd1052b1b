//! How hot a printer was, and how its job came along: charts, which say the same in words.
//!
//! A page is made each second, and a chart is large: its time moves in steps, so that it is sent once a step.

use maud::{Markup, PreEscaped, html};

use super::farm::Heater;
use super::{Shown, farm, kit};
use crate::api::history;
use crate::api::quality::shapes::ChartView;
use crate::api::ui::pieces::Inner;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{farm as farm_words, printer as words};
use crate::domain::moment::WallTime;
use crate::preview::chart::{self, Kind, Labels, Limits, Point, Series, Size, Window};

/// How far a chart's time moves at once, and how old the newest second in it is at least.
const STEP_MS: u64 = 5_000;
const SETTLED_MS: u64 = 2_000;
const MINUTE_MS: u64 = 60_000;
const WIDE: Size = Size { width: 760, height: 280 };
const LOW: Size = Size { width: 760, height: 210 };
/// The last so many minutes, as one may choose.
const CHOICES: [u64; 3] = [5, 15, 30];

/// As the address asks for it.
pub(super) fn minutes(asked: Option<&str>) -> u64 {
    let asked = asked.and_then(|asked| asked.parse().ok());
    asked.filter(|minutes| CHOICES.contains(minutes)).unwrap_or(CHOICES[1])
}

/// Where a chart ends that is drawn now.
fn cut(now: WallTime) -> u64 {
    let settled = now.0.saturating_sub(SETTLED_MS);
    settled - settled % STEP_MS
}

/// The last so many minutes, without what goes before the next step.
fn window(now: WallTime, minutes: u64) -> Window {
    let to = cut(now);
    Window { from: to.saturating_sub(minutes * MINUTE_MS) + SETTLED_MS + STEP_MS, to }
}

pub(super) fn heat(viewer: &Viewer, shown: &Shown, minutes: u64, inner: &Inner) -> Markup {
    let name = &shown.printer.name;
    html! {
        section.card.stack id="warmth" aria-labelledby="warmth-head" {
            (kit::heading("warmth-head", viewer, words::HEAT, ""))
            (inner.put(format!("heat-{name}"), farm::heat(viewer, &shown.printer)))
            (inner.put("warmth-chart", temperatures(viewer, shown, minutes)))
            nav.buttons aria-label=(viewer.say(words::SPANS)) {
                @for one in CHOICES {
                    a.button href=(format!("/printers/{name}?minutes={one}"))
                        aria-current=[(one == minutes).then_some("true")] {
                        (viewer.fill(words::LAST_MINUTES, &[("n", &one)]))
                    }
                }
            }
        }
    }
}

fn heater(kind: Kind) -> Heater {
    match kind {
        Kind::Hotend | Kind::HotendTarget => Heater::Hotend,
        Kind::Bed | Kind::BedTarget => Heater::Bed,
        Kind::Chamber | Kind::ChamberTarget => Heater::Chamber,
    }
}

/// Absent where the printer has no such thing.
fn called(viewer: &Viewer, shown: &Shown, kind: Kind) -> Option<&'static str> {
    let name = farm::heater(viewer, &shown.printer, heater(kind))?;
    // The dash says it.
    Some(if kind.is_target() { "" } else { viewer.say(name) })
}

fn temperatures(viewer: &Viewer, shown: &Shown, minutes: u64) -> Markup {
    let window = window(viewer.now(), minutes);
    let within = |point: &Point| (window.from..=window.to).contains(&point.at);
    let lines = history::lines(&viewer.app, &shown.name, minutes).lines.into_iter();
    let lines: Vec<(Kind, Vec<Point>)> =
        lines.map(|(kind, points)| (kind, points.into_iter().filter(within).collect())).collect();
    let series = lines.iter().filter_map(|(kind, points)| {
        Some(Series { kind: *kind, name: called(viewer, shown, *kind)?, points })
    });
    let series: Vec<Series<'_>> = series.collect();
    let said = lines.iter().filter(|(kind, _)| !kind.is_target()).filter_map(|(kind, points)| {
        let range = chart::range(points)?;
        Some(viewer.fill(
            words::HEAT_WAS,
            &[
                ("what", &called(viewer, shown, *kind)?),
                ("low", &viewer.number(range.lowest, 0)),
                ("high", &viewer.number(range.highest, 0)),
                ("last", &viewer.number(range.latest, 0)),
            ],
        ))
    });
    let said: Vec<String> = said.collect();
    let said = said.join(" ");
    let svg = chart::temperatures(
        &series,
        window,
        WIDE,
        &Labels {
            title: &viewer.fill(words::HEAT_OF, &[("printer", &shown.printer.name), ("n", &minutes)]),
            description: &said,
            nothing: viewer.say(words::NO_HEAT),
            x: &|at| viewer.clock(WallTime(at)),
            y: &|celsius| format!("{} °C", viewer.number(celsius, 0)),
        },
    );
    html! {
        figure.chart-of id="warmth-chart" {
            (PreEscaped(svg))
            figcaption {
                @if said.is_empty() { (viewer.say(words::NO_HEAT)) }
                @else { (said) " " (viewer.say(words::DASHED_TARGET)) }
            }
        }
    }
}

/// How the job that runs came along.
pub(super) fn course(viewer: &Viewer, shown: &Shown) -> Markup {
    let to = cut(viewer.now());
    let running = shown.job.as_ref().map(|job| job.id.as_str());
    let seen = history::course(&viewer.app, &shown.name).filter(|seen| Some(seen.job.as_str()) == running);
    let points: Vec<Point> = seen.map(|seen| seen.points).unwrap_or_default();
    let points: Vec<Point> = points.into_iter().filter(|point| point.at <= to).collect();
    // In whole minutes: what is reckoned moves a little each second.
    let end = shown.ends.map(|end| end.0 - end.0 % MINUTE_MS);
    let mut said = Vec::new();
    let latest = points.iter().rev().find_map(|point| Some((point.at, point.value?)));
    if let Some((at, percent)) = latest {
        let at = viewer.short(WallTime(at));
        said.push(viewer.fill(words::COURSE_AT, &[("percent", &viewer.number(percent, 0)), ("time", &at)]));
    }
    if let Some(end) = end.filter(|_| latest.is_some()) {
        said.push(viewer.fill(words::COURSE_END, &[("time", &viewer.short(WallTime(end)))]));
    }
    let said = said.join(" ");
    let svg = chart::progress(
        &points,
        end,
        LOW,
        &Labels {
            title: &viewer.fill(farm_words::PROGRESS_OF, &[("printer", &shown.printer.name)]),
            description: &said,
            nothing: viewer.say(words::NO_COURSE),
            x: &|at| viewer.clock(WallTime(at)),
            y: &|percent| format!("{} %", viewer.number(percent, 0)),
        },
    );
    html! {
        figure.chart-of id="course" {
            (PreEscaped(svg))
            figcaption { @if said.is_empty() { (viewer.say(words::NO_COURSE)) } @else { (said) } }
        }
    }
}

/// What its phantoms deviate, between their limits.
pub(super) fn phantoms(viewer: &Viewer, shown: &Shown, kept: &ChartView) -> Markup {
    let points = kept.points.iter().filter_map(|point| {
        let at: WallTime = point.at.parse().ok()?;
        Some(Point { at: at.0, value: Some(f64::from(point.micrometres)) })
    });
    let points: Vec<Point> = points.collect();
    let limits = Limits { centre: kept.mean, warning: None, action: kept.lower.zip(kept.upper) };
    let day = |at: u64| {
        let full = viewer.app.config.zone.date_and_clock(WallTime(at));
        viewer.day(full.split(' ').next().unwrap_or_default())
    };
    let svg = chart::control_chart(
        &points,
        limits,
        LOW,
        &Labels {
            title: &viewer.fill(words::PHANTOMS_OF, &[("printer", &shown.printer.name)]),
            description: &viewer.told(&kept.words),
            nothing: viewer.say(words::NO_PHANTOM),
            x: &day,
            y: &|micrometres| format!("{} µm", viewer.number(micrometres, 0)),
        },
    );
    html! {
        figure.chart-of {
            (PreEscaped(svg))
            figcaption {
                (viewer.told(&kept.words))
                @for signal in &kept.signals {
                    " " (viewer.fill(words::SIGNAL, &[
                        ("rule", &signal.rule),
                        ("first", &(signal.first + 1)),
                        ("last", &(signal.last + 1)),
                    ]))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_stands_still_for_five_seconds() {
        let at = |ms: u64| window(WallTime(1_000_000_000 + ms), 15);
        assert_eq!(at(2_000), at(6_999));
        assert_eq!(at(7_000).to, at(2_000).to + 5_000);
        // Nothing that is in it is older than what is kept for so many minutes.
        assert!(at(6_999).from >= 1_000_000_000 + 6_999 - 15 * MINUTE_MS);
    }

    #[test]
    fn only_the_spans_that_are_offered_are_shown() {
        assert_eq!(minutes(None), 15);
        assert_eq!(minutes(Some("30")), 30);
        assert_eq!(minutes(Some("9999999999999999999999")), 15);
        assert_eq!(minutes(Some("7")), 15);
    }
}
