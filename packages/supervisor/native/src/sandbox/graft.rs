//! Makes the place for a bind. The root is shared by all jobs and read-only: where a directory is missing in it, the deepest one that exists is replaced, in this job alone, by
//! a small one that holds the same and what is missing.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::root;
use crate::sys::{errno, mount};

// Somewhere to build it; in the end nothing is mounted here.
const SITE: &str = "/sys";

/// What was replaced, and is writable until all places are made.
#[derive(Default)]
pub struct Graft {
    replaced: Vec<PathBuf>,
}

impl Graft {
    /// Makes the directory, or the empty file, and all above it, unless it exists.
    pub fn make_place(&mut self, target: &Path, is_dir: bool) -> io::Result<()> {
        if fs::symlink_metadata(target).is_ok() {
            return Ok(());
        }
        let existing = target.ancestors().find(|above| fs::symlink_metadata(above).is_ok_and(|found| found.is_dir())).unwrap_or(Path::new("/"));
        match make(target, is_dir) {
            Err(error) if errno(&error) == libc::EROFS && existing == Path::new("/") => replace_root()?,
            Err(error) if errno(&error) == libc::EROFS && may_replace(existing) => replace(existing)?,
            made => return made,
        }
        self.replaced.push(existing.to_owned());
        make(target, is_dir)
    }

    /// Closes what was replaced against writes, as what it replaced was.
    pub fn finish(self) -> io::Result<()> {
        self.replaced.iter().try_for_each(|dir| mount::narrow(fs::File::open(dir)?.as_fd(), mount::READ_ONLY | mount::NO_SUID, false))
    }
}

fn make(target: &Path, is_dir: bool) -> io::Result<()> {
    if is_dir {
        return fs::create_dir_all(target);
    }
    if let Some(above) = target.parent() {
        fs::create_dir_all(above)?;
    }
    fs::File::create_new(target).map(drop)
}

/// Only what the template made empty or nearly so; /usr is the host's, and is never replaced.
fn may_replace(dir: &Path) -> bool {
    ["home", "media", "mnt", "opt", "root", "srv", "var"].iter().any(|name| dir.starts_with(Path::new("/").join(name)))
}

fn replace(dir: &Path) -> io::Result<()> {
    let entries = links_and_directories(dir)?;
    let name = std::ffi::CString::new(dir.as_os_str().as_encoded_bytes())?;
    mount::mount_new(c"tmpfs", &name, mount::NO_SUID | mount::NO_DEVICES, c"mode=0755,size=1m")?;
    for (path, link) in entries {
        match link {
            Some(link) => symlink(link, path)?,
            None => fs::create_dir(path)?,
        }
    }
    Ok(())
}

fn links_and_directories(dir: &Path) -> io::Result<Vec<(PathBuf, Option<PathBuf>)>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| (entry.path(), fs::read_link(entry.path()).ok()))).collect()
}

/// A new root with everything of the old one in it.
fn replace_root() -> io::Result<()> {
    let site = Path::new(SITE);
    mount::mount_new(c"tmpfs", c"/sys", mount::NO_SUID, c"mode=0755,size=1m")?;
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let (path, place) = (entry.path(), site.join(entry.file_name()));
        if let Ok(link) = fs::read_link(&path) {
            symlink(link, place)?;
            continue;
        }
        fs::create_dir(&place)?;
        if path != site {
            mount::attach(mount::clone_tree(root::open(&path)?.as_fd())?.as_fd(), root::open(&place)?.as_fd())?;
        }
    }
    std::env::set_current_dir(site)?;
    match mount::pivot_here() {
        Ok(()) => mount::detach(c".")?,
        Err(error) if errno(&error) == libc::EINVAL => {
            mount::move_here_to_root()?;
            mount::root_here()?;
        }
        Err(error) => return Err(error),
    }
    std::env::set_current_dir("/")
}
