//! G-code as text: the lines of a file, what they mean, and whether they may be printed.

pub mod lexer;

pub mod commands;
pub mod modal;
pub mod survey;
