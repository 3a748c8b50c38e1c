//! The state directory: `jobs/`, one directory for each job that was started, `starting/`, where they are built, and `work/`, their workspaces.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::sys::{dir, process};

/// Handles of its directories.
pub struct StateDir {
    /// `jobs/`.
    pub jobs: OwnedFd,
    /// `starting/`.
    pub starting: OwnedFd,
    /// `work/`, the workspaces of jobs in sandboxes.
    pub work: OwnedFd,
    /// As it was named on the command line, for the command lines of shims.
    pub name: Vec<u8>,
    /// Absolute, without links.
    pub path: PathBuf,
}

impl StateDir {
    /// Opens the directory, which must exist, and makes the two inside it where they are missing. The working directory is "/" afterwards.
    ///
    /// # Errors
    /// What is wrong with it, for stderr.
    pub fn open(path: &OsStr) -> Result<Self, String> {
        let explain = |what: &str, error: io::Error| format!("state directory: {what}: {error}");
        let root = std::fs::File::open(path).map_err(|error| explain("open", error))?;
        let metadata = root.metadata().map_err(|error| explain("stat", error))?;
        // Whoever else may write there could put a directory of their own in a job's place.
        if !metadata.is_dir() || metadata.uid() != process::own_uid() || metadata.mode() & 0o022 != 0 {
            return Err("state directory: it must be a directory of our own that nobody else may write to".to_owned());
        }
        let jobs = open_or_make(root.as_fd(), c"jobs").map_err(|error| explain("jobs", error))?;
        let starting = open_or_make(root.as_fd(), c"starting").map_err(|error| explain("starting", error))?;
        let work = open_or_make(root.as_fd(), c"work").map_err(|error| explain("work", error))?;
        dir::sync(root.as_fd()).map_err(|error| explain("fsync", error))?;
        let real = std::fs::canonicalize(path).map_err(|error| explain("realpath", error))?;
        std::env::set_current_dir("/").map_err(|error| explain("chdir", error))?;
        Ok(Self { jobs, starting, work, name: path.as_bytes().to_vec(), path: real })
    }
}

fn open_or_make(root: std::os::fd::BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    match dir::mkdir_at(root, name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    dir::open_dir_at(root, name)
}
