//! The Debian package: what `platen manual` writes for it, what its scripts may touch, and its life in a fresh root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is the message")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use platen::cli::Cli;

/// Set by `tests/run` where the machine cannot do it.
const NOT_HERE: &str = "PLATEN_NO_CHROOT";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder and its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn manual(into: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_platen"));
    let output = command.arg("manual").arg("--into").arg(into).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let named = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(into).unwrap().to_owned(), bytes);
    files(into).into_iter().map(named).collect()
}

#[test]
fn every_verb_has_a_page_for_man_and_is_completed_and_both_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let written = manual(&folder.path().join("one"));
    assert_eq!(written, manual(&folder.path().join("two")));
    let text = |name: &str| {
        let found = written.iter().find(|(path, _)| path == Path::new(name));
        String::from_utf8(found.unwrap_or_else(|| panic!("there is no {name}")).1.clone()).unwrap()
    };
    let completions = ["bash/platen.bash", "zsh/_platen", "fish/platen.fish"].map(text);
    let mut verbs = 0;
    for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name();
        let page = text(&format!("man1/platen-{name}.1"));
        let shown = verb.get_arguments().filter(|argument| !argument.is_hide_set());
        for argument in shown.filter_map(clap::Arg::get_long) {
            let escaped = format!("\\-\\-{}", argument.replace('-', "\\-"));
            assert!(page.contains(&escaped), "the page of {name} does not know --{argument}");
        }
        assert!(completions.iter().all(|all| all.contains(name)), "{name} is not completed");
        verbs += 1;
    }
    assert!(verbs > 30, "only {verbs} verbs");
    assert!(text("man1/platen.1").contains("safe\\-off"));
}

/// What the package takes along, from where and to where.
fn assets() -> Vec<(String, String)> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    let word = |of: &toml::Value, at: usize| of[at].as_str().unwrap().to_owned();
    assets.iter().map(|asset| (word(asset, 0), word(asset, 1))).collect()
}

#[test]
fn everything_that_people_are_to_have_is_in_the_package() {
    let assets = assets();
    let packed = |folder: &str| assets.iter().any(|(from, _)| from.starts_with(folder));
    // What the demo has stands in the program.
    for entry in fs::read_dir(root().join("config")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("config/{}", path.file_name().unwrap().to_str().unwrap());
        assert!(name == "config/demo" || packed(&name), "nothing of {name} is in the package");
    }
    for (from, _) in &assets {
        let folder = from.split('*').next().unwrap().trim_end_matches('/');
        let made = from.starts_with("target/");
        let there = root().join(folder);
        let there = there.exists() || (from.contains('*') && there.parent().unwrap().is_dir());
        assert!(made || there, "there is no {from}");
    }
    for (from, to) in [("config/platen.toml", "etc/platen/platen.toml"), ("docs/", "usr/share/doc/platen/")] {
        assert!(
            assets.iter().any(|(a, b)| a.starts_with(from) && b.starts_with(to)),
            "{from} is not in {to}"
        );
    }
}

/// Units that a script names.
fn units(script: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let words = script.split(|c: char| !is_part(c));
    let ends = [".service", ".path", ".timer"];
    words
        .filter(|word| word.starts_with("platen") && ends.iter().any(|end| word.ends_with(end)))
        .map(Into::into)
        .collect()
}

#[test]
fn a_removal_knows_every_unit_that_could_be_running() {
    let mut packed = BTreeSet::new();
    for entry in fs::read_dir(root().join("config/systemd")).unwrap() {
        packed.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    let prerm = read("packaging/scripts/prerm");
    let stopped = units(&prerm);
    let gone: Vec<_> = stopped.difference(&packed).collect();
    assert!(gone.is_empty(), "there is no {gone:?} in config/systemd");
    // A backup that runs may end.
    let left: Vec<_> = packed.difference(&stopped).filter(|unit| *unit != "platen-backup.service").collect();
    assert!(left.is_empty(), "a removal leaves {left:?} running");
    // The daemon has ended well, or heaters are known to be off, before what watches over it goes.
    let at = |what: &str| prerm.find(what).unwrap_or_else(|| panic!("prerm does not say {what}"));
    assert!(at("stop platen.service") < at("start platen-safe-off.service"));
    assert!(at("start platen-safe-off.service") < at("stop platen-left-hot.path"));
}

#[test]
fn no_script_of_the_package_starts_or_stops_anything_but_for_a_removal() {
    for name in ["postinst", "postrm"] {
        let script = read(&format!("packaging/scripts/{name}"));
        for (number, line) in (1..).zip(script.lines().map(str::trim)) {
            let told = line.starts_with(['#']) || line.starts_with("platen:") || line.starts_with("echo ");
            let asked = line.split_once("systemctl ").map(|(_, asked)| asked);
            assert!(
                told || asked.is_none_or(|asked| asked.starts_with("daemon-reload")),
                "{name}:{number}: {line}"
            );
            assert!(told || !line.contains("systemd-invoke"), "{name}:{number}: {line}");
        }
    }
    let prerm = read("packaging/scripts/prerm");
    let upgrade = prerm.find("upgrade | failed-upgrade | deconfigure) exit 0").unwrap();
    assert!(upgrade < prerm.find("systemctl stop platen").unwrap());
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A package of the program under test, with this version.
fn package(target: &Path, version: &str) -> PathBuf {
    let file = target.join(format!("platen_{version}.deb"));
    let mut command = Command::new(root().join("packaging/deb"));
    // Fast: not as small as a release's.
    command.args(["--fast", "--deb-version", version, "--output"]).arg(&file);
    command.env("CARGO_TARGET_DIR", target).env_remove("PLATEN_HERE");
    let output = command.output().unwrap();
    assert!(output.status.success() && file.is_file(), "{}", told(&output));
    file
}

#[test]
fn in_a_fresh_root_it_installs_prints_survives_an_upgrade_and_leaves_what_it_should() {
    if std::env::var_os(NOT_HERE).is_some() {
        eprintln!("NOT RUN: {NOT_HERE} is set; nothing is known of the package from this run");
        return;
    }
    // `cargo deb` packs what stands in a folder of releases, whatever this one was built as.
    let target = tempfile::tempdir().unwrap();
    let release = target.path().join("release");
    fs::create_dir(&release).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_platen"), release.join("platen")).unwrap();
    let simulator = Path::new(env!("CARGO_BIN_EXE_platen")).with_file_name("hw-sim");
    assert!(simulator.is_file(), "there is no {}: build the whole workspace", simulator.display());

    let (package, newer) = (package(target.path(), "0.1.0-1"), package(target.path(), "0.2.0-1"));
    let mut walk = Command::new(root().join("packaging/test"));
    let output = walk.arg(package).arg(newer).arg(simulator).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let steps = told(&output);
    println!("{steps}");
    assert!(steps.contains("OK: purged; only the user stays"), "{steps}");
}
