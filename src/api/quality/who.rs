//! Who asks, and whether they may: the one place in which the quality half's routes find that out.
//!
//! What each change needs stands in `permission`, by the table of roles. Where people are set up, a signature asks
//! for the password again; where nobody is, a name is believed, and the signature says so.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::super::AppState;
use super::super::door;
use super::super::given::{Example, Given};
use super::super::problem::Problem;
use super::shapes::Asks;
use crate::domain::ids::FileHash;
use crate::domain::lab;
use crate::domain::people::roles::Permission;
use crate::domain::people::signing::{Meaning, Subject};
use crate::domain::quality::signature::Proof;
use crate::domain::quality::{self, Change, case, inspection, nonconformance, printed};
use crate::io::secret::Secret;

/// Somebody who asks for a change.
#[derive(Debug)]
pub struct Asker {
    asker: door::Asker,
    name: String,
    /// As it was given for a signature.
    password: Option<Secret>,
}

/// A change in JSON, and who asks for it.
#[derive(Debug)]
pub struct Asking<T>(pub Asker, pub T);

impl<S: Send + Sync, T: DeserializeOwned + Example> FromRequest<S> for Asking<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let asker = request.extensions().get::<door::Asker>().cloned().unwrap_or(door::Asker::Stranger);
        let Given(Asks { by, password, given }) = Given::<Asks<T>>::from_request(request, state).await?;
        let name = lab::person(&asker.by(by.as_deref())?)?;
        let password = password.map(|password| Secret::new(password.0));
        Ok(Self(Asker { asker, name, password }, given))
    }
}

/// What is signed: its meaning, and what it is about in the journal's words (`case/…`).
#[derive(Clone, Debug)]
pub struct Signed {
    pub meaning: Meaning,
    pub subject: String,
    pub digest: FileHash,
    pub needs: Permission,
}

impl Asker {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they may do this.
    pub fn may(&self, wanted: Permission) -> Result<(), Problem> {
        self.asker.may(wanted)
    }

    /// How they have shown who they are, for exactly this signature.
    pub async fn proof(&self, app: &AppState, signed: Signed) -> Result<Proof, Problem> {
        self.may(signed.needs)?;
        let door::Asker::Known(who) = &self.asker else { return Ok(Proof::Name) };
        who.may(Permission::Sign)?;
        let Some(password) = &self.password else {
            return Err(lab::Refusal::from(quality::Refusal::PasswordNeeded).into());
        };
        let subject: Subject =
            signed.subject.parse().map_err(|error: crate::domain::people::signing::NoSubject| {
                super::senseless(&error.to_string(), "name it as it is")
            })?;
        let password = Secret::new(password.expose().to_owned());
        app.entrance.sign(who, password, signed.meaning, subject, signed.digest).await?;
        Ok(Proof::Password)
    }
}

/// What whoever asks for a change needs to be allowed.
pub fn permission(change: &Change) -> Permission {
    match change {
        Change::Rules { .. } | Change::Template { .. } => Permission::Settings,
        // platen's own: no route asks for one.
        Change::Process { .. } | Change::ProcessGone { .. } => Permission::Settings,
        Change::ReportMade { .. } => Permission::ReadReports,
        Change::Case { step, .. } => of_case(step),
        Change::Part { .. } => Permission::Design,
        Change::Printed { step, .. } => of_printed(step),
        Change::Inspection { measured, .. } => of_inspection(&measured.subject),
        Change::Instrument { .. } | Change::Printer { .. } => Permission::QualifyPrinters,
        Change::Lot { .. } | Change::MaterialUsed { .. } => Permission::KeepMaterial,
        Change::Loaded { .. } | Change::Unloaded { .. } => Permission::LoadMaterial,
        Change::Nonconformance { step, .. } => match step {
            nonconformance::Step::Opened { .. } => Permission::RaiseNonconformance,
            nonconformance::Step::Disposed { .. } | nonconformance::Step::Closed { .. } => {
                Permission::Dispose
            }
        },
    }
}

/// What whoever inspects needs to be allowed.
pub fn of_inspection(subject: &inspection::Subject) -> Permission {
    match subject {
        inspection::Subject::Phantom { .. } => Permission::QualifyPrinters,
        inspection::Subject::Part { .. } | inspection::Subject::Coupon { .. } => Permission::Inspect,
    }
}

fn of_case(step: &case::Step) -> Permission {
    use case::Step;
    match step {
        Step::Described { .. } | Step::Requested => Permission::OpenCase,
        Step::Accepted => Permission::AcceptCase,
        Step::DesignBegun | Step::ApprovalAsked => Permission::Design,
        Step::SentBack { .. } | Step::Approved { .. } => Permission::ApproveDesign,
        Step::ProductionBegun { .. } => Permission::Queue,
        Step::QcBegun => Permission::PostProcess,
        Step::ReworkAsked { .. } => Permission::Inspect,
        Step::Released { .. } => Permission::Release,
        Step::Delivered => Permission::Deliver,
        Step::Used | Step::Assessed { .. } => Permission::Assess,
        Step::Reminded | Step::MessagePosted { .. } => Permission::WriteMessages,
        Step::AssessmentWaived { .. }
        | Step::Closed
        | Step::Held { .. }
        | Step::Continued
        | Step::Cancelled { .. }
        | Step::Reopened { .. } => Permission::HoldCase,
        Step::EffortNoted { .. } | Step::CostNoted { .. } => Permission::RecordEffort,
        Step::UnitsConfirmed { .. } => Permission::ConfirmUnits,
    }
}

fn of_printed(step: &printed::Step) -> Permission {
    use printed::Step;
    match step {
        Step::Planned { .. } | Step::RevisionAttested { .. } => Permission::Queue,
        Step::Processed { .. } | Step::SentToInspection => Permission::PostProcess,
        Step::Accepted { .. } | Step::Rejected { .. } => Permission::Inspect,
        Step::Scrapped { .. } | Step::QuarantineLifted { .. } => Permission::Dispose,
        Step::Released { .. } | Step::Recalled { .. } => Permission::Release,
        Step::Packed | Step::HandedOver { .. } | Step::Delivered { .. } => Permission::Deliver,
        Step::Quarantined { .. } => Permission::RaiseNonconformance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::roles::Role;

    fn roles(change: &str) -> &'static [Role] {
        permission(&serde_json::from_str(change).unwrap()).roles()
    }

    #[test]
    fn who_reads_only_and_who_keeps_the_users_has_no_say_in_a_case_or_a_part() {
        let (case, serial) = ("000000000000q", "000000000000q-1-1");
        let digest = FileHash::from_digest([0; 32]);
        let of_case = [
            r#""requested""#.to_owned(),
            r#""accepted""#.into(),
            format!(r#""approved","digest":"{digest}","proof":"name""#),
            format!(r#""released","digest":"{digest}","proof":"name""#),
            r#""held","why":"x""#.into(),
            r#""message_posted","text":"x""#.into(),
        ];
        let of_part = [
            r#""sent_to_inspection""#.to_owned(),
            r#""rejected","why":"x""#.into(),
            format!(r#""released","digest":"{digest}","proof":"name""#),
            r#""recalled","why":"x""#.into(),
        ];
        let cases =
            of_case.map(|step| format!(r#"{{"what":"case","case":"{case}","step":{{"is":{step}}}}}"#));
        let parts =
            of_part.map(|step| format!(r#"{{"what":"printed","serial":"{serial}","step":{{"is":{step}}}}}"#));
        for change in cases.iter().chain(&parts) {
            for role in [Role::Biller, Role::Admin, Role::Auditor] {
                assert!(!roles(change).contains(&role), "{role} {change}");
            }
        }
    }

    #[test]
    fn whoever_signs_needs_the_right_that_goes_with_what_the_signature_means() {
        let (digest, proof) = (FileHash::from_digest([0; 32]), Proof::Name);
        let approved = case::Step::Approved { digest: digest.clone(), proof, confirmed: Vec::new() };
        let released = case::Step::Released { digest: digest.clone(), proof };
        let part = printed::Step::Released { digest, proof };
        assert_eq!(of_case(&approved), Permission::ApproveDesign);
        assert_eq!((of_case(&released), of_printed(&part)), (Permission::Release, Permission::Release));
    }
}
