//! A disk that is full from a chosen byte on: the limit of this process on the length of files.

use std::io;

/// Fails writes to files beyond this length with `EFBIG` while the call runs. Process-wide: one at a time.
pub fn with_room<T>(bytes: Option<u64>, call: impl FnOnce() -> T) -> T {
    let Some(bytes) = bytes else { return call() };
    let before = limit();
    set(libc::rlimit { rlim_cur: bytes.min(before.rlim_max), rlim_max: before.rlim_max });
    let done = call();
    set(before);
    done
}

#[allow(unsafe_code)]
fn limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the handler is none, and the pointer is to a valid structure.
    let failed = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit)
    };
    assert!(failed == 0, "getrlimit: {}", io::Error::last_os_error());
    limit
}

#[allow(unsafe_code)]
fn set(limit: libc::rlimit) {
    // SAFETY: the pointer is to a valid structure.
    let failed = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
    assert!(failed == 0, "setrlimit: {}", io::Error::last_os_error());
}
