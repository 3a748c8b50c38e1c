//! What a job may use: each limit at, below and above it, by whatever this host enforces it with.

mod harness;

use harness::{Job, Lab, fixture, wait_for};
use worker_supervisor::wire::v1::{EndCause, Identity, Launch, RefusalReason, ResourceLimits, Result as JobResult, identity::Who, result};

const MIB: u64 = 1 << 20;

fn limited(launch: Launch, limits: ResourceLimits) -> Launch {
    Launch { limits: Some(limits), ..launch }
}

fn memory(mib: u64) -> ResourceLimits {
    ResourceLimits { memory_bytes: mib * MIB, ..ResourceLimits::default() }
}

fn own(lab: &Lab, launch: Launch) -> Launch {
    let can = lab.hello.host.as_ref().and_then(|host| host.own_uids.as_ref()).is_some_and(|own| own.done);
    Launch { identity: can.then_some(Identity { who: Some(Who::Own(true)) }), ..launch }
}

/// Touches so much memory, says so, and waits to be told.
fn hog(mib: u64) -> String {
    format!("head -c {}m /dev/zero | tail -c {mib}m | wc -c", mib + 1)
}

fn code(result: &JobResult) -> Option<i32> {
    match result.outcome {
        Some(result::Outcome::ExitCode(code)) => Some(code),
        _ => None,
    }
}

/// [LIM-2] [LIM-4]
#[test]
fn a_memory_hog_is_out_of_memory_and_its_neighbour_runs_on() {
    let mut lab = Lab::new();
    if !lab.has("memory") {
        return;
    }
    let launch = limited(lab.shell("echo ready; exec sleep 1000"), memory(64));
    let neighbour = lab.launch(launch);
    neighbour.first_line();
    // The leader itself, and a child whose death the leader would survive.
    for script in ["exec tail /dev/zero", "tail /dev/zero; echo survived; exec sleep 1000"] {
        let launch = limited(lab.shell(script), memory(32));
        let job = lab.launch(launch);
        let result = job.audit();
        assert_eq!(result.cause(), EndCause::OutOfMemory, "{script}: {result:?}");
        let peak = result.usage.expect("usage").peak_memory_bytes;
        assert!(peak > 24 * MIB && peak <= 32 * MIB, "{peak}");
        // cgroup v1 kills one process and tells the shim, which ends the rest; v2 kills all at once.
        assert!(lab.controller("memory").is_some_and(|(version, _)| version == 1) || !job.stdout().contains("survived"));
    }
    assert!(neighbour.try_connect().is_some_and(|connection| connection.hello.cause() == EndCause::Unspecified));
    neighbour.connect().stop(0);
    assert_eq!(neighbour.end().cause(), EndCause::StopRequested);
}

/// [LIM-2]
#[test]
fn a_job_below_its_memory_limit_is_left_alone_and_a_plain_sigkill_is_none_for_memory() {
    let mut lab = Lab::new();
    if !lab.has("memory") {
        return;
    }
    let launch = limited(lab.shell(&hog(16)), memory(64));
    let result = lab.run(launch).end();
    assert_eq!((code(&result), result.cause()), (Some(0), EndCause::Unspecified));
    let launch = limited(lab.shell("kill -9 $$"), memory(64));
    let result = lab.run(launch).end();
    assert_eq!(result.cause(), EndCause::Unspecified);
    assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGKILL)));
}

/// [LIM-3] [LIM-4]
#[test]
fn a_fork_bomb_is_held_and_as_many_processes_as_allowed_can_be() {
    let mut lab = Lab::new();
    let controlled = lab.controller("pids").is_some();
    // By the user's own count, and by the controller.
    for mine in [true, false] {
        let script = |count: u32| format!("i=0; while [ $i -lt {count} ]; do sleep 1000 & i=$((i+1)); done; echo all; exec sleep 1000");
        let limits = ResourceLimits { processes: 8, ..ResourceLimits::default() };
        let launch = |lab: &mut Lab, text: &str| {
            let launch = limited(lab.shell(text), limits);
            if mine { own(lab, launch) } else { launch }
        };
        let enough = launch(&mut lab, &script(7));
        if enough.identity.is_none() && !controlled {
            eprintln!("skipped: neither user ids for jobs nor a pids controller here");
            continue;
        }
        let job = lab.launch(enough);
        assert_eq!(job.first_line(), "all");
        job.connect().stop(0);
        job.end();
        let one_more = launch(&mut lab, &script(8));
        let job = lab.run(one_more);
        assert!(!job.stdout().contains("all") && job.stderr().contains("ork"), "{} {}", job.stdout(), job.stderr());
        let bomb = launch(&mut lab, "(b() { b | b & }; b) 2>/dev/null & echo ready; exec sleep 1000");
        let job = lab.launch(bomb);
        job.first_line();
        let mark = format!("LAB={}", lab.dir.display());
        for _ in 0..20 {
            assert!(harness::with_text(&mark).len() <= 8);
        }
        job.connect().stop(0);
        job.end();
        assert!(harness::with_text(&mark).is_empty());
    }
}

/// CPU time of a process that is still there, in hundredths of a second.
fn ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    fields[11].parse::<u64>().expect("user") + fields[12].parse::<u64>().expect("system")
}

/// Exact for what is measured here: far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to as f64
}

fn busy(lab: &mut Lab, limits: ResourceLimits) -> (Job, i32) {
    // One processor for all of them.
    let launch = limited(lab.shell("taskset -cp 0 $$ >/dev/null; echo ready; while :; do :; done"), limits);
    let job = lab.launch(launch);
    job.first_line();
    let pid = job.connect().started();
    (job, pid)
}

/// [LIM-3]
#[test]
fn the_processor_is_shared_by_weight() {
    let mut lab = Lab::new();
    if !lab.has("cpu") {
        return;
    }
    for (weights, least, most) in [([100, 100], 0.6, 1.7), ([300, 100], 1.8, 5.0)] {
        let jobs = weights.map(|cpu_weight| busy(&mut lab, ResourceLimits { cpu_weight, ..ResourceLimits::default() }));
        let from = [ticks(jobs[0].1), ticks(jobs[1].1)];
        let used = wait_for("CPU time", || {
            let used = [ticks(jobs[0].1) - from[0], ticks(jobs[1].1) - from[1]];
            (used[0] + used[1] >= 150).then_some(used)
        });
        let shared = ratio(used[0], used[1].max(1));
        for (job, _) in &jobs {
            job.connect().stop(0);
            job.end();
        }
        assert!(shared > least && shared < most, "{weights:?}: {used:?}");
    }
}

/// [LIM-3]
#[test]
fn a_job_gets_no_more_cpu_time_than_its_limit() {
    let mut lab = Lab::new();
    if !lab.has("cpu") {
        return;
    }
    let launch = Launch { wall_time_ms: 1500, ..limited(lab.shell("while :; do :; done"), ResourceLimits { cpu_millis: 200, ..ResourceLimits::default() }) };
    let result = lab.run(launch).end();
    let usage = result.usage.expect("usage");
    let share = ratio(usage.user_us + usage.system_us, result.wall_time_ns / 1000);
    assert!(share < 0.35, "{share}");
    assert_eq!(result.cause(), EndCause::TimedOut);
}

/// [LIM-3]
#[test]
fn a_file_may_be_as_long_as_the_limit_and_no_longer() {
    let mut lab = Lab::new();
    let file = lab.dir.join("long");
    let limits = ResourceLimits { file_size_bytes: 4096, ..ResourceLimits::default() };
    for (bytes, expected) in [(4095, Some(0)), (4096, Some(0)), (4097, None)] {
        let launch = limited(lab.shell(&format!("exec head -c {bytes} /dev/zero > {}", file.display())), limits);
        let result = lab.run(launch).end();
        assert_eq!(code(&result), expected, "{bytes}: {result:?}");
        assert_eq!(std::fs::metadata(&file).expect("a file").len(), 4096.min(bytes));
        if expected.is_none() {
            assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGXFSZ)));
        }
    }
    // Its output is written by the shim, and has a limit of its own.
    let launch = limited(lab.shell("head -c 100000 /dev/zero"), limits);
    assert_eq!(lab.run(launch).stdout().len(), 100_000);
}

/// [LIM-3]
#[test]
fn as_many_files_as_allowed_can_be_open() {
    let mut lab = Lab::new();
    let limits = ResourceLimits { open_files: 16, ..ResourceLimits::default() };
    let launch = limited(lab.shell("ulimit -Sn; ulimit -Hn; ulimit -c"), limits);
    assert_eq!(lab.run(launch).stdout(), "16\n16\n0\n");
    let launch = limited(lab.job(&[&fixture("open_files")]), limits);
    assert_eq!(lab.run(launch).stdout(), format!("13 {}\n", libc::EMFILE));
}

/// [LIM-3]
#[test]
fn reads_from_a_device_are_throttled() {
    let mut lab = Lab::new();
    if !lab.has("io") {
        return;
    }
    let file = lab.dir.join("data");
    std::fs::write(&file, vec![7; 4 << 20]).expect("write");
    let script = format!("exec dd if={} of=/dev/null bs=64k iflag=direct", file.display());
    let run = |lab: &mut Lab, limits| {
        let launch = limited(lab.shell(&script), limits);
        let job = lab.run(launch);
        let result = job.end();
        (code(&result), result.wall_time_ns, result.usage.expect("usage").read_bytes, job.stderr())
    };
    let (free, _, _, said) = run(&mut lab, ResourceLimits::default());
    if free != Some(0) {
        eprintln!("skipped: this file system reads nothing past its cache: {said}");
        return;
    }
    let (ended, took, read, _) = run(&mut lab, ResourceLimits { io_read_bytes_per_second: 4 * MIB, ..ResourceLimits::default() });
    assert_eq!(ended, Some(0));
    if read < 4 * MIB {
        eprintln!("skipped: this file system is on no block device");
        return;
    }
    assert!(took > 600_000_000, "4 MiB at 4 MiB a second took {took} ns");
}

/// [LIM-1]
#[test]
fn what_cannot_be_enforced_is_refused_by_name_or_named_in_the_result() {
    let mut lab = Lab::with(&["--cgroup", "none"]);
    let limits = ResourceLimits { memory_bytes: 512 * MIB, cpu_weight: 50, cpu_millis: 500, io_write_bytes_per_second: MIB, ..ResourceLimits::default() };
    let launch = limited(lab.job(&["true"]), limits);
    let refused = lab.try_launch(launch).expect_err("no cgroups");
    assert_eq!((refused.reason(), refused.stage.as_str(), refused.errno), (RefusalReason::System, "limits", libc::ENOENT));
    assert!(refused.message.starts_with("memory_bytes "), "{}", refused.message);
    assert!(harness::names(&lab.dir.join("jobs")).is_empty());
    let launch = limited(lab.shell("ulimit -v; nice"), ResourceLimits { best_effort: true, ..limits });
    let job = lab.run(launch);
    assert_eq!(job.end().unenforced, ["memory_bytes", "cpu_weight", "cpu_millis", "io_write_bytes_per_second"]);
    assert_eq!(job.stdout(), format!("{}\n3\n", 512 * 1024));
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let mut lab = Lab::new();
    let none = ResourceLimits::default();
    for (limits, field) in [
        (ResourceLimits { memory_bytes: 4096, ..none }, "memory_bytes"),
        (ResourceLimits { memory_bytes: u64::MAX, ..none }, "memory_bytes"),
        (ResourceLimits { processes: u64::MAX, ..none }, "processes"),
        (ResourceLimits { cpu_weight: 10_001, ..none }, "cpu_weight"),
        (ResourceLimits { cpu_millis: u32::MAX, ..none }, "cpu_millis"),
        (ResourceLimits { open_files: 3, ..none }, "open_files"),
        (ResourceLimits { file_size_bytes: u64::MAX, ..none }, "file_size_bytes"),
    ] {
        let launch = limited(lab.job(&["true"]), limits);
        let refused = lab.try_launch(launch).expect_err(field);
        assert_eq!((refused.reason(), refused.stage.as_str()), (RefusalReason::Invalid, "validate"));
        assert!(refused.message.contains(field), "{}", refused.message);
    }
    assert!(harness::names(&lab.dir.join("jobs")).is_empty() && lab.cgroups().is_empty());
}

/// [LIM-4]
#[test]
fn a_program_is_offered_to_the_kernel_before_its_server_and_is_in_its_cgroups_from_the_start() {
    let mut lab = Lab::new();
    let limits = ResourceLimits { memory_bytes: 64 * MIB, cpu_weight: 100, best_effort: true, ..ResourceLimits::default() };
    let launch = limited(lab.shell("cat /proc/self/oom_score_adj /proc/self/cgroup"), limits);
    let id = launch.job_id.clone();
    let text = lab.run(launch).stdout();
    let own: i32 = std::fs::read_to_string("/proc/self/oom_score_adj").expect("read").trim().parse().expect("a number");
    assert!(text.starts_with(&format!("{}\n", (own + 500).min(1000))), "{text}");
    for name in ["memory", "cpu"] {
        if let Some((version, _)) = lab.controller(name) {
            let named = if version == 1 { format!(":{name}") } else { "0::".to_owned() };
            assert!(text.lines().any(|line| line.contains(&named) && line.contains(&id)), "{name}: {text}");
        }
    }
}
