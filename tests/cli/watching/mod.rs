//! A watched folder: files go in, runs follow, doors ask.

mod apart;
mod arrivals;
mod clocks;
mod deaths;
mod doors;
pub(crate) mod fixture;
mod hostile;

/// Waits for what must come, and no longer than a machine can be slow.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{what} does not come");
        std::thread::yield_now();
    }
}
