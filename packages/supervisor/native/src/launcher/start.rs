//! One start: a guard is forked, and its shim reports over a pipe what became of it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{Means, StateDir, validate};
use crate::guard;
use crate::identity::{Claim, Lease};
use crate::limits::Plan;
use crate::sandbox::Prepared;
use crate::sys::process::{self, Fork};
use crate::sys::{dir, errno, fd};
use crate::wire::Outbox;
use crate::wire::v1::{Launch, LaunchRefused, LauncherResponse, RefusalReason, launcher_response};

/// A job that the launcher found it can start.
pub struct Accepted {
    /// Returned in the report.
    pub sequence: u64,
    /// What was asked.
    pub launch: Launch,
    /// Whom it runs as; `None`: as the launcher.
    pub claim: Option<Claim>,
    /// How its limits are enforced.
    pub plan: Plan,
}

/// What guard and shim are born with.
pub struct Order<'a> {
    /// The state directory's handles.
    pub state: &'a StateDir,
    /// What its limits are enforced with.
    pub means: &'a Means,
    /// The job.
    pub job: Accepted,
    /// Where the report goes: one framed `LauncherResponse`, written by one call, which a pipe never splits at this size.
    pub report: OwnedFd,
}

impl Order<'_> {
    /// What its sandbox is made from, when it wants one.
    #[must_use]
    pub fn prepared(&self) -> Option<&Prepared> {
        self.means.enclosing.prepared.as_ref().filter(|_| self.job.launch.sandbox.is_some())
    }

    /// What guard and shim keep open to the end.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let lease = self.job.claim.iter().filter_map(|claim| claim.lease.as_ref()).map(Lease::descriptor);
        let work = self.prepared().map(|_| self.state.work.as_raw_fd());
        lease.chain(work).chain(self.job.plan.uses.iter().map(|place| self.means.cgroups.hierarchies[*place].base.dir.as_raw_fd()))
    }
}

/// A start under way.
pub struct Start {
    // With what was lent to it, over all attempts.
    job: Accepted,
    report: OwnedFd,
    // Guards forked for it so far.
    attempts: u32,
}

// A death in the start is somebody's kill, and comes alone. What dies each time has a cause that another attempt does not mend.
const MAX_ATTEMPTS: u32 = 3;

/// Checks a request and forks.
pub fn start(state: &StateDir, means: &mut Means, sequence: u64, launch: Launch) -> Result<Start, Box<LauncherResponse>> {
    validate::check(&launch, process::own_uid() == 0).map_err(|what| Box::new(refused(sequence, RefusalReason::Invalid, 0, "validate", what)))?;
    let cannot = |refusal: Box<LaunchRefused>| Box::new(LauncherResponse { sequence, response: Some(launcher_response::Response::Refused(*refusal)) });
    means.enclosing.check(&launch).map_err(cannot)?;
    let claim = means.claim(launch.identity.as_ref()).map_err(cannot)?;
    let plan = means.plan(&launch, claim.as_ref()).map_err(cannot)?;
    means.make_ready(&plan);
    fork(state, means, Accepted { sequence, launch, claim, plan }, 1)
}

fn fork(state: &StateDir, means: &Means, job: Accepted, attempts: u32) -> Result<Start, Box<LauncherResponse>> {
    let sequence = job.sequence;
    let (report, write_end) = fd::pipe().map_err(|error| system(sequence, &error, "pipe"))?;
    match process::fork().map_err(|error| system(sequence, &error, "fork"))? {
        Fork::Child => guard::run(Order { state, means, job, report: write_end }),
        Fork::Parent(_) => Ok(Start { job, report, attempts }),
    }
}

impl Start {
    /// Readable once the report is there, or nobody is left to write it.
    pub fn report(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Passes the report on; gives back a start that goes on.
    pub fn finish(self, state: &StateDir, means: &Means, outbox: &mut Outbox) -> Option<Self> {
        let mut buffer = [0; 1024];
        match fd::read(self.report.as_fd(), &mut buffer) {
            Ok(None) => Some(self),
            Ok(Some(length)) if length > 0 => {
                outbox.push_framed(&buffer[..length]);
                None
            }
            _ => self.died(state, means).map_err(|answer| outbox.push(&answer)).ok(),
        }
    }

    /// Guard or shim was killed before it could report, and nobody is left who could still start the job: the shim held the pipe to its end. When the directory exists all
    /// the same, the job counts as started; else nothing was, and it is tried again.
    fn died(self, state: &StateDir, means: &Means) -> Result<Self, Box<LauncherResponse>> {
        let name = CString::new(self.job.launch.job_id.as_str()).unwrap_or_default();
        match dir::open_dir_at(state.jobs.as_fd(), &name) {
            Ok(_) => Err(Box::new(refused(self.job.sequence, RefusalReason::Exists, 0, "start", "the shim died in its start"))),
            // Where it cannot be told whether it exists, the attempt will tell.
            Err(_) if self.attempts < MAX_ATTEMPTS => fork(state, means, self.job, self.attempts + 1),
            Err(_) => Err(Box::new(refused(self.job.sequence, RefusalReason::System, 0, "start", "the shim died in its start"))),
        }
    }
}

fn system(sequence: u64, error: &io::Error, stage: &str) -> Box<LauncherResponse> {
    Box::new(refused(sequence, RefusalReason::System, errno(error), stage, &error.to_string()))
}

/// A refusal.
#[must_use]
pub fn refused(sequence: u64, reason: RefusalReason, errno: i32, stage: &str, message: &str) -> LauncherResponse {
    let refusal = LaunchRefused { reason: reason.into(), errno, stage: stage.to_owned(), message: message.to_owned() };
    LauncherResponse { sequence, response: Some(launcher_response::Response::Refused(refusal)) }
}
