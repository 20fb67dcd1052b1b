//! Signing in and out, users, and tokens.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use std::collections::BTreeSet;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{NoSuch, OfPeople, SigningIn, Told};
use super::door::Asker;
use super::given::{Given, Named};
use super::line::Reached;
use super::problem::Problem;
use super::shapes::{
    AskerView, Hidden, NewPassword, NewToken, NewUser, NoMore, NoticeView, NoticesGiven, NoticesView,
    OwnPassword, RolesGiven, SignIn, SignedOut, TokenShown, TokenView, UserView,
};
use crate::domain::ids::TokenId;
use crate::domain::people::User;
use crate::domain::people::name::{PrintedName, UserName};
use crate::domain::people::notices::{Choice, Topic, Way, Ways};
use crate::domain::people::roles::{Means, NoRole, Role, Who};
use crate::io::digest::ByDigest;
use crate::io::secret::Secret;
use crate::services::access::{clear_cookie, set_cookie};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(who_asks, sign_in, sign_out))
        .routes(routes!(choose_password))
        .routes(routes!(own_tokens, issue_token))
        .routes(routes!(revoke_token))
        .routes(routes!(list, add))
        .routes(routes!(show))
        .routes(routes!(change_roles))
        .routes(routes!(give_password))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(unlock))
        .routes(routes!(own_notices, choose_own_notices))
        .routes(routes!(notices_of, choose_notices_of))
}

fn words(roles: &BTreeSet<Role>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

/// Roles by their words.
pub fn roles_of(given: &[impl AsRef<str>]) -> Result<BTreeSet<Role>, NoRole> {
    given.iter().map(|word| word.as_ref().parse()).collect()
}

impl From<&Who> for AskerView {
    fn from(who: &Who) -> Self {
        Self {
            name: who.name.to_string(),
            printed: who.printed.to_string(),
            roles: words(&who.roles),
            by: match who.means {
                Means::Session(_) => "session".into(),
                Means::Token(_) => "token".into(),
            },
            must_choose_password: !who.own_password,
        }
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        use crate::domain::people::Password;
        Self {
            name: user.name.to_string(),
            printed: user.printed.to_string(),
            roles: words(&user.roles),
            active: user.is_active(),
            password: match user.password {
                Password::Missing => "missing".into(),
                Password::OfAnother => "of_another".into(),
                Password::Own => "own".into(),
            },
            added: user.added.to_string(),
            tokens: tokens(user),
        }
    }
}

fn tokens(user: &User) -> Vec<TokenView> {
    let each = user.tokens.iter().map(|(id, token)| TokenView {
        id: id.to_string(),
        label: token.label.as_str().to_owned(),
        roles: words(&token.roles),
        issued: token.issued.to_string(),
    });
    each.collect()
}

impl From<Hidden> for Secret {
    fn from(hidden: Hidden) -> Self {
        Self::new(hidden.0)
    }
}

/// A header of ours; a cookie is made of ASCII.
pub fn cookie(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(header::SET_COOKIE, value);
    }
    headers
}

fn seen(app: &AppState, name: &UserName) -> Result<Json<UserView>, Problem> {
    Ok(Json(app.recorder.read(|lab| lab.people.user(name).map(UserView::from))?))
}

/// Who asks, as platen knows them.
#[utoipa::path(get, path = "/v1/session", tag = "people", operation_id = "who_asks",
    responses((status = 200, description = "Who asks", body = AskerView),
        (status = 409, description = "Nobody is set up", body = Problem, content_type = "application/problem+json"), Told))]
async fn who_asks(asker: Asker) -> Result<Json<AskerView>, Problem> {
    Ok(Json(AskerView::from(asker.who()?.as_ref())))
}

/// Signs in with name and password. The answer sets the cookie of a session, which ends after half an hour in which
/// nothing was done, and after twelve hours.
#[utoipa::path(post, path = "/v1/session", tag = "people", operation_id = "sign_in", request_body = SignIn,
    responses((status = 201, description = "Who is signed in", body = AskerView), SigningIn))]
async fn sign_in(
    State(app): State<AppState>,
    asker: Asker,
    reached: Reached,
    Given(given): Given<SignIn>,
) -> Result<(StatusCode, HeaderMap, Json<AskerView>), Problem> {
    let signed_in = app.entrance.sign_in(given.name, given.password.into(), reached.whence).await;
    let signed_in = signed_in.inspect_err(|error| app.monitor.refused(error))?;
    // The session that they had is not needed any more.
    if let Asker::Known(before) = &asker {
        app.entrance.sign_out(before);
    }
    let headers = cookie(set_cookie(&signed_in.session, reached.secure).expose());
    Ok((StatusCode::CREATED, headers, Json(AskerView::from(&signed_in.who))))
}

/// Ends the session that asks; one that is over already is none.
#[utoipa::path(delete, path = "/v1/session", tag = "people", operation_id = "sign_out",
    responses((status = 200, description = "The session is over", body = SignedOut), super::answers::Open,
        (status = 403, description = "A page from elsewhere asks for a change", body = Problem,
            content_type = "application/problem+json")))]
async fn sign_out(
    State(app): State<AppState>,
    asker: Asker,
    reached: Reached,
) -> (HeaderMap, Json<SignedOut>) {
    if let Asker::Known(who) = &asker {
        app.entrance.sign_out(who);
    }
    (cookie(&clear_cookie(reached.secure)), Json(SignedOut { signed_out: true }))
}

/// Chooses another password for oneself. All other sessions of the same person end.
#[utoipa::path(post, path = "/v1/session/password", tag = "people", operation_id = "choose_password",
    request_body = OwnPassword,
    responses((status = 200, description = "Who asks, with a password of their own", body = AskerView), OfPeople))]
async fn choose_password(
    State(app): State<AppState>,
    asker: Asker,
    Given(given): Given<OwnPassword>,
) -> Result<Json<AskerView>, Problem> {
    let who = asker.who()?.as_ref().clone();
    app.entrance.change_password(who.clone(), given.old.into(), given.new.into()).await?;
    Ok(Json(AskerView::from(&Who { own_password: true, ..who })))
}

/// The tokens of who asks, without their secrets, which nobody has any more.
#[utoipa::path(get, path = "/v1/tokens", tag = "people", operation_id = "own_tokens",
    responses((status = 200, description = "The tokens", body = Vec<TokenView>),
        (status = 409, description = "Nobody is set up", body = Problem, content_type = "application/problem+json"), Told))]
async fn own_tokens(State(app): State<AppState>, asker: Asker) -> Result<Json<Vec<TokenView>>, Problem> {
    let name = &asker.who()?.name;
    Ok(Json(app.recorder.read(|lab| lab.people.user(name).map(tokens))?))
}

/// Makes a token of one's own, for a program. It is shown in this answer and never again.
#[utoipa::path(post, path = "/v1/tokens", tag = "people", operation_id = "issue_token", request_body = NewToken,
    responses((status = 201, description = "The token", body = TokenShown), OfPeople))]
async fn issue_token(
    State(app): State<AppState>,
    asker: Asker,
    Given(new): Given<NewToken>,
) -> Result<(StatusCode, Json<TokenShown>), Problem> {
    let (label, roles) = (new.label.parse()?, roles_of(&new.roles)?);
    let by_digest = ByDigest::wanted(new.digest);
    let issued = app.entrance.issue_token(asker.who()?, label, roles, by_digest).await?;
    let token = Hidden(issued.secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(TokenShown { id: issued.id.to_string(), token })))
}

/// Voids a token at once: one's own, or, for who manages users, anybody's.
#[utoipa::path(post, path = "/v1/tokens/{id}/revoke", tag = "people", operation_id = "revoke_token",
    request_body = NoMore, params(("id" = String, Path, description = "The token's id")),
    responses((status = 200, description = "The tokens of who asks that are left", body = Vec<TokenView>),
        OfPeople, NoSuch))]
async fn revoke_token(
    State(app): State<AppState>,
    asker: Asker,
    Named(id): Named<TokenId>,
    Given(NoMore {}): Given<NoMore>,
) -> Result<Json<Vec<TokenView>>, Problem> {
    app.entrance.revoke_token(asker.who()?, id).await?;
    own_tokens(State(app), asker).await
}

/// All users, by name.
#[utoipa::path(get, path = "/v1/users", tag = "people", operation_id = "list_users",
    responses((status = 200, description = "All users", body = Vec<UserView>), Told))]
async fn list(State(app): State<AppState>) -> Json<Vec<UserView>> {
    Json(app.recorder.read(|lab| lab.people.users.values().map(UserView::from).collect()))
}

/// One user, with the tokens that they have.
#[utoipa::path(get, path = "/v1/users/{name}", tag = "people", operation_id = "show_user",
    params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user", body = UserView), Told, NoSuch))]
async fn show(State(app): State<AppState>, Named(name): Named<UserName>) -> Result<Json<UserView>, Problem> {
    seen(&app, &name)
}

/// Adds a user with a password that they must change before they may do anything else.
#[utoipa::path(post, path = "/v1/users", tag = "people", operation_id = "add_user", request_body = NewUser,
    responses((status = 201, description = "The new user", body = UserView), OfPeople))]
async fn add(
    State(app): State<AppState>,
    asker: Asker,
    Given(new): Given<NewUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let name: UserName = new.name.parse()?;
    let printed: PrintedName = new.printed.as_deref().unwrap_or(name.as_str()).parse()?;
    let roles = roles_of(&new.roles)?;
    app.entrance.add_user(asker.who()?, name.clone(), printed, roles, new.password.into()).await?;
    Ok((StatusCode::CREATED, seen(&app, &name)?))
}

/// Gives somebody other roles; what they may do changes at once.
#[utoipa::path(post, path = "/v1/users/{name}/roles", tag = "people", operation_id = "change_roles",
    request_body = RolesGiven, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user as they are now", body = UserView), OfPeople, NoSuch))]
async fn change_roles(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(given): Given<RolesGiven>,
) -> Result<Json<UserView>, Problem> {
    let was = given.was.as_deref().map(roles_of).transpose()?;
    app.entrance.change_roles(asker.who()?, name.clone(), roles_of(&given.roles)?, was).await?;
    seen(&app, &name)
}

/// Gives somebody else a password, which they must change. Their sessions end, and they are not locked out any more.
#[utoipa::path(post, path = "/v1/users/{name}/password", tag = "people", operation_id = "give_password",
    request_body = NewPassword, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user as they are now", body = UserView), OfPeople, NoSuch))]
async fn give_password(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(given): Given<NewPassword>,
) -> Result<Json<UserView>, Problem> {
    app.entrance.give_password(asker.who()?, name.clone(), given.password.into()).await?;
    seen(&app, &name)
}

/// Somebody does not come in any more: sessions, tokens and password end at once. Their name stays in the journal.
#[utoipa::path(post, path = "/v1/users/{name}/disable", tag = "people", operation_id = "disable_user",
    request_body = NoMore, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user as they are now", body = UserView), OfPeople, NoSuch))]
async fn disable(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(NoMore {}): Given<NoMore>,
) -> Result<Json<UserView>, Problem> {
    app.entrance.disable(asker.who()?, name.clone()).await?;
    seen(&app, &name)
}

/// Somebody who was disabled may come in again, once they are given a password.
#[utoipa::path(post, path = "/v1/users/{name}/enable", tag = "people", operation_id = "enable_user",
    request_body = NoMore, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user as they are now", body = UserView), OfPeople, NoSuch))]
async fn enable(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(NoMore {}): Given<NoMore>,
) -> Result<Json<UserView>, Problem> {
    app.entrance.enable(asker.who()?, name.clone()).await?;
    seen(&app, &name)
}

/// Somebody who was locked out for wrong passwords may try again at once.
#[utoipa::path(post, path = "/v1/users/{name}/unlock", tag = "people", operation_id = "unlock_user",
    request_body = NoMore, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "The user", body = UserView), OfPeople, NoSuch))]
async fn unlock(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(NoMore {}): Given<NoMore>,
) -> Result<Json<UserView>, Problem> {
    app.entrance.unlock(asker.who()?, name.clone()).await?;
    seen(&app, &name)
}

/// What somebody is told, and by which ways this site tells anything.
pub(in crate::api) fn notices(app: &AppState, name: &UserName) -> Result<Json<NoticesView>, Problem> {
    let (settings, told) = app.recorder.read(|lab| {
        let user = lab.people.user(name)?;
        Ok::<_, Problem>((lab.people.settings(name), lab.people.told(user)))
    })?;
    let there = |way: &Way| match way {
        Way::Mail => app.config.notifications.mail.is_some(),
        Way::Webhook => app.config.notifications.webhook.is_some(),
        Way::Mqtt => app.config.mqtt.is_some(),
    };
    let words = |ways: &BTreeSet<Way>| ways.iter().map(|way| way.word().to_owned()).collect();
    let view = |topic: Topic| NoticeView {
        topic: topic.word().into(),
        when: topic.means().into(),
        ways: told.get(&topic).map(words).unwrap_or_default(),
    };
    Ok(Json(NoticesView {
        user: name.to_string(),
        mail: settings.mail.map(String::from),
        by_role: settings.topics.is_none(),
        ways: words(&Way::ALL.into_iter().filter(there).collect()),
        notices: Topic::ALL.into_iter().map(view).collect(),
    }))
}

async fn choose(app: &AppState, asker: &Asker, name: UserName, given: NoticesGiven) -> Result<(), Problem> {
    let mail =
        given.mail.map(|mail| (!mail.trim().is_empty()).then(|| mail.parse()).transpose()).transpose()?;
    let topics = match (given.by_role, given.topics) {
        (true, _) => Some(Choice::ByRole),
        (false, None) => None,
        (false, Some(given)) => {
            let mut ways = Ways::new();
            for (topic, by) in given {
                let by = by.iter().map(|way| way.parse::<Way>()).collect::<Result<_, _>>()?;
                ways.insert(topic.parse::<Topic>()?, by);
            }
            Some(Choice::Named(ways))
        }
    };
    app.entrance.choose_notices(asker.who()?, name, mail, topics).await?;
    Ok(())
}

/// What who asks is told, and by which ways.
#[utoipa::path(get, path = "/v1/notifications", tag = "people", operation_id = "own_notifications",
    responses((status = 200, description = "What is chosen", body = NoticesView),
        (status = 409, description = "Nobody is set up", body = Problem, content_type = "application/problem+json"), Told))]
async fn own_notices(State(app): State<AppState>, asker: Asker) -> Result<Json<NoticesView>, Problem> {
    notices(&app, &asker.who()?.name)
}

/// Chooses what who asks is told, and by which ways. What is not named stays as it is.
#[utoipa::path(post, path = "/v1/notifications", tag = "people", operation_id = "choose_own_notifications",
    request_body = NoticesGiven,
    responses((status = 200, description = "What is chosen now", body = NoticesView), OfPeople))]
async fn choose_own_notices(
    State(app): State<AppState>,
    asker: Asker,
    Given(given): Given<NoticesGiven>,
) -> Result<Json<NoticesView>, Problem> {
    let name = asker.who()?.name.clone();
    choose(&app, &asker, name.clone(), given).await?;
    notices(&app, &name)
}

/// What somebody is told, and by which ways.
#[utoipa::path(get, path = "/v1/users/{name}/notifications", tag = "people", operation_id = "notifications_of",
    params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "What is chosen", body = NoticesView), Told, NoSuch))]
async fn notices_of(
    State(app): State<AppState>,
    Named(name): Named<UserName>,
) -> Result<Json<NoticesView>, Problem> {
    notices(&app, &name)
}

/// Chooses for somebody what they are told: their address above all, which a site may know better than they do.
#[utoipa::path(post, path = "/v1/users/{name}/notifications", tag = "people", operation_id = "choose_notifications_of",
    request_body = NoticesGiven, params(("name" = String, Path, description = "The name that they sign in with")),
    responses((status = 200, description = "What is chosen now", body = NoticesView), OfPeople, NoSuch))]
async fn choose_notices_of(
    State(app): State<AppState>,
    asker: Asker,
    Named(name): Named<UserName>,
    Given(given): Given<NoticesGiven>,
) -> Result<Json<NoticesView>, Problem> {
    choose(&app, &asker, name.clone(), given).await?;
    notices(&app, &name)
}
