//! The messages between core, launcher and shims, and how they are framed.

mod frame;

/// The messages of `proto/worker/supervisor/v1`, generated.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1 {
    include!("../gen/worker.supervisor.v1.rs");
}

pub use frame::{Inbox, MAX_FRAME, Outbox, Received, TooLong, encode};

/// The version of the launcher's wire, as its hello tells it. Since 2 a shim has no socket in its first moments: core of before would take a job without one for lost.
pub const LAUNCHER_VERSION: u32 = 2;
/// The version of the shims' wire, as their hellos tell it.
pub const SHIM_VERSION: u32 = 1;
