//! Namespaces: made, left and entered.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;
use super::process::Fork;

/// Forks a process into new namespaces (`CLONE_NEW…`). The parent gets a handle of it beside its number.
///
/// # Errors
/// As clone(2).
pub fn fork_into(flags: i32) -> io::Result<(Fork, Option<OwnedFd>)> {
    let mut handle: libc::c_int = -1;
    let flags = libc::c_long::from(flags | libc::CLONE_PIDFD | libc::SIGCHLD);
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: without a stack of its own and without shared memory this is fork(2), and all our processes have one thread. The handle is written where the third argument
    // points, on every architecture; the two after it are not looked at without their flags.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut handle, none, none) };
    match check(i32::try_from(pid).unwrap_or(-1))? {
        0 => Ok((Fork::Child, None)),
        // SAFETY: the descriptor was just made and has no other owner.
        pid => Ok((Fork::Parent(pid), Some(unsafe { OwnedFd::from_raw_fd(handle) }))),
    }
}

/// Enters the namespaces of these kinds: of a process by its handle, or of the one kind that a handle of a namespace is.
///
/// # Errors
/// As setns(2).
pub fn enter(namespaces: BorrowedFd<'_>, kinds: i32) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::setns(namespaces.as_raw_fd(), kinds) }).map(drop)
}

/// Leaves the shared namespaces of these kinds for new ones.
///
/// # Errors
/// As unshare(2).
pub fn leave(kinds: i32) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::unshare(kinds) }).map(drop)
}

/// Names the host, in our own UTS namespace.
///
/// # Errors
/// As sethostname(2).
pub fn set_host_name(name: &CStr) -> io::Result<()> {
    // SAFETY: the name is valid for its length.
    check(unsafe { libc::sethostname(name.as_ptr(), name.count_bytes()) }).map(drop)
}

/// Starts the loopback of our own network namespace.
///
/// # Errors
/// As socket(2), and as `SIOCSIFFLAGS` of netdevice(7).
pub fn start_loopback() -> io::Result<()> {
    // SAFETY: touches no memory.
    let fd = check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all bit patterns of the structure are valid, zeros included.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = i16::try_from(flags).unwrap_or(i16::MAX);
    // SAFETY: the structure is valid, and of the kind that this request takes.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }).map(drop)
}
