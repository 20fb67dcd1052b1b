//! How warm the LED is: one body that follows the lamp's power with a time constant, and a sensor that may lie.

use super::config::LedModel;

#[derive(Debug, Clone)]
pub(crate) struct Led {
    model: LedModel,
    celsius: f64,
    advanced_us: u64,
    is_cooled: bool,
    /// What a broken sensor says.
    stray_reading: Option<f64>,
}

impl Led {
    pub(crate) fn new(model: LedModel) -> Self {
        Self { celsius: model.ambient_celsius, model, advanced_us: 0, is_cooled: true, stray_reading: None }
    }

    pub(crate) fn celsius(&self) -> f64 {
        self.celsius
    }

    /// The sensor's name and what it says.
    pub(crate) fn reading(&self) -> Option<(&str, f64)> {
        let name = self.model.sensor.as_deref()?;
        Some((name, self.stray_reading.unwrap_or(self.celsius)))
    }

    /// The lamp has had this power since the last call.
    pub(crate) fn advance(&mut self, now_us: u64, power: u8) {
        let seconds = now_us.saturating_sub(self.advanced_us) as f64 / 1e6;
        self.advanced_us = self.advanced_us.max(now_us);
        let rise = if self.is_cooled { self.model.rise_celsius } else { self.model.uncooled_rise_celsius };
        let end = self.model.ambient_celsius + rise * f64::from(power) / f64::from(super::FULL_POWER);
        let left = (-seconds / self.model.time_constant_seconds.max(1e-3)).exp();
        self.celsius = end + (self.celsius - end) * left;
    }

    pub(crate) fn set_reading(&mut self, celsius: f64) {
        self.stray_reading = Some(celsius);
    }

    pub(crate) fn uncool(&mut self) {
        self.is_cooled = false;
    }

    pub(crate) fn mend(&mut self) {
        (self.is_cooled, self.stray_reading) = (true, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_led_warms_up_in_the_light_and_further_without_its_fan() {
        let mut led = Led::new(LedModel::default());
        led.advance(60_000_000, super::super::FULL_POWER);
        assert!((led.celsius() - (22.0 + 25.0 * 0.632)).abs() < 0.1, "{}", led.celsius());
        led.uncool();
        led.advance(660_000_000, super::super::FULL_POWER);
        assert!((led.celsius() - 112.0).abs() < 0.1, "{}", led.celsius());
        led.mend();
        led.advance(1_660_000_000, 0);
        assert!((led.celsius() - 22.0).abs() < 0.1, "{}", led.celsius());
    }
}
