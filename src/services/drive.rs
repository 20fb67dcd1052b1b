//! One session on one open wire: moves bytes, time and file lines until something has happened.
//!
//! Used by the printer's task and by `platen stream`; it decides nothing.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use crate::control::rejoin::Plan;
use crate::control::run::FileLine;
use crate::control::safe_off::SafeOff;
use crate::control::session::{Session, TrailMark};
use crate::gcode::lexer::Lexer;
use crate::io::clock::Clock;
use crate::io::offload::offload;
use crate::io::serial::{Bypass, Dial, DialError, Wire};
use crate::io::spool::Spool;
use crate::io::usb::Device;

use super::rejoin::Keeper;
use crate::domain::ids::FileHash;

/// Lines of a file on their way to a session.
#[derive(Debug)]
enum Supply {
    Lines(Vec<FileLine>),
    End,
    Failed(String),
}

/// A file that is read ahead, a few batches at most.
#[derive(Debug)]
pub struct FileSupply {
    batches: mpsc::Receiver<Supply>,
}

/// A timeout for a session that has none; the alarm only has to be set to something.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Lines in one hand-over: small against what a session holds, large against the cost of a channel.
const BATCH: usize = 64;
/// Bytes read at a time: some hundred lines, so that a thread is asked seldom and little waits in memory.
const CHUNK: usize = 16 * 1024;

/// A file that is read chunk by chunk, each on a thread that may wait.
struct Reader {
    file: std::fs::File,
    lexer: Lexer,
    chunk: Vec<u8>,
}

impl Reader {
    fn new(file: std::fs::File) -> Self {
        Self { file, lexer: Lexer::new(), chunk: vec![0; CHUNK] }
    }

    /// The lines of the next chunk, and whether it was the last. Blocks.
    fn next(&mut self) -> Result<(Vec<FileLine>, bool), String> {
        use std::io::Read;
        let mut lines = Vec::new();
        let mut take = |command: crate::gcode::lexer::Command<'_>| {
            lines.push(FileLine { index: command.index, text: command.text.into() });
        };
        let count = self.file.read(&mut self.chunk).map_err(|error| error.to_string())?;
        if count == 0 {
            std::mem::take(&mut self.lexer).finish(&mut take).map_err(|error| error.to_string())?;
            return Ok((lines, true));
        }
        self.lexer.feed(&self.chunk[..count], &mut take).map_err(|error| error.to_string())?;
        Ok((lines, false))
    }
}

impl FileSupply {
    /// Reads `file` from its beginning.
    pub fn read(file: std::fs::File) -> Self {
        let (sender, batches) = mpsc::channel(2);
        tokio::spawn(Self::pump_to_end(file, sender));
        Self { batches }
    }

    /// Reads a file of the spool from its beginning, once it is proven to be what was uploaded.
    pub fn verified(spool: Arc<Spool>, file: FileHash) -> Self {
        let (sender, batches) = mpsc::channel(2);
        tokio::spawn(async move {
            let opened = match spool.verify(&file).await {
                Ok(()) => spool.reader(&file).await,
                Err(error) => Err(error),
            };
            match opened {
                Ok((file, _)) => Self::pump_to_end(file.into_std().await, sender).await,
                // A closed channel means that nobody wants it.
                Err(error) => drop(sender.send(Supply::Failed(error.to_string())).await),
            }
        });
        Self { batches }
    }

    async fn pump_to_end(file: std::fs::File, sender: mpsc::Sender<Supply>) {
        let outcome = Self::pump(file, &sender).await;
        // A closed channel means that nobody wants the rest.
        let _ = sender.send(outcome.map_or_else(Supply::Failed, |()| Supply::End)).await;
    }

    async fn pump(file: std::fs::File, sender: &mpsc::Sender<Supply>) -> Result<(), String> {
        let mut reader = Reader::new(file);
        let mut waiting = VecDeque::new();
        loop {
            let read;
            (reader, read) = offload(move || {
                let read = reader.next();
                (reader, read)
            })
            .await
            .map_err(|error| error.to_string())?;
            let (lines, is_last) = read?;
            waiting.extend(lines);
            while waiting.len() >= BATCH || (is_last && !waiting.is_empty()) {
                let batch = waiting.drain(..BATCH.min(waiting.len())).collect();
                if sender.send(Supply::Lines(batch)).await.is_err() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// What a turn came to.
#[derive(Debug)]
pub enum Turn {
    /// Something moved: look at the session's events.
    Moved,
    /// The port is gone; the reason is for people.
    Gone(String),
}

/// A session and its wire.
pub struct Drive {
    pub session: Session,
    wire: Box<dyn Wire>,
    clock: Clock,
    supply: Option<FileSupply>,
    /// Lines that came while the session had room for fewer.
    buffer: Vec<u8>,
    /// Only whole lines wake us: the board has been understood.
    by_line: bool,
    /// Rings when the session wants to be asked, or before: an `ok` puts that off, and it is not set anew for each.
    alarm: Pin<Box<Sleep>>,
    /// DTR as it was last set.
    dtr_is_up: bool,
    /// The way of a stop past us, and what goes that way.
    bypass: Bypass,
    bare_stop: Option<&'static [u8]>,
    /// The session knows of a stop on this port.
    is_stopped: bool,
    /// Heard behind a stop that the session does not know yet.
    heard_behind: Vec<u8>,
    /// Where the trail of the job is kept, and what was kept last.
    keeper: Option<Keeper>,
    kept: Option<TrailMark>,
    /// Why the file could not be read, if so.
    pub supply_error: Option<String>,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Opens a way to a printer on a thread that may wait.
pub async fn dial(dial: Arc<dyn Dial>) -> Result<Box<dyn Wire>, DialError> {
    match offload(move || dial.dial()).await {
        Ok(result) => result,
        Err(error) => Err(DialError::Other { path: "port".into(), error: error.to_string() }),
    }
}

/// Whether a stop has gone past us of which the session does not know yet.
fn is_overtaken(bypass: &Bypass, is_stopped: bool) -> bool {
    bypass.has_overtaken() && !is_stopped
}

impl Drive {
    /// Takes an open wire; the greeting begins at once.
    pub fn new(mut session: Session, wire: Box<dyn Wire>, clock: Clock) -> Self {
        session.handle_opened(clock.now());
        Self::of(session, wire, clock)
    }

    /// Takes an open wire behind which a job may be running that another daemon began.
    pub fn rejoin(mut session: Session, wire: Box<dyn Wire>, clock: Clock, plan: Plan) -> Self {
        session.handle_reopened(clock.now(), plan);
        Self::of(session, wire, clock)
    }

    /// Lets stops in past us, by this way.
    pub fn bypassed_by(mut self, bypass: Bypass) -> Self {
        bypass.begin();
        self.bypass = bypass;
        self
    }

    /// Keeps the trail of its jobs there.
    pub fn keeping(mut self, keeper: Option<Keeper>) -> Self {
        self.keeper = keeper;
        self
    }

    pub fn take_keeper(&mut self) -> Option<Keeper> {
        self.keeper.take()
    }

    fn of(session: Session, wire: Box<dyn Wire>, clock: Clock) -> Self {
        let alarm = Box::pin(tokio::time::sleep(NEVER));
        Self {
            session,
            wire,
            clock,
            supply: None,
            buffer: vec![0; 4096],
            alarm,
            by_line: false,
            dtr_is_up: true,
            bypass: Bypass::default(),
            bare_stop: None,
            is_stopped: false,
            heard_behind: Vec::new(),
            keeper: None,
            kept: None,
            supply_error: None,
        }
    }

    /// The device that is open.
    pub fn device(&self) -> Option<Device> {
        self.wire.device()
    }

    /// Gives the session back; the wire is closed.
    pub fn into_session(self) -> Session {
        self.session
    }

    /// Where the lines of the job come from.
    pub fn set_supply(&mut self, supply: Option<FileSupply>) {
        self.supply = supply;
    }

    /// Waits until something has moved. Cancel-safe: each branch either did its work or did nothing.
    pub async fn turn(&mut self) -> Turn {
        if self.is_overtaken() {
            // A kill line must not be taken for a fault of the board's own, and nothing goes out any more. The caller
            // is told of the stop in a moment.
            std::future::pending::<()>().await;
        }
        if !self.heard_behind.is_empty() {
            let heard = std::mem::take(&mut self.heard_behind);
            self.session.handle_bytes(self.clock.now(), &heard);
        }
        self.keep_trail();
        self.follow_bypass();
        let due = self.due();
        if due < self.alarm.deadline() {
            self.alarm.as_mut().reset(due);
        }
        let wants = self.session.wants() >= BATCH;
        let supplied = async {
            match self.supply.as_mut() {
                Some(supply) if wants => supply.batches.recv().await,
                _ => std::future::pending().await,
            }
        };
        let (mut reader, mut writer) = tokio::io::split(&mut self.wire);
        let transmit = self.session.transmit();
        tokio::select! {
            biased;
            written = writer.write(transmit), if !transmit.is_empty() => match written {
                Ok(0) => return Turn::Gone("the port takes no more bytes".into()),
                Ok(count) => self.session.transmitted(count),
                Err(error) => return Turn::Gone(format!("the port vanished while writing ({error})")),
            },
            read = reader.read(&mut self.buffer) => match read {
                Ok(0) => return Turn::Gone("the port vanished (cable, power, or adapter)".into()),
                Ok(count) if is_overtaken(&self.bypass, self.is_stopped) => {
                    self.heard_behind.extend_from_slice(&self.buffer[..count]);
                    return Turn::Moved;
                }
                Ok(count) => self.session.handle_bytes(self.clock.now(), &self.buffer[..count]),
                Err(error) => return Turn::Gone(format!("the port vanished while reading ({error})")),
            },
            batch = supplied => {
                let now = self.clock.now();
                match batch {
                    Some(Supply::Lines(lines)) => self.session.supply(now, lines),
                    Some(Supply::End) => {
                        self.supply = None;
                        self.session.supply_ended(now);
                    }
                    Some(Supply::Failed(error)) => {
                        self.supply = None;
                        self.supply_error = Some(error);
                        self.session.supply_failed(now);
                    }
                    None => {
                        self.supply = None;
                        self.session.supply_failed(now);
                    }
                }
            }
            () = self.alarm.as_mut() => {
                let now = self.clock.now();
                if self.session.poll_timeout().is_some_and(|at| at <= now) {
                    self.session.handle_timeout(now);
                }
                let due = self.due();
                self.alarm.as_mut().reset(due);
            }
        }
        self.write_now();
        self.follow_dtr();
        // Before, what arrives may be rubbish without an end, and worth telling.
        if !self.by_line && self.session.is_ready() {
            self.by_line = true;
            self.wire.wake_by_line();
        }
        Turn::Moved
    }

    fn is_overtaken(&self) -> bool {
        is_overtaken(&self.bypass, self.is_stopped)
    }

    /// A stop past us is made ready before the board is told to unpack what it reads.
    fn follow_bypass(&mut self) {
        let stop = self.session.bare_stop();
        if self.bare_stop != Some(stop)
            && let Some(port) = self.wire.way_past()
        {
            self.bare_stop = Some(stop);
            self.bypass.lead_to(port, stop);
        }
    }

    /// What the next bytes would make wrong in the trail is kept anew before they go out.
    fn keep_trail(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let mark = Some(self.session.trail_mark());
        if mark == self.kept {
            return;
        }
        self.kept = mark;
        if let Some(trail) = self.session.trail() {
            keeper.keep(self.clock.wall(), trail);
        }
    }

    /// What is kept of the job is wrong, and cannot be taken away.
    pub fn trail_is_wrong(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::is_wrong)
    }

    /// Says in the trail that we are there: the length of a gap is counted from here.
    pub fn sign_trail(&mut self) {
        self.kept = None;
        self.keep_trail();
    }

    /// When the session wants to be asked, however little happens.
    fn due(&self) -> Instant {
        self.session.poll_timeout().map_or_else(|| Instant::now() + NEVER, |at| self.clock.instant(at))
    }

    /// Answers without another turn, if the port takes it; what it does not take, or why, is for the next turn.
    pub fn write_now(&mut self) {
        self.keep_trail();
        self.follow_bypass();
        let transmit = self.session.transmit();
        if !transmit.is_empty()
            && let Some(Ok(count)) = self.wire.write(transmit).now_or_never()
        {
            self.session.transmitted(count);
        }
    }

    /// Emergency stop: throws away what waits in the kernel and writes the stop at once. `sent`: one went past us
    /// already, and is not thrown away: half of it could be anything.
    /// `true` when the bytes are in the kernel's hands. Whether the board obeys is told by the session, later.
    pub async fn stop(&mut self, sent: bool) -> bool {
        self.is_stopped = true;
        self.session.stop(self.clock.now());
        // The file's reader is let go later, by the caller: that wakes its task up.
        if !sent {
            self.wire.discard_output();
        }
        while !self.session.transmit().is_empty() {
            // A port that takes nothing for this long will not take the stop either.
            let patience = Duration::from_millis(250);
            let write = self.wire.write(self.session.transmit());
            match tokio::time::timeout(patience, write).await {
                Ok(Ok(count)) if count > 0 => self.session.transmitted(count),
                _ => return false,
            }
        }
        true
    }

    /// Ends at the end of a line: what was begun is written whole, the trail is on the disk, and no new line goes
    /// out. Gives a copy of the open port for whoever comes next; `None` where that cannot be had.
    pub async fn freeze(&mut self) -> Option<OwnedFd> {
        self.sign_trail();
        while !self.session.transmit().is_empty() {
            let patience = Duration::from_millis(250);
            let write = self.wire.write(self.session.transmit());
            match tokio::time::timeout(patience, write).await {
                Ok(Ok(count)) if count > 0 => self.session.transmitted(count),
                _ => return None,
            }
        }
        let kept = self.keeper.as_mut().is_some_and(Keeper::sync);
        let port = self.wire.descriptor().filter(|_| kept)?;
        port.try_clone_to_owned().ok()
    }

    /// Heaters off on a board of which nothing is known but that a job has run on it. Whether it says that they are.
    pub async fn switch_off(&mut self, within: Duration) -> bool {
        self.wire.discard_output();
        let (unread, packs) = (self.session.link().unread_bytes(), self.session.may_pack());
        let mut off = SafeOff::begin(self.clock.now(), unread, packs);
        let _ = switch_off(&mut self.wire, &self.clock, &mut off, within).await;
        off.is_off()
    }

    /// Moves the port's DTR to where the session wants it.
    fn follow_dtr(&mut self) {
        let now = self.clock.now();
        let up = self.session.dtr_is_up(now);
        if up == self.dtr_is_up {
            return;
        }
        match self.wire.set_dtr(up) {
            Ok(()) => self.dtr_is_up = up,
            Err(error) => {
                tracing::info!(%error, "the port cannot reset its board by DTR");
                self.session.handle_no_dtr(now);
            }
        }
    }
}

/// Talks until the heaters are off or the time is over. An error where the port is gone.
pub async fn switch_off(
    wire: &mut Box<dyn Wire>,
    clock: &Clock,
    off: &mut SafeOff,
    within: Duration,
) -> std::io::Result<()> {
    let deadline = Instant::now() + within;
    let mut buffer = [0; 1024];
    let (mut reader, mut writer) = tokio::io::split(wire);
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    while !off.is_off() {
        let transmit = off.transmit();
        tokio::select! {
            written = writer.write(transmit), if !transmit.is_empty() => match written? {
                0 => return Err(gone()),
                count => off.transmitted(count),
            },
            read = reader.read(&mut buffer) => match read? {
                0 => return Err(gone()),
                count => off.handle_bytes(clock.now(), &buffer[..count]),
            },
            () = tokio::time::sleep_until(clock.instant(off.poll_timeout())) => off.handle_timeout(clock.now()),
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::session::{Profile, SessionEvent};
    use crate::control::stop::DtrReset;
    use crate::domain::ids::BootId;
    use crate::domain::units::Baud;
    use crate::protocol::window::Capacity;
    use std::io;
    use std::sync::Mutex;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

    type Levels = Arc<Mutex<Vec<(Duration, bool)>>>;

    /// A port with a DTR that notes what it is set to, and when; or without one.
    struct Wired {
        pipe: DuplexStream,
        levels: Option<Levels>,
        began: Instant,
    }

    impl AsyncRead for Wired {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.pipe).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Wired {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.pipe).poll_write(cx, bytes)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Wire for Wired {
        fn discard_output(&mut self) {}

        fn set_dtr(&mut self, up: bool) -> io::Result<()> {
            let Some(levels) = &self.levels else { return Err(io::ErrorKind::Unsupported.into()) };
            levels.lock().unwrap().push((self.began.elapsed(), up));
            Ok(())
        }
    }

    /// A stop at a board that says nothing; when the relay was asked for, after the stop.
    async fn stopped(levels: Option<Levels>, dtr_reset: DtrReset) -> Duration {
        let (ours, _theirs) = tokio::io::duplex(65_536);
        let baud = Baud(115_200);
        let profile =
            Profile { dtr_reset, ..Profile::new(baud, Capacity { receive_bytes: 127, queue_slots: 0 }) };
        let wire = Wired { pipe: ours, levels, began: Instant::now() };
        let session = Session::new("mk".parse().unwrap(), profile);
        let mut drive = Drive::new(session, Box::new(wire), Clock::start(BootId::from_entropy([1; 16])));
        let began = Instant::now();
        assert!(drive.stop(false).await);
        loop {
            assert!(matches!(drive.turn().await, Turn::Moved));
            while let Some(event) = drive.session.poll_event() {
                if event == SessionEvent::StopUnverified {
                    return began.elapsed();
                }
            }
        }
    }

    #[tokio::test]
    async fn a_file_longer_than_a_chunk_is_handed_over_whole_and_in_order() {
        use std::io::{Seek, Write};
        let lines: Vec<_> = (1..=2_000).map(|n| format!("G1 X{n} Y7 ; a comment")).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(lines.join("\n").as_bytes()).unwrap();
        file.rewind().unwrap();
        let mut supply = FileSupply::read(file);
        let mut read = Vec::new();
        loop {
            match supply.batches.recv().await.unwrap() {
                Supply::Lines(batch) => {
                    assert!((1..=BATCH).contains(&batch.len()));
                    read.extend(batch.into_iter().map(|line| (line.index, line.text)));
                }
                Supply::End => break,
                Supply::Failed(error) => panic!("{error}"),
            }
        }
        let wanted = (1..=2_000).map(|n| (n, format!("G1 X{n} Y7").into_bytes().into()));
        assert!(read.into_iter().eq(wanted));
        assert!(supply.batches.recv().await.is_none());
    }

    #[tokio::test]
    async fn what_a_board_says_of_a_stop_that_went_past_us_is_heard_once_the_stop_is_known() {
        use serialport::{SerialPort, TTYPort};
        use std::io::{Read, Write};
        use std::os::fd::AsRawFd;
        let (mut board, slave) = TTYPort::pair().unwrap();
        board.set_timeout(Duration::from_secs(60)).unwrap();
        let path = std::fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).unwrap();
        drop(slave);
        let wire = (crate::io::serial::SerialDial { path, baud: Baud(115_200) }).dial().ok().unwrap();
        let profile = Profile::new(Baud(115_200), Capacity { receive_bytes: 127, queue_slots: 0 });
        let session = Session::new("mk".parse().unwrap(), profile);
        let bypass = Bypass::default();
        let clock = Clock::start(BootId::from_entropy([1; 16]));
        let mut drive = Drive::new(session, wire, clock).bypassed_by(bypass.clone());
        while drive.bare_stop.is_none() || !drive.session.transmit().is_empty() {
            assert!(matches!(drive.turn().await, Turn::Moved));
        }
        assert_eq!(bypass.stop(), crate::io::serial::Past::Gone);
        let mut read = Vec::new();
        while !read.ends_with(drive.session.bare_stop()) {
            let mut byte = [0];
            board.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
        board.write_all(b"Error:Printer halted. kill() called!\n").unwrap();
        // Nobody has told us yet.
        tokio::select! {
            biased;
            _ = drive.turn() => panic!("something was made of it"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(drive.session.poll_event(), None);
        assert!(drive.stop(true).await);
        loop {
            match drive.session.poll_event() {
                Some(SessionEvent::StopVerified(_)) => break,
                Some(SessionEvent::Faulted(fault)) => panic!("{fault:?} of a stop"),
                Some(_) => {}
                None => assert!(matches!(drive.turn().await, Turn::Moved)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_that_is_not_confirmed_moves_dtr_down_and_up_before_the_relay() {
        let levels = Levels::default();
        let relay = stopped(Some(Arc::clone(&levels)), DtrReset::Known).await;
        let levels = levels.lock().unwrap().clone();
        assert_eq!(levels.iter().map(|(_, up)| *up).collect::<Vec<_>>(), [false, true]);
        let (down, up) = (levels[0].0, levels[1].0);
        assert!((1_000..1_050).contains(&down.as_millis()), "{down:?}");
        assert!((100..150).contains(&(up - down).as_millis()), "{up:?}");
        assert!((3_000..3_200).contains(&relay.as_millis()), "{relay:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_without_dtr_goes_to_the_relay_at_once() {
        for dtr_reset in [DtrReset::Known, DtrReset::Perhaps, DtrReset::Never] {
            let relay = stopped(None, dtr_reset).await;
            assert!((1_000..1_050).contains(&relay.as_millis()), "{dtr_reset:?}: {relay:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn dtr_that_is_not_to_be_moved_is_not_moved() {
        let levels = Levels::default();
        stopped(Some(Arc::clone(&levels)), DtrReset::Never).await;
        assert!(levels.lock().unwrap().is_empty());
    }
}
