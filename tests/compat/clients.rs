//! Real clients of other hosts: each walks from its connection to a cancelled print (`clients.py`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::world::{Lab, PRINTER, Process, gcode};

/// Some minutes of printing for the simulated printer.
const MOVES: u32 = 60_000;
/// A dozen waits, none of which takes long.
const WALK: Duration = Duration::from_secs(300);

/// The Python that has the clients.
fn python() -> PathBuf {
    let of_tests = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/compat-venv/bin/python");
    let python = std::env::var_os("PLATEN_COMPAT_PYTHON").map_or_else(of_tests, PathBuf::from);
    assert!(
        python.exists(),
        "there is no {}: `tests/run` makes it; or set PLATEN_COMPAT_PYTHON to a Python that has what \
         tests/compat/requirements.txt lists",
        python.display()
    );
    python
}

fn walk(client: &str) {
    let lab = Lab::open();
    lab.wait_ready();
    let (case, file) = (lab.case(), lab.file("long.gcode", &gcode(client, MOVES)));
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/clients.py");
    let mut command = Command::new(python());
    command.arg(program).args(["--client", client, "--url", &lab.url, "--key", &lab.key]);
    command.args(["--printer", PRINTER, "--case", &case, "--part", "1", "--gcode", &file]);
    let told = Process::spawn(&mut command).end_within(WALK);
    let said = told.out + &told.err;
    assert_eq!(told.code, Some(0), "{said}");
    assert!(said.contains(&format!("{client}: is done")), "{said}");
    let states: Vec<_> = lab.uploads().iter().map(|upload| upload["state"].clone()).collect();
    assert_eq!(states, ["queued", "unassigned"], "the newest first");
}

#[test]
fn octorest_sends_watches_and_steers() {
    walk("octorest");
}

#[test]
fn home_assistants_client_of_octoprint_sends_watches_and_steers() {
    walk("pyoctoprintapi");
}

#[test]
fn home_assistants_client_of_moonraker_sends_watches_and_steers() {
    walk("moonraker");
}

#[test]
fn home_assistants_client_of_prusalink_sends_watches_and_steers() {
    walk("prusalink");
}
