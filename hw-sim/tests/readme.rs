//! The README's faults are those that the simulator knows.
#![allow(clippy::unwrap_used, reason = "a failed test is the message")]

use std::collections::BTreeSet;

use hw_sim::faults::{Fault, FaultScript};

/// Every kind; without a catch-all, so that a new one has to be thought of, here and in the README.
fn place(fault: &Fault) -> u32 {
    match fault {
        Fault::Reset { .. } => 0,
        Fault::Kill => 1,
        Fault::PowerCut => 2,
        Fault::Deaf { .. } => 3,
        Fault::Hang { .. } => 4,
        Fault::SlowReplies { .. } => 5,
        Fault::LoseNextOks { .. } => 6,
        Fault::LoseEveryOk { .. } => 7,
        Fault::DropReply { .. } => 8,
        Fault::Garbage { .. } => 9,
        Fault::Heater { .. } => 10,
        Fault::HeaterMended { .. } => 11,
        Fault::DamageByte { .. } => 12,
        Fault::LoseByte { .. } => 13,
        Fault::Noise { .. } => 14,
        Fault::SpliceLine { .. } => 15,
        Fault::DuplicateLine { .. } => 16,
        Fault::DuplicateEveryOk { .. } => 17,
        Fault::Display { .. } => 18,
        Fault::Stall { .. } => 19,
        Fault::Disconnect => 20,
        Fault::Reconnect => 21,
        Fault::Continue => 22,
        Fault::Runout => 23,
        Fault::Msla(_) => 24,
    }
}

#[test]
fn the_readme_has_every_kind_of_fault_once_and_as_it_is_read() {
    let readme = include_str!("../README.md");
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let script = FaultScript::from_toml(example).unwrap();
    let kinds: BTreeSet<_> = script.faults.iter().map(|timed| place(&timed.fault)).collect();
    assert_eq!((kinds.len(), script.faults.len()), (25, 25));
    for word in ["power-up", "external", "watchdog", "software"] {
        let text = format!("[[fault]]\nat_us = 1\nkind = \"reset\"\ncause = \"{word}\"\n");
        assert!(readme.contains(word) && FaultScript::from_toml(&text).is_ok(), "{word}");
    }
    for word in ["dead", "stuck-on", "sensor-open", "sensor-short", "sensor-frozen", "weak", "overpowered"] {
        let text = format!("[[fault]]\nat_us = 1\nkind = \"heater\"\nheater = \"bed\"\nfault = \"{word}\"\n");
        assert!(readme.contains(word) && FaultScript::from_toml(&text).is_ok(), "{word}");
    }
}

#[test]
fn the_readme_has_every_fault_of_a_resin_printer() {
    let readme = include_str!("../README.md");
    let words = [
        ("lid-opened", ""),
        ("lid-closed", ""),
        ("z-stalled", ""),
        ("z-mended", ""),
        ("z-slipped", "um = 1"),
        ("z-misread", "um = 1"),
        ("led-reads", "celsius = 1.0"),
        ("led-uncooled", ""),
        ("led-mended", ""),
        ("light-stuck-on", ""),
        ("light-dead", ""),
        ("light-mended", ""),
        ("part-removed", ""),
    ];
    for (word, more) in words {
        let text = format!("[[fault]]\nat_us = 1\nkind = \"msla\"\nwhat = \"{word}\"\n{more}\n");
        assert!(readme.contains(&format!("`{word}`")) && FaultScript::from_toml(&text).is_ok(), "{word}");
    }
}
