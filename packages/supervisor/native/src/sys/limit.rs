//! What a process may use, as the process itself sets it, and the descriptor by which the kernel counts events.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use super::check;

/// Something that rlimits bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of address space of a process.
    AddressSpace,
    /// Processes and threads of a user.
    Processes,
    /// Open files of a process.
    OpenFiles,
    /// The longest file that a process may write.
    FileSize,
}

/// Bounds a resource of this process and of all it starts, hard and soft alike. Where less is allowed already, that stays.
///
/// # Errors
/// As setrlimit(2).
pub fn bound(resource: Resource, most: u64) -> io::Result<()> {
    let resource = match resource {
        Resource::AddressSpace => libc::RLIMIT_AS,
        Resource::Processes => libc::RLIMIT_NPROC,
        Resource::OpenFiles => libc::RLIMIT_NOFILE,
        Resource::FileSize => libc::RLIMIT_FSIZE,
    };
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    check(unsafe { libc::getrlimit(resource, &raw mut now) })?;
    let most = now.rlim_max.min(most);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the limit is valid.
    check(unsafe { libc::setrlimit(resource, &raw const limit) }).map(drop)
}

/// Takes a place in the queue for the processor: -20 first, 19 last.
///
/// # Errors
/// As setpriority(2).
pub fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) }).map(drop)
}

/// A counter of events that others raise; readable while it is not 0.
///
/// # Errors
/// As eventfd(2).
pub fn event_counter() -> io::Result<OwnedFd> {
    // SAFETY: touches no memory.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
