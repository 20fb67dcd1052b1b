//! Ways through the pages that a person takes in one go.

use hw_sim::faults::Fault;
use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::{Browser, TABLET};
use crate::lab::{KIM, Lab, goes_on};

#[test]
fn after_a_fault_at_night_the_morning_shows_it_first_with_its_reason_and_what_to_do() {
    let lab = Lab::of(&["aa", "bb", "cc"]);
    let daemon = lab.serve_people();
    let case = daemon.case();
    for name in ["aa", "bb", "cc"] {
        daemon.wait_printer(name, "ready");
    }
    let long = daemon.print(&gcode("all night", 60_000), &case, "aa");
    let short = daemon.print(&gcode("until midnight", 40), &case, "bb");
    let lost = daemon.print(&gcode("lost", 60_000), &case, "cc");
    daemon.wait_job(&long, "printing");
    daemon.wait_job(&short, "printed");
    daemon.wait_job(&lost, "printing");
    goes_on(lab.printer("cc"), 50);
    lab.printer("cc").inject(Fault::Kill).unwrap();
    daemon.wait_printer("cc", "faulted");

    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.size(TABLET);
    browser.go("/");
    browser.wait_for("#printer-cc .state[data-state=faulted]");
    let order = browser.script(
        "return [...document.querySelectorAll('main button.stop[id^=stop-]')].map((one) => one.id.slice(5))",
        vec![],
    );
    assert_eq!(order[0], "cc", "what wants somebody most is first: {order}");
    let why = daemon.printer("cc")["latch"]["why"].as_str().unwrap().to_owned();
    browser.wait_for_text("main", &why);
    browser.screenshot("morning-farm");
    // What wants hands: a printed part on a bed, and a printer that somebody looks at before it prints again.
    browser.go("/hands");
    for name in ["bb", "cc"] {
        browser.wait_for_text("main", name);
    }
    browser.screenshot("morning-hands");
    browser.go("/printers/cc");
    browser.wait_for_text("main", &why);
    browser.screenshot("morning-printer");
}

#[test]
fn who_has_to_sign_in_first_is_led_to_where_they_were_going() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let browser = Browser::of(&daemon.url);
    browser.go("/queue");
    until("the page to sign in", || browser.place().starts_with("/sign-in").then_some(()));
    browser.write("main input[name=name]", KIM.0);
    browser.write("main input[name=password]", KIM.1);
    browser.keys("\u{E007}");
    until("the page that was wanted", || (browser.place() == "/queue").then_some(()));
    browser.wait_for_text("header", KIM.0);
}

#[test]
fn two_letters_lead_to_each_room_but_not_while_somebody_types() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/account");
    let rooms = [
        ("gq", "/queue"),
        ("gc", "/cases"),
        ("gh", "/hands"),
        ("gm", "/materials"),
        ("gr", "/reports"),
        ("gf", "/"),
    ];
    for (keys, path) in rooms {
        browser.wait("its script", "return document.documentElement.classList.contains('script')");
        browser.wait("all of it", "return document.readyState === 'complete'");
        // Where a field has the focus from the beginning, Escape leaves it.
        browser.keys("\u{E00C}");
        browser.keys(keys);
        until(&format!("{path} by {keys}"), || (browser.place() == path).then_some(()));
        browser.wait("the room is marked", "return !!document.querySelector('nav a[aria-current=page]')");
    }
    browser.go("/account");
    browser.write("main input[type=password]", "gq gc");
    assert_eq!(browser.place(), "/account");
    let typed = browser.script("return document.activeElement.value", vec![]);
    assert_eq!(typed, json!("gq gc"));
}
