//! What a program asks before it sends anything: which host this is, who asks, and what the printer is like.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::super::AppState;
use super::super::super::door::Asker;
use super::super::super::problem::Problem;
use super::super::look::look;
use super::super::{API_KEY, Place};
use super::{Answer, Body, Here, SOMEBODY, done, state, unknown_command, wants_2, yes};
use crate::config::Build;
use crate::domain::ids::hex;
use crate::domain::people::roles::Permission;

/// The OctoPrint whose answers these are; programs take it apart at its dots.
pub(super) const VERSION: &str = "1.11.6";

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/version", get(version))
        .route("/api/server", get(server))
        .route("/api/currentuser", get(current_user))
        .route("/api/login", post(login))
        .route("/api/logout", post(async || done()))
        .route("/api/connection", get(connection).post(connect))
        .route("/api/settings", get(settings))
        .route("/api/printerprofiles", get(profiles))
        .route("/api/printerprofiles/{profile}", get(one_profile))
        .route("/api/system/commands", get(async || yes(json!({"core": [], "plugin": [], "custom": []}))))
        .route("/api/system/commands/{source}", get(async || yes(json!([]))))
        .route("/api/system/commands/{source}/{action}", post(no_system_command))
        .route(
            "/api/timelapse",
            get(async || yes(json!({"config": {"type": "off"}, "enabled": false, "files": []}))),
        )
        .route("/api/languages", get(async || yes(json!({"language_packs": {}}))))
        .route("/api/slicing", get(async || yes(json!({}))))
}

pub(super) fn display_version() -> String {
    format!("OctoPrint {VERSION} (platen {})", env!("CARGO_PKG_VERSION"))
}

/// Home Assistant's PrusaLink takes nothing older than 2.0.0; it shows a digest, or, where it need not, what fetches
/// for it.
fn is_prusalink(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let digest =
        text(header::AUTHORIZATION).get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest "));
    digest
        || text(header::USER_AGENT).contains("httpx/")
        || text(header::USER_AGENT).starts_with("python-httpx")
}

async fn version(State(app): State<AppState>, Here(place): Here, headers: HeaderMap) -> Answer {
    let api = if is_prusalink(&headers) { "2.0.0" } else { "0.1" };
    let mut told = json!({
        "server": VERSION,
        "text": display_version(),
        "hostname": place.host_name(&app),
        "capabilities": {"upload-by-put": true},
    });
    if !wants_2(&headers) {
        told["api"] = json!(api);
    }
    yes(told)
}

async fn server(Here(_): Here) -> Answer {
    yes(json!({"version": VERSION, "safemode": null}))
}

/// What somebody may do, in OctoPrint's words.
fn permissions(asker: &Asker) -> Vec<&'static str> {
    let table: [(Permission, &[&str]); 6] = [
        (Permission::Look, &["STATUS", "CONNECTION", "SETTINGS_READ", "FILES_LIST", "FILES_DOWNLOAD"]),
        (Permission::Upload, &["FILES_UPLOAD"]),
        (Permission::Queue, &["FILES_SELECT", "FILES_DELETE"]),
        (Permission::PauseJob, &["PRINT"]),
        (Permission::Console, &["CONTROL"]),
        (Permission::ReadAudit, &["SYSTEM_READ"]),
    ];
    let allowed = table.iter().filter(|(permission, _)| asker.may(*permission).is_ok());
    allowed.flat_map(|(_, words)| words.iter().copied()).collect()
}

async fn current_user(asker: Asker) -> Answer {
    let name = asker.name().unwrap_or(SOMEBODY);
    yes(json!({"name": name, "groups": ["users"], "permissions": permissions(&asker)}))
}

/// Only keys: a password of platen's goes to platen's own page, and to nothing that resends it.
async fn login(State(app): State<AppState>, asker: Asker, headers: HeaderMap, body: Body) -> Answer {
    if body.text("user").is_some() || body.text("pass").is_some() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "keys-only",
            "passwords are not taken here",
            "send an API key in X-Api-Key: `platen users tokens issue` makes one, or let the program ask for one",
        )
        .into());
    }
    let (name, session) = match &asker {
        Asker::Known(who) => (who.name.to_string(), app.app_keys.ticket(who, app.clock.now())),
        Asker::Everybody => (SOMEBODY.into(), "open".into()),
        Asker::Stranger => {
            let what = if headers.contains_key(API_KEY) {
                "the API key is not known"
            } else {
                "no API key was sent"
            };
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "not-signed-in",
                what,
                "send an API key in X-Api-Key",
            )
            .into());
        }
    };
    yes(json!({
        "name": name,
        "session": session,
        "active": true,
        "admin": false,
        "user": true,
        "apikey": null,
        "groups": ["users"],
        "roles": ["user"],
        "needs": {"group": ["users"], "role": []},
        "permissions": permissions(&asker),
        "settings": {},
        "_is_external_client": true,
        "_login_mechanism": "apikey",
    }))
}

/// Where a printer is, as programs see it: its port's path is this machine's own business.
fn port(place: &Place) -> Value {
    place.printer.as_ref().map_or(Value::Null, |name| json!(name.as_str()))
}

fn profile_name(place: &Place) -> String {
    place.printer.as_ref().map_or_else(|| "shared queue".to_owned(), ToString::to_string)
}

async fn connection(State(app): State<AppState>, Here(place): Here) -> Answer {
    let look = look(&app, &place);
    let (_, text) = state(look.doing, &look.words);
    let printer = place.printer.as_ref().and_then(|name| app.config.printer(name));
    let baud = printer.map_or(Value::Null, |printer| json!(printer.baud.0));
    let open = look.doing.is_operational();
    let or_null = |value: Value| if open { value } else { Value::Null };
    let list = |value: &Value| if value.is_null() { json!([]) } else { json!([value]) };
    let port = port(&place);
    yes(json!({
        "current": {
            "state": text,
            "port": or_null(port.clone()),
            "baudrate": or_null(baud.clone()),
            "printerProfile": "_default",
        },
        "options": {
            "ports": list(&port),
            "baudrates": list(&baud),
            "printerProfiles": [{"id": "_default", "name": profile_name(&place)}],
            "portPreference": port,
            "baudratePreference": baud,
            "printerProfilePreference": "_default",
            "autoconnect": true,
        },
        "platen": "platen holds the port itself and opens it again by itself: connect and disconnect change nothing",
    }))
}

async fn connect(Here(_): Here, body: Body) -> Answer {
    match body.command() {
        "connect" | "disconnect" | "fake_ack" => done(),
        other => Err(unknown_command(other, "connect, disconnect, fake_ack")),
    }
}

/// The same for ever, and another one for each printer of each site.
fn stable_id(app: &AppState, place: &Place) -> String {
    let mut hasher = Sha256::new();
    let printer = place.printer.as_ref().map(ToString::to_string).unwrap_or_default();
    for word in ["octoprint", &app.config.site.to_string(), &app.config.node.to_string(), &printer] {
        hasher.update(word);
        hasher.update([0]);
    }
    uuid(&hex(&hasher.finalize()))
}

/// The first 32 digits as a UUID is written.
fn uuid(digits: &str) -> String {
    let piece = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [piece(0, 8), piece(8, 12), piece(12, 16), piece(16, 20), piece(20, 32)].join("-")
}

async fn settings(State(app): State<AppState>, Here(place): Here) -> Answer {
    let id = stable_id(&app, &place);
    yes(json!({
        "api": {"allowCrossOrigin": false},
        "appearance": {"name": profile_name(&place), "color": "default"},
        "feature": {"sdSupport": false, "temperatureGraph": true, "modelSizeDetection": false},
        "temperature": {"profiles": [], "cutoff": 30, "sendAutomatically": false},
        "webcam": {
            "webcamEnabled": false,
            "timelapseEnabled": false,
            "streamUrl": "",
            "snapshotUrl": "",
            "snapshotSslValidation": true,
            "streamRatio": "16:9",
            "bitrate": "10000k",
            "flipH": false,
            "flipV": false,
            "rotate90": false,
        },
        "plugins": {
            "discovery": {
                "upnpUuid": id,
                "publicHost": null,
                "publicPort": null,
                "httpUsername": null,
                "httpPassword": null,
            },
            "tracking": {"unique_id": id, "enabled": false},
        },
    }))
}

/// A printer's profile. What the configuration does not say of it is not known, and null.
fn profile(name: &str, model: Option<&str>, build: &Build, has_chamber: bool) -> Value {
    let span = |ends: Option<(i16, i16)>| ends.map(|(low, high)| i32::from(high) - i32::from(low));
    let centred = |ends: Option<(i16, i16)>| ends.is_some_and(|(low, _)| low < 0);
    let origin = if centred(build.x) && centred(build.y) { "center" } else { "lowerleft" };
    let axis = json!({"speed": 6000, "inverted": false});
    json!({
        "id": "_default",
        "name": name,
        "model": model.unwrap_or("printer"),
        "color": "default",
        "default": true,
        "current": true,
        "heatedBed": true,
        "heatedChamber": has_chamber,
        "volume": {
            "formFactor": "rectangular",
            "origin": origin,
            "width": span(build.x),
            "depth": span(build.y),
            "height": build.height,
            "custom_box": false,
        },
        "extruder": {
            "count": 1,
            "nozzleDiameter": build.nozzle.map(|nozzle| nozzle.mm()),
            "sharedNozzle": false,
            "offsets": [[0.0, 0.0]],
        },
        "axes": {"x": axis, "y": axis, "z": axis, "e": axis},
    })
}

fn profile_of(app: &AppState, place: &Place) -> Value {
    let printer = place.printer.as_ref().and_then(|name| app.config.printer(name));
    let has_chamber =
        look(app, place).snapshot.is_some_and(|snapshot| snapshot.temperatures.chamber.is_some());
    match printer {
        Some(printer) => {
            profile(printer.name.as_str(), printer.model.as_deref(), &printer.build, has_chamber)
        }
        None => profile("shared queue", None, &Build::default(), false),
    }
}

async fn profiles(State(app): State<AppState>, Here(place): Here) -> Answer {
    yes(json!({"profiles": {"_default": profile_of(&app, &place)}}))
}

async fn one_profile(State(app): State<AppState>, Here(place): Here, path: super::InPath) -> Answer {
    match path.get("profile") {
        "_default" => yes(profile_of(&app, &place)),
        _ => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-profile",
            "there is no such profile",
            "each printer has one, named _default",
        )
        .into()),
    }
}

async fn no_system_command() -> Answer {
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-command",
        "no command of the machine is run from here",
        "platen is started and stopped by whoever keeps the machine",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Height;

    #[test]
    fn a_profile_is_what_the_configuration_says_and_null_where_it_says_nothing() {
        let build = Build {
            x: Some((0, 250)),
            y: Some((-4, 210)),
            height: Some(210),
            nozzle: Height::from_mm(0.4),
            ..Build::default()
        };
        let told = profile("mk3-01", Some("MK3S+"), &build, false);
        assert_eq!((&told["volume"]["width"], &told["volume"]["depth"]), (&json!(250), &json!(214)));
        assert_eq!(
            (&told["volume"]["height"], &told["volume"]["origin"]),
            (&json!(210), &json!("lowerleft"))
        );
        assert_eq!((&told["extruder"]["nozzleDiameter"], &told["model"]), (&json!(0.4), &json!("MK3S+")));
        let bare = profile("x", None, &Build::default(), true);
        assert_eq!((&bare["volume"]["width"], &bare["heatedChamber"]), (&Value::Null, &json!(true)));
        let delta = Build { x: Some((-90, 90)), y: Some((-90, 90)), ..Build::default() };
        assert_eq!(profile("d", None, &delta, false)["volume"]["origin"], "center");
    }

    #[test]
    fn a_version_is_made_of_numbers_and_its_text_begins_as_slicers_want_it() {
        assert!(VERSION.split('.').all(|number| number.parse::<u32>().is_ok()));
        assert!(display_version().starts_with("OctoPrint 1.11."));
    }

    #[test]
    fn a_prusalink_program_is_known_by_its_digest_or_by_what_fetches_for_it() {
        for (name, value, is) in [
            (header::AUTHORIZATION, "Digest username=\"maker\"", true),
            (header::AUTHORIZATION, "Bearer platen_1", false),
            (header::USER_AGENT, "python-httpx/0.28.1", true),
            (header::USER_AGENT, "HomeAssistant/2026.11 httpx/0.28.1 Python/3.14", true),
            (header::USER_AGENT, "HomeAssistant/2026.11 aiohttp/3.11 Python/3.14", false),
            (header::USER_AGENT, "PrusaSlicer/2.9", false),
        ] {
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            assert_eq!(is_prusalink(&headers), is, "{value}");
        }
    }

    #[test]
    fn an_id_is_written_as_a_uuid() {
        assert_eq!(uuid("00112233445566778899aabbccddeeff"), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
