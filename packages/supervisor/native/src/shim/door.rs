//! The way to the shim: over the launcher's wire at first, then by its socket. A short job never needs one, and to make and remove it costs more than the job.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
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
// A job that lasts longer gets its socket: long enough for most jobs of a build or a test, short enough that whoever is told of a job in no other way hardly waits.
const RELAYED: Duration = Duration::from_millis(20);
// A disk that has no room for a socket is tried again this often. Until then the launcher goes on to relay.
const RETRY: Duration = Duration::from_secs(1);

/// Whether there is a socket.
#[derive(Clone, Copy)]
pub enum Door {
    /// There is none before then, unless the launcher leaves.
    Shut(Instant),
    /// The shim listens.
    Open,
}

impl Door {
    /// Of a job that begins now.
    pub fn of_new_job(listens: bool) -> Self {
        if listens { Self::Open } else { Self::Shut(Instant::now() + RELAYED) }
    }

    /// Nobody relays any more.
    pub fn hurry(&mut self) {
        if let Self::Shut(until) = self {
            *until = Instant::now();
        }
    }

    /// When it is to be opened.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Self::Shut(until) => Some(until),
            Self::Open => None,
        }
    }
}

/// Listens in this directory.
pub fn open(job: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<()> {
    dir::enter(job)?;
    let bound = socket::bind_here(listener, UNFINISHED_SOCKET);
    // Out again, so that no working directory of ours keeps a file system busy.
    std::env::set_current_dir("/")?;
    match bound {
        // An attempt before this one came so far: a socket is bound once.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
        bound => bound?,
    }
    socket::listen(listener, BACKLOG)?;
    dir::rename_at(job, UNFINISHED_SOCKET, job, SOCKET)
}

/// From here on nobody listens: whoever comes is to find that at once. Where this fails a socket stays that refuses, which says the same. A result that was not whole is none.
pub fn remove_unfinished(job: BorrowedFd<'_>) {
    for leftover in [super::UNFINISHED_RESULT, UNFINISHED_SOCKET, SOCKET] {
        let _ = dir::unlink_at(job, leftover, false);
    }
}

impl Shim {
    /// Opens it when it is time, and takes leave of the launcher.
    pub(super) fn mind_door(&mut self) {
        let now = Instant::now();
        if matches!(self.phase, Phase::Ended) || self.door.deadline().is_none_or(|until| now < until) {
            return;
        }
        if open(self.dir.as_fd(), self.listener.as_fd()).is_err() {
            self.door = Door::Shut(now + RETRY);
            // An exec may hang for as long: the launcher must not count this start as under way till then.
            self.clients.iter_mut().for_each(Client::release);
            return;
        }
        self.door = Door::Open;
        self.leave_launcher();
    }

    /// What core asks from now on it is to ask at the door.
    pub(super) fn leave_launcher(&mut self) {
        let (mut relayed, others): (Vec<_>, Vec<_>) = self.clients.drain(..).partition(Client::is_relayed);
        self.clients = others;
        for client in &mut relayed {
            client.tell(0, shim_event::Event::Listening(Listening {}));
        }
    }
}
