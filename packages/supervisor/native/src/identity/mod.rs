//! Whom a job runs as: resolved by the shim, known to its guard, assumed by the program.

mod assume;
mod lease;

pub use assume::{assume, try_to_assume};
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

impl Identity {
    /// Reads `UID:GID:GROUP,GROUP…`, numbers all; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (uid, rest) = text.split_once(':')?;
        let (gid, groups) = rest.split_once(':')?;
        let groups = groups.split(',').filter(|group| !group.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()?, groups })
    }
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

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn an_identity_is_read_from_numbers_alone() {
        assert_eq!(Identity::parse("1:2:"), Some(Identity { uid: 1, gid: 2, groups: Vec::new() }));
        assert_eq!(Identity::parse("0:0:4,4294967294"), Some(Identity { uid: 0, gid: 0, groups: vec![4, 4_294_967_294] }));
        for text in ["", "1", "1:2", "root:0:", "1:2:x", "-1:2:", "1:2:4294967296", "1:2:3:4"] {
            assert_eq!(Identity::parse(text), None, "{text}");
        }
    }
}
