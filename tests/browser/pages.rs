//! Every page at desk and tablet size, in light and dark: nothing serious, nothing cut off, nothing that jumps.

use platen::api::ui::{PAGES, PATHS};
use serde_json::json;

use crate::axe;
use crate::browser::{Browser, DESK, Kind, TABLET};
use crate::busy::{Names, busy};
use crate::kept::{SAID, all_texts};
use crate::lab::{KIM, Lab};

/// A page: what its screenshots are called, and where it is.
type Page = (&'static str, String);

fn named(pages: &[(&'static str, &str)]) -> Vec<Page> {
    pages.iter().map(|(name, path)| (*name, (*path).to_owned())).collect()
}

fn of_printers(names: &Names) -> Vec<Page> {
    let mut pages = named(&[
        ("farm", "/"),
        ("printer-printing", "/printers/mk"),
        ("printer-done", "/printers/pr"),
        ("printer-stopped", "/printers/st"),
        ("printer-away", "/printers/aw"),
        ("commission", "/commission"),
        ("queue", "/queue"),
        ("new-job", "/queue/new"),
    ]);
    pages.push(("queue-open", format!("/queue?open={}", names.waiting)));
    pages.push(("new-job-of-file", format!("/queue/new?file={}", names.file)));
    pages.push(("look", format!("/look?job={}", names.job)));
    pages
}

fn of_cases(names: &Names) -> Vec<Page> {
    let Names { case, serial, .. } = names;
    let mut pages = named(&[("cases", "/cases"), ("cases-list", "/cases?view=list"), ("hands", "/hands")]);
    pages.push(("case", format!("/cases/{case}")));
    pages.push(("story", format!("/cases/{case}/story")));
    pages.push(("printed", format!("/printed/{serial}")));
    pages.push(("inspect-not-now", format!("/printed/{serial}/inspect")));
    pages.push(("inspect", format!("/printed/{serial}/inspect?of=coupon")));
    pages
}

fn of_the_office(lot: Option<&str>) -> Vec<Page> {
    let mut pages = named(&[
        ("reports", "/reports"),
        ("materials", "/materials"),
        ("people", "/people"),
        ("audit", "/audit"),
        ("settings", "/settings"),
        ("account", "/account"),
    ]);
    pages.extend(lot.map(|lot| ("lot", format!("/materials/{lot}"))));
    pages
}

/// Every page that there is, but the one to sign in.
fn all(names: &Names) -> Vec<Page> {
    [of_printers(names), of_cases(names), of_the_office(Some(&names.lot))].concat()
}

/// What can be opened before anything has happened in a lab.
fn of_an_empty_lab() -> Vec<Page> {
    [
        named(&[
            ("farm", "/"),
            ("printer", "/printers/mk"),
            ("queue", "/queue"),
            ("cases", "/cases"),
            ("hands", "/hands"),
        ]),
        of_the_office(None),
    ]
    .concat()
}

/// The page is wider than the screen: which elements stick out.
const TOO_WIDE: &str = "
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return [];
const out = (one) => one.getBoundingClientRect().right > width + 1;
return [...document.querySelectorAll('body *')].filter(out).slice(0, 5).map((one) => one.outerHTML.slice(0, 120));";

/// How far the page has moved by itself since it was loaded; the measure that browsers have for it.
const JUMPS: &str = "
const done = arguments[arguments.length - 1];
let sum = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
}).observe({type: 'layout-shift', buffered: true});
setTimeout(() => done(sum), 300);";
const JUMPS_MAX: f64 = 0.1;

/// Buttons and fields that a gloved finger cannot hit.
const TOO_SMALL: &str = "
const kinds = 'button, select, summary, input:not([type=hidden], [type=checkbox], [type=radio])';
const all = [...document.querySelectorAll(kinds)];
const small = all.filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 36);
return small.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));";

/// Links that are pressed as buttons are, and lower than these. Where all of a card is its link, the card counts.
const LOW_LINKS: &str = "
const links = 'a.button, .bar nav a, a.user, .brand a, main :is(h2, h3) > a, .found li a';
const least = 2.6 * parseFloat(getComputedStyle(document.documentElement).fontSize) - 0.5;
const all = [...document.querySelectorAll(links)].filter((one) => one.checkVisibility());
const hit = (one) => getComputedStyle(one, '::after').position === 'absolute' ? one.closest('.card') ?? one : one;
const low = all.filter((one) => hit(one).getBoundingClientRect().height < least);
return low.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));";

struct Visit<'b> {
    browser: &'b Browser,
    /// A folder below `target/screenshots`.
    under: &'static str,
    problems: Vec<String>,
}

impl<'b> Visit<'b> {
    fn new(browser: &'b Browser, under: &'static str) -> Self {
        Self { browser, under, problems: Vec::new() }
    }

    fn note(&mut self, page: &str, problem: &str) {
        self.problems.push(format!("{page}: {problem}"));
    }

    fn note_list(&mut self, page: &str, what: &str, list: &serde_json::Value) {
        if *list != json!([]) {
            self.note(page, &format!("{what}: {list:#}"));
        }
    }

    /// Whether the page is there at all.
    fn open(&mut self, page: &str, path: &str) -> bool {
        self.browser.go(path);
        let status = self.browser.status();
        if status != 200 {
            self.note(page, &format!("{path} answers {status}"));
            self.browser.console_errors();
        }
        status == 200
    }

    /// All sizes and schemes of one page.
    fn look(&mut self, (name, path): &Page) {
        for (size, word) in [(DESK, "desk"), (TABLET, "tablet")] {
            let page = format!("{name} ({word})");
            self.browser.size(size);
            self.browser.scheme("light");
            if !self.open(&page, path) {
                return;
            }
            let jumps = self.browser.script_later(JUMPS, vec![]).as_f64().unwrap_or_default();
            if jumps > JUMPS_MAX {
                self.note(&page, &format!("it jumps by {jumps:.2}"));
            }
            let wide = self.browser.script(TOO_WIDE, vec![]);
            self.note_list(&page, "it scrolls sideways", &wide);
            if size == TABLET {
                let small = self.browser.script(TOO_SMALL, vec![]);
                self.note_list(&page, "too small for a glove", &small);
                let low = self.browser.script(LOW_LINKS, vec![]);
                self.note_list(&page, "links too low for a glove", &low);
            }
            for scheme in ["light", "dark"] {
                self.browser.scheme(scheme);
                self.browser.screenshot(&format!("{}/{name}-{word}-{scheme}", self.under));
                // The other scheme has the same page in other colours.
                let rules = if scheme == "light" { axe::Rules::All } else { axe::Rules::Contrast };
                for found in axe::serious(self.browser, rules) {
                    self.note(&format!("{name} ({word}, {scheme})"), &found);
                }
            }
            self.browser.screenshot_whole(&format!("{}/{name}-{word}-whole", self.under));
            for said in self.browser.console_errors() {
                self.note(&page, &format!("console: {said}"));
            }
        }
    }

    fn end(self) {
        let count = self.problems.len();
        assert!(count == 0, "{count} problems:\n{}", self.problems.join("\n"));
    }
}

fn look_at_all(under: &'static str, url: &str, pages: &[Page]) {
    let browser = Browser::of(url);
    browser.sign_in(KIM);
    let mut visit = Visit::new(&browser, under);
    for page in pages {
        visit.look(page);
    }
    visit.end();
}

#[test]
fn the_pages_of_printers_are_good_at_every_size_and_in_light_and_dark() {
    let busy = busy();
    look_at_all("pages", &busy.daemon.url, &of_printers(&busy.names));
}

#[test]
fn the_pages_of_cases_are_good_at_every_size_and_in_light_and_dark() {
    let busy = busy();
    look_at_all("pages", &busy.daemon.url, &of_cases(&busy.names));
}

#[test]
fn the_pages_of_the_office_are_good_at_every_size_and_in_light_and_dark() {
    let busy = busy();
    look_at_all("pages", &busy.daemon.url, &of_the_office(Some(&busy.names.lot)));
}

/// How far the narrow column of a case runs on beside nothing, in pixels.
const RUNS_ON: &str = "
const columns = [...document.querySelectorAll('#case > .split > div')];
const [wide, narrow] = columns.map((one) => one.lastElementChild.getBoundingClientRect().bottom);
return narrow - wide;";

#[test]
fn neither_column_of_a_case_runs_on_beside_nothing_and_what_is_filed_stands_below() {
    let busy = busy();
    let browser = Browser::of(&busy.daemon.url);
    browser.sign_in(KIM);
    for size in [DESK, TABLET] {
        browser.size(size);
        browser.go(&format!("/cases/{}", busy.names.case));
        browser.wait_for("#case > .filed > #effort");
        let over = browser.script(RUNS_ON, vec![]).as_f64().unwrap();
        assert!(over < 200.0, "{size:?}: the narrow column is {over} pixels longer");
    }
}

#[test]
fn the_page_to_sign_in_and_refusals_are_good_at_every_size_and_in_light_and_dark() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let browser = Browser::of(&daemon.url);
    let mut visit = Visit::new(&browser, "pages");
    visit.look(&("sign-in", "/sign-in".into()));
    visit.end();
    browser.write("main input[name=name]", "kim");
    browser.write("main input[name=password]", "not the words of kim");
    browser.click("form[action='/do/sign-in'] button");
    browser.wait("a refusal", "return !!document.querySelector('#said, .failed')");
    assert_eq!(axe::serious(&browser, axe::Rules::All), Vec::<String>::new());
    browser.screenshot("pages/sign-in-refused");
}

#[test]
fn in_an_empty_lab_every_page_says_what_to_do_next() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    look_at_all("empty", &daemon.url, &of_an_empty_lab());
}

#[test]
fn where_nobody_signs_in_the_field_for_a_name_has_its_place_from_the_beginning() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    let mut visit = Visit::new(&browser, "nobody-signs-in");
    for page in named(&[("farm", "/"), ("queue", "/queue")]) {
        visit.look(&page);
    }
    visit.end();
    browser.wait_for("#who");
}

#[test]
fn every_page_is_there_in_german_and_its_longer_words_fit() {
    let busy = busy();
    let browser = Browser::start(&busy.daemon.url, Kind { language: "de", ..Kind::default() });
    browser.sign_in(KIM);
    browser.size(TABLET);
    let mut visit = Visit::new(&browser, "german");
    for (name, path) in all(&busy.names) {
        if !visit.open(name, &path) {
            continue;
        }
        let language = browser.script("return document.documentElement.lang", vec![]);
        if language != json!("de") {
            visit.note(name, &format!("its language is {language}"));
        }
        let wide = browser.script(TOO_WIDE, vec![]);
        visit.note_list(name, "it scrolls sideways", &wide);
        browser.screenshot(&format!("german/{name}"));
    }
    visit.end();
}

/// Whether something said is this text with its holes filled. Of texts that are hardly more than holes none is found.
fn is_text(text: &str, said: &str) -> bool {
    let pieces: Vec<&str> = text
        .split('{')
        .enumerate()
        .map(|(at, piece)| if at == 0 { piece } else { piece.split_once('}').map_or("", |(_, rest)| rest) })
        .collect();
    let letters = pieces.iter().flat_map(|piece| piece.chars()).filter(|one| one.is_alphabetic()).count();
    let (Some(first), true) = (pieces.first(), letters > 3) else { return false };
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    for piece in &pieces[1..] {
        // The last one stands at the end, wherever else it stands, too.
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty() || pieces.last().is_some_and(|last| pieces.len() > 1 && said.ends_with(last))
}

#[test]
fn a_text_is_known_with_its_holes_filled() {
    for (text, said) in [
        ("Stop", "Stop"),
        ("{n} printers", "3 printers"),
        ("Last heard {age} ago", "Last heard 3 min ago"),
        ("Since {time}", "Since 30 Nov 14:05"),
    ] {
        assert!(is_text(text, said), "{text}: {said}");
    }
    for (text, said) in
        [("Stop", "Stopped"), ("{n} s", "3 s"), ("{n} printers", "printers, all"), ("Since {time}", "since")]
    {
        assert!(!is_text(text, said), "{text}: {said}");
    }
}

#[test]
fn no_english_text_is_left_on_any_german_page() {
    // What people have called something here.
    const NAMES: [&str; 3] = ["look", "whole", "slicer"];
    let busy = busy();
    let browser = Browser::start(&busy.daemon.url, Kind { language: "de", ..Kind::default() });
    browser.sign_in(KIM);
    let texts = all_texts();
    let mut visit = Visit::new(&browser, "german");
    for (name, path) in all(&busy.names) {
        if !visit.open(name, &path) {
            continue;
        }
        browser.wait("a page", "return document.documentElement.classList.contains('script')");
        let said = browser.script(SAID, vec![]);
        for piece in said.as_array().unwrap() {
            let (place, said) = (piece[0].as_str().unwrap(), piece[1].as_str().unwrap().trim());
            let english = texts.iter().find(|(english, german)| english != german && is_text(english, said));
            let is_german = || texts.iter().any(|(_, german)| is_text(german, said));
            if let Some((english, _)) = english.filter(|_| !NAMES.contains(&said) && !is_german()) {
                visit.note(name, &format!("{place} says `{said}`: `{english}`"));
            }
        }
    }
    visit.end();
}

/// Where a page is, what its tab is called, and all addresses on it.
const ADDRESSES: &str = "
const names = ['href', 'src', 'action', 'data-send', 'data-then', 'data-sign', 'data-to'];
const all = [...document.querySelectorAll('*')].flatMap((one) => names.map((name) => one.getAttribute(name)));
return [document.title, location.href, ...all].filter(Boolean).map((one) => {
  try { return decodeURIComponent(one.replaceAll('+', ' ')); } catch { return one; }
});";

#[test]
fn no_title_and_no_address_on_any_page_has_a_part_s_name_a_file_s_name_or_people_s_words() {
    const WORDS: [&str; 5] = ["left hand", "right hand", "wanted first", "plate.gcode", "sent by a slicer"];
    let busy = busy();
    let browser = Browser::of(&busy.daemon.url);
    browser.sign_in(KIM);
    let mut visit = Visit::new(&browser, "addresses");
    let mut seen = String::new();
    for (name, path) in all(&busy.names) {
        if !visit.open(name, &path) {
            continue;
        }
        browser.wait("a page", "return document.documentElement.classList.contains('script')");
        seen.push_str(&browser.content());
        for address in browser.script(ADDRESSES, vec![]).as_array().unwrap() {
            let address = address.as_str().unwrap().to_lowercase();
            if WORDS.iter().any(|word| address.contains(word)) {
                visit.note(name, &format!("`{address:.200}`"));
            }
        }
    }
    // They stand on the pages themselves: the test looks for what there is.
    for word in &WORDS[..3] {
        assert!(seen.contains(word), "{word} is on no page");
    }
    visit.end();
}

/// How far the page moves by itself in these milliseconds, and by what.
const JUMPS_WITHIN: &str = "
const [within, done] = [arguments[0], arguments[arguments.length - 1]];
let sum = 0;
const by = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    if (one.hadRecentInput) continue;
    sum += one.value;
    by.push(...one.sources.map(({node}) => (node?.outerHTML ?? node?.parentElement?.outerHTML ?? '').slice(0, 120)));
  }
}).observe({type: 'layout-shift'});
setTimeout(() => done({sum, by: by.slice(0, 8)}), within);";
const LIVE_JUMPS_MAX: f64 = 0.05;
const LIVE_FOR_MS: u64 = 8_000;

#[test]
fn nothing_jumps_while_a_printer_prints() {
    let busy = busy();
    let browser = Browser::of(&busy.daemon.url);
    browser.sign_in(KIM);
    let mut visit = Visit::new(&browser, "live");
    for (size, word) in [(DESK, "desk"), (TABLET, "tablet")] {
        browser.size(size);
        for (name, path) in named(&[("farm", "/"), ("printer", "/printers/mk"), ("queue", "/queue")]) {
            visit.open(name, &path);
            browser
                .wait("a page that is live", "return document.getElementById('link').ariaLive === 'polite'");
            let told = browser.script_later(JUMPS_WITHIN, vec![LIVE_FOR_MS.into()]);
            if told["sum"].as_f64().unwrap() >= LIVE_JUMPS_MAX {
                visit.note(&format!("{name} ({word})"), &format!("it jumps by {told:#}"));
            }
        }
    }
    visit.end();
}

#[test]
fn without_a_script_every_page_can_be_read_and_everything_stopped_from_it() {
    let busy = busy();
    let browser = Browser::without_scripts(&busy.daemon.url);
    browser.sign_in(KIM);
    let mut visit = Visit::new(&browser, "without-scripts");
    for (name, path) in all(&busy.names) {
        if !visit.open(name, &path) {
            continue;
        }
        let shown = browser.text("main");
        if shown.trim().len() < 40 {
            visit.note(name, &format!("there is nothing to read: `{shown}`"));
        }
        let can_stop = "const stop = document.querySelector('form[action^=\"/do/stop\"] #stop-all');
            return !!stop && stop.checkVisibility()";
        if browser.script(can_stop, vec![]) != json!(true) {
            visit.note(name, "no button stops all printers");
        }
        browser.screenshot(&format!("without-scripts/{name}"));
    }
    visit.end();
}

/// Keeps what a person without a mouse reaches, and where they do not see where they are: how often to press Tab.
const WATCH_FOCUS: &str = "
window.reached = new Set();
window.notSeen = [];
document.addEventListener('focusin', ({target}) => {
  if (window.reached.has(target)) return;
  window.reached.add(target);
  const style = getComputedStyle(target);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  if (!outlined && style.boxShadow === 'none') window.notSeen.push(target.outerHTML.slice(0, 120));
});
// A date has a stop for its day, its month, …
const dates = document.querySelectorAll('input[type=date], input[type=datetime-local]').length;
return document.querySelectorAll('a[href], button, select, textarea, summary, input, [tabindex]').length + dates * 7;";

const NOT_REACHED: &str = "
const kinds = 'a[href], button, select, textarea, summary, input:not([type=hidden], [type=radio])';
const usable = (one) => one.checkVisibility({visibilityProperty: true}) && !one.matches(':disabled') && one.tabIndex >= 0;
const left = [...document.querySelectorAll(kinds)].filter((one) => usable(one) && !window.reached.has(one));
return left.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));";

#[test]
fn every_page_can_be_used_by_the_keyboard_and_the_focus_is_seen() {
    let busy = busy();
    let browser = Browser::of(&busy.daemon.url);
    browser.sign_in(KIM);
    let mut visit = Visit::new(&browser, "keyboard");
    for (name, path) in all(&busy.names) {
        if !visit.open(name, &path) {
            continue;
        }
        let stops = browser.script(WATCH_FOCUS, vec![]).as_u64().unwrap();
        browser.keys(&"\u{E004}".repeat(usize::try_from(stops).unwrap() + 2));
        let not_seen = browser.script("return window.notSeen.slice(0, 5)", vec![]);
        visit.note_list(name, "the focus is not seen on", &not_seen);
        let left = browser.script(NOT_REACHED, vec![]);
        visit.note_list(name, "the keyboard does not reach", &left);
    }
    visit.end();
}

/// Whether a path is one of a row such as `/cases/{token}`.
fn is_of(row: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (row, path): (Vec<_>, Vec<_>) = (row.split('/').collect(), path.split('/').collect());
    row.len() == path.len()
        && row.iter().zip(&path).all(|(row, part)| row == part || (row.starts_with('{') && !part.is_empty()))
}

#[test]
fn no_page_of_the_table_is_left_out_here() {
    const NOT_SEEN: [&str; 4] = ["/do/", "/assets/", "/favicon.ico", "/live"];
    let [case, serial, job, waiting, file, lot] = [(); 6].map(|()| "x".to_owned());
    let seen =
        [all(&Names { case, serial, job, waiting, file, lot }), named(&[("sign-in", "/sign-in")])].concat();
    let rows = PAGES.iter().map(|page| page.path).chain(PATHS.iter().copied());
    let rows = rows.filter(|row| !NOT_SEEN.iter().any(|no| row.starts_with(no)));
    let left: Vec<_> = rows.filter(|row| !seen.iter().any(|(_, path)| is_of(row, path))).collect();
    assert!(left.is_empty(), "nobody looks at {left:?}: put them into the lists above");
}
