//! A lock holds before it is in the journal: in one process, so that the journal can be full.

use std::sync::Arc;

use hw_sim::pty::Printer;
use hw_sim::quirks::Face;
use platen::control::session::Profile;
use platen::domain::ids::{BootId, PrinterName};
use platen::domain::printer::{Activity, Snapshot};
use platen::domain::units::Baud;
use platen::io::clock::{Clock, entropy};
use platen::io::serial::SerialDial;
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::protocol::window::Capacity;
use platen::services::board::Board;
use platen::services::fleet::{Fleet, NotDone, Order};
use platen::services::printer::{Setup, spawn};
use platen::services::recorder::Recorder;
use platen::services::relay::Relay;
use tokio_util::sync::CancellationToken;

use crate::world::{BOUND, printer};

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_the_full_disk_does_not_take_locks_the_printer_over_a_replug_until_it_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let mut board = Printer::spawn_all(vec![board]).unwrap().remove(0);
    let store = Arc::new(MemoryStore::default());
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
    let recorder =
        Recorder::open(Arc::clone(&store) as Arc<dyn Store>, clock.clone(), site, node).await.unwrap();
    let name: PrinterName = "mk".parse().unwrap();
    let (baud, shutdown) = (Baud(115_200), CancellationToken::new());
    let setup = Setup {
        name: name.clone(),
        profile: Profile::new(baud, Capacity { receive_bytes: 127, queue_slots: 0 }),
        dial: Arc::new(SerialDial { path: board.path().to_owned(), baud }),
        recorder: recorder.clone(),
        clock,
        relay: Relay::absent(),
        ports: Arc::default(),
    };
    let (lanes, mut live, task) = spawn(setup, shutdown.clone());
    let fleet = Fleet::new([(name.clone(), lanes)].into(), Board::new(vec![(name.clone(), live.clone())]));
    let ready = |snapshot: &Arc<Snapshot>| snapshot.activity == Activity::Ready;
    within("a ready printer", live.wait_for(ready)).await.unwrap();

    store.set_full(true);
    assert_eq!(fleet.stop(None, "kim").await.unwrap(), [(name.clone(), true)]);
    let without_port = |snapshot: &Arc<Snapshot>| snapshot.firmware.is_none();
    board.unplug().unwrap();
    let seen = within("a closed port", live.wait_for(without_port)).await.unwrap().activity.clone();
    assert_eq!(seen, Activity::Stopped, "and not merely offline");
    assert!(recorder.read(|lab| lab.printer(&name).latch.is_none()), "the disk has taken nothing");
    board.plug_in().unwrap();
    board.press_reset().unwrap();
    let clear = || fleet.order(&name, Order::Clear { by: "kim".into() });
    let refused = within("an answer", clear()).await;
    assert!(matches!(refused, Err(NotDone::NotRecorded(_))), "{refused:?}");
    assert_eq!(live.borrow().activity, Activity::Stopped);

    store.set_full(false);
    let cleared = async {
        while clear().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within("a lock that is written down and cleared", cleared).await;
    within("a ready printer again", live.wait_for(ready)).await.unwrap();

    // Cleared while its port is open: that is closed for a moment, and nobody is told that it is gone.
    fleet.stop(None, "kim").await.unwrap();
    within("a stopped printer", live.wait_for(|seen| seen.activity == Activity::Stopped)).await.unwrap();
    let cleared = async {
        while clear().await.is_err() {
            tokio::task::yield_now().await;
        }
        board.press_reset().unwrap();
        loop {
            let seen = live.borrow_and_update().activity.clone();
            assert!(!matches!(seen, Activity::Offline { .. }), "{seen:?}");
            if seen == Activity::Ready {
                break;
            }
            live.changed().await.unwrap();
        }
    };
    within("a printer that is cleared and ready", cleared).await;
    shutdown.cancel();
    within("the end of the task", task).await.unwrap();
}
