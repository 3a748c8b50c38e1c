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
    // Room for a frame's header and what one read brings. Made at the first read, and touched only so far as bytes come: many jobs write none.
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

    /// Gives up on those that somebody outside of the tree still holds. What lies in them by now is read first: the job's own bytes are among it, however long a slow disk kept
    /// us from them, and more there cannot be, for the tree is gone.
    pub fn close(&mut self, job: BorrowedFd<'_>, writer: &mut Writer) {
        for index in 0..self.ends.len() {
            let mut waiting = self.end(index).map_or(0, |end| fd::waiting(end).unwrap_or(0));
            while waiting > 0 {
                match self.read(index, job, writer) {
                    0 => break,
                    length => waiting = waiting.saturating_sub(length),
                }
            }
            self.ends[index] = None;
        }
    }

    /// Reads one once and writes what it brought; so many bytes.
    pub fn read(&mut self, index: usize, job: BorrowedFd<'_>, writer: &mut Writer) -> usize {
        let Some(end) = &self.ends[index] else { return 0 };
        self.buffer.resize(FRAME_HEADER, 0);
        match fd::read_behind(end.as_fd(), &mut self.buffer, READ) {
            Ok(None) => 0,
            Ok(Some(0)) | Err(_) => {
                self.ends[index] = None;
                0
            }
            Ok(Some(length)) => {
                if length >= PIPE_START && !self.wide[index] {
                    self.wide[index] = true;
                    // Refused beyond the user's share of pipe memory: then it stays as it is.
                    let _ = fd::widen_pipe(end.as_fd(), PIPE_WIDE);
                }
                writer.take(job, STREAMS[index], &mut self.buffer);
                length
            }
        }
    }
}
