//! Nothing is left of jobs, whoever of those that look after them was killed.

mod harness;

use std::path::PathBuf;

use harness::{Job, Lab, wait_for};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{Identity, Launch, ResourceLimits, identity::Who};

fn limited(launch: Launch) -> Launch {
    Launch { limits: Some(ResourceLimits { memory_bytes: 64 << 20, ..ResourceLimits::default() }), ..launch }
}

/// A lab that can bound memory, and in it a job that runs in cgroups and another process of its.
fn lab_with_job() -> Option<(Lab, Job)> {
    let mut lab = Lab::new();
    if !lab.has("memory") {
        return None;
    }
    let launch = limited(lab.shell("setsid sleep 1000 & echo ready; exec sleep 1000"));
    let job = lab.launch(launch);
    job.first_line();
    assert!(!lab.cgroups().is_empty());
    Some((lab, job))
}

/// Those of this job that are there now.
fn cgroups_of(lab: &Lab, job: &Job) -> Vec<PathBuf> {
    let id = job.dir.file_name().expect("a name").to_string_lossy().into_owned();
    lab.cgroups().into_iter().filter(|path| path.to_string_lossy().contains(&id)).collect()
}

fn kill_launcher(lab: &mut Lab) {
    lab.launcher.kill().expect("kill");
    lab.launcher.wait().expect("wait");
}

/// [ISO-5]
#[test]
fn the_cgroups_of_a_dead_shim_and_guard_are_removed_by_the_next_launcher() {
    let Some((mut lab, job)) = lab_with_job() else { return };
    job.kill_shim_and_guard();
    assert!(!lab.cgroups().is_empty());
    let (mut second, mut core) = harness::spawn_launcher(&lab.dir, None);
    harness::read_frame(&mut core).expect("a hello");
    assert!(lab.cgroups().is_empty());
    drop(core);
    second.wait().expect("wait");
    let launch = limited(lab.job(&["true"]));
    assert_eq!(lab.run(launch).exit_code(), Some(0), "a launcher that leaves takes nothing from another");
}

/// [ISO-5]
#[test]
fn the_cgroups_of_a_dead_shim_and_guard_are_removed_by_the_starts_of_other_jobs() {
    let Some((mut lab, job)) = lab_with_job() else { return };
    let launch = limited(lab.shell("echo ready; exec sleep 1000"));
    let neighbour = lab.launch(launch);
    neighbour.first_line();
    let id = job.dir.file_name().expect("a name").to_string_lossy().into_owned();
    job.kill_shim_and_guard();
    wait_for("a start that finds them", || {
        let launch = limited(lab.job(&["true"]));
        lab.run(launch);
        cgroups_of(&lab, &job).is_empty().then_some(())
    });
    wait_for("its processes to end", || (harness::with_text(&id).is_empty()).then_some(()));
    assert!(neighbour.try_connect().is_some(), "who lives is left alone");
    neighbour.connect().stop(0);
    neighbour.end();
}

/// [ISO-5] [KILL-5]
#[test]
fn a_guard_removes_the_cgroups_of_its_dead_shim() {
    let Some((lab, job)) = lab_with_job() else { return };
    signal::send(job.shim, libc::SIGKILL).expect("kill");
    wait_for("the guard", || lab.cgroups().is_empty().then_some(()));
    wait_for("the guard to leave", || job.refuses().then_some(()));
}

/// [ISO-5] [RUN-2]
#[test]
fn the_last_job_of_a_launcher_that_was_killed_removes_what_the_launcher_made() {
    for kill_the_shim in [false, true] {
        let Some((mut lab, first)) = lab_with_job() else { return };
        // The last is one without limits: of cgroups of version 1 it has none.
        let launch = lab.shell("echo ready; exec sleep 1000");
        let last = lab.launch(launch);
        last.first_line();
        kill_launcher(&mut lab);
        first.connect().stop(0);
        first.end();
        wait_for("its cgroups to go", || cgroups_of(&lab, &first).is_empty().then_some(()));
        if kill_the_shim {
            signal::send(last.shim, libc::SIGKILL).expect("kill");
        } else {
            last.connect().stop(0);
        }
        wait_for("the directories to go", || lab.bases().is_empty().then_some(()));
    }
}

/// [ISO-5]
#[test]
fn the_last_job_of_a_launcher_that_left_removes_what_the_launcher_made_and_no_job_before_it() {
    let Some((mut lab, first)) = lab_with_job() else { return };
    let launch = limited(lab.shell("echo ready; exec sleep 1000"));
    let last = lab.launch(launch);
    last.first_line();
    lab.leave();
    for (job, left) in [(first, true), (last, false)] {
        job.connect().stop(0);
        job.end();
        wait_for("shim and guard to leave", || (!harness::alive(job.shim)).then_some(()));
        assert_eq!(!lab.bases().is_empty(), left);
    }
}

/// [ISO-5]
#[test]
fn no_end_of_a_job_takes_its_directory_from_a_launcher_that_lives() {
    let Some((mut lab, job)) = lab_with_job() else { return };
    let before = lab.bases();
    job.connect().stop(0);
    job.end();
    wait_for("shim and guard to leave", || (!harness::alive(job.shim)).then_some(()));
    assert_eq!(lab.bases(), before);
    // Somebody else does.
    wait_for("the cgroups to go", || lab.cgroups().is_empty().then_some(()));
    for base in &before {
        std::fs::remove_dir(base).expect("rmdir");
    }
    let launch = limited(lab.job(&["true"]));
    assert_eq!(lab.run(launch).exit_code(), Some(0));
}

/// [ISO-5]
#[test]
fn nothing_is_left_of_two_hundred_jobs_with_cgroups_of_which_some_could_not_start() {
    let mut lab = Lab::new();
    let can = lab.hello.host.as_ref().and_then(|host| host.own_uids.as_ref()).is_some_and(|own| own.done);
    let own = can.then_some(Identity { who: Some(Who::Own(true)) });
    let limits = ResourceLimits { memory_bytes: 64 << 20, processes: 20, cpu_weight: 100, best_effort: true, ..ResourceLimits::default() };
    let jobs: Vec<Job> = (0..200)
        .map(|number| {
            let program = ["/bin/true", "/no/such/program", "/etc/passwd"][number % 3];
            let launch = lab.job(&[program]);
            let launch = Launch { limits: Some(limits), identity: own.clone(), ..launch };
            lab.launch(launch)
        })
        .collect();
    for job in jobs {
        job.end();
    }
    wait_for("the cgroups to be removed", || lab.cgroups().is_empty().then_some(()));
}
