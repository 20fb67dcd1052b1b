//! A line from the terminal that nobody sees typed, and the first line of a pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize, Zeroizing};

use super::secret::Secret;

/// Longer than any password, and than the line that a terminal holds.
const LINE_MAX: usize = 4096;
/// Ctrl-C, which comes as a character while nothing is shown.
const GIVE_UP: u8 = 3;

/// Shows again what is typed, when it is dropped.
struct Hidden<'t> {
    terminal: BorrowedFd<'t>,
    before: Termios,
}

impl<'t> Hidden<'t> {
    fn begin(terminal: BorrowedFd<'t>) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        // A signal would end us with a terminal that shows nothing: Ctrl-C ends the line instead.
        hidden.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        hidden.local_flags.insert(LocalFlags::ECHONL | LocalFlags::ICANON);
        hidden.control_chars[SpecialCharacterIndices::VEOL as usize] = GIVE_UP;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // There is nobody left to tell where even this fails.
        let _ = tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// A line from a terminal without showing it; `ask` is called when nothing is shown any more. `None`: given up.
pub fn hidden_line(terminal: &impl AsFd, ask: impl FnOnce()) -> io::Result<Option<Secret>> {
    let _hidden = Hidden::begin(terminal.as_fd())?;
    ask();
    first_line(terminal)
}

/// Up to the first line break, or to the end; `None` where there is nothing, or Ctrl-C was pressed. No buffer of
/// anybody's keeps it.
pub fn first_line(from: &impl AsFd) -> io::Result<Option<Secret>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_MAX));
    loop {
        let mut byte = [0];
        match nix::unistd::read(from.as_fd(), &mut byte) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => break,
            Ok(_) if byte[0] == GIVE_UP => return Ok(None),
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if line.len() == LINE_MAX => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is far too long"));
            }
            Ok(_) => line.push(byte[0]),
        }
        byte.zeroize();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = std::str::from_utf8(&line)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the line is not UTF-8"))?;
    Ok(Some(Secret::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::fs::File;
    use std::io::{Read, Write};

    fn line_of(bytes: &[u8]) -> io::Result<Option<String>> {
        let (from, to) = nix::unistd::pipe().unwrap();
        File::from(to).write_all(bytes).unwrap();
        first_line(&from).map(|line| line.map(|line| line.expose().to_owned()))
    }

    #[test]
    fn the_first_line_of_a_pipe_is_read_with_or_without_an_end() {
        for (bytes, wanted) in [
            (&b"a password\n"[..], Some("a password")),
            (b"a password", Some("a password")),
            (b"a password\r\nanother", Some("a password")),
            (b" spaces stay \n", Some(" spaces stay ")),
            (b"\n", Some("")),
            (b"", None),
            (b"half a pass\x03", None),
        ] {
            assert_eq!(line_of(bytes).unwrap().as_deref(), wanted, "{bytes:?}");
        }
        assert!(line_of(b"\xff\xfe\n").is_err());
        assert!(line_of(&[b'x'; LINE_MAX + 1]).is_err());
    }

    #[test]
    fn what_is_typed_is_not_shown_and_afterwards_it_is_again() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let mut person = File::from(pty.master);
        let echoes = || tcgetattr(&pty.slave).unwrap().local_flags.contains(LocalFlags::ECHO);
        assert!(echoes());
        for (typed, wanted) in [("a cat on the bed\n", Some("a cat on the bed")), ("half a\x03", None)] {
            // What was typed ahead, and has arrived, is thrown away.
            person.write_all(b"typed ahead\n").unwrap();
            let mut arrived = [PollFd::new(pty.slave.as_fd(), PollFlags::POLLIN)];
            poll(&mut arrived, PollTimeout::NONE).unwrap();
            let line = hidden_line(&pty.slave, || {
                assert!(!echoes());
                person.write_all(typed.as_bytes()).unwrap();
            });
            assert_eq!(line.unwrap().as_ref().map(Secret::expose), wanted);
            assert!(echoes());
        }
        person.write_all(b"\n").unwrap();
        let mut seen = [0; 200];
        let count = person.read(&mut seen).unwrap();
        let seen = String::from_utf8_lossy(&seen[..count]);
        assert!(!seen.contains("cat") && !seen.contains("half"), "{seen:?}");
    }

    #[test]
    fn what_is_no_terminal_is_told() {
        let (from, _to) = nix::unistd::pipe().unwrap();
        assert!(hidden_line(&from, || ()).is_err());
    }
}
