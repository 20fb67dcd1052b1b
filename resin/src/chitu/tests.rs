//! Whole prints against a toy board, by scripts and by chance.

mod laws;
mod prints;
mod toy;
mod troubles;
mod uploads;
