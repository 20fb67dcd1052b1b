//! What travels on the wire: bytes to lines to replies, and numbered lines to bytes.

pub mod lines;

pub mod frame;

pub mod compact;

pub mod meatpack;

pub mod reply;

pub mod report;

pub mod dialect;

pub mod window;

pub mod health;

pub mod numbering;

pub mod link;
