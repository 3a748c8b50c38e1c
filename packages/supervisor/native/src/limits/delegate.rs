//! Makes room in a hierarchy of version 2, where a cgroup either holds processes or gives controllers to those below it.

use std::io;
use std::path::{Path, PathBuf};

use super::Controller;

// Where the processes go that were in ours. A service manager may do that itself (systemd: DelegateSubgroup=supervisor).
const LEAF: &str = "supervisor";
// Processes that are born while we move those before them.
const ROUNDS: u32 = 10;

/// The cgroup that jobs may share with our own: the one above the leaf that an earlier launcher, or a service manager, put us into.
pub fn above_leaf(own: &Path) -> PathBuf {
    match own.parent() {
        Some(above) if own.file_name().is_some_and(|name| name == LEAF) => above.to_owned(),
        _ => own.to_owned(),
    }
}

/// Gives these controllers to the cgroups below; those that are refused are missing there. With `make_room`, processes that stand in the way go into the leaf.
pub fn enable(cgroup: &Path, controllers: &[Controller], make_room: bool) -> io::Result<()> {
    let control = cgroup.join("cgroup.subtree_control");
    let enabled = std::fs::read_to_string(&control)?;
    for name in controllers.iter().map(|controller| controller.name()).filter(|name| !enabled.split_whitespace().any(|one| one == *name)) {
        let enable = || std::fs::write(&control, format!("+{name}"));
        if let Err(error) = enable()
            && make_room
            && error.raw_os_error() == Some(libc::EBUSY)
        {
            move_all(cgroup, &cgroup.join(LEAF))?;
            // What is missing after that is found when it is looked for below.
            let _ = enable();
        }
    }
    Ok(())
}

fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::create_dir(to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for _ in 0..ROUNDS {
        let processes = std::fs::read_to_string(from.join("cgroup.procs"))?;
        if processes.is_empty() {
            return Ok(());
        }
        for pid in processes.lines() {
            match std::fs::write(to.join("cgroup.procs"), pid) {
                // It has ended meanwhile.
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
