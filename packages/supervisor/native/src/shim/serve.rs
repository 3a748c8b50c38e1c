//! Serves core: any number of connections, and at first one over the launcher's wire. None of them can hold up the job.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use prost::Message;

use super::{Phase, Shim};
use crate::sys::poll::PollSet;
use crate::sys::{errno, process, signal, socket};
use crate::wire::v1::{
    Launched, LauncherResponse, ShimEvent, ShimHello, ShimRequest, SignalSent, Started, StopAccepted, TreeGone, launcher_response, shim_event, shim_request,
};
use crate::wire::{Inbox, Outbox, Received, SHIM_VERSION};

// One server has one connection; more than this is a fault or an attack.
const MAX_CLIENTS: usize = 64;
// Who reads nothing and asks on is cut off at this much.
const MAX_PENDING: usize = 1 << 20;
// How long the last event may take to leave. Who misses it finds the result in the directory.
const GOODBYE: Duration = Duration::from_secs(1);

// How users are told that a user namespace does not know: in a sandbox's, that is everybody but its owner. Root alone reaches the socket past the mode of its directory.
const OVERFLOW_UID: u32 = 65534;

/// A connection.
pub struct Client {
    socket: OwnedFd,
    inbox: Inbox,
    outbox: Outbox,
    // The length of the output last told, and whether the next may be told.
    told: u64,
    credit: bool,
    gone: bool,
    // The sequence of the launch, on the launcher's wire.
    relayed: Option<u64>,
    // Nothing is sent before the first event: what the launcher is told at first can go with it.
    held: bool,
}

impl Client {
    fn new(socket: OwnedFd, told: u64) -> Self {
        Self { socket, inbox: Inbox::default(), outbox: Outbox::default(), told, credit: true, gone: false, relayed: None, held: false }
    }

    /// The launcher, which is told that the job's directory stands.
    pub fn relayed(socket: OwnedFd, sequence: u64) -> Self {
        let mut client = Self::new(socket, 0);
        client.relayed = Some(sequence);
        client.held = true;
        let launched = launcher_response::Response::Launched(Launched { shim_pid: process::own_pid() });
        client.outbox.push(&LauncherResponse { sequence, response: Some(launched) });
        client
    }

    pub fn is_relayed(&self) -> bool {
        self.relayed.is_some()
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub fn wants_to_write(&self) -> bool {
        self.outbox.pending() > 0 && !self.held
    }

    /// Sends what was held.
    pub fn release(&mut self) {
        self.held = false;
        self.flush();
    }

    pub fn tell(&mut self, sequence: u64, event: shim_event::Event) {
        let event = ShimEvent { sequence, event: Some(event) };
        match self.relayed {
            Some(launch) => self.outbox.push(&LauncherResponse { sequence: launch, response: Some(launcher_response::Response::Relayed(event)) }),
            None => self.outbox.push(&event),
        }
        self.release();
    }

    fn flush(&mut self) {
        if self.outbox.send(self.socket.as_fd()).is_err() || self.outbox.pending() > MAX_PENDING {
            self.gone = true;
        }
    }

    fn receive(&mut self) {
        if !matches!(self.inbox.receive(self.socket.as_fd()), Ok(Received::Some | Received::Nothing)) {
            self.gone = true;
        }
    }

    /// The next request; a frame that cannot be read ends the connection.
    fn next_request(&mut self) -> Option<ShimRequest> {
        let Ok(frame) = self.inbox.take() else {
            self.gone = true;
            return None;
        };
        let request = ShimRequest::decode(frame?).ok();
        self.gone |= request.is_none();
        request
    }
}

impl Drop for Client {
    /// The guard holds the launcher's wire too, and to its end: without a word the launcher would go on to wait for more.
    fn drop(&mut self) {
        if self.is_relayed() {
            // A peer that is gone needs no end.
            let _ = socket::end_writing(self.socket.as_fd());
        }
    }
}

impl Shim {
    /// Accepts one connection and tells it all there is to know.
    pub(super) fn accept(&mut self) {
        let Ok(Some(socket)) = socket::accept(self.listener.as_fd()) else { return };
        let trusted = socket::peer_uid(socket.as_fd()).is_ok_and(|uid| uid == 0 || uid == process::own_uid() || (self.init.is_some() && uid == OVERFLOW_UID));
        if !trusted || self.clients.len() >= MAX_CLIENTS {
            return;
        }
        let mut client = Client::new(socket, self.writer.committed().file_length);
        client.tell(0, shim_event::Event::Hello(self.hello()));
        self.clients.push(client);
    }

    /// Reads and answers what the connections ask.
    pub(super) fn serve_clients(&mut self, polled: &PollSet, first: usize) {
        // Taken out, so that a request may change the rest of the shim, which tells the others: that is done after the round.
        for index in 0..self.clients.len() {
            if polled.writable(first + index) {
                self.clients[index].flush();
            }
            if !polled.readable(first + index) {
                continue;
            }
            self.clients[index].receive();
            while let Some(request) = self.clients[index].next_request() {
                self.answer(index, request);
            }
        }
        let relayed = self.clients.iter().any(Client::is_relayed);
        self.clients.retain(|client| !client.gone);
        if relayed && !self.clients.iter().any(Client::is_relayed) {
            self.door.hurry();
        }
    }

    fn answer(&mut self, index: usize, request: ShimRequest) {
        let sequence = request.sequence;
        match request.request {
            Some(shim_request::Request::Stop(stop)) => {
                self.clients[index].tell(sequence, shim_event::Event::StopAccepted(StopAccepted {}));
                self.stop(&stop);
                self.tell_how_far(index);
            }
            Some(shim_request::Request::Signal(asked)) => {
                let sent = if (1..=signal::LAST).contains(&asked.signal) { self.signal(asked.signal) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) };
                let errno = sent.err().as_ref().map_or(0, errno);
                self.clients[index].tell(sequence, shim_event::Event::SignalSent(SignalSent { errno }));
            }
            Some(shim_request::Request::OutputTaken(_)) => self.clients[index].credit = true,
            Some(shim_request::Request::Tell(_)) => {
                let hello = self.hello();
                self.clients[index].tell(sequence, shim_event::Event::Hello(hello));
            }
            // A request of a later release: this one cannot mean it.
            None => self.clients[index].gone = true,
        }
    }

    /// Answers a stop that comes late with what is known by now.
    fn tell_how_far(&mut self, index: usize) {
        self.stop_asked = true;
        if self.gone.is_some() {
            self.clients[index].tell(0, shim_event::Event::TreeGone(TreeGone {}));
        } else if let Some(survivors) = self.overdue() {
            self.clients[index].tell(0, shim_event::Event::Survivors(survivors));
        }
    }

    /// Tells every connection.
    pub(super) fn tell_all(&mut self, event: &shim_event::Event) {
        for client in &mut self.clients {
            client.tell(0, event.clone());
        }
    }

    /// Tells of new output whom it may be told.
    pub(super) fn tell_output(&mut self) {
        let committed = self.writer.committed();
        for client in &mut self.clients {
            if client.credit && client.told != committed.file_length {
                client.credit = false;
                client.told = committed.file_length;
                client.tell(0, shim_event::Event::OutputCommitted(committed));
            }
        }
    }

    fn hello(&self) -> ShimHello {
        ShimHello {
            protocol_version: SHIM_VERSION,
            job_id: self.job_id.clone(),
            shim_pid: process::own_pid(),
            started: self.started.as_ref().map(|started| Started { pid: started.pid, time_ns: started.unix_nanos }),
            output: Some(self.writer.committed()),
            cause: self.cause.into(),
        }
    }

    /// Waits, not for long, until the last event has left.
    pub(super) fn say_goodbye(&mut self) {
        debug_assert!(matches!(self.phase, Phase::Ended));
        let end = Instant::now() + GOODBYE;
        let mut polled = PollSet::default();
        loop {
            self.clients.retain(|client| client.wants_to_write() && !client.gone);
            let left = end.saturating_duration_since(Instant::now());
            if self.clients.is_empty() || left.is_zero() {
                return;
            }
            polled.clear();
            for client in &self.clients {
                polled.add(client.socket(), true);
            }
            if polled.wait(Some(left)).is_err() {
                return;
            }
            for (index, client) in self.clients.iter_mut().enumerate() {
                if polled.writable(index) {
                    client.flush();
                }
                // Read and forgotten: a socket closed with bytes unread resets the peer before it has read the last event.
                if polled.readable(index) {
                    client.receive();
                }
            }
        }
    }
}
