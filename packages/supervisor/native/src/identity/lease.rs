//! User ids that are lent to jobs, each to one at a time on the whole host.
//!
//! One file for all servers of the host, in which the byte at a user id's number stands for that id. It is locked while the id is lent: guard and shim share the lock, and
//! the kernel lets go of it when both are gone. It is 1 from then on until it was seen that nothing of the job is left, so that the next to borrow it knows what to end first.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::{Identity, assume};
use crate::sys::process::{self, Fork};
use crate::sys::{dir, fd, lock, user};

// In memory, so that a boot forgets it as it forgets the processes.
const HOST_FILE: &str = "/run/worker-job-uids";

/// The user ids that may be lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u32,
    last: u32,
}

impl Range {
    /// What nobody else is known to use: beyond what distributions, containers and systemd give out.
    pub const DEFAULT: Self = Self { first: 1_880_000_000, last: 1_880_065_535 };

    /// Reads `FIRST-LAST`; `None` when it is none, or holds root, or the number that stands for no user.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first > 0 && first <= last && last < u32::MAX).then_some(Self { first, last })
    }
}

/// A user id that is lent to one job.
pub struct Lease {
    file: OwnedFd,
    uid: u32,
}

/// Lends user ids.
pub struct Leases {
    path: PathBuf,
    range: Range,
    next: u32,
}

impl Leases {
    /// Lends from this range; the file is in the state directory where the host has no place for it.
    #[must_use]
    pub fn new(range: Range, state_dir: &std::path::Path) -> Self {
        let host = PathBuf::from(HOST_FILE);
        let path = if open(&host).is_ok() { host } else { state_dir.join("job-uids") };
        let mut leases = Self { path, range, next: range.first };
        leases.spread();
        leases
    }

    /// Begins to look where no other process of ours does: those that find each other's locks lose time.
    pub fn spread(&mut self) {
        let spread = process::own_pid().cast_unsigned().wrapping_mul(2_654_435_761) % (self.range.last - self.range.first + 1);
        self.next = self.range.first + spread;
    }

    /// The first of the range, to be tried.
    #[must_use]
    pub fn example(&self) -> Identity {
        alone(self.range.first)
    }

    /// Lends the next that is free, and tells whether a job had it of which nobody saw that nothing is left: its processes were ended just now.
    ///
    /// # Errors
    /// `EAGAIN` when all are lent, else of the call that failed.
    pub fn take(&mut self) -> io::Result<(Lease, bool)> {
        let file = open(&self.path)?;
        for _ in self.range.first..=self.range.last {
            let uid = self.next;
            self.next = if uid == self.range.last { self.range.first } else { uid + 1 };
            if !lock::lock_byte(file.as_fd(), u64::from(uid))? {
                continue;
            }
            let lease = Lease { file, uid };
            let used = lease.is_marked()?;
            if used {
                end_all_of(uid)?;
            }
            lease.mark(1)?;
            return Ok((lease, used));
        }
        Err(io::Error::from_raw_os_error(libc::EAGAIN))
    }
}

fn alone(uid: u32) -> Identity {
    Identity { uid, gid: uid, groups: Vec::new() }
}

fn open(path: &std::path::Path) -> io::Result<OwnedFd> {
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != process::own_uid() || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    Ok(file.into())
}

/// Ends what a job left that nobody could end: its shim and its guard were killed together.
fn end_all_of(uid: u32) -> io::Result<()> {
    let (gone, end) = fd::pipe()?;
    if matches!(process::fork()?, Fork::Child) {
        let _ = assume(&alone(uid)).and_then(|()| user::kill_all_we_may());
        process::exit_now(0);
    }
    drop(end);
    fd::read(gone.as_fd(), &mut [0])?;
    Ok(())
}

impl Lease {
    /// One that this descriptor holds.
    #[must_use]
    pub fn held_by(file: OwnedFd, uid: u32) -> Self {
        Self { file, uid }
    }

    /// The lent id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The descriptor that holds it, to be kept open.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Nothing of the job is left: whoever borrows the id next has nothing to end.
    pub fn give_back(&self) {
        // Where this fails, the next to borrow it looks in vain.
        let _ = self.mark(0);
    }

    fn mark(&self, value: u8) -> io::Result<()> {
        dir::write_at(self.file.as_fd(), &[value], u64::from(self.uid)).map(drop)
    }

    fn is_marked(&self) -> io::Result<bool> {
        let mut mark = [0];
        dir::read_at(self.file.as_fd(), &mut mark, u64::from(self.uid))?;
        Ok(mark[0] != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_user_ids_holds_neither_root_nor_nobody_at_all() {
        assert_eq!(Range::parse("1000-2000"), Some(Range { first: 1000, last: 2000 }));
        assert_eq!(Range::parse("7-7"), Some(Range { first: 7, last: 7 }));
        for text in ["", "7", "0-7", "8-7", "1-4294967295", "-1-7", "a-b", "1-2-3"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
