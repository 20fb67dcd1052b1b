//! Lines that were sent and are not yet believed, with what is needed to send them again.
//!
//! ```text
//!  settled │ believed   │ in flight      │ to be sent again │ not yet numbered
//! ─────────┼────────────┼────────────────┼──────────────────┼─────────────────▶ numbers
//!        oldest       acked            cursor             next
//! ```
//! A line is *in flight* until an `ok` names it or counts for it; that makes it *believed*, which
//! a `Resend` may take back within `REWIND_MAX` lines; beyond that it is *settled* for good.

use std::collections::VecDeque;

use crate::domain::moment::Moment;

/// How far a `Resend` may take back what was acknowledged. An `ok` is mistaken for another's by at
/// most what is in flight (a receive buffer and a command queue of short lines); this is twice that.
pub const REWIND_MAX: u32 = 32;

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The job's command with this index, counted from 1.
    File(u64),
    /// Our own: a question, a trailer.
    Own,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub number: u32,
    pub origin: Origin,
    pub text: Box<[u8]>,
    /// Bytes on the wire, with number, checksum and newline.
    pub length: usize,
    /// When it was last handed over for sending.
    pub at: Moment,
}

/// How much may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes that the board's receive buffer holds: 127 of 128 on Marlin.
    pub receive_bytes: usize,
    /// Lines that the board takes out of that buffer before it answers; 0 where not known.
    pub queue_slots: usize,
}

/// What every board holds: Marlin's 128 bytes, less one.
pub const SAFE_RECEIVE_BYTES: usize = 127;

/// How far the capacity is believed: trouble that comes in clusters may come from believing too much.
///
/// ```text
///  Full ◀──500 good lines──▶ Safe ◀──▶ Single
///         4 troubles, each within 200 lines of the last
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// All that the profile vouches for and the firmware told.
    Full,
    /// What every board holds.
    Safe,
    /// One line at a time.
    Single,
}

/// Troubles that are further apart than this many lines are not of one cluster.
const CLUSTER_LINES: u32 = 200;
/// So many in a cluster cost a step of trust.
const CLUSTER: u32 = 4;
/// So many lines without trouble earn it back.
const GOOD_LINES: u32 = 500;

/// Room kept free for a question when nothing comes back any more: `\nN4294967295 M105*255\n`,
/// and `\nN99 M105*255\n`.
pub const QUESTION_BYTES: usize = 22;
pub const SHORT_QUESTION_BYTES: usize = 14;

#[derive(Clone, Debug)]
pub struct Window {
    capacity: Capacity,
    /// Lines from `oldest` to `next - 1`.
    sent: VecDeque<Sent>,
    acked: u32,
    cursor: u32,
    next: u32,
    /// The board has taken in all below this, as it said when it asked for this line, though some of
    /// their `ok`s may be still to come: they wait in its command queue.
    accepted: u32,
    /// Bytes of the lines in flight that may be in the board's receive buffer.
    in_flight_bytes: usize,
    trust: Trust,
    /// Bytes kept free for a question.
    reserved: usize,
    /// Lines below this number go together, and need no question between them.
    together: u32,
    /// Troubles of the latest cluster, and the line of the last one or of the last change of trust.
    cluster: u32,
    cluster_at: u32,
}

impl Window {
    /// An empty window whose first line gets `next`.
    pub fn new(capacity: Capacity, next: u32) -> Self {
        Self {
            capacity,
            sent: VecDeque::with_capacity(64),
            acked: next,
            cursor: next,
            next,
            accepted: next,
            in_flight_bytes: 0,
            trust: Trust::Full,
            reserved: QUESTION_BYTES,
            together: next,
            cluster: 0,
            cluster_at: next,
        }
    }

    /// Keeps so many bytes free for a question, from now on.
    pub fn reserve(&mut self, bytes: usize) {
        self.reserved = bytes;
    }

    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Something went wrong: a line was refused, or answers stopped.
    pub fn note_trouble(&mut self) {
        let near = self.acked.saturating_sub(self.cluster_at) < CLUSTER_LINES;
        self.cluster = if near { self.cluster + 1 } else { 1 };
        self.cluster_at = self.acked;
        if self.cluster >= CLUSTER {
            self.cluster = 0;
            self.trust = if self.trust == Trust::Full { Trust::Safe } else { Trust::Single };
        }
    }

    fn earn_trust(&mut self) {
        if self.trust != Trust::Full && self.acked.saturating_sub(self.cluster_at) >= GOOD_LINES {
            self.cluster_at = self.acked;
            self.trust = if self.trust == Trust::Single { Trust::Safe } else { Trust::Full };
        }
    }

    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    pub fn set_queue_slots(&mut self, slots: usize) {
        self.capacity.queue_slots = slots;
    }

    pub fn set_receive_bytes(&mut self, bytes: usize) {
        self.capacity.receive_bytes = bytes;
    }

    /// The number that the next new line gets.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// All lines below this are believed to be processed.
    pub fn acked(&self) -> u32 {
        self.acked
    }

    /// The next line to put on the wire: below `next` while lines are sent again.
    pub fn cursor(&self) -> u32 {
        self.cursor
    }

    fn oldest(&self) -> u32 {
        self.sent.front().map_or(self.next, |line| line.number)
    }

    /// A line that is not settled yet.
    pub fn get(&self, number: u32) -> Option<&Sent> {
        let at = number.checked_sub(self.oldest())?;
        self.sent.get(at as usize)
    }

    pub fn in_flight(&self) -> u32 {
        self.cursor - self.acked
    }

    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// The oldest line that awaits its `ok`.
    pub fn oldest_in_flight(&self) -> Option<&Sent> {
        if self.in_flight() == 0 { None } else { self.get(self.acked) }
    }

    /// The number of the oldest line in flight that `test` picks.
    pub fn find_in_flight(&self, test: impl Fn(&Sent) -> bool) -> Option<u32> {
        (self.acked..self.cursor).find(|number| self.get(*number).is_some_and(&test))
    }

    /// Whether a line of `length` bytes fits: what is not in the board's command queue must fit
    /// into its receive buffer, with room for a question.
    pub fn fits(&self, length: usize) -> bool {
        // A line longer than the budget goes alone. What was accepted holds no place in the buffer.
        if self.cursor <= self.acked.max(self.accepted) {
            return true;
        }
        let Capacity { receive_bytes, queue_slots } = match self.trust {
            Trust::Full => self.capacity,
            Trust::Single if self.next >= self.together => return false,
            Trust::Safe | Trust::Single => Capacity {
                receive_bytes: self.capacity.receive_bytes.min(SAFE_RECEIVE_BYTES),
                queue_slots: 0,
            },
        };
        let reserved = if self.next < self.together { 0 } else { self.reserved };
        let budget = receive_bytes.saturating_sub(reserved);
        if self.in_flight_bytes + length <= budget {
            return true;
        }
        let slots_held = self.accepted.saturating_sub(self.acked) as usize;
        let queued: usize = (self.acked.max(self.accepted)..self.cursor)
            .take(queue_slots.saturating_sub(slots_held))
            .filter_map(|number| self.get(number))
            .map(|line| line.length)
            .sum();
        self.in_flight_bytes - queued + length <= budget
    }

    /// Whether lines of these lengths fit at once, with nothing in flight before them; the next ones are then held
    /// to be these. Room for a question is not kept: they are read whatever happens.
    pub fn fits_together(&mut self, lengths: &[usize]) -> bool {
        let fits = self.in_flight() == 0 && self.could_hold(lengths);
        if fits {
            let lines = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
            self.together = self.next.saturating_add(lines);
        }
        fits
    }

    /// Whether they would fit with nothing in flight before them.
    pub fn could_hold(&self, lengths: &[usize]) -> bool {
        let Capacity { receive_bytes, queue_slots } = match self.trust {
            Trust::Full => self.capacity,
            // Where one line at a time is sent: what every board holds at once is no question of trust.
            Trust::Safe | Trust::Single => Capacity {
                receive_bytes: self.capacity.receive_bytes.min(SAFE_RECEIVE_BYTES),
                queue_slots: 0,
            },
        };
        // While the queue takes lines in, each still has to pass the receive buffer; only the first may be longer.
        if lengths.iter().skip(1).any(|length| *length > receive_bytes) {
            return false;
        }
        let queued: usize = lengths.iter().take(queue_slots).sum();
        lengths.iter().sum::<usize>() - queued <= receive_bytes
    }

    /// Takes a new line in, already on its way. Only while nothing is to be sent again.
    pub fn push(&mut self, now: Moment, origin: Origin, text: Box<[u8]>, length: usize) {
        debug_assert_eq!(self.cursor, self.next);
        self.sent.push_back(Sent { number: self.next, origin, text, length, at: now });
        self.next += 1;
        self.cursor = self.next;
        self.in_flight_bytes += length;
    }

    /// The next line to send again, if any.
    pub fn again(&self) -> Option<&Sent> {
        if self.cursor < self.next { self.get(self.cursor) } else { None }
    }

    /// The line that `again` showed is on its way, in `length` bytes this time.
    pub fn sent_again(&mut self, now: Moment, length: usize) {
        if self.cursor >= self.next {
            return;
        }
        let at = (self.cursor - self.oldest()) as usize;
        if let Some(line) = self.sent.get_mut(at) {
            line.at = now;
            line.length = length;
            self.in_flight_bytes += length;
            self.cursor += 1;
        }
    }

    /// Everything below `number` is processed; returns how many lines that is more than before.
    pub fn acknowledge_below(&mut self, number: u32) -> u32 {
        if number <= self.acked || number > self.next {
            return 0;
        }
        let gained = number - self.acked;
        for n in self.acked.max(self.accepted)..number.min(self.cursor) {
            self.in_flight_bytes -= self.get(n).map_or(0, |line| line.length);
        }
        self.acked = number;
        self.cursor = self.cursor.max(number);
        self.earn_trust();
        gained
    }

    /// Whether a `Resend` of `number` can be true: it is one of the lines that we may still doubt.
    pub fn may_rewind_to(&self, number: u32) -> bool {
        number >= self.oldest() && number <= self.next && self.acked.saturating_sub(number) <= REWIND_MAX
    }

    /// The board wants `number` next: all from there on will be sent again.
    pub fn rewind_to(&mut self, number: u32) {
        debug_assert!(self.may_rewind_to(number));
        self.acked = self.acked.min(number);
        self.cursor = number;
        self.accepted = number;
        self.in_flight_bytes = 0;
    }

    /// Takes out the oldest line once no `Resend` can take it back.
    pub fn settle(&mut self) -> Option<Sent> {
        let settled = self.oldest() + REWIND_MAX < self.acked;
        if settled { self.sent.pop_front() } else { None }
    }

    /// Takes out the oldest believed line; for the end of a job, when the board has confirmed all.
    pub fn settle_all(&mut self) -> Option<Sent> {
        if self.oldest() < self.acked { self.sent.pop_front() } else { None }
    }

    /// Lines that are believed but not settled, and those in flight, oldest first.
    pub fn unsettled(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };

    fn push(window: &mut Window, length: usize) {
        let index = u64::from(window.next());
        window.push(Moment::ZERO, Origin::File(index), Box::default(), length);
    }

    #[test]
    fn in_flight_never_exceeds_what_the_receive_buffer_holds() {
        let mut window = Window::new(SMALL, 1);
        while window.fits(33) {
            push(&mut window, 33);
        }
        assert_eq!(window.in_flight(), 3);
        assert!(window.in_flight_bytes() + QUESTION_BYTES <= 127);
    }

    #[test]
    fn known_slots_of_the_command_queue_add_their_lines() {
        let mut window = Window::new(Capacity { queue_slots: 3, ..SMALL }, 1);
        while window.fits(33) {
            push(&mut window, 33);
        }
        assert_eq!(window.in_flight(), 6);
    }

    #[test]
    fn a_line_longer_than_the_buffer_goes_alone() {
        let mut window = Window::new(Capacity { receive_bytes: 63, queue_slots: 0 }, 1);
        assert!(window.fits(90));
        push(&mut window, 90);
        assert!(!window.fits(5));
    }

    #[test]
    fn clusters_of_trouble_cost_trust_and_good_lines_earn_it_back() {
        let mut window = Window::new(Capacity { receive_bytes: 1023, queue_slots: 31 }, 1);
        let good = |window: &mut Window, lines: u32| {
            for _ in 0..lines {
                push(window, 30);
                window.acknowledge_below(window.next());
                window.settle();
            }
        };
        let in_flight = |window: &mut Window| {
            while window.fits(30) {
                push(window, 30);
            }
            let count = window.in_flight();
            window.acknowledge_below(window.next());
            count
        };
        assert_eq!(in_flight(&mut window), 31 + 33);
        for (trust, most) in [(Trust::Safe, 3), (Trust::Single, 1), (Trust::Single, 1)] {
            for _ in 0..CLUSTER {
                window.note_trouble();
                good(&mut window, 20);
            }
            assert_eq!((window.trust(), in_flight(&mut window)), (trust, most));
        }
        good(&mut window, GOOD_LINES);
        assert_eq!(window.trust(), Trust::Safe);
        good(&mut window, GOOD_LINES);
        assert_eq!(window.trust(), Trust::Full);
        // Far apart they are no cluster.
        for _ in 0..2 * CLUSTER {
            window.note_trouble();
            good(&mut window, CLUSTER_LINES);
        }
        assert_eq!(window.trust(), Trust::Full);
    }

    #[test]
    fn a_line_that_was_accepted_but_never_acknowledged_does_not_hold_the_next_one_back() {
        let mut window = Window::new(SMALL, 1);
        push(&mut window, 30);
        push(&mut window, 30);
        for _ in 0..2 * CLUSTER {
            window.note_trouble();
        }
        assert_eq!(window.trust(), Trust::Single);
        window.rewind_to(2);
        assert!(window.fits(30));
    }

    #[test]
    fn a_resend_takes_back_what_was_believed_but_not_what_was_settled() {
        let mut window = Window::new(SMALL, 1);
        for _ in 0..100 {
            push(&mut window, 10);
            let next = window.next();
            window.acknowledge_below(next);
            while window.settle().is_some() {}
        }
        assert!(window.may_rewind_to(90));
        assert!(!window.may_rewind_to(1));
        assert!(!window.may_rewind_to(102));
        window.rewind_to(90);
        assert_eq!((window.acked(), window.cursor(), window.next()), (90, 90, 101));
        assert_eq!(window.again().map(|line| line.number), Some(90));
    }

    #[test]
    fn an_ok_for_a_later_line_jumps_over_what_was_to_be_sent_again() {
        let mut window = Window::new(SMALL, 1);
        for _ in 0..4 {
            push(&mut window, 10);
        }
        window.rewind_to(2);
        window.acknowledge_below(4);
        assert_eq!((window.acked(), window.cursor(), window.in_flight_bytes()), (4, 4, 0));
    }

    #[test]
    fn lines_fit_together_only_with_nothing_before_them_and_within_what_is_trusted() {
        let mut window = Window::new(SMALL, 1);
        let burst = [16, 19, 17, 15, 15];
        assert!(window.fits_together(&burst) && window.fits_together(&[]));
        assert!(window.fits_together(&[42, 42, 43]), "no question comes between them");
        assert!(!window.fits_together(&[42, 42, 44]) && !window.could_hold(&[42, 42, 44]));
        push(&mut window, 10);
        assert!(window.could_hold(&burst));
        assert!(!window.fits_together(&burst), "it is not known when the one before is read");
        window.acknowledge_below(window.next());
        assert!(window.fits_together(&burst));
        for _ in 0..2 * CLUSTER {
            window.note_trouble();
        }
        assert_eq!(window.trust(), Trust::Single);
        assert!(window.fits_together(&burst) && !window.fits_together(&[42, 42, 44]));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(usize),
        Again,
        Acknowledge(u32),
        Rewind(u32),
        Settle,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (5usize..90).prop_map(Step::Push),
            Just(Step::Again),
            (0u32..12).prop_map(Step::Acknowledge),
            (0u32..12).prop_map(Step::Rewind),
            Just(Step::Settle),
        ]
    }

    proptest! {
        #[test]
        fn lines_that_fit_together_fit_one_after_the_other(
            lengths in proptest::collection::vec(5usize..130, 1..8),
            queue_slots in 0usize..6,
            receive_bytes in 30usize..256,
        ) {
            let mut window = Window::new(Capacity { receive_bytes, queue_slots }, 1);
            let together = window.fits_together(&lengths);
            let mut each = true;
            for length in lengths {
                each &= window.fits(length);
                push(&mut window, length);
            }
            prop_assert!(each || !together);
        }

        #[test]
        fn the_account_of_bytes_always_balances(steps in proptest::collection::vec(step(), 0..200)) {
            let mut window = Window::new(SMALL, 1);
            for step in steps {
                match step {
                    Step::Push(length) if window.cursor() == window.next() && window.fits(length) => push(&mut window, length),
                    Step::Again if window.again().is_some_and(|line| window.fits(line.length + 1)) => {
                        let length = window.again().unwrap().length + 1;
                        window.sent_again(Moment::ZERO, length);
                    }
                    Step::Acknowledge(ahead) => { window.acknowledge_below(window.acked() + ahead); }
                    Step::Rewind(back) => {
                        let to = window.next().saturating_sub(back);
                        if window.may_rewind_to(to) { window.rewind_to(to); }
                    }
                    Step::Settle => { window.settle(); }
                    _ => {}
                }
                let real: usize = (window.acked.max(window.accepted)..window.cursor).filter_map(|n| window.get(n)).map(|l| l.length).sum();
                prop_assert_eq!(real, window.in_flight_bytes());
                prop_assert!(window.acked <= window.cursor && window.cursor <= window.next);
            }
        }
    }
}
