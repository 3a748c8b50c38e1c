//! Removes the cgroups of jobs whose shim and guard were killed together, for then nobody else does.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use super::group::kill_dead;
use super::hierarchy::Cgroups;
use super::remove::{FOR_THE_DEAD, patiently, remove};
use crate::sys::dir;
use crate::sys::process::Pid;

// However many jobs are started, looking costs no more than this: all are looked at in turn.
const EVERY: Duration = Duration::from_millis(100);
const AT_A_TIME: usize = 32;

/// Those that are still to be looked at, each a place of a hierarchy and a name.
#[derive(Default)]
pub struct Leftovers {
    rest: Vec<(usize, CString)>,
    looked: Option<Instant>,
}

impl Leftovers {
    /// Removes all that there are; `lives` tells whether the maker, after whom each is named, is there.
    pub fn remove_all(&mut self, cgroups: &Cgroups, lives: impl Fn(Pid) -> bool) {
        self.rest = list(cgroups);
        while let Some((place, name)) = self.rest.pop() {
            patiently(FOR_THE_DEAD, || is_gone(cgroups, place, &name, &lives));
        }
    }

    /// Looks at a few, unless that was done just now: more wait for later starts. What cannot be removed at once stays until it is its turn again.
    pub fn remove_some(&mut self, cgroups: &Cgroups, lives: impl Fn(Pid) -> bool) {
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        if self.rest.is_empty() {
            self.rest = list(cgroups);
        }
        for (place, name) in self.rest.drain(self.rest.len().saturating_sub(AT_A_TIME)..) {
            is_gone(cgroups, place, &name, &lives);
        }
    }
}

fn list(cgroups: &Cgroups) -> Vec<(usize, CString)> {
    let names = |path: String| std::fs::read_dir(path).into_iter().flatten().flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let of_place = |(place, dir): (usize, i32)| {
        names(format!("/proc/self/fd/{dir}")).filter_map(move |entry| Some((place, CString::new(entry.file_name().into_encoded_bytes()).ok()?)))
    };
    cgroups.hierarchies.iter().map(|hierarchy| hierarchy.base.dir.as_raw_fd()).enumerate().flat_map(of_place).collect()
}

/// Ends and removes what no living maker looks after; true when nothing more is to be done.
fn is_gone(cgroups: &Cgroups, place: usize, name: &CString, lives: &impl Fn(Pid) -> bool) -> bool {
    let maker = name.to_str().ok().and_then(|name| name.rsplit_once('.')?.1.parse().ok());
    if maker.is_none_or(lives) {
        return true;
    }
    let base = cgroups.hierarchies[place].base.dir.as_fd();
    let Ok(cgroup) = dir::open_dir_at(base, name) else { return true };
    kill_dead(cgroup.as_fd());
    remove(base, name).is_ok()
}
