//! What speaks against a resin file on one printer: the findings of `resin::check` and of its layer loop, by the codes
//! under which people accept them.

use ::resin::check::{self, Code, Question};
use ::resin::exposure::Plan;
use ::resin::machine::{Machine, Resin};

use crate::config::Printer;
use crate::domain::finding::{Finding, Severity};
use crate::services::resinfiles::ResinReading;
use crate::services::suits;

/// The code of a finding in the one list of all; `None` of what is only said, and of what is asked at the start.
pub fn code(of: Code) -> Option<&'static str> {
    Some(match of {
        Code::Opaque => "resin.opaque",
        Code::NoLayers => "resin.no_layers",
        Code::LayerCount => "resin.layer_count",
        Code::Resolution => "resin.resolution",
        Code::Rotated => "resin.rotated",
        Code::Mirrored => "resin.mirrored",
        Code::MirroringUnknown => "resin.mirroring_unknown",
        Code::PointSize => "resin.point_size",
        Code::NotRising => "resin.not_rising",
        Code::Gap => "resin.gap",
        Code::Uneven => "resin.uneven",
        Code::LayerHeight => "resin.layer_height",
        Code::TooHigh => "resin.too_high",
        Code::NoExposure => "resin.no_exposure",
        Code::ExposureTooLong => "resin.exposure_too_long",
        Code::ExposureAboveResin => "resin.exposure_above",
        Code::ExposureBelowResin => "resin.exposure_below",
        Code::BottomAboveResin => "resin.bottom_above",
        Code::BottomBelowResin => "resin.bottom_below",
        Code::BottomShorter => "resin.bottom_shorter",
        Code::NoLight => "resin.no_light",
        Code::NoLift => "resin.no_lift",
        Code::LiftAbsurd => "resin.lift_absurd",
        Code::PeelSpeed => "resin.peel_speed",
        Code::Pause => "resin.pause",
        Code::VolumeDiffers => "resin.volume_differs",
        Code::Refill => "resin.refill",
        Code::AllBlank => "resin.all_blank",
        Code::FirstBlank => "resin.first_blank",
        Code::Blank => "resin.blank",
        Code::CutOff => "resin.cut_off",
        Code::PictureDamaged => "resin.picture_damaged",
        Code::MaterialDiffers => "resin.material_differs",
        // Notes; and the vat as it is now, which is asked again whenever a job may begin.
        Code::LightDimmed | Code::TimeDiffers | Code::LastBlank | Code::FileLonger | Code::VatLow => {
            return None;
        }
    })
}

/// What a printer is, as files are held against it; nothing is known of one that is not driven from here.
pub fn machine_of(printer: &Printer) -> Machine {
    let resin = printer.resin.as_deref();
    resin.map(|resin| resin.machine(printer.build.height)).unwrap_or_default()
}

/// What `resin::check` says of a file on a printer, notes and all. What a resin may be lit nobody has said.
pub fn checked(reading: &ResinReading, machine: &Machine, material: Option<&str>) -> Vec<check::Finding> {
    check::check(&Question {
        file: &reading.said,
        pictures: Some(&reading.pictures),
        machine,
        resin: &Resin::default(),
        material,
        vat_now: None,
        bytes: Some(reading.bytes),
    })
}

/// What of that counts at the gate.
pub fn finding(of: check::Finding) -> Option<Finding> {
    let severity = match of.severity {
        check::Severity::Note => return None,
        check::Severity::Warning => Severity::Warning,
        check::Severity::Error => Severity::Error,
    };
    Some(Finding { code: code(of.code)?, severity, line: None, what: of.words, help: of.cure })
}

/// A file for the other kind of printer.
pub fn other_kind(what: &str) -> Finding {
    Finding {
        code: "machine.kind",
        severity: Severity::Error,
        line: None,
        what: what.to_owned(),
        help: "name a printer for it, or slice the part for this one",
    }
}

/// All that speaks against a file there.
pub fn judge(reading: &ResinReading, printer: &Printer, material: Option<&str>) -> Vec<Finding> {
    let error = |code, what, help| Finding { code, severity: Severity::Error, line: None, what, help };
    let mut found = Vec::new();
    if let Err(refusal) = suits::reads(printer, reading.said.format) {
        let words = refusal.to_string();
        let what = words.split_once("; ").map_or(words.as_str(), |(what, _)| what);
        found.push(error("resin.format", what.to_owned(), "slice it for this printer"));
    }
    let machine = machine_of(printer);
    found.extend(checked(reading, &machine, material).into_iter().filter_map(finding));
    let takes = reading.seconds(Some(printer));
    if let (Some(longest), Some(takes)) = (printer.build.longest, takes)
        && takes > longest.as_secs_f64()
    {
        let hours = |seconds: f64| format!("{:.1} h", seconds / 3_600.0);
        let what =
            format!("it takes {}, and this printer at most {}", hours(takes), hours(longest.as_secs_f64()));
        found.push(error("time.long", what, "print fewer layers, or raise longest_job_h"));
    }
    // Whatever the loop would refuse is told now; what the check has said is not said again.
    let is_refused = found.iter().any(|finding| finding.severity == Severity::Error);
    if let Some(msla) = printer.resin.as_deref().and_then(|resin| resin.msla()).filter(|_| !is_refused)
        && let Err(why) = Plan::of(&reading.said.layers, &msla.exposing)
    {
        let words = why.to_string();
        let what = words.split_once("; ").map_or(words.as_str(), |(what, _)| what);
        found.push(error("resin.plan", what.to_owned(), "slice it for this printer, or correct its section"));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}
