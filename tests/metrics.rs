//! `/metrics` is what Prometheus reads, names nobody's case, and says nothing of printers that are away.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use platen::domain::event::Actor;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, LineHealth, Reading, Snapshot, Temperatures};
use platen::domain::units::Celsius;
use support::{TestLab, lab, lab_of_people};

/// Labels → value.
type Series = BTreeMap<BTreeMap<String, String>, f64>;

/// A page of metrics, by name; strict where Prometheus is: one HELP and one TYPE before the samples of a metric,
/// all of them together, no series twice, every number a number.
#[derive(Debug, Default)]
struct Page {
    kinds: BTreeMap<String, String>,
    metrics: BTreeMap<String, Series>,
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// `key="value",…` without its braces; quotes, backslashes and newlines in a value are escaped.
fn labels(mut text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    while !text.is_empty() {
        let (key, rest) = text.split_once("=\"").ok_or_else(|| format!("no label in {text:?}"))?;
        if !is_name(key) || key.contains(':') {
            return Err(format!("{key:?} is no label's name"));
        }
        let (mut value, mut chars) = (String::new(), rest.char_indices());
        let end = loop {
            match chars.next().ok_or("a label's value does not end")? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().map(|(_, c)| c) {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => return Err(format!("{other:?} is escaped")),
                }),
                (_, c) => value.push(c),
            }
        };
        if found.insert(key.to_owned(), value).is_some() {
            return Err(format!("the label {key} is there twice"));
        }
        text = &rest[end + 1..];
        text = match text.strip_prefix(',') {
            Some(more) => more,
            None if text.is_empty() => text,
            None => return Err(format!("{text:?} after a label")),
        };
    }
    Ok(found)
}

fn parse(text: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let (mut helped, mut current) = (BTreeSet::new(), String::new());
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            if !is_name(name) || help.is_empty() || !helped.insert(name.to_owned()) {
                return Err(line.into());
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            let known = ["counter", "gauge", "histogram"].contains(&kind) && helped.contains(name);
            if !known || page.kinds.insert(name.to_owned(), kind.to_owned()).is_some() {
                return Err(line.into());
            }
            current = name.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').ok_or_else(|| line.to_owned())?;
            let (name, given) = match series.split_once('{') {
                Some((name, rest)) => (name, labels(rest.strip_suffix('}').ok_or_else(|| line.to_owned())?)?),
                None => (series, BTreeMap::new()),
            };
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .filter(|base| page.kinds.get(*base).is_some_and(|kind| kind == "histogram"))
                .unwrap_or(name);
            let value: f64 = value.parse().map_err(|_| line.to_owned())?;
            if base != current || value.is_nan() {
                return Err(format!("{line}: not below its TYPE, or no number"));
            }
            if page.metrics.entry(name.to_owned()).or_default().insert(given, value).is_some() {
                return Err(format!("{line}: twice"));
            }
        }
    }
    Ok(page)
}

impl Page {
    fn value(&self, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
        let wanted = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.metrics.get(name)?.get(&wanted).copied()
    }

    /// The metrics that tell of a printer.
    fn of(&self, printer: &str) -> BTreeSet<&str> {
        let is_its = |series: &Series| {
            series.keys().any(|labels| labels.get("printer").is_some_and(|name| name == printer))
        };
        self.metrics.iter().filter(|(_, series)| is_its(series)).map(|(name, _)| name.as_str()).collect()
    }
}

fn show(lab: &TestLab, printer: &str, activity: Activity) {
    let reading = |actual, target| Some(Reading { actual: Celsius(actual), target });
    let snapshot = Snapshot {
        activity,
        temperatures: Temperatures {
            hotend: reading(209.5, Some(Celsius(210.0))),
            bed: reading(60.0, None),
            chamber: None,
            at: Some(lab.clock.now()),
        },
        firmware: Some("Marlin \"2.1\"\nsecret".into()),
        line: LineHealth {
            lines_sent: 1_000,
            bytes_sent: 40_000,
            resends: 3,
            resends_damaged: 3,
            ok_latency: [5; 12],
            ..LineHealth::default()
        },
        ..Snapshot::offline(printer.parse().unwrap(), "", lab.clock.now())
    };
    lab.boards[printer].send_replace(Arc::new(snapshot));
}

async fn page(lab: &TestLab) -> (Page, String) {
    let answer = lab.get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    (parse(&answer.body).unwrap_or_else(|error| panic!("{error} in:\n{}", answer.body)), answer.body)
}

#[tokio::test]
async fn a_printer_has_its_counters_its_state_and_its_heat() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    let progress = Progress { confirmed: 25, total: 100 };
    show(&lab, "mk3-01", Activity::Printing { job: job.clone(), progress });
    let (page, text) = page(&lab).await;
    let of = |name: &str| page.value(name, &[("printer", "mk3-01")]);
    assert_eq!(of("platen_line_lines_total"), Some(1_000.0));
    assert_eq!(of("platen_line_bytes_total"), Some(40_000.0));
    let resends = |cause| page.value("platen_line_resends_total", &[("printer", "mk3-01"), ("cause", cause)]);
    assert_eq!((resends("damaged"), resends("number")), (Some(3.0), Some(0.0)));
    assert_eq!(of("platen_line_ok_latency_seconds_count"), Some(60.0));
    assert_eq!(of("platen_planner_starved_seconds_total"), None, "the firmware does not tell of its planner");
    assert_eq!(of("platen_line_questions_total"), Some(0.0));
    assert_eq!(of("platen_job_progress_ratio"), Some(0.25));
    assert!(of("platen_snapshot_age_seconds").is_some_and(|age| age >= 0.0));
    let heat = |name, heater| page.value(name, &[("printer", "mk3-01"), ("heater", heater)]);
    assert_eq!(heat("platen_temperature_celsius", "hotend"), Some(209.5));
    assert_eq!(heat("platen_temperature_target_celsius", "hotend"), Some(210.0));
    assert_eq!(heat("platen_temperature_celsius", "bed"), Some(60.0));
    assert_eq!(heat("platen_temperature_target_celsius", "bed"), None);
    assert_eq!(heat("platen_temperature_celsius", "chamber"), None);
    let state = |state| page.value("platen_printer_state", &[("printer", "mk3-01"), ("state", state)]);
    assert_eq!((state("printing"), state("ready")), (Some(1.0), Some(0.0)));
    assert_eq!(page.kinds["platen_line_lines_total"], "counter");
    for secret in [case.to_string(), job.to_string(), "secret".into(), "left hand".into()] {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
}

#[tokio::test]
async fn the_series_of_a_printer_that_goes_offline_end() {
    let lab = lab().await;
    show(&lab, "mk3-01", Activity::Ready);
    assert!(page(&lab).await.0.of("mk3-01").len() > 5);
    show(&lab, "mk3-01", Activity::Offline { reason: "unplugged".into() });
    let (page, _) = page(&lab).await;
    let told = ["platen_printer_bed_occupied", "platen_printer_locked", "platen_printer_state"];
    assert_eq!(page.of("mk3-01"), BTreeSet::from(told));
    let state = |state| page.value("platen_printer_state", &[("printer", "mk3-01"), ("state", state)]);
    assert_eq!((state("offline"), state("ready")), (Some(1.0), Some(0.0)));
}

#[tokio::test]
async fn jobs_requests_and_the_journal_are_counted_and_none_of_them_is_named() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, None).await;
    assert_eq!(lab.get(&format!("/v1/cases/{case}")).await.status, 200);
    assert!(lab.get("/v1/cases/8d9pt4rp55t2b").await.status >= 400);
    assert!(lab.get("/nothing-there").await.status >= 400);
    let (page, text) = page(&lab).await;
    let of = |name: &str| page.value(name, &[]).unwrap_or_else(|| panic!("{name} in\n{text}"));
    let jobs = |state| page.value("platen_jobs", &[("state", state)]);
    assert_eq!(
        (jobs("queued"), jobs("printing"), jobs("slicing"), jobs("paused")),
        (Some(1.0), Some(0.0), Some(0.0), Some(0.0))
    );
    let asked =
        |class, status| page.value("platen_http_requests_total", &[("class", class), ("status", status)]);
    assert!(asked("api", "2xx") >= Some(3.0) && asked("api", "4xx") == Some(1.0), "{text}");
    assert_eq!((asked("unknown", "4xx"), asked("slicers", "2xx")), (Some(1.0), Some(0.0)));
    let took = page.value("platen_http_request_seconds_count", &[("class", "api")]);
    assert_eq!(took, asked("api", "2xx").zip(asked("api", "4xx")).map(|(good, bad)| good + bad));
    let entries = lab.recorder.read(|lab| lab.counters.seq);
    assert_eq!(of("platen_journal_entries"), entries as f64);
    assert!(of("platen_journal_append_seconds_count") >= 1.0);
    assert_eq!((of("platen_journal_append_failures_total"), of("platen_journal_intact")), (0.0, 1.0));
    assert!(
        of("platen_store_free_bytes") > 0.0 && of("platen_store_size_bytes") > of("platen_store_free_bytes")
    );
    assert_eq!(of("platen_store_floor_bytes"), f64::from(256_u32 << 20));
    assert!(of("process_resident_memory_bytes") > 1e6 && of("process_open_fds") > 3.0);
    assert!(of("process_start_time_seconds") > 1.7e9 && of("process_cpu_seconds_total") > 0.0);
    for secret in [
        case.to_string(),
        job.to_string(),
        "left hand".into(),
        "8d9pt4rp55t2b".into(),
        "nothing-there".into(),
    ] {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
    assert_eq!(page.value("platen_mqtt_connected", &[]), None, "no broker is configured");
}

#[tokio::test]
async fn a_journal_that_takes_nothing_and_a_printer_that_is_locked_show() {
    let lab = lab().await;
    let locked = |page: &Page, printer| page.value("platen_printer_locked", &[("printer", printer)]);
    let (before, _) = page(&lab).await;
    assert_eq!((locked(&before, "mk3-01"), locked(&before, "away")), (Some(0.0), Some(0.0)));
    let stopped = Request::NoteStopped { printer: "away".parse().unwrap(), by: "kim".into() };
    lab.recorder.submit(stopped, Actor::Platen).await.unwrap();
    let (after, text) = page(&lab).await;
    assert_eq!((locked(&after, "mk3-01"), locked(&after, "away")), (Some(0.0), Some(1.0)));
    assert!(!text.contains("kim"), "{text}");
    lab.store.set_full(true);
    let stopped = Request::NoteStopped { printer: "mk3-02".parse().unwrap(), by: "kim".into() };
    assert!(lab.recorder.submit(stopped, Actor::Platen).await.is_err());
    let (page, _) = page(&lab).await;
    assert!(page.value("platen_journal_append_failures_total", &[]) >= Some(1.0));
}

#[tokio::test]
async fn who_is_not_let_in_is_counted_by_why_and_never_named() {
    let lab = lab_of_people("quentin", "correct horse battery").await;
    let body = |password: &str| serde_json::json!({"name": "quentin", "password": password});
    for _ in 0..5 {
        assert_eq!(lab.post("/v1/session", &body("wrong horse battery")).await.status, 401);
    }
    assert_eq!(lab.post("/v1/session", &body("correct horse battery")).await.status, 429);
    let bearer = "Authorization: Bearer platen_nobody_has_this_one\r\n";
    assert_eq!(lab.send("GET", "/v1/jobs", bearer, b"").await.status, 401);
    // Who shows nothing has tried nothing.
    assert_eq!(lab.get("/v1/jobs").await.status, 401);
    let (page, text) = page(&lab).await;
    let failed = |why| page.value("platen_sign_in_failures_total", &[("why", why)]);
    assert_eq!(
        (failed("wrong_password"), failed("wrong_key"), failed("locked")),
        (Some(5.0), Some(1.0), Some(1.0))
    );
    assert!(!text.contains("quentin"), "{text}");
}

#[test]
fn the_reader_of_metrics_refuses_what_prometheus_would() {
    let good = "# HELP a_total Help.\n# TYPE a_total counter\na_total{b=\"c\\\"d\\\\\\n\"} 1\na_total 2e3\n";
    let page = parse(good).unwrap();
    assert_eq!(page.value("a_total", &[("b", "c\"d\\\n")]), Some(1.0));
    assert_eq!(page.value("a_total", &[]), Some(2000.0));
    for bad in [
        "a 1\n",
        "# HELP a x\n# TYPE a counter\na 1",
        "# TYPE a counter\na 1\n",
        "# HELP a x\n# TYPE a count\na 1\n",
        "# HELP a x\n# TYPE a counter\na one\n",
        "# HELP a x\n# TYPE a counter\na NaN\n",
        "# HELP a x\n# TYPE a counter\na 1\na 2\n",
        "# HELP a x\n# TYPE a counter\na{b=\"c} 1\n",
        "# HELP a x\n# TYPE a counter\na{b=c} 1\n",
        "# HELP a x\n# TYPE a counter\na{b=\"c\",b=\"d\"} 1\n",
        "# HELP a x\n# TYPE a counter\n# HELP b x\n# TYPE b counter\na 1\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
