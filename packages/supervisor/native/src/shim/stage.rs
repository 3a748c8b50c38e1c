//! The steps of a start, and how the new process reports the one that failed.

use std::io;

use crate::sys::errno;

/// A step that can fail, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Pipes, descriptors, the session.
    Prepare,
    /// Making or joining the job's cgroup.
    Cgroup,
    /// Making its processes.
    Fork,
    /// Enclosing it.
    Sandbox,
    /// Showing it a path of the host.
    Bind,
    /// Setting a limit.
    Limits,
    /// Becoming its user.
    User,
    /// Entering its working directory.
    Chdir,
    /// Becoming the program.
    Exec,
}

const STAGES: [(Stage, &str); 9] = [
    (Stage::Prepare, "prepare"),
    (Stage::Cgroup, "cgroup"),
    (Stage::Fork, "fork"),
    (Stage::Sandbox, "sandbox"),
    (Stage::Bind, "bind"),
    (Stage::Limits, "limits"),
    (Stage::User, "user"),
    (Stage::Chdir, "chdir"),
    (Stage::Exec, "exec"),
];

impl Stage {
    /// As the result names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        STAGES[usize::from(self as u8)].1
    }
}

/// What failed. Travels over a pipe from a process that is about to end.
pub struct Report {
    /// The step.
    pub stage: Stage,
    /// Which of several of its kind, such as the number of a bind.
    pub index: u8,
    /// The errno of the failed call.
    pub errno: i32,
}

impl Report {
    /// Its bytes.
    pub const LENGTH: usize = 6;

    /// Of a failed call.
    #[must_use]
    pub fn new(stage: Stage, error: &io::Error) -> Self {
        Self { stage, index: 0, errno: errno(error) }
    }

    /// As it travels.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let [a, b, c, d] = self.errno.to_le_bytes();
        [self.stage as u8, self.index, a, b, c, d]
    }

    /// What was sent.
    #[must_use]
    pub fn from_bytes([stage, index, errno @ ..]: [u8; Self::LENGTH]) -> Self {
        let stage = STAGES.get(usize::from(stage)).map_or(Stage::Prepare, |(stage, _)| *stage);
        Self { stage, index, errno: i32::from_le_bytes(errno) }
    }
}
