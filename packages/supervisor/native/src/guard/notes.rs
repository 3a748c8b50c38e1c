//! What a guard has to know of the job that its shim serves, should the shim die: written by the shim, in memory that both share.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys::shared;

// Where each thing stands. A number that may be missing is one more than it is.
const SERVING: usize = 0;
const DIRECTORY: usize = 1;
const LEASE: usize = 2;
const LENT: usize = 3;
const HIERARCHIES: usize = 4;
const HAS_WORKSPACE: usize = 5;
const ID: usize = 8;
const ID_BYTES: usize = 36;

/// The page.
#[derive(Clone, Copy)]
pub struct Notes(&'static [AtomicU64; shared::WORDS]);

/// What they say of a job.
pub struct Job {
    /// Its id.
    pub id: String,
    /// The descriptor of its directory, in the table that guard and shim share, once it was made.
    pub directory: Option<RawFd>,
    /// The descriptor that holds its user id, where that is lent to it, and the id.
    pub lease: Option<(RawFd, u32)>,
    /// The places of the hierarchies in which it may have a cgroup.
    pub hierarchies: Vec<usize>,
    /// Whether it may have a workspace.
    pub has_workspace: bool,
}

impl Notes {
    /// Notes of no job.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn new() -> io::Result<Self> {
        shared::words().map(Self)
    }

    /// A job begins. Said before anything is made for it.
    pub fn begin(self, id: &str, has_workspace: bool) {
        for (index, byte) in id.bytes().take(ID_BYTES).enumerate() {
            self.set(ID + index, byte.into());
        }
        self.set(HAS_WORKSPACE, has_workspace.into());
        self.set(SERVING, 1);
    }

    /// It runs as a user id that is lent to it.
    pub fn lent(self, holder: RawFd, uid: u32) {
        self.set(LENT, uid.into());
        self.set(LEASE, one_more(holder));
    }

    /// It will have cgroups in these hierarchies.
    pub fn in_hierarchies(self, places: &[usize]) {
        self.set(HIERARCHIES, places.iter().fold(0, |all, place| all | 1 << place));
    }

    /// Its directory was made.
    pub fn in_directory(self, directory: BorrowedFd<'_>) {
        self.set(DIRECTORY, one_more(directory.as_raw_fd()));
    }

    /// Nothing of the job is left to be ended or removed.
    pub fn end(self) {
        for place in [SERVING, DIRECTORY, LEASE, HIERARCHIES] {
            self.set(place, 0);
        }
    }

    /// The job that is served.
    #[must_use]
    pub fn job(self) -> Option<Job> {
        (self.get(SERVING) == 1).then(|| Job {
            id: (ID..ID + ID_BYTES).filter_map(|place| u8::try_from(self.get(place)).ok()).map(char::from).collect(),
            directory: one_less(self.get(DIRECTORY)),
            lease: one_less(self.get(LEASE)).zip(u32::try_from(self.get(LENT)).ok()),
            hierarchies: (0..usize::try_from(u64::BITS).unwrap_or(0)).filter(|place| self.get(HIERARCHIES) >> place & 1 == 1).collect(),
            has_workspace: self.get(HAS_WORKSPACE) == 1,
        })
    }

    // The guard reads when the shim is dead: nothing is written and read at one time, and what was written in order is seen in order.
    fn set(self, place: usize, value: u64) {
        self.0[place].store(value, Ordering::SeqCst);
    }

    fn get(self, place: usize) -> u64 {
        self.0[place].load(Ordering::SeqCst)
    }
}

fn one_more(fd: RawFd) -> u64 {
    u64::from(fd.unsigned_abs()) + 1
}

fn one_less(noted: u64) -> Option<RawFd> {
    RawFd::try_from(noted.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_was_noted_of_a_job_is_read_and_gone_with_its_end() {
        let notes = Notes::new().expect("notes");
        assert!(notes.job().is_none());
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        notes.begin(id, true);
        let begun = notes.job().expect("a job");
        assert_eq!((begun.id.as_str(), begun.directory, begun.lease, begun.has_workspace), (id, None, None, true));
        assert!(begun.hierarchies.is_empty());
        let file = std::fs::File::open("/dev/null").expect("/dev/null");
        notes.in_hierarchies(&[0, 5]);
        notes.lent(0, 1_880_000_000);
        notes.in_directory(file.as_fd());
        let job = notes.job().expect("a job");
        assert_eq!((job.directory, job.lease, job.hierarchies), (Some(file.as_raw_fd()), Some((0, 1_880_000_000)), vec![0, 5]));
        notes.end();
        assert!(notes.job().is_none());
        notes.begin(id, false);
        let next = notes.job().expect("a job");
        assert_eq!((next.directory, next.lease, next.hierarchies.len(), next.has_workspace), (None, None, 0, false));
    }
}
