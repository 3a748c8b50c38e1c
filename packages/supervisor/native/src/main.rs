//! `worker-supervisor launcher --state-dir DIR`: started by core with a connected stream socket as file descriptor 3.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use worker_supervisor::identity::{Identity, Range};
use worker_supervisor::launcher::{self, CgroupWish, Wishes};
use worker_supervisor::shim::RELAYED;

const USAGE: &str =
    "usage: worker-supervisor launcher --state-dir DIR [--cgroup auto|none|PATH] [--job-uids FIRST-LAST] [--run-as UID:GID:GROUPS] [--relayed-ms MS]   (file descriptor 3: a stream socket to core)
       worker-supervisor --version";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    match words.as_slice() {
        ["launcher", "--state-dir", _, flags @ ..] => match parse(flags).map(|wishes| launcher::run(&arguments[2], &wishes)) {
            Some(Ok(())) => ExitCode::SUCCESS,
            Some(Err(message)) => {
                eprintln!("worker-supervisor launcher: {message}");
                ExitCode::FAILURE
            }
            None => misused(),
        },
        ["--version"] => {
            println!("worker-supervisor {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => misused(),
    }
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// The launcher's flags; `None` when they are none.
fn parse(flags: &[&str]) -> Option<Wishes> {
    let mut wishes = Wishes { cgroup: CgroupWish::Auto, job_uids: Range::DEFAULT, run_as: None, relayed: RELAYED };
    for pair in flags.chunks(2) {
        match pair {
            ["--cgroup", "auto"] => wishes.cgroup = CgroupWish::Auto,
            ["--cgroup", "none"] => wishes.cgroup = CgroupWish::None,
            ["--cgroup", path] if path.starts_with('/') => wishes.cgroup = CgroupWish::Below(PathBuf::from(path)),
            ["--relayed-ms", time] => wishes.relayed = Duration::from_millis(time.parse().ok()?),
            ["--job-uids", range] => wishes.job_uids = Range::parse(range)?,
            ["--run-as", user] => wishes.run_as = Some(Identity::parse(user)?),
            _ => return None,
        }
    }
    Some(wishes)
}
