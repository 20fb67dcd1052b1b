//! Who looks at a page, and how: their rights, their language, light or dark, and the site's time.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use maud::{Markup, html};
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use super::words::{Language, Text, common, sentences, states};
use crate::api::door::{Asker, MADE_FOR_QUERY};
use crate::api::{AppState, Problem};
use crate::domain::moment::WallTime;
use crate::domain::people::name::{STRANGER, UNNAMED};
use crate::domain::people::roles::Permission;

/// Cookies of the page's own, in which is no secret.
pub const LANGUAGE_COOKIE: &str = "platen-language";
pub const THEME_COOKIE: &str = "platen-theme";
pub const KEYS_COOKIE: &str = "platen-keys";

/// How the page is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the device says.
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }
}

/// Who looks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub app: AppState,
    pub asker: Asker,
    pub language: Language,
    pub theme: Theme,
    /// Whether single letters do something.
    pub keys: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    AppState: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let asker = parts.extensions.get().cloned().unwrap_or(Asker::Stranger);
        Ok(Self::of(&AppState::from_ref(state), asker, &parts.headers))
    }
}

/// What a cookie of this name holds.
pub fn cookie<'c>(cookies: &'c str, name: &str) -> Option<&'c str> {
    cookies
        .split(';')
        .filter_map(|one| one.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, v)| v)
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The language that was chosen here, or else what the browser likes best.
pub fn chosen(headers: &HeaderMap) -> Language {
    cookie(text(headers, &header::COOKIE), LANGUAGE_COOKIE)
        .and_then(Language::of_code)
        .or_else(|| Language::accepted(text(headers, &header::ACCEPT_LANGUAGE)))
        .unwrap_or_default()
}

impl Viewer {
    pub fn of(app: &AppState, asker: Asker, headers: &HeaderMap) -> Self {
        let cookies = text(headers, &header::COOKIE);
        let theme = cookie(cookies, THEME_COOKIE).and_then(Theme::of_word).unwrap_or_default();
        let keys = cookie(cookies, KEYS_COOKIE) != Some("off");
        Self { app: app.clone(), asker, language: chosen(headers), theme, keys }
    }

    /// Somebody who was not let in.
    pub fn of_stranger(app: &AppState, headers: &HeaderMap) -> Self {
        Self::of(app, Asker::Stranger, headers)
    }

    pub const fn say(&self, text: Text) -> &'static str {
        text.say(self.language)
    }

    pub fn fill(&self, text: Text, holes: &[(&str, &dyn fmt::Display)]) -> String {
        text.with(self.language, holes)
    }

    /// A state's word.
    pub fn state(&self, word: &str) -> String {
        states::say(self.language, word)
    }

    /// What another part of platen says, with a capital.
    pub fn told(&self, sentence: &str) -> String {
        capital(&self.told_within(sentence))
    }

    /// The same in the middle of another sentence.
    pub fn told_within<'s>(&self, sentence: &'s str) -> Cow<'s, str> {
        with_nobody(self.language, sentences::say(self.language, sentence))
    }

    /// Whoever has done something, by name.
    pub fn called<'n>(&self, name: &'n str) -> &'n str {
        match name {
            UNNAMED => self.say(common::NOBODY),
            STRANGER => self.say(common::STRANGER),
            name => name,
        }
    }

    /// Whether a button is there at all. What it asks for is judged anew when it is pressed.
    pub fn may(&self, permission: Permission) -> bool {
        self.asker.may(permission).is_ok()
    }

    /// Where a form goes that a browser may send by itself, with whom its page was made for.
    pub fn to(&self, action: &str) -> String {
        match self.asker.mark() {
            mark if mark.is_empty() => action.to_owned(),
            mark => format!("{action}?{MADE_FOR_QUERY}{mark}"),
        }
    }

    /// Whoever presses a button gives a name; who is signed in has one.
    pub fn signs(&self) -> bool {
        self.asker.name().is_none()
    }

    pub fn now(&self) -> WallTime {
        self.app.clock.wall()
    }

    /// `14:05` at the site.
    pub fn clock(&self, at: WallTime) -> String {
        self.app.config.zone.clock(at)
    }

    /// A time at the site: the clock alone where it is today, else with its day. For readers it is there in full.
    pub fn at(&self, at: WallTime) -> Markup {
        html! { time datetime=(at) title=(self.app.config.zone.date_and_clock(at)) { (self.short(at)) } }
    }

    /// As [`Self::at`], in plain text.
    pub fn short(&self, at: WallTime) -> String {
        let zone = &self.app.config.zone;
        let full = zone.date_and_clock(at);
        let today = zone.date_and_clock(self.now());
        let (day, clock) = full.split_once(' ').unwrap_or((&full, ""));
        match today.split_once(' ') {
            Some((now, _)) if now == day => clock.to_owned(),
            _ => format!("{} {clock}", self.day(day)),
        }
    }

    /// `2026-11-30` as people say it: `30 Nov`, `30.11.`, with the year where it is another.
    pub fn day(&self, day: &str) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let this_year = self.app.config.zone.date_and_clock(self.now());
        let mut parts = day.splitn(3, '-');
        let (Some(year), Some(month), Some(date)) = (parts.next(), parts.next(), parts.next()) else {
            return day.to_owned();
        };
        let is_this = this_year.get(..4) == Some(year);
        let number: usize = month.parse().unwrap_or(1);
        let date = date.trim_start_matches('0');
        match self.language {
            Language::English => {
                let month = MONTHS.get(number.saturating_sub(1)).unwrap_or(&month);
                if is_this { format!("{date} {month}") } else { format!("{date} {month} {year}") }
            }
            Language::German if is_this => format!("{date}.{number}."),
            Language::German => format!("{date}.{number}.{year}"),
        }
    }

    /// A stamp of the API as a time at the site.
    pub fn when(&self, stamp: &str) -> Markup {
        stamp.parse().map_or_else(|_| html! { (stamp) }, |at: WallTime| self.at(at))
    }

    /// How long something takes or took: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
    pub fn span(&self, seconds: u64) -> String {
        match seconds {
            0..=119 => self.fill(common::SECONDS, &[("n", &seconds)]),
            120..=5_399 => self.fill(common::MINUTES, &[("n", &(seconds / 60))]),
            5_400..=172_799 => {
                self.fill(common::HOURS, &[("h", &(seconds / 3_600)), ("m", &(seconds % 3_600 / 60))])
            }
            _ => self.fill(common::DAYS, &[("d", &(seconds / 86_400)), ("h", &(seconds % 86_400 / 3_600))]),
        }
    }

    /// A number with so many digits behind its point or comma: `1 234.5`, `1 234,5`.
    pub fn number(&self, number: impl Into<f64>, digits: usize) -> String {
        number_in(self.language, number.into(), digits)
    }

    /// A number with as many digits as it has: `0.05`, `0,05`.
    pub fn decimal(&self, number: f64) -> String {
        decimal_in(self.language, &number.to_string())
    }

    /// 131004 as `131 004`.
    pub fn grouped(&self, number: u64) -> String {
        in_groups(&number.to_string())
    }

    /// A page of which something is not there.
    pub fn missing(what: &str) -> Problem {
        Problem::new(
            axum::http::StatusCode::NOT_FOUND,
            "no-such-page",
            format!("there is no {what} under this address"),
            "go back to the page before, and follow its links",
        )
    }
}

/// Where a sentence says that nobody gave a name for a stop, or was not signed in, it says so in words.
fn with_nobody(language: Language, sentence: Cow<'_, str>) -> Cow<'_, str> {
    let unnamed = in_words(language, sentence, UNNAMED, (common::NOBODY, common::BY_NOBODY));
    in_words(language, unnamed, STRANGER, (common::STRANGER, common::BY_STRANGER))
}

/// The words for what stands in place of a name: as who does something, and behind `by`.
fn in_words<'s>(
    language: Language,
    sentence: Cow<'s, str>,
    name: &str,
    (who, by_whom): (Text, Text),
) -> Cow<'s, str> {
    if !sentence.contains(name) {
        return sentence;
    }
    let by = match language {
        Language::English => "by ",
        Language::German => "von ",
    };
    let mut said = match sentence.strip_prefix(name).filter(|rest| rest.starts_with(' ')) {
        Some(rest) => format!("{}{rest}", who.say(language)),
        None => sentence.into_owned(),
    };
    let named = format!("{by}{name}");
    if let Some(at) = said.find(&named) {
        let end = at + named.len();
        // A longer name that only begins so is somebody's own.
        if !said[end..].starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.')) {
            said.replace_range(at..end, &format!("{by}{}", by_whom.say(language)));
        }
    }
    Cow::Owned(said)
}

fn number_in(language: Language, number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    // What is rounded to nothing is not less than nothing.
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if is_zero { "" } else { sign };
    let point = match language {
        _ if part.is_empty() => "",
        Language::English => ".",
        Language::German => ",",
    };
    format!("{sign}{}{point}{part}", in_groups(whole))
}

fn decimal_in(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::German => text.replacen('.', ",", 1),
    }
}

/// Digits in threes, with thin spaces that no line is broken at.
fn in_groups(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// The first letter as a capital.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_without_a_name_is_told_in_words() {
        let told = |language, text: &str| with_nobody(language, Cow::Borrowed(text)).into_owned();
        assert_eq!(told(Language::English, "unnamed stops mk3"), "somebody who gave no name stops mk3");
        assert_eq!(
            told(Language::English, "stopped by unnamed; the board confirmed it"),
            "stopped by somebody who gave no name; the board confirmed it"
        );
        assert_eq!(told(Language::German, "angehalten von unnamed"), "angehalten von jemandem ohne Namen");
        assert_eq!(
            told(Language::English, "stopped by not signed in; the board confirmed it"),
            "stopped by somebody who was not signed in; the board confirmed it"
        );
        assert_eq!(
            told(Language::German, "angehalten von not signed in"),
            "angehalten von jemandem, der nicht angemeldet war"
        );
        let others = ["unnamed-2 stops mk3", "stopped by unnamed2", "an unnamed sample"];
        for other in others.into_iter().chain(["stopped by ada - not signed in"]) {
            assert_eq!(told(Language::English, other), other);
        }
    }

    #[test]
    fn numbers_are_written_as_each_language_writes_them() {
        for (number, digits, english, german) in [
            (20.74, 1, "20.7", "20,7"),
            (0.2, 2, "0.20", "0,20"),
            (210.0, 0, "210", "210"),
            (-0.04, 1, "0.0", "0,0"),
            (-1_234.56, 1, "-1\u{202f}234.6", "-1\u{202f}234,6"),
            (1_000_000.0, 0, "1\u{202f}000\u{202f}000", "1\u{202f}000\u{202f}000"),
        ] {
            assert_eq!(number_in(Language::English, number, digits), english);
            assert_eq!(number_in(Language::German, number, digits), german);
        }
        assert_eq!(decimal_in(Language::German, "0.05"), "0,05");
        assert_eq!(decimal_in(Language::English, "0.05"), "0.05");
        assert_eq!(in_groups("7"), "7");
        assert_eq!(in_groups("131004"), "131\u{202f}004");
        assert_eq!(in_groups("1234567"), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let cookies = "a=1; platen-theme=dark;platen-language=de; xplaten-theme=light";
        assert_eq!(cookie(cookies, THEME_COOKIE).and_then(Theme::of_word), Some(Theme::Dark));
        assert_eq!(cookie(cookies, LANGUAGE_COOKIE), Some("de"));
        assert_eq!(cookie(cookies, "theme"), None);
    }
}
