//! A text cut into runs of letters, runs of digits and what is between, with what platen wrote itself marked.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Found;
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

/// A letter, digit or sign as ASCII has it, where it is one that means the same: fullwidth, of another script's digits,
/// of mathematics, a hyphen or a blank of another width.
pub(super) fn plain(c: char) -> char {
    let code = u32::from(c);
    let digit = |zero: u32| char::from_digit((code - zero) % 10, 10);
    let plain = match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        0x0660..=0x0669 => digit(0x0660),
        0x06f0..=0x06f9 => digit(0x06f0),
        0x0966..=0x096f => digit(0x0966),
        0x09e6..=0x09ef => digit(0x09e6),
        0x0e50..=0x0e59 => digit(0x0e50),
        0x1d7ce..=0x1d7ff => digit(0x1d7ce),
        0x1d400..=0x1d6a3 => {
            let letter = (code - 0x1d400) % 52;
            char::from_u32(if letter < 26 { 0x41 + letter } else { 0x61 + letter - 26 })
        }
        0x2010 | 0x2011 => Some('-'),
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(' '),
        _ => None,
    };
    plain.unwrap_or(c)
}

/// What `find` finds in a text once it is written in plain letters, digits and signs, with the places in the text as
/// it was given.
pub(super) fn find_in_plain(whole: &str, find: impl FnOnce(&Text<'_>) -> Vec<Found>) -> Vec<Found> {
    if whole.chars().all(|c| plain(c) == c) {
        return find(&Text::new(whole));
    }
    let mut written = Zeroizing::new(String::with_capacity(whole.len()));
    // Where each byte of it comes from.
    let mut from = Vec::with_capacity(whole.len() + 1);
    for (at, c) in whole.char_indices() {
        written.push(plain(c));
        from.resize(written.len(), at);
    }
    let end = whole.len();
    from.push(end);
    let back = |at: usize| from.get(at).copied().unwrap_or(end);
    let found = find(&Text::new(written.as_str())).into_iter();
    found.map(|Found { what, at }| Found { what, at: back(at.start)..back(at.end) }).collect()
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

#[cfg(test)]
mod tests {
    use super::super::What;
    use super::*;

    #[test]
    fn digits_and_letters_that_mean_the_same_are_plain() {
        for (written, plainly) in [
            ("\u{ff14}\u{ff17}\u{ff11}\u{ff11}", "4711"),
            ("\u{96a}\u{96d}\u{967}\u{967}", "4711"),
            ("\u{664}\u{667}\u{6f4}\u{6f7}\u{9ea}\u{9ed}\u{e54}\u{e57}", "47474747"),
            ("\u{1d7d2}\u{1d7d5}\u{1d7ff}\u{1d7f6}", "4790"),
            ("\u{ff21}\u{ff4e}\u{ff5a}\u{ff0d}", "Anz-"),
            ("\u{1d400}\u{1d433}\u{1d670}\u{1d6a3}", "AzAz"),
            ("a\u{a0}b\u{2011}c", "a b-c"),
            ("M\u{fc}ller 4711", "M\u{fc}ller 4711"),
        ] {
            assert_eq!(written.chars().map(plain).collect::<String>(), plainly);
        }
    }

    #[test]
    fn what_is_found_in_plain_signs_is_told_where_it_is_written() {
        let text = "for \u{ff14}\u{ff17}\u{ff11} \u{e4}\u{ff01}";
        let digits = |text: &Text<'_>| {
            let digits = text.pieces.iter().filter(|piece| piece.is(Class::Digits));
            digits.map(|piece| Found { what: What::LongNumber, at: piece.at.clone() }).collect::<Vec<_>>()
        };
        let found = find_in_plain(text, digits);
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].at.clone()], "\u{ff14}\u{ff17}\u{ff11}");
        assert_eq!(find_in_plain("for 471", digits)[0].at, 4..7);
        let all = |text: &Text<'_>| vec![Found { what: What::Date, at: 0..text.whole.len() }];
        assert_eq!(find_in_plain(text, all)[0].at, 0..text.len());
    }
}
