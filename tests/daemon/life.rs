//! The daemon through a working day: queue, beds, pause, cables, brokers, and its own end.

use std::fs::{self, File};
use std::io::Write;

use hw_sim::ledger::stream_hash_of;
use hw_sim::quirks::Face;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::crash::assert_gapless;
use crate::world::{Lab, Process, executed, gcode, platen, printer, until, wait_commands};

#[test]
fn a_job_is_printed_exactly_and_the_next_one_starts_when_the_bed_is_clear() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (text, case) = (gcode(60), daemon.case());
    let file = lab.file("part.gcode", &text);
    let first = daemon.ask(&["print", &file, "--case", &case, "--part", "1", "--material", "PLA", "--wait"]);
    assert_eq!((&first["state"], &first["exact"]), (&"printed".into(), &true.into()), "{first}");
    let second = daemon.print(&file, &case, "mk");
    let waiting = daemon.job(&second)["waiting"].to_string();
    assert!(waiting.contains("bed"), "{waiting}");
    let told = daemon.platen(&["printers"]);
    assert!(told.out.contains("mk") && told.out.contains("ready"), "{told:?}");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.wait_job(&second, "printed");
    let truth = stream_hash_of(text.as_bytes()).unwrap();
    let statistics = lab.printers[0].statistics().unwrap();
    let printed = statistics.segments.iter().filter(|segment| segment.stream_hash == truth.hash_hex);
    assert_eq!(printed.count(), 2, "{:?}", statistics.segments);
    assert_gapless(&daemon.events());
}

#[test]
fn a_daemon_that_is_told_to_end_while_it_starts_ends_in_good_order_behind_its_start() {
    let lab = Lab::one();
    let (text, slow) = (fs::read(&lab.config).unwrap(), lab.folder.path().join("slow.toml"));
    mkfifo(&slow, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let starting = Process::spawn(&mut platen(&["serve", "--config", slow.to_str().unwrap()]));
    // Open as soon as it reads, and it waits for what it reads.
    let mut config = File::options().write(true).open(&slow).unwrap();
    starting.signal(Signal::SIGTERM);
    // Nobody reads any more where the signal has killed it.
    let _ = config.write_all(&text);
    drop(config);
    let told = starting.end();
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.err.contains("platen: ending"), "{told:?}");
}

#[test]
fn a_printer_that_clears_its_own_bed_starts_the_next_job_by_itself() {
    let lab = Lab::one_with("bed_clearing = \"automatic\"");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let jobs = [(); 3].map(|()| daemon.print(&file, &case, "mk"));
    for job in &jobs {
        assert_eq!(daemon.wait_job(job, "printed")["exact"], true);
    }
}

#[test]
fn a_printer_that_clears_its_own_bed_does_not_do_so_after_a_job_that_was_cut_short() {
    let lab = Lab::one_with("bed_clearing = \"automatic\"");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let jobs = [(); 2].map(|()| daemon.print(&file, &case, "mk"));
    daemon.wait_job(&jobs[0], "printing");
    daemon.ask(&["jobs", "--cancel", &jobs[0], "--by", "kim"]);
    daemon.wait_job(&jobs[0], "cancelled");
    daemon.wait_printer("mk", "ready");
    assert_eq!(daemon.job(&jobs[1])["state"], "queued");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.wait_job(&jobs[1], "printing");
}

#[test]
fn a_job_is_paused_resumed_and_cancelled_from_the_command_line() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 50);
    assert_eq!(daemon.ask(&["jobs", "--pause", &job, "--by", "kim"])["state"], "paused");
    let idle = until("a printer that has used up what it had", || {
        Some(lab.printers[0].statistics().unwrap()).filter(|statistics| statistics.idle)
    });
    let told = daemon.platen(&["jobs", "--pause", &job, "--by", "kim"]);
    assert!(told.code == Some(1) && !told.err.is_empty(), "paused already: {told:?}");
    assert_eq!(daemon.ask(&["jobs", "--resume", &job, "--by", "kim"])["state"], "printing");
    wait_commands(&lab.printers[0], idle.commands + 50);
    daemon.ask(&["jobs", "--cancel", &job, "--by", "kim"]);
    let cancelled = daemon.wait_job(&job, "cancelled");
    assert!(cancelled["why"].as_str().unwrap().contains("kim"), "{cancelled}");
    let printer = daemon.wait_printer("mk", "ready");
    assert_eq!(printer["on_bed"], job.as_str(), "what was printed of it stands on the bed");
    let told = daemon.platen(&["jobs", "--resume", &job, "--by", "kim"]);
    assert!(told.code == Some(1) && !told.err.is_empty(), "{told:?}");
    let mut lab = lab;
    let (_, executed) = executed(lab.printers.remove(0));
    let last: Vec<_> = executed.iter().rev().take(12).map(String::as_str).collect();
    assert!(last.contains(&"M104 S0") && last.contains(&"M140 S0"), "{last:?}");
}

#[test]
fn a_job_that_waits_can_be_cancelled_and_never_starts() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let first = daemon.print(&file, &case, "mk");
    let second = daemon.print(&file, &case, "mk");
    daemon.ask(&["jobs", "--cancel", &second, "--by", "kim"]);
    daemon.wait_job(&first, "printed");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    let third = daemon.print(&file, &case, "mk");
    daemon.wait_job(&third, "printed");
    assert_eq!(daemon.job(&second)["state"], "cancelled");
}

#[test]
fn a_daemon_that_is_stopped_while_a_cable_is_out_says_that_the_job_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let config = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![config], "");
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 50);
    lab.printers[0].unplug().unwrap();
    daemon.wait_printer("mk", "offline");
    assert_eq!(daemon.job(&job)["state"], "printing", "it is looked for");
    assert_eq!(daemon.terminate().code, Some(0));
    let daemon = lab.serve();
    let events = daemon.events();
    let last = |what: &str| events.iter().rposition(|event| event["fact"]["type"] == what);
    assert!(last("job_interrupted").is_some() && last("job_interrupted") < last("daemon_started"));
}

#[test]
fn a_job_that_is_cancelled_while_its_cable_is_out_says_that_its_heat_may_be_on_until_the_port_is_back() {
    let mut lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 50);
    lab.printers[0].unplug().unwrap();
    daemon.wait_printer("mk", "offline");
    let (one, all, page) = (daemon.platen(&["jobs", &job]).out, daemon.platen(&["jobs"]).out, daemon.page());
    for shown in [&one, &all, &page] {
        assert!(!shown.contains("not yet in the journal"), "it has not ended: {shown}");
    }
    for shown in [&one, &page] {
        assert!(shown.contains("the job goes on if it is back within half a minute"), "{shown}");
    }
    let told = daemon.platen(&["jobs", "--cancel", &job, "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for shown in [&told.out, &daemon.page(), &daemon.platen(&["printers", "mk"]).out] {
        assert!(shown.contains("heaters may be on: they go off when it is back"), "{shown}");
        assert!(shown.contains("switch it off by hand"), "{shown}");
    }
    assert_eq!(daemon.job(&job)["state"], "cancelled");
    lab.printers[0].plug_in().unwrap();
    daemon.wait_printer("mk", "ready");
    assert!(daemon.job(&job)["out_of_reach"].is_null(), "{}", daemon.job(&job));
    let words = daemon.printer("mk")["words"].clone();
    assert!(!words.as_str().unwrap().contains("heaters"), "{words}");
}

#[test]
fn a_cable_that_stays_out_interrupts_the_job_and_the_printer_comes_back_without_it() {
    for face in [Face::Marlin21, Face::Marlin11] {
        let folder = tempfile::tempdir().unwrap();
        let config = printer(folder.path(), "mk", face, 20.0);
        let mut lab = Lab::new(folder, vec![config], "");
        if face == Face::Marlin11 {
            // Of no use that is gone on with: at once. The others wait for their port.
            lab.configure("[restart]\ncontinue = []\nask = []", "");
        }
        let daemon = lab.serve();
        let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
        let job = daemon.print(&file, &case, "mk");
        let next = daemon.print(&file, &case, "mk");
        daemon.wait_job(&job, "printing");
        wait_commands(&lab.printers[0], 50);
        lab.printers[0].unplug().unwrap();
        let interrupted = daemon.wait_job(&job, "interrupted");
        assert!(interrupted["why"].as_str().unwrap().contains("port vanished"), "{interrupted}");
        let offline = daemon.wait_printer("mk", "offline");
        assert!(!offline["words"].as_str().unwrap().is_empty(), "{offline}");
        lab.printers[0].plug_in().unwrap();
        let ready = daemon.wait_printer("mk", "ready");
        assert_eq!(ready["on_bed"], job.as_str());
        let segments = lab.printers[0].statistics().unwrap().segments.len();
        // A change of the journal makes the dispatcher look again.
        daemon.case();
        assert_eq!(daemon.job(&job)["state"], "interrupted");
        assert_eq!(daemon.job(&next)["state"], "queued");
        assert_eq!(daemon.printer("mk")["state"], "ready");
        assert_eq!(lab.printers[0].statistics().unwrap().segments.len(), segments);
        daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
        daemon.wait_job(&next, "printing");
    }
}

#[test]
fn a_printer_that_is_plugged_in_late_gets_its_job_then() {
    let mut lab = Lab::one();
    lab.printers[0].unplug().unwrap();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = daemon.print(&file, &case, "mk");
    let offline = daemon.wait_printer("mk", "offline");
    let words = offline["words"].as_str().unwrap();
    assert!(words.contains("plugged in"), "{words}");
    assert!(daemon.job(&job)["waiting"].to_string().contains("offline"), "{}", daemon.job(&job));
    lab.printers[0].plug_in().unwrap();
    daemon.wait_job(&job, "printed");
}

#[test]
fn without_its_broker_the_daemon_prints_all_the_same_and_says_so() {
    let lab = Lab::one();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    lab.configure(&format!("[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\""), "");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = daemon.print(&file, &case, "mk");
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    until("the broker's absence in /healthz", || {
        let health = daemon.get("/healthz");
        assert_eq!((&health["status"], &health["recorder"]), (&"ok".into(), &true.into()), "{health}");
        health["mqtt"].as_str().filter(|words| words.starts_with("away since")).map(str::to_owned)
    });
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
}

#[test]
fn a_daemon_that_is_told_to_end_in_mid_print_switches_the_heaters_off_first() {
    let lab = Lab::one();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("long.gcode", &gcode(20_000)));
    let job = daemon.print(&file, &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 100);
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
    let left = lab.printers[0].statistics().unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let interrupted = daemon.job(&job);
    assert_eq!(interrupted["state"], "interrupted", "{interrupted}");
    assert!(interrupted["why"].as_str().unwrap().contains("platen ended"), "{interrupted}");
    assert_eq!(daemon.printer("mk")["on_bed"], job.as_str());
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
    assert!(left.totals.kills == 0 && left.commands < 20_000, "{left:?}");
    drop(daemon);
    let mut lab = lab;
    let (_, executed) = executed(lab.printers.remove(0));
    let moved = executed.iter().rposition(|line| line.starts_with("G1")).unwrap();
    let after: Vec<_> = executed[moved..].iter().map(String::as_str).collect();
    let off = |line: &str| after.iter().filter(|known| **known == line).count();
    // Once by the daemon that ended; the one that came found them off.
    assert_eq!((off("M104 S0"), off("M140 S0")), (1, 1), "{after:?}");
}
