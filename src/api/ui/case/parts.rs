//! The parts of a case with their models, the jobs that print them, and the pieces that came out.

use maud::{Markup, html};
use serde_json::json;

use super::{Known, choice, choices, fold_out, heads, maybe, said, section, steps, word};
use crate::api::pictures;
use crate::api::quality::shapes::{PartAbout, PartQuality, PrintedBrief, RevisionView};
use crate::api::shapes::JobView;
use crate::api::ui::hands::state_word;
use crate::api::ui::kit::{self, Field, Sends};
use crate::api::ui::queue::rooms;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, cases as words, common};
use crate::domain::ids::FileHash;
use crate::domain::people::roles::Permission;
use crate::domain::quality::case::CaseState;
use crate::domain::quality::order::QUANTITY_MAX;
use crate::preview::Pixels;
use crate::services::preview::{Seen, Subject};

/// Pixels of a model beside its part, and of a print beside its job.
const MODEL: u16 = 200;
const PRINT: u16 = 96;

const KINDS: &[(&str, Text)] = &[
    ("component", words::COMPONENT),
    ("guide", words::GUIDE),
    ("holder", words::HOLDER),
    ("coupon", words::COUPON),
];
const SIDES: &[(&str, Text)] = &[
    ("left", words::LEFT),
    ("right", words::RIGHT),
    ("bilateral", words::BILATERAL),
    ("unpaired", words::UNPAIRED),
];
const CONTACTS: &[(&str, Text)] = &[
    ("none", words::TOUCHES_NOTHING),
    ("skin", words::TOUCHES_SKIN),
    ("sterile_field", words::TOUCHES_STERILE),
];
const UNITS: [&str; 6] = ["mm", "cm", "m", "um", "inch", "ft"];
const PIECE_COLUMNS: [Text; 5] = [words::SERIAL, words::STATE, common::TO_DO, common::PRINTER, words::LABEL];
const REVISION_STATES: &[(&str, Text)] =
    &[("proposed", words::PROPOSED), ("approved", words::APPROVED), ("obsolete", words::OBSOLETE)];

/// Nobody waits for a picture: one that is not drawn yet comes with a later look.
fn picture(viewer: &Viewer, file: &str, subject: Subject, size: u16, alt: &str) -> Markup {
    let Ok(file) = file.parse::<FileHash>() else { return html! {} };
    let pixels = Pixels::new(size).unwrap_or_default();
    html! {
        @match viewer.app.previews.look(&file, subject, pixels) {
            Seen::Here(()) => {
                img src=(pictures::path(&file, subject, Some(pixels))) alt=(alt) decoding="sync";
            },
            Seen::Soon => { span.soon { (viewer.say(words::PICTURE_SOON)) } },
            Seen::Never(_) => { span.soon { (viewer.say(words::PICTURE_NONE)) } },
        }
    }
}

pub(super) fn parts(viewer: &Viewer, known: &Known) -> Markup {
    let may = viewer.may(Permission::Design) && !known.state.is_locked();
    let count = known.quality.parts.len();
    section(
        viewer,
        "parts",
        words::PARTS,
        &count.to_string(),
        html! {
            @for part in &known.quality.parts { (card(viewer, known, part, may)) }
            @if count == 0 {
                @let next = if may { words::NO_PART_ADD } else { words::NO_PART_YET };
                @let roles = steps::roles_in_words(viewer, Permission::Design.roles());
                @let by = (!may).then(|| html! { (viewer.fill(words::PARTS_BY, &[("roles", &roles)])) });
                (kit::empty(viewer.say(next), by))
            }
            @if may {
                @let to = format!("POST /v1/cases/{}/parts", known.token);
                @let name = Field::text("name", viewer.say(words::PART_NAME)).required().most(40);
                @let name = name.hint(viewer.say(words::PART_NAME_HINT)).input();
                (Sends::new("add-part", &to, viewer.say(words::ADD_PART)).form(viewer, name))
            }
        },
    )
}

fn card(viewer: &Viewer, known: &Known, part: &PartQuality, may: bool) -> Markup {
    let number = part.number;
    let current = part.revisions.last();
    html! {
        article.part id=(format!("part-{number}")) aria-labelledby=(format!("part-{number}-name")) {
            div.model {
                @if let Some(current) = current {
                    @let alt = viewer.fill(words::MODEL_OF, &[("n", &number)]);
                    a href=(format!("/v1/models/{}/picture", current.model)) {
                        (picture(viewer, &current.model, Subject::Model, MODEL, &alt))
                    }
                } @else { span.soon { (viewer.say(words::NO_MODEL)) } }
            }
            div.stack {
                h3 id=(format!("part-{number}-name")) { (number) " " (part.name) }
                @if let Some(about) = &part.about { (facts(viewer, about)) } @else {
                    p.quiet { (viewer.say(words::NOT_DESCRIBED)) }
                }
                @if let Some(current) = current { (revision(viewer, current)) }
                @if part.revisions.len() > 1 { (earlier(viewer, part)) }
                @if may { (describe(viewer, known, part)) }
                @if may && part.about.is_some() && matches!(known.state, CaseState::Designing) {
                    (revise(viewer, known, part))
                }
                @if viewer.may(Permission::Queue) && may_queue(&known.state) {
                    @let queue = format!("/queue/new?case={}&part={number}", known.token);
                    p.buttons {
                        @if let Some(current) = current.filter(|_| known.processes.is_some()) {
                            @let slice = format!("{queue}&model={}", current.model);
                            a.button href=(slice) { (viewer.say(words::SLICE_IT)) }
                        }
                        a.button href=(queue) { (viewer.say(words::PRINT_IT)) }
                    }
                    @if !matches!(known.state, CaseState::InProduction { .. }) {
                        p.quiet { (viewer.say(words::PRINT_LATER)) }
                    }
                }
            }
        }
    }
}

/// A job may be queued then, whether or not it may begin already.
const fn may_queue(state: &CaseState) -> bool {
    matches!(state, CaseState::InProduction { .. } | CaseState::InQc { .. } | CaseState::Rework { .. })
}

fn facts(viewer: &Viewer, about: &PartAbout) -> Markup {
    let anatomy: Vec<&str> = [&about.region, &about.subregion, &about.structure]
        .into_iter()
        .filter_map(|label| label.as_ref().map(|label| label.as_str()))
        .collect();
    html! {
        dl.facts {
            dt { (viewer.say(words::KIND)) }
            dd {
                (said(viewer, KINDS, &word(&about.kind)))
                @if !about.required { " · " (viewer.say(words::NOT_REQUIRED)) }
            }
            @if !anatomy.is_empty() { dt { (viewer.say(words::ANATOMY)) } dd { (anatomy.join(", ")) } }
            dt { (viewer.say(words::SIDE)) }
            dd {
                @match &about.laterality {
                    Some(side) => { strong { (said(viewer, SIDES, &word(side))) } },
                    None => { span.old { (viewer.say(words::SIDE_UNKNOWN)) } },
                }
            }
            @if let Some(ordered) = &about.ordered {
                dt { (viewer.say(words::ORDERED)) }
                dd {
                    (viewer.fill(words::PIECES, &[("n", &ordered.quantity)]))
                    @if let Some(scale) = ordered.scale.map(f64::from) {
                        ", " (viewer.fill(words::AT_SCALE, &[("scale", &scale)]))
                    }
                    @if let Some(material) = &ordered.material { ", " (material) }
                    @if let Some(colour) = &ordered.colour { ", " (colour) }
                }
            }
            @if word(&about.contact) != "none" {
                dt { (viewer.say(words::CONTACT)) } dd { (said(viewer, CONTACTS, &word(&about.contact))) }
            }
            @if let Some(group) = &about.group { dt { (viewer.say(words::GROUP)) } dd { (group) } }
            @if let Some(comment) = &about.comment { dt { (viewer.say(words::COMMENT)) } dd { (comment) } }
        }
    }
}

fn revision(viewer: &Viewer, of: &RevisionView) -> Markup {
    let size: Vec<_> = of.size_mm.iter().map(|side| viewer.number(*side, 1)).collect();
    html! {
        p {
            strong { (viewer.fill(words::REVISION, &[("n", &of.number)])) }
            " " span.chip data-state=[(of.state == "approved").then_some("good")] {
                (said(viewer, REVISION_STATES, &of.state))
            }
            @if of.mirrored { " " span.chip data-state="wants" { (viewer.say(words::MIRRORED)) } }
            @if of.modified { " " span.chip data-state="wants" { (viewer.say(words::MODIFIED)) } }
        }
        p.quiet {
            (size.join(" × ")) " mm · "
            @if (of.scale - 1.0).abs() > 1e-9 {
                (viewer.fill(words::AT_SCALE, &[("scale", &viewer.decimal(of.scale))])) " · "
            }
            (viewer.grouped(of.triangles)) " " (viewer.say(words::TRIANGLES)) " · "
            (of.by) ", " (viewer.when(&of.at))
            @if let Some(software) = &of.software { " · " (software) }
        }
    }
}

fn earlier(viewer: &Viewer, part: &PartQuality) -> Markup {
    let before = part.revisions.iter().rev().skip(1);
    let markup = html! { @for of in before { (revision(viewer, of)) } };
    fold_out(&format!("part-{}-before", part.number), viewer.say(words::EARLIER), markup)
}

fn describe(viewer: &Viewer, known: &Known, part: &PartQuality) -> Markup {
    let about = part.about.as_ref();
    let (id, to) = (format!("describe-{}", part.number), step_path(known, part));
    let ordered = about.and_then(|about| about.ordered.as_ref());
    let quantity = ordered.map(|of| of.quantity.to_string()).unwrap_or_default();
    let scale = ordered.and_then(|of| of.scale).map(|scale| f64::from(scale).to_string()).unwrap_or_default();
    let material = ordered.and_then(|of| maybe(of.material.as_ref())).unwrap_or_default();
    let colour = ordered.and_then(|of| maybe(of.colour.as_ref())).unwrap_or_default();
    let (segmented, processed) =
        about.map(|about| (about.individually_segmented, about.individually_processed)).unwrap_or_default();
    let kind = about.map_or_else(|| "component".to_owned(), |about| word(&about.kind));
    let side = about.and_then(|about| about.laterality.as_ref()).map(word).unwrap_or_default();
    let units = about.and_then(|about| about.units.as_ref()).map_or_else(|| "mm".to_owned(), word);
    let contact = about.map(|about| word(&about.contact)).unwrap_or_default();
    let mut sides = vec![("", viewer.say(words::NOT_SAID).to_owned())];
    sides.extend(choices(viewer, SIDES));
    let all_units: Vec<_> = UNITS.iter().map(|unit| (*unit, (*unit).to_owned())).collect();
    let text = |name: &str, label: Text, value: String| {
        Field::text(name, viewer.say(label)).value(&value).most(40).input()
    };
    let remark = about.and_then(|about| maybe(about.comment.as_ref())).unwrap_or_default();
    let remark = Field::text("about.comment", viewer.say(words::COMMENT)).value(&remark).most(60).input();
    let how_many = Field::number("about.ordered.quantity", viewer.say(words::QUANTITY)).value(&quantity);
    let scale = Field::number("about.ordered.scale", viewer.say(words::SCALE)).value(&scale);
    let scale = scale.between(&(0.0..=1e3)).input();
    let of = |get: fn(&PartAbout) -> Option<String>| about.and_then(get).unwrap_or_default();
    let tick = |name: &str, label: Text, on: bool| kit::tick(name, viewer.say(label), on);
    let fields = html! {
        div.fields {
            (choice("about.kind", viewer.say(words::KIND), &kind, None, &choices(viewer, KINDS)))
            (choice("about.laterality", viewer.say(words::SIDE), &side, None, &sides))
            (text("about.structure", words::STRUCTURE, of(|about| maybe(about.structure.as_ref()))))
            (text("about.region", words::REGION, of(|about| maybe(about.region.as_ref()))))
            (text("about.subregion", words::SUBREGION, of(|about| maybe(about.subregion.as_ref()))))
            (choice("about.units", viewer.say(words::UNITS_OF), &units, None, &all_units))
            (how_many.whole(1, QUANTITY_MAX.into()).input())
            (scale)
            (text("about.ordered.material", common::MATERIAL, material))
            (text("about.ordered.colour", words::COLOUR, colour))
            (choice("about.contact", viewer.say(words::CONTACT), &contact, None, &choices(viewer, CONTACTS)))
            (text("about.group", words::GROUP, of(|about| maybe(about.group.as_ref()))))
            (text("about.guide_type", words::GUIDE_TYPE, of(|about| maybe(about.guide_type.as_ref()))))
            (remark)
        }
        (tick("about.required", words::REQUIRED, about.is_none_or(|about| about.required)))
        (tick("about.dominant", words::DOMINANT, about.is_some_and(|about| about.dominant)))
        (tick("about.individually_segmented", words::SEGMENTED, segmented))
        (tick("about.individually_processed", words::PROCESSED, processed))
    };
    let sends = Sends { fixed: json!({"is": "described"}), ..Sends::new(&id, &to, viewer.say(common::SAVE)) };
    fold_out(&format!("{id}-fold"), viewer.say(words::DESCRIBE_PART), sends.form(viewer, fields))
}

fn step_path(known: &Known, part: &PartQuality) -> String {
    format!("POST /v1/cases/{}/parts/{}/steps", known.token, part.number)
}

/// Uploads a model and hands it in as the next revision; `model.js` sends the file first.
fn revise(viewer: &Viewer, known: &Known, part: &PartQuality) -> Markup {
    let (id, to) = (format!("revise-{}", part.number), step_path(known, part));
    let mut units = vec![("", viewer.say(words::UNITS_AS_PART).to_owned())];
    units.extend(UNITS.iter().map(|unit| (*unit, (*unit).to_owned())));
    let says = json!({
        "sending": viewer.say(words::SENDING), "reading": viewer.say(words::READING),
        "open": viewer.say(words::NOT_WATERTIGHT), "large": viewer.say(words::FITS_NONE),
    });
    let scale = Field::number("revision.scale", viewer.say(words::SCALE));
    let of_part = part.about.as_ref().and_then(|about| about.units.as_ref()).map(word).unwrap_or_default();
    let fields = html! {
        div.fields data-use="model" data-rooms=[rooms(viewer)] data-words=(says.to_string())
            data-units=(of_part) {
            label.field {
                span { (viewer.say(words::MODEL_FILE)) }
                input type="file" accept=".stl,.obj,.3mf" required;
                small { (viewer.say(words::MODEL_HINT)) }
            }
            input type="hidden" name="revision.model" value="";
            (choice("revision.units", viewer.say(words::UNITS_OF), "", None, &units))
            (scale.hint(viewer.say(words::SCALE_HINT)).input())
            (Field::text("revision.software", viewer.say(words::SOFTWARE)).most(40).input())
            p.sending data-keep hidden role="status" {
                progress max="1" value="0" aria-label=(viewer.say(words::SENDING)) {} " " span {}
            }
        }
        (kit::tick("revision.mirrored", viewer.say(words::IS_MIRRORED), false))
        (kit::tick("revision.modified", viewer.say(words::IS_MODIFIED), false))
    };
    let sends = Sends { fixed: json!({"is": "revised"}), ..Sends::new(&id, &to, viewer.say(words::REVISE)) };
    fold_out(&format!("{id}-fold"), viewer.say(words::NEW_REVISION), sends.form(viewer, fields))
}

pub(super) fn printed(viewer: &Viewer, known: &Known) -> Markup {
    let all = &known.quality.printed;
    let markup = html! {
        @if all.is_empty() { p.quiet { (viewer.say(words::NOTHING_PRINTED)) } } @else {
            div.scroll {
                table {
                    (heads(viewer, &PIECE_COLUMNS))
                    tbody { @for of in all { (piece(viewer, known, of)) } }
                }
            }
        }
    };
    section(viewer, "printed", words::PRINTED_PARTS, &all.len().to_string(), markup)
}

fn piece(viewer: &Viewer, known: &Known, of: &PrintedBrief) -> Markup {
    let serial = &of.serial;
    let (state, why) = (state_word(&of.words), known.whys.get(serial));
    // Behind the case's own token: part and attempt.
    let short = serial.strip_prefix(known.token.as_str()).unwrap_or(serial).trim_start_matches('-');
    html! {
        tr id=(format!("piece-{serial}")) {
            th scope="row" {
                a href=(format!("/printed/{serial}")) title=(serial) { code { (short) } }
                @if let Some(revision) = of.revision {
                    " " small { (viewer.fill(words::REVISION, &[("n", &revision)])) }
                }
            }
            td {
                (kit::state(viewer, state))
                @if let Some(why) = why { p.why { (why) } }
                @for doubt in &of.doubts { p.why { (viewer.told(&doubt.words)) } }
            }
            td { (viewer.told(&of.todo)) }
            td {
                @if let Some(printer) = &of.printer { a href=(format!("/printers/{printer}")) { (printer) } }
            }
            td {
                @if known.labelled.contains(serial) {
                    a href=(format!("/v1/printed/{serial}/label?format=pdf")) {
                        (viewer.say(words::LABEL)) span.unseen { " " (serial) }
                    }
                }
            }
        }
    }
}

pub(super) fn jobs(viewer: &Viewer, known: &Known) -> Markup {
    let count = known.jobs.len() + known.more_jobs;
    let markup = html! {
        @if known.jobs.is_empty() { p.quiet { (viewer.say(words::NO_JOB)) } }
        @if !known.jobs.is_empty() {
            ul.jobs { @for job in &known.jobs { (job_line(viewer, job)) } }
        }
        @if known.more_jobs > 0 { p.quiet { (viewer.fill(words::MORE, &[("n", &known.more_jobs)])) } }
    };
    section(viewer, "jobs", words::JOBS, &count.to_string(), markup)
}

fn job_line(viewer: &Viewer, job: &JobView) -> Markup {
    let look = format!("/look?job={}", job.id);
    let alt = viewer.fill(words::PRINT_OF, &[("job", &job.id)]);
    let drawn = !matches!(job.state.as_str(), "slicing" | "not_sliced");
    html! {
        li id=(format!("job-{}", job.id)) {
            a.print href=(look) {
                @if drawn { (picture(viewer, &job.file, Subject::Sides, PRINT, &alt)) }
            }
            div {
                p {
                    a href=(look) { code { (job.id) } } " " (kit::state(viewer, &job.state))
                    @if let Some(printer) = &job.printer {
                        " · " a href=(format!("/printers/{printer}")) { (printer) }
                    }
                }
                p.quiet {
                    (job.part.number) " " (job.part.name) " · "
                    @match (&job.ended, &job.started) {
                        (Some(ended), _) => { (viewer.say(words::ENDED)) " " (viewer.when(ended)) },
                        (None, Some(started)) => { (viewer.say(words::STARTED)) " " (viewer.when(started)) },
                        (None, None) => { (viewer.say(words::QUEUED)) " " (viewer.when(&job.queued)) },
                    }
                }
                @if let Some(why) = &job.why { p.why { (viewer.told(why)) } }
                @if let Some(paused) = &job.paused { p.why { (viewer.told(paused)) } }
            }
        }
    }
}
