//! Serves core: any number of connections, and at first one over the launcher's wire. None of them can hold up the job.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use prost::Message;

use super::door::Door;
use super::{Phase, Shim, Wire};
use crate::sys::poll::PollSet;
use crate::sys::{errno, process, signal, socket};
use crate::wire::SHIM_VERSION;
use crate::wire::v1::{
    Launched, LauncherRequest, LauncherResponse, ShimEvent, ShimHello, ShimRequest, SignalSent, Started, StopAccepted, TreeGone, launcher_request,
    launcher_response, shim_event, shim_request,
};

// One server has one connection; more than this is a fault or an attack.
const MAX_CLIENTS: usize = 64;
// Who reads nothing and asks on is cut off at this much.
const MAX_PENDING: usize = 1 << 20;
// How long the last event may take to leave. Who misses it finds the result in the directory.
const GOODBYE: Duration = Duration::from_secs(1);
// Longer than most short programs take, shorter than anybody waits to hear that one has started. Output is told at once.
const GATHERED: Duration = Duration::from_millis(4);

// How users are told that a user namespace does not know: in a sandbox's, that is everybody but its owner. Root alone reaches the socket past the mode of its directory.
const OVERFLOW_UID: u32 = 65534;

/// A connection.
pub struct Client {
    wire: Wire,
    // The length of the output last told, and whether the next may be told.
    told: u64,
    credit: bool,
    gone: bool,
    // The sequence of the launch, on the launcher's wire.
    relayed: Option<u64>,
    // What is told is kept until it is released: it can go with what follows.
    held: bool,
}

impl Client {
    fn new(wire: Wire, told: u64) -> Self {
        Self { wire, told, credit: true, gone: false, relayed: None, held: false }
    }

    /// The launcher, which is told that the job's directory stands, together with the first event.
    pub fn relayed(wire: Wire, sequence: u64) -> Self {
        let mut client = Self { relayed: Some(sequence), held: true, ..Self::new(wire, 0) };
        let launched = launcher_response::Response::Launched(Launched { shim_pid: process::own_pid() });
        client.wire.push(&LauncherResponse { sequence, response: Some(launched) });
        client
    }

    pub fn is_relayed(&self) -> bool {
        self.relayed.is_some()
    }

    pub fn into_wire(self) -> Wire {
        self.wire
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.wire.socket()
    }

    pub fn wants_to_write(&self) -> bool {
        self.wire.pending() > 0 && !self.held
    }

    /// Sends what was held.
    pub fn release(&mut self) {
        self.held = false;
        self.flush();
    }

    pub fn tell(&mut self, sequence: u64, event: shim_event::Event) {
        self.keep(sequence, event);
        self.release();
    }

    fn keep(&mut self, sequence: u64, event: shim_event::Event) {
        let event = ShimEvent { sequence, event: Some(event) };
        match self.relayed {
            Some(launch) => self.wire.push(&LauncherResponse { sequence: launch, response: Some(launcher_response::Response::Relayed(event)) }),
            None => self.wire.push(&event),
        }
    }

    fn flush(&mut self) {
        if !self.wire.flush() || self.wire.pending() > MAX_PENDING {
            self.gone = true;
        }
    }

    fn receive(&mut self) {
        if !self.wire.receive() {
            self.gone = true;
        }
    }

    /// The next request; a frame that cannot be read ends the connection.
    fn next_request(&mut self) -> Option<ShimRequest> {
        loop {
            let Ok(frame) = self.wire.take() else {
                self.gone = true;
                return None;
            };
            let frame = frame?;
            let Some(launch) = self.relayed else {
                let request = ShimRequest::decode(frame).ok();
                self.gone |= request.is_none();
                return request;
            };
            let Ok(passed_on) = LauncherRequest::decode(frame) else {
                self.gone = true;
                return None;
            };
            match passed_on.request {
                Some(launcher_request::Request::Relay(request)) if passed_on.sequence == launch => return Some(request),
                // Meant for the job before this one, which had ended when it came.
                _ => {}
            }
        }
    }
}

impl Shim<'_> {
    /// Accepts one connection and tells it all there is to know.
    pub(super) fn accept(&mut self) {
        let Door::Open(listener) = &self.door else { return };
        let Ok(Some(socket)) = socket::accept(listener.as_fd()) else { return };
        let trusted = socket::peer_uid(socket.as_fd()).is_ok_and(|uid| uid == 0 || uid == process::own_uid() || (self.init.is_some() && uid == OVERFLOW_UID));
        if !trusted || self.clients.len() >= MAX_CLIENTS {
            return;
        }
        let mut client = Client::new(Wire::new(socket), self.writer.committed().file_length);
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

    /// Tells every connection, the launcher a moment later: a short job is over by then, and all is told at once.
    pub(super) fn tell_all_soon(&mut self, event: &shim_event::Event) {
        for client in &mut self.clients {
            if client.held {
                client.keep(0, event.clone());
                self.tell_by = Some(Instant::now() + GATHERED);
            } else {
                client.tell(0, event.clone());
            }
        }
    }

    /// Tells every connection the end; the launcher together with what follows at once.
    pub(super) fn tell_last(&mut self, event: &shim_event::Event) {
        for client in &mut self.clients {
            client.keep(0, event.clone());
            client.held = client.is_relayed() && self.leaves_nothing;
            if !client.held {
                client.flush();
            }
        }
    }

    /// Tells what was held back, when it is time.
    pub(super) fn tell_held(&mut self, now: Instant) {
        if self.tell_by.is_some_and(|at| at <= now) {
            self.tell_by = None;
            self.clients.iter_mut().for_each(Client::release);
        }
    }

    /// The launcher's wire, where the job has ended before it was left. What was told last goes with what is said next.
    pub(super) fn take_wire(&mut self) -> Option<Wire> {
        let place = self.clients.iter().position(|client| client.is_relayed() && !client.gone)?;
        Some(self.clients.swap_remove(place).into_wire())
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
        self.clients.iter_mut().for_each(Client::release);
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
