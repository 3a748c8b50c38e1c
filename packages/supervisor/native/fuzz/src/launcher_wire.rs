//! What core sends to the launcher, through everything that is done with it before a process is forked.

use std::ffi::CString;

use prost::Message;
use worker_supervisor::launcher::check;
use worker_supervisor::limits::{Cgroups, Plan};
use worker_supervisor::shim::candidates;
use worker_supervisor::sys::exec::ExecArray;
use worker_supervisor::wire::v1::{Launch, LauncherRequest, ResourceLimits, launcher_request};

use crate::framing;

/// The first byte says how the stream is cut and whether the launcher is root's, the rest is the stream.
pub fn run(data: &[u8]) {
    let Some((pattern, stream)) = data.split_first() else { return };
    for message in framing::messages(*pattern, stream) {
        let Ok(request) = LauncherRequest::decode(message.as_slice()) else { continue };
        framing::round_trip(&request);
        if let Some(launcher_request::Request::Launch(launch)) = request.request {
            prepare(&launch, pattern % 2 == 0);
        }
    }
}

fn prepare(launch: &Launch, root: bool) {
    if check(launch, root).is_err() {
        return;
    }
    let id = launch.job_id.as_bytes();
    assert!(id.len() == 36 && id.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-'), "an id must be safe as a name in the file system");
    assert!(launch.cwd.starts_with(b"/") && !launch.argv[0].is_empty() && launch.output_bytes > 0);
    assert!(root || launch.identity.is_none(), "only root runs jobs as somebody else");
    let strings = [&launch.argv, &launch.env].into_iter().all(|strings| ExecArray::new(strings.clone()).is_some());
    assert!(strings && CString::new(launch.cwd.as_slice()).is_ok(), "what was accepted must be fit for execve");
    let paths = candidates(&launch.argv[0], &launch.env);
    assert!(paths.iter().all(|path| CString::new(path.as_slice()).is_ok()));
    let given: usize = launch.argv.iter().chain(&launch.env).map(Vec::len).sum();
    assert!(paths.iter().map(Vec::len).sum::<usize>() <= 300 * (given + 32), "the paths to try must not outgrow the request");
    if let Some(limits) = &launch.limits {
        plan(limits);
    }
}

/// On a host without cgroups a limit is refused, done by an rlimit, or named.
fn plan(limits: &ResourceLimits) {
    for counted in [None, Some(3)] {
        let Ok(plan) = Plan::make(limits, &Cgroups::default(), counted, counted.is_some()) else {
            assert!(!limits.best_effort, "the best that can be done is always possible");
            continue;
        };
        assert!(limits.best_effort || plan.unenforced.is_empty(), "what is not enforced must have been allowed to be");
        assert_eq!(plan.unenforced.contains(&"memory_bytes"), limits.memory_bytes > 0);
        assert!(plan.uses.is_empty() && plan.writes.is_empty());
    }
}
