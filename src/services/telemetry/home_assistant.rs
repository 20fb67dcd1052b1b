//! What Home Assistant is told so that it finds every printer by itself: one retained message a printer, in the
//! form that describes a whole device.
//!
//! Every template names fields that the schemas in `docs/mqtt` have, and says `none` (unknown) where one is absent.

use std::collections::BTreeMap;

use serde::Serialize;

use super::message::Origin;
use crate::config::HomeAssistant;
use crate::domain::ids::PrinterName;
use crate::domain::printer::Activity;
use crate::io::mqtt::{Delivery, Message};

/// Whom the device came from, as Home Assistant shows it; the address is that of the schemas.
const URL: &str = "https://platen.example/";
/// Telemetry comes once a second while the printer is there: without it for so long, a temperature is no longer known.
const EXPIRES_S: u32 = 60;
const AVAILABLE: &str = "{{ 'online' if value_json.data.state == 'online' else 'offline' }}";
/// Key, what people read, and whether it is shown before somebody asks for it: most printers have no chamber.
const HEATERS: [(&str, &str, bool); 3] =
    [("hotend", "Nozzle", true), ("bed", "Bed", true), ("chamber", "Chamber", false)];

/// The whole message, with the short keys of Home Assistant.
#[derive(Serialize)]
struct Device<'a> {
    dev: Described<'a>,
    o: By,
    avty: [Availability; 1],
    /// Where an entity does not say another.
    stat_t: String,
    qos: u8,
    cmps: BTreeMap<String, Entity>,
}

#[derive(Serialize)]
struct Described<'a> {
    ids: [&'a str; 1],
    name: &'a PrinterName,
    mf: &'static str,
    mdl: &'static str,
    /// `configuration_url`: where the page is.
    #[serde(skip_serializing_if = "Option::is_none")]
    cu: Option<&'a str>,
}

#[derive(Serialize)]
struct By {
    name: &'static str,
    sw: &'static str,
    url: &'static str,
}

#[derive(Serialize)]
struct Availability {
    t: String,
    val_tpl: &'static str,
    pl_avail: &'static str,
    pl_not_avail: &'static str,
}

#[derive(Default, Serialize)]
struct Entity {
    p: &'static str,
    unique_id: String,
    name: String,
    val_tpl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stat_t: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev_cla: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_of_meas: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stat_cla: Option<&'static str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    ops: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    ent_cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp_aft: Option<u32>,
    /// Absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<bool>,
}

/// One printer as a device below the prefix; the same bytes whenever it is built again.
pub fn discovery(origin: &Origin, told: &HomeAssistant, printer: &PrinterName) -> Message {
    let prefix = &told.prefix;
    let id = format!("platen_{}_{}_{printer}", origin.site, origin.node);
    let telemetry = origin.node_topic(&format!("printer/{printer}/telemetry"));
    let mut cmps = entities(&telemetry);
    for (key, entity) in &mut cmps {
        entity.unique_id = format!("{id}_{key}");
    }
    let device = Device {
        dev: Described { ids: [&id], name: printer, mf: "platen", mdl: "printer", cu: told.page.as_deref() },
        o: By { name: "platen", sw: env!("CARGO_PKG_VERSION"), url: URL },
        avty: [Availability {
            t: origin.node_topic("state"),
            val_tpl: AVAILABLE,
            pl_avail: "online",
            pl_not_avail: "offline",
        }],
        stat_t: origin.node_topic(&format!("printer/{printer}/status")),
        qos: 1,
        cmps,
    };
    Message {
        topic: format!("{prefix}/device/{id}/config"),
        // Serialising to a Vec fails only for maps with non-string keys, of which there are none.
        payload: serde_json::to_vec(&device).unwrap_or_default(),
        delivery: Delivery::AtLeastOnce,
        retain: true,
    }
}

fn entities(telemetry: &str) -> BTreeMap<String, Entity> {
    let mut all = BTreeMap::new();
    for (heater, name, shown) in HEATERS {
        for target in [false, true] {
            all.insert(
                format!("{heater}{}", if target { "_target" } else { "" }),
                Entity {
                    p: "sensor",
                    name: format!("{name}{}", if target { " target" } else { "" }),
                    val_tpl: if target { target_of(heater) } else { actual_of(heater) },
                    stat_t: Some(telemetry.to_owned()),
                    dev_cla: Some("temperature"),
                    unit_of_meas: Some("°C"),
                    stat_cla: Some("measurement"),
                    exp_aft: Some(EXPIRES_S),
                    en: (!shown).then_some(false),
                    ..Entity::default()
                },
            );
        }
    }
    let state = Entity {
        p: "sensor",
        name: "State".into(),
        val_tpl: "{{ value_json.data.activity }}".into(),
        dev_cla: Some("enum"),
        ops: &Activity::WORDS,
        ..Entity::default()
    };
    let progress = Entity {
        p: "sensor",
        name: "Progress".into(),
        val_tpl: "{{ value_json.data.progress.percent if value_json.data.progress is defined else none }}"
            .into(),
        unit_of_meas: Some("%"),
        stat_cla: Some("measurement"),
        ..Entity::default()
    };
    all.extend([("state".to_owned(), state), ("progress".to_owned(), progress)]);
    let yes = [
        (
            "problem",
            "Problem",
            "value_json.data.latch is defined or value_json.data.activity in ['stopped', 'faulted', 'quarantined']",
            Some("problem"),
            None,
        ),
        ("bed_occupied", "Bed occupied", "value_json.data.bed.state == 'occupied'", Some("occupancy"), None),
        ("needs_person", "Waits for a person", "value_json.data.needs_person is defined", None, None),
        (
            "connectivity",
            "Connected",
            "value_json.data.activity not in ['offline', 'connecting']",
            Some("connectivity"),
            Some("diagnostic"),
        ),
    ];
    for (key, name, when, dev_cla, ent_cat) in yes {
        let val_tpl = format!("{{{{ 'ON' if {when} else 'OFF' }}}}");
        let entity =
            Entity { p: "binary_sensor", name: name.into(), val_tpl, dev_cla, ent_cat, ..Entity::default() };
        all.insert(key.to_owned(), entity);
    }
    all
}

fn actual_of(heater: &str) -> String {
    format!("{READINGS}{{{{ t.{heater}.actual if t.{heater} is defined and {FRESH} else none }}}}")
}

/// The heater is asked for first: a field of what is not defined is an error in a template.
fn target_of(heater: &str) -> String {
    format!(
        "{READINGS}{{{{ t.{heater}.target if t.{heater} is defined and t.{heater}.target is defined and {FRESH} \
         else none }}}}"
    )
}

const READINGS: &str = "{% set t = value_json.data.temperatures %}";
/// Telemetry tells the last reading again as long as there is no other, with the time that it is from.
const FRESH: &str = "value_json.mono_ms - t.mono_ms < 60000";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::telemetry::message::PAYLOAD_MAX;
    use serde_json::{Value, json};

    fn built(origin: &Origin, prefix: &str, printer: &str) -> (Message, Value) {
        let message = discovery(origin, &HomeAssistant::from(prefix), &printer.parse().unwrap());
        let json = serde_json::from_slice(&message.payload).unwrap();
        (message, json)
    }

    fn here() -> (Message, Value) {
        let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
        built(&origin, "homeassistant", "mk3-07")
    }

    fn schema(name: &str) -> Value {
        let path = format!("{}/docs/mqtt/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// What a schema says of one field, through references to the envelope.
    fn field<'s>(schema: &'s Value, envelope: &'s Value, path: &[&str]) -> Option<&'s Value> {
        let said = schema["$ref"].as_str().and_then(|place| place.split_once('#'));
        let schema = said.map_or(Some(schema), |(_, pointer)| envelope.pointer(pointer))?;
        let [first, rest @ ..] = path else { return Some(schema) };
        field(schema.get("properties")?.get(first)?, envelope, rest)
    }

    fn paths(template: &str) -> Vec<Vec<&str>> {
        let end = |c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c);
        let named = template.split("value_json.").skip(1);
        named.map(|rest| rest.split(end).next().unwrap().split('.').collect()).collect()
    }

    #[test]
    fn a_printer_is_a_device_with_these_entities_and_no_other() {
        let (message, json) = here();
        assert_eq!(message.topic, "homeassistant/device/platen_st-anna_lab-1_mk3-07/config");
        assert!(message.retain && message.delivery == Delivery::AtLeastOnce);
        let id = "platen_st-anna_lab-1_mk3-07";
        let base = "platen/v1/st-anna/lab-1";
        let heat = |key: &str, name: &str, template: &str| {
            json!({
                "p": "sensor", "unique_id": format!("{id}_{key}"), "name": name, "val_tpl": template,
                "stat_t": format!("{base}/printer/mk3-07/telemetry"), "dev_cla": "temperature",
                "unit_of_meas": "°C", "stat_cla": "measurement", "exp_aft": 60,
            })
        };
        let chamber = |key: &str, name: &str, template: &str| {
            let mut entity = heat(key, name, template);
            entity["en"] = json!(false);
            entity
        };
        let yes = |key: &str, name: &str, template: &str, class: &str| {
            json!({
                "p": "binary_sensor", "unique_id": format!("{id}_{key}"), "name": name, "val_tpl": template,
                "dev_cla": class,
            })
        };
        let mut connectivity = yes(
            "connectivity",
            "Connected",
            "{{ 'ON' if value_json.data.activity not in ['offline', 'connecting'] else 'OFF' }}",
            "connectivity",
        );
        connectivity["ent_cat"] = json!("diagnostic");
        let wanted = json!({
            "dev": {"ids": [id], "name": "mk3-07", "mf": "platen", "mdl": "printer"},
            "o": {"name": "platen", "sw": env!("CARGO_PKG_VERSION"), "url": "https://platen.example/"},
            "avty": [{
                "t": format!("{base}/state"),
                "val_tpl": "{{ 'online' if value_json.data.state == 'online' else 'offline' }}",
                "pl_avail": "online", "pl_not_avail": "offline",
            }],
            "stat_t": format!("{base}/printer/mk3-07/status"),
            "qos": 1,
            "cmps": {
                "state": {
                    "p": "sensor", "unique_id": format!("{id}_state"), "name": "State", "dev_cla": "enum",
                    "val_tpl": "{{ value_json.data.activity }}", "ops": Activity::WORDS,
                },
                "progress": {
                    "p": "sensor", "unique_id": format!("{id}_progress"), "name": "Progress",
                    "val_tpl": "{{ value_json.data.progress.percent if value_json.data.progress is defined else none }}",
                    "unit_of_meas": "%", "stat_cla": "measurement",
                },
                "hotend": heat("hotend", "Nozzle", "{% set t = value_json.data.temperatures %}{{ t.hotend.actual if t.hotend is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "hotend_target": heat("hotend_target", "Nozzle target", "{% set t = value_json.data.temperatures %}{{ t.hotend.target if t.hotend is defined and t.hotend.target is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "bed": heat("bed", "Bed", "{% set t = value_json.data.temperatures %}{{ t.bed.actual if t.bed is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "bed_target": heat("bed_target", "Bed target", "{% set t = value_json.data.temperatures %}{{ t.bed.target if t.bed is defined and t.bed.target is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "chamber": chamber("chamber", "Chamber", "{% set t = value_json.data.temperatures %}{{ t.chamber.actual if t.chamber is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "chamber_target": chamber("chamber_target", "Chamber target", "{% set t = value_json.data.temperatures %}{{ t.chamber.target if t.chamber is defined and t.chamber.target is defined and value_json.mono_ms - t.mono_ms < 60000 else none }}"),
                "problem": yes("problem", "Problem", "{{ 'ON' if value_json.data.latch is defined or value_json.data.activity in ['stopped', 'faulted', 'quarantined'] else 'OFF' }}", "problem"),
                "bed_occupied": yes("bed_occupied", "Bed occupied", "{{ 'ON' if value_json.data.bed.state == 'occupied' else 'OFF' }}", "occupancy"),
                "needs_person": {
                    "p": "binary_sensor", "unique_id": format!("{id}_needs_person"), "name": "Waits for a person",
                    "val_tpl": "{{ 'ON' if value_json.data.needs_person is defined else 'OFF' }}",
                },
                "connectivity": connectivity,
            },
        });
        assert_eq!(json, wanted, "{json:#}");
    }

    #[test]
    fn a_device_links_to_the_page_where_it_is_known_where_that_is() {
        let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
        let page = Some("https://platen.lab/".to_owned());
        let told = HomeAssistant { page, ..HomeAssistant::from("homeassistant") };
        let message = discovery(&origin, &told, &"mk3-07".parse().unwrap());
        let json: Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(json["dev"]["cu"], "https://platen.lab/");
        assert_eq!(here().1["dev"].get("cu"), None);
    }

    #[test]
    fn every_template_names_fields_that_the_schema_of_its_topic_has() {
        let (_, json) = here();
        let envelope = schema("envelope");
        let of_topic = |topic: &Value| schema(topic.as_str().unwrap().rsplit('/').next().unwrap());
        let mut templates = vec![(of_topic(&json["avty"][0]["t"]), json["avty"][0]["val_tpl"].clone())];
        for entity in json["cmps"].as_object().unwrap().values() {
            let topic = entity.get("stat_t").unwrap_or_else(|| &json["stat_t"]);
            templates.push((of_topic(topic), entity["val_tpl"].clone()));
        }
        let mut seen = 0;
        for (schema, template) in &templates {
            let written_out = template.as_str().unwrap().replace(" t.", " value_json.data.temperatures.");
            for path in paths(&written_out) {
                assert!(field(schema, &envelope, &path).is_some(), "{path:?} in {template}");
                seen += 1;
            }
        }
        assert!(seen > 20, "only {seen} fields were found: are templates still read?");
        assert!(field(&of_topic(&json["stat_t"]), &envelope, &["data", "activty"]).is_none());
    }

    #[test]
    fn the_words_in_templates_are_words_of_the_schemas() {
        let (envelope, state) = (schema("envelope"), schema("state"));
        assert_eq!(envelope["$defs"]["activity"]["enum"], json!(Activity::WORDS));
        let states = field(&state, &envelope, &["data", "state"]).unwrap();
        assert!(states["enum"].as_array().unwrap().contains(&json!("online")));
        let beds = field(&schema("status"), &envelope, &["data", "bed", "state"]).unwrap().clone();
        assert!(beds["enum"].as_array().unwrap().contains(&json!("occupied")));
        let (_, json) = here();
        for entity in ["problem", "connectivity"] {
            let template = json["cmps"][entity]["val_tpl"].as_str().unwrap();
            let words = template.split_once('[').unwrap().1.split_once(']').unwrap().0;
            for word in words.split(", ") {
                assert!(Activity::WORDS.contains(&word.trim_matches('\'')), "{word}");
            }
        }
    }

    #[test]
    fn the_longest_names_fit_into_a_payload_and_into_one_level_of_the_topic() {
        let long = |c: &str| c.repeat(64);
        let origin = Origin { site: long("s").parse().unwrap(), node: long("n").parse().unwrap() };
        let (message, json) = built(&origin, &long("h"), &long("p"));
        assert!(message.payload.len() <= PAYLOAD_MAX, "{} bytes", message.payload.len());
        assert_eq!(message.topic.split('/').count(), 4);
        assert_eq!(json["cmps"].as_object().unwrap().len(), 12);
    }
}
