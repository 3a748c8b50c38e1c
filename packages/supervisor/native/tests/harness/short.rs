//! Jobs that are short, so that one shim serves one after another.

use worker_supervisor::wire::v1::{Launch, LauncherResponse, launcher_response, shim_event};

use super::{Job, Lab, is_root, wait_for, with_text};

/// However slow the machine is.
pub const SHORT: &[&str] = &["--relayed-ms", "60000"];

/// A job whose end was told over the launcher's wire and whose shim is through with it, and its launch's sequence; `None` when it took so long that it got a socket.
pub fn run_short(lab: &mut Lab, launch: Launch) -> Option<(Job, u64)> {
    let id = launch.job_id.clone();
    let dir = lab.dir.join("jobs").join(&id);
    let sequence = lab.send(launch);
    let mut shim = 0;
    loop {
        let LauncherResponse { sequence: about, response } = lab.response();
        match response {
            // Of jobs that were only waited for.
            _ if about < sequence => {}
            Some(launcher_response::Response::Launched(launched)) => shim = launched.shim_pid,
            Some(launcher_response::Response::Relayed(event)) => match event.event {
                Some(shim_event::Event::Ended(_)) => {
                    wait_for("the shim to be free", || (!with_text(&id).contains(&shim)).then_some(()));
                    return Some((Job::new(dir, shim), sequence));
                }
                Some(shim_event::Event::Listening(_)) => {
                    Job::new(dir, shim).end();
                    return None;
                }
                _ => {}
            },
            other => panic!("not of a launch: {other:?}"),
        }
    }
}

/// The first short job that is served by the shim that served one before, together with that one.
pub fn served_again(lab: &mut Lab, mut before: impl FnMut(&mut Lab) -> Launch, mut after: impl FnMut(&mut Lab) -> Launch) -> ((Job, u64), (Job, u64)) {
    wait_for("a shim to serve a second job", || {
        let launch = before(lab);
        let first = run_short(lab, launch)?;
        let launch = after(lab);
        let second = run_short(lab, launch)?;
        (first.0.shim == second.0.shim).then_some((first, second))
    })
}

/// Root's sandboxes alone are served by one shim.
pub fn lab_of_sandboxes() -> Option<Lab> {
    let lab = Lab::with(SHORT);
    if is_root() && lab.hello.host.as_ref().and_then(|host| host.sandbox.clone()).is_some_and(|tried| tried.done) {
        return Some(lab);
    }
    eprintln!("skipped: this host or user has no sandboxes of root");
    None
}
