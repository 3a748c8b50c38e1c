//! The launcher: reads requests from core, gives each to a shim with its guard, which it forks where none waits, passes on what they say in their first moments, and forgets them.

mod enclosing;
mod leftovers;
mod means;
mod pair;
mod pool;
mod relay;
mod start;
mod state_dir;
mod validate;
mod watched;

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use prost::Message;

pub use leftovers::remove_one;
pub use means::{CgroupWish, Means, Wishes};
pub use start::refused;
pub use state_dir::StateDir;
pub use validate::{check, is_job_id};
pub use watched::is_watched;

use crate::sys::poll::PollSet;
use crate::sys::{fd, process, signal, title};
use crate::wire::v1::{Launch, LauncherHello, LauncherRequest, LauncherResponse, Look, Looked, RefusalReason, launcher_request, launcher_response};
use crate::wire::{Inbox, LAUNCHER_VERSION, Outbox, Received};
use pool::Pool;
use relay::Relay;
use start::Start;

/// What ps shows.
pub const PROCESS_NAME: &CStr = c"worker-launcher";
/// Where core put its socket.
const CORE: i32 = 3;
// Each start under way holds a descriptor and two processes; requests beyond this wait in the socket.
const MAX_STARTS: usize = 64;
// Each holds a descriptor. What is launched beyond this is not relayed: it opens its socket at once.
const MAX_RELAYS: usize = 256;

struct Launcher {
    core: OwnedFd,
    state: StateDir,
    means: Means,
    inbox: Inbox,
    outbox: Outbox,
    starts: Vec<Start>,
    relays: Vec<Relay>,
    pool: Pool,
    core_left: bool,
}

/// Runs until core leaves and no start is under way.
///
/// # Errors
/// What went wrong, for stderr: no socket, a state directory that cannot be used, a malformed frame.
pub fn run(state_dir: &OsStr, wishes: &Wishes) -> Result<(), String> {
    let core = fd::inherit(CORE).ok_or("file descriptor 3 must be a stream socket to core")?;
    become_launcher().map_err(|error| format!("cannot prepare: {error}"))?;
    let state = StateDir::open(state_dir)?;
    leftovers::remove(&state);
    leftovers::remove_workspaces(&state);
    let mut means = Means::find(wishes, &state);
    means.remove_all_leftovers();
    let mut launcher = Launcher {
        core,
        state,
        means,
        inbox: Inbox::default(),
        outbox: Outbox::default(),
        starts: Vec::new(),
        relays: Vec::new(),
        pool: Pool::default(),
        core_left: false,
    };
    launcher.greet();
    let served = launcher.serve();
    launcher.means.cgroups.leave();
    served
}

/// Everything that shims and programs inherit is set once, here: a job then costs no call for it.
fn become_launcher() -> std::io::Result<()> {
    title::find();
    process::set_name(PROCESS_NAME);
    // Out of the server's session: a Ctrl-C or a hang-up there is not meant for us. It fails when core has done it already.
    let _ = process::set_session();
    signal::unblock_all();
    signal::reset_all();
    signal::ignore_children();
    process::forbid_core_dumps()?;
    process::set_umask(0o077);
    fd::close_all_but(&mut [CORE])?;
    let null_in = std::fs::File::open("/dev/null")?;
    let null_out = std::fs::File::options().write(true).open("/dev/null")?;
    fd::assign(null_in.as_raw_fd(), 0)?;
    fd::assign(null_out.as_raw_fd(), 1)
}

impl Launcher {
    fn greet(&mut self) {
        let hello = LauncherHello {
            protocol_version: LAUNCHER_VERSION,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::own_pid(),
            host: Some(self.means.describe()),
        };
        self.outbox.push(&LauncherResponse { sequence: 0, response: Some(launcher_response::Response::Hello(hello)) });
    }

    fn serve(&mut self) -> Result<(), String> {
        let mut polled = PollSet::default();
        loop {
            if self.outbox.send(self.core.as_fd()).is_err() {
                self.core_left = true;
            }
            if self.core_left {
                self.outbox = Outbox::default();
                self.relays.clear();
                self.pool.dismiss_all();
                if self.starts.is_empty() {
                    return Ok(());
                }
            }
            polled.clear();
            let listening = !self.core_left && self.starts.len() < MAX_STARTS;
            let writing = self.outbox.pending() > 0;
            // Requests that cannot be taken now must not wake it.
            let core_place = match (listening, writing) {
                (true, writing) => Some(polled.add(self.core.as_fd(), writing)),
                (false, true) => Some(polled.add_writer(self.core.as_fd())),
                (false, false) => None,
            };
            let first_start = polled.next_place();
            for start in &self.starts {
                polled.add(start.pair().wire(), start.pair().wants_to_write());
            }
            let first_relay = polled.next_place();
            for relay in &self.relays {
                polled.add(relay.pair().wire(), relay.pair().wants_to_write());
            }
            let rest = self.pool.next_leave().map(|at| at.saturating_duration_since(Instant::now()));
            polled.wait(rest).map_err(|error| format!("poll: {error}"))?;
            self.pool.dismiss();
            self.pass_on(&polled, first_relay);
            self.collect(&polled, first_start);
            if listening && core_place.is_some_and(|place| polled.readable(place)) {
                match self.inbox.receive(self.core.as_fd()) {
                    Ok(Received::Closed) | Err(_) => self.core_left = true,
                    Ok(_) => {}
                }
            }
            self.take_requests()?;
        }
    }

    /// Passes on what the shims answer to their orders.
    fn collect(&mut self, polled: &PollSet, first_start: usize) {
        for (index, mut start) in std::mem::take(&mut self.starts).into_iter().enumerate() {
            if polled.writable(first_start + index) {
                start.flush();
            }
            if !polled.readable(first_start + index) {
                self.starts.push(start);
                continue;
            }
            match start.go_on(&self.state, &mut self.means, &mut self.outbox) {
                start::Then::Starting(start) => self.starts.push(*start),
                start::Then::Launched(relay) => {
                    let then = relay.pass_on(&mut self.outbox);
                    self.keep(then);
                }
                start::Then::Over => {}
            }
        }
    }

    /// Passes on what shims say in their first moments.
    fn pass_on(&mut self, polled: &PollSet, first_relay: usize) {
        for (index, mut relay) in std::mem::take(&mut self.relays).into_iter().enumerate() {
            if polled.writable(first_relay + index) {
                relay.flush();
            }
            let then = if polled.readable(first_relay + index) { relay.receive(&mut self.outbox) } else { relay::Then::Relaying(relay) };
            self.keep(then);
        }
    }

    fn keep(&mut self, then: relay::Then) {
        match then {
            relay::Then::Relaying(relay) if self.relays.len() < MAX_RELAYS => self.relays.push(relay),
            relay::Then::Relaying(relay) => relay.end(&mut self.outbox),
            relay::Then::Idle(pair) if !self.core_left => self.pool.put(pair),
            relay::Then::Idle(_) | relay::Then::Over => {}
        }
    }

    fn take_requests(&mut self) -> Result<(), String> {
        while self.starts.len() < MAX_STARTS {
            let Some(bytes) = self.inbox.take().map_err(|long| format!("core sent a frame of {} bytes", long.0))? else {
                return Ok(());
            };
            let request = LauncherRequest::decode(bytes).map_err(|error| format!("core sent a malformed request: {error}"))?;
            match request.request {
                Some(launcher_request::Request::Launch(launch)) => self.launch(request.sequence, launch),
                Some(launcher_request::Request::Relay(asked)) => {
                    if let Some(relay) = self.relays.iter_mut().find(|relay| relay.sequence == request.sequence) {
                        relay.send(asked);
                    }
                }
                Some(launcher_request::Request::Look(look)) => self.look(request.sequence, &look),
                None => self.outbox.push(&refused(request.sequence, RefusalReason::Invalid, 0, "request", "an unknown request")),
            }
        }
        Ok(())
    }

    fn launch(&mut self, sequence: u64, launch: Launch) {
        match start::start(&self.state, &mut self.means, &mut self.pool, sequence, launch) {
            Ok(start) => self.starts.push(start),
            Err(refusal) => self.outbox.push(&refusal),
        }
    }

    fn look(&mut self, sequence: u64, look: &Look) {
        let looked = match CString::new(look.job_id.as_str()) {
            Ok(job_id) if is_job_id(&look.job_id) => launcher_response::Response::Looked(Looked { watched: is_watched(&self.state, &job_id) }),
            _ => {
                self.outbox.push(&refused(sequence, RefusalReason::Invalid, 0, "look", "job_id must be a UUID in lower case"));
                return;
            }
        };
        self.outbox.push(&LauncherResponse { sequence, response: Some(looked) });
    }
}
