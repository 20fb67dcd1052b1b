//! Cuts between the journal and the file of hashes: each leaves nobody with more than they had.

use super::*;
use crate::domain::ids::BootId;
use crate::domain::people::Password;
use crate::io::credentials::FILE;
use crate::io::secret::{Costs, NewToken, PasswordHash};
use crate::io::store::Store;
use crate::io::store::memory::MemoryStore;
use tempfile::TempDir;

const QUICK: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };
const ADA: &str = "notes on the engine";
const KIM: &str = "a cat on the bed";
const NEW: &str = "a dog on the bed";

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn roles(roles: &[Role]) -> BTreeSet<Role> {
    roles.iter().copied().collect()
}

struct House {
    folder: TempDir,
    store: Arc<MemoryStore>,
    recorder: Recorder,
    clock: Clock,
    entrance: Entrance,
    ada: Who,
}

impl House {
    /// `ada` is admin, `kim` operates with a password of her own.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::start(BootId::from_entropy([1; 16]));
        let store = Arc::new(MemoryStore::default());
        let journal = Arc::clone(&store) as Arc<dyn Store>;
        let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let recorder = Recorder::open(journal, clock.clone(), site, node).await.unwrap();
        let set_up = SetUp { name: name("ada"), printed: "Ada Lovelace".parse().unwrap() };
        let hash = PasswordHash::of(&secret(ADA), QUICK).unwrap();
        let file = CredentialsFile::set_up(&folder.path().join(FILE), set_up, hash).unwrap();
        let entrance = Entrance::guarded(Access::of(file, QUICK), recorder.clone(), clock.clone());
        entrance.inner().unwrap().begin().await.unwrap();
        let ada = entrance.sign_in("ada".into(), secret(ADA), Whence::Here).await.unwrap().who;
        let house = Self { folder, store, recorder, clock, entrance, ada };
        let printed = "Kim Lee".parse().unwrap();
        let (operator, first) = (roles(&[Role::Operator]), secret("first words of kim"));
        house.entrance.add_user(&house.ada, name("kim"), printed, operator, first).await.unwrap();
        let kim = house.sign_in("kim", "first words of kim").await.unwrap();
        house.entrance.change_password(kim, secret("first words of kim"), secret(KIM)).await.unwrap();
        house
    }

    async fn sign_in(&self, user: &str, password: &str) -> Result<Who, Refused> {
        Ok(self.entrance.sign_in(user.into(), secret(password), Whence::Here).await?.who)
    }

    fn user(&self, user: &str) -> Option<people::User> {
        self.recorder.read(|lab| lab.people.users.get(&name(user)).cloned())
    }

    fn file(&self) -> CredentialsFile {
        CredentialsFile::load(&self.folder.path().join(FILE)).unwrap()
    }

    /// From here on the file cannot be written: it was changed behind platen's back.
    fn spoil_the_file(&self) {
        let path = self.folder.path().join(FILE);
        std::fs::rename(&path, self.folder.path().join("moved")).unwrap();
    }

    /// The daemon ends here, and another one starts.
    async fn restart(&mut self) {
        let moved = self.folder.path().join("moved");
        let path = self.folder.path().join(FILE);
        if moved.exists() {
            std::fs::rename(moved, &path).unwrap();
        }
        let access = Access::of(CredentialsFile::load(&path).unwrap(), QUICK);
        self.entrance = Entrance::guarded(access, self.recorder.clone(), self.clock.clone());
        self.entrance.inner().unwrap().begin().await.unwrap();
    }
}

#[tokio::test]
async fn a_user_of_whom_the_journal_does_not_take_the_entry_is_not_there() {
    let house = House::new().await;
    house.store.set_full(true);
    let printed = "Lee".parse().unwrap();
    let added =
        house.entrance.add_user(&house.ada, name("lee"), printed, roles(&[Role::Admin]), secret(NEW)).await;
    assert!(matches!(added, Err(Refused::NotRecorded(NotRecorded::Store(_)))), "{added:?}");
    house.store.set_full(false);
    assert!(house.user("lee").is_none() && !house.file().names().contains(&name("lee")));
}

#[tokio::test]
async fn a_user_without_a_hash_in_the_file_does_not_come_in() {
    let mut house = House::new().await;
    house.spoil_the_file();
    let printed = "Lee".parse().unwrap();
    let added = house
        .entrance
        .add_user(&house.ada, name("lee"), printed, roles(&[Role::Operator]), secret(NEW))
        .await;
    assert!(added.is_err());
    house.restart().await;
    assert_eq!(house.user("lee").unwrap().password, Password::OfAnother);
    assert!(matches!(house.sign_in("lee", NEW).await, Err(Refused::NotLetIn(NotLetIn::Wrong { .. }))));
    house.entrance.give_password(&house.ada, name("lee"), secret(NEW)).await.unwrap();
    assert!(house.sign_in("lee", NEW).await.is_ok());
}

#[tokio::test]
async fn a_password_that_an_admin_could_not_write_leaves_the_old_one_good_for_choosing_only() {
    let mut house = House::new().await;
    house.spoil_the_file();
    assert!(house.entrance.give_password(&house.ada, name("kim"), secret(NEW)).await.is_err());
    house.restart().await;
    assert!(house.sign_in("kim", NEW).await.is_err());
    let kim = house.sign_in("kim", KIM).await.unwrap();
    assert!(matches!(kim.may(Permission::ClearBed), Err(Forbidden::PasswordOfAnother { .. })));
    assert!(kim.may(Permission::OwnAccount).is_ok());
}

#[tokio::test]
async fn a_password_that_an_admin_gives_is_noted_before_it_holds() {
    let house = House::new().await;
    house.store.set_full(true);
    assert!(house.entrance.give_password(&house.ada, name("kim"), secret(NEW)).await.is_err());
    house.store.set_full(false);
    assert!(house.sign_in("kim", NEW).await.is_err());
    assert!(house.sign_in("kim", KIM).await.unwrap().may(Permission::ClearBed).is_ok());
}

#[tokio::test]
async fn a_password_of_one_s_own_that_the_journal_does_not_take_holds_and_is_chosen_again_where_it_was_another_s()
 {
    let house = House::new().await;
    house.entrance.give_password(&house.ada, name("kim"), secret("another by ada")).await.unwrap();
    let kim = house.sign_in("kim", "another by ada").await.unwrap();
    house.store.set_full(true);
    let told = house.entrance.change_password(kim, secret("another by ada"), secret(NEW)).await;
    assert!(matches!(told, Err(Refused::PasswordNotNoted(_))), "{told:?}");
    house.store.set_full(false);
    let kim = house.sign_in("kim", NEW).await.unwrap();
    assert!(!kim.own_password);
    house.entrance.change_password(kim, secret(NEW), secret(KIM)).await.unwrap();
    assert!(house.sign_in("kim", KIM).await.unwrap().own_password);
}

#[tokio::test]
async fn a_token_of_which_the_journal_does_not_take_the_entry_leaves_no_hash() {
    let house = House::new().await;
    let kim = house.sign_in("kim", KIM).await.unwrap();
    house.store.set_full(true);
    let label: Label = "scanner".parse().unwrap();
    let made = house.entrance.issue_token(&kim, label.clone(), roles(&[Role::Operator]), ByDigest::No).await;
    assert!(made.is_err());
    house.store.set_full(false);
    assert_eq!(house.file().tokens().count(), 0);
    let made = house.entrance.issue_token(&kim, label, roles(&[Role::Operator]), ByDigest::No).await.unwrap();
    assert!(house.file().token(&made.id).is_some());
}

#[tokio::test]
async fn who_is_disabled_stays_out_when_the_file_could_not_be_written_and_comes_back_without_the_old_password()
 {
    let mut house = House::new().await;
    let kim = house.sign_in("kim", KIM).await.unwrap();
    house.spoil_the_file();
    house.entrance.disable(&house.ada, name("kim")).await.unwrap();
    assert!(!house.entrance.lasts(&kim));
    assert!(house.sign_in("kim", KIM).await.is_err());
    let enabled = house.entrance.enable(&house.ada, name("kim")).await;
    assert!(enabled.is_err() && !house.user("kim").unwrap().is_active(), "its hash is still there");
    house.restart().await;
    assert!(!house.file().names().contains(&name("kim")), "the start has tidied up");
    house.entrance.enable(&house.ada, name("kim")).await.unwrap();
    assert!(house.sign_in("kim", KIM).await.is_err());
}

#[tokio::test]
async fn with_a_full_disk_people_come_in_all_the_same() {
    let house = House::new().await;
    house.store.set_full(true);
    assert!(house.sign_in("kim", KIM).await.unwrap().may(Permission::CancelJob).is_ok());
}

#[tokio::test]
async fn what_setup_has_prepared_is_told_once_and_what_it_may_not_be_lets_nobody_in() {
    let mut house = House::new().await;
    let entries = |house: &House| house.recorder.read(|lab| lab.counters.seq);
    let before = entries(&house);
    house.restart().await;
    assert_eq!(entries(&house), before, "it was told already");
    // At the machine somebody gave the operator a password, as if she were admin.
    let mut file = house.file();
    let who = SetUp { name: name("kim"), printed: "Kim Lee".parse().unwrap() };
    file.reset(who, PasswordHash::of(&secret(NEW), QUICK).unwrap()).unwrap();
    house.restart().await;
    assert_eq!(entries(&house), before);
    assert!(house.sign_in("kim", NEW).await.is_err());
    assert!(house.file().to_adopt().is_none());
    assert!(house.sign_in("ada", ADA).await.is_ok());
}

#[tokio::test]
async fn a_token_that_setup_has_made_is_told_once_and_one_that_may_not_be_lets_nobody_in() {
    let mut house = House::new().await;
    let entries = |house: &House| house.recorder.read(|lab| lab.counters.seq);
    let prepare = |house: &House, owner: &str| {
        let token = NewToken::make().unwrap();
        let prepared = PreparedToken {
            owner: name(owner),
            token: token.id.clone(),
            label: "platen setup".parse().unwrap(),
            roles: roles(&[Role::Admin]),
        };
        house.file().prepare_token(prepared, token.hash).unwrap();
        token.id
    };
    // Nobody may have more than their owner is.
    let (ada, kim) = (prepare(&house, "ada"), prepare(&house, "kim"));
    let before = entries(&house);
    house.restart().await;
    assert_eq!(entries(&house), before + 1);
    assert!(house.user("ada").unwrap().tokens.contains_key(&ada));
    assert!(house.user("kim").unwrap().tokens.is_empty());
    assert!(house.file().token(&ada).is_some() && house.file().token(&kim).is_none());
    assert!(house.file().to_issue().is_empty());
    house.restart().await;
    assert_eq!(entries(&house), before + 1, "it was told already");
}

#[tokio::test]
async fn a_change_that_has_begun_goes_on_when_its_asker_goes_away() {
    let house = House::new().await;
    let printed = "Lee".parse().unwrap();
    let adding =
        house.entrance.add_user(&house.ada, name("lee"), printed, roles(&[Role::Operator]), secret(NEW));
    // Polled once, then dropped, as when a connection breaks.
    assert!(tokio::time::timeout(std::time::Duration::ZERO, adding).await.is_err());
    let mut feed = house.recorder.subscribe();
    while house.user("lee").is_none_or(|lee| lee.password == Password::Missing) {
        feed.recv().await.unwrap();
    }
    let inner = house.entrance.inner().unwrap();
    let _end_of_it = inner.changes.lock().await;
    assert!(house.file().names().contains(&name("lee")));
}
