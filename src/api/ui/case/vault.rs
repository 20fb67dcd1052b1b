//! Whether it is written down who a case is for, and how to write, read and erase it.
//!
//! What is read never is on the page itself: `vault.js` shows it in a dialog until that is closed.

use maud::{Markup, html};
use serde_json::json;

use super::{Known, choices, fold_out, section};
use crate::api::ui::kit::{Field, Sends};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, cases as words, common};
use crate::domain::people::roles::Permission;

const READING: &[(&str, Text)] = &[
    ("handover", words::FOR_HANDOVER),
    ("clinical_question", words::FOR_QUESTION),
    ("scheduling", words::FOR_SCHEDULING),
    ("correction", words::FOR_CORRECTION),
    ("billing", words::FOR_BILLING),
    ("patient_request", words::FOR_PATIENT),
    ("audit", words::FOR_AUDIT),
];
const ERASING: &[(&str, Text)] = &[
    ("retention", words::ERASE_RETENTION),
    ("entered_in_error", words::ERASE_ERROR),
    ("patient_request", words::ERASE_PATIENT),
];
/// The fields as the vault names them, and what kind of input each is.
const FIELDS: &[(&str, Text, &str)] = &[
    ("name", words::PATIENT_NAME, "text"),
    ("mrn", words::MRN, "text"),
    ("birth_date", words::BIRTH_DATE, "date"),
    ("accession", words::ACCESSION, "text"),
    ("surgeon", words::SURGEON, "text"),
    ("surgery_at", words::SURGERY_AT, "datetime-local"),
];

/// Nothing where there is no vault, or nobody is signed in: then nobody may read it.
pub(super) fn vault(viewer: &Viewer, known: &Known) -> Option<Markup> {
    let word = viewer.app.vault.word();
    if word == "off" || viewer.asker.name().is_none() {
        return None;
    }
    let (reads, writes) = (viewer.may(Permission::ReadVault), viewer.may(Permission::WriteVault));
    let markup = html! {
        p {
            @match known.kept {
                Some(version) => { (viewer.fill(words::KEPT, &[("n", &version)])) },
                None => { (viewer.say(words::NOT_KEPT)) },
            }
        }
        @if word != "open" { div.note data-state="bad" { p { (viewer.say(words::VAULT_CLOSED)) } } } @else {
            @if reads && known.kept.is_some() { (read(viewer, known)) }
            @if writes { (fold_out("keep-fold", viewer.say(words::KEEP_FOLD), keep(viewer, known))) }
            @if writes && known.kept.is_some() {
                (fold_out("erase-fold", viewer.say(words::ERASE_FOLD), erase(viewer, known)))
            }
        }
    };
    Some(section(viewer, "vault", words::VAULT, "", markup))
}

fn read(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/identifiers/read", known.token);
    let mut says: serde_json::Map<String, serde_json::Value> =
        FIELDS.iter().map(|(name, text, _)| ((*name).to_owned(), viewer.say(*text).into())).collect();
    says.insert("title".into(), viewer.fill(words::SHOWN_OF, &[("token", &known.token)]).into());
    says.insert("close".into(), viewer.say(common::CLOSE).into());
    let says = serde_json::Value::Object(says).to_string();
    let reason = Field::text("reason", viewer.say(words::READING_WHY)).required();
    let fields = html! {
        div data-use="vault" data-words=(says) {
            (reason.choice(&choices(viewer, READING)))
        }
    };
    let done = Some(viewer.say(words::READ_NOTED));
    Sends { done, ..Sends::new("vault-read", &to, viewer.say(words::READ_WHO)) }.form(viewer, fields)
}

fn keep(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/identifiers", known.token);
    let fields = html! {
        div.fields {
            @for (name, text, kind) in FIELDS {
                label.field {
                    span { (viewer.say(*text)) }
                    // The hospital's clock as it is typed, and nothing that a browser remembers.
                    @let becomes = (*kind == "datetime-local").then_some("text");
                    input type=(kind) name=(name) data-as=[becomes] autocomplete="off";
                }
            }
        }
        p.quiet { (viewer.say(words::KEEP_HINT)) }
    };
    let ask = known.kept.map(|_| viewer.say(words::KEEP_SURE));
    Sends { ask, ..Sends::new("vault-keep", &to, viewer.say(words::KEEP)) }.form(viewer, fields)
}

fn erase(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/identifiers/erase", known.token);
    let field = Field::text("reason", viewer.say(words::WHY)).required().choice(&choices(viewer, ERASING));
    let sends = Sends {
        fixed: json!({}),
        ask: Some(viewer.say(words::ERASE_SURE)),
        ..Sends::new("vault-erase", &to, viewer.say(words::ERASE))
    };
    sends.form(viewer, field)
}
