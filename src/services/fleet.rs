//! All printers of this node: hands commands to each printer's own task.

use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

use super::board::Board;
use crate::domain::ids::{JobId, PrinterName};

/// What a person may ask of a printer's task.
#[derive(Debug)]
pub enum Order {
    Pause {
        job: JobId,
    },
    Resume {
        job: JobId,
    },
    Cancel {
        job: JobId,
        by: String,
    },
    /// A person has looked at a stopped or faulted printer and says it may be used again.
    Clear {
        by: String,
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
    #[error("not recorded: {0}")]
    NotRecorded(String),
    #[error("platen is shutting down")]
    Closed,
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
    pub by: String,
    /// Answered when the bytes are in the kernel's hands, or at once where the port is not open.
    pub answer: oneshot::Sender<bool>,
}

/// A job to begin; its start is in the journal already.
#[derive(Debug)]
pub struct Start {
    pub job: JobId,
    /// Commands in the file.
    pub commands: u64,
    pub file: std::fs::File,
    pub answer: oneshot::Sender<Result<(), NotDone>>,
}

/// The lanes into a printer's task.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub orders: mpsc::Sender<Ordered>,
    pub stops: mpsc::Sender<Stop>,
    pub starts: mpsc::Sender<Start>,
}

#[derive(Clone, Debug, Default)]
pub struct Fleet {
    lanes: Arc<BTreeMap<PrinterName, Lanes>>,
    board: Board,
}

impl Fleet {
    pub fn new(lanes: BTreeMap<PrinterName, Lanes>, board: Board) -> Self {
        Self { lanes: Arc::new(lanes), board }
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    pub async fn order(&self, printer: &PrinterName, order: Order) -> Result<(), NotDone> {
        let lanes = self.lanes.get(printer).ok_or_else(|| NotDone::NoPrinter(printer.clone()))?;
        let (answer, answered) = oneshot::channel();
        lanes.orders.send(Ordered { order, answer }).await.map_err(|_| NotDone::Closed)?;
        answered.await.unwrap_or(Err(NotDone::Closed))
    }

    /// Begins a job on a printer.
    pub async fn start(
        &self,
        printer: &PrinterName,
        job: JobId,
        commands: u64,
        file: std::fs::File,
    ) -> Result<(), NotDone> {
        let lanes = self.lanes.get(printer).ok_or_else(|| NotDone::NoPrinter(printer.clone()))?;
        let (answer, answered) = oneshot::channel();
        let start = Start { job, commands, file, answer };
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
        let mut waiting = Vec::new();
        for (name, lanes) in self.lanes.iter().filter(|(name, _)| printer.is_none_or(|one| one == *name)) {
            let (answer, answered) = oneshot::channel();
            // A full lane already holds a stop that this one would only repeat.
            let sent = lanes.stops.try_send(Stop { by: by.to_owned(), answer });
            waiting.push((name.clone(), sent.is_ok().then_some(answered)));
        }
        let mut outcome = Vec::with_capacity(waiting.len());
        for (name, answered) in waiting {
            let on_wire = match answered {
                Some(answered) => answered.await.unwrap_or(false),
                None => true,
            };
            outcome.push((name, on_wire));
        }
        Ok(outcome)
    }
}
