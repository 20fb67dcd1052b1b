//! Heat watched from outside: every reading is judged at once, as if the firmware had no protection.
//!
//! Each heater that reports:
//! ```text
//!          target, colder          near the target
//!  Off ───────────────▶ HeatingUp ─────────────────▶ Holding
//!   ▲  ╲ target, hotter     ▲ ▲    target raised        │
//!   │   ╲                   │ └─────────────────────────┤ target lowered
//!   │    └─────▶ Cooling ───┘◀──────────────────────────┘
//!   └─ target 0 ── (any)          Cooling ── near ──▶ Holding
//! ```
//! Replies carry no checksum, so one odd reading decides nothing. What a heater can reach since the last
//! reading is believed at once; what it cannot is a doubt until three agree. Over the maximum two must say so.
//! Whoever doubts asks at once (`take_question`), so that the answer takes a moment and not a second.
//!
//! After `HeatersOff` the watch goes on: what is not off in time, or still rises, is stopped.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::heat::{Action, Alarm, Hazard, HeatLimits, Heater};
use crate::domain::moment::Moment;
use crate::domain::printer::Reading;
use crate::domain::units::Celsius;
use crate::protocol::report::TemperatureReport;

/// What one kind of heater may do. We are the second line: nearly everything is wider, and later, than what
/// firmware allows itself, so that the firmware, which can say more, speaks first where it is awake.
///
/// Sources: Marlin 2.1 `Configuration_adv.h` (`THERMAL_PROTECTION_PERIOD` 40 s and `_HYSTERESIS` 4 °C, bed
/// 20 s and 2 °C; `WATCH_TEMP_PERIOD` 40 s and `_INCREASE` 2 °C, bed 60 s) and Klipper `verify_heater`
/// (`hysteresis` 5, `max_error` 120 °C·s, `heating_gain` 2 in `check_gain_time` 20 s, bed 60 s).
#[derive(Debug)]
struct Rules {
    /// This near, °C, a heater is at its target (`M109`'s own window and hysteresis are 1 and 3).
    near: f64,
    /// Heated, it gains so much, °C, in so long. Large plates need a minute for the last degrees.
    gain: (f64, Duration),
    /// °C/s over some seconds: twice what the strongest heaters do (60 W in a small block, a mains bed).
    fast: f64,
    /// So far, °C, for so long from a target that it had. A fan's first gust costs a hotend ten for half a minute.
    band: (f64, Duration),
    /// A fall of so much, °C, within `DROP_WITHIN` while heated: nothing cools like that against its heater.
    drop: f64,
    /// The very same reading for so long while heating up, and while holding.
    still: (Duration, Duration),
    /// °C/s up and down that a reading may change and be believed at once, over `REACH_ANYWAY`.
    reach: (f64, f64),
    /// Off, it rises by so much, °C, above its lowest; before that, it may go on for so long.
    unasked: (f64, Duration),
    /// What to do when it leaves its target: a chamber only costs the part.
    left_target: Action,
}

const HOTEND: Rules = Rules {
    near: 5.0,
    gain: (2.0, Duration::from_secs(60)),
    fast: 12.0,
    band: (12.0, Duration::from_secs(60)),
    drop: 25.0,
    still: (Duration::from_secs(30), Duration::from_secs(180)),
    reach: (15.0, 12.0),
    unasked: (20.0, Duration::from_secs(20)),
    left_target: Action::HeatersOff,
};

const BED: Rules = Rules {
    near: 4.0,
    gain: (2.0, Duration::from_secs(180)),
    fast: 4.0,
    band: (8.0, Duration::from_secs(180)),
    drop: 15.0,
    still: (Duration::from_secs(120), Duration::from_secs(600)),
    reach: (4.0, 3.0),
    unasked: (12.0, Duration::from_secs(60)),
    left_target: Action::HeatersOff,
};

const CHAMBER: Rules = Rules {
    near: 3.0,
    gain: (1.0, Duration::from_secs(900)),
    fast: 3.0,
    band: (10.0, Duration::from_secs(900)),
    drop: 30.0,
    still: (Duration::from_secs(900), Duration::from_secs(3_600)),
    reach: (3.0, 3.0),
    unasked: (20.0, Duration::from_secs(120)),
    left_target: Action::Pause,
};

impl Rules {
    fn of(heater: Heater) -> &'static Self {
        match heater {
            Heater::Hotend | Heater::Hotend1 | Heater::Hotend2 | Heater::Hotend3 => &HOTEND,
            Heater::Bed => &BED,
            Heater::Chamber => &CHAMBER,
        }
    }
}

/// °C above the highest allowed target that a healthy heater may reach (Marlin's `HOTEND_OVERSHOOT`).
const OVERSHOOT: f64 = 15.0;
/// °C that a reading may change and be believed at once, on top of `reach`: noise, and damaged units.
const REACH_ANYWAY: f64 = 10.0;
/// So many readings that agree make a jump true.
const JUMP_READINGS: u32 = 3;
/// A report that is the same in every digit this soon after another is that one again: a line that came
/// twice, or a second look at one conversion of the sensor.
const SAME_REPORT: Duration = Duration::from_millis(100);
/// A question about a doubt is put again after this time, so often.
const ASK_AGAIN: Duration = Duration::from_millis(120);
const ASKED_MOST: u32 = 8;
/// °C at which an open sensor's reading begins, and a shorted one's; Marlin reads -15 (`…-thermal_faults.txt`).
const SENSOR_OPEN: f64 = -10.0;
const SENSOR_SHORT: f64 = 450.0;
/// Over how long a rise and a fall are measured.
const PACE_OVER: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(9));
const DROP_WITHIN: Duration = Duration::from_secs(20);
const PACE_READINGS: usize = 48;
/// Above this, °C, skin is burnt and a closed box is not harmless: here "hot" begins.
const HOT: f64 = 60.0;
/// Below this, °C, a heater that is off is not worth a word, whatever the room does.
const WARM: f64 = 45.0;
/// A target that nothing of ours has set is left alone for so long, for a report that is late.
const UNASKED_TARGET: Duration = Duration::from_secs(15);
/// No reading of a hot heater: told, heaters off, stopped. Readings come every second or two; where they wait
/// behind moves, a slow first layer keeps them for a minute.
const SILENT_WARN: Duration = Duration::from_secs(30);
const SILENT_OFF: Duration = Duration::from_secs(180);
const SILENT_STOP: Duration = Duration::from_secs(240);
/// The same while a command runs that holds all answers back: told when a board that talks would have been given up
/// by the link, and no more than that for as long as the link waits for the `ok` of one that does not.
const SILENT_HELD_UP_WARN: Duration = Duration::from_secs(90);
const SILENT_HELD_UP: Duration = Duration::from_secs(900);
/// Marlin says `busy` every 2 s; its gaps reach 5 (`…-temperatures.txt`).
const BUSY_LASTS: Duration = Duration::from_secs(7);
/// Targets are zero so long after they were switched off, or the printer is stopped.
const OFF_WITHIN: Duration = Duration::from_secs(30);
/// Switched off, a heater may still rise by this much, °C.
const AFTERGLOW: f64 = 10.0;
const AFTERGLOW_FOR: Duration = Duration::from_secs(30);

/// What the printer is at, as far as its heat is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It is being greeted: heaters are about to be switched off anyway.
    Greeting,
    /// No job: nothing of ours heats.
    Idle,
    Job,
    /// Heaters were switched off because of a hazard.
    SwitchedOff,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// No target. `lowest` since `calm_from`; until then it may go on rising from what was heated before.
    Off { lowest: f64, calm_from: Moment },
    /// It had `mark` at `since`, and must gain from there.
    HeatingUp { mark: f64, since: Moment },
    /// Since when, and in how many readings, it has been away from its target.
    Holding { away: Option<(Moment, u32)> },
    /// It is hotter than its target, and may only get colder.
    Cooling { lowest: f64, calm_from: Moment },
}

/// A reading that cannot be, until others agree.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    value: f64,
    at: Moment,
    readings: u32,
}

/// The same value again and again.
#[derive(Clone, Copy, Debug)]
struct Still {
    value: f64,
    since: Moment,
    readings: u32,
}

/// What is wrong, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Finding {
    hazard: Hazard,
    action: Action,
    limit: f64,
}

fn find(hazard: Hazard, action: Action, limit: f64) -> Finding {
    Finding { hazard, action, limit }
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

/// How a reading came to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    None,
    /// There was none before.
    First,
    Up,
    Down,
}

/// One heater.
#[derive(Clone, Debug)]
struct Guard {
    heater: Heater,
    rules: &'static Rules,
    /// Factor of all rates.
    speed: f64,
    /// The last reading that was believed, and when it came.
    believed: Option<(Moment, f64)>,
    doubt: Option<Doubt>,
    /// When anything was last read of it.
    heard: Option<Moment>,
    target: f64,
    target_doubt: Option<f64>,
    /// The job has asked for heat here.
    asked: bool,
    /// The target that was asked for last.
    asked_last: Option<f64>,
    /// Heat was asked for since the last reading: it may have come and gone between two of them.
    asked_unheard: bool,
    /// The target that `state` is about.
    state_target: f64,
    /// It was over the maximum in the last reading.
    over: bool,
    state: State,
    still: Option<Still>,
    /// Hundredths were seen: a reading that stays the same means something.
    fine: bool,
    /// Believed readings of the last seconds, oldest first.
    pace: VecDeque<(Moment, f64)>,
    /// So many readings in a row fell too far.
    fallen: u32,
    /// So many readings in a row were hotter than anything had asked for.
    risen: u32,
    /// Since when it has a target without a job.
    unasked_since: Option<Moment>,
    /// While switched off: the highest that is no wonder.
    afterglow: f64,
    raised: Vec<(Hazard, Action)>,
}

impl Guard {
    fn new(heater: Heater, speed: u16) -> Self {
        Self {
            heater,
            rules: Rules::of(heater),
            speed: f64::from(speed),
            believed: None,
            doubt: None,
            heard: None,
            target: 0.0,
            target_doubt: None,
            asked: false,
            asked_last: None,
            asked_unheard: false,
            state_target: 0.0,
            over: false,
            state: State::Off { lowest: f64::MAX, calm_from: Moment::ZERO },
            still: None,
            fine: false,
            pace: VecDeque::with_capacity(PACE_READINGS),
            fallen: 0,
            risen: 0,
            unasked_since: None,
            afterglow: f64::MAX,
            raised: Vec::new(),
        }
    }

    fn actual(&self) -> Option<f64> {
        self.believed.map(|(_, actual)| actual)
    }

    fn is_hot(&self) -> bool {
        self.actual().is_some_and(|actual| self.target > 0.0 || self.asked_unheard || actual >= HOT)
    }

    /// Another reading is wanted soon.
    fn is_doubtful(&self) -> bool {
        self.over || self.doubt.is_some()
    }

    /// Takes a target; what is damaged on the way does not come twice.
    fn take_target(&mut self, target: f64) {
        let again = self.target_doubt.is_some_and(|doubt| (target - doubt).abs() < 5.0);
        if again || (target - self.target).abs() < 0.5 {
            self.target = target;
            self.target_doubt = None;
        } else {
            self.target_doubt = Some(target);
        }
    }

    /// Takes a reading. `Some` if it is believed: whether it came by a jump.
    fn believe(&mut self, now: Moment, actual: f64) -> Option<Jump> {
        let within = |from: f64, at: Moment| {
            let seconds = seconds(now - at) * self.speed;
            let (up, down) = self.rules.reach;
            actual <= from + up * seconds + REACH_ANYWAY && actual >= from - down * seconds - REACH_ANYWAY
        };
        let before = self.believed;
        // What one damaged digit has led to must not make the truth a jump: the ones before count, too.
        let mut latest = before.into_iter().chain(self.pace.iter().rev().take(3).copied());
        if latest.any(|(at, from)| within(from, at)) {
            self.doubt = None;
            self.believed = Some((now, actual));
            return Some(Jump::None);
        }
        let readings = match self.doubt {
            Some(doubt) if within(doubt.value, doubt.at) => doubt.readings + 1,
            _ => 1,
        };
        self.doubt = Some(Doubt { value: actual, at: now, readings });
        let needed = if before.is_some() { JUMP_READINGS } else { JUMP_READINGS - 1 };
        if readings < needed {
            return None;
        }
        self.doubt = None;
        self.believed = Some((now, actual));
        self.pace.clear();
        Some(match before {
            None => Jump::First,
            // From a reading that was damaged back to where nothing burns: no harm.
            Some((_, from)) if actual > from && actual < HOT => Jump::First,
            Some((_, from)) if actual > from => Jump::Up,
            Some(_) => Jump::Down,
        })
    }

    /// Judges a reading.
    fn take(
        &mut self,
        now: Moment,
        reading: Reading,
        waited_for: Option<f64>,
        max: f64,
        around: f64,
    ) -> Option<Finding> {
        self.heard = Some(now);
        let actual = reading.actual.0;
        match (reading.target, waited_for) {
            (Some(target), _) => self.take_target(target.0),
            (None, Some(target)) => (self.target, self.target_doubt) = (target, None),
            (None, None) => {}
        }
        let is_told = reading.target.is_some() || waited_for.is_some();
        let jump = self.believe(now, actual)?;
        self.fine |= ((actual * 10.0) - (actual * 10.0).round()).abs() > 0.05;
        self.note_pace(now, actual);
        self.note_still(now, actual);
        let was_over = std::mem::replace(&mut self.over, actual > max + OVERSHOOT);
        let heated = self.target > 0.0;
        if actual >= SENSOR_SHORT || actual <= SENSOR_OPEN {
            let limit = if actual > 0.0 { SENSOR_SHORT } else { SENSOR_OPEN };
            let action = if heated || actual > 0.0 { Action::Stop } else { Action::Warn };
            return Some(find(Hazard::SensorBroken, action, limit));
        }
        if self.over && (was_over || jump == Jump::Up) {
            return Some(find(Hazard::Overheated, Action::Stop, max + OVERSHOOT));
        }
        let changed = self.follow_target(now, actual);
        if heated && self.target > max {
            return Some(find(Hazard::TargetTooHigh, Action::HeatersOff, max));
        }
        if self.target_doubt.is_some() || (!is_told && self.asked) {
            // It may have a new target, and then all below is another question.
            return None;
        }
        match jump {
            Jump::Up => {
                return Some(find(Hazard::RiseTooFast, Action::Stop, self.rules.fast));
            }
            Jump::Down if heated && !changed => {
                return Some(find(Hazard::SuddenDrop, Action::HeatersOff, self.rules.drop));
            }
            Jump::None | Jump::First | Jump::Down => {}
        }
        self.judge_pace(now, actual)
            .or_else(|| self.judge_still(now))
            .or_else(|| self.judge_state(now, actual, around))
    }

    fn note_pace(&mut self, now: Moment, actual: f64) {
        while self.pace.front().is_some_and(|(at, _)| now - *at > DROP_WITHIN)
            || self.pace.len() >= PACE_READINGS
        {
            self.pace.pop_front();
        }
        self.pace.push_back((now, actual));
    }

    fn note_still(&mut self, now: Moment, actual: f64) {
        let same = |still: &Still| still.value.to_bits() == actual.to_bits() && self.target > 0.0;
        self.still = Some(match self.still.filter(same) {
            Some(still) => Still { readings: still.readings + 1, ..still },
            None => Still { value: actual, since: now, readings: 1 },
        });
    }

    /// Where the heater stands now that its target may have changed; says whether it has.
    fn follow_target(&mut self, now: Moment, actual: f64) -> bool {
        let Rules { near, unasked, .. } = self.rules;
        let calm_from = now + unasked.1;
        let away = self.target - actual;
        let moved = (self.target - self.state_target).abs() > 1.0;
        let was_cooling = matches!(self.state, State::Cooling { .. });
        let next = match self.state {
            State::Off { .. } if self.target <= 0.0 => return false,
            _ if self.target <= 0.0 => State::Off { lowest: actual, calm_from },
            State::HeatingUp { .. } if !moved && away > *near => return false,
            State::Cooling { .. } if !moved && -away > *near => return false,
            State::Holding { .. } if !moved => return false,
            _ if away > *near => State::HeatingUp { mark: actual, since: now },
            _ if -away > *near => State::Cooling { lowest: actual, calm_from },
            _ => State::Holding { away: None },
        };
        self.state = next;
        self.state_target = self.target;
        // How it came down to a lower target is no fall against its heater.
        if moved || was_cooling {
            self.pace.clear();
            self.still = None;
        }
        moved
    }

    /// How fast it rises, and whether it falls against its heater.
    fn judge_pace(&mut self, now: Moment, actual: f64) -> Option<Finding> {
        let (least, most) = PACE_OVER;
        // One damaged digit is in neither end: of two, the one that says less counts.
        let window: Vec<_> = self.pace.iter().filter(|(at, _)| now - *at <= most).copied().collect();
        if let [(_, first), (at, second), .., (_, before), _] = window[..]
            && now - at >= least
            && actual.min(before) >= WARM
            && actual.min(before) - first.max(second) > self.rules.fast * self.speed * seconds(now - at) + 3.0
        {
            return Some(find(Hazard::RiseTooFast, Action::Stop, self.rules.fast));
        }
        let (_, highest) = self.pace.iter().fold((f64::MIN, f64::MIN), |(most, next), (_, actual)| {
            if *actual > most { (*actual, most) } else { (most, next.max(*actual)) }
        });
        let heated = matches!(self.state, State::HeatingUp { .. } | State::Holding { .. });
        let falls = heated && highest - actual > self.rules.drop && actual < self.target;
        self.fallen = if falls { self.fallen + 1 } else { 0 };
        (self.fallen >= 2).then(|| find(Hazard::SuddenDrop, Action::HeatersOff, self.rules.drop))
    }

    fn judge_still(&self, now: Moment) -> Option<Finding> {
        let still = self.still?;
        let (heating, holding) = self.rules.still;
        let limit = match self.state {
            State::HeatingUp { .. } => heating,
            // Whole degrees, and tenths, may well stay the same at a good regulator.
            State::Holding { .. } if self.fine => holding,
            _ => return None,
        };
        let stuck = still.readings >= 10 && now - still.since >= limit;
        stuck.then(|| find(Hazard::SensorStuck, Action::HeatersOff, seconds(limit)))
    }

    fn judge_state(&mut self, now: Moment, actual: f64, around: f64) -> Option<Finding> {
        let Rules { gain, band, unasked, left_target, .. } = self.rules;
        let was_asked = std::mem::take(&mut self.asked_unheard);
        match &mut self.state {
            State::HeatingUp { mark, since } => {
                if actual >= *mark + gain.0 {
                    (*mark, *since) = (actual, now);
                } else if now - *since >= gain.1 {
                    return Some(find(Hazard::RiseTooSlow, Action::HeatersOff, seconds(gain.1)));
                }
            }
            State::Holding { away } => {
                if (actual - self.target).abs() <= band.0 {
                    *away = None;
                } else {
                    let (since, readings) = away.map_or((now, 1), |(since, readings)| (since, readings + 1));
                    *away = Some((since, readings));
                    // Twice as far is no gust of a fan: a quarter of the time is enough.
                    let far = (actual - self.target).abs() > 2.0 * band.0;
                    let patience = if far { band.1 / 4 } else { band.1 };
                    if readings >= 3 && now - since >= patience {
                        return Some(find(Hazard::LeftTarget, *left_target, band.0));
                    }
                }
            }
            State::Off { lowest, calm_from } | State::Cooling { lowest, calm_from } => {
                if was_asked {
                    *calm_from = (*calm_from).max(now + unasked.1);
                }
                if now < *calm_from {
                    *lowest = actual;
                } else {
                    *lowest = lowest.min(actual);
                }
                // What lies in something warm gets warm itself.
                let floor = (*lowest).max(around).max(WARM) + unasked.0;
                self.risen = if actual > floor { self.risen + 1 } else { 0 };
                if self.risen >= 2 && self.target <= 0.0 {
                    return Some(find(Hazard::HeatUnasked, Action::HeatersOff, floor));
                }
                if self.risen >= 2 {
                    return Some(find(Hazard::LeftTarget, *left_target, unasked.0));
                }
            }
        }
        None
    }
}

/// What goes on since heaters were switched off because of a hazard.
#[derive(Clone, Copy, Debug)]
struct SwitchedOff {
    hazard: Hazard,
    since: Moment,
}

/// Questions about a doubt.
#[derive(Clone, Copy, Debug)]
struct Asking {
    again_at: Moment,
    asked: u32,
}

/// All heaters of one printer.
#[derive(Clone, Debug)]
pub struct HeatWatch {
    limits: HeatLimits,
    guards: [Guard; Heater::ALL.len()],
    duty: Duty,
    /// Until when heat without a job was asked for by somebody.
    by_hand_until: Option<Moment>,
    last: Option<(Moment, TemperatureReport)>,
    /// `T0` is listed beside `T`, which then is the active tool and nothing to watch.
    lists_tools: bool,
    /// Another tool than the first was asked for: `T` alone may be of any.
    changes_tools: bool,
    held_up: bool,
    /// It says that it works: the answer waits.
    busy_until: Moment,
    off: Option<SwitchedOff>,
    asking: Option<Asking>,
    question: bool,
    alarms: VecDeque<Alarm>,
}

impl HeatWatch {
    pub fn new(limits: HeatLimits) -> Self {
        Self {
            limits,
            guards: Heater::ALL.map(|heater| Guard::new(heater, limits.simulated_speed)),
            duty: Duty::Greeting,
            by_hand_until: None,
            last: None,
            lists_tools: false,
            changes_tools: false,
            held_up: false,
            busy_until: Moment::ZERO,
            off: None,
            asking: None,
            question: false,
            alarms: VecDeque::new(),
        }
    }

    /// Something is hot or heated, as far as is known.
    pub fn is_hot(&self) -> bool {
        self.guards.iter().any(Guard::is_hot)
    }

    /// The hottest of the hot heaters.
    pub fn hottest(&self) -> Option<Heater> {
        let hot = self.guards.iter().filter(|guard| guard.is_hot());
        let hottest =
            hot.max_by(|a, b| a.actual().partial_cmp(&b.actual()).unwrap_or(std::cmp::Ordering::Equal));
        hottest.map(|guard| guard.heater)
    }

    /// A heater that the job has left on, or that is on without having been asked.
    pub fn is_left_on(&self, heater: Heater) -> bool {
        self.guards.iter().any(|guard| {
            guard.heater == heater && guard.heard.is_some() && guard.asked_last.unwrap_or(guard.target) > 0.0
        })
    }

    /// Whether the printer tells of this heater.
    pub fn knows(&self, heater: Heater) -> bool {
        self.guards.iter().any(|guard| guard.heater == heater && guard.believed.is_some())
    }

    /// What is known of a connection that is over is worth nothing in the next.
    pub fn forget(&mut self) {
        *self = Self::new(self.limits);
    }

    /// What the printer is at; `held_up` while a command holds all answers back.
    pub fn set_duty(&mut self, now: Moment, duty: Duty, held_up: bool) {
        let answers_again = std::mem::replace(&mut self.held_up, held_up) && !held_up;
        if self.duty == duty && !answers_again {
            return;
        }
        let is_new = std::mem::replace(&mut self.duty, duty) != duty;
        for guard in &mut self.guards {
            if is_new {
                guard.unasked_since = None;
                guard.asked &= duty == Duty::Job;
            }
            // What was silent because nothing could be heard counts anew.
            guard.heard = guard.heard.map(|_| now);
        }
    }

    /// Until when somebody has asked for heat though nothing is printed.
    pub fn set_by_hand(&mut self, until: Option<Moment>) {
        self.by_hand_until = until;
    }

    /// What an earlier job asked for is over.
    pub fn begin_job(&mut self) {
        for guard in &mut self.guards {
            guard.asked_last = None;
        }
    }

    /// The board says that it is busy.
    pub fn handle_busy(&mut self, now: Moment) {
        self.busy_until = now + BUSY_LASTS;
    }

    /// A command is about to be sent. `Some` if it must not be: it would heat more than the printer allows.
    pub fn judge_command(&mut self, command: &[u8]) -> Option<Alarm> {
        self.changes_tools |= matches!(command, [b'T' | b't', b'1'..=b'9', ..]);
        let (heater, target) = target_of(command)?;
        let limit = self.limits.target_max(heater);
        for guard in self.guards.iter_mut().filter(|guard| guard.heater == heater) {
            if target <= limit {
                guard.asked |= target > 0.0;
                guard.asked_unheard |= target > 0.0;
                guard.asked_last = Some(target);
            }
        }
        (target > limit).then_some(Alarm {
            heater,
            hazard: Hazard::TargetTooHigh,
            action: Action::HeatersOff,
            reading: None,
            target: Some(Celsius(target)),
            limit,
        })
    }

    /// The printer told its temperatures.
    ///
    /// `running` is the command that waits for heat just now: Prusa, and Marlin before 2.0, leave the target out of
    /// what they say meanwhile (`T:175.6 E:0 W:?`).
    pub fn handle_report(&mut self, now: Moment, report: &TemperatureReport, running: Option<&[u8]>) {
        if self.last.is_some_and(|(at, last)| last == *report && now - at < SAME_REPORT) {
            return;
        }
        self.last = Some((now, *report));
        self.lists_tools |= report.tools[0].is_some();
        let [first, second, third, fourth] = report.tools;
        let hotend = if self.lists_tools { first } else { report.hotend };
        let readings = [hotend, second, third, fourth, report.bed, report.chamber];
        let waited_for = running.and_then(target_of);
        for (at, reading) in readings.into_iter().enumerate() {
            if let Some(reading) = reading {
                let heater = self.guards[at].heater;
                let waited_for = waited_for.filter(|(which, _)| *which == heater).map(|(_, target)| target);
                self.judge(now, at, reading, waited_for);
            }
        }
        let doubtful = self.guards.iter().any(Guard::is_doubtful);
        match (doubtful, self.asking) {
            (false, _) => self.asking = None,
            (true, None) => {
                self.asking = Some(Asking { again_at: now + ASK_AGAIN, asked: 1 });
                self.question = true;
            }
            (true, Some(asking)) if asking.asked < ASKED_MOST => {
                self.asking = Some(Asking { again_at: now + ASK_AGAIN, asked: asking.asked + 1 });
                self.question = true;
            }
            (true, Some(_)) => {}
        }
    }

    fn judge(&mut self, now: Moment, at: usize, reading: Reading, waited_for: Option<f64>) {
        let actual = |heater| self.guards.iter().find(|guard| guard.heater == heater).and_then(Guard::actual);
        let (bed, chamber) = (actual(Heater::Bed), actual(Heater::Chamber));
        let heater = self.guards[at].heater;
        let around = match heater {
            Heater::Bed => chamber,
            Heater::Chamber => bed,
            _ => bed.max_by_value(chamber),
        };
        let max = self.limits.target_max(heater);
        let guard = &mut self.guards[at];
        let finding = guard.take(now, reading, waited_for, max, around.unwrap_or(f64::MIN));
        if let Some(finding) = finding {
            // `T` is of one tool now and of another then: what moves is no news.
            let of_some_tool = heater == Heater::Hotend && self.changes_tools && !self.lists_tools;
            let sure =
                matches!(finding.hazard, Hazard::Overheated | Hazard::TargetTooHigh | Hazard::SensorBroken);
            if sure || !of_some_tool {
                self.raise(now, at, finding);
            }
        }
        if reading.target.is_some() {
            self.judge_unasked(now, at);
        }
        self.judge_off(now, at);
    }

    /// A target without a job.
    fn judge_unasked(&mut self, now: Moment, at: usize) {
        let guard = &mut self.guards[at];
        let by_hand = self.by_hand_until.is_some_and(|until| now < until);
        if self.duty != Duty::Idle || guard.target <= 0.0 || by_hand {
            guard.unasked_since = None;
            return;
        }
        let since = *guard.unasked_since.get_or_insert(now);
        if now - since >= UNASKED_TARGET + self.limits.by_hand {
            self.raise(now, at, find(Hazard::HeatUnasked, Action::HeatersOff, 0.0));
        }
    }

    /// After heaters were switched off: they must be off, and get no hotter.
    fn judge_off(&mut self, now: Moment, at: usize) {
        let Some(off) = self.off else { return };
        let guard = &mut self.guards[at];
        let Some(actual) = guard.actual() else { return };
        if now - off.since <= AFTERGLOW_FOR && guard.target > 0.0 {
            guard.afterglow = actual;
        } else if now - off.since <= AFTERGLOW_FOR {
            guard.afterglow = if guard.afterglow == f64::MAX { actual } else { guard.afterglow };
        }
        let limit = guard.afterglow + AFTERGLOW;
        let rises = actual > limit && actual > WARM;
        let stays_on = guard.target > 0.0 && now - off.since >= OFF_WITHIN;
        if rises {
            self.raise(now, at, find(Hazard::HeatUnasked, Action::Stop, limit));
        } else if stays_on {
            self.raise(now, at, find(off.hazard, Action::Stop, 0.0));
        }
    }

    fn raise(&mut self, now: Moment, at: usize, finding: Finding) {
        let Finding { hazard, action, limit } = finding;
        // Heaters are off already, or are about to be.
        let is_moot = match self.duty {
            Duty::Greeting | Duty::SwitchedOff => action != Action::Stop,
            Duty::Idle | Duty::Job => false,
        };
        let guard = &mut self.guards[at];
        if is_moot || guard.raised.contains(&(hazard, action)) {
            return;
        }
        guard.raised.push((hazard, action));
        let heated = guard.target > 0.0;
        self.alarms.push_back(Alarm {
            heater: guard.heater,
            hazard,
            action,
            reading: guard.actual().map(Celsius),
            target: heated.then_some(Celsius(guard.target)),
            limit,
        });
        if action == Action::HeatersOff {
            self.switch_off(now, hazard);
        }
    }

    /// Heaters are being switched off because of `hazard`: from now on they may only get colder.
    pub fn switch_off(&mut self, now: Moment, hazard: Hazard) {
        self.off.get_or_insert(SwitchedOff { hazard, since: now });
        self.set_duty(now, Duty::SwitchedOff, self.held_up);
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        if let Some(asking) = &mut self.asking
            && now >= asking.again_at
        {
            asking.again_at = now + ASK_AGAIN;
            asking.asked += 1;
            self.question = true;
            if asking.asked >= ASKED_MOST {
                // The regular question comes soon; noise is not asked about for ever.
                asking.again_at = Moment(u64::MAX);
            }
        }
        for at in 0..self.guards.len() {
            if let Some((silent, finding)) = self.silence(now, at)
                && silent
            {
                self.raise(now, at, finding);
            }
        }
    }

    /// The next step of silence of a heater, and whether it has come.
    fn silence(&self, now: Moment, at: usize) -> Option<(bool, Finding)> {
        let (due, finding) = self.silence_due(at)?;
        Some((now >= due, finding))
    }

    fn silence_due(&self, at: usize) -> Option<(Moment, Finding)> {
        let guard = &self.guards[at];
        let heard = guard.heard.filter(|_| guard.is_hot() && self.duty != Duty::Greeting)?;
        let steps = if self.duty == Duty::SwitchedOff {
            [(SILENT_STOP, Action::Stop); 3]
        } else {
            [(SILENT_WARN, Action::Warn), (SILENT_OFF, Action::HeatersOff), (SILENT_STOP, Action::Stop)]
        };
        let next =
            steps.into_iter().find(|(_, action)| !guard.raised.contains(&(Hazard::SilentWhileHot, *action)));
        next.map(|(after, action)| {
            // Who says that it works is not silent, but says nothing of its heat.
            let (after, busy_until) = match action {
                _ if !self.held_up => (after, self.busy_until),
                Action::Warn => (after.max(SILENT_HELD_UP_WARN), self.busy_until + SILENT_HELD_UP_WARN),
                _ => (after.max(SILENT_HELD_UP), self.busy_until),
            };
            let due = (heard + after).max(busy_until.min(heard + SILENT_HELD_UP));
            (due, find(Hazard::SilentWhileHot, action, seconds(after)))
        })
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let silent = (0..self.guards.len()).filter_map(|at| self.silence_due(at)).map(|(due, _)| due);
        let asking = self.asking.map(|asking| asking.again_at).filter(|at| at.micros() < u64::MAX);
        silent.chain(asking).min()
    }

    pub fn poll_alarm(&mut self) -> Option<Alarm> {
        self.alarms.pop_front()
    }

    /// Whether a reading is wanted at once; told once.
    pub fn take_question(&mut self) -> bool {
        std::mem::take(&mut self.question)
    }
}

/// The larger of two that may be absent.
trait MaxByValue {
    fn max_by_value(self, other: Self) -> Self;
}

impl MaxByValue for Option<f64> {
    fn max_by_value(self, other: Self) -> Self {
        match (self, other) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

/// The heater and the highest target that a command sets, °C, in every spelling that some firmware reads:
/// `M104 T1 S210`, `m140s60`, `G10 P0 S210 R150` (RepRapFirmware), `SET_HEATER_TEMPERATURE … TARGET=60` (Klipper).
pub fn target_of(command: &[u8]) -> Option<(Heater, f64)> {
    let letter = command.first()?.to_ascii_uppercase();
    if letter == b'S' {
        return klipper_target(command);
    }
    if !matches!(letter, b'M' | b'G') {
        return None;
    }
    let digits = command[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (code, rest) = command[1..].split_at(digits);
    let code: u32 = std::str::from_utf8(code).ok()?.parse().ok()?;
    let tool = |letter| match value(rest, letter) {
        Some(tool) if tool >= 3.0 => Heater::Hotend3,
        Some(tool) if tool >= 2.0 => Heater::Hotend2,
        Some(tool) if tool >= 1.0 => Heater::Hotend1,
        _ => Heater::Hotend,
    };
    let (heater, letters): (Heater, &[u8]) = match (letter, code) {
        (b'M', 104 | 109) => (tool(b'T'), b"SRB"),
        (b'M', 140 | 190) => (Heater::Bed, b"SR"),
        (b'M', 141 | 191) => (Heater::Chamber, b"SR"),
        (b'M', 303) if value(rest, b'E').is_some_and(|heater| heater < 0.0) => (Heater::Bed, b"S"),
        (b'M', 303) => (tool(b'E'), b"S"),
        (b'M', 568) | (b'G', 10) => (tool(b'P'), b"SR"),
        _ => return None,
    };
    let highest = letters
        .iter()
        .filter_map(|letter| value(rest, *letter))
        .fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))));
    highest.map(|target| (heater, target))
}

fn klipper_target(command: &[u8]) -> Option<(Heater, f64)> {
    let text = String::from_utf8_lossy(command).to_ascii_uppercase();
    let rest = text.strip_prefix("SET_HEATER_TEMPERATURE")?;
    let field = |name: &str| rest.split_ascii_whitespace().find_map(|word| word.strip_prefix(name));
    let heater = match field("HEATER=")? {
        "HEATER_BED" => Heater::Bed,
        "EXTRUDER1" => Heater::Hotend1,
        "EXTRUDER2" => Heater::Hotend2,
        "EXTRUDER3" => Heater::Hotend3,
        name if name.starts_with("EXTRUDER") => Heater::Hotend,
        _ => Heater::Chamber,
    };
    Some((heater, field("TARGET=")?.parse().ok()?))
}

/// A number at the beginning, spaces before it, and what follows.
fn number(text: &[u8]) -> Option<(f64, &[u8])> {
    let text = text.trim_ascii_start();
    let end =
        text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+')).unwrap_or(text.len());
    let value = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    Some((value, &text[end..]))
}

/// The value behind a letter.
fn value(words: &[u8], letter: u8) -> Option<f64> {
    let at = words.iter().position(|byte| byte.to_ascii_uppercase() == letter)?;
    number(&words[at + 1..]).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(hotend: (f64, f64), chamber: Option<(f64, f64)>) -> TemperatureReport {
        let reading = |(actual, target)| Reading { actual: Celsius(actual), target: Some(Celsius(target)) };
        TemperatureReport {
            hotend: Some(reading(hotend)),
            chamber: chamber.map(reading),
            ..TemperatureReport::default()
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    /// A little noise, as every sensor has.
    fn noisy(value: f64, second: u64) -> f64 {
        value + [0.0, 0.04, -0.04][(second % 3) as usize]
    }

    fn alarms(watch: &mut HeatWatch) -> Vec<(Hazard, Action)> {
        std::iter::from_fn(|| watch.poll_alarm()).map(|alarm| (alarm.hazard, alarm.action)).collect()
    }

    #[test]
    fn a_target_is_read_in_every_spelling_that_some_firmware_reads() {
        let cases: [(&str, Option<(Heater, f64)>); 14] = [
            ("M104 S210", Some((Heater::Hotend, 210.0))),
            ("m109s210.5", Some((Heater::Hotend, 210.5))),
            ("M104 T1 S 200", Some((Heater::Hotend1, 200.0))),
            ("M104 S200 B300 F", Some((Heater::Hotend, 300.0))),
            ("M109 R180", Some((Heater::Hotend, 180.0))),
            ("M190 S60 T2", Some((Heater::Bed, 60.0))),
            ("M141 S50", Some((Heater::Chamber, 50.0))),
            ("M303 E-1 S90 C8", Some((Heater::Bed, 90.0))),
            ("G10 P1 S210 R150", Some((Heater::Hotend1, 210.0))),
            ("SET_HEATER_TEMPERATURE HEATER=heater_bed TARGET=65", Some((Heater::Bed, 65.0))),
            ("G10", None),
            ("G1 X10 S300", None),
            ("M106 S255", None),
            ("M104", None),
        ];
        for (line, wanted) in cases {
            assert_eq!(target_of(line.as_bytes()), wanted, "{line}");
        }
    }

    #[test]
    fn a_nozzle_that_cools_down_to_a_lower_target_has_not_slipped_however_fast_time_runs() {
        for (speed, slips) in [(1, false), (10, false), (20, false), (1, true), (10, true)] {
            let mut watch = HeatWatch::new(HeatLimits { simulated_speed: speed, ..HeatLimits::USUAL });
            watch.set_duty(at(0), Duty::Job, false);
            let mut actual = 215.0;
            for second in 0..240 {
                let target = if second < 60 { 215.0 } else { 160.0 };
                // With its fan on, a nozzle loses 1.5 °C/s; where its heater comes on again it has gone a little lower.
                let lowest = if second < 90 { 156.0 } else { 159.5 };
                if second >= 60 {
                    actual = (actual - 1.5 * f64::from(speed)).max(lowest);
                }
                if slips && second >= 150 {
                    actual = 30.0;
                }
                watch.handle_report(at(second), &report((noisy(actual, second), target), None), None);
            }
            let wanted = slips.then_some((Hazard::SuddenDrop, Action::HeatersOff));
            assert_eq!(alarms(&mut watch).first().copied(), wanted, "{speed} times as fast, slips: {slips}");
        }
    }

    #[test]
    fn heat_that_the_job_asked_for_and_ended_between_two_readings_is_not_unasked() {
        for asked in [true, false] {
            let mut watch = HeatWatch::new(HeatLimits { simulated_speed: 50, ..HeatLimits::USUAL });
            watch.set_duty(at(0), Duty::Job, false);
            for second in 0..4 {
                watch.handle_report(at(second), &report((noisy(25.0, second), 0.0), None), None);
            }
            if asked {
                assert_eq!(watch.judge_command(b"M104 S205"), None);
                assert_eq!(watch.judge_command(b"M104 S0"), None);
            }
            // Readings wait behind moves, or time runs faster than they come.
            for second in 6..76 {
                let actual = noisy(180.0 - (second - 6) as f64, second);
                watch.handle_report(at(second), &report((actual, 0.0), None), None);
            }
            let wanted = (!asked).then_some((Hazard::HeatUnasked, Action::HeatersOff));
            assert_eq!(alarms(&mut watch).first().copied(), wanted, "asked: {asked}");
            for second in 120..150 {
                let actual = noisy(110.0 + 3.0 * (second - 120) as f64, second);
                watch.handle_report(at(second), &report((actual, 0.0), None), None);
            }
            assert!(!asked || !alarms(&mut watch).is_empty(), "it rises again, and nobody has asked");
        }
    }

    #[test]
    fn a_chamber_that_loses_its_heat_pauses_the_job_and_burns_nobody() {
        let mut watch = HeatWatch::new(HeatLimits::USUAL);
        watch.set_duty(at(0), Duty::Job, false);
        for second in 0..1_200 {
            // Somebody has left the door open.
            let air = if second < 100 { 60.0 } else { (60.0 - (second - 100) as f64 * 0.1).max(40.0) };
            let chamber = Some((noisy(air, second), 60.0));
            watch.handle_report(at(second), &report((noisy(210.0, second + 1), 210.0), chamber), None);
        }
        assert_eq!(alarms(&mut watch), [(Hazard::LeftTarget, Action::Pause)]);
    }

    #[test]
    fn silence_is_told_then_switched_off_then_stopped_and_later_where_the_board_is_held_up() {
        for (held_up, steps) in [(false, [30, 180, 240]), (true, [90, 900, 900])] {
            let mut watch = HeatWatch::new(HeatLimits::USUAL);
            watch.set_duty(at(0), Duty::Job, held_up);
            for second in 0..10 {
                watch.handle_report(at(second), &report((noisy(210.0, second), 210.0), None), None);
            }
            let mut seen = Vec::new();
            for _ in 0..3 {
                let Some(due) = watch.poll_timeout() else { break };
                watch.handle_timeout(due);
                seen.extend(alarms(&mut watch).into_iter().map(|(_, action)| (action, due)));
            }
            let actions: Vec<_> = seen.iter().map(|(action, _)| *action).collect();
            assert_eq!(actions[..2], [Action::Warn, Action::HeatersOff], "{held_up}");
            assert_eq!(seen[0].1, at(9 + steps[0]));
            assert_eq!(seen[1].1, at(9 + steps[1]));
            assert!(actions.last() == Some(&Action::Stop), "{actions:?}");
        }
    }

    #[test]
    fn another_tool_that_is_cold_is_no_drop() {
        let mut watch = HeatWatch::new(HeatLimits::USUAL);
        watch.set_duty(at(0), Duty::Job, false);
        for second in 0..60 {
            if second == 30 {
                assert_eq!(watch.judge_command(b"T1"), None);
            }
            let (actual, target) = if second < 32 { (210.0, 210.0) } else { (60.0, 0.0) };
            watch.handle_report(at(second), &report((noisy(actual, second), target), None), None);
        }
        assert_eq!(alarms(&mut watch), []);
    }

    #[test]
    fn a_doubt_is_asked_about_at_once_and_not_for_ever() {
        let mut watch = HeatWatch::new(HeatLimits::USUAL);
        watch.set_duty(at(0), Duty::Job, false);
        for second in 0..10 {
            watch.handle_report(at(second), &report((noisy(210.0, second), 210.0), None), None);
        }
        watch.handle_report(at(10), &report((910.0, 210.0), None), None);
        assert!(watch.take_question() && !watch.take_question());
        let mut asked = 1;
        while let Some(due) = watch.poll_timeout().filter(|due| *due < at(20)) {
            watch.handle_timeout(due);
            asked += u32::from(watch.take_question());
        }
        assert_eq!(asked, ASKED_MOST);
    }
}
