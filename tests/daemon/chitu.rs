//! Boards that print a file from a stick of their own: what they do is held against what platen believes, through pauses,
//! hands at their panel, sticks that go, files that are others, and a platen that dies meanwhile.

use std::path::PathBuf;

use hw_sim::chitu::faults::Fault;
use hw_sim::chitu::ledger::{Ending, Print};
use hw_sim::chitu::profile::{Preset, Profile, StartCommand};
use hw_sim::chitu::rig::RigConfig;
use hw_sim::chitu::sample::Sample;
use hw_sim::chitu::stick::Stick;
use hw_sim::chitu::tty::{ChituConfig, ChituHandle, ChituPrinter};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::{Daemon, Lab, until};

/// A board is looked at every two seconds of the wall: its plate goes up for longer than that.
const SPEED: f64 = 4.0;
const MATERIAL: &str = "Clear resin";
const FEW: u32 = 8;
const MANY: u32 = 60;

/// Layers of about three seconds.
fn file(layers: u32) -> Vec<u8> {
    let sample = Sample {
        layers,
        resolution: (144, 256),
        bottom_layers: 2,
        bottom_exposure_s: 2.0,
        exposure_s: 2.0,
        light_off_s: 0.5,
        lift_mm: 1.0,
        lift_mm_min: 180.0,
        retract_mm_min: 180.0,
        ..Sample::default()
    };
    sample.write()
}

/// A lab with one such printer, `mars`; its stick is a folder.
struct Mars {
    board: ChituHandle,
    lab: Lab,
    bytes: Vec<u8>,
}

impl Mars {
    fn new(layers: u32) -> Self {
        Self::with(layers, "usb_gadget", "", |_| {})
    }

    fn with(layers: u32, by: &str, more: &str, change: impl FnOnce(&mut Profile)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("stick");
        std::fs::create_dir(&stick).unwrap();
        let mut profile = Preset::Mars.profile();
        profile.machine.z_mm = 5.0;
        change(&mut profile);
        let board = ChituPrinter::spawn(ChituConfig {
            name: "mars".into(),
            rig: RigConfig::new(profile, Stick::directory(&stick)),
            link: Some(folder.path().join("mars")),
            speed: SPEED,
        });
        let board = board.unwrap();
        let lab = Lab { config: folder.path().join("platen.toml"), folder, printers: Vec::new() };
        let of_gadget = if by == "usb_gadget" { format!("folder = {stick:?}\n") } else { String::new() };
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [[printer]]\nname = \"mars\"\nkind = \"chitu\"\nport = {:?}\nbaud = 115200\nbuild_height = 155\n\
             [printer.resin]\nchecklist = []\n[printer.light]\nlongest_exposure_s = 60\n\
             [printer.vat]\nholds_ml = 500\nkeeps_ml = 50\n[printer.delivery]\nby = \"{by}\"\n{of_gadget}{more}\n",
            lab.state(),
            board.path(),
        );
        std::fs::write(&lab.config, text).unwrap();
        Self { board, lab, bytes: file(layers) }
    }

    fn stick(&self) -> PathBuf {
        self.lab.folder.path().join("stick")
    }

    /// A daemon with resin in the vat, and a job.
    fn begin(&self) -> (Daemon, String) {
        let daemon = self.filled();
        let job = self.queue(&daemon);
        (daemon, job)
    }

    /// A daemon with 400 ml of resin in the vat.
    fn filled(&self) -> Daemon {
        let daemon = self.lab.serve();
        let lot = json!({"by": "sam", "material": MATERIAL, "supplier_lot": "L-77", "received": "2020-01-01",
            "expires": "2099-01-01", "grams": 1000});
        let lot = post(&daemon, "/v1/lots", &lot);
        daemon.ask(&["lots", "release", lot["id"].as_str().unwrap(), "--by", "sam"]);
        post(&daemon, "/v1/printers/mars/vat/fill", &json!({"by": "kim", "lot": lot["id"], "ml": 400}));
        daemon
    }

    fn queue(&self, daemon: &Daemon) -> String {
        self.queue_with(daemon, &[])
    }

    fn queue_with(&self, daemon: &Daemon, more: &[&str]) -> String {
        let path = self.lab.folder.path().join("part.ctb");
        std::fs::write(&path, &self.bytes).unwrap();
        let case = daemon.case();
        let args = ["--case", &case, "--part", "1", "--printer", "mars", "--material", MATERIAL];
        let job = daemon.ask(&[&["print", path.to_str().unwrap()], &args[..], more].concat());
        job["id"].as_str().unwrap().to_owned()
    }

    /// A board that reads an encrypted file of so many layers, and a daemon that knows what `said` says of it.
    fn encrypted(layers: u32, said: &[&str]) -> (Self, Daemon, String) {
        let mut mars = Self::with(FEW, "usb_gadget", "", |profile| {
            let machine = &mut profile.machine;
            (machine.opaque_layers, machine.opaque_exposure_s, machine.lift_mm) = (layers, 2.0, 1.0);
            (machine.lift_mm_s, machine.retract_mm_s) = (3.0, 3.0);
        });
        mars.bytes = ::resin::sample::encrypted(20_000);
        let daemon = mars.filled();
        let accepts = ["--accept", "resin.opaque", "--by", "kim"];
        let job = mars.queue_with(&daemon, &[&accepts[..], said].concat());
        (mars, daemon, job)
    }

    fn print(&self) -> Option<Print> {
        self.board.ledger().last_print().cloned()
    }

    /// Waits until so many layers were lit.
    fn wait_lit(&self, layers: usize) {
        until("layers in light", || self.print().filter(|print| print.exposures.len() >= layers));
    }

    /// Waits until platen has seen a layer done.
    fn wait_seen(&self, daemon: &Daemon) {
        let done = || daemon.printer("mars")["progress"]["confirmed"].as_u64().filter(|layers| *layers > 0);
        until("platen has seen a layer", done);
    }

    fn wait_ended(&self) -> Print {
        until("the end of the print", || self.print().filter(|print| print.ending.is_some()))
    }

    fn wait_plate_up(&self) {
        until("the plate is up", || self.board.with(|rig, now| rig.board().z_mm(now) >= 154.9).then_some(()));
    }

    /// The board printed this file, all of it, each layer once.
    fn assert_whole(&self) {
        let print = self.wait_ended();
        assert_eq!(print.ending, Some(Ending::Finished));
        let hash = Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(print.file_sha256, hash);
        let lit: Vec<_> = print.exposures.iter().map(|exposure| exposure.layer).collect();
        assert_eq!(Some(lit.len()), print.layers.map(|layers| layers as usize));
        assert!(lit.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lit:?}");
        self.assert_lawful();
    }

    /// Nothing was said to it that nobody may say.
    fn assert_lawful(&self) {
        assert_eq!(self.board.ledger().forbidden, []);
    }

    fn heard(&self, code: &str) -> bool {
        self.board.ledger().heard.iter().any(|heard| heard.command.split(' ').next() == Some(code))
    }
}

fn post(daemon: &Daemon, path: &str, body: &Value) -> Value {
    let mut answer = daemon.agent.post(&format!("{}{path}", daemon.url)).send_json(body).unwrap();
    let told = answer.body_mut().read_to_string().unwrap();
    assert!(answer.status().is_success(), "{path}: {told}");
    serde_json::from_str(&told).unwrap_or(Value::Null)
}

fn facts(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let all = daemon.events().into_iter().map(|event| event["fact"].clone());
    all.filter(|fact| fact["type"] == kind).collect()
}

/// Why the job was interrupted, in the words of the journal.
fn interrupted(daemon: &Daemon, job: &str) -> Value {
    daemon.wait_job(job, "interrupted");
    facts(daemon, "job_interrupted").pop().unwrap()["why"].clone()
}

fn board_fault(fault: &str) -> Value {
    json!({"reason": "board", "fault": fault})
}

#[test]
fn a_file_goes_onto_the_stick_is_printed_and_is_known_to_be_that_file_and_the_whole_of_it() {
    let mars = Mars::new(FEW);
    std::fs::write(mars.stick().join("HOLIDAY2.CTB"), "somebody's").unwrap();
    let (daemon, job) = mars.begin();
    let printed = daemon.wait_job(&job, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    mars.assert_whole();
    let names: Vec<_> =
        std::fs::read_dir(mars.stick()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(mars.stick().join("HOLIDAY2.CTB").exists());
    let told = daemon.events();
    let counted = told.iter().rfind(|event| event["fact"]["what"] == "lit").unwrap();
    let lit = &counted["fact"]["lit"];
    assert_eq!((&lit["layers"], &lit["light_ms"]), (&json!(FEW), &json!(FEW * 2_000)), "{counted}");
    assert!(lit["resin"].as_u64().unwrap() > 0, "{counted}");
}

#[test]
fn an_encrypted_file_is_printed_to_its_last_byte_by_what_a_person_says_of_it() {
    let (mars, daemon, job) = Mars::encrypted(FEW, &["--resin-ml", "80.5", "--minutes", "90"]);
    let told = daemon.job(&job);
    let need = json!({"millilitres": 80.5, "minutes": 90, "said_by": "kim"});
    assert_eq!(told["need"], need, "{told}");
    let printed = daemon.wait_job(&job, "printed");
    // Its board has read all of it: through which layers it came nobody has seen.
    assert_eq!(printed["exact"], false, "{printed}");
    assert_eq!(printed["layer"], Value::Null, "{printed}");
    assert_eq!(printed["progress"], json!({"confirmed": 20_000, "total": 20_000, "percent": 100.0}));
    let print = mars.wait_ended();
    assert_eq!((print.ending, print.layers), (Some(Ending::Finished), None));
    mars.assert_lawful();
    let told = daemon.events();
    let counted = told.iter().rfind(|event| event["fact"]["what"] == "lit").unwrap();
    let lit = &counted["fact"]["lit"];
    assert_eq!((&lit["layers"], &lit["resin"]), (&json!(0), &json!(80_500)), "{counted}");
    assert!(lit["light_ms"].as_u64().unwrap() > 0 && counted["fact"]["guessed"] == true, "{counted}");
    let resin: Value = daemon.ask(&["printers", "resin", "mars"]);
    assert_eq!(resin["vat"]["contents"]["left_ml"], 319.5, "{resin}");
}

#[test]
fn an_encrypted_file_that_is_cancelled_at_the_panel_is_not_done_and_somebody_looks_at_the_part() {
    let (mars, daemon, job) = Mars::encrypted(MANY, &["--resin-ml", "80"]);
    mars.wait_lit(3);
    mars.wait_seen(&daemon);
    let half = daemon.printer("mars");
    assert!(half["progress"]["total"] == 20_000 && half["resin"].get("layer").is_none(), "{half}");
    mars.board.inject(&Fault::PanelCancel);
    assert_eq!(interrupted(&daemon, &job), board_fault("ended_early"));
    mars.assert_lawful();
    // What was said of it is said of its next attempt, too.
    let again = ["jobs", "--reprint", &job, "--cause", "print_failed", "--by", "lee"];
    let again = daemon.ask(&again);
    assert_eq!(again["need"], json!({"millilitres": 80.0, "said_by": "kim"}), "{again}");
}

#[test]
fn an_encrypted_file_of_which_nobody_says_what_resin_it_takes_does_not_begin_and_says_what_to_do() {
    let (mars, daemon, job) = Mars::encrypted(FEW, &[]);
    let waits = until("why it waits", || {
        let told = daemon.job(&job);
        told["waiting"].to_string().contains("nobody has said what resin it takes").then_some(told)
    });
    assert!(waits["need"].get("millilitres").is_none(), "{waits}");
    let refused = daemon.platen(&["jobs", "--start", &job, "--printer", "mars", "--by", "kim"]);
    assert_ne!(refused.code, Some(0));
    daemon.ask(&["jobs", "--cancel", &job, "--by", "kim"]);
    assert!(mars.print().is_none());
    // What a file tells itself nobody says in its place.
    let clear = Mars { bytes: file(FEW), ..mars };
    let path = clear.lab.folder.path().join("clear.ctb");
    std::fs::write(&path, &clear.bytes).unwrap();
    let case = daemon.case();
    let refused = daemon.platen(&[
        "print",
        path.to_str().unwrap(),
        "--case",
        &case,
        "--part",
        "1",
        "--material",
        MATERIAL,
        "--resin-ml",
        "5",
        "--by",
        "kim",
    ]);
    assert!(refused.err.contains("this file tells itself what it takes"), "{refused:?}");
}

#[test]
fn a_print_is_paused_and_goes_on_by_a_person_here_and_by_hands_at_its_panel() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    daemon.wait_job(&job, "printing");
    mars.wait_lit(2);
    let printing = until("platen sees it print", || {
        let printer = daemon.printer("mars");
        (printer["state"] == "printing" && printer["progress"]["confirmed"].as_u64() > Some(0))
            .then_some(printer)
    });
    assert_eq!(printing["progress"]["total"], MANY, "{printing}");
    daemon.ask(&["jobs", "--pause", &job, "--by", "kim"]);
    daemon.wait_job(&job, "paused");
    until("the board stands", || mars.print().filter(|print| print.paused_us.len() == 1));
    let words = until("its pause is told", || {
        let words = daemon.printer("mars")["hold"]["words"].as_str().map(str::to_owned);
        words.filter(|words| words.starts_with("paused by kim"))
    });
    assert!(!words.contains("by itself"), "{words}");
    until("its pause is seen", || {
        (daemon.platen(&["jobs", "--resume", &job, "--by", "lee"]).code == Some(0)).then_some(())
    });
    until("the board goes on", || mars.print().filter(|print| print.resumed_us.len() == 1));
    daemon.wait_job(&job, "printing");
    mars.board.inject(&Fault::PanelPause);
    let paused = daemon.wait_job(&job, "paused");
    assert!(paused["paused"].as_str().unwrap().contains("panel"), "{paused}");
    mars.board.inject(&Fault::PanelResume);
    daemon.wait_job(&job, "printing");
    daemon.wait_job(&job, "printed");
    mars.assert_whole();
    let by: Vec<_> = facts(&daemon, "job_resumed").iter().map(|fact| fact["by"].clone()).collect();
    assert_eq!(by, ["lee", "the printer panel"]);
}

#[test]
fn a_print_that_is_cancelled_at_the_panel_is_cancelled_here() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    mars.wait_lit(3);
    daemon.wait_printer("mars", "printing");
    mars.wait_seen(&daemon);
    mars.board.inject(&Fault::PanelCancel);
    daemon.wait_job(&job, "cancelled");
    assert_eq!(facts(&daemon, "job_cancelled")[0]["by"], "the printer panel");
    assert!(!mars.heard("M33"), "there was nothing to stop");
    mars.assert_lawful();
}

#[test]
fn a_print_that_is_cancelled_here_is_over_when_the_board_says_so() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    mars.wait_lit(3);
    daemon.ask(&["jobs", "--cancel", &job, "--by", "kim"]);
    daemon.wait_job(&job, "cancelled");
    assert_eq!(mars.print().unwrap().ending, Some(Ending::Stopped));
    daemon.wait_printer("mars", "ready");
    mars.assert_lawful();
}

#[test]
fn a_stop_ends_the_print_is_proven_by_the_board_and_locks_it_until_a_person_has_looked() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    mars.wait_lit(2);
    let told = daemon.platen(&["stop", "mars", "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(interrupted(&daemon, &job)["reason"], "stopped");
    assert_eq!(mars.wait_ended().ending, Some(Ending::Stopped));
    daemon.wait_printer("mars", "stopped");
    let proof = until("a proof", || facts(&daemon, "stop_verified").pop());
    assert_eq!(proof["proof"], "plate_up");
    assert_eq!(facts(&daemon, "stop_unverified"), [] as [Value; 0]);
    daemon.crash();
    let daemon = mars.lab.serve();
    daemon.wait_printer("mars", "stopped");
    daemon.ask(&["stop", "--clear", "mars", "--by", "oli"]);
    daemon.wait_printer("mars", "ready");
}

#[test]
fn a_stick_that_is_taken_out_in_mid_print_ends_it_and_that_is_said() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    mars.wait_seen(&daemon);
    mars.board.inject(&Fault::RemoveStick);
    assert_eq!(interrupted(&daemon, &job), board_fault("stick_gone"));
    assert_eq!(mars.print().unwrap().ending, Some(Ending::StickLost));
    mars.assert_lawful();
}

#[test]
fn a_person_who_carries_a_stick_is_asked_for_it_and_told_when_the_file_on_it_is_another() {
    let mars = Mars::with(FEW, "operator", "", |_| {});
    let (daemon, job) = mars.begin();
    let paused = daemon.wait_job(&job, "paused");
    assert!(paused["paused"].as_str().unwrap().contains("waits for a person"), "{paused}");
    let asked = || daemon.printer("mars")["prompt"]["asked"].as_str().map(str::to_owned);
    let words = until("the question", asked);
    let size = mars.bytes.len().to_string();
    assert!(words.contains(&size), "{words}");
    let name = words.split([' ', ',']).find(|word| word.ends_with(".CTB")).unwrap().to_owned();
    let answer = |asked: &str| {
        daemon.ask(&["printers", "answer", "mars", "--button", "0", "--asked", asked, "--by", "lee"]);
    };
    std::fs::write(mars.stick().join(&name), &mars.bytes[..mars.bytes.len() / 2]).unwrap();
    answer(&words);
    let again = until("it is asked again", || asked().filter(|text| *text != words));
    assert!(again.contains("must have") && again.contains(&name), "{again}");
    assert!(mars.print().is_none(), "nothing was begun");
    // A restart of platen changes nothing of what is asked.
    daemon.crash();
    let daemon = mars.lab.serve();
    let asked = until("it is asked after a restart", || {
        daemon.printer("mars")["prompt"]["asked"].as_str().map(str::to_owned)
    });
    assert!(asked.contains(&name), "{asked}");
    std::fs::write(mars.stick().join(&name), &mars.bytes).unwrap();
    daemon.ask(&["printers", "answer", "mars", "--button", "0", "--asked", &asked, "--by", "lee"]);
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    assert_eq!(facts(&daemon, "prompt_answered").len(), 2);
}

#[test]
fn a_start_is_believed_only_when_the_board_prints_and_the_other_way_is_tried() {
    // It says `ok` to M6030, and begins by M24.
    let liar = |profile: &mut Profile| profile.start = StartCommand::M23M24;
    let mars = Mars::with(FEW, "usb_gadget", "", liar);
    let (daemon, job) = mars.begin();
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    assert!(mars.heard("M6030"));
}

#[test]
fn a_board_that_only_says_ok_has_begun_nothing_and_the_job_says_so() {
    let liar = |profile: &mut Profile| profile.start = StartCommand::M23M24;
    let mars = Mars::with(FEW, "usb_gadget", "start = \"m6030\"", liar);
    let (daemon, job) = mars.begin();
    assert_eq!(interrupted(&daemon, &job), board_fault("refused_start"));
    assert!(mars.print().is_none());
    daemon.wait_printer("mars", "ready");
}

#[test]
fn a_file_that_is_sent_over_the_line_arrives_whole_although_blocks_of_it_do_not() {
    let mars = Mars::with(FEW, "uart_m28", "", |profile| {
        *profile = Preset::Uploading.profile();
        profile.machine.z_mm = 5.0;
        profile.corrupt_every_block = 3;
    });
    let (daemon, job) = mars.begin();
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    let received = mars.board.ledger().received.pop().unwrap();
    assert!(received.resends > 0 && received.closed, "{received:?}");
    assert_eq!(received.bytes, mars.bytes.len() as u64);
}

#[test]
fn a_board_that_platen_dies_on_in_an_upload_hears_again_and_prints_the_next_file_whole() {
    let mut mars = Mars::with(MANY, "uart_m28", "", |profile| {
        *profile = Preset::Uploading.profile();
        profile.machine.z_mm = 5.0;
    });
    let (daemon, job) = mars.begin();
    let blocks = || mars.board.ledger().received.last().filter(|half| half.blocks >= 2).cloned();
    until("some of the file", blocks);
    daemon.crash();
    let half = mars.board.ledger().received.pop().unwrap();
    assert!(!half.closed && half.bytes < mars.bytes.len() as u64, "{half:?}");
    let daemon = mars.lab.serve();
    daemon.wait_job(&job, "interrupted");
    daemon.wait_printer("mars", "ready");
    assert!(mars.board.ledger().received.pop().unwrap().closed);
    assert!(mars.print().is_none(), "half a file is none");
    // Whoever stands there is told of it, until they have looked.
    let odd = || facts(&daemon, "resin").into_iter().find(|fact| fact["what"] == "odd");
    assert_eq!(until("what was found", odd)["odd"], "file_was_open");
    let shown = daemon.get("/v1/printers/mars");
    assert!(shown["resin"]["odd"][0]["words"].as_str().unwrap().contains("had a file open"), "{shown}");
    post(&daemon, "/v1/printers/mars/vat/filter", &json!({"by": "kim"}));
    daemon.ask(&["printers", "clear", "mars", "--by", "kim"]);
    assert!(daemon.get("/v1/printers/mars")["resin"].get("odd").is_none());
    mars.bytes = file(FEW);
    let job = mars.queue(&daemon);
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    assert_ne!(mars.board.ledger().received.pop().unwrap().file, half.file);
}

#[test]
fn a_board_that_makes_an_empty_file_of_what_is_sent_prints_nothing() {
    let mars = Mars::with(FEW, "uart_m28", "", |_| {});
    let (daemon, job) = mars.begin();
    assert_eq!(interrupted(&daemon, &job), board_fault("not_delivered"));
    assert!(mars.print().is_none());
}

#[test]
fn a_print_outlives_a_platen_that_is_killed_and_is_watched_to_its_end_by_the_next() {
    let mars = Mars::new(MANY);
    let (daemon, job) = mars.begin();
    mars.wait_lit(2);
    daemon.wait_job(&job, "printing");
    daemon.crash();
    let lit = mars.print().unwrap().exposures.len();
    mars.wait_lit(lit + 2);
    let daemon = mars.lab.serve();
    assert_eq!(daemon.job(&job)["state"], "printing");
    daemon.wait_printer("mars", "printing");
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    let daemon = mars.lab.serve();
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    assert_eq!(mars.board.ledger().prints.len(), 1);
}

#[test]
fn a_print_that_ended_while_platen_was_away_is_for_a_person_to_look_at() {
    let mars = Mars::new(FEW);
    let (daemon, job) = mars.begin();
    mars.wait_lit(1);
    daemon.wait_job(&job, "printing");
    daemon.crash();
    mars.wait_ended();
    // On its way up it still shows the whole of the file.
    mars.wait_plate_up();
    let daemon = mars.lab.serve();
    assert_eq!(interrupted(&daemon, &job), board_fault("ended_away"));
    daemon.wait_printer("mars", "ready");
}

/// Pulls the cable in mid-print.
fn unplugged(mars: &Mars) -> (Daemon, String) {
    let (daemon, job) = mars.begin();
    mars.wait_seen(&daemon);
    mars.board.inject(&Fault::Disconnect);
    let offline = daemon.wait_printer("mars", "offline");
    assert_eq!(offline["light"], "may_be_on", "{offline}");
    assert_eq!(daemon.job(&job)["state"], "printing");
    (daemon, job)
}

#[test]
fn a_print_whose_cable_is_pulled_and_plugged_in_again_is_watched_to_its_end() {
    let mars = Mars::new(MANY);
    let (daemon, job) = unplugged(&mars);
    let lit = mars.print().unwrap().exposures.len();
    mars.wait_lit(lit + 2);
    mars.board.inject(&Fault::Reconnect);
    daemon.wait_printer("mars", "printing");
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    mars.assert_whole();
    assert_eq!(mars.board.ledger().prints.len(), 1);
}

#[test]
fn a_print_that_ends_or_is_cancelled_while_the_cable_is_out_is_for_a_person_to_look_at() {
    for (layers, hand, ending) in
        [(2 * FEW, None, Ending::Finished), (MANY, Some(Fault::PanelCancel), Ending::CancelledAtPanel)]
    {
        let mars = Mars::new(layers);
        let (daemon, job) = unplugged(&mars);
        if let Some(hand) = hand {
            mars.board.inject(&hand);
        }
        assert_eq!(mars.wait_ended().ending, Some(ending));
        mars.wait_plate_up();
        mars.board.inject(&Fault::Reconnect);
        assert_eq!(interrupted(&daemon, &job), board_fault("ended_away"));
        daemon.wait_printer("mars", "ready");
        assert!(!mars.heard("M33"), "there was nothing to stop");
        mars.assert_lawful();
    }
}

#[test]
fn what_somebody_began_at_the_panel_while_the_cable_was_out_is_not_taken_for_the_job() {
    let mars = Mars::new(MANY);
    std::fs::write(mars.stick().join("theirs.ctb"), file(MANY + 1)).unwrap();
    let (daemon, job) = unplugged(&mars);
    mars.board.inject(&Fault::PanelCancel);
    mars.wait_ended();
    mars.wait_plate_up();
    mars.board.inject(&Fault::PanelStart { file: "theirs.ctb".into() });
    mars.wait_lit(1);
    mars.board.inject(&Fault::Reconnect);
    assert_eq!(interrupted(&daemon, &job)["reason"], "board");
    mars.wait_lit(mars.print().unwrap().exposures.len() + 2);
    assert!(!mars.heard("M33"), "theirs goes on");
}

#[test]
fn a_stop_while_the_cable_is_out_is_said_before_all_else_when_it_is_in_again() {
    let mars = Mars::new(MANY);
    let (daemon, job) = unplugged(&mars);
    let told = daemon.platen(&["stop", "mars", "--by", "kim"]);
    assert_eq!(told.code, Some(1), "nobody may go away believing that it has stopped: {told:?}");
    assert_eq!(interrupted(&daemon, &job)["reason"], "stopped");
    assert_eq!(until("its end", || facts(&daemon, "stop_unverified").pop())["relay"], "absent");
    let lit = mars.print().unwrap().exposures.len();
    mars.wait_lit(lit + 1);
    mars.board.inject(&Fault::Reconnect);
    assert_eq!(mars.wait_ended().ending, Some(Ending::Stopped));
    daemon.wait_printer("mars", "stopped");
    assert!(mars.heard("M33"));
    mars.assert_lawful();
    let clear = ["stop", "--clear", "mars", "--by", "oli"];
    until("an end of the stopping", || (daemon.platen(&clear).code == Some(0)).then_some(()));
    daemon.wait_printer("mars", "ready");
}

#[test]
fn what_somebody_prints_at_the_panel_is_told_and_left_alone() {
    let mars = Mars::new(FEW);
    std::fs::write(mars.stick().join("theirs.ctb"), file(MANY)).unwrap();
    mars.board.inject(&Fault::PanelStart { file: "theirs.ctb".into() });
    mars.wait_lit(1);
    let (daemon, job) = mars.begin();
    let printer = until("it is seen", || {
        let printer = daemon.printer("mars");
        printer.to_string().contains("has not begun").then_some(printer)
    });
    assert_eq!(printer["state"], "offline", "{printer}");
    assert!(!printer.to_string().contains("theirs"), "{printer}");
    let lit = mars.print().unwrap().exposures.len();
    mars.wait_lit(lit + 3);
    assert_eq!(daemon.job(&job)["state"], "queued");
    for code in ["M33", "M25", "M24", "M112", "M6030", "M23"] {
        assert!(!mars.heard(code), "{code}");
    }
    mars.board.inject(&Fault::PanelCancel);
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
}
