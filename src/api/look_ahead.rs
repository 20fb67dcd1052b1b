//! When a job that runs is to end: as it is planned, or by how far it has come.

use super::AppState;
use crate::domain::job::{Job, Progress};
use crate::domain::moment::WallTime;
use crate::schedule::Planned;
use crate::services::planner::wall;

/// Before so much of a print is done, and so much time of it has gone, what is left is a guess.
const PERCENT_MIN: f64 = 3.0;
const MILLIS_MIN: u64 = 60_000;

/// Nothing where it does not run, or where that would be a guess.
pub(super) fn ends(app: &AppState, job: &Job) -> Option<WallTime> {
    let run = job.state.run().filter(|_| job.state.is_running())?;
    let now = app.clock.wall();
    let drawn = app.planner.latest();
    let planned = match drawn.as_ref().and_then(|drawn| drawn.planned(&job.id)) {
        Some(Planned::Running { end, .. }) => Some(wall(*end)),
        _ => None,
    };
    // A plan that a print has outrun says nothing any more.
    planned.filter(|end| *end > now).or_else(|| by_progress(run.started, now, run.progress))
}

fn by_progress(started: WallTime, now: WallTime, progress: Progress) -> Option<WallTime> {
    let (percent, gone) = (progress.percent(), now.0.checked_sub(started.0)?);
    if percent < PERCENT_MIN || gone < MILLIS_MIN {
        return None;
    }
    let left = std::time::Duration::from_millis(gone).mul_f64(((100.0 - percent) / percent).max(0.0));
    Some(WallTime(now.0.saturating_add(u64::try_from(left.as_millis()).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_by_what_is_done_and_not_before_that_says_something() {
        let at = |confirmed, minutes: u64| {
            by_progress(WallTime(0), WallTime(minutes * 60_000), Progress { confirmed, total: 100 })
        };
        assert_eq!(at(50, 10), Some(WallTime(20 * 60_000)));
        assert_eq!(at(100, 10), Some(WallTime(10 * 60_000)));
        assert_eq!(at(2, 10), None);
        assert_eq!(at(50, 0), None);
    }
}
