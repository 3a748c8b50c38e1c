//! Whether anybody watches a job.

use std::ffi::CStr;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use super::StateDir;
use crate::shim::SOCKET;
use crate::sys::{dir, lock};

/// Whether its shim or its guard lives: they hold a lock on its directory, or, as those of an earlier release, only its socket. What cannot be told counts as a yes: it can be asked again.
#[must_use]
pub fn is_watched(state: &StateDir, job_id: &CStr) -> bool {
    let job = match dir::open_dir_at(state.jobs.as_fd(), job_id) {
        Ok(job) => job,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    match lock::hold(job.as_fd(), false) {
        // Locked with others, and let go of at once, for two who look must not take each other for a shim.
        Ok(true) => UnixStream::connect(format!("/proc/self/fd/{}/{}", job.as_raw_fd(), SOCKET.to_string_lossy())).is_ok(),
        Ok(false) | Err(_) => true,
    }
}
