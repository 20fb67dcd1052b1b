//! What goes wrong, told as RFC 9457 problems: what, which, and what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::requests::Here;
use super::shapes::FindingView;
use crate::domain::identifiers::{IdentifierError, IdentifierRefusal};
use crate::domain::ids::IdError;
use crate::domain::lab::Refusal;
use crate::domain::people;
use crate::domain::people::name::NameError;
use crate::domain::people::notices::{NoTopic, NoWay};
use crate::domain::people::roles::{Forbidden, NoRole};
use crate::domain::quality;
use crate::domain::quality::printed::SerialError;
use crate::domain::resin;
use crate::gcode::commands::NotSent;
use crate::io::spool::SpoolError;
use crate::io::store::StoreError;
use crate::io::vault::VaultError;
use crate::labels::{NotWanted, ScanError};
use crate::preview::PreviewError;
use crate::services::access::{NotAuthenticated, NotLetIn};
use crate::services::entrance::Refused;
use crate::services::fleet::NotDone;
use crate::services::intake::{IntakeError, NotHere};
use crate::services::preview::NotDrawn;
use crate::services::processes::NotNoted;
use crate::services::recorder::{JournalError, NotRecorded};
use crate::services::resinfiles::NoNeed;
use crate::services::resume::NotMade;
use crate::services::slicejobs::NoProcess;
use crate::services::slicing::SliceError;
use crate::services::suits::Unsuited;
use crate::services::vault_desk::{NotOpened, NotServed};

/// The body of every answer that is not a yes (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem: `urn:platen:problem:no-such-case`. Stays the same over versions.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What is wrong, and with which thing.
    pub detail: String,
    /// What to do about it.
    pub help: String,
    /// What speaks against a file, each finding with what to do; the worst first, 24 at most.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FindingView>)]
    pub findings: Box<[FindingView]>,
    /// Which request this answers, as `X-Request-Id` says and the daemon's log has it.
    #[serde(skip_deserializing, skip_serializing_if = "Here::is_nowhere")]
    #[schema(value_type = Option<String>)]
    pub request: Here,
}

impl Problem {
    /// `slug` is the kind in a few words with hyphens.
    pub fn new(status: StatusCode, slug: &str, detail: impl Into<String>, help: impl Into<String>) -> Self {
        let mut title = slug.replace('-', " ");
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Self {
            kind: format!("urn:platen:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            help: help.into(),
            findings: Box::default(),
            request: Here {},
        }
    }

    /// For errors of the layers below, which say `what, which; what to do` in one line.
    pub(super) fn from_words(status: StatusCode, slug: &str, words: &str, otherwise: &str) -> Self {
        let (detail, help) = words.split_once("; ").unwrap_or((words, otherwise));
        Self::new(status, slug, detail, help)
    }

    pub fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong-method",
            "this path does not take this method",
            "/openapi.json lists what it takes",
        )
    }

    /// A request that cannot be read as what it should be.
    pub fn unreadable(detail: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable-request", detail, help)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static(super::answers::PROBLEM);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer realm=\"platen\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        }
        with_retry(response)
    }
}

/// Says when to try again, where that helps.
pub fn with_retry(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "not-a-name",
            error.to_string(),
            "give the name as `platen cases`, `platen jobs` or `platen printers` shows it",
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, slug) = match &refusal {
            Refusal::NoCase(_) => (StatusCode::NOT_FOUND, "no-such-case"),
            Refusal::NoPart { .. } => (StatusCode::NOT_FOUND, "no-such-part"),
            Refusal::NoJob(_) => (StatusCode::NOT_FOUND, "no-such-job"),
            Refusal::NoPrinter(_) => (StatusCode::NOT_FOUND, "no-such-printer"),
            Refusal::CaseExists(_) | Refusal::JobExists(_) | Refusal::InstrumentExists(_) => {
                (StatusCode::CONFLICT, "exists-already")
            }
            Refusal::TooManyParts(_) => (StatusCode::CONFLICT, "too-many-parts"),
            Refusal::WrongState { .. } => (StatusCode::CONFLICT, "wrong-state"),
            Refusal::Pinned { .. } => (StatusCode::CONFLICT, "other-printer"),
            Refusal::Held { .. } | Refusal::HeldAlready { .. } => (StatusCode::CONFLICT, "held"),
            Refusal::PreparedElsewhere { .. } => (StatusCode::CONFLICT, "prepared-elsewhere"),
            Refusal::Due => (StatusCode::BAD_REQUEST, "not-a-due-time"),
            Refusal::MaterialNeeded => (StatusCode::CONFLICT, "material-needed"),
            Refusal::Away { .. } => (StatusCode::CONFLICT, "away"),
            Refusal::NoUpload(_) => (StatusCode::NOT_FOUND, "no-such-upload"),
            Refusal::UploadIsJob { .. } | Refusal::UploadGone(_) => (StatusCode::CONFLICT, "wrong-state"),
            Refusal::TooManyUploads => (StatusCode::CONFLICT, "too-many-uploads"),
            Refusal::Window => (StatusCode::BAD_REQUEST, "not-a-window"),
            Refusal::Windows(_) => (StatusCode::CONFLICT, "away-already"),
            Refusal::NoWindow(_) => (StatusCode::NOT_FOUND, "no-such-window"),
            Refusal::BedOccupied { .. } => (StatusCode::CONFLICT, "bed-occupied"),
            Refusal::Latched { .. } => (StatusCode::CONFLICT, "latched"),
            Refusal::Quarantined { .. } => (StatusCode::CONFLICT, "quarantined"),
            Refusal::PersonNeeded { .. } => (StatusCode::CONFLICT, "person-needed"),
            Refusal::PrinterBusy { .. } => (StatusCode::CONFLICT, "printer-busy"),
            Refusal::PartGone { .. } => (StatusCode::CONFLICT, "part-gone"),
            Refusal::HeadMoved { .. } => (StatusCode::CONFLICT, "head-moved"),
            Refusal::OtherPart { .. } | Refusal::OtherOnBed { .. } => (StatusCode::CONFLICT, "other-part"),
            Refusal::OtherLock(_) => (StatusCode::CONFLICT, "other-lock"),
            Refusal::OtherQuarantine(_) => (StatusCode::CONFLICT, "other-quarantine"),
            Refusal::OtherLot { .. } => (StatusCode::CONFLICT, "other-lot"),
            Refusal::RulesChanged
            | Refusal::RolesChanged(_)
            | Refusal::InstrumentChanged(_)
            | Refusal::WishChanged(_) => (StatusCode::CONFLICT, "changed-meanwhile"),
            Refusal::SamePieces { .. } => (StatusCode::CONFLICT, "same-pieces"),
            Refusal::TooManyPieces { .. } => (StatusCode::BAD_REQUEST, "too-many-pieces"),
            Refusal::TooManyResumeFiles(_) => (StatusCode::CONFLICT, "too-many-resume-files"),
            Refusal::SameResumeFile => (StatusCode::CONFLICT, "same-resume-file"),
            Refusal::BedClear(_) => (StatusCode::CONFLICT, "bed-clear-already"),
            Refusal::NotLatched(_) => (StatusCode::CONFLICT, "not-latched"),
            Refusal::Material => (StatusCode::BAD_REQUEST, "not-a-material"),
            Refusal::SliceOrder => (StatusCode::BAD_REQUEST, "not-a-process"),
            Refusal::Name => (StatusCode::BAD_REQUEST, "name-needed"),
            Refusal::Quality(refusal) => of_quality(refusal),
            Refusal::Identifiers(IdentifierRefusal::Nothing(_)) => (StatusCode::NOT_FOUND, "no-identifiers"),
            Refusal::Identifiers(IdentifierRefusal::NotNext { .. }) => {
                (StatusCode::CONFLICT, "identifiers-changed")
            }
            Refusal::People(refusal) => return refusal.clone().into(),
            Refusal::Resin(refusal) => of_resin(refusal),
        };
        let otherwise = match &refusal {
            Refusal::Material => "name the material in a few plain words, such as \"PLA\"",
            Refusal::SliceOrder => "`platen slice` lists the processes",
            Refusal::Name => "give \"by\" with the name of the person who says so",
            _ => "`platen jobs` and `platen printers` show what is so now",
        };
        Self::from_words(status, slug, &refusal.to_string(), otherwise)
    }
}

impl From<Unsuited> for Problem {
    fn from(unsuited: Unsuited) -> Self {
        let slug = match &unsuited {
            Unsuited::Resin(_)
            | Unsuited::Filament(_)
            | Unsuited::NotDriven(_)
            | Unsuited::Format { .. }
            | Unsuited::Nowhere(_) => "wrong-kind",
            Unsuited::NotValidated { .. } => "not-validated",
            Unsuited::TooLittle { .. } => "too-little-material",
        };
        Self::from_words(
            StatusCode::CONFLICT,
            slug,
            &unsuited.to_string(),
            "`platen queue JOB` says where it can",
        )
    }
}

impl From<NoNeed> for Problem {
    fn from(error: NoNeed) -> Self {
        if let NoNeed::Unsuited(unsuited) = error {
            return unsuited.into();
        }
        let words = error.to_string();
        Self::from_words(StatusCode::UNPROCESSABLE_ENTITY, "need-unknown", &words, "slice the part again")
    }
}

impl From<people::Refusal> for Problem {
    fn from(refusal: people::Refusal) -> Self {
        use people::Refusal as R;
        let (status, slug) = match &refusal {
            R::NoUser(_) => (StatusCode::NOT_FOUND, "no-such-user"),
            R::NoToken { .. } => (StatusCode::NOT_FOUND, "no-such-token"),
            R::NotAdmin(_) | R::OwnRoles(_) | R::NotOwner(_) => (StatusCode::FORBIDDEN, "not-allowed-to-you"),
            R::NoRoles | R::RoleNotTheirs { .. } => (StatusCode::BAD_REQUEST, "not-these-roles"),
            R::Label => (StatusCode::BAD_REQUEST, "not-a-label"),
            R::Address => (StatusCode::BAD_REQUEST, "not-an-address"),
            R::UserExists(_) | R::TokenExists(_) => (StatusCode::CONFLICT, "exists-already"),
            R::LastAdmin(_) => (StatusCode::CONFLICT, "last-admin"),
            R::TooManyUsers | R::TooManyTokens(_) => (StatusCode::CONFLICT, "too-many"),
            R::Disabled(_) | R::Active(_) | R::SameRoles(_) | R::NotThisOne(_) | R::NotOfSite(_) => {
                (StatusCode::CONFLICT, "wrong-state")
            }
        };
        Self::from_words(status, slug, &refusal.to_string(), "`platen users list` shows what is so now")
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        let otherwise = "give a name like kim or kim.lee";
        Self::from_words(StatusCode::BAD_REQUEST, "not-a-user-name", &error.to_string(), otherwise)
    }
}

impl From<NoRole> for Problem {
    fn from(error: NoRole) -> Self {
        let otherwise = "docs/roles.md says what each may do";
        Self::from_words(StatusCode::BAD_REQUEST, "not-a-role", &error.to_string(), otherwise)
    }
}

impl From<NoTopic> for Problem {
    fn from(error: NoTopic) -> Self {
        let otherwise = "docs/notifications.md says when each comes";
        Self::from_words(StatusCode::BAD_REQUEST, "not-a-notice", &error.to_string(), otherwise)
    }
}

impl From<NoWay> for Problem {
    fn from(error: NoWay) -> Self {
        let otherwise = "docs/notifications.md says what each is";
        Self::from_words(StatusCode::BAD_REQUEST, "not-a-way", &error.to_string(), otherwise)
    }
}

impl From<NotAuthenticated> for Problem {
    fn from(error: NotAuthenticated) -> Self {
        let (status, slug) = match error {
            NotAuthenticated::Both | NotAuthenticated::Twice => (StatusCode::BAD_REQUEST, "two-who-ask"),
            NotAuthenticated::Shut => (StatusCode::SERVICE_UNAVAILABLE, "nobody-let-in"),
            NotAuthenticated::Stale => (StatusCode::UNAUTHORIZED, "stale-nonce"),
            NotAuthenticated::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-keys"),
            _ => (StatusCode::UNAUTHORIZED, "not-signed-in"),
        };
        Self::from_words(status, slug, &error.to_string(), "sign in")
    }
}

impl From<Forbidden> for Problem {
    fn from(error: Forbidden) -> Self {
        let words = error.to_string();
        let (slug, split) = match error {
            Forbidden::Role { .. } => ("not-your-role", "; "),
            Forbidden::Token { .. } => ("not-with-a-token", ": "),
            Forbidden::PasswordOfAnother { .. } => ("choose-your-password", "; "),
        };
        let (detail, help) = words.split_once(split).unwrap_or((&words, "ask an admin"));
        Self::new(StatusCode::FORBIDDEN, slug, detail, help)
    }
}

impl From<NotLetIn> for Problem {
    fn from(error: NotLetIn) -> Self {
        let (status, slug) = match error {
            NotLetIn::Wrong { .. } => (StatusCode::UNAUTHORIZED, "wrong-name-or-password"),
            NotLetIn::Locked(_) => (StatusCode::TOO_MANY_REQUESTS, "locked-out"),
            NotLetIn::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            NotLetIn::Forbidden(error) => return error.into(),
            NotLetIn::NotSigner(_) => (StatusCode::FORBIDDEN, "not-the-signer"),
            NotLetIn::Rule(_) | NotLetIn::SamePassword => (StatusCode::BAD_REQUEST, "not-this-password"),
            NotLetIn::Secret(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no-secret"),
            // Where the file is and what is wrong with it is the log's.
            NotLetIn::Credentials(error) => {
                tracing::error!(%error, "the file of credentials was not changed");
                return Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "not-kept",
                    "the file of credentials could not be changed",
                    "look at the daemon's log, then try again",
                );
            }
        };
        let words = error.to_string();
        let words = words.replacen(": wait", "; wait", 1);
        Self::from_words(status, slug, &words, "try again")
    }
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Self {
        let (status, slug) = match error {
            Refused::NotAuthenticated(error) => return error.into(),
            Refused::NotLetIn(error) => return error.into(),
            Refused::People(error) => return error.into(),
            Refused::Forbidden(error) => return error.into(),
            Refused::NotRecorded(error) => return error.into(),
            Refused::NobodySetUp => (StatusCode::CONFLICT, "nobody-set-up"),
            Refused::OwnPassword => (StatusCode::CONFLICT, "your-own-password"),
            Refused::WrongOld | Refused::NotSigned => (StatusCode::FORBIDDEN, "wrong-password"),
            Refused::NotConfirmed(_) => (StatusCode::CONFLICT, "not-confirmed"),
            Refused::PasswordNotNoted(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not-recorded"),
            Refused::BrokenOff => (StatusCode::INTERNAL_SERVER_ERROR, "broken-off"),
        };
        Self::from_words(status, slug, &error.to_string(), "look at the daemon's log")
    }
}

impl From<IdentifierError> for Problem {
    fn from(error: IdentifierError) -> Self {
        let otherwise = "docs/vault.md says how each is written";
        Self::from_words(StatusCode::BAD_REQUEST, "not-identifiers", &error.to_string(), otherwise)
    }
}

impl From<NotServed> for Problem {
    fn from(error: NotServed) -> Self {
        let error = match error {
            NotServed::NotRecorded(error) => return error.into(),
            error => error,
        };
        let (status, slug) = match &error {
            NotServed::NotRecorded(_) | NotServed::BrokenOff => {
                (StatusCode::INTERNAL_SERVER_ERROR, "broken-off")
            }
            NotServed::Off => (StatusCode::SERVICE_UNAVAILABLE, "no-vault"),
            NotServed::Closed => (StatusCode::SERVICE_UNAVAILABLE, "vault-closed"),
            NotServed::Unlocked(NotOpened::Vault(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "not-unsealed"),
            NotServed::Unlocked(_) => (StatusCode::SERVICE_UNAVAILABLE, "vault-closed"),
            NotServed::Vault(VaultError::Missing { .. }) => (StatusCode::NOT_FOUND, "no-record"),
            NotServed::Vault(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not-unsealed"),
            NotServed::NotFinished(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not-finished"),
        };
        Self::from_words(status, slug, &error.to_string(), "look at the daemon's log")
    }
}

fn of_resin(refusal: &resin::Refusal) -> (StatusCode, &'static str) {
    use resin::Refusal;
    match refusal {
        Refusal::NoVat(_) => (StatusCode::CONFLICT, "no-vat"),
        Refusal::VatFilled(_) => (StatusCode::CONFLICT, "vat-filled"),
        Refusal::VatEmpty(_) => (StatusCode::CONFLICT, "vat-empty"),
        Refusal::ResinOnFilm(_) => (StatusCode::CONFLICT, "resin-on-film"),
        Refusal::Overfull { .. } => (StatusCode::CONFLICT, "vat-overfull"),
        Refusal::NothingPoured => (StatusCode::BAD_REQUEST, "nothing-poured"),
        Refusal::OtherMaterial { .. } => (StatusCode::CONFLICT, "other-material"),
        Refusal::TooManyLots(_) => (StatusCode::CONFLICT, "too-many"),
        Refusal::ItemsMissing { .. } => (StatusCode::CONFLICT, "checklist-incomplete"),
        Refusal::NoChecklist(_) => (StatusCode::CONFLICT, "no-checklist"),
        Refusal::VatChanged(_) | Refusal::ReplacedSince { .. } => (StatusCode::CONFLICT, "changed-meanwhile"),
        Refusal::NotLit { .. } => (StatusCode::CONFLICT, "wrong-kind"),
        Refusal::Need { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "makes-no-sense"),
        Refusal::NotMade(_) => (StatusCode::CONFLICT, "wrong-state"),
        Refusal::Hindered { .. } | Refusal::WantsRefill { .. } => (StatusCode::CONFLICT, "not-ready-for-it"),
    }
}

/// What of the quality half is no matter of its state at all, and what is so only now.
fn of_quality(refusal: &quality::Refusal) -> (StatusCode, &'static str) {
    use quality::Refusal;
    match refusal {
        Refusal::Nothing(_) => (StatusCode::NOT_FOUND, "no-such-thing"),
        Refusal::Name => (StatusCode::BAD_REQUEST, "name-needed"),
        Refusal::Exists(_) => (StatusCode::CONFLICT, "exists-already"),
        Refusal::Illegal { .. } => (StatusCode::CONFLICT, "wrong-state"),
        Refusal::Locked { .. } => (StatusCode::CONFLICT, "locked"),
        Refusal::Missing { .. } => (StatusCode::CONFLICT, "incomplete"),
        Refusal::OtherDigest { .. } => (StatusCode::CONFLICT, "other-digest"),
        Refusal::OtherProposal { .. } => (StatusCode::CONFLICT, "other-proposal"),
        Refusal::NothingSaid => (StatusCode::UNPROCESSABLE_ENTITY, "makes-no-sense"),
        Refusal::NothingToSign(_) => (StatusCode::CONFLICT, "nothing-to-sign"),
        Refusal::PasswordNeeded => (StatusCode::CONFLICT, "password-needed"),
        Refusal::OwnWork { .. } | Refusal::TooManyHands { .. } => (StatusCode::CONFLICT, "own-work"),
        Refusal::TooMany(..) => (StatusCode::CONFLICT, "too-many"),
        Refusal::NobodyCalled(_) => (StatusCode::UNPROCESSABLE_ENTITY, "nobody-called"),
        Refusal::Appropriateness
        | Refusal::TooWordy(_)
        | Refusal::Revision
        | Refusal::InsideOut { .. }
        | Refusal::Template
        | Refusal::Values { .. }
        | Refusal::InstrumentNeeded { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "makes-no-sense"),
        Refusal::NotConfirmed { .. }
        | Refusal::NotValidated { .. }
        | Refusal::NotReleased { .. }
        | Refusal::NotDelivered { .. }
        | Refusal::TooFewReleased { .. }
        | Refusal::TooFewDelivered { .. }
        | Refusal::OtherScale { .. }
        | Refusal::NotClosed { .. }
        | Refusal::Doubtful { .. }
        | Refusal::NotPassed { .. }
        | Refusal::Flagged { .. }
        | Refusal::NotTheLast { .. }
        | Refusal::NoCoupon { .. }
        | Refusal::WrongRevision { .. }
        | Refusal::CaseNotInQc { .. }
        | Refusal::InstrumentDue { .. }
        | Refusal::Version { .. }
        | Refusal::LotUnusable { .. }
        | Refusal::SlotTaken { .. }
        | Refusal::SlotEmpty { .. }
        | Refusal::NotUsed { .. }
        | Refusal::Deducted { .. }
        | Refusal::Hindered { .. }
        | Refusal::TooFewReminders { .. }
        | Refusal::PhantomFailed(_)
        | Refusal::NoPart
        | Refusal::NotByAPerson => (StatusCode::CONFLICT, "not-by-the-rules"),
    }
}

impl From<SerialError> for Problem {
    fn from(error: SerialError) -> Self {
        let help = "give the printed part as `platen parts` shows it";
        Self::new(StatusCode::BAD_REQUEST, "not-a-name", error.to_string(), help)
    }
}

impl From<NotWanted> for Problem {
    fn from(error: NotWanted) -> Self {
        let slug = match &error.scanned {
            Ok(_) => "other-label",
            Err(ScanError::Foreign) => "not-our-label",
            Err(ScanError::Keyboard { .. } | ScanError::Token(_) | ScanError::Check) => "misread-label",
        };
        Self::from_words(StatusCode::UNPROCESSABLE_ENTITY, slug, &error.to_string(), "scan it again")
    }
}

impl From<NotRecorded> for Problem {
    fn from(error: NotRecorded) -> Self {
        match &error {
            NotRecorded::Refused(refusal) => refusal.clone().into(),
            // Nobody who asks over HTTP for what may be kept does so past a printer's task, which says more.
            NotRecorded::Store(error) | NotRecorded::Kept(error) => {
                let status = match **error {
                    StoreError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                let words = format!("not recorded: {error}");
                Self::from_words(status, "not-recorded", &words, "look at the daemon's log, then try again")
            }
            NotRecorded::TooLong { .. } => {
                Self::from_words(StatusCode::BAD_REQUEST, "too-long", &error.to_string(), "use shorter names")
            }
            NotRecorded::Closed => Self::closed(),
        }
    }
}

impl From<NotDone> for Problem {
    fn from(error: NotDone) -> Self {
        let (status, slug, otherwise) = match &error {
            NotDone::NoPrinter(_) => {
                (StatusCode::NOT_FOUND, "no-such-printer", "`platen printers` lists them")
            }
            NotDone::OtherJob { .. } => {
                (StatusCode::CONFLICT, "other-job", "look at the printer: its job has changed meanwhile")
            }
            NotDone::WrongState { .. } => {
                (StatusCode::CONFLICT, "wrong-state", "`platen printers` shows what it does now")
            }
            NotDone::StopHeld(_) => (
                StatusCode::CONFLICT,
                "stop-held",
                "release the contact or remove the file first; `stop_file` and `stop_input` in the configuration say which",
            ),
            NotDone::NotReady { .. } => {
                (StatusCode::CONFLICT, "not-ready", "look at the printer, and do its checklist")
            }
            NotDone::Against { .. } => (StatusCode::CONFLICT, "not-ready", "look at the printer"),
            NotDone::NotAsked { .. } | NotDone::AtPanel(_) => {
                (StatusCode::CONFLICT, "not-asked", "look at what the printer asks now")
            }
            NotDone::TooHot { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "too-hot",
                "ask for less, or raise that limit if the printer can bear it",
            ),
            NotDone::NoAnswer(_) => (StatusCode::GATEWAY_TIMEOUT, "no-answer", "look at the printer"),
            NotDone::NotRecorded(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "not-recorded",
                "look at the daemon's log, then try again",
            ),
            NotDone::DiskFull(_) => {
                (StatusCode::INSUFFICIENT_STORAGE, "not-recorded", "free some space, then try again")
            }
            NotDone::NotYetRecorded { full, .. } => {
                let status =
                    if *full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
                (status, "not-yet-recorded", "look at the daemon's log")
            }
            NotDone::Refused(refusal) => return Refusal::clone(refusal).into(),
            NotDone::Closed => return Self::closed(),
        };
        Self::from_words(status, slug, &error.to_string(), otherwise)
    }
}

impl From<NotSent> for Problem {
    fn from(error: NotSent) -> Self {
        let (status, slug) = match &error {
            NotSent::NotACommand => (StatusCode::BAD_REQUEST, "not-a-command"),
            NotSent::Off | NotSent::NeedsService { .. } => (StatusCode::CONFLICT, "console-closed"),
            NotSent::NotListed(_)
            | NotSent::Never { .. }
            | NotSent::NotAllowed { .. }
            | NotSent::UnclearHeat { .. }
            | NotSent::TooHot { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not-allowed"),
        };
        Self::from_words(status, slug, &error.to_string(), "docs/commands.md lists what may be sent")
    }
}

impl From<SpoolError> for Problem {
    fn from(error: SpoolError) -> Self {
        let (status, slug) = match &error {
            SpoolError::NoFile(_) => (StatusCode::NOT_FOUND, "no-such-file"),
            SpoolError::Changed(_) => (StatusCode::GONE, "file-changed"),
            SpoolError::Low { .. } | SpoolError::Full { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk-full")
            }
            SpoolError::Io { .. } | SpoolError::BrokenOff => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not-stored")
            }
        };
        Self::from_words(status, slug, &error.to_string(), "look at the disk of state_dir, then upload again")
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Spool(error) => error.into(),
            IntakeError::Model(_) => Self::from_words(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-model",
                &error.to_string(),
                "export it again as STL, 3MF or OBJ",
            ),
            IntakeError::Survey(_) => Self::from_words(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-printable",
                &error.to_string(),
                "export it again from the slicer as plain G-code",
            ),
            IntakeError::Resin(_) => Self::from_words(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-printable",
                &error.to_string(),
                "slice the part again for this printer",
            ),
            IntakeError::Photo(_) => Self::from_words(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-photo",
                &error.to_string(),
                "export it again as a JPEG",
            ),
        }
    }
}

impl From<NotHere> for Problem {
    fn from(error: NotHere) -> Self {
        let (status, slug) = match error {
            NotHere::Nothing(_) => (StatusCode::NOT_FOUND, "no-such-photo"),
            NotHere::Changed(_) => (StatusCode::GONE, "photo-changed"),
            NotHere::Spool(error) => return error.into(),
        };
        Self::from_words(status, slug, &error.to_string(), "upload it again")
    }
}

impl From<NotDrawn> for Problem {
    fn from(error: NotDrawn) -> Self {
        let words = error.to_string();
        let (status, slug, otherwise) = match error {
            NotDrawn::Spool(error) => return error.into(),
            NotDrawn::File(_) | NotDrawn::Resin(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not-drawable", "look at the file with `platen preflight`")
            }
            NotDrawn::Model(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not-drawable", "look at the model with `platen model`")
            }
            NotDrawn::Preview(PreviewError::NoLayer { .. }) => {
                (StatusCode::NOT_FOUND, "no-such-layer", "ask for one of these")
            }
            NotDrawn::Preview(PreviewError::NoThumbnail) => (
                StatusCode::NOT_FOUND,
                "no-such-picture",
                "ask for the print or a layer, which are drawn here",
            ),
            NotDrawn::Preview(PreviewError::NoVectors) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not-drawable", "leave as=svg out")
            }
            NotDrawn::Preview(PreviewError::Nothing | PreviewError::TooMuch { .. } | PreviewError::Size) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-drawable",
                "look at another layer, or at the whole print",
            ),
            NotDrawn::Preview(PreviewError::Encoder(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not-drawn", "ask again, or for a smaller picture")
            }
        };
        Self::from_words(status, slug, &words, otherwise)
    }
}

impl From<NotNoted> for Problem {
    fn from(error: NotNoted) -> Self {
        match error {
            NotNoted::Catalogue(error) => error.into(),
            NotNoted::Recorder(error) => error.into(),
        }
    }
}

impl From<SliceError> for Problem {
    fn from(error: SliceError) -> Self {
        let (status, slug) = match &error {
            SliceError::Io { .. } | SliceError::Copy(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not-read"),
            SliceError::Ended => return Self::closed(),
            SliceError::Findings(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-printable"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "not-sliced"),
        };
        Self::from_words(status, slug, &error.to_string(), "look at the model and the process")
    }
}

impl From<NoProcess> for Problem {
    fn from(error: NoProcess) -> Self {
        let words = error.to_string();
        let otherwise = "`platen slice` lists the processes";
        Self::from_words(StatusCode::UNPROCESSABLE_ENTITY, "no-such-process", &words, otherwise)
    }
}

impl From<NotMade> for Problem {
    fn from(error: NotMade) -> Self {
        let slug = match error {
            NotMade::NotRecorded(error) => return error.into(),
            NotMade::Intake(error) => return error.into(),
            NotMade::Cannot(_) => "no-resume-file",
            NotMade::Firmware(_) => "no-resume-here",
            NotMade::NoPrinter(_) => "no-resume-here",
            NotMade::Findings(_) => "not-printable",
        };
        let words = error.to_string();
        Self::from_words(StatusCode::UNPROCESSABLE_ENTITY, slug, &words, "print the part anew")
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        let (status, slug) = match &error {
            JournalError::Closed => return Self::closed(),
            JournalError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "journal-unreadable"),
        };
        Self::from_words(status, slug, &error.to_string(), "look at the daemon's log, then try again")
    }
}

impl Problem {
    fn closed() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting-down",
            "platen is shutting down",
            "ask again when it is back",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_split_into_what_is_wrong_and_what_to_do() {
        let printer = "mk3".parse().unwrap();
        let problem = Problem::from(Refusal::Latched { printer, why: "stop" });
        assert_eq!(problem.title, "Latched");
        assert_eq!(problem.detail, "printer mk3 is locked after a stop");
        assert!(
            problem.help.starts_with("look at it, then `platen stop --clear mk3 --by NAME`"),
            "{}",
            problem.help
        );
    }
}
