//! The printer's brain: bytes, requests and the time in; bytes and events out.

pub mod run;

pub mod session;
pub mod stop;

pub mod safe_off;

pub mod cover;
pub mod light;

pub mod park;
pub mod prompt;

pub mod console;

pub mod probe;

pub mod held;
pub mod hello;

pub mod boot;
pub mod heat;
pub mod inactivity;

pub mod rejoin;
