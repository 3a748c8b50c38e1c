//! Ends the job: asked to, out of time, over its limit, or because its program has ended.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::finish::usage_of;
use super::{Phase, Program, Shim};
use crate::limits::{self, OomWatch};
use crate::sweep::{Outcome, strike};
use crate::sys::clock::unix_nanos;
use crate::sys::process::{self, Exit, Pid, Waited};
use crate::sys::signal;
use crate::wire::v1::{EndCause, Stop, Survivors, TreeGone, shim_event};

// A tree that has not died by then is stuck in the kernel, or not ours to kill: its processes are named.
const PATIENCE: Duration = Duration::from_millis(800);
const TELL_EVERY: Duration = Duration::from_secs(1);
const MAX_NAMED: usize = 100;
// Deaths wake us; this is for those whose parent was not ours.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// The kill under way.
pub struct Killing {
    /// When to look again.
    pub next_pass: Instant,
    /// When to name what is still there.
    pub next_tell: Instant,
    /// From when on what is still there counts as surviving.
    overdue: Instant,
    pause: Duration,
}

impl Killing {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { next_pass: now, next_tell: now + PATIENCE, overdue: now + PATIENCE, pause: FIRST_PAUSE }
    }
}

fn note_end(program: &mut Program, pid: Pid, exit: Exit) {
    if matches!(program, Program::Alive(alive) if *alive == pid) {
        *program = Program::Ended(exit);
    }
}

impl Shim<'_> {
    /// Ends the job for this cause, unless it is ending already: the first cause wins.
    pub(super) fn end(&mut self, cause: EndCause, requested_by: &str) {
        if !self.is_live() {
            return;
        }
        self.note(cause, requested_by);
        self.kill();
    }

    /// A stop was asked for.
    pub(super) fn stop(&mut self, stop: &Stop) {
        if !self.is_live() {
            return;
        }
        let cause = if stop.cause() == EndCause::Shutdown { EndCause::Shutdown } else { EndCause::StopRequested };
        self.note(cause, &stop.requested_by);
        if stop.grace_ms == 0 {
            self.kill();
            return;
        }
        // One whose answer was lost is asked for again, and the program is to hear each once; 0 is none.
        if stop.signal != 0 && !self.stop_signals.contains(&stop.signal) {
            self.stop_signals.push(stop.signal);
            // A job that is stopped cannot mind the signal before it goes on.
            let _ = self.signal(stop.signal);
            let _ = self.signal(libc::SIGCONT);
        }
        // Centuries are as good as for ever, and can be added to the clock.
        let grace = Duration::from_millis(stop.grace_ms.min(u64::from(u32::MAX) * 1000));
        let end = Instant::now() + grace;
        self.grace_ends = Some(self.grace_ends.map_or(end, |earlier| earlier.min(end)));
    }

    /// Sends a signal to the program's group.
    pub(super) fn signal(&self, number: i32) -> std::io::Result<()> {
        let Program::Alive(pid) = self.program else {
            return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
        };
        let sent = signal::send_group(pid, number);
        // On its way to its exec the program may not have its group yet.
        if sent.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ESRCH)) { signal::send(pid, number) } else { sent }
    }

    fn is_live(&mut self) -> bool {
        // A program that has ended, or could not be started, and was not noticed so far, was not ended by what comes now.
        if matches!(self.phase, Phase::Starting(_) | Phase::Running) {
            self.settle_exec();
            self.look_for_ended();
        }
        matches!(self.phase, Phase::Starting(_) | Phase::Running)
    }

    fn note(&mut self, cause: EndCause, requested_by: &str) {
        if self.cause == EndCause::Unspecified {
            self.cause = cause;
            requested_by.clone_into(&mut self.requested_by);
        }
    }

    /// Goes over to killing.
    pub(super) fn kill(&mut self) {
        self.grace_ends = None;
        self.phase = Phase::Killing(Killing::new());
        self.strike();
        match &mut self.phase {
            // Its death ends all in its namespace, and wakes us: the sweep looks after that.
            Phase::Killing(killing) if self.init.is_some() => killing.next_pass = Instant::now() + FIRST_PAUSE,
            _ => self.sweep_on(),
        }
    }

    /// The strongest kill that there is, while anything is left for it.
    fn strike(&mut self) {
        let program = &mut self.program;
        let over = self.sweep.is_over(|pid, exit| note_end(program, pid, exit));
        if over {
            return;
        }
        match &self.init {
            // All of the job is in its namespace.
            Some(init) => drop(process::signal_pidfd(init.as_fd(), libc::SIGKILL)),
            None => strike(&self.group, self.claim.as_ref()),
        }
    }

    /// Looks for ended children: reaps orphans that the job left behind; the end of the program ends the job.
    pub(super) fn look_for_ended(&mut self) {
        while let Ok(Waited::Ended(pid, exit)) = process::peek_ended() {
            let Program::Alive(program) = self.program else { return };
            if pid != program {
                self.sweep.reap_dead(pid);
                continue;
            }
            self.settle_exec();
            if !matches!(self.phase, Phase::Starting(_) | Phase::Running) {
                return;
            }
            // Not reaped yet, so that the number of its group is still its own: what stayed in it dies at one blow.
            let _ = signal::send_group(pid, libc::SIGKILL);
            self.program = Program::Ended(exit);
            // Killed for want of memory, and its death was seen before the kernel told why.
            if self.memory.as_ref().is_some_and(OomWatch::has_killed) {
                self.note(EndCause::OutOfMemory, "");
            }
            self.kill();
            return;
        }
    }

    /// One pass of the sweep, and what follows from it.
    pub(super) fn sweep_on(&mut self) {
        let program = &mut self.program;
        let outcome = self.sweep.pass(|pid, exit| note_end(program, pid, exit));
        let Phase::Killing(killing) = &mut self.phase else { return };
        let now = Instant::now();
        match outcome {
            Outcome::Gone => {
                self.gone = Some((unix_nanos(), now));
                self.usage = usage_of(self.sweep.used());
                self.group.count(&mut self.usage);
                self.keeps_group = self.keeps_group && limits::put_aside(&mut self.group, self.memory.as_ref());
                if !self.keeps_group {
                    self.group.remove();
                }
                self.phase = Phase::Draining(now + self.drain);
                if self.stop_asked {
                    self.tell_all(&shim_event::Event::TreeGone(TreeGone {}));
                }
                return;
            }
            Outcome::Again => {
                killing.pause = FIRST_PAUSE;
                killing.next_pass = now;
            }
            Outcome::Waiting => {
                killing.next_pass = now + killing.pause;
                killing.pause = (killing.pause * 2).min(LAST_PAUSE);
            }
        }
        if now >= killing.next_tell {
            killing.next_tell = now + TELL_EVERY;
            let survivors = self.survivors();
            self.tell_all(&shim_event::Event::Survivors(survivors));
            // Whoever kills by the job's user id would be born in its namespace, which is dead.
            strike(&self.group, self.claim.as_ref().filter(|_| self.init.is_none()));
        }
    }

    /// What the kernel has not let go in time.
    pub(super) fn overdue(&mut self) -> Option<Survivors> {
        let Phase::Killing(killing) = &self.phase else { return None };
        (Instant::now() >= killing.overdue).then(|| self.survivors())
    }

    fn survivors(&mut self) -> Survivors {
        Survivors { pids: self.sweep.survivors().iter().copied().take(MAX_NAMED).collect() }
    }
}
