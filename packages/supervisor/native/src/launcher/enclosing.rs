//! What sandboxes are made from, prepared once, and what became of the attempt.

use std::os::fd::BorrowedFd;

use crate::sandbox::{self, Prepared};
use crate::wire::v1::{Host, Launch, LaunchRefused, Network, RefusalReason};

// Since then landlock keeps a job from the abstract sockets of a network that it shares.
const LANDLOCK_SCOPES: u32 = 6;

/// It.
pub struct Enclosing {
    /// None where the host does not let us.
    pub prepared: Option<Prepared>,
    /// What was seen of sandboxes; the rest is not filled in.
    pub host: Host,
}

impl Enclosing {
    /// Tries everything.
    #[must_use]
    pub fn find(work: BorrowedFd<'_>) -> Self {
        let mut host = Host::default();
        let prepared = sandbox::probe(work, &mut host);
        Self { prepared, host }
    }

    /// Whether this job's sandbox can be made, as far as it is known before.
    ///
    /// # Errors
    /// The refusal.
    pub fn check(&self, launch: &Launch) -> Result<(), Box<LaunchRefused>> {
        let Some(wanted) = &launch.sandbox else { return Ok(()) };
        if self.prepared.is_none() {
            let (errno, stage) = self.host.sandbox.as_ref().map_or((0, ""), |tried| (tried.errno, &tried.stage));
            return Err(Box::new(cannot(errno, format!("this host allows no sandbox: {stage}"))));
        }
        if wanted.network() == Network::Host {
            if self.host.landlock_abi >= LANDLOCK_SCOPES {
                return Ok(());
            }
            let message = "without landlock 6 the host's network would show the host's abstract sockets".to_owned();
            return Err(Box::new(cannot(libc::EOPNOTSUPP, message)));
        }
        match &self.host.network_namespace {
            Some(tried) if !tried.done => Err(Box::new(cannot(tried.errno, format!("this host allows no network namespace: {}", tried.stage)))),
            _ => Ok(()),
        }
    }
}

fn cannot(errno: i32, message: String) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno, stage: "sandbox".to_owned(), message }
}
