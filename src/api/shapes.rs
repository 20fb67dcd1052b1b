//! The JSON of the API: what goes in and out, apart from the domain so that each can change alone.
//!
//! Another version of the command line may read it: what comes new into an answer has a default, or is an `Option`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::given::Example;
use super::queue::ReprintView;
use super::resin::shapes::ResinBrief;
use crate::domain::case::IntendedUse;
use crate::domain::identifiers::{self, Entered, ErasingReason, Identifiers, ReadingReason};
use crate::domain::ids::JobId;

/// What a new case is for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCase {
    /// Decides later which processes and checks are allowed.
    #[schema(value_type = String, example = "diagnostic")]
    pub intended_use: IntendedUse,
}

impl Example for NewCase {
    const EXAMPLE: &'static str = r#"{"intended_use": "diagnostic"} (or "guide", "education")"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPart {
    /// 1 to 40 letters, digits, spaces and . - _ ( )
    #[schema(example = "left ventricle")]
    pub name: String,
}

impl Example for NewPart {
    const EXAMPLE: &'static str = r#"{"name": "left ventricle"}"#;
}

/// A part by its number within the case, or by its id.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum PartGiven {
    Number(u16),
    Text(String),
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The hash that the upload answered with; or `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A model, of which a file is made first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelGiven>,
    /// The case's token.
    pub case: String,
    pub part: PartGiven,
    /// What else the file lays on the bed, once for each piece: parts of the same case, 19 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<PartGiven>,
    /// The only printer that it may run on; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// Plain words: "PLA".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
    /// So many jobs are queued from the file, each an attempt of its own: 1 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub copies: Option<u8>,
    /// What an encrypted file takes of resin, ml, as the slicer shows it: without it the job does not begin. Of a file
    /// that tells it itself it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 80.5)]
    pub resin_ml: Option<f64>,
    /// How many minutes it takes, with `resin_ml`: so that the plan has an end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Warnings about the file that are accepted, by their codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Who accepts them, and says what it takes: 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for NewJob {
    const EXAMPLE: &'static str =
        r#"{"file": "<sha256>", "case": "<token>", "part": 1, "printer": "mk3-07", "material": "PLA"}"#;
}

/// A model that is to be sliced, and what somebody says of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelGiven {
    /// The hash that the upload answered with.
    pub hash: String,
    /// By its name, or `draft` or `fine` where only one fits printer and material.
    #[schema(example = "prusa-mk3s-pla-fine")]
    pub process: String,
    /// What it counts in: mm, inch, m, um, cm or ft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// How large it is by the anatomy: 0.5 is half of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// It is the mirror image of the anatomy, and is to be.
    #[serde(default)]
    pub mirrored: bool,
    /// How large the anatomy is, in mm and in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<f64>>,
    /// Warnings that are accepted, by their codes; the job's `by` says who accepts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
}

/// A model as it was read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ModelView {
    /// SHA-256 of the model's bytes.
    pub model: String,
    pub bytes: u64,
    /// `binary STL`, `ASCII STL`, `OBJ` or `3MF`.
    pub format: String,
    pub unit: String,
    /// Along X, Y and Z.
    pub size_mm: Vec<f64>,
    pub triangles: u64,
    pub watertight: bool,
}

/// How far the slicer is with a job's model.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SlicingView {
    pub process: String,
    pub percent: u8,
    /// The slicer's own words; empty while it waits for its turn.
    pub doing: String,
}

impl SlicingView {
    /// What it does, for people.
    pub fn in_words(&self) -> &str {
        if self.doing.is_empty() { "waiting for its turn" } else { &self.doing }
    }
}

/// Where a job's file comes from, if platen sliced it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChainView {
    /// SHA-256 of the model's bytes.
    pub model: String,
    pub model_format: String,
    pub model_unit: String,
    /// Along X, Y and Z.
    pub model_size_mm: Vec<f64>,
    pub process: String,
    pub printer_model: String,
    pub material: String,
    pub profile: String,
    pub profile_version: u32,
    /// SHA-256 of the profile.
    pub profile_hash: String,
    pub slicer: String,
    pub slicer_version: String,
    /// SHA-256 of the file that it wrote.
    pub file: String,
    pub layers: u64,
    pub height_mm: Option<f64>,
    /// Whether the slicer ran without any network.
    pub network_cut: bool,
    /// Warnings that were accepted, by their codes.
    pub accepted: Vec<String>,
}

/// Who is at which printer to let a job begin.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartOrder {
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// Absent: the one that the job is meant for, or the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
}

impl Example for StartOrder {
    const EXAMPLE: &'static str = r#"{"by": "kim", "printer": "mk3-07"}"#;
}

/// Who accepts which warnings about a waiting job's file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptOrder {
    /// By their codes.
    pub accept: Vec<String>,
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for AcceptOrder {
    const EXAMPLE: &'static str = r#"{"accept": ["heat.not_waited"], "by": "kim"}"#;
}

/// Who says so.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct By {
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for By {
    const EXAMPLE: &'static str = r#"{"by": "kim"}"#;
}

/// Who says that a bed is clear, and of what.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BedGiven {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// The job whose part they have taken off: 409 (`other-part`) where another one's is there by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub job: Option<JobId>,
}

impl Example for BedGiven {
    const EXAMPLE: &'static str = r#"{"by": "kim", "job": "0123456789abcdef"}"#;
}

/// Who has looked at a lock or a quarantine, and at which.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookedAt {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// Its `at`, as they have seen it: 409 (`other-lock`, `other-quarantine`) where it is another one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Example for LookedAt {
    const EXAMPLE: &'static str = r#"{"by": "kim", "since": "2026-11-30T07:00:00.000Z"}"#;
}

/// An answer to what a printer asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The button's place, from 0.
    pub button: u8,
    /// The question as it was seen: if the printer asks something else by now, nothing is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for Answered {
    const EXAMPLE: &'static str = r#"{"button": 0, "asked": "Nozzle Parked", "by": "kim"}"#;
}

/// One command for a printer's console.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleOrder {
    #[schema(example = "M503")]
    pub command: String,
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for ConsoleOrder {
    const EXAMPLE: &'static str = r#"{"command": "M503", "by": "kim"}"#;
}

/// What a console command brought. The lines are the firmware's own words: bounded, plain ASCII, not to be trusted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConsoleView {
    pub lines: Vec<String>,
    /// More came than is shown.
    pub cut: bool,
    /// The firmware has acknowledged the command; otherwise it still works on it, or is lost.
    pub done: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopOrder {
    /// Who stops; "unnamed" where absent, since a stop is never refused for a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// All printers where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
}

impl Example for StopOrder {
    const EXAMPLE: &'static str = r#"{"by": "kim", "printer": "mk3-07"}"#;
}

/// A file that may be printed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// SHA-256 of the bytes, in hexadecimal: the file's name from now on.
    pub file: String,
    pub bytes: u64,
    pub lines: u64,
    /// Lines that go to the printer: without comments and blank lines. Layers of a resin file, which has no lines.
    pub commands: u64,
    /// SHA-256 over the commands, or over the marks of the masks: what a print is measured against.
    pub digest: String,
    /// What is in it, where it is a resin file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resin: Option<ResinFileView>,
}

/// What a resin file says of its layers, and what was counted in their masks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResinFileView {
    /// `SL1`, `NanoDLP file`, `CTB`, `CBDDLP`, `GOO` or `encrypted CTB`; of the last nothing below is known.
    pub format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// Of all layers but the first, mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_mm: Option<f64>,
    /// From the plate to the top, mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_mm: Option<f64>,
    /// Columns and rows of points of each mask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<u32>,
    /// Width and height of a point, µm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_um: Option<Vec<f64>>,
    /// Along X, Y and Z, mm: of all that is lit anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_mm: Option<Vec<f64>>,
    /// Of the first layer, and of the layer in the middle, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_exposure_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_s: Option<f64>,
    /// All exposures together, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light_s: Option<f64>,
    /// Counted in its masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millilitres: Option<f64>,
    /// What its slicer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_millilitres: Option<f64>,
    /// The resin that its slicer was told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
}

/// What a job takes of a vat. Of an encrypted file only what a person has said is known.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NeedView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millilitres: Option<f64>,
    /// All exposures together, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light_s: Option<f64>,
    /// How long a person has said that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Who has said what it takes, since its file is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by: Option<String>,
    /// The layers, counted from 1, before which it stands still until somebody has refilled the vat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refill_before: Vec<u32>,
}

/// A photo that is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PhotoView {
    /// SHA-256 of what is kept, in hexadecimal: what an inspection names. What was sent had another one, unless it had
    /// no metadata.
    pub photo: String,
    pub bytes: u64,
    /// `jpeg` or `png`
    pub format: String,
    /// Pixels, as they lie in the file.
    pub width: u32,
    pub height: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PartView {
    pub id: String,
    pub case: String,
    /// 1, 2, 3 … within the case.
    pub number: u16,
    pub name: String,
}

/// A case in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CaseBrief {
    pub token: String,
    pub intended_use: String,
    /// How far it has come, for people.
    #[serde(default)]
    pub state: String,
    /// RFC 3339.
    pub opened: String,
    pub parts: usize,
    pub jobs: usize,
}

/// What to look for among the cases. It is sent as a body: what people type has no place in an address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindCases {
    /// Each word has to be found in the token, in a part's name or in the ordering service.
    #[schema(example = "ventricle")]
    pub words: String,
}

impl Example for FindCases {
    const EXAMPLE: &'static str = r#"{"words": "ventricle"}"#;
}

/// A case that was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoundCase {
    pub token: String,
    pub intended_use: String,
    /// How far it has come, as `/v1/cases/{token}/quality` says it: `in_production`.
    pub state: String,
    /// The names of its parts.
    pub parts: Vec<String>,
}

/// A case with everything in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CaseView {
    pub token: String,
    pub intended_use: String,
    /// How far it has come, for people.
    #[serde(default)]
    pub state: String,
    /// RFC 3339.
    pub opened: String,
    pub parts: Vec<PartView>,
    /// Oldest first.
    pub jobs: Vec<JobView>,
}

/// How far the firmware has confirmed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProgressView {
    pub confirmed: u64,
    pub total: u64,
    /// 0 to 100
    pub percent: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    pub id: String,
    pub case: String,
    pub part: PartView,
    /// Serials of all pieces that it lays on the bed, where these are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub build: Vec<String>,
    /// SHA-256 of the file; while it is sliced, and where it could not be, of its model.
    pub file: String,
    /// Of the file; 0 where there is none.
    pub commands: u64,
    /// `slicing`, `queued`, `printing`, `paused`, `printed`, `cancelled`, `interrupted` or `not_sliced`.
    pub state: String,
    /// How far its slicing is; only while it is sliced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slicing: Option<SlicingView>,
    /// Where its file comes from, if it was sliced here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainView>,
    /// What was found in its file when it was taken in, and accepted by whom; absent where that was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateView>,
    /// What it takes of a vat, where its file is for resin; absent while that is still to be sliced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<NeedView>,
    /// Why it is paused, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// The printer that it runs or ran on.
    pub printer: Option<String>,
    /// The only printer that it may run on.
    pub pinned: Option<String>,
    pub material: Option<String>,
    pub progress: Option<ProgressView>,
    /// The layer that is printed, from 1; absent before the first, and until the file was read for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerView>,
    /// Where its pictures are. The same file always looks the same.
    #[serde(default)]
    pub pictures: PicturesView,
    /// RFC 3339, as are the others.
    pub queued: String,
    pub started: Option<String>,
    pub ended: Option<String>,
    /// Why it ended so, where it did not end as printed.
    pub why: Option<String>,
    /// Of a printed job: whether the firmware confirmed exactly the file's commands.
    pub exact: Option<bool>,
    /// Where it went on after platen had ended: look at the part there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continued: Vec<ContinuedView>,
    /// It goes on with the part of another job, from this layer on: look at the part there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<ResumesView>,
    /// The job that it prints again, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprints: Option<ReprintView>,
    /// Files that were made to go on with its part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resume_files: Vec<ResumeFileBrief>,
    /// How the line did for it, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineView>,
    /// What its printer does instead, such as `stopped`, while the journal could not yet be told:
    /// the disk may be full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
    /// The other jobs that were queued from the same file by the same request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// Its printer is out of reach: what becomes of the job and of its heaters, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_reach: Option<String>,
    /// Why it has not started; only while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

impl JobView {
    /// Else it is a model still, or was never more. No file that can be printed is without commands.
    pub fn has_file(&self) -> bool {
        self.commands > 0
    }
}

/// The layer of the last command that the firmware has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerView {
    pub number: usize,
    pub of: usize,
    pub z_mm: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PicturesView {
    /// The whole print from three sides; `?layer=7` is a layer of it, `?slicers=true` what its slicer has put in.
    /// Absent while there is no file yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print: Option<String>,
    /// The model that it was, or is to be, sliced from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A place at which a job went on with the very next line after a gap.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ContinuedView {
    /// The command of the file with which it went on.
    pub command: u64,
    /// Counted from 1 by the heights at which filament was laid; 0 before the first.
    pub layer: u32,
    /// At most this long nothing was sent.
    pub gap_ms: u64,
    pub at: String,
}

/// With which part a job goes on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResumesView {
    /// The interrupted job.
    pub job: String,
    /// The layer of that job's file with which it begins, from 1.
    pub layer: u32,
    /// How high the nozzle has to stand above the plate when it begins.
    pub height_mm: f64,
}

/// A file that goes on with an interrupted job's part.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResumeFileBrief {
    /// SHA-256 of the file: queue a job from it as from any other.
    pub file: String,
    pub layer: u32,
    pub height_mm: f64,
    pub by: String,
    pub at: String,
}

/// From which layer on a resume file is to go on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeOrder {
    /// Counted from 1 as `platen preflight` counts the layers of the job's file: the one in which it ended, or
    /// the one behind that.
    pub layer: u32,
    /// How high the nozzle stands above the plate now, in mm. Absent: as the record has it, where it is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_mm: Option<f64>,
    /// 1 to 40 letters, digits, spaces and . - _ @; who is signed in leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
}

impl Example for ResumeOrder {
    const EXAMPLE: &'static str = r#"{"layer": 42, "height_mm": 8.4, "by": "kim"}"#;
}

/// A resume file as it was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResumeFileView {
    pub file: FileView,
    /// The interrupted job, and the only printer that its part stands on.
    pub job: String,
    pub printer: String,
    pub layer: u32,
    /// How high the nozzle has to stand above the plate when it begins.
    pub height_mm: f64,
    /// Where the layer lies, as far as the file says it.
    pub layer_z_mm: Option<f64>,
    /// What a person should know before it is printed; nothing here forbids it.
    pub findings: Vec<FindingView>,
}

/// What was found in a job's file, and the model that it was sliced from, when it was taken in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GateView {
    pub findings: Vec<NotedView>,
    /// So many more than are listed.
    pub more: u64,
    /// Codes of warnings that somebody has accepted.
    pub accepted: Vec<String>,
    /// Who.
    pub by: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NotedView {
    /// docs/gate.md says what each means.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// Where it shows first.
    pub line: Option<u64>,
}

/// What a file would do on a printer, and what speaks against it there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PreflightView {
    pub file: String,
    pub printer: String,
    /// Nothing speaks against it that would have to be mended or accepted.
    pub passes: bool,
    /// The worst first.
    pub findings: Vec<FindingView>,
    /// Without heating, and of resin without homing; absent where neither the file nor the printer says how fast a plate
    /// moves.
    pub seconds: Option<f64>,
    /// What its slicer says.
    pub claimed_seconds: Option<f64>,
    /// Absent of an encrypted file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// By tool.
    pub filament_mm: Vec<f64>,
    /// By tool, where its slicer tells a density.
    pub filament_g: Vec<Option<f64>>,
    /// Degrees Celsius.
    pub hottest_nozzle: Option<f64>,
    pub hottest_bed: Option<f64>,
    /// Where the head goes.
    pub moves: ExtentsView,
    /// Where filament is laid.
    pub extrusion: ExtentsView,
    pub slicer: Option<String>,
    /// What is in it, where it is a resin file; what is of filament says nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resin: Option<ResinFileView>,
}

/// Along X, Y and Z, in mm; absent where nothing is known to go.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ExtentsView {
    pub low: Vec<Option<f64>>,
    pub high: Vec<Option<f64>>,
}

/// Something that speaks against a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// Stays the same over versions: `volume.extrusion`. docs/gate.md lists them.
    pub code: String,
    /// `error`, or `warning`, which can be accepted.
    #[serde(default)]
    pub severity: String,
    /// Where it shows first.
    pub line: Option<u64>,
    pub what: String,
    pub help: String,
    /// Where a file was judged for several printers: those where this was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub printers: Vec<String>,
}

/// Why a job does not start at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Queued jobs that come before it on some printer that it may use.
    pub ahead: usize,
    pub printers: Vec<WaitingOn>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitingOn {
    pub printer: String,
    pub why: String,
    /// It waits for nothing but a person at this printer, who lets it begin.
    #[serde(default)]
    pub person: bool,
    /// Warnings about its file that would have to be accepted, by their codes, where nothing worse speaks against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptable: Vec<String>,
    /// For the page: what the first sentence of `why` is about.
    #[serde(skip)]
    pub first: FirstReason,
}

/// What keeps a job from beginning, before all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstReason {
    /// Nothing does: it begins in a moment, or when the printer or the gate is done.
    #[default]
    Nothing,
    /// A part is still on the bed.
    Bed,
    /// What `why` says.
    Said,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReadingView {
    /// Degrees Celsius.
    pub actual: f64,
    /// Degrees Celsius; 0 is off. Absent where the firmware reports none.
    pub target: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemperaturesView {
    pub hotend: Option<ReadingView>,
    pub bed: Option<ReadingView>,
    pub chamber: Option<ReadingView>,
    /// Milliseconds since the firmware reported them; absent before the first report.
    pub age_ms: Option<u64>,
    /// The printer should have told newer ones by now: what is so now is not known.
    #[serde(default)]
    pub old: bool,
}

impl TemperaturesView {
    /// How old they are, where they are not of now.
    pub fn told_ago(&self) -> Option<String> {
        self.age_ms.filter(|_| self.old).map(age)
    }
}

/// A time that has passed, for people.
pub fn age(millis: u64) -> String {
    match millis / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

/// How the line to the printer does, since the port was opened, or did for one job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    pub lines_sent: u64,
    pub bytes_sent: u64,
    /// Over the last seconds; of a job: over all of it.
    #[serde(default)]
    pub lines_per_s: f64,
    #[serde(default)]
    pub bytes_per_s: f64,
    /// Bytes against what the line can carry, 0 to 1.
    #[serde(default)]
    pub used: f64,
    /// Lines that the board asked for again; of these, damaged on the way, out of order, and unexplained:
    pub resends: u64,
    #[serde(default)]
    pub resends_damaged: u64,
    #[serde(default)]
    pub resends_number: u64,
    #[serde(default)]
    pub resends_unexplained: u64,
    /// Times that the firmware was asked where it is, after silence.
    pub probes: u64,
    /// `ok`s that answered nothing.
    pub stray_oks: u64,
    /// Commands that the firmware seems to have run out of place, or has left out.
    #[serde(default)]
    pub strays: u64,
    /// Lines that were done but whose `ok` never came.
    #[serde(default)]
    pub oks_missing: u64,
    /// Upper bounds of `ok_latency`, in ms; its last bucket has none.
    #[serde(default)]
    pub ok_latency_bounds_ms: Vec<u64>,
    /// Lines by the time from their sending to their `ok`.
    #[serde(default)]
    pub ok_latency: Vec<u64>,
    /// Milliseconds in which the planner held no move but the one just taken in. Absent where the
    /// firmware does not tell of its planner.
    pub starved_ms: Option<u64>,
    /// What the latest errors mean, and what to do.
    pub trouble: Option<String>,
}

/// Why a printer may not be used until a named person clears it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LatchView {
    /// `stopped` or `fault`.
    pub kind: String,
    pub why: String,
    /// RFC 3339.
    pub at: String,
    /// How it is known that a stop has stopped the board: `kill_line`, `restart`, `silence`, `plate_up` or `not_printing`.
    pub confirmed: Option<String>,
    /// Present where a stop was not confirmed in its time: `switched`, `failed` or `absent`.
    pub relay: Option<String>,
}

/// By what a printer's board is known again. Texts are the firmware's and the adapter's own.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// What tells it from others, in words.
    pub known_by: String,
    /// A look-alike in its place would not be noticed by itself.
    pub weak: bool,
    pub uuid: Option<String>,
    pub machine_type: Option<String>,
    pub firmware: Option<String>,
    /// Vendor and product of the USB adapter; absent where the port is none of USB, as are the next two.
    pub usb: Option<String>,
    pub usb_serial: Option<String>,
    pub usb_socket: Option<String>,
    /// Who said so; absent where platen learned it when it first connected.
    pub by: Option<String>,
    /// RFC 3339.
    pub at: String,
}

/// Why a port is in quarantine: until its own board is there, or a named person says which board it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    pub why: String,
    /// The printer that the board seems to be.
    pub seems_to_be: Option<String>,
    /// RFC 3339.
    pub at: String,
}

/// What a printer asks whoever stands there, in its firmware's words: bounded, plain ASCII, not to be trusted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PromptView {
    pub asked: String,
    /// What can be answered; the first is button 0. Empty where only the printer's panel can answer.
    #[serde(default)]
    pub buttons: Vec<String>,
}

/// What a pause is at, or a job that cannot end yet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Somebody is waited for.
    pub needs_person: bool,
    /// Why it is paused, and where that is at.
    pub words: Option<String>,
    /// What the file says to whoever comes.
    pub text: Option<String>,
    /// Seconds until the nozzle goes off, and the bed; absent where they are off, or nothing will be.
    pub nozzle_off_s: Option<u64>,
    pub bed_off_s: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrinterView {
    pub name: String,
    /// `offline`, `connecting`, `quarantined`, `ready`, `printing`, `paused`, `finishing`, `cancelling`, `stopped` or `faulted`.
    pub state: String,
    /// The state in a sentence.
    pub words: String,
    pub job: Option<String>,
    pub progress: Option<ProgressView>,
    pub temperatures: TemperaturesView,
    pub firmware: Option<String>,
    /// What it asks; answered with `/answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldView>,
    /// What its console takes: `off`, `read` or `service`.
    #[serde(default)]
    pub console: String,
    pub line: LineView,
    /// The job whose part stands on the bed; absent where the bed is clear.
    pub on_bed: Option<String>,
    pub latch: Option<LatchView>,
    /// What its board is known by, once it was connected.
    #[serde(default)]
    pub identity: Option<IdentityView>,
    /// Another board is on its port, or may be.
    #[serde(default)]
    pub quarantine: Option<QuarantineView>,
    /// What may be so of its own board, where that is not the one on its port, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_board: Option<String>,
    /// Of a resin printer: what is in its vat, and what is worn; more of it is at `/resin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resin: Option<ResinBrief>,
    /// Of a resin printer its light: `off`, `on`, `may_be_on` or `unknown`. Absent where nothing is known of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light: Option<String>,
    /// Milliseconds since its task last said anything.
    pub age_ms: u64,
    /// For the page: it was unlocked after a stop and does not answer. `words` says so to everybody.
    #[serde(skip)]
    pub still_deaf: bool,
}

/// What became of a stop at one printer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stopped {
    pub printer: String,
    /// The stop is in the kernel's hands. False: the port is not open, or another board is on it.
    pub on_wire: bool,
    /// When it was asked for: a lock of the printer that is older is of an earlier stop.
    #[serde(default)]
    pub asked_at: String,
}

/// What an audit of the whole journal found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Every entry is unchanged, none is missing, and together they give the stored state.
    pub intact: bool,
    /// Entries of the journal, where intact.
    pub entries: Option<u64>,
    /// Hash of the newest entry, where intact: note it elsewhere to prove later that nothing was rewritten.
    pub head: Option<String>,
    /// What is wrong, where not intact.
    pub finding: Option<String>,
}

/// One entry of the journal in a sentence.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaleView {
    /// The entry's place in the journal.
    pub seq: u64,
    /// Wall time, RFC 3339 in UTC.
    pub at: String,
    /// Who caused it.
    pub who: String,
    pub job: Option<String>,
    /// For the lab only: part names and words of firmware may be in it.
    pub what: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` or `failing`.
    pub status: String,
    pub version: String,
    /// Whether the journal takes entries; without it nothing is accepted.
    pub recorder: bool,
    /// Why it takes none, or what an audit found damaged in it, and what to do; absent where all is well.
    pub trouble: Option<String>,
    /// Newest entry of the journal.
    pub journal: u64,
    pub printers: usize,
    /// Printers whose port is open.
    pub online: usize,
    /// What the publisher says of itself; absent where no broker is configured.
    pub mqtt: Option<String>,
    /// Whether the vault is `open`, `closed` (the log says why) or `off`.
    #[serde(default)]
    pub vault: String,
    /// Since the daemon's start.
    pub uptime_ms: u64,
}

/// A password or a token: it goes over the wire, and into no log.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// Who a case is for, as somebody writes it down. What is left out is not kept; one at least is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct NewIdentifiers(pub Entered);

impl Example for NewIdentifiers {
    const EXAMPLE: &'static str = r#"{"name": "<name>", "mrn": "<number>", "accession": "<number>", "surgeon": "<name>", "surgery_at": "<YYYY-MM-DDTHH:MM>", "birth_date": "<YYYY-MM-DD>"}"#;
}

/// Who a case is for.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct IdentifiersShown {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The hospital's number of the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mrn: Option<String>,
    /// The number of the imaging study's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accession: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surgeon: Option<String>,
    /// On the hospital's clock, to the minute: `YYYY-MM-DDTHH:MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surgery_at: Option<String>,
    /// `YYYY-MM-DD`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
}

impl std::fmt::Debug for IdentifiersShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentifiersShown(…)")
    }
}

impl From<&Identifiers> for IdentifiersShown {
    fn from(of: &Identifiers) -> Self {
        let text = |hidden: Option<&identifiers::Hidden>| hidden.map(|hidden| hidden.reveal().to_owned());
        Self {
            name: text(of.name()),
            mrn: text(of.mrn()),
            accession: text(of.accession()),
            surgeon: text(of.surgeon()),
            surgery_at: of.surgery_at().map(|time| time.reveal()),
            birth_date: of.birth_date().map(|day| day.reveal()),
        }
    }
}

/// Whether something is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IdentifiersKept {
    pub kept: bool,
    /// Absent where nothing ever was.
    pub version: Option<u64>,
    /// `open`, `closed` or `off`.
    pub vault: String,
}

/// Why somebody looks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOrder {
    /// `handover`, `clinical_question`, `scheduling`, `correction`, `billing`, `patient_request` or `audit`.
    #[schema(value_type = String, example = "handover")]
    pub reason: ReadingReason,
}

impl Example for ReadOrder {
    const EXAMPLE: &'static str = r#"{"reason": "handover"} (or "clinical_question", "scheduling", "correction", "billing", "patient_request", "audit")"#;
}

/// Why it is erased.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseOrder {
    /// `patient_request`, `retention` or `entered_in_error`.
    #[schema(value_type = String, example = "retention")]
    pub reason: ErasingReason,
}

impl Example for EraseOrder {
    const EXAMPLE: &'static str = r#"{"reason": "retention"} (or "patient_request", "entered_in_error")"#;
}

/// What became of the records when they were to be sealed with the newest key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResealedView {
    pub changed: usize,
    /// Those that had it already.
    pub unchanged: usize,
    /// What went wrong, by case.
    pub failed: Vec<String>,
}

/// Who signs in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    #[schema(example = "kim")]
    pub name: String,
    #[schema(value_type = String)]
    pub password: Hidden,
}

impl Example for SignIn {
    const EXAMPLE: &'static str = r#"{"name": "kim", "password": "<password>"}"#;
}

/// Who asks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AskerView {
    pub name: String,
    /// As it stands under a signature.
    pub printed: String,
    pub roles: Vec<String>,
    /// `session` or `token`.
    pub by: String,
    /// An admin has chosen the password: nothing is done with it than choosing another.
    pub must_choose_password: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedOut {
    pub signed_out: bool,
}

/// The password that somebody has, and the one that they choose.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    #[schema(value_type = String)]
    pub old: Hidden,
    /// 12 characters at least.
    #[schema(value_type = String)]
    pub new: Hidden,
}

impl Example for OwnPassword {
    const EXAMPLE: &'static str = r#"{"old": "<password>", "new": "<another>"}"#;
}

/// What an admin chooses for somebody, who must change it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 12 characters at least.
    #[schema(value_type = String)]
    pub password: Hidden,
}

impl Example for NewPassword {
    const EXAMPLE: &'static str = r#"{"password": "<password>"}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 40 letters, digits and single spaces or . - _ @ between them.
    #[schema(example = "kim")]
    pub name: String,
    /// The name in full; the same where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Kim Lee")]
    pub printed: Option<String>,
    /// By their words, as docs/roles.md has them.
    #[schema(example = json!(["operator"]))]
    pub roles: Vec<String>,
    /// 12 characters at least; they must change it.
    #[schema(value_type = String)]
    pub password: Hidden,
}

impl Example for NewUser {
    const EXAMPLE: &'static str =
        r#"{"name": "kim", "printed": "Kim Lee", "roles": ["operator"], "password": "<password>"}"#;
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesGiven {
    /// All that they have from now on.
    #[schema(example = json!(["operator", "inspector"]))]
    pub roles: Vec<String>,
    /// What they have, as who asks has seen it: 409 (`changed-meanwhile`) where that is not so any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Vec<String>>,
}

impl Example for RolesGiven {
    const EXAMPLE: &'static str = r#"{"roles": ["operator", "inspector"]}"#;
}

/// One kind of notice, and how it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeView {
    pub topic: String,
    /// When it comes.
    pub when: String,
    /// `mail`, `webhook`, `mqtt`; none where it does not come.
    pub ways: Vec<String>,
}

/// What somebody is told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticesView {
    pub user: String,
    /// Where their mail goes; absent: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// Nothing was chosen: it is what their roles have.
    pub by_role: bool,
    /// The ways that this site has.
    pub ways: Vec<String>,
    pub notices: Vec<NoticeView>,
}

/// What is to change of what somebody is told. What is not named stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticesGiven {
    /// Where their mail goes; an empty text: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim@lab.example")]
    pub mail: Option<String>,
    /// The ways of a notice, by its topic; an empty list: it does not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"print_failed": ["mail", "mqtt"]}))]
    pub topics: Option<BTreeMap<String, Vec<String>>>,
    /// Everything that was chosen is forgotten: what their roles have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_role: bool,
}

impl Example for NoticesGiven {
    const EXAMPLE: &'static str =
        r#"{"mail": "kim@lab.example", "topics": {"print_failed": ["mail", "mqtt"]}}"#;
}

/// Nothing more is to be said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoMore {}

impl Example for NoMore {
    const EXAMPLE: &'static str = "{}";
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub name: String,
    /// As it stands under a signature.
    pub printed: String,
    pub roles: Vec<String>,
    /// `false`: disabled.
    pub active: bool,
    /// `own`, `of_another` (an admin chose it, and they must change it) or `missing` (they cannot sign in).
    pub password: String,
    pub added: String,
    pub tokens: Vec<TokenView>,
}

/// A token without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    /// What it is for.
    pub label: String,
    pub roles: Vec<String>,
    pub issued: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for: 1 to 40 letters, digits, spaces and . - _
    #[schema(example = "nightly backup")]
    pub label: String,
    /// At most its owner's.
    #[schema(example = json!(["admin"]))]
    pub roles: Vec<String>,
    /// It serves as the password of HTTP digest, too, as programs of PrusaLink send it. platen then keeps what is as
    /// good as the token for that: docs/people.md.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
}

impl Example for NewToken {
    const EXAMPLE: &'static str = r#"{"label": "nightly backup", "roles": ["admin"]}"#;
}

/// A token with its secret, this once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenShown {
    pub id: String,
    /// For `Authorization: Bearer`; nobody can show it again.
    #[schema(value_type = String)]
    pub token: Hidden,
}

/// Reports of this hash, and who took them; none where platen has made none such.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeReports {
    pub sha256: String,
    pub made: Vec<MadeReport>,
}

/// Somebody took a report.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeReport {
    /// `case`, `worksheet`, `registry`, `value`, `printer`, `lot` or `audit`
    pub kind: String,
    pub title: String,
    /// Its parameters in words.
    pub of: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The data cut: the last entry of the journal that is in it.
    pub until: u64,
    /// Of the report's kind.
    pub version: u16,
    /// Absent where nobody was set up, and nobody said a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub at: String,
    /// The entry of the journal that says so.
    pub entry: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first daemon answered, without all that came later.
    #[test]
    fn an_answer_of_an_older_daemon_is_read() {
        fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        }
        const PART: &str = r#"{"id": "p", "case": "c", "number": 1, "name": "heart"}"#;
        let job = format!(
            r#"{{"id": "j", "case": "c", "part": {PART}, "file": "f", "commands": 7, "state": "queued", "queued": "q",
            "waiting": {{"ahead": 0, "printers": [{{"printer": "mk", "why": "it prints"}}]}}}}"#
        );
        let read_job: JobView = read(&job);
        assert_eq!(read_job.pictures, PicturesView::default());
        let case = format!(
            r#"{{"token": "c", "intended_use": "guide", "opened": "o", "parts": [{PART}], "jobs": [{job}]}}"#
        );
        assert_eq!(read::<CaseView>(&case).jobs.len(), 1);
        let printer: PrinterView = read(
            r#"{"name": "mk", "state": "ready", "words": "it is ready", "temperatures": {"age_ms": 7},
            "line": {"lines_sent": 9, "bytes_sent": 90, "resends": 0, "probes": 0, "stray_oks": 0},
            "latch": {"kind": "stopped", "why": "w", "at": "a"}, "age_ms": 7}"#,
        );
        assert_eq!((printer.line.lines_sent, printer.line.ok_latency.len()), (9, 0));
        read::<Stopped>(r#"{"printer": "mk", "on_wire": true}"#);
        read::<FileView>(r#"{"file": "f", "bytes": 1, "lines": 1, "commands": 1, "digest": "d"}"#);
        read::<AuditView>(r#"{"intact": true}"#);
        read::<FindingView>(r#"{"code": "c", "what": "w", "help": "h"}"#);
        read::<crate::api::Problem>(
            r#"{"type": "t", "title": "t", "status": 404, "detail": "d", "help": "h"}"#,
        );
    }
}
