//! What enters the program: licences, sources, compilers and the lock file, held against what is declared.
//!
//! `cargo deny` says more (advisories above all) where it is installed; this needs nothing but cargo.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn told(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).current_dir(root()).output().expect(program);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Every crate of the tree, tests' ones too, with every feature, for the machines that deny.toml names.
fn packages() -> Vec<Value> {
    let deny = table("deny.toml");
    let mut all = Vec::new();
    for target in deny["graph"]["targets"].as_array().unwrap() {
        let target = target.as_str().unwrap();
        let arguments =
            ["metadata", "--locked", "--all-features", "--format-version=1", "--filter-platform", target];
        let tree: Value = serde_json::from_str(&told(env!("CARGO"), &arguments)).unwrap();
        all.extend(tree["packages"].as_array().unwrap().iter().cloned());
    }
    assert!(all.len() > 300, "the tree was not read: {}", all.len());
    all
}

/// Whether an SPDX expression can be met by allowed licences alone; a slash is an old way to say OR.
fn may_be_used(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut at = 0;
    let holds = either(&words, &mut at, allowed);
    assert_eq!(at, words.len(), "no licence expression: {expression}");
    holds
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        holds |= both(words, at, allowed);
    }
    holds
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut holds = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        holds &= one(words, at, allowed);
    }
    holds
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { panic!("a licence is missing at the end of {words:?}") };
    *at += 1;
    if *word == "(" {
        let holds = either(words, at, allowed);
        assert_eq!(words.get(*at), Some(&")"), "a bracket stays open in {words:?}");
        *at += 1;
        return holds;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words[*at + 1]);
        *at += 2;
    }
    allowed.contains(&name)
}

#[test]
fn an_expression_of_licences_is_met_by_allowed_ones_alone() {
    let allowed: BTreeSet<_> =
        ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into_iter().collect();
    for good in ["MIT", "GPL-3.0-only OR MIT", "(Apache-2.0 OR MIT) AND ISC", "MIT/Apache-2.0"] {
        assert!(may_be_used(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "Apache-2.0", "(GPL-3.0-only OR Apache-2.0) AND MIT"]
    {
        assert!(!may_be_used(bad, &allowed), "{bad}");
    }
    assert!(may_be_used("Apache-2.0 WITH LLVM-exception", &allowed));
}

#[test]
fn every_crate_has_a_licence_and_a_source_that_deny_toml_allows_and_none_that_it_bans() {
    let deny = table("deny.toml");
    let words = |value: &toml::Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let allowed = words(&deny["licenses"]["allow"]);
    let sources = words(&deny["sources"]["allow-registry"]);
    let banned: BTreeSet<_> =
        deny["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let Some(licence) = package["license"].as_str() else { panic!("{name} names no licence") };
        assert!(may_be_used(licence, &allowed), "{name} is under {licence}, which deny.toml does not allow");
        assert!(!banned.contains(name), "{name} is banned in deny.toml");
        if let Some(source) = package["source"].as_str() {
            let address = source.strip_prefix("registry+").unwrap_or(source);
            assert!(sources.contains(address), "{name} comes from {source}");
        }
    }
}

#[test]
fn every_exception_in_deny_toml_says_its_reason() {
    let deny = table("deny.toml");
    for exception in deny["advisories"]["ignore"].as_array().unwrap() {
        let reason = exception.get("reason").and_then(toml::Value::as_str).unwrap_or_default();
        assert!(reason.len() > 20, "no reason: {exception:?}");
    }
}

#[test]
fn the_lock_file_has_the_checksum_of_every_crate_that_comes_from_elsewhere() {
    let lock = table("Cargo.lock");
    let all = lock["package"].as_array().unwrap();
    assert!(all.len() > 300, "the lock file was not read: {}", all.len());
    for package in all {
        let name = package["name"].as_str().unwrap();
        if package.get("source").is_some() {
            let sum = package.get("checksum").and_then(toml::Value::as_str).unwrap_or_default();
            assert_eq!(sum.len(), 64, "{name} has no checksum");
        }
    }
}

#[test]
fn no_crate_needs_a_newer_compiler_than_the_one_that_is_declared() {
    let number = |version: &str| -> (u32, u32) {
        let mut parts = version.split('.').map(|part| part.parse().unwrap());
        (parts.next().unwrap(), parts.next().unwrap_or(0))
    };
    let declared = table("Cargo.toml")["workspace"]["package"]["rust-version"].as_str().unwrap().to_owned();
    for package in packages() {
        if let Some(needed) = package["rust_version"].as_str() {
            let name = &package["name"];
            assert!(
                number(needed) <= number(&declared),
                "{name} needs Rust {needed}: {declared} is declared"
            );
        }
    }
}

#[test]
fn the_list_of_what_the_program_is_made_of_is_whole_and_the_same_each_time() {
    let script = root().join("packaging/sbom");
    let script = script.to_str().unwrap();
    let text = told(script, &[TARGET]);
    assert_eq!(text, told(script, &[TARGET]), "two runs differ");
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["bomFormat"], "CycloneDX");
    assert_eq!(list["specVersion"], "1.5");
    assert_eq!(list["metadata"]["component"]["name"], "platen");
    let mut listed = BTreeSet::from([format!("platen@{}", env!("CARGO_PKG_VERSION"))]);
    for part in list["components"].as_array().unwrap() {
        let name = format!("{}@{}", part["name"].as_str().unwrap(), part["version"].as_str().unwrap());
        assert_eq!(part["purl"], format!("pkg:cargo/{name}"));
        assert!(part["licenses"][0]["expression"].is_string(), "{name} has no licence");
        assert!(listed.insert(name.clone()), "{name} is listed twice");
    }
    // Every crate that cargo builds for it can be reached in the list from the program.
    let tree = told(
        env!("CARGO"),
        &["tree", "--locked", "-p", "platen", "-e", "normal,build", "--target", TARGET, "--prefix", "none"],
    );
    let walked: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| format!("{name}@{}", rest.split(' ').next().unwrap()))
        .collect();
    assert_eq!(listed, walked);
    let known: BTreeSet<_> =
        listed.iter().map(|name| Value::String(format!("pkg:cargo/{name}"))).map(|v| v.to_string()).collect();
    for row in list["dependencies"].as_array().unwrap() {
        for on in row["dependsOn"].as_array().unwrap() {
            assert!(known.contains(&on.to_string()), "{on} is needed and not listed");
        }
    }
}

#[test]
fn a_crate_has_the_same_bytes_in_another_folder_and_a_path_that_is_left_in_it_would_be_found() {
    let script = root().join("packaging/release");
    // The smallest crate of ours that has crates of others below it, and of those one that writes code while it is built.
    let said = told("nice", &["-n", "10", script.to_str().unwrap(), "--check", "process-harness"]);
    assert!(said.contains("have the same bytes when they are built in another folder"), "{said}");
    assert!(said.contains("with the paths of its tree process-harness differs"), "{said}");
}

#[test]
fn what_is_not_committed_is_not_released() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("packaging/release");
    std::fs::create_dir(folder.path().join("packaging")).unwrap();
    std::fs::copy(root().join("packaging/release"), &script).unwrap();
    let refusal = |arguments: &[&str]| -> String {
        let done = Command::new(&script).args(arguments).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(!folder.path().join("target").exists(), "something was built");
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(refusal(&[]).contains("this is no checkout"));
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status().unwrap();
    assert!(git.success());
    let said = refusal(&[]);
    assert!(said.contains("is not what was committed") && said.contains("packaging/"), "{said}");
    assert!(refusal(&["--check"]).contains("takes one crate"));
}
