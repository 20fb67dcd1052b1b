//! One case from the wish to the record, all on the pages: a model dropped, sliced, approved, printed, released.
//!
//! Forms are found by the route of the API that they send to and the step that is fixed in them, not by words.

use std::path::{Path, PathBuf};

use hw_sim::pty::PrinterConfig;
use process_harness::{until, until_within};
use serde_json::json;

use crate::browser::Browser;
use crate::lab::{Daemon, KIM, LEE, Lab, board};

/// A printer of a model that processes are for, fast enough to print a slice of a real slicer.
fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let printers = vec![PrinterConfig { speed: 200.0, ..board(&folder, "mk") }];
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slicing");
    let top = format!("[slicing]\nprofiles = {profiles:?}\n");
    Lab::with(folder, printers, &top, "simulated_speed = 200\nmodel = \"generic-220\"\n")
}

/// 12 by 10 by 2 mm, in words.
fn model(lab: &Lab) -> PathBuf {
    let corner = |n: u8| format!("vertex {} {} {}", (n & 1) * 12, (n >> 1 & 1) * 10, (n >> 2 & 1) * 2);
    let faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    let mut text = "solid heart of Meier\n".to_owned();
    for [a, b, c, d] in faces {
        for triangle in [[a, b, c], [a, c, d]] {
            let corners = triangle.map(corner).join("\n");
            text += &format!("facet normal 0 0 0\nouter loop\n{corners}\nendloop\nendfacet\n");
        }
    }
    let path = lab.folder.path().join("Meier heart.stl");
    std::fs::write(&path, text + "endsolid heart of Meier\n").unwrap();
    path
}

/// The form that sends this step to this route.
fn form(route: &str, is: &str) -> String {
    match is {
        "" => format!("form[data-send='POST {route}']"),
        is => format!("form[data-send='POST {route}'][data-fixed*='\"is\":\"{is}\"']"),
    }
}

/// Fills a form in and sends it.
fn send(browser: &Browser, route: &str, is: &str, fields: &[(&str, &str)]) {
    let form = form(route, is);
    browser.wait_for(&form);
    browser.unfold(&form);
    for (name, value) in fields {
        browser.fill(&format!("{form} [name='{name}']"), value);
    }
    browser.click(&format!("{form} button:not([type=button])"));
}

/// The same where what is signed is shown first, and the password is the signature.
fn sign(browser: &Browser, route: &str, is: &str, password: &str, shown: &str) {
    send(browser, route, is, &[]);
    browser.wait_for_text("#dialog .signing", shown);
    browser.write("#dialog input[name=password]", password);
    browser.click("#dialog button[value=yes]");
}

/// A wrong password is said in the dialog, which stays open with what is signed; then nothing is signed.
fn sign_wrongly(browser: &Browser, route: &str, is: &str, shown: &str) {
    send(browser, route, is, &[]);
    browser.wait_for_text("#dialog .signing", shown);
    browser.write("#dialog input[name=password]", "not these words at all");
    browser.click("#dialog button[value=yes]");
    browser.wait_for_text("#dialog[open] .said-here", "assword");
    browser.wait_for_text("#dialog[open] .signing", shown);
    browser.click("#dialog button[value=no]");
}

fn becomes(daemon: &Daemon, path: &str, state: &str) {
    until(&format!("{path} {state}"), || (daemon.get(path)["state"] == state).then_some(()));
}

fn is_there(daemon: &Daemon, path: &str, what: &str) {
    until(&format!("{what} of {path}"), || {
        daemon.get(path).pointer(what).is_some_and(|found| !found.is_null()).then_some(())
    });
}

#[test]
fn a_case_goes_from_the_wish_to_the_record_on_the_pages_alone() {
    let lab = lab();
    let daemon = lab.serve_people();
    daemon.wait_printer("mk", "ready");
    let (kim, lee) = (Browser::of(&daemon.url), Browser::of(&daemon.url));
    kim.sign_in(KIM);
    lee.sign_in(LEE);

    // The wish.
    kim.go("/cases");
    send(&kim, "/v1/cases", "", &[("intended_use", "education")]);
    let case = until("the page of the new case", || {
        kim.place().strip_prefix("/cases/").map(|token| token.split(['?', '#']).next().unwrap().to_owned())
    });
    let (page, of_case) = (format!("/cases/{case}"), format!("/v1/cases/{case}/steps"));
    let quality = format!("/v1/cases/{case}/quality");
    send(&kim, &format!("/v1/cases/{case}/parts"), "", &[("name", "left ventricle")]);
    let about = [
        ("about.kind", "model"),
        ("about.service", "cardiac surgery"),
        ("about.indication", "double outlet right ventricle"),
        ("about.needed_by", "2099-12-24"),
    ];
    send(&kim, &of_case, "described", &about);
    is_there(&daemon, &quality, "/about");
    let of_part = format!("/v1/cases/{case}/parts/1/steps");
    let component = [("about.kind", "component"), ("about.laterality", "left"), ("about.units", "mm")];
    send(&kim, &of_part, "described", &component);
    let part = format!("/v1/cases/{case}/parts/1");
    is_there(&daemon, &part, "/about");
    send(&kim, &of_case, "requested", &[]);
    becomes(&daemon, &quality, "requested");
    send(&kim, &of_case, "accepted", &[]);
    becomes(&daemon, &quality, "accepted");

    // The design: a model is handed in, and somebody stands for it.
    send(&kim, &of_case, "design_begun", &[]);
    becomes(&daemon, &quality, "designing");
    let (model, revise) = (model(&lab), form(&of_part, "revised"));
    kim.wait_for(&revise);
    kim.unfold(&revise);
    kim.choose_file(&format!("{revise} input[type=file]"), &model);
    kim.click(&format!("{revise} button:not([type=button])"));
    is_there(&daemon, &part, "/revisions/0");
    send(&kim, &of_case, "approval_asked", &[]);
    becomes(&daemon, &quality, "awaiting_approval");
    lee.go(&page);
    sign_wrongly(&lee, &of_case, "approved", &case);
    sign(&lee, &of_case, "approved", LEE.1, &case);
    becomes(&daemon, &quality, "approved");
    send(&kim, &of_case, "production_begun", &[("process", "generic-220-pla-draft")]);
    becomes(&daemon, &quality, "in_production");

    // The print: the model dropped onto the queue, tied to its part, sliced, queued, printed, and the bed cleared.
    let guide = daemon.case();
    kim.go("/queue");
    kim.wait_for("#drop[data-own-ready]");
    kim.drop_file("#drop", &model);
    kim.click("#drop .files a.button[href*='model=']");
    until("the page for a job of the model", || kim.place().contains("model=").then_some(()));
    // No process here is validated for a guide.
    kim.fill("#new-job [name=piece]", &format!("{guide}/1"));
    let none = "const all = [...document.querySelectorAll('[name=\"model.process\"] option')];
        const not = (one) => one.disabled && one.textContent.includes('not validated for this use');
        return all.length > 0 && all.every(not) && !document.getElementById('no-process-fits').hidden";
    kim.wait("no process for a guide", none);
    let piece = format!("{case}/1");
    send(&kim, "/v1/jobs", "", &[("piece", &piece), ("model.process", "generic-220-pla-draft")]);
    let job = until("a job", || daemon.get("/v1/jobs")[0]["id"].as_str().map(str::to_owned));
    kim.go("/queue");
    kim.wait_for_text("main", &case);
    kim.screenshot("way-queue");
    until_within("a printed part", process_harness::BOUND * 3, || {
        (daemon.get(&format!("/v1/jobs/{job}"))["state"] == "printed").then_some(())
    });
    kim.go("/hands");
    send(&kim, "/v1/printers/mk/clear-bed", "", &[]);
    // It is asked whether what stands there is off.
    kim.click("#dialog button[value=yes]");
    until("a clear bed", || daemon.printer("mk")["on_bed"].is_null().then_some(()));

    // What is done with it, and whether it is as it should be.
    let item =
        json!({"name": "length", "unit": "mm", "nominal": 12, "low": 11.8, "high": 12.2, "weight": "fail"});
    daemon.done("/v1/templates", &json!({"name": "hand", "method": "caliper", "items": [item]}));
    let caliper = json!({"name": "caliper-1", "what": "caliper", "calibration_due": "2099-06-30"});
    daemon.done("/v1/instruments", &caliper);
    let serial = format!("{case}-1-1");
    let (of_piece, piece) = (format!("/v1/printed/{serial}/steps"), format!("/v1/printed/{serial}"));
    kim.go(&format!("/printed/{serial}"));
    let removal = [("processing.kind", "removal"), ("processing.minutes", "5")];
    send(&kim, &of_piece, "processed", &removal);
    becomes(&daemon, &piece, "post_processing");
    send(&kim, &of_piece, "sent_to_inspection", &[]);
    becomes(&daemon, &piece, "awaiting_inspection");
    // The verdict is there while somebody types; platen's own is taken with it.
    kim.go(&format!("/printed/{serial}/inspect?template=hand&version=1"));
    kim.fill("#value-0", "13.4");
    kim.wait_for("#verdict [data-state=bad]");
    kim.fill("#value-0", "12.1");
    kim.wait_for("#verdict [data-state=good]");
    kim.screenshot("way-inspect");
    kim.click("#save-accept");
    becomes(&daemon, &piece, "accepted");

    // The release, by somebody who had no hand in it, and the record.
    kim.go(&page);
    send(&kim, &of_case, "qc_begun", &[]);
    becomes(&daemon, &quality, "in_qc");
    lee.go(&format!("/printed/{serial}"));
    sign(&lee, &of_piece, "released", LEE.1, &serial);
    becomes(&daemon, &piece, "released");
    lee.go(&page);
    sign(&lee, &of_case, "released", LEE.1, &case);
    becomes(&daemon, &quality, "released");
    lee.screenshot("way-released");
    lee.wait_for("main a[href*='/v1/reports/case']");
    let record =
        lee.script("return document.querySelector(\"main a[href*='/v1/reports/case']\").href", vec![]);
    lee.go(record.as_str().unwrap().strip_prefix(daemon.url.as_str()).unwrap());
    let text = lee.content();
    assert!(text.contains(&case) && text.contains("left ventricle"), "{text}");
    assert!(!text.contains("Meier"), "a name came along with the model");
    lee.screenshot("way-record");
}
