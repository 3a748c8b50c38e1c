//! The kill of last resort, which every host offers: a subreaper kills all of its children, is given theirs as they die, and goes on until the kernel says that it has none
//! (`ECHILD`). Nothing that was born by fork below it escapes, whatever it did about sessions and groups, for neither changes who is given the orphans.
//!
//! A process may be signalled by number only while the number cannot have passed to another: our children keep theirs until we reap them, and they are reaped only
//! between the listing of children and the next. Grandchildren are signalled by handle, once they are proven to be ours (`descend`).

mod children;
mod descend;
mod ladder;

use std::collections::HashSet;

use crate::sys::process::{self, Exit, Pid, Usage, Waited};
use crate::sys::signal;
use children::Children;
pub use ladder::strike;

/// What a pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No descendant is left.
    Gone,
    /// New ones appeared: go on at once.
    Again,
    /// All there are were killed: wait until they die.
    Waiting,
}

/// A sweep under way.
#[derive(Default)]
pub struct Sweep {
    children: Children,
    // Those whose own children were looked for after they were killed: they cannot have got any since.
    searched: HashSet<Pid>,
    listed: Vec<Pid>,
    passes: u32,
    used: Usage,
    raced: bool,
}

// So many passes in a row with new processes mean that something forks against us.
const RACING: u32 = 4;

impl Sweep {
    /// A sweep that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Kills all children and what can be found below them, and reaps the dead, telling of each.
    pub fn pass(&mut self, mut reaped: impl FnMut(Pid, Exit)) -> Outcome {
        if self.reap(&mut reaped) {
            return Outcome::Gone;
        }
        self.children.list(&mut self.listed);
        for child in &self.listed {
            // The group of that number, if there is one, began with this child: every member is its descendant. The kernel kills a group as one, so a fork loop that stays
            // in its group ends here.
            let _ = signal::send_group(*child, libc::SIGKILL);
            let _ = signal::send(*child, libc::SIGKILL);
        }
        let mut fresh = false;
        for child in &self.listed {
            if self.searched.insert(*child) {
                fresh = true;
                descend::kill_below(*child, &mut self.searched);
            }
        }
        if self.reap(&mut reaped) {
            return Outcome::Gone;
        }
        if !fresh {
            self.passes = 0;
            return Outcome::Waiting;
        }
        self.passes += 1;
        if self.passes == RACING {
            self.raced = true;
            process::raise_priority();
        }
        Outcome::Again
    }

    /// Whether nothing is left, without having killed anything.
    pub fn is_over(&mut self, mut reaped: impl FnMut(Pid, Exit)) -> bool {
        self.reap(&mut reaped)
    }

    /// Reaps a child that was seen dead: this cannot fail or wait.
    pub fn reap_dead(&mut self, pid: Pid) {
        let _ = process::reap_counting(pid, false, &mut self.used);
    }

    /// What all that it reaped used.
    #[must_use]
    pub fn used(&self) -> Usage {
        self.used
    }

    /// Whether this process was given precedence over others to win: it keeps it.
    #[must_use]
    pub fn raced(&self) -> bool {
        self.raced
    }

    /// Our children now: those that were killed and are still there.
    pub fn survivors(&mut self) -> &[Pid] {
        self.children.list(&mut self.listed);
        &self.listed
    }

    /// Reaps all dead children; true when no child is left at all.
    fn reap(&mut self, reaped: &mut impl FnMut(Pid, Exit)) -> bool {
        loop {
            match process::reap_counting(-1, false, &mut self.used) {
                Ok(Waited::Ended(pid, exit)) => {
                    self.searched.remove(&pid);
                    reaped(pid, exit);
                }
                Ok(Waited::NoChild) => return true,
                Ok(Waited::Alive) | Err(_) => return false,
            }
        }
    }
}
