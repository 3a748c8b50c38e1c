//! The devices of a sandbox: those that hold nothing of the host.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::failed::{Failed, at};
use super::root;
use crate::sys::{dir, mount};

const DEVICES: [(&str, u32, u32); 6] = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
const LINKS: [(&str, &str); 5] =
    [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")];

/// How each device is had: made anew where that is allowed, for it costs no mount, else bound from the host.
pub struct Devices {
    make: bool,
    of_host: Vec<Option<OwnedFd>>,
}

impl Devices {
    /// Looks at the host's, before they are covered.
    pub fn find(make: bool) -> Self {
        Self { make, of_host: DEVICES.iter().map(|(name, ..)| root::open(&Path::new("/dev").join(name)).ok()).collect() }
    }

    /// Puts them in place.
    pub fn place(&self, site: &Path) -> Result<(), Failed> {
        for ((name, major, minor), of_host) in DEVICES.into_iter().zip(&self.of_host) {
            let name = format!("dev/{name}");
            let path = site.join(&name);
            let made = if self.make { dir::make_device(&path, major, minor) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) };
            if made.is_ok() && fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).is_ok() && fs::File::open(&path).is_ok_or_no_terminal() {
                continue;
            }
            let _ = fs::remove_file(&path);
            let Some(source) = of_host else { return Err(at("device")(io::Error::from_raw_os_error(libc::ENOENT))) };
            root::write(&path, b"", 0o666).map_err(at("device"))?;
            root::bind(site, &name, source.as_fd(), mount::NO_SUID | mount::NO_EXEC)?;
        }
        LINKS.iter().try_for_each(|(name, target)| symlink(target, site.join("dev").join(name))).map_err(at("device"))
    }
}

trait Opened {
    fn is_ok_or_no_terminal(&self) -> bool;
}

impl Opened for io::Result<fs::File> {
    /// /dev/tty of a process without a terminal answers `ENXIO`; a device that the host forbids, `EPERM` or `EACCES`.
    fn is_ok_or_no_terminal(&self) -> bool {
        self.as_ref().map_or_else(|error| error.raw_os_error() == Some(libc::ENXIO), |_| true)
    }
}
