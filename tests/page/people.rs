//! The pages of people and of settings: who may come in and do what, and what the site has decided.

use crate::support::{Answer, Events, TestLab, lab, lab_of_people};
use serde_json::{Value, json};
use std::time::Duration;

const ADA: &str = "notes on the engine";
const KIM: &str = "words of kim alone";
const JSON: &str = "Content-Type: application/json\r\n";

/// What a test asks in somebody's name.
struct As<'l>(&'l TestLab, String);

impl As<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.0.send("GET", path, &self.1, b"").await
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.0.send("POST", path, &format!("{JSON}{}", self.1), body.to_string().as_bytes()).await
    }

    async fn done(&self, path: &str, body: Value) -> Answer {
        let answer = self.post(path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
        answer
    }
}

async fn sign_in<'l>(lab: &'l TestLab, name: &str, password: &str) -> As<'l> {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    As(lab, format!("Cookie: {cookie}\r\n"))
}

/// A user who has chosen a password of their own, signed in.
async fn user<'l>(ada: &As<'l>, name: &str, printed: &str, roles: &[&str]) -> As<'l> {
    let first = "chosen by ada herself";
    let new = json!({"name": name, "printed": printed, "roles": roles, "password": first});
    ada.done("/v1/users", new).await;
    let them = sign_in(ada.0, name, first).await;
    them.done("/v1/session/password", json!({"old": first, "new": KIM})).await;
    them
}

/// What stands between two texts.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}"));
    rest.split(to).next().unwrap()
}

/// A form by its id, up to its end.
fn form<'p>(page: &'p str, id: &str) -> &'p str {
    between(page, &format!("<form class=\"sends\" id=\"{id}\""), "</form>")
}

/// An attribute of a form as the JSON that it is.
fn attribute(form: &str, name: &str) -> Value {
    let text = between(form, &format!("{name}=\""), "\"").replace("&quot;", "\"").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn where_nobody_is_set_up_the_page_says_so_and_how_that_is_changed() {
    let lab = lab().await;
    let page = lab.get("/people").await.body;
    for text in ["Nobody is set up here", "<code>platen setup</code>", "What each role may do"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("id=\"add-user\""), "{page}");
}

#[tokio::test]
async fn only_who_manages_users_sees_the_page_or_the_way_to_it() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", "Kim Lee", &["operator"]).await;
    assert_eq!(kim.get("/people").await.status, 403);
    assert!(!kim.page("/").await.contains("href=\"/people\""));
    assert!(ada.page("/").await.contains("href=\"/people\""));
}

#[tokio::test]
async fn everybody_is_there_with_roles_and_whether_they_come_in() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "kim", "Kim Lee, RT", &["operator", "inspector"]).await;
    let lee = json!({"name": "lee", "roles": ["auditor"], "password": "chosen by ada herself"});
    ada.done("/v1/users", lee).await;
    let row = async |name: &str| {
        let page = ada.page("/people").await;
        between(&page, &format!("<code>{name}</code>"), "</tr>").to_owned()
    };
    let kim = row("kim").await;
    assert!(
        kim.contains("Operator, Inspector") && kim.contains("may come in") && kim.contains("just now"),
        "{kim}"
    );
    let lee = row("lee").await;
    assert!(lee.contains("must choose a password") && lee.contains("Not since platen started"), "{lee}");
    for _ in 0..5 {
        lab.post("/v1/session", &json!({"name": "kim", "password": "a wrong password"})).await;
    }
    assert!(row("kim").await.contains("locked out for"));
    let page = ada.page("/people?user=kim").await;
    assert!(form(&page, "unlock").contains("POST /v1/users/kim/unlock"), "{page}");
    ada.done("/v1/users/kim/unlock", json!({})).await;
    assert!(row("kim").await.contains("may come in"));
    ada.done("/v1/users/kim/disable", json!({})).await;
    assert!(row("kim").await.contains("disabled"));
    assert!(!ada.page("/people").await.contains(KIM));
}

#[tokio::test]
async fn what_is_changed_of_somebody_is_taken_back_by_the_opposite() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "kim", "Kim Lee", &["operator", "inspector"]).await;
    let page = ada.page("/people?user=kim").await;
    let roles = form(&page, "change-roles");
    assert!(roles.contains("data-send=\"POST /v1/users/kim/roles\""), "{roles}");
    let had = json!(["operator", "inspector"]);
    // Neither it nor its undo overwrites what somebody else has given them since.
    let before = json!({"to": "POST /v1/users/kim/roles", "body": {"roles": had}, "was": "roles"});
    assert_eq!(attribute(roles, "data-undo"), before);
    assert_eq!(attribute(roles, "data-fixed"), json!({"was": had}));
    for (role, on) in [("operator", true), ("inspector", true), ("admin", false)] {
        let tick = between(roles, &format!("name=\"roles.{role}\""), ">");
        assert_eq!(tick.contains("checked"), on, "{role}: {tick}");
    }
    assert!(roles.contains("Operator: runs the printers"), "each role with what it is for: {roles}");
    let enable = json!({"to": "POST /v1/users/kim/enable", "body": {}});
    assert_eq!(attribute(form(&page, "disable"), "data-undo"), enable);
    ada.done("/v1/users/kim/disable", json!({})).await;
    let page = ada.page("/people?user=kim").await;
    let disable = json!({"to": "POST /v1/users/kim/disable", "body": {}});
    assert_eq!(attribute(form(&page, "enable"), "data-undo"), disable);
    for gone in ["id=\"change-roles\"", "id=\"set-password\"", "id=\"telling\""] {
        assert!(!page.contains(gone), "{gone} of somebody who is disabled: {page}");
    }
}

#[tokio::test]
async fn nobody_changes_their_own_roles_or_disables_themselves_there() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let page = ada.page("/people?user=ada").await;
    for gone in ["id=\"change-roles\"", "id=\"set-password\"", "id=\"disable\""] {
        assert!(!page.contains(gone), "{gone} in {page}");
    }
    assert!(page.contains("This is you") && page.contains("href=\"/account\""), "{page}");
    assert_eq!(ada.get("/people?user=nemo").await.status, 404);
    assert_eq!(ada.get("/people?user=%3Cb%3E").await.status, 404);
}

#[tokio::test]
async fn somebody_s_name_is_in_the_addresses_of_their_forms_as_addresses_have_it() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "Kim Ö@lab", "Kim Ö", &["operator"]).await;
    let page = ada.page("/people").await;
    assert!(page.contains("href=\"/people?user=Kim%20%C3%96%40lab\""), "{page}");
    let page = ada.page("/people?user=Kim%20%C3%96%40lab").await;
    let send = between(form(&page, "disable"), "data-send=\"POST ", "\"").to_owned();
    assert_eq!(send, "/v1/users/Kim%20%C3%96%40lab/disable");
    ada.done(&send, json!({})).await;
}

#[tokio::test]
async fn a_page_that_loses_a_piece_is_sent_whole() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    user(&ada, "kim", "Kim Lee", &["operator"]).await;
    let page = ada.page("/people?user=kim").await;
    let have = between(&page, "data-live=\"", "\"");
    let at = format!("/live?at=/people%3Fuser%3Dkim&have={have}");
    let mut stream = Events::open(&lab, &at, &ada.1).await;
    assert_eq!(stream.next().await.unwrap().event, "hello");
    ada.done("/v1/users/kim/disable", json!({})).await;
    let all = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            let message = stream.next().await.expect("the page goes on being live");
            if message.event == "all" {
                return serde_json::from_str::<String>(&message.data).unwrap();
            }
        }
    });
    let all = all.await.expect("the whole page");
    assert!(all.contains("id=\"enable\"") && !all.contains("id=\"change-roles\""), "{all}");
}

#[tokio::test]
async fn settings_show_what_a_check_finds_to_who_keeps_them_and_to_nobody_else() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let kim = user(&ada, "kim", "Kim Lee", &["operator"]).await;
    let page = ada.page("/settings").await;
    for text in [
        "platen was started without a file",
        "The port of mk3-01 is not there now",
        "or look at <code>ls /dev/serial/by-id</code>",
        "Models are not taken here",
        "not known: build_x",
        env!("CARGO_PKG_VERSION"),
        "st-anna · lab-1",
        "the vault is open",
        "href=\"/commission\"",
        "href=\"/account\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("Z</"), "times are of the site: {page}");
    let of_kim = kim.page("/settings").await;
    for gone in ["id=\"check\"", "id=\"site-rules\"", "id=\"write-template\"", "id=\"add-instrument\""] {
        assert!(!of_kim.contains(gone), "{gone} in {of_kim}");
    }
    for text in ["Rules of the site", "This platen", "mk3-01"] {
        assert!(of_kim.contains(text), "{text} in {of_kim}");
    }
}

#[tokio::test]
async fn the_rules_of_a_site_are_ticks_and_are_taken_back_whole() {
    let lab = lab().await;
    let rules = |page: &str| form(page, "site-rules").to_owned();
    let first = rules(&lab.get("/settings").await.body);
    assert!(first.contains("data-send=\"POST /v1/site-rules\""), "{first}");
    let off = lab.get("/v1/site-rules").await.json();
    assert_eq!(attribute(&first, "data-undo")["body"], off);
    assert_eq!(attribute(&first, "data-undo")["was"], "", "all that was sent");
    assert_eq!(attribute(&first, "data-fixed")["was"], off);
    let set = json!({"by": "kim", "lots": true, "password_to_sign": true, "reminders_before_waiver": 2});
    assert_eq!(lab.post("/v1/site-rules", &set).await.status, 200);
    let now = rules(&lab.get("/settings").await.body);
    for (rule, on) in [("lots", true), ("password_to_sign", true), ("witness_coupon", false)] {
        let tick = between(&now, &format!("name=\"{rule}\""), ">");
        assert_eq!(tick.contains("checked"), on, "{rule}: {tick}");
    }
    assert!(now.contains("name=\"reminders_before_waiver\" value=\"2\""), "{now}");
    let back = attribute(&now, "data-undo");
    assert_eq!(back["to"], "POST /v1/site-rules");
    let mut earlier = back["body"].clone();
    assert_eq!(earlier, lab.get("/v1/site-rules").await.json());
    earlier["by"] = "kim".into();
    assert_eq!(lab.post("/v1/site-rules", &earlier).await.status, 200);
}

#[tokio::test]
async fn templates_and_instruments_are_listed_and_written_anew_from_what_they_are() {
    let lab = lab().await;
    let empty = lab.get("/settings").await.body;
    for text in ["A template says what is measured", "id=\"write-template\""] {
        assert!(empty.contains(text), "{text} in {empty}");
    }
    let mut item = json!({"name": "length", "unit": "mm", "weight": "fail"});
    for (limit, at) in [("nominal", 80.0), ("low", 79.5), ("high", 80.5)] {
        item[limit] = at.into();
    }
    let template = json!({"by": "kim", "name": "femur", "method": "caliper", "items": [item]});
    assert_eq!(lab.post("/v1/templates", &template).await.status, 201);
    let mut known = json!({"name": "caliper-1", "what": "digital caliper"});
    (known["by"], known["calibration_due"]) = ("kim".into(), "2020-01-31".into());
    assert_eq!(lab.post("/v1/instruments", &known).await.status, 201);
    let page = lab.get("/settings").await.body;
    let shown = between(&page, "id=\"template-femur\"", "id=\"template-femur-next\"");
    for text in ["version 1", "caliper", "length", "79.5", "80.5", "must be good"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    let next = form(&page, "write-femur");
    assert_eq!(attribute(next, "data-fixed"), json!({"name": "femur"}));
    assert!(next.contains("name=\"items.0.name\" maxlength=\"40\" value=\"length\""), "{next}");
    assert!(next.contains("name=\"items.9.name\"") && !next.contains("name=\"items.10.name\""), "{next}");
    let instrument = between(&page, "id=\"instrument-caliper-1\"", "</li>");
    assert!(instrument.contains("overdue") && instrument.contains("31 Jan 2020"), "{instrument}");
    let anew = form(instrument, "calibrate-caliper-1");
    let seen = json!({"what": "digital caliper", "calibration_due": "2020-01-31"});
    assert_eq!(
        attribute(anew, "data-fixed"),
        json!({"name": "caliper-1", "what": "digital caliper", "was": seen})
    );
    assert_eq!(attribute(anew, "data-undo")["was"], "what,calibration_due");
}

#[tokio::test]
async fn an_instrument_that_somebody_else_has_noted_meanwhile_is_not_overwritten_as_a_new_one() {
    let lab = lab().await;
    let page = lab.get("/settings").await.body;
    let adding = form(&page, "add-instrument");
    let mut new = attribute(adding, "data-fixed");
    assert_eq!(new, json!({"was": "new"}));
    for bound in ["maxlength=\"64\"", "pattern=\"[a-z0-9][a-z0-9\\-]*\"", "name=\"what\"", "maxlength=\"40\""]
    {
        assert!(adding.contains(bound), "{bound} in {adding}");
    }
    (new["by"], new["name"], new["what"]) = ("kim".into(), "caliper-1".into(), "caliper".into());
    new["calibration_due"] = "2099-06-30".into();
    assert_eq!(lab.post("/v1/instruments", &new).await.status, 201);
    new["calibration_due"] = "2020-01-01".into();
    let again = lab.post("/v1/instruments", &new).await;
    assert_eq!((again.status, again.problem().as_str()), (409, "exists-already"), "{again:?}");
    let headers = "Content-Type: application/json\r\nCookie: platen-language=de\r\n";
    let german = lab.send("POST", "/v1/instruments", headers, new.to_string().as_bytes()).await.json();
    assert_eq!(german["detail"], "Messmittel caliper-1 gibt es schon");
    assert_eq!(lab.get("/v1/instruments").await.json()[0]["calibration_due"], "2099-06-30");
}

#[tokio::test]
async fn fields_of_people_know_the_bounds_of_the_api() {
    let lab = lab_of_people("ada", ADA).await;
    let page = sign_in(&lab, "ada", ADA).await.page("/people").await;
    let adding = form(&page, "add-user");
    for bound in
        ["maxlength=\"40\"", "maxlength=\"80\"", "pattern=\".{12,200}\"", "data-need=\"Tick one role"]
    {
        assert!(adding.contains(bound), "{bound} in {adding}");
    }
    // What is too long is not cut off unseen.
    let password = between(adding, "type=\"password\"", ">");
    assert!(!password.contains("maxlength"), "{password}");
}

#[tokio::test]
async fn fields_of_settings_know_the_bounds_of_the_api() {
    let lab = lab().await;
    let page = lab.get("/settings").await.body;
    let reminders = between(form(&page, "site-rules"), "name=\"reminders_before_waiver\"", ">");
    assert!(reminders.contains("step=\"1\" min=\"0\" max=\"255\""), "{reminders}");
    let template = form(&page, "write-template");
    let limit = "step=\"0.001\" min=\"-9999.999\" max=\"9999.999\" name=\"items.0.low\"";
    assert!(template.contains(limit), "{template}");
}

#[tokio::test]
async fn both_pages_are_german_for_who_reads_german() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let german = As(&lab, format!("Accept-Language: de\r\n{}", ada.1));
    let people = german.page("/people").await;
    for text in ["Was jede Rolle darf", "Drucker anhalten", "Bedienung"] {
        assert!(people.contains(text), "{text} in {people}");
    }
    let settings = german.page("/settings").await;
    for text in ["Regeln des Orts", "Was eine Prüfung findet", "der Tresor ist offen"] {
        assert!(settings.contains(text), "{text} in {settings}");
    }
}
