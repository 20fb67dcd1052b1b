//! What somebody has typed, opened and focused stays while the page changes around it; what was done is
//! undone; and the German page is German to its last word.

use std::collections::BTreeSet;

use process_harness::{gcode, until};
use serde_json::{Value, json};

use crate::browser::{Browser, Kind};
use crate::lab::{Daemon, KIM, Lab};

/// `mk` prints for long, and `count` jobs wait behind that: their ids.
fn waiting(count: usize) -> (Lab, Daemon, String, Vec<String>) {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let first = daemon.print(&gcode("first", 60_000).replace("F6000", "F300"), &case, "mk");
    daemon.wait_job(&first, "printing");
    let jobs = (0..count).map(|mark| daemon.print(&gcode(&mark.to_string(), 50), &case, "mk")).collect();
    (lab, daemon, case, jobs)
}

fn at(browser: &Browser, path: &str) {
    browser.sign_in(KIM);
    browser.go(path);
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
}

#[test]
fn what_is_typed_chosen_opened_and_focused_in_the_queue_stays_while_others_change_it() {
    let (_lab, daemon, case, jobs) = waiting(3);
    let browser = Browser::of(&daemon.url);
    let open = &jobs[1];
    at(&browser, &format!("/queue?open={open}"));
    browser.wait_for(&format!("#open-{open}"));
    let script = "document.querySelector(arguments[0]).open = arguments[1]";
    // What was open is closed, what was closed is opened, one thing is chosen and another one typed.
    browser.script(script, vec![format!("#why-{open}").into(), false.into()]);
    browser.fill(&format!("#hold-{open} [name=hold]"), "question");
    browser.fill(&format!("#due-{open} [name=due]"), "2099-12-24T07:30");
    browser.focus(&format!("#priority-{open} [name=priority]"));
    let kept = format!(
        "const at = (css) => document.querySelector(css);
        return !at('#why-{open}').open && at('#hold-{open} [name=hold]').value === 'question'
            && at('#due-{open} [name=due]').value.startsWith('2099-12-24T07:30')
            && document.activeElement === at('#priority-{open} [name=priority]')
            && document.activeElement.isConnected"
    );
    browser.wait("what somebody is doing", &kept);

    // Others queue a job, take one off, move this one and prepare a printer for it.
    daemon.print(&gcode("later", 50), &case, "mk");
    browser.wait_for("#order > li:nth-child(4)");
    daemon.done(&format!("/v1/jobs/{}/cancel", jobs[0]), &json!({}));
    browser.wait_gone(&format!("#order > li#job-{}", jobs[0]));
    browser.wait("what somebody is doing, still", &kept);
    daemon.done(&format!("/v1/queue/{open}"), &json!({"before": "last"}));
    browser.wait(
        "another order",
        &format!("return document.querySelector('#order > li:last-child').id === 'job-{open}'"),
    );
    browser.wait("what somebody is doing, in another place", &kept);
    daemon.done(&format!("/v1/queue/{open}"), &json!({"prepared": "mk"}));
    browser.wait_for(&format!("#not-prepared-{open}"));
    browser.wait("what somebody is doing, with another form beside it", &kept);

    // The handle of a row keeps the focus while rows move around it.
    let handle = format!("#job-{} [data-handle]", jobs[2]);
    browser.focus(&handle);
    daemon.done(&format!("/v1/queue/{open}"), &json!({"before": jobs[2]}));
    browser.wait(
        "the row before it",
        &format!(
            "return document.getElementById('job-{}').previousElementSibling?.id === 'job-{open}'",
            jobs[2]
        ),
    );
    browser
        .wait("the focus", &format!("return document.activeElement === document.querySelector('{handle}')"));
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_hold_is_undone_with_one_press() {
    let (_lab, daemon, _, jobs) = waiting(2);
    let browser = Browser::of(&daemon.url);
    let open = &jobs[1];
    at(&browser, &format!("/queue?open={open}"));
    let held = || daemon.get(&format!("/v1/queue/{open}"))["held"].clone();
    browser.fill(&format!("#hold-{open} [name=hold]"), "approval");
    browser.click(&format!("#hold-{open}-send"));
    until("a held job", || (held() == "approval").then_some(()));
    browser.wait_for(&format!("#go-on-{open}"));
    browser.wait_for_text(&format!("#job-{open}"), "held");
    browser.wait_for_text("#news", "It is held");
    browser.click("#news button");
    until("a job that goes on", || held().is_null().then_some(()));
    browser.wait_for(&format!("#hold-{open}"));
    browser.wait_for_text("#news", "Undone");
    // What is let go by the same person is held again by undoing that.
    browser.click(&format!("#hold-{open}-send"));
    browser.wait_for(&format!("#go-on-{open}"));
    browser.click(&format!("#go-on-{open}-send"));
    browser.wait_for(&format!("#hold-{open}"));
    browser.click("#news button");
    until("a job that is held again", || (!held().is_null()).then_some(()));
}

#[test]
fn ticks_that_nobody_has_touched_follow_what_others_set_and_one_that_was_stays() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let browser = Browser::of(&daemon.url);
    at(&browser, "/settings");
    browser.click("#site-rules [name=witness_coupon]");
    let mut rules = daemon.get("/v1/site-rules");
    rules["lots"] = json!(true);
    daemon.done("/v1/site-rules", &rules);
    browser.wait("what others have set", "return document.querySelector('#site-rules [name=lots]').checked");
    browser.wait(
        "what was ticked",
        "return document.querySelector('#site-rules [name=witness_coupon]').checked",
    );
    rules["lots"] = json!(false);
    daemon.done("/v1/site-rules", &rules);
    browser.wait(
        "what others have taken back",
        "return !document.querySelector('#site-rules [name=lots]').checked",
    );
    browser.wait(
        "what was ticked",
        "return document.querySelector('#site-rules [name=witness_coupon]').checked",
    );
}

#[test]
fn the_console_s_words_and_what_is_unfolded_stay_while_a_printer_prints() {
    let (lab, daemon, _, _) = waiting(0);
    let browser = Browser::of(&daemon.url);
    at(&browser, "/printers/mk");
    browser.wait_for("#wire-more");
    browser.click("#wire-more summary");
    browser.write("#console-command", "M11");
    browser.wait(
        "its caret",
        "const field = document.getElementById('console-command');
        field.setSelectionRange(1, 1); return field.selectionStart === 1",
    );
    let before = browser.text("#wire-facts");
    crate::lab::goes_on(lab.printer("mk"), 500);
    until("other numbers", || {
        let now = browser.text("#wire-facts");
        (!now.is_empty() && now != before).then_some(())
    });
    browser.wait(
        "what was typed, and the caret in it",
        "const field = document.getElementById('console-command');
        return field === document.activeElement && field.value === 'M11' && field.selectionStart === 1
            && document.getElementById('wire-more').open",
    );
}

/// The texts between quotes of `NAME = "English" | "Deutsch";`.
fn texts(source: &str) -> Vec<(String, String)> {
    let between = |line: &str| {
        let (english, german) = line.split_once("\" | \"")?;
        let english = english.split_once(" = \"")?.1;
        let german = german.strip_suffix("\";")?;
        Some((english.replace("\\\"", "\""), german.replace("\\\"", "\"")))
    };
    source.lines().filter_map(|line| between(line.trim())).collect()
}

/// Words in small letters, without what is filled in.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut plain = String::new();
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    let all: Vec<String> = plain
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() > 2 && word.chars().all(char::is_alphabetic))
        .map(str::to_lowercase)
        .collect();
    all.into_iter()
}

/// Every text of the page, in English and in German.
pub fn all_texts() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/ui/words");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let all: Vec<_> = sources.flat_map(|path| texts(&std::fs::read_to_string(path).unwrap())).collect();
    assert!(all.len() > 1_000, "only {} texts were found", all.len());
    all
}

/// Words that only the English page has.
fn english() -> BTreeSet<String> {
    let all = all_texts();
    let german: BTreeSet<String> = all.iter().flat_map(|(_, german)| words(german)).collect();
    all.iter().flat_map(|(english, _)| words(english)).filter(|word| !german.contains(word)).collect()
}

/// All that is read or read out on a page, with where it stands; without what printers and people have said.
pub const SAID: &str = "const said = [];
    const walk = (node) => {
        const called = (one) => one.id || one.nodeName;
        if (node.nodeType === Node.TEXT_NODE) said.push([called(node.parentElement), node.data]);
        if (node.nodeType !== Node.ELEMENT_NODE || node.matches('script, noscript, code, q, [lang]')) return;
        for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
            if (node.hasAttribute(name)) said.push([`${name} of ${called(node)}`, node.getAttribute(name)]);
        node.childNodes.forEach(walk);
    };
    said.push(['title', document.title]);
    walk(document.body);
    return said.filter(([, text]) => text.trim() !== '')";

/// A lab of which every name that people give is German, with something of everything.
fn german_lab() -> (Lab, Daemon, String) {
    let lab = Lab::of(&["mk", "pr", "st", "aw"]);
    let daemon = lab.serve_people();
    for name in ["mk", "pr", "st", "aw"] {
        daemon.wait_printer(name, "ready");
    }
    let case =
        daemon.done("/v1/cases", &json!({"intended_use": "guide"}))["token"].as_str().unwrap().to_owned();
    daemon.done(&format!("/v1/cases/{case}/parts"), &json!({"name": "linke Hand"}));
    daemon.done(&format!("/v1/cases/{case}/messages"), &json!({"text": "zuerst die linke Hand"}));
    let lot = json!({"material": "PLA", "supplier_lot": "L-1", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    daemon.done("/v1/lots", &lot);
    let first = daemon.print(&gcode("kurz", 30), &case, "pr");
    daemon.wait_job(&first, "printed");
    let long = daemon.print(&gcode("lang", 60_000).replace("F6000", "F300"), &case, "mk");
    daemon.wait_job(&long, "printing");
    daemon.print(&gcode("danach", 300), &case, "mk");
    let held = daemon.print(&gcode("wartet", 300), &case, "mk");
    daemon.done(&format!("/v1/queue/{held}"), &json!({"hold": "question"}));
    let gone = daemon.print(&gcode("nicht", 300), &case, "mk");
    daemon.done(&format!("/v1/jobs/{gone}/cancel"), &json!({}));
    daemon.send_from_slicer("platte.gcode", &gcode("vom Slicer", 10));
    daemon.done("/v1/stop", &json!({"by": "kim", "printer": "st"}));
    daemon.wait_printer("st", "stopped");
    lab.printer("aw").unplug().unwrap();
    daemon.wait_printer("aw", "offline");
    (lab, daemon, held)
}

/// Without what an upload is called where its own name could say who a patient is.
fn without_names(text: &str) -> String {
    text.split_whitespace().filter(|word| !word.ends_with(".gcode")).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_english_word_is_left_on_the_german_page() {
    let (_lab, daemon, held) = german_lab();
    let browser = Browser::start(&daemon.url, Kind { language: "de", ..Kind::default() });
    browser.sign_in(KIM);
    let english = english();
    // Names: of the lab and what is in it, of parts of firmware, and what both languages say.
    let names: BTreeSet<&str> = ["platen", "lab", "slicer"].into();
    let mut found = Vec::new();
    let open = format!("/queue?open={held}");
    for path in ["/", "/queue", open.as_str(), "/cases", "/hands", "/hands?printer=mk", "/sign-in"] {
        browser.go(path);
        browser.wait("a page", "return document.documentElement.classList.contains('script')");
        assert_eq!(browser.script("return document.documentElement.lang", vec![]), json!("de"), "{path}");
        let said = browser.script(SAID, vec![]);
        for piece in said.as_array().unwrap() {
            let (place, text) = (piece[0].as_str().unwrap(), piece[1].as_str().unwrap());
            let left: Vec<String> = words(&without_names(text))
                .filter(|word| english.contains(word) && !names.contains(word.as_str()))
                .collect();
            if !left.is_empty() {
                found.push(format!("{path} {place}: {left:?} in `{}`", text.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let told: Value = browser.script("return document.body.textContent.length", vec![]);
    assert!(told.as_u64().unwrap() > 200);
}

#[test]
fn what_is_done_on_the_german_page_is_answered_in_german() {
    let (_lab, daemon, _, jobs) = waiting(2);
    let browser = Browser::start(&daemon.url, Kind { language: "de", ..Kind::default() });
    let open = &jobs[0];
    at(&browser, &format!("/queue?open={open}"));
    browser.click(&format!("#hold-{open}-send"));
    browser.wait_for_text("#news", "Es ist angehalten");
    browser.wait_for_text("#news button", "ückgängig");
    browser.click("#news button");
    browser.wait_for_text("#news", "ückgängig");
    browser.click(&format!("#cancel-{open}-send"));
    browser.wait_for("#dialog[open]");
    let english = english();
    let asked = browser.text("#dialog");
    assert!(words(&asked).all(|word| !english.contains(&word)), "{asked}");
    browser.click("#dialog button[value=no]");
    browser.go("/hands");
    browser.write("#scan-code", "4006381333931");
    browser.click("#scan-go");
    browser.wait_for_text("#scan-said", "Etikett");
}
