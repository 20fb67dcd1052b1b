//! What can go wrong: single faults, scripts of them, and mixes of noise drawn from a seed.
//!
//! A fair host survives every fault here in this sense: it never claims more than was executed, it notices
//! what cannot be healed, and it goes on once the fault is over. Bytes come back changed in both directions;
//! nothing on the way to the host is protected by a checksum.

use serde::{Deserialize, Serialize};

use crate::heater::{HeaterFault, HeaterId};
use crate::msla::MslaFault;
use crate::quirks::ResetCause;
use crate::random::Random;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Host to board.
    ToDevice,
    /// Board to host.
    ToHost,
}

/// One thing that goes wrong, or is mended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Fault {
    /// The board restarts.
    Reset { cause: ResetCause },
    /// The kill button is pressed.
    Kill,
    /// Its supply is switched off, as by a relay: what it was doing is over, and it is silent.
    PowerCut,
    /// The board loses every byte that arrives for so long.
    Deaf { for_us: u64 },
    /// The main loop stands still for so long.
    Hang { for_us: u64 },
    /// Every reply leaves so much later; 0 mends it.
    SlowReplies { delay_us: u64 },
    /// The next so many `ok` lines are swallowed.
    LoseNextOks { count: u32 },
    /// Every so-manieth `ok` line is swallowed; 0 mends it.
    LoseEveryOk { every: u32 },
    /// The `nth` coming line (from 1) that begins with `prefix` is swallowed.
    DropReply { prefix: String, nth: u32 },
    /// The board sends bytes of its own.
    Garbage { bytes: Vec<u8> },
    /// A heater or its sensor breaks.
    Heater { heater: HeaterId, fault: HeaterFault },
    /// A heater and its sensor are whole again.
    HeaterMended { heater: HeaterId },
    /// The `nth` byte from now (from 1) is changed.
    DamageByte { direction: Direction, nth: u64 },
    /// The `nth` byte from now (from 1) is lost.
    LoseByte { direction: Direction, nth: u64 },
    /// From now on bytes are lost and changed with these probabilities; 0 and 0 mend it.
    Noise { direction: Direction, loss: f64, damage: f64 },
    /// The `nth` line from now (from 1) loses its end and runs into the next one.
    SpliceLine { direction: Direction, nth: u64 },
    /// The `nth` line from now (from 1) arrives twice.
    DuplicateLine { direction: Direction, nth: u64 },
    /// Every so-manieth `ok` line is sent twice; 0 mends it.
    DuplicateEveryOk { every: u32 },
    /// A display on the bus does something every so many µs in the mean; 0 takes it away.
    Display { every_us: u64 },
    /// Nothing leaves in this direction for so long.
    Stall { direction: Direction, for_us: u64 },
    /// The cable is pulled.
    Disconnect,
    /// The cable is in again; the host has to open the port.
    Reconnect,
    /// Somebody presses the printer's own continue button.
    Continue,
    /// The sensor at the spool misses filament.
    Runout,
    /// Something that only a resin printer has.
    Msla(MslaFault),
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimedFault {
    /// Virtual time, µs.
    pub at_us: u64,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Faults in the order of their times; a file of `[[fault]]` tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultScript {
    /// What happens, in any order.
    #[serde(default, rename = "fault")]
    pub faults: Vec<TimedFault>,
}

impl FaultScript {
    /// Reads a script.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// How noisy a link is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FaultMix {
    /// Probability that a byte to the board is changed.
    pub damage_to_device: f64,
    /// Probability that a byte to the board is lost.
    pub loss_to_device: f64,
    /// Probability that a byte to the host is changed.
    pub damage_to_host: f64,
    /// Probability that a byte to the host is lost.
    pub loss_to_host: f64,
    /// Every so-manieth `ok` is swallowed; 0 for none.
    pub lose_every_ok: u32,
    /// Every reply leaves so much later, µs.
    pub reply_delay_us: u64,
    /// Probability that a line to the board runs into the next one.
    pub splice_to_device: f64,
    /// Probability that a line to the board arrives twice.
    pub duplicate_to_device: f64,
    /// Probability that a line to the host runs into the next one.
    pub splice_to_host: f64,
    /// Probability that a line to the host arrives twice.
    pub duplicate_to_host: f64,
    /// Probability, for each line in either direction, that nothing leaves behind it for a while.
    pub stall: f64,
    /// How long that while is, µs.
    pub stall_us: u64,
    /// Every so-manieth `ok` is sent twice; 0 for none.
    pub duplicate_every_ok: u32,
    /// A display on the bus does something every so many µs in the mean; 0 for none.
    pub display_every_us: u64,
}

impl FaultMix {
    /// A mix of its own for each seed: each kind of noise is there or not, mild or harsh.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::fork(seed, "fault mix");
        let mut probability = |most: f64| {
            // Small rates are more telling than large ones: they leave long stretches that work.
            if random.chance(0.5) { most * random.unit().powi(3) } else { 0.0 }
        };
        let (damage_to_device, loss_to_device) = (probability(0.01), probability(0.005));
        let (damage_to_host, loss_to_host) = (probability(0.005), probability(0.005));
        let loses_oks = random.chance(0.3);
        let is_slow = random.chance(0.3);
        Self {
            damage_to_device,
            loss_to_device,
            damage_to_host,
            loss_to_host,
            lose_every_ok: if loses_oks { u32::try_from(20 + random.below(500)).unwrap_or(20) } else { 0 },
            reply_delay_us: if is_slow { random.below(200_000) } else { 0 },
            ..Self::default()
        }
    }

    /// As [`Self::from_seed`], and of the rest: lines spliced, doubled and held up, and a display on the bus.
    pub fn from_seed_with_lines(seed: u64) -> Self {
        let mut random = Random::fork(seed, "line faults");
        let mut probability = |most: f64| if random.chance(0.5) { most * random.unit().powi(2) } else { 0.0 };
        let (splice_to_device, duplicate_to_device) = (probability(0.02), probability(0.02));
        let (splice_to_host, duplicate_to_host) = (probability(0.02), probability(0.02));
        let stall = probability(0.005);
        let doubles_oks = random.chance(0.3);
        let has_display = random.chance(0.5);
        Self {
            splice_to_device,
            duplicate_to_device,
            splice_to_host,
            duplicate_to_host,
            stall,
            stall_us: random.below(1_000_000),
            duplicate_every_ok: if doubles_oks {
                u32::try_from(20 + random.below(500)).unwrap_or(20)
            } else {
                0
            },
            display_every_us: if has_display { 100_000 + random.below(3_000_000) } else { 0 },
            ..Self::from_seed(seed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_toml() {
        let script = FaultScript::from_toml(
            "[[fault]]\nat_us = 5000000\nkind = \"reset\"\ncause = \"brown-out\"\n\
             [[fault]]\nat_us = 7\nkind = \"heater\"\nheater = \"bed\"\nfault = \"sensor-open\"\n\
             [[fault]]\nat_us = 8\nkind = \"drop-reply\"\nprefix = \"ok N\"\nnth = 3\n",
        )
        .expect("a script");
        assert_eq!(script.faults.len(), 3);
        assert_eq!(script.faults[0].fault, Fault::Reset { cause: ResetCause::BrownOut });
    }

    #[test]
    fn a_mix_is_the_same_for_its_seed_and_not_for_another() {
        assert_eq!(FaultMix::from_seed(4), FaultMix::from_seed(4));
        let kinds: Vec<_> = (0..100).map(FaultMix::from_seed).collect();
        assert!(kinds.iter().any(|mix| mix.damage_to_device == 0.0 && mix.lose_every_ok == 0));
        assert!(kinds.iter().any(|mix| mix.damage_to_device > 0.0 && mix.lose_every_ok > 0));
    }

    #[test]
    fn what_a_seed_has_always_drawn_it_still_draws() {
        for seed in 0..100 {
            let mix = FaultMix::from_seed(seed);
            let with_lines = FaultMix::from_seed_with_lines(seed);
            assert_eq!((mix.splice_to_host, mix.duplicate_every_ok, mix.display_every_us), (0.0, 0, 0));
            assert_eq!(mix.damage_to_device.to_bits(), with_lines.damage_to_device.to_bits());
        }
        let kinds: Vec<_> = (0..100).map(FaultMix::from_seed_with_lines).collect();
        assert!(kinds.iter().any(|mix| mix.display_every_us > 0 && mix.splice_to_device > 0.0));
        assert!(kinds.iter().any(|mix| mix.display_every_us == 0 && mix.duplicate_every_ok > 0));
    }
}
