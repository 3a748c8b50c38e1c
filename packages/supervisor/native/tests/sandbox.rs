//! Jobs in sandboxes: what they find, what they cannot reach, and that nothing of them is left.

mod harness;

use harness::{Job, Lab};
use worker_supervisor::wire::v1::{Launch, Network, Sandbox};

fn enclosed(launch: Launch) -> Launch {
    let mut launch = Launch { sandbox: Some(Sandbox { network: Network::None.into(), binds: Vec::new() }), cwd: b"/workspace".to_vec(), ..launch };
    launch.env.push(b"HOME=/workspace".to_vec());
    launch
}

fn as_root_and_as_ordinary_user(test: impl Fn(Lab)) {
    test(Lab::new());
    if harness::is_root() {
        test(Lab::as_ordinary_user());
    }
}

/// [ISO-1] [ISO-7]
#[test]
fn a_job_runs_in_a_sandbox() {
    as_root_and_as_ordinary_user(|mut lab| {
        let host = lab.hello.host.clone().expect("host");
        println!("{host:?}");
        assert!(host.sandbox.expect("sandbox").done);
        let launch = enclosed(lab.shell("id; pwd; ls -la / /dev /dev/pts /etc /workspace; ps -ef; cat /proc/self/status /proc/mounts; echo err >/dev/stderr; echo out > /dev/stdout; ls -l /proc/self/fd; touch x; ls -l"));
        let job = lab.run(launch);
        println!("{}\n{}", job.stdout(), job.stderr());
        let result = job.audit();
        println!("{result:?}");
    });
}
