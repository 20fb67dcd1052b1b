//! The door over a real socket: every route for every role, and how people come in, change and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use platen::api::{compat, door, ui};
use platen::config::Config;
use platen::daemon::Daemon;
use platen::domain::event::Fact;
use platen::domain::people::roles::Role;
use serde_json::{Value, json};
use support::{Answer, GCODE, TestLab, description, lab, lab_of_people, parse, tetrahedron};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ADA: &str = "notes on the engine";
const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The words of docs/roles.md of what is asked on a route; `open` and `known` beside them.
#[rustfmt::skip]
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/", "see printers, jobs, cases and files, without patients"),
    ("GET", "/printers/{name}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/commission", "see printers, jobs, cases and files, without patients"),
    ("GET", "/queue", "see printers, jobs, cases and files, without patients"),
    ("GET", "/queue/new", "queue jobs"),
    ("GET", "/cases", "see printers, jobs, cases and files, without patients"),
    ("GET", "/cases/{token}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/cases/{token}/story", "read what is said on a case"),
    ("GET", "/hands", "see printers, jobs, cases and files, without patients"),
    ("GET", "/printed/{serial}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/printed/{serial}/inspect", "inspect parts"),
    ("GET", "/materials", "see printers, jobs, cases and files, without patients"),
    ("GET", "/materials/{lot}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/reports", "read reports, counts and costs"),
    ("GET", "/people", "add, change and disable users"),
    ("GET", "/audit", "read and verify the journal"),
    ("GET", "/settings", "see printers, jobs, cases and files, without patients"),
    ("GET", "/look", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/queue", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/queue/{id}", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/queue/{id}", "queue jobs"),
    ("POST", "/v1/jobs/{id}/reprint", "queue jobs"),
    ("GET", "/v1/printers/{name}/maintenance", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printers/{name}/maintenance", "qualify and calibrate printers"),
    ("POST", "/v1/printers/{name}/maintenance/call-off", "qualify and calibrate printers"),
    ("GET", "/v1/uploads", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/uploads/{id}/assign", "queue jobs"),
    ("POST", "/v1/uploads/{id}/dismiss", "queue jobs"),
    ("POST", "/do/assign", "queue jobs"),
    ("POST", "/do/dismiss", "queue jobs"),
    ("GET", "/v1/cases", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/cases", "open a case and ask for it"),
    ("POST", "/v1/cases/search", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/cases/{token}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/cases/{token}/story", "read what is said on a case"),
    ("POST", "/v1/cases/{token}/parts", "add parts and revisions to a case"),
    ("GET", "/v1/cases/{token}/identifiers", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/cases/{token}/identifiers", "write down who a case is for"),
    ("POST", "/v1/cases/{token}/identifiers/read", "see who a case is for"),
    ("POST", "/v1/cases/{token}/identifiers/erase", "write down who a case is for"),
    ("POST", "/v1/vault/reseal", "have the vault sealed with another key"),
    ("GET", "/v1/vault/records", "copy the journal and all files"),
    ("GET", "/v1/vault/records/{token}", "copy the journal and all files"),
    ("GET", "/v1/cases/{token}/quality", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/cases/{token}/steps?requested", "open a case and ask for it"),
    ("POST", "/v1/cases/{token}/steps?accepted", "accept a case for the lab"),
    ("POST", "/v1/cases/{token}/steps?design_begun", "add parts and revisions to a case"),
    ("POST", "/v1/cases/{token}/steps?approval_asked", "add parts and revisions to a case"),
    ("POST", "/v1/cases/{token}/steps?sent_back", "approve a design before it is printed"),
    ("POST", "/v1/cases/{token}/steps?approved", "approve a design before it is printed"),
    ("POST", "/v1/cases/{token}/steps?production_begun", "queue jobs"),
    ("POST", "/v1/cases/{token}/steps?qc_begun", "record steps after printing"),
    ("POST", "/v1/cases/{token}/steps?rework_asked", "inspect parts"),
    ("POST", "/v1/cases/{token}/steps?released", "release or recall parts and cases"),
    ("POST", "/v1/cases/{token}/steps?delivered", "hand over released parts"),
    ("POST", "/v1/cases/{token}/steps?used", "say how a part helped"),
    ("POST", "/v1/cases/{token}/steps?reminded", "write on a case"),
    ("POST", "/v1/cases/{token}/steps?assessment_waived", "hold, cancel or reopen a case"),
    ("POST", "/v1/cases/{token}/steps?closed", "hold, cancel or reopen a case"),
    ("POST", "/v1/cases/{token}/steps?held", "hold, cancel or reopen a case"),
    ("POST", "/v1/cases/{token}/steps?continued", "hold, cancel or reopen a case"),
    ("POST", "/v1/cases/{token}/steps?cancelled", "hold, cancel or reopen a case"),
    ("POST", "/v1/cases/{token}/steps?reopened", "hold, cancel or reopen a case"),
    ("GET", "/v1/cases/{token}/to-sign", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/cases/{token}/messages", "read what is said on a case"),
    ("POST", "/v1/cases/{token}/messages", "write on a case"),
    ("GET", "/v1/cases/{token}/efforts", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/cases/{token}/efforts", "record time and money spent on a case"),
    ("GET", "/v1/cases/{token}/costs", "read reports, counts and costs"),
    ("POST", "/v1/cases/{token}/costs", "record time and money spent on a case"),
    ("GET", "/v1/cases/{token}/parts/{part}", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/cases/{token}/parts/{part}/steps", "add parts and revisions to a case"),
    ("GET", "/v1/printed", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/printed/{serial}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/printed/{serial}/label", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printed/{serial}/steps?planned", "queue jobs"),
    ("POST", "/v1/printed/{serial}/steps?revision_attested", "queue jobs"),
    ("POST", "/v1/printed/{serial}/steps?sent_to_inspection", "record steps after printing"),
    ("POST", "/v1/printed/{serial}/steps?accepted", "inspect parts"),
    ("POST", "/v1/printed/{serial}/steps?rejected", "inspect parts"),
    ("POST", "/v1/printed/{serial}/steps?scrapped", "decide what becomes of a part that is not as it should be"),
    ("POST", "/v1/printed/{serial}/steps?released", "release or recall parts and cases"),
    ("POST", "/v1/printed/{serial}/steps?packed", "hand over released parts"),
    ("POST", "/v1/printed/{serial}/steps?handed_over", "hand over released parts"),
    ("POST", "/v1/printed/{serial}/steps?delivered", "hand over released parts"),
    ("POST", "/v1/printed/{serial}/steps?quarantined", "report that something is not as it should be"),
    ("POST", "/v1/printed/{serial}/steps?quarantine_lifted", "decide what becomes of a part that is not as it should be"),
    ("POST", "/v1/printed/{serial}/steps?recalled", "release or recall parts and cases"),
    ("GET", "/v1/printed/{serial}/to-sign", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/inspections", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/inspections?part", "inspect parts"),
    ("POST", "/v1/inspections?phantom", "qualify and calibrate printers"),
    ("GET", "/v1/inspections/{id}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/inspections/{id}/look-back", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/photos", "inspect parts / qualify and calibrate printers"),
    ("GET", "/v1/photos/{hash}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/templates", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/templates", "change templates, rates and code tables"),
    ("GET", "/v1/templates/{name}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/instruments", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/instruments", "qualify and calibrate printers"),
    ("GET", "/v1/lots", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/lots", "take in, open, block or use up lots"),
    ("GET", "/v1/lots/{lot}", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/lots/{lot}/steps", "take in, open, block or use up lots"),
    ("POST", "/v1/lots/{lot}/uses", "take in, open, block or use up lots"),
    ("GET", "/v1/lots/{lot}/look-back", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/lots/{lot}/label", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/loads", "load a lot into a printer"),
    ("POST", "/v1/scans", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/nonconformances", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/nonconformances", "report that something is not as it should be"),
    ("GET", "/v1/nonconformances/{id}", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/nonconformances/{id}/steps", "decide what becomes of a part that is not as it should be"),
    ("GET", "/v1/nonconformances/{id}/to-sign", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/processes", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/site-rules", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/site-rules", "change templates, rates and code tables"),
    ("GET", "/v1/printers/{name}/qualification", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printers/{name}/qualification", "qualify and calibrate printers"),
    ("GET", "/v1/printers/{name}/label", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/printers/{name}/loads", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printers/{name}/loads", "load a lot into a printer"),
    ("POST", "/v1/printers/{name}/unload", "load a lot into a printer"),
    ("GET", "/v1/printers/{name}/resin", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printers/{name}/vat/fill", "load a lot into a printer"),
    ("POST", "/v1/printers/{name}/vat/top-up", "load a lot into a printer"),
    ("POST", "/v1/printers/{name}/vat/measure", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/vat/stir", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/vat/filter", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/vat/empty", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/display", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/film", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/printers/{name}/checklist", "tend a resin printer's vat, film and display"),
    ("POST", "/v1/cases/{token}/steps?units_confirmed", "confirm the units of a case"),
    ("GET", "/v1/reports/made", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?case", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?worksheet", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?value", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?printer", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?lot", "read reports, counts and costs"),
    ("GET", "/v1/reports/{kind}?registry", "export for a registry"),
    ("GET", "/v1/reports/{kind}?audit", "read and verify the journal"),
    ("GET", "/v1/files", "copy the journal and all files"),
    ("POST", "/v1/files", "upload files"),
    ("GET", "/v1/files/{hash}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/files/{hash}/content", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/files/{hash}/preflight", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/files/{hash}/picture", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/models", "upload files"),
    ("GET", "/v1/models/{hash}/picture", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/jobs", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/jobs", "queue jobs"),
    ("GET", "/v1/jobs/{id}", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/jobs/{id}/start", "start a job that waits for a person"),
    ("POST", "/v1/jobs/{id}/accept", "accept warnings about a file"),
    ("POST", "/v1/jobs/{id}/pause", "pause a job"),
    ("POST", "/v1/jobs/{id}/resume", "resume a paused job"),
    ("POST", "/v1/jobs/{id}/cancel", "cancel a job"),
    ("POST", "/v1/jobs/{id}/resume-file", "go on with an interrupted part"),
    ("GET", "/v1/printers", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/printers/{name}", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/printers/{name}/temperatures", "see printers, jobs, cases and files, without patients"),
    ("POST", "/v1/printers/{name}/clear-bed", "say that a bed is clear"),
    ("POST", "/v1/printers/{name}/clear-latch", "say that a locked printer may be used again"),
    ("POST", "/v1/printers/{name}/identify", "say which board is a printer's"),
    ("POST", "/v1/printers/{name}/answer", "answer what a printer asks"),
    ("POST", "/v1/printers/{name}/console", "send a printer commands"),
    ("GET", "/v1/commissioning/ports", "qualify and calibrate printers / change templates, rates and code tables"),
    ("POST", "/v1/commissioning/probe", "qualify and calibrate printers"),
    ("GET", "/v1/commissioning/profiles", "qualify and calibrate printers / change templates, rates and code tables"),
    ("POST", "/v1/commissioning/configuration", "change templates, rates and code tables"),
    ("POST", "/v1/commissioning/save", "change templates, rates and code tables"),
    ("POST", "/v1/commissioning/test-print", "qualify and calibrate printers"),
    ("GET", "/v1/events", "see printers, jobs, cases and files, without patients"),
    ("GET", "/v1/audit", "read and verify the journal"),
    ("GET", "/v1/journal", "read and verify the journal"),
    ("POST", "/v1/session/password", "change their own password, tokens and notices"),
    ("GET", "/v1/tokens", "change their own password, tokens and notices"),
    ("POST", "/v1/tokens", "change their own password, tokens and notices"),
    ("POST", "/v1/tokens/{id}/revoke", "change their own password, tokens and notices"),
    ("GET", "/v1/app-keys", "change their own password, tokens and notices"),
    ("POST", "/v1/app-keys/{code}", "change their own password, tokens and notices"),
    ("GET", "/v1/notifications", "change their own password, tokens and notices"),
    ("POST", "/v1/notifications", "change their own password, tokens and notices"),
    ("GET", "/v1/users", "add, change and disable users"),
    ("POST", "/v1/users", "add, change and disable users"),
    ("GET", "/v1/users/{name}", "add, change and disable users"),
    ("POST", "/v1/users/{name}/roles", "add, change and disable users"),
    ("POST", "/v1/users/{name}/password", "add, change and disable users"),
    ("POST", "/v1/users/{name}/disable", "add, change and disable users"),
    ("POST", "/v1/users/{name}/enable", "add, change and disable users"),
    ("POST", "/v1/users/{name}/unlock", "add, change and disable users"),
    ("GET", "/v1/users/{name}/notifications", "add, change and disable users"),
    ("POST", "/v1/users/{name}/notifications", "add, change and disable users"),
    ("POST", "/do/password", "change their own password, tokens and notices"),
    ("POST", "/do/token", "change their own password, tokens and notices"),
    ("POST", "/do/revoke", "change their own password, tokens and notices"),
    ("POST", "/do/app-key", "change their own password, tokens and notices"),
    ("POST", "/do/clear-bed", "say that a bed is clear"),
    ("POST", "/do/clear-latch", "say that a locked printer may be used again"),
    ("POST", "/do/identify", "say which board is a printer's"),
    ("POST", "/do/answer", "answer what a printer asks"),
    ("POST", "/do/console", "send a printer commands"),
    ("POST", "/do/job?start", "start a job that waits for a person"),
    ("POST", "/do/job?accept", "accept warnings about a file"),
    ("POST", "/do/job?pause", "pause a job"),
    ("POST", "/do/job?resume", "resume a paused job"),
    ("POST", "/do/job?cancel", "cancel a job"),
    ("GET", "/v1/session", "known"),
    ("GET", "/account", "known"),
    ("GET", "/live", "known"),
    ("POST", "/v1/stop", "open"),
    ("POST", "/do/stop", "open"),
    ("GET", "/sign-in", "open"),
    #[cfg(feature = "oidc")]
    ("GET", "/sign-in/site", "open"),
    #[cfg(feature = "oidc")]
    ("GET", "/sign-in/back", "open"),
    ("POST", "/do/sign-in", "open"),
    ("POST", "/v1/session", "open"),
    ("GET", "/assets/{file}", "open"),
    ("GET", "/favicon.ico", "open"),
    ("POST", "/do/looks", "open"),
    ("GET", "/openapi.json", "open"),
    ("GET", "/healthz", "open"),
    ("GET", "/metrics", "open"),
    // They end the session that asks: last.
    ("POST", "/do/sign-out", "open"),
    ("DELETE", "/v1/session", "open"),
];

/// What docs/roles.md says: for each thing its roles, and what no token may.
struct Page {
    roles: BTreeMap<String, BTreeSet<String>>,
    not_with_a_token: BTreeSet<String>,
}

impl Page {
    fn read() -> Self {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md")).unwrap();
        let cells = |row: &str| -> Vec<String> {
            row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let mut rows = text.lines().skip_while(|line| !line.starts_with("| may |"));
        let head = cells(rows.next().unwrap());
        let table = rows.skip(1).take_while(|line| line.starts_with('|')).map(|row| {
            let row = cells(row);
            let yes = head.iter().zip(&row).filter(|(_, cell)| *cell == "yes");
            (row[0].clone(), yes.map(|(role, _)| role.clone()).collect())
        });
        let barred = text.lines().filter_map(|line| line.strip_prefix("  - "));
        Self { roles: table.collect(), not_with_a_token: barred.map(str::to_owned).collect() }
    }
}

/// Somebody who asks.
struct Someone {
    called: String,
    header: String,
    role: Option<Role>,
    by_token: bool,
    own_password: bool,
}

impl Someone {
    fn may(&self, page: &Page, what: &str) -> bool {
        match (what, self.role) {
            ("open", _) => true,
            (_, None) => false,
            ("known", _) => true,
            (_, Some(_)) if !self.own_password => what == "change their own password, tokens and notices",
            // One of these is enough.
            (_, Some(role)) => what.split(" / ").any(|what| {
                page.roles[what].contains(role.word())
                    && !(self.by_token && page.not_with_a_token.contains(what))
            }),
        }
    }
}

fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
    format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
}

/// What the tests ask in somebody's name.
struct As<'l>(&'l TestLab, String);

impl As<'_> {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("{JSON}{}", self.1);
        self.0.send(method, path, &headers, body.to_string().as_bytes()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.0.send("GET", path, &self.1, b"").await
    }
}

async fn try_to_sign_in(lab: &TestLab, name: &str, password: &str) -> Answer {
    lab.post("/v1/session", &json!({"name": name, "password": password})).await
}

async fn sign_in<'l>(lab: &'l TestLab, name: &str, password: &str) -> As<'l> {
    let answer = try_to_sign_in(lab, name, password).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    As(lab, cookie_of(&answer))
}

/// A user who has chosen their own password, signed in with it.
async fn user<'l>(ada: &As<'l>, name: &str, roles: &[&str]) -> As<'l> {
    named(ada, name, name, roles).await
}

/// The same with a name in full.
async fn named<'l>(ada: &As<'l>, name: &str, printed: &str, roles: &[&str]) -> As<'l> {
    let first = format!("{name} first words");
    let new = json!({"name": name, "printed": printed, "roles": roles, "password": first});
    let added = ada.post("/v1/users", new).await;
    assert_eq!(added.status, 201, "{added:?}");
    let them = sign_in(ada.0, name, &first).await;
    let change = json!({"old": first, "new": own(name)});
    assert_eq!(them.post("/v1/session/password", change).await.status, 200);
    them
}

fn own(name: &str) -> String {
    format!("{name} own words")
}

async fn token(them: &As<'_>, roles: &[&str]) -> (String, String) {
    let made = them.post("/v1/tokens", json!({"label": "a script", "roles": roles})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

async fn everyone(lab: &TestLab) -> Vec<Someone> {
    let ada = sign_in(lab, "ada", ADA).await;
    let stranger = |called: &str, header: &str| Someone {
        called: called.into(),
        header: header.into(),
        role: None,
        by_token: false,
        own_password: true,
    };
    let mut all = vec![
        stranger("nobody", ""),
        stranger(
            "a forged session",
            &format!("Cookie: platen_session=platen_0000000000000000_{}\r\n", "0".repeat(64)),
        ),
    ];
    for role in Role::ALL {
        let name = format!("u.{role}");
        let them = user(&ada, &name, &[role.word()]).await;
        let (_, secret) = token(&them, &[role.word()]).await;
        let someone = |called: String, header: String, by_token| Someone {
            called,
            header,
            role: Some(role),
            by_token,
            own_password: true,
        };
        all.push(someone(format!("{role}"), them.1.clone(), false));
        all.push(someone(format!("a token of {role}"), bearer(&secret), true));
        let fresh = format!("f.{role}");
        let new = json!({"name": fresh, "roles": [role.word()], "password": "chosen by ada herself"});
        assert_eq!(ada.post("/v1/users", new).await.status, 201);
        let fresh = sign_in(lab, &fresh, "chosen by ada herself").await;
        let called = format!("{role} with a password of another's");
        all.push(Someone { called, header: fresh.1, role: Some(role), by_token: false, own_password: false });
    }
    all
}

/// A step with what it takes, so that only who asks decides whether they may.
fn step(is: &str, further: Value) -> Value {
    let mut step = json!({"is": is});
    let more = match is {
        "approved" | "released" => json!({"digest": "a".repeat(64)}),
        "units_confirmed" => json!({"of": "a".repeat(64)}),
        "production_begun" => json!({"process": "fine"}),
        "revision_attested" => json!({"revision": 1}),
        "handed_over" => json!({"cycle": "7"}),
        "sent_back" | "rework_asked" | "assessment_waived" | "held" | "cancelled" | "reopened"
        | "rejected" | "scrapped" | "quarantined" | "quarantine_lifted" | "recalled" => json!({"why": "x"}),
        _ => further,
    };
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// What only a printed part's step takes.
fn of_a_part(is: &str) -> Value {
    match is {
        "accepted" => json!({"inspection": "0000000000000000"}),
        "delivered" => json!({"to": "theatre 3"}),
        _ => json!({}),
    }
}

fn inspection(of: &str) -> Value {
    let subject = match of {
        "phantom" => json!({"of": "phantom", "printer": "mk3-01"}),
        of => json!({"of": of, "serial": "000000000000q-1-1"}),
    };
    json!({"subject": subject, "template": "femur", "values": [1.0]})
}

/// What a route answers: let in or not, and if not, with which status. A page leads to where one signs in.
async fn asked(lab: &TestLab, method: &str, path: &str, someone: &Someone) -> Result<u16, u16> {
    let (path, change) = path.split_once('?').unwrap_or((path, ""));
    let real = path
        .replace("{token}", "000000000000q")
        .replace("{id}", "0000000000000000")
        .replace("{hash}", &"a".repeat(64))
        .replace("{serial}", "000000000000q-1-1")
        .replace("{part}", "1")
        .replace("{lot}", "0000000000000000")
        .replace("{kind}", change)
        .replace("{code}", "a1b2c3")
        .replace("{file}", "platen.css")
        .replace("{name}", "nemo");
    // A stream would not end.
    let real = match path {
        "/v1/events" => format!("{real}?after=999999"),
        // A page that stands still is none to be live.
        "/live" => format!("{real}?at=/queue/new"),
        _ => real,
    };
    let (kind, body) = match (method, path) {
        ("POST", "/do/job") => (FORM, format!("job=0000000000000000&change={change}")),
        ("POST", path) if path.starts_with("/do/") => (FORM, String::new()),
        ("POST", "/v1/files" | "/v1/models" | "/v1/photos") => ("", String::new()),
        ("POST", "/v1/cases/{token}/steps") => (JSON, step(change, json!({})).to_string()),
        ("POST", "/v1/printed/{serial}/steps") => (JSON, step(change, of_a_part(change)).to_string()),
        ("POST", "/v1/inspections") => (JSON, inspection(change).to_string()),
        ("POST", _) => (JSON, "{}".to_owned()),
        _ => ("", String::new()),
    };
    let answer = lab.send(method, &real, &format!("{kind}{}", someone.header), body.as_bytes()).await;
    match (answer.status, answer.header("location")) {
        (status @ (401 | 403), _) => Err(status),
        (303, Some(place)) if place.starts_with("/sign-in") && path != "/do/sign-out" => Err(401),
        (303, Some("/account")) if path != "/sign-in" => Err(403),
        (0, _) => panic!("{method} {path}: no answer"),
        (status, _) => Ok(status),
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_the_page_of_roles_names_and_nobody_else() {
    let lab = lab_of_people("ada", ADA).await;
    let (page, everyone) = (Page::read(), everyone(&lab).await);
    assert_eq!(everyone.len(), 2 + 3 * Role::ALL.len());
    let mut cells = 0;
    for (method, path, what) in ROUTES {
        for someone in &everyone {
            let told = asked(&lab, method, path, someone).await;
            let cell = format!("{method} {path} for {}: {told:?}", someone.called);
            match (someone.may(&page, what), someone.role) {
                (true, _) => assert!(told.is_ok(), "{cell}"),
                (false, None) => assert_eq!(told, Err(401), "{cell}"),
                (false, Some(_)) => assert_eq!(told, Err(403), "{cell}"),
            }
            cells += 1;
        }
    }
    assert_eq!(cells, ROUTES.len() * everyone.len());
}

#[test]
fn every_route_of_the_daemon_has_its_row_and_every_row_its_route() {
    let mut routes: BTreeSet<(String, String)> = BTreeSet::from([("GET".into(), "/openapi.json".into())]);
    for (path, item) in description()["paths"].as_object().unwrap() {
        routes.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    // The table of pages says the rest of it.
    let source = concat!(include_str!("../src/api/ui/mod.rs"), include_str!("../src/api/ui/pages.rs"));
    for path in ui::PATHS {
        let (_, after) = source
            .split_once(&format!("\"{path}\",\n            get("))
            .or_else(|| source.split_once(&format!(".route(\"{path}\", ")))
            .unwrap_or_else(|| panic!("{path} is no route"));
        let method = if after.starts_with("post(") { "POST" } else { "GET" };
        routes.insert((method.into(), (*path).into()));
    }
    assert_eq!(source.matches(".route(\"").count(), ui::PATHS.len(), "a path of the page is not in its list");
    routes.extend(ui::PAGES.iter().map(|page| ("GET".into(), page.path.into())));
    // The site's own sign-in has a file of its own.
    #[cfg(feature = "oidc")]
    routes.extend(["/sign-in/site", "/sign-in/back"].map(|path| ("GET".into(), path.into())));
    // What other hosts' programs ask has tests of its own.
    let own = door::rows().filter(|row| !compat::is_compat(row.1));
    let rows: BTreeSet<_> = own.map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
    assert_eq!(rows, routes);
    let tried: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.0.to_owned(), route.1.split('?').next().unwrap().to_owned()))
        .collect();
    assert_eq!(tried, routes, "the test tries them all");
    for (_, path, asks) in door::rows() {
        if let door::Asks::Nothing(why) = asks {
            assert!(!why.is_empty(), "{path} is open for no reason");
        }
    }
}

#[tokio::test]
async fn a_signature_asks_for_the_password_again_and_is_its_signers_whatever_the_request_says() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = named(&ada, "rita", "Rita Rossi, MD", &["requester"]).await;
    let dana = user(&ada, "dana", &["designer"]).await;
    let case = rita.post("/v1/cases", json!({"intended_use": "diagnostic"})).await.json();
    let at = |below: &str| format!("/v1/cases/{}/{below}", case["token"].as_str().unwrap());
    let done = async |them: &As<'_>, path: &str, body: Value| {
        let answer = them.post(path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        answer.json()
    };
    done(&dana, &at("parts"), json!({"name": "left hand"})).await;
    let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV", "needed_by": "2099-12-24"});
    done(&rita, &at("steps"), json!({"is": "described", "about": about})).await;
    let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
    done(&dana, &at("parts/1/steps"), json!({"is": "described", "about": about})).await;
    done(&rita, &at("steps"), json!({"is": "requested"})).await;
    for is in ["accepted", "design_begun"] {
        done(&dana, &at("steps"), json!({"is": is})).await;
    }
    let stored = lab.send("POST", "/v1/models", &dana.1, tetrahedron(1.0).as_bytes()).await.json();
    let revision = json!({"model": stored["model"]});
    done(&dana, &at("parts/1/steps"), json!({"is": "revised", "revision": revision})).await;
    done(&dana, &at("steps"), json!({"is": "approval_asked"})).await;

    let digest = rita.get(&at("to-sign?of=design")).await.json()["digest"].clone();
    let approval = |more: Value| {
        let mut body = json!({"is": "approved", "digest": digest});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let password = own("rita");
    let (_, secret) = token(&rita, &["requester"]).await;
    let script = As(&lab, bearer(&secret));
    for (them, more, status, slug) in [
        (&rita, json!({}), 409, "password-needed"),
        (&rita, json!({"password": "not this one at all"}), 403, "wrong-password"),
        (&rita, json!({"password": password, "by": "dana"}), 403, "in-another-name"),
        (&dana, json!({"password": own("dana")}), 403, "not-your-role"),
        (&script, json!({"password": password}), 403, "not-with-a-token"),
    ] {
        let refused = them.post(&at("steps"), approval(more.clone())).await;
        assert_eq!((refused.status, refused.problem().as_str()), (status, slug), "{more}: {refused:?}");
    }
    let now = done(&rita, &at("steps"), approval(json!({"password": password}))).await;
    let signature = &now["signatures"][0];
    assert_eq!((&signature["by"], &signature["proof"]), (&json!("rita"), &json!("password")), "{now}");
    assert_eq!(signature["printed_name"], "Rita Rossi, MD", "{now}");
    let story = rita.get(&at("story")).await;
    assert!(story.body.contains(" is approved by rita (Rita Rossi, MD), with the password"), "{story:?}");
    // Who notes a cost need not be allowed to read costs.
    let cost = json!({"kind": "other", "amount": 1_250, "what": "a courier"});
    let noted = done(&rita, &at("costs"), cost).await;
    assert_eq!((&noted["number"], &noted["by"]), (&json!(1), &json!("rita")), "{noted}");
    assert_eq!(rita.get(&at("costs")).await.status, 403);
    assert_eq!(dana.get(&at("costs")).await.json()["entries"][0]["what"], "a courier");
    let journal = ada.get("/v1/journal").await;
    assert_eq!(journal.status, 200);
    assert!(!journal.body.contains(&password), "the password is in the journal");
}

#[tokio::test]
async fn where_nobody_is_set_up_everybody_may_do_everything_and_nobody_signs_in() {
    let lab = lab().await;
    let someone = Someone {
        called: "all".into(),
        header: String::new(),
        role: None,
        by_token: false,
        own_password: true,
    };
    for (method, path, what) in ROUTES {
        let told = asked(&lab, method, path, &someone).await;
        assert!(told.is_ok(), "{method} {path} ({what}): {told:?}");
    }
    let refused = try_to_sign_in(&lab, "ada", ADA).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "nobody-set-up"));
    assert!(refused.header("set-cookie").is_none());
    assert!(lab.get("/sign-in").await.body.contains("Nobody is set up here"));
}

#[tokio::test]
async fn a_session_is_a_cookie_that_no_script_and_no_other_site_gets() {
    let lab = lab_of_people("ada", ADA).await;
    let answer = try_to_sign_in(&lab, " ADA ", ADA).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("platen_session=platen_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!((&answer.json()["name"], &answer.json()["by"]), (&json!("ada"), &json!("session")));
    assert!(!answer.body.contains("platen_session") && !answer.body.contains(ADA), "{}", answer.body);
    let ada = As(&lab, cookie_of(&answer));
    assert_eq!(ada.get("/v1/session").await.json()["roles"], json!(["admin"]));
    let out = ada.send("DELETE", "/v1/session", &json!({})).await;
    assert!(out.status == 200 && out.header("set-cookie").unwrap().contains("Max-Age=0"), "{out:?}");
    let after = ada.get("/v1/session").await;
    assert_eq!((after.status, after.problem().as_str()), (401, "not-signed-in"));
    assert_eq!(after.header("www-authenticate"), Some("Bearer realm=\"platen\""));
}

#[tokio::test]
async fn a_cookie_from_before_signing_in_is_not_the_one_after_it() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    // What somebody may have put into ada's browser: a session that nobody has, and their own.
    let made_up = format!("Cookie: platen_session=platen_{}_{}\r\n", "0".repeat(16), "0".repeat(64));
    for planted in [&made_up, &kim.1] {
        let json = json!({"name": "ada", "password": ADA}).to_string();
        let form = b"name=ada&password=notes+on+the+engine&to=/";
        let by_api = lab.send("POST", "/v1/session", &format!("{JSON}{planted}"), json.as_bytes()).await;
        let by_page = lab.send("POST", "/do/sign-in", &format!("{FORM}{planted}"), form).await;
        assert_eq!((by_api.status, by_page.status), (201, 303), "{by_api:?} {by_page:?}");
        for answer in [by_api, by_page] {
            let new = cookie_of(&answer);
            assert_ne!(&new, planted);
            assert_eq!(As(&lab, new).get("/v1/session").await.json()["name"], "ada");
        }
        let with_it = As(&lab, planted.clone()).get("/v1/session").await;
        assert!(with_it.status == 401 || with_it.json()["name"] == "kim", "{with_it:?}");
    }
}

#[tokio::test]
async fn an_admin_s_password_is_given_by_another_admin_alone_and_the_journal_says_by_whom() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let new = json!({"password": "chosen by adi alone"});
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
        let them = user(&ada, &format!("u.{role}"), &[role.word()]).await;
        let refused = them.post("/v1/users/ada/password", new.clone()).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "not-your-role"), "{role}");
    }
    let adi = user(&ada, "adi", &["admin"]).await;
    let (_, secret) = token(&adi, &["admin"]).await;
    let refused = As(&lab, bearer(&secret)).post("/v1/users/ada/password", new.clone()).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(lab.post("/v1/users/ada/password", &new).await.status, 401);
    assert_eq!(ada.get("/v1/users").await.status, 200, "nothing of it was done");
    let changes = async || {
        let all = facts(&lab).await;
        all.into_iter()
            .filter(|fact| fact["what"] == "password_changed" && fact["user"] == "ada")
            .collect::<Vec<_>>()
    };
    let before = changes().await.len();

    assert_eq!(adi.post("/v1/users/ada/password", new).await.status, 200);
    assert_eq!(ada.get("/v1/session").await.status, 401, "whoever has ada's session is out");
    assert_eq!(try_to_sign_in(&lab, "ada", ADA).await.status, 401);
    let told = changes().await;
    assert_eq!(told.len(), before + 1, "{told:?}");
    assert_eq!(told.last().unwrap()["by"], json!({"kind": "person", "name": "adi"}));
    // And adi, who knows it, does nothing in ada's name but choose another one.
    let ada = sign_in(&lab, "ada", "chosen by adi alone").await;
    let refused = ada.get("/v1/users").await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "choose-your-password"));
}

#[tokio::test]
async fn five_wrong_passwords_lock_and_a_name_that_nobody_has_does_so_alike() {
    let lab = lab_of_people("ada", ADA).await;
    for name in ["ada", "nemo"] {
        for _ in 0..5 {
            let wrong = try_to_sign_in(&lab, name, "a wrong password").await;
            assert_eq!((wrong.status, wrong.problem().as_str()), (401, "wrong-name-or-password"));
        }
        let locked = try_to_sign_in(&lab, name, ADA).await;
        assert_eq!((locked.status, locked.problem().as_str()), (429, "locked-out"));
    }
    let told = facts(&lab).await;
    assert_eq!(told.iter().filter(|fact| fact["what"] == "user_locked").count(), 1, "{told:?}");
    assert!(!told.iter().any(|fact| fact.to_string().contains("nemo")), "{told:?}");
}

#[tokio::test]
async fn an_admin_lets_somebody_try_again_who_is_locked_out_and_the_journal_says_so() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    for _ in 0..5 {
        assert_eq!(try_to_sign_in(&lab, "kim", "a wrong password").await.status, 401);
    }
    assert_eq!(try_to_sign_in(&lab, "kim", &own("kim")).await.status, 429);
    assert_eq!(
        kim.post("/v1/users/kim/unlock", json!({})).await.status,
        403,
        "nobody does so for themselves"
    );
    let nobody = ada.post("/v1/users/nemo/unlock", json!({})).await;
    assert_eq!((nobody.status, nobody.problem().as_str()), (404, "no-such-user"));
    let open = ada.post("/v1/users/kim/unlock", json!({})).await;
    assert_eq!((open.status, &open.json()["name"]), (200, &json!("kim")));
    let again = try_to_sign_in(&lab, "kim", &own("kim")).await;
    assert_eq!(again.status, 201, "{again:?}");
    let last = facts(&lab).await.into_iter().rfind(|fact| fact["what"] == "user_unlocked").unwrap();
    let by = json!({"kind": "person", "name": "ada"});
    assert_eq!((&last["user"], &last["by"]), (&json!("kim"), &by));
}

/// What the journal has of people, oldest first.
async fn facts(lab: &TestLab) -> Vec<Value> {
    let events = lab.recorder.events(1, 10_000).await.unwrap();
    let people = events.into_iter().filter_map(|event| match event.fact {
        Fact::People(fact) => Some(serde_json::to_value(fact).unwrap()),
        _ => None,
    });
    people.collect()
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_of_nothing_and_a_page_that_looks_by_itself_is_nothing() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "kim", &["operator"]).await;
    let kim = sign_in(&lab, "kim", &own("kim")).await;
    let watching = sign_in(&lab, "kim", &own("kim")).await;
    tokio::time::pause();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(watching.get("/queue").await.status, 200);
        assert_eq!(watching.get("/assets/platen.css").await.status, 200);
        assert_eq!(watching.get("/").await.status, 200);
        assert_eq!(kim.get("/v1/printers").await.status, 200);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let ended = watching.get("/live?at=/").await;
    assert_eq!((ended.status, ended.problem().as_str()), (401, "not-signed-in"));
    assert!(ended.json()["detail"].as_str().unwrap().contains("30 minutes"), "{ended:?}");
    let busy = 12 * 3600 / 1000;
    for _ in 0..busy {
        tokio::time::advance(Duration::from_secs(1000)).await;
        if kim.get("/v1/printers").await.status != 200 {
            break;
        }
    }
    tokio::time::advance(Duration::from_secs(200)).await;
    assert_eq!(kim.get("/v1/printers").await.status, 401, "twelve hours are over");
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_is_shown_once_and_lies_nowhere_in_the_clear() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator", "releaser"]).await;
    let (id, secret) = token(&kim, &["operator"]).await;
    let script = As(&lab, bearer(&secret));
    assert_eq!(script.get("/v1/session").await.json()["roles"], json!(["operator"]));
    let random = secret.rsplit('_').next().unwrap();
    let listed = kim.get("/v1/tokens").await;
    assert!(listed.body.contains(&id) && !listed.body.contains(random), "{listed:?}");
    let of_kim = ada.get("/v1/users/kim").await;
    assert!(of_kim.body.contains(&id) && !of_kim.body.contains(random), "{of_kim:?}");
    let journal = ada.get("/v1/journal").await.body;
    assert!(journal.contains(&id), "the journal knows that there is one");
    let kept = every_file(lab.folder.path());
    for secret in [random, ADA, "kim own words", "kim first words"] {
        assert!(!journal.contains(secret), "{secret} is in the journal");
        assert!(!kept.contains(secret), "{secret} is in a file");
    }
    for (bad, status) in
        [(format!("{secret}0"), 401), (secret.replace(random, &"0".repeat(64)), 401), (String::new(), 401)]
    {
        assert_eq!(As(&lab, bearer(&bad)).get("/v1/jobs").await.status, status);
    }
    let more = kim.post("/v1/tokens", json!({"label": "x", "roles": ["admin"]})).await;
    assert_eq!((more.status, more.problem().as_str()), (400, "not-these-roles"));
    let revoked = kim.post(&format!("/v1/tokens/{id}/revoke"), json!({})).await;
    assert_eq!((revoked.status, revoked.json()), (200, json!([])));
    assert_eq!(script.get("/v1/jobs").await.status, 401, "at once");
    // An admin revokes anybody's, and nobody else's is known to others.
    let (id, _) = token(&kim, &["operator"]).await;
    let lee = user(&ada, "lee", &["operator"]).await;
    assert_eq!(lee.post(&format!("/v1/tokens/{id}/revoke"), json!({})).await.status, 404);
    assert_eq!(ada.post(&format!("/v1/tokens/{id}/revoke"), json!({})).await.status, 200);
}

fn every_file(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&every_file(&path));
        } else {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_and_comes_back_only_with_a_new_password() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let (_, secret) = token(&kim, &["operator"]).await;
    let off = ada.post("/v1/users/kim/disable", json!({})).await;
    assert_eq!((off.status, &off.json()["active"]), (200, &json!(false)));
    assert_eq!(kim.get("/v1/jobs").await.status, 401);
    assert_eq!(As(&lab, bearer(&secret)).get("/v1/jobs").await.status, 401);
    assert_eq!(try_to_sign_in(&lab, "kim", &own("kim")).await.status, 401);
    assert_eq!(ada.post("/v1/users/kim/password", json!({"password": "another by ada"})).await.status, 409);
    assert_eq!(ada.post("/v1/users/kim/enable", json!({})).await.status, 200);
    assert_eq!(try_to_sign_in(&lab, "kim", &own("kim")).await.status, 401, "the old password is gone");
    assert_eq!(ada.post("/v1/users/kim/password", json!({"password": "another by ada"})).await.status, 200);
    let kim = sign_in(&lab, "kim", "another by ada").await;
    let first = kim.get("/v1/jobs").await;
    assert_eq!((first.status, first.problem().as_str()), (403, "choose-your-password"));
    let made = kim.post("/v1/tokens", json!({"label": "x", "roles": ["operator"]})).await;
    assert_eq!((made.status, made.problem().as_str()), (403, "choose-your-password"));
    let change = json!({"old": "another by ada", "new": own("kim")});
    assert_eq!(kim.post("/v1/session/password", change).await.status, 200);
    assert_eq!(kim.get("/v1/jobs").await.status, 200);
    assert_eq!(As(&lab, bearer(&secret)).get("/v1/jobs").await.status, 401, "the token stays void");
}

#[tokio::test]
async fn the_last_admin_stays_and_nobody_changes_their_own_roles() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let own = ada.post("/v1/users/ada/disable", json!({})).await;
    assert_eq!((own.status, own.problem().as_str()), (403, "not-allowed-to-you"));
    assert_eq!(ada.post("/v1/users/ada/roles", json!({"roles": ["operator"]})).await.status, 403);
    let own = ada.post("/v1/users/ada/password", json!({"password": "without the old one"})).await;
    assert_eq!((own.status, own.problem().as_str()), (409, "your-own-password"));
    let adi = user(&ada, "adi", &["admin"]).await;
    assert_eq!(adi.post("/v1/users/ada/roles", json!({"roles": ["auditor"]})).await.status, 200);
    assert_eq!(ada.get("/v1/users").await.status, 403, "at once");
    assert_eq!(adi.get("/v1/users").await.json().as_array().unwrap().len(), 2);
    let wrong =
        adi.post("/v1/users", json!({"name": "x", "roles": ["king"], "password": "long enough words"})).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (400, "not-a-role"));
    let twice = adi
        .post("/v1/users", json!({"name": "ADA", "roles": ["operator"], "password": "long enough words"}))
        .await;
    assert_eq!((twice.status, twice.problem().as_str()), (409, "exists-already"));
    let short = adi.post("/v1/users", json!({"name": "x", "roles": ["operator"], "password": "short"})).await;
    assert_eq!((short.status, short.problem().as_str()), (400, "not-this-password"));
    assert_eq!(adi.get("/v1/users/x").await.status, 404, "nothing of it was done");
}

#[tokio::test]
async fn what_is_done_is_in_the_name_of_who_is_signed_in_and_no_other_name_is_taken() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator", "designer"]).await;
    let case = kim.post("/v1/cases", json!({"intended_use": "guide"})).await.json()["token"].clone();
    let case = case.as_str().unwrap();
    let part = kim.post(&format!("/v1/cases/{case}/parts"), json!({"name": "left hand"})).await;
    assert_eq!(part.status, 201);
    let file = lab.send("POST", "/v1/files", &kim.1, GCODE).await.json()["file"].clone();
    let job = kim.post("/v1/jobs", json!({"file": file, "case": case, "part": 1, "by": "KIM"})).await;
    assert_eq!(job.status, 201, "{job:?}");
    let id = job.json()["id"].as_str().unwrap().to_owned();
    for (path, body) in [
        (format!("/v1/jobs/{id}/cancel"), json!({"by": "lee"})),
        ("/v1/jobs".into(), json!({"file": file, "case": case, "part": 1, "by": "lee"})),
        ("/v1/printers/mk3-01/clear-latch".into(), json!({"by": "ada"})),
    ] {
        let forged = kim.post(&path, body).await;
        assert_eq!((forged.status, forged.problem().as_str()), (403, "in-another-name"), "{path}");
        assert!(forged.json()["detail"].as_str().unwrap().contains("kim asks"), "{forged:?}");
    }
    let form = format!("job={id}&change=cancel&by=lee");
    let forged = lab.send("POST", "/do/job", &format!("{FORM}{}", kim.1), form.as_bytes()).await;
    assert!(forged.status == 403 && forged.body.contains("in the name of"), "{forged:?}");
    let done = kim.post(&format!("/v1/jobs/{id}/cancel"), json!({})).await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("cancelled")), "{done:?}");
    let actors: Vec<_> = lab
        .recorder
        .events(1, 10_000)
        .await
        .unwrap()
        .into_iter()
        .map(|event| (event.fact.word(), event.actor))
        .collect();
    for word in ["case_opened", "part_added", "job_queued", "job_cancelled"] {
        let (_, actor) = actors.iter().find(|(fact, _)| *fact == word).unwrap();
        assert_eq!(serde_json::to_value(actor).unwrap(), json!({"kind": "person", "name": "kim"}), "{word}");
    }
}

#[tokio::test]
async fn everybody_may_stop_and_nobody_does_so_in_another_s_name() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let stop = async |headers: &str, by: &str| {
        let body = json!({"printer": "mk3-01", "by": by}).to_string();
        let answer = lab.send("POST", "/v1/stop", &format!("{JSON}{headers}"), body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    stop("", "").await;
    stop("", "ada").await;
    stop(&ada.1, "lee").await;
    stop("Cookie: platen_session=x\r\n", "").await;
    stop("Authorization: Basic nonsense\r\n", "").await;
    stop("Cookie: a=b\r\nCookie: c=d\r\n", "").await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let (id, secret) = token(&kim, &["operator"]).await;
    stop(&bearer(&secret), "").await;
    stop(&format!("{}{}", kim.1, bearer(&secret)), "").await;
    assert_eq!(kim.post(&format!("/v1/tokens/{id}/revoke"), json!({})).await.status, 200);
    stop(&bearer(&secret), "").await;
    assert_eq!(ada.post("/v1/users/kim/disable", json!({})).await.status, 200);
    stop(&kim.1, "kim").await;
    let page = lab.send("POST", "/do/stop", FORM, b"printer=mk3-01&by=").await;
    assert!(page.status == 200 && page.body.contains("Stop is sent to mk3-01"), "{page:?}");
    let told: Vec<_> = lab.told().iter().map(|told| told.replace("mk3-01: stop by ", "")).collect();
    let strange = "not signed in";
    let before = [strange, "ada - not signed in", "ada", strange, strange, strange];
    assert_eq!(told[..6], before);
    // A token; a token and a session at once; a token that is void; a session of somebody who is disabled; the page.
    assert_eq!(told[6..], ["kim", strange, strange, "kim - not signed in", strange]);
}

#[tokio::test]
async fn the_page_leads_to_where_one_signs_in_and_back_and_shows_who_is_there() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "kim", &["operator"]).await;
    let led = lab.get("/look?job=1").await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in?to=/look%3Fjob%3D1")));
    let page = lab.get("/sign-in?to=/look%3Fjob%3D1").await;
    assert!(page.status == 200 && page.body.contains("value=\"/look?job=1\""), "{page:?}");
    assert!(page.body.contains("Stop mk3-01") && page.body.contains("Stop all printers"), "{page:?}");
    let wrong = lab.send("POST", "/do/sign-in", FORM, b"name=kim&password=wrong+wrong+wrong&to=/").await;
    assert!(wrong.status == 401 && wrong.body.contains("Wrong name or password"), "{wrong:?}");
    assert!(!wrong.body.contains("wrong wrong"), "{wrong:?}");
    let body = "name=kim&password=kim+own+words&to=/look?job=1";
    let inside = lab.send("POST", "/do/sign-in", FORM, body.as_bytes()).await;
    assert_eq!((inside.status, inside.header("location")), (303, Some("/look?job=1")), "{inside:?}");
    let kim = As(&lab, cookie_of(&inside));
    let board = kim.get("/").await;
    assert!(
        board.body.contains("data-user=\"kim\"") && board.body.contains("href=\"/account\""),
        "{board:?}"
    );
    assert!(!board.body.contains("Your name"), "nobody types a name who has one");
    let evil = b"name=kim&password=kim+own+words&to=//evil.example";
    let inside = lab.send("POST", "/do/sign-in", FORM, evil).await;
    assert_eq!(inside.header("location"), Some("/"));
    let account = kim.get("/account").await.body;
    assert!(account.contains("Sign out") && account.contains("Make a token"), "{account}");
    let form = b"label=a+script&roles=operator";
    let made = lab.send("POST", "/do/token", &format!("{FORM}{}", kim.1), form).await;
    let (_, secret) = made.body.split_once("<pre id=\"token\">").unwrap();
    let script = As(&lab, bearer(secret.split('<').next().unwrap()));
    assert_eq!(script.get("/v1/jobs").await.status, 200);
    let refused = lab.send("POST", "/do/clear-bed", FORM, b"printer=mk3-01").await;
    assert!(refused.status == 401 && refused.body.contains("Nobody is signed in here"), "{refused:?}");
    let refused = lab.send("POST", "/do/identify", &format!("{FORM}{}", kim.1), b"printer=mk3-01").await;
    assert!(refused.status == 403 && refused.body.contains("that needs the role maintenance"), "{refused:?}");
    let new = json!({"name": "lee", "roles": ["operator"], "password": "chosen by ada herself"});
    assert_eq!(ada.post("/v1/users", new).await.status, 201);
    let first = lab.send("POST", "/do/sign-in", FORM, b"name=lee&password=chosen+by+ada+herself&to=/").await;
    assert_eq!(first.header("location"), Some("/account"));
    let lee = As(&lab, cookie_of(&first));
    assert_eq!(lee.get("/").await.header("location"), Some("/account"));
    assert!(lee.get("/account").await.body.contains("Choose your own password first"));
    let form = b"old=chosen+by+ada+herself&password=words+of+lee+alone&again=words+of+lee+alone";
    let chosen = lab.send("POST", "/do/password", &format!("{FORM}{}", lee.1), form).await;
    assert!(chosen.status == 200 && chosen.body.contains("The new password holds"), "{chosen:?}");
    assert_eq!(lee.get("/").await.status, 200);
    let out = lab.send("POST", "/do/sign-out", &format!("{FORM}{}", lee.1), b"").await;
    assert_eq!((out.status, out.header("location")), (303, Some("/sign-in")));
    assert_eq!(lee.get("/v1/jobs").await.status, 401);
}

#[tokio::test]
async fn a_stream_of_events_ends_with_who_reads_it_and_tells_of_people_only_to_who_may_know() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let open = async |them: &As<'_>| support::Events::open(&lab, "/v1/events?after=0", &them.1).await;
    assert!(support::Events::try_open(&lab, "/v1/events?after=0", "").await.is_none());
    let mut of_kim = open(&kim).await;
    let mut of_ada = open(&ada).await;
    let (mut seen, mut known) = (Vec::new(), Vec::new());
    let last = lab.recorder.read(|lab| lab.counters.seq);
    for _ in 0..last {
        seen.push(of_kim.next().await.unwrap());
        known.push(of_ada.next().await.unwrap());
    }
    assert_eq!(seen.iter().map(|one| one.id).collect::<Vec<_>>(), (1..=last).map(Some).collect::<Vec<_>>());
    let people = |all: &[support::Message]| -> String {
        all.iter().filter(|one| one.event == "people").map(|one| one.data.clone()).collect()
    };
    assert!(people(&known).contains("user_added") && people(&known).contains("kim"), "{known:?}");
    assert!(people(&seen).contains("\"withheld\":true") && !people(&seen).contains("kim"), "{seen:?}");
    assert_eq!(ada.post("/v1/users/kim/disable", json!({})).await.status, 200);
    let rest =
        tokio::time::timeout(Duration::from_secs(30), async { while of_kim.next().await.is_some() {} });
    rest.await.expect("the stream of somebody who is disabled ends");
}

#[tokio::test]
async fn a_live_page_is_for_who_may_see_it_and_ends_with_them() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let stranger = lab.get("/live?at=/").await;
    assert_eq!((stranger.status, stranger.problem().as_str()), (401, "not-signed-in"));
    let refused = kim.get("/live?at=/people").await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "not-your-role"));
    for nowhere in
        ["/live", "/live?at=/no/such", "/live?at=/queue/new", "/live?at=%20", "/live?at=/look?job=1"]
    {
        assert_eq!(kim.get(nowhere).await.problem(), "no-such-page", "{nowhere}");
    }
    let mut of_kim = support::Events::open(&lab, "/live?at=/", &kim.1).await;
    assert_eq!(of_kim.next().await.unwrap().event, "hello");
    assert_eq!(ada.post("/v1/users/kim/disable", json!({})).await.status, 200);
    let rest =
        tokio::time::timeout(Duration::from_secs(30), async { while of_kim.next().await.is_some() {} });
    rest.await.expect("the page of somebody who is disabled is not live any more");
}

#[tokio::test]
async fn nothing_is_done_in_another_name_than_the_one_that_the_page_shows() {
    const ANOTHER: &str = "somebody-else-is-signed-in";
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim lee", &["operator", "designer", "requester"]).await;
    let page = kim.get("/").await.body;
    assert!(page.contains(" data-for=\"kim%20lee\"") && !page.contains("action=\"/do/stop\""), "{page}");
    assert!(page.contains("action=\"/do/stop?for=kim%20lee\""), "{page}");
    let mut stream = support::Events::open(&lab, "/live?at=/", &kim.1).await;
    let hello = stream.next().await.unwrap();
    assert!(hello.event == "hello" && hello.data.ends_with(" kim%20lee"), "{hello:?}");

    let opened = async |made_for: &str| {
        let headers = format!("{JSON}{}Platen-For: {made_for}\r\n", kim.1);
        lab.send("POST", "/v1/cases", &headers, b"{\"intended_use\":\"guide\"}").await
    };
    for made_for in ["ada", "kim", "Kim%20Lee", ""] {
        let refused = opened(made_for).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, ANOTHER), "{made_for}");
        assert!(refused.body.contains("kim lee is signed in by now"), "{refused:?}");
    }
    assert_eq!(kim.get("/v1/cases").await.json().as_array().map(Vec::len), Some(0), "nothing of it was done");
    assert_eq!(opened("kim%20lee").await.status, 201);

    // A form that a browser sends by itself.
    let form = async |path: &str| lab.send("POST", path, &format!("{FORM}{}", kim.1), b"").await;
    let refused = form("/do/sign-out?for=ada").await;
    assert!(refused.status == 409 && refused.body.contains("Somebody else is signed in"), "{refused:?}");
    assert_eq!(kim.get("/v1/session").await.status, 200, "kim was not signed out");
    // A stop goes on, and in nobody's name.
    let stopped = form("/do/stop?for=ada").await;
    assert_eq!(stopped.status, 200, "{stopped:?}");
    let told = lab.told();
    assert!(told.contains(&"mk3-01: stop by not signed in".to_owned()), "{told:?}");
    assert_eq!(form("/do/sign-out?for=kim%20lee").await.status, 303);
    assert_eq!(kim.get("/v1/session").await.status, 401);
}

/// The daemon as it is started, over a folder that stays.
struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    fn configuration(&self) -> std::path::PathBuf {
        let path = self.folder.path().join("platen.toml");
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\ndisk_floor_mb = 16\n[http]\nlisten = \"127.0.0.1:0\"\n[[printer]]\nname = \"a\"\nport = \"/dev/nothing-here\"\nbaud = 115200\n",
            self.state()
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `platen setup`, as somebody at the machine calls it.
    async fn set_up(&self, more: &[&str], password: &str) -> String {
        use std::io::Write;
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_platen"));
        command.arg("setup").arg("--config").arg(self.configuration()).arg("--password-stdin").args(more);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let password = password.to_owned();
        let told = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        });
        told.await.unwrap()
    }

    async fn start(&self) -> Daemon {
        Daemon::start(Config::load(&self.configuration()).unwrap()).await.unwrap()
    }
}

async fn ask(daemon: &Daemon, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = tokio::net::TcpStream::connect(daemon.address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        daemon.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    parse(&all)
}

async fn session(daemon: &Daemon, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password}).to_string();
    ask(daemon, "POST", "/v1/session", JSON, &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setup_closes_the_door_and_a_restart_keeps_users_and_tokens_and_ends_sessions() {
    let house = House::new();
    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 200, "nobody is set up");
    daemon.stop().await;

    let told = house.set_up(&["--name", "ada", "--printed", "Ada Lovelace"], ADA).await;
    assert!(told.contains("ada is admin"), "{told}");
    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 401);
    let ada = session(&daemon, "ada", ADA).await;
    assert_eq!((ada.status, &ada.json()["printed"]), (201, &json!("Ada Lovelace")));
    let ada = format!("{JSON}{}", cookie_of(&ada));
    let new = json!({"label": "nightly", "roles": ["admin"]}).to_string();
    let token = ask(&daemon, "POST", "/v1/tokens", &ada, &new).await.json()["token"].clone();
    let token = bearer(token.as_str().unwrap());
    let new = json!({"name": "kim", "roles": ["operator"], "password": "chosen by ada herself"}).to_string();
    assert_eq!(ask(&daemon, "POST", "/v1/users", &ada, &new).await.status, 201);
    daemon.stop().await;

    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", &ada, "").await.status, 401, "sessions end");
    assert_eq!(ask(&daemon, "GET", "/v1/journal", &token, "").await.status, 200, "tokens stay");
    assert_eq!(session(&daemon, "kim", "chosen by ada herself").await.status, 201, "users stay");
    let whole = ask(&daemon, "GET", "/v1/audit", &token, "").await;
    assert_eq!(whole.json()["intact"], true, "{whole:?}");
    let journal = ask(&daemon, "GET", "/v1/journal", &token, "").await.body;
    assert!(journal.contains("user_added") && !journal.contains("argon2") && !journal.contains(ADA));
    daemon.stop().await;

    // At the machine, whoever owns it gives a new password; what the old one made is void.
    house.set_up(&["--name", "ada", "--reset"], "more notes on the engine").await;
    let daemon = house.start().await;
    assert_eq!(session(&daemon, "ada", ADA).await.status, 401);
    let ada = session(&daemon, "ada", "more notes on the engine").await;
    assert_eq!(ada.status, 201);
    assert_eq!(ask(&daemon, "GET", "/v1/journal", &token, "").await.status, 401, "tokens are void");
    let listed = ask(&daemon, "GET", "/v1/tokens", &cookie_of(&ada), "").await;
    assert_eq!(listed.json(), json!([]));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_file_of_hashes_nobody_gets_in_and_the_door_stays_shut() {
    let house = House::new();
    house.set_up(&["--name", "ada"], ADA).await;
    house.start().await.stop().await;
    let file = house.state().join("credentials");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 401);
    assert_eq!(session(&daemon, "ada", ADA).await.status, 401);
    assert_eq!(ask(&daemon, "POST", "/v1/stop", "", "").await.status, 200, "but anybody may stop");
    daemon.stop().await;
    // A copy of it put back lets them in again.
    std::fs::write(&file, &kept).unwrap();
    let daemon = house.start().await;
    assert_eq!(session(&daemon, "ada", ADA).await.status, 201);
    daemon.stop().await;
    // A journal that knows nobody is no way around the file.
    std::fs::remove_dir_all(house.state().join("journal")).unwrap();
    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 401);
    assert_eq!(session(&daemon, "ada", ADA).await.status, 401);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_damaged_file_of_hashes_platen_starts_and_lets_nobody_in_but_to_stop() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    house.set_up(&["--name", "ada"], ADA).await;
    house.start().await.stop().await;
    let file = house.state().join("credentials");
    let whole = std::fs::read(&file).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    // Cut, and open to everybody.
    for (bytes, rights) in [(&whole[..whole.len() / 2], 0o600), (&whole[..], 0o666)] {
        std::fs::write(&file, bytes).unwrap();
        mode(rights);
        let daemon = house.start().await;
        assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 401);
        let refused = session(&daemon, "ada", ADA).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.body.contains("platen's log") && !refused.body.contains("state"), "{refused:?}");
        let token = bearer(&format!("platen_{}", "A".repeat(60)));
        assert_eq!(ask(&daemon, "GET", "/v1/printers", &token, "").await.status, 503);
        assert_eq!(ask(&daemon, "POST", "/v1/stop", "", "").await.status, 200, "anybody may stop");
        daemon.stop().await;
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "it stays as it is");
    }
    mode(0o600);
    let daemon = house.start().await;
    assert_eq!(session(&daemon, "ada", ADA).await.status, 201);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_needs_an_admin_s_token_and_what_is_restored_from_it_lets_nobody_in() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let copy = lab.folder.path().join("copy");
    let backup = ["backup", copy.to_str().unwrap()];
    let (_, of_kim) = token(&kim, &["operator"]).await;
    for (given, words) in [(None, "PLATEN_TOKEN"), (Some(of_kim.as_str()), "that needs the role admin")] {
        let (code, _, error) = platen(&lab, &backup, given, "").await;
        assert!(code == 1 && error.contains(words) && !copy.exists(), "{code} {error}");
    }
    let (_, of_ada) = token(&ada, &["admin"]).await;
    let (code, out, error) = platen(&lab, &backup, Some(&of_ada), "").await;
    assert!(code == 0 && copy.join("journal.jsonl").exists(), "{out} {error}");

    let house = House::new();
    let into = house.state();
    let restore = ["restore", copy.to_str().unwrap(), "--into", into.to_str().unwrap(), "--by", "ada"];
    let (code, _, error) = platen(&lab, &restore, None, "").await;
    assert_eq!(code, 0, "{error}");
    let daemon = house.start().await;
    assert_eq!(ask(&daemon, "GET", "/v1/printers", "", "").await.status, 401);
    assert_eq!(ask(&daemon, "GET", "/v1/printers", &bearer(&of_ada), "").await.status, 401);
    assert_eq!(session(&daemon, "ada", ADA).await.status, 401);
    daemon.stop().await;
    house.set_up(&["--name", "ada"], "more notes on the engine").await;
    let daemon = house.start().await;
    let ada = session(&daemon, "ada", "more notes on the engine").await;
    assert_eq!(ada.status, 201, "{ada:?}");
    let users = ask(&daemon, "GET", "/v1/users", &cookie_of(&ada), "").await.json();
    let names: Vec<_> = users.as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, [json!("ada"), json!("kim")], "the others are known, and need a password");
    daemon.stop().await;
}

async fn platen(lab: &TestLab, args: &[&str], token: Option<&str>, input: &str) -> (i32, String, String) {
    use std::io::Write;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_platen"));
    command.args(args).env("PLATEN_URL", format!("http://{}", lab.address)).env_remove("PLATEN_TOKEN");
    if let Some(token) = token {
        command.env("PLATEN_TOKEN", token);
    }
    let pipe = std::process::Stdio::piped;
    command.stdin(pipe()).stdout(pipe()).stderr(pipe());
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_command_line_adds_users_makes_tokens_and_works_with_one() {
    let lab = lab_of_people("ada", ADA).await;
    let (code, _, error) = platen(&lab, &["jobs"], None, "").await;
    assert!(code == 1 && error.contains("PLATEN_TOKEN") && error.contains("--token-file"), "{error}");
    let add = [
        "users",
        "add",
        "kim",
        "--printed",
        "Kim Lee",
        "--role",
        "operator",
        "--as",
        "ada",
        "--password-stdin",
    ];
    let (code, out, error) = platen(&lab, &add, None, &format!("{ADA}\nfirst words of kim\n")).await;
    assert!(code == 0 && out.contains("user kim: must choose a password"), "{out} {error}");
    let own = ["users", "password", "kim", "--as", "kim", "--password-stdin"];
    let (code, out, error) = platen(&lab, &own, None, "first words of kim\nkim own words\n").await;
    assert!(code == 0 && out.contains("the new password holds"), "{out} {error}");
    let issue = [
        "users",
        "tokens",
        "issue",
        "--label",
        "bench",
        "--role",
        "operator",
        "--as",
        "kim",
        "--password-stdin",
    ];
    let (code, token, error) = platen(&lab, &issue, None, "kim own words").await;
    assert!(
        code == 0 && token.starts_with("platen_") && error.contains("nobody can show it again"),
        "{error}"
    );
    let token = token.trim();
    let (code, out, error) = platen(&lab, &["printers"], Some(token), "").await;
    assert!(code == 0 && out.contains("mk3-01"), "{error}");
    // The name is the token's, and needs no --by.
    let (code, _, error) = platen(&lab, &["printers", "clear", "mk3-01"], Some(token), "").await;
    assert!(code == 1 && error.contains("the bed of mk3-01 is clear already"), "{code} {error}");
    let (code, _, error) =
        platen(&lab, &["printers", "clear", "mk3-01", "--by", "ada"], Some(token), "").await;
    assert!(code == 1 && error.contains("in the name of"), "{code} {error}");
    let (code, _, error) = platen(&lab, &["printers", "clear", "mk3-01"], None, "").await;
    assert!(code == 2 && error.contains("--by NAME is needed"), "{code} {error}");
    let (code, _, error) = platen(&lab, &["audit"], Some(token), "").await;
    assert!(code == 1 && error.contains("that needs the role admin or auditor"), "{code} {error}");
    let (code, _, error) = platen(&lab, &["jobs"], Some("nonsense"), "").await;
    assert!(code == 2 && error.contains("is no token") && !error.contains("nonsense"), "{code} {error}");
    let path = lab.folder.path().join("token");
    std::fs::write(&path, format!("{token}\n")).unwrap();
    let file = ["printers", "--token-file", path.to_str().unwrap()];
    let mode =
        |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o644);
    let (code, _, error) = platen(&lab, &file, None, "").await;
    assert!(code == 2 && error.contains("chmod 600"), "{code} {error}");
    mode(0o600);
    assert_eq!(platen(&lab, &file, None, "").await.0, 0);
    let (code, out, error) =
        platen(&lab, &["users", "list", "--as", "ada", "--password-stdin"], None, ADA).await;
    assert!(code == 0 && out.contains("kim") && out.contains("Kim Lee"), "{out} {error}");
    let off = ["users", "disable", "kim", "--as", "ada", "--password-stdin"];
    let (code, out, error) = platen(&lab, &off, None, ADA).await;
    assert!(code == 0 && out.contains("user kim: disabled"), "{out} {error}");
    let (code, _, error) = platen(&lab, &["printers"], Some(token), "").await;
    assert!(code == 1 && error.contains("was revoked"), "{code} {error}");
    let (code, out, _) = platen(&lab, &["stop", "mk3-01"], None, "").await;
    assert!(out.contains("mk3-01: stop sent"), "{code} {out}");
    let (code, _, error) =
        platen(&lab, &["users", "list", "--as", "ada", "--password-stdin"], None, "wrong words here").await;
    assert!(code == 1 && error.contains("the name or the password is wrong"), "{code} {error}");
}

#[tokio::test]
async fn whoever_is_mentioned_is_somebody_and_the_thread_has_what_platen_says() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let (des, kim) = (user(&ada, "des", &["designer"]).await, user(&ada, "Kim", &["operator"]).await);
    let case = des.post("/v1/cases", json!({"intended_use": "guide"})).await.json();
    let case = case["token"].as_str().unwrap();
    let messages = format!("/v1/cases/{case}/messages");
    let post = |mentions: Value| json!({"text": "the images are here", "mentions": mentions});
    let thread = des.post(&messages, post(json!(["kim", "KIM "]))).await;
    assert_eq!((thread.status, &thread.json()[0]["mentions"]), (201, &json!(["Kim"])), "{thread:?}");
    for nobody in ["lee", "kim lee", "ad"] {
        let refused = des.post(&messages, post(json!([nobody]))).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.body.contains("nobody-called") && refused.body.contains(nobody), "{refused:?}");
    }
    assert_eq!(ada.post("/v1/users/kim/disable", json!({})).await.status, 404, "names are told as they are");
    let about = json!({"of": "case", "case": case});
    let found =
        json!({"about": about, "cause": "labelling", "severity": "major", "what": "no label for Meier"});
    assert_eq!(kim.post("/v1/nonconformances", found).await.status, 201);
    let thread = des.get(&messages).await.json();
    let thread = thread.as_array().unwrap();
    assert_eq!((thread.len(), &thread[0]["number"]), (2, &json!(1)), "{thread:?}");
    let notice = &thread[1];
    assert!(notice.get("number").is_none() && notice.get("by").is_none(), "{notice}");
    assert_eq!(notice["notice"], "nonconformance");
    let text = notice["text"].as_str().unwrap();
    assert!(text.contains(&format!("case {case}")) && !text.contains("Meier"), "{text}");
    assert_eq!(ada.post("/v1/users/Kim/disable", json!({})).await.status, 200);
    assert_eq!(
        des.post(&messages, post(json!(["kim"]))).await.status,
        422,
        "not who does not come in any more"
    );
}

#[tokio::test]
async fn everybody_chooses_what_they_are_told_and_an_admin_for_others() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", &["operator"]).await;
    let ways = |view: &Value, topic: &str| {
        let notices = view["notices"].as_array().unwrap();
        notices.iter().find(|notice| notice["topic"] == topic).unwrap()["ways"].clone()
    };
    let view = kim.get("/v1/notifications").await.json();
    assert_eq!((&view["by_role"], view.get("mail"), &view["ways"]), (&json!(true), None, &json!([])));
    assert_eq!(ways(&view, "print_failed"), json!(["mail"]));
    assert_eq!(ways(&view, "nonconformance"), json!([]));

    let own = json!({"mail": "kim@lab.example", "topics": {"nonconformance": ["mqtt", "webhook"], "print_failed": []}});
    let view = kim.post("/v1/notifications", own).await.json();
    assert_eq!((&view["mail"], &view["by_role"]), (&json!("kim@lab.example"), &json!(false)));
    assert_eq!(ways(&view, "nonconformance"), json!(["webhook", "mqtt"]));
    assert_eq!(ways(&view, "print_failed"), json!([]));
    assert_eq!(ways(&view, "hands_needed"), json!(["mail"]), "what is not named stays");
    let view = ada.post("/v1/users/kim/notifications", json!({"mail": ""})).await.json();
    assert_eq!((view.get("mail"), ways(&view, "nonconformance")), (None, json!(["webhook", "mqtt"])));
    let view = ada.post("/v1/users/kim/notifications", json!({"by_role": true})).await.json();
    assert_eq!((&view["by_role"], ways(&view, "print_failed")), (&json!(true), json!(["mail"])));

    for (given, words) in [
        (json!({"mail": "kim"}), "not-an-address"),
        (json!({"mail": "kim@x\r\nBcc: all@x"}), "not-an-address"),
        (json!({"topics": {"lunch": ["mail"]}}), "not-a-notice"),
        (json!({"topics": {"mentioned": ["sms"]}}), "not-a-way"),
    ] {
        let refused = kim.post("/v1/notifications", given).await;
        assert!(refused.status == 400 && refused.body.contains(words), "{words}: {refused:?}");
    }
    assert_eq!(ada.get("/v1/users/nobody-here/notifications").await.status, 404);
    assert_eq!(ada.post("/v1/users/nobody-here/notifications", json!({"mail": ""})).await.status, 404);

    // Who may not see users sees no address, not even in the stream of what happens.
    let set = json!({"mail": "kim@lab.example"});
    assert_eq!(kim.post("/v1/notifications", set).await.status, 200);
    let users = ada.get("/v1/users").await.body;
    assert!(!users.contains("@lab.example"), "{users}");
}
