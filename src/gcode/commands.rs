//! What may be sent: one table of the commands that are more than printing, for files and for the console.
//!
//! A command that is not in the table goes through in a file, since slicers know many, and is refused on the
//! console, which is an allow-list. `docs/commands.md` is this table for people; a test compares them.
//! Sources: Marlin's `gcode/` (2.1.2), RepRapFirmware's `GCodes2.cpp` and `StringParser.cpp` (3.5), Klipper's
//! `docs/G-Codes.md`, `hosts-and-protocols.md` §1.3, §2.8 and §2.10.

use super::modal::words;
pub use crate::domain::command::{Code, Level};

/// What becomes of a command in a job's file; the later, the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InFile {
    Sent,
    /// A pause of platen's own, until a person resumes; the firmware does not see the command.
    Pauses,
    /// Refused, unless the printer's profile allows it.
    IfAllowed,
    Never,
}

/// What a console command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConsole {
    /// Level `read`, at any time: it changes nothing.
    Read,
    /// Level `read` and no job: its long answer would hold up the moves.
    ReadIdle,
    /// Level `service` and no job.
    Service,
    /// Level `service`, no job, and nothing on the bed: it moves.
    ServiceBedClear,
    /// Level `service`, no job, and a target of at most so many °C.
    ServiceHeat(u16),
    /// As `Service`, where the printer's profile allows it.
    IfAllowed,
    Never,
}

/// One row of the table. `does` reads on after "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub code: Code,
    pub does: &'static str,
    pub in_file: InFile,
    pub console: OnConsole,
}

const fn m(number: u32, does: &'static str, in_file: InFile, console: OnConsole) -> Rule {
    Rule { code: Code::new(b'M', number), does, in_file, console }
}

const fn g_if_allowed(number: u32, does: &'static str) -> Rule {
    let code = Code::new(b'G', number);
    Rule { code, does, in_file: InFile::IfAllowed, console: OnConsole::IfAllowed }
}

/// Never from a job and never from a console.
const fn never(number: u32, does: &'static str) -> Rule {
    m(number, does, InFile::Never, OnConsole::Never)
}

/// Only where the printer's profile says so.
const fn if_allowed(number: u32, does: &'static str) -> Rule {
    m(number, does, InFile::IfAllowed, OnConsole::IfAllowed)
}

/// A command of Klipper's that has a name. None is for a console, but those that the profile allows.
const fn named(name: &str, does: &'static str, in_file: InFile) -> Rule {
    let console = match in_file {
        InFile::IfAllowed => OnConsole::IfAllowed,
        _ => OnConsole::Never,
    };
    Rule { code: Code::klipper(name), does, in_file, console }
}

/// Below what every hotend and every plate of FDM printers bears: a console is for trying out, not for printing.
const HOTEND_MAX: u16 = 250;
const BED_MAX: u16 = 110;

const OTHER_ORIGIN: &str = "moves the origin of the printer";
const UPRIGHT_ARCS: &str = "turns arcs upright, where nobody checks how far they go";
const OTHER_CURRENT: &str = "changes the current of the motors";
const OTHER_SIZE: &str = "changes the printer's geometry, and so the size of every part";
const OTHER_SHAPE: &str = "changes how the axes stand to each other, and so the shape of every part";
const OTHER_PROBE: &str = "changes the height of the probe, and so that of the nozzle above the bed";
const OTHER_SHEET: &str = "changes the height of the sheet, and so that of the nozzle above the bed";
const OTHER_PLATE: &str = "changes where the plate is held, by which it is levelled";
const OTHER_AXES: &str = "changes which motors and end stops the axes have";
const OTHER_INPUTS: &str = "changes what the printer's inputs do, its stop among them";
const OTHER_MEASURE: &str = "changes how the printer measures where its motors are";
const RAW_MOVE: &str = "moves a motor past every limit";
const MACRO: &str = "runs a macro of the printer's, and only the printer knows what it does";
const KEPT_MACRO: &str =
    "writes or runs a macro that the printer keeps, and only the printer knows what it does";
const RESTARTS: &str = "starts the printer's firmware anew";
const PROBES: &str = "probes the bed";
const TELLS_OBJECTS: &str = "tells where in the file the parts are";

/// In the order of their numbers.
pub const TABLE: &[Rule] = &[
    g_if_allowed(6, "moves the motors by raw steps, past every limit"),
    g_if_allowed(
        10,
        "moves the origin of the printer (with `L` or an axis; without, it is about filament or heat)",
    ),
    g_if_allowed(18, UPRIGHT_ARCS),
    g_if_allowed(19, UPRIGHT_ARCS),
    g_if_allowed(26, "heats, moves and prints a pattern by itself"),
    Rule {
        code: Code::new(b'G', 28),
        does: "homes",
        in_file: InFile::Sent,
        console: OnConsole::ServiceBedClear,
    },
    g_if_allowed(31, "changes the height of the probe, and so that of the nozzle above the bed (with words)"),
    g_if_allowed(51, "scales the moves, and so the size of every part"),
    g_if_allowed(52, OTHER_ORIGIN),
    g_if_allowed(54, OTHER_ORIGIN),
    g_if_allowed(55, OTHER_ORIGIN),
    g_if_allowed(56, OTHER_ORIGIN),
    g_if_allowed(57, OTHER_ORIGIN),
    g_if_allowed(58, OTHER_ORIGIN),
    g_if_allowed(59, OTHER_ORIGIN),
    g_if_allowed(61, "goes to a place that was kept before (G60), and only the printer knows which"),
    g_if_allowed(68, "turns the moves around a point, where nobody checks how far they go"),
    g_if_allowed(76, "heats by itself to measure the probe"),
    g_if_allowed(425, "touches what stands on the bed, to measure the nozzle's place"),
    m(0, "waits for a person", InFile::Pauses, OnConsole::Never),
    m(1, "waits for a person", InFile::Pauses, OnConsole::Never),
    if_allowed(3, "switches a laser or a spindle on"),
    if_allowed(4, "switches a laser or a spindle on"),
    m(17, "switches the steppers on", InFile::Sent, OnConsole::Service),
    m(18, "switches the steppers off", InFile::Sent, OnConsole::Service),
    m(20, "lists the printer's card", InFile::Sent, OnConsole::ReadIdle),
    never(23, "prints another file, from the printer's card"),
    never(24, "prints another file, from the printer's card"),
    m(25, "pauses the print", InFile::Pauses, OnConsole::Never),
    never(26, "prints another part of a file, from the printer's card"),
    m(27, "tells what is printed from the printer's card", InFile::Sent, OnConsole::Read),
    never(28, "writes the rest of the job to the printer's card instead of printing it"),
    never(29, "ends a file on the printer's card"),
    never(30, "deletes a file on the printer's card"),
    never(32, "prints another file, from the printer's card"),
    if_allowed(37, "has the printer only pretend to print (other than `S0`)"),
    if_allowed(42, "sets a pin of the board, which may be a heater's"),
    if_allowed(43, "tries the pins of the board, which may be a heater's"),
    if_allowed(44, OTHER_SHAPE),
    if_allowed(45, "measures how the axes stand to each other, and changes the shape of every part"),
    if_allowed(48, "probes the bed again and again"),
    if_allowed(81, "switches the power off, and the fan of a hot nozzle with it"),
    m(84, "switches the steppers off", InFile::Sent, OnConsole::Service),
    if_allowed(85, "changes the printer's own switching off when nothing moves"),
    if_allowed(86, "changes the printer's own switching off of heaters when nothing moves"),
    if_allowed(92, "changes the steps per millimetre, and so the size of every part"),
    if_allowed(98, "runs a macro from the printer's card, and only the printer knows what it does"),
    m(104, "heats the nozzle", InFile::Sent, OnConsole::ServiceHeat(HOTEND_MAX)),
    m(105, "tells temperatures", InFile::Sent, OnConsole::Read),
    m(106, "switches the fan on", InFile::Sent, OnConsole::Service),
    m(107, "switches the fan off", InFile::Sent, OnConsole::Service),
    never(108, "ends a wait for heat or for a person as soon as it arrives, which is before its turn"),
    never(110, "sets the line count that guards the transfer"),
    if_allowed(111, "switches the printer's dry run and its debugging (other than `S0`)"),
    never(112, "is the emergency stop, for which there is `platen stop`"),
    m(114, "tells the position", InFile::Sent, OnConsole::Read),
    m(115, "tells the firmware", InFile::Sent, OnConsole::Read),
    m(119, "tells the end stops", InFile::Sent, OnConsole::Read),
    m(140, "heats the bed", InFile::Sent, OnConsole::ServiceHeat(BED_MAX)),
    if_allowed(143, "changes how hot a heater may become"),
    if_allowed(145, "changes the temperatures that the printer's own menu heats to"),
    if_allowed(149, "changes the unit of temperatures (other than `C`)"),
    if_allowed(155, "changes how often the printer tells its temperatures, past the job (other than `S1`)"),
    if_allowed(200, "has filament counted by its volume, and so changes every amount (other than zeros)"),
    if_allowed(206, "moves the origin of the printer"),
    if_allowed(
        208,
        "changes how far the head may go (with an axis; without, it is about drawing filament back)",
    ),
    if_allowed(211, "switches the limits of the moves on or off"),
    if_allowed(214, "changes how finely arcs are drawn"),
    if_allowed(218, "moves the nozzles against each other (with an axis)"),
    if_allowed(226, "waits for a pin of the board, perhaps for ever"),
    if_allowed(260, "talks to another device of the board, past the firmware's guards"),
    if_allowed(261, "talks to another device of the board, past the firmware's guards"),
    if_allowed(281, "changes how far the probe is let down"),
    if_allowed(
        290,
        "changes the height of the nozzle above the bed (other than `R0` with zeros, which puts it back)",
    ),
    never(292, "answers the printer's question in a person's place"),
    if_allowed(301, "changes how the nozzle's heater is controlled"),
    if_allowed(302, "changes how cold a nozzle may push filament"),
    if_allowed(303, "heats up and down by itself to tune a heater"),
    if_allowed(304, "changes how the bed's heater is controlled"),
    if_allowed(305, "changes how a temperature is measured"),
    if_allowed(306, "heats up by itself to tune a heater"),
    if_allowed(307, "changes how a heater is controlled and guarded"),
    if_allowed(308, "changes how a temperature is measured"),
    if_allowed(309, "changes how a heater is controlled"),
    if_allowed(310, "changes how a heater is guarded"),
    if_allowed(350, "changes the steps of the motors, and so the size of every part"),
    if_allowed(351, "changes the steps of the motors, and so the size of every part"),
    if_allowed(374, "changes the map of the bed that the printer keeps"),
    never(410, "drops moves that count as printed"),
    m(
        413,
        "switches the recovery of prints from the printer's card on or off",
        InFile::Sent,
        OnConsole::Service,
    ),
    if_allowed(421, "changes the map of the bed"),
    if_allowed(422, OTHER_PLATE),
    if_allowed(423, "changes the map of the bed"),
    if_allowed(425, "adds way where an axis turns, and so changes the size of every part (with words)"),
    if_allowed(428, "moves the origin of the printer"),
    if_allowed(452, "makes the printer a laser"),
    if_allowed(453, "makes the printer a mill"),
    never(471, "renames a file on the printer's card"),
    never(472, "deletes a file on the printer's card"),
    if_allowed(486, "leaves a part out of the print (with `P` or `C`)"),
    if_allowed(500, "changes the settings that the printer keeps"),
    if_allowed(501, "takes the settings that the printer keeps, whatever they are"),
    if_allowed(502, "resets the printer's settings"),
    m(503, "tells the settings", InFile::Sent, OnConsole::ReadIdle),
    if_allowed(504, "checks the settings that the printer keeps, and on some boards writes them anew"),
    if_allowed(505, "has the printer take its settings from another folder"),
    if_allowed(510, "locks the printer, which passes over what follows"),
    if_allowed(512, "changes the lock of the printer"),
    if_allowed(555, "changes how the printer answers (with `P`)"),
    if_allowed(556, OTHER_SHAPE),
    if_allowed(558, "changes how the probe works"),
    never(559, "writes the rest of the job to the printer's card instead of printing it"),
    never(560, "writes the rest of the job to the printer's card instead of printing it"),
    if_allowed(561, "drops the map of the bed"),
    if_allowed(562, "overrides a heater's fault"),
    if_allowed(563, "changes which heaters and motors the tools have"),
    if_allowed(564, "lets the head move without homing, or off the bed"),
    if_allowed(565, OTHER_PROBE),
    if_allowed(567, "changes how much filament every move pushes"),
    if_allowed(569, "changes how the motors turn, their direction too (with `P`)"),
    if_allowed(570, "changes how a heater is guarded"),
    if_allowed(574, OTHER_AXES),
    never(575, "changes the speed of the printer's line"),
    if_allowed(579, "scales the axes, and so the size of every part"),
    if_allowed(581, OTHER_INPUTS),
    if_allowed(582, OTHER_INPUTS),
    if_allowed(584, OTHER_AXES),
    if_allowed(585, "moves until something is touched"),
    m(601, "pauses the print", InFile::Pauses, OnConsole::Never),
    if_allowed(605, "prints a second part beside the first, or its mirror image (other than `S0` and `S1`)"),
    if_allowed(665, OTHER_SIZE),
    if_allowed(666, OTHER_SIZE),
    if_allowed(667, OTHER_SIZE),
    if_allowed(669, OTHER_SIZE),
    if_allowed(671, OTHER_PLATE),
    if_allowed(810, KEPT_MACRO),
    if_allowed(811, KEPT_MACRO),
    if_allowed(812, KEPT_MACRO),
    if_allowed(813, KEPT_MACRO),
    if_allowed(814, KEPT_MACRO),
    if_allowed(815, KEPT_MACRO),
    if_allowed(816, KEPT_MACRO),
    if_allowed(817, KEPT_MACRO),
    if_allowed(818, KEPT_MACRO),
    if_allowed(819, KEPT_MACRO),
    if_allowed(850, OTHER_SHEET),
    if_allowed(851, OTHER_PROBE),
    if_allowed(852, OTHER_SHAPE),
    if_allowed(861, OTHER_PROBE),
    if_allowed(863, "moves an axis by itself, and changes its steps per millimetre"),
    if_allowed(864, OTHER_MEASURE),
    if_allowed(867, OTHER_MEASURE),
    if_allowed(868, OTHER_MEASURE),
    if_allowed(871, OTHER_PROBE),
    never(876, "answers the printer's question in a person's place"),
    if_allowed(906, OTHER_CURRENT),
    if_allowed(907, "changes the current of the motors (other than `E` up to 600)"),
    if_allowed(908, OTHER_CURRENT),
    if_allowed(910, OTHER_CURRENT),
    if_allowed(911, "changes the current of the motors, or what is done when the power fails"),
    if_allowed(912, OTHER_CURRENT),
    if_allowed(913, "changes how the motors run, or their current"),
    if_allowed(914, "changes how the motors notice the end of an axis"),
    if_allowed(915, "changes how the motors notice the end of an axis, or moves Z against it"),
    never(916, "goes on with another print, from the printer's card"),
    if_allowed(917, OTHER_CURRENT),
    if_allowed(918, OTHER_CURRENT),
    if_allowed(920, OTHER_CURRENT),
    never(928, "writes the job to the printer's card"),
    if_allowed(950, "assigns pins of the board, to heaters too"),
    if_allowed(952, "changes the address of a board"),
    m(997, "replaces the printer's firmware", InFile::Never, OnConsole::IfAllowed),
    never(999, "overrides the printer's own stop"),
    never(1000, "goes on with another print, from the printer's card"),
    named("BED_MESH_CALIBRATE", PROBES, InFile::Sent),
    named("BED_MESH_CLEAR", "drops the map of the bed", InFile::Sent),
    named("BED_MESH_PROFILE", "changes the maps of the bed (other than `LOAD=`)", InFile::IfAllowed),
    named("CANCEL_PRINT", "ends the print", InFile::Never),
    named("END_PRINT", MACRO, InFile::IfAllowed),
    named("EXCLUDE_OBJECT", "leaves a part out of the print", InFile::IfAllowed),
    named("EXCLUDE_OBJECT_DEFINE", TELLS_OBJECTS, InFile::Sent),
    named("EXCLUDE_OBJECT_END", TELLS_OBJECTS, InFile::Sent),
    named("EXCLUDE_OBJECT_START", TELLS_OBJECTS, InFile::Sent),
    named("FIRMWARE_RESTART", RESTARTS, InFile::Never),
    named("FORCE_MOVE", RAW_MOVE, InFile::IfAllowed),
    named("MANUAL_STEPPER", RAW_MOVE, InFile::IfAllowed),
    named("PID_CALIBRATE", "heats up and down by itself to tune a heater", InFile::IfAllowed),
    named("PRINT_END", MACRO, InFile::IfAllowed),
    named("PRINT_START", MACRO, InFile::IfAllowed),
    named("QUAD_GANTRY_LEVEL", PROBES, InFile::Sent),
    named("RESTART", RESTARTS, InFile::Never),
    named("SAVE_CONFIG", "writes the printer's configuration, and starts its firmware anew", InFile::Never),
    named("SDCARD_PRINT_FILE", "prints another file, from the printer's card", InFile::Never),
    named("SET_GCODE_OFFSET", OTHER_ORIGIN, InFile::IfAllowed),
    named(
        "SET_HEATER_TEMPERATURE",
        "heats, and platen does not read how hot (M104 and M140 it does)",
        InFile::IfAllowed,
    ),
    named("SET_KINEMATIC_POSITION", "takes the head to be where it may not be", InFile::IfAllowed),
    named("SET_PRESSURE_ADVANCE", "changes when filament is pushed", InFile::Sent),
    named("SET_PRINT_STATS_INFO", "tells how far the print is", InFile::Sent),
    named("SET_STEPPER_ENABLE", "switches single motors, whose place is lost then", InFile::IfAllowed),
    named("SET_VELOCITY_LIMIT", "changes how fast the head moves", InFile::Sent),
    named("START_PRINT", MACRO, InFile::IfAllowed),
    named("TURN_OFF_HEATERS", "switches every heater off", InFile::Sent),
    named("Z_TILT_ADJUST", PROBES, InFile::Sent),
];

/// What the table says of a code.
pub fn rule(code: Code) -> Option<&'static Rule> {
    TABLE.binary_search_by_key(&code, |rule| rule.code).ok().map(|at| &TABLE[at])
}

/// Whether a row is about a command as it is written: in other forms, some do what slicers need.
fn is_meant(rule: &Rule, text: &[u8]) -> bool {
    let has = |letters: &[u8]| words(text).any(|(letter, _)| letters.contains(&letter.to_ascii_uppercase()));
    let only = |of: u8, low: f64, high: f64| {
        let fits = |(letter, value): (u8, Option<f64>)| {
            letter == of && value.is_some_and(|value| (low..=high).contains(&value))
        };
        words(text).next().is_some() && words(text).all(fits)
    };
    let bare = words(text).next().is_none();
    let all_zero_but = |of: &[u8]| {
        words(text)
            .all(|(letter, value)| of.contains(&letter) || letter.is_ascii_uppercase() && value == Some(0.0))
    };
    match (rule.code.letter, rule.code.number) {
        // It draws filament back; RepRapFirmware's heats, or moves a tool's origin.
        (b'G', 10) => has(b"LXYZUVWABCD"),
        // Marlin's docks a probe, and RepRapFirmware's tells with no word.
        (b'G', 31) => !bare,
        (b'M', 37) => !only(b'S', 0.0, 0.0),
        (b'M', 111) => !only(b'S', 0.0, 0.0),
        (b'M', 149) => !words(text).all(|word| word == (b'C', None)),
        // As platen itself has asked.
        (b'M', 155) => !only(b'S', 1.0, 1.0),
        // Start G-code switches it off so; Marlin 1.1 knows no `S`, and takes `S0 D1.75` for on.
        (b'M', 200) => !all_zero_but(b"T"),
        // Marlin's is about drawing filament back, where `W` stands beside its speed; RepRapFirmware's about axes.
        (b'M', 208) => has(b"XYZUVABCD") || has(b"W") && !has(b"FR"),
        (b'M', 218) => has(b"XYZ"),
        // RepRapFirmware's way to forget what a person has changed.
        (b'M', 290) => !(has(b"R") && all_zero_but(b"")),
        (b'M', 425) => !bare,
        // Its name for a part is text, whatever is in it.
        (b'M', 486) => words(text)
            .map(|(letter, _)| letter.to_ascii_uppercase())
            .take_while(|letter| *letter != b'A')
            .any(|letter| b"PC".contains(&letter)),
        // Prusa's tells with it where the part lies, `X Y W H`.
        (b'M', 555) => has(b"P"),
        // Marlin's switches between silent and strong, as Prusa's start G-code does for `E`.
        (b'M', 569) => has(b"P"),
        (b'M', 605) => !(bare || only(b'S', 0.0, 1.0)),
        // PrusaSlicer's profiles for the MK3 say E430 or E538.
        (b'M', 907) => !only(b'E', 0.0, 600.0),
        (Code::NAMED, _) if rule.code == Code::klipper("BED_MESH_PROFILE") => {
            !arguments(text).any(|(key, _)| key == b"LOAD") || arguments(text).nth(1).is_some()
        }
        _ => true,
    }
}

/// What the table says of all that a command holds.
pub fn rules(text: &[u8]) -> impl Iterator<Item = &'static Rule> + '_ {
    codes(text).filter_map(rule).filter(|rule| is_meant(rule, text))
}

/// What stands behind the name of a command of Klipper's: `ACCEL=500`.
pub fn arguments(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let words = text.split(u8::is_ascii_whitespace).skip(1).filter(|word| !word.is_empty());
    words.map(|word| {
        let at = word.iter().position(|byte| *byte == b'=').unwrap_or(word.len());
        (&word[..at], word.get(at + 1..).unwrap_or_default())
    })
}

/// Codes whose arguments are text (Marlin's `GCODE_QUOTED_STRINGS` and older forms): whatever looks like a
/// command in it is none.
fn carries_text(code: Code) -> bool {
    let text = matches!(code.number, 0 | 1 | 16 | 36 | 98 | 117 | 118 | 486 | 862 | 919);
    code.letter == b'M' && text || code.letter == Code::NAMED
}

/// Whether firmwares that run several commands in a line (RepRapFirmware, Smoothieware) would run one in a text that
/// others show or compare. `M117` is text to all of them, what stands in quotes too, and pauses are not sent.
pub fn hides_command(text: &[u8]) -> bool {
    let hides = |code: Code| code.letter == b'M' && carries_text(code) && !matches!(code.number, 0 | 1 | 117);
    if !Code::of(text).is_some_and(hides) {
        return false;
    }
    let mut quoted = false;
    behind_code(text).windows(2).any(|pair| {
        quoted ^= pair[0] == b'"';
        !quoted && matches!(pair[0].to_ascii_uppercase(), b'G' | b'M') && pair[1].is_ascii_digit()
    })
}

/// All codes that a command holds: some firmwares run several in one line (RepRapFirmware, Smoothieware), and
/// some read small letters.
pub fn codes(text: &[u8]) -> impl Iterator<Item = Code> + '_ {
    let first = Code::of(text);
    let plain = first.is_some_and(|code| !carries_text(code));
    let further = (1..text.len()).filter(move |_| plain).filter_map(|at| {
        let letter = text[at].to_ascii_uppercase();
        // First, since hardly a byte of a file passes it, and this is asked of every one.
        if !matches!(letter, b'G' | b'M') {
            return None;
        }
        let rest = text[at + 1..].trim_ascii_start();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        Some(Code { letter, number })
    });
    first.into_iter().chain(further)
}

/// `M104 M109 M140 M190 M141 M191`, and what RepRapFirmware and the tuning of heaters have for it.
fn heats(code: Code) -> bool {
    matches!((code.letter, code.number), (b'M', 104 | 109 | 140 | 141 | 190 | 191 | 303 | 568) | (b'G', 10))
}

/// The highest target of any printer, °C, as the configuration takes it: nozzle, bed, chamber.
const TARGET_MAX: [f64; 3] = [500.0, 200.0, 150.0];
/// RepRapFirmware's off.
const TARGET_MIN: f64 = -274.0;

/// What is wrong with a command that heats, where firmwares could read another target in it than we do, or one
/// that no printer has; reads on after "it".
pub fn heat_fault(text: &[u8]) -> Option<&'static str> {
    codes(text).find(|code| heats(*code))?;
    if codes(text).nth(1).is_some() {
        return Some("heats, and another command stands in its line; give each a line of its own");
    }
    let code = Code::of(text)?;
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text[1..].trim_ascii_start();
    rest = &rest[digits(rest)..];
    // `M104.1` of Prusa's XL.
    if let Some(sub) = rest.strip_prefix(b".") {
        rest = &sub[digits(sub)..];
    }
    let kind = match (code.letter, code.number) {
        (b'M', 140 | 190) => 1,
        (b'M', 141 | 191) => 2,
        _ => 0,
    };
    let (mut seen, mut after_number) = (0_u32, false);
    loop {
        let blank = rest.first().is_some_and(|byte| byte.is_ascii_whitespace());
        rest = rest.trim_ascii_start();
        let (&letter, tail) = rest.split_first()?;
        let letter = letter.to_ascii_uppercase();
        // `S3e2` and `S0x12C` are numbers to some.
        let in_number = matches!(letter, b'E' | b'X') && after_number && !blank;
        if !letter.is_ascii_uppercase() || in_number {
            return Some(
                "heats with a number that firmwares read differently; write a plain one such as S210",
            );
        }
        let waits = matches!((code.letter, code.number), (b'M', 109 | 190 | 191));
        if letter == b'I' && code.letter == b'M' && code.number != 303 && code.number != 568 {
            return Some("heats to a preset that only the printer knows; write S and a number");
        }
        if letter == b'H' && code.letter == b'M' && matches!(code.number, 140 | 141 | 190 | 191) {
            return Some(
                "heats, and assigns a heater (H) on some boards; leave that to the printer's own configuration",
            );
        }
        let bit = 1 << (letter - b'A');
        let other = match letter {
            b'S' => b'R',
            _ => b'S',
        };
        if waits && matches!(letter, b'S' | b'R') && seen & (1 << (other - b'A')) != 0 {
            return Some("heats with S and R, of which firmwares take either; write one of them");
        }
        if seen & bit != 0 {
            return Some("heats and has a word twice, of which firmwares take either; write each word once");
        }
        seen |= bit;
        let tail = tail.trim_ascii_start();
        let sign = usize::from(tail.first() == Some(&b'-'));
        let whole = digits(&tail[sign..]);
        let mut length = sign + whole;
        if whole > 0 && tail.get(length) == Some(&b'.') {
            length += 1 + digits(&tail[length + 1..]);
        }
        let temperature =
            matches!(letter, b'S' | b'R') || (letter == b'B' && matches!(code.number, 104 | 109));
        if whole == 0 && (sign > 0 || temperature || letter == b'T') {
            return Some("heats without a plain number behind a letter; write one such as S210");
        }
        if temperature && whole > 0 {
            let value: f64 = std::str::from_utf8(&tail[..length]).ok()?.parse().ok()?;
            if !(TARGET_MIN..=TARGET_MAX[kind]).contains(&value) {
                return Some(
                    "heats to what no printer has (500 °C nozzle, 200 °C bed, 150 °C chamber at most)",
                );
            }
        }
        after_number = whole > 0;
        rest = &tail[length..];
    }
}

/// Commands whose words `analysis` takes numbers from, beside all of `G` and what heats (`heat_fault`).
fn is_measured(code: Code) -> bool {
    match code.letter {
        b'G' => true,
        b'M' => matches!(code.number, 201..=205 | 207 | 208 | 220 | 221 | 600 | 603 | 701 | 900),
        _ => false,
    }
}

/// Whether the letter there is one of a name or its value as Klipper's macros have them (`METHOD=CONTACT`), and no
/// word. With a number behind it, it is a word to some all the same.
fn is_named(text: &[u8], at: usize) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let before = text[..at].iter().rev().take_while(|byte| is_name(byte)).count();
    let behind = text[at + 1..].iter().take_while(|byte| is_name(byte)).count();
    let equals = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b'=');
    let numbered = text.get(at + 1).is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
    let alone = before + behind == 0;
    !alone && !numbered && (equals(Some(at + 1 + behind)) || equals((at - before).checked_sub(1)))
}

/// Why firmwares may read other words in a command than we do; reads on after "it". Small letters are words to
/// RepRapFirmware and Klipper and none to Marlin (without `GCODE_CASE_INSENSITIVE`); `X1E3` and `Y0X12` are one
/// number to some.
pub fn ambiguity(text: &[u8]) -> Option<&'static str> {
    let code = Code::of(text).filter(|code| !carries_text(*code))?;
    let start = match text {
        [b'T', b'?' | b'x' | b'c', ..] => 2,
        _ => text.len() - behind_code(text).len(),
    };
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let (mut quoted, mut in_brackets, mut seen) = (false, false, 0_u32);
    // A number ends there, and whether it is a lone zero.
    let mut number: Option<bool> = None;
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        let (before, behind) = (text.get(at.wrapping_sub(1)), text.get(at + 1..).unwrap_or_default());
        at += 1;
        quoted ^= byte == b'"';
        in_brackets = (in_brackets || byte == b'(') && byte != b')';
        if quoted {
            continue;
        }
        if byte.is_ascii_digit() || byte == b'.' {
            number = Some(byte == b'0' && number.is_none());
            continue;
        }
        let digits = behind.strip_prefix(b"-").or_else(|| behind.strip_prefix(b"+")).unwrap_or(behind);
        let goes_on = match byte.to_ascii_uppercase() {
            b'E' => number.is_some() && digits.first().is_some_and(u8::is_ascii_digit),
            b'X' => number == Some(true) && behind.first().is_some_and(u8::is_ascii_hexdigit),
            _ => false,
        };
        if goes_on {
            return Some("has a number that goes on in the next word to some firmwares (X1E3)");
        }
        number = None;
        let is_g = code.letter == b'G';
        let alone = !before.is_some_and(is_name) && !behind.first().is_some_and(is_name);
        if byte.is_ascii_lowercase() && (alone || is_g && !in_brackets) {
            return Some("has a word with a small letter, which only some firmwares read");
        }
        if byte.is_ascii_uppercase() && is_measured(code) && !is_named(text, at - 1) {
            let bit = 1 << (byte - b'A');
            if seen & bit != 0 {
                return Some("has a word twice, of which firmwares take either");
            }
            seen |= bit;
        }
    }
    None
}

/// What stands behind the letter and the number of a command, `.1` of `M104.1` too.
fn behind_code(text: &[u8]) -> &[u8] {
    let rest = text.get(1..).unwrap_or_default().trim_ascii_start();
    &rest[rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count()..]
}

/// What becomes of a command of a file, and why, where it is not simply sent. The strictest of its codes counts.
pub fn in_file(text: &[u8]) -> (InFile, Option<&'static Rule>) {
    let found = rules(text).filter(|rule| rule.in_file != InFile::Sent).max_by_key(|rule| rule.in_file);
    (found.map_or(InFile::Sent, |rule| rule.in_file), found)
}

/// The words of a pause in a file (`M0 Insert the nut`), without the times before them; absent where it has none.
pub fn pause_text(text: &[u8]) -> Option<String> {
    let code = Code::of(text)?;
    let rest = text[1..].trim_ascii_start();
    let rest = rest[rest.iter().take_while(|byte| byte.is_ascii_digit()).count()..].trim_ascii();
    let time = |word: &&[u8]| matches!(word.split_first(), Some((b'P' | b'S', digits)) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    let words: Vec<&[u8]> = rest
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .skip_while(|word| time(word))
        .collect();
    let shown =
        String::from_utf8_lossy(&words.join(&b' ')).chars().filter(|c| !c.is_control()).take(60).collect();
    (carries_text(code) && !words.is_empty()).then_some(shown)
}

/// The longest command that a console takes, in bytes: as in a file.
pub const CONSOLE_MAX: usize = 80;

/// When a console command may be sent, once its level is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    NoJob,
    NoJobAndBedClear,
}

/// Why a console command is not sent: what, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("the console of this printer is off; `console = \"read\"` in its [[printer]] section opens it")]
    Off,
    #[error(
        "this is no command of at most {CONSOLE_MAX} printable characters (a letter G, M or T, a number, its words); write one such as M503"
    )]
    NotACommand,
    #[error("{0} is not on the console's list; docs/commands.md has it")]
    NotListed(Code),
    #[error(
        "{code} is never sent from a console: it {does}; use the printer's own panel, or platen's verb for it"
    )]
    Never { code: Code, does: &'static str },
    #[error(
        "{code} is not sent unless the printer's profile allows it: it {does}; `allow_commands` in its [[printer]] section can"
    )]
    NotAllowed { code: Code, does: &'static str },
    #[error(
        "{code} needs a service console: it {does}; `console = \"service\"` in the [[printer]] section opens one"
    )]
    NeedsService { code: Code, does: &'static str },
    #[error("`{code}` as written is not sent: it {why}")]
    UnclearHeat { code: Code, why: &'static str },
    #[error("{code} heats to {max} °C at most from a console; print a file for more")]
    TooHot { code: Code, max: u16 },
}

/// Judges a console command against a printer's level and its own exceptions.
pub fn on_console(text: &[u8], level: Level, allowed: &[Code]) -> Result<When, NotSent> {
    if level == Level::Off {
        return Err(NotSent::Off);
    }
    let printable = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let Some(code) = Code::of(text).filter(|_| printable && text.len() <= CONSOLE_MAX) else {
        return Err(NotSent::NotACommand);
    };
    // A second command, a checksum or a comment would get past the list.
    if codes(text).nth(1).is_some() || text.iter().any(|byte| matches!(byte, b'*' | b';' | b'(')) {
        return Err(NotSent::NotACommand);
    }
    let Some(rule) = rule(code) else { return Err(NotSent::NotListed(code)) };
    let does = rule.does;
    let service =
        |when| if level == Level::Service { Ok(when) } else { Err(NotSent::NeedsService { code, does }) };
    match rule.console {
        OnConsole::Read => Ok(When::Always),
        OnConsole::ReadIdle => Ok(When::NoJob),
        OnConsole::Service => service(When::NoJob),
        OnConsole::ServiceBedClear => service(When::NoJobAndBedClear),
        OnConsole::ServiceHeat(max) => {
            let target = super::modal::word(text, b'S').unwrap_or(0.0);
            // `R` waits, and another heater may be named where this one was meant.
            let plain = words(text).all(|(letter, _)| matches!(letter, b'S' | b'T'));
            if plain && let Some(why) = heat_fault(text).filter(|_| (0.0..=f64::from(max)).contains(&target))
            {
                return Err(NotSent::UnclearHeat { code, why });
            }
            if !plain || !(0.0..=f64::from(max)).contains(&target) {
                return Err(NotSent::TooHot { code, max });
            }
            service(When::NoJob)
        }
        OnConsole::IfAllowed if allowed.contains(&code) => service(When::NoJob),
        OnConsole::IfAllowed => Err(NotSent::NotAllowed { code, does }),
        OnConsole::Never => Err(NotSent::Never { code, does }),
    }
}

/// `docs/commands.md`, as the table has it.
pub fn document() -> String {
    let mut page = String::from(
        "# What may be sent\n\n\
         Jobs and the console share one table, `TABLE` in `src/gcode/commands.rs`; this page is made from it, and a\n\
         test compares them (`PLATEN_WRITE_DOCS=1 cargo test commands` writes it anew).\n\n\
         A command that is not in the table is sent from a file, since slicers know many, and refused on the console.\n\
         `allow_commands` in a printer's section lifts what is \"only if allowed\", for files and for its console.\n\
         Commands of Klipper's that have a name go to a printer that is known to have Klipper, and to no other; those\n\
         that are not in the table are macros to platen, and their file is refused. Who allows one that runs a macro\n\
         mostly has to allow findings too (`heat.none`, `home.missing`, `heat.left_on`), since nobody reads the macro.\n\
         Files with such commands are taken in where some printer allows them, and must be queued for such a printer.\n\
         A command that heats stands alone in its line, has each word once and plain numbers, and asks for 500 °C\n\
         (nozzle), 200 °C (bed), 150 °C (chamber) at most; otherwise its file is refused.\n\n\
         | command | it | in a file | on the console |\n|---|---|---|---|\n",
    );
    for rule in TABLE {
        let in_file = match rule.in_file {
            InFile::Sent => "sent",
            InFile::Pauses => "a pause of platen's own; not sent",
            InFile::IfAllowed => "only if allowed",
            InFile::Never => "never",
        };
        let console = match rule.console {
            OnConsole::Read => "level `read`".to_owned(),
            OnConsole::ReadIdle => "level `read`, no job".to_owned(),
            OnConsole::Service => "level `service`, no job".to_owned(),
            OnConsole::ServiceBedClear => "level `service`, no job, bed clear".to_owned(),
            OnConsole::ServiceHeat(max) => format!("level `service`, no job, {max} °C at most"),
            OnConsole::IfAllowed => "level `service`, no job, only if allowed".to_owned(),
            OnConsole::Never => "never".to_owned(),
        };
        page.push_str(&format!("| `{}` | {} | {in_file} | {console} |\n", rule.code, rule.does));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_page_about_commands_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
        if std::env::var_os("PLATEN_WRITE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, document(), "PLATEN_WRITE_DOCS=1 cargo test commands writes it anew");
    }

    #[test]
    fn the_table_has_every_code_once_and_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_command_behind_another_one_in_its_line_counts_too() {
        assert_eq!(in_file(b"G1 X10 M112").0, InFile::Never);
        assert_eq!(in_file(b"G1 X10M500").0, InFile::IfAllowed);
        assert_eq!(in_file(b"M117 T0 M112").0, InFile::Sent, "text");
        assert_eq!(in_file(b"M0 M112").0, InFile::Pauses, "text");
        assert_eq!(in_file(b"G1 X10 Y2 E.5 F3000").0, InFile::Sent);
    }

    #[test]
    fn a_second_command_counts_in_every_spelling() {
        for letter in ["M", "m"] {
            for before in ["", " ", "\t", "  "] {
                for between in ["", " ", "\t", "  "] {
                    for number in ["500", "0500"] {
                        let text = format!("G1 X1{before}{letter}{between}{number}");
                        assert_eq!(in_file(text.as_bytes()).0, InFile::IfAllowed, "{text:?}");
                    }
                }
            }
        }
        for text in ["M105 m112", "M105 M 112", "M105m\t112", "M105 g 28"] {
            assert_eq!(on_console(text.as_bytes(), Level::Service, &[]), Err(NotSent::NotACommand), "{text}");
        }
    }

    #[test]
    fn what_switches_a_guard_off_or_runs_what_nobody_has_read_is_not_sent_by_itself() {
        for (text, want) in [
            ("M26 S0", InFile::Never),
            ("M81", InFile::IfAllowed),
            ("M86 S0", InFile::IfAllowed),
            ("M98 P\"macro.g\"", InFile::IfAllowed),
            ("M260 A5 B1", InFile::IfAllowed),
            ("M261 A5 B1", InFile::IfAllowed),
            ("M302 P1", InFile::IfAllowed),
            ("M305 P0 T100000", InFile::IfAllowed),
            ("M308 S0 P\"temp0\"", InFile::IfAllowed),
            ("M413 S0", InFile::Sent),
            ("M950 H0 C\"out0\" T0", InFile::IfAllowed),
            ("M1000", InFile::Never),
        ] {
            assert_eq!(in_file(text.as_bytes()).0, want, "{text}");
            let told = on_console(text.as_bytes(), Level::Read, &[]);
            assert!(!matches!(told, Ok(_) | Err(NotSent::NotListed(_))), "{text}: {told:?}");
        }
    }

    #[test]
    fn what_would_change_the_size_the_amounts_or_the_machine_is_kept_back_in_the_form_that_does() {
        for text in [
            "M200 D1.75",
            "M200 S1",
            "M200 T0 D1.75",
            "M200 S0 D1.75",
            "M200 D",
            "M200 L5",
            "M218 T1 X10",
            "M218 T1 Z-.5",
            "M425 F1 X.2",
            "M425 F0",
            "M281 P0 L10 U90",
            "M423 X1 Z.5",
            "M149 F",
            "M149 K",
            "M37 S1",
            "M3 S255",
            "M4",
            "M569 P0 S0",
            "M605 S2",
            "M605 S3",
            "M605 S1 X200",
            "M605 S",
            "M208 W500",
            "M208 A500",
            "M208 S1 B0",
            "M555 P2",
            "M556 S100 X1",
            "M558 P1",
            "M563 P0 D0 H1",
            "M567 P0 E3",
            "M574 X0",
            "M579 X1.1",
            "M581 T0 P-1",
            "M582 T0",
            "M584 X1 Y0",
            "M667 S1",
            "M669 K1",
            "M671 X0:1 Y0:1",
            "M309 P10",
            "M310 S0",
            "M861 S1 I50",
            "M871 V5 I0 B",
            "M911 S10 R11 P\"M913 X0\"",
            "M913 X30",
            "M914 X0",
            "M915",
            "M920 X100",
            "G10 P1 A5",
            "G31 Z-1.5",
            "G31 P500",
            "G51 X2",
            "G52 X100",
            "G68 A0 B0 R45",
            "G61 S0 XYZ",
            "M226 P4 S1",
            "M374",
            "M486 P0",
            "M486 C",
            "M501",
            "M505 P\"x\"",
            "M561",
            "M810",
            "M819",
            "M850 S0 Z-1.5",
        ] {
            assert_eq!(in_file(text.as_bytes()).0, InFile::IfAllowed, "{text}");
        }
        for text in ["M559", "M560 P\"x\"", "M916", "M292", "M471 S\"a\" T\"b\"", "M472 P\"x\""] {
            assert_eq!(in_file(text.as_bytes()).0, InFile::Never, "{text}");
        }
        for text in [
            // Start G-code of slicers and makers: off, as it was, or told.
            "M200 D0",
            "M200 D0 T1",
            "M200 S0",
            "M200 S0 D0.0",
            "M200",
            "M149 C",
            "M37 S0",
            "M208 S.1 W0 F480",
            "M208 W13 R8",
            "M218",
            "M425",
            "M605",
            "M605 S1",
            "G31",
            "M569 S0 E",
            "M569 S1 X Y",
            "M555 X10 Y10 W100 H80",
            // A mix comes to a whole in the firmware; dynamics change no shape; a filament's sensor is a matter of
            // its own; a servo is a probe's, which start G-code lets down or calms.
            "M163 S0 P.5",
            "M164 S0",
            "M165 A.5 B.5",
            "M166 A0 Z50",
            "M201 X500",
            "M203 X200",
            "M204 P800",
            "M205 J.02",
            "M205 X8 Y8",
            "M280 P0 S160",
            "M412 S0",
            "M486 S1",
            "M486 T3",
            "M486 ACube P0",
            "M486 S0 A\"Part C\"",
            "M493 S1 A40",
            "M566 X500",
            "M572 D0 S.04",
            "M591 D0 S1",
            "M593 X F40 D.1",
            "M900 K.05",
            "M16 MK3",
        ] {
            assert_eq!(in_file(text.as_bytes()).0, InFile::Sent, "{text}");
        }
    }

    #[test]
    fn of_klippers_commands_with_names_a_file_has_those_that_only_tell_tune_or_probe() {
        for (text, want) in [
            ("SET_PRINT_STATS_INFO CURRENT_LAYER=3", InFile::Sent),
            ("EXCLUDE_OBJECT_DEFINE NAME=a CENTER=1,2", InFile::Sent),
            ("EXCLUDE_OBJECT_START NAME=M112_G28", InFile::Sent),
            ("EXCLUDE_OBJECT_END NAME=a", InFile::Sent),
            ("SET_VELOCITY_LIMIT ACCEL=5000", InFile::Sent),
            ("SET_PRESSURE_ADVANCE ADVANCE=0.04", InFile::Sent),
            ("BED_MESH_CALIBRATE ADAPTIVE=1", InFile::Sent),
            ("BED_MESH_CLEAR", InFile::Sent),
            ("BED_MESH_PROFILE LOAD=default", InFile::Sent),
            ("BED_MESH_PROFILE SAVE=default", InFile::IfAllowed),
            ("BED_MESH_PROFILE LOAD=a SAVE=b", InFile::IfAllowed),
            ("BED_MESH_PROFILE", InFile::IfAllowed),
            ("TURN_OFF_HEATERS", InFile::Sent),
            ("START_PRINT BED=60 EXTRUDER=210", InFile::IfAllowed),
            ("PRINT_END", InFile::IfAllowed),
            ("EXCLUDE_OBJECT NAME=a", InFile::IfAllowed),
            ("SET_GCODE_OFFSET Z=-1", InFile::IfAllowed),
            ("SET_HEATER_TEMPERATURE HEATER=extruder TARGET=400", InFile::IfAllowed),
            ("SET_KINEMATIC_POSITION X=0", InFile::IfAllowed),
            ("SET_STEPPER_ENABLE STEPPER=stepper_x ENABLE=0", InFile::IfAllowed),
            ("FORCE_MOVE STEPPER=stepper_z DISTANCE=-50 VELOCITY=5", InFile::IfAllowed),
            ("MANUAL_STEPPER STEPPER=a MOVE=9", InFile::IfAllowed),
            ("PID_CALIBRATE HEATER=extruder TARGET=300", InFile::IfAllowed),
            ("SAVE_CONFIG", InFile::Never),
            ("RESTART", InFile::Never),
            ("FIRMWARE_RESTART", InFile::Never),
            ("CANCEL_PRINT", InFile::Never),
            ("SDCARD_PRINT_FILE FILENAME=a.gcode", InFile::Never),
        ] {
            assert_eq!(in_file(text.as_bytes()).0, want, "{text}");
            assert!(ambiguity(text.as_bytes()).is_none() && heat_fault(text.as_bytes()).is_none(), "{text}");
            assert!(on_console(text.as_bytes(), Level::Service, &[]).is_err(), "{text}");
        }
        assert!(TABLE.iter().all(|rule| rule.code.letter != Code::NAMED || rule.code.name().is_some()));
    }

    #[test]
    fn a_command_in_a_text_is_seen_where_some_firmwares_run_it() {
        for text in ["M118 E1 M112", "M118 E1 G28 Z", "M16 m112", "M486 Acube M3", "M862.3 P MK3 G1 X900"] {
            assert!(hides_command(text.as_bytes()), "{text}");
        }
        for text in [
            "M117 T0 M112",
            "M118 hello G",
            "M118 P0 S\"layer M3 G1\"",
            "M486 A\"cube M3\"",
            "M862.3 P \"MK3S\"",
            "M16 MK3",
            "M0 M112",
            "G1 X10 M106",
            "EXCLUDE_OBJECT_START NAME=M112",
        ] {
            assert!(!hides_command(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_words_of_a_pause_are_shown_without_its_times() {
        for (text, want) in [
            ("M0 Insert the nut", Some("Insert the nut")),
            ("M0 S30 Insert the nut", Some("Insert the nut")),
            ("M1 P500", None),
            ("M0", None),
            ("M25", None),
            ("M601", None),
            ("M0 P5 Put in S8 screws", Some("Put in S8 screws")),
        ] {
            assert_eq!(pause_text(text.as_bytes()).as_deref(), want, "{text}");
        }
        assert_eq!(pause_text(&[b"M0 ".as_slice(), &[b'x'; 500]].concat()).map(|text| text.len()), Some(60));
    }

    #[test]
    fn a_console_sends_what_its_level_allows_and_nothing_else() {
        let judge = |text: &str, level| on_console(text.as_bytes(), level, &[]);
        for level in [Level::Read, Level::Service] {
            for text in ["M105", "M114", "M115", "M119"] {
                assert_eq!(judge(text, level), Ok(When::Always), "{text}");
            }
            assert_eq!(judge("M503", level), Ok(When::NoJob));
            for text in [
                "M112", "M108", "M410", "M876 S0", "M999", "M110 N0", "M28 a.g", "M29", "M30 a.g", "M0",
                "M600", "G1 X400",
            ] {
                assert!(
                    matches!(judge(text, level), Err(NotSent::Never { .. } | NotSent::NotListed(_))),
                    "{text}"
                );
            }
            for text in [
                "M500",
                "M502",
                "M504",
                "M997",
                "M303 S200",
                "M851 Z-1",
                "M92 X80",
                "M906 X800",
                "M211 S0",
                "M85 S0",
            ] {
                assert!(matches!(judge(text, level), Err(NotSent::NotAllowed { .. })), "{text}");
            }
            for text in [
                "",
                "hello",
                "m105",
                "M105\nM112",
                "M105 ; x",
                "M105*3",
                "M105 M112",
                "G28 G91",
                "M105 ä",
                "N1 M105",
            ] {
                assert_eq!(judge(text, level), Err(NotSent::NotACommand), "{text:?}");
            }
            assert_eq!(judge(&format!("M105 {}", "x".repeat(80)), level), Err(NotSent::NotACommand));
        }
        assert_eq!(judge("M105", Level::Off), Err(NotSent::Off));
        assert!(matches!(judge("G28", Level::Read), Err(NotSent::NeedsService { .. })));
        assert_eq!(judge("G28", Level::Service), Ok(When::NoJobAndBedClear));
        assert_eq!(judge("M84", Level::Service), Ok(When::NoJob));
    }

    #[test]
    fn a_console_heats_within_limits_only() {
        let judge = |text: &str| on_console(text.as_bytes(), Level::Service, &[]);
        for text in ["M104 S0", "M104 S250", "M140 S60", "M104 T0 S200"] {
            assert_eq!(judge(text), Ok(When::NoJob), "{text}");
        }
        for text in
            ["M104 S251", "M140 S120", "M104 S-5", "M104 R900", "M104 S1e9", "M104 S200 B300", "M104 S99999"]
        {
            assert!(matches!(judge(text), Err(NotSent::TooHot { .. })), "{text}");
        }
        assert!(matches!(judge("M109 S200"), Err(NotSent::NotListed(_))), "it would wait");
    }

    #[test]
    fn a_target_that_firmwares_may_read_differently_is_not_sent() {
        for text in [
            "M104 S200 S300",
            "M104 S200 s300",
            "M109 R200 R300",
            "M140 S60 T0 T1",
            "M104 S3e2",
            "M104 S0x12C",
            "M104 S200,5",
            "M104 S200 300",
            "M104 S+200",
            "M104 S",
            "M104 S-",
            "M104 S.5",
            "M104 S2.0.0",
            "M109 R",
            "M190 Snan",
            "M141 S{chamber}",
            "M191 S60S70",
            "G10 P0 S200 S300",
            "M568 P0 S2e2",
            "G1 X1 M104 S200",
            "M104 S501",
            "M140 S201",
            "M191 S151",
            "M104 S70000",
            "M104 S-65336",
            "M104 T0 T1 S200",
            "M140 P0 H1 S60",
            "M140 H-1",
            "M141 P0 H2",
        ] {
            assert!(heat_fault(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "M104 S210",
            "M104 S0",
            "M109S210.5",
            "M104 T1 S 200",
            "M104 S200 B300 F",
            "M109 R180",
            "M190 S60 T2",
            "M104.1 T1 P105 Q105 S215",
            "G10",
            "G10 S1",
            "G10 P1 S210 R150",
            "G10 L2 P1 X0 Y-2.5",
            "M140 S-273.15",
            "M303 E-1 S90 C8",
            "M104 T0",
            "M109",
            "M117 M104 S200 S300",
            "G1 X1 X2",
            "M106 S255 S3e2",
        ] {
            assert_eq!(heat_fault(text.as_bytes()), None, "{text}");
        }
        for text in ["M104 S0 S400", "M104 S200 S0", "M104 T0 T1 S0", "M104 S"] {
            let told = on_console(text.as_bytes(), Level::Service, &[]);
            assert!(matches!(told, Err(NotSent::UnclearHeat { .. })), "{text}: {told:?}");
        }
        for text in ["M104 S3e2", "M104 S0x12C", "M140 S6 0"] {
            assert!(on_console(text.as_bytes(), Level::Service, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_profile_lifts_only_what_it_names_and_only_at_service_level() {
        let allowed = [Code::new(b'M', 500), Code::new(b'M', 112)];
        assert_eq!(on_console(b"M500", Level::Service, &allowed), Ok(When::NoJob));
        assert!(on_console(b"M500", Level::Read, &allowed).is_err());
        assert!(on_console(b"M502", Level::Service, &allowed).is_err());
        assert!(on_console(b"M112", Level::Service, &allowed).is_err(), "never means never");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_table_panic_or_lets_a_stop_through(text: Vec<u8>) {
            let _ = (in_file(&text), pause_text(&text), heat_fault(&text), hides_command(&text));
            if on_console(&text, Level::Service, &[]).is_ok() {
                prop_assert!(Code::of(&text).and_then(rule).is_some());
            }
        }
    }
}
