//! The page at `/people`: who may come in and do what, and one of them with everything that can be changed.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::{Inner, Piece};
use super::viewer::Viewer;
use super::words::{Text, account, common, people as words};
use crate::api::people::notices;
use crate::api::shapes::{NoticeView, NoticesView};
use crate::api::{AppState, Problem};
use crate::domain::people::name::{NAME_MAX, PRINTED_MAX, UserName};
use crate::domain::people::notices::ADDRESS_MAX;
use crate::domain::people::password::LENGTH;
use crate::domain::people::roles::{Role, TABLE};
use crate::domain::people::{Password, User};
use crate::services::access::Comings;

const SETUP: &str = "platen setup";

/// Keys of the configuration by which people can be told something.
pub(super) const WAYS: &str = "[notifications.mail], [notifications.webhook], [mqtt]";

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let pieces = if viewer.app.entrance.is_guarded() {
            match ask.query("user") {
                Some(name) => one(&viewer, name)?,
                None => all(&viewer),
            }
        } else {
            vec![head(&viewer, &html! {}), nobody(&viewer), roles(&viewer)]
        };
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

/// A name in an address.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// A name in an id of the page: letters beyond ASCII have their bytes in it.
fn id_of(name: &str) -> String {
    encoded(name).replace('%', ":")
}

fn head(viewer: &Viewer, beside: &Markup) -> Piece {
    Piece::new("head", html! { div.head id="head" { h1 { (viewer.say(words::TITLE)) } (beside) } })
}

fn nobody(viewer: &Viewer) -> Piece {
    let next = html! {
        (viewer.say(words::NOBODY_HOW)) " "
        code { (SETUP) }
    };
    Piece::new("nobody", html! { div id="nobody" { (kit::empty(viewer.say(words::NOBODY), Some(next))) } })
}

/// As `UserName` takes it, and browsers read it.
const USER_PATTERN: &str = r" *[\p{L}\p{N}]( ?[\p{L}\p{N}.\-_@])* *";

fn role_words(viewer: &Viewer, role: Role) -> String {
    viewer.told(role.word())
}

fn users(app: &AppState) -> Vec<User> {
    app.recorder.read(|lab| lab.people.users.values().cloned().collect())
}

/// Whether somebody comes in, as a word with its state for the styles.
fn standing(viewer: &Viewer, user: &User, comings: Comings) -> (String, &'static str) {
    let say = |text: Text| viewer.say(text).to_owned();
    match (user.is_active(), comings.locked, user.password) {
        (false, ..) => (say(words::DISABLED), "blocked"),
        (true, Some(locked), _) => {
            // In whole minutes: what is left changes all the time.
            let minutes = locked.wait.as_secs().div_ceil(60) * 60;
            (viewer.fill(words::LOCKED, &[("time", &viewer.span(minutes))]), "wants")
        }
        (true, None, Password::Missing) => (say(words::NO_PASSWORD), "bad"),
        (true, None, Password::OfAnother) => (say(words::MUST_CHOOSE), "wants"),
        (true, None, Password::Own) => (say(words::ACTIVE), "good"),
    }
}

fn chip(viewer: &Viewer, user: &User, comings: Comings) -> Markup {
    let (says, state) = standing(viewer, user, comings);
    let mark = match state {
        "good" => "open",
        "wants" => "suspect",
        _ => "blocked",
    };
    html! { span.chip data-state=(state) { (kit::mark(mark)) (says) } }
}

fn came_in(viewer: &Viewer, comings: Comings) -> String {
    let Some(at) = comings.signed_in else { return viewer.say(words::NOT_SINCE).to_owned() };
    let minutes = viewer.app.clock.now().since(at).as_secs() / 60 * 60;
    if minutes == 0 {
        return viewer.say(words::JUST_NOW).to_owned();
    }
    viewer.fill(words::AGO, &[("time", &viewer.span(minutes))])
}

fn all(viewer: &Viewer) -> Vec<Piece> {
    let users = users(&viewer.app);
    let text = if users.len() == 1 { words::COUNT_ONE } else { words::COUNT };
    let count = html! { small { (viewer.fill(text, &[("n", &users.len())])) } };
    vec![head(viewer, &count), table(viewer, &users), adding(viewer), roles(viewer)]
}

fn table(viewer: &Viewer, users: &[User]) -> Piece {
    Piece::around("people", |inner| {
        html! {
            div.scroll id="people" tabindex="0" role="region" aria-label=(viewer.say(words::ALL_PEOPLE)) {
                table {
                    thead { tr {
                        @for head in [words::NAME, words::SIGNS_IN_AS, words::ROLES, words::STATE, words::LAST] {
                            th scope="col" { (viewer.say(head)) }
                        }
                        th.number scope="col" { (viewer.say(words::TOKENS)) }
                    } }
                    tbody {
                        @for user in users { (row(viewer, inner, user)) }
                    }
                }
            }
        }
    })
}

fn row(viewer: &Viewer, inner: &Inner, user: &User) -> Markup {
    let (name, id) = (user.name.as_str(), id_of(user.name.as_str()));
    let comings = viewer.app.entrance.comings(&user.name);
    let roles: Vec<_> = user.roles.iter().map(|role| role_words(viewer, *role)).collect();
    html! {
        tr data-key=(format!("row-{id}")) {
            th scope="row" { a href=(format!("/people?user={}", encoded(name))) data-go { (user.printed) } }
            td { code { (name) } }
            td { (roles.join(", ")) }
            // A cell alone is no element that a browser reads: what changes is in it.
            td { (inner.put(format!("standing-{id}"), html! { span id=(format!("standing-{id}")) { (chip(viewer, user, comings)) } })) }
            td { (inner.put(format!("came-{id}"), html! { span id=(format!("came-{id}")) { (came_in(viewer, comings)) } })) }
            td.number { (user.tokens.len()) }
        }
    }
}

/// Ticks for all roles, each with what it is for.
fn role_ticks(viewer: &Viewer, has: impl Fn(Role) -> bool) -> Markup {
    html! {
        fieldset.ticks data-use="lists" data-need=(viewer.say(words::ONE_ROLE)) {
            legend { (viewer.say(words::ROLES)) }
            @for role in Role::ALL {
                @let says = viewer.fill(words::MEANT_FOR, &[("role", &role_words(viewer, role)), ("what", &viewer.told_within(role.means()))]);
                (kit::tick(&format!("roles.{role}"), &says, has(role)))
            }
        }
    }
}

/// As long as passwords are, in characters.
pub(super) fn password_pattern() -> String {
    format!(".{{{},{}}}", LENGTH.start(), LENGTH.end())
}

/// The same in words.
pub(super) fn password_rule(viewer: &Viewer) -> String {
    viewer.fill(words::PASSWORD_LENGTH, &[("least", LENGTH.start()), ("most", LENGTH.end())])
}

fn password(viewer: &Viewer, label: &str, hint: &str) -> Markup {
    html! {
        label.field {
            span { (label) }
            // What is too long is said, not cut off unseen.
            input type="password" name="password" required pattern=(password_pattern()) title=(password_rule(viewer)) autocomplete="new-password";
            @if !hint.is_empty() { small { (hint) } }
        }
    }
}

fn adding(viewer: &Viewer) -> Piece {
    let name = Field::text("name", viewer.say(words::SIGNS_IN_AS)).most(NAME_MAX);
    let name = name.pattern(USER_PATTERN, viewer.say(words::SIGNS_IN_HINT));
    let done = viewer.say(words::ADD_DONE);
    let form =
        Sends { done: Some(done), ..Sends::new("add-user", "POST /v1/users", viewer.say(words::ADD_NOW)) };
    let fields = html! {
        div.form {
            (name.hint(viewer.say(words::SIGNS_IN_HINT)).required().input())
            (Field::text("printed", viewer.say(words::IN_FULL)).most(PRINTED_MAX).input())
            (role_ticks(viewer, |_| false))
            (password(viewer, viewer.say(words::FIRST_PASSWORD), viewer.say(words::FIRST_HINT)))
        }
    };
    Piece::new(
        "adding",
        html! {
            details.card id="adding" {
                summary { (viewer.say(words::ADD)) }
                (form.form(viewer, fields))
            }
        },
    )
}

/// What each role may do, from the table that the door asks.
fn roles(viewer: &Viewer) -> Piece {
    Piece::new(
        "roles",
        html! {
            section id="roles" aria-labelledby="roles-head" {
                (kit::heading("roles-head", viewer, words::WHAT_ROLES_DO, ""))
                div.cards {
                    @for role in Role::ALL {
                        details.card id=(format!("role-{role}")) {
                            summary { strong { (role_words(viewer, role)) } ": " (viewer.told_within(role.means())) }
                            ul {
                                @for rule in TABLE.iter().filter(|rule| rule.roles.contains(&role)) {
                                    li {
                                        (viewer.told(rule.does))
                                        @if rule.permission.is_barred_to_tokens() { " " small { "(" (viewer.say(words::NOT_BY_TOKEN)) ")" } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// One person, with what can be changed of them.
fn one(viewer: &Viewer, name: &str) -> Result<Vec<Piece>, Problem> {
    let name: UserName = name.parse().map_err(|_| Viewer::missing("person"))?;
    let user = viewer.app.recorder.read(|lab| lab.people.user(&name).cloned())?;
    let is_own = viewer.asker.name() == Some(user.name.as_str());
    let back = html! {
        p { (user.printed) }
        a.button.end href="/people" { (viewer.say(words::ALL_PEOPLE)) }
    };
    let told = notices(&viewer.app, &name)?.0;
    let mut pieces = vec![head(viewer, &back), facts(viewer, &user, is_own)];
    if user.is_active() && !is_own {
        pieces.push(roles_of(viewer, &user));
    }
    pieces.push(tokens(viewer, &user));
    if user.is_active() {
        let to = format!("POST /v1/users/{}/notifications", encoded(name.as_str()));
        pieces.push(telling(viewer, words::NOTICES, &told, &to));
    }
    Ok(pieces)
}

fn facts(viewer: &Viewer, user: &User, is_own: bool) -> Piece {
    let comings = viewer.app.entrance.comings(&user.name);
    Piece::around("person", |inner| {
        html! {
            section.card.stack id="person" aria-labelledby="person-head" {
                (kit::heading("person-head", viewer, words::COME_IN, ""))
                dl.facts {
                    dt { (viewer.say(words::SIGNS_IN_AS)) } dd { code { (user.name) } }
                    dt { (viewer.say(words::STATE)) }
                    (inner.put("person-standing", html! { dd id="person-standing" { (chip(viewer, user, comings)) } }))
                    dt { (viewer.say(words::LAST)) }
                    (inner.put("person-came", html! { dd id="person-came" { (came_in(viewer, comings)) } }))
                    dt { (viewer.say(words::ADDED)) } dd { (viewer.at(user.added)) }
                }
                @if is_own {
                    p { (viewer.say(words::OWN)) " " a href="/account" { (viewer.say(common::ACCOUNT)) } }
                } @else {
                    (changes(viewer, user, comings.locked.is_some()))
                }
            }
        }
    })
}

/// Their password, and whether they come in at all.
fn changes(viewer: &Viewer, user: &User, is_locked: bool) -> Markup {
    let (name, printed) = (encoded(user.name.as_str()), user.printed.to_string());
    let to = |what: &str| format!("POST /v1/users/{name}/{what}");
    let (disable, enable, unlock, set) = (to("disable"), to("enable"), to("unlock"), to("password"));
    let nothing = || Value::Object(Map::new());
    let of = |text| viewer.fill(text, &[("name", &printed)]);
    let (disabled, sure) = (of(words::DISABLE_DONE), of(words::DISABLE_ASK));
    html! {
        @if user.is_active() {
            (Sends { done: Some(viewer.say(words::PASSWORD_DONE)), ..Sends::new("set-password", &set, viewer.say(words::SET_PASSWORD)) }
                .form(viewer, password(viewer, viewer.say(words::NEW_PASSWORD), viewer.say(words::FIRST_HINT))))
            div.buttons {
                @if is_locked {
                    (Sends { fixed: nothing(), done: Some(viewer.say(words::UNLOCK_DONE)), ..Sends::new("unlock", &unlock, viewer.say(words::UNLOCK)) }.button(viewer))
                }
                (Sends { fixed: nothing(), ask: Some(&sure), done: Some(&disabled), undo: Some((enable.as_str(), nothing())), ..Sends::new("disable", &disable, viewer.say(words::DISABLE)) }.button(viewer))
            }
        } @else {
            p { (viewer.say(words::PASSWORD_AFTER)) }
            (Sends { fixed: nothing(), done: Some(viewer.say(words::ENABLE_DONE)), undo: Some((disable.as_str(), nothing())), ..Sends::new("enable", &enable, viewer.say(words::ENABLE)) }.button(viewer))
        }
    }
}

fn roles_of(viewer: &Viewer, user: &User) -> Piece {
    let to = format!("POST /v1/users/{}/roles", encoded(user.name.as_str()));
    let before: Vec<_> = user.roles.iter().map(|role| role.word()).collect();
    let form = Sends {
        fixed: json!({ "was": before }),
        done: Some(viewer.say(words::ROLES_DONE)),
        undo: Some((to.as_str(), json!({ "roles": before }))),
        undo_was: Some("roles"),
        ..Sends::new("change-roles", &to, viewer.say(words::CHANGE_ROLES))
    };
    Piece::new(
        "roles-of",
        html! { section.card id="roles-of" { (form.form(viewer, role_ticks(viewer, |role| user.roles.contains(&role)))) } },
    )
}

fn tokens(viewer: &Viewer, user: &User) -> Piece {
    Piece::new(
        "tokens",
        html! {
            section.card id="tokens" aria-labelledby="tokens-head" {
                (kit::heading("tokens-head", viewer, words::TOKENS, &user.tokens.len().to_string()))
                @if user.tokens.is_empty() { p.quiet { (viewer.say(words::NO_TOKENS)) } }
                ul.rows {
                    @for (id, token) in &user.tokens {
                        @let roles: Vec<_> = token.roles.iter().map(|role| role_words(viewer, *role)).collect();
                        @let to = format!("POST /v1/tokens/{id}/revoke");
                        @let sure = viewer.fill(account::REVOKE_ASK, &[("label", &token.label.as_str())]);
                        li.buttons id=(format!("token-{id}")) {
                            strong { (token.label.as_str()) }
                            small { (roles.join(", ")) ", " (viewer.fill(words::TOKEN_SINCE, &[("time", &viewer.short(token.issued))])) }
                            (Sends { fixed: Value::Object(Map::new()), ask: Some(&sure), done: Some(viewer.say(words::REVOKED)), ..Sends::new(&format!("revoke-{id}"), &to, viewer.say(words::REVOKE)) }.button(viewer))
                        }
                    }
                }
            }
        },
    )
}

fn way_name(viewer: &Viewer, way: &str) -> String {
    match way {
        "mail" => viewer.say(words::BY_MAIL).into(),
        "webhook" => viewer.say(words::BY_WEBHOOK).into(),
        "mqtt" => viewer.say(words::BY_MQTT).into(),
        other => other.into(),
    }
}

/// The whole of what was chosen, to be sent again: what a change is undone by.
fn chosen(told: &NoticesView) -> Value {
    let mail = told.mail.clone().unwrap_or_default();
    if told.by_role {
        return json!({ "mail": mail, "by_role": true });
    }
    let topics: Map<String, Value> =
        told.notices.iter().map(|one| (one.topic.clone(), json!(one.ways))).collect();
    json!({ "mail": mail, "topics": topics })
}

/// What somebody is told, and by which ways: a form, where this site has any way at all.
pub(super) fn telling(viewer: &Viewer, title: Text, told: &NoticesView, to: &str) -> Piece {
    let undo = chosen(told);
    let form = Sends {
        done: Some(viewer.say(words::NOTICES_DONE)),
        undo: Some((to, undo.clone())),
        ..Sends::new("tell", to, viewer.say(words::NOTICES_SAVE))
    };
    let by_roles = Sends {
        fixed: json!({ "by_role": true }),
        done: Some(viewer.say(words::NOTICES_DONE)),
        undo: Some((to, undo)),
        ..Sends::new("tell-by-roles", to, viewer.say(words::BY_ROLES_AGAIN))
    };
    Piece::new(
        "telling",
        html! {
            section.card.stack id="telling" aria-labelledby="telling-head" {
                (kit::heading("telling-head", viewer, title, ""))
                @if told.ways.is_empty() {
                    p { (viewer.fill(words::NO_WAYS, &[("keys", &WAYS)])) }
                } @else {
                    p.quiet { (viewer.say(if told.by_role { words::BY_ROLES } else { words::CHOSEN })) }
                    (form.form(viewer, notice_fields(viewer, told)))
                    @if !told.by_role { (by_roles.button(viewer)) }
                }
            }
        },
    )
}

fn notice_fields(viewer: &Viewer, told: &NoticesView) -> Markup {
    let tick = |one: &NoticeView, way: &String| {
        let says = viewer.fill(
            words::WAY_FOR,
            &[("way", &way_name(viewer, way)), ("when", &viewer.told_within(&one.when))],
        );
        let on = one.ways.contains(way);
        html! { input type="checkbox" name=(format!("topics.{}.{way}", one.topic)) data-as="yes" checked[on] aria-label=(says); }
    };
    html! {
        div.form {
            @if told.ways.iter().any(|way| way == "mail") {
                label.field {
                    span { (viewer.say(words::MAIL_TO)) }
                    input type="email" name="mail" value=(told.mail.as_deref().unwrap_or_default()) maxlength=(ADDRESS_MAX) autocomplete="off" data-empty;
                    small { (viewer.say(words::MAIL_HINT)) }
                }
            }
            div.scroll data-use="lists" {
                table.ticked {
                    thead { tr {
                        th scope="col" { (viewer.say(words::NOTICE_WHEN)) }
                        @for way in &told.ways { th scope="col" { (way_name(viewer, way)) } }
                    } }
                    tbody {
                        @for one in &told.notices {
                            tr {
                                th scope="row" { (viewer.told(&one.when)) }
                                @for way in &told.ways { td { label.tick { (tick(one, way)) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_an_address_or_an_id_is_no_more_than_letters_digits_and_marks() {
        assert_eq!(encoded("kim"), "kim");
        assert_eq!(encoded("Kim Ö. @lab"), "Kim%20%C3%96.%20%40lab");
        assert_eq!(id_of("Kim Ö."), "Kim:20:C3:96.");
    }

    #[test]
    fn what_was_told_by_the_roles_is_taken_back_to_the_roles() {
        let one = NoticeView { topic: "released".into(), when: String::new(), ways: vec!["mail".into()] };
        let told = |by_role| NoticesView {
            user: "kim".into(),
            mail: None,
            by_role,
            ways: vec!["mail".into()],
            notices: vec![one.clone()],
        };
        assert_eq!(chosen(&told(true)), json!({ "mail": "", "by_role": true }));
        assert_eq!(chosen(&told(false)), json!({ "mail": "", "topics": { "released": ["mail"] } }));
    }
}
