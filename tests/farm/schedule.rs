//! What happens to a farm and when, as data: drawn from a seed, written to a file, read back, made smaller.

use hw_sim::faults::{Direction, Fault};
use hw_sim::heater::{HeaterFault, HeaterId};
use hw_sim::quirks::{Face, ResetCause};
use hw_sim::random::Random;
use serde::{Deserialize, Serialize};

/// What a seed means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// All chance that is left comes from here: the wire's, the disk's delays, people's whims.
    pub(crate) seed: u64,
    pub(crate) printers: Vec<Printer>,
    /// From here on nothing new goes wrong, and what can be mended is.
    pub(crate) heals_ms: u64,
    pub(crate) events: Vec<Timed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Printer {
    pub(crate) face: Face,
    pub(crate) latency_us: u64,
    pub(crate) reset_on_open: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timed {
    pub(crate) at_ms: u64,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Somebody queues one of the library's files.
    Queue {
        file: usize,
        pinned: Option<usize>,
        purpose: usize,
    },
    Pause {
        printer: usize,
    },
    Resume {
        printer: usize,
    },
    /// The job that was accepted as the nth.
    Cancel {
        job: usize,
    },
    /// Emergency stop, of one or of all.
    Stop {
        printer: Option<usize>,
    },
    Clear {
        printer: usize,
    },
    ClearBed {
        printer: usize,
    },
    Trouble {
        printer: usize,
        fault: Fault,
    },
    Disk(Disk),
    /// `kill -9`, and so long until another one is started.
    Crash {
        down_ms: u64,
    },
    /// SIGTERM.
    Leave {
        down_ms: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Disk {
    Free,
    /// No room but for what is urgent.
    Full,
    /// The next commit fails while it is made durable, and is there afterwards or not.
    FailsOnce {
        kept: bool,
    },
}

/// Duet boards have native USB, Klipper's is a pseudo-terminal: bytes arrive whole there, and neither refuses a
/// wrong line, so that nobody could be exact over a line that damages any.
pub(crate) fn is_noisy_way(face: Face) -> bool {
    !matches!(face, Face::RepRapFirmware | Face::Klipper)
}

impl Schedule {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Random::new(seed ^ 0xfa53);
        let printers: Vec<_> = (0..=dice.below(4))
            .map(|_| {
                let face = Face::NAMED[dice.below(8) as usize].1;
                let latency_us = [200, 1_000, 4_000, 16_000][dice.below(4) as usize];
                let reset_on_open = is_noisy_way(face) && dice.below(4) == 0;
                Printer { face, latency_us, reset_on_open }
            })
            .collect();
        let heals_ms = 60_000 + dice.below(120_000);
        let mut schedule = Self { seed, printers, heals_ms, events: Vec::new() };
        for _ in 0..=1 + dice.below(5) {
            let pinned = dice.below(3) == 0;
            let printer = dice.below(schedule.printers.len() as u64) as usize;
            let (file, purpose) = (dice.below(FILES) as usize, dice.below(3) as usize);
            let at_ms = dice.below(schedule.heals_ms * 2 / 3);
            schedule.add(at_ms, What::Queue { file, pinned: pinned.then_some(printer), purpose });
        }
        for _ in 0..dice.below(10) {
            schedule.add_person(&mut dice);
        }
        for _ in 0..dice.below(8) {
            schedule.add_trouble(&mut dice);
        }
        for _ in 0..dice.below(3) {
            schedule.add_disk(&mut dice);
        }
        for _ in 0..dice.below(4) {
            schedule.add_crashes(&mut dice);
        }
        schedule.events.sort_by_key(|event| event.at_ms);
        schedule
    }

    fn add(&mut self, at_ms: u64, what: What) {
        self.events.push(Timed { at_ms, what });
    }

    fn moment(&self, dice: &mut Random) -> u64 {
        2_000 + dice.below(self.heals_ms - 2_000)
    }

    fn add_person(&mut self, dice: &mut Random) {
        let at_ms = self.moment(dice);
        let printer = dice.below(self.printers.len() as u64) as usize;
        let what = match dice.below(12) {
            0..=2 => What::Pause { printer },
            3 | 4 => What::Resume { printer },
            5 | 6 => What::Cancel { job: dice.below(6) as usize },
            7 => What::Stop { printer: Some(printer) },
            8 if dice.below(4) == 0 => What::Stop { printer: None },
            9 => What::Clear { printer },
            _ => What::ClearBed { printer },
        };
        self.add(at_ms, what);
    }

    fn add_trouble(&mut self, dice: &mut Random) {
        let at_ms = self.moment(dice);
        let printer = dice.below(self.printers.len() as u64) as usize;
        let noisy = is_noisy_way(self.printers[printer].face);
        let direction = if dice.below(2) == 0 { Direction::ToDevice } else { Direction::ToHost };
        let fault = match dice.below(16) {
            0 | 1 if noisy => {
                let rate = dice.below(1_000) as f64 * 5e-7;
                Fault::Noise { direction, loss: rate / 2.0, damage: rate }
            }
            2 if noisy => {
                Fault::Garbage { bytes: (0..dice.below(60)).map(|n| (n * 37 % 256) as u8).collect() }
            }
            3 if noisy => Fault::Deaf { for_us: dice.below(2_000_000) },
            4 | 5 => Fault::LoseNextOks { count: 1 + dice.below(3) as u32 },
            6 => Fault::Reset { cause: ResetCause::External },
            7 => Fault::Reset { cause: ResetCause::BrownOut },
            8 => Fault::Hang { for_us: dice.below(8_000_000) },
            9 => Fault::Kill,
            10 => Fault::PowerCut,
            11 => Fault::Stall { direction, for_us: dice.below(2_000_000) },
            12 => Fault::Heater {
                heater: if dice.below(2) == 0 { HeaterId::Hotend } else { HeaterId::Bed },
                fault: [HeaterFault::SensorOpen, HeaterFault::SensorShort, HeaterFault::StuckOn]
                    [dice.below(3) as usize],
            },
            _ => {
                let back = at_ms + 100 + dice.below(20_000);
                self.add(back, What::Trouble { printer, fault: Fault::Reconnect });
                Fault::Disconnect
            }
        };
        self.add(at_ms, What::Trouble { printer, fault });
    }

    fn add_disk(&mut self, dice: &mut Random) {
        let at_ms = self.moment(dice);
        let what = match dice.below(3) {
            0 => Disk::FailsOnce { kept: dice.below(2) == 0 },
            _ => {
                self.add(at_ms + dice.below(30_000), What::Disk(Disk::Free));
                Disk::Full
            }
        };
        self.add(at_ms, What::Disk(what));
    }

    /// One, or a row of them that meets the next daemon while it looks for its jobs.
    fn add_crashes(&mut self, dice: &mut Random) {
        let mut at_ms = self.moment(dice);
        let again = if dice.below(3) == 0 { 1 + dice.below(4) } else { 0 };
        for _ in 0..=again {
            let down_ms = 1 + dice.below(3_000);
            let what = if dice.below(6) == 0 { What::Leave { down_ms } } else { What::Crash { down_ms } };
            self.add(at_ms, what);
            at_ms += down_ms + dice.below(2_500);
        }
    }
}

/// Files in the library.
pub(crate) const FILES: u64 = 5;
