//! The shim: one for each job. It makes the job's directory, starts the program, owns its pipes and its output file, holds the deadlines, ends the tree, and writes the result.
//!
//! One thread, one loop: it waits for whatever may come next, and each file of this folder is one phase or one thing that can come.

mod door;
mod drain;
mod enclosure;
mod finish;
mod kill;
mod publish;
mod serve;
mod stage;
mod start;
mod wait;

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

pub use door::{SOCKET, UNFINISHED_SOCKET, remove_unfinished};
pub use finish::result_file;
pub use publish::{Building, build, building_name, group_name};
pub use start::candidates;

use crate::identity::{Claim, Lease};
use crate::launcher::{Accepted, Order};
use crate::limits::{Group, OomWatch, Plan, patiently};
use crate::output::{Limit, Writer};
use crate::sandbox::{Prepared, workspace};
use crate::sweep::Sweep;
use crate::sys::process::{self, Exit, Pid};
use crate::sys::{errno, fd};
use crate::wire::Outbox;
use crate::wire::v1::{EndCause, LauncherResponse, OutputAction, ResourceUsage, StartFailed, launcher_response};
use door::Door;
use drain::Pipes;
use enclosure::Subjects;
use serve::Client;
use std::time::Duration;

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

struct Shim {
    job_id: String,
    subjects: Subjects,
    claim: Option<Claim>,
    plan: Plan,
    group: Group,
    usage: ResourceUsage,
    memory: Option<OomWatch>,
    dir: OwnedFd,
    /// The init of the job's sandbox.
    init: Option<OwnedFd>,
    listener: OwnedFd,
    door: Door,
    children: OwnedFd,
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
    /// The last signal of a stop.
    stop_signal: Option<i32>,
    stop_asked: bool,
    sweep: Sweep,

    pipes: Pipes,
    writer: Writer,
    clients: Vec<Client>,
}

/// Runs in the process that the guard forked; does not return.
pub fn run(order: Order<'_>, building: Building, listener: OwnedFd) -> ! {
    let published = process::set_session()
        .map_err(|error| publish::system("setsid", &error))
        .and_then(|()| process::set_subreaper().map_err(|error| publish::system("subreaper", &error)))
        .and_then(|()| crate::sys::signal::child_events().map_err(|error| publish::system("signalfd", &error)))
        .and_then(|children| publish::publish(order.state, &order.job.launch.job_id, &building, listener.as_fd()).map(|listens| (listens, children)));
    let keep_open: Vec<_> = order.descriptors().collect();
    let sandboxed = order.prepared().is_some();
    let Order { state, job, report, means } = order;
    let (listens, children) = match published {
        Ok(published) => published,
        Err(refusal) => {
            let mut outbox = Outbox::default();
            outbox.push(&LauncherResponse { sequence: job.sequence, response: Some(launcher_response::Response::Refused(refusal)) });
            // A launcher that is gone needs no answer.
            let _ = outbox.send(report.as_fd());
            job.claim.and_then(|claim| claim.lease).inspect(Lease::give_back);
            process::exit_now(0)
        }
    };
    let dir = building.dir;
    // The state directory is the launcher's; a shim needs only its job's.
    let mut keep = vec![dir.as_raw_fd(), children.as_raw_fd(), listener.as_raw_fd(), report.as_raw_fd()];
    keep.extend(keep_open);
    let prepared = means.enclosing.prepared.as_ref().filter(|_| sandboxed);
    keep.extend(prepared.into_iter().flat_map(Prepared::handles));
    let _ = fd::close_all_but(&mut keep);

    let Accepted { sequence, launch, claim, plan } = job;
    let subjects = Subjects::of(&launch);
    let (group, memory, start) = match start::bound(&launch, &plan, means) {
        Ok((mut group, memory)) => {
            let identity = claim.as_ref().map(|claim| &claim.identity);
            let start = enclosure::enclose(&launch, prepared, identity, state.work.as_fd())
                .and_then(|enclosed| start::start(&launch, enclosed, identity, &plan, &group, &means.dying_score));
            group.close_entrances();
            (group, memory, start)
        }
        Err(failed) => (Group::default(), None, Err(failed)),
    };
    let (phase, program, forked_ns, pipes, init) = match start {
        Ok(begun) => (Phase::Starting(begun.exec), Program::Alive(begun.pid), begun.time_ns, begun.pipes, begun.init),
        Err(failed) => (Phase::Killing(kill::Killing::new()), Program::Failed(failed), 0, Pipes::none(), None),
    };
    prepared.into_iter().flat_map(Prepared::handles).for_each(fd::close);
    let stop_at_limit = launch.output_action == i32::from(OutputAction::Stop);
    let mut shim = Shim {
        job_id: launch.job_id,
        subjects,
        claim,
        plan,
        group,
        usage: ResourceUsage::default(),
        memory,
        dir,
        init,
        listener,
        door: Door::of_new_job(listens),
        children,
        wall_time: (launch.wall_time_ms > 0).then(|| Duration::from_millis(launch.wall_time_ms)),
        drain: Duration::from_millis(launch.drain_ms),
        limit: if stop_at_limit { Limit::Stop } else { Limit::Truncate },
        phase,
        program,
        forked_ns,
        started: None,
        gone: None,
        cause: EndCause::Unspecified,
        requested_by: String::new(),
        grace_ends: None,
        stop_signal: None,
        stop_asked: false,
        sweep: Sweep::new(),
        pipes,
        writer: Writer::new(launch.output_bytes),
        clients: vec![Client::relayed(report, sequence)],
    };
    if listens {
        shim.leave_launcher();
    }
    shim.live();
    if sandboxed {
        workspace::remove(state.work.as_fd(), &shim.job_id);
    }
    patiently(|| shim.group.remove());
    means.cgroups.remove_unused();
    if let Some(lease) = shim.claim.and_then(|claim| claim.lease) {
        lease.give_back();
    }
    process::exit_now(0)
}

/// The failed call, in the form of the result.
fn start_failed(stage: &str, error: &std::io::Error, subject: &[u8]) -> StartFailed {
    StartFailed { stage: stage.to_owned(), errno: errno(error), subject: subject.to_vec() }
}
