//! The output file: `docs/output-format.md`.

pub mod frame;
pub mod index;
mod writer;

pub use writer::{Limit, Writer};
