//! platen: the print-farm controller for hospital 3D-printing labs, as a library.
//!
//! ```text
//! domain ← gcode, model, protocol ← slicing, control ← io ← services ← api ← daemon, cli, main
//! nouns    files and wire           slicers, the brain syscalls  tasks   HTTP, UI
//! └───────────── pure: no tokio, no clock ───────────┘
//! ```
//! An arrow never runs backwards; `tests/architecture.rs` reads the imports and says so.
//! `ARCHITECTURE.md` tells the three journeys through these modules.

pub mod domain;

pub mod counting;
pub mod labels;
pub mod reports;
pub mod schedule;

pub mod gcode;
pub mod model;
pub mod preview;
pub mod protocol;
pub mod slicing;

pub mod control;

pub mod io;

pub mod config;
pub mod services;

pub mod api;

pub mod daemon;

pub mod cli;
