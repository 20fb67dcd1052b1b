//! Whether all that must live lives: each says so by itself, and the watchdog is fed when all have since it was fed last.
//!
//! ```text
//! Beginning ──all have beaten once──▶ Fed ──all have beaten again──▶ Fed …
//!                                      └──one has not──▶ Hungry ──the watchdog's patience──▶ (systemd ends us)
//! ```
//! What beats is the task, not what it waits for: one whose board is slow, or away, beats on.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::recorder::{NotRecorded, Recorder};

/// How often a task beats, at least, while it waits for what may take long.
const BEAT: Duration = Duration::from_secs(2);
/// How often the store is asked.
const ASK_STORE: Duration = Duration::from_secs(1);
/// At the beginning it is looked so often whether all live.
const LOOK_AT_FIRST: Duration = Duration::from_millis(20);
/// Of the watchdog's patience, it is looked so often.
const LOOKS: u32 = 6;

/// One that must live. Cheap to clone; all clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// It lives.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats while `wait` goes on: what is waited for may take as long as it likes, the task that waits may not.
    pub async fn during<T>(&self, wait: impl Future<Output = T>) -> T {
        tokio::pin!(wait);
        loop {
            self.beat();
            if let Ok(done) = timeout(BEAT, &mut wait).await {
                self.beat();
                return done;
            }
        }
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Watched {
    name: String,
    pulse: Pulse,
    /// Its beats when the watchdog was fed last.
    counted: u64,
}

/// All that must live.
#[derive(Debug, Default)]
pub struct Pulses(Vec<Watched>);

impl Pulses {
    /// One more, by the name under which it is missed.
    pub fn watch(&mut self, name: impl Into<String>) -> Pulse {
        let pulse = Pulse::default();
        self.0.push(Watched { name: name.into(), pulse: pulse.clone(), counted: 0 });
        pulse
    }

    /// Those that have not beaten since the last feeding.
    pub fn still(&self) -> Vec<&str> {
        let still = self.0.iter().filter(|one| one.pulse.count() == one.counted);
        still.map(|one| one.name.as_str()).collect()
    }

    /// Whether the watchdog may be fed; if so, all have to beat anew before the next time.
    pub fn feed(&mut self) -> bool {
        let all = self.still().is_empty();
        if all {
            for one in &mut self.0 {
                one.counted = one.pulse.count();
            }
        }
        all
    }

    /// Until every one has beaten once.
    pub async fn begun(&self) {
        while !self.still().is_empty() {
            tokio::time::sleep(LOOK_AT_FIRST).await;
        }
    }
}

/// What is said of how things are, at each look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// All live.
    Fed,
    /// These have not beaten for so long, and the watchdog gets nothing.
    Hungry { still: Vec<String>, since: Duration },
}

/// Looks, until `ending`, several times within the watchdog's patience, and tells what it sees.
pub async fn watch(
    mut pulses: Pulses,
    patience: Duration,
    ending: CancellationToken,
    mut tell: impl FnMut(Look),
) {
    let mut fed = Instant::now();
    let mut look = tokio::time::interval(patience / LOOKS);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while ending.run_until_cancelled(look.tick()).await.is_some() {
        if pulses.feed() {
            fed = Instant::now();
            tell(Look::Fed);
        } else {
            let still = pulses.still().into_iter().map(str::to_owned).collect();
            tell(Look::Hungry { still, since: fed.elapsed() });
        }
    }
}

/// Beats as long as the store answers; that it has no room is an answer, too.
pub async fn of_store(recorder: Recorder, pulse: Pulse, ending: CancellationToken) {
    let asking = async {
        while !matches!(recorder.probe().await, Err(NotRecorded::Closed)) {
            pulse.beat();
            tokio::time::sleep(ASK_STORE).await;
        }
    };
    let _ = ending.run_until_cancelled(asking).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};
    use tokio::sync::mpsc;

    use crate::domain::ids::BootId;
    use crate::io::clock::{Clock, entropy};
    use crate::io::store::memory::MemoryStore;
    use crate::io::store::{Batch, Store, StoreError};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn looks(pulses: Pulses, ending: &CancellationToken) -> mpsc::UnboundedReceiver<Look> {
        let (told, looks) = mpsc::unbounded_channel();
        let tell = move |look| {
            let _ = told.send(look);
        };
        tokio::spawn(watch(pulses, PATIENCE, ending.clone(), tell));
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn one_task_that_is_stuck_among_many_starves_the_watchdog_until_it_lives_again() {
        let (mut pulses, ending) = (Pulses::default(), CancellationToken::new());
        for number in 0..31 {
            let pulse = pulses.watch(format!("printer p{number}"));
            // Waits for a board that never answers.
            tokio::spawn(async move { pulse.during(std::future::pending::<()>()).await });
        }
        let last = pulses.watch("printer stuck");
        assert_eq!(pulses.still().len(), 32);
        last.beat();
        pulses.begun().await;
        let mut looks = looks(pulses, &ending);
        assert_eq!(looks.recv().await, Some(Look::Fed));
        for passed in [10, 20, 30, 40, 50, 60, 70] {
            let hungry =
                Look::Hungry { still: vec!["printer stuck".to_owned()], since: Duration::from_secs(passed) };
            assert_eq!(looks.recv().await, Some(hungry));
        }
        last.beat();
        assert_eq!(looks.recv().await, Some(Look::Fed));
        assert!(matches!(looks.recv().await, Some(Look::Hungry { .. })), "one beat is one feeding");
        ending.cancel();
        while looks.recv().await.is_some() {}
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_lives_is_fed_for_well_within_the_patience() {
        let (mut pulses, ending) = (Pulses::default(), CancellationToken::new());
        let pulse = pulses.watch("a");
        tokio::spawn(async move { pulse.during(std::future::pending::<()>()).await });
        pulses.begun().await;
        let (mut looks, began) = (looks(pulses, &ending), Instant::now());
        for count in 0..360 {
            assert_eq!(looks.recv().await, Some(Look::Fed));
            assert_eq!(began.elapsed(), PATIENCE / LOOKS * count);
        }
    }

    /// A store that hangs while it is held, as a disk does.
    #[derive(Debug, Default)]
    struct Disk {
        store: MemoryStore,
        held: Mutex<bool>,
        changed: Condvar,
    }

    impl Disk {
        fn hold(&self, held: bool) {
            *self.held.lock().unwrap() = held;
            self.changed.notify_all();
        }

        fn wait(&self) -> &MemoryStore {
            drop(self.changed.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
            &self.store
        }
    }

    impl Store for Disk {
        fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
            self.wait().commit(batch)
        }

        fn ready(&self) -> Result<(), StoreError> {
            self.wait().ready()
        }

        fn events(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
            self.wait().events(from, limit)
        }

        fn last_event(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
            self.wait().last_event()
        }

        fn entities(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
            self.wait().entities()
        }

        fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            self.wait().meta(key)
        }

        fn all_meta(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
            self.wait().all_meta()
        }
    }

    /// Lets the disk go, whatever becomes of the test: its thread would be waited for.
    struct LetGo(Arc<Disk>);

    impl Drop for LetGo {
        fn drop(&mut self) {
            self.0.hold(false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_starves_the_watchdog_and_one_that_is_full_does_not() {
        let disk = Arc::new(Disk::default());
        let _let_go = LetGo(Arc::clone(&disk));
        let clock = Clock::start(BootId::from_entropy(entropy()));
        let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
        let recorder = Recorder::open(Arc::clone(&disk) as Arc<dyn Store>, clock, site, node).await.unwrap();
        let (mut pulses, ending) = (Pulses::default(), CancellationToken::new());
        let pulse = pulses.watch("the store");
        tokio::spawn(of_store(recorder.clone(), pulse, ending.clone()));
        pulses.begun().await;
        let mut looks = looks(pulses, &ending);
        disk.store.set_full(true);
        for _ in 0..10 {
            assert_eq!(looks.recv().await, Some(Look::Fed));
        }
        disk.hold(true);
        // Time does not pass by itself while a thread waits for the disk.
        let mut hungry = 0;
        while hungry < 12 {
            tokio::time::advance(Duration::from_secs(1)).await;
            while let Ok(look) = looks.try_recv() {
                match look {
                    // It may have answered since the last feeding, once.
                    Look::Fed => assert_eq!(hungry, 0, "fed by a store that hangs"),
                    Look::Hungry { still, .. } => {
                        assert_eq!(still, ["the store"]);
                        hungry += 1;
                    }
                }
            }
        }
        disk.hold(false);
        while looks.recv().await != Some(Look::Fed) {}
    }
}
