//! A new printer from its port to its first print, all on the page; then its console and what it asks.

use hw_sim::pty::Printer;
use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::Browser;
use crate::lab::{KIM, Lab, board};

/// What stands in the section's field of this name.
fn value(browser: &Browser, name: &str) -> String {
    let script = "return document.querySelector(arguments[0]).value";
    let told = browser.script(script, vec![format!("#section [name={name}]").into()]);
    told.as_str().unwrap().to_owned()
}

fn is_wrong(browser: &Browser, name: &str) -> bool {
    browser.has(&format!("#section [name={name}][aria-invalid=true]"))
}

#[test]
fn a_new_printer_is_found_asked_written_down_and_prints_its_first_print() {
    let lab = Lab::one();
    let new = Printer::spawn(board(&lab.folder, "new")).unwrap();
    let mut daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/commission");
    browser.wait_for("#ports-list");
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    // One step after the other: without a port nothing is asked, and nothing is written down before that.
    browser.wait_for("#probe-ask[disabled]");
    browser.wait_for("#limits-fields[disabled]");
    browser.wait_for("#check-it[disabled]");
    browser.write("#other-port", new.path().to_str().unwrap());
    browser.fill("#probe [name=baud]", "115200");
    browser.click("#probe-ask");
    browser.wait_for_text("#probe-said", "Marlin");
    browser.wait_for("#probe-said .note[data-state=good]");
    assert_eq!(value(&browser, "port"), new.path().to_str().unwrap());
    assert_eq!(value(&browser, "baud"), "115200");
    assert_eq!(value(&browser, "rx_buffer"), "128");
    assert_eq!(new.statistics().unwrap().totals.moves_planned, 0, "nothing moves");

    // What it is like brings its limits, and what was found stays.
    browser.fill("#like", "Creality CR-10");
    browser
        .wait("its height", "return document.querySelector('#section [name=build_height]').value === '400'");
    assert_eq!((value(&browser, "baud"), value(&browser, "build_x")), ("115200".into(), "0".into()));

    // A mistake is told at its field, and nothing can be saved.
    browser.fill("#section [name=name]", "mk");
    browser.fill("#section [name=bed_max]", "900");
    browser.click("#check-it");
    for key in ["name", "bed_max"] {
        browser.wait(
            &format!("a mistake at {key}"),
            &format!("return document.querySelector('.mistake[data-of={key}]').textContent !== ''"),
        );
        assert!(is_wrong(&browser, key), "{key}");
    }
    assert!(!is_wrong(&browser, "nozzle"));
    browser.wait_for("#save-it[disabled]");
    browser.screenshot("wizard-mistakes");
    browser.fill("#section [name=name]", "new");
    browser.fill("#section [name=bed_max]", "100");
    browser.fill("#section [name=console]", "service");
    browser.click("#check-it");
    browser.wait_for_text("#check-said", "no mistake");
    assert!(!is_wrong(&browser, "name") && !is_wrong(&browser, "bed_max"));
    browser.wait_for_text("#section-text", "name = \"new\"");
    // What is changed behind the check is checked again first.
    browser.fill("#section [name=filament]", "2.85");
    browser.wait_for("#save-it[disabled]");
    browser.click("#check-it");
    browser.wait_for_text("#section-text", "2.85");
    browser.wait_for("#save-it:not([disabled])");
    browser.screenshot("wizard-checked");
    browser.click("#save-it");
    browser.click("#dialog button[value=yes]");
    browser.wait_for("#check-said .note[data-state=good]");
    browser.wait_for_text("#check-said", "Restart");
    drop(browser);

    // Its restart, by a person: the configuration is what the page has written.
    lab.crash(daemon);
    daemon = lab.serve_as_it_stands();
    daemon.sign_in(KIM);
    daemon.wait_printer("new", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/commission");
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    browser.fill("#test-print [name=printer]", "new");
    browser.click("#test-print-send");
    browser.click("#dialog button[value=yes]");
    until("the page of the new printer", || (browser.place() == "/printers/new").then_some(()));
    let job = until("its job", || daemon.get("/v1/jobs")[0]["id"].as_str().map(str::to_owned));
    daemon.wait_job(&job, "printed");
    assert!(new.statistics().unwrap().totals.moves_planned > 10);
    browser.wait_for("button#clear-bed-new, #clear-bed-new button");
    browser.screenshot("wizard-printed");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn the_console_sends_what_it_may_and_says_what_comes_back() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/printers/mk");
    browser.wait_for("#console-command");
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    browser.write("#console-command", "M119");
    browser.keys("\u{E007}");
    browser.wait_for_text("#console-log .sent", "M119");
    browser.wait_for_text("#console-log", "x_min: open");
    browser.wait("an empty field", "return document.getElementById('console-command').value === ''");
    // What is refused stays in the field, with its reason in the log.
    browser.write("#console-command", "M500");
    browser.click("#console-send");
    browser.wait_for("#console-log .failed");
    browser.wait("what was typed", "return document.getElementById('console-command').value === 'M500'");
    browser.write("#console-command", "");
    browser.focus("#console-command");
    browser.keys("\u{E013}");
    browser.wait("what was sent", "return document.getElementById('console-command').value === 'M119'");
    assert_eq!(browser.place(), "/printers/mk");
}

#[test]
fn what_a_printer_asks_is_answered_on_its_page() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let half = gcode("a change of filament", 40);
    let job = daemon.print(&format!("{half}M600\n{half}"), &daemon.case(), "mk");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/printers/mk");
    browser.wait_for_text(".prompt", "Nozzle Parked");
    browser.screenshot("wizard-asks");
    browser.go("/hands");
    browser.wait_for_text("#asks-mk", "Nozzle Parked");
    browser.click("#go-mk");
    until("its page", || (browser.place() == "/printers/mk").then_some(()));
    browser.click("#answer-mk-0");
    browser.wait_for_text(".prompt", "Paused");
    browser.wait_for_text("#answer-mk-1", "Continue");
    browser.click("#answer-mk-1");
    browser.wait_gone(".prompt");
    daemon.wait_job(&job, "printed");
    let events = daemon.get("/v1/jobs");
    assert_eq!(events[0]["state"], json!("printed"), "{events}");
}
