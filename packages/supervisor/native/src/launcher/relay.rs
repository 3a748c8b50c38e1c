//! The first moments of a job, in which its shim and core speak over the launcher's wire.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use prost::Message;

use crate::wire::v1::{LauncherResponse, RelayEnded, ShimRequest, launcher_response, shim_event};
use crate::wire::{Inbox, Outbox, Received};

/// The wire to one shim.
pub struct Relay {
    /// Of the launch that it belongs to.
    pub sequence: u64,
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
}

impl Relay {
    /// With what came after the answer.
    pub fn new(sequence: u64, socket: OwnedFd, inbox: Inbox) -> Self {
        Self { sequence, socket, inbox, outbox: Outbox::default() }
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub fn wants_to_write(&self) -> bool {
        self.outbox.pending() > 0
    }

    /// Passes a request on; what the shim does not take now goes with `flush`. One that has left is found by the next read.
    pub fn send(&mut self, request: &ShimRequest) {
        self.outbox.push(request);
        self.flush();
    }

    pub fn flush(&mut self) {
        let _ = self.outbox.send(self.socket.as_fd());
    }

    /// Reads once and passes on what is whole; gives itself back while there may be more to come.
    pub fn receive(mut self, core: &mut Outbox) -> Option<Self> {
        let received = self.inbox.receive(self.socket.as_fd());
        match self.pass_on(core) {
            Ok(true) => return None,
            Ok(false) if matches!(received, Ok(Received::Some | Received::Nothing)) => return Some(self),
            _ => {}
        }
        self.end(core);
        None
    }

    /// Passes on what is whole: true after the last event there is, an error for what is none.
    pub fn pass_on(&mut self, core: &mut Outbox) -> Result<bool, ()> {
        while let Some(frame) = self.inbox.take().map_err(drop)? {
            let response = LauncherResponse::decode(frame).map_err(drop)?;
            core.push(&response);
            if let Some(launcher_response::Response::Relayed(event)) = &response.response
                && matches!(event.event, Some(shim_event::Event::Ended(_) | shim_event::Event::Listening(_)))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Says that nothing more comes this way.
    pub fn end(self, core: &mut Outbox) {
        core.push(&LauncherResponse { sequence: self.sequence, response: Some(launcher_response::Response::RelayEnded(RelayEnded {})) });
    }
}
