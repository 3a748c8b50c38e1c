//! What the launcher found that it can enforce, tried once when it starts, and what it enforces it with.

use std::path::{Path, PathBuf};

use crate::identity::{self, Claim, Identity, Leases, Range};
use crate::sys::{errno, process};
use crate::wire::v1::{Attempt, Host, Identity as WireIdentity, LaunchRefused, RefusalReason, identity::Who};

/// Where the jobs' cgroups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CgroupWish {
    /// Below the launcher's own, where it may.
    Auto,
    /// Nowhere.
    None,
    /// Below this one: a path inside the hierarchy, or of a directory of a mounted one.
    Below(PathBuf),
}

/// What the command line says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Where the jobs' cgroups are made.
    pub cgroup: CgroupWish,
    /// User ids that jobs may have of their own.
    pub job_uids: Range,
}

/// The launcher's means.
pub struct Means {
    leases: Leases,
    own_uids: Attempt,
}

impl Means {
    /// Tries what the host offers.
    #[must_use]
    pub fn find(wishes: &Wishes, state_dir: &Path) -> Self {
        let leases = Leases::new(wishes.job_uids, state_dir);
        let own_uids = if process::own_uid() == 0 {
            identity::try_own_uids(&leases.example())
        } else {
            Attempt { done: false, stage: "setresuid".to_owned(), errno: libc::EPERM }
        };
        Self { leases, own_uids }
    }

    /// As the hello tells it.
    #[must_use]
    pub fn describe(&self) -> Host {
        Host { own_uids: Some(self.own_uids.clone()), ..Host::default() }
    }

    /// Whom a job runs as; a user id of its own is lent to it.
    ///
    /// # Errors
    /// The refusal: the host has no user ids for jobs, or all are lent.
    pub fn claim(&mut self, asked: Option<&WireIdentity>) -> Result<Option<Claim>, Box<LaunchRefused>> {
        match asked.and_then(|identity| identity.who.as_ref()) {
            None => Ok(None),
            Some(Who::User(user)) => {
                let identity = Identity { uid: user.uid, gid: user.gid, groups: user.groups.clone() };
                Ok(Some(Claim { identity, lease: None }))
            }
            Some(Who::Own(_)) if !self.own_uids.done => {
                Err(Box::new(cannot("identity", self.own_uids.errno, format!("no user ids of their own for jobs: {} fails", self.own_uids.stage))))
            }
            Some(Who::Own(_)) => {
                let (identity, lease) =
                    self.leases.take().map_err(|error| Box::new(cannot("identity", errno(&error), format!("lending a user id: {error}"))))?;
                Ok(Some(Claim { identity, lease: Some(lease) }))
            }
        }
    }
}

fn cannot(stage: &str, errno: i32, message: String) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno, stage: stage.to_owned(), message }
}
