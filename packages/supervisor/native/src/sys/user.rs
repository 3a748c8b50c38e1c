//! Whom a process runs as.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// Replaces the supplementary groups of a process whose group is, or will be, `gid`. For the C library all threads would have to agree; ours have one.
///
/// Nothing is called where nothing would change: a user namespace may forbid even root the call.
///
/// # Errors
/// As setgroups(2).
pub fn set_groups(groups: &[u32], gid: u32) -> io::Result<()> {
    let besides = |groups: &[u32]| groups.iter().copied().filter(|group| *group != gid).collect::<BTreeSet<u32>>();
    if own_groups().is_ok_and(|own| besides(&own) == besides(groups)) {
        return Ok(());
    }
    // SAFETY: the slice is valid for its length.
    check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).map(drop)
}

fn own_groups() -> io::Result<Vec<u32>> {
    // SAFETY: of no length, nothing is written.
    let count = check(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the buffer is writable for the length given.
    let count = check(unsafe { libc::getgroups(count, groups.as_mut_ptr()) })?;
    groups.truncate(usize::try_from(count).unwrap_or(0));
    Ok(groups)
}

/// Sets the real, effective and saved group id.
///
/// # Errors
/// As setresgid(2).
pub fn set_gid(gid: u32) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::setresgid(gid, gid, gid) }).map(drop)
}

/// Sets the real, effective and saved user id.
///
/// # Errors
/// As setresuid(2).
pub fn set_uid(uid: u32) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::setresuid(uid, uid, uid) }).map(drop)
}

/// Gives an open file to a user and a group.
///
/// # Errors
/// As fchown(2).
pub fn give(file: BorrowedFd<'_>, uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::fchown(file.as_raw_fd(), uid, gid) }).map(drop)
}

/// Kills every process that this one may, itself not: the caller has become a user whose processes are all to end.
///
/// # Errors
/// As kill(2) of -1; `ESRCH` when there is none.
pub fn kill_all_we_may() -> io::Result<()> {
    // As root it would be the whole host.
    if super::process::own_uid() == 0 {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    // SAFETY: touches no memory.
    check(unsafe { libc::kill(-1, libc::SIGKILL) }).map(drop)
}
