//! Thirty identifiers planted in whatever somebody, a file or a firmware can write, before the vault has them and
//! after; then everything that left the daemon is searched for them.
//!
//! What platen shows to the lab itself (part names on the page, messages on a case) is no way out.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use hw_sim::quirks::Face;

use platen::domain::people::notices::Topic;

use crate::catch::Catcher;
use crate::world::{Daemon, Lab, Process, gcode, platen, printer, until};

/// As people and devices write them; the vault has the first of them in one spelling each. The days are in no year in
/// which this test runs, and the numbers too long to be in a hash by chance.
const PLANTED: [&str; 30] = [
    "Jane Quimby-Doe",
    "QUIMBY^JANE",
    "quimbydoe_jane",
    "JQuimby",
    "0047-11081599",
    "4711081599",
    "RAD-2031-445566",
    "rad2031445566",
    "Dr. Ada Vandermeer",
    "vandermeer",
    "12.05.1960",
    "2031-07-23",
    "May 12, 1960",
    "5/12/60",
    "23. Juli 2031",
    "12-MAY-1960",
    "jane.q@example.org",
    "+49 171 2345678",
    "(555) 123-4567",
    "078-05-1120",
    "MRN 4711",
    "DOB: 60",
    "1.2.840.113619.2.55.3.604688119",
    "2.25.329800735698586629295641978511506172918",
    "ACC1234567",
    "9876543210",
    "https://pacs.example.org/study/1",
    "192.168.17.23",
    "93 years old",
    "Mrs. Smith",
];

const OF_THE_VAULT: usize = 16;

const PASSWORD: &str = "notes on the engine";

fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The planted texts, however they are written, and the words of the names alone.
fn assert_clean(out: &str, what: &str) {
    assert_has_none(&PLANTED, out, what);
}

/// Of what only the lab reads: what the vault has is not in it either.
fn assert_has_nothing_of_the_vault(out: &str, what: &str) {
    assert_has_none(&PLANTED[..OF_THE_VAULT], out, what);
}

fn assert_has_none(secrets: &[&str], out: &str, what: &str) {
    let (lower, signless) = (out.to_lowercase(), bare(out));
    for secret in secrets.iter().copied().chain(["quimby", "jane", "vandermeer", "471108159"]) {
        let wanted = bare(secret);
        let found = lower.find(&secret.to_lowercase());
        let found = found.or_else(|| (wanted.len() > 9).then(|| signless.find(&wanted)).flatten());
        if let Some(at) = found {
            let around: String = lower.chars().skip(at.saturating_sub(200)).take(400).collect();
            panic!("{secret} is in {what}: …{around}…");
        }
    }
}

/// Somebody who is signed in.
struct As<'d> {
    daemon: &'d Daemon,
    cookie: String,
}

impl<'d> As<'d> {
    fn sign_in(daemon: &'d Daemon, name: &str, password: &str) -> Self {
        let given = json!({"name": name, "password": password});
        let answer = daemon.agent.post(format!("{}/v1/session", daemon.url)).send_json(&given).unwrap();
        assert_eq!(answer.status(), 201, "{name}");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { daemon, cookie }
    }

    fn ask(&self, path: &str, body: &Value) -> (u16, String) {
        let request = self.daemon.agent.post(format!("{}{path}", self.daemon.url));
        // What is refused before its body was read ends the connection.
        let request = request.header("cookie", &self.cookie).header("connection", "close");
        let mut answer = request.send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn done(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.ask(path, body);
        assert!(matches!(status, 200 | 201), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let request = self.daemon.agent.get(format!("{}{path}", self.daemon.url));
        let mut answer = request.header("cookie", &self.cookie).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn read(&self, path: &str) -> String {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// A file whose name and headers say who it is for.
    fn upload(&self, content: &str, planted: &str) -> Value {
        let name: String = planted.chars().filter(|c| *c != '"').collect();
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}.gcode\"\r\n\r\n{content}\r\n--b--\r\n"
        );
        let request = self.daemon.agent.post(format!("{}/v1/files", self.daemon.url));
        let request = request.header("cookie", &self.cookie).header("user-agent", planted);
        let request = request.header("x-patient", planted).header("referer", planted);
        let mut answer =
            request.header("content-type", "multipart/form-data; boundary=b").send(body.as_bytes()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 201, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// `platen setup`, and users with every role that writes: one has the patient's secrets, the other has none.
fn set_up(lab: &Lab) {
    let mut command =
        platen(&["setup", "--config", lab.config.to_str().unwrap(), "--name", "eve", "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn user<'d>(eve: &As<'d>, name: &str, roles: &[&str]) -> As<'d> {
    let first = format!("{name} first words");
    eve.done("/v1/users", &json!({"name": name, "roles": roles, "password": first}));
    let them = As::sign_in(eve.daemon, name, &first);
    let own = format!("{name} own words of hers");
    them.done("/v1/session/password", &json!({"old": first, "new": own}));
    them
}

/// G-code that says who it is for in comments, on the display and to the host, which hears it as firmware's words.
fn file() -> String {
    let mut text = String::new();
    for planted in PLANTED {
        text += &format!("; for {planted}\n; object_name = {planted}\n");
    }
    text += &gcode(40);
    let said: String = PLANTED
        .iter()
        .map(|planted| format!("G1 X11 Y11 F6000 ; {planted}\nM117 {planted}\nM118 {planted}\n"))
        .collect();
    text.replace("M104 S0", &format!("{said}M104 S0"))
}

/// Every field of a case that somebody can write, with one identifier in it; how many were taken in.
fn plant(rita: &As<'_>, case: &str, serial: &str, planted: &str) -> usize {
    let (of_case, of_part) = (format!("/v1/cases/{case}/steps"), format!("/v1/cases/{case}/parts/1/steps"));
    let sentence = format!("please print {planted} again");
    let label: String = planted.chars().take(40).collect();
    let about = json!({"kind": "model", "service": label, "requester": label, "indication": sentence,
        "modality": label, "needed_by": "2099-12-24"});
    let part = json!({"kind": "component", "region": label, "subregion": label, "structure": label,
        "comment": sentence.chars().take(60).collect::<String>(), "guide_type": label});
    let processing = json!({"kind": "wash", "recipe": sentence, "equipment": label});
    let asked = [
        (of_case.clone(), json!({"is": "described", "about": about})),
        (of_part, json!({"is": "described", "about": part})),
        (format!("/v1/cases/{case}/messages"), json!({"text": sentence})),
        (format!("/v1/cases/{case}/parts"), json!({"name": label})),
        (of_case.clone(), json!({"is": "held", "why": sentence})),
        (of_case, json!({"is": "continued"})),
        (format!("/v1/printed/{serial}/steps"), json!({"is": "processed", "processing": processing})),
        (
            "/v1/inspections".into(),
            json!({"subject": {"of": "part", "serial": serial}, "template": "look", "values": [1.0], "note": sentence}),
        ),
        (
            "/v1/nonconformances".into(),
            json!({"about": {"of": "case", "case": case}, "cause": "other", "severity": "minor", "what": sentence}),
        ),
        // What is no word of theirs, in places where a word of theirs is wanted.
        (format!("/v1/cases/{planted}/parts"), json!({"name": "x"})),
        (format!("/v1/cases/{case}/identifiers/read"), json!({"reason": planted})),
    ];
    let mut taken = 0;
    for (path, body) in asked {
        let path: String =
            path.chars().map(|c| if c.is_ascii_graphic() && c != '^' { c } else { '_' }).collect();
        let (status, _) = rita.ask(&path.replace("https://", ""), &body);
        taken += usize::from(matches!(status, 200 | 201));
    }
    taken
}

/// The same for what is of no case: material, printers, what is measured with, what is not right about these.
fn plant_elsewhere(rita: &As<'_>, lot: &str, planted: &str) -> usize {
    let sentence = format!("that was for {planted} again");
    let label: String = planted.chars().take(40).collect();
    let name: String = planted
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    // A link is none any more where a name has only letters, digits and hyphens.
    let name = if planted.starts_with("https") { "a-link" } else { name.trim_matches('-') };
    let of_lot = format!("/v1/lots/{lot}/steps");
    let of_printer = "/v1/printers/mk/qualification";
    let about = json!({"material": label, "supplier_lot": label, "supplier": label, "certificate": sentence,
        "received": "2020-01-01", "expires": "2099-01-01", "grams": 1000});
    let item = json!({"name": label, "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    let mut taken = 0;
    let mut ask = |path: &str, body: Value| {
        let (status, told) = rita.ask(path, &body);
        taken += usize::from(matches!(status, 200 | 201));
        serde_json::from_str::<Value>(&told).unwrap_or_default()
    };
    let received = ask("/v1/lots", about);
    if let Some(lot) = received["id"].as_str() {
        ask("/v1/printers/mk/loads", json!({"lot": lot, "slot": 0}));
        ask("/v1/printers/mk/unload", json!({"slot": 0}));
    }
    for step in ["blocked", "unblocked", "recalled", "unblocked"] {
        ask(&of_lot, json!({"is": step, "why": sentence}));
    }
    ask(of_printer, json!({"is": "qualified"}));
    ask(of_printer, json!({"is": "restricted", "uses": ["guide"], "why": sentence}));
    ask(of_printer, json!({"is": "withdrawn", "why": sentence}));
    ask("/v1/instruments", json!({"name": name, "what": label, "calibration_due": "2099-01-01"}));
    ask("/v1/templates", json!({"name": name, "method": "visual", "items": [item]}));
    for about in [json!({"of": "lot", "lot": lot}), json!({"of": "printer", "printer": "mk"})] {
        let opened = json!({"about": about, "cause": "other", "severity": "critical", "what": sentence});
        let id = ask("/v1/nonconformances", opened)["id"].as_str().unwrap_or_default().to_owned();
        ask(&format!("/v1/nonconformances/{id}/steps"), json!({"is": "closed", "capa": sentence}));
    }
    ask("/v1/printers/mk/console", json!({"command": format!("M117 {planted}")}));
    taken
}

/// A message that is mailed to whom it names.
fn mention(rita: &As<'_>, case: &str, planted: &str) {
    let text = json!({"text": format!("please look at {planted}"), "mentions": ["lee"]});
    rita.ask(&format!("/v1/cases/{case}/messages"), &text);
}

#[test]
fn of_thirty_identifiers_planted_everywhere_none_leaves_the_lab() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = runtime.block_on(platen::io::broker::Broker::start(0, 0)).unwrap();
    let port = broker.v311.port();
    let heard = Process::spawn(Command::new("mosquitto_sub").args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-v",
        "-t",
        "#",
    ]));

    let folder = tempfile::tempdir().unwrap();
    let mut mk = printer(folder.path(), "mk", Face::Marlin21, 50.0);
    mk.rig.firmware.machine_type = "Jane Quimby-Doe".into();
    let lab = Lab::new(folder, vec![mk], "");
    let key = lab.folder.path().join("vault.key");
    let made = platen(&["vault", "new-key", key.to_str().unwrap()]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let (mails, posts) = (Catcher::of_mail(), Catcher::of_posts());
    let secret = lab.folder.path().join("secret");
    std::fs::write(&secret, "a long random line of this lab\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let notified = format!(
        "[notifications.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"platen@lab.example\"\n[notifications.webhook]\nurl = \"http://127.0.0.1:{}/\"\nsecret_file = {secret:?}\n",
        mails.port, posts.port
    );
    let top = format!(
        "[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\nversion = \"3.1.1\"\n[vault]\nkey_file = {key:?}\n{notified}"
    );
    lab.configure(&top, "");
    set_up(&lab);
    // Also what only somebody who looks for a fault sees.
    let mut serve = platen(&["serve", "--config", lab.config.to_str().unwrap()]);
    let daemon = Daemon::of(Process::spawn(serve.env("PLATEN_LOG", "warn,platen=trace")));
    let eve = As::sign_in(&daemon, "eve", PASSWORD);
    let writes = ["requester", "designer", "operator", "inspector", "releaser", "materials", "maintenance"];
    let rita = user(&eve, "rita", &[&writes[..], &["auditor", "biller"]].concat());
    let lee = user(&eve, "lee", &["auditor"]);
    let kim = user(&eve, "kim", &["auditor"]);
    // Nobody is sent many at a time: what matters here has somebody of its own.
    let topics = Topic::ALL.map(Topic::word).into_iter();
    let (few, rest): (Vec<_>, Vec<_>) =
        topics.partition(|topic| ["mentioned", "material_recalled"].contains(topic));
    for (them, name, topics) in [(&lee, "lee", few), (&kim, "kim", rest)] {
        let ways = |topic: &&str| ((*topic).to_owned(), json!(["mail", "webhook", "mqtt"]));
        let chosen: serde_json::Map<String, Value> = topics.iter().map(ways).collect();
        them.done("/v1/notifications", &json!({"mail": format!("{name}@lab.example"), "topics": chosen}));
    }

    // Before the vault has them, everything is taken in that can be written.
    let case =
        rita.done("/v1/cases", &json!({"intended_use": "guide"}))["token"].as_str().unwrap().to_owned();
    rita.done(&format!("/v1/cases/{case}/parts"), &json!({"name": "left hand"}));
    let serial = format!("{case}-1-1");
    let uploaded = rita.upload(&file(), PLANTED[0]);
    let item = json!({"name": "whole", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    rita.done("/v1/templates", &json!({"name": "look", "method": "visual", "items": [item]}));
    let job = json!({"file": uploaded["file"], "case": case, "part": 1, "printer": "mk",
        "material": "PLA Quimby-Doe"});
    let job = rita.done("/v1/jobs", &job)["id"].as_str().unwrap().to_owned();
    until("a printed job", || {
        let job: Value = serde_json::from_str(&rita.read(&format!("/v1/jobs/{job}"))).unwrap();
        assert!(job["ended"].is_null() || job["state"] == "printed", "{job}");
        (job["state"] == "printed").then_some(())
    });
    rita.done("/v1/printers/mk/clear-bed", &json!({}));
    let mut taken = 0;
    for planted in PLANTED {
        taken += plant(&rita, &case, &serial, planted);
        rita.upload("G28\n", planted);
    }
    assert!(taken > 120, "only {taken} fields took an identifier: what is held back then?");
    let lot = json!({"material": "PLA", "supplier_lot": "L-1", "received": "2020-01-01", "expires": "2099-01-01", "grams": 1000});
    let lot = rita.done("/v1/lots", &lot)["id"].as_str().unwrap().to_owned();
    let planted_lot = json!({"material": "Quimby-Doe", "supplier_lot": "vandermeer", "supplier": "4711081599",
        "received": "2020-01-01", "expires": "2099-01-01", "certificate": "Jane", "grams": 1000});
    let planted_lot = rita.done("/v1/lots", &planted_lot)["id"].as_str().unwrap().to_owned();
    mention(&rita, &case, PLANTED[0]);
    rita.done(
        &format!("/v1/lots/{planted_lot}/steps"),
        &json!({"is": "recalled", "why": "spilt by Jane Quimby-Doe"}),
    );
    let mut taken = 0;
    for planted in PLANTED {
        taken += plant_elsewhere(&rita, &lot, planted);
        mention(&rita, &case, planted);
    }
    assert!(taken > 400, "only {taken} words of no case were taken in: what is held back then?");
    // One of those who print the same for somebody else, whose words are nobody's secret.
    let other =
        rita.done("/v1/cases", &json!({"intended_use": "guide"}))["token"].as_str().unwrap().to_owned();
    rita.done(&format!("/v1/cases/{other}/messages"), &json!({"text": "the aortic arch is ready"}));

    let identifiers = json!({"name": "Quimby-Doe, Jane", "mrn": "47-11081599", "accession": "RAD2031445566",
        "surgeon": "Dr. Ada Vandermeer", "surgery_at": "2031-07-23T07:30", "birth_date": "1960-05-12"});
    let path = format!("/v1/cases/{case}/identifiers");
    assert_clean(&rita.done(&path, &identifiers).to_string(), "what is told of the keeping");
    let shown = rita.done(&format!("{path}/read"), &json!({"reason": "clinical_question"}));
    assert_eq!(
        shown,
        json!({"name": "Quimby-Doe, Jane", "mrn": "47-11081599", "accession": "RAD2031445566",
        "surgeon": "Dr. Ada Vandermeer", "surgery_at": "2031-07-23T07:30", "birth_date": "1960-05-12"})
    );

    // From here on what the vault has is refused, and the words say so without repeating it.
    for planted in &PLANTED[..OF_THE_VAULT] {
        let text = json!({"text": format!("please print {planted} again")});
        let (status, told) = rita.ask(&format!("/v1/cases/{case}/messages"), &text);
        assert!(status == 422 && told.contains("names-a-patient"), "{planted}: {status} {told}");
        assert_clean(&told, "a refusal");
        plant(&rita, &case, &serial, planted);
        // A day of surgery is any working day of the hospital's, and names nobody in words of no case.
        let blocked = json!({"is": "blocked", "why": format!("spilt by {planted}")});
        let (status, told) = rita.ask(&format!("/v1/lots/{lot}/steps"), &blocked);
        let refused = status == 422 && told.contains("names-a-patient") && told.contains("`why` has");
        assert_eq!(
            refused,
            !planted.contains("2031") || planted.starts_with(['R', 'r']),
            "{planted}: {told}"
        );
        if refused {
            assert_clean(&told, "a refusal about a lot");
        }
        plant_elsewhere(&rita, &lot, planted);
        mention(&rita, &case, planted);
    }
    rita.done(&format!("/v1/cases/{case}/messages"), &json!({"text": "the left hand is ready"}));
    let why = json!({"is": "unblocked", "why": "the seal was open"});
    rita.done(&format!("/v1/lots/{planted_lot}/steps"), &why);
    for bad in [
        json!({"name": 4_711_081_599_u64}),
        json!({"Jane Quimby-Doe": "x"}),
        json!({"birth_date": "12.05.1960"}),
    ] {
        let (status, told) = rita.ask(&path, &bad);
        assert_eq!(status, 400, "{told}");
        assert_clean(&told, "an error");
    }

    // Everything that leaves.
    let mut reports = Vec::new();
    for kind in [
        format!("case?case={case}"),
        format!("worksheet?case={case}"),
        "registry?".into(),
        format!("registry?case={case}"),
        "value?".into(),
        "printer?printer=mk".into(),
        format!("lot?lot={lot}"),
        format!("lot?lot={planted_lot}"),
        format!("lot?case={case}"),
        "audit?".into(),
        format!("audit?case={case}"),
    ] {
        for format in ["html", "json", "csv"] {
            reports.push((kind.clone(), rita.read(&format!("/v1/reports/{kind}&format={format}"))));
        }
    }
    for (kind, report) in &reports {
        assert_clean(report, &format!("the report {kind}"));
    }
    let of = |kind: &str| {
        let found = reports.iter().filter(|(of, _)| of.starts_with(kind));
        found.map(|(_, text)| text.as_str()).collect::<String>()
    };
    assert!(of("case?").contains("words that may say who a patient is"), "something was held back");
    assert!(of("case?").contains("left hand"), "and what is harmless was not");
    assert!(
        of("lot?").contains("words that may say who a patient is")
            && of("lot?").contains("the seal was open")
    );
    assert!(of("printer?").contains("words that may say who a patient is"));
    assert!(
        of("audit?").contains("the left hand is ready") && of("audit?").contains("the aortic arch is ready")
    );
    let story = rita.read(&format!("/v1/cases/{case}/story"));
    assert_has_nothing_of_the_vault(&story, "the story");
    assert!(
        story.contains("the left hand is ready") && story.contains("rita reads the identifiers"),
        "{story}"
    );
    for (stock, format) in [("62x29", "svg"), ("100x50", "pdf")] {
        let request = daemon
            .agent
            .get(format!("{}/v1/printed/{serial}/label?stock={stock}&format={format}", daemon.url));
        let mut answer = request.header("cookie", &rita.cookie).call().unwrap();
        assert_eq!(answer.status(), 200);
        let bytes = answer.body_mut().read_to_vec().unwrap();
        assert_clean(&String::from_utf8_lossy(&bytes), "a label");
    }
    for path in ["/metrics", "/healthz"] {
        assert_clean(&lee.read(path), path);
    }
    // Somebody who may read what was done, and not whom it is for.
    for (path, body) in [
        (format!("/v1/cases/{case}/identifiers/read"), json!({"reason": "audit"})),
        (format!("/v1/cases/{case}/identifiers/erase"), json!({"reason": "retention"})),
        (format!("/v1/cases/{case}/steps"), json!({"is": "released", "digest": "a".repeat(64)})),
        (format!("/v1/printed/{serial}/steps"), json!({"is": "packed"})),
        ("/v1/jobs".into(), json!({"file": "a".repeat(64), "case": case, "part": 99})),
    ] {
        let (status, told) = lee.ask(&path, &body);
        assert!((400..500).contains(&status), "{path}: {told}");
        assert_clean(&told, "an error for somebody else");
    }
    let journal = lee.read("/v1/journal");
    assert!(
        journal.contains("\"step\":\"kept\"") && journal.contains("clinical_question"),
        "the journal tells who and why"
    );

    // And what went out all the while.
    let (mail, post) = until("letters and posts of what was written", || {
        let (mail, post) = (mails.caught(), posts.caught());
        let told = |what| mail.contains(what) && post.contains(what);
        (told("you are mentioned") && told("a lot is recalled") && told(&case)).then_some((mail, post))
    });
    assert_clean(&mail, "the mail");
    assert_clean(&post, "what the webhook got");
    assert!(mail.contains("Subject: platen: "), "{mail}");
    assert!(post.to_ascii_lowercase().contains("x-platen-signature"), "{post}");
    until("the broker has heard of the end", || heard.out().contains("\"printed\"").then_some(()));
    let told = daemon.terminate();
    assert!(told.err.contains("words were refused"), "{}", told.err);
    assert_clean(&told.err, "the log");
    assert_clean(&told.out, "the standard output");
    let out = heard.out();
    assert!(out.contains(&case) && out.contains("platen/v1/st-anna/"), "{out}");
    assert_clean(&out, "what the broker heard");
    for entry in std::fs::read_dir(lab.state().join("vault")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert_clean(&String::from_utf8_lossy(&bytes), "a sealed record");
    }
}
