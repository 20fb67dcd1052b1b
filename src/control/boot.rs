//! Whether a board has started anew unseen, by its own clock.
//!
//! A board that counts lines shows by its count that it lost its power. One that looks at no numbers shows nothing:
//! where its head stood near its origin and nothing was heated, place and targets of a new start are the old ones.
//! RepRapFirmware 3 tells for how many whole seconds it has run, so each answer bounds the moment at which it
//! began; a board that began later than an earlier answer allows has started anew in between. No answer has a
//! checksum, so only the second of two that contradict the one before is believed.

use crate::domain::moment::Moment;
use crate::protocol::dialect::Firmware;

/// `state.upTime` of the object model.
pub const QUESTION: &[u8] = b"M409 K\"state.upTime\"";
/// How often it is asked until it is answered.
const ASKED_MAX: u32 = 6;
/// How old an answer may be while nothing depends on it, µs.
const OLD: i64 = 10_000_000;
/// Two clocks run apart by at most one part in so many: ceramic resonators are off by half of this.
const DRIFT: i64 = 100;
/// No board has run for so long, s: ten years.
const NEVER_SO_LONG: u64 = 10 * 366 * 86_400;

/// Whether a firmware tells it.
pub fn tells(firmware: Firmware) -> bool {
    firmware == Firmware::RepRapFirmware
}

/// The moment at which the board began, µs before or after our own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Began {
    earliest: i64,
    latest: i64,
    told: i64,
}

/// What is still to be done before something rests on the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Nothing,
    Ask,
    /// It told before, and tells nothing any more.
    InVain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    Agrees,
    /// The last answer contradicts the one before.
    Doubted,
    /// And so did the next.
    Anew,
}

/// What is known of one board since it was greeted.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock {
    known: Option<Began>,
    trust: Trust,
    /// Something rests on an answer that has not come; asked so often.
    wanted: Option<u32>,
    /// It does not know the question.
    never: bool,
}

fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.micros()).unwrap_or(i64::MAX)
}

impl BootClock {
    /// Something will rest on the next answer: the question, if it is to be sent.
    pub fn want(&mut self, firmware: Firmware) -> Option<&'static [u8]> {
        if self.never || !tells(firmware) {
            return None;
        }
        self.wanted = Some(1);
        Some(QUESTION)
    }

    pub fn missing(&mut self) -> Missing {
        match self.wanted {
            None => Missing::Nothing,
            Some(asked) if asked < ASKED_MAX => {
                self.wanted = Some(asked + 1);
                Missing::Ask
            }
            Some(_) => {
                self.wanted = None;
                self.never = self.known.is_none();
                if self.never { Missing::Nothing } else { Missing::InVain }
            }
        }
    }

    /// It has not told for a while.
    pub fn is_old(&self, now: Moment) -> bool {
        !self.never && self.known.is_none_or(|known| micros(now) - known.told >= OLD)
    }

    /// It was seen to have started anew.
    pub fn is_anew(&self) -> bool {
        self.trust == Trust::Anew
    }

    /// It said at `now` that it has run for so many whole seconds; it was asked at `asked`.
    pub fn handle(&mut self, asked: Moment, now: Moment, seconds: u64) {
        let Some(ran) = i64::try_from(seconds).ok().filter(|_| seconds < NEVER_SO_LONG) else { return };
        let began = Began {
            earliest: micros(asked) - (ran + 1) * 1_000_000,
            latest: micros(now) - ran * 1_000_000,
            told: micros(now),
        };
        let (later, earlier) = self.known.map_or((false, false), |known| {
            let drift = (began.told - known.told) / DRIFT;
            (began.earliest > known.latest + drift, began.latest < known.earliest - drift)
        });
        match (later || earlier, self.trust) {
            (_, Trust::Anew) => {}
            (true, Trust::Agrees) => {
                self.trust = Trust::Doubted;
                self.wanted = Some(0);
            }
            (true, Trust::Doubted) if later => self.trust = Trust::Anew,
            // The answer before was the wrong one, or its clock is fast.
            (true, Trust::Doubted) | (false, _) => {
                *self = Self { known: Some(began), trust: Trust::Agrees, wanted: None, never: false };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers at these seconds of ours, each asked 10 ms before.
    fn after(answers: &[(u64, u64)]) -> BootClock {
        let mut clock = BootClock::default();
        for (at, seconds) in answers {
            let now = Moment(at * 1_000_000);
            clock.handle(Moment(now.micros().saturating_sub(10_000)), now, *seconds);
        }
        clock
    }

    #[test]
    fn a_clock_that_goes_on_is_the_same_start() {
        assert!(!after(&[(10, 500), (12, 502), (20, 510), (30, 519), (40, 530)]).is_anew());
        // A tenth of a day without an answer, and a clock that is half a percent slow.
        assert!(!after(&[(10, 500), (8_650, 9_097), (8_652, 9_099)]).is_anew());
    }

    #[test]
    fn two_answers_that_say_that_it_began_later_are_another_start() {
        assert!(after(&[(10, 500), (40, 5), (41, 6)]).is_anew());
        assert!(after(&[(10, 3), (20, 9), (21, 10)]).is_anew(), "it had only just begun");
        assert!(after(&[(10, 3), (4_000, 3_900), (4_001, 3_901)]).is_anew());
    }

    #[test]
    fn one_answer_that_noise_has_changed_is_asked_again_and_no_start() {
        for wrong in [5, 90_530, u64::MAX] {
            let mut clock = after(&[(10, 500), (40, wrong)]);
            assert!(!clock.is_anew());
            if wrong != u64::MAX {
                assert_eq!(clock.missing(), Missing::Ask, "{wrong}");
            }
            clock.handle(Moment(41_000_000), Moment(41_010_000), 531);
            clock.handle(Moment(42_000_000), Moment(42_010_000), 532);
            assert_eq!((clock.is_anew(), clock.missing()), (false, Missing::Nothing), "{wrong}");
        }
        // The first of all, and larger: what is right then looks like a new start, and is greeted as one.
        assert!(after(&[(10, 90_500), (40, 530), (41, 531)]).is_anew());
        assert!(!after(&[(10, 50), (40, 530), (41, 531), (42, 532), (43, 533)]).is_anew());
    }

    #[test]
    fn a_long_wait_for_the_answer_makes_it_say_less_and_not_something_else() {
        let mut clock = after(&[(10, 500)]);
        // Asked behind a minute of moves: it may have said so at any moment of it.
        clock.handle(Moment(11_000_000), Moment(71_000_000), 561);
        clock.handle(Moment(71_000_000), Moment(71_010_000), 561);
        assert!(!clock.is_anew());
    }

    #[test]
    fn a_board_that_never_tells_is_not_asked_for_ever_and_one_that_did_has_to() {
        let asked = |clock: &mut BootClock| {
            clock.want(Firmware::RepRapFirmware);
            (0..20).map(|_| clock.missing()).take_while(|missing| *missing == Missing::Ask).count()
        };
        let mut clock = BootClock::default();
        assert_eq!(
            (asked(&mut clock), clock.want(Firmware::RepRapFirmware), clock.is_old(Moment::ZERO)),
            (5, None, false)
        );
        let mut clock = after(&[(10, 500)]);
        clock.want(Firmware::RepRapFirmware);
        let all: Vec<_> = (0..6).map(|_| clock.missing()).collect();
        assert_eq!((all[0], all[5]), (Missing::Ask, Missing::InVain));
    }
}
