//! When light came out, how much of it, at which height of the plate, and whether the plate moved meanwhile.

use serde::{Deserialize, Serialize};

/// How pin and lamp hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wiring {
    Sound,
    StuckOn,
    Dead,
}

impl Wiring {
    pub(crate) fn power(self, pin: u8) -> u8 {
        match self {
            Self::Sound => pin,
            Self::StuckOn => super::FULL_POWER,
            Self::Dead => 0,
        }
    }
}

/// Why the light changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "text", rename_all = "kebab-case")]
pub enum Cause {
    /// A command of the host, as it was executed.
    Command(String),
    /// The board restarted.
    Reset,
    /// `M112`, the kill button or a shutdown.
    Kill,
    /// Its supply was cut.
    PowerCut,
    /// Nothing was heard for too long.
    Watchdog,
    /// The lid's own switch.
    Lid,
    /// The lamp or its wiring broke, or was mended.
    Fault,
}

/// The light changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UvEvent {
    /// Board time, µs.
    pub at_us: u64,
    /// Power from now on, 0 to 255.
    pub power: u8,
    /// True height of the plate above the display, µm.
    pub z_um: i64,
    /// Whether Z is moving.
    pub moving: bool,
    /// Why.
    pub cause: Cause,
}

/// Light from going on to going out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UvExposure {
    /// When it went on, µs.
    pub on_us: u64,
    /// When it went out, µs; nothing while it burns.
    pub off_us: Option<u64>,
    /// How long it has burnt, µs.
    pub lit_us: u64,
    /// Power times time, in µs of full power.
    pub dose_us: u64,
    /// Greatest power.
    pub power: u8,
    /// Height of the plate when it went on, µm.
    pub z_um: i64,
    /// Height when it went out, or now, µm.
    pub z_end_um: i64,
    /// How long Z moved in the light, µs.
    pub moved_us: u64,
    /// Whether Z moved in the light at all, be it in no time.
    pub moved: bool,
}

/// Every change of the light.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UvLedger {
    events: Vec<UvEvent>,
    exposures: Vec<UvExposure>,
    power: u8,
    noted_us: u64,
    is_moving: bool,
    /// 255ths of µs that make no whole one yet.
    dose_rest: u64,
}

impl UvLedger {
    /// Every change, in its order.
    pub fn events(&self) -> &[UvEvent] {
        &self.events
    }

    /// Every stretch of light; the last one may still be burning.
    pub fn exposures(&self) -> &[UvExposure] {
        &self.exposures
    }

    /// Power now.
    pub fn power(&self) -> u8 {
        self.power
    }

    /// How long the lamp has burnt, as of the last look, µs.
    pub fn lit_us(&self) -> u64 {
        self.exposures.iter().map(|exposure| exposure.lit_us).sum()
    }

    /// Whether Z ever moved in the light.
    pub fn moved_in_light(&self) -> bool {
        self.exposures.iter().any(|exposure| exposure.moved)
    }

    /// The state from now on; gives the exposure that it ends.
    pub(crate) fn note(
        &mut self,
        now_us: u64,
        power: u8,
        z_um: i64,
        is_moving: bool,
        cause: &Cause,
    ) -> Option<UvExposure> {
        let passed_us = now_us.saturating_sub(self.noted_us);
        let was_moving = std::mem::replace(&mut self.is_moving, is_moving);
        self.noted_us = self.noted_us.max(now_us);
        let was = std::mem::replace(&mut self.power, power);
        if was > 0
            && let Some(open) = self.exposures.last_mut()
        {
            open.lit_us += passed_us;
            let dose = self.dose_rest + passed_us * u64::from(was);
            open.dose_us += dose / u64::from(super::FULL_POWER);
            self.dose_rest = dose % u64::from(super::FULL_POWER);
            if was_moving && passed_us > 0 {
                open.moved_us += passed_us;
            }
            open.moved |= (was_moving && passed_us > 0) || z_um != open.z_end_um;
            open.z_end_um = z_um;
            open.power = open.power.max(power);
        }
        if power == was {
            return None;
        }
        self.events.push(UvEvent { at_us: now_us, power, z_um, moving: is_moving, cause: cause.clone() });
        if was == 0 {
            self.dose_rest = 0;
            self.exposures.push(UvExposure {
                on_us: now_us,
                off_us: None,
                lit_us: 0,
                dose_us: 0,
                power,
                z_um,
                z_end_um: z_um,
                moved_us: 0,
                moved: false,
            });
            return None;
        }
        let ended = self.exposures.last_mut().filter(|_| power == 0)?;
        ended.off_us = Some(now_us);
        Some(ended.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause::Command("M106".to_owned())
    }

    #[test]
    fn light_counts_its_time_and_dose_and_not_a_move_that_ended_before_it() {
        let mut ledger = UvLedger::default();
        ledger.note(0, 0, 5000, true, &cause());
        ledger.note(1000, 0, 50, false, &cause());
        ledger.note(2000, 255, 50, false, &cause());
        ledger.note(5000, 51, 50, false, &cause());
        let ended = ledger.note(10_000, 0, 50, false, &cause()).unwrap();
        assert_eq!((ended.lit_us, ended.dose_us, ended.power, ended.moved), (8000, 4000, 255, false));
        assert_eq!(ledger.events().len(), 3);
        assert_eq!((ledger.lit_us(), ledger.moved_in_light()), (8000, false));
    }

    #[test]
    fn a_move_in_the_light_is_seen_by_its_time_and_by_its_way() {
        let mut ledger = UvLedger::default();
        ledger.note(0, 255, 50, false, &cause());
        ledger.note(1000, 255, 50, true, &cause());
        ledger.note(3000, 0, 5000, false, &cause());
        assert_eq!((ledger.exposures()[0].moved_us, ledger.exposures()[0].moved), (2000, true));
        // In no time at all, as motion of the instant kind is.
        ledger.note(4000, 255, 5000, false, &cause());
        ledger.note(5000, 0, 5050, false, &cause());
        assert_eq!((ledger.exposures()[1].moved_us, ledger.exposures()[1].moved), (0, true));
    }
}
