//! What the supervisor reads from others, under hostile input. Each target takes bytes and panics when a promise is broken: libFuzzer drives them for hours
//! (`make fuzz`), `tests/` with a fixed seed in a second.

pub mod disk;
pub mod framing;
pub mod launcher_wire;
pub mod mutate;
pub mod output_file;
pub mod seeds;
pub mod shim_wire;
pub mod writer;

/// One thing to be fuzzed.
pub struct Target {
    /// Also the name of its folder in the corpus, and what a crash file's name begins with.
    pub name: &'static str,
    /// Panics when something is wrong.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 4] = [
    Target { name: "launcher_wire", run: launcher_wire::run, seeds: seeds::launcher_requests },
    Target { name: "shim_wire", run: shim_wire::run, seeds: seeds::shim_requests },
    Target { name: "output_file", run: output_file::run, seeds: seeds::output_files },
    Target { name: "writer", run: writer::run, seeds: seeds::writer_scripts },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
