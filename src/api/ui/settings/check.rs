//! What `platen check` says, in words: each thing that was looked at, whether it is well, and what to do.

use maud::{Markup, html};

use super::super::kit;
use super::super::pieces::Piece;
use super::super::viewer::Viewer;
use super::super::words::{Text, common, settings as words};
use super::chip;
use crate::config::Mistake;
use crate::io::offload::offload;
use crate::services::check::{self, File, Finding, Known, Of};

pub(super) async fn found(viewer: &Viewer) -> Piece {
    let (config, slicing) = (viewer.app.config.clone(), viewer.app.slicing.clone());
    let look = offload(move || (check::file(&config), check::beside(&config, slicing.as_deref()))).await;
    let (file, findings) = look.unwrap_or_else(|_| (File::None, Vec::new()));
    let known: Vec<Known> = viewer.app.config.printers.iter().map(Known::of).collect();
    Piece::new(
        "check",
        html! {
            section.card.stack id="check" aria-labelledby="check-head" {
                (kit::heading("check-head", viewer, words::CHECK, ""))
                p.quiet { (viewer.say(words::CHECK_HINT)) }
                dl.checks {
                    (of_file(viewer, &file))
                    @for of in Of::ALL { (line(viewer, of, &findings)) }
                    dt { (viewer.say(words::GATE)) }
                    @for one in &known { dd { (gate(viewer, one)) } }
                }
            }
        },
    )
}

/// What was looked at, and what is said where all of it is well.
fn names(viewer: &Viewer, of: Of) -> (Text, String) {
    let say = |text: Text| viewer.say(text).to_owned();
    match of {
        Of::Ports => (words::OF_PORTS, say(words::PORTS_WELL)),
        Of::Network if viewer.app.config.http.tls.is_none() => (words::OF_NETWORK, say(words::NETWORK_HERE)),
        Of::Network => (words::OF_NETWORK, say(words::NETWORK_WELL)),
        Of::Broker => (words::OF_BROKER, say(words::BROKER_WELL)),
        Of::Slicing if viewer.app.slicing.is_none() => (words::OF_SLICING, say(words::SLICING_OFF)),
        Of::Slicing => (words::OF_SLICING, say(words::SLICING_WELL)),
        Of::Counting => (words::OF_COUNTING, say(words::COUNTING_WELL)),
        Of::StateDir => {
            let path = viewer.app.config.state_dir.display();
            (words::OF_STATE, viewer.fill(words::STATE_WELL, &[("path", &path)]))
        }
        Of::Program => (words::OF_PROGRAM, say(words::PROGRAM_WELL)),
    }
}

fn line(viewer: &Viewer, of: Of, findings: &[Finding]) -> Markup {
    let (name, well) = names(viewer, of);
    let all: Vec<&Finding> = findings.iter().filter(|finding| finding.of == of).collect();
    html! {
        dt { (viewer.say(name)) }
        @if all.is_empty() { dd { (chip("good", viewer.say(words::WELL))) " " (well) } }
        @for finding in all {
            dd {
                @if finding.is_mistake { (chip("bad", viewer.say(words::WRONG))) } @else { (chip("wants", viewer.say(words::MISSING))) }
                " " (todo(viewer, &finding.words))
            }
        }
    }
}

/// `what, which; what to do`, apart.
fn todo(viewer: &Viewer, said: &str) -> Markup {
    let (what, todo) = said.split_once("; ").map_or((said, None), |(what, todo)| (what, Some(todo)));
    html! {
        (kit::coded(&viewer.told(what))) "."
        @if let Some(todo) = todo {
            " " small { (viewer.say(common::TO_DO)) ": " (kit::coded(&viewer.told_within(todo))) "." }
        }
    }
}

fn of_file(viewer: &Viewer, file: &File) -> Markup {
    let path =
        viewer.app.config.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default();
    let says = |text: Text| viewer.fill(text, &[("path", &path)]);
    html! {
        dt { (viewer.say(words::OF_FILE)) }
        @match file {
            File::None => dd { (chip("good", viewer.say(words::WELL))) " " (viewer.say(words::FILE_NONE)) },
            File::Same => dd { (chip("good", viewer.say(words::WELL))) " " (says(words::FILE_SAME)) },
            File::Changed => dd { (chip("wants", viewer.say(words::MISSING))) " " (says(words::FILE_CHANGED)) },
            File::Mistaken(mistakes) => {
                dd { (chip("bad", viewer.say(words::WRONG))) " " (says(words::FILE_MISTAKEN)) }
                @for mistake in mistakes { dd { (of_mistake(viewer, mistake)) } }
            }
        }
    }
}

/// Without what stands there: nobody has looked whether that is a secret.
fn of_mistake(viewer: &Viewer, mistake: &Mistake) -> Markup {
    html! {
        @if let Some(line) = mistake.line { (viewer.fill(words::AT_LINE, &[("line", &line)])) ": " }
        @if !mistake.key.is_empty() { code { (mistake.key) } ": " }
        (viewer.told_within(&mistake.reason)) ". "
        small { (viewer.say(common::TO_DO)) ": " (viewer.told_within(&mistake.instead)) "." }
    }
}

fn gate(viewer: &Viewer, known: &Known) -> Markup {
    html! {
        strong { (known.printer) } ": "
        @if known.unknown.is_empty() {
            (viewer.say(words::GATE_ALL))
        } @else {
            (viewer.fill(words::GATE_NOT, &[("keys", &known.unknown.join(", "))]))
        }
        @if !known.allowed.is_empty() { "; " (viewer.fill(words::GATE_MINDS_NO, &[("codes", &known.allowed.join(", "))])) }
    }
}
