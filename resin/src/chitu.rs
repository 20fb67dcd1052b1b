//! ChiTu boards, which print a file from a USB stick of their own and are told by a serial line what to do
//! with it.
//!
//! ```text
//! units, layer ← frame ← reply ← exchange ← session ─▶ state
//!                command, dialect, layers, blocks ┘
//!                deliver: how the file comes onto the stick
//! ```
//! Sources: mariner `printer.py` and its captured replies, Octoprint-Chituboard, the ChiTu protocol documents
//! of Photonsters; collected as "facts A" in the reference on resin printers. Nothing here was tried on a
//! real board. Such a board tells neither its light nor its lid, and no command switches its light off.

pub mod blocks;
pub mod command;
pub mod deliver;
pub mod dialect;
pub mod exchange;
pub mod frame;
pub mod layers;
pub mod reply;
pub mod session;
pub mod state;

#[cfg(test)]
mod tests;
