//! What axe-core has against a page; it comes from npm, is checked by its hash, and is in tests only.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::browser::Browser;

/// `tests/run` puts it there: version and hash are in `axe-core.sha512` beside this file.
fn source() -> &'static str {
    static SOURCE: OnceLock<String> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/axe-core/axe.min.js");
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; tests/run fetches it", path.display()))
    })
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    All,
    Contrast,
}

const RUN: &str = "
const done = arguments[arguments.length - 1];
const only = arguments[0] ? {runOnly: [arguments[0]]} : {};
axe.run(document, {resultTypes: ['violations'], ...only}).then(
  (found) => done(found.violations.map((one) => ({
    id: one.id, impact: one.impact, help: one.help,
    nodes: one.nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`),
  }))),
  (error) => done([{id: 'axe', impact: 'critical', help: String(error), nodes: []}]),
);";

/// Everything serious or critical that is wrong with the page as it is shown now.
pub fn serious(browser: &Browser, rules: Rules) -> Vec<String> {
    if browser.script("return typeof axe", vec![]) != json!("object") {
        browser.script(source(), vec![]);
    }
    let only = (rules == Rules::Contrast).then_some("color-contrast");
    let found = browser.script_later(RUN, vec![json!(only)]);
    let is_serious = |one: &&Value| matches!(one["impact"].as_str(), Some("serious" | "critical"));
    let told = |one: &Value| {
        let nodes: Vec<_> = one["nodes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (shown, more) = (nodes.len().min(5), nodes.len().saturating_sub(5));
        let mut text = format!("axe {}: {} ({})", one["id"], one["help"], one["impact"]);
        for node in &nodes[..shown] {
            text.push_str("\n      ");
            text.push_str(&node.replace('\n', " "));
        }
        if more > 0 {
            text.push_str(&format!("\n      and {more} more"));
        }
        text
    };
    found.as_array().unwrap().iter().filter(is_serious).map(told).collect()
}
