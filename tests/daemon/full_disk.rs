//! A disk that is really full under a daemon that prints: a small tmpfs, mounted for the test (root, as in CI).

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use hw_sim::faults::Fault;

use crate::crash::assert_gapless;
use crate::world::{Daemon, Lab, gcode, until, wait_commands};

/// Declared after the lab, and so unmounted before its folder is removed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, mebibytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "platen-test"]).arg(at).output();
        let mount = mount.unwrap_or_else(|error| panic!("this test needs the program `mount`: {error}"));
        assert!(
            mount.status.success(),
            "this test mounts a small tmpfs, which needs root: run it as root, or leave it out with \
             `--skip full_disk`; mount says: {}",
            String::from_utf8_lossy(&mount.stderr)
        );
        Self(at.to_owned())
    }

    /// Somebody else takes all that is left.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.0.join("filler")).unwrap();
        let error = (0..).find_map(|_| file.write_all(&[1; 4096]).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    /// Somebody else frees so much of it again.
    fn free(&self, mebibytes: u64) {
        let file = File::options().write(true).open(self.0.join("filler")).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length - mebibytes * 1024 * 1024).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: after a failed test a daemon still has files open on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_nothing_new_is_taken_in_the_running_print_is_finished_and_nothing_is_lost() {
    let lab = Lab::one();
    let disk = SmallDisk::mount(&lab.state(), 160);
    let text = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, format!("disk_floor_mb = 16\n{text}")).unwrap();
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&lab.file("long.gcode", &gcode(8_000)), &case, "mk");
    let waiting = daemon.print(&lab.file("next.gcode", &gcode(50)), &case, "mk");
    daemon.wait_job(&job, "printing");
    let before = wait_commands(&lab.printers[0], 100).commands;
    disk.fill();

    // Queuing: what is asked gets a no that says what to do, and nothing of it is there.
    let refused = |path: &str, order: Value| {
        let mut answer = daemon.agent.post(format!("{}{path}", daemon.url)).send_json(order).unwrap();
        let problem: Value = answer.body_mut().read_json().unwrap();
        assert_eq!(answer.status(), 507, "{path}: {problem}");
        assert!(problem["help"].as_str().unwrap().contains("free some space"), "{path}: {problem}");
    };
    let file = daemon.job(&job)["file"].clone();
    refused("/v1/jobs", json!({"file": file, "case": case, "part": 1}));
    refused("/v1/cases", json!({"intended_use": "guide"}));
    let told = daemon.platen(&["print", &lab.file("new.gcode", &gcode(70)), "--case", &case, "--part", "1"]);
    assert!(told.code == Some(1) && told.err.contains("free some space"), "{told:?}");
    let health = daemon.get("/healthz");
    assert!(health["trouble"].as_str().is_some_and(|why| why.contains("is full")), "{health}");

    // Printing: it goes on to its end, which is worth the last reserve.
    wait_commands(&lab.printers[0], before + 500);
    assert_eq!(daemon.job(&job)["state"], "printing");
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
    assert!(!lab.state().join("journal/ballast").exists(), "the reserve was used");

    // Opening: a start has a reserve of its own, and a job that was printed stays so.
    disk.fill();
    daemon.crash();
    let daemon = lab.serve();
    assert_eq!(daemon.job(&job)["state"], "printed");
    daemon.crash();

    disk.empty();
    let daemon = lab.serve();
    let printed = daemon.job(&job);
    assert_eq!((&printed["state"], &printed["exact"]), (&"printed".into(), &true.into()), "{printed}");
    assert_eq!(daemon.job(&waiting)["state"], "queued");
    assert_gapless(&daemon.events());
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
    until("health", || (daemon.get("/healthz")["status"] == "ok").then_some(()));
    daemon.wait_printer("mk", "ready");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    assert_eq!(daemon.wait_job(&waiting, "printed")["exact"], true);
    assert_eq!(daemon.terminate().code, Some(0));
}

/// A lab whose state is on a small disk.
fn lab() -> (Lab, SmallDisk) {
    let lab = Lab::one();
    let disk = SmallDisk::mount(&lab.state(), 160);
    let text = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, format!("disk_floor_mb = 16\n{text}")).unwrap();
    (lab, disk)
}

/// A job that goes on over a crash, and a pause that has spent the reserve; another program has taken that.
fn with_nothing_left(lab: &Lab, disk: &SmallDisk) -> (Daemon, String) {
    let daemon = lab.serve();
    let case = daemon.case_for("education");
    let job = daemon.print(&lab.file("long.gcode", &gcode(8_000)), &case, "mk");
    daemon.wait_job(&job, "printing");
    wait_commands(&lab.printers[0], 100);
    disk.fill();
    daemon.ask(&["jobs", "--pause", &job, "--by", "lee"]);
    assert!(!lab.state().join("journal/ballast").exists(), "the pause has spent the reserve");
    disk.fill();
    (daemon, job)
}

fn wait_kept(lab: &Lab, word: &str) {
    until(&format!("{word} in its place"), || {
        let file = std::fs::read(lab.state().join("latches")).unwrap();
        file.windows(word.len()).any(|some| some == word.as_bytes()).then_some(())
    });
}

fn barring(daemon: &Daemon) -> Vec<Value> {
    let kinds = ["printer_stopped", "printer_faulted"];
    let events = daemon.events().into_iter();
    events.filter(|event| kinds.contains(&event["fact"]["type"].as_str().unwrap())).collect()
}

/// Killed, started anew with room: what is locked then, and as what.
fn killed_and_started(lab: &Lab, disk: &SmallDisk, daemon: Daemon, job: &str, state: &str) -> Daemon {
    assert!(barring(&daemon).is_empty(), "the journal has taken nothing");
    assert!(!daemon.printer("mk")["latch"].is_null(), "and the lock is told all the same");
    daemon.crash();
    disk.empty();
    let daemon = lab.serve();
    assert_eq!(daemon.wait_job(job, "interrupted")["state"], "interrupted", "it does not go on");
    daemon.wait_printer("mk", state);
    daemon
}

#[test]
fn a_stop_on_a_full_disk_whose_reserve_is_gone_locks_the_printer_over_kill_9_and_says_by_whom_and_when() {
    let (lab, disk) = lab();
    let (daemon, job) = with_nothing_left(&lab, &disk);
    let stopped = daemon.ask(&["stop", "mk", "--by", "kim"]);
    assert_eq!(stopped[0]["on_wire"], true);
    wait_kept(&lab, "printer_stopped");
    let daemon = killed_and_started(&lab, &disk, daemon, &job, "stopped");
    let latch = daemon.printer("mk")["latch"].clone();
    assert!(latch["why"].as_str().unwrap().starts_with("stopped by kim"), "{latch}");
    let stops = barring(&daemon);
    let booted =
        daemon.events().into_iter().rfind(|event| event["fact"]["type"] == "daemon_started").unwrap();
    assert_eq!(stops.len(), 1, "{stops:?}");
    // As it happened, and so before the daemon that has written it down.
    assert_ne!(stops[0]["stamp"]["boot"], booted["stamp"]["boot"]);
    assert!(stops[0]["seq"].as_u64() < booted["seq"].as_u64());
    // Emptied: cleared is cleared, also after another crash.
    // It is stopped once more by the start, which has to be over.
    let clear = || daemon.platen(&["stop", "--clear", "mk", "--by", "lee"]).code;
    until("a printer that is cleared", || (clear() == Some(0)).then_some(()));
    lab.printers[0].press_reset().unwrap();
    daemon.wait_printer("mk", "ready");
    daemon.crash();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    assert_eq!(barring(&daemon).len(), 1);
    assert_gapless(&daemon.events());
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}

#[test]
fn a_fault_on_a_full_disk_whose_reserve_is_gone_locks_the_printer_over_kill_9() {
    let (lab, disk) = lab();
    let (daemon, job) = with_nothing_left(&lab, &disk);
    lab.printers[0].inject(Fault::Kill).unwrap();
    daemon.wait_printer("mk", "faulted");
    // The end of its job waits for the disk before it; the lock does not.
    wait_kept(&lab, "printer_faulted");
    let daemon = killed_and_started(&lab, &disk, daemon, &job, "faulted");
    assert_eq!(daemon.printer("mk")["latch"]["kind"], "fault");
    assert_eq!(barring(&daemon).len(), 1);
}

#[test]
fn a_cancel_on_a_full_disk_is_carried_out_and_says_that_it_is_not_in_the_journal_yet() {
    let (lab, disk) = lab();
    let (daemon, job) = with_nothing_left(&lab, &disk);
    let url = format!("{}/v1/jobs/{job}/cancel", daemon.url);
    let mut answer = daemon.agent.post(url).send_json(json!({"by": "kim"})).unwrap();
    let problem: Value = answer.body_mut().read_json().unwrap();
    assert_eq!((answer.status().as_u16(), &problem["title"]), (507, &"Not yet recorded".into()), "{problem}");
    let (detail, help) = (problem["detail"].as_str().unwrap(), problem["help"].as_str().unwrap());
    assert!(detail.starts_with(&format!("printer mk was told to cancel job {job}, and does so")), "{detail}");
    assert!(detail.contains("not in the journal yet: the disk of "), "{detail}");
    assert!(help.contains("written down by itself") && help.contains("holds after a crash"), "{help}");
    until("cold heaters", || (lab.printers[0].statistics().unwrap().targets == [0.0, 0.0]).then_some(()));
    daemon.crash();
    disk.empty();
    let daemon = lab.serve();
    let cancelled = daemon.wait_job(&job, "cancelled");
    assert_eq!(cancelled["why"], "cancelled by kim", "{cancelled}");
    daemon.wait_printer("mk", "ready");
    assert!(!daemon.process.err().contains("continued after platen ended"));
}

#[test]
fn a_start_on_a_full_disk_has_a_reserve_of_its_own_and_says_how_much_to_free_when_that_is_gone() {
    let (lab, disk) = lab();
    let daemon = lab.serve();
    let case = daemon.case_for("education");
    let job = daemon.print(&lab.file("long.gcode", &gcode(8_000)), &case, "mk");
    daemon.wait_job(&job, "printing");
    disk.fill();
    for change in ["--pause", "--resume"] {
        daemon.ask(&["jobs", change, &job, "--by", "lee"]);
    }
    let reserves =
        || ["ballast", "ballast-start"].map(|name| lab.state().join("journal").join(name).exists());
    assert_eq!(reserves(), [false, true]);
    let goes_on = |daemon: &Daemon| {
        until("a job that goes on", || {
            daemon.process.err().contains("continued after platen ended").then_some(())
        });
    };
    let resumed = lab.printers[0].statistics().unwrap().commands;
    // Beyond the way back from the pause, which no job survives.
    wait_commands(&lab.printers[0], resumed + 100);
    disk.fill();
    daemon.crash();
    let daemon = lab.serve();
    goes_on(&daemon);
    assert_eq!(reserves(), [false, false]);

    disk.fill();
    daemon.crash();
    let journal = lab.state().join("journal");
    let before = std::fs::read(journal.join("db")).unwrap();
    let told = lab.serve_process().end();
    let path = journal.display();
    assert!(
        told.code == Some(1)
            && told.err.contains(&format!("the disk of {path} is full; free some space there, ")),
        "{told:?}"
    );
    assert!(std::fs::read(journal.join("db")).unwrap() == before, "nothing was changed");
    let (_, rest) = told.err.split_once("free some space there, ").unwrap();
    let megabytes: u64 = rest.split_once(" MB at least").unwrap().0.parse().unwrap();
    disk.free(megabytes);
    let daemon = lab.serve();
    goes_on(&daemon);
    disk.empty();
    assert_eq!(daemon.wait_job(&job, "printed")["exact"], true);
}
