//! Starts what cargo built beside the tests.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub fn spawn_launcher(dir: &Path, uid: Option<u32>) -> (Child, UnixStream) {
    spawn_launcher_with(&[], dir, uid, &[])
}

pub fn spawn_launcher_with(within: &[&str], dir: &Path, uid: Option<u32>, flags: &[&str]) -> (Child, UnixStream) {
    let (core, theirs) = UnixStream::pair().expect("socketpair");
    // A shell moves the socket to descriptor 3, which the standard library cannot.
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<&0 </dev/null; exec \"$@\"", "sh"]).args(within);
    command
        .arg(built("worker-supervisor"))
        .args(["launcher", "--state-dir"])
        .arg(dir)
        .args(flags)
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    (command.spawn().expect("spawn"), core)
}

/// A program of `examples/`, which cargo builds beside the tests.
pub fn fixture(name: &str) -> String {
    built("examples").join(name).to_str().expect("UTF-8").to_owned()
}

/// What cargo built in the same profile as this test.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    own.parent().and_then(Path::parent).expect("target").join(name)
}
