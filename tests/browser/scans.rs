//! A scanner types as a keyboard does, faster than any hand; a photo comes from the camera by its field; and
//! what is measured is judged in the browser as platen judges it.

use std::path::PathBuf;

use platen::domain::ids::LotId;
use platen::labels::Scanned;
use process_harness::{gcode, until};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::lab::{Daemon, KIM, Lab};

const ENTER_KEY: char = '\u{E007}';
const SAID: &str = "#scan-said";
/// Somewhere in the page that is no field, and that Enter would press.
const ELSEWHERE: &str = "nav a[href='/audit']";

fn of_printer(name: &str) -> String {
    Scanned::Printer(name.parse().unwrap()).code()
}

fn of_lot(id: &str) -> String {
    Scanned::Lot(id.parse().unwrap()).code()
}

/// A lot that may be used: its id.
fn lot(daemon: &Daemon, number: &str) -> String {
    let about = json!({"material": "PLA", "supplier_lot": number, "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let id = daemon.done("/v1/lots", &about)["id"].as_str().unwrap().to_owned();
    daemon.done(&format!("/v1/lots/{id}/steps"), &json!({"is": "released"}));
    id
}

/// What is loaded there: slots and lots.
fn loaded(daemon: &Daemon) -> Vec<(u64, String)> {
    let loads = daemon.get("/v1/printers/mk/loads");
    let now = loads.as_array().unwrap().iter().filter(|load| load["to"].is_null());
    let mut all: Vec<_> =
        now.map(|load| (load["slot"].as_u64().unwrap(), load["lot"].as_str().unwrap().to_owned())).collect();
    all.sort();
    all
}

/// The scanner that types this; once more where this machine had too much to do for its speed.
fn scan(browser: &Browser, code: &str) {
    browser.wait("the scanner's script", "return document.documentElement.classList.contains('script')");
    for _ in 0..5 {
        let watch = "if (!window.scanWatched) {
                window.scanWatched = true;
                addEventListener('keydown', (event) => {
                    const before = window.lastKey ?? event.timeStamp;
                    window.slowest = Math.max(window.slowest, event.timeStamp - before);
                    window.lastKey = event.timeStamp;
                }, true);
            }
            window.slowest = 0;
            window.lastKey = undefined;";
        browser.script(watch, vec![]);
        browser.keys(&format!("{code}{ENTER_KEY}"));
        // Another page knows nothing of it: the label has led there.
        let slowest = browser.script("return window.slowest ?? 0", vec![]).as_f64().unwrap_or_default();
        if slowest < 45.0 {
            return;
        }
        eprintln!("a key of the scanner came {slowest} ms after the one before");
    }
    panic!("this machine has too much to do for a scanner, five times in a row");
}

fn is_at(browser: &Browser, place: &str) {
    until(&format!("{place}, not {}", browser.place()), || (browser.place() == place).then_some(()));
}

#[test]
fn a_scanned_printer_and_then_a_lot_load_it_wherever_the_focus_is() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    let (first, second) = (lot(&daemon, "L-1"), lot(&daemon, "L-2"));
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/hands");
    // The field has the focus from the start.
    browser.wait("the scanner's field", "return document.activeElement.id === 'scan-code'");
    scan(&browser, &of_printer("mk"));
    is_at(&browser, "/hands?printer=mk");
    browser.wait_for("#at-printer");

    // Elsewhere nothing is pressed by what the scanner types.
    browser.wait("the scanner's field", "return document.activeElement.id === 'scan-code'");
    browser.focus("#at-printer a.button.end");
    scan(&browser, &of_lot(&first));
    until("a loaded lot", || (loaded(&daemon) == [(0, first.clone())]).then_some(()));
    browser.wait_for_text("#news", "L-1");
    assert_eq!(browser.place(), "/hands?printer=mk");
    browser.wait_for_text("#at-printer", "PLA L-1");
    // It is taken back as fast.
    browser.click("#news button");
    until("an empty printer", || loaded(&daemon).is_empty().then_some(()));
    browser.wait_gone("#at-printer ul.tasks li");
    browser.focus(ELSEWHERE);
    scan(&browser, &of_lot(&first));
    until("a loaded lot again", || (!loaded(&daemon).is_empty()).then_some(()));

    // Another one in its place is asked for, and answered by hand: a label presses no answer.
    browser.wait_for("#at-printer input[name=load-slot][data-loaded]");
    browser.click("#at-printer input[name=load-slot][value='0']");
    scan(&browser, &of_lot(&second));
    browser.wait_for_text("#dialog", "L-1");
    scan(&browser, &of_lot(&second));
    browser.wait_for("#dialog[open]");
    assert_eq!(loaded(&daemon), [(0, first)]);
    browser.click("#dialog button[value=yes]");
    until("the other lot", || (loaded(&daemon) == [(0, second.clone())]).then_some(()));
    // The same one once more is no load.
    browser.wait_for_text("#at-printer", "PLA L-2");
    browser.click("#at-printer input[name=load-slot][value='0']");
    browser.focus(ELSEWHERE);
    scan(&browser, &of_lot(&second));
    browser.wait_for_text(SAID, "already");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn a_part_and_a_lot_alone_open_their_pages_and_a_stop_is_not_touched_by_it() {
    let lab = Lab::of(&["mk", "pr"]);
    let daemon = lab.serve_people();
    let lot = lot(&daemon, "L-1");
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "ready");
    }
    let case = daemon.case();
    let job = daemon.print(&gcode("for its label", 20), &case, "mk");
    daemon.wait_job(&job, "printed");
    let long = daemon.print(&gcode("goes on", 60_000).replace("F6000", "F300"), &case, "pr");
    daemon.wait_job(&long, "printing");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/hands");
    browser.focus("#stop-all");
    scan(&browser, &Scanned::Part(format!("{case}-1-1").parse().unwrap()).code());
    is_at(&browser, &format!("/printed/{case}-1-1"));
    assert_eq!(daemon.printer("pr")["state"], "printing", "a label is no stop");
    browser.go("/hands");
    scan(&browser, &of_lot(&lot));
    is_at(&browser, &format!("/materials/{lot}"));
    // What stands beside the code is typed, in small letters.
    browser.go("/hands");
    browser.write("#scan-code", &format!("{case}-1-1"));
    browser.click("#scan-go");
    is_at(&browser, &format!("/printed/{case}-1-1"));
}

#[test]
fn what_is_no_label_of_ours_is_answered_in_words_and_nothing_of_it_is_shown_or_in_an_address() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/hands");
    let right = of_printer("mk");
    let wrong = right.replace("MK", "MX");
    let wristband = "QUIMBY^JANE 19620314";
    // Capitals and digits, as another country's keyboard has them.
    let swapped = right.replace(':', ">");
    let lot = Scanned::Lot(LotId::from_entropy([7; 16])).code();
    let printer = of_printer("zz");
    let cases = [
        (wristband, "not of a label of platen's"),
        ("4006381333931", "not of a label of platen's"),
        (wrong.as_str(), "could not be read right"),
        (swapped.as_str(), "keyboard"),
        (printer.as_str(), "is not here"),
        (lot.as_str(), "is not here"),
    ];
    for focus in ["#scan-code", ELSEWHERE] {
        for (code, says) in cases {
            browser.focus(focus);
            scan(&browser, code);
            browser.wait_for_text(SAID, says);
            assert_eq!(browser.place(), "/hands");
            let field = browser.script("return document.getElementById('scan-code').value", vec![]);
            assert_eq!(field, json!(""), "the next label begins anew");
            assert!(!browser.content().contains(code), "{code} is shown");
            // Said anew each time.
            browser.script("document.getElementById('scan-said').textContent = ''", vec![]);
        }
    }
    let errors = browser.console_errors();
    assert!(
        errors.iter().all(|error| !error.contains("QUIMBY") && error.contains("/v1/scans")),
        "{errors:?}"
    );
}

#[test]
fn what_a_person_types_by_hand_is_not_eaten() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let browser = Browser::of(&daemon.url);
    browser.go("/hands");
    browser.wait("the scanner's script", "return document.documentElement.classList.contains('script')");
    // In a field, fast and slow, with Enter behind it.
    browser.wait_for("#who");
    browser.focus("#who");
    browser.keys(&format!("kim the fast{ENTER_KEY}"));
    for letter in " and slow".chars() {
        browser.keys(&letter.to_string());
    }
    let typed = browser.script("return document.getElementById('who').value", vec![]);
    assert_eq!(typed, json!("kim the fast and slow"));
    assert_eq!(browser.text(SAID), "", "nothing was scanned");
    browser.focus("#scan-code");
    for letter in "1234567".chars() {
        browser.keys(&letter.to_string());
    }
    let typed = browser.script("return document.getElementById('scan-code').value", vec![]);
    assert_eq!(typed, json!("1234567"));
    assert_eq!(browser.text(SAID), "", "nothing is sent before Enter");
    // Two letters lead to a room, however fast.
    browser.focus(ELSEWHERE);
    browser.keys("gq");
    is_at(&browser, "/queue");
}

/// A picture as a camera gives it, with a name of its own and words beside its picture.
fn photo(lab: &Lab, name: &str, grey: u8) -> PathBuf {
    let path = lab.folder.path().join(name);
    let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 64, 48);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Comment".into(), "QUIMBY^JANE".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[grey; 64 * 48 * 3]).unwrap();
    writer.finish().unwrap();
    path
}

#[test]
fn a_photo_goes_up_from_the_page_of_the_inspection_is_shown_and_is_kept_with_it() {
    let lab = Lab::one();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    let job = daemon.print(&gcode("to look at", 20), &case, "mk");
    daemon.wait_job(&job, "printed");
    daemon.done("/v1/printers/mk/clear-bed", &json!({}));
    let serial = format!("{case}-1-1");
    let steps = format!("/v1/printed/{serial}/steps");
    daemon.done(&steps, &json!({"is": "processed", "processing": {"kind": "removal", "minutes": 5}}));
    daemon.done(&steps, &json!({"is": "sent_to_inspection"}));
    let item = json!({"name": "whole", "unit": "yes", "nominal": 1, "low": 1, "high": 1, "weight": "fail"});
    daemon.done("/v1/templates", &json!({"name": "look", "method": "visual", "items": [item]}));

    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go(&format!("/printed/{serial}/inspect"));
    let field = "#photos input[type=file]";
    let camera = "const field = document.querySelector(arguments[0]); return [field.accept, field.getAttribute('capture')]";
    browser.wait_for(field);
    assert_eq!(browser.script(camera, vec![field.into()]), json!(["image/*", "environment"]));
    browser.wait("the page's script", "return document.documentElement.classList.contains('script')");
    // What is no photo is refused in words, and the next one is taken.
    let other = lab.folder.path().join("Meier.jpg");
    std::fs::write(&other, "no photo").unwrap();
    browser.choose_file(field, &other);
    browser.wait_for_text("#photos .said", "JPEG");
    for (index, grey) in [40, 200].into_iter().enumerate() {
        browser.choose_file(field, &photo(&lab, &format!("Meier {index}.png"), grey));
        browser.wait_for(&format!("#photos figure:nth-of-type({})", index + 1));
    }
    browser.wait(
        "two pictures",
        "const all = [...document.querySelectorAll('#photos img')];
        return all.filter((one) => one.naturalWidth === 64).length === 2",
    );
    browser.screenshot("scans-photos");
    browser.click("#photos figure:first-of-type button");
    let kept = "return [...document.querySelectorAll('[data-photo]')].map((one) => one.dataset.photo)";
    let kept = browser.script(kept, vec![]);
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    browser.click("input[name='answer-0'][value='1']");
    browser.wait_for("#verdict [data-state=good]");
    browser.click("#save-accept");
    is_at(&browser, &format!("/printed/{serial}"));
    let part = daemon.get(&format!("/v1/printed/{serial}"));
    assert_eq!(part["inspections"][0]["photos"], kept, "{part}");
    assert_eq!(part["state"], "accepted", "{part}");
    let all = browser.script("return document.documentElement.outerHTML", vec![]);
    assert!(!all.as_str().unwrap().contains("Meier"), "the name of a file came along");
}

#[test]
fn the_browser_judges_every_row_of_the_table_as_platen_does() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let browser = Browser::of(&daemon.url);
    browser.go("/");
    let table: Value = serde_json::from_str(include_str!("verdicts.json")).unwrap();
    let judge = "const [table, done] = arguments;
        import(`${location.origin}/assets/verdict.js`).then(({ judge, thousandths, worst }) => done({
            values: table.values.map(({ item, typed }) => judge(item, thousandths(typed))),
            unreadable: table.unreadable.map((typed) => thousandths(typed) === undefined),
            wholes: table.wholes.map(({ of }) => worst(of)),
        }), (error) => done(`${error}`));";
    let told = browser.script_later(judge, vec![table.clone()]);
    for (rows, wanted) in [("values", "verdict"), ("wholes", "whole")] {
        let rows_of_table = table[rows].as_array().unwrap();
        assert_eq!(told[rows].as_array().map(Vec::len), Some(rows_of_table.len()), "{told}");
        for (row, judged) in rows_of_table.iter().zip(told[rows].as_array().unwrap()) {
            assert_eq!(*judged, row[wanted], "{row}");
        }
    }
    for (typed, refused) in
        table["unreadable"].as_array().unwrap().iter().zip(told["unreadable"].as_array().unwrap())
    {
        assert_eq!(*refused, json!(true), "{typed}");
    }
}
