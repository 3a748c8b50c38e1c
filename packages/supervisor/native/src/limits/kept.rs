//! The cgroup that a shim keeps for its next job: of a sandbox's price, to make and remove one that counts memory is a seventh. Only of version 1, where one can be renamed and its peak be
//! forgotten; and handed on only as good as new: to a job with the same limits, when the kernel killed nothing in it, and when next to nothing is charged to it any more.

use std::ffi::CString;
use std::os::fd::AsFd;

use super::Cgroups;
use super::group::Group;
use super::oom::OomWatch;
use super::plan::{Plan, Write};
use super::remove::{FOR_THE_DYING, patiently, remove};
use crate::sys::process::{self, Pid};
use crate::wire::v1::ResourceLimits;

/// What the kernel lets go of a dead job only later. The peak of the next job may be too high by so much, and its memory too small.
const STILL_CHARGED: u64 = 1 << 20;
/// A job with less memory would miss that.
const LEAST_MEMORY: u64 = 64 * STILL_CHARGED;

/// The one that is kept.
#[derive(Default)]
pub struct Groups(Option<Kept>);

struct Kept {
    group: Group,
    watch: OomWatch,
    /// The limits that are in force in it.
    writes: Vec<Write>,
}

/// Whether a job with these limits may leave its cgroup to another.
#[must_use]
pub fn may_keep(limits: Option<&ResourceLimits>) -> bool {
    limits.is_some_and(|limits| limits.memory_bytes >= LEAST_MEMORY)
}

/// Of a job of which nobody is left: puts its cgroup aside when it is as good as new; false when it is to be removed.
pub fn put_aside(group: &mut Group, watch: Option<&OomWatch>) -> bool {
    watch.is_some_and(OomWatch::is_quiet)
        && group.is_empty()
        && group.charged().is_some_and(|bytes| bytes <= STILL_CHARGED)
        && group.rename(kept_name(process::own_pid())).is_ok()
}

impl Groups {
    /// Keeps what was put aside.
    pub fn keep(&mut self, group: Group, watch: OomWatch, writes: Vec<Write>) {
        self.0 = Some(Kept { group, watch, writes });
    }

    /// Gives it to a job, under this name. `None`: there is none that fits.
    pub fn lend(&mut self, plan: &Plan, name: CString) -> Option<(Group, OomWatch)> {
        let Kept { mut group, watch, writes } = self.0.take()?;
        if writes == plan.writes && group.forget_peak().and_then(|()| group.rename(name)).and_then(|()| group.open_entrances()).is_ok() {
            return Some((group, watch));
        }
        patiently(FOR_THE_DYING, || group.remove());
        None
    }

    /// Removes it.
    pub fn remove(&mut self) {
        if let Some(kept) = self.0.take() {
            patiently(FOR_THE_DYING, || kept.group.remove());
        }
    }
}

/// Removes what a shim kept that is dead.
pub fn remove_kept(cgroups: &Cgroups, shim: Pid) {
    let name = kept_name(shim);
    for hierarchy in &cgroups.hierarchies {
        patiently(FOR_THE_DYING, || remove(hierarchy.base.dir.as_fd(), &name).is_ok());
    }
}

// As those of jobs it ends in the number of who looks after it.
fn kept_name(shim: Pid) -> CString {
    CString::new(format!("kept.{shim}")).unwrap_or_default()
}
