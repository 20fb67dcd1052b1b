//! The people of a lab: who they are, what they may do, how they come in and sign. Their secrets are elsewhere.
//!
//! ```text
//!            ┌─UserEnabled──┐
//! UserAdded ─▶ Active ─UserDisabled─▶ Disabled      nobody is ever taken out: the journal names them
//! ```
//! `judge` says which change is legal, `apply` makes its facts true, as in `lab`. A fact tells that a password
//! or a token changed, by whom, and never a word or a hash of it: those are in a file beside the journal.

pub mod name;
pub mod roles;

pub mod password;

pub mod lockout;
pub mod sessions;
pub mod whence;

pub mod signing;

pub mod notices;

pub mod setup;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::ids::{FileHash, TokenId, text_form};
use super::moment::WallTime;
use name::{PrintedName, UserName};
use notices::{Choice, MailAddress, Settings, Ways};
use roles::{Permission, Role};

/// A hospital's lab has tens; the bound is for what is kept of them in memory.
pub const USERS_MAX: usize = 1000;
/// One for each program that somebody runs. With their labels a user fits into one value of the store.
pub const TOKENS_MAX: usize = 8;

/// By whom the people were changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum By {
    /// At the machine itself, by whoever owns the state folder.
    Setup,
    Person(UserName),
}

/// Who somebody is to the site's own sign-in (OpenID Connect): a hash of issuer and subject, which says nothing of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SiteSubject(FileHash);

impl SiteSubject {
    pub fn of(issuer: &str, subject: &str) -> Self {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        // No address of an issuer has a line in it, so that no two pairs are one text.
        for part in [issuer, "\n", subject] {
            digest.update(part.as_bytes());
        }
        Self(FileHash::from_digest(digest.finalize().into()))
    }
}

/// What a token is for, in its owner's words.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Label {
    type Err = Refusal;

    fn from_str(given: &str) -> Result<Self, Refusal> {
        let label = given.trim();
        let legal = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_');
        let fits = (1..=40).contains(&label.chars().count()) && label.chars().all(legal);
        if fits { Ok(Self(label.to_owned())) } else { Err(Refusal::Label) }
    }
}

text_form!(Label, Refusal);

/// A token that was issued; its secret is shown once, and its hash is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub label: Label,
    /// At most its owner's.
    pub roles: BTreeSet<Role>,
    pub issued: WallTime,
}

/// Who knows a user's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Password {
    /// None was set: they cannot sign in.
    Missing,
    /// The admin who chose it.
    OfAnother,
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Active,
    Disabled,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: UserName,
    pub printed: PrintedName,
    pub roles: BTreeSet<Role>,
    pub standing: Standing,
    pub password: Password,
    pub added: WallTime,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<TokenId, Token>,
    /// They came by the site's own sign-in, which says what their roles are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteSubject>,
}

impl User {
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    /// Whether nobody else knows how they come in.
    pub fn has_own_way(&self) -> bool {
        self.password == Password::Own || self.site.is_some()
    }

    fn is_active_admin(&self) -> bool {
        self.is_active() && self.roles.contains(&Role::Admin)
    }

    fn may(&self, permission: Permission) -> bool {
        self.is_active() && self.roles.iter().any(|role| permission.roles().contains(role))
    }
}

/// A change that somebody asks for. Secrets are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    AddUser {
        name: UserName,
        printed: PrintedName,
        roles: BTreeSet<Role>,
        by: By,
    },
    ChangeRoles {
        name: UserName,
        roles: BTreeSet<Role>,
        by: By,
    },
    /// Said after somebody has changed their own, and before somebody else's is changed: whatever comes between, nobody
    /// acts under a password that somebody else knows.
    NotePassword {
        name: UserName,
        by: By,
    },
    IssueToken {
        name: UserName,
        token: TokenId,
        label: Label,
        roles: BTreeSet<Role>,
        by: By,
    },
    RevokeToken {
        name: UserName,
        token: TokenId,
        by: By,
    },
    Disable {
        name: UserName,
        by: By,
    },
    Enable {
        name: UserName,
        by: By,
    },
    /// Somebody who tried too often may try again at once.
    Unlock {
        name: UserName,
        by: By,
    },
    /// What somebody is told, and where. What is absent stays; `Some(None)` is no address.
    ChooseNotices {
        name: UserName,
        mail: Option<Option<MailAddress>>,
        topics: Option<Choice>,
        by: By,
    },
    /// Somebody tried too often.
    NoteLocked {
        name: UserName,
    },
    NoteSignedIn {
        name: UserName,
    },
    /// The site's own sign-in says who somebody is, and what their roles are.
    Vouch {
        name: UserName,
        printed: PrintedName,
        roles: BTreeSet<Role>,
        subject: SiteSubject,
    },
    /// Somebody came in by the password for when the site's own sign-in does not answer.
    NoteEmergency {
        name: UserName,
    },
}

/// What happened. The names are stored: they may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Fact {
    UserAdded {
        user: UserName,
        printed: PrintedName,
        roles: BTreeSet<Role>,
        by: By,
    },
    RolesChanged {
        user: UserName,
        from: BTreeSet<Role>,
        to: BTreeSet<Role>,
        by: By,
    },
    PasswordChanged {
        user: UserName,
        by: By,
    },
    TokenIssued {
        user: UserName,
        token: TokenId,
        label: Label,
        roles: BTreeSet<Role>,
        by: By,
    },
    TokenRevoked {
        user: UserName,
        token: TokenId,
        by: By,
    },
    UserDisabled {
        user: UserName,
        by: By,
    },
    UserEnabled {
        user: UserName,
        by: By,
    },
    /// Nobody waits any more who tried too often under that name.
    UserUnlocked {
        user: UserName,
        by: By,
    },
    /// All that they have chosen from now on.
    NoticesChosen {
        user: UserName,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mail: Option<MailAddress>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topics: Option<Ways>,
        by: By,
    },
    /// Too many wrong passwords: for a while nobody is heard under that name.
    UserLocked {
        user: UserName,
    },
    SignedIn {
        user: UserName,
    },
    /// So the site's own sign-in has it from now on. Who was not there is there now.
    Vouched {
        user: UserName,
        printed: PrintedName,
        roles: BTreeSet<Role>,
        subject: SiteSubject,
    },
    EmergencyUsed {
        user: UserName,
    },
}

impl Fact {
    pub fn user(&self) -> &UserName {
        match self {
            Self::UserAdded { user, .. }
            | Self::RolesChanged { user, .. }
            | Self::PasswordChanged { user, .. }
            | Self::TokenIssued { user, .. }
            | Self::TokenRevoked { user, .. }
            | Self::UserDisabled { user, .. }
            | Self::UserEnabled { user, .. }
            | Self::UserUnlocked { user, .. }
            | Self::NoticesChosen { user, .. }
            | Self::UserLocked { user }
            | Self::SignedIn { user }
            | Self::Vouched { user, .. }
            | Self::EmergencyUsed { user } => user,
        }
    }
}

/// Why a change is not granted: what, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no user {0}; look at the list of users")]
    NoUser(UserName),
    #[error("there is a user {0} already; choose another name: capitals alone make no difference")]
    UserExists(UserName),
    #[error(
        "there is a user {0} here already who did not come by the site's sign-in; have the site give that account another name"
    )]
    NotOfSite(UserName),
    #[error("there are as many users as there may be ({USERS_MAX}); use one that is there")]
    TooManyUsers,
    #[error("user {0} is disabled, so nothing can be changed for them; have an admin enable them first")]
    Disabled(UserName),
    #[error("user {0} is active already; nothing was changed")]
    Active(UserName),
    #[error("{0} is not an active admin, and only such a one may do that; ask one")]
    NotAdmin(UserName),
    #[error("{0} may not change their own roles, nor disable themselves; ask another admin")]
    OwnRoles(UserName),
    #[error("{0} is the last active admin; make somebody else admin first")]
    LastAdmin(UserName),
    #[error(
        "this is no address for mail; write it plainly, as in kim@lab.example, without a name and without < >"
    )]
    Address,
    #[error("a user needs a role at least; give one, or disable the user")]
    NoRoles,
    #[error("{0} has these roles already; nothing was changed")]
    SameRoles(UserName),
    #[error("a token's label is 1 to 40 letters, digits, spaces and . - _; say what the token is for")]
    Label,
    #[error("a token is issued by its owner, {0}; sign in as them")]
    NotOwner(UserName),
    #[error("{0} has as many tokens as a user may have ({TOKENS_MAX}); revoke one that is not used")]
    TooManyTokens(UserName),
    #[error("{user} has no token {token}; look at their tokens")]
    NoToken { user: UserName, token: TokenId },
    #[error("there is a token {0} already; ask again")]
    TokenExists(TokenId),
    #[error("{user} is not {role}, so a token of theirs cannot be; leave that role out")]
    RoleNotTheirs { user: UserName, role: Role },
    #[error(
        "{0} was to become admin at this machine, but is a user who is disabled or no admin; run setup again with another name"
    )]
    NotThisOne(UserName),
}

/// All users, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub users: BTreeMap<UserName, User>,
    /// Of those who have chosen what they are told.
    pub notices: BTreeMap<UserName, Settings>,
}

impl People {
    pub fn user(&self, name: &UserName) -> Result<&User, Refusal> {
        self.users.get(name).ok_or_else(|| Refusal::NoUser(name.clone()))
    }

    /// The user of a name as somebody typed it.
    pub fn typed(&self, name: &str) -> Option<&User> {
        let folded = name::fold(name);
        self.users.values().find(|user| user.name.folded() == folded)
    }

    /// What somebody has chosen to be told, and where.
    pub fn settings(&self, name: &UserName) -> Settings {
        self.notices.get(name).cloned().unwrap_or_else(|| Settings::new(name.clone()))
    }

    /// What somebody is told, and by which ways; nothing, once they are disabled.
    pub fn told(&self, user: &User) -> Ways {
        if !user.is_active() {
            return Ways::new();
        }
        let chosen = self.notices.get(&user.name).and_then(|settings| settings.topics.clone());
        chosen.unwrap_or_else(|| notices::defaults(&user.roles))
    }

    pub fn has_admin(&self) -> bool {
        self.users.values().any(User::is_active_admin)
    }

    fn active(&self, name: &UserName) -> Result<&User, Refusal> {
        let user = self.user(name)?;
        if user.is_active() { Ok(user) } else { Err(Refusal::Disabled(name.clone())) }
    }

    /// Whether whoever asks may manage users.
    fn admin(&self, by: &By) -> Result<(), Refusal> {
        match by {
            By::Setup => Ok(()),
            By::Person(name) if self.user(name)?.may(Permission::ManageUsers) => Ok(()),
            By::Person(name) => Err(Refusal::NotAdmin(name.clone())),
        }
    }

    /// The same, or about themselves.
    fn admin_or_self(&self, name: &UserName, by: &By) -> Result<(), Refusal> {
        if *by == By::Person(name.clone()) { Ok(()) } else { self.admin(by) }
    }

    fn another_admin(&self, name: &UserName, by: &By) -> Result<(), Refusal> {
        self.admin(by)?;
        if *by == By::Person(name.clone()) { Err(Refusal::OwnRoles(name.clone())) } else { Ok(()) }
    }

    /// Whether there would still be an admin without this one.
    fn spare_admin(&self, name: &UserName) -> Result<(), Refusal> {
        let others = self.users.values().any(|user| user.name != *name && user.is_active_admin());
        let is_one = self.users.get(name).is_some_and(User::is_active_admin);
        if is_one && !others { Err(Refusal::LastAdmin(name.clone())) } else { Ok(()) }
    }

    /// The facts that a request comes to, or why it is not granted.
    pub fn judge(&self, request: &Request) -> Result<Vec<Fact>, Refusal> {
        let fact = match request.clone() {
            Request::AddUser { name, printed, roles, by } => {
                self.admin(&by)?;
                if self.typed(name.as_str()).is_some() {
                    return Err(Refusal::UserExists(name));
                }
                if self.users.len() >= USERS_MAX {
                    return Err(Refusal::TooManyUsers);
                }
                if roles.is_empty() {
                    return Err(Refusal::NoRoles);
                }
                Fact::UserAdded { user: name, printed, roles, by }
            }
            Request::ChangeRoles { name, roles, by } => {
                self.another_admin(&name, &by)?;
                let from = self.active(&name)?.roles.clone();
                if roles.is_empty() {
                    return Err(Refusal::NoRoles);
                }
                if from == roles {
                    return Err(Refusal::SameRoles(name));
                }
                if !roles.contains(&Role::Admin) {
                    self.spare_admin(&name)?;
                }
                Fact::RolesChanged { user: name, from, to: roles, by }
            }
            Request::NotePassword { name, by } => {
                self.active(&name)?;
                self.admin_or_self(&name, &by)?;
                Fact::PasswordChanged { user: name, by }
            }
            Request::IssueToken { name, token, label, roles, by } => {
                let user = self.active(&name)?;
                // An admin who could issue one could act in another's name.
                if by != By::Person(name.clone()) {
                    return Err(Refusal::NotOwner(name));
                }
                if roles.is_empty() {
                    return Err(Refusal::NoRoles);
                }
                if let Some(role) = roles.difference(&user.roles).next() {
                    return Err(Refusal::RoleNotTheirs { user: name, role: *role });
                }
                if user.tokens.len() >= TOKENS_MAX {
                    return Err(Refusal::TooManyTokens(name));
                }
                if self.users.values().any(|user| user.tokens.contains_key(&token)) {
                    return Err(Refusal::TokenExists(token));
                }
                Fact::TokenIssued { user: name, token, label, roles, by }
            }
            Request::RevokeToken { name, token, by } => {
                self.admin_or_self(&name, &by)?;
                if !self.user(&name)?.tokens.contains_key(&token) {
                    return Err(Refusal::NoToken { user: name, token });
                }
                Fact::TokenRevoked { user: name, token, by }
            }
            Request::Disable { name, by } => {
                self.another_admin(&name, &by)?;
                self.active(&name)?;
                self.spare_admin(&name)?;
                Fact::UserDisabled { user: name, by }
            }
            Request::Enable { name, by } => {
                self.admin(&by)?;
                if self.user(&name)?.is_active() {
                    return Err(Refusal::Active(name));
                }
                Fact::UserEnabled { user: name, by }
            }
            Request::Unlock { name, by } => {
                self.admin(&by)?;
                self.active(&name)?;
                Fact::UserUnlocked { user: name, by }
            }
            Request::ChooseNotices { name, mail, topics, by } => {
                self.admin_or_self(&name, &by)?;
                let user = self.active(&name)?;
                let before = self.settings(&name);
                let mail = mail.unwrap_or_else(|| before.mail.clone());
                let topics = match topics {
                    None => before.topics.clone(),
                    Some(Choice::ByRole) => None,
                    Some(Choice::Named(named)) => {
                        let mut all = self.told(user);
                        all.extend(named);
                        all.retain(|_, ways| !ways.is_empty());
                        Some(all)
                    }
                };
                if (Settings { user: name.clone(), mail: mail.clone(), topics: topics.clone() }) == before {
                    return Ok(Vec::new());
                }
                Fact::NoticesChosen { user: name, mail, topics, by }
            }
            Request::NoteLocked { name } => {
                self.user(&name)?;
                Fact::UserLocked { user: name }
            }
            Request::NoteSignedIn { name } => {
                self.active(&name)?;
                Fact::SignedIn { user: name }
            }
            Request::Vouch { name, printed, roles, subject } => {
                if roles.is_empty() {
                    return Err(Refusal::NoRoles);
                }
                match self.users.values().find(|user| user.site.as_ref() == Some(&subject)) {
                    Some(user) => {
                        self.active(&user.name)?;
                        if !roles.contains(&Role::Admin) {
                            self.spare_admin(&user.name)?;
                        }
                        if user.roles == roles && user.printed == printed {
                            return Ok(Vec::new());
                        }
                        Fact::Vouched { user: user.name.clone(), printed, roles, subject }
                    }
                    // Whoever gives names at the site does not become somebody of this name here.
                    None if self.typed(name.as_str()).is_some() => return Err(Refusal::NotOfSite(name)),
                    None if self.users.len() >= USERS_MAX => return Err(Refusal::TooManyUsers),
                    None => Fact::Vouched { user: name, printed, roles, subject },
                }
            }
            Request::NoteEmergency { name } => {
                self.active(&name)?;
                Fact::EmergencyUsed { user: name }
            }
        };
        Ok(vec![fact])
    }

    /// What `platen setup` has prepared comes true at the next start of the daemon: a first admin, or a new password
    /// for one that is there, whose tokens are void. Told twice, as after a crash, it is a second new password and
    /// nothing more.
    pub fn adopt(&self, name: &UserName, printed: &PrintedName) -> Result<Vec<Fact>, Refusal> {
        let (by, user) = (By::Setup, name.clone());
        match self.typed(name.as_str()) {
            None => {
                let roles = BTreeSet::from([Role::Admin]);
                let request =
                    Request::AddUser { name: user.clone(), printed: printed.clone(), roles, by: By::Setup };
                let mut facts = self.judge(&request)?;
                facts.push(Fact::PasswordChanged { user, by });
                Ok(facts)
            }
            Some(there) if there.name == *name && there.is_active_admin() => {
                let void = |token: &TokenId| Fact::TokenRevoked {
                    user: user.clone(),
                    token: token.clone(),
                    by: By::Setup,
                };
                let mut facts: Vec<_> = there.tokens.keys().map(void).collect();
                facts.push(Fact::PasswordChanged { user, by });
                Ok(facts)
            }
            Some(_) => Err(Refusal::NotThisOne(user)),
        }
    }

    /// Makes a fact true, and names the user that it changed, if any. One that does not fit changes nothing.
    pub fn apply(&mut self, fact: &Fact, at: WallTime) -> Option<UserName> {
        let name = fact.user().clone();
        if let Fact::UserAdded { user, printed, roles, .. } = fact {
            let user = User {
                name: user.clone(),
                printed: printed.clone(),
                roles: roles.clone(),
                standing: Standing::Active,
                password: Password::Missing,
                added: at,
                tokens: BTreeMap::new(),
                site: None,
            };
            self.users.insert(name.clone(), user);
            return Some(name);
        }
        if let Fact::Vouched { user, printed, roles, subject } = fact {
            let new = || User {
                name: user.clone(),
                printed: printed.clone(),
                roles: roles.clone(),
                standing: Standing::Active,
                password: Password::Missing,
                added: at,
                tokens: BTreeMap::new(),
                site: None,
            };
            let user = self.users.entry(name.clone()).or_insert_with(new);
            (user.printed, user.roles, user.site) = (printed.clone(), roles.clone(), Some(subject.clone()));
            return Some(name);
        }
        let user = self.users.get_mut(&name)?;
        match fact {
            Fact::NoticesChosen { mail, topics, .. } => {
                let settings = Settings { user: name.clone(), mail: mail.clone(), topics: topics.clone() };
                self.notices.insert(name, settings);
                return None;
            }
            Fact::RolesChanged { to, .. } => user.roles = to.clone(),
            Fact::PasswordChanged { by, .. } => {
                let theirs = *by == By::Setup || *by == By::Person(name.clone());
                user.password = if theirs { Password::Own } else { Password::OfAnother };
            }
            Fact::TokenIssued { token, label, roles, .. } => {
                let issued = Token { label: label.clone(), roles: roles.clone(), issued: at };
                user.tokens.insert(token.clone(), issued);
            }
            Fact::TokenRevoked { token, .. } => drop(user.tokens.remove(token)),
            // Password and tokens go with them: whoever is enabled again is given a new password.
            Fact::UserDisabled { .. } => {
                user.standing = Standing::Disabled;
                user.password = Password::Missing;
                user.tokens.clear();
            }
            Fact::UserEnabled { .. } => user.standing = Standing::Active,
            Fact::UserLocked { .. }
            | Fact::UserUnlocked { .. }
            | Fact::SignedIn { .. }
            | Fact::EmergencyUsed { .. }
            | Fact::Vouched { .. }
            | Fact::UserAdded { .. } => return None,
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests;
