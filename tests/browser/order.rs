//! The queue is put in another order by mouse, finger and keys, and files come in by dropping them.

use process_harness::{gcode, until};
use serde_json::{Value, json};

use crate::browser::{Browser, TABLET};
use crate::lab::{Daemon, KIM, Lab};

const DOWN: &str = "\u{E015}";
const UP: &str = "\u{E013}";
const ESCAPE: &str = "\u{E00C}";
const MARKUP: &str = "<img src=x onerror=alert(1)> Meier & \"Co\"";

/// One printer that prints for long, and three jobs behind that: their ids.
fn waiting() -> (Lab, Daemon, Vec<String>) {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let first = daemon.print(&gcode("first", 60_000).replace("F6000", "F300"), &case, "mk");
    daemon.wait_job(&first, "printing");
    let jobs = ["a", "b", "c"].map(|mark| daemon.print(&gcode(mark, 50), &case, "mk"));
    until("a plan of the queue", || (order(&daemon) == jobs).then_some(()));
    (lab, daemon, jobs.to_vec())
}

/// What waits, in the order in which it begins.
fn order(daemon: &Daemon) -> Vec<String> {
    let queue = daemon.get("/v1/queue");
    let jobs = queue["jobs"].as_array().unwrap().iter().filter(|job| job["state"] == "queued");
    jobs.map(|job| job["job"].as_str().unwrap().to_owned()).collect()
}

/// The same as the page shows it.
fn shown(browser: &Browser) -> Vec<String> {
    let all = "return [...document.querySelectorAll('#order > li[data-job]')].map((row) => row.dataset.job)";
    let told = browser.script(all, vec![]);
    told.as_array().unwrap().iter().map(|job| job.as_str().unwrap().to_owned()).collect()
}

/// Both are as `wanted`, which names jobs by their place in `jobs`.
fn stands(browser: &Browser, daemon: &Daemon, jobs: &[String], wanted: [usize; 3]) {
    let wanted = wanted.map(|place| jobs[place].clone());
    until(&format!("{wanted:?} in the queue, not {:?}", order(daemon)), || {
        (order(daemon) == wanted).then_some(())
    });
    until(&format!("{wanted:?} on the page, not {:?}", shown(browser)), || {
        (shown(browser) == wanted && !browser.has("#order[data-keep]")).then_some(())
    });
}

fn handle(job: &str) -> String {
    format!("#job-{job} [data-handle]")
}

/// The middle of an element in the window, and its height.
fn place(browser: &Browser, css: &str) -> (f64, f64, f64) {
    let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2, box.height]";
    let told = browser.script(script, vec![css.into()]);
    let number = |place: usize| told[place].as_f64().unwrap();
    (number(0), number(1), number(2))
}

/// By what something is dragged, through the browser's own protocol, so that it can be held in between.
#[derive(Clone, Copy)]
enum Drag {
    Mouse,
    Finger,
}

impl Drag {
    fn send(self, browser: &Browser, what: &str, (x, y): (f64, f64)) {
        let (command, body) = match self {
            Self::Mouse => {
                let kind = match what {
                    "down" => "mousePressed",
                    "up" => "mouseReleased",
                    _ => "mouseMoved",
                };
                let buttons = u8::from(what != "up");
                let body = json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons,
                    "clickCount": 1});
                ("Input.dispatchMouseEvent", body)
            }
            Self::Finger => {
                let (kind, points) = match what {
                    "down" => ("touchStart", json!([{"x": x, "y": y}])),
                    "up" => ("touchEnd", json!([])),
                    _ => ("touchMove", json!([{"x": x, "y": y}])),
                };
                ("Input.dispatchTouchEvent", json!({"type": kind, "touchPoints": points}))
            }
        };
        browser.cdp(command, &body);
    }

    /// Takes a job by its handle and holds it above another one: where that is.
    fn hold_above(self, browser: &Browser, job: &str, other: &str) -> (f64, f64) {
        let center =
            "document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})";
        browser.script(center, vec![format!("#job-{other}").into()]);
        let (x, from, _) = place(browser, &handle(job));
        let (_, middle, height) = place(browser, &format!("#job-{other}"));
        let to = middle - height / 4.0;
        self.send(browser, "down", (x, from));
        for step in 1..=8 {
            self.send(browser, "move", (x, from + (to - from) * f64::from(step) / 8.0));
        }
        (x, to)
    }

    fn before(self, browser: &Browser, job: &str, other: &str) {
        let at = self.hold_above(browser, job, other);
        self.send(browser, "up", at);
    }
}

fn open(daemon: &Daemon) -> Browser {
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/queue");
    browser.wait_for("#order > li:nth-child(3)");
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    browser
}

#[test]
fn a_job_is_moved_by_mouse_finger_and_keys_and_taken_back() {
    let (_lab, daemon, jobs) = waiting();
    let browser = open(&daemon);
    stands(&browser, &daemon, &jobs, [0, 1, 2]);
    Drag::Mouse.before(&browser, &jobs[2], &jobs[0]);
    stands(&browser, &daemon, &jobs, [2, 0, 1]);
    browser.wait_for_text("#news", "Moved");
    browser.click("#news button");
    stands(&browser, &daemon, &jobs, [0, 1, 2]);

    browser.size(TABLET);
    Drag::Finger.before(&browser, &jobs[1], &jobs[0]);
    stands(&browser, &daemon, &jobs, [1, 0, 2]);
    browser.screenshot("order-moved");
    browser.click("#news button");
    stands(&browser, &daemon, &jobs, [0, 1, 2]);

    browser.focus(&handle(&jobs[0]));
    browser.keys(&format!("{DOWN}{DOWN}"));
    browser.wait_for_text("#news", "Place 3 of 3");
    stands(&browser, &daemon, &jobs, [1, 2, 0]);
    let focused = "return document.activeElement.closest('li')?.dataset.job";
    browser.wait("focus that goes along", &format!("{focused} === '{}'", jobs[0]));
    browser.wait_for_text("#news", "Moved");
    browser.keys(UP);
    stands(&browser, &daemon, &jobs, [1, 0, 2]);
    // Escape lets it stand where it stood.
    browser.keys(&format!("{UP}{ESCAPE}"));
    browser.wait_for_text("#news", "stays where it was");
    stands(&browser, &daemon, &jobs, [1, 0, 2]);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_move_that_is_refused_is_taken_back_on_the_screen() {
    let (_lab, daemon, jobs) = waiting();
    let browser = open(&daemon);
    stands(&browser, &daemon, &jobs, [0, 1, 2]);
    // The one that it is put before is taken off the queue while it is in the hand.
    let at = Drag::Mouse.hold_above(&browser, &jobs[2], &jobs[0]);
    let in_hand = [2, 0, 1].map(|place: usize| jobs[place].clone());
    until("a row in the hand", || (shown(&browser) == in_hand).then_some(()));
    daemon.done(&format!("/v1/jobs/{}/cancel", jobs[0]), &json!({}));
    Drag::Mouse.send(&browser, "up", at);
    browser.wait_for_text("#news.failed", "stays where it was");
    let left = [jobs[1].clone(), jobs[2].clone()];
    until("what is left, as it was", || (shown(&browser) == left).then_some(()));
    assert_eq!(order(&daemon), left);
}

/// A file of that name in the lab's folder.
fn file(lab: &Lab, name: &str, text: &str) -> std::path::PathBuf {
    let path = lab.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Nothing of a name has become an element, an address or a title.
fn is_text(browser: &Browser) {
    let told = browser.script(
        "return [document.querySelectorAll('img[src=x]').length, document.title, location.href,
            performance.getEntriesByType('resource').map((one) => one.name).join(' ')]",
        vec![],
    );
    assert_eq!(told[0], json!(0), "{told}");
    for text in [&told[1], &told[2], &told[3]] {
        assert!(!text.as_str().unwrap().contains("Meier"), "{text}");
    }
}

/// Keeps each progress that is shown from here on, until this page is left.
const WATCH: &str = "window.percents = [];
    const look = () => {
        for (const bar of document.querySelectorAll('.files progress')) window.percents.push(bar.value);
    };
    new MutationObserver(look).observe(document.querySelector('.files'),
        { subtree: true, childList: true, attributes: true, characterData: true });";

#[test]
fn a_dropped_file_goes_up_with_its_progress_and_leads_to_a_new_job() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let dropped = file(&lab, &format!("{MARKUP}.gcode"), &gcode("dropped", 40_000));
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/queue");
    browser.wait_for("#drop[data-own-ready]");
    browser.script(WATCH, vec![]);
    browser.drop_file("main", &dropped);
    browser.wait_for("#drop .files li[data-state=good]");
    assert_eq!(browser.text("#drop .files li strong"), format!("{MARKUP}.gcode"));
    let percents = browser.script("return window.percents", vec![]);
    assert!(percents.as_array().is_some_and(|all| !all.is_empty()), "no progress was shown: {percents}");
    is_text(&browser);
    browser.screenshot("order-dropped");
    browser.click("#drop .files a.button");
    until("the page for a new job", || browser.place().starts_with("/queue/new?file=").then_some(()));
    browser.wait_for_text("#name", MARKUP);
    is_text(&browser);
    let form = "form[data-send='POST /v1/jobs']";
    browser.fill(&format!("{form} [name=piece]"), &format!("{case}/1"));
    browser.click(&format!("{form} button:not([type=button])"));
    let job = until("a job", || daemon.get("/v1/jobs")[0]["id"].as_str().map(str::to_owned));
    // It is tied to its part: the browser knows nothing of it any more.
    daemon.wait_job(&job, "printing");
    browser.go("/queue");
    browser.wait_for("#drop[data-own-ready]");
    assert!(!browser.has("#drop .files li"), "{}", browser.text("#drop .files"));

    // Where nothing else is wanted, it leads there by itself, for the part that was chosen before.
    browser.go(&format!("/queue/new?case={case}&part=1"));
    browser.wait_for("#drop[data-own-ready]");
    browser.drop_file("#drop", &file(&lab, "Meier.gcode", &gcode("another", 20)));
    until("the page for that job", || browser.place().starts_with("/queue/new?file=").then_some(()));
    browser.wait_for(&format!("{form} [name=piece]"));
    let piece = browser.script("return document.querySelector('[name=piece]').value", vec![]);
    assert_eq!(piece, Value::String(format!("{case}/1")));
    is_text(&browser);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_dropped_file_that_is_nothing_to_print_is_told_and_sent_nowhere() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/queue");
    browser.wait_for("#drop[data-own-ready]");
    browser.drop_file("main", &file(&lab, "Meier.pdf", "%PDF-1.7"));
    browser.wait_for("#drop .files li[data-state=bad]");
    browser.wait_for_text("#news.failed", "Meier.pdf");
    // No slicer here: a model is no use, and the page says so.
    browser.drop_file("main", &file(&lab, "Meier.stl", "solid x\nendsolid x\n"));
    browser.wait_for("#drop .files li[data-state=bad] + li[data-state=bad]");
    let sent = "return performance.getEntriesByType('resource').filter((one) =>
        /v1\\/(files|models)/.test(one.name)).length";
    assert_eq!(browser.script(sent, vec![]), json!(0));
    browser.click("#drop .files li button");
    browser.click("#drop .files li button");
    browser.wait_gone("#drop .files li");
}
