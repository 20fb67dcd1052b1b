//! What a page shows stays true: over a restart of the daemon, and while somebody else works elsewhere.

use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::Browser;
use crate::lab::{KIM, LEE, Lab};

/// The button that says that a bed is clear.
const CLEAR_BED: &str = "button#clear-bed-mk, #clear-bed-mk button";
/// A mark that a reload would take away.
const MARK: &str = "window.seenBefore = true";
const IS_MARKED: &str = "return window.seenBefore === true";

#[test]
fn the_page_says_that_it_is_old_and_comes_back_by_itself_when_the_daemon_does() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.go("/");
    browser.wait("a page that follows", "return !document.body.classList.contains('stale')");
    browser.script(MARK, vec![]);

    let address = lab.crash(daemon);
    browser
        .wait("a page that is not live any more, at once", "return document.body.classList.contains('lost')");
    browser.wait_for_text("#link", "Connection lost");
    browser.wait("a page that says how old it is", "return document.body.classList.contains('stale')");
    browser.screenshot("farm-stale");

    let daemon = lab.serve_again(&address);
    daemon.wait_printer("mk", "ready");
    browser.wait("a page that follows again", "return !document.body.classList.contains('stale')");
    let case = daemon.case();
    daemon.print(&gcode("after the restart", 60_000), &case, "mk");
    daemon.wait_printer("mk", "printing");
    browser.wait_for("#printer-mk .state[data-state=printing]");
    assert_eq!(browser.script(IS_MARKED, vec![]), json!(true), "nobody loaded the page again");
}

#[test]
fn two_people_see_what_the_other_one_does() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let (kim, lee) = (Browser::of(&daemon.url), Browser::of(&daemon.url));
    for (browser, who) in [(&kim, KIM), (&lee, LEE)] {
        browser.sign_in(who);
        browser.go("/");
        browser.wait_for("#stop-mk");
        browser.script(MARK, vec![]);
    }
    let job = daemon.print(&gcode("for both", 40), &daemon.case(), "mk");
    daemon.wait_job(&job, "printed");
    // Both see that the bed is to be cleared; one of them does it.
    for browser in [&kim, &lee] {
        browser.wait_for(CLEAR_BED);
    }
    kim.click(CLEAR_BED);
    kim.wait_for_text("#dialog", "On the bed of mk");
    kim.click("#dialog button[value=yes]");
    until("a bed that is clear", || daemon.printer("mk")["on_bed"].is_null().then_some(()));
    for browser in [&lee, &kim] {
        browser.wait_gone(CLEAR_BED);
        assert_eq!(browser.script(IS_MARKED, vec![]), json!(true), "nobody loaded the page again");
    }
}

#[test]
fn nothing_is_pulled_away_from_under_somebody_who_types() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go(&format!("/cases/{case}"));
    browser.unfold("form#write");
    browser.write("form#write input[name=text]", "the left hand");
    let held = "const field = document.activeElement; return field.value === 'the left hand'";
    browser.wait("what was typed", held);
    // The case changes at another screen meanwhile.
    daemon.done(&format!("/v1/cases/{case}/messages"), &json!({"text": "said by somebody else"}));
    daemon.print(&gcode("meanwhile", 60_000), &case, "mk");
    daemon.wait_printer("mk", "printing");
    browser.wait("what was typed, still under the cursor", held);
}

#[test]
fn a_page_on_which_nothing_happens_hears_that_it_is_live() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.go("/hands");
    // As its own script listens: a message without data never comes to it.
    let listen = "window.beats = 0;
        new EventSource('/live?at=%2Fhands&have=').addEventListener('alive', () => { window.beats += 1; });";
    browser.script(listen, vec![]);
    browser.wait("a beat of the page's heart", "return window.beats > 0");
    browser.wait("a page that is live", "return !document.body.classList.contains('stale')");
}
