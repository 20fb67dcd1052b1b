//! Resin printers over HTTP and on the page: what people say of vat, display and film, the look before a start, and
//! that nothing is noted of something else than they have seen.

use crate::support::{Answer, TestLab, lab_with};
use platen::domain::event::Actor;
use platen::domain::ids::{FileHash, JobId, PrinterName};
use platen::domain::job::{Interruption, PauseReason, Progress};
use platen::domain::lab::{NewJob, Request};
use platen::domain::part::PartRef;
use platen::domain::printer::{Activity, HoldStep, Light, OutOfReach, Prompt, Reading, Temperatures};
use platen::domain::resin;
use platen::domain::resin::need::Need;
use platen::domain::resin::odd::Odd;
use platen::domain::resin::outfit::{Item, Outfit};
use platen::domain::resin::wear::Lit;
use platen::domain::units::{Celsius, Microlitres};
use platen::io::clock::entropy;
use serde_json::{Value, json};
use std::sync::Arc;

const GERMAN: &str = "Accept-Language: de\r\n";
const AT: &str = "/v1/printers/msla-01";

fn msla() -> PrinterName {
    "msla-01".parse().unwrap()
}

fn ml(millilitres: u64) -> Microlitres {
    Microlitres(millilitres * 1_000)
}

async fn submit(lab: &TestLab, request: Request) {
    lab.recorder.submit(request, Actor::Platen).await.unwrap();
}

async fn of_resin(lab: &TestLab, request: resin::Request) {
    submit(lab, Request::Resin(Box::new(request))).await;
}

/// A resin printer as its configuration has it, with lives that wear out.
async fn fitted() -> TestLab {
    let lab = lab_with(&["msla-01", "mk3-01"]).await;
    let outfit = Outfit {
        holds: ml(200),
        keeps: ml(20),
        resin_days: Some(14),
        display_life_h: Some(10),
        film_life_layers: Some(1_000),
        warn_at_percent: 90,
        worn_bars: true,
        checklist: Item::ALL.into(),
        alone: false,
    };
    of_resin(&lab, resin::Request::Fit { printer: msla(), outfit: Some(Box::new(outfit)) }).await;
    lab
}

async fn done(lab: &TestLab, path: &str, body: Value) -> Value {
    let answer = lab.post(path, &body).await;
    assert!(matches!(answer.status, 200 | 201), "{path} {body}: {answer:?}");
    answer.json()
}

async fn refused(lab: &TestLab, path: &str, body: Value, status: u16, slug: &str) {
    let answer = lab.post(path, &body).await;
    let kind = format!("urn:platen:problem:{slug}");
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (status, Some(kind.as_str())),
        "{path} {body}: {answer:?}"
    );
    for words in ["detail", "help"] {
        assert!(!answer.json()[words].as_str().unwrap().is_empty(), "{answer:?}");
    }
}

async fn lot(lab: &TestLab, material: &str) -> String {
    let about = json!({"by": "sam", "material": material, "supplier_lot": "L-2231", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000, "density": 1.1});
    let id = done(lab, "/v1/lots", about).await["id"].as_str().unwrap().to_owned();
    done(lab, &format!("/v1/lots/{id}/steps"), json!({"by": "sam", "is": "released"})).await;
    id
}

/// A job of 400 layers and 100 ml that waits for the printer.
async fn job(lab: &TestLab) -> JobId {
    let (case, id) = (lab.case().await, JobId::from_entropy(entropy()));
    let new = NewJob {
        job: id.clone(),
        case,
        part: PartRef::Number(1),
        also: Vec::new(),
        file: FileHash::from_digest([7; 32]),
        commands: 400,
        digest: FileHash::from_digest([9; 32]),
        pinned: Some(msla()),
        material: Some("clear resin".into()),
        gate: None,
    };
    let need = Need {
        layers: 400,
        resin: ml(100),
        largest_layer: Microlitres(400),
        light_ms: 36_000_000,
        longest_layer_ms: 90_000,
        refills: Vec::new(),
        opaque: None,
    };
    let request = Box::new(Request::QueueJob(Box::new(new)));
    of_resin(lab, resin::Request::WithNeeds { request, needs: [(id.clone(), need)].into() }).await;
    id
}

fn looked() -> Value {
    json!({"by": "kim", "items": ["film", "vat", "stirred", "plate", "cover"]})
}

async fn shown(lab: &TestLab, path: &str) -> String {
    let page = lab.get(path).await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
    page.body
}

async fn in_german(lab: &TestLab, path: &str) -> String {
    let page = lab.send("GET", path, GERMAN, b"").await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
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

/// What a browser sends of a form of the page, with these fields filled in.
async fn send_form(lab: &TestLab, page: &str, id: &str, fields: &[(&str, Value)]) -> Answer {
    let tag = page.split("<form ").find(|tag| tag.contains(&format!("id=\"{id}\" data-send")));
    let tag = tag.unwrap_or_else(|| panic!("no form {id} in {page}"));
    let (head, form) = tag.split_once('>').unwrap();
    let attribute = |name: &str| {
        let value = head.split(&format!(" {name}=\"")).nth(1)?.split('"').next().unwrap();
        Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
    };
    let fixed =
        attribute("data-fixed").map_or_else(|| json!({}), |fixed| serde_json::from_str(&fixed).unwrap());
    let mut body: Value = fixed;
    let inside = form.split("</form>").next().unwrap();
    for (name, value) in fields {
        assert!(inside.contains(&format!("name=\"{name}\"")), "no field {name} in {inside}");
        body[*name] = value.clone();
    }
    body["by"] = "kim".into();
    let route = attribute("data-send").unwrap();
    let (method, path) = route.split_once(' ').unwrap();
    lab.send(method, path, "Content-Type: application/json\r\n", body.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_vat_is_filled_topped_up_measured_stirred_filtered_and_emptied() {
    let lab = fitted().await;
    let (clear, tough) = (lot(&lab, "clear resin").await, lot(&lab, "tough resin").await);
    let vat = |what: &str| format!("{AT}/vat/{what}");
    refused(&lab, &vat("stir"), json!({"by": "kim"}), 409, "vat-empty").await;
    refused(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": 0}), 400, "nothing-poured").await;
    refused(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": 201}), 409, "vat-overfull").await;
    refused(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": -1}), 422, "makes-no-sense").await;
    refused(&lab, &vat("fill"), json!({"by": "kim", "lot": "zzzz", "ml": 1}), 422, "not-our-label").await;
    refused(&lab, &vat("fill"), json!({"lot": clear, "ml": 1}), 400, "unreadable-request").await;
    let filled = done(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": 120.5})).await;
    let contents = &filled["vat"]["contents"];
    assert_eq!((&contents["left_ml"], &contents["gives_ml"]), (&json!(120.5), &json!(100.5)));
    assert_eq!((&contents["material"], &contents["lots"][0]["lot"]), (&json!("clear resin"), &json!(clear)));
    let loads = lab.get(&format!("{AT}/loads")).await.json();
    assert_eq!((&loads[0]["lot"], loads[0]["to"].is_null()), (&json!(clear), true));
    refused(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": 1}), 409, "vat-filled").await;
    refused(&lab, &vat("top-up"), json!({"by": "kim", "lot": tough, "ml": 1}), 409, "other-material").await;
    refused(&lab, &format!("{AT}/film"), json!({"by": "kim"}), 409, "resin-on-film").await;
    // By what a scanner types of the label.
    let label =
        platen::labels::Scanned::lot(&clear).map(|lot| platen::labels::Scanned::Lot(lot).code()).unwrap();
    let topped = done(&lab, &vat("top-up"), json!({"by": "kim", "lot": label, "ml": 30})).await;
    assert_eq!(topped["vat"]["contents"]["left_ml"], 150.5);
    let measured = done(&lab, &vat("measure"), json!({"by": "kim", "ml": 140})).await;
    assert_eq!(
        (&measured["vat"]["contents"]["left_ml"], &measured["vat"]["contents"]["poured_ml"]),
        (&json!(140.0), &json!(150.5))
    );
    for what in ["stir", "filter"] {
        done(&lab, &vat(what), json!({"by": "kim"})).await;
    }
    let now = lab.get(&format!("{AT}/resin")).await.json();
    for what in ["measured", "stirred", "filtered"] {
        assert!(now["vat"]["contents"][what].is_string(), "{now}");
    }
    let empty = done(&lab, &vat("empty"), json!({"by": "kim", "resin": "bottled"})).await;
    assert!(empty["vat"]["contents"].is_null());
    assert!(lab.get(&format!("{AT}/loads")).await.json()[0]["to"].is_string());
    for (what, body, field, value) in [
        ("display", json!({"by": "kim", "hours": 3}), "display", 3),
        ("film", json!({"by": "kim"}), "film", 0),
    ] {
        let now = done(&lab, &format!("{AT}/{what}"), body).await;
        assert_eq!(now[field]["used"], value, "{now}");
    }
    refused(&lab, &format!("{AT}/display"), json!({"by": "kim", "hours": 100_001}), 422, "makes-no-sense")
        .await;
}

#[tokio::test]
async fn a_printer_for_filament_has_no_vat_and_one_that_is_not_there_is_not_found() {
    let lab = fitted().await;
    let mk3 = lab.get("/v1/printers/mk3-01/resin").await;
    assert_eq!((mk3.status, mk3.json()["type"].as_str()), (409, Some("urn:platen:problem:no-vat")));
    refused(&lab, "/v1/printers/mk3-01/vat/stir", json!({"by": "kim"}), 409, "no-vat").await;
    assert_eq!(lab.get("/v1/printers/nobody/resin").await.status, 404);
    let all = lab.get("/v1/printers").await.json();
    let of = |name: &str| all.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert!(of("mk3-01").get("resin").is_none(), "{all}");
    assert_eq!(of("msla-01")["resin"]["checklist"], true);
    lacks(&shown(&lab, "/printers/mk3-01").await, &["id=\"resin\"", "id=\"checklist\""]);
    // One that was never asked for vats shows none.
    let plain = crate::support::lab().await;
    assert_eq!(plain.get("/v1/printers/mk3-01/resin").await.status, 409);
}

#[tokio::test]
async fn nothing_is_noted_of_another_filling_display_or_film_than_was_seen() {
    let lab = fitted().await;
    let clear = lot(&lab, "clear resin").await;
    let vat = |what: &str| format!("{AT}/vat/{what}");
    let filled = done(&lab, &vat("fill"), json!({"by": "kim", "lot": clear, "ml": 100})).await;
    let seen = &filled["vat"]["contents"];
    let was = json!({"since": seen["since"], "poured_ml": seen["poured_ml"]});
    let top_up = json!({"by": "kim", "lot": clear, "ml": 30, "was": was});
    done(&lab, &vat("top-up"), top_up.clone()).await;
    // The same press once more, or somebody who did not see it.
    refused(&lab, &vat("top-up"), top_up, 409, "changed-meanwhile").await;
    for (what, more) in [
        ("stir", json!({})),
        ("filter", json!({})),
        ("measure", json!({"ml": 9})),
        ("empty", json!({"resin": "discarded"})),
    ] {
        let mut body = json!({"by": "kim", "was": was});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(&lab, &vat(what), body, 409, "changed-meanwhile").await;
    }
    let now = lab.get(&format!("{AT}/resin")).await.json();
    assert_eq!(now["vat"]["contents"]["left_ml"], 130.0);
    let display = json!({"by": "kim", "since": "first"});
    done(&lab, &format!("{AT}/display"), display.clone()).await;
    refused(&lab, &format!("{AT}/display"), display, 409, "changed-meanwhile").await;
    let now = lab.get(&format!("{AT}/resin")).await.json();
    done(&lab, &format!("{AT}/display"), json!({"by": "kim", "since": now["display"]["since"]})).await;
}

#[tokio::test]
async fn the_page_leads_from_an_empty_vat_to_a_start_one_thing_after_the_other() {
    let lab = fitted().await;
    let clear = lot(&lab, "clear resin").await;
    let job = job(&lab).await;
    let page = shown(&lab, "/printers/msla-01").await;
    has(
        &page,
        &["No resin is noted in the vat", "It takes 100 ml in 400 layers", "The vat does not have enough"],
    );
    // No nozzle, no bed, and no test print for filament.
    lacks(&page, &["id=\"warmth\"", "id=\"test-print\"", "id=\"do-checklist\"", "id=\"material\""]);
    has(&shown(&lab, "/hands").await, &["Fill or top up the vat with clear resin", "id=\"resin-msla-01\""]);
    has(&in_german(&lab, "/hands").await, &["Wanne mit clear resin füllen"]);
    // What the scanner has read stands in the field.
    let page = shown(&lab, &format!("/printers/msla-01?lot={clear}")).await;
    has(&page, &[&format!("value=\"{clear}\""), "min=\"0\" max=\"200\""]);
    let filled = send_form(&lab, &page, "vat-fill", &[("lot", json!(clear)), ("ml", json!(150))]).await;
    assert_eq!(filled.status, 200, "{filled:?}");
    let page = shown(&lab, "/printers/msla-01").await;
    has(
        &page,
        &[
            "The vat has enough for that.",
            "150 of 200 ml left",
            "film taut and undamaged",
            "type=\"checkbox\" required",
        ],
    );
    has(&shown(&lab, "/hands").await, &["Look at it before the start", "/printers/msla-01#checklist"]);
    has(&shown(&lab, "/").await, &["150 ml in the vat", "Somebody looks at it before the next start"]);
    lacks(&shown(&lab, "/").await, &["id=\"heat-msla-01\""]);
    refused(
        &lab,
        &format!("{AT}/checklist"),
        json!({"by": "kim", "items": ["film"]}),
        409,
        "checklist-incomplete",
    )
    .await;
    refused(
        &lab,
        &format!("{AT}/checklist"),
        json!({"by": "kim", "items": ["lamp"]}),
        400,
        "unreadable-request",
    )
    .await;
    let looked = send_form(&lab, &page, "do-checklist", &[]).await;
    assert_eq!((looked.status, &looked.json()["checklist"]["holds"]), (200, &json!(true)), "{looked:?}");
    assert_eq!(looked.json()["next"]["hindrances"], json!([]));
    has(&shown(&lab, "/printers/msla-01").await, &["kim has looked"]);
    let german = in_german(&lab, "/printers/msla-01").await;
    has(&german, &["Vor dem Start nachsehen", "Folie straff", "Harz gerührt", "Wanne, Display, Folie"]);
    // It runs: nobody empties the vat now, and the card says the layer.
    submit(&lab, Request::StartJob { job: job.clone(), printer: msla() }).await;
    lab.boards["msla-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        live.activity =
            Activity::Printing { job: job.clone(), progress: Progress { confirmed: 11, total: 400 } };
    });
    let page = shown(&lab, "/printers/msla-01").await;
    has(&page, &["Layer 12 of 400", "50 ml should be left at its end", "id=\"vat-stir\""]);
    lacks(&page, &["id=\"vat-empty\"", "id=\"vat-filter\"", "id=\"film-new\"", "id=\"do-checklist\""]);
    has(&shown(&lab, "/").await, &["layer 12 of 400"]);
    refused(&lab, &format!("{AT}/vat/filter"), json!({"by": "kim"}), 409, "printer-busy").await;
    refused(&lab, &format!("{AT}/checklist"), self::looked(), 409, "printer-busy").await;
}

#[tokio::test]
async fn the_card_the_printer_s_page_and_the_api_say_whether_the_light_is_on() {
    let lab = fitted().await;
    let chip = "id=\"light-msla-01\"";
    for path in ["/", "/printers/msla-01"] {
        lacks(&shown(&lab, path).await, &[chip]);
    }
    assert_eq!(lab.get(AT).await.json().get("light"), None);
    let rows = [
        (Light::On, "on", "The light is on", "Das Licht ist an", true),
        (Light::MayBeOn, "may_be_on", "The light may be on", "Das Licht kann an sein", true),
        (Light::Off, "off", "The light is off", "Das Licht ist aus", false),
        (Light::Unknown, "unknown", "Light not known", "Licht nicht bekannt", false),
    ];
    for (light, word, words, german, is_lit) in rows {
        lab.boards["msla-01"].send_modify(|live| Arc::make_mut(live).light = Some(light));
        assert_eq!(lab.get(AT).await.json()["light"], word);
        for path in ["/", "/printers/msla-01"] {
            let page = shown(&lab, path).await;
            let at = page.find(chip).unwrap_or_else(|| panic!("{path} has no {chip}"));
            let sign = &page[at..at + page[at..].find("</span>").unwrap()];
            assert!(sign.contains(words) && sign.contains("<svg"), "{path}: {sign}");
            assert_eq!(sign.contains("data-state=\"lit\""), is_lit, "{path}: {sign}");
            has(&in_german(&lab, path).await, &[german]);
        }
        lacks(&shown(&lab, "/").await, &["id=\"light-mk3-01\""]);
    }
}

#[tokio::test]
async fn a_print_that_was_cut_off_is_asked_after_and_what_wears_out_is_told() {
    let lab = fitted().await;
    let clear = lot(&lab, "clear resin").await;
    let job = job(&lab).await;
    done(&lab, &format!("{AT}/vat/fill"), json!({"by": "kim", "lot": clear, "ml": 150})).await;
    done(&lab, &format!("{AT}/checklist"), looked()).await;
    submit(&lab, Request::StartJob { job: job.clone(), printer: msla() }).await;
    let lit = Lit { layers: 300, light_ms: 34_000_000, resin: ml(75) };
    of_resin(&lab, resin::Request::NoteLit { job: job.clone(), lit, now: true }).await;
    let why = Interruption::Unplugged;
    let progress = Progress { confirmed: 300, total: 400 };
    submit(&lab, Request::NoteInterrupted { job: job.clone(), progress, why, line: None }).await;
    let now = lab.get(&format!("{AT}/resin")).await.json();
    assert_eq!(
        (&now["debris"], &now["display"]["verdict"]),
        (&json!(job.to_string()), &json!("worn")),
        "{now}"
    );
    assert_eq!(now["vat"]["contents"]["left_ml"], 75.0);
    let hands = shown(&lab, "/hands").await;
    has(
        &hands,
        &[
            "Filter the resin, or empty the vat",
            "The display has had 9 of 10 hours of light: have the next one at hand",
        ],
    );
    let page = shown(&lab, "/printers/msla-01").await;
    has(&page, &["pieces of it may lie in the vat", "worn: have the next one at hand"]);
    let filtered = send_form(&lab, &page, "vat-filter", &[]).await;
    assert_eq!((filtered.status, filtered.json()["debris"].is_null()), (200, true), "{filtered:?}");
    lacks(&shown(&lab, "/hands").await, &["id=\"filter-msla-01\""]);
    refused(&lab, &format!("{AT}/checklist"), looked(), 409, "bed-occupied").await;
    has(&shown(&lab, "/printers/msla-01").await, &["First take it off and say that the bed is clear"]);
}

#[tokio::test]
async fn the_stick_that_a_board_wants_is_asked_for_in_the_language_of_the_page() {
    let lab = fitted().await;
    let asked = "Copy the file to the printer's USB stick as P7K3QX2A.CTB, directly in its root and under exactly this \
                 name. It must have 26058253 bytes there. Remove the stick safely, put it into the printer, and confirm.";
    lab.boards["msla-01"].send_modify(|live| {
        let hold = &mut Arc::make_mut(live).hold;
        hold.prompt = Some(Prompt { text: asked.into(), buttons: vec!["It is in".into()] });
        hold.step = Some(HoldStep::WaitsForPerson);
    });
    has(&shown(&lab, "/printers/msla-01").await, &["as P7K3QX2A.CTB", ">It is in</button>"]);
    let german = in_german(&lab, "/printers/msla-01").await;
    has(&german, &["Die Datei als P7K3QX2A.CTB auf den USB-Stick", "26058253 Byte", ">Er steckt</button>"]);
    // What is sent back is the question as the printer has it.
    has(&german, &["name=\"asked\" value=\"Copy the file"]);
    has(&in_german(&lab, "/hands").await, &["P7K3QX2A.CTB auf den USB-Stick"]);
}

#[tokio::test]
async fn a_printer_with_a_vat_is_not_loaded_by_its_slots() {
    let lab = fitted().await;
    let page = shown(&lab, "/hands?printer=msla-01").await;
    has(&page, &["data-vat=\"yes\"", "href=\"/printers/msla-01#resin\""]);
    lacks(&page, &["name=\"load-slot\""]);
    let other = lab_with(&["mk3-01"]).await;
    has(&shown(&other, "/hands?printer=mk3-01").await, &["name=\"load-slot\""]);
}

#[tokio::test]
async fn whoever_queues_an_encrypted_file_is_asked_what_it_takes_and_is_told_that_nobody_knows() {
    use ::resin::file::Mask;
    use ::resin::sample::{Settings, encrypted};

    let lab = lab_with(&["mars-01", "msla-01"]).await;
    let case = lab.case().await;
    let page = async |bytes: &[u8]| {
        let file = lab.upload(bytes).await.json()["file"].clone();
        format!("/queue/new?file={}&case={case}&part=1", file.as_str().unwrap())
    };
    let path = page(&encrypted(9_000)).await;
    let told = shown(&lab, &path).await;
    for words in ["name=\"resin_ml\"", "name=\"minutes\"", "resin.opaque", "unknown", "mars-01"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(in_german(&lab, &path).await.contains("Harz laut Slicer, ml"));
    let mask = Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0]);
    let told = shown(&lab, &page(&Settings::default().sl1(&[mask.clone(), mask])).await).await;
    assert!(!told.contains("name=\"resin_ml\""), "{told}");
}

#[tokio::test]
async fn a_light_that_goes_on_sends_its_sign_and_nothing_around_it() {
    let lab = fitted().await;
    let tell = |light| {
        let now = lab.clock.now();
        lab.boards["msla-01"].send_modify(|live| {
            let live = Arc::make_mut(live);
            (live.light, live.at) = (Some(light), now);
        });
    };
    tell(Light::Off);
    let (_, mut stream) = crate::live(&lab).await;
    assert_eq!(stream.next().await.unwrap().event, "hello");
    tell(Light::On);
    let sent = loop {
        let message = crate::next(&mut stream, "pieces").await;
        if message.data.contains("The light is on") {
            break crate::pieces(&message);
        }
    };
    let ids: Vec<&str> = sent.iter().map(|(id, _)| id.as_str()).collect();
    assert!(ids.contains(&"light-msla-01"), "{ids:?}");
    assert!(!ids.contains(&"printer-msla-01"), "the card around it is not sent again: {ids:?}");
}

#[tokio::test]
async fn what_a_board_did_stands_on_card_page_and_worklist_until_somebody_has_looked() {
    let lab = fitted().await;
    for odd in [Odd::NotPausing, Odd::LightNotKnown] {
        of_resin(&lab, resin::Request::NoteOdd { printer: msla(), odd }).await;
    }
    for path in ["/", "/printers/msla-01", "/hands"] {
        let told = ["It was told to pause and goes on printing", "nothing says that its light is off"];
        has(&shown(&lab, path).await, &told);
        let german =
            ["Ihm wurde gesagt, er solle pausieren, und er druckt weiter", "dass sein Licht aus ist"];
        has(&in_german(&lab, path).await, &german);
    }
    let seen = lab.get(&format!("{AT}/resin")).await.json();
    assert_eq!(seen["odd"].as_array().unwrap().len(), 2, "{seen}");
    let clear = lot(&lab, "clear resin").await;
    done(&lab, &format!("{AT}/vat/fill"), json!({"by": "kim", "lot": clear, "ml": 150})).await;
    done(&lab, &format!("{AT}/checklist"), looked()).await;
    for path in ["/", "/printers/msla-01", "/hands"] {
        lacks(&shown(&lab, path).await, &["goes on printing"]);
    }
}

#[tokio::test]
async fn the_page_of_a_board_that_tells_nothing_of_itself_says_so_and_not_that_it_was_never_connected() {
    let lab = lab_with(&["mars-01", "mk3-01"]).await;
    let at = "/printers/mars-01";
    let page = shown(&lab, at).await;
    has(&page, &["Its board answers, and says neither its firmware"]);
    lacks(&page, &["never connected", "id=\"console-form\""]);
    has(&page, &["Its board takes no commands from here"]);
    has(&shown(&lab, "/printers/mk3-01").await, &["id=\"console-form\""]);
    has(&in_german(&lab, at).await, &["Seine Platine antwortet und nennt weder"]);
    lab.boards["mars-01"].send_modify(|live| Arc::make_mut(live).firmware = Some("ChiTu V4.4.3".into()));
    has(&shown(&lab, at).await, &["ChiTu V4.4.3", "Its board says its firmware, and nothing by which"]);
    let away = Activity::Offline { reason: "no such port".into() };
    lab.boards["mars-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        (live.firmware, live.activity) = (None, away.clone());
    });
    has(&shown(&lab, at).await, &["has not said its firmware yet"]);
    // A board that can say what it is was indeed never there.
    lab.boards["mk3-01"].send_modify(|live| Arc::make_mut(live).activity = away.clone());
    has(&shown(&lab, "/printers/mk3-01").await, &["It was never connected"]);
}

#[tokio::test]
async fn a_resin_printer_shows_no_hotend_that_it_does_not_have() {
    let lab = fitted().await;
    let now = lab.clock.now();
    let tell = |target: Option<f64>| {
        let told = |actual, target: Option<f64>| {
            Some(Reading { actual: Celsius(actual), target: target.map(Celsius) })
        };
        lab.boards["msla-01"].send_modify(|live| {
            let (hotend, bed) = (told(41.0, target), told(30.0, None));
            Arc::make_mut(live).temperatures = Temperatures { hotend, bed, chamber: None, at: Some(now) };
        });
    };
    tell(None);
    for path in ["/", "/printers/msla-01"] {
        let page = shown(&lab, path).await;
        let card = page.split("id=\"heat-msla-01\"").nth(1).unwrap().split("</div></dl>").next().unwrap();
        assert!(card.contains("<dt>Vat</dt>") && !card.contains("Hotend"), "{path}: {card}");
    }
    // What is heated all the same is never hidden.
    tell(Some(200.0));
    has(&shown(&lab, "/").await, &["<dt>Hotend</dt>"]);
    has(&shown(&lab, "/").await, &["<dt>Vat</dt>"]);
}

#[tokio::test]
async fn of_a_resin_printer_that_is_out_of_reach_its_light_is_said_to_be_on_perhaps_and_no_heat() {
    let lab = fitted().await;
    lab.boards["msla-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        live.activity = Activity::Offline { reason: "no such port".into() };
        live.out_of_reach = OutOfReach::Heat { job: None };
    });
    for path in ["/", "/printers/msla-01", "/hands"] {
        let page = shown(&lab, path).await;
        has(&page, &["Out of reach, and its light may be on"]);
        lacks(&page, &["it may be hot"]);
        has(&in_german(&lab, path).await, &["sein Licht ist vielleicht an"]);
    }
}

#[tokio::test]
async fn that_somebody_is_waited_for_is_said_once() {
    let lab = fitted().await;
    let job = job(&lab).await;
    lab.boards["msla-01"].send_modify(|live| {
        let live = Arc::make_mut(live);
        live.activity = Activity::Paused { job, progress: Progress::default(), draining: false };
        live.hold.reason = Some(PauseReason::Printer);
        live.hold.step = Some(HoldStep::WaitsForPerson);
    });
    for path in ["/printers/msla-01", "/hands"] {
        assert_eq!(shown(&lab, path).await.matches("waits for a person").count(), 1, "{path}");
        assert_eq!(in_german(&lab, path).await.matches("wartet auf eine Person").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn volumes_have_the_comma_of_german_and_less_than_a_millilitre_is_not_nothing() {
    let lab = fitted().await;
    let clear = lot(&lab, "clear resin").await;
    job(&lab).await;
    done(&lab, &format!("{AT}/vat/fill"), json!({"by": "kim", "lot": clear, "ml": 110})).await;
    let german = in_german(&lab, "/printers/msla-01").await;
    has(&german, &["90,0 ml", "100,0 ml"]);
    lacks(&german, &["90.0 ml", "100.0 ml"]);
    has(&shown(&lab, "/printers/msla-01").await, &["90.0 ml"]);
    for (left, english, in_german_too) in [
        (0.4, "0.4 ml in the vat", "0,4 ml in der Wanne"),
        (0.02, "under 0.1 ml in the vat", "unter 0,1 ml in der Wanne"),
        (0.0, "0 ml in the vat", "0 ml in der Wanne"),
    ] {
        done(&lab, &format!("{AT}/vat/measure"), json!({"by": "kim", "ml": left})).await;
        has(&shown(&lab, "/").await, &[english]);
        has(&in_german(&lab, "/").await, &[in_german_too]);
    }
}

#[tokio::test]
async fn each_thing_that_is_looked_at_has_what_to_do_where_it_is_not_so() {
    let lab = fitted().await;
    let clear = lot(&lab, "clear resin").await;
    done(&lab, &format!("{AT}/vat/fill"), json!({"by": "kim", "lot": clear, "ml": 150})).await;
    let page = shown(&lab, "/printers/msla-01").await;
    let form = page.split("id=\"do-checklist\"").nth(1).unwrap().split("</form>").next().unwrap();
    assert_eq!(form.matches("type=\"checkbox\" required").count(), 5, "{form}");
    assert_eq!(form.matches("<small>If not: ").count(), 5, "{form}");
    let german = in_german(&lab, "/printers/msla-01").await;
    assert_eq!(german.matches("<small>Wenn nicht: ").count(), 5, "{german}");
}

#[tokio::test]
async fn what_can_be_typed_in_the_console_is_offered_in_the_language_of_the_page() {
    let lab = lab_with(&["mk3-02"]).await;
    let german = in_german(&lab, "/printers/mk3-02").await;
    let offered = german.split("<datalist id=\"console-codes\">").nth(1).unwrap();
    let offered = offered.split("</datalist>").next().unwrap();
    let english = shown(&lab, "/printers/mk3-02").await;
    let same = english.split("<datalist id=\"console-codes\">").nth(1).unwrap().split("</datalist>").next();
    assert!(offered.contains("<option") && same != Some(offered), "{offered}");
}

#[tokio::test]
async fn an_encrypted_file_that_a_slicer_sent_is_in_the_worklist_and_its_form_asks_what_it_takes() {
    use ::resin::file::Mask;
    use ::resin::sample::{Settings, encrypted};

    let lab = lab_with(&["mars-01", "msla-01"]).await;
    let case = lab.case().await;
    let send = async |name: &str, file: &[u8]| {
        let head = format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let body = [head.as_bytes(), file, b"\r\n--B--\r\n"].concat();
        let form = "Content-Type: multipart/form-data; boundary=B\r\n";
        let sent = lab.send("POST", "/api/files/local", form, &body).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        let uploads = lab.get("/v1/uploads").await.json();
        let newest = uploads.as_array().unwrap().iter().find(|one| one["state"] == "unassigned").unwrap();
        newest["id"].as_str().unwrap().to_owned()
    };
    lacks(&shown(&lab, "/hands").await, &["hands-uploads"]);
    let upload = send("part.ctb", &encrypted(9_000)).await;
    let hands = shown(&lab, "/hands").await;
    let link = format!("href=\"/queue#upload-{upload}\"");
    has(&hands, &["Files of which nobody has said the part", "1 to do", &link]);
    lacks(&hands, &["Nothing needs hands now"]);
    has(&in_german(&lab, "/hands").await, &["Sagen, zu welchem Teil sie gehört"]);
    let queue = shown(&lab, "/queue").await;
    let form =
        queue.split(&format!("id=\"assign-{upload}\"")).nth(1).unwrap().split("</form>").next().unwrap();
    has(form, &["name=\"resin_ml\"", "name=\"minutes\"", "data-as=\"number\""]);
    has(&in_german(&lab, "/queue").await, &["Harz laut Slicer, ml"]);
    let fill = async |millilitres: f64| {
        let said = json!({"by": "kim", "case": case.to_string(), "part": 1, "resin_ml": millilitres, "minutes": 90,
            "accept": ["resin.opaque"]});
        lab.post(&format!("/v1/uploads/{upload}/assign"), &said).await
    };
    let refused = fill(-1.0).await;
    assert!(refused.status == 400 && refused.body.contains("that is no volume of resin"), "{refused:?}");
    let queued = fill(80.5).await;
    assert_eq!(queued.status, 201, "{queued:?}");
    lacks(&shown(&lab, "/hands").await, &["hands-uploads"]);
    // What tells itself what it takes is not asked about.
    let mask = Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0]);
    let clear = send("part.sl1", &Settings::default().sl1(&[mask.clone(), mask])).await;
    let queue = shown(&lab, "/queue").await;
    has(&queue, &[&format!("id=\"assign-{clear}\"")]);
    lacks(&queue, &["name=\"resin_ml\""]);
}
