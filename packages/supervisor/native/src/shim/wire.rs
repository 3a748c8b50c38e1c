//! A framed conversation over a socket: with the launcher, over one job after another, or with core.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use prost::Message;

use super::publish;
use crate::sys::poll::PollSet;
use crate::sys::socket;
use crate::wire::v1::{Launch, LaunchRefused, LauncherRequest, LauncherResponse, launcher_request, launcher_response};
use crate::wire::{Inbox, Outbox, Received, TooLong};

/// One end.
pub struct Wire {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
}

impl Wire {
    /// Of a connected socket.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, inbox: Inbox::default(), outbox: Outbox::default() }
    }

    /// The socket, to be polled.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// How many bytes were not taken yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outbox.pending()
    }

    /// Appends a message; `flush` sends it.
    pub fn push(&mut self, message: &impl Message) {
        self.outbox.push(message);
    }

    /// Sends what the peer takes now; false when it is gone.
    pub fn flush(&mut self) -> bool {
        self.outbox.send(self.socket.as_fd()).is_ok()
    }

    /// Reads once; false when nothing more will come.
    pub fn receive(&mut self) -> bool {
        matches!(self.inbox.receive(self.socket.as_fd()), Ok(Received::Some | Received::Nothing))
    }

    /// The next whole message.
    ///
    /// # Errors
    /// As `Inbox::take`.
    pub fn take(&mut self) -> Result<Option<&[u8]>, TooLong> {
        self.inbox.take()
    }

    /// Says that nothing more is sent. The guard holds the wire too, and to its end: without a word the launcher would go on to wait.
    pub fn hang_up(self) {
        // A peer that is gone needs no end.
        let _ = socket::end_writing(self.socket.as_fd());
    }

    /// Waits for an order of the launcher; `None` when it has left, or lets us leave.
    pub fn next_order(&mut self) -> Option<(u64, Launch)> {
        let mut polled = PollSet::default();
        loop {
            while let Some(frame) = self.take().ok()? {
                let LauncherRequest { sequence, request } = LauncherRequest::decode(frame).ok()?;
                // Anything else was meant for a job that has ended.
                if let Some(launcher_request::Request::Launch(launch)) = request {
                    return Some((sequence, launch));
                }
            }
            polled.clear();
            let place = polled.add(self.socket(), self.pending() > 0);
            polled.wait(None).ok()?;
            if (polled.writable(place) && !self.flush()) || (polled.readable(place) && !self.receive()) {
                return None;
            }
        }
    }

    /// Tells the launcher that the job was not started.
    pub fn refuse(&mut self, sequence: u64, refusal: LaunchRefused) {
        self.push(&LauncherResponse { sequence, response: Some(launcher_response::Response::Refused(refusal)) });
        // A launcher that is gone needs no answer.
        self.flush();
    }

    /// Refuses the next order: what no job can do without failed.
    pub fn refuse_next(mut self, stage: &str, error: &io::Error) {
        if let Some((sequence, _)) = self.next_order() {
            self.refuse(sequence, publish::system(stage, error));
        }
    }

    /// Tells the launcher, by a message of no bytes, that nothing is left of the job and another may come.
    pub fn say_idle(&mut self) {
        self.outbox.push_framed(&[0; 4]);
        self.flush();
    }
}
