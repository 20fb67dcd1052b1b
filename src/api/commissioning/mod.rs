//! A new printer, from the port that it is plugged into to its first print.
//!
//! ```text
//! ports ─▶ probe ─▶ profiles ─▶ configuration ─▶ save ─▶ (restart, by a person) ─▶ test-print
//! ```
//! Nothing here moves or heats a printer but the test print, which is a job like any other.

pub(super) mod shapes;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::path::Path;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Changed, NoSuch, Ordered, Read, Timely, Told};
use super::door::Asker;
use super::given::Given;
use super::jobs::{FromFile, Said, has_room, new_job};
use super::printers::known_for;
use super::problem::Problem;
use super::vault::let_in;
use crate::config::{self, Chosen, Config, NotAdded, with_section};
use crate::control::hello::{Board, Heard};
use crate::control::probe::Found;
use crate::domain::case::IntendedUse;
use crate::domain::event::Actor;
use crate::domain::ids::{CaseToken, PartId, PrinterName};
use crate::domain::lab::{self, Lab, Request};
use crate::domain::part::{Part, PartName, PartRef};
use crate::domain::quality::case::CaseState;
use crate::domain::units::Baud;
use crate::gcode::test_print::{self, LAYERS, NoTestPrint};
use crate::io::clock::entropy;
use crate::io::serial::DialError;
use crate::io::ttys::{NoTty, stays};
use crate::protocol::window::SAFE_RECEIVE_BYTES;
use crate::services::commissioning::{NotProbed, Probed, Saved, Tried, Window};
use crate::services::gate::limits_of;
use crate::services::suits::Medium;
use crate::services::vault_desk::Words;

use shapes::{
    CapabilityView, MissingPortView, MistakeView, NewSection, PortsView, ProbeOrder, ProbeView,
    ProbedBoardView, ProfileView, SavedView, SectionView, TestPrintOrder, TestPrintView, TriedView,
    WindowView,
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(ports))
        .routes(routes!(probe))
        .routes(routes!(profiles))
        .routes(routes!(configuration))
        .routes(routes!(save))
        .routes(routes!(print_test))
}

/// The serial ports of this machine, and whose each is.
#[utoipa::path(get, path = "/v1/commissioning/ports", tag = "commissioning", operation_id = "list_ports",
    responses((status = 200, description = "The ports", body = PortsView), Told))]
async fn ports(State(app): State<AppState>) -> Json<PortsView> {
    Json(listed(&app).await)
}

/// The ports, for the page as well.
pub(super) async fn listed(app: &AppState) -> PortsView {
    let found = app.commissioning.ports(&app.config).await;
    let missing = found.missing.into_iter().map(|(printer, path)| MissingPortView {
        words: format!("printer {printer} has no port; is it plugged in and switched on?"),
        printer: printer.to_string(),
        path: path.to_string_lossy().into_owned(),
    });
    let missing = missing.collect();
    let help = if found.ports.iter().any(|port| port.printer.is_none()) {
        "Ask the port that is nobody's who is there. Not sure which it is? Pull the plug and look again."
    } else {
        "Every port here is a printer's. Plug the new printer in, switch it on, and look again."
    };
    PortsView { ports: found.ports.into_iter().map(Into::into).collect(), missing, help: help.into() }
}

/// What is wrong, and what to do, of an error that says both.
fn split(words: &str) -> (&str, &str) {
    let both = words.split_once("; ").or_else(|| words.split_once(": "));
    both.unwrap_or((words, "look at the printer, and try again"))
}

impl From<NotProbed> for Problem {
    fn from(error: NotProbed) -> Self {
        let (status, slug) = match &error {
            NotProbed::NoTty(NoTty::Missing) => (StatusCode::NOT_FOUND, "no-such-port"),
            NotProbed::NoTty(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-a-port"),
            NotProbed::Configured(_) => (StatusCode::CONFLICT, "port-in-use"),
            NotProbed::Busy => (StatusCode::CONFLICT, "probing-already"),
            NotProbed::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closing"),
        };
        let words = error.to_string();
        let (what, help) = split(&words);
        Self::new(status, slug, what, help)
    }
}

/// Opens a port that is nobody's for a moment and asks who is there, at the usual speeds, one after the other: half a
/// minute at most, and with `measure` up to three more. Nothing moves, nothing is heated. 200 whatever comes of it:
/// `outcome` and `words` say what, `help` what to do. Many boards start anew when their port is opened.
#[utoipa::path(post, path = "/v1/commissioning/probe", tag = "commissioning", operation_id = "probe_port", request_body = ProbeOrder,
    responses((status = 200, description = "What was found there", body = ProbeView),
        (status = 415, description = "The body is not declared as JSON", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "This is no serial port", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "platen is shutting down", body = Problem,
            content_type = "application/problem+json"), Ordered, NoSuch, Timely))]
async fn probe(
    State(app): State<AppState>,
    Given(order): Given<ProbeOrder>,
) -> Result<Json<ProbeView>, Problem> {
    probed(&app, order).await.map(Json)
}

/// Who is on a port, for the page as well.
pub(super) async fn probed(app: &AppState, order: ProbeOrder) -> Result<ProbeView, Problem> {
    let baud = order.baud.map(|baud| match baud {
        1_200..=4_000_000 => Ok(Baud(baud)),
        _ => Err(Problem::unreadable(
            "this is no speed of a line",
            "leave \"baud\" out, or give 115200 or 250000",
        )),
    });
    let (baud, port) = (baud.transpose()?, Path::new(&order.port));
    let asked = app.commissioning.probe(&app.config, &app.clock, port, baud, order.measure);
    // Whoever asks hears of an end of the daemon, and the port is let go.
    let probed = app.shutdown.run_until_cancelled(asked).await.unwrap_or(Err(NotProbed::Closed))?;
    Ok(probe_view(order.port, probed))
}

/// A word for machines, what is so, and what to do.
fn told(tried: &Tried, baud: Baud) -> (&'static str, String, String) {
    let speed = baud.0;
    let (outcome, words, help) = match tried {
        Tried::Heard(Heard::Board(board)) if board.firmware.is_some() => (
            "identified",
            format!("a printer answers at {speed} baud"),
            "Compare what it says of itself with the printer, then choose its kind.",
        ),
        Tried::Heard(Heard::Board(_)) => (
            "nameless",
            format!("something answers at {speed} baud as a printer does, and does not say what it is"),
            "Give `firmware` in its section, and watch its first print.",
        ),
        Tried::Heard(Heard::Silence) => (
            "no_answer",
            format!("nothing answers at {speed} baud"),
            "Is it switched on? Is this its port? Does another speed stand in its firmware?",
        ),
        Tried::Heard(Heard::Garbage) => (
            "garbage",
            format!("garbage comes at {speed} baud: the wrong speed, or no printer"),
            "Try the speed that its firmware was built with; look at the cable.",
        ),
        Tried::Heard(Heard::OtherWords) => (
            "other_words",
            format!("something talks at {speed} baud, and does not answer as a printer"),
            "Is this its port? Does it wait for something at its own panel?",
        ),
        Tried::Heard(Heard::Halted) => (
            "halted",
            "its firmware has halted, and answers nothing more".to_owned(),
            "Find out why (its panel says it), then switch it off and on.",
        ),
        Tried::Vanished(_) => (
            "vanished",
            "the port went away while it was asked".to_owned(),
            "Look at the cable, the power and the adapter, then look for the port again.",
        ),
        Tried::NotOpened(error) => return not_opened(error),
    };
    (outcome, words, help.to_owned())
}

fn not_opened(error: &DialError) -> (&'static str, String, String) {
    let outcome = match error {
        DialError::Missing(_) => "missing",
        DialError::Taken(_) => "taken",
        DialError::Forbidden(_) => "denied",
        DialError::NotSerial(_) | DialError::Settings { .. } | DialError::Other { .. } => "not_opened",
    };
    let words = error.to_string();
    let (what, help) = match outcome {
        // Behind its colon stands what the kernel says.
        "not_opened" => (words.as_str(), "Look at the port and at its rights, then try again."),
        _ => split(&words),
    };
    (outcome, what.to_owned(), help.to_owned())
}

/// How much an outcome of one speed says of the port: where none answered, the most telling one is told.
fn weight(tried: &Tried) -> u8 {
    match tried {
        Tried::Heard(Heard::Silence) => 0,
        Tried::NotOpened(DialError::Settings { .. }) => 1,
        Tried::Heard(Heard::Garbage) => 2,
        Tried::Heard(Heard::OtherWords) => 3,
        Tried::Heard(Heard::Halted | Heard::Board(_)) | Tried::Vanished(_) | Tried::NotOpened(_) => 4,
    }
}

fn probe_view(port: String, probed: Probed) -> ProbeView {
    let Probed { tried, board, window } = probed;
    let all = tried.iter().map(|(baud, found)| {
        let (outcome, words, _) = told(found, *baud);
        TriedView { baud: baud.0, outcome: outcome.into(), words }
    });
    let all: Vec<_> = all.collect();
    let main = tried.iter().max_by_key(|(_, found)| weight(found));
    let (outcome, mut words, help) = main.map_or_else(
        || ("no_answer", "nothing was asked".to_owned(), "Try again.".to_owned()),
        |(baud, found)| told(found, *baud),
    );
    if outcome == "no_answer" && all.len() > 1 {
        words = "nothing answers at any of the usual speeds".into();
    }
    let answered = board.is_some();
    let mut view = ProbeView {
        port,
        outcome: outcome.into(),
        words,
        help,
        baud: all.last().filter(|_| answered).map(|last| last.baud),
        tried: all,
        window: window.map(window_view),
        board: None,
    };
    if let Some(board) = board {
        if board.heats() {
            view.words.push_str("; a heater of it is on");
        }
        view.board = Some(board_view(board));
    }
    view
}

fn board_view(board: Board) -> ProbedBoardView {
    let Board { firmware, capabilities, dialect, advanced_ok, thermal_protection, temperatures } = board;
    let (name, machine, uuid) =
        firmware.map_or((None, None, None), |info| (Some(info.name), info.machine, info.uuid));
    ProbedBoardView {
        firmware: name,
        machine,
        uuid,
        dialect: dialect.name().to_owned(),
        capabilities: capabilities.into_iter().map(|(name, able)| CapabilityView { name, able }).collect(),
        advanced_ok,
        thermal_protection,
        temperatures: temperatures.map(Into::into),
    }
}

fn window_view(window: Window) -> WindowView {
    let safe = (SAFE_RECEIVE_BYTES + 1, 0);
    let (outcome, (rx_buffer, command_buffer), words) = match window {
        Window::Safe => (
            "safe",
            safe,
            "not measured: as much as every board holds; measure it for a fuller line".to_owned(),
        ),
        Window::Measured(findings) => {
            let outcome = match findings.found {
                Found::Sizes { .. } => "measured",
                Found::NeverFull { .. } => "never_full",
                Found::Nothing(_) => "not_measured",
            };
            let sizes = findings.recommended.map_or(safe, |words| (words.rx_buffer, words.command_buffer));
            (outcome, sizes, findings.in_words())
        }
        Window::Not(why) => ("not_measured", safe, why),
    };
    WindowView { outcome: outcome.into(), rx_buffer, command_buffer, words }
}

/// Kinds of printers that platen knows, and those of the configuration, to begin a section with. Look at each number
/// at the printer.
#[utoipa::path(get, path = "/v1/commissioning/profiles", tag = "commissioning", operation_id = "list_profiles",
    responses((status = 200, description = "The kinds", body = Vec<ProfileView>), Told))]
async fn profiles(State(app): State<AppState>) -> Json<Vec<ProfileView>> {
    Json(kinds(&app))
}

/// Kinds of printers, for the page as well.
pub(super) fn kinds(app: &AppState) -> Vec<ProfileView> {
    let own =
        app.config.printers.iter().map(|printer| ProfileView::of(config::like(printer), "configuration"));
    let known = config::known().into_iter().map(|known| ProfileView::of(known, "platen"));
    known.chain(own).collect()
}

/// The section of a printer as text, read together with the configuration as the parser does: all mistakes at once.
/// Nothing is changed.
#[utoipa::path(post, path = "/v1/commissioning/configuration", tag = "commissioning", operation_id = "draft_section", request_body = NewSection,
    responses((status = 200, description = "The section, and what is wrong with it", body = SectionView),
        (status = 415, description = "The body is not declared as JSON", body = Problem,
            content_type = "application/problem+json"), Ordered))]
async fn configuration(State(app): State<AppState>, Given(new): Given<NewSection>) -> Json<SectionView> {
    Json(draft(&app, new).await)
}

/// A section and what is wrong with it, for the page as well.
pub(super) async fn draft(app: &AppState, new: NewSection) -> SectionView {
    let base = app.commissioning.text(&app.config).await;
    drafted(&app.config, base.as_deref(), new.into()).0
}

/// What stands in for the configuration where it is no file: its names and ports.
fn stand_in(config: &Config) -> String {
    let mut text = format!("site = \"{}\"\nnode = \"{}\"\n", config.site, config.node);
    for printer in &config.printers {
        let known = Chosen {
            name: printer.name.to_string(),
            port: printer.port.to_string_lossy().into_owned(),
            baud: i64::from(printer.baud.0),
            ..Chosen::default()
        };
        text.push_str(&known.section());
    }
    text
}

/// The section and what speaks against it, and the whole text where nothing does.
fn drafted(config: &Config, base: Option<&str>, chosen: Chosen) -> (SectionView, Option<String>) {
    let section = chosen.section();
    let whole =
        base.map_or_else(|| with_section(&stand_in(config), &section), |base| with_section(base, &section));
    let file = config.file.as_ref().map(|file| file.path.to_string_lossy().into_owned());
    let (mistakes, whole) = match whole {
        Ok(whole) => (Vec::new(), Some(whole)),
        Err(NotAdded::Mistakes { here, elsewhere }) => {
            let elsewhere = elsewhere.into_iter().map(|mistake| MistakeView {
                reason: format!("{} (elsewhere in the configuration)", mistake.reason),
                line: None,
                ..mistake.into()
            });
            (here.into_iter().map(MistakeView::from).chain(elsewhere).collect(), None)
        }
        Err(NotAdded::Unusual) => (vec![unusual()], None),
    };
    let hints = hints(&chosen);
    (SectionView { section, good: whole.is_some(), mistakes, hints, file }, whole)
}

fn unusual() -> MistakeView {
    MistakeView {
        line: None,
        key: "printer".into(),
        value: None,
        reason:
            "the configuration is written in an unusual way, so that a section behind it says something else"
                .into(),
        instead: "put the section there by hand, and ask `platen check`".into(),
    }
}

fn hints(chosen: &Chosen) -> Vec<String> {
    let mut hints = Vec::new();
    if !stays(Path::new(&chosen.port)) {
        hints.push(format!(
            "{} may be another printer's after the next start of the machine; take the name in /dev/serial/by-id or by-path",
            chosen.port
        ));
    }
    let unknown = [
        ("build_x", chosen.build_x.is_none()),
        ("build_y", chosen.build_y.is_none()),
        ("build_height", chosen.build_height.is_none()),
        ("hotend_max", chosen.hotend_max.is_none()),
        ("bed_max", chosen.bed_max.is_none()),
        ("nozzle", chosen.nozzle.is_none()),
        ("filament", chosen.filament.is_none()),
        ("model", chosen.model.is_none()),
    ];
    let unknown: Vec<_> = unknown.iter().filter(|(_, missing)| *missing).map(|(key, _)| *key).collect();
    if !unknown.is_empty() {
        hints
            .push(format!("without {}, the gate cannot refuse files that do not fit it", unknown.join(", ")));
    }
    hints
}

/// Puts the section into the file of the configuration: whole or not at all, and the text before it is kept beside it.
/// Only where the file is as it was when platen read it. A restart takes it on. `saved` is false where it cannot be
/// done; `words` says why, and `section` is the text to put there by hand.
#[utoipa::path(post, path = "/v1/commissioning/save", tag = "commissioning", operation_id = "save_section", request_body = NewSection,
    responses((status = 200, description = "What became of it", body = SavedView),
        (status = 415, description = "The body is not declared as JSON", body = Problem,
            content_type = "application/problem+json"), Ordered))]
async fn save(State(app): State<AppState>, asker: Asker, Given(new): Given<NewSection>) -> Json<SavedView> {
    Json(saved(&app, &asker, new).await)
}

/// A section put into the file, for the page as well.
pub(super) async fn saved(app: &AppState, asker: &Asker, new: NewSection) -> SavedView {
    let base = app.commissioning.text(&app.config).await;
    let (drafted, whole) = drafted(&app.config, base.as_deref(), new.into());
    let saved = match (whole, base) {
        (None, _) => Saved::No("it has mistakes, and nothing was changed".into()),
        (Some(whole), base) => {
            app.commissioning.save(&app.config, &app.clock, base.unwrap_or_default(), whole).await
        }
    };
    let (words, kept) = match saved {
        Saved::Yes { kept } => {
            let who = asker.actor();
            tracing::info!(?who, "a printer's section was put into the configuration");
            let words = "It is in the configuration. Restart platen when no print is hurt by it: the printer is there then.";
            (words.to_owned(), Some(kept.to_string_lossy().into_owned()))
        }
        Saved::No(why) if drafted.good => {
            let words = format!("Not saved: {why}. Put the section at the end of the configuration by hand.");
            (words, None)
        }
        Saved::No(why) => (format!("Not saved: {why}."), None),
    };
    let SectionView { section, good, mistakes, hints, file } = drafted;
    SavedView { section, good, mistakes, hints, file, saved: kept.is_some(), words, kept }
}

impl From<NoTestPrint> for Problem {
    fn from(error: NoTestPrint) -> Self {
        let words = error.to_string();
        let (what, help) = split(&words);
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-test-print", what, help)
    }
}

/// Makes a small print for a printer of the configuration (a square of 20 mm, three layers, within its limits and those
/// of its material), and queues it there as an education case's, which is opened once. It goes through the gate like
/// any file, and waits for a clear bed like any job.
#[utoipa::path(post, path = "/v1/commissioning/test-print", tag = "commissioning", operation_id = "test_print", request_body = TestPrintOrder,
    responses((status = 201, description = "The job that was queued", body = TestPrintView), Changed, Read, Timely))]
async fn print_test(
    State(app): State<AppState>,
    asker: Asker,
    Given(order): Given<TestPrintOrder>,
) -> Result<Response, Problem> {
    let view = test_printed(&app, &asker, order).await?;
    let location = format!("/v1/jobs/{}", view.job);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(view)).into_response())
}

/// A test print that was queued, for the page as well.
pub(super) async fn test_printed(
    app: &AppState,
    asker: &Asker,
    order: TestPrintOrder,
) -> Result<TestPrintView, Problem> {
    let by = lab::person(&asker.by(order.by.as_deref())?)?;
    let printer: PrinterName = order.printer.parse()?;
    known_for(app, &printer, Medium::Filament)?;
    let limits = app.config.printer(&printer).map(|found| limits_of(found, &app.config.gate));
    let material = order.material.map(|material| material.trim().to_owned());
    let material = material
        .or_else(|| app.recorder.read(|lab| loaded(lab, &printer)))
        .unwrap_or_else(|| "PLA".to_owned());
    let made = test_print::make(&limits.unwrap_or_default(), &material)?;
    has_room(app).await?;
    let mut incoming = app.intake.begin().await?;
    if let Err(error) = incoming.write(made.gcode.as_bytes()).await {
        incoming.discard().await;
        return Err(error.into());
    }
    let accepted = app.intake.accept(incoming).await?;
    let _making = app.commissioning.making().await;
    let (case, part, number) = place(app, &printer, &by).await?;
    let_in(app, Some(&case), &material, Words::CanWait).await?;
    let given = FromFile {
        case: case.clone(),
        part: PartRef::Id(part),
        also: Vec::new(),
        file: accepted.file.clone(),
        pinned: Some(printer.clone()),
        material: Some(material.clone()),
        accept: Vec::new(),
        said: Said::default(),
        by: Some(by.clone()),
    };
    // A test print is G-code, and takes nothing of a vat.
    let (new, _) = new_job(app, given).await?;
    let job = new.job.clone();
    app.recorder.submit(Request::QueueCopies(vec![new]), Actor::Person(by)).await?;
    Ok(TestPrintView {
        job: job.to_string(),
        case: case.to_string(),
        part: number,
        file: accepted.file.to_string(),
        material,
        hotend: made.hotend,
        bed: made.bed,
        layers: LAYERS,
        filament_mm: (made.filament * 10.0).round() / 10.0,
        words: format!("queued on {printer}; stay beside it, with a hand near the stop, until it is done"),
    })
}

/// The material of the first lot that is loaded there.
fn loaded(lab: &Lab, printer: &PrinterName) -> Option<String> {
    let mut lots = lab.quality.loaded_on(printer).filter_map(|load| lab.quality.lots.get(&load.lot));
    lots.next().map(|lot| lot.about.material.as_str().to_owned())
}

/// How the parts of commissioning are called; by that their case is found again.
const PART: &str = "test print of ";

/// The part of this printer's test prints, and whether there is a case for those of others.
fn kept(lab: &Lab, name: &PartName) -> (Option<Part>, Option<CaseToken>) {
    let is_open = |case: &CaseToken| {
        let is_ours = lab.cases.get(case).is_some_and(|case| case.intended_use == IntendedUse::Education);
        let state = lab.quality.case_state(case);
        let goes_on = matches!(
            state,
            CaseState::Draft | CaseState::Requested | CaseState::Accepted | CaseState::Designing
        );
        is_ours && goes_on
    };
    let of_tests = || lab.parts.values().filter(|part| part.name.as_str().starts_with(PART));
    let own = of_tests().find(|part| part.name == *name && is_open(&part.case)).cloned();
    (own, of_tests().map(|part| &part.case).find(|case| is_open(case)).cloned())
}

/// The part for this printer's test prints, in the case for all of them.
async fn place(app: &AppState, printer: &PrinterName, by: &str) -> Result<(CaseToken, PartId, u16), Problem> {
    // A printer's name may be longer than a part's: what is cut is told apart by the job's printer.
    let name: String = format!("{PART}{printer}").chars().take(PartName::LONGEST).collect();
    let name = PartName::try_from(name)
        .map_err(|error| Problem::unreadable(error.to_string(), "rename the printer"))?;
    let (own, case) = app.recorder.read(|lab| kept(lab, &name));
    if let Some(part) = own {
        return Ok((part.case, part.id, part.number));
    }
    let actor = || Actor::Person(by.to_owned());
    let case = match case {
        Some(case) => case,
        None => {
            let case = CaseToken::from_entropy(entropy());
            let request = Request::OpenCase { case: case.clone(), intended_use: IntendedUse::Education };
            app.recorder.submit(request, actor()).await?;
            case
        }
    };
    let part = PartId::from_entropy(entropy());
    let request = Request::AddPart { case: case.clone(), part: part.clone(), name };
    app.recorder.submit(request, actor()).await?;
    let wanted = PartRef::Id(part.clone());
    let number = app.recorder.read(|lab| lab.find_part(&case, &wanted).map(|part| part.number))?;
    Ok((case, part, number))
}
