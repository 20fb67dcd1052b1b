//! An exact line over a lossy wire: numbered lines out, acknowledgements and resends in.
//!
//! ```text
//!             renumber            ok           Resend: first              Resend: k
//!  Unnumbered ───────▶ Renumbering ───▶ Settling ──────────▶ Streaming ───────────▶ Draining
//!                          ▲               │ Resend: other   │  ▲  ▲  wire is quiet     │
//!                          └───────────────┘     no progress ▼  │  └───────────────────┘
//!                                                          Asking ── Resend: k ──▶ Draining
//! ```
//! Any state ends in `Lost` when the printer is silent for too long or its numbers make no sense.
//!
//! Why it is like this (all of it seen in `hw-sim/tests/transcripts/`):
//! - Replies carry no checksum, so an `ok` is believed only until a `Resend` says otherwise.
//! - After an error the firmware throws its receive buffer away, so all in flight behind it is gone
//!   (go back to the line it wants), and a line that is being received just then is cut. So nothing
//!   new is sent until what was in flight has drained. The same befalls a question that ends somebody's half
//!   line: the refusal of that line takes its first bytes, so the line is ended first, and then it is waited.
//! - A lost `ok` is never guessed at: a numbered line far ahead *must* be refused, and its refusal
//!   tells the last line that was accepted (`Last Line: 115`, `Resend: 116`).
//! - A firmware that refuses nothing (`Refusal::Drops`, `Refusal::Trusts`) is asked for its
//!   temperatures instead: when that answer comes before all the `ok`s that are due, lines or answers
//!   are lost and nobody can say which. Then the link is given up rather than anything sent twice.

use std::time::Duration;

use super::dialect::{Dialect, Firmware, Refusal};
use super::frame::{self, Form};
use super::health::Health;
use super::meatpack;
use super::numbering::Numbering;
use super::reply::{Acknowledged, Refused};
use super::window::{Capacity, Origin, QUESTION_BYTES, SHORT_QUESTION_BYTES, Sent, Window};
use crate::domain::moment::Moment;
use crate::domain::printer::{LineHealth, LineTrouble};
use crate::domain::units::Baud;

/// How far ahead the number of a question is: far beyond any line that could be right.
const QUESTION_AHEAD: u32 = 1_000_000;
/// In a job a question has this number instead: far behind any line that could be right, and shorter, so
/// that less of the receive buffer must be kept free for it.
const QUESTION_BEHIND: u32 = 99;

/// Without an `ok` for this long, and without a `busy`, something was lost: ask.
const STALL: Duration = Duration::from_millis(1_000);
/// Marlin says `busy` every 2 s while it works; transcripts show gaps of 5 s and more.
const BUSY_LASTS: Duration = Duration::from_millis(6_500);
/// Where a command runs that may take minutes (heating, homing) and the board never says `busy`, it
/// is asked this seldom: each question waits in its receive buffer until the command is done.
const QUESTION_REPEAT_LONG: Duration = Duration::from_secs(60);
/// A request that contradicts itself, or whose number cannot be read, is asked back this often; the pause
/// between two grows by this.
const UNCLEAR_MAX: u32 = 8;
const UNCLEAR_PAUSE: Duration = Duration::from_millis(250);
/// So many questions in a row are asked again at once where the firmware passes over them (Repetier: 30 lines).
const SKIPS_MAX: u32 = 40;
/// No progress and no `busy` for this long: the board is lost. Long moves without keepalive take less.
const SILENCE: Duration = Duration::from_secs(90);
/// The same while a command runs that may take minutes, on a board that is not known to talk meanwhile; any word
/// of the board begins it anew.
const SILENCE_LONG: Duration = Duration::from_secs(900);
/// A board that has told its temperatures this often while one command runs goes on with that until it is done.
const TALKS: u32 = 3;
/// `wait` says that the board has nothing to do; a line that was sent this long ago is not on its way.
const WAIT_MEANS_LOST: Duration = Duration::from_millis(250);
/// A line that is refused this often in a row will never get through.
const REFUSALS_MAX: u32 = 20;
/// How often a `Resend` that cannot be true is asked back before the link is given up.
const NONSENSE_MAX: u32 = 3;
/// A number of free command slots is believed when it was told this often in a row.
const SLOTS_BELIEVED: u32 = 4;
/// `M110` is repeated this often before the board counts as silent.
const RENUMBER_TRIES: u32 = 15;
/// So many bytes of a greeting may wait in a board that talks and does not answer; beyond that they are said only
/// every so many times, since any may have been lost.
const GREETING_BYTES: usize = 40;
const GREETING_LOST: u32 = 8;
const RENUMBER_REPEAT: Duration = Duration::from_millis(1_000);
/// In the greeting: late answers to earlier tries die away.
const RENUMBER_SETTLE: Duration = Duration::from_millis(60);
/// How often a board is asked for its count before it counts as silent; each wait is twice the one before.
const COUNT_TRIES: u32 = 6;
const COUNT_WAIT_MAX: Duration = Duration::from_secs(8);
/// So long after a half line was ended, an idle board has refused it and thrown away what came behind it.
const COUNT_HUSH: Duration = Duration::from_millis(250);
/// One that works goes on to answer what others have sent; that is waited for, but not longer than this.
const COUNT_HUSH_MAX: Duration = Duration::from_secs(2);
/// The first question fits behind all that others may have left unread, and a second one does not: a board
/// that reads nothing gets none before so many waits are over (7 s). One that works has said `busy` by then.
const COUNT_UNHEARD: u32 = 3;
/// The greeting's question must be run this often before the firmware counts as one that refuses nothing.
const RUNS_BELIEVED: u32 = 2;
/// The same where its answer is an `ok` and nothing else, each time for a whole second: a refusal of which
/// noise left no more looks alike.
const BARE_RUNS_BELIEVED: u32 = 3;

/// The last line number before a job's first line.
///
/// Five digits, so that a cut just behind a line's end, where the firmware flushes after an error,
/// falls into the next line's number: what is left of that line is then no command. And a board that
/// was reset, which counts from 1, cannot be mistaken for one that lost a line.
pub const BEFORE_JOB: u32 = 9_999;

/// Why a link was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Silence,
    /// The firmware counts from the start again, or elsewhere than it can.
    LineCount,
    /// One line is refused again and again.
    Noise,
    /// `ok`s are missing, and this firmware cannot say whether their lines are.
    Unaccounted,
}

/// What the session must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The firmware counts with us.
    Renumbered,
    /// The line that it wants next, as it has said twice.
    Counted(u32),
    /// The question asked by `confirm` was answered: everything was accepted.
    Confirmed,
    /// What the latest errors mean has changed.
    Trouble(Option<LineTrouble>),
    Lost(Loss),
}

/// The end of the greeting, step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settle {
    /// `M110` was answered, perhaps: an `ok` alone could be that of a refusal.
    Hushed,
    /// The firmware was asked for its count; so often it ran the question instead, or seemed to.
    Asked { runs: u32, bare_runs: u32, ok_came: bool },
    /// It told its count, or that it has none. Whether an `ok` follows is worth knowing.
    Answered { refused: bool, ok_came: bool },
    /// It ran a question far ahead, and counts from there if it counts at all: it is numbered once more.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unnumbered,
    Renumbering {
        tries: u32,
        repeat_at: Moment,
    },
    Settling {
        step: Settle,
        tries: u32,
        until: Moment,
    },
    /// The half line was ended that somebody may have left: nothing is asked before its refusal is over.
    Ending {
        until: Moment,
        latest: Moment,
    },
    /// The firmware is asked what it has, and nothing is changed: `said` before, and `heard` since.
    Counting {
        tries: u32,
        said: Option<u32>,
        heard: Option<u32>,
        until: Moment,
    },
    Streaming,
    /// The printer wants `wanted`; nothing is sent until what was in flight has died away.
    Draining {
        wanted: u32,
        until: Moment,
    },
    Asking {
        tries: u32,
        repeat_at: Moment,
    },
    Lost,
}

/// What a refusal said before its `Resend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusing {
    why: Refused,
    wanted: Option<u32>,
}

/// What a firmware did not know.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unknown {
    /// A line that lost its `N`, and with it its checksum: it will be asked for again.
    Unnumbered,
    /// A command, which may be one of the file that this firmware lacks, or one that noise has changed.
    Command(Box<[u8]>),
    /// Noise has hidden it.
    Hidden,
}

#[derive(Clone, Debug)]
pub struct Link {
    baud: Baud,
    window: Window,
    state: State,
    /// The number before the first line, as `M110` set it.
    base: u32,
    dialect: Dialect,
    /// Lines go out packed: the firmware has said that it unpacks them.
    packing: bool,
    /// It may be unpacking: it was asked to, or was left so by the platen whose job goes on here.
    asked_to_unpack: bool,
    out: Vec<u8>,
    /// The line that `has_room` was asked for, as it would go out, and its number.
    draft: Vec<u8>,
    draft_number: Option<u32>,
    scratch: Vec<u8>,
    events: Vec<LinkEvent>,
    health: Health,
    /// What the numbers of a job's lines carry.
    numbering: Numbering,
    /// `ok`s may still come that answer lines which somebody sent before us.
    others_oks: bool,
    /// `ok`s to ignore: each refusal brings one that acknowledges nothing.
    ignore_oks: u32,
    /// `ok`s without a number to come for commands that were sent without one, where `ok`s tell numbers.
    bare_oks: u32,
    /// `echo:Unknown command` was read, and this is what it does not know: the next `ok` is its own.
    unknown: Option<Unknown>,
    /// A report of temperatures was read since the last `ok`: the `ok` of firmwares that answer in two lines.
    reported: bool,
    /// Free command slots that were told, more than is known so far, and how often in a row.
    slots_seen: (usize, u32),
    /// A refusal was read and its `Resend` is still to come.
    refused: Option<Refusing>,
    /// After trouble, one line at a time until this one is acknowledged.
    careful_until: Option<u32>,
    /// The line that makes the firmware speak a text of the file, and that text.
    echo: Option<(u32, Box<[u8]>)>,
    /// `ok`s too many while all was drained that the board then wanted from this line on. If it has that line,
    /// they were its own, and the request was noise.
    doubtful: Option<(u32, u64)>,
    /// A question far behind was not refused by this board; one far ahead always is.
    behind_fails: bool,
    /// The session waits for the answer that confirms the last line.
    confirming: bool,
    refusals: u32,
    nonsense: u32,
    /// Requests in a row that contradict themselves or cannot be read, and what the last one said twice.
    unclear: u32,
    contradiction: Option<(u32, u32)>,
    /// Questions in a row that the firmware has passed over.
    skips: u32,
    /// Bytes of questions that were not answered yet.
    asked_bytes: usize,
    last_progress: Moment,
    last_busy: Option<Moment>,
    /// The firmware has said that it has our lines, before it has said `ok` to them: they may still wait their turn.
    presumed: bool,
    /// The board said something that makes sense.
    last_heard: Moment,
    /// How often it has told its temperatures while the oldest line runs, and the number of that line.
    told_meanwhile: (u32, u32),
    /// It has told them so often while it waited for heat, and so does it in the next such wait.
    tells_while_heating: bool,
    /// Shortest time seen from a line to its `ok`: latency of the wire and the adapter.
    turnaround: Duration,
    /// The line whose `ok` will be a sample of the turnaround: it went into an empty window.
    timing: Option<(u32, Moment)>,
    /// Until then nothing is asked because `ok`s do not come: the board was told to wait.
    hushed_until: Moment,
}

/// Commands that may hold their `ok` for minutes without a sign of life.
fn takes_long(command: &[u8]) -> bool {
    // `G4P500` is `G4 P500` to a firmware.
    let code = command.split(|byte| !byte.is_ascii_digit()).nth(1).map_or(0, <[u8]>::len);
    let code = &command[..command.len().min(1 + code)];
    // A change of tool may purge, wipe and heat.
    if code.starts_with(b"T") {
        return true;
    }
    const LONG: [&[u8]; 24] = [
        b"G4", b"G28", b"G29", b"G30", b"G32", b"G33", b"G34", b"G76", b"G80", b"M0", b"M1", b"M48", b"M109",
        b"M116", b"M125", b"M190", b"M191", b"M226", b"M303", b"M400", b"M600", b"M701", b"M702", b"M306",
    ];
    LONG.contains(&code)
}

fn waits_for_heat(command: &[u8]) -> bool {
    let code = command.split(|byte| !byte.is_ascii_digit()).nth(1).map_or(0, <[u8]>::len);
    [&b"M109"[..], b"M116", b"M190", b"M191"].contains(&&command[..command.len().min(1 + code)])
}

fn is_temperature_question(command: &[u8]) -> bool {
    command.strip_prefix(b"M105").is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_digit))
}

/// Whether what begins a text is a line number that lost its `N`, has another character in its place, or one
/// before it where a newline was.
fn is_line_number(text: &[u8]) -> bool {
    let rubbish = text.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let text = &text[rubbish..];
    let digits = |from| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let is_n = |at: usize| text.get(at) == Some(&b'N') && digits(at + 1) > 0;
    // Commands have four digits at most, line numbers of jobs five.
    is_n(0) || is_n(1) || digits(0) >= 3 || digits(1) >= if rubbish > 0 { 3 } else { 5 }
}

fn is_move(command: &[u8]) -> bool {
    matches!(command, [b'G', b'0'..=b'3'] | [b'G', b'0'..=b'3', b' ', ..])
}

/// The text that `M118` makes the firmware say, without what it puts before it.
fn spoken(command: &[u8]) -> Option<&[u8]> {
    let mut text = command.strip_prefix(b"M118").or_else(|| command.strip_prefix(b"m118"))?;
    if text.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    loop {
        text = text.trim_ascii_start();
        match text {
            [b'A' | b'E' | b'P', b'0'..=b'9', rest @ ..] if rest.is_empty() || rest.starts_with(b" ") => {
                text = rest;
            }
            _ => return Some(text.trim_ascii()),
        }
    }
}

/// The same where the text stands in quotes (`M118 P0 S"ok"`, RepRapFirmware), and a quote in it twice.
fn spoken_in_quotes(text: &[u8]) -> Option<Vec<u8>> {
    let from = text.windows(2).position(|pair| pair.eq_ignore_ascii_case(b"S\""))? + 2;
    let mut said = Vec::new();
    let mut rest = &text[from..];
    loop {
        match rest {
            [b'"', b'"', more @ ..] => {
                said.push(b'"');
                rest = more;
            }
            [b'"', ..] | [] => return Some(said.trim_ascii().into()),
            [byte, more @ ..] => {
                said.push(*byte);
                rest = more;
            }
        }
    }
}

impl Link {
    /// `named`: the firmware, where the operator knows it.
    pub fn new(baud: Baud, capacity: Capacity, named: Option<Firmware>) -> Self {
        Self {
            baud,
            window: Window::new(capacity, 0),
            state: State::Unnumbered,
            base: 0,
            dialect: Dialect::new(named),
            packing: false,
            asked_to_unpack: false,
            out: Vec::with_capacity(512),
            draft: Vec::with_capacity(128),
            draft_number: None,
            scratch: Vec::with_capacity(128),
            events: Vec::new(),
            health: Health::new(baud),
            numbering: Numbering::default(),
            others_oks: false,
            ignore_oks: 0,
            bare_oks: 0,
            unknown: None,
            reported: false,
            slots_seen: (0, 0),
            refused: None,
            careful_until: None,
            echo: None,
            doubtful: None,
            behind_fails: false,
            confirming: false,
            refusals: 0,
            nonsense: 0,
            unclear: 0,
            contradiction: None,
            skips: 0,
            asked_bytes: 0,
            last_progress: Moment::ZERO,
            last_busy: None,
            presumed: false,
            last_heard: Moment::ZERO,
            told_meanwhile: (0, 0),
            tells_while_heating: false,
            turnaround: Duration::from_millis(50),
            timing: None,
            hushed_until: Moment::ZERO,
        }
    }

    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub fn health(&self) -> &LineHealth {
        self.health.counts()
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    pub fn is_streaming(&self) -> bool {
        self.state == State::Streaming
    }

    /// All that was sent is acknowledged, and nothing waits to be sent again.
    pub fn is_idle(&self) -> bool {
        self.is_streaming() && self.window.acked() == self.window.next()
    }

    /// The shortest time from a line to its `ok` so far.
    pub fn turnaround(&self) -> Duration {
        self.turnaround
    }

    pub fn learn_capability(&mut self, name: &str, able: bool) {
        self.dialect.learn(name, able);
    }

    /// `M115` told its name.
    pub fn learn_firmware(&mut self, name: &str) {
        self.dialect.identify(name);
    }

    fn refusal(&self) -> Refusal {
        self.dialect.traits.refusal
    }

    /// It refuses what is damaged or out of order, so it can be asked for its count.
    fn counts_lines(&self) -> bool {
        self.refusal() == Refusal::Asks
    }

    /// Its parser needs the spaces.
    pub fn forbid_compact(&mut self) {
        self.dialect.traits.runs_compact = false;
        self.draft_number = None;
    }

    /// Lines go out without spaces.
    pub fn is_compact(&self) -> bool {
        self.dialect.traits.runs_compact
    }

    fn form(&self) -> Form {
        if self.packing {
            Form::Packed
        } else if self.dialect.traits.runs_compact {
            Form::Compact
        } else {
            Form::Plain
        }
    }

    // Packing.

    pub fn is_packing(&self) -> bool {
        self.packing
    }

    /// Whether something plain must not be written without a signal before it that ends the unpacking.
    pub fn may_unpack(&self) -> bool {
        self.asked_to_unpack || self.could_unpack()
    }

    /// Whoever was here before may have left it unpacking, for all that is known of its firmware.
    fn could_unpack(&self) -> bool {
        self.dialect.meatpack || self.dialect.firmware == Firmware::Unknown
    }

    /// Asks the firmware to unpack from now on; its answer goes to `handle_unpacker`. Only while idle.
    pub fn offer_packing(&mut self) {
        self.asked_to_unpack = true;
        self.out.extend_from_slice(meatpack::ENABLE);
        self.health.sent_bare(meatpack::ENABLE.len());
    }

    /// The firmware did not answer the offer: whatever it made of it is undone.
    pub fn withdraw_packing(&mut self) {
        self.packing = false;
        self.out.extend_from_slice(meatpack::DISABLE);
        self.out.push(b'\n');
        self.health.sent_bare(meatpack::DISABLE.len() + 1);
    }

    /// `[MP] …`
    pub fn handle_unpacker(&mut self, status: meatpack::Status) {
        self.packing = status.on && status.no_spaces;
        self.asked_to_unpack |= status.on;
        self.draft_number = None;
    }

    /// Ends whatever half line the board may hold.
    fn end_line(&mut self) {
        let bytes: &[u8] = if self.packing {
            meatpack::END_ANY_LINE
        } else if self.dialect.traits.answers_empty_lines {
            b""
        } else {
            b"\n"
        };
        self.out.extend_from_slice(bytes);
        self.health.sent_bare(bytes.len());
    }

    /// Sets the firmware's line count to `base`; our next line is the one after it. Only while nothing
    /// is in flight.
    pub fn renumber(&mut self, now: Moment, base: u32) {
        self.base = base;
        self.window = Window::new(self.window.capacity(), base);
        self.forget_doubts(now);
        self.state = State::Renumbering { tries: 0, repeat_at: now };
        self.renumber_again(now);
    }

    /// The firmware has left a command out.
    pub fn handle_left_out(&mut self) {
        self.health.strayed();
    }

    /// What the numbers of the job's lines carry.
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    // Taking over what somebody else has begun.

    /// Asks a board that may be at work for the line that it wants next, about `near`; `Counted` tells. Nothing
    /// is set, and no line is sent that could be run. `packed`: it may be unpacking.
    pub fn count(&mut self, now: Moment, near: u32, packed: bool) {
        self.begin_count(now, near);
        let written = self.out.len();
        if packed {
            self.asked_to_unpack = true;
            self.out.extend_from_slice(meatpack::END_ANY_LINE);
            self.withdraw_packing();
        } else {
            self.end_line();
        }
        self.asked_bytes += self.out.len() - written;
        self.state = State::Ending { until: now + COUNT_HUSH, latest: now + COUNT_HUSH_MAX };
    }

    /// The same right after `Counted`: the refusals have thrown all away, so there is no half line to be ended.
    pub fn count_once_more(&mut self, now: Moment, near: u32) {
        self.begin_count(now, near);
        self.count_again(now, 0, None);
    }

    fn begin_count(&mut self, now: Moment, near: u32) {
        self.base = BEFORE_JOB;
        self.window = Window::new(self.window.capacity(), near);
        self.numbering.clear();
        self.forget_doubts(now);
        self.others_oks = true;
    }

    fn count_again(&mut self, now: Moment, tries: u32, said: Option<u32>) {
        if tries >= COUNT_TRIES {
            self.lose(Loss::Silence);
            return;
        }
        // Where numbers behind are not refused, those far ahead are.
        self.behind_fails = tries % 2 == 1;
        let written = self.out.len();
        // A refusal empties the receive buffer, and an answer makes room in it.
        let has_room = tries == 0 || said.is_some() || self.asked_bytes == 0;
        if has_room || tries >= COUNT_UNHEARD {
            if tries % 2 == 1 {
                // Cut in the middle of a signal, its unpacker may have missed the first one.
                self.withdraw_packing();
            }
            self.question();
        } else {
            // The question's own end may be all that was lost; one that finds no room does nothing.
            self.end_line();
        }
        self.asked_bytes += self.out.len() - written;
        let wait = COUNT_WAIT_MAX.min(Duration::from_secs(1 << tries.min(3)));
        self.state = State::Counting { tries: tries + 1, said, heard: None, until: now + wait };
    }

    fn counted(&mut self, now: Moment, tries: u32, said: Option<u32>, heard: Option<u32>) {
        match heard {
            // Answers to what was asked before us look alike: only the same once more counts.
            Some(wanted) if said == Some(wanted) => {
                self.dialect.saw_refusal(true);
                self.window = Window::new(self.window.capacity(), wanted);
                if self.question_number() == QUESTION_BEHIND {
                    self.window.reserve(SHORT_QUESTION_BYTES);
                }
                self.forget_doubts(now);
                self.others_oks = true;
                self.state = State::Streaming;
                self.events.push(LinkEvent::Counted(wanted));
            }
            Some(wanted) => self.count_again(now, tries.saturating_sub(1), Some(wanted)),
            None => self.count_again(now, tries, said),
        }
    }

    /// What the next number carries, after `Counted`.
    pub fn take_over(&mut self, index: u64) {
        self.numbering.begin(self.window.next(), index);
    }

    /// The answer to our own first line has begun: all `ok`s from here on are ours.
    pub fn others_are_answered(&mut self) {
        self.others_oks = false;
    }

    pub fn awaits_others(&self) -> bool {
        self.others_oks
    }

    fn forget_doubts(&mut self, now: Moment) {
        self.others_oks = false;
        self.ignore_oks = 0;
        self.bare_oks = 0;
        self.presumed = false;
        self.unknown = None;
        self.reported = false;
        self.refused = None;
        self.careful_until = None;
        self.echo = None;
        self.doubtful = None;
        self.confirming = false;
        self.refusals = 0;
        self.nonsense = 0;
        self.unclear = 0;
        self.contradiction = None;
        self.skips = 0;
        self.asked_bytes = 0;
        self.last_progress = now;
        self.last_heard = now;
        self.told_meanwhile = (0, 0);
        self.timing = None;
        self.hushed_until = Moment::ZERO;
        self.draft_number = None;
        self.health.rest();
    }

    // Measuring, for `control::probe`.

    /// How many bytes may be unconfirmed from now on, whatever the profile says.
    pub fn set_receive_bytes(&mut self, bytes: usize) {
        self.window.set_receive_bytes(bytes);
    }

    /// `ok`s are not expected before `until`, so nothing is asked for want of them.
    pub fn hush(&mut self, until: Moment) {
        self.hushed_until = until;
    }

    /// The line that the firmware has asked for and that was not sent again yet.
    pub fn wanted(&self) -> Option<u32> {
        match self.state {
            State::Draining { wanted, .. } => Some(wanted),
            _ => None,
        }
    }

    /// Gives up all that is in flight: whatever comes is ignored until `renumber`, which must follow.
    pub fn abandon(&mut self) {
        self.state = State::Unnumbered;
    }

    fn renumber_again(&mut self, now: Moment) {
        let State::Renumbering { tries, .. } = self.state else { return };
        if tries >= RENUMBER_TRIES {
            self.lose(Loss::Silence);
            return;
        }
        let later = State::Renumbering { tries: tries + 1, repeat_at: now + RENUMBER_REPEAT };
        // Alive, and reading nothing: it has ours, and room has to be left for an order to switch off.
        let talks = now.since(self.last_heard) < 2 * RENUMBER_REPEAT;
        if talks && self.asked_bytes > GREETING_BYTES && tries % GREETING_LOST != 0 {
            self.state = later;
            return;
        }
        let written = self.out.len();
        // A board that was left unpacking by somebody before us reads nothing plain.
        if tries % 3 == 2 && self.could_unpack() {
            self.withdraw_packing();
        }
        self.end_line();
        self.write_renumbering();
        self.asked_bytes += self.out.len() - written;
        self.state = later;
    }

    fn write_renumbering(&mut self) {
        let command = format!("M110 N{}", self.base);
        let form = self.form();
        frame::write_as(&mut self.out, &mut self.scratch, form, self.base, command.as_bytes());
    }

    /// Whether a command may be sent now as a new line. `send` must follow with the same one, or nothing.
    pub fn has_room(&mut self, command: &[u8]) -> bool {
        let open = self.is_streaming()
            && self.window.again().is_none()
            && !self.confirming
            && self.careful_allows()
            && self.alone_allows(command);
        if !open {
            return false;
        }
        let number = self.window.next();
        self.draft.clear();
        let form = self.form();
        let length = frame::write_as(&mut self.draft, &mut self.scratch, form, number, command);
        self.draft_number = Some(number);
        self.window.fits(length)
    }

    /// Whether all of these may be sent now, one after the other and without a wait between them. Each is still asked
    /// for by `has_room`.
    pub fn has_room_for_all(&mut self, commands: &[&[u8]]) -> bool {
        let Some(first) = commands.first() else { return true };
        if !self.has_room(first) || self.careful_until.is_some() || !self.may_go_together(commands) {
            return false;
        }
        let lengths = self.lengths(commands);
        self.window.fits_together(&lengths)
    }

    /// Whether `has_room_for_all` may ever be true of these, as far as is known of the board now.
    pub fn could_hold_all(&mut self, commands: &[&[u8]]) -> bool {
        let lengths = self.lengths(commands);
        self.may_go_together(commands) && self.window.could_hold(&lengths)
    }

    fn may_go_together(&self, commands: &[&[u8]]) -> bool {
        commands.len() < 2
            || (self.refusal() != Refusal::Drops && commands.iter().all(|command| spoken(command).is_none()))
    }

    /// What each takes on the wire, as the next lines.
    fn lengths(&mut self, commands: &[&[u8]]) -> Vec<usize> {
        self.draft_number = None;
        let (form, next) = (self.form(), self.window.next());
        let mut length = |(at, command): (u32, &&[u8])| {
            self.draft.clear();
            frame::write_as(&mut self.draft, &mut self.scratch, form, next.saturating_add(at), command)
        };
        (0u32..).zip(commands).map(&mut length).collect()
    }

    fn careful_allows(&self) -> bool {
        self.careful_until.is_none_or(|line| self.window.cursor() <= line)
    }

    /// Lines that may not share the wire with others.
    fn alone_allows(&self, command: &[u8]) -> bool {
        let empty = self.window.in_flight() == 0;
        // A line that is dropped without a word is missed only where its `ok` is the one that is due.
        let one_by_one = self.refusal() == Refusal::Drops;
        // What the file makes the firmware say must not be mistaken for an answer to another line.
        empty || !(one_by_one || self.echo.is_some() || spoken(command).is_some())
    }

    /// Numbers and sends the command that `has_room` was just asked for.
    pub fn send(&mut self, now: Moment, origin: Origin, command: Box<[u8]>) {
        let number = self.window.next();
        debug_assert_eq!(self.draft_number, Some(number));
        self.draft_number = None;
        self.note_sending(now, number, &command);
        let length = self.draft.len();
        self.out.extend_from_slice(&self.draft);
        match origin {
            Origin::File(index) => self.numbering.file(number, index),
            Origin::Own => self.numbering.own(number),
        }
        self.window.push(now, origin, command, length);
        self.health.sent(length, self.window.in_flight_bytes());
    }

    fn note_sending(&mut self, now: Moment, number: u32, command: &[u8]) {
        if self.window.in_flight() == 0 {
            self.last_progress = now;
            self.timing = Some((number, now));
        }
        if let Some(text) = spoken(command) {
            self.echo = Some((number, text.into()));
        }
    }

    /// Puts lines on the wire that the printer wants again.
    fn send_again(&mut self, now: Moment) {
        while self.is_streaming() && self.careful_allows() {
            let form = self.form();
            let Some(line) = self.window.again() else { return };
            self.draft.clear();
            self.draft_number = None;
            let length = frame::write_as(&mut self.draft, &mut self.scratch, form, line.number, &line.text);
            if !self.window.fits(length) || !self.alone_allows(&line.text) {
                return;
            }
            let (number, text) = (line.number, line.text.clone());
            self.note_sending(now, number, &text);
            // What is sent again is no sample of the turnaround: its `ok` may be that of the first time.
            self.timing = None;
            self.out.extend_from_slice(&self.draft);
            self.window.sent_again(now, length);
            self.health.sent(length, self.window.in_flight_bytes());
        }
    }

    /// Asks the firmware for its last line, so that `Confirmed` can say that it has them all.
    pub fn confirm(&mut self, now: Moment) {
        self.confirming = true;
        self.ask(now, 0);
    }

    fn ask(&mut self, now: Moment, tries: u32) {
        // The question that ends every job is no sign of trouble.
        if !self.confirming {
            self.health.asked();
        }
        if !self.counts_lines() {
            // Its answer is an `ok` like any other, which is waited for as always.
            if matches!(self.state, State::Asking { .. }) {
                self.state = State::Streaming;
            }
            self.ask_by_command(now);
            return;
        }
        let long = self.oldest_takes_long();
        let written = self.out.len();
        if tries == 0 || self.fits_unasked(QUESTION_BYTES) || self.has_nothing_unread(now) {
            if tries > 0 && self.dialect.meatpack {
                // Perhaps its unpacker is not as we believe; plain lines reach it in any case.
                self.withdraw_packing();
            }
            self.behind_fails |= tries > 0;
            self.question();
        } else if self.fits_unasked(meatpack::END_ANY_LINE.len()) {
            // A question stays without an answer only where its newline was lost.
            self.end_line();
        }
        self.asked_bytes += self.out.len() - written;
        self.health.unconfirmed(self.unread_bytes());
        let wait = if long { QUESTION_REPEAT_LONG } else { Duration::from_secs(1 << tries.min(3)) };
        self.state = State::Asking { tries: tries + 1, repeat_at: now + wait };
    }

    /// Bytes that the board may not have read yet, as far as they are ours.
    pub fn unread_bytes(&self) -> usize {
        self.window.in_flight_bytes() + self.asked_bytes
    }

    /// Whether so many bytes more fit into the receive buffer, if nothing in it was read yet.
    fn fits_unasked(&self, bytes: usize) -> bool {
        self.unread_bytes() + bytes <= self.window.capacity().receive_bytes
    }

    /// A board that says `busy` while it works, and has said nothing for longer, has read all that reached it.
    fn has_nothing_unread(&self, now: Moment) -> bool {
        self.dialect.says_busy && now.since(self.last_progress) > BUSY_LASTS && now > self.busy_until()
    }

    /// A number that must be refused now. One behind could be a line that is there already where numbers
    /// are told in 16 bits.
    fn question_number(&self) -> u32 {
        if self.base >= BEFORE_JOB && !self.dialect.traits.short_numbers && !self.behind_fails {
            QUESTION_BEHIND
        } else {
            self.window.next().saturating_add(QUESTION_AHEAD)
        }
    }

    /// A line whose number must be refused; the refusal tells the firmware's own count.
    fn question(&mut self) {
        self.end_line();
        let number = self.question_number();
        let form = self.form();
        let length = frame::write_as(&mut self.out, &mut self.scratch, form, number, b"M105");
        self.health.sent_bare(length);
    }

    /// The temperatures of a firmware that refuses nothing: their answer comes behind all that are due.
    fn ask_by_command(&mut self, now: Moment) {
        if self.window.find_in_flight(|line| is_temperature_question(&line.text)).is_some() {
            return;
        }
        let number = self.window.next();
        self.note_sending(now, number, b"M105");
        let length = frame::write_numbered(&mut self.out, number, b"M105");
        self.numbering.own(number);
        self.window.push(now, Origin::Own, b"M105"[..].into(), length);
        self.health.sent(length, self.window.in_flight_bytes());
    }

    /// The firmware's count is ours, or it has none.
    fn numbered(&mut self, now: Moment, refused: bool, ok_came: bool) {
        self.dialect.saw_refusal(refused);
        if refused {
            self.dialect.saw_ok_after_resend(ok_came);
        }
        self.window = Window::new(self.window.capacity(), self.base + 1);
        self.numbering.clear();
        if self.base == BEFORE_JOB {
            self.numbering.begin(self.base + 1, 1);
        }
        if self.counts_lines() && self.question_number() == QUESTION_BEHIND {
            self.window.reserve(SHORT_QUESTION_BYTES);
        }
        self.forget_doubts(now);
        self.state = State::Streaming;
        self.events.push(LinkEvent::Renumbered);
    }

    /// The bytes to write, in order.
    pub fn transmit(&self) -> &[u8] {
        &self.out
    }

    /// The first `count` of them are in the kernel's hands.
    pub fn transmitted(&mut self, count: usize) {
        if count >= self.out.len() {
            self.out.clear();
        } else {
            self.out.drain(..count);
        }
    }

    /// Throws away what is not yet written and puts `bytes` in its place: the way of a stop.
    pub fn preempt(&mut self, bytes: &[u8]) {
        self.out.clear();
        if self.may_unpack() && !bytes.is_empty() {
            // What was cut may have left the unpacker waiting, even for one half of a signal.
            self.out.extend_from_slice(meatpack::END_ANY_LINE);
            self.out.extend_from_slice(meatpack::DISABLE);
        }
        self.out.extend_from_slice(bytes);
        self.state = State::Lost;
    }

    /// Writes a command outside the numbering, for parsers that read ahead (`M108`).
    pub fn send_bare(&mut self, command: &[u8]) {
        // Such a parser reads the wire before anything is unpacked.
        let (before, after) =
            if self.packing { (meatpack::DISABLE, meatpack::ENABLE) } else { (&b""[..], &b""[..]) };
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(command);
        self.out.push(b'\n');
        self.out.extend_from_slice(after);
        self.health.sent_bare(before.len() + command.len() + 1 + after.len());
        if self.dialect.advanced_ok {
            self.bare_oks += 1;
        } else {
            self.ignore_oks += 1;
        }
    }

    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    /// The oldest line that no resend can take back any more.
    pub fn settle(&mut self) -> Option<Sent> {
        let line = self.window.settle()?;
        self.numbering.forget_below(line.number);
        Some(line)
    }

    /// After `Confirmed`: all lines, oldest first.
    pub fn settle_all(&mut self) -> Option<Sent> {
        self.window.settle_all()
    }

    /// Nothing is to be printed now: an empty planner is no harm.
    pub fn rest(&mut self) {
        self.health.rest();
    }

    fn lose(&mut self, loss: Loss) {
        self.state = State::Lost;
        self.events.push(LinkEvent::Lost(loss));
    }

    fn judge(&mut self) {
        let before = self.health.counts().trouble;
        if let Some(trouble) = self.health.judge()
            && trouble != before
        {
            self.events.push(LinkEvent::Trouble(trouble));
        }
    }

    /// Whether a line is the text that the file makes the firmware say; it answers nothing.
    pub fn is_echo(&mut self, line: &[u8]) -> bool {
        let Some((_, text)) = &self.echo else { return false };
        let line = line.trim_ascii();
        let quoted = spoken_in_quotes(text);
        let said = [&b""[..], b"//", b"// ", b"echo:", b"echo: "].iter().any(|before| {
            line.strip_prefix(*before)
                .is_some_and(|rest| *rest == **text || quoted.as_deref().is_some_and(|quoted| rest == quoted))
        });
        if said {
            self.echo = Some((u32::MAX, Box::default()));
        }
        said
    }

    /// Whether what counts as acknowledged may still be running: the board is busy, and no `ok` has come.
    pub fn may_still_run(&self, now: Moment) -> bool {
        self.presumed && now < self.busy_until()
    }

    /// The board said something that makes sense: it is alive.
    pub fn handle_sign_of_life(&mut self, now: Moment) {
        self.last_heard = now;
    }

    pub fn handle_busy(&mut self, now: Moment) {
        self.last_busy = Some(now);
        self.dialect.says_busy = true;
        if let State::Counting { said, heard: None, .. } = self.state {
            // When it says so no more, it has read all.
            self.asked_bytes = 0;
            self.state = State::Counting { tries: 1, said, heard: None, until: now + BUSY_LASTS };
        }
        if let State::Renumbering { .. } = self.state {
            // It will answer when it is done; more of the same would only fill its buffer.
            self.state = State::Renumbering { tries: 1, repeat_at: self.busy_until() };
        }
    }

    /// The board has nothing to do: if it should have, lines or answers are lost.
    pub fn handle_wait(&mut self, now: Moment) {
        let old = |line: &Sent| now.since(line.at) >= WAIT_MEANS_LOST.max(self.turnaround * 3);
        if !(self.is_streaming() && self.window.oldest_in_flight().is_some_and(old)) {
            return;
        }
        let asked = self.window.find_in_flight(|line| is_temperature_question(&line.text));
        let answer_lost = asked.and_then(|number| self.window.get(number)).is_some_and(old);
        if !self.counts_lines() && answer_lost {
            // It was asked, has nothing to do, and did not answer.
            self.lose(Loss::Unaccounted);
        } else {
            self.ask(now, 0);
        }
    }

    /// A report of temperatures outside of an `ok`.
    pub fn handle_report(&mut self) {
        self.reported = true;
        if let Some(line) = self.window.oldest_in_flight() {
            let (number, told) = self.told_meanwhile;
            let told = if number == line.number { told + 1 } else { 1 };
            self.told_meanwhile = (line.number, told);
            self.tells_while_heating |= told >= TALKS && waits_for_heat(&line.text);
        }
    }

    /// Whether the board is known to talk while the command runs that it is at, so that its silence means something.
    fn talks_meanwhile(&self) -> bool {
        let (number, told) = self.told_meanwhile;
        let tells = |line: &Sent| {
            (line.number == number && told >= TALKS)
                || (self.tells_while_heating && waits_for_heat(&line.text))
        };
        self.dialect.says_busy || self.window.oldest_in_flight().is_some_and(tells)
    }

    /// `skip 12`: a line that it has already or does not want yet; an `ok` follows and says nothing.
    pub fn handle_skip(&mut self, now: Moment, number: u32) {
        let asked = matches!(self.state, State::Settling { step: Settle::Asked { .. }, .. });
        if asked || matches!(self.state, State::Streaming | State::Draining { .. } | State::Asking { .. }) {
            self.ignore_oks += 1;
        }
        // Behind a request that we missed it passes over up to thirty lines, questions as well.
        self.asked_bytes = 0;
        let ours = number & 0xFFFF == self.question_number() & 0xFFFF;
        if !ours || self.skips >= SKIPS_MAX {
            return;
        }
        match &mut self.state {
            State::Asking { .. } => {}
            State::Settling { step: Settle::Asked { .. }, until, .. } => *until = now + RENUMBER_REPEAT,
            _ => return,
        }
        self.skips += 1;
        self.question();
    }

    /// `echo:Unknown command: "…"`
    pub fn handle_unknown_command(&mut self, text: Option<Box<[u8]>>) {
        if let State::Counting { .. } = self.state {
            // Perhaps what noise has left of the question.
            self.asked_bytes = 0;
        }
        self.unknown = Some(match text {
            // A line number where a letter should stand.
            Some(text) if is_line_number(&text) => Unknown::Unnumbered,
            Some(text) => Unknown::Command(text),
            None => Unknown::Hidden,
        });
    }

    /// Whether a line of ours is not the one that the firmware did not know: noise that its checksum
    /// did not show has changed it, and what it should have done was not done.
    fn was_changed(&self, number: u32, unknown: Option<&Unknown>) -> bool {
        let (Some(Unknown::Command(text)), Some(line)) = (unknown, self.window.get(number)) else {
            return false;
        };
        let letters = |text: &[u8]| text.iter().filter(|byte| **byte != b' ').copied().collect::<Vec<_>>();
        letters(text) != letters(&line.text)
    }

    /// Whether what the firmware did not know is only the end of a line that was cut: too little to be one that
    /// noise has changed.
    fn is_tail(&self, unknown: Option<&Unknown>) -> bool {
        let (Some(Unknown::Command(text)), Some(line)) = (unknown, self.window.get(self.window.acked()))
        else {
            return false;
        };
        text.len() * 2 < line.text.len() || (text.len() < line.text.len() && line.text.ends_with(text))
    }

    pub fn handle_ok(&mut self, now: Moment, ack: &Acknowledged) {
        self.presumed = false;
        let reported = std::mem::take(&mut self.reported);
        if let Some(refusing) = self.refused.take() {
            // The `Resend` between the refusal and its `ok` was damaged; the refusal may have said enough.
            match refusing.wanted {
                Some(wanted) => self.resend(now, wanted, Some(refusing.why)),
                None => self.ask_where(now),
            }
            return;
        }
        match self.state {
            State::Renumbering { tries, .. } => {
                if ack.temperatures.is_none() && ack.number.is_none_or(|number| number == self.base) {
                    self.dialect.advanced_ok |= ack.number.is_some();
                    self.asked_bytes = 0;
                    self.state =
                        State::Settling { step: Settle::Hushed, tries, until: now + RENUMBER_SETTLE };
                }
                return;
            }
            // It ran the question instead of refusing it: this firmware does not look at numbers.
            State::Settling { step: Settle::Asked { runs, bare_runs, .. }, tries, .. }
                if ack.temperatures.is_some() || reported =>
            {
                self.ran_question(now, runs + 1, bare_runs, tries);
                return;
            }
            State::Settling { step: Settle::Asked { .. }, .. } if self.ignore_oks > 0 => {
                // It passed over the question: it does look at numbers.
                self.ignore_oks -= 1;
                return;
            }
            State::Settling { step: Settle::Asked { runs, bare_runs, .. }, tries, until } => {
                let step = Settle::Asked { runs, bare_runs, ok_came: true };
                self.state = State::Settling { step, tries, until };
                return;
            }
            State::Settling { step: Settle::Reset, .. } => {
                self.numbered(now, false, false);
                return;
            }
            State::Settling { step: Settle::Answered { refused, .. }, tries, until } => {
                let step = Settle::Answered { refused, ok_came: true };
                self.state = State::Settling { step, tries, until };
                return;
            }
            State::Ending { until, latest } => {
                // It works off what others have sent.
                let until = until.max((now + RENUMBER_SETTLE).min(latest));
                self.state = State::Ending { until, latest };
                return;
            }
            State::Counting { tries, said, heard: None, until } => {
                self.asked_bytes = 0;
                let until = until.max(now + RENUMBER_SETTLE);
                self.state = State::Counting { tries, said, heard: None, until };
                return;
            }
            State::Unnumbered | State::Settling { .. } | State::Counting { .. } | State::Lost => return,
            State::Streaming | State::Draining { .. } | State::Asking { .. } => {}
        }
        if self.others_oks && ack.number.is_none() && ack.temperatures.is_none() {
            return;
        }
        if let Some(number) = ack.number.map(|number| self.whole_number(number)) {
            self.dialect.advanced_ok = true;
            let unknown = self.unknown.take();
            if self.was_changed(number, unknown.as_ref()) {
                self.health.strayed();
            }
            self.learn_queue(ack);
            if number >= self.window.acked() && number < self.window.next() {
                if let Some(free) = ack.planner_free {
                    let moved = self.window.get(number).is_some_and(|line| is_move(&line.text));
                    self.health.planner(now, free, moved);
                }
                self.health.oks_missing(number - self.window.acked());
                self.believe_below(now, number + 1);
            } else if number >= self.window.next() {
                self.health.stray_ok();
            } else {
                self.health.ok_late();
            }
            return;
        }
        if ack.temperatures.is_some() {
            self.handle_temperature_ok(now);
            return;
        }
        if self.bare_oks > 0 && self.dialect.advanced_ok && ack.slots_free.is_some() {
            self.bare_oks -= 1;
            return;
        }
        // The `ok` behind a `Resend` is bare even where others tell of the queue.
        if self.ignore_oks > 0 && !(self.dialect.advanced_ok && ack.slots_free.is_some()) {
            self.ignore_oks -= 1;
            return;
        }
        let unknown = self.unknown.take();
        if unknown == Some(Unknown::Unnumbered) || self.is_tail(unknown.as_ref()) {
            // It answers a line without a number, and we sent none.
            self.health.stray_ok();
            return;
        }
        let wanted =
            if let State::Draining { wanted, .. } = self.state { wanted } else { self.window.cursor() };
        if self.dialect.advanced_ok || self.window.acked() >= wanted {
            // Every line that we sent has a number, so this answers something else: a line that lost
            // its `N` and ran as an unknown command, or the tail of a cut one that ran as a command.
            self.health.stray_ok();
            // A whole `ok P15 B3` is no `ok N12 P15 B3` that noise has changed. Where `ok`s tell nothing,
            // one too many proves something only right after a refusal, when all others are accounted for.
            match self.state {
                _ if ack.damaged || unknown.is_some() => {}
                _ if self.dialect.advanced_ok && ack.slots_free.is_some() => self.health.strayed(),
                State::Draining { wanted, .. } if !self.dialect.advanced_ok => {
                    let others =
                        self.doubtful.filter(|(line, _)| *line == wanted).map_or(0, |(_, count)| count);
                    self.doubtful = Some((wanted, others + 1));
                }
                _ => {}
            }
            return;
        }
        if self.was_changed(self.window.acked(), unknown.as_ref()) {
            self.health.strayed();
        }
        if !ack.damaged {
            // `ok P15 B3`: some builds tell the queue without the number.
            self.learn_queue(ack);
            if let Some(free) = ack.planner_free {
                let moved = self.window.get(self.window.acked()).is_some_and(|line| is_move(&line.text));
                self.health.planner(now, free, moved);
            }
        }
        self.believe_below(now, self.window.acked() + 1);
    }

    /// The answer to `M105`, and so to all that was sent before it.
    fn handle_temperature_ok(&mut self, now: Moment) {
        let Some(number) = self.window.find_in_flight(|line| is_temperature_question(&line.text)) else {
            self.health.stray_ok();
            if !self.counts_lines() {
                // Its line was taken for done by an `ok` too many.
                self.lose(Loss::Unaccounted);
            }
            return;
        };
        let missing = number - self.window.acked();
        if missing > 0 && !self.counts_lines() {
            self.health.oks_missing(missing);
            self.lose(Loss::Unaccounted);
            return;
        }
        if missing > 0 && !self.dialect.advanced_ok {
            self.health.oks_missing(missing);
        }
        self.believe_below(now, number + 1);
    }

    /// Where numbers are told in 16 bits: the whole one that is nearest to what is due.
    fn whole_number(&self, told: u32) -> u32 {
        if !self.dialect.traits.short_numbers || told > 0xFFFF {
            return told;
        }
        let due = self.window.acked();
        let low = |number: u32| u16::try_from(number & 0xFFFF).unwrap_or(0);
        let ahead = low(told).wrapping_sub(low(due)).cast_signed();
        due.saturating_add_signed(i32::from(ahead))
    }

    fn learn_queue(&mut self, ack: &Acknowledged) {
        let known = self.window.capacity().queue_slots;
        // Free slots at the moment of an `ok` are at most the queue less the command just done.
        let Some(free) = ack.slots_free.map(usize::from).filter(|free| *free > known && *free <= 32) else {
            return;
        };
        // One changed bit makes 7 of 3, and too much in flight loses lines: believe it when repeated.
        let (seen, times) = self.slots_seen;
        self.slots_seen = if seen == free { (free, times + 1) } else { (free, 1) };
        if self.slots_seen.1 >= SLOTS_BELIEVED {
            self.window.set_queue_slots(free);
        }
    }

    fn believe_below(&mut self, now: Moment, number: u32) {
        let first = self.window.acked();
        for line in (first..number.min(self.window.cursor())).filter_map(|line| self.window.get(line)) {
            self.health.latency(now.since(line.at));
        }
        if self.window.acknowledge_below(number) == 0 {
            return;
        }
        self.last_progress = now;
        self.asked_bytes = 0;
        self.refusals = 0;
        self.nonsense = 0;
        self.unclear = 0;
        self.contradiction = None;
        self.skips = 0;
        if let Some((timed, at)) = self.timing.filter(|(timed, _)| *timed < number) {
            if timed + 1 == number {
                self.turnaround = self.turnaround.min(now - at);
            }
            self.timing = None;
        }
        if let Some((_, count)) = self.doubtful.take_if(|(line, _)| *line < number) {
            // It took the line that it wanted.
            (0..count).for_each(|_| self.health.strayed());
        }
        if self.careful_until.is_some_and(|line| line < number) {
            self.careful_until = None;
        }
        if self.window.in_flight() == 0 {
            self.echo = None;
        }
        self.judge();
        self.send_again(now);
        if self.confirming && !self.counts_lines() && self.window.in_flight() == 0 {
            self.confirming = false;
            self.events.push(LinkEvent::Confirmed);
        }
    }

    /// `Error:… Last Line: n`: its `Resend` follows, and an `ok` that acknowledges nothing.
    pub fn handle_refused(&mut self, why: Refused, last: Option<u32>) {
        if !matches!(self.state, State::Unnumbered | State::Lost) {
            let wanted = last.and_then(|last| last.checked_add(1));
            self.refused = Some(Refusing { why, wanted });
        }
    }

    /// Asks, unless the greeting is still to come to that.
    fn ask_where(&mut self, now: Moment) {
        if !matches!(self.state, State::Streaming | State::Draining { .. } | State::Asking { .. }) {
            return;
        }
        self.unclear += 1;
        self.asked_bytes = 0;
        if self.unclear > UNCLEAR_MAX {
            self.lose(Loss::LineCount);
        } else if self.unclear == 1 {
            self.ask(now, 0);
        } else {
            // Whoever answers every question like that would be asked without a pause.
            let repeat_at = now + UNCLEAR_PAUSE * self.unclear;
            self.state = State::Asking { tries: 0, repeat_at };
        }
    }

    /// A request for a line whose number was damaged.
    pub fn handle_resend_unreadable(&mut self, now: Moment) {
        self.ignore_oks += u32::from(self.dialect.traits.ok_after_resend);
        match self.refused.take() {
            Some(Refusing { why, wanted: Some(wanted) }) => self.resend(now, wanted, Some(why)),
            _ => self.ask_where(now),
        }
    }

    pub fn handle_resend(&mut self, now: Moment, wanted: u32) {
        // Refusal and resend say the same number twice; where they differ one is damaged.
        let said_before = self.refused.take();
        self.ignore_oks += u32::from(self.dialect.traits.ok_after_resend);
        let said = said_before.and_then(|said| said.wanted);
        if let Some(said) = said.filter(|said| self.whole_number(*said) != self.whole_number(wanted)) {
            // Noise does not say the same wrong thing twice; then it is how this firmware counts.
            if self.contradiction.replace((said, wanted)) != Some((said, wanted)) {
                self.ask_where(now);
                return;
            }
        }
        self.resend(now, wanted, said_before.map(|said| said.why));
    }

    fn resend(&mut self, now: Moment, wanted: u32, why: Option<Refused>) {
        let wanted = self.whole_number(wanted);
        self.asked_bytes = 0;
        match self.state {
            State::Unnumbered | State::Lost => return,
            State::Settling { step: Settle::Hushed | Settle::Answered { .. } | Settle::Reset, .. } => return,
            State::Settling { step: Settle::Asked { .. }, tries, .. } if wanted == self.base + 1 => {
                let step = Settle::Answered { refused: true, ok_came: false };
                self.state = State::Settling { step, tries, until: now + RENUMBER_SETTLE };
                return;
            }
            // It took the question for its next line: it refuses no number ahead.
            State::Settling { step: Settle::Asked { runs: 1.., bare_runs, .. }, tries, .. }
                if wanted == self.question_number() + 1 =>
            {
                self.ran_question(now, RUNS_BELIEVED, bare_runs, tries);
                return;
            }
            State::Settling { step: Settle::Asked { .. }, tries, .. } => {
                self.state = State::Renumbering { tries, repeat_at: now };
                self.renumber_again(now);
                return;
            }
            // What `M110` was damaged to; it is repeated when its time is over.
            State::Renumbering { .. } => return,
            // That of the half line, or one that others have asked for: what is behind it is gone.
            State::Ending { latest, .. } => {
                self.state = State::Ending { until: now + RENUMBER_SETTLE, latest };
                return;
            }
            State::Counting { tries, said, .. } => {
                self.state =
                    State::Counting { tries, said, heard: Some(wanted), until: now + RENUMBER_SETTLE };
                return;
            }
            State::Streaming | State::Draining { .. } | State::Asking { .. } => {}
        }
        let asking = matches!(self.state, State::Asking { .. });
        self.doubtful.take_if(|(line, _)| *line < wanted);
        // A board that was reset wants line 1: obeying would print the part again over itself.
        let restarted = wanted <= self.base || (wanted == 1 && self.window.acked() > 1);
        if restarted || !self.window.may_rewind_to(wanted) {
            self.nonsense += 1;
            self.health.nonsense();
            self.judge();
            if self.nonsense >= NONSENSE_MAX {
                self.lose(Loss::LineCount);
            } else {
                self.ask_where(now);
            }
            return;
        }
        if wanted == self.window.next() {
            self.all_accepted(now, asking);
            return;
        }
        if !matches!(self.state, State::Draining { .. }) {
            // The question is refused for its number, whatever happened to the lines before it.
            self.health.resend(why.filter(|_| !asking));
            self.window.note_trouble();
            self.judge();
            self.refusals += 1;
            if self.refusals >= REFUSALS_MAX {
                self.lose(Loss::Noise);
                return;
            }
        }
        // If this answers the last question, the end is not the end: it is confirmed anew.
        self.confirming = false;
        // What is behind the refused line is still on the wire and will be refused, too.
        let behind = self.baud.time_of(self.window.in_flight_bytes());
        let until = now + behind + self.turnaround + self.turnaround / 2 + Duration::from_millis(2);
        self.state = State::Draining { wanted, until };
    }

    /// The printer wants the line after our last: it has all of them.
    fn all_accepted(&mut self, now: Moment, asked: bool) {
        if !asked {
            return;
        }
        // Accepted lines may still wait for their `ok`, but the board said nothing for long: lost.
        let next = self.window.next();
        self.state = State::Streaming;
        self.presumed |= self.window.acked() < next;
        self.health.oks_missing(next - self.window.acked());
        self.believe_below(now, next);
        self.last_progress = now;
        if self.confirming {
            self.confirming = false;
            self.events.push(LinkEvent::Confirmed);
        }
    }

    fn drained(&mut self, now: Moment, wanted: u32) {
        self.state = State::Streaming;
        let lost = self.window.acked() < wanted && self.window.in_flight() > 0 && !self.dialect.advanced_ok;
        if lost && now.since(self.last_progress) >= STALL {
            // Without numbers, `ok`s that have not come by now will not come.
            self.health.oks_missing(wanted - self.window.acked());
            self.window.acknowledge_below(wanted);
        }
        self.window.rewind_to(wanted);
        self.careful_until = Some(wanted);
        self.echo = None;
        // The `ok`s behind the requests have come by now, or were lost.
        self.ignore_oks = 0;
        self.bare_oks = 0;
        self.last_progress = now;
        self.timing = None;
        if self.packing {
            // A damaged byte changes two characters when packed, and some such pairs leave the checksum as
            // it was. One in twenty would pass unseen: no line is packed on a way that damages any.
            self.withdraw_packing();
        }
        // Ends a line that lost its newline; Marlin answers nothing to an empty one.
        self.end_line();
        self.send_again(now);
    }

    fn oldest_takes_long(&self) -> bool {
        self.window.oldest_in_flight().is_some_and(|line| takes_long(&line.text))
    }

    /// The board said that it works, not long ago.
    fn busy_until(&self) -> Moment {
        self.last_busy.map_or(Moment::ZERO, |busy| busy + BUSY_LASTS)
    }

    /// When no `ok` came for too long, or `None` while nothing is awaited.
    fn stalled_at(&self) -> Option<Moment> {
        if self.window.in_flight() == 0 {
            return None;
        }
        if !self.counts_lines()
            && self.window.find_in_flight(|line| is_temperature_question(&line.text)).is_some()
        {
            // It is asked already, and the answer waits for what is before it.
            return None;
        }
        // What takes long is trusted to say `busy`, where the board does that at all.
        let patience =
            if self.oldest_takes_long() && !self.dialect.says_busy { QUESTION_REPEAT_LONG } else { STALL };
        Some((self.last_progress + patience).max(self.busy_until()).max(self.hushed_until))
    }

    /// A command runs that may hold everything behind it back for minutes.
    pub fn is_held_up(&self) -> bool {
        self.oldest_takes_long()
    }

    /// When the board counts as lost, or `None` while nothing is awaited.
    fn lost_at(&self) -> Option<Moment> {
        let awaited = self.window.in_flight() > 0 || matches!(self.state, State::Asking { .. });
        // Where nobody says `busy`, a slow move is as silent as a dead board.
        let long = self.oldest_takes_long()
            || !self.counts_lines()
            || self.dialect.firmware == Firmware::Smoothieware;
        let patience = if long && !self.talks_meanwhile() { SILENCE_LONG } else { SILENCE };
        // While something long runs, who talks is alive; else only an answer counts.
        let talked = if long { self.last_heard + patience } else { Moment::ZERO };
        awaited.then(|| (self.last_progress + patience).max(self.busy_until() + patience).max(talked))
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Unnumbered | State::Lost => None,
            State::Renumbering { repeat_at, .. } => Some(repeat_at),
            State::Settling { until, .. }
            | State::Ending { until, .. }
            | State::Counting { until, .. }
            | State::Draining { until, .. } => Some(until),
            State::Streaming => self.stalled_at().or_else(|| self.lost_at()),
            State::Asking { repeat_at, .. } => {
                Some(self.lost_at().map_or(repeat_at, |lost| lost.min(repeat_at)))
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        match self.state {
            State::Renumbering { repeat_at, .. } if now >= repeat_at => self.renumber_again(now),
            State::Settling { step, tries, until } if now >= until => self.settled(now, step, tries),
            State::Ending { until, .. } if now >= until => self.count_again(now, 0, None),
            State::Counting { tries, said, heard, until } if now >= until => {
                self.counted(now, tries, said, heard);
            }
            State::Draining { wanted, until } if now >= until => self.drained(now, wanted),
            State::Streaming if self.stalled_at().is_some_and(|at| now >= at) => {
                self.window.note_trouble();
                self.ask(now, 0);
            }
            State::Streaming if self.lost_at().is_some_and(|at| now >= at) => self.lose(Loss::Silence),
            State::Asking { tries, repeat_at } => {
                if self.lost_at().is_some_and(|at| now >= at) {
                    self.lose(Loss::Silence);
                } else if now >= repeat_at {
                    if now < self.busy_until() {
                        // It will answer when it is done; more questions would only fill its buffer.
                        self.state = State::Asking { tries, repeat_at: self.busy_until() };
                    } else {
                        self.ask(now, tries);
                    }
                }
            }
            _ => {}
        }
    }

    /// The question was run, so often, or brought an `ok` and nothing else.
    fn ran_question(&mut self, now: Moment, runs: u32, bare_runs: u32, tries: u32) {
        let (step, patience) = if runs >= RUNS_BELIEVED || bare_runs >= BARE_RUNS_BELIEVED {
            (Settle::Answered { refused: false, ok_came: false }, RENUMBER_SETTLE)
        } else {
            self.question();
            (Settle::Asked { runs, bare_runs, ok_came: false }, RENUMBER_REPEAT)
        };
        self.state = State::Settling { step, tries, until: now + patience };
    }

    /// A step of the greeting has had its time.
    fn settled(&mut self, now: Moment, step: Settle, tries: u32) {
        match step {
            Settle::Hushed => {
                self.refused = None;
                self.reported = false;
                self.ignore_oks = 0;
                self.question();
                let step = Settle::Asked { runs: 0, bare_runs: 0, ok_came: false };
                self.state = State::Settling { step, tries, until: now + RENUMBER_REPEAT };
            }
            // One that does not refuse numbers behind may well refuse those ahead.
            Settle::Asked { runs, bare_runs, ok_came: true }
                if self.dialect.may_refuse_nothing() && (self.base < BEFORE_JOB || self.behind_fails) =>
            {
                self.ran_question(now, runs, bare_runs + 1, tries);
            }
            Settle::Asked { .. } => {
                self.behind_fails |= self.base >= BEFORE_JOB;
                self.state = State::Renumbering { tries, repeat_at: now };
                self.renumber_again(now);
            }
            Settle::Answered { refused: true, ok_came } => self.numbered(now, true, ok_came),
            Settle::Answered { refused: false, .. } => {
                // No newline before it: the line before was answered, and an empty one may get an `ok` of its own.
                self.write_renumbering();
                self.state = State::Settling { step: Settle::Reset, tries, until: now + RENUMBER_REPEAT };
            }
            Settle::Reset => self.numbered(now, false, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::Reply;

    const CAPACITY: Capacity = Capacity { receive_bytes: 127, queue_slots: 0 };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn hear(link: &mut Link, millis: u64, line: &str) {
        let now = at(millis);
        match Reply::parse(line.as_bytes()) {
            Reply::Ok(ack) => link.handle_ok(now, &ack),
            Reply::Resend(wanted) => link.handle_resend(now, wanted),
            Reply::Refused { why, last } => link.handle_refused(why, last),
            Reply::Busy(_) => link.handle_busy(now),
            Reply::UnknownCommand { text } => link.handle_unknown_command(text),
            Reply::Skip(number) => link.handle_skip(now, number),
            Reply::Wait => link.handle_wait(now),
            Reply::ResendUnreadable => link.handle_resend_unreadable(now),
            Reply::MeatPack(status) => link.handle_unpacker(status),
            _ => {}
        }
    }

    fn sent(link: &mut Link) -> String {
        let bytes = link.transmit().to_vec();
        link.transmitted(bytes.len());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A link that has agreed on numbers; `oks` are numbered if `advanced`.
    fn streaming(advanced: bool) -> Link {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        assert_eq!(sent(&mut link), "\nN0 M110 N0*125\n");
        hear(&mut link, 5, if advanced { "ok N0 P15 B3" } else { "ok" });
        confirm_numbers(&mut link, 70);
        link
    }

    fn confirm_numbers(link: &mut Link, millis: u64) {
        link.handle_timeout(at(millis));
        assert_eq!(sent(link), "\nN1000000 M105*38\n");
        hear(link, millis + 5, "Error:Line Number is not Last Line Number+1, Last Line: 0");
        hear(link, millis + 5, "Resend: 1");
        hear(link, millis + 5, "ok");
        link.handle_timeout(at(millis + 65));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
    }

    fn push(link: &mut Link, millis: u64, command: &str) {
        assert!(link.has_room(command.as_bytes()), "{command}");
        link.send(at(millis), Origin::Own, command.as_bytes().into());
    }

    #[test]
    fn the_first_numbered_line_after_hello_is_one() {
        let mut link = streaming(true);
        push(&mut link, 100, "G28 X Y");
        assert_eq!(sent(&mut link), "N1 G28 X Y*19\n");
        hear(&mut link, 200, "ok N1 P15 B3");
        assert!(link.is_idle());
    }

    #[test]
    fn a_board_that_boots_slowly_is_greeted_again_until_it_answers() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        for second in 1..5 {
            sent(&mut link);
            link.handle_timeout(at(second * 1000));
        }
        assert!(sent(&mut link).ends_with("\nN0 M110 N0*125\n"));
        hear(&mut link, 4100, "ok");
        confirm_numbers(&mut link, 4200);
    }

    #[test]
    fn the_ok_of_a_refused_renumbering_is_not_taken_for_its_answer() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "Error:checksum mismatch, Last Line: 3");
        hear(&mut link, 5, "Resend: 4");
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        sent(&mut link);
        hear(&mut link, 75, "Error:Line Number is not Last Line Number+1, Last Line: 3");
        hear(&mut link, 75, "Resend: 4");
        hear(&mut link, 75, "ok");
        assert_eq!(link.poll_event(), None);
        assert_eq!(sent(&mut link), "\nN0 M110 N0*125\n");
        hear(&mut link, 80, "ok");
        confirm_numbers(&mut link, 150);
    }

    #[test]
    fn a_firmware_that_does_not_look_at_numbers_answers_the_question_itself() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "ok T:20.0 /0.0 B:20.0 /0.0");
        assert_eq!(link.poll_event(), None, "once may be noise");
        hear(&mut link, 80, "ok T:20.0 /0.0 B:20.0 /0.0");
        link.handle_timeout(at(140));
        hear(&mut link, 145, "ok");
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
        assert_eq!(link.dialect().traits.refusal, Refusal::Drops);
    }

    #[test]
    fn a_question_that_is_put_off_and_is_under_way_already_is_waited_for() {
        // Farm, seed 14,809: the time to ask stayed over, and the printer's task never rested again.
        let mut link = uncounted(Firmware::Marlin20);
        push(&mut link, 1_000, "M105");
        sent(&mut link);
        hear(&mut link, 1_010, "Resend: 50");
        hear(&mut link, 1_020, "Resend: 50");
        let due = link.poll_timeout().unwrap();
        link.handle_timeout(due);
        let next = link.poll_timeout().unwrap();
        assert!(next > due, "{next:?}");
        assert_eq!(link.transmit(), b"");
        link.handle_timeout(next);
        let told: Vec<_> = std::iter::from_fn(|| link.poll_event()).collect();
        assert!(told.contains(&LinkEvent::Lost(Loss::Silence)), "{told:?}");
    }

    #[test]
    fn a_board_that_never_answers_is_given_up() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        for second in 1..60 {
            link.handle_timeout(at(second * 1000));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Silence)));
    }

    #[test]
    fn after_a_resend_nothing_is_sent_until_the_wire_is_quiet_then_from_the_wanted_line() {
        // transcripts/marlin-2.1.2.6-checksums_resend.txt: four in flight, the second corrupt.
        let mut link = streaming(true);
        for x in 23..27 {
            push(&mut link, 100, &format!("G1 X{x}"));
        }
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 2");
        hear(&mut link, 110, "ok");
        hear(&mut link, 111, "ok N1 P14 B3");
        assert_eq!(link.transmit(), b"");
        assert!(!link.has_room(b"G1 X99"));
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        assert_eq!(sent(&mut link), "\nN2 G1 X24*84\n");
        hear(&mut link, 200, "ok N2 P14 B3");
        assert_eq!(sent(&mut link), "N3 G1 X25*84\nN4 G1 X26*80\n");
    }

    #[test]
    fn further_resends_of_lines_that_were_in_flight_do_not_count_as_new() {
        let mut link = streaming(true);
        for x in 1..5 {
            push(&mut link, 100, &format!("G1 X{x}"));
        }
        sent(&mut link);
        for ms in [110, 112, 114] {
            hear(&mut link, ms, "Error:Line Number is not Last Line Number+1, Last Line: 0");
            hear(&mut link, ms, "Resend: 1");
            hear(&mut link, ms, "ok");
        }
        link.handle_timeout(at(300));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn without_numbers_the_ok_after_a_resend_acknowledges_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 2");
        hear(&mut link, 110, "ok");
        assert_eq!(link.window().acked(), 1);
        hear(&mut link, 112, "ok");
        assert_eq!(link.window().acked(), 2);
    }

    #[test]
    fn a_damaged_resend_is_read_from_its_error_line() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 110, "Rxsend: 1");
        hear(&mut link, 110, "ok");
        link.handle_timeout(at(300));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn a_resend_that_contradicts_its_error_line_is_asked_back() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        sent(&mut link);
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 1");
        hear(&mut link, 110, "Resend: 1");
        assert!(sent(&mut link).starts_with("\nN1000003 M105*"));
    }

    #[test]
    fn the_ok_of_a_command_that_was_sent_without_a_number_is_no_stray() {
        let mut link = streaming(true);
        push(&mut link, 100, "M600");
        sent(&mut link);
        link.send_bare(b"M876 S0");
        assert_eq!(sent(&mut link), "M876 S0\n");
        hear(&mut link, 110, "ok N1 P15 B2");
        hear(&mut link, 111, "ok P15 B3");
        assert_eq!((link.health().strays, link.health().stray_oks), (0, 0));
        hear(&mut link, 112, "ok P15 B3");
        assert_eq!(link.health().strays, 1, "only one of them");
    }

    #[test]
    fn a_lost_ok_is_asked_for_and_never_blindly_resent() {
        for advanced in [true, false] {
            let mut link = streaming(advanced);
            push(&mut link, 100, "G1 X1");
            sent(&mut link);
            link.handle_timeout(link.poll_timeout().unwrap());
            let question = sent(&mut link);
            assert!(question.starts_with("\nN1000002 M105*"), "{question}");
            hear(&mut link, 1200, "Error:Line Number is not Last Line Number+1, Last Line: 1");
            hear(&mut link, 1200, "Resend: 2");
            hear(&mut link, 1200, "ok");
            assert!(link.is_idle());
            assert_eq!(sent(&mut link), "");
        }
    }

    #[test]
    fn a_damaged_newline_is_found_by_asking() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        sent(&mut link);
        link.handle_timeout(at(1200));
        sent(&mut link);
        hear(&mut link, 1210, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 1210, "Resend: 1");
        hear(&mut link, 1210, "ok");
        link.handle_timeout(at(1400));
        assert_eq!(sent(&mut link), "\nN1 G1 X1*96\n");
    }

    #[test]
    fn a_busy_printer_is_not_asked() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X200 F100");
        for second in 1..20 {
            hear(&mut link, second * 2000, "echo:busy: processing");
            assert!(link.poll_timeout().unwrap() > at(second * 2000 + 2500));
        }
    }

    #[test]
    fn heating_on_a_board_that_never_says_busy_is_asked_seldom() {
        let mut link = streaming(true);
        push(&mut link, 100, "M109 S210");
        assert_eq!(link.poll_timeout(), Some(at(60_100)));
        link.handle_timeout(at(60_100));
        assert_eq!(link.poll_timeout(), Some(at(120_100)));
    }

    #[test]
    fn resend_one_in_mid_print_is_a_reset_and_is_never_obeyed() {
        let mut link = streaming(true);
        for n in 1..=5 {
            push(&mut link, 100, "G1 X1");
            hear(&mut link, 110, &format!("ok N{n} P15 B3"));
        }
        push(&mut link, 120, "G1 X1");
        sent(&mut link);
        let mut lost = None;
        for _ in 0..5 {
            hear(&mut link, 200, "Error:Line Number is not Last Line Number+1, Last Line: 0");
            hear(&mut link, 200, "Resend: 1");
            hear(&mut link, 200, "ok");
            assert!(!sent(&mut link).contains("N1 "));
            while let Some(event) = link.poll_event() {
                lost = Some(event);
            }
        }
        assert_eq!(lost, Some(LinkEvent::Lost(Loss::LineCount)));
    }

    #[test]
    fn an_unnumbered_ok_among_numbered_ones_acknowledges_nothing_and_is_counted() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        hear(&mut link, 105, "ok P14 B3");
        assert_eq!(link.window().acked(), 1);
        assert_eq!((link.health().stray_oks, link.health().strays), (1, 1));
    }

    #[test]
    fn a_line_that_lost_its_number_and_was_unknown_did_no_harm() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        hear(&mut link, 105, "echo:Unknown command: \"10001 G1 X1\"");
        hear(&mut link, 105, "ok P14 B3");
        assert_eq!((link.health().stray_oks, link.health().strays), (1, 0));
    }

    #[test]
    fn without_numbers_a_superfluous_ok_while_draining_acknowledges_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        hear(&mut link, 110, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 110, "Resend: 1");
        hear(&mut link, 110, "ok");
        hear(&mut link, 111, "ok");
        assert_eq!((link.window().acked(), link.health().strays), (1, 0));
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        hear(&mut link, 300, "ok");
        assert_eq!((link.window().acked(), link.health().strays), (2, 1), "it took the line that it wanted");
    }

    const BURST: [&[u8]; 5] = [b"M400", b"M106 S255", b"G4 P8000", b"M107", b"M400"];

    #[test]
    fn lines_go_together_only_while_nothing_is_under_way_and_then_each_has_room() {
        let mut link = streaming(true);
        push(&mut link, 100, "M105");
        assert!(!link.has_room_for_all(&BURST), "a question is under way");
        hear(&mut link, 110, "ok N1 P15 B3");
        sent(&mut link);
        assert!(link.has_room_for_all(&BURST) && link.has_room_for_all(&[]));
        for line in BURST {
            push(&mut link, 120, std::str::from_utf8(line).unwrap());
        }
        assert_eq!(sent(&mut link).lines().count(), BURST.len());
        // The third was damaged: until all is well again, no more than one goes at a time.
        hear(&mut link, 125, "ok N2 P15 B3");
        hear(&mut link, 125, "ok N3 P15 B3");
        hear(&mut link, 125, "Error:checksum mismatch, Last Line: 3");
        hear(&mut link, 125, "Resend: 4");
        hear(&mut link, 125, "ok");
        assert!(!link.has_room_for_all(&BURST));
    }

    #[test]
    fn lines_that_are_too_long_together_or_make_the_firmware_speak_do_not_go_together() {
        let mut link = streaming(true);
        let long = [b'M'; 60];
        assert!(link.has_room(&long) && !link.has_room_for_all(&[&long, &long]));
        assert!(!link.has_room_for_all(&[b"M400", b"M118 ok"]));
        assert!(link.has_room_for_all(&[b"M118 ok"]));
    }

    #[test]
    fn a_temperature_ok_acknowledges_everything_up_to_its_question() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "M105");
        push(&mut link, 100, "G1 X2");
        hear(&mut link, 110, "ok T:20.0 /0.0 B:20.0 /0.0 @:0 B@:0");
        assert_eq!(link.window().acked(), 3);
    }

    #[test]
    fn the_end_is_confirmed_only_by_the_firmwares_own_count() {
        let mut link = streaming(true);
        push(&mut link, 100, "M400");
        hear(&mut link, 110, "ok N1 P15 B3");
        link.confirm(at(120));
        assert!(!link.has_room(b"G1 X1"));
        hear(&mut link, 125, "ok N1 P15 B3");
        assert_eq!(link.poll_event(), None);
        hear(&mut link, 130, "Error:Line Number is not Last Line Number+1, Last Line: 1");
        hear(&mut link, 130, "Resend: 2");
        hear(&mut link, 130, "ok");
        assert_eq!(link.poll_event(), Some(LinkEvent::Confirmed));
    }

    #[test]
    fn a_line_that_noise_made_unknown_without_breaking_its_checksum_is_told() {
        // Bit 6 of two characters: the checksum is the same.
        for (advanced, ok) in [(true, "ok N1 P14 B3"), (false, "ok")] {
            let mut link = streaming(advanced);
            push(&mut link, 100, "G1 X12.5");
            hear(&mut link, 105, "echo:Unknown command: \"G1`Xq2.5\"");
            hear(&mut link, 105, ok);
            assert_eq!((link.window().acked(), link.health().strays), (2, 1));
            push(&mut link, 110, "M9862 P 1");
            hear(&mut link, 115, "echo:Unknown command: \"M9862 P 1\"");
            hear(&mut link, 115, &ok.replace("N1", "N2"));
            assert_eq!((link.window().acked(), link.health().strays), (3, 1), "the file's own");
        }
    }

    #[test]
    fn the_end_of_a_cut_line_that_is_no_command_has_done_nothing() {
        for tail in ["u23", "", "5 Y100 E1.25"] {
            let mut link = streaming(false);
            push(&mut link, 100, "G1 X124.5 Y100 E1.25");
            hear(&mut link, 105, &format!("echo:Unknown command: \"{tail}\""));
            hear(&mut link, 105, "ok");
            assert_eq!((link.window().acked(), link.health().strays), (1, 0), "{tail}");
        }
    }

    #[test]
    fn a_line_number_is_known_by_what_noise_has_left_of_it() {
        for text in [
            &b"13085 G1X124"[..],
            b"\x0e13085 G1X124",
            b"\xce13085 G1X124",
            "\u{fffd}13085 G1X124".as_bytes(),
            b"L28210 G1X12",
            b"\x1cN99 M105",
            b"KN99 M105",
            b"N99 M105",
            b"!N13085 G1X1",
            b"\x0eo4130 G1X72",
        ] {
            assert!(is_line_number(text), "{}", String::from_utf8_lossy(text));
        }
        for text in [&b"G1X124.487Y82"[..], b"M9862 P1", b"T1", b"", b"\xff", b"G1`Xq2.5", b"1"] {
            assert!(!is_line_number(text), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn without_numbers_the_ok_of_a_line_that_lost_its_number_acknowledges_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        hear(&mut link, 105, "echo:Unknown command: \"0001 G1 X1\"");
        hear(&mut link, 105, "ok");
        assert_eq!((link.window().acked(), link.health().stray_oks, link.health().strays), (1, 1, 0));
    }

    #[test]
    fn a_resend_in_answer_to_the_last_question_leaves_room_for_other_lines() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "M400");
        hear(&mut link, 105, "ok");
        hear(&mut link, 105, "ok");
        link.confirm(at(110));
        hear(&mut link, 115, "Error:Line Number is not Last Line Number+1, Last Line: 1");
        hear(&mut link, 115, "Resend: 2");
        hear(&mut link, 115, "ok");
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        sent(&mut link);
        hear(&mut link, 300, "ok");
        assert!(link.is_idle());
        assert!(link.has_room(b"M105"), "a temperature poll that waits must not wait for ever");
        assert_eq!(link.poll_event(), None);
    }

    #[test]
    fn a_line_that_never_gets_through_ends_the_link() {
        let mut link = streaming(true);
        push(&mut link, 100, "G1 X1");
        let mut now = 200;
        for _ in 0..REFUSALS_MAX + 1 {
            hear(&mut link, now, "Error:checksum mismatch, Last Line: 0");
            hear(&mut link, now, "Resend: 1");
            hear(&mut link, now, "ok");
            now += 500;
            link.handle_timeout(at(now));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Trouble(Some(LineTrouble::Noise))));
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Noise)));
    }

    /// A link to a firmware that runs the greeting's question instead of refusing it.
    fn uncounted(firmware: Firmware) -> Link {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(firmware));
        link.renumber(at(0), 0);
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "ok T:20.0 /0.0");
        hear(&mut link, 80, "ok T:20.0 /0.0");
        sent(&mut link);
        link.handle_timeout(at(140));
        assert!(sent(&mut link).contains("M110 N0*"), "its count went astray with the question");
        hear(&mut link, 145, "ok");
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
        sent(&mut link);
        link
    }

    #[test]
    fn a_firmware_that_drops_bad_lines_without_a_word_gets_one_line_at_a_time() {
        let mut link = uncounted(Firmware::RepRapFirmware);
        push(&mut link, 200, "G1 X1");
        assert!(!link.has_room(b"G1 X2"));
        hear(&mut link, 210, "ok");
        push(&mut link, 220, "G1 X2");
        let mut klipper = uncounted(Firmware::Klipper);
        push(&mut klipper, 200, "G1 X1");
        push(&mut klipper, 200, "G1 X2");
    }

    #[test]
    fn where_nothing_is_refused_a_missing_ok_ends_the_link_instead_of_anything_sent_twice() {
        let mut link = uncounted(Firmware::RepRapFirmware);
        push(&mut link, 200, "G1 X1");
        sent(&mut link);
        link.handle_timeout(at(1_300));
        assert_eq!(sent(&mut link), "N2 M105*37\n");
        hear(&mut link, 1_310, "ok T:20.0 /0.0");
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Unaccounted)));
    }

    #[test]
    fn where_nothing_is_refused_the_end_is_confirmed_by_an_answer_behind_all_others() {
        let mut link = uncounted(Firmware::Klipper);
        push(&mut link, 200, "G1 X1");
        hear(&mut link, 210, "ok");
        link.confirm(at(220));
        assert!(!link.has_room(b"G1 X2"));
        assert_eq!(link.poll_event(), None);
        hear(&mut link, 230, "ok B:29.3 /0.0 T0:27.9 /0.0");
        assert_eq!(link.poll_event(), Some(LinkEvent::Confirmed));
    }

    #[test]
    fn no_empty_line_goes_to_a_firmware_that_would_answer_it() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Smoothieware));
        link.renumber(at(0), 0);
        assert_eq!(sent(&mut link), "N0 M110 N0*125\n");
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        sent(&mut link);
        hear(&mut link, 75, "rs N1");
        link.handle_timeout(at(140));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
        push(&mut link, 150, "G1 X1");
        push(&mut link, 150, "G1 X2");
        hear(&mut link, 160, "ok");
        hear(&mut link, 161, "rs N2");
        let until = link.poll_timeout().unwrap();
        sent(&mut link);
        link.handle_timeout(until);
        assert_eq!(sent(&mut link), "N2 G1 X2*96\n");
        // No `ok` came behind `rs`, so none is ignored.
        hear(&mut link, 400, "ok");
        assert!(link.is_idle());
    }

    #[test]
    fn line_numbers_that_are_told_in_sixteen_bits_mean_the_nearest_line() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Repetier));
        link.renumber(at(0), 65_534);
        hear(&mut link, 5, "ok 65534");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "Error:expected line 65535 got 1065535");
        hear(&mut link, 75, "Resend:65535");
        hear(&mut link, 75, "ok");
        link.handle_timeout(at(140));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
        for x in 1..5 {
            push(&mut link, 150, &format!("G1 X{x}"));
        }
        hear(&mut link, 160, "ok 65535");
        hear(&mut link, 160, "ok 0");
        assert_eq!(link.window().acked(), 65_537);
        sent(&mut link);
        hear(&mut link, 170, "Error:Wrong checksum");
        hear(&mut link, 170, "Resend:1");
        hear(&mut link, 170, "ok");
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        assert!(sent(&mut link).starts_with("\nN65537 G1X3*"));
    }

    #[test]
    fn the_ok_behind_a_skipped_line_acknowledges_nothing() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Repetier));
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "ok");
        confirm_numbers(&mut link, 70);
        push(&mut link, 200, "G1 X1");
        hear(&mut link, 210, "skip 1");
        hear(&mut link, 210, "ok");
        assert_eq!(link.window().acked(), 1);
        hear(&mut link, 220, "ok");
        assert!(link.is_idle());
    }

    #[test]
    fn a_question_that_is_skipped_is_asked_again_at_once() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Repetier));
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "ok");
        confirm_numbers(&mut link, 70);
        push(&mut link, 200, "G1 X1");
        link.handle_timeout(at(1_300));
        sent(&mut link);
        hear(&mut link, 1_310, "skip 1000002");
        assert!(sent(&mut link).contains("N1000002 M105"));
    }

    #[test]
    fn an_idle_board_is_asked_at_once_for_what_it_should_be_doing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        sent(&mut link);
        hear(&mut link, 200, "wait");
        assert_eq!(link.transmit(), b"", "the line may be on its way still");
        hear(&mut link, 400, "wait");
        assert!(sent(&mut link).contains("M105"));
    }

    #[test]
    fn what_a_file_makes_the_firmware_say_answers_nothing() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        assert!(!link.has_room(b"M118 ok"), "it goes alone");
        hear(&mut link, 110, "ok");
        push(&mut link, 120, "M118 E1 ok");
        assert!(!link.has_room(b"G1 X2"), "nothing goes with it");
        assert!(link.is_echo(b"echo:ok"));
        assert!(!link.is_echo(b"echo:ok"), "only once");
        assert!(!link.is_idle());
        hear(&mut link, 130, "ok");
        assert!(link.is_idle());
        push(&mut link, 140, "G1 X2");
    }

    #[test]
    fn a_command_takes_as_long_with_a_space_behind_its_code_as_without() {
        for command in ["G4 P500", "G4P500", "G28", "G28X", "M109S210", "M190 S60", "T1"] {
            assert!(takes_long(command.as_bytes()), "{command}");
        }
        for command in ["G1 X4", "G1X28", "M104S210", "G280", "", "G"] {
            assert!(!takes_long(command.as_bytes()), "{command}");
        }
    }

    #[test]
    fn a_board_that_does_not_refuse_numbers_behind_is_asked_with_one_ahead() {
        let mut link = streaming(false);
        link.renumber(at(1_000), BEFORE_JOB);
        hear(&mut link, 1_005, "ok");
        link.handle_timeout(at(1_070));
        assert!(sent(&mut link).contains("N99 M105"));
        // It says nothing, or something else.
        hear(&mut link, 1_080, "ok");
        link.handle_timeout(at(2_100));
        hear(&mut link, 2_105, "ok");
        link.handle_timeout(at(2_200));
        assert!(sent(&mut link).contains("N1009999 M105"));
        hear(&mut link, 2_205, "Error:Line Number is not Last Line Number+1, Last Line: 9999");
        hear(&mut link, 2_205, "Resend: 10000");
        link.handle_timeout(at(2_300));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
    }

    #[test]
    fn a_board_that_is_busy_when_it_is_greeted_is_waited_for() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        let mut bytes = 0;
        for second in 0..60 {
            if second % 2 == 0 {
                hear(&mut link, second * 1_000 + 10, "echo:busy: processing");
            }
            link.handle_timeout(at(second * 1_000 + 500));
            bytes += sent(&mut link).len();
        }
        assert_eq!(link.poll_event(), None);
        assert!(bytes <= 127, "{bytes} bytes wait in its buffer");
        hear(&mut link, 60_000, "ok");
        confirm_numbers(&mut link, 60_100);
    }

    #[test]
    fn a_slow_move_of_a_firmware_that_never_says_busy_is_waited_for() {
        let mut link = uncounted(Firmware::RepRapFirmware);
        push(&mut link, 200, "G1 Z200 F100");
        for second in 1..800 {
            link.handle_timeout(at(second * 1_000));
        }
        assert_eq!(link.poll_event(), None);
    }

    #[test]
    fn the_text_of_m118_stands_behind_its_parameters() {
        let cases: [(&[u8], Option<&[u8]>); 8] = [
            (b"M118 ok", Some(b"ok")),
            (b"M118ok", Some(b"ok")),
            (b"m118 ok", Some(b"ok")),
            (b"M118 A1 P0 action:cancel", Some(b"action:cancel")),
            (b"M118 E1 Resend: 1", Some(b"Resend: 1")),
            (b"M118 Path P1", Some(b"Path P1")),
            (b"M1180 ok", None),
            (b"M117 ok", None),
        ];
        for (command, text) in cases {
            assert_eq!(spoken(command), text);
        }
    }

    #[test]
    fn a_queue_is_learnt_from_oks_without_numbers_too() {
        let mut link = streaming(false);
        for x in 0..SLOTS_BELIEVED {
            push(&mut link, 100, &format!("G1 X{x}"));
            hear(&mut link, 110, "ok P15 B3");
        }
        assert_eq!(link.window().capacity().queue_slots, 3);
        assert!(link.health().planner_told);
    }

    #[test]
    fn a_board_that_answers_every_question_by_a_bare_ok_is_taken_for_one_that_refuses_nothing() {
        for late_report in [false, true] {
            let mut link = Link::new(Baud(115_200), CAPACITY, None);
            link.renumber(at(0), 0);
            hear(&mut link, 5, "ok");
            let mut now = 70;
            let mut questions = 0;
            for _ in 0..100 {
                let asked = sent(&mut link);
                questions += u32::from(asked.contains("M105"));
                if !asked.is_empty() {
                    hear(&mut link, now, "ok");
                }
                if late_report && asked.contains("M105") {
                    link.handle_report();
                }
                now += 50;
                link.handle_timeout(at(now));
            }
            assert!((2..=BARE_RUNS_BELIEVED).contains(&questions), "{questions}");
            assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
            assert!(!link.counts_lines());
        }
    }

    #[test]
    fn a_question_that_is_passed_over_was_not_run() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        hear(&mut link, 5, "ok");
        let mut now = 70;
        for _ in 0..100 {
            link.handle_timeout(at(now));
            let asked = sent(&mut link);
            if asked.contains("M105") {
                hear(&mut link, now, "skip 1000000");
            }
            if !asked.is_empty() {
                hear(&mut link, now, "ok");
            }
            now += 50;
        }
        assert_eq!(link.poll_event(), None);
    }

    #[test]
    fn an_idle_board_that_refuses_nothing_and_does_not_answer_is_given_up() {
        let mut link = uncounted(Firmware::RepRapFirmware);
        push(&mut link, 200, "G1 X1");
        for millis in (300..2_000).step_by(100) {
            hear(&mut link, millis, "wait");
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Unaccounted)));
    }

    #[test]
    fn a_refusal_behind_a_bare_ok_still_counts() {
        let mut link = Link::new(Baud(115_200), CAPACITY, None);
        link.renumber(at(0), 0);
        hear(&mut link, 5, "ok");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "ok");
        hear(&mut link, 80, "Error:Line Number is not Last Line Number+1, Last Line: 0");
        hear(&mut link, 80, "Resend: 1");
        hear(&mut link, 80, "ok");
        link.handle_timeout(at(200));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
        assert!(link.counts_lines());
    }

    #[test]
    fn questions_in_a_long_silence_never_fill_more_than_the_receive_buffer() {
        let mut link = streaming(false);
        while link.has_room(b"G1 X100 Y100") {
            push(&mut link, 100, "G1 X100 Y100");
        }
        let mut all = sent(&mut link);
        for millis in (1_000..89_000).step_by(100) {
            link.handle_timeout(at(millis));
            all += &sent(&mut link);
        }
        assert!((100..=127).contains(&all.len()), "{all:?}");
        assert!(all.ends_with("\n\n"), "the question's newline may be lost: {all:?}");
        assert_eq!(link.health().in_flight_max, all.len() as u64, "questions count");
    }

    #[test]
    fn a_board_that_would_say_that_it_is_busy_is_asked_again_however_much_may_be_unread() {
        let mut link = streaming(false);
        push(&mut link, 100, "G28");
        hear(&mut link, 1_900, "echo:busy: processing");
        hear(&mut link, 2_000, "ok");
        while link.has_room(b"G1 X100 Y100") {
            push(&mut link, 2_100, "G1 X100 Y100");
        }
        sent(&mut link);
        let mut questions = 0;
        for millis in (3_000..40_000).step_by(100) {
            link.handle_timeout(at(millis));
            questions += sent(&mut link).matches("M105").count();
        }
        assert!(questions > 2, "it was deaf for a while, and all is lost: {questions}");
    }

    #[test]
    fn a_board_that_contradicts_itself_is_asked_with_pauses_and_given_up() {
        let cases: [&[&str]; 4] = [
            &["Resend: -5", "ok"],
            &["Resend:", "ok"],
            &["Resend: 99999999999999", "ok"],
            &["Error:checksum mismatch, Last Line: 0", "Resend: 5", "ok"],
        ];
        for (index, answers) in cases.into_iter().enumerate() {
            let mut link = streaming(false);
            push(&mut link, 100, "G1 X1");
            push(&mut link, 100, "G1 X2");
            let mut questions = 0;
            for millis in 200..60_000 {
                let asked = sent(&mut link).matches("M105").count();
                questions += asked;
                if asked > 0 || millis == 200 {
                    for (number, answer) in answers.iter().enumerate() {
                        // Not the same twice, or it would be believed.
                        let odd = if index == 3 && number == 1 {
                            format!("Resend: {}", 5 + millis)
                        } else {
                            (*answer).into()
                        };
                        hear(&mut link, millis, &odd);
                    }
                }
                link.handle_timeout(at(millis));
            }
            assert!((2..=10).contains(&questions), "{answers:?}: {questions}");
            let lost = std::iter::from_fn(|| link.poll_event()).last();
            assert_eq!(lost, Some(LinkEvent::Lost(Loss::LineCount)), "{answers:?}");
        }
    }

    #[test]
    fn a_contradiction_that_comes_twice_is_how_this_firmware_counts() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        push(&mut link, 100, "G1 X2");
        sent(&mut link);
        for millis in [200, 300] {
            hear(&mut link, millis, "Error:checksum mismatch, Last Line: 7");
            hear(&mut link, millis, "Resend: 1");
            hear(&mut link, millis, "ok");
        }
        let until = link.poll_timeout().unwrap();
        sent(&mut link);
        link.handle_timeout(until);
        assert!(sent(&mut link).contains("N1 G1"));
    }

    #[test]
    fn a_request_in_sixteen_bits_does_not_contradict_a_whole_number() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Repetier));
        link.renumber(at(0), 70_000);
        hear(&mut link, 5, "ok 70000");
        link.handle_timeout(at(70));
        hear(&mut link, 75, "Error:expected line 70001 got 1070001");
        hear(&mut link, 75, "Resend:4465");
        hear(&mut link, 75, "ok");
        link.handle_timeout(at(140));
        assert_eq!(link.poll_event(), Some(LinkEvent::Renumbered));
    }

    #[test]
    fn oks_behind_a_request_that_noise_has_made_prove_no_stray() {
        let mut link = streaming(false);
        for x in 0..4 {
            push(&mut link, 100, &format!("G1 X{x}"));
        }
        hear(&mut link, 105, "ok");
        hear(&mut link, 106, "ok");
        // It was nothing of the kind, and the board goes on.
        hear(&mut link, 107, "Resend: 2");
        hear(&mut link, 108, "ok");
        hear(&mut link, 109, "ok");
        hear(&mut link, 109, "ok");
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        assert!(sent(&mut link).contains("N2 "));
        hear(&mut link, 200, "Error:Line Number is not Last Line Number+1, Last Line: 4");
        hear(&mut link, 200, "Resend: 5");
        hear(&mut link, 200, "ok");
        assert_eq!(link.health().strays, 0);
    }

    #[test]
    fn the_text_of_m118_may_stand_in_quotes() {
        let mut link = streaming(false);
        for command in ["M118 P0 S\"ok\"", "M118 S\"ok\" P0", "M118 S\"ok", "M118 P0 S\" ok \" L1"] {
            push(&mut link, 100, command);
            assert!(link.is_echo(b"ok"), "{command}");
            assert!(!link.is_idle());
            hear(&mut link, 110, "ok");
            assert!(link.is_idle());
        }
        push(&mut link, 100, "M118 S\"say \"\"ok\"\"\"");
        assert!(link.is_echo(b"say \"ok\""));
    }

    #[test]
    fn lines_go_packed_once_the_firmware_says_that_it_unpacks_and_a_stop_goes_plain() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "ok N0 P15 B3");
        confirm_numbers(&mut link, 70);
        link.offer_packing();
        assert_eq!(link.transmit(), meatpack::ENABLE);
        link.transmitted(6);
        assert!(link.may_unpack(), "its answer may be on its way");
        hear(&mut link, 200, "[MP] PV01 ON ESP");
        assert!(!link.is_packing());
        hear(&mut link, 200, "[MP] PV01 ON NSP");
        push(&mut link, 210, "G1 X10.500 Y2");
        let mut unpacked = Vec::new();
        meatpack::pack(&mut unpacked, b"N1G1X10.5Y2*32\n");
        assert_eq!(link.transmit(), unpacked);
        link.preempt(b"\nM112\n");
        assert_eq!(link.transmit(), b"\xCC\xCC\xCC\xFF\xFF\xFA\nM112\n");
    }

    /// When something goes out that `is_wanted` picks, in milliseconds.
    fn times(link: &mut Link, millis: std::ops::Range<u64>, is_wanted: fn(&str) -> bool) -> Vec<u64> {
        let wanted = |millis: &u64| {
            link.handle_timeout(at(*millis));
            is_wanted(&sent(link))
        };
        millis.step_by(10).filter(wanted).collect()
    }

    fn is_question(sent: &str) -> bool {
        sent.contains("M105")
    }

    #[test]
    fn a_half_line_is_ended_and_its_refusal_over_before_the_count_is_asked() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.count(at(0), 10_050, false);
        assert_eq!(sent(&mut link), "\n");
        hear(&mut link, 20, "Error:No Checksum with line number, Last Line: 10049");
        hear(&mut link, 20, "Resend: 10050");
        hear(&mut link, 20, "ok");
        assert_eq!(times(&mut link, 20..90, is_question), [80]);
        for millis in [90, 160] {
            assert_eq!(link.poll_event(), None, "what a half line said is no answer to ours");
            hear(&mut link, millis, "Error:Line Number is not Last Line Number+1, Last Line: 10049");
            hear(&mut link, millis, "Resend: 10050");
            hear(&mut link, millis, "ok");
            link.handle_timeout(at(millis + 65));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Counted(10_050)));

        let mut quiet = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        quiet.count(at(0), 10_050, false);
        assert_eq!(times(&mut quiet, 0..400, is_question), [250]);

        let mut stopped = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        stopped.count(at(0), 10_050, false);
        sent(&mut stopped);
        stopped.preempt(b"\nM112\n");
        assert_eq!(sent(&mut stopped), "\nM112\n", "a stop waits for nothing");
        assert_eq!(stopped.poll_timeout(), None, "and nothing is asked behind it");
    }

    #[test]
    fn who_answers_what_others_have_sent_is_waited_for_before_the_count_is_asked_and_not_for_ever() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.count(at(0), 10_050, false);
        for millis in (200..400).step_by(50) {
            assert!(times(&mut link, millis..millis + 50, is_question).is_empty(), "{millis}");
            hear(&mut link, millis + 50, "ok");
        }
        assert_eq!(times(&mut link, 400..600, is_question), [460]);

        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.count(at(0), 10_050, false);
        let mut asked = Vec::new();
        for millis in (0..2_500).step_by(10) {
            hear(&mut link, millis, "ok");
            asked.extend(times(&mut link, millis..millis + 10, is_question));
        }
        assert_eq!(asked, [2_000]);
    }

    #[test]
    fn a_board_that_reads_nothing_gets_no_more_than_others_have_left_room_for() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.count(at(0), 10_050, false);
        let mut all = String::new();
        for millis in (0..7_000).step_by(10) {
            link.handle_timeout(at(millis));
            all += &sent(&mut link);
        }
        assert!(all.trim_end().len() < SHORT_QUESTION_BYTES, "{all:?}");
        assert_eq!(all.matches("M105").count(), 1, "{all:?}");
        // By now it would have said that it is busy: it has read what there was.
        assert_eq!(times(&mut link, 7_000..8_000, is_question), [7_250]);
    }

    #[test]
    fn a_board_that_goes_on_reading_is_asked_for_its_count_again_soon() {
        let asked_again = |answer: &str| {
            let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
            link.count(at(0), 10_050, false);
            assert_eq!(times(&mut link, 0..500, is_question), [250]);
            hear(&mut link, 500, answer);
            times(&mut link, 500..8_000, is_question).first().copied()
        };
        assert_eq!(asked_again("ok"), Some(1_250));
        assert_eq!(asked_again("echo:Unknown command: \"99 M105\""), Some(1_250));
        assert_eq!(asked_again("echo:busy: processing"), Some(7_000));
    }

    #[test]
    fn a_stop_goes_plain_to_a_board_that_was_left_unpacking_or_has_not_answered_the_offer() {
        let stop = [meatpack::END_ANY_LINE, meatpack::DISABLE, b"\nM112\n"].concat();
        let mut left = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        left.count(at(0), 70, true);
        left.preempt(b"\nM112\n");
        assert_eq!(left.transmit(), stop);

        let mut asked = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        asked.renumber(at(0), 0);
        sent(&mut asked);
        hear(&mut asked, 5, "ok N0 P15 B3");
        asked.offer_packing();
        asked.transmitted(6);
        asked.preempt(b"\nM112\n");
        assert_eq!(asked.transmit(), stop);

        let mut unknown = Link::new(Baud(115_200), CAPACITY, None);
        unknown.preempt(b"\nM112\n");
        assert_eq!(unknown.transmit(), stop, "somebody before us may have left it so");

        let mut plain = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        plain.preempt(b"\nM112\n");
        assert_eq!(plain.transmit(), b"\nM112\n");
    }

    #[test]
    fn no_line_is_packed_any_more_once_one_was_damaged() {
        let mut link = Link::new(Baud(115_200), CAPACITY, Some(Firmware::Marlin21));
        link.renumber(at(0), 0);
        sent(&mut link);
        hear(&mut link, 5, "ok N0 P15 B3");
        confirm_numbers(&mut link, 70);
        hear(&mut link, 200, "[MP] PV01 ON NSP");
        push(&mut link, 210, "G1 X10.500 Y2");
        sent(&mut link);
        hear(&mut link, 220, "Error:checksum mismatch, Last Line: 0");
        hear(&mut link, 220, "Resend: 1");
        let until = link.poll_timeout().unwrap();
        link.handle_timeout(until);
        assert_eq!(link.transmit(), b"\xFF\xFF\xFA\n\nN1 G1X10.5Y2*0\n");
    }

    #[test]
    fn a_board_that_is_busy_with_something_long_is_alive_while_it_talks() {
        let mut link = streaming(false);
        push(&mut link, 100, "M190 R40");
        for second in 1..1_000 {
            link.handle_sign_of_life(at(second * 1_000));
            link.handle_timeout(at(second * 1_000));
        }
        assert_eq!(link.poll_event(), None);
    }

    #[test]
    fn who_talks_but_never_answers_is_given_up() {
        let mut link = streaming(false);
        push(&mut link, 100, "G1 X1");
        for second in 1..100 {
            link.handle_sign_of_life(at(second * 1_000));
            link.handle_timeout(at(second * 1_000));
        }
        assert_eq!(link.poll_event(), Some(LinkEvent::Lost(Loss::Silence)));
    }
}
