//! A small file system of a test's own.

use std::path::PathBuf;
use std::process::Command;

/// Unmounted at the end.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    /// A tmpfs with these options; `None` where it may not be mounted.
    pub fn mount(options: &str) -> Option<Self> {
        let dir = super::temp_dir();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("mode=700,{options}"), "tmpfs"]).arg(&dir).status();
        let mounted = mounted.is_ok_and(|status| status.success());
        if !mounted {
            std::fs::remove_dir(&dir).expect("rmdir");
        }
        mounted.then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
