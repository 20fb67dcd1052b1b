//! One line from a printer, understood as far as it can be trusted.
//!
//! Forms: `hosts-and-protocols.md` §2.2–2.9 and `hw-sim/tests/transcripts/`. A line may be damaged
//! anywhere, so what does not parse completely says less, never something else.

use super::meatpack;
use super::report::{self, FirmwareInfo, Position, TemperatureReport};
use crate::domain::printer::Fault;

/// What follows an `ok`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Acknowledged {
    /// ADVANCED_OK: the number of the line that was processed.
    pub number: Option<u32>,
    /// ADVANCED_OK: free blocks of the planner, free slots of the command queue, at that moment.
    pub planner_free: Option<u8>,
    pub slots_free: Option<u8>,
    /// Something stands in it that no firmware writes there: noise has changed it.
    pub damaged: bool,
    /// `M105` answers in its `ok`.
    pub temperatures: Option<TemperatureReport>,
    /// So does `M114` where the `ok` comes first (Klipper, Smoothieware).
    pub position: Option<Position>,
}

/// Why a printer refused a line; `last` is the last number that it accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    LineNumber,
    Checksum,
    NoChecksum,
    NoLineNumber,
}

/// What a printer is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    Processing,
    PausedForUser,
}

/// Host actions that change what we do; others are shown at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Pause,
    Paused,
    Resume,
    Resumed,
    Cancel,
    /// `out_of_filament`, `filament_runout`, or `paused filament_runout`.
    Runout,
    /// `poweroff` and `kill`: said on a kill.
    PowerOff,
    Other,
}

/// A line of a question to whoever is there (§2.8). Texts are hostile: bounded and printable only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptLine {
    Begin(String),
    /// `prompt_button` and `prompt_choice`.
    Button(String),
    Show,
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Ok(Acknowledged),
    /// An `ok` that answers `M115` (Klipper, Smoothieware).
    OkFirmware(FirmwareInfo),
    /// The printer wants this line next.
    Resend(u32),
    /// The printer wants a line, but which one was damaged.
    ResendUnreadable,
    /// Repetier passes over a line that it has, or that came behind one that it asked for; an `ok` follows.
    Skip(u32),
    /// What the unpacker of packed lines says of itself.
    MeatPack(meatpack::Status),
    /// Said before a `Resend`; `last` is absent where it was damaged.
    Refused {
        why: Refused,
        last: Option<u32>,
    },
    /// The firmware has given up.
    Fault(Fault),
    Busy(Busy),
    /// Idle, nothing to do (Repetier).
    Wait,
    /// The board began anew.
    Start,
    Temperatures(TemperatureReport),
    Position(Position),
    /// For how many whole seconds the board has run.
    Uptime(u64),
    Firmware(FirmwareInfo),
    Capability {
        name: String,
        able: bool,
    },
    Action(Action),
    Prompt(PromptLine),
    /// The part is scrap: filament was not pushed.
    ColdExtrusion,
    /// The part is scrap: a move was left out, since an axis is not homed or the place is out of reach, or filament
    /// was not pushed, since it was too much at once (Marlin `planner.cpp`, `motion.cpp`; RepRapFirmware `GCodes.cpp`).
    MoveRefused,
    /// The firmware does not know a command; absent where noise has hidden which.
    UnknownCommand {
        text: Option<Box<[u8]>>,
    },
    /// An `Error:` that is none of the known.
    OtherError,
    Other,
}

/// Leading decimal digits; `None` if there are none or more than fit.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Digits and nothing else.
fn whole_number(text: &str) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn acknowledged(tail: &str) -> Acknowledged {
    let mut ack = Acknowledged::default();
    if tail.contains(':') {
        ack.temperatures = report::temperatures(tail);
        ack.position = report::position(tail);
        return ack;
    }
    // Repetier: `ok 12`.
    if let Some(number) = whole_number(tail.trim()) {
        ack.number = Some(number);
        return ack;
    }
    for token in tail.split_ascii_whitespace() {
        let small = |text: &str| whole_number(text).and_then(|n| u8::try_from(n).ok());
        match token.split_at_checked(1) {
            Some(("N", digits)) => {
                ack.number = whole_number(digits);
                ack.damaged |= ack.number.is_none();
            }
            Some(("P", digits)) => {
                ack.planner_free = small(digits);
                ack.damaged |= ack.planner_free.is_none();
            }
            Some(("B", digits)) => {
                ack.slots_free = small(digits);
                ack.damaged |= ack.slots_free.is_none();
            }
            _ => ack.damaged = true,
        }
    }
    ack
}

/// What stands behind `resend` or `rs` in any spelling, up to the number (§2.3).
fn wants_again(text: &str) -> Option<&str> {
    let word = ["resend", "rs"]
        .iter()
        .find(|word| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)))?;
    let rest = &text[word.len()..];
    let number = rest.trim_start_matches([' ', ':', 'N', 'n']);
    // `rsync` is none, and neither is a `Resend` that nothing stands between and its text.
    let apart = number.len() < rest.len() || number.starts_with(|c: char| c.is_ascii_digit());
    apart.then_some(number)
}

/// What stands behind an `ok`.
fn answer(tail: &str) -> Reply {
    let words = tail.trim();
    if words == "start" {
        // The board began anew while it answered.
        return Reply::Start;
    }
    // Klipper joins its words in any order.
    if words.contains("FIRMWARE_NAME:") {
        return report::firmware(words).map_or_else(|| Reply::Ok(acknowledged(tail)), Reply::OkFirmware);
    }
    if words.starts_with("Emergency Stop Requested") {
        return Reply::Fault(Fault::Killed);
    }
    Reply::Ok(acknowledged(tail))
}

/// What went wrong, in words that stand in a line that begins like an error. Old and new spellings, Marlin's
/// and its relatives' (§2.9); the first that fits says most.
const FAULT_WORDS: [(&str, Fault); 32] = [
    ("thermal runaway", Fault::ThermalRunaway),
    ("thermal malfunction", Fault::ThermalRunaway),
    ("temperature runaway", Fault::ThermalRunaway),
    ("temperature excursion", Fault::ThermalRunaway),
    ("heating failed", Fault::HeatingFailed),
    ("heating fault", Fault::HeatingFailed),
    ("not heating at expected rate", Fault::HeatingFailed),
    ("preheat error", Fault::HeatingFailed),
    ("mintemp or maxtemp", Fault::Sensor),
    ("maxtemp", Fault::TooHot),
    ("mintemp", Fault::TooCold),
    ("adc out of range", Fault::Sensor),
    ("temperature reading", Fault::Sensor),
    ("heater/sensor error", Fault::Sensor),
    ("tm: error triggered", Fault::ThermalRunaway),
    ("probing failed", Fault::Probing),
    ("homing failed", Fault::Probing),
    ("bltouch", Fault::Probing),
    ("coolant flow fault", Fault::Coolant),
    ("fan error", Fault::Fan),
    ("watchdog timeout", Fault::Watchdog),
    ("inactive time", Fault::Inactive),
    ("kill() called", Fault::Killed),
    ("printer halted", Fault::Killed),
    ("kill caused", Fault::Killed),
    ("emergency stop", Fault::Killed),
    ("shutdown due to m112", Fault::Killed),
    ("stopped due to errors", Fault::Halted),
    ("stop called", Fault::Halted),
    ("alarm lock", Fault::Halted),
    ("halt asserted", Fault::Halted),
    ("halt state", Fault::Halted),
];

/// RepRapFirmware leaves such a move out and goes on.
const MOVE_REFUSED: [&str; 3] = ["insufficient axes homed", "outside machine limits", "not reachable"];

fn fault(text: &str) -> Option<Fault> {
    let lower = text.to_ascii_lowercase();
    FAULT_WORDS.into_iter().find(|(words, _)| lower.contains(words)).map(|(_, fault)| fault)
}

/// Last words without `Error:` before them. These stand alone on their line, so that no text of a file that a
/// firmware repeats is taken for them.
fn bare_fault(text: &str) -> Option<Fault> {
    let text = text.trim_ascii_end();
    let behind_number = text.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([':', ' ']);
    // Marlin before 1.1 breaks its line: `Error:0`, then `: Extruder switched off. MAXTEMP triggered !`.
    if ["Extruder switched off. ", "Heaters switched off. "]
        .iter()
        .any(|begin| behind_number.starts_with(begin))
    {
        return Some(fault(behind_number).unwrap_or(Fault::Halted));
    }
    match text {
        "TM: error triggered!" => Some(Fault::ThermalRunaway),
        "POWER PANIC DETECTED" | "INT4" => Some(Fault::PowerLost),
        "Emergency Stop! Reset the controller to continue." => Some(Fault::Killed),
        "Kill button pressed - reset or M999 to continue" => Some(Fault::Killed),
        _ if text.starts_with("Entering Alarm/Halt state") => Some(Fault::Halted),
        _ => text.strip_prefix("Err:").and_then(fault),
    }
}

fn refused(text: &str) -> Option<Reply> {
    let lower = text.to_ascii_lowercase();
    // Repetier: `expected line 12 got 11`, `Wrong checksum`, `Missing checksum`, `Format error`.
    if let Some(rest) = lower.strip_prefix("expected line ") {
        let last = leading_number(rest).and_then(|wanted| wanted.checked_sub(1));
        return Some(Reply::Refused { why: Refused::LineNumber, last });
    }
    let why = if lower.contains("line number is not last line number") {
        Refused::LineNumber
    } else if ["checksum mismatch", "wrong checksum", "format error"]
        .iter()
        .any(|words| lower.contains(words))
    {
        Refused::Checksum
    } else if ["no checksum with line number", "missing checksum"].iter().any(|words| lower.contains(words)) {
        Refused::NoChecksum
    } else if lower.contains("no line number with checksum") {
        Refused::NoLineNumber
    } else {
        return None;
    };
    let last = lower.find("last line: ").and_then(|at| whole_number(lower[at + 11..].trim()));
    Some(Reply::Refused { why, last })
}

/// `Unknown command: "…"`, also where noise has changed one of its two halves: it explains an `ok`.
fn unknown_command(text: &str) -> Option<Reply> {
    if !(text.contains("Unknown ") || text.contains("ommand: \"")) {
        return None;
    }
    let quoted = text.find('"').zip(text.rfind('"')).filter(|(begin, end)| begin < end);
    Some(Reply::UnknownCommand { text: quoted.map(|(begin, end)| text.as_bytes()[begin + 1..end].into()) })
}

fn action(name: &str) -> Reply {
    let mut words = name.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    let text = || report::harmless(name.trim_start().strip_prefix(word).unwrap_or_default());
    let action = match word {
        "prompt_begin" => return Reply::Prompt(PromptLine::Begin(text())),
        "prompt_button" | "prompt_choice" => return Reply::Prompt(PromptLine::Button(text())),
        "prompt_show" => return Reply::Prompt(PromptLine::Show),
        "prompt_end" => return Reply::Prompt(PromptLine::End),
        "pause" => Action::Pause,
        "paused" if words.next() == Some("filament_runout") => Action::Runout,
        "out_of_filament" | "filament_runout" => Action::Runout,
        "paused" => Action::Paused,
        "resume" => Action::Resume,
        "resumed" => Action::Resumed,
        "cancel" => Action::Cancel,
        "poweroff" | "kill" => Action::PowerOff,
        _ => Action::Other,
    };
    Reply::Action(action)
}

/// Repetier's own spelling of three of them.
fn request(text: &str) -> Option<Action> {
    let (word, _) = text.split_once(':')?;
    Some(match word {
        "RequestPause" => Action::Paused,
        "RequestContinue" => Action::Resumed,
        "RequestStop" => Action::Cancel,
        _ => return None,
    })
}

impl Reply {
    /// Reads one line without its end.
    pub fn parse(line: &[u8]) -> Self {
        // What is not UTF-8 is damaged; the rest of the line may still say something.
        let text = String::from_utf8_lossy(line);
        let text = text.trim_ascii_start();
        let tail = text.strip_prefix("ok").or_else(|| text.strip_prefix("OK"));
        // `okT:210.0 /210.0 …`: noise has eaten the blank, and how hot it is must not wait for the next report.
        let is_whole = |tail: &&str| {
            tail.is_empty() || tail.starts_with(' ') || tail.starts_with("T:") || tail.starts_with("T0:")
        };
        if let Some(tail) = tail.filter(is_whole) {
            return answer(tail);
        }
        // Two `ok`s that lost the newline between them: the later one says more. One too few costs half a
        // second, one too many can cost the print; so none is looked for behind other text either.
        if let Some(tail) = tail.filter(|tail| tail.starts_with("ok")) {
            return Self::parse(tail.as_bytes());
        }
        if let Some(rest) = wants_again(text) {
            return leading_number(rest).map_or(Self::ResendUnreadable, Self::Resend);
        }
        if let Some(rest) = text.strip_prefix("skip ") {
            return whole_number(rest.trim()).map_or(Self::Other, Self::Skip);
        }
        if text.starts_with("[MP] ") {
            return meatpack::status(text).map_or(Self::Other, Self::MeatPack);
        }
        let error = ["Error:", "error:", "ERROR:", "fatal:"].iter().find_map(|word| text.strip_prefix(word));
        if let Some(rest) = error.map(|rest| rest.trim_ascii_start()) {
            let unknown =
                if text.starts_with("fatal:") { Self::Fault(Fault::Halted) } else { Self::OtherError };
            // RepRapFirmware repeats a command that it does not know, whatever stands in it.
            if rest.starts_with("Bad command: ") {
                return unknown;
            }
            if MOVE_REFUSED.iter().any(|words| rest.contains(words)) {
                return Self::MoveRefused;
            }
            return refused(rest).or_else(|| fault(rest).map(Self::Fault)).unwrap_or(unknown);
        }
        if let Some(rest) = text.strip_prefix("!!") {
            return Self::Fault(fault(rest).unwrap_or(Fault::Halted));
        }
        if let Some(rest) = text.strip_prefix("//action:").or_else(|| text.strip_prefix("// action:")) {
            return action(rest);
        }
        if let Some(rest) = text.strip_prefix("Cap:") {
            return match rest.split_once(':') {
                Some((name, "1")) => Self::Capability { name: report::harmless(name), able: true },
                Some((name, "0")) => Self::Capability { name: report::harmless(name), able: false },
                _ => Self::Other,
            };
        }
        if let Some(rest) = text.strip_prefix("echo:busy: ").or_else(|| text.strip_prefix("busy:")) {
            let user = rest.trim_start().starts_with("paused");
            return Self::Busy(if user { Busy::PausedForUser } else { Busy::Processing });
        }
        if let Some(rest) = text.strip_prefix("echo:") {
            let rest = rest.trim_start();
            if rest.contains("cold extrusion prevented") {
                return Self::ColdExtrusion;
            }
            let unhomed = rest.strip_prefix("Home ").is_some_and(|axes| axes.trim_end().ends_with(" First"));
            if unhomed || rest.contains("too long extrusion prevented") {
                return Self::MoveRefused;
            }
            return unknown_command(rest).unwrap_or(Self::Other);
        }
        match text.trim_ascii_end() {
            "start" => return Self::Start,
            "wait" => return Self::Wait,
            _ => {}
        }
        if let Some(unknown) = unknown_command(text) {
            return unknown;
        }
        if let Some(action) = request(text) {
            return Self::Action(action);
        }
        if text.starts_with("// Klipper state: ") {
            let down = text.ends_with("Shutdown") || text.ends_with("Disconnect");
            // Its gcode.py says `Ready` once for each start, beside the answer to `STATUS`, which nobody sends.
            let begins = text.trim_ascii_end().ends_with("Ready");
            return match (down, begins) {
                (true, _) => Self::Fault(Fault::Halted),
                (_, true) => Self::Start,
                _ => Self::Other,
            };
        }
        // RepRapFirmware's first line (`VersionText`); `M122` says the same and where it runs.
        if text.starts_with("RepRapFirmware for ")
            && text.contains(" version ")
            && !text.contains(" running on ")
        {
            return Self::Start;
        }
        if let Some(seconds) = report::uptime(text) {
            return Self::Uptime(seconds);
        }
        if let Some(fault) = bare_fault(text) {
            return Self::Fault(fault);
        }
        if text.contains("FIRMWARE_NAME:") {
            return report::firmware(text).map_or(Self::Other, Self::Firmware);
        }
        if text.starts_with("X:") {
            return report::position(text).map_or(Self::Other, Self::Position);
        }
        report::temperatures(text).map_or(Self::Other, Self::Temperatures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Reply {
        Reply::parse(line.as_bytes())
    }

    fn ok(number: Option<u32>, planner_free: Option<u8>, slots_free: Option<u8>) -> Reply {
        Reply::Ok(Acknowledged { number, planner_free, slots_free, ..Acknowledged::default() })
    }

    fn damaged(planner_free: Option<u8>, slots_free: Option<u8>) -> Reply {
        Reply::Ok(Acknowledged { planner_free, slots_free, damaged: true, ..Acknowledged::default() })
    }

    #[test]
    fn every_form_of_ok_is_read() {
        assert_eq!(parse("ok"), ok(None, None, None));
        assert_eq!(parse("ok N12 P15 B3"), ok(Some(12), Some(15), Some(3)));
        assert_eq!(parse("ok P15 B3"), ok(None, Some(15), Some(3)));
        assert_eq!(parse("ok 12"), ok(Some(12), None, None));
        assert_eq!(parse("okok N13 P15 B3"), ok(Some(13), Some(15), Some(3)));
        assert_eq!(parse("ok start"), Reply::Start);
        let Reply::Ok(hot) = parse("okT:236.36 /0 B:59.6 /0 B@:0 @:0") else { panic!("no answer") };
        assert!(hot.temperatures.is_some(), "a blank that noise has eaten hides no heat");
        assert_eq!(parse("ok - Invalid G53"), damaged(None, None));
        for line in ["ok X:1.00 Y:2.00 Z:3.00 E:0.00", "ok C: X:1.00 Y:2.00 Z:3.00"] {
            let Reply::Ok(ack) = parse(line) else { panic!("{line}") };
            assert_eq!(ack.position.map(|at| (at.x, at.z)), Some((1.0, 3.0)), "{line}");
            assert_eq!(ack.temperatures, None);
        }
        assert_eq!(parse("echo:SD card ok"), Reply::Other, "no answer");
        let klipper = parse("ok FIRMWARE_NAME:Klipper FIRMWARE_VERSION:v0.12.0-1");
        assert!(matches!(klipper, Reply::OkFirmware(info) if info.name == "Klipper"));
        let klipper = parse("ok FIRMWARE_VERSION:v0.12 FIRMWARE_NAME:Klipper");
        assert!(matches!(klipper, Reply::OkFirmware(info) if info.name == "Klipper"));
        let Reply::Ok(ack) = parse("ok T:20.74 /0.00 B:20.66 /0.00 @:0 B@:0") else { panic!() };
        assert!(ack.temperatures.is_some() && ack.number.is_none());
    }

    #[test]
    fn a_damaged_ok_says_less_but_nothing_else() {
        assert_eq!(parse("ok N1x P15 B3"), damaged(Some(15), Some(3)));
        assert_eq!(parse("ok N99999999999 P15 B3"), damaged(Some(15), Some(3)));
        assert_eq!(parse("ok L12 P15 B3"), damaged(Some(15), Some(3)));
        assert_eq!(parse("oj N12"), Reply::Other);
        assert_eq!(parse("okN12"), Reply::Other);
        assert_eq!(parse("okay"), Reply::Other);
    }

    #[test]
    fn every_form_of_resend_is_read() {
        for line in [
            "Resend: 123",
            "Resend:123",
            "RESEND: 123",
            "rs N123",
            "rs 123",
            "rs N123 Expected checksum 67",
            "Resend: N:123",
            "rs N:123",
            "RS N123",
            "Resend 123",
            "rs123",
            "ReSend: 123",
        ] {
            assert_eq!(parse(line), Reply::Resend(123), "{line}");
        }
        assert_eq!(parse("Resend: -4"), Reply::ResendUnreadable);
        assert_eq!(parse("Resend: x"), Reply::ResendUnreadable);
        assert_eq!(parse("skip 123"), Reply::Skip(123));
        assert_eq!(parse("skip that"), Reply::Other);
    }

    #[test]
    fn refusals_tell_the_last_accepted_line() {
        let cases = [
            ("Error:Line Number is not Last Line Number+1, Last Line: 115", Refused::LineNumber, Some(115)),
            ("Error:checksum mismatch, Last Line: 2", Refused::Checksum, Some(2)),
            ("Error:No Checksum with line number, Last Line: 4", Refused::NoChecksum, Some(4)),
            ("Error:No Line Number with checksum, Last Line: 0", Refused::NoLineNumber, Some(0)),
            ("Error:checksum mismatch, Last Line: 2z", Refused::Checksum, None),
            ("Error:expected line 103257 got 103256", Refused::LineNumber, Some(103_256)),
            ("Error:Wrong checksum", Refused::Checksum, None),
            ("Error:Missing checksum", Refused::NoChecksum, None),
            ("Error:Format error", Refused::Checksum, None),
        ];
        for (line, why, last) in cases {
            assert_eq!(parse(line), Reply::Refused { why, last }, "{line}");
        }
    }

    #[test]
    fn kills_and_thermal_faults_are_latched_by_their_meaning() {
        let cases = [
            ("Error:Printer halted. kill() called!", Fault::Killed),
            ("Error:MINTEMP triggered, system stopped! Heater_ID: E0", Fault::TooCold),
            ("Error:MAXTEMP triggered, system stopped! Heater_ID: 0", Fault::TooHot),
            ("Error:Heating failed, system stopped! Heater_ID: E0", Fault::HeatingFailed),
            ("Error:Thermal Runaway, system stopped! Heater_ID: bed", Fault::ThermalRunaway),
            ("Error:!! KILL caused by KILL button/pin", Fault::Killed),
            ("Error:Probing Failed", Fault::Probing),
            ("Error:Printer stopped due to errors. Supervision required.", Fault::Halted),
            ("!! MCU 'mcu' shutdown: Timer too close", Fault::Halted),
            ("fatal:Heater/sensor error - Printer stopped and heaters disabled", Fault::Sensor),
            ("fatal:something new", Fault::Halted),
            (
                "Error:Thermal Malfunction, system stopped! Heater_ID: chamber (temp: 23.4)",
                Fault::ThermalRunaway,
            ),
            ("Error:!! KILL caused by too much inactive time - current command: G28", Fault::Inactive),
            ("!! STOP called because of BLTouch error - restart with M999", Fault::Probing),
            ("!! STOP called because of unhomed error - restart with M999", Fault::Halted),
            ("Error:Watchdog timeout. Reset required.", Fault::Watchdog),
            ("Error:Coolant flow fault. Hotend disabled.", Fault::Coolant),
            (": Extruder switched off. MAXTEMP triggered !", Fault::TooHot),
            ("0: Heaters switched off. MINTEMP BED triggered!", Fault::TooCold),
            ("Error:0: Heaters switched off. MAXTEMP triggered!", Fault::TooHot),
            ("Error: HOTEND THERMAL RUNAWAY", Fault::ThermalRunaway),
            ("TM: error triggered!", Fault::ThermalRunaway),
            ("Err:HOTEND FAN ERROR", Fault::Fan),
            ("POWER PANIC DETECTED", Fault::PowerLost),
            ("INT4", Fault::PowerLost),
            ("Error: Heater 1 fault: temperature excursion too large", Fault::ThermalRunaway),
            ("Emergency Stop! Reset the controller to continue.", Fault::Killed),
            (
                "Error: MINTEMP or MAXTEMP triggered on T. Check temperature sensors! HALT asserted",
                Fault::Sensor,
            ),
            (
                "Error: Temperature runaway on T. HALT asserted - reset or M999 required",
                Fault::ThermalRunaway,
            ),
            ("Kill button pressed - reset or M999 to continue", Fault::Killed),
            ("!!", Fault::Halted),
            ("!! Heater extruder not heating at expected rate", Fault::HeatingFailed),
            ("!! MCU 'mcu' shutdown: ADC out of range", Fault::Sensor),
            ("!! Lost communication with MCU 'mcu'", Fault::Halted),
            ("!! Shutdown due to M112 command", Fault::Killed),
            ("// Klipper state: Disconnect", Fault::Halted),
            ("ok Emergency Stop Requested - reset or M999 required to exit HALT state", Fault::Killed),
            ("error:Alarm lock", Fault::Halted),
            ("Entering Alarm/Halt state", Fault::Halted),
            ("// Klipper state: Shutdown", Fault::Halted),
        ];
        for (line, fault) in cases {
            assert_eq!(parse(line), Reply::Fault(fault), "{line}");
        }
        assert_eq!(parse("Error:something new"), Reply::OtherError);
        // Some of these a file can make a firmware say.
        for line in [
            "MAXTEMP triggered",
            "echo:kill() called",
            "echo:M112 Shutdown",
            "INT44",
            "Error: Bad command: XMAXTEMP",
        ] {
            assert!(!matches!(parse(line), Reply::Fault(_)), "{line}");
        }
    }

    #[test]
    fn the_rest_of_the_vocabulary_is_read() {
        let unknown = Reply::UnknownCommand { text: Some(b"XYZZY"[..].into()) };
        let cases = [
            ("echo:busy: processing", Reply::Busy(Busy::Processing)),
            ("echo:busy: paused for user", Reply::Busy(Busy::PausedForUser)),
            ("busy:heating", Reply::Busy(Busy::Processing)),
            ("wait", Reply::Wait),
            ("start", Reply::Start),
            ("//action:paused", Reply::Action(Action::Paused)),
            ("// action:cancel", Reply::Action(Action::Cancel)),
            ("//action:prompt_begin Pause", Reply::Prompt(PromptLine::Begin("Pause".into()))),
            ("// action:prompt_button Purge More", Reply::Prompt(PromptLine::Button("Purge More".into()))),
            ("//action:prompt_choice Yes", Reply::Prompt(PromptLine::Button("Yes".into()))),
            ("//action:prompt_show", Reply::Prompt(PromptLine::Show)),
            ("//action:prompt_end", Reply::Prompt(PromptLine::End)),
            ("//action:paused filament_runout 0", Reply::Action(Action::Runout)),
            ("//action:out_of_filament T0", Reply::Action(Action::Runout)),
            ("//action:notification <b>hot</b>", Reply::Action(Action::Other)),
            ("RequestPause:User interaction", Reply::Action(Action::Paused)),
            ("RequestContinue:", Reply::Action(Action::Resumed)),
            ("RequestStop:", Reply::Action(Action::Cancel)),
            ("//action:poweroff", Reply::Action(Action::PowerOff)),
            ("Cap:AUTOREPORT_TEMP:1", Reply::Capability { name: "AUTOREPORT_TEMP".into(), able: true }),
            ("Cap:PROGRESS:0", Reply::Capability { name: "PROGRESS".into(), able: false }),
            ("echo:Unknown command: \"XYZZY\"", unknown.clone()),
            ("ec@o:Unknown command: \"XYZZY\"", unknown.clone()),
            ("echo:Unk.own command: \"XYZZY\"", unknown.clone()),
            ("echo:Unknown command: \"XYZZY", Reply::UnknownCommand { text: None }),
            ("// Unknown command:\"XYZZY\"", unknown),
            ("// Klipper state: Startup", Reply::Other),
            ("Printing...OK", Reply::Other),
            ("[MP] PV01 ON NSP", Reply::MeatPack(meatpack::Status { on: true, no_spaces: true })),
            ("[MP] PV01 ??", Reply::Other),
            ("echo: cold extrusion prevented", Reply::ColdExtrusion),
            ("echo: too long extrusion prevented", Reply::MoveRefused),
            ("echo:Home XYZ First", Reply::MoveRefused),
            ("echo:Home position is known", Reply::Other),
            ("Error: G0/G1: insufficient axes homed", Reply::MoveRefused),
            ("Error: G0/G1: intermediate position outside machine limits", Reply::MoveRefused),
            ("Error: G0/G1: target position not reachable from current position", Reply::MoveRefused),
            ("Error: Bad command: outside machine limits", Reply::OtherError),
            ("rsync", Reply::Other),
            ("start ", Reply::Start),
            ("Marlin 2.1.2.6", Reply::Other),
        ];
        for (line, reply) in cases {
            assert_eq!(parse(line), reply, "{line}");
        }
        assert!(matches!(parse(" T:23.8 /60.0 B:20.7 /0.0 @:127 B@:0"), Reply::Temperatures(_)));
        assert!(matches!(parse("X:0.00 Y:0.00 Z:5.00 E:0.00 Count X:0 Y:0 Z:2000"), Reply::Position(_)));
    }

    #[test]
    fn a_new_start_is_known_in_every_spelling_and_nothing_else_is_one() {
        let banner = "RepRapFirmware for Duet 2 WiFi/Ethernet version 3.4.5 (2022-11-30 19:36:12)";
        for line in ["start", "ok start", "// Klipper state: Ready", banner] {
            assert_eq!(parse(line), Reply::Start, "{line}");
        }
        let diagnostics = format!("{banner} running on Duet WiFi 1.02 or later");
        let who = "FIRMWARE_NAME: RepRapFirmware for Duet 2 WiFi/Ethernet FIRMWARE_VERSION: 3.4.5";
        for line in ["// Klipper state: Startup", "// Klipper state: Shutdown", &diagnostics, who, "restart"]
        {
            assert_ne!(parse(line), Reply::Start, "{line}");
        }
        assert_eq!(parse("{\"key\":\"state.upTime\",\"flags\":\"\",\"result\":61}"), Reply::Uptime(61));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Reply::parse(&bytes);
        }

        #[test]
        fn a_numbered_ok_is_read_back(number: u32, planner in 0u8..16, slots in 0u8..4) {
            let line = format!("ok N{number} P{planner} B{slots}");
            prop_assert_eq!(parse(&line), ok(Some(number), Some(planner), Some(slots)));
        }
    }
}
