//! The hierarchies in which the launcher may make cgroups, each tried with a process in it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::delegate;
use super::find::{Mounted, mounted};
use super::remove::{patiently, remove};
use crate::launcher::CgroupWish;
use crate::sys::process::{self, Fork};
use crate::sys::{dir, errno, fd, lock};
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
    pub dir: OwnedFd,
    path: PathBuf,
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
        let name = format!("worker-{}", digest(state_dir));
        // Version 2 first: what it has, version 1 has not.
        let (unified, old): (Vec<_>, Vec<_>) = mounted().into_iter().partition(|one| one.version == 2);
        for mounted in unified.into_iter().chain(old) {
            let Some(base) = base(wish, &mounted) else { continue };
            let has = available(&mounted, &base);
            if has.is_empty() && mounted.version == 1 {
                continue;
            }
            match Hierarchy::open(&mounted, &base, &name, &has) {
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
            Some(hierarchy) => Described { name: name.to_owned(), version: hierarchy.version, path: hierarchy.path.to_string_lossy().into_owned(), errno: 0 },
            None => Described { name: name.to_owned(), version: 0, path: String::new(), errno: refused },
        };
        let controllers = ALL.iter().map(|controller| one(controller.name(), self.with(*controller), self.refusal(*controller)));
        controllers.chain([one("kill", self.killing(), self.refused[4])]).collect()
    }

    /// Removes the directories, unless jobs or another launcher still use them.
    pub fn leave(&self) {
        for hierarchy in &self.hierarchies {
            // Jobs share our hold, but their cgroups keep the directory from being removed; another launcher has one of its own.
            if lock::hold(hierarchy.dir.as_fd(), true).unwrap_or(false) {
                let _ = std::fs::remove_dir(&hierarchy.path);
            }
        }
    }
}

impl Hierarchy {
    fn open(mounted: &Mounted, base: &Path, name: &str, has: &[Controller]) -> io::Result<Self> {
        let names: Vec<&str> = has.iter().map(|controller| controller.name()).collect();
        if mounted.version == 2 {
            delegate::enable(base, &names, true)?;
        }
        let path = base.join(name);
        let dir = hold_directory(&path)?;
        if mounted.version == 2 {
            delegate::enable(&path, &names, false)?;
        }
        let mut hierarchy = Self { version: mounted.version, controllers: Vec::new(), kills: false, born_in: false, dir, path };
        hierarchy.try_out(has)?;
        Ok(hierarchy)
    }

    /// Makes a cgroup, puts a process into it and kills it.
    fn try_out(&mut self, has: &[Controller]) -> io::Result<()> {
        let name = CString::new(format!("attempt.{}", process::own_pid())).unwrap_or_default();
        make_at(self.dir.as_fd(), &name)?;
        let tried = dir::open_dir_at(self.dir.as_fd(), &name).and_then(|made| self.try_in(made.as_fd(), has));
        // Its pipe tells of a process that ends a moment before the kernel lets go of it.
        patiently(|| remove(self.dir.as_fd(), &name).is_ok());
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

fn base(wish: &CgroupWish, mounted: &Mounted) -> Option<PathBuf> {
    match wish {
        CgroupWish::Auto => Some(delegate::above_leaf(&mounted.own)),
        CgroupWish::Below(path) if path.starts_with(&mounted.mount) => Some(path.clone()),
        // A directory of another hierarchy.
        CgroupWish::Below(path) if path.starts_with("/sys/fs/cgroup") => None,
        CgroupWish::Below(path) => Some(mounted.mount.join(path.strip_prefix("/").unwrap_or(path))),
        CgroupWish::None => None,
    }
}

fn available(mounted: &Mounted, base: &Path) -> Vec<Controller> {
    let names: Vec<String> = match mounted.version {
        2 => std::fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        _ => mounted.controllers.clone(),
    };
    ALL.into_iter().filter(|controller| names.iter().any(|name| name == controller.name_in(mounted.version))).collect()
}

/// Opens the directory and holds it against a launcher that leaves.
fn hold_directory(path: &Path) -> io::Result<OwnedFd> {
    for _ in 0..ATTEMPTS {
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let Ok(dir) = std::fs::File::open(path) else { continue };
        // Another launcher may just have removed it: what is held then has no files any more.
        if lock::hold(dir.as_fd(), false)? && dir::open_at(dir.as_fd(), c"cgroup.procs", libc::O_RDONLY, 0).is_ok() {
            return Ok(dir.into());
        }
    }
    Err(io::Error::from_raw_os_error(libc::EBUSY))
}

// A launcher that leaves does it once.
const ATTEMPTS: u32 = 10;

/// Of the state directory's path: two servers on one host have different ones.
fn digest(state_dir: &Path) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in Sha256::digest(state_dir.as_os_str().as_encoded_bytes()).iter().take(6) {
        let _ = write!(text, "{byte:02x}");
    }
    text
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
