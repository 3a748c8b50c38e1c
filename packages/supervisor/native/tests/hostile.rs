//! The living launcher and a living shim under bytes that no core sends, by a fixed seed; `FUZZ_SEED` and `FUZZ_ROUNDS` ask for others and more.

mod harness;
#[path = "../fuzz/src/mutate.rs"]
mod mutate;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;

use harness::{DEADLINE, Lab, names, read_frame, spawn_launcher, temp_dir, wait_for, with_text};
use mutate::{Random, mutate};
use prost::Message;
use worker_supervisor::launcher::check;
use worker_supervisor::wire::v1::{Launch, LauncherRequest, OutputTaken, ResourceLimits, ShimRequest, Signal, Stop, launcher_request, result, shim_request};
use worker_supervisor::wire::{Inbox, encode};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A program that cannot be: whatever is accepted by mistake does nothing.
fn launch(id: u64) -> Launch {
    Launch {
        job_id: format!("01890a5d-ac96-774b-bcce-{id:012x}"),
        argv: vec![b"/dev/null/none".to_vec(), b"argument".to_vec()],
        env: vec![b"A=b".to_vec()],
        cwd: b"/".to_vec(),
        output_bytes: 1 << 20,
        drain_ms: 100,
        limits: Some(ResourceLimits { processes: 100, open_files: 100, best_effort: true, ..ResourceLimits::default() }),
        ..Launch::default()
    }
}

fn launch_frame(id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&LauncherRequest { sequence: id, request: Some(launcher_request::Request::Launch(launch(id))) }, &mut bytes);
    bytes
}

/// What the launcher should make of a stream: the jobs it starts, and whether it has cause to leave.
struct Expected {
    jobs: BTreeSet<String>,
    // Whether each of them must start: a user or a sandbox may be more than the host has to give.
    certain: bool,
    malformed: bool,
}

fn expected(stream: &[u8]) -> Expected {
    let mut inbox = Inbox::default();
    let mut found = Expected { jobs: BTreeSet::new(), certain: true, malformed: false };
    inbox.push(stream);
    loop {
        let request = match inbox.take() {
            Ok(None) => return found,
            Err(_) => return Expected { malformed: true, ..found },
            Ok(Some(message)) => LauncherRequest::decode(message),
        };
        match request {
            Err(_) => return Expected { malformed: true, ..found },
            Ok(LauncherRequest { request: Some(launcher_request::Request::Launch(launch)), .. }) if check(&launch, harness::is_root()).is_ok() => {
                found.certain &= launch.identity.is_none() && launch.sandbox.is_none();
                found.jobs.insert(launch.job_id);
            }
            Ok(_) => {}
        }
    }
}

/// [RUN-6] [NET-3]
#[test]
fn a_launcher_fed_with_any_bytes_starts_only_what_it_was_asked_for_and_never_leaves_without_a_word() {
    let mut random = Random(number("FUZZ_SEED", 1));
    for round in 0..number("FUZZ_ROUNDS", 60) {
        let stream = mutate(&mut random, &[launch_frame(1), launch_frame(2)].concat(), &launch_frame(3));
        let Expected { jobs, certain, malformed } = expected(&stream);
        let dir = temp_dir();
        let (mut launcher, mut core) = spawn_launcher(&dir, None);
        core.set_read_timeout(Some(*DEADLINE)).expect("timeout");
        read_frame(&mut core).expect("hello");
        // A launcher that has left takes no more.
        let _ = core.write_all(&stream);
        let _ = core.shutdown(Shutdown::Write);
        let mut answers = Vec::new();
        let _ = core.read_to_end(&mut answers);
        let status = wait_for("the launcher to leave", || launcher.try_wait().expect("wait"));
        let mut said = String::new();
        launcher.stderr.take().expect("stderr").read_to_string(&mut said).expect("read");
        assert_eq!((status.success(), said.contains("core sent a")), (!malformed, malformed), "round {round}: {said}: {stream:02x?}");
        let marker = dir.display().to_string();
        wait_for("every process to leave", || with_text(&marker).is_empty().then_some(()));
        let started: BTreeSet<String> = names(&dir.join("jobs")).into_iter().collect();
        assert!(started == jobs || !certain && started.is_subset(&jobs), "round {round}: {stream:02x?}");
        assert!(names(&dir.join("starting")).is_empty(), "round {round}");
        std::fs::remove_dir_all(dir).expect("rm");
    }
}

/// Whether a stream holds a request that is meant to end the job.
fn ends_the_job(stream: &[u8]) -> bool {
    let mut inbox = Inbox::default();
    inbox.push(stream);
    while let Ok(Some(message)) = inbox.take() {
        match ShimRequest::decode(message).map(|request| request.request) {
            Ok(Some(shim_request::Request::Stop(_) | shim_request::Request::Signal(_))) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

/// [RUN-2] [NET-3]
#[test]
fn a_shim_fed_with_any_bytes_keeps_its_job_and_serves_the_next_connection() {
    let mut lab = Lab::new();
    let launch = lab.shell("sleep 1000");
    let job = lab.launch(launch);
    let framed = |request| {
        let mut bytes = Vec::new();
        encode(&ShimRequest { sequence: 1, request: Some(request) }, &mut bytes);
        bytes
    };
    let taken = framed(shim_request::Request::OutputTaken(OutputTaken {}));
    let stop = Stop { grace_ms: 1, signal: 15, cause: 1, requested_by: "somebody".to_owned() };
    let (stop, signal) = (framed(shim_request::Request::Stop(stop)), framed(shim_request::Request::Signal(Signal { signal: 9 })));
    let (mut random, mut sent) = (Random(number("FUZZ_SEED", 1)), 0);
    for _ in 0..number("FUZZ_ROUNDS", 60) * 10 {
        let other = if random.below(2) == 0 { &stop } else { &signal };
        let stream = mutate(&mut random, &[taken.as_slice(), other].concat(), other);
        if ends_the_job(&stream) {
            continue;
        }
        sent += 1;
        let mut connection = job.connect();
        let _ = connection.stream.write_all(&stream);
        let _ = connection.stream.shutdown(Shutdown::Write);
        let mut answers = Vec::new();
        // Cut off with bytes unread, a connection is reset.
        let _ = connection.stream.read_to_end(&mut answers);
    }
    assert!(sent > 100);
    let mut connection = job.connect();
    assert_eq!(connection.hello.shim_pid, job.shim);
    connection.stop(0);
    connection.ended();
}

/// [RUN-3]
#[test]
fn numbers_at_the_end_of_their_range_neither_overflow_nor_hold_a_job_up() {
    let mut lab = Lab::new();
    let mut launch = lab.shell("echo here; sleep 1000");
    (launch.wall_time_ms, launch.drain_ms, launch.output_bytes, launch.output_action) = (u64::MAX, u64::MAX, u64::MAX, i32::MAX);
    let job = lab.launch(launch);
    assert_eq!(job.first_line(), "here");
    let mut connection = job.connect();
    for signal in [i32::MIN, -1, 0, 65, i32::MAX] {
        let mut bytes = Vec::new();
        let stop = Stop { grace_ms: u64::MAX, signal, cause: i32::MAX, requested_by: String::new() };
        encode(&ShimRequest { sequence: u64::MAX, request: Some(shim_request::Request::Signal(Signal { signal })) }, &mut bytes);
        encode(&ShimRequest { sequence: u64::MAX, request: Some(shim_request::Request::Stop(stop)) }, &mut bytes);
        connection.stream.write_all(&bytes).expect("send");
    }
    connection.stop(0);
    connection.ended();
    assert_eq!(job.audit().outcome, Some(result::Outcome::Signal(9)));
}

/// [SUB-5]
#[test]
fn a_long_name_and_a_long_path_cost_a_start_no_memory() {
    let mut lab = Lab::new();
    let name = "x".repeat(131_071);
    let mut launch = lab.job(&[&name]);
    launch.env.push([&b"PATH="[..], &vec![b':'; 131_000]].concat());
    launch.env.remove(0);
    let job = lab.run(launch);
    let Some(result::Outcome::StartFailed(failed)) = job.end().outcome else { panic!("no such program") };
    assert_eq!((failed.stage.as_str(), failed.errno), ("exec", libc::ENAMETOOLONG));
}
