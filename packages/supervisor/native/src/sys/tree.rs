//! What directories hold.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::{check, check_len};

// One call's worth; a directory with more is read again after these are gone.
const BLOCK: usize = 32 << 10;
// Of `struct linux_dirent64`: the length of an entry, and its name.
const LENGTH: usize = 16;
const NAME: usize = 19;

/// Some names in a directory, none only when it is empty. For those who remove what they are told: each call begins anew.
///
/// # Errors
/// As getdents64(2).
pub fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    let mut block = Vec::<u8>::with_capacity(BLOCK);
    // SAFETY: only numbers are passed. It cannot fail for a directory.
    unsafe { libc::lseek(dir.as_raw_fd(), 0, libc::SEEK_SET) };
    while names.is_empty() {
        // SAFETY: the block is writable for its capacity.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), block.as_mut_ptr(), block.capacity()) };
        let read = check_len(isize::try_from(read).unwrap_or(-1))?;
        // SAFETY: the kernel wrote so many bytes.
        unsafe { block.set_len(read) };
        let mut rest = &block[..];
        if rest.is_empty() {
            break;
        }
        while rest.len() > NAME {
            let (entry, next) = rest.split_at(usize::from(u16::from_ne_bytes([rest[LENGTH], rest[LENGTH + 1]])).clamp(NAME, rest.len()));
            if let Ok(name) = CStr::from_bytes_until_nul(&entry[NAME..])
                && name != c"."
                && name != c".."
            {
                names.push(name.to_owned());
            }
            rest = next;
        }
    }
    Ok(names)
}

/// Gives the owner of a directory that is no link all rights to it.
///
/// # Errors
/// As openat(2) and chmod(2).
pub fn grant_owner(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let flags = libc::O_PATH | libc::O_NOFOLLOW | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the handle is open and the name ends in NUL.
    let fd = check(unsafe { libc::openat(parent.as_raw_fd(), name.as_ptr(), flags) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    let dir = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    if dir.metadata()?.mode() & 0o700 == 0o700 {
        return Ok(());
    }
    std::fs::set_permissions(format!("/proc/self/fd/{}", dir.as_raw_fd()), std::fs::Permissions::from_mode(0o700))
}
