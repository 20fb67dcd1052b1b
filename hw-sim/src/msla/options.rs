//! What an operator may say about a simulated resin printer, on the command line and in a farm's TOML file alike.

use std::path::PathBuf;

use serde::Deserialize;

use super::config::{Dialect, HomeEnd, LightOutput, LightTiming, MoveSync, MslaConfig};
use crate::quirks::{Face, FirmwareConfig};

/// What a resin printer has that others have not; everything that is not said is the dialect's own.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MslaOptions {
    /// marlin or klipper (default marlin).
    #[arg(long)]
    #[serde(deserialize_with = "said")]
    pub dialect: Option<Dialect>,
    /// What the lamp hangs on: fan:0, spindle, pin:uv or led:uv.
    #[arg(long, value_name = "OUTPUT", value_parser = light)]
    #[serde(deserialize_with = "said_light")]
    pub light: Option<LightOutput>,
    /// When a light command acts: at-once, with-moves (as Marlin 2's fans) or after-moves.
    #[arg(long, value_name = "WHEN", value_parser = named::<LightTiming>)]
    pub light_timing: Option<LightTiming>,
    /// After what the board says Z_move_comp: never, z-moves or macros.
    #[arg(long, value_name = "WHEN", value_parser = named::<MoveSync>)]
    pub move_sync: Option<MoveSync>,
    /// Where it homes: bottom or top (default top).
    #[arg(long)]
    #[serde(deserialize_with = "said")]
    pub home: Option<HomeEnd>,
    /// Greatest height of the plate, mm (default 150).
    #[arg(long, value_name = "MM")]
    pub z_max_mm: Option<f64>,
    /// Whether M112 puts the light out (default false for marlin, as a fan's pin).
    #[arg(long, value_name = "BOOL")]
    pub kill_darkens: Option<bool>,
    /// Whether the lid's switch cuts the lamp (default false).
    #[arg(long, value_name = "BOOL")]
    pub lid_darkens: Option<bool>,
    /// Power of the lamp right after a reset, 0 to 255: a board that is configured wrongly (default 0).
    #[arg(long, value_name = "N")]
    pub power_after_reset: Option<u8>,
    /// The board puts the light out when it has heard nothing for so long, µs (default 0: never).
    #[arg(long, value_name = "N")]
    pub watchdog_us: Option<u64>,
    /// Ledger file of the display's process, joined at the end.
    #[arg(long, value_name = "PATH")]
    pub mask_ledger: Option<PathBuf>,
}

impl MslaOptions {
    /// Whose commands it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Marlin)
    }

    /// The board that is meant, before anything else is said about it; the dialect's own face if there is none.
    pub fn firmware(&self, face: Option<Face>) -> FirmwareConfig {
        let dialect = self.dialect();
        let usual = FirmwareConfig::msla(dialect);
        let face = face.unwrap_or(usual.face);
        FirmwareConfig { msla: Some(self.build()), ..FirmwareConfig::msla_face(face, dialect) }
    }

    fn build(&self) -> MslaConfig {
        let usual = MslaConfig::dialect(self.dialect());
        MslaConfig {
            light: self.light.clone().unwrap_or(usual.light),
            light_timing: self.light_timing.unwrap_or(usual.light_timing),
            move_sync: self.move_sync.unwrap_or(usual.move_sync),
            home: self.home.unwrap_or(usual.home),
            z_max_mm: self.z_max_mm.unwrap_or(usual.z_max_mm),
            kill_darkens: self.kill_darkens.unwrap_or(usual.kill_darkens),
            lid_darkens: self.lid_darkens.unwrap_or(usual.lid_darkens),
            power_after_reset: self.power_after_reset.unwrap_or(usual.power_after_reset),
            watchdog_us: self.watchdog_us.unwrap_or(usual.watchdog_us),
            mask_ledger: self.mask_ledger.clone(),
            ..usual
        }
    }
}

fn light(text: &str) -> Result<LightOutput, String> {
    let wrong = || format!("{text:?} is no output: use fan:0, spindle, pin:uv or led:uv");
    match text.split_once(':') {
        None if text == "spindle" => Ok(LightOutput::Spindle),
        Some(("fan", index)) => Ok(LightOutput::Fan { index: index.parse().map_err(|_| wrong())? }),
        Some(("pin", name)) if !name.is_empty() => Ok(LightOutput::Pin { name: name.to_owned() }),
        Some(("led", name)) if !name.is_empty() => Ok(LightOutput::Led { name: name.to_owned() }),
        _ => Err(wrong()),
    }
}

/// A name as serde knows it.
fn named<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| error.to_string())
}

fn said<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err = String>,
{
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

fn said_light<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<LightOutput>, D::Error> {
    light(&String::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reaches_the_board() {
        let options: MslaOptions = toml::from_str(
            "dialect = \"klipper\"\nlight = \"led:uv\"\nlight_timing = \"with-moves\"\nmove_sync = \"z-moves\"\n\
             home = \"bottom\"\nz_max_mm = 99.0\nkill_darkens = false\nlid_darkens = true\npower_after_reset = 7\n\
             watchdog_us = 5\nmask_ledger = \"/tmp/masks\"\n",
        )
        .unwrap();
        let expected = MslaConfig {
            light: LightOutput::Led { name: "uv".to_owned() },
            light_timing: LightTiming::WithMoves,
            move_sync: MoveSync::ZMoves,
            home: HomeEnd::Bottom,
            z_max_mm: 99.0,
            kill_darkens: false,
            lid_darkens: true,
            power_after_reset: 7,
            watchdog_us: 5,
            mask_ledger: Some(PathBuf::from("/tmp/masks")),
            ..MslaConfig::dialect(Dialect::Klipper)
        };
        assert_eq!(options.firmware(None).msla, Some(expected));
    }

    #[test]
    fn a_farm_may_have_resin_printers_with_another_firmwares_protocol() {
        let text = "[[printer]]\nface = \"marlin-2.0\"\nmotion = \"instant\"\n[printer.msla]\nhome = \"bottom\"\n\
                    [[printer]]\nname = \"fdm\"\n";
        let farm: crate::options::FarmFile = toml::from_str(text).unwrap();
        let printers = farm.build().unwrap();
        let resin = &printers[0].rig.firmware;
        assert_eq!((resin.face, resin.motion), (Face::Marlin20, crate::planner::Motion::Instant));
        assert_eq!(resin.msla.as_ref().map(|msla| msla.home), Some(HomeEnd::Bottom));
        assert_eq!(printers[1].rig.firmware.msla, None);
        assert!(toml::from_str::<MslaOptions>("hoem = \"top\"").is_err());
    }

    #[test]
    fn an_output_that_is_none_is_refused_by_its_name() {
        for text in ["fan", "fan:x", "pin:", "lamp", ""] {
            assert!(light(text).unwrap_err().contains("use fan:0"), "{text:?}");
        }
        assert!(named::<LightTiming>("later").unwrap_err().contains("with-moves"));
    }
}
