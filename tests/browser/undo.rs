//! What a page offers to take back is taken back by one press, in every room.

use process_harness::until;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::lab::{Daemon, KIM, Lab};

/// One lab in which there is something to take back in each room.
fn lab() -> (Lab, Daemon, Browser) {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    (lab, daemon, browser)
}

/// Presses a button, waits until it is done, takes it back, and waits until that is done.
fn there_and_back(browser: &Browser, button: &str, is_done: &mut dyn FnMut() -> bool) {
    browser.click(button);
    until(&format!("what {button} does"), || is_done().then_some(()));
    browser.wait_for_text("#news button", "Undo");
    browser.click("#news button");
    until(&format!("what {button} did, taken back"), || (!is_done()).then_some(()));
    browser.wait_for_text("#news", "Undone");
}

#[test]
fn whoever_was_disabled_by_mistake_comes_in_again() {
    let (_lab, daemon, browser) = lab();
    browser.go("/people?user=lee");
    browser.wait_for("html.script #disable-send");
    browser.click("#disable-send");
    browser.wait_for("#dialog[open]");
    let mut is_out = || daemon.get("/v1/users/lee")["active"] == json!(false);
    there_and_back(&browser, "#dialog button[value=yes]", &mut is_out);
}

#[test]
fn a_rule_of_the_site_is_taken_back_as_it_was() {
    let (_lab, daemon, browser) = lab();
    browser.go("/settings");
    browser.wait_for("html.script #site-rules");
    let before = daemon.get("/v1/site-rules");
    browser.click("#site-rules [name=witness_coupon]");
    there_and_back(&browser, "#site-rules-send", &mut || daemon.get("/v1/site-rules") != before);
}

#[test]
fn material_that_was_taken_off_is_on_again() {
    let (_lab, daemon, browser) = lab();
    let lot = json!({"material": "PLA", "supplier_lot": "L-1", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let lot = daemon.done("/v1/lots", &lot)["id"].clone();
    daemon.done("/v1/printers/mk/loads", &json!({"lot": lot, "slot": 0}));
    let is_off = || {
        let loads = daemon.get("/v1/printers/mk/loads");
        loads.as_array().unwrap().iter().all(|load| load["to"].is_string())
    };
    let lot_page = format!("/materials/{}", lot.as_str().unwrap());
    for path in ["/printers/mk", "/hands?printer=mk", lot_page.as_str()] {
        assert!(!is_off(), "{path}: it is on the printer");
        browser.go(path);
        browser.wait_for("html.script form[id^=unload-] > button");
        there_and_back(&browser, "form[id^=unload-] > button", &mut { is_off });
    }
}

#[test]
fn a_time_away_that_was_called_off_is_planned_again() {
    let (_lab, daemon, browser) = lab();
    let plan = json!({"from": "2099-01-01T08:00:00Z", "until": "2099-01-01T12:00:00Z"});
    daemon.done("/v1/printers/mk/maintenance", &plan);
    let planned = || daemon.get("/v1/printers/mk/maintenance");
    let before: Value = planned();
    browser.go("/printers/mk");
    browser.wait_for("html.script form[id^=call-off-] > button");
    there_and_back(&browser, "form[id^=call-off-] > button", &mut || planned() == json!([]));
    assert_eq!(planned(), before, "the same time as before");
}

#[test]
fn a_case_that_goes_on_is_held_again_for_the_same_reason() {
    let (_lab, daemon, browser) = lab();
    let case = daemon.case();
    let steps = format!("/v1/cases/{case}/steps");
    let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV",
        "needed_by": "2099-03-01"});
    daemon.done(&steps, &json!({"is": "described", "about": about}));
    let part = json!({"kind": "component", "laterality": "left", "units": "mm"});
    daemon.done(&format!("/v1/cases/{case}/parts/1/steps"), &json!({"is": "described", "about": part}));
    daemon.done(&steps, &json!({"is": "requested"}));
    daemon.done(&steps, &json!({"is": "held", "why": "no images"}));
    let quality = || daemon.get(&format!("/v1/cases/{case}/quality")).to_string();
    assert!(quality().contains("no images"));
    browser.go(&format!("/cases/{case}"));
    browser.wait_for("html.script #step-continued-send");
    there_and_back(&browser, "#step-continued-send", &mut || !browser.has("#step-continued-send"));
    browser.wait_for("#step-continued-send");
    assert!(quality().contains("no images"), "{}", quality());
}
