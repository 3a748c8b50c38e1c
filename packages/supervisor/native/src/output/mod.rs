//! The output file: `docs/output-format.md`.

pub mod frame;
mod writer;

pub use writer::{Limit, Writer};
