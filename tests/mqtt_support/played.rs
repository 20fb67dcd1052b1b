//! A broker that a test plays, in virtual time: it is away, dies, stalls, and loses what it is told to lose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hw_sim::random::Random;
use platen::io::mqtt::{Connection, ConnectionError, Delivery, Dial, Message, Publish, Step};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::Received;

/// In virtual time; longer than all waits of a publisher in a row.
const BOUND: Duration = Duration::from_secs(900);
/// As rumqttc's.
const QUEUE: usize = 512;

/// Chances, for each message where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The connection breaks before the broker has the message, or when it has it and says nothing.
    pub cut_before: f64,
    pub cut_after: f64,
    /// The acknowledgement is lost, and the connection lives on.
    pub ack_lost: f64,
    /// Nothing is read for up to a minute.
    pub stall: f64,
    /// Acknowledgements come late, and in another order.
    pub shuffle: f64,
    /// For each connection: it is never answered.
    pub deaf: f64,
    /// It acknowledges what it drops. No publisher can help that; it shows that a test would see it.
    pub lies: f64,
    /// What each message takes.
    pub pace: Duration,
}

/// A handle to the broker; cheap to clone.
#[derive(Clone)]
pub struct Played(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    kills: watch::Sender<u64>,
    heard: watch::Sender<usize>,
}

struct State {
    up: bool,
    random: Random,
    faults: Faults,
    heard: Vec<Received>,
    /// What a subscriber that comes now would see at once.
    retained: BTreeMap<String, Received>,
    connections: u64,
}

enum Packet {
    Publish(Message),
    Disconnect,
}

struct Client(mpsc::Sender<Packet>);

impl Publish for Client {
    fn publish(&self, message: Message) -> bool {
        self.0.try_send(Packet::Publish(message)).is_ok()
    }

    fn disconnect(&self) -> bool {
        self.0.try_send(Packet::Disconnect).is_ok()
    }
}

impl Dial for Played {
    fn broker(&self) -> String {
        "played:1883".into()
    }

    async fn connect<T: Send>(&self, _will: Message) -> Result<Connection<T>, ConnectionError> {
        let (client, inbox) = mpsc::channel(QUEUE);
        let (tell, steps) = mpsc::unbounded_channel();
        let task = tokio::spawn(self.clone().session(inbox, tell));
        Ok(Connection::new(Box::new(Client(client)), steps, self.broker(), task))
    }
}

fn lost(detail: &str) -> Step {
    Step::Gone(ConnectionError::Lost { broker: "played:1883".into(), detail: detail.into() })
}

fn unreachable(detail: &str) -> Step {
    Step::Gone(ConnectionError::Unreachable { broker: "played:1883".into(), detail: detail.into() })
}

impl Played {
    /// A broker that is there.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let state = State {
            up: true,
            random: Random::fork(seed, "broker"),
            faults,
            heard: Vec::new(),
            retained: BTreeMap::new(),
            connections: 0,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            kills: watch::Sender::new(0),
            heard: watch::Sender::new(0),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// `kill -9`; with `forgets`, nothing of it was on a disk.
    pub fn kill(&self, forgets: bool) {
        let mut state = self.state();
        state.up = false;
        if forgets {
            state.retained.clear();
        }
        self.0.kills.send_modify(|kills| *kills += 1);
    }

    pub fn start(&self) {
        self.state().up = true;
    }

    pub fn is_up(&self) -> bool {
        self.state().up
    }

    pub fn set(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub fn kills(&self) -> u64 {
        *self.0.kills.borrow()
    }

    pub fn connections(&self) -> u64 {
        self.state().connections
    }

    /// Everything that it ever took, in order.
    pub fn heard(&self) -> Vec<Received> {
        self.state().heard.clone()
    }

    pub fn retained(&self) -> BTreeMap<String, Received> {
        self.state().retained.clone()
    }

    /// Waits until what it took, and what is retained, satisfy `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&[Received], &BTreeMap<String, Received>) -> bool) {
        let mut heard = self.0.heard.subscribe();
        let look = || {
            let state = self.state();
            wanted(&state.heard, &state.retained)
        };
        let waiting = async {
            while !look() {
                heard.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(BOUND, waiting).await.is_err() {
            panic!("the broker never heard {what}; last {:?}", self.state().heard.last());
        }
    }

    fn chance(&self, of: impl Fn(&Faults) -> f64) -> bool {
        let mut state = self.state();
        let probability = of(&state.faults);
        state.random.chance(probability)
    }

    async fn session(self, mut inbox: mpsc::Receiver<Packet>, tell: mpsc::UnboundedSender<Step>) {
        let mut kills = self.0.kills.subscribe();
        let end = if self.is_up() {
            tokio::select! {
                biased;
                _ = kills.changed() => lost("killed"),
                end = self.serve(&mut inbox, &tell) => end,
            }
        } else {
            unreachable("refused")
        };
        let _ = tell.send(end);
    }

    async fn serve(&self, inbox: &mut mpsc::Receiver<Packet>, tell: &mpsc::UnboundedSender<Step>) -> Step {
        if self.chance(|faults| faults.deaf) {
            sleep(Duration::from_secs(5)).await;
            return unreachable("no answer");
        }
        self.state().connections += 1;
        let _ = tell.send(Step::Connected);
        let (mut identifier, mut acks) = (0, Vec::new());
        loop {
            let packet = match inbox.try_recv() {
                Ok(packet) => packet,
                Err(_) => {
                    self.acknowledge(&mut acks, tell);
                    match inbox.recv().await {
                        Some(packet) => packet,
                        None => return Step::Closed,
                    }
                }
            };
            let Packet::Publish(message) = packet else {
                self.acknowledge(&mut acks, tell);
                return Step::Closed;
            };
            let pace = self.state().faults.pace;
            if !pace.is_zero() {
                sleep(pace).await;
            }
            if self.chance(|faults| faults.stall) {
                let seconds = self.state().random.below(60);
                sleep(Duration::from_secs(seconds)).await;
            }
            if self.chance(|faults| faults.cut_before) {
                return lost("cut before a message");
            }
            let acknowledged = message.delivery == Delivery::AtLeastOnce;
            identifier += u16::from(acknowledged);
            let _ = tell.send(Step::Sent(if acknowledged { identifier } else { 0 }));
            if !self.chance(|faults| faults.lies) {
                self.take(&message);
            }
            if self.chance(|faults| faults.cut_after) {
                return lost("cut before an acknowledgement");
            }
            if acknowledged && !self.chance(|faults| faults.ack_lost) {
                acks.push(identifier);
            }
            if acks.len() > 5 || !self.chance(|faults| faults.shuffle) {
                self.acknowledge(&mut acks, tell);
            }
        }
    }

    fn take(&self, message: &Message) {
        let raw = String::from_utf8(message.payload.clone()).unwrap();
        let received = Received {
            retained: message.retain,
            qos: u8::from(message.delivery == Delivery::AtLeastOnce),
            topic: message.topic.clone(),
            payload: serde_json::from_str(&raw).unwrap(),
            raw,
        };
        let mut state = self.state();
        if message.retain {
            state.retained.insert(received.topic.clone(), received.clone());
        }
        state.heard.push(received);
        self.0.heard.send_replace(state.heard.len());
    }

    fn acknowledge(&self, acks: &mut Vec<u16>, tell: &mpsc::UnboundedSender<Step>) {
        let mut state = self.state();
        while !acks.is_empty() {
            let at = if state.faults.shuffle > 0.0 { state.random.below(acks.len() as u64) } else { 0 };
            let _ = tell.send(Step::Acknowledged(acks.remove(usize::try_from(at).unwrap())));
        }
    }
}
