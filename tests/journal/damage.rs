//! Whatever is changed in a journal is found, named, and never taken for the truth.

use std::os::unix::fs::FileExt;
use std::path::Path;

use platen::domain::event::{ChainHash, ChainedRecord};
use platen::io::store::sled::SledStore;
use platen::io::store::{Batch, Store, StoreError, Value};
use platen::services::recorder::{JournalError, audit};

use crate::bench::{Disk, is_reserve, job, printer, worked};

fn audited(disk: &Disk) -> Result<u64, JournalError> {
    audit(disk.open()?.as_ref()).map(|audit| audit.entries)
}

fn found(disk: &Disk) -> String {
    audited(disk).unwrap_err().to_string()
}

#[tokio::test]
async fn a_changed_byte_in_any_entry_is_found_with_its_number() {
    let disk = Disk::Memory(Default::default());
    let last = worked(&disk).await;
    let Disk::Memory(store) = &disk else { unreachable!() };
    for (seq, bytes) in store.events(1, 100).unwrap() {
        for at in 0..bytes.len() {
            let damaged = store.after_crash();
            damaged.damage_event(seq, at);
            let told = audit(&damaged).unwrap_err().to_string();
            assert!(told.starts_with(&format!("journal entry {seq} ")), "{seq}, byte {at}: {told}");
        }
    }
    assert_eq!(audited(&disk).unwrap(), last);
}

#[tokio::test]
async fn a_changed_entry_on_the_disk_is_found_with_its_number() {
    let disk = Disk::sled();
    let last = worked(&disk).await;
    for seq in 1..=last {
        let copy = disk.after_crash();
        copy.tamper(|db| {
            let events = db.open_tree("events").unwrap();
            let mut bytes = events.get(seq.to_be_bytes()).unwrap().unwrap().to_vec();
            let end = bytes.len() - 3;
            bytes[end] ^= 1;
            events.insert(seq.to_be_bytes(), bytes).unwrap();
        });
        assert!(found(&copy).starts_with(&format!("journal entry {seq} is changed")), "{}", found(&copy));
        let started = copy.recorder().await.unwrap_err().to_string();
        assert!(started.starts_with(&format!("journal entry {seq} is changed")), "{started}");
    }
}

#[tokio::test]
async fn entries_that_have_changed_places_or_were_put_in_are_found_with_their_number() {
    let disk = Disk::Memory(Default::default());
    let last = worked(&disk).await;
    let Disk::Memory(store) = &disk else { unreachable!() };
    let entries = store.events(1, 100).unwrap();
    let at = |seq: u64| Value::new(entries[usize::try_from(seq - 1).unwrap()].1.clone()).unwrap();
    let told = |events: Vec<(u64, Value)>| {
        let damaged = store.after_crash();
        damaged.commit(&Batch { events, ..Batch::default() }).unwrap();
        audit(&damaged).unwrap_err().to_string()
    };
    for seq in 1..last {
        let swapped = told(vec![(seq, at(seq + 1)), (seq + 1, at(seq))]);
        assert!(swapped.starts_with(&format!("journal entry {seq} ")), "{seq}: {swapped}");
        // It stands there twice, and all behind it is one further.
        let behind = (seq..=last).map(|later| (later + 1, at(later))).collect();
        let doubled = told(behind);
        assert!(doubled.starts_with(&format!("journal entry {} ", seq + 1)), "{seq}: {doubled}");
    }
}

#[tokio::test]
async fn a_removed_entry_is_found_with_its_number() {
    let disk = Disk::sled();
    let last = worked(&disk).await;
    for seq in 1..last {
        let copy = disk.after_crash();
        copy.tamper(|db| drop(db.open_tree("events").unwrap().remove(seq.to_be_bytes()).unwrap()));
        assert!(found(&copy).starts_with(&format!("journal entry {seq} is missing")), "{}", found(&copy));
        assert!(copy.recorder().await.is_err());
    }
    let copy = disk.after_crash();
    copy.tamper(|db| drop(db.open_tree("events").unwrap().remove(last.to_be_bytes()).unwrap()));
    let told = found(&copy);
    assert!(told.contains(&format!("its last entry is {}, but it had come to {last}", last - 1)), "{told}");
    // The same where the mark is gone too.
    std::fs::remove_file(copy.path().join("reached")).unwrap();
    let told = found(&copy);
    assert!(told.starts_with(&format!("the journal ends at entry {}, but the state", last - 1)), "{told}");
}

#[tokio::test]
async fn an_entry_that_was_replaced_with_a_hash_of_its_own_breaks_the_chain() {
    let disk = Disk::sled();
    worked(&disk).await;
    disk.tamper(|db| {
        let events = db.open_tree("events").unwrap();
        let old = events.get(4u64.to_be_bytes()).unwrap().unwrap();
        let old = ChainedRecord::from_bytes(4, &old).unwrap();
        let mut event = old.event(4).unwrap();
        event.stamp.wall.0 += 1;
        let forged = ChainedRecord::chain(old.previous, &event);
        assert_ne!(forged.hash, ChainHash::GENESIS);
        events.insert(4u64.to_be_bytes(), forged.to_bytes()).unwrap();
    });
    assert!(found(&disk).starts_with("journal entry 5 does not follow entry 4"), "{}", found(&disk));
}

#[tokio::test]
async fn a_state_that_the_journal_does_not_tell_is_found_with_its_name() {
    let disk = Disk::sled();
    worked(&disk).await;
    let changes = [
        (format!("job/{}", job(0)), "\"confirmed\":4", "\"confirmed\":5"),
        (format!("job/{}", job(1)), "\"queued\"", "\"queued\" "),
        (format!("printer/{}", printer()), "occupied", "clear"),
        ("counters".to_owned(), "\"outbox\":4", "\"outbox\":5"),
    ];
    for (path, from, to) in changes {
        let copy = disk.after_crash();
        copy.tamper(|db| {
            let entities = db.open_tree("entities").unwrap();
            let json = String::from_utf8(entities.get(&path).unwrap().unwrap().to_vec()).unwrap();
            assert!(json.contains(from), "{json}");
            entities.insert(path.as_bytes(), json.replacen(from, to, 1).as_bytes()).unwrap();
        });
        if to.ends_with(' ') {
            // Another spelling of the same state is the same state.
            audited(&copy).unwrap();
        } else {
            assert!(found(&copy).contains(&path), "{path}: {}", found(&copy));
        }
    }
}

#[tokio::test]
async fn a_lost_part_of_the_state_keeps_the_daemon_from_starting() {
    let disk = Disk::sled();
    worked(&disk).await;
    let paths: Vec<String> =
        disk.open().unwrap().entities().unwrap().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), 8, "{paths:?}");
    for path in paths.iter().filter(|path| !path.starts_with("printer/")) {
        let copy = disk.after_crash();
        copy.tamper(|db| drop(db.open_tree("entities").unwrap().remove(path).unwrap()));
        assert!(copy.recorder().await.is_err(), "{path}");
        assert!(audited(&copy).is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_journal_of_a_newer_platen_is_left_alone() {
    let disk = Disk::sled();
    worked(&disk).await;
    let copy = disk.after_crash();
    copy.tamper(|db| drop(db.open_tree("meta").unwrap().insert("format", "2").unwrap()));
    let told = copy.open().err().unwrap().to_string();
    assert!(
        told.contains("was written in format 2, this platen reads 1; use the platen that wrote it"),
        "{told}"
    );
    let copy = disk.after_crash();
    copy.tamper(|db| {
        let events = db.open_tree("events").unwrap();
        let mut bytes = events.get(6u64.to_be_bytes()).unwrap().unwrap().to_vec();
        bytes[0] = 2;
        events.insert(6u64.to_be_bytes(), bytes).unwrap();
    });
    let told = copy.recorder().await.unwrap_err().to_string();
    assert!(
        told.contains("journal entry 6 has format 2") && told.contains("use the platen that wrote it"),
        "{told}"
    );
}

#[test]
fn a_store_that_is_open_is_not_opened_again() {
    let disk = Disk::sled();
    let store = SledStore::open(disk.path()).unwrap();
    let told = SledStore::open(disk.path()).unwrap_err();
    assert!(matches!(told, StoreError::Locked { .. }), "{told}");
    drop(store);
    SledStore::open(disk.path()).unwrap();
}

/// Whatever a file looks like: an error, or the whole journal.
fn all_or_error(disk: &Disk, entries: u64, what: &str) -> bool {
    match audited(disk) {
        Ok(found) => {
            assert_eq!(found, entries, "{what}: entries were lost without a word");
            true
        }
        Err(error) => {
            assert!(!error.to_string().contains("panic in"), "{what}: {error}");
            false
        }
    }
}

fn flip(path: &Path, at: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0] ^= 0x10;
    file.write_all_at(&byte, at).unwrap();
}

fn rounds(default: usize) -> usize {
    std::env::var("PLATEN_DAMAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn a_damaged_data_file_gives_an_error_or_the_whole_journal_and_never_a_panic() {
    let disk = Disk::sled();
    let entries = worked(&disk).await;
    let bytes = std::fs::read(disk.path().join("db")).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut noticed = 0;
    let flips = rounds(60).min(used.len());
    for round in 0..flips {
        let at = used[round * used.len() / flips];
        let copy = disk.after_crash();
        flip(&copy.path().join("db"), at as u64);
        noticed += usize::from(!all_or_error(&copy, entries, &format!("flip at {at}")));
    }
    assert!(noticed > 0);
    for round in 0..20 {
        let length = round * used[used.len() - 1] / 20;
        let copy = disk.after_crash();
        let file = std::fs::OpenOptions::new().write(true).open(copy.path().join("db")).unwrap();
        file.set_len(length as u64).unwrap();
        assert!(!all_or_error(&copy, entries, &format!("cut to {length}")));
    }
}

#[tokio::test]
async fn a_snapshot_that_was_being_written_at_a_crash_does_no_harm() {
    let disk = Disk::sled();
    let entries = worked(&disk).await;
    for content in ["", "half of a snapshot that a crash cut off"] {
        let crashed = disk.after_crash();
        std::fs::write(crashed.path().join("snap.00000000000FFFFF.generating"), content).unwrap();
        assert_eq!(audited(&crashed).unwrap(), entries);
    }
}

#[tokio::test]
async fn a_missing_or_foreign_file_in_the_folder_gives_an_error_or_the_whole_journal() {
    let disk = Disk::sled();
    let entries = worked(&disk).await;
    let names: Vec<_> = std::fs::read_dir(disk.path())
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !is_reserve(name.as_ref()) && name != "lock")
        .collect();
    assert!(names.contains(&"db".to_owned()) && names.contains(&"reached".to_owned()), "{names:?}");
    for name in names {
        let removed = disk.after_crash();
        std::fs::remove_file(removed.path().join(&name)).unwrap();
        let whole = all_or_error(&removed, entries, &format!("{name} removed"));
        assert!(!whole || name != "db");
        let foreign = disk.after_crash();
        std::fs::write(foreign.path().join(&name), "hello, this is not what you think it is").unwrap();
        all_or_error(&foreign, entries, &format!("{name} foreign"));
    }
}
