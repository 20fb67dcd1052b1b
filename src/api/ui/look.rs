//! Looking at a job's file: any layer of it, the whole print, what its slicer has put in, and its model.
//!
//! Here and on the board a picture stands only when it is drawn: whoever loads one that is not would wait for it on one
//! of the few connections that a browser has, and a stop could wait behind it.

use axum::http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::forms::problem;
use super::frame::{Reload, frame};
use super::viewer::Viewer;
use super::words::{common, look as text};
use crate::api::given::Asked;
use crate::api::shapes::{JobView, LayerView};
use crate::api::{Problem, pictures, views};
use crate::domain::ids::{FileHash, JobId};
use crate::preview::Pixels;
use crate::services::preview::{Format, Known, Seen, Subject};

/// On the board: a printer's layer, and a line in a list.
const ON_CARD: u16 = 320;
const IN_LIST: u16 = 64;
/// On the page of its own: as the reader wants it, and for what stands below.
const LAYER_SIZES: [u16; 3] = [400, 800, 1_600];
const SIDES: u16 = 400;

/// What is asked of the page, all of it text, since a form sends its empty fields, too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    job: String,
    layer: String,
    size: String,
}

fn pixels(size: u16) -> Pixels {
    Pixels::new(size).unwrap_or_default()
}

/// Where the layer of a printing job, or any job's pictures, can be looked at.
fn at(job: &str, layer: Option<usize>) -> String {
    match layer {
        Some(layer) => format!("/look?job={job}&layer={layer}"),
        None => format!("/look?job={job}"),
    }
}

fn picture(file: &FileHash, subject: Subject, size: Pixels, alt: &str) -> Markup {
    html! { img src=(pictures::path(file, subject, Some(size))) alt=(alt) decoding="sync"; }
}

fn words(viewer: &Viewer, layer: &LayerView) -> String {
    let LayerView { number, of, z_mm } = layer;
    match z_mm {
        Some(z) => viewer.fill(text::LAYER_AT, &[("n", number), ("of", of), ("z", &viewer.number(*z, 2))]),
        None => viewer.fill(text::LAYER_OF, &[("n", number), ("of", of)]),
    }
}

/// The layer that is printed; until it is drawn, the last one that was.
pub(super) fn printing(viewer: &Viewer, job: &JobView) -> Markup {
    let app = &viewer.app;
    let (Some(layer), Ok(file)) = (&job.layer, job.file.parse::<FileHash>()) else { return html! {} };
    let (size, png) = (pixels(ON_CARD), |number| Subject::Layer(number, Format::Png));
    let seen = app.previews.look(&file, png(layer.number), size);
    let drawn = app.previews.drawn_up_to(&file, layer.number, size);
    html! {
        figure.layer {
            a href=(at(&job.id, None)) {
                @match (seen, drawn) {
                    (Seen::Never(_), _) => {},
                    (_, None) => span {},
                    (_, Some(number)) => (picture(&file, png(number), size, &viewer.fill(text::FROM_ABOVE, &[("n", &number)]))),
                }
                figcaption {
                    (words(viewer, layer))
                    @if let Some(number) = drawn.filter(|number| *number != layer.number) {
                        " (" (viewer.fill(text::DRAWN, &[("n", &number)])) ")"
                    }
                }
            }
        }
    }
}

/// A job in a list: the slicer's picture or the print, or its model, as the way to the page of its own.
pub(super) fn listed(viewer: &Viewer, job: &JobView) -> Markup {
    let (subject, alt) = match job.pictures.print {
        Some(_) => (Subject::Icon, viewer.say(text::THE_PRINT)),
        None => (Subject::Model, viewer.say(text::THE_MODEL)),
    };
    let file = job.file.parse::<FileHash>().ok();
    let drawn = |file: &FileHash| viewer.app.previews.look(file, subject, pixels(IN_LIST)) == Seen::Here(());
    html! {
        a.look href=(at(&job.id, None)) {
            @match file.filter(drawn) {
                Some(file) => (picture(&file, subject, pixels(IN_LIST), alt)),
                None => (viewer.say(text::LOOK_AT_IT)),
            }
        }
    }
}

pub(super) async fn page(viewer: Viewer, which: Result<Asked<Which>, Problem>) -> (StatusCode, Markup) {
    match which.and_then(|Asked(which)| Ok((which.job.clone(), shown(&viewer, &which)?))) {
        Ok((job, (reload, content))) => {
            let title = viewer.fill(text::JOB, &[("job", &job)]);
            (StatusCode::OK, frame(&viewer, None, &title, reload, None, &content))
        }
        Err(error) => problem(&viewer, error),
    }
}

fn shown(viewer: &Viewer, which: &Which) -> Result<(Reload, Markup), Problem> {
    let app = &viewer.app;
    let id: JobId = which.job.parse()?;
    let (job, print, model) = app.recorder.read(|lab| {
        let job = lab.job(&id)?;
        let (print, model) = views::print_and_model(lab, job);
        Ok::<_, Problem>((views::job(app, lab, job), print.cloned(), model.cloned()))
    })?;
    let mut soon = false;
    let layers = print.as_ref().map(|file| layers(viewer, file, &job, which, &mut soon));
    let below = [
        (print.as_ref(), Subject::Sides, viewer.say(text::PRINT_SIDES)),
        (print.as_ref(), Subject::Thumbnail, viewer.say(text::SLICERS)),
        (model.as_ref(), Subject::Model, viewer.say(text::MODEL_SIDES)),
    ];
    let mut figures = Vec::new();
    for (file, subject, words) in below {
        let Some(file) = file else { continue };
        let seen = app.previews.look(file, subject, pixels(SIDES));
        // Not every slicer puts one in.
        if subject != Subject::Thumbnail || seen == Seen::Here(()) {
            figures.push(figure(viewer, file, subject, pixels(SIDES), words, words, &seen));
        }
        soon |= seen == Seen::Soon;
    }
    let content = html! {
        div.look {
            h1 { (viewer.fill(text::JOB, &[("job", &job.id)])) " " small { (viewer.state(&job.state)) } }
            p {
                a href=(format!("/cases/{}", job.case)) { code { (job.case) } } " · " (job.part.number) " " (job.part.name)
                @if !job.build.is_empty() { ", " (viewer.fill(text::PIECES, &[("n", &job.build.len())])) ": " (job.build.join(", ")) }
            }
            @if let Some(layers) = layers { (layers) }
            @for figure in figures { (figure) }
            @if soon { p.empty role="status" { (viewer.say(text::SOON)) } }
        }
    };
    let follows = job.layer.is_some() && which.layer.is_empty();
    let reload = match (soon, follows) {
        (true, _) => Reload::Every(2),
        (false, true) => Reload::Every(10),
        (false, false) => Reload::Never,
    };
    Ok((reload, content))
}

fn figure(
    viewer: &Viewer,
    file: &FileHash,
    subject: Subject,
    size: Pixels,
    alt: &str,
    words: &str,
    seen: &Seen<()>,
) -> Markup {
    html! {
        figure {
            @match seen {
                Seen::Here(()) => (picture(file, subject, size, alt)),
                Seen::Soon => p.empty { (viewer.say(common::BEING_DRAWN)) },
                Seen::Never(why) => p.empty { (viewer.fill(common::NO_PICTURE, &[("why", &why)])) },
            }
            figcaption { (words) }
        }
    }
}

/// One layer, and the way to the others.
fn layers(viewer: &Viewer, file: &FileHash, job: &JobView, which: &Which, soon: &mut bool) -> Markup {
    let app = &viewer.app;
    let known: Known = match app.previews.known(file) {
        Seen::Here(known) => known,
        Seen::Soon => {
            *soon = true;
            return html! { p.empty { (viewer.say(text::BEING_READ)) } };
        }
        Seen::Never(why) => return html! { p.empty { (viewer.fill(text::NO_LAYERS, &[("why", &why)])) } },
    };
    let size = which.size.parse().ok().filter(|size| LAYER_SIZES.contains(size)).unwrap_or(LAYER_SIZES[1]);
    let asked: Option<usize> = which.layer.trim().parse().ok();
    // What prints goes on while it is drawn.
    let printed = || {
        let number = job.layer?.number;
        match app.previews.look(file, Subject::Layer(number, Format::Png), pixels(size)) {
            Seen::Soon => app.previews.drawn_up_to(file, number, pixels(size)).or(Some(number)),
            _ => Some(number),
        }
    };
    let number = asked.or_else(printed).unwrap_or(1).clamp(1, known.layers().max(1));
    let Some(place) = known.layer(number) else { return html! { p.empty { (viewer.say(text::NONE)) } } };
    let layer = LayerView { number: place.layer, of: place.layers, z_mm: place.z };
    let link = |number: usize| format!("{}&size={size}", at(&job.id, Some(number)));
    let subject = Subject::Layer(number, Format::Png);
    let seen = app.previews.look(file, subject, pixels(size));
    *soon |= seen == Seen::Soon;
    // Who goes through them finds the next one drawn.
    if seen == Seen::Here(()) && number < layer.of {
        app.previews.look(file, Subject::Layer(number + 1, Format::Png), pixels(size));
    }
    html! {
        nav.layers aria-label=(viewer.say(text::LAYERS)) {
            @if number > 1 { a href=(link(number - 1)) rel="prev" { (viewer.fill(text::LAYER_N, &[("n", &(number - 1))])) } }
            form method="get" action="/look" {
                input type="hidden" name="job" value=(job.id);
                label { (viewer.say(text::LAYER)) " " input type="number" name="layer" min="1" max=(layer.of) value=(number); }
                label {
                    (viewer.say(text::PIXELS)) " "
                    select name="size" {
                        @for one in LAYER_SIZES { option value=(one) selected[one == size] { (one) } }
                    }
                }
                button { (viewer.say(common::SHOW)) }
            }
            @if number < layer.of { a href=(link(number + 1)) rel="next" { (viewer.fill(text::LAYER_N, &[("n", &(number + 1))])) } }
            @if let Some(printed) = job.layer.filter(|layer| layer.number != number) {
                a href=(at(&job.id, None)) { (viewer.fill(text::NOW, &[("n", &printed.number)])) }
            }
            a href=(pictures::path(file, Subject::Layer(number, Format::Svg), None)) { (viewer.say(text::AS_SVG)) }
        }
        (figure(viewer, file, subject, pixels(size), &viewer.fill(text::FROM_ABOVE, &[("n", &number)]), &words(viewer, &layer), &seen))
    }
}
