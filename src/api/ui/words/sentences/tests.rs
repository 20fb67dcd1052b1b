//! Every sentence that a page can get from elsewhere has German, and what is filled in is kept.

use super::known::TITLES;
use super::*;
use crate::api::views::words as activity_words;
use crate::domain::case::IntendedUse;
use crate::domain::heat::{Action, Alarm, Hazard, Heater};
use crate::domain::identity::{Rung, Wrong};
use crate::domain::job::{
    Attended, BoardFault, ExposureFault, Interruption, PauseReason, Progress, Unproven,
};
use crate::domain::people::notices::Topic;
use crate::domain::people::roles::{Role, TABLE};
use crate::domain::printer::{
    Activity, Fault, LineTrouble, RelayOutcome, STILL_DEAF, StopOutcome, StopProof,
};
use crate::domain::quality::printed::Doubt;
use crate::domain::queue::wish::{HoldReason, ReprintCause, Wanted};
use crate::domain::units::Celsius;
use crate::schedule::{
    Amount, Axis, Circuit, Hold, JobAt, Kind, Lot, Material, Model, Names, Obstacle, PrinterAt, Process,
    Reason, Seconds, Usable, Use, Waiting,
};

fn german(sentence: &str) -> String {
    say(Language::German, sentence).into_owned()
}

/// It is told in German, whole: no English word is left, and nothing is a hole any more.
pub(super) fn is_german(sentence: &str) -> String {
    let said = german(sentence);
    assert_ne!(said, sentence, "it has no German");
    for word in [" the ", " is ", " its ", " and ", " of ", " not ", " until ", "{", "}"] {
        assert!(!format!(" {said} ").contains(word), "{sentence:?} is told as {said:?}: {word:?} is left");
    }
    said
}

const FAULTS: [Fault; 23] = [
    Fault::ThermalRunaway,
    Fault::HeatingFailed,
    Fault::TooHot,
    Fault::TooCold,
    Fault::Killed,
    Fault::Probing,
    Fault::Halted,
    Fault::Sensor,
    Fault::Fan,
    Fault::Coolant,
    Fault::Inactive,
    Fault::Watchdog,
    Fault::PowerLost,
    Fault::Overheated,
    Fault::TargetTooHigh,
    Fault::RiseTooSlow,
    Fault::RiseTooFast,
    Fault::LeftTarget,
    Fault::SensorStuck,
    Fault::SensorBroken,
    Fault::SuddenDrop,
    Fault::HeatUnasked,
    Fault::SilentWhileHot,
];

const UNPROVEN: [Unproven; 11] = [
    Unproven::Policy,
    Unproven::NoRecord,
    Unproven::Unsteady,
    Unproven::Silent,
    Unproven::Count,
    Unproven::Board,
    Unproven::Position,
    Unproven::Targets,
    Unproven::Heat,
    Unproven::File,
    Unproven::Unanswered,
];

#[test]
fn a_sentence_that_is_not_known_stays_as_it_is() {
    for sentence in ["something that nobody has said", "", ";", "; ", ". ", "a; b. c", "{}", "{1}", "."] {
        assert_eq!(german(sentence).to_lowercase(), sentence.to_lowercase());
        assert_eq!(say(Language::English, sentence), sentence);
    }
}

#[test]
fn no_sentence_is_known_twice_and_every_hole_is_one_of_the_english() {
    let mut seen = std::collections::BTreeSet::new();
    for (english, german) in FIXED.iter().chain(&PATTERNS).copied().flatten() {
        assert!(seen.insert(*english), "{english:?} is there twice");
        assert!(!german.trim().is_empty(), "{english:?}");
    }
    for (english, german) in PATTERNS.iter().copied().flatten() {
        let count = english.matches("{}").count();
        assert!(count > 0, "{english:?} has no hole");
        for mark in german.split('{').skip(1) {
            let number = mark.split('}').next().unwrap().trim_end_matches(MARKS);
            assert!((1..=count).contains(&number.parse().unwrap()), "{german:?}");
        }
    }
}

#[test]
fn what_is_filled_in_stays_as_it_is_and_is_no_hole() {
    assert_eq!(german("cancelled by {1}"), "abgebrochen von {1}");
    assert_eq!(german("paused by kim"), "pausiert von kim");
    assert_eq!(
        german(
            "it is in quarantine: this is not the board that was known here: its USB socket is <b>, not 1-2"
        ),
        "er ist in Quarantäne: das ist nicht die Platine, die hier bekannt war: seine USB-Buchse ist <b>, nicht 1-2"
    );
    // What somebody is called is never read as the rest of a sentence.
    let odd = german("cancelled by kim; the board confirmed it");
    assert_eq!(odd, "abgebrochen von kim; die Platine hat es bestätigt");
}

#[test]
fn numbers_with_a_unit_have_their_comma_and_what_may_be_a_name_or_a_version_stays() {
    for (english, wanted) in [
        (
            "the vat gives 90.0 ml, and it needs 120.5 ml: top the vat up, or measure it",
            "die Wanne gibt 90,0 ml, und er braucht 120,5 ml: die Wanne nachfüllen, oder messen",
        ),
        ("kim finds 30.0 ml in the vat of msla-1.2", "kim findet 30,0 ml in der Wanne von msla-1.2"),
        (
            "it takes 59.2 ml, and of 50.0 ml that the vat holds 20.0 ml have to stay",
            "sie nimmt 59,2 ml, und von 50,0 ml, die die Wanne fasst, müssen 20,0 ml bleiben",
        ),
        ("cancelled by 2.5", "abgebrochen von 2.5"),
    ] {
        assert_eq!(german(english), wanted);
    }
    assert_eq!(
        say(Language::English, "kim finds 30.0 ml in the vat of msla"),
        "kim finds 30.0 ml in the vat of msla"
    );
    for (hole, behind, wanted) in [
        ("1.5", " ml bleiben", "1,5"),
        ("-0.4", " mm", "-0,4"),
        ("1.5", " Punkte", "1.5"),
        ("2.1.2 s", "", "2.1.2 s"),
        ("1.5 mm/s", "", "1,5 mm/s"),
        ("25.4 mm, und", "", "25,4 mm, und"),
        (".5 ml", "", ".5 ml"),
    ] {
        assert_eq!(measured(hole, behind), wanted, "{hole:?} before {behind:?}");
    }
}

#[test]
fn what_a_board_did_that_somebody_has_to_know_has_german() {
    for odd in crate::domain::resin::odd::Odd::ALL {
        is_german(odd.in_words());
        is_german(&format!("on msla, {}", odd.in_words()));
    }
}

#[test]
fn a_long_text_of_anybodys_takes_no_time() {
    let long = "a and b, c; d. ".repeat(100);
    assert_eq!(german(&long), long.as_str());
    let longer = "; ".repeat(5_000);
    assert_eq!(german(&longer), longer);
    let joints = "it is ready and ".repeat(60);
    assert_eq!(german(&joints), joints);
}

#[test]
fn every_fault_hazard_and_line_trouble_has_german() {
    for fault in FAULTS {
        let activity = Activity::Faulted { fault };
        is_german(fault.in_words());
        is_german(&activity_words(&activity));
        is_german(&Interruption::Fault { fault }.in_words());
    }
    for hazard in Hazard::ALL {
        is_german(hazard.fault().in_words());
        is_german(&PauseReason::Heat { hazard }.in_words());
        for (heater, action) in Heater::ALL.into_iter().zip([
            Action::Warn,
            Action::Pause,
            Action::HeatersOff,
            Action::Stop,
            Action::Warn,
            Action::Stop,
        ]) {
            let target = (heater == Heater::Bed).then_some(Celsius(60.0));
            let alarm = Alarm { heater, hazard, action, reading: Some(Celsius(143.2)), target, limit: 135.0 };
            is_german(&alarm.in_words());
        }
    }
    for trouble in [LineTrouble::Noise, LineTrouble::Renumbering, LineTrouble::LostOks, LineTrouble::Stranger]
    {
        is_german(trouble.in_words());
    }
    for rung in
        [Rung::Uuid, Rung::UsbSerial, Rung::Adapter, Rung::Socket, Rung::MachineType, Rung::FirmwareName]
    {
        is_german(rung.in_words());
    }
}

#[test]
fn every_way_that_a_job_ends_or_pauses_has_german() {
    use Interruption as I;
    let mut ends = vec![
        I::DaemonEnded,
        I::Unplugged,
        I::PrinterReset,
        I::Silence,
        I::LineCountLost,
        I::Noise,
        I::Unaccounted,
        I::Stopped,
        I::FileUnreadable,
        I::FileChanged,
        I::NotAllowed,
    ];
    ends.extend(UNPROVEN.map(|unproven| I::NotContinued { unproven }));
    ends.extend(ExposureFault::ALL.map(|fault| I::Exposure { fault }));
    ends.extend(BoardFault::ALL.map(|fault| I::Board { fault }));
    for end in ends {
        is_german(&end.in_words());
    }
    let pauses = [
        PauseReason::Person { by: "kim".into() },
        PauseReason::Panel,
        PauseReason::File { command: 12 },
        PauseReason::Printer,
        PauseReason::Runout,
        PauseReason::Astray,
        PauseReason::Restart,
        PauseReason::Refill,
        PauseReason::Unknown,
    ];
    for pause in pauses {
        let words = pause.in_words();
        is_german(&words);
        is_german(&format!("{words}; it waits for a person"));
        is_german(&format!(
            "{words}; the head is parked; its nozzle was switched off, since the pause was long"
        ));
    }
    let uses = [IntendedUse::Diagnostic, IntendedUse::Guide, IntendedUse::Education].map(Attended::Use);
    let others = [Attended::Printer, Attended::Unprotected, Attended::Restored, Attended::Resumes];
    for attended in uses.into_iter().chain(others) {
        let words = attended.in_words();
        is_german(words);
        is_german(&format!(
            "a person must be there when it begins ({words}): `platen jobs --start 01ab --printer mk3 --by NAME`"
        ));
    }
}

#[test]
fn every_state_of_a_printer_and_every_stop_has_german() {
    let job: crate::domain::ids::JobId = "0000000000000000".parse().unwrap();
    let progress = Progress { confirmed: 1, total: 2 };
    let all = [
        Activity::Offline {
            reason: "there is no port /dev/x: is the printer plugged in and switched on?".into(),
        },
        Activity::Offline { reason: STILL_DEAF },
        Activity::Connecting,
        Activity::Quarantined {
            reason: "this is not the board that was known here: its machine type is A, not B".into(),
        },
        Activity::Ready,
        Activity::Printing { job: job.clone(), progress },
        Activity::Paused { job: job.clone(), progress, draining: true },
        Activity::Paused { job: job.clone(), progress, draining: false },
        Activity::Finishing { job: job.clone(), progress },
        Activity::Cancelling { job },
        Activity::Stopped,
    ];
    for activity in all {
        is_german(&activity_words(&activity));
    }
    let proofs = [
        StopProof::KillLine,
        StopProof::Restart,
        StopProof::Silence,
        StopProof::PlateUp,
        StopProof::NotPrinting,
    ];
    for proof in proofs.map(Some).into_iter().chain([None]) {
        for relay in
            [None, Some(RelayOutcome::Switched), Some(RelayOutcome::Failed), Some(RelayOutcome::Absent)]
        {
            let words = StopOutcome { proof, relay }.in_words();
            if !words.is_empty() {
                is_german(&format!("stopped by kim; {words}"));
                is_german(&format!("{}; {words}", Fault::HeatUnasked.in_words()));
            }
        }
    }
    let wrong = Wrong::Mismatch {
        what: Rung::Uuid,
        expected: Some("a".into()),
        found: None,
        belongs_to: Some("mk3-02".parse().unwrap()),
    };
    is_german(&wrong.in_words());
    is_german(&Wrong::Doubt { with: "mk3-02".parse().unwrap() }.in_words());
}

#[test]
fn every_doubt_wish_role_and_notice_has_german() {
    for doubt in Doubt::ALL {
        is_german(doubt.in_words());
    }
    let all: Vec<&str> = Doubt::ALL.iter().map(|doubt| doubt.in_words()).collect();
    is_german(&format!("000000000000q-1-1 wants an extra look, since {}", all.join(", ")));
    for reason in HoldReason::ALL {
        is_german(&Wanted::Held { reason: Some(reason), ended: None }.in_words());
    }
    for cause in ReprintCause::ALL {
        is_german(cause.in_words());
        is_german(&format!("job 01ab again: {}", cause.in_words()));
    }
    for role in Role::ALL {
        assert_ne!(german(role.word()), role.word(), "{role}");
    }
    for rule in TABLE {
        is_german(rule.does);
    }
    for topic in Topic::ALL {
        is_german(topic.means());
    }
}

struct Called;

impl Names for Called {
    fn job(&self, _: JobAt) -> String {
        "01ab".into()
    }
    fn printer(&self, _: PrinterAt) -> String {
        "mk3-01".into()
    }
    fn material(&self, _: Material) -> String {
        "PLA".into()
    }
    fn lot(&self, _: Lot) -> String {
        "00lot".into()
    }
    fn process(&self, _: Process) -> String {
        "fine".into()
    }
    fn circuit(&self, _: Circuit) -> String {
        "A".into()
    }
    fn model(&self, _: Model) -> String {
        "MK3S".into()
    }
    fn purpose(&self, _: Use) -> String {
        "used".into()
    }
    fn barred(&self, _: u16) -> (String, String) {
        ("somebody holds the job".into(), "release it".into())
    }
    fn moment(&self, _: Seconds) -> String {
        "14:05".into()
    }
}

fn obstacles() -> Vec<Obstacle> {
    use Obstacle as O;
    let (material, needs, left) = (Material(0), Amount(20_000), Amount(5_000));
    let mut all = vec![
        O::WrongKind { needs: Kind::Fdm },
        O::WrongKind { needs: Kind::Resin },
        O::WrongModel { needs: Model(0) },
        O::Nozzle { needs: 400, has: Some(600) },
        O::Nozzle { needs: 400, has: None },
        O::TooLarge { axis: Axis::X, by: 500 },
        O::NotLoaded { material },
        O::NotEnough { material, needs, left },
        O::UsedUp { material, needs, left, planned: Amount(3_000) },
        O::VatUsedUp { material, needs, left, planned: Amount(3_000) },
        O::NotValidated { process: Process(0), purpose: Use(0) },
        O::Unqualified,
        O::Restricted { purpose: Use(0) },
        O::CalibrationUnknown,
        O::CalibrationOverdue { since: Seconds(0) },
        O::Offline,
        O::Locked,
        O::Overload { circuit: Circuit(0), needs: 300, has: 200 },
        O::PinnedTo(PrinterAt(0)),
        O::PreparedOn(PrinterAt(0)),
        O::Busy { until: Seconds(0) },
        O::Bed { until: Some(Seconds(0)) },
        O::Bed { until: None },
        O::Queue { until: Seconds(0) },
        O::Maintenance { until: Seconds(0) },
        O::NoPerson { until: Some(Seconds(0)) },
        O::NoPerson { until: None },
        O::Power { circuit: Circuit(0), until: Seconds(0) },
    ];
    for hold in [Hold::ByPerson, Hold::CaseOnHold, Hold::NotApproved, Hold::Unassigned] {
        all.push(O::Held(hold));
    }
    for why in [Usable::Expired, Usable::Blocked, Usable::NotOpened, Usable::Recalled] {
        all.push(O::Lot { material, lot: Some(Lot(0)), why });
        all.push(O::Lot { material, lot: None, why });
    }
    all
}

#[test]
fn every_reason_of_the_planner_has_german_alone_and_beside_another() {
    for obstacle in obstacles() {
        is_german(&Reason::Against(vec![obstacle]).in_words(&Called));
        is_german(&Reason::Against(vec![Obstacle::Offline, obstacle]).in_words(&Called));
        let nowhere = Waiting::Nowhere { nearest: PrinterAt(0), against: vec![obstacle] };
        is_german(&nowhere.in_words(&Called));
    }
    for hold in [Hold::ByPerson, Hold::CaseOnHold, Hold::NotApproved, Hold::Unassigned] {
        is_german(&Waiting::Held(hold).in_words(&Called));
    }
    is_german(&Waiting::NoPrinters.in_words(&Called));
    let at = Seconds(0);
    for reason in [
        Reason::Chosen { start: at },
        Reason::Running { until: at },
        Reason::RunsOn(PrinterAt(0)),
        Reason::Unknown,
    ] {
        is_german(&reason.in_words(&Called));
    }
    for (ends_there, ends_here) in [(1, 2), (2, 2), (2, 1)] {
        let (ends_there, ends_here) = (Seconds(ends_there), Seconds(ends_here));
        for delays in [Vec::new(), vec![Obstacle::Offline, Obstacle::Locked]] {
            let reason = Reason::Elsewhere { there: PrinterAt(0), ends_there, ends_here, delays };
            is_german(&reason.in_words(&Called));
        }
    }
}

#[test]
fn what_people_are_told_and_the_journal_in_sentences_have_german() {
    let notices = include_str!("../../../../domain/notice/mod.rs");
    let found = literals(notices, "fn words(self) -> (&'static str, &'static str)");
    assert!(found.len() > 40, "{found:?}");
    for pair in found.chunks_exact(2) {
        is_german(&format!(
            "{} (case 000000000000q, part 1, attempt 2, printer mk3-01): {}",
            pair[0], pair[1]
        ));
        is_german(&format!("{}: {}", pair[0], pair[1]));
    }
    for sentence in [
        "the print begins on mk3-01",
        "mk3-01 stands still after 7 of 9 commands: the printer has run out of filament",
        "mk3-01 has printed 9 of 9 commands in 70 s; what it confirmed is exactly the file (digest 0123)",
        "the print on mk3-01 is interrupted after 7 of 9 commands: emergency stop",
        "mk3-01 did NOT confirm its stop; ITS RELAY FAILED: switch it off by hand",
        "kim cancels the job on mk3-01 after 7 of 9 commands",
        "case 000000000000q is opened, for a guide",
        "case 000000000000q is put on hold by rita (Rita Rossi, MD): no images yet, wait",
        "the design of case 000000000000q is approved by rita (Rita Rossi, MD), with the password (digest 0123)",
        "printed part 000000000000q-1-1 is accepted by ina, as of inspection 0123",
        "ada adds the user kim (Kim Lee, RT), who is operator",
        "somebody at this machine gives ada a password",
        "msla prints with resin: its vat holds 500.0 ml and keeps 50.0 ml",
        "job 01ab takes 100.0 ml of resin in 400 layers and 0 h 16 min of light, with 2 refills on the way",
        "job 01ab has an encrypted file, and takes 80.0 ml and 90 min as kim says",
        "job 01ab has an encrypted file, and takes 80.0 ml as kim says",
        "job 01ab has an encrypted file, and nobody has said what resin it takes",
        "msla has lit job 01ab at most for 0 h 02 min, of about 12.5 ml of resin",
        "kim fills the vat of msla with 300.0 ml of lot 01ab",
        "kim tops the vat of msla up with 300.0 ml of lot 01ab",
        "kim finds 30.0 ml in the vat of msla",
        "kim empties and cleans the vat of msla; its resin is back in the bottle",
        "kim replaces the film of msla; the new one has let go 0 layers",
        "msla has lit job 01ab at most for 0 h 02 min in 50 layers, of about 12.5 ml of resin; the display is worn: have the next one at hand",
        "kim has looked at msla before a start: film taut and undamaged with nothing on it, vat seated and locked, cover closed",
    ] {
        is_german(sentence);
    }
    // What somebody wrote stays as it is.
    let made = german("part 1 is to be made: left hand, of the boy; and the rest");
    assert_eq!(made, "Teil 1 ist zu fertigen: left hand, of the boy; and the rest");
}

#[test]
fn several_reasons_after_one_another_are_told_each_with_a_capital() {
    let two = "it works on job 01ab. It cannot be printed here because the printer is offline; connect it.";
    assert_eq!(
        german(two),
        "er arbeitet an Auftrag 01ab. Hier kann er nicht gedruckt werden, denn der Drucker ist nicht verbunden; \
         ihn verbinden."
    );
}

/// The text of every file below a folder.
pub(super) fn sources(folder: &std::path::Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !path.to_string_lossy().contains("words/sentences")
        {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_title_that_is_known_is_one_of_a_problem() {
    let mut all = String::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    for (title, _) in TITLES {
        let slug = title.to_lowercase().replace(' ', "-");
        assert!(all.contains(&format!("\"{slug}\"")), "no problem is {slug:?}");
    }
}

/// The literals of a function's body, as the source has them: what a state can be told to do.
fn literals<'s>(source: &'s str, from: &str) -> Vec<&'s str> {
    let (_, body) = source.split_once(from).unwrap();
    let body = body.split("\n    }\n").next().unwrap();
    body.split('"').skip(1).step_by(2).collect()
}

#[test]
fn what_is_next_with_a_case_a_part_a_job_and_a_lot_has_german() {
    let case = include_str!("../../../../domain/quality/case.rs");
    let printed = include_str!("../../../../domain/quality/printed.rs");
    let job = include_str!("../../../../domain/job.rs");
    let lot = include_str!("../../../../domain/quality/lot.rs");
    let views = include_str!("../../../views.rs");
    let mut count = 0;
    for (source, from) in [
        (case, "pub fn todo(&self)"),
        (printed, "pub fn todo(&self)"),
        (job, "pub fn todo(&self)"),
        (lot, "fn refuse(&self, wanted: &'static str)"),
        (views, "fn hold_words(step: HoldStep)"),
    ] {
        let body = if from.contains("hold_words") { source.split_once(from).unwrap().1 } else { source };
        let found = if from.contains("hold_words") {
            body.split("\n}\n").next().unwrap().split('"').skip(1).step_by(2).collect()
        } else {
            literals(source, from)
        };
        for sentence in found {
            is_german(sentence);
            count += 1;
        }
    }
    assert!(count > 50, "only {count} sentences are looked at");
}
