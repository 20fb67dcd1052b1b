//! Who may ask what: one table of every route and form, asked before any of them.
//!
//! ```text
//! request ─▶ guard (Host, Origin) ─▶ door: the row of its method and path ─▶ cookie or token ─▶ Who ─may─▶ handler
//!                                      └─no row: refused       └─none: 401, or the page to sign in
//! ```
//! Where nobody is set up, everybody may do everything, and the names that they give are believed.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::StreamExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

use super::AppState;
use super::compat;
use super::given::header_text;
use super::line::Reached;
use super::problem::Problem;
use super::ui;
use crate::domain::event::Actor;
use crate::domain::lab;
use crate::domain::people::name::{STRANGER, fold};
use crate::domain::people::roles::{Forbidden, Permission, Who};
use crate::domain::people::whence::Whence;
use crate::services::access::{NotAuthenticated, Presented, Requested};
use crate::services::entrance::Refused;

/// What a route asks of who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing, and why not.
    Nothing(&'static str),
    /// That somebody is signed in, or sends a token.
    ToBeKnown,
    May(Permission),
    /// One of these; its handler asks for the one that is meant.
    MayAny(&'static [Permission]),
}

/// One row: method, path as the router has it, and what is asked.
pub type Row = (&'static str, &'static str, Asks);

/// Whom a page was made for, as [`Asker::mark`] has it: the page's script sends it with all that it asks.
const MADE_FOR: &str = "platen-for";
/// The same behind the question mark of a form that a browser sends by itself.
pub const MADE_FOR_QUERY: &str = "for=";
/// Nobody is kept from these, whoever the page was made for.
const STOPS: [&str; 2] = ["/v1/stop", "/do/stop"];

/// What is read of a request that is refused, in bytes, and for how long.
const DRAINED_MAX: usize = 64 << 10;
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

const STOP: Asks = Asks::Nothing("whoever stands before a printer may stop it");
const SIGN_IN: Asks =
    Asks::Nothing("whoever signs in is not known yet, and whoever signs out need not be any more");
const TICKET: Asks =
    Asks::Nothing("a browser cannot send a key here: its handler asks for a ticket, or for who is known");
const NO_KEY_YET: Asks = Asks::Nothing("a program that has no key yet asks for one, and a person decides");
const SAYS_LATER: Asks =
    Asks::Nothing("whoever opens the stream says who it is in its first message, and hears nothing before");
const LOOKS: Asks = Asks::Nothing("language and light are the browser's own: nothing is kept of them here");
const PUBLIC: Asks = Asks::Nothing("it is the same in every copy of platen");
const MONITORING: Asks =
    Asks::Nothing("a monitor of this machine reads it; it names printers, and no case, no job and no person");

/// Every route of the daemon. What is not in it is refused.
pub const TABLE: &[Row] = {
    use Asks::{May, MayAny, ToBeKnown};
    use Permission as P;
    &[
        ("POST", "/v1/stop", STOP),
        ("POST", "/do/stop", STOP),
        ("GET", "/sign-in", SIGN_IN),
        #[cfg(feature = "oidc")]
        ("GET", "/sign-in/site", SIGN_IN),
        #[cfg(feature = "oidc")]
        ("GET", "/sign-in/back", SIGN_IN),
        ("POST", "/do/sign-in", SIGN_IN),
        ("POST", "/do/sign-out", SIGN_IN),
        ("POST", "/v1/session", SIGN_IN),
        ("DELETE", "/v1/session", SIGN_IN),
        ("GET", "/assets/{file}", PUBLIC),
        ("GET", "/favicon.ico", PUBLIC),
        ("POST", "/do/looks", LOOKS),
        ("GET", "/openapi.json", PUBLIC),
        ("GET", "/healthz", MONITORING),
        ("GET", "/metrics", MONITORING),
        ("GET", "/v1/session", ToBeKnown),
        ("POST", "/v1/session/password", May(P::OwnAccount)),
        ("GET", "/v1/tokens", May(P::OwnAccount)),
        ("POST", "/v1/tokens", May(P::OwnAccount)),
        ("POST", "/v1/tokens/{id}/revoke", May(P::OwnAccount)),
        ("GET", "/v1/notifications", May(P::OwnAccount)),
        ("POST", "/v1/notifications", May(P::OwnAccount)),
        ("GET", "/v1/users", May(P::ManageUsers)),
        ("POST", "/v1/users", May(P::ManageUsers)),
        ("GET", "/v1/users/{name}", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/roles", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/password", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/disable", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/enable", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/unlock", May(P::ManageUsers)),
        ("GET", "/v1/users/{name}/notifications", May(P::ManageUsers)),
        ("POST", "/v1/users/{name}/notifications", May(P::ManageUsers)),
        // Which page it is says what it asks.
        ("GET", "/live", ToBeKnown),
        ("GET", "/look", May(P::Look)),
        ("GET", "/account", ToBeKnown),
        ("POST", "/do/password", May(P::OwnAccount)),
        ("POST", "/do/token", May(P::OwnAccount)),
        ("POST", "/do/revoke", May(P::OwnAccount)),
        ("POST", "/do/app-key", May(P::OwnAccount)),
        ("POST", "/do/clear-bed", May(P::ClearBed)),
        ("POST", "/do/clear-latch", May(P::ClearLatch)),
        ("POST", "/do/identify", May(P::Identify)),
        ("POST", "/do/answer", May(P::AnswerPrinter)),
        ("POST", "/do/assign", May(P::Queue)),
        ("POST", "/do/dismiss", May(P::Queue)),
        ("POST", "/do/console", May(P::Console)),
        (
            "POST",
            "/do/job",
            MayAny(&[P::StartJob, P::AcceptFindings, P::PauseJob, P::ResumeJob, P::CancelJob]),
        ),
        ("GET", "/v1/cases", May(P::Look)),
        ("POST", "/v1/cases", May(P::OpenCase)),
        // What is looked for stands in the body, and in no address.
        ("POST", "/v1/cases/search", May(P::Look)),
        ("GET", "/v1/cases/{token}", May(P::Look)),
        // What people said on a case is in it.
        ("GET", "/v1/cases/{token}/story", May(P::ReadMessages)),
        ("POST", "/v1/cases/{token}/parts", May(P::Design)),
        // That something is kept, and not what.
        ("GET", "/v1/cases/{token}/identifiers", May(P::Look)),
        ("POST", "/v1/cases/{token}/identifiers", May(P::WriteVault)),
        ("POST", "/v1/cases/{token}/identifiers/read", May(P::ReadVault)),
        ("POST", "/v1/cases/{token}/identifiers/erase", May(P::WriteVault)),
        ("POST", "/v1/vault/reseal", May(P::ResealVault)),
        // Sealed, without the key.
        ("GET", "/v1/vault/records", May(P::Backup)),
        ("GET", "/v1/vault/records/{token}", May(P::Backup)),
        ("GET", "/v1/cases/{token}/quality", May(P::Look)),
        // Each step has its own permission, which the handler asks for.
        (
            "POST",
            "/v1/cases/{token}/steps",
            MayAny(&[
                P::OpenCase,
                P::AcceptCase,
                P::Design,
                P::ApproveDesign,
                P::Queue,
                P::PostProcess,
                P::Inspect,
                P::Release,
                P::Deliver,
                P::Assess,
                P::WriteMessages,
                P::HoldCase,
                P::ConfirmUnits,
            ]),
        ),
        ("GET", "/v1/cases/{token}/to-sign", May(P::Look)),
        ("GET", "/v1/cases/{token}/messages", May(P::ReadMessages)),
        ("POST", "/v1/cases/{token}/messages", May(P::WriteMessages)),
        ("GET", "/v1/cases/{token}/efforts", May(P::Look)),
        ("POST", "/v1/cases/{token}/efforts", May(P::RecordEffort)),
        ("GET", "/v1/cases/{token}/costs", May(P::ReadReports)),
        ("POST", "/v1/cases/{token}/costs", May(P::RecordEffort)),
        ("GET", "/v1/cases/{token}/parts/{part}", May(P::Look)),
        ("POST", "/v1/cases/{token}/parts/{part}/steps", May(P::Design)),
        ("GET", "/v1/printed", May(P::Look)),
        ("GET", "/v1/printed/{serial}", May(P::Look)),
        ("GET", "/v1/printed/{serial}/label", May(P::Look)),
        (
            "POST",
            "/v1/printed/{serial}/steps",
            MayAny(&[
                P::Queue,
                P::PostProcess,
                P::Inspect,
                P::Dispose,
                P::Release,
                P::Deliver,
                P::RaiseNonconformance,
            ]),
        ),
        ("GET", "/v1/printed/{serial}/to-sign", May(P::Look)),
        ("GET", "/v1/inspections", May(P::Look)),
        ("POST", "/v1/inspections", MayAny(&[P::Inspect, P::QualifyPrinters])),
        ("GET", "/v1/inspections/{id}", May(P::Look)),
        ("GET", "/v1/inspections/{id}/look-back", May(P::Look)),
        // Whoever may inspect anything.
        ("POST", "/v1/photos", MayAny(&[P::Inspect, P::QualifyPrinters])),
        ("GET", "/v1/photos/{hash}", May(P::Look)),
        ("GET", "/v1/templates", May(P::Look)),
        ("POST", "/v1/templates", May(P::Settings)),
        ("GET", "/v1/templates/{name}", May(P::Look)),
        ("GET", "/v1/instruments", May(P::Look)),
        ("POST", "/v1/instruments", May(P::QualifyPrinters)),
        ("GET", "/v1/lots", May(P::Look)),
        ("POST", "/v1/lots", May(P::KeepMaterial)),
        ("GET", "/v1/lots/{lot}", May(P::Look)),
        ("POST", "/v1/lots/{lot}/steps", May(P::KeepMaterial)),
        ("POST", "/v1/lots/{lot}/uses", May(P::KeepMaterial)),
        ("GET", "/v1/lots/{lot}/look-back", May(P::Look)),
        ("GET", "/v1/lots/{lot}/label", May(P::Look)),
        ("POST", "/v1/loads", May(P::LoadMaterial)),
        // It changes nothing; a code may be a patient's, and is in no address.
        ("POST", "/v1/scans", May(P::Look)),
        ("GET", "/v1/nonconformances", May(P::Look)),
        ("POST", "/v1/nonconformances", May(P::RaiseNonconformance)),
        ("GET", "/v1/nonconformances/{id}", May(P::Look)),
        ("POST", "/v1/nonconformances/{id}/steps", May(P::Dispose)),
        ("GET", "/v1/nonconformances/{id}/to-sign", May(P::Look)),
        ("GET", "/v1/processes", May(P::Look)),
        ("GET", "/v1/site-rules", May(P::Look)),
        ("POST", "/v1/site-rules", May(P::Settings)),
        ("GET", "/v1/reports/made", May(P::ReadReports)),
        // Each kind has its own permission, which the handler asks for.
        ("GET", "/v1/reports/{kind}", MayAny(&[P::ReadReports, P::ExportRegistry, P::ReadAudit])),
        ("POST", "/v1/files", May(P::Upload)),
        ("GET", "/v1/files", May(P::Backup)),
        ("GET", "/v1/files/{hash}", May(P::Look)),
        ("GET", "/v1/files/{hash}/content", May(P::Look)),
        ("GET", "/v1/files/{hash}/preflight", May(P::Look)),
        ("GET", "/v1/files/{hash}/picture", May(P::Look)),
        ("POST", "/v1/models", May(P::Upload)),
        ("GET", "/v1/models/{hash}/picture", May(P::Look)),
        ("GET", "/v1/jobs", May(P::Look)),
        // With a model in it, or warnings that are accepted, the handler asks for more.
        ("POST", "/v1/jobs", May(P::Queue)),
        ("GET", "/v1/jobs/{id}", May(P::Look)),
        ("POST", "/v1/jobs/{id}/start", May(P::StartJob)),
        ("POST", "/v1/jobs/{id}/accept", May(P::AcceptFindings)),
        ("POST", "/v1/jobs/{id}/pause", May(P::PauseJob)),
        ("POST", "/v1/jobs/{id}/resume", May(P::ResumeJob)),
        ("POST", "/v1/jobs/{id}/cancel", May(P::CancelJob)),
        ("POST", "/v1/jobs/{id}/resume-file", May(P::MakeResumeFile)),
        ("GET", "/v1/printers", May(P::Look)),
        ("GET", "/v1/printers/{name}", May(P::Look)),
        ("GET", "/v1/printers/{name}/temperatures", May(P::Look)),
        ("POST", "/v1/printers/{name}/clear-bed", May(P::ClearBed)),
        ("POST", "/v1/printers/{name}/clear-latch", May(P::ClearLatch)),
        ("POST", "/v1/printers/{name}/identify", May(P::Identify)),
        ("POST", "/v1/printers/{name}/answer", May(P::AnswerPrinter)),
        ("POST", "/v1/printers/{name}/console", May(P::Console)),
        ("GET", "/v1/printers/{name}/qualification", May(P::Look)),
        ("POST", "/v1/printers/{name}/qualification", May(P::QualifyPrinters)),
        ("GET", "/v1/printers/{name}/label", May(P::Look)),
        ("GET", "/v1/printers/{name}/loads", May(P::Look)),
        ("POST", "/v1/printers/{name}/loads", May(P::LoadMaterial)),
        ("POST", "/v1/printers/{name}/unload", May(P::LoadMaterial)),
        ("GET", "/v1/printers/{name}/resin", May(P::Look)),
        ("POST", "/v1/printers/{name}/vat/fill", May(P::LoadMaterial)),
        ("POST", "/v1/printers/{name}/vat/top-up", May(P::LoadMaterial)),
        ("POST", "/v1/printers/{name}/vat/measure", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/vat/stir", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/vat/filter", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/vat/empty", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/display", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/film", May(P::TendVat)),
        ("POST", "/v1/printers/{name}/checklist", May(P::TendVat)),
        ("GET", "/v1/commissioning/ports", MayAny(&[P::QualifyPrinters, P::Settings])),
        ("POST", "/v1/commissioning/probe", May(P::QualifyPrinters)),
        ("GET", "/v1/commissioning/profiles", MayAny(&[P::QualifyPrinters, P::Settings])),
        ("POST", "/v1/commissioning/configuration", May(P::Settings)),
        ("POST", "/v1/commissioning/save", May(P::Settings)),
        ("POST", "/v1/commissioning/test-print", May(P::QualifyPrinters)),
        ("GET", "/v1/queue", May(P::Look)),
        ("GET", "/v1/queue/{id}", May(P::Look)),
        ("POST", "/v1/queue/{id}", May(P::Queue)),
        ("POST", "/v1/jobs/{id}/reprint", May(P::Queue)),
        ("GET", "/v1/printers/{name}/maintenance", May(P::Look)),
        ("POST", "/v1/printers/{name}/maintenance", May(P::QualifyPrinters)),
        ("POST", "/v1/printers/{name}/maintenance/call-off", May(P::QualifyPrinters)),
        ("GET", "/v1/uploads", May(P::Look)),
        // With warnings that are accepted, the handler asks for more.
        ("POST", "/v1/uploads/{id}/assign", May(P::Queue)),
        ("POST", "/v1/uploads/{id}/dismiss", May(P::Queue)),
        // Entries that are not everybody's come without their content.
        ("GET", "/v1/events", May(P::Look)),
        ("GET", "/v1/audit", May(P::ReadAudit)),
        ("GET", "/v1/journal", May(P::ReadAudit)),
        ("GET", "/v1/app-keys", May(P::OwnAccount)),
        ("POST", "/v1/app-keys/{code}", May(P::OwnAccount)),
        // OctoPrint, PrusaLink and Moonraker, under every prefix of `compat`.
        ("GET", "/api/version", May(P::Look)),
        ("GET", "/api/server", May(P::Look)),
        ("GET", "/api/currentuser", May(P::Look)),
        ("POST", "/api/login", SIGN_IN),
        ("POST", "/api/logout", SIGN_IN),
        ("GET", "/plugin/appkeys/probe", NO_KEY_YET),
        ("POST", "/plugin/appkeys/request", NO_KEY_YET),
        ("GET", "/plugin/appkeys/request/{app_token}", NO_KEY_YET),
        ("GET", "/api/connection", May(P::Look)),
        ("POST", "/api/connection", May(P::Look)),
        ("GET", "/api/settings", May(P::Look)),
        ("GET", "/api/printerprofiles", May(P::Look)),
        ("GET", "/api/printerprofiles/{profile}", May(P::Look)),
        ("GET", "/api/system/commands", May(P::Look)),
        ("GET", "/api/system/commands/{source}", May(P::Look)),
        ("POST", "/api/system/commands/{source}/{action}", May(P::Look)),
        ("GET", "/api/timelapse", May(P::Look)),
        ("GET", "/api/languages", May(P::Look)),
        ("GET", "/api/slicing", May(P::Look)),
        ("GET", "/api/printer", May(P::Look)),
        ("GET", "/api/printer/tool", May(P::Look)),
        ("POST", "/api/printer/tool", May(P::Console)),
        ("GET", "/api/printer/bed", May(P::Look)),
        ("POST", "/api/printer/bed", May(P::Console)),
        ("GET", "/api/printer/chamber", May(P::Look)),
        ("POST", "/api/printer/chamber", May(P::Console)),
        ("POST", "/api/printer/printhead", May(P::Console)),
        // The emergency stop comes as a command, too.
        ("POST", "/api/printer/command", MayAny(&[P::Console, P::Stop])),
        ("GET", "/api/printer/command/custom", May(P::Look)),
        ("GET", "/api/printer/sd", May(P::Look)),
        ("POST", "/api/printer/sd", May(P::Look)),
        ("GET", "/api/job", May(P::Look)),
        ("POST", "/api/job", MayAny(&[P::PauseJob, P::ResumeJob, P::CancelJob])),
        ("GET", "/api/files", May(P::Look)),
        ("GET", "/api/files/{location}", May(P::Look)),
        ("POST", "/api/files/{location}", May(P::Upload)),
        ("GET", "/api/files/{location}/{*path}", May(P::Look)),
        // Selecting changes nothing; what is printed is asked for as `Queue`.
        ("POST", "/api/files/{location}/{*path}", May(P::Look)),
        ("DELETE", "/api/files/{location}/{*path}", May(P::Queue)),
        ("GET", "/downloads/files/{location}/{*path}", May(P::Look)),
        ("GET", "/sockjs/info", PUBLIC),
        ("GET", "/sockjs/websocket", SAYS_LATER),
        ("GET", "/sockjs/{server}/{session}/websocket", SAYS_LATER),
        ("GET", "/api/v1/storage", May(P::Look)),
        ("GET", "/api/v1/info", May(P::Look)),
        ("GET", "/api/v1/status", May(P::Look)),
        ("GET", "/api/v1/job", May(P::Look)),
        ("DELETE", "/api/v1/job/{id}", May(P::CancelJob)),
        ("PUT", "/api/v1/job/{id}/pause", May(P::PauseJob)),
        ("PUT", "/api/v1/job/{id}/resume", May(P::ResumeJob)),
        ("PUT", "/api/v1/job/{id}/continue", May(P::ResumeJob)),
        ("GET", "/api/v1/files/{storage}", May(P::Look)),
        ("GET", "/api/v1/files/{storage}/", May(P::Look)),
        ("GET", "/api/v1/files/{storage}/{*path}", May(P::Look)),
        ("PUT", "/api/v1/files/{storage}/{*path}", May(P::Upload)),
        // It is queued at most.
        ("POST", "/api/v1/files/{storage}/{*path}", May(P::Queue)),
        ("DELETE", "/api/v1/files/{storage}/{*path}", May(P::Queue)),
        ("GET", "/api/v1/transfer", May(P::Look)),
        ("DELETE", "/api/v1/transfer", May(P::Upload)),
        ("GET", "/api/v1/cameras", May(P::Look)),
        // Moonraker: what each of its methods asks, and `compat::moonraker` compares.
        ("GET", "/server/info", May(P::Look)),
        ("GET", "/server/config", May(P::Look)),
        ("POST", "/server/files/upload", May(P::Upload)),
        ("GET", "/server/files/list", May(P::Look)),
        ("GET", "/server/files/directory", May(P::Look)),
        ("GET", "/server/files/metadata", May(P::Look)),
        ("GET", "/server/files/roots", May(P::Look)),
        ("GET", "/server/files/thumbnails", May(P::Look)),
        ("GET", "/server/files/gcodes/{*path}", May(P::Look)),
        ("DELETE", "/server/files/gcodes/{*path}", May(P::Queue)),
        ("GET", "/server/job_queue/status", May(P::Look)),
        ("GET", "/server/history/list", May(P::Look)),
        ("GET", "/server/history/totals", May(P::Look)),
        ("GET", "/server/history/job", May(P::Look)),
        ("GET", "/server/temperature_store", May(P::Look)),
        ("GET", "/server/gcode_store", May(P::Look)),
        ("GET", "/server/webcams/list", May(P::Look)),
        ("GET", "/server/announcements/list", May(P::Look)),
        ("GET", "/server/database/list", May(P::Look)),
        ("GET", "/server/database/item", May(P::Look)),
        ("POST", "/server/database/item", May(P::Settings)),
        ("DELETE", "/server/database/item", May(P::Settings)),
        ("GET", "/printer/info", May(P::Look)),
        ("GET", "/printer/objects/list", May(P::Look)),
        ("GET", "/printer/objects/query", May(P::Look)),
        ("POST", "/printer/objects/query", May(P::Look)),
        ("POST", "/printer/objects/subscribe", May(P::Look)),
        ("POST", "/printer/print/start", May(P::Queue)),
        ("POST", "/printer/print/pause", May(P::PauseJob)),
        ("POST", "/printer/print/resume", May(P::ResumeJob)),
        ("POST", "/printer/print/cancel", May(P::CancelJob)),
        ("POST", "/printer/emergency_stop", STOP),
        // The emergency stop comes as a command, too.
        ("POST", "/printer/gcode/script", MayAny(&[P::Console, P::Stop])),
        ("GET", "/printer/gcode/help", May(P::Look)),
        ("POST", "/printer/restart", May(P::Console)),
        ("POST", "/printer/firmware_restart", May(P::Console)),
        ("GET", "/machine/system_info", May(P::Look)),
        ("GET", "/machine/proc_stats", May(P::Look)),
        ("GET", "/machine/update/status", May(P::Look)),
        ("GET", "/machine/device_power/devices", May(P::Look)),
        ("GET", "/access/info", May(P::Look)),
        ("GET", "/access/user", May(P::Look)),
        ("GET", "/access/oneshot_token", May(P::Look)),
        ("POST", "/access/oneshot_token", May(P::Look)),
        ("GET", "/access/api_key", May(P::OwnAccount)),
        ("POST", "/access/api_key", May(P::OwnAccount)),
        ("GET", "/websocket", TICKET),
    ]
};

/// What a page in a browser fetches again and again, whether anybody is there or not.
const BY_ITSELF: [&str; 7] = [
    "/healthz",
    "/metrics",
    "/look",
    "/live",
    "/v1/events",
    "/v1/files/{hash}/picture",
    "/v1/models/{hash}/picture",
];

/// Pages that somebody opens: whoever is not signed in is led to the page where one does, and back.
const DOCUMENTS: [&str; 2] = ["/look", "/account"];

fn page(path: &str) -> Option<&'static ui::Page> {
    ui::PAGES.iter().find(|page| page.path == path)
}

/// Every row: those of the table, and the page's own.
pub fn rows() -> impl Iterator<Item = Row> {
    TABLE.iter().copied().chain(ui::PAGES.iter().map(|page| ("GET", page.path, Asks::May(page.asks))))
}

/// What is asked on a route; `None` where the table does not have it.
pub fn asks(method: &str, path: &str) -> Option<Asks> {
    // HEAD is answered by what answers GET.
    let method = if method == "HEAD" { "GET" } else { method };
    let path = compat::without_prefix(path);
    rows().find(|row| row.0 == method && row.1 == path).map(|row| row.2)
}

/// What is asked of who comes from there: a monitor on another machine shows a token, or whoever is on the network would
/// read how the lab does.
fn from(asks: Asks, whence: Whence) -> Asks {
    if asks == MONITORING && !whence.is_here() { Asks::May(Permission::Look) } else { asks }
}

/// Who asks, as handlers see it.
#[derive(Clone, Debug)]
pub enum Asker {
    /// Nobody is set up: the names that are given are believed.
    Everybody,
    /// People are set up, and this is none of them, as far as is known.
    Stranger,
    Known(Arc<Who>),
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self::Stranger))
    }
}

impl Asker {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Known(who) => Some(who.name.as_str()),
            Self::Everybody | Self::Stranger => None,
        }
    }

    /// The name in plain letters, as a page made for them has it; empty where nobody is known.
    pub fn mark(&self) -> String {
        self.name().unwrap_or_default().bytes().fold(String::new(), |mut mark, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
                mark.push(char::from(byte));
            } else {
                mark.push_str(&format!("%{byte:02X}"));
            }
            mark
        })
    }

    pub fn who(&self) -> Result<&Arc<Who>, Problem> {
        match self {
            Self::Known(who) => Ok(who),
            Self::Everybody => Err(Refused::NobodySetUp.into()),
            Self::Stranger => Err(NotAuthenticated::Nobody.into()),
        }
    }

    pub fn may(&self, permission: Permission) -> Result<(), Problem> {
        match self {
            Self::Everybody => Ok(()),
            Self::Stranger => Err(NotAuthenticated::Nobody.into()),
            Self::Known(who) => Ok(who.may(permission)?),
        }
    }

    /// In whose name something is done: of who is signed in, whatever the request says; else the name that it gives.
    pub fn by(&self, given: Option<&str>) -> Result<String, Problem> {
        self.by_if_known(given)?.ok_or_else(|| {
            Problem::unreadable(
                "the body cannot be read: missing field `by`",
                "give \"by\" with the name of the person who says so",
            )
        })
    }

    /// The same, where a name need not be given.
    pub fn by_if_known(&self, given: Option<&str>) -> Result<Option<String>, Problem> {
        match self {
            Self::Everybody => Ok(given.map(str::to_owned)),
            Self::Stranger => Err(NotAuthenticated::Nobody.into()),
            Self::Known(who) => {
                let given = given.map(str::trim).filter(|given| !given.is_empty());
                if let Some(other) = given.filter(|given| fold(given) != who.name.folded()) {
                    let other: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                    return Err(Problem::new(
                        StatusCode::FORBIDDEN,
                        "in-another-name",
                        format!("the request is made in the name of \"{other}\", and {} asks", who.name),
                        "leave the name out, or sign in as that person",
                    ));
                }
                Ok(Some(who.name.to_string()))
            }
        }
    }

    /// In whose name something is stopped. Nobody is kept from it by a name, and nobody's name is taken on trust
    /// where it could be another's.
    pub fn stops_as(&self, given: Option<&str>) -> Option<String> {
        match self {
            Self::Everybody => given.map(str::to_owned),
            Self::Known(who) => Some(who.name.to_string()),
            Self::Stranger => {
                let says = given.map(str::trim).filter(|given| !given.is_empty());
                let told = says.and_then(|says| lab::person(&format!("{says} - {STRANGER}")).ok());
                Some(told.unwrap_or_else(|| STRANGER.to_owned()))
            }
        }
    }

    /// Who caused an event for which no name is given.
    pub fn actor(&self) -> Actor {
        self.name().map_or(Actor::Platen, |name| Actor::Person(name.to_owned()))
    }
}

/// Whether what comes of a request outlasts it: a ticket, or a stream. Whoever repeats it must not come in by that.
fn is_lasting(request: &Request, path: &str) -> bool {
    let path = compat::without_prefix(path);
    let gives = matches!(path, "/access/oneshot_token" | "/websocket") || path.starts_with("/sockjs");
    gives || request.headers().contains_key(header::UPGRADE)
}

/// What a request shows of who asks.
fn presented<'r>(request: &'r Request, path: &str, by_itself: bool) -> Result<Presented<'r>, Problem> {
    let (headers, is_compat) = (request.headers(), compat::is_compat(path));
    let authorization = header_text(headers, &header::AUTHORIZATION)?;
    // A cookie of the page is nothing that another host's program has.
    let key = if is_compat { header_text(headers, &compat::API_KEY)? } else { None };
    let cookie = if is_compat { None } else { header_text(headers, &header::COOKIE)? };
    // Before any prefix was taken off it.
    let uri = request.uri().path_and_query().map_or("/", |uri| uri.as_str());
    let lasting = is_lasting(request, path);
    let digest_of = is_compat.then(|| Requested { method: request.method().as_str(), uri, lasting });
    let Reached { whence, secure } = request.extensions().get().copied().unwrap_or_default();
    Ok(Presented { authorization, key, cookie, by_itself, digest_of, whence, secure })
}

/// Whether a request comes from a page that was made for somebody else: nothing is done in another name than the one
/// that the page shows.
fn is_of_another(request: &Request, path: &str, asker: &Asker) -> bool {
    let in_form = |query: &str| {
        let mut marks = query.split('&').filter_map(|one| one.strip_prefix(MADE_FOR_QUERY));
        marks.any(|mark| mark != asker.mark())
    };
    let headers = request.headers().get_all(MADE_FOR);
    headers.iter().any(|mark| mark.as_bytes() != asker.mark().as_bytes())
        || (path.starts_with("/do/") && request.uri().query().is_some_and(in_form))
}

fn somebody_else(asker: &Asker) -> Problem {
    let who = asker.name().unwrap_or("nobody");
    Problem::new(
        StatusCode::CONFLICT,
        "somebody-else-is-signed-in",
        format!("the page was made for somebody else, and {who} is signed in by now"),
        "nothing was done; sign in again under the name that the page shows, or load the page again",
    )
}

/// Why somebody does not come through.
enum Closed {
    NoRow(Problem),
    Another(Problem),
    Unknown(Problem),
    NotTheirs(Forbidden),
    Unreadable(Problem),
}

fn judge(app: &AppState, request: &Request, path: &str) -> Result<Asker, Closed> {
    let method = request.method();
    let Some(asks) = asks(method.as_str(), path) else {
        // With another method it may be there; the router would say the same.
        let known = rows().any(|row| row.1 == compat::without_prefix(path));
        return Err(Closed::NoRow(if known { Problem::wrong_method() } else { no_row(path) }));
    };
    if !app.entrance.is_guarded() {
        return Ok(Asker::Everybody);
    }
    let asks = from(asks, request.extensions().get::<Reached>().copied().unwrap_or_default().whence);
    // The style of a page that loads itself again is fetched by it, too.
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let itself = BY_ITSELF.contains(&path) || page(path).is_some();
    let by_itself = reads && (itself || matches!(asks, Asks::Nothing(_)));
    let who = presented(request, path, by_itself)
        .map(|given| app.entrance.authenticate(given).inspect_err(|error| app.monitor.unknown(error)));
    let known = match (asks, who) {
        (_, Ok(Ok(Some(who)))) => Some(Arc::new(who)),
        // Whatever is wrong with it: a stop goes on.
        (Asks::Nothing(_), _) | (_, Ok(Ok(None))) => None,
        (_, Err(problem)) => return Err(Closed::Unreadable(problem)),
        (_, Ok(Err(error))) => return Err(Closed::Unknown(error.into())),
    };
    let asker = known.map_or(Asker::Stranger, Asker::Known);
    let known = match &asker {
        Asker::Known(_) if is_of_another(request, path, &asker) => {
            if !STOPS.contains(&path) {
                return Err(Closed::Another(somebody_else(&asker)));
            }
            // It goes on, in nobody's name.
            None
        }
        Asker::Known(who) => Some(Arc::clone(who)),
        Asker::Stranger | Asker::Everybody => None,
    };
    let may = match (asks, &known) {
        (Asks::Nothing(_), _) | (Asks::ToBeKnown, Some(_)) => Ok(()),
        (_, None) => return Err(Closed::Unknown(NotAuthenticated::Nobody.into())),
        (Asks::May(permission), Some(who)) => who.may(permission),
        (Asks::MayAny(all), Some(who)) => {
            let mut told = all.iter().map(|permission| who.may(*permission));
            // The first of them, where none is theirs.
            let first = told.next().unwrap_or(Ok(()));
            if first.is_ok() || told.any(|may| may.is_ok()) { Ok(()) } else { first }
        }
    };
    may.map_err(Closed::NotTheirs)?;
    Ok(known.map_or(Asker::Stranger, Asker::Known))
}

/// Who asks for what is no route: it is only said to them that it is none.
pub(super) fn whoever(app: &AppState, request: &Request) -> Asker {
    if !app.entrance.is_guarded() {
        return Asker::Everybody;
    }
    let known = presented(request, "/", true).ok().and_then(|given| app.entrance.authenticate(given).ok());
    known.flatten().map_or(Asker::Stranger, |who| Asker::Known(Arc::new(who)))
}

fn no_row(path: &str) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "nobody-s",
        format!("nobody has said who may ask for {path}"),
        "this is a defect of platen: report it",
    )
}

/// Takes what a refused program is still sending off the line, as far as it is short: who writes into a connection that
/// is closed never reads why. Who asks first whether to send it is told no at once.
async fn drain(request: Request) {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if request.headers().contains_key(header::EXPECT)
        || length.is_some_and(|length: usize| length > DRAINED_MAX)
    {
        return;
    }
    let mut chunks = request.into_body().into_data_stream();
    let read = async {
        let mut left = DRAINED_MAX;
        while let Some(Ok(chunk)) = chunks.next().await {
            let Some(less) = left.checked_sub(chunk.len()) else { return };
            left = less;
        }
    };
    // Whoever is slower than that has had the time.
    let _ = timeout(DRAINED_WITHIN, read).await;
}

/// The middleware around every route, within the guard.
pub async fn door(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    // What has no path of the router is none of its routes: the fallback says so.
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        request.extensions_mut().insert(Asker::Stranger);
        return next.run(request).await;
    };
    let path = path.as_str();
    let closed = match judge(&app, &request, path) {
        Ok(asker) => {
            request.extensions_mut().insert(asker);
            return next.run(request).await;
        }
        Err(closed) => closed,
    };
    if compat::is_compat(path) {
        let (problem, unknown) = match closed {
            Closed::NoRow(problem) | Closed::Another(problem) | Closed::Unreadable(problem) => {
                (problem, false)
            }
            Closed::Unknown(problem) => (problem, true),
            Closed::NotTheirs(forbidden) => (forbidden.into(), false),
        };
        let refused = compat::refused(&app, path, request.headers(), problem, unknown);
        drain(request).await;
        return refused;
    }
    let is_document =
        (DOCUMENTS.contains(&path) || page(path).is_some()) && *request.method() != Method::POST;
    let is_page = ui::PATHS.contains(&path) && path != "/live" || page(path).is_some();
    let problem = match closed {
        Closed::Unknown(_) if is_document => {
            let back = request.uri().path_and_query().map_or("/", |back| back.as_str());
            return Redirect::to(&ui::sign_in_for(back)).into_response();
        }
        Closed::NotTheirs(Forbidden::PasswordOfAnother { .. }) if is_document => {
            return Redirect::to("/account").into_response();
        }
        Closed::NoRow(problem) => return problem.into_response(),
        Closed::Unknown(problem) | Closed::Another(problem) | Closed::Unreadable(problem) => problem,
        Closed::NotTheirs(forbidden) => forbidden.into(),
    };
    if is_page {
        ui::refused(&ui::Viewer::of_stranger(&app, request.headers()), problem).into_response()
    } else {
        problem.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TokenId;
    use crate::domain::people::roles::Means;

    #[test]
    fn a_monitor_on_another_machine_shows_a_token_and_a_stop_from_there_shows_none() {
        let afar = Whence::Afar(crate::domain::people::whence::Machine([7; 16]));
        for path in ["/healthz", "/metrics"] {
            let asks = asks("GET", path).unwrap();
            assert!(matches!(from(asks, Whence::Here), Asks::Nothing(_)), "{path}");
            assert_eq!(from(asks, afar), Asks::May(Permission::Look), "{path}");
        }
        for (method, path, asks) in rows() {
            let is_monitors = ["/healthz", "/metrics"].contains(&path);
            assert!(is_monitors || from(asks, afar) == asks, "{method} {path}");
        }
        assert_eq!(from(STOP, afar), STOP);
    }

    fn kim() -> Asker {
        Asker::Known(Arc::new(Who {
            name: "Kim".parse().unwrap(),
            printed: "Kim Lee".parse().unwrap(),
            roles: [crate::domain::people::roles::Role::Operator].into(),
            means: Means::Session(TokenId::from_entropy([1; 16])),
            own_password: true,
        }))
    }

    #[test]
    fn no_route_is_in_the_table_twice() {
        let rows: Vec<Row> = rows().collect();
        for (at, row) in rows.iter().enumerate() {
            assert!(!rows[..at].iter().any(|other| (other.0, other.1) == (row.0, row.1)), "{row:?}");
        }
    }

    #[test]
    fn a_route_that_is_in_no_row_is_nobody_s() {
        assert_eq!(asks("GET", "/v1/secrets"), None);
        assert_eq!(asks("PUT", "/v1/jobs"), None);
        assert_eq!(asks("HEAD", "/v1/jobs"), Some(Asks::May(Permission::Look)));
    }

    #[test]
    fn a_digest_for_a_ticket_or_a_stream_is_not_one_that_only_looks() {
        use axum::body::Body;
        let get = |upgrade: bool| {
            let request = axum::http::Request::builder().uri("/");
            let request = if upgrade { request.header(header::UPGRADE, "websocket") } else { request };
            request.body(Body::empty()).unwrap()
        };
        for (path, lasting) in [
            ("/access/oneshot_token", true),
            ("/p/{printer}/access/oneshot_token", true),
            ("/websocket", true),
            ("/c/{case}/{part}/websocket", true),
            ("/sockjs/websocket", true),
            ("/p/{printer}/sockjs/{server}/{session}/websocket", true),
            ("/p/{printer}/api/printer", false),
            ("/api/version", false),
            ("/access/info", false),
        ] {
            assert_eq!(is_lasting(&get(false), path), lasting, "{path}");
            assert!(is_lasting(&get(true), path), "{path}");
        }
    }

    #[test]
    fn the_name_of_who_is_signed_in_is_theirs_whatever_the_request_says() {
        for given in [None, Some(""), Some("  "), Some("kim"), Some(" KIM ")] {
            assert_eq!(kim().by(given), Ok("Kim".to_owned()), "{given:?}");
        }
        let refused = kim().by(Some("lee\u{1b}[1m")).unwrap_err();
        assert_eq!((refused.status, refused.title.as_str()), (403, "In another name"));
        assert_eq!(refused.detail, "the request is made in the name of \"lee[1m\", and Kim asks");
        assert_eq!(Asker::Everybody.by(Some("lee")), Ok("lee".to_owned()));
        assert_eq!(Asker::Everybody.by(None).unwrap_err().status, 400);
        assert_eq!(Asker::Stranger.by(Some("kim")).unwrap_err().status, 401);
    }

    #[test]
    fn a_stop_is_in_somebody_s_name_only_where_they_are_known() {
        assert_eq!(kim().stops_as(Some("lee")).unwrap(), "Kim");
        assert_eq!(Asker::Everybody.stops_as(Some("lee")).unwrap(), "lee");
        assert_eq!(Asker::Everybody.stops_as(None), None);
        let stranger = |given| Asker::Stranger.stops_as(given).unwrap();
        assert_eq!(stranger(None), "not signed in");
        assert_eq!(stranger(Some("lee")), "lee - not signed in");
        for odd in ["<b>", &"x".repeat(40), " "] {
            assert_eq!(stranger(Some(odd)), "not signed in", "{odd}");
        }
    }
}
