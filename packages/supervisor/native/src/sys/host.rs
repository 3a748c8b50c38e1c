//! What the host is.

use std::mem::MaybeUninit;

/// Its memory, in bytes.
#[must_use]
pub fn memory() -> u64 {
    // SAFETY: only numbers are passed.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).unwrap_or(0) * u64::try_from(size).unwrap_or(0)
}

/// The processors that we may use.
#[must_use]
pub fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// The release of the kernel.
#[must_use]
pub fn kernel_release() -> String {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the structure is writable; zeros stand should the call fail, which it cannot for a valid pointer.
    let names = unsafe {
        libc::uname(names.as_mut_ptr());
        names.assume_init()
    };
    names.release.iter().take_while(|byte| **byte != 0).map(|byte| char::from(byte.cast_unsigned())).collect()
}
