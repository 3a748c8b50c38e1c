//! What one job's sandbox is to be, laid out before its processes are forked.

use std::ffi::CString;

use super::Prepared;
use crate::identity::Identity;
use crate::sys::process;
use crate::wire::v1::{Launch, Network};

/// Who every job is inside.
pub const INNER_ID: u32 = 1000;

/// A path of the host, shown.
pub struct Bind {
    /// What policy names.
    pub root: CString,
    /// Below it.
    pub path: CString,
    /// Where.
    pub target: CString,
    /// Whether it may be written.
    pub writable: bool,
}

/// The whole.
pub struct Plan {
    pub(super) name: CString,
    pub(super) own_network: bool,
    pub(super) binds: Vec<Bind>,
    /// Whom to become; `None`: the server is an ordinary user, and so is the job.
    pub(super) outer: Option<Identity>,
    pub(super) uid_map: String,
    pub(super) gid_map: String,
    pub(super) shared_memory: CString,
    pub(super) runtime: CString,
}

impl Plan {
    /// Whether what a job leaves may be handed on to the next. What it had open goes on showing it to whoever was given that, and a path of the host is the only way by which a job can give
    /// something away. Who is not root serves one sandbox alone.
    #[must_use]
    pub fn may_keep(&self, prepared: &Prepared) -> bool {
        self.binds.is_empty() && prepared.template.user.is_none()
    }

    /// `None` when a path holds a NUL.
    #[must_use]
    pub fn new(launch: &Launch, outer: Option<Identity>) -> Option<Self> {
        let sandbox = launch.sandbox.as_ref()?;
        let binds = sandbox.binds.iter().map(|bind| {
            let text = |bytes: &Vec<u8>| CString::new(bytes.as_slice()).ok();
            Some(Bind { root: text(&bind.root)?, path: text(&bind.path)?, target: text(&bind.target)?, writable: bind.writable })
        });
        let (uid, gid) = outer.as_ref().map_or_else(|| (process::own_uid(), process::own_gid()), |outer| (outer.uid, outer.gid));
        // Memory that no cgroup counts is bounded by this at least.
        let memory = launch.limits.as_ref().map_or(0, |limits| limits.memory_bytes);
        let size = if memory > 0 { format!(",size={memory}") } else { String::new() };
        Some(Self {
            name: CString::new(launch.job_id.as_str()).ok()?,
            own_network: sandbox.network() != Network::Host,
            binds: binds.collect::<Option<_>>()?,
            outer,
            uid_map: format!("{INNER_ID} {uid} 1"),
            gid_map: format!("{INNER_ID} {gid} 1"),
            shared_memory: CString::new(format!("mode=1777{size}")).ok()?,
            runtime: CString::new(format!("mode=0755,uid={uid},gid={gid}{size}")).ok()?,
        })
    }
}
