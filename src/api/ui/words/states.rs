//! The words of states: of printers, jobs, cases, printed parts and lots, as the rest of platen calls them.

use super::{Language, Text, texts};

texts! {
    OFFLINE = "offline" | "nicht verbunden";
    CONNECTING = "connecting" | "verbindet";
    QUARANTINED = "quarantined" | "in Quarantäne";
    READY = "ready" | "bereit";
    PRINTING = "printing" | "druckt";
    PAUSED = "paused" | "Pause";
    FINISHING = "finishing" | "beendet";
    CANCELLING = "cancelling" | "bricht ab";
    STOPPED = "stopped" | "angehalten";
    FAULTED = "faulted" | "Störung";
    SLICING = "slicing" | "wird geslict";
    QUEUED = "queued" | "wartet";
    PRINTED = "printed" | "gedruckt";
    CANCELLED = "cancelled" | "abgebrochen";
    INTERRUPTED = "interrupted" | "unterbrochen";
    NOT_SLICED = "not sliced" | "nicht geslict";
    DRAFT = "draft" | "Entwurf";
    REQUESTED = "requested" | "angefragt";
    ACCEPTED = "accepted" | "angenommen";
    IN_DESIGN = "in design" | "in Konstruktion";
    AWAITING_APPROVAL = "awaiting approval" | "wartet auf Freigabe der Konstruktion";
    APPROVED = "approved" | "Konstruktion freigegeben";
    IN_PRODUCTION = "in production" | "in Fertigung";
    IN_QC = "in quality control" | "in Qualitätsprüfung";
    REWORK = "rework" | "Nacharbeit";
    RELEASED = "released" | "freigegeben";
    DELIVERED = "delivered" | "ausgeliefert";
    USED = "used" | "verwendet";
    ASSESSED = "assessed" | "bewertet";
    CLOSED = "closed" | "abgeschlossen";
    ON_HOLD = "on hold" | "angehalten";
    PLANNED = "planned" | "geplant";
    SUSPECT = "suspect" | "zweifelhaft";
    POST_PROCESSING = "in post-processing" | "in Nachbearbeitung";
    AWAITING_INSPECTION = "awaiting inspection" | "wartet auf Prüfung";
    REJECTED = "rejected" | "zurückgewiesen";
    PACKED = "packed" | "verpackt";
    STERILISATION = "handed over for sterilisation" | "zur Sterilisation gegeben";
    SCRAPPED = "scrapped" | "verworfen";
    FAILED = "failed" | "misslungen";
    WITHDRAWN = "withdrawn" | "zurückgezogen";
    IN_QUARANTINE = "in quarantine" | "in Quarantäne";
    RECALLED = "recalled" | "zurückgerufen";
    BLOCKED = "blocked" | "gesperrt";
    CONSUMED = "consumed" | "aufgebraucht";
    UNQUALIFIED = "unqualified" | "nicht qualifiziert";
    QUALIFIED = "qualified" | "qualifiziert";
    RESTRICTED = "restricted" | "eingeschränkt";
    DIAGNOSTIC = "diagnostic" | "Diagnostik";
    GUIDE = "guide" | "Schablone";
    EDUCATION = "education" | "Ausbildung";
    ROUTINE = "routine" | "Routine";
    URGENT = "urgent" | "dringend";
    EMERGENCY = "emergency" | "Notfall";
    OPEN = "open" | "offen";
}

#[rustfmt::skip]
const KNOWN: &[Text] = &[
    OFFLINE, CONNECTING, QUARANTINED, READY, PRINTING, PAUSED, FINISHING, CANCELLING, STOPPED, FAULTED, SLICING,
    QUEUED, PRINTED, CANCELLED, INTERRUPTED, NOT_SLICED, DRAFT, REQUESTED, ACCEPTED, IN_DESIGN,
    AWAITING_APPROVAL, APPROVED, IN_PRODUCTION, IN_QC, REWORK, RELEASED, DELIVERED, USED, ASSESSED, CLOSED,
    ON_HOLD, PLANNED, SUSPECT, POST_PROCESSING, AWAITING_INSPECTION, REJECTED, PACKED, STERILISATION, SCRAPPED,
    FAILED, WITHDRAWN, IN_QUARANTINE, RECALLED, BLOCKED, CONSUMED, UNQUALIFIED, QUALIFIED, RESTRICTED,
    DIAGNOSTIC, GUIDE, EDUCATION, ROUTINE, URGENT, EMERGENCY, OPEN,
];

/// States that are said otherwise where they stand in a sentence.
const OTHERWISE: &[(&str, Text)] =
    &[("a draft", DRAFT), ("being designed", IN_DESIGN), ("in rework", REWORK)];

/// A state's word in a language; what is not known stays as it is. `_` counts as a space, and a reason behind a colon
/// stays.
pub fn say(language: Language, word: &str) -> String {
    let (word, why) = word.split_once(": ").map_or((word, None), |(word, why)| (word, Some(why)));
    let plain = word.replace('_', " ");
    let otherwise = || OTHERWISE.iter().find(|(word, _)| *word == plain).map(|(_, text)| text);
    let known = KNOWN.iter().find(|text| text.en == plain).or_else(otherwise);
    let said = known.map_or(plain.as_str(), |text| text.say(language));
    why.map_or_else(|| said.to_owned(), |why| format!("{said}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_said_in_the_language_with_its_reason() {
        assert_eq!(say(Language::German, "not_sliced"), "nicht geslict");
        assert_eq!(say(Language::German, "rework: too thin"), "Nacharbeit: too thin");
        assert_eq!(say(Language::German, "being designed"), "in Konstruktion", "as sentences have it");
        assert_eq!(say(Language::English, "something new"), "something new");
    }
}
