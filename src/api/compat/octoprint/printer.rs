//! The printer: its temperatures, and commands, which go the way of the console.

use axum::Router;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use std::convert::Infallible;

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::printers::consoled;
use super::super::super::problem::Problem;
use super::super::super::stop::stopped;
use super::super::Place;
use super::super::look::{Look, ToStop, is_stop, look};
use super::{Answer, Body, Here, Refused, by, conflict, done, flags, state, unknown_command, wants_2, yes};
use crate::domain::ids::PrinterName;
use crate::domain::moment::Moment;
use crate::domain::people::roles::Permission;
use crate::domain::printer::{Reading, Temperatures};
use crate::gcode::commands::{self, Level};

/// More commands than these nobody types at once.
const COMMANDS_MAX: usize = 20;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/printer", get(show))
        .route("/api/printer/tool", get(tool).post(order_tool))
        .route("/api/printer/bed", get(bed).post(order_bed))
        .route("/api/printer/chamber", get(chamber).post(order_chamber))
        .route("/api/printer/printhead", post(order_head))
        .route("/api/printer/command", post(order))
        .route("/api/printer/command/custom", get(async || yes(json!({"controls": []}))))
        .route("/api/printer/sd", get(async || yes(json!({"ready": false}))).post(no_card))
}

/// What stands behind the `?`; what is odd in it counts as left out.
#[derive(Debug, Default)]
struct Wanted {
    exclude: String,
    history: String,
    limit: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::in_query(&parts.uri))
    }
}

impl Wanted {
    /// Of what is there twice the first counts.
    fn in_query(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
        let first = |wanted: &str| {
            let found = pairs.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self { exclude: first("exclude"), history: first("history"), limit: first("limit") }
    }

    fn has(&self, what: &str) -> bool {
        !self.exclude.split(',').any(|excluded| excluded.trim() == what)
    }

    /// How many readings of before are wanted. Only the last one is kept.
    fn history(&self) -> Option<usize> {
        let is_wanted = super::super::receive::is_yes(&self.history);
        is_wanted.then(|| self.limit.parse().unwrap_or(usize::MAX))
    }
}

fn heater(reading: &Reading, is_old: bool) -> Value {
    // An old reading says nothing of now.
    let actual = if is_old { Value::Null } else { json!(reading.actual.0) };
    json!({"actual": actual, "target": reading.target.map(|target| target.0), "offset": 0})
}

/// `tool0`, `bed` and `chamber`, as far as the firmware tells of them.
pub(super) fn temperatures(all: &Temperatures, now: Moment) -> Map<String, Value> {
    let is_old = all.old_since(now).is_some();
    let each = [("tool0", all.hotend), ("bed", all.bed), ("chamber", all.chamber)];
    each.into_iter().filter_map(|(name, it)| Some((name.to_owned(), heater(&it?, is_old)))).collect()
}

/// One entry of a history: when, and what.
pub(super) fn entry(heaters: &Map<String, Value>, seconds: u64) -> Value {
    let mut entry = Map::from_iter([("time".to_owned(), json!(seconds))]);
    for (name, heater) in heaters {
        entry.insert(name.clone(), json!({"actual": heater["actual"], "target": heater["target"]}));
    }
    entry.into()
}

pub(super) fn heaters(app: &AppState, look: &Look) -> Map<String, Value> {
    let snapshot = look.snapshot.as_ref();
    snapshot.map(|snapshot| temperatures(&snapshot.temperatures, app.clock.now())).unwrap_or_default()
}

/// The state as `/api/printer` and the stream tell it.
pub(super) fn state_of(look: &Look) -> Value {
    let (id, text) = state(look.doing, &look.words);
    json!({"text": text, "flags": flags(look.doing), "error": if id == "ERROR" { look.words.as_str() } else { "" }})
}

fn operational(look: &Look) -> Result<(), Problem> {
    if look.doing.is_operational() {
        return Ok(());
    }
    Err(conflict(
        &format!("the printer is not operational: {}", look.words),
        "see to it at the printer; `platen printers` shows what is so now",
    ))
}

/// With the history where it is wanted.
fn with_history(app: &AppState, mut heaters: Map<String, Value>, wanted: &Wanted) -> Map<String, Value> {
    if let Some(limit) = wanted.history() {
        let last = entry(&heaters, app.clock.wall().0 / 1_000);
        let all: Vec<_> = std::iter::once(last).filter(|_| !heaters.is_empty()).take(limit).collect();
        heaters.insert("history".into(), all.into());
    }
    heaters
}

async fn show(State(app): State<AppState>, Here(place): Here, wanted: Wanted, headers: HeaderMap) -> Answer {
    let look = look(&app, &place);
    operational(&look)?;
    let mut answer = Map::new();
    let all = heaters(&app, &look);
    // PrusaLink's programs look for it here.
    let of = |name: &str, what: &str| all.get(name).map_or(Value::Null, |heater| heater[what].clone());
    let telemetry = json!({
        "temp-nozzle": of("tool0", "actual"),
        "temp-bed": of("bed", "actual"),
        "target-nozzle": of("tool0", "target"),
        "target-bed": of("bed", "target"),
        "material": " - ",
    });
    answer.insert("telemetry".into(), telemetry);
    if wanted.has("temperature") {
        answer.insert("temperature".into(), with_history(&app, all, &wanted).into());
    }
    let storage = if wants_2(&headers) { "storage" } else { "sd" };
    if wanted.has(storage) {
        answer.insert(storage.into(), json!({"ready": false}));
    }
    if wanted.has("state") {
        answer.insert("state".into(), state_of(&look));
    }
    yes(answer.into())
}

/// One kind of heater; a conflict where the printer has none.
fn only(app: &AppState, place: &Place, wanted: &Wanted, name: &str) -> Answer {
    let look = look(app, place);
    operational(&look)?;
    let heater = heaters(app, &look).remove_entry(name);
    match heater {
        Some(heater) => yes(with_history(app, Map::from_iter([heater]), wanted).into()),
        None => {
            Err(conflict(&format!("the printer tells of no {name}"), "see what it has in GET /api/printer")
                .into())
        }
    }
}

async fn tool(State(app): State<AppState>, Here(place): Here, wanted: Wanted) -> Answer {
    only(&app, &place, &wanted, "tool0")
}

async fn bed(State(app): State<AppState>, Here(place): Here, wanted: Wanted) -> Answer {
    only(&app, &place, &wanted, "bed")
}

async fn chamber(State(app): State<AppState>, Here(place): Here, wanted: Wanted) -> Answer {
    only(&app, &place, &wanted, "chamber")
}

/// Sends commands as the console does, all of them or none: each is judged before the first is sent.
async fn send(app: &AppState, asker: &Asker, place: &Place, lines: &[String]) -> Answer {
    asker.may(Permission::Console)?;
    let printer = its_printer(place)?;
    if lines.len() > COMMANDS_MAX {
        let detail = format!("more than {COMMANDS_MAX} commands were sent at once");
        return Err(Problem::unreadable(detail, "a print is a file: send it to /api/files/local").into());
    }
    operational(&look(app, place))?;
    let (level, allowed) = app
        .config
        .printer(printer)
        .map_or((Level::Off, &[][..]), |printer| (printer.console, printer.allow_commands.as_slice()));
    for line in lines {
        commands::on_console(line.trim().as_bytes(), level, allowed).map_err(not_sent)?;
    }
    let by = by(asker)?;
    for line in lines {
        consoled(app, printer, line, &by).await?;
    }
    done()
}

/// Programs know that something is not possible now, and that it is not allowed; no more.
fn not_sent(error: commands::NotSent) -> Problem {
    let mut problem = Problem::from(error);
    if problem.status == StatusCode::UNPROCESSABLE_ENTITY.as_u16() {
        problem.status = StatusCode::CONFLICT.as_u16();
    }
    problem
}

fn its_printer(place: &Place) -> Result<&PrinterName, Problem> {
    place.printer.as_ref().ok_or_else(|| {
        conflict(
            "the shared queue has no heaters, no head and no port",
            "send it to a printer's own address, /p/<printer>",
        )
    })
}

/// A number as firmwares read it.
fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn missing(what: &str) -> Refused {
    Problem::unreadable(
        format!("\"{what}\" is missing, or is not what it should be"),
        "look into OctoPrint's documentation",
    )
    .into()
}

/// platen sends what a file says, and adds nothing.
fn no_offset() -> Refused {
    conflict(
        "temperatures are not offset: a file is printed as it is",
        "have the file sliced with the temperature that you want",
    )
    .into()
}

fn tool_lines(body: &Body) -> Result<Vec<String>, Refused> {
    let is_first = |tool: &str| if tool == "tool0" { Ok(()) } else { Err(missing("tool0")) };
    match body.command() {
        "target" => {
            let targets =
                body.0.get("targets").and_then(Value::as_object).ok_or_else(|| missing("targets"))?;
            let each = targets.iter().map(|(tool, target)| {
                is_first(tool)?;
                Ok(format!("M104 S{}", plain(target.as_f64().ok_or_else(|| missing("targets"))?)))
            });
            each.collect()
        }
        "select" => is_first(body.text("tool").unwrap_or_default()).map(|()| Vec::new()),
        "extrude" | "flowrate" => Err(only_in_files()),
        "offset" => Err(no_offset()),
        other => Err(unknown_command(other, "target, offset, select, extrude, flowrate")),
    }
}

/// No console takes moves or factors, whatever its level.
fn only_in_files() -> Refused {
    conflict(
        "platen moves no axis and no filament, and changes no speed or flow, but as a file says",
        "use the printer's own panel; docs/commands.md lists what POST /v1/printers/{name}/console sends",
    )
    .into()
}

fn heat_lines(body: &Body, code: &str) -> Result<Vec<String>, Refused> {
    match body.command() {
        "target" => {
            Ok(vec![format!("{code} S{}", plain(body.number("target").ok_or_else(|| missing("target"))?))])
        }
        "offset" => Err(no_offset()),
        other => Err(unknown_command(other, "target, offset")),
    }
}

fn head_lines(body: &Body) -> Result<Vec<String>, Refused> {
    match body.command() {
        "jog" | "feedrate" => Err(only_in_files()),
        "home" => {
            let axes = body.0.get("axes").and_then(Value::as_array).ok_or_else(|| missing("axes"))?;
            let mut line = String::from("G28");
            for axis in axes {
                let axis = axis.as_str().filter(|axis| ["x", "y", "z"].contains(axis));
                line.push_str(&format!(" {}", axis.ok_or_else(|| missing("axes"))?.to_ascii_uppercase()));
            }
            Ok(vec![line])
        }
        other => Err(unknown_command(other, "jog, home, feedrate")),
    }
}

async fn order_tool(State(app): State<AppState>, asker: Asker, Here(place): Here, body: Body) -> Answer {
    send(&app, &asker, &place, &tool_lines(&body)?).await
}

async fn order_bed(State(app): State<AppState>, asker: Asker, Here(place): Here, body: Body) -> Answer {
    send(&app, &asker, &place, &heat_lines(&body, "M140")?).await
}

async fn order_chamber(State(app): State<AppState>, asker: Asker, Here(place): Here, body: Body) -> Answer {
    send(&app, &asker, &place, &heat_lines(&body, "M141")?).await
}

async fn order_head(State(app): State<AppState>, asker: Asker, Here(place): Here, body: Body) -> Answer {
    send(&app, &asker, &place, &head_lines(&body)?).await
}

/// One command, or several.
fn lines(body: &Body) -> Result<Vec<String>, Refused> {
    if let Some(command) = body.text("command") {
        return Ok(vec![command.to_owned()]);
    }
    let all = body.0.get("commands").and_then(Value::as_array).ok_or_else(|| missing("command"))?;
    all.iter().map(|line| line.as_str().map(str::to_owned).ok_or_else(|| missing("commands"))).collect()
}

async fn order(
    State(app): State<AppState>,
    asker: Asker,
    place: Result<Here, Refused>,
    to_stop: Result<ToStop, Problem>,
    body: Body,
) -> Answer {
    let lines = lines(&body)?;
    // A stop is a stop, whatever stands beside it, and goes to the printer before anything else.
    if lines.iter().any(|text| text.lines().any(is_stop)) {
        // At the shared queue, all of them.
        let printer = to_stop?.0.printer;
        let told = stopped(&app, printer.as_ref(), asker.stops_as(None).as_deref()).await?;
        let not: Vec<_> = told.iter().filter(|one| !one.on_wire).map(|one| one.printer.as_str()).collect();
        if not.is_empty() {
            return done();
        }
        let detail = format!("the stop is not on the wire of {}: the port is not open", not.join(", "));
        let help = "it stays stopped until a person clears it; switch it off by hand if it still moves";
        return Err(conflict(&detail, help).into());
    }
    let Here(place) = place?;
    send(&app, &asker, &place, &lines).await
}

async fn no_card() -> Answer {
    Err(conflict("platen does not print from a printer's card", "send the file to /api/files/local").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Celsius;

    fn body(value: Value) -> Body {
        let Value::Object(map) = value else { panic!("{value}") };
        Body(map)
    }

    #[test]
    fn commands_of_heaters_and_head_become_lines() {
        let tool = |value: Value| tool_lines(&body(value)).ok();
        let head = |value: Value| head_lines(&body(value)).ok();
        let some = |lines: &[&str]| Some(lines.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(tool(json!({"command": "target", "targets": {"tool0": 220}})), some(&["M104 S220"]));
        assert_eq!(tool(json!({"command": "target", "targets": {"tool0": 0.0}})), some(&["M104 S0"]));
        assert_eq!(tool(json!({"command": "target", "targets": {"tool1": 220}})), None);
        assert_eq!(tool(json!({"command": "target", "targets": {"tool0": "220"}})), None);
        assert_eq!(tool(json!({"command": "select", "tool": "tool0"})), some(&[]));
        assert_eq!(tool(json!({"command": "offset", "offsets": {"tool0": 5}})), None);
        assert_eq!(
            heat_lines(&body(json!({"command": "target", "target": 60.5})), "M140").ok(),
            some(&["M140 S60.5"])
        );
        assert_eq!(head(json!({"command": "home", "axes": ["x", "y"]})), some(&["G28 X Y"]));
        assert_eq!(head(json!({"command": "home", "axes": ["x; M112"]})), None);
        assert_eq!(head(json!({"command": "dance"})), None);
    }

    #[test]
    fn what_no_console_takes_is_refused_at_once() {
        let status =
            |refused: Result<Vec<String>, Refused>| refused.map_err(|Refused(problem)| problem.status);
        for command in ["extrude", "flowrate"] {
            assert_eq!(status(tool_lines(&body(json!({"command": command})))), Err(409), "{command}");
        }
        for command in ["jog", "feedrate"] {
            assert_eq!(status(head_lines(&body(json!({"command": command, "x": 1})))), Err(409), "{command}");
        }
        for line in ["G1 X1", "G91", "M83", "M220 S90", "M221 S90"] {
            assert!(commands::on_console(line.as_bytes(), Level::Service, &[]).is_err(), "{line}");
        }
    }

    #[test]
    fn a_query_that_says_something_twice_is_read_all_the_same() {
        let read = |uri: &'static str| Wanted::in_query(&Uri::from_static(uri));
        let twice = read("/api/printer?exclude=sd&exclude=state&history=true&x=1");
        assert!(!twice.has("sd") && twice.has("state") && twice.history() == Some(usize::MAX));
        assert!(read("/api/printer?%ff=%").has("sd") && read("/api/printer").history().is_none());
    }

    #[test]
    fn temperatures_are_of_now_or_null() {
        let reading =
            |actual, target| Some(Reading { actual: Celsius(actual), target: Some(Celsius(target)) });
        let all = Temperatures {
            hotend: reading(214.9, 215.0),
            bed: reading(60.1, 60.0),
            chamber: None,
            at: Some(Moment::from_millis(1_000)),
        };
        let told = temperatures(&all, Moment::from_millis(2_000));
        assert_eq!(told["tool0"], json!({"actual": 214.9, "target": 215.0, "offset": 0}));
        assert_eq!(told.keys().cloned().collect::<Vec<_>>(), ["bed", "tool0"]);
        let old = temperatures(&all, Moment::from_millis(60_000));
        assert_eq!(old["bed"], json!({"actual": null, "target": 60.0, "offset": 0}));
        let entry = entry(&told, 7);
        assert_eq!(entry["bed"], json!({"actual": 60.1, "target": 60.0}));
        assert_eq!(entry["time"], 7);
    }

    #[test]
    fn a_history_is_given_only_where_it_is_asked_for() {
        let wanted = |exclude: &str, history: &str, limit: &str| Wanted {
            exclude: exclude.into(),
            history: history.into(),
            limit: limit.into(),
        };
        assert_eq!(wanted("", "", "").history(), None);
        assert_eq!(wanted("", "true", "2").history(), Some(2));
        assert_eq!(wanted("", "yes", "x").history(), Some(usize::MAX));
        let some = wanted("sd, state", "", "");
        assert!(some.has("temperature") && !some.has("sd") && !some.has("state"));
    }
}
