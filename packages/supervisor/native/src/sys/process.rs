//! Forking, waiting, and what a process may set of itself.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// A process id, as the kernel counts them here.
pub type Pid = libc::pid_t;

/// Which side of a fork this is.
pub enum Fork {
    /// The one that called; the child's process id.
    Parent(Pid),
    /// The new one.
    Child,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What processes used, as the kernel counts it when they are reaped: their own share and that of all they had reaped themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode, in microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: u64,
    /// The most resident memory that one of them had, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes read from devices.
    pub read_bytes: u64,
    /// Bytes written to devices.
    pub written_bytes: u64,
}

impl Usage {
    fn add(&mut self, used: &libc::rusage) {
        let microseconds = |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0);
        let scaled = |count: libc::c_long, unit: u64| u64::try_from(count).unwrap_or(0) * unit;
        self.user_us += microseconds(used.ru_utime);
        self.system_us += microseconds(used.ru_stime);
        // The kernel counts memory in KiB and blocks of 512 bytes.
        self.peak_memory_bytes = self.peak_memory_bytes.max(scaled(used.ru_maxrss, 1024));
        self.read_bytes += scaled(used.ru_inblock, 512);
        self.written_bytes += scaled(used.ru_oublock, 512);
    }
}

/// What a wait found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// This child has ended.
    Ended(Pid, Exit),
    /// There are children, none has ended.
    Alive,
    /// There is no child: no descendant is left.
    NoChild,
}

/// Forks.
///
/// # Errors
/// As fork(2).
pub fn fork() -> io::Result<Fork> {
    fork_sharing(0)
}

/// Forks into a cgroup of version 2. Joining it later would cost what a fork costs a hundred times: a lock over all processes of the host.
///
/// # Errors
/// As clone3(2); `ENOSYS` before 5.7, or where it is filtered.
pub fn fork_into(cgroup: BorrowedFd<'_>) -> io::Result<Fork> {
    // struct clone_args, up to the descriptor of the cgroup.
    let mut arguments = [0_u64; 11];
    arguments[0] = CLONE_INTO_CGROUP;
    arguments[4] = libc::SIGCHLD.unsigned_abs().into();
    arguments[10] = u64::from(cgroup.as_raw_fd().unsigned_abs());
    // SAFETY: without CLONE_VM and a stack it is fork, less what the C library does for programs with threads; ours have one.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    match check(i32::try_from(pid).unwrap_or(-1))? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Forks a process that shares the table of descriptors with this one: what either opens or closes, the other has or has not, and what one leaves open when it dies stays open for the other.
///
/// # Errors
/// As clone(2).
pub fn fork_with_descriptors() -> io::Result<Fork> {
    fork_sharing(libc::CLONE_FILES)
}

/// Past the C library, which puts locks and lists in order that only threads need: each is a page that is then copied.
fn fork_sharing(flags: i32) -> io::Result<Fork> {
    let none = std::ptr::null::<libc::c_void>();
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: without a stack of its own and without shared memory this is fork(2), and all our processes have one thread, so the child may go on as the parent would; the arguments after the
    // stack are not looked at without their flags.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
    match check(i32::try_from(pid).unwrap_or(-1))? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Ends this process at once: no destructor, no buffer, no handler.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Our own process id.
#[must_use]
pub fn own_pid() -> Pid {
    // SAFETY: always succeeds.
    unsafe { libc::getpid() }
}

/// Our parent's process id; 0 when it is in no namespace that we see.
#[must_use]
pub fn parent() -> Pid {
    // SAFETY: always succeeds.
    unsafe { libc::getppid() }
}

/// Our effective user id.
#[must_use]
pub fn own_uid() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::geteuid() }
}

/// Our effective group id.
#[must_use]
pub fn own_gid() -> u32 {
    // SAFETY: always succeeds.
    unsafe { libc::getegid() }
}

/// Starts a session of our own.
///
/// # Errors
/// `EPERM` for a leader of a process group.
pub fn set_session() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::setsid() }).map(drop)
}

/// Makes orphaned descendants our children instead of init's.
///
/// # Errors
/// As prctl(2).
pub fn set_subreaper() -> io::Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Sets the name that ps shows: at most 15 bytes.
pub fn set_name(name: &CStr) {
    // SAFETY: the name ends in NUL. It cannot fail for a valid pointer.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

/// Forbids core dumps to this process and all that it starts.
///
/// # Errors
/// As setrlimit(2).
pub fn forbid_core_dumps() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid.
    check(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) }).map(drop)
}

/// Sets the mode bits that new files lack.
pub fn set_umask(mask: u32) {
    // SAFETY: always succeeds.
    unsafe { libc::umask(mask) };
}

/// Asks for the processor ahead of ordinary processes: what races against a fork bomb must not wait its turn behind it. Takes effect only with the right to it.
pub fn raise_priority() {
    let parameter = libc::sched_param { sched_priority: 1 };
    // SAFETY: the parameter is valid. A refusal leaves everything as it was, which is what we have without the right.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const parameter);
        libc::setpriority(libc::PRIO_PROCESS, 0, -20);
    }
}

/// Looks for an ended child and leaves it to be reaped, so that its process id, and the group of that number, stay ours.
///
/// # Errors
/// As waitid(2).
pub fn peek_ended() -> io::Result<Waited> {
    wait(-1, libc::WNOHANG | libc::WNOWAIT, &mut Usage::default())
}

/// Reaps a child: `pid`, or -1 for any. With `block`, waits for one.
///
/// # Errors
/// As waitid(2), without `ECHILD` and `EINTR`.
pub fn reap(pid: Pid, block: bool) -> io::Result<Waited> {
    reap_counting(pid, block, &mut Usage::default())
}

/// As `reap`, and adds what the child used.
///
/// # Errors
/// As `reap`.
pub fn reap_counting(pid: Pid, block: bool, usage: &mut Usage) -> io::Result<Waited> {
    let options = if block { 0 } else { libc::WNOHANG };
    loop {
        match wait(pid, options, usage) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            waited => return waited,
        }
    }
}

/// One wait for an end. A child that asked to be traced by its parent stops, and its stops are told whatever was asked for: we trace nobody, so it is let go and the wait goes on.
fn wait(pid: Pid, options: libc::c_int, usage: &mut Usage) -> io::Result<Waited> {
    let (kind, id) = libc::id_t::try_from(pid).map_or((libc::P_ALL, 0), |id| (libc::P_PID, id));
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let mut used = MaybeUninit::<libc::rusage>::zeroed();
        let options = options | libc::WEXITED | libc::__WALL;
        // Past the C library, which does not ask for the usage.
        // SAFETY: both structures are writable.
        let waited = unsafe { libc::syscall(libc::SYS_waitid, kind, id, info.as_mut_ptr(), options, used.as_mut_ptr()) };
        match check(i32::try_from(waited).unwrap_or(-1)) {
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(Waited::NoChild),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        // SAFETY: zeroed, and filled by waitid when a child was found; all bit patterns are valid.
        let info = unsafe { info.assume_init() };
        // SAFETY: waitid fills the child's fields, or none.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        let exit = match info.si_code {
            _ if pid == 0 => return Ok(Waited::Alive),
            libc::CLD_EXITED => Some(Exit::Code(status)),
            libc::CLD_KILLED | libc::CLD_DUMPED => Some(Exit::Signal(status)),
            _ => None,
        };
        if let Some(exit) = exit {
            // SAFETY: as for the other structure.
            usage.add(&unsafe { used.assume_init() });
            return Ok(Waited::Ended(pid, exit));
        }
        // The signal that it stopped for goes on to it, but for the trap of the tracing itself.
        let signal = if status & 0x7f == libc::SIGTRAP { 0 } else { status & 0x7f };
        // SAFETY: touches no memory. It fails for a child that has been killed meanwhile, whose end the next wait tells.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, libc::c_long::from(signal)) };
    }
}

/// A handle of a process, whatever becomes of its number.
///
/// # Errors
/// As `pidfd_open`(2).
pub fn open_pid(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = check(i32::try_from(fd).unwrap_or(-1))?;
    // SAFETY: the descriptor was just made and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal by handle; 0 asks only whether the process was not reaped yet.
///
/// # Errors
/// As `pidfd_send_signal`(2).
pub fn signal_pidfd(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: a null siginfo means that of kill(2).
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0) };
    check(i32::try_from(sent).unwrap_or(-1)).map(drop)
}
