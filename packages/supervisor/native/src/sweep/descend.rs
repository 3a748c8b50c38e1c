//! Kills what is below a child, so that a tree that grows is stopped faster than its layers can die one after the other.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use super::children;
use crate::sys::process::{self, Pid};

// Each level holds a descriptor. What lies deeper comes up by itself when what is above it dies.
const MAX_DEPTH: u32 = 64;

/// Kills the descendants of a child of ours that was killed and is not reaped.
pub fn kill_below(child: Pid, searched: &mut HashSet<Pid>) {
    below(child, None, searched, MAX_DEPTH);
}

/// `handle` is the parent's, where it is no child of our own: a child's number stays its own until we reap it.
fn below(parent: Pid, handle: Option<BorrowedFd<'_>>, searched: &mut HashSet<Pid>, depth: u32) {
    if depth == 0 {
        return;
    }
    for pid in children::of_process(parent) {
        // Kernels before 5.3 have no handles: there the tree is killed layer by layer.
        let Ok(process) = process::open_pid(pid) else { continue };
        if !is_child(pid, parent, handle) {
            continue;
        }
        let _ = process::signal_pidfd(process.as_fd(), libc::SIGKILL);
        searched.insert(pid);
        below(pid, Some(process.as_fd()), searched, depth - 1);
    }
}

/// Proves that the process opened under this number is a child of the parent. The order makes the proof: it was opened before its parent is read, so it is that process or
/// one that is gone; and the parent was not reaped after that, so its number still meant itself.
fn is_child(pid: Pid, parent: Pid, handle: Option<BorrowedFd<'_>>) -> bool {
    children::parent_of(pid) == Some(parent) && handle.is_none_or(|handle| process::signal_pidfd(handle, 0).is_ok())
}
