//! One start: a pair is given the order, and tells what became of it.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;

use prost::Message;

use super::pair::Pair;
use super::relay::Relay;
use super::{Means, Pool, StateDir, remove_one, validate};
use crate::shim;
use crate::sys::{dir, errno, process};
use crate::wire::encode;
use crate::wire::v1::{Launch, LaunchRefused, LauncherRequest, LauncherResponse, RefusalReason, launcher_request, launcher_response};

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
    sequence: u64,
    job_id: String,
    // The order as the shim reads it, for another attempt.
    order: Vec<u8>,
    pair: Pair,
    // Pairs that were given it so far.
    attempts: u32,
}

// A death in the start is somebody's kill, and comes alone. What dies each time has a cause that another attempt does not mend.
const MAX_ATTEMPTS: u32 = 3;

/// Checks a request and passes it on to a pair, one that waits or a new one.
pub fn start(state: &StateDir, means: &mut Means, pool: &mut Pool, sequence: u64, launch: Launch) -> Result<Start, Box<LauncherResponse>> {
    validate::check(&launch, process::own_uid() == 0).map_err(|what| Box::new(refused(sequence, RefusalReason::Invalid, 0, "validate", what)))?;
    let cannot = |refusal: Box<LaunchRefused>| Box::new(LauncherResponse { sequence, response: Some(launcher_response::Response::Refused(*refusal)) });
    means.enclosing.check(&launch).map_err(cannot)?;
    let plan = means.plan(&launch).map_err(cannot)?;
    if means.make_ready(&plan) {
        // They hold directories that were removed.
        pool.dismiss_all();
    }
    let (job_id, sandboxed) = (launch.job_id.clone(), launch.sandbox.is_some());
    let mut order = Vec::new();
    encode(&LauncherRequest { sequence, request: Some(launcher_request::Request::Launch(launch)) }, &mut order);
    let mut pair = match pool.take(sandboxed) {
        Some(pair) => pair,
        None => fork(state, means, sandboxed, sequence)?,
    };
    pair.send(&order);
    Ok(Start { sequence, job_id, order, pair, attempts: 1 })
}

fn fork(state: &StateDir, means: &mut Means, sandboxed: bool, sequence: u64) -> Result<Pair, Box<LauncherResponse>> {
    Pair::fork(state, means, sandboxed).map_err(|(stage, error)| system(sequence, &error, stage))
}

impl Start {
    /// Its wire is readable once there is an answer, or nobody is left to give one.
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Sends what waits of the order.
    pub fn flush(&mut self) {
        self.pair.flush();
    }

    /// Passes the answer on.
    pub fn go_on(mut self, state: &StateDir, means: &mut Means, outbox: &mut super::Outbox) -> Then {
        let goes_on = self.pair.receive();
        match self.pair.take().map(|frame| frame.and_then(|frame| LauncherResponse::decode(frame).ok())) {
            Ok(Some(answer)) => {
                outbox.push(&answer);
                match answer.response {
                    Some(launcher_response::Response::Launched(_)) => Then::Launched(Relay::new(self.sequence, self.pair)),
                    _ => Then::Over,
                }
            }
            _ if goes_on => Then::Starting(Box::new(self)),
            _ => self.died(state, means).map_or_else(
                |answer| {
                    outbox.push(&answer);
                    Then::Over
                },
                |start| Then::Starting(Box::new(start)),
            ),
        }
    }

    /// Guard or shim was killed before it could answer, and nobody is left who could still start the job, or clean up after it: both held the wire to their end. When the directory exists all
    /// the same, the job counts as started; else nothing was, and it is tried again, by a new pair.
    fn died(self, state: &StateDir, means: &mut Means) -> Result<Self, Box<LauncherResponse>> {
        let Self { sequence, job_id, order, pair, attempts } = self;
        let name = CString::new(job_id.as_str()).unwrap_or_default();
        remove_one(state.starting.as_fd(), &shim::building_name(&job_id, pair.guard));
        match dir::open_dir_at(state.jobs.as_fd(), &name) {
            Ok(_) => Err(Box::new(refused(sequence, RefusalReason::Exists, 0, "start", "the shim died in its start"))),
            // Where it cannot be told whether it exists, the attempt will tell.
            Err(_) if attempts < MAX_ATTEMPTS => {
                let mut another = fork(state, means, pair.sandboxed, sequence)?;
                another.send(&order);
                Ok(Self { sequence, job_id, order, pair: another, attempts: attempts + 1 })
            }
            Err(_) => Err(Box::new(refused(sequence, RefusalReason::System, 0, "start", "the shim died in its start"))),
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
