//! The directory of one launcher and its jobs in a hierarchy: `worker-<digest of the state directory>`.
//!
//! Each launcher of the state directory holds it by a lock that dies with the launcher; jobs hold nothing, but their cgroups keep it from being removed. So whoever finds that
//! nobody holds it may remove it: the launcher that leaves, or the last job of one that was killed.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::find::Mounted;
use super::remove::{FOR_THE_DEAD, patiently};
use super::{Controller, delegate};
use crate::launcher::CgroupWish;
use crate::sys::{dir, lock};

/// It, as a launcher has it.
pub struct Base {
    /// Where jobs make their cgroups.
    pub dir: OwnedFd,
    path: PathBuf,
    // Apart from the handle that jobs inherit, so that the lock is the launcher's alone.
    hold: Option<OwnedFd>,
}

impl Base {
    /// Makes it where it is missing, holds it, and gives the controllers to what is made in it.
    ///
    /// # Errors
    /// Of the call that failed; `EBUSY` when it is removed again and again.
    pub fn open(path: PathBuf, version: u32, controllers: &[Controller]) -> io::Result<Self> {
        let mut tried = Ok(None);
        // Whoever removes it locks it for a moment.
        patiently(FOR_THE_DEAD, || {
            tried = try_hold(&path);
            !matches!(tried, Ok(None))
        });
        let hold = tried?.ok_or_else(|| io::Error::from_raw_os_error(libc::EBUSY))?;
        let dir = dir::open_dir_at(hold.as_fd(), c".")?;
        if version == 2 {
            delegate::enable(&path, controllers, false)?;
        }
        Ok(Self { dir, path, hold: Some(hold) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody has removed it, which nobody of ours does under a launcher.
    #[must_use]
    pub fn is_there(&self) -> bool {
        is_there(self.dir.as_fd())
    }

    /// Its launcher leaves.
    pub fn let_go(&mut self) {
        self.hold = None;
    }

    /// Removes it when neither a launcher nor a job needs it; false when a launcher does.
    pub fn remove_unused(&self) -> bool {
        remove_unused(&self.path)
    }
}

fn remove_unused(path: &Path) -> bool {
    // A second time: the last job may have ended meanwhile, and have found it held by us, and so left it to us. When it stays then, no job is why.
    for _ in 0..2 {
        // What the name stands for now: it may have been made anew.
        let Ok(dir) = std::fs::File::open(path) else { return true };
        if !lock::hold(dir.as_fd(), true).unwrap_or(false) {
            return false;
        }
        // Jobs that have cgroups in it keep it from being removed.
        if std::fs::remove_dir(path).is_ok() {
            return true;
        }
        drop(dir);
        if has_jobs(path) {
            break;
        }
    }
    true
}

/// Whether there is a cgroup in it. What cannot be looked into has some: nobody could remove it.
fn has_jobs(path: &Path) -> bool {
    std::fs::read_dir(path).map_or(true, |mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))))
}

fn is_there(dir: BorrowedFd<'_>) -> bool {
    const OF_EACH: &CStr = c"cgroup.procs";
    dir::open_at(dir, OF_EACH, libc::O_RDONLY, 0).is_ok()
}

/// `None` when somebody is removing it.
fn try_hold(path: &Path) -> io::Result<Option<OwnedFd>> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let hold = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // What was removed before it was held has no files any more.
    Ok((lock::hold(hold.as_fd(), false)? && is_there(hold.as_fd())).then(|| hold.into()))
}

/// The cgroup in which the wish wants it; `None`: not in this hierarchy.
pub fn above(wish: &CgroupWish, mounted: &Mounted) -> Option<PathBuf> {
    match wish {
        CgroupWish::Auto => Some(delegate::above_leaf(&mounted.own)),
        CgroupWish::Below(path) if path.starts_with(&mounted.mount) => Some(path.clone()),
        // A directory of another hierarchy.
        CgroupWish::Below(path) if path.starts_with("/sys/fs/cgroup") => None,
        CgroupWish::Below(path) => Some(mounted.mount.join(path.strip_prefix("/").unwrap_or(path))),
        CgroupWish::None => None,
    }
}

/// Its name: two servers on one host have different state directories.
pub fn name(state_dir: &Path) -> String {
    use std::fmt::Write;
    let mut text = "worker-".to_owned();
    for byte in Sha256::digest(state_dir.as_os_str().as_encoded_bytes()).iter().take(6) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const JOBS: u32 = 8;
    const ROUNDS: u32 = 300;

    /// [ISO-5] They end at once, and none leaves it to another who has looked already.
    #[test]
    fn one_of_the_last_jobs_removes_it() {
        let base = &std::env::temp_dir().join(format!("base-{}", std::process::id()));
        for round in 0..ROUNDS {
            let jobs: Vec<PathBuf> = (0..JOBS).map(|job| base.join(job.to_string())).collect();
            for job in &jobs {
                std::fs::create_dir_all(job).expect("mkdir");
            }
            let all = &Barrier::new(jobs.len());
            std::thread::scope(|threads| {
                for job in &jobs {
                    threads.spawn(move || {
                        all.wait();
                        std::fs::remove_dir(job).expect("rmdir");
                        remove_unused(base);
                    });
                }
            });
            assert!(!base.exists(), "left in round {round}");
        }
    }
}
