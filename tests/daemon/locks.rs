//! A lock holds before it is in the journal: in one process, so that the journal can be full.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use hw_sim::pty::Printer;
use hw_sim::quirks::Face;
use platen::domain::event::Actor;
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Snapshot, StopProof};
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::services::fleet::{NotDone, Order};
use tokio::sync::watch;

use crate::world::{Tended, journal, printer, setup, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_the_full_disk_does_not_take_locks_the_printer_over_a_replug_until_it_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let mut board = Printer::spawn_all(vec![board]).unwrap().remove(0);
    let store = Arc::new(MemoryStore::default());
    let (recorder, clock) = journal(Arc::clone(&store) as Arc<dyn Store>).await;
    let setup = setup(&board, &recorder, &clock);
    let name = setup.name.clone();
    let mut tended = Tended::new(setup);
    tended.ready().await;
    let (fleet, mut live) = (tended.fleet.clone(), tended.live.clone());

    store.set_full(true);
    assert_eq!(fleet.stop(None, "kim").await.unwrap(), [(name.clone(), true)]);
    let without_port = |snapshot: &Arc<Snapshot>| snapshot.firmware.is_none();
    board.unplug().unwrap();
    let seen = within("a closed port", live.wait_for(without_port)).await.unwrap().activity.clone();
    assert_eq!(seen, Activity::Stopped, "and not merely offline");
    assert!(recorder.read(|lab| lab.printer(&name).latch.is_none()), "the disk has taken nothing");
    board.plug_in().unwrap();
    board.press_reset().unwrap();
    let clear = || fleet.order(&name, Order::Clear { by: "kim".into(), since: None });
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
    tended.ready().await;

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
    tended.end().await;
}

/// Sees what a printer shows in the very moment in which whoever waits is woken.
struct Looking {
    live: watch::Receiver<Arc<Snapshot>>,
    seen: Mutex<Activity>,
    waiting: Waker,
}

impl Wake for Looking {
    fn wake(self: Arc<Self>) {
        *self.seen.lock().unwrap() = self.live.borrow().activity.clone();
        self.waiting.wake_by_ref();
    }
}

/// What the printer shows when an order is answered with yes.
async fn shown_with_the_answer(tended: &Tended, order: Order) -> Activity {
    let waiting = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
    let (live, seen) = (tended.live.clone(), Mutex::new(Activity::Ready));
    let name = live.borrow().printer.clone();
    let looking = Arc::new(Looking { live, seen, waiting });
    let waker = Waker::from(Arc::clone(&looking));
    let mut ordered = pin!(tended.fleet.order(&name, order));
    let answer = poll_fn(|_| ordered.as_mut().poll(&mut Context::from_waker(&waker)));
    within("an answer", answer).await.unwrap();
    looking.seen.lock().unwrap().clone()
}

#[tokio::test]
async fn whoever_clears_a_printer_is_shown_that_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let board = Printer::spawn_all(vec![board]).unwrap().remove(0);
    let (recorder, clock) = journal(Arc::new(MemoryStore::default())).await;
    let setup = || setup(&board, &recorder, &clock);
    let (name, by) = (setup().name, || "kim".to_owned());
    // An earlier daemon has stopped it, and knows that it has.
    for request in [
        Request::NoteStopped { printer: name.clone(), by: by() },
        Request::NoteStopVerified { printer: name.clone(), proof: StopProof::KillLine },
    ] {
        recorder.submit(request, Actor::Platen).await.unwrap();
    }
    let mut tended = Tended::new(setup());
    let stopped = |seen: &Arc<Snapshot>| seen.activity == Activity::Stopped;
    within("a locked printer", tended.live.wait_for(stopped)).await.unwrap();
    assert_eq!(
        shown_with_the_answer(&tended, Order::Clear { by: by(), since: None }).await,
        Activity::Connecting
    );

    // The same while its port is open.
    tended.ready().await;
    tended.fleet.stop(None, "kim").await.unwrap();
    let stopped = || recorder.read(|lab| lab.printer(&name).stop.proof.is_some());
    let mut feed = recorder.subscribe();
    let confirmed = async {
        while !stopped() {
            feed.recv().await.unwrap();
        }
    };
    within("a confirmed stop", confirmed).await;
    assert_eq!(
        shown_with_the_answer(&tended, Order::Clear { by: by(), since: None }).await,
        Activity::Connecting
    );
    tended.end().await;
}
