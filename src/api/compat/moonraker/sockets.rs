//! Which sockets are open, whether anybody is still at one, and the tickets that let one in: a browser cannot
//! put a key into its upgrade.

use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::super::door::Asker;
use crate::domain::ids::hex;
use crate::domain::moment::Moment;
use crate::io::clock::entropy;

pub const TICKET_LASTS: Duration = Duration::from_secs(5);
/// The oldest gives way to one more.
const TICKETS_MAX: usize = 64;
/// Whoever is there answers a ping by itself.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Of whom nothing came for so long, not even that, is gone: a machine without a network says no goodbye.
const GONE_AFTER: Duration = Duration::from_secs(90);

#[derive(Debug)]
struct Ticket {
    hash: [u8; 32],
    asker: Asker,
    until: Moment,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tickets: Mutex<VecDeque<Ticket>>,
    open: AtomicUsize,
    /// Of the last one.
    number: AtomicUsize,
}

/// An open socket, for as long as it is held.
#[derive(Debug)]
pub struct Opened {
    sockets: Sockets,
    pub number: usize,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.sockets.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When something came last, and when a ping went out last.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    heard: Moment,
    pinged: Moment,
}

/// What is to be done about whoever is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Ping,
    Close,
}

impl Pulse {
    pub fn begin(now: Moment) -> Self {
        Self { heard: now, pinged: now }
    }

    /// Anything came.
    pub fn heard(&mut self, now: Moment) {
        self.heard = now;
    }

    pub fn due(&mut self, now: Moment) -> Due {
        if now.since(self.heard) >= GONE_AFTER {
            return Due::Close;
        }
        if now.since(self.pinged) < PING_EVERY {
            return Due::Nothing;
        }
        self.pinged = now;
        Due::Ping
    }
}

fn hash(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

impl Sockets {
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    pub fn opened(&self) -> Opened {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        let number = self.0.number.fetch_add(1, Ordering::Relaxed) + 1;
        Opened { sockets: self.clone(), number }
    }

    fn tickets(&self) -> MutexGuard<'_, VecDeque<Ticket>> {
        self.0.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets whoever asks for it in once, soon.
    pub fn ticket(&self, asker: &Asker, now: Moment) -> String {
        let ticket = hex(&entropy());
        let mut all = self.tickets();
        all.retain(|ticket| now < ticket.until);
        if all.len() >= TICKETS_MAX {
            all.pop_front();
        }
        all.push_back(Ticket { hash: hash(&ticket), asker: asker.clone(), until: now + TICKET_LASTS });
        ticket
    }

    /// Whose ticket it is. It is used up by this.
    pub fn redeem(&self, ticket: &str, now: Moment) -> Option<Asker> {
        let hash = hash(ticket);
        let mut all = self.tickets();
        let at = all.iter().position(|ticket| ticket.hash == hash)?;
        all.remove(at).filter(|ticket| now < ticket.until).map(|ticket| ticket.asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_serves_once_and_not_for_long() {
        let (sockets, now) = (Sockets::default(), Moment::from_millis(1));
        let ticket = || sockets.ticket(&Asker::Everybody, now);
        let (first, late) = (ticket(), ticket());
        assert_eq!(first.len(), 32);
        assert!(sockets.redeem("0", now).is_none());
        assert!(matches!(sockets.redeem(&first, now), Some(Asker::Everybody)));
        assert!(sockets.redeem(&first, now).is_none(), "once");
        assert!(sockets.redeem(&late, now + TICKET_LASTS).is_none(), "in time");
        assert!(sockets.redeem(&late, now).is_none(), "and it is gone then");
    }

    #[test]
    fn there_are_never_more_tickets_than_there_is_room() {
        let (sockets, now) = (Sockets::default(), Moment::ZERO);
        let all: Vec<_> = (0..=TICKETS_MAX).map(|_| sockets.ticket(&Asker::Everybody, now)).collect();
        assert!(sockets.redeem(&all[0], now).is_none());
        assert!(sockets.redeem(&all[1], now).is_some());
    }

    #[test]
    fn whoever_is_silent_is_pinged_every_half_minute_and_gone_after_three() {
        let at = |second: u64| Moment::from_millis(second * 1_000);
        let mut pulse = Pulse::begin(at(0));
        let due = |pulse: &mut Pulse, seconds: [u64; 5]| seconds.map(|second| pulse.due(at(second)));
        use Due::{Close, Nothing, Ping};
        assert_eq!(due(&mut pulse, [29, 30, 31, 60, 89]), [Nothing, Ping, Nothing, Ping, Nothing]);
        pulse.heard(at(89));
        assert_eq!(due(&mut pulse, [90, 120, 150, 178, 179]), [Ping, Ping, Ping, Nothing, Close]);
    }

    #[test]
    fn open_sockets_are_counted_and_numbered() {
        let sockets = Sockets::default();
        let (one, two) = (sockets.opened(), sockets.opened());
        assert_eq!((one.number, two.number, sockets.open()), (1, 2, 2));
        drop(one);
        assert_eq!(sockets.open(), 1);
        assert_eq!(sockets.opened().number, 3);
    }
}
