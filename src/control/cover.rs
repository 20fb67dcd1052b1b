//! Whether a printer's cover is closed, as its board tells when it is asked: nothing is lit and no plate goes down before.
//!
//! ```text
//!        asked, between two groups        told closed
//!  Due ───────────────────────────▶ Asked ───────────▶ Known ──a start, the end of a pause, a layer──▶ Due
//!   ▲                                │ ├── told open: the fault
//!   └── not told, a few times ───────┘ └── never told: the fault
//! ```

use ::resin::exposure::Fault;

use crate::domain::moment::Moment;
use crate::domain::printer::Cover;
use crate::protocol::link::Link;
use crate::protocol::window::Origin;

/// An answer that noise has eaten is asked for again, so often in all.
const ASKED_MAX: u32 = 6;

/// The switch of a cover, as its board tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The question, `M119`: one command that moves nothing.
    pub ask: Box<[u8]>,
    /// What a line of the answer holds while the cover is open, and while it is closed.
    pub open: String,
    pub closed: String,
}

impl Switch {
    /// What a line of an answer tells; where it could be both, that it is open.
    pub fn told(&self, line: &[u8]) -> Option<Cover> {
        let holds = |text: &str| line.windows(text.len().max(1)).any(|piece| piece == text.as_bytes());
        if holds(&self.open) {
            return Some(Cover::Open);
        }
        holds(&self.closed).then_some(Cover::Closed)
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Due {
        asked: u32,
    },
    /// The answer is there when the line before `behind` is acknowledged.
    Asked {
        asked: u32,
        behind: u32,
        told: Option<Cover>,
    },
    Known,
}

/// The question of one print.
#[derive(Debug)]
pub struct Look {
    switch: Switch,
    state: State,
}

impl Look {
    /// Nothing is known yet.
    pub fn new(switch: Switch) -> Self {
        Self { switch, state: State::Due { asked: 0 } }
    }

    /// What was told before counts no more.
    pub fn want(&mut self) {
        self.state = State::Due { asked: 0 };
    }

    /// Nothing may be lit, and no plate may move towards the film.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Known)
    }

    pub fn handle(&mut self, cover: Cover) {
        if let State::Asked { told, .. } = &mut self.state {
            // A line that says "open" is not taken back by the next one.
            *told = if *told == Some(Cover::Open) { *told } else { Some(cover) };
        }
    }

    /// Asks where that `may` be now, and reads the answer; says whether something has come of it.
    ///
    /// # Errors
    /// The cover is open, or the board does not say.
    pub fn drive(&mut self, now: Moment, link: &mut Link, may: bool) -> Result<bool, Fault> {
        match self.state {
            State::Due { asked } if may && asked < ASKED_MAX && link.has_room(&self.switch.ask) => {
                link.send(now, Origin::Own, self.switch.ask.clone());
                self.state = State::Asked { asked: asked + 1, behind: link.window().next(), told: None };
                Ok(true)
            }
            State::Due { asked } if asked >= ASKED_MAX => {
                self.state = State::Known;
                Err(Fault::Board("it does not tell whether its cover is closed".into()))
            }
            State::Asked { asked, behind, told } if link.window().acked() >= behind => match told {
                Some(Cover::Open) => {
                    self.state = State::Known;
                    Err(Fault::LidOpen)
                }
                Some(_) => {
                    self.state = State::Known;
                    Ok(true)
                }
                None => {
                    self.state = State::Due { asked };
                    Ok(true)
                }
            },
            State::Due { .. } | State::Asked { .. } | State::Known => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_is_closed_only_where_its_board_says_so() {
        let switch = Switch {
            ask: b"M119"[..].into(),
            open: "filament: open".into(),
            closed: "filament: TRIGGERED".into(),
        };
        for (line, told) in [
            (&b"filament: open"[..], Some(Cover::Open)),
            (b"filament: TRIGGERED", Some(Cover::Closed)),
            (b"// filament: TRIGGERED z_max: open", Some(Cover::Closed)),
            (b"z_max: open", None),
            (b"filament: TRIG\xffERED", None),
            (b"filament: openfilament: TRIGGERED", Some(Cover::Open)),
            (b"Reporting endstop status", None),
            (b"", None),
        ] {
            assert_eq!(switch.told(line), told, "{}", line.escape_ascii());
        }
    }
}
