//! What systemd hears of the daemon, what it feeds the watchdog by, and what is done behind a daemon that ended badly.

use std::sync::{Arc, Condvar, Mutex};

use platen::io::serial::{Dial, DialError, Wire};
use platen::io::store::memory::MemoryStore;
use platen::services::pulse::Pulses;

use crate::planned::{Systemd, are_hot, are_off, lab, printing};
use crate::world::{BOUND, Lab, Tended, gcode, journal, setup, until};

#[test]
fn systemd_hears_that_it_is_ready_when_the_page_answers_then_is_fed_and_hears_of_the_end() {
    let lab = lab(2);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let daemon = systemd.serve_with(&lab, &[("WATCHDOG_USEC", "3000000")]);
    let heard = |word: &str| systemd.heard().iter().filter(|line| *line == word).count();
    until("READY=1", || (heard("READY=1") == 1).then_some(()));
    let answer = daemon.agent.get(format!("{}/healthz", daemon.url)).call().unwrap();
    assert_eq!(answer.status(), 200);
    until("a watchdog that is fed again and again", || (heard("WATCHDOG=1") >= 3).then_some(()));
    let so_far = systemd.heard();
    let at = |word: &str| so_far.iter().position(|line| line == word).unwrap();
    assert!(at("READY=1") < at("WATCHDOG=1"), "{so_far:?}");
    assert!(so_far.iter().any(|line| line == "STATUS=0 of 2 printers have a job"), "{so_far:?}");
    assert_eq!(daemon.terminate().code, Some(0));
    let end = || {
        let heard = systemd.heard();
        let from = heard.iter().position(|line| line == "STOPPING=1")?;
        heard
            .iter()
            .any(|line| line == "STATUS=ending: the journal is closed")
            .then(|| heard[from..].to_vec())
    };
    let end = until("the end in words", end);
    assert!(end.iter().any(|line| line.starts_with("EXTEND_TIMEOUT_USEC=")), "{end:?}");
    assert!(!end.iter().any(|line| line == "WATCHDOG=1" || line == "READY=1"), "{end:?}");
}

#[test]
fn without_a_watchdog_nothing_is_fed() {
    let lab = Lab::one();
    let systemd = Systemd::new(lab.folder.path()).listening();
    for of in ["1", ""] {
        let daemon = systemd.serve_with(&lab, &[("WATCHDOG_USEC", "100000"), ("WATCHDOG_PID", of)]);
        until("READY=1", || systemd.heard().iter().any(|line| line == "READY=1").then_some(()));
        daemon.terminate();
        let heard = systemd.heard();
        assert!(!heard.iter().any(|line| line == "WATCHDOG=1"), "of process {of:?}: {heard:?}");
    }
}

#[test]
fn behind_a_crash_printers_stay_hot_for_the_next_daemon_and_behind_a_stop_that_failed_they_do_not() {
    let lab = lab(2);
    let systemd = Systemd::new(lab.folder.path()).listening();
    let daemon = systemd.serve(&lab);
    printing(&lab, &daemon, "education", &gcode(20_000));
    daemon.crash();
    for (plan, code, status) in [
        ("", "killed", "KILL"),
        ("restart", "killed", "KILL"),
        ("", "dumped", "ABRT"),
        ("start", "exited", "1"),
        ("stop", "exited", "0"),
    ] {
        systemd.plan(plan);
        let told = systemd.after_stop(&lab, code, status);
        assert!(told.code == Some(0) && told.out.is_empty(), "{plan} {code} {status}: {told:?}");
        assert!(are_hot(&lab), "{plan} {code} {status}");
    }
    systemd.plan("stop");
    let told = systemd.after_stop(&lab, "killed", "KILL");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(are_off(&lab), "{told:?}");
    assert!(systemd.heard().iter().any(|line| line == "EXTEND_TIMEOUT_USEC=400000000"));
}

/// A driver that takes as long as it is made to.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<(Mutex<bool>, Condvar)>);

impl Slow {
    fn let_go(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

impl Dial for Slow {
    fn dial(&self) -> Result<Box<dyn Wire>, DialError> {
        let (done, changed) = &*self.0;
        drop(changed.wait_while(done.lock().unwrap(), |done| !*done).unwrap());
        Err(DialError::Missing("/dev/slow".into()))
    }
}

/// Lets the driver go, whatever becomes of the test: its thread would be waited for.
struct LetGo(Slow);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

async fn fed_again(pulses: &mut Pulses, what: &str) {
    for _ in 0..2 {
        let fed = async {
            while !pulses.feed() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, fed).await.expect(what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_beats_while_it_is_connected_away_and_opened_slowly_and_no_more_when_its_task_is_over() {
    let lab = Lab::one();
    let (recorder, clock) = journal(Arc::new(MemoryStore::default())).await;
    let mut pulses = Pulses::default();
    let connected = setup(&lab.printers[0], &recorder, &clock);
    let mut connected =
        Tended::new(platen::services::printer::Setup { pulse: pulses.watch("mk"), ..connected });
    connected.ready().await;
    fed_again(&mut pulses, "connected").await;
    connected.end().await;
    pulses.feed();
    assert_eq!((pulses.feed(), pulses.still()), (false, vec!["mk"]));

    let slow = Slow::default();
    let _let_go = LetGo(slow.clone());
    let mut pulses = Pulses::default();
    let (dial, pulse) = (Arc::new(slow.clone()), pulses.watch("slow"));
    let away = platen::services::printer::Setup { dial, pulse, ..setup(&lab.printers[0], &recorder, &clock) };
    let away = Tended::new(away);
    fed_again(&mut pulses, "its driver hangs").await;
    slow.let_go();
    fed_again(&mut pulses, "its port is not there").await;
    away.end().await;
}
