//! What a firmware says, what a file is called and what people write stays text, whatever it looks like.

use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::Browser;
use crate::lab::{KIM, Lab, board};

const HOSTILE: &str = "<img src=x onerror=alert(1)>";
/// What is left of it where brackets are comments.
const TRACE: &str = "<img src=x onerror=alert";

/// Elements that our pages never have, and that markup from outside would make.
const MADE: &str = "
const bad = (one) => one.matches('img[src=x], script:not([src])')
  || [...one.attributes].some((attribute) => attribute.name.startsWith('on'));
return [...document.querySelectorAll('*')].filter(bad).map((one) => one.outerHTML.slice(0, 200))";

/// A file whose lines have the firmware ask and say it, and then wait with it until somebody has looked.
fn file() -> String {
    let lines = [
        format!("M117 {HOSTILE}"),
        format!("M118 {HOSTILE}"),
        format!("M118 A1 action:notification {HOSTILE}"),
        format!("M118 A1 action:prompt_begin {HOSTILE}"),
        format!("M118 A1 action:prompt_button {HOSTILE}"),
        "M118 A1 action:prompt_show".to_owned(),
        format!("M0 {HOSTILE}\n"),
    ];
    let said = lines.join("\n");
    let text = gcode("a hostile one", 400);
    text.replacen("G90\n", &format!("G90\n{said}"), 1)
}

#[test]
fn markup_in_a_firmware_a_name_and_peoples_words_stays_text_on_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut mk = board(&folder, "mk");
    mk.rig.firmware.machine_type = HOSTILE.into();
    let lab = Lab::new(folder, vec![mk]);
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let about =
        json!({"kind": "model", "service": HOSTILE, "indication": HOSTILE, "needed_by": "2099-12-24"});
    daemon.done(&format!("/v1/cases/{case}/steps"), &json!({"is": "described", "about": about}));
    daemon.done(&format!("/v1/cases/{case}/messages"), &json!({"text": HOSTILE}));
    let lot = json!({"material": HOSTILE, "supplier_lot": HOSTILE, "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let lot = daemon.done("/v1/lots", &lot)["id"].as_str().unwrap().to_owned();
    daemon.send_from_slicer(&format!("{HOSTILE}.gcode"), &gcode("sent by a slicer", 10));
    daemon.print(&file(), &case, "mk");
    until("what the file says", || daemon.printer("mk")["hold"]["text"].is_string().then_some(()));

    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    let mut problems = Vec::new();
    for (path, is_shown) in [
        ("/".to_owned(), true),
        ("/printers/mk".into(), true),
        ("/queue".into(), false),
        ("/cases".into(), false),
        (format!("/cases/{case}"), true),
        (format!("/cases/{case}/story"), true),
        ("/hands".into(), false),
        ("/materials".into(), true),
        (format!("/materials/{lot}"), true),
        ("/reports".into(), false),
        ("/audit".into(), false),
        ("/settings".into(), false),
    ] {
        // An alert would be an error of the next command.
        browser.go(&path);
        browser.wait_for("#stop-all");
        let made = browser.script(MADE, vec![]);
        if made != json!([]) {
            problems.push(format!("{path}: {made}"));
        }
        if is_shown && !browser.content().contains(TRACE) {
            problems.push(format!("{path} does not show `{TRACE}` at all"));
        }
        problems.extend(browser.console_errors().into_iter().map(|said| format!("{path}: {said}")));
    }
    // And what scripts put there: a file's name, which only this browser knows, and the page as it has been swapped in.
    browser.go("/queue");
    browser.wait_for("#drop[data-own-ready]");
    let dropped = lab.folder.path().join(format!("{HOSTILE}.gcode"));
    std::fs::write(&dropped, gcode("dropped", 10)).unwrap();
    browser.drop_file("#drop", &dropped);
    browser.wait_for_text("#drop .files", HOSTILE);
    browser.wait_for("#drop .files a.button");
    assert_eq!(browser.script(MADE, vec![]), json!([]), "a file's name");
    browser.click("#drop .files a.button");
    browser.wait_for_text("#name", HOSTILE);
    assert_eq!(browser.script(MADE, vec![]), json!([]), "a file's name on the page of its job");
    browser.go("/");
    browser.wait_for_text("main", TRACE);
    browser.screenshot("farm-hostile");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
