//! Plugs that are swapped, idle and in mid-print: on real ttys no board gets a line of the other one's job.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hw_sim::pty::{Handle, Printer, PrinterConfig};
use hw_sim::quirks::Face;
use platen::control::session::Profile;
use platen::domain::ids::BootId;
use platen::domain::printer::{Activity, Snapshot};
use platen::domain::units::Baud;
use platen::io::clock::{Clock, entropy};
use platen::io::serial::SerialDial;
use platen::io::store::Store;
use platen::io::store::memory::MemoryStore;
use platen::io::usb::{Device, Usb};
use platen::protocol::window::Capacity;
use platen::services::board::Board;
use platen::services::fleet::{Fleet, Order};
use platen::services::ports::{Plug, Ports};
use platen::services::printer::{Setup, spawn};
use platen::services::recorder::Recorder;
use platen::services::relay::Relay;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::relays::{note, noted, relay};
use crate::world::{BOUND, Daemon, Lab, executed, gcode, printer, until, wait_commands};

/// A board with a UUID of its own, or with the one that boards have by default.
fn board(folder: &Path, name: &str, uuid: Option<u8>) -> PrinterConfig {
    let mut config = printer(folder, name, Face::Marlin21, 20.0);
    if let Some(uuid) = uuid {
        config.rig.firmware.uuid = format!("6f1e0c52-{uuid:04}-4000-8000-5a4c0f9e0001");
    }
    config
}

/// The names that a host knows ports by, which lead to the boards' own links.
struct Sockets(PathBuf);

impl Sockets {
    fn path(&self, socket: &str) -> PathBuf {
        self.0.join(format!("socket-{socket}"))
    }

    /// As udev does it: at once, whatever it led to before.
    fn lead(&self, socket: &str, to: &str) {
        let new = self.0.join("new-link");
        symlink(self.0.join(to), &new).unwrap();
        fs::rename(new, self.path(socket)).unwrap();
    }

    fn straight(&self) {
        self.lead("a", "a");
        self.lead("b", "b");
    }

    fn crossed(&self) {
        self.lead("a", "b");
        self.lead("b", "a");
    }
}

/// Two printers, a and b, each on the socket of its name.
fn two() -> (Lab, Sockets) {
    two_with(|_| String::new())
}

/// The same, with more in each printer's section.
fn two_with(more: impl Fn(&Path) -> String) -> (Lab, Sockets) {
    let folder = tempfile::tempdir().unwrap();
    let boards = vec![board(folder.path(), "a", Some(1)), board(folder.path(), "b", Some(2))];
    let sockets = Sockets(folder.path().to_owned());
    sockets.straight();
    let more = more(folder.path());
    let lab = Lab::new(folder, boards, &more);
    let mut text = fs::read_to_string(&lab.config).unwrap();
    for name in ["a", "b"] {
        let (from, to) = (sockets.0.join(name), sockets.path(name));
        text = text.replace(&format!("port = {from:?}"), &format!("port = {to:?}"));
    }
    fs::write(&lab.config, text).unwrap();
    (lab, sockets)
}

fn unplug(lab: &Lab) {
    for board in &lab.printers {
        board.unplug().unwrap();
    }
}

fn plug_in(lab: &mut Lab) {
    for board in &mut lab.printers {
        board.plug_in().unwrap();
    }
}

fn quarantined(daemon: &Daemon, name: &str) -> Value {
    let printer = daemon.wait_printer(name, "quarantined");
    until("the quarantine in the journal", || {
        Some(daemon.printer(name)).filter(|printer| printer["quarantine"].is_object())
    });
    printer
}

/// The file that moves only on this side of the bed, and what tells its lines from the other's.
fn file(lab: &Lab, name: &str, moves: u32) -> String {
    let text = if name == "a" { gcode(moves) } else { gcode(moves).replace("G1 X1", "G1 X7") };
    lab.file(&format!("{name}.gcode"), &text)
}

/// Neither board ran a line of the other's file; each one's own moves.
fn own_moves(lab: Lab) -> Vec<usize> {
    let Lab { printers, folder, .. } = lab;
    let moves = printers.into_iter().map(|handle| {
        let name = handle.name().to_owned();
        let (_, lines) = executed(handle);
        // Moves are sent without spaces where the firmware takes them so.
        let moves: Vec<_> = lines.iter().map(|line| line.replace(' ', "")).collect();
        let moves: Vec<_> = moves.iter().filter(|line| line.starts_with("G1X")).collect();
        let other = if name == "a" { "G1X7" } else { "G1X1" };
        assert_eq!(moves.iter().find(|line| line.starts_with(other)), None, "on board {name}");
        moves.len()
    });
    let moves = moves.collect();
    drop(folder);
    moves
}

#[test]
fn plugs_swapped_in_mid_print_end_both_jobs_and_neither_board_gets_a_line_of_the_other() {
    let (mut lab, sockets) = two();
    let daemon = lab.serve();
    let case = daemon.case();
    let jobs = ["a", "b"].map(|name| daemon.print(&file(&lab, name, 20_000), &case, name));
    for handle in &lab.printers {
        wait_commands(handle, 100);
    }
    unplug(&lab);
    sockets.crossed();
    plug_in(&mut lab);
    for (name, other) in [("a", "b"), ("b", "a")] {
        let printer = quarantined(&daemon, name);
        let words = printer["words"].as_str().unwrap();
        assert!(words.contains("UUID") && words.contains(&format!("seems to be {other}")), "{words}");
        assert_eq!(daemon.printer(name)["quarantine"]["seems_to_be"], other);
    }
    for job in &jobs {
        assert_eq!(daemon.wait_job(job, "interrupted")["exact"], Value::Null);
    }
    // Nothing starts there, not even where the bed is said to be clear.
    daemon.ask(&["printers", "clear", "a", "--by", "kim"]);
    let next = daemon.print(&file(&lab, "a", 20_000), &case, "a");
    let waiting = daemon.job(&next)["waiting"].to_string();
    assert!(waiting.contains("quarantine"), "{waiting}");
    // Ours, hot, and without a job: switched off, though on the wrong port.
    for handle in &lab.printers {
        until("cold heaters", || (handle.statistics().unwrap().targets == [0.0, 0.0]).then_some(()));
    }
    // Each board back in its socket: known again by itself.
    unplug(&lab);
    sockets.straight();
    plug_in(&mut lab);
    daemon.wait_job(&next, "printing");
    until("no quarantine", || daemon.printer("b")["quarantine"].is_null().then_some(()));
    daemon.ask(&["jobs", "--cancel", &next, "--by", "kim"]);
    daemon.wait_job(&next, "cancelled");
    let kinds: Vec<_> = daemon.events().iter().map(|event| event["fact"]["type"].to_string()).collect();
    let count = |kind: &str| kinds.iter().filter(|known| known.contains(kind)).count();
    assert_eq!((count("printer_quarantined"), count("printer_recognised")), (2, 2), "{kinds:?}");
    daemon.terminate();
    let moves = own_moves(lab);
    assert!(moves.iter().all(|moves| *moves > 0), "{moves:?}");
}

#[test]
fn a_strangers_heat_is_not_shown_as_the_printers_whose_own_board_may_still_be_hot() {
    let (mut lab, sockets) = two();
    let daemon = lab.serve();
    daemon.wait_printer("b", "ready");
    let job = daemon.print(&file(&lab, "a", 20_000), &daemon.case(), "a");
    until("a hot nozzle", || {
        let heat = daemon.printer("a")["temperatures"]["hotend"]["actual"].as_f64();
        heat.filter(|actual| *actual > 60.0)
    });
    unplug(&lab);
    sockets.crossed();
    plug_in(&mut lab);
    let printer = quarantined(&daemon, "a");
    assert_eq!(printer["temperatures"]["hotend"], Value::Null, "{printer}");
    assert_eq!(printer["temperatures"]["bed"], Value::Null, "{printer}");
    let own = until("its own board's heat", || daemon.printer("a")["own_board"].as_str().map(str::to_owned));
    assert!(own.contains("its heaters may be on") && own.contains("it said: hotend"), "{own}");
    assert!(own.contains("°C of 200, heatbed"), "{own}");
    let told = daemon.platen(&["printers", "a"]);
    assert!(told.out.contains("it said: hotend") && !told.out.contains("  hotend "), "{}", told.out);
    assert!(daemon.page().contains("Its own board is out of reach"), "{}", daemon.page());
    daemon.wait_job(&job, "interrupted");
    let why = daemon.job(&job)["out_of_reach"].as_str().map(str::to_owned).unwrap();
    assert!(why.contains("another board is on the port of a") && why.contains("it said: hotend"), "{why}");
    // Its own board again: what it says now is what counts.
    unplug(&lab);
    sockets.straight();
    plug_in(&mut lab);
    daemon.wait_printer("a", "ready");
    let printer = daemon.printer("a");
    assert!(printer["own_board"].is_null() && printer["temperatures"]["hotend"].is_object(), "{printer}");
}

#[test]
fn names_that_change_their_target_while_idle_are_noticed_before_a_job_follows_them() {
    let (lab, sockets) = two();
    let daemon = lab.serve();
    let case = daemon.case();
    for name in ["a", "b"] {
        daemon.wait_printer(name, "ready");
    }
    // No cable is pulled: the open ports never hear of it.
    sockets.crossed();
    for name in ["a", "b"] {
        quarantined(&daemon, name);
    }
    let job = daemon.print(&file(&lab, "a", 200), &case, "a");
    assert_eq!(daemon.job(&job)["state"], "queued");
    sockets.straight();
    daemon.wait_job(&job, "printed");
    daemon.terminate();
    assert_eq!(own_moves(lab), [200, 0]);
}

#[test]
fn names_that_change_their_target_in_mid_print_change_nothing_for_the_open_ports() {
    let (lab, sockets) = two();
    let daemon = lab.serve();
    let case = daemon.case();
    let jobs = ["a", "b"].map(|name| daemon.print(&file(&lab, name, 2_000), &case, name));
    for handle in &lab.printers {
        wait_commands(handle, 100);
    }
    sockets.crossed();
    for job in &jobs {
        assert_eq!(daemon.wait_job(job, "printed")["exact"], true);
    }
    for name in ["a", "b"] {
        quarantined(&daemon, name);
    }
    daemon.terminate();
    assert_eq!(own_moves(lab), [2_000, 2_000]);
}

#[test]
fn a_quarantine_outlives_kill_9_and_a_person_ends_it_by_name() {
    let (lab, sockets) = two();
    let daemon = lab.serve();
    for name in ["a", "b"] {
        daemon.wait_printer(name, "ready");
        until("what it is known by", || daemon.printer(name)["identity"].as_object().map(drop));
    }
    daemon.crash();
    // Swapped while nobody looked.
    sockets.crossed();
    let daemon = lab.serve();
    let case = daemon.case();
    quarantined(&daemon, "a");
    let job = daemon.print(&file(&lab, "b", 100), &case, "a");
    daemon.crash();
    let daemon = lab.serve();
    assert!(daemon.printer("a")["quarantine"].is_object(), "before it was connected again");
    quarantined(&daemon, "a");
    assert_eq!(daemon.job(&job)["state"], "queued");
    let unnamed = daemon.platen(&["printers", "identify", "a", "--by", ""]);
    assert_eq!(unnamed.code, Some(1), "{unnamed:?}");
    // The boards were changed for good.
    let printer = daemon.ask(&["printers", "identify", "a", "--by", "kim"]);
    assert_eq!((&printer["identity"]["by"], &printer["quarantine"]), (&"kim".into(), &Value::Null));
    daemon.wait_job(&job, "printed");
    let told = daemon.platen(&["printers", "a"]);
    assert!(told.out.contains("known by the UUID of its firmware (said by kim"), "{told:?}");
    daemon.terminate();
    assert_eq!(own_moves(lab), [0, 100]);
}

#[test]
fn a_stop_in_quarantine_halts_the_board_on_the_port_and_cuts_the_power_of_the_printer_that_is_meant() {
    let (lab, sockets) = two_with(|folder| relay(folder, &note(folder)));
    let daemon = lab.serve();
    for name in ["a", "b"] {
        daemon.wait_printer(name, "ready");
        until("what it is known by", || daemon.printer(name)["identity"].as_object().map(drop));
    }
    daemon.crash();
    sockets.crossed();
    let daemon = lab.serve();
    quarantined(&daemon, "a");
    let told = daemon.platen(&["stop", "a", "--by", "kim"]);
    assert_eq!(told.code, Some(1), "nobody may go away believing that a has stopped: {told:?}");
    until("the power of a", || (noted(lab.folder.path()) == "a off off\n").then_some(()));
    until("a halt of what is on the port", || {
        (lab.printers[1].statistics().unwrap().totals.kills > 0).then_some(())
    });
    let latch = until("the relay in the journal", || {
        Some(daemon.printer("a")["latch"].clone()).filter(|latch| latch["relay"] == "switched")
    });
    assert_eq!(latch["kind"], "stopped", "{latch}");
    assert_eq!(lab.printers[0].statistics().unwrap().totals.kills, 0, "the other socket's board goes on");
    // That board says that it has stopped, which tells nothing of a.
    until("the end of the other board", || {
        daemon.process.err().contains("the other board on its port has stopped").then_some(())
    });
    let verified = |event: &Value| event["fact"]["type"] == "stop_verified";
    assert_eq!(daemon.events().iter().filter(|event| verified(event)).count(), 0);
    assert!(daemon.printer("a")["latch"]["confirmed"].is_null());
}

#[test]
fn two_printers_whose_ports_lead_to_one_device_are_told_so() {
    let (lab, sockets) = two();
    let daemon = lab.serve();
    for name in ["a", "b"] {
        daemon.wait_printer(name, "ready");
    }
    sockets.lead("b", "a");
    let printer = daemon.wait_printer("b", "offline");
    let words = until("the reason", || {
        let words = daemon.printer("b")["words"].as_str().unwrap().to_owned();
        words.contains("has open").then_some(words)
    });
    assert!(words.contains("the device that printer a has open"), "{words} {printer}");
    assert_eq!(daemon.printer("a")["state"], "ready");
}

/// A tree as the kernel makes one for CH340 adapters, for ptys.
struct FakeUsb {
    root: PathBuf,
}

impl FakeUsb {
    fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn device(&self, socket: u32) -> PathBuf {
        self.root.join(format!("devices/pci0000:00/0000:00:14.0/usb1/1-{socket}"))
    }

    /// The adapter of a board is in a socket now; `number` is the kernel's for this plug.
    fn put_in(&self, socket: u32, board: &Handle, number: u32) {
        use nix::sys::stat::{major, minor};
        let device = Device::of(board.path()).unwrap();
        let folder = self.device(socket);
        let tty = folder.join(format!("1-{socket}:1.0/ttyUSB{number}/tty/ttyUSB{number}"));
        fs::create_dir_all(&tty).unwrap();
        for (key, value) in
            [("idVendor", "1a86".to_owned()), ("idProduct", "7523".into()), ("devnum", number.to_string())]
        {
            fs::write(folder.join(key), value).unwrap();
        }
        for (link, target) in [
            (format!("dev/char/{}:{}", major(device.0), minor(device.0)), &tty),
            (format!("bus/usb/devices/1-{socket}"), &folder),
        ] {
            let link = self.root.join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&link);
            symlink(target, link).unwrap();
        }
    }

    fn pull(&self, socket: u32) {
        fs::remove_dir_all(self.device(socket)).unwrap();
        let _ = fs::remove_dir_all(self.root.join("dev/char"));
    }
}

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

async fn becomes(
    live: &mut watch::Receiver<Arc<Snapshot>>,
    what: &str,
    is: impl Fn(&Activity) -> bool,
) -> Activity {
    let seen = live.wait_for(|snapshot| is(&snapshot.activity));
    within(what, seen).await.unwrap().activity.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_adapters_without_a_number_on_boards_without_one_are_not_used_before_a_person_says_which_is_which()
 {
    let folder = tempfile::tempdir().unwrap();
    let boards = vec![board(folder.path(), "a", None), board(folder.path(), "b", None)];
    let mut boards = Printer::spawn_all(boards).unwrap();
    let sockets = Sockets(folder.path().to_owned());
    sockets.straight();
    let usb = FakeUsb::new(folder.path().join("sys"));
    usb.put_in(1, &boards[0], 4);
    usb.put_in(2, &boards[1], 5);
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let store = Arc::new(MemoryStore::default()) as Arc<dyn Store>;
    let (site, node) = ("st-anna".parse().unwrap(), "lab-1".parse().unwrap());
    let recorder = Recorder::open(store, clock.clone(), site, node).await.unwrap();
    let names = ["a", "b"].map(|name| name.parse().unwrap());
    let plugs = names.clone().map(|name| (name, Plug::default()));
    let ports = Arc::new(Ports::new(Usb::at(folder.path().join("sys"), "boot"), plugs));
    let shutdown = CancellationToken::new();
    let (mut lanes, mut live, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let baud = Baud(115_200);
        let setup = Setup {
            name: name.clone(),
            profile: Profile::new(baud, Capacity { receive_bytes: 127, queue_slots: 0 }),
            dial: Arc::new(SerialDial { path: sockets.path(name.as_str()), baud }),
            recorder: recorder.clone(),
            clock: clock.clone(),
            relay: Relay::absent(),
            ports: Arc::clone(&ports),
            pulse: Default::default(),
        };
        let (lane, board, task) = spawn(setup, shutdown.clone());
        lanes.push((name.clone(), lane));
        live.push(board);
        tasks.push(task);
    }
    let fleet = Fleet::new(lanes.into_iter().collect(), Board::default());
    for board in &mut live {
        becomes(board, "a board that was learned", |activity| *activity == Activity::Ready).await;
    }
    let mut feed = recorder.subscribe();
    let known = async {
        while names.iter().any(|name| recorder.read(|lab| lab.printer(name).identity.is_none())) {
            feed.recv().await.unwrap();
        }
    };
    within("identities in the journal", known).await;

    // Both out, and each into the other's socket; the names stay with the sockets.
    for (board, socket) in boards.iter().zip(1..) {
        board.unplug().unwrap();
        usb.pull(socket);
    }
    sockets.crossed();
    for board in &mut live {
        becomes(board, "a pulled plug", |activity| matches!(activity, Activity::Offline { .. })).await;
    }
    let mut numbers = 6..;
    // The kernel knows a plug before anybody can open it.
    for (board, socket) in boards.iter_mut().zip([2, 1]) {
        board.plug_in().unwrap();
        usb.put_in(socket, board, numbers.next().unwrap());
    }
    for (board, other) in live.iter_mut().zip(["b", "a"]) {
        let activity =
            becomes(board, "a doubt", |activity| matches!(activity, Activity::Quarantined { .. })).await;
        let Activity::Quarantined { reason } = activity else { panic!() };
        assert!(reason.contains(&format!("it may be {other}")) || reason.contains("USB"), "{reason}");
    }
    fleet.order(&names[0], Order::Identify { by: "kim".into(), since: None }).await.unwrap();
    becomes(&mut live[0], "a printer that a person knows", |activity| *activity == Activity::Ready).await;
    assert!(matches!(live[1].borrow().activity, Activity::Quarantined { .. }));
    assert_eq!(recorder.read(|lab| lab.printer(&names[0]).identity.unwrap().by), Some("kim".into()));
    shutdown.cancel();
    for task in tasks {
        within("the end of a task", task).await.unwrap();
    }
}
