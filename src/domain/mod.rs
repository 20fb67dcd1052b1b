//! The nouns of a printing lab and the rules that tie them, without IO, clock or randomness.
//!
//! Reading order: time and identity first, then what a lab has (cases, parts, jobs, printers),
//! then the facts that change them (`event`), what becomes of what is printed (`quality`) and the state that the
//! facts add up to (`lab`).

pub mod moment;
pub mod units;

pub mod ids;

pub mod day;
pub mod zone;

pub mod finding;

pub mod identifiers;
pub mod photo;
pub mod privacy;

pub mod case;
pub mod chain;
pub mod part;

pub mod command;
pub mod identity;
pub mod printer;

pub mod heat;

pub mod job;

pub mod people;

pub mod event;

pub mod quality;

pub mod queue;

pub mod resin;

pub mod lab;
pub mod seen;

pub mod notice;

pub mod story;
