//! The page in Debian's Chromium, with the real daemon and simulated printers: what a technician sees and does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod away;
mod axe;
mod browser;
mod busy;
mod dialogs;
mod figures;
mod journeys;
mod kept;
mod lab;
mod live;
mod markup;
mod order;
mod pages;
mod resin;
mod scans;
mod stops;
mod undo;
mod way;
mod wizard;
