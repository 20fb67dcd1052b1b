//! Resin printers on the page: what hinders a start and what is done about it, the mask in light, and a stick that
//! somebody carries.

use hw_sim::chitu::profile::Preset;
use hw_sim::chitu::rig::RigConfig as ChituRig;
use hw_sim::chitu::sample::Sample;
use hw_sim::chitu::stick::Stick;
use hw_sim::chitu::tty::{ChituConfig, ChituPrinter};
use hw_sim::msla::Dialect;
use hw_sim::pty::PrinterConfig;
use hw_sim::rig::RigConfig;
use process_harness::until;
use serde_json::{Value, json};

use crate::axe::{self, Rules};
use crate::browser::Browser;
use crate::lab::{Daemon, KIM, Lab};

const MATERIAL: &str = "Clear resin";

/// A lot that may be poured in: its id.
fn lot(daemon: &Daemon) -> String {
    let about = json!({"material": MATERIAL, "supplier_lot": "L-77", "received": "2020-01-01",
        "expires": "2099-01-01", "grams": 1000});
    let id = daemon.done("/v1/lots", &about)["id"].as_str().unwrap().to_owned();
    daemon.done(&format!("/v1/lots/{id}/steps"), &json!({"is": "released"}));
    id
}

/// Queues a job of this file: its id.
fn queue(daemon: &Daemon, printer: &str, bytes: &[u8]) -> String {
    let file = daemon.send("/v1/files", "application/octet-stream", bytes)["file"].clone();
    let job =
        json!({"file": file, "case": daemon.case(), "part": 1, "printer": printer, "material": MATERIAL});
    daemon.done("/v1/jobs", &job)["id"].as_str().unwrap().to_owned()
}

/// A printer of its own that platen shows the masks for, at 20 times its speed.
fn msla() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().join("shown");
    std::fs::create_dir(&shown).unwrap();
    let mut rig = RigConfig::msla(Dialect::Marlin, 115_200, 0, 7);
    let board = rig.firmware.msla.as_mut().unwrap();
    (board.z_max_mm, board.start_z_mm, board.home_mm_s) = (30.0, 25.0, 10.0);
    let link = Some(folder.path().join("msla"));
    let printer = PrinterConfig { name: "msla".into(), rig, link, speed: 20.0, record: None };
    let more = format!(
        "kind = \"msla\"\nfirmware = \"marlin-2.1\"\nsimulated_speed = 20\nbuild_height = 30\n\
         [printer.resin]\nchecklist = [\"film\", \"stirred\"]\n\
         [printer.display]\ncolumns = 480\nrows = 270\npoint_x_um = 60\npoint_y_um = 60\nmirrored_x = true\n\
         mirrored_y = false\nfolder = {shown:?}\nanswers_ms = 20000\n\
         [printer.light]\nlongest_exposure_s = 60\non = \"M106 S{{pwm}}\"\noff = \"M107\"\n\
         [printer.plate]\nhomes = \"up\"\ntravel_mm_min = 600\nfastest_mm_min = 600\nraise_at_pause_mm = 5\n\
         raise_at_end_mm = 5\n\
         [printer.peel]\nlift_mm = 4\nlift_mm_min = 240\nretract_mm_min = 300\n\
         [printer.vat]\nholds_ml = 500\nkeeps_ml = 50\n"
    );
    Lab::with(folder, vec![printer], "", &more)
}

/// Layers that are in light for two seconds and more each, so that somebody can see them.
fn long_layers() -> Vec<u8> {
    let sample = Sample {
        layers: 8,
        layer_height_mm: 0.1,
        resolution: (480, 270),
        bed_mm: (28.8, 16.2, 60.0),
        bottom_layers: 1,
        bottom_exposure_s: 55.0,
        exposure_s: 50.0,
        light_off_s: 1.0,
        lift_mm: 4.0,
        lift_mm_min: 240.0,
        retract_mm_min: 300.0,
        ..Sample::default()
    };
    sample.write()
}

/// Whether the picture of the layer has both what is lit and what is not.
const MASK: &str = "const img = document.querySelector('#layer figure img');
    if (!img || !img.complete || !img.naturalWidth) return false;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
    const to = canvas.getContext('2d');
    to.drawImage(img, 0, 0);
    const points = to.getImageData(0, 0, canvas.width, canvas.height).data;
    const kinds = new Set();
    for (let at = 0; at < points.length; at += 4) kinds.add(points.slice(at, at + 4).join());
    return kinds.size > 1";

const LIT: &str = "#light-msla[data-state=lit]";

fn hindrances(daemon: &Daemon) -> Vec<(String, String)> {
    let next = daemon.get("/v1/printers/msla/resin")["next"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = next["hindrances"].as_array().into_iter().flatten();
    all.map(|one| (text(&one["why"]), text(&one["words"]))).collect()
}

#[test]
fn a_vat_is_filled_the_checklist_is_ticked_and_the_light_and_mask_of_the_print_are_seen() {
    let lab = msla();
    let daemon = lab.serve_people();
    daemon.wait_printer("msla", "ready");
    let (lot, job) = (lot(&daemon), queue(&daemon, "msla", &long_layers()));
    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/printers/msla");
    // What hinders it is said, all of it.
    let hindered = hindrances(&daemon);
    for why in ["vat_empty", "checklist_needed"] {
        let (_, words) = hindered.iter().find(|(found, _)| found == why).unwrap_or_else(|| {
            panic!("no {why} in {hindered:?}");
        });
        // A sentence of its own begins with a capital.
        let [first, rest] = [&words[..1], &words[1..]];
        browser.wait_for_text("#resin-need", &format!("{}{rest}", first.to_uppercase()));
    }
    assert!(!browser.has("#do-checklist"), "resin that is not there cannot be stirred");
    browser.wait_for_text("#light-msla", "The light is off");
    browser.fill("#vat-fill [name=lot]", &lot);
    browser.fill("#vat-fill [name=ml]", "400");
    browser.click("#vat-fill-send");
    browser.wait_for_text("#resin", "400 of 500 ml left");
    until("a start that only the checklist hinders", || {
        (hindrances(&daemon).iter().map(|(why, _)| why.as_str()).eq(["checklist_needed"])).then_some(())
    });
    // Before all is ticked, nothing is sent.
    browser.wait_for("#do-checklist");
    browser.click("#do-checklist label.tick:nth-of-type(1) input");
    browser.click("#do-checklist-send");
    assert_eq!(daemon.get("/v1/printers/msla/resin")["checklist"]["holds"], false);
    assert_eq!(daemon.get(&format!("/v1/jobs/{job}"))["state"], "queued");
    browser.click("#do-checklist label.tick:nth-of-type(2) input");
    browser.click("#do-checklist-send");

    // It begins by itself, and the page follows it.
    browser.wait_for(LIT);
    browser.wait_for_text("#light-msla", "The light is on");
    assert!(browser.has(&format!("{LIT} svg.mark")), "a shape beside word and colour");
    browser.wait_for("#head .state[data-state=printing]");
    browser.wait("the layer's mask", MASK);
    browser.wait_for_text("#layer figcaption", "of 8");
    browser.screenshot_whole("resin-printer-lit");
    browser.go("/");
    browser.wait_for(&format!("#printer-msla {LIT}"));
    browser.wait_for_text("#printer-msla", "The light is on");
    browser.wait_for_text("#printer-msla", "ml in the vat");
    assert_eq!(axe::serious(&browser, Rules::All), Vec::<String>::new());
    browser.screenshot("resin-farm-lit");
    daemon.wait_job(&job, "printed");
    browser.wait_for("#light-msla:not([data-state])");
    browser.wait_for_text("#printer-msla", "The light is off");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

#[test]
fn whoever_carries_a_stick_is_asked_for_it_on_the_page_and_told_when_its_file_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let stick = folder.path().join("stick");
    std::fs::create_dir(&stick).unwrap();
    let mut profile = Preset::Mars.profile();
    profile.machine.z_mm = 5.0;
    let board = ChituPrinter::spawn(ChituConfig {
        name: "mars".into(),
        rig: ChituRig::new(profile, Stick::directory(&stick)),
        link: Some(folder.path().join("mars")),
        speed: 4.0,
    });
    let board = board.unwrap();
    // A board of another kind than the lab's own.
    let top = format!(
        "[[printer]]\nname = \"mars\"\nkind = \"chitu\"\nport = {:?}\nbaud = 115200\nbuild_height = 155\n\
         [printer.resin]\nchecklist = []\n[printer.light]\nlongest_exposure_s = 60\n\
         [printer.vat]\nholds_ml = 500\nkeeps_ml = 50\n[printer.delivery]\nby = \"operator\"\n",
        board.path()
    );
    let lab = Lab::with(folder, Vec::new(), &top, "");
    let daemon = lab.serve_people();
    let lot = lot(&daemon);
    daemon.done("/v1/printers/mars/vat/fill", &json!({"lot": lot, "ml": 400}));
    let sample = Sample {
        layers: 8,
        resolution: (144, 256),
        bottom_layers: 1,
        bottom_exposure_s: 4.0,
        exposure_s: 4.0,
        light_off_s: 0.5,
        lift_mm: 1.0,
        lift_mm_min: 180.0,
        retract_mm_min: 180.0,
        ..Sample::default()
    };
    let bytes = sample.write();
    let job = queue(&daemon, "mars", &bytes);

    let browser = Browser::of(&daemon.url);
    browser.sign_in(KIM);
    browser.go("/");
    let (asked, button) = ("#printer-mars .prompt q", "#answer-mars-0");
    browser.wait_for_text(asked, ".CTB");
    browser.wait_for_text(asked, &bytes.len().to_string());
    browser.wait_for_text(button, "It is in");
    let words = browser.text(asked);
    let name = words.split([' ', ',']).find(|word| word.ends_with(".CTB")).unwrap().to_owned();
    browser.screenshot("resin-operator");
    // The wrong file: it is said in the same place, and nothing has begun.
    std::fs::write(stick.join(&name), &bytes[..bytes.len() / 2]).unwrap();
    browser.click(button);
    browser.wait_for_text(asked, "must have");
    assert!(board.ledger().prints.is_empty(), "nothing was begun");
    // On the printer's own page it can be answered as well.
    browser.go("/printers/mars");
    browser.wait_for_text("#wants .prompt q", &name);
    std::fs::write(stick.join(&name), &bytes).unwrap();
    browser.click(button);
    browser.wait_for("#light-mars[data-state=lit]");
    browser.wait_for_text("#light-mars", "The light may be on");
    browser.wait_gone(button);
    daemon.wait_job(&job, "printed");
    browser.wait_gone("#light-mars");
    assert_eq!(board.ledger().prints.len(), 1);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
