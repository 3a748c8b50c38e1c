//! `worker-supervisor launcher --state-dir DIR`: started by core with a connected stream socket as file descriptor 3.

use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "usage: worker-supervisor launcher --state-dir DIR   (file descriptor 3: a stream socket to core)\n       worker-supervisor --version";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    match words.as_slice() {
        ["launcher", "--state-dir", _] => match worker_supervisor::launcher::run(&arguments[2]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("worker-supervisor launcher: {message}");
                ExitCode::FAILURE
            }
        },
        ["--version"] => {
            println!("worker-supervisor {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
