//! The way to the shim: over the launcher's wire at first, then by its socket. A short job never needs one, and to make and remove it costs more than the job.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::serve::Client;
use super::{Phase, Shim};
use crate::sys::{dir, socket};
use crate::wire::v1::{Listening, shim_event};

/// Where a shim listens, in the job's directory.
pub const SOCKET: &CStr = c"shim.sock";
/// The socket until it listens: one found by its name would otherwise refuse, and a shim that refuses is dead.
pub const UNFINISHED_SOCKET: &CStr = c"shim.sock.tmp";
// Connections that wait while the shim is busy or its guard cleans up.
const BACKLOG: i32 = 128;
/// A job that lasts longer gets its socket, unless the launcher was told otherwise: long enough for most jobs of a build or a test, short enough that whoever is told of a job in no other way hardly waits.
pub const RELAYED: Duration = Duration::from_millis(100);
// A disk that has no room for a socket is tried again this often. Until then the launcher goes on to relay.
const RETRY: Duration = Duration::from_secs(1);

/// Whether there is a socket.
pub enum Door {
    /// There is none before then, unless the launcher leaves.
    Shut(Instant),
    /// The shim listens on this one, and its guard holds it.
    Open(OwnedFd),
}

impl Door {
    /// Of a job that begins now.
    pub fn of_new_job(listener: Option<OwnedFd>, relayed: Duration) -> Self {
        listener.map_or_else(|| Self::Shut(Instant::now() + relayed), Self::Open)
    }

    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Nobody relays any more.
    pub fn hurry(&mut self) {
        if let Self::Shut(until) = self {
            *until = Instant::now();
        }
    }

    /// When it is to be opened.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Shut(until) => Some(*until),
            Self::Open(_) => None,
        }
    }
}

/// Listens in this directory.
pub fn open(job: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<()> {
    // An attempt before this one may have come so far.
    match dir::unlink_at(job, UNFINISHED_SOCKET, false) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    dir::enter(job)?;
    let bound = socket::bind_here(listener, UNFINISHED_SOCKET);
    // Out again, so that no working directory of ours keeps a file system busy.
    std::env::set_current_dir("/")?;
    bound?;
    socket::listen(listener, BACKLOG)?;
    dir::rename_at(job, UNFINISHED_SOCKET, job, SOCKET)
}

/// From here on nobody listens: whoever comes is to find that at once. Where this fails a socket stays that refuses, which says the same. A result that was not whole is none.
pub fn remove_unfinished(job: BorrowedFd<'_>) {
    for leftover in [super::UNFINISHED_RESULT, UNFINISHED_SOCKET, SOCKET] {
        let _ = dir::unlink_at(job, leftover, false);
    }
}

impl Shim<'_> {
    /// Opens it when it is time, and takes leave of the launcher.
    pub(super) fn mind_door(&mut self) {
        let now = Instant::now();
        if matches!(self.phase, Phase::Ended) || self.door.deadline().is_none_or(|until| now < until) {
            return;
        }
        let opened = socket::stream().and_then(|listener| open(self.dir.as_fd(), listener.as_fd()).map(|()| listener));
        let Ok(listener) = opened else {
            self.door = Door::Shut(now + RETRY);
            // An exec may hang for as long: the launcher must not count this start as under way till then.
            self.clients.iter_mut().for_each(Client::release);
            return;
        };
        self.door = Door::Open(listener);
        self.leave_launcher();
    }

    /// What core asks from now on it is to ask at the door.
    pub(super) fn leave_launcher(&mut self) {
        let (relayed, others): (Vec<_>, Vec<_>) = self.clients.drain(..).partition(Client::is_relayed);
        self.clients = others;
        for mut client in relayed {
            client.tell(0, shim_event::Event::Listening(Listening {}));
            client.into_wire().hang_up();
        }
    }
}
