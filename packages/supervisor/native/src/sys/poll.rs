//! Waiting for descriptors, with a deadline.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What is waited for, and after `wait` what came.
#[derive(Default)]
pub struct PollSet {
    entries: Vec<libc::pollfd>,
}

impl PollSet {
    /// Forgets all entries, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The place of what is added next.
    #[must_use]
    pub fn next_place(&self) -> usize {
        self.entries.len()
    }

    /// Adds a descriptor and returns its place.
    pub fn add(&mut self, fd: BorrowedFd<'_>, write: bool) -> usize {
        let events = libc::POLLIN | if write { libc::POLLOUT } else { 0 };
        self.entries.push(libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 });
        self.entries.len() - 1
    }

    /// Adds a descriptor of which only is waited that it takes more, or that its peer is gone. Returns its place.
    pub fn add_writer(&mut self, fd: BorrowedFd<'_>) -> usize {
        self.entries.push(libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 });
        self.entries.len() - 1
    }

    /// Adds a file of the kernel that tells of its changes, and of nothing else: each can be read at any time. Returns its place.
    pub fn add_changes(&mut self, fd: BorrowedFd<'_>) -> usize {
        self.entries.push(libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLPRI, revents: 0 });
        self.entries.len() - 1
    }

    /// Waits until something came, or the time is over; `None`: for ever.
    ///
    /// # Errors
    /// As ppoll(2), without `EINTR`: a signal counts as nothing having come.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let limit = timeout.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(time.subsec_nanos()),
        });
        let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let count = self.entries.len() as libc::nfds_t;
        // SAFETY: the entries are valid for their count, the time is null or valid, the mask is unchanged.
        match super::check(unsafe { libc::ppoll(self.entries.as_mut_ptr(), count, limit, std::ptr::null()) }) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.entries.iter_mut().for_each(|entry| entry.revents = 0);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a read would answer at once: bytes, an end or an error.
    #[must_use]
    pub fn readable(&self, place: usize) -> bool {
        self.entries[place].revents & !libc::POLLOUT != 0
    }

    /// Whether a write would answer at once.
    #[must_use]
    pub fn writable(&self, place: usize) -> bool {
        self.entries[place].revents & libc::POLLOUT != 0
    }
}

/// Whether something has come by now. Of a handle of a process: whether that has ended.
///
/// # Errors
/// As `PollSet::wait`.
pub fn has_come(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = PollSet::default();
    let place = polled.add(fd, false);
    polled.wait(Some(Duration::ZERO))?;
    Ok(polled.readable(place))
}
