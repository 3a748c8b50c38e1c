//! Finds out what the host lets us enclose, by doing it.

use std::os::fd::{AsFd, BorrowedFd};

use super::failed::{Failed, at};
use super::{Enclosure, Networks, Plan, Prepared, Template, filter, lock, workspace};
use crate::identity::Identity;
use crate::sys::process::{self, Fork};
use crate::sys::{enclosure, errno, fd, privilege};
use crate::wire::v1::{Attempt, Host, Launch, Network, Sandbox};

/// A job that is no job; its workspace stands as long as the attempt.
pub const NAME: &str = "probe";
// Abstract sockets can be kept from a job since then.
const SCOPES: u32 = 6;
/// Whom the attempt becomes under root: the last of the ids that Linux gives to nobody.
const NOBODY: u32 = 65534;

/// Prepares what can be, and writes down what was seen.
pub fn probe(work: BorrowedFd<'_>, host: &mut Host) -> Option<Prepared> {
    host.landlock_abi = enclosure::landlock_version();
    let Some(filter) = filter::program() else {
        let unknown = Attempt { done: false, stage: "architecture".to_owned(), errno: libc::ENOSYS };
        (host.seccomp, host.sandbox, host.network_namespace) = (Some(unknown.clone()), Some(unknown.clone()), Some(unknown));
        return None;
    };
    host.seccomp = Some(attempt(try_filter(&filter)));
    let rules = if host.landlock_abi >= SCOPES { enclosure::scope().ok() } else { None };
    let prepared = match Template::build(work) {
        Ok(template) => Prepared { template, filter, rules },
        Err(failed) => {
            (host.sandbox, host.network_namespace) = (Some(attempt(Err(failed))), Some(Attempt { done: false, stage: "sandbox".to_owned(), errno: 0 }));
            return None;
        }
    };
    let enclosed = try_sandbox(&prepared, work, Network::Host);
    let usable = enclosed.is_ok();
    host.sandbox = Some(attempt(enclosed));
    host.network_namespace =
        Some(attempt(if usable { try_sandbox(&prepared, work, Network::None) } else { Err(at("sandbox")(std::io::Error::from_raw_os_error(0))) }));
    usable.then_some(prepared)
}

fn attempt(tried: Result<(), Failed>) -> Attempt {
    match tried {
        Ok(()) => Attempt { done: true, stage: String::new(), errno: 0 },
        Err(failed) => Attempt { done: false, stage: failed.step.into_owned(), errno: failed.errno },
    }
}

fn try_filter(program: &[enclosure::Instruction]) -> Result<(), Failed> {
    in_child(|_| {
        privilege::set_no_new_privileges().map_err(at("no_new_privs"))?;
        enclosure::filter_calls(program).map_err(at("seccomp"))
    })
}

fn try_sandbox(prepared: &Prepared, work: BorrowedFd<'_>, network: Network) -> Result<(), Failed> {
    let outer = prepared.template.user.is_none().then(|| Identity { uid: NOBODY, gid: NOBODY, groups: Vec::new() });
    workspace::make(work, NAME, outer.as_ref()).map_err(at("workspace"))?;
    let launch = Launch { job_id: NAME.to_owned(), sandbox: Some(Sandbox { network: network.into(), binds: Vec::new() }), ..Launch::default() };
    let tried = in_child(|told| {
        let plan = Plan::new(&launch, outer.clone()).ok_or_else(|| at("plan")(std::io::Error::from_raw_os_error(libc::EINVAL)))?;
        let enclosure = Enclosure::make(prepared, &plan, &mut Networks::default(), told, Failed::to_bytes)?;
        let joined = match process::fork() {
            Ok(Fork::Child) => {
                let answer = match enclosure.join(&plan).and_then(|()| lock(prepared)) {
                    Ok(()) => vec![1],
                    Err(failed) => failed.to_bytes(),
                };
                // Nobody but the launcher reads.
                let _ = fd::write(told, &answer);
                process::exit_now(0)
            }
            Ok(Fork::Parent(program)) => process::reap(program, true).map(drop),
            Err(error) => Err(error),
        };
        let _ = process::signal_pidfd(enclosure.handle.as_fd(), libc::SIGKILL);
        let _ = process::reap(enclosure.init, true);
        joined.map_err(at("fork"))
    });
    workspace::remove(work, NAME);
    tried
}

/// Runs an attempt in a process of its own; the first that is told counts: one byte for success, else what failed.
fn in_child(attempt: impl FnOnce(BorrowedFd<'_>) -> Result<(), Failed>) -> Result<(), Failed> {
    let (report, told) = fd::pipe().map_err(at("pipe"))?;
    match process::fork().map_err(at("fork"))? {
        Fork::Child => {
            let answer = match attempt(told.as_fd()) {
                Ok(()) => vec![1],
                Err(failed) => failed.to_bytes(),
            };
            // Nobody but the launcher reads.
            let _ = fd::write(told.as_fd(), &answer);
            process::exit_now(0)
        }
        Fork::Parent(_) => {}
    }
    drop(told);
    let mut bytes = [0; 256];
    let mut length = 0;
    loop {
        match fd::read(report.as_fd(), &mut bytes[length..]) {
            Ok(Some(0) | None) => break,
            Ok(Some(read)) => length += read,
            Err(error) => return Err(Failed { step: "probe".into(), bind: None, errno: errno(&error) }),
        }
    }
    // Of an attempt of two processes the inner one tells first, and the outer one its own single byte.
    match &bytes[..length] {
        told if !told.is_empty() && told.iter().all(|byte| *byte == 1) => Ok(()),
        told => Err(Failed::from_bytes(told.strip_suffix(&[1]).unwrap_or(told))),
    }
}
