//! Becoming another program.

use std::ffi::{CStr, CString};
use std::io;
use std::ptr;

use super::check;

/// Strings in the form of execve(2): an array of pointers that ends in null.
pub struct ExecArray {
    pointers: Vec<*const libc::c_char>,
    // What the pointers point to.
    _strings: Vec<CString>,
}

impl ExecArray {
    /// Lays the strings out; `None` when one holds a NUL.
    #[must_use]
    pub fn new(strings: Vec<Vec<u8>>) -> Option<Self> {
        let strings = strings.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>().ok()?;
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Some(Self { pointers, _strings: strings })
    }
}

/// Becomes the program at this path. Returns only on failure.
#[must_use]
pub fn execve(path: &CStr, argv: &ExecArray, env: &ExecArray) -> io::Error {
    // SAFETY: the path ends in NUL, both arrays end in null and hold strings that live as long as they do.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Changes the working directory.
///
/// # Errors
/// As chdir(2).
pub fn change_dir(path: &CStr) -> io::Result<()> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}
