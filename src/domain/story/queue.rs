//! Entries of the shared queue in sentences; of a file its name as the guard left it, and nothing else of it.

use super::short;
use crate::domain::ids::CaseToken;
use crate::domain::lab::Lab;
use crate::domain::queue::Fact;

pub(super) fn case_of<'a>(lab: &'a Lab, fact: &'a Fact) -> Option<&'a CaseToken> {
    let job = match fact {
        Fact::UploadTaken { upload } => return upload.carried.as_ref().map(|carried| &carried.case),
        Fact::UploadQueued { job, .. }
        | Fact::Wished { job, .. }
        | Fact::Reprint { job, .. }
        | Fact::LateForeseen { job, .. }
        | Fact::OnTimeAgain { job } => job,
        Fact::UploadDismissed { .. }
        | Fact::MaintenancePlanned { .. }
        | Fact::MaintenanceCalledOff { .. } => return None,
    };
    lab.jobs.get(job).map(|job| &job.case)
}

pub(super) fn told(fact: &Fact) -> String {
    match fact {
        Fact::UploadTaken { upload } => {
            let at = upload.printer.as_ref().map(|printer| format!(" for {printer}")).unwrap_or_default();
            let (name, via, file) = (&upload.name, upload.via.word(), short(&upload.file));
            format!("a file came{at} as {via} sends it: {name}, {file}")
        }
        Fact::UploadQueued { upload, job } => format!("upload {upload} is job {job}"),
        Fact::UploadDismissed { upload, by } => format!("{by} puts upload {upload} away"),
        Fact::Wished { job, wanted, by } => format!("{by} wants job {job} {}", wanted.in_words()),
        Fact::Reprint { job, of, cause, by } => {
            format!("{by} has job {of} printed again as {job}: {}", cause.in_words())
        }
        Fact::MaintenancePlanned { printer, window, by } => {
            format!("{by} says that {printer} is away from {} until {}", window.from, window.until)
        }
        Fact::MaintenanceCalledOff { printer, from, by } => {
            format!("{by} calls off that {printer} is away from {from}")
        }
        Fact::LateForeseen { job, due, expected } => {
            format!("job {job} is due at {due} and will be ready at {expected}, as things stand")
        }
        Fact::OnTimeAgain { job } => format!("job {job} will be ready in time again"),
    }
}
