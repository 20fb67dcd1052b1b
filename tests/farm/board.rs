//! A simulated printer with a witness beside it: which job it may run, and whether each line it ran is the next.

use std::task::Waker;

use hw_sim::canonical::{distance, spelled};
use hw_sim::faults::Fault;
use hw_sim::ledger::Manner;
use hw_sim::rig::{Rig, RigConfig};
use platen::domain::ids::{JobId, PrinterName};

use crate::invariants::Broken;
use crate::schedule::{self, is_noisy_way};

/// What a host asks for itself, and what it switches off.
const OWN: [&str; 26] = [
    "M105",
    "M110",
    "M112",
    "M113",
    "M114",
    "M115",
    "M119",
    "M154",
    "M155",
    "M400",
    "M409",
    "M108",
    "M876",
    "M503",
    "M999",
    "M104 S0",
    "M104 T0 S0",
    "M104 T1 S0",
    "M140 S0",
    "M141 S0",
    "M107",
    "M84",
    "M85",
    "M18",
    "M410",
    "M602",
];
/// What a pause puts back: nothing that moves.
const PUT_BACK: [&str; 9] = ["M83", "M82", "G90", "G91", "G1 F", "M104 S", "M140 S", "M109 S", "M190 S"];

fn begins(line: &str, with: &str) -> bool {
    line.strip_prefix(with).is_some_and(|rest| {
        with.ends_with(['S', 'F']) || !rest.starts_with(|next: char| next.is_ascii_digit())
    })
}

fn is_own(line: &str) -> bool {
    OWN.iter().any(|own| begins(line, own))
}

/// Whether a line moves or heats, as it goes over the wire.
fn acts(line: &str) -> bool {
    let line = line.trim();
    // A number and a checksum around the command.
    let line =
        line.strip_prefix('N').map_or(line, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let line = line.split('*').next().unwrap_or_default().trim();
    let letter = line.bytes().next().unwrap_or(b'M');
    let digits: String = line.chars().skip(1).take_while(char::is_ascii_digit).collect();
    let code: u32 = digits.parse().unwrap_or(9_999);
    let heats = || line.contains(['S', 'R']) && !line.ends_with("S0");
    match letter {
        b'G' => !matches!(code, 90..=92),
        b'T' => true,
        b'M' => matches!(code, 104 | 109 | 140 | 141 | 190 | 191) && heats(),
        _ => false,
    }
}

/// What a daemon may send to a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Questions, and heaters off.
    Ask,
    /// This job was running when the daemon began, on a board that has not started anew, or is held after a gap: if all
    /// is proven.
    GoOn(JobId),
    /// Its start is in the journal.
    Print(JobId),
}

/// A job as the board ran it.
#[derive(Clone, Debug)]
struct Running {
    job: JobId,
    lines: Vec<String>,
    done: usize,
    /// When the board started anew or halted since, µs: nothing of it may be run any more.
    dead: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) name: PrinterName,
    pub(crate) rig: Rig,
    /// Firmware that refuses what is not the next line.
    counts: bool,
    /// Bytes to it were damaged or lost: what noise alone can do to a line is excused.
    noisy: bool,
    /// The way to it stood still, so what waits there tells nothing.
    stalled: bool,
    /// The cable was pulled out of a board that looks at no checksums.
    cut: bool,
    /// Noise did it.
    pub(crate) spoiled: bool,
    running: Option<Running>,
    /// Executed lines that were looked at.
    checked: usize,
    /// Times it started anew or halted.
    lives: u64,
    pub(crate) may: May,
    /// It moved in this life of the daemon without a start in it.
    went_on: bool,
    line: Vec<u8>,
    last_numbered: Option<(Vec<u8>, u64)>,
    /// Planted: the last line goes out again when nothing was heard for a while.
    pub(crate) resends_unasked: bool,
    pub(crate) broken: Option<Broken>,
    pub(crate) waker: Option<Waker>,
}

/// What was said just before the board started anew may still be believed, µs.
const ON_ITS_WAY_US: u64 = 200_000;
/// The impatience of the planted bug, µs.
const IMPATIENCE_US: u64 = 1_500_000;

impl Board {
    pub(crate) fn new(at: usize, plan: &schedule::Printer, seed: u64) -> Self {
        let seed = seed.wrapping_mul(31).wrapping_add(at as u64);
        let mut config = RigConfig::new(plan.face, 115_200, plan.latency_us, seed);
        config.firmware.uuid = format!("6f1e0c52-000{at}-4000-8000-5a4c0f9e000{at}");
        config.firmware.machine_type = format!("Farm {at}");
        config.firmware.prevent_cold_extrusion = false;
        config.firmware.reset_on_open = plan.reset_on_open;
        config.firmware.record_lines = true;
        config.firmware.home_us = 3_000_000;
        if !is_noisy_way(plan.face) {
            // Native USB has flow control: what the ring has no room for waits in the kernel.
            config.firmware.rx_buffer = config.firmware.rx_buffer.max(64 * 1024);
        }
        Self {
            name: format!("p-{at}").parse().unwrap(),
            rig: Rig::new(config),
            counts: is_noisy_way(plan.face),
            noisy: false,
            stalled: false,
            cut: false,
            spoiled: false,
            running: None,
            checked: 0,
            lives: 0,
            may: May::Ask,
            went_on: false,
            line: Vec::new(),
            last_numbered: None,
            resends_unasked: false,
            broken: None,
            waker: None,
        }
    }

    fn broke(&mut self, rule: &'static str, text: String) {
        let name = &self.name;
        self.broken.get_or_insert_with(|| Broken { rule: rule.into(), text: format!("{name}: {text}") });
    }

    /// What is known to be lost or changed on the way to the board.
    fn note_noise(&mut self, fault: &Fault) {
        use hw_sim::faults::Direction::ToDevice;
        self.noisy |= matches!(fault, Fault::Noise { direction: ToDevice, .. } | Fault::Deaf { .. });
        self.stalled |= matches!(fault, Fault::Stall { direction: ToDevice, .. });
        // What was on the cable is cut; nothing but a checksum tells a firmware that a line is.
        self.cut |= matches!(fault, Fault::Disconnect) && !self.counts;
    }

    pub(crate) fn inject(&mut self, now: u64, fault: &Fault) {
        self.note_noise(fault);
        self.check(now);
        self.rig.inject(now, fault);
        self.check(now);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The journal has the start of a job.
    pub(crate) fn begin(&mut self, now: u64, job: &JobId, lines: &[String]) {
        self.check(now);
        self.may = May::Print(job.clone());
        self.went_on = false;
        self.spoiled = false;
        self.running = Some(Running { job: job.clone(), lines: lines.to_vec(), done: 0, dead: None });
    }

    /// The journal has its end.
    pub(crate) fn end(&mut self, now: u64) {
        self.check(now);
        self.may = May::Ask;
    }

    /// A job is held for a person after a gap: what is sent then has to be proven, however long that takes.
    pub(crate) fn hold(&mut self) {
        if let May::Print(job) = &self.may {
            self.may = May::GoOn(job.clone());
        }
    }

    /// Whether a daemon that asks could see that the board started anew.
    fn could_know(now: u64, dead: Option<u64>) -> bool {
        dead.is_some_and(|dead| dead + ON_ITS_WAY_US < now)
    }

    /// The journal says that it went on after a daemon had ended.
    pub(crate) fn continued(&mut self, now: u64, job: &JobId, confirmed: u64) {
        self.check(now);
        let Some(running) = self.running.as_ref().filter(|running| running.job == *job) else {
            return self.broke("recovery", format!("{job} went on, and the board never began it"));
        };
        // Where nothing counts lines, what was lost shows here.
        let (dead, done) = (running.dead, running.done as u64);
        if Self::could_know(now, dead) {
            self.broke("recovery", format!("{job} went on, on a board that had started anew"));
        } else if confirmed > done {
            self.broke("recovery", format!("{job} went on after line {confirmed}, and {done} were run"));
        }
        self.went_on = false;
        self.may = May::Print(job.clone());
    }

    /// The journal says that it is printed, exactly.
    pub(crate) fn printed(&mut self, now: u64, job: &JobId) {
        self.check(now);
        let went_on = self.went_on;
        let Some(running) = &mut self.running else { return };
        running.skip_pauses();
        let (done, all) = (running.done, running.lines.len());
        if running.job == *job
            && (done == all || self.spoiled)
            && self.rig.firmware().is_standing()
            && !went_on
        {
            return;
        }
        let standing = self.rig.firmware().is_standing();
        self.broke(
            "printed",
            format!("{job} is called printed: {done} of {all} lines run, standing {standing}, continued untold {went_on}"),
        );
    }

    /// A daemon begins; `job` is what it left running, as far as the journal knows.
    pub(crate) fn meet_daemon(&mut self, now: u64, job: Option<&JobId>) {
        self.check(now);
        let alive = |running: &&Running| running.dead.is_none() && Some(&running.job) == job;
        self.may = self.running.as_ref().filter(alive).map_or(May::Ask, |it| May::GoOn(it.job.clone()));
        (self.went_on, self.last_numbered) = (false, None);
        self.line.clear();
    }

    /// Bytes that the daemon has written.
    pub(crate) fn write(&mut self, now: u64, bytes: &[u8]) {
        self.rig.host_write(now, bytes);
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                self.line.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let text = String::from_utf8_lossy(&line).into_owned();
            if acts(&text) {
                match &self.may {
                    May::Print(_) => {}
                    May::GoOn(_) if Self::could_know(now, self.running.as_ref().and_then(|it| it.dead)) => {
                        self.broke("recovery", format!("{text:?} was sent to a board that had started anew"));
                    }
                    May::GoOn(_) => self.went_on = true,
                    May::Ask => self.broke("recovery", format!("{text:?} was sent, and no job has begun")),
                }
            }
            if text.starts_with('N') {
                self.last_numbered = Some((line, now));
            }
        }
    }

    /// What has arrived by now.
    pub(crate) fn read(&mut self, now: u64) -> Vec<u8> {
        let bytes = self.rig.host_read(now);
        if !bytes.is_empty() {
            self.last_numbered = None;
        } else if self.resends_unasked
            && let Some((line, at)) = &self.last_numbered
            && at + IMPATIENCE_US <= now
        {
            let again = [line, &b"\n"[..]].concat();
            self.last_numbered = None;
            self.rig.host_write(now, &again);
        }
        bytes
    }

    /// When to look again, µs.
    pub(crate) fn due(&self) -> Option<u64> {
        let impatient = self.last_numbered.as_ref().filter(|_| self.resends_unasked);
        self.rig.poll_timeout().into_iter().chain(impatient.map(|(_, at)| at + IMPATIENCE_US)).min()
    }

    /// Looks at what was executed since the last time.
    pub(crate) fn check(&mut self, now: u64) {
        self.rig.advance(now);
        let all = self.rig.ledger().executed().len();
        for at in self.checked..all {
            let line = spelled(&self.rig.ledger().executed()[at]);
            let manner = self.rig.ledger().manner(at);
            self.judge(&line, manner);
        }
        self.checked = all;
        let totals = &self.rig.ledger().totals;
        let lives = totals.resets + totals.kills;
        let halted = self.rig.firmware().is_halted();
        let changed = lives != std::mem::replace(&mut self.lives, lives);
        // A job of which nothing was run yet begins on the new boot.
        if (changed || halted)
            && let Some(running) = self.running.as_mut().filter(|running| running.done > 0)
        {
            running.dead.get_or_insert(now);
        }
        // What waits in the kernel: a window of 127 bytes, and a question or a stop behind it.
        let queued = self.rig.queued_bytes();
        if queued > 512 && !self.stalled {
            self.broke("bounds", format!("{queued} bytes wait for the wire"));
        }
    }

    fn judge(&mut self, line: &str, Manner { numbered, known }: Manner) {
        let counts = self.counts;
        let Some(running) = &mut self.running else {
            if !is_own(line) && (known || numbered) {
                self.broke("lines", format!("{line:?} was run, and no job ever began"));
            }
            return;
        };
        running.skip_pauses();
        let wanted = running.lines.get(running.done).cloned();
        if running.dead.is_none() && wanted.as_deref() == Some(line) && (numbered || !counts) {
            running.done += 1;
            return;
        }
        if is_own(line) || PUT_BACK.iter().any(|begin| begins(line, begin)) {
            return;
        }
        // Nothing on the wire told the host yet, and this firmware looks at no numbers.
        if running.dead.is_some() && !counts {
            return;
        }
        // The tail of a cut line that is no command does nothing, nor does an empty line.
        if line.is_empty() || !(known || numbered && counts) {
            return;
        }
        if self.cut
            && running.lines.iter().any(|whole| whole.starts_with(line))
            && wanted.as_deref() != Some(line)
            && !running.lines.iter().any(|whole| whole == line)
        {
            self.spoiled = true;
            return;
        }
        if self.noisy {
            let other = running.lines.iter().any(|other| other == line);
            let spliced = line.split(' ').skip(1).any(|word| {
                word.strip_prefix('N')
                    .is_some_and(|digits| digits.len() >= 4 && digits.parse::<u32>().is_ok())
            });
            if !numbered || !known {
                // It lost its number, and with it its checksum; if it still is a command, it is run.
                self.spoiled = true;
                return;
            }
            if spliced || (!other && wanted.as_ref().is_some_and(|wanted| distance(wanted, line) <= 5)) {
                running.done += 1;
                self.spoiled = true;
                return;
            }
        }
        let (done, dead, job) = (running.done, running.dead, running.job.clone());
        self.broke(
            "lines",
            format!("{line:?} was run after {done} lines of {job} (dead: {dead:?}); next is {wanted:?}"),
        );
    }
}

impl Running {
    /// A pause in a file is platen's own, and nothing that the firmware sees.
    fn skip_pauses(&mut self) {
        while self.lines.get(self.done).is_some_and(|line| line == "M0") {
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_on_the_wire_is_known_for_what_it_does() {
        for line in ["N10004G1X5Y2*33", "G28", "M109 S200", "N3 M104 S1*7", "T0", "G0X1"] {
            assert!(acts(line), "{line}");
        }
        for line in ["N1 M110 N1*2", "M105", "M104 S0", "N5M140 S0*3", "G90", "M112", "", "M155 S1"] {
            assert!(!acts(line), "{line}");
        }
    }
}
