//! What watches platen: alerts and dashboard ask only for what a running daemon tells, and each request can be found in
//! the log by a number of ours.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platen::api::metrics::described;
use platen::config::Config;
use platen::daemon::Daemon;
use platen::domain::job::Progress;
use platen::domain::printer::{Activity, LineHealth, LineTrouble, Reading, Snapshot, Temperatures};
use platen::domain::units::Celsius;
use serde_json::Value;
use support::{TestLab, lab};

const RULES: &str = "config/monitoring/platen.rules.yml";
const BOARD: &str = "config/monitoring/platen-dashboard.json";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Prometheus' own checker; `tests/run` fetches it.
fn promtool() -> PathBuf {
    let given = std::env::var_os("PLATEN_PROMTOOL").map(PathBuf::from);
    let fetched = root().join("target/promtool/promtool");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("promtool"));
    let mut all = given.into_iter().chain([fetched]).chain(on_path);
    all.find(|path| path.is_file())
        .expect("promtool is missing: tests/run fetches it from Debian's package prometheus")
}

fn checked(arguments: &[&str], input: &str) {
    let mut command = Command::new(promtool());
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut to = running.stdin.take().unwrap();
    // What reads no input may have closed it.
    let _ = to.write_all(input.as_bytes());
    drop(to);
    let told = running.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(told.status.success(), "{arguments:?}: {}{}", text(&told.stdout), text(&told.stderr));
}

/// The alerts of the rules: what comes behind `- alert:`, by its keys.
fn alerts() -> Vec<(String, Vec<(String, String)>)> {
    let text = read(RULES);
    let mut all: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some((key, value)) = line.trim_start_matches("- ").split_once(": ") else { continue };
        match key {
            "alert" => all.push((value.into(), Vec::new())),
            _ => {
                if let Some((_, keys)) = all.last_mut() {
                    keys.push((key.into(), value.into()));
                }
            }
        }
    }
    all
}

fn board() -> Value {
    serde_json::from_str(&read(BOARD)).unwrap()
}

/// Expressions of the dashboard, with the titles of their panels.
fn questions(board: &Value) -> Vec<(String, String)> {
    let panels = board["panels"].as_array().unwrap().iter();
    let each = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel.get("targets").and_then(Value::as_array).cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    });
    each.collect()
}

/// Metrics of ours that an expression names.
fn named(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !is_word(c));
    words
        .filter(|word| word.starts_with("platen_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// Every metric of an exposition, by its `# TYPE`; of a histogram also its parts.
fn told(exposition: &str) -> BTreeSet<String> {
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let parts = |(name, kind): (&str, &str)| match kind {
        "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
        _ => vec![name.to_owned()],
    };
    types.flat_map(parts).collect()
}

/// A printer that prints, on a line that ails, on a firmware that tells all it can.
fn busy(lab: &TestLab, printer: &str) {
    let job = platen::domain::ids::JobId::from_entropy([7; 16]);
    let snapshot = Snapshot {
        activity: Activity::Printing { job, progress: Progress { confirmed: 1, total: 4 } },
        temperatures: Temperatures {
            hotend: Some(Reading { actual: Celsius(209.0), target: Some(Celsius(210.0)) }),
            at: Some(lab.clock.now()),
            ..Temperatures::default()
        },
        line: LineHealth { planner_told: true, trouble: Some(LineTrouble::Noise), ..LineHealth::default() },
        ..Snapshot::offline(printer.parse().unwrap(), "", lab.clock.now())
    };
    lab.boards[printer].send_replace(Arc::new(snapshot));
}

/// A certificate and its key in a folder, as `[http.tls]` names them.
fn tls(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["platen.lab".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (of_certificate, of_key) = (folder.join("c.pem"), folder.join("k.pem"));
    std::fs::write(&of_certificate, certificate.pem()).unwrap();
    std::fs::write(&of_key, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&of_key, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("[http.tls]\ncertificate = {of_certificate:?}\nkey = {of_key:?}\n")
}

/// What a real daemon tells, whose printer and broker are away; and what a lab tells whose printer prints.
async fn expositions() -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n{}\
         [mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n[[printer]]\nname = \"mk3\"\nport = \"/dev/serial/by-id/none\"\nbaud = 115200\n",
        folder.path().join("state"),
        tls(folder.path()),
    );
    let daemon = Daemon::start(Config::parse(&config).unwrap()).await.unwrap();
    let url = format!("http://127.0.0.1:{}/metrics", daemon.address.port());
    let get = move || ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
    let real = tokio::task::spawn_blocking(get).await.unwrap();
    daemon.stop().await;
    let lab = lab().await;
    busy(&lab, "mk3-01");
    [real, lab.get("/metrics").await.body]
}

/// Told only under systemd's watchdog.
const UNDER_SYSTEMD: &str = "platen_watchdog_fed_age_seconds";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_an_alert_or_the_dashboard_asks_for_is_told_by_a_running_daemon() {
    let expositions = expositions().await;
    for exposition in &expositions {
        checked(&["check", "metrics"], exposition);
    }
    let mut known: BTreeSet<String> = expositions.iter().flat_map(|text| told(text)).collect();
    assert!(!known.contains(UNDER_SYSTEMD));
    known.insert(UNDER_SYSTEMD.into());
    // The table tells of nothing that is never told, and nothing is told that is not in it.
    for metric in described() {
        let name =
            if metric.kind == "histogram" { format!("{}_bucket", metric.name) } else { metric.name.into() };
        assert!(known.contains(&name), "{name} is never told");
    }
    let described: BTreeSet<&str> = described().iter().map(|metric| metric.name).collect();
    for name in &known {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        assert!(
            described.contains(name.as_str()) || base.is_some_and(|base| described.contains(base)),
            "{name}"
        );
    }
    let mut asked = BTreeSet::new();
    let of_alerts = alerts().into_iter().map(|(alert, keys)| {
        let expression = keys.into_iter().find(|(key, _)| key == "expr");
        (alert.clone(), expression.unwrap_or_else(|| panic!("{alert} asks nothing")).1)
    });
    for (of, expression) in of_alerts.chain(questions(&board())) {
        let names = named(&expression);
        assert!(!names.is_empty() || expression.contains("up{job=\"platen\""), "{of}: {expression}");
        for name in names {
            assert!(known.contains(&name), "{of} asks for {name}, which nobody tells");
            asked.insert(name);
        }
        for mark in ["state=\"", "state=~\""] {
            for word in
                expression.split(mark).skip(1).flat_map(|rest| rest.split('"').next().unwrap().split('|'))
            {
                let is_job = ["slicing", "queued", "printing", "paused"].contains(&word);
                assert!(is_job || Activity::WORDS.contains(&word), "{of}: {word}");
            }
        }
    }
    assert!(asked.len() > 30, "{asked:?}");
}

#[test]
fn alerts_have_a_severity_and_say_what_is_so_and_what_to_do() {
    let alerts = alerts();
    assert!(alerts.len() > 20, "{}", alerts.len());
    let mut seen = BTreeSet::new();
    for (alert, keys) in &alerts {
        assert!(seen.insert(alert), "{alert} is there twice");
        let of = |wanted: &str| {
            let all: Vec<_> = keys.iter().filter(|(key, _)| key == wanted).collect();
            assert_eq!(all.len(), 1, "{alert}: {wanted}");
            all[0].1.trim_matches('"').to_owned()
        };
        assert!(["page", "ticket"].contains(&of("severity").as_str()), "{alert}");
        assert!(of("summary").len() > 10 && of("description").ends_with('.'), "{alert}");
        assert!(
            read("docs/monitoring.md").contains(&format!("| `{alert}` |")),
            "docs/monitoring.md has no {alert}"
        );
    }
}

#[test]
fn promtool_takes_the_rules_and_they_fire_when_they_should() {
    checked(&["check", "config", "config/monitoring/prometheus.yml"], "");
    checked(&["test", "rules", "tests/monitoring/rules_test.yml"], "");
}

#[test]
fn the_dashboard_can_be_loaded_and_promtool_reads_each_of_its_questions() {
    let board = board();
    let mut ids = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} has the id of another", panel["title"]);
        let is_row = panel["type"] == "row";
        assert!(
            is_row || panel["description"].as_str().is_some_and(|text| text.ends_with('.')),
            "{}",
            panel["title"]
        );
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{}", panel["title"]);
        if !is_row {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
    let variables: Vec<&str> = board["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["datasource", "instance", "printer"]);
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (at, (title, expression)) in questions(&board).iter().enumerate() {
        for name in expression.split('$').skip(1) {
            assert!(variables.iter().any(|known| name.starts_with(known)), "{title}: {expression}");
        }
        let filled = expression.replace("$instance", ".*").replace("$printer", ".*");
        rules.push_str(&format!("      - record: q{at}\n        expr: '{filled}'\n"));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    checked(&["check", "rules", file.path().to_str().unwrap()], "");
}

#[test]
fn the_page_of_metrics_has_each_as_the_code_has_it() {
    let text = read("docs/monitoring.md");
    let head = "| metric | kind | what it is |\n|---|---|---|\n";
    let rows = described().into_iter().map(|one| {
        let each = if one.of_printer { "; of each printer" } else { "" };
        format!("| `{}` | {}{each} | {} |", one.name, one.kind, one.help)
    });
    let rows: Vec<String> = rows.collect();
    let (before, rest) = text.split_once(head).unwrap();
    let told: Vec<&str> = rest.lines().take_while(|line| line.starts_with('|')).collect();
    if std::env::var_os("PLATEN_WRITE_DOCS").is_some() {
        let after = &rest[told.iter().map(|line| line.len() + 1).sum::<usize>()..];
        std::fs::write(
            root().join("docs/monitoring.md"),
            format!("{before}{head}{}\n{after}", rows.join("\n")),
        )
        .unwrap();
        return;
    }
    assert_eq!(told, rows, "`PLATEN_WRITE_DOCS=1 cargo test --test monitoring` writes it anew");
}

/// What is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let to = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn each_answer_has_a_number_of_ours_whatever_was_sent_and_a_problem_has_the_same() {
    let lab = lab().await;
    let mut seen = BTreeSet::new();
    for sent in ["", "X-Request-Id: 0123456789abcdef\r\n", "X-Request-Id: a\r\nX-Request-Id: b\r\n"] {
        for path in ["/healthz", "/v1/jobs", "/v1/jobs/none", "/nothing", "/assets/none", "/"] {
            let answer = lab.send("GET", path, sent, b"").await;
            let head = answer.head.to_lowercase();
            assert_eq!(head.matches("x-request-id:").count(), 1, "{answer:?}");
            let id = answer.header("x-request-id").unwrap().to_owned();
            assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
            assert!(id != "0123456789abcdef" && seen.insert(id.clone()), "{id}");
            if answer.header("content-type") == Some("application/problem+json") {
                assert_eq!(answer.json()["request"], id.as_str(), "{answer:?}");
            }
        }
    }
    // Refused before anything else is looked at: the same.
    let refused = lab.send("GET", "/v1/jobs", "Host: evil.example\r\n", b"").await;
    assert_eq!((refused.status, refused.problem().as_str()), (421, "not-this-host"));
    assert_eq!(refused.json()["request"].as_str(), refused.header("x-request-id"));
}

#[tokio::test]
async fn a_slow_request_is_logged_with_its_number_and_the_pattern_of_its_route_and_no_token() {
    let lab = lab().await;
    let case = lab.case().await;
    let (log, _guard) = Log::begin();
    assert_eq!(lab.get(&format!("/v1/cases/{case}")).await.status, 200);
    assert!(!log.text().contains("slow"), "{}", log.text());
    lab.monitor.slow_requests(Duration::from_nanos(1));
    let answer = lab.get(&format!("/v1/cases/{case}")).await;
    let id = answer.header("x-request-id").unwrap();
    let text = log.text();
    let line =
        text.lines().find(|line| line.contains("a request was slow")).unwrap_or_else(|| panic!("{text}"));
    for wanted in [id, "/v1/cases/{token}", "status=200", "method=GET", "WARN"] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
    assert!(!text.contains(case.as_str()), "{text}");
    let slow = |body: &str| body.contains("platen_http_slow_requests_total{class=\"api\"} 1\n");
    assert!(slow(&lab.get("/metrics").await.body));
    // How long a file takes is its sender's.
    let before = log.text().matches("a request was slow").count();
    let file = vec![b';'; 64 << 10];
    lab.upload(&file).await;
    assert_eq!(log.text().matches("a request was slow").count(), before, "{}", log.text());
}

#[tokio::test]
async fn a_journal_and_a_planner_that_take_too_long_are_logged() {
    let lab = lab().await;
    let (log, _guard) = Log::begin();
    lab.planner.draw().await;
    lab.case().await;
    assert!(!log.text().contains("slow"), "{}", log.text());
    lab.planner.rounds().slow_after(Duration::from_nanos(1));
    lab.recorder.appends().time.slow_after(Duration::from_nanos(1));
    lab.case().await;
    lab.planner.draw().await;
    let text = log.text();
    assert!(text.contains("the journal was slow to take entries") && text.contains("entries=1"), "{text}");
    assert!(text.contains("planning the queue was slow"), "{text}");
    let told = lab.get("/metrics").await.body;
    assert!(told.contains("platen_plan_seconds_count 2\n"), "{told}");
}
