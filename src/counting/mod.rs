//! Counting: proposed billing units with their evidence, effort, costs, and the figures that a lab reports.
//!
//! Everything here is a function of plain values: the records of a case go in, counts with their reasons come out.
//! Nothing is billed, sent or changed by it. What is not known stays visible beside every figure.

pub mod mistake;
mod read;

pub mod codes;
pub mod units;

pub mod effort;

pub mod costs;
pub mod money;

pub mod metrics;
pub mod spc;
pub mod stats;
