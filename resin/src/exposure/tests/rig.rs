//! A board that reads line after line, a display, and a witness who believes neither them nor the loop.

use std::collections::BTreeMap;

use super::*;

/// What reaches the loop, and when.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Confirmed(GroupId, Micrometres),
    Shown(LayerIndex),
    Blanked,
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) machine: Loop,
    pub(crate) now: Moment,
    arrivals: BTreeMap<(Moment, u64), Arrival>,
    arrival: u64,
    pub(crate) board: Board,
    pub(crate) display: Display,
    witness: Witness,
    pub(crate) log: Vec<String>,
    pub(crate) events: Vec<Event>,
    /// How late the host's timer is.
    pub(crate) timer_lag: Milliseconds,
}

/// Reads, and believes, every line.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) z: i64,
    free: Moment,
    lit_since: Option<Moment>,
    /// From, to, where the plate was.
    pub(crate) lit: Vec<(Moment, Moment, i64)>,
    pub(crate) moves: Vec<(Moment, Moment)>,
    pub(crate) homed: u32,
    pub(crate) wire: Milliseconds,
    /// So many groups get no answer.
    pub(crate) deaf: u32,
    /// Tells a place where it is not.
    pub(crate) lies: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Display {
    free: Moment,
    pub(crate) delay: Milliseconds,
    pub(crate) deaf: u32,
    pub(crate) shows_another: bool,
    pub(crate) ledger: Vec<(Moment, Option<LayerIndex>)>,
}

/// What must hold between steps and answers, by the steps alone.
#[derive(Debug, Default)]
struct Witness {
    dark: bool,
    mask: Mask,
    moving: Option<GroupId>,
    still: bool,
    lit: u32,
    light: Option<GroupId>,
    /// How much of dark and blank has to come before all else.
    owed: u8,
    lost: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mask {
    #[default]
    Unknown,
    Blank,
    Shown(LayerIndex, Moment),
}

impl Rig {
    pub(crate) fn new(plan: Plan) -> Self {
        let machine = Loop::new(plan, Plate::Empty, Moment(0)).expect("an empty plate");
        let board = Board { wire: Milliseconds(4), z: 77_000, ..Board::default() };
        let display = Display { delay: Milliseconds(16), ..Display::default() };
        let mut rig = Self {
            machine,
            now: Moment(0),
            arrivals: BTreeMap::new(),
            arrival: 0,
            board,
            display,
            witness: Witness { owed: 2, ..Witness::default() },
            log: Vec::new(),
            events: Vec::new(),
            timer_lag: Milliseconds(0),
        };
        rig.drain();
        rig
    }

    fn arrives(&mut self, at: Moment, arrival: Arrival) {
        self.arrival += 1;
        self.arrivals.insert((at, self.arrival), arrival);
    }

    /// Takes every step that there is.
    pub(crate) fn drain(&mut self) {
        while let Some(step) = self.machine.poll_step() {
            self.witness.sees(&step, &self.machine, self.now);
            let line = match &step {
                Step::Blank => "blank".to_owned(),
                Step::Show(LayerIndex(layer)) => format!("show {layer}"),
                Step::Send(group) => group.lines.join(" | "),
            };
            self.log.push(format!("{:>7} {line}", self.now.since(Moment(0)).0));
            match step {
                Step::Blank => self.picture(None),
                Step::Show(layer) => self.picture(Some(layer)),
                Step::Send(group) => self.send(&group),
            }
        }
        while let Some(event) = self.machine.poll_event() {
            self.events.push(event);
        }
    }

    fn picture(&mut self, layer: Option<LayerIndex>) {
        if self.display.deaf > 0 {
            self.display.deaf -= 1;
            return;
        }
        let at = self.display.free.max(self.now).after(self.display.delay);
        self.display.free = at;
        let shown = match layer {
            Some(LayerIndex(layer)) if self.display.shows_another => Some(LayerIndex(layer + 1)),
            layer => layer,
        };
        self.display.ledger.push((at, shown));
        self.arrives(at, shown.map_or(Arrival::Blanked, Arrival::Shown));
    }

    fn send(&mut self, group: &Group) {
        let mut z = self.board.z;
        for to in group.lines.iter().filter_map(|line| height(line)) {
            assert!(
                to >= z || self.machine.state() != State::Raising,
                "a raise goes down: {:?}",
                group.lines
            );
            z = to;
        }
        let end = self.board.read(&group.lines, self.now);
        if self.board.deaf > 0 {
            self.board.deaf -= 1;
            return;
        }
        let told = Micrometres(self.board.z + std::mem::take(&mut self.board.lies));
        self.arrives(end.after(self.board.wire), Arrival::Confirmed(group.id, told));
    }

    /// Lets the next thing happen; `false` where nothing ever will.
    pub(crate) fn happens(&mut self) -> bool {
        let timer = self.machine.poll_deadline().map(|at| at.after(self.timer_lag));
        let arrival = self.arrivals.first_key_value().map(|(&(at, _), _)| at);
        match (timer, arrival) {
            (None, None) => return false,
            (Some(timer), arrival) if arrival.is_none_or(|at| timer < at) => {
                self.now = self.now.max(timer);
                self.machine.handle_timer(self.now);
            }
            _ => {
                let Some(((at, _), arrival)) = self.arrivals.pop_first() else { return false };
                self.now = self.now.max(at);
                self.arrived(arrival);
            }
        }
        self.drain();
        true
    }

    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Confirmed(group, z) => {
                self.witness.confirmed(group);
                self.machine.handle_confirmed(group, z, self.now);
            }
            Arrival::Shown(layer) => {
                self.witness.mask = Mask::Shown(layer, self.now);
                self.machine.handle_shown(layer, self.now);
            }
            Arrival::Blanked => {
                self.witness.mask = Mask::Blank;
                self.machine.handle_blanked(self.now);
            }
        }
        self.drain();
    }

    /// Something after which dark and blank come first, unless the loop passes it over.
    pub(crate) fn interrupt(&mut self, with: impl FnOnce(&mut Loop, Moment)) {
        let before = self.machine.next_group_for_tests();
        with(&mut self.machine, self.now);
        if self.machine.next_group_for_tests() != before {
            self.witness.owed = 2;
        }
        self.drain();
    }

    /// The cable is pulled: the board goes on with what it has, and no answer comes any more.
    pub(crate) fn pull(&mut self) {
        self.arrivals.retain(|_, arrival| !matches!(arrival, Arrival::Confirmed(..)));
        self.witness.lost = true;
        self.interrupt(Loop::handle_link_lost);
        self.arrivals.retain(|_, arrival| !matches!(arrival, Arrival::Confirmed(..)));
    }

    /// Until this holds.
    pub(crate) fn until(&mut self, mut holds: impl FnMut(&Loop) -> bool) {
        while !holds(&self.machine) {
            assert!(self.happens(), "nothing happens any more: {:?}", self.machine.state());
        }
    }

    pub(crate) fn until_ended(&mut self) -> Ending {
        self.until(|machine| machine.state() == State::Ended);
        self.machine.ending().expect("an ending").clone()
    }

    /// So long, whatever happens.
    pub(crate) fn passes(&mut self, time: Milliseconds) {
        let end = self.now.after(time);
        let next = |rig: &Self| {
            let timer = rig.machine.poll_deadline();
            let arrival = rig.arrivals.first_key_value().map(|(&(at, _), _)| at);
            timer.into_iter().chain(arrival).min()
        };
        while next(self).is_some_and(|at| at <= end) {
            self.happens();
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn lines_of(&self, kind: &str) -> usize {
        self.log.iter().filter(|line| line.contains(kind)).count()
    }

    /// What the board and the display really did.
    pub(crate) fn verify(&mut self) {
        let board = &mut self.board;
        if let Some(since) = board.lit_since.take() {
            board.lit.push((since, Moment(u64::MAX), board.z));
        }
        for &(on, off, _) in &board.lit {
            for &(from, to) in &board.moves {
                assert!(
                    to <= on || off <= from,
                    "the plate moved from {from:?} to {to:?}, lit {on:?} to {off:?}"
                );
            }
        }
        let mask_at = |at: Moment| self.display.ledger.iter().rev().find(|(since, _)| *since <= at).copied();
        for &(from, _) in &board.moves {
            assert_eq!(mask_at(from).and_then(|(_, mask)| mask), None, "a move with a mask on");
        }
        let settles = self.machine.plan().printer().display.settles_in;
        let mut lit_before: Option<LayerIndex> = None;
        for (index, &(on, off, z)) in board.lit.iter().enumerate() {
            let Some((since, Some(layer))) = mask_at(on) else {
                // Blanked by what ended the print, while the light was still to come over the wire.
                let last = index + 1 == board.lit.len() && self.machine.ending() != Some(&Ending::Done);
                assert!(last, "lit without a mask at {on:?}");
                continue;
            };
            assert!(since.after(settles) <= on, "lit before the display has settled");
            for &(at, mask) in &self.display.ledger {
                assert!(at <= on || at >= off || mask.is_none(), "another mask while lit");
            }
            let index = usize::try_from(layer.0).expect("an index");
            assert_eq!(z, self.machine.plan().layers()[index].z.0, "lit elsewhere");
            assert_eq!(
                lit_before.map_or(0, |LayerIndex(layer)| layer + 1),
                layer.0,
                "lit out of order, or twice"
            );
            lit_before = Some(layer);
        }
    }
}

fn number(line: &str, letter: char) -> Option<f64> {
    line.split(' ').skip(1).find_map(|word| word.strip_prefix(letter)?.parse().ok())
}

/// Where a move goes, µm.
fn height(line: &str) -> Option<i64> {
    let z = line.starts_with("G1 ").then(|| number(line, 'Z'))??;
    Some(Micrometres::of_millimetres(z).expect("a height").0)
}

impl Board {
    fn read(&mut self, lines: &[String], now: Moment) -> Moment {
        let mut at = self.free.max(now.after(self.wire));
        for line in lines {
            match line.split(' ').next().expect("a word") {
                "M400" | "G90" | "M84" => {}
                "M106" => {
                    self.lit_since.get_or_insert(at);
                }
                "M107" => {
                    if let Some(since) = self.lit_since.take() {
                        self.lit.push((since, at, self.z));
                    }
                }
                "G4" => {
                    at = at
                        .after(Milliseconds::of_seconds(number(line, 'P').expect("P") / 1e3).expect("a span"))
                }
                "G28" => {
                    let end = at.after(Milliseconds(9_000));
                    self.moves.push((at, end));
                    (self.z, self.homed, at) = (0, self.homed + 1, end);
                }
                "G1" => {
                    let to = height(line).expect("a height");
                    let speed = number(line, 'F').expect("F") / 60.0 * 1e3;
                    let seconds = to.abs_diff(self.z) as f64 / speed;
                    let end = at.after(Milliseconds::of_seconds(seconds).expect("a span"));
                    assert!((0..=155_000).contains(&to), "{line} leaves the machine");
                    self.moves.push((at, end));
                    (self.z, at) = (to, end);
                }
                other => panic!("the board does not know {other}"),
            }
        }
        self.free = at;
        at
    }
}

impl Witness {
    fn sees(&mut self, step: &Step, machine: &Loop, now: Moment) {
        let printer = machine.plan().printer();
        match step {
            Step::Blank => {
                assert_ne!(self.owed, 2, "blank before dark");
                self.owed = 0;
                self.mask = Mask::Unknown;
            }
            Step::Show(LayerIndex(layer)) => {
                assert_eq!(self.owed, 0, "a mask before dark and blank");
                assert!(!self.lost && self.dark && self.still && self.mask == Mask::Blank);
                assert_eq!(*layer, self.lit, "the mask of another layer");
                self.mask = Mask::Unknown;
            }
            Step::Send(group) => match group.kind {
                GroupKind::Dark => {
                    self.owed = self.owed.min(1);
                    // Only the newest counts.
                    (self.moving, self.light) = (None, Some(group.id));
                }
                GroupKind::Home | GroupKind::Move => {
                    assert_eq!(self.owed, 0, "a move before dark and blank");
                    assert!(!self.lost, "a move behind a lost link");
                    assert!(self.dark && !machine.is_lit(), "a move while the light may be on");
                    assert_eq!(self.mask, Mask::Blank, "a move with a mask");
                    (self.moving, self.still) = (Some(group.id), false);
                }
                GroupKind::Burst { .. } | GroupKind::LightOn => {
                    assert_eq!(self.owed, 0, "light before dark and blank");
                    assert!(!self.lost, "light behind a lost link");
                    assert!(self.still, "light while the plate may move");
                    assert!(machine.is_lit());
                    let Mask::Shown(mask, since) = self.mask else { panic!("light without a mask") };
                    assert_eq!(mask, LayerIndex(self.lit), "light through the mask of another layer");
                    assert!(
                        since.after(printer.display.settles_in) <= now,
                        "light before the display settled"
                    );
                    self.dark = false;
                    self.lit += 1;
                    self.light = match group.kind {
                        GroupKind::Burst { .. } => Some(group.id),
                        _ => None,
                    };
                }
                GroupKind::LightOff => {
                    assert_eq!(self.owed, 0, "must be a Dark");
                    self.light = Some(group.id);
                }
            },
        }
    }

    fn confirmed(&mut self, group: GroupId) {
        if self.light == Some(group) {
            self.dark = true;
        }
        if self.moving == Some(group) || self.light == Some(group) {
            self.still = true;
        }
    }
}
