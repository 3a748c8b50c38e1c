//! Reads what the job writes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::output::Writer;
use crate::output::frame::{FRAME_HEADER, Stream};
use crate::sys::fd;

// One read and one frame take up to this much. A pipe starts with room for 64 KiB; one that was found full is given more.
const READ: usize = 128 << 10;
const PIPE_START: usize = 64 << 10;
const PIPE_WIDE: i32 = 256 << 10;

/// Our ends of the job's stdout and stderr; `None` once they have ended.
pub struct Pipes {
    ends: [Option<OwnedFd>; 2],
    wide: [bool; 2],
    // Room for a frame's header and what one read brings; made at the first byte, for many jobs write none.
    buffer: Vec<u8>,
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Pipes {
    pub fn new(stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Self> {
        // The job may open its end for reading and take bytes away: a read must not wait even though the pipe was readable.
        fd::set_nonblocking(stdout.as_fd())?;
        fd::set_nonblocking(stderr.as_fd())?;
        Ok(Self { ends: [Some(stdout), Some(stderr)], wide: [false; 2], buffer: Vec::new() })
    }

    /// Of a program that was never started.
    pub fn none() -> Self {
        Self { ends: [None, None], wide: [false; 2], buffer: Vec::new() }
    }

    pub fn end(&self, index: usize) -> Option<BorrowedFd<'_>> {
        self.ends[index].as_ref().map(AsFd::as_fd)
    }

    /// Both have ended: every byte was read.
    pub fn ended(&self) -> bool {
        self.ends.iter().all(Option::is_none)
    }

    /// Gives up on those that somebody outside of the tree still holds.
    pub fn close(&mut self) {
        self.ends = [None, None];
    }

    /// Reads one once and writes what it brought.
    pub fn read(&mut self, index: usize, job: BorrowedFd<'_>, writer: &mut Writer) {
        let Some(end) = &self.ends[index] else { return };
        if self.buffer.is_empty() {
            self.buffer.resize(FRAME_HEADER + READ, 0);
        }
        match fd::read(end.as_fd(), &mut self.buffer[FRAME_HEADER..]) {
            Ok(None) => {}
            Ok(Some(0)) | Err(_) => self.ends[index] = None,
            Ok(Some(length)) => {
                if length >= PIPE_START && !self.wide[index] {
                    self.wide[index] = true;
                    // Refused beyond the user's share of pipe memory: then it stays as it is.
                    let _ = fd::widen_pipe(end.as_fd(), PIPE_WIDE);
                }
                writer.take(job, STREAMS[index], &mut self.buffer[..FRAME_HEADER + length]);
            }
        }
    }
}
