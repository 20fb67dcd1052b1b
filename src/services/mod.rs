//! The tasks that run the lab: each owns one thing, and the others ask it over channels.

pub mod access;
pub mod appkeys;
pub mod archive;
pub mod entrance;
pub mod heads;
pub mod journal;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod recorder;
pub mod restore;
pub mod resume;
pub mod uploads;
pub mod vault_desk;

pub mod board;
pub mod certificate;
pub mod check;
pub mod commissioning;
pub mod deduction;
pub mod doctor;
pub mod history;
pub mod intake;
pub mod preview;
pub mod processes;
pub mod reporting;
pub mod resinfiles;
pub mod slicejobs;
pub mod slicing;

pub mod chitu;
pub mod drive;
pub mod masks;
pub mod owed;
pub mod ports;
pub mod printer;
pub mod rejoin;
pub mod relay;
mod scribe;

pub mod dispatch;
pub mod fleet;
pub mod gate;
pub mod planner;
pub mod stop_input;
pub mod suits;

pub mod mdns;
pub mod monitor;
pub mod notices;
pub mod pulse;
pub mod telemetry;
pub mod timed;
