//! `platen stream --probe`: how much the board on a port can hold, in words, and written where it is used.

use serde::Serialize;
use std::io::IsTerminal;
use std::time::Duration;

use super::stream::{Line, ended, open, tell_failed, turn};
use super::{Failed, Global, calm_runtime, show};
use crate::config::{Buffers, with_buffers};
use crate::control::probe::{Findings, Found, Hindrance};
use crate::control::session::{Profile, SessionEvent};
use crate::io::clock::Clock;
use crate::io::replace::{Owner, Replaceable};
use crate::protocol::window::{Capacity, SAFE_RECEIVE_BYTES};
use crate::services::drive::Drive;

/// A board at 115200 baud is measured in less than one; a slow line with noise takes some more.
const PATIENCE_MINUTES: u64 = 5;

/// The configuration into which the result goes.
pub(super) struct Place {
    pub(super) file: Replaceable,
    pub(super) printer: String,
}

/// What was measured. Counts that were not found out are `null`.
#[derive(Debug, Serialize)]
struct Report {
    /// `measured`; `never-full`: no byte was lost, however many came at once; `not-measured`.
    outcome: &'static str,
    /// Why it was not: `no-refusals`, `noise`, `no-wait`, `held-back`, `restarted`.
    hindrance: Option<&'static str>,
    firmware: String,
    /// What it is taken for.
    dialect: &'static str,
    /// Bytes that the receive buffer holds: between these. One less than its size, which is what `rx_buffer` is.
    receive_bytes_least: Option<usize>,
    receive_bytes_most: Option<usize>,
    /// Commands that the queue takes behind the one that runs: between these.
    queue_slots_least: Option<usize>,
    queue_slots_most: Option<usize>,
    /// The most bytes that came at once without a loss, where nothing was lost.
    never_full_bytes: Option<usize>,
    /// What to write into the configuration; `null`: leave it as it is.
    rx_buffer: Option<usize>,
    command_buffer: Option<usize>,
    /// Bursts that were sent, and those of them that told nothing.
    bursts: u32,
    spoiled: u32,
    seconds: f64,
    /// With `--write`: `written`, `same` (nothing to do), `not-written`.
    config: Option<&'static str>,
}

/// What became of the configuration.
enum Kept {
    Written(Owner),
    Same,
    /// There was nothing to write, or it failed: the reason.
    Not(Option<String>),
}

fn hindrance_word(hindrance: Hindrance) -> &'static str {
    match hindrance {
        Hindrance::NoRefusals => "no-refusals",
        Hindrance::Noise => "noise",
        Hindrance::NoWait => "no-wait",
        Hindrance::HeldBack => "held-back",
        Hindrance::Restarted => "restarted",
    }
}

pub(super) fn run(line: &Line, place: Option<Place>, global: &Global) -> Result<(), Failed> {
    let measured = calm_runtime()?.block_on(measured(line));
    let (findings, mut report) = measured.inspect_err(|failed| tell_failed(failed, global))?;
    let kept = place.as_ref().map(|place| keep(place, &findings));
    report.config = kept.as_ref().map(|kept| match kept {
        Kept::Written(_) => "written",
        Kept::Same => "same",
        Kept::Not(_) => "not-written",
    });
    if global.json {
        show::json(&report)?;
    } else {
        tell(&findings, &report);
        if let (Some(place), Some(kept)) = (&place, &kept) {
            tell_kept(place, kept);
        } else if let Found::Sizes { .. } | Found::NeverFull { .. } = findings.found {
            show::line(
                "write them into the printer's section, or measure with --config, --printer and --write",
            );
        }
    }
    match (findings.found, kept) {
        (Found::Nothing(hindrance), kept) => {
            let nothing = if kept.is_some() { "; nothing was written" } else { "" };
            Err(line.told(&format!("not measured: {}{nothing}", hindrance.in_words())))
        }
        (_, Some(Kept::Not(Some(why)))) => Err(Failed::Finding(format!("measured, but not written: {why}"))),
        _ => Ok(()),
    }
}

/// Measures until there is a result, the time is up, or somebody ends it.
async fn measured(line: &Line) -> Result<(Findings, Report), Failed> {
    // What is vouched for may be wrong, so the measurement begins with what is true of every board.
    let capacity = Capacity { receive_bytes: SAFE_RECEIVE_BYTES, queue_slots: 0 };
    let profile = Profile { capacity, meatpack: false, inactivity_kill: None, ..line.profile };
    let (mut drive, clock) = open(line, profile).await?;
    if std::io::stderr().is_terminal() {
        eprintln!("platen: measuring, which takes up to a minute; nothing moves");
    }
    let begun = clock.now();
    let patience = Duration::from_secs(PATIENCE_MINUTES * 60);
    let findings = tokio::select! {
        biased;
        // The board finishes its wait of some seconds by itself, and the next greeting counts anew.
        () = super::asked_to_end() => Err("the measurement was ended, and nothing was changed; \
            the board answers again within a few seconds".into()),
        findings = within(patience, &mut drive, &clock) => findings,
    };
    let findings = findings.map_err(|reason| line.told(&reason))?;
    let dialect = drive.session.link().dialect().firmware.name();
    let firmware = show::plain(&drive.session.firmware().name);
    let report = Report::of(&findings, firmware, dialect, (clock.now() - begun).as_secs_f64());
    Ok((findings, report))
}

async fn within(patience: Duration, drive: &mut Drive, clock: &Clock) -> Result<Findings, String> {
    tokio::time::timeout(patience, measure(drive, clock)).await.unwrap_or_else(|_| {
        Err(format!(
            "the board was not measured within {PATIENCE_MINUTES} minutes, and nothing was changed; \
             look at the cable and its ground, then try again"
        ))
    })
}

async fn measure(drive: &mut Drive, clock: &Clock) -> Result<Findings, String> {
    // A board that was just greeted may have something to answer yet.
    while drive.session.probe(clock.now()).is_err() {
        turn(drive).await?;
    }
    let mut event = ended(drive)?;
    loop {
        if let Some(SessionEvent::Probed(findings)) = event {
            return Ok(*findings);
        }
        event = turn(drive).await?;
    }
}

/// Writes only what was measured: what is merely safe elsewhere may be more than this board holds.
fn keep(place: &Place, findings: &Findings) -> Kept {
    let (Some(wanted), false) = (findings.recommended, matches!(findings.found, Found::Nothing(_))) else {
        return Kept::Not(None);
    };
    let buffers = Buffers { rx_buffer: wanted.rx_buffer, command_buffer: wanted.command_buffer };
    match with_buffers(place.file.text(), &place.printer, buffers) {
        Ok(None) => Kept::Same,
        Ok(Some(text)) => match place.file.replace(&text) {
            Ok(owner) => Kept::Written(owner),
            Err(error) => Kept::Not(Some(error.to_string())),
        },
        Err(error) => Kept::Not(Some(format!("{}: {error}", place.file.path().display()))),
    }
}

impl Report {
    fn of(findings: &Findings, firmware: String, dialect: &'static str, seconds: f64) -> Self {
        let (sizes, whole, hindrance) = match findings.found {
            Found::Sizes { ring, slots } => (Some((ring, slots)), None, None),
            Found::NeverFull { bytes } => (None, Some(bytes), None),
            Found::Nothing(hindrance) => (None, None, Some(hindrance_word(hindrance))),
        };
        Self {
            outcome: match findings.found {
                Found::Sizes { .. } => "measured",
                Found::NeverFull { .. } => "never-full",
                Found::Nothing(_) => "not-measured",
            },
            hindrance,
            firmware,
            dialect,
            receive_bytes_least: sizes.map(|(ring, _)| ring.0),
            receive_bytes_most: sizes.map(|(ring, _)| ring.1),
            queue_slots_least: sizes.map(|(_, slots)| slots.0),
            queue_slots_most: sizes.map(|(_, slots)| slots.1),
            never_full_bytes: whole,
            rx_buffer: findings.recommended.map(|words| words.rx_buffer),
            command_buffer: findings.recommended.map(|words| words.command_buffer),
            bursts: findings.bursts,
            spoiled: findings.spoiled,
            seconds,
            config: None,
        }
    }
}

fn tell(findings: &Findings, report: &Report) {
    show::line(&format!("firmware     {} (taken for {})", report.firmware, report.dialect));
    if !matches!(findings.found, Found::Nothing(_)) {
        show::line(&format!("measured     {}", findings.in_words()));
    }
    if report.bursts > 0 {
        show::line(&format!(
            "by           {} bursts in {:.1} s, {} of them without a result",
            report.bursts, report.seconds, report.spoiled
        ));
    }
    match findings.recommended {
        Some(words) => {
            show::line(&format!("recommended  rx_buffer = {}", words.rx_buffer));
            show::line(&format!("             command_buffer = {}", words.command_buffer));
        }
        None => show::line("recommended  to leave rx_buffer and command_buffer as they are"),
    }
}

fn tell_kept(place: &Place, kept: &Kept) {
    let (file, printer) = (place.file.path().display(), &place.printer);
    match kept {
        Kept::Written(owner) => {
            show::line(&format!(
                "written      to {printer} in {file}; a daemon that runs uses it after a restart"
            ));
            if *owner == Owner::Ours {
                eprintln!(
                    "platen: {file} belongs to you now, as it could not be given back; look whether the daemon may still read it"
                );
            }
        }
        Kept::Same => show::line(&format!("unchanged    {file}: it says the same of {printer} already")),
        // The error says it.
        Kept::Not(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::session::Session;
    use crate::domain::ids::BootId;
    use crate::domain::units::Baud;

    #[tokio::test]
    async fn a_measurement_that_does_not_end_is_given_up_with_what_to_do() {
        let (wire, _board) = tokio::io::duplex(4_096);
        let capacity = Capacity { receive_bytes: SAFE_RECEIVE_BYTES, queue_slots: 0 };
        let session = Session::new("a".parse().unwrap(), Profile::new(Baud(115_200), capacity));
        let clock = Clock::start(BootId::from_entropy([1; 16]));
        let mut drive = Drive::new(session, Box::new(wire), clock.clone());
        let reason = within(Duration::from_millis(1), &mut drive, &clock).await.unwrap_err();
        assert!(reason.contains("5 minutes") && reason.contains("nothing was changed"), "{reason}");
    }
}
