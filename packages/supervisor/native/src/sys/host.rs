//! What the host is.

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// Its memory, in bytes.
#[must_use]
pub fn memory_bytes() -> u64 {
    // SAFETY: touch no memory.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).unwrap_or(0) * u64::try_from(size).unwrap_or(0)
}

/// The processors that this process may use.
#[must_use]
pub fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// The kernel's release, as uname(2) tells it.
#[must_use]
pub fn kernel_release() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the structure is writable; zeros, which are empty strings, stand should the call fail. The kernel ends each string with NUL.
    let release = unsafe {
        libc::uname(name.as_mut_ptr());
        CStr::from_ptr((*name.as_ptr()).release.as_ptr()).to_owned()
    };
    release.to_string_lossy().into_owned()
}
