//! The end of a tree, whatever it does against it.

mod harness;

use std::time::{Duration, Instant};

use harness::{Job, Lab, fixture, wait_for, with_text};
use worker_supervisor::wire::v1::{
    EndCause, Identity, Launch, OutputAction, ResourceLimits, Result as JobResult, Stop, identity::Who, result, shim_event, shim_request,
};

// A stop without grace is answered within a second, on a machine that has other things to do as well.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Stops without grace; the end is told in time and nothing of the job is left when it is.
fn stop_now(lab: &Lab, job: &Job) -> JobResult {
    let mut connection = job.connect();
    let begun = Instant::now();
    connection.stop(0);
    let result = connection.ended().expect("the end");
    let took = begun.elapsed();
    let left = of_jobs(lab);
    assert!(left.is_empty(), "left at the end: {left:?}");
    assert!(took < AT_ONCE, "took {took:?}");
    assert_eq!(result.cause(), EndCause::StopRequested);
    assert_eq!(result.requested_by, "somebody");
    job.audit()
}

/// Living processes of the lab's jobs: they carry its mark in their environment, which launcher, guards and shims do not.
fn of_jobs(lab: &Lab) -> Vec<i32> {
    with_text(&format!("LAB={}", lab.dir.display()))
}

fn ready(lab: &mut Lab, launch: Launch) -> Job {
    let job = lab.launch(launch);
    assert_eq!(job.first_line(), "ready");
    job
}

fn as_root_and_as_ordinary_user(test: impl Fn(Lab)) {
    test(Lab::new());
    if harness::is_root() {
        test(Lab::as_ordinary_user());
    }
}

/// Under whom a job runs, and whether in cgroups.
#[derive(Clone, Copy, Debug)]
struct Ground {
    own_user: bool,
    cgroup: bool,
}

impl Ground {
    fn of(self, launch: Launch) -> Launch {
        let identity = self.own_user.then_some(Identity { who: Some(Who::Own(true)) });
        let limits = self.cgroup.then_some(ResourceLimits { memory_bytes: 1 << 31, ..ResourceLimits::default() });
        Launch { identity, limits, ..launch }
    }
}

/// {a user of its own, root, an ordinary user} × {cgroup, none}, as far as the host has them.
fn on_every_ground(test: impl Fn(&mut Lab, Ground)) {
    for cgroup in [true, false] {
        let flags: &[&str] = if cgroup { &[] } else { &["--cgroup", "none"] };
        let labs = [(Lab::with(flags), false), (Lab::with(flags), true), (Lab::as_ordinary_user_with(flags), false)];
        let count = if harness::is_root() { 3 } else { 1 };
        for (mut lab, own_user) in labs.into_iter().take(count) {
            let ground = Ground { own_user, cgroup };
            if cgroup && !lab.has("memory") || own_user && !lab.hello.host.as_ref().and_then(|host| host.own_uids.as_ref()).is_some_and(|own| own.done) {
                eprintln!("skipped on {ground:?}");
                continue;
            }
            test(&mut lab, ground);
            wait_for("the cgroups to be removed", || lab.cgroups().is_empty().then_some(()));
        }
    }
}

/// Stops a job of this kind on every ground.
fn is_ended_everywhere(argv: &[&str]) {
    on_every_ground(|lab, ground| {
        let launch = lab.job(argv);
        let job = ready(lab, ground.of(launch));
        stop_now(lab, &job);
    });
}

/// [KILL-1] [KILL-7]
#[test]
fn a_leader_and_what_it_leaves_in_the_background_and_in_other_sessions_is_ended_on_every_ground() {
    is_ended_everywhere(&["sh", "-c", "echo ready; exec sleep 1000"]);
    is_ended_everywhere(&["sh", "-c", "trap '' TERM INT HUP; sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & echo ready; while :; do sleep 1; done"]);
}

/// [KILL-1] [KILL-7]
#[test]
fn a_daemon_that_is_deaf_and_stopped_is_ended_on_every_ground() {
    is_ended_everywhere(&[&fixture("escape"), "daemon"]);
}

/// [KILL-1] [KILL-7]
#[test]
fn fork_loops_are_ended_on_every_ground() {
    is_ended_everywhere(&[&fixture("escape"), "chain", "2"]);
    is_ended_everywhere(&[&fixture("escape"), "pair", "2"]);
}

/// [KILL-1] [KILL-7]
#[test]
fn two_thousand_processes_are_ended_on_every_ground() {
    is_ended_everywhere(&[&fixture("escape"), "crowd", "2000"]);
}

/// [KILL-7] [ISO-8]
#[test]
fn a_job_that_kills_all_it_may_reaches_nothing_but_itself() {
    let mut lab = Lab::new();
    let ground = Ground { own_user: true, cgroup: false };
    if !lab.hello.host.as_ref().and_then(|host| host.own_uids.as_ref()).is_some_and(|own| own.done) {
        eprintln!("skipped: no user ids for jobs here");
        return;
    }
    let launch = lab.shell("echo ready; exec sleep 1000");
    let neighbour = ready(&mut lab, ground.of(launch));
    let launch = lab.shell("sleep 1000 & setsid sleep 1000 & kill -9 -1; kill -9 $$");
    let job = lab.launch(ground.of(launch));
    let result = job.end();
    assert_eq!((result.cause(), result.outcome), (EndCause::Unspecified, Some(result::Outcome::Signal(libc::SIGKILL))));
    stop_now(&lab, &neighbour);
}

/// [KILL-1]
#[test]
fn stop_ends_a_daemon_that_is_deaf_and_stopped() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = lab.job(&[&fixture("escape"), "daemon"]);
        let job = ready(&mut lab, launch);
        stop_now(&lab, &job);
    });
}

/// [KILL-1] [KILL-2]
#[test]
fn stop_ends_two_thousand_processes() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = lab.job(&[&fixture("escape"), "crowd", "2000"]);
        let job = ready(&mut lab, launch);
        stop_now(&lab, &job);
    });
}

/// [KILL-1]
#[test]
fn stop_beats_fork_loops_that_leave_every_session() {
    as_root_and_as_ordinary_user(|mut lab| {
        for count in ["1", "4"] {
            let launch = lab.job(&[&fixture("escape"), "chain", count]);
            let job = ready(&mut lab, launch);
            stop_now(&lab, &job);
        }
    });
}

/// [KILL-1]
#[test]
fn stop_beats_fork_loops_that_become_a_program_anew_each_time() {
    as_root_and_as_ordinary_user(|mut lab| {
        for count in ["1", "4"] {
            let launch = lab.job(&[&fixture("escape"), "exec-chain", count]);
            let job = ready(&mut lab, launch);
            stop_now(&lab, &job);
        }
    });
}

/// [KILL-1]
#[test]
fn stop_beats_pairs_that_make_each_other_anew() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = lab.job(&[&fixture("escape"), "pair", "3"]);
        let job = ready(&mut lab, launch);
        stop_now(&lab, &job);
    });
}

/// [KILL-4]
#[test]
fn the_end_of_the_program_ends_what_it_left_behind() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = lab.shell("setsid sh -c 'trap : TERM; echo left; while :; do sleep 1; done' & read -r line < /dev/null; sleep 0.2; exit 3");
        let job = lab.launch(launch);
        let result = job.end();
        assert_eq!(result.outcome, Some(result::Outcome::ExitCode(3)));
        assert_eq!(result.cause(), EndCause::Unspecified);
        assert!(of_jobs(&lab).is_empty());
    });
}

#[test]
fn orphans_that_end_while_the_job_runs_do_not_pile_up() {
    let mut lab = Lab::new();
    let launch = lab.shell("for i in 1 2 3 4 5 6 7 8 9; do (true &); done; echo ready; exec sleep 1000");
    let job = ready(&mut lab, launch);
    let zombies = || {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", job.shim)).expect("children");
        (children.split_whitespace().count() == 1).then_some(())
    };
    wait_for("the shim to reap", zombies);
    stop_now(&lab, &job);
}

/// [JOB-1]
#[test]
fn a_program_killed_on_its_way_to_its_exec_has_a_time_of_its_start() {
    let mut lab = Lab::new();
    for _ in 0..50 {
        let launch = lab.job(&["sleep", "1000"]);
        let job = lab.launch(launch);
        let mut connection = job.connect();
        connection.stop(0);
        let result = connection.ended().expect("the end");
        assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGKILL)));
        assert!(result.start_time_ns > 0 && result.start_time_ns <= result.end_time_ns, "{result:?}");
    }
}

/// [KILL-3]
#[test]
fn a_program_that_minds_the_signal_ends_by_itself_within_the_grace() {
    let mut lab = Lab::new();
    let launch = lab.shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    let job = ready(&mut lab, launch);
    let mut connection = job.connect();
    connection.stop(10_000);
    let result = connection.ended().expect("the end");
    assert_eq!(result.outcome, Some(result::Outcome::ExitCode(0)));
    assert_eq!(result.cause(), EndCause::StopRequested);
    assert!(job.stdout().ends_with("bye\n"));
}

/// [KILL-2] [KILL-3] [JOB-1]
#[test]
fn a_program_that_does_not_is_killed_when_the_grace_is_over_and_a_later_stop_shortens_it() {
    let mut lab = Lab::new();
    let launch = lab.shell("trap : TERM; echo ready; while :; do sleep 0.05; done");
    let job = ready(&mut lab, launch.clone());
    let mut connection = job.connect();
    let begun = Instant::now();
    connection.stop(300);
    let result = connection.ended().expect("the end");
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_millis(1300));
    assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGKILL)));

    let second = Launch { job_id: "01890a5d-ac96-774b-bcce-aaaaaaaaaaaa".to_owned(), ..launch };
    let job = ready(&mut lab, second);
    let mut connection = job.connect();
    connection.stop(3_600_000);
    let shutdown = Stop { grace_ms: 0, signal: libc::SIGTERM, cause: EndCause::Shutdown.into(), requested_by: "later".to_owned() };
    let begun = Instant::now();
    connection.send(shim_request::Request::Stop(shutdown));
    let result = connection.ended().expect("the end");
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!((result.cause(), result.requested_by.as_str()), (EndCause::StopRequested, "somebody"), "the first cause wins");
}

/// [KILL-3]
#[test]
fn a_stopped_program_is_woken_by_the_signal_of_a_stop() {
    let mut lab = Lab::new();
    let launch = lab.shell("trap 'exit 0' TERM; echo ready; kill -STOP $$; sleep 1000");
    let job = ready(&mut lab, launch);
    let mut connection = job.connect();
    let pid = connection.started();
    wait_for("the program to stop", || std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.contains(") T ").then_some(()));
    connection.stop(10_000);
    assert_eq!(connection.ended().expect("the end").outcome, Some(result::Outcome::ExitCode(0)));
}

/// [KILL-6]
#[test]
fn the_wall_time_limit_ends_a_job_and_says_so() {
    let mut lab = Lab::new();
    let launch = Launch { wall_time_ms: 200, ..lab.shell("trap : TERM INT HUP; while :; do sleep 1; done") };
    let begun = Instant::now();
    let job = lab.launch(launch);
    let result = job.audit();
    assert_eq!(result.cause(), EndCause::TimedOut);
    assert!(result.wall_time_ns >= 200_000_000 && begun.elapsed() < Duration::from_millis(1200));
}

/// [OUT-6]
#[test]
fn the_output_limit_ends_a_job_that_asked_for_it() {
    let mut lab = Lab::new();
    let launch = Launch { output_bytes: 1000, output_action: OutputAction::Stop.into(), ..lab.job(&["yes"]) };
    let job = lab.launch(launch);
    let result = job.audit();
    assert_eq!(result.cause(), EndCause::OutputLimit);
    assert_eq!(job.stream(worker_supervisor::output::frame::Stream::Stdout).len(), 1000);
}

#[test]
fn a_signal_reaches_the_group_and_what_cannot_be_sent_is_told() {
    let mut lab = Lab::new();
    let launch = lab.shell("trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.05; done");
    let job = ready(&mut lab, launch);
    let mut connection = job.connect();
    assert_eq!(connection.signal(1000), libc::EINVAL);
    assert_eq!(connection.signal(libc::SIGUSR1), 0);
    let result = connection.ended().expect("the end");
    assert_eq!((result.outcome, result.cause), (Some(result::Outcome::ExitCode(5)), 0));
}

/// [KILL-4]
#[test]
fn somebody_outside_of_the_tree_who_holds_the_pipe_does_not_hang_the_end() {
    let mut lab = Lab::new();
    let launch = Launch { drain_ms: 300, ..lab.shell("echo ready; while ! test -e /tmp/never; do sleep 0.05; done") };
    let job = ready(&mut lab, launch);
    let mut connection = job.connect();
    let pid = connection.started();
    // This test is no descendant of the job: it opens the job's pipe for writing and keeps it.
    let leaked = std::fs::File::options().write(true).open(format!("/proc/{pid}/fd/1")).expect("the pipe");
    let begun = Instant::now();
    connection.stop(0);
    connection.ended().expect("the end");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(1300), "{took:?}");
    drop(leaked);
    job.audit();
}

/// [KILL-2]
#[test]
fn what_cannot_be_killed_is_named_and_the_kill_goes_on() {
    if !harness::is_root() {
        eprintln!("skipped: only root can make a process that another user may not kill");
        return;
    }
    let mut lab = Lab::as_ordinary_user();
    let launch = lab.shell("echo ready; exec sleep 1000");
    let job = ready(&mut lab, launch);
    let mut connection = job.connect();
    let pid = connection.started();
    // A frozen cgroup would do the same; so does a process that is traced and being stopped by its tracer: here one that left for another user.
    let Some(frozen) = harness::freeze(pid) else {
        eprintln!("skipped: no cgroup freezer here");
        stop_now(&lab, &job);
        return;
    };
    connection.stop(0);
    let named = wait_for("the survivors", || match connection.event()?.event {
        Some(shim_event::Event::Survivors(survivors)) => Some(survivors.pids),
        _ => None,
    });
    assert_eq!(named, [pid]);
    frozen.thaw();
    assert_eq!(connection.ended().expect("the end").cause(), EndCause::StopRequested);
}

/// A program that asks to be traced by its parent stops at its exec: a wait could take that for its end. [KILL-1] [JOB-2]
#[test]
fn a_program_that_wants_to_be_traced_does_not_pass_for_ended() {
    if !std::path::Path::new("/usr/bin/python3").exists() {
        eprintln!("skipped: no python3 here to call ptrace with");
        return;
    }
    let mut lab = Lab::new();
    let script = "import ctypes, os\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\nos.execv('/bin/sh', ['sh', '-c', 'echo ready; exit 3'])";
    let launch = lab.job(&["/usr/bin/python3", "-c", script]);
    let job = lab.run(launch);
    assert_eq!((job.exit_code(), job.stdout().as_str()), (Some(3), "ready\n"));
}
