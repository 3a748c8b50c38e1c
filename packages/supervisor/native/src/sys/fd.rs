//! File descriptors and pipes.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{check, check_len};

/// A pipe whose ends are close-on-exec: the end to read, the end to write.
///
/// # Errors
/// As pipe2(2).
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    // SAFETY: the array has room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: both descriptors were just made and have no other owner.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Gives a pipe room for more bytes, where the host allows it.
///
/// # Errors
/// As `F_SETPIPE_SZ` of fcntl(2).
pub fn widen_pipe(pipe: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) }).map(drop)
}

/// Makes reads and writes answer `EAGAIN` instead of waiting.
///
/// # Errors
/// As fcntl(2).
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open; O_NONBLOCK is the only flag that is ever set on our descriptors.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }).map(drop)
}

/// Reads once; `None` when nothing is there yet, 0 at the end.
///
/// # Errors
/// As read(2).
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the slice is valid and writable for its length.
    to_read(check_len(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) }))
}

fn to_read(answer: io::Result<usize>) -> io::Result<Option<usize>> {
    match answer {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As `read`, at most so many bytes, behind what the buffer holds.
///
/// # Errors
/// As read(2).
pub fn read_behind(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>, most: usize) -> io::Result<Option<usize>> {
    fill(buffer, most, |room| {
        // SAFETY: the room is valid and writable for its length.
        unsafe { libc::read(fd.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) }
    })
}

/// Has one call of the kernel, which answers with how many bytes it wrote, write behind what the buffer holds: room that it does not need is not touched.
pub(super) fn fill(buffer: &mut Vec<u8>, most: usize, call: impl FnOnce(&mut [MaybeUninit<u8>]) -> isize) -> io::Result<Option<usize>> {
    buffer.reserve(most);
    let read = to_read(check_len(call(&mut buffer.spare_capacity_mut()[..most])))?;
    // SAFETY: the kernel wrote so many bytes there: the two callers pass its answer on as it is.
    unsafe { buffer.set_len(buffer.len() + read.unwrap_or(0)) };
    Ok(read)
}

/// How many bytes a pipe holds.
///
/// # Errors
/// As `FIONREAD` of ioctl(2).
pub fn waiting(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: the handle is open and the count is writable.
    check(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Writes once.
///
/// # Errors
/// As write(2). Fewer bytes than given may be written.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the slice is valid for its length.
    check_len(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Makes `target` another name of `source`, not close-on-exec.
///
/// # Errors
/// As dup2(2).
pub fn assign(source: RawFd, target: RawFd) -> io::Result<()> {
    // SAFETY: only numbers are passed; callers replace the standard descriptors, which no handle owns.
    check(unsafe { libc::dup2(source, target) }).map(drop)
}

/// Owns a descriptor that this process was born with; `None` when it is not open.
#[must_use]
pub fn inherit(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: only a number is passed.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }).ok()?;
    // SAFETY: it is open, and callers ask once for each descriptor they were born with, before any handle exists.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor from 3 on but those given. Whoever calls this forgets all handles of the closed ones.
///
/// # Errors
/// As `close_range`(2).
pub fn close_all_but(keep: &mut [RawFd]) -> io::Result<()> {
    keep.sort_unstable();
    let mut first: u32 = 3;
    for fd in keep.iter() {
        let Ok(fd) = u32::try_from(*fd) else { continue };
        if fd > first {
            close_range(first, fd - 1)?;
        }
        first = first.max(fd + 1);
    }
    close_range(first, u32::MAX)
}

/// Closes every descriptor, the standard ones too. Whoever calls this forgets all handles.
///
/// # Errors
/// As `close_range`(2).
pub fn close_all() -> io::Result<()> {
    close_range(0, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: only numbers are passed; see `close_all_but` for who may own what is closed.
    let closed = check(unsafe { libc::close_range(first, last, 0) });
    let Err(error) = closed else { return Ok(()) };
    if error.raw_os_error() != Some(libc::ENOSYS) {
        return Err(error);
    }
    // Kernels before 5.9: the limit on open files bounds the numbers.
    // SAFETY: only numbers are passed.
    let bound = u32::try_from(unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }).unwrap_or(1024);
    for fd in first..=last.min(bound) {
        // SAFETY: as above; closing a number that is not open does nothing.
        unsafe { libc::close(fd.cast_signed()) };
    }
    Ok(())
}
