//! Who looks at a page, and how: their rights, their language, light or dark, and the site's time.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use maud::{Markup, html};
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use super::words::{Language, Text, common, sentences, states};
use crate::api::door::Asker;
use crate::api::{AppState, Problem};
use crate::domain::moment::WallTime;
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
    fn of(app: &AppState, asker: Asker, headers: &HeaderMap) -> Self {
        let theme = cookie(text(headers, &header::COOKIE), THEME_COOKIE);
        let theme = theme.and_then(Theme::of_word).unwrap_or_default();
        Self { app: app.clone(), asker, language: chosen(headers), theme }
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
        capital(&sentences::say(self.language, sentence))
    }

    /// The same in the middle of another sentence.
    pub fn told_within<'s>(&self, sentence: &'s str) -> Cow<'s, str> {
        sentences::say(self.language, sentence)
    }

    /// Whether a button is there at all. What it asks for is judged anew when it is pressed.
    pub fn may(&self, permission: Permission) -> bool {
        self.asker.may(permission).is_ok()
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

/// The first letter as a capital.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let cookies = "a=1; platen-theme=dark;platen-language=de; xplaten-theme=light";
        assert_eq!(cookie(cookies, THEME_COOKIE).and_then(Theme::of_word), Some(Theme::Dark));
        assert_eq!(cookie(cookies, LANGUAGE_COOKIE), Some("de"));
        assert_eq!(cookie(cookies, "theme"), None);
    }
}
