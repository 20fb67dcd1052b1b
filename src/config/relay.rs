//! The relay of a printer, as the operator writes it.
//!
//! `["/usr/local/bin/plug", "off"]` is a command, `"http://…"` and `"POST http://…"` are calls,
//! `"mqtt:TOPIC PAYLOAD"` is a message.

use std::time::Duration;

use super::reader::{Reader, Section, meant};
use super::{Relay, RelayLease, RenewWhen, Switch};

/// A relay that does not answer in this time is tried again.
const TIMEOUT_S: u64 = 5;
const RENEW_EVERY_S: u64 = 10;

const LEASE_KEYS: &[&str] = &["relay_renew", "relay_renew_every_s", "relay_renew_when"];

pub(super) fn relay(reader: &mut Reader<'_>, section: &Section<'_>, has_broker: bool) -> Option<Relay> {
    let off = switch(reader, section, "relay_off", has_broker);
    let timeout = reader.number(section, "relay_timeout_s", "seconds", 1..=60);
    let renew = switch(reader, section, "relay_renew", has_broker);
    let every = reader.number(section, "relay_renew_every_s", "seconds", 1..=3_600);
    let when = renew_when(reader, section);
    let there = |key: &&&str| section.table.contains_key(**key);
    if !section.table.contains_key("relay_off") {
        if let Some(key) = LEASE_KEYS.iter().chain(&["relay_timeout_s"]).find(there) {
            let instead = format!("write it beside {key}: how the relay is switched off");
            reader.missing(format!("{} relay_off", section.name), instead);
        }
        return None;
    }
    if !section.table.contains_key("relay_renew")
        && let Some(key) = LEASE_KEYS.iter().find(there)
    {
        let instead = format!("write it beside {key}: how the lease is renewed");
        reader.missing(format!("{} relay_renew", section.name), instead);
    }
    let timeout = Duration::from_secs(timeout.map_or(TIMEOUT_S, |found| found.value));
    let every = Duration::from_secs(every.map_or(RENEW_EVERY_S, |found| found.value));
    let lease = renew.map(|renew| RelayLease { renew, every, when });
    Some(Relay { off: off?, lease, timeout })
}

fn renew_when(reader: &mut Reader<'_>, section: &Section<'_>) -> RenewWhen {
    const WORDS: &[&str] = &["always", "hot"];
    let Some(found) = reader.text(section, "relay_renew_when") else { return RenewWhen::Always };
    match found.value.as_str() {
        "always" => RenewWhen::Always,
        "hot" => RenewWhen::Hot,
        other => {
            let instead = meant(other, WORDS, "write \"always\" or \"hot\"");
            reader.wrong(&found.at, "a lease is renewed always, or while the printer may be hot", instead);
            RenewWhen::Always
        }
    }
}

fn switch(reader: &mut Reader<'_>, section: &Section<'_>, key: &str, has_broker: bool) -> Option<Switch> {
    let instead = format!(
        "write {key} = [\"/path/to/program\", \"argument\"], \"http://…\", \"POST http://…\", or \"mqtt:TOPIC PAYLOAD\""
    );
    if reader.is_list(section, key) {
        let argv = reader.words(section, key)?;
        let program = argv.value.first().map_or("", String::as_str);
        if !program.starts_with('/') {
            reader.wrong(&argv.at, "a program is named by its absolute path", instead);
            return None;
        }
        if argv.value.iter().any(|text| text.contains('\0')) {
            reader.wrong(&argv.at, "no argument can hold a zero byte", instead);
            return None;
        }
        return Some(Switch::Command(argv.value));
    }
    let found = reader.text(section, key)?;
    match spelled(&found.value) {
        Ok(Switch::Mqtt { .. }) if !has_broker => {
            reader.wrong(
                &found.at,
                "there is no broker to send this to",
                "write [mqtt] with url = \"mqtt://HOST\"",
            );
            None
        }
        Ok(switch) => Some(switch),
        Err(reason) => {
            reader.wrong(&found.at, reason, instead);
            None
        }
    }
}

fn spelled(text: &str) -> Result<Switch, &'static str> {
    if let Some(rest) = text.strip_prefix("mqtt:") {
        let (topic, payload) =
            rest.split_once(' ').ok_or("behind mqtt: stand a topic, a space and a payload")?;
        if topic.is_empty() || topic.contains(['#', '+', '\0']) {
            return Err("a topic to publish on is not empty and has no # or +");
        }
        return Ok(Switch::Mqtt { topic: topic.into(), payload: payload.into() });
    }
    let (method, url) = match text.split_once(' ') {
        Some((method @ ("GET" | "POST" | "PUT"), url)) => (method, url),
        _ => ("GET", text),
    };
    if url.starts_with("https://") {
        return Err("platen calls relays without TLS; use a command such as curl for https");
    }
    let host =
        url.strip_prefix("http://").ok_or("this is no command in brackets, no http:// and no mqtt:")?;
    if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("there is no host in this address, or a space in it (write %20)");
    }
    Ok(Switch::Http { method: method.into(), url: url.into() })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(lines: &str) -> Result<Option<Relay>, String> {
        let text = format!(
            "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"mk\"\nport = \"/dev/x\"\nbaud = 115200\n{lines}\n"
        );
        let parsed = Config::parse(&text);
        parsed.map(|config| config.printers[0].relay.clone()).map_err(|mistakes| {
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            mistakes[0].to_string()
        })
    }

    #[test]
    fn a_relay_is_a_command_a_call_or_a_message() {
        assert_eq!(read("").unwrap(), None);
        let command = read("relay_off = [\"/bin/plug\", \"off\"]").unwrap().unwrap();
        assert_eq!(command.off, Switch::Command(vec!["/bin/plug".into(), "off".into()]));
        assert_eq!((command.timeout, command.lease), (Duration::from_secs(5), None));
        let call = read("relay_off = \"http://10.0.0.7/cm?cmnd=Power%20Off\"").unwrap().unwrap();
        let url = "http://10.0.0.7/cm?cmnd=Power%20Off".to_owned();
        assert_eq!(call.off, Switch::Http { method: "GET".into(), url });
        let message = read("relay_off = \"mqtt:cmnd/plug/Power OFF now\"\n[mqtt]\nurl = \"mqtt://b\"")
            .unwrap()
            .unwrap();
        assert_eq!(message.off, Switch::Mqtt { topic: "cmnd/plug/Power".into(), payload: "OFF now".into() });
    }

    #[test]
    fn a_lease_says_how_and_how_often_it_is_renewed() {
        let relay = read(
            "relay_off = [\"/bin/off\"]\nrelay_renew = \"POST http://p/on\"\nrelay_renew_every_s = 7\nrelay_renew_when = \"hot\"",
        );
        let lease = relay.unwrap().unwrap().lease.unwrap();
        assert_eq!((lease.every, lease.when), (Duration::from_secs(7), RenewWhen::Hot));
        assert!(matches!(lease.renew, Switch::Http { method, .. } if method == "POST"));
    }

    #[test]
    fn mistakes_in_a_relay_are_told_with_what_to_write() {
        for (lines, said) in [
            ("relay_off = [\"plug\"]", "absolute path"),
            ("relay_off = []", "absolute path"),
            ("relay_off = [1]", "not a list of texts"),
            ("relay_off = 5", "not text"),
            ("relay_off = \"plug off\"", "no command in brackets"),
            ("relay_off = \"https://p/\"", "use a command such as curl"),
            ("relay_off = \"http://p/a b\"", "space in it"),
            ("relay_off = \"mqtt:a b\"", "there is no broker"),
            ("relay_off = \"mqtt:a\"", "a topic, a space and a payload"),
            ("relay_off = \"mqtt:a/# b\"", "no # or +"),
            ("relay_renew = \"http://p/\"", "relay_off: this is missing"),
            ("relay_timeout_s = 5", "relay_off: this is missing"),
            ("relay_off = \"http://p/\"\nrelay_renew_every_s = 5", "relay_renew: this is missing"),
            ("relay_off = \"http://p/\"\nrelay_timeout_s = 0", "out of range"),
            (
                "relay_off = \"http://p/\"\nrelay_renew = \"http://p/\"\nrelay_renew_when = \"hott\"",
                "did you mean \"hot\"",
            ),
        ] {
            let told = read(lines).unwrap_err();
            assert!(told.contains(said), "{lines}: {told}");
        }
    }
}
