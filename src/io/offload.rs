//! Work that waits for a disk or a device, given away by the threads that must not wait.
//!
//! In virtual time it is done in place and takes as long as it is told to: which of two threads is first depends
//! on the machine, and then a seed would not mean the same twice.

use std::cell::RefCell;
use std::time::Duration;

use tokio::task::JoinError;

type Takes = Box<dyn FnMut() -> Duration>;

thread_local! {
    static IN_PLACE: RefCell<Option<Takes>> = const { RefCell::new(None) };
}

/// From now on, work that this thread would give away is done in place; `takes` says how long it waits before,
/// and then how long until its result is there.
pub fn in_place(takes: impl FnMut() -> Duration + 'static) {
    IN_PLACE.set(Some(Box::new(takes)));
}

/// Has it done on a thread that may wait. An error where the work panicked, or the runtime ends.
pub async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let takes = IN_PLACE.with_borrow_mut(|takes| takes.as_mut().map(|takes| [takes(), takes()]));
    let Some([before, after]) = takes else { return tokio::task::spawn_blocking(work).await };
    tokio::time::sleep(before).await;
    let done = work();
    tokio::time::sleep(after).await;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_by_another_thread() {
        let us = std::thread::current().id();
        assert_ne!(offload(|| std::thread::current().id()).await.unwrap(), us);
    }

    #[tokio::test(start_paused = true)]
    async fn in_place_it_is_done_by_ours_and_takes_its_time_before_and_after() {
        in_place(|| Duration::from_millis(40));
        let (us, began) = (std::thread::current().id(), tokio::time::Instant::now());
        let (done_by, at) = offload(move || (std::thread::current().id(), began.elapsed())).await.unwrap();
        assert_eq!((done_by, at.as_millis(), began.elapsed().as_millis()), (us, 40, 80));
    }
}
