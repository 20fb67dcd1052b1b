//! The steps of a case and of its parts, what is signed, said and spent on it.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::client::segment;
use super::super::quality::{By, case, ordered as ordered_words, to_sign, told, when, word};
use super::super::{Client, Failed, Global, show};
use crate::api::quality::shapes::{
    Answers, Assessment, CaseAbout, CaseQuality, CaseStep, CostView, CostsView, EffortsView, MessageView,
    MinutesSaved, NewCost, NewEffort, NewMessage, NewRevision, Ordered, OrderedScale, PartAbout, PartQuality,
    PartStep, ToSign,
};
use crate::api::shapes::ModelView;
use crate::counting::units::review::{Confirmation, Reviewed};
use crate::domain::case::IntendedUse;
use crate::domain::day::Day;
use crate::domain::ids::FileHash;
use crate::domain::quality::assessment::{Likert, Overall};
use crate::domain::quality::case::{CaseKind, Priority};
use crate::domain::quality::confirmation::Note;
use crate::domain::quality::cost::CostKind;
use crate::domain::quality::effort::{EffortCategory, EffortRole};
use crate::domain::quality::order::Quantity;
use crate::domain::quality::part::{Contact, Laterality, LengthUnit, PartKind};
use crate::domain::quality::words::{Label, Line, Text, Words};

/// A case, and who says so.
#[derive(Debug, Args)]
pub struct Plain {
    /// The case's token.
    token: String,
    #[command(flatten)]
    by: By,
}

/// The same with a reason.
#[derive(Debug, Args)]
pub struct Why {
    /// The case's token.
    token: String,
    /// The reason; never a patient's name.
    #[arg(long, value_name = "TEXT")]
    why: Text,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Subcommand)]
pub enum Step {
    /// Say what is ordered.
    #[command(
        after_help = "Example: platen cases describe TOKEN --kind model --service \"cardiac surgery\" --indication \"double outlet right ventricle\" --needed-by 2026-12-24 --by kim"
    )]
    Describe(Describe),
    /// Say what a part of a case shows.
    #[command(
        after_help = "Example: platen cases describe-part TOKEN 1 --kind component --side left --units mm --by kim"
    )]
    DescribePart(Box<DescribePart>),
    /// Hand in a model as the next revision of a part.
    #[command(after_help = "Example: platen cases revise TOKEN 1 heart.stl --by kim")]
    Revise(Revise),
    /// Ask the lab for a case that is described.
    #[command(after_help = "Example: platen cases request TOKEN --by kim")]
    Request(Plain),
    /// Accept a case for the lab.
    #[command(after_help = "Example: platen cases accept TOKEN --by lee")]
    Accept(Plain),
    /// Begin the design of a case.
    #[command(after_help = "Example: platen cases design TOKEN --by lee")]
    Design(Plain),
    /// Put the current revisions of all parts up for approval.
    #[command(after_help = "Example: platen cases ask-approval TOKEN --by lee")]
    AskApproval(Plain),
    /// Send a design back that is up for approval.
    #[command(after_help = "Example: platen cases send-back TOKEN --why \"the wall is too thin\" --by kim")]
    SendBack(Why),
    /// Show what would be signed now, and its digest.
    #[command(after_help = "Example: platen cases to-sign TOKEN --of design")]
    ToSign {
        /// The case's token.
        token: String,
        /// `design` before it is printed, `case` before it is released.
        #[arg(long, value_name = "WHAT", value_parser = ["design", "case"])]
        of: String,
    },
    /// Sign the design: it is right, and is to be made.
    #[command(after_help = "Example: platen cases approve TOKEN --digest DIGEST --by kim")]
    Approve {
        /// The case's token.
        token: String,
        /// As `to-sign` shows it.
        #[arg(long)]
        digest: FileHash,
        /// A part that is mirrored or modified, and is meant so; may be given again.
        #[arg(long, value_name = "PART")]
        confirm: Vec<u16>,
        #[command(flatten)]
        by: By,
    },
    /// Begin the production of an approved case.
    #[command(
        after_help = "Example: platen cases produce TOKEN --process prusa-mk3s-pla-fine --validated-for diagnostic --by lee"
    )]
    Produce {
        /// The case's token.
        token: String,
        /// How its parts are made.
        #[arg(long)]
        process: Label,
        /// What the process was found good enough for, where the site's catalogue does not say it; may be given again.
        #[arg(long, value_name = "USE", value_parser = word::<IntendedUse>)]
        validated_for: Vec<IntendedUse>,
        /// For education only: why a process will do that is not validated for it.
        #[arg(long, value_name = "TEXT")]
        outside: Option<Text>,
        /// The process is not in the site's catalogue, and is not meant to be: its parts are sliced elsewhere.
        #[arg(long)]
        elsewhere: bool,
        #[command(flatten)]
        by: By,
    },
    /// Begin the quality control of a case: everything is printed.
    #[command(after_help = "Example: platen cases qc TOKEN --by lee")]
    Qc(Plain),
    /// Ask for rework of a case that is in quality control.
    #[command(after_help = "Example: platen cases rework TOKEN --why \"part 2 is warped\" --by lee")]
    Rework(Why),
    /// Sign the case with its released parts: it may leave the lab.
    #[command(after_help = "Example: platen cases release TOKEN --digest DIGEST --by pat")]
    Release {
        /// The case's token.
        token: String,
        /// As `to-sign` shows it.
        #[arg(long)]
        digest: FileHash,
        #[command(flatten)]
        by: By,
    },
    /// Say that a case is delivered.
    #[command(after_help = "Example: platen cases deliver TOKEN --by lee")]
    Deliver(Plain),
    /// Say that a case was used.
    #[command(after_help = "Example: platen cases used TOKEN --by kim")]
    Used(Plain),
    /// Say how a case helped: in one word, or with the registry's seven answers from 1 to 5, or both.
    #[command(after_help = "Example: platen cases assess TOKEN --helped --used --by kim")]
    Assess(Assess),
    /// Show the proposed units of a case beside what a coder has confirmed; `platen report worksheet` has the evidence.
    #[command(after_help = "Example: platen cases units TOKEN")]
    Units {
        /// The case's token.
        token: String,
    },
    /// Confirm the units of a case, as a coder who has read its worksheet.
    #[command(
        after_help = "Example: platen cases confirm-units TOKEN --proposal DIGEST --units 0559T=1,0560T=2 --by bo"
    )]
    ConfirmUnits(ConfirmUnits),
    /// Note that somebody was asked for the assessment.
    #[command(after_help = "Example: platen cases remind TOKEN --by lee")]
    Remind(Plain),
    /// Give the assessment up.
    #[command(after_help = "Example: platen cases waive TOKEN --why \"the surgeon has left\" --by lee")]
    Waive(Why),
    /// Close a case that is assessed, or whose assessment was given up.
    #[command(after_help = "Example: platen cases close TOKEN --by lee")]
    Close(Plain),
    /// Put a case on hold.
    #[command(after_help = "Example: platen cases hold TOKEN --why \"the images are missing\" --by lee")]
    Hold(Why),
    /// Go on with a case that is on hold.
    #[command(after_help = "Example: platen cases continue TOKEN --by lee")]
    Continue(Plain),
    /// Cancel a case, and the jobs of it that wait.
    #[command(after_help = "Example: platen cases cancel TOKEN --why \"not operated on\" --by kim")]
    Cancel(Why),
    /// Take a case back to its design; what was signed is void.
    #[command(after_help = "Example: platen cases reopen TOKEN --why \"a new scan\" --by lee")]
    Reopen(Why),
    /// Write on a case; never a patient's name.
    #[command(after_help = "Example: platen cases message TOKEN \"the images are here\" --to lee --by kim")]
    Message {
        /// The case's token.
        token: String,
        text: Text,
        /// Somebody who should read it; may be given again.
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        #[command(flatten)]
        by: By,
    },
    /// Read what is said on a case.
    #[command(after_help = "Example: platen cases messages TOKEN")]
    Messages {
        /// The case's token.
        token: String,
    },
    /// Note how long you worked on a case.
    #[command(
        after_help = "Example: platen cases effort TOKEN --role non-clinician --category segmentation --minutes 45 --by kim"
    )]
    Effort {
        /// The case's token.
        token: String,
        /// clinician or non-clinician
        #[arg(long, value_parser = word::<EffortRole>)]
        role: EffortRole,
        /// consultation, segmentation, cad or preparation
        #[arg(long, value_parser = word::<EffortCategory>)]
        category: EffortCategory,
        /// Left out where nobody knows.
        #[arg(long)]
        minutes: Option<u16>,
        #[command(flatten)]
        by: By,
    },
    /// Show what was worked on a case, in the registry's eight sums.
    #[command(after_help = "Example: platen cases efforts TOKEN")]
    Efforts {
        /// The case's token.
        token: String,
    },
    /// Note what a case has cost that no rate tells.
    #[command(
        after_help = "Example: platen cases cost TOKEN --kind consumables --amount 1250 --what \"sterile bags\" --by kim"
    )]
    Cost {
        /// The case's token.
        token: String,
        /// material, machine, labour, consumables, overhead or other
        #[arg(long, value_parser = word::<CostKind>)]
        kind: CostKind,
        /// In minor units of the site's currency: 1250 is 12.50 where that has cents.
        #[arg(long, value_parser = amount)]
        amount: u32,
        /// What it was for; never a patient's name.
        #[arg(long, value_name = "TEXT")]
        what: Line,
        #[command(flatten)]
        by: By,
    },
    /// Show the costs that were noted of a case, in minor units of the site's currency.
    #[command(after_help = "Example: platen cases costs TOKEN")]
    Costs {
        /// The case's token.
        token: String,
    },
}

#[derive(Debug, Args)]
pub struct Describe {
    /// The case's token.
    token: String,
    /// model, guide or both
    #[arg(long, value_parser = word::<CaseKind>)]
    kind: CaseKind,
    /// The ordering service.
    #[arg(long)]
    service: Label,
    #[arg(long)]
    requester: Option<Label>,
    #[arg(long)]
    indication: Option<Line>,
    /// What it was imaged with.
    #[arg(long)]
    modality: Option<Label>,
    /// By which day it is needed.
    #[arg(long, value_name = "DAY")]
    needed_by: Option<Day>,
    /// routine, urgent or emergency
    #[arg(long, value_parser = word::<Priority>, default_value = "routine")]
    priority: Priority,
    /// 1 to 9, as the RSNA group rates.
    #[arg(long)]
    appropriateness: Option<u8>,
    /// What was agreed that its parts have to be like to be taken.
    #[arg(long, value_name = "TEXT")]
    acceptance: Option<Text>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct DescribePart {
    /// The case's token.
    token: String,
    /// The part's number within the case.
    part: u16,
    /// component, guide, holder or coupon
    #[arg(long, value_parser = word::<PartKind>)]
    kind: PartKind,
    #[arg(long)]
    region: Option<Label>,
    #[arg(long)]
    subregion: Option<Label>,
    #[arg(long)]
    structure: Option<Label>,
    /// left, right, bilateral or unpaired
    #[arg(long, value_parser = word::<Laterality>)]
    side: Option<Laterality>,
    /// What its model is measured in.
    #[arg(long, value_parser = word::<LengthUnit>)]
    units: Option<LengthUnit>,
    #[arg(long)]
    comment: Option<Words<60>>,
    /// The case may be released without it.
    #[arg(long)]
    optional: bool,
    #[arg(long)]
    dominant: bool,
    #[arg(long)]
    individually_segmented: bool,
    #[arg(long)]
    individually_processed: bool,
    /// Parts that are put together have the same.
    #[arg(long)]
    group: Option<Label>,
    #[arg(long)]
    guide_type: Option<Label>,
    /// What touches it: none, skin or sterile-field
    #[arg(long, value_parser = word::<Contact>, default_value = "none")]
    contact: Contact,
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    by: By,
}

/// What is ordered of a part; what is left out may be as the lab finds right.
#[derive(Debug, Args)]
struct Order {
    /// How large it is ordered by the anatomy: 0.5 is half of it.
    #[arg(long, value_name = "SCALE")]
    ordered_scale: Option<OrderedScale>,
    /// Of what it is ordered, as jobs and lots name it.
    #[arg(long, value_name = "MATERIAL")]
    ordered_material: Option<Label>,
    #[arg(long, value_name = "COLOUR")]
    ordered_colour: Option<Label>,
    /// How many prints of it are ordered: 1 to 20.
    #[arg(long, value_name = "NUMBER", value_parser = quantity)]
    ordered: Option<Quantity>,
}

fn quantity(text: &str) -> Result<Quantity, String> {
    let number: u8 = text.trim().parse().map_err(|_| "a number from 1 to 20 is needed".to_owned())?;
    Quantity::try_from(number).map_err(|error| error.to_string())
}

impl Order {
    fn ordered(self) -> Option<Ordered> {
        let Self { ordered_scale: scale, ordered_material: material, ordered_colour: colour, ordered } = self;
        let nothing = scale.is_none() && material.is_none() && colour.is_none() && ordered.is_none();
        let quantity = ordered.unwrap_or_default();
        (!nothing).then_some(Ordered { scale, material, colour, quantity })
    }
}

#[derive(Debug, Args)]
pub struct Revise {
    /// The case's token.
    token: String,
    /// The part's number within the case.
    part: u16,
    /// The model (STL, 3MF, OBJ).
    model: PathBuf,
    /// What it counts in; the part's own units where left out.
    #[arg(long, value_parser = word::<LengthUnit>)]
    units: Option<LengthUnit>,
    /// How large it is by the anatomy: 0.5 is half of it.
    #[arg(long)]
    scale: Option<f64>,
    /// It shows the other side, and is meant to.
    #[arg(long)]
    mirrored: bool,
    /// It is not the anatomy as it was scanned.
    #[arg(long)]
    modified: bool,
    /// What it was segmented with, and its version.
    #[arg(long)]
    software: Option<Label>,
    #[arg(long)]
    author: Option<Label>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Assess {
    /// The case's token.
    token: String,
    /// Seven numbers from 1 to 5: easy to use, fits the approach, plan altered, important, quality adequate,
    /// confident before, confident after.
    #[arg(long, value_name = "N,N,N,N,N,N,N", value_delimiter = ',', value_parser = answer)]
    #[arg(required_unless_present_any = ["helped", "no_difference", "hindered"])]
    answers: Vec<Likert>,
    #[command(flatten)]
    overall: OneWord,
    /// Minutes that were saved; less than 0 where it took longer.
    #[arg(long, value_name = "MINUTES", allow_hyphen_values = true)]
    saved: Option<i16>,
    /// They were measured, and are no estimate.
    #[arg(long, requires = "saved")]
    measured: bool,
    /// It was used in the procedure.
    #[arg(long)]
    used: bool,
    /// It was not used in the procedure; with neither of the two, nobody has said it.
    #[arg(long, conflicts_with = "used")]
    not_used: bool,
    /// What the person is who says so.
    #[arg(long, default_value = "requester")]
    respondent: Label,
    #[arg(long)]
    comment: Option<Text>,
    #[command(flatten)]
    by: By,
}

/// The whole in one word.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct OneWord {
    /// On the whole it helped.
    #[arg(long)]
    helped: bool,
    /// On the whole it made no difference.
    #[arg(long)]
    no_difference: bool,
    /// On the whole it hindered.
    #[arg(long)]
    hindered: bool,
}

impl OneWord {
    fn overall(&self) -> Option<Overall> {
        match self {
            Self { helped: true, .. } => Some(Overall::Helped),
            Self { no_difference: true, .. } => Some(Overall::NoDifference),
            Self { hindered: true, .. } => Some(Overall::Hindered),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub struct ConfirmUnits {
    /// The case's token.
    token: String,
    /// SHA-256 of the proposal that you saw, as the worksheet and `platen cases units` have it.
    #[arg(long, value_name = "SHA256")]
    proposal: FileHash,
    /// Units by code; a code that is not named has none.
    #[arg(long, value_name = "CODE=N,…", value_delimiter = ',', value_parser = units)]
    #[arg(required_unless_present = "as_proposed")]
    units: Vec<(String, u16)>,
    /// Exactly those that are proposed.
    #[arg(long, conflicts_with = "units")]
    as_proposed: bool,
    /// A remark; never a patient's name.
    #[arg(long, value_name = "TEXT")]
    note: Option<Note>,
    #[command(flatten)]
    by: By,
}

fn units(text: &str) -> Result<(String, u16), String> {
    let (code, units) = text.split_once('=').ok_or("write it as in 0559T=1")?;
    let odd = |_| format!("units are a whole number from 0 to {}, as in 0559T=1", u16::MAX);
    let units = units.trim().parse::<u16>().map_err(odd)?;
    Ok((code.trim().to_owned(), units))
}

fn amount(text: &str) -> Result<u32, String> {
    let odd = |_| {
        let most = u32::MAX;
        format!("an amount is a whole number of minor units, from 0 to {most}: 1250 for 12.50")
    };
    text.trim().parse::<u32>().map_err(odd)
}

fn answer(text: &str) -> Result<Likert, String> {
    let number: u8 = text.trim().parse().map_err(|_| "an answer is 1 to 5".to_owned())?;
    Likert::try_from(number).map_err(|error| error.to_string())
}

impl Step {
    pub fn run(self, client: &Client, global: &Global) -> Result<(), Failed> {
        let (token, by, step) = match self {
            Self::Describe(given) => given.step(),
            Self::DescribePart(given) => return given.run(client, global),
            Self::Revise(given) => return given.run(client, global),
            Self::Request(of) => (of.token, of.by, CaseStep::Requested {}),
            Self::Accept(of) => (of.token, of.by, CaseStep::Accepted {}),
            Self::Design(of) => (of.token, of.by, CaseStep::DesignBegun {}),
            Self::AskApproval(of) => (of.token, of.by, CaseStep::ApprovalAsked {}),
            Self::SendBack(of) => (of.token, of.by, CaseStep::SentBack { why: of.why }),
            Self::ToSign { token, of } => {
                let shown: ToSign = client.get(&path(&token, &format!("to-sign?of={of}")))?;
                return told(global, &shown, to_sign);
            }
            Self::Approve { token, digest, confirm, by } => {
                (token, by, CaseStep::Approved { digest, confirmed: confirm })
            }
            Self::Produce { token, process, validated_for, outside, elsewhere, by } => {
                (token, by, CaseStep::ProductionBegun { process, validated_for, outside, elsewhere })
            }
            Self::Qc(of) => (of.token, of.by, CaseStep::QcBegun {}),
            Self::Rework(of) => (of.token, of.by, CaseStep::ReworkAsked { why: of.why }),
            Self::Release { token, digest, by } => (token, by, CaseStep::Released { digest }),
            Self::Deliver(of) => (of.token, of.by, CaseStep::Delivered {}),
            Self::Used(of) => (of.token, of.by, CaseStep::Used {}),
            Self::Assess(given) => given.step()?,
            Self::ConfirmUnits(given) => given.step()?,
            Self::Units { token } => {
                let asked = format!("/v1/reports/worksheet?format=json&case={}", segment(&token));
                let sheet: Sheet = client.get(&asked)?;
                return told(global, &sheet.report.body, |units| proposed(&token, units));
            }
            Self::Remind(of) => (of.token, of.by, CaseStep::Reminded {}),
            Self::Waive(of) => (of.token, of.by, CaseStep::AssessmentWaived { why: of.why }),
            Self::Close(of) => (of.token, of.by, CaseStep::Closed {}),
            Self::Hold(of) => (of.token, of.by, CaseStep::Held { why: of.why }),
            Self::Continue(of) => (of.token, of.by, CaseStep::Continued {}),
            Self::Cancel(of) => (of.token, of.by, CaseStep::Cancelled { why: of.why }),
            Self::Reopen(of) => (of.token, of.by, CaseStep::Reopened { why: of.why }),
            Self::Message { token, text, to, by } => {
                let new = NewMessage { text, mentions: to };
                let thread: Vec<MessageView> = by.post(client, &path(&token, "messages"), new)?;
                return told(global, &thread, |thread| messages(thread));
            }
            Self::Messages { token } => {
                let thread: Vec<MessageView> = client.get(&path(&token, "messages"))?;
                return told(global, &thread, |thread| messages(thread));
            }
            Self::Effort { token, role, category, minutes, by } => {
                let new = NewEffort { role, category, minutes };
                let all: EffortsView = by.post(client, &path(&token, "efforts"), new)?;
                return told(global, &all, efforts);
            }
            Self::Efforts { token } => {
                let all: EffortsView = client.get(&path(&token, "efforts"))?;
                return told(global, &all, efforts);
            }
            Self::Cost { token, kind, amount, what, by } => {
                let new = NewCost { kind, amount, what };
                let noted: CostView = by.post(client, &path(&token, "costs"), new)?;
                return told(global, &noted, |noted| costs(std::slice::from_ref(noted)));
            }
            Self::Costs { token } => {
                let all: CostsView = client.get(&path(&token, "costs"))?;
                return told(global, &all, |all| costs(&all.entries));
            }
        };
        let now: CaseQuality = by.post(client, &path(&token, "steps"), step)?;
        told(global, &now, case)
    }
}

fn path(token: &str, below: &str) -> String {
    format!("/v1/cases/{}/{below}", segment(token))
}

impl Describe {
    fn step(self) -> (String, By, CaseStep) {
        let about = CaseAbout {
            kind: self.kind,
            service: self.service,
            requester: self.requester,
            indication: self.indication,
            modality: self.modality,
            needed_by: self.needed_by,
            priority: self.priority,
            appropriateness: self.appropriateness,
            acceptance: self.acceptance,
        };
        (self.token, self.by, CaseStep::Described { about: Box::new(about) })
    }
}

impl DescribePart {
    fn run(self, client: &Client, global: &Global) -> Result<(), Failed> {
        let about = PartAbout {
            kind: self.kind,
            region: self.region,
            subregion: self.subregion,
            structure: self.structure,
            laterality: self.side,
            units: self.units,
            comment: self.comment,
            required: !self.optional,
            dominant: self.dominant,
            individually_segmented: self.individually_segmented,
            individually_processed: self.individually_processed,
            group: self.group,
            guide_type: self.guide_type,
            contact: self.contact,
            ordered: self.order.ordered(),
        };
        let step = PartStep::Described { about: Box::new(about) };
        stepped(client, global, &self.token, self.part, self.by, step)
    }
}

impl Revise {
    fn run(self, client: &Client, global: &Global) -> Result<(), Failed> {
        let failed = |error| Failed::File { path: self.model.display().to_string(), error };
        let mut file = std::fs::File::open(&self.model).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut query = Vec::new();
        query.extend(self.units.map(|units| format!("units={units}")));
        let extension = self.model.extension().and_then(|extension| extension.to_str());
        query.extend(extension.map(|extension| format!("kind={}", segment(&extension.to_lowercase()))));
        let model: ModelView = client.upload(&format!("/v1/models?{}", query.join("&")), bytes, &mut file)?;
        let model = model.model.parse().map_err(|error| Failed::Finding(format!("{error}")))?;
        let revision = NewRevision {
            model,
            units: self.units,
            scale: self.scale,
            mirrored: self.mirrored,
            modified: self.modified,
            software: self.software,
            author: self.author,
        };
        let step = PartStep::Revised { revision: Box::new(revision) };
        stepped(client, global, &self.token, self.part, self.by, step)
    }
}

fn stepped(
    client: &Client,
    global: &Global,
    token: &str,
    part: u16,
    by: By,
    step: PartStep,
) -> Result<(), Failed> {
    let now: PartQuality = by.post(client, &path(token, &format!("parts/{part}/steps")), step)?;
    told(global, &now, |part| {
        show::line(&format!("part {} of case {}: {}", part.number, part.case, show::plain(&part.name)));
        if let Some(ordered) = part.about.as_ref().and_then(|about| about.ordered.as_ref()) {
            show::line(&format!("  ordered  {}", ordered_words(ordered)));
        }
        for revision in &part.revisions {
            let size: Vec<_> = revision.size_mm.iter().map(|length| format!("{length:.1}")).collect();
            show::line(&format!(
                "  revision {} {}: {} ({}, {} mm)",
                revision.number,
                revision.state,
                revision.model,
                revision.format,
                size.join(" × ")
            ));
        }
    })
}

impl Assess {
    fn step(self) -> Result<(String, By, CaseStep), Failed> {
        let answers = match self.answers[..] {
            [] => None,
            [easy, fits, altered, important, adequate, before, after] => Some(Answers {
                easy_to_use: easy,
                fits_approach: fits,
                plan_altered: altered,
                important,
                quality_adequate: adequate,
                confident_before: before,
                confident_after: after,
            }),
            _ => return Err(Failed::Usage("--answers takes seven numbers from 1 to 5, with commas".into())),
        };
        let assessment = Assessment {
            overall: self.overall.overall(),
            answers,
            saved: self.saved.map(|minutes| MinutesSaved { minutes, measured: self.measured }),
            used_in_procedure: match (self.used, self.not_used) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            respondent: self.respondent,
            comment: self.comment,
        };
        Ok((self.token, self.by, CaseStep::Assessed { assessment: Box::new(assessment) }))
    }
}

impl ConfirmUnits {
    fn step(self) -> Result<(String, By, CaseStep), Failed> {
        let mut units = BTreeMap::new();
        for (code, count) in self.units {
            if units.contains_key(&code) {
                let words = format!("the code {code} is there twice; name each once, with all its units");
                return Err(Failed::Usage(show::plain(&words)));
            }
            units.insert(code, count);
        }
        let units = (!self.as_proposed).then_some(units);
        Ok((self.token, self.by, CaseStep::UnitsConfirmed { of: self.proposal, units, note: self.note }))
    }
}

/// What is told here of a worksheet.
#[derive(Debug, Deserialize)]
struct Sheet {
    report: SheetReport,
}

#[derive(Debug, Deserialize)]
struct SheetReport {
    body: Units,
}

#[derive(Debug, Serialize, Deserialize)]
struct Units {
    proposal_sha256: FileHash,
    review: Reviewed,
    confirmation: Option<Confirmation>,
    warnings: Vec<String>,
}

fn proposed(token: &str, units: &Units) {
    show::line(&format!("case {token}: proposed units, which need review by a coder"));
    for of in &units.review.codes {
        let confirmed =
            of.confirmed.map_or_else(|| "not confirmed".into(), |units| format!("{units} confirmed"));
        show::line(&format!("  {}    {} proposed, {confirmed}", of.code, of.proposed));
    }
    for warning in &units.warnings {
        show::line(&format!("  warning  {}", show::plain(warning)));
    }
    if let Some(of) = &units.confirmation {
        let outdated = if units.review.outdated { ", OUTDATED: the case has changed since" } else { "" };
        show::line(&format!("  by       {} on {}{outdated}", of.by, when(&of.at.to_string())));
    }
    show::line(&format!("proposal {}", units.proposal_sha256));
}

fn messages(thread: &[MessageView]) {
    for message in thread {
        let by = message.by.as_deref().unwrap_or("platen");
        let to = match message.mentions.is_empty() {
            true => String::new(),
            false => format!(" to {}", message.mentions.join(", ")),
        };
        let at = message.at.get(..16).unwrap_or(&message.at).replace('T', " ");
        show::line(&show::plain(&format!("{at} {by}{to}: {}", message.text)));
    }
}

fn efforts(all: &EffortsView) {
    let rows: Vec<_> = all
        .buckets
        .iter()
        .map(|bucket| {
            vec![
                bucket.role.clone(),
                bucket.category.clone(),
                bucket.minutes.to_string(),
                bucket.unknown.to_string(),
            ]
        })
        .collect();
    show::table(&["ROLE", "CATEGORY", "MINUTES", "UNKNOWN"], &rows);
}

fn costs(entries: &[CostView]) {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let (number, amount) = (entry.number.to_string(), entry.amount.to_string());
            vec![number, entry.kind.clone(), amount, show::plain(&entry.what), entry.by.clone()]
        })
        .collect();
    show::table(&["NO.", "KIND", "AMOUNT", "FOR", "BY"], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        step: Step,
    }

    fn read(line: &str) -> Result<CaseStep, String> {
        let parsed = Line::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        let done = match parsed.step {
            Step::Assess(given) => given.step(),
            Step::ConfirmUnits(given) => given.step(),
            _ => return Err("another step".into()),
        };
        done.map(|(_, _, step)| step).map_err(|error| error.to_string())
    }

    #[test]
    fn an_assessment_takes_one_word_or_seven_answers_and_says_nothing_that_nobody_said() {
        let Ok(CaseStep::Assessed { assessment }) = read("x assess c1 --no-difference") else { panic!() };
        assert_eq!((assessment.overall, assessment.answers), (Some(Overall::NoDifference), None));
        assert_eq!((assessment.used_in_procedure, assessment.saved), (None, None));
        let both = "x assess c1 --helped --answers 5,4,3,5,4,2,5 --not-used --respondent surgeon";
        let Ok(CaseStep::Assessed { assessment }) = read(both) else { panic!() };
        assert_eq!((assessment.overall, assessment.used_in_procedure), (Some(Overall::Helped), Some(false)));
        assert!(assessment.answers.is_some());
        for wrong in [
            "x assess c1",
            "x assess c1 --helped --hindered",
            "x assess c1 --helped --used --not-used",
            "x assess c1 --answers 5,4",
            "x assess c1 --answers 5,4,3,5,4,2,9",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn units_are_confirmed_as_proposed_or_one_by_one_and_no_code_stands_twice() {
        let hash = "a".repeat(64);
        let line = |more: &str| read(&format!("x confirm-units c1 --proposal {hash} {more}"));
        let Ok(CaseStep::UnitsConfirmed { units, .. }) = line("--as-proposed") else { panic!() };
        assert_eq!(units, None);
        let Ok(CaseStep::UnitsConfirmed { units, .. }) = line("--units 0559T=1,0560T=2") else { panic!() };
        assert_eq!(units, Some([("0559T".to_owned(), 1), ("0560T".to_owned(), 2)].into()));
        for (wrong, which) in [
            ("--note x", "--units"),
            ("--units 0559T", "0559T=1"),
            ("--units 0559T=x", "from 0 to 65535"),
            ("--units 0559T=70000", "from 0 to 65535"),
            ("--units 0559T=1,0560T=1,0559T=2", "the code 0559T is there twice"),
        ] {
            let error = line(wrong).unwrap_err();
            assert!(error.contains(which), "{wrong}: {error}");
        }
        assert!(line("--as-proposed --units 0559T=1").is_err());
    }

    #[test]
    fn an_amount_with_a_point_is_refused_with_what_it_is_in_minor_units() {
        assert_eq!(amount("1250"), Ok(1_250));
        for odd in ["12.50", "-1", "", "4294967296"] {
            assert!(amount(odd).unwrap_err().contains("1250 for 12.50"), "{odd}");
        }
    }
}
