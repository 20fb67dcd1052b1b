//! The one task that owns a ChiTu board: its port, its session, and the file that it brings onto the board's stick.
//!
//! ```text
//!           ┌─▶ Waiting ──dial──▶ Connected ──port gone──┐        a job: Delivering ─▶ Starting ─▶ OnBoard ─▶ (over)
//!           │      ▲ lock             │                  │                  │  ▲ "it is in"          ▲
//!           └──────┴──────────────────┴──── back off ◀───┘                  └──┘    of an earlier platen
//! ```
//! The board prints by itself: neither a cable that is out nor a platen that ends ends a job. When it is heard again it
//! is asked what it prints, and the job goes on, or is over, by what it says. What it prints that is not ours is told and
//! left alone.

mod fat;
mod print;
mod stick;
mod task;

use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::fleet::Lanes;
use super::printer::{Parting, Setup};
use crate::config::resin::Chitu;
use crate::domain::printer::Snapshot;
use crate::io::spool::Spool;

/// What such a printer has beside what all have; of its `Setup` the profile is not asked.
#[derive(Debug)]
pub struct ChituSetup {
    pub chitu: Chitu,
    /// The files of the jobs: the one of a job that an earlier daemon left is read anew.
    pub spool: Arc<Spool>,
}

/// Starts the task. It ends when `shutdown` is cancelled; a board that prints goes on by itself then.
pub fn spawn(
    setup: Setup,
    chitu: ChituSetup,
    shutdown: CancellationToken,
) -> (Lanes, watch::Receiver<Arc<Snapshot>>, tokio::task::JoinHandle<Parting>) {
    task::spawn(setup, chitu, shutdown)
}
