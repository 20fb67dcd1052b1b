//! The desk of the vault: who a case is for is kept, read and erased here, each in the journal before it is done.
//!
//! ```text
//! keep:   sealed, on the disk ─▶ journal ─▶ it counts        erase: journal ─▶ the record is gone
//! read:   can it be opened? ─▶ journal ─▶ shown, once        hold:  for the guard, shown to nobody
//! ```
//! A vault that cannot be opened is closed, and everything else goes on: the log says why, and what to do. A closed
//! vault shows nothing and takes nothing, and of what people wrote about its cases no report has a word.
//!
//! One thing at a time is done at the desk: what the journal tells of a case and what lies on the disk do not part in
//! between. What has begun goes on when its asker goes away. The disk is waited for by other threads.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::recorder::{NotRecorded, Recorder};
use crate::config::VaultKey;
use crate::domain::event::{Actor, Event, Fact};
use crate::domain::identifiers::{
    ErasingReason, IdentifierRequest, IdentifierState, Identifiers, ReadingReason,
};
use crate::domain::ids::{BootId, CaseToken};
use crate::domain::lab::{Lab, Refusal, Request};
use crate::domain::people::name::UserName;
use crate::domain::privacy::{Against, Found, find_in_words, hold_back};
use crate::domain::quality::case::Step;
use crate::domain::quality::{self, Change};
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

    async fn ask(&self, request: IdentifierRequest, by: &UserName) -> Result<Vec<Arc<Event>>, NotRecorded> {
        self.recorder.submit(Request::Identifiers(Box::new(request)), Actor::Person(by.to_string())).await
    }

    fn state(&self, case: &CaseToken) -> Result<Option<IdentifierState>, Refusal> {
        self.recorder.read(|lab| lab.case(case).map(|of| of.identifiers.clone()))
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
            let version = inner.state(&case)?.map_or(0, |state| state.version) + 1;
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
            done(move || vault.settle(prepared, &kept).map_err(NotServed::NotFinished)).await?;
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
            let vault = inner.vault()?;
            let request = IdentifierRequest::Erase { case, reason, by: by.to_string() };
            let erasing = proof(&inner.ask(request, &by).await?, Erasing::journaled)?;
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
            let resealed = done(move || vault.reseal()).await?;
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

    /// For what goes out about one case, or about all of them.
    pub async fn held(&self, case: Option<CaseToken>) -> Held {
        Held(self.holds(case).await)
    }

    /// What the vault has of a case in the free texts of something that comes in. Where the vault is closed nothing
    /// is found: work goes on, and on the ways out no free text of the case passes.
    pub async fn found_in<T: Serialize + DeserializeOwned>(&self, case: &CaseToken, thing: &T) -> Vec<Found> {
        match self.holds(Some(case.clone())).await.remove(case) {
            Some(Against::Known(known)) => find_in_words(thing, &known),
            Some(Against::Everything) | None => Vec::new(),
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

/// What is held against the texts of each case before they go out.
#[derive(Debug, Default)]
pub struct Held(BTreeMap<CaseToken, Against>);

/// What platen wrote into the thread of a case.
fn is_notice(fact: &Fact) -> bool {
    let Fact::Quality(quality::Fact { by: None, change }) = fact else { return false };
    matches!(change, Change::Case { step: Step::MessagePosted { .. }, .. })
}

impl Held {
    fn replace<T: Serialize + DeserializeOwned>(&self, case: &CaseToken, thing: &mut T) {
        if let Some(held) = self.0.get(case).and_then(|against| hold_back(thing, against)) {
            *thing = held;
        }
    }

    /// An entry as it may be told outside; `lab` is from before or after it.
    pub fn entry(&self, lab: &Lab, mut event: Event) -> Event {
        if is_notice(&event.fact) {
            return event;
        }
        let case = story::case_of(lab, &event).filter(|case| self.0.contains_key(*case)).cloned();
        if let Some(case) = case {
            self.replace(&case, &mut event.fact);
        }
        event
    }

    /// A copy of the lab, of which a report is made.
    pub fn lab(&self, lab: &mut Lab) {
        if self.0.is_empty() {
            return;
        }
        let quality = &mut lab.quality;
        lab.parts.values_mut().for_each(|of| self.replace(&of.case.clone(), of));
        for (id, chain) in &mut lab.chains {
            if let Some(job) = lab.jobs.get(id) {
                self.replace(&job.case, chain);
            }
        }
        lab.jobs.values_mut().for_each(|of| self.replace(&of.case.clone(), of));
        quality.cases.values_mut().for_each(|of| self.replace(&of.case.clone(), of));
        for ((part, _), revision) in &mut quality.revisions {
            if let Some(of) = lab.parts.get(part) {
                self.replace(&of.case, revision);
            }
        }
        quality.parts.values_mut().for_each(|of| self.replace(&of.case.clone(), of));
        quality.printed.values_mut().for_each(|of| self.replace(&of.serial.case.clone(), of));
        for ((serial, _), of) in &mut quality.processed {
            self.replace(&serial.case, of);
        }
        for of in quality.inspections.values_mut() {
            let serial = of.measured.subject.serial().cloned();
            if let Some(serial) = serial {
                self.replace(&serial.case, of);
            }
        }
        for of in quality.nonconformances.values_mut() {
            if let Some(case) = of.case().cloned() {
                self.replace(&case, of);
            }
        }
        for ((case, _), of) in &mut quality.efforts {
            self.replace(case, of);
        }
        for ((case, _), of) in quality.costs {
            self.replace(case, of);
        }
        for ((case, _), of) in &mut quality.messages.iter_mut().filter(|(_, of)| of.by.is_some()) {
            self.replace(case, of);
        }
        for (case, of) in &mut quality.assessments {
            self.replace(case, of);
        }
    }
}

#[cfg(test)]
mod tests;
