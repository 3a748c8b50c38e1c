//! Starts the program.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::drain::Pipes;
use super::enclosure::{Enclosed, Subjects, Unborn, fork_failed, told_by_init};
use super::stage::{Report, Stage};
use super::{group_name, start_failed};
use crate::identity::{self, Identity};
use crate::launcher::Means;
use crate::limits::{self, Group, Groups, OomWatch, Plan};
use crate::sys::clock::unix_nanos;
use crate::sys::exec::{self, ExecArray};
use crate::sys::process::{self, Fork, Pid};
use crate::sys::{fd, privilege, signal, user};
use crate::wire::v1::{Launch, StartFailed};

// What execvp searches when the job has no PATH.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
// The longest name that a file can have.
const NAME_MAX: usize = 255;
const PROGRAM_UMASK: u32 = 0o022;

/// A program on its way to its exec.
pub struct Begun {
    pub pid: Pid,
    /// When it was forked, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Ends at the exec; tells of its failure before.
    pub exec: OwnedFd,
    pub pipes: Pipes,
    /// The init of its sandbox.
    pub init: Option<OwnedFd>,
}

/// Everything the new process needs, made before the fork.
struct Image<'a> {
    shim: Pid,
    identity: Option<&'a Identity>,
    plan: &'a Plan,
    group: &'a Group,
    dying_score: &'a str,
    argv: ExecArray,
    env: ExecArray,
    cwd: CString,
    candidates: Vec<CString>,
}

/// Makes the job's cgroups, or takes the one that is kept, with its limits in force, and watches its memory.
pub fn bound(launch: &Launch, plan: &Plan, means: &Means, kept: &mut Groups) -> Result<(Group, Option<OomWatch>), StartFailed> {
    let name = group_name(&launch.job_id, process::own_pid());
    if let Some((group, memory)) = kept.lend(plan, name.clone()) {
        return Ok((group, Some(memory)));
    }
    let group = Group::make(plan, &means.cgroups, name).map_err(|failure| StartFailed {
        stage: if failure.field.is_some() { Stage::Limits } else { Stage::Cgroup }.name().to_owned(),
        errno: failure.errno,
        subject: failure.field.map_or(launch.argv[0].as_slice(), str::as_bytes).to_vec(),
    })?;
    // Without a limit on it, nobody waits for memory to run out.
    let limited = launch.limits.as_ref().is_some_and(|limits| limits.memory_bytes > 0);
    let memory = group.watch_memory().filter(|_| limited).transpose();
    let memory = memory.map_err(|error| {
        group.remove();
        start_failed(Stage::Limits.name(), &error, b"memory_bytes")
    })?;
    Ok((group, memory))
}

/// Forks the program, which becomes this user, inside its sandbox when it has one. Its exec goes on by itself: `read_exec` tells how it went.
pub fn start(
    launch: &Launch,
    unborn: Option<Unborn<'_>>,
    identity: Option<&Identity>,
    plan: &Plan,
    group: &Group,
    dying_score: &str,
) -> Result<Begun, StartFailed> {
    let subject = &launch.argv[0];
    let prepare = |error: io::Error| start_failed("prepare", &error, subject);
    let image = Image::new(launch, identity, plan, group, dying_score).ok_or_else(|| prepare(io::Error::from_raw_os_error(libc::EINVAL)))?;
    let (exec, exec_end) = fd::pipe().map_err(prepare)?;
    fd::set_nonblocking(exec.as_fd()).map_err(prepare)?;
    // Before the job's pipes: what its init does not have it need not close.
    // An init that fails at once may be gone before its namespace is entered, which says less than what it told.
    let told = |failed| told_by_init(exec.as_fd()).map_or(failed, |report| Subjects::of(launch).failed(&report, plan));
    let enclosed = unborn.map(|unborn| unborn.enclose(exec_end.as_fd())).transpose().map_err(told)?;
    let (stdout, stdout_end) = fd::pipe().map_err(prepare)?;
    let (stderr, stderr_end) = fd::pipe().map_err(prepare)?;
    if let Some(identity) = identity {
        // /dev/stdout is opened anew by its permissions, and a pipe is its maker's alone.
        for end in [&stdout_end, &stderr_end] {
            user::give(end.as_fd(), identity.uid, identity.gid).map_err(|error| start_failed(Stage::User.name(), &error, subject))?;
        }
    }
    let pipes = Pipes::new(stdout, stderr).map_err(prepare)?;
    match group.fork().map_err(|error| fork_failed(&error, told_by_init(exec.as_fd()), &Subjects::of(launch), plan))? {
        Fork::Parent(pid) => Ok(Begun { pid, time_ns: unix_nanos(), exec, pipes, init: enclosed.map(Enclosed::into_init) }),
        Fork::Child => image.become_program(enclosed.as_ref(), stdout_end.as_fd(), stderr_end.as_fd(), exec_end.as_fd()),
    }
}

/// What is known of an exec.
pub enum Exec {
    /// It is still under way.
    UnderWay,
    /// The program runs.
    Done,
    /// It did not happen.
    Failed(StartFailed),
}

/// Reads what the pipe of the exec tells.
pub fn read_exec(exec: BorrowedFd<'_>, subjects: &Subjects, plan: &Plan) -> Exec {
    let mut bytes = [0; Report::LENGTH];
    match fd::read(exec, &mut bytes) {
        Ok(None) => Exec::UnderWay,
        Ok(Some(Report::LENGTH)) => Exec::Failed(subjects.failed(&Report::from_bytes(bytes), plan)),
        // The end: the pipe closed with the exec, or with the death of the process, which its exit status then tells.
        Ok(Some(_)) | Err(_) => Exec::Done,
    }
}

impl<'a> Image<'a> {
    fn new(launch: &Launch, identity: Option<&'a Identity>, plan: &'a Plan, group: &'a Group, dying_score: &'a str) -> Option<Self> {
        let candidates = candidates(&launch.argv[0], &launch.env);
        Some(Self {
            shim: process::own_pid(),
            identity,
            plan,
            group,
            dying_score,
            argv: ExecArray::new(launch.argv.clone())?,
            env: ExecArray::new(launch.env.clone())?,
            cwd: CString::new(launch.cwd.as_slice()).ok()?,
            candidates: candidates.into_iter().map(CString::new).collect::<Result<_, _>>().ok()?,
        })
    }

    /// In the new process. Standard input is /dev/null since the launcher; every other descriptor closes at the exec.
    fn become_program(&self, enclosed: Option<&Enclosed<'_>>, stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>, report: BorrowedFd<'_>) -> ! {
        let failed = match self.try_become(enclosed, stdout, stderr) {
            Ok(error) => Report::new(Stage::Exec, &error),
            Err(failed) => failed,
        };
        // Should the shim be gone, its guard ends us.
        let _ = fd::write(report, &failed.to_bytes());
        process::exit_now(127)
    }

    fn try_become(&self, enclosed: Option<&Enclosed<'_>>, stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> Result<io::Error, Report> {
        let at = |stage| move |error: io::Error| Report::new(stage, &error);
        self.group.join().map_err(at(Stage::Cgroup))?;
        limits::offer_to_die(self.dying_score);
        process::set_session().map_err(at(Stage::Prepare))?;
        fd::assign(stdout.as_raw_fd(), 1).map_err(at(Stage::Prepare))?;
        fd::assign(stderr.as_raw_fd(), 2).map_err(at(Stage::Prepare))?;
        process::set_umask(PROGRAM_UMASK);
        limits::apply(self.plan).map_err(|(index, error)| Report { index, ..Report::new(Stage::Limits, &error) })?;
        match self.identity {
            _ if enclosed.is_some() => enclosed.map_or(Ok(()), Enclosed::join)?,
            Some(identity) => identity::assume(identity).map_err(at(Stage::User))?,
            // A server may be given capabilities that its jobs are not meant to have.
            None if process::own_uid() != 0 => privilege::keep_only(None).map_err(at(Stage::User))?,
            None => {}
        }
        if enclosed.is_none() {
            self.die_with_shim().map_err(at(Stage::Prepare))?;
        }
        exec::change_dir(&self.cwd).map_err(at(Stage::Chdir))?;
        if let Some(enclosed) = enclosed {
            enclosed.lock()?;
        }
        signal::unblock_all();
        Ok(self.exec())
    }

    /// A program of the shim's own user can kill shim and guard at one blow, and would then live on with nobody to end it. Set once it has become its user, for that change
    /// forgets it; what the program starts does not inherit it, and a program that changes its own user, or is setuid, is rid of it.
    fn die_with_shim(&self) -> io::Result<()> {
        privilege::die_with_parent()?;
        // It may have died before.
        if process::parent() == self.shim { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
    }

    /// As execvp(3): a candidate that may not be executed does not end the search, but decides the error when no other is found. Unlike it, a file that is no program is not
    /// given to a shell.
    fn exec(&self) -> io::Error {
        let mut denied = false;
        for candidate in &self.candidates {
            let error = exec::execve(candidate, &self.argv, &self.env);
            match error.raw_os_error() {
                Some(libc::EACCES) => denied = true,
                Some(libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT) => {}
                _ => return error,
            }
            if self.candidates.len() == 1 {
                return error;
            }
        }
        io::Error::from_raw_os_error(if denied { libc::EACCES } else { libc::ENOENT })
    }
}

/// The paths to try, in order: the name itself when it holds a slash or no file can be called so, which the kernel then says (a long name in each directory of a long PATH would
/// take gigabytes); else the name in each directory of the job's own PATH, of which an empty one is the working directory.
#[must_use]
pub fn candidates(name: &[u8], env: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') || name.len() > NAME_MAX {
        return vec![name.to_vec()];
    }
    let path = env.iter().find_map(|pair| pair.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
    path.split(|byte| *byte == b':')
        .map(|dir| match dir {
            [] => name.to_vec(),
            dir => [dir, b"/", name].concat(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_looked_for_in_the_jobs_own_path() {
        let env = vec![b"X=1".to_vec(), b"PATH=/a::/b/".to_vec()];
        assert_eq!(candidates(b"p", &env), [b"/a/p".to_vec(), b"p".to_vec(), b"/b//p".to_vec()]);
        assert_eq!(candidates(b"./p", &env), [b"./p".to_vec()]);
        assert_eq!(candidates(b"p", &[]), [b"/bin/p".to_vec(), b"/usr/bin/p".to_vec()]);
    }

    #[test]
    fn a_name_too_long_for_any_file_is_not_joined_to_every_directory_of_a_long_path() {
        let (name, path) = (vec![b'x'; 131_071], [&b"PATH="[..], &vec![b':'; 131_000]].concat());
        assert_eq!(candidates(&name, &[path]), [name]);
    }
}
