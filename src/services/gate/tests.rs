//! The gate for files of a spool, asked by those who wait and by those who must not.

use super::*;
use crate::config::Config;

/// Filament below the plate's edge, and `G90` behind `M83`, of which firmwares think differently.
const FILE: &str =
    "G21\nM83\nG90\nM104 S210\nG28\nM109 S210\nG1 X10 Y-8 Z.2 F3000\nG1 X60 E9 F1000\nM104 S0\n";
const SHORT: &str = "build_x = [0, 200]\nbuild_y = [0, 200]\nbeside_plate = 5\n";
const LONG: &str = "build_x = [0, 200]\nbuild_y = [-20, 200]\n";

fn config(sections: &[&str]) -> Config {
    let mut text = "site = \"a\"\nnode = \"b\"\n[gate]\nforbidden_commands = [\"M300\"]\n".to_owned();
    for (at, more) in sections.iter().enumerate() {
        text += &format!("[[printer]]\nname = \"p-{at}\"\nport = \"/dev/p{at}\"\nbaud = 115200\n{more}\n");
    }
    Config::parse(&text).unwrap()
}

struct Site {
    gate: Gate,
    spool: Arc<Spool>,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new(sections: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(&folder.path().join("files")).unwrap().with_floor(0));
        let config = config(sections);
        Self { gate: Gate::new(Arc::clone(&spool), &config.printers, &config.gate), spool, _folder: folder }
    }

    async fn file(&self, text: &str) -> FileHash {
        self.bytes(text.as_bytes()).await
    }

    async fn bytes(&self, bytes: &[u8]) -> FileHash {
        let mut incoming = self.spool.begin().await.unwrap();
        incoming.write(bytes).await.unwrap();
        incoming.keep().await.unwrap().0
    }

    fn asked(&self, file: &FileHash, printer: usize, told: Option<&str>) -> Asked {
        self.gate.asked(file, &format!("p-{printer}").parse().unwrap(), told, None, false)
    }

    async fn codes(&self, asked: &Asked) -> Vec<&'static str> {
        self.gate.findings(asked).await.unwrap().iter().map(|finding| finding.code).collect()
    }
}

#[test]
fn all_that_a_section_says_of_a_printer_reaches_the_gate() {
    let config = config(&[
        "build_x = [-5, 250]\nbuild_y = [0, 210]\nbuild_height = 200\nbeside_plate = 4\nnozzle = 0.6\nfilament = 2.85\n\
         arcs = false\nlongest_job_h = 2\nmodel = \"prusa-mk3s\"\nhotend_max = 250\nbed_max = 90\nchamber_max = 40\n\
         firmware = \"marlin-2.1\"\nallow_commands = [\"M92\"]",
    ]);
    let told = PrinterLimits {
        volume: [Some((-5.0, 250.0)), Some((0.0, 210.0)), Some((0.0, 200.0))],
        margin: 4.0,
        hotend_max: Some(250.0),
        bed_max: Some(90.0),
        chamber_max: Some(40.0),
        nozzle: Some(0.6),
        filament: Some(2.85),
        model: Some("prusa-mk3s".into()),
        arcs: Some(false),
        firmware: Some(Firmware::Marlin21),
        longest: Some(7_200.0),
        forbidden: vec![crate::domain::command::Code::new(b'M', 300)],
        allowed: Some(vec![crate::domain::command::Code::new(b'M', 92)]),
    };
    assert_eq!(limits_of(&config.printers[0], &config.gate), told);
}

#[test]
fn a_command_is_allowed_by_its_code_and_not_by_the_code_of_its_finding() {
    let mut printer = config(&[""]).printers.remove(0);
    // The configuration refuses the first.
    printer.allow_findings = vec!["command.not_allowed", "mode.shifted"];
    let finding = |code| Finding { code, severity: Severity::Error, line: None, what: "x".into(), help: "y" };
    let found = speaks(["command.not_allowed", "mode.shifted"].map(finding).to_vec(), &printer);
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["command.not_allowed"]);
}

#[test]
fn the_operator_s_word_for_a_firmware_counts_for_more_than_the_board_s() {
    let printers = config(&["", "firmware = \"klipper\""]).printers;
    assert_eq!(firmware_of(&printers[0], None), None);
    assert_eq!(firmware_of(&printers[0], Some("Homemade 7")), None);
    assert_eq!(firmware_of(&printers[0], Some("Marlin 2.1.2 (Github)")), Some(Firmware::Marlin21));
    assert_eq!(firmware_of(&printers[1], Some("Marlin 2.1.2 (Github)")), Some(Firmware::Klipper));
}

#[tokio::test]
async fn a_file_is_judged_for_each_printer_and_read_once_for_those_that_read_it_alike() {
    let site = Site::new(&[
        &format!("firmware = \"marlin-2.1\"\n{SHORT}"),
        &format!("firmware = \"marlin-2.0\"\n{LONG}"),
        &format!("firmware = \"klipper\"\n{LONG}"),
        &format!("firmware = \"klipper\"\n{SHORT}allow_findings = [\"volume.extrusion\", \"volume.move\"]"),
    ]);
    let file = site.file(FILE).await;
    let readings = || site.gate.kept().readings.len();
    let absolute = site.codes(&site.asked(&file, 1, None)).await;
    assert!(absolute.contains(&"extrusion.none") || !absolute.contains(&"volume.extrusion"), "{absolute:?}");
    let short = site.codes(&site.asked(&file, 0, None)).await;
    assert!(short.iter().any(|code| code.starts_with("volume.")), "{short:?}");
    assert_eq!(readings(), 1, "both count as Marlin 2 does");
    assert_eq!(site.codes(&site.asked(&file, 2, None)).await, [""; 0]);
    assert_eq!(readings(), 2);
    assert_eq!(site.codes(&site.asked(&file, 3, None)).await, [""; 0], "its section allows them");
    assert_eq!(readings(), 2);
    // What was judged before is not judged again, nor read: the file is gone.
    std::fs::remove_file(site.spool.path(&file)).unwrap();
    assert_eq!(site.codes(&site.asked(&file, 0, None)).await, short);
    let other = site.gate.asked(&file, &"p-0".parse().unwrap(), None, Some("ABS"), false);
    assert!(site.codes(&other).await.contains(&"heat.material"), "210 °C are too few for ABS");
}

#[tokio::test]
async fn the_firmware_that_a_board_tells_counts_for_its_printer() {
    let site = Site::new(&[LONG]);
    let file = site.file(FILE).await;
    assert_eq!(site.codes(&site.asked(&file, 0, Some("Homemade 7"))).await, ["mode.doubtful"]);
    assert_eq!(site.codes(&site.asked(&file, 0, Some("Klipper"))).await, [""; 0]);
}

#[tokio::test]
async fn a_board_that_was_never_connected_is_only_held_to_what_holds_for_every_board() {
    let site = Site::new(&[LONG, SHORT]);
    // As Cura ends its files.
    let start = "G21\nG90\nM82\nM104 S210\nG28\nM109 S210\nG92 E0\nG1 X10 Y-8 Z.2 F3000\nG1 X60 E9 F1000\n";
    let file = site.file(&format!("{start}G91\nG1 E-1 F300\nG90\nG1 X0 Y190\nM104 S0\n")).await;
    assert_eq!(site.codes(&site.asked(&file, 0, None)).await, [""; 0]);
    assert_eq!(site.gate.verdict(&site.asked(&file, 0, None), &[]), Verdict::Passes);
    let on_all = site.codes(&site.asked(&file, 1, None)).await;
    assert!(!on_all.is_empty() && on_all.iter().all(|code| code.starts_with("volume.")), "{on_all:?}");
    assert!(site.codes(&site.asked(&file, 0, Some("Homemade 7"))).await.contains(&"mode.doubtful"));
    assert_eq!(site.codes(&site.asked(&file, 0, Some("Marlin 2.1.2"))).await, [""; 0]);
}

#[tokio::test]
async fn who_must_not_wait_hears_of_news_when_a_file_is_read() {
    let site =
        Site::new(&[&format!("firmware = \"klipper\"\n{LONG}"), &format!("firmware = \"klipper\"\n{SHORT}")]);
    let file = site.file(FILE).await;
    let (fits, not) = (site.asked(&file, 0, None), site.asked(&file, 1, None));
    assert_eq!(site.gate.known(&fits), None);
    assert_eq!(site.gate.verdict(&fits, &[]), Verdict::NotYet);
    assert_eq!(site.gate.verdict(&fits, &[]), Verdict::NotYet);
    assert_eq!(site.gate.kept().wanted.len(), 1, "it is read once");
    site.gate.news().await;
    assert_eq!(site.gate.verdict(&fits, &[]), Verdict::Passes);
    let Verdict::Refused(found) = site.gate.verdict(&not, &[]) else { panic!("it passes") };
    let words = in_words(&found, &[], &JobId::from_entropy([0; 16]));
    assert!(words.starts_with("its file does not pass here: line 8: filament goes to Y -8.00 mm"), "{words}");
    assert!(site.gate.known(&not).is_some());
}

#[tokio::test]
async fn a_warning_passes_only_for_a_job_of_which_it_is_accepted() {
    let site = Site::new(&["firmware = \"klipper\""]);
    let file = site.file(&FILE.replace("M109 S210\n", "")).await;
    let asked = site.asked(&file, 0, None);
    assert_eq!(site.codes(&asked).await, ["heat.not_waited"]);
    let Verdict::Refused(found) = site.gate.verdict(&asked, &["mode.shifted".to_owned()]) else {
        panic!("it passes")
    };
    let job = JobId::from_entropy([0; 16]);
    let words = in_words(&found, &[], &job);
    let end = format!("`platen jobs --sign {job} --accept heat.not_waited --by NAME`");
    assert!(words.ends_with(&end), "{words}");
    assert_eq!(acceptable(&found, &[]), ["heat.not_waited"]);
    assert_eq!(site.gate.verdict(&asked, &["heat.not_waited".to_owned()]), Verdict::Passes);
}

#[tokio::test]
async fn a_file_that_is_not_what_was_uploaded_is_told_apart_and_nothing_is_kept_of_it() {
    let site = Site::new(&["firmware = \"klipper\""]);
    let file = site.file(FILE).await;
    let path = site.spool.path(&file);
    std::fs::write(&path, FILE.replace("S210", "S200")).unwrap();
    let asked = site.asked(&file, 0, None);
    assert_eq!(site.gate.verdict(&asked, &[]), Verdict::NotYet);
    site.gate.news().await;
    assert_eq!(site.gate.verdict(&asked, &[]), Verdict::Unreadable);
    assert!(matches!(site.gate.findings(&asked).await, Err(NotRead::Spool(SpoolError::Changed(_)))));
    std::fs::write(&path, FILE).unwrap();
    assert_eq!(site.codes(&asked).await, [""; 0], "it is whole again");
}

/// A printer of the test's masks: 48 by 32 points of 50 µm, whose masks we show.
const RESIN: &str = "kind = \"msla\"\nbuild_height = 150\n[printer.display]\ncolumns = 48\nrows = 32\n\
                     point_x_um = 50\npoint_y_um = 50\nmirrored_x = false\nmirrored_y = false\n\
                     folder = \"/srv/masks\"\n[printer.light]\nlongest_exposure_s = 60\n\
                     on = \"M106 S{pwm}\"\noff = \"M107\"\n[printer.plate]\nhomes = \"up\"\n\
                     travel_mm_min = 300\nfastest_mm_min = 600\n[printer.peel]\nlift_mm = 6\n\
                     lift_mm_min = 60\nretract_mm_min = 150\n[printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n";
const BOARD: &str = "kind = \"chitu\"\n[printer.light]\nlongest_exposure_s = 60\n\
                     [printer.vat]\nholds_ml = 200\nkeeps_ml = 20\n[printer.delivery]\nby = \"operator\"\n";

fn lit() -> ::resin::file::Mask {
    ::resin::file::Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0])
}

#[tokio::test]
async fn an_encrypted_file_is_for_boards_of_their_own_and_for_who_accepts_that_nobody_looked_into_it() {
    let site = Site::new(&[BOARD, RESIN, LONG]);
    let file = site.bytes(&::resin::sample::encrypted(9_000)).await;
    let mut all = Vec::new();
    for printer in 0..3 {
        all.push(site.codes(&site.asked(&file, printer, None)).await);
    }
    let wanted: [&[&str]; 3] = [&["resin.opaque"], &["resin.format", "resin.opaque"], &["machine.kind"]];
    assert_eq!(all, wanted);
}

#[tokio::test]
async fn a_resin_file_is_read_once_and_judged_for_each_resin_printer_by_its_display_and_loop() {
    use ::resin::sample::Settings;

    let site = Site::new(&[
        RESIN,
        &RESIN.replace("columns = 48\nrows = 32", "columns = 64\nrows = 32"),
        &RESIN.replace("longest_exposure_s = 60", "longest_exposure_s = 10"),
        // The lift of the second layer would end above it.
        &RESIN.replace("build_height = 150", "build_height = 6"),
        BOARD,
        LONG,
    ]);
    let file = site.bytes(&Settings::default().sl1(&vec![lit(); 12])).await;
    let mut all = Vec::new();
    for printer in 0..6 {
        all.push(site.codes(&site.asked(&file, printer, None)).await);
    }
    let wanted: [&[&str]; 6] = [
        &[],
        &["resin.resolution"],
        &["resin.exposure_too_long"],
        &["resin.plan"],
        &["resin.format"],
        &["machine.kind"],
    ];
    assert_eq!(all, wanted);
    let held = site.gate.0.resin.kept(&file).unwrap();
    let reading = site.gate.reading(&site.asked(&file, 1, Some("Klipper"))).await.unwrap();
    assert!(Arc::ptr_eq(reading.resin().unwrap(), &held), "one reading for all");
    assert_eq!((reading.layers(), reading.medium()), (12, Medium::Resin));
    let gcode = site.file(FILE).await;
    assert_eq!(site.codes(&site.asked(&gcode, 0, None)).await, ["machine.kind"]);
}

#[tokio::test]
async fn a_warning_about_a_resin_file_is_accepted_by_its_code_and_nobody_waits_for_the_reading() {
    use ::resin::file::Mask;
    use ::resin::sample::Settings;

    let site = Site::new(&[RESIN]);
    let masks = vec![lit(), lit(), Mask::dark(48, 32), lit()];
    let file = site.bytes(&Settings::default().sl1(&masks)).await;
    let asked = site.asked(&file, 0, None);
    assert_eq!(site.gate.verdict(&asked, &[]), Verdict::NotYet);
    site.gate.news().await;
    let Verdict::Refused(found) = site.gate.verdict(&asked, &[]) else { panic!("it passes") };
    let words = in_words(&found, &[], &JobId::from_entropy([0; 16]));
    assert!(words.contains("nothing is lit in layer 3") && words.contains("--accept resin.blank"), "{words}");
    assert_eq!(site.gate.verdict(&asked, &["resin.blank".to_owned()]), Verdict::Passes);
    let other = site.gate.asked(&file, &"p-0".parse().unwrap(), None, Some("Dental clear"), false);
    assert!(site.codes(&other).await.contains(&"resin.material_differs"));
    let broken = site.bytes(b"PK\x03\x04 and no archive").await;
    let told = site.gate.findings(&site.asked(&broken, 0, None)).await.unwrap_err().to_string();
    assert!(told.starts_with("this file cannot be printed: it "), "{told}");
}

#[test]
fn every_finding_of_a_resin_file_stands_in_the_list_as_it_counts_here() {
    use crate::domain::finding::OF_RESIN;
    use ::resin::check::{Code, Severity as Counts};

    let mut listed = vec!["machine.kind", "resin.format", "resin.plan"];
    for of in Code::ALL {
        let Some(code) = resin::code(*of) else {
            assert!(of.severity() == Counts::Note || *of == Code::VatLow, "{of} is not told");
            continue;
        };
        listed.push(code);
        let kind = OF_RESIN.iter().find(|kind| kind.code == code).unwrap();
        let counts = if of.severity() == Counts::Error { Severity::Error } else { Severity::Warning };
        assert_eq!(kind.severity, counts, "{code}");
    }
    listed.sort_unstable();
    assert_eq!(listed, OF_RESIN.iter().map(|kind| kind.code).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_kept_has_a_bound() {
    let site = Site::new(&["firmware = \"klipper\""]);
    let mut first = None;
    for layer in 0..=READ_MAX {
        let file = site.file(&format!("{FILE}; {layer}\n")).await;
        site.codes(&site.asked(&file, 0, None)).await;
        first.get_or_insert(file);
    }
    let kept = site.gate.kept();
    assert_eq!(kept.readings.len(), READ_MAX);
    assert!(kept.readings.iter().all(|((file, _), _)| Some(file) != first.as_ref()), "the oldest has gone");
}
