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

use super::forms::{shown, told};
use super::{Reload, frame};
use crate::api::compat::octoprint::appkeys::decided;
use crate::api::door::Asker;
use crate::api::given::Asked;
use crate::api::people::{cookie, roles_of};
use crate::api::shapes::Hidden;
use crate::api::{AppState, Problem};
use crate::domain::people::TOKENS_MAX;
use crate::domain::people::roles::{Means, Who};
use crate::io::digest::ByDigest;
use crate::services::access::{clear_cookie, set_cookie};
use crate::services::appkeys::Pending;
use crate::services::entrance::Refused;

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
fn back_to(given: &str) -> &str {
    let path = given.split('?').next().unwrap_or_default();
    let plain = given.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if plain && matches!(path, "/" | "/look" | "/account") { given } else { "/" }
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
    to: String,
}

fn form(app: &AppState, to: &str, wrong: Option<&Problem>) -> Markup {
    let printers = app.fleet.board().printers().map(|(name, _)| name);
    html! {
        main.account data-failed[wrong.is_some()] {
            h2 { "Sign in" }
            @if let Some(problem) = wrong {
                p #said role="alert" { strong { (problem.title) ". " } (problem.detail) ". To do: " (problem.help) "." }
            }
            form.account method="post" action="/do/sign-in" {
                input type="hidden" name="to" value=(back_to(to));
                label { "Name " input #name name="name" required maxlength="40" autocomplete="username" autofocus; }
                label { "Password " input #password type="password" name="password" required maxlength="800" autocomplete="current-password"; }
                button #sign-in { "Sign in" }
            }
            section.stops aria-labelledby="stops" {
                h2 #stops { "Stop a printer" small { " without signing in" } }
                @for printer in printers {
                    form method="post" action="/do/stop" {
                        input type="hidden" name="printer" value=(printer);
                        input type="hidden" name="by" value="";
                        button.stop { "Stop " (printer) }
                    }
                }
            }
        }
    }
}

/// What a button answers to who is not signed in, or not any more.
pub(super) fn to_sign_in(app: &AppState) -> Markup {
    let page = html! {
        main.told data-failed {
            div #said { p { strong { "Not done. " } "Nobody is signed in here, or not any more. " a href="/sign-in" { "Sign in" } ", then press the button again." } }
        }
    };
    frame(app, &Asker::Stranger, Reload::Never, &page)
}

pub(super) async fn sign_in_page(
    State(app): State<AppState>,
    asker: Asker,
    to: Result<Asked<To>, Problem>,
) -> Response {
    let to = to.map(|Asked(To { to })| to).unwrap_or_default();
    match asker {
        Asker::Everybody => nobody(&app, &asker).into_response(),
        Asker::Known(_) => Redirect::to(back_to(&to)).into_response(),
        Asker::Stranger => frame(&app, &asker, Reload::Never, &form(&app, &to, None)).into_response(),
    }
}

/// Where nobody is set up.
fn nobody(app: &AppState, asker: &Asker) -> Page {
    shown(app, asker, Err(Refused::NobodySetUp.into()))
}

pub(super) async fn sign_in(State(app): State<AppState>, asker: Asker, filled: Filled) -> Response {
    let given = match fields(filled) {
        Ok(given) => given,
        Err(problem) => return shown(&app, &asker, Err(problem)).into_response(),
    };
    let refused = |problem: &Problem, to: &str| {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = form(&app, to, Some(problem));
        (status, frame(&app, &Asker::Stranger, Reload::Never, &page)).into_response()
    };
    if given.name.trim().is_empty() || given.password.0.is_empty() {
        let help = "fill both in";
        return refused(&Problem::unreadable("a name and a password are needed", help), &given.to);
    }
    match app.entrance.sign_in(given.name, given.password.into()).await {
        Ok(signed_in) => {
            if let Asker::Known(before) = &asker {
                app.entrance.sign_out(before);
            }
            let to = if signed_in.who.own_password { back_to(&given.to) } else { "/account" };
            let mut headers = cookie(set_cookie(&signed_in.session, false).expose());
            if let Ok(to) = to.parse() {
                headers.insert(header::LOCATION, to);
            }
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(error) => refused(&error.into(), &given.to),
    }
}

pub(super) async fn sign_out(State(app): State<AppState>, asker: Asker) -> (StatusCode, HeaderMap) {
    if let Asker::Known(who) = &asker {
        app.entrance.sign_out(who);
    }
    let mut headers = cookie(&clear_cookie());
    headers.insert(header::LOCATION, header::HeaderValue::from_static("/sign-in"));
    (StatusCode::SEE_OTHER, headers)
}

pub(super) async fn page(State(app): State<AppState>, asker: Asker) -> Page {
    let Asker::Known(who) = &asker else { return nobody(&app, &asker) };
    let content = account(&app, who);
    (StatusCode::OK, frame(&app, &asker, Reload::Never, &content))
}

fn account(app: &AppState, who: &Who) -> Markup {
    let by_token = matches!(who.means, Means::Token(_));
    let tokens = app.recorder.read(|lab| lab.people.user(&who.name).map(|user| user.tokens.clone()));
    let tokens = tokens.unwrap_or_default();
    let roles: Vec<_> = who.roles.iter().map(|role| role.word()).collect();
    html! {
        main.account {
            h2 { (who.printed) " " small { (who.name) ", " (roles.join(", ")) } }
            @if !who.own_password {
                p #said role="alert" { strong { "Choose your own password first. " } "Somebody else has chosen this one; until then you can stop printers, and nothing else." }
            }
            form method="post" action="/do/sign-out" { button #sign-out { "Sign out" } }
            @if !by_token {
                h2 { "Password" }
                form.account method="post" action="/do/password" {
                    input type="text" name="name" value=(who.name) autocomplete="username" hidden;
                    label { "The one you have " input type="password" name="old" required maxlength="800" autocomplete="current-password"; }
                    label { "Another, 12 characters at least " input type="password" name="password" required minlength="12" maxlength="800" autocomplete="new-password"; }
                    label { "The same again " input type="password" name="again" required minlength="12" maxlength="800" autocomplete="new-password"; }
                    button #choose { "Change it" }
                }
            }
            @if who.own_password && !by_token {
                h2 { "Tokens for programs " small { (tokens.len()) " of " (TOKENS_MAX) } }
                @if tokens.is_empty() { p.empty { "None. A program that speaks with platen needs one." } }
                @for (id, token) in &tokens {
                    @let roles: Vec<_> = token.roles.iter().map(|role| role.word()).collect();
                    form.token method="post" action="/do/revoke" {
                        input type="hidden" name="token" value=(id);
                        p { strong { (token.label.as_str()) } " " code { (id) } " " small { (roles.join(", ")) ", since " (token.issued) } }
                        button id=(format!("revoke-{id}")) { "Revoke" }
                    }
                }
                form.account method="post" action="/do/token" {
                    label { "What for " input name="label" required maxlength="40" placeholder="nightly backup"; }
                    label { "Roles, apart by spaces " input name="roles" required value=(roles.join(" ")); }
                    button #issue { "Make a token" }
                }
                (programs(&app.app_keys.pending(app.clock.now())))
            }
            p { a href="/" { "Back to the board" } }
        }
    }
}

/// Programs that ask for a key, each with its two buttons.
fn programs(waiting: &[Pending]) -> Markup {
    html! {
        h2 #app-keys { "Programs that ask for a token " small { (waiting.len()) } }
        @if waiting.is_empty() {
            p.empty { "None. One that does is here until it gives up; load the page again to see it." }
        } @else {
            p { "Grant only one that you have just set up yourself: what it calls itself nobody has checked. It fetches a token of yours, to upload and queue." }
        }
        @for one in waiting {
            form.token method="post" action="/do/app-key" {
                input type="hidden" name="code" value=(one.code);
                p {
                    strong { (one.app) } " " code { (one.code) } " "
                    small {
                        "since " (one.at) ", at " (one.from)
                        @if let Some(user) = &one.user { ", says it is for " (user) }
                    }
                }
                button id=(format!("grant-{}", one.code)) name="decision" value="grant" { "Grant" }
                button id=(format!("deny-{}", one.code)) name="decision" value="deny" { "Deny" }
            }
        }
    }
}

pub(super) async fn app_key(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
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
        decided(&app, &asker, &given.code, grant).await?;
        let said = if grant {
            "It is granted: the program fetches its token, and the account lists it. If it does not, the token is revoked."
        } else {
            "It gets none."
        };
        Ok(said.to_owned())
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn password(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        if given.password.0 != given.again.0 {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "not-the-same",
                "the two new passwords differ; nothing was changed",
                "go back and type the new one twice",
            ));
        }
        let who = asker.who()?.as_ref().clone();
        app.entrance.change_password(who, given.old.into(), given.password.into()).await?;
        Ok("The new password holds, and everywhere else you are signed out.".to_owned())
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

pub(super) async fn token(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        let words: Vec<_> = given.roles.split_whitespace().collect();
        let (label, roles) = (given.label.parse()?, roles_of(&words)?);
        let issued = app.entrance.issue_token(asker.who()?, label, roles, ByDigest::No).await?;
        Ok(html! {
            p { "Note this token now: nobody can show it again." }
            pre #token { (issued.secret.expose()) }
            p { a href="/account" { "Back to the account" } }
        })
    };
    let outcome = outcome.await;
    shown(&app, &asker, outcome)
}

pub(super) async fn revoke(State(app): State<AppState>, asker: Asker, filled: Filled) -> Page {
    let outcome = async {
        let given = fields(filled)?;
        app.entrance.revoke_token(asker.who()?, given.token.parse()?).await?;
        Ok("The token is void.".to_owned())
    };
    let outcome = outcome.await;
    told(&app, &asker, outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::WallTime;

    #[test]
    fn each_program_that_asks_has_a_form_with_two_buttons() {
        let asks = |user: Option<&str>| Pending {
            code: "a1b2c3".into(),
            app: "OctoPod".into(),
            user: user.map(str::to_owned),
            from: "/p/mk3-01".into(),
            at: WallTime(0),
        };
        let page = programs(&[asks(Some("kim"))]).into_string();
        for part in [
            "action=\"/do/app-key\"",
            "name=\"code\" value=\"a1b2c3\"",
            "name=\"decision\" value=\"grant\"",
            "name=\"decision\" value=\"deny\"",
            "since 1970-01-01T00:00:00.000Z, at /p/mk3-01, says it is for kim",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!programs(&[asks(None)]).into_string().contains("says it is for"));
        assert!(!programs(&[]).into_string().contains("<form"));
    }

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
