//! What the launcher found that it can enforce, tried once when it starts, and what it enforces it with.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use super::StateDir;
use super::enclosing::Enclosing;
use super::leftovers::is_maker;
use crate::identity::{self, Claim, Identity, Leases, Range};
use crate::limits::{self, Cgroups, Leftovers, Plan};
use crate::sys::{errno, host, process};
use crate::wire::v1::{Attempt, Host, Identity as WireIdentity, Launch, LaunchRefused, RefusalReason, ResourceLimits, identity::Who};

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
    /// How long a shim speaks over the launcher's wire before it opens a socket.
    pub relayed: Duration,
    /// The user that all jobs are to run as.
    pub run_as: Option<Identity>,
}

/// The launcher's means.
pub struct Means {
    /// Where jobs have their cgroups.
    pub cgroups: Cgroups,
    /// What the kernel is told of each program, for when the host is out of memory.
    pub dying_score: String,
    /// As wished.
    pub relayed: Duration,
    nproc_by_namespace: bool,
    leases: Leases,
    leftovers: Leftovers,
    own_uids: Attempt,
    run_as: Option<Attempt>,
    /// What sandboxes are made from.
    pub enclosing: Enclosing,
}

impl Means {
    /// Tries what the host offers.
    #[must_use]
    pub fn find(wishes: &Wishes, state: &StateDir) -> Self {
        let state_dir = &state.path;
        let leases = Leases::new(wishes.job_uids, state_dir);
        let own_uids = if process::own_uid() == 0 {
            identity::try_to_assume(&leases.example())
        } else {
            Attempt { done: false, stage: "setresuid".to_owned(), errno: libc::EPERM }
        };
        let cgroups = Cgroups::find(&wishes.cgroup, state_dir);
        Self {
            cgroups,
            dying_score: limits::dying_score(),
            relayed: wishes.relayed,
            nproc_by_namespace: limits::counts_processes_by_namespace(),
            leases,
            leftovers: Leftovers::default(),
            own_uids,
            run_as: wishes.run_as.as_ref().map(identity::try_to_assume),
            enclosing: Enclosing::find(state.work.as_fd()),
        }
    }

    /// As the hello tells it.
    #[must_use]
    pub fn describe(&self) -> Host {
        Host {
            controllers: self.cgroups.describe(),
            own_uids: Some(self.own_uids.clone()),
            run_as: self.run_as.clone(),
            memory_bytes: host::memory_bytes(),
            cpus: host::cpus(),
            kernel_release: host::kernel_release(),
            ..self.enclosing.host.clone()
        }
    }

    /// How a job's limits are enforced.
    ///
    /// # Errors
    /// The refusal: one cannot be, and the best is not enough.
    pub fn plan(&self, launch: &Launch) -> Result<Plan, Box<LaunchRefused>> {
        let none = ResourceLimits::default();
        let sandboxed = launch.sandbox.is_some();
        let has_own_user = launch.identity.as_ref().is_some_and(|identity| matches!(identity.who, Some(Who::Own(_))));
        let alone = has_own_user || (sandboxed && self.nproc_by_namespace);
        // The init of a sandbox runs as the same user.
        let counted_alone = alone.then_some(u64::from(sandboxed));
        Plan::make(launch.limits.as_ref().unwrap_or(&none), &self.cgroups, counted_alone, sandboxed)
            .map_err(|refused| Box::new(cannot("limits", refused.errno, format!("{} cannot be enforced on this host", refused.field))))
    }

    /// Makes ready what a job with this plan will use. True when something had to be made anew, which processes forked before do not have.
    pub fn make_ready(&mut self, plan: &Plan) -> bool {
        if plan.uses.is_empty() {
            return false;
        }
        self.leftovers.remove_some(&self.cgroups, is_maker);
        self.cgroups.restore(&plan.uses)
    }

    /// In a process that will lend user ids beside others: each begins to look elsewhere.
    pub fn spread_leases(&mut self) {
        self.leases.spread();
    }

    /// Removes what jobs left of which neither shim nor guard lives.
    pub fn remove_all_leftovers(&mut self) {
        self.leftovers.remove_all(&self.cgroups, is_maker);
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
                let (lease, used) = self.leases.take().map_err(|error| Box::new(cannot("identity", errno(&error), format!("lending a user id: {error}"))))?;
                if used {
                    self.remove_all_leftovers();
                }
                Ok(Some(Claim::of_lease(lease)))
            }
        }
    }
}

fn cannot(stage: &str, errno: i32, message: String) -> LaunchRefused {
    LaunchRefused { reason: RefusalReason::System.into(), errno, stage: stage.to_owned(), message }
}
