//! Removes the cgroups of jobs whose shim and guard were killed together.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};

use super::group::remove_dead;
use super::hierarchy::Cgroups;
use crate::sys::process::Pid;

/// Each is named after its shim; `lives` tells whether it is there. What cannot be removed stays for the next launcher.
pub fn remove_leftovers(cgroups: &Cgroups, lives: impl Fn(Pid) -> bool) {
    for hierarchy in &cgroups.hierarchies {
        let Ok(entries) = std::fs::read_dir(format!("/proc/self/fd/{}", hierarchy.dir.as_raw_fd())) else { continue };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let maker = name.to_str().and_then(|name| name.rsplit_once('.')?.1.parse().ok());
            if maker.is_some_and(|maker| !lives(maker))
                && let Ok(name) = CString::new(name.into_encoded_bytes())
            {
                remove_dead(hierarchy.dir.as_fd(), &name);
            }
        }
    }
}
