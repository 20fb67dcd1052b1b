//! Programs that ask for a key of their own, and the people who grant it: all of it in memory, and forgotten soon.
//!
//! ```text
//! program ─asks─▶ pending (code for people, token for the program) ─granted─▶ handed out once, by token
//!                     │                                                └─not fetched in time: revoked
//!                     └─never asked after for 5 s, or not for 30 s, or 10 minutes old: forgotten
//! ```
//! Whoever lists the requests sees codes, and never the token by which the key is fetched.
//!
//! Strangers may ask as well, and nobody can tell them apart. So a request takes one of the few places only
//! once its program has asked again, which nobody does who only floods; and where all are taken, the one that
//! has waited longest gives way after a minute. Only whoever asks again under twenty names, and begins anew
//! without an end, still keeps others out, and is seen in the list.

use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::ids::{TokenId, hex};
use crate::domain::moment::{Moment, WallTime};
use crate::domain::people::name::fold;
use crate::domain::people::roles::Who;
use crate::io::clock::entropy;
use crate::io::secret::Secret;

/// So many programs may wait at once, and the list shows no more.
pub const PENDING_MAX: usize = 20;
/// Requests that nobody has asked after yet; the oldest gives way. At a few hundred bytes each they cost
/// little, and a program that waits asks within a second or two.
const FRESH_MAX: usize = 2_000;
/// So long nobody takes the place of one that waits: whoever has set a program up goes and grants it.
const HELD: Duration = Duration::from_secs(60);
/// Nobody comes to a request that is older.
const LASTS: Duration = Duration::from_secs(10 * 60);
/// A program that waits asks every second; one that does not is gone.
const UNPOLLED: Duration = Duration::from_secs(30);
/// Whoever only fills the list never asks again.
const NEVER_POLLED: Duration = Duration::from_secs(5);
/// So many streams may be open of which it is not known yet whose they are.
pub const STRANGERS_MAX: usize = 8;
/// What a program calls itself, at most; a token's label holds as much.
const NAME_MAX: usize = 40;
/// A program follows events for at most so long without showing its key again.
const TICKET_LASTS: Duration = Duration::from_secs(12 * 60 * 60);
const TICKETS_MAX: usize = 256;
/// What programs get where nobody is set up: it opens nothing that is not open.
const PLACEHOLDER: &str = "platen-nobody-is-set-up";

/// What a program says when it asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking<'a> {
    /// What it calls itself.
    pub app: &'a str,
    /// For whom it says it asks.
    pub user: Option<&'a str>,
    /// The prefix under which it asks.
    pub from: &'a str,
    /// Nobody is set up, so that it has its key at once.
    pub is_open: bool,
}

/// What a program is told of its request, at once.
#[derive(Debug)]
pub struct Asked {
    /// For people.
    pub code: String,
    /// For the program alone.
    pub token: String,
}

/// A request as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub code: String,
    /// What the program calls itself, in plain characters.
    pub app: String,
    /// For whom it says it asks; nobody has checked that.
    pub user: Option<String>,
    /// The prefix under which it asks, such as `/p/mk3-01`.
    pub from: String,
    pub at: WallTime,
}

/// What the program hears when it asks again.
#[derive(Debug)]
pub enum Polled {
    Waits,
    /// This once.
    Granted(Secret),
    /// Denied, fetched already, too old, or never asked.
    Unknown,
}

/// Why a request cannot be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// None waits under this code.
    Unknown,
    /// Another one waits that calls itself the same: one of the two may be somebody else's.
    Alike,
}

/// What lies ready for a program.
#[derive(Debug)]
struct Granted {
    secret: Secret,
    /// Absent where nobody is set up.
    token: Option<TokenId>,
}

#[derive(Debug)]
struct Request {
    pending: Pending,
    token: [u8; 32],
    asked: Moment,
    polled: Option<Moment>,
    key: Option<Granted>,
}

impl Request {
    fn ends(&self) -> Moment {
        let left = self.polled.map_or(self.asked + NEVER_POLLED, |polled| polled + UNPOLLED);
        left.min(self.asked + LASTS)
    }

    fn is_alive(&self, now: Moment) -> bool {
        now < self.ends()
    }

    fn waits(&self) -> bool {
        self.key.is_none()
    }

    /// Nobody has asked after it, and nobody has granted it.
    fn is_fresh(&self) -> bool {
        self.polled.is_none() && self.issued().is_none()
    }

    /// It has one of the places.
    fn has_place(&self) -> bool {
        self.polled.is_some() && self.waits()
    }

    /// The token that is to be revoked if nobody fetches it.
    fn issued(&self) -> Option<&TokenId> {
        self.key.as_ref().and_then(|key| key.token.as_ref())
    }
}

#[derive(Debug)]
struct Ticket {
    hash: [u8; 32],
    who: Arc<Who>,
    made: Moment,
}

/// All places are taken, and each by one that may keep it.
#[derive(Clone, Copy, Debug)]
struct Full;

#[derive(Debug, Default)]
struct Known {
    requests: Vec<Request>,
    tickets: Vec<Ticket>,
}

impl Known {
    /// Where the oldest is of those that are so.
    fn oldest(&self, so: impl Fn(&Request) -> bool) -> Option<usize> {
        let all = self.requests.iter().enumerate().filter(|(_, request)| so(request));
        all.min_by_key(|(_, request)| request.asked).map(|(at, _)| at)
    }

    fn count(&self, so: impl Fn(&Request) -> bool) -> usize {
        self.requests.iter().filter(|request| so(request)).count()
    }

    /// Whether there is a place for one more that waits; `Ok(Some)` where that one gives way for it.
    fn place(&self, now: Moment) -> Result<Option<usize>, Full> {
        if self.count(Request::has_place) < PENDING_MAX {
            return Ok(None);
        }
        let had_time = |request: &Request| request.has_place() && now.since(request.asked) >= HELD;
        self.oldest(had_time).map(Some).ok_or(Full)
    }

    /// The same, and it gives way.
    fn take_place(&mut self, now: Moment) -> Result<(), Full> {
        if let Some(at) = self.place(now)? {
            self.requests.remove(at);
        }
        Ok(())
    }

    /// One more may ask for the first time.
    fn make_room(&mut self) {
        if self.count(Request::is_fresh) >= FRESH_MAX
            && let Some(at) = self.oldest(Request::is_fresh)
        {
            self.requests.remove(at);
        }
    }

    /// The one that waits under this code, where no other one calls itself the same.
    fn only(&mut self, code: &str) -> Result<&mut Request, NotGranted> {
        let waiting = || self.requests.iter().filter(|request| request.waits());
        let found = waiting().find(|request| request.pending.code == code).ok_or(NotGranted::Unknown)?;
        let name = alike(&found.pending.app);
        if waiting().filter(|request| alike(&request.pending.app) == name).count() > 1 {
            return Err(NotGranted::Alike);
        }
        let found = self.requests.iter_mut().find(|request| request.waits() && request.pending.code == code);
        found.ok_or(NotGranted::Unknown)
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppKeys {
    known: Arc<Mutex<Known>>,
    strangers: Arc<Semaphore>,
}

impl Default for AppKeys {
    fn default() -> Self {
        Self { known: Arc::default(), strangers: Arc::new(Semaphore::new(STRANGERS_MAX)) }
    }
}

fn hashed(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// ASCII's letters and digits, and what else a token's label may hold; at most 40 of them. Every other
/// character becomes `_`: many a letter of another alphabet looks just like one of these.
pub fn plain(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_');
    let kept = text.trim().chars().map(|c| if legal(c) { c } else { '_' });
    kept.take(NAME_MAX).collect::<String>().trim().to_owned()
}

/// Names that are the same by this are the same to a reader. Nothing where there is nothing to read.
fn alike(app: &str) -> String {
    let letters = fold(app).chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters.replace('0', "o").replace(['1', 'l'], "i")
}

impl AppKeys {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without those that are over; but a token that was issued is only dropped by whoever revokes it.
    fn alive(&self, now: Moment) -> MutexGuard<'_, Known> {
        let mut known = self.known();
        known.requests.retain(|request| request.is_alive(now) || request.issued().is_some());
        known
    }

    /// A program asks for a key; `None` where too many do. Where nobody is set up it has one at once.
    pub fn ask(&self, asking: Asking<'_>, now: Moment, at: WallTime) -> Option<Asked> {
        let mut known = self.alive(now);
        known.place(now).ok()?;
        known.make_room();
        let token = hex(&entropy());
        let code = loop {
            let code: String = hex(&entropy()).chars().take(6).collect();
            if !known.requests.iter().any(|request| request.pending.code == code) {
                break code;
            }
        };
        let readable = |text: &String| !alike(text).is_empty();
        let app = Some(plain(asking.app)).filter(readable).unwrap_or_else(|| "a program".into());
        let user = asking.user.map(plain).filter(readable);
        let pending = Pending { code: code.clone(), app, user, from: asking.from.to_owned(), at };
        let placeholder = || Granted { secret: Secret::new(PLACEHOLDER.into()), token: None };
        let key = asking.is_open.then(placeholder);
        known.requests.push(Request { pending, token: hashed(&token), asked: now, polled: None, key });
        Some(Asked { code, token })
    }

    /// The program asks whether anybody has decided.
    pub fn poll(&self, token: &str, now: Moment) -> Polled {
        let mut known = self.alive(now);
        let token = hashed(token);
        let is_it = |request: &Request| request.token == token && request.is_alive(now);
        let is_first = |request: &Request| is_it(request) && request.waits() && request.is_fresh();
        if known.count(is_first) > 0 && known.take_place(now).is_err() {
            // It may ask again: one may have become free.
            return Polled::Waits;
        }
        let Some(at) = known.requests.iter().position(is_it) else {
            return Polled::Unknown;
        };
        if let Some(request) = known.requests.get_mut(at).filter(|request| request.waits()) {
            request.polled = Some(now);
            return Polled::Waits;
        }
        known.requests.remove(at).key.map_or(Polled::Unknown, |key| Polled::Granted(key.secret))
    }

    /// Those that wait for somebody, the oldest first.
    pub fn pending(&self, now: Moment) -> Vec<Pending> {
        let known = self.alive(now);
        let mut all: Vec<_> = known.requests.iter().filter(|request| request.waits()).collect();
        // Those that have a place are never left out.
        all.sort_by_key(|request| (!request.has_place(), request.asked));
        all.truncate(PENDING_MAX);
        all.sort_by(|one, other| (one.asked, &one.pending.code).cmp(&(other.asked, &other.pending.code)));
        all.into_iter().map(|request| request.pending.clone()).collect()
    }

    /// The one that is to be granted under this code.
    pub fn find(&self, code: &str, now: Moment) -> Result<Pending, NotGranted> {
        self.alive(now).only(code).map(|request| request.pending.clone())
    }

    /// The key lies ready for the program. Where it does not, nobody else has it, and its token is to be revoked.
    pub fn grant(&self, code: &str, key: Secret, token: TokenId, now: Moment) -> Result<(), NotGranted> {
        let mut known = self.alive(now);
        known.only(code)?.key = Some(Granted { secret: key, token: Some(token) });
        Ok(())
    }

    /// Until when the program may fetch the key of this token; `None` where it has.
    pub fn lies_until(&self, token: &TokenId) -> Option<Moment> {
        let known = self.known();
        let found = known.requests.iter().find(|request| request.issued() == Some(token));
        found.map(Request::ends)
    }

    /// Takes a key away that was not fetched; whether it still lay there, so that its token is to be revoked.
    pub fn lapse(&self, token: &TokenId) -> bool {
        let mut known = self.known();
        let before = known.requests.len();
        known.requests.retain(|request| request.issued() != Some(token));
        known.requests.len() < before
    }

    /// Whether there was such a request.
    pub fn deny(&self, code: &str, now: Moment) -> bool {
        let mut known = self.alive(now);
        let before = known.requests.len();
        known.requests.retain(|request| !request.waits() || request.pending.code != code);
        known.requests.len() < before
    }

    /// A place for a stream of which it is not known yet whose it is, for as long as it is held.
    pub fn as_stranger(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.strangers).try_acquire_owned().ok()
    }

    /// What whoever has shown a key may show in its place when it follows events. The one before it is void.
    pub fn ticket(&self, who: &Arc<Who>, now: Moment) -> String {
        let ticket = format!("{}{}", hex(&entropy()), hex(&entropy()));
        let mut known = self.known();
        let same = |other: &Who| other.name == who.name && other.means == who.means;
        known.tickets.retain(|ticket| now.since(ticket.made) < TICKET_LASTS && !same(&ticket.who));
        if known.tickets.len() >= TICKETS_MAX {
            known.tickets.remove(0);
        }
        known.tickets.push(Ticket { hash: hashed(&ticket), who: Arc::clone(who), made: now });
        ticket
    }

    /// Whose ticket it is. Whether they are still let in is to be asked as well.
    pub fn of_ticket(&self, ticket: &str, now: Moment) -> Option<Arc<Who>> {
        let hash = hashed(ticket);
        let known = self.known();
        let found =
            known.tickets.iter().find(|ticket| ticket.hash == hash && now.since(ticket.made) < TICKET_LASTS);
        found.map(|ticket| Arc::clone(&ticket.who))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::roles::{Means, Role};

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn id(n: u8) -> TokenId {
        TokenId::from_entropy([n; 16])
    }

    fn ask(keys: &AppKeys, app: &str, seconds: u64) -> Option<Asked> {
        let asking = Asking { app, user: Some("kim <script>"), from: "/p/mk3-01", is_open: false };
        keys.ask(asking, at(seconds), WallTime(0))
    }

    fn grant(keys: &AppKeys, asked: &Asked, seconds: u64) -> Result<(), NotGranted> {
        keys.grant(&asked.code, Secret::new("k".into()), id(1), at(seconds))
    }

    #[test]
    fn a_key_is_handed_out_once_and_to_the_program_that_asked() {
        let keys = AppKeys::default();
        let asked = ask(&keys, "Home Assistant", 0).unwrap();
        let waiting = keys.pending(at(1));
        assert_eq!((waiting.len(), waiting[0].app.as_str()), (1, "Home Assistant"));
        assert_eq!(
            (waiting[0].user.as_deref(), waiting[0].from.as_str()),
            (Some("kim _script_"), "/p/mk3-01")
        );
        assert!(!format!("{waiting:?}").contains(&asked.token));
        assert!(matches!(keys.poll(&asked.token, at(1)), Polled::Waits));
        assert!(matches!(keys.poll(&asked.code, at(1)), Polled::Unknown), "the code fetches nothing");
        grant(&keys, &asked, 2).unwrap();
        assert!(keys.pending(at(2)).is_empty());
        assert!(matches!(keys.poll(&asked.token, at(3)), Polled::Granted(key) if key.expose() == "k"));
        assert!(matches!(keys.poll(&asked.token, at(3)), Polled::Unknown));
        assert_eq!((keys.lies_until(&id(1)), keys.lapse(&id(1))), (None, false), "it is the program's now");
        assert_eq!(grant(&keys, &asked, 3), Err(NotGranted::Unknown));
    }

    #[test]
    fn a_granted_key_that_is_not_fetched_in_time_lapses_once() {
        let keys = AppKeys::default();
        let asked = ask(&keys, "a", 0).unwrap();
        assert!(matches!(keys.poll(&asked.token, at(2)), Polled::Waits));
        grant(&keys, &asked, 3).unwrap();
        assert_eq!(keys.lies_until(&id(1)), Some(at(32)));
        assert!(matches!(keys.poll(&asked.token, at(32)), Polled::Unknown), "it is too late for it");
        assert!(keys.lies_until(&id(1)).is_some(), "nobody forgets that there is a token to be revoked");
        assert!(keys.lapse(&id(1)) && !keys.lapse(&id(1)));
        assert!(matches!(keys.poll(&asked.token, at(10)), Polled::Unknown));
    }

    #[test]
    fn a_request_ends_when_it_is_denied_old_or_not_asked_after() {
        let keys = AppKeys::default();
        let denied = ask(&keys, "a", 0).unwrap();
        assert!(keys.deny(&denied.code, at(1)) && !keys.deny(&denied.code, at(1)));
        assert!(matches!(keys.poll(&denied.token, at(1)), Polled::Unknown));
        let never = ask(&keys, "b", 0).unwrap();
        assert!(keys.find(&never.code, at(4)).is_ok());
        assert_eq!(keys.find(&never.code, at(5)), Err(NotGranted::Unknown));
        let left = ask(&keys, "c", 5).unwrap();
        assert!(matches!(keys.poll(&left.token, at(6)), Polled::Waits));
        assert!(keys.find(&left.code, at(35)).is_ok() && keys.find(&left.code, at(36)).is_err());
        let old = ask(&keys, "d", 40).unwrap();
        for second in (40..640).step_by(10) {
            assert!(matches!(keys.poll(&old.token, at(second)), Polled::Waits), "{second}");
        }
        assert!(matches!(keys.poll(&old.token, at(640)), Polled::Unknown));
    }

    #[test]
    fn whoever_only_fills_the_list_keeps_no_program_out_that_asks_again() {
        let keys = AppKeys::default();
        let flood = |count: usize, seconds: u64| {
            let all = (0..count).map(|n| ask(&keys, &n.to_string(), seconds).unwrap());
            all.reduce(|_, last| last).unwrap()
        };
        let waits = ask(&keys, "Home Assistant", 0).unwrap();
        assert!(matches!(keys.poll(&waits.token, at(0)), Polled::Waits));
        let first = ask(&keys, "flood", 1).unwrap();
        let real = ask(&keys, "OctoPod", 1).unwrap();
        flood(FRESH_MAX - 1, 1);
        assert!(matches!(keys.poll(&first.token, at(2)), Polled::Unknown), "the oldest goes first");
        assert!(matches!(keys.poll(&real.token, at(2)), Polled::Waits));
        flood(FRESH_MAX, 2);
        assert!(matches!(keys.poll(&waits.token, at(2)), Polled::Waits));
        let listed = keys.pending(at(2));
        let apps: Vec<_> = listed.iter().map(|pending| pending.app.as_str()).collect();
        assert_eq!((listed.len(), &apps[..2]), (PENDING_MAX, &["Home Assistant", "OctoPod"][..]));
        assert_eq!(keys.pending(at(7)).len(), 2, "the others are gone soon");
    }

    #[test]
    fn whoever_takes_all_places_and_asks_again_keeps_a_program_out_for_a_minute() {
        let keys = AppKeys::default();
        let poll =
            |asked: &Asked, seconds: u64| matches!(keys.poll(&asked.token, at(seconds)), Polled::Waits);
        let all: Vec<_> = (0..PENDING_MAX).map(|n| ask(&keys, &n.to_string(), 0).unwrap()).collect();
        let late = ask(&keys, "too late", 0).unwrap();
        for second in [1, 29, 57] {
            assert!(all.iter().all(|asked| poll(asked, second)), "{second}");
        }
        assert!(ask(&keys, "OctoPod", 59).is_none(), "each keeps its place for a minute");
        assert!(!poll(&late, 59));
        let real = ask(&keys, "OctoPod", 60).unwrap();
        assert!(all.iter().all(|asked| poll(asked, 60)), "nobody gives way to one that never asks again");
        assert!(poll(&real, 61) && keys.pending(at(61)).len() == PENDING_MAX);
        assert_eq!(all.iter().filter(|asked| poll(asked, 62)).count(), PENDING_MAX - 1);
        let another = ask(&keys, "another", 63).unwrap();
        assert!(poll(&another, 64) && poll(&real, 64), "the newer one keeps its place");
        assert_eq!(grant(&keys, &real, 65), Ok(()));
    }

    #[test]
    fn one_that_finds_no_place_gets_it_when_one_is_free() {
        let keys = AppKeys::default();
        let all: Vec<_> = (0..=PENDING_MAX).map(|n| ask(&keys, &n.to_string(), 0).unwrap()).collect();
        for asked in &all {
            assert!(matches!(keys.poll(&asked.token, at(1)), Polled::Waits));
        }
        assert!(keys.deny(&all[0].code, at(2)));
        let last = all.last().unwrap();
        assert!(matches!(keys.poll(&last.token, at(3)), Polled::Waits));
        assert!(keys.find(&last.code, at(30)).is_ok());
    }

    #[test]
    fn of_two_that_call_themselves_alike_none_is_granted() {
        let keys = AppKeys::default();
        let one = ask(&keys, "Home Assistant", 0).unwrap();
        let other = ask(&keys, "home-assistant ", 1).unwrap();
        assert!(ask(&keys, "OctoPod", 1).is_some());
        let likenesses = ["Cura", "\u{421}ura", "PIug", "Plug", "0h", "oh"];
        let [cura, cyrillic, i, l, zero, o] = likenesses.map(|app| ask(&keys, app, 1).unwrap());
        for asked in [&i, &l, &zero, &o] {
            assert_eq!(keys.find(&asked.code, at(2)), Err(NotGranted::Alike));
        }
        let shown = [&cura, &cyrillic].map(|asked| keys.find(&asked.code, at(2)).unwrap().app);
        assert_eq!(shown, ["Cura", "_ura"], "they are told apart");
        for asked in [&one, &other] {
            assert_eq!(keys.find(&asked.code, at(2)), Err(NotGranted::Alike));
            assert_eq!(grant(&keys, asked, 2), Err(NotGranted::Alike));
        }
        assert!(keys.deny(&other.code, at(2)));
        assert_eq!(grant(&keys, &one, 2), Ok(()));
        let third = ask(&keys, "Home Assistant", 3).unwrap();
        assert!(keys.find(&third.code, at(3)).is_ok(), "the first is decided");
    }

    #[test]
    fn where_nobody_is_set_up_a_program_gets_a_key_that_opens_nothing_at_once() {
        let keys = AppKeys::default();
        let asking = Asking { app: "\u{1b}[1m", is_open: true, ..Asking::default() };
        let asked = keys.ask(asking, at(0), WallTime(0)).unwrap();
        assert!(keys.pending(at(0)).is_empty());
        assert!(
            matches!(keys.poll(&asked.token, at(0)), Polled::Granted(key) if key.expose() == PLACEHOLDER)
        );
    }

    #[test]
    fn a_token_has_one_ticket_and_it_lasts_twelve_hours() {
        let keys = AppKeys::default();
        let who = |n: u8| {
            Arc::new(Who {
                name: "kim".parse().unwrap(),
                printed: "Kim Lee".parse().unwrap(),
                roles: [Role::Operator].into(),
                means: Means::Token(id(n)),
                own_password: true,
            })
        };
        let first = keys.ticket(&who(1), at(0));
        let other = keys.ticket(&who(2), at(0));
        assert_eq!(keys.of_ticket(&first, at(1)), Some(who(1)));
        let second = keys.ticket(&who(1), at(1));
        assert_eq!(keys.of_ticket(&first, at(1)), None, "the newer one takes its place");
        assert_eq!(keys.of_ticket(&second, at(1)), Some(who(1)));
        assert_eq!(keys.of_ticket(&other, at(43_199)), Some(who(2)), "another token's stays");
        assert_eq!(keys.of_ticket(&other, at(43_200)), None);
    }

    #[test]
    fn not_more_than_eight_strangers_have_a_stream() {
        let keys = AppKeys::default();
        let mut held: Vec<_> = (0..STRANGERS_MAX).map(|_| keys.as_stranger().unwrap()).collect();
        assert!(keys.as_stranger().is_none());
        held.pop();
        assert!(keys.as_stranger().is_some());
    }

    #[test]
    fn what_a_program_calls_itself_is_kept_to_plain_characters() {
        for (given, kept) in [
            ("OctoPod for iOS", "OctoPod for iOS"),
            (" <b>Jane</b>\n", "_b_Jane__b_"),
            ("Müller_2.0-x", "M_ller_2.0-x"),
            ("\u{421}ura", "_ura"),
            ("Cura\u{200b}", "Cura_"),
            ("\u{7}{}", "___"),
        ] {
            assert_eq!(plain(given), kept, "{given:?}");
            assert!(kept.parse::<crate::domain::people::Label>().is_ok(), "it is a label: {kept}");
        }
        let keys = AppKeys::default();
        ask(&keys, "\u{421}\u{443}\u{440}\u{430}", 0).unwrap();
        assert_eq!(keys.pending(at(0))[0].app, "a program", "nothing of it can be read");
        assert_eq!(plain(&"x".repeat(99)).len(), NAME_MAX);
    }
}
