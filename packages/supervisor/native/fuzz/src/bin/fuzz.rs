//! libFuzzer over one target: `FUZZ_TARGET=name fuzz CORPUS…`. Built and run by `tools/fuzz.sh`.
#![no_main]

use std::sync::OnceLock;

use worker_supervisor_fuzz::{TARGETS, Target, target};

static CHOSEN: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let chosen = target(&name).unwrap_or_else(|| panic!("FUZZ_TARGET must be one of {:?}", TARGETS.map(|target| target.name)));
        let _ = CHOSEN.set(chosen);
    },
    |data: &[u8]| {
        if let Some(chosen) = CHOSEN.get() {
            (chosen.run)(data);
        }
    }
);
