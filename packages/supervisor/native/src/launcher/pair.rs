//! A guard with its shim, as the launcher knows them: they serve one job after another.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Means, StateDir};
use crate::guard::{self, Birth};
use crate::sys::process::{self, Fork, Pid};
use crate::sys::socket;
use crate::wire::{Inbox, Outbox, Received, TooLong};

/// The two, and the wire to the shim. They leave when it is closed and no job is left to them.
pub struct Pair {
    /// The guard's process id.
    pub guard: Pid,
    /// Whether their jobs run in sandboxes.
    pub sandboxed: bool,
    wire: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
}

impl Pair {
    /// Forks them.
    ///
    /// # Errors
    /// The call that failed, and how.
    pub fn fork(state: &StateDir, means: &mut Means, sandboxed: bool) -> Result<Self, (&'static str, io::Error)> {
        let (wire, theirs) = socket::pair().map_err(|error| ("socketpair", error))?;
        match process::fork().map_err(|error| ("fork", error))? {
            Fork::Child => guard::run(Birth { state, means, sandboxed, wire: theirs }),
            Fork::Parent(guard) => Ok(Self { guard, sandboxed, wire, inbox: Inbox::default(), outbox: Outbox::default() }),
        }
    }

    /// The wire, to be polled.
    pub fn wire(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }

    /// Whether something waits to be taken.
    pub fn wants_to_write(&self) -> bool {
        self.outbox.pending() > 0
    }

    /// Sends a request that is framed already; what the shim does not take now goes with `flush`. One that has left is found by the next read.
    pub fn send(&mut self, framed: &[u8]) {
        self.outbox.push_framed(framed);
        self.flush();
    }

    /// Sends what waits.
    pub fn flush(&mut self) {
        // Whether a peer is gone the next read tells.
        let _ = self.outbox.send(self.wire.as_fd());
    }

    /// Reads once; false when nothing more will come.
    pub fn receive(&mut self) -> bool {
        matches!(self.inbox.receive(self.wire.as_fd()), Ok(Received::Some | Received::Nothing))
    }

    /// The next whole message.
    ///
    /// # Errors
    /// As `Inbox::take`.
    pub fn take(&mut self) -> Result<Option<&[u8]>, TooLong> {
        self.inbox.take()
    }
}
