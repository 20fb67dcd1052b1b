//! Kill -9 of the daemon in mid-print, again and again at random: what was acknowledged is there, nothing starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use hw_sim::ledger::stream_hash_of;
use hw_sim::pty::Handle;
use hw_sim::quirks::Face;
use hw_sim::random::Random;
use hw_sim::rig::Statistics;
use platen::io::store::sled::SledStore;
use platen::services::journal::{audit, load};
use serde_json::{Value, json};

use crate::world::{Daemon, Lab, gcode, printer, until, wait_commands};

/// By hand, `PLATEN_KILLS=200`.
const KILLS: usize = 40;
const PRINTERS: [&str; 2] = ["mk-new", "mk-old"];

/// Two printers that differ in what is hard for a host: one resets when its port is opened.
fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let new = printer(folder.path(), PRINTERS[0], Face::Marlin21, 20.0);
    let mut old = printer(folder.path(), PRINTERS[1], Face::Marlin11, 20.0);
    old.rig.firmware.reset_on_open = true;
    let lab = Lab::new(folder, vec![new, old], "");
    // Jobs that go on after a crash are in `restart`.
    lab.configure("[restart]\ncontinue = []\nask = []", "");
    lab
}

/// Opens cases until the daemon is gone; gives those that it said yes to.
fn busy_front_desk(daemon: &Daemon, into: &Arc<Mutex<Vec<String>>>) -> std::thread::JoinHandle<()> {
    let (agent, url, into) = (daemon.agent.clone(), format!("{}/v1/cases", daemon.url), Arc::clone(into));
    std::thread::spawn(move || {
        // Enough to have one in flight at most kills, few enough to keep the journal short.
        for _ in 0..200 {
            let Ok(mut answer) = agent.post(&url).send_json(json!({"intended_use": "guide"})) else { return };
            let Ok(case) = answer.body_mut().read_json::<Value>() else { return };
            into.lock().unwrap().push(case["token"].as_str().unwrap().to_owned());
        }
    })
}

/// `seq` without a gap over the journal, `job_seq` without a gap over each job, `outbox_seq` over all of them.
pub(crate) fn assert_gapless(events: &[Value]) {
    let mut jobs = BTreeMap::<String, u64>::new();
    let mut published = 0;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], json!(index + 1));
        let subject = &event["subject"];
        if subject.is_null() {
            continue;
        }
        published += 1;
        assert_eq!(subject["outbox_seq"], json!(published));
        let last = jobs.entry(subject["job"].as_str().unwrap().to_owned()).or_default();
        *last += 1;
        assert_eq!(subject["job_seq"], json!(*last), "{event}");
    }
}

/// The printer when it has done everything that was on its way to it.
pub(crate) fn stands_still(printer: &Handle) -> Statistics {
    let mut last = printer.statistics().unwrap();
    let mut same = 0;
    until("a printer that stands still", || {
        let now = printer.statistics().unwrap();
        let still = now.idle && (now.commands, &now.to_device) == (last.commands, &last.to_device);
        same = if still { same + 1 } else { 0 };
        last = now;
        // The kernel still holds bytes of a killed host for a moment.
        (same > 10).then(|| last.clone())
    })
}

/// What a host may send to a printer that it finds after a crash: that its heaters are to be off.
fn only_heaters_off(statistics: &Statistics, from_segment: usize) {
    let off = ["", "M104 S0\n", "M140 S0\n", "M104 S0\nM140 S0\n"];
    let off = off.map(|text| stream_hash_of(text.as_bytes()).unwrap().hash_hex);
    for segment in &statistics.segments[from_segment..] {
        assert!(off.contains(&segment.stream_hash), "{} executed {segment:?}", statistics.name);
    }
}

/// The journal as the kill left it, before any daemon writes to it again: whole, and with all that was
/// acknowledged. How many entries it has.
fn as_left(lab: &Lab, acknowledged: &[String]) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(lab.state().join("journal")).unwrap().map(Result::unwrap) {
        let is_reserve = entry.file_name().to_string_lossy().starts_with("ballast");
        if entry.file_type().unwrap().is_file() && !is_reserve {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let store = SledStore::open(copy.path()).unwrap();
    let (kept, _) = load(&store).unwrap();
    for token in acknowledged {
        assert!(
            kept.cases.contains_key(&token.parse().unwrap()),
            "case {token} was acknowledged and is gone"
        );
    }
    audit(&store).unwrap().entries
}

#[test]
fn a_daemon_killed_again_and_again_in_mid_print_loses_nothing_and_starts_nothing_again() {
    let kills = std::env::var("PLATEN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let lab = lab();
    let file = lab.file("long.gcode", &gcode(30_000));
    let mut random = Random::fork(20_261_123, "kills");
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let (mut interrupted, mut parts) = (BTreeSet::new(), Vec::new());
    let mut daemon = lab.serve();
    let case = daemon.case();
    // On each printer one job runs, and one waits for its bed.
    let mut running = PRINTERS.map(|name| daemon.print(&file, &case, name));
    let mut waiting = PRINTERS.map(|name| daemon.print(&file, &case, name));
    for kill in 0..kills {
        for job in &running {
            daemon.wait_job(job, "printing");
        }
        let desk = busy_front_desk(&daemon, &acknowledged);
        let part = daemon.ask(&["cases", "add-part", &case, &format!("part of kill {kill}")]);
        parts.push(part["id"].clone());
        let before = lab.printers[0].statistics().unwrap().commands;
        let before_kill = daemon.get("/healthz")["journal"].as_u64().unwrap();
        // From the first line of the job on.
        wait_commands(&lab.printers[0], before + random.below(1_500));
        daemon.crash();
        desk.join().unwrap();
        // What was on its way to the printers still arrives; from here on, every line is one too many.
        let left: Vec<_> = lab.printers.iter().map(stands_still).collect();

        let found = as_left(&lab, acknowledged.lock().unwrap().as_slice());
        assert!(found >= before_kill, "kill {kill}: {found} entries, and {before_kill} were there before");
        daemon = lab.serve();
        let audit = daemon.platen(&["audit"]);
        assert!(audit.code == Some(0) && audit.out.starts_with("intact: "), "kill {kill}: {audit:?}");
        for (index, name) in PRINTERS.iter().enumerate() {
            let ready = daemon.wait_printer(name, "ready");
            assert_eq!(ready["on_bed"], running[index], "kill {kill}");
            let job = daemon.job(&running[index]);
            assert_eq!(job["state"], "interrupted", "kill {kill}: {job}");
            assert_eq!(job["why"], "platen ended while the job was running", "kill {kill}");
            interrupted.insert(running[index].clone());
            let next = daemon.job(&waiting[index]);
            assert_eq!(next["state"], "queued", "kill {kill}: {next}");
            assert!(next["waiting"].to_string().contains("bed"), "kill {kill}: {next}");
        }
        // Every change of the journal makes the dispatcher look again, the printers stay as they are.
        let later = PRINTERS.map(|name| daemon.print(&file, &case, name));
        if kill % 7 == 0 {
            until("a look around without any reason", || {
                daemon.get("/healthz")["uptime_ms"].as_u64().filter(|millis| *millis > 5_000)
            });
        }
        for (index, name) in PRINTERS.iter().enumerate() {
            until("cold heaters", || {
                let now = daemon.printer(name);
                assert_eq!(now["state"], "ready", "kill {kill}: {now}");
                let target = |heater: &str| now["temperatures"][heater]["target"].as_f64();
                (target("hotend") == Some(0.0) && target("bed") == Some(0.0)).then_some(())
            });
            let statistics = lab.printers[index].statistics().unwrap();
            only_heaters_off(&statistics, left[index].segments.len());
            let grown = statistics.commands - left[index].commands;
            assert!(grown <= 2, "kill {kill}: {name} executed {grown} commands after the restart");
            assert_eq!(daemon.job(&waiting[index])["state"], "queued", "kill {kill}");
        }
        let known: BTreeSet<_> = daemon
            .get("/v1/cases")
            .as_array()
            .unwrap()
            .iter()
            .map(|case| case["token"].as_str().unwrap().to_owned())
            .collect();
        for token in acknowledged.lock().unwrap().iter() {
            assert!(known.contains(token), "kill {kill}: case {token} was acknowledged and is gone");
        }
        let shown = daemon.get(&format!("/v1/cases/{case}"));
        let shown: Vec<_> = shown["parts"].as_array().unwrap().iter().map(|part| &part["id"]).collect();
        assert!(parts.iter().all(|part| shown.contains(&part)), "kill {kill}: a part is gone");
        for job in &interrupted {
            assert_eq!(daemon.job(job)["state"], "interrupted", "kill {kill}");
        }
        assert_gapless(&daemon.events());

        running = waiting;
        waiting = later;
        for name in PRINTERS {
            daemon.ask(&["printers", "clear", name, "--by", "kim"]);
        }
    }
    assert_eq!(interrupted.len(), kills * PRINTERS.len());
    assert!(!acknowledged.lock().unwrap().is_empty());
    // A job that nobody disturbs is printed after all that.
    for job in &running {
        daemon.wait_job(job, "printing");
    }
    let told = daemon.terminate();
    assert_eq!(told.code, Some(0), "{told:?}");
}
