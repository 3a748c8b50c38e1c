//! What a process may do, and giving it up.

use std::io;

use super::check;

/// Waking the host from sleep: the least that a capability can give.
pub const CAP_WAKE_ALARM: u32 = 35;
/// Mounting, entering namespaces, and much else.
pub const CAP_SYS_ADMIN: u32 = 21;

const VERSION_3: u32 = 0x2008_0522;
const KEEP_CAPS: libc::c_int = libc::PR_SET_KEEPCAPS;
// No capability for user id 0, none kept over a change of user id, none given by exec; and all of it for good.
const SECURE_BITS: libc::c_ulong = 0xef;
const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Whether this process has a capability in its user namespace.
#[must_use]
pub fn has(capability: u32) -> bool {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: both structures are valid and writable, two of the second as this version wants.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    got == 0 && data[(capability / 32) as usize].effective & (1 << (capability % 32)) != 0
}

/// Makes every permitted capability effective.
///
/// # Errors
/// As capset(2).
pub fn use_all() -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: as in `has`.
    check(unsafe { i32::try_from(libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr())).unwrap_or(-1) })?;
    for word in &mut data {
        word.effective = word.permitted;
    }
    set(&data)
}

/// Gives up every capability but one, or all; with them goes what a program would have been passed.
///
/// # Errors
/// As capset(2).
pub fn keep_only(capability: Option<u32>) -> io::Result<()> {
    let mut data = [Data::default(); 2];
    if let Some(capability) = capability {
        data[(capability / 32) as usize].permitted = 1 << (capability % 32);
    }
    set(&data)
}

fn set(data: &[Data; 2]) -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    // SAFETY: both structures are valid.
    check(i32::try_from(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) }).unwrap_or(-1)).map(drop)
}

/// Lets no later exec give a capability, whatever the program file says.
///
/// # Errors
/// As prctl(2).
pub fn forbid_all() -> io::Result<()> {
    for capability in 0..64_u64 {
        // SAFETY: touches no memory.
        let dropped = check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) });
        match dropped {
            // Beyond the last that this kernel knows.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) }).map(drop)
}

/// No exec gives more than its caller has, from here on and for all descendants.
///
/// # Errors
/// As prctl(2).
pub fn set_no_new_privileges() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

/// Keeps the permitted capabilities over a change of user id.
///
/// # Errors
/// As prctl(2).
pub fn keep_over_user_change() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(KEEP_CAPS, 1, 0, 0, 0) }).map(drop)
}

/// Lets those with our rights look at us through /proc again, which a change of user id forbids.
///
/// # Errors
/// As prctl(2).
pub fn set_dumpable() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }).map(drop)
}

/// Has the kernel kill us when the thread that made us dies. A change of user id forgets it, and so does a program that gives privileges.
///
/// # Errors
/// As prctl(2).
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) }).map(drop)
}

/// Leaves the session keyring of whoever started the server for an empty one.
///
/// # Errors
/// As `KEYCTL_JOIN_SESSION_KEYRING` of keyctl(2); not where the kernel has no keys.
pub fn leave_keyring() -> io::Result<()> {
    // SAFETY: null means a keyring without a name.
    let joined = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>(), 0, 0, 0) };
    match check(i32::try_from(joined).unwrap_or(if joined > 0 { 0 } else { -1 })) {
        Err(error) if error.raw_os_error() != Some(libc::ENOSYS) => Err(error),
        _ => Ok(()),
    }
}
