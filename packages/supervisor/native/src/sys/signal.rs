//! Signals: sent, masked, and read from a descriptor.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use super::check;
use super::process::Pid;

/// The last signal number of Linux.
pub const LAST: i32 = 64;

/// Sends a signal to one process. The caller knows that it is a child not yet reaped.
///
/// # Errors
/// As kill(2).
pub fn send(pid: Pid, signal: i32) -> io::Result<()> {
    if pid <= 1 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    // SAFETY: touches no memory.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Sends a signal to a process group. The caller knows that the group's number belongs to a child not yet reaped.
///
/// # Errors
/// As kill(2).
pub fn send_group(group: Pid, signal: i32) -> io::Result<()> {
    if group <= 1 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    // SAFETY: touches no memory.
    check(unsafe { libc::kill(-group, signal) }).map(drop)
}

/// Gives every signal its default disposition: a program inherits what is ignored, and our own parent may ignore some.
pub fn reset_all() {
    for signal in 1..=LAST {
        set_disposition(signal, libc::SIG_DFL);
    }
}

/// Lets the kernel reap our children.
pub fn ignore_children() {
    set_disposition(libc::SIGCHLD, libc::SIG_IGN);
}

/// Lets us reap our children.
pub fn keep_children() {
    set_disposition(libc::SIGCHLD, libc::SIG_DFL);
}

fn set_disposition(signal: i32, disposition: libc::sighandler_t) {
    // Past the C library, which refuses to touch 32 and 33: a parent may have left even those ignored. The kernel's structure begins with the disposition; no flags and an
    // empty mask follow, in any layout.
    let mut action = [0_usize; 8];
    action[0] = disposition;
    // SAFETY: the structure is at least as large as the kernel's, and both dispositions are no handlers. SIGKILL and SIGSTOP refuse, and stay at their default.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), std::ptr::null::<usize>(), size_of::<u64>()) };
}

/// Blocks every signal that can be blocked.
pub fn block_all() {
    set_mask(|set| {
        // SAFETY: the set is writable.
        unsafe { libc::sigfillset(set) };
    });
}

/// Blocks none.
pub fn unblock_all() {
    set_mask(|_| {});
}

/// Waits for a signal that ends this process.
pub fn wait_for_end() -> ! {
    loop {
        // SAFETY: touches no memory.
        unsafe { libc::pause() };
    }
}

fn set_mask(fill: impl FnOnce(*mut libc::sigset_t)) {
    let mut set = empty_set();
    fill(&raw mut set);
    // SAFETY: the set is valid; the call cannot fail for it.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset makes the set valid.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn child_set() -> libc::sigset_t {
    let mut set = empty_set();
    // SAFETY: the set is valid.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGCHLD) };
    set
}

/// A descriptor that is readable while a SIGCHLD, which must be blocked, is pending.
///
/// # Errors
/// As signalfd(2).
pub fn child_events() -> io::Result<OwnedFd> {
    let set = child_set();
    // SAFETY: the set is valid.
    let fd = check(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits for a SIGCHLD, which must be blocked, or until the time is over.
pub fn wait_child(time: Duration) {
    let set = child_set();
    let limit =
        libc::timespec { tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX), tv_nsec: libc::c_long::from(time.subsec_nanos()) };
    // SAFETY: the set and the time are valid. Whatever ends the wait, the caller looks for children.
    unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const limit) };
}
