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
            "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {state:?}\n[http]\nlisten = \"127.0.0.1:1\"\n[[printer]]\nname = \"a\"\nport = \"/dev/null\"\nbaud = 115200\n"
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

    /// Every file that is no lock or journal, with its mode and bytes.
    fn all(&self) -> Vec<(PathBuf, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.starts_with(self.state().join("journal")) {
                    found.push((path.clone(), mode(&path), std::fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("platen.toml")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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

/// What else is asked, and a no to each. Of the broker it is asked where this machine has one.
fn offers() -> Vec<(&'static str, &'static str)> {
    let broker = Path::new("/etc/mosquitto/conf.d").is_dir().then_some(("conf.d? [Y/n] ", "n\n"));
    let token = [("shown once? [y/N] ", "\n")];
    let rest = [("unless you say so. [Y/n] ", "n\n"), ("over TLS? [y/N] ", "\n")];
    token.into_iter().chain(broker).chain(rest).collect()
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
        &[&[name, (password, "notes on the engine\n"), (again, "notes on the engine\n")][..], &offers()[..]]
            .concat(),
    );
    assert!(code == 0 && seen.contains("ada is admin"), "{seen}");
    let before = machine.all();
    let (code, seen) = on_a_terminal(&machine, &offers());
    assert!(code == 0 && seen.contains("people are set up here already (ada)"), "{seen}");
    assert_eq!(machine.all(), before, "nothing was wanted, and nothing was done");
    assert!(seen.contains("ada") && !seen.contains("notes"), "{seen}");
    assert!(lets_in(&machine.kept(), "ada", PASSWORD));
}

fn printed(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_still_missing_is_told_in_order_with_its_command() {
    let machine = Machine::new();
    let (code, out, _) = machine.piped(&["--json", "--find-printers", "--dev", "/nowhere"], "");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let missing = told["missing"].as_array().unwrap();
    let words = |one: &serde_json::Value| one["what"].as_str().unwrap().to_owned();
    let all: Vec<_> = missing.iter().map(words).collect();
    let at = |text: &str| {
        all.iter().position(|what| what.contains(text)).unwrap_or_else(|| panic!("{text}: {all:?}"))
    };
    assert_eq!(code, 0);
    assert!(at("no admin") < at("no broker") && at("no broker") < at("no certificate"), "{all:?}");
    assert_eq!(at("does not run"), all.len() - 1);
    let command = missing[at("no certificate")]["command"].as_str().unwrap();
    assert!(
        command.starts_with("platen setup --config /") && command.ends_with("--self-signed"),
        "{command}"
    );
}

#[test]
fn a_token_goes_into_a_file_for_nobody_else_and_a_second_run_leaves_it() {
    let machine = Machine::new();
    let file = printed(&machine.path("token"));
    let (code, _, error) = machine.piped(&["--token", &file], "");
    assert!(
        code == 1 && error.contains("nobody is set up yet") && !machine.path("token").exists(),
        "{error}"
    );
    let args = ["--name", "ada", "--password-stdin", "--token", &file];
    let (code, out, error) = machine.piped(&args, PASSWORD);
    assert!(code == 0 && out.contains("a token of ada"), "{out} {error}");
    let text = std::fs::read_to_string(machine.path("token")).unwrap();
    assert!(text.starts_with("platen_") && mode(&machine.path("token")) == 0o600);
    assert!(!out.contains(text.trim()), "it is in its file alone");
    let kept = std::fs::read_to_string(machine.state().join(FILE)).unwrap();
    let secret = text.trim().rsplit('_').next().unwrap();
    assert!(!kept.contains(secret), "only its hash is kept");
    assert_eq!(machine.kept().to_issue().len(), 1);
    let before = machine.all();
    let (code, out, _) = machine.piped(&args, PASSWORD);
    assert!(code == 0 && out.contains("it is known here, and stays"), "{out}");
    assert!(out.contains("ada is set up already"), "{out}");
    assert_eq!(machine.all(), before);
    // One of somewhere else is nobody's.
    std::fs::write(machine.path("token"), format!("platen_0123456789abcdef_{}\n", "a".repeat(64))).unwrap();
    let (code, _, error) = machine.piped(&["--token", &file], "");
    assert!(code == 1 && error.contains("no token that is known here"), "{error}");
}

#[test]
fn a_certificate_of_its_own_is_for_this_machine_goes_with_its_key_and_stays() {
    let machine = Machine::new();
    let (code, out, error) = machine.piped(&["--self-signed", "--host", "platen.lab"], "");
    assert_eq!(code, 0, "{out} {error}");
    let (certificate, key) = (machine.path("tls/certificate.pem"), machine.path("tls/key.pem"));
    assert_eq!((mode(&certificate), mode(&key)), (0o644, 0o600));
    let config = platen::config::Config::parse(&machine.config()).unwrap();
    let tls = config.http.tls.unwrap();
    assert_eq!(tls.certificate, certificate.canonicalize().unwrap());
    let read = platen::io::certificate::Certificate::read(&tls, None).unwrap();
    let now = platen::io::clock::Clock::start(platen::domain::ids::BootId::from_entropy([1; 16])).wall();
    assert_eq!(read.doubts(now, ["platen.lab", "localhost", "127.0.0.1", "[::1]"]), []);
    assert_eq!(config.http.hosts[0], "platen.lab");
    let before = machine.all();
    let (code, out, _) = machine.piped(&["--self-signed"], "");
    assert!(code == 0 && out.contains("already and stays"), "{out}");
    assert_eq!(machine.all(), before);
    // Cut off before the configuration was written: the pair is used as it is.
    let text = machine.config().lines().filter(|line| !line.contains(".pem")).collect::<Vec<_>>().join("\n");
    std::fs::write(machine.path("platen.toml"), text + "\n").unwrap();
    assert_eq!(machine.piped(&["--self-signed"], "").0, 0);
    assert_eq!(std::fs::read(&key).unwrap(), before.iter().find(|(path, ..)| *path == key).unwrap().2);
    // Another's key in its place is told, and nothing is overwritten.
    std::fs::remove_file(&key).unwrap();
    let text = machine.config().lines().filter(|line| !line.contains(".pem")).collect::<Vec<_>>().join("\n");
    std::fs::write(machine.path("platen.toml"), text + "\n").unwrap();
    let (code, _, error) = machine.piped(&["--self-signed"], "");
    assert!(code == 1 && error.contains("does not go with") && !key.exists(), "{error}");
    assert_eq!(machine.piped(&["--self-signed", "--replace"], "").0, 0);
}

#[test]
fn a_certificate_of_the_site_is_named_where_it_is_if_its_key_fits() {
    let machine = Machine::new();
    let pem = |name: &str, text: &str| {
        std::fs::write(machine.path(name), text).unwrap();
        std::fs::set_permissions(machine.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        printed(&machine.path(name))
    };
    let now = platen::io::clock::Clock::start(platen::domain::ids::BootId::from_entropy([1; 16])).wall();
    let made = || platen::io::selfsigned::make(&["platen.lab".into()], now).unwrap();
    let (one, other) = (made(), made());
    let (certificate, key) = (pem("c.pem", &one.certificate), pem("k.pem", one.key.expose()));
    let wrong = pem("w.pem", other.key.expose());
    let before = machine.config();
    let (code, _, error) = machine.piped(&["--certificate", &certificate, "--key", &wrong], "");
    assert!(code == 1 && error.contains("is not that of the certificate"), "{error}");
    assert_eq!(machine.config(), before);
    let (code, out, _) = machine.piped(&["--certificate", &certificate, "--key", &key], "");
    assert!(code == 0 && machine.config().contains(&format!("key = \"{key}\"")), "{out}");
    let (code, out, _) = machine.piped(&["--certificate", &certificate, "--key", &key], "");
    assert!(code == 0 && out.contains("says so already"), "{out}");
}

#[test]
fn printers_are_found_by_names_that_stay_and_no_port_is_opened_unasked() {
    let machine = Machine::new();
    let dev = machine.path("dev/serial/by-id");
    std::fs::create_dir_all(&dev).unwrap();
    let pty = nix::pty::openpty(None, None).unwrap();
    let terminal = nix::unistd::ttyname(&pty.slave).unwrap();
    std::os::unix::fs::symlink(terminal, dev.join("usb-Prusa_MK3")).unwrap();
    // The configuration has this one.
    std::os::unix::fs::symlink("/dev/null", dev.join("usb-of_a")).unwrap();
    let args = ["--find-printers", "--dev", &printed(&machine.path("dev"))];
    let old = machine.config();
    let (code, out, error) = machine.piped(&args, "");
    assert_eq!(code, 0, "{out} {error}");
    let config = machine.config();
    assert!(config.starts_with(&old), "every byte before stays");
    let printers = platen::config::Config::parse(&config).unwrap().printers;
    assert_eq!(printers.len(), 2);
    assert_eq!(printers[1].port, dev.join("usb-Prusa_MK3"));
    assert!(out.contains("is a guess"), "nobody has asked it: {out}");
    use std::os::fd::AsFd;
    let mut came = [nix::poll::PollFd::new(pty.master.as_fd(), nix::poll::PollFlags::POLLIN)];
    assert_eq!(nix::poll::poll(&mut came, nix::poll::PollTimeout::ZERO).unwrap(), 0, "nothing was sent");
    let (code, out, _) = machine.piped(&args, "");
    assert!(code == 0 && machine.config() == config, "{out}");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a client of mosquitto comes to, with a user's name and the password of a file.
fn client(program: &str, port: u16, who: Option<(&str, &Path)>, args: &[&str]) -> std::process::Output {
    let mut command = Command::new(program);
    command.args(["-V", "5", "-h", "127.0.0.1", "-p", &port.to_string()]).args(args);
    if let Some((name, file)) = who {
        command.args(["-u", name, "-P", std::fs::read_to_string(file).unwrap().trim()]);
    }
    command.output().unwrap()
}

#[test]
fn a_real_mosquitto_takes_platen_lets_dashboards_read_and_refuses_everybody_else() {
    let machine = Machine::new();
    let folder = machine.path("conf.d");
    std::fs::create_dir(&folder).unwrap();
    let port = free_port();
    let (shown, number) = (printed(&folder), port.to_string());
    let args = ["--broker-files", shown.as_str(), "--broker-port", number.as_str()];
    let (code, out, error) = machine.piped(&args, "");
    assert_eq!(code, 0, "{out} {error}");
    for name in ["platen.conf", "platen.passwd", "platen.acl"] {
        assert_eq!(mode(&folder.join(name)), 0o640, "{name}");
    }
    let (ours, theirs) = (machine.path("mqtt-password"), machine.path("mqtt-dashboard-password"));
    assert_eq!((mode(&ours), mode(&theirs)), (0o600, 0o600));
    let mqtt = platen::config::Config::parse(&machine.config()).unwrap().mqtt.unwrap();
    assert_eq!((mqtt.port, mqtt.username.as_deref()), (port, Some("platen")));
    assert_eq!(mqtt.password_file.unwrap(), ours.canonicalize().unwrap());

    let before = machine.all();
    let (code, out, _) = machine.piped(&args, "");
    assert!(code == 0 && out.contains("says so already"), "{out}");
    assert_eq!(machine.all(), before, "a second run changes nothing");
    // Cut off before the list and the configuration were written.
    std::fs::remove_file(folder.join("platen.acl")).unwrap();
    assert_eq!(machine.piped(&args, "").0, 0);
    assert_eq!(machine.all(), before);

    let main = machine.path("mosquitto.conf");
    let text =
        format!("user root\npersistence_location {}/\ninclude_dir {shown}\n", printed(machine.folder.path()));
    std::fs::write(&main, text).unwrap();
    let mut command = Command::new("/usr/sbin/mosquitto");
    let broker = process_harness::Process::spawn(command.arg("-c").arg(&main));
    process_harness::until("mosquitto listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());

    let topic = "platen/v1/lab/one/state";
    let platen = Some(("platen", ours.as_path()));
    let reader = Some(("dashboard", theirs.as_path()));
    let publish = ["-q", "1", "-r", "-t", topic, "-m", "online"];
    let sent = client("mosquitto_pub", port, platen, &publish);
    assert!(sent.status.success(), "{sent:?}");
    let read = client("mosquitto_sub", port, reader, &["-C", "1", "-W", "30", "-t", "platen/v1/#"]);
    assert_eq!(String::from_utf8_lossy(&read.stdout), "online\n", "{read:?}");
    // MQTT 5 tells what is forbidden.
    let forbidden = client("mosquitto_pub", port, reader, &["-q", "1", "-r", "-t", topic, "-m", "offline"]);
    assert!(String::from_utf8_lossy(&forbidden.stderr).contains("ot authorized"), "{forbidden:?}");
    let still = client("mosquitto_sub", port, reader, &["-C", "1", "-W", "30", "-t", topic]);
    assert_eq!(String::from_utf8_lossy(&still.stdout), "online\n");
    for nobody in [None, Some(("dashboard", ours.as_path())), Some(("eve", theirs.as_path()))] {
        let refused = client("mosquitto_sub", port, nobody, &["-C", "1", "-W", "30", "-t", topic]);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{nobody:?}: {refused:?}");
    }
    drop(broker);
}

#[test]
fn a_broker_that_the_configuration_has_stays_and_foreign_passwords_are_told() {
    let machine = Machine::new();
    let folder = machine.path("conf.d");
    std::fs::create_dir(&folder).unwrap();
    let named = format!("{}\n[mqtt] # ours\nurl = \"mqtts://broker.hospital:8883\"\n", machine.config());
    std::fs::write(machine.path("platen.toml"), &named).unwrap();
    let shown = printed(&folder);
    let (code, out, _) = machine.piped(&["--broker-files", &shown], "");
    assert!(code == 0 && out.contains("broker.hospital already and stays"), "{out}");
    assert_eq!(machine.config(), named);
    std::fs::write(folder.join("platen.passwd"), "platen:$7$101$AAAA$AAAA\n").unwrap();
    let (code, _, error) = machine.piped(&["--broker-files", &shown], "");
    assert!(code == 1 && error.contains("does not let platen in") && error.contains("--replace"), "{error}");
    assert_eq!(machine.piped(&["--broker-files", &shown, "--replace"], "").0, 0);
}
