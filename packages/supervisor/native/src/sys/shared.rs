//! Memory that outlives a process: shared with those it forks.

use std::io;
use std::sync::atomic::AtomicU64;

/// How many numbers there are room for.
pub const WORDS: usize = 64;

/// Numbers, 0 at first, that this process and all it forks from now on have in common. Never freed.
///
/// # Errors
/// As mmap(2).
pub fn words() -> io::Result<&'static [AtomicU64; WORDS]> {
    let length = size_of::<[AtomicU64; WORDS]>();
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping touches no other memory.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, -1, 0) };
    if place == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is as long as this, aligned to a page, filled with zeros, which are valid, never unmapped, and used through atomics alone.
    Ok(unsafe { &*place.cast() })
}
