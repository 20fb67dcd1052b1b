//! The vault under attack: keys in the open, records cut, changed, swapped and put back, crashes, readings without proof.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::event::Actor;
use crate::domain::identifiers::{Entered, ErasingReason, ReadingReason};
use crate::domain::moment::{Moment, Stamp, WallTime};

/// Stand for whatever must not be seen.
const SECRETS: [&str; 6] = ["Doe", "Jane", "MRN4711", "RAD2026", "Quincy", "1960"];

fn entered(mrn: &str) -> Identifiers {
    let entered = Entered {
        name: Some("Doe, Jane".into()),
        mrn: Some(mrn.into()),
        accession: Some("RAD2026112301".into()),
        surgeon: Some("Quincy".into()),
        surgery_at: Some("2026-12-01T07:30".into()),
        birth_date: Some("1960-05-12".into()),
    };
    Identifiers::try_from(&entered).unwrap()
}

fn case(n: u8) -> CaseToken {
    CaseToken::from_entropy([n; 16])
}

fn boot() -> BootId {
    BootId::from_entropy([1; 16])
}

fn event(seq: u64, fact: IdentifierFact) -> Event {
    Event {
        seq,
        stamp: Stamp { wall: WallTime(1), mono: Moment(2), boot: boot() },
        actor: Actor::Person("kim".into()),
        subject: None,
        fact: Fact::Identifiers(Box::new(fact)),
    }
}

fn read_event(seq: u64, case: &CaseToken, version: u64) -> Event {
    let (case, reason) = (case.clone(), ReadingReason::Handover);
    event(seq, IdentifierFact::Read { case, version, reason, by: "kim".into() })
}

fn erased(case: &CaseToken) -> Erasing {
    let fact = IdentifierFact::Erased {
        case: case.clone(),
        version: 1,
        reason: ErasingReason::PatientRequest,
        by: "kim".into(),
    };
    Erasing::journaled(&event(9, fact)).unwrap()
}

fn kept(prepared: &Prepared) -> Keeping {
    let fact = IdentifierFact::Kept {
        case: prepared.case.clone(),
        version: prepared.version,
        seal: prepared.seal.clone(),
        kinds: Vec::new(),
        by: "kim".into(),
    };
    Keeping::journaled(&event(1, fact)).unwrap()
}

/// A state folder with a vault in it, and a key beside the state folder.
struct Site {
    root: TempDir,
    seq: std::cell::Cell<u64>,
}

impl Site {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        std::fs::create_dir(root.path().join("state")).unwrap();
        Keys::make(&root.path().join("key"), &root.path().join("state")).unwrap();
        Self { root, seq: std::cell::Cell::new(10) }
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn key(&self) -> PathBuf {
        self.root.path().join("key")
    }

    fn folder(&self) -> PathBuf {
        self.state().join("vault")
    }

    fn open_knowing(&self, states: &BTreeMap<CaseToken, IdentifierState>) -> Vault {
        let keys = Keys::read(&self.key(), &self.state()).unwrap();
        Vault::open(&self.folder(), keys, boot(), states).unwrap()
    }

    fn open(&self) -> Vault {
        self.open_knowing(&BTreeMap::new())
    }

    fn read(&self, vault: &Vault, case: &CaseToken, version: u64) -> Result<Identifiers, VaultError> {
        self.seq.set(self.seq.get() + 1);
        vault.read(Reading::journaled(&read_event(self.seq.get(), case, version)).unwrap())
    }

    /// Every byte below the root but the key's, with the names of files.
    fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.folder()).unwrap() {
            let path = entry.unwrap().path();
            all.extend_from_slice(path.to_str().unwrap().as_bytes());
            all.extend(std::fs::read(path).unwrap());
        }
        all
    }
}

fn keep(vault: &Vault, case: &CaseToken, version: u64, identifiers: &Identifiers) {
    let prepared = vault.prepare(case, version, identifiers).unwrap();
    let proof = kept(&prepared);
    vault.settle(prepared, &proof).unwrap();
}

fn assert_hides(bytes: &[u8]) {
    for secret in SECRETS {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is there in plain");
    }
}

#[test]
fn what_is_kept_is_read_back_by_another_start_of_the_daemon() {
    let site = Site::new();
    keep(&site.open(), &case(1), 1, &entered("MRN4711"));
    let vault = site.open();
    assert_eq!(site.read(&vault, &case(1), 1).unwrap(), entered("MRN4711"));
    assert_eq!(vault.cases().unwrap(), [case(1)]);
    let none = site.read(&vault, &case(2), 1).unwrap_err();
    assert!(matches!(none, VaultError::Missing { .. }), "{none}");
}

#[test]
fn no_byte_on_the_disk_and_no_word_of_debug_tells_what_is_kept() {
    let site = Site::new();
    let vault = site.open();
    let prepared = vault.prepare(&case(1), 1, &entered("MRN4711")).unwrap();
    assert_hides(&site.bytes());
    assert_hides(format!("{prepared:?} {vault:?}").as_bytes());
    let proof = kept(&prepared);
    vault.settle(prepared, &proof).unwrap();
    assert_hides(&site.bytes());
    keep(&vault, &case(1), 2, &entered("MRN4711"));
    assert_hides(&site.bytes());
    let identifiers = site.read(&vault, &case(1), 2).unwrap();
    assert_hides(format!("{identifiers:?}").as_bytes());
    let key = std::fs::read_to_string(site.key()).unwrap();
    let secret = key.trim().strip_prefix(KEY_LINE).unwrap();
    assert!(!format!("{vault:?}").contains(secret));
}

#[test]
fn a_record_of_one_letter_is_as_long_as_a_full_one() {
    let site = Site::new();
    let vault = site.open();
    let short = Entered { mrn: Some("1".into()), ..Entered::default() };
    keep(&vault, &case(1), 1, &Identifiers::try_from(&short).unwrap());
    keep(&vault, &case(2), 1, &entered("MRN4711"));
    let length = |n| std::fs::metadata(site.folder().join(case(n).as_str())).unwrap().len();
    assert_eq!(length(1), length(2));
}

#[test]
fn the_same_text_sealed_twice_is_not_the_same_twice() {
    let site = Site::new();
    let vault = site.open();
    let seals: BTreeSet<String> = (0..50)
        .map(|_| vault.prepare(&case(1), 1, &entered("MRN4711")).unwrap().seal().as_str().to_owned())
        .collect();
    assert_eq!(seals.len(), 50);
}

#[test]
fn one_entry_of_the_journal_is_good_for_one_reading() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    let entry = read_event(77, &case(1), 1);
    vault.read(Reading::journaled(&entry).unwrap()).unwrap();
    let again = vault.read(Reading::journaled(&entry).unwrap()).unwrap_err();
    assert!(matches!(again, VaultError::Used { seq: 77 }), "{again}");
}

#[test]
fn an_entry_of_an_earlier_start_is_good_for_none() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    let mut entry = read_event(77, &case(1), 1);
    entry.stamp.boot = BootId::from_entropy([2; 16]);
    let refused = vault.read(Reading::journaled(&entry).unwrap()).unwrap_err();
    assert!(matches!(refused, VaultError::Used { seq: 77 }), "{refused}");
}

#[test]
fn no_other_entry_of_the_journal_is_a_proof() {
    let prepared = {
        let site = Site::new();
        site.open().prepare(&case(1), 1, &entered("MRN4711")).unwrap()
    };
    let seal = prepared.seal().clone();
    let keeping = IdentifierFact::Kept { case: case(1), version: 1, seal, kinds: vec![], by: "kim".into() };
    assert!(Reading::journaled(&event(1, keeping.clone())).is_none());
    assert!(Erasing::journaled(&event(1, keeping)).is_none());
    assert!(Keeping::journaled(&read_event(1, &case(1), 1)).is_none());
    assert!(Erasing::journaled(&read_event(1, &case(1), 1)).is_none());
}

#[test]
fn every_changed_byte_and_every_cut_of_a_record_is_found_and_the_words_name_the_case_only() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    let path = site.folder().join(case(1).as_str());
    let good = std::fs::read(&path).unwrap();
    let mut spoilt: Vec<Vec<u8>> = (0..good.len()).step_by(7).map(|length| good[..length].to_vec()).collect();
    spoilt.extend((0..good.len()).map(|at| {
        let mut record = good.clone();
        record[at] ^= 1 << (at % 8);
        record
    }));
    spoilt.push([good.as_slice(), b" "].concat());
    spoilt.push(vec![0; 100_000]);
    for record in spoilt {
        std::fs::write(&path, &record).unwrap();
        let error = site.read(&vault, &case(1), 1).unwrap_err();
        let named = matches!(&error, VaultError::Damaged { case: of } | VaultError::NoKey { case: of } if *of == case(1));
        assert!(named, "{error:?}");
        assert!(error.to_string().contains(case(1).as_str()));
        assert_hides(format!("{error} {error:?}").as_bytes());
    }
    std::fs::write(&path, &good).unwrap();
    site.read(&vault, &case(1), 1).unwrap();
}

#[test]
fn records_of_two_cases_cannot_be_swapped() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    keep(&vault, &case(2), 1, &entered("MRN4712"));
    let path = |n: u8| site.folder().join(case(n).as_str());
    let (one, two) = (std::fs::read(path(1)).unwrap(), std::fs::read(path(2)).unwrap());
    std::fs::write(path(1), two).unwrap();
    std::fs::write(path(2), one).unwrap();
    for n in [1, 2] {
        let error = site.read(&vault, &case(n), 1).unwrap_err();
        assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
    }
}

#[test]
fn an_older_record_put_back_is_refused() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    let path = site.folder().join(case(1).as_str());
    let old = std::fs::read(&path).unwrap();
    keep(&vault, &case(1), 2, &entered("MRN4712"));
    std::fs::write(&path, old).unwrap();
    let error = site.read(&vault, &case(1), 2).unwrap_err();
    assert!(matches!(error, VaultError::Version { found: 1, known: 2, .. }), "{error}");
}

#[test]
fn what_is_erased_is_gone_with_all_that_was_prepared() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    keep(&vault, &case(2), 1, &entered("MRN4712"));
    let left = vault.prepare(&case(1), 2, &entered("MRN4711")).unwrap();
    vault.erase(&erased(&case(1))).unwrap();
    let names: Vec<_> = std::fs::read_dir(site.folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, [case(2).as_str()], "nothing but the other case's record");
    assert!(matches!(site.read(&vault, &case(1), 1), Err(VaultError::Missing { .. })));
    vault.erase(&erased(&case(1))).unwrap();
    let proof = kept(&left);
    assert!(vault.settle(left, &proof).is_err(), "and it does not come back");
}

#[test]
fn a_record_counts_only_with_the_seal_that_the_journal_has() {
    let site = Site::new();
    let vault = site.open();
    let (one, two) = (
        vault.prepare(&case(1), 1, &entered("MRN4711")).unwrap(),
        vault.prepare(&case(1), 1, &entered("MRN4712")).unwrap(),
    );
    let proof = kept(&two);
    assert!(matches!(vault.settle(one, &proof), Err(VaultError::OtherSeal { .. })));
    vault.settle(two, &proof).unwrap();
    assert_eq!(site.read(&vault, &case(1), 1).unwrap(), entered("MRN4712"));
}

#[test]
fn a_crash_between_journal_and_vault_ends_as_the_journal_says() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    keep(&vault, &case(3), 1, &entered("MRN4713"));
    keep(&vault, &case(4), 1, &entered("MRN4714"));
    let journaled = vault.prepare(&case(1), 2, &entered("MRN4722")).unwrap();
    let _unheard = vault.prepare(&case(1), 2, &entered("MRN4733")).unwrap();
    let _unheard = vault.prepare(&case(2), 1, &entered("MRN4744")).unwrap();
    let states = BTreeMap::from([
        (case(1), IdentifierState { version: 2, seal: Some(journaled.seal().clone()) }),
        (case(3), IdentifierState { version: 1, seal: None }),
    ]);
    drop(vault);
    let vault = site.open_knowing(&states);
    assert_eq!(site.read(&vault, &case(1), 2).unwrap(), entered("MRN4722"));
    assert_eq!(vault.cases().unwrap().len(), 2, "case 3 is erased, case 4 is not ours to touch");
    assert_eq!(site.read(&vault, &case(4), 1).unwrap(), entered("MRN4714"));
    let beside = std::fs::read_dir(site.folder()).unwrap().count();
    assert_eq!(beside, 2, "nothing prepared is left");
}

#[test]
fn after_a_new_key_all_records_are_sealed_with_it_and_the_old_one_opens_none() {
    let site = Site::new();
    let vault = site.open();
    let old = vault.current_key();
    for n in 1..=5 {
        keep(&vault, &case(n), 1, &entered(&format!("MRN471{n}")));
    }
    let backup = std::fs::read(site.folder().join(case(1).as_str())).unwrap();
    let new = Keys::add(&site.key(), &site.state()).unwrap();
    assert_ne!(old, new);
    let vault = site.open();
    assert_eq!(vault.current_key(), new);
    assert_eq!(site.read(&vault, &case(1), 1).unwrap(), entered("MRN4711"), "the old key still opens");
    let told = vault.reseal().unwrap();
    assert_eq!((told.changed, told.unchanged, told.failed.len()), (5, 0, 0));
    let told = vault.reseal().unwrap();
    assert_eq!((told.changed, told.unchanged), (0, 5));
    // The old key is taken out.
    let text = std::fs::read_to_string(site.key()).unwrap();
    std::fs::write(site.key(), text.lines().last().unwrap()).unwrap();
    let vault = site.open();
    for n in 1..=5 {
        assert_eq!(site.read(&vault, &case(n), 1).unwrap(), entered(&format!("MRN471{n}")));
    }
    std::fs::write(site.folder().join(case(1).as_str()), backup).unwrap();
    let error = site.read(&vault, &case(1), 1).unwrap_err();
    assert!(matches!(error, VaultError::NoKey { .. }), "{error}");
}

#[test]
fn a_damaged_record_does_not_keep_the_others_from_being_sealed_anew() {
    let site = Site::new();
    let vault = site.open();
    for n in 1..=3 {
        keep(&vault, &case(n), 1, &entered("MRN4711"));
    }
    std::fs::write(site.folder().join(case(2).as_str()), b"cut").unwrap();
    Keys::add(&site.key(), &site.state()).unwrap();
    let told = site.open().reseal().unwrap();
    assert_eq!((told.changed, told.failed.len()), (2, 1));
    assert!(told.failed[0].to_string().contains(case(2).as_str()));
}

#[test]
fn a_crash_while_sealing_anew_leaves_the_old_record_or_the_new_one() {
    let site = Site::new();
    let vault = site.open();
    keep(&vault, &case(1), 1, &entered("MRN4711"));
    let half = site.folder().join(format!("{}.reseal.{BESIDE}", case(1)));
    std::fs::write(&half, b"half of a rec").unwrap();
    let seal = seal_of(&std::fs::read(site.folder().join(case(1).as_str())).unwrap());
    let vault =
        site.open_knowing(&BTreeMap::from([(case(1), IdentifierState { version: 1, seal: Some(seal) })]));
    assert!(!half.exists());
    assert_eq!(site.read(&vault, &case(1), 1).unwrap(), entered("MRN4711"));
}

#[test]
fn a_key_file_that_others_may_read_or_write_is_refused() {
    let site = Site::new();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610, 0o601] {
        std::fs::set_permissions(site.key(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Keys::read(&site.key(), &site.state()).unwrap_err();
        assert!(matches!(error, KeyError::Mode { .. }), "{mode:o}: {error}");
        assert!(error.to_string().contains(&format!("mode {mode:04o}")), "{error}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(site.key(), std::fs::Permissions::from_mode(mode)).unwrap();
        Keys::read(&site.key(), &site.state()).unwrap();
    }
}

#[test]
fn a_key_file_of_another_user_is_refused_and_one_of_systemd_may_be_roots() {
    let us = nix::unistd::geteuid().as_raw();
    let other = us + 1;
    let path = Path::new("/run/credentials/platen.service/vault-key");
    let told = may_hold(path, (other, 0, 0o600), Holder::Us).unwrap_err().to_string();
    assert!(told.contains(&format!("belongs to user {other}")) && told.contains("chown"), "{told}");
    assert!(may_hold(path, (other, 0, 0o400), Holder::Systemd).is_err());
    may_hold(path, (us, 4711, 0o400), Holder::Systemd).unwrap();
    // By an access list for our user, which shows in the place of the group.
    may_hold(path, (0, 0, 0o440), Holder::Systemd).unwrap();
    assert!(may_hold(path, (0, 4711, 0o440), Holder::Systemd).is_err());
    assert!(may_hold(path, (0, 0, 0o460), Holder::Systemd).is_err());
    assert!(may_hold(path, (0, 0, 0o444), Holder::Systemd).is_err());
}

#[test]
fn a_key_is_read_from_what_systemd_hands_over() {
    let site = Site::new();
    let keys = Keys::from_credential(site.root.path(), "key", &site.state()).unwrap();
    assert_eq!(keys.current(), Keys::read(&site.key(), &site.state()).unwrap().current());
    for name in ["", "../key", ".", "..", "a/b"] {
        let error = Keys::from_credential(site.root.path(), name, &site.state()).unwrap_err();
        assert!(matches!(error, KeyError::Credential { .. }), "{name}: {error}");
    }
}

#[test]
fn a_key_in_the_state_folder_is_refused_also_by_a_detour() {
    let site = Site::new();
    let inside = site.state().join("key");
    let error = Keys::make(&inside, &site.state()).unwrap_err();
    assert!(matches!(error, KeyError::Inside { .. }), "{error}");
    assert!(!inside.exists(), "and none is left there");
    std::fs::copy(site.key(), &inside).unwrap();
    let detour = site.root.path().join("detour");
    std::os::unix::fs::symlink(site.state(), &detour).unwrap();
    for path in [inside, detour.join("key"), site.state().join("../state/key")] {
        let error = Keys::read(&path, &site.state()).unwrap_err();
        assert!(matches!(error, KeyError::Inside { .. }), "{error}");
    }
}

#[test]
fn what_is_no_key_file_is_refused_with_its_line_and_without_its_text() {
    let site = Site::new();
    let good = std::fs::read_to_string(site.key()).unwrap();
    let cut = &good[..good.len() - 3];
    for (text, line) in
        [(format!("{good}hunter2\n"), 2), (format!("# ours\n\n{cut}"), 3), (format!("{good}{good}x"), 3)]
    {
        std::fs::write(site.key(), &text).unwrap();
        let error = Keys::read(&site.key(), &site.state()).unwrap_err();
        assert!(matches!(error, KeyError::Line { line: at, .. } if at == line), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    std::fs::write(site.key(), "# nothing\n").unwrap();
    assert!(matches!(Keys::read(&site.key(), &site.state()), Err(KeyError::Empty { .. })));
    std::fs::write(site.key(), good.repeat(KEYS_MAX + 1)).unwrap();
    assert!(matches!(Keys::read(&site.key(), &site.state()), Err(KeyError::TooMany { .. })));
    let link = site.root.path().join("link");
    std::os::unix::fs::symlink(site.key(), &link).unwrap();
    assert!(matches!(Keys::read(&link, &site.state()), Err(KeyError::Unreadable { .. })));
}

#[test]
fn a_key_file_is_made_for_its_owner_alone_and_never_over_another() {
    let site = Site::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&site.key()), 0o600);
    let before = std::fs::read(site.key()).unwrap();
    assert!(matches!(Keys::make(&site.key(), &site.state()), Err(KeyError::NotMade { .. })));
    assert_eq!(std::fs::read(site.key()).unwrap(), before);
    Keys::add(&site.key(), &site.state()).unwrap();
    assert_eq!(mode(&site.key()), 0o600);
    assert!(std::fs::read(site.key()).unwrap().starts_with(&before), "the old key stays the first");
    assert_eq!(std::fs::read_dir(site.root.path()).unwrap().count(), 2, "and nothing is left beside it");
}

#[test]
fn a_vault_that_others_may_enter_is_refused_and_a_new_one_is_ours_alone() {
    let site = Site::new();
    keep(&site.open(), &case(1), 1, &entered("MRN4711"));
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(site.folder()), 0o700);
    assert_eq!(mode(site.folder().join(case(1).as_str())), 0o600);
    std::fs::set_permissions(site.folder(), std::fs::Permissions::from_mode(0o750)).unwrap();
    let keys = Keys::read(&site.key(), &site.state()).unwrap();
    let error = Vault::open(&site.folder(), keys, boot(), &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_bytes_lie_there_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..3000), headed: bool) {
        let site = Site::new();
        let vault = site.open();
        let mut record = if headed {
            [MAGIC.as_slice(), &vault.current_key().0, &1u64.to_be_bytes()].concat()
        } else {
            Vec::new()
        };
        record.extend(bytes);
        std::fs::write(site.folder().join(case(1).as_str()), record).unwrap();
        let error = site.read(&vault, &case(1), 1).unwrap_err();
        prop_assert!(matches!(error, VaultError::Damaged { .. } | VaultError::NoKey { .. }), "{}", error);
    }
}
