//! What the root of a sandbox holds: an allow-list. Nothing of the host is in it that is not named here or in `etc`.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

pub use super::dev::Devices;
pub use super::etc::Copies;
use super::failed::{Failed, at};
use crate::sys::mount;

// Bound where the host has directories, linked where it has links (to /usr, on most).
const PROGRAMS: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
// Empty, or covered in each job. Policy may bind below those that are empty.
const DIRECTORIES: [&str; 22] = [
    "dev",
    "dev/pts",
    "dev/shm",
    "etc",
    "home",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "srv",
    "sys",
    "tmp",
    "var",
    "var/cache",
    "var/empty",
    "var/lib",
    "var/log",
    "var/spool",
    "var/opt",
    "workspace",
];
const LINKS: [(&str, &str); 3] = [("var/tmp", "/tmp"), ("var/run", "/run"), ("var/lock", "/run")];

/// Makes directories, links and the files of /etc.
pub fn populate(root: &Path, copies: &Copies) -> io::Result<()> {
    for name in DIRECTORIES {
        fs::create_dir(root.join(name))?;
    }
    for (name, target) in LINKS {
        symlink(target, root.join(name))?;
    }
    copies.write(&root.join("etc"))
}

/// Shows the programs and libraries of the host.
pub fn bind_programs(root: &Path) -> Result<(), Failed> {
    for name in PROGRAMS {
        let host = Path::new("/").join(name);
        if let Ok(target) = fs::read_link(&host) {
            symlink(target, root.join(name)).map_err(at("link programs"))?;
        } else if host.is_dir() {
            fs::create_dir(root.join(name)).map_err(at("bind programs"))?;
            bind(root, name, open(&host).map_err(at("bind programs"))?.as_fd(), mount::READ_ONLY | mount::NO_SUID | mount::NO_DEVICES)?;
        }
    }
    Ok(())
}

/// Shows a directory or file of the host in a place that exists.
pub fn bind(root: &Path, name: &str, source: BorrowedFd<'_>, flags: u64) -> Result<(), Failed> {
    let tree = mount::clone_tree(source).map_err(at("bind"))?;
    mount::narrow(tree.as_fd(), flags, true).map_err(at("narrow bind"))?;
    mount::attach(tree.as_fd(), open(&root.join(name)).map_err(at("open target"))?.as_fd()).map_err(at("attach bind"))
}

/// A handle that can be bound, whatever it is.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    fs::File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path).map(OwnedFd::from)
}

/// Writes a file that everybody may read.
pub fn write(path: &PathBuf, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
