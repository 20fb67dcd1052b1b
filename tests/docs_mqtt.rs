//! What is ready to use in `docs/mqtt` subscribes to topics that platen has, and reads fields and metrics that are
//! there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use std::collections::{BTreeMap, BTreeSet};

use platen::config::HomeAssistant;
use platen::services::telemetry::home_assistant::discovery;
use platen::services::telemetry::message::{EVENT_TYPES, Origin};
use serde_json::Value;

fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn schema(name: &str) -> Value {
    json(&format!("docs/mqtt/{name}.schema.json"))
}

/// What a schema has at a path, through references to the envelope.
fn has(schema: &Value, path: &[&str]) -> bool {
    let envelope = json("docs/mqtt/envelope.schema.json");
    let mut here = schema.clone();
    for name in path {
        if let Some((_, pointer)) = here["$ref"].as_str().and_then(|place| place.split_once('#')) {
            here = envelope.pointer(pointer).unwrap().clone();
        }
        let Some(below) = here["properties"].get(*name) else { return false };
        here = below.clone();
    }
    true
}

/// The topics of the page, with the schema of each.
fn topics() -> BTreeMap<String, String> {
    let page = read("docs/mqtt/README.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `platen/"));
    let topics: BTreeMap<_, _> = rows
        .map(|row| {
            let topic = format!("platen/{}", row.split('`').next().unwrap());
            let schema = row.split("](").nth(1).unwrap().split(".schema.json").next().unwrap();
            (topic, schema.to_owned())
        })
        .collect();
    assert!(topics.len() >= 7, "{topics:?}");
    topics
}

/// The schema of what comes on a topic: a filter as it subscribes to all of them, or the topic itself.
fn schema_of(wanted: &str) -> String {
    let fits = |topic: &str| {
        let (has, wants): (Vec<_>, Vec<_>) = (topic.split('/').collect(), wanted.split('/').collect());
        let level = |(has, wants): (&&str, &&str)| {
            if has.starts_with('{') { !wants.is_empty() && *wants != "#" } else { has == wants }
        };
        has.len() == wants.len() && has.iter().zip(&wants).all(level)
    };
    let found: Vec<_> = topics().into_iter().filter(|(topic, _)| fits(topic)).collect();
    let [(_, schema)] = &found[..] else { panic!("{wanted} is {} topics of platen's", found.len()) };
    schema.clone()
}

/// What follows each `mark` in a text, up to the end of a dotted name.
fn named<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let end = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.';
    text.split(mark).skip(1).map(|rest| rest.split(end).next().unwrap()).collect()
}

/// The words in the list that a function begins with under this name.
fn words(function: &str, name: &str) -> Vec<String> {
    let list = function.split_once(&format!("const {name} = [")).unwrap().1.split_once(']').unwrap().0;
    list.split(", ").map(|word| word.trim_matches('"').to_owned()).collect()
}

fn activities() -> BTreeSet<String> {
    let envelope = schema("envelope");
    let all = envelope["$defs"]["activity"]["enum"].as_array().unwrap();
    all.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_flow_for_node_red_is_whole_and_reads_what_its_topics_have() {
    let flow = json("docs/mqtt/node-red-flow.json");
    let nodes: BTreeMap<&str, &Value> =
        flow.as_array().unwrap().iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    assert_eq!(nodes.len(), flow.as_array().unwrap().len(), "an id is there twice");
    let mut comes_to: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut subscribed = 0;
    for node in nodes.values() {
        let wires = node.get("wires").and_then(Value::as_array);
        for to in wires.into_iter().flatten().flat_map(|output| output.as_array().unwrap()) {
            let to = to.as_str().unwrap();
            assert!(nodes.contains_key(to), "a wire of {} leads to {to}", node["id"]);
            if node["type"] == "mqtt in" {
                comes_to.entry(to).or_default().insert(schema_of(node["topic"].as_str().unwrap()));
            }
        }
        if node["type"] == "mqtt in" {
            subscribed += 1;
            assert_eq!(nodes[node["broker"].as_str().unwrap()]["type"], "mqtt-broker");
            assert_eq!((&node["qos"], &node["datatype"]), (&Value::from("1"), &Value::from("json")));
            assert!(
                read("docs/mqtt/node-red.md").contains(&format!("| `{}` |", node["topic"].as_str().unwrap()))
            );
        }
        for secret in ["credentials", "password", "user"] {
            assert!(node.get(secret).is_none(), "{secret} in {}", node["id"]);
        }
    }
    assert_eq!(subscribed, 3);
    let mut fields = 0;
    for (id, schemas) in &comes_to {
        let function = nodes[id]["func"].as_str().unwrap_or_else(|| panic!("{id} is no function"));
        for field in named(function, "msg.payload.") {
            let path: Vec<&str> = field.split('.').collect();
            assert!(
                schemas.iter().any(|name| has(&schema(name), &path)),
                "{field} in {id} is in none of {schemas:?}"
            );
            fields += 1;
        }
    }
    assert!(fields > 20, "only {fields} fields were found: are functions still read?");
    let function = |id: &str| nodes[id]["func"].as_str().unwrap();
    assert!(words(function("platen-stopped"), "BAD").iter().all(|word| activities().contains(word)));
    for word in words(function("platen-late"), "RUNS") {
        assert!(EVENT_TYPES.contains(&word.as_str()), "{word}");
    }
}

/// The metrics that are told of, as their source names them.
fn metrics() -> BTreeSet<String> {
    let source = read("src/api/metrics.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    named(source, "\"platen_").into_iter().map(|rest| format!("platen_{rest}")).collect()
}

#[test]
fn the_dashboard_for_grafana_asks_for_metrics_and_topics_that_are_there() {
    let board = json("docs/mqtt/grafana-dashboard.json");
    let (metrics, mut seen, mut topics, mut ids) = (metrics(), BTreeSet::new(), 0, BTreeSet::new());
    let inputs: Vec<_> =
        board["__inputs"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let mut expressions = Vec::new();
    for variable in board["templating"]["list"].as_array().unwrap() {
        expressions.push(variable["query"]["query"].as_str().unwrap());
    }
    for panel in board["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            let source = target["datasource"]["uid"].as_str().unwrap();
            assert!(inputs.iter().any(|name| source == format!("${{{name}}}")), "{source}");
            match target.get("topic").and_then(Value::as_str) {
                None => expressions.push(target["expr"].as_str().unwrap()),
                Some(topic) => {
                    topics += 1;
                    let schema = schema(&schema_of(topic));
                    assert!(!topic.contains(['+', '#']), "the plugin shows one series a topic");
                    for change in panel["transformations"].as_array().unwrap() {
                        let from = change["options"]["source"].as_str().unwrap();
                        for path in change["options"]["jsonPaths"].as_array().unwrap() {
                            assert!(has(&schema, &[from, path["path"].as_str().unwrap()]), "{change}");
                        }
                    }
                }
            }
        }
    }
    for expression in &expressions {
        let found = named(expression, "platen_");
        assert!(!found.is_empty(), "{expression}");
        for rest in found {
            let name = format!("platen_{rest}");
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = metrics.contains(&name) || base.is_some_and(|base| metrics.contains(base));
            assert!(known, "{name} in {expression}");
            seen.insert(name);
        }
        for mark in ["state=\"", "state=~\""] {
            for rest in expression.split(mark).skip(1) {
                for word in rest.split('"').next().unwrap().split('|') {
                    assert!(activities().contains(word), "{word} in {expression}");
                }
            }
        }
    }
    assert!(seen.len() > 8 && topics == 1, "{seen:?}, {topics}");
}

#[test]
fn the_page_of_home_assistant_names_every_entity_and_its_topics() {
    let page = read("docs/mqtt/home-assistant.md");
    let origin = Origin { site: "st-anna".parse().unwrap(), node: "lab-1".parse().unwrap() };
    let message = discovery(&origin, &HomeAssistant::from("homeassistant"), &"mk3-07".parse().unwrap());
    assert!(page.contains(&message.topic), "{}", message.topic);
    let device: Value = serde_json::from_slice(&message.payload).unwrap();
    for entity in device["cmps"].as_object().unwrap().values() {
        let name = entity["name"].as_str().unwrap().trim_end_matches(" target");
        let row = page
            .lines()
            .find(|line| line.starts_with("| ") && line.split(" | ").next().unwrap().contains(name));
        let row = row.unwrap_or_else(|| panic!("{name} is not on the page"));
        let topic = entity.get("stat_t").unwrap_or_else(|| &device["stat_t"]).as_str().unwrap();
        assert!(row.contains(&format!("`{}`", schema_of(topic))), "{row}");
    }
    assert_eq!(schema_of(device["avty"][0]["t"].as_str().unwrap()), "state");
}

#[test]
fn no_function_of_the_flow_declares_a_name_that_is_given_to_it() {
    let flow: Value = serde_json::from_str(&read("docs/mqtt/node-red-flow.json")).unwrap();
    let functions: Vec<_> =
        flow.as_array().unwrap().iter().filter_map(|node| node["func"].as_str()).collect();
    assert!(!functions.is_empty());
    for function in functions {
        // Node-RED wraps each in a function that has these already; a second declaration is a syntax error.
        for name in
            ["node", "msg", "context", "flow", "global", "env", "RED", "__msgid__", "__send__", "__done__"]
        {
            for how in ["let", "const", "class"] {
                for end in [" ", ";", "=", ","] {
                    assert!(!function.contains(&format!("{how} {name}{end}")), "{how} {name} in {function}");
                }
            }
        }
    }
}
