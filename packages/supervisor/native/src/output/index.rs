//! The sparse index beside the output file: `docs/output-format.md`. A hint for readers that seek: what becomes of it never disturbs the output.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::frame::{Kind, Stream};
use super::writer::write_whole;
use crate::sys::dir;

/// Length of the index's header.
pub const INDEX_HEADER: usize = 16;
/// Length of an entry.
pub const INDEX_ENTRY: usize = 56;
/// So many bytes of the output file lie between two entries, and before the first: a shorter one is read from its beginning sooner than an index is, and its job makes no further file.
pub const INDEX_EVERY: u64 = 512 << 10;

const MAGIC: &[u8; 6] = b"WKRIDX";
const VERSION: u16 = 1;
const NEWLINE: u8 = b'\n';
// Of `open`: the stream's last byte that was kept is no newline; of both together.
const OPEN_STDOUT: u32 = 1;
const OPEN_STDERR: u32 = 2;
const OPEN_BOTH: u32 = 4;

/// The header of the index of an output file that was made at this time.
#[must_use]
pub fn index_header(made: u64) -> [u8; INDEX_HEADER] {
    let mut header = [0; INDEX_HEADER];
    header[..6].copy_from_slice(MAGIC);
    header[6..8].copy_from_slice(&VERSION.to_le_bytes());
    header[8..].copy_from_slice(&made.to_le_bytes());
    header
}

/// What all frames before one hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes of stdout that were produced, those in gaps included.
    pub stdout: u64,
    /// Newlines kept, of stdout and of stderr.
    pub newlines: [u64; 2],
    /// The latest time of any frame, nanoseconds since 1970.
    pub latest: u64,
    /// Which lines have begun and not ended: bit 0 stdout's, bit 1 stderr's, bit 2 that of both streams in the order of their offsets.
    pub open: u32,
}

impl Tally {
    /// Takes up one frame.
    pub fn add(&mut self, kind: Kind, time: u64, payload: &[u8]) {
        self.latest = self.latest.max(time);
        match kind {
            Kind::Data(stream) => {
                let (at, bit) = if stream == Stream::Stdout { (0, OPEN_STDOUT) } else { (1, OPEN_STDERR) };
                self.newlines[at] += memchr::memchr_iter(NEWLINE, payload).count() as u64;
                let bits = bit | OPEN_BOTH;
                self.open = if payload.last() == Some(&NEWLINE) { self.open & !bits } else { self.open | bits };
                if stream == Stream::Stdout {
                    self.stdout += payload.len() as u64;
                }
            }
            // A gap has no lines that anybody knows of.
            Kind::Gap(_) => self.stdout += payload.first_chunk().map_or(0, |stdout| u64::from_le_bytes(*stdout)),
        }
    }
}

/// The entry of the frame with this offset, whose header stands at this position of the output file.
#[must_use]
pub fn index_entry(offset: u64, position: u64, before: &Tally) -> [u8; INDEX_ENTRY] {
    let mut entry = [0; INDEX_ENTRY];
    for (at, number) in [offset, position, before.stdout, before.newlines[0], before.newlines[1], before.latest].into_iter().enumerate() {
        entry[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
    }
    entry[48..52].copy_from_slice(&before.open.to_le_bytes());
    let own = crc32fast::hash(&entry[..52]);
    entry[52..].copy_from_slice(&own.to_le_bytes());
    entry
}

/// A frame that was written.
pub struct Written<'a> {
    /// When its file was made.
    pub made: u64,
    /// Where in the file its header stands.
    pub position: u64,
    /// The offset of its first byte.
    pub offset: u64,
    /// What it is.
    pub kind: Kind,
    /// When it was read.
    pub time: u64,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// The one writer of an index.
#[derive(Default)]
pub struct Index {
    file: Option<OwnedFd>,
    entries: u64,
    tally: Tally,
    // Where the last frame with an entry stands.
    last: u64,
}

impl Index {
    /// Takes up a frame that the output file holds now.
    pub fn add(&mut self, job: BorrowedFd<'_>, frame: &Written<'_>) {
        if frame.position - self.last >= INDEX_EVERY {
            self.last = frame.position;
            // A disk that takes no entry takes the next one, or readers go without.
            let _ = self.write(job, frame);
        }
        self.tally.add(frame.kind, frame.time, frame.payload);
    }

    /// An entry that was not written whole is written over by the next.
    fn write(&mut self, job: BorrowedFd<'_>, frame: &Written<'_>) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(dir::open_at(job, c"index", libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o600)?);
        }
        let file = self.file.as_ref().map_or(job, AsFd::as_fd);
        let entry = index_entry(frame.offset, frame.position, &self.tally);
        if self.entries == 0 {
            write_whole(file, &[&index_header(frame.made)[..], &entry].concat(), 0)?;
        } else {
            write_whole(file, &entry, INDEX_HEADER as u64 + self.entries * INDEX_ENTRY as u64)?;
        }
        self.entries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Missing, gap_payload};
    use super::*;

    #[test]
    fn a_tally_counts_the_newlines_that_were_kept_and_knows_which_lines_are_open() {
        let mut tally = Tally::default();
        tally.add(Kind::Data(Stream::Stdout), 5, b"one\ntwo");
        assert_eq!(tally, Tally { stdout: 7, newlines: [1, 0], latest: 5, open: OPEN_STDOUT | OPEN_BOTH });
        tally.add(Kind::Data(Stream::Stderr), 3, b"\n\n");
        assert_eq!(tally, Tally { stdout: 7, newlines: [1, 2], latest: 5, open: OPEN_STDOUT });
        tally.add(Kind::Gap(Missing::Limit), 9, &gap_payload(10, 20));
        assert_eq!(tally, Tally { stdout: 17, newlines: [1, 2], latest: 9, open: OPEN_STDOUT });
        tally.add(Kind::Data(Stream::Stderr), 9, b"x");
        assert_eq!(tally.open, OPEN_STDOUT | OPEN_STDERR | OPEN_BOTH);
    }
}
