//! What a launcher stands on: its state directory, and what the host lets it enforce, found out once.

use std::os::fd::AsFd;

use super::StateDir;
use crate::sandbox::{self, Prepared};
use crate::sys::host;
use crate::wire::v1::{Host, Launch, Network};

// Since then landlock keeps a job from the abstract sockets of a network that it shares.
const LANDLOCK_SCOPES: u32 = 6;

/// It.
pub struct Ground {
    /// The state directory's handles.
    pub state: StateDir,
    /// What sandboxes are made from; none where the host does not let us.
    pub sandbox: Option<Prepared>,
    /// What core is told of it.
    pub host: Host,
}

impl Ground {
    /// Tries everything.
    #[must_use]
    pub fn find(state: StateDir) -> Self {
        let mut host = Host { memory_bytes: host::memory(), cpus: host::processors(), kernel_release: host::kernel_release(), ..Host::default() };
        let sandbox = sandbox::probe(state.work.as_fd(), &mut host);
        Self { state, sandbox, host }
    }

    /// Whether this job's sandbox can be made, as far as it is known before.
    ///
    /// # Errors
    /// The errno, and what is missing, for the log.
    pub fn can_enclose(&self, launch: &Launch) -> Result<(), (i32, String)> {
        let Some(wanted) = &launch.sandbox else { return Ok(()) };
        if self.sandbox.is_none() {
            let tried = self.host.sandbox.as_ref();
            return Err(tried.map_or((0, String::new()), |tried| (tried.errno, format!("this host allows no sandbox: {}", tried.stage))));
        }
        if wanted.network() == Network::Host {
            let scoped = self.host.landlock_abi >= LANDLOCK_SCOPES;
            return if scoped {
                Ok(())
            } else {
                Err((libc::EOPNOTSUPP, "the host's network without landlock 6 would show the host's abstract sockets".to_owned()))
            };
        }
        match &self.host.network_namespace {
            Some(tried) if !tried.done => Err((tried.errno, format!("this host allows no network namespace: {}", tried.stage))),
            _ => Ok(()),
        }
    }
}
