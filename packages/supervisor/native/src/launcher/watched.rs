//! Whether anybody watches a job.

use std::ffi::CStr;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use super::StateDir;
use crate::shim::SOCKET;
use crate::sys::{dir, lock, socket};

/// Whether its shim or its guard lives: they hold a lock on its directory, or, as those of an earlier release, only its socket. What cannot be told counts as a yes: it can be asked again.
#[must_use]
pub fn is_watched(state: &StateDir, job_id: &CStr) -> bool {
    let job = match dir::open_dir_at(state.jobs.as_fd(), job_id) {
        Ok(job) => job,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    match lock::hold(job.as_fd(), false) {
        // Locked with others, and let go of at once, for two who look must not take each other for a shim.
        Ok(true) => !is_refused(job.as_fd()).unwrap_or(false),
        Ok(false) | Err(_) => true,
    }
}

/// Whether nobody is there to listen. It never waits: a shim that does not accept just now is there.
fn is_refused(job: BorrowedFd<'_>) -> io::Result<bool> {
    let socket = socket::stream()?;
    dir::enter(job)?;
    let connected = socket::connect_here(socket.as_fd(), SOCKET);
    // Out again, so that no working directory of ours keeps a file system busy.
    std::env::set_current_dir("/")?;
    Ok(connected.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)))
}
