//! Messages between server, launcher and shim.

use prost::Message;
use serde_json::{Value, json};
use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{
    Attempt, Bind, Controller, EndCause, Ended, Host, Identity, Launch, LaunchRefused, Launched, LauncherHello, LauncherRequest, LauncherResponse, Network,
    OutputAction, OutputCommitted, OutputTaken, RefusalReason, ResourceLimits, Result as JobResult, Sandbox, ShimEvent, ShimHello, ShimRequest, Signal,
    SignalSent, Started, Stop, StopAccepted, Survivors, User, identity::Who, launcher_request, launcher_response, shim_event, shim_request,
};

use crate::held::{hex, hold_json};
use crate::results::results;
use crate::{ID, TIME};

fn framed(name: &str, kind: &str, message: &impl Message) -> Value {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    json!({ "name": name, "message": format!("worker.supervisor.v1.{kind}"), "frame": hex(&bytes) })
}

#[test]
fn messages_on_the_wire_are_what_the_other_side_was_promised() {
    let launch = Launch {
        job_id: ID.to_owned(),
        argv: vec![b"printf".to_vec(), b"\xff".to_vec(), vec![]],
        env: vec![b"A=".to_vec(), b"B=\xfe".to_vec()],
        cwd: b"/tmp".to_vec(),
        wall_time_ms: 1000,
        output_bytes: 4 << 30,
        output_action: OutputAction::Stop.into(),
        drain_ms: 2000,
        ..Launch::default()
    };
    let response = |sequence, response| LauncherResponse { sequence, response: Some(response) };
    let refused = LaunchRefused { reason: RefusalReason::System.into(), errno: 28, stage: "mkdir".to_owned(), message: "No space left on device".to_owned() };
    let request = |sequence, request| ShimRequest { sequence, request: Some(request) };
    let event = |sequence, event| ShimEvent { sequence, event: Some(event) };
    let started = Started { pid: 4242, time_ns: TIME };
    let output = OutputCommitted { file_length: 5_000_000_048, produced: 5_000_000_000 };
    let hello = ShimHello {
        protocol_version: 1,
        job_id: ID.to_owned(),
        shim_pid: 4241,
        started: Some(started),
        output: Some(output),
        cause: EndCause::TimedOut.into(),
    };
    let stop = Stop { grace_ms: 10_000, signal: 15, cause: EndCause::Shutdown.into(), requested_by: "admin@example.com".to_owned() };
    let (_, killed, _) = results().swap_remove(0);
    let hello_launcher = LauncherHello { protocol_version: 1, release: "0.1.0".to_owned(), pid: 4240, host: None };
    let all = json!([
        framed("launch", "LauncherRequest", &LauncherRequest { sequence: 1, request: Some(launcher_request::Request::Launch(launch)) }),
        framed("launcher hello", "LauncherResponse", &response(0, launcher_response::Response::Hello(hello_launcher))),
        framed("launched", "LauncherResponse", &response(1, launcher_response::Response::Launched(Launched { shim_pid: 4241 }))),
        framed("refused", "LauncherResponse", &response(u64::MAX, launcher_response::Response::Refused(refused))),
        framed("stop", "ShimRequest", &request(1, shim_request::Request::Stop(stop))),
        framed("signal", "ShimRequest", &request(2, shim_request::Request::Signal(Signal { signal: 10 }))),
        framed("output taken", "ShimRequest", &request(0, shim_request::Request::OutputTaken(OutputTaken {}))),
        framed("shim hello", "ShimEvent", &event(0, shim_event::Event::Hello(hello))),
        framed("started", "ShimEvent", &event(0, shim_event::Event::Started(started))),
        framed("output committed", "ShimEvent", &event(0, shim_event::Event::OutputCommitted(output))),
        framed("stop accepted", "ShimEvent", &event(1, shim_event::Event::StopAccepted(StopAccepted {}))),
        framed("signal sent", "ShimEvent", &event(2, shim_event::Event::SignalSent(SignalSent { errno: 3 }))),
        framed("survivors", "ShimEvent", &event(0, shim_event::Event::Survivors(Survivors { pids: vec![7, 8, 32767] }))),
        framed("ended", "ShimEvent", &event(0, shim_event::Event::Ended(Ended { result: Some(killed) }))),
        framed("launch in a sandbox", "LauncherRequest", &LauncherRequest { sequence: 2, request: Some(launcher_request::Request::Launch(sandboxed())) }),
        framed("launch as a user", "LauncherRequest", &LauncherRequest { sequence: 3, request: Some(launcher_request::Request::Launch(as_a_user())) }),
        framed("launcher hello with its host", "LauncherResponse", &response(0, launcher_response::Response::Hello(hello_of_a_host()))),
        framed("ended out of memory", "ShimEvent", &event(0, shim_event::Event::Ended(Ended { result: Some(out_of_memory()) }))),
    ]);
    hold_json("wire.json", &all);
}

/// With every field that says what a job may use and see.
fn sandboxed() -> Launch {
    let bind = |path: &[u8], writable| Bind { root: b"/srv/\xff".to_vec(), path: path.to_vec(), target: b"/data".to_vec(), writable };
    Launch {
        job_id: ID.to_owned(),
        argv: vec![b"true".to_vec()],
        cwd: b"/workspace".to_vec(),
        output_bytes: 1,
        identity: Some(Identity { who: Some(Who::Own(true)) }),
        limits: Some(ResourceLimits {
            memory_bytes: 5_000_000_000,
            processes: 100,
            cpu_weight: 50,
            cpu_millis: 1500,
            open_files: 1024,
            file_size_bytes: 5_000_000_001,
            io_read_bytes_per_second: 5_000_000_002,
            io_write_bytes_per_second: 5_000_000_003,
            best_effort: true,
        }),
        sandbox: Some(Sandbox { network: Network::Host.into(), binds: vec![bind(b"", false), bind(b"a/b", true)] }),
        ..Launch::default()
    }
}

fn as_a_user() -> Launch {
    let user = User { uid: 1000, gid: 1001, groups: vec![4, 4_000_000_000] };
    Launch { identity: Some(Identity { who: Some(Who::User(user)) }), limits: None, sandbox: None, ..sandboxed() }
}

fn hello_of_a_host() -> LauncherHello {
    let failed = |stage: &str, errno| Some(Attempt { done: false, stage: stage.to_owned(), errno });
    let controller = |name: &str, version, path: &str, errno| Controller { name: name.to_owned(), version, path: path.to_owned(), errno };
    let host = Host {
        sandbox: failed("unshare user", 1),
        network_namespace: failed("", 0),
        seccomp: Some(Attempt { done: true, ..Attempt::default() }),
        landlock_abi: 7,
        controllers: vec![
            controller("memory", 2, "/sys/fs/cgroup/worker-0", 0),
            controller("cpu", 1, "/sys/fs/cgroup/cpu/worker-0", 0),
            controller("io", 0, "", 2),
        ],
        own_uids: failed("setresuid", 22),
        run_as: None,
        memory_bytes: 5_000_000_000,
        cpus: 2,
        kernel_release: "6.1.0".to_owned(),
    };
    LauncherHello { protocol_version: 1, release: "0.1.0".to_owned(), pid: 4240, host: Some(host) }
}

fn out_of_memory() -> JobResult {
    let (_, killed, _) = results().swap_remove(0);
    JobResult { cause: EndCause::OutOfMemory.into(), unenforced: vec!["cpu_millis".to_owned(), "processes".to_owned()], ..killed }
}
