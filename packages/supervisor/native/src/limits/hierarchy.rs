//! The hierarchies in which the launcher may make cgroups, each tried with a process in it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::base::{self, Base};
use super::delegate;
use super::find::{Mounted, mounted};
use super::remove::{FOR_THE_DYING, patiently, remove};
use crate::launcher::CgroupWish;
use crate::sys::process::{self, Fork};
use crate::sys::{dir, errno, fd};
use crate::wire::v1::Controller as Described;

/// What enforces a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Memory.
    Memory,
    /// The processor.
    Cpu,
    /// Processes.
    Pids,
    /// Block devices.
    Io,
}

const ALL: [Controller; 4] = [Controller::Memory, Controller::Cpu, Controller::Pids, Controller::Io];

impl Controller {
    /// As version 2 and the wire name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Io => "io",
        }
    }

    fn name_in(self, version: u32) -> &'static str {
        if version == 1 && self == Self::Io { "blkio" } else { self.name() }
    }

    /// A file that must be there to be written.
    fn file(self, version: u32) -> &'static CStr {
        match (self, version) {
            (Self::Memory, 1) => c"memory.limit_in_bytes",
            (Self::Memory, _) => c"memory.max",
            (Self::Cpu, 1) => c"cpu.cfs_quota_us",
            (Self::Cpu, _) => c"cpu.max",
            (Self::Pids, _) => c"pids.max",
            (Self::Io, 1) => c"blkio.throttle.read_bps_device",
            (Self::Io, _) => c"io.max",
        }
    }
}

/// One in which jobs can have cgroups.
pub struct Hierarchy {
    /// 1 or 2.
    pub version: u32,
    /// What it enforces.
    pub controllers: Vec<Controller>,
    /// Whether it kills a cgroup as one.
    pub kills: bool,
    /// Whether a process can be born in a cgroup.
    pub born_in: bool,
    /// The directory in which jobs have theirs.
    pub base: Base,
}

/// All of them.
#[derive(Default)]
pub struct Cgroups {
    /// In the order in which they were found.
    pub hierarchies: Vec<Hierarchy>,
    // Why a controller cannot be used, by its place in `ALL`, and at the end why none kills.
    refused: [i32; 5],
}

impl Cgroups {
    /// Finds and tries them.
    #[must_use]
    pub fn find(wish: &CgroupWish, state_dir: &Path) -> Self {
        let mut found = Self { hierarchies: Vec::new(), refused: [libc::ENOENT; 5] };
        if *wish == CgroupWish::None {
            return found;
        }
        let name = base::name(state_dir);
        // Version 2 first: what it has, version 1 has not.
        let (unified, old): (Vec<_>, Vec<_>) = mounted().into_iter().partition(|one| one.version == 2);
        for mounted in unified.into_iter().chain(old) {
            let Some(above) = base::above(wish, &mounted) else { continue };
            let has = available(&mounted, &above);
            if has.is_empty() && mounted.version == 1 {
                continue;
            }
            match Hierarchy::open(&mounted, &above, &name, &has) {
                Ok(hierarchy) => found.hierarchies.push(hierarchy),
                Err(error) => {
                    for controller in &has {
                        found.refused[*controller as usize] = errno(&error);
                    }
                    if mounted.version == 2 {
                        found.refused[4] = errno(&error);
                    }
                }
            }
        }
        found
    }

    /// The place of the hierarchy that enforces this.
    #[must_use]
    pub fn with(&self, controller: Controller) -> Option<usize> {
        self.hierarchies.iter().position(|hierarchy| hierarchy.controllers.contains(&controller))
    }

    /// The place of the hierarchy that kills as one.
    #[must_use]
    pub fn killing(&self) -> Option<usize> {
        self.hierarchies.iter().position(|hierarchy| hierarchy.kills)
    }

    /// Why a controller cannot be used.
    #[must_use]
    pub fn refusal(&self, controller: Controller) -> i32 {
        self.refused[controller as usize]
    }

    /// As the hello tells it.
    #[must_use]
    pub fn describe(&self) -> Vec<Described> {
        let one = |name: &str, place: Option<usize>, refused: i32| match place.map(|place| &self.hierarchies[place]) {
            Some(hierarchy) => {
                Described { name: name.to_owned(), version: hierarchy.version, path: hierarchy.base.path().to_string_lossy().into_owned(), errno: 0 }
            }
            None => Described { name: name.to_owned(), version: 0, path: String::new(), errno: refused },
        };
        let controllers = ALL.iter().map(|controller| one(controller.name(), self.with(*controller), self.refusal(*controller)));
        controllers.chain([one("kill", self.killing(), self.refused[4])]).collect()
    }

    /// Makes those directories again that somebody removed under us, so far as it can be: what still lacks one is told by the job's start. True when one was made.
    pub fn restore(&mut self, places: &[usize]) -> bool {
        let mut restored = false;
        for place in places {
            let Hierarchy { base, version, controllers, .. } = &mut self.hierarchies[*place];
            if !base.is_there()
                && let Ok(again) = Base::open(base.path().to_owned(), *version, controllers)
            {
                *base = again;
                restored = true;
            }
        }
        restored
    }

    /// The launcher leaves.
    pub fn leave(&mut self) {
        self.hierarchies.iter_mut().for_each(|hierarchy| hierarchy.base.let_go());
        self.remove_unused();
    }

    /// Removes the directories when no launcher is there any more. For each job to do at its end, which costs a look at one of them: a launcher holds all or none.
    pub fn remove_unused(&self) {
        let _ = self.hierarchies.iter().all(|hierarchy| hierarchy.base.remove_unused());
    }
}

impl Hierarchy {
    fn open(mounted: &Mounted, above: &Path, name: &str, has: &[Controller]) -> io::Result<Self> {
        if mounted.version == 2 {
            delegate::enable(above, has, true)?;
        }
        let base = Base::open(above.join(name), mounted.version, has)?;
        let mut hierarchy = Self { version: mounted.version, controllers: Vec::new(), kills: false, born_in: false, base };
        let tried = hierarchy.try_out(has);
        if tried.is_err() {
            hierarchy.base.let_go();
            hierarchy.base.remove_unused();
        }
        tried.map(|()| hierarchy)
    }

    /// Makes a cgroup, puts a process into it and kills it.
    fn try_out(&mut self, has: &[Controller]) -> io::Result<()> {
        let name = CString::new(format!("attempt.{}", process::own_pid())).unwrap_or_default();
        make_at(self.base.dir.as_fd(), &name)?;
        let tried = dir::open_dir_at(self.base.dir.as_fd(), &name).and_then(|made| self.try_in(made.as_fd(), has));
        // Its pipe tells of a process that ends a moment before the kernel lets go of it.
        patiently(FOR_THE_DYING, || remove(self.base.dir.as_fd(), &name).is_ok());
        tried
    }

    fn try_in(&mut self, made: BorrowedFd<'_>, has: &[Controller]) -> io::Result<()> {
        let writable = |file: &CStr| dir::open_at(made, file, libc::O_WRONLY, 0).is_ok();
        self.controllers = has.iter().copied().filter(|controller| writable(controller.file(self.version))).collect();
        self.born_in = self.version == 2 && born_in(made);
        if !self.born_in {
            join_for_a_moment(made, self.version)?;
        }
        self.kills = self.version == 2 && write_at(made, c"cgroup.kill", b"1").is_ok();
        if self.controllers.is_empty() && !self.kills {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        Ok(())
    }
}

fn born_in(made: BorrowedFd<'_>) -> bool {
    let Ok((gone, end)) = fd::pipe() else { return false };
    match process::fork_into(made) {
        Ok(Fork::Child) => process::exit_now(0),
        Ok(Fork::Parent(_)) => {
            drop(end);
            // It has ended when its end of the pipe has.
            fd::read(gone.as_fd(), &mut [0]).is_ok()
        }
        Err(_) => false,
    }
}

fn join_for_a_moment(made: BorrowedFd<'_>, version: u32) -> io::Result<()> {
    let (report, end) = fd::pipe()?;
    if matches!(process::fork()?, Fork::Child) {
        let joined = write_at(made, joining_file(version), b"0");
        let _ = fd::write(end.as_fd(), &joined.map_or_else(|error| errno(&error), |()| 0).to_le_bytes());
        process::exit_now(0);
    }
    drop(end);
    let mut answer = 1_i32.to_le_bytes();
    fd::read(report.as_fd(), &mut answer)?;
    // To its end: the process is gone.
    fd::read(report.as_fd(), &mut [0])?;
    match i32::from_le_bytes(answer) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Where a process writes 0 to join. Of version 1 the file for threads: a single thread that moves itself takes no lock over all processes of the host, and ours have one.
#[must_use]
pub fn joining_file(version: u32) -> &'static CStr {
    if version == 1 { c"tasks" } else { c"cgroup.procs" }
}

fn available(mounted: &Mounted, above: &Path) -> Vec<Controller> {
    let names: Vec<String> = match mounted.version {
        2 => std::fs::read_to_string(above.join("cgroup.controllers")).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        _ => mounted.controllers.clone(),
    };
    ALL.into_iter().filter(|controller| names.iter().any(|name| name == controller.name_in(mounted.version))).collect()
}

/// Makes a cgroup.
///
/// # Errors
/// As mkdirat(2).
pub fn make_at(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    dir::mkdir_at(parent, name)
}

/// Writes into a file of a cgroup, at one blow.
///
/// # Errors
/// As openat(2) and write(2).
pub fn write_at(cgroup: BorrowedFd<'_>, file: &CStr, value: &[u8]) -> io::Result<()> {
    let file = dir::open_at(cgroup, file, libc::O_WRONLY, 0)?;
    fd::write(file.as_fd(), value).map(drop)
}
