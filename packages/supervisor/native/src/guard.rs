//! The guard: the shim's parent and the next subreaper above it. It does nothing while the shim lives. When the shim is killed, the kernel gives it all that is left of the
//! job, and it ends that. Until then it keeps the job's directory locked, and its socket open without ever accepting, so that core is refused only once nothing is left.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::launcher::{Order, refused, remove_one};
use crate::limits::{Group, patiently};
use crate::sandbox::{Prepared, workspace};
use crate::shim::{self, Building};
use crate::sweep::{Outcome, Sweep, strike};
use crate::sys::process::{self, Exit, Fork, Pid, Waited};
use crate::sys::{dir, errno, fd, signal, socket, title};
use crate::wire::Outbox;
use crate::wire::v1::RefusalReason;

/// What ps shows.
pub const PROCESS_NAME: &CStr = c"worker-guard";

// What the kernel does not let go is looked for again and again, slower and slower.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_secs(1);
const STRIKE_EVERY: Duration = Duration::from_secs(1);

/// Runs in the process that the launcher forked; does not return.
pub fn run(order: Order<'_>) -> ! {
    signal::block_all();
    signal::keep_children();
    let begun = begin(&order);
    let (building, listener, shim) = match begun {
        Ok((building, listener, Fork::Parent(shim))) => (building, listener, shim),
        Ok((building, listener, Fork::Child)) => {
            name(&order, "shim");
            shim::run(order, building, listener)
        }
        Err((stage, error)) => {
            let mut outbox = Outbox::default();
            outbox.push(&refused(order.job.sequence, RefusalReason::System, errno(&error), stage, &error.to_string()));
            // A launcher that is gone needs no answer.
            let _ = outbox.send(order.report.as_fd());
            process::exit_now(1);
        }
    };
    let (jobs, starting) = (order.state.jobs.as_raw_fd(), order.state.starting.as_raw_fd());
    // The handles of what is closed here are forgotten: this function never returns.
    // The report too: its end tells the launcher that nobody is left who could still touch what another attempt makes.
    let mut keep = vec![building.dir.as_raw_fd(), listener.as_raw_fd(), order.report.as_raw_fd(), jobs, starting];
    keep.extend(order.descriptors());
    let _ = fd::close_all_but(&mut keep);
    if !watch(shim) {
        remove_one(order.state.starting.as_fd(), &building.name);
        let group = Group::find(&order.job.plan, &order.means.cgroups, shim::group_name(&order.job.launch.job_id, shim));
        end_all(|| strike(&group, order.job.claim.as_ref()));
        patiently(|| group.remove());
        order.means.cgroups.remove_unused();
        if let Some(lease) = order.job.claim.as_ref().and_then(|claim| claim.lease.as_ref()) {
            lease.give_back();
        }
        shim::remove_unfinished(building.dir.as_fd());
        if order.prepared().is_some() && is_published(&order, &building) {
            workspace::remove(order.state.work.as_fd(), &order.job.launch.job_id);
        }
    }
    process::exit_now(0);
}

fn begin(order: &Order<'_>) -> Result<(Building, OwnedFd, Fork), (&'static str, io::Error)> {
    process::set_session().map_err(|error| ("setsid", error))?;
    process::set_subreaper().map_err(|error| ("subreaper", error))?;
    name(order, "guard");
    fd::assign(1, 2).map_err(|error| ("stdio", error))?;
    let mut keep = vec![order.state.jobs.as_raw_fd(), order.state.starting.as_raw_fd(), order.report.as_raw_fd()];
    keep.extend(order.descriptors());
    keep.extend(order.prepared().into_iter().flat_map(Prepared::handles));
    fd::close_all_but(&mut keep).map_err(|error| ("close", error))?;
    let listener = socket::stream().map_err(|error| ("socket", error))?;
    let building = shim::build(order.state, &order.job.launch.job_id)?;
    match process::fork() {
        Ok(fork) => Ok((building, listener, fork)),
        Err(error) => {
            remove_one(order.state.starting.as_fd(), &building.name);
            Err(("fork", error))
        }
    }
}

/// Shows what the process is, where it keeps its state and for which job.
fn name(order: &Order<'_>, role: &str) {
    process::set_name(if role == "guard" { PROCESS_NAME } else { shim::PROCESS_NAME });
    let mut text = format!("worker-supervisor {role} --state-dir ").into_bytes();
    text.extend_from_slice(&order.state.name);
    text.push(b' ');
    text.extend_from_slice(order.job.launch.job_id.as_bytes());
    title::set(&text);
}

/// Waits for the shim's end: true when it left by itself, its job ended and told.
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

/// Whether the job's directory is the one that was built here: another launcher may have started the job meanwhile, and what is known by the job's id alone is then its own.
fn is_published(order: &Order<'_>, building: &Building) -> bool {
    let Ok(name) = CString::new(order.job.launch.job_id.as_str()) else { return false };
    dir::open_dir_at(order.state.jobs.as_fd(), &name).and_then(|published| dir::is_same(published.as_fd(), building.dir.as_fd())).unwrap_or(false)
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
