//! The page at `/settings`: how this platen is, what a check of it finds, and what the site has decided.

mod check;
mod measuring;

use maud::{Markup, html};
use serde_json::{Value, json};
use std::time::Duration;

use super::cases::use_words;
use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::people::{WAYS, telling};
use super::pieces::Piece;
use super::viewer::{Viewer, capital};
use super::words::{Text, common, people as of_people, settings as words};
use crate::api::people::notices;
use crate::api::quality::shapes::{ProcessView, SiteRules};
use crate::config::{BedClearing, Printer};
use crate::domain::moment::{Moment, WallTime};
use crate::domain::people::roles::Permission;
use crate::io::cage;
use crate::io::offload::offload;

pub(super) fn content(viewer: Viewer, _: Ask) -> Answer {
    Box::pin(async move {
        let mut pieces = vec![head(&viewer), here(&viewer, disk(&viewer).await)];
        if viewer.may(Permission::Settings) {
            pieces.push(check::found(&viewer).await);
        }
        pieces.push(printers(&viewer));
        pieces.push(rules(&viewer));
        pieces.push(measuring::templates(&viewer));
        pieces.push(measuring::instruments(&viewer));
        pieces.push(processes(&viewer));
        if let (Ok(who), true) = (viewer.asker.who(), viewer.may(Permission::OwnAccount)) {
            let told = notices(&viewer.app, &who.name)?.0;
            pieces.push(telling(&viewer, of_people::NOTICES_OWN, &told, "POST /v1/notifications"));
        }
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn head(viewer: &Viewer) -> Piece {
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::TITLE)) }
                a.button.end href="/account" { (viewer.say(words::LOOKS)) }
            }
        },
    )
}

/// Free and all bytes of the disk of the state.
async fn disk(viewer: &Viewer) -> Option<(u64, u64)> {
    let folder = viewer.app.config.state_dir.clone();
    offload(move || cage::space(&folder).ok()).await.ok().flatten()
}

/// Bytes as gigabytes; no tenth is told that is not there.
fn gigabytes(viewer: &Viewer, bytes: u64) -> String {
    viewer.number(tenths_of_gigabytes(bytes) as f64 / 10.0, 1)
}

const fn tenths_of_gigabytes(bytes: u64) -> u64 {
    bytes / 100_000_000
}

fn here(viewer: &Viewer, disk: Option<(u64, u64)>) -> Piece {
    let app = &viewer.app;
    let (seq, people) = app.recorder.read(|lab| (lab.counters.seq, lab.people.users.len()));
    let up = app.clock.now().since(Moment::ZERO);
    // To the minute: clocks of wall and boot differ a little each time.
    let started = viewer.now().0.saturating_sub(millis(up)) / 60_000 * 60_000;
    let config = &app.config;
    let address =
        config.http.public.as_ref().map_or_else(|| config.http.listen.to_string(), |public| public.url());
    Piece::around("here", |inner| {
        html! {
            section.card id="here" aria-labelledby="here-head" {
                (kit::heading("here-head", viewer, words::HERE, ""))
                dl.facts {
                    dt { (viewer.say(words::VERSION)) } dd { (env!("CARGO_PKG_VERSION")) }
                    dt { (viewer.say(words::SINCE)) } dd { (viewer.at(WallTime(started))) }
                    dt { (viewer.say(words::SITE)) } dd { (config.site) " · " (config.node) }
                    dt { (viewer.say(words::ADDRESS)) } dd { code { (address) } }
                    dt { (viewer.say(words::ZONE)) } (inner.put("zone", zone(viewer)))
                    dt { (viewer.say(words::JOURNAL)) } (inner.put("journal", journal(viewer, seq)))
                    dt { (viewer.say(words::DISK)) } (inner.put("disk", space(viewer, disk)))
                    dt { (viewer.say(words::MQTT)) } (inner.put("mqtt", mqtt(viewer)))
                    dt { (viewer.say(words::VAULT)) } dd { (vault(viewer)) }
                    dt { (viewer.say(words::MDNS)) } dd { (mdns(viewer)) }
                    dt { (viewer.say(words::NOTICES)) } dd { (ways(viewer)) }
                    dt { (viewer.say(common::PEOPLE)) } dd { (who_comes_in(viewer, people)) }
                }
            }
        }
    })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn zone(viewer: &Viewer) -> Markup {
    let zone = &viewer.app.config.zone;
    let now = zone.date_and_clock(viewer.now());
    html! {
        dd id="zone" {
            (viewer.fill(words::ZONE_NOW, &[("zone", &zone), ("time", &now)]))
            @if zone.is_fixed() { ", " (viewer.say(words::ZONE_FIXED)) }
        }
    }
}

/// How something is, in a word with its mark.
fn chip(state: &str, says: &str) -> Markup {
    let mark = match state {
        "good" => "open",
        "wants" => "suspect",
        _ => "blocked",
    };
    html! { span.chip data-state=(state) { (kit::mark(mark)) (says) } }
}

fn journal(viewer: &Viewer, seq: u64) -> Markup {
    html! {
        dd id="journal" {
            @let entries = viewer.fill(words::ENTRIES, &[("n", &viewer.grouped(seq))]);
            @if viewer.may(Permission::ReadAudit) { a href="/audit" { (entries) } } @else { (entries) }
            @if let Some(why) = viewer.app.recorder.finding() {
                p.old { (viewer.fill(words::JOURNAL_BAD, &[("why", &viewer.told(&why))])) }
            }
        }
    }
}

fn space(viewer: &Viewer, disk: Option<(u64, u64)>) -> Markup {
    let config = &viewer.app.config;
    html! {
        dd id="disk" {
            @match disk {
                Some((free, all)) => {
                    (viewer.fill(words::DISK_FREE, &[("free", &gigabytes(viewer, free)), ("all", &gigabytes(viewer, all))]))
                    @if free < config.disk_floor.saturating_mul(2) {
                        " " (chip("bad", &viewer.fill(words::DISK_LOW, &[("floor", &gigabytes(viewer, config.disk_floor))])))
                    }
                }
                None => (viewer.fill(words::DISK_UNKNOWN, &[("path", &config.state_dir.display())])),
            }
        }
    }
}

/// What the publisher says of itself, with times as the site has them.
fn mqtt(viewer: &Viewer) -> Markup {
    let said = viewer.app.mqtt.as_ref().map(|said| said.borrow().clone());
    let at = |stamp: &str| stamp.parse().map_or_else(|_| stamp.to_owned(), |at: WallTime| viewer.short(at));
    html! {
        dd id="mqtt" {
            @match said.as_deref().map(parted) {
                None => (viewer.say(words::MQTT_NONE)),
                Some(Publisher::Connected(since)) => (chip("good", &viewer.fill(words::MQTT_CONNECTED, &[("time", &at(since))]))),
                Some(Publisher::Away(since, why)) => (chip("bad", &viewer.fill(words::MQTT_AWAY, &[("time", &at(since)), ("why", &why)]))),
                Some(Publisher::Else(said)) => (viewer.told(said)),
            }
        }
    }
}

/// The publisher's sentence, taken apart.
#[derive(Debug, PartialEq, Eq)]
enum Publisher<'s> {
    Connected(&'s str),
    Away(&'s str, &'s str),
    Else(&'s str),
}

fn parted(said: &str) -> Publisher<'_> {
    if let Some(since) = said.strip_prefix("connected since ") {
        return Publisher::Connected(since.split(';').next().unwrap_or(since));
    }
    match said.strip_prefix("away since ").and_then(|rest| rest.split_once(": ")) {
        Some((since, why)) => Publisher::Away(since, why),
        None => Publisher::Else(said),
    }
}

fn vault(viewer: &Viewer) -> Markup {
    match viewer.app.vault.word() {
        "open" => chip("good", viewer.say(words::VAULT_OPEN)),
        "closed" => chip("bad", viewer.say(words::VAULT_CLOSED)),
        _ => html! { (viewer.say(words::VAULT_OFF)) },
    }
}

fn mdns(viewer: &Viewer) -> String {
    match &viewer.app.config.mdns {
        None => viewer.say(words::MDNS_OFF).into(),
        Some(mdns) => match &mdns.host {
            Some(host) => viewer.fill(words::MDNS_ON, &[("host", &format!("{host}.local"))]),
            None => viewer.say(words::MDNS_ON_OWN).into(),
        },
    }
}

fn ways(viewer: &Viewer) -> String {
    let config = &viewer.app.config;
    let all = [
        (config.notifications.mail.is_some(), of_people::BY_MAIL),
        (config.notifications.webhook.is_some(), of_people::BY_WEBHOOK),
        (config.mqtt.is_some(), of_people::BY_MQTT),
    ];
    let there: Vec<&str> = all.into_iter().filter(|(is, _)| *is).map(|(_, name)| viewer.say(name)).collect();
    if there.is_empty() { viewer.fill(words::NOTICES_NONE, &[("keys", &WAYS)]) } else { there.join(", ") }
}

fn who_comes_in(viewer: &Viewer, people: usize) -> Markup {
    let says = if viewer.app.entrance.is_guarded() {
        viewer.fill(words::PEOPLE_SET, &[("n", &people)])
    } else {
        viewer.say(words::PEOPLE_NONE).to_owned()
    };
    html! {
        @if viewer.may(Permission::ManageUsers) { a href="/people" { (says) } } @else { (says) }
    }
}

fn printers(viewer: &Viewer) -> Piece {
    let heads = [words::PRINTER, words::MODEL, words::PORT, words::STARTS, words::BED, words::RELAY];
    Piece::new(
        "printers",
        html! {
            section id="printers" aria-labelledby="printers-head" {
                div.head {
                    (kit::heading("printers-head", viewer, words::PRINTERS, &viewer.app.config.printers.len().to_string()))
                    a.button.end href="/commission" { (viewer.say(words::COMMISSION)) }
                }
                div.scroll tabindex="0" role="region" aria-labelledby="printers-head" {
                    table {
                        thead { tr { @for head in heads { th scope="col" { (viewer.say(head)) } } } }
                        tbody { @for printer in &viewer.app.config.printers { (printer_row(viewer, printer)) } }
                    }
                }
            }
        },
    )
}

fn printer_row(viewer: &Viewer, printer: &Printer) -> Markup {
    let starts = if printer.unattended { words::STARTS_ALONE } else { words::STARTS_BY_PERSON };
    let bed = match printer.bed_clearing {
        BedClearing::Person => words::BED_PERSON,
        BedClearing::Automatic => words::BED_AUTOMATIC,
    };
    html! {
        tr {
            th scope="row" { a href=(format!("/printers/{}", printer.name)) { (printer.name) } }
            td { (printer.model.as_deref().unwrap_or_else(|| viewer.say(common::UNKNOWN))) }
            td { code { (printer.port.display()) } " · " (printer.baud.0) }
            td { (viewer.say(starts)) }
            td { (viewer.say(bed)) }
            td { (viewer.say(if printer.relay.is_some() { common::YES } else { common::NO })) }
        }
    }
}

const RULES: [(&str, Text); 6] = [
    ("approval_before_printing", words::RULE_APPROVAL),
    ("lots", words::RULE_LOTS),
    ("qualified_printers", words::RULE_QUALIFIED),
    ("witness_coupon", words::RULE_COUPON),
    ("releaser_may_be_operator", words::RULE_OWN_WORK),
    ("password_to_sign", words::RULE_PASSWORD),
];
const REMINDERS: &str = "reminders_before_waiver";

fn rules(viewer: &Viewer) -> Piece {
    let now: SiteRules = viewer.app.recorder.read(|lab| (&lab.quality.rules).into());
    let now = json!(now);
    let is_on = |rule: &str| now[rule] == Value::Bool(true);
    let reminders = now[REMINDERS].as_u64().unwrap_or_default().to_string();
    let content = if viewer.may(Permission::Settings) {
        let form = Sends {
            fixed: json!({ "was": now }),
            done: Some(viewer.say(words::RULES_DONE)),
            undo: Some(("POST /v1/site-rules", now.clone())),
            undo_was: Some(""),
            ..Sends::new("site-rules", "POST /v1/site-rules", viewer.say(words::RULES_SAVE))
        };
        let fields = html! {
            div.form {
                @for (rule, says) in RULES { (kit::tick(rule, viewer.say(says), is_on(rule))) }
                (Field::number(REMINDERS, viewer.say(words::RULE_REMINDERS)).value(&reminders).required()
                    .whole(0, u8::MAX.into()).input())
            }
        };
        form.form(viewer, fields)
    } else {
        html! {
            dl.facts {
                @for (rule, says) in RULES {
                    dt { (viewer.say(if is_on(rule) { words::ON } else { words::OFF })) } dd { (viewer.say(says)) }
                }
                dt { (reminders) } dd { (viewer.say(words::RULE_REMINDERS)) }
            }
        }
    };
    Piece::new(
        "rules",
        html! {
            section.card.stack id="rules" aria-labelledby="rules-head" {
                (kit::heading("rules-head", viewer, words::RULES, ""))
                p.quiet { (viewer.say(words::RULES_HINT)) }
                (content)
            }
        },
    )
}

/// The newest version of each process.
fn newest(viewer: &Viewer) -> Vec<ProcessView> {
    let all: Vec<ProcessView> =
        viewer.app.recorder.read(|lab| lab.quality.processes.values().map(Into::into).collect());
    let mut newest: Vec<ProcessView> = Vec::new();
    for process in all {
        newest.retain(|known| known.name != process.name);
        newest.push(process);
    }
    newest
}

fn processes(viewer: &Viewer) -> Piece {
    let all = newest(viewer);
    let heads = [
        words::PROCESS,
        words::FOR_PRINTER,
        words::MATERIAL,
        words::LAYER,
        words::PROFILE,
        words::SLICER,
        words::VALIDATED,
        words::KNOWN_SINCE,
    ];
    Piece::new(
        "processes",
        html! {
            section id="processes" aria-labelledby="processes-head" {
                (kit::heading("processes-head", viewer, words::PROCESSES, &all.len().to_string()))
                @if all.is_empty() {
                    (kit::empty(viewer.say(words::NO_PROCESSES), None))
                } @else {
                    div.scroll tabindex="0" role="region" aria-labelledby="processes-head" {
                        table {
                            thead { tr { @for head in heads { th scope="col" { (viewer.say(head)) } } } }
                            tbody { @for process in &all { (process_row(viewer, process)) } }
                        }
                    }
                }
            }
        },
    )
}

fn process_row(viewer: &Viewer, process: &ProcessView) -> Markup {
    let uses: Vec<String> = process.validated_for.iter().map(|word| use_words(viewer, word)).collect();
    html! {
        tr {
            th scope="row" { (process.name) " " small { (viewer.fill(words::VERSION_N, &[("n", &process.version)])) } }
            td { (process.printer_model) }
            td { (process.material) ", " (process.quality) }
            td {
                @match process.layer_mm {
                    Some(layer) => (viewer.fill(words::MM, &[("n", &viewer.decimal(layer))])),
                    None => (viewer.say(common::UNKNOWN)),
                }
            }
            td { code { (process.profile) } " " small { (viewer.fill(words::VERSION_N, &[("n", &process.profile_version)])) } }
            td { (process.slicer) " " (process.slicer_version) }
            td { @if uses.is_empty() { (viewer.say(words::NOTHING)) } @else { (uses.join(", ")) } }
            td {
                (viewer.when(&process.since))
                @if let Some(gone) = &process.gone {
                    " " (chip("wants", &capital(&viewer.fill(words::GONE, &[("time", &super::farm::moment(viewer, gone))]))))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_publisher_says_is_taken_apart_into_time_and_reason() {
        let since = "2026-11-30T07:00:00.000Z";
        assert_eq!(parted(&format!("connected since {since}")), Publisher::Connected(since));
        assert_eq!(parted(&format!("connected since {since}; before that: x")), Publisher::Connected(since));
        assert_eq!(
            parted(&format!("away since {since}: no route: x")),
            Publisher::Away(since, "no route: x")
        );
        assert_eq!(parted("off"), Publisher::Else("off"));
    }

    #[test]
    fn bytes_are_told_in_gigabytes_with_a_tenth() {
        assert_eq!(tenths_of_gigabytes(268_435_456), 2);
        assert_eq!(tenths_of_gigabytes(12_399_999_999), 123);
    }

    #[test]
    fn every_rule_of_a_site_is_in_the_form() {
        let rules: SiteRules = (&crate::domain::quality::rules::SiteRules::default()).into();
        let keys: Vec<String> = json!(rules).as_object().unwrap().keys().cloned().collect();
        let mut shown: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).chain([REMINDERS]).collect();
        shown.sort_unstable();
        assert_eq!(keys, shown);
    }
}
