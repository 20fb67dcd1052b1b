//! Which board hangs on which port: what is known of both, and what a comparison with what is remembered tells.
//!
//! The ladder, strongest first. A rung decides where both sides have something to say on it that tells boards
//! apart; the next one is asked otherwise.
//!
//! ```text
//!  UUID of the firmware      the board itself, in any socket
//!  serial number of USB      the adapter or board, in any socket
//!  adapter, socket           the plug; a swap of two plugs between look-alikes shows only as doubt
//!  machine type, firmware    the kind of board
//! ```
//! Everything here came from strangers (firmware, USB descriptors): it is bounded and printable before it gets here.

use serde::{Deserialize, Serialize};

use super::ids::PrinterName;
use super::moment::WallTime;

/// What Marlin is built with where nobody sets `MACHINE_UUID` (`transcripts/…-first_contact.txt` has it too).
const UUID_OF_NOBODY: &str = "cede2a2f-41a2-4748-9b12-c55c62f367ff";
/// Shorter serial numbers are the maker's default, the same on every piece: `0001` of a CP2102.
const SERIAL_MIN: usize = 6;

/// One time that a USB plug was put in: it changes when the plug is pulled, or the host starts anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugging {
    /// The host's start.
    pub boot: String,
    /// The kernel's name of the place: `1-1.2`.
    pub device: String,
    /// The number that the kernel gave out for this plug.
    pub number: u32,
}

/// What USB tells of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbPort {
    /// Vendor and product: `1a86:7523`.
    pub kind: String,
    /// Absent where it has none, as a CH340.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The socket, as in `/dev/serial/by-path` without what stands before the controller.
    pub socket: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugging: Option<Plugging>,
}

/// What the board tells of itself in answer to `M115`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSays {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
}

/// All that is known of a port and the board on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Absent where the port is none of USB: a pseudo-terminal, a UART of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usb: Option<UsbPort>,
    #[serde(default)]
    pub board: BoardSays,
}

/// One distinct value at least, and no row of one character.
fn varies(text: &str) -> bool {
    let mut characters = text.chars().filter(char::is_ascii_alphanumeric);
    let first = characters.next();
    characters.any(|c| Some(c) != first)
}

impl Evidence {
    /// The UUID, where it is not one that boards have by default.
    fn uuid(&self) -> Option<&str> {
        self.board.uuid.as_deref().filter(|uuid| !uuid.eq_ignore_ascii_case(UUID_OF_NOBODY) && varies(uuid))
    }

    /// The USB serial number, where it is not one that adapters have by default.
    fn serial(&self) -> Option<&str> {
        let serial = self.usb.as_ref()?.serial.as_deref()?;
        (serial.chars().count() >= SERIAL_MIN && varies(serial)).then_some(serial)
    }

    fn socket(&self) -> Option<&str> {
        self.usb.as_ref().map(|usb| usb.socket.as_str())
    }

    fn plugging(&self) -> Option<&Plugging> {
        self.usb.as_ref()?.plugging.as_ref()
    }

    fn without_plugging(&self) -> Self {
        let usb = self.usb.as_ref().map(|usb| UsbPort { plugging: None, ..usb.clone() });
        Self { usb, board: self.board.clone() }
    }

    /// Nothing but the place tells the two apart.
    fn looks_like(&self, other: &Self) -> bool {
        let plug = |evidence: &Self| evidence.usb.as_ref().map(|usb| (usb.kind.clone(), usb.serial.clone()));
        self.board == other.board && plug(self) == plug(other)
    }
}

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    Uuid,
    UsbSerial,
    /// Vendor and product of the adapter.
    Adapter,
    Socket,
    MachineType,
    FirmwareName,
}

impl Rung {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Uuid => "the UUID of its firmware",
            Self::UsbSerial => "its USB serial number",
            Self::Adapter => "the kind of its USB adapter",
            Self::Socket => "its USB socket",
            Self::MachineType => "its machine type",
            Self::FirmwareName => "the name of its firmware",
        }
    }

    /// It names one board among all, wherever it is plugged in.
    fn is_unique(self) -> bool {
        matches!(self, Self::Uuid | Self::UsbSerial)
    }
}

/// Why a board may not get a line of this printer's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wrong {
    /// It is another board, or another socket.
    Mismatch {
        what: Rung,
        /// Absent: this printer had none.
        expected: Option<String>,
        /// Absent: this one has none.
        found: Option<String>,
        /// The printer of ours that it seems to be.
        belongs_to: Option<PrinterName>,
    },
    /// Both were unplugged since somebody knew which is which, and nothing tells them apart.
    Doubt { with: PrinterName },
}

impl Wrong {
    /// The printer of ours that this board is, or may be.
    pub fn ours(&self) -> Option<&PrinterName> {
        match self {
            Self::Mismatch { belongs_to, .. } => belongs_to.as_ref(),
            Self::Doubt { with } => Some(with),
        }
    }

    /// For a technician. Holds text of the firmware: it stays local.
    pub fn in_words(&self) -> String {
        match self {
            Self::Mismatch { what, expected, found, belongs_to } => {
                let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
                let told = format!("{} is {}, not {}", what.in_words(), value(found), value(expected));
                match belongs_to {
                    Some(other) => {
                        format!(
                            "this is not its board: {told}; it seems to be {other}: are the plugs swapped?"
                        )
                    }
                    None => format!("this is not the board that was known here: {told}"),
                }
            }
            Self::Doubt { with } => format!(
                "it may be {with}: both were unplugged since they were last known, they look the same, and neither \
                 firmware nor adapter has a number of its own"
            ),
        }
    }
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `changed`: what else is known of it is not as remembered (another socket, newer firmware).
    Same {
        by: Rung,
        changed: bool,
    },
    /// Nothing was remembered yet.
    New,
    Wrong(Wrong),
}

/// Another printer of this lab, as it was when a port was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    pub name: PrinterName,
    pub evidence: Evidence,
    /// Its plug was not pulled since it was known.
    pub in_place: bool,
    /// No job runs on it, as far as the journal knows.
    pub rests: bool,
}

/// What a board on an open port is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognition {
    pub usb: Option<UsbPort>,
    /// What is remembered of this printer; nothing before it was ever connected.
    pub known: Option<Evidence>,
    pub neighbours: Vec<Neighbour>,
    /// The operator says that this plug never leaves its socket.
    pub fixed_plug: bool,
}

impl Recognition {
    /// The port with what its board says.
    pub fn seen(&self, board: &BoardSays) -> Evidence {
        Evidence { usb: self.usb.clone(), board: board.clone() }
    }

    /// No neighbour is remembered with the same, so that it tells this printer from all others.
    fn unshared<'a>(&self, value: Option<&'a str>, of: fn(&Evidence) -> Option<&str>) -> Option<&'a str> {
        value.filter(|value| !self.neighbours.iter().any(|other| of(&other.evidence) == Some(*value)))
    }

    /// The neighbour that `seen` seems to be, and by what.
    fn claimed(&self, seen: &Evidence) -> Option<(&Neighbour, Rung)> {
        let known = self.known.as_ref();
        let by = |rung: Rung, of: fn(&Evidence) -> Option<&str>| {
            // What this printer has too tells nothing.
            let value = of(seen).filter(|value| known.and_then(of) != Some(*value))?;
            let other = self.neighbours.iter().find(|other| of(&other.evidence) == Some(value))?;
            Some((other, rung))
        };
        by(Rung::Uuid, Evidence::uuid).or_else(|| by(Rung::UsbSerial, Evidence::serial)).or_else(|| {
            let (other, rung) = by(Rung::Socket, Evidence::socket)?;
            // The socket alone says nothing about a board that has a number of its own.
            let numbered = |evidence: &Evidence| evidence.uuid().is_some() || evidence.serial().is_some();
            (!numbered(seen) && !numbered(&other.evidence)).then_some((other, rung))
        })
    }

    fn mismatch(&self, what: Rung, seen: &Evidence, expected: Option<&str>, found: Option<&str>) -> Verdict {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        let alike = || {
            let mut alike = self.neighbours.iter().filter(|other| {
                other.evidence.usb.is_none() && seen.usb.is_none() && other.evidence.board == seen.board
            });
            // Of two that look the same, nobody knows which.
            alike.next().filter(|_| alike.next().is_none())
        };
        let belongs_to = self.claimed(seen).map(|(other, _)| other).or_else(alike);
        Verdict::Wrong(Wrong::Mismatch {
            what,
            expected: owned(expected),
            found: owned(found),
            belongs_to: belongs_to.map(|other| other.name.clone()),
        })
    }

    /// Whether the board that says this is this printer's.
    pub fn judge(&self, board: &BoardSays) -> Verdict {
        let seen = &self.seen(board);
        let Some(known) = &self.known else {
            return match self.claimed(seen) {
                Some((_, Rung::Socket)) => self.mismatch(Rung::Socket, seen, None, seen.socket()),
                Some((_, Rung::UsbSerial)) => self.mismatch(Rung::UsbSerial, seen, None, seen.serial()),
                Some((_, what)) => self.mismatch(what, seen, None, seen.uuid()),
                None => Verdict::New,
            };
        };
        if let Some((_, Rung::Uuid)) = self.claimed(seen) {
            return self.mismatch(Rung::Uuid, seen, known.uuid(), seen.uuid());
        }
        let moved =
            Verdict::Same { by: Rung::Uuid, changed: known.without_plugging() != seen.without_plugging() };
        match (self.unshared(known.uuid(), Evidence::uuid), seen.uuid()) {
            (Some(wanted), Some(found)) if wanted == found => return moved,
            (Some(wanted), found) => return self.mismatch(Rung::Uuid, seen, Some(wanted), found),
            (None, _) => {}
        }
        let machine = (known.board.machine.as_deref(), seen.board.machine.as_deref());
        match (self.unshared(known.serial(), Evidence::serial), seen.serial()) {
            (Some(wanted), Some(found)) if wanted == found => {
                if machine.0 != machine.1 {
                    return self.mismatch(Rung::MachineType, seen, machine.0, machine.1);
                }
                let changed = known.without_plugging() != seen.without_plugging();
                return Verdict::Same { by: Rung::UsbSerial, changed };
            }
            (Some(wanted), found) => return self.mismatch(Rung::UsbSerial, seen, Some(wanted), found),
            (None, _) => {}
        }
        self.judge_by_kind(known, seen)
    }

    /// Neither has a number of its own: everything has to be as it was.
    fn judge_by_kind(&self, known: &Evidence, seen: &Evidence) -> Verdict {
        let usb = |of: fn(&UsbPort) -> Option<&str>| {
            (known.usb.as_ref().and_then(of), seen.usb.as_ref().and_then(of))
        };
        let says = |of: fn(&BoardSays) -> Option<&str>| (of(&known.board), of(&seen.board));
        let rungs = [
            (Rung::UsbSerial, usb(|usb| usb.serial.as_deref())),
            (Rung::Uuid, says(|board| board.uuid.as_deref())),
            (Rung::Adapter, usb(|usb| Some(&usb.kind))),
            (Rung::Socket, usb(|usb| Some(&usb.socket))),
            (Rung::MachineType, says(|board| board.machine.as_deref())),
            (Rung::FirmwareName, says(|board| board.firmware.as_deref())),
        ];
        for (what, (expected, found)) in rungs {
            if expected != found {
                return self.mismatch(what, seen, expected, found);
            }
        }
        if seen.usb.is_none() {
            let by = if seen.board.machine.is_some() { Rung::MachineType } else { Rung::FirmwareName };
            return Verdict::Same { by, changed: false };
        }
        let untouched = known.plugging().is_some() && known.plugging() == seen.plugging();
        if !untouched && !self.fixed_plug {
            let twin = |other: &&Neighbour| !other.in_place && other.evidence.looks_like(seen);
            if let Some(other) = self.neighbours.iter().find(twin) {
                return Verdict::Wrong(Wrong::Doubt { with: other.name.clone() });
            }
        }
        Verdict::Same { by: Rung::Socket, changed: known != seen }
    }

    /// A wrong board is ours and no job runs on it: what it has heated, we may switch off.
    pub fn may_switch_off(&self, wrong: &Wrong) -> bool {
        let Some(name) = wrong.ours() else { return false };
        self.neighbours.iter().any(|other| other.name == *name && other.rests)
    }
}

/// What is remembered of a printer's board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub evidence: Evidence,
    /// The person who said so; absent where platen learned it when it first connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub at: WallTime,
}

impl Identity {
    /// By what the printer is known.
    pub fn rung(&self) -> Rung {
        let Evidence { usb, board } = &self.evidence;
        match () {
            () if self.evidence.uuid().is_some() => Rung::Uuid,
            () if self.evidence.serial().is_some() => Rung::UsbSerial,
            () if usb.is_some() => Rung::Socket,
            () if board.machine.is_some() => Rung::MachineType,
            () => Rung::FirmwareName,
        }
    }

    /// A look-alike in its place would not be noticed by itself.
    pub fn is_weak(&self) -> bool {
        !self.rung().is_unique()
    }
}

/// A port whose board is not this printer's. Survives restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    pub why: Wrong,
    pub at: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const U1: &str = "6f1e0c52-0001-4000-8000-5a4c0f9e0001";
    const U2: &str = "6f1e0c52-0002-4000-8000-5a4c0f9e0002";

    fn plug(serial: Option<&str>, socket: &str, number: u32) -> Option<UsbPort> {
        let plugging = Some(Plugging { boot: "b".into(), device: format!("1-{socket}"), number });
        Some(UsbPort {
            kind: "1a86:7523".into(),
            serial: serial.map(Into::into),
            socket: socket.into(),
            plugging,
        })
    }

    fn board(uuid: Option<&str>, machine: &str, firmware: &str) -> BoardSays {
        BoardSays {
            uuid: uuid.map(Into::into),
            machine: Some(machine.into()),
            firmware: Some(firmware.into()),
        }
    }

    fn neighbour(name: &str, evidence: Evidence) -> Neighbour {
        Neighbour { name: name.parse().unwrap(), evidence, in_place: true, rests: true }
    }

    fn evidence(usb: Option<UsbPort>, board: BoardSays) -> Evidence {
        Evidence { usb, board }
    }

    fn judged(known: &Evidence, seen: &Evidence, neighbours: Vec<Neighbour>) -> Verdict {
        let known = Some(known.clone());
        Recognition { usb: seen.usb.clone(), known, neighbours, fixed_plug: false }.judge(&seen.board)
    }

    #[test]
    fn the_ladder_is_climbed_down_until_a_rung_tells() {
        use Rung::*;
        let ender = |uuid| board(uuid, "Ender-3", "Marlin 2.1.2");
        let ch340 = |uuid, socket| evidence(plug(None, socket, 4), ender(uuid));
        let ftdi = |serial, socket, board| evidence(plug(Some(serial), socket, 4), board);
        let pty = |machine, firmware| evidence(None, board(None, machine, firmware));
        let same = |by, changed| Ok((by, changed));
        let cases = [
            ("all as it was", ch340(Some(U1), "1"), ch340(Some(U1), "1"), same(Uuid, false)),
            ("another socket", ch340(Some(U1), "1"), ch340(Some(U1), "2"), same(Uuid, true)),
            ("another UUID", ch340(Some(U1), "1"), ch340(Some(U2), "1"), Err(Uuid)),
            ("no UUID any more", ch340(Some(U1), "1"), ch340(None, "1"), Err(Uuid)),
            ("a UUID where none was", ch340(None, "1"), ch340(Some(U1), "1"), Err(Uuid)),
            (
                "Marlin's default UUID",
                ch340(Some(UUID_OF_NOBODY), "1"),
                ch340(Some(UUID_OF_NOBODY), "1"),
                same(Socket, false),
            ),
            (
                "a default UUID elsewhere",
                ch340(Some(UUID_OF_NOBODY), "1"),
                ch340(Some(UUID_OF_NOBODY), "2"),
                Err(Socket),
            ),
            ("no number, another socket", ch340(None, "1"), ch340(None, "2"), Err(Socket)),
            (
                "a serial number moved",
                ftdi("A50285BI", "1", ender(None)),
                ftdi("A50285BI", "2", ender(None)),
                same(UsbSerial, true),
            ),
            (
                "newer firmware",
                ftdi("A50285BI", "1", ender(None)),
                ftdi("A50285BI", "1", board(None, "Ender-3", "Marlin 2.1.3")),
                same(UsbSerial, true),
            ),
            (
                "another machine behind it",
                ftdi("A50285BI", "1", ender(None)),
                ftdi("A50285BI", "1", board(None, "CR-10", "Marlin 2.1.2")),
                Err(MachineType),
            ),
            (
                "another serial number",
                ftdi("A50285BI", "1", ender(None)),
                ftdi("A50285BJ", "1", ender(None)),
                Err(UsbSerial),
            ),
            (
                "a UUID over another serial",
                ftdi("A50285BI", "1", ender(Some(U1))),
                ftdi("A50285BJ", "1", ender(Some(U1))),
                same(Uuid, true),
            ),
            ("a serial where none was", ch340(None, "1"), ftdi("A50285BI", "1", ender(None)), Err(UsbSerial)),
            ("a maker's serial", ftdi("0001", "1", ender(None)), ftdi("0001", "2", ender(None)), Err(Socket)),
            (
                "no USB",
                pty("Ender-3", "Marlin 2.1.2"),
                pty("Ender-3", "Marlin 2.1.2"),
                same(MachineType, false),
            ),
            (
                "another machine",
                pty("Ender-3", "Marlin 2.1.2"),
                pty("CR-10", "Marlin 2.1.2"),
                Err(MachineType),
            ),
            (
                "another firmware",
                pty("Ender-3", "Marlin 2.1.2"),
                pty("Ender-3", "Marlin 2.1.3"),
                Err(FirmwareName),
            ),
            ("USB where none was", pty("Ender-3", "Marlin 2.1.2"), ch340(None, "1"), Err(Adapter)),
        ];
        for (case, known, seen, wanted) in cases {
            let verdict = match judged(&known, &seen, Vec::new()) {
                Verdict::Same { by, changed } => Ok((by, changed)),
                Verdict::Wrong(Wrong::Mismatch { what, .. }) => Err(what),
                other => panic!("{case}: {other:?}"),
            };
            assert_eq!(verdict, wanted, "{case}");
        }
    }

    #[test]
    fn a_board_of_another_printer_is_called_by_its_name() {
        let a = evidence(plug(None, "1", 4), board(Some(U1), "Ender-3", "Marlin"));
        let b = evidence(plug(None, "2", 5), board(Some(U2), "Ender-3", "Marlin"));
        let Verdict::Wrong(wrong) = judged(&a, &b, vec![neighbour("b", b.clone())]) else { panic!() };
        assert_eq!(wrong.ours().map(PrinterName::as_str), Some("b"));
        let words = wrong.in_words();
        assert!(words.contains(U1) && words.contains(U2) && words.contains("seems to be b"), "{words}");
        // Never connected before, and there is another printer's board.
        let first = Recognition {
            usb: b.usb.clone(),
            neighbours: vec![neighbour("b", b.clone())],
            ..Default::default()
        };
        assert!(matches!(first.judge(&b.board), Verdict::Wrong(Wrong::Mismatch { what: Rung::Uuid, .. })));
        assert!(first.may_switch_off(&wrong));
        let at_work = Neighbour { rests: false, ..neighbour("b", b.clone()) };
        assert!(!Recognition { neighbours: vec![at_work], ..first }.may_switch_off(&wrong));
    }

    #[test]
    fn a_number_that_two_printers_have_tells_nothing() {
        let at = |socket, number| evidence(plug(None, socket, number), board(Some(U1), "Ender-3", "Marlin"));
        let (a, b) = (at("1", 4), at("2", 5));
        assert_eq!(
            judged(&a, &a, vec![neighbour("b", b.clone())]),
            Verdict::Same { by: Rung::Socket, changed: false }
        );
        assert!(matches!(
            judged(&a, &b, vec![neighbour("b", b.clone())]),
            Verdict::Wrong(Wrong::Mismatch { what: Rung::Socket, belongs_to: None, .. })
        ));
    }

    #[test]
    fn two_look_alikes_that_were_both_unplugged_are_in_doubt() {
        let at = |socket, number| evidence(plug(None, socket, number), board(None, "Ender-3", "Marlin"));
        let known = at("1", 4);
        let b = neighbour("b", at("2", 5));
        let pulled = Neighbour { in_place: false, ..b.clone() };
        let doubt = Verdict::Wrong(Wrong::Doubt { with: "b".parse().unwrap() });
        let same = |changed| Verdict::Same { by: Rung::Socket, changed };
        assert_eq!(judged(&known, &at("1", 4), vec![pulled.clone()]), same(false), "never pulled");
        assert_eq!(judged(&known, &at("1", 9), vec![b]), same(true), "the other one is where it was");
        assert_eq!(judged(&known, &at("1", 9), vec![pulled.clone()]), doubt);
        let unlike = evidence(plug(None, "2", 5), board(None, "CR-10", "Marlin"));
        let unlike = Neighbour { evidence: unlike, ..pulled.clone() };
        assert_eq!(judged(&known, &at("1", 9), vec![unlike]), same(true), "they do not look the same");
        let fixed = Recognition {
            usb: plug(None, "1", 9),
            known: Some(known),
            neighbours: vec![pulled],
            fixed_plug: true,
        };
        assert_eq!(fixed.judge(&board(None, "Ender-3", "Marlin")), same(true));
    }

    fn any_board() -> impl Strategy<Value = BoardSays> {
        let text = || proptest::option::of(prop_oneof![Just(U1), Just(U2), Just("x"), Just(UUID_OF_NOBODY)]);
        (text(), text(), text()).prop_map(|(uuid, machine, firmware)| BoardSays {
            uuid: uuid.map(Into::into),
            machine: machine.map(Into::into),
            firmware: firmware.map(Into::into),
        })
    }

    fn any_evidence() -> impl Strategy<Value = Evidence> {
        let serial = proptest::option::of(prop_oneof![Just("A50285BI"), Just("A50285BJ"), Just("0001")]);
        let usb = proptest::option::of((serial, prop_oneof![Just("1"), Just("2")], 1u32..3));
        (usb, any_board()).prop_map(|(usb, board)| Evidence {
            usb: usb.and_then(|(serial, socket, number)| plug(serial, socket, number)),
            board,
        })
    }

    proptest! {
        #[test]
        fn a_board_swapped_with_the_neighbours_is_never_taken_for_the_printers_own(
            a in any_evidence(), b in any_evidence(),
        ) {
            // Swapped: the board of `b` with its adapter is in the socket of `a`.
            let swapped = Evidence {
                usb: match (&a.usb, &b.usb) {
                    (Some(a), Some(b)) => Some(UsbPort { socket: a.socket.clone(), plugging: None, ..b.clone() }),
                    _ => b.usb.clone(),
                },
                board: b.board.clone(),
            };
            let neighbour = Neighbour { in_place: false, ..neighbour("b", b.clone()) };
            let verdict = judged(&a, &swapped, vec![neighbour]);
            // A wire of the host's own has no plug that could be swapped.
            let wired = a.usb.is_none() && b.usb.is_none() && a.board == b.board;
            prop_assert!(wired || matches!(verdict, Verdict::Wrong(_)), "{verdict:?}");
        }

        #[test]
        fn what_was_just_learned_is_known_again(a in any_evidence()) {
            let verdict = judged(&a, &a, Vec::new());
            prop_assert!(matches!(verdict, Verdict::Same { changed: false, .. }), "{verdict:?}");
        }
    }
}
