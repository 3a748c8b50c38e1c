//! Directories and files by handle, so that no path is ever resolved twice and no symbolic link is followed.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use super::{check, check_len};

/// Makes a directory of mode 0700.
///
/// # Errors
/// As mkdirat(2).
pub fn mkdir_at(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the handle is open and the name ends in NUL.
    check(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), 0o700) }).map(drop)
}

/// Opens a directory that is no symbolic link.
///
/// # Errors
/// As openat(2).
pub fn open_dir_at(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    open_at(dir, name, libc::O_RDONLY | libc::O_DIRECTORY, 0)
}

/// Opens a file that is no symbolic link, close-on-exec.
///
/// # Errors
/// As openat(2).
pub fn open_at(dir: BorrowedFd<'_>, name: &CStr, flags: i32, mode: u32) -> io::Result<OwnedFd> {
    let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: the handle is open and the name ends in NUL.
    let fd = check(unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags, mode) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether both handles are of the same file.
///
/// # Errors
/// As fstat(2).
pub fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let identity = |handle: BorrowedFd<'_>| File::from(handle.try_clone_to_owned()?).metadata().map(|found| (found.dev(), found.ino()));
    Ok(identity(one)? == identity(other)?)
}

/// Removes a name; `directory` for an empty directory.
///
/// # Errors
/// As unlinkat(2).
pub fn unlink_at(dir: BorrowedFd<'_>, name: &CStr, directory: bool) -> io::Result<()> {
    let flags = if directory { libc::AT_REMOVEDIR } else { 0 };
    // SAFETY: the handle is open and the name ends in NUL.
    check(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), flags) }).map(drop)
}

/// Renames, and replaces what is there.
///
/// # Errors
/// As renameat(2).
pub fn rename_at(from: BorrowedFd<'_>, old: &CStr, to: BorrowedFd<'_>, new: &CStr) -> io::Result<()> {
    // SAFETY: both handles are open and both names end in NUL.
    check(unsafe { libc::renameat(from.as_raw_fd(), old.as_ptr(), to.as_raw_fd(), new.as_ptr()) }).map(drop)
}

/// Renames onto a name that must not exist.
///
/// # Errors
/// As renameat2(2): `EINVAL` where the file system knows no flags, as over some networks.
pub fn rename_unused_at(from: BorrowedFd<'_>, old: &CStr, to: BorrowedFd<'_>, new: &CStr) -> io::Result<()> {
    // SAFETY: both handles are open and both names end in NUL.
    check(unsafe { libc::renameat2(from.as_raw_fd(), old.as_ptr(), to.as_raw_fd(), new.as_ptr(), libc::RENAME_NOREPLACE) }).map(drop)
}

/// Waits until the file or directory is on the disk.
///
/// # Errors
/// As fsync(2).
pub fn sync(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::fsync(file.as_raw_fd()) }).map(drop)
}

/// Waits until the file's data and length are on the disk.
///
/// # Errors
/// As fdatasync(2).
pub fn sync_data(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::fdatasync(file.as_raw_fd()) }).map(drop)
}

/// Lets the disk begin with a stretch of a file, without waiting until it has it.
///
/// # Errors
/// As `sync_file_range`(2).
pub fn begin_write_back(file: BorrowedFd<'_>, from: u64, length: u64) -> io::Result<()> {
    let position = |bytes: u64| i64::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG));
    let (from, length) = (position(from)?, position(length)?);
    // SAFETY: the handle is open.
    check(unsafe { libc::sync_file_range(file.as_raw_fd(), from, length, libc::SYNC_FILE_RANGE_WRITE) }).map(drop)
}

/// Sets when a file was last read and changed to now.
///
/// # Errors
/// As futimens(3).
pub fn touch(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open; without times, nothing is read.
    check(unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) }).map(drop)
}

/// The flags of chattr(1); `None` where the file system has none.
#[must_use]
pub fn flags(file: BorrowedFd<'_>) -> Option<i32> {
    let mut flags: libc::c_int = 0;
    // SAFETY: the handle is open and the number is writable.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut flags) }).ok().map(|_| flags)
}

/// How long the names of its extended attributes are together, access lists included; 0 where the file system has none.
///
/// # Errors
/// As flistxattr(2).
pub fn attributes_length(file: BorrowedFd<'_>) -> io::Result<usize> {
    // SAFETY: of no length, nothing is written.
    match check_len(unsafe { libc::flistxattr(file.as_raw_fd(), std::ptr::null_mut(), 0) }) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(0),
        length => length,
    }
}

/// Changes the working directory.
///
/// # Errors
/// As fchdir(2).
pub fn enter(dir: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { libc::fchdir(dir.as_raw_fd()) }).map(drop)
}

/// Writes at a position, in one call.
///
/// # Errors
/// As pwrite(2). Fewer bytes than given may be written.
pub fn write_at(file: BorrowedFd<'_>, bytes: &[u8], position: u64) -> io::Result<usize> {
    let position = i64::try_from(position).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: the slice is valid for its length.
    check_len(unsafe { libc::pwrite(file.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), position) })
}

/// Reads from a position, in one call.
///
/// # Errors
/// As pread(2).
pub fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let position = i64::try_from(position).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the slice is valid and writable for its length.
    check_len(unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), position) })
}

/// Cuts a file to a length.
///
/// # Errors
/// As ftruncate(2).
pub fn truncate(file: BorrowedFd<'_>, length: u64) -> io::Result<()> {
    let length = i64::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: the handle is open.
    check(unsafe { libc::ftruncate(file.as_raw_fd(), length) }).map(drop)
}

/// Makes the node of a character device, for our own user alone.
///
/// # Errors
/// As mknod(2).
pub fn make_device(path: &std::path::Path, major: u32, minor: u32) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o600, libc::makedev(major, minor)) }).map(drop)
}

/// Opens a path below a directory, as a handle that reads and writes nothing. No symbolic link in it is followed and nothing leads out of the directory; an empty path is the
/// directory itself.
///
/// # Errors
/// As openat2(2): `ELOOP` for a symbolic link, `EXDEV` for a way out.
pub fn open_below(dir: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: all bit patterns of the structure are valid, zeros included.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (libc::O_PATH | libc::O_CLOEXEC).cast_unsigned().into();
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    let path = if path.is_empty() { c"." } else { path };
    // SAFETY: the handle is open, the path ends in NUL, the structure is valid for the size given.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<libc::open_how>()) };
    let fd = check(i32::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
