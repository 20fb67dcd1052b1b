//! A journal's entry in a sentence: what happened, as a person would tell it.

mod quality;
mod queue;
mod resin;

use super::case::IntendedUse;
use super::event::{Actor, Event, Fact};
use super::finding::{Gated, Noted};
use super::identifiers::{ErasingReason, IdentifierFact, ReadingReason};
use super::ids::{CaseToken, FileHash};
use super::job::Progress;
use super::lab::Lab;
use super::people;
use super::people::roles::{Role, words};

/// Enough of a hash to find it again in the journal, and to read it aloud.
const HASH_SHOWN: usize = 12;

/// Whether an entry belongs to the story of a case. The lab knows what some entries name by an id alone.
pub fn is_of_case(lab: &Lab, event: &Event, case: &CaseToken) -> bool {
    match (&event.subject, &event.fact) {
        (Some(subject), _) => subject.case == *case,
        (None, Fact::CaseOpened { case: of, .. } | Fact::PartAdded { case: of, .. }) => of == case,
        (None, Fact::Quality(fact)) => quality::is_of_case(lab, &fact.change, case),
        (None, Fact::Queue(fact)) => queue::case_of(lab, fact) == Some(case),
        (None, Fact::Resin(fact)) => resin::case_of(lab, fact) == Some(case),
        (None, Fact::Identifiers(fact)) => fact.case() == case,
        (None, _) => false,
    }
}

/// The case whose words an entry may have in it. What is apart for a lot or a printer is of no single one.
pub fn case_of<'a>(lab: &'a Lab, event: &'a Event) -> Option<&'a CaseToken> {
    match (&event.subject, &event.fact) {
        (Some(subject), _) => Some(&subject.case),
        (None, Fact::CaseOpened { case, .. } | Fact::PartAdded { case, .. }) => Some(case),
        (None, Fact::Quality(fact)) => fact.change.case(lab),
        (None, Fact::Queue(fact)) => queue::case_of(lab, fact),
        (None, Fact::Resin(fact)) => resin::case_of(lab, fact),
        (None, Fact::Identifiers(fact)) => Some(fact.case()),
        (None, _) => None,
    }
}

/// Whether words of people or devices may be in an entry that is of no case: of these kinds, all words are ours, or
/// names of those who use this platen.
pub fn has_words_of_no_case(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::JournalBegun { .. }
            | Fact::DaemonStarted { .. }
            | Fact::Identifiers(_)
            | Fact::Queue(_)
            | Fact::People(_)
            | Fact::Resin(_)
    )
}

/// Who caused it, as far as it is known.
pub fn who(event: &Event) -> String {
    match &event.actor {
        Actor::Person(name) => name.clone(),
        Actor::Printer(printer) => format!("printer {printer}"),
        Actor::Platen => "platen".into(),
    }
}

/// As much of a hash as is shown.
pub fn short(hash: &FileHash) -> &str {
    hash.as_str().get(..HASH_SHOWN).unwrap_or(hash.as_str())
}

fn far(progress: &Progress) -> String {
    format!("{} of {} commands", progress.confirmed, progress.total)
}

fn used(intended_use: IntendedUse) -> &'static str {
    match intended_use {
        IntendedUse::Diagnostic => "diagnosis or planning",
        IntendedUse::Guide => "a guide",
        IntendedUse::Education => "education",
    }
}

fn codes(findings: &[Noted]) -> String {
    findings.iter().map(|noted| noted.code.as_str()).collect::<Vec<_>>().join(", ")
}

fn gated(gate: Option<&Gated>) -> String {
    let Some(gate) = gate.filter(|gate| !gate.findings.is_empty()) else { return String::new() };
    let more = if gate.more > 0 { format!(" and {} more", gate.more) } else { String::new() };
    let accepted = match (&gate.by, gate.accepted.as_slice()) {
        (_, []) => String::new(),
        (Some(by), accepted) => format!("; {by} accepts {}", accepted.join(", ")),
        (None, accepted) => format!("; accepted: {}", accepted.join(", ")),
    };
    format!("; found in it: {}{more}{accepted}", codes(&gate.findings))
}

fn named(by: Option<&String>) -> String {
    by.map(|by| format!(" by {by}")).unwrap_or_default()
}

/// Which identifiers, by whom and why; nobody here knows what they are.
fn identified(fact: &IdentifierFact) -> String {
    match fact {
        IdentifierFact::Kept { case, kinds, by, .. } => {
            let kinds = kinds.iter().map(|kind| kind.words()).collect::<Vec<_>>().join(", ");
            format!("{by} puts into the vault of case {case}: {kinds}")
        }
        IdentifierFact::Read { case, reason, by, .. } => {
            let why = match reason {
                ReadingReason::Handover => "for a handover",
                ReadingReason::ClinicalQuestion => "for a clinical question",
                ReadingReason::Scheduling => "for the schedule",
                ReadingReason::Correction => "to correct them",
                ReadingReason::Billing => "for billing",
                ReadingReason::PatientRequest => "since the patient asks",
                ReadingReason::Audit => "for an audit",
            };
            format!("{by} reads the identifiers of case {case}, {why}")
        }
        IdentifierFact::Erased { case, reason, by, .. } => {
            let why = match reason {
                ErasingReason::PatientRequest => "since the patient asks",
                ErasingReason::Retention => "since their time is over",
                ErasingReason::EnteredInError => "since they were entered in error",
            };
            format!("{by} erases the identifiers of case {case}, {why}")
        }
    }
}

fn of_whom(by: &people::By) -> String {
    match by {
        people::By::Setup => "somebody at this machine".into(),
        people::By::Person(name) => name.to_string(),
    }
}

/// Who may come in, and as what.
fn of_people(fact: &people::Fact) -> String {
    use people::Fact;
    let roles = |roles: &std::collections::BTreeSet<Role>| words(roles);
    match fact {
        Fact::UserAdded { user, printed, roles: are, by } => {
            format!("{} adds the user {user} ({printed}), who is {}", of_whom(by), roles(are))
        }
        Fact::RolesChanged { user, from, to, by } => {
            format!("{} makes {user} {} instead of {}", of_whom(by), roles(to), roles(from))
        }
        Fact::PasswordChanged { user, by } if *by == people::By::Person(user.clone()) => {
            format!("{user} chooses a new password")
        }
        Fact::PasswordChanged { user, by } => format!("{} gives {user} a password", of_whom(by)),
        Fact::TokenIssued { user, token, label, roles: are, .. } => {
            format!("{user} makes the token {token} ({}), which is {}", label.as_str(), roles(are))
        }
        Fact::TokenRevoked { user, token, by } => {
            format!("{} revokes the token {token} of {user}", of_whom(by))
        }
        Fact::UserDisabled { user, by } => format!("{} disables {user}", of_whom(by)),
        Fact::UserEnabled { user, by } => format!("{} enables {user} again", of_whom(by)),
        Fact::UserUnlocked { user, by } => format!("{} lets {user} try again at once", of_whom(by)),
        // Where their mail goes is for them alone.
        Fact::NoticesChosen { user, by, .. } if *by == people::By::Person(user.clone()) => {
            format!("{user} chooses what to be told")
        }
        Fact::NoticesChosen { user, by, .. } => format!("{} chooses what {user} is told", of_whom(by)),
        Fact::UserLocked { user } => format!("too many wrong passwords: {user} has to wait"),
        Fact::SignedIn { user } => format!("{user} signs in"),
        Fact::Vouched { user, roles: are, .. } => {
            format!("the site's sign-in vouches for {user}, who is {}", roles(are))
        }
        Fact::EmergencyUsed { user } => format!("{user} signs in by the password for emergencies"),
    }
}

/// One sentence, without its time and its actor. It may hold a part's name and a firmware's words: for the lab only.
pub fn told(fact: &Fact) -> String {
    match fact {
        Fact::JournalBegun { site, node } => format!("the journal of {site}/{node} begins"),
        Fact::DaemonStarted { version } => format!("platen {version} starts"),
        Fact::CaseOpened { case, intended_use } => {
            format!("case {case} is opened, for {}", used(*intended_use))
        }
        Fact::PartAdded { number, name, .. } => format!("part {number} is to be made: {}", name.as_str()),
        Fact::JobSlicing { model, order, pinned, material } => {
            let scale = match order.scale {
                crate::domain::chain::SliceOrder::WHOLE => String::new(),
                millionths => format!(", scaled to {} %", f64::from(millionths) / 10_000.0),
            };
            let mirrored = if order.mirrored { ", MIRRORED" } else { "" };
            let on = pinned.as_ref().map(|printer| format!(", for printer {printer}")).unwrap_or_default();
            let of = material.as_ref().map(|material| format!(", in {material}")).unwrap_or_default();
            let model = short(model);
            format!(
                "model {model} is taken in, to be sliced by process {}{scale}{mirrored}{of}{on}",
                order.process
            )
        }
        Fact::JobSliced { chain } => format!(
            "model {} is sliced into file {} ({} layers) with profile {} version {} by {} {}",
            short(&chain.model.hash),
            short(&chain.file),
            chain.layers,
            chain.profile.name,
            chain.profile.version,
            chain.slicer.name,
            chain.slicer.version
        ),
        Fact::JobNotSliced { why } => format!("no file was made: {why}"),
        Fact::JobQueued { file, commands, pinned, material, resumes, gate, also, .. } => {
            let on = pinned.as_ref().map(|printer| format!(" for printer {printer}")).unwrap_or_default();
            let of = material.as_ref().map(|material| format!(" in {material}")).unwrap_or_default();
            let resumes = resumes.as_ref().map(|resumes| {
                format!(", going on with the part of job {} at layer {}", resumes.job, resumes.layer)
            });
            let file = short(file);
            let also: Vec<_> = also.iter().map(ToString::to_string).collect();
            let also = match also.as_slice() {
                [] => String::new(),
                also => format!(", with {} on the same bed", also.join(", ")),
            };
            let (resumes, gate) = (resumes.unwrap_or_default(), gated(gate.as_deref()));
            format!("file {file} ({commands} commands) is queued{on}{of}{also}{resumes}{gate}")
        }
        Fact::JobResumeFile { file, layer, height, by, .. } => {
            format!("{by} has file {} made, which goes on at layer {layer}, {height} mm high", short(file))
        }
        Fact::JobStarted { printer } => format!("the print begins on {printer}"),
        Fact::JobProgress { progress, .. } => format!("{} are confirmed", far(progress)),
        Fact::JobPaused { printer, progress, reason } => {
            format!("{printer} stands still after {}: {}", far(progress), reason.in_words())
        }
        Fact::JobResumed { printer, by } => format!("{printer} goes on{}", named(by.as_ref())),
        Fact::JobContinued { printer, progress, layer, gap_ms } => format!(
            "{printer} goes on at layer {layer}, behind {}, after {} s without platen: the part wants an extra look there",
            far(progress),
            gap_ms / 1000
        ),
        Fact::JobPrinted { printer, progress, exact, digest, millis, .. } => format!(
            "{printer} has printed {} in {} s; what it confirmed is {} (digest {})",
            far(progress),
            millis / 1000,
            if *exact { "exactly the file" } else { "NOT exactly the file" },
            short(digest)
        ),
        Fact::JobCancelled { printer, progress, by, .. } => {
            let on = printer.as_ref().map(|printer| format!(" on {printer}")).unwrap_or_default();
            let at =
                progress.as_ref().map(|progress| format!(" after {}", far(progress))).unwrap_or_default();
            format!("{by} cancels the job{on}{at}")
        }
        Fact::JobInterrupted { printer, progress, why, .. } => {
            format!("the print on {printer} is interrupted after {}: {}", far(progress), why.in_words())
        }
        Fact::BedCleared { printer, by } => format!("{by} says that the bed of {printer} is clear"),
        Fact::TrailLost { printer, job } => {
            format!("what was kept of job {job} on {printer} is wrong: it does not go on after a crash")
        }
        Fact::CancelAsked { printer, job, by } => format!("{by} asks {printer} to cancel job {job}"),
        Fact::BedGivenBack { printer, job: Some(job) } => {
            format!("nothing was laid: on the bed of {printer} is still the part of job {job}")
        }
        Fact::BedGivenBack { printer, job: None } => {
            format!("not a line was sent: the bed of {printer} is clear as before")
        }
        Fact::PrinterStopped { printer, by } => format!("{by} stops {printer}"),
        Fact::StopVerified { printer, proof } => format!("{printer} has stopped: {}", proof.in_words()),
        Fact::StopUnverified { printer, relay } => {
            format!("{printer} did NOT confirm its stop; {}", relay.in_words())
        }
        Fact::PrinterFaulted { printer, fault } => format!("{printer} is locked: {}", fault.in_words()),
        Fact::LatchCleared { printer, by } => format!("{by} unlocks {printer}"),
        Fact::HeatAlarm { printer, alarm } => format!("on {printer}, {}", alarm.in_words()),
        Fact::PrinterIdentified { printer, by, .. } => match by {
            Some(by) => format!("{by} says that the board on its port is {printer}'s"),
            None => format!("the board of {printer} is known from now on"),
        },
        Fact::PrinterQuarantined { printer, why } => {
            format!("what hangs on the port of {printer} gets nothing: {}", why.in_words())
        }
        Fact::PrinterRecognised { printer } => format!("the own board of {printer} is on its port again"),
        Fact::JobReleased { printer, by } => format!("{by} stands at {printer} and lets the job begin"),
        Fact::JobAccepted { findings, by } => format!("{by} accepts {}", codes(findings)),
        Fact::PromptAnswered { printer, by, label, .. } => {
            format!("{by} answers the question of {printer} with \"{label}\"")
        }
        Fact::ConsoleUsed { printer, by, command } => format!("{by} sends \"{command}\" to {printer}"),
        Fact::JournalRestored { entries, by } => {
            format!("the journal up to its entry {entries} is restored from a copy{}", named(by.as_ref()))
        }
        Fact::Quality(fact) => quality::told(fact),
        Fact::Queue(fact) => queue::told(fact),
        Fact::Identifiers(fact) => identified(fact),
        Fact::People(fact) => of_people(fact),
        Fact::Resin(fact) => resin::told(fact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::JobRef;
    use crate::domain::identifiers::Kind;
    use crate::domain::ids::{BootId, JobId, PartId};
    use crate::domain::moment::{Moment, Stamp, WallTime};

    fn event(subject: Option<JobRef>, fact: Fact) -> Event {
        let stamp = Stamp { wall: WallTime(1), mono: Moment(2), boot: BootId::from_entropy([7; 16]) };
        Event { seq: 1, stamp, actor: Actor::Platen, subject, fact }
    }

    #[test]
    fn the_story_of_a_case_has_its_own_entries_and_no_others() {
        let [mine, other] = [1, 2].map(|byte| CaseToken::from_entropy([byte; 16]));
        let subject = |case: &CaseToken| JobRef {
            case: case.clone(),
            part: PartId::from_entropy([1; 16]),
            job: JobId::from_entropy([1; 16]),
            job_seq: 1,
            outbox_seq: 1,
        };
        let opened =
            |case: &CaseToken| Fact::CaseOpened { case: case.clone(), intended_use: IntendedUse::Guide };
        let started = || Fact::JobStarted { printer: "a".parse().unwrap() };
        let read = |case: &CaseToken| {
            let (case, reason, by) = (case.clone(), ReadingReason::Handover, "kim".into());
            Fact::Identifiers(Box::new(IdentifierFact::Read { case, version: 1, reason, by }))
        };
        let cleared = Fact::BedCleared { printer: "a".parse().unwrap(), by: "kim".into() };
        for (event, is_mine) in [
            (event(None, opened(&mine)), true),
            (event(None, opened(&other)), false),
            (event(Some(subject(&mine)), started()), true),
            (event(Some(subject(&other)), started()), false),
            (event(None, read(&mine)), true),
            (event(None, read(&other)), false),
            (event(None, cleared), false),
        ] {
            assert_eq!(is_of_case(&Lab::default(), &event, &mine), is_mine, "{event:?}");
        }
    }

    #[test]
    fn a_sentence_names_who_what_and_how_far() {
        let printer = || "mk3-07".parse().unwrap();
        let progress = Progress { confirmed: 3, total: 9 };
        let digest = FileHash::from_digest([0xab; 32]);
        for (fact, words) in [
            (
                Fact::JobPrinted {
                    printer: printer(),
                    progress,
                    digest,
                    exact: false,
                    line: Box::default(),
                    millis: 61_000,
                },
                "mk3-07 has printed 3 of 9 commands in 61 s; what it confirmed is NOT exactly the file (digest abababababab)",
            ),
            (Fact::JobResumed { printer: printer(), by: Some("kim".into()) }, "mk3-07 goes on by kim"),
            (Fact::JobResumed { printer: printer(), by: None }, "mk3-07 goes on"),
            (
                Fact::JobAccepted {
                    findings: vec![Noted {
                        code: "heat.left_on".into(),
                        severity: crate::domain::finding::Severity::Warning,
                        line: None,
                    }],
                    by: "kim".into(),
                },
                "kim accepts heat.left_on",
            ),
            (
                Fact::BedGivenBack { printer: printer(), job: None },
                "not a line was sent: the bed of mk3-07 is clear as before",
            ),
        ] {
            assert_eq!(told(&fact), words);
        }
    }

    #[test]
    fn who_kept_read_and_erased_identifiers_is_told_and_why() {
        let (case, by) = (CaseToken::from_entropy([3; 16]), || "kim".to_owned());
        let (seal, kinds) = (FileHash::from_digest([7; 32]), vec![Kind::Name, Kind::Mrn]);
        let (read, erased) = (ReadingReason::Billing, ErasingReason::Retention);
        for (fact, words) in [
            (
                IdentifierFact::Kept { case: case.clone(), version: 1, seal, kinds, by: by() },
                format!(
                    "kim puts into the vault of case {case}: the patient's name, the medical record number"
                ),
            ),
            (
                IdentifierFact::Read { case: case.clone(), version: 1, reason: read, by: by() },
                format!("kim reads the identifiers of case {case}, for billing"),
            ),
            (
                IdentifierFact::Erased { case: case.clone(), version: 1, reason: erased, by: by() },
                format!("kim erases the identifiers of case {case}, since their time is over"),
            ),
        ] {
            assert_eq!(told(&Fact::Identifiers(Box::new(fact))), words);
        }
    }

    #[test]
    fn what_happens_to_users_is_told_with_who_did_it_and_belongs_to_no_case() {
        use crate::domain::ids::TokenId;
        use people::{By, Fact as Of};
        let (ada, kim) = (|| By::Person("ada".parse().unwrap()), || "kim".parse().unwrap());
        let roles = |roles: &[Role]| -> std::collections::BTreeSet<Role> { roles.iter().copied().collect() };
        let token = TokenId::from_entropy([1; 16]);
        let (operator, label) = (roles(&[Role::Operator]), "bench".parse().unwrap());
        let printed = "Kim Lee".parse().unwrap();
        let both = roles(&[Role::Operator, Role::Inspector]);
        for (fact, words) in [
            (
                Of::UserAdded { user: kim(), printed, roles: operator.clone(), by: By::Setup },
                "somebody at this machine adds the user kim (Kim Lee), who is operator".to_owned(),
            ),
            (
                Of::RolesChanged { user: kim(), from: operator.clone(), to: both, by: ada() },
                "ada makes kim operator and inspector instead of operator".into(),
            ),
            (Of::PasswordChanged { user: kim(), by: ada() }, "ada gives kim a password".into()),
            (Of::PasswordChanged { user: kim(), by: By::Person(kim()) }, "kim chooses a new password".into()),
            (
                Of::TokenIssued {
                    user: kim(),
                    token: token.clone(),
                    label,
                    roles: operator,
                    by: By::Person(kim()),
                },
                format!("kim makes the token {token} (bench), which is operator"),
            ),
            (
                Of::TokenRevoked { user: kim(), token: token.clone(), by: ada() },
                format!("ada revokes the token {token} of kim"),
            ),
            (Of::UserDisabled { user: kim(), by: ada() }, "ada disables kim".into()),
            (Of::UserEnabled { user: kim(), by: ada() }, "ada enables kim again".into()),
            (Of::UserUnlocked { user: kim(), by: ada() }, "ada lets kim try again at once".into()),
            (Of::UserLocked { user: kim() }, "too many wrong passwords: kim has to wait".into()),
            (Of::SignedIn { user: kim() }, "kim signs in".into()),
            (
                Of::Vouched {
                    user: kim(),
                    printed: "Kim Lee".parse().unwrap(),
                    roles: [Role::Operator].into(),
                    subject: people::SiteSubject::of("https://login.example", "1"),
                },
                "the site's sign-in vouches for kim, who is operator".into(),
            ),
            (Of::EmergencyUsed { user: kim() }, "kim signs in by the password for emergencies".into()),
        ] {
            assert_eq!(told(&Fact::People(fact.clone())), words);
            let case = CaseToken::from_entropy([1; 16]);
            assert!(!is_of_case(&Lab::default(), &event(None, Fact::People(fact)), &case));
        }
    }
}
