//! Everything that touches the machine: ports, files, the store, sockets, the clock.

pub mod cage;
pub mod certificate;
pub mod clock;
pub mod credentials;
pub mod digest;
pub mod durable;
pub mod installed;
pub mod journald;
pub mod latches;
pub mod machine;
pub mod mail;
pub mod mdns;
pub mod mosquitto;
pub mod notify;
pub mod offload;
pub mod place;
#[cfg(feature = "oidc")]
pub mod provider;
pub mod replace;
pub mod resinfile;
pub mod secret;
pub mod selfsigned;
pub mod serial;
pub mod spool;
pub mod store;
pub mod successor;
pub mod terminal;
pub mod trail;
pub mod ttys;
pub mod usb;
pub mod vault;
pub mod webhook;

pub mod broker;
pub mod mqtt;
