//! The sandbox: a job's own view of the host.
pub mod filter;
