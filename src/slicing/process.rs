//! A process: printer model, material, profile and slicer version that were tried together, and what for.
//!
//! What was validated is one file of settings in one version of one program. When either is another one, the process
//! is another one, and is refused until somebody has looked at what it makes and written that down.

use serde::{Deserialize, Serialize};

use super::Slicer;
use super::profile::{Profile, Technology};
use crate::domain::case::IntendedUse;
use crate::domain::ids::FileHash;

/// How much time is spent on a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    Draft,
    Fine,
}

impl Quality {
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Fine => "fine",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// `mk3s-pla-fine`
    pub name: String,
    /// `prusa-mk3s`
    pub printer_model: String,
    pub technology: Technology,
    /// `PLA`
    pub material: String,
    pub quality: Quality,
    /// The file's name beside the catalogue.
    pub profile: String,
    pub profile_version: u32,
    pub profile_sha256: FileHash,
    pub slicer: String,
    pub slicer_version: String,
    /// What its parts were found good enough for. Empty: to be tried out only.
    pub validated_for: Vec<IntendedUse>,
}

/// Why there is no process to slice with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    #[error("the catalogue of processes cannot be read: {0}; look at processes.toml")]
    Catalogue(String),
    #[error("there is no process {wanted}{}; known are {known}", .model.as_ref().map(|model| format!(" for a {model}")).unwrap_or_default())]
    Unknown { wanted: String, model: Option<String>, known: String },
    #[error("no process {wanted}{} is for {material}; known for other materials are {others}", .model.as_ref().map(|model| format!(" for a {model}")).unwrap_or_default())]
    Material { wanted: String, model: Option<String>, material: String, others: String },
    #[error("{wanted} may be {known}; say which of them")]
    Several { wanted: String, known: String },
    #[error(
        "process {process} was validated with another content of {profile}: its hash is {found}, and {wanted} is written down; take the old file back, or validate the new one and write its hash into processes.toml"
    )]
    Changed { process: String, profile: String, found: FileHash, wanted: FileHash },
    #[error(
        "process {process} is written down with version {wanted} of {profile}, and the file says {found}; look which is right"
    )]
    Version { process: String, profile: String, found: u32, wanted: u32 },
    #[error("process {process} is for {wanted:?}, and {profile} is not; look at processes.toml")]
    Technology { process: String, profile: String, wanted: Technology },
    #[error(
        "process {process} was validated with {slicer} {wanted}, and {found} is installed; install {wanted}, or validate the process with {found} and write that into processes.toml"
    )]
    Slicer { process: String, slicer: String, wanted: String, found: String },
    #[error("process {process} wants the slicer {slicer}, which this platen does not know")]
    NoSlicer { process: String, slicer: String },
    #[error(
        "process {process} is not validated for {wanted}, only for {good}; choose a process that is, or validate this one and write it into processes.toml"
    )]
    Use { process: String, wanted: &'static str, good: String },
}

/// The word of a use, as it is written everywhere.
pub fn use_word(of: IntendedUse) -> &'static str {
    match of {
        IntendedUse::Diagnostic => "diagnostic",
        IntendedUse::Guide => "guide",
        IntendedUse::Education => "education",
    }
}

impl Process {
    /// Whether this profile is the one that was validated.
    pub fn fits(&self, profile: &Profile) -> Result<(), ProcessError> {
        let (process, name) = (self.name.clone(), self.profile.clone());
        if profile.hash != self.profile_sha256 {
            let (found, wanted) = (profile.hash.clone(), self.profile_sha256.clone());
            return Err(ProcessError::Changed { process, profile: name, found, wanted });
        }
        if profile.version != self.profile_version {
            let (found, wanted) = (profile.version, self.profile_version);
            return Err(ProcessError::Version { process, profile: name, found, wanted });
        }
        if profile.technology != self.technology {
            return Err(ProcessError::Technology { process, profile: name, wanted: self.technology });
        }
        Ok(())
    }

    /// Whether this slicer in this version is the one that was validated.
    pub fn fits_slicer(&self, slicer: &dyn Slicer, version: &str) -> Result<(), ProcessError> {
        let process = self.name.clone();
        if slicer.name() != self.slicer {
            return Err(ProcessError::NoSlicer { process, slicer: self.slicer.clone() });
        }
        if version != self.slicer_version {
            let (wanted, found) = (self.slicer_version.clone(), version.to_owned());
            return Err(ProcessError::Slicer { process, slicer: self.slicer.clone(), wanted, found });
        }
        Ok(())
    }

    /// Whether parts of it may be used so.
    pub fn good_for(&self, wanted: IntendedUse) -> Result<(), ProcessError> {
        if self.validated_for.contains(&wanted) {
            return Ok(());
        }
        let good: Vec<_> = self.validated_for.iter().map(|good| use_word(*good)).collect();
        let good = if good.is_empty() { "being tried out".into() } else { good.join(", ") };
        Err(ProcessError::Use { process: self.name.clone(), wanted: use_word(wanted), good })
    }
}

/// All processes of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    processes: Vec<Process>,
}

impl Catalogue {
    pub fn parse(text: &str) -> Result<Self, ProcessError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            #[serde(default)]
            process: Vec<Process>,
        }
        let wrong = ProcessError::Catalogue;
        let Written { process: processes } =
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
        for (place, process) in processes.iter().enumerate() {
            let slug = |text: &str| {
                let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                (1..=64).contains(&text.len()) && text.chars().all(legal)
            };
            let name = &process.name;
            if !slug(name) || !slug(&process.printer_model) {
                return Err(wrong(format!("process {name:?}: a name is 1 to 64 of a-z, 0-9 and -")));
            }
            // Names lead to no other folder.
            let stem = process.profile.strip_suffix(".ini").unwrap_or_default();
            if !slug(stem) {
                return Err(wrong(format!("process {name}: profile is a file name such as {name}.ini")));
            }
            if processes[..place].iter().any(|other| other.name == *name) {
                return Err(wrong(format!("process {name} stands twice")));
            }
            if name == Quality::Draft.word() || name == Quality::Fine.word() {
                return Err(wrong(format!("process {name}: this word means a quality")));
            }
        }
        Ok(Self { processes })
    }

    pub fn all(&self) -> &[Process] {
        &self.processes
    }

    /// By its name; or by `draft` or `fine`, where printer model and material leave only one.
    pub fn find(
        &self,
        wanted: &str,
        models: Option<&[String]>,
        material: Option<&str>,
    ) -> Result<&Process, ProcessError> {
        let names = |found: &[&Process]| {
            let names: Vec<_> = found.iter().map(|process| process.name.as_str()).collect();
            if names.is_empty() { "none".into() } else { names.join(", ") }
        };
        let shown: String = wanted.chars().filter(|c| !c.is_control()).take(64).collect();
        let here = |process: &&Process| models.is_none_or(|models| models.contains(&process.printer_model));
        let fits = |process: &&Process| {
            here(process)
                && material.is_none_or(|material| process.material.eq_ignore_ascii_case(material.trim()))
        };
        let of: Vec<&Process> = self.processes.iter().filter(fits).collect();
        let named = |process: &&Process| process.name == wanted || process.quality.word() == wanted;
        let found: Vec<&Process> = of.iter().copied().filter(named).collect();
        // Without the material, there would be one.
        let others: Vec<&Process> = self.processes.iter().filter(here).filter(named).collect();
        match found[..] {
            [one] => Ok(one),
            [] => {
                let model = models.map(|models| models.join(" or "));
                if let Some(material) = material.filter(|_| !others.is_empty()) {
                    let material = material.trim().chars().filter(|c| !c.is_control()).take(64).collect();
                    return Err(ProcessError::Material {
                        wanted: shown,
                        model,
                        material,
                        others: names(&others),
                    });
                }
                Err(ProcessError::Unknown { wanted: shown, model, known: names(&of) })
            }
            _ => Err(ProcessError::Several { wanted: shown, known: names(&found) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prusa::PrusaSlicer;
    use super::*;

    const PROFILE: &str = "# platen profile, version 2\nprinter_technology = FFF\nlayer_height = 0.2\n\
                           bed_shape = 0x0,2x0,2x2\nmax_print_height = 9\nnozzle_diameter = 0.4\n";

    fn entry(name: &str, model: &str, material: &str, quality: &str) -> String {
        let hash = Profile::parse("a.ini", PROFILE).unwrap().hash;
        format!(
            "[[process]]\nname = \"{name}\"\nprinter_model = \"{model}\"\ntechnology = \"filament\"\n\
             material = \"{material}\"\nquality = \"{quality}\"\nprofile = \"a.ini\"\nprofile_version = 2\n\
             profile_sha256 = \"{hash}\"\nslicer = \"prusa-slicer\"\nslicer_version = \"2.5.0\"\n\
             validated_for = [\"education\", \"guide\"]\n"
        )
    }

    fn catalogue() -> Catalogue {
        let text = [
            entry("mk3-pla-fine", "mk3", "PLA", "fine"),
            entry("mk3-petg-fine", "mk3", "PETG", "fine"),
            entry("mk3-pla-draft", "mk3", "PLA", "draft"),
            entry("ender-pla-fine", "ender", "PLA", "fine"),
        ];
        Catalogue::parse(&text.concat()).unwrap()
    }

    #[test]
    fn a_process_is_found_by_its_name_or_by_its_quality_where_only_one_is_left() {
        let all = catalogue();
        let name = |wanted, models: Option<&[String]>, material| {
            all.find(wanted, models, material).map(|process| process.name.clone())
        };
        let ender = ["ender".to_owned()];
        assert_eq!(name("mk3-petg-fine", None, None).unwrap(), "mk3-petg-fine");
        assert_eq!(name("draft", None, None).unwrap(), "mk3-pla-draft");
        assert_eq!(name("fine", Some(&ender), None).unwrap(), "ender-pla-fine");
        assert_eq!(name("fine", None, Some("petg")).unwrap(), "mk3-petg-fine");
        let several = name("fine", None, Some("PLA")).unwrap_err().to_string();
        assert_eq!(several, "fine may be mk3-pla-fine, ender-pla-fine; say which of them");
        let none = name("mk3-pla-fine", Some(&ender), None).unwrap_err().to_string();
        assert_eq!(none, "there is no process mk3-pla-fine for a ender; known are ender-pla-fine");
        let none = name("fine", Some(&ender), Some("PETG")).unwrap_err().to_string();
        assert_eq!(
            none,
            "no process fine for a ender is for PETG; known for other materials are ender-pla-fine"
        );
        let none = name("mk3-pla-fine", None, Some("PETG")).unwrap_err().to_string();
        assert_eq!(none, "no process mk3-pla-fine is for PETG; known for other materials are mk3-pla-fine");
        let hostile = name("\u{1b}[2J", None, None).unwrap_err().to_string();
        assert!(!hostile.contains('\u{1b}'), "{hostile}");
    }

    #[test]
    fn a_changed_profile_another_slicer_and_another_use_are_refused_with_what_to_do() {
        let all = catalogue();
        let process = all.find("draft", None, None).unwrap();
        let profile = Profile::parse("a.ini", PROFILE).unwrap();
        assert_eq!(process.fits(&profile), Ok(()));
        let changed = Profile::parse("a.ini", &PROFILE.replace("0.2", "0.3")).unwrap();
        let told = process.fits(&changed).unwrap_err().to_string();
        assert!(told.contains(changed.hash.as_str()) && told.contains("validate the new one"), "{told}");
        let other = Process { profile_version: 3, ..process.clone() };
        assert!(matches!(other.fits(&profile), Err(ProcessError::Version { found: 2, wanted: 3, .. })));
        let other = Process { technology: Technology::Resin, ..process.clone() };
        assert!(matches!(other.fits(&profile), Err(ProcessError::Technology { .. })));
        assert_eq!(process.fits_slicer(&PrusaSlicer, "2.5.0"), Ok(()));
        let told = process.fits_slicer(&PrusaSlicer, "2.6.1").unwrap_err().to_string();
        assert!(told.contains("validated with prusa-slicer 2.5.0, and 2.6.1 is installed"), "{told}");
        assert_eq!(process.good_for(IntendedUse::Guide), Ok(()));
        let told = process.good_for(IntendedUse::Diagnostic).unwrap_err().to_string();
        assert!(told.contains("is not validated for diagnostic, only for education, guide"), "{told}");
    }

    #[test]
    fn a_catalogue_with_odd_names_doubles_or_unknown_words_is_refused() {
        let good = entry("a", "b", "PLA", "fine");
        for (text, wanted) in [
            (good.replace("name = \"a\"", "name = \"fine\""), "this word means a quality"),
            (good.replace("name = \"a\"", "name = \"A b\""), "a name is 1 to 64"),
            (good.replace("a.ini", "../a.ini"), "profile is a file name"),
            (good.repeat(2), "process a stands twice"),
            (good.replace("quality = \"fine\"", "quality = \"best\""), "best"),
            (good.clone() + "validated = true\n", "validated"),
        ] {
            let told = Catalogue::parse(&text).unwrap_err().to_string();
            assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
        }
    }
}
