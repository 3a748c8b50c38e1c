//! The kills that are stronger than a sweep, strongest first, where the host offers them. None of them proves anything: that is the sweep's part.

use std::io;
use std::time::{Duration, Instant};

use crate::identity::{Claim, Identity, assume};
use crate::limits::Group;
use crate::sys::process::{self, Fork, Pid, Waited};
use crate::sys::{signal, user};

// The child that kills for us is a child of ours like the job's: it gets this long, and is swept away with them after that. A job can stop it, being of the same user.
const PATIENCE: Duration = Duration::from_millis(50);

/// Kills what is in the job's cgroups, and all that runs as its own user.
pub fn strike(group: &Group, claim: Option<&Claim>) {
    group.kill();
    if let Some(claim) = claim
        && claim.lease.is_some()
    {
        // Without it the sweep is slower, not weaker.
        let _ = kill_all_of(&claim.identity);
    }
}

/// By a child that becomes the user: then no process of it can run between the first and the last, whatever forks.
fn kill_all_of(identity: &Identity) -> io::Result<()> {
    match process::fork()? {
        Fork::Child => {
            let _ = assume(identity).and_then(|()| user::kill_all_we_may());
            process::exit_now(0);
        }
        Fork::Parent(pid) => wait(pid),
    }
}

fn wait(pid: Pid) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    while process::reap(pid, false)? == Waited::Alive && Instant::now() < end {
        signal::wait_child(Duration::from_millis(1));
    }
    Ok(())
}
