//! `platen users`: who may come in and as what, and the tokens of programs.
//!
//! It asks for the password each time: no token adds users or makes tokens.

use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::io::IsTerminal;

use super::client::segment;
use super::setup::{given_up, terminal, unread};
use super::{Client, Failed, Global, show};
use crate::api::compat::octoprint::appkeys::{AppKeyDecision, AppKeyView};
use crate::api::shapes::{
    AskerView, Hidden, NewPassword, NewToken, NewUser, NoMore, NoticeView, NoticesGiven, NoticesView,
    OwnPassword, RolesGiven, TokenShown, TokenView, UserView,
};
use crate::domain::people::name::fold;
use crate::domain::people::notices::Topic;
use crate::io::secret::Secret;
use crate::io::terminal::{first_line, hidden_line};

#[derive(Debug, Args)]
pub struct Users {
    #[command(subcommand)]
    pub what: What,
    /// The name that you sign in with; asked for where it is left out.
    #[arg(long = "as", value_name = "NAME", global = true)]
    pub name: Option<String>,
    /// The first line of the standard input is your password, and the second the new one where there is one.
    #[arg(long, global = true)]
    pub password_stdin: bool,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// All users, or one with their tokens.
    List {
        /// Only this one.
        #[arg(value_name = "USER")]
        user: Option<String>,
    },
    /// Add a user, with a password that they must change.
    Add {
        /// The name that they sign in with.
        #[arg(value_name = "USER")]
        user: String,
        /// Their name in full, as it stands under a signature; the same where it is left out.
        #[arg(long, value_name = "NAME")]
        printed: Option<String>,
        /// What they are (docs/roles.md); may be given again.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
    },
    /// Give somebody other roles: all that they have from then on.
    Roles {
        #[arg(value_name = "USER")]
        user: String,
        /// What they are (docs/roles.md); may be given again.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
    },
    /// Choose another password for yourself, or give somebody one that they must change.
    Password {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Let somebody in no more: their sessions, tokens and password end at once.
    Disable {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Let somebody in again, once they are given a password.
    Enable {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Let somebody try again at once who was locked out for wrong passwords.
    Unlock {
        #[arg(value_name = "USER")]
        user: String,
    },
    /// What you are told, and how; as admin, what somebody else is told.
    Notify(Notify),
    /// Programs on the network that ask for a key of their own, and whether they get one.
    AppKeys {
        #[command(subcommand)]
        what: AppKeys,
    },
    /// Your tokens: what programs show instead of a password.
    Tokens {
        #[command(subcommand)]
        what: Tokens,
    },
}

#[derive(Debug, Args)]
pub struct Notify {
    /// Somebody else, as admin.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Where the mail goes.
    #[arg(long, value_name = "ADDRESS")]
    pub mail: Option<String>,
    /// No mail any more: the address is forgotten.
    #[arg(long, conflicts_with = "mail")]
    pub no_mail: bool,
    /// A notice, or `all`, and the ways by which it comes: mail, webhook, mqtt; may be given again.
    #[arg(long, value_name = "NOTICE=WAY,WAY")]
    pub on: Vec<String>,
    /// A notice, or `all`, that does not come any more; may be given again.
    #[arg(long, value_name = "NOTICE")]
    pub off: Vec<String>,
    /// Forget what was chosen: what the roles have comes again.
    #[arg(long, conflicts_with_all = ["on", "off"])]
    pub by_role: bool,
}

#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Those that you have, without their secrets.
    List,
    /// Make one; it is shown this once.
    Issue {
        /// What it is for, such as "nightly backup".
        #[arg(long, value_name = "TEXT")]
        label: String,
        /// What it may do, at most what you may (docs/roles.md); may be given again.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// It is the password of a program that speaks PrusaLink, too (docs/people.md says what that costs).
        #[arg(long)]
        digest: bool,
    },
    /// Void one, by its id: your own, or, as admin, anybody's.
    Revoke {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AppKeys {
    /// Those that wait for somebody to decide.
    List,
    /// Give one a token of yours, as operator, or as designer where you are no operator.
    Grant {
        /// As the list shows it.
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Give it none.
    Deny {
        /// As the list shows it.
        #[arg(value_name = "CODE")]
        code: String,
    },
}

/// A password for somebody, typed twice or the next line of a pipe.
fn new_password(of: &str, stdin: bool) -> Result<Hidden, Failed> {
    if stdin {
        let none =
            || Failed::Usage("the standard input has no second line: give the new password there".into());
        let line = first_line(&std::io::stdin()).map_err(unread)?.ok_or_else(none)?;
        return Ok(Hidden(line.expose().to_owned()));
    }
    let password = hidden(&format!("New password of {of}, 12 characters at least (not shown): "))?;
    if hidden("The same again: ")?.expose() != password.expose() {
        return Err(Failed::Finding("the two passwords differ; nothing was changed: try again".into()));
    }
    Ok(Hidden(password.expose().to_owned()))
}

/// Somebody's own password, typed or in the first line of a pipe.
pub(super) fn password_of(name: &str, in_stdin: bool) -> Result<Secret, Failed> {
    let stdin = std::io::stdin();
    if in_stdin {
        let none =
            || Failed::Usage("the standard input is empty: give your password in its first line".into());
        return first_line(&stdin).map_err(unread)?.ok_or_else(none);
    }
    if !stdin.is_terminal() {
        terminal_needed()?;
    }
    hidden(&format!("Password of {} (not shown): ", name.trim()))
}

fn hidden(question: &str) -> Result<Secret, Failed> {
    let line = hidden_line(&std::io::stdin(), || eprint!("{question}"));
    line.map_err(unread)?.ok_or_else(given_up)
}

impl Users {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        let (client, who, password) = self.sign_in(&client)?;
        let done = self.done(global, &client, &who, &password);
        // What was done is done; a session that is left ends by itself.
        let _ = client.sign_out();
        done
    }

    fn sign_in(&self, client: &Client) -> Result<(Client, AskerView, Secret), Failed> {
        let stdin = std::io::stdin();
        if self.password_stdin && self.name.is_none() {
            return Err(Failed::Usage("--password-stdin needs --as NAME as well: say who signs in".into()));
        }
        if !self.password_stdin && !stdin.is_terminal() {
            terminal_needed()?;
        }
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                eprint!("Your name, to sign in with: ");
                first_line(&stdin).map_err(unread)?.ok_or_else(given_up)?.expose().to_owned()
            }
        };
        let password = password_of(&name, self.password_stdin)?;
        let (client, who) = client.sign_in(&name, &password)?;
        Ok((client, who, password))
    }

    fn done(
        &self,
        global: &Global,
        client: &Client,
        who: &AskerView,
        password: &Secret,
    ) -> Result<(), Failed> {
        let at = |user: &str, what: &str| format!("/v1/users/{}{what}", segment(user.trim()));
        let user: UserView = match &self.what {
            What::List { user: None } => return list(global, &client.get::<Vec<UserView>>("/v1/users")?),
            What::List { user: Some(user) } => client.get(&at(user, ""))?,
            What::Add { user, printed, roles } => {
                let password = new_password(user, self.password_stdin)?;
                let (name, printed, roles) = (user.clone(), printed.clone(), roles.clone());
                client.post("/v1/users", &NewUser { name, printed, roles, password })?
            }
            What::Roles { user, roles } => {
                client.post(&at(user, "/roles"), &RolesGiven { roles: roles.clone(), was: None })?
            }
            What::Password { user } if fold(user) == fold(&who.name) => {
                let (old, new) = (password.expose().to_owned(), new_password(user, self.password_stdin)?);
                let who: AskerView =
                    client.post("/v1/session/password", &OwnPassword { old: Hidden(old), new })?;
                if global.json {
                    return show::json(&who);
                }
                show::line("the new password holds, and everywhere else you are signed out");
                return Ok(());
            }
            What::Password { user } => {
                let password = new_password(user, self.password_stdin)?;
                client.post(&at(user, "/password"), &NewPassword { password })?
            }
            What::Disable { user } => client.post(&at(user, "/disable"), &NoMore {})?,
            What::Enable { user } => client.post(&at(user, "/enable"), &NoMore {})?,
            What::Unlock { user } => client.post(&at(user, "/unlock"), &NoMore {})?,
            What::Tokens { what } => return tokens(global, client, what),
            What::AppKeys { what } => return app_keys(global, client, what),
            What::Notify(what) => return what.done(global, client),
        };
        if global.json {
            return show::json(&user);
        }
        one(&user);
        Ok(())
    }
}

impl Notify {
    /// What is to change; nothing where it is only to be shown.
    fn given(&self) -> Result<Option<NoticesGiven>, Failed> {
        let mut topics = BTreeMap::new();
        let mut put = |topic: &str, ways: &[String]| match topic.trim() {
            "all" => topics.extend(Topic::ALL.map(|topic| (topic.word().to_owned(), ways.to_vec()))),
            topic => drop(topics.insert(topic.to_owned(), ways.to_vec())),
        };
        for topic in &self.off {
            put(topic, &[]);
        }
        for given in &self.on {
            let Some((topic, ways)) = given.split_once('=') else {
                let how = format!("--on takes NOTICE=WAY,WAY, as in {}=mail,mqtt", Topic::PrintFailed.word());
                return Err(Failed::Usage(how));
            };
            let ways: Vec<_> = ways.split(',').map(|way| way.trim().to_owned()).collect();
            put(topic, &ways);
        }
        let mail = if self.no_mail { Some(String::new()) } else { self.mail.clone() };
        let topics = (!topics.is_empty()).then_some(topics);
        let changes = mail.is_some() || topics.is_some() || self.by_role;
        Ok(changes.then_some(NoticesGiven { mail, topics, by_role: self.by_role }))
    }

    fn done(&self, global: &Global, client: &Client) -> Result<(), Failed> {
        let place = match &self.user {
            Some(user) => format!("/v1/users/{}/notifications", segment(user.trim())),
            None => "/v1/notifications".into(),
        };
        let view: NoticesView = match self.given()? {
            Some(given) => client.post(&place, &given)?,
            None => client.get(&place)?,
        };
        if global.json {
            return show::json(&view);
        }
        let chosen = if view.by_role { "as their roles have it" } else { "as chosen" };
        show::line(&format!("{} is told, {chosen}:", show::plain(&view.user)));
        let row = |notice: &NoticeView| vec![notice.topic.clone(), dash(&notice.ways), notice.when.clone()];
        let rows: Vec<_> = view.notices.iter().map(row).collect();
        show::table(&["NOTICE", "BY", "WHEN"], &rows);
        show::line(&format!(
            "mail goes to {}",
            show::plain(view.mail.as_deref().unwrap_or("nobody: give --mail"))
        ));
        show::line(&format!("this site has: {}", dash(&view.ways)));
        Ok(())
    }
}

fn dash(words: &[String]) -> String {
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

fn terminal_needed() -> Result<(), Failed> {
    terminal().map_err(|_| {
        Failed::Usage(
            "there is no terminal to ask on: give --as, and the password with --password-stdin".into(),
        )
    })
}

fn state(user: &UserView) -> &'static str {
    match (user.active, user.password.as_str()) {
        (false, _) => "disabled",
        (true, "missing") => "has no password",
        (true, "of_another") => "must choose a password",
        (true, _) => "active",
    }
}

fn list(global: &Global, users: &[UserView]) -> Result<(), Failed> {
    if global.json {
        return show::json(&users);
    }
    let row = |user: &UserView| {
        let tokens = user.tokens.len().to_string();
        vec![user.name.clone(), user.printed.clone(), state(user).into(), tokens, user.roles.join(", ")]
    };
    let rows: Vec<_> = users.iter().map(row).collect();
    show::table(&["USER", "NAME", "STATE", "TOKENS", "ROLES"], &rows);
    Ok(())
}

fn one(user: &UserView) {
    show::line(&format!("user {}: {}", show::plain(&user.name), state(user)));
    show::line(&format!("  name     {}", show::plain(&user.printed)));
    show::line(&format!("  roles    {}", user.roles.join(", ")));
    show::line(&format!("  added    {}", user.added));
    for token in &user.tokens {
        show::line(&format!("  token    {}", of_token(token)));
    }
}

fn of_token(token: &TokenView) -> String {
    format!("{} {} ({}), since {}", token.id, show::plain(&token.label), token.roles.join(", "), token.issued)
}

fn tokens(global: &Global, client: &Client, what: &Tokens) -> Result<(), Failed> {
    let left: Vec<TokenView> = match what {
        Tokens::List => client.get("/v1/tokens")?,
        Tokens::Issue { label, roles, digest } => {
            let new = NewToken { label: label.clone(), roles: roles.clone(), digest: *digest };
            let shown: TokenShown = client.post("/v1/tokens", &new)?;
            if global.json {
                return show::json(&shown);
            }
            eprintln!("token {}; note it now, nobody can show it again:", shown.id);
            show::line(&shown.token.0);
            return Ok(());
        }
        Tokens::Revoke { id } => client.post(&format!("/v1/tokens/{}/revoke", segment(id)), &NoMore {})?,
    };
    if global.json {
        return show::json(&left);
    }
    if left.is_empty() {
        show::line("no tokens");
    }
    left.iter().for_each(|token| show::line(&of_token(token)));
    Ok(())
}

fn app_keys(global: &Global, client: &Client, what: &AppKeys) -> Result<(), Failed> {
    let decide = |code: &str, grant: bool| {
        let place = format!("/v1/app-keys/{}", segment(code.trim()));
        client.post::<Vec<AppKeyView>>(&place, &AppKeyDecision { grant })
    };
    let left: Vec<AppKeyView> = match what {
        AppKeys::List => client.get("/v1/app-keys")?,
        AppKeys::Grant { code } => decide(code, true)?,
        AppKeys::Deny { code } => decide(code, false)?,
    };
    if global.json {
        return show::json(&left);
    }
    match what {
        AppKeys::Grant { .. } => {
            eprintln!(
                "granted; the program fetches its key, and `tokens list` shows it; it is revoked if it is not fetched"
            )
        }
        AppKeys::Deny { .. } => eprintln!("denied"),
        AppKeys::List => {}
    }
    if left.is_empty() {
        show::line("no program asks for a key");
        return Ok(());
    }
    let row = |key: &AppKeyView| {
        vec![
            key.code.clone(),
            key.app.clone(),
            key.user.clone().unwrap_or_else(|| "-".into()),
            key.from.clone(),
            key.asked.clone(),
        ]
    };
    let rows: Vec<_> = left.iter().map(row).collect();
    show::table(&["CODE", "PROGRAM", "SAYS IT IS FOR", "ASKS AT", "SINCE"], &rows);
    Ok(())
}
