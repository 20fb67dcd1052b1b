//! docs/security.md says of each attack which test holds it off: each of those tests is there.

#![allow(clippy::unwrap_used, reason = "a failed test is the message")]

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_test(file: &str, name: &str) -> bool {
    let source = read(file);
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    source[..at].lines().rev().take(3).any(|line| {
        let line = line.trim_start();
        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
    })
}

#[test]
fn every_class_of_attack_has_a_test_that_is_there() {
    let text = read("docs/security.md");
    let (_, table) = text.split_once("## Classes of attack").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 20, "the table was not read: {}", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, _, tests] = cells[..] else { panic!("not four columns: {row}") };
        let code: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!code.is_empty() && code.len() % 2 == 0, "not files and their tests: {row}");
        for pair in code.chunks(2) {
            assert!(is_test(pair[0], pair[1]), "{} has no test {}", pair[0], pair[1]);
        }
    }
}
