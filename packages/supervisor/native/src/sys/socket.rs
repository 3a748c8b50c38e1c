//! Unix sockets that never block and never raise SIGPIPE.

use std::ffi::CStr;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{check, check_len, fd};

// Unix sockets, in the width that addresses have.
const FAMILY: libc::sa_family_t = 1;

fn socklen(length: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(length).unwrap_or(libc::socklen_t::MAX)
}

/// A stream socket, close-on-exec and non-blocking.
///
/// # Errors
/// As socket(2).
pub fn stream() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: touches no memory.
    let fd = check(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Two stream sockets that are connected to each other, close-on-exec and non-blocking.
///
/// # Errors
/// As socketpair(2).
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let mut fds = [0; 2];
    // SAFETY: there is room for the two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    // SAFETY: both descriptors were just made and have no other owner.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// Gives a socket a name in the working directory.
///
/// # Errors
/// As bind(2).
pub fn bind_here(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let (address, length) = address_here(name)?;
    // SAFETY: the address is valid for the length, which is below its size.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) }).map(drop)
}

/// Connects to the socket of this name in the working directory.
///
/// # Errors
/// As connect(2); `EAGAIN` when too many wait to be accepted.
pub fn connect_here(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let (address, length) = address_here(name)?;
    // SAFETY: the address is valid for the length, which is below its size.
    check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) }).map(drop)
}

/// Sends nothing more, whoever else holds the socket: the peer reads what was sent, then the end.
///
/// # Errors
/// As shutdown(2).
pub fn end_writing(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_WR) }).map(drop)
}

/// `sun_path` holds 107 bytes, too few for the paths that people have: names are relative.
fn address_here(name: &CStr) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    let name = name.to_bytes();
    let mut address = libc::sockaddr_un { sun_family: FAMILY, sun_path: [0; 108] };
    if name.len() >= address.sun_path.len() {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    for (to, from) in address.sun_path.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    Ok((address, socklen(offset_of!(libc::sockaddr_un, sun_path) + name.len() + 1)))
}

/// Makes connections possible; so many wait to be accepted.
///
/// # Errors
/// As listen(2).
pub fn listen(socket: BorrowedFd<'_>, waiting: i32) -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::listen(socket.as_raw_fd(), waiting) }).map(drop)
}

/// Accepts a connection that waits; `None` when there is none.
///
/// # Errors
/// As accept4(2).
pub fn accept(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: null means that the peer's address is not asked for.
    match check(unsafe { libc::accept4(socket.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) }) {
        // SAFETY: the descriptor was just made and has no other owner.
        Ok(fd) => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ECONNABORTED | libc::EINTR)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The user id of the process that connected, as it was then.
///
/// # Errors
/// As getsockopt(2).
pub fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = socklen(size_of::<libc::ucred>());
    let place = (&raw mut credentials).cast();
    // SAFETY: the structure is writable for the length given.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, place, &raw mut length) })?;
    Ok(credentials.uid)
}

/// Sends what the socket takes now; 0 when it takes nothing.
///
/// # Errors
/// As send(2), `EPIPE` when the peer is gone.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the slice is valid for its length.
    match check_len(unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) }) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        sent => sent,
    }
}

/// Receives what is there, at most so many bytes, behind what the buffer holds; `None` when there is nothing yet, 0 at the end.
///
/// # Errors
/// As recv(2).
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut Vec<u8>, most: usize) -> io::Result<Option<usize>> {
    fd::fill(buffer, most, |room| {
        // SAFETY: the room is valid and writable for its length.
        unsafe { libc::recv(socket.as_raw_fd(), room.as_mut_ptr().cast(), room.len(), libc::MSG_DONTWAIT) }
    })
}
