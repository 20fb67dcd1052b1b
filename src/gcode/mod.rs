//! G-code as text: the lines of a file, what they mean, whether they may be printed, and what a print would be.

pub mod lexer;

pub mod commands;
pub mod modal;
pub mod survey;

pub mod motion;

pub mod analysis;
pub mod metadata;
pub mod pushed;

pub mod preflight;

pub mod resume;
pub mod test_print;
