//! The init of a job's process namespace: makes the inside, then only waits to be killed. Its death ends everything in the namespace.
//!
//! Forked without exec, it holds memory of ours. Nobody inside may look at it: it keeps one capability, which gives it nothing and which no process of the job has, and
//! who lacks a capability of a process may not trace it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::failed::{Failed, at};
use super::plan::Plan;
use super::{Prepared, binds, networks};
use crate::sys::{fd, mount, namespace, poll, privilege, process, signal, title, user};

const QUIET: u64 = mount::NO_SUID | mount::NO_DEVICES;

/// Runs in the process that was forked into the namespaces; does not return. `parent` is a handle of whoever forked it.
pub fn run(prepared: &Prepared, plan: &Plan, parent: BorrowedFd<'_>, report: BorrowedFd<'_>, ready: BorrowedFd<'_>, tell: fn(&Failed) -> Vec<u8>) -> ! {
    process::set_name(c"worker-init");
    title::set(&[b"worker-init ", plan.name.to_bytes()].concat());
    // The ends of the job's pipes are not made yet; what else of the shim is open here would outlive it.
    let mut needed = [prepared.template.mounts.as_raw_fd(), parent.as_raw_fd(), report.as_raw_fd(), ready.as_raw_fd()];
    let kept = fd::close_all_but(&mut needed).map_err(at("close"));
    if let Err(failed) = kept.and_then(|()| make(prepared, plan)).and_then(|()| die_with(parent)) {
        // Should the shim be gone, its guard ends us.
        let _ = fd::write(report, &tell(&failed));
        process::exit_now(1);
    }
    // Orphans of the job are given to us: the kernel reaps them.
    signal::ignore_children();
    // The report's end tells of the exec, so it is closed before the program may go on.
    let _ = fd::close_all_but(&mut [ready.as_raw_fd()]);
    let _ = fd::write(ready, &[1]);
    let _ = fd::close_all();
    signal::wait_for_end()
}

fn make(prepared: &Prepared, plan: &Plan) -> Result<(), Failed> {
    // What is made for binds is for the job to pass through.
    process::set_umask(0o022);
    let trees = binds::collect(&plan.binds, prepared.template.user.is_some())?;
    namespace::enter(prepared.template.mounts.as_fd(), libc::CLONE_NEWNS).map_err(at("enter template"))?;
    namespace::leave(libc::CLONE_NEWNS).map_err(at("unshare mount"))?;
    mount::mount_new(c"proc", c"/proc", QUIET | mount::NO_EXEC, c"").map_err(at("mount proc"))?;
    mount::mount_new(c"tmpfs", c"/tmp", QUIET, &plan.shared_memory).map_err(at("mount tmp"))?;
    mount::mount_new(c"tmpfs", c"/dev/shm", QUIET | mount::NO_EXEC, &plan.shared_memory).map_err(at("mount shm"))?;
    mount::mount_new(c"tmpfs", c"/run", QUIET, &plan.runtime).map_err(at("mount run"))?;
    mount::mount_new(c"devpts", c"/dev/pts", mount::NO_SUID | mount::NO_EXEC, c"newinstance,ptmxmode=0666,mode=0620").map_err(at("mount pts"))?;
    let workspace = CString::new([b"/workspace/", plan.name.to_bytes()].concat()).unwrap_or_default();
    mount::bind(&workspace, c"/workspace").map_err(at("bind workspace"))?;
    binds::attach(&plan.binds, &trees)?;
    namespace::set_host_name(c"worker").map_err(at("host name"))?;
    if plan.own_network && !networks::may_keep(prepared, plan) {
        namespace::start_loopback().map_err(at("loopback"))?;
    }
    become_inner(plan)?;
    privilege::keep_only(Some(privilege::CAP_WAKE_ALARM)).map_err(at("capabilities"))?;
    privilege::set_no_new_privileges().map_err(at("no_new_privs"))
}

/// Set once we have become the job's user, for that change forgets it.
fn die_with(parent: BorrowedFd<'_>) -> Result<(), Failed> {
    privilege::die_with_parent().map_err(at("parent"))?;
    // It may have died before, and its guard with it: nobody would end us then. Its number says nothing in our namespace.
    match poll::has_come(parent) {
        Ok(false) => Ok(()),
        Ok(true) => Err(at("parent")(io::Error::from_raw_os_error(libc::ESRCH))),
        Err(error) => Err(at("parent")(error)),
    }
}

/// Goes over to the job's user and its own user namespace.
fn become_inner(plan: &Plan) -> Result<(), Failed> {
    if let Some(outer) = &plan.outer {
        user::set_groups(&[], outer.gid).map_err(at("groups"))?;
        // Whoever owns a user namespace may map themselves into it, and the right to make one is root's even where ordinary users are refused.
        privilege::keep_over_user_change().map_err(at("user"))?;
        user::set_gid(outer.gid).and_then(|()| user::set_uid(outer.uid)).map_err(at("user"))?;
        privilege::use_all().map_err(at("user"))?;
        privilege::set_dumpable().map_err(at("user"))?;
    }
    namespace::leave(libc::CLONE_NEWUSER).map_err(at("unshare user"))?;
    std::fs::write("/proc/self/setgroups", "deny").map_err(at("map groups"))?;
    std::fs::write("/proc/self/uid_map", &plan.uid_map).map_err(at("map user"))?;
    std::fs::write("/proc/self/gid_map", &plan.gid_map).map_err(at("map group"))
}
