//! The first moments of a job, in which its shim and core speak over the launcher's wire.

use prost::Message;

use super::pair::Pair;
use crate::wire::v1::{LauncherRequest, LauncherResponse, RelayEnded, ShimRequest, launcher_request, launcher_response, shim_event};
use crate::wire::{Outbox, encode};

/// The wire to one shim, as long as it carries its job.
pub struct Relay {
    /// Of the launch that it belongs to.
    pub sequence: u64,
    pair: Pair,
    // Core knows the end of the job: there is nothing more to say of it.
    told_end: bool,
}

/// What becomes of it.
pub enum Then {
    /// There is more to come.
    Relaying(Relay),
    /// The job has ended and the pair waits for the next.
    Idle(Pair),
    /// Nothing more comes this way.
    Over,
}

impl Relay {
    /// Of a job whose directory stands.
    pub fn new(sequence: u64, pair: Pair) -> Self {
        Self { sequence, pair, told_end: false }
    }

    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Passes a request on, to a job that has not ended.
    pub fn send(&mut self, request: ShimRequest) {
        if !self.told_end {
            let mut framed = Vec::new();
            encode(&LauncherRequest { sequence: self.sequence, request: Some(launcher_request::Request::Relay(request)) }, &mut framed);
            self.pair.send(&framed);
        }
    }

    pub fn flush(&mut self) {
        self.pair.flush();
    }

    /// Reads once and passes on what is whole.
    pub fn receive(mut self, core: &mut Outbox) -> Then {
        let goes_on = self.pair.receive();
        match self.pass_on(core) {
            Then::Relaying(relay) if !goes_on => {
                relay.end(core);
                Then::Over
            }
            then => then,
        }
    }

    /// Passes on what is whole. A shim that says what is no message is given up.
    pub fn pass_on(mut self, core: &mut Outbox) -> Then {
        while let Ok(frame) = self.pair.take() {
            let Some(frame) = frame else { return Then::Relaying(self) };
            // See `Wire::say_idle`.
            if frame.is_empty() {
                return if self.told_end { Then::Idle(self.pair) } else { Then::Over };
            }
            let Ok(response) = LauncherResponse::decode(frame) else { break };
            core.push(&response);
            if let Some(launcher_response::Response::Relayed(event)) = &response.response {
                match event.event {
                    Some(shim_event::Event::Ended(_)) => self.told_end = true,
                    Some(shim_event::Event::Listening(_)) => return Then::Over,
                    _ => {}
                }
            }
        }
        self.end(core);
        Then::Over
    }

    /// Says that nothing more comes this way.
    pub fn end(self, core: &mut Outbox) {
        if !self.told_end {
            core.push(&LauncherResponse { sequence: self.sequence, response: Some(launcher_response::Response::RelayEnded(RelayEnded {})) });
        }
    }
}
