//! The death of each process of ours, one at a time, and of the disk.

mod harness;

use std::time::{Duration, Instant};

use harness::{Lab, SmallDisk, alive, fixture, names, wait_for, with_text};
use worker_supervisor::output::frame::{Kind, Missing, Stream};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{GapReason, launcher_response, result};

const LOOK: Duration = Duration::from_millis(100);

fn kill(pid: i32) {
    signal::send(pid, libc::SIGKILL).expect("kill");
}

fn of_jobs(lab: &Lab) -> Vec<i32> {
    with_text(&format!("LAB={}", lab.dir.display()))
}

/// [RUN-3]
#[test]
fn nothing_of_a_job_is_left_once_connections_to_its_killed_shim_are_refused() {
    for (mode, count) in [("daemon", "1"), ("crowd", "200"), ("chain", "2"), ("exec-chain", "2"), ("pair", "2")] {
        for mut lab in [Lab::new(), Lab::as_ordinary_user()] {
            let bystander = lab.shell("echo ready; read -r line < /dev/null; sleep 0.5; echo untouched");
            let bystander = lab.launch(bystander);
            bystander.first_line();
            let launch = lab.job(&[&fixture("escape"), mode, count]);
            let job = lab.launch(launch);
            job.first_line();
            let bystander_pid = bystander.try_connect().map_or(0, |mut connection| connection.started());
            kill(job.shim);
            wait_for("the guard to leave", || job.refuses().then_some(()));
            let left: Vec<i32> = of_jobs(&lab).into_iter().filter(|pid| harness::parent(*pid) != bystander_pid && *pid != bystander_pid).collect();
            assert!(left.is_empty(), "{mode}: left {left:?}");
            assert_eq!(job.result(), None, "a shim that was killed leaves no result: its job is lost");
            assert_eq!(bystander.exit_code(), Some(0));
            assert_eq!(bystander.stdout(), "ready\nuntouched\n");
        }
    }
}

/// [RUN-2]
#[test]
fn a_killed_launcher_costs_no_job_a_byte_or_its_exit_code() {
    let mut lab = Lab::new();
    let jobs: Vec<_> = (0..20)
        .map(|code| {
            let launch = lab.shell(&format!("echo begun; sleep 0.2; echo done; exit {code}"));
            lab.launch(launch)
        })
        .collect();
    kill(lab.launcher.id().cast_signed());
    for (code, job) in (0..20).zip(&jobs) {
        job.audit();
        assert_eq!((job.exit_code(), job.stdout().as_str()), (Some(code), "begun\ndone\n"));
    }
}

/// [RUN-2] [SUB-2]
#[test]
fn a_launcher_killed_in_the_middle_of_starts_leaves_each_job_started_once_or_not_at_all() {
    let mut lab = Lab::new();
    let launches: Vec<_> = (0..100).map(|_| lab.shell("echo ran")).collect();
    for launch in &launches {
        lab.send(launch.clone());
    }
    lab.answer();
    kill(lab.launcher.id().cast_signed());
    lab.launcher.wait().expect("wait");
    // Another launcher takes over, as core would start it, and is asked for all of them again.
    let dir = lab.dir.clone();
    let mut second = Lab::at(dir, None);
    for launch in &launches {
        second.send(launch.clone());
    }
    for _ in &launches {
        second.answer();
    }
    for launch in launches {
        let job = harness::Job::new(second.dir.join("jobs").join(launch.job_id), 0);
        job.audit();
        assert_eq!(job.stdout(), "ran\n");
    }
    wait_for("the starts to be over", || second.starting().is_empty().then_some(()));
    drop(second);
}

/// [SUB-1] [SUB-2]
#[test]
fn a_guard_killed_in_the_middle_of_its_start_costs_the_job_neither_its_run_nor_a_second_one() {
    let mut lab = Lab::new();
    let launcher = lab.launcher.id();
    let children = move || -> Vec<i32> {
        let list = std::fs::read_to_string(format!("/proc/{launcher}/task/{launcher}/children")).unwrap_or_default();
        list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let (mut known, mut killed) = (Vec::new(), 0);
    for _ in 0..100 {
        let launch = lab.shell("echo ran");
        let job = harness::Job::new(lab.dir.join("jobs").join(&launch.job_id), 0);
        lab.send(launch);
        // Each at another instant of its start: looked for without a pause, for a guard's start is over in less than one. A busy machine may make us miss some.
        let begun = Instant::now();
        let fresh = std::iter::from_fn(|| (begun.elapsed() < LOOK).then(|| children().into_iter().find(|pid| !known.contains(pid)))).flatten().next();
        if let Some(guard) = fresh {
            let _ = signal::send(guard, libc::SIGKILL);
        }
        let answer = lab.answer().response;
        assert!(matches!(answer, Some(launcher_response::Response::Launched(_))), "{answer:?}");
        job.audit();
        assert_eq!((job.exit_code(), job.stdout().as_str()), (Some(0), "ran\n"));
        known = children();
        known.extend(fresh);
        killed += usize::from(fresh.is_some());
    }
    assert!(killed > 0, "no guard was seen in its start");
}

/// [RUN-6]
#[test]
fn a_shim_killed_while_it_writes_the_result_leaves_neither_its_socket_nor_half_a_result() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; sleep 1000");
    let job = lab.launch(launch);
    job.first_line();
    std::fs::write(job.dir.join("result.tmp"), "WKRRES").expect("write");
    kill(job.shim);
    wait_for("the guard to leave", || job.refuses().then_some(()));
    assert_eq!(names(&job.dir), ["output"]);
}

/// [RUN-3]
#[test]
fn a_killed_guard_costs_its_job_nothing() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; sleep 0.3; exit 4");
    let job = lab.launch(launch);
    job.first_line();
    let guard = harness::parent(job.shim);
    kill(guard);
    wait_for("the guard to die", || (!alive(guard)).then_some(()));
    job.audit();
    assert_eq!(job.exit_code(), Some(4));
}

#[test]
fn shim_and_guard_do_not_mind_the_signals_that_end_daemons() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; sleep 0.3; exit 6");
    let job = lab.launch(launch);
    job.first_line();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGPIPE, libc::SIGTSTP] {
        signal::send(job.shim, signal).expect("kill");
        signal::send(harness::parent(job.shim), signal).expect("kill");
    }
    assert_eq!(job.exit_code(), Some(6));
}

/// [OUT-7]
#[test]
fn a_full_disk_stops_neither_the_job_nor_its_result_and_becomes_a_gap_of_exact_length() {
    let Some(disk) = SmallDisk::mount("size=256k") else {
        eprintln!("skipped: no right to mount a small file system");
        return;
    };
    {
        let dir = disk.0.join("state");
        std::fs::create_dir(&dir).expect("mkdir");
        let mut lab = Lab::at(dir, None);
        let filler = disk.0.join("filler");
        let go_on = disk.0.join("go-on");
        // One megabyte on a quarter of one, then room again, then one line.
        let wrote = disk.0.join("wrote");
        let script = format!("head -c 1000000 /dev/zero; : > {1}; while ! test -e {0}; do sleep 0.02; done; echo after", go_on.display(), wrote.display());
        let launch = lab.shell(&script);
        std::fs::write(&filler, vec![0; 100_000]).expect("write");
        let job = lab.launch(launch);
        wait_for("the job to write more than fits", || wrote.exists().then_some(()));
        std::fs::remove_file(&filler).expect("rm");
        wait_for("room", || std::fs::write(&go_on, "").ok());
        let result = job.audit();
        assert_eq!(result.outcome, Some(result::Outcome::ExitCode(0)));
        let output = result.output.expect("summary");
        assert!(!output.complete);
        assert_eq!(output.produced, 1_000_000 + 6);
        assert!(job.frames().iter().any(|(frame, _)| frame.kind == Kind::Gap(Missing::WriteFailed)));
        assert!(job.stdout().ends_with("after\n"), "what came after the disk had room again is kept");
    }
    assert!(names(&disk.0.join("state").join("starting")).is_empty());
}

/// [OUT-7]
#[test]
fn a_file_that_can_never_be_written_becomes_one_gap_in_the_result() {
    let mut lab = Lab::new();
    let launch = lab.shell("read -r line < /dev/null; sleep 0.3; echo lost; echo too >&2");
    let job = lab.launch(launch);
    // Whoever planted a link in the file's place does not get it followed.
    let elsewhere = lab.dir.join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, job.dir.join("output")).expect("symlink");
    let result = job.end();
    let output = result.output.expect("summary");
    let gap = output.final_gap.expect("a gap");
    assert_eq!((gap.offset, gap.stdout_bytes, gap.stderr_bytes, gap.reason()), (0, 5, 4, GapReason::WriteFailed));
    assert_eq!((output.produced, output.file_length, output.complete), (9, 0, false));
    assert!(!elsewhere.exists());
}

/// [RUN-4]
#[test]
fn a_result_that_cannot_be_written_is_written_as_soon_as_it_can() {
    let mut lab = Lab::new();
    let launch = lab.shell("echo ready; sleep 0.2; exit 9");
    let job = lab.launch(launch);
    job.first_line();
    // A directory in the place of the temporary file stands for any disk that refuses.
    let obstacle = job.dir.join("result.tmp");
    std::fs::create_dir(&obstacle).expect("mkdir");
    let mut connection = job.connect();
    let pid = connection.started();
    wait_for("the program to end", || (!alive(pid)).then_some(()));
    assert!(job.result().is_none() && !job.refuses(), "until then the shim answers");
    job.connect();
    std::fs::remove_dir(&obstacle).expect("rmdir");
    assert_eq!(connection.ended().expect("the end").outcome, Some(result::Outcome::ExitCode(9)));
    assert_eq!(job.stream(Stream::Stdout), b"ready\n");
}
