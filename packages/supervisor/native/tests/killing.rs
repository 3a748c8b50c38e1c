//! The end of a tree, whatever it does against it.

mod harness;

use std::os::unix::fs::chown;
use std::path::Path;

use harness::{Lab, alive, as_root_and_as_ordinary_user, enclosed, eventually, fixture, of_jobs, ready, stop_now, wait_for, with_bind, with_text};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{EndCause, Identity, Launch, ResourceLimits, identity::Who, result, shim_event};

// Somebody of whom no other test and nobody else on the host runs anything.
const LONELY: u32 = 1_990_000_100;

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
            if cgroup && lab.controller("memory").is_none()
                || own_user && !lab.hello.host.as_ref().and_then(|host| host.own_uids.as_ref()).is_some_and(|own| own.done)
            {
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
    is_ended_everywhere(&[&fixture("escape"), "chain", "4"]);
    is_ended_everywhere(&[&fixture("escape"), "pair", "3"]);
}

/// [KILL-1] [KILL-2] [KILL-7]
#[test]
fn two_thousand_processes_are_ended_on_every_ground() {
    is_ended_everywhere(&[&fixture("escape"), "crowd", "2000"]);
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
fn a_program_that_kills_its_shim_and_guard_at_one_blow_dies_with_them() {
    if !harness::is_root() {
        eprintln!("skipped: only root can be a user of whom nothing else runs");
        return;
    }
    let dir = harness::temp_dir();
    chown(&dir, Some(LONELY), Some(LONELY)).expect("chown");
    let mut lab = Lab::at(dir, Some(LONELY));
    let launch = lab.shell("kill -9 -1; echo survived; exec sleep 1000");
    lab.send(launch);
    wait_for("nothing of the job to be left", || (lab.launcher.try_wait().expect("wait").is_some() && of_jobs(&lab).is_empty()).then_some(()));
}

/// [KILL-1]
#[test]
fn a_sandbox_that_is_being_made_when_shim_and_guard_die_at_one_blow_dies_with_them() {
    for mut lab in [Lab::with(&["--cgroup", "none"]), Lab::as_ordinary_user_with(&["--cgroup", "none"])] {
        let launcher = lab.launcher.id().cast_signed();
        let (job_id, init) = wait_for("an init that is stopped before its end could follow from its parent's", || {
            // Of many paths: so its init takes a while.
            let mut launch = enclosed(lab.job(&["sleep", "1000"]));
            for number in 0..60 {
                launch = with_bind(launch, Path::new("/usr"), "", &format!("/mnt/{number}"), false);
            }
            let job_id = launch.job_id.clone();
            lab.send(launch);
            let [guard, shim, init] = wait_for("an init", || eldest_line(launcher).try_into().ok());
            signal::send(init, libc::SIGSTOP).expect("stop");
            // So that it cannot end what is left when the shim has died.
            signal::send(guard, libc::SIGSTOP).expect("stop");
            let status =
                wait_for("the init to stop", || std::fs::read_to_string(format!("/proc/{init}/status")).ok().filter(|text| text.contains("(stopped)")));
            signal::send(shim, libc::SIGKILL).expect("kill");
            wait_for("the shim to die", || (!alive(shim)).then_some(()));
            signal::send(guard, libc::SIGKILL).expect("kill");
            wait_for("the guard to die", || (!alive(guard)).then_some(()));
            signal::send(init, libc::SIGCONT).expect("go on");
            // One of the last things that it does to itself.
            status.contains("NoNewPrivs:\t0").then_some((job_id, init))
        });
        let gone = eventually(|| with_text(&job_id).is_empty().then_some(()));
        let _ = signal::send(init, libc::SIGKILL);
        assert!(gone.is_some(), "the init has outlived shim and guard");
    }
}

/// The first child, its first child, and so on.
fn eldest_line(pid: i32) -> Vec<i32> {
    let eldest = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?.split(' ').next()?.parse().ok();
    std::iter::successors(eldest(&pid), eldest).collect()
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
    let mut lab = Lab::new();
    let launch = lab.job(&[&fixture("intruder"), "traced"]);
    let job = lab.run(launch);
    assert_eq!((job.exit_code(), job.stdout().as_str()), (Some(3), "ready\n"));
}
