//! Jobs in sandboxes: what they find, and that nothing of them is left.

mod harness;

use std::path::Path;

use harness::{as_root_and_as_ordinary_user, assert_nothing_left, enclosed, enclosed_fixture, finish, run_enclosed, start_failed, wait_for};
use worker_supervisor::wire::v1::{EndCause, Launch, StartFailed};

/// [ISO-7]
#[test]
fn what_the_host_enforces_was_tried() {
    as_root_and_as_ordinary_user(|lab| {
        let host = lab.hello.host.clone().expect("what the host lets us do");
        assert!(host.seccomp.is_some_and(|tried| tried.done));
        assert!(host.sandbox.is_some_and(|tried| tried.done));
        assert!(host.network_namespace.is_some_and(|tried| tried.done));
        assert!(host.memory_bytes > 0 && host.cpus > 0 && !host.kernel_release.is_empty());
        assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
    });
}

/// [ISO-1]
#[test]
fn a_job_finds_its_own_small_world() {
    as_root_and_as_ordinary_user(|mut lab| {
        let out = run_enclosed(
            &mut lab,
            "id -un; id -u; pwd; hostname; echo $$; ls /; ls -A /home /root /opt /srv /mnt /media /sys /tmp /run /workspace; echo $HOME",
        );
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..5], ["worker", "1000", "/workspace", "worker", "2"], "{out}");
        let empty = ["/home:", "/root:", "/opt:", "/srv:", "/mnt:", "/media:", "/sys:", "/tmp:", "/run:", "/workspace:"];
        for dir in empty {
            let at = lines.iter().position(|line| *line == dir).unwrap_or_else(|| panic!("{dir} is not there: {out}"));
            assert!(lines.get(at + 1).is_none_or(|next| next.is_empty() || *next == "/workspace"), "{dir} is not empty: {out}");
        }
    });
}

/// Programs that are worth trying where they are: what each is given, and what it answers.
const FOREIGN: [(&str, &str, &str); 5] = [
    (
        "cc",
        r#"printf '#include <stdio.h>\n#include <pthread.h>\nvoid *f(void *x) { puts("thread"); return x; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return pthread_join(t, 0); }\n' > a.c
        cc -o a a.c -lpthread && ./a"#,
        "thread",
    ),
    ("git", "git init -q . && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x && git log --oneline | wc -l", "1"),
    (
        "python3",
        r#"/usr/bin/python3 -c 'import multiprocessing
q = multiprocessing.Value("i", 41)
p = multiprocessing.Process(target=lambda: setattr(q, "value", q.value + 1)); p.start(); p.join(); print(q.value)'"#,
        "42",
    ),
    ("ps", "ps -e | wc -l", "5"),
    ("script", "script -qc tty /dev/null | grep -c /dev/pts", "1"),
];

/// [ISO-1] [ISO-3]
#[test]
fn ordinary_programs_work() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed_fixture(&mut lab, "ordinary", &[]);
        assert_eq!(finish(&mut lab, launch), "loopback\nprocess\n");
        let out = run_enclosed(
            &mut lab,
            "echo out > /dev/stdout; echo err > /dev/stderr; echo shared > /dev/shm/x; cat /dev/shm/x; echo t > /tmp/x; echo r > /run/x; head -c 4 /dev/urandom | wc -c",
        );
        assert_eq!(out, "out\nshared\n4\nerr\n");
        for (program, script, expected) in FOREIGN {
            if !Path::new("/usr/bin").join(program).exists() {
                eprintln!("not tried: no {program} here");
                continue;
            }
            assert_eq!(run_enclosed(&mut lab, script).trim(), expected, "{program}");
        }
    });
}

/// [SUB-6]
#[test]
fn what_is_missing_inside_is_told_with_stage_and_errno() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.job(&["no-such-program"]));
        let job = lab.run(launch);
        assert_eq!(start_failed(&job), StartFailed { stage: "exec".to_owned(), errno: libc::ENOENT, subject: b"no-such-program".to_vec() });
        assert_nothing_left(&lab, &job);
        let launch = Launch { cwd: lab.dir.as_os_str().as_encoded_bytes().to_vec(), ..enclosed(lab.job(&["true"])) };
        let subject = launch.cwd.clone();
        let job = lab.run(launch);
        assert_eq!(start_failed(&job), StartFailed { stage: "chdir".to_owned(), errno: libc::ENOENT, subject });
        assert_nothing_left(&lab, &job);
    });
}

/// [KILL-1] [ISO-5]
#[test]
fn stop_ends_what_left_every_session() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("trap : TERM; for i in 1 2 3 4 5; do setsid sh -c 'trap : TERM; (setsid sleep 1000 &) ; while :; do sleep 100; done' & done; echo ready; while :; do sleep 100; done"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let below = harness::descendants_of(job.shim);
        assert!(below.len() >= 6);
        let mut connection = job.connect();
        connection.stop(0);
        let result = connection.ended().expect("the end");
        assert_eq!(result.cause(), EndCause::StopRequested);
        assert!(below.iter().all(|pid| !harness::alive(*pid)));
        assert_nothing_left(&lab, &job);
    });
}

/// [RUN-3] [ISO-5]
#[test]
fn a_shim_that_is_killed_takes_the_sandbox_with_it() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("(setsid sleep 1000 &); echo ready; exec sleep 1000"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let below = harness::descendants_of(job.shim);
        worker_supervisor::sys::signal::send(job.shim, libc::SIGKILL).expect("kill");
        wait_for("the job to go", || below.iter().all(|pid| !harness::alive(*pid)).then_some(()));
        assert_nothing_left(&lab, &job);
        assert!(job.result().is_none());
    });
}
