//! What somebody wants to be told, and by which ways: chosen by themselves, or by what they are until they choose.
//!
//! An e-mail address is a way to a person and nobody else's business: it stands in the journal, which few may read,
//! and in the settings of its owner; `Debug` hides it, and no notice carries it but the mail itself.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::Refusal;
use super::name::UserName;
use super::roles::{Permission, Role};

/// Addresses of people are shorter; the whole of a person's settings has to fit into one entry of the journal.
pub const ADDRESS_MAX: usize = 120;

/// What a notice is about. The words are stored: they may be added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Mentioned,
    PrintFinished,
    PrintSuspect,
    PrintFailed,
    HandsNeeded,
    ApprovalAwaited,
    Nonconformance,
    Released,
    MaterialRecalled,
    MaterialLow,
    QualificationDue,
    CaseDue,
    PrintLate,
    EmergencyUsed,
}

impl Topic {
    pub const ALL: [Self; 14] = [
        Self::Mentioned,
        Self::PrintFinished,
        Self::PrintSuspect,
        Self::PrintFailed,
        Self::HandsNeeded,
        Self::ApprovalAwaited,
        Self::Nonconformance,
        Self::Released,
        Self::MaterialRecalled,
        Self::MaterialLow,
        Self::QualificationDue,
        Self::CaseDue,
        Self::PrintLate,
        Self::EmergencyUsed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Mentioned => "mentioned",
            Self::PrintFinished => "print_finished",
            Self::PrintSuspect => "print_suspect",
            Self::PrintFailed => "print_failed",
            Self::HandsNeeded => "hands_needed",
            Self::ApprovalAwaited => "approval_awaited",
            Self::Nonconformance => "nonconformance",
            Self::Released => "released",
            Self::MaterialRecalled => "material_recalled",
            Self::MaterialLow => "material_low",
            Self::QualificationDue => "qualification_due",
            Self::CaseDue => "case_due",
            Self::PrintLate => "print_late",
            Self::EmergencyUsed => "emergency_used",
        }
    }

    /// When one is told.
    pub fn means(self) -> &'static str {
        match self {
            Self::Mentioned => "somebody mentions you on a case",
            Self::PrintFinished => "a print of a case of yours is finished",
            Self::PrintSuspect => "a print of a case of yours is finished, and something about it was odd",
            Self::PrintFailed => {
                "a print of a case of yours was interrupted or cancelled, or could not be sliced"
            }
            Self::HandsNeeded => {
                "a printer waits for a person, was stopped, or is locked, or its resin is in the vat for too long"
            }
            Self::ApprovalAwaited => "a design waits for its approval",
            Self::Nonconformance => "something is reported that is not as it should be",
            Self::Released => "a part or a case of yours is released",
            Self::MaterialRecalled => "a lot is recalled, or a part that was released",
            Self::MaterialLow => "a lot is running low, or should be empty",
            Self::QualificationDue => {
                "the calibration of a printer or an instrument comes due, a phantom did not pass, or a resin printer's display or film is worn"
            }
            Self::CaseDue => "a case of yours that is not delivered comes due",
            Self::PrintLate => "a print will not be ready in time, as the queue stands",
            Self::EmergencyUsed => "somebody signs in by the password for emergencies",
        }
    }

    /// Whether only those hear of it who have to do with the case.
    pub fn is_of_ones_own(self) -> bool {
        match self {
            Self::Mentioned
            | Self::PrintFinished
            | Self::PrintSuspect
            | Self::PrintFailed
            | Self::Released
            | Self::CaseDue => true,
            Self::HandsNeeded
            | Self::ApprovalAwaited
            | Self::Nonconformance
            | Self::MaterialRecalled
            | Self::MaterialLow
            | Self::QualificationDue
            | Self::PrintLate
            | Self::EmergencyUsed => false,
        }
    }

    /// Whose daily work it is: they are told unless they have chosen otherwise.
    pub fn is_for(self, role: Role) -> bool {
        let may = |permission: Permission| permission.roles().contains(&role);
        match self {
            Self::Mentioned => may(Permission::WriteMessages),
            Self::PrintFinished => matches!(role, Role::Designer | Role::Operator),
            Self::PrintSuspect => matches!(role, Role::Designer | Role::Operator | Role::Inspector),
            Self::PrintFailed => matches!(role, Role::Designer | Role::Operator),
            Self::HandsNeeded => may(Permission::ClearLatch),
            Self::ApprovalAwaited => may(Permission::ApproveDesign),
            Self::Nonconformance => may(Permission::Dispose),
            Self::Released => matches!(role, Role::Requester | Role::Designer),
            Self::MaterialRecalled => may(Permission::KeepMaterial) || may(Permission::Dispose),
            Self::MaterialLow => may(Permission::KeepMaterial),
            Self::QualificationDue => may(Permission::QualifyPrinters),
            Self::CaseDue => matches!(role, Role::Requester | Role::Designer | Role::Releaser),
            Self::PrintLate => matches!(role, Role::Designer | Role::Operator | Role::Releaser),
            Self::EmergencyUsed => may(Permission::ManageUsers),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no notice \"{given}\"; there are: {}", Topic::ALL.map(Topic::word).join(", "))]
pub struct NoTopic {
    given: String,
}

impl FromStr for Topic {
    type Err = NoTopic;

    fn from_str(given: &str) -> Result<Self, NoTopic> {
        let word = given.trim();
        let found = Self::ALL.into_iter().find(|topic| topic.word() == word);
        found.ok_or_else(|| NoTopic { given: given.chars().filter(|c| !c.is_control()).take(40).collect() })
    }
}

/// How a notice comes to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Mail,
    Webhook,
    Mqtt,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Mqtt];

    pub fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Mqtt => "mqtt",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a notice goes by mail, webhook or mqtt, not by \"{given}\"")]
pub struct NoWay {
    given: String,
}

impl FromStr for Way {
    type Err = NoWay;

    fn from_str(given: &str) -> Result<Self, NoWay> {
        let word = given.trim();
        let found = Self::ALL.into_iter().find(|way| way.word() == word);
        found.ok_or_else(|| NoWay { given: given.chars().filter(|c| !c.is_control()).take(40).collect() })
    }
}

/// Where a person's mail goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

impl MailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl TryFrom<String> for MailAddress {
    type Error = Refusal;

    fn try_from(given: String) -> Result<Self, Refusal> {
        given.parse()
    }
}

impl FromStr for MailAddress {
    type Err = Refusal;

    /// What a hospital's mail has; nothing in it has to be quoted anywhere, and a line ends no header.
    fn from_str(given: &str) -> Result<Self, Refusal> {
        let address = given.trim();
        let Some((who, at)) = address.split_once('@') else { return Err(Refusal::Address) };
        let who_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '\'');
        let at_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let pieces = |text: &str| text.split('.').all(|piece| !piece.is_empty());
        let hosts = at.split('.').all(|piece| !piece.starts_with('-') && !piece.ends_with('-'));
        let fits = address.len() <= ADDRESS_MAX && who.len() <= 64;
        if fits
            && who.chars().all(who_legal)
            && at.chars().all(at_legal)
            && pieces(who)
            && pieces(at)
            && hosts
        {
            Ok(Self(address.to_owned()))
        } else {
            Err(Refusal::Address)
        }
    }
}

/// By which ways each topic comes; of a topic that is not here nothing comes.
pub type Ways = BTreeMap<Topic, BTreeSet<Way>>;

/// What somebody chooses of their notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// What their roles have.
    ByRole,
    /// These, and of all others what they are told already. So two choices at once both hold.
    Named(Ways),
}

/// What somebody has chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub user: UserName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailAddress>,
    /// Absent: what their roles have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Ways>,
}

impl Settings {
    /// Of somebody who has chosen nothing.
    pub fn new(user: UserName) -> Self {
        Self { user, mail: None, topics: None }
    }
}

/// What somebody of these roles is told who has not chosen: by mail, once there is an address.
pub fn defaults(roles: &BTreeSet<Role>) -> Ways {
    let theirs = Topic::ALL.into_iter().filter(|topic| roles.iter().any(|role| topic.is_for(*role)));
    theirs.map(|topic| (topic, BTreeSet::from([Way::Mail]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_needs_no_quotes_and_ends_no_header() {
        for good in ["kim@lab.example", "kim.lee+platen@st-anna.example", " k@h ", "o'neill@x.org"] {
            assert_eq!(good.parse::<MailAddress>().unwrap().as_str(), good.trim());
        }
        let long = format!("{}@x.org", "k".repeat(65));
        for bad in [
            "",
            "kim",
            "@x",
            "kim@",
            "kim@x..y",
            "kim@-x.org",
            "kim@x\r\nBcc: all@y",
            "kim lee@x.org",
            "k@x@y",
            "<kim@x.org>",
            "\"a b\"@x.org",
            ".kim@x.org",
            "kim@x.org,lee@x.org",
            &long,
        ] {
            assert_eq!(bad.parse::<MailAddress>(), Err(Refusal::Address), "{bad:?}");
        }
        let address: MailAddress = "kim@lab.example".parse().unwrap();
        assert!(!format!("{address:?}").contains("kim"));
    }

    #[test]
    fn every_word_of_a_topic_and_a_way_is_read_back_and_is_the_one_that_is_stored() {
        for topic in Topic::ALL {
            assert_eq!(topic.word().parse(), Ok(topic));
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.word());
        }
        for way in Way::ALL {
            assert_eq!(way.word().parse(), Ok(way));
            assert_eq!(serde_json::to_value(way).unwrap(), way.word());
        }
        assert!("printed".parse::<Topic>().unwrap_err().to_string().contains("print_finished"));
        assert!("sms".parse::<Way>().is_err());
    }

    /// Written apart from `is_for`: requester, designer, operator, inspector, releaser, materials, maintenance,
    /// biller, admin, auditor.
    const WANTED: &str = "
        mentioned          x x x x x x x . . .
        print_finished     . x x . . . . . . .
        print_suspect      . x x x . . . . . .
        print_failed       . x x . . . . . . .
        hands_needed       . . x . . . x . . .
        approval_awaited   x . . . x . . . . .
        nonconformance     . . . . x . . . . .
        released           x x . . . . . . . .
        material_recalled  . . . . x x . . . .
        material_low       . . . . . x . . . .
        qualification_due  . . . . . . x . . .
        case_due           x x . . x . . . . .
        print_late         . x x . x . . . . .
        emergency_used     . . . . . . . . x .
    ";

    #[test]
    fn each_role_is_told_what_is_its_work_until_it_chooses() {
        let rows: Vec<&str> = WANTED.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), Topic::ALL.len());
        for row in rows {
            let mut cells = row.split_whitespace();
            let topic: Topic = cells.next().unwrap().parse().unwrap();
            for (role, cell) in Role::ALL.into_iter().zip(cells) {
                let told = defaults(&BTreeSet::from([role])).get(&topic).cloned();
                assert_eq!(told, (cell == "x").then(|| BTreeSet::from([Way::Mail])), "{role} {row}");
            }
        }
    }

    #[test]
    fn the_most_that_can_be_chosen_fits_into_one_value_and_into_one_entry() {
        let user: UserName = "\u{20000}".repeat(40).parse().unwrap();
        let mail = format!("{}@{}", "k".repeat(60), "h".repeat(ADDRESS_MAX - 61)).parse().unwrap();
        let topics = Topic::ALL.into_iter().map(|topic| (topic, Way::ALL.into_iter().collect())).collect();
        let all = Settings { user, mail: Some(mail), topics: Some(topics) };
        let bytes = serde_json::to_vec(&all).unwrap().len();
        assert!((700..1500).contains(&bytes), "{bytes}");
    }
}
