//! How a job comes to its end: by itself, asked to, out of time, over its limit.

mod harness;

use std::time::{Duration, Instant};

use harness::{AT_ONCE, Lab, as_root_and_as_ordinary_user, of_jobs, ready, stop_now, wait_for};
use worker_supervisor::wire::v1::{EndCause, Launch, OutputAction, Stop, result, shim_request};

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
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_millis(300) + *AT_ONCE);
    assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGKILL)));

    let second = Launch { job_id: "01890a5d-ac96-774b-bcce-aaaaaaaaaaaa".to_owned(), ..launch };
    let job = ready(&mut lab, second);
    let mut connection = job.connect();
    connection.stop(3_600_000);
    let shutdown = Stop { grace_ms: 0, signal: libc::SIGTERM, cause: EndCause::Shutdown.into(), requested_by: "later".to_owned() };
    let begun = Instant::now();
    connection.send(shim_request::Request::Stop(shutdown));
    let result = connection.ended().expect("the end");
    assert!(begun.elapsed() < *AT_ONCE);
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
    assert!(result.wall_time_ns >= 200_000_000 && begun.elapsed() < Duration::from_millis(200) + *AT_ONCE);
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
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(300) + *AT_ONCE, "{took:?}");
    drop(leaked);
    job.audit();
}
