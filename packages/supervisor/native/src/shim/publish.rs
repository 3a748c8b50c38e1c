//! Makes the job's directory: whole or not at all, once and never again, and on the disk before the program runs.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::door;
use crate::guard::Notes;
use crate::launcher::{StateDir, remove_one};
use crate::sys::process::{self, Pid};
use crate::sys::{dir, errno, lock, socket};
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

/// A job's directory in its place.
pub struct Published {
    /// The directory, locked. Guard and shim share the open file, and nobody else keeps it, a program before its exec apart: once none lives the lock is gone, and what the directory holds is final.
    pub dir: OwnedFd,
    /// What listens in it already, where it had to.
    pub listener: Option<OwnedFd>,
}

/// Makes the directory aside and locks it, moves it to `jobs/` unless the job is there already, and syncs that.
///
/// # Errors
/// The refusal; nothing is left then.
pub fn publish(state: &StateDir, job_id: &str, notes: Notes) -> Result<Published, LaunchRefused> {
    let published = CString::new(job_id).map_err(|error| system("name", &error.into()))?;
    // The guard is our parent: should we die, it looks for this name.
    let name = building_name(job_id, process::parent());
    let dir = build(state.starting.as_fd(), &name).map_err(|(stage, error)| system(stage, &error))?;
    notes.in_directory(dir.as_fd());
    let listener = move_into_place(state, &name, dir.as_fd(), &published).map_err(|error| {
        remove_one(state.starting.as_fd(), &name);
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
    Ok(Published { dir, listener })
}

fn build(starting: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, (&'static str, io::Error)> {
    dir::mkdir_at(starting, name).map_err(|error| ("mkdir", error))?;
    let locked = dir::open_dir_at(starting, name).map_err(|error| ("open", error)).and_then(|made| match lock::hold(made.as_fd(), true) {
        Ok(true) => Ok(made),
        Ok(false) => Err(("lock", io::Error::from_raw_os_error(libc::EWOULDBLOCK))),
        Err(error) => Err(("lock", error)),
    });
    locked.inspect_err(|_| remove_one(starting, name))
}

fn move_into_place(state: &StateDir, name: &CStr, built: BorrowedFd<'_>, published: &CStr) -> io::Result<Option<OwnedFd>> {
    let (starting, jobs) = (state.starting.as_fd(), state.jobs.as_fd());
    match dir::rename_unused_at(starting, name, jobs, published) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        moved => return moved.map(|()| None),
    }
    // A file system that knows no flags. A plain rename refuses a target that is not empty, so no job's directory may ever be: the socket is made first.
    let listener = socket::stream()?;
    door::open(built, listener.as_fd())?;
    match dir::rename_at(starting, name, jobs, published) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTEMPTY) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
        moved => moved.map(|()| Some(listener)),
    }
}

/// A refusal by the system.
pub fn system(stage: &str, error: &io::Error) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno: errno(error), stage: stage.to_owned(), message: error.to_string() }
}
