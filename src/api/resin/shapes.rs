//! The JSON of resin printers. Volumes are in millilitres, light in milliseconds and hours.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::given::Example;
use crate::domain::resin::Emptied;
use crate::domain::resin::outfit::Item;

/// What may be said of a volume, in ml: more is in no vat.
pub const ML: RangeInclusive<f64> = 0.0..=100_000.0;
/// What a display that was used before may have had of light, in hours.
pub const HOURS_MAX: u32 = 100_000;
/// What a film that was used before may have let go, in layers.
pub const LAYERS_MAX: u32 = 10_000_000;
/// What `since` says of a display or a film that is the first one that platen knows.
pub const THE_FIRST: &str = "first";

/// What was in the vat when somebody looked at it: 409 (`changed-meanwhile`) where that is something else by now. A
/// print that goes on taking of it is no change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatSeen {
    /// Its `since`.
    pub since: String,
    /// Its `poured_ml`.
    pub poured_ml: f64,
}

/// Resin that was poured into an empty vat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatFill {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// Its id, or what a scanner types of its label.
    #[schema(example = "3f1w5zq8c0v7d2ke")]
    pub lot: String,
    #[schema(example = 350.0)]
    pub ml: f64,
}

impl Example for VatFill {
    const EXAMPLE: &'static str = r#"{"by": "kim", "lot": "3f1w5zq8c0v7d2ke", "ml": 350}"#;
}

/// Resin that was poured to what was there, of the same material.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatTopUp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// Its id, or what a scanner types of its label.
    #[schema(example = "3f1w5zq8c0v7d2ke")]
    pub lot: String,
    #[schema(example = 120.0)]
    pub ml: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<VatSeen>,
}

impl Example for VatTopUp {
    const EXAMPLE: &'static str = r#"{"by": "kim", "lot": "3f1w5zq8c0v7d2ke", "ml": 120}"#;
}

/// How much somebody has found in a vat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatMeasure {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    #[schema(example = 210.0)]
    pub ml: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<VatSeen>,
}

impl Example for VatMeasure {
    const EXAMPLE: &'static str = r#"{"by": "kim", "ml": 210}"#;
}

/// Who has stirred or filtered a vat, and which.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatTended {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<VatSeen>,
}

impl Example for VatTended {
    const EXAMPLE: &'static str = r#"{"by": "kim"}"#;
}

/// A vat that was emptied and cleaned.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VatEmpty {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// `bottled`: back in the bottle. `discarded`: it is waste.
    #[schema(value_type = String, example = "bottled")]
    pub resin: Emptied,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<VatSeen>,
}

impl Example for VatEmpty {
    const EXAMPLE: &'static str = r#"{"by": "kim", "resin": "bottled"}"#;
}

/// Another display.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDisplay {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// What it has had of light before; 0 where it is new.
    #[serde(default)]
    pub hours: u32,
    /// The `since` of the one that was taken out, or `first`: 409 (`changed-meanwhile`) where that is another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Example for NewDisplay {
    const EXAMPLE: &'static str = r#"{"by": "kim", "hours": 0}"#;
}

/// Another film.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFilm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// What it has let go before; 0 where it is new.
    #[serde(default)]
    pub layers: u32,
    /// The `since` of the one that was taken off, or `first`: 409 (`changed-meanwhile`) where that is another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Example for NewFilm {
    const EXAMPLE: &'static str = r#"{"by": "kim", "layers": 0}"#;
}

/// What somebody has looked at before a start.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// All that the printer asks for: `film`, `vat`, `stirred`, `plate`, `cover`.
    #[schema(value_type = Vec<String>)]
    pub items: BTreeSet<Item>,
}

impl Example for Looked {
    const EXAMPLE: &'static str = r#"{"by": "kim", "items": ["film", "vat", "stirred", "plate", "cover"]}"#;
}

/// What is noted of a resin printer: its vat, its display, its film, and who has looked before a start.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResinView {
    pub printer: String,
    pub vat: VatView,
    /// In hours of light.
    pub display: WearView,
    /// In layers that came off it.
    pub film: WearView,
    /// Nothing begins with a display or a film that is past its life.
    pub worn_bars: bool,
    /// The job that did not come to its end, of which pieces may lie in the vat; absent once it was filtered or emptied.
    pub debris: Option<String>,
    pub checklist: ChecklistView,
    /// What its board did that somebody has to know, the oldest first, until somebody has looked: the bed is cleared, its
    /// lock is lifted, the checklist is done, or a print begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<OddView>,
    /// What is lit now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<LitView>,
    /// The job that runs here; also one whose layers nobody knows, since its file is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// The job that is planned here next, or else the first that waits and may be printed here.
    pub next: Option<NeedView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VatView {
    /// What it takes at most.
    pub holds_ml: f64,
    /// What has to stay in it.
    pub keeps_ml: f64,
    /// So many days resin may stay in it; absent: as long as it likes.
    pub resin_days: Option<u16>,
    /// Absent where it is empty.
    pub contents: Option<ContentsView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ContentsView {
    /// As jobs name it.
    pub material: String,
    /// The first one first.
    pub lots: Vec<PortionView>,
    /// What should be left: what was poured in or measured, less what prints have taken since. No sensor says so.
    pub left_ml: f64,
    /// What a print may take of that.
    pub gives_ml: f64,
    /// All that was poured in since it was filled.
    pub poured_ml: f64,
    /// When the oldest of it came in.
    pub since: String,
    /// Whole days since.
    pub days: u64,
    /// It is in the vat for longer than it may be.
    pub too_old: bool,
    pub measured: Option<String>,
    pub stirred: Option<String>,
    pub filtered: Option<String>,
    /// Who poured in something last.
    pub by: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PortionView {
    pub lot: String,
    /// The maker's number.
    pub supplier_lot: String,
    pub poured_ml: f64,
    /// Why it may not be used today.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub unusable: Vec<String>,
}

/// How far something is worn, in its own unit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WearView {
    pub used: u64,
    /// What it is made for; absent: nobody says so, and it is only counted.
    pub life: Option<u32>,
    pub percent: Option<u64>,
    /// `unjudged`, `good`, `worn` (have the next one at hand) or `overdue`.
    pub verdict: String,
    /// When it was replaced; absent where it is the first that platen knows.
    pub since: Option<String>,
    /// It may be less: platen ended during a print, and counts the most that it can have been.
    pub at_most: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChecklistView {
    /// In the order in which somebody who stands there does it; empty: nothing is asked.
    pub items: Vec<CheckView>,
    /// The next start has nothing to wait for here: it was done, and holds, or nothing is asked.
    pub holds: bool,
    pub by: Option<String>,
    pub at: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// `film`, `vat`, `stirred`, `plate` or `cover`.
    pub item: String,
    pub words: String,
    /// Somebody has said so for the next start.
    pub done: bool,
}

/// What a board did that somebody has to know, and that ends no job by itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OddView {
    /// What it is, and what to do.
    pub words: String,
    /// RFC 3339.
    pub at: String,
    /// The job that ran, or whose part stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// How far the print is that runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LitView {
    pub job: String,
    /// The layer that it is at, from 1.
    pub layer: u64,
    pub layers: u32,
    /// What the vat should have at its end, where it is not refilled; absent where that is not enough, or not known.
    pub left_at_end_ml: Option<f64>,
}

/// What a waiting job takes, and what keeps it from beginning.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NeedView {
    pub job: String,
    pub case: String,
    pub material: Option<String>,
    /// These and `light_ms` are absent where nobody knows them: its file is encrypted, or for filament.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// Over all layers; of an encrypted file, as a person has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_ml: Option<f64>,
    /// Until it is refilled, or to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ml: Option<f64>,
    /// How often it stands still to be refilled.
    pub refills: usize,
    /// All exposures together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light_ms: Option<u64>,
    /// What should be in the vat is what it takes until it is refilled, or to its end.
    pub enough: bool,
    pub hindrances: Vec<HindranceView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HindranceView {
    /// For programs: `vat_empty`, `too_little_resin`, `checklist_needed`, …
    pub why: String,
    pub words: String,
}

/// The same in short, for the list of printers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResinBrief {
    /// Absent where the vat is empty.
    pub material: Option<String>,
    pub left_ml: Option<f64>,
    /// The layer that is lit now, from 1, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// `unjudged`, `good`, `worn` or `overdue`.
    pub display: String,
    pub film: String,
    /// Whether a start waits for somebody to look.
    pub checklist: bool,
    /// Pieces of a print that failed may lie in the vat.
    pub debris: bool,
    /// What its board did that somebody has to know, until somebody has looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<OddView>,
}
