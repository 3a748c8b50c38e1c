//! Locks on single bytes of a file. They belong to the open file, not to a process: every process that inherited it holds them, and the kernel lets go when the last has closed it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// Locks a byte against every other open file; `false` when another holds it.
///
/// # Errors
/// As `F_OFD_SETLK` of fcntl(2).
pub fn lock_byte(file: BorrowedFd<'_>, position: u64) -> io::Result<bool> {
    let start = libc::off_t::try_from(position).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let lock = libc::flock { l_type: WRITE, l_whence: START, l_start: start, l_len: 1, l_pid: 0 };
    // SAFETY: the handle is open and the structure is valid.
    match check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Holds a directory together with others; with `alone`, without them. `false` when somebody else holds it otherwise.
///
/// # Errors
/// As flock(2).
pub fn hold(dir: BorrowedFd<'_>, alone: bool) -> io::Result<bool> {
    let operation = libc::LOCK_NB | if alone { libc::LOCK_EX } else { libc::LOCK_SH };
    // SAFETY: the handle is open.
    match check(unsafe { libc::flock(dir.as_raw_fd(), operation) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

// In the width that the structure has.
const WRITE: libc::c_short = 1;
const START: libc::c_short = 0;
