//! One start: a guard is forked, and its shim reports over a socket what became of it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use prost::Message;

use super::relay::Relay;
use super::{Means, StateDir, remove_one, validate};
use crate::guard;
use crate::identity::{Claim, Lease};
use crate::limits::Plan;
use crate::sandbox::Prepared;
use crate::shim;
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{dir, errno, socket};
use crate::wire::v1::{Launch, LaunchRefused, LauncherResponse, RefusalReason, launcher_response};
use crate::wire::{Inbox, Outbox, Received};

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
    /// Where the answer goes, and what the shim tells until it listens: framed `LauncherResponse`s. Requests come back.
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

/// What becomes of a start.
pub enum Then {
    /// It goes on.
    Starting(Box<Start>),
    /// The job's directory stands.
    Launched(Relay),
    /// It failed, and that was told.
    Over,
}

/// A start under way.
pub struct Start {
    // With what was lent to it, over all attempts.
    job: Accepted,
    guard: Pid,
    report: OwnedFd,
    inbox: Inbox,
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
    let (report, theirs) = socket::pair().map_err(|error| system(sequence, &error, "socketpair"))?;
    match process::fork().map_err(|error| system(sequence, &error, "fork"))? {
        Fork::Child => guard::run(Order { state, means, job, report: theirs }),
        Fork::Parent(guard) => Ok(Start { job, guard, report, inbox: Inbox::default(), attempts }),
    }
}

impl Start {
    /// Readable once the report is there, or nobody is left to write it.
    pub fn report(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Passes the report on.
    pub fn go_on(mut self, state: &StateDir, means: &Means, outbox: &mut Outbox) -> Then {
        let received = self.inbox.receive(self.report.as_fd());
        match self.inbox.take().map(|frame| frame.and_then(|frame| LauncherResponse::decode(frame).ok())) {
            Ok(Some(answer)) => {
                outbox.push(&answer);
                match answer.response {
                    Some(launcher_response::Response::Launched(_)) => Then::Launched(Relay::new(self.job.sequence, self.report, self.inbox)),
                    _ => Then::Over,
                }
            }
            _ if matches!(received, Ok(Received::Some | Received::Nothing)) => Then::Starting(Box::new(self)),
            _ => self.died(state, means).map_or_else(
                |answer| {
                    outbox.push(&answer);
                    Then::Over
                },
                |start| Then::Starting(Box::new(start)),
            ),
        }
    }

    /// Guard or shim was killed before it could report, and nobody is left who could still start the job, or clean up after it: both held the socket to their end. When the directory exists all
    /// the same, the job counts as started; else nothing was, and it is tried again.
    fn died(self, state: &StateDir, means: &Means) -> Result<Self, Box<LauncherResponse>> {
        let name = CString::new(self.job.launch.job_id.as_str()).unwrap_or_default();
        remove_one(state.starting.as_fd(), &shim::building_name(&self.job.launch.job_id, self.guard));
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
