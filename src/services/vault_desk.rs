//! The desk of the vault: who a case is for is kept, read and erased here, each in the journal before it is done.
//!
//! ```text
//! keep:   sealed, on the disk ─▶ journal ─▶ it counts        erase: journal ─▶ the record is gone
//! read:   can it be opened? ─▶ journal ─▶ shown, once        hold:  for the guard, shown to nobody
//! ```
//! A vault that cannot be opened is closed, and everything else goes on: the log says why, and what to do. A closed
//! vault shows nothing and takes nothing, and of what people wrote about its cases, or about none, no report has a word.
//!
//! A case's words are held against its own record. Words that are of no case (lots, printers, instruments) are held
//! against all of them: that list is made when it is first needed after the vault has changed, only what changed is
//! opened for it, and it is in memory as long as the vault is open.
//!
//! One thing at a time is done at the desk: what the journal tells of a case and what lies on the disk do not part in
//! between. What has begun goes on when its asker goes away. The disk is waited for by other threads.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::recorder::{NotRecorded, Recorder};
use crate::config::VaultKey;
use crate::domain::event::{Actor, Event, Fact};
use crate::domain::identifiers::{
    ErasingReason, IdentifierRequest, IdentifierState, Identifiers, ReadingReason,
};
use crate::domain::ids::{BootId, CaseToken, InstrumentName, TemplateName};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::people::name::UserName;
use crate::domain::privacy::{
    Against, Everybody, InField, Known, Ours, find_in_name, find_in_words, hold_back, pass,
};
use crate::domain::quality::case::Step;
use crate::domain::quality::lot::Lot;
use crate::domain::quality::{self, Change, Quality};
use crate::domain::story;
use crate::io::offload::offload;
use crate::io::vault::{
    Erasing, Keeping, KeyError, Keys, Reading, Resealed, Vault, VaultError, sealed_cases, sealed_record,
};

/// The vault's folder in the state folder, and in a backup.
pub const FOLDER: &str = "vault";

/// Why something is not done at the desk.
#[derive(Debug, thiserror::Error)]
pub enum NotServed {
    #[error(
        "this platen has no vault; write the section [vault] into its configuration (docs/vault.md), or go by the token"
    )]
    Off,
    #[error("the vault is closed; the daemon's log says why, and what to do")]
    Closed,
    #[error(transparent)]
    Unlocked(#[from] NotOpened),
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The next start ends it.
    #[error(
        "it is in the journal, and the vault's folder does not have it yet ({0}); see to the disk, then start platen anew, which ends it"
    )]
    NotFinished(VaultError),
    #[error("it broke off, and may be half done; look at the case, then try again")]
    BrokenOff,
}

impl From<Refusal> for NotServed {
    fn from(refusal: Refusal) -> Self {
        NotRecorded::Refused(refusal).into()
    }
}

/// Why the vault is closed.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(
        "the vault's key file has not the key that its {cases} records are sealed with; put that file back as it was, then `platen vault reseal`"
    )]
    OtherKey { cases: usize },
    #[error(
        "the vault's key is to come from systemd, and CREDENTIALS_DIRECTORY is not set; write LoadCredential= into platen's unit, or give the path of a key file"
    )]
    NoCredentials,
}

/// Why words are not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The words are never repeated.
    #[error("these words would say who a patient is: {}", told(.0))]
    Names(Vec<InField>),
    #[error("nobody can see whether these words say who a patient is: {0}")]
    Unreadable(VaultError),
}

/// Which fields, and what is in them.
fn told(fields: &[InField]) -> String {
    let one = |field: &InField| {
        let what = field.what.iter().map(|what| what.words()).collect::<Vec<_>>().join(" and ");
        match field.field.as_str() {
            "" => format!("they have {what} in them"),
            name => format!("`{name}` has {what} in it"),
        }
    };
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether words can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// They can wait until a damaged record is brought back.
    CanWait,
    /// They keep something apart that may be dangerous: neither a damaged record nor whoever is at the desk may be in
    /// their way.
    KeepApart,
}

/// Where key and records are.
#[derive(Clone, Debug)]
pub struct Place {
    pub state: PathBuf,
    pub key: VaultKey,
    /// `$CREDENTIALS_DIRECTORY`
    pub credentials: Option<PathBuf>,
}

impl Place {
    fn keys(&self) -> Result<Keys, NotOpened> {
        Ok(match &self.key {
            VaultKey::File(path) => Keys::read(path, &self.state)?,
            VaultKey::Credential(name) => {
                let directory = self.credentials.as_deref().ok_or(NotOpened::NoCredentials)?;
                Keys::from_credential(directory, name, &self.state)?
            }
        })
    }

    /// Blocks.
    fn open(&self, boot: BootId, states: &BTreeMap<CaseToken, IdentifierState>) -> Result<Vault, NotOpened> {
        let vault = Vault::open(&self.state.join(FOLDER), self.keys()?, boot, states)?;
        refuse_other_key(&vault)?;
        let there = vault.cases()?;
        for case in states.iter().filter(|(_, state)| state.seal.is_some()).map(|(case, _)| case) {
            if there.binary_search(case).is_err() {
                let error = VaultError::Missing { case: case.clone() };
                tracing::error!("{error}");
            }
        }
        Ok(vault)
    }
}

/// A key file of which no key opens anything is not this vault's: what would be kept now could not be read with the
/// right one.
fn refuse_other_key(vault: &Vault) -> Result<(), NotOpened> {
    let (locked, all) = (vault.locked()?, vault.cases()?.len());
    if all > 0 && locked.len() == all {
        return Err(NotOpened::OtherKey { cases: all });
    }
    for case in locked {
        let error = VaultError::NoKey { case };
        tracing::error!("{error}");
    }
    Ok(())
}

#[derive(Debug)]
struct Inner {
    recorder: Recorder,
    folder: PathBuf,
    boot: BootId,
    /// Absent where no vault is configured.
    place: Option<Place>,
    /// Absent while it is closed.
    vault: RwLock<Option<Arc<Vault>>>,
    changes: tokio::sync::Mutex<()>,
    index: Mutex<Index>,
}

/// What words that are of no case are held against.
#[derive(Debug, Default)]
struct Index {
    /// Absent from when a record changes until somebody needs it.
    all: Option<Arc<All>>,
    /// Of what it is made.
    records: BTreeMap<CaseToken, Known>,
}

/// What all records say together.
#[derive(Debug)]
struct All {
    everybody: Arc<Everybody>,
    /// Records that are not in it, since they cannot be read: what to do about each.
    unread: Vec<VaultError>,
    /// How many are kept.
    kept: usize,
}

impl All {
    /// Nobody can say which words are harmless, until it is tried again.
    fn unknown(kept: usize) -> Self {
        Self { everybody: Arc::default(), unread: vec![VaultError::Cipher], kept }
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct VaultDesk(Arc<Inner>);

/// Goes on to its end, whether anybody waits for it or not.
async fn whole<T: Send + 'static>(
    work: impl Future<Output = Result<T, NotServed>> + Send + 'static,
) -> Result<T, NotServed> {
    tokio::spawn(work).await.unwrap_or(Err(NotServed::BrokenOff))
}

/// Done by a thread that may wait.
async fn done<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, NotServed>
where
    T: Send + 'static,
    E: Send + 'static,
    NotServed: From<E>,
{
    Ok(offload(work).await.map_err(|_| NotServed::BrokenOff)??)
}

fn states(recorder: &Recorder) -> BTreeMap<CaseToken, IdentifierState> {
    recorder.read(|lab| {
        let known = lab.cases.iter().filter_map(|(case, of)| Some((case.clone(), of.identifiers.clone()?)));
        known.collect()
    })
}

/// The one fact that a request became, as the proof that it is on the disk.
fn proof<T>(events: &[Arc<Event>], of: impl Fn(&Event) -> Option<T>) -> Result<T, NotServed> {
    events.iter().find_map(|event| of(event)).ok_or(NotServed::BrokenOff)
}

impl Inner {
    fn vault(&self) -> Result<Arc<Vault>, NotServed> {
        if self.place.is_none() {
            return Err(NotServed::Off);
        }
        self.vault.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(NotServed::Closed)
    }

    fn set(&self, vault: Option<Arc<Vault>>) {
        *self.vault.write().unwrap_or_else(PoisonError::into_inner) = vault;
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A case's record has changed, or may have: it is read anew when it is needed.
    fn forget(&self, case: &CaseToken) {
        let mut index = self.index();
        index.all = None;
        index.records.remove(case);
    }

    async fn ask(&self, request: IdentifierRequest, by: &UserName) -> Result<Vec<Arc<Event>>, NotRecorded> {
        self.recorder.submit(Request::Identifiers(Box::new(request)), Actor::Person(by.to_string())).await
    }

    fn state(&self, case: &CaseToken) -> Result<Option<IdentifierState>, Refusal> {
        self.recorder.read(|lab| lab.case(case).map(|of| of.identifiers.clone()))
    }

    /// All cases of which a record is kept.
    fn kept(&self) -> Vec<(CaseToken, IdentifierState)> {
        states(&self.recorder).into_iter().filter(|(_, state)| state.seal.is_some()).collect()
    }

    /// A turn at the desk; none where somebody is there, and these words do not wait.
    async fn turn(&self, words: Words) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match words {
            Words::CanWait => Some(self.changes.lock().await),
            Words::KeepApart => self.changes.try_lock().ok(),
        }
    }

    /// Makes what all records say together, by whoever has the turn.
    async fn gather(&self) -> Arc<All> {
        if let Some(all) = self.index().all.clone() {
            return all;
        }
        let kept = self.kept();
        let Ok(vault) = self.vault() else {
            // A closed vault says nothing: how many there are is all that is known.
            return Arc::new(All { everybody: Arc::default(), unread: Vec::new(), kept: kept.len() });
        };
        let (mut records, count) = (std::mem::take(&mut self.index().records), kept.len());
        let made = move || {
            let mut unread = Vec::new();
            for (case, state) in kept {
                if records.contains_key(&case) {
                    continue;
                }
                match vault.known(&case, state.version) {
                    Ok(known) => drop(records.insert(case, known)),
                    Err(error) => unread.push(error),
                }
            }
            let everybody = Arc::new(Everybody::of(records.values()));
            (records, All { everybody, unread, kept: count })
        };
        let Ok((records, all)) = offload(made).await else { return Arc::new(All::unknown(count)) };
        let all = Arc::new(all);
        *self.index() = Index { all: Some(Arc::clone(&all)), records };
        all
    }
}

impl VaultDesk {
    /// Opens the vault where there is to be one. Where it cannot be opened, the log says why, and it is closed.
    pub async fn open(place: Option<Place>, state: &Path, recorder: Recorder, boot: BootId) -> Self {
        let inner = Inner {
            folder: state.join(FOLDER),
            recorder,
            boot,
            place,
            vault: RwLock::default(),
            changes: tokio::sync::Mutex::default(),
            index: Mutex::default(),
        };
        if let Some(place) = inner.place.clone() {
            let (boot, states) = (inner.boot.clone(), states(&inner.recorder));
            match done(move || place.open(boot, &states)).await {
                Ok(vault) => inner.set(Some(Arc::new(vault))),
                Err(error) => tracing::error!("the vault is closed, and all else works: {error}"),
            }
        }
        Self(Arc::new(inner))
    }

    /// What the journal says of a case: its version, and whether anything is there.
    pub fn state(&self, case: &CaseToken) -> Result<Option<IdentifierState>, NotServed> {
        Ok(self.0.state(case)?)
    }

    /// `open`, `closed`, or `off`.
    pub fn word(&self) -> &'static str {
        match self.0.vault() {
            Ok(_) => "open",
            Err(NotServed::Off) => "off",
            Err(_) => "closed",
        }
    }

    /// Keeps who a case is for, in place of what was kept before: the version.
    pub async fn keep(
        &self,
        by: &UserName,
        case: CaseToken,
        identifiers: Identifiers,
    ) -> Result<u64, NotServed> {
        let (inner, by) = (Arc::clone(&self.0), by.clone());
        whole(async move {
            let _alone = inner.changes.lock().await;
            let vault = inner.vault()?;
            let (version, kept_of) = (inner.state(&case)?.map_or(0, |state| state.version) + 1, case.clone());
            let kinds = identifiers.kinds();
            let prepared = {
                let (vault, case) = (Arc::clone(&vault), case.clone());
                done(move || vault.prepare(&case, version, &identifiers)).await?
            };
            let request = IdentifierRequest::Keep {
                case,
                version,
                seal: prepared.seal().clone(),
                kinds,
                by: by.to_string(),
            };
            let events = match inner.ask(request, &by).await {
                Ok(events) => events,
                // What the journal has certainly not taken; of the rest, the next start knows.
                Err(error @ (NotRecorded::Refused(_) | NotRecorded::TooLong { .. })) => {
                    done(move || vault.discard(prepared)).await?;
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            };
            let kept = proof(&events, Keeping::journaled)?;
            let settled = done(move || vault.settle(prepared, &kept).map_err(NotServed::NotFinished)).await;
            inner.forget(&kept_of);
            settled?;
            Ok(version)
        })
        .await
    }

    /// Shows who a case is for. That `by` has read it is in the journal before.
    pub async fn read(
        &self,
        by: &UserName,
        case: CaseToken,
        reason: ReadingReason,
    ) -> Result<Identifiers, NotServed> {
        let (inner, by) = (Arc::clone(&self.0), by.clone());
        whole(async move {
            let _alone = inner.changes.lock().await;
            let vault = inner.vault()?;
            if let Some(IdentifierState { version, seal: Some(_) }) = inner.state(&case)? {
                // Nobody is said to have read what could not be opened.
                let (vault, case) = (Arc::clone(&vault), case.clone());
                done(move || vault.known(&case, version).map(drop)).await?;
            }
            let request = IdentifierRequest::Read { case, reason, by: by.to_string() };
            let reading = proof(&inner.ask(request, &by).await?, Reading::journaled)?;
            done(move || vault.read(reading)).await
        })
        .await
    }

    /// Takes away who a case is for, all versions of it.
    pub async fn erase(
        &self,
        by: &UserName,
        case: CaseToken,
        reason: ErasingReason,
    ) -> Result<(), NotServed> {
        let (inner, by) = (Arc::clone(&self.0), by.clone());
        whole(async move {
            let _alone = inner.changes.lock().await;
            let (vault, erased) = (inner.vault()?, case.clone());
            let request = IdentifierRequest::Erase { case, reason, by: by.to_string() };
            let erasing = proof(&inner.ask(request, &by).await?, Erasing::journaled)?;
            inner.forget(&erased);
            done(move || vault.erase(&erasing).map_err(NotServed::NotFinished)).await
        })
        .await
    }

    /// Reads the key file anew, opens the vault where it was closed, and seals every record with the newest key.
    pub async fn reseal(&self) -> Result<Resealed, NotServed> {
        let inner = Arc::clone(&self.0);
        whole(async move {
            let _alone = inner.changes.lock().await;
            let place = inner.place.clone().ok_or(NotServed::Off)?;
            let vault = match inner.vault() {
                Ok(vault) => {
                    let ours = Arc::clone(&vault);
                    done(move || place.keys().map(|keys| ours.take_keys(keys))).await?;
                    vault
                }
                Err(_) => {
                    let (boot, states) = (inner.boot.clone(), states(&inner.recorder));
                    let vault = Arc::new(done(move || place.open(boot, &states)).await?);
                    inner.set(Some(Arc::clone(&vault)));
                    tracing::info!("the vault is open");
                    vault
                }
            };
            let key = vault.current_key();
            let resealed = done(move || vault.reseal()).await;
            // Another key may open what was not open, and somebody may have brought a record back.
            *inner.index() = Index::default();
            let resealed = resealed?;
            let (changed, failed) = (resealed.changed, resealed.failed.len());
            tracing::info!(
                "the vault seals with key {key} from here on: {changed} records sealed anew, {failed} not"
            );
            Ok(resealed)
        })
        .await
    }

    // ---- for the guard ----

    /// What free texts of each of these cases are held against; a case of which nothing is kept is not in it.
    async fn holds(&self, wanted: Option<CaseToken>) -> BTreeMap<CaseToken, Against> {
        let known = match wanted {
            Some(case) => self.0.state(&case).ok().flatten().map(|state| (case, state)).into_iter().collect(),
            None => states(&self.0.recorder),
        };
        let kept: Vec<_> = known.into_iter().filter(|(_, state)| state.seal.is_some()).collect();
        let vault = self.0.vault().ok();
        let blind: BTreeMap<_, _> =
            kept.iter().map(|(case, _)| (case.clone(), Against::Everything)).collect();
        let look = move || {
            let one = |(case, state): (CaseToken, IdentifierState)| {
                let known = vault.as_ref().and_then(|vault| vault.known(&case, state.version).ok());
                (case, known.map_or(Against::Everything, Against::Known))
            };
            kept.into_iter().map(one).collect()
        };
        if blind.is_empty() { blind } else { offload(look).await.unwrap_or(blind) }
    }

    /// For what goes out about one case, or about all of them; words that are of no case may be in either.
    pub async fn held(&self, case: Option<CaseToken>) -> Held {
        let others = self.held_of_no_case().await.others;
        Held { cases: self.holds(case).await, others }
    }

    /// For what goes out and is about no case.
    pub async fn held_of_no_case(&self) -> Held {
        let all = self.all().await;
        let others = match self.of_no_case(&all) {
            Some(Against::Everybody(..)) if !all.unread.is_empty() => Some(Against::Everything),
            other => other,
        };
        Held { cases: BTreeMap::new(), others }
    }

    /// What words that are of no case are held against; nothing where no record is kept.
    fn of_no_case(&self, all: &All) -> Option<Against> {
        if all.kept == 0 {
            return None;
        }
        if self.0.vault().is_err() {
            return Some(Against::Everything);
        }
        let ours = self.0.recorder.read(|lab| {
            let users = lab.people.users.values();
            Ours::of(users.flat_map(|user| [user.name.as_str(), user.printed.as_str()]))
        });
        Some(Against::Everybody(Arc::clone(&all.everybody), ours))
    }

    /// What all records say together. Only those are opened that have changed since it was last made.
    async fn all(&self) -> Arc<All> {
        match self.all_for(Words::CanWait).await {
            Some(all) => all,
            None => Arc::new(All::unknown(self.0.kept().len())),
        }
    }

    /// The same; nothing where these words do not wait for it, or it broke off.
    async fn all_for(&self, words: Words) -> Option<Arc<All>> {
        if let Some(all) = self.0.index().all.clone() {
            return Some(all);
        }
        let inner = Arc::clone(&self.0);
        // What was opened before is taken out of the index meanwhile: it gets back also where the asker goes away.
        let gathered = whole(async move {
            // Journal and disk tell the same as long as nobody changes anything.
            match inner.turn(words).await {
                Some(_alone) => Ok(Some(inner.gather().await)),
                None => Ok(None),
            }
        });
        gathered.await.ok().flatten()
    }

    /// Whether free words may come in: those of a case where nothing of its record is in them, those of none where
    /// nothing of any record is. Where the vault is closed nothing is found: work goes on, and on the ways out none
    /// of those words passes. A record that cannot be read is told, and what it is of waits for it. What keeps apart
    /// waits for nobody.
    pub async fn let_in<T: Serialize + DeserializeOwned>(
        &self,
        case: Option<&CaseToken>,
        thing: &T,
        words: Words,
    ) -> Result<(), NotTaken> {
        let found = match case {
            Some(case) => match self.known(case, words).await {
                Ok(Some(known)) => find_in_words(thing, &Against::Known(known)),
                Ok(None) => Vec::new(),
                Err(error) if words == Words::KeepApart => {
                    tracing::error!(%case, "words were let in, and nobody looked who they name: {error}");
                    Vec::new()
                }
                Err(error) => return Err(NotTaken::Unreadable(error)),
            },
            None => match self.all_for(words).await {
                Some(all) => self.find_of_no_case(thing, &all),
                None if words == Words::KeepApart => {
                    tracing::error!(
                        "words of no case were let in, and nobody looked who they name: somebody is at the vault's desk"
                    );
                    Vec::new()
                }
                None => self.find_of_no_case(thing, &All::unknown(self.0.kept().len())),
            },
        };
        if found.is_empty() { Ok(()) } else { Err(NotTaken::Names(found)) }
    }

    /// The same for the name that is given to a template or an instrument.
    pub async fn let_name_in(&self, name: &str) -> Result<(), NotTaken> {
        let all = self.all().await;
        let Some(against) = self.of_no_case(&all) else { return Ok(()) };
        find_in_name("name", name, &against).map_or(Ok(()), |found| Err(NotTaken::Names(vec![found])))
    }

    fn find_of_no_case<T: Serialize + DeserializeOwned>(&self, thing: &T, all: &All) -> Vec<InField> {
        let Some(against) = self.of_no_case(all) else { return Vec::new() };
        for error in &all.unread {
            tracing::error!(
                "words of no case were held against all records but one: {error}; then `platen vault reseal`"
            );
        }
        find_in_words(thing, &against)
    }

    /// What the vault has of a case; nothing where it has nothing, or is closed.
    async fn known(&self, case: &CaseToken, words: Words) -> Result<Option<Known>, VaultError> {
        let look = || async {
            let Ok(vault) = self.0.vault() else { return Ok(None) };
            let state = self.0.state(case).ok().flatten();
            let Some(IdentifierState { version, seal: Some(_) }) = state else { return Ok(None) };
            let case = case.clone();
            offload(move || vault.known(&case, version).map(Some)).await.unwrap_or(Err(VaultError::Cipher))
        };
        match look().await {
            // The record may be about to change: journal and disk tell the same once that is done.
            Err(error) => match self.0.turn(words).await {
                Some(_alone) => look().await,
                None => Err(error),
            },
            known => known,
        }
    }

    // ---- for backups, which take what is sealed, also while the vault is closed ----

    pub async fn sealed_cases(&self) -> Result<Vec<CaseToken>, NotServed> {
        let folder = self.0.folder.clone();
        done(move || sealed_cases(&folder)).await
    }

    pub async fn sealed_record(&self, case: CaseToken) -> Result<Vec<u8>, NotServed> {
        let folder = self.0.folder.clone();
        done(move || sealed_record(&folder, &case)).await
    }
}

/// What is held against texts before they go out.
#[derive(Debug, Default)]
pub struct Held {
    /// Against those of each case; one of which nothing is kept is not in it.
    cases: BTreeMap<CaseToken, Against>,
    /// Against those that are of no case.
    others: Option<Against>,
}

/// Stands in place of the name of a template or an instrument, where that may say who a patient is.
const NAME_HELD_BACK: &str = "held-back";

/// What platen wrote into the thread of a case.
fn is_notice(fact: &Fact) -> bool {
    let Fact::Quality(quality::Fact { by: None, change, .. }) = fact else { return false };
    matches!(change, Change::Case { step: Step::MessagePosted { .. }, .. })
}

impl Held {
    fn replace<T: Serialize + DeserializeOwned>(&self, case: Option<&CaseToken>, thing: &mut T) {
        let against = match case {
            Some(case) => self.cases.get(case),
            None => self.others.as_ref(),
        };
        if let Some(held) = against.and_then(|against| hold_back(thing, against)) {
            *thing = held;
        }
    }

    /// What to call something of no case instead, where its name may say who a patient is, or looks as if it did.
    fn instead<N: std::fmt::Display + std::str::FromStr>(&self, name: &N, number: usize) -> Option<N> {
        let name = name.to_string();
        // A closed vault leaves names: they are what other things are found by.
        let known = self.others.as_ref().filter(|against| matches!(against, Against::Everybody(..)));
        let found = known.is_some_and(|against| against.finds(&name)) || pass(&name, &Known::none()).is_err();
        let number = if number == 0 { String::new() } else { format!("-{number}") };
        found.then(|| format!("{NAME_HELD_BACK}{number}").parse().ok()).flatten()
    }

    /// An entry as it may be told outside; `lab` is from before or after it.
    pub fn entry(&self, lab: &Lab, event: Event) -> Event {
        let case = story::case_of(lab, &event).cloned();
        self.entry_of(case.as_ref(), event)
    }

    /// The same where it is known of which case it is, so that nobody has to wait for the lab meanwhile.
    pub fn entry_of(&self, case: Option<&CaseToken>, mut event: Event) -> Event {
        if is_notice(&event.fact) {
            return event;
        }
        if case.is_some() || story::has_words_of_no_case(&event.fact) {
            self.replace(case, &mut event.fact);
        }
        if let Fact::Quality(fact) = &mut event.fact {
            self.rename(&mut fact.change);
        }
        event
    }

    fn rename(&self, change: &mut Change) {
        let (template, instrument) = match change {
            Change::Template { template } => (Some(&mut template.name), None),
            Change::Instrument { instrument } => (None, Some(&mut instrument.name)),
            Change::Inspection { measured, .. } => {
                (Some(&mut measured.template), measured.instrument.as_mut())
            }
            Change::Rules { .. }
            | Change::Case { .. }
            | Change::Part { .. }
            | Change::Printed { .. }
            | Change::Lot { .. }
            | Change::Loaded { .. }
            | Change::Unloaded { .. }
            | Change::MaterialUsed { .. }
            | Change::Printer { .. }
            | Change::Process { .. }
            | Change::ProcessGone { .. }
            | Change::ReportMade { .. }
            | Change::Nonconformance { .. } => (None, None),
        };
        if let Some(name) = template {
            *name = self.instead(name, 0).unwrap_or_else(|| name.clone());
        }
        if let Some(name) = instrument {
            *name = self.instead(name, 0).unwrap_or_else(|| name.clone());
        }
    }

    /// What of a lot may stand on its label.
    pub fn lot(&self, lot: &mut Lot) {
        self.replace(None, lot);
    }

    /// A copy of the lab, of which a report is made.
    pub fn lab(&self, lab: &mut Lab) {
        self.names(&mut lab.quality);
        if self.cases.is_empty() && self.others.is_none() {
            return;
        }
        lab.parts.values_mut().for_each(|of| self.replace(Some(&of.case.clone()), of));
        for (id, chain) in &mut lab.chains {
            if let Some(job) = lab.jobs.get(id) {
                self.replace(Some(&job.case), chain);
            }
        }
        lab.jobs.values_mut().for_each(|of| self.replace(Some(&of.case.clone()), of));
        // Everything is named, so that nothing that is new to it is forgotten here.
        let Quality {
            rules: _,
            cases,
            parts,
            revisions,
            builds: _,
            printed,
            processed,
            inspections,
            templates,
            instruments,
            lots,
            loads,
            printers,
            maintenance,
            nonconformances,
            signatures,
            efforts,
            costs,
            messages,
            assessments,
            confirmations,
            processes,
            reports: _,
        } = &mut lab.quality;
        cases.values_mut().for_each(|of| self.replace(Some(&of.case.clone()), of));
        for ((part, _), revision) in revisions {
            if let Some(of) = lab.parts.get(part) {
                self.replace(Some(&of.case), revision);
            }
        }
        parts.values_mut().for_each(|of| self.replace(Some(&of.case.clone()), of));
        printed.values_mut().for_each(|of| self.replace(Some(&of.serial.case.clone()), of));
        for ((serial, _), of) in processed {
            self.replace(Some(&serial.case), of);
        }
        for of in inspections.values_mut() {
            let case = of.measured.subject.serial().map(|serial| serial.case.clone());
            self.replace(case.as_ref(), of);
        }
        templates.values_mut().for_each(|of| self.replace(None, of));
        instruments.values_mut().for_each(|of| self.replace(None, of));
        lots.values_mut().for_each(|of| self.replace(None, of));
        loads.values_mut().for_each(|of| self.replace(None, of));
        printers.values_mut().for_each(|of| self.replace(None, of));
        maintenance.values_mut().for_each(|of| self.replace(None, of));
        processes.values_mut().for_each(|of| self.replace(None, of));
        for of in nonconformances.values_mut() {
            let case = of.case().cloned();
            self.replace(case.as_ref(), of);
        }
        for ((case, _), of) in signatures {
            self.replace(Some(case), of);
        }
        for ((case, _), of) in efforts {
            self.replace(Some(case), of);
        }
        for ((case, _), of) in costs {
            self.replace(Some(case), of);
        }
        for ((case, _), of) in messages.iter_mut().filter(|(_, of)| of.by.is_some()) {
            self.replace(Some(case), of);
        }
        for (case, of) in assessments {
            self.replace(Some(case), of);
        }
        for (case, of) in confirmations {
            self.replace(Some(case), of);
        }
    }

    /// Templates and instruments whose names are held back have one name everywhere, so that they are still found.
    fn names(&self, quality: &mut Quality) {
        let (mut templates, mut instruments) = (BTreeMap::new(), BTreeMap::new());
        for (name, _) in quality.templates.keys() {
            if templates.contains_key(name) {
                continue;
            }
            if let Some(instead) = self.instead(name, templates.len() + 1) {
                templates.insert(name.clone(), instead);
            }
        }
        for name in quality.instruments.keys() {
            if let Some(instead) = self.instead(name, instruments.len() + 1) {
                instruments.insert(name.clone(), instead);
            }
        }
        let rename = |template: &mut TemplateName| {
            if let Some(instead) = templates.get(template) {
                *template = instead.clone();
            }
        };
        let rename_instrument = |instrument: &mut InstrumentName| {
            if let Some(instead) = instruments.get(instrument) {
                *instrument = instead.clone();
            }
        };
        for ((mut name, version), mut of) in std::mem::take(&mut quality.templates) {
            rename(&mut name);
            rename(&mut of.name);
            quality.templates.insert((name, version), of);
        }
        for (mut name, mut of) in std::mem::take(&mut quality.instruments) {
            rename_instrument(&mut name);
            rename_instrument(&mut of.name);
            quality.instruments.insert(name, of);
        }
        for of in quality.inspections.values_mut() {
            rename(&mut of.measured.template);
            of.measured.instrument.iter_mut().for_each(rename_instrument);
        }
    }
}

#[cfg(test)]
mod tests;
