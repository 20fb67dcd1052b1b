//! What an operator may say about a simulated ChiTu board on the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::faults::FaultScript;
use super::profile::{Preset, Profile};
use super::rig::RigConfig;
use super::sample::Sample;
use super::stick::Stick;
use super::tty::ChituConfig;
use crate::wire::WireConfig;

/// One ChiTu resin board.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct ChituOptions {
    /// Its name.
    #[arg(long, default_value = "chitu-1")]
    pub name: String,
    /// Symbolic link to the tty.
    #[arg(long, value_name = "PATH")]
    pub link: Option<PathBuf>,
    /// The directory that is its USB stick; it is made if it is not there.
    #[arg(long, value_name = "DIRECTORY")]
    pub stick: PathBuf,
    /// How its firmware talks.
    #[arg(long, value_enum, default_value_t)]
    pub preset: Preset,
    /// TOML file of single fields of the profile, in place of the preset's: `m27_split = true`.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// TOML file of `[[fault]]` tables: what goes wrong, and when.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Bits a second; 0 is without a limit.
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    pub baud: u32,
    /// Virtual seconds in a second.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub speed: f64,
    /// Seed of all chance.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write a sample .ctb of so many layers to the stick first, as sample.ctb.
    #[arg(long, value_name = "LAYERS")]
    pub sample: Option<u32>,
    /// Write the ledger here too, as JSON.
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,
}

impl ChituOptions {
    /// The board that is meant; makes its directory, and the sample if one is wanted.
    pub fn build(&self) -> io::Result<ChituConfig> {
        if !self.speed.is_finite() || self.speed <= 0.0 {
            return Err(wrong(format!("--speed {}: give a number above 0", self.speed)));
        }
        fs::create_dir_all(&self.stick).map_err(|error| at(&self.stick, &error))?;
        let mut stick = Stick::directory(&self.stick);
        if let Some(layers) = self.sample {
            if !(1..=5_000).contains(&layers) {
                return Err(wrong(format!("--sample {layers}: give 1 to 5000 layers")));
            }
            stick.put("sample.ctb", Sample { layers, ..Sample::default() }.write())?;
        }
        let mut rig = RigConfig::new(self.profile()?, stick);
        rig.wire = WireConfig::clean(self.baud, 0);
        rig.seed = self.seed;
        if let Some(path) = &self.faults {
            rig.script = FaultScript::from_toml(&read(path)?).map_err(|error| at(path, &error))?;
        }
        Ok(ChituConfig { name: self.name.clone(), rig, link: self.link.clone(), speed: self.speed })
    }

    fn profile(&self) -> io::Result<Profile> {
        match &self.profile {
            None => Ok(self.preset.profile()),
            Some(path) => with_fields(self.preset, &read(path)?).map_err(|error| at(path, &error)),
        }
    }
}

/// The preset with these fields in place of its own.
fn with_fields(preset: Preset, text: &str) -> Result<Profile, String> {
    let mut fields = toml::Table::try_from(preset.profile()).map_err(|error| error.to_string())?;
    let wanted: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    for (name, value) in wanted {
        match (fields.get_mut(&name), value) {
            (Some(toml::Value::Table(whole)), toml::Value::Table(parts)) => whole.extend(parts),
            (_, value) => drop(fields.insert(name, value)),
        }
    }
    fields.try_into().map_err(|error: toml::de::Error| error.to_string())
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    wrong(format!("{}: {error}", path.display()))
}

fn wrong(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_file_replace_those_of_the_preset_and_no_others() {
        let profile = with_fields(Preset::Mars, "m27_split = true\n[machine]\nz_mm = 12.5\n").unwrap();
        let mut expected = Preset::Mars.profile();
        expected.m27_split = true;
        expected.machine.z_mm = 12.5;
        assert_eq!(profile, expected);
        assert!(with_fields(Preset::Mars, "m27_spilt = true").unwrap_err().contains("m27_spilt"));
        assert!(with_fields(Preset::Mars, "start = \"m99\"").is_err());
    }
}
