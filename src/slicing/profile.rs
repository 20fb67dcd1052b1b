//! A profile: the settings of one slicing, as a file with a version and a hash.
//!
//! Whoever can write a profile can have the slicer run programs, so what runs something is refused here, and a
//! profile comes from the folder of the site and never with a model.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::ids::FileHash;

/// How a printer makes a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Technology {
    Filament,
    Resin,
}

/// Longer ones are no profiles: a full one has 300 lines.
pub const BYTES_MAX: usize = 64 << 10;

/// Settings that run a program, or lead the slicer to other files and places.
const FORBIDDEN: [&str; 6] =
    ["post_process", "inherits", "print_host", "printhost_apikey", "bed_custom_model", "bed_custom_texture"];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error(
        "profile {name} does not begin with its version; let its first line be `# platen profile, version 1`"
    )]
    Version { name: String },
    #[error("profile {name}, line {line}: {what}; {help}")]
    Line { name: String, line: usize, what: String, help: &'static str },
    #[error("profile {name} does not say {key}; every profile does")]
    Missing { name: String, key: &'static str },
    #[error("profile {name} has {bytes} bytes, and {BYTES_MAX} are the most that is taken")]
    Long { name: String, bytes: usize },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its file's name.
    pub name: String,
    pub version: u32,
    pub hash: FileHash,
    pub technology: Technology,
    pub text: String,
    settings: BTreeMap<String, String>,
}

impl Profile {
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let name = name.to_owned();
        if text.len() > BYTES_MAX {
            return Err(ProfileError::Long { name, bytes: text.len() });
        }
        let head = text.lines().next().and_then(|line| line.strip_prefix("# platen profile, version "));
        let version = head.and_then(|version| version.trim().parse().ok());
        let version = version.ok_or_else(|| ProfileError::Version { name: name.clone() })?;
        let mut settings = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let wrong = |what: String, help| ProfileError::Line { name: name.clone(), line, what, help };
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let help = "write one `key = value` a line, with the key as the slicer has it";
            let (key, value) = text.split_once('=').ok_or_else(|| wrong("it is no setting".into(), help))?;
            let (key, value) = (key.trim(), value.trim());
            let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if key.is_empty() || !key.chars().all(legal) || value.chars().any(char::is_control) {
                return Err(wrong("it is no setting".into(), help));
            }
            if FORBIDDEN.contains(&key) {
                let help = "a profile of platen starts no program and names no other file; leave it out";
                return Err(wrong(format!("{key} is not taken"), help));
            }
            if settings.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(wrong(format!("{key} stands twice"), "leave one of them out"));
            }
        }
        let kind = settings.get("printer_technology").map(String::as_str);
        let technology = match kind {
            Some("FFF") => Technology::Filament,
            Some("SLA") => Technology::Resin,
            _ => return Err(ProfileError::Missing { name, key: "printer_technology (FFF or SLA)" }),
        };
        let hash = FileHash::from_digest(Sha256::digest(text.as_bytes()).into());
        let profile = Self { name, version, hash, technology, text: text.to_owned(), settings };
        // Without them a slicer falls back to a layer, or a plate, of its own.
        let needed: &[&'static str] = match technology {
            Technology::Filament => &["layer_height", "bed_shape", "max_print_height", "nozzle_diameter"],
            Technology::Resin => &[
                "layer_height",
                "initial_layer_height",
                "exposure_time",
                "initial_exposure_time",
                "display_pixels_x",
                "display_pixels_y",
                "max_print_height",
            ],
        };
        match needed.iter().find(|key| profile.number(key).is_none() && **key != "bed_shape") {
            Some(key) => Err(ProfileError::Missing { name: profile.name, key }),
            None if technology == Technology::Filament && profile.plate().is_none() => {
                Err(ProfileError::Missing { name: profile.name, key: "bed_shape" })
            }
            None => Ok(profile),
        }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The first of its numbers, where it is a list.
    pub fn number(&self, key: &str) -> Option<f64> {
        let value = self.get(key)?.split(',').next()?;
        value.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn is_on(&self, key: &str) -> bool {
        self.get(key) == Some("1")
    }

    /// Lowest and highest place of the plate, mm; of a round one, the box around it.
    pub fn plate(&self) -> Option<[(f64, f64); 2]> {
        let mut plate = [(f64::INFINITY, f64::NEG_INFINITY); 2];
        for corner in self.get("bed_shape")?.split(',') {
            let (x, y) = corner.split_once('x')?;
            for (side, at) in plate.iter_mut().zip([x, y]) {
                let at: f64 = at.parse().ok().filter(|at: &f64| at.is_finite())?;
                *side = (side.0.min(at), side.1.max(at));
            }
        }
        Some(plate).filter(|plate| plate.iter().all(|(low, high)| low < high))
    }

    /// How much this profile may put below a part, mm.
    pub fn below(&self) -> f64 {
        let number = |key| self.number(key).unwrap_or(0.0);
        match self.technology {
            Technology::Filament => number("raft_layers") * (number("layer_height") + self.bead()),
            Technology::Resin => {
                let lift =
                    if self.is_on("supports_enable") { number("support_object_elevation") } else { 0.0 };
                let pad = number("pad_wall_thickness") + number("pad_wall_height");
                lift + if self.is_on("pad_enable") { pad } else { 0.0 }
            }
        }
    }

    /// How much this profile may put around a part above that, on both sides together, mm: of filament nothing, since
    /// its part is measured alone; of resin the pillars that stand beside it, with their heads.
    pub fn around(&self) -> f64 {
        let number = |key| self.number(key).unwrap_or(0.0);
        match self.technology {
            Technology::Resin if self.is_on("supports_enable") => {
                number("support_pillar_diameter") + 2.0 * number("support_head_width")
            }
            _ => 0.0,
        }
    }

    /// How wide a line is, at most; of resin, a pixel.
    pub fn bead(&self) -> f64 {
        match self.technology {
            Technology::Filament => self.number("nozzle_diameter").unwrap_or(0.4) * 1.25,
            Technology::Resin => {
                let of = |length, pixels| Some(self.number(length)? / self.number(pixels)?);
                of("display_width", "display_pixels_x").unwrap_or(0.05)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# platen profile, version 3\n# words\n\nprinter_technology = FFF\nlayer_height = 0.2\n\
                        bed_shape = -5x0,220x0,220x210,-5x210\nmax_print_height = 200\nnozzle_diameter = 0.4,0.6\n\
                        skirts = 1\nskirt_distance = 4\nsupport_material = 1\nend_gcode = M104 S0\\nM84 ; a = b\n";

    #[test]
    fn a_profile_has_a_version_a_hash_and_its_settings() {
        let profile = Profile::parse("a.ini", GOOD).unwrap();
        assert_eq!((profile.version, profile.technology), (3, Technology::Filament));
        assert_eq!(profile.hash, FileHash::from_digest(Sha256::digest(GOOD.as_bytes()).into()));
        assert_eq!(profile.get("end_gcode"), Some("M104 S0\\nM84 ; a = b"));
        assert_eq!(profile.number("nozzle_diameter"), Some(0.4));
        assert_eq!(profile.plate(), Some([(-5.0, 220.0), (0.0, 210.0)]));
        assert_eq!(profile.below(), 0.0);
        let raft = Profile::parse("a.ini", &format!("{GOOD}raft_layers = 2\n")).unwrap();
        assert!((raft.below() - 1.4).abs() < 1e-9, "{}", raft.below());
        let other = Profile::parse("a.ini", &GOOD.replace("words", "other")).unwrap();
        assert_ne!(other.hash, profile.hash, "a changed comment is a changed file");
    }

    #[test]
    fn what_runs_a_program_stands_twice_or_is_missing_is_told_with_its_line() {
        let said = |text: String| Profile::parse("a.ini", &text).unwrap_err().to_string();
        for (text, wanted) in [
            (GOOD.replace("version 3", "version x"), "let its first line be"),
            (GOOD.replace("# platen", "#platen"), "does not begin with its version"),
            (format!("{GOOD}post_process = /bin/sh\n"), "line 13: post_process is not taken"),
            (format!("{GOOD} post_process =\n"), "line 13: post_process is not taken"),
            (format!("{GOOD}skirts = 2\n"), "line 13: skirts stands twice"),
            (format!("{GOOD}Skirts = 2\n"), "line 13: it is no setting"),
            (format!("{GOOD}[section]\n"), "line 13: it is no setting"),
            (GOOD.replace("FFF", "FDM"), "does not say printer_technology"),
            (GOOD.replace("layer_height = 0.2\n", ""), "does not say layer_height"),
            (GOOD.replace("-5x0,", "-5,"), "does not say bed_shape"),
            (GOOD.replace("FFF", "SLA"), "does not say initial_layer_height"),
            (GOOD.to_owned() + &"# long\n".repeat(10_000), "and 65536 are the most"),
        ] {
            let told = said(text);
            assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
        }
    }
}
