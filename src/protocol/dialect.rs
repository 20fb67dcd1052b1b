//! What differs between firmwares, as data: a table by name, refined by how the board behaves.

pub use crate::domain::printer::Firmware;

/// What a firmware does with a numbered line that is damaged or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for the line that it wants (`Resend: 5`, `rs N5`), so nothing can be lost unseen.
    Asks,
    /// It drops the line without a word: one line at a time, and what cannot be accounted for ends the job.
    Drops,
    /// It looks at neither number nor checksum; its way is a pipe of the kernel that loses nothing.
    Trusts,
}

/// One row of the table. Sources: `hosts-and-protocols.md` §2.1–2.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    pub refusal: Refusal,
    /// An `ok` that acknowledges nothing follows each request for a line.
    pub ok_after_resend: bool,
    /// An empty line is answered by an `ok`, too.
    pub answers_empty_lines: bool,
    /// `G1X1.5Y2` is run like `G1 X1.500 Y2`.
    pub runs_compact: bool,
    /// Line numbers are told modulo 65536.
    pub short_numbers: bool,
    /// `Cap:MEATPACK:1` may be believed: the packed form is unpacked to exactly what was packed.
    pub unpacks: bool,
}

const MARLIN: Traits = Traits {
    refusal: Refusal::Asks,
    ok_after_resend: true,
    answers_empty_lines: false,
    runs_compact: true,
    short_numbers: false,
    unpacks: false,
};

impl Firmware {
    /// Recognises `FIRMWARE_NAME:` of `M115` (§2.7).
    pub fn identify(firmware_name: &str) -> Self {
        let name = firmware_name.to_ascii_lowercase();
        let has = |part: &str| name.contains(part);
        if has("prusa-firmware") {
            Self::PrusaMk3
        } else if has("repetier") {
            Self::Repetier
        } else if has("smoothie") {
            Self::Smoothieware
        } else if has("reprapfirmware") {
            Self::RepRapFirmware
        } else if has("klipper") {
            Self::Klipper
        } else if has("marlin 1.") || has("marlin v1") {
            Self::Marlin11
        } else if has("marlin 2.0") {
            Self::Marlin20
        } else if has("marlin") {
            Self::Marlin21
        } else {
            Self::Unknown
        }
    }

    pub fn traits(self) -> Traits {
        match self {
            Self::Unknown => Traits { runs_compact: false, ..MARLIN },
            Self::Marlin11 | Self::PrusaMk3 => MARLIN,
            Self::Marlin20 | Self::Marlin21 => Traits { unpacks: true, ..MARLIN },
            Self::Repetier => Traits { short_numbers: true, ..MARLIN },
            Self::Smoothieware => {
                Traits { ok_after_resend: false, answers_empty_lines: true, runs_compact: false, ..MARLIN }
            }
            Self::RepRapFirmware => Traits {
                refusal: Refusal::Drops,
                ok_after_resend: false,
                answers_empty_lines: true,
                runs_compact: false,
                ..MARLIN
            },
            Self::Klipper => Traits {
                refusal: Refusal::Trusts,
                ok_after_resend: false,
                answers_empty_lines: true,
                runs_compact: false,
                ..MARLIN
            },
        }
    }
}

/// What a host may rely on. Begins with the least and learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub firmware: Firmware,
    pub traits: Traits,
    /// The operator named the firmware: what `M115` says changes nothing.
    named: bool,
    /// Requests for a line while greeting that an `ok` followed, and that none followed.
    resends_with_ok: u32,
    resends_without_ok: u32,
    /// `ok N…` was seen: acknowledgements name their line. There is no capability for it.
    pub advanced_ok: bool,
    /// `Cap:AUTOREPORT_TEMP:1`: `M155 S<s>` reports by itself.
    pub autoreport_temperature: bool,
    /// `Cap:EMERGENCY_PARSER:1`: `M112` and `M108` act even when the queue is full.
    pub emergency_parser: bool,
    /// `Cap:PROMPT_SUPPORT:1`
    pub prompts: bool,
    /// `Cap:ARCS:1`
    pub arcs: bool,
    /// `Cap:MEATPACK:1`
    pub meatpack: bool,
    /// `Cap:THERMAL_PROTECTION`: whether the firmware watches its heaters, where it says so.
    pub thermal_protection: Option<bool>,
    /// Seen `busy:`: the board says so while it works, so silence means something.
    pub says_busy: bool,
}

/// An observation against the table is believed when it was made this often.
const OBSERVED: u32 = 2;

impl Default for Dialect {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Dialect {
    /// `named` by the operator, or to be found out.
    pub fn new(named: Option<Firmware>) -> Self {
        let firmware = named.unwrap_or_default();
        Self {
            firmware,
            traits: firmware.traits(),
            named: named.is_some(),
            resends_with_ok: 0,
            resends_without_ok: 0,
            advanced_ok: false,
            autoreport_temperature: false,
            emergency_parser: false,
            prompts: false,
            arcs: false,
            meatpack: false,
            thermal_protection: None,
            says_busy: false,
        }
    }

    /// Takes in one `Cap:` line.
    pub fn learn(&mut self, capability: &str, able: bool) {
        match capability {
            "AUTOREPORT_TEMP" => self.autoreport_temperature = able,
            "EMERGENCY_PARSER" => self.emergency_parser = able,
            "PROMPT_SUPPORT" => self.prompts = able,
            "ARCS" => self.arcs = able,
            "MEATPACK" => self.meatpack = able,
            "THERMAL_PROTECTION" => self.thermal_protection = Some(able),
            _ => {}
        }
    }

    /// Takes in the name that `M115` told, unless the operator named the firmware.
    pub fn identify(&mut self, firmware_name: &str) {
        if self.named {
            return;
        }
        self.firmware = Firmware::identify(firmware_name);
        let seen = self.traits;
        self.traits = self.firmware.traits();
        // How it behaved in the greeting counts for more than its name.
        self.traits.refusal = match (seen.refusal, self.traits.refusal) {
            (Refusal::Asks, _) => Refusal::Asks,
            (_, Refusal::Trusts) => Refusal::Trusts,
            _ => Refusal::Drops,
        };
        self.judge_oks_after_resends();
    }

    /// The greeting's question, which must be refused, was refused (`true`) or simply run (`false`).
    pub fn saw_refusal(&mut self, refused: bool) {
        self.traits.refusal = match (refused, self.firmware.traits().refusal) {
            (true, _) => Refusal::Asks,
            (false, Refusal::Trusts) => Refusal::Trusts,
            // It looks at no number, and nobody says that its way is safe.
            (false, _) => Refusal::Drops,
        };
    }

    /// An answer that proves little may mean a firmware that refuses nothing: no name says otherwise.
    pub fn may_refuse_nothing(&self) -> bool {
        self.firmware == Firmware::Unknown || self.firmware.traits().refusal != Refusal::Asks
    }

    /// The quiet time after a refusal in the greeting has brought an `ok`, or none.
    pub fn saw_ok_after_resend(&mut self, came: bool) {
        if came {
            self.resends_with_ok += 1;
        } else {
            self.resends_without_ok += 1;
        }
        self.judge_oks_after_resends();
    }

    fn judge_oks_after_resends(&mut self) {
        // An `ok` lost in noise must not look like a firmware that sends none.
        if self.resends_without_ok >= OBSERVED && self.resends_with_ok == 0 {
            self.traits.ok_after_resend = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_firmware_is_known_by_what_it_says_of_itself() {
        let cases = [
            ("Marlin 2.1.2.6 (Nov 23 2026 16:26:59)", Firmware::Marlin21),
            ("Marlin bugfix-2.1.x (Jul  7 2026)", Firmware::Marlin21),
            ("Marlin 2.0.7.2 (Oct 01 2020 12:00:00)", Firmware::Marlin20),
            ("Marlin 1.1.9 (Github)", Firmware::Marlin11),
            ("Prusa-Firmware 3.14.1 based on Marlin", Firmware::PrusaMk3),
            ("Repetier_1.0.4", Firmware::Repetier),
            ("Smoothieware", Firmware::Smoothieware),
            ("RepRapFirmware for Duet 2 WiFi/Ethernet", Firmware::RepRapFirmware),
            ("Klipper", Firmware::Klipper),
            ("Teacup", Firmware::Unknown),
            ("", Firmware::Unknown),
        ];
        for (name, firmware) in cases {
            assert_eq!(Firmware::identify(name), firmware, "{name}");
        }
    }

    #[test]
    fn every_name_of_a_configuration_is_read_back() {
        for (firmware, name) in Firmware::ALL {
            assert_eq!((Firmware::named(name), firmware.name()), (Some(firmware), name));
        }
        assert_eq!((Firmware::named("unknown"), Firmware::named("marlin")), (None, None));
    }

    #[test]
    fn behaviour_counts_for_more_than_a_name() {
        let mut dialect = Dialect::default();
        dialect.saw_refusal(false);
        dialect.identify("Marlin 2.1");
        assert_eq!(dialect.traits.refusal, Refusal::Drops);
        dialect.saw_refusal(true);
        dialect.identify("Klipper");
        assert_eq!(dialect.traits.refusal, Refusal::Asks);
    }

    #[test]
    fn one_lost_ok_does_not_make_a_firmware_that_sends_none() {
        let mut dialect = Dialect::default();
        dialect.saw_ok_after_resend(false);
        dialect.identify("Marlin 2.1");
        assert!(dialect.traits.ok_after_resend);
        dialect.saw_ok_after_resend(false);
        assert!(!dialect.traits.ok_after_resend);
    }

    #[test]
    fn what_the_operator_names_is_not_changed_by_m115() {
        let mut dialect = Dialect::new(Some(Firmware::Smoothieware));
        dialect.identify("Marlin 2.1");
        assert_eq!(dialect.firmware, Firmware::Smoothieware);
    }
}
