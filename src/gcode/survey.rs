//! One pass over a file: is it G-code that can be printed, how many commands, and their digest.

use crate::domain::ids::FileHash;
use crate::gcode::commands::{self, Code, InFile, in_file};
use crate::gcode::lexer::{Command, LexError, Lexer, Piece};
use sha2::{Digest, Sha256};

/// Marlin cuts a command at 96 bytes, with the number and the checksum that the link adds.
pub const COMMAND_MAX: usize = 80;
/// Slicers sign within the first lines.
const SIGNATURE_LINES: u64 = 40;
/// A binary STL has a title of 80 bytes and a count of 4: enough to tell what a file is.
const HEAD: usize = 84;

/// What a print is measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub lines: u64,
    pub commands: u64,
    pub digest: FileHash,
    /// Commands in it that only some printers' profiles allow, each once; `allowed_by` judges them.
    pub needs: Vec<Needed>,
}

/// A command that a printer's profile must allow, where it stands first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub code: Code,
    pub line: u64,
    pub text: String,
    pub why: &'static str,
}

impl Survey {
    /// Whether a profile that allows these codes may print it.
    pub fn allowed_by(&self, allowed: &[Code]) -> Result<(), SurveyError> {
        match self.needs.iter().find(|needed| !allowed.contains(&needed.code)) {
            None => Ok(()),
            Some(Needed { line, text, why, .. }) => {
                Err(SurveyError::NotAllowed { line: *line, text: text.clone(), why })
            }
        }
    }
}

/// Why a file cannot be printed; each reads on after "this file cannot be printed:".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    #[error("it is empty")]
    Empty,
    #[error("it has comments and blank lines only, no command")]
    NoCommands,
    #[error("it is {what}, not G-code; {cure}")]
    OtherFormat { what: &'static str, cure: &'static str },
    #[error(
        "line {line} has bytes that no text has: it is a binary file or a damaged one; export it as plain G-code"
    )]
    Binary { line: u64 },
    #[error("{0}: it is not G-code")]
    LineTooLong(#[from] LexError),
    #[error("line {line}: `{text}` is not a G-code command (G, M or T in capitals, then a number)")]
    NotACommand { line: u64, text: String },
    #[error(
        "line {line}: `{text}` calls a macro, and only the printer knows what it does; \
         write its G-code into the slicer's own instead"
    )]
    Macro { line: u64, text: String },
    #[error(
        "line {line}: `{text}` has {bytes} bytes, a command has at most {COMMAND_MAX} \
         (printers cut longer ones); shorten it in the slicer's own G-code"
    )]
    TooLong { line: u64, text: String, bytes: usize },
    #[error("line {line}: `{text}` has letters that printers do not know (ASCII only, outside of comments)")]
    NotAscii { line: u64, text: String },
    #[error("line {line}: `{text}` has a star, after which printers expect a checksum")]
    Star { line: u64, text: String },
    #[error(
        "line {line}: `{text}` is not allowed in a job: it {why}; take it out of the slicer's own G-code"
    )]
    Forbidden { line: u64, text: String, why: &'static str },
    #[error(
        "line {line}: `{text}` is not allowed in a job: it {why}; take it out of the slicer's own G-code, \
         or name it in the printer's `allow_commands`"
    )]
    NotAllowed { line: u64, text: String, why: &'static str },
    #[error("line {line}: `{text}` {why}")]
    Heat { line: u64, text: String, why: &'static str },
    #[error("the file ends before the last line that {slicer} writes; export it and upload it again")]
    Cut { slicer: &'static str },
}

impl SurveyError {
    /// The same for those who do not have the file: of a line only its number and the code of its command are left.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        match &mut self {
            Self::NotACommand { text, .. }
            | Self::Macro { text, .. }
            | Self::TooLong { text, .. }
            | Self::NotAscii { text, .. }
            | Self::Star { text, .. }
            | Self::Forbidden { text, .. }
            | Self::NotAllowed { text, .. }
            | Self::Heat { text, .. } => {
                *text = Code::of(text.as_bytes()).map_or_else(|| "…".into(), |code| code.to_string());
            }
            Self::Empty
            | Self::NoCommands
            | Self::OtherFormat { .. }
            | Self::Binary { .. }
            | Self::LineTooLong(_)
            | Self::Cut { .. } => {}
        }
        self
    }
}

/// SHA-256 over commands, each followed by a newline; the same for a file and for what was confirmed.
#[derive(Clone, Debug, Default)]
pub struct CommandDigest(Sha256);

impl CommandDigest {
    pub fn add(&mut self, command: &[u8]) {
        self.0.update(command);
        self.0.update(b"\n");
    }

    pub fn finish(self) -> FileHash {
        FileHash::from_digest(self.0.finalize().into())
    }
}

/// Files that people give to a printer by mistake, by their first bytes.
const FORMATS: &[(&[u8], &str, &str)] = &[
    (b"PK", "a zip archive (3MF, SL1)", "export it as plain G-code"),
    (
        b"GCDE",
        "binary G-code",
        "export it as plain G-code (in PrusaSlicer: without \"Supports binary G-code\")",
    ),
    (b"solid", "an STL model", "slice it first"),
    (b"\x7fELF", "a program", "choose another file"),
    (b"\x89PNG", "a picture", "choose another file"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"%PDF", "a PDF document", "choose another file"),
    (b"\xff\xfe", "text in UTF-16", "save it as ASCII or UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as ASCII or UTF-8"),
];

/// Reads a file once, in chunks of any size.
#[derive(Clone, Debug, Default)]
pub struct Surveyor {
    /// The first bytes, until there are enough to know what the file is.
    head: Vec<u8>,
    sniffed: bool,
    lexer: Lexer,
    seen: Seen,
}

/// The same for who wants to know only whether a file can be printed.
#[derive(Clone, Debug)]
pub struct Checker(Surveyor);

impl Default for Checker {
    fn default() -> Self {
        let seen = Seen { undigested: true, ..Seen::default() };
        Self(Surveyor { seen, ..Surveyor::default() })
    }
}

impl Checker {
    /// As `Surveyor::feed`.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), SurveyError> {
        self.0.feed(chunk)
    }

    /// The end of the file.
    pub fn finish(self) -> Result<(), SurveyError> {
        self.0.finish().map(drop)
    }
}

/// What has been seen of the file.
#[derive(Clone, Debug, Default)]
struct Seen {
    commands: u64,
    digest: CommandDigest,
    /// Nobody asks for the digest.
    undigested: bool,
    signature: Signature,
    needs: Vec<Needed>,
    /// The first thing that is wrong; nothing is counted after it.
    wrong: Option<SurveyError>,
}

impl Surveyor {
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes of the file. After an error the file needs no further reading.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), SurveyError> {
        if self.sniffed {
            return self.lex(chunk);
        }
        let (first, rest) = chunk.split_at(chunk.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(first);
        if self.head.len() < HEAD {
            return Ok(());
        }
        self.sniff()?;
        self.lex(rest)
    }

    /// The end of the file.
    pub fn finish(mut self) -> Result<Survey, SurveyError> {
        if !self.sniffed {
            if self.head.is_empty() {
                return Err(SurveyError::Empty);
            }
            self.sniff()?;
        }
        let (lexer, seen) = (&mut self.lexer, &mut self.seen);
        let ended = lexer.finish_pieces(&mut |piece| seen.piece(piece));
        if let Some(wrong) = self.seen.wrong {
            return Err(wrong);
        }
        ended?;
        if self.seen.commands == 0 {
            return Err(SurveyError::NoCommands);
        }
        self.seen.signature.check()?;
        Ok(Survey {
            lines: self.lexer.lines(),
            commands: self.seen.commands,
            digest: self.seen.digest.finish(),
            needs: self.seen.needs,
        })
    }

    fn sniff(&mut self) -> Result<(), SurveyError> {
        self.sniffed = true;
        let head = std::mem::take(&mut self.head);
        other_format(&head).map_or(Ok(()), Err)?;
        self.lex(&head)
    }

    fn lex(&mut self, chunk: &[u8]) -> Result<(), SurveyError> {
        let seen = &mut self.seen;
        let lexed = self.lexer.feed_pieces(chunk, &mut |piece| seen.piece(piece));
        seen.wrong.clone().map_or(Ok(()), Err)?;
        Ok(lexed?)
    }
}

impl Seen {
    fn piece(&mut self, piece: Piece<'_>) {
        if self.wrong.is_some() {
            return;
        }
        match piece {
            Piece::Comment { line, text } => {
                if memchr::memchr(0, text).is_some() {
                    self.wrong = Some(SurveyError::Binary { line });
                }
                self.signature.comment(line, text);
            }
            Piece::Command(command) => match check(command, &mut self.needs) {
                Ok(()) => {
                    self.commands += 1;
                    if !self.undigested {
                        self.digest.add(command.text);
                    }
                }
                Err(wrong) => self.wrong = Some(wrong),
            },
        }
    }
}

/// What a file is by its first bytes, where that is known and is no G-code.
pub fn other_format(head: &[u8]) -> Option<SurveyError> {
    let known = FORMATS.iter().find(|(magic, ..)| head.starts_with(magic));
    let known = known.map(|(_, what, cure)| SurveyError::OtherFormat { what, cure });
    let model = || SurveyError::OtherFormat { what: "an STL model", cure: "slice it first" };
    known.or_else(|| is_binary_stl(head).then(model))
}

/// A title of text, padded with blanks or zeros, then a count of triangles.
fn is_binary_stl(head: &[u8]) -> bool {
    const TRIANGLES_MAX: u32 = 100_000_000;
    let Some((title, count)) = head.split_first_chunk::<80>() else { return false };
    let Ok(count) = <[u8; 4]>::try_from(count) else { return false };
    let text = |byte: &u8| *byte == 0 || byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    head.contains(&0) && title.iter().all(text) && (1..TRIANGLES_MAX).contains(&u32::from_le_bytes(count))
}

/// `START_PRINT BED=60`: Klipper's macros have names of capitals with an underscore.
fn is_macro(text: &[u8]) -> bool {
    let name = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    name.contains(&b'_')
        && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

fn check(command: Command<'_>, needs: &mut Vec<Needed>) -> Result<(), SurveyError> {
    let Command { line, text, .. } = command;
    if text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(SurveyError::Binary { line });
    }
    let quoted = || quote(text);
    if Code::of(text).is_none() {
        if is_macro(text) {
            return Err(SurveyError::Macro { line, text: quoted() });
        }
        return Err(SurveyError::NotACommand { line, text: quoted() });
    }
    if !text.is_ascii() {
        return Err(SurveyError::NotAscii { line, text: quoted() });
    }
    if text.contains(&b'*') {
        return Err(SurveyError::Star { line, text: quoted() });
    }
    if text.len() > COMMAND_MAX {
        return Err(SurveyError::TooLong { line, text: quoted(), bytes: text.len() });
    }
    if let Some(why) = commands::heat_fault(text) {
        return Err(SurveyError::Heat { line, text: quoted(), why });
    }
    match in_file(text) {
        (InFile::Never, Some(rule)) => {
            return Err(SurveyError::Forbidden { line, text: quoted(), why: rule.does });
        }
        (InFile::IfAllowed, _) => {
            for rule in commands::rules(text).filter(|rule| rule.in_file == InFile::IfAllowed) {
                if needs.iter().all(|needed| needed.code != rule.code) {
                    needs.push(Needed { code: rule.code, line, text: quoted(), why: rule.does });
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// At most 40 characters of a command, safe to show.
fn quote(text: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(text);
    let mut shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// What the slicer that wrote a file puts at its end, and whether that was there.
#[derive(Clone, Debug, Default)]
struct Signature {
    slicer: Option<&'static str>,
    /// `… _config = end` or `CONFIG_BLOCK_END`, or Cura's `End of Gcode`.
    ended: bool,
    /// OrcaSlicer and Bambu Studio wrap their parts; the settings may stand first, so each
    /// part that began must end.
    open_blocks: u32,
}

impl Signature {
    const CURA: &str = "Cura";
    const SIGNERS: [(&'static str, &'static str); 6] = [
        ("generated by PrusaSlicer", "PrusaSlicer"),
        ("generated by SuperSlicer", "SuperSlicer"),
        ("generated by OrcaSlicer", "OrcaSlicer"),
        ("generated by BambuStudio", "Bambu Studio"),
        ("BambuStudio ", "Bambu Studio"),
        ("Generated with Cura", Self::CURA),
    ];

    fn comment(&mut self, line: u64, text: &[u8]) {
        if self.slicer.is_none() && line <= SIGNATURE_LINES {
            let signer = Self::SIGNERS.iter().find(|(sign, _)| text.starts_with(sign.as_bytes()));
            self.slicer = signer.map(|(_, slicer)| *slicer);
        }
        if text.ends_with(b"_BLOCK_START") {
            self.open_blocks += 1;
        } else if text.ends_with(b"_BLOCK_END") {
            self.open_blocks = self.open_blocks.saturating_sub(1);
        }
        let ends = match self.slicer {
            Some(Self::CURA) => text == b"End of Gcode",
            _ => text.ends_with(b"_config = end") || text == b"CONFIG_BLOCK_END",
        };
        self.ended |= ends;
    }

    fn check(&self) -> Result<(), SurveyError> {
        match self.slicer {
            Some(slicer) if !self.ended || self.open_blocks > 0 => Err(SurveyError::Cut { slicer }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
