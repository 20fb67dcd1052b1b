//! What one line of a ChiTu board says.
//!
//! `ok` ends most answers and follows failures too; the number behind it means nothing (facts A.1). What is
//! not known is `Says::Unknown` with its text, and no text is an error of ours.

use super::frame::{Line, LineEnd};
use crate::units::Micrometres;

/// Bytes of a file that the board has read, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub bytes: u64,
    pub of: u64,
}

/// `D:current/total/paused` of `M4000`. Where `total` is 0 nothing prints and the others are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub printed: Printed,
    pub paused: bool,
}

/// `M4000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Below zero while a print starts.
    pub z: Option<Micrometres>,
    /// Absent on boards that tell none, and where the line was cut off in it.
    pub done: Option<Done>,
    /// Seconds printed, on boards of the filament kind.
    pub seconds: Option<u64>,
}

/// `M4001`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axes {
    /// Steps along X, Y, Z, E in mm.
    pub step: [Option<f64>; 4],
    /// How far X, Y, Z go, mm; 0 where the board has no such axis.
    pub reach: Option<[f64; 3]>,
    /// Of the names of its files, as `GBK`.
    pub encoding: Option<String>,
    /// Whether it has a heated bed.
    pub bed: Option<bool>,
}

impl Axes {
    /// How far the plate goes up; `None` where it is not told.
    #[must_use]
    pub fn height(&self) -> Option<Micrometres> {
        let height = Micrometres::of_millimetres(self.reach?[2])?;
        (height.0 > 0).then_some(height)
    }
}

/// One line of `M20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    File { name: String, size: u64 },
    Folder { name: String },
}

/// What stands behind an `ok`.
#[derive(Clone, Debug, PartialEq)]
pub enum Okay {
    /// Nothing, or `N:` and a number.
    Plain,
    Firmware(String),
    Axes(Axes),
    Status(Status),
    Position {
        z: Option<Micrometres>,
    },
    /// Name or path of the selected file.
    Selected(String),
    /// `M4012`: so many bytes have come.
    Received(u64),
    Other(String),
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    Ok(Okay),
    /// Name and size, bytes: `File opened:… Size:…`, of V4.4.3 without its first two words.
    FileOpened {
        name: String,
        size: u64,
    },
    FileSelected,
    /// A file that could not be opened; `ok` follows nonetheless.
    OpenFailed {
        name: String,
    },
    /// `File is not existed or empty`
    FileMissing,
    NotPrinting,
    Printed(Printed),
    /// `SD N:463`, before V4.4.3 tells its bytes on a line of their own.
    ProgressFollows,
    ListBegins,
    ListEnds,
    Entry(Entry),
    FileDeleted {
        name: String,
    },
    SavingDone,
    /// `M28` of a file that is open.
    FileIsOpen {
        name: String,
    },
    /// A block is wanted again from this byte on.
    Resend {
        offset: u64,
        error: Option<u64>,
    },
    WriteFailed,
    /// `Error:Wifi reboot,please reconnect!`: to be said again.
    SayAgain,
    /// It speaks with somebody else.
    Taken {
        by: String,
    },
    ChecksumWanted,
    Error(String),
    /// Busy.
    Wait,
    EndRead,
    /// `CBD make it.`
    Identity(String),
    /// `//Disk init fail!`
    MediumFailed,
    Unknown(String),
}

/// Reads a line; between `Begin file list` and `End file list` (`listing`) all but its end is a file.
#[must_use]
pub fn read(line: &Line, listing: bool) -> Says {
    let text = line.text.as_str();
    if text.contains("Disk init fail") {
        return Says::MediumFailed;
    }
    if text.eq_ignore_ascii_case("End file list") {
        return Says::ListEnds;
    }
    if listing {
        return entry(text).unwrap_or_else(|| Says::Unknown(text.to_owned()));
    }
    okay(text)
        .map(Says::Ok)
        .or_else(|| told(text))
        .or_else(|| failure(text))
        .or_else(|| numbers(line))
        .unwrap_or_else(|| Says::Unknown(text.to_owned()))
}

fn entry(text: &str) -> Option<Says> {
    if let Some(name) = text.strip_prefix("->") {
        return Some(Says::Entry(Entry::Folder { name: name.trim().to_owned() }));
    }
    // Names hold spaces.
    let (name, size) = text.rsplit_once(' ')?;
    let size = digits(size)?;
    Some(Says::Entry(Entry::File { name: name.trim().to_owned(), size }))
}

fn okay(text: &str) -> Option<Okay> {
    let rest = text.strip_prefix("ok")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with("N:") {
        return Some(Okay::Plain);
    }
    if let Some(name) = rest.strip_prefix('\'') {
        // Up to the last quote: names may hold one.
        let name = name.rsplit_once('\'').map_or(name, |(name, _)| name);
        return Some(Okay::Selected(name.to_owned()));
    }
    if let Some(position) = rest.strip_prefix("C:") {
        return Some(Okay::Position { z: millimetres(position, "Z") });
    }
    if rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && rest.bytes().any(|byte| byte.is_ascii_alphabetic())
        && rest.bytes().any(|byte| byte.is_ascii_digit())
    {
        return Some(Okay::Firmware(rest.to_owned()));
    }
    if field(rest, "U").is_some() || field(rest, "T").is_some_and(|machine| machine.contains('/')) {
        return Some(Okay::Axes(axes(rest)));
    }
    let bed = field(rest, "B").is_some_and(|bed| bed.contains('/'));
    if bed || field(rest, "D").is_some() {
        return Some(Okay::Status(Status {
            z: millimetres(rest, "Z"),
            done: field(rest, "D").and_then(done),
            seconds: field(rest, "T").and_then(digits),
        }));
    }
    if let Some(received) = digits(rest.split_once('/').map_or(rest, |(received, _)| received)) {
        return Some(Okay::Received(received));
    }
    Some(Okay::Other(rest.to_owned()))
}

fn axes(text: &str) -> Axes {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let machine: Vec<&str> = field(text, "T").unwrap_or("").split('/').collect();
    let reach = match machine[..] {
        [_, x, y, z, ..] => match (number(x), number(y), number(z)) {
            (Some(x), Some(y), Some(z)) => Some([x, y, z]),
            _ => None,
        },
        _ => None,
    };
    Axes {
        step: ["X", "Y", "Z", "E"].map(|axis| field(text, axis).and_then(number)),
        reach,
        encoding: field(text, "U").map(|name| name.trim_matches('\'').to_owned()),
        bed: field(text, "B").and_then(digits).map(|bed| bed != 0),
    }
}

/// All three parts or nothing: a line that was cut off in them tells wrong numbers.
fn done(text: &str) -> Option<Done> {
    let mut parts = text.split('/');
    let (bytes, of, paused) = (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    (parts.next().is_none() && paused <= 1)
        .then_some(Done { printed: Printed { bytes, of }, paused: paused == 1 })
}

fn told(text: &str) -> Option<Says> {
    let after = |prefix: &str| text.strip_prefix(prefix).map(|rest| rest.trim().to_owned());
    Some(match text {
        "wait" => Says::Wait,
        "End read" => Says::EndRead,
        "File selected" => Says::FileSelected,
        "Begin file list" => Says::ListBegins,
        "Done saving file!" | "Done saving file." => Says::SavingDone,
        _ if text.contains(" make it") && text.len() < 40 => Says::Identity(text.to_owned()),
        _ => {
            if let Some(name) = after("File deleted") {
                return Some(Says::FileDeleted { name: name.trim_start_matches(':').trim().to_owned() });
            }
            let opened = after("File opened:");
            let (name, size) = opened.as_deref().unwrap_or(text).rsplit_once(" Size:")?;
            Says::FileOpened { name: name.trim().to_owned(), size: digits(size.trim())? }
        }
    })
}

fn failure(text: &str) -> Option<Says> {
    if let Some((_, name)) = text.split_once("cann't open file") {
        let name = name.trim();
        return Some(Says::OpenFailed { name: name.strip_suffix('!').unwrap_or(name).to_owned() });
    }
    if let Some(rest) = text.strip_prefix("open failed") {
        let name = rest.split_once(':').map_or("", |(_, name)| name);
        return Some(Says::OpenFailed { name: name.trim().to_owned() });
    }
    if let Some(rest) = strip_word(text, "resend") {
        let (offset, error) = rest.split_once(',').unwrap_or((rest, ""));
        let error = error.trim().strip_prefix("error:").and_then(|code| digits(code.trim()));
        let offset = offset.trim_start_matches(':').trim();
        // `Resend: 5` of firmware with line numbers is another thing.
        return Some(match digits(offset) {
            Some(_) if text.starts_with('R') => Says::ChecksumWanted,
            Some(offset) => Says::Resend { offset, error },
            None => return None,
        });
    }
    let rest = text.trim_start_matches(['/', '#']);
    let rest = strip_word(rest, "error")?.trim_start_matches([':', '!', ' ']);
    let lower = rest.to_ascii_lowercase();
    Some(if lower.contains("not printing") {
        Says::NotPrinting
    } else if lower.contains("not existed") {
        Says::FileMissing
    } else if lower.contains("no checksum") || lower.contains("checksum mismatch") {
        Says::ChecksumWanted
    } else if lower.starts_with("write dat") {
        Says::WriteFailed
    } else if lower.contains("please reconnect") {
        Says::SayAgain
    } else if let Some((_, by)) = rest.split_once("connected by IP:") {
        Says::Taken { by: by.trim_end_matches("already!").trim().to_owned() }
    } else if let Some(name) = rest.strip_prefix("File:").and_then(|rest| rest.strip_suffix("is opened")) {
        Says::FileIsOpen { name: name.trim().to_owned() }
    } else {
        Says::Error(rest.to_owned())
    })
}

/// `SD printing byte 1/2`, or in two lines `SD N:463`, `byte 1/2`.
fn numbers(line: &Line) -> Option<Says> {
    let text = line.text.as_str();
    if text.strip_prefix("SD N:").is_some_and(|number| digits(number.trim()).is_some()) {
        return Some(Says::ProgressFollows);
    }
    let at = text.strip_prefix("SD printing ").unwrap_or(text).strip_prefix("byte ")?;
    let (bytes, of) = at.split_once('/')?;
    // Without its newline the last digits may be missing.
    let whole = line.end == LineEnd::Newline;
    Some(Says::Printed(Printed { bytes: digits(bytes.trim())?, of: digits(of.trim())? })).filter(|_| whole)
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// The value of `KEY:value` among words.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'))
}

fn millimetres(text: &str, key: &str) -> Option<Micrometres> {
    Micrometres::of_millimetres(field(text, key)?.parse().ok()?)
}

/// Digits and nothing else; `None` too for a number above any file's size.
fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Says {
        read(&Line { text: text.trim().to_owned(), end: LineEnd::Newline }, false)
    }

    fn status(z: i64, done: Option<(u64, u64, bool)>, seconds: Option<u64>) -> Says {
        let done = done.map(|(bytes, of, paused)| Done { printed: Printed { bytes, of }, paused });
        Says::Ok(Okay::Status(Status { z: Some(Micrometres(z)), done, seconds }))
    }

    #[test]
    fn every_answer_that_was_ever_captured_is_understood() {
        let ok = || Says::Ok(Okay::Plain);
        let firmware = |text: &str| Says::Ok(Okay::Firmware(text.to_owned()));
        let selected = |text: &str| Says::Ok(Okay::Selected(text.to_owned()));
        let opened = |name: &str, size| Says::FileOpened { name: name.to_owned(), size };
        let failed = |name: &str| Says::OpenFailed { name: name.to_owned() };
        let printed = |bytes, of| Says::Printed(Printed { bytes, of });
        for (text, says) in [
            // Facts A.1.
            ("ok N:0", ok()),
            ("ok N:460", ok()),
            ("ok N:536925260", ok()),
            ("ok", ok()),
            ("wait", Says::Wait),
            ("End read", Says::EndRead),
            ("CBD make it.", Says::Identity("CBD make it.".into())),
            ("ZWLF make it", Says::Identity("ZWLF make it".into())),
            ("//Disk init fail!", Says::MediumFailed),
            ("Error:No Checksum", Says::ChecksumWanted),
            ("Resend: 5", Says::ChecksumWanted),
            // M4002.
            ("ok V4.3.4_LCDC", firmware("V4.3.4_LCDC")),
            ("ok V4.2.20.3_LCDM", firmware("V4.2.20.3_LCDM")),
            ("ok V4.2.19.3_LCD", firmware("V4.2.19.3_LCD")),
            // M4001.
            (
                "ok X:0.012500 Y:0.012500 Z:0.000625 E:0.001340 T:0/0/0/155/1 U:'GBK' B:1",
                Says::Ok(Okay::Axes(Axes {
                    step: [Some(0.0125), Some(0.0125), Some(0.000_625), Some(0.001_34)],
                    reach: Some([0.0, 0.0, 155.0]),
                    encoding: Some("GBK".into()),
                    bed: Some(true),
                })),
            ),
            // M4000, of an idle board, a starting one, and one of the filament kind.
            (
                "ok B:0/0 X:0.000 Y:0.000 Z:151.900 F:0/0 D:31540/0/1 ",
                status(151_900, Some((31_540, 0, true)), None),
            ),
            (
                "ok B:0/0 X:0.000 Y:0.000 Z:-33.421 F:256/256 D:0/11494803/0",
                status(-33_421, Some((0, 11_494_803, false)), None),
            ),
            (
                "ok B:0/0 E1:0/0 E2:0/0 X:0.000 Y:0.000 Z:1.000 F:0/0 D:5/9/0 T:77",
                status(1000, Some((5, 9, false)), Some(77)),
            ),
            ("ok B:0/0 X:0.000 Y:0.000 Z:151.900 F:0/0 D:315", status(151_900, None, None)),
            // M4006.
            ("ok '/subdir/LittleBBC.ctb'", selected("/subdir/LittleBBC.ctb")),
            ("ok 'LittleBBC.ctb'", selected("LittleBBC.ctb")),
            ("ok N:160", ok()),
            // M114.
            (
                "ok C: X:0.000000 Y:0.000000 Z:155.000000 E:0.000000",
                Says::Ok(Okay::Position { z: Some(Micrometres(155_000)) }),
            ),
            // M20.
            ("Begin file list", Says::ListBegins),
            ("End file list", Says::ListEnds),
            // M23 of both families.
            ("File opened:lattice.ctb Size:26058253", opened("lattice.ctb", 26_058_253)),
            ("File selected", Says::FileSelected),
            ("//############Error!cann't open file foobar.ctb!", failed("foobar.ctb")),
            ("open failed, File :foobar.ctb", failed("foobar.ctb")),
            ("File1.ctb Size:8472210", opened("File1.ctb", 8_472_210)),
            // M6030.
            ("Error: File is not existed or empty", Says::FileMissing),
            ("Error:something", Says::Error("something".into())),
            // M33, M27 of both families.
            ("Error:It's not printing now!", Says::NotPrinting),
            ("SD printing byte 76903/11494803", printed(76_903, 11_494_803)),
            ("SD N:463", Says::ProgressFollows),
            ("byte 1363986/8472210", printed(1_363_986, 8_472_210)),
            // M28, M29, M30, M4012 and blocks.
            ("Done saving file!", Says::SavingDone),
            ("File deleted :test.txt", Says::FileDeleted { name: "test.txt".into() }),
            ("Error!File: test.gcode is opened", Says::FileIsOpen { name: "test.gcode".into() }),
            ("ok 1290/26058253", Says::Ok(Okay::Received(1290))),
            ("resend 1280", Says::Resend { offset: 1280, error: None }),
            ("resend 1280, error:3", Says::Resend { offset: 1280, error: Some(3) }),
            ("Error:write dat", Says::WriteFailed),
            // M6032.
            ("ok L:3128340", Says::Ok(Okay::Other("L:3128340".into()))),
            // Over the network.
            ("Error:Wifi reboot,please reconnect!", Says::SayAgain),
            ("Error:IP is connected by IP:10.0.0.7 already!", Says::Taken { by: "10.0.0.7".into() }),
            (
                "ok MAC:00:11 IP:10.0.0.9 VER:V1.4.1 ID:2e,00 NAME:CBD",
                Says::Ok(Okay::Other("MAC:00:11 IP:10.0.0.9 VER:V1.4.1 ID:2e,00 NAME:CBD".into())),
            ),
        ] {
            assert_eq!(of(text), says, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_as_unknown() {
        for text in [
            "okay",
            "okN:0",
            "resend",
            "resend x",
            "byte 5",
            "byte 5/x",
            "SD N:",
            "foo Size:",
            "\u{fffd}",
            "getstatus,stop,end",
            "byte 18446744073709551616/1",
        ] {
            assert_eq!(of(text), Says::Unknown(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn in_a_list_all_but_its_end_is_a_file() {
        let of = |text: &str| read(&Line { text: text.to_owned(), end: LineEnd::Newline }, true);
        let file = |name: &str, size| Says::Entry(Entry::File { name: name.to_owned(), size });
        for (text, says) in [
            ("lattice.ctb 26058253", file("lattice.ctb", 26_058_253)),
            ("two words.ctb 7", file("two words.ctb", 7)),
            ("ok 12", file("ok", 12)),
            ("->dir", Says::Entry(Entry::Folder { name: "dir".into() })),
            ("no size", Says::Unknown("no size".into())),
            ("End file list", Says::ListEnds),
            ("//Disk init fail!", Says::MediumFailed),
        ] {
            assert_eq!(of(text), says, "{text}");
        }
    }

    #[test]
    fn a_number_whose_end_may_be_missing_is_no_number() {
        let line = Line { text: "SD printing byte 76903/114".into(), end: LineEnd::Pause };
        assert!(matches!(read(&line, false), Says::Unknown(_)));
    }

    proptest! {
        #[test]
        fn any_text_says_something(text in ".*", listing in any::<bool>()) {
            let _ = read(&Line { text: text.clone(), end: LineEnd::Pause }, listing);
            let near = format!("ok X:{text} Z:{text} D:{text}/{text}/1 T:{text}/");
            let _ = read(&Line { text: near, end: LineEnd::Newline }, listing);
        }
    }
}
