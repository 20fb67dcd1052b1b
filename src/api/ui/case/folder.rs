//! What is filed of a case: the order, how far it came when, signatures, faults, time, money, units, reports.

use maud::{Markup, html};
use serde_json::json;

use super::{Known, choice, choices, digest, fold_out, maybe, said, section, word};
use crate::api::quality::shapes::{CaseAbout, NonconformanceView, SignatureView};
use crate::api::ui::cases::use_words;
use crate::api::ui::kit::{self, Field, Sends};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, cases as words, common, states};
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::CaseState;

const KINDS: &[(&str, Text)] =
    &[("model", words::KIND_MODEL), ("guide", words::KIND_GUIDE), ("both", words::KIND_BOTH)];
const PRIORITIES: &[(&str, Text)] =
    &[("routine", states::ROUTINE), ("urgent", states::URGENT), ("emergency", states::EMERGENCY)];
const MEANINGS: &[(&str, Text)] = &[
    ("approved", words::MEANS_APPROVED),
    ("released", words::MEANS_RELEASED),
    ("use_as_is", words::MEANS_AS_IS),
];
const PROOFS: &[(&str, Text)] = &[("password", words::BY_PASSWORD), ("name", words::BY_NAME)];
const ROLES: &[(&str, Text)] = &[("clinician", words::CLINICIAN), ("non_clinician", words::NON_CLINICIAN)];
const CATEGORIES: &[(&str, Text)] = &[
    ("consultation", words::CONSULTATION),
    ("segmentation", words::SEGMENTATION),
    ("cad", words::CAD),
    ("preparation", words::PREPARATION),
];
const COSTS: &[(&str, Text)] = &[
    ("material", common::MATERIAL),
    ("machine", words::COST_MACHINE),
    ("labour", words::COST_LABOUR),
    ("consumables", words::COST_CONSUMABLES),
    ("overhead", words::COST_OVERHEAD),
    ("other", words::COST_OTHER),
];
const CAUSES: &[(&str, Text)] = &[
    ("dimension", words::CAUSE_DIMENSION),
    ("surface", words::CAUSE_SURFACE),
    ("breakage", words::CAUSE_BREAKAGE),
    ("incomplete", words::CAUSE_INCOMPLETE),
    ("wrong_file", words::CAUSE_FILE),
    ("wrong_material", words::CAUSE_MATERIAL),
    ("wrong_side", words::CAUSE_SIDE),
    ("contamination", words::CAUSE_CONTAMINATION),
    ("labelling", words::CAUSE_LABELLING),
    ("machine", words::CAUSE_MACHINE),
    ("handling", words::CAUSE_HANDLING),
    ("other", words::CAUSE_OTHER),
];
const SEVERITIES: &[(&str, Text)] =
    &[("minor", words::MINOR), ("major", words::MAJOR), ("critical", words::CRITICAL)];
const FAULT_STATES: &[(&str, Text)] =
    &[("open", words::FAULT_OPEN), ("disposed", words::FAULT_DECIDED), ("closed", words::FAULT_CLOSED)];
const DISPOSITIONS: &[(&str, Text)] = &[
    ("scrap", words::SCRAP),
    ("reprint", words::REPRINT),
    ("rework", words::REWORK_IT),
    ("use_as_is", words::MEANS_AS_IS),
];

pub(super) fn order(viewer: &Viewer, known: &Known) -> Markup {
    let about = known.quality.about.as_ref();
    let is_open = !known.state.is_locked() && !matches!(known.state, CaseState::OnHold { .. });
    let markup = html! {
        @if let Some(about) = about { (ordered(viewer, known, about)) } @else {
            p.quiet { (viewer.say(words::NOT_ORDERED)) }
        }
        @if is_open && viewer.may(Permission::OpenCase) {
            (fold_out("describe-fold", viewer.say(words::DESCRIBE), describe(viewer, known)))
        }
    };
    section(viewer, "order", words::ORDER, "", markup)
}

fn ordered(viewer: &Viewer, known: &Known, about: &CaseAbout) -> Markup {
    let optional = |label: Text, value: Option<String>| {
        html! { @if let Some(value) = value { dt { (viewer.say(label)) } dd { (value) } } }
    };
    html! {
        dl.facts {
            dt { (viewer.say(words::KIND)) } dd { (said(viewer, KINDS, &word(&about.kind))) }
            dt { (viewer.say(words::INTENDED_USE)) } dd { (use_words(viewer, known.intended_use)) }
            dt { (viewer.say(words::SERVICE)) } dd { (about.service) }
            (optional(words::REQUESTER, maybe(about.requester.as_ref())))
            (optional(words::INDICATION, maybe(about.indication.as_ref())))
            (optional(words::MODALITY, maybe(about.modality.as_ref())))
            (optional(words::NEEDED, about.needed_by.map(|day| viewer.day(&day.to_string()))))
            (optional(words::APPROPRIATENESS, about.appropriateness.map(|rated| format!("{rated} / 9"))))
            (optional(words::AGREED, maybe(about.acceptance.as_ref())))
            @if let Some(process) = &known.quality.process {
                dt { (viewer.say(words::PROCESS)) }
                dd {
                    (process)
                    @if let Some(version) = known.quality.process_version {
                        " " small { (viewer.fill(words::VERSION, &[("n", &version)])) }
                    }
                }
            }
        }
    }
}

fn describe(viewer: &Viewer, known: &Known) -> Markup {
    let about = known.quality.about.as_ref();
    let of = |get: fn(&CaseAbout) -> Option<String>| about.and_then(get).unwrap_or_default();
    let kind = about.map(|about| word(&about.kind)).unwrap_or_default();
    let priority = about.map(|about| word(&about.priority)).unwrap_or_default();
    let priorities = choices(viewer, PRIORITIES);
    let day = of(|about| about.needed_by.map(|day| day.to_string()));
    let service = of(|about| Some(about.service.to_string()));
    let service = Field::text("about.service", viewer.say(words::SERVICE)).value(&service);
    let indication = of(|about| maybe(about.indication.as_ref()));
    let requester = of(|about| maybe(about.requester.as_ref()));
    let of_birth = viewer.say(words::LOOKS_LIKE_BIRTH);
    // Where somebody may write who the patient is, a date is asked about.
    let text = |name: &str, label: Text, value: String, most: u16, hint: &str| {
        html! {
            label.field {
                span { (viewer.say(label)) }
                input name=(name) value=(value) maxlength=(most) data-ask-dates=(of_birth);
                @if !hint.is_empty() { small { (hint) } }
            }
        }
    };
    let today = viewer.app.config.zone.day(viewer.now());
    let day = html! {
        label.field {
            span { (viewer.say(words::NEEDED)) }
            input type="date" name="about.needed_by" value=(day) data-ask-before=(today)
                data-ask-words=(viewer.say(words::DAY_IS_OVER));
        }
    };
    let rated = of(|about| about.appropriateness.map(|rated| rated.to_string()));
    let rated =
        Field::number("about.appropriateness", viewer.say(words::APPROPRIATENESS)).value(&rated).whole(1, 9);
    let fields = html! {
        div.fields {
            (choice("about.kind", viewer.say(words::KIND), &kind, None, &choices(viewer, KINDS)))
            (service.required().most(40).input())
            (text("about.requester", words::REQUESTER, requester, 40, viewer.say(words::REQUESTER_HINT)))
            (text("about.indication", words::INDICATION, indication, 100, ""))
            (text("about.modality", words::MODALITY, of(|about| maybe(about.modality.as_ref())), 40, ""))
            (day)
            (choice("about.priority", viewer.say(words::PRIORITY), &priority, None, &priorities))
            (rated.hint(viewer.say(words::APPROPRIATENESS_HINT)).input())
            (text("about.acceptance", words::AGREED, of(|about| maybe(about.acceptance.as_ref())), 280, ""))
        }
        p.quiet { (viewer.say(words::NO_NAMES)) }
    };
    let (to, label) = (known.steps(), viewer.say(common::SAVE));
    Sends { fixed: json!({"is": "described"}), ..Sends::new("describe", &to, label) }.form(viewer, fields)
}

/// How the quality half calls a state, as the page's words have it.
fn reached_word(state: &str) -> &str {
    match state {
        "a draft" => "draft",
        "being designed" => "in design",
        "in rework" => "rework",
        other => other,
    }
}

pub(super) fn timeline(viewer: &Viewer, known: &Known) -> Markup {
    let markup = html! {
        ol.way {
            li { span { (viewer.say(words::OPENED)) } " " (viewer.at(known.opened)) }
            // A draft is what it was opened as.
            @let drafts = known.quality.reached.first().filter(|first| first.state == "a draft");
            @for reached in known.quality.reached.iter().skip(usize::from(drafts.is_some())) {
                li { (kit::state(viewer, reached_word(&reached.state))) " " (viewer.when(&reached.at)) }
            }
        }
        @if viewer.may(Permission::ReadMessages) {
            p { a href=(format!("/cases/{}/story", known.token)) { (viewer.say(words::STORY)) } }
        }
    };
    section(viewer, "timeline", words::TIMELINE, "", markup)
}

pub(super) fn signatures(viewer: &Viewer, known: &Known) -> Markup {
    let all = &known.quality.signatures;
    let markup = html! {
        @if all.is_empty() { p.quiet { (viewer.say(words::NOTHING_SIGNED)) } }
        @for of in all.iter().rev() { (signature(viewer, of)) }
    };
    section(viewer, "signatures", words::SIGNATURES, "", markup)
}

fn signature(viewer: &Viewer, of: &SignatureView) -> Markup {
    let what = match (of.of.as_str(), &of.thing) {
        ("design", _) => viewer.say(words::THE_DESIGN).to_owned(),
        (_, Some(thing)) => thing.clone(),
        _ => viewer.say(words::THE_CASE).to_owned(),
    };
    let (state, says) = if of.voided.is_some() { ("bad", words::VOID) } else { ("good", words::VALID) };
    html! {
        article.signature id=(format!("signature-{}", of.number)) data-void[of.voided.is_some()] {
            p {
                strong { (of.printed_name.as_deref().unwrap_or(&of.by)) }
                @if of.printed_name.is_some() { " (" (of.by) ")" }
                " " span.chip data-state=(state) {
                    (viewer.say(says)) @if let Some(voided) = &of.voided { " " (viewer.when(voided)) }
                }
            }
            p { (said(viewer, MEANINGS, &of.meaning)) ": " (what) }
            p.quiet {
                (viewer.when(&of.at)) " · " (said(viewer, PROOFS, &of.proof)) " · " (digest(&of.digest))
            }
        }
    }
}

pub(super) fn nonconformances(viewer: &Viewer, known: &Known) -> Markup {
    let all = &known.quality.nonconformances;
    let open = all.iter().filter(|of| of.state != "closed").count();
    let beside = if open == 0 { String::new() } else { viewer.fill(words::FAULTS_OPEN, &[("n", &open)]) };
    let markup = html! {
        @if all.is_empty() { p.quiet { (viewer.say(words::NO_FAULT)) } }
        @for of in all { (fault(viewer, of)) }
        @if viewer.may(Permission::RaiseNonconformance) {
            (fold_out("report-fault-fold", viewer.say(words::REPORT_FAULT), report_fault(viewer, known)))
        }
    };
    section(viewer, "nonconformances", words::FAULTS, &beside, markup)
}

fn fault(viewer: &Viewer, of: &NonconformanceView) -> Markup {
    use crate::api::quality::shapes::About;
    let state = match of.state.as_str() {
        "open" => "bad",
        "disposed" => "wants",
        _ => "good",
    };
    html! {
        article.fault id=(format!("fault-{}", of.id)) {
            p {
                span.chip data-state=(state) { (said(viewer, FAULT_STATES, &of.state)) } " "
                strong { (said(viewer, CAUSES, &of.cause)) } ", " (said(viewer, SEVERITIES, &of.severity))
                @if let About::Part { serial } = &of.about {
                    " · " a href=(format!("/printed/{serial}")) { code { (serial) } }
                }
            }
            p { (of.what) }
            @if let Some(disposition) = &of.disposition {
                p {
                    (viewer.say(words::DECIDED)) ": " (said(viewer, DISPOSITIONS, disposition))
                    @if let Some(why) = &of.why { " – " (why) }
                    @if let Some(by) = &of.decided_by { " (" (by) ")" }
                }
            }
            @if let Some(capa) = &of.capa { p { (viewer.say(words::AGAINST_CAUSE)) ": " (capa) } }
            p.quiet { (of.by) ", " (viewer.when(&of.at)) " · " code { (of.id) } }
        }
    }
}

fn report_fault(viewer: &Viewer, known: &Known) -> Markup {
    let what = Field::text("what", viewer.say(words::WHAT_IS_WRONG)).required().most(280);
    let fields = html! {
        (Field::text("cause", viewer.say(words::CAUSE)).choice(&choices(viewer, CAUSES)))
        (Field::text("severity", viewer.say(words::SEVERITY)).choice(&choices(viewer, SEVERITIES)))
        (what.hint(viewer.say(words::FAULT_HINT)).input())
    };
    let fixed = json!({"about": {"of": "case", "case": known.token}});
    let label = viewer.say(words::REPORT_IT);
    Sends { fixed, ..Sends::new("report-fault", "POST /v1/nonconformances", label) }.form(viewer, fields)
}

pub(super) fn effort(viewer: &Viewer, known: &Known) -> Markup {
    let efforts = &known.efforts;
    let minutes: u64 = efforts.buckets.iter().map(|bucket| bucket.minutes).sum();
    let spent = efforts.buckets.iter().filter(|bucket| bucket.minutes > 0 || bucket.unknown > 0);
    let markup = html! {
        @if efforts.entries.is_empty() { p.quiet { (viewer.say(words::NO_EFFORT)) } } @else {
            dl.facts {
                @for bucket in spent {
                    dt {
                        (said(viewer, CATEGORIES, &bucket.category)) ", " (said(viewer, ROLES, &bucket.role))
                    }
                    dd {
                        (viewer.span(bucket.minutes * 60))
                        @if bucket.unknown > 0 {
                            " " small { (viewer.fill(words::AND_UNKNOWN, &[("n", &bucket.unknown)])) }
                        }
                    }
                }
            }
            (fold_out("effort-all", viewer.say(words::ENTRIES), html! {
                ul { @for entry in &efforts.entries {
                    li {
                        (entry.by) ", " (viewer.when(&entry.at)) ": "
                        (said(viewer, CATEGORIES, &entry.category)) ", "
                        @match entry.minutes {
                            Some(minutes) => { (viewer.span(u64::from(minutes) * 60)) },
                            None => { (viewer.say(common::UNKNOWN)) },
                        }
                    }
                } }
            }))
        }
        @if viewer.may(Permission::RecordEffort) {
            (fold_out("note-effort-fold", viewer.say(words::NOTE_EFFORT), note_effort(viewer, known)))
        }
    };
    let beside = if minutes == 0 { String::new() } else { viewer.span(minutes * 60) };
    section(viewer, "effort", words::EFFORT, &beside, markup)
}

fn note_effort(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/efforts", known.token);
    let minutes = Field::number("minutes", viewer.say(words::MINUTES)).whole(0, 65_535);
    let fields = html! {
        (Field::text("category", viewer.say(words::CATEGORY)).choice(&choices(viewer, CATEGORIES)))
        (Field::text("role", viewer.say(words::ROLE)).value("non_clinician").choice(&choices(viewer, ROLES)))
        (minutes.hint(viewer.say(words::MINUTES_HINT)).input())
    };
    Sends::new("note-effort", &to, viewer.say(words::NOTE_IT)).form(viewer, fields)
}

/// Whole units and hundredths, for the many currencies that have cents; the reports know the others.
fn money(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

pub(super) fn costs(viewer: &Viewer, known: &Known) -> Markup {
    let markup = html! {
        @if let Some(costs) = &known.costs {
            @if costs.entries.is_empty() { p.quiet { (viewer.say(words::NO_COST)) } } @else {
                dl.facts {
                    @for sum in &costs.sums {
                        dt { (said(viewer, COSTS, &sum.kind)) } dd { (money(sum.amount)) }
                    }
                }
                (fold_out("costs-all", viewer.say(words::ENTRIES), html! {
                    ul { @for entry in &costs.entries {
                        li {
                            (money(entry.amount.into())) " " (said(viewer, COSTS, &entry.kind)) ": "
                            (entry.what) " (" (entry.by) ", " (viewer.when(&entry.at)) ")"
                        }
                    } }
                }))
            }
        }
        @if viewer.may(Permission::RecordEffort) {
            (fold_out("note-cost-fold", viewer.say(words::NOTE_COST), note_cost(viewer, known)))
        }
    };
    section(viewer, "costs", words::COSTS, "", markup)
}

fn note_cost(viewer: &Viewer, known: &Known) -> Markup {
    let to = format!("POST /v1/cases/{}/costs", known.token);
    let amount = Field::number("amount", viewer.say(words::AMOUNT)).required().whole(0, 4_294_967_295);
    let fields = html! {
        (Field::text("kind", viewer.say(words::KIND)).choice(&choices(viewer, COSTS)))
        (amount.hint(viewer.say(words::AMOUNT_HINT)).input())
        (Field::text("what", viewer.say(words::WHAT_FOR)).required().most(100).input())
    };
    Sends::new("note-cost", &to, viewer.say(words::NOTE_IT)).form(viewer, fields)
}

/// What a coder has confirmed; what is proposed now takes the whole journal, and is asked for by `units.js`.
pub(super) fn units(viewer: &Viewer, known: &Known) -> Markup {
    let confirmable = known.state.confirm_units().is_ok() && viewer.may(Permission::ConfirmUnits);
    let says = json!({
        "code": viewer.say(words::CODE), "what": viewer.say(words::STANDS_FOR),
        "units": viewer.say(words::UNITS), "cap": viewer.say(words::CAP), "none": viewer.say(words::NO_UNITS),
        "note": viewer.say(words::CODER_NOTE),
        "confirm": viewer.say(words::CONFIRM), "warnings": viewer.say(words::WARNINGS),
        "confirmed": viewer.say(words::UNITS_CONFIRMED), "digest": viewer.say(words::PROPOSAL),
        "wait": viewer.say(words::COUNTING),
    });
    let markup = html! {
        @match &known.quality.confirmed {
            Some(of) => {
                p {
                    strong {
                        @for (index, (code, units)) in of.units.iter().enumerate() {
                            @if index > 0 { ", " } (code) " × " (units)
                        }
                        @if of.units.is_empty() { (viewer.say(words::NO_UNITS)) }
                    }
                }
                @if let Some(note) = &of.note { p { (note) } }
                p.quiet {
                    (viewer.say(words::CONFIRMED_BY)) " " (of.by) ", " (viewer.when(&of.at)) " · "
                    (digest(&of.of))
                }
            },
            None => { p.quiet { (viewer.say(words::NOT_CONFIRMED)) } },
        }
        div.sheet id="sheet" data-use="units" data-case=(known.token) data-may[confirmable]
            data-words=(says.to_string()) {
            button type="button" id="sheet-show" { (viewer.say(words::SHOW_PROPOSAL)) }
            div id="sheet-shown" data-keep {}
        }
    };
    section(viewer, "units", words::UNITS, "", markup)
}

pub(super) fn reports(viewer: &Viewer, known: &Known) -> Markup {
    let markup = html! {
        ul.reports {
            @for (kind, name) in [("case", words::REPORT_CASE), ("worksheet", words::REPORT_WORKSHEET)] {
                li {
                    @let report = format!("/v1/reports/{kind}?case={}", known.token);
                    a href=(report) target="_blank" rel="noopener" { (viewer.say(name)) }
                    @for (format, says) in [("json", "JSON"), ("csv", "CSV")] {
                        " · " a href=(format!("{report}&format={format}")) download {
                            (says) span.unseen { " " (viewer.say(name)) }
                        }
                    }
                }
            }
        }
        p.quiet { (viewer.say(words::REPORTS_NOTED)) }
    };
    section(viewer, "reports", words::REPORTS_OF, "", markup)
}
