//! What the loop has to know of one printer, and every mistake in it.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::board::Lines;
use crate::layer::Peel;
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// The firmware on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Board {
    Marlin,
    Klipper,
}

/// Who ends the exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimedBy {
    /// The board: light on, dwell and light off lie in its buffer together.
    Board,
    /// We: for boards that cannot dwell with the light on. A host that hangs leaves it on.
    Host,
}

/// One printer. Lengths in µm, times in ms, speeds in µm/s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub board: Board,
    pub timed_by: TimedBy,
    /// `M106 S{pwm}`, `SET_PIN PIN=uv VALUE={pwm}`; `{pwm}` is 1 to 255.
    pub light_on: Vec<String>,
    /// `M107`; the board must also do this by itself at a reset (Klipper: `shutdown_value: 0`).
    pub light_off: Vec<String>,
    pub home: String,
    /// Homing ends at the display, where it would crush a part into it.
    pub homes_down: bool,
    /// Answered when everything before it is done.
    #[serde(default = "wait")]
    pub wait: String,
    /// Waits for `{ms}` milliseconds, by the board's clock.
    #[serde(default = "dwell")]
    pub dwell: String,
    #[serde(default = "motors_off")]
    pub motors_off: String,
    pub motors_off_at_end: bool,

    /// How far the plate goes up from the display.
    pub height: Micrometres,
    /// Above every speed of a file.
    pub fastest: MicrometresPerSecond,
    /// Ways off the film: to a pause and back, and up at the end.
    pub travel_speed: MicrometresPerSecond,
    /// Above the layer, as far as `height` allows.
    pub raise_at_pause: Micrometres,
    /// Above the last layer, as far as `height` allows; absent: up to `height`.
    #[serde(default)]
    pub raise_at_end: Option<Micrometres>,
    /// How far what `M114` says may be from where the plate was sent: Marlin tells hundredths of a mm.
    #[serde(default = "z_tolerance")]
    pub z_tolerance: Micrometres,

    /// What a layer does where its file does not say.
    pub peel: Peel,
    pub bottom: Bottom,
    /// For layers to which the file gives no exposure; absent: such a file is refused.
    #[serde(default)]
    pub exposure: Option<Milliseconds>,
    pub longest_exposure: Milliseconds,
    /// At least so long the first layer rests before its light.
    #[serde(default)]
    pub first_layer_rest: Milliseconds,
    /// More rest before the first light after a pause.
    #[serde(default)]
    pub rest_after_pause: Milliseconds,
    /// A pause of this length is noted; absent: none is.
    #[serde(default)]
    pub long_pause: Option<Milliseconds>,

    pub display: Display,
    /// How long the board may be silent beyond what a group takes.
    pub answers_within: Milliseconds,
    pub homes_within: Milliseconds,
    /// Lines that it holds at once (Marlin: `BUFSIZE`).
    #[serde(default = "buffer_lines")]
    pub buffer_lines: u32,
    /// Bytes that it holds while it is at a line (Marlin: `RX_BUFFER_SIZE`, one of which stays free).
    #[serde(default = "buffer_bytes")]
    pub buffer_bytes: u32,
    /// Where not zero, a burst begins with a dwell of this length instead of `wait`: the rest of it has come
    /// over the wire before the light goes on, so that a cable pulled just then leaves no light on. Pulled while
    /// the burst is on the wire, behind light on and before light off (some ms), it still does.
    #[serde(default)]
    pub burst_lead: Milliseconds,
}

/// The layers at the plate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bottom {
    /// How many there are.
    pub layers: u32,
    /// Over how many layers behind them their values become those of all others, in equal steps.
    #[serde(default)]
    pub transition: u32,
    /// For layers to which the file gives no exposure.
    #[serde(default)]
    pub exposure: Option<Milliseconds>,
    /// What is not said is as for all layers.
    #[serde(default)]
    pub peel: Peel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// From when a picture is on to when its points have turned.
    pub settles_in: Milliseconds,
    /// How long showing or blanking may take until it is confirmed.
    pub answers_within: Milliseconds,
}

/// Something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct Mistake {
    /// `bottom.peel.lift`.
    pub key: String,
    /// Why it cannot be and what to write instead.
    pub why: String,
}

/// Everything that is wrong with one profile, in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            write!(f, "{}{mistake}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A profile without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printer(Profile);

impl Deref for Printer {
    type Target = Profile;

    fn deref(&self) -> &Profile {
        &self.0
    }
}

fn wait() -> String {
    "M400".into()
}

fn dwell() -> String {
    "G4 P{ms}".into()
}

fn motors_off() -> String {
    "M84".into()
}

fn z_tolerance() -> Micrometres {
    Micrometres(10)
}

fn buffer_lines() -> u32 {
    4
}

fn buffer_bytes() -> u32 {
    127
}

/// The most lines that switch the light one way.
const LIGHT_LINES: usize = 4;
/// Marlin's `MAX_CMD_SIZE` is 96, of which number and checksum take some.
const LINE_BYTES: usize = 80;
/// Ten metres, one metre a second, an hour: beyond any printer.
const HIGHEST: i64 = 10_000_000;
const FASTEST: i64 = 1_000_000;
pub(super) const AN_HOUR: u64 = 3_600_000;

impl Profile {
    /// Every mistake with its key.
    pub fn checked(self) -> Result<Printer, Mistakes> {
        let mut check = Check(Vec::new());
        self.commands(&mut check);
        self.ways(&mut check);
        self.layers(&mut check);
        self.times(&mut check);
        if check.0.is_empty() && self.timed_by == TimedBy::Board {
            self.burst(&mut check);
        }
        if check.0.is_empty() { Ok(Printer(self)) } else { Err(Mistakes(check.0)) }
    }

    fn commands(&self, check: &mut Check) {
        for (key, lines, places) in
            [("light_on", &self.light_on, &["pwm"][..]), ("light_off", &self.light_off, &[])]
        {
            if lines.is_empty() || lines.len() > LIGHT_LINES {
                check.wrong(key, format!("has {} lines; give 1 to {LIGHT_LINES}", lines.len()));
            }
            for (index, line) in lines.iter().enumerate() {
                let key = format!("{key}[{index}]");
                check.line(&key, line, places);
                if line.trim_start().starts_with(['G', 'g']) {
                    check.wrong(
                        &key,
                        format!("{line:?} moves or waits; only what switches the light is here"),
                    );
                }
            }
        }
        if self.light_on == self.light_off {
            check.wrong("light_off", "is the same as light_on; give what switches the light off".into());
        }
        for (key, line) in [("home", &self.home), ("wait", &self.wait), ("motors_off", &self.motors_off)] {
            check.line(key, line, &[]);
        }
        check.line("dwell", &self.dwell, &["ms"]);
        if self.dwell.matches("{ms}").count() != 1 {
            check.wrong("dwell", format!("{:?} needs {{ms}} once: how long it waits", self.dwell));
        }
        for (key, line) in [("wait", &self.wait), ("dwell", &self.dwell), ("motors_off", &self.motors_off)] {
            if moves(line) {
                check.wrong(key, format!("{line:?} moves the plate; the light may be on there"));
            }
        }
    }

    fn ways(&self, check: &mut Check) {
        check.length("height", self.height, 1, HIGHEST);
        check.speed("fastest", self.fastest, MicrometresPerSecond(FASTEST));
        check.speed("travel_speed", self.travel_speed, self.fastest);
        check.length("raise_at_pause", self.raise_at_pause, 0, self.height.0);
        if let Some(raise) = self.raise_at_end {
            check.length("raise_at_end", raise, 0, self.height.0);
        }
        check.length("z_tolerance", self.z_tolerance, 1, 1000);
    }

    fn layers(&self, check: &mut Check) {
        for (key, missing) in [
            ("peel.lift", self.peel.lift.is_none()),
            ("peel.lift_speed", self.peel.lift_speed.is_none()),
            ("peel.retract_speed", self.peel.retract_speed.is_none()),
        ] {
            if missing {
                check.wrong(key, "is missing; files may leave it open, so it has to be here".into());
            }
        }
        for (key, peel) in [("peel", &self.peel), ("bottom.peel", &self.bottom.peel)] {
            for (name, length) in [
                ("lift", peel.lift),
                ("second_lift", peel.second_lift),
                ("second_retract", peel.second_retract),
            ] {
                if let Some(length) = length {
                    check.length(&format!("{key}.{name}"), length, 0, self.height.0);
                }
            }
            for (name, speed) in [
                ("lift_speed", peel.lift_speed),
                ("second_lift_speed", peel.second_lift_speed),
                ("retract_speed", peel.retract_speed),
                ("second_retract_speed", peel.second_retract_speed),
            ] {
                if let Some(speed) = speed {
                    check.speed(&format!("{key}.{name}"), speed, self.fastest);
                }
            }
            for (name, rest) in [
                ("rest_before_lift", peel.rest_before_lift),
                ("rest_after_lift", peel.rest_after_lift),
                ("rest_before_light", peel.rest_before_light),
            ] {
                if let Some(rest) = rest {
                    check.time(&format!("{key}.{name}"), rest, 0, AN_HOUR);
                }
            }
        }
        for (key, length, speed) in [
            ("peel.second_lift_speed", self.peel.second_lift, self.peel.second_lift_speed),
            ("peel.second_retract_speed", self.peel.second_retract, self.peel.second_retract_speed),
        ] {
            if length.is_some_and(|length| length.0 > 0) && speed.is_none() {
                check.wrong(key, "is missing, and there is a second way; say how fast it is".into());
            }
        }
        if self.bottom.layers == 0 && self.bottom.transition > 0 {
            check.wrong("bottom.transition", "there is no bottom layer to come from; write 0".into());
        }
        if self.exposure.is_none() && self.bottom.exposure.is_some() {
            check.wrong("exposure", "is missing, and bottom.exposure is given; give both or none".into());
        }
        check.time("longest_exposure", self.longest_exposure, 1, AN_HOUR);
        for (key, exposure) in [("exposure", self.exposure), ("bottom.exposure", self.bottom.exposure)] {
            if let Some(exposure) = exposure {
                check.time(key, exposure, 1, self.longest_exposure.0);
            }
        }
    }

    fn times(&self, check: &mut Check) {
        check.time("first_layer_rest", self.first_layer_rest, 0, AN_HOUR);
        check.time("rest_after_pause", self.rest_after_pause, 0, AN_HOUR);
        if let Some(long) = self.long_pause {
            check.time("long_pause", long, 1, 24 * AN_HOUR);
        }
        check.time("display.settles_in", self.display.settles_in, 0, 10_000);
        check.time("display.answers_within", self.display.answers_within, 10, 600_000);
        check.time("answers_within", self.answers_within, 100, 600_000);
        check.time("homes_within", self.homes_within, 1000, AN_HOUR);
        check.time("burst_lead", self.burst_lead, 0, 1000);
    }

    /// Light off must lie in the board's buffer before the light is on: it and all before it at once. The
    /// last line, which only waits, may still be on the wire.
    fn burst(&self, check: &mut Check) {
        let burst = self.burst_lines(u8::MAX, self.longest_exposure);
        let held = burst.len() - 1;
        if u32::try_from(held).is_ok_and(|held| held > self.buffer_lines) {
            check.wrong(
                "buffer_lines",
                format!(
                    "a burst has {held} lines up to light off, and the board holds {}; switch the light with \
                     fewer lines, or let the host time it",
                    self.buffer_lines
                ),
            );
        }
        // N1234567, a space, *255 and the end of the line. Klipper's pins have long names, and a print's numbers five
        // digits.
        let around = match self.board {
            Board::Marlin => 14,
            Board::Klipper => 12,
        };
        let bytes: usize = burst.iter().map(|line| line.len() + around).sum();
        if u32::try_from(bytes).is_ok_and(|bytes| bytes > self.buffer_bytes) {
            check.wrong(
                "buffer_bytes",
                format!(
                    "a burst has up to {bytes} bytes with line numbers, and the board holds {}; switch the \
                     light with shorter lines, or let the host time it",
                    self.buffer_bytes
                ),
            );
        }
    }
}

struct Check(Vec<Mistake>);

impl Check {
    fn wrong(&mut self, key: &str, why: String) {
        self.0.push(Mistake { key: key.into(), why });
    }

    fn between(&mut self, key: &str, value: i128, [least, most]: [i128; 2], unit: &str) {
        if value < least || value > most {
            self.wrong(key, format!("{value} {unit}; give {least} to {most}"));
        }
    }

    fn length(&mut self, key: &str, length: Micrometres, least: i64, most: i64) {
        self.between(key, length.0.into(), [least.into(), most.into()], "µm");
    }

    fn speed(&mut self, key: &str, speed: MicrometresPerSecond, most: MicrometresPerSecond) {
        self.between(key, speed.0.into(), [1, most.0.into()], "µm/s");
    }

    fn time(&mut self, key: &str, time: Milliseconds, least: u64, most: u64) {
        self.between(key, time.0.into(), [least.into(), most.into()], "ms");
    }

    /// One command, with none but these places to fill.
    fn line(&mut self, key: &str, line: &str, places: &[&str]) {
        if line.is_empty() || line.trim() != line || line.len() > LINE_BYTES {
            self.wrong(
                key,
                format!(
                    "{line:?} is empty, has spaces around it or more than {LINE_BYTES} bytes; give one \
                     command"
                ),
            );
        }
        if let Some(odd) = line.chars().find(|&char| !matches!(char, ' '..='~') || matches!(char, ';' | '*'))
        {
            self.wrong(
                key,
                format!("{line:?} has {odd:?} in it; give one command in ASCII without a comment"),
            );
        }
        let mut rest = line.to_owned();
        for place in places {
            rest = rest.replace(&format!("{{{place}}}"), "");
        }
        if rest.contains(['{', '}']) {
            let allowed = match places {
                [] => "nothing is filled in here".to_owned(),
                places => format!("only {{{}}} is filled in here", places.join("}, {")),
            };
            self.wrong(key, format!("{line:?} has braces; {allowed}"));
        }
    }
}

/// Whether a line is a `G` command other than a dwell.
fn moves(line: &str) -> bool {
    let mut chars = line.trim_start().chars();
    if !matches!(chars.next(), Some('G' | 'g')) {
        return false;
    }
    let number: String = chars.take_while(char::is_ascii_digit).collect();
    number.trim_start_matches('0') != "4"
}
