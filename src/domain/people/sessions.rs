//! Who is signed in, and until when. Kept in memory: after a restart everybody signs in anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name::UserName;
use crate::domain::ids::TokenId;
use crate::domain::moment::Moment;

/// When a session ends by itself, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without a request.
    pub idle: Duration,
    /// However busy.
    pub absolute: Duration,
    pub per_user: usize,
}

/// Half an hour away from a shared screen, and one long shift. A person has a few screens.
pub const LIMITS: Limits =
    Limits { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 60 * 60), per_user: 8 };

/// SHA-256 of a secret.
pub type SecretHash = [u8; 32];

#[derive(Clone, Debug)]
struct Session {
    user: UserName,
    hash: SecretHash,
    began: Moment,
    seen: Moment,
}

/// Why a session does not let in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    #[error("there is no such session, or it was ended; sign in again")]
    Unknown,
    #[error("the session ended because nothing was done for 30 minutes; sign in again")]
    Idle,
    #[error("the session ended after 12 hours; sign in again")]
    Old,
}

#[derive(Clone, Debug, Default)]
pub struct Sessions {
    all: BTreeMap<TokenId, Session>,
}

impl Sessions {
    /// Somebody is signed in. Where they have too many sessions, the one unused for longest ends.
    pub fn begin(&mut self, id: TokenId, hash: SecretHash, user: UserName, now: Moment, limits: &Limits) {
        self.all.retain(|_, session| session.state(now, limits).is_ok());
        let theirs = || self.all.iter().filter(|(_, session)| session.user == user);
        if theirs().count() >= limits.per_user
            && let Some(oldest) = theirs().min_by_key(|(_, session)| session.seen).map(|(id, _)| id.clone())
        {
            self.all.remove(&oldest);
        }
        self.all.insert(id, Session { user, hash, began: now, seen: now });
    }

    /// Whose session it is, where it still lasts; from now on it is idle from now. `same` compares in constant time.
    pub fn check(
        &mut self,
        id: &TokenId,
        same: impl FnOnce(&SecretHash) -> bool,
        now: Moment,
        limits: &Limits,
    ) -> Result<UserName, Ended> {
        let user = self.look(id, same, now, limits)?;
        if let Some(session) = self.all.get_mut(id) {
            session.seen = now;
        }
        Ok(user)
    }

    /// The same for what a page asks by itself, while nobody may be there: the session is idle from when it was.
    pub fn look(
        &mut self,
        id: &TokenId,
        same: impl FnOnce(&SecretHash) -> bool,
        now: Moment,
        limits: &Limits,
    ) -> Result<UserName, Ended> {
        let session = self.all.get(id).ok_or(Ended::Unknown)?;
        // A guess neither lengthens a session nor ends it.
        if !same(&session.hash) {
            return Err(Ended::Unknown);
        }
        if let Err(ended) = session.state(now, limits) {
            self.all.remove(id);
            return Err(ended);
        }
        Ok(session.user.clone())
    }

    /// Whether it has not ended.
    pub fn lasts(&self, id: &TokenId, now: Moment, limits: &Limits) -> bool {
        self.all.get(id).is_some_and(|session| session.state(now, limits).is_ok())
    }

    pub fn end(&mut self, id: &TokenId) {
        self.all.remove(id);
    }

    /// All of somebody's, but for the one that asks: after a new password, or when they are disabled.
    pub fn end_all(&mut self, user: &UserName, but: Option<&TokenId>) {
        self.all.retain(|id, session| session.user != *user || Some(id) == but);
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Session {
    fn state(&self, now: Moment, limits: &Limits) -> Result<(), Ended> {
        if now.since(self.began) >= limits.absolute {
            return Err(Ended::Old);
        }
        if now.since(self.seen) >= limits.idle {
            return Err(Ended::Idle);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Moment {
        Moment(minutes * 60_000_000)
    }

    fn id(n: u8) -> TokenId {
        TokenId::from_entropy([n; 16])
    }

    fn name(name: &str) -> UserName {
        name.parse().unwrap()
    }

    const HASH: SecretHash = [9; 32];

    fn signed_in() -> Sessions {
        let mut sessions = Sessions::default();
        sessions.begin(id(1), HASH, name("kim"), at(0), &LIMITS);
        sessions
    }

    fn ask(sessions: &mut Sessions, n: u8, minute: u64) -> Result<UserName, Ended> {
        sessions.check(&id(n), |hash| *hash == HASH, at(minute), &LIMITS)
    }

    #[test]
    fn the_shipped_limits_are_half_an_hour_idle_and_twelve_hours_in_all() {
        assert_eq!(LIMITS.idle, Duration::from_secs(1800));
        assert_eq!(LIMITS.absolute, Duration::from_secs(43_200));
        assert!(
            Ended::Idle.to_string().contains("30 minutes") && Ended::Old.to_string().contains("12 hours")
        );
    }

    #[test]
    fn a_session_lasts_as_the_table_says() {
        // Minutes of the requests before, the minute of the one that is judged, and what it is told.
        let busy: Vec<u64> = (0..719).step_by(29).collect();
        let table: [(&[u64], u64, Option<Ended>); 8] = [
            (&[], 0, None),
            (&[], 29, None),
            (&[], 30, Some(Ended::Idle)),
            (&[29], 58, None),
            (&[29], 59, Some(Ended::Idle)),
            (&busy, 719, None),
            (&busy, 720, Some(Ended::Old)),
            (&[], 100_000, Some(Ended::Old)),
        ];
        for (before, minute, wanted) in table {
            let mut sessions = signed_in();
            for minute in before {
                assert_eq!(ask(&mut sessions, 1, *minute), Ok(name("kim")), "{before:?}");
            }
            assert_eq!(ask(&mut sessions, 1, minute).err(), wanted, "{before:?} {minute}");
            // What has ended stays so, and is not told apart any more.
            if wanted.is_some() {
                assert_eq!(ask(&mut sessions, 1, minute), Err(Ended::Unknown));
                assert!(sessions.is_empty());
            }
        }
    }

    #[test]
    fn a_guess_at_a_secret_lets_nobody_in_and_lengthens_nothing() {
        let mut sessions = signed_in();
        assert_eq!(sessions.check(&id(1), |_| false, at(29), &LIMITS), Err(Ended::Unknown));
        assert_eq!(sessions.check(&id(2), |_| true, at(29), &LIMITS), Err(Ended::Unknown));
        assert_eq!(ask(&mut sessions, 1, 30), Err(Ended::Idle));
    }

    #[test]
    fn a_page_that_asks_by_itself_lengthens_no_session() {
        let mut sessions = signed_in();
        for minute in 0..30 {
            let seen = sessions.look(&id(1), |hash| *hash == HASH, at(minute), &LIMITS);
            assert_eq!(seen, Ok(name("kim")));
            assert!(sessions.lasts(&id(1), at(minute), &LIMITS));
        }
        assert!(!sessions.lasts(&id(1), at(30), &LIMITS) && !sessions.lasts(&id(2), at(0), &LIMITS));
        assert_eq!(sessions.look(&id(1), |_| true, at(30), &LIMITS), Err(Ended::Idle));
    }

    #[test]
    fn a_session_ends_when_it_is_ended_and_all_of_a_person_s_but_one() {
        let mut sessions = signed_in();
        sessions.begin(id(2), HASH, name("kim"), at(0), &LIMITS);
        sessions.begin(id(3), HASH, name("lee"), at(0), &LIMITS);
        sessions.end_all(&name("kim"), Some(&id(2)));
        assert_eq!(ask(&mut sessions, 1, 1), Err(Ended::Unknown));
        assert_eq!(ask(&mut sessions, 2, 1), Ok(name("kim")));
        assert_eq!(ask(&mut sessions, 3, 1), Ok(name("lee")));
        sessions.end(&id(2));
        assert_eq!(ask(&mut sessions, 2, 1), Err(Ended::Unknown));
    }

    #[test]
    fn the_ninth_session_of_a_person_ends_the_one_unused_for_longest_and_nobody_else_s() {
        let mut sessions = Sessions::default();
        sessions.begin(id(100), HASH, name("lee"), at(0), &LIMITS);
        for n in 0..8 {
            sessions.begin(id(n), HASH, name("kim"), at(1), &LIMITS);
        }
        assert!(ask(&mut sessions, 0, 2).is_ok());
        for n in 2..8 {
            assert!(ask(&mut sessions, n, 2).is_ok());
        }
        sessions.begin(id(8), HASH, name("kim"), at(3), &LIMITS);
        assert_eq!(ask(&mut sessions, 1, 3), Err(Ended::Unknown));
        assert!(ask(&mut sessions, 0, 3).is_ok() && ask(&mut sessions, 100, 3).is_ok());
        assert_eq!(sessions.len(), 9);
    }

    #[test]
    fn sessions_that_are_over_take_no_room() {
        let mut sessions = Sessions::default();
        for n in 0..50 {
            let user = name(&format!("u{n}"));
            sessions.begin(id(n), HASH, user, at(u64::from(n)), &LIMITS);
        }
        assert_eq!(sessions.len(), 30, "one a minute, and half an hour each");
    }
}
