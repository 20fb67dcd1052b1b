//! The rules of users, each tried: what is granted, and what is refused with which words.

use super::*;
use proptest::prelude::*;

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn by(person: &str) -> By {
    By::Person(name(person))
}

fn set(roles: &[Role]) -> BTreeSet<Role> {
    roles.iter().copied().collect()
}

fn token(n: u8) -> TokenId {
    TokenId::from_entropy([n; 16])
}

fn add(who: &str, roles: &[Role], by: By) -> Request {
    Request::AddUser {
        name: name(who),
        printed: format!("{who} in full").parse().unwrap(),
        roles: set(roles),
        by,
    }
}

fn change(who: &str, roles: &[Role], by: By) -> Request {
    Request::ChangeRoles { name: name(who), roles: set(roles), by }
}

fn issue(who: &str, n: u8, roles: &[Role], by: By) -> Request {
    Request::IssueToken {
        name: name(who),
        token: token(n),
        label: "scanner".parse().unwrap(),
        roles: set(roles),
        by,
    }
}

fn revoke(who: &str, n: u8, by: By) -> Request {
    Request::RevokeToken { name: name(who), token: token(n), by }
}

fn disable(who: &str, by: By) -> Request {
    Request::Disable { name: name(who), by }
}

fn enable(who: &str, by: By) -> Request {
    Request::Enable { name: name(who), by }
}

fn grant(people: &mut People, request: &Request) {
    for fact in people.judge(request).unwrap_or_else(|refusal| panic!("{request:?}: {refusal}")) {
        people.apply(&fact, WallTime(1));
    }
}

/// `ada` and `adi` are admins, `kim` designs and operates, `old` was disabled.
fn lab() -> People {
    let mut people = People::default();
    for request in [
        add("ada", &[Role::Admin], By::Setup),
        add("adi", &[Role::Admin, Role::Releaser], by("ada")),
        add("kim", &[Role::Designer, Role::Operator], by("ada")),
        add("old", &[Role::Admin], by("ada")),
        disable("old", by("adi")),
    ] {
        grant(&mut people, &request);
    }
    people
}

#[test]
fn every_forbidden_change_is_refused_with_its_reason() {
    let mut alone = lab();
    grant(&mut alone, &disable("adi", by("ada")));
    let mut full = lab();
    for n in 0..8 {
        grant(&mut full, &issue("kim", n, &[Role::Operator], by("kim")));
    }
    let table: Vec<(&People, Request, Refusal)> = vec![
        (&full, add("new", &[Role::Operator], by("kim")), Refusal::NotAdmin(name("kim"))),
        (&full, add("new", &[Role::Operator], by("old")), Refusal::NotAdmin(name("old"))),
        (&full, add("new", &[Role::Operator], by("nemo")), Refusal::NoUser(name("nemo"))),
        (&full, add("KIM", &[Role::Operator], by("ada")), Refusal::UserExists(name("KIM"))),
        (&full, add("OLD", &[Role::Operator], by("ada")), Refusal::UserExists(name("OLD"))),
        (&full, add("new", &[], by("ada")), Refusal::NoRoles),
        (&full, change("ada", &[Role::Admin, Role::Releaser], by("ada")), Refusal::OwnRoles(name("ada"))),
        (&full, change("kim", &[Role::Admin], by("kim")), Refusal::NotAdmin(name("kim"))),
        (&full, change("kim", &[], by("ada")), Refusal::NoRoles),
        (&full, change("kim", &[Role::Operator, Role::Designer], by("ada")), Refusal::SameRoles(name("kim"))),
        (&full, change("old", &[Role::Operator], by("ada")), Refusal::Disabled(name("old"))),
        (&full, change("nemo", &[Role::Operator], by("ada")), Refusal::NoUser(name("nemo"))),
        (&alone, change("ada", &[Role::Operator], By::Setup), Refusal::LastAdmin(name("ada"))),
        (&full, disable("ada", by("ada")), Refusal::OwnRoles(name("ada"))),
        (&full, disable("ada", by("kim")), Refusal::NotAdmin(name("kim"))),
        (&full, disable("old", by("ada")), Refusal::Disabled(name("old"))),
        (&full, disable("nemo", by("ada")), Refusal::NoUser(name("nemo"))),
        (&alone, disable("ada", By::Setup), Refusal::LastAdmin(name("ada"))),
        (&full, enable("kim", by("ada")), Refusal::Active(name("kim"))),
        (&full, enable("old", by("old")), Refusal::NotAdmin(name("old"))),
        (&full, Request::NotePassword { name: name("kim"), by: by("nemo") }, Refusal::NoUser(name("nemo"))),
        (&full, Request::NotePassword { name: name("ada"), by: by("kim") }, Refusal::NotAdmin(name("kim"))),
        (&full, Request::NotePassword { name: name("old"), by: by("ada") }, Refusal::Disabled(name("old"))),
        (&full, issue("kim", 99, &[Role::Operator], by("kim")), Refusal::TooManyTokens(name("kim"))),
        (&full, issue("adi", 0, &[Role::Releaser], by("adi")), Refusal::TokenExists(token(0))),
        (&full, issue("adi", 99, &[Role::Releaser], by("ada")), Refusal::NotOwner(name("adi"))),
        (&full, issue("adi", 99, &[Role::Releaser], By::Setup), Refusal::NotOwner(name("adi"))),
        (&full, issue("adi", 99, &[], by("adi")), Refusal::NoRoles),
        (
            &full,
            issue("adi", 99, &[Role::Releaser, Role::Operator], by("adi")),
            Refusal::RoleNotTheirs { user: name("adi"), role: Role::Operator },
        ),
        (&full, issue("old", 99, &[Role::Admin], by("old")), Refusal::Disabled(name("old"))),
        (&full, revoke("kim", 99, by("kim")), Refusal::NoToken { user: name("kim"), token: token(99) }),
        (&full, revoke("ada", 0, by("kim")), Refusal::NotAdmin(name("kim"))),
        (&full, revoke("ada", 0, by("ada")), Refusal::NoToken { user: name("ada"), token: token(0) }),
        (&full, Request::Unlock { name: name("ada"), by: by("kim") }, Refusal::NotAdmin(name("kim"))),
        (&full, Request::Unlock { name: name("old"), by: by("ada") }, Refusal::Disabled(name("old"))),
        (&full, Request::Unlock { name: name("nemo"), by: by("ada") }, Refusal::NoUser(name("nemo"))),
        (&full, Request::NoteLocked { name: name("nemo") }, Refusal::NoUser(name("nemo"))),
        (&full, Request::NoteSignedIn { name: name("old") }, Refusal::Disabled(name("old"))),
    ];
    for (people, request, refusal) in table {
        assert_eq!(people.judge(&request), Err(refusal), "{request:?}");
    }
}

#[test]
fn a_refusal_says_what_which_and_what_to_do() {
    let people = lab();
    let told = |request: &Request| people.judge(request).unwrap_err().to_string();
    assert_eq!(
        told(&change("ada", &[Role::Releaser], by("ada"))),
        "ada may not change their own roles, nor disable themselves; ask another admin"
    );
    assert_eq!(
        told(&issue("kim", 1, &[Role::Admin], by("kim"))),
        "kim is not admin, so a token of theirs cannot be; leave that role out"
    );
}

#[test]
fn an_admin_adds_changes_disables_and_enables_and_it_is_so() {
    let mut people = lab();
    grant(&mut people, &change("kim", &[Role::Inspector], by("ada")));
    assert_eq!(people.users[&name("kim")].roles, set(&[Role::Inspector]));
    grant(&mut people, &disable("kim", by("ada")));
    assert!(!people.users[&name("kim")].is_active());
    grant(&mut people, &enable("kim", by("adi")));
    assert!(people.users[&name("kim")].is_active());
    assert_eq!(people.typed(" KIM ").map(|user| &user.name), Some(&name("kim")));
    assert_eq!(people.typed("kin"), None);
}

#[test]
fn a_second_admin_makes_the_first_one_spare() {
    let mut people = lab();
    grant(&mut people, &disable("ada", by("adi")));
    assert!(people.has_admin());
    assert_eq!(people.judge(&disable("adi", By::Setup)), Err(Refusal::LastAdmin(name("adi"))));
    grant(&mut people, &enable("ada", by("adi")));
    grant(&mut people, &change("adi", &[Role::Releaser], by("ada")));
}

#[test]
fn a_password_that_an_admin_chose_is_known_to_two_until_its_user_chooses_one() {
    let mut people = lab();
    let password = |people: &People| people.users[&name("kim")].password;
    assert_eq!(password(&people), Password::Missing);
    grant(&mut people, &Request::NotePassword { name: name("kim"), by: by("ada") });
    assert_eq!(password(&people), Password::OfAnother);
    grant(&mut people, &Request::NotePassword { name: name("kim"), by: by("kim") });
    assert_eq!(password(&people), Password::Own);
}

#[test]
fn a_disabled_user_s_password_and_tokens_are_gone_for_good() {
    let mut people = lab();
    grant(&mut people, &issue("kim", 1, &[Role::Operator], by("kim")));
    grant(&mut people, &issue("kim", 2, &[Role::Operator], by("kim")));
    grant(&mut people, &revoke("kim", 2, by("ada")));
    assert_eq!(people.users[&name("kim")].tokens.keys().collect::<Vec<_>>(), [&token(1)]);
    grant(&mut people, &Request::NotePassword { name: name("kim"), by: by("kim") });
    grant(&mut people, &disable("kim", by("ada")));
    grant(&mut people, &enable("kim", by("ada")));
    let kim = &people.users[&name("kim")];
    assert_eq!((kim.tokens.len(), kim.password), (0, Password::Missing));
}

#[test]
fn setup_makes_a_first_admin_gives_a_new_password_to_one_and_raises_nobody() {
    let printed: PrintedName = "Ada Lovelace".parse().unwrap();
    let mut people = People::default();
    for fact in people.adopt(&name("ada"), &printed).unwrap() {
        people.apply(&fact, WallTime(1));
    }
    assert!(people.has_admin());
    assert_eq!(people.users[&name("ada")].password, Password::Own);
    let again = people.adopt(&name("ada"), &printed).unwrap();
    assert_eq!(again, [Fact::PasswordChanged { user: name("ada"), by: By::Setup }]);
    grant(&mut people, &issue("ada", 1, &[Role::Admin], by("ada")));
    for fact in people.adopt(&name("ada"), &printed).unwrap() {
        people.apply(&fact, WallTime(2));
    }
    assert!(people.users[&name("ada")].tokens.is_empty(), "whoever knew the old password made them");
    let lab = lab();
    for other in ["kim", "old", "ADA"] {
        assert_eq!(lab.adopt(&name(other), &printed), Err(Refusal::NotThisOne(name(other))));
    }
    assert_eq!(lab.adopt(&name("new"), &printed).unwrap().len(), 2);
}

#[test]
fn the_facts_have_the_names_that_are_stored() {
    let mut people = People::default();
    let mut told = Vec::new();
    for request in [
        add("ada", &[Role::Admin], By::Setup),
        add("kim", &[Role::Operator], by("ada")),
        change("kim", &[Role::Operator, Role::Auditor], by("ada")),
        Request::NotePassword { name: name("kim"), by: by("kim") },
        issue("kim", 1, &[Role::Auditor], by("kim")),
        revoke("kim", 1, by("kim")),
        Request::NoteLocked { name: name("kim") },
        Request::NoteSignedIn { name: name("kim") },
        disable("kim", by("ada")),
        enable("kim", by("ada")),
        Request::Unlock { name: name("kim"), by: by("ada") },
    ] {
        for fact in people.judge(&request).unwrap() {
            let json = serde_json::to_string(&fact).unwrap();
            assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact);
            people.apply(&fact, WallTime(1));
            told.push(json);
        }
    }
    let id = token(1);
    assert_eq!(
        told,
        [
            r#"{"what":"user_added","user":"ada","printed":"ada in full","roles":["admin"],"by":{"kind":"setup"}}"#.to_owned(),
            r#"{"what":"user_added","user":"kim","printed":"kim in full","roles":["operator"],"by":{"kind":"person","name":"ada"}}"#.to_owned(),
            r#"{"what":"roles_changed","user":"kim","from":["operator"],"to":["operator","auditor"],"by":{"kind":"person","name":"ada"}}"#.to_owned(),
            r#"{"what":"password_changed","user":"kim","by":{"kind":"person","name":"kim"}}"#.to_owned(),
            format!(r#"{{"what":"token_issued","user":"kim","token":"{id}","label":"scanner","roles":["auditor"],"by":{{"kind":"person","name":"kim"}}}}"#),
            format!(r#"{{"what":"token_revoked","user":"kim","token":"{id}","by":{{"kind":"person","name":"kim"}}}}"#),
            r#"{"what":"user_locked","user":"kim"}"#.to_owned(),
            r#"{"what":"signed_in","user":"kim"}"#.to_owned(),
            r#"{"what":"user_disabled","user":"kim","by":{"kind":"person","name":"ada"}}"#.to_owned(),
            r#"{"what":"user_enabled","user":"kim","by":{"kind":"person","name":"ada"}}"#.to_owned(),
            r#"{"what":"user_unlocked","user":"kim","by":{"kind":"person","name":"ada"}}"#.to_owned(),
        ]
    );
}

#[test]
fn everybody_chooses_their_own_notices_and_an_admin_those_of_others() {
    use super::notices::{Topic, Way};
    let mut people = lab();
    let choose = |who: &str, mail: Option<Option<&str>>, topics: Option<Choice>, by: By| {
        let mail = mail.map(|mail| mail.map(|mail| mail.parse().unwrap()));
        Request::ChooseNotices { name: name(who), mail, topics, by }
    };
    let named = |topic: Topic, ways: &[Way]| {
        Some(Choice::Named(Ways::from([(topic, ways.iter().copied().collect())])))
    };
    let told = |people: &People| people.told(&people.users[&name("kim")]);
    assert!(told(&people).contains_key(&Topic::PrintFailed), "by role");

    let own = choose("kim", Some(Some("kim@lab.example")), None, by("kim"));
    let facts = people.judge(&own).unwrap();
    assert_eq!(
        serde_json::to_string(&facts[0]).unwrap(),
        r#"{"what":"notices_chosen","user":"kim","mail":"kim@lab.example","by":{"kind":"person","name":"kim"}}"#
    );
    assert!(!format!("{facts:?}").contains("@lab"), "an address shows itself to nobody");
    grant(&mut people, &own);
    assert_eq!(people.judge(&own).unwrap(), [], "nothing changes");
    assert!(told(&people).contains_key(&Topic::PrintFailed), "the address alone chooses no notices");

    // Two pages that were open at once, each with a choice of its own: neither undoes the other's.
    let by_role = told(&people);
    grant(&mut people, &choose("kim", None, named(Topic::Released, &[Way::Mqtt]), by("ada")));
    grant(&mut people, &choose("kim", None, named(Topic::PrintFailed, &[]), by("kim")));
    let mut wanted = by_role;
    wanted.insert(Topic::Released, BTreeSet::from([Way::Mqtt]));
    wanted.remove(&Topic::PrintFailed);
    assert_eq!(told(&people), wanted);
    assert_eq!(people.settings(&name("kim")).topics, Some(wanted), "chosen, and not by role any more");
    assert_eq!(people.settings(&name("kim")).mail.unwrap().as_str(), "kim@lab.example");
    grant(&mut people, &choose("kim", Some(None), Some(Choice::ByRole), by("kim")));
    assert_eq!(people.settings(&name("kim")), Settings::new(name("kim")));

    let refused = |request: &Request| people.judge(request).unwrap_err();
    assert_eq!(refused(&choose("ada", Some(None), None, by("kim"))), Refusal::NotAdmin(name("kim")));
    assert_eq!(refused(&choose("old", Some(None), None, by("ada"))), Refusal::Disabled(name("old")));
    assert_eq!(refused(&choose("new", Some(None), None, by("ada"))), Refusal::NoUser(name("new")));
    assert_eq!(people.told(&people.users[&name("old")]), Ways::new());
}

#[test]
fn the_largest_user_fits_into_one_value_of_the_store() {
    let mut people = People::default();
    // Letters of four bytes: the worst that a name may be.
    let long = "\u{20000}".repeat(40);
    let request = Request::AddUser {
        name: name(&long),
        printed: "\u{1F9EA}".repeat(80).parse().unwrap(),
        roles: set(&Role::ALL),
        by: By::Setup,
    };
    grant(&mut people, &request);
    for n in 0..8 {
        let label: Label = "\u{20000}".repeat(40).parse().unwrap();
        let (name, token, by) = (name(&long), token(n), by(&long));
        grant(&mut people, &Request::IssueToken { name, token, label, roles: set(&Role::ALL), by });
    }
    let bytes = serde_json::to_vec(&people.users[&name(&long)]).unwrap().len();
    assert!((3000..=4096).contains(&bytes), "{bytes}");
}

fn any_request() -> impl Strategy<Value = Request> {
    let who = || proptest::sample::select(vec!["ada", "adi", "kim", "old", "new"]);
    let roles = proptest::sample::subsequence(Role::ALL.to_vec(), 0..4);
    let by_whom = proptest::option::of(who());
    (0..7u8, who(), roles, by_whom, 0..4u8).prop_map(|(kind, who, roles, asks, n)| {
        let asks = asks.map_or(By::Setup, by);
        match kind {
            0 => add(who, &roles, asks),
            1 => change(who, &roles, asks),
            2 => issue(who, n, &roles, asks),
            3 => revoke(who, n, asks),
            4 => disable(who, asks),
            5 => enable(who, asks),
            _ => Request::NotePassword { name: name(who), by: asks },
        }
    })
}

proptest! {
    #[test]
    fn whatever_is_asked_an_admin_stays_and_nobody_raises_themselves(
        requests in proptest::collection::vec(any_request(), 1..80),
    ) {
        let mut people = lab();
        for request in requests {
            let before = people.clone();
            let Ok(facts) = people.judge(&request) else { continue };
            for fact in &facts {
                people.apply(fact, WallTime(2));
            }
            prop_assert!(people.has_admin(), "{request:?}");
            for (user, now) in &people.users {
                prop_assert!(!now.roles.is_empty());
                for token in now.tokens.values() {
                    prop_assert!(!token.roles.is_empty());
                }
                if let Some(then) = before.users.get(user).filter(|then| then.roles != now.roles) {
                    let Request::ChangeRoles { by: asked, .. } = &request else { panic!("{request:?}") };
                    prop_assert_ne!(asked, &By::Person(user.clone()), "{:?}", then);
                }
            }
        }
    }
}

#[test]
fn who_the_site_vouches_for_is_there_with_its_roles_and_takes_nobody_s_name() {
    let mut people = lab();
    let subject = |n: &str| SiteSubject::of("https://login.example", n);
    let vouch = |user: &str, roles: &[Role], n: &str| Request::Vouch {
        name: name(user),
        printed: "Lou Reed".parse().unwrap(),
        roles: roles.iter().copied().collect(),
        subject: subject(n),
    };
    for taken in ["ada", "KIM", "old"] {
        let told = people.judge(&vouch(taken, &[Role::Admin], "1"));
        assert_eq!(told, Err(Refusal::NotOfSite(name(taken))));
    }
    assert_eq!(people.judge(&vouch("lou", &[], "1")), Err(Refusal::NoRoles));
    let asked = vouch("lou", &[Role::Operator], "1");
    let facts = people.judge(&asked).unwrap();
    for fact in &facts {
        assert_eq!(people.apply(fact, WallTime(9)), Some(name("lou")));
        let json = serde_json::to_string(fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), *fact);
    }
    assert_eq!((facts.len(), people.judge(&asked)), (1, Ok(Vec::new())), "told once");
    let lou = &people.users[&name("lou")];
    assert!(lou.has_own_way() && lou.password == Password::Missing && lou.is_active());
    // By another name they are the same, and another of that name is not them.
    let renamed = people.judge(&vouch("louis", &[Role::Inspector], "1")).unwrap();
    assert!(matches!(&renamed[..], [Fact::Vouched { user, .. }] if *user == name("lou")), "{renamed:?}");
    assert_eq!(people.judge(&vouch("lou", &[Role::Admin], "2")), Err(Refusal::NotOfSite(name("lou"))));
    for fact in renamed {
        people.apply(&fact, WallTime(10));
    }
    assert_eq!(people.users[&name("lou")].roles, [Role::Inspector].into());
    for fact in people.judge(&disable("lou", by("ada"))).unwrap() {
        people.apply(&fact, WallTime(11));
    }
    assert_eq!(people.judge(&vouch("lou", &[Role::Inspector], "1")), Err(Refusal::Disabled(name("lou"))));
    assert_ne!(SiteSubject::of("a", "b"), SiteSubject::of("ab", ""));
}
