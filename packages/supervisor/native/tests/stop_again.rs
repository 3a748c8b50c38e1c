//! A stop whose answer was lost, and which is asked for again on another way.

mod harness;

use harness::{Connection, Job, Lab, SmallDisk, wait_for};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{
    EndCause, Launch, LauncherResponse, ShimRequest, Stop, launcher_request, launcher_response, result, shim_event, shim_request,
};

/// Says each signal that it hears, and stays. Of a sleep that the signal ends the shell would speak as well.
const LISTENER: &str = "exec 2>/dev/null; trap 'echo TERM' TERM; trap 'echo INT' INT; echo ready; while :; do sleep 0.01; done";
const AN_HOUR: u64 = 3_600_000;

fn stop(signal: i32) -> shim_request::Request {
    shim_request::Request::Stop(Stop { grace_ms: AN_HOUR, signal, cause: EndCause::StopRequested.into(), requested_by: "somebody".to_owned() })
}

/// Waits until the program has said so much.
fn wait_for_words(job: &Job, words: &str) {
    wait_for(words, || {
        let file = std::fs::read(job.dir.join("output")).ok()?;
        let said: Vec<u8> = harness::parse_output(&file).0.into_iter().flat_map(|(_, bytes)| bytes).collect();
        (said == words.as_bytes()).then_some(())
    });
}

/// Asks for the stop, and waits for the answer.
fn stop_again(connection: &mut Connection, signal: i32) {
    let asked = connection.send(stop(signal));
    loop {
        let event = connection.event().expect("an answer");
        if matches!(event.event, Some(shim_event::Event::StopAccepted(_))) && event.sequence == asked {
            return;
        }
    }
}

/// On a connection of its own: the same stop is not heard again, another signal is, and the end is as the first stop had it.
fn ask_again_and_end(job: &Job) {
    let mut connection = job.connect();
    stop_again(&mut connection, libc::SIGTERM);
    stop_again(&mut connection, libc::SIGTERM);
    // Heard after whatever the stops before it brought.
    stop_again(&mut connection, libc::SIGINT);
    wait_for_words(job, "ready\nTERM\nINT\n");
    connection.stop(0);
    let result = connection.ended().expect("the end");
    assert_eq!((result.cause(), result.outcome), (EndCause::StopRequested, Some(result::Outcome::Signal(libc::SIGKILL))));
    assert_eq!(job.stdout(), "ready\nTERM\nINT\n");
}

/// [KILL-3]
#[test]
fn a_stop_that_is_asked_for_again_after_its_connection_was_cut_is_heard_by_the_program_once() {
    let mut lab = Lab::new();
    let launch = lab.shell(LISTENER);
    let job = lab.launch(launch);
    job.first_line();
    let mut cut = job.connect();
    cut.send(stop(libc::SIGTERM));
    wait_for_words(&job, "ready\nTERM\n");
    drop(cut);
    ask_again_and_end(&job);
}

/// Launches a job whose shim is never reached but over the launcher, for its directory is all that there is room for; so many files took the rest.
fn launch_without_room(lab: &mut Lab, disk: &SmallDisk, launch: Launch) -> (Job, u64, Vec<std::path::PathBuf>) {
    let mut fillers: Vec<_> = (0..100).map(|number| disk.0.join(format!("filler-{number}"))).take_while(|path| std::fs::File::create(path).is_ok()).collect();
    // One for the directory, one for the output.
    for path in fillers.drain(fillers.len() - 2..) {
        std::fs::remove_file(path).expect("rm");
    }
    let dir = lab.dir.join("jobs").join(&launch.job_id);
    let sequence = lab.send(launch);
    match lab.response() {
        LauncherResponse { response: Some(launcher_response::Response::Launched(launched)), .. } => (Job::new(dir, launched.shim_pid), sequence, fillers),
        other => panic!("not launched: {other:?}"),
    }
}

/// [KILL-3] [RUN-2]
#[test]
fn a_stop_whose_answer_was_lost_with_the_launcher_is_heard_by_the_program_once() {
    let Some(disk) = SmallDisk::mount("nr_inodes=32") else {
        eprintln!("skipped: no right to mount a file system");
        return;
    };
    let mut lab = Lab::at(disk.0.clone(), None);
    let launch = lab.shell(LISTENER);
    let (job, sequence, fillers) = launch_without_room(&mut lab, &disk, launch);
    wait_for_words(&job, "ready\n");
    assert!(!job.dir.join("shim.sock").exists(), "there was no room for it");
    lab.ask(sequence, launcher_request::Request::Relay(ShimRequest { sequence: 1, request: Some(stop(libc::SIGTERM)) }));
    wait_for_words(&job, "ready\nTERM\n");
    signal::send(lab.launcher.id().cast_signed(), libc::SIGKILL).expect("kill");
    for path in fillers {
        std::fs::remove_file(path).expect("rm");
    }
    ask_again_and_end(&job);
    drop(lab);
}
