//! What core sends to the launcher, through everything that is done with it before a process is forked.

use prost::Message;
use worker_supervisor::launcher::check;
use worker_supervisor::shim::Image;
use worker_supervisor::wire::v1::{Launch, LauncherRequest, launcher_request};

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
    assert!(Image::new(launch, None).is_some(), "what was accepted must be fit for execve");
}
