//! The first moments of a job, in which its shim speaks with core over the launcher's wire.

mod harness;

use std::path::PathBuf;

use harness::{Job, Lab, SmallDisk, names, wait_for};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{
    Launch, LauncherResponse, Look, ShimEvent, ShimHello, ShimRequest, Signal, Stop, Tell, launcher_request, launcher_response, result, shim_event,
    shim_request,
};

/// Launches, and answers the job and the launch's sequence.
fn launch(lab: &mut Lab, launch: Launch) -> (Job, u64) {
    let dir = lab.dir.join("jobs").join(&launch.job_id);
    let sequence = lab.send(launch);
    match lab.response() {
        LauncherResponse { sequence: answered, response: Some(launcher_response::Response::Launched(launched)) } if answered == sequence => {
            (Job::new(dir, launched.shim_pid), sequence)
        }
        other => panic!("not launched: {other:?}"),
    }
}

/// The next event of this launch.
fn event(lab: &mut Lab, launch: u64) -> ShimEvent {
    match lab.response() {
        LauncherResponse { sequence, response: Some(launcher_response::Response::Relayed(event)) } if sequence == launch => event,
        other => panic!("not an event of the launch: {other:?}"),
    }
}

/// Relayed events up to the last there is.
fn all_events(lab: &mut Lab, launch: u64) -> Vec<shim_event::Event> {
    let mut events = Vec::new();
    loop {
        let next = event(lab, launch).event.expect("an event");
        events.push(next);
        if matches!(events.last(), Some(shim_event::Event::Ended(_) | shim_event::Event::Listening(_))) {
            return events;
        }
    }
}

fn ask(lab: &mut Lab, launch: u64, sequence: u64, request: shim_request::Request) {
    lab.ask(launch, launcher_request::Request::Relay(ShimRequest { sequence, request: Some(request) }));
}

fn is_watched(lab: &mut Lab, job_id: &str) -> bool {
    lab.ask(1000, launcher_request::Request::Look(Look { job_id: job_id.to_owned() }));
    match lab.answer() {
        LauncherResponse { sequence: 1000, response: Some(launcher_response::Response::Looked(looked)) } => looked.watched,
        other => panic!("not an answer to a look: {other:?}"),
    }
}

/// [RUN-6]
#[test]
fn a_job_that_ends_at_once_is_told_of_whole_or_says_where_it_listens() {
    let mut lab = Lab::new();
    let mut relayed_whole = 0;
    for _ in 0..50 {
        let short = lab.shell("echo out; echo err >&2; exit 7");
        let (job, sequence) = launch(&mut lab, short);
        let events = all_events(&mut lab, sequence);
        match events.last() {
            Some(shim_event::Event::Ended(ended)) => {
                let result = ended.result.as_ref().expect("a result");
                assert_eq!(result.outcome, Some(result::Outcome::ExitCode(7)));
                assert_eq!(job.result().as_ref(), Some(result), "what the last event tells stands in the directory");
                assert!(matches!(events.first(), Some(shim_event::Event::Started(_))));
                relayed_whole += 1;
            }
            // On a machine that has no time for it now.
            _ => assert!(job.try_connect().is_some() || job.result().is_some()),
        }
        assert_eq!((job.exit_code(), job.stdout().as_str(), job.stderr().as_str()), (Some(7), "out\n", "err\n"));
        let mut left = names(&job.dir);
        left.sort();
        assert_eq!(left, ["output", "result"]);
    }
    assert!(relayed_whole > 0, "not one of fifty short jobs was over before its shim listened");
}

/// [RUN-6]
#[test]
fn a_job_that_lasts_says_that_it_listens_and_is_then_reached_by_its_socket() {
    let mut lab = Lab::new();
    let long = lab.job(&["sleep", "1000"]);
    let (job, sequence) = launch(&mut lab, long);
    let events = all_events(&mut lab, sequence);
    assert!(matches!(events.last(), Some(shim_event::Event::Listening(_))), "{events:?}");
    let mut connection = job.try_connect().expect("who says that he listens does");
    assert!(names(&job.dir).contains(&"shim.sock".to_owned()));
    connection.stop(0);
    connection.ended().expect("the end");
    assert!(!names(&job.dir).contains(&"shim.sock".to_owned()));
}

/// [RUN-2]
#[test]
fn a_shim_whose_launcher_was_killed_listens_at_once() {
    let mut lab = Lab::new();
    let long = lab.job(&["sleep", "1000"]);
    let (job, _) = launch(&mut lab, long);
    signal::send(lab.launcher.id().cast_signed(), libc::SIGKILL).expect("kill");
    let mut connection = job.connect();
    connection.started();
    connection.stop(0);
    connection.ended().expect("the end");
}

/// [RUN-3] [RUN-4]
#[test]
fn whether_a_job_without_a_socket_is_watched_is_told_by_its_lock() {
    let mut lab = Lab::new();
    let launched = lab.job(&["sleep", "1000"]);
    let id = launched.job_id.clone();
    assert!(!is_watched(&mut lab, &id), "nobody watches what was never launched");
    let job = lab.launch(launched);
    job.connect().started();
    std::fs::remove_file(job.dir.join("shim.sock")).expect("rm");
    assert!(is_watched(&mut lab, &id));
    // Its guard looks after it until nothing of it is left.
    let guard = harness::parent(job.shim);
    signal::send(guard, libc::SIGSTOP).expect("stop");
    signal::send(job.shim, libc::SIGKILL).expect("kill");
    assert!(is_watched(&mut lab, &id), "a guard that has not ended the job yet holds its lock");
    signal::send(guard, libc::SIGCONT).expect("continue");
    wait_for("the guard to leave", || (!is_watched(&mut lab, &id)).then_some(()));
    assert_eq!(job.result(), None);
}

fn filler(disk: &SmallDisk, number: usize) -> PathBuf {
    disk.0.join(format!("filler-{number}"))
}

/// Fills a file system of a few files but for one; so many files did it.
fn leave_room_for_one(disk: &SmallDisk) -> usize {
    let made = (0..100).take_while(|number| std::fs::File::create(filler(disk, *number)).is_ok()).count();
    std::fs::remove_file(filler(disk, made - 1)).expect("rm");
    made - 1
}

/// [KILL-1] [RUN-6]
#[test]
fn a_job_whose_socket_finds_no_room_on_the_disk_is_seen_signalled_and_stopped_all_the_same() {
    let Some(disk) = SmallDisk::mount("nr_inodes=32") else {
        eprintln!("skipped: no right to mount a file system");
        return;
    };
    let mut lab = Lab::at(disk.0.clone(), None);
    // For the job's directory alone.
    let fillers = leave_room_for_one(&disk);
    let long = lab.job(&["sleep", "1000"]);
    let (job, sequence) = launch(&mut lab, long);
    assert!(matches!(event(&mut lab, sequence).event, Some(shim_event::Event::Started(_))));
    ask(&mut lab, sequence, 5, shim_request::Request::Tell(Tell {}));
    let told = event(&mut lab, sequence);
    let Some(shim_event::Event::Hello(ShimHello { started: Some(_), shim_pid, .. })) = told.event else { panic!("not a hello: {told:?}") };
    assert_eq!((told.sequence, shim_pid), (5, job.shim));
    ask(&mut lab, sequence, 6, shim_request::Request::Signal(Signal { signal: 0x7fff }));
    let answered = event(&mut lab, sequence);
    assert_eq!(answered.sequence, 6);
    assert!(matches!(answered.event, Some(shim_event::Event::SignalSent(sent)) if sent.errno == libc::EINVAL));
    ask(&mut lab, sequence, 7, shim_request::Request::Stop(Stop { grace_ms: 0, ..Stop::default() }));
    assert!(matches!(event(&mut lab, sequence).event, Some(shim_event::Event::StopAccepted(_))));
    assert!(matches!(event(&mut lab, sequence).event, Some(shim_event::Event::TreeGone(_))));
    assert!(!names(&job.dir).contains(&"shim.sock".to_owned()), "there was no room for it");
    // Now there is room for the result, and, should the shim look for that first, for the socket.
    (0..fillers.min(2)).for_each(|number| std::fs::remove_file(filler(&disk, number)).expect("rm"));
    let events = all_events(&mut lab, sequence);
    assert!(matches!(events.last(), Some(shim_event::Event::Ended(_) | shim_event::Event::Listening(_))), "{events:?}");
    assert!(matches!(job.end().outcome, Some(result::Outcome::Signal(libc::SIGKILL))));
    drop(lab);
}
