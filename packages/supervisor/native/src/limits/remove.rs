//! Removes cgroups.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::sys::{dir, signal};

// A job of root can make cgroups below its own. What is deeper than anybody needs stays, and keeps all above it.
const MAX_DEPTH: u32 = 16;

/// Removes a cgroup that nothing lives in, with what was made below it. One that is not there is removed.
pub fn remove(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    remove_to(parent, name, MAX_DEPTH)
}

/// Tries until it is done, or until the patience is over: what is left then is removed by the next launcher.
pub fn patiently(patience: Duration, mut removes: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    while !removes() && Instant::now() < end {
        signal::wait_child(pause);
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// For what was just ended: the kernel takes a moment after the last process, and a host without a free processor a longer one.
pub const FOR_THE_DYING: Duration = Duration::from_secs(10);
/// For what ended long ago, or what another is about to let go.
pub const FOR_THE_DEAD: Duration = Duration::from_millis(200);

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(64);

fn remove_to(parent: BorrowedFd<'_>, name: &CStr, depth: u32) -> io::Result<()> {
    match dir::unlink_at(parent, name, true) {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) && depth > 0 => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => return removed,
    }
    let cgroup = dir::open_dir_at(parent, name)?;
    let Ok(entries) = std::fs::read_dir(format!("/proc/self/fd/{}", cgroup.as_raw_fd())) else {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if let Ok(name) = CString::new(entry.file_name().into_encoded_bytes()) {
            remove_to(cgroup.as_fd(), &name, depth - 1)?;
        }
    }
    dir::unlink_at(parent, name, true)
}
