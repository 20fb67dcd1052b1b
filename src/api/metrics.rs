//! `/metrics` in the text format of Prometheus: every printer's line, state and heat, and how the daemon, its journal
//! and its machine do.
//!
//! One row of `NODE`, `ALWAYS` or `PRINTER` is one metric; [docs/monitoring.md](../../docs/monitoring.md) is made from
//! them. A printer that is offline, or whose task has told nothing for a minute, has its state and little else: its
//! other series end, since a zero or an old number would be a reading. No case, no job and no person is named here;
//! the label is the printer's name.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use std::borrow::Cow;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::Open;
use crate::domain::job::JobState;
use crate::domain::lab::Lab;
use crate::domain::moment::{Moment, WallTime};
use crate::domain::printer::{
    Activity, Bed, LATENCY_BOUNDS_MS, LineHealth, PrinterRecord, Reading, Snapshot,
};
use crate::io::certificate::Certificate;
use crate::io::clock::cpu_time;
use crate::io::machine::{self, Disk, Process};
use crate::io::offload::offload;
use crate::services::monitor::{Class, Monitor};
use crate::services::telemetry::CURSOR;
use crate::services::timed::{BOUNDS, Spans};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics))
}

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A task that has told nothing for so long does not look after its printer: it tells twice a second.
const STALE: Duration = Duration::from_secs(60);
/// A disk that takes longer to say how full it is has other worries.
const PATIENCE: Duration = Duration::from_secs(2);

/// One printer's numbers: its snapshot, what is durable of it, and the time.
struct Seen {
    snapshot: Arc<Snapshot>,
    record: PrinterRecord,
    now: Moment,
}

impl Seen {
    fn age(&self) -> Duration {
        self.now.since(self.snapshot.at)
    }

    /// Whether what is known of its line and heat is of now.
    fn is_live(&self) -> bool {
        !matches!(self.snapshot.activity, Activity::Offline { .. }) && self.age() < STALE
    }
}

/// What only the machine knows. What could not be read in time is absent.
#[derive(Clone, Copy, Debug, Default)]
struct Machine {
    disk: Option<Disk>,
    journal: Option<u64>,
    certificate: Option<WallTime>,
}

/// Jobs that have not ended, and what it takes to know them.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    slicing: u64,
    queued: u64,
    printing: u64,
    paused: u64,
    entries: u64,
}

impl Waiting {
    fn of(lab: &Lab) -> Self {
        let mut waiting = Self { entries: lab.counters.seq, ..Self::default() };
        for job in lab.jobs.values() {
            match job.state {
                JobState::Slicing { .. } => waiting.slicing += 1,
                JobState::Queued => waiting.queued += 1,
                JobState::Printing { .. } => waiting.printing += 1,
                JobState::Paused { .. } => waiting.paused += 1,
                JobState::Ended { .. } => {}
            }
        }
        waiting
    }
}

/// The daemon's numbers.
struct Node {
    uptime: Duration,
    started: WallTime,
    cpu: Duration,
    waiting: Waiting,
    appends: Spans,
    append_failures: u64,
    intact: bool,
    plans: Spans,
    /// Entries that the broker has not acknowledged; absent without one.
    outbox: Option<u64>,
    floor: u64,
    process: Process,
    machine: Machine,
    monitor: Monitor,
}

/// One line of a metric.
struct Sample {
    /// What follows the metric's name: empty, or a histogram's `_bucket`, `_sum`, `_count`.
    suffix: &'static str,
    /// What tells it from the metric's other lines of this printer, `le` of a bucket for one.
    labels: Vec<(&'static str, Cow<'static, str>)>,
    value: f64,
}

struct Metric<T> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// No sample where there is nothing to tell.
    samples: fn(&T) -> Vec<Sample>,
}

/// What a metric is, for the page about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    pub help: &'static str,
    /// One for each printer.
    pub of_printer: bool,
}

/// Every metric, in the order in which they are told.
pub fn described() -> Vec<Described> {
    fn each<T>(metrics: &[Metric<T>], of_printer: bool) -> impl Iterator<Item = Described> + '_ {
        metrics.iter().map(move |&Metric { name, kind, help, .. }| Described { name, kind, help, of_printer })
    }
    each(NODE, false).chain(each(ALWAYS, true)).chain(each(PRINTER, true)).collect()
}

fn one(value: f64) -> Vec<Sample> {
    vec![Sample { suffix: "", labels: Vec::new(), value }]
}

fn labelled(key: &'static str, word: &'static str, value: f64) -> Sample {
    Sample { suffix: "", labels: vec![(key, word.into())], value }
}

/// Counters beyond 2^53 would lose their last digits, after some centuries.
fn count(value: u64) -> Vec<Sample> {
    one(value as f64)
}

fn flag(value: bool) -> Vec<Sample> {
    one(f64::from(u8::from(value)))
}

fn maybe(value: Option<u64>) -> Vec<Sample> {
    value.map_or_else(Vec::new, count)
}

const fn counter<T>(name: &'static str, help: &'static str, samples: fn(&T) -> Vec<Sample>) -> Metric<T> {
    Metric { name, kind: "counter", help, samples }
}

const fn gauge<T>(name: &'static str, help: &'static str, samples: fn(&T) -> Vec<Sample>) -> Metric<T> {
    Metric { name, kind: "gauge", help, samples }
}

const fn histogram<T>(name: &'static str, help: &'static str, samples: fn(&T) -> Vec<Sample>) -> Metric<T> {
    Metric { name, kind: "histogram", help, samples }
}

/// The histogram of Prometheus counts upwards: each bucket holds those below it, too.
fn buckets(
    counts: &[u64],
    bounds: impl Iterator<Item = f64>,
    sum: f64,
    labels: &[(&'static str, Cow<'static, str>)],
) -> Vec<Sample> {
    let mut below = 0;
    let sample = |suffix, value| Sample { suffix, labels: labels.to_vec(), value };
    let mut samples: Vec<Sample> = counts
        .iter()
        .zip(bounds.map(Some).chain([None]))
        .map(|(count, bound)| {
            below += count;
            let mut sample = sample("_bucket", below as f64);
            sample.labels.push(("le", bound.map_or_else(|| "+Inf".into(), |bound| bound.to_string().into())));
            sample
        })
        .collect();
    samples.push(sample("_sum", sum));
    samples.push(sample("_count", below as f64));
    samples
}

fn spans(spans: &Spans) -> Vec<Sample> {
    buckets(&spans.counts, BOUNDS.into_iter(), spans.sum.as_secs_f64(), &[])
}

/// How the daemon does. What may be counted has its zero from the start: a rate needs a beginning.
const NODE: &[Metric<Node>] = &[
    gauge("platen_build_info", "Which platen this is: always 1.", |_| {
        let version = env!("CARGO_PKG_VERSION");
        let system = [("version", version), ("arch", std::env::consts::ARCH)];
        let labels = system.map(|(key, word)| (key, word.into())).to_vec();
        vec![Sample { suffix: "", labels, value: 1.0 }]
    }),
    gauge("platen_uptime_seconds", "Since the daemon started.", |node| one(node.uptime.as_secs_f64())),
    gauge("platen_jobs", "Jobs that have not ended, by state; queued is the length of the queue.", |node| {
        let Waiting { slicing, queued, printing, paused, .. } = node.waiting;
        let each = [("slicing", slicing), ("queued", queued), ("printing", printing), ("paused", paused)];
        each.into_iter().map(|(state, jobs)| labelled("state", state, jobs as f64)).collect()
    }),
    histogram("platen_plan_seconds", "Time that a round of the planner takes.", |node| spans(&node.plans)),
    gauge("platen_journal_entries", "Entries of the journal.", |node| count(node.waiting.entries)),
    gauge("platen_journal_bytes", "What the journal takes on the disk.", |node| maybe(node.machine.journal)),
    histogram(
        "platen_journal_append_seconds",
        "Time from a group of entries that is ready to its being on the disk.",
        |node| spans(&node.appends),
    ),
    counter(
        "platen_journal_append_failures_total",
        "Groups of entries that the disk did not take.",
        |node| count(node.append_failures),
    ),
    gauge(
        "platen_journal_intact",
        "0 where the last check of the whole journal found damage, else 1.",
        |node| flag(node.intact),
    ),
    gauge("platen_store_free_bytes", "What is free on the disk of state_dir.", |node| {
        maybe(node.machine.disk.map(|disk| disk.free))
    }),
    gauge("platen_store_size_bytes", "What the disk of state_dir has in all.", |node| {
        maybe(node.machine.disk.map(|disk| disk.size))
    }),
    gauge("platen_store_free_files", "Files that may still be made on that disk (inodes).", |node| {
        maybe(node.machine.disk.and_then(|disk| disk.free_files))
    }),
    gauge(
        "platen_store_floor_bytes",
        "With less than this free, no upload and no job is taken in (disk_floor_mb).",
        |node| count(node.floor),
    ),
    gauge(
        "platen_mqtt_connected",
        "Whether the broker is there; nothing where none is configured.",
        |node| node.monitor.broker().map_or_else(Vec::new, flag),
    ),
    gauge(
        "platen_outbox_entries",
        "Entries of the journal that the broker has not acknowledged yet.",
        |node| maybe(node.outbox),
    ),
    counter("platen_http_requests_total", "Requests answered, by what they are for and status.", |node| {
        let samples = |class: Class| {
            let each = node.monitor.asked(class).by_status();
            let sample = |(status, count): (&'static str, u64)| Sample {
                suffix: "",
                labels: vec![("class", class.word().into()), ("status", status.into())],
                value: count as f64,
            };
            each.map(sample).collect::<Vec<_>>()
        };
        Class::ALL.into_iter().flat_map(samples).collect()
    }),
    histogram("platen_http_request_seconds", "Time from a request to the head of its answer.", |node| {
        let samples = |class: Class| {
            let spans = node.monitor.asked(class).time.seen();
            let labels = [("class", class.word().into())];
            buckets(&spans.counts, BOUNDS.into_iter(), spans.sum.as_secs_f64(), &labels)
        };
        Class::ALL.into_iter().flat_map(samples).collect()
    }),
    counter("platen_http_slow_requests_total", "Requests that took longer than slow_request_ms.", |node| {
        let sample = |class: Class| labelled("class", class.word(), node.monitor.asked(class).slow() as f64);
        Class::ALL.into_iter().map(sample).collect()
    }),
    counter("platen_sign_in_failures_total", "Times that somebody was not let in, by why.", |node| {
        node.monitor.failures().map(|(why, count)| labelled("why", why, count as f64)).collect()
    }),
    gauge(
        "platen_watchdog_fed_age_seconds",
        "Since systemd's watchdog was fed; where there is one.",
        |node| {
            let fed = node.monitor.fed_ago();
            fed.map_or_else(Vec::new, |ago| one(ago.as_secs_f64()))
        },
    ),
    gauge(
        "platen_certificate_expires_timestamp_seconds",
        "When the certificate of the page ends, in seconds of Unix time; with [http.tls].",
        |node| {
            let until = node.machine.certificate;
            until.map_or_else(Vec::new, |until| one(until.0 as f64 / 1e3))
        },
    ),
    gauge("platen_tasks", "Tasks that are alive, by runtime.", |node| {
        let tasks = node.monitor.tasks().into_iter();
        tasks.map(|(runtime, tasks)| labelled("runtime", runtime, tasks as f64)).collect()
    }),
    counter("process_cpu_seconds_total", "Processor time that platen has used, user and system.", |node| {
        one(node.cpu.as_secs_f64())
    }),
    gauge("process_resident_memory_bytes", "Memory that platen takes.", |node| maybe(node.process.resident)),
    gauge("process_threads", "Threads of the process.", |node| maybe(node.process.threads)),
    gauge("process_open_fds", "Descriptors that are open.", |node| maybe(node.process.descriptors)),
    gauge("process_max_fds", "Descriptors that may be open.", |node| maybe(node.process.descriptors_max)),
    gauge("process_start_time_seconds", "When the daemon started, in seconds of Unix time.", |node| {
        one(node.started.0 as f64 / 1e3)
    }),
];

/// All states, so that a query may sum over them.
fn states(snapshot: &Snapshot) -> Vec<Sample> {
    let word = snapshot.activity.word();
    let all = Activity::WORDS.iter();
    all.map(|state| labelled("state", state, f64::from(u8::from(*state == word)))).collect()
}

fn latencies(line: &LineHealth) -> Vec<Sample> {
    let bounds = LATENCY_BOUNDS_MS.iter().map(|millis| *millis as f64 / 1e3);
    buckets(&line.ok_latency, bounds, line.ok_latency_sum_ms as f64 / 1e3, &[])
}

fn heat(snapshot: &Snapshot, value: fn(&Reading) -> Option<f64>) -> Vec<Sample> {
    let heat = &snapshot.temperatures;
    [("hotend", heat.hotend), ("bed", heat.bed), ("chamber", heat.chamber)]
        .into_iter()
        .filter_map(|(heater, reading)| Some(labelled("heater", heater, value(&reading?)?)))
        .collect()
}

/// What each printer is told with. Counters begin anew when its port is opened.
const PRINTER: &[Metric<Seen>] = &[
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
    counter(
        "platen_line_nonsense_total",
        "Requests of the firmware for a line that cannot be true.",
        |seen| count(seen.snapshot.line.nonsense),
    ),
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
    histogram("platen_line_ok_latency_seconds", "From a line's sending to its acknowledgement.", |seen| {
        latencies(&seen.snapshot.line)
    }),
    gauge("platen_line_limit_bytes_per_second", "What the line can carry.", |seen| {
        count(seen.snapshot.line.limit_bytes_per_s)
    }),
    gauge("platen_line_in_flight_max_bytes", "The most bytes that were ever unconfirmed.", |seen| {
        count(seen.snapshot.line.in_flight_max)
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
        heat(&seen.snapshot, |reading| Some(reading.actual.0))
    }),
    gauge("platen_temperature_target_celsius", "What the heater is to reach; 0 is off.", |seen| {
        heat(&seen.snapshot, |reading| Some(reading.target?.0))
    }),
    gauge("platen_temperature_age_seconds", "Since the last report of temperatures.", |seen| {
        seen.snapshot.temperatures.at.map_or_else(Vec::new, |at| one((seen.now - at).as_secs_f64()))
    }),
    gauge("platen_job_progress_ratio", "Confirmed commands of the running job, of all of them.", |seen| {
        seen.snapshot.activity.progress().map_or_else(Vec::new, |progress| one(progress.percent() / 100.0))
    }),
    gauge(
        "platen_job_commands_confirmed",
        "Confirmed commands of the running job; a stall stands still.",
        |seen| {
            let progress = seen.snapshot.activity.progress();
            progress.map_or_else(Vec::new, |progress| count(progress.confirmed))
        },
    ),
];

/// What is told of an offline printer, too.
const ALWAYS: &[Metric<Seen>] = &[
    gauge("platen_printer_state", "1 for the state that the printer is in, 0 for the others.", |seen| {
        states(&seen.snapshot)
    }),
    gauge(
        "platen_printer_locked",
        "1 where a stop or a fault locks it until a person clears that.",
        |seen| flag(seen.record.latch.is_some()),
    ),
    gauge("platen_printer_bed_occupied", "1 where nobody has said that the bed is clear again.", |seen| {
        flag(matches!(seen.record.bed, Bed::Occupied { .. }))
    }),
    gauge(
        "platen_snapshot_age_seconds",
        "Since the printer's task last told of it; not where it is offline.",
        |seen| {
            let is_offline = matches!(seen.snapshot.activity, Activity::Offline { .. });
            if is_offline { Vec::new() } else { one(seen.age().as_secs_f64()) }
        },
    ),
];

/// A label's value, between quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// One metric of all who have something to tell; `printer` is the label of each, where it is of one.
fn write_metric<'t, T: 't>(
    out: &mut String,
    metric: &Metric<T>,
    printer: fn(&T) -> Option<&str>,
    all: impl Iterator<Item = &'t T>,
) {
    let Metric { name, kind, help, samples } = metric;
    let mut headed = false;
    for seen in all {
        for Sample { suffix, labels, value } in samples(seen) {
            // Writing to a String cannot fail.
            if !headed {
                let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
                headed = true;
            }
            let printer = printer(seen).map(|printer| ("printer", Cow::from(printer)));
            let labels = printer.into_iter().chain(labels);
            let labels: Vec<_> =
                labels.map(|(key, value)| format!("{key}=\"{}\"", escaped(&value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(out, "{name}{suffix}{labels} {value}");
        }
    }
}

/// The whole page.
fn page(node: &Node, seen: &[Seen]) -> String {
    let mut out = String::with_capacity(4096 * (seen.len() + 4));
    for metric in NODE {
        write_metric(&mut out, metric, |_| None, std::iter::once(node));
    }
    fn printer(seen: &Seen) -> Option<&str> {
        Some(seen.snapshot.printer.as_str())
    }
    for metric in ALWAYS {
        write_metric(&mut out, metric, printer, seen.iter());
    }
    for metric in PRINTER {
        write_metric(&mut out, metric, printer, seen.iter().filter(|seen| seen.is_live()));
    }
    out
}

/// What the disk and the files beside it say, within `PATIENCE`; one look at a time.
async fn look(app: &AppState) -> Machine {
    let Some(looking) = app.monitor.look() else { return Machine::default() };
    let config = Arc::clone(&app.config);
    let look = offload(move || {
        let _looking = looking;
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let certificate = config.http.tls.as_ref();
        let certificate = certificate.and_then(|tls| Certificate::read(tls, credentials.as_deref()).ok());
        Machine {
            disk: machine::disk(&config.state_dir).ok(),
            journal: machine::bytes_in(&config.state_dir.join("journal")).ok(),
            certificate: certificate.map(|certificate| certificate.holds().1),
        }
    });
    timeout(PATIENCE, look).await.ok().and_then(Result::ok).unwrap_or_default()
}

async fn node(app: &AppState) -> Node {
    let uptime = app.clock.now().since(Moment::ZERO);
    let waiting = app.recorder.read(Waiting::of);
    let published = app.config.mqtt.is_some().then(|| app.recorder.cursor(CURSOR));
    Node {
        uptime,
        started: WallTime(app.clock.wall().0.saturating_sub(u64::try_from(uptime.as_millis()).unwrap_or(0))),
        cpu: cpu_time(),
        waiting,
        appends: app.recorder.appends().time.seen(),
        append_failures: app.recorder.appends().failed(),
        intact: app.recorder.finding().is_none(),
        plans: app.planner.rounds().seen(),
        outbox: published.map(|place| waiting.entries.saturating_sub(place)),
        floor: app.config.disk_floor,
        process: offload(machine::process).await.unwrap_or_default(),
        machine: look(app).await,
        monitor: app.monitor.clone(),
    }
}

/// The live board for Prometheus. Counters of a line begin anew when its port is opened; offline printers have hardly
/// more than a state.
#[utoipa::path(get, path = "/metrics", tag = "state", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Text format 0.0.4"), Open))]
async fn metrics(State(app): State<AppState>) -> impl IntoResponse {
    let node = node(&app).await;
    let now = app.clock.now();
    let seen =
        |snapshot: Arc<Snapshot>| Seen { record: app.recorder.printer(&snapshot.printer), snapshot, now };
    let seen: Vec<_> = app.fleet.board().snapshots().into_iter().map(seen).collect();
    ([(CONTENT_TYPE, KIND)], page(&node, &seen))
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

    fn told(snapshot: Snapshot, now: Moment) -> String {
        let record = PrinterRecord::new(snapshot.printer.clone());
        let node = Node {
            uptime: now.since(Moment::ZERO),
            started: WallTime(0),
            cpu: Duration::ZERO,
            waiting: Waiting::default(),
            appends: crate::services::timed::Timed::default().seen(),
            append_failures: 0,
            intact: true,
            plans: crate::services::timed::Timed::default().seen(),
            outbox: None,
            floor: 0,
            process: Process::default(),
            machine: Machine::default(),
            monitor: Monitor::default(),
        };
        page(&node, &[Seen { snapshot: Arc::new(snapshot), record, now }])
    }

    #[test]
    fn the_series_of_a_printer_end_when_its_task_has_told_nothing_for_a_minute() {
        let at = Moment::ZERO + Duration::from_secs(100);
        let printer = "mk3".parse().unwrap();
        let snapshot = Snapshot { activity: Activity::Ready, ..Snapshot::offline(printer, "", at) };
        let live = told(snapshot.clone(), at + (STALE - Duration::from_millis(1)));
        assert!(live.contains("platen_line_lines_total{printer=\"mk3\"} 0\n"), "{live}");
        let stale = told(snapshot, at + STALE);
        assert!(stale.contains("platen_snapshot_age_seconds{printer=\"mk3\"} 60\n"), "{stale}");
        let of: std::collections::BTreeSet<&str> = stale
            .lines()
            .filter(|line| line.contains("printer="))
            .filter_map(|line| line.split('{').next())
            .collect();
        let wanted = [
            "platen_printer_bed_occupied",
            "platen_printer_locked",
            "platen_printer_state",
            "platen_snapshot_age_seconds",
        ];
        assert_eq!(of.into_iter().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn what_could_not_be_read_is_absent_and_never_zero() {
        let snapshot = Snapshot::offline("mk3".parse().unwrap(), "", Moment::ZERO);
        let told = told(snapshot, Moment::ZERO);
        for absent in
            ["platen_store_free_bytes", "platen_journal_bytes", "process_open_fds", "platen_outbox_entries"]
        {
            assert!(!told.contains(absent), "{told}");
        }
    }

    #[test]
    fn a_label_keeps_its_quotes() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn names_follow_the_conventions_and_are_told_once() {
        let mut seen = BTreeMap::new();
        for metric in described() {
            assert!(seen.insert(metric.name, ()).is_none(), "{}", metric.name);
            let of_process = metric.name.starts_with("process_") && !metric.of_printer;
            assert!(metric.name.starts_with("platen_") || of_process, "{}", metric.name);
            assert_eq!(metric.kind == "counter", metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']), "{}", metric.help);
        }
    }
}
