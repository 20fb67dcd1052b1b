//! The vault of a real daemon: without its key it prints all the same; a backup has what is sealed and not the key.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::world::{Daemon, Lab, Process, Told, gcode, platen, run};

const PASSWORD: &str = "notes on the engine";

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A command with these lines on its standard input.
fn piped(args: &[&str], input: &str) -> Told {
    let mut command = platen(args);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Asks the daemon in the name of ada, who is everything.
fn ada(daemon: &Daemon, args: &[&str], more: &str) -> Told {
    let all = [&["--url", daemon.url.as_str()], args, &["--as", "ada", "--password-stdin"]].concat();
    piped(&all, &format!("{PASSWORD}\n{more}"))
}

fn lab() -> Lab {
    let lab = Lab::one();
    let key = lab.folder.path().join("vault.key");
    lab.configure(&format!("[vault]\nkey_file = {key:?}"), "");
    lab
}

#[test]
fn without_its_key_the_vault_is_closed_and_the_daemon_prints() {
    let lab = lab();
    let daemon = lab.serve();
    assert!(daemon.process.err().contains("the vault is closed"), "{}", daemon.process.err());
    assert!(daemon.process.err().contains("vault.key cannot be read"), "{}", daemon.process.err());
    assert_eq!(daemon.get("/healthz")["vault"], "closed");
    assert_eq!(daemon.get("/healthz")["status"], "ok");
    let case = daemon.case();
    let job = daemon.print(&lab.file("a.gcode", &gcode(20)), &case, "mk");
    daemon.wait_job(&job, "printed");
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn a_backup_brings_what_is_sealed_back_and_only_the_key_opens_it() {
    let lab = lab();
    let key = lab.folder.path().join("vault.key");
    let made = run(&["vault", "new-key", path(&key)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = run(&["vault", "new-key", path(&key)]);
    assert_eq!(again.code, Some(1), "nothing is written over: {again:?}");
    let setup = ["setup", "--config", path(&lab.config), "--name", "ada", "--password-stdin"];
    assert_eq!(piped(&setup, &format!("{PASSWORD}\n")).code, Some(0));
    let daemon = lab.serve();
    let roles = ["users", "add", "rita", "--role", "requester"];
    let added = ada(&daemon, &roles, "first words of rita\n");
    assert_eq!(added.code, Some(0), "{added:?}");
    let rita = |daemon: &Daemon, args: &[&str], password: &str, more: &str| {
        let all = [&["--url", daemon.url.as_str()], args, &["--as", "rita", "--password-stdin"]].concat();
        piped(&all, &format!("{password}\n{more}"))
    };
    let own = "words of rita alone";
    let changed = rita(&daemon, &["users", "password", "rita"], "first words of rita", &format!("{own}\n"));
    assert_eq!(changed.code, Some(0), "{changed:?}");
    let issued = rita(&daemon, &["users", "tokens", "issue", "--label", "x", "--role", "requester"], own, "");
    let token = lab.folder.path().join("token");
    fs::write(&token, &issued.out).unwrap();
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let case = daemon.platen(&["--token-file", path(&token), "cases", "new"]);
    let case = case.out.trim().to_owned();
    let who = "{\"name\": \"Quimby, Jane\", \"mrn\": \"4711-0815\"}";
    let kept = rita(&daemon, &["cases", "identifiers", "keep", &case], own, who);
    assert!(kept.code == Some(0) && kept.out.contains("kept, version 1"), "{kept:?}");
    let read = ["cases", "identifiers", "read", &case, "--reason", "clinical-question"];
    let shown = rita(&daemon, &read, own, "");
    assert!(shown.code == Some(0) && shown.out.contains("Quimby, Jane"), "{shown:?}");

    let admin = ada(&daemon, &["users", "tokens", "issue", "--label", "b", "--role", "admin"], "");
    fs::write(&token, &admin.out).unwrap();
    let dest = lab.folder.path().join("backup");
    let told = daemon.platen(&["--token-file", path(&token), "backup", path(&dest)]);
    assert!(told.code == Some(0) && told.out.contains("1 sealed records"), "{told:?}");
    for file in fs::read_dir(&dest).unwrap().chain(fs::read_dir(dest.join("vault")).unwrap()) {
        let file = file.unwrap().path();
        if file.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
            assert!(!text.contains("Quimby") && !text.contains("platen-vault-key"), "{file:?}");
        }
    }
    assert_eq!(run(&["audit", "verify", path(&dest)]).code, Some(0));
    let sums = fs::read_to_string(dest.join("vault.sha256")).unwrap();
    assert!(sums.ends_with(&format!("  vault/{case}\n")), "{sums}");

    daemon.crash();
    let credentials = fs::read(lab.state().join("credentials")).unwrap();
    fs::rename(lab.state(), lab.folder.path().join("lost")).unwrap();
    let told = run(&["restore", path(&dest), "--into", path(&lab.state()), "--by", "kim"]);
    assert!(told.code == Some(0) && told.out.contains("1 sealed records"), "{told:?}");
    let back = lab.state().join("credentials");
    fs::write(&back, credentials).unwrap();
    fs::set_permissions(&back, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let aside = lab.folder.path().join("aside");
    fs::rename(&key, &aside).unwrap();
    let daemon = Daemon::of(Process::spawn(&mut platen(&["serve", "--config", path(&lab.config)])));
    let closed = rita(&daemon, &read, own, "");
    assert!(closed.code == Some(1) && closed.err.contains("the vault is closed"), "{closed:?}");
    fs::rename(&aside, &key).unwrap();
    let opened = ada(&daemon, &["vault", "reseal"], "");
    assert!(opened.code == Some(0) && opened.out.contains("1 had the key already"), "{opened:?}");
    let shown = rita(&daemon, &read, own, "");
    assert!(shown.code == Some(0) && shown.out.contains("4711-0815"), "{shown:?}");

    // One changed byte of a record is found before anything is restored.
    let record = dest.join("vault").join(&case);
    let mut bytes = fs::read(&record).unwrap();
    bytes[70] ^= 1;
    fs::write(&record, bytes).unwrap();
    let told = run(&["restore", path(&dest), "--into", path(&lab.folder.path().join("new")), "--by", "kim"]);
    assert!(told.code == Some(1) && told.err.contains("is changed"), "{told:?}");
}
