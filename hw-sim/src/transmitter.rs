//! The firmware's way out: lines to bytes, and the place where a fault may lose or delay a reply.

use std::collections::VecDeque;

/// Bytes on their way to the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transmitter {
    ready: VecDeque<Vec<u8>>,
    delayed: VecDeque<(u64, Vec<u8>)>,
    delay_us: u64,
    lose_next_oks: u32,
    lose_every_ok: Option<u32>,
    duplicate_every_ok: Option<u32>,
    oks: u32,
    drops: Vec<(Vec<u8>, u32)>,
}

impl Transmitter {
    /// Sends a line, unless a fault takes it.
    pub(crate) fn line(&mut self, now_us: u64, text: &[u8]) {
        if self.is_lost(text) {
            return;
        }
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text);
        bytes.push(b'\n');
        let is_doubled = text.starts_with(b"ok")
            && self.duplicate_every_ok.is_some_and(|every| self.oks.is_multiple_of(every));
        if is_doubled {
            self.raw(now_us, bytes.clone());
        }
        self.raw(now_us, bytes);
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, now_us: u64, bytes: Vec<u8>) {
        if self.delay_us == 0 && self.delayed.is_empty() {
            self.ready.push_back(bytes);
        } else {
            self.delayed.push_back((now_us + self.delay_us, bytes));
        }
    }

    /// From now on every reply leaves this much later, µs.
    pub(crate) fn set_delay(&mut self, delay_us: u64) {
        self.delay_us = delay_us;
    }

    /// The next so many `ok` lines are never sent.
    pub(crate) fn lose_next_oks(&mut self, count: u32) {
        self.lose_next_oks += count;
    }

    /// Every so-manieth `ok` line is never sent; nothing for a healthy board.
    pub(crate) fn lose_every_ok(&mut self, every: Option<u32>) {
        self.lose_every_ok = every.filter(|every| *every > 0);
    }

    /// Every so-manieth `ok` line is sent twice; nothing for a healthy board.
    pub(crate) fn duplicate_every_ok(&mut self, every: Option<u32>) {
        self.duplicate_every_ok = every.filter(|every| *every > 0);
    }

    /// The `nth` line (1 is the next) that begins with `prefix` is never sent.
    pub(crate) fn drop_line(&mut self, prefix: &str, nth: u32) {
        self.drops.push((prefix.as_bytes().to_vec(), nth.max(1)));
    }

    /// Forgets what was not sent yet; the faults stay.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.delayed.clear();
    }

    pub(crate) fn release(&mut self, now_us: u64) {
        while self.delayed.front().is_some_and(|(due_us, _)| *due_us <= now_us) {
            self.ready.extend(self.delayed.pop_front().map(|(_, bytes)| bytes));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.delayed.front().map(|(due_us, _)| *due_us)
    }

    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.ready.pop_front()
    }

    fn is_lost(&mut self, text: &[u8]) -> bool {
        let mut lost = false;
        self.drops.retain_mut(|(prefix, remaining)| {
            if text.starts_with(prefix) {
                *remaining -= 1;
                lost |= *remaining == 0;
            }
            *remaining > 0
        });
        if text.starts_with(b"ok") {
            self.oks = self.oks.wrapping_add(1);
            if self.lose_next_oks > 0 {
                self.lose_next_oks -= 1;
                lost = true;
            }
            lost |= self.lose_every_ok.is_some_and(|every| self.oks.is_multiple_of(every));
        }
        lost
    }
}
