//! The guard: the shim's parent and the next subreaper above it. It does nothing while the shim lives. When the shim is killed, the kernel gives it all that is left of the
//! job, and it ends that.
//!
//! Both share one table of descriptors. So the guard, too, holds the lock on the job's directory, its socket, which it never accepts from, and the launcher's wire: core is
//! refused, and the launcher sees the wire end, only once nothing of the job is left.

mod notes;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::identity::{Claim, Lease};
use crate::launcher::{Means, StateDir, remove_one};
use crate::limits::{self, FOR_THE_DYING, Group, patiently};
use crate::sandbox::{Prepared, remove_kept, workspace};
use crate::shim::{self, Wire};
use crate::sweep::{Outcome, Sweep, strike};
use crate::sys::process::{self, Exit, Fork, Pid, Waited};
use crate::sys::{dir, fd, signal, title};
use notes::Job;
pub use notes::Notes;

/// What ps shows.
pub const PROCESS_NAME: &CStr = c"worker-guard";

// What the kernel does not let go is looked for again and again, slower and slower.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_secs(1);
const STRIKE_EVERY: Duration = Duration::from_secs(1);

/// What guard and shim are born with.
pub struct Birth<'a> {
    /// The state directory's handles.
    pub state: &'a StateDir,
    /// What limits are enforced and users lent with: our own from the fork on.
    pub means: &'a mut Means,
    /// Whether their jobs run in sandboxes: what those are made from is kept only then.
    pub sandboxed: bool,
    /// The way to the launcher: orders come, and what is told of a job goes. Framed `LauncherRequest`s and `LauncherResponse`s.
    pub wire: OwnedFd,
}

impl Birth<'_> {
    /// What their sandboxes are made from.
    #[must_use]
    pub fn prepared(&self) -> Option<&Prepared> {
        self.means.enclosing.prepared.as_ref().filter(|_| self.sandboxed)
    }
}

/// Runs in the process that the launcher forked; does not return.
pub fn run(birth: Birth<'_>) -> ! {
    signal::block_all();
    signal::keep_children();
    let (notes, shim) = match begin(&birth) {
        Ok((notes, Fork::Parent(shim))) => (notes, shim),
        Ok((notes, Fork::Child)) => {
            name(birth.state, "shim", "");
            shim::run(birth, notes)
        }
        Err((stage, error)) => {
            Wire::new(birth.wire).refuse_next(stage, &error);
            process::exit_now(1);
        }
    };
    if !watch(shim) {
        let Birth { state, means, sandboxed, .. } = &birth;
        if let Some(job) = notes.job() {
            end(state, means, &job, shim);
        }
        if *sandboxed {
            remove_kept(state.work.as_fd(), shim);
            limits::remove_kept(&means.cgroups, shim);
        }
        means.cgroups.remove_unused();
    }
    process::exit_now(0);
}

fn begin(birth: &Birth<'_>) -> Result<(Notes, Fork), (&'static str, io::Error)> {
    process::set_session().map_err(|error| ("setsid", error))?;
    process::set_subreaper().map_err(|error| ("subreaper", error))?;
    name(birth.state, "guard", "");
    fd::assign(1, 2).map_err(|error| ("stdio", error))?;
    let Birth { state, means, wire, .. } = birth;
    let mut keep = vec![state.jobs.as_raw_fd(), state.starting.as_raw_fd(), state.work.as_raw_fd(), wire.as_raw_fd()];
    keep.extend(means.cgroups.hierarchies.iter().map(|hierarchy| hierarchy.base.dir.as_raw_fd()));
    keep.extend(birth.prepared().into_iter().flat_map(Prepared::handles));
    fd::close_all_but(&mut keep).map_err(|error| ("close", error))?;
    let notes = Notes::new().map_err(|error| ("mmap", error))?;
    process::fork_with_descriptors().map(|fork| (notes, fork)).map_err(|error| ("fork", error))
}

/// Shows what the process is, where it keeps its state and, of a shim that serves one, for which job.
pub fn name(state: &StateDir, role: &str, job_id: &str) {
    process::set_name(if role == "guard" { PROCESS_NAME } else { shim::PROCESS_NAME });
    let mut text = format!("worker-supervisor {role} --state-dir ").into_bytes();
    text.extend_from_slice(&state.name);
    if !job_id.is_empty() {
        text.push(b' ');
        text.extend_from_slice(job_id.as_bytes());
    }
    title::set(&text);
}

/// Waits for the shim's end: true when it left by itself, with no job.
fn watch(shim: Pid) -> bool {
    loop {
        match process::reap(-1, true) {
            Ok(Waited::Ended(pid, exit)) if pid == shim => return exit == Exit::Code(0),
            Ok(Waited::Ended(..)) => {}
            // Neither can be: the shim is our child until it is reaped here.
            Ok(_) | Err(_) => return false,
        }
    }
}

/// Ends what is left of a job whose shim is dead, and removes what only its shim would have removed.
fn end(state: &StateDir, means: &Means, job: &Job, shim: Pid) {
    let directory = job.directory.and_then(fd::inherit);
    let building = shim::building_name(&job.id, process::own_pid());
    remove_one(state.starting.as_fd(), &building);
    let group = Group::find(&job.hierarchies, &means.cgroups, shim::group_name(&job.id, shim));
    let claim = job.lease.and_then(|(holder, uid)| Some(Claim::of_lease(Lease::held_by(fd::inherit(holder)?, uid))));
    end_all(|| strike(&group, claim.as_ref()));
    patiently(FOR_THE_DYING, || group.remove());
    if let Some(lease) = claim.as_ref().and_then(|claim| claim.lease.as_ref()) {
        lease.give_back();
    }
    let Some(directory) = directory else { return };
    shim::remove_unfinished(directory.as_fd());
    if job.has_workspace && is_published(state, &job.id, directory.as_fd()) {
        workspace::remove(state.work.as_fd(), &job.id);
    }
}

/// Whether the job's directory is the one that was built here: another launcher may have started the job meanwhile, and what is known by the job's id alone is then its own.
fn is_published(state: &StateDir, job_id: &str, built: BorrowedFd<'_>) -> bool {
    let Ok(name) = CString::new(job_id) else { return false };
    dir::open_dir_at(state.jobs.as_fd(), &name).and_then(|published| dir::is_same(published.as_fd(), built)).unwrap_or(false)
}

fn end_all(strike: impl Fn()) {
    let mut sweep = Sweep::new();
    let mut pause = FIRST_PAUSE;
    let mut next_strike = Instant::now();
    loop {
        if sweep.is_over(|_, _| {}) {
            return;
        }
        if Instant::now() >= next_strike {
            strike();
            next_strike = Instant::now() + STRIKE_EVERY;
        }
        match sweep.pass(|_, _| {}) {
            Outcome::Gone => return,
            Outcome::Again => pause = FIRST_PAUSE,
            Outcome::Waiting => {
                signal::wait_child(pause);
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }
}
