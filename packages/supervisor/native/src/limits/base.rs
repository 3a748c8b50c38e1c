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
use super::remove::patiently;
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
        patiently(|| {
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
        // What the name stands for now: it may have been made anew.
        let Ok(dir) = std::fs::File::open(&self.path) else { return true };
        let unheld = lock::hold(dir.as_fd(), true).unwrap_or(false);
        if unheld {
            // Jobs that have cgroups in it keep it from being removed.
            let _ = std::fs::remove_dir(&self.path);
        }
        unheld
    }
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
