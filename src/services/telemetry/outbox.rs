//! How far the journal is published: an entry is done when all its messages are acknowledged.
//!
//! ```text
//!  done            under way          not yet taken
//! ├──────────────┼──────────────────┼───────────────▶ journal
//!             cursor              next
//! ```

use std::collections::BTreeMap;

/// Where the pump stands in the journal. Everything up to `cursor` is done and never sent again.
#[derive(Debug)]
pub(in crate::services) struct Outbox {
    cursor: u64,
    next: u64,
    /// Acknowledgements that an entry still waits for.
    under_way: BTreeMap<u64, usize>,
}

impl Outbox {
    /// Begins after the entry `cursor`.
    pub(in crate::services) fn after(cursor: u64) -> Self {
        Self { cursor, next: cursor + 1, under_way: BTreeMap::new() }
    }

    pub(in crate::services) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The first entry that is not yet taken.
    pub(in crate::services) fn next(&self) -> u64 {
        self.next
    }

    /// Messages that wait for an acknowledgement.
    pub(in crate::services) fn in_flight(&self) -> usize {
        self.under_way.values().sum()
    }

    /// Entry `seq` was handed over as so many messages; none where it has nothing to say.
    pub(in crate::services) fn take(&mut self, seq: u64, messages: usize) {
        self.next = seq + 1;
        if messages > 0 {
            self.under_way.insert(seq, messages);
        }
        self.advance();
    }

    /// One message of entry `seq` is acknowledged.
    pub(in crate::services) fn acknowledge(&mut self, seq: u64) {
        if let Some(missing) = self.under_way.get_mut(&seq) {
            *missing -= 1;
            if *missing == 0 {
                self.under_way.remove(&seq);
            }
        }
        self.advance();
    }

    fn advance(&mut self) {
        let first_open = self.under_way.first_key_value().map_or(self.next, |(seq, _)| *seq);
        self.cursor = first_open - 1;
    }

    /// The connection is gone: everything under way is sent again.
    pub(in crate::services) fn rewind(&mut self) {
        self.under_way.clear();
        self.next = self.cursor + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_cursor_waits_for_the_oldest_message() {
        let mut outbox = Outbox::after(4);
        outbox.take(5, 0);
        assert_eq!(outbox.cursor(), 5);
        outbox.take(6, 2);
        outbox.take(7, 1);
        outbox.acknowledge(7);
        outbox.acknowledge(6);
        assert_eq!((outbox.cursor(), outbox.in_flight()), (5, 1));
        outbox.acknowledge(6);
        assert_eq!((outbox.cursor(), outbox.next()), (7, 8));
    }

    #[test]
    fn after_a_rewind_the_first_unacknowledged_entry_comes_first() {
        let mut outbox = Outbox::after(0);
        outbox.take(1, 1);
        outbox.take(2, 1);
        outbox.take(3, 1);
        outbox.acknowledge(1);
        outbox.acknowledge(3);
        outbox.rewind();
        assert_eq!((outbox.next(), outbox.in_flight()), (2, 0));
    }

    proptest! {
        #[test]
        fn the_cursor_never_passes_an_unacknowledged_entry_and_never_goes_back(
            steps in proptest::collection::vec((0usize..3, any::<prop::sample::Index>(), 0u8..10), 1..200),
        ) {
            let mut outbox = Outbox::after(0);
            let mut open: Vec<u64> = Vec::new();
            let mut last = 0;
            for (messages, pick, kind) in steps {
                match kind {
                    0 => { outbox.rewind(); open.clear(); }
                    1..=5 => {
                        let seq = outbox.next();
                        outbox.take(seq, messages);
                        open.extend(std::iter::repeat_n(seq, messages));
                    }
                    _ if !open.is_empty() => {
                        let seq = open.swap_remove(pick.index(open.len()));
                        outbox.acknowledge(seq);
                    }
                    _ => {}
                }
                prop_assert!(open.iter().all(|seq| *seq > outbox.cursor()));
                prop_assert!(outbox.cursor() >= last);
                prop_assert_eq!(outbox.in_flight(), open.len());
                last = outbox.cursor();
            }
        }
    }
}
