//! Who asks, and whether they may: the one place in which the quality half's routes find that out.
//!
//! A person is whoever the body's `by` names. What each change needs stands in `permission`, by the table of roles.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::super::given::{Example, Given};
use super::super::problem::Problem;
use super::shapes::Asks;
use crate::domain::ids::FileHash;
use crate::domain::lab;
use crate::domain::people::roles::Permission;
use crate::domain::quality::signature::Proof;
use crate::domain::quality::{Change, case, inspection, nonconformance, printed};

/// Somebody who asks for a change.
#[derive(Clone, Debug)]
pub struct Asker {
    name: String,
}

/// A change in JSON, and who asks for it.
#[derive(Debug)]
pub struct Asking<T>(pub Asker, pub T);

impl<S: Send + Sync, T: DeserializeOwned + Example> FromRequest<S> for Asking<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Given(Asks { by, given }) = Given::<Asks<T>>::from_request(request, state).await?;
        Ok(Self(Asker { name: lab::person(&by)? }, given))
    }
}

impl Asker {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they may do this.
    pub fn may(&self, _wanted: Permission) -> Result<(), Problem> {
        Ok(())
    }

    /// How they have shown who they are, for a signature under this digest.
    pub fn proof(&self, _digest: &FileHash) -> Result<Proof, Problem> {
        Ok(Proof::Name)
    }
}

/// What whoever asks for a change needs to be allowed.
pub fn permission(change: &Change) -> Permission {
    match change {
        Change::Rules { .. } | Change::Template { .. } => Permission::Settings,
        Change::Case { step, .. } => of_case(step),
        Change::Part { .. } => Permission::Design,
        Change::Printed { step, .. } => of_printed(step),
        Change::Inspection { measured, .. } => match measured.subject {
            inspection::Subject::Phantom { .. } => Permission::QualifyPrinters,
            inspection::Subject::Part { .. } | inspection::Subject::Coupon { .. } => Permission::Inspect,
        },
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
        Step::EffortNoted { .. } => Permission::RecordEffort,
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
