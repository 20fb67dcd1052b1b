//! How often a wrong password may be tried, and how long nobody is heard then.
//!
//! ```text
//! Open ──the 5th try within 15 min──▶ Locked for 1 min ──over──▶ Open ──again 5──▶ 2 min, 4, 8 … 1 h at most
//!   ▲───────── the right password, or a day of quiet ────────────────┘
//! ```
//! A try counts before it is looked at, so that many at once are not more than one after another. Nothing is
//! written to the disk: whoever starts the daemon anew need not guess. Tries from elsewhere lock nobody out who
//! stands at this machine, and an address elsewhere has bounds of its own, whatever names it tries.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::name::{UserName, fold};
use super::whence::{Machine, Whence};
use crate::domain::moment::Moment;

/// When it locks and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub tries: usize,
    pub within: Duration,
    /// The first lock; each one after it is twice as long.
    pub first: Duration,
    pub longest: Duration,
    /// After so long without a try, the next lock is the first again.
    pub forgotten: Duration,
}

/// Five tries forgive a person in gloves; an hour each makes 120 guesses a day, of passwords of 12 characters.
pub const RULES: Rules = Rules {
    tries: 5,
    within: Duration::from_secs(15 * 60),
    first: Duration::from_secs(60),
    longest: Duration::from_secs(60 * 60),
    forgotten: Duration::from_secs(24 * 60 * 60),
};

/// Passwords that one address elsewhere may try, for whatever names: a lab behind one router has a bad morning, and
/// nobody tries a list of names.
pub const FROM_AFAR: Rules = Rules {
    tries: 30,
    within: Duration::from_secs(15 * 60),
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
    forgotten: Duration::from_secs(24 * 60 * 60),
};

/// Wrong keys that one address elsewhere may send: a program with an old one asks every few seconds, and nobody
/// guesses 256 bits.
pub const KEYS_FROM_AFAR: Rules = Rules {
    tries: 300,
    within: Duration::from_secs(5 * 60),
    first: Duration::from_secs(60),
    longest: Duration::from_secs(60),
    forgotten: Duration::from_secs(60 * 60),
};

/// Nobody is heard until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong passwords: wait {} s, then try again", .wait.as_secs().max(1))]
pub struct Locked {
    pub wait: Duration,
}

/// The tries at one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// Wrong ones since the last lock, and such as are still being looked at; oldest first.
    tries: Vec<Moment>,
    /// How often it has locked.
    locks: u32,
    until: Option<Moment>,
    last: Option<Moment>,
}

impl Lockout {
    pub fn locked(&self, now: Moment) -> Option<Locked> {
        let until = self.until.filter(|until| *until > now)?;
        Some(Locked { wait: until.since(now) })
    }

    /// A try begins. It counts as wrong until `succeeded`.
    pub fn admit(&mut self, now: Moment, rules: &Rules) -> Result<(), Locked> {
        if let Some(locked) = self.locked(now) {
            return Err(locked);
        }
        if self.last.is_some_and(|last| now.since(last) >= rules.forgotten) {
            *self = Self::default();
        }
        self.tries.retain(|tried| now.since(*tried) < rules.within);
        self.tries.push(now);
        self.last = Some(now);
        self.until = None;
        if self.tries.len() >= rules.tries {
            let doubled = rules.first.saturating_mul(1u32.checked_shl(self.locks).unwrap_or(u32::MAX));
            self.until = Some(now + doubled.min(rules.longest));
            self.locks = self.locks.saturating_add(1);
            self.tries.clear();
        }
        Ok(())
    }

    /// The password was right.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The last try was right, and says nothing of the others. A lock that it has set stays.
    fn forgive(&mut self) {
        self.tries.pop();
    }
}

/// So many addresses are remembered: whoever has more than that to try from has the longest unused forgotten.
const ADDRESSES: usize = 1024;

/// The tries from each address elsewhere, under one set of rules.
#[derive(Clone, Debug)]
pub struct Addresses {
    rules: Rules,
    all: BTreeMap<Machine, Lockout>,
}

impl Addresses {
    pub fn new(rules: Rules) -> Self {
        Self { rules, all: BTreeMap::new() }
    }

    /// Looking is no try.
    pub fn locked(&self, whence: Whence, now: Moment) -> Option<Locked> {
        let Whence::Afar(machine) = whence else { return None };
        self.all.get(&machine)?.locked(now)
    }

    /// A try begins, and counts as wrong until `forgive`. At this machine itself nothing is counted.
    pub fn admit(&mut self, whence: Whence, now: Moment) -> Result<(), Locked> {
        let Whence::Afar(machine) = whence else { return Ok(()) };
        if !self.all.contains_key(&machine)
            && self.all.len() >= ADDRESSES
            && let Some(oldest) = self.all.iter().min_by_key(|(_, one)| one.last).map(|(of, _)| *of)
        {
            self.all.remove(&oldest);
        }
        self.all.entry(machine).or_default().admit(now, &self.rules)
    }

    /// The last try from there was right.
    pub fn forgive(&mut self, whence: Whence) {
        if let Whence::Afar(machine) = whence
            && let Some(one) = self.all.get_mut(&machine)
        {
            one.forgive();
        }
    }
}

/// How many names that nobody has share what is kept of tries at them.
const STRANGERS: u16 = 1024;

/// The tries at all names, at this machine and from elsewhere apart. Of a name that nobody has no more is kept than a
/// number, and it locks like any other: from outside nobody sees which names there are.
#[derive(Clone, Debug, Default)]
pub struct Lockouts {
    known: BTreeMap<(UserName, bool), Lockout>,
    strangers: BTreeMap<(u16, bool), Lockout>,
}

impl Lockouts {
    /// What is kept for a name as typed; `user` where somebody has it.
    pub fn of(&mut self, user: Option<&UserName>, typed: &str, whence: Whence) -> &mut Lockout {
        let is_here = whence.is_here();
        match user {
            Some(name) => self.known.entry((name.clone(), is_here)).or_default(),
            None => self.strangers.entry((place(typed), is_here)).or_default(),
        }
    }

    /// Whether a user is not heard now, at this machine or elsewhere. Looking is no try.
    pub fn locked(&self, user: &UserName, now: Moment) -> Option<Locked> {
        let locked = |is_here| self.known.get(&(user.clone(), is_here))?.locked(now);
        [true, false].into_iter().filter_map(locked).max_by_key(|locked| locked.wait)
    }

    /// An admin lets somebody try again.
    pub fn unlock(&mut self, user: &UserName) {
        self.known.retain(|(name, _), _| name != user);
    }
}

fn place(typed: &str) -> u16 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(fold(typed).as_bytes());
    u16::from_be_bytes([digest[0], digest[1]]) % STRANGERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Moment {
        Moment(seconds * 1_000_000)
    }

    /// What happens, at which second: `wrong` is a try with a wrong password, `right` one with the right one, and
    /// what is left to wait in seconds, 0 where it was looked at.
    fn play(steps: &[(u64, &str, u64)]) {
        let mut lockout = Lockout::default();
        for (seconds, what, wait) in steps {
            let told = lockout.admit(at(*seconds), &RULES);
            let waits = told.err().map_or(0, |locked| locked.wait.as_secs());
            assert_eq!(waits, *wait, "at {seconds} s: {what}");
            if told.is_ok() && *what == "right" {
                lockout.succeeded();
            }
        }
    }

    #[test]
    fn the_shipped_rules_are_five_tries_in_a_quarter_of_an_hour_and_an_hour_at_most() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let Rules { tries, within, first, longest, forgotten } = RULES;
        assert_eq!(
            (tries, within, first, longest, forgotten),
            (5, minutes(15), minutes(1), minutes(60), minutes(1440))
        );
    }

    #[test]
    fn tries_lock_after_five_and_for_longer_each_time() {
        play(&[
            (0, "wrong", 0),
            (1, "wrong", 0),
            (2, "wrong", 0),
            (3, "wrong", 0),
            (4, "wrong", 0),
            (5, "right", 59),
            (63, "right", 1),
            (64, "wrong", 0),
            (65, "wrong", 0),
            (66, "wrong", 0),
            (67, "wrong", 0),
            (68, "wrong", 0),
            (69, "right", 119),
            (188, "right", 0),
            (189, "wrong", 0),
            (190, "wrong", 0),
            (191, "wrong", 0),
            (192, "wrong", 0),
            (193, "wrong", 0),
            // It begins anew: a minute.
            (194, "wrong", 59),
        ]);
    }

    #[test]
    fn tries_that_lie_apart_do_not_lock() {
        let quarter = 15 * 60;
        let steps: Vec<_> = (0..40).map(|n| (n * quarter / 4, "wrong", 0)).collect();
        play(&steps);
        play(&[(0, "wrong", 0), (1, "wrong", 0), (2, "wrong", 0), (3, "wrong", 0), (quarter, "wrong", 0)]);
        play(&[
            (0, "wrong", 0),
            (1, "wrong", 0),
            (2, "wrong", 0),
            (3, "wrong", 0),
            (quarter - 1, "wrong", 0),
            (quarter, "wrong", 59),
        ]);
    }

    #[test]
    fn a_lock_grows_to_an_hour_and_a_day_of_quiet_ends_that() {
        let (mut lockout, mut now, mut waits) = (Lockout::default(), 0, Vec::new());
        for _ in 0..9 {
            while lockout.admit(at(now), &RULES).is_ok() {}
            let wait = lockout.locked(at(now)).unwrap().wait.as_secs();
            waits.push(wait);
            now += wait;
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        now += 24 * 60 * 60 - 3600 - 1;
        let mut before = lockout.clone();
        while before.admit(at(now), &RULES).is_ok() {}
        assert_eq!(before.locked(at(now)).unwrap().wait.as_secs(), 3600);
        now += 1;
        while lockout.admit(at(now), &RULES).is_ok() {}
        assert_eq!(lockout.locked(at(now)).unwrap().wait.as_secs(), 60);
    }

    #[test]
    fn a_try_during_a_lock_makes_it_no_longer() {
        let mut lockout = Lockout::default();
        while lockout.admit(at(0), &RULES).is_ok() {}
        let before = lockout.clone();
        for second in 0..60 {
            assert!(lockout.admit(at(second), &RULES).is_err());
        }
        assert_eq!(lockout, before);
        assert!(lockout.admit(at(60), &RULES).is_ok());
    }

    #[test]
    fn many_tries_at_once_are_no_more_than_one_after_another() {
        let mut lockout = Lockout::default();
        let admitted = (0..100).filter(|_| lockout.admit(at(7), &RULES).is_ok()).count();
        assert_eq!(admitted, 5, "none of them has been looked at yet");
    }

    #[test]
    fn the_right_password_of_a_fifth_try_lets_in_and_locks_nothing() {
        let mut lockout = Lockout::default();
        for _ in 0..5 {
            lockout.admit(at(0), &RULES).unwrap();
        }
        lockout.succeeded();
        assert_eq!(lockout.locked(at(0)), None);
    }

    #[test]
    fn a_name_that_nobody_has_locks_like_any_other_and_takes_bounded_room() {
        let mut all = Lockouts::default();
        let kim: UserName = "kim".parse().unwrap();
        let tries = |all: &mut Lockouts, user: Option<&UserName>, typed: &str| {
            (0..10).filter(|_| all.of(user, typed, Whence::Here).admit(at(0), &RULES).is_ok()).count()
        };
        assert_eq!(tries(&mut all, Some(&kim), "kim"), 5);
        let left = all.locked(&kim, at(20)).map(|locked| locked.wait.as_secs());
        assert_eq!((left, all.locked(&kim, at(60))), (Some(40), None), "looking is no try");
        assert_eq!(tries(&mut all, None, "nobody here"), 5);
        assert_eq!(tries(&mut all, None, " Nobody HERE"), 0, "the same name to us");
        for n in 0..5000 {
            let _ = all.of(None, &format!("x{n}"), Whence::Here).admit(at(0), &RULES);
        }
        assert!(all.strangers.len() <= usize::from(STRANGERS) && all.known.len() == 1);
        all.unlock(&kim);
        assert_eq!(tries(&mut all, Some(&kim), "kim"), 5);
    }

    #[test]
    fn tries_from_elsewhere_lock_nobody_out_who_stands_at_this_machine() {
        let mut all = Lockouts::default();
        let kim: UserName = "kim".parse().unwrap();
        let afar = |n: u8| Whence::Afar(Machine([n; 16]));
        for n in 0..5 {
            all.of(Some(&kim), "kim", afar(n)).admit(at(0), &RULES).unwrap();
        }
        assert!(all.of(Some(&kim), "kim", afar(9)).admit(at(1), &RULES).is_err(), "by name, from anywhere");
        assert!(all.locked(&kim, at(1)).is_some());
        assert!(all.of(Some(&kim), "kim", Whence::Here).admit(at(1), &RULES).is_ok());
        all.unlock(&kim);
        assert!(all.of(Some(&kim), "kim", afar(9)).admit(at(1), &RULES).is_ok());
    }

    #[test]
    fn an_address_elsewhere_has_so_many_tries_whatever_the_names_and_a_right_one_wins_no_more() {
        let mut all = Addresses::new(FROM_AFAR);
        let whence = |n: u8| Whence::Afar(Machine([n; 16]));
        for _ in 0..100 {
            all.admit(whence(1), at(0)).unwrap();
            all.forgive(whence(1));
        }
        let admitted = (0..100).filter(|_| all.admit(whence(2), at(0)).is_ok()).count();
        assert_eq!(admitted, FROM_AFAR.tries);
        all.forgive(whence(2));
        assert_eq!(all.admit(whence(2), at(59)).unwrap_err().wait.as_secs(), 1, "the lock stays");
        assert!(all.admit(whence(2), at(60)).is_ok() && all.admit(whence(3), at(0)).is_ok());
        assert!(
            (0..1000).all(|_| all.admit(Whence::Here, at(0)).is_ok()),
            "this machine is never locked out"
        );
    }

    #[test]
    fn addresses_take_bounded_room_and_the_longest_unused_is_forgotten() {
        let mut all = Addresses::new(KEYS_FROM_AFAR);
        let machine = |n: u16| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&n.to_be_bytes());
            Machine(bytes)
        };
        for n in 0..5000 {
            all.admit(Whence::Afar(machine(n)), at(u64::from(n))).unwrap();
        }
        assert_eq!(all.all.len(), ADDRESSES);
        let kept = |n: u16| all.all.contains_key(&machine(n));
        assert!(kept(4999) && !kept(0));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_five_tries_in_any_minute(
            steps in proptest::collection::vec(0u64..40, 1..300),
        ) {
            let (mut lockout, mut now, mut looked_at) = (Lockout::default(), 0, Vec::new());
            for step in steps {
                now += step;
                if lockout.admit(at(now), &RULES).is_ok() {
                    looked_at.push(now);
                }
                prop_assert!(lockout.tries.len() < RULES.tries);
            }
            for (n, first) in looked_at.iter().enumerate() {
                let within = looked_at[n..].iter().filter(|at| **at < first + 60).count();
                prop_assert!(within <= RULES.tries, "{looked_at:?}");
            }
        }
    }
}
