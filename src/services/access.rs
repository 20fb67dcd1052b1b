//! The door: who is let in by a password, a session's cookie or a token, and what is confirmed by a password again.
//!
//! ```text
//! name, password ─sign_in─▶ cookie ─authenticate─▶ Who ─may(Permission)─▶ yes, or who may
//!        platen_… token, or a digest of it ─authenticate─▶ the same
//! Who, password, signing ─confirm─▶ id ─take_confirmation─▶ it is signed, once
//! ```
//! The journal knows who there is, and the file of credentials what they know: only both together let somebody
//! in. Passwords are looked at one at a time, and few may wait: whoever tries thousands slows down no printer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use crate::domain::ids::TokenId;
use crate::domain::moment::Moment;
use crate::domain::people::lockout::{self, Addresses, Locked, Lockouts};
use crate::domain::people::name::{PrintedName, UserName};
use crate::domain::people::password::{self, PasswordRule};
use crate::domain::people::roles::{Forbidden, Means, Permission, Role, Who};
use crate::domain::people::sessions::{Ended, LIMITS, Sessions};
use crate::domain::people::signing::{Confirmations, NotConfirmed, Signing};
use crate::domain::people::whence::Whence;
use crate::domain::people::{Password, People, User};
use crate::io::credentials::{CredentialsError, CredentialsFile, KeptToken, PreparedToken, SetUp};
use crate::io::digest::{ByDigest, Called, DigestHashes, MAKER, REALM};
use crate::io::secret::{
    COSTS, Costs, GivenToken, NewToken, PasswordHash, Secret, SecretError, TokenHash, new_id,
};

mod digest;

pub use digest::Requested;
use digest::{Given, Nonces};

/// The cookie of a session where nothing is over TLS: at this machine.
pub const COOKIE: &str = "platen_session";
/// The same over TLS. A browser takes a cookie of this name only over TLS, for this host alone and all of its paths,
/// so that no neighbour's page can put one in its place.
pub const SECURE_COOKIE: &str = "__Host-platen_session";
/// So many passwords may be in line: some 50 ms each.
const WAITING_MAX: usize = 8;

/// What a request brings along to show who asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presented<'r> {
    /// The header `Authorization`.
    pub authorization: Option<&'r str>,
    /// An API token by itself, as slicers send it in `X-Api-Key`. It counts before the others.
    pub key: Option<&'r str>,
    /// The header `Cookie`.
    pub cookie: Option<&'r str>,
    /// A page asks by itself, and nobody need be there.
    pub by_itself: bool,
    /// What is asked, where a digest of a token will do.
    pub digest_of: Option<Requested<'r>>,
    pub whence: Whence,
    /// It came over TLS, here or at the proxy before us: only the cookie of that kind counts.
    pub secure: bool,
}

/// Why nobody knows who asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    #[error("nobody is signed in here; sign in, or send `Authorization: Bearer` with an API token")]
    Nobody,
    #[error("the request has both a session and a token; send one of them")]
    Both,
    #[error("the cookie of a session is there twice; sign out, and sign in again")]
    Twice,
    #[error(
        "the Authorization header is not `Bearer` and an API token that begins with platen_; send such a one"
    )]
    Unreadable,
    #[error(
        "the API key is none of platen's, which begin with platen_; have one issued (`platen users tokens issue`), and put it there"
    )]
    Key,
    #[error("this API token is not known here, or was revoked; have its owner issue another")]
    Token,
    #[error(
        "the name or the password is wrong: the name is its owner's or maker, and the password an API token for it (`platen users tokens issue --digest`); have its owner issue one"
    )]
    Digest,
    #[error("the nonce of the digest is old, was used, or is not from here; send it again with the new one")]
    Stale,
    #[error("too many wrong keys came from this address; wait {} s, then try again", .0.wait.as_secs().max(1))]
    TooMany(Locked),
    #[error(
        "nobody can be let in here: what platen knows of passwords and tokens cannot be read; whoever looks after this machine finds why in platen's log"
    )]
    Shut,
    #[error(transparent)]
    Session(#[from] Ended),
}

/// Why somebody is not signed in, or what they asked for is not done.
#[derive(Debug, thiserror::Error)]
pub enum NotLetIn {
    /// With the name of the user, if this try has locked it: the journal is told.
    #[error("the name or the password is wrong; try again, or ask an admin for a new password")]
    Wrong { locked: Option<UserName> },
    #[error(transparent)]
    Locked(#[from] Locked),
    #[error("too many passwords are being looked at just now; try again in a second")]
    Busy,
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("{0} signs this, and somebody else is signed in; sign in as them")]
    NotSigner(UserName),
    #[error(transparent)]
    Rule(#[from] PasswordRule),
    #[error("that is the password that you have; choose another one")]
    SamePassword,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Somebody has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub who: Who,
    /// The session's secret; `set_cookie` makes the header of it.
    pub session: Secret,
}

/// Shared by all requests. What takes a password or writes the file blocks: call it where waiting is allowed.
pub struct Access {
    file: Mutex<CredentialsFile>,
    /// The file's, so that nobody with a token waits for a disk.
    tokens: Mutex<Tokens>,
    nonces: Nonces,
    live: Mutex<Live>,
    turn: Turn,
    costs: Costs,
}

type Tokens = BTreeMap<TokenId, Token>;

/// What is known of a token.
#[derive(Clone)]
struct Token {
    owner: UserName,
    hash: TokenHash,
    digest: Option<DigestHashes>,
}

fn tokens_of(file: &CredentialsFile) -> Tokens {
    let token = |kept: KeptToken<'_>| {
        let KeptToken { id, owner, hash, digest } = kept;
        (id.clone(), Token { owner: owner.clone(), hash, digest })
    };
    file.tokens().map(token).collect()
}

/// What no restart outlives.
struct Live {
    lockouts: Lockouts,
    /// Passwords that were tried from elsewhere, and keys that were wrong.
    passwords_from: Addresses,
    keys_from: Addresses,
    sessions: Sessions,
    confirmations: Confirmations,
    /// When somebody came in the last time.
    signed_in: BTreeMap<UserName, Moment>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            lockouts: Lockouts::default(),
            passwords_from: Addresses::new(lockout::FROM_AFAR),
            keys_from: Addresses::new(lockout::KEYS_FROM_AFAR),
            sessions: Sessions::default(),
            confirmations: Confirmations::default(),
            signed_in: BTreeMap::new(),
        }
    }
}

/// What is known of somebody's coming in, since platen started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comings {
    pub signed_in: Option<Moment>,
    pub locked: Option<Locked>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One password at a time.
#[derive(Debug, Default)]
struct Turn {
    one: Mutex<()>,
    waiting: AtomicUsize,
}

impl Turn {
    fn take<T>(&self, work: impl FnOnce() -> T) -> Result<T, NotLetIn> {
        /// Also when the work panics.
        struct Waits<'t>(&'t AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        if before >= WAITING_MAX {
            return Err(NotLetIn::Busy);
        }
        let _one = lock(&self.one);
        Ok(work())
    }
}

fn who(user: &User, means: Means, roles: BTreeSet<Role>) -> Who {
    let own_password = user.has_own_way();
    Who { name: user.name.clone(), printed: user.printed.clone(), roles, means, own_password }
}

/// Whom a token lets in, where the journal has it and its owner still comes in.
fn token_of(people: &People, id: TokenId, owner: &UserName) -> Option<Who> {
    let user = people.user(owner).ok().filter(|user| user.is_active())?;
    let token = user.tokens.get(&id)?;
    let roles = token.roles.intersection(&user.roles).copied().collect();
    Some(who(user, Means::Token(id), roles))
}

/// Compared in constant time.
fn same(one: &str, other: &str) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

impl Access {
    /// Opens the file of credentials; without one nobody is set up.
    pub fn open(path: &Path) -> Result<Self, CredentialsError> {
        Ok(Self::of(CredentialsFile::load(path)?, COSTS))
    }

    pub fn of(file: CredentialsFile, costs: Costs) -> Self {
        let tokens = Mutex::new(tokens_of(&file));
        let (nonces, live, turn) = (Nonces::default(), Mutex::default(), Turn::default());
        Self { file: Mutex::new(file), tokens, nonces, live, turn, costs }
    }

    fn change<E>(&self, how: impl FnOnce(&mut CredentialsFile) -> Result<(), E>) -> Result<(), E> {
        let mut file = lock(&self.file);
        how(&mut file)?;
        *lock(&self.tokens) = tokens_of(&file);
        Ok(())
    }

    /// Whom `platen setup` has prepared: `People::adopt` makes facts of it, and then `adopted` is called.
    pub fn to_adopt(&self) -> Option<SetUp> {
        lock(&self.file).to_adopt().cloned()
    }

    pub fn adopted(&self) -> Result<(), CredentialsError> {
        self.change(CredentialsFile::adopted)
    }

    /// Tokens that `platen setup` has made: the journal is told of each, and then `issued` is called.
    pub fn to_issue(&self) -> Vec<PreparedToken> {
        lock(&self.file).to_issue().to_vec()
    }

    pub fn issued(&self) -> Result<(), CredentialsError> {
        self.change(CredentialsFile::issued)
    }

    /// Who asks, by their session or their token.
    pub fn authenticate(
        &self,
        people: &People,
        given: Presented<'_>,
        now: Moment,
    ) -> Result<Who, NotAuthenticated> {
        if let Some(key) = given.key {
            let none =
                |error| if error == NotAuthenticated::Unreadable { NotAuthenticated::Key } else { error };
            return self.counted(given.whence, now, || self.by_key(people, key)).map_err(none);
        }
        match (given.authorization, session_of(given.cookie, given.secure)?) {
            (None, None) => Err(NotAuthenticated::Nobody),
            (Some(_), Some(_)) => Err(NotAuthenticated::Both),
            (Some(header), None) => {
                self.counted(given.whence, now, || self.by_header(people, header, given.digest_of, now))
            }
            (None, Some(session)) => self.by_session(people, session, given.by_itself, now),
        }
    }

    /// Looks at a key, where not too many wrong ones came from there.
    fn counted(
        &self,
        whence: Whence,
        now: Moment,
        look: impl FnOnce() -> Result<Who, NotAuthenticated>,
    ) -> Result<Who, NotAuthenticated> {
        if let Some(locked) = lock(&self.live).keys_from.locked(whence, now) {
            return Err(NotAuthenticated::TooMany(locked));
        }
        let found = look();
        if matches!(found, Err(NotAuthenticated::Token | NotAuthenticated::Digest)) {
            // That it locks is for the next one to hear.
            let _ = lock(&self.live).keys_from.admit(whence, now);
        }
        found
    }

    fn by_header(
        &self,
        people: &People,
        header: &str,
        digest_of: Option<Requested<'_>>,
        now: Moment,
    ) -> Result<Who, NotAuthenticated> {
        let (scheme, rest) = header.trim().split_once(' ').ok_or(NotAuthenticated::Unreadable)?;
        match digest_of {
            _ if scheme.eq_ignore_ascii_case("bearer") => self.by_key(people, rest),
            Some(asked) if scheme.eq_ignore_ascii_case("digest") => self.by_digest(people, rest, asked, now),
            _ => Err(NotAuthenticated::Unreadable),
        }
    }

    /// What a new digest is made with.
    pub fn nonce(&self, now: Moment) -> String {
        self.nonces.give(now)
    }

    fn by_digest(
        &self,
        people: &People,
        text: &str,
        asked: Requested<'_>,
        now: Moment,
    ) -> Result<Who, NotAuthenticated> {
        let given = Given::read(text).ok_or(NotAuthenticated::Digest)?;
        // A digest is of one request: it opens no other.
        if given.realm != REALM || given.uri != asked.uri {
            return Err(NotAuthenticated::Digest);
        }
        // Before anything is computed of it, so that strangers cause little work.
        if !self.nonces.is_young(&given.nonce, now) {
            return Err(NotAuthenticated::Stale);
        }
        let (id, owner) = self.shown_by(&given, &asked).ok_or(NotAuthenticated::Digest)?;
        let who = token_of(people, id, &owner).ok_or(NotAuthenticated::Digest)?;
        // Only now, so that nobody uses up another's nonce.
        if self.nonces.take(&given, &asked, now) { Ok(who) } else { Err(NotAuthenticated::Stale) }
    }

    /// The token that a digest was made with, among those that serve for it.
    fn shown_by(&self, given: &Given, asked: &Requested<'_>) -> Option<(TokenId, UserName)> {
        // Copied, so that nobody with another token waits for the hashing.
        let candidates: Vec<_> = lock(&self.tokens)
            .iter()
            .filter(|(_, token)| given.username == MAKER || given.username == token.owner.as_str())
            .filter_map(|(id, token)| Some((id.clone(), token.owner.clone(), token.digest?)))
            .collect();
        let response = given.of(asked);
        let found = candidates.into_iter().find(|(_, owner, kept)| {
            let names = [(Called::Owner, owner.as_str()), (Called::Maker, MAKER)];
            names.iter().any(|(called, name)| {
                let named = *name == given.username;
                named && same(&response.by(&kept.ha1(*called, given.algorithm)), &given.response)
            })
        });
        found.map(|(id, owner, _)| (id, owner))
    }

    fn by_key(&self, people: &People, token: &str) -> Result<Who, NotAuthenticated> {
        let given = GivenToken::read(token.trim()).ok_or(NotAuthenticated::Unreadable)?;
        let kept = lock(&self.tokens).get(&given.id).cloned().ok_or(NotAuthenticated::Token)?;
        if !given.is(&kept.hash.bytes()) {
            return Err(NotAuthenticated::Token);
        }
        token_of(people, given.id, &kept.owner).ok_or(NotAuthenticated::Token)
    }

    fn by_session(
        &self,
        people: &People,
        session: &str,
        by_itself: bool,
        now: Moment,
    ) -> Result<Who, NotAuthenticated> {
        let given = GivenToken::read(session).ok_or(Ended::Unknown)?;
        let mut live = lock(&self.live);
        let same = |hash: &_| given.is(hash);
        let name = match by_itself {
            true => live.sessions.look(&given.id, same, now, &LIMITS)?,
            false => live.sessions.check(&given.id, same, now, &LIMITS)?,
        };
        match people.user(&name) {
            Ok(user) if user.is_active() => Ok(who(user, Means::Session(given.id), user.roles.clone())),
            _ => {
                live.sessions.end_all(&name, None);
                Err(Ended::Unknown.into())
            }
        }
    }

    /// Whether somebody who was let in still is: for what goes on for long.
    pub fn lasts(&self, people: &People, who: &Who, now: Moment) -> bool {
        let user = people.user(&who.name).ok().filter(|user| user.is_active());
        // Whoever was given a password that another knows has to choose one of their own first.
        let user = user.filter(|user| !who.own_password || user.has_own_way());
        // Whoever has lost a role begins anew without it.
        user.filter(|user| who.roles.is_subset(&user.roles)).is_some_and(|user| match &who.means {
            Means::Session(id) => lock(&self.live).sessions.lasts(id, now, &LIMITS),
            Means::Token(id) => user.tokens.contains_key(id) && lock(&self.tokens).contains_key(id),
        })
    }

    /// Whether it is that user's password, and if so, what `then` does, before the password can become another.
    /// `user` is nobody where there is none of that name, and takes as long.
    fn check<T>(
        &self,
        user: Option<&User>,
        typed: &str,
        password: &Secret,
        (whence, now): (Whence, Moment),
        then: impl FnOnce(&mut Live) -> T,
    ) -> Result<T, NotLetIn> {
        self.turn.take(|| {
            let name = user.map(|user| &user.name);
            let locks = {
                let mut live = lock(&self.live);
                live.passwords_from.admit(whence, now)?;
                let lockout = live.lockouts.of(name, typed, whence);
                lockout.admit(now, &lockout::RULES)?;
                lockout.locked(now).is_some()
            };
            // A hash of which the journal does not know is nobody's password.
            let may = |user: &&User| user.is_active() && user.password != Password::Missing;
            let active = user.filter(may).map(|user| &user.name);
            let kept = active.and_then(|name| lock(&self.file).password(name).cloned());
            let right = match &kept {
                Some(hash) => hash.verify(password)?,
                None => PasswordHash::verify_nobody(password, self.costs)?,
            };
            let (Some(name), Some(hash), true) = (active, kept, right) else {
                return Err(NotLetIn::Wrong { locked: name.filter(|_| locks).cloned() });
            };
            let done = {
                let mut live = lock(&self.live);
                live.passwords_from.forgive(whence);
                live.lockouts.of(Some(name), typed, whence).succeeded();
                then(&mut live)
            };
            if hash.costs() != self.costs {
                // Made when less was asked for, or more: whoever is here waits once more, and then no longer.
                let renewed = PasswordHash::of(password, self.costs)?;
                // Whoever was disabled meanwhile gets no password back.
                let renew = |file: &mut CredentialsFile| match file.password(name) {
                    Some(_) => file.set_password(name, renewed),
                    None => Ok(()),
                };
                if let Err(error) = self.change(renew) {
                    tracing::warn!(%error, "a password's hash could not be made anew");
                }
            }
            Ok(done)
        })?
    }

    /// Lets somebody in by their password. Blocks.
    pub fn sign_in(
        &self,
        people: &People,
        typed: &str,
        password: &Secret,
        whence: Whence,
        now: Moment,
    ) -> Result<SignedIn, NotLetIn> {
        let user = people.typed(typed);
        let NewToken { id, shown, hash } = NewToken::make()?;
        self.check(user, typed, password, (whence, now), |live| {
            if let Some(user) = user {
                live.sessions.begin(id.clone(), hash.bytes(), user.name.clone(), now, &LIMITS);
                live.signed_in.insert(user.name.clone(), now);
            }
        })?;
        // Nobody's password is right.
        let Some(user) = user else { return Err(NotLetIn::Wrong { locked: None }) };
        Ok(SignedIn { who: who(user, Means::Session(id), user.roles.clone()), session: shown })
    }

    /// Lets in whom the site's own sign-in vouches for.
    pub fn welcome(&self, user: &User, now: Moment) -> Result<SignedIn, NotLetIn> {
        let NewToken { id, shown, hash } = NewToken::make()?;
        let mut live = lock(&self.live);
        live.sessions.begin(id.clone(), hash.bytes(), user.name.clone(), now, &LIMITS);
        live.signed_in.insert(user.name.clone(), now);
        Ok(SignedIn { who: who(user, Means::Session(id), user.roles.clone()), session: shown })
    }

    pub fn sign_out(&self, who: &Who) {
        if let Means::Session(id) = &who.means {
            lock(&self.live).sessions.end(id);
        }
    }

    /// Looking is no try.
    pub fn comings(&self, name: &UserName, now: Moment) -> Comings {
        let live = lock(&self.live);
        Comings { signed_in: live.signed_in.get(name).copied(), locked: live.lockouts.locked(name, now) }
    }

    /// An admin lets somebody try again who was locked out.
    pub fn unlock(&self, name: &UserName) {
        lock(&self.live).lockouts.unlock(name);
    }

    /// Somebody gives their password again for exactly this signature. Blocks. What comes back is used up by
    /// `take_confirmation`.
    pub fn confirm(
        &self,
        people: &People,
        who: &Who,
        password: &Secret,
        signing: Signing,
        now: Moment,
    ) -> Result<TokenId, NotLetIn> {
        who.may(Permission::Sign)?;
        if let Some(permission) = signing.meaning.needs() {
            who.may(permission)?;
        }
        if signing.signer != who.name {
            return Err(NotLetIn::NotSigner(signing.signer));
        }
        let id = new_id()?;
        let user = people.user(&who.name).ok();
        // Nobody comes so far who is not signed in: their address counts for nothing.
        self.check(user, who.name.as_str(), password, (Whence::Here, now), |live| {
            live.confirmations.confirm(id.clone(), signing, now);
        })?;
        Ok(id)
    }

    /// Before a signature is recorded: whether it was confirmed, for this hash and not before.
    pub fn take_confirmation(
        &self,
        id: &TokenId,
        signing: &Signing,
        now: Moment,
    ) -> Result<(), NotConfirmed> {
        lock(&self.live).confirmations.take(id, signing, now)
    }

    /// Somebody chooses a new password for themselves, and shows that they know the old one. Blocks. The journal is
    /// told after it.
    pub fn change_password(
        &self,
        people: &People,
        who: &Who,
        old: &Secret,
        new: &Secret,
        now: Moment,
    ) -> Result<(), NotLetIn> {
        who.may(Permission::OwnAccount)?;
        password::judge(new.expose(), &[who.name.as_str(), who.printed.as_str()])?;
        self.check(people.user(&who.name).ok(), who.name.as_str(), old, (Whence::Here, now), |_| ())?;
        if old.expose() == new.expose() {
            return Err(NotLetIn::SamePassword);
        }
        let keep = match &who.means {
            Means::Session(id) => Some(id),
            Means::Token(_) => None,
        };
        let hash = self.turn.take(|| PasswordHash::of(new, self.costs))??;
        Ok(self.put_password(&who.name, hash, keep)?)
    }

    /// The hash of a password that an admin chooses for somebody. Blocks. It lets nobody in before `give_password`.
    pub fn prepare_password(
        &self,
        name: &UserName,
        printed: &PrintedName,
        new: &Secret,
    ) -> Result<PasswordHash, NotLetIn> {
        password::judge(new.expose(), &[name.as_str(), printed.as_str()])?;
        Ok(self.turn.take(|| PasswordHash::of(new, self.costs))??)
    }

    /// It is their password from now on. Blocks. The journal has it already that they must choose another one.
    pub fn give_password(&self, name: &UserName, new: PasswordHash) -> Result<(), CredentialsError> {
        self.put_password(name, new, None)
    }

    fn put_password(
        &self,
        name: &UserName,
        hash: PasswordHash,
        keep: Option<&TokenId>,
    ) -> Result<(), CredentialsError> {
        // Nobody comes in by the old one meanwhile.
        let _one = lock(&self.turn.one);
        self.change(|file| file.set_password(name, hash))?;
        let mut live = lock(&self.live);
        live.sessions.end_all(name, keep);
        live.confirmations.forget(name);
        live.lockouts.unlock(name);
        Ok(())
    }

    /// At the start: takes out of the file what the journal says is over, and what a crash left there. Users of whom
    /// the journal does not know at all stay: it may be brought back. Blocks.
    pub fn reconcile(&self, people: &People) -> Result<(), CredentialsError> {
        let (names, tokens) = {
            let file = lock(&self.file);
            let tokens: Vec<_> = file.tokens().map(|kept| (kept.owner.clone(), kept.id.clone())).collect();
            (file.names(), tokens)
        };
        for name in names {
            let user = people.users.get(&name);
            if user.is_some_and(|user| !user.is_active() || user.password == Password::Missing) {
                self.forget(&name)?;
            }
        }
        for (owner, id) in tokens {
            if people.users.get(&owner).is_some_and(|user| !user.tokens.contains_key(&id)) {
                self.drop_token(&owner, &id)?;
            }
        }
        Ok(())
    }

    /// A new token, of which the hash is on the disk. It lets nobody in before the journal has it. Blocks.
    pub fn make_token(&self, owner: &UserName, by_digest: ByDigest) -> Result<NewToken, NotLetIn> {
        let token = NewToken::make()?;
        let digest = (by_digest == ByDigest::Also).then(|| DigestHashes::of(owner.as_str(), &token.shown));
        self.change(|file| file.keep_token(owner, token.id.clone(), token.hash, digest))?;
        Ok(token)
    }

    /// After the journal has it that a token is revoked, or that it was never to be. Blocks.
    pub fn drop_token(&self, owner: &UserName, id: &TokenId) -> Result<(), CredentialsError> {
        self.change(|file| file.drop_token(owner, id))
    }

    /// After the journal has it that somebody is disabled. Blocks.
    pub fn forget(&self, name: &UserName) -> Result<(), CredentialsError> {
        {
            let mut live = lock(&self.live);
            live.sessions.end_all(name, None);
            live.confirmations.forget(name);
        }
        self.change(|file| file.forget(name))
    }
}

/// The session in a `Cookie` header.
fn session_of(cookies: Option<&str>, secure: bool) -> Result<Option<&str>, NotAuthenticated> {
    let wanted = cookie_name(secure);
    let all = cookies.unwrap_or_default().split(';');
    let mut ours = all.filter_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        (name.trim() == wanted).then_some(value.trim())
    });
    match (ours.next(), ours.next()) {
        (session, None) => Ok(session.filter(|session| !session.is_empty())),
        (_, Some(_)) => Err(NotAuthenticated::Twice),
    }
}

const fn cookie_name(secure: bool) -> &'static str {
    if secure { SECURE_COOKIE } else { COOKIE }
}

/// What stands behind a cookie: no script reads it, and no other site's page sends it.
const fn cookie_is(secure: bool) -> &'static str {
    if secure { "Path=/; HttpOnly; SameSite=Strict; Secure" } else { "Path=/; HttpOnly; SameSite=Strict" }
}

/// The header `Set-Cookie` of a session, which the browser forgets when it ends. `secure`: it goes over TLS.
pub fn set_cookie(session: &Secret, secure: bool) -> Secret {
    Secret::new(format!("{}={}; {}", cookie_name(secure), session.expose(), cookie_is(secure)))
}

/// The same for one that is over.
pub fn clear_cookie(secure: bool) -> String {
    format!("{}=; {}; Max-Age=0", cookie_name(secure), cookie_is(secure))
}

#[cfg(test)]
mod tests;
