//! The system calls that the standard library lacks, and the only place with unsafe code. Each function is one call, or the few that belong together, made safe.

#![allow(unsafe_code)]

pub mod clock;
pub mod dir;
pub mod enclosure;
pub mod exec;
pub mod fd;
pub mod host;
pub mod limit;
pub mod lock;
pub mod mount;
pub mod namespace;
pub mod poll;
pub mod privilege;
pub mod process;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod title;
pub mod tree;
pub mod user;

use std::io;

/// Turns the -1 of a system call into the error in errno.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As `check`, for calls that answer with a length.
fn check_len(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The errno of an error; 0 where it has none.
#[must_use]
pub fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}
