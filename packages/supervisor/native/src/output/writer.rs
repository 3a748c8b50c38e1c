//! Writes the output file, and accounts for every byte that was produced, kept or not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::frame::{self, FILE_HEADER, FRAME_HEADER, Kind, Missing, Stream};
use super::index::{Index, Written};
use crate::sys::clock::unix_nanos;
use crate::sys::dir;
use crate::wire::v1::{Gap, GapReason, OutputCommitted, OutputSummary};

// Beyond the limit a job may write for hours: its gap is brought up to date this often, not with each read.
const GAP_EVERY: Duration = Duration::from_secs(1);
// The disk begins with each so many bytes at once, so that the sync at the end finds little left to wait for.
const WRITE_BACK: u64 = 8 << 20;
// The largest that Linux has.
const PAGE: u64 = 64 << 10;

/// What happens at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The job runs on and its bytes are counted.
    Truncate,
    /// The job is ended.
    Stop,
}

/// Bytes counted and not yet told in a frame.
struct Pending {
    missing: Missing,
    offset: u64,
    stdout: u64,
    stderr: u64,
}

/// The one writer of a job's output file.
pub struct Writer {
    file: Option<OwnedFd>,
    // What its header says.
    made: u64,
    // End of the last whole frame; 0 while there is none.
    length: u64,
    index: Index,
    // Bytes produced up to there.
    committed: u64,
    produced: u64,
    kept: u64,
    max_kept: u64,
    lost_a_byte: bool,
    pending: Option<Pending>,
    gap_written: Option<Instant>,
    // Up to where the disk was asked to begin.
    begun: u64,
    // A sync failed. The kernel tells that once and takes the next as if nothing had been, though pages may never have reached the disk.
    sync_failed: bool,
    digest: Sha256,
}

impl Writer {
    /// A writer that keeps so many bytes. The file is made at the first byte.
    #[must_use]
    pub fn new(max_kept: u64) -> Self {
        Self {
            file: None,
            made: 0,
            length: 0,
            index: Index::default(),
            committed: 0,
            produced: 0,
            kept: 0,
            max_kept,
            lost_a_byte: false,
            pending: None,
            gap_written: None,
            begun: 0,
            sync_failed: false,
            digest: Sha256::new(),
        }
    }

    /// What readers may read.
    #[must_use]
    pub fn committed(&self) -> OutputCommitted {
        OutputCommitted { file_length: self.length, produced: self.committed }
    }

    /// Whether as much was kept as may be, and more was produced.
    #[must_use]
    pub fn over_limit(&self) -> bool {
        self.kept == self.max_kept && self.produced > self.max_kept
    }

    /// When the pending gap wants to be written.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        (pending.missing == Missing::Limit).then_some(self.gap_written? + GAP_EVERY)
    }

    /// Takes bytes just read. `buffer` has `FRAME_HEADER` bytes of room before them.
    pub fn take(&mut self, job: BorrowedFd<'_>, stream: Stream, buffer: &mut [u8]) {
        let time = unix_nanos();
        let bytes = &buffer[FRAME_HEADER..];
        self.digest.update(bytes);
        let count = bytes.len() as u64;
        // What the disk refused before is told before anything that follows it.
        if self.pending.as_ref().is_some_and(|pending| pending.missing == Missing::WriteFailed) {
            self.write_gap(job, time);
            if self.pending.is_some() {
                self.count(stream, count, Missing::WriteFailed);
                return;
            }
        }
        let room = usize::try_from(self.max_kept - self.kept).unwrap_or(usize::MAX);
        let keep = room.min(bytes.len());
        if keep > 0 {
            let (kind, offset) = (Kind::Data(stream), self.produced);
            let header = frame::frame_header(kind, offset, time, &bytes[..keep]);
            buffer[..FRAME_HEADER].copy_from_slice(&header);
            if self.append(job, kind, offset, time, &buffer[..FRAME_HEADER + keep]).is_err() {
                self.count(stream, count, Missing::WriteFailed);
                return;
            }
            self.kept += keep as u64;
            self.produced += keep as u64;
            self.committed = self.produced;
        }
        if keep as u64 == count {
            return;
        }
        self.count(stream, count - keep as u64, Missing::Limit);
        self.write_due_gap(job);
    }

    /// Writes the gap beyond the limit if it is time to.
    pub fn write_due_gap(&mut self, job: BorrowedFd<'_>) {
        if self.gap_written.is_none_or(|last| last.elapsed() >= GAP_EVERY) {
            self.write_gap(job, unix_nanos());
            self.gap_written = Some(Instant::now());
        }
    }

    /// Writes what is still to be told and waits until the file is on the disk. May be called again after a failure.
    ///
    /// # Errors
    /// As fdatasync(2).
    pub fn finish(&mut self, job: BorrowedFd<'_>) -> io::Result<()> {
        self.write_gap(job, unix_nanos());
        let synced = self.file.as_ref().map_or(Ok(()), |file| dir::sync_data(file.as_fd()));
        self.sync_failed |= synced.is_err();
        synced
    }

    /// For the result.
    #[must_use]
    pub fn summary(&self) -> OutputSummary {
        let final_gap = self.pending.as_ref().map(|pending| Gap {
            offset: pending.offset,
            stdout_bytes: pending.stdout,
            stderr_bytes: pending.stderr,
            reason: match pending.missing {
                Missing::Limit => GapReason::OutputLimit.into(),
                Missing::WriteFailed => GapReason::WriteFailed.into(),
            },
        });
        OutputSummary {
            produced: self.produced,
            file_length: self.length,
            sha256: self.digest.clone().finalize().to_vec(),
            complete: !self.lost_a_byte && !self.sync_failed,
            final_gap,
        }
    }

    fn count(&mut self, stream: Stream, bytes: u64, missing: Missing) {
        let offset = self.produced;
        let pending = self.pending.get_or_insert(Pending { missing, offset, stdout: 0, stderr: 0 });
        match stream {
            Stream::Stdout => pending.stdout += bytes,
            Stream::Stderr => pending.stderr += bytes,
        }
        self.produced += bytes;
        self.lost_a_byte = true;
    }

    /// Writes the pending gap; it stays pending when that fails.
    fn write_gap(&mut self, job: BorrowedFd<'_>, time: u64) {
        let Some(pending) = self.pending.take() else { return };
        let payload = frame::gap_payload(pending.stdout, pending.stderr);
        let kind = Kind::Gap(pending.missing);
        let bytes = [&frame::frame_header(kind, pending.offset, time, &payload)[..], &payload].concat();
        match self.append(job, kind, pending.offset, time, &bytes) {
            Ok(()) => self.committed = self.produced,
            Err(_) => self.pending = Some(pending),
        }
    }

    /// Writes one frame by one call. After a failure the file ends as before, or is overwritten from there by the next.
    fn append(&mut self, job: BorrowedFd<'_>, kind: Kind, offset: u64, time: u64, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(dir::open_at(job, c"output", libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o600)?);
        }
        let file = self.file.as_ref().map_or(job, AsFd::as_fd);
        let mut start = self.length;
        let written = if start == 0 {
            start = FILE_HEADER as u64;
            self.made = time;
            write_whole(file, &frame::file_header(time), 0).and_then(|()| write_whole(file, bytes, start))
        } else {
            write_whole(file, bytes, start)
        };
        if let Err(error) = written {
            // Should the cut fail as well, what stands behind the committed length is read by nobody.
            let _ = dir::truncate(file, self.length);
            return Err(error);
        }
        self.length = start + bytes.len() as u64;
        self.index.add(job, &Written { made: self.made, position: start, offset, kind, time, payload: &bytes[FRAME_HEADER..] });
        if self.length - self.begun >= WRITE_BACK {
            // Whole pages: the next write to one that is on its way would have to wait for it.
            let whole = self.length - self.length % PAGE;
            // Where it cannot be done early, the sync at the end does it all.
            let _ = dir::begin_write_back(file, self.begun, whole - self.begun);
            self.begun = whole;
        }
        Ok(())
    }
}

pub(super) fn write_whole(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> io::Result<()> {
    match dir::write_at(file, bytes, at)? {
        length if length == bytes.len() => Ok(()),
        _ => Err(io::Error::from(io::ErrorKind::WriteZero)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fd;

    /// [OUT-3] [OUT-8]
    #[test]
    fn bytes_that_a_failed_sync_may_have_lost_are_not_called_complete_because_the_next_sync_succeeds() {
        let path = std::env::temp_dir().join(format!("writer-{}", std::process::id()));
        std::fs::create_dir(&path).expect("mkdir");
        let job = OwnedFd::from(std::fs::File::open(&path).expect("open"));
        let mut writer = Writer::new(100);
        let mut buffer = vec![0; FRAME_HEADER];
        buffer.extend_from_slice(b"abc");
        writer.take(job.as_fd(), Stream::Stdout, &mut buffer);
        // A pipe stands for a disk that fails: it cannot be synced.
        let file = writer.file.replace(fd::pipe().expect("pipe").1);
        assert!(writer.finish(job.as_fd()).is_err());
        writer.file = file;
        assert!(writer.finish(job.as_fd()).is_ok());
        let summary = writer.summary();
        std::fs::remove_dir_all(path).expect("rm");
        assert_eq!((summary.produced, summary.complete), (3, false));
    }

    /// [OUT-7] [OUT-12]
    #[test]
    fn an_index_that_cannot_be_written_leaves_the_output_as_it_is() {
        let path = std::env::temp_dir().join(format!("writer-index-{}", std::process::id()));
        // A directory stands where the index would.
        std::fs::create_dir_all(path.join("index")).expect("mkdir");
        let job = OwnedFd::from(std::fs::File::open(&path).expect("open"));
        let mut writer = Writer::new(u64::MAX);
        for _ in 0..20 {
            writer.take(job.as_fd(), Stream::Stderr, &mut vec![b'\n'; FRAME_HEADER + (128 << 10)]);
        }
        writer.finish(job.as_fd()).expect("finish");
        let (summary, length) = (writer.summary(), std::fs::metadata(path.join("output")).expect("output").len());
        std::fs::remove_dir_all(path).expect("rm");
        assert_eq!((summary.produced, summary.file_length, summary.complete), (20 * (128 << 10), length, true));
    }
}
