//! What a printer tells about itself: temperatures, position, firmware and what it can do.
//!
//! Grammar: `hosts-and-protocols.md` §2.6–2.7 and `transcripts/…-first_contact.txt`. Nothing in a
//! reply carries a checksum, so a value that cannot be true is dropped.

use crate::domain::printer::Reading;
use crate::domain::units::Celsius;

/// Temperatures of one report; what it does not mention is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TemperatureReport {
    pub hotend: Option<Reading>,
    pub bed: Option<Reading>,
    pub chamber: Option<Reading>,
    /// `T0` to `T3`, where they are listed; `hotend` is the active one where the firmware says so.
    pub tools: [Option<Reading>; 4],
}

/// The planned end point, in mm; not where the head is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub x: f64,
    pub y: f64,
    pub z: f64,
    pub e: f64,
}

/// `M115`'s first line. Texts are hostile: bounded and printable only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareInfo {
    pub name: String,
    pub machine: Option<String>,
    pub uuid: Option<String>,
}

/// No sensor of a printer reads outside of this; Marlin's own limits for an open one are -15.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -100.0..=1500.0;

/// A decimal number as firmware writes it: digits, one point, a sign.
fn decimal(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    if text.is_empty() || !text.chars().all(plain) {
        return None;
    }
    text.parse().ok()
}

fn celsius(text: &str) -> Option<Celsius> {
    decimal(text).filter(|value| PLAUSIBLE.contains(value)).map(Celsius)
}

/// Reads a temperature report, with or without the `ok` before it; `None` if it is not one.
pub fn temperatures(line: &str) -> Option<TemperatureReport> {
    let mut report = TemperatureReport::default();
    let mut tokens = line.split_ascii_whitespace().peekable();
    let mut found = false;
    // Reports of the accelerometer and of linear advance: `A:` and `B:`, and no `T:` (§2.6).
    let other = line.split_ascii_whitespace().any(|token| token.starts_with("A:"));
    if other && !line.contains("T:") && !line.contains("T0:") {
        return None;
    }
    while let Some(token) = tokens.next() {
        let Some((key, value)) = token.split_once(':') else { continue };
        if matches!(key, "X" | "Y" | "Z") {
            return None;
        }
        let (actual, glued) = match value.split_once('/') {
            Some((actual, target)) => (actual, Some(target)),
            None => (value, None),
        };
        let tool = match key {
            "T0" => Some(0),
            "T1" => Some(1),
            "T2" => Some(2),
            "T3" => Some(3),
            _ => None,
        };
        // With several tools `T` is the active one and is also listed as `T0`…: the first wins.
        let is_hotend = matches!(key, "T" | "T0") && report.hotend.is_none();
        if tool.is_none() && !is_hotend && !matches!(key, "B" | "C") {
            continue;
        }
        let Some(actual) = celsius(actual) else { continue };
        let target = match glued {
            Some(target) => celsius(target),
            None => match tokens.peek().and_then(|next| next.strip_prefix('/')) {
                Some(target) => {
                    let target = celsius(target);
                    tokens.next();
                    target
                }
                None => None,
            },
        };
        let reading = Some(Reading { actual, target });
        if let Some(tool) = tool {
            report.tools[tool] = reading;
        }
        match key {
            "B" => report.bed = reading,
            "C" => report.chamber = reading,
            _ if is_hotend => report.hotend = reading,
            _ => {}
        }
        found |= is_hotend || tool.is_none();
    }
    found.then_some(report)
}

/// Reads `X:0.00 Y:0.00 Z:0.00 E:0.00 Count …`.
pub fn position(line: &str) -> Option<Position> {
    let head = line.split(" Count").next()?;
    let mut axes = [None; 4];
    for token in head.split_ascii_whitespace() {
        let (key, value) = token.split_once(':')?;
        let axis = match key {
            "X" => 0,
            "Y" => 1,
            "Z" => 2,
            "E" => 3,
            _ => continue,
        };
        axes[axis] = decimal(value);
    }
    Some(Position { x: axes[0]?, y: axes[1]?, z: axes[2]?, e: axes[3].unwrap_or(0.0) })
}

/// Reads the answer to `M409 K"state.upTime"`: whole seconds (RepRapFirmware, `RepRap::GetModelResponse`).
pub fn uptime(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("{\"key\":\"state.upTime\",\"flags\":\"\",\"result\":")?;
    let digits = rest.trim_ascii_end().strip_suffix('}')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Text from firmware, as far as it may be shown: printable ASCII, 60 characters.
pub fn harmless(text: &str) -> String {
    text.trim().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(60).collect()
}

/// The value of `KEY:` up to the next ` KEY:` in capitals.
fn field(line: &str, key: &str) -> Option<String> {
    let begin = line.find(key)? + key.len();
    let rest = &line[begin..];
    let mut end = rest.len();
    let mut from = 0;
    while let Some(space) = rest[from..].find(' ') {
        let at = from + space;
        let word = rest[at + 1..].split([' ', ':']).next().unwrap_or_default();
        let follows_colon = rest[at + 1 + word.len()..].starts_with(':');
        let capitals = word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if follows_colon && capitals {
            end = at;
            break;
        }
        from = at + 1;
    }
    Some(harmless(&rest[..end]))
}

/// Reads the `FIRMWARE_NAME:` line of `M115`.
pub fn firmware(line: &str) -> Option<FirmwareInfo> {
    let name = field(line, "FIRMWARE_NAME:")?;
    // Smoothieware separates by commas.
    let name = name.split(',').next().unwrap_or_default().trim().to_owned();
    Some(FirmwareInfo { name, machine: field(line, "MACHINE_TYPE:"), uuid: field(line, "UUID:") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(actual: f64, target: f64) -> Option<Reading> {
        Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) })
    }

    #[test]
    fn temperatures_are_read_in_every_spelling() {
        let cases = [
            ("ok T:20.74 /0.00 B:20.66 /0.00 @:0 B@:0", reading(20.74, 0.0), reading(20.66, 0.0)),
            (" T:23.16 /100.00 B:20.66 /0.00 @:127 B@:0 W:?", reading(23.16, 100.0), reading(20.66, 0.0)),
            ("T:240.10/210.00 B:70.00/50.00 @:75", reading(240.1, 210.0), reading(70.0, 50.0)),
            ("ok B:29.3 /0.0 T0:27.9 /0.0", reading(27.9, 0.0), reading(29.3, 0.0)),
            ("T:21 /0 T0:21 /0 T1:30 /0 B:22 /0", reading(21.0, 0.0), reading(22.0, 0.0)),
            (
                "ok T:23.4 /0.0 B:23.1 /0.0 T0:23.4 /0.0 @:0 B@:0 P:24.2 A:26.4",
                reading(23.4, 0.0),
                reading(23.1, 0.0),
            ),
            ("T:24.16 /0 B:23.4 /0 B@:0 @:0", reading(24.16, 0.0), reading(23.4, 0.0)),
            ("ok T:24.8 /0.0 @0 B:21.5 /60.0 @255", reading(24.8, 0.0), reading(21.5, 60.0)),
            ("T:-15.00 /0.00 B:20.74 /0.00", reading(-15.0, 0.0), reading(20.74, 0.0)),
        ];
        for (line, hotend, bed) in cases {
            let report = temperatures(line).unwrap_or_default();
            assert_eq!((report.hotend, report.bed), (hotend, bed), "{line}");
        }
        let two = temperatures("T:200.0 /200.0 B:60.0 /60.0 T0:30.0 /0.0 T1:200.0 /200.0 @:0").unwrap();
        assert_eq!((two.hotend, two.tools[0]), (reading(200.0, 200.0), reading(30.0, 0.0)));
        assert_eq!((two.tools[1], two.tools[2]), (reading(200.0, 200.0), None));
        let no_target = temperatures("T:24.6 E:0 W:?").unwrap();
        assert_eq!(no_target.hotend, Some(Reading { actual: Celsius(24.6), target: None }));
    }

    #[test]
    fn damaged_values_and_positions_are_no_temperatures() {
        for line in
            ["A:1.50 B:2.25", "T:2x.7 /0.0", "T:NaN", "T:inf", "T:99999", "X:1 Y:2 Z:3 E:4", "ok", "", "T:"]
        {
            assert_eq!(temperatures(line), None, "{line}");
        }
    }

    #[test]
    fn a_position_is_the_planned_end_point() {
        let got = position("X:30.00 Y:10.00 Z:5.00 E:-2.00 Count X:2400 Y:800 Z:2000");
        assert_eq!(got, Some(Position { x: 30.0, y: 10.0, z: 5.0, e: -2.0 }));
        assert_eq!(position("X:3?.00 Y:10.00 Z:5.00 E:0.00"), None);
    }

    #[test]
    fn a_board_tells_for_how_long_it_has_run() {
        let line =
            |key: &str, result: &str| format!("{{\"key\":\"{key}\",\"flags\":\"\",\"result\":{result}}}");
        assert_eq!(uptime(&line("state.upTime", "5296")), Some(5_296));
        for (key, result) in
            [("state.upTime", "null"), ("state.upTime", "52?6"), ("state.time", "5"), ("state.upTime", "")]
        {
            assert_eq!(uptime(&line(key, result)), None, "{key} {result}");
        }
        assert_eq!(uptime("{\"key\":\"state.upTime\",\"flags\":\"\",\"result\":52"), None, "cut");
    }

    #[test]
    fn firmware_is_known_by_name_machine_and_uuid() {
        let line = "FIRMWARE_NAME:Marlin 2.1.2.6 (Nov 23 2026 16:26:59) SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin PROTOCOL_VERSION:1.0 MACHINE_TYPE:Marlin SimRap EXTRUDER_COUNT:1 UUID:cede2a2f-41a2";
        let info = firmware(line).unwrap();
        assert_eq!(info.name, "Marlin 2.1.2.6 (Nov 23 2026 16:26:59)");
        assert_eq!(info.machine.as_deref(), Some("Marlin SimRap"));
        assert_eq!(info.uuid.as_deref(), Some("cede2a2f-41a2"));
        let smoothie = firmware("FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//x, X-SOURCE:y").unwrap();
        assert_eq!(smoothie.name, "Smoothieware");
    }

    proptest! {
        #[test]
        fn no_line_makes_a_reader_panic(line in ".{0,80}") {
            let _ = (temperatures(&line), position(&line), firmware(&line), uptime(&line));
        }
    }
}
