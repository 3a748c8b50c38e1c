//! The template: a mount namespace whose root is the sandbox's own. Built once, by the launcher when it starts; each job's namespace is a copy of it, and every mount in it is
//! paid for by every job: so there are few.
//!
//! Root builds it as it is. Anybody else needs a user namespace to have mounts in; that of the template is then the one from which all jobs' are made.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::failed::{Failed, at};
use super::root;
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{errno, fd, mount, namespace, privilege};

/// Where the new root is put together, over something that every host has and the sandbox has of its own.
pub(super) const SITE: &str = "/proc";
const LONGEST_STEP: usize = 256;

/// Handles of it. It is gone when these are closed and no job uses it.
pub struct Template {
    /// The mount namespace.
    pub mounts: OwnedFd,
    /// The user namespace that owns it; `None`: the host's own, under root.
    pub user: Option<OwnedFd>,
}

impl Template {
    /// Builds it; `work` holds the jobs' workspaces.
    ///
    /// # Errors
    /// The step that the host refuses.
    pub fn build(work: BorrowedFd<'_>) -> Result<Self, Failed> {
        let privileged = process::own_uid() == 0;
        if privileged && !privilege::has(privilege::CAP_SYS_ADMIN) {
            return Err(at("capability to mount")(io::Error::from_raw_os_error(libc::EPERM)));
        }
        // The working copy of /proc is of a process namespace that dies with the builder: nothing of it stays but what the kernel wants to see before it mounts another.
        let kinds = libc::CLONE_NEWNS | if privileged { 0 } else { libc::CLONE_NEWUSER | libc::CLONE_NEWPID };
        let (report, told) = fd::pipe().map_err(at("pipe"))?;
        let (wait, go) = fd::pipe().map_err(at("pipe"))?;
        match namespace::fork_into(kinds).map_err(at(if privileged { "unshare mount" } else { "unshare user" }))? {
            (Fork::Child, _) => {
                drop((report, go));
                builder(privileged, work, told.as_fd(), wait.as_fd())
            }
            (Fork::Parent(pid), _) => {
                drop((told, wait));
                Self::take(pid, privileged, report.as_fd(), go.as_fd())
            }
        }
    }

    fn take(builder: Pid, privileged: bool, report: BorrowedFd<'_>, go: BorrowedFd<'_>) -> Result<Self, Failed> {
        if !privileged {
            map_same_user(builder).map_err(at("map user"))?;
        }
        fd::write(go, &[1]).map_err(at("build"))?;
        let mut bytes = [0; LONGEST_STEP];
        let length = fd::read(report, &mut bytes).map_err(at("build"))?.unwrap_or(0);
        if length != 1 {
            return Err(Failed::from_bytes(&bytes[..length]));
        }
        let open = |kind: &str| std::fs::File::open(format!("/proc/{builder}/ns/{kind}")).map(OwnedFd::from).map_err(at("hold namespace"));
        Ok(Self { mounts: open("mnt")?, user: if privileged { None } else { Some(open("user")?) } })
    }
}

/// Lets the user namespace of a process know one user and one group: our own, by the same numbers.
fn map_same_user(pid: Pid) -> io::Result<()> {
    let (uid, gid) = (process::own_uid(), process::own_gid());
    std::fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
    std::fs::write(format!("/proc/{pid}/uid_map"), format!("{uid} {uid} 1"))?;
    std::fs::write(format!("/proc/{pid}/gid_map"), format!("{gid} {gid} 1"))
}

/// Tells by one byte that all is built, by more what failed; then stays until the launcher holds the namespaces.
fn builder(privileged: bool, work: BorrowedFd<'_>, told: BorrowedFd<'_>, wait: BorrowedFd<'_>) -> ! {
    let begun = fd::read(wait, &mut [0]);
    if matches!(begun, Ok(Some(1))) {
        let answer = match build(privileged, work) {
            Ok(()) => vec![1],
            Err(failed) => failed.to_bytes(),
        };
        // The launcher reads, or is gone.
        let _ = fd::write(told, &answer);
        let _ = fd::read(wait, &mut [0]);
    }
    process::exit_now(0)
}

fn build(privileged: bool, work: BorrowedFd<'_>) -> Result<(), Failed> {
    process::set_umask(0o022);
    mount::make_all_private().map_err(at("mount private"))?;
    let work = reopen(work).map_err(at("open work"))?;
    let devices = root::Devices::find(privileged);
    let copies = root::Copies::read();
    mount::mount_new(c"tmpfs", c"/proc", mount::NO_SUID, c"mode=0755,size=64m").map_err(at("mount root"))?;
    let site = Path::new(SITE);
    root::populate(site, &copies).map_err(at("fill root"))?;
    root::bind_programs(site)?;
    devices.place(site)?;
    root::bind(site, "workspace", work.as_fd(), mount::NO_SUID | mount::NO_DEVICES)?;
    if !privileged {
        mount::mount_new(c"proc", c"/proc/proc", mount::NO_SUID | mount::NO_DEVICES | mount::NO_EXEC, c"").map_err(at("mount proc"))?;
    }
    let new_root = std::fs::File::open(site).map_err(at("open root"))?;
    mount::narrow(new_root.as_fd(), mount::READ_ONLY | mount::NO_SUID, false).map_err(at("narrow root"))?;
    std::env::set_current_dir(site).map_err(at("enter root"))?;
    drop(new_root);
    become_root()
}

fn become_root() -> Result<(), Failed> {
    match mount::pivot_here() {
        Ok(()) => mount::detach(c".").map_err(at("leave old root"))?,
        // A host that still runs from its initramfs has no root that could be exchanged: there the new one lies over it.
        Err(error) if errno(&error) == libc::EINVAL => {
            mount::move_here_to_root().map_err(at("move root"))?;
            mount::root_here().map_err(at("change root"))?;
        }
        Err(error) => return Err(at("pivot root")(error)),
    }
    std::env::set_current_dir("/").map_err(at("enter root"))
}

/// The same directory as this namespace mounts it: handles from outside cannot be bound.
fn reopen(dir: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    use std::os::unix::fs::MetadataExt;
    let outside = std::fs::File::from(dir.try_clone_to_owned()?);
    let path = std::fs::read_link(format!("/proc/self/fd/{}", outside.as_raw_fd()))?;
    let inside = std::fs::File::open(path)?;
    let (before, now) = (outside.metadata()?, inside.metadata()?);
    if (before.dev(), before.ino()) != (now.dev(), now.ino()) {
        return Err(io::Error::from_raw_os_error(libc::ESTALE));
    }
    Ok(inside.into())
}
