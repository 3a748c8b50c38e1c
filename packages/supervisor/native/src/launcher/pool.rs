//! Pairs whose job has ended: the next one spares their forks, which cost more than a short job.

use std::time::{Duration, Instant};

use super::pair::Pair;

// As many as may be in their start at a time: more are never wanted at once.
const MOST: usize = super::MAX_STARTS;
// Whoever runs short jobs starts the next within this time. Longer, and a host that is quiet would be full of processes that do nothing.
const REST: Duration = Duration::from_secs(1);

/// Those that wait for a job.
#[derive(Default)]
pub struct Pool {
    // The one that waits the longest comes first.
    idle: Vec<(Pair, Instant)>,
}

impl Pool {
    /// The one that served last: what it needs is still in the processor's caches.
    pub fn take(&mut self, sandboxed: bool) -> Option<Pair> {
        let place = self.idle.iter().rposition(|(pair, _)| pair.sandboxed == sandboxed)?;
        Some(self.idle.remove(place).0)
    }

    /// One more waits.
    pub fn put(&mut self, pair: Pair) {
        if self.idle.len() < MOST {
            self.idle.push((pair, Instant::now() + REST));
        }
    }

    /// When the next is to leave.
    pub fn next_leave(&self) -> Option<Instant> {
        self.idle.first().map(|(_, at)| *at)
    }

    /// Lets those leave that have waited long enough.
    pub fn dismiss(&mut self) {
        let now = Instant::now();
        self.idle.retain(|(_, at)| *at > now);
    }

    /// Lets all leave.
    pub fn dismiss_all(&mut self) {
        self.idle.clear();
    }
}
