//! The pages about material, reports and the journal: what they show, in which language and to whom, and that
//! what their forms send is taken.

use crate::support::{Answer, GCODE, TestLab, lab, lab_of_people};
use futures_util::future::join_all;
use platen::domain::case::IntendedUse;
use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::job::Progress;
use platen::domain::lab::Request;
use platen::io::clock::entropy;
use serde_json::{Value, json};

const HOSTILE: &str = "<img src=x onerror=alert(1)>";
const GERMAN: &str = "Accept-Language: de\r\n";

async fn shown(lab: &TestLab, path: &str) -> String {
    let page = lab.get(path).await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
    page.body
}

async fn in_german(lab: &TestLab, path: &str) -> String {
    let page = lab.send("GET", path, GERMAN, b"").await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
    assert!(page.body.contains("<html lang=\"de\""), "{page:?}");
    page.body
}

fn has(page: &str, all: &[&str]) {
    for text in all {
        assert!(page.contains(text), "{text:?} is not in {page}");
    }
}

fn lacks(page: &str, all: &[&str]) {
    for text in all {
        assert!(!page.contains(text), "{text:?} is in {page}");
    }
}

fn about(material: &str, expires: &str) -> Value {
    json!({"by": "sam", "material": material, "supplier_lot": "L-2231", "received": "2020-01-01",
        "expires": expires, "grams": 1000})
}

async fn received(lab: &TestLab, about: Value) -> String {
    let lot = lab.post("/v1/lots", &about).await;
    assert_eq!(lot.status, 201, "{lot:?}");
    lot.json()["id"].as_str().unwrap().to_owned()
}

async fn done(lab: &TestLab, path: &str, body: Value) -> Value {
    let answer = lab.post(path, &body).await;
    assert!(answer.status == 200 || answer.status == 201, "{path} {body}: {answer:?}");
    answer.json()
}

/// What a browser sends of a form, with these fields filled in.
async fn send_form(lab: &TestLab, page: &str, id: &str, fields: &[(&str, Value)]) -> Answer {
    let tag =
        page.split("<form ").find(|tag| tag.split('>').next().unwrap().contains(&format!("id=\"{id}\"")));
    let tag = tag.unwrap_or_else(|| panic!("no form {id} in {page}"));
    let (head, form) = tag.split_once('>').unwrap();
    let attribute = |name: &str| {
        let value = head.split(&format!(" {name}=\"")).nth(1)?.split('"').next().unwrap();
        Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let route = attribute("data-send").unwrap();
    let mut body: Value =
        attribute("data-fixed").map_or_else(|| json!({}), |fixed| serde_json::from_str(&fixed).unwrap());
    let inside = form.split("</form>").next().unwrap();
    for (name, value) in fields {
        assert!(inside.contains(&format!("name=\"{name}\"")), "no field {name} in {inside}");
        body[*name] = value.clone();
    }
    body["by"] = "sam".into();
    let (method, path) = route.split_once(' ').unwrap();
    lab.send(method, path, "Content-Type: application/json\r\n", body.to_string().as_bytes()).await
}

/// A printed part of a case, made while this lot was loaded: the case, and its job.
async fn printed(lab: &TestLab, lot: &str) -> (String, String) {
    done(lab, "/v1/printers/mk3-01/loads", json!({"by": "oli", "lot": lot})).await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("mk3-01")).await;
    let file = lab.upload(GCODE).await.json();
    let total = file["commands"].as_u64().unwrap();
    for request in [
        Request::StartJob { job: job.clone(), printer: "mk3-01".parse().unwrap() },
        Request::NotePrinted {
            job: job.clone(),
            progress: Progress { confirmed: total, total },
            digest: file["digest"].as_str().unwrap().parse().unwrap(),
            line: Box::default(),
            millis: 5,
        },
    ] {
        lab.recorder.submit(request, Actor::Platen).await.unwrap();
    }
    (case.to_string(), job.to_string())
}

#[tokio::test]
async fn without_a_lot_the_page_says_how_to_receive_one_and_its_form_is_taken() {
    let lab = lab().await;
    let page = shown(&lab, "/materials").await;
    has(
        &page,
        &[
            "No lot is here yet.",
            "Receive the first one above",
            "<details class=\"card receive\" id=\"receive\" open",
        ],
    );
    let fields = [
        ("material", json!("PLA")),
        ("supplier_lot", json!("L-1")),
        ("supplier", json!("a maker")),
        ("received", json!("2026-11-02")),
        ("expires", json!("2099-06-30")),
        ("open_days", json!(30)),
        ("grams", json!(1000)),
        ("density", json!(1.24)),
        ("certificate", json!("C-7")),
    ];
    let made = send_form(&lab, &page, "receive-lot", &fields).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let page = shown(&lab, &format!("/materials/{id}")).await;
    has(
        &page,
        &[
            &id,
            "PLA",
            "L-1",
            "a maker",
            "C-7",
            "1.240 g/cm³",
            "30 days",
            "30 Jun 2099",
            "1\u{202f}000 of 1\u{202f}000 g left",
        ],
    );
}

/// The field of a form by its name.
fn field<'p>(page: &'p str, form: &str, name: &str) -> &'p str {
    let (_, form) = page.split_once(&format!("id=\"{form}\"")).unwrap_or_else(|| panic!("{form} in {page}"));
    let form = form.split("</form>").next().unwrap();
    let mut fields = form.split("<input").map(|tag| tag.split('>').next().unwrap());
    let found = fields.find(|tag| tag.contains(&format!("name=\"{name}\"")));
    found.unwrap_or_else(|| panic!("{name} in {form}"))
}

#[tokio::test]
async fn a_field_of_a_lot_takes_no_more_than_the_api_does() {
    let lab = lab().await;
    let page = shown(&lab, "/materials").await;
    let bounds = [
        ("material", "maxlength=\"40\""),
        ("supplier_lot", "maxlength=\"40\""),
        ("supplier", "maxlength=\"40\""),
        ("certificate", "maxlength=\"100\""),
        ("received", "max=\"9999-12-31\""),
        ("open_days", "step=\"1\" min=\"0\" max=\"65535\""),
        ("grams", "min=\"0\" max=\"1000000\""),
        ("density", "min=\"0.1\" max=\"30\""),
    ];
    for (name, bound) in bounds {
        has(field(&page, "receive-lot", name), &[bound]);
    }
    // What lies just beyond is refused, and what is at the bound is taken.
    let at = |more: Value| {
        let mut lot = about("PLA", "2099-06-30");
        lot.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lot
    };
    for (good, bad) in [
        (json!({"grams": 1_000_000}), json!({"grams": 1_000_001})),
        (json!({"density": 0.1}), json!({"density": 0.09})),
        (json!({"density": 30}), json!({"density": 30.1})),
        (json!({"open_days": 65_535}), json!({"open_days": 65_536})),
        (json!({"supplier": "x".repeat(40)}), json!({"supplier": "x".repeat(41)})),
        (json!({"certificate": "x".repeat(100)}), json!({"certificate": "x".repeat(101)})),
    ] {
        assert_eq!(lab.post("/v1/lots", &at(good.clone())).await.status, 201, "{good}");
        assert!(matches!(lab.post("/v1/lots", &at(bad.clone())).await.status, 400 | 422), "{bad}");
    }
    let lot = received(&lab, about("PETG", "2099-06-30")).await;
    done(&lab, &format!("/v1/lots/{lot}/steps"), json!({"by": "sam", "is": "released"})).await;
    let page = shown(&lab, &format!("/materials/{lot}")).await;
    has(field(&page, "load-lot", "slot"), &["step=\"1\" min=\"0\" max=\"7\""]);
    has(field(&page, "block-lot", "why"), &["maxlength=\"280\""]);
}

#[tokio::test]
async fn lots_stand_by_material_and_those_that_need_something_stand_above_them() {
    let lab = lab().await;
    let good = received(&lab, about("PLA", "2099-06-30")).await;
    let old = received(&lab, about("PETG", "2020-06-30")).await;
    let waiting = received(&lab, about("pla", "2099-06-30")).await;
    done(&lab, &format!("/v1/lots/{good}/steps"), json!({"by": "sam", "is": "released"})).await;
    // Whatever lies there can be loaded; one that has expired is not released.
    done(&lab, "/v1/printers/mk3-02/loads", json!({"by": "oli", "lot": old})).await;
    let page = shown(&lab, "/materials").await;
    has(
        &page,
        &[
            "Take it off mk3-02: it may not be used",
            "Expired on 30 Jun 2020: block it, then note it as used up",
            "Look at its certificate, then release it",
            "mk3-02, slot 0",
            "2 lots · 1\u{202f}000 g may be used",
            "1 lot · 0 g may be used",
            &format!("/v1/lots/{good}/label?stock=62x29&amp;format=pdf"),
            "data-use=\"materials\"",
        ],
    );
    let needing = page.split("id=\"needing\"").nth(1).unwrap().split("</section>").next().unwrap();
    let at = |lot: &str| needing.find(lot);
    assert!(at(&old).unwrap() < at(&waiting).unwrap(), "what does harm comes first: {needing}");
    assert_eq!(at(&good), None, "{needing}");
    lacks(needing, &[&format!("release-{old}")]);
    lacks(&shown(&lab, &format!("/materials/{old}")).await, &["id=\"release\"", "id=\"use-up\""]);
    assert_eq!(lab.get(&format!("/v1/lots/{good}/label?stock=62x29&format=pdf")).await.status, 200);

    let released = send_form(&lab, &page, &format!("release-{waiting}"), &[]).await;
    assert_eq!(released.json()["state"], "released", "{released:?}");
    let used_up = json!({"by": "sam", "is": "consumed"});
    done(&lab, &format!("/v1/lots/{waiting}/steps"), used_up).await;
    lacks(&shown(&lab, "/materials").await, &[&format!("id=\"lot-{waiting}\"")]);
    has(&shown(&lab, "/materials?state=consumed").await, &[&format!("id=\"lot-{waiting}\"")]);
    let of_petg = shown(&lab, "/materials?material=PETG").await;
    has(&of_petg, &[&format!("id=\"lot-{old}\"")]);
    lacks(&of_petg, &[&format!("id=\"lot-{good}\"")]);
    has(&shown(&lab, "/materials?state=blocked").await, &["No lot is like that.", "Show all"]);
    has(
        &in_german(&lab, "/materials").await,
        &["Braucht zuerst etwas", "Von mk3-02 nehmen", "Charge annehmen", "übrig"],
    );
}

#[tokio::test]
async fn each_step_of_a_lot_is_a_form_and_only_those_that_its_state_takes_are_there() {
    let lab = lab().await;
    let id = received(&lab, about("PLA", "2099-06-30")).await;
    let path = format!("/materials/{id}");
    let page = shown(&lab, &path).await;
    has(
        &page,
        &[
            "id=\"release\"",
            "id=\"open-lot\"",
            "id=\"block-lot\"",
            "id=\"recall-lot\"",
            "Have you looked at the certificate",
        ],
    );
    lacks(&page, &["id=\"unblock-lot\"", "id=\"use-up\"", "id=\"load-lot\""]);
    for (form, fields, state) in [
        ("block-lot", vec![("why", json!("wet"))], "blocked"),
        ("unblock-lot", vec![("why", json!("dried"))], "quarantine"),
        ("release", vec![], "released"),
        ("open-lot", vec![("on", json!("2026-11-02"))], "released"),
        ("load-lot", vec![("printer", json!("mk3-02")), ("slot", json!(1))], ""),
        ("unload-1", vec![], ""),
        ("use-up", vec![], "consumed"),
        ("recall-lot", vec![("why", json!("the maker's notice"))], "consumed"),
    ] {
        let page = shown(&lab, &path).await;
        let answer = send_form(&lab, &page, form, &fields).await;
        assert!(matches!(answer.status, 200 | 201), "{form}: {answer:?}");
        if !state.is_empty() {
            assert_eq!(answer.json()["state"], state, "{form}");
        }
        if form == "block-lot" {
            has(&shown(&lab, &path).await, &["Blocked: wet", "id=\"unblock-lot\""]);
        }
    }
    let page = shown(&lab, &path).await;
    has(
        &page,
        &[
            "Recalled: the maker's notice",
            "Nothing more can be done with it.",
            "Nothing was printed while it was loaded",
        ],
    );
    lacks(&page, &["id=\"recall-lot\"", "id=\"open-lot\""]);
    assert_eq!(lab.get("/materials/0000000000000000").await.status, 404);
    assert_eq!(lab.get("/materials/x").await.status, 404);
}

#[tokio::test]
async fn a_lot_tells_its_parts_what_they_used_and_what_is_looked_back_at() {
    let lab = lab().await;
    let id = received(&lab, about("PLA", "2099-06-30")).await;
    done(&lab, &format!("/v1/lots/{id}/steps"), json!({"by": "sam", "is": "released"})).await;
    let path = format!("/materials/{id}");
    has(
        &shown(&lab, &path).await,
        &["Nothing was printed from it yet.", "It was never loaded.", "It may be used."],
    );
    let (case, job) = printed(&lab, &id).await;
    let serial = format!("{case}-1-1");
    let page = shown(&lab, &path).await;
    has(
        &page,
        &[
            &format!("/printed/{serial}"),
            "not deducted",
            "loaded now",
            "id=\"note-use\"",
            "/label\"",
            "/hands",
        ],
    );
    let noted = send_form(&lab, &page, "note-use", &[("job", json!(job)), ("grams", json!(12.5))]).await;
    assert_eq!(noted.json()["left_g"], 987.5, "{noted:?}");
    let page = shown(&lab, &path).await;
    has(&page, &["12.5 g", "1; used: 12.5 g"]);
    lacks(&page, &["id=\"note-use\"", "id=\"look-back\""]);
    done(&lab, &format!("/v1/lots/{id}/steps"), json!({"by": "sam", "is": "recalled", "why": "bad"})).await;
    let page = shown(&lab, &path).await;
    has(&page, &["id=\"look-back\"", &format!("id=\"back-{serial}\""), "Nothing of it is out of the house"]);
    has(
        &in_german(&lab, &path).await,
        &["12,5 g", "Zurückgerufen: bad", "Was gedruckt wurde, während sie geladen war"],
    );
}

#[tokio::test]
async fn what_people_write_about_a_lot_is_text_on_every_page() {
    let lab = lab().await;
    let mut odd = about(HOSTILE, "2099-06-30");
    odd["supplier"] = HOSTILE.into();
    odd["certificate"] = HOSTILE.into();
    odd["supplier_lot"] = HOSTILE.into();
    let id = received(&lab, odd).await;
    done(&lab, &format!("/v1/lots/{id}/steps"), json!({"by": "sam", "is": "blocked", "why": HOSTILE})).await;
    let typed = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    for path in [
        "/materials".to_owned(),
        format!("/materials/{id}"),
        "/audit".into(),
        "/reports".into(),
        format!("/materials?material={typed}&state={typed}"),
        format!("/reports?case={typed}&from={typed}&sha256={typed}&printer={typed}&lot={typed}"),
        format!(
            "/audit?who={typed}&case={typed}&kind={typed}&day={typed}&seq={typed}&printer={typed}&lot={typed}"
        ),
        format!("/audit?who={typed}"),
    ] {
        let page = shown(&lab, &path).await;
        lacks(&page, &["<img src=x"]);
        let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(!title.contains("img"), "{title}");
        lacks(&page, &[" style=", " onclick=", "<style"]);
    }
    has(&shown(&lab, &format!("/materials/{id}")).await, &["&lt;img src=x"]);
}

#[tokio::test]
async fn every_kind_of_report_has_a_form_that_the_api_takes_as_a_browser_sends_it() {
    let lab = lab().await;
    let page = shown(&lab, "/reports").await;
    has(
        &page,
        &["reports will be empty", "No report was made yet", "There is no case yet", "There is no lot yet"],
    );
    let id = received(&lab, about("PLA", "2099-06-30")).await;
    done(&lab, &format!("/v1/lots/{id}/steps"), json!({"by": "sam", "is": "released"})).await;
    let (case, _) = printed(&lab, &id).await;
    let page = shown(&lab, "/reports").await;
    has(
        &page,
        &["prints that ended: 1", &format!("<option value=\"{case}\""), &format!("<option value=\"{id}\"")],
    );
    for (kind, fields) in [
        ("case", format!("case={case}")),
        ("worksheet", format!("case={case}")),
        ("registry", "from=&to=".into()),
        ("registry", format!("case={case}")),
        ("value", "from=2020-01-01&to=".into()),
        ("printer", "printer=mk3-01&from=&to=".into()),
        ("lot", format!("lot={id}")),
        ("lot", format!("case={case}")),
        ("audit", "from=&to=2099-12-31".into()),
        ("audit", format!("case={case}")),
    ] {
        assert!(page.contains(&format!("action=\"/v1/reports/{kind}\"")), "{kind} in {page}");
        for format in ["html", "csv", "json"] {
            let path = format!("/v1/reports/{kind}?{fields}&by=&format={format}");
            let answer = lab.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    }
    let page = shown(&lab, "/reports").await;
    has(&page, &["no name given", "Make it again", "Programme value report"]);
    let again = page.split("href=\"/v1/reports/value?").nth(1).unwrap().split('"').next().unwrap();
    let again = format!("/v1/reports/value?{}", again.replace("&amp;", "&"));
    let hash = lab.get(&again).await.header("etag").unwrap().trim_matches('"').to_owned();
    has(&shown(&lab, &format!("/reports?sha256={hash}")).await, &["Yes: it was made here.", &hash]);
    let none = "0".repeat(64);
    has(&shown(&lab, &format!("/reports?sha256={none}")).await, &["No report with this hash was noted here"]);
    has(&shown(&lab, "/reports?sha256=x").await, &["That is no SHA-256"]);
}

#[tokio::test]
async fn a_period_says_what_is_in_it_and_that_it_is_empty_or_turned_around() {
    let lab = lab().await;
    let id = received(&lab, about("PLA", "2099-06-30")).await;
    printed(&lab, &id).await;
    let page = shown(&lab, "/reports?from=2001-01-01&to=2001-12-31").await;
    has(&page, &["Nothing was printed or delivered in this period", "value=\"2001-12-31\""]);
    has(&shown(&lab, "/reports?from=2001-01-01").await, &["In this period, prints that ended: 1"]);
    has(&shown(&lab, "/reports?from=2002-01-01&to=2001-01-01").await, &["turn the two days around"]);
    has(&shown(&lab, "/reports?from=soon").await, &["That is no day"]);
    let german = in_german(&lab, "/reports").await;
    has(
        &german,
        &["Export für das Register", "Weg einer Charge", "Seite öffnen", "Ist ein Papier von hier?"],
    );
}

#[tokio::test]
async fn the_journal_is_told_newest_first_page_by_page_without_a_gap() {
    let lab = lab().await;
    let case = lab.case().await;
    for _ in 0..120 {
        let stop = Request::NoteStopped { printer: "mk3-01".parse().unwrap(), by: "lee".into() };
        lab.recorder.submit(stop, Actor::Platen).await.unwrap();
        let clear = Request::ClearLatch { printer: "mk3-01".parse().unwrap(), by: "kim".into() };
        lab.recorder.submit(clear, Actor::Person("kim".into())).await.unwrap();
    }
    let newest = lab.recorder.read(|lab| lab.counters.seq);
    let (mut path, mut seen) = ("/audit".to_owned(), Vec::new());
    loop {
        let page = shown(&lab, &path).await;
        let rows: Vec<_> = page.split("<tr id=\"entry-").skip(1).collect();
        assert!(rows.len() <= 100, "{}", rows.len());
        seen.extend(rows.iter().map(|row| row.split('"').next().unwrap().parse::<u64>().unwrap()));
        let Some(older) = page.split("id=\"older\"").nth(1) else { break };
        path = older.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(seen, (1..=newest).rev().collect::<Vec<_>>());

    let of_lee = shown(&lab, "/audit?who=Lee&kind=printers").await;
    has(&of_lee, &["lee stops mk3-01", "Older"]);
    lacks(&of_lee, &["kim unlocks"]);
    let of_case = shown(&lab, &format!("/audit?case={case}")).await;
    has(&of_case, &["is opened, for a guide", "There is no older entry."]);
    lacks(&of_case, &["lee stops"]);
    has(&shown(&lab, "/audit?kind=vault").await, &["None of the entries that were looked at is like that."]);
    has(&shown(&lab, "/audit?printer=mk3-02").await, &["None of the entries"]);
    has(&shown(&lab, "/audit?day=2001-01-01").await, &["None of the entries"]);
    let stamp = lab.recorder.events(1, 1).await.unwrap()[0].stamp.wall.to_string();
    let of_day = shown(&lab, &format!("/audit?day={}&kind=journal", &stamp[..10])).await;
    has(&of_day, &["the journal of st-anna/lab-1 begins"]);
    let one = shown(&lab, "/audit?seq=1").await;
    let hash = lab.recorder.records(1, 1).await.unwrap()[0].hash.to_hex();
    has(&one, &["Entry 1", &hash, "the journal of st-anna/lab-1 begins"]);
    has(&shown(&lab, &format!("/audit?seq={}", newest + 1)).await, &["An entry's number is a whole number"]);
    has(&shown(&lab, "/audit?case=x&day=y").await, &["That is no case's token", "That is no day"]);
}

#[tokio::test]
async fn a_long_journal_is_looked_at_so_far_in_one_go_and_further_by_a_link() {
    let lab = lab().await;
    for _ in 0..21 {
        let open = (0..200).map(|_| {
            let case = CaseToken::from_entropy(entropy());
            let request = Request::OpenCase { case, intended_use: IntendedUse::Education };
            lab.recorder.submit(request, Actor::Person("kim".into()))
        });
        for opened in join_all(open).await {
            opened.unwrap();
        }
    }
    let page = shown(&lab, "/audit?kind=journal").await;
    has(&page, &["None of the entries that were looked at is like that.", "Look further back"]);
    let further = page.split("id=\"older\"").nth(1).unwrap().split("href=\"").nth(1).unwrap();
    let further = further.split('"').next().unwrap().replace("&amp;", "&");
    assert!(further.starts_with("/audit?kind=journal&before="), "{further}");
    has(
        &shown(&lab, &further).await,
        &["the journal of st-anna/lab-1 begins", "There is no older entry.", "Newest"],
    );
}

#[tokio::test]
async fn the_page_of_the_journal_has_the_check_of_its_chain_and_says_whether_heads_are_signed() {
    let lab = lab().await;
    let page = shown(&lab, "/audit").await;
    has(
        &page,
        &[
            "data-use=\"audit\"",
            "Check the whole chain",
            "No damage is known.",
            "No head is signed",
            "/v1/journal",
        ],
    );
    let found = lab.get("/v1/audit").await.json();
    assert_eq!(found["intact"], true, "the words of the page take `entries`, `head` and `finding`: {found}");
    assert!(found["entries"].is_u64() && found["head"].is_string(), "{found}");
    has(
        &in_german(&lab, "/audit").await,
        &["Die ganze Kette prüfen", "Unterschriebene Stände", "Alles, außer Fortschritt"],
    );
    for file in ["audit.js", "materials.js"] {
        assert_eq!(lab.get(&format!("/assets/{file}")).await.status, 200, "{file}");
    }
}

const ADA: &str = "ada knows what she chose";

/// A user with these roles: the header that their browser sends.
async fn user(lab: &TestLab, ada: &str, name: &str, roles: &[&str]) -> String {
    let json = |cookie: &str| format!("Content-Type: application/json\r\n{cookie}");
    let (first, own) = (format!("{name} first words"), format!("{name} own words"));
    let new = json!({"name": name, "printed": name, "roles": roles, "password": first});
    let added = lab.send("POST", "/v1/users", &json(ada), new.to_string().as_bytes()).await;
    assert_eq!(added.status, 201, "{added:?}");
    let cookie = signed_in(lab, name, &first).await;
    let change = json!({"old": first, "new": own}).to_string();
    let changed = lab.send("POST", "/v1/session/password", &json(&cookie), change.as_bytes()).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    cookie
}

async fn signed_in(lab: &TestLab, name: &str, password: &str) -> String {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("Cookie: {}\r\n", answer.header("set-cookie").unwrap().split(';').next().unwrap())
}

#[tokio::test]
async fn each_page_is_for_those_who_may_have_it_and_shows_only_what_they_may_press() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = signed_in(&lab, "ada", ADA).await;
    let sam = user(&lab, &ada, "sam", &["materials"]).await;
    let kim = user(&lab, &ada, "kim", &["requester"]).await;
    let bo = user(&lab, &ada, "bo", &["biller"]).await;
    let json = format!("Content-Type: application/json\r\n{sam}");
    let mut lot = about("PLA", "2099-06-30");
    lot.as_object_mut().unwrap().remove("by");
    let lot = lab.send("POST", "/v1/lots", &json, lot.to_string().as_bytes()).await;
    let of_lot = format!("/materials/{}", lot.json()["id"].as_str().unwrap());
    let requested = format!("Content-Type: application/json\r\n{kim}");
    let case = lab.send("POST", "/v1/cases", &requested, br#"{"intended_use": "guide"}"#).await;
    assert_eq!(case.status, 201, "{case:?}");
    let pages = ["/materials", of_lot.as_str(), "/reports", "/audit"];
    for (who, cookie, may) in [
        ("a stranger", "", [false; 4]),
        ("kim", kim.as_str(), [true, true, false, false]),
        ("sam", sam.as_str(), [true, true, true, false]),
        ("bo", bo.as_str(), [true, true, true, false]),
        ("ada", ada.as_str(), [true, true, true, true]),
    ] {
        for (path, may) in pages.into_iter().zip(may) {
            let answer = lab.send("GET", path, cookie, b"").await;
            let wanted: &[u16] = match (may, cookie) {
                (true, _) => &[200],
                (false, "") => &[401, 302, 303],
                (false, _) => &[403],
            };
            assert!(wanted.contains(&answer.status), "{path} for {who}: {answer:?}");
        }
    }
    let page = |path: &'static str, cookie: &str| {
        let (lab, cookie) = (&lab, cookie.to_owned());
        async move { lab.send("GET", path, &cookie, b"").await.body }
    };
    has(&page("/materials", &sam).await, &["id=\"receive-lot\"", "id=\"release-"]);
    lacks(&page("/materials", &kim).await, &["id=\"receive-lot\"", "id=\"release-"]);
    let theirs = lab.send("GET", &of_lot, &kim, b"").await.body;
    has(&theirs, &["Whoever keeps the material"]);
    lacks(&theirs, &["data-send", "/v1/reports/lot"]);
    let reports = page("/reports", &sam).await;
    has(&reports, &["/v1/reports/value", "/v1/reports/case"]);
    lacks(&reports, &["action=\"/v1/reports/registry\"", "action=\"/v1/reports/audit\""]);
    has(&page("/reports", &bo).await, &["action=\"/v1/reports/registry\""]);
    has(&page("/reports", &ada).await, &["action=\"/v1/reports/audit\""]);
}
