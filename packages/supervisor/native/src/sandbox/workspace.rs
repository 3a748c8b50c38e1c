//! The directories that jobs may write to: `work/<job id>/` in the state directory.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::identity::Identity;
use crate::sys::{dir, errno, tree, user};

/// Makes a job's, owned by its user.
///
/// # Errors
/// As mkdirat(2) and fchown(2).
pub fn make(work: BorrowedFd<'_>, job_id: &str, outer: Option<&Identity>) -> io::Result<()> {
    let name = CString::new(job_id)?;
    match dir::mkdir_at(work, &name) {
        // Of a start that was killed, and whose workspace could not be removed.
        Err(error) if errno(&error) == libc::EEXIST => {
            remove(work, job_id);
            dir::mkdir_at(work, &name)?;
        }
        made => made?,
    }
    let Some(outer) = outer else { return Ok(()) };
    user::give(dir::open_dir_at(work, &name)?.as_fd(), outer.uid, outer.gid)
}

/// Removes a job's with all that is in it. What cannot be removed stays: the next launcher tries again.
pub fn remove(work: BorrowedFd<'_>, job_id: &str) {
    let Ok(name) = CString::new(job_id) else { return };
    if dir::unlink_at(work, &name, true).is_ok() {
        return;
    }
    let Ok(top) = open_fully(work, &name) else { return };
    let mut trash = 0;
    // Each round takes one level of what is there and brings the next up: no path grows, and no depth needs handles.
    while empty_once(top.as_fd(), &mut trash).is_ok_and(|found| found) {}
    let _ = dir::unlink_at(work, &name, true);
}

/// One round over the top: removes what is removable in its directories and moves up the directories in those. Whether there was anything that it could remove.
fn empty_once(top: BorrowedFd<'_>, trash: &mut u64) -> io::Result<bool> {
    let mut progress = false;
    for name in tree::names(top)? {
        if remove_leaf(top, &name) {
            progress = true;
            continue;
        }
        let Ok(inner) = open_fully(top, &name) else { continue };
        for below in tree::names(inner.as_fd())? {
            progress |= remove_leaf(inner.as_fd(), &below) || move_up(inner.as_fd(), &below, top, trash);
        }
        progress |= dir::unlink_at(top, &name, true).is_ok();
    }
    Ok(progress)
}

/// Removes what is no directory, or an empty one.
fn remove_leaf(parent: BorrowedFd<'_>, name: &CStr) -> bool {
    match dir::unlink_at(parent, name, false) {
        Ok(()) => true,
        Err(error) => matches!(errno(&error), libc::EISDIR | libc::EPERM) && dir::unlink_at(parent, name, true).is_ok(),
    }
}

fn move_up(parent: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, trash: &mut u64) -> bool {
    loop {
        *trash += 1;
        let Ok(unused) = CString::new(format!(".{trash}")) else { return false };
        match dir::rename_unused_at(parent, name, top, &unused) {
            Ok(()) => return true,
            Err(error) if errno(&error) == libc::EEXIST => {}
            // A directory that may not be written cannot be moved: its entry ".." would change.
            Err(error) if errno(&error) == libc::EACCES => {
                return open_fully(parent, name).is_ok() && dir::rename_unused_at(parent, name, top, &unused).is_ok();
            }
            Err(_) => return false,
        }
    }
}

/// Opens a directory with every right of an owner. No link is followed; whoever made it is dead, so nothing changes meanwhile.
fn open_fully(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<std::os::fd::OwnedFd> {
    tree::grant_owner(parent, name)?;
    dir::open_dir_at(parent, name)
}
