//! Writes the result and takes leave.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use prost::Message;

use super::door;
use super::{Phase, Program, Shim, UNFINISHED_RESULT};
use crate::sys::process::{Exit, Usage};
use crate::sys::{dir, fd};
use crate::wire::v1::{Ended, ResourceUsage, Result as JobResult, result, shim_event};

const MAGIC: [u8; 8] = *b"WKRRES\x00\x01";
// A disk that was full is tried again this often; until then the job is still told of as running.
const RETRY: Duration = Duration::from_secs(1);

/// The bytes of the file "result": see result.proto.
#[must_use]
pub fn result_file(result: &JobResult) -> Vec<u8> {
    let message = result.encode_to_vec();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&message).to_le_bytes());
    bytes.extend_from_slice(&message);
    bytes
}

impl Shim<'_> {
    /// Writes the result; when that fails, again later.
    pub(super) fn finish(&mut self) {
        let written = self.writer.finish(self.dir.as_fd()).and_then(|()| {
            let result = self.result();
            self.write_result(&result).map(|()| result)
        });
        // What could be read of the output changes at most once more: by its last gap.
        self.tell_output();
        match written {
            Ok(result) => {
                self.remove_socket();
                self.phase = Phase::Ended;
                self.tell_last(&shim_event::Event::Ended(Ended { result: Some(result) }));
            }
            Err(_) => self.phase = Phase::Finishing(Instant::now() + RETRY),
        }
    }

    /// Nobody has to be refused any more: the result tells. Where this fails a socket stays that refuses.
    fn remove_socket(&self) {
        let name = if self.door.is_open() { door::SOCKET } else { door::UNFINISHED_SOCKET };
        let _ = dir::unlink_at(self.dir.as_fd(), name, false);
    }

    /// Whole or not at all: under another name first.
    fn write_result(&self, result: &JobResult) -> io::Result<()> {
        let job = self.dir.as_fd();
        let file = dir::open_at(job, UNFINISHED_RESULT, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, 0o600)?;
        let bytes = result_file(result);
        if fd::write(file.as_fd(), &bytes)? != bytes.len() {
            return Err(io::Error::from(io::ErrorKind::WriteZero));
        }
        dir::rename_at(job, UNFINISHED_RESULT, job, c"result")
    }

    fn result(&self) -> JobResult {
        let outcome = match &self.program {
            Program::Ended(Exit::Code(code)) => Some(result::Outcome::ExitCode(*code)),
            Program::Ended(Exit::Signal(number)) => Some(result::Outcome::Signal(*number)),
            Program::Failed(failed) => Some(result::Outcome::StartFailed(failed.clone())),
            // Cannot be: the tree is gone, so the program was reaped.
            Program::Alive(_) => None,
        };
        let (end_time_ns, wall) = match (self.gone, &self.started) {
            (Some((time, end)), Some(started)) => (time, end.saturating_duration_since(started.instant)),
            (gone, _) => (gone.map_or(0, |(time, _)| time), Duration::ZERO),
        };
        let start_time_ns = match (&self.started, &self.program) {
            (Some(started), _) => started.unix_nanos,
            // Killed before its exec was seen to succeed: whether it did nobody knows, so it counts as started when it was forked.
            (None, Program::Ended(_)) => self.forked_ns,
            (None, _) => 0,
        };
        JobResult {
            job_id: self.job_id.clone(),
            outcome,
            cause: self.cause.into(),
            requested_by: self.requested_by.clone(),
            start_time_ns,
            end_time_ns,
            wall_time_ns: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            usage: Some(self.usage),
            output: Some(self.writer.summary()),
            unenforced: self.plan.unenforced.iter().map(|field| (*field).to_owned()).collect(),
        }
    }
}

/// In the form of the result.
pub fn usage_of(Usage { user_us, system_us, peak_memory_bytes, read_bytes, written_bytes }: Usage) -> ResourceUsage {
    ResourceUsage { user_us, system_us, peak_memory_bytes, read_bytes, written_bytes }
}
