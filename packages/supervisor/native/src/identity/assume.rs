//! Becomes a user, with nothing kept of who one was.

use std::io;
use std::os::fd::AsFd;

use super::Identity;
use crate::sys::process::{self, Fork};
use crate::sys::{errno, fd, privilege, user};
use crate::wire::v1::Attempt;

/// Becomes this user: groups first, for only root may set them; no capability is left.
///
/// # Errors
/// Of the call that failed.
pub fn assume(identity: &Identity) -> io::Result<()> {
    steps(identity).into_iter().try_for_each(|(_, step)| step())
}

type Step<'a> = Box<dyn Fn() -> io::Result<()> + 'a>;

fn steps(identity: &Identity) -> [(&'static str, Step<'_>); 4] {
    [
        ("setgroups", Box::new(|| user::set_groups(&identity.groups, identity.gid))),
        ("setresgid", Box::new(|| user::set_gid(identity.gid))),
        ("setresuid", Box::new(|| user::set_uid(identity.uid))),
        // Root's are what makes it root.
        ("capset", Box::new(|| if identity.uid == 0 { Ok(()) } else { privilege::keep_only(None) })),
    ]
}

/// Tries in a process of its own whether this user can be assumed: inside a user namespace it may not exist, or groups may not be given up.
#[must_use]
pub fn try_to_assume(identity: &Identity) -> Attempt {
    let failed = |stage: &str, errno: i32| Attempt { done: false, stage: stage.to_owned(), errno };
    attempt(identity).unwrap_or_else(|error| failed("fork", errno(&error)))
}

fn attempt(identity: &Identity) -> io::Result<Attempt> {
    let (report, end) = fd::pipe()?;
    if matches!(process::fork()?, Fork::Child) {
        let failed = steps(identity).into_iter().zip(0_u8..).find_map(|((_, step), number)| step().err().map(|error| (number, errno(&error))));
        let answer = failed.map_or([DONE, 0], |(number, errno)| [number, u8::try_from(errno).unwrap_or(u8::MAX)]);
        let _ = fd::write(end.as_fd(), &answer);
        process::exit_now(0);
    }
    drop(end);
    let mut answer = [u8::MAX; 2];
    fd::read(report.as_fd(), &mut answer)?;
    let [number, errno] = answer;
    if number == DONE {
        return Ok(Attempt { done: true, ..Attempt::default() });
    }
    let stage = steps(identity).get(usize::from(number)).map_or("exit", |(name, _)| *name);
    Ok(Attempt { done: false, stage: stage.to_owned(), errno: i32::from(errno) })
}

const DONE: u8 = 100;
