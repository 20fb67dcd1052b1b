//! The live board: the newest snapshot of every printer, for the page, MQTT and the API to watch, and where they were.

use std::sync::Arc;
use tokio::sync::watch;

use super::history::History;
use crate::domain::ids::PrinterName;
use crate::domain::printer::Snapshot;

/// One printer's place on the board, for readers.
pub type Live = watch::Receiver<Arc<Snapshot>>;

/// All printers in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Board {
    printers: Arc<Vec<(PrinterName, Live)>>,
    history: History,
}

impl Board {
    pub fn new(printers: Vec<(PrinterName, Live)>) -> Self {
        let history = History::of(printers.iter().map(|(name, _)| name.clone()));
        Self { printers: Arc::new(printers), history }
    }

    /// What was before; filled by `history::run` alone.
    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn printers(&self) -> impl Iterator<Item = (&PrinterName, &Live)> {
        self.printers.iter().map(|(name, live)| (name, live))
    }

    pub fn get(&self, name: &PrinterName) -> Option<&Live> {
        self.printers.iter().find(|(known, _)| known == name).map(|(_, live)| live)
    }

    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.printers.iter().map(|(_, live)| Arc::clone(&live.borrow())).collect()
    }
}
