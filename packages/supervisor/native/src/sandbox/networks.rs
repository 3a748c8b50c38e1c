//! The network namespaces that a shim stands in, one after another. To make and take down one costs more than the rest of a sandbox, so the next job is given that of the job
//! before, as long as it is as new: nobody is left in it, and all that the kernel shows of it, down to the counters of packets and of calls that failed, is as it was when it was made.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use super::failed::{Failed, at};
use crate::sys::namespace;

const OWN: &str = "/proc/self/ns/net";
/// What is told of sockets. The lines after the first count for the whole host, too.
const SOCKETS: &str = "/proc/self/net/sockstat";
/// What changes with each packet, each socket that stays or lingers, each call that failed, and each label that is lent for a while.
const SHOWN: [&str; 6] =
    ["/proc/self/net/dev", "/proc/self/net/snmp", "/proc/self/net/netstat", "/proc/self/net/snmp6", "/proc/self/net/sockstat6", "/proc/self/net/ip6_flowlabel"];

/// Where the calling process stands: in the host's network, or in one that was made for jobs.
#[derive(Default)]
pub struct Networks {
    host: Option<OwnedFd>,
    made: Option<Made>,
}

impl Networks {
    /// Goes where the next job is to be: what is forked from here on is born there. A network of a job's own has nothing but a loopback.
    ///
    /// # Errors
    /// The step that failed.
    pub fn enter(&mut self, own: bool) -> Result<(), Failed> {
        match (own, &self.made) {
            (true, None) => self.make(),
            (false, Some(_)) => self.go_back().map_err(at("enter network")),
            _ => Ok(()),
        }
    }

    /// Lets go of a network that is not as new any more. To be called when nobody of the job is left.
    ///
    /// # Errors
    /// As setns(2): nobody else may be given the network that we stand in.
    pub fn renew(&mut self) -> io::Result<()> {
        match &self.made {
            Some(made) if !made.is_as_new() => self.go_back(),
            _ => Ok(()),
        }
    }

    fn make(&mut self) -> Result<(), Failed> {
        if self.host.is_none() {
            self.host = Some(File::open(OWN).map_err(at("hold network"))?.into());
        }
        namespace::leave(libc::CLONE_NEWNET).map_err(at("unshare network"))?;
        // Whatever fails from here on, we are not in the host's.
        self.made = Some(Made::default());
        namespace::start_loopback().map_err(at("loopback"))?;
        self.made = Some(Made::look());
        Ok(())
    }

    fn go_back(&mut self) -> io::Result<()> {
        if let Some(host) = &self.host {
            namespace::enter(host.as_fd(), libc::CLONE_NEWNET)?;
        }
        self.made = None;
        Ok(())
    }
}

/// What the kernel showed of a network when it was made; nothing where it does not show it, and then it is never as new.
#[derive(Default)]
struct Made {
    // Opened once: each tells of the network in which it was.
    sockets: Option<File>,
    files: Vec<File>,
    shown: Vec<u8>,
}

impl Made {
    fn look() -> Self {
        let Ok(sockets) = File::open(SOCKETS) else { return Self::default() };
        // A kernel without IPv6 has not all.
        let files: Vec<File> = SHOWN.iter().filter_map(|path| File::open(path).ok()).collect();
        let mut made = Self { sockets: Some(sockets), files, shown: Vec::new() };
        made.shown = made.read().unwrap_or_default();
        made
    }

    fn is_as_new(&self) -> bool {
        !self.shown.is_empty() && self.read().is_ok_and(|now| now == self.shown)
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(16 * 1024);
        if let Some(sockets) = &self.sockets {
            append(&mut text, sockets)?;
            text.truncate(text.iter().position(|byte| *byte == b'\n').unwrap_or(0));
        }
        self.files.iter().try_for_each(|file| append(&mut text, file))?;
        Ok(text)
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
