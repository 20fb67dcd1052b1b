//! A power cut: the writer is stopped and its file system shut down without its log. Every yes is true afterwards.
//!
//! Needs root, loop devices and ext4. `tests/run` looks whether the machine has them, and says so where
//! it has not. What a disk's own cache loses is not covered: there is none below a loop device.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use platen::domain::case::IntendedUse;
use platen::domain::event::{Actor, ChainedRecord, Fact};
use platen::domain::ids::{BootId, CaseToken, FileHash};
use platen::domain::lab::Request;
use platen::io::clock::{Clock, entropy};
use platen::io::spool::Spool;
use platen::io::store::Store;
use platen::io::store::sled::SledStore;
use platen::services::recorder::{Recorder, audit};
use tempfile::TempDir;

const FOLDER: &str = "PLATEN_TEST_POWER_FOLDER";
/// The writer does not sync: what the test must notice.
const CARELESS: &str = "PLATEN_TEST_POWER_CARELESS";
/// The writer takes in files too. Not always: their own syncs make much of the journal durable by the way.
const FILES: &str = "PLATEN_TEST_POWER_FILES";
/// Set by `tests/run` where the machine cannot do it.
const NOT_HERE: &str = "PLATEN_NO_POWER_CUT";
const CUTS: u64 = 50;

/// The process whose power is cut: opens cases and takes in files until then, and says which are acknowledged.
#[tokio::test]
#[ignore = "it is the other half of the tests below, which run it"]
async fn writer() {
    let folder = std::env::var(FOLDER).unwrap();
    let mut store = SledStore::open(Path::new(&folder)).unwrap();
    let spool = Spool::open(&files(Path::new(&folder))).unwrap().with_floor(0);
    if std::env::var_os(CARELESS).is_some() {
        store = store.with_sync(|_| Ok(()));
    }
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let (site, node) = ("site".parse().unwrap(), "node".parse().unwrap());
    let recorder = Recorder::open(Arc::new(store), clock, site, node).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let recorder = recorder.clone();
        writers.spawn(async move {
            loop {
                let case = CaseToken::from_entropy(entropy());
                let request = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Guide };
                // The disk is gone: there is nothing more to say.
                let Ok(events) = recorder.submit(request, Actor::Platen).await else { return };
                println!("acknowledged {} {case}", events[0].seq);
            }
        });
    }
    let with_files = std::env::var_os(FILES).is_some();
    writers.spawn(async move {
        if !with_files {
            return std::future::pending().await;
        }
        loop {
            // Of some blocks, so that a cut can leave a part of it.
            let text = format!("; {}\nG28\n", CaseToken::from_entropy(entropy())).repeat(500);
            let Ok(mut upload) = spool.begin().await else { return };
            if upload.write(text.as_bytes()).await.is_err() {
                return;
            }
            let Ok((hash, _)) = upload.keep().await else { return };
            println!("kept {hash}");
        }
    });
    writers.join_next().await;
}

/// The spool beside a journal.
fn files(journal: &Path) -> PathBuf {
    journal.with_file_name("files")
}

fn run(program: &str, args: &[&str]) {
    let told = Command::new(program).args(args).output();
    let told = told.unwrap_or_else(|error| panic!("this test needs the program `{program}`: {error}"));
    assert!(
        told.status.success(),
        "this test needs root, loop devices and ext4; where they cannot be had, set {NOT_HERE}=1. \
         {program} {args:?} says: {}",
        String::from_utf8_lossy(&told.stderr)
    );
}

/// An ext4 of its own in a file.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let file = std::fs::File::create(disk.image()).unwrap();
        file.set_len(256 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", disk.image().to_str().unwrap()]);
        std::fs::create_dir(disk.place()).unwrap();
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.0.path().join("image")
    }

    fn place(&self) -> PathBuf {
        self.0.path().join("disk")
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", self.image().to_str().unwrap(), self.place().to_str().unwrap()]);
    }

    /// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, by perl, which every Debian has: no unsafe code here.
    fn cut(&self) {
        let script =
            "open(F, '<', $ARGV[0]) or die; my $how = pack('L', 2); ioctl(F, 0x8004587d, $how) or die \"$!\"";
        let place = self.place();
        run("perl", &["-e", script, place.join("journal/db").to_str().unwrap()]);
    }

    fn unmount(&self) {
        run("umount", &[self.place().to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.place()).stderr(Stdio::null()).status();
    }
}

/// What the writer has said yes to.
#[derive(Default)]
struct Acknowledged {
    cases: BTreeMap<u64, CaseToken>,
    files: BTreeSet<FileHash>,
}

/// Writes until `enough` entries are acknowledged, then cuts the power; all that was acknowledged.
fn write_and_cut(disk: &Disk, enough: u64, how: &[&str]) -> Acknowledged {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["writer", "--exact", "--ignored", "--nocapture"]);
    command.env(FOLDER, disk.place().join("journal")).stdout(Stdio::piped());
    command.envs(how.iter().map(|name| (name, "1")));
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let (reached, wait) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut all = Acknowledged::default();
        for line in lines.lines().map_while(Result::ok) {
            if let Some(hash) = line.strip_prefix("kept ").and_then(|hash| hash.parse().ok()) {
                all.files.insert(hash);
            }
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            let Some((seq, case)) = rest.split_once(' ') else { continue };
            let (Ok(seq), Ok(case)) = (seq.parse(), case.parse()) else { continue };
            all.cases.insert(seq, case);
            if all.cases.len() as u64 == enough {
                let _ = reached.send(());
            }
        }
        all
    });
    wait.recv().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    disk.cut();
    child.kill().unwrap();
    child.wait().unwrap();
    disk.unmount();
    disk.mount();
    reader.join().unwrap()
}

/// How many of these the store does not have; `None` where it does not open at all, or not whole.
fn lost(disk: &Disk, acknowledged: &Acknowledged) -> Option<usize> {
    let store = SledStore::open(&disk.place().join("journal")).ok()?;
    audit(&store).ok()?;
    let mut there = BTreeMap::new();
    for (seq, bytes) in store.events(1, usize::MAX).ok()? {
        if let Fact::CaseOpened { case, .. } =
            ChainedRecord::from_bytes(seq, &bytes).ok()?.event(seq).ok()?.fact
        {
            there.insert(seq, case);
        }
    }
    let cases = acknowledged.cases.iter().filter(|(seq, case)| there.get(seq) != Some(case)).count();
    let spool = Spool::open(&files(&disk.place().join("journal"))).ok()?;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let whole = |hash: &&FileHash| runtime.block_on(spool.verify(hash)).is_ok();
    Some(cases + acknowledged.files.iter().filter(|hash| !whole(hash)).count())
}

fn can_be_done() -> bool {
    let here = std::env::var_os(NOT_HERE).is_none();
    if !here {
        eprintln!("NOT RUN: {NOT_HERE} is set; nothing is known of power cuts from this run");
    }
    here
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut_and_the_store_always_opens() {
    if !can_be_done() {
        return;
    }
    let cuts = std::env::var("PLATEN_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(CUTS);
    let mut disk = Disk::new();
    let (mut acknowledged, mut all, mut kept) = (Acknowledged::default(), 0, 0);
    for cut in 0..cuts {
        // A young store in every fifth round: its names and its length are not yet in the file system's log.
        if cut % 5 == 0 {
            disk = Disk::new();
            acknowledged = Acknowledged::default();
        }
        let how: &[&str] = if cut % 2 == 0 { &[] } else { &[FILES] };
        let new = write_and_cut(&disk, 1 + (cut * cut * 7) % 400, how);
        all += new.cases.len();
        kept += new.files.len();
        acknowledged.cases.extend(new.cases);
        acknowledged.files.extend(new.files);
        assert_eq!(lost(&disk, &acknowledged), Some(0), "cut {cut}");
    }
    assert!(kept as u64 > cuts / 2, "{kept} files");
    println!("{cuts} power cuts, {all} entries and {kept} files acknowledged, 0 lost, every store opened");
}

#[test]
fn a_writer_that_does_not_sync_is_caught_by_the_power_cut() {
    if !can_be_done() {
        return;
    }
    let caught = (0..5).any(|_| {
        let disk = Disk::new();
        let acknowledged = write_and_cut(&disk, 100, &[CARELESS]);
        lost(&disk, &acknowledged) != Some(0)
    });
    assert!(caught, "this test cannot tell a loss from none");
}
