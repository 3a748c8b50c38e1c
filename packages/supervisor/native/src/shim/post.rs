//! A shim's life: it waits for an order of the launcher, serves that job to its end, and waits again.

use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use super::door::Door;
use super::drain::Pipes;
use super::enclosure::{self, Subjects, Unborn};
use super::publish::{self, Published};
use super::serve::Client;
use super::{Phase, Program, Shim, Wire, kill, start};
use crate::guard::{self as guards, Birth, Notes};
use crate::identity::Claim;
use crate::launcher::{Means, StateDir};
use crate::limits::{self, FOR_THE_DYING, Group, Plan, patiently};
use crate::output::{Limit, Writer};
use crate::sandbox::{Kept, remove_kept, workspace};
use crate::sweep::Sweep;
use crate::sys::{namespace, process, signal};
use crate::wire::v1::{EndCause, Launch, LaunchRefused, OutputAction, ResourceUsage};

/// What all jobs of one shim have in common.
struct Post<'a> {
    state: &'a StateDir,
    means: &'a mut Means,
    sandboxed: bool,
    notes: Notes,
    children: OwnedFd,
    // Ourselves: whoever was made to fork into a job's process namespace comes back by it.
    own: OwnedFd,
}

/// A job that can be started: its directory stands.
struct Accepted {
    claim: Option<Claim>,
    plan: Plan,
    published: Published,
}

/// Runs in the process that the guard forked; does not return.
pub fn run(birth: Birth<'_>, notes: Notes) -> ! {
    let Birth { state, means, sandboxed, wire } = birth;
    let (mut wire, guard) = (Wire::new(wire), process::parent());
    let (children, own) = match settle() {
        Ok(settled) => settled,
        Err((stage, error)) => {
            wire.refuse_next(stage, &error);
            process::exit_now(0);
        }
    };
    means.spread_leases();
    let mut post = Post { state, means, sandboxed, notes, children, own };
    let mut kept = Kept::default();
    while let Some((sequence, launch)) = wire.next_order() {
        // Nobody would end what we leave. The launcher finds the wire at its end, and the job another shim.
        if process::parent() != guard {
            break;
        }
        let Some(again) = post.serve(sequence, launch, &mut kept, wire) else { break };
        wire = again;
        guards::name(state, "shim", "");
    }
    if sandboxed {
        remove_kept(post.state.work.as_fd(), process::own_pid());
    }
    kept.groups.remove();
    post.means.cgroups.remove_unused();
    process::exit_now(0)
}

fn settle() -> Result<(OwnedFd, OwnedFd), (&'static str, io::Error)> {
    process::set_session().map_err(|error| ("setsid", error))?;
    process::set_subreaper().map_err(|error| ("subreaper", error))?;
    let children = signal::child_events().map_err(|error| ("signalfd", error))?;
    let own = process::open_pid(process::own_pid()).map_err(|error| ("pidfd", error))?;
    Ok((children, own))
}

impl Post<'_> {
    /// Serves a job. The wire comes back when another may follow.
    fn serve(&mut self, sequence: u64, launch: Launch, kept: &mut Kept, mut wire: Wire) -> Option<Wire> {
        guards::name(self.state, "shim", &launch.job_id);
        self.notes.begin(&launch.job_id, launch.sandbox.is_some());
        let accepted = match self.accept(&launch) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.notes.end();
                wire.refuse(sequence, refusal);
                return None;
            }
        };
        let mut shim = self.begin(launch, accepted, kept, Client::relayed(wire, sequence));
        shim.live();
        let again = if self.may_serve_again(&shim) { shim.take_wire() } else { None };
        shim.say_goodbye();
        self.clean_up(&mut shim, kept, again.is_some());
        drop(shim);
        let mut wire = again?;
        wire.say_idle();
        Some(wire)
    }

    /// Whom it runs as, how its limits are enforced, and its directory. What was lent or made is given back when that fails.
    fn accept(&mut self, launch: &Launch) -> Result<Accepted, LaunchRefused> {
        let claim = self.means.claim(launch.identity.as_ref()).map_err(|refusal| *refusal)?;
        let lease = claim.as_ref().and_then(|claim| claim.lease.as_ref());
        if let Some(lease) = lease {
            self.notes.lent(lease.descriptor(), lease.uid());
        }
        let published = self.means.plan(launch).map_err(|refusal| *refusal).and_then(|plan| {
            self.notes.in_hierarchies(&plan.uses);
            publish::publish(self.state, &launch.job_id, self.notes).map(|published| (plan, published))
        });
        match published {
            Ok((plan, published)) => Ok(Accepted { claim, plan, published }),
            Err(refusal) => {
                lease.inspect(|lease| lease.give_back());
                Err(refusal)
            }
        }
    }

    /// Starts the program.
    fn begin(&self, launch: Launch, accepted: Accepted, kept: &mut Kept, launcher: Client) -> Shim<'_> {
        let Accepted { claim, plan, published } = accepted;
        let subjects = Subjects::of(&launch);
        let prepared = self.means.enclosing.prepared.as_ref().filter(|_| self.sandboxed);
        let mut keeps_group = false;
        let (group, memory, start) = match start::bound(&launch, &plan, self.means, &mut kept.groups) {
            Ok((mut group, memory)) => {
                let identity = claim.as_ref().map(|claim| &claim.identity);
                let start = enclosure::enclose(&launch, prepared, kept, identity, self.state.work.as_fd())
                    .inspect(|enclosed| keeps_group = enclosed.as_ref().is_some_and(Unborn::may_keep) && limits::may_keep(launch.limits.as_ref()))
                    .and_then(|enclosed| start::start(&launch, enclosed, identity, &plan, &group, &self.means.dying_score));
                group.close_entrances();
                (group, memory, start)
            }
            Err(failed) => (Group::default(), None, Err(failed)),
        };
        let (phase, program, forked_ns, pipes, init) = match start {
            Ok(begun) => (Phase::Starting(begun.exec), Program::Alive(begun.pid), begun.time_ns, begun.pipes, begun.init),
            Err(failed) => (Phase::Killing(kill::Killing::new()), Program::Failed(failed), 0, Pipes::none(), None),
        };
        let stop_at_limit = launch.output_action == i32::from(OutputAction::Stop);
        let mut shim = Shim {
            job_id: launch.job_id,
            leaves_nothing: !self.sandboxed && plan.uses.is_empty(),
            subjects,
            claim,
            plan,
            group,
            keeps_group,
            usage: ResourceUsage::default(),
            memory,
            dir: published.dir,
            init,
            door: Door::of_new_job(published.listener, self.means.relayed),
            children: self.children.as_fd(),
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
            stop_signals: Vec::new(),
            stop_asked: false,
            sweep: Sweep::new(),
            pipes,
            writer: Writer::new(launch.output_bytes),
            clients: vec![launcher],
            tell_by: None,
        };
        if shim.door.is_open() {
            shim.leave_launcher();
        }
        shim
    }

    /// Whether this process is as it was before the job, and able to serve: what kept a job from its start may be of this process, such as its resource limits.
    fn may_serve_again(&self, shim: &Shim<'_>) -> bool {
        // An ordinary user has entered the user namespace of sandboxes and does not come back.
        let is_outside = || !self.sandboxed || (process::own_uid() == 0 && namespace::enter(self.own.as_fd(), libc::CLONE_NEWPID).is_ok());
        matches!(shim.program, Program::Ended(_)) && !shim.sweep.raced() && is_outside()
    }

    /// Removes what the job leaves beside its record and output.
    fn clean_up(&self, shim: &mut Shim<'_>, kept: &mut Kept, serves_again: bool) {
        let work = self.state.work.as_fd();
        if self.sandboxed && serves_again {
            kept.workspaces.take_back(work, &shim.job_id);
        } else if self.sandboxed {
            workspace::remove(work, &shim.job_id);
        }
        match shim.memory.take() {
            Some(memory) if shim.keeps_group && serves_again => kept.groups.keep(mem::take(&mut shim.group), memory, mem::take(&mut shim.plan.writes)),
            _ => patiently(FOR_THE_DYING, || shim.group.remove()),
        }
        if let Some(lease) = shim.claim.as_ref().and_then(|claim| claim.lease.as_ref()) {
            lease.give_back();
        }
        // Before the descriptors are closed whose numbers they hold.
        self.notes.end();
    }
}
