//! Stops from the page: held for a moment by mouse, finger or key, at once on the wire, also without a script.

use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::Finger::{First, Second};
use crate::browser::Touch::{Lift, On, Slide};
use crate::browser::{Browser, By, ENTER, Finger, SPACE, TABLET, Touch};
use crate::lab::{Daemon, KIM, Lab, goes_on, kills};

/// A lab whose printers are all in mid-print.
pub fn printing(names: &[&str]) -> (Lab, Daemon) {
    let lab = Lab::of(names);
    let daemon = all_print(&lab);
    (lab, daemon)
}

/// The daemon of this lab, when all printers are in mid-print.
pub fn all_print(lab: &Lab) -> Daemon {
    let daemon = lab.serve_people();
    let case = daemon.case();
    let names: Vec<_> = lab.printers.iter().map(|printer| printer.name().to_owned()).collect();
    for name in &names {
        daemon.wait_printer(name, "ready");
        daemon.print(&gcode(name, 60_000), &case, name);
    }
    for name in &names {
        daemon.wait_printer(name, "printing");
        goes_on(lab.printer(name), 50);
    }
    daemon
}

/// The button of one printer, and the one of all.
fn stop(printer: &str) -> String {
    format!("#stop-{printer}")
}
const STOP_ALL: &str = "#stop-all";

pub fn stopped(lab: &Lab, name: &str) -> Option<()> {
    (kills(lab.printer(name)) > 0).then_some(())
}

#[test]
fn a_held_press_stops_the_printer_and_a_short_one_does_not() {
    let (lab, daemon) = printing(&["mk", "pr"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    browser.press_shortly(&stop("mk"), By::Mouse);
    // Whoever presses too shortly is told, and nothing else happens.
    goes_on(lab.printer("mk"), 400);
    assert_eq!(kills(lab.printer("mk")), 0, "a short press stops nothing");
    assert_eq!(daemon.printer("mk")["state"], "printing");

    browser.hold(&stop("mk"), By::Mouse, "a board that has halted", || stopped(&lab, "mk"));
    daemon.wait_printer("mk", "stopped");
    browser.wait_for("#printer-mk .state[data-state=stopped]");
    let why = daemon.printer("mk")["latch"]["why"].to_string();
    assert!(why.contains("kim"), "{why}");
    goes_on(lab.printer("pr"), 400);
    assert_eq!(daemon.printer("pr")["state"], "printing", "the other one goes on");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn the_first_hold_stops_also_when_the_mouse_comes_from_somewhere_else_on_the_page() {
    let (lab, daemon) = printing(&["mk"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    browser.focus("#printer-mk a");
    browser.hold(&stop("mk"), By::Mouse, "a board that has halted", || stopped(&lab, "mk"));
}

#[test]
fn a_finger_and_a_key_hold_as_a_mouse_does() {
    let names = ["fi", "sp", "en"];
    let (lab, daemon) = printing(&names);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.size(TABLET);
    browser.go("/");
    for (name, by) in names.into_iter().zip([By::Finger, SPACE, ENTER]) {
        browser.press_shortly(&stop(name), by);
        goes_on(lab.printer(name), 400);
        assert_eq!(kills(lab.printer(name)), 0, "a short press by {by:?} stops nothing");
        browser.hold(&stop(name), by, &format!("a board that has halted by {by:?}"), || stopped(&lab, name));
        daemon.wait_printer(name, "stopped");
    }
}

#[test]
fn one_hold_stops_all_of_them_on_every_page_also_before_anybody_signs_in() {
    let (lab, daemon) = printing(&["mk", "pr"]);
    let browser = Browser::of(&daemon.url);
    browser.go("/sign-in");
    browser.press_shortly(STOP_ALL, By::Mouse);
    goes_on(lab.printer("mk"), 400);
    assert_eq!(kills(lab.printer("mk")) + kills(lab.printer("pr")), 0, "a short press stops nothing");
    browser.hold(STOP_ALL, By::Mouse, "two boards that have halted", || {
        stopped(&lab, "mk").and_then(|()| stopped(&lab, "pr"))
    });
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "stopped");
        browser.wait_for_text(&format!("#stopped-{name}"), "stopped; the board");
    }
}

#[test]
fn a_press_that_slides_off_the_button_stops_nothing() {
    let (lab, daemon) = printing(&["mk"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    for by in [By::Mouse, By::Finger] {
        browser.go("/");
        browser.slide_off(&stop("mk"), by);
        // The button itself says what to do.
        browser.wait_for("#stop-mk[data-own-hint]");
        goes_on(lab.printer("mk"), 800);
        browser.let_go();
        assert_eq!(kills(lab.printer("mk")), 0, "{by:?} has left the button");
    }
}

#[test]
fn a_second_finger_neither_ends_a_hold_nor_is_needed_for_one() {
    let (lab, daemon) = printing(&["aa", "bb", "cc"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.size(TABLET);
    browser.go("/");
    let heading = "#page h1";
    let holds = |name: &str, steps: &[(Finger, Touch<'_>)], what: &str| {
        browser.wait_for(&stop(name));
        browser.fingers(steps);
        until(&format!("a board that has halted {what}"), || stopped(&lab, name));
        browser.let_go();
        daemon.wait_printer(name, "stopped");
        // What the page says then makes its card longer, and moves the next one.
        browser.wait_for(&format!("#printer-{name} .state[data-state=stopped]"));
    };
    let [aa, bb, cc] = ["aa", "bb", "cc"].map(stop);
    let touched = [(First, On(&aa)), (Second, On(heading)), (Second, Slide), (Second, Lift)];
    holds("aa", &touched, "while another finger touched the page");
    assert_eq!(kills(lab.printer("bb")) + kills(lab.printer("cc")), 0, "one hold stops one printer");
    let rests = [(First, On(heading)), (Second, On(&bb))];
    holds("bb", &rests, "by the finger that came second");
    let lifted = [(First, On(heading)), (Second, On(&cc)), (First, Slide), (First, Lift)];
    holds("cc", &lifted, "while the finger that came first was lifted");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn after_a_stop_the_cards_stay_where_they_are_for_a_while() {
    let (lab, daemon) = printing(&["aa", "bb"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    let cards = || {
        let all = "return [...document.querySelectorAll('#printers > article')].map((card) => card.id)";
        browser.script(all, vec![])
    };
    assert_eq!(cards(), json!(["printer-aa", "printer-bb"]));
    browser.hold(&stop("bb"), By::Mouse, "a board that has halted", || stopped(&lab, "bb"));
    browser.wait_for("#printer-bb .state[data-state=stopped]");
    assert_eq!(cards(), json!(["printer-aa", "printer-bb"]), "what is said changes, and no place does");
    let sorted = json!(["printer-bb", "printer-aa"]);
    until("what wants somebody, first", || (cards() == sorted).then_some(()));
}

/// All that is said at the top, and when.
const WATCH_NEWS: &str = "window.told = [];
    const news = document.getElementById('news');
    new MutationObserver(() => window.told.push([performance.now(), news.textContent]))
        .observe(news, {subtree: true, childList: true});";
/// How long it stood that the stop is sent, and what was said then.
const STOOD: &str = "const isIts = ([, text]) => text.includes('Stop is sent to mk');
    const from = window.told.findIndex(isIts);
    const next = from < 0 ? undefined : window.told.slice(from).find((one) => !isIts(one));
    return next ? [next[0] - window.told[from][0], next[1]] : null";

#[test]
fn what_became_of_one_s_own_stop_stands_before_any_news_of_it() {
    let (lab, daemon) = printing(&["mk"]);
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    browser.wait("a page that is live", "return document.getElementById('link').ariaLive === 'polite'");
    browser.script(WATCH_NEWS, vec![]);
    browser.hold(&stop("mk"), By::Mouse, "a board that has halted", || stopped(&lab, "mk"));
    let stood = browser.wait("something else that is said", STOOD);
    assert!(stood[0].as_f64().is_some_and(|ms| ms > 5_000.0), "gone after {stood}");
    // What came meanwhile is said then.
    assert!(stood[1].as_str().is_some_and(|text| text.contains("mk")), "{stood}");
}

#[test]
fn without_a_script_a_plain_press_stops() {
    let (lab, daemon) = printing(&["mk", "pr"]);
    let browser = Browser::without_scripts(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    browser.click(&stop("mk"));
    until("a board that has halted", || stopped(&lab, "mk"));
    browser.wait_for_text("main", "mk");
    browser.go("/queue");
    browser.click(STOP_ALL);
    until("the other board, halted as well", || stopped(&lab, "pr"));
}
