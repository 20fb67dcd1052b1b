//! The room of cases: the board, the list, the search, and a case with what its viewer may see and press.

use crate::support::{Answer, TestLab, lab, lab_of_people, tetrahedron};
use platen::domain::case::IntendedUse;
use platen::domain::event::Actor;
use platen::domain::ids::CaseToken;
use platen::domain::lab::Request;
use platen::io::clock::entropy;
use serde_json::{Value, json};

const ADA: &str = "notes on the engine";
const JSON: &str = "Content-Type: application/json\r\n";
const HOSTILE: &str = "<script>alert(1)</script>";

struct As<'l>(&'l TestLab, String);

impl As<'_> {
    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.0.send("POST", path, &format!("{JSON}{}", self.1), body.to_string().as_bytes()).await
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.0.send("GET", path, &self.1, b"").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }
}

async fn sign_in<'l>(lab: &'l TestLab, name: &str, password: &str) -> As<'l> {
    let answer = lab.post("/v1/session", &json!({"name": name, "password": password})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    As(lab, format!("Cookie: {}\r\n", cookie.split(';').next().unwrap()))
}

async fn user<'l>(ada: &As<'l>, name: &str, role: &str) -> As<'l> {
    let (first, own) = (format!("{name} first words"), format!("{name} own words"));
    let new = json!({"name": name, "roles": [role], "password": first});
    assert_eq!(ada.post("/v1/users", &new).await.status, 201);
    let them = sign_in(ada.0, name, &first).await;
    assert_eq!(them.post("/v1/session/password", &json!({"old": first, "new": own})).await.status, 200);
    them
}

/// Where nobody signs in: in kim's name.
fn kim(lab: &TestLab) -> As<'_> {
    As(lab, String::new())
}

async fn done(them: &As<'_>, path: &str, body: Value) -> Value {
    let mut body = body;
    if them.1.is_empty() {
        body.as_object_mut().unwrap().insert("by".into(), "kim".into());
    }
    let answer = them.post(path, &body).await;
    assert!(matches!(answer.status, 200 | 201), "{path} {body}: {answer:?}");
    answer.json()
}

fn steps(case: &CaseToken) -> String {
    format!("/v1/cases/{case}/steps")
}

async fn describe(them: &As<'_>, case: &CaseToken, more: Value) {
    let mut about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV"});
    about.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    done(them, &steps(case), json!({"is": "described", "about": about})).await;
}

async fn describe_part(them: &As<'_>, case: &CaseToken) {
    let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
    let path = format!("/v1/cases/{case}/parts/1/steps");
    done(them, &path, json!({"is": "described", "about": about})).await;
}

/// The element that begins with this.
fn element<'p>(page: &'p str, begins: &str, ends: &str) -> &'p str {
    let (_, rest) = page.split_once(begins).unwrap_or_else(|| panic!("{begins} in {page}"));
    rest.split_once(ends).unwrap_or_else(|| panic!("{ends} behind {begins}")).0
}

/// What is between `<main` and its end.
fn content(page: &str) -> &str {
    element(page, "<main", "</main>")
}

#[tokio::test]
async fn where_there_is_no_case_the_page_says_what_to_do_next() {
    let lab = lab().await;
    let page = kim(&lab).page("/cases").await;
    for text in [
        "There is no case yet.",
        "Open one above",
        "data-send=\"POST /v1/cases\"",
        "data-then=\"/cases/{token}\"",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("id=\"filters\""), "{page}");
}

#[tokio::test]
async fn the_board_has_a_case_in_the_column_of_its_state_and_one_on_hold_where_it_was() {
    let lab = lab().await;
    let (kim, case, other) = (kim(&lab), lab.case().await, lab.case().await);
    describe(&kim, &case, json!({"needed_by": "2020-03-01", "priority": "urgent"})).await;
    describe_part(&kim, &case).await;
    done(&kim, &steps(&case), json!({"is": "requested"})).await;
    let page = kim.page("/cases").await;
    let (requested, draft) = (
        element(&page, "id=\"column-requested\"", "</section>"),
        element(&page, "id=\"column-draft\"", "</section>"),
    );
    assert!(requested.contains(case.as_str()) && requested.contains("left hand"), "{requested}");
    assert!(requested.contains("days late") && requested.contains("urgent"), "{requested}");
    assert!(draft.contains(other.as_str()) && !draft.contains(case.as_str()), "{draft}");
    assert!(page.contains("1 late"), "{page}");

    done(&kim, &steps(&case), json!({"is": "held", "why": "no images"})).await;
    let page = kim.page("/cases").await;
    let requested = element(&page, "id=\"column-requested\"", "</section>");
    assert!(requested.contains("on hold") && requested.contains("no images"), "{requested}");
    done(&kim, &steps(&case), json!({"is": "cancelled", "why": "not needed"})).await;
    assert!(!content(&kim.page("/cases").await).contains(case.as_str()));
    let all = kim.page("/cases?view=list&state=cancelled").await;
    assert!(all.contains(case.as_str()) && !all.contains(other.as_str()), "{all}");
}

#[tokio::test]
async fn a_long_column_is_cut_with_a_count_and_an_empty_one_takes_no_place() {
    let lab = lab().await;
    for _ in 0..14 {
        lab.case().await;
    }
    let page = kim(&lab).page("/cases").await;
    let draft = element(&page, "id=\"column-draft\"", "</section>");
    assert_eq!(draft.matches("<article").count(), 12, "{draft}");
    assert!(draft.contains("2 more") && draft.contains("view=list&amp;state=draft"), "{draft}");
    assert_eq!(page.matches("class=\"column\"").count(), 1, "{page}");
    assert!(page.contains("No case is: requested, accepted, in design"), "{page}");
}

#[tokio::test]
async fn the_list_is_narrowed_by_state_use_day_and_lateness() {
    let lab = lab().await;
    let (kim, late, soon) = (kim(&lab), lab.case().await, lab.case().await);
    describe(&kim, &late, json!({"needed_by": "2020-03-01"})).await;
    describe(&kim, &soon, json!({"needed_by": "2099-03-01"})).await;
    for (query, has_late, has_soon) in [
        ("", true, true),
        ("&late=1", true, false),
        ("&due=2098-01-01", true, false),
        ("&due=2099-03-01", true, true),
        ("&use=guide", true, true),
        ("&use=education", false, false),
        ("&state=draft", true, true),
        ("&state=released", false, false),
        ("&state=all", true, true),
        ("&state=%3Cb%3E&due=yesterday", true, true),
    ] {
        let page = kim.page(&format!("/cases?view=list{query}")).await;
        let main = content(&page);
        assert_eq!(main.contains(late.as_str()), has_late, "{query}");
        assert_eq!(main.contains(soon.as_str()), has_soon, "{query}");
    }
    // What is needed first comes first.
    let page = kim.page("/cases?view=list").await;
    assert!(page.find(late.as_str()) < page.find(soon.as_str()), "{page}");
}

#[tokio::test]
async fn mine_are_the_cases_that_somebody_had_to_do_with() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let (dana, olaf) = (user(&ada, "dana", "designer").await, user(&ada, "olaf", "operator").await);
    let case = done(&dana, "/v1/cases", json!({"intended_use": "guide"})).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = done(&dana, "/v1/cases", json!({"intended_use": "guide"})).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let message = json!({"text": "the images are here", "mentions": ["olaf"]});
    done(&dana, &format!("/v1/cases/{case}/messages"), message).await;
    let page = olaf.page("/cases?mine=1").await;
    assert!(content(&page).contains(&case) && !content(&page).contains(&other), "{page}");
}

#[tokio::test]
async fn a_search_finds_tokens_and_names_of_parts_and_no_word_of_it_is_in_an_address() {
    let lab = lab().await;
    let case = lab.case().await;
    let token = case.as_str().to_uppercase();
    for (words, found) in
        [("left", 1), ("HAND left", 1), (&token[..5], 1), ("right", 0), ("left right", 0), ("guide", 0)]
    {
        let answer = lab.post("/v1/cases/search", &json!({"words": words})).await;
        assert_eq!(
            (answer.status, answer.json().as_array().unwrap().len()),
            (200, found),
            "{words}: {answer:?}"
        );
    }
    let one = &lab.post("/v1/cases/search", &json!({"words": "left"})).await.json()[0];
    assert_eq!(
        *one,
        json!({"token": case, "intended_use": "guide", "state": "draft", "parts": ["left hand"]})
    );
    for bad in ["", "  ", &"x".repeat(121)] {
        assert_eq!(lab.post("/v1/cases/search", &json!({"words": bad})).await.status, 400, "{bad:?}");
    }
    let page = kim(&lab).page("/cases").await;
    let search = element(&page, "id=\"find\"", "</form>");
    // A field without a name is in no address, whoever sends the form.
    assert!(
        search.contains("type=\"search\"") && !search.contains(" name=") && !search.contains("action="),
        "{search}"
    );
    for path in ["/cases".to_owned(), "/cases?view=list".into(), format!("/cases/{case}")] {
        let page = kim(&lab).page(&path).await;
        assert!(!element(&page, "<title>", "</title>").contains("left"), "{path}");
        for link in page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(
                !link.contains("left") && !link.contains("hand%20") && !link.contains(' '),
                "{link} on {path}"
            );
        }
    }
}

#[tokio::test]
async fn of_many_cases_some_are_shown_and_the_others_counted() {
    let lab = lab().await;
    for _ in 0..130 {
        let case = CaseToken::from_entropy(entropy());
        let request = Request::OpenCase { case, intended_use: IntendedUse::Guide };
        lab.recorder.submit(request, Actor::Platen).await.unwrap();
    }
    let board = kim(&lab).page("/cases").await;
    assert_eq!(board.matches("<article").count(), 12, "{board}");
    assert!(board.contains("118 more") && board.contains("/cases?view=list&amp;state=draft"), "{board}");
    let list = kim(&lab).page("/cases?view=list").await;
    assert_eq!(list.matches("<tr id=\"case-").count(), 100);
    assert!(list.contains("30 more: filter or search."), "{list}");
}

#[tokio::test]
async fn a_case_says_what_is_next_as_buttons_and_goes_on_to_the_approval() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    let at = format!("/cases/{case}");
    let page = kim.page(&at).await;
    assert!(element(&page, "<title>", "</title>").starts_with(&format!("Case {case}")), "{page}");
    for text in [
        "Describe it, then request it.",
        "id=\"step-requested\"",
        "Add the part",
        "left hand",
        "Not described yet",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    describe(&kim, &case, json!({"needed_by": "2099-03-01"})).await;
    describe_part(&kim, &case).await;
    for (is, next) in
        [("requested", "accepted"), ("accepted", "design_begun"), ("design_begun", "approval_asked")]
    {
        done(&kim, &steps(&case), json!({"is": is})).await;
        let page = kim.page(&at).await;
        assert!(
            page.contains(&format!("id=\"step-{next}\"")) && !page.contains(&format!("id=\"step-{is}\"")),
            "{page}"
        );
    }
    let page = kim.page(&at).await;
    assert!(page.contains("data-use=\"model\"") && page.contains("type=\"file\""), "{page}");
    let stored = lab.send("POST", "/v1/models", "", tetrahedron(1.0).as_bytes()).await.json();
    let revision = json!({"is": "revised", "revision": {"model": stored["model"], "mirrored": true}});
    done(&kim, &format!("/v1/cases/{case}/parts/1/steps"), revision).await;
    done(&kim, &steps(&case), json!({"is": "approval_asked"})).await;
    let page = kim.page(&at).await;
    let approve = element(&page, "id=\"step-approved\"", "</form>");
    assert!(approve.contains(&format!("data-sign=\"/v1/cases/{case}/to-sign?of=design\"")), "{approve}");
    // A mirrored part is said to be meant so before anybody signs.
    assert!(
        approve.contains("Part 1 is mirrored or changed") && approve.contains("&quot;confirmed&quot;:[1]"),
        "{approve}"
    );
    assert!(page.contains("id=\"step-sent_back\"") && !page.contains("id=\"add-part\""), "{page}");

    let digest = lab.get(&format!("/v1/cases/{case}/to-sign?of=design")).await.json()["digest"].clone();
    done(&kim, &steps(&case), json!({"is": "approved", "digest": digest, "confirmed": [1]})).await;
    let page = kim.page(&at).await;
    let signature = element(&page, "id=\"signature-1\"", "</article>");
    assert!(
        signature.contains("kim")
            && signature.contains("approved: the design")
            && signature.contains("valid"),
        "{signature}"
    );
    assert!(page.contains("id=\"step-production_begun\""), "{page}");

    done(&kim, &steps(&case), json!({"is": "held", "why": "the surgeon is away"})).await;
    let page = kim.page(&at).await;
    let next = element(&page, "id=\"next\"", "</section>");
    assert!(next.contains("the surgeon is away") && next.contains("On hold; before: approved"), "{next}");
    // Going on is taken back by holding it again for the same reason.
    assert!(next.contains("id=\"step-continued\"") && next.contains("data-undo="), "{next}");
}

#[tokio::test]
async fn what_people_write_is_text_on_the_page() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    describe(&kim, &case, json!({"service": "<b>x</b>", "indication": HOSTILE})).await;
    done(&kim, &format!("/v1/cases/{case}/messages"), json!({"text": HOSTILE})).await;
    done(
        &kim,
        &format!("/v1/cases/{case}/costs"),
        json!({"kind": "other", "amount": 1_250, "what": HOSTILE}),
    )
    .await;
    let about = json!({"of": "case", "case": case});
    let fault = json!({"about": about, "cause": "other", "severity": "minor", "what": HOSTILE});
    done(&kim, "/v1/nonconformances", fault).await;
    done(&kim, &steps(&case), json!({"is": "cancelled", "why": HOSTILE})).await;
    for path in
        [format!("/cases/{case}"), "/cases?view=list&state=all".into(), format!("/cases/{case}/story")]
    {
        let page = kim.page(&path).await;
        assert!(page.contains("&lt;script&gt;alert(1)"), "{path}: {page}");
        assert!(
            !page.contains("<script>") && !page.contains("<b>") && !page.contains(" style="),
            "{path}: {page}"
        );
    }
    assert!(kim.page(&format!("/cases/{case}")).await.contains("12.50"));
}

#[tokio::test]
async fn who_may_not_read_messages_sees_no_thread_and_everybody_only_their_own_buttons() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let (rita, dana) = (user(&ada, "rita", "requester").await, user(&ada, "dana", "designer").await);
    let case: CaseToken = done(&rita, "/v1/cases", json!({"intended_use": "guide"})).await["token"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    done(&dana, &format!("/v1/cases/{case}/parts"), json!({"name": "left hand"})).await;
    done(&rita, &format!("/v1/cases/{case}/messages"), json!({"text": "the images are late"})).await;
    let at = format!("/cases/{case}");
    let (of_ada, of_rita, of_dana) = (ada.page(&at).await, rita.page(&at).await, dana.page(&at).await);
    // An admin has no say in a case, and reads nothing that is said on it.
    assert!(!of_ada.contains("the images are late") && !of_ada.contains("id=\"messages\""), "{of_ada}");
    assert!(!of_ada.contains("/story") && of_rita.contains("/story"), "{of_ada}");
    assert!(of_rita.contains("the images are late") && of_rita.contains("id=\"write\""), "{of_rita}");
    for (page, has, has_not) in [
        (
            &of_ada,
            &["id=\"reports\""][..],
            &["id=\"step-", "id=\"add-part\"", "id=\"vault-keep\"", "id=\"note-cost\""][..],
        ),
        (
            &of_rita,
            &["id=\"step-requested\"", "id=\"vault-keep\""][..],
            &["id=\"add-part\"", "id=\"reports\"", "No cost is noted"][..],
        ),
        (
            &of_dana,
            &["id=\"step-requested\"", "id=\"add-part\"", "id=\"reports\"", "No cost is noted"][..],
            &["id=\"step-accepted\""][..],
        ),
    ] {
        for text in has {
            assert!(page.contains(text), "{text} in {page}");
        }
        for text in has_not {
            assert!(!page.contains(text), "{text} in {page}");
        }
    }
    let refused = lab.send("GET", &format!("/cases/{case}/story"), &ada.1, b"").await;
    assert!(!refused.body.contains("the images are late"), "{refused:?}");
}

#[tokio::test]
async fn who_a_case_is_for_is_never_on_its_page_but_that_it_is_written_down_is() {
    let lab = lab_of_people("ada", ADA).await;
    let ada = sign_in(&lab, "ada", ADA).await;
    let rita = user(&ada, "rita", "requester").await;
    let case = done(&rita, "/v1/cases", json!({"intended_use": "guide"})).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = format!("/cases/{case}");
    let before = rita.page(&at).await;
    assert!(before.contains("Nothing is written down") && !before.contains("id=\"vault-read\""), "{before}");
    let identifiers = json!({"name": "Anna Whitefield", "mrn": "20394857", "birth_date": "1960-05-12"});
    done(&rita, &format!("/v1/cases/{case}/identifiers"), identifiers).await;
    for them in [&rita, &ada] {
        let page = them.page(&at).await;
        assert!(page.contains("sealed (version 1)"), "{page}");
        for secret in ["Whitefield", "20394857", "1960-05-12"] {
            assert!(!page.contains(secret), "{secret} in {page}");
        }
    }
    let page = rita.page(&at).await;
    assert!(page.contains("id=\"vault-read\"") && page.contains("data-use=\"vault\""), "{page}");
    assert!(!ada.page(&at).await.contains("id=\"vault-read\""));
}

#[tokio::test]
async fn the_room_speaks_german() {
    let lab = lab().await;
    let case = lab.case().await;
    let german = As(&lab, "Accept-Language: de-AT\r\n".into());
    let board = german.page("/cases").await;
    for text in ["<h1>Fälle</h1>", "Entwurf", "Neuer Fall", "Schablone am Patienten", "Überfällig"] {
        assert!(board.to_lowercase().contains(&text.to_lowercase()), "{text} in {board}");
    }
    let page = german.page(&format!("/cases/{case}")).await;
    for text in ["Nächster Schritt", "Anfragen", "Teil hinzufügen", "Unterschriften", "Verlauf"] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[tokio::test]
async fn a_case_that_is_not_there_is_said_so() {
    let lab = lab().await;
    let nobody = CaseToken::from_entropy([7; 16]);
    for path in ["/cases/xyz".to_owned(), format!("/cases/{nobody}"), format!("/cases/{nobody}/story")] {
        let answer = lab.get(&path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("<main"), "{answer:?}");
    }
}

#[tokio::test]
async fn every_script_and_style_that_the_room_names_is_served() {
    let lab = lab().await;
    for name in ["cases", "model", "vault", "units"] {
        let answer = lab.get(&format!("/assets/{name}.js")).await;
        assert!(answer.status == 200 && answer.body.contains("export function attach"), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn what_a_case_lacks_stands_before_its_button() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    let at = format!("/cases/{case}");
    let missing = |page: &str| element(page, "id=\"missing\"", "</div>").to_owned();
    assert!(missing(&kim.page(&at).await).contains("href=\"#order\""));
    describe(&kim, &case, json!({})).await;
    assert!(!kim.page(&at).await.contains("id=\"missing\""));
    done(&kim, &steps(&case), json!({"is": "requested"})).await;
    let lacks = missing(&kim.page(&at).await);
    for what in ["the day by which it is needed", "the units of part 1", "the side of part 1", "#part-1"] {
        assert!(lacks.contains(what), "{what} in {lacks}");
    }
    assert!(!lacks.contains("the indication"), "{lacks}");
    let german = lab.send("GET", &at, "Accept-Language: de\r\n", b"").await.body;
    assert!(missing(&german).contains("die Seite von Teil 1"), "{german}");

    describe(&kim, &case, json!({"needed_by": "2099-03-01"})).await;
    describe_part(&kim, &case).await;
    assert!(!kim.page(&at).await.contains("id=\"missing\""));
    done(&kim, &steps(&case), json!({"is": "accepted"})).await;
    done(&kim, &steps(&case), json!({"is": "design_begun"})).await;
    assert!(missing(&kim.page(&at).await).contains("a model of part 1"));
    let stored = lab.send("POST", "/v1/models", "", tetrahedron(1.0).as_bytes()).await.json();
    let revision = json!({"is": "revised", "revision": {"model": stored["model"]}});
    done(&kim, &format!("/v1/cases/{case}/parts/1/steps"), revision).await;
    done(&kim, &steps(&case), json!({"is": "approval_asked"})).await;
    let digest = lab.get(&format!("/v1/cases/{case}/to-sign?of=design")).await.json()["digest"].clone();
    done(&kim, &steps(&case), json!({"is": "approved", "digest": digest})).await;
    let begun = json!({"is": "production_begun", "process": "by hand", "elsewhere": true,
        "validated_for": ["guide", "diagnostic", "education"]});
    done(&kim, &steps(&case), begun).await;
    let page = kim.page(&at).await;
    assert!(missing(&page).contains("prints of part 1: 0 of 1 printed"), "{page}");
    assert!(page.contains("id=\"step-qc_begun\"") && !page.contains("class=\"buttons on\""), "{page}");
    assert!(element(&page, "id=\"no-template\"", "</p>").contains("/settings#templates"), "{page}");
}

/// All keys of an object, however deep.
fn keys(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                all.push(key.clone());
                keys(value, all);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, all)),
        _ => {}
    }
}

#[tokio::test]
async fn every_key_of_what_is_signed_has_words_beside_the_signature() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    describe(&kim, &case, json!({"needed_by": "2099-03-01", "acceptance": "0.5 mm"})).await;
    let ordered = json!({"scale": 1.0, "material": "PLA", "colour": "red", "quantity": 2});
    let about = json!({"kind": "component", "laterality": "left", "units": "mm", "ordered": ordered});
    let part = format!("/v1/cases/{case}/parts/1/steps");
    done(&kim, &part, json!({"is": "described", "about": about})).await;
    for is in ["requested", "accepted", "design_begun"] {
        done(&kim, &steps(&case), json!({"is": is})).await;
    }
    let stored = lab.send("POST", "/v1/models", "", tetrahedron(1.0).as_bytes()).await.json();
    let revision = json!({"model": stored["model"], "software": "3D Slicer", "author": "kim"});
    done(&kim, &part, json!({"is": "revised", "revision": revision})).await;
    done(&kim, &steps(&case), json!({"is": "approval_asked"})).await;
    let text = lab.get(&format!("/v1/cases/{case}/to-sign?of=design")).await.json()["text"].clone();
    let signed: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let mut all = Vec::new();
    keys(&signed, &mut all);
    assert!(all.iter().any(|key| key == "extents") && all.iter().any(|key| key == "ordered"), "{signed}");
    for language in ["en", "de"] {
        let headers = format!("Accept-Language: {language}\r\n");
        let page = lab.send("GET", &format!("/cases/{case}"), &headers, b"").await.body;
        let form = element(&page, "id=\"step-approved\"", "</form>");
        let labels = element(form, "data-labels=\"", "\"").replace("&quot;", "\"").replace("&amp;", "&");
        let labels: Value = serde_json::from_str(&labels).unwrap();
        for key in &all {
            assert!(labels[key].is_string(), "{language}: no words for {key} in {labels}");
        }
        assert!(form.contains("id=\"step-approved-said\" role=\"alert\""), "{form}");
    }
}

#[tokio::test]
async fn what_is_filed_of_a_case_stands_below_both_columns_and_its_forms_are_folded() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    let page = kim.page(&format!("/cases/{case}")).await;
    let (columns, filed) = content(&page).split_once("<div class=\"filed\">").unwrap();
    for id in ["parts", "messages", "order", "timeline"] {
        assert!(columns.contains(&format!("id=\"{id}\"")), "{id} in {columns}");
    }
    for id in ["signatures", "effort", "costs", "units", "reports"] {
        assert!(filed.contains(&format!("id=\"{id}\"")), "{id} in {filed}");
    }
    for folded in ["note-effort-fold", "note-cost-fold"] {
        assert!(filed.contains(&format!("<details id=\"{folded}\"><summary>")), "{folded} in {filed}");
    }
}

#[tokio::test]
async fn the_browser_knows_the_bounds_of_the_fields_and_asks_about_days_that_are_over() {
    let lab = lab().await;
    let (kim, case) = (kim(&lab), lab.case().await);
    let page = kim.page(&format!("/cases/{case}")).await;
    let order = element(&page, "id=\"describe\"", "</form>");
    let field = |form: &str, name: &str| {
        let tag = form.split("<input").find(|tag| tag.contains(&format!("name=\"{name}\"")));
        tag.unwrap_or_else(|| panic!("{name} in {form}")).split('>').next().unwrap().to_owned()
    };
    assert!(field(order, "about.indication").contains("maxlength=\"100\""), "{order}");
    assert!(field(order, "about.service").contains("maxlength=\"40\""), "{order}");
    let rated = field(order, "about.appropriateness");
    assert!(
        rated.contains("min=\"1\"") && rated.contains("max=\"9\"") && rated.contains("step=\"1\""),
        "{rated}"
    );
    let day = field(order, "about.needed_by");
    assert!(day.contains("data-ask-before=\"") && day.contains("data-ask-words="), "{day}");
    assert!(field(order, "about.requester").contains("data-ask-dates="), "{order}");
    let part = element(&page, "id=\"describe-1\"", "</form>");
    assert!(field(part, "about.ordered.quantity").contains("max=\"20\""), "{part}");
    let effort = element(&page, "id=\"note-effort\"", "</form>");
    assert!(field(effort, "minutes").contains("min=\"0\""), "{effort}");
    // A name at the top that the journal does not take is told before it is sent.
    let name = element(&page, "id=\"who\"", ">");
    assert!(name.contains("pattern=") && name.contains("title="), "{name}");
}
