//! What is next with a case: the steps that its state allows and its viewer may take, the ways on first.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Known, Process, choice, choices, fold_out};
use crate::api::ui::cases::state_word;
use crate::api::ui::kit::{Field, Sends};
use crate::api::ui::pieces::Piece;
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{Text, cases as words, common, hands};
use crate::domain::people::roles::{Permission, Role};
use crate::domain::quality::Quality;
use crate::domain::quality::case::CaseState;

/// A step, and what whoever takes it has to be allowed.
type Step = (Permission, Markup);

const HELPED: &[(&str, Text)] =
    &[("helped", words::HELPED), ("no_difference", words::NO_DIFFERENCE), ("hindered", words::HINDERED)];
const STATEMENTS: &[(&str, Text)] = &[
    ("easy_to_use", words::EASY_TO_USE),
    ("fits_approach", words::FITS_APPROACH),
    ("plan_altered", words::PLAN_ALTERED),
    ("important", words::IMPORTANT),
    ("quality_adequate", words::QUALITY_ADEQUATE),
    ("confident_before", words::CONFIDENT_BEFORE),
    ("confident_after", words::CONFIDENT_AFTER),
];

pub(super) fn next(viewer: &Viewer, known: &Known) -> Piece {
    let steps = Steps { viewer, known, to: known.steps() };
    let (on, back) = (steps.on(), steps.back());
    let needed = on.first().map(|(permission, _)| *permission);
    let may = |all: Vec<Step>| -> Vec<Markup> {
        all.into_iter().filter(|(permission, _)| viewer.may(*permission)).map(|(_, step)| step).collect()
    };
    let (on, back) = (may(on), may(back));
    let markup = html! {
        section.card.next id="next" aria-labelledby="next-name" {
            @match &known.state {
                CaseState::OnHold { from, why } => {
                    div.note data-state="on-hold" role="status" {
                        @let before = viewer.state(state_word(from));
                        p { strong { (viewer.fill(words::HELD, &[("state", &before)])) } }
                        p { (why) }
                    }
                },
                CaseState::Rework { why, .. } | CaseState::Cancelled { why } => {
                    div.note data-state="wants" { p { (why) } }
                },
                _ => {},
            }
            h2 id="next-name" { (viewer.say(words::NEXT)) }
            p.todo { (viewer.told(&known.quality.todo)) "." }
            @if on.is_empty() {
                @if let Some(needed) = needed {
                    p.quiet { (viewer.fill(words::NEXT_BY, &[("roles", &roles_in_words(viewer, needed.roles()))])) }
                }
            } @else {
                @let missing = steps.missing();
                @if !missing.is_empty() {
                    div.note.missing id="missing" data-state="wants" {
                        p { strong { (viewer.say(words::STILL_MISSING)) } }
                        ul { @for (what, place) in &missing { li { a href=(format!("#{place}")) { (what) } } } }
                    }
                }
                // What would be refused now is not what is offered first.
                div.buttons.on[missing.is_empty()] { @for step in &on { (step) } }
                @if matches!(known.state, CaseState::InProduction { .. } | CaseState::InQc { .. }) {
                    @let open = steps.open_pieces();
                    @if !open.is_empty() {
                        @let open = open.join(", ");
                        p.quiet id="open-pieces" { (viewer.fill(words::STILL_OPEN, &[("pieces", &open)])) }
                    }
                    @if viewer.app.recorder.read(|lab| lab.quality.templates.is_empty()) {
                        p.note id="no-template" data-state="wants" {
                            (viewer.say(words::NO_TEMPLATE_YET)) " "
                            a href="/settings#templates" { (viewer.say(words::WRITE_TEMPLATE)) }
                        }
                    } @else if viewer.app.recorder.read(|lab| lacks_instrument(&lab.quality)) {
                        p.note id="no-instrument" data-state="wants" {
                            (viewer.say(words::NO_INSTRUMENT_YET)) " "
                            a href="/settings#instruments" { (viewer.say(hands::INSTRUMENT_NONE_NEXT)) }
                        }
                    }
                }
            }
            @if !back.is_empty() { div.buttons.back-steps { @for step in &back { (step) } } }
        }
    };
    Piece::new("next", markup)
}

/// Whether every template needs an instrument, and there is none.
fn lacks_instrument(quality: &Quality) -> bool {
    quality.instruments.is_empty() && quality.templates.values().all(|of| of.method.needs_instrument())
}

/// `a, b or c`: any of them may do it.
pub(super) fn roles_in_words(viewer: &Viewer, roles: &[Role]) -> String {
    let words: Vec<_> = roles.iter().map(|role| viewer.told_within(role.word())).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => {
            viewer.fill(words::ONE_OR, &[("first", &first.join(", ")), ("last", last)])
        }
        _ => words.concat(),
    }
}

struct Steps<'a> {
    viewer: &'a Viewer,
    known: &'a Known,
    to: String,
}

impl Steps<'_> {
    /// The ways on.
    fn on(&self) -> Vec<Step> {
        use Permission as P;
        match &self.known.state {
            CaseState::Draft => vec![(P::OpenCase, self.plain("requested", words::REQUEST))],
            CaseState::Requested => vec![(P::AcceptCase, self.plain("accepted", words::ACCEPT))],
            CaseState::Accepted => vec![(P::Design, self.plain("design_begun", words::BEGIN_DESIGN))],
            CaseState::Designing => vec![(P::Design, self.plain("approval_asked", words::ASK_APPROVAL))],
            CaseState::AwaitingApproval => vec![(P::ApproveDesign, self.approve())],
            CaseState::Approved { .. } | CaseState::Rework { .. } => vec![(P::Queue, self.produce())],
            CaseState::InProduction { .. } => vec![(P::PostProcess, self.begin_qc())],
            CaseState::InQc { .. } => vec![(P::Release, self.release())],
            CaseState::Released { .. } => vec![(P::Deliver, self.plain("delivered", words::DELIVER))],
            CaseState::Delivered { out } | CaseState::Used { out } => {
                let mut steps = vec![(P::Assess, self.assess())];
                if matches!(self.known.state, CaseState::Delivered { .. }) {
                    steps.insert(0, (P::Assess, self.plain("used", words::NOTE_USE)));
                }
                steps.push(match out.waived {
                    Some(_) => (P::HoldCase, self.plain("closed", words::CLOSE_CASE)),
                    None => (P::HoldCase, self.why("assessment_waived", words::WAIVE, None, None)),
                });
                steps.push((P::WriteMessages, self.plain("reminded", words::REMIND)));
                steps
            }
            CaseState::Assessed { .. } => vec![(P::HoldCase, self.plain("closed", words::CLOSE_CASE))],
            CaseState::OnHold { why, .. } => vec![(P::HoldCase, self.go_on(why.as_str()))],
            CaseState::Closed { .. } | CaseState::Cancelled { .. } => Vec::new(),
        }
    }

    /// The ways back and aside.
    fn back(&self) -> Vec<Step> {
        use Permission as P;
        let mut steps = Vec::new();
        let state = &self.known.state;
        match state {
            CaseState::AwaitingApproval => {
                steps.push((P::ApproveDesign, self.why("sent_back", words::SEND_BACK, None, None)));
            }
            CaseState::InQc { .. } => {
                steps.push((P::Inspect, self.why("rework_asked", words::ASK_REWORK, None, None)));
            }
            _ => {}
        }
        let reason = crate::domain::quality::words::Text::new("-");
        let Ok(reason) = reason else { return steps };
        if state.hold(&reason).is_ok() {
            let undo = Some(json!({"is": "continued"}));
            steps.push((P::HoldCase, self.why("held", words::HOLD, undo, None)));
        }
        if state.reopen().is_ok() {
            steps.push((P::HoldCase, self.why("reopened", words::REOPEN, None, Some(words::REOPEN_SURE))));
        }
        if state.cancel(&reason).is_ok() {
            steps.push((
                P::HoldCase,
                self.why("cancelled", words::CANCEL_CASE, None, Some(words::CANCEL_SURE)),
            ));
        }
        steps
    }

    /// What the rules ask for before the next step, as far as it is not there, and where it is given.
    fn missing(&self) -> Vec<(String, String)> {
        match &self.known.state {
            CaseState::Draft if self.known.quality.about.is_none() => {
                vec![(self.viewer.say(words::LACKS_ORDER).to_owned(), "order".to_owned())]
            }
            CaseState::Requested => self.undescribed(),
            CaseState::Designing => {
                let mut lacks = self.undescribed();
                let without = self.known.quality.parts.iter().filter(|part| part.revisions.is_empty());
                lacks.extend(without.map(|part| self.of_part(words::LACKS_REVISION, part.number)));
                lacks
            }
            CaseState::InProduction { .. } => self.too_few(0, words::LACKS_PRINTED),
            CaseState::InQc { .. } => {
                let mut lacks = self.too_few(1, words::LACKS_RELEASED);
                let open = self.known.quality.nonconformances.iter().filter(|of| of.state != "closed");
                let open = open.map(|of| (self.viewer.fill(words::LACKS_CLOSED, &[("id", &of.id)]), of));
                lacks.extend(open.map(|(what, of)| (what, format!("fault-{}", of.id))));
                lacks
            }
            CaseState::Released { .. } => self.too_few(2, words::LACKS_DELIVERED),
            _ => Vec::new(),
        }
    }

    fn of_part(&self, what: Text, number: u16) -> (String, String) {
        (self.viewer.fill(what, &[("n", &number)]), format!("part-{number}"))
    }

    fn too_few(&self, stage: usize, what: Text) -> Vec<(String, String)> {
        let all = self.known.lacking.get(stage).into_iter().flatten();
        all.map(|few| {
            let holes: [(&str, &dyn std::fmt::Display); 3] =
                [("n", &few.part), ("there", &few.there), ("ordered", &few.ordered)];
            (self.viewer.fill(what, &holes), "printed".to_owned())
        })
        .collect()
    }

    /// What is asked of a case before it is accepted.
    fn undescribed(&self) -> Vec<(String, String)> {
        let quality = &self.known.quality;
        let about = quality.about.as_ref();
        let mut lacks = Vec::new();
        let mut of_order = |is_there: bool, what: Text| {
            if !is_there {
                lacks.push((self.viewer.say(what).to_owned(), "order".to_owned()));
            }
        };
        of_order(about.is_some_and(|about| about.indication.is_some()), words::LACKS_INDICATION);
        of_order(about.is_some_and(|about| about.needed_by.is_some()), words::LACKS_DAY);
        if quality.parts.is_empty() {
            lacks.push((self.viewer.say(words::LACKS_PART).to_owned(), "parts".to_owned()));
        }
        for part in &quality.parts {
            let about = part.about.as_ref();
            if about.and_then(|about| about.units.as_ref()).is_none() {
                lacks.push(self.of_part(words::LACKS_UNITS, part.number));
            }
            if about.and_then(|about| about.laterality.as_ref()).is_none() {
                lacks.push(self.of_part(words::LACKS_SIDE, part.number));
            }
        }
        lacks
    }

    /// Prints that are under way, on a bed, or not yet worked on: `1-2 (printing)`.
    fn open_pieces(&self) -> Vec<String> {
        const DURING: [&str; 6] =
            ["queued", "printing", "interrupted", "printed", "suspect", "post_processing"];
        const AFTER: [&str; 3] = ["awaiting_inspection", "accepted", "quarantined"];
        let is_qc = matches!(self.known.state, CaseState::InQc { .. });
        let is_open = |state: &str| DURING.contains(&state) || (is_qc && AFTER.contains(&state));
        let all = self.known.quality.printed.iter().filter(|of| is_open(&of.state));
        all.map(|of| {
            let short = of.serial.strip_prefix(self.known.token.as_str()).unwrap_or(&of.serial);
            let state = of.words.split(": ").next().unwrap_or(&of.words);
            format!("{} ({})", short.trim_start_matches('-'), self.viewer.state(state))
        })
        .collect()
    }

    /// Asked where prints of it are still under way.
    fn sure(&self, text: Text) -> Option<String> {
        let open = self.open_pieces();
        (!open.is_empty()).then(|| self.viewer.fill(text, &[("pieces", &open.join(", "))]))
    }

    fn begin_qc(&self) -> Markup {
        let ask = self.sure(words::BEGIN_QC_SURE);
        let label = self.viewer.say(words::BEGIN_QC);
        let fixed = json!({"is": "qc_begun"});
        Sends { fixed, ask: ask.as_deref(), ..Sends::new("step-qc_begun", &self.to, label) }
            .button(self.viewer)
    }

    fn plain(&self, is: &str, label: Text) -> Markup {
        let id = format!("step-{is}");
        let label = self.viewer.say(label);
        Sends { fixed: json!({ "is": is }), ..Sends::new(&id, &self.to, label) }.button(self.viewer)
    }

    /// A step that takes a reason.
    fn why(&self, is: &str, label: Text, undo: Option<Value>, ask: Option<Text>) -> Markup {
        let (id, label) = (format!("step-{is}"), self.viewer.say(label));
        let field = Field::text("why", self.viewer.say(words::WHY)).required().most(280);
        let field = field.hint(self.viewer.say(words::NO_NAMES)).input();
        let sends = Sends {
            fixed: json!({ "is": is }),
            undo: undo.map(|body| (self.to.as_str(), body)),
            ask: ask.map(|ask| self.viewer.say(ask)),
            ..Sends::new(&id, &self.to, label)
        };
        fold_out(&format!("{id}-why"), &format!("{label} …"), sends.form(self.viewer, field))
    }

    /// Goes on, and can be held again for the same reason.
    fn go_on(&self, why: &str) -> Markup {
        let sends = Sends {
            fixed: json!({"is": "continued"}),
            undo: Some((self.to.as_str(), json!({"is": "held", "why": why}))),
            ..Sends::new("step-continued", &self.to, self.viewer.say(words::CONTINUE))
        };
        sends.button(self.viewer)
    }

    /// Signs the design; of each part that is mirrored or changed the signer says that it is meant so.
    fn approve(&self) -> Markup {
        let odd = self.known.odd_parts();
        // Another model of it is another question: a tick is for what somebody has seen.
        let key = |number: &u16| {
            let part = self.known.quality.parts.iter().find(|part| part.number == *number);
            format!("meant-so-{number}-{}", part.map_or(0, |part| part.revisions.len()))
        };
        let shown = format!("/v1/cases/{}/to-sign?of=design", self.known.token);
        let fields = html! {
            @for number in &odd {
                // Without a name: what is confirmed goes along as a whole, and not before each is ticked.
                label.tick data-key=(key(number)) {
                    input type="checkbox" required;
                    span { (self.viewer.fill(words::MEANT_SO, &[("n", number)])) }
                }
            }
        };
        let sends = Sends {
            fixed: json!({"is": "approved", "confirmed": odd}),
            sign: Some(&shown),
            ..Sends::new("step-approved", &self.to, self.viewer.say(words::APPROVE))
        };
        sends.form(self.viewer, fields)
    }

    /// Nobody is asked for a signature that would be refused.
    fn release(&self) -> Markup {
        if !self.missing().is_empty() {
            return html! { p id="not-released" { (self.viewer.say(words::RELEASE_LATER)) } };
        }
        let ask = self.sure(words::RELEASE_SURE);
        let shown = format!("/v1/cases/{}/to-sign?of=case", self.known.token);
        let sends = Sends {
            fixed: json!({"is": "released"}),
            ask: ask.as_deref(),
            sign: Some(&shown),
            ..Sends::new("step-released", &self.to, self.viewer.say(words::RELEASE))
        };
        sends.button(self.viewer)
    }

    /// Begins the production with a process of the site's catalogue, or with one of elsewhere.
    fn produce(&self) -> Markup {
        let Some(all) = self.known.processes.as_ref().filter(|all| !all.is_empty()) else {
            return self.produce_elsewhere("step-production_begun");
        };
        let now = self.known.quality.process.as_deref().unwrap_or_default();
        let fields = html! {
            label.field {
                span { (self.viewer.say(words::PROCESS)) }
                select name="process" required { @for of in all { (self.process(of, now)) } }
            }
            @if !all.iter().any(|of| self.hinders(of).is_none()) {
                p.note data-state="wants" { (self.viewer.say(words::NO_PROCESS_FITS)) }
            }
            (self.outside())
        };
        let label = self.viewer.say(words::PRODUCE);
        let sends = Sends {
            fixed: json!({"is": "production_begun"}),
            ..Sends::new("step-production_begun", &self.to, label)
        };
        let elsewhere = self.viewer.say(words::SLICED_ELSEWHERE);
        html! {
            (sends.form(self.viewer, fields))
            (fold_out("elsewhere", elsewhere, self.produce_elsewhere("step-elsewhere")))
        }
    }

    /// Why a process is none for this case. What is for education may be made by any, with a reason.
    fn hinders(&self, of: &Process) -> Option<Text> {
        match of {
            Process { is_here: false, .. } => Some(words::NO_SUCH_PRINTER),
            Process { is_validated: false, .. } if self.known.intended_use != "education" => {
                Some(words::NOT_VALIDATED_FOR_IT)
            }
            _ => None,
        }
    }

    fn process(&self, of: &Process, now: &str) -> Markup {
        let hinders = self.hinders(of);
        let note = hinders.or_else(|| (!of.is_validated).then_some(words::NOT_VALIDATED_FOR_IT));
        html! {
            option value=(of.name) disabled[hinders.is_some()] selected[of.name == now && hinders.is_none()] {
                (of.name) @if let Some(note) = note { " – " (self.viewer.say(note)) }
            }
        }
    }

    fn produce_elsewhere(&self, id: &str) -> Markup {
        let viewer = self.viewer;
        let of_use = self.known.intended_use;
        let valid = viewer.fill(words::VALID_FOR, &[("use", &super::use_words(viewer, of_use))]);
        let valid = [("", viewer.say(words::NOT_VALID).to_owned()), (of_use, valid)];
        let fields = html! {
            (Field::text("process", viewer.say(words::PROCESS)).required().most(40).input())
            (choice("validated_for", viewer.say(words::VALIDATION), "", Some("list"), &valid))
            (self.outside())
        };
        let fixed = json!({"is": "production_begun", "elsewhere": true});
        Sends { fixed, ..Sends::new(id, &self.to, viewer.say(words::PRODUCE)) }.form(viewer, fields)
    }

    /// Only what is for education may be made by a process that is not validated for it.
    fn outside(&self) -> Markup {
        html! {
            @if self.known.intended_use == "education" {
                (Field::text("outside", self.viewer.say(words::OUTSIDE)).most(280).input())
            }
        }
    }

    fn assess(&self) -> Markup {
        let viewer = self.viewer;
        let open = ("", viewer.say(words::NOT_SAID).to_owned());
        let mut helped = vec![open.clone()];
        helped.extend(choices(viewer, HELPED));
        let mut yes = vec![open.clone()];
        yes.extend(choices(viewer, &[("true", common::YES), ("false", common::NO)]));
        let mut measured = vec![open.clone()];
        measured.extend(choices(viewer, &[("true", words::MEASURED), ("false", words::ESTIMATED)]));
        let mut marks = vec![open];
        marks.extend(["1", "2", "3", "4", "5"].map(|mark| (mark, mark.to_owned())));
        let respondent =
            Field::text("assessment.respondent", viewer.say(words::RESPONDENT)).required().most(40);
        let saved = Field::number("assessment.saved.minutes", viewer.say(words::MINUTES_SAVED));
        let (used, how) = (viewer.say(words::IN_PROCEDURE), viewer.say(words::HOW_SAVED));
        let fields = html! {
            div.fields {
                (choice("assessment.overall", viewer.say(words::OVERALL), "", None, &helped))
                (choice("assessment.used_in_procedure", used, "", Some("json"), &yes))
                (respondent.hint(viewer.say(words::RESPONDENT_HINT)).input())
                (saved.whole(-32_768, 32_767).input())
                (choice("assessment.saved.measured", how, "", Some("json"), &measured))
                (Field::text("assessment.comment", viewer.say(words::COMMENT)).most(280).input())
            }
            details id="statements" {
                summary { (viewer.say(words::STATEMENTS)) }
                div.fields {
                    @for (name, text) in STATEMENTS {
                        @let name = format!("assessment.answers.{name}");
                        (choice(&name, viewer.say(*text), "", Some("number"), &marks))
                    }
                }
            }
        };
        let label = viewer.say(words::ASSESS);
        let sends =
            Sends { fixed: json!({"is": "assessed"}), ..Sends::new("step-assessed", &self.to, label) };
        fold_out("assess", &format!("{label} …"), sends.form(viewer, fields))
    }
}
