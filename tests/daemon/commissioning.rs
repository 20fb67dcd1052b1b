//! A new printer at a daemon that prints: found, asked, written down, and printed on, over real ttys.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use hw_sim::faults::Fault;
use hw_sim::pty::{Handle, Printer};
use hw_sim::quirks::Face;
use platen::config::Config;
use serde_json::{Value, json};
use serialport::{SerialPort, TTYPort};

use crate::ports::bare_tty;
use crate::world::{Daemon, Lab, executed, gcode, printer};

fn post(daemon: &Daemon, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1/commissioning/{path}", daemon.url);
    let mut answer = daemon.agent.post(url).send_json(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

fn probe(daemon: &Daemon, port: &Path, baud: Option<u32>) -> (u16, Value) {
    post(daemon, "probe", &json!({"port": port, "baud": baud}))
}

/// The same, of a port that may be asked.
#[track_caller]
fn asked(daemon: &Daemon, port: &Path, baud: Option<u32>) -> Value {
    let (status, told) = probe(daemon, port, baud);
    assert_eq!(status, 200, "{told}");
    told
}

/// A board that the configuration does not know.
fn newcomer(lab: &Lab, face: Face) -> Handle {
    Printer::spawn(printer(lab.folder.path(), "new", face, 20.0)).unwrap()
}

/// A tty by a link, as somebody has made one, and its other end.
fn linked(lab: &Lab, name: &str) -> (TTYPort, PathBuf) {
    let (mut board, slave) = TTYPort::pair().unwrap();
    board.set_timeout(Duration::from_millis(20)).unwrap();
    let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
    let link = lab.folder.path().join(name);
    symlink(path, &link).unwrap();
    (board, link)
}

/// Answers each write by what `answer` makes of it and of the speed of the port.
fn answering<T>(
    mut board: TTYPort,
    answer: impl Fn(u32, &[u8]) -> Vec<u8> + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let thread = std::thread::spawn(move || {
        let mut bytes = [0; 256];
        while !seen.load(Ordering::Relaxed) {
            // An error says that nothing came, or that the port is not open.
            let Ok(count) = board.read(&mut bytes) else {
                std::thread::yield_now();
                continue;
            };
            let speed = board.baud_rate().unwrap_or(0);
            let _ = board.write_all(&answer(speed, &bytes[..count]));
        }
    });
    let done = work();
    ended.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    done
}

#[test]
fn a_new_board_is_asked_who_it_is_and_nothing_moves_or_heats() {
    let lab = Lab::one();
    let board = newcomer(&lab, Face::Marlin21);
    let daemon = lab.serve();
    let told = asked(&daemon, board.path(), None);
    println!("{told}");
    assert_eq!((&told["outcome"], &told["baud"]), (&"identified".into(), &115_200.into()), "{told}");
    let found = &told["board"];
    assert!(found["firmware"].as_str().unwrap().starts_with("Marlin"), "{told}");
    assert_eq!(found["dialect"], "marlin-2.1", "{told}");
    assert!(found["temperatures"]["hotend"]["actual"].as_f64().unwrap() > 0.0, "{told}");
    assert!(found["capabilities"].as_array().unwrap().len() > 3, "{told}");
    let window = &told["window"];
    assert_eq!((&window["outcome"], &window["rx_buffer"]), (&"safe".into(), &128.into()), "{told}");
    daemon.terminate();
    let (statistics, lines) = executed(board);
    assert_eq!(statistics.totals.moves_planned, 0);
    let asks = |line: &String| ["M115", "M105"].contains(&line.as_str());
    assert!(!lines.is_empty() && lines.iter().all(asks), "{lines:?}");
}

#[test]
fn other_firmwares_are_told_apart_even_those_that_start_when_their_port_is_opened() {
    for (face, dialect) in [
        (Face::PrusaMk3, "prusa-mk3"),
        (Face::Repetier, "repetier"),
        (Face::RepRapFirmware, "reprapfirmware"),
        (Face::Klipper, "klipper"),
    ] {
        let lab = Lab::one();
        let board = newcomer(&lab, face);
        let daemon = lab.serve();
        let told = asked(&daemon, board.path(), Some(115_200));
        let found = (&told["outcome"], &told["board"]["dialect"]);
        assert_eq!(found, (&"identified".into(), &dialect.into()), "{told}");
    }
}

#[test]
fn what_a_new_board_holds_is_measured_and_is_fit_for_its_section() {
    let lab = Lab::one();
    let mut config = printer(lab.folder.path(), "new", Face::Marlin21, 1.0);
    config.rig.firmware.rx_buffer = 256;
    config.rig.firmware.command_buffer = 8;
    let board = Printer::spawn(config).unwrap();
    let daemon = lab.serve();
    let order = json!({"port": board.path(), "baud": 115_200, "measure": true});
    for _ in 0..4 {
        let (status, told) = post(&daemon, "probe", &order);
        assert_eq!(status, 200, "{told}");
        let window = &told["window"];
        // A machine with too much to do says so, and the safe values stay.
        if window["words"].as_str().unwrap().contains("in time") {
            continue;
        }
        assert_eq!(window["outcome"], "measured", "{told}");
        assert_eq!((&window["rx_buffer"], &window["command_buffer"]), (&256.into(), &7.into()), "{told}");
        return;
    }
    panic!("this machine has too much to do, four times in a row");
}

#[test]
fn a_port_of_a_printer_of_the_configuration_is_listed_as_its_and_never_opened() {
    let lab = Lab::one();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let job = daemon.print(&lab.file("long.gcode", &gcode(2_000)), &daemon.case(), "mk");
    daemon.wait_job(&job, "printing");
    let port = lab.printers[0].path();
    let other = lab.folder.path().join("by-another-name");
    symlink(port, &other).unwrap();
    for path in [port, other.as_path()] {
        let (status, told) = probe(&daemon, path, None);
        assert_eq!((status, &told["type"]), (409, &"urn:platen:problem:port-in-use".into()), "{told}");
        assert!(told["detail"].as_str().unwrap().contains("mk"), "{told}");
    }
    let ports = daemon.get("/v1/commissioning/ports");
    let listed = ports["ports"].as_array().unwrap().iter().find(|listed| listed["printer"] == "mk");
    let listed = listed.unwrap_or_else(|| panic!("{ports}"));
    assert_eq!((&listed["open"], &listed["may_be_probed"]), (&true.into(), &false.into()), "{ports}");
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
}

#[test]
fn what_is_no_serial_port_is_not_opened() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (_master, terminal) = bare_tty();
    for (path, status) in [
        (Path::new("/dev/ttyPLATEN99"), 404),
        (Path::new("ttyUSB0"), 404),
        (Path::new("/dev/null"), 422),
        (Path::new("/etc/passwd"), 422),
        (lab.config.as_path(), 422),
        (terminal.as_path(), 422),
    ] {
        let (told, problem) = probe(&daemon, path, None);
        assert_eq!(told, status, "{path:?}: {problem}");
        assert!(!problem["help"].as_str().unwrap().is_empty(), "{problem}");
    }
    let (status, _) = post(&daemon, "probe", &json!({"port": "/dev/ttyUSB0", "baud": 3}));
    assert_eq!(status, 400);
}

#[test]
fn a_silent_port_a_busy_one_and_one_that_talks_of_other_things_are_told_apart() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (silent, link) = linked(&lab, "silent");
    let told = answering(silent, |_, _| Vec::new(), || asked(&daemon, &link, Some(115_200)));
    assert_eq!((&told["outcome"], &told["board"]), (&"no_answer".into(), &Value::Null), "{told}");
    assert!(told["help"].as_str().unwrap().contains("switched on"), "{told}");

    let (talks, link) = linked(&lab, "talks");
    let answer = |_, _: &[u8]| b"login incorrect\r\n".to_vec();
    let told = answering(talks, answer, || asked(&daemon, &link, Some(115_200)));
    assert_eq!(told["outcome"], "other_words", "{told}");

    let (taken, link) = linked(&lab, "taken");
    let held = TTYPort::open(&serialport::new(link.to_str().unwrap(), 115_200)).unwrap();
    let told = asked(&daemon, &link, None);
    assert_eq!(told["outcome"], "taken", "{told}");
    assert!(told["help"].as_str().unwrap().contains("other host"), "{told}");
    drop((held, taken));
}

#[test]
fn a_board_at_another_speed_is_found_behind_garbage() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (board, link) = linked(&lab, "fast");
    let answer = |speed: u32, bytes: &[u8]| {
        if speed != 230_400 {
            return vec![0xE3; bytes.len() * 3];
        }
        let said: &[u8] = if bytes.windows(4).any(|word| word == b"M115") {
            b"FIRMWARE_NAME:Marlin 1.1.9 MACHINE_TYPE:Anet\nok\n"
        } else {
            b"ok T:20.0 /0.0 B:20.0 /0.0 @:0 B@:0\n"
        };
        said.to_vec()
    };
    let told = answering(board, answer, || asked(&daemon, &link, None));
    assert_eq!((&told["outcome"], &told["baud"]), (&"identified".into(), &230_400.into()), "{told}");
    let tried = told["tried"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap());
    assert_eq!(tried.collect::<Vec<_>>(), ["garbage", "garbage", "identified"], "{told}");
}

#[test]
fn what_a_hostile_board_says_is_plain_and_short() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (board, link) = linked(&lab, "hostile");
    let answer = |_, _: &[u8]| {
        let evil = "<script>\u{1b}[2J\u{202e}alert(1)</script>".repeat(9);
        let mut said = format!("FIRMWARE_NAME:{evil} MACHINE_TYPE:{evil} UUID:{evil}\n").into_bytes();
        for number in 0..200 {
            said.extend(format!("Cap:{number}{evil}:1\n").into_bytes());
        }
        said.extend(b"ok T:1e999 /-5 B:nan /x\n");
        said
    };
    let told = answering(board, answer, || asked(&daemon, &link, Some(115_200)));
    assert!(told["board"].is_object(), "{told}");
    let text = told["board"].to_string();
    assert!(text.len() < 8_000 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
    assert!(!text.contains("\\u001b"), "{text}");
}

#[test]
fn a_port_that_vanishes_while_it_is_asked_is_told() {
    let lab = Lab::one();
    let board = newcomer(&lab, Face::Marlin21);
    // Microseconds of the board's own clock.
    board.inject(Fault::SlowReplies { delay_us: 3_600_000_000 }).unwrap();
    let daemon = lab.serve();
    let path = board.path().to_owned();
    let told = std::thread::scope(|scope| {
        let asking = scope.spawn(|| asked(&daemon, &path, Some(115_200)));
        crate::world::until("the question", || {
            Some(()).filter(|()| board.statistics().unwrap().totals.bytes_received > 0)
        });
        board.unplug().unwrap();
        asking.join().unwrap()
    });
    assert_eq!(told["outcome"], "vanished", "{told}");
}

fn section(lab: &Lab, more: Value) -> Value {
    let mut section = json!({"name": "new", "port": lab.folder.path().join("new"), "baud": 115_200});
    section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    section
}

#[test]
fn a_section_is_judged_with_the_whole_configuration_and_every_mistake_is_told() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let wrong = section(
        &lab,
        json!({"name": "mk", "port": lab.printers[0].path(), "baud": 1, "bed_max": 900, "build_x": [9, 1]}),
    );
    for path in ["configuration", "save"] {
        let (status, told) = post(&daemon, path, &wrong);
        assert_eq!((status, &told["good"]), (200, &false.into()), "{told}");
        let mistakes = told["mistakes"].as_array().unwrap();
        assert_eq!(mistakes.len(), 5, "{told}");
        assert!(mistakes.iter().all(|one| one["line"].is_u64() && one["instead"].is_string()), "{told}");
        assert_ne!(told["saved"], true, "{told}");
    }
    let profiles = daemon.get("/v1/commissioning/profiles");
    let known = profiles.as_array().unwrap().iter().find(|one| one["model"] == "prusa-mk3s").unwrap();
    let (_, told) = post(&daemon, "configuration", &section(&lab, known["settings"].clone()));
    assert_eq!((&told["good"], &told["mistakes"]), (&true.into(), &json!([])), "{told}");
    assert!(told["section"].as_str().unwrap().contains("build_y = [-4, 210]\n"), "{told}");
    assert!(profiles.as_array().unwrap().iter().any(|one| one["source"] == "configuration"), "{profiles}");
}

#[test]
fn a_section_is_saved_whole_with_the_old_text_beside_it_and_a_restart_takes_it_on() {
    let lab = Lab::one();
    let board = newcomer(&lab, Face::Marlin21);
    let daemon = lab.serve();
    let before = std::fs::read_to_string(&lab.config).unwrap();
    let (_, told) = post(&daemon, "save", &section(&lab, json!({"nozzle": 0.4})));
    assert_eq!(told["saved"], true, "{told}");
    assert!(told["words"].as_str().unwrap().contains("Restart"), "{told}");
    let now = std::fs::read_to_string(&lab.config).unwrap();
    assert!(now.starts_with(&before) && now.ends_with(told["section"].as_str().unwrap()), "{now}");
    assert_eq!(std::fs::read_to_string(told["kept"].as_str().unwrap()).unwrap(), before);
    let (_, again) = post(&daemon, "save", &section(&lab, json!({})));
    assert_eq!(
        (&again["saved"], &again["good"]),
        (&false.into(), &false.into()),
        "the name is taken: {again}"
    );
    daemon.terminate();
    assert_eq!(Config::load(&lab.config).unwrap().printers.len(), 2);
    let daemon = lab.serve();
    daemon.wait_printer("new", "ready");
    drop((daemon, board));
}

#[test]
fn a_configuration_that_was_changed_or_may_not_be_written_is_left_alone_and_the_section_is_to_be_pasted() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let theirs = std::fs::read_to_string(&lab.config).unwrap() + "# mine\n";
    std::fs::write(&lab.config, &theirs).unwrap();
    let refused = |why: &str| {
        let (status, told) = post(&daemon, "save", &section(&lab, json!({})));
        assert_eq!((status, &told["saved"], &told["good"]), (200, &false.into(), &true.into()), "{told}");
        let words = told["words"].as_str().unwrap();
        assert!(words.contains(why) && words.contains("by hand"), "{told}");
        assert!(told["section"].as_str().unwrap().starts_with("[[printer]]\n"), "{told}");
        assert_eq!(std::fs::read_to_string(&lab.config).unwrap(), theirs);
    };
    refused("was changed since platen was started");
    std::fs::set_permissions(&lab.config, std::fs::Permissions::from_mode(0o444)).unwrap();
    refused("write-protected");
}

#[test]
fn a_test_print_is_a_job_of_a_case_for_education_that_is_opened_once() {
    let lab =
        Lab::one_with("build_x = [0, 200]\nbuild_y = [0, 200]\nbuild_height = 200\nallow_findings = []");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let order = json!({"printer": "mk", "by": "kim"});
    let (status, first) = post(&daemon, "test-print", &order);
    assert_eq!(status, 201, "{first}");
    assert_eq!(
        (&first["material"], &first["hotend"], &first["layers"]),
        (&"PLA".into(), &210.into(), &3.into())
    );
    let case = daemon.get(&format!("/v1/cases/{}", first["case"].as_str().unwrap()));
    assert_eq!(case["intended_use"], "education", "{case}");
    let job = daemon.wait_job(first["job"].as_str().unwrap(), "printed");
    assert_eq!(job["exact"], true, "{job}");
    let (status, second) = post(&daemon, "test-print", &order);
    assert_eq!(status, 201, "{second}");
    assert_eq!((&second["case"], &second["part"]), (&first["case"], &first["part"]));
    assert_ne!(second["job"], first["job"]);
}

#[test]
fn a_test_print_that_cannot_be_made_is_refused_with_what_to_do() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (status, told) = post(&daemon, "test-print", &json!({"printer": "mk", "by": "kim"}));
    assert_eq!((status, &told["type"]), (422, &"urn:platen:problem:no-test-print".into()), "{told}");
    assert!(told["help"].as_str().unwrap().contains("build_x"), "{told}");
    let (status, _) = post(&daemon, "test-print", &json!({"printer": "nobody", "by": "kim"}));
    assert_eq!(status, 404);
    assert_eq!(daemon.get("/v1/cases"), json!([]));
}

#[test]
fn one_port_is_asked_at_a_time() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (board, link) = linked(&lab, "slow");
    let (sender, written) = mpsc::channel();
    let answer = move |_, _: &[u8]| {
        let _ = sender.send(());
        Vec::new()
    };
    answering(board, answer, || {
        std::thread::scope(|scope| {
            let first = scope.spawn(|| asked(&daemon, &link, Some(115_200)));
            written.recv_timeout(crate::world::BOUND).unwrap();
            let (status, told) = probe(&daemon, &link, None);
            let wanted = (409, &"urn:platen:problem:probing-already".into());
            assert_eq!((status, &told["type"]), wanted, "{told}");
            assert_eq!(first.join().unwrap()["outcome"], "no_answer");
        });
    });
}
