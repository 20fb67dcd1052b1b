//! Signing in on the page, and what somebody does with their own account.
//!
//! The page to sign in has the buttons that stop printers, as every page: nobody signs in first to stop one.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::forms::{shown, told};
use super::frame::{Reload, frame, problem_words};
use super::kit;
use super::pages::is_page;
use super::people::{password_pattern, password_rule};
use super::viewer::{KEYS_COOKIE, LANGUAGE_COOKIE, THEME_COOKIE, Theme, Viewer};
use super::words::{Language, Text, account as words, common};
use crate::api::compat::octoprint::appkeys::decided;
use crate::api::door::Asker;
use crate::api::given::Asked;
use crate::api::people::{cookie, roles_of};
use crate::api::shapes::Hidden;
use crate::api::{AppState, Problem, Reached};
use crate::domain::ids::{PrinterName, TokenId};
use crate::domain::people::roles::{Means, Who};
use crate::domain::people::{TOKENS_MAX, Token};
use crate::domain::printer::Latch;
use crate::io::digest::ByDigest;
use crate::services::access::{clear_cookie, set_cookie};
use crate::services::appkeys::Pending;
use crate::services::entrance::Refused;

/// What a token may be called, as browsers read it.
const TOKEN_LABEL: &str = r"[\p{L}\p{N} .\-_]+";

/// What the forms have. A password is in none of their answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: String,
    password: Hidden,
    again: Hidden,
    old: Hidden,
    to: String,
    label: String,
    /// Words of roles, apart by spaces.
    roles: String,
    token: String,
    /// Of a program that asks for a key.
    code: String,
    decision: String,
}

type Filled = Result<Form<Fields>, FormRejection>;
type Page = (StatusCode, Markup);

fn fields(filled: Filled) -> Result<Fields, Problem> {
    // The reason could hold a piece of a password.
    filled.map(|Form(fields)| fields).map_err(|_| {
        Problem::unreadable("the form cannot be read", "go back, load the page again, and fill it in there")
    })
}

/// A place of this page and no other's: where somebody was before they signed in.
pub(super) fn back_to(given: &str) -> &str {
    let path = given.split('?').next().unwrap_or_default();
    let plain = given.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if plain && (matches!(path, "/look" | "/account") || is_page(path)) { given } else { "/" }
}

/// The page to sign in, and from there back.
pub(in crate::api) fn sign_in_for(back: &str) -> String {
    let back = back_to(back);
    if back == "/" {
        return "/sign-in".into();
    }
    let encoded: String = back.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    });
    format!("/sign-in?to={encoded}")
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct To {
    pub(super) to: String,
}

/// Whether a printer was stopped, and whether its board has confirmed that; nothing of who did it.
fn stopped(viewer: &Viewer, printer: &PrinterName) -> String {
    let record = viewer.app.recorder.read(|lab| viewer.app.recorder.printer_in(lab, printer));
    if !matches!(record.latch, Some(Latch::Stopped { .. })) {
        return String::new();
    }
    let (state, became) = (viewer.state("stopped"), record.stop.in_words());
    if became.is_empty() { state } else { format!("{state}; {}", viewer.told_within(&became)) }
}

fn form(viewer: &Viewer, to: &str, wrong: Option<&Problem>) -> Markup {
    let printers = viewer.app.fleet.board().printers().map(|(name, _)| name);
    html! {
        div.account data-failed[wrong.is_some()] {
            h1 { (viewer.say(words::SIGN_IN)) }
            @if let Some(problem) = wrong {
                div #said role="alert" { (problem_words(viewer, problem)) }
            }
            @if viewer.app.config.http.oidc.is_some() {
                p { a.button href=(sign_in_for(to).replacen("/sign-in", "/sign-in/site", 1)) { (viewer.say(words::AT_THE_SITE)) } }
                p.quiet { (viewer.say(words::EMERGENCY)) }
            }
            form.account method="post" action="/do/sign-in" {
                input type="hidden" name="to" value=(back_to(to));
                label { (viewer.say(common::NAME)) " " input #name name="name" required maxlength="40" autocomplete="username" autofocus; }
                label { (viewer.say(common::PASSWORD)) " " input #password type="password" name="password" required maxlength="800" autocomplete="current-password"; }
                button.first #sign-in { (viewer.say(words::SIGN_IN)) }
            }
            section.stops-here aria-labelledby="stops" {
                h2 #stops { (viewer.say(words::STOP_HERE)) " " small { (viewer.say(words::WITHOUT)) } }
                @for printer in printers {
                    div.one-stop {
                        span {
                            (printer) " "
                            small role="status" id=(format!("stopped-{printer}")) { (stopped(viewer, printer)) }
                        }
                        (kit::stop(viewer, Some(printer.as_str())))
                    }
                }
            }
        }
    }
}

/// What a button answers to who is not signed in, or not any more.
pub(super) fn to_sign_in(viewer: &Viewer) -> Markup {
    let page = html! {
        div.told data-failed {
            div #said {
                p {
                    strong { (viewer.say(words::NOT_DONE)) " " } (viewer.say(words::NOBODY_HERE)) " "
                    a href="/sign-in" { (viewer.say(words::SIGN_IN)) } ". " (viewer.say(words::THEN_AGAIN))
                }
            }
        }
    };
    own(viewer, words::SIGN_IN, &page)
}

/// A page of this module in its frame.
pub(super) fn own(viewer: &Viewer, title: Text, content: &Markup) -> Markup {
    frame(viewer, None, viewer.say(title), Reload::Never, None, content)
}

pub(super) async fn sign_in_page(viewer: Viewer, to: Result<Asked<To>, Problem>) -> Response {
    let to = to.map(|Asked(To { to })| to).unwrap_or_default();
    match viewer.asker {
        Asker::Everybody => nobody(&viewer).into_response(),
        Asker::Known(_) => Redirect::to(back_to(&to)).into_response(),
        Asker::Stranger => own(&viewer, words::SIGN_IN, &form(&viewer, &to, None)).into_response(),
    }
}

/// Where nobody is set up.
fn nobody(viewer: &Viewer) -> Page {
    let content = html! {
        h1 { (viewer.say(words::TITLE)) }
        (problem_words(viewer, &Problem::from(Refused::NobodySetUp)))
        (how_it_looks(viewer))
    };
    (StatusCode::OK, own(viewer, words::TITLE, &content))
}

pub(super) async fn sign_in(viewer: Viewer, reached: Reached, filled: Filled) -> Response {
    let given = match fields(filled) {
        Ok(given) => given,
        Err(problem) => return shown(&viewer, Err(problem)).into_response(),
    };
    let refused = |problem: &Problem, to: &str| {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = form(&viewer, to, Some(problem));
        (status, own(&viewer, words::SIGN_IN, &page)).into_response()
    };
    if given.name.trim().is_empty() || given.password.0.is_empty() {
        let help = "fill both in";
        return refused(&Problem::unreadable("a name and a password are needed", help), &given.to);
    }
    match viewer.app.entrance.sign_in(given.name, given.password.into(), reached.whence).await {
        Ok(signed_in) => {
            if let Asker::Known(before) = &viewer.asker {
                viewer.app.entrance.sign_out(before);
            }
            let to = if signed_in.who.own_password { back_to(&given.to) } else { "/account" };
            let mut headers = cookie(set_cookie(&signed_in.session, reached.secure).expose());
            if let Ok(to) = to.parse() {
                headers.insert(header::LOCATION, to);
            }
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => {
            viewer.app.monitor.refused(&error);
            refused(&error.into(), &given.to)
        }
    }
}

pub(super) async fn sign_out(
    State(app): State<AppState>,
    asker: Asker,
    reached: Reached,
) -> (StatusCode, HeaderMap) {
    if let Asker::Known(who) = &asker {
        app.entrance.sign_out(who);
    }
    let mut headers = cookie(&clear_cookie(reached.secure));
    headers.insert(header::LOCATION, header::HeaderValue::from_static("/sign-in"));
    (StatusCode::SEE_OTHER, headers)
}

pub(super) async fn page(viewer: Viewer) -> Page {
    let Asker::Known(who) = &viewer.asker else { return nobody(&viewer) };
    let content = account(&viewer, who);
    (StatusCode::OK, own(&viewer, words::TITLE, &content))
}

/// Language and light, noted in this browser.
fn how_it_looks(viewer: &Viewer) -> Markup {
    let themes = [common::THEME_AUTO, common::THEME_LIGHT, common::THEME_DARK];
    html! {
        h2 { (viewer.say(words::LOOKS)) }
        form.account.plain method="post" action="/do/looks" {
            input type="hidden" name="to" value="/account";
            label {
                (viewer.say(common::LANGUAGE)) " "
                select #language name="language" {
                    @for one in Language::ALL { option value=(one.code()) selected[one == viewer.language] lang=(one.code()) { (one.name()) } }
                }
            }
            label {
                (viewer.say(common::THEME)) " "
                select #theme name="theme" {
                    @for (one, says) in Theme::ALL.into_iter().zip(themes) { option value=(one.word()) selected[one == viewer.theme] { (viewer.say(says)) } }
                }
            }
            label {
                (viewer.say(words::KEYS)) " "
                select #keys name="keys" {
                    option value="on" selected[viewer.keys] { (viewer.say(words::KEYS_ON)) }
                    option value="off" selected[!viewer.keys] { (viewer.say(words::KEYS_OFF)) }
                }
            }
            button #use-looks { (viewer.say(words::LOOKS_SAVE)) }
        }
    }
}

fn account(viewer: &Viewer, who: &Who) -> Markup {
    let app = &viewer.app;
    let by_token = matches!(who.means, Means::Token(_));
    let tokens = app.recorder.read(|lab| lab.people.user(&who.name).map(|user| user.tokens.clone()));
    let tokens = tokens.unwrap_or_default();
    let roles: Vec<_> = who.roles.iter().map(|role| role.word()).collect();
    html! {
        div.account {
            div.head {
                h1 { (who.printed) " " small { (who.name) ", " (roles.join(", ")) } }
                form.plain.end method="post" action=(viewer.to("/do/sign-out")) { button #sign-out { (viewer.say(common::SIGN_OUT)) } }
            }
            @if !who.own_password {
                p #said role="alert" { strong { (viewer.say(words::CHOOSE_FIRST)) " " } (viewer.say(words::CHOOSE_WHY)) }
            }
            div.cards {
                section.card { (how_it_looks(viewer)) }
                @if !by_token { section.card { (another_password(viewer, who)) } }
                @if who.own_password && !by_token {
                    section.card { (tokens_of(viewer, &tokens, &roles.join(" "))) }
                    section.card { (programs(viewer, &app.app_keys.pending(app.clock.now()))) }
                }
            }
        }
    }
}

fn another_password(viewer: &Viewer, who: &Who) -> Markup {
    let (pattern, rule) = (password_pattern(), password_rule(viewer));
    html! {
        h2 { (viewer.say(common::PASSWORD)) }
        form.account method="post" action=(viewer.to("/do/password")) {
            input type="text" name="name" value=(who.name) autocomplete="username" hidden;
            label { (viewer.say(words::PASSWORD_OLD)) " " input type="password" name="old" required maxlength="800" autocomplete="current-password"; }
            label { (viewer.say(words::PASSWORD_NEW)) " " input type="password" name="password" required pattern=(pattern) title=(rule) autocomplete="new-password"; }
            label { (viewer.say(words::PASSWORD_AGAIN)) " " input type="password" name="again" required pattern=(pattern) title=(rule) autocomplete="new-password"; }
            button #choose { (viewer.say(words::PASSWORD_CHANGE)) }
        }
    }
}

/// One's tokens, and a new one, which has all of one's roles unless some are left out.
fn tokens_of(viewer: &Viewer, tokens: &BTreeMap<TokenId, Token>, roles: &str) -> Markup {
    html! {
        h2 { (viewer.say(words::TOKENS)) " " small { (viewer.fill(words::TOKENS_OF, &[("n", &tokens.len()), ("most", &TOKENS_MAX)])) } }
        @if tokens.is_empty() { p.empty { (viewer.say(words::NO_TOKEN)) } }
        @for (id, token) in tokens {
            @let roles: Vec<_> = token.roles.iter().map(|role| role.word()).collect();
            @let sure = viewer.fill(words::REVOKE_ASK, &[("label", &token.label.as_str())]);
            form.token method="post" action=(viewer.to("/do/revoke")) data-ask=(sure) {
                input type="hidden" name="token" value=(id);
                p { strong { (token.label.as_str()) } " " code { (id) } " " small { (roles.join(", ")) ", " (viewer.fill(words::SINCE, &[("time", &viewer.short(token.issued))])) } }
                button id=(format!("revoke-{id}")) { (viewer.say(words::REVOKE)) }
            }
        }
        form.account method="post" action=(viewer.to("/do/token")) {
            label { (viewer.say(words::WHAT_FOR)) " " input name="label" required maxlength="40" pattern=(TOKEN_LABEL) title=(viewer.say(words::LABEL_RULE)); }
            label { (viewer.say(words::ROLES)) " " input name="roles" required value=(roles); }
            button #issue { (viewer.say(words::MAKE_TOKEN)) }
        }
    }
}

/// Programs that ask for a key, each with its two buttons.
fn programs(viewer: &Viewer, waiting: &[Pending]) -> Markup {
    html! {
        h2 #app-keys { (viewer.say(words::PROGRAMS)) " " small { (waiting.len()) } }
        @if waiting.is_empty() {
            p.empty { (viewer.say(words::NO_PROGRAM)) }
        } @else {
            p { (viewer.say(words::PROGRAM_WARNING)) }
        }
        @for one in waiting {
            form.token method="post" action=(viewer.to("/do/app-key")) {
                input type="hidden" name="code" value=(one.code);
                p {
                    strong { (one.app) } " " code { (one.code) } " "
                    small {
                        (viewer.fill(words::PROGRAM_SINCE, &[("time", &viewer.short(one.at)), ("place", &one.from)]))
                        @if let Some(user) = &one.user { ", " (viewer.fill(words::PROGRAM_FOR, &[("user", user)])) }
                    }
                }
                button id=(format!("grant-{}", one.code)) name="decision" value="grant" { (viewer.say(words::GRANT)) }
                button id=(format!("deny-{}", one.code)) name="decision" value="deny" { (viewer.say(words::DENY)) }
            }
        }
    }
}

pub(super) async fn app_key(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        let grant = match given.decision.as_str() {
            "grant" => true,
            "deny" => false,
            _ => {
                let help = "press a button of the page";
                return Err(Problem::unreadable("the form neither grants nor denies", help));
            }
        };
        decided(&viewer.app, &viewer.asker, &given.code, grant).await?;
        let said = if grant { viewer.say(words::GRANTED) } else { viewer.say(words::DENIED) };
        Ok(said.to_owned())
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn password(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        if given.password.0 != given.again.0 {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "not-the-same",
                viewer.say(words::PASSWORDS_DIFFER),
                viewer.say(words::TYPE_TWICE),
            ));
        }
        let who = viewer.asker.who()?.as_ref().clone();
        viewer.app.entrance.change_password(who, given.old.into(), given.password.into()).await?;
        Ok(viewer.say(words::PASSWORD_CHANGED).to_owned())
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

pub(super) async fn token(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        let words: Vec<_> = given.roles.split_whitespace().collect();
        let (label, roles) = (given.label.parse()?, roles_of(&words)?);
        let issued = viewer.app.entrance.issue_token(viewer.asker.who()?, label, roles, ByDigest::No).await?;
        Ok(html! {
            p { (viewer.say(words::NOTE_TOKEN)) }
            pre #token { (issued.secret.expose()) }
            p { a href="/account" { (viewer.say(words::TO_ACCOUNT)) } }
        })
    };
    let outcome = outcome.await;
    shown(&viewer, outcome)
}

pub(super) async fn revoke(viewer: Viewer, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        viewer.app.entrance.revoke_token(viewer.asker.who()?, given.token.parse()?).await?;
        Ok(viewer.say(words::REVOKED).to_owned())
    };
    let outcome = outcome.await;
    told(&viewer, outcome)
}

/// How the page is to look in this browser.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Looks {
    language: String,
    theme: String,
    keys: String,
    to: String,
}

/// Notes it in the browser, and nowhere else.
pub(super) async fn looks(reached: Reached, filled: Result<Form<Looks>, FormRejection>) -> Response {
    let Looks { language, theme, keys, to } = filled.map(|Form(looks)| looks).unwrap_or_default();
    let mut response = Redirect::to(back_to(&to)).into_response();
    let kept = [
        Language::of_code(&language).map(|language| (LANGUAGE_COOKIE, language.code())),
        Theme::of_word(&theme).map(|theme| (THEME_COOKIE, theme.word())),
        ["on", "off"].into_iter().find(|word| *word == keys).map(|word| (KEYS_COOKIE, word)),
    ];
    for (name, word) in kept.into_iter().flatten() {
        let secure = if reached.secure { "; Secure" } else { "" };
        let cookie = format!("{name}={word}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_place_after_signing_in() {
        for place in ["/", "/look?job=1&layer=2", "/account"] {
            assert_eq!(back_to(place), place);
        }
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/do/stop",
            "/look\r\nSet-Cookie: a=b",
            "/look?job=\\",
        ] {
            assert_eq!(back_to(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(sign_in_for("/"), "/sign-in");
        assert_eq!(sign_in_for("/look?job=1&layer=2"), "/sign-in?to=/look%3Fjob%3D1%26layer%3D2");
        assert_eq!(sign_in_for("//evil.example"), "/sign-in");
    }
}
