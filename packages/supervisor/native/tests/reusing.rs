//! Guard and shim that serve one job after another. A job counts as short here however slow the machine is.

mod harness;

use harness::{Job, Lab, SHORT, alive, enclosed, lab_of_sandboxes, parent, run_short, served_again, wait_for, with_bind};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{Network, ShimRequest, Signal, Stop, launcher_request, result, shim_request};

/// [SUB-4] [JOB-2]
#[test]
fn a_job_is_told_of_as_it_was_whatever_its_shim_served_before() {
    for mut lab in [Lab::with(SHORT), Lab::as_ordinary_user_with(SHORT)] {
        // dd has its block in memory.
        let ((big, _), (small, _)) = served_again(
            &mut lab,
            |lab| lab.job(&["dd", "if=/dev/zero", "of=/dev/null", "bs=3M", "count=1", "status=none"]),
            |lab| lab.shell("echo small >&2; kill -TERM $$"),
        );
        assert_eq!(big.exit_code(), Some(0));
        assert_eq!((small.stdout().as_str(), small.stderr().as_str()), ("", "small\n"));
        let (big, small) = (big.audit(), small.audit());
        assert_eq!(small.outcome, Some(result::Outcome::Signal(libc::SIGTERM)));
        assert!(small.start_time_ns > big.end_time_ns);
        let (big, small) = (big.usage.expect("usage"), small.usage.expect("usage"));
        assert!(big.peak_memory_bytes > 3 << 20 && small.peak_memory_bytes < 3 << 20, "{big:?} {small:?}");
    }
}

/// [RUN-6] [ISO-5]
#[test]
fn shim_and_guard_leave_when_no_job_comes() {
    let mut lab = Lab::with(SHORT);
    let (first, _) = served_again(&mut lab, |lab| lab.job(&["true"]), |lab| lab.job(&["true"])).0;
    let guard = parent(first.shim);
    wait_for("the shim to leave", || (!alive(first.shim)).then_some(()));
    wait_for("the guard to leave", || (!alive(guard)).then_some(()));
}

/// [RUN-2] [SUB-2]
#[test]
fn a_shim_that_waits_and_is_killed_or_loses_its_guard_costs_no_job() {
    let mut lab = Lab::with(SHORT);
    for kill_guard in [false, true] {
        let (first, _) = served_again(&mut lab, |lab| lab.job(&["true"]), |lab| lab.job(&["true"])).1;
        let guard = parent(first.shim);
        let killed = if kill_guard { guard } else { first.shim };
        signal::send(killed, libc::SIGKILL).expect("kill");
        wait_for("its death", || (!alive(killed)).then_some(()));
        for _ in 0..3 {
            let launch = lab.shell("echo ran");
            let job = lab.run(launch);
            assert_eq!((job.exit_code(), job.stdout().as_str()), (Some(0), "ran\n"));
            assert_ne!(job.shim, first.shim, "a shim without a guard serves nobody");
        }
    }
}

/// [KILL-3]
#[test]
fn what_comes_late_for_a_job_that_has_ended_does_not_touch_the_next() {
    let mut lab = Lab::with(SHORT);
    let (_, (before, sequence)) = served_again(&mut lab, |lab| lab.job(&["true"]), |lab| lab.job(&["true"]));
    let next = lab.shell("sleep 0.005; exit 5");
    let dir = lab.dir.join("jobs").join(&next.job_id);
    lab.send(next);
    for request in [shim_request::Request::Stop(Stop { grace_ms: 0, ..Stop::default() }), shim_request::Request::Signal(Signal { signal: libc::SIGKILL })] {
        lab.ask(sequence, launcher_request::Request::Relay(ShimRequest { sequence: 9, request: Some(request) }));
    }
    lab.answer();
    let next = Job::new(dir, before.shim);
    assert_eq!(next.exit_code(), Some(5));
}

/// [RUN-3] [RUN-4]
#[test]
fn a_shim_that_is_killed_in_a_later_job_leaves_nothing_of_that_one() {
    for mut lab in [Lab::with(SHORT), Lab::as_ordinary_user_with(SHORT)] {
        let (before, _) = served_again(&mut lab, |lab| lab.job(&["true"]), |lab| lab.job(&["true"])).1;
        let launch = lab.shell("setsid sleep 1000 & sleep 1000 & echo ready; wait");
        let job = lab.launch(launch);
        job.first_line();
        let guard = parent(job.shim);
        signal::send(job.shim, libc::SIGKILL).expect("kill");
        wait_for("the guard to end the tree", || (!alive(guard)).then_some(()));
        assert!(harness::of_jobs(&lab).is_empty(), "processes of the job are left");
        assert_eq!(job.result(), None);
        assert!(before.result().is_some(), "the job before is as it was");
    }
}

/// [ISO-1] [ISO-5] [ISO-8]
#[test]
fn sandboxes_of_one_shim_know_nothing_of_each_other() {
    let Some(mut lab) = lab_of_sandboxes() else { return };
    let script = "ls -A /workspace /tmp /run; echo $$; touch /workspace/mine /tmp/mine; sleep 1000 & exit 0";
    let ((first, _), (second, _)) = served_again(&mut lab, |lab| enclosed(lab.shell(script)), |lab| enclosed(lab.shell(script)));
    assert_eq!(first.exit_code(), Some(0));
    assert_eq!(first.stdout(), second.stdout(), "the second sees what the first saw, down to its process id");
    assert!(!second.stdout().contains("mine"));
    harness::assert_nothing_left(&lab, &second);
}

/// All that a job can see of its network, and the network's name.
const SEEN: &str = "cd /proc/net && cat dev snmp netstat snmp6 rt6_stats ipv6_route unix; head -1 sockstat; readlink /proc/self/ns/net";

/// [ISO-1] [ISO-2]
#[test]
fn a_network_passes_to_the_next_job_only_as_it_was_made() {
    let Some(mut lab) = lab_of_sandboxes() else { return };
    let look = |lab: &mut Lab| enclosed(lab.shell(SEEN));
    let network = |job: &Job| job.stdout().lines().last().map(ToOwned::to_owned).expect("the name of a namespace");

    let ((first, _), (second, _)) = served_again(&mut lab, look, look);
    assert_eq!(first.stdout(), second.stdout(), "it is the same, and as new");

    let seen = |job: &Job| job.stdout().replace(&network(job), "");
    let marks = [
        ("a packet", "echo x > /dev/udp/127.0.0.1/9"),
        ("a call that fails", "echo x > /dev/udp/10.1.1.1/9"),
        ("a route that is looked up", "exec 3<> /dev/udp/::1/9"),
        // Of a group nothing is told any more when its member is gone.
        (
            "a group",
            "/usr/bin/python3 -c 'import socket as s; u = s.socket(s.AF_INET, s.SOCK_DGRAM); u.setsockopt(s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, s.inet_aton(\"239.1.2.3\") + s.inet_aton(\"127.0.0.1\"))'",
        ),
    ];
    for (what, script) in marks {
        let late = format!("sleep 1.5; {SEEN}");
        let (_, (after, _)) = served_again(&mut lab, |lab| enclosed(lab.job(&["bash", "-c", script])), |lab| enclosed(lab.shell(&late)));
        assert_eq!(seen(&first), seen(&after), "nothing is seen of {what}");
    }
}

/// [ISO-1]
#[test]
fn a_network_that_a_job_may_have_shown_to_somebody_is_given_to_nobody_else() {
    let Some(mut lab) = lab_of_sandboxes() else { return };
    let shared = lab.dir.join("shared");
    std::fs::create_dir(&shared).expect("a directory");
    let bound = |lab: &mut Lab| with_bind(enclosed(lab.shell("readlink /proc/self/ns/net")), &shared, "", "/shared", false);
    let unbound = |lab: &mut Lab| enclosed(lab.shell("readlink /proc/self/ns/net"));
    let (before, own, after) = wait_for("a shim to serve three jobs", || {
        let three = [unbound(&mut lab), bound(&mut lab), unbound(&mut lab)].map(|launch| run_short(&mut lab, launch));
        let [Some((before, _)), Some((own, _)), Some((after, _))] = three else { return None };
        (before.shim == own.shim && own.shim == after.shim).then_some((before, own, after))
    });
    // All are there at once, so that no name can have passed from one to another.
    assert_ne!(before.stdout(), own.stdout());
    assert_eq!(before.stdout(), after.stdout());
}

/// [ISO-2]
#[test]
fn a_job_that_lasts_has_no_socket_of_its_shim_in_its_network() {
    let mut lab = Lab::new();
    let launch = enclosed(lab.shell("sleep 0.5; cat /proc/net/unix; head -1 /proc/net/sockstat"));
    let job = lab.run(launch);
    assert_eq!(job.stdout().lines().skip(1).collect::<Vec<_>>(), ["sockets: used 0"], "{}", job.stdout());
}

/// [ISO-1] [ISO-5]
#[test]
fn a_workspace_passes_to_the_next_job_only_as_it_was_made() {
    const LOOK: &str = "ls -A /workspace; stat -c '%a %u %g %h %s' /workspace; lsattr -d /workspace; /usr/bin/python3 -c 'import os; print(os.listxattr(\".\"))'; stat -c %i /workspace";
    let Some(mut lab) = lab_of_sandboxes() else { return };
    let look = |lab: &mut Lab| enclosed(lab.shell(LOOK));
    let seen = |job: &Job| job.stdout().lines().rev().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>();
    let ((first, _), (second, _)) = served_again(&mut lab, look, look);
    assert_eq!(first.stdout(), second.stdout(), "it is the same, and as new");
    let marks = [
        "echo x > f",
        "mkdir -p d/e",
        "chmod 0777 .",
        "chattr +d .",
        "/usr/bin/python3 -c 'import os; os.setxattr(\".\", \"user.x\", b\"y\")'",
        // An access list for what is made in it.
        "/usr/bin/python3 -c 'import os; f = b\"\\xff\" * 4; os.setxattr(\".\", \"system.posix_acl_default\", b\"\\2\\0\\0\\0\\1\\0\\7\\0\" + f + b\"\\4\\0\\0\\0\" + f + b\"\\40\\0\\0\\0\" + f)'",
    ];
    for mark in marks {
        let ((marked, _), (after, _)) = served_again(&mut lab, |lab| enclosed(lab.shell(mark)), look);
        assert_eq!(marked.exit_code(), Some(0), "{mark}: {}", marked.stderr());
        assert_eq!(seen(&first), seen(&after), "nothing is seen of {mark}");
    }
    let launch = look(&mut lab);
    let shim = run_short(&mut lab, launch).expect("a short job").0.shim;
    signal::send(shim, libc::SIGKILL).expect("kill");
    wait_for("what was kept to go", || std::fs::read_dir(lab.dir.join("work")).is_ok_and(|mut names| names.next().is_none()).then_some(()));
}

/// [ISO-2]
#[test]
fn a_job_on_the_hosts_network_is_on_it_after_one_that_had_its_own() {
    let Some(mut lab) = lab_of_sandboxes() else { return };
    if lab.hello.host.as_ref().is_some_and(|host| host.landlock_abi < 6) {
        eprintln!("skipped: this host shows its network to no sandbox");
        return;
    }
    let named = |lab: &mut Lab| enclosed(lab.shell("readlink /proc/self/ns/net"));
    let on_hosts = |lab: &mut Lab| {
        let mut launch = named(lab);
        launch.sandbox.as_mut().expect("a sandbox").set_network(Network::Host);
        launch
    };
    let hosts = std::fs::read_link("/proc/self/ns/net").expect("our network").to_string_lossy().into_owned();
    let ((own, _), (shared, _)) = served_again(&mut lab, named, on_hosts);
    assert_ne!(own.stdout().trim(), hosts);
    assert_eq!(shared.stdout().trim(), hosts);
    let ((shared, _), (own, _)) = served_again(&mut lab, on_hosts, named);
    assert_eq!(shared.stdout().trim(), hosts);
    assert_ne!(own.stdout().trim(), hosts);
}
