//! A third party on the bus: a touch display with a port of its own, whose questions the board answers to everybody.
//!
//! Its commands have no number, so answers and `ok`s appear that the host never asked for; and now and then it
//! has text of its own put on the line, with or without an end.

use crate::random::Random;

/// What it asks.
const QUESTIONS: [&[u8]; 2] = [b"M105", b"M114"];
/// What it has to say.
const TEXTS: [&[u8]; 2] = [b"Printing...OK\n", b"Printing...OK"];

/// Something that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Ask(&'static [u8]),
    Say(&'static [u8]),
}

/// A display at work.
#[derive(Debug, Clone)]
pub(crate) struct Display {
    every_us: u64,
    next_us: u64,
    random: Random,
}

impl Display {
    /// One that does something every so many µs in the mean; nothing for 0.
    pub(crate) fn new(now_us: u64, every_us: u64, random: Random) -> Option<Self> {
        let mut display = Self { every_us, next_us: now_us, random };
        display.wait();
        (every_us > 0).then_some(display)
    }

    fn wait(&mut self) {
        self.next_us += self.every_us / 2 + self.random.below(self.every_us) + 1;
    }

    /// When it does something next.
    pub(crate) fn poll_timeout(&self) -> u64 {
        self.next_us
    }

    /// What it does now, if it is time.
    pub(crate) fn handle_timeout(&mut self, now_us: u64) -> Option<Doing> {
        if self.next_us > now_us {
            return None;
        }
        self.wait();
        let mut one_of = |texts: [&'static [u8]; 2]| texts[usize::from(self.random.chance(0.5))];
        let (question, text) = (one_of(QUESTIONS), one_of(TEXTS));
        Some(if self.random.chance(0.7) { Doing::Ask(question) } else { Doing::Say(text) })
    }
}
