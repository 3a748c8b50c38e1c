//! How long is waited for what should happen, on a machine as slow as this one is said to be.

use std::sync::LazyLock;
use std::time::Duration;

/// Long enough for a loaded machine, short enough for a person to wait: what has not happened by then never will.
pub static DEADLINE: LazyLock<Duration> = LazyLock::new(|| Duration::from_secs(20) * slowness());

/// A stop without grace is answered within a second; the rest is for a machine that has other things to do as well.
pub static AT_ONCE: LazyLock<Duration> = LazyLock::new(|| Duration::from_secs(5) * slowness());

/// `WORKER_TEST_SLOWNESS`, of which CONTRIBUTING.md tells.
fn slowness() -> u32 {
    std::env::var("WORKER_TEST_SLOWNESS").map_or(1, |factor| factor.parse().expect("WORKER_TEST_SLOWNESS is a whole number"))
}
