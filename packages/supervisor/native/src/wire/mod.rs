//! The messages between core, launcher and shims, and how they are framed.

mod frame;

/// The messages of `proto/worker/supervisor/v1`, generated.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
pub mod v1 {
    include!("../gen/worker.supervisor.v1.rs");
}

pub use frame::{Inbox, MAX_FRAME, Outbox, Received, TooLong, encode};

/// The version of both wires, as the hellos tell it.
pub const PROTOCOL_VERSION: u32 = 1;
