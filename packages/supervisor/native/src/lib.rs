//! The process supervisor of Worker: a launcher that forks shims, one shim for each job, and beside each shim a guard that ends the job should the shim die.
//!
//! A library only so that tests drive the same code as the binary.

pub mod guard;
pub mod identity;
pub mod launcher;
pub mod limits;
pub mod output;
pub mod sandbox;
pub mod shim;
pub mod sweep;
pub mod sys;
pub mod wire;
