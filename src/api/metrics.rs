//! `/metrics` in the text format of Prometheus: every printer's line, state and heat, as the live board has them.
//!
//! One row of `PRINTER` is one metric. A printer that is offline has its state and nothing else: its other series
//! end, since a zero would be a reading. No case and no job is named here; the label is the printer's name.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use std::borrow::Cow;
use std::fmt::Write;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::Open;
use crate::domain::moment::Moment;
use crate::domain::printer::{Activity, LATENCY_BOUNDS_MS, LineHealth, Reading, Snapshot};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics))
}

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One printer's numbers: its snapshot, and the time.
struct Seen<'a> {
    snapshot: &'a Snapshot,
    now: Moment,
}

/// One line of a metric.
struct Sample {
    /// What follows the metric's name: empty, or a histogram's `_bucket`, `_sum`, `_count`.
    suffix: &'static str,
    /// What tells it from the metric's other lines of this printer, `le` of a bucket for one.
    label: Option<(&'static str, Cow<'static, str>)>,
    value: f64,
}

struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// No sample where there is nothing to tell.
    samples: fn(&Seen<'_>) -> Vec<Sample>,
}

fn one(value: f64) -> Vec<Sample> {
    vec![Sample { suffix: "", label: None, value }]
}

fn labelled(key: &'static str, word: &'static str, value: f64) -> Sample {
    Sample { suffix: "", label: Some((key, word.into())), value }
}

/// Counters beyond 2^53 would lose their last digits, after some centuries.
fn count(value: u64) -> Vec<Sample> {
    one(value as f64)
}

const fn counter(name: &'static str, help: &'static str, samples: fn(&Seen<'_>) -> Vec<Sample>) -> Metric {
    Metric { name, kind: "counter", help, samples }
}

const fn gauge(name: &'static str, help: &'static str, samples: fn(&Seen<'_>) -> Vec<Sample>) -> Metric {
    Metric { name, kind: "gauge", help, samples }
}

/// All states, so that a query may sum over them.
fn states(snapshot: &Snapshot) -> Vec<Sample> {
    let word = snapshot.activity.word();
    let all = Activity::WORDS.iter();
    all.map(|state| labelled("state", state, f64::from(u8::from(*state == word)))).collect()
}

/// The histogram of Prometheus counts upwards: each bucket holds those below it, too.
fn latencies(line: &LineHealth) -> Vec<Sample> {
    let mut below = 0;
    let mut samples: Vec<Sample> = line
        .ok_latency
        .iter()
        .zip(LATENCY_BOUNDS_MS.iter().map(Some).chain([None]))
        .map(|(count, bound)| {
            below += count;
            let le = bound.map_or_else(|| "+Inf".into(), |millis| (*millis as f64 / 1e3).to_string());
            Sample { suffix: "_bucket", label: Some(("le", le.into())), value: below as f64 }
        })
        .collect();
    samples.push(Sample { suffix: "_sum", label: None, value: line.ok_latency_sum_ms as f64 / 1e3 });
    samples.push(Sample { suffix: "_count", label: None, value: below as f64 });
    samples
}

fn heat(snapshot: &Snapshot, value: fn(&Reading) -> Option<f64>) -> Vec<Sample> {
    let heat = &snapshot.temperatures;
    [("hotend", heat.hotend), ("bed", heat.bed), ("chamber", heat.chamber)]
        .into_iter()
        .filter_map(|(heater, reading)| Some(labelled("heater", heater, value(&reading?)?)))
        .collect()
}

/// What each printer is told with. Counters begin anew when its port is opened.
const PRINTER: &[Metric] = &[
    counter(
        "platen_line_lines_total",
        "Numbered lines sent to the printer, repeated ones included.",
        |seen| count(seen.snapshot.line.lines_sent),
    ),
    counter("platen_line_bytes_total", "Bytes sent to the printer.", |seen| {
        count(seen.snapshot.line.bytes_sent)
    }),
    counter("platen_line_resends_total", "Times that the firmware wanted a line again, by cause.", |seen| {
        let line = &seen.snapshot.line;
        vec![
            labelled("cause", "damaged", line.resends_damaged as f64),
            labelled("cause", "number", line.resends_number as f64),
            labelled("cause", "unexplained", line.resends_unexplained as f64),
        ]
    }),
    counter("platen_line_oks_missing_total", "Lines that were done without an acknowledgement.", |seen| {
        count(seen.snapshot.line.oks_missing)
    }),
    counter(
        "platen_line_strays_total",
        "Commands that the firmware seems to have run out of place, or has left out.",
        |seen| count(seen.snapshot.line.strays),
    ),
    counter(
        "platen_planner_starved_seconds_total",
        "Time in which the planner held no move but the one just taken in; where the firmware tells of it.",
        |seen| {
            let line = &seen.snapshot.line;
            if line.planner_told { one(line.starved_us as f64 / 1e6) } else { Vec::new() }
        },
    ),
    Metric {
        name: "platen_line_ok_latency_seconds",
        kind: "histogram",
        help: "From a line's sending to its acknowledgement.",
        samples: |seen| latencies(&seen.snapshot.line),
    },
    gauge("platen_line_limit_bytes_per_second", "What the line can carry.", |seen| {
        count(seen.snapshot.line.limit_bytes_per_s)
    }),
    gauge("platen_line_used_ratio", "Bytes of the last seconds against what the line can carry.", |seen| {
        one(seen.snapshot.rate.used)
    }),
    gauge("platen_line_lines_per_second", "Lines of the last seconds.", |seen| {
        one(seen.snapshot.rate.lines_per_s)
    }),
    gauge("platen_line_trouble", "1 for what the latest errors of the line mean.", |seen| {
        let trouble = seen.snapshot.line.trouble;
        trouble.map_or_else(Vec::new, |trouble| vec![labelled("trouble", trouble.word(), 1.0)])
    }),
    counter(
        "platen_line_questions_total",
        "Times that the firmware was asked where it is, after silence.",
        |seen| count(seen.snapshot.line.probes),
    ),
    counter("platen_line_stray_oks_total", "Acknowledgements that answered nothing that was sent.", |seen| {
        count(seen.snapshot.line.stray_oks)
    }),
    gauge("platen_temperature_celsius", "Last temperature that the firmware reported.", |seen| {
        heat(seen.snapshot, |reading| Some(reading.actual.0))
    }),
    gauge("platen_temperature_target_celsius", "What the heater is to reach; 0 is off.", |seen| {
        heat(seen.snapshot, |reading| Some(reading.target?.0))
    }),
    gauge("platen_temperature_age_seconds", "Since the last report of temperatures.", |seen| {
        seen.snapshot.temperatures.at.map_or_else(Vec::new, |at| one((seen.now - at).as_secs_f64()))
    }),
    gauge("platen_job_progress_ratio", "Confirmed commands of the running job, of all of them.", |seen| {
        seen.snapshot.activity.progress().map_or_else(Vec::new, |progress| one(progress.percent() / 100.0))
    }),
    gauge("platen_snapshot_age_seconds", "Since the printer's task last told of it.", |seen| {
        one((seen.now - seen.snapshot.at).as_secs_f64())
    }),
];

/// What is told of an offline printer, too.
const STATE: Metric =
    gauge("platen_printer_state", "1 for the state that the printer is in, 0 for the others.", |seen| {
        states(seen.snapshot)
    });

/// A label's value, between quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn write_metric<'a>(out: &mut String, metric: &Metric, printers: impl Iterator<Item = &'a Seen<'a>>) {
    let Metric { name, kind, help, samples } = metric;
    let mut headed = false;
    for seen in printers {
        for Sample { suffix, label, value } in samples(seen) {
            // Writing to a String cannot fail.
            if !headed {
                let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
                headed = true;
            }
            let printer = escaped(seen.snapshot.printer.as_str());
            let label =
                label.map_or_else(String::new, |(key, value)| format!(",{key}=\"{}\"", escaped(&value)));
            let _ = writeln!(out, "{name}{suffix}{{printer=\"{printer}\"{label}}} {value}");
        }
    }
}

/// The whole page.
fn page(snapshots: &[impl AsRef<Snapshot>], now: Moment) -> String {
    let seen: Vec<_> = snapshots.iter().map(|snapshot| Seen { snapshot: snapshot.as_ref(), now }).collect();
    let mut out = String::with_capacity(2048 * (snapshots.len() + 1));
    let build = ("platen_build_info", "Which platen this is.", env!("CARGO_PKG_VERSION"));
    let (name, help, version) = build;
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{{version=\"{version}\"}} 1\n");
    let (name, help) = ("platen_uptime_seconds", "Since the daemon started.");
    let uptime = now.since(Moment::ZERO).as_secs_f64();
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {uptime}\n");
    write_metric(&mut out, &STATE, seen.iter());
    let online = |seen: &&Seen<'_>| !matches!(seen.snapshot.activity, Activity::Offline { .. });
    for metric in PRINTER {
        write_metric(&mut out, metric, seen.iter().filter(online));
    }
    out
}

/// The live board for Prometheus. Counters begin anew when a port is opened; offline printers have only a state.
#[utoipa::path(get, path = "/metrics", tag = "state", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Text format 0.0.4"), Open))]
async fn metrics(State(app): State<AppState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, KIND)], page(&app.fleet.board().snapshots(), app.clock.now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_state_that_a_printer_can_be_in_has_its_series() {
        let job = || crate::domain::ids::JobId::from_entropy([0; 16]);
        let progress = crate::domain::job::Progress::default();
        let all = [
            Activity::Offline { reason: String::new().into() },
            Activity::Connecting,
            Activity::Quarantined { reason: String::new() },
            Activity::Ready,
            Activity::Printing { job: job(), progress },
            Activity::Paused { job: job(), progress, draining: false },
            Activity::Finishing { job: job(), progress },
            Activity::Cancelling { job: job() },
            Activity::Stopped,
            Activity::Faulted { fault: crate::domain::printer::Fault::Killed },
        ];
        assert_eq!(all.map(|activity| activity.word()), Activity::WORDS);
    }

    #[test]
    fn a_label_keeps_its_quotes() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn names_follow_the_conventions_and_are_told_once() {
        let mut seen = BTreeMap::new();
        for metric in PRINTER.iter().chain([&STATE]) {
            assert!(seen.insert(metric.name, ()).is_none(), "{}", metric.name);
            assert!(metric.name.starts_with("platen_"), "{}", metric.name);
            assert_eq!(metric.kind == "counter", metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']), "{}", metric.help);
        }
    }
}
