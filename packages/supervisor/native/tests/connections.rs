//! Connections to a shim, friendly and not.

mod harness;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use harness::{Lab, NOBODY, fixture, is_root, wait_for};
use worker_supervisor::wire::v1::{Signal, result, shim_request};

#[test]
fn a_connection_is_told_all_there_is_to_know_at_once() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; exec sleep 1000");
    let id = launch.job_id.clone();
    let job = lab.launch(launch);
    job.first_line();
    let mut connection = job.connect();
    let hello = connection.hello.clone();
    assert_eq!((hello.protocol_version, hello.job_id, hello.shim_pid, hello.cause), (1, id, job.shim, 0));
    assert!(hello.started.is_some());
    assert_eq!(hello.output.expect("output").produced, 6);
    connection.stop(3_600_000);
    assert!(matches!(connection.ended().expect("the end").outcome, Some(result::Outcome::Signal(libc::SIGTERM))));
}

/// [OUT-5]
#[test]
fn a_connection_that_reads_nothing_never_holds_up_the_job_and_is_cut_off() {
    let mut lab = Lab::new();
    let launch = lab.shell("head -c 50000000 /dev/zero; echo done >&2; exec sleep 1000");
    let job = lab.launch(launch);
    let mut deaf = job.connect();
    deaf.stream.set_write_timeout(Some(*harness::DEADLINE)).expect("timeout");
    // Each is answered; the answers are never read. In the end the shim hangs up.
    let mut bytes = Vec::new();
    let request = worker_supervisor::wire::v1::ShimRequest { sequence: 1, request: Some(shim_request::Request::Signal(Signal { signal: 1000 })) };
    (0..1000).for_each(|_| worker_supervisor::wire::encode(&request, &mut bytes));
    let hung_up = (0..1000).any(|_| deaf.stream.write_all(&bytes).is_err());
    assert!(hung_up);
    wait_for("the job to write all", || job.try_connect().filter(|connection| connection.hello.output.is_some_and(|output| output.produced == 50_000_005)));
    let mut connection = job.connect();
    connection.stop(0);
    connection.ended();
}

#[test]
fn garbage_and_frames_that_are_too_long_end_their_connection_alone() {
    let mut lab = Lab::new();
    let launch = lab.job(&["sleep", "1000"]);
    let job = lab.launch(launch);
    let mut good = job.connect();
    for garbage in [&[0xff; 64][..], &[1, 0, 64, 0][..], &[2, 0, 0, 0, 0xff, 0xff][..], &[0, 0, 0, 0][..]] {
        let mut bad = job.connect();
        bad.stream.write_all(garbage).expect("send");
        let mut rest = Vec::new();
        let _ = bad.stream.read_to_end(&mut rest);
    }
    assert_eq!(good.signal(0x7fff), libc::EINVAL);
    good.stop(0);
    good.ended().expect("the end");
}

#[test]
fn a_hundred_connections_that_come_and_go_leave_nothing_behind() {
    let mut lab = Lab::new();
    let launch = lab.job(&["sleep", "1000"]);
    let job = lab.launch(launch);
    let mut last = job.connect();
    // Until then the pipe of the exec is open as well.
    last.started();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", job.shim)).expect("fd").count();
    let before = open();
    for _ in 0..3 {
        let crowd: Vec<_> = (0..100).map(|_| UnixStream::connect(job.dir.join("shim.sock")).expect("connect")).collect();
        drop(crowd);
    }
    wait_for("all to be closed", || (open() == before).then_some(()));
    last.stop(0);
    last.ended().expect("the end");
}

#[test]
fn another_user_is_not_served_even_when_the_directory_lets_them_in() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let mut lab = Lab::new();
    let launch = lab.job(&["sleep", "1000"]);
    let job = lab.launch(launch);
    let mut connection = job.connect();
    for path in [&lab.dir, &lab.dir.join("jobs"), &job.dir, &job.dir.join("shim.sock")] {
        Command::new("chmod").arg("777").arg(path).status().expect("chmod");
    }
    let asked = Command::new(fixture("stranger")).arg(job.dir.join("shim.sock")).uid(NOBODY).gid(NOBODY).output().expect("another user");
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "told 0 bytes\n", "{asked:?}");
    connection.stop(0);
    connection.ended();
}

#[test]
fn shim_and_guard_together_stay_far_below_a_mebibyte() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; exec sleep 1000");
    let job = lab.launch(launch);
    job.first_line();
    let mut connection = job.connect();
    let private = |pid: i32| -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps_rollup");
        let lines = rollup.lines().filter(|line| line.starts_with("Private_Dirty:") || line.starts_with("Private_Clean:"));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    let kib = private(job.shim) + private(harness::parent(job.shim));
    assert!(kib < 700, "{kib} KiB");
    connection.stop(0);
    connection.ended();
}
