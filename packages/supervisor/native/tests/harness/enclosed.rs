//! Jobs in sandboxes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use worker_supervisor::wire::v1::{Bind, Identity, Launch, Network, Sandbox, StartFailed, identity::Who, result};

use super::{Job, Lab, fixture, wait_for, with_text};

pub fn enclosed(launch: Launch) -> Launch {
    let mut launch = Launch { sandbox: Some(Sandbox { network: Network::None.into(), binds: Vec::new() }), cwd: b"/workspace".to_vec(), ..launch };
    let lab = launch.env.iter().find_map(|pair| pair.strip_prefix(b"LAB=")).expect("the lab's directory");
    // It belongs to the launcher's user.
    if std::fs::metadata(OsStr::from_bytes(lab)).expect("stat").uid() == 0 {
        launch.identity = Some(Identity { who: Some(Who::Own(true)) });
    }
    launch.env.retain(|pair| !pair.starts_with(b"LAB="));
    launch.env.push(b"HOME=/workspace".to_vec());
    launch
}

pub fn with_bind(mut launch: Launch, root: &Path, path: &str, target: &str, writable: bool) -> Launch {
    let bind = Bind { root: root.as_os_str().as_encoded_bytes().to_vec(), path: path.as_bytes().to_vec(), target: target.as_bytes().to_vec(), writable };
    launch.sandbox.as_mut().expect("a sandbox").binds.push(bind);
    launch
}

/// Runs a program of `examples/` in a sandbox, where it is shown as `/fixture`.
pub fn enclosed_fixture(lab: &mut Lab, name: &str, words: &[&str]) -> Launch {
    let launch = lab.job(&[&["/fixture"], words].concat());
    with_bind(enclosed(launch), Path::new(&fixture(name)), "", "/fixture", false)
}

/// Runs a script in a sandbox; its output, once nothing of it is left.
pub fn run_enclosed(lab: &mut Lab, script: &str) -> String {
    let launch = enclosed(lab.shell(script));
    finish(lab, launch)
}

pub fn finish(lab: &mut Lab, launch: Launch) -> String {
    let job = lab.run(launch);
    assert_nothing_left(lab, &job);
    format!("{}{}", job.stdout(), job.stderr())
}

/// [ISO-5]
pub fn assert_nothing_left(lab: &Lab, job: &Job) {
    let id = job.dir.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    wait_for("the workspace to go", || (!lab.dir.join("work").join(&id).exists()).then_some(()));
    wait_for("shim, guard and init to leave", || with_text(&id).is_empty().then_some(()));
}

pub fn start_failed(job: &Job) -> StartFailed {
    match job.audit().outcome {
        Some(result::Outcome::StartFailed(failed)) => failed,
        other => panic!("must not have started: {other:?}"),
    }
}
