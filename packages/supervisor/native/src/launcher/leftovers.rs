//! Removes what dead starts left in `starting/`, and dead jobs in `work/`.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::StateDir;
use super::watched::is_watched;
use crate::guard;
use crate::sandbox::{self, workspace};
use crate::shim::{self, SOCKET, UNFINISHED_SOCKET};
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{dir, fd, signal, tree};

/// Removes each directory whose maker is dead. Shims of an earlier launcher may be in their start right now; those are left alone. What cannot be removed stays: it is in
/// nobody's way, and the next launcher tries again.
pub fn remove(state: &StateDir) {
    let path = format!("/proc/self/fd/{}", state.starting.as_raw_fd());
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(maker) = name.to_str().and_then(|name| name.rsplit_once('.')?.1.parse().ok()) else { continue };
        if !is_maker(maker)
            && let Ok(name) = CString::new(name.into_encoded_bytes())
        {
            remove_one(state.starting.as_fd(), &name);
        }
    }
}

/// Removes the workspaces of jobs that have neither shim nor guard any more. In a process of its own, for what a job left behind may take long.
pub fn remove_workspaces(state: &StateDir) {
    let Ok(names) = tree::names(state.work.as_fd()) else { return };
    if names.is_empty() || !matches!(process::fork(), Ok(Fork::Child)) {
        return;
    }
    process::set_name(c"worker-leftover");
    // Core's socket above all: it tells core when the launcher leaves.
    let _ = fd::close_all_but(&mut [state.work.as_raw_fd(), state.jobs.as_raw_fd()]);
    for name in names {
        // One that is still in its start has no directory yet, and no workspace either.
        if let Ok(name) = name.to_str()
            && name != sandbox::PROBE
            && CString::new(name).is_ok_and(|job_id| !is_watched(state, &job_id))
        {
            workspace::remove(state.work.as_fd(), name);
        }
    }
    process::exit_now(0)
}

/// Whether a process can be the maker, a guard, a shim or a launcher: its number may have passed to anybody since, and one that is dead may not have been reaped. Without /proc each that lives counts.
pub fn is_maker(maker: Pid) -> bool {
    let alive = !signal::send(maker, 0).is_err_and(|error| error.raw_os_error() == Some(libc::ESRCH));
    let named = |stat: &[u8], name: &CStr| {
        let head = [b"(", name.to_bytes(), b") "].concat();
        stat.windows(head.len() + 1).any(|window| window.starts_with(&head) && !matches!(window[head.len()], b'Z' | b'X'))
    };
    let is_ours = |stat: &[u8]| [guard::PROCESS_NAME, shim::PROCESS_NAME, super::PROCESS_NAME].iter().any(|name| named(stat, name));
    alive && std::fs::read(format!("/proc/{maker}/stat")).map_or(true, |stat| is_ours(&stat))
}

/// Removes a directory that holds at most a socket.
pub fn remove_one(parent: BorrowedFd<'_>, name: &CStr) {
    if let Ok(made) = dir::open_dir_at(parent, name) {
        for socket in [UNFINISHED_SOCKET, SOCKET] {
            let _ = dir::unlink_at(made.as_fd(), socket, false);
        }
        let _ = dir::unlink_at(parent, name, true);
    }
}
