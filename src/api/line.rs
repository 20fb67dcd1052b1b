//! Over what a request came: from where, and whether anybody on the way could read or change it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::IpAddr;

use crate::domain::people::whence::{Machine, Whence};

/// A connection, as `serve` saw it. What no listener took in is of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub whence: Whence,
    /// The address of ours that was asked.
    pub own: Option<IpAddr>,
    /// It is TLS that ends here.
    pub tls: bool,
}

/// From where a peer asks at an address of ours. Of IPv6 only the first 64 bits count: a machine takes the rest as it
/// likes.
pub fn whence(peer: IpAddr, own: IpAddr) -> Whence {
    let (peer, own) = (peer.to_canonical(), own.to_canonical());
    if peer.is_loopback() || peer == own {
        return Whence::Here;
    }
    Whence::Afar(Machine(match peer {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }))
}

/// The same as handlers need it, by the guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub whence: Whence,
    /// The browser speaks TLS, with us or with the proxy before us: cookies are made for that.
    pub secure: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Reached {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_this_machine_s_or_stands_for_one_machine() {
        let of = |peer: &str, own: &str| whence(peer.parse().unwrap(), own.parse().unwrap());
        for (peer, own) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("::ffff:127.0.0.9", "::ffff:127.0.0.1"),
            ("192.168.1.20", "192.168.1.20"),
            ("::ffff:192.168.1.20", "192.168.1.20"),
        ] {
            assert_eq!(of(peer, own), Whence::Here, "{peer} at {own}");
        }
        for (one, other, are_one) in [
            ("192.168.1.21", "192.168.1.21", true),
            ("192.168.1.21", "::ffff:192.168.1.21", true),
            ("192.168.1.21", "192.168.1.22", false),
            ("fd00:1:2:3:4:5:6:7", "fd00:1:2:3:9::", true),
            ("fd00:1:2:3::1", "fd00:1:2:4::1", false),
        ] {
            let (one, other) = (of(one, "10.0.0.1"), of(other, "10.0.0.1"));
            assert!(!one.is_here() && !other.is_here());
            assert_eq!(one == other, are_one, "{one:?} and {other:?}");
        }
    }
}
