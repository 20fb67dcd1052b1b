//! How full the line is: bytes a second against what the baud rate allows, in virtual time; window 1 beside it.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use hw_sim::rig::RigConfig;
use platen::protocol::window::Capacity;
use support::virtually::{Printed, instant, print};

const SAFE: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };
/// A line goes only when nothing is in flight: what most hosts do.
const ONE_LINE: Capacity = Capacity { receive_bytes: 0, queue_slots: 0 };

fn row(what: &str, config: &RigConfig, capacity: Capacity, file: &[String]) {
    let limit = f64::from(config.wire.to_device.baud) / 10.0;
    let share = |printed: Printed| printed.bytes as f64 / printed.seconds / limit * 100.0;
    let ours = print(config.clone(), capacity, file);
    let mut alone = config.clone();
    // The board must not tell how many slots it has, or the window learns them.
    alone.firmware.advanced_ok = false;
    let one = print(alone, ONE_LINE, file);
    println!(
        "{what:<46} {limit:>9.0} {:>9.0} {:>8.1} % {:>8.0} {:>8} {:>10.1} %",
        ours.bytes as f64 / ours.seconds,
        share(ours),
        ours.lines as f64 / ours.seconds,
        ours.resends,
        share(one),
    );
}

fn main() {
    if !support::asked() {
        return;
    }
    let file = support::curve(5_000);
    println!("{} lines of short segments, instant motion, virtual time", file.len());
    println!(
        "{:<46} {:>9} {:>9} {:>10} {:>8} {:>8} {:>12}",
        "line", "limit B/s", "B/s", "full", "lines/s", "resends", "window 1"
    );
    for baud in [115_200, 250_000] {
        for (ok, advanced_ok) in [("ADVANCED_OK", true), ("plain ok", false)] {
            for (wire, latency_us, timer_us) in [
                ("latency 1 ms", 1_000, 0),
                ("latency timer 1 ms", 0, 1_000),
                ("latency timer 16 ms", 0, 16_000),
            ] {
                let mut config = instant(baud, latency_us, advanced_ok);
                config.wire.to_host.latency_timer_us = timer_us;
                row(&format!("{baud}, {ok}, {wire}"), &config, SAFE, &file);
            }
        }
    }
    for (ok, advanced_ok) in [("ADVANCED_OK", true), ("plain ok", false)] {
        let mut config = instant(1_000_000, 1_000, advanced_ok);
        config.firmware.rx_buffer = 1024;
        config.firmware.command_buffer = 32;
        let capacity = Capacity { receive_bytes: 1023, queue_slots: 31 };
        row(&format!("native USB: 1 Mbaud, RX 1024, queue 32, {ok}"), &config, capacity, &file);
    }
}
