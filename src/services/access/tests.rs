//! The door, tried from outside: who gets in, who does not, and what they are told.

use super::*;
use crate::domain::ids::FileHash;
use crate::domain::moment::WallTime;
use crate::domain::people::signing::Meaning;
use crate::domain::people::whence::Machine;
use crate::domain::people::{By, Fact, Request};
use crate::io::credentials::FILE;
use crate::io::digest::{self as digest_io, Algorithm, Count};
use nix::sys::resource::{UsageWho, getrusage};
use tempfile::TempDir;

const QUICK: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };
const ADA: &str = "notes on the engine";
const KIM: &str = "a cat on the bed";

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn at(seconds: u64) -> Moment {
    Moment(seconds * 1_000_000)
}

struct House {
    folder: TempDir,
    access: Access,
    people: People,
}

impl House {
    /// `ada` is admin, set up at the machine; `kim` operates and signs in with a password of her own.
    fn new() -> Self {
        Self::at_costs(QUICK)
    }

    fn at_costs(costs: Costs) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set_up = SetUp { name: name("ada"), printed: "Ada Lovelace".parse().unwrap() };
        let hash = PasswordHash::of(&secret(ADA), costs).unwrap();
        let file = CredentialsFile::set_up(&folder.path().join(FILE), set_up, hash).unwrap();
        let mut house = Self { folder, access: Access::of(file, costs), people: People::default() };
        let SetUp { name: ada, printed } = house.access.to_adopt().unwrap();
        for fact in house.people.adopt(&ada, &printed).unwrap() {
            house.people.apply(&fact, WallTime(1));
        }
        house.access.adopted().unwrap();
        let roles = BTreeSet::from([Role::Operator, Role::Releaser]);
        let printed = "Kim Lee".parse().unwrap();
        house.grant(&Request::AddUser { name: name("kim"), printed, roles, by: by("ada") });
        house.give("kim", KIM, "kim");
        house
    }

    fn grant(&mut self, request: &Request) -> Vec<Fact> {
        let facts = self.people.judge(request).unwrap();
        for fact in &facts {
            self.people.apply(fact, WallTime(2));
        }
        facts
    }

    fn give(&mut self, user: &str, password: &str, who: &str) {
        let printed = self.people.users[&name(user)].printed.clone();
        let hash = self.access.prepare_password(&name(user), &printed, &secret(password)).unwrap();
        self.grant(&Request::NotePassword { name: name(user), by: by(who) });
        self.access.give_password(&name(user), hash).unwrap();
    }

    fn sign_in(&self, user: &str, password: &str, second: u64) -> Result<SignedIn, NotLetIn> {
        self.access.sign_in(&self.people, user, &secret(password), Whence::Here, at(second))
    }

    fn by_cookie(&self, session: &Secret, second: u64) -> Result<Who, NotAuthenticated> {
        let cookie = format!("theme=dark; {COOKIE}={}; x", session.expose());
        let given = Presented { cookie: Some(&cookie), ..Presented::default() };
        self.access.authenticate(&self.people, given, at(second))
    }

    fn by_token(&self, token: &str) -> Result<Who, NotAuthenticated> {
        let header = format!("Bearer {token}");
        let given = Presented { authorization: Some(&header), ..Presented::default() };
        self.access.authenticate(&self.people, given, at(0))
    }

    fn token(&mut self, owner: &str, roles: &[Role]) -> NewToken {
        let token = self.access.make_token(&name(owner), ByDigest::No).unwrap();
        let (id, label) = (token.id.clone(), "scanner".parse().unwrap());
        let roles = roles.iter().copied().collect();
        self.grant(&Request::IssueToken { name: name(owner), token: id, label, roles, by: by(owner) });
        token
    }
}

fn by(person: &str) -> By {
    By::Person(name(person))
}

fn signing(by: &str, n: u8) -> Signing {
    let sha256 = FileHash::from_digest([n; 32]);
    Signing { signer: name(by), meaning: Meaning::Released, subject: "part/1".parse().unwrap(), sha256 }
}

#[test]
fn a_password_opens_a_session_and_the_session_says_who_it_is() {
    let house = House::new();
    let SignedIn { who, session } = house.sign_in(" KIM ", KIM, 0).unwrap();
    assert_eq!((who.name.as_str(), who.printed.as_str(), who.own_password), ("kim", "Kim Lee", true));
    assert_eq!(house.by_cookie(&session, 60), Ok(who.clone()));
    assert!(who.may(Permission::ClearBed).is_ok() && who.may(Permission::ManageUsers).is_err());
    house.access.sign_out(&who);
    assert_eq!(house.by_cookie(&session, 61), Err(NotAuthenticated::Session(Ended::Unknown)));
}

#[test]
fn a_session_ends_after_half_an_hour_of_nothing_and_after_twelve_hours() {
    let house = House::new();
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    assert_eq!(house.by_cookie(&session, 1800), Err(Ended::Idle.into()));
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    for second in (0..43_200).step_by(1000) {
        assert!(house.by_cookie(&session, second).is_ok());
    }
    assert_eq!(house.by_cookie(&session, 43_200), Err(Ended::Old.into()));
}

#[test]
fn a_wrong_password_and_a_name_that_nobody_has_are_told_alike_and_lock_alike() {
    let house = House::new();
    for user in ["kim", "nemo", "no such\nname"] {
        let told: Vec<_> =
            (0..7).map(|second| house.sign_in(user, "a wrong password", second).unwrap_err()).collect();
        let words: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert!(
            words[..5].iter().all(|words| words.starts_with("the name or the password is wrong")),
            "{words:?}"
        );
        assert_eq!(words[5], "too many wrong passwords: wait 59 s, then try again");
        assert_eq!(words[6], "too many wrong passwords: wait 58 s, then try again");
        let locked: Vec<_> =
            told.iter().map(|told| matches!(told, NotLetIn::Wrong { locked: Some(_) })).collect();
        assert_eq!(
            locked[..5],
            [false, false, false, false, user == "kim"],
            "the journal hears of users only"
        );
    }
    assert!(matches!(house.sign_in("kim", KIM, 63), Err(NotLetIn::Locked(_))), "the right one does not help");
    assert!(house.sign_in("kim", KIM, 64).is_ok());
    assert!(house.sign_in("ada", ADA, 5).is_ok(), "nobody else is locked out");
}

#[test]
fn an_admin_can_end_a_lock() {
    let house = House::new();
    while !matches!(house.sign_in("kim", "a wrong password", 0), Err(NotLetIn::Locked(_))) {}
    house.access.unlock(&name("kim"));
    assert!(house.sign_in("kim", KIM, 0).is_ok());
}

#[test]
fn a_name_that_nobody_has_takes_as_long_as_a_wrong_password() {
    // Enough that the hash is nearly all of it.
    let house = House::at_costs(Costs { memory_kib: 8192, passes: 2, lanes: 1 });
    // The processor's time of this thread: what others do on this machine does not count.
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let micros =
            [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
        micros[0] + micros[1]
    };
    let least = |user: &str| {
        let took = (0..4).map(|_| {
            let began = used();
            let _ = house.sign_in(user, "a wrong password", 0).unwrap_err();
            used() - began
        });
        took.min().unwrap_or(0)
    };
    let (known, unknown) = (least("kim"), least("nemo"));
    assert!(known > 0 && unknown > known / 4 && known > unknown / 4, "{known} and {unknown} µs");
}

#[test]
fn a_token_lets_in_with_its_roles_as_long_as_its_owner_has_them() {
    let mut house = House::new();
    let token = house.token("kim", &[Role::Operator]);
    let text = token.shown.expose().to_owned();
    let who = house.by_token(&text).unwrap();
    assert_eq!(who.means, Means::Token(token.id.clone()));
    assert!(who.may(Permission::ClearBed).is_ok());
    assert!(who.may(Permission::ExportRegistry).is_err(), "a role that the token was not issued for");
    let roles = BTreeSet::from([Role::Releaser]);
    house.grant(&Request::ChangeRoles { name: name("kim"), roles, by: by("ada") });
    assert!(house.by_token(&text).unwrap().may(Permission::ClearBed).is_err());
}

#[test]
fn a_token_lets_nobody_in_unless_journal_and_file_both_have_it() {
    let mut house = House::new();
    let unknown = house.access.make_token(&name("kim"), ByDigest::No).unwrap();
    assert_eq!(house.by_token(unknown.shown.expose()), Err(NotAuthenticated::Token));
    let token = house.token("kim", &[Role::Operator]);
    assert!(house.by_token(token.shown.expose()).is_ok());
    let forged = format!("platen_{}_{}", token.id, "0".repeat(64));
    assert_eq!(house.by_token(&forged), Err(NotAuthenticated::Token));
    let before = house.people.clone();
    house.grant(&Request::RevokeToken { name: name("kim"), token: token.id.clone(), by: by("ada") });
    assert_eq!(house.by_token(token.shown.expose()), Err(NotAuthenticated::Token), "at once");
    house.access.drop_token(&name("kim"), &token.id).unwrap();
    house.people = before;
    assert_eq!(house.by_token(token.shown.expose()), Err(NotAuthenticated::Token));
}

#[test]
fn who_is_disabled_is_out_at_once_by_every_way() {
    let mut house = House::new();
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    let token = house.token("kim", &[Role::Operator]);
    house.grant(&Request::Disable { name: name("kim"), by: by("ada") });
    assert_eq!(house.by_cookie(&session, 1), Err(Ended::Unknown.into()));
    assert_eq!(house.by_token(token.shown.expose()), Err(NotAuthenticated::Token));
    assert!(matches!(house.sign_in("kim", KIM, 1), Err(NotLetIn::Wrong { .. })));
    house.access.forget(&name("kim")).unwrap();
    house.grant(&Request::Enable { name: name("kim"), by: by("ada") });
    assert!(matches!(house.sign_in("kim", KIM, 2), Err(NotLetIn::Wrong { .. })), "the old password is gone");
    house.give("kim", "a new one by ada", "ada");
    let who = house.sign_in("kim", "a new one by ada", 3).unwrap().who;
    assert!(matches!(who.may(Permission::ClearBed), Err(Forbidden::PasswordOfAnother { .. })));
}

#[test]
fn what_is_no_token_and_no_session_is_told_with_what_to_send() {
    let mut house = House::new();
    let token = house.token("kim", &[Role::Operator]);
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    let (token, session) = (token.shown.expose(), session.expose());
    let cookie = |value: &str| Some(format!("{COOKIE}={value}"));
    let header = |text: &str| Some(text.to_owned());
    let twice = Some(format!("{COOKIE}={session}; {COOKIE}={session}"));
    let table = [
        (None, None, Err(NotAuthenticated::Nobody)),
        (None, Some(String::new()), Err(NotAuthenticated::Nobody)),
        (None, cookie(""), Err(NotAuthenticated::Nobody)),
        (None, Some("theme=dark".into()), Err(NotAuthenticated::Nobody)),
        (None, cookie(session), Ok("kim")),
        (None, cookie(token), Err(Ended::Unknown.into())),
        (None, cookie("x"), Err(Ended::Unknown.into())),
        (None, twice, Err(NotAuthenticated::Twice)),
        (header(&format!("Bearer {token}")), cookie(session), Err(NotAuthenticated::Both)),
        (header(&format!("bearer  {token} ")), None, Ok("kim")),
        (header(&format!("Bearer {session}")), None, Err(NotAuthenticated::Token)),
        (header(token), None, Err(NotAuthenticated::Unreadable)),
        (header("Basic a2ltOmEgY2F0"), None, Err(NotAuthenticated::Unreadable)),
        (header("Bearer x"), None, Err(NotAuthenticated::Unreadable)),
    ];
    for (authorization, cookie, wanted) in table {
        let given = Presented {
            authorization: authorization.as_deref(),
            cookie: cookie.as_deref(),
            ..Presented::default()
        };
        let told = house.access.authenticate(&house.people, given, at(1));
        assert_eq!(told.as_ref().map(|who| who.name.as_str()), wanted.as_ref().copied(), "{given:?}");
    }
    assert_eq!(
        NotAuthenticated::Nobody.to_string(),
        "nobody is signed in here; sign in, or send `Authorization: Bearer` with an API token"
    );
}

#[test]
fn a_signature_needs_the_password_again_the_right_to_sign_and_serves_once_for_one_hash() {
    let house = House::new();
    let kim = house.sign_in("kim", KIM, 0).unwrap().who;
    let confirm = |who: &Who, password: &str, signing: Signing, second: u64| {
        house.access.confirm(&house.people, who, &secret(password), signing, at(second))
    };
    assert!(matches!(confirm(&kim, "a wrong password", signing("kim", 1), 1), Err(NotLetIn::Wrong { .. })));
    let id = confirm(&kim, KIM, signing("kim", 1), 1).unwrap();
    let take = |id: &TokenId, n: u8| house.access.take_confirmation(id, &signing("kim", n), at(2));
    assert_eq!(take(&id, 1), Ok(()));
    assert_eq!(take(&id, 1), Err(NotConfirmed::Unknown));
    let id = confirm(&kim, KIM, signing("kim", 1), 1).unwrap();
    assert_eq!(take(&id, 2), Err(NotConfirmed::Other));
    assert!(matches!(confirm(&kim, KIM, signing("ada", 1), 1), Err(NotLetIn::NotSigner(_))));
    let ada = house.sign_in("ada", ADA, 0).unwrap().who;
    assert!(matches!(
        confirm(&ada, ADA, signing("ada", 1), 1),
        Err(NotLetIn::Forbidden(Forbidden::Role { .. }))
    ));
    let approving = Signing { meaning: Meaning::Approved, ..signing("kim", 1) };
    assert!(confirm(&kim, KIM, approving, 1).is_ok(), "a releaser approves designs as well");
}

#[test]
fn wrong_passwords_at_signing_lock_as_those_at_the_door_do() {
    let house = House::new();
    let kim = house.sign_in("kim", KIM, 0).unwrap().who;
    for _ in 0..5 {
        let wrong =
            house.access.confirm(&house.people, &kim, &secret("a wrong one"), signing("kim", 1), at(1));
        assert!(matches!(wrong, Err(NotLetIn::Wrong { .. })));
    }
    let right = house.access.confirm(&house.people, &kim, &secret(KIM), signing("kim", 1), at(2));
    assert!(matches!(right, Err(NotLetIn::Locked(_))));
    assert!(matches!(house.sign_in("kim", KIM, 2), Err(NotLetIn::Locked(_))));
}

#[test]
fn a_new_password_ends_all_other_sessions_and_takes_the_old_one() {
    let house = House::new();
    let other = house.sign_in("kim", KIM, 0).unwrap().session;
    let SignedIn { who, session } = house.sign_in("kim", KIM, 0).unwrap();
    let id = house.access.confirm(&house.people, &who, &secret(KIM), signing("kim", 1), at(1)).unwrap();
    let change = |old: &str, new: &str| {
        house.access.change_password(&house.people, &who, &secret(old), &secret(new), at(1))
    };
    assert!(matches!(change("a wrong password", "a dog on the bed"), Err(NotLetIn::Wrong { .. })));
    assert!(matches!(change(KIM, "kim"), Err(NotLetIn::Rule(PasswordRule::Short))));
    assert!(matches!(change(KIM, "kimkimkimkim"), Err(NotLetIn::Rule(PasswordRule::Name))));
    assert!(matches!(change(KIM, KIM), Err(NotLetIn::SamePassword)));
    change(KIM, "a dog on the bed").unwrap();
    assert!(house.by_cookie(&session, 2).is_ok());
    assert_eq!(house.by_cookie(&other, 2), Err(Ended::Unknown.into()));
    let taken = house.access.take_confirmation(&id, &signing("kim", 1), at(2));
    assert_eq!(taken, Err(NotConfirmed::Unknown));
    assert!(matches!(house.sign_in("kim", KIM, 3), Err(NotLetIn::Wrong { .. })));
    assert!(house.sign_in("kim", "a dog on the bed", 3).is_ok());
}

#[test]
fn a_token_changes_no_password() {
    let mut house = House::new();
    let token = house.token("kim", &[Role::Operator, Role::Releaser]);
    let who = house.by_token(token.shown.expose()).unwrap();
    let told =
        house.access.change_password(&house.people, &who, &secret(KIM), &secret("a dog on the bed"), at(1));
    assert!(matches!(told, Err(NotLetIn::Forbidden(Forbidden::Token { .. }))));
}

#[test]
fn what_was_decided_outlives_a_restart_and_sessions_do_not() {
    let mut house = House::new();
    let token = house.token("kim", &[Role::Operator]);
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    house.access = Access::of(CredentialsFile::load(&house.folder.path().join(FILE)).unwrap(), QUICK);
    assert!(house.by_token(token.shown.expose()).is_ok());
    assert!(house.by_cookie(&session, 1).is_err());
    assert!(house.sign_in("kim", KIM, 1).is_ok());
    assert_eq!(house.access.to_adopt(), None);
}

#[test]
fn what_a_crash_left_in_the_file_is_taken_out_of_it_and_whom_the_journal_does_not_know_stays() {
    let mut house = House::new();
    let kept = house.token("kim", &[Role::Operator]);
    let cut = house.access.make_token(&name("kim"), ByDigest::No).unwrap();
    let reload = |house: &House| CredentialsFile::load(&house.folder.path().join(FILE)).unwrap();
    house.access.reconcile(&People::default()).unwrap();
    assert!(reload(&house).token(&cut.id).is_some() && reload(&house).names().len() == 2);
    house.access.reconcile(&house.people).unwrap();
    assert!(reload(&house).token(&cut.id).is_none() && reload(&house).token(&kept.id).is_some());
    house.grant(&Request::Disable { name: name("kim"), by: by("ada") });
    house.access.reconcile(&house.people).unwrap();
    assert_eq!(reload(&house).names(), BTreeSet::from([name("ada")]));
    assert!(house.sign_in("ada", ADA, 1).is_ok());
}

#[test]
fn a_password_of_which_the_journal_does_not_know_lets_nobody_in() {
    let mut house = House::new();
    house.grant(&Request::Disable { name: name("kim"), by: by("ada") });
    house.grant(&Request::Enable { name: name("kim"), by: by("ada") });
    assert!(matches!(house.sign_in("kim", KIM, 1), Err(NotLetIn::Wrong { .. })), "its hash is still there");
}

#[test]
fn a_session_lasts_until_it_ends_and_a_token_until_it_is_revoked() {
    let mut house = House::new();
    let of_session = house.sign_in("kim", KIM, 0).unwrap().who;
    let token = house.token("kim", &[Role::Operator]);
    let of_token = house.by_token(token.shown.expose()).unwrap();
    let lasts = |house: &House, who: &Who, second: u64| house.access.lasts(&house.people, who, at(second));
    assert!(lasts(&house, &of_session, 1799) && !lasts(&house, &of_session, 1800));
    assert!(lasts(&house, &of_token, 100_000));
    house.grant(&Request::RevokeToken { name: name("kim"), token: token.id, by: by("kim") });
    assert!(!lasts(&house, &of_token, 1) && lasts(&house, &of_session, 1));
    house.grant(&Request::Disable { name: name("kim"), by: by("ada") });
    assert!(!lasts(&house, &of_session, 1));
}

#[test]
fn what_goes_on_with_a_token_does_not_last_once_an_admin_has_given_its_owner_a_password() {
    let mut house = House::new();
    let token = house.token("kim", &[Role::Operator]);
    let before = house.by_token(token.shown.expose()).unwrap();
    let lasts = |house: &House, who: &Who| house.access.lasts(&house.people, who, at(1));
    assert!(before.own_password && lasts(&house, &before));
    house.give("kim", "a dog on the chair", "ada");
    assert!(!lasts(&house, &before), "it was let in to more than its owner may now");
    let bound = house.by_token(token.shown.expose()).unwrap();
    assert!(!bound.own_password && lasts(&house, &bound));
    house.give("kim", KIM, "kim");
    assert!(lasts(&house, &before));
}

#[test]
fn a_hash_of_other_costs_is_made_anew_when_its_password_is_next_given() {
    let mut house = House::new();
    let dear = Costs { memory_kib: 16, passes: 2, lanes: 1 };
    let path = house.folder.path().join(FILE);
    house.access = Access::of(CredentialsFile::load(&path).unwrap(), dear);
    let costs = || CredentialsFile::load(&path).unwrap().password(&name("kim")).unwrap().costs();
    assert!(house.sign_in("kim", "a wrong password", 0).is_err());
    assert_eq!(costs(), QUICK);
    assert!(house.sign_in("kim", KIM, 0).is_ok());
    assert_eq!(costs(), dear);
    assert!(house.sign_in("kim", KIM, 1).is_ok());
}

#[test]
fn few_passwords_are_looked_at_at_once_and_the_others_are_told_to_wait() {
    let turn = Turn::default();
    turn.waiting.store(WAITING_MAX, Ordering::Relaxed);
    assert!(matches!(turn.take(|| ()), Err(NotLetIn::Busy)));
    turn.waiting.store(WAITING_MAX - 1, Ordering::Relaxed);
    assert!(turn.take(|| ()).is_ok());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turn.take(|| panic!("x"))));
    assert!(panicked.is_err());
    assert_eq!(turn.waiting.load(Ordering::Relaxed), WAITING_MAX - 1, "nobody waits for ever");
    assert!(turn.take(|| ()).is_ok());
}

#[test]
fn a_cookie_is_for_this_site_and_for_no_script() {
    let session = secret("platen_x_y");
    assert_eq!(
        set_cookie(&session, false).expose(),
        "platen_session=platen_x_y; Path=/; HttpOnly; SameSite=Strict"
    );
    assert_eq!(
        set_cookie(&session, true).expose(),
        "__Host-platen_session=platen_x_y; Path=/; HttpOnly; SameSite=Strict; Secure"
    );
    assert!(
        clear_cookie(false).starts_with("platen_session=; ") && clear_cookie(false).contains("Max-Age=0")
    );
    // A browser takes no cookie of that name back that is not `Secure`.
    let secure = clear_cookie(true);
    assert!(secure.starts_with("__Host-platen_session=; ") && secure.contains("; Secure"), "{secure}");
}

#[test]
fn nothing_of_the_door_shows_a_secret_in_a_debug_text() {
    let house = House::new();
    let signed_in = house.sign_in("kim", KIM, 0).unwrap();
    let shown = format!("{:?} {:?} {:?}", house.access, signed_in, house.sign_in("kim", "hunter2hunter2", 0));
    let random = signed_in.session.expose().rsplit('_').next().unwrap();
    assert!(!shown.contains(random) && !shown.contains(KIM) && !shown.contains("hunter2"), "{shown}");
}

/// What a program sends that knows the token.
struct Sent<'s> {
    user: &'s str,
    nc: u32,
    uri: &'s str,
    algorithm: Algorithm,
}

const GET: Requested<'_> = Requested { method: "GET", uri: "/p/mk3/api/version?a=b", lasting: false };
const SENT: Sent<'_> = Sent { user: "maker", nc: 1, uri: GET.uri, algorithm: Algorithm::Md5 };

impl House {
    fn digest_token(&mut self, owner: &str) -> NewToken {
        let token = self.access.make_token(&name(owner), ByDigest::Also).unwrap();
        let (id, label) = (token.id.clone(), "home assistant".parse().unwrap());
        let roles = [Role::Operator].into();
        self.grant(&Request::IssueToken { name: name(owner), token: id, label, roles, by: by(owner) });
        token
    }

    fn digest(&self, token: &NewToken, nonce: &str, sent: &Sent<'_>) -> String {
        let Sent { user, nc, uri, algorithm } = sent;
        let (nc, word) = (format!("{nc:08x}"), algorithm.word());
        let ha1 = algorithm.of_name(user, REALM, &token.shown);
        let count = Some(Count { nc: &nc, cnonce: "c" });
        let asked = digest_io::Response { algorithm: *algorithm, nonce, count, method: GET.method, uri };
        format!(
            "Digest username=\"{user}\", realm=\"platen\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={word}, \
             qop=auth, nc={nc}, cnonce=\"c\", response=\"{}\"",
            asked.by(&ha1)
        )
    }

    fn by_digest(&self, header: &str, asked: Requested<'_>, second: u64) -> Result<Who, NotAuthenticated> {
        let given = Presented { authorization: Some(header), digest_of: Some(asked), ..Presented::default() };
        self.access.authenticate(&self.people, given, at(second))
    }
}

#[test]
fn a_digest_of_a_token_lets_in_as_the_token_does_in_its_owners_name_and_in_makers() {
    let mut house = House::new();
    house.token("kim", &[Role::Operator]);
    let token = house.digest_token("kim");
    let whole = house.by_token(token.shown.expose()).unwrap();
    for user in ["kim", "maker"] {
        for algorithm in Algorithm::ALL {
            let nonce = house.access.nonce(at(0));
            let header = house.digest(&token, &nonce, &Sent { user, algorithm, ..SENT });
            assert_eq!(house.by_digest(&header, GET, 1), Ok(whole.clone()), "{user} {algorithm:?}");
        }
    }
}

#[test]
fn a_digest_opens_one_request_once_and_an_old_one_is_asked_for_anew() {
    let mut house = House::new();
    let token = house.digest_token("kim");
    let nonce = house.access.nonce(at(0));
    let first = house.digest(&token, &nonce, &SENT);
    assert!(house.by_digest(&first, GET, 1).is_ok());
    assert_eq!(house.by_digest(&first, GET, 2), Err(NotAuthenticated::Stale), "it is sent again");
    let second = house.digest(&token, &nonce, &Sent { nc: 2, ..SENT });
    assert!(house.by_digest(&second, GET, 300).is_ok());
    let third = house.digest(&token, &nonce, &Sent { nc: 3, ..SENT });
    assert_eq!(house.by_digest(&third, GET, 301), Err(NotAuthenticated::Stale), "it is old");
    let foreign = house.digest(&token, "dcd98b7102dd2f0e8b11d0f600bfb0c093", &SENT);
    assert_eq!(house.by_digest(&foreign, GET, 1), Err(NotAuthenticated::Stale), "the nonce is not ours");
    let fresh = house.digest(&token, &house.access.nonce(at(301)), &SENT);
    for other in [
        Requested { method: "DELETE", ..GET },
        Requested { uri: "/p/mk3/api/version", ..GET },
        Requested { uri: "/p/mk4/api/version?a=b", ..GET },
    ] {
        assert_eq!(house.by_digest(&fresh, other, 302), Err(NotAuthenticated::Digest), "{other:?}");
    }
    let elsewhere = Presented { authorization: Some(&fresh), ..Presented::default() };
    let told = house.access.authenticate(&house.people, elsewhere, at(302));
    assert_eq!(told, Err(NotAuthenticated::Unreadable), "the native paths take none");
    assert!(house.by_digest(&fresh, GET, 302).is_ok(), "none of these has used it up");
}

#[test]
fn a_nonce_that_is_old_or_not_ours_is_told_before_the_secret_is_looked_at_and_a_wrong_secret_uses_up_none() {
    let mut house = House::new();
    let token = house.digest_token("kim");
    let nonce = house.access.nonce(at(0));
    let wrong = |nonce: &str| house.digest(&token, nonce, &SENT).replace("response=\"", "response=\"0");
    assert_eq!(house.by_digest(&wrong("n"), GET, 1), Err(NotAuthenticated::Stale));
    assert_eq!(house.by_digest(&wrong(&nonce), GET, 301), Err(NotAuthenticated::Stale));
    for _ in 0..3 {
        assert_eq!(house.by_digest(&wrong(&nonce), GET, 1), Err(NotAuthenticated::Digest));
    }
    assert!(house.by_digest(&house.digest(&token, &nonce, &SENT), GET, 1).is_ok());
}

#[test]
fn who_is_nobody_any_more_shows_a_digest_in_vain() {
    let mut house = House::new();
    let (token, plain) = (house.digest_token("kim"), house.token("kim", &[Role::Operator]));
    let nonce = house.access.nonce(at(0));
    let wrong = Err(NotAuthenticated::Digest);
    assert_eq!(
        house.by_digest(&house.digest(&plain, &nonce, &SENT), GET, 1),
        wrong,
        "it was not issued for it"
    );
    for user in ["ada", "KIM", "nemo", ""] {
        assert_eq!(
            house.by_digest(&house.digest(&token, &nonce, &Sent { user, ..SENT }), GET, 1),
            wrong,
            "{user}"
        );
    }
    let right = house.digest(&token, &nonce, &SENT);
    for (from, to) in
        [("response=\"", "response=\"0"), ("realm=\"platen\"", "realm=\"else\""), ("MD5", "SHA-256")]
    {
        assert_eq!(house.by_digest(&right.replace(from, to), GET, 1), wrong, "{to}");
    }
    for cut in ["Digest ", "Digest username=\"maker\"", "Digest ,,,=", "Digest"] {
        assert!(house.by_digest(cut, GET, 1).is_err(), "{cut}");
    }
    assert!(house.by_digest(&right, GET, 1).is_ok());

    let file = CredentialsFile::load(&house.folder.path().join(FILE)).unwrap();
    let kept: Vec<_> =
        file.tokens().filter(|kept| kept.digest.is_some()).map(|kept| kept.id.clone()).collect();
    assert_eq!(kept, std::slice::from_ref(&token.id), "of the other one nothing is kept but its hash");

    let other = house.digest_token("kim");
    house.grant(&Request::RevokeToken { name: name("kim"), token: token.id.clone(), by: by("kim") });
    let second = house.digest(&token, &nonce, &Sent { nc: 2, ..SENT });
    assert_eq!(house.by_digest(&second, GET, 1), wrong, "the journal has it that it is revoked");
    house.access.drop_token(&name("kim"), &token.id).unwrap();
    assert_eq!(house.by_digest(&second, GET, 1), wrong);
    let text = std::fs::read_to_string(house.folder.path().join(FILE)).unwrap();
    assert!(!text.contains(token.id.as_str()), "nothing is left of it");

    let theirs = house.digest(&other, &nonce, &Sent { nc: 3, ..SENT });
    assert!(house.by_digest(&theirs, GET, 1).is_ok());
    house.grant(&Request::Disable { name: name("kim"), by: by("ada") });
    let theirs = house.digest(&other, &nonce, &Sent { nc: 4, ..SENT });
    assert_eq!(house.by_digest(&theirs, GET, 1), wrong, "kim is disabled");
}

#[test]
fn over_tls_only_the_cookie_counts_that_no_neighbour_can_set() {
    let house = House::new();
    let session = house.sign_in("kim", KIM, 0).unwrap().session;
    let by = |name: &str, secure: bool| {
        let cookie = format!("{name}={}", session.expose());
        let given = Presented { cookie: Some(&cookie), secure, ..Presented::default() };
        house.access.authenticate(&house.people, given, at(1)).map(|who| who.name.to_string())
    };
    assert_eq!(by(SECURE_COOKIE, true), Ok("kim".to_owned()));
    assert_eq!(by(COOKIE, false), Ok("kim".to_owned()));
    assert_eq!(by(COOKIE, true), Err(NotAuthenticated::Nobody));
    assert_eq!(by(SECURE_COOKIE, false), Err(NotAuthenticated::Nobody));
}

#[test]
fn an_address_that_sends_wrong_keys_is_not_heard_for_a_while_and_this_machine_always() {
    let house = House::new();
    let wrong = format!("Bearer {}", NewToken::make().unwrap().shown.expose());
    let by = |whence: Whence, second: u64| {
        let given = Presented { authorization: Some(&wrong), whence, ..Presented::default() };
        house.access.authenticate(&house.people, given, at(second)).unwrap_err()
    };
    let afar = Whence::Afar(Machine([7; 16]));
    let told: Vec<_> = (0..400).map(|_| by(afar, 0)).collect();
    let heard = told.iter().filter(|told| **told == NotAuthenticated::Token).count();
    assert_eq!(heard, lockout::KEYS_FROM_AFAR.tries);
    assert!(matches!(told.last(), Some(NotAuthenticated::TooMany(_))));
    assert_eq!(by(Whence::Afar(Machine([8; 16])), 0), NotAuthenticated::Token);
    assert!((0..400).all(|_| by(Whence::Here, 0) == NotAuthenticated::Token));
    assert_eq!(by(afar, 60), NotAuthenticated::Token);
}

#[test]
fn who_is_locked_out_from_elsewhere_signs_in_at_the_machine() {
    let house = House::new();
    let afar = |n: u8| Whence::Afar(Machine([n; 16]));
    let from = |whence: Whence, password: &str| {
        house.access.sign_in(&house.people, "ada", &secret(password), whence, at(0))
    };
    for n in 0..6 {
        assert!(from(afar(n), "a wrong password").is_err());
    }
    assert!(matches!(from(afar(9), ADA), Err(NotLetIn::Locked(_))));
    assert!(from(Whence::Here, ADA).is_ok());
}

/// All of ours, without their tests.
fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        if path.is_dir() {
            sources(&path, all);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            all.push((name, text.split("#[cfg(test)]").next().unwrap().to_owned()));
        }
    }
}

#[test]
fn wherever_a_secret_is_held_against_another_it_is_so_in_constant_time() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 200, "only {} are read", all.len());
    // Passwords and tokens, digests, and what a browser brings back from the site's sign-in.
    let mut held: Vec<&str> =
        all.iter().filter(|(_, text)| text.contains(".ct_eq(")).map(|(name, _)| name.as_str()).collect();
    held.sort_unstable();
    let wanted =
        ["src/io/secret.rs", "src/services/access.rs", "src/services/oidc.rs", "src/services/oidc/token.rs"];
    assert_eq!(held, wanted);
    let lines = all.iter().flat_map(|(name, text)| text.lines().map(move |line| (name, line.trim())));
    let compared = lines.filter(|(_, line)| {
        let is_secret = line.contains("expose()") || line.contains("TokenHash(") || line.contains("ha1");
        is_secret && (line.contains(" == ") || line.contains(" != ")) && !line.starts_with("//")
    });
    // Both are of one person, who has just shown that the first one is theirs, or who types one twice.
    let known = [
        "old.expose() == new.expose()",
        "password.expose() != again.expose()",
        "expose() != password.expose()",
    ];
    for (name, line) in compared {
        assert!(known.iter().any(|known| line.contains(known)), "{name}: {line}");
    }
}
