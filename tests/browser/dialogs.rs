//! A stop while a dialog is open: nothing behind it can be reached, so each has a stop of all in it.

use std::process::Stdio;

use process_harness::{command, gcode, until};
use serde_json::json;

use crate::browser::{Browser, By, SPACE, TAB};
use crate::lab::{Daemon, KIM, LEE, Lab, board, goes_on, kills};
use crate::stops::{all_print, printing, stopped};

const NAMES: [&str; 2] = ["mk", "pr"];
const STOP: &str = "dialog[open] form.stops button.stop";

/// Too short a press does nothing; a hold stops all boards, and closes the dialog with nothing done.
fn stops_all(browser: &Browser, lab: &Lab, daemon: &Daemon, by: By) {
    browser.press_shortly(STOP, by);
    goes_on(lab.printer(NAMES[0]), 400);
    assert_eq!(NAMES.map(|name| kills(lab.printer(name))), [0, 0], "a short press stops nothing");
    assert!(browser.has("dialog[open]"), "a short press answers nothing");
    browser.hold(STOP, by, &format!("two boards that have halted by {by:?}"), || all_stopped(lab));
    browser.wait_gone("dialog[open]");
    for name in NAMES {
        daemon.wait_printer(name, "stopped");
    }
}

fn all_stopped(lab: &Lab) -> Option<()> {
    NAMES.iter().try_for_each(|name| stopped(lab, name))
}

/// A job that waits, and the question whether it is to be cancelled.
fn question(browser: &Browser, daemon: &Daemon) -> String {
    let job = daemon.print(&gcode("later", 50), &daemon.case(), NAMES[0]);
    browser.sign_in(KIM);
    browser.go(&format!("/queue?open={job}"));
    browser.click(&format!("#cancel-{job}-send"));
    browser.wait_for("#dialog[open]");
    job
}

/// As whoever has no mouse gets there.
fn go_to_the_stop(browser: &Browser) {
    let is_there = format!("return document.activeElement === document.querySelector('{STOP}')");
    for _ in 0..8 {
        if browser.script(&is_there, vec![]) == json!(true) {
            return;
        }
        browser.keys(TAB);
    }
    panic!("the stop is not to be reached by keys");
}

#[test]
fn a_stop_is_held_in_a_question_and_answers_it_with_no() {
    let (lab, daemon) = printing(&NAMES);
    let browser = Browser::of(&daemon.url);
    let job = question(&browser, &daemon);
    stops_all(&browser, &lab, &daemon, By::Mouse);
    assert_eq!(daemon.get(&format!("/v1/jobs/{job}"))["state"], "queued");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_stop_in_a_question_is_reached_and_held_by_keys() {
    let (lab, daemon) = printing(&NAMES);
    let browser = Browser::of(&daemon.url);
    let job = question(&browser, &daemon);
    go_to_the_stop(&browser);
    stops_all(&browser, &lab, &daemon, SPACE);
    assert_eq!(daemon.get(&format!("/v1/jobs/{job}"))["state"], "queued");
}

/// Enter as a keyboard sends it: again and again while it is down.
fn enter(browser: &Browser, what: &str, again: bool) {
    let text = if what == "keyDown" { "\r" } else { "" };
    let key = json!({"type": what, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13,
        "text": text, "autoRepeat": again});
    browser.cdp("Input.dispatchKeyEvent", &key);
}

#[test]
fn a_key_that_stays_down_after_its_stop_presses_nothing_behind_the_dialog() {
    let (lab, daemon) = printing(&NAMES);
    let browser = Browser::of(&daemon.url);
    let job = question(&browser, &daemon);
    go_to_the_stop(&browser);
    // The button that has opened the dialog gets the focus when it closes: it would ask again, and hear yes.
    enter(&browser, "keyDown", false);
    until("two boards that have halted", || {
        enter(&browser, "keyDown", true);
        all_stopped(&lab)
    });
    browser.wait_gone("dialog[open]");
    for _ in 0..10 {
        enter(&browser, "keyDown", true);
    }
    assert!(!browser.has("dialog[open]"), "a key that is still down has asked again");
    enter(&browser, "keyUp", false);
    assert!(!browser.has("dialog[open]"), "a key that was let go has asked again");
    for name in NAMES {
        daemon.wait_printer(name, "stopped");
    }
    assert_eq!(daemon.get(&format!("/v1/jobs/{job}"))["state"], "queued");
}

/// A tetrahedron of 10 mm.
fn model() -> String {
    let corners = ["vertex 0 0 0", "vertex 10 0 0", "vertex 0 10 0", "vertex 0 0 10"];
    let face = |face: [usize; 3]| {
        let corners = face.map(|corner| corners[corner]).join("\n");
        format!("facet normal 0 0 0\nouter loop\n{corners}\nendloop\nendfacet\n")
    };
    let faces: String = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]].map(face).concat();
    format!("solid part\n{faces}endsolid part\n")
}

/// A case whose design waits for a signature.
fn to_be_signed(daemon: &Daemon) -> String {
    let case = daemon.done("/v1/cases", &json!({"intended_use": "education"}))["token"].clone();
    let case = case.as_str().unwrap().to_owned();
    daemon.done(&format!("/v1/cases/{case}/parts"), &json!({"name": "left hand"}));
    let (steps, part) = (format!("/v1/cases/{case}/steps"), format!("/v1/cases/{case}/parts/1/steps"));
    let about = json!({"kind": "model", "service": "cardiac surgery", "indication": "DORV",
        "needed_by": "2099-12-24"});
    daemon.done(&steps, &json!({"is": "described", "about": about}));
    let about = json!({"kind": "component", "laterality": "left", "units": "mm"});
    daemon.done(&part, &json!({"is": "described", "about": about}));
    for step in ["requested", "accepted", "design_begun"] {
        daemon.done(&steps, &json!({"is": step}));
    }
    let model = daemon.send("/v1/models", "application/octet-stream", model().as_bytes())["model"].clone();
    daemon.done(&part, &json!({"is": "revised", "revision": {"model": model}}));
    daemon.done(&steps, &json!({"is": "approval_asked"}));
    case
}

#[test]
fn a_stop_is_held_where_something_is_signed_and_signs_nothing() {
    let (lab, daemon) = printing(&NAMES);
    let case = to_be_signed(&daemon);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(LEE);
    browser.go(&format!("/cases/{case}"));
    browser.click("#step-approved-send");
    browser.wait_for_text("#dialog[open] .signing", &case);
    browser.write("#dialog input[name=password]", LEE.1);
    stops_all(&browser, &lab, &daemon, By::Mouse);
    assert!(!browser.has("input[type=password]"), "a password stays behind");
    assert_eq!(daemon.get(&format!("/v1/cases/{case}/quality"))["state"], "awaiting_approval");
}

/// A lab that may write down who a case is for.
fn with_vault() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("vault.key");
    let mut made = command(env!("CARGO_BIN_EXE_platen"), &["vault", "new-key", key.to_str().unwrap()]);
    assert!(made.stdout(Stdio::null()).status().unwrap().success());
    let printers = NAMES.iter().map(|name| board(&folder, name)).collect();
    Lab::with(folder, printers, &format!("[vault]\nkey_file = {key:?}\n"), "simulated_speed = 200\n")
}

#[test]
fn a_stop_is_held_where_a_patient_is_shown_and_shows_them_no_more() {
    let lab = with_vault();
    let daemon = all_print(&lab);
    let case = daemon.case();
    daemon.done(&format!("/v1/cases/{case}/identifiers"), &json!({"name": "Meier"}));
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go(&format!("/cases/{case}"));
    browser.fill("#vault-read [name=reason]", "handover");
    browser.click("#vault-read-send");
    browser.wait_for_text("dialog[open]", "Meier");
    stops_all(&browser, &lab, &daemon, By::Mouse);
    assert!(!browser.content().contains("Meier"));
}
