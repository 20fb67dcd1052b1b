//! The page in Debian's Chromium, with the real daemon and simulated printers: what a technician sees and does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

mod axe;
mod browser;
mod busy;
mod figures;
mod journeys;
mod lab;
mod live;
mod markup;
mod pages;
mod stops;
mod way;
