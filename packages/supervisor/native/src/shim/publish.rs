//! Makes the job's directory: whole or not at all, once and never again, and on the disk before the program runs.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::launcher::{StateDir, remove_one};
use crate::sys::process::{self, Pid};
use crate::sys::{dir, errno, socket};
use crate::wire::v1::{LaunchRefused, RefusalReason};

// Connections that wait while the shim is busy or its guard cleans up.
const BACKLOG: i32 = 128;

/// The name of a job's directory while its shim builds it.
#[must_use]
pub fn starting_name(job_id: &str, shim: Pid) -> String {
    format!("{job_id}.{shim}")
}

/// The name of a job's cgroups: its shim's number tells whether anybody still looks after them.
#[must_use]
pub fn group_name(job_id: &str, shim: Pid) -> CString {
    CString::new(starting_name(job_id, shim)).unwrap_or_default()
}

/// Builds the directory under `starting/` with the socket in it, moves it to `jobs/` unless the job is there already, and syncs that.
pub fn publish(state: &StateDir, job_id: &str, listener: BorrowedFd<'_>) -> Result<OwnedFd, LaunchRefused> {
    let building = c_name(&starting_name(job_id, process::own_pid()))?;
    let published = c_name(job_id)?;
    let made = build(state, &building, listener).inspect_err(|_| remove_one(state.starting.as_fd(), &building))?;
    dir::rename_new_at(state.starting.as_fd(), &building, state.jobs.as_fd(), &published).map_err(|error| {
        remove_one(state.starting.as_fd(), &building);
        match error.kind() {
            io::ErrorKind::AlreadyExists => LaunchRefused {
                reason: RefusalReason::Exists.into(),
                errno: errno(&error),
                stage: "rename".to_owned(),
                message: "the job was started before".to_owned(),
            },
            _ => system("rename", &error),
        }
    })?;
    dir::sync(state.jobs.as_fd()).map_err(|error| {
        remove_one(state.jobs.as_fd(), &published);
        system("fsync", &error)
    })?;
    Ok(made)
}

fn build(state: &StateDir, name: &CStr, listener: BorrowedFd<'_>) -> Result<OwnedFd, LaunchRefused> {
    dir::mkdir_at(state.starting.as_fd(), name).map_err(|error| system("mkdir", &error))?;
    let made = dir::open_dir_at(state.starting.as_fd(), name).map_err(|error| system("open", &error))?;
    dir::enter(made.as_fd()).map_err(|error| system("chdir", &error))?;
    let bound = socket::bind_here(listener, "shim.sock").map_err(|error| system("bind", &error));
    // Out again, so that no working directory of ours keeps a file system busy.
    std::env::set_current_dir("/").map_err(|error| system("chdir", &error))?;
    bound?;
    socket::listen(listener, BACKLOG).map_err(|error| system("listen", &error))?;
    Ok(made)
}

fn c_name(name: &str) -> Result<CString, LaunchRefused> {
    CString::new(name).map_err(|_| system("name", &io::Error::from_raw_os_error(libc::EINVAL)))
}

/// A refusal by the system.
pub fn system(stage: &str, error: &io::Error) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno: errno(error), stage: stage.to_owned(), message: error.to_string() }
}
