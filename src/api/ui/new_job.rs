//! The page of a new job: a file, or a model to slice, that was sent before; what it is for, and what was found.

use maud::{Markup, html};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::kit::{self, Field, Sends, tick};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::queue::{
    drop_zone, found_later, material_field, material_list, materials, open_parts, part_field, printers, rooms,
};
use super::viewer::Viewer;
use super::words::{Text, cases as case_words, common, queue as words};
use crate::api::gate::told;
use crate::api::jobs::COPIES_MAX;
use crate::api::{AppState, Problem, pictures};
use crate::config::Printer;
use crate::domain::case::IntendedUse;
use crate::domain::finding::{Finding, Severity, refused};
use crate::domain::ids::{CaseToken, FileHash, PrinterName};
use crate::domain::lab::Lab;
use crate::domain::part::PartRef;
use crate::domain::people::roles::Permission;
use crate::domain::quality::printed::PrintedState;
use crate::gcode::analysis::Analysis;
use crate::io::offload::offload;
use crate::preview::Pixels;
use crate::services::gate::Reading;
use crate::services::preview::Subject;
use crate::services::resinfiles::ResinReading;
use crate::services::slicejobs::prints;
use crate::services::slicing::SliceError;
use crate::services::suits::{reads, takes};
use crate::slicing::process::{Process, use_word};

/// Pixels of the longer side of a picture here.
const PICTURE: u16 = 400;

/// What a new job can be for, and be made of.
struct Known {
    parts: Vec<(String, String)>,
    materials: BTreeSet<String>,
    /// `TOKEN/NUMBER`, as the address has it.
    chosen: String,
    /// By part as `chosen` names it: its current model, and how many of it were ordered and are there.
    models: BTreeMap<String, Value>,
    /// By part as `chosen` names it: what its case is for.
    uses: BTreeMap<String, IntendedUse>,
}

impl Known {
    /// What the part that is chosen is for.
    fn chosen_use(&self) -> Option<IntendedUse> {
        self.uses.get(&self.chosen).copied()
    }
}

/// A finding, the printers where it speaks, and whether these are all.
struct Found {
    finding: Finding,
    printers: Vec<PrinterName>,
    everywhere: bool,
}

/// A file as the page tells of it.
struct Read {
    bytes: u64,
    lines: u64,
    /// Nobody but its printer reads it: a person says what it takes.
    opaque: bool,
    /// Of the first printer that reads it.
    seconds: f64,
    layers: usize,
    slicer: Option<String>,
    grams: Option<f64>,
    millilitres: Option<f64>,
    material: Option<String>,
    /// Of what it lays down as the part, mm.
    size: Option<[f64; 3]>,
    found: Vec<Found>,
    passes: bool,
    /// The printers that take such a file at all: for filament, or for resin and of its format.
    offered: Vec<PrinterName>,
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let known = known(&viewer.app, &ask);
        let title = viewer.say(words::NEW_JOB);
        let (file, model) = (ask.query("file"), ask.query("model"));
        let mut pieces = Vec::new();
        match (file, model) {
            (Some(hash), _) => {
                let file: FileHash = hash.parse()?;
                let pinned = ask.query("printer").map(str::parse::<PrinterName>).transpose()?;
                let read = read(&viewer.app, &file, pinned.as_ref(), ask.query("material")).await?;
                pieces.push(head(&viewer, words::NEW_OF_FILE));
                pieces.push(of_file(&viewer, &file, &read, &known, pinned.as_ref()));
            }
            (None, Some(hash)) => {
                viewer.asker.may(Permission::Slice)?;
                let model: FileHash = hash.parse()?;
                viewer.app.intake.spool().verify(&model).await?;
                let processes = processes(&viewer.app).await?;
                pieces.push(head(&viewer, words::NEW_OF_MODEL));
                pieces.push(of_model(&viewer, &model, &processes, &known));
            }
            (None, None) => {
                pieces.push(head(&viewer, words::NEW_JOB));
                pieces.push(Piece::new("how", html! { p #how { (viewer.say(words::NEW_HOW)) } }));
                pieces.push(drop_zone(&viewer, &known.chosen));
            }
        }
        Ok(Content::new(title, pieces))
    })
}

fn known(app: &AppState, ask: &Ask) -> Known {
    app.recorder.read(|lab| {
        let mut parts = open_parts(lab);
        let case = ask.query("case").and_then(|case| case.parse::<CaseToken>().ok());
        let number = ask.query("part").and_then(|part| part.parse::<u16>().ok()).unwrap_or(1);
        let part = case.and_then(|case| lab.find_part(&case, &PartRef::Number(number)).ok());
        let chosen = part.map(|part| format!("{}/{}", part.case, part.number)).unwrap_or_default();
        // A case that is older than those to choose from.
        if let Some(part) = part.filter(|_| !parts.iter().any(|(piece, _)| *piece == chosen)) {
            parts.insert(
                0,
                (chosen.clone(), format!("{} · {} {}", part.case, part.number, part.name.as_str())),
            );
        }
        let models =
            parts.iter().filter_map(|(piece, _)| Some((piece.clone(), model(lab, piece)?))).collect();
        let uses = parts.iter().filter_map(|(piece, _)| Some((piece.clone(), use_of(lab, piece)?))).collect();
        Known { parts, materials: materials(lab), chosen, models, uses }
    })
}

/// What the case of a part is for.
fn use_of(lab: &Lab, piece: &str) -> Option<IntendedUse> {
    let (case, _) = piece.split_once('/')?;
    Some(lab.cases.get(&case.parse::<CaseToken>().ok()?)?.intended_use)
}

/// What `compare.js` holds a file against.
fn model(lab: &Lab, piece: &str) -> Option<Value> {
    let (case, number) = piece.split_once('/')?;
    let (case, number): (CaseToken, u16) = (case.parse().ok()?, number.parse().ok()?);
    let part = lab.find_part(&case, &PartRef::Number(number)).ok()?;
    let is_gone = |state: &PrintedState| {
        use PrintedState as S;
        matches!(state, S::Failed { .. } | S::Withdrawn | S::Scrapped { .. } | S::Recalled { .. })
            || matches!(state, S::Rejected { .. })
    };
    let there = lab.quality.attempts_at(&case, number).filter(|of| !is_gone(&of.state)).count();
    let mut told = json!({ "ordered": u8::from(lab.quality.ordered(&part.id)), "there": there });
    let record = lab.quality.parts.get(&part.id).filter(|record| record.revision > 0);
    let revision = record.and_then(|record| lab.quality.revisions.get(&(part.id.clone(), record.revision)));
    if let Some(revision) = revision {
        told["revision"] = revision.number.into();
        told["approved"] = (revision.state.word() == "approved").into();
        told["model"] = revision.of.mesh.to_string().into();
        told["size"] = revision.of.extents.iter().map(|side| side.mm()).collect::<Vec<_>>().into();
    }
    Some(told)
}

/// The file, and what speaks against it on the printers that may take it: the words of each finding once.
async fn read(
    app: &AppState,
    file: &FileHash,
    pinned: Option<&PrinterName>,
    material: Option<&str>,
) -> Result<Read, Problem> {
    let accepted = app.intake.accepted(file).await?;
    let resumes = app.recorder.read(|lab| lab.resume_file(file).is_some());
    let format = accepted.resin.as_deref().map(|resin| resin.said.format);
    let fits = |printer: &&Printer| {
        takes(printer, accepted.medium()).is_ok()
            && format.is_none_or(|format| reads(printer, format).is_ok())
    };
    let all = app.config.printers.iter().filter(fits).map(|printer| &printer.name);
    let offered = all.clone().cloned().collect();
    let printers: Vec<&PrinterName> =
        all.filter(|name| pinned.is_none_or(|pinned| *name == pinned)).collect();
    let (mut reading, mut judged) = (None, Vec::with_capacity(printers.len()));
    for printer in printers {
        let told = app.recorder.read(|lab| told(app, lab, printer));
        let asked = app.gate.asked(file, printer, told.as_deref(), material, resumes);
        judged.push((printer, app.gate.findings(&asked).await?));
        if reading.is_none() {
            reading = Some(app.gate.reading(&asked).await?);
        }
    }
    let is_warning = |one: &&Finding| one.severity == Severity::Warning;
    let passes = judged.iter().any(|(_, found)| refused(found, &[]).iter().all(is_warning));
    let mut found: Vec<Found> = Vec::new();
    for (printer, findings) in &judged {
        for finding in findings.iter() {
            match found.iter_mut().find(|known| known.finding == *finding) {
                Some(known) => known.printers.push((*printer).clone()),
                None => found.push(Found {
                    finding: finding.clone(),
                    printers: vec![(*printer).clone()],
                    everywhere: false,
                }),
            }
        }
    }
    for one in &mut found {
        one.everywhere = one.printers.len() == judged.len();
    }
    found.sort_by_key(|one| (std::cmp::Reverse(one.finding.severity), one.finding.line));
    let gcode = reading.as_deref().and_then(Reading::gcode);
    let metadata = gcode.map(|analysis| &analysis.metadata);
    let resin = accepted.resin.as_deref();
    let on = judged.first().and_then(|(name, _)| app.config.printer(name));
    let panel = on.and_then(|printer| printer.resin.as_deref()).map(|resin| &resin.panel);
    let claims = resin.map(|resin| &resin.said.claims);
    Ok(Read {
        bytes: accepted.bytes,
        lines: accepted.survey.lines,
        opaque: resin.is_some_and(ResinReading::is_opaque),
        seconds: gcode.map(|analysis| analysis.seconds).or_else(|| resin?.seconds(on)).unwrap_or(0.0),
        layers: reading.as_deref().map_or(0, Reading::layers),
        slicer: metadata.and_then(|metadata| metadata.slicer.clone()).or_else(|| claims?.slicer.clone()),
        grams: gcode.and_then(grams),
        millilitres: resin.and_then(|resin| resin.millilitres(panel)),
        material: metadata
            .and_then(|metadata| metadata.filament_type.first().cloned())
            .or_else(|| claims?.material.clone()),
        size: match gcode.map(|analysis| analysis.body.size()) {
            Some([Some(x), Some(y), Some(z)]) => Some([x, y, z]),
            Some(_) => None,
            None => resin.and_then(|resin| resin.size(panel)),
        },
        found,
        passes,
        offered,
    })
}

/// All of its filament, where the file names the density of each that it uses.
fn grams(analysis: &Analysis) -> Option<f64> {
    let used = analysis.filament.iter().enumerate().filter(|(_, length)| **length > 0.0);
    let weights: Option<Vec<f64>> = used.map(|(tool, _)| analysis.filament_of(tool).1).collect();
    weights.filter(|weights| !weights.is_empty()).map(|weights| weights.into_iter().sum())
}

/// The processes whose files some printer here takes.
async fn processes(app: &AppState) -> Result<Vec<Process>, Problem> {
    let Some(slicing) = app.slicing.clone() else { return Ok(Vec::new()) };
    let read = offload(move || slicing.catalogue()).await;
    let catalogue = read.unwrap_or(Err(SliceError::Ended))?;
    let fits = |process: &&Process| {
        let is_its = |printer: &Printer| printer.model.as_ref() == Some(&process.printer_model);
        app.config.printers.iter().any(|printer| is_its(printer) && prints(printer, process).is_ok())
    };
    Ok(catalogue.all().iter().filter(fits).cloned().collect())
}

fn head(viewer: &Viewer, title: Text) -> Piece {
    Piece::new(
        "head",
        html! {
            div.head #head {
                h1 { (viewer.say(title)) }
                a.end href="/queue" { (viewer.say(words::TITLE)) }
            }
        },
    )
}

/// The name that the file had, which only the browser that sent it knows.
fn name(hash: &FileHash, else_says: &str) -> Markup {
    html! { p #name { strong data-use="files" data-named=(hash) { (else_says) } } }
}

fn of_file(
    viewer: &Viewer,
    file: &FileHash,
    read: &Read,
    known: &Known,
    pinned: Option<&PrinterName>,
) -> Piece {
    let fixed = json!({ "file": file.to_string() });
    let sends = Sends {
        fixed,
        done: Some(viewer.say(words::QUEUED)),
        then: Some("/queue?open={id}"),
        ..Sends::new("new-job", "POST /v1/jobs", viewer.say(words::QUEUE_IT))
    };
    let material = read.material.as_deref().unwrap_or_default();
    let copies = Field::number("copies", viewer.say(words::COPIES)).value("1").whole(1, COPIES_MAX.into());
    let also = Field::text("also", viewer.say(words::ALSO)).hint(viewer.say(words::ALSO_HINT));
    let also = also.pattern("[0-9]+([ ,;]+[0-9]+)*[ ,;]*", viewer.say(words::ALSO_RULE));
    Piece::new(
        "new",
        html! {
            div.split #new {
                section.card aria-labelledby="what-for" data-use="queue" data-file=(file) {
                    h2 #what-for { (viewer.say(words::NEW_JOB)) }
                    (no_parts(viewer, known))
                    (material_list(&known.materials))
                    (sends.form(viewer, html! {
                        div.fields {
                            (part_field(viewer, &known.parts, &known.chosen))
                            (printer_field(viewer, pinned, Some(&read.offered)))
                            (material_field(viewer, material))
                            @if read.opaque { (said_fields(viewer)) }
                            (copies.input())
                            (becomes("list", also))
                        }
                        p.note id="too-many" data-keep data-state="wants" hidden role="status" {}
                        // Without a name: it is for whoever looks, and is not sent.
                        div.note id="differs" data-keep data-state="wants" hidden {
                            p { (viewer.say(words::DIFFERS)) }
                            label.tick { input type="checkbox"; span { (viewer.say(words::DIFFERS_SEEN)) } }
                        }
                        (ticks(viewer, read))
                        (found_later())
                    }))
                }
                section.card aria-labelledby="what-is-it" {
                    h2 #what-is-it { (viewer.say(words::FILE_OF)) }
                    (name(file, viewer.say(words::A_FILE)))
                    (facts(viewer, read))
                    (compared(viewer, file, read, known))
                }
            }
        },
    )
}

/// The file beside the current model of the part that is chosen: platen does not know whether it is one of it.
fn compared(viewer: &Viewer, file: &FileHash, read: &Read, known: &Known) -> Markup {
    let pixels = Pixels::new(PICTURE).unwrap_or_default();
    let picture = pictures::path(file, Subject::Sides, Some(pixels));
    let size = read.size.map(|size| size.map(|side| format!("{side:.3}")).join(" "));
    let says = json!({
        "revision": viewer.say(words::REVISION_OF), "proposed": viewer.say(words::NOT_APPROVED),
        "none": viewer.say(words::NO_REVISION), "choose": viewer.say(words::CHOOSE_FIRST),
        "size": viewer.say(words::SIZE_MM), "noSize": viewer.say(words::NO_SIZE),
        "picture": viewer.say(words::PICTURE_OF_MODEL), "noPicture": viewer.say(words::NO_PICTURE),
        "tooMany": viewer.say(words::MORE_THAN_ORDERED),
    });
    html! {
        h3 { (viewer.say(words::COMPARE)) }
        p.note id="not-compared" data-state="wants" { (viewer.say(words::NOT_COMPARED)) }
        div.compare id="compare" data-use="compare" data-keep data-words=(says.to_string())
            data-models=(serde_json::to_string(&known.models).unwrap_or_default()) data-size=[size] {
            figure {
                div.model-picture {}
                figcaption {}
            }
            figure {
                // What lays nothing has no picture.
                @if read.size.is_some() { img src=(picture) alt=(viewer.say(words::PICTURE_OF_FILE)); }
                @else { p.quiet { (viewer.say(words::NO_PICTURE)) } }
                figcaption {}
            }
        }
    }
}

fn no_parts(viewer: &Viewer, known: &Known) -> Markup {
    html! {
        @if known.parts.is_empty() {
            (kit::empty(viewer.say(words::NO_PARTS), Some(html! { a href="/cases" { (viewer.say(words::TO_CASES)) } })))
        }
    }
}

/// Of all printers, or of those that are offered.
fn printer_field(viewer: &Viewer, pinned: Option<&PrinterName>, offered: Option<&[PrinterName]>) -> Markup {
    // What is left empty is left out, and may run on any.
    let mut choices = vec![("", viewer.say(words::ANY_PRINTER).to_owned())];
    let is_offered =
        |name: &str| offered.is_none_or(|offered| offered.iter().any(|known| known.as_str() == name));
    choices.extend(printers(viewer).filter(|(name, _)| is_offered(name)));
    let chosen = pinned.map_or("", PrinterName::as_str);
    Field::text("printer", viewer.say(common::PRINTER)).value(chosen).choice(&choices)
}

fn facts(viewer: &Viewer, read: &Read) -> Markup {
    let seconds = std::time::Duration::try_from_secs_f64(read.seconds).map_or(0, |time| time.as_secs());
    html! {
        dl.facts {
            dt { (viewer.say(words::SIZE)) }
            dd { (viewer.fill(words::KILOBYTES, &[("n", &viewer.grouped(read.bytes.div_ceil(1_024)))])) }
            @if read.lines > 0 { dt { (viewer.say(words::LINES)) } dd { (viewer.grouped(read.lines)) } }
            @if seconds > 0 { dt { (viewer.say(words::TAKES)) } dd { (viewer.span(seconds)) } }
            @if read.opaque {
                dt { (viewer.say(words::LAYERS)) ", " (viewer.say(words::TAKES)) ", " (viewer.say(words::USES)) }
                dd { (viewer.say(words::UNKNOWN)) }
            }
            @if read.layers > 0 { dt { (viewer.say(words::LAYERS)) } dd { (read.layers) } }
            @if let Some(grams) = read.grams {
                dt { (viewer.say(words::USES)) }
                dd { (viewer.fill(words::GRAMS, &[("n", &viewer.number(grams, 0))])) }
            }
            @if let Some(millilitres) = read.millilitres {
                dt { (viewer.say(words::USES)) }
                dd { (viewer.fill(words::MILLILITRES, &[("n", &viewer.number(millilitres, 1))])) }
            }
            @if let Some(slicer) = &read.slicer { dt { (viewer.say(words::SLICER)) } dd { (slicer) } }
        }
    }
}

/// What nobody can read in an encrypted file.
pub(super) fn said_fields(viewer: &Viewer) -> Markup {
    let resin = Field::number("resin_ml", viewer.say(words::SAID_ML)).between(&(0.1..=100_000.0));
    let minutes = Field::number("minutes", viewer.say(words::SAID_MINUTES)).whole(1, 144_000);
    html! {
        p.note data-state="wants" { (viewer.say(words::SAID_HOW)) }
        (resin.input())
        (minutes.input())
    }
}

/// What was found, each warning with a box: who ticks it has looked.
fn ticks(viewer: &Viewer, read: &Read) -> Markup {
    html! {
        fieldset.findings {
            legend { (viewer.say(words::FINDINGS)) }
            @if read.found.is_empty() { p.quiet { (viewer.say(words::NOTHING_FOUND)) } }
            @else { p.quiet { (viewer.say(words::WARNINGS_HOW)) } }
            @if !read.passes { p.note data-state="bad" { (viewer.say(words::PASSES_NOWHERE)) } }
            @for found in &read.found { (one_finding(viewer, found)) }
        }
    }
}

fn one_finding(viewer: &Viewer, found: &Found) -> Markup {
    let Found { finding, printers, everywhere } = found;
    let names = printers.iter().map(PrinterName::as_str).collect::<Vec<_>>();
    let is_warning = finding.severity == Severity::Warning;
    html! {
        div.note data-state=(if is_warning { "wants" } else { "bad" }) {
            p {
                strong { (viewer.say(if is_warning { words::WARNING } else { words::ERROR })) } " " code { (finding.code) }
                @if let Some(line) = finding.line {
                    ", " (viewer.fill(words::FOUND_LINE, &[("line", &line)]))
                }
                @if !everywhere { ", " (viewer.fill(words::ONLY_THERE, &[("printers", &names.join(", "))])) }
            }
            p { (viewer.told(&finding.what)) ". " (viewer.told(finding.help)) "." }
            @if is_warning && viewer.may(Permission::AcceptFindings) {
                label.tick {
                    input type="checkbox" data-accept=(finding.code) data-printers=[(!everywhere).then(|| names.join(" "))];
                    span { (viewer.say(words::I_HAVE_LOOKED)) }
                }
            }
        }
    }
}

/// A field of text that becomes something else in JSON.
fn becomes<'f>(what: &'f str, field: Field<'f>) -> Markup {
    Field { becomes: what, ..field }.input()
}

fn of_model(viewer: &Viewer, model: &FileHash, processes: &[Process], known: &Known) -> Piece {
    let scale =
        Field::text("model.scale", viewer.say(words::SCALE)).value("1").hint(viewer.say(words::SCALE_HINT));
    let scale = scale.pattern("[0-9]*[.,]?[0-9]+", viewer.say(words::SCALE_HINT));
    let expected =
        Field::text("model.expected", viewer.say(words::EXPECTED)).hint(viewer.say(words::EXPECTED_HINT));
    let three = r"[0-9.]+[ ;]+[0-9.]+[ ;]+[0-9.]+ *";
    let expected = expected.pattern(three, viewer.say(words::EXPECTED_HINT));
    let sends = Sends {
        fixed: json!({ "model": { "hash": model.to_string() } }),
        done: Some(viewer.say(words::QUEUED)),
        then: Some("/queue#job-{id}"),
        ..Sends::new("new-job", "POST /v1/jobs", viewer.say(words::QUEUE_IT))
    };
    Piece::new(
        "new",
        html! {
            div.split #new {
                section.card aria-labelledby="what-for" data-use="queue" data-file=(model) {
                    h2 #what-for { (viewer.say(words::NEW_JOB)) }
                    (no_parts(viewer, known))
                    @if processes.is_empty() { p.note data-state="bad" { (viewer.say(words::NO_PROCESSES)) } }
                    (sends.form(viewer, html! {
                        div.fields {
                            (part_field(viewer, &known.parts, &known.chosen))
                            (process_field(viewer, processes, known))
                            (printer_field(viewer, None, None))
                            (units_field(viewer))
                            (becomes("number", scale))
                            (becomes("list", expected))
                        }
                        (tick("model.mirrored", viewer.say(words::MIRRORED), false))
                        (found_later())
                    }))
                }
                section.card aria-labelledby="what-is-it" {
                    h2 #what-is-it { (viewer.say(words::FILE_OF)) }
                    (name(model, viewer.say(words::A_MODEL)))
                    p data-use="files" data-told=(model) data-watertight=(viewer.say(words::WATERTIGHT))
                        data-leaky=(viewer.say(words::NOT_WATERTIGHT)) data-rooms=[rooms(viewer)]
                        data-large=(viewer.say(words::FITS_NONE)) {}
                }
            }
        },
    )
}

/// The printers here that a process is for: what is sliced for one model never runs on another.
fn printers_of<'p>(process: &Process, printers: &'p [Printer]) -> Vec<&'p str> {
    let is_such = |printer: &&Printer| printer.model.as_ref() == Some(&process.printer_model);
    printers.iter().filter(is_such).map(|printer| printer.name.as_str()).collect()
}

/// Those that may be used so come first, each with whether it may: what is for none yet is open.
fn in_order(processes: &[Process], of: Option<IntendedUse>) -> Vec<(&Process, bool)> {
    let may = |process: &Process| of.is_none_or(|of| process.validated_for.contains(&of));
    let mut all: Vec<_> = processes.iter().map(|process| (process, may(process))).collect();
    all.sort_by_key(|(process, may)| (!may, process.name.as_str()));
    all
}

/// A process for what is chosen; `processes.js` looks again when another part or printer is.
fn process_field(viewer: &Viewer, processes: &[Process], known: &Known) -> Markup {
    let uses: BTreeMap<&str, &str> =
        known.uses.iter().map(|(piece, of)| (piece.as_str(), use_word(*of))).collect();
    let not_valid = viewer.say(case_words::NOT_VALIDATED_FOR_IT);
    let says = json!({ "use": not_valid, "printer": viewer.say(words::NOT_FOR_PRINTER) });
    let all = in_order(processes, known.chosen_use());
    let none_fits = !all.is_empty() && all.iter().all(|(_, may)| !may);
    html! {
        label.field data-use="processes" data-words=(says.to_string()) data-parts=(json!(uses).to_string()) {
            span { (viewer.say(words::PROCESS)) }
            select name="model.process" required {
                @for (process, may) in all {
                    @let says = process_says(viewer, process);
                    @let uses: Vec<_> = process.validated_for.iter().map(|of| use_word(*of)).collect();
                    @let printers = printers_of(process, &viewer.app.config.printers);
                    option value=(process.name) data-says=(says) data-uses=(uses.join(" "))
                        data-printers=(printers.join(" ")) disabled[!may] {
                        (says) @if !may { " – " (not_valid) }
                    }
                }
            }
        }
        p.note.wide id="no-process-fits" data-state="wants" data-keep role="status" hidden[!none_fits] {
            (viewer.say(case_words::NO_PROCESS_FITS))
        }
    }
}

fn process_says(viewer: &Viewer, process: &Process) -> String {
    let uses: Vec<String> = process.validated_for.iter().map(|of| viewer.state(use_word(*of))).collect();
    let good = match uses.as_slice() {
        [] => viewer.say(words::NOT_VALIDATED).to_owned(),
        uses => viewer.fill(words::VALIDATED, &[("uses", &uses.join(", "))]),
    };
    format!("{} · {} · {good}", process.name, process.material)
}

fn units_field(viewer: &Viewer) -> Markup {
    let mut choices = vec![("", viewer.say(words::UNITS_SAID).to_owned())];
    choices.extend(["mm", "cm", "m", "um", "inch", "ft"].map(|unit| (unit, unit.to_owned())));
    Field::text("model.units", viewer.say(words::UNITS)).choice(&choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slicing::process::Quality;
    use crate::slicing::profile::Technology;

    fn process(name: &str, validated_for: Vec<IntendedUse>) -> Process {
        Process {
            name: name.into(),
            printer_model: "mk3".into(),
            technology: Technology::Filament,
            material: "PLA".into(),
            quality: Quality::Draft,
            profile: "a.ini".into(),
            profile_version: 1,
            profile_sha256: FileHash::from_digest([1; 32]),
            slicer: "prusa-slicer".into(),
            slicer_version: "2.5.0".into(),
            validated_for,
        }
    }

    #[test]
    fn a_process_that_may_not_be_used_for_what_the_case_is_for_comes_last_and_cannot_be_chosen() {
        use IntendedUse::{Education, Guide};
        let all = [process("a-try", Vec::new()), process("b", vec![Education]), process("c", vec![Guide])];
        let names = |of| -> Vec<(&str, bool)> {
            in_order(&all, of).into_iter().map(|(process, may)| (process.name.as_str(), may)).collect()
        };
        assert_eq!(names(Some(Guide)), [("c", true), ("a-try", false), ("b", false)]);
        assert_eq!(names(Some(Education)), [("b", true), ("a-try", false), ("c", false)]);
        assert_eq!(names(None), [("a-try", true), ("b", true), ("c", true)], "nothing is chosen yet");
    }
}
