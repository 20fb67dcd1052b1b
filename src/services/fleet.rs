//! All printers of this node: hands commands to each printer's own task.

use ::resin::file::ResinFile;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use super::recorder::NotRecorded;
use super::stop_input::Hold;
use crate::control::console::ConsoleAnswer;
use crate::control::light::Exposures;
use crate::domain::ids::{FileHash, JobId, PrinterName};
use crate::domain::lab::Refusal;
use crate::gcode::commands::When;
use crate::io::serial::{Bypass, Past};
use crate::io::store::StoreError;

/// What a person may ask of a printer's task.
#[derive(Debug)]
pub enum Order {
    Pause {
        job: JobId,
        by: String,
    },
    Resume {
        job: JobId,
        by: String,
    },
    Cancel {
        job: JobId,
        by: String,
    },
    /// A person has looked at a stopped or faulted printer and says it may be used again.
    Clear {
        by: String,
        /// Since when it was locked, as they saw it.
        since: Option<String>,
    },
    /// A person says that the board on its port is its own.
    Identify {
        by: String,
        /// Since when it was in quarantine, as they saw it.
        since: Option<String>,
    },
    /// A person answers what the firmware asks: the button's place, from 0, and the question that they saw.
    Answer {
        button: u8,
        seen: Option<String>,
        by: String,
    },
    /// A console command that was judged and noted; what it brings goes to `reply`.
    Console {
        command: Box<[u8]>,
        when: When,
        reply: oneshot::Sender<ConsoleAnswer>,
    },
}

/// Why a printer's task did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    #[error("there is no printer {0}; `platen printers` lists them")]
    NoPrinter(PrinterName),
    #[error("printer {printer} does not print job {job}")]
    OtherJob { printer: PrinterName, job: JobId },
    #[error("printer {printer} is {state}, so it cannot {wanted}")]
    WrongState { printer: PrinterName, state: &'static str, wanted: &'static str },
    #[error("printer {0} cannot be cleared while the stop file or the stop input holds all printers stopped")]
    StopHeld(PrinterName),
    #[error("printer {printer}: {why}; look at what it asks now, then answer that")]
    NotAsked { printer: PrinterName, why: String },
    #[error(
        "printer {0} hears no button while it waits (its firmware has no EMERGENCY_PARSER); press it at the printer"
    )]
    AtPanel(PrinterName),
    #[error("printer {printer}: {why}; `hotend_max`, `bed_max` and `chamber_max` in its section say how hot")]
    TooHot { printer: PrinterName, why: String },
    #[error("printer {printer} cannot begin: {why}; look at it, do its checklist, then start the job again")]
    NotReady { printer: PrinterName, why: String },
    /// Something of the printer speaks against what was asked.
    #[error("printer {printer}: {why}")]
    Against { printer: PrinterName, why: String },
    #[error("printer {0} did not answer; look at it, and at `platen printers`")]
    NoAnswer(PrinterName),
    /// Not as things are.
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("not recorded: {0}")]
    NotRecorded(String),
    /// The same, where it goes again as soon as somebody has freed some space.
    #[error("{0}")]
    DiskFull(String),
    /// It is done, or under way, and the journal gets it without anybody asking again.
    #[error("{done}, but that is not in the journal yet: {why}; {}", .outlives.in_words())]
    NotYetRecorded { done: String, why: String, full: bool, outlives: Outlives },
    #[error("platen is shutting down")]
    Closed,
}

/// Whether what is not in the journal yet outlives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlives {
    /// It is kept beside the journal.
    Yes,
    No,
}

impl Outlives {
    fn in_words(self) -> &'static str {
        match self {
            Self::Yes => {
                "make room there and it is written down by itself; it is kept beside the journal and holds after a crash, too"
            }
            Self::No => {
                "make room there and it is written down by itself; if platen ends before that, it may be forgotten: look at the printer then"
            }
        }
    }
}

impl NotDone {
    /// What was done all the same, in words.
    pub fn not_yet_recorded(done: String, error: &NotRecorded) -> Self {
        let (store, outlives) = match error {
            NotRecorded::Kept(store) => (store, Outlives::Yes),
            NotRecorded::Store(store) => (store, Outlives::No),
            _ => return Self::not_recorded(error),
        };
        let words = store.to_string();
        // Behind that stands what to do about a refusal, which this is not.
        let why = words.split_once("; ").map_or(words.as_str(), |(why, _)| why).to_owned();
        Self::NotYetRecorded { done, why, full: matches!(**store, StoreError::Full { .. }), outlives }
    }

    pub fn not_recorded(error: &NotRecorded) -> Self {
        match error {
            NotRecorded::Store(why) | NotRecorded::Kept(why) if matches!(**why, StoreError::Full { .. }) => {
                Self::DiskFull(error.to_string())
            }
            NotRecorded::Refused(refusal) => Self::Refused(Box::new(refusal.clone())),
            _ => Self::NotRecorded(error.to_string()),
        }
    }
}

/// An order with the place for its answer.
#[derive(Debug)]
pub struct Ordered {
    pub order: Order,
    pub answer: oneshot::Sender<Result<(), NotDone>>,
}

/// A stop, on a lane of its own: no other request is ever before it.
#[derive(Debug)]
pub struct Stop {
    /// Absent where platen stops again what is locked already.
    pub by: Option<String>,
    /// What became of it on the way past the task: unless nothing, nothing is thrown away any more.
    pub past: Past,
    /// Answered when the bytes are in the kernel's hands, or at once where the port is not open.
    pub answer: oneshot::Sender<bool>,
}

/// A job to begin; its start is in the journal already.
#[derive(Debug)]
pub struct Start {
    pub job: JobId,
    pub work: Work,
    pub answer: oneshot::Sender<Result<(), NotDone>>,
}

/// What a printer is to do for a job.
#[derive(Debug)]
pub enum Work {
    /// So many lines of a file, sent one after the other.
    Lines { commands: u64, file: std::fs::File },
    /// Layers that are lit one after the other, with the masks of a file.
    Layers { exposures: Box<Exposures>, file: std::fs::File },
    /// A file that the board prints from a stick of its own; `read` is what stands in it.
    Stick { hash: FileHash, bytes: u64, file: std::fs::File, read: Box<ResinFile> },
}

/// The lanes into a printer's task.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub orders: mpsc::Sender<Ordered>,
    pub stops: mpsc::Sender<Stop>,
    pub starts: mpsc::Sender<Start>,
    /// The way of a stop past the task, while its port is open.
    pub bypass: Bypass,
}

#[derive(Clone, Debug, Default)]
pub struct Fleet {
    lanes: Arc<BTreeMap<PrinterName, Lanes>>,
    board: Board,
    hold: Hold,
}

impl Fleet {
    pub fn new(lanes: BTreeMap<PrinterName, Lanes>, board: Board) -> Self {
        Self { lanes: Arc::new(lanes), board, hold: Hold::default() }
    }

    /// Whether a stop input holds all printers stopped.
    pub fn stop_input(&self) -> Hold {
        self.hold.clone()
    }

    /// How many there are.
    pub fn printers(&self) -> usize {
        self.lanes.len()
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    pub async fn order(&self, printer: &PrinterName, order: Order) -> Result<(), NotDone> {
        let lanes = self.lanes.get(printer).ok_or_else(|| NotDone::NoPrinter(printer.clone()))?;
        if matches!(order, Order::Clear { .. }) && self.hold.is_held() {
            return Err(NotDone::StopHeld(printer.clone()));
        }
        let (answer, answered) = oneshot::channel();
        lanes.orders.send(Ordered { order, answer }).await.map_err(|_| NotDone::Closed)?;
        answered.await.unwrap_or(Err(NotDone::Closed))
    }

    /// Sends one command that was judged, and waits for what it brings.
    pub async fn console(
        &self,
        printer: &PrinterName,
        command: Box<[u8]>,
        when: When,
    ) -> Result<ConsoleAnswer, NotDone> {
        let (reply, answered) = oneshot::channel();
        self.order(printer, Order::Console { command, when, reply }).await?;
        answered.await.map_err(|_| NotDone::NoAnswer(printer.clone()))
    }

    /// Begins a job on a printer.
    pub async fn start(&self, printer: &PrinterName, job: JobId, work: Work) -> Result<(), NotDone> {
        let lanes = self.lanes.get(printer).ok_or_else(|| NotDone::NoPrinter(printer.clone()))?;
        let (answer, answered) = oneshot::channel();
        let start = Start { job, work, answer };
        lanes.starts.send(start).await.map_err(|_| NotDone::Closed)?;
        answered.await.unwrap_or(Err(NotDone::Closed))
    }

    /// Emergency stop of one printer or of all; per printer, whether the stop is on the wire.
    ///
    /// All printers are told before any answer is awaited.
    pub async fn stop(
        &self,
        printer: Option<&PrinterName>,
        by: &str,
    ) -> Result<Vec<(PrinterName, bool)>, NotDone> {
        if let Some(name) = printer.filter(|name| !self.lanes.contains_key(*name)) {
            return Err(NotDone::NoPrinter(name.clone()));
        }
        Ok(self.stop_now(printer, by).await)
    }

    /// Emergency stop of all: they are told when this returns, before its answer is awaited.
    pub fn stop_all_now(&self, by: &str) -> impl Future<Output = Vec<(PrinterName, bool)>> + Send + use<> {
        self.stop_now(None, by)
    }

    fn stop_now(
        &self,
        printer: Option<&PrinterName>,
        by: &str,
    ) -> impl Future<Output = Vec<(PrinterName, bool)>> + Send + use<> {
        let meant = || self.lanes.iter().filter(|(name, _)| printer.is_none_or(|one| one == *name));
        // All of them, before any task is woken: the printers' thread may be busy, and has its turns.
        let past: Vec<_> = meant().map(|(_, lanes)| lanes.bypass.stop()).collect();
        let mut waiting = Vec::new();
        for ((name, lanes), past) in meant().zip(past) {
            let (answer, answered) = oneshot::channel();
            let behind = match lanes.stops.try_send(Stop { by: Some(by.to_owned()), past, answer }) {
                // Where its task has ended, nobody answers: that is no stop.
                Ok(()) | Err(TrySendError::Closed(_)) => None,
                // The lane holds stops that this one only repeats; what becomes of them is not known yet.
                Err(TrySendError::Full(stop)) => Some((lanes.stops.clone(), stop)),
            };
            waiting.push((name.clone(), behind, answered));
        }
        async move {
            let mut outcome = Vec::with_capacity(waiting.len());
            for (name, behind, answered) in waiting {
                if let Some((lane, stop)) = behind {
                    // Closed meanwhile: then there is no answer either.
                    let _ = lane.send(stop).await;
                }
                outcome.push((name, answered.await.unwrap_or(false)));
            }
            outcome
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet_of_one() -> (Fleet, mpsc::Receiver<Stop>) {
        let (orders, _) = mpsc::channel(1);
        let (stops, lane) = mpsc::channel(1);
        let (starts, _) = mpsc::channel(1);
        let lanes = Lanes { orders, stops, starts, bypass: Bypass::default() };
        (Fleet::new([("mk".parse().unwrap(), lanes)].into(), Board::default()), lane)
    }

    #[tokio::test]
    async fn a_stop_behind_another_one_is_on_the_wire_only_if_the_printer_says_so() {
        for said in [true, false] {
            let (fleet, mut lane) = fleet_of_one();
            // Both are asked before the printer looks at its lane, which holds one.
            let printer = async {
                for _ in 0..2 {
                    lane.recv().await.unwrap().answer.send(said).unwrap();
                }
            };
            let (first, second, ()) = tokio::join!(fleet.stop(None, "kim"), fleet.stop(None, "lee"), printer);
            for stopped in [first, second] {
                assert_eq!(stopped.unwrap()[0].1, said);
            }
        }
    }

    #[tokio::test]
    async fn a_stop_is_on_the_wire_before_the_printers_task_has_its_turn() {
        use crate::control::stop::BARE;
        use crate::domain::units::Baud;
        use crate::io::serial::{Dial, SerialDial};
        use serialport::{SerialPort, TTYPort};
        use std::io::Read;
        use std::os::fd::AsRawFd;
        use tokio::io::AsyncWriteExt;

        let (mut board, slave) = TTYPort::pair().unwrap();
        board.set_timeout(std::time::Duration::from_secs(60)).unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let mut wire = (SerialDial { path, baud: Baud(115_200) }).dial().ok().unwrap();
        let (fleet, mut lane) = fleet_of_one();
        let bypass = fleet.lanes.values().next().unwrap().bypass.clone();
        let sent = |lane: &mut mpsc::Receiver<Stop>| lane.try_recv().unwrap().past == Past::Gone;

        drop(fleet.stop_all_now("kim"));
        assert!(!sent(&mut lane), "no way leads to the port yet");
        bypass.lead_to(wire.way_past().unwrap(), BARE);
        wire.write_all(b"N7 G1 X10*85\nN8 G1").await.unwrap();
        drop(fleet.stop_all_now("kim"));
        assert!(sent(&mut lane));
        drop(fleet.stop_all_now("lee"));
        assert!(sent(&mut lane));
        // Of what was written before, a pty may have handed over some already; of the two stops nothing is lost.
        let mut read = Vec::new();
        while !read.ends_with(&[BARE, BARE].concat()) {
            let mut byte = [0];
            board.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }

        drop(wire);
        drop(fleet.stop_all_now("kim"));
        assert!(!sent(&mut lane), "the way does not keep the port open");
    }

    #[tokio::test]
    async fn a_printer_without_a_task_is_not_stopped() {
        let (fleet, lane) = fleet_of_one();
        drop(lane);
        assert!(!fleet.stop(None, "kim").await.unwrap()[0].1);
    }
}
