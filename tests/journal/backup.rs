//! A copy of the journal: whole it gives the same lab, cut or changed it gives an error and nothing else.

use std::path::{Path, PathBuf};

use platen::domain::event::Actor;
use platen::domain::identifiers::{ErasingReason, IdentifierRequest, Kind};
use platen::domain::ids::{BootId, FileHash};
use platen::domain::lab::Request;
use platen::domain::moment::Stamp;
use platen::io::clock::{Clock, entropy};
use platen::io::store::Store;
use platen::io::store::sled::SledStore;
use platen::services::archive::Archiver;
use platen::services::recorder::{Recorder, audit};
use platen::services::restore::{RestoreError, examine, is_unfinished, restore};

use crate::bench::{Disk, work};

fn now() -> Stamp {
    Clock::start(BootId::from_entropy(entropy())).stamp()
}

async fn lines(recorder: &Recorder) -> Vec<Vec<u8>> {
    let last = recorder.read(|lab| lab.counters.seq);
    let (mut archiver, first) = Archiver::begin(last, recorder.cursors());
    let mut lines = vec![first];
    for record in recorder.records(1, usize::MAX).await.unwrap() {
        lines.push(archiver.entry(&record));
    }
    lines.push(archiver.end());
    lines
}

struct Copy {
    folder: tempfile::TempDir,
    lines: Vec<Vec<u8>>,
    recorder: Recorder,
}

impl Copy {
    async fn new() -> Self {
        let disk = Disk::Memory(Default::default());
        let recorder = disk.recorder().await.unwrap();
        work(&recorder).await;
        recorder.set_cursor("mqtt", 3);
        let lines = lines(&recorder).await;
        Self { folder: tempfile::tempdir().unwrap(), lines, recorder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What becomes of a copy with this content; nothing may be written where it is refused.
    fn refused(&self, bytes: &[u8]) -> String {
        std::fs::write(self.file(), bytes).unwrap();
        let error = restore(&self.file(), &self.state(), None, now()).unwrap_err().to_string();
        assert!(!self.state().exists(), "{error}");
        error
    }
}

fn opened(state: &Path) -> SledStore {
    SledStore::open(&state.join("journal")).unwrap()
}

#[tokio::test]
async fn a_whole_copy_gives_the_same_journal_byte_for_byte_and_one_entry_more() {
    let copy = Copy::new().await;
    std::fs::write(copy.file(), copy.lines.concat()).unwrap();
    let done = restore(&copy.file(), &copy.state(), Some("kim"), now()).unwrap();
    let entries = copy.recorder.read(|lab| lab.counters.seq);
    assert_eq!(done.entries, entries);
    assert_eq!(done.missing.len(), 2, "an export has no files");
    assert!(!is_unfinished(&copy.state()));
    let store = opened(&copy.state());
    assert_eq!(audit(&store).unwrap().entries, entries + 1);
    let raw = store.events(1, usize::try_from(entries).unwrap()).unwrap();
    let records = copy.recorder.records(1, usize::MAX).await.unwrap();
    assert!(raw.iter().map(|(_, bytes)| bytes).eq(&records.iter().map(|r| r.to_bytes()).collect::<Vec<_>>()));
    assert_eq!(store.meta("cursor/mqtt").unwrap(), Some(3u64.to_be_bytes().to_vec()));
    let again = restore(&copy.file(), &copy.state(), None, now());
    assert!(matches!(again, Err(RestoreError::NotEmpty { .. })));
}

#[tokio::test]
async fn a_copy_without_a_sealed_record_that_the_journal_has_names_its_case() {
    let copy = Copy::new().await;
    let case = copy.recorder.read(|lab| lab.cases.keys().next().cloned()).unwrap();
    let keep = IdentifierRequest::Keep {
        case: case.clone(),
        version: 1,
        seal: FileHash::from_digest([7; 32]),
        kinds: vec![Kind::Mrn],
        by: "kim".into(),
    };
    copy.recorder.submit(Request::Identifiers(Box::new(keep)), Actor::Person("kim".into())).await.unwrap();
    let kept = lines(&copy.recorder).await.concat();
    std::fs::write(copy.file(), &kept).unwrap();
    assert_eq!(
        restore(&copy.file(), &copy.state(), None, now()).unwrap().missing_records,
        [case.clone()].into()
    );
    // What was erased is not missing.
    let erase = IdentifierRequest::Erase { case, reason: ErasingReason::Retention, by: "kim".into() };
    copy.recorder.submit(Request::Identifiers(Box::new(erase)), Actor::Person("kim".into())).await.unwrap();
    std::fs::write(copy.file(), lines(&copy.recorder).await.concat()).unwrap();
    let other = copy.folder.path().join("other");
    assert!(restore(&copy.file(), &other, None, now()).unwrap().missing_records.is_empty());
}

#[tokio::test]
async fn a_copy_cut_anywhere_is_refused_and_nothing_is_written() {
    let copy = Copy::new().await;
    let whole = copy.lines.concat();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        copy.refused(&whole[..length]);
    }
    let longer = [whole.as_slice(), b"\n"].concat();
    assert!(copy.refused(&longer).contains("behind its last line"));
}

#[tokio::test]
async fn a_changed_byte_anywhere_in_a_copy_is_found() {
    let copy = Copy::new().await;
    let whole = copy.lines.concat();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        copy.refused(&changed);
    }
}

#[tokio::test]
async fn a_line_that_was_removed_doubled_swapped_or_is_endless_is_refused() {
    let copy = Copy::new().await;
    let broken = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = copy.lines.clone();
        change(&mut lines);
        copy.refused(&lines.concat())
    };
    broken(&|lines| drop(lines.remove(3)));
    broken(&|lines| lines.insert(3, lines[3].clone()));
    broken(&|lines| lines.swap(3, 4));
    broken(&|lines| lines.insert(1, b"\n".to_vec()));
    broken(&|lines| lines[2] = vec![b'{'; 1 << 20]);
    let newer = broken(&|lines| lines[0] = b"{\"platen_journal\":2,\"entries\":1,\"cursors\":{}}\n".to_vec());
    assert!(newer.contains("format 2"), "{newer}");
    let beyond = broken(&|lines| {
        lines[0] = b"{\"platen_journal\":1,\"entries\":8,\"cursors\":{\"mqtt\":9}}\n".to_vec()
    });
    assert!(beyond.contains("line 1"), "{beyond}");
}

#[tokio::test]
async fn a_backup_with_a_foreign_file_a_link_or_another_journal_is_refused() {
    let copy = Copy::new().await;
    let backup = copy.folder.path().join("backup");
    std::fs::create_dir_all(backup.join("files")).unwrap();
    std::fs::write(backup.join("journal.jsonl"), copy.lines.concat()).unwrap();
    let head = copy.recorder.audit().await.unwrap();
    let text = b"G28\n";
    let name = "06dd9c0a2ae5b1bd0ea7fe3a5e4d0a8bd5e7b7a6a1e6bb8b1b35a4f38b6f2b4f";
    let manifest = |files: usize, sums: &str| {
        use sha2::Digest;
        let sum = platen::domain::ids::hex(&sha2::Sha256::digest(sums.as_bytes()));
        std::fs::write(backup.join("files.sha256"), sums).unwrap();
        let json = serde_json::json!({"platen_backup": 1, "made": "", "entries": head.entries,
            "head": head.head.to_hex(), "files": files, "files_sha256": sum, "absent": []});
        std::fs::write(backup.join("backup.json"), json.to_string()).unwrap();
    };
    let refused = |what: &str| {
        let error = restore(&backup, &copy.state(), None, now()).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
        assert!(!copy.state().exists(), "{error}");
    };
    manifest(1, &format!("{name}  files/{name}\n"));
    refused("cannot be read");
    std::fs::write(backup.join("files").join(name), text).unwrap();
    refused("does not fit its name");
    std::fs::remove_file(backup.join("files").join(name)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", backup.join("files").join(name)).unwrap();
    refused("cannot be read");
    for line in ["../../etc/passwd  files/../../etc/passwd\n", "no hash\n", &"a".repeat(10_000)] {
        manifest(1, line);
        refused("no hash with its file");
    }
    manifest(1, "");
    refused("not the list");
    manifest(0, "");
    examine(&backup).unwrap();
    let json = std::fs::read_to_string(backup.join("backup.json")).unwrap();
    std::fs::write(backup.join("backup.json"), json.replace("\"entries\":8", "\"entries\":7")).unwrap();
    refused("not the journal");
    std::fs::remove_file(backup.join("backup.json")).unwrap();
    refused("cannot be read");
}
