//! The shim: one for each running job, and for one after another. It makes the job's directory, starts the program, owns its pipes and its output file, holds the deadlines, ends the tree, and writes the result.
//!
//! One thread, one loop: it waits for whatever may come next, and each file of this folder is one phase or one thing that can come.

mod door;
mod drain;
mod enclosure;
mod finish;
mod kill;
mod post;
mod publish;
mod serve;
mod stage;
mod start;
mod wait;
mod wire;

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

pub use door::{RELAYED, SOCKET, UNFINISHED_SOCKET, remove_unfinished};
pub use finish::result_file;
pub use post::run;
pub use publish::{building_name, group_name};
pub use start::candidates;
pub use wire::Wire;

use crate::identity::Claim;
use crate::limits::{Group, OomWatch, Plan};
use crate::output::{Limit, Writer};
use crate::sweep::Sweep;
use crate::sys::errno;
use crate::sys::process::{Exit, Pid};
use crate::wire::v1::{EndCause, ResourceUsage, StartFailed};
use door::Door;
use drain::Pipes;
use enclosure::Subjects;
use serve::Client;

/// Where the job stands. Each phase holds only what is valid in it.
enum Phase {
    /// Forked; whether its exec succeeds is told by this pipe.
    Starting(OwnedFd),
    /// The program runs.
    Running,
    /// The tree is being killed.
    Killing(kill::Killing),
    /// The tree is gone; the pipes are read until both have ended, at most until then.
    Draining(Instant),
    /// Nothing more will be read; the result is written, first now and then every second.
    Finishing(Instant),
    /// The result is in the directory.
    Ended,
}

/// How the job's own program fared.
enum Program {
    /// It is a child of ours, not yet reaped: its number and its group are its own.
    Alive(Pid),
    /// It ended.
    Ended(Exit),
    /// It was never started.
    Failed(StartFailed),
}

/// When the program was started.
struct StartedAt {
    unix_nanos: u64,
    instant: Instant,
    pid: Pid,
}

/// What ps shows.
pub const PROCESS_NAME: &CStr = c"worker-shim";
/// The result while it is written.
pub const UNFINISHED_RESULT: &CStr = c"result.tmp";

struct Shim<'a> {
    job_id: String,
    /// Nothing takes time between its end and the next job.
    leaves_nothing: bool,
    subjects: Subjects,
    claim: Option<Claim>,
    plan: Plan,
    group: Group,
    /// Whether it may be the next job's, and once the tree is gone, whether it was put aside for that.
    keeps_group: bool,
    usage: ResourceUsage,
    memory: Option<OomWatch>,
    dir: OwnedFd,
    /// The init of the job's sandbox.
    init: Option<OwnedFd>,
    door: Door,
    children: BorrowedFd<'a>,
    wall_time: Option<Duration>,
    drain: Duration,
    limit: Limit,

    phase: Phase,
    program: Program,
    forked_ns: u64,
    started: Option<StartedAt>,
    gone: Option<(u64, Instant)>,
    cause: EndCause,
    requested_by: String,
    grace_ends: Option<Instant>,
    /// Those of stops that were sent.
    stop_signals: Vec<i32>,
    stop_asked: bool,
    sweep: Sweep,

    pipes: Pipes,
    writer: Writer,
    clients: Vec<Client>,
    /// When the launcher is told what was held back for what may follow it.
    tell_by: Option<Instant>,
}

/// The failed call, in the form of the result.
fn start_failed(stage: &str, error: &std::io::Error, subject: &[u8]) -> StartFailed {
    StartFailed { stage: stage.to_owned(), errno: errno(error), subject: subject.to_vec() }
}
