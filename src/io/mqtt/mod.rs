//! A connection to an MQTT broker that lives once: opened, used, and thrown away at its first error.
//!
//! ```text
//! connect ─▶ Dialling ─▶ Connected ─▶ Gone(why)
//!                │            │
//!                └─▶ Gone     └─▶ disconnect ─▶ Closed
//! ```
//! rumqttc forgets accepted messages when the broker has lost the session, and can wait for ever
//! after an odd acknowledgement. So nothing is ever carried from one connection to the next: the
//! caller keeps every message until it is acknowledged, and sends it again on a new connection.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::v5;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

mod dial;

pub use dial::Dialler;

/// Messages that wait for the socket; `try_publish` fails beyond it.
const QUEUE: usize = 512;
/// A broker that leaves a message without acknowledgement for this long is given up, whatever the socket says.
const PATIENCE: Duration = Duration::from_secs(30);

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0: may be lost.
    AtMostOnce,
    /// QoS 1: acknowledged. QoS 2 is never used: its reconnection is broken in rumqttc.
    AtLeastOnce,
}

/// One message, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub delivery: Delivery,
    /// Whether the broker shows it to those who subscribe later.
    pub retain: bool,
}

/// The sending half of a connection, in either version of the protocol.
pub trait Publish: Send + Sync {
    /// Hands a message to the connection's task without waiting; false where it takes none.
    fn publish(&self, message: Message) -> bool;
    /// Asks for an orderly end, after which the broker forgets the last will.
    fn disconnect(&self) -> bool;
}

impl Publish for rumqttc::AsyncClient {
    fn publish(&self, message: Message) -> bool {
        let qos = match message.delivery {
            Delivery::AtMostOnce => rumqttc::QoS::AtMostOnce,
            Delivery::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        };
        self.try_publish(message.topic, qos, message.retain, message.payload).is_ok()
    }

    fn disconnect(&self) -> bool {
        self.try_disconnect().is_ok()
    }
}

impl Publish for v5::AsyncClient {
    fn publish(&self, message: Message) -> bool {
        // Without properties (a content type would be apt): rumqttd panics when it hands them to a
        // subscriber of 3.1.1.
        let qos = qos_5(message.delivery);
        self.try_publish(message.topic, qos, message.retain, message.payload).is_ok()
    }

    fn disconnect(&self) -> bool {
        self.try_disconnect().is_ok()
    }
}

/// Opens connections to one broker: `Dialler` to a real one, a test to one that it plays.
pub trait Dial: Send + Sync + 'static {
    /// `host:port`, as it stands in messages.
    fn broker(&self) -> String;
    /// Begins to connect; `next` of the connection tells how that went. The broker publishes
    /// `will` when the connection ends in any other way than by `disconnect`.
    fn connect<T: Send>(
        &self,
        will: Message,
    ) -> impl Future<Output = Result<Connection<T>, ConnectionError>> + Send;
}

fn qos_5(delivery: Delivery) -> v5::mqttbytes::QoS {
    match delivery {
        Delivery::AtMostOnce => v5::mqttbytes::QoS::AtMostOnce,
        Delivery::AtLeastOnce => v5::mqttbytes::QoS::AtLeastOnce,
    }
}

/// Why there is no connection: what, which, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error(
        "the MQTT broker at {broker} cannot be reached ({detail}); start it, or correct host and port under [mqtt]"
    )]
    Unreachable { broker: String, detail: String },
    #[error(
        "the MQTT broker at {broker} refuses {who} ({detail}); correct username and password_file under [mqtt], or the broker's list of users"
    )]
    Credentials { broker: String, who: String, detail: String },
    #[error(
        "the MQTT broker at {broker} refuses the connection ({detail}); look at the broker's log, and at version under [mqtt]"
    )]
    Refused { broker: String, detail: String },
    #[error(
        "the MQTT broker at {broker} refuses a message of {who} ({detail}); let that user write to platen/v1/# in the broker's access list, and below home_assistant under [mqtt] where that is set"
    )]
    Rejected { broker: String, who: String, detail: String },
    #[error(
        "no TLS with the MQTT broker at {broker} ({detail}); check ca_file under [mqtt], and that the broker's certificate names this host"
    )]
    Tls { broker: String, detail: String },
    #[error(
        "the MQTT broker at {broker} went away ({detail}); events are kept in the journal and sent when it is back"
    )]
    Lost { broker: String, detail: String },
    #[error(
        "another client uses this site and node on the MQTT broker at {broker} (as {client}); give each daemon its own `node`"
    )]
    TakenOver { broker: String, client: String },
    #[error(
        "the MQTT broker at {broker} ends our connections soon after they begin ({detail}); if another client uses this site and node on the broker, give each daemon its own `node`"
    )]
    CutShort { broker: String, detail: String },
    #[error("{key} under [mqtt]: {path}: {detail}")]
    File { key: &'static str, path: PathBuf, detail: String },
    #[error(
        "this machine has no certificates to check the MQTT broker at {broker} with; install ca-certificates, or name a ca_file under [mqtt]"
    )]
    NoCertificates { broker: String },
}

/// What a connection tells.
#[derive(Debug, PartialEq, Eq)]
pub enum News<T> {
    Connected,
    /// The broker has taken responsibility for the message sent with this ticket.
    Acknowledged(T),
    /// The orderly end that was asked for.
    Closed,
    /// The end of this connection; nothing comes after it.
    Gone(ConnectionError),
}

/// What the polling task saw, in the words of either protocol version.
#[derive(Debug)]
pub enum Step {
    Connected,
    /// The next message in the order of `publish` went out under this identifier; 0 for one that is not acknowledged.
    Sent(u16),
    Acknowledged(u16),
    Closed,
    Gone(ConnectionError),
}

/// Which ticket belongs to which packet identifier: rumqttc tells identifiers only after the fact,
/// in the order of sending.
#[derive(Debug)]
struct Tickets<T> {
    /// Handed over, identifier not yet known; `None` for messages that get no acknowledgement.
    handed: VecDeque<Option<Waiting<T>>>,
    sent: BTreeMap<u16, Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: T,
    since: Instant,
}

impl<T> Tickets<T> {
    /// Since when the oldest message waits. The oldest, since one lost acknowledgement among many
    /// that come would hold back its entry of the journal for ever.
    fn oldest(&self) -> Option<Instant> {
        self.handed.iter().flatten().next().into_iter().chain(self.sent.values()).map(|one| one.since).min()
    }

    fn sent(&mut self, identifier: u16) {
        if let Some(Some(ticket)) = self.handed.pop_front() {
            self.sent.insert(identifier, ticket);
        }
    }

    fn acknowledged(&mut self, identifier: u16) -> Option<T> {
        self.sent.remove(&identifier).map(|one| one.ticket)
    }
}

/// Stops the polling task with the connection that it serves; the broker then sends the last will.
#[derive(Debug)]
struct Polling(JoinHandle<()>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One connection. `T` is what the caller wants back when a message is acknowledged.
pub struct Connection<T> {
    client: Box<dyn Publish>,
    steps: mpsc::UnboundedReceiver<Step>,
    tickets: Tickets<T>,
    /// A message was not taken: the connection has ended, or nothing gets through it.
    refused: bool,
    broker: String,
    _polling: Polling,
}

impl<T> std::fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.broker)
    }
}

impl<T> Connection<T> {
    /// `task` does the talking, tells what it saw by way of `steps`, and is aborted with the connection.
    pub fn new(
        client: Box<dyn Publish>,
        steps: mpsc::UnboundedReceiver<Step>,
        broker: String,
        task: JoinHandle<()>,
    ) -> Self {
        Self {
            client,
            steps,
            tickets: Tickets { handed: VecDeque::new(), sent: BTreeMap::new() },
            refused: false,
            broker,
            _polling: Polling(task),
        }
    }

    /// Sends a message; `ticket` comes back when the broker has acknowledged it. Where it cannot be
    /// sent, `next` tells that the connection is gone, and why.
    pub fn send(&mut self, message: Message, ticket: T) {
        let ticket = match message.delivery {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce => Some(Waiting { ticket, since: Instant::now() }),
        };
        // Before the message, so that the task cannot tell its identifier first.
        self.tickets.handed.push_back(ticket);
        self.refused |= !self.client.publish(message);
    }

    /// Whether messages that may be lost should rather be dropped now.
    pub fn is_congested(&self) -> bool {
        self.tickets.handed.len() > QUEUE / 2
    }

    /// What happened next. After `Closed` or `Gone` nothing more will. Cancel safe.
    pub async fn next(&mut self) -> News<T> {
        loop {
            let patience = self.tickets.oldest().map(|since| since + PATIENCE);
            let step = match self.steps.try_recv() {
                Ok(step) => Some(step),
                // Only now: what the task has told before may hold the reason.
                Err(_) if self.refused => return News::Gone(self.lost("it takes no more messages")),
                Err(_) => tokio::select! {
                    step = self.steps.recv() => step,
                    () = wait_until(patience) => return News::Gone(self.lost("it does not acknowledge what it was sent")),
                },
            };
            match step {
                Some(Step::Connected) => return News::Connected,
                Some(Step::Sent(identifier)) => self.tickets.sent(identifier),
                Some(Step::Acknowledged(identifier)) => {
                    if let Some(ticket) = self.tickets.acknowledged(identifier) {
                        return News::Acknowledged(ticket);
                    }
                }
                Some(Step::Closed) => return News::Closed,
                Some(Step::Gone(why)) => return News::Gone(why),
                None => return News::Gone(self.lost("the connection has ended")),
            }
        }
    }

    /// Messages that are not yet acknowledged.
    pub fn outstanding(&self) -> usize {
        self.tickets.sent.len() + self.tickets.handed.iter().flatten().count()
    }

    /// Asks for an orderly end; `next` then tells `Closed`.
    pub fn disconnect(&self) {
        self.client.disconnect();
    }

    fn lost(&self, detail: &str) -> ConnectionError {
        ConnectionError::Lost { broker: self.broker.clone(), detail: detail.into() }
    }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_with_the_identifier_that_its_message_got() {
        let mut tickets = Tickets { handed: VecDeque::new(), sent: BTreeMap::new() };
        let waiting = |ticket| Some(Waiting { ticket, since: Instant::now() });
        tickets.handed.extend([waiting('a'), None, waiting('b')]);
        tickets.sent(1);
        tickets.sent(0); // a message without acknowledgement
        tickets.sent(2);
        assert_eq!(tickets.acknowledged(2), Some('b'));
        assert_eq!(tickets.acknowledged(1), Some('a'));
        assert_eq!(tickets.acknowledged(1), None);
    }

    struct Takes;

    impl Publish for Takes {
        fn publish(&self, _: Message) -> bool {
            true
        }

        fn disconnect(&self) -> bool {
            true
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_acknowledgement_that_is_lost_among_many_that_come_ends_the_connection() {
        let (tell, steps) = mpsc::unbounded_channel();
        let mut link = Connection::new(Box::new(Takes), steps, "b:1".into(), tokio::spawn(async {}));
        let message = Message {
            topic: "t".into(),
            payload: Vec::new(),
            delivery: Delivery::AtLeastOnce,
            retain: false,
        };
        let begun = Instant::now();
        link.send(message.clone(), 1);
        tell.send(Step::Sent(1)).unwrap();
        for number in 2..1_000 {
            link.send(message.clone(), number);
            tell.send(Step::Sent(number)).unwrap();
            tell.send(Step::Acknowledged(number)).unwrap();
            assert_eq!(link.next().await, News::Acknowledged(number));
            // Until the next message, a second later, there is nothing to hear.
            if let Ok(news) = tokio::time::timeout(Duration::from_secs(1), link.next()).await {
                assert!(matches!(news, News::Gone(ConnectionError::Lost { .. })), "{news:?}");
                assert_eq!(begun.elapsed(), PATIENCE);
                return;
            }
        }
        panic!("the first message waits for ever");
    }
}
