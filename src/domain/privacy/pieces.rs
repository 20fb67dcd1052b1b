//! A text cut into runs of letters, runs of digits and what is between, with what platen wrote itself marked.

use std::ops::Range;

use crate::domain::ids::CaseToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Letters,
    Digits,
    /// One sign that is neither.
    Other,
}

/// A run of letters or of digits, or one sign between.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) class: Class,
    pub(super) text: &'a str,
    pub(super) at: Range<usize>,
    /// Platen's own: an id, a hash, a time, a command.
    pub(super) ours: bool,
}

impl Piece<'_> {
    pub(super) fn is(&self, class: Class) -> bool {
        self.class == class
    }

    pub(super) fn is_sign(&self, signs: &str) -> bool {
        self.class == Class::Other && signs.contains(self.text)
    }

    pub(super) fn number(&self) -> Option<u32> {
        (self.class == Class::Digits).then(|| self.text.parse().ok()).flatten()
    }
}

#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) whole: &'a str,
    pub(super) pieces: Vec<Piece<'a>>,
}

/// Drawn by nobody: a name with one in its middle looks like the name.
fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{300}'..='\u{36f}')
}

fn class(c: char) -> Class {
    if c.is_ascii_digit() {
        Class::Digits
    } else if c.is_alphabetic() {
        Class::Letters
    } else {
        Class::Other
    }
}

impl<'a> Text<'a> {
    pub(super) fn new(whole: &'a str) -> Self {
        let mut pieces: Vec<Piece<'a>> = Vec::new();
        for (start, c) in whole.char_indices() {
            let end = start + c.len_utf8();
            let class = class(c);
            match pieces.last_mut() {
                Some(last) if last.class != Class::Other && (last.class == class || invisible(c)) => {
                    last.at.end = end;
                    last.text = &whole[last.at.clone()];
                }
                _ => pieces.push(Piece { class, text: &whole[start..end], at: start..end, ours: false }),
            }
        }
        let mut text = Self { whole, pieces };
        let mut own = text.own();
        own.sort_by_key(|own| own.start);
        // How far what has begun goes: ranges may lie in one another.
        let (mut next, mut until) = (own.iter().peekable(), 0);
        for piece in &mut text.pieces {
            while let Some(begun) = next.next_if(|own| own.start <= piece.at.start) {
                until = until.max(begun.end);
            }
            piece.ours = piece.at.end <= until;
        }
        text
    }

    /// Maximal runs of letters and digits together, as ranges of pieces.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (n, piece) in self.pieces.iter().enumerate() {
            if piece.is(Class::Other) {
                continue;
            }
            match runs.last_mut() {
                Some(last) if last.end == n => last.end += 1,
                _ => runs.push(n..n + 1),
            }
        }
        runs
    }

    pub(super) fn span(&self, pieces: &Range<usize>) -> Range<usize> {
        self.pieces[pieces.start].at.start..self.pieces[pieces.end - 1].at.end
    }

    fn own(&self) -> Vec<Range<usize>> {
        let mut own = Vec::new();
        for run in self.runs() {
            let at = self.span(&run);
            let text = &self.whole[at.clone()];
            if is_token(text) {
                own.push(self.file_name(&run).unwrap_or(at));
            } else if is_id(text, &self.pieces[run]) || is_hash(text) {
                own.push(at);
            }
        }
        own.extend(times(self.whole));
        own.extend(commands(self.whole));
        own
    }

    /// Where a token begins a file's name as platen gives it: `<token>-<part>-r<revision>-<first 8 of the hash>`.
    fn file_name(&self, token: &Range<usize>) -> Option<Range<usize>> {
        let start = self.pieces[token.start].at.start;
        let after = &self.whole[self.pieces[token.end - 1].at.end..];
        let mut fields = after.strip_prefix('-')?.splitn(3, '-');
        let (part, revision, rest) = (fields.next()?, fields.next()?.strip_prefix('r')?, fields.next()?);
        let hash: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        let short = |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let fits = short(part) && short(revision) && hash.len() == 8 && hash.bytes().all(is_hex);
        let length = after.len() - rest.len() + hash.len();
        fits.then_some(start..self.pieces[token.end - 1].at.end + length)
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A token has letters in it: a number of 13 digits is none, even where its last digit would fit.
fn is_token(text: &str) -> bool {
    text.len() == 13 && text.bytes().any(|b| b.is_ascii_alphabetic()) && text.parse::<CaseToken>().is_ok()
}

/// 16 characters of our alphabet, but not what looks more like letters with a long number behind them.
fn is_id(text: &str, pieces: &[Piece<'_>]) -> bool {
    let ours = text.len() == 16
        && text.bytes().all(|b| {
            b.is_ascii_digit() || (b.is_ascii_lowercase() && !matches!(b, b'i' | b'l' | b'o' | b'u'))
        });
    let labelled = pieces.len() == 2 && pieces[0].is(Class::Letters) && pieces[0].text.len() <= 5;
    ours && pieces.len() > 1 && !labelled
}

/// Of a file, of an entry of the journal; the id of a message is half as long.
fn is_hash(text: &str) -> bool {
    let lettered = text.bytes().any(|b| b.is_ascii_lowercase());
    (text.len() == 64 || (text.len() == 32 && lettered)) && text.bytes().all(is_hex)
}

/// Times as platen writes them, to the millisecond and in UTC.
fn times(text: &str) -> Vec<Range<usize>> {
    const FORM: &[u8] = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |window: &[u8]| {
        window.iter().zip(FORM).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            sign => byte == sign,
        })
    };
    let windows = text.as_bytes().windows(FORM.len()).enumerate();
    windows.filter(|(_, window)| fits(window)).map(|(at, _)| at..at + FORM.len()).collect()
}

/// Commands whose words are a text or a file's name.
const WITH_TEXT: [&str; 10] = ["M23", "M28", "M30", "M32", "M33", "M117", "M118", "M486", "M587", "M928"];

/// The commands of G-code in a text, without comments and without what a person wrote into them.
fn commands(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let blank = line.len() - line.trim_start().len();
        let length = command(&line[blank..]);
        if length > 0 {
            found.push(begin + blank..begin + blank + length);
        }
        begin += line.len();
    }
    found
}

/// How many bytes at the beginning of a line are a command with its words.
fn command(line: &str) -> usize {
    let mut words = line.split_inclusive([' ', '\t']);
    let mut length = 0;
    let Some(mut first) = words.next() else { return 0 };
    if first.starts_with('N') && numbered(first.trim_end(), 9) {
        length = first.len();
        first = words.next().unwrap_or_default();
    }
    let code = word_end(first);
    let bare = first[..code].split('*').next().unwrap_or_default();
    let named = first.starts_with(['G', 'M', 'T', 'D']) && numbered(bare, 4);
    // What a firmware says of a line that it has taken: `ok N10012 P15 B3`.
    let taken = first == "ok ";
    if !named && !taken {
        return 0;
    }
    let code = if taken { first.len() } else { code };
    length += code;
    if code < first.trim_end().len() || WITH_TEXT.contains(&bare) {
        return length;
    }
    length += first.len() - code;
    for word in words {
        let end = word_end(word);
        length += end;
        if end < word.trim_end().len() {
            break;
        }
        length += word.len() - end;
    }
    length
}

/// A letter and at most so many digits.
fn numbered(word: &str, most: usize) -> bool {
    let digits = word.get(1..).unwrap_or_default();
    (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Where the word ends that this begins with: a letter and a number, with the checksum.
fn word_end(word: &str) -> usize {
    let bytes = word.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return 0;
    }
    let mut at = 1 + usize::from(matches!(bytes.get(1), Some(b'-' | b'+')));
    let digits =
        |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    at += digits(at);
    if bytes.get(at) == Some(&b'.') {
        at += 1 + digits(at + 1);
    }
    if bytes.get(at) == Some(&b'*') && (1..=3).contains(&digits(at + 1)) {
        at += 1 + digits(at + 1);
    }
    at.min(bytes.len())
}
