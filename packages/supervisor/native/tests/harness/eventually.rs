//! Waiting for what nothing tells of: that a process is gone, that a file is there.

use std::time::{Duration, Instant};

use super::DEADLINE;

// Between two looks. Nothing depends on it: a condition that holds is seen at the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks until there is something, at most until the deadline.
pub fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + *DEADLINE;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually(look).unwrap_or_else(|| panic!("waited in vain for {what}"))
}
