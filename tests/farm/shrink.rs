//! A schedule that fails, made smaller for as long as it fails in the same way; and the file that holds it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::invariants::Broken;
use crate::library::Library;
use crate::schedule::Schedule;
use crate::world::{Mutant, play};

/// What is written down of a failure: enough to see it again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failing {
    pub(crate) mutant: Mutant,
    pub(crate) broken: Broken,
    pub(crate) schedule: Schedule,
}

/// More tries than this are not worth the wait.
const TRIES: usize = 150;

/// A panic somewhere is a rule that did not hold.
pub(crate) fn outcome_of(
    schedule: &Schedule,
    library: &Library,
    mutant: Mutant,
) -> Result<crate::world::Outcome, Broken> {
    let played = std::panic::AssertUnwindSafe(|| play(schedule, library, mutant));
    std::panic::catch_unwind(played).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken { rule: "panic".into(), text: text.unwrap_or_default() })
    })
}

/// Leaves out half of the events, then quarters, and at last single ones.
pub(crate) fn shrink(schedule: &Schedule, mut fails: impl FnMut(&Schedule) -> bool) -> Schedule {
    let mut best = schedule.clone();
    let mut tries = TRIES;
    let mut size = best.events.len().div_ceil(2);
    while size > 0 {
        let (mut at, mut smaller) = (0, false);
        while at < best.events.len() && tries > 0 {
            tries -= 1;
            let mut less = best.clone();
            less.events.drain(at..(at + size).min(best.events.len()));
            if fails(&less) {
                (best, smaller) = (less, true);
            } else {
                at += size;
            }
        }
        if size > 1 || !smaller || tries == 0 {
            size /= 2;
        }
    }
    best
}

impl Failing {
    /// Shrinks what failed, and says where it is written.
    pub(crate) fn keep(
        schedule: &Schedule,
        library: &Library,
        mutant: Mutant,
        broken: &Broken,
    ) -> (Self, PathBuf) {
        let same =
            |less: &Schedule| outcome_of(less, library, mutant).is_err_and(|found| found.rule == broken.rule);
        let schedule = shrink(schedule, same);
        let broken = outcome_of(&schedule, library, mutant).err().unwrap_or_else(|| broken.clone());
        let failing = Self { mutant, broken, schedule };
        let folder = std::env::var_os("PLATEN_FAILING")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("farm"), PathBuf::from);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("seed-{}-{}.json", failing.schedule.seed, failing.broken.rule));
        std::fs::write(&file, serde_json::to_string_pretty(&failing).unwrap()).unwrap();
        (failing, file)
    }

    pub(crate) fn read(file: &std::path::Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }
}
