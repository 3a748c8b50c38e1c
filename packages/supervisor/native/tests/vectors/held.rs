//! What is held against the files of the shared vectors.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

/// Compares with what is there, or writes it when asked to.
pub fn hold(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
        std::fs::write(&path, bytes).expect("write");
    }
    let there = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(there == bytes, "{name} differs from what is written now");
}

pub fn hold_json(name: &str, value: &Value) {
    hold(name, format!("{value:#}\n").as_bytes());
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}
