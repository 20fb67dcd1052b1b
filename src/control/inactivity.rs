//! The firmware's own kill after so long without a move (`M85`): what a host that died leaves hot goes off by itself.
//!
//! ```text
//!        four moves in a row, or homing                     paused
//!   Off ────────────────────────────────▶ Armed(limit) ───────────────▶ Armed(limit and the longest pause)
//!    ▲                                      │   ▲ four moves in a row        │    │
//!    │   a dwell, a change of filament,     │   └────────────────────────────┘    │ the bed went off
//!    └──────────── the end ─────────────────┴─────────────────────────────────────┘
//! ```
//! A job that an earlier daemon began is as that one left it, which nobody knows: what comes next is said anew.
//!
//! Only where moves, waits for heat and changes of filament all begin the firmware's clock anew: Marlin 2.1
//! (`manage_inactivity` in `MarlinCore.cpp`). Up to 2.0.9 a move does so only where
//! `DEFAULT_STEPPER_DEACTIVE_TIME` is not 0, and nothing on the wire tells. Not every `M85` begins the clock anew
//! by itself, so it is sent only right behind moves that are still under way, or behind homing.

use std::time::Duration;

use crate::gcode::commands::Code;
use crate::gcode::modal;

/// Moves of the head in a row after which some of them are surely not done yet.
const MOVES: u8 = 4;
/// A move that is shorter may be none, mm.
const MOVED: f64 = 0.05;
/// Commands that stand still for as long as a person or a pin likes; heat is not among them, since a wait for
/// heat begins the clock anew. `M303` heats by itself, without such a wait.
const STANDS_STILL: &[Code] = &[
    Code { letter: b'G', number: 29 },
    Code { letter: b'M', number: 0 },
    Code { letter: b'M', number: 1 },
    Code { letter: b'M', number: 125 },
    Code { letter: b'M', number: 226 },
    Code { letter: b'M', number: 303 },
    Code { letter: b'M', number: 306 },
    Code { letter: b'M', number: 600 },
    Code { letter: b'M', number: 601 },
    Code { letter: b'M', number: 701 },
    Code { letter: b'M', number: 702 },
];
const DWELL: Code = Code { letter: b'G', number: 4 };
const HOME: Code = Code { letter: b'G', number: 28 };
/// What takes it back, and what a greeting sends in case that an earlier daemon left it armed.
pub const OFF: &[u8] = b"M85 S0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    Armed(Duration),
    /// Whatever the daemon before this one has told it.
    Inherited,
}

/// What the firmware was told of one job.
#[derive(Clone, Debug)]
pub struct InactivityKill {
    /// Absent where it is never armed.
    limit: Option<Duration>,
    state: State,
    moves: u8,
    /// How long the lines since the last move stand still.
    stands: Duration,
}

impl InactivityKill {
    /// For a job that begins; a limit of less than a second is none.
    pub fn new(limit: Option<Duration>) -> Self {
        let limit = limit.filter(|limit| limit.as_secs() > 0);
        Self { limit, state: State::Off, moves: 0, stands: Duration::ZERO }
    }

    /// For a job that an earlier daemon began.
    pub fn inherited(limit: Option<Duration>) -> Self {
        Self { state: State::Inherited, ..Self::new(limit) }
    }

    /// What must be sent before this line of the file, which stands still for too long.
    pub fn before(&self, line: &[u8]) -> Option<Box<[u8]>> {
        let limit = self.limit?;
        let long = match Code::of(line)? {
            DWELL => self.stands + dwell(line) > limit / 2,
            code => STANDS_STILL.contains(&code),
        };
        (long && self.state != State::Off).then(|| OFF.into())
    }

    /// That was sent, or the job is over, or nothing is hot any more.
    pub fn disarmed(&mut self) {
        self.state = State::Off;
        self.moves = 0;
    }

    /// A line of the file was sent; the head was and is at these places. What is to be sent behind it.
    pub fn after(&mut self, line: &[u8], from: [Option<f64>; 3], to: [Option<f64>; 3]) -> Option<Box<[u8]>> {
        let limit = self.limit?;
        match Code::of(line) {
            Some(Code { letter: b'G', number: 0..=3 }) => {
                let far = |(from, to): (&Option<f64>, &Option<f64>)| {
                    from.zip(*to).is_some_and(|(from, to)| (to - from).abs() > MOVED)
                };
                self.moves = if from.iter().zip(&to).any(far) { self.moves.saturating_add(1) } else { 0 };
            }
            // With letters it homes some axes, or only those that are not homed yet.
            Some(HOME) if modal::words(line).next().is_none() => self.moves = MOVES,
            Some(DWELL) => {
                self.stands += dwell(line);
                self.moves = 0;
            }
            _ => self.moves = 0,
        }
        if self.moves < MOVES {
            return None;
        }
        self.stands = Duration::ZERO;
        (self.state != State::Armed(limit)).then(|| self.arm(limit))
    }

    /// The head has come to stand for a pause that keeps things hot for so long at most.
    pub fn pause(&mut self, hot_max: Duration) -> Option<Box<[u8]>> {
        let limit = self.limit?;
        self.moves = 0;
        (self.state != State::Off).then(|| self.arm(limit + hot_max))
    }

    /// It is taken back, if it is armed.
    pub fn off(&mut self) -> Option<Box<[u8]>> {
        let armed = self.limit.is_some() && self.state != State::Off;
        self.disarmed();
        armed.then(|| OFF.into())
    }

    fn arm(&mut self, limit: Duration) -> Box<[u8]> {
        self.state = State::Armed(limit);
        format!("M85 S{}", limit.as_secs()).into_bytes().into()
    }
}

/// `G4 P…` in ms, `G4 S…` in s; both at most a day, so that nobody's number overflows.
fn dwell(line: &[u8]) -> Duration {
    let word = |letter| modal::word(line, letter).unwrap_or(0.0).clamp(0.0, 86_400_000.0);
    let seconds = word(b'P') / 1_000.0 + word(b'S').min(86_400.0);
    Duration::from_secs_f64(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(900);

    #[test]
    fn what_an_earlier_daemon_has_armed_is_taken_back_armed_anew_and_made_longer_like_ones_own() {
        let inherited = || InactivityKill::inherited(Some(LIMIT));
        assert_eq!(inherited().before(b"M600").as_deref(), Some(OFF));
        assert_eq!(inherited().off().as_deref(), Some(OFF));
        assert_eq!(inherited().pause(LIMIT).as_deref(), Some(&b"M85 S1800"[..]));
        let mut kill = inherited();
        let moved = |n: u8| [Some(f64::from(n)), Some(0.0), Some(0.0)];
        let armed = (0..MOVES).filter_map(|n| kill.after(b"G1 X1", moved(n), moved(n + 1))).last();
        assert_eq!(armed.as_deref(), Some(&b"M85 S900"[..]));
        assert_eq!(InactivityKill::inherited(None).off(), None);
    }

    /// Sends a file, and gives what goes over the wire with it.
    fn sent(file: &[&str]) -> Vec<String> {
        let mut kill = InactivityKill::new(Some(LIMIT));
        let mut modal = modal::Modal::default();
        let mut wire = Vec::new();
        for line in file {
            if let Some(off) = kill.before(line.as_bytes()) {
                wire.push(String::from_utf8(off.into()).unwrap());
                kill.disarmed();
            }
            let from = modal.place();
            modal.note(line.as_bytes());
            wire.push((*line).to_owned());
            let on = kill.after(line.as_bytes(), from, modal.place());
            wire.extend(on.map(|on| String::from_utf8(on.into()).unwrap()));
        }
        wire
    }

    #[test]
    fn it_is_armed_behind_homing_and_behind_moves_and_never_behind_what_may_not_move() {
        assert_eq!(sent(&["M109 S210", "G28", "G1 Z5"]), ["M109 S210", "G28", "M85 S900", "G1 Z5"]);
        let moves = ["G90", "G1 X0", "G1 X1", "G1 X2", "G1 X3", "G1 X4", "G1 X5"];
        assert_eq!(sent(&moves)[..7], ["G90", "G1 X0", "G1 X1", "G1 X2", "G1 X3", "G1 X4", "M85 S900"]);
        for still in [
            &["G28 X", "G1 E1"][..],
            &["G90", "G1 X1", "G1 X1", "G1 X1", "G1 X1", "G1 X1", "G1 X1"],
            &["G90", "G1 X0", "G1 X1", "G1 X2", "G4 P1", "G1 X3", "G1 X4", "G1 X5"],
            &["G1 X0", "G1 X1", "G1 X2", "G1 X3", "G1 X4", "G1 X5"],
        ] {
            assert_eq!(sent(still), still, "it is not known that this moves");
        }
    }

    #[test]
    fn it_is_taken_back_before_whatever_stands_still_for_long() {
        for long in ["G4 S451", "G4 P451000", "M600", "M226 P1 S1", "M701", "G29"] {
            assert_eq!(sent(&["G28", long, "G1 X1"]), ["G28", "M85 S900", "M85 S0", long, "G1 X1"]);
        }
        for short in ["G4 S400", "M109 S200", "M190 S60", "G4"] {
            assert_eq!(sent(&["G28", short]), ["G28", "M85 S900", short]);
        }
        let many = sent(&["G28", "G4 S200", "G4 S200", "G4 S200", "G4 S200"]);
        assert_eq!(many, ["G28", "M85 S900", "G4 S200", "G4 S200", "M85 S0", "G4 S200", "G4 S200"]);
    }

    #[test]
    fn a_pause_makes_it_longer_and_moves_make_it_short_again() {
        let mut kill = InactivityKill::new(Some(LIMIT));
        let far = |x: f64| [Some(x), None, None];
        assert_eq!(kill.pause(LIMIT), None, "what is not armed is not armed where nothing moves");
        assert_eq!(kill.after(b"G28", [None; 3], [None; 3]).as_deref(), Some(&b"M85 S900"[..]));
        assert_eq!(kill.pause(LIMIT).as_deref(), Some(&b"M85 S1800"[..]));
        for x in 0..3 {
            assert_eq!(kill.after(b"G1", far(f64::from(x)), far(f64::from(x + 1))), None);
        }
        assert_eq!(kill.after(b"G1", far(3.0), far(4.0)).as_deref(), Some(&b"M85 S900"[..]));
        assert_eq!(kill.off().as_deref(), Some(OFF));
        assert_eq!(kill.off(), None);
    }

    #[test]
    fn where_it_is_not_wanted_it_is_never_sent() {
        for limit in [None, Some(Duration::ZERO)] {
            let mut kill = InactivityKill::new(limit);
            assert_eq!(kill.after(b"G28", [None; 3], [None; 3]), None);
            assert_eq!((kill.before(b"M600"), kill.pause(LIMIT), kill.off()), (None, None, None));
        }
    }
}
