//! The one way in for people: signing in, and every change of who they are, over the journal and the file of hashes.
//!
//! | change | first | then | cut in between |
//! |---|---|---|---|
//! | what `platen setup` prepared | journal | file | told once more |
//! | one's own password | file | journal | who had one of an admin's chooses again |
//! | somebody else's password | journal | file | the old one serves to choose another |
//! | a token | file | journal | it lets nobody in |
//! | a token of `platen setup` | journal | file | told once more |
//! | a token revoked, somebody disabled | journal | file | the next start tidies the file |
//! | somebody enabled | file | journal | still disabled |
//!
//! So a crash never gives anybody more than they had. A change that has begun goes on when its asker goes away.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::access::{Access, Comings, NotAuthenticated, NotLetIn, Presented, SignedIn};
use super::recorder::{NotRecorded, Recorder};
use crate::domain::event::Actor;
use crate::domain::ids::{FileHash, TokenId, hex};
use crate::domain::lab;
use crate::domain::people::name::{PrintedName, UserName};
use crate::domain::people::notices::{Choice, MailAddress};
use crate::domain::people::password::PasswordRule;
use crate::domain::people::roles::{Forbidden, Permission, Role, Who};
use crate::domain::people::signing::{Meaning, NotConfirmed, Signing, Subject};
use crate::domain::people::whence::Whence;
use crate::domain::people::{self, By, Label, People, Request, SiteSubject};
use crate::domain::seen::Seen;
use crate::io::clock::{Clock, entropy};
use crate::io::credentials::{CredentialsError, CredentialsFile, PreparedToken, SetUp};
use crate::io::digest::ByDigest;
use crate::io::offload::offload;
use crate::io::secret::{COSTS, Secret};

/// Why something about people was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("nobody is set up here, so there are no users; run `platen setup` at this machine")]
    NobodySetUp,
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    #[error(transparent)]
    NotLetIn(#[from] NotLetIn),
    #[error(transparent)]
    People(#[from] people::Refusal),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("your own password is changed by giving the old one as well; do it on the page Account")]
    OwnPassword,
    #[error("the old password is wrong; nothing was changed: try again")]
    WrongOld,
    #[error("the password is wrong; nothing was signed: try again")]
    NotSigned,
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error("the new password holds from now on, and is not in the journal: {0}")]
    PasswordNotNoted(NotRecorded),
    #[error("the change broke off, and may be half done; look at the user, then try again")]
    BrokenOff,
}

impl From<CredentialsError> for Refused {
    fn from(error: CredentialsError) -> Self {
        NotLetIn::from(error).into()
    }
}

impl From<PasswordRule> for Refused {
    fn from(error: PasswordRule) -> Self {
        NotLetIn::from(error).into()
    }
}

/// Why there is no entrance, so that the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum NoEntrance {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("platen could not start a thread: {0}")]
    Thread(String),
}

/// A new token. Its secret is shown this once.
#[derive(Debug)]
pub struct Issued {
    pub id: TokenId,
    pub secret: Secret,
}

#[derive(Debug)]
struct Inner {
    access: Access,
    recorder: Recorder,
    clock: Clock,
    /// Two changes at once would mix their journal and file.
    changes: tokio::sync::Mutex<()>,
    /// Where the site has a sign-in of its own, the one whose password opens this door as well.
    emergency: OnceLock<UserName>,
}

/// Whom the site's own sign-in vouches for.
#[derive(Clone, Debug)]
pub struct Vouched {
    pub name: UserName,
    pub printed: PrintedName,
    pub roles: BTreeSet<Role>,
    pub subject: SiteSubject,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Entrance(Way);

#[derive(Clone, Debug, Default)]
enum Way {
    /// Nobody is set up: everybody may do everything.
    #[default]
    Open,
    Guarded(Arc<Inner>),
    /// Who may come in cannot be read: nobody does, and printers go on.
    Shut,
}

/// Goes on to its end, whether anybody waits for it or not.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refused>> + Send + 'static,
) -> Result<T, Refused> {
    tokio::spawn(work).await.unwrap_or(Err(Refused::BrokenOff))
}

impl Inner {
    /// Has something done on a thread that may wait for a password's hash, or for the disk.
    async fn offload<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Access, &People) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let inner = Arc::clone(self);
        let people = self.people();
        offload(move || work(&inner.access, &people)).await.map_err(|_| Refused::BrokenOff)
    }

    fn people(&self) -> People {
        self.recorder.read(|lab| lab.people.clone())
    }

    /// Whether it would be granted now: asked before something dear is done for it.
    fn judge(&self, request: &Request) -> Result<(), Refused> {
        Ok(self.recorder.read(|lab| lab.people.judge(request).map(drop))?)
    }

    async fn submit(&self, request: Request, actor: Actor) -> Result<(), NotRecorded> {
        self.recorder.submit(lab::Request::People(Box::new(request)), actor).await.map(drop)
    }

    /// What is worth an entry, and holds back nobody when the journal does not take it: with a full disk people
    /// come in all the same, to pause and cancel.
    async fn note(&self, request: Request) {
        if let Err(error) = self.submit(request, Actor::Platen).await {
            tracing::warn!(%error, "who came in, or was locked out, is not in the journal");
        }
    }

    async fn note_lock(&self, error: &NotLetIn) {
        if let NotLetIn::Wrong { locked: Some(name) } = error {
            self.note(Request::NoteLocked { name: name.clone() }).await;
        }
    }

    /// Makes true what `platen setup` has prepared, and tidies the file up.
    async fn begin(self: &Arc<Self>) -> Result<(), Refused> {
        if let Some(SetUp { name, printed }) = self.access.to_adopt() {
            let request = lab::Request::AdoptAdmin { name: name.clone(), printed };
            match self.recorder.submit(request, Actor::Platen).await {
                Ok(_) => self.offload(|access, _| access.adopted()).await??,
                Err(NotRecorded::Refused(refusal)) => {
                    tracing::error!("what `platen setup` has prepared is not so: {refusal}");
                    let undone = move |access: &Access, _: &People| {
                        access.forget(&name).and_then(|()| access.adopted())
                    };
                    self.offload(undone).await??;
                }
                Err(error) => tracing::error!(
                    "what `platen setup` has prepared is not in the journal, and is tried again at the next start: {error}"
                ),
            }
        }
        self.issue_prepared().await?;
        Ok(self.offload(|access, people| access.reconcile(people)).await??)
    }

    /// Tells the journal of tokens that `platen setup` has made; the hash of one that may not be is tidied away.
    async fn issue_prepared(self: &Arc<Self>) -> Result<(), Refused> {
        let prepared = self.access.to_issue();
        if prepared.is_empty() {
            return Ok(());
        }
        for PreparedToken { owner, token, label, roles } in prepared {
            // Told already, and cut off before the file knew.
            let known = |people: &People| {
                people.users.get(&owner).is_some_and(|user| user.tokens.contains_key(&token))
            };
            if self.recorder.read(|lab| known(&lab.people)) {
                continue;
            }
            let by = By::Person(owner.clone());
            let request = Request::IssueToken { name: owner, token, label, roles, by };
            match self.submit(request, Actor::Platen).await {
                Ok(()) => {}
                Err(NotRecorded::Refused(refusal)) => {
                    tracing::error!("a token that `platen setup` has made lets nobody in: {refusal}");
                }
                // All are tried again at the next start, with their hashes as they are.
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.offload(|access, _| access.issued()).await??)
    }
}

fn by(who: &Who) -> (By, Actor) {
    (By::Person(who.name.clone()), Actor::Person(who.name.to_string()))
}

impl Entrance {
    /// Nobody is set up.
    pub fn for_everybody() -> Self {
        Self(Way::Open)
    }

    /// People are set up, and what is known of them is `access`.
    pub fn guarded(access: Access, recorder: Recorder, clock: Clock) -> Self {
        Self(Way::Guarded(Arc::new(Inner {
            access,
            recorder,
            clock,
            changes: tokio::sync::Mutex::default(),
            emergency: OnceLock::new(),
        })))
    }

    /// At the daemon's start, before anybody can ask. `file` is what is at `path`: where the journal knows users
    /// and there is none, nobody gets in until somebody is set up anew; and nobody where it is not to be trusted.
    pub async fn begin(
        file: Result<CredentialsFile, CredentialsError>,
        path: PathBuf,
        recorder: Recorder,
        clock: Clock,
    ) -> Result<Self, NoEntrance> {
        let thread = |error: tokio::task::JoinError| NoEntrance::Thread(error.to_string());
        let known = recorder.read(|lab| !lab.people.users.is_empty());
        let file = match file {
            Ok(file) if known || !file.names().is_empty() => file,
            Err(CredentialsError::Missing(_)) if known => {
                tracing::error!(
                    "there are users and no {}, so nobody can sign in; put a copy of it back, or run `platen setup` while platen does not run",
                    path.display()
                );
                offload(move || CredentialsFile::create(&path)).await.map_err(thread)??
            }
            Ok(_) | Err(CredentialsError::Missing(_)) => return Ok(Self::for_everybody()),
            Err(error) => {
                tracing::error!("nobody can sign in until platen starts again: {error}");
                return Ok(Self(Way::Shut));
            }
        };
        let entrance = Self::guarded(Access::of(file, COSTS), recorder, clock);
        if let Way::Guarded(inner) = &entrance.0 {
            // Who may come in is right already; the rest is told again at the next start.
            if let Err(error) = inner.begin().await {
                tracing::error!(%error, "the file of credentials could not be tidied up");
            }
            if !inner.people().has_admin() {
                tracing::error!(
                    "there is no admin who is active; stop platen, then run `platen setup --reset` at this machine"
                );
            }
        }
        Ok(entrance)
    }

    /// From now on people come by the site's own sign-in, and by a password this one alone.
    pub fn only_in_emergencies(&self, name: UserName) {
        if let Way::Guarded(inner) = &self.0 {
            let known = inner.people();
            if !known.user(&name).is_ok_and(|user| user.is_active() && user.roles.contains(&Role::Admin)) {
                tracing::error!(
                    "{name}, who is to come in when the site's sign-in does not answer, is no active admin; have one added under that name, or correct emergency under [http.oidc]"
                );
            }
            drop(inner.emergency.set(name));
        }
    }

    /// Lets in whom the site's own sign-in vouches for, with the roles that it says.
    pub async fn welcome(&self, vouched: Vouched) -> Result<SignedIn, Refused> {
        let inner = self.inner()?;
        whole(async move {
            let _alone = inner.changes.lock().await;
            let Vouched { name, printed, roles, subject } = vouched;
            let of = subject.clone();
            inner.submit(Request::Vouch { name, printed, roles, subject }, Actor::Platen).await?;
            let user = inner
                .recorder
                .read(|lab| lab.people.users.values().find(|user| user.site.as_ref() == Some(&of)).cloned());
            let user = user.ok_or(Refused::BrokenOff)?;
            let signed_in = inner.access.welcome(&user, inner.clock.now())?;
            inner.note(Request::NoteSignedIn { name: user.name }).await;
            Ok(signed_in)
        })
        .await
    }

    /// Whether anybody is asked who they are.
    pub fn is_guarded(&self) -> bool {
        !matches!(self.0, Way::Open)
    }

    fn inner(&self) -> Result<Arc<Inner>, Refused> {
        match &self.0 {
            Way::Open => Err(Refused::NobodySetUp),
            Way::Guarded(inner) => Ok(Arc::clone(inner)),
            Way::Shut => Err(NotAuthenticated::Shut.into()),
        }
    }

    /// Who asks; nobody where nobody is set up.
    pub fn authenticate(&self, given: Presented<'_>) -> Result<Option<Who>, NotAuthenticated> {
        let inner = match &self.0 {
            Way::Open => return Ok(None),
            Way::Guarded(inner) => inner,
            Way::Shut if given.authorization.is_some() => return Err(NotAuthenticated::Shut),
            Way::Shut => return Err(NotAuthenticated::Nobody),
        };
        let now = inner.clock.now();
        inner.recorder.read(|lab| inner.access.authenticate(&lab.people, given, now)).map(Some)
    }

    /// What a digest is to be made with; where nobody is asked who they are, anything will do.
    pub fn nonce(&self) -> String {
        match &self.0 {
            Way::Guarded(inner) => inner.access.nonce(inner.clock.now()),
            Way::Open | Way::Shut => hex(&entropy()),
        }
    }

    /// Whether somebody who was let in still is.
    pub fn lasts(&self, who: &Who) -> bool {
        let Way::Guarded(inner) = &self.0 else { return !self.is_guarded() };
        let now = inner.clock.now();
        inner.recorder.read(|lab| inner.access.lasts(&lab.people, who, now))
    }

    /// What is known of somebody's coming in, since platen started.
    pub fn comings(&self, name: &UserName) -> Comings {
        match &self.0 {
            Way::Guarded(inner) => inner.access.comings(name, inner.clock.now()),
            Way::Open | Way::Shut => Comings::default(),
        }
    }

    pub async fn sign_in(
        &self,
        typed: String,
        password: Secret,
        whence: Whence,
    ) -> Result<SignedIn, Refused> {
        let inner = self.inner()?;
        whole(async move {
            let now = inner.clock.now();
            let look = move |access: &Access, people: &People| {
                access.sign_in(people, &typed, &password, whence, now)
            };
            match inner.offload(look).await? {
                Ok(signed_in) => {
                    let name = signed_in.who.name.clone();
                    match inner.emergency.get() {
                        // Not told apart from a wrong password.
                        Some(only) if *only != name => {
                            inner.access.sign_out(&signed_in.who);
                            return Err(NotLetIn::Wrong { locked: None }.into());
                        }
                        Some(_) => inner.note(Request::NoteEmergency { name }).await,
                        None => inner.note(Request::NoteSignedIn { name }).await,
                    }
                    Ok(signed_in)
                }
                Err(error) => {
                    inner.note_lock(&error).await;
                    Err(error.into())
                }
            }
        })
        .await
    }

    pub fn sign_out(&self, who: &Who) {
        if let Way::Guarded(inner) = &self.0 {
            inner.access.sign_out(who);
        }
    }

    /// Somebody's own, by giving the old one.
    pub async fn change_password(&self, who: Who, old: Secret, new: Secret) -> Result<(), Refused> {
        let inner = self.inner()?;
        whole(async move {
            let _alone = inner.changes.lock().await;
            let now = inner.clock.now();
            let (by, actor) = by(&who);
            let name = who.name.clone();
            let change =
                move |access: &Access, people: &People| access.change_password(people, &who, &old, &new, now);
            if let Err(error) = inner.offload(change).await? {
                inner.note_lock(&error).await;
                return Err(match error {
                    NotLetIn::Wrong { .. } => Refused::WrongOld,
                    error => error.into(),
                });
            }
            inner.submit(Request::NotePassword { name, by }, actor).await.map_err(Refused::PasswordNotNoted)
        })
        .await
    }

    /// Somebody gives their password again for exactly this signature, which is recorded at once or not at all.
    pub async fn sign(
        &self,
        who: &Who,
        password: Secret,
        meaning: Meaning,
        subject: Subject,
        sha256: FileHash,
    ) -> Result<(), Refused> {
        let (inner, who) = (self.inner()?, who.clone());
        whole(async move {
            let now = inner.clock.now();
            let signing = Signing { signer: who.name.clone(), meaning, subject, sha256 };
            let asked = signing.clone();
            let confirm =
                move |access: &Access, people: &People| access.confirm(people, &who, &password, signing, now);
            match inner.offload(confirm).await? {
                Ok(id) => Ok(inner.access.take_confirmation(&id, &asked, inner.clock.now())?),
                Err(error) => {
                    inner.note_lock(&error).await;
                    Err(match error {
                        NotLetIn::Wrong { .. } => Refused::NotSigned,
                        error => error.into(),
                    })
                }
            }
        })
        .await
    }

    /// Somebody new, with a password that they must change.
    pub async fn add_user(
        &self,
        who: &Who,
        name: UserName,
        printed: PrintedName,
        roles: BTreeSet<Role>,
        password: Secret,
    ) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        whole(async move {
            let _alone = inner.changes.lock().await;
            let request =
                Request::AddUser { name: name.clone(), printed: printed.clone(), roles, by: by.clone() };
            inner.judge(&request)?;
            let of = name.clone();
            let hash = move |access: &Access, _: &People| access.prepare_password(&of, &printed, &password);
            let hash = inner.offload(hash).await??;
            inner.submit(request, actor.clone()).await?;
            inner.submit(Request::NotePassword { name: name.clone(), by }, actor).await?;
            Ok(inner.offload(move |access, _| access.give_password(&name, hash)).await??)
        })
        .await
    }

    /// An admin chooses another password for somebody, who must change it.
    pub async fn give_password(&self, who: &Who, name: UserName, new: Secret) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        if name == who.name {
            return Err(Refused::OwnPassword);
        }
        whole(async move {
            let _alone = inner.changes.lock().await;
            let request = Request::NotePassword { name: name.clone(), by };
            inner.judge(&request)?;
            let of = name.clone();
            let printed = inner.recorder.read(|lab| lab.people.user(&of).map(|user| user.printed.clone()))?;
            let hash = move |access: &Access, _: &People| access.prepare_password(&of, &printed, &new);
            let hash = inner.offload(hash).await??;
            inner.submit(request, actor).await?;
            Ok(inner.offload(move |access, _| access.give_password(&name, hash)).await??)
        })
        .await
    }

    /// Where `was` is said, only as long as they have those.
    pub async fn change_roles(
        &self,
        who: &Who,
        name: UserName,
        roles: BTreeSet<Role>,
        was: Option<BTreeSet<Role>>,
    ) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        let seen = was.map(|roles| Seen::Roles { user: name.clone(), roles });
        let request = lab::Request::People(Box::new(Request::ChangeRoles { name, roles, by }));
        inner.recorder.submit(request.provided(seen), actor).await?;
        Ok(())
    }

    /// What somebody is told, and where: one's own, or, for who manages users, anybody's.
    pub async fn choose_notices(
        &self,
        who: &Who,
        name: UserName,
        mail: Option<Option<MailAddress>>,
        topics: Option<Choice>,
    ) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        let request = Request::ChooseNotices { name, mail, topics, by };
        Ok(inner.submit(request, actor).await?)
    }

    /// Their sessions and tokens end at once, and their password with them.
    pub async fn disable(&self, who: &Who, name: UserName) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        whole(async move {
            let _alone = inner.changes.lock().await;
            inner.submit(Request::Disable { name: name.clone(), by }, actor).await?;
            if let Err(error) = inner.offload(move |access, _| access.forget(&name)).await? {
                tracing::warn!(%error, "the hashes of somebody who is disabled are taken out at the next start");
            }
            Ok(())
        })
        .await
    }

    /// They come in again when somebody has given them a password.
    pub async fn enable(&self, who: &Who, name: UserName) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        whole(async move {
            let _alone = inner.changes.lock().await;
            let request = Request::Enable { name: name.clone(), by };
            inner.judge(&request)?;
            inner.offload(move |access, _| access.forget(&name)).await??;
            Ok(inner.submit(request, actor).await?)
        })
        .await
    }

    /// They may try again at once. In the journal first: what is counted of tries is in memory alone.
    pub async fn unlock(&self, who: &Who, name: UserName) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        whole(async move {
            let _alone = inner.changes.lock().await;
            inner.submit(Request::Unlock { name: name.clone(), by }, actor).await?;
            inner.access.unlock(&name);
            Ok(())
        })
        .await
    }

    /// A token of one's own.
    pub async fn issue_token(
        &self,
        who: &Who,
        label: Label,
        roles: BTreeSet<Role>,
        by_digest: ByDigest,
    ) -> Result<Issued, Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        if !who.own_password {
            // Whoever chose the password could act in their name for ever.
            let (who, permission) = (who.name.clone(), Permission::OwnAccount);
            return Err(Forbidden::PasswordOfAnother { who, permission }.into());
        }
        let name = who.name.clone();
        whole(async move {
            let _alone = inner.changes.lock().await;
            let request = |token: TokenId| Request::IssueToken {
                name: name.clone(),
                token,
                label: label.clone(),
                roles: roles.clone(),
                by: by.clone(),
            };
            inner.judge(&request(TokenId::from_entropy(entropy())))?;
            let owner = name.clone();
            let token = inner.offload(move |access, _| access.make_token(&owner, by_digest)).await??;
            if let Err(error) = inner.submit(request(token.id.clone()), actor).await {
                let (owner, id) = (name.clone(), token.id);
                if let Err(error) = inner.offload(move |access, _| access.drop_token(&owner, &id)).await? {
                    tracing::warn!(%error, "the hash of a token that was not issued is taken out at the next start");
                }
                return Err(error.into());
            }
            Ok(Issued { id: token.id, secret: token.shown })
        })
        .await
    }

    /// One's own, or, for who manages users, anybody's.
    pub async fn revoke_token(&self, who: &Who, token: TokenId) -> Result<(), Refused> {
        let (inner, (by, actor)) = (self.inner()?, by(who));
        let owner = inner.recorder.read(|lab| {
            let has = |user: &&people::User| user.tokens.contains_key(&token);
            lab.people.users.values().find(has).map(|user| user.name.clone())
        });
        let manages = who.may(Permission::ManageUsers);
        let owner = match owner {
            Some(owner) if owner == who.name || manages.is_ok() => owner,
            // Nobody learns whose it is.
            _ => return Err(people::Refusal::NoToken { user: who.name.clone(), token }.into()),
        };
        whole(async move {
            let _alone = inner.changes.lock().await;
            let request = Request::RevokeToken { name: owner.clone(), token: token.clone(), by };
            inner.submit(request, actor).await?;
            if let Err(error) = inner.offload(move |access, _| access.drop_token(&owner, &token)).await? {
                tracing::warn!(%error, "the hash of a token that is revoked is taken out at the next start");
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
