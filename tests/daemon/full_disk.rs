//! A disk that is really full under a daemon that prints: a small tmpfs, mounted for the test (root, as in CI).

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::crash::assert_gapless;
use crate::world::{Lab, gcode, until, wait_commands};

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

    // Opening: with the reserve used up there is no start, and the reason is told.
    disk.fill();
    daemon.crash();
    let told = lab.serve_process().end();
    assert!(told.code == Some(1) && told.err.contains("is full; free some space"), "{told:?}");

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
