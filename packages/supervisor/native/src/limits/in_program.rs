//! What the program's process does to itself before its exec.

use std::io;
use std::os::fd::AsFd;

use super::plan::Plan;
use crate::sys::{fd, limit};

/// Joins nothing, but sets what is inherited by all that the program starts. The number of the limit that failed is its place in `rlimits`.
///
/// # Errors
/// Of the call that failed, with that number.
pub fn apply(plan: &Plan) -> Result<(), (u8, io::Error)> {
    if let Some(nice) = plan.nice {
        // Only a low share needs no right; a high one is left as it was, and named in the result all the same.
        let _ = limit::set_nice(nice);
    }
    for ((resource, most, _), number) in plan.rlimits.iter().zip(0..) {
        limit::bound(*resource, *most).map_err(|error| (number, error))?;
    }
    Ok(())
}

/// Makes this process, and all it starts, the first to die when the host is out of memory, ahead of servers and shims.
pub fn offer_to_die(score: &str) {
    if let Ok(file) = std::fs::File::options().write(true).open("/proc/self/oom_score_adj") {
        // Where it is refused the kernel chooses as it always did.
        let _ = fd::write(file.as_fd(), score.as_bytes());
    }
}

/// What `offer_to_die` is given: 500 more than our own, at most what the kernel takes.
#[must_use]
pub fn dying_score() -> String {
    let own: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    (own + 500).min(1000).to_string()
}
