//! The network namespace that a shim keeps for its next job: to make and take down one costs more than the rest of a sandbox. It is handed on only as new: nobody is left in it, and what
//! the kernel shows of it, down to the counters of packets and of calls that failed, is as it was when it was made.
//!
//! Nobody else may have looked into it either: what is open of `/proc/net` goes on showing a network.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::Prepared;
use super::failed::{Failed, at};
use super::plan::Plan;
use crate::sys::namespace;
use crate::sys::process::Fork;

const OWN: &str = "/proc/self/ns/net";
/// What is told of sockets. The lines after the first count for the whole host, too.
const SOCKETS: &str = "/proc/self/net/sockstat";
/// What changes with each packet, each socket that stays or lingers, each call that failed, each route that was looked up, and each label that is lent for a while.
const SHOWN: [&str; 8] = [
    "/proc/self/net/dev",
    "/proc/self/net/snmp",
    "/proc/self/net/netstat",
    "/proc/self/net/snmp6",
    "/proc/self/net/rt6_stats",
    "/proc/self/net/ipv6_route",
    "/proc/self/net/sockstat6",
    "/proc/self/net/ip6_flowlabel",
];
/// By these versions of the protocols nothing is sent any more for a group that a job was in; by later ones it is a second after its end.
const GROUPS: [(&str, &str); 2] = [("/proc/sys/net/ipv4/conf/lo/force_igmp_version", "2"), ("/proc/sys/net/ipv6/conf/lo/force_mld_version", "1")];
/// Forgets which routes were looked up, which no file shows.
const FORGET: &str = "/proc/sys/net/ipv4/route/flush";

/// Whether it is one that may be kept.
pub fn may_keep(prepared: &Prepared, plan: &Plan) -> bool {
    plan.own_network && plan.may_keep(prepared)
}

/// The one that is kept, and the way back to the host's.
#[derive(Default)]
pub struct Networks {
    host: Option<File>,
    kept: Option<Made>,
}

impl Networks {
    /// Forks a process into new namespaces of these kinds, and into a network that has nothing but a loopback.
    ///
    /// # Errors
    /// The step that failed.
    pub fn fork_into(&mut self, kinds: i32) -> Result<(Fork, Option<OwnedFd>), Failed> {
        let host = match self.host.take() {
            Some(host) => host,
            None => File::open(OWN).map_err(at("hold network"))?,
        };
        let made = if let Some(made) = self.kept.take().filter(Made::is_as_new) {
            namespace::enter(made.handle.as_fd(), libc::CLONE_NEWNET).map_err(at("enter network"))?;
            Some(made)
        } else {
            namespace::leave(libc::CLONE_NEWNET).map_err(at("unshare network"))?;
            namespace::start_loopback().map_err(at("loopback"))?;
            // Where not all can be seen and set, as in many containers, each is for one job.
            Made::look().ok()
        };
        let forked = namespace::fork_into(kinds).map_err(at("unshare"));
        if !matches!(forked, Ok((Fork::Child, _))) {
            namespace::enter(host.as_fd(), libc::CLONE_NEWNET).map_err(at("leave network"))?;
            (self.host, self.kept) = (Some(host), made);
        }
        forked
    }
}

/// One that was made for jobs.
struct Made {
    handle: File,
    // Each tells of the network in which it was opened.
    sockets: File,
    files: Vec<File>,
    forget: File,
    /// What they showed then.
    shown: Vec<u8>,
}

impl Made {
    /// Of the network that the calling process is in.
    fn look() -> io::Result<Self> {
        let for_writing = |path| OpenOptions::new().write(true).open(path);
        for (path, version) in GROUPS {
            if let Some(mut file) = if_there(for_writing(path))? {
                file.write_all(version.as_bytes())?;
            }
        }
        let files = SHOWN.into_iter().filter_map(|path| if_there(File::open(path)).transpose()).collect::<io::Result<_>>()?;
        let mut made = Self { handle: File::open(OWN)?, sockets: File::open(SOCKETS)?, files, forget: for_writing(FORGET)?, shown: Vec::new() };
        made.shown = made.read()?;
        Ok(made)
    }

    fn is_as_new(&self) -> bool {
        (&self.forget).write_all(b"1").is_ok() && self.read().is_ok_and(|now| now == self.shown)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(16 * 1024);
        append(&mut text, &self.sockets)?;
        text.truncate(text.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        self.files.iter().try_for_each(|file| append(&mut text, file))?;
        Ok(text)
    }
}

/// A kernel may have been built without IPv6.
fn if_there<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn append(text: &mut Vec<u8>, file: &File) -> io::Result<()> {
    let begin = text.len();
    loop {
        let end = text.len();
        text.resize(end + 8 * 1024, 0);
        let read = file.read_at(&mut text[end..], (end - begin) as u64)?;
        text.truncate(end + read);
        if read == 0 {
            return Ok(());
        }
    }
}
