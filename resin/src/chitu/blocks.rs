//! A file sent to the board's stick over the line itself, block by block.
//!
//! ```text
//!  Opening ─ok─▶ Needs ─data─▶ Ready ─ok─▶ … ─▶ Checking ─▶ Closing ─▶ Listing ─▶ Over
//!  (M28)           ▲             │  └─ silence: said again  (M4012)    (M29)      (M20)
//!                  └── resend ───┘
//! ```
//! A block is up to 1280 bytes of the file, their offset (u32, little-endian), the XOR of all that, and 0x83
//! (facts A.3). While the file is open, all but `M4000` and `M29` is data; `M4012` is sent where uploaders
//! send it, behind the last block. At 115200 baud a megabyte takes a minute and a half, and many boards make
//! an empty file of it: what the list says in the end is what counts.

use super::command::{Command, FileName};
use super::exchange::{Reply, ReplyEnd};
use super::reply::{Entry, Okay, Says};

/// The most bytes of a file in one block.
pub const PAYLOAD_MAX: usize = 1280;
/// Offset, XOR and end mark.
const TRAILER: usize = 6;
const END_MARK: u8 = 0x83;
/// So often one block is said again before the board is given up.
const TRIES: u8 = 5;

/// `payload` as it goes over the wire; `None` where it is empty or longer than `PAYLOAD_MAX`.
#[must_use]
pub fn block(payload: &[u8], offset: u32) -> Option<Vec<u8>> {
    if payload.is_empty() || payload.len() > PAYLOAD_MAX {
        return None;
    }
    let mut block = Vec::with_capacity(payload.len() + TRAILER);
    block.extend_from_slice(payload);
    block.extend_from_slice(&offset.to_le_bytes());
    block.push(block.iter().fold(0, |xor, byte| xor ^ byte));
    block.push(END_MARK);
    Some(block)
}

/// A file that cannot be sent so, or data that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUpload {
    #[error("a file of {0} bytes cannot be sent: 1 to {max} bytes can", max = u32::MAX)]
    Size(u64),
    #[error("{got} bytes from {at} on were given, and {wanted:?} is wanted")]
    NotWanted { at: u32, got: usize, wanted: Option<Need> },
}

/// Why a file is not on the stick. What is there of it must not be printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("the board did not open the file: {0:?}")]
    NotOpened(String),
    #[error("the board cannot write to its stick: full, locked or gone")]
    WriteFailed,
    #[error("the board does not take the block at byte {0}, said {TRIES} times")]
    NoProgress(u32),
    #[error("the board wants a block at byte {wanted}, and {sent} bytes were sent")]
    BadResend { wanted: u64, sent: u32 },
    #[error("the board has {on_board} of {wanted} bytes")]
    Incomplete { on_board: u64, wanted: u32 },
    #[error(
        "the board made an empty file: this firmware does not take files over its line. Use the USB gadget or a stick"
    )]
    EmptyFile,
    #[error("the file is not in the list of the stick after it was sent")]
    NotListed,
    #[error("the board did not answer at its end")]
    NoAnswer,
    #[error("it was called off")]
    CalledOff,
}

/// A piece of the file that is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub offset: u32,
    pub length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Opening,
    Needs(u32),
    Ready {
        offset: u32,
        payload: Vec<u8>,
    },
    Checking,
    /// Also after a failure: a file is not left open.
    Closing(Option<UploadError>),
    Listing,
    Over(Result<(), UploadError>),
}

/// What is said next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Command(Command),
    Block(Vec<u8>),
}

/// One upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    name: FileName,
    size: u32,
    at: At,
    /// How far the board has said `ok`.
    taken: u32,
    /// Failures since `taken` grew.
    tries: u8,
    /// Whether the answer to `next` is still to come.
    in_flight: bool,
    called_off: bool,
}

impl Upload {
    /// # Errors
    /// Where the file is empty or larger than an offset can say.
    pub fn new(name: FileName, size: u64) -> Result<Self, BadUpload> {
        let bytes = u32::try_from(size).ok().filter(|size| *size > 0).ok_or(BadUpload::Size(size))?;
        Ok(Self {
            name,
            size: bytes,
            at: At::Opening,
            taken: 0,
            tries: 0,
            in_flight: false,
            called_off: false,
        })
    }

    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.name
    }

    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Bytes that the board has said `ok` to.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    #[must_use]
    pub fn outcome(&self) -> Option<&Result<(), UploadError>> {
        match &self.at {
            At::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What the caller has to read from the file.
    #[must_use]
    pub fn needs(&self) -> Option<Need> {
        let At::Needs(offset) = self.at else { return None };
        let left = usize::try_from(self.size - offset).unwrap_or(PAYLOAD_MAX);
        Some(Need { offset, length: left.min(PAYLOAD_MAX) })
    }

    /// What was read, exactly as `needs` wants it.
    ///
    /// # Errors
    /// Where it is anything else; nothing has changed then.
    pub fn give(&mut self, offset: u32, payload: &[u8]) -> Result<(), BadUpload> {
        let wanted = self.needs();
        if wanted != Some(Need { offset, length: payload.len() }) {
            return Err(BadUpload::NotWanted { at: offset, got: payload.len(), wanted });
        }
        self.at = At::Ready { offset, payload: payload.to_vec() };
        Ok(())
    }

    /// What is to be said, once the answer to the last is there; `None` while data is needed, and in the end.
    #[must_use]
    pub fn next(&self) -> Option<Next> {
        Some(match &self.at {
            At::Opening => Next::Command(Command::OpenFile(self.name.clone())),
            At::Ready { offset, payload } => Next::Block(block(payload, *offset)?),
            At::Checking => Next::Command(Command::CheckLength(self.size)),
            At::Closing(_) => Next::Command(Command::CloseFile),
            At::Listing => Next::Command(Command::List),
            At::Needs(_) | At::Over(_) => return None,
        })
    }

    /// What `next` says is on the wire.
    pub fn sent(&mut self) {
        self.in_flight = true;
    }

    /// Ends it, once what is on the wire is answered; the file is closed first, and stays on the stick as the
    /// piece that it is.
    pub fn call_off(&mut self) {
        self.called_off = true;
        if !self.in_flight {
            self.leave();
        }
    }

    fn leave(&mut self) {
        match self.at {
            At::Over(_) | At::Closing(Some(_)) => {}
            // Closed already: nothing to undo.
            At::Listing => self.at = At::Over(Err(UploadError::CalledOff)),
            _ => self.at = Self::fail(UploadError::CalledOff),
        }
    }

    /// The answer to what `next` said last.
    pub fn answered(&mut self, reply: &Reply) {
        self.in_flight = false;
        self.at = match std::mem::replace(&mut self.at, At::Listing) {
            At::Opening => self.opened(reply),
            At::Ready { offset, payload } => self.block_answered(reply, offset, payload),
            At::Checking => self.checked(reply),
            At::Closing(failed) => self.closed(reply, failed),
            At::Listing => self.listed(reply),
            at @ (At::Needs(_) | At::Over(_)) => at,
        };
        if self.called_off {
            self.leave();
        }
    }

    /// The file may be open: `M29` goes before anything else.
    fn fail(error: UploadError) -> At {
        At::Closing(Some(error))
    }

    fn again(&mut self, at: At) -> At {
        self.tries += 1;
        if self.tries >= TRIES { Self::fail(UploadError::NoProgress(self.taken)) } else { at }
    }

    fn opened(&mut self, reply: &Reply) -> At {
        if let Some(said) = reply.failure() {
            return Self::fail(UploadError::NotOpened(said));
        }
        match reply.end {
            ReplyEnd::Ok => At::Needs(0),
            // Said again, it would be data in a file that is open.
            ReplyEnd::Settled | ReplyEnd::Lost => Self::fail(UploadError::NotOpened(reply.text())),
        }
    }

    fn block_answered(&mut self, reply: &Reply, offset: u32, payload: Vec<u8>) -> At {
        let end = offset.saturating_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        for says in &reply.says {
            match says {
                Says::WriteFailed | Says::MediumFailed => return Self::fail(UploadError::WriteFailed),
                Says::Resend { offset: wanted, .. } => {
                    return match u32::try_from(*wanted) {
                        Ok(back) if back == offset => self.again(At::Ready { offset, payload }),
                        Ok(back) if back <= end && back < self.size => self.again(At::Needs(back)),
                        _ => Self::fail(UploadError::BadResend { wanted: *wanted, sent: end }),
                    };
                }
                _ => {}
            }
        }
        if reply.end != ReplyEnd::Ok {
            // Said twice, a block lands at the same place.
            return self.again(At::Ready { offset, payload });
        }
        if end > self.taken {
            (self.taken, self.tries) = (end, 0);
        }
        if end == self.size { At::Checking } else { At::Needs(end) }
    }

    fn checked(&mut self, reply: &Reply) -> At {
        for says in &reply.says {
            match says {
                Says::Ok(Okay::Received(bytes)) if *bytes != u64::from(self.size) => {
                    return Self::fail(UploadError::Incomplete { on_board: *bytes, wanted: self.size });
                }
                Says::WriteFailed | Says::MediumFailed => return Self::fail(UploadError::WriteFailed),
                Says::Resend { offset, .. } => {
                    return match u32::try_from(*offset) {
                        Ok(back) if back < self.size => self.again(At::Needs(back)),
                        _ => Self::fail(UploadError::BadResend { wanted: *offset, sent: self.size }),
                    };
                }
                _ => {}
            }
        }
        // A board that has no such check says `ok` or nothing; its list decides.
        At::Closing(None)
    }

    fn closed(&mut self, reply: &Reply, failed: Option<UploadError>) -> At {
        if reply.end == ReplyEnd::Lost {
            self.tries += 1;
            if self.tries < TRIES {
                return At::Closing(failed);
            }
            return At::Over(Err(failed.unwrap_or(UploadError::NoAnswer)));
        }
        match failed {
            Some(error) => At::Over(Err(error)),
            None => At::Listing,
        }
    }

    fn listed(&mut self, reply: &Reply) -> At {
        if reply.end == ReplyEnd::Lost {
            return At::Over(Err(UploadError::NoAnswer));
        }
        let size = reply.entries().find_map(|entry| match entry {
            Entry::File { name, size } if self.name.is(name) => Some(*size),
            _ => None,
        });
        At::Over(match size {
            None => Err(UploadError::NotListed),
            Some(0) => Err(UploadError::EmptyFile),
            Some(size) if size == u64::from(self.size) => Ok(()),
            Some(size) => Err(UploadError::Incomplete { on_board: size, wanted: self.size }),
        })
    }
}
