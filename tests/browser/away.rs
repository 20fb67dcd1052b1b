//! A page that nobody sees, and one whose session has ended: both go on from where they were.

use fantoccini::wd::WindowHandle;
use process_harness::{gcode, until};
use serde_json::json;

use crate::browser::{Browser, By};
use crate::lab::{Daemon, KIM, LEE, Lab};

/// Each stream that a page opens can be looked at.
const WATCH_STREAMS: &str = "window.streams = [];
    window.EventSource = class extends EventSource {
        constructor(...given) { super(...given); window.streams.push(this); }
    };";
const FOLLOWS: &str = "return window.streams.some((one) => one.readyState === EventSource.OPEN)";
const HOLDS_NONE: &str = "return window.streams.every((one) => one.readyState === EventSource.CLOSED)";
/// When the page was seen again, and when it said that the printer prints.
const WATCH_STATE: &str = "window.seenBefore = true;
    document.addEventListener('visibilitychange', () => {
        if (!document.hidden) window.seen = performance.now();
    });
    new MutationObserver(() => {
        const prints = document.querySelector('#printer-mk .state[data-state=printing]');
        if (prints) window.current ??= performance.now();
    }).observe(document.getElementById('page'), {subtree: true, childList: true, attributes: true});";
/// Sooner than anything that comes by itself.
const AT_ONCE_MS: f64 = 3_000.0;

#[test]
fn a_hidden_page_gives_its_connection_back_and_is_current_as_soon_as_it_is_seen() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.cdp("Page.enable", &json!({}));
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH_STREAMS}));
    browser.sign_in(KIM);
    browser.go("/");
    browser.wait_for("#printer-mk");
    browser.wait("a page that follows", FOLLOWS);
    browser.script(WATCH_STATE, vec![]);
    let tab = browser.tab();

    browser.cover();
    browser.wait("a connection that was given back", HOLDS_NONE);
    daemon.print(&gcode("while nobody looks", 60_000), &daemon.case(), "mk");
    daemon.wait_printer("mk", "printing");
    assert_eq!(browser.script(HOLDS_NONE, vec![]), json!(true), "a page that nobody sees follows");
    assert_eq!(browser.script("return window.current ?? null", vec![]), json!(null));

    browser.look_at(&tab);
    let took =
        browser.wait("a page that is current", "return window.current && window.current - window.seen");
    assert!(took.as_f64().is_some_and(|ms| ms < AT_ONCE_MS), "current after {took} ms");
    browser.wait("a page that follows again", FOLLOWS);
    browser.wait("a page that is live", "return !document.body.classList.contains('stale')");
    assert_eq!(
        browser.script("return window.seenBefore", vec![]),
        json!(true),
        "nobody loaded the page again"
    );
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

const TYPED: &str = "the left hand is wanted first";
const FIELD: &str = "form#write input[name=text]";

/// Somebody has typed on the page of a case.
fn typed(browser: &Browser, case: &str) -> WindowHandle {
    browser.sign_in(KIM);
    browser.go(&format!("/cases/{case}"));
    browser.wait_for(FIELD);
    browser.unfold(FIELD);
    browser.write(FIELD, TYPED);
    browser.tab()
}

fn is_kept(browser: &Browser, case: &str) {
    assert_eq!(browser.place(), format!("/cases/{case}"));
    let value = browser.script("return document.querySelector(arguments[0]).value", vec![FIELD.into()]);
    assert_eq!(value, json!(TYPED));
}

fn is_written(daemon: &Daemon, case: &str) -> bool {
    daemon.get(&format!("/v1/cases/{case}/messages")).to_string().contains(TYPED)
}

/// The session is over: the page says so and keeps what was typed; signed in again beside it, it sends that.
fn goes_on_after_sign_in(
    browser: &Browser,
    daemon: &Daemon,
    case: &str,
    tab: &WindowHandle,
    who: (&str, &str),
) {
    browser.wait_for_text("#news.failed", "You were signed out");
    is_kept(browser, case);
    browser.click("#write-send");
    browser.wait_for_text("form#write > .said-here", "You were signed out");
    is_kept(browser, case);
    assert!(!is_written(daemon, case), "nobody is signed in");

    browser.click("#news a");
    browser.look_at(&browser.opened_tab());
    browser.sign_in_here(who);
    browser.look_at(tab);
    browser.wait_for_text("#news", "go on here");
    browser
        .wait("nothing at the form", "return !document.querySelector('form#write > .said-here').textContent");
    is_kept(browser, case);
    browser.click("#write-send");
    until("what was typed, with the case", || is_written(daemon, case).then_some(()));
    browser.wait("an empty field", &format!("return document.querySelector('{FIELD}').value === ''"));
}

#[test]
fn what_was_typed_outlives_a_session_that_was_ended_elsewhere() {
    let lab = Lab::one();
    let mut daemon = lab.serve_people();
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    let tab = typed(&browser, &case);
    // Who changes their password at another screen ends all their other sessions.
    let other = (KIM.0, "kim has other words");
    daemon.done("/v1/session/password", &json!({"old": KIM.1, "new": other.1}));
    daemon.sign_in(other);
    goes_on_after_sign_in(&browser, &daemon, &case, &tab, other);
}

#[test]
fn what_was_typed_outlives_a_restart_of_the_daemon_which_ends_all_sessions() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    let tab = typed(&browser, &case);
    let address = lab.crash(daemon);
    let mut daemon = lab.serve_again(&address);
    daemon.sign_in(KIM);
    goes_on_after_sign_in(&browser, &daemon, &case, &tab, KIM);
}

#[test]
fn a_stop_that_failed_is_said_until_somebody_closes_it_also_when_platen_is_back() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    typed(&browser, &case);
    let address = lab.crash(daemon);
    let failed = || browser.text("#news.failed").contains("NOT sent").then_some(());
    browser.hold("#stop-all", By::Mouse, "a stop that failed", failed);
    let _daemon = lab.serve_again(&address);
    browser.wait_for_text("#news.failed", "You were signed out");
    browser.wait_for_text("#news.failed", "NOT sent");
    // Also on the next page, until it is closed.
    browser.go("/sign-in");
    browser.wait_for_text("#news.failed", "NOT sent");
    browser.click("#news button");
    browser.wait("no news", "return !document.getElementById('news').textContent.includes('NOT sent')");
    browser.go("/sign-in");
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    assert!(!browser.content().contains("NOT sent"), "it was closed");
}

#[test]
fn a_page_on_which_nothing_was_typed_leads_to_the_sign_in_and_back() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    let page = format!("/cases/{case}");
    browser.go(&page);
    browser.wait_for(FIELD);
    let other = json!({"old": KIM.1, "new": "kim has other words"});
    daemon.done("/v1/session/password", &other);
    until("the page to sign in", || browser.place().starts_with("/sign-in?to=").then_some(()));
    browser.wait_for("#sign-in");
    assert!(!browser.content().contains(&case), "what it showed is not for whoever comes next");
    browser.sign_in_here((KIM.0, "kim has other words"));
    until("the page from before", || (browser.place() == page).then_some(()));
}

/// In the other tab somebody signs out, and somebody else in; then one looks at the first tab again.
fn another_signs_in(browser: &Browser, tab: &WindowHandle, other: &WindowHandle, who: (&str, &str)) {
    browser.look_at(other);
    browser.go("/account");
    browser.click("#sign-out");
    browser.wait_for("#sign-in");
    browser.sign_in_here(who);
    browser.look_at(tab);
}

fn other_tab(browser: &Browser) -> WindowHandle {
    browser.script("window.open('about:blank', '_blank', 'noopener')", vec![]);
    browser.opened_tab()
}

#[test]
fn what_was_typed_is_never_sent_in_the_name_of_who_has_signed_in_in_another_tab() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let case = daemon.case();
    let browser = Browser::of(&daemon.url);
    let tab = typed(&browser, &case);
    let other = other_tab(&browser);
    another_signs_in(&browser, &tab, &other, LEE);
    browser.wait_for_text("#news.failed", "Somebody else has signed in");
    browser.wait_for_text("#news.failed", "sign in again there as kim");
    is_kept(&browser, &case);
    assert_eq!(browser.text(".user"), "kim", "the page is kim's still");
    browser.click("#write-send");
    browser.wait_for_text("form#write > .said-here", "Somebody else is signed in");
    is_kept(&browser, &case);
    assert!(!is_written(&daemon, &case), "lee has not written it");

    another_signs_in(&browser, &tab, &other, KIM);
    browser.wait_for_text("#news", "go on here");
    is_kept(&browser, &case);
    browser.click("#write-send");
    until("what was typed, with the case", || is_written(&daemon, &case).then_some(()));
}

#[test]
fn an_untouched_page_is_loaded_again_for_who_has_signed_in_in_another_tab() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    let (tab, other) = (browser.tab(), other_tab(&browser));
    // One that follows, and one that stands still.
    for (page, before, after) in [("/", KIM, LEE), ("/reports", LEE, KIM)] {
        browser.look_at(&tab);
        browser.go(page);
        browser.wait_for_text(".user", before.0);
        browser.wait("its script", "return document.documentElement.classList.contains('script')");
        another_signs_in(&browser, &tab, &other, after);
        browser.wait_for_text(".user", after.0);
        assert_eq!(browser.place(), page);
    }
}
