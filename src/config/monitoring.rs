//! What counts as slow, for the log: `[monitoring]`.

use std::time::Duration;

use super::parse::keys;
use super::reader::{Reader, Section};

/// A page is made in milliseconds; whoever looks at it waits for no more.
const REQUEST_MS: u64 = 2_000;
/// An `fdatasync` takes milliseconds; half a second is a disk that is busy with something else, or is dying.
const JOURNAL_MS: u64 = 500;
/// A plan of 128 printers and some hundred jobs takes a fraction of it.
const PLAN_MS: u64 = 1_000;
const RANGE: std::ops::RangeInclusive<u64> = 1..=600_000;

/// What takes so long is told in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// From a request to the head of its answer.
    pub slow_request: Duration,
    /// From entries to their being on the disk.
    pub slow_journal: Duration,
    /// A round of the planner.
    pub slow_plan: Duration,
}

impl Default for Monitoring {
    fn default() -> Self {
        let [slow_request, slow_journal, slow_plan] =
            [REQUEST_MS, JOURNAL_MS, PLAN_MS].map(Duration::from_millis);
        Self { slow_request, slow_journal, slow_plan }
    }
}

pub(super) fn monitoring(reader: &mut Reader<'_>, top: &Section<'_>) -> Monitoring {
    let mut monitoring = Monitoring::default();
    let Some(section) = reader.section(top, "monitoring") else { return monitoring };
    reader.unknown_keys(&section, keys("monitoring"));
    for (key, span) in [
        ("slow_request_ms", &mut monitoring.slow_request),
        ("slow_journal_ms", &mut monitoring.slow_journal),
        ("slow_plan_ms", &mut monitoring.slow_plan),
    ] {
        if let Some(found) = reader.number(&section, key, "milliseconds", RANGE) {
            *span = Duration::from_millis(found.value);
        }
    }
    monitoring
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(section: &str) -> Result<Monitoring, String> {
        let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
        Config::parse(&format!("site = \"a\"\nnode = \"b\"\n{section}\n{printer}"))
            .map(|config| config.monitoring)
            .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_is_slow_is_said_key_by_key_and_the_rest_stays_as_it_was() {
        assert_eq!(read("").unwrap(), Monitoring::default());
        let read_one = read("[monitoring]\nslow_journal_ms = 50").unwrap();
        let wanted = Monitoring { slow_journal: Duration::from_millis(50), ..Monitoring::default() };
        assert_eq!(read_one, wanted);
        for (bad, word) in [
            ("slow_plan_ms = 0", "out of range"),
            ("slow = 1", "slow"),
            ("slow_request_ms = \"2 s\"", "whole number"),
        ] {
            let told = read(&format!("[monitoring]\n{bad}")).unwrap_err();
            assert!(told.contains(word) && told.contains("monitoring"), "{bad}: {told}");
        }
    }
}
