//! `write-seeds TARGET FOLDER`: the inputs that libFuzzer begins with.

use std::path::Path;
use std::process::ExitCode;

use worker_supervisor_fuzz::target;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, folder] = arguments.as_slice() else { return ExitCode::from(2) };
    let Some(target) = target(name) else { return ExitCode::from(2) };
    for (number, seed) in (target.seeds)().iter().enumerate() {
        if let Err(error) = std::fs::write(Path::new(folder).join(format!("seed-{number}")), seed) {
            eprintln!("write-seeds: {folder}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
