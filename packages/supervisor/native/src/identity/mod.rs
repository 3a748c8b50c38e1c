//! Whom a job runs as: resolved by the shim, known to its guard, assumed by the program.

mod assume;
mod lease;

pub use assume::{assume, try_own_uids};
pub use lease::{Lease, Leases, Range};

/// A resolved user of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
    /// Its other groups.
    pub groups: Vec<u32>,
}

/// Whom one job runs as.
pub struct Claim {
    /// The user.
    pub identity: Identity,
    /// Held where the user is the job's own.
    pub lease: Option<Lease>,
}

impl Claim {
    /// Of a job that runs as the user id that is lent to it.
    #[must_use]
    pub fn of_lease(lease: Lease) -> Self {
        Self { identity: Identity { uid: lease.uid(), gid: lease.uid(), groups: Vec::new() }, lease: Some(lease) }
    }
}
