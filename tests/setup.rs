//! `platen setup` as somebody at the machine runs it: the real binary, a pipe or a terminal, and a state folder.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use platen::domain::people::name::UserName;
use platen::io::credentials::{CredentialsFile, FILE};
use platen::io::secret::{COSTS, Secret};
use platen::io::store::sled::{SledStore, lock_folder};
use tempfile::TempDir;

const PASSWORD: &str = "notes on the engine";

struct Machine {
    folder: TempDir,
}

/// Exit code, standard output, standard error.
type Told = (i32, String, String);

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let text = format!(
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {state:?}\n[[printer]]\nname = \"a\"\nport = \"/dev/null\"\nbaud = 115200\n"
        );
        std::fs::write(folder.path().join("platen.toml"), text).unwrap();
        Self { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platen"));
        command.arg("setup").arg("--config").arg(self.folder.path().join("platen.toml")).args(more);
        command
    }

    fn piped(&self, more: &[&str], input: &str) -> Told {
        let mut command = self.command(more);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have ended without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        told(child)
    }

    fn kept(&self) -> CredentialsFile {
        CredentialsFile::load(&self.state().join(FILE)).unwrap()
    }
}

fn told(child: Child) -> Told {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn lets_in(file: &CredentialsFile, name: &str, password: &str) -> bool {
    let name: UserName = name.parse().unwrap();
    file.password(&name).unwrap().verify(&Secret::new(password.to_owned())).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_admin_is_made_from_a_pipe_with_the_shipped_costs_and_nobody_else_may_read_it() {
    let machine = Machine::new();
    let args = ["--name", "ada", "--printed", "Ada Lovelace", "--password-stdin"];
    let (code, out, error) = machine.piped(&args, &format!("{PASSWORD}\n"));
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("ada is admin"), "{out}");
    let file = machine.kept();
    assert!(lets_in(&file, "ada", PASSWORD));
    assert_eq!(file.password(&"ada".parse().unwrap()).unwrap().costs(), COSTS);
    let prepared = file.to_adopt().unwrap();
    assert_eq!((prepared.name.as_str(), prepared.printed.as_str()), ("ada", "Ada Lovelace"));
    assert_eq!((mode(&machine.state()), mode(&machine.state().join(FILE))), (0o700, 0o600));
    // A daemon opens its store in what setup has left.
    SledStore::open(&machine.state().join("journal")).unwrap();
}

#[test]
fn a_second_setup_is_refused_and_a_reset_gives_a_new_password() {
    let machine = Machine::new();
    assert_eq!(machine.piped(&["--name", "ada", "--password-stdin", "--reset"], PASSWORD).0, 1);
    assert!(!machine.state().join(FILE).exists());
    assert_eq!(machine.piped(&["--name", "ada", "--password-stdin"], PASSWORD).0, 0);
    let before = std::fs::read(machine.state().join(FILE)).unwrap();
    let (code, out, error) = machine.piped(&["--name", "eve", "--password-stdin"], "another password\n");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        error,
        "platen: people are set up here already (ada), and an admin adds others; if no admin can sign in any more, give one a new password with --reset\n"
    );
    assert_eq!(std::fs::read(machine.state().join(FILE)).unwrap(), before);
    let (code, out, _) =
        machine.piped(&["--json", "--name", "ada", "--password-stdin", "--reset"], "another password");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["name"], &told["reset"]), (0, &"ada".into(), &true.into()));
    assert!(lets_in(&machine.kept(), "ada", "another password"));
}

#[test]
fn what_cannot_be_is_refused_with_words_and_leaves_nothing() {
    let machine = Machine::new();
    for (args, input, code, words) in [
        (&["--name", "ada", "--password-stdin"][..], "short", 1, "12 characters at least"),
        (&["--name", "ada", "--password-stdin"], "", 2, "the standard input is empty"),
        (
            &["--name", "kim.lee@ward7", "--password-stdin"],
            "KIM.lee@ward7",
            1,
            "may not be the name of its user",
        ),
        (&["--name", "a/b", "--password-stdin"], PASSWORD, 2, "a user name is 1 to 40 letters"),
        (&["--name", "platen", "--password-stdin"], PASSWORD, 2, "choose another name"),
        (&["--password-stdin"], PASSWORD, 2, "needs --name as well"),
        (&["--name", "ada"], PASSWORD, 2, "there is no terminal to ask on"),
        (&[], PASSWORD, 2, "there is no terminal to ask on"),
    ] {
        let (was, out, error) = machine.piped(args, input);
        assert!(was == code && error.contains(words), "{args:?}: {was} {out} {error}");
        assert!(!error.contains(PASSWORD) && !machine.state().join(FILE).exists(), "{args:?}");
    }
}

#[test]
fn beside_a_daemon_nothing_is_set_up() {
    let machine = Machine::new();
    let lock = lock_folder(&machine.state().join("journal")).unwrap();
    let (code, _, error) = machine.piped(&["--name", "ada", "--password-stdin"], PASSWORD);
    assert!(code == 1 && error.contains("another platen uses"), "{code} {error}");
    drop(lock);
    assert_eq!(machine.piped(&["--name", "ada", "--password-stdin"], PASSWORD).0, 0);
}

#[test]
fn a_damaged_file_is_told_and_stays_as_it_is() {
    let machine = Machine::new();
    assert_eq!(machine.piped(&["--name", "ada", "--password-stdin"], PASSWORD).0, 0);
    let path = machine.state().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let cut = &whole[..whole.len() - 1];
    std::fs::write(&path, cut).unwrap();
    for reset in
        [&["--name", "ada", "--password-stdin"][..], &["--name", "ada", "--password-stdin", "--reset"]]
    {
        let (code, _, error) = machine.piped(reset, PASSWORD);
        assert!(code == 1 && error.contains("is damaged (it is cut off"), "{code} {error}");
        assert_eq!(std::fs::read(&path).unwrap(), cut);
    }
}

/// Types each line when its question is there, and gives what was seen.
fn on_a_terminal(machine: &Machine, typed: &[(&str, &str)]) -> (i32, String) {
    let pty = nix::pty::openpty(None, None).unwrap();
    let ours = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut child = machine.command(&[]).stdin(ours()).stdout(ours()).stderr(ours()).spawn().unwrap();
    drop(pty.slave);
    let mut terminal = File::from(pty.master);
    let (mut seen, mut byte) = (String::new(), [0]);
    let mut left = typed.iter().peekable();
    // The last reader of the other side is gone with the child: then reading fails.
    while terminal.read(&mut byte).is_ok_and(|count| count == 1) {
        seen.push(char::from(byte[0]));
        if let Some((_, answer)) = left.next_if(|(question, _)| seen.ends_with(question)) {
            terminal.write_all(answer.as_bytes()).unwrap();
        }
    }
    assert!(left.next().is_none(), "{seen}");
    (child.wait().unwrap().code().unwrap(), seen)
}

#[test]
fn on_a_terminal_name_and_password_are_asked_for_and_the_password_is_not_shown() {
    let machine = Machine::new();
    let (password, again) = ("(not shown): ", "The same again: ");
    let name = ("to sign in with: ", "ada\n");
    let (code, seen) = on_a_terminal(
        &machine,
        &[name, (password, "notes on the engine\n"), (again, "notes on the engines\n")],
    );
    assert!(code == 1 && seen.contains("the two passwords differ"), "{seen}");
    let (code, seen) = on_a_terminal(&machine, &[name, (password, "notes on\x03")]);
    assert!(code == 1 && seen.contains("given up; nothing was changed"), "{seen}");
    assert!(!machine.state().join(FILE).exists());
    let (code, seen) = on_a_terminal(
        &machine,
        &[name, (password, "notes on the engine\n"), (again, "notes on the engine\n")],
    );
    assert!(code == 0 && seen.contains("ada is admin"), "{seen}");
    assert!(seen.contains("ada") && !seen.contains("notes"), "{seen}");
    assert!(lets_in(&machine.kept(), "ada", PASSWORD));
}
