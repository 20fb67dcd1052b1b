//! Whether a stop has stopped the board: by its kill line, its restart or its silence, and what to do if by none.
//!
//! ```text
//!          kill line, `start`, or silent where it would have talked
//!   Sent ──────────────────────────────────────────────▶ Verified ──(talks on after "silent")──┐
//!    │ a second without                                      ▲                                 │
//!    ├── DTR may reset it ──▶ Resetting ── `start`, silence ─┤                                 │
//!    │                            │ two seconds without      │ kill line, late                 │
//!    └── it may not ──────────────┴──────▶ Unverified ───────┘                                 │
//!                                                ▲─────────────────────────────────────────────┘
//! ```
//! `Unverified` is for the relay. A stop that was not verified is repeated: noise may have eaten the first.
//!
//! Silence alone says little: a board without an emergency parser that works on a long move says nothing
//! either for two seconds, and `M112` waits behind that move (`transcripts/marlin-2.1.2.6-m112.txt`, the end).
//! So it counts only where a living board would have talked by then: one that reports its temperatures by
//! itself, one that had nothing to do and was asked, or one that had told of its end before.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::printer::StopProof;

/// What stops a board of any dialect. The newline ends what was cut; a board that reads ahead obeys this at once.
pub const BARE: &[u8] = b"\nM112\n";
/// The same for a board that may unpack what it reads (`protocol::meatpack`): that ends before.
pub const BARE_TO_UNPACKER: &[u8] = b"\xCC\xCC\xCC\xFF\xFF\xFA\nM112\n";
/// The board has so long to confirm a stop.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// What was on its way to us when it stopped arrives in this time, latency of wire and adapter included.
const ON_ITS_WAY: Duration = Duration::from_millis(250);
/// The stop is repeated after this time, and again; each time with a question.
const REPEAT: Duration = Duration::from_millis(300);
/// The same once the relay has been asked, for as long as a long move may take.
const REPEAT_LATER: Duration = Duration::from_secs(1);
const REPEATS_LATER: u32 = 120;
/// The boards' reports of temperatures come every second (`M155 S1`), and late at most by this.
pub const REPORTS_EVERY: Duration = Duration::from_secs(1);
const REPORT_LATE: Duration = Duration::from_millis(500);
/// A board that was idle and talked in this time would have answered at once.
pub const TALKED_LATELY: Duration = Duration::from_secs(12);
/// How long DTR is down: the capacitor on an Arduino's reset line needs far less.
const DTR_DOWN: Duration = Duration::from_millis(100);
/// From reset to `start`: a boot loader waits for a second, then the firmware sets itself up.
const RESTARTS_WITHIN: Duration = Duration::from_secs(2);

/// What the silence of a board means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It may be silent while it works.
    Nothing,
    /// It reported by itself, the last time then.
    Reported { last: Moment },
    /// It had nothing to do, or had told of its end: it would answer a question, or say nothing ever more.
    Answers,
}

/// What is known of the way to reset a board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtrReset {
    /// The operator says that DTR does not, or must not, reset it.
    Never,
    /// It may: DTR is tried, and not waited for.
    #[default]
    Perhaps,
    /// The operator says so, or it was seen to restart when the port was opened.
    Known,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// The stop goes out again, and a question behind it.
    Repeat,
    /// A reset by DTR begins: see `dtr_is_up`. Where it is only tried, the relay is not kept waiting.
    Reset { and_give_up: bool },
    /// It counts as stopped.
    Tell(StopProof),
    /// It does not: the relay.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sent { repeat_at: Moment, verify_by: Moment },
    Resetting { up_at: Moment, verify_by: Moment, waits: bool },
    Unverified { repeat_at: Moment, repeats: u32 },
    Verified(StopProof),
}

/// One stop, from its first byte.
#[derive(Clone, Debug)]
pub struct StopCheck {
    silence: Silence,
    dtr: DtrReset,
    state: State,
    /// The second in which the board may confirm is over.
    second: Moment,
    /// What arrives before this was on its way.
    talk_counts_from: Moment,
    talked: bool,
}

impl StopCheck {
    /// The stop is on its way to the wire.
    pub fn begin(now: Moment, silence: Silence, dtr: DtrReset) -> Self {
        let verify_by = match silence {
            // Its next report would come a little later than that.
            Silence::Reported { last } => (last + REPORTS_EVERY + REPORT_LATE).max(now + CONFIRM_WITHIN),
            Silence::Nothing | Silence::Answers => now + CONFIRM_WITHIN,
        };
        Self {
            silence,
            dtr,
            state: State::Sent { repeat_at: now + REPEAT, verify_by },
            second: now + CONFIRM_WITHIN,
            talk_counts_from: now + ON_ITS_WAY,
            talked: false,
        }
    }

    /// Somebody stops what is stopped already: a check that runs goes on, one that has ended begins anew.
    #[must_use]
    pub fn again(&self, now: Moment) -> Self {
        match self.state {
            State::Sent { .. } | State::Resetting { .. } => self.clone(),
            State::Verified(_) => Self::begin(now, Silence::Answers, self.dtr),
            State::Unverified { .. } => Self::begin(now, Silence::Nothing, self.dtr),
        }
    }

    /// How it is known that the board has stopped.
    pub fn proof(&self) -> Option<StopProof> {
        match self.state {
            State::Verified(proof) => Some(proof),
            _ => None,
        }
    }

    /// The board may yet confirm it, and nobody was told otherwise.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Sent { .. } | State::Resetting { waits: true, .. })
    }

    /// Whether DTR is to be up: it is down while the board is reset.
    pub fn dtr_is_up(&self, now: Moment) -> bool {
        !matches!(self.state, State::Resetting { up_at, .. } if now < up_at)
    }

    /// Bytes came, of whatever kind: a halted board is silent.
    pub fn handle_talk(&mut self, now: Moment) -> Option<Do> {
        if now < self.talk_counts_from {
            return None;
        }
        self.talked = true;
        match self.state {
            State::Sent { ref mut verify_by, .. } => {
                // Its next report has come: there is nothing more to wait for than the second itself.
                if let Silence::Reported { .. } = self.silence {
                    *verify_by = self.second.max(now);
                }
                None
            }
            // It was only slow: not stopped at all.
            State::Verified(StopProof::Silence) => Some(self.escalate(now)),
            _ => None,
        }
    }

    /// The board said that it has halted.
    pub fn handle_kill_line(&mut self) -> Option<Do> {
        self.verify(StopProof::KillLine)
    }

    /// The board began anew: what it was doing is gone, and its heaters are off. One that did so just before
    /// the stop may not have heard it; it hears it again.
    pub fn handle_start(&mut self, now: Moment) -> Option<Do> {
        if now < self.talk_counts_from { None } else { self.verify(StopProof::Restart) }
    }

    /// The port has no DTR.
    pub fn handle_no_dtr(&mut self, now: Moment) -> Option<Do> {
        let State::Resetting { waits, .. } = self.state else { return None };
        let given_up = self.give_up(now);
        // Where it was only tried, that was told before.
        waits.then_some(given_up)
    }

    /// The port is gone: nothing will be verified any more.
    pub fn handle_closed(&mut self) -> Option<Do> {
        self.is_open().then_some(Do::GiveUp)
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Sent { repeat_at, verify_by } => Some(repeat_at.min(verify_by)),
            State::Resetting { up_at, verify_by, .. } => {
                // Once it is up again the caller has looked at it.
                Some(if self.talk_counts_from < up_at { up_at } else { verify_by })
            }
            State::Unverified { repeat_at, repeats } => (repeats < REPEATS_LATER).then_some(repeat_at),
            State::Verified(_) => None,
        }
    }

    /// Time has passed; again until `None`.
    pub fn handle_timeout(&mut self, now: Moment) -> Option<Do> {
        match self.state {
            State::Sent { verify_by, .. } if now >= verify_by => Some(self.judge(now)),
            State::Sent { repeat_at, verify_by } if now >= repeat_at => {
                self.state = State::Sent { repeat_at: now + REPEAT, verify_by };
                Some(Do::Repeat)
            }
            State::Resetting { up_at, .. } if now >= up_at && self.talk_counts_from < up_at => {
                // Only what comes from now on is said after the reset.
                self.talk_counts_from = now + ON_ITS_WAY;
                self.talked = false;
                None
            }
            State::Resetting { verify_by, waits, .. } if now >= verify_by => {
                // Nobody has asked it, so only reports are missed.
                if matches!(self.silence, Silence::Reported { .. }) && self.silence_proves() {
                    self.verify(StopProof::Silence)
                } else if waits {
                    Some(self.give_up(now))
                } else {
                    // That was told when DTR went down.
                    self.state = State::Unverified { repeat_at: now, repeats: 0 };
                    None
                }
            }
            State::Unverified { repeat_at, repeats } if now >= repeat_at && repeats < REPEATS_LATER => {
                self.state = State::Unverified { repeat_at: now + REPEAT_LATER, repeats: repeats + 1 };
                Some(Do::Repeat)
            }
            _ => None,
        }
    }

    fn silence_proves(&self) -> bool {
        !self.talked && self.silence != Silence::Nothing
    }

    fn judge(&mut self, now: Moment) -> Do {
        if self.silence_proves() {
            self.state = State::Verified(StopProof::Silence);
            return Do::Tell(StopProof::Silence);
        }
        self.escalate(now)
    }

    fn escalate(&mut self, now: Moment) -> Do {
        if self.dtr == DtrReset::Never {
            return self.give_up(now);
        }
        let up_at = now + DTR_DOWN;
        let waits = self.dtr == DtrReset::Known;
        self.state = State::Resetting { up_at, verify_by: up_at + RESTARTS_WITHIN, waits };
        self.talk_counts_from = now;
        Do::Reset { and_give_up: !waits }
    }

    fn give_up(&mut self, now: Moment) -> Do {
        self.state = State::Unverified { repeat_at: now, repeats: 0 };
        Do::GiveUp
    }

    fn verify(&mut self, proof: StopProof) -> Option<Do> {
        if matches!(self.state, State::Verified(_)) {
            return None;
        }
        self.state = State::Verified(proof);
        Some(Do::Tell(proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::meatpack;

    #[test]
    fn a_stop_for_an_unpacker_is_the_same_stop_behind_the_end_of_the_unpacking() {
        assert_eq!(BARE_TO_UNPACKER, [meatpack::END_ANY_LINE, meatpack::DISABLE, BARE].concat());
    }
}
