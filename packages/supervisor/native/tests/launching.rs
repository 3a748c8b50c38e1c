//! The launcher, and a job's directory.

mod harness;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use harness::{DEADLINE, Lab, names, spawn_launcher, temp_dir, wait_for};
use worker_supervisor::wire::v1::RefusalReason;

/// [RUN-6]
#[test]
fn the_launcher_says_who_it_is_and_leaves_with_core() {
    let mut lab = Lab::new();
    assert_eq!(lab.hello.protocol_version, 2);
    assert_eq!(lab.hello.release, env!("CARGO_PKG_VERSION"));
    assert_eq!(lab.hello.pid.cast_unsigned(), lab.launcher.id());
    assert!(lab.leave().success());
}

/// [SUB-2]
#[test]
fn a_job_cannot_be_started_twice() {
    let mut lab = Lab::new();
    let marker = lab.dir.join("marker");
    let launch = lab.shell(&format!("echo once >> {}", marker.display()));
    lab.run(launch.clone());
    let refused = lab.try_launch(launch).expect_err("started before");
    assert_eq!(refused.reason(), RefusalReason::Exists);
    assert!(lab.starting().is_empty());
    assert_eq!(std::fs::read_to_string(marker).expect("marker"), "once\n");
}

/// [SUB-2]
#[test]
fn of_many_starts_of_one_job_at_once_exactly_one_wins() {
    let mut lab = Lab::new();
    let launch = lab.job(&["true"]);
    for _ in 0..20 {
        lab.send(launch.clone());
    }
    let launched = (0..20).filter(|_| matches!(lab.answer().response, Some(worker_supervisor::wire::v1::launcher_response::Response::Launched(_)))).count();
    assert_eq!(launched, 1);
}

/// [RUN-6]
#[test]
fn the_directory_and_all_in_it_are_for_its_owner_alone() {
    let mut lab = Lab::new();
    let launch = lab.job(&["echo", "x"]);
    let job = lab.run(launch);
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o7777;
    assert_eq!(mode(&job.dir), 0o700);
    assert_eq!(mode(&job.dir.join("output")), 0o600);
    assert_eq!(mode(&job.dir.join("result")), 0o600);
    let mut files = names(&job.dir);
    files.sort();
    // The socket went with the shim.
    assert_eq!(files, ["output", "result"]);
}

#[test]
fn a_request_that_makes_no_sense_is_refused_and_leaves_nothing() {
    let mut lab = Lab::new();
    let mut launch = lab.job(&["true"]);
    launch.job_id = "../../../../tmp/escape".to_owned();
    assert_eq!(lab.try_launch(launch).expect_err("refused").reason(), RefusalReason::Invalid);
    let mut launch = lab.job(&["true"]);
    launch.argv.clear();
    assert_eq!(lab.try_launch(launch).expect_err("refused").reason(), RefusalReason::Invalid);
    assert!(names(&lab.dir.join("jobs")).is_empty());
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_with_stage_and_errno() {
    if harness::is_root() {
        // Root writes to directories without the write bit; the file system itself must refuse: a file where "starting" was cannot hold directories.
        let mut lab = Lab::new();
        std::fs::remove_dir(lab.dir.join("starting")).expect("rmdir");
        let launch = lab.job(&["true"]);
        let refused = lab.try_launch(launch).expect_err("refused");
        assert_eq!((refused.reason(), refused.stage.as_str(), refused.errno), (RefusalReason::System, "mkdir", libc::ENOENT));
        assert!(names(&lab.dir.join("jobs")).is_empty());
        return;
    }
    let mut lab = Lab::new();
    std::fs::set_permissions(lab.dir.join("starting"), std::fs::Permissions::from_mode(0o500)).expect("chmod");
    let launch = lab.job(&["true"]);
    let refused = lab.try_launch(launch).expect_err("refused");
    assert_eq!((refused.reason(), refused.stage.as_str(), refused.errno), (RefusalReason::System, "mkdir", libc::EACCES));
}

#[test]
fn a_malformed_or_oversized_frame_ends_the_launcher_with_a_message_and_no_job() {
    for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[3, 0, 0, 0, 0xff, 0xff, 0xff][..]] {
        let dir = temp_dir();
        let (mut launcher, mut core) = spawn_launcher(&dir, None);
        core.set_read_timeout(Some(*DEADLINE)).expect("timeout");
        harness::read_frame(&mut core).expect("hello");
        core.write_all(bytes).expect("send");
        let status = wait_for("the launcher to leave", || launcher.try_wait().expect("wait"));
        assert!(!status.success());
        let mut message = String::new();
        launcher.stderr.take().expect("stderr").read_to_string(&mut message).expect("read");
        assert!(message.contains("core sent a"), "{message}");
        std::fs::remove_dir_all(dir).expect("rm");
    }
}

#[test]
fn a_state_directory_that_others_may_write_to_is_refused() {
    let dir = temp_dir();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let (mut launcher, _core) = spawn_launcher(&dir, None);
    assert!(!wait_for("the launcher to leave", || launcher.try_wait().expect("wait")).success());
    std::fs::remove_dir_all(dir).expect("rm");
}

/// [RUN-6]
#[test]
fn what_a_dead_start_left_is_removed_and_a_living_one_is_left_alone() {
    let dir = temp_dir();
    let starting = dir.join("starting");
    let mut dead = std::process::Command::new("true").spawn().expect("spawn");
    dead.wait().expect("wait");
    let mut other = Lab::new();
    let launch = other.shell("sleep 1000");
    let shim = other.launch(launch);
    let left = format!("01890a5d-ac96-774b-bcce-b302099a8057.{}", dead.id());
    // The number of a maker that died before the host was started anew is some other process's now.
    let passed_on = format!("01890a5d-ac96-774b-bcce-b302099a8057.{}", std::process::id());
    let living = format!("01890a5d-ac96-774b-bcce-b302099a8057.{}", shim.shim);
    for name in [&left, &passed_on, &living] {
        std::fs::create_dir_all(starting.join(name)).expect("mkdir");
        drop(std::os::unix::net::UnixListener::bind(starting.join(name).join("shim.sock")).expect("bind"));
    }
    let lab = Lab::at(dir, None);
    assert_eq!(lab.starting(), [living.as_str()]);
    std::fs::remove_dir_all(starting.join(living)).expect("rm");
    let mut connection = shim.connect();
    connection.stop(0);
    connection.ended();
}

#[test]
fn a_state_directory_with_a_path_longer_than_a_socket_address_works() {
    let mut dir = temp_dir();
    let root = dir.clone();
    for _ in 0..4 {
        dir = dir.join("a-long-name-as-people-have-them-in-their-home-directories");
        std::fs::create_dir(&dir).expect("mkdir");
    }
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    let mut lab = Lab::at(dir, None);
    let launch = lab.job(&["echo", "long"]);
    let job = lab.launch(launch);
    wait_for("the result", || job.result());
    assert_eq!(job.stdout(), "long\n");
    drop(lab);
    std::fs::remove_dir_all(root).expect("rm");
}

/// [RUN-2]
#[test]
fn the_launcher_outlives_a_ctrl_c_in_the_servers_terminal() {
    let mut lab = Lab::new();
    let launcher = lab.launcher.id().cast_signed();
    // A terminal signals process groups of its session: the launcher is in none of them.
    let group_and_session = |pid: String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
        stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(2).take(2).map(str::to_owned).collect::<Vec<_>>()).expect("fields")
    };
    assert_eq!(group_and_session(launcher.to_string()), [launcher.to_string(), launcher.to_string()]);
    assert_ne!(group_and_session("self".to_owned())[1], launcher.to_string());
    let launch = lab.job(&["true"]);
    assert_eq!(lab.run(launch).exit_code(), Some(0));
}
