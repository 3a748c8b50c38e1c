//! What a sandboxed job is shown of the host's files, and what becomes of its own.

mod harness;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use harness::{Lab, as_root_and_as_ordinary_user, assert_nothing_left, enclosed, finish, fixture, start_failed, wait_for, with_bind};
use worker_supervisor::wire::v1::{RefusalReason, StartFailed};

/// [ISO-6]
#[test]
fn binds_show_what_policy_names_and_no_link_leads_out() {
    as_root_and_as_ordinary_user(|mut lab| {
        let shared = lab.dir.join("shared");
        std::fs::create_dir_all(shared.join("deep/er")).expect("mkdir");
        std::fs::write(shared.join("deep/er/file"), "content\n").expect("write");
        std::fs::write(shared.join("single"), "one\n").expect("write");
        symlink("/etc", shared.join("out")).expect("symlink");
        for path in [&shared, &shared.join("deep"), &shared.join("deep/er")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("chmod");
        }
        for target in ["/data", "/data/set/one", "/opt/tool", "/var/cache/x", "/home/me", "/workspace/in/side", "/tmp/x", "/srv"] {
            let script = format!(
                "cat {target}/deep/er/file; touch {target}/deep/x 2>/dev/null && echo wrote; ls -d /usr/bin /etc/passwd /dev/null /proc/self /var/tmp/ > /dev/null; touch /workspace/w /tmp/w /run/w /dev/shm/w; id -un"
            );
            let launch = with_bind(enclosed(lab.shell(&script)), &shared, "", target, false);
            assert_eq!(finish(&mut lab, launch), "content\nworker\n", "{target}");
        }
        let launch = with_bind(
            enclosed(lab.shell("touch /data/x && echo wrote; cat /one /data2/a/deep/er/file /data2/b/single; touch /y /data2/y 2>/dev/null")),
            &shared,
            "deep/er",
            "/data",
            true,
        );
        let launch = with_bind(launch, &shared, "single", "/one", false);
        let launch = with_bind(launch, &shared, "", "/data2/a", false);
        let launch = with_bind(launch, &shared, "", "/data2/b", false);
        assert_eq!(finish(&mut lab, launch), "wrote\none\ncontent\none\n");
        assert!(shared.join("deep/er/x").exists());
        for (path, errno) in [("out", libc::ELOOP), ("out/ssl", libc::ELOOP), ("missing", libc::ENOENT)] {
            let launch = with_bind(enclosed(lab.shell("true")), &shared, "deep", "/fine", false);
            let launch = with_bind(launch, &shared, path, "/data", false);
            let job = lab.run(launch);
            let subject = [shared.as_os_str().as_encoded_bytes(), b"/", path.as_bytes()].concat();
            assert_eq!(start_failed(&job), StartFailed { stage: "bind".to_owned(), errno, subject });
            assert_nothing_left(&lab, &job);
        }
        // The binds are gone with their jobs; what they showed is not.
        assert!(shared.join("deep/er/file").exists());
    });
}

/// [ISO-7]
#[test]
fn binds_that_make_no_sense_are_refused_and_nothing_is_made() {
    let mut lab = Lab::new();
    let launch = with_bind(enclosed(lab.shell("true")), Path::new("/usr"), "../etc", "/x", false);
    let refused = lab.try_launch(launch).expect_err("refused");
    assert_eq!(refused.reason(), RefusalReason::Invalid);
    assert_eq!(std::fs::read_dir(lab.dir.join("jobs")).expect("jobs").count(), 0);
    assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
}

/// [ISO-5]
#[test]
fn workspaces_are_removed_whatever_a_job_made_of_them() {
    as_root_and_as_ordinary_user(|mut lab| {
        let outside = lab.dir.join("outside");
        std::fs::create_dir(&outside).expect("mkdir");
        std::fs::write(outside.join("kept"), "kept").expect("write");
        let script = format!(
            "/fixture && ln -s {0} l; ln -s {0}/kept m; mkdir -p a/b/c .1 .2/x; touch a/b/c/f a/b/g .2/x/y; mkfifo p; \
             for i in $(seq 2000); do : > f$i; done; chmod 000 a/b/c a/b a; chmod 555 .2/x .2; chmod 000 .; echo made",
            outside.display()
        );
        let launch = with_bind(enclosed(lab.shell(&script)), Path::new(&fixture("deep_tree")), "", "/fixture", false);
        assert_eq!(finish(&mut lab, launch), "made\n");
        assert!(outside.join("kept").exists());
        assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
    });
}

/// [ISO-5] [RUN-6]
#[test]
fn a_launcher_removes_the_workspaces_of_jobs_whose_shim_and_guard_are_gone() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("echo ready; exec sleep 1000"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let living = enclosed(lab.shell("echo ready; sleep 1000"));
        let living = lab.launch(living);
        assert_eq!(living.first_line(), "ready");
        job.kill_shim_and_guard();
        let works = || std::fs::read_dir(lab.dir.join("work")).expect("work").count();
        assert_eq!(works(), 2);
        let uid = std::fs::metadata(&lab.dir).expect("stat").uid();
        let (mut second, core) = harness::spawn_launcher(&lab.dir, (uid != 0).then_some(uid));
        wait_for("the workspace to go", || (works() == 1).then_some(()));
        drop(core);
        second.wait().expect("wait");
        let mut connection = living.connect();
        connection.stop(0);
        connection.ended().expect("the end");
        assert_nothing_left(&lab, &living);
    });
}
