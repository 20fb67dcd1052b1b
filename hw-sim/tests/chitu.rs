//! The ChiTu board: what it says, byte for byte, and what it really does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use hw_sim::chitu::faults::{Fault, FaultScript};
use hw_sim::chitu::ledger::{Actor, Crime, Ending, Print};
use hw_sim::chitu::profile::{
    Disk, IdleProgress, NulNoise, Preset, Profile, SelectedReply, StickLoss, Upload,
};
use hw_sim::chitu::rig::{Rig, RigConfig};
use hw_sim::chitu::sample::{self, Format, Sample};
use hw_sim::chitu::stick::{Entry, Stick, path_of};
use hw_sim::chitu::tables::{self, HEADER_BYTES, LAYER_BYTES, Table};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

/// A host that says one thing and hears what comes, in virtual time.
struct Host {
    rig: Rig,
    now: u64,
}

impl Host {
    fn of(profile: Profile, stick: Stick) -> Self {
        let mut rig = Rig::new(RigConfig::new(profile, stick));
        rig.open_port(0);
        Self { rig, now: SECOND }
    }

    fn new(preset: Preset, stick: Stick) -> Self {
        Self::of(preset.profile(), stick)
    }

    /// What is heard within three seconds of a command.
    fn ask_bytes(&mut self, command: &str) -> Vec<u8> {
        self.rig.host_write(self.now, format!("{command}\r\n").as_bytes());
        self.listen(3 * SECOND)
    }

    fn ask(&mut self, command: &str) -> String {
        String::from_utf8(self.ask_bytes(command)).unwrap()
    }

    fn listen(&mut self, for_us: u64) -> Vec<u8> {
        self.now += for_us;
        self.rig.host_read(self.now)
    }

    fn inject(&mut self, fault: Fault) {
        self.rig.inject(self.now, &fault);
    }

    fn print(&self) -> &Print {
        self.rig.ledger().last_print().expect("a print")
    }

    /// Lets time pass until it is so.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&Rig) -> bool) {
        let give_up = self.now + 36_000 * SECOND;
        while !is_so(&self.rig) {
            self.now = self.rig.poll_timeout().unwrap_or(u64::MAX).clamp(self.now + 1, self.now + SECOND);
            assert!(self.now < give_up, "never {what}");
            self.rig.advance(self.now);
            // What it says meanwhile is for nobody.
            self.rig.host_read(self.now);
        }
    }

    fn until_layer(&mut self, count: usize) {
        self.until("so many layers", |rig| rig.ledger().exposures().count() >= count);
    }

    /// Starts by the way that the preset wants.
    fn start(&mut self, path: &str) {
        self.ask(&format!("M23 /{path}"));
        match self.rig.board().profile().start {
            hw_sim::chitu::profile::StartCommand::M6030 => {
                let name = path.rsplit('/').next().unwrap();
                // `wait` may follow.
                assert!(self.ask(&format!("M6030 '{name}'")).starts_with("ok N:0\r\n"));
            }
            hw_sim::chitu::profile::StartCommand::M23M24 => assert!(self.ask("M24").starts_with("ok N:")),
        }
        assert!(self.rig.board().is_printing());
    }
}

fn stick(files: &[(&str, Vec<u8>)]) -> Stick {
    files.iter().fold(Stick::memory(), |stick, (path, bytes)| stick.with(path, bytes.clone()).unwrap())
}

fn small(layers: u32) -> Vec<u8> {
    Sample { layers, resolution: (60, 100), ..Sample::default() }.write()
}

/// A file of this size whose first picture ends there.
fn sized(bytes: usize, first_end: u32) -> Vec<u8> {
    let mut file = small(2);
    let table = u32::from_le_bytes(file[0x40..0x44].try_into().unwrap()) as usize;
    let offset = u32::from_le_bytes(file[table + 12..table + 16].try_into().unwrap());
    file[table + 16..table + 20].copy_from_slice(&(first_end - offset).to_le_bytes());
    file.resize(bytes, 0);
    file
}

fn layers_of(file: &[u8]) -> Vec<tables::Layer> {
    match tables::read(&stick(&[("f", file.to_vec())]), "f").unwrap() {
        Table::Plain { layers, .. } => layers,
        Table::Enciphered => panic!("it is plain"),
    }
}

// What it says.

#[test]
fn every_captured_reply_of_the_mars_is_said_byte_for_byte() {
    // facts A.2 and mariner test_mars.py
    let files = stick(&[("lattice.ctb", vec![0; 26_058_253]), ("subdir/LittleBBC.ctb", small(1))]);
    let mut profile = Preset::Mars.profile();
    profile.stale_bytes = 31_540;
    profile.machine.z_mm = 151.9;
    let mut host = Host::of(profile, files);
    let table = [
        ("M4002", "ok V4.3.4_LCDC\n"),
        ("M4001", "ok X:0.012500 Y:0.012500 Z:0.000625 E:0.001340 T:0/0/0/155/1 U:'GBK' B:1\r\n"),
        ("M4000", "ok B:0/0 X:0.000 Y:0.000 Z:151.900 F:0/0 D:31540/0/1 "),
        ("M114", "ok C: X:0.000000 Y:0.000000 Z:151.900000 E:0.000000\r\n"),
        ("M115", "CBD make it.Date:Apr  2 2020 Time:16:30:35\r\nok N:0\r\n"),
        ("M20", "Begin file list\r\n->subdir\r\nlattice.ctb 26058253\r\nEnd file list\r\nok N:0\r\n"),
        ("M23 /lattice.ctb", "File opened:lattice.ctb Size:26058253\r\nFile selected\r\nok N:0\r\n"),
        (
            "M23 /foobar.ctb",
            "//############Error!cann't open file foobar.ctb!\r\nopen failed, File :foobar.ctb\r\nok N:0\r\n",
        ),
        ("M27", "Error:It's not printing now!\r\nok N:0\r\n"),
        ("M33", "Error:It's not printing now!\r\nok N:0\r\n"),
        ("M25", "Error:It's not printing now!\r\nok N:0\r\n"),
        ("M24", "Error:It's not printing now!\r\nok N:0\r\n"),
        ("M6030 'none.ctb'", "Error: File is not existed or empty\r\nok N:0\r\n"),
        (
            "M23 /subdir/LittleBBC.ctb",
            "File opened:subdir/LittleBBC.ctb Size:SIZE\r\nFile selected\r\nok N:0\r\n",
        ),
        ("M4006", "ok 'LittleBBC.ctb'\r\n"),
        ("M28 test.txt", "ok N:536925260\r\n"),
        ("M30 test.txt", "File deleted :test.txt\r\nok N:0\r\n"),
        ("M112", "ok N:0\r\n"),
        ("G0 Z-10.0 F600 I0", "ok N:0\r\n"),
        ("M6032 'lattice.ctb'", "ok L:26058253\r\n"),
        ("M22", "ok N:0\r\n"),
        ("M4004", "ok N:0\r\n"),
    ];
    let size = small(1).len().to_string();
    for (command, reply) in table {
        assert_eq!(host.ask(command), reply.replace("SIZE", &size), "{command}");
    }
}

#[test]
fn a_print_shows_the_captured_numbers_from_its_start_to_its_pause() {
    let mut profile = Preset::Mars.profile();
    profile.machine.z_mm = 150.0;
    let mut host = Host::of(profile, stick(&[("benchy.ctb", sized(11_494_803, 76_903))]));
    host.start("benchy.ctb");
    let starting = host.ask("M4000");
    assert!(starting.starts_with("ok B:0/0 X:0.000 Y:0.000 Z:-"), "{starting}");
    assert!(starting.ends_with(" F:256/256 D:0/11494803/0 "), "{starting}");
    host.until_layer(1);
    let printing = host.ask("M4000");
    assert_eq!(printing, "ok B:0/0 X:0.000 Y:0.000 Z:0.050 F:256/256 D:76903/11494803/0 ");
    assert_eq!(host.ask("M27"), "SD printing byte 76903/11494803\r\nok N:0\r\n");
    assert_eq!(host.ask("M25"), "ok N:0\r\n");
    host.until("paused", |rig| !rig.ledger().prints[0].paused_us.is_empty());
    assert!(host.ask("M4000").ends_with(" F:256/256 D:76903/11494803/1 "));
}

#[test]
fn the_mars_pro_speaks_as_in_the_issue_that_captured_it() {
    // mariner#453
    let mut profile = Preset::MarsPro.profile();
    profile.n_first = 460;
    let mut host = Host::of(profile, stick(&[("File1.ctb", sized(8_472_210, 1_363_986))]));
    assert_eq!(
        host.ask("M23 /File1.ctb"),
        "File selected\r\nFile1.ctb Size:8472210\r\nFile selected\r\nok N:460\r\n"
    );
    assert_eq!(host.ask("M24"), "ok N:461\r\n");
    host.until_layer(1);
    assert_eq!(host.ask("M25"), "ok N:462\r\n");
    assert_eq!(host.ask("M27"), "SD N:463\r\nbyte 1363986/8472210\r\nok N:463\r\n");
    assert_eq!(host.ask("M33"), "ok N:464\r\n");
    for (number, code) in (465..).zip(["M4000", "M4001", "M4002", "M4006"]) {
        assert_eq!(host.ask(code), format!("ok N:{number}\r\n"), "{code}");
    }
}

#[test]
fn every_other_dialect_says_what_is_its_own() {
    let files = || stick(&[("a/b.ctb", small(1))]);
    let mut original = Host::new(Preset::MarsOriginal, files());
    assert_eq!(original.ask("M4002"), "ok V4.2.20.3_LCDM\n");
    assert!(original.ask("M4000").ends_with("D:0/0/1 "));
    original.ask("M23 /a/b.ctb");
    assert_eq!(original.ask("M4006"), "ok '/a/b.ctb'\r\n");
    original.start("a/b.ctb");
    assert!(String::from_utf8(original.listen(5 * SECOND)).unwrap().contains("wait\r\n"));

    let mut mute = Host::new(Preset::MarsM21, files());
    for code in ["M4002", "M4000", "M20", "M23 /a/b.ctb", "M28 x"] {
        assert_eq!(mute.ask(code), "", "{code}");
    }

    let mut full = Host::new(Preset::Uploading, files());
    assert!(full.ask("M4000").ends_with("D:0/0/0 \r\n"));
    assert!(full.ask("M115").starts_with("ZWLF make it\r\n"));

    let only_ok = Profile { m4006: SelectedReply::OkOnly, ..Preset::Mars.profile() };
    let mut host = Host::of(only_ok, files());
    host.ask("M23 /a/b.ctb");
    assert_eq!(host.ask("M4006"), "ok N:0\r\n");

    let zero = Profile { idle_d: IdleProgress::Zero, ..Preset::Mars.profile() };
    assert!(Host::of(zero, files()).ask("M4000").ends_with("D:0/0/0 "));
}

#[test]
fn a_board_without_a_readable_stick_says_so_and_ok_behind_it() {
    for disk in [Disk::Fail, Disk::Removed] {
        let profile = Profile { disk, ..Preset::Uploading.profile() };
        let mut host = Host::of(profile, stick(&[("a.ctb", small(1))]));
        for command in ["M20", "M23 /a.ctb", "M6030 'a.ctb'", "M28 b.ctb", "M30 a.ctb"] {
            let reply = host.ask(command);
            assert!(reply.starts_with("//Disk init fail!\r\n") && reply.ends_with("ok N:0\r\n"), "{reply:?}");
        }
        assert!(host.rig.ledger().prints.is_empty());
    }
}

#[test]
fn a_reply_comes_after_its_latency_and_a_start_after_its_own() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(1))]));
    for (command, at_least) in [("M4002", 50_000), ("M6030 'a.ctb'", 1_500_000)] {
        let began = host.now;
        host.rig.host_write(began, format!("{command}\r\n").as_bytes());
        let heard = host.rig.run_until_output(began + 5 * SECOND);
        assert!((at_least..at_least + 10_000).contains(&(heard - began)), "{command}: {}", heard - began);
        host.listen(5 * SECOND);
    }
}

// What it does.

#[test]
fn a_print_to_the_end_cures_every_layer_once_at_its_height_for_its_time() {
    for preset in Preset::ALL {
        if preset == Preset::MarsM21 {
            continue;
        }
        let file = small(6);
        let mut host = Host::new(preset, stick(&[("part.ctb", file.clone())]));
        host.start("part.ctb");
        let planned = layers_of(&file);
        for (index, layer) in planned.iter().enumerate() {
            host.until_layer(index + 1);
            let said = host.ask("M27");
            let ends = format!("{}/{}", layer.end_byte(), file.len());
            assert!(said.contains(&ends), "{preset:?} layer {index}: {said:?}");
            assert!(host.rig.board().is_lamp_on());
        }
        host.until("ended", |rig| rig.ledger().prints[0].ending.is_some());
        let whole = format!("{0}/{0}", file.len());
        assert!(host.ask("M27").contains(&whole), "{preset:?}: the file is read to its end");
        host.until("up", |rig| (rig.board().z_mm(rig.now_us()) - 155.0).abs() < 1e-9);
        assert!(host.ask("M27").contains("Error:It's not printing now!"));
        let print = host.print();
        assert_eq!((print.ending, print.layers), (Some(Ending::Finished), Some(6)), "{preset:?}");
        assert_eq!(print.exposures.len(), planned.len());
        for (exposure, layer) in print.exposures.iter().zip(&planned) {
            assert_eq!(exposure.lit_us(), Some(layer.exposure_us));
            assert!((exposure.z_mm - layer.z_mm).abs() < 1e-9, "{exposure:?}");
        }
        for (before, after) in print.exposures.iter().zip(&print.exposures[1..]) {
            assert_eq!(after.layer, before.layer + 1);
            // 5 mm up at 1.5 mm/s and down at 2.5 mm/s.
            assert!(after.on_us - before.off_us.unwrap() > 5 * SECOND, "{before:?} {after:?}");
            assert_ne!(before.picture_sha256, after.picture_sha256);
        }
    }
}

#[test]
fn the_end_of_reading_is_told_by_boards_that_tell_it() {
    for (preset, tells) in [(Preset::Mars, false), (Preset::Uploading, true)] {
        let mut host = Host::new(preset, stick(&[("a.ctb", small(1))]));
        host.start("a.ctb");
        let said = String::from_utf8_lossy(&host.listen(600 * SECOND)).into_owned();
        assert_eq!(said.contains("End read\r\n"), tells, "{preset:?} {said:?}");
    }
}

#[test]
fn a_pause_finishes_the_layer_keeps_the_plate_up_and_goes_on_where_it_was() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(6))]));
    host.start("a.ctb");
    host.until_layer(2);
    let asked = host.now;
    assert_eq!(host.ask("M25"), "ok N:0\r\n");
    assert!(host.ask("M4000").ends_with("/0 "), "not at once");
    host.until("paused", |rig| !rig.ledger().prints[0].paused_us.is_empty());
    let paused = host.print().paused_us[0];
    let last = host.print().exposures[1].clone();
    assert_eq!(last.lit_us(), Some(last.planned_us), "the layer is finished");
    assert!(paused >= asked + 4 * SECOND && paused > last.off_us.unwrap());
    host.listen(600 * SECOND);
    assert!(host.ask("M4000").contains("/1 "));
    assert_eq!(host.print().exposures.len(), 2, "nothing is cured in a pause");
    assert!(host.rig.board().z_mm(host.now) > 50.0 && !host.rig.board().is_lamp_on());
    assert_eq!(host.ask("M24"), "ok N:0\r\n");
    host.until("ended", |rig| !rig.board().is_printing());
    let layers: Vec<u32> = host.print().exposures.iter().map(|exposure| exposure.layer).collect();
    assert_eq!(layers, [0, 1, 2, 3, 4, 5]);
    assert_eq!((host.print().resumed_us.len(), host.print().ending), (1, Some(Ending::Finished)));
}

#[test]
fn a_pause_that_is_taken_back_in_time_never_comes() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(3))]));
    host.start("a.ctb");
    host.until_layer(1);
    host.ask("M25");
    host.ask("M24");
    host.until("ended", |rig| !rig.board().is_printing());
    assert_eq!((host.print().paused_us.len(), host.print().ending), (0, Some(Ending::Finished)));
}

#[test]
fn a_stop_turns_the_lamp_off_or_lets_the_layer_end_as_the_board_does_and_the_plate_rises() {
    for finishes in [false, true] {
        let profile = Profile { stop_finishes_exposure: finishes, ..Preset::Mars.profile() };
        let mut host = Host::of(profile, stick(&[("a.ctb", small(9))]));
        host.start("a.ctb");
        host.until_layer(3);
        assert_eq!(host.ask("M33"), "ok N:0\r\n");
        assert_eq!(host.rig.board().is_lamp_on(), finishes);
        host.until("up", |rig| (rig.board().z_mm(rig.now_us()) - 155.0).abs() < 1e-9);
        let last = host.print().exposures[2].clone();
        assert_eq!(last.lit_us() == Some(last.planned_us), finishes, "{last:?}");
        assert_eq!((host.print().ending, host.print().exposures.len()), (Some(Ending::Stopped), 3));
        let stale = layers_of(&small(9))[2].end_byte();
        assert!(host.ask("M4000").ends_with(&format!("Z:155.000 F:0/0 D:{stale}/0/1 ")));
    }
}

#[test]
fn hands_at_the_panel_cancel_pause_resume_and_start() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(9)), ("other.ctb", small(2))]));
    host.start("a.ctb");
    host.until_layer(1);
    host.inject(Fault::PanelStart { file: "other.ctb".into() });
    assert_eq!(host.rig.ledger().prints.len(), 1, "not while one goes on");
    host.inject(Fault::PanelPause);
    host.until("paused", |rig| !rig.ledger().prints[0].paused_us.is_empty());
    assert!(host.ask("M4000").contains("/1 "));
    host.inject(Fault::PanelResume);
    host.until_layer(3);
    host.inject(Fault::PanelCancel);
    assert_eq!(host.print().ending, Some(Ending::CancelledAtPanel));
    assert!(host.ask("M4000").contains("/0/1 "), "no more can be seen of it than that");
    host.inject(Fault::PanelStart { file: "/other.ctb".into() });
    assert_eq!(host.print().started_by, Actor::Panel);
    assert_eq!(host.ask("M4006"), "ok 'other.ctb'\r\n");
    host.until("ended", |rig| !rig.board().is_printing());
    assert_eq!((host.print().file.as_str(), host.print().ending), ("other.ctb", Some(Ending::Finished)));
}

#[test]
fn a_stick_that_is_pulled_ends_or_stalls_the_print_after_the_layer_in_work() {
    for (loss, ending) in [(StickLoss::Ends, Some(Ending::StickLost)), (StickLoss::Stalls, None)] {
        let profile = Profile { stick_loss: loss, ..Preset::Mars.profile() };
        let mut host = Host::of(profile, stick(&[("a.ctb", small(9))]));
        host.start("a.ctb");
        host.until_layer(2);
        host.inject(Fault::RemoveStick);
        let said = String::from_utf8_lossy(&host.listen(120 * SECOND)).into_owned();
        assert!(said.contains("//Disk init fail!\r\n"), "{said:?}");
        let last = host.print().exposures[1].clone();
        assert_eq!((last.lit_us(), host.print().exposures.len()), (Some(last.planned_us), 2));
        assert_eq!(host.print().ending, ending);
        let shown = host.ask("M27");
        assert_eq!(shown.contains("SD printing byte"), loss == StickLoss::Stalls, "{shown}");
        host.inject(Fault::InsertStick);
        assert!(host.ask("M20").contains("a.ctb"));
        assert_eq!(host.print().exposures.len(), 2, "a stick that is back mends no print");
    }
}

#[test]
fn another_stick_is_printed_from_when_it_is_told_so_and_the_ledger_shows_the_wrong_file() {
    let right = Sample { resolution: (60, 100), layers: 2, ..Sample::default() };
    let wrong = Sample { variant: 3, ..right.clone() };
    assert_ne!(right.write(), wrong.write());
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", right.write())]));
    host.start("a.ctb");
    host.until("ended", |rig| rig.ledger().prints[0].ending.is_some());
    host.until("up", |rig| (rig.board().z_mm(rig.now_us()) - 155.0).abs() < 1e-9);
    host.rig.board_mut().swap_stick(stick(&[("a.ctb", wrong.write())]));
    host.listen(SECOND);
    host.start("a.ctb");
    host.until("ended", |rig| rig.ledger().prints[1].ending.is_some());
    let [first, second] = &host.rig.ledger().prints[..] else { panic!("two prints") };
    assert_ne!(first.file_sha256, second.file_sha256);
    assert_ne!(first.exposures[0].picture_sha256, second.exposures[0].picture_sha256);
}

#[test]
fn a_swap_in_mid_print_is_a_lost_stick() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(9))]));
    host.start("a.ctb");
    host.until_layer(2);
    host.rig.board_mut().swap_stick(stick(&[("a.ctb", small(9))]));
    host.until("ended", |rig| !rig.board().is_printing());
    assert_eq!(host.print().ending, Some(Ending::StickLost));
}

#[test]
fn an_enciphered_file_is_printed_by_its_bytes() {
    let file = sample::enciphered(50_000, 7);
    let mut profile = Preset::Mars.profile();
    profile.machine.opaque_layers = 5;
    let mut host = Host::of(profile, stick(&[("e.ctb", file)]));
    host.start("e.ctb");
    host.until_layer(2);
    assert_eq!(host.ask("M27"), "SD printing byte 20000/50000\r\nok N:0\r\n");
    host.until("ended", |rig| !rig.board().is_printing());
    let print = host.print();
    assert_eq!((print.layers, print.exposures.len(), print.bytes), (None, 5, 50_000));
}

#[test]
fn a_file_that_is_no_print_is_refused_whatever_it_is() {
    let good = small(3);
    let mut no_layers = good.clone();
    no_layers[0x44..0x48].fill(0);
    let mut endless = good.clone();
    endless[0x44..0x48].fill(0xFF);
    let mut not_a_number = good.clone();
    let table = u32::from_le_bytes(good[0x40..0x44].try_into().unwrap()) as usize;
    not_a_number[table + 4..table + 8].fill(0xFF);
    for bad in
        [Vec::new(), b"G28\n".to_vec(), good[..good.len() - 1].to_vec(), no_layers, endless, not_a_number]
    {
        let mut host = Host::new(Preset::Mars, stick(&[("bad.ctb", bad)]));
        assert_eq!(host.ask("M6030 'bad.ctb'"), "Error: File is not existed or empty\r\nok N:0\r\n");
        assert!(host.rig.ledger().prints.is_empty());
    }
}

#[test]
fn the_plate_jogs_and_homes_when_idle_and_never_in_a_print() {
    let mut profile = Preset::Mars.profile();
    profile.machine.z_mm = 40.0;
    let mut host = Host::of(profile, stick(&[("a.ctb", small(3))]));
    host.ask("G0 Z10.0 F600 I0");
    assert_eq!(host.ask("M114"), "ok C: X:0.000000 Y:0.000000 Z:50.000000 E:0.000000\r\n");
    host.ask("G0 Z20 F6000");
    assert!(host.ask("M114").contains("Z:20.000000"));
    assert_eq!(host.ask("G28"), "", "its ok comes when it is home");
    assert_eq!(host.listen(3 * SECOND), b"ok N:0\r\n");
    assert!(host.ask("M114").contains("Z:0.000000"));
    host.start("a.ctb");
    host.until_layer(1);
    for command in ["G0 Z50 F600", "G28"] {
        assert_eq!(host.ask(command), "ok N:0\r\n");
        assert_eq!(host.rig.ledger().forbidden.last().unwrap().why, Crime::MovesDuringPrint);
    }
    host.until("ended", |rig| !rig.board().is_printing());
    assert_eq!(host.print().ending, Some(Ending::Finished));
}

#[test]
fn the_motor_stop_ends_the_print_and_not_the_lamp() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(9))]));
    host.start("a.ctb");
    host.until_layer(1);
    assert_eq!(host.ask("M112"), "ok N:0\r\n");
    assert!(host.rig.board().is_lamp_on(), "facts A.2: it does not promise the lamp");
    let refused = host.ask("M6030 'a.ctb'");
    assert!(refused.starts_with("Error:"), "{refused}");
    host.until("dark", |rig| !rig.board().is_lamp_on());
    assert_eq!((host.print().ending, host.print().exposures.len()), (Some(Ending::MotorsStopped), 1));
}

#[test]
fn a_command_that_changes_the_configuration_is_written_down() {
    let mut host = Host::new(Preset::Mars, Stick::memory());
    for command in ["M8500", "M8510", "M8512 \"f\""] {
        host.ask(command);
        let last = host.rig.ledger().forbidden.last().unwrap();
        assert_eq!((last.command.as_str(), last.why), (command, Crime::ChangesConfiguration));
    }
}

// What goes wrong.

#[test]
fn commands_too_close_wedge_it_until_its_power_was_cut_and_it_prints_on() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(9))]));
    host.start("a.ctb");
    host.until_layer(1);
    host.rig.host_write(host.now, b"M4000\r\nM27\r\n");
    host.listen(SECOND);
    assert!(host.rig.board().is_wedged());
    assert_eq!(host.rig.ledger().forbidden.last().unwrap().why, Crime::Overrun);
    assert_eq!(host.ask("M4002"), "");
    host.until_layer(3);
    host.inject(Fault::PowerLoss);
    assert_eq!(host.print().ending, Some(Ending::PowerLost));
    assert!(!host.rig.board().is_lamp_on());
    assert_eq!(host.ask("M4002"), "", "no power");
    host.inject(Fault::PowerOn);
    host.listen(3 * SECOND);
    assert_eq!(host.ask("M4002"), "ok V4.3.4_LCDC\n");
    assert!(host.ask("M27").starts_with("Error:It's not printing now!"));
}

#[test]
fn replies_are_lost_split_delayed_and_false_as_told() {
    let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", small(9))]));
    host.inject(Fault::LoseNextReplies { count: 1 });
    assert_eq!(host.ask("M4002"), "");
    assert_eq!(host.ask("M4002"), "ok V4.3.4_LCDC\n");

    host.inject(Fault::SplitReplies { gap_us: 4 * SECOND });
    assert_eq!(host.ask("M4002"), "ok V4.3");
    assert_eq!(host.listen(4 * SECOND), b".4_LCDC\n");
    host.inject(Fault::SplitReplies { gap_us: 0 });

    host.inject(Fault::SlowReplies { delay_us: 4 * SECOND });
    assert_eq!(host.ask("M4002"), "");
    assert_eq!(host.listen(4 * SECOND), b"ok V4.3.4_LCDC\n");
    host.inject(Fault::SlowReplies { delay_us: 0 });

    host.inject(Fault::FalseOks { count: 2 });
    assert_eq!(
        (host.ask("M23 /none"), host.ask("M6030 'a.ctb'")),
        ("ok N:0\r\n".into(), "ok N:0\r\n".into())
    );
    assert!(host.rig.ledger().prints.is_empty());

    host.inject(Fault::Silence { for_us: 4 * SECOND });
    assert_eq!(host.ask("M4002"), "");
    host.listen(2 * SECOND);
    assert_eq!(host.ask("M4002"), "ok V4.3.4_LCDC\n");

    host.inject(Fault::NulRun { count: 5 });
    assert_eq!(host.listen(SECOND), [0; 5]);
    host.inject(Fault::Garbage { bytes: vec![0xB4, 0xFF] });
    assert_eq!(host.listen(SECOND), [0xB4, 0xFF]);
}

#[test]
fn bad_wiring_and_odd_encodings_come_through_as_bytes() {
    let noisy = |nul_noise| Profile { nul_noise, ..Preset::Mars.profile() };
    let mut host = Host::of(noisy(NulNoise::Runs), Stick::memory());
    assert_eq!(host.ask("M4002"), "\0\0\0\0\0\0\0\0ok V4.3.4_LCDC\n");
    let mut host = Host::of(noisy(NulNoise::Only), Stick::memory());
    assert_eq!(host.ask_bytes("M4002"), [0; 15]);
    let mut host = Host::of(Profile { non_utf8: true, ..Preset::Mars.profile() }, Stick::memory());
    assert_eq!(host.ask_bytes("M4002"), b"ok V4.3.4_LCDC\xB4\n");
}

#[test]
fn a_script_pulls_the_cable_and_the_print_goes_on() {
    let script = FaultScript::from_toml(
        "[[fault]]\nat_us = 60_000_000\nkind = \"disconnect\"\n\
         [[fault]]\nat_us = 90_000_000\nkind = \"reconnect\"\n\
         [[fault]]\nat_us = 91_000_000\nkind = \"noise\"\ndirection = \"to-host\"\nloss = 0.0\ndamage = 0.0\n\
         [[fault]]\nat_us = 92_000_000\nkind = \"swap-stick\"\ndirectory = \"/nowhere\"\n",
    )
    .unwrap();
    let mut config = RigConfig::new(Preset::Mars.profile(), stick(&[("a.ctb", small(9))]));
    config.script = script;
    let mut rig = Rig::new(config);
    rig.open_port(0);
    let mut host = Host { rig, now: SECOND };
    host.start("a.ctb");
    host.until("unplugged", Rig::is_unplugged);
    assert!(host.rig.board().is_printing());
    host.until("plugged", |rig| !rig.is_unplugged());
    assert_eq!(host.ask("M4002"), "", "the port is closed");
    host.rig.open_port(host.now);
    assert_eq!(host.ask("M4002"), "ok V4.3.4_LCDC\n");
    assert!(FaultScript::from_toml("[[fault]]\nat_us = 1\nkind = \"unheard-of\"\n").is_err());
}

// Files over the wire.

fn block(payload: &[u8], offset: u32) -> Vec<u8> {
    let mut bytes = [payload, &offset.to_le_bytes()].concat();
    bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
    bytes.push(0x83);
    bytes
}

/// Sends a file as a fair host does; gives how often a block was wanted again.
fn upload(host: &mut Host, name: &str, file: &[u8]) -> u32 {
    assert_eq!(host.ask(&format!("M28 {name}")), "ok N:0\r\n");
    let (mut offset, mut resends) = (0, 0);
    while offset < file.len() {
        let end = (offset + 1280).min(file.len());
        host.rig.host_write(host.now, &block(&file[offset..end], u32::try_from(offset).unwrap()));
        let reply = String::from_utf8(host.listen(SECOND)).unwrap();
        if let Some(wanted) = reply.strip_prefix("resend ") {
            let wanted = wanted.trim().split(',').next().unwrap().parse::<usize>().unwrap();
            assert_eq!(wanted, offset);
            resends += 1;
            assert!(resends < 1_000);
        } else {
            assert_eq!(reply, "ok N:0\r\n");
            offset = end;
        }
    }
    assert!(host.ask("M4000").starts_with("ok B:0/0"), "it answers this in the middle of a file");
    assert_eq!(host.ask(&format!("M4012 I1 T{}", file.len())), format!("ok {0}/{0}\r\n", file.len()));
    assert_eq!(host.ask("M29"), "Done saving file!\r\nok N:0\r\n");
    resends
}

#[test]
fn an_uploaded_file_is_there_byte_for_byte_whatever_blocks_arrive_damaged() {
    let file = small(40);
    assert!(file.len() > 5 * 1280);
    for (every, with_error) in [(0, false), (3, false), (2, true)] {
        let profile = Profile {
            corrupt_every_block: every,
            resend_with_error: with_error,
            ..Preset::Uploading.profile()
        };
        let mut host = Host::of(profile, Stick::memory());
        let resends = upload(&mut host, "up.ctb", &file);
        assert_eq!(resends > 0, every > 0);
        let there = host.rig.board().stick().unwrap().read("up.ctb", 0, 1 << 24).unwrap();
        assert!(there == file);
        let record = &host.rig.ledger().received[0];
        assert_eq!((record.bytes, record.closed), (file.len() as u64, true));
        assert_eq!(record.resends, u64::from(resends));
        host.start("up.ctb");
    }
}

#[test]
fn a_block_at_the_wrong_place_or_with_a_wrong_sum_is_wanted_again() {
    let mut host = Host::new(Preset::Uploading, stick(&[("t", vec![1])]));
    assert_eq!(host.ask("M28 t"), "File deleted :t\r\nok N:0\r\n");
    let mut bad = block(b"test", 0);
    bad[8] ^= 1;
    host.rig.host_write(host.now, &bad);
    assert_eq!(host.listen(SECOND), b"resend 0\r\n");
    host.rig.host_write(host.now, &block(b"test", 4));
    assert_eq!(host.listen(SECOND), b"resend 0\r\n");
    host.rig.host_write(host.now, &block(b"test", 0));
    assert_eq!(host.listen(SECOND), b"ok N:0\r\n");
    // Sent again since its ok was lost, it is not written twice.
    host.rig.host_write(host.now, &block(b"test", 0));
    assert_eq!(host.listen(SECOND), b"resend 4\r\n");
    host.inject(Fault::FailStick);
    host.rig.host_write(host.now, &block(b"more", 4));
    assert_eq!(host.listen(SECOND), b"Error:write dat\r\n");
    host.ask("M29");
    assert_eq!(host.rig.board().stick().unwrap().size("t").unwrap(), 4);
}

#[test]
fn a_board_that_cannot_upload_makes_an_empty_file_or_says_nothing() {
    let mut host = Host::new(Preset::Mars, Stick::memory());
    host.ask("M28 x.ctb");
    host.rig.host_write(host.now, &block(b"data", 0));
    host.listen(SECOND);
    assert_eq!(host.ask("M29"), "ok N:0\r\n", "with the garbage before it, it is an unknown command");
    assert_eq!(host.ask("M29"), "ok N:0\r\n");
    assert_eq!(host.rig.board().stick().unwrap().size("x.ctb").unwrap(), 0);
    let mut host =
        Host::of(Profile { uart_upload: Upload::Unsupported, ..Preset::Mars.profile() }, Stick::memory());
    assert_eq!(host.ask("M28 x.ctb"), "");
}

#[test]
fn a_file_comes_back_as_it_went_and_any_block_twice() {
    let file = small(40);
    let mut host = Host::new(Preset::Uploading, stick(&[("d.ctb", file.clone())]));
    assert_eq!(host.ask("M6032 'd.ctb'"), format!("ok L:{}\r\n", file.len()));
    let mut got = Vec::new();
    while got.len() < file.len() {
        let bytes = host.ask_bytes("M3000");
        let payload = bytes.len() - 6;
        assert_eq!(bytes, block(&bytes[..payload], u32::try_from(got.len()).unwrap()));
        got.extend_from_slice(&bytes[..payload]);
    }
    assert!(got == file);
    assert_eq!(host.ask_bytes("M3001 I1280"), block(&file[1280..2560], 1280));
    assert_eq!(host.ask("M22"), "ok N:0\r\n");
    assert_eq!(host.ask("M3000"), "ok N:0\r\n");
    assert_eq!(host.ask("M6032 'none'"), "Error: File is not existed or empty\r\nok N:0\r\n");
}

#[test]
fn the_file_that_is_printed_cannot_be_written_or_deleted() {
    let mut host = Host::new(Preset::Uploading, stick(&[("a.ctb", small(3))]));
    host.start("a.ctb");
    for command in ["M28 a.ctb", "M30 a.ctb"] {
        assert_eq!(host.ask(command), "Error!File: a.ctb is opened\r\nok N:0\r\n");
        assert_eq!(host.rig.ledger().forbidden.last().unwrap().why, Crime::TouchesPrintedFile);
    }
}

// Sticks and samples.

#[test]
fn a_directory_and_a_map_are_the_same_stick() {
    let root = std::env::temp_dir().join(format!("hw-sim-chitu-{}", std::process::id()));
    for mut stick in [Stick::memory(), Stick::directory(&root)] {
        stick.put("/sub/a.ctb", b"1234567".to_vec()).unwrap();
        stick.put("b c.ctb", Vec::new()).unwrap();
        stick.append("b c.ctb", b"xy").unwrap();
        assert_eq!(stick.list("/").unwrap(), [Entry::Folder("sub".into()), Entry::File("b c.ctb".into(), 2)]);
        assert_eq!(stick.list("/sub").unwrap(), [Entry::File("a.ctb".into(), 7)]);
        assert_eq!(stick.read("sub/a.ctb", 5, 100).unwrap(), b"67");
        assert_eq!(stick.read("sub/a.ctb", 50, 100).unwrap(), b"");
        stick.remove("b c.ctb").unwrap();
        assert!(stick.size("b c.ctb").is_err() && stick.size("sub").is_err());
        for outside in ["../x", "a/../../x", "", "/", "a//b", "a\0b"] {
            assert!(stick.read(outside, 0, 1).is_err(), "{outside:?}");
        }
    }
    std::fs::remove_dir_all(root).unwrap();
    assert_eq!(path_of(":name.ctb").unwrap(), "name.ctb");
}

/// Runs of a picture, as value and length.
fn runs(format: Format, data: &[u8]) -> Vec<(u8, u64)> {
    let mut bytes = data.iter().map(|byte| u64::from(*byte));
    let mut runs = Vec::new();
    while let Some(first) = bytes.next() {
        let value = u8::try_from(first & 0x7F).unwrap();
        if format == Format::Cbddlp {
            runs.push((u8::try_from(first >> 7).unwrap(), u64::from(value)));
        } else if first < 0x80 {
            runs.push((value, 1));
        } else {
            let head = bytes.next().unwrap();
            let (more, mask) = match head {
                0..0x80 => (0, 0x7F),
                0x80..0xC0 => (1, 0x3F),
                0xC0..0xE0 => (2, 0x1F),
                _ => (3, 0x0F),
            };
            let length = (0..more).fold(head & mask, |length, _| length << 8 | bytes.next().unwrap());
            runs.push((value, length));
        }
    }
    runs
}

#[test]
fn a_sample_is_what_its_table_says_and_its_pictures_fill_the_display() {
    for format in [Format::Ctb2, Format::Ctb3, Format::Cbddlp] {
        let sample = Sample { format, layers: 7, bottom_layers: 2, ..Sample::default() };
        let file = sample.write();
        let layers = layers_of(&file);
        assert_eq!(layers.len(), 7);
        assert_eq!(layers.last().unwrap().end_byte(), file.len() as u64);
        for (index, layer) in layers.iter().enumerate() {
            assert_eq!(layer.exposure_us, if index < 2 { 30 * SECOND } else { 6 * SECOND });
            assert!((layer.z_mm - 0.05 * (index + 1) as f64).abs() < 1e-6);
            let picture = &file
                [usize::try_from(layer.picture_offset).unwrap()..usize::try_from(layer.end_byte()).unwrap()];
            let runs = runs(format, picture);
            assert_eq!(runs.iter().map(|(_, length)| length).sum::<u64>(), 1440 * 2560);
            let lit: u64 = runs.iter().filter(|(value, _)| *value > 0).map(|(_, length)| length).sum();
            assert!(lit > 50_000 && lit < 1_000_000, "{lit}");
        }
    }
    let quick = sample::ctb(3, 0.5);
    assert_eq!(layers_of(&quick).iter().map(|layer| layer.exposure_us).collect::<Vec<_>>(), [500_000; 3]);
}

#[test]
fn a_key_changes_every_picture_and_nothing_else() {
    let plain = Sample { layers: 2, resolution: (60, 100), ..Sample::default() };
    let (file, keyed) = (plain.write(), Sample { key: 0x1234_5678, ..plain }.write());
    assert_eq!(file.len(), keyed.len());
    let start = usize::try_from(layers_of(&file)[0].picture_offset).unwrap();
    let differences = (0..start).filter(|at| file[*at] != keyed[*at]).collect::<Vec<_>>();
    assert_eq!(differences, [0x64, 0x65, 0x66, 0x67]);
    assert_ne!(file[start..], keyed[start..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_damaged_anywhere_is_an_error_or_a_table_and_never_a_panic(
        at in 0usize..HEADER_BYTES + 3 * LAYER_BYTES + 4_000, value: u8, cut in 0usize..6_000,
    ) {
        let mut file = small(3);
        let at = at % file.len();
        file[at] = value;
        file.truncate(file.len().saturating_sub(cut));
        let mut host = Host::new(Preset::Mars, stick(&[("a.ctb", file)]));
        host.ask("M6030 'a.ctb'");
        host.listen(30 * SECOND);
    }

    #[test]
    fn whatever_bytes_come_the_board_goes_on(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        for preset in Preset::ALL {
            let profile = Profile { overrun_gap_ms: 0, ..preset.profile() };
            let mut host = Host::of(profile, stick(&[("a.ctb", small(1))]));
            host.rig.host_write(host.now, &bytes);
            host.listen(10 * SECOND);
            host.ask("");
            prop_assert_eq!(host.ask("M4004").ends_with("ok N:0\r\n"), preset == Preset::Mars
                || preset == Preset::MarsOriginal || preset == Preset::Uploading, "{:?}", preset);
        }
    }
}
