//! Whom `RLIMIT_NPROC` counts.

use std::os::fd::AsFd;

use crate::sys::limit::{self, Resource};
use crate::sys::process::{self, Fork};
use crate::sys::{fd, namespace};

/// Whether a user namespace counts its processes for itself (Linux 5.14), so that the limit of a sandbox is exact though others run as the same user. Tried: of three
/// processes of this user, one in a namespace of its own may have a child with a limit of two. Root's processes are bound by none: there it is not asked.
#[must_use]
pub fn counts_processes_by_namespace() -> bool {
    if process::own_uid() == 0 {
        return false;
    }
    let Ok((report, end)) = fd::pipe() else { return false };
    for _ in 0..2 {
        match process::fork() {
            Ok(Fork::Child) => {
                let counted = namespace::leave(libc::CLONE_NEWUSER).and_then(|()| limit::bound(Resource::Processes, 2)).and_then(|()| process::fork());
                if matches!(counted, Ok(Fork::Parent(_))) {
                    let _ = fd::write(end.as_fd(), b"1");
                }
                process::exit_now(0);
            }
            Ok(Fork::Parent(_)) => {}
            Err(_) => return false,
        }
    }
    drop(end);
    fd::read(report.as_fd(), &mut [0]).is_ok_and(|read| read == Some(1))
}
