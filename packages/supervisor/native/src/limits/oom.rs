//! Notices that the kernel killed a process of the job for want of memory: because the job's own limit was reached, or one above it, or the host's memory.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::sys::{dir, fd, limit, poll};

// Version 1 tells when memory has run out, a moment before it kills, and also when it ran out only further up.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Tells of kills.
pub struct OomWatch {
    // Holds a line "oom_kill N".
    counter: OwnedFd,
    // Of version 1; in version 2 the counter tells itself.
    events: Option<OwnedFd>,
    look: Option<(Instant, Duration)>,
}

impl OomWatch {
    /// In a job's cgroup of the memory controller.
    ///
    /// # Errors
    /// Of the call that failed.
    pub fn begin(cgroup: BorrowedFd<'_>, version: u32) -> io::Result<Self> {
        let file = if version == 1 { c"memory.oom_control" } else { c"memory.events" };
        let counter = dir::open_at(cgroup, file, libc::O_RDONLY, 0)?;
        let events = if version == 1 { Some(events(cgroup, counter.as_fd())?) } else { None };
        let watch = Self { counter, events, look: None };
        // From its first reading on a file tells of changes.
        let _ = watch.has_killed();
        Ok(watch)
    }

    /// What to wait for, and whether it is a file that tells of changes.
    #[must_use]
    pub fn source(&self) -> (BorrowedFd<'_>, bool) {
        match &self.events {
            Some(events) => (events.as_fd(), false),
            None => (self.counter.as_fd(), true),
        }
    }

    /// When to look even though nothing is told any more.
    #[must_use]
    pub fn next_look(&self) -> Option<Instant> {
        self.look.map(|(at, _)| at)
    }

    /// Something was told.
    pub fn told(&mut self) -> bool {
        if let Some(events) = &self.events {
            let _ = fd::read(events.as_fd(), &mut [0; 8]);
            self.look = Some((Instant::now() + FIRST_LOOK, FIRST_LOOK));
        }
        self.has_killed()
    }

    /// The time to look has come.
    pub fn look(&mut self) -> bool {
        if let Some((_, pause)) = self.look {
            let pause = pause * 2;
            self.look = (pause <= LAST_LOOK).then(|| (Instant::now() + pause, pause));
        }
        self.has_killed()
    }

    /// Whether it can serve another job: it has killed nothing, and told nothing that is still to be looked into.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let told = self.events.as_ref().is_some_and(|events| poll::has_come(events.as_fd()).unwrap_or(true));
        !told && self.look.is_none() && !self.has_killed()
    }

    /// Whether it has killed so far.
    #[must_use]
    pub fn has_killed(&self) -> bool {
        let mut text = [0; 512];
        let length = dir::read_at(self.counter.as_fd(), &mut text, 0).unwrap_or(0);
        killed(&text[..length])
    }
}

fn events(cgroup: BorrowedFd<'_>, control: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let events = limit::event_counter()?;
    let register = dir::open_at(cgroup, c"cgroup.event_control", libc::O_WRONLY, 0)?;
    fd::write(register.as_fd(), format!("{} {}", events.as_raw_fd(), control.as_raw_fd()).as_bytes())?;
    Ok(events)
}

fn killed(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"oom_kill ")).any(|count| count.trim_ascii() != b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kills_count() {
        assert!(!killed(b"oom_kill_disable 0\nunder_oom 1\noom_kill 0\n"));
        assert!(killed(b"low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n"));
        assert!(!killed(b"max 9\noom 1\noom_kill 0\noom_group_kill 0\n"));
        assert!(!killed(b""));
    }
}
