//! What speaks against a file or a model: a code that stays, how much it counts, what it is and what to do.

use serde::{Deserialize, Serialize};

/// How much a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Printed only if a person accepts it by its code.
    Warning,
    /// Not printed.
    Error,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A finding that a file of G-code may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub code: &'static str,
    pub severity: Severity,
    /// When it is found, for the documents.
    pub when: &'static str,
}

const fn error(code: &'static str, when: &'static str) -> Kind {
    Kind { code, severity: Severity::Error, when }
}

const fn warning(code: &'static str, when: &'static str) -> Kind {
    Kind { code, severity: Severity::Warning, when }
}

/// All findings of `gcode::preflight`, which a test holds to this list.
pub const OF_FILES: &[Kind] = &[
    error(
        "command.arcs",
        "it has arcs (`G2`, `G3`) or splines (`G5`), and the printer's section says `arcs = false`",
    ),
    error("command.forbidden", "it has a command of `forbidden_commands`"),
    error(
        "command.klipper",
        "it has a command of Klipper's (`SET_VELOCITY_LIMIT`), and the printer is not known to have Klipper",
    ),
    error("command.not_allowed", "it has a command that [commands.md](commands.md) keeps from this printer"),
    warning("command.unknown", "it has a command that this firmware would pass over (known for Marlin)"),
    error(
        "extrusion.absurd",
        "far more filament than way, or than the nozzle can lay into a part (`M82` and `M83` were mixed up, or the \
         diameter is wrong), more than 200 mm in one place, a flow (`M221`, `M592`) beyond 50 to 200 %, or pressure \
         that is pushed ahead (`M572`, `SET_PRESSURE_ADVANCE`) for more than 2 s",
    ),
    error("extrusion.differs", "it moves another length of filament than its slicer says"),
    warning("extrusion.none", "it lays no filament"),
    error("file.cut", "the last line that its slicer writes is missing"),
    error("heat.cold_extrusion", "filament moves while the nozzle's target is below 170 °C"),
    error("heat.left_on", "a heater has a target above zero at the end"),
    error(
        "heat.material",
        "nozzle or bed get what the material does not bear, or the nozzle too little for it",
    ),
    error("heat.none", "filament moves, and nothing ever heats the nozzle"),
    error("heat.nonsense", "a target below zero"),
    warning("heat.not_waited", "filament moves before the file has waited for the nozzle (`M109`)"),
    error("heat.printer", "a target above `hotend_max`, `bed_max` or `chamber_max`"),
    error("home.missing", "the head moves before every axis is homed (`G28`)"),
    error(
        "home.onto_part",
        "Z is homed, the plate is probed, a probe let down (`M401`, `M280 S10`), or the nozzle parked or cleaned \
         (`G27 P1`, `G12`) where a part stands: in a resume file, or after the first layer",
    ),
    error(
        "layer.below",
        "filament is laid below what stands already, or the head goes across there or comes down onto it: a piece of \
         the file is there twice, or was moved, or its end G-code goes down",
    ),
    error(
        "layer.gap",
        "filament is laid in the air: a piece of the file is missing. What is laid first may be 1.25 nozzles or 1.5 \
         layers above the plate, and 0.5 mm in any case",
    ),
    error(
        "line.odd",
        "a word has no number that can be read, a line holds two commands, or firmwares read it differently: small \
         letters, a word twice, `X1E3`, a command in the text of another; or a move has an axis beside X, Y, Z and E",
    ),
    error("machine.filament", "it was sliced for another diameter than `filament`"),
    error("machine.material", "it was sliced for another material than the one that is to be in the printer"),
    error("machine.model", "it asks for another printer (`M862.2`, `M862.3`) than `model`"),
    error("machine.nozzle", "it was sliced for, or asks for (`M862.1`), another diameter than `nozzle`"),
    warning(
        "machine.profile",
        "its slicer had another printer's profile (`printer_model`), and it asks for no model",
    ),
    error(
        "mode.doubtful",
        "`G90` or `G91` behind `M82` or `M83`, and it is not known what the firmware makes of that",
    ),
    warning("mode.extrusion_unsaid", "filament moves before `M82` or `M83`"),
    error("mode.inches", "it counts in inches (`G20`)"),
    warning("mode.motion_unsaid", "the head moves before `G90` or `G91`"),
    warning(
        "mode.shifted",
        "`G92`, `G10 L2` or `G54` to `G59` moves the origin of an axis, so that limits of places no longer hold",
    ),
    error("size.model", "the print is larger or smaller than the approved model"),
    error("size.unit", "the same, by what one unit of length is to another"),
    error(
        "speed.absurd",
        "faster than 1000 mm/s, a jerk (`M205`, `M566`, `SQUARE_CORNER_VELOCITY`) above 200 mm/s, a lowest speed \
         (`M205 S`) above 50 mm/s, or an acceleration above 200 000 mm/s²",
    ),
    error(
        "speed.crawl",
        "filament is laid at less than 0.1 mm/s, moves get less than 10 % of their speed (`M220`), or an acceleration \
         is below 1 mm/s²",
    ),
    error(
        "time.dwell",
        "it waits more than an hour in one place (`G4`, all that follow one another there), or less than nothing",
    ),
    error("time.long", "it takes longer than `longest_job_h`"),
    error(
        "volume.extrusion",
        "filament is laid outside of `build_x`, `build_y`, `build_height`, below the plate, or less than 0.05 mm above \
         it",
    ),
    error(
        "volume.move",
        "the head goes outside of them, or the firmware's own lift (`M207 Z`) does or goes down",
    ),
    error(
        "volume.unknown",
        "more than 50 mm of filament, or all, is laid where nobody knows where the head is (`G91` behind `G28`), or \
         the head goes down from where Z was homed",
    ),
];

/// All findings of resin files, which a test holds to what `resin::check` has; and of a file for the other kind of
/// printer.
pub const OF_RESIN: &[Kind] = &[
    error("machine.kind", "it is G-code, and the printer prints with resin; or the other way round"),
    error("resin.all_blank", "nothing is lit in any layer"),
    warning("resin.blank", "nothing is lit in a layer, and something in one above it"),
    error("resin.bottom_above", "a bottom layer is lit longer than the resin takes"),
    warning("resin.bottom_below", "a bottom layer is lit shorter than the resin takes"),
    warning("resin.bottom_shorter", "a bottom layer is lit shorter than the others"),
    warning("resin.cut_off", "a layer reaches the edge of the display, so that something may be missing"),
    error("resin.exposure_above", "a layer is lit longer than the resin takes"),
    warning("resin.exposure_below", "a layer is lit shorter than the resin takes"),
    error("resin.exposure_too_long", "a layer is lit longer than `longest_exposure_s`"),
    error("resin.first_blank", "nothing is lit in the first layers"),
    error("resin.format", "it is of a kind that the printer does not take: a board of its own reads no SL1"),
    error("resin.gap", "a layer is more than twice as thick as the file says, above the one below it"),
    error("resin.layer_count", "it says another number of layers than are in it"),
    warning("resin.layer_height", "its layers are thinner or thicker than the resin takes"),
    warning("resin.lift_absurd", "the plate lifts less than 1 mm or more than 50 mm after a layer"),
    warning("resin.material_differs", "it was sliced for another resin than is to be in the vat"),
    error(
        "resin.mirrored",
        "its pictures are mirrored otherwise than the display's: the part would be its mirror image",
    ),
    warning("resin.mirroring_unknown", "it does not say along which axes its pictures are mirrored"),
    error("resin.no_exposure", "a layer is lit for 0 s"),
    error("resin.no_layers", "it has no layers"),
    warning("resin.no_lift", "the plate does not lift after a layer"),
    error("resin.no_light", "the light of a layer is at brightness 0"),
    error("resin.not_rising", "a layer is not above the one below it"),
    warning("resin.opaque", "it is encrypted, so that nothing in it can be checked"),
    warning("resin.pause", "it stops before a layer and waits for a person"),
    warning("resin.peel_speed", "the plate moves slower than 0.05 mm/s or faster than 30 mm/s after a layer"),
    error("resin.picture_damaged", "the picture of a layer cannot be read"),
    error(
        "resin.plan",
        "the printer's layer loop cannot do what it says: a lift above `build_height`, a speed, a rest",
    ),
    error(
        "resin.point_size",
        "its points have other sides than the display's: the part would have another size",
    ),
    warning("resin.refill", "it takes more than the vat holds, so that somebody has to refill it"),
    error("resin.resolution", "its pictures have other points than the display"),
    error("resin.rotated", "the same, the other way round"),
    error("resin.too_high", "it is higher than the plate goes"),
    warning("resin.uneven", "a layer has another thickness than the file says"),
    warning("resin.volume_differs", "its pictures take more or less resin than its slicer says"),
];

/// The code of a finding of a file, by its name.
pub fn code_of_files(name: &str) -> Option<&'static str> {
    OF_FILES.iter().chain(OF_RESIN).map(|kind| kind.code).find(|code| *code == name)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stays the same over versions: `volume.extrusion`.
    pub code: &'static str,
    pub severity: Severity,
    /// Where it shows first; absent where it is about the file as a whole.
    pub line: Option<u64>,
    pub what: String,
    pub help: &'static str,
}

/// Whether a printer's `allow_findings` may lift it. Not a command: it would not be sent. Nor a size: that is a question
/// of the part, not of the printer. Nor what a printer cannot do at all.
pub fn may_be_allowed(code: &str) -> bool {
    let cannot =
        ["command.not_allowed", "machine.kind", "resin.format", "resin.plan", "resin.exposure_too_long"];
    !cannot.contains(&code) && !code.starts_with("size.")
}

/// What is left of it where a printer's section allows these codes.
pub fn without_allowed(mut found: Vec<Finding>, allowed: &[&str]) -> Vec<Finding> {
    found.retain(|finding| !(may_be_allowed(finding.code) && allowed.contains(&finding.code)));
    found
}

/// What a person has still to accept, or cannot: errors, and warnings whose code is not among `accepted`.
pub fn refused<'f>(findings: &'f [Finding], accepted: &[String]) -> Vec<&'f Finding> {
    let open = |f: &&Finding| f.severity == Severity::Error || !accepted.iter().any(|code| code == f.code);
    findings.iter().filter(open).collect()
}

/// A finding as the journal keeps it: the words can be said again from the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    pub code: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl From<&Finding> for Noted {
    fn from(finding: &Finding) -> Self {
        Self { code: finding.code.into(), severity: finding.severity, line: finding.line }
    }
}

/// What was found in a job's file, and the model that it was sliced from, when the job was taken in; and what of
/// it a person has accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gated {
    pub findings: Vec<Noted>,
    /// So many more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Gated {
    /// It must fit into one entry of the journal.
    pub const FINDINGS_MAX: usize = 7;
    const CODE_MAX: usize = 24;
    /// Bytes; the journal has them all.
    const NAMES_MAX: usize = 320;

    /// The findings of one file, and those codes of `accepted` that are among its warnings: what nobody has found
    /// nobody can accept.
    pub fn new(findings: &[Finding], accepted: &[String], by: Option<String>) -> Self {
        let mut warned: Vec<String> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
            .map(|finding| finding.code.to_owned())
            .filter(|code| accepted.contains(code))
            .collect();
        warned.sort();
        warned.dedup();
        let mut noted: Vec<Noted> = Vec::new();
        // The first of each code tells most.
        let mut again = Vec::new();
        for finding in findings {
            let seen = noted.iter().any(|noted: &Noted| noted.code == finding.code);
            if seen { &mut again } else { &mut noted }.push(Noted::from(finding));
        }
        noted.extend(again);
        Self { findings: noted, more: 0, accepted: warned, by }.bounded()
    }

    /// Cut to what fits, whoever made it.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let more = self.findings.len().saturating_sub(Self::FINDINGS_MAX);
        self.findings.truncate(Self::FINDINGS_MAX);
        self.more = self.more.saturating_add(more as u64);
        self.accepted.retain(|code| code.len() <= Self::CODE_MAX);
        self.accepted.truncate(Self::FINDINGS_MAX);
        self.findings.retain(|noted| noted.code.len() <= Self::CODE_MAX);
        self
    }

    /// A person has looked at these warnings, too.
    pub fn accept(&mut self, findings: &[Noted], by: &str) {
        for noted in findings {
            if !self.findings.iter().any(|known| known.code == noted.code) {
                self.findings.push(noted.clone());
            }
            if !self.accepted.contains(&noted.code) {
                self.accepted.push(noted.code.clone());
            }
        }
        self.by = match self.by.take() {
            Some(before) if before != by && before.len() + by.len() <= Self::NAMES_MAX => {
                Some(format!("{before}, {by}"))
            }
            _ => Some(by.to_owned()),
        };
        *self = std::mem::take(self).bounded();
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.accepted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_can_be_accepted_by_its_code_and_an_error_cannot() {
        let finding = |code, severity| Finding { code, severity, line: None, what: "x".into(), help: "y" };
        let all = [finding("a", Severity::Error), finding("b", Severity::Warning)];
        let open = |accepted: &[&str]| {
            let accepted: Vec<String> = accepted.iter().map(|code| (*code).to_owned()).collect();
            refused(&all, &accepted).iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(open(&[]), ["a", "b"]);
        assert_eq!(open(&["b"]), ["a"]);
        assert_eq!(open(&["a", "b"]), ["a"]);
    }

    #[test]
    fn the_list_of_findings_is_in_order_and_names_none_twice() {
        let codes: Vec<_> = OF_FILES.iter().map(|kind| kind.code).collect();
        assert!(codes.is_sorted() && codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
        let of_resin: Vec<_> = OF_RESIN.iter().map(|kind| kind.code).collect();
        assert!(of_resin.is_sorted() && of_resin.windows(2).all(|pair| pair[0] != pair[1]), "{of_resin:?}");
        assert!(codes.iter().chain(&of_resin).all(|code| code.len() <= Gated::CODE_MAX));
        assert!(!of_resin.iter().any(|code| codes.contains(code)));
        assert_eq!(code_of_files("heat.none"), Some("heat.none"));
        assert_eq!(code_of_files("resin.refill"), Some("resin.refill"));
        assert_eq!(code_of_files("heat"), None);
    }

    #[test]
    fn what_nobody_found_nobody_has_accepted_and_what_does_not_fit_is_counted() {
        let finding = |code, line| Finding {
            code,
            severity: Severity::Warning,
            line: Some(line),
            what: "x".into(),
            help: "y",
        };
        let accepted = ["b".to_owned(), "c".to_owned()];
        let gated = Gated::new(&[finding("a", 1), finding("a", 2), finding("b", 3)], &accepted, None);
        assert_eq!(gated.accepted, ["b"]);
        let order: Vec<_> = gated.findings.iter().map(|noted| (noted.code.as_str(), noted.line)).collect();
        assert_eq!(order, [("a", Some(1)), ("b", Some(3)), ("a", Some(2))]);
        let many: Vec<_> = (0..20).map(|line| finding("a", line)).collect();
        let gated = Gated::new(&many, &[], None);
        assert_eq!((gated.findings.len(), gated.more), (Gated::FINDINGS_MAX, 13));

        let mut gated = Gated::new(&[finding("a", 1)], &["a".to_owned()], Some("kim".into()));
        gated.accept(&[Noted::from(&finding("b", 2))], "lee");
        assert_eq!((gated.accepted.join(" "), gated.by.as_deref()), ("a b".into(), Some("kim, lee")));
        assert_eq!(gated.findings.len(), 2);
    }
}
