//! Whom a process runs as.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// Replaces the supplementary groups. For the C library all threads would have to agree; ours have one.
///
/// # Errors
/// As setgroups(2).
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the slice is valid for its length.
    check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).map(drop)
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

/// Gives away every capability that this process holds or would pass to a program.
///
/// # Errors
/// As capset(2).
pub fn drop_capabilities() -> io::Result<()> {
    // struct __user_cap_header_struct of version 3, which takes two times three words of data: this thread's own.
    let header = [0x2008_0522_u32, 0];
    let none = [0_u32; 6];
    // SAFETY: both structures are as version 3 has them. A kernel without ambient capabilities refuses the second call and has none to drop.
    unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        check(i32::try_from(libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr())).unwrap_or(-1)).map(drop)
    }
}

/// Enters a user namespace of our own.
///
/// # Errors
/// As unshare(2).
pub fn enter_own_namespace() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }).map(drop)
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
