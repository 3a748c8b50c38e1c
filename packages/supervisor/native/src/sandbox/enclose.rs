//! Encloses a job: an init with namespaces of its own, and the program that joins them. Called by the shim, which never waits for either.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::failed::{Failed, at};
use super::networks::{self, Networks};
use super::plan::{INNER_ID, Plan};
use super::{Prepared, init};
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{enclosure, fd, namespace, privilege, user};

/// A job's own namespaces, held by their init.
pub struct Enclosure {
    /// The init, a child of ours.
    pub init: Pid,
    /// It, whatever becomes of its number.
    pub handle: OwnedFd,
    // Tells by one byte that the inside is ready; by its end that it never will be.
    ready: OwnedFd,
}

impl Enclosure {
    /// Forks the init. What of its steps fails it tells by `tell`, and ends. The next process that the caller forks is born inside its process namespace.
    ///
    /// # Errors
    /// The step that failed here.
    pub fn make(prepared: &Prepared, plan: &Plan, networks: &mut Networks, report: BorrowedFd<'_>, tell: fn(&Failed) -> Vec<u8>) -> Result<Self, Failed> {
        if let Some(owner) = &prepared.template.user {
            // The server's groups are not the job's. Few ordinary users may give theirs up, and inside nobody may: SECURITY.md says what those that stay are good for.
            let _ = user::set_groups(&[], process::own_gid());
            namespace::enter(owner.as_fd(), libc::CLONE_NEWUSER).map_err(at("enter user"))?;
        }
        let (ready, ready_end) = fd::pipe().map_err(at("pipe"))?;
        let parent = process::open_pid(process::own_pid()).map_err(at("pidfd"))?;
        let kinds = libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
        let forked = if networks::may_keep(prepared, plan) {
            networks.fork_into(kinds)?
        } else {
            namespace::fork_into(kinds | network_of(plan)).map_err(at("unshare"))?
        };
        match forked {
            (Fork::Child, _) => init::run(prepared, plan, parent.as_fd(), report, ready_end.as_fd(), tell),
            (Fork::Parent(init), Some(handle)) => {
                namespace::enter(handle.as_fd(), libc::CLONE_NEWPID).map_err(at("enter processes"))?;
                Ok(Self { init, handle, ready })
            }
            (Fork::Parent(_), None) => Err(at("unshare")(std::io::Error::from_raw_os_error(libc::ENOSYS))),
        }
    }

    /// In the new process, a child of ours: waits until the inside is ready, joins it, becomes its user and gives up every privilege.
    ///
    /// # Errors
    /// The step that failed.
    pub fn join(&self, plan: &Plan) -> Result<(), Failed> {
        if !matches!(fd::read(self.ready.as_fd(), &mut [0]), Ok(Some(1))) {
            return Err(at("init")(std::io::Error::from_raw_os_error(libc::ESRCH)));
        }
        if let Some(outer) = &plan.outer {
            user::set_groups(&outer.groups, outer.gid).map_err(at("groups"))?;
        }
        let kinds = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | network_of(plan);
        namespace::enter(self.handle.as_fd(), kinds).map_err(at("enter"))?;
        namespace::leave(libc::CLONE_NEWCGROUP).map_err(at("unshare cgroup"))?;
        user::set_gid(INNER_ID).and_then(|()| user::set_uid(INNER_ID)).map_err(at("user"))?;
        privilege::leave_keyring().map_err(at("keyring"))?;
        privilege::forbid_all().map_err(at("capabilities"))?;
        privilege::keep_only(None).map_err(at("capabilities"))
    }
}

fn network_of(plan: &Plan) -> i32 {
    if plan.own_network { libc::CLONE_NEWNET } else { 0 }
}

/// The last thing before the exec: from here on nothing can be gained, and what is dangerous cannot be called.
///
/// # Errors
/// The step that failed.
pub fn lock(prepared: &Prepared) -> Result<(), Failed> {
    privilege::set_no_new_privileges().map_err(at("no_new_privs"))?;
    if let Some(rules) = &prepared.rules {
        enclosure::restrict(rules.as_fd()).map_err(at("landlock"))?;
    }
    enclosure::filter_calls(&prepared.filter).map_err(at("seccomp"))
}
