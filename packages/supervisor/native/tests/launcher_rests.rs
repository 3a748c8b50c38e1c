//! A launcher that can do nothing for now uses no CPU.

mod harness;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Job, Lab, names, wait_for};
use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{LauncherRequest, LauncherResponse, Look, launcher_request, launcher_response};

/// As many starts as a launcher has under way at a time.
const STARTS: usize = 64;
// What a socket holds, and more: each is answered by some fifty bytes.
const UNREAD: usize = 20_000;
// A start is held for so long where its directory is published.
const HELD: Duration = Duration::from_secs(2);
/// Times that a launcher is woken which does not know better than to look again: thousands a second.
const WAKES: u64 = 20;

/// How often it was given a CPU, and for how many hundredths of a second.
fn used(pid: i32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let switches = status.lines().filter(|line| line.contains("ctxt_switches")).filter_map(|line| line.split('\t').nth(1)?.parse::<u64>().ok()).sum();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    let ticks = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    (switches, ticks)
}

#[test]
fn a_launcher_with_all_the_starts_it_may_have_and_answers_that_nobody_reads_rests_until_it_can_go_on() {
    if !Command::new("strace").arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no strace that works");
        return;
    }
    let calls = "rename,renameat,renameat2";
    // Of each shim the first, by which its directory is published.
    let delay = format!("inject={calls}:delay_enter={}:when=1", HELD.as_micros());
    let mut lab = Lab::within(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &delay]);
    let launcher = lab.hello.pid;
    // Answers that are read by nobody: some are still in the launcher.
    let (look, mut looks) = (launcher_request::Request::Look(Look { job_id: "no id of a job".to_owned() }), Vec::new());
    (0..UNREAD).for_each(|_| encode(&LauncherRequest { sequence: 1_000_000, request: Some(look.clone()) }, &mut looks));
    lab.core.write_all(&looks).expect("send");
    let jobs: Vec<_> = (0..STARTS).map(|_| lab.job(&["true"])).collect();
    for job in &jobs {
        lab.send(job.clone());
    }
    wait_for("all starts to be under way", || (names(&lab.dir.join("starting")).len() == STARTS).then_some(()));
    assert_eq!(names(&lab.dir.join("jobs")).len(), 0, "none is done");
    // A request that it may not take before a start is done.
    lab.ask(2_000_000, look);
    let (begun, before) = (Instant::now(), used(launcher));
    wait_for("the first start to be done", || (!names(&lab.dir.join("jobs")).is_empty()).then_some(()));
    let (lasted, after) = (begun.elapsed(), used(launcher));
    assert!(lasted > HELD / 8, "too short to tell: {lasted:?}");
    assert!(after.0 - before.0 <= WAKES, "woken {} times in {lasted:?}", after.0 - before.0);
    assert!(after.1 - before.1 <= 2, "{} hundredths of a second of CPU in {lasted:?}", after.1 - before.1);
    // Once somebody reads, everything is answered.
    let (mut refused, mut started) = (0, 0);
    while refused < UNREAD + 1 || started < STARTS {
        match lab.answer() {
            LauncherResponse { response: Some(launcher_response::Response::Refused(_)), .. } => refused += 1,
            LauncherResponse { response: Some(launcher_response::Response::Launched(_)), .. } => started += 1,
            other => panic!("not an answer: {other:?}"),
        }
    }
    for job in jobs {
        assert_eq!(Job::new(lab.dir.join("jobs").join(&job.job_id), 0).exit_code(), Some(0));
    }
}
