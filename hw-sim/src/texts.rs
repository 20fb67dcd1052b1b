//! What each firmware says: banners, identities, temperatures, complaints and last words, by face.
//!
//! Nothing here decides anything. What a firmware does is in [`crate::quirks`], and what follows from that
//! is in the modules of the board.

use crate::heater::{HeaterId, Trip};
use crate::parser::LineError;
use crate::planner::Axes;
use crate::quirks::{Face, FirmwareConfig, ResetCause};
use crate::waiting::Asking;

/// What `M105` and its kin tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temperatures {
    pub(crate) hotend: f64,
    pub(crate) hotend_target: f64,
    pub(crate) hotend_power: u8,
    pub(crate) bed: f64,
    pub(crate) bed_target: f64,
    pub(crate) bed_power: u8,
    pub(crate) ambient: f64,
}

/// Why the board stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    M112,
    Button,
    /// Nothing moved for too long (`M85`).
    Inactive,
    Heat(HeaterId, Trip),
}

impl Stop {
    /// For the ledger.
    pub(crate) fn cause(self, face: Face) -> String {
        match self {
            Self::M112 => "M112".to_owned(),
            Self::Button => "kill button".to_owned(),
            Self::Inactive => "inactivity".to_owned(),
            Self::Heat(heater, trip) => format!("{}: {}", trip_words(trip).0, heater_name(face, heater)),
        }
    }
}

/// The report's word and the screen's.
fn trip_words(trip: Trip) -> (&'static str, &'static str) {
    match trip {
        Trip::MinTemp => ("MINTEMP triggered", "Err: MINTEMP"),
        Trip::MaxTemp => ("MAXTEMP triggered", "Err: MAXTEMP"),
        Trip::HeatingFailed => ("Heating failed", "Heating Failed"),
        Trip::Runaway => ("Thermal Runaway", "THERMAL RUNAWAY"),
    }
}

fn heater_name(face: Face, heater: HeaterId) -> &'static str {
    match (heater, face) {
        (HeaterId::Bed, _) => "bed",
        (HeaterId::Hotend, Face::Marlin11) => "0",
        (HeaterId::Hotend, _) => "E0",
    }
}

impl FirmwareConfig {
    /// What is said after a reset.
    pub(crate) fn banner_lines(&self, cause: ResetCause) -> Vec<String> {
        let cause = cause.banner();
        let (first, lines): (Vec<String>, &[&str]) = match self.face {
            Face::Marlin21 => (
                vec!["start".to_owned(), cause.to_owned()],
                &[
                    "Marlin 2.1.2.6",
                    "echo: Last Updated: 2024-11-18 | Author: (none, default config)",
                    "echo: Compiled: Nov 23 2026",
                    "echo: Free Memory: 0  PlannerBufferBytes: 1344",
                    "echo:V88 stored settings retrieved (596 bytes; crc 49578)",
                    "//action:notification Stored settings retrieved",
                    "//action:prompt_end",
                ],
            ),
            Face::Marlin20 => (
                vec!["start".to_owned(), cause.to_owned()],
                &[
                    "echo:Marlin 2.0.7.2",
                    "echo: Last Updated: 2020-10-01 | Author: (none, default config)",
                    "echo: Free Memory: 3892  PlannerBufferBytes: 1232",
                    "echo:V82 stored settings retrieved (592 bytes; crc 28422)",
                ],
            ),
            Face::Marlin11 => (
                vec!["start".to_owned(), cause.to_owned()],
                &[
                    "echo:Marlin 1.1.9",
                    "echo: Last Updated: 2018-07-31 | Author: (none, default config)",
                    "echo: Free Memory: 3906  PlannerBufferBytes: 1232",
                    "echo:Hardcoded Default Settings Loaded",
                ],
            ),
            Face::PrusaMk3 => (
                vec!["start".to_owned(), format!("echo:{cause}")],
                &[
                    "echo: 3.14.1-8237",
                    "echo: Last Updated: 2024-10-30 | Author: (none, default config)",
                    "echo: Free Memory: 2270  PlannerBufferBytes: 1760",
                    "echo:Stored settings retrieved",
                ],
            ),
            Face::Repetier => {
                (vec!["start".to_owned(), format!("Info:{}", cause.trim_start())], &["Free RAM:2750"])
            }
            Face::Smoothieware => (Vec::new(), &["Smoothie", "ok"]),
            // Native USB: by the time a host has found the port again, the banner is gone.
            Face::RepRapFirmware => (Vec::new(), &[]),
            Face::Klipper => (Vec::new(), &["// Klipper state: Ready"]),
        };
        let kept = lines.iter().filter(|line| self.host_actions || !line.starts_with("//action:"));
        first.into_iter().chain(kept.map(|line| (*line).to_owned())).collect()
    }

    /// The reply to `M115`, without its `ok`.
    pub(crate) fn identity_lines(&self) -> Vec<String> {
        let (machine, uuid) = (&self.machine_type, &self.uuid);
        let marlin = |name: &str| {
            format!(
                "FIRMWARE_NAME:{name} SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin PROTOCOL_VERSION:1.0 \
                 MACHINE_TYPE:{machine} EXTRUDER_COUNT:1 UUID:{uuid}"
            )
        };
        let first = match self.face {
            Face::Marlin21 => marlin("Marlin 2.1.2.6 (Nov 23 2026 16:26:59)"),
            Face::Marlin20 => marlin("Marlin 2.0.7.2 (Oct 01 2020 12:00:00)"),
            Face::Marlin11 => marlin("Marlin 1.1.9 (Github)"),
            Face::PrusaMk3 => format!(
                "FIRMWARE_NAME:Prusa-Firmware 3.14.1 based on Marlin FIRMWARE_URL:https://github.com/prusa3d/Prusa-Firmware \
                 PROTOCOL_VERSION:1.0 MACHINE_TYPE:{machine} EXTRUDER_COUNT:1 UUID:{uuid}"
            ),
            Face::Repetier => format!(
                "FIRMWARE_NAME:Repetier_1.0.4 COMPILED:Nov 23 2026 FIRMWARE_URL:https://github.com/repetier/Repetier-Firmware/ \
                 PROTOCOL_VERSION:1.0 MACHINE_TYPE:{machine} EXTRUDER_COUNT:1 REPETIER_PROTOCOL:3"
            ),
            Face::Smoothieware => "FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//smoothieware.org, \
                 X-SOURCE_CODE_URL:https://github.com/Smoothieware/Smoothieware, FIRMWARE_VERSION:edge-9ab4538, \
                 PROTOCOL_VERSION:1.0, X-FIRMWARE_BUILD_DATE:Oct 26 2023 18:35:50, X-SYSTEM_CLOCK:120MHz, X-AXES:5, \
                 X-GRBL_MODE:0"
                .to_owned(),
            Face::RepRapFirmware => "FIRMWARE_NAME: RepRapFirmware for Duet 2 WiFi/Ethernet FIRMWARE_VERSION: 3.4.5 \
                 ELECTRONICS: Duet WiFi 1.02 or later FIRMWARE_DATE: 2022-11-30"
                .to_owned(),
            Face::Klipper => "FIRMWARE_NAME:Klipper FIRMWARE_VERSION:v0.12.0-316-g0f1e9d70".to_owned(),
        };
        let mut lines = vec![first];
        lines.extend(self.capabilities().iter().map(|(name, on)| format!("Cap:{name}:{on}")));
        if self.face == Face::Marlin21 {
            let area = "{min:{x:0.00,y:0.00,z:0.00},max:{x:200.00,y:200.00,z:200.00}}";
            lines.push(format!("area:{{full:{area},work:{area}}}"));
        }
        lines
    }

    fn capabilities(&self) -> Vec<(&'static str, u8)> {
        let autoreport = u8::from(self.autoreport_temperature);
        let emergency = u8::from(self.emergency_parser);
        let actions = u8::from(self.host_actions);
        match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 => vec![
                ("SERIAL_XON_XOFF", 0),
                ("BINARY_FILE_TRANSFER", 0),
                ("EEPROM", 1),
                ("VOLUMETRIC", 1),
                ("AUTOREPORT_POS", u8::from(self.autoreport_position)),
                ("AUTOREPORT_TEMP", autoreport),
                ("PROGRESS", 0),
                ("PRINT_JOB", 1),
                ("AUTOLEVEL", 0),
                ("RUNOUT", u8::from(self.face == Face::Marlin21)),
                ("Z_PROBE", 0),
                ("LEVELING_DATA", 0),
                ("BUILD_PERCENT", 0),
                ("SOFTWARE_POWER", 0),
                ("TOGGLE_LIGHTS", 0),
                ("CASE_LIGHT_BRIGHTNESS", 0),
                ("EMERGENCY_PARSER", emergency),
                ("HOST_ACTION_COMMANDS", actions),
                ("PROMPT_SUPPORT", actions),
                ("SDCARD", 0),
                ("REPEAT", 0),
                ("SD_WRITE", 0),
                ("AUTOREPORT_SD_STATUS", 0),
                ("LONG_FILENAME", 0),
                ("LFN_WRITE", 0),
                ("CUSTOM_FIRMWARE_UPLOAD", 0),
                ("EXTENDED_M20", 0),
                ("THERMAL_PROTECTION", 1),
                ("MOTION_MODES", 0),
                ("ARCS", 1),
                ("BABYSTEPPING", 0),
                ("CHAMBER_TEMPERATURE", 0),
                ("COOLER_TEMPERATURE", 0),
                ("MEATPACK", u8::from(self.meatpack)),
                ("CONFIG_EXPORT", 0),
            ],
            Face::PrusaMk3 => vec![
                ("AUTOREPORT_TEMP", autoreport),
                ("AUTOREPORT_FANS", 1),
                ("AUTOREPORT_POSITION", 1),
                ("EXTENDED_M20", 1),
                ("PRUSA_MMU2", 1),
            ],
            _ => Vec::new(),
        }
    }

    /// The answer to `M105`, without its `ok`.
    pub(crate) fn temperature_fields(&self, now: &Temperatures) -> String {
        let Temperatures { hotend, hotend_target, hotend_power, bed, bed_target, bed_power, ambient } = *now;
        match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 => format!(
                " T:{hotend:.2} /{hotend_target:.2} B:{bed:.2} /{bed_target:.2} @:{hotend_power} B@:{bed_power}"
            ),
            Face::PrusaMk3 => format!(
                "T:{hotend:.1} /{hotend_target:.1} B:{bed:.1} /{bed_target:.1} T0:{hotend:.1} /{hotend_target:.1} \
                 @:{hotend_power} B@:{bed_power} P:{:.1} A:{:.1}",
                // The probe's sensor hangs between nozzle and plate; the board's is a little above the room.
                ambient + (bed - ambient) * 0.2,
                ambient + 4.0
            ),
            Face::Repetier => format!(
                "T:{hotend:.2} /{hotend_target:.0} B:{bed:.1} /{bed_target:.0} B@:{bed_power} @:{hotend_power}"
            ),
            Face::Smoothieware => format!(
                "T:{hotend:.1} /{hotend_target:.1} @{hotend_power} B:{bed:.1} /{bed_target:.1} @{bed_power}"
            ),
            Face::RepRapFirmware => {
                format!("T:{hotend:.1} /{hotend_target:.1} B:{bed:.1} /{bed_target:.1}")
            }
            Face::Klipper => format!("B:{bed:.1} /{bed_target:.1} T0:{hotend:.1} /{hotend_target:.1}"),
        }
    }

    /// What is said about once a second while a command waits for a heater, with the seconds left or `?`.
    pub(crate) fn heating_line(&self, now: &Temperatures, heater: HeaterId, left: &str) -> String {
        match (self.face, heater) {
            (Face::Marlin21 | Face::Marlin20 | Face::Marlin11, _) => {
                format!("{} W:{left}", self.temperature_fields(now))
            }
            (Face::PrusaMk3, HeaterId::Hotend) => format!("T:{:.1} E:0 W:{left}", now.hotend),
            (Face::PrusaMk3, HeaterId::Bed) => format!("T:{:.2} E:0 B:{:.1}", now.hotend, now.bed),
            _ => self.temperature_fields(now),
        }
    }

    /// What is said when a target is set.
    pub(crate) fn target_line(&self, heater: HeaterId, celsius: f64, now_celsius: f64) -> Option<String> {
        match (self.face, heater) {
            (Face::Repetier, HeaterId::Hotend) => Some(format!("TargetExtr0:{celsius:.0}")),
            (Face::Repetier, HeaterId::Bed) => Some(format!("TargetBed:{celsius:.0}")),
            (_, HeaterId::Bed) if self.host_actions => {
                let doing = if celsius > now_celsius { "Heating" } else { "Cooling" };
                Some(format!("//action:notification Bed {doing}..."))
            }
            _ => None,
        }
    }

    /// The answer to `M114`: where the planned moves end, and in steps where the head is.
    pub(crate) fn position_text(&self, position: Axes, [step_x, step_y, step_z]: [f64; 3]) -> String {
        let scale = match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 | Face::PrusaMk3 => 100.0,
            _ => 10_000.0,
        };
        // Adding 0 turns -0 into 0.
        let [x, y, z, e] = position.map(|value| (value * scale).round() / scale + 0.0);
        match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 => {
                format!("X:{x:.2} Y:{y:.2} Z:{z:.2} E:{e:.2} Count X:{step_x} Y:{step_y} Z:{step_z}")
            }
            Face::PrusaMk3 => format!(
                "X:{x:.2} Y:{y:.2} Z:{z:.2} E:{e:.2} Count X: {:.2} Y:{:.2} Z:{:.2} E:{e:.2}",
                step_x / self.steps_per_mm[0],
                step_y / self.steps_per_mm[1],
                step_z / self.steps_per_mm[2]
            ),
            Face::Repetier => format!("X:{x:.2} Y:{y:.2} Z:{z:.3} E:{e:.4}"),
            Face::Smoothieware => format!("C: X:{x:.4} Y:{y:.4} Z:{z:.4} E:{e:.4}"),
            Face::RepRapFirmware => format!(
                "X:{x:.3} Y:{y:.3} Z:{z:.3} E:{e:.3} E0:{e:.1} Count {step_x} {step_y} {step_z} \
                 Machine {x:.3} {y:.3} {z:.3} Bed comp 0.000"
            ),
            Face::Klipper => format!("X:{x:.3} Y:{y:.3} Z:{z:.3} E:{e:.3}"),
        }
    }

    /// What is said about a line that is refused, before it is asked for again; nothing where nothing is said.
    pub(crate) fn refusal_line(&self, error: LineError, last_number: i64, number: i64) -> String {
        use crate::quirks::ResendRequest;
        let next = last_number.saturating_add(1);
        match (self.resend, error) {
            (ResendRequest::Repetier, LineError::Number) => {
                format!("Error:expected line {next} got {number}")
            }
            (ResendRequest::Repetier, LineError::Checksum) => "Error:Wrong checksum".to_owned(),
            (ResendRequest::Repetier, LineError::NoChecksum | LineError::NoNumber) => {
                "Error:Missing checksum".to_owned()
            }
            (ResendRequest::Repetier, LineError::Format) => "Error:Format error".to_owned(),
            _ => format!("Error:{}{last_number}", error.text()),
        }
    }

    /// What is said about a command that nobody knows.
    pub(crate) fn unknown_line(&self, text: &[u8]) -> Option<Vec<u8>> {
        let around = |before: &str, text: &[u8], after: &str| {
            Some([before.as_bytes(), text, after.as_bytes()].concat())
        };
        match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 | Face::PrusaMk3 => {
                around("echo:Unknown command: \"", text, "\"")
            }
            Face::Repetier => around("Unknown command:", text, ""),
            Face::Smoothieware => None,
            Face::RepRapFirmware => around("Error: Bad command: ", text, ""),
            Face::Klipper => {
                let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
                around("// Unknown command:\"", &word.to_ascii_uppercase(), "\"")
            }
        }
    }

    /// What is said while a command takes its time; `heats` and `person` say what it waits for.
    pub(crate) fn busy_line(&self, heats: bool, person: bool) -> &'static str {
        match (self.face, heats, person) {
            (Face::Repetier, true, _) => "busy:heating",
            (Face::Repetier, _, true) => "busy:paused for user interaction",
            (Face::Repetier, ..) => "busy:processing",
            (_, _, true) => "echo:busy: paused for user",
            _ => "echo:busy: processing",
        }
    }

    /// Whether a change of filament is led through step by step.
    pub(crate) fn changes_filament(&self) -> bool {
        self.face == Face::Marlin21 && self.host_actions
    }

    /// What is said when a change of filament begins.
    pub(crate) fn filament_lines(&self) -> &'static [&'static str] {
        &[
            "//action:paused",
            "//action:prompt_end",
            "//action:prompt_begin Pause",
            "//action:prompt_button Dismiss",
            "//action:prompt_show",
        ]
    }

    /// What is said when filament was changed.
    pub(crate) fn resumed_lines(&self) -> &'static [&'static str] {
        &[
            "//action:resumed",
            "//action:prompt_end",
            "//action:prompt_begin Resuming",
            "//action:prompt_button Dismiss",
            "//action:prompt_show",
        ]
    }

    /// What is said when a person is waited for.
    pub(crate) fn asking_lines(&self, asking: Asking) -> &'static [&'static str] {
        match self.face {
            _ if asking == Asking::Filament => &[
                "echo:Insert filament and send M108",
                "//action:prompt_end",
                "//action:prompt_begin Nozzle Parked",
                "//action:prompt_button Continue",
                "//action:prompt_show",
            ],
            _ if asking == Asking::Purged => &[
                "//action:prompt_end",
                "//action:prompt_begin Paused",
                "//action:prompt_button PurgeMore",
                "//action:prompt_button Continue",
                "//action:prompt_show",
            ],
            _ if !self.host_actions => &[],
            Face::Repetier => &["RequestPause:User interaction"],
            _ => &[
                "//action:paused",
                "//action:prompt_end",
                "//action:prompt_begin Paused",
                "//action:prompt_button Continue",
                "//action:prompt_show",
            ],
        }
    }

    /// What is said when the person has come.
    pub(crate) fn continue_lines(&self) -> &'static [&'static str] {
        if self.face == Face::Repetier && self.host_actions { &["RequestContinue:"] } else { &[] }
    }

    /// What is said when bytes were lost, `count` of them in all.
    pub(crate) fn overrun_line(&self, count: u64) -> String {
        match self.face {
            Face::PrusaMk3 => "Full RX Buffer".to_owned(),
            _ => format!("Error:RX BUF overflow, increase RX_BUFFER_SIZE: {count}"),
        }
    }

    /// The last words.
    pub(crate) fn stop_lines(&self, stop: Stop, is_homed: bool) -> Vec<String> {
        let mut lines: Vec<String> = match self.face {
            Face::Marlin21 | Face::Marlin20 | Face::Marlin11 => self.marlin_stop_lines(stop, is_homed),
            Face::PrusaMk3 => match stop {
                Stop::M112 | Stop::Button | Stop::Inactive => {
                    vec!["Error:Printer halted. kill() called!".to_owned()]
                }
                Stop::Heat(heater, trip) => vec![
                    prusa_heat_line(heater, trip).to_owned(),
                    "Error:Printer stopped due to errors. Supervision required.".to_owned(),
                ],
            },
            Face::Repetier => match stop {
                Stop::M112 | Stop::Button | Stop::Inactive => Vec::new(),
                Stop::Heat(..) => vec![self.alarm_message(stop)],
            },
            Face::Smoothieware => match stop {
                // Its reply says the same behind the `ok`.
                Stop::M112 => Vec::new(),
                Stop::Button | Stop::Inactive => {
                    vec!["Kill button pressed - reset or M999 to continue".to_owned(), "!!".to_owned()]
                }
                Stop::Heat(heater, trip) => {
                    let letter = if heater == HeaterId::Bed { "B" } else { "T" };
                    let what = match trip {
                        Trip::MinTemp | Trip::MaxTemp => "MINTEMP or MAXTEMP triggered",
                        Trip::HeatingFailed | Trip::Runaway => "Temperature runaway",
                    };
                    vec![
                        format!(
                            "Error: {what} on {letter}. Check temperature sensors! HALT asserted - reset or M999 required"
                        ),
                        "Entering Alarm/Halt state".to_owned(),
                        "!!".to_owned(),
                    ]
                }
            },
            Face::RepRapFirmware => match stop {
                Stop::M112 | Stop::Button | Stop::Inactive => {
                    vec!["Emergency Stop! Reset the controller to continue.".to_owned()]
                }
                Stop::Heat(heater, _) => {
                    let number = if heater == HeaterId::Bed { 0 } else { 1 };
                    vec![format!("Error: Heater {number} fault: temperature excursion too large")]
                }
            },
            Face::Klipper => {
                vec![format!("!! {}", self.alarm_message(stop)), "// Klipper state: Shutdown".to_owned()]
            }
        };
        lines.retain(|line| self.host_actions || !line.starts_with("//action:"));
        lines
    }

    fn marlin_stop_lines(&self, stop: Stop, is_homed: bool) -> Vec<String> {
        let mut lines = Vec::new();
        match stop {
            Stop::M112 if self.face == Face::Marlin11 => {}
            Stop::M112 => lines.push("echo:M112 Shutdown".to_owned()),
            Stop::Button => lines.push("Error:!! KILL caused by KILL button/pin".to_owned()),
            Stop::Inactive => {
                lines.push("Error:!! KILL caused by too much inactive time - current command: ".to_owned())
            }
            Stop::Heat(heater, trip) => {
                let (message, screen) = trip_words(trip);
                let name = heater_name(self.face, heater);
                lines.push(format!("Error:{message}, system stopped! Heater_ID: {name}"));
                if self.face == Face::Marlin21 {
                    if heater == HeaterId::Hotend {
                        lines.push(String::new());
                    }
                    if !is_homed {
                        lines.push("echo:Home XYZ First".to_owned());
                        lines.push("//action:notification Home XYZ First".to_owned());
                    }
                    lines.push(format!("echo:{screen}"));
                }
            }
        }
        lines.push("Error:Printer halted. kill() called!".to_owned());
        lines.push("//action:poweroff".to_owned());
        lines
    }

    /// What stands against every command from now on, where commands are refused.
    pub(crate) fn alarm_message(&self, stop: Stop) -> String {
        let text = match (self.face, stop) {
            (Face::PrusaMk3, _) => "Error:Printer stopped due to errors. Supervision required.",
            (Face::Repetier, _) => {
                "fatal:Heater/sensor error - Printer stopped and heaters disabled due to this error. \
                 Fix error and restart with M999."
            }
            (Face::Smoothieware, _) if self.grbl_mode => "error:Alarm lock",
            (Face::Smoothieware, _) => "!!",
            (Face::Klipper, Stop::M112) => "Shutdown due to M112 command",
            (Face::Klipper, Stop::Button) => "Lost communication with MCU 'mcu'",
            (Face::Klipper, Stop::Heat(_, Trip::MinTemp | Trip::MaxTemp)) => {
                "MCU 'mcu' shutdown: ADC out of range"
            }
            (Face::Klipper, Stop::Heat(HeaterId::Bed, _)) => "Heater heater_bed not heating at expected rate",
            (Face::Klipper, Stop::Heat(HeaterId::Hotend, _)) => {
                "Heater extruder not heating at expected rate"
            }
            _ => "",
        };
        text.to_owned()
    }

    /// What a refused command is answered with, and whether an `ok` follows.
    pub(crate) fn refused_line(&self, message: &str) -> (String, bool) {
        match self.face {
            Face::Klipper => (format!("!! {message}"), true),
            Face::Smoothieware => (message.to_owned(), false),
            _ => (message.to_owned(), true),
        }
    }
}

fn prusa_heat_line(heater: HeaterId, trip: Trip) -> &'static str {
    match (heater, trip) {
        (HeaterId::Hotend, Trip::MinTemp) => "Error:0: Heaters switched off. MINTEMP triggered!",
        (HeaterId::Hotend, Trip::MaxTemp) => "Error:0: Heaters switched off. MAXTEMP triggered!",
        (HeaterId::Bed, Trip::MinTemp) => "Error:Heaters switched off. MINTEMP BED triggered!",
        (HeaterId::Bed, Trip::MaxTemp) => "Error:Heaters switched off. MAXTEMP BED triggered!",
        (HeaterId::Hotend, _) => "Error: HOTEND THERMAL RUNAWAY",
        (HeaterId::Bed, _) => "Error: HEATBED THERMAL RUNAWAY",
    }
}
