//! Whom a job runs as.

mod harness;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use harness::{DEADLINE, Lab, NOBODY, eventually, wait_for};
use worker_supervisor::wire::v1::{Identity, Launch, RefusalReason, ResourceLimits, User, identity::Who, result};

fn own(launch: Launch) -> Launch {
    Launch { identity: Some(Identity { who: Some(Who::Own(true)) }), ..launch }
}

fn user(launch: Launch, uid: u32, gid: u32, groups: &[u32]) -> Launch {
    Launch { identity: Some(Identity { who: Some(Who::User(User { uid, gid, groups: groups.to_vec() })) }), ..launch }
}

/// A lab of root whose launcher can lend user ids.
fn lab_with_own_uids(flags: &[&str]) -> Option<Lab> {
    let lab = Lab::with(flags);
    let own_uids = lab.hello.host.as_ref().and_then(|host| host.own_uids.clone()).expect("told");
    if !own_uids.done {
        eprintln!("skipped: no user ids for jobs here: {} errno {}", own_uids.stage, own_uids.errno);
        return None;
    }
    Some(lab)
}

/// [ISO-8]
#[test]
fn jobs_at_the_same_time_run_as_different_users_and_an_id_is_free_again_after_the_end() {
    let Some(mut lab) = lab_with_own_uids(&["--job-uids", "1990000001-1990000003"]) else { return };
    let jobs: Vec<_> = (0..3)
        .map(|_| {
            let launch = own(lab.shell("id -u; exec sleep 1000"));
            lab.launch(launch)
        })
        .collect();
    let uids: HashSet<String> = jobs.iter().map(harness::Job::first_line).collect();
    assert_eq!(uids, ["1990000001", "1990000002", "1990000003"].map(str::to_owned).into());
    let launch = own(lab.job(&["true"]));
    let refused = lab.try_launch(launch).expect_err("all are lent");
    assert_eq!((refused.stage.as_str(), refused.errno), ("identity", libc::EAGAIN));
    jobs[1].connect().stop(0);
    jobs[1].end();
    let again = wait_for("a free id", || {
        let launch = own(lab.shell("id -u"));
        lab.try_launch(launch).ok()
    });
    assert!(uids.contains(&again.first_line()));
    for job in &jobs {
        if let Some(mut connection) = job.try_connect() {
            connection.stop(0);
        }
        job.end();
    }
}

#[test]
fn a_job_of_its_own_user_has_one_group_no_capability_and_its_own_stdout() {
    let Some(mut lab) = lab_with_own_uids(&[]) else { return };
    let launch = own(lab.shell("id -u; id -g; id -G; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status; echo over > /dev/stdout; echo err > /dev/stderr"));
    let job = lab.run(launch);
    let text = job.stdout();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1880") && lines[0] == lines[1] && lines[0] == lines[2], "{text}");
    assert!(lines[3..7].iter().all(|line| line.ends_with("\t0000000000000000")), "{text}");
    assert_eq!((lines[7], job.stderr().as_str()), ("over", "err\n"));
    assert_eq!(std::fs::metadata(job.dir.join("output")).expect("the output").uid(), 0, "what it writes is not its own to change");
}

#[test]
fn a_job_runs_as_the_user_and_the_groups_that_were_asked_for() {
    let Some(mut lab) = lab_with_own_uids(&[]) else { return };
    let launch = user(lab.shell("id -u; id -g; id -G; echo over > /dev/stdout"), NOBODY, 12, &[13, 14]);
    assert_eq!(lab.run(launch).stdout(), format!("{NOBODY}\n12\n12 13 14\nover\n"));
}

#[test]
fn a_directory_that_the_jobs_user_cannot_enter_is_a_failed_start() {
    let Some(mut lab) = lab_with_own_uids(&[]) else { return };
    let cwd = lab.dir.display().to_string().into_bytes();
    let launch = Launch { cwd: cwd.clone(), ..own(lab.job(&["true"])) };
    let job = lab.run(launch);
    let Some(result::Outcome::StartFailed(failed)) = job.end().outcome else { panic!("it must not start") };
    assert_eq!((failed.stage.as_str(), failed.errno, failed.subject), ("chdir", libc::EACCES, cwd));
}

#[test]
fn who_cannot_be_is_refused_and_so_is_anybody_but_ourselves_without_root() {
    let mut lab = Lab::as_ordinary_user();
    for launch in [own(lab.job(&["true"])), user(lab.job(&["true"]), NOBODY, NOBODY, &[])] {
        let refused = lab.try_launch(launch).expect_err("an ordinary user cannot become another");
        assert_eq!((refused.reason(), refused.stage.as_str()), (RefusalReason::Invalid, "validate"));
    }
    let Some(mut lab) = lab_with_own_uids(&[]) else { return };
    let nobody_at_all = Launch { identity: Some(Identity::default()), ..lab.job(&["true"]) };
    for launch in [user(lab.job(&["true"]), u32::MAX, 1, &[]), user(lab.job(&["true"]), 1, 1, &[u32::MAX]), nobody_at_all] {
        assert_eq!(lab.try_launch(launch).expect_err("no such user").reason(), RefusalReason::Invalid);
    }
}

/// As inside of a container that root of the host did not make: groups cannot be set, and there is one user. [ISO-7]
#[test]
fn root_of_a_user_namespace_runs_jobs_as_itself_and_says_that_it_can_be_nobody_else() {
    const WITHIN: [&str; 2] = ["unshare", "-Ur"];
    if !Command::new(WITHIN[0]).args([WITHIN[1], "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no user namespaces here, or no unshare");
        return;
    }
    let mut lab = Lab::within(&WITHIN);
    let own_uids = lab.hello.host.as_ref().and_then(|host| host.own_uids.clone()).expect("told");
    // Groups that it has none of need not be set.
    let refused = if own_groups().is_empty() { ("setresgid", libc::EINVAL) } else { ("setgroups", libc::EPERM) };
    assert_eq!((own_uids.done, (own_uids.stage.as_str(), own_uids.errno)), (false, refused));
    let launch = own(lab.job(&["true"]));
    assert_eq!(lab.try_launch(launch).expect_err("there is no other user").stage, "identity");
    let groups: Vec<u32> = own_groups().into_iter().filter(|group| *group != 0).collect();
    if groups.is_empty() {
        let launch = user(lab.shell("id -u"), 0, 0, &[]);
        assert_eq!(lab.run(launch).stdout(), "0\n");
    } else {
        eprintln!("skipped: the groups {groups:?} of this test have no number in a user namespace");
    }
    let launch = user(lab.job(&["true"]), NOBODY, NOBODY, &[]);
    let Some(result::Outcome::StartFailed(failed)) = lab.run(launch).end().outcome else { panic!("it must not start") };
    assert_eq!(failed.stage, "user");
}

fn own_groups() -> Vec<u32> {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("Groups:")).expect("groups");
    line.split_whitespace().map(|group| group.parse().expect("a number")).collect()
}

/// [ISO-5] [KILL-5]
#[test]
fn what_is_left_of_a_job_whose_shim_and_guard_were_killed_ends_before_its_user_id_is_lent_again() {
    let Some(mut lab) = lab_with_own_uids(&["--job-uids", "1990000010-1990000010"]) else { return };
    // Where there are cgroups, it has some.
    let limits = ResourceLimits { memory_bytes: 64 << 20, best_effort: true, ..ResourceLimits::default() };
    let launch = Launch { limits: Some(limits), ..own(lab.shell("echo ready; setsid sleep 1000 & exec sleep 1000")) };
    let id = launch.job_id.clone();
    let job = lab.launch(launch);
    job.first_line();
    let left = || harness::with_text(&format!("LAB={}", lab.dir.display()));
    wait_for("both processes", || (left().len() == 2).then_some(()));
    job.kill_shim_and_guard();
    wait_for("the program to die with its shim", || (left().len() == 1).then_some(()));
    let next = wait_for("the id", || {
        let launch = own(lab.shell("id -u"));
        lab.try_launch(launch).ok()
    });
    assert!(lab.cgroups().iter().all(|path| !path.to_string_lossy().contains(&id)), "{:?}", lab.cgroups());
    assert_eq!(next.first_line(), "1990000010");
    let left = || harness::with_text(&format!("LAB={}", lab.dir.display()));
    assert!(eventually(|| left().is_empty().then_some(())).is_some(), "within {:?}", *DEADLINE);
}
