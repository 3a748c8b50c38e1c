//! The sandbox: a job's own view of the host. What every job's has in common is prepared once, in the launcher; a job pays for a few mounts and namespaces.

mod binds;
mod dev;
mod enclose;
mod etc;
mod failed;
pub mod filter;
mod graft;
mod init;
mod networks;
mod plan;
mod probe;
mod root;
mod template;
pub mod workspace;
mod workspaces;

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

pub use enclose::{Enclosure, lock};
pub use failed::Failed;
pub use networks::Networks;
pub use plan::Plan;
pub use probe::{NAME as PROBE, probe};
pub use template::Template;
pub use workspaces::{Workspaces, remove_kept};

use crate::limits::Groups;
use crate::sys::enclosure::Instruction;

/// What a shim keeps of one sandbox for the next: all are dear to make and to take down.
#[derive(Default)]
pub struct Kept {
    /// Its network.
    pub networks: Networks,
    /// Its workspace.
    pub workspaces: Workspaces,
    /// Its cgroup.
    pub groups: Groups,
}

/// What the launcher prepared.
pub struct Prepared {
    /// What each job's mounts are a copy of.
    pub template: Template,
    /// The filter of system calls.
    pub filter: Vec<Instruction>,
    /// Landlock's rules, where the host knows those that are needed.
    pub rules: Option<OwnedFd>,
}

impl Prepared {
    /// The descriptors that a shim needs to enclose its job.
    pub fn handles(&self) -> impl Iterator<Item = RawFd> {
        let template = &self.template;
        [Some(&template.mounts), template.user.as_ref(), self.rules.as_ref()].into_iter().flatten().map(AsRawFd::as_raw_fd)
    }
}
