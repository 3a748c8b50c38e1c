//! The launcher: reads requests from core, forks a guard and its shim for each, passes their answers on, and forgets them.

mod enclosing;
mod leftovers;
mod means;
mod start;
mod state_dir;
mod validate;

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use prost::Message;

pub use leftovers::remove_one;
pub use means::{CgroupWish, Means, Wishes};
pub use start::{Accepted, Order, refused};
pub use state_dir::StateDir;
pub use validate::check;

use crate::sys::poll::PollSet;
use crate::sys::{fd, process, signal, title};
use crate::wire::v1::{LauncherHello, LauncherRequest, LauncherResponse, RefusalReason, launcher_request, launcher_response};
use crate::wire::{Inbox, Outbox, PROTOCOL_VERSION, Received};
use start::Start;

/// What ps shows.
pub const PROCESS_NAME: &CStr = c"worker-launcher";
/// Where core put its socket.
const CORE: i32 = 3;
// Each start under way holds a descriptor and two young processes; requests beyond this wait in the socket.
const MAX_STARTS: usize = 64;

struct Launcher {
    core: OwnedFd,
    state: StateDir,
    means: Means,
    inbox: Inbox,
    outbox: Outbox,
    starts: Vec<Start>,
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
    let mut launcher = Launcher { core, state, means, inbox: Inbox::default(), outbox: Outbox::default(), starts: Vec::new(), core_left: false };
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
            protocol_version: PROTOCOL_VERSION,
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
                if self.starts.is_empty() {
                    return Ok(());
                }
            }
            polled.clear();
            let listening = !self.core_left && self.starts.len() < MAX_STARTS;
            let writing = self.outbox.pending() > 0;
            let core_place = (listening || writing).then(|| polled.add(self.core.as_fd(), writing));
            let first_start = usize::from(core_place.is_some());
            for start in &self.starts {
                polled.add(start.report(), false);
            }
            polled.wait(None).map_err(|error| format!("poll: {error}"))?;
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

    /// Passes on what the shims report of their starts.
    fn collect(&mut self, polled: &PollSet, first_start: usize) {
        for (index, start) in std::mem::take(&mut self.starts).into_iter().enumerate() {
            let goes_on = if polled.readable(first_start + index) { start.finish(&self.state, &self.means, &mut self.outbox) } else { Some(start) };
            self.starts.extend(goes_on);
        }
    }

    fn take_requests(&mut self) -> Result<(), String> {
        while self.starts.len() < MAX_STARTS {
            let Some(bytes) = self.inbox.take().map_err(|long| format!("core sent a frame of {} bytes", long.0))? else {
                return Ok(());
            };
            let request = LauncherRequest::decode(bytes).map_err(|error| format!("core sent a malformed request: {error}"))?;
            let Some(launcher_request::Request::Launch(launch)) = request.request else {
                let answer = refused(request.sequence, RefusalReason::Invalid, 0, "request", "an unknown request");
                self.outbox.push(&answer);
                continue;
            };
            match start::start(&self.state, &mut self.means, request.sequence, launch) {
                Ok(start) => self.starts.push(start),
                Err(refusal) => self.outbox.push(&refusal),
            }
        }
        Ok(())
    }
}
