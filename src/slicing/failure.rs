//! Why a slicing has not worked, in words: what ended it, what it means, and what to do.

use std::time::Duration;

use super::limits::Limits;

/// Who ended a slicer that did not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A person, or platen because it ends.
    Cancelled,
    /// Its time was up.
    Late,
    /// So many bytes were left on the disk.
    Disk { free: u64 },
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Exit(i32),
    Signal(i32),
}

/// The end of a slicer, and what it said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub status: Status,
    pub stopped: Option<Stopped>,
    /// Its last lines.
    pub out: Vec<String>,
    pub errors: Vec<String>,
    pub limits: Limits,
    /// The disk had less room than one file may take, so that this was the limit of its files.
    pub filled: bool,
    /// Bytes free on its disk when it ended.
    pub free: u64,
    /// Processor time that it took.
    pub cpu: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("there is no {program} here: {install}; G-code that was sliced elsewhere is still taken")]
    Missing { program: String, install: &'static str },
    #[error("{program} cannot be started: {error}; look at the path and its rights")]
    Start { program: String, error: String },
    #[error("{program} does not say its version as a slicer does; look whether it is the right program")]
    NoVersion { program: String },
    #[error("the slicing was cancelled")]
    Cancelled,
    #[error(
        "the slicer was stopped after {} min: it hung, or the model is too much for it; reduce the mesh, or give it more time (`minutes` under [slicing], or --minutes)", .0.as_secs().div_ceil(60)
    )]
    Late(Duration),
    #[error(
        "the slicer used up its processor time ({} min): the model is too much for it; reduce the mesh, or give it more time (`minutes` under [slicing], or --minutes)", .0.as_secs().div_ceil(60)
    )]
    Cpu(Duration),
    #[error(
        "the slicer ran out of memory; it may have {} MiB: reduce the mesh, or give it more (`memory_mb` under [slicing], or --memory-mb)", .0 >> 20
    )]
    Memory(u64),
    #[error(
        "the slicer wrote a file of more than {} MiB, which is no print; look at the model and the profile", .0 >> 20
    )]
    Large(u64),
    #[error(
        "the slicer filled the disk: {} MiB are left, and {} MiB stay free for the journal; free some space, then slice again", free >> 20, floor >> 20
    )]
    Disk { free: u64, floor: u64 },
    #[error(
        "the slicer was killed from outside ({signal}): by a person, or by the kernel because the machine ran out of memory; slice again, and look at the machine if it stays so"
    )]
    Killed { signal: String },
    #[error("the slicer crashed ({how}){}; slice again, and look at the mesh if it stays so", .said.as_ref().map(|said| format!(": it said `{said}`")).unwrap_or_default())]
    Crashed { how: String, said: Option<String> },
    /// It said why, and that is known.
    #[error("{what}; {help}")]
    Known { what: &'static str, help: &'static str },
    #[error("the slicer refused with code {code}{}; look at the model and the profile", .said.as_ref().map(|said| format!(": it said `{said}`")).unwrap_or_default())]
    Refused { code: i32, said: Option<String> },
    #[error(
        "the slicer said that it is done, but its file is not whole: {0}; slice again, and look at the slicer if it stays so"
    )]
    NotWhole(String),
    /// A setting of the profile did not come through.
    #[error("the slicer did not slice with the profile: {0}; look at that setting in the profile")]
    Settings(String),
}

/// What a line of ours shows of what a slicer says: no control characters, no folder of ours, not long.
pub fn shown(line: &str) -> String {
    let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(200).collect()
}

/// A signal by its name.
pub fn signal_name(number: i32) -> String {
    const NAMES: [(i32, &str); 12] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (31, "SIGSYS"),
    ];
    let name = NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| format!("signal {number}"))
}

/// What any program's end means, where nothing is known of what it says. `known` is what its words mean.
pub fn of(end: &End, known: Option<Failure>) -> Failure {
    match end.stopped {
        Some(Stopped::Cancelled) => return Failure::Cancelled,
        Some(Stopped::Late) => return Failure::Late(end.limits.wall),
        Some(Stopped::Disk { free }) => return Failure::Disk { free, floor: end.limits.floor },
        None => {}
    }
    let lines = || end.errors.iter().chain(&end.out).rev();
    let says = |words: &[&str]| lines().any(|line| words.iter().any(|word| line.contains(word)));
    // Whatever it says then, it has no room, or would soon have none.
    if end.free < end.limits.floor || says(&["No space left on device"]) {
        return Failure::Disk { free: end.free, floor: end.limits.floor };
    }
    // The last is what a loader says that finds no room for the program's own libraries.
    if says(&[
        "std::bad_alloc",
        "Cannot allocate memory",
        "out of memory",
        "Out of memory",
        "failed to map segment",
        // A thread that finds no room for its stack.
        "Resource temporarily unavailable",
    ]) {
        return Failure::Memory(end.limits.memory);
    }
    let large = || match end.filled {
        true => Failure::Disk { free: end.free, floor: end.limits.floor },
        false => Failure::Large(end.limits.file),
    };
    if says(&["File too large", "File size limit exceeded"]) {
        return large();
    }
    // A shell tells the signal of its child as a code above 128.
    let signal = match end.status {
        Status::Signal(number) => Some(number),
        Status::Exit(code @ 129..=192) => Some(code - 128),
        Status::Exit(_) => None,
    };
    // The kernel kills what goes on after SIGXCPU.
    let late = end.cpu + Duration::from_secs(2) >= end.limits.cpu;
    match (signal, known) {
        (Some(24), _) => return Failure::Cpu(end.limits.cpu),
        (Some(9), _) if late => return Failure::Cpu(end.limits.cpu),
        (Some(25), _) => return large(),
        (_, Some(known)) => return known,
        (Some(number @ (9 | 15 | 2 | 1)), None) => return Failure::Killed { signal: signal_name(number) },
        _ => {}
    }
    let what = lines().find_map(|line| line.trim().strip_prefix("what():").map(shown));
    let said = what.or_else(|| end.errors.iter().rev().map(|line| shown(line)).find(|line| !line.is_empty()));
    match (signal, end.status) {
        (Some(number), _) => Failure::Crashed { how: signal_name(number), said },
        (None, Status::Exit(code)) => Failure::Refused { code, said },
        (None, Status::Signal(number)) => Failure::Crashed { how: signal_name(number), said },
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::limits::LIMITS;
    use super::*;

    pub(in super::super) fn end(status: Status, errors: &[&str]) -> End {
        End {
            status,
            stopped: None,
            out: Vec::new(),
            errors: errors.iter().map(|line| (*line).to_owned()).collect(),
            limits: LIMITS,
            filled: false,
            free: 5 << 30,
            cpu: Duration::from_secs(3),
        }
    }

    fn said(status: Status, errors: &[&str]) -> String {
        of(&end(status, errors), None).to_string()
    }

    #[test]
    fn every_way_to_end_has_its_own_words() {
        for (told, wanted) in [
            (said(Status::Signal(9), &[]), "killed from outside (SIGKILL)"),
            (said(Status::Exit(137), &[]), "killed from outside (SIGKILL)"),
            (said(Status::Signal(11), &[]), "the slicer crashed (SIGSEGV); slice again"),
            (said(Status::Exit(136), &[]), "the slicer crashed (SIGFPE)"),
            (said(Status::Signal(24), &[]), "used up its processor time (120 min)"),
            (said(Status::Signal(25), &[]), "a file of more than 1024 MiB"),
            (
                said(Status::Signal(6), &["terminate called …", "  what():  std::bad_alloc"]),
                "ran out of memory; it may have 4096 MiB",
            ),
            (
                said(
                    Status::Exit(127),
                    &["error while loading shared libraries: x.so: failed to map segment from shared object"],
                ),
                "ran out of memory; it may have 4096 MiB",
            ),
            (
                said(Status::Exit(1), &["write: No space left on device"]),
                "filled the disk: 5120 MiB are left",
            ),
            (
                said(Status::Signal(6), &["terminate called …", "  what():  \u{1b}[2JOdd thing"]),
                "crashed (SIGABRT): it said `[2JOdd thing`",
            ),
            (said(Status::Exit(3), &["first", "no such thing", ""]), "code 3: it said `no such thing`"),
            (said(Status::Exit(3), &[]), "refused with code 3; look"),
        ] {
            assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
        }
    }

    #[test]
    fn what_platen_stopped_is_told_as_that_whatever_the_program_said() {
        let stopped = |stopped| {
            let end = End { stopped: Some(stopped), ..end(Status::Signal(9), &["what(): std::bad_alloc"]) };
            of(&end, None)
        };
        assert_eq!(stopped(Stopped::Cancelled), Failure::Cancelled);
        assert_eq!(stopped(Stopped::Late), Failure::Late(LIMITS.wall));
        assert_eq!(stopped(Stopped::Disk { free: 7 }), Failure::Disk { free: 7, floor: LIMITS.floor });
    }

    #[test]
    fn a_file_that_is_larger_than_the_disk_has_room_for_is_the_disk() {
        for status in [Status::Signal(25), Status::Exit(153)] {
            let end = End { filled: true, ..end(status, &[]) };
            assert_eq!(of(&end, None), Failure::Disk { free: 5 << 30, floor: LIMITS.floor });
        }
        let end = End { filled: true, ..end(Status::Exit(1), &["write: File too large"]) };
        assert_eq!(of(&end, None), Failure::Disk { free: 5 << 30, floor: LIMITS.floor });
    }

    #[test]
    fn one_that_fails_while_the_disk_is_below_its_floor_failed_for_that() {
        let end = End { free: LIMITS.floor - 1, ..end(Status::Exit(1), &["std::bad_alloc"]) };
        assert_eq!(of(&end, None), Failure::Disk { free: LIMITS.floor - 1, floor: LIMITS.floor });
        let known = Failure::Known { what: "x", help: "y" };
        assert_eq!(of(&end, Some(known)), Failure::Disk { free: LIMITS.floor - 1, floor: LIMITS.floor });
    }

    #[test]
    fn a_kill_at_the_end_of_its_processor_time_is_that() {
        let end = End { cpu: LIMITS.cpu, ..end(Status::Signal(9), &[]) };
        assert_eq!(of(&end, None), Failure::Cpu(LIMITS.cpu));
    }
}
