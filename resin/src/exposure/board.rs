//! The lines of each group, as Marlin and Klipper read them.

use super::plan::Leg;
use super::profile::{Board, Profile};
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

pub(super) trait Lines {
    fn dark_lines(&self) -> Vec<String>;
    fn home_lines(&self) -> Vec<String>;
    fn move_lines(&self, legs: &[Leg], motors_off: bool) -> Vec<String>;
    fn burst_lines(&self, light: u8, exposure: Milliseconds) -> Vec<String>;
    fn light_on_lines(&self, light: u8) -> Vec<String>;
}

impl Lines for Profile {
    fn dark_lines(&self) -> Vec<String> {
        [&self.light_off[..], std::slice::from_ref(&self.wait)].concat()
    }

    /// Motors that let go in a pause would let the plate sink, so the board's own time for that is put off:
    /// `M84 S0` is Marlin's "never"; Klipper knows no such thing, and a day is longer than any pause.
    fn home_lines(&self) -> Vec<String> {
        let hold = match self.board {
            Board::Marlin => "M84 S0",
            Board::Klipper => "SET_IDLE_TIMEOUT TIMEOUT=86400",
        };
        vec![hold.to_owned(), self.home.clone(), self.wait.clone()]
    }

    /// `G90` each time: in relative mode the way to a layer would be a way through the display.
    fn move_lines(&self, legs: &[Leg], motors_off: bool) -> Vec<String> {
        let mut lines = vec!["G90".to_owned()];
        lines.extend(legs.iter().map(|leg| format!("G1 Z{} F{}", height(leg.to), feedrate(leg.speed))));
        lines.push(self.wait.clone());
        if motors_off {
            lines.push(self.motors_off.clone());
        }
        lines
    }

    fn burst_lines(&self, light: u8, exposure: Milliseconds) -> Vec<String> {
        let dwell = |time: Milliseconds| self.dwell.replace("{ms}", &time.0.to_string());
        let begin = if self.burst_lead.0 > 0 { dwell(self.burst_lead) } else { self.wait.clone() };
        let mut lines = vec![begin];
        lines.extend(filled(&self.light_on, light));
        lines.push(dwell(exposure));
        lines.extend(self.dark_lines());
        lines
    }

    /// Marlin switches a fan with the move that it is at: before the light nothing may be left to move.
    fn light_on_lines(&self, light: u8) -> Vec<String> {
        let mut lines = vec![self.wait.clone()];
        lines.extend(filled(&self.light_on, light));
        lines.push(self.wait.clone());
        lines
    }
}

fn filled(lines: &[String], light: u8) -> impl Iterator<Item = String> {
    lines.iter().map(move |line| line.replace("{pwm}", &light.to_string()))
}

/// In mm, exactly.
fn height(z: Micrometres) -> String {
    let (sign, z) = (if z.0 < 0 { "-" } else { "" }, z.0.unsigned_abs());
    format!("{sign}{}.{:03}", z / 1000, z % 1000)
}

/// In mm/min, exactly.
fn feedrate(speed: MicrometresPerSecond) -> String {
    let hundredths = speed.0.unsigned_abs().saturating_mul(6);
    match hundredths % 100 {
        0 => format!("{}", hundredths / 100),
        part => format!("{}.{part:02}", hundredths / 100),
    }
}
