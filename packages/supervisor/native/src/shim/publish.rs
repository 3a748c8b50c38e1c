//! Makes the job's directory: whole or not at all, once and never again, and on the disk before the program runs.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::door;
use crate::launcher::{StateDir, remove_one};
use crate::sys::process::{self, Pid};
use crate::sys::{dir, errno, lock};
use crate::wire::v1::{LaunchRefused, RefusalReason};

/// The name of a job's cgroups: its shim's number tells whether anybody still looks after them.
#[must_use]
pub fn group_name(job_id: &str, shim: Pid) -> CString {
    numbered(job_id, shim)
}

/// The name of a job's directory in `starting/`: its guard's number tells whether it is still being built.
#[must_use]
pub fn building_name(job_id: &str, guard: Pid) -> CString {
    numbered(job_id, guard)
}

fn numbered(job_id: &str, maker: Pid) -> CString {
    CString::new(format!("{job_id}.{maker}")).unwrap_or_default()
}

/// A job's directory on its way.
pub struct Building {
    /// Its name in `starting/`.
    pub name: CString,
    /// The directory, locked. Guard and shim share the open file, and nobody else keeps it, a program before its exec apart: once none lives the lock is gone, and what the directory holds is final.
    pub dir: OwnedFd,
}

/// Makes a directory in `starting/` and locks it.
///
/// # Errors
/// The call that failed, and how.
pub fn build(state: &StateDir, job_id: &str) -> Result<Building, (&'static str, io::Error)> {
    let name = building_name(job_id, process::own_pid());
    dir::mkdir_at(state.starting.as_fd(), &name).map_err(|error| ("mkdir", error))?;
    let locked = dir::open_dir_at(state.starting.as_fd(), &name).map_err(|error| ("open", error)).and_then(|made| match lock::hold(made.as_fd(), true) {
        Ok(true) => Ok(made),
        Ok(false) => Err(("lock", io::Error::from_raw_os_error(libc::EWOULDBLOCK))),
        Err(error) => Err(("lock", error)),
    });
    match locked {
        Ok(dir) => Ok(Building { name, dir }),
        Err(failure) => {
            remove_one(state.starting.as_fd(), &name);
            Err(failure)
        }
    }
}

/// Moves the directory to `jobs/` unless the job is there already, and syncs that. True when the shim listens already.
pub fn publish(state: &StateDir, job_id: &str, building: &Building, listener: BorrowedFd<'_>) -> Result<bool, LaunchRefused> {
    let published = CString::new(job_id).map_err(|error| system("name", &error.into()))?;
    let listens = move_into_place(state, building, &published, listener).map_err(|error| {
        remove_one(state.starting.as_fd(), &building.name);
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
    Ok(listens)
}

fn move_into_place(state: &StateDir, building: &Building, published: &CStr, listener: BorrowedFd<'_>) -> io::Result<bool> {
    let (starting, jobs) = (state.starting.as_fd(), state.jobs.as_fd());
    match dir::rename_unused_at(starting, &building.name, jobs, published) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        moved => return moved.map(|()| false),
    }
    // A file system that knows no flags. A plain rename refuses a target that is not empty, so no job's directory may ever be: the socket is made first.
    door::open(building.dir.as_fd(), listener)?;
    match dir::rename_at(starting, &building.name, jobs, published) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTEMPTY) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
        moved => moved.map(|()| true),
    }
}

/// A refusal by the system.
pub fn system(stage: &str, error: &io::Error) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno: errno(error), stage: stage.to_owned(), message: error.to_string() }
}
