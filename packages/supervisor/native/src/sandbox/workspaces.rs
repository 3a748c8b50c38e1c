//! The workspace that a shim keeps for its next job. A directory that is removed costs the file system more than one that is renamed: ext4 without a journal steps over every inode that was
//! removed in the last seconds to find one for the next. It is handed on only as new: empty, and with the mode and all attributes that it was made with.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use super::workspace;
use crate::identity::Identity;
use crate::sys::process::{self, Pid};
use crate::sys::{dir, tree, user};

/// The one that is kept, and the one that a job has now and may leave to the next.
#[derive(Default)]
pub struct Workspaces {
    kept: Option<Made>,
    lent: Option<Made>,
}

impl Workspaces {
    /// Gives a job a directory of its own; `may_keep`: nobody but the job can have a hand in it.
    ///
    /// # Errors
    /// As mkdirat(2) and fchown(2).
    pub fn lend(&mut self, work: BorrowedFd<'_>, job_id: &str, owner: Option<&Identity>, may_keep: bool) -> io::Result<()> {
        let (Some(owner), true) = (owner, may_keep) else { return workspace::make(work, job_id, owner) };
        let name = CString::new(job_id)?;
        let directory = match self.kept.take() {
            Some(made) if dir::rename_unused_at(work, &kept_name(process::own_pid()), work, &name).is_ok() => {
                user::give(made.directory.as_fd(), owner.uid, owner.gid)?;
                dir::touch(made.directory.as_fd())?;
                made.directory
            }
            _ => {
                workspace::make(work, job_id, Some(owner))?;
                File::from(dir::open_dir_at(work, &name)?)
            }
        };
        let look = Look::at(&directory)?;
        self.lent = Some(Made { directory, look });
        Ok(())
    }

    /// Of a job of which nobody is left: keeps its directory when that is as new, and removes it with all that is in it when not.
    pub fn take_back(&mut self, work: BorrowedFd<'_>, job_id: &str) {
        let keeps = || CString::new(job_id).is_ok_and(|name| dir::rename_unused_at(work, &name, work, &kept_name(process::own_pid())).is_ok());
        match self.lent.take().filter(|made| made.is_as_new() && keeps()) {
            Some(made) => self.kept = Some(made),
            None => workspace::remove(work, job_id),
        }
    }
}

/// Removes what this shim kept, or was about to.
pub fn remove_kept(work: BorrowedFd<'_>, shim: Pid) {
    workspace::remove(work, &kept_name(shim).to_string_lossy());
}

fn kept_name(shim: Pid) -> CString {
    CString::new(format!("kept.{shim}")).unwrap_or_default()
}

struct Made {
    directory: File,
    /// What it was like when it was lent.
    look: Look,
}

impl Made {
    fn is_as_new(&self) -> bool {
        Look::at(&self.directory).is_ok_and(|now| now == self.look) && tree::names(self.directory.as_fd()).is_ok_and(|names| names.is_empty())
    }
}

/// All that its owner can change of a directory, but for what is in it and when.
#[derive(PartialEq)]
struct Look {
    mode: u32,
    links: u64,
    length: u64,
    flags: Option<i32>,
    attributes: usize,
}

impl Look {
    fn at(directory: &File) -> io::Result<Self> {
        let found = directory.metadata()?;
        let handle = directory.as_fd();
        Ok(Self { mode: found.mode(), links: found.nlink(), length: found.size(), flags: dir::flags(handle), attributes: dir::attributes_length(handle)? })
    }
}
