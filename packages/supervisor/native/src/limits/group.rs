//! The cgroups of one job.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::hierarchy::{self, Cgroups, Controller};
use super::oom::OomWatch;
use super::plan::Plan;
use super::remove::remove;
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{dir, errno, fd};

struct Member {
    // Where it was made.
    above: OwnedFd,
    dir: OwnedFd,
    version: u32,
    controllers: Vec<Controller>,
    born_in: bool,
    // Where a process joins that was not born in it; until the program has started.
    join: Option<OwnedFd>,
}

/// What could not be made or set.
pub struct Failure {
    /// The limit, or `None` where the cgroup itself failed.
    pub field: Option<&'static str>,
    /// Why.
    pub errno: i32,
}

/// A job's cgroups, one in each hierarchy that its limits need.
#[derive(Default)]
pub struct Group {
    name: CString,
    members: Vec<Member>,
}

impl Group {
    /// Makes them and sets the limits. What was made before a failure is removed.
    ///
    /// # Errors
    /// What could not be made or set.
    pub fn make(plan: &Plan, cgroups: &Cgroups, name: CString) -> Result<Self, Failure> {
        let mut group = Self { name, members: Vec::new() };
        group.build(plan, cgroups).inspect_err(|_| {
            group.remove();
        })?;
        Ok(group)
    }

    fn build(&mut self, plan: &Plan, cgroups: &Cgroups) -> Result<(), Failure> {
        let failed = |field| move |error: io::Error| Failure { field, errno: errno(&error) };
        for place in &plan.uses {
            let hierarchy = &cgroups.hierarchies[*place];
            let above = hierarchy.base.dir.try_clone().map_err(failed(None))?;
            hierarchy::make_at(above.as_fd(), &self.name).map_err(failed(None))?;
            let dir = dir::open_dir_at(above.as_fd(), &self.name).map_err(failed(None))?;
            for write in plan.writes.iter().filter(|write| write.hierarchy == *place) {
                match hierarchy::write_at(dir.as_fd(), write.file, write.value.as_bytes()) {
                    Err(error) if !(write.optional && error.kind() == io::ErrorKind::NotFound) => return Err(failed(Some(write.field))(error)),
                    _ => {}
                }
            }
            let (version, born_in, controllers) = (hierarchy.version, hierarchy.born_in, hierarchy.controllers.clone());
            self.members.push(Member { above, dir, version, controllers, born_in, join: None });
        }
        self.open_entrances().map_err(failed(None))
    }

    /// Lets processes join that are not born in them.
    pub(super) fn open_entrances(&mut self) -> io::Result<()> {
        for member in self.members.iter_mut().filter(|member| !member.born_in) {
            member.join = Some(dir::open_at(member.dir.as_fd(), hierarchy::joining_file(member.version), libc::O_WRONLY, 0)?);
        }
        Ok(())
    }

    /// Those that a shim made which is dead.
    #[must_use]
    pub fn find(places: &[usize], cgroups: &Cgroups, name: CString) -> Self {
        let mut members = Vec::new();
        for hierarchy in places.iter().filter_map(|place| cgroups.hierarchies.get(*place)) {
            if let (Ok(above), Ok(dir)) = (hierarchy.base.dir.try_clone(), dir::open_dir_at(hierarchy.base.dir.as_fd(), &name)) {
                let controllers = hierarchy.controllers.clone();
                members.push(Member { above, dir, version: hierarchy.version, controllers, born_in: hierarchy.born_in, join: None });
            }
        }
        Self { name, members }
    }

    /// Forks a process that is in them from its first instruction, but for those that it still has to join.
    ///
    /// # Errors
    /// As clone3(2).
    pub fn fork(&self) -> io::Result<Fork> {
        match self.members.iter().find(|member| member.born_in) {
            Some(member) => process::fork_into(member.dir.as_fd()),
            None => process::fork(),
        }
    }

    /// In the new process: joins the others.
    ///
    /// # Errors
    /// As write(2).
    pub fn join(&self) -> io::Result<()> {
        self.members.iter().filter_map(|member| member.join.as_ref()).try_for_each(|join| fd::write(join.as_fd(), b"0").map(drop))
    }

    /// Nobody joins any more.
    pub fn close_entrances(&mut self) {
        self.members.iter_mut().for_each(|member| member.join = None);
    }

    fn with(&self, controller: Controller) -> Option<(BorrowedFd<'_>, u32)> {
        self.members.iter().find(|member| member.controllers.contains(&controller)).map(|member| (member.dir.as_fd(), member.version))
    }

    /// Watches for kills for want of memory.
    #[must_use]
    pub fn watch_memory(&self) -> Option<io::Result<OomWatch>> {
        self.with(Controller::Memory).map(|(dir, version)| OomWatch::begin(dir, version))
    }

    /// Kills all that is in them.
    pub fn kill(&self) {
        let Some(first) = self.members.first() else { return };
        let at_one_blow = self.members.iter().any(|member| member.version == 2 && hierarchy::write_at(member.dir.as_fd(), c"cgroup.kill", b"1").is_ok());
        if !at_one_blow {
            kill_each(first.dir.as_fd());
        }
    }

    /// Removes them; false when something is still in one.
    #[allow(clippy::must_use_candidate)]
    pub fn remove(&self) -> bool {
        // All are tried.
        self.members.iter().filter(|member| remove(member.above.as_fd(), &self.name).is_err()).count() == 0
    }

    /// The only one, where it is of version 1 and counts memory alone.
    fn of_memory(&self) -> Option<&Member> {
        match &self.members[..] {
            [member] if member.version == 1 && member.controllers == [Controller::Memory] => Some(member),
            _ => None,
        }
    }

    /// Whether the kernel, too, knows of no process in it.
    pub(super) fn is_empty(&self) -> bool {
        self.of_memory().is_some_and(|member| read_file(member.dir.as_fd(), c"cgroup.procs").is_some_and(|listed| listed.is_empty()))
    }

    /// How many bytes are charged to it.
    pub(super) fn charged(&self) -> Option<u64> {
        read_file(self.of_memory()?.dir.as_fd(), c"memory.usage_in_bytes")?.trim().parse().ok()
    }

    /// From here on its peak is what is charged now.
    pub(super) fn forget_peak(&self) -> io::Result<()> {
        let member = self.of_memory().ok_or(io::ErrorKind::Unsupported)?;
        hierarchy::write_at(member.dir.as_fd(), c"memory.max_usage_in_bytes", b"0")
    }

    /// Gives it another name.
    pub(super) fn rename(&mut self, name: CString) -> io::Result<()> {
        let above = self.of_memory().ok_or(io::ErrorKind::Unsupported)?.above.as_fd();
        dir::rename_at(above, &self.name, above, &name)?;
        self.name = name;
        Ok(())
    }

    /// The whole of one of their files.
    pub(super) fn read(&self, controller: Controller, v1: &CStr, v2: &CStr) -> Option<String> {
        let (dir, version) = self.with(controller)?;
        read_file(dir, if version == 1 { v1 } else { v2 })
    }
}

fn read_file(dir: BorrowedFd<'_>, name: &CStr) -> Option<String> {
    let file = dir::open_at(dir, name, libc::O_RDONLY, 0).ok()?;
    std::io::read_to_string(std::fs::File::from(file)).ok()
}

/// Kills each that is listed, by a handle that was opened before it was listed again: so it is one of them, whatever became of its number.
fn kill_each(cgroup: BorrowedFd<'_>) {
    let listed = || -> Vec<Pid> { read_file(cgroup, c"cgroup.procs").unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect() };
    let handles: Vec<(Pid, OwnedFd)> = listed().into_iter().filter_map(|pid| Some((pid, process::open_pid(pid).ok()?))).collect();
    let still = listed();
    for (_, handle) in handles.iter().filter(|(pid, _)| still.contains(pid)) {
        let _ = process::signal_pidfd(handle.as_fd(), libc::SIGKILL);
    }
}

/// Kills what a job left of which neither shim nor guard lives.
pub fn kill_dead(cgroup: BorrowedFd<'_>) {
    if hierarchy::write_at(cgroup, c"cgroup.kill", b"1").is_err() {
        kill_each(cgroup);
    }
}
