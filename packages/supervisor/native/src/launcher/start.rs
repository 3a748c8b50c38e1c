//! One start: a guard is forked, and its shim reports over a pipe what became of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{StateDir, validate};
use crate::guard;
use crate::sys::process::{self, Fork};
use crate::sys::{errno, fd};
use crate::wire::Outbox;
use crate::wire::v1::{Launch, LaunchRefused, LauncherResponse, RefusalReason, launcher_response};

/// What guard and shim are born with.
pub struct Order<'a> {
    /// The state directory's handles.
    pub state: &'a StateDir,
    /// Returned in the report.
    pub sequence: u64,
    /// The job.
    pub launch: Launch,
    /// Where the report goes: one framed `LauncherResponse`, written by one call, which a pipe never splits at this size.
    pub report: OwnedFd,
}

/// A start under way.
pub struct Start {
    sequence: u64,
    job_id: String,
    report: OwnedFd,
}

/// Forks.
pub fn start(state: &StateDir, sequence: u64, launch: Launch) -> Result<Start, LauncherResponse> {
    validate::check(&launch).map_err(|what| refused(sequence, RefusalReason::Invalid, 0, "validate", what))?;
    let (report, write_end) = fd::pipe().map_err(|error| system(sequence, &error, "pipe"))?;
    match process::fork().map_err(|error| system(sequence, &error, "fork"))? {
        Fork::Child => guard::run(Order { state, sequence, launch, report: write_end }),
        Fork::Parent(_) => Ok(Start { sequence, job_id: launch.job_id, report }),
    }
}

impl Start {
    /// Readable once the report is there, or nobody is left to write it.
    pub fn report(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Passes the report on.
    pub fn finish(&mut self, state: &StateDir, outbox: &mut Outbox) {
        let mut buffer = [0; 1024];
        match fd::read(self.report.as_fd(), &mut buffer) {
            Ok(Some(length)) if length > 0 => outbox.push_framed(&buffer[..length]),
            _ => outbox.push(&self.died(state)),
        }
    }

    /// Guard or shim was killed before it could report. When the directory exists all the same, the job counts as started.
    fn died(&self, state: &StateDir) -> LauncherResponse {
        let name = std::ffi::CString::new(self.job_id.as_str()).unwrap_or_default();
        match crate::sys::dir::open_dir_at(state.jobs.as_fd(), &name) {
            Ok(_) => refused(self.sequence, RefusalReason::Exists, 0, "start", "the shim died in its start"),
            Err(_) => refused(self.sequence, RefusalReason::System, 0, "start", "the shim died in its start"),
        }
    }
}

fn system(sequence: u64, error: &io::Error, stage: &str) -> LauncherResponse {
    refused(sequence, RefusalReason::System, errno(error), stage, &error.to_string())
}

/// A refusal.
#[must_use]
pub fn refused(sequence: u64, reason: RefusalReason, errno: i32, stage: &str, message: &str) -> LauncherResponse {
    let refusal = LaunchRefused { reason: reason.into(), errno, stage: stage.to_owned(), message: message.to_owned() };
    LauncherResponse { sequence, response: Some(launcher_response::Response::Refused(refusal)) }
}
