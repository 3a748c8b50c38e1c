//! What a program finds when it starts, and what is told when it cannot.

mod harness;

use std::os::unix::fs::PermissionsExt;

use harness::{Job, Lab};
use worker_supervisor::wire::v1::{Launch, StartFailed, result};

fn start_failed(job: &Job) -> StartFailed {
    let result = job.audit();
    assert_eq!(result.start_time_ns, 0);
    assert_eq!(result.output.expect("summary").file_length, 0);
    match result.outcome {
        Some(result::Outcome::StartFailed(failed)) => failed,
        other => panic!("must not have started: {other:?}"),
    }
}

fn failure(stage: &str, errno: i32, subject: &str) -> StartFailed {
    StartFailed { stage: stage.to_owned(), errno, subject: subject.as_bytes().to_vec() }
}

/// [JOB-2] [OUT-1]
#[test]
fn output_and_exit_code_arrive_as_they_were() {
    let mut lab = Lab::new();
    let launch = lab.shell("printf out; printf err >&2; exit 7");
    let job = lab.run(launch);
    assert_eq!((job.exit_code(), job.stdout().as_str(), job.stderr().as_str()), (Some(7), "out", "err"));
    let result = job.audit();
    assert!(result.start_time_ns > 0 && result.end_time_ns > result.start_time_ns && result.wall_time_ns > 0);
    assert!(result.usage.expect("usage").peak_memory_bytes > 0);
}

/// [JOB-2]
#[test]
fn a_signal_that_we_did_not_send_is_told_as_one() {
    let mut lab = Lab::new();
    let launch = lab.shell("kill -SEGV $$");
    let job = lab.run(launch);
    let result = job.audit();
    assert_eq!(result.outcome, Some(result::Outcome::Signal(libc::SIGSEGV)));
    assert_eq!(result.cause, 0);
}

/// [SUB-6]
#[test]
fn a_missing_program_is_told_with_stage_and_errno() {
    let mut lab = Lab::new();
    for program in ["no-such-program", "/no/such/program"] {
        let launch = lab.job(&[program]);
        assert_eq!(start_failed(&lab.run(launch)), failure("exec", libc::ENOENT, program));
    }
}

/// [SUB-6]
#[test]
fn a_missing_working_directory_is_not_taken_for_a_missing_program() {
    let mut lab = Lab::new();
    let launch = Launch { cwd: b"/no/such/dir".to_vec(), ..lab.job(&["true"]) };
    assert_eq!(start_failed(&lab.run(launch)), failure("chdir", libc::ENOENT, "/no/such/dir"));
}

/// [SUB-6]
#[test]
fn a_file_without_execute_bit_and_one_that_is_no_program_are_told_apart() {
    let mut lab = Lab::new();
    let file = lab.dir.join("file");
    std::fs::write(&file, "echo never\n").expect("write");
    let path = file.to_str().expect("UTF-8").to_owned();
    let launch = lab.job(&[&path]);
    assert_eq!(start_failed(&lab.run(launch)), failure("exec", libc::EACCES, &path));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let launch = lab.job(&[&path]);
    assert_eq!(start_failed(&lab.run(launch)), failure("exec", libc::ENOEXEC, &path));
}

/// [SUB-4]
#[test]
fn the_program_is_found_by_the_jobs_own_path_as_execvp_finds_it() {
    let mut lab = Lab::new();
    let denied = lab.dir.join("denied");
    let good = lab.dir.join("good");
    for (dir, mode) in [(&denied, 0o644), (&good, 0o755)] {
        std::fs::create_dir(dir).expect("mkdir");
        std::fs::write(dir.join("program"), "#!/bin/sh\necho $0\n").expect("write");
        std::fs::set_permissions(dir.join("program"), std::fs::Permissions::from_mode(mode)).expect("chmod");
    }
    let with_path = |lab: &mut Lab, path: String| {
        let mut launch = lab.job(&["program"]);
        launch.env[0] = format!("PATH={path}").into_bytes();
        lab.run(launch)
    };
    let found = with_path(&mut lab, format!("/no/such:{}:{}", denied.display(), good.display()));
    assert_eq!(found.stdout(), format!("{}/program\n", good.display()));
    let refused = with_path(&mut lab, format!("{}:/no/such", denied.display()));
    assert_eq!(start_failed(&refused), failure("exec", libc::EACCES, "program"));
}

/// [SUB-4]
#[test]
fn argv_and_environment_arrive_byte_for_byte() {
    let mut lab = Lab::new();
    let mut launch = lab.job(&["/bin/cat", "/proc/self/cmdline", "/proc/self/environ"]);
    launch.argv[0] = b"/bin/cat".to_vec();
    launch.env = vec![b"B=\xff\x01 =x".to_vec(), b"A=".to_vec(), b"B=second".to_vec()];
    let expected = [launch.argv.join(&0), vec![0], launch.env.join(&0), vec![0]].concat();
    let job = lab.run(launch);
    assert_eq!(job.stream(worker_supervisor::output::frame::Stream::Stdout), expected);
}

/// [SUB-4]
#[test]
fn nothing_of_ours_is_open_in_a_program() {
    let mut lab = Lab::new();
    let launch = lab.job(&["ls", "-l", "/proc/self/fd"]);
    let out = lab.run(launch).stdout();
    let targets: Vec<&str> = out.lines().filter_map(|line| line.split_once(" -> ")).map(|(_, target)| target).collect();
    // The fourth is the directory that ls reads.
    assert!(matches!(targets[..], ["/dev/null", out, err, dir] if out.starts_with("pipe:") && err.starts_with("pipe:") && dir.ends_with("/fd")), "{out}");
}

/// [SUB-4]
#[test]
fn standard_output_can_be_opened_by_its_name() {
    let mut lab = Lab::as_ordinary_user();
    let launch = lab.shell("echo out >/dev/stdout; echo err >/dev/stderr");
    let job = lab.run(launch);
    assert_eq!((job.stdout().as_str(), job.stderr().as_str()), ("out\n", "err\n"));
}

/// [SUB-4]
#[test]
fn signals_limits_and_umask_are_those_of_a_fresh_login() {
    let mut lab = Lab::new();
    let launch = lab.shell("grep ^Sig[BIC] /proc/self/status; umask; ulimit -c; ulimit -Hc");
    let job = lab.run(launch);
    let zero = "0000000000000000";
    let out = job.stdout();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("SigBlk:\t{zero}"));
    assert_eq!(lines[1], format!("SigIgn:\t{zero}"));
    assert_eq!(lines[3..], ["0022", "0", "0"]);
}

/// [SUB-4]
#[test]
fn a_program_leads_its_own_session_and_group() {
    let mut lab = Lab::new();
    let launch = lab.shell("set -- $(sed 's/.*) //' /proc/$$/stat); echo $$ $3 $4");
    let out = lab.run(launch).stdout();
    let words: Vec<&str> = out.split_whitespace().collect();
    assert!(words[0] == words[1] && words[1] == words[2], "{out}");
}

/// [SUB-4]
#[test]
fn a_program_runs_where_it_was_asked_to() {
    let mut lab = Lab::new();
    let launch = Launch { cwd: b"/usr/bin".to_vec(), ..lab.job(&["pwd"]) };
    assert_eq!(lab.run(launch).stdout(), "/usr/bin\n");
}
