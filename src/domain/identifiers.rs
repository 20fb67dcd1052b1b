//! What ties a case to a patient, in types that tell nobody: no `Display`, no `Serialize`, a `Debug` that hides.
//!
//! The text comes out in one way only, called `reveal`, so that every place where it does can be found by its name.
//! The journal holds that something was kept, read or erased, by whom and why, and never what: its facts have ids,
//! numbers and words of ours in them, and no free text, since a reason in a person's own words names a patient sooner
//! or later. The classes are those of the medical reference, §3.5 and §6.1.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ids::{CaseToken, FileHash};

/// The longest text of one identifier, in characters: all of them together fit into one small record.
pub const LONGEST: usize = 120;

/// A text that is shown to nobody by accident, and wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The text itself. Whoever calls this sees to it that it goes to the person that the journal names.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn new(kind: Kind, text: &str) -> Result<Self, IdentifierError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > LONGEST {
            return Err(IdentifierError::Length { kind, got: length });
        }
        if text.chars().any(char::is_control) {
            return Err(IdentifierError::Control { kind });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Which identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Name,
    /// The hospital's number of the patient (medical record number).
    Mrn,
    /// The number of the imaging study's order.
    Accession,
    Surgeon,
    SurgeryAt,
    BirthDate,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Name, Self::Mrn, Self::Accession, Self::Surgeon, Self::SurgeryAt, Self::BirthDate];

    pub fn words(self) -> &'static str {
        match self {
            Self::Name => "the patient's name",
            Self::Mrn => "the medical record number",
            Self::Accession => "the accession number",
            Self::Surgeon => "the surgeon's name",
            Self::SurgeryAt => "the time of the surgery",
            Self::BirthDate => "the date of birth",
        }
    }
}

/// What cannot be kept; the text itself is never in the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    #[error("{} has {got} characters; give 1 to {LONGEST}, or leave it out", kind.words())]
    Length { kind: Kind, got: usize },
    #[error("{} has a line break or another control character in it; take it out", kind.words())]
    Control { kind: Kind },
    #[error("{} is no date of the calendar as in 1960-05-12; write year, month and day so", kind.words())]
    Day { kind: Kind },
    #[error("{} is no time as in 2026-12-01T07:30, on the hospital's clock; write it so", kind.words())]
    Time { kind: Kind },
    #[error("nothing was given to keep; give at least one identifier, or erase what is kept")]
    Nothing,
}

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let named = time::Month::try_from(month).ok()?;
        let known = time::Date::from_calendar_date(i32::from(year), named, day).is_ok();
        (known && (1800..=2200).contains(&year)).then_some(Self { year, month, day })
    }

    /// Year, month, day.
    pub fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        Self::new(number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?)
    }

    /// As it was entered; what holds for `Hidden::reveal` holds here.
    pub fn reveal(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Digits only: `parse` alone would take a sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A minute on the hospital's clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SurgeryTime {
    day: Day,
    hour: u8,
    minute: u8,
}

impl SurgeryTime {
    pub fn day(self) -> Day {
        self.day
    }

    /// Hour and minute.
    pub fn clock(self) -> (u8, u8) {
        (self.hour, self.minute)
    }

    fn read(text: &str) -> Option<Self> {
        let (day, clock) = text.split_once(['T', ' '])?;
        let bytes = clock.as_bytes();
        if bytes.len() != 5 || bytes[2] != b':' {
            return None;
        }
        let (hour, minute) = (number(clock.get(..2)?)?, number(clock.get(3..)?)?);
        let day = Day::read(day)?;
        (hour < 24u8 && minute < 60u8).then_some(Self { day, hour, minute })
    }

    /// As it was entered; what holds for `Hidden::reveal` holds here.
    pub fn reveal(self) -> String {
        format!("{}T{:02}:{:02}", self.day.reveal(), self.hour, self.minute)
    }
}

impl fmt::Debug for SurgeryTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A text as it was typed, not looked at yet; wiped like what becomes of it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Typed(Zeroizing<String>);

impl From<String> for Typed {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Typed {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What a person typed: read from JSON, never written to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entered {
    pub name: Option<Typed>,
    pub mrn: Option<Typed>,
    pub accession: Option<Typed>,
    pub surgeon: Option<Typed>,
    /// `2026-12-01T07:30`, on the hospital's clock.
    pub surgery_at: Option<Typed>,
    /// `1960-05-12`.
    pub birth_date: Option<Typed>,
}

/// What ties one case to a patient; every part of it is optional, and at least one is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifiers {
    name: Option<Hidden>,
    mrn: Option<Hidden>,
    accession: Option<Hidden>,
    surgeon: Option<Hidden>,
    surgery_at: Option<SurgeryTime>,
    birth_date: Option<Day>,
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifiers (hidden): {:?}", self.kinds())
    }
}

impl TryFrom<&Entered> for Identifiers {
    type Error = IdentifierError;

    fn try_from(entered: &Entered) -> Result<Self, IdentifierError> {
        let text = |kind, given: &Option<Typed>| given.as_ref().map(|t| Hidden::new(kind, &t.0)).transpose();
        let surgery_at = entered.surgery_at.as_ref().map(|given| {
            SurgeryTime::read(given.0.trim()).ok_or(IdentifierError::Time { kind: Kind::SurgeryAt })
        });
        let birth_date = entered
            .birth_date
            .as_ref()
            .map(|given| Day::read(given.0.trim()).ok_or(IdentifierError::Day { kind: Kind::BirthDate }));
        let read = Self {
            name: text(Kind::Name, &entered.name)?,
            mrn: text(Kind::Mrn, &entered.mrn)?,
            accession: text(Kind::Accession, &entered.accession)?,
            surgeon: text(Kind::Surgeon, &entered.surgeon)?,
            surgery_at: surgery_at.transpose()?,
            birth_date: birth_date.transpose()?,
        };
        if read.kinds().is_empty() { Err(IdentifierError::Nothing) } else { Ok(read) }
    }
}

impl Identifiers {
    pub fn name(&self) -> Option<&Hidden> {
        self.name.as_ref()
    }

    pub fn mrn(&self) -> Option<&Hidden> {
        self.mrn.as_ref()
    }

    pub fn accession(&self) -> Option<&Hidden> {
        self.accession.as_ref()
    }

    pub fn surgeon(&self) -> Option<&Hidden> {
        self.surgeon.as_ref()
    }

    pub fn surgery_at(&self) -> Option<SurgeryTime> {
        self.surgery_at
    }

    pub fn birth_date(&self) -> Option<Day> {
        self.birth_date
    }

    /// Which of them are there.
    pub fn kinds(&self) -> Vec<Kind> {
        let there = [
            self.name.is_some(),
            self.mrn.is_some(),
            self.accession.is_some(),
            self.surgeon.is_some(),
            self.surgery_at.is_some(),
            self.birth_date.is_some(),
        ];
        Kind::ALL.into_iter().zip(there).filter_map(|(kind, there)| there.then_some(kind)).collect()
    }

    /// The plain bytes, for the vault to seal and for nobody else.
    pub(crate) fn plain(&self) -> Zeroizing<Vec<u8>> {
        let surgery_at = self.surgery_at.map(|time| Zeroizing::new(time.reveal()));
        let birth_date = self.birth_date.map(|day| Zeroizing::new(day.reveal()));
        let fields = [
            ("name", self.name.as_ref().map(Hidden::reveal)),
            ("mrn", self.mrn.as_ref().map(Hidden::reveal)),
            ("accession", self.accession.as_ref().map(Hidden::reveal)),
            ("surgeon", self.surgeon.as_ref().map(Hidden::reveal)),
            ("surgery_at", surgery_at.as_ref().map(|text| text.as_str())),
            ("birth_date", birth_date.as_ref().map(|text| text.as_str())),
        ];
        // As much as it can become, so that no copy is left behind where a vector grew: a character has 4 bytes
        // at most, a quote or backslash becomes 2, and control characters are refused.
        let mut bytes = Zeroizing::new(Vec::with_capacity(fields.len() * (4 * LONGEST + 32)));
        for (key, text) in fields.into_iter().filter_map(|(key, text)| Some((key, text?))) {
            let sign = if bytes.is_empty() { b'{' } else { b',' };
            bytes.push(sign);
            bytes.extend_from_slice(format!("\"{key}\":\"").as_bytes());
            for byte in text.bytes() {
                if matches!(byte, b'"' | b'\\') {
                    bytes.push(b'\\');
                }
                bytes.push(byte);
            }
            bytes.push(b'"');
        }
        bytes.push(b'}');
        bytes
    }

    /// What `plain` gave; nothing else is read.
    pub(crate) fn from_plain(bytes: &[u8]) -> Option<Self> {
        let entered: Entered = serde_json::from_slice(bytes).ok()?;
        Self::try_from(&entered).ok()
    }
}

/// Why identifiers are looked at: one of a few words, since it stands in the journal for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingReason {
    /// A part is handed over, and whose it is has to be said.
    Handover,
    /// A question about the case goes to the people who treat the patient.
    ClinicalQuestion,
    /// When the part is needed.
    Scheduling,
    /// To see whether what was entered is right.
    Correction,
    /// The coder ties proposed units to the hospital's account.
    Billing,
    /// The patient asks what is kept.
    PatientRequest,
    /// Somebody looks into who read what.
    Audit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasingReason {
    /// The patient asked for it.
    PatientRequest,
    /// They have been kept for as long as the site keeps them.
    Retention,
    /// They are of another patient, or should never have been entered.
    EnteredInError,
}

/// What happened to a case's identifiers. Stored in the journal: may be added to, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum IdentifierFact {
    /// They were entered or entered anew. `seal` is the hash of the sealed record, which says nothing of what is in it.
    Kept { case: CaseToken, version: u64, seal: FileHash, kinds: Vec<Kind>, by: String },
    /// They are about to be shown.
    Read { case: CaseToken, version: u64, reason: ReadingReason, by: String },
    /// They are about to be erased, all versions of them.
    Erased { case: CaseToken, version: u64, reason: ErasingReason, by: String },
}

impl IdentifierFact {
    pub fn case(&self) -> &CaseToken {
        match self {
            Self::Kept { case, .. } | Self::Read { case, .. } | Self::Erased { case, .. } => case,
        }
    }
}

/// What the lab knows of a case's identifiers: enough for the vault to see what is old, and nothing of what they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierState {
    /// 1 for the first that were kept; never used again, not even after an erasure.
    pub version: u64,
    /// Absent once they are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<FileHash>,
}

/// What somebody asks of a case's identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentifierRequest {
    /// The vault has them sealed, and they count as soon as the journal says so.
    Keep {
        case: CaseToken,
        version: u64,
        seal: FileHash,
        kinds: Vec<Kind>,
        by: String,
    },
    Read {
        case: CaseToken,
        reason: ReadingReason,
        by: String,
    },
    Erase {
        case: CaseToken,
        reason: ErasingReason,
        by: String,
    },
}

impl IdentifierRequest {
    pub fn case(&self) -> &CaseToken {
        match self {
            Self::Keep { case, .. } | Self::Read { case, .. } | Self::Erase { case, .. } => case,
        }
    }

    pub fn by(&self) -> &str {
        match self {
            Self::Keep { by, .. } | Self::Read { by, .. } | Self::Erase { by, .. } => by,
        }
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierRefusal {
    #[error("the vault has no identifiers of case {0}; enter them first, or go by the token")]
    Nothing(CaseToken),
    #[error(
        "the identifiers of case {case} are at version {known}, and {given} does not follow it: somebody else entered or erased them meanwhile; look at them, then enter yours again"
    )]
    NotNext { case: CaseToken, known: u64, given: u64 },
}

/// The fact that grants a request; who may ask is judged before.
pub fn judge(
    known: Option<&IdentifierState>,
    request: &IdentifierRequest,
    by: String,
) -> Result<IdentifierFact, IdentifierRefusal> {
    let case = request.case().clone();
    let kept = known.filter(|state| state.seal.is_some()).map(|state| state.version);
    let kept = kept.ok_or_else(|| IdentifierRefusal::Nothing(case.clone()));
    match request {
        IdentifierRequest::Keep { version, seal, kinds, .. } => {
            let known = known.map_or(0, |state| state.version);
            if *version != known + 1 {
                return Err(IdentifierRefusal::NotNext { case, known, given: *version });
            }
            Ok(IdentifierFact::Kept { case, version: *version, seal: seal.clone(), kinds: kinds.clone(), by })
        }
        IdentifierRequest::Read { reason, .. } => {
            Ok(IdentifierFact::Read { case, version: kept?, reason: *reason, by })
        }
        IdentifierRequest::Erase { reason, .. } => {
            Ok(IdentifierFact::Erased { case, version: kept?, reason: *reason, by })
        }
    }
}

/// What is known of a case's identifiers after a fact.
pub fn learn(state: &mut Option<IdentifierState>, fact: &IdentifierFact) {
    match fact {
        IdentifierFact::Kept { version, seal, .. } => {
            *state = Some(IdentifierState { version: *version, seal: Some(seal.clone()) });
        }
        IdentifierFact::Erased { version, .. } => {
            *state = Some(IdentifierState { version: *version, seal: None });
        }
        IdentifierFact::Read { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full() -> Entered {
        Entered {
            name: Some("Doe, Jane \"JD\" \\ Ö".into()),
            mrn: Some(" 4711-0815 ".into()),
            accession: Some("RAD2026112301".into()),
            surgeon: Some("Dr. Quincy".into()),
            surgery_at: Some("2026-12-01T07:30".into()),
            birth_date: Some("1960-05-12".into()),
        }
    }

    #[test]
    fn what_is_sealed_is_read_back_as_it_was_entered() {
        let identifiers = Identifiers::try_from(&full()).unwrap();
        let back = Identifiers::from_plain(&identifiers.plain()).unwrap();
        assert_eq!(back, identifiers);
        assert_eq!(back.mrn().unwrap().reveal(), "4711-0815", "without the blanks around it");
        assert_eq!(back.surgery_at().unwrap().day().parts(), (2026, 12, 1));
        assert_eq!(back.surgery_at().unwrap().clock(), (7, 30));
        assert_eq!(back.kinds(), Kind::ALL);
    }

    #[test]
    fn no_debug_text_tells_what_it_holds() {
        let entered = full();
        let identifiers = Identifiers::try_from(&entered).unwrap();
        let shown = format!(
            "{entered:?} {identifiers:#?} {:?} {:?} {:?}",
            identifiers.name(),
            identifiers.surgery_at(),
            identifiers.birth_date()
        );
        for part in ["Doe", "Jane", "4711", "0815", "RAD2026", "Quincy", "1960", "2026", "07:30", "30"] {
            assert!(!shown.contains(part), "{part} stands in {shown}");
        }
    }

    #[test]
    fn a_refused_identifier_is_named_by_its_kind_and_not_repeated() {
        let cases: [(Entered, &str); 6] = [
            (
                Entered { name: Some("Smithson".repeat(20).into()), ..Entered::default() },
                "the patient's name has 160",
            ),
            (Entered { mrn: Some("47\n11".into()), ..Entered::default() }, "line break"),
            (Entered { birth_date: Some("12.05.1960".into()), ..Entered::default() }, "as in 1960-05-12"),
            (
                Entered { birth_date: Some("1961-02-29".into()), ..Entered::default() },
                "no date of the calendar",
            ),
            (
                Entered { surgery_at: Some("2026-12-01T25:00".into()), ..Entered::default() },
                "as in 2026-12-01T07:30",
            ),
            (Entered::default(), "at least one identifier"),
        ];
        for (entered, words) in cases {
            let error = Identifiers::try_from(&entered).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            for secret in ["Smithson", "47", "12.05", "1961", "25:00"] {
                assert!(!error.contains(secret), "{error}");
            }
        }
    }

    #[test]
    fn the_journal_holds_words_of_ours_and_no_others() {
        let case = CaseToken::from_entropy([3; 16]);
        let fact =
            IdentifierFact::Read { case, version: 2, reason: ReadingReason::Handover, by: "kim".into() };
        let json = serde_json::to_value(&fact).unwrap();
        assert_eq!((json["step"].as_str(), json["reason"].as_str()), (Some("read"), Some("handover")));
        let free = json.to_string().replace("handover", "for Jane Doe");
        assert!(serde_json::from_str::<IdentifierFact>(&free).is_err(), "a reason in own words is none");
    }

    #[test]
    fn identifiers_are_kept_version_by_version_and_read_only_while_they_are_there() {
        let case = CaseToken::from_entropy([3; 16]);
        let keep = |version| IdentifierRequest::Keep {
            case: case.clone(),
            version,
            seal: FileHash::from_digest([7; 32]),
            kinds: vec![Kind::Mrn],
            by: "kim".into(),
        };
        let read = || IdentifierRequest::Read {
            case: case.clone(),
            reason: ReadingReason::Handover,
            by: "kim".into(),
        };
        let erase = || IdentifierRequest::Erase {
            case: case.clone(),
            reason: ErasingReason::Retention,
            by: "kim".into(),
        };
        let mut state = None;
        let mut ask = |request: IdentifierRequest| {
            let fact = judge(state.as_ref(), &request, "kim".into())?;
            learn(&mut state, &fact);
            Ok(fact)
        };
        let nothing = IdentifierRefusal::Nothing(case.clone());
        assert_eq!(ask(read()), Err(nothing.clone()));
        assert_eq!(ask(erase()), Err(nothing.clone()));
        assert!(matches!(ask(keep(2)), Err(IdentifierRefusal::NotNext { known: 0, given: 2, .. })));
        ask(keep(1)).unwrap();
        assert!(matches!(ask(read()), Ok(IdentifierFact::Read { version: 1, .. })));
        assert!(matches!(ask(keep(1)), Err(IdentifierRefusal::NotNext { known: 1, given: 1, .. })));
        ask(keep(2)).unwrap();
        assert!(matches!(ask(read()), Ok(IdentifierFact::Read { version: 2, .. })));
        ask(erase()).unwrap();
        assert_eq!(ask(read()), Err(nothing.clone()));
        assert_eq!(ask(erase()), Err(nothing));
        assert!(ask(keep(1)).is_err(), "a version is never used again");
        ask(keep(3)).unwrap();
    }

    proptest! {
        #[test]
        fn any_text_without_control_characters_comes_back(name in "\\PC{1,60}", mrn in "[ -~]{1,60}") {
            let entered = Entered { name: Some(name.into()), mrn: Some(mrn.into()), ..Entered::default() };
            if let Ok(identifiers) = Identifiers::try_from(&entered) {
                prop_assert_eq!(Identifiers::from_plain(&identifiers.plain()), Some(identifiers));
            }
        }
    }
}
