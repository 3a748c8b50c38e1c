//! Filters that a process puts on itself and can never take off: seccomp and landlock.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// One instruction of a classic BPF program.
pub type Instruction = libc::sock_filter;

const SECCOMP_SET_MODE_FILTER: libc::c_long = 1;
const LANDLOCK_VERSION: libc::c_long = 1;
// No abstract socket and no process made outside can be reached.
const SCOPE_ALL: u64 = 3;

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct RulesetAttr {
    files: u64,
    network: u64,
    scoped: u64,
}

/// Filters all system calls of this process and its descendants. Needs `no_new_privs`.
///
/// # Errors
/// As seccomp(2).
pub fn filter_calls(program: &[Instruction]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program is valid for its length; the kernel copies it.
    check(i32::try_from(unsafe { libc::syscall(libc::SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &raw const program) }).unwrap_or(-1)).map(drop)
}

/// The version of landlock's interface; 0 where there is none.
#[must_use]
pub fn landlock_version() -> u32 {
    // SAFETY: null and zero, as this question wants.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, LANDLOCK_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// Rules that keep a process from abstract sockets and from signals to processes outside. Needs version 6.
///
/// # Errors
/// As `landlock_create_ruleset`(2).
pub fn scope() -> io::Result<OwnedFd> {
    let attributes = RulesetAttr { files: 0, network: 0, scoped: SCOPE_ALL };
    // SAFETY: the structure is valid for the size given.
    let fd = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size_of::<RulesetAttr>(), 0) };
    let fd = check(i32::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts rules on this process and its descendants. Needs `no_new_privs`.
///
/// # Errors
/// As `landlock_restrict_self`(2).
pub fn restrict(rules: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(i32::try_from(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) }).unwrap_or(-1)).map(drop)
}
