//! A step of making a sandbox that failed, and how it travels from the process that took it.

use std::borrow::Cow;
use std::io;

use crate::sys::errno;

/// What failed.
#[derive(Debug)]
pub struct Failed {
    /// The step, such as "mount proc".
    pub step: Cow<'static, str>,
    /// The number of the bind whose step it was.
    pub bind: Option<u8>,
    /// The errno of the failed call; 0 where there was none.
    pub errno: i32,
}

/// Names the step of a failed call.
pub fn at(step: &'static str) -> impl Fn(io::Error) -> Failed {
    move |error| Failed { step: Cow::Borrowed(step), bind: None, errno: errno(&error) }
}

impl Failed {
    /// Its bytes: the errno and the step.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.errno.to_le_bytes()[..], self.step.as_bytes()].concat()
    }

    /// What was sent; of a process that sent nothing, that it died.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (errno, step) = bytes.split_first_chunk().map_or((0, &b"died"[..]), |(errno, step)| (i32::from_le_bytes(*errno), step));
        Self { step: Cow::Owned(String::from_utf8_lossy(step).into_owned()), bind: None, errno }
    }
}
