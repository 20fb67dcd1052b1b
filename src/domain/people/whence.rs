//! Where somebody asks from, as far as it counts for how often they may try.

/// A machine elsewhere: of its address, written as 16 bytes, what it cannot choose by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(pub [u8; 16]);

/// This machine, or another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whence {
    /// Over an address that is this machine's own. All that a proxy of this machine hands on comes from here, too.
    #[default]
    Here,
    Afar(Machine),
}

impl Whence {
    pub fn is_here(self) -> bool {
        self == Self::Here
    }
}
