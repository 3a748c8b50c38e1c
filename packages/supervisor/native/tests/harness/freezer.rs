//! A process that no signal reaches, where the host has the freezer of cgroup v1: frozen there, even SIGKILL waits.

use std::path::PathBuf;

pub struct Frozen(PathBuf);

/// `None` where there is no such freezer.
pub fn freeze(pid: i32) -> Option<Frozen> {
    let group = PathBuf::from(format!("/sys/fs/cgroup/freezer/supervisor-test-{pid}"));
    std::fs::create_dir(&group).ok()?;
    let frozen = Frozen(group);
    std::fs::write(frozen.0.join("tasks"), pid.to_string()).ok()?;
    std::fs::write(frozen.0.join("freezer.state"), "FROZEN").ok()?;
    super::wait_for("the freezer", || std::fs::read_to_string(frozen.0.join("freezer.state")).ok()?.starts_with("FROZEN").then_some(()));
    Some(frozen)
}

impl Frozen {
    pub fn thaw(&self) {
        std::fs::write(self.0.join("freezer.state"), "THAWED").expect("thaw");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("freezer.state"), "THAWED");
        super::eventually(|| std::fs::remove_dir(&self.0).ok());
    }
}
