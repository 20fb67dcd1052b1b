//! Everything that may ever be said to a ChiTu board.
//!
//! There is no way to send other text: `M8500`, `M8510` and `M8512` save, apply and dump a board's settings,
//! and no command here is one of them. Names are safe by their type, so nothing can be smuggled behind one.

use std::fmt;

use crate::units::{Micrometres, MicrometresPerSecond};

/// The codes of all commands (facts A.2).
pub const ALLOWED: [&str; 19] = [
    "G0", "M20", "M23", "M24", "M25", "M27", "M28", "M29", "M33", "M112", "M114", "M4000", "M4001", "M4002",
    "M4003", "M4004", "M4006", "M4012", "M6030",
];

/// A file that is to print has another extension, and the board looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    Ctb,
    Goo,
    /// Longer than the three letters of an old FAT name: such a stick needs long names, which all PCs write.
    Cbddlp,
    /// As `Cbddlp`.
    Photon,
}

impl Extension {
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ctb => "CTB",
            Self::Goo => "GOO",
            Self::Cbddlp => "CBDDLP",
            Self::Photon => "PHOTON",
        }
    }
}

/// The name of a file in the root of a board's stick: chosen by chance, so it holds nothing of anybody.
///
/// Eight characters and the extension, all ASCII capitals and digits: `P7K3QX2A.CTB`. Boards and sticks do
/// not keep case, so names are compared without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

/// Letters and digits that no one reads for one another: no `0 O 1 I`.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const STEM: usize = 8;

/// A text that is no name of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name that a file gets on a board's stick: eight capitals or digits, then .CTB, .GOO, .CBDDLP or .PHOTON"
)]
pub struct BadName(pub String);

impl FileName {
    /// From random bytes of the caller; five bits of each make a character.
    #[must_use]
    pub fn random(chance: [u8; STEM], extension: Extension) -> Self {
        let mut name: String =
            chance.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
        name.push('.');
        name.push_str(extension.text());
        Self(name)
    }

    /// Reads back a name that was chosen before, by an earlier run of the program.
    ///
    /// # Errors
    /// Where it is no such name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let known = [Extension::Ctb, Extension::Goo, Extension::Cbddlp, Extension::Photon];
        match text.split_once('.') {
            Some((stem, extension))
                if stem.len() == STEM
                    && stem.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                    && known.iter().any(|known| known.text() == extension) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(BadName(text.chars().take(64).collect())),
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether what a board says, a name or a path, is this file in the root of its stick or names it alone.
    #[must_use]
    pub fn is(&self, said: &str) -> bool {
        let said = said.trim();
        let said = said.strip_prefix(':').unwrap_or(said);
        let said = said.strip_prefix('/').unwrap_or(said);
        self.0.eq_ignore_ascii_case(said)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One command. What each does: facts A.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `M4002`: who are you?
    Hello,
    /// `M4001`: steps, axes, encoding.
    Axes,
    /// `M4000`: heights and how far.
    Status,
    /// `M114`: heights, where `M4000` tells none.
    Position,
    /// `M27`: how far.
    Progress,
    /// `M4006`: which file?
    Selected,
    /// `M4004`: what do you wait for?
    Blocked,
    /// `M20`: names and sizes in the root of the stick.
    List,
    /// `M23 /name`
    Select(FileName),
    /// `M6030 'name'`: starts the file of this name.
    StartByName(FileName),
    /// `M24`: goes on, or starts what is selected.
    Go,
    /// `M25`
    Pause,
    /// `M33`
    Stop,
    /// `M112`: motors only. It does not promise that the light is off.
    HaltMotors,
    /// `G0 … I0`: up from where the plate is.
    Raise { by: Micrometres, speed: MicrometresPerSecond },
    /// `M4003`
    PowerOffAfterPrint,
    /// `M28 name`: from here on all but `M4000` and `M29` is data.
    OpenFile(FileName),
    /// `M4012 I1 T<bytes>`: have you got so many?
    CheckLength(u32),
    /// `M29`
    CloseFile,
}

impl Command {
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Hello => "M4002",
            Self::Axes => "M4001",
            Self::Status => "M4000",
            Self::Position => "M114",
            Self::Progress => "M27",
            Self::Selected => "M4006",
            Self::Blocked => "M4004",
            Self::List => "M20",
            Self::Select(_) => "M23",
            Self::StartByName(_) => "M6030",
            Self::Go => "M24",
            Self::Pause => "M25",
            Self::Stop => "M33",
            Self::HaltMotors => "M112",
            Self::Raise { .. } => "G0",
            Self::PowerOffAfterPrint => "M4003",
            Self::OpenFile(_) => "M28",
            Self::CheckLength(_) => "M4012",
            Self::CloseFile => "M29",
        }
    }

    /// The bytes on the wire, with `\r\n`.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let code = self.code();
        match self {
            // mariner: the full path is selected, and then the name alone is started.
            Self::Select(name) => format!("{code} /{name}\r\n"),
            Self::StartByName(name) => format!("{code} '{name}'\r\n"),
            Self::OpenFile(name) => format!("{code} {name}\r\n"),
            Self::CheckLength(bytes) => format!("{code} I1 T{bytes}\r\n"),
            Self::Raise { by, speed } => {
                let per_minute = speed.0.saturating_mul(60) / 1000;
                format!("{code} Z{:.3} F{per_minute} I0\r\n", by.millimetres())
            }
            _ => format!("{code}\r\n"),
        }
        .into_bytes()
    }

    /// Whether it makes the board do something, so that not knowing whether it came through matters.
    #[must_use]
    pub const fn acts(&self) -> bool {
        matches!(
            self,
            Self::StartByName(_)
                | Self::Go
                | Self::Pause
                | Self::Stop
                | Self::HaltMotors
                | Self::Raise { .. }
                | Self::PowerOffAfterPrint
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_read_as_the_facts_spell_them() {
        let name = FileName::parse("P7K3QX2A.CTB").unwrap();
        for (command, text) in [
            (Command::Hello, "M4002\r\n"),
            (Command::List, "M20\r\n"),
            (Command::Select(name.clone()), "M23 /P7K3QX2A.CTB\r\n"),
            (Command::StartByName(name.clone()), "M6030 'P7K3QX2A.CTB'\r\n"),
            (Command::OpenFile(name), "M28 P7K3QX2A.CTB\r\n"),
            (Command::CheckLength(1290), "M4012 I1 T1290\r\n"),
            (
                Command::Raise { by: Micrometres(10_000), speed: MicrometresPerSecond(10_000) },
                "G0 Z10.000 F600 I0\r\n",
            ),
        ] {
            assert_eq!(String::from_utf8(command.bytes()).unwrap(), text);
        }
    }

    #[test]
    fn only_names_chosen_by_us_are_names() {
        for bad in [
            "",
            "P7K3QX2A",
            "p7k3qx2a.ctb",
            "P7K3QX2A.CTB\r\nM8512",
            "MUELLER_ANNA.CTB",
            "P7K3QX2.CTB",
            "../../AA.CTB",
            "P7K3QX2A.EXE",
            "P7K3 X2A.CTB",
            "P7K3'X2A.CTB",
        ] {
            assert!(FileName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_known_again_by_whatever_form_a_board_gives_it() {
        let name = FileName::parse("P7K3QX2A.CTB").unwrap();
        for said in ["P7K3QX2A.CTB", "/P7K3QX2A.CTB", "/p7k3qx2a.ctb", " :P7K3QX2A.CTB "] {
            assert!(name.is(said), "{said}");
        }
        for said in ["/sub/P7K3QX2A.CTB", "P7K3QX2B.CTB", "P7K3QX2A.CT", ""] {
            assert!(!name.is(said), "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_chance_makes_a_name_that_is_read_back(chance in any::<[u8; 8]>()) {
            let name = FileName::random(chance, Extension::Ctb);
            prop_assert_eq!(FileName::parse(name.text()), Ok(name.clone()));
            prop_assert_eq!(name.text().len(), 12);
        }
    }
}
