//! Mounts: made, cloned, moved and narrowed, by handle where the kernel offers it.

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use super::check;

/// Refuses writes through the mount.
pub const READ_ONLY: u64 = 0x1;
/// Ignores setuid bits and file capabilities.
pub const NO_SUID: u64 = 0x2;
/// Opens no device.
pub const NO_DEVICES: u64 = 0x4;
/// Runs no program.
pub const NO_EXEC: u64 = 0x8;

const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: u32 = 0x40;

/// `struct mount_attr`.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Makes a new file system of this kind and mounts it.
///
/// # Errors
/// As mount(2).
pub fn mount_new(kind: &CStr, target: &CStr, flags: u64, options: &CStr) -> io::Result<()> {
    mount(kind, target, kind.as_ptr(), flags, options.as_ptr().cast())
}

/// Shows a directory or file in another place, with the flags of the mount it is in.
///
/// # Errors
/// As mount(2).
pub fn bind(source: &CStr, target: &CStr) -> io::Result<()> {
    mount(source, target, ptr::null(), libc::MS_BIND, ptr::null())
}

/// Cuts the whole tree of mounts off from those of other namespaces.
///
/// # Errors
/// As mount(2).
pub fn make_all_private() -> io::Result<()> {
    mount(c"none", c"/", ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null())
}

/// Moves the mount that is the working directory over the root.
///
/// # Errors
/// As mount(2).
pub fn move_here_to_root() -> io::Result<()> {
    mount(c".", c"/", ptr::null(), libc::MS_MOVE, ptr::null())
}

fn mount(source: &CStr, target: &CStr, kind: *const libc::c_char, flags: u64, data: *const c_void) -> io::Result<()> {
    // SAFETY: both paths end in NUL; kind and data are null or end in NUL.
    check(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, data) }).map(drop)
}

/// Takes a mount, and all below it, away; what is still in use goes when it is left.
///
/// # Errors
/// As umount2(2).
pub fn detach(target: &CStr) -> io::Result<()> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// Makes the mount that is the working directory the root, and puts the old root on top of it.
///
/// # Errors
/// As `pivot_root`(2).
pub fn pivot_here() -> io::Result<()> {
    // SAFETY: both paths end in NUL.
    let done = unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) };
    answer(done).map(drop)
}

/// Changes the root directory to the working directory.
///
/// # Errors
/// As chroot(2).
pub fn root_here() -> io::Result<()> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::chroot(c".".as_ptr()) }).map(drop)
}

/// A copy, not mounted anywhere, of the mount that shows this directory or file, and of all below it.
///
/// # Errors
/// As `open_tree`(2).
pub fn clone_tree(place: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | AT_RECURSIVE | libc::AT_EMPTY_PATH.cast_unsigned() | libc::O_CLOEXEC.cast_unsigned();
    // SAFETY: the handle is open and the path ends in NUL.
    let fd = answer(unsafe { libc::syscall(libc::SYS_open_tree, place.as_raw_fd(), c"".as_ptr(), flags) })?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Narrows a mount and all below it by these flags, and cuts it off from other namespaces.
///
/// # Errors
/// As `mount_setattr`(2).
pub fn narrow(tree: BorrowedFd<'_>, flags: u64, recursive: bool) -> io::Result<()> {
    let attributes = MountAttr { set: flags, clear: 0, propagation: libc::MS_PRIVATE, user_namespace: 0 };
    let how = libc::AT_EMPTY_PATH.cast_unsigned() | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the handle is open, the path ends in NUL, the structure is valid for the size given.
    let done = unsafe { libc::syscall(libc::SYS_mount_setattr, tree.as_raw_fd(), c"".as_ptr(), how, &raw const attributes, size_of::<MountAttr>()) };
    answer(done).map(drop)
}

/// Mounts what `clone_tree` made on a directory or file.
///
/// # Errors
/// As `move_mount`(2).
pub fn attach(tree: BorrowedFd<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    let empty = c"".as_ptr();
    // SAFETY: both handles are open and the path ends in NUL.
    answer(unsafe { libc::syscall(libc::SYS_move_mount, tree.as_raw_fd(), empty, place.as_raw_fd(), empty, flags) }).map(drop)
}

fn answer(result: libc::c_long) -> io::Result<libc::c_int> {
    check(i32::try_from(result).unwrap_or(-1))
}
