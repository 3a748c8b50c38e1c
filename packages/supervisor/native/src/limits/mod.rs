//! Bounds what a job uses: by cgroups for the whole tree, by rlimits for each process.

mod base;
mod count;
mod delegate;
mod devices;
mod find;
mod group;
mod hierarchy;
mod in_program;
mod kept;
mod leftovers;
mod oom;
mod plan;
mod remove;
mod usage;

pub use count::counts_processes_by_namespace;
pub use group::{Failure, Group};
pub use hierarchy::{Cgroups, Controller};
pub use in_program::{apply, dying_score, offer_to_die};
pub use kept::{Groups, may_keep, put_aside, remove_kept};
pub use leftovers::Leftovers;
pub use oom::OomWatch;
pub use plan::{Plan, Unenforceable};
pub use remove::{FOR_THE_DYING, patiently};

// Over which CPU time is counted; the long one where the share is too small for the other.
const CPU_PERIOD_US: u64 = 100_000;
const LONG_CPU_PERIOD_US: u64 = 1_000_000;
