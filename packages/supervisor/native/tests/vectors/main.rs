//! The shared vectors in `packages/supervisor/vectors`: what this writer writes, byte for byte, for the readers in other languages. A difference is a change of the format.
//! `WRITE_VECTORS=1 cargo test --test vectors` writes them anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use prost::Message;
use serde_json::{Value, json};
use worker_supervisor::output::frame::{FILE_HEADER, Kind, Missing, Stream, file_header, frame_header, gap_payload, parse};
use worker_supervisor::output::index::{INDEX_ENTRY, INDEX_HEADER, Tally, index_entry, index_header};
use worker_supervisor::shim::result_file;
use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{
    Attempt, Bind, Controller, EndCause, Ended, Gap, GapReason, Host, Identity, Launch, LaunchRefused, Launched, LauncherHello, LauncherRequest,
    LauncherResponse, Network, OutputAction, OutputCommitted, OutputSummary, OutputTaken, RefusalReason, ResourceLimits, ResourceUsage, Result as JobResult,
    Sandbox, ShimEvent, ShimHello, ShimRequest, Signal, SignalSent, StartFailed, Started, Stop, StopAccepted, Survivors, User, identity::Who, launcher_request,
    launcher_response, result, shim_event, shim_request,
};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const TIME: u64 = 1_795_459_641_669_367_123;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

/// Compares with what is there, or writes it when asked to.
fn hold(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
        std::fs::write(&path, bytes).expect("write");
    }
    let there = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(there == bytes, "{name} differs from what is written now");
}

fn hold_json(name: &str, value: &Value) {
    hold(name, format!("{value:#}\n").as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

fn frame(kind: Kind, offset: u64, time: u64, payload: &[u8]) -> Vec<u8> {
    [&frame_header(kind, offset, time, payload)[..], payload].concat()
}

/// What a reader must find in a file: numbers over 2^53 as text.
fn describe(file: &[u8]) -> Value {
    let (mut at, mut frames) = (FILE_HEADER.min(file.len()), Vec::new());
    while let Some(found) = parse(file, at) {
        let payload = &file[found.payload.clone()];
        let count = |from: usize| u64::from_le_bytes(payload[from..from + 8].try_into().expect("8")).to_string();
        let (offset, time) = (found.offset.to_string(), found.time.to_string());
        frames.push(match found.kind {
            Kind::Data(stream) => {
                json!({ "kind": "data", "at": at, "stream": format!("{stream:?}").to_lowercase(), "offset": offset, "timeNs": time, "payload": hex(payload) })
            }
            Kind::Gap(missing) => {
                let reason = if missing == Missing::Limit { "output-limit" } else { "write-failed" };
                json!({ "kind": "gap", "at": at, "reason": reason, "offset": offset, "timeNs": time, "stdoutBytes": count(0), "stderrBytes": count(8) })
            }
        });
        at = found.payload.end;
    }
    json!({ "fileLength": file.len(), "wholeLength": at, "frames": frames })
}

/// [OUT-8]
#[test]
fn output_files_are_what_readers_were_promised() {
    let head = file_header(TIME).to_vec();
    let out = |offset, payload: &[u8]| frame(Kind::Data(Stream::Stdout), offset, TIME + offset, payload);
    let err = |offset, payload: &[u8]| frame(Kind::Data(Stream::Stderr), offset, TIME + offset, payload);
    let both = [head.clone(), out(0, b"hello\n"), err(6, b"warning\0\xff\r\n"), out(17, b"no newline at the end")].concat();
    let gaps = [
        head.clone(),
        out(0, b"kept"),
        frame(Kind::Gap(Missing::WriteFailed), 4, TIME + 1, &gap_payload(5_000_000_000, 7)),
        err(5_000_000_011, b"again"),
        frame(Kind::Gap(Missing::Limit), 5_000_000_016, TIME + 2, &gap_payload(0, 1)),
        frame(Kind::Gap(Missing::Limit), 5_000_000_017, TIME + 3, &gap_payload(3, 0)),
    ]
    .concat();
    let torn_payload = both[..both.len() - 1].to_vec();
    let torn_header = [both.clone(), out(38, b"x")[..31].to_vec()].concat();
    let mut flipped_payload = both.clone();
    *flipped_payload.last_mut().expect("bytes") ^= 1;
    let mut flipped_header = both.clone();
    flipped_header[FILE_HEADER + 8] ^= 1;
    let beyond = [both.clone(), vec![0; 100]].concat();
    let mut reserved = out(0, b"hello\n");
    reserved[7] = 1;
    let own = crc32fast::hash(&reserved[..28]);
    reserved[28..32].copy_from_slice(&own.to_le_bytes());
    let reserved = [head.clone(), reserved].concat();
    for (name, file) in [
        ("header-only", &head),
        ("both-streams", &both),
        ("gaps", &gaps),
        ("torn-in-payload", &torn_payload),
        ("torn-in-header", &torn_header),
        ("flipped-bit-in-payload", &flipped_payload),
        ("flipped-bit-in-header", &flipped_header),
        ("zeros-behind-the-end", &beyond),
        ("reserved-byte-set", &reserved),
    ] {
        hold(&format!("output/{name}.bin"), file);
        hold_json(&format!("output/{name}.json"), &describe(file));
    }
}

/// [OUT-12]
#[test]
fn indexes_are_what_readers_were_promised() {
    for name in ["both-streams", "gaps"] {
        let file = std::fs::read(folder().join(format!("output/{name}.bin"))).expect("output");
        let (mut index, mut entries, mut tally, mut at) = (index_header(TIME).to_vec(), Vec::new(), Tally::default(), FILE_HEADER);
        while let Some(found) = parse(&file, at) {
            index.extend_from_slice(&index_entry(found.offset, at as u64, &tally));
            entries.push(json!({
                "offset": found.offset.to_string(), "position": at, "stdout": tally.stdout.to_string(), "stdoutNewlines": tally.newlines[0],
                "stderrNewlines": tally.newlines[1], "latestNs": tally.latest.to_string(), "open": tally.open,
            }));
            tally.add(found.kind, found.time, &file[found.payload.clone()]);
            at = found.payload.end;
        }
        let mut flipped = index.clone();
        flipped[INDEX_HEADER + INDEX_ENTRY + 9] ^= 1;
        let (mut stale, mut later_version) = (index.clone(), index.clone());
        stale[8] ^= 1;
        later_version[6] = 2;
        let torn = index[..index.len() - 1].to_vec();
        let without = |lost: usize| entries.iter().enumerate().map(|(at, entry)| if at == lost { Value::Null } else { entry.clone() }).collect::<Vec<_>>();
        for (kind, bytes, found) in [
            ("whole", &index, entries.clone()),
            ("flipped-bit", &flipped, without(1)),
            ("torn", &torn, entries[..entries.len() - 1].to_vec()),
            ("stale", &stale, Vec::new()),
            ("later-version", &later_version, Vec::new()),
        ] {
            hold(&format!("index/{name}-{kind}.bin"), bytes);
            hold_json(&format!("index/{name}-{kind}.json"), &json!({ "output": name, "entries": found }));
        }
    }
}

fn results() -> Vec<(&'static str, JobResult, Value)> {
    let full = JobResult {
        job_id: ID.to_owned(),
        outcome: Some(result::Outcome::Signal(9)),
        cause: EndCause::StopRequested.into(),
        requested_by: "owner@example.com".to_owned(),
        start_time_ns: TIME,
        end_time_ns: TIME + 2_000_000_000,
        wall_time_ns: 2_000_000_000,
        usage: Some(ResourceUsage { user_us: 1, system_us: 2, peak_memory_bytes: 5_000_000_000, read_bytes: 512, written_bytes: 1024 }),
        output: Some(OutputSummary {
            produced: 5_000_000_020,
            file_length: 48,
            sha256: (0..32).collect(),
            complete: false,
            final_gap: Some(Gap { offset: 0, stdout_bytes: 5_000_000_000, stderr_bytes: 20, reason: GapReason::WriteFailed.into() }),
        }),
        unenforced: Vec::new(),
    };
    let zero = JobResult { outcome: Some(result::Outcome::ExitCode(0)), cause: 0, requested_by: String::new(), output: None, usage: None, ..full.clone() };
    let failed = StartFailed { stage: "exec".to_owned(), errno: 2, subject: b"no-such-\xff".to_vec() };
    let failed = JobResult { outcome: Some(result::Outcome::StartFailed(failed)), start_time_ns: 0, wall_time_ns: 0, ..zero.clone() };
    vec![
        (
            "killed",
            full,
            json!({ "outcome": "signal", "value": 9, "cause": 1, "requestedBy": "owner@example.com", "produced": "5000000020", "finalGapStdoutBytes": "5000000000" }),
        ),
        ("exited-0", zero, json!({ "outcome": "exitCode", "value": 0, "cause": 0, "requestedBy": "" })),
        ("start-failed", failed, json!({ "outcome": "startFailed", "stage": "exec", "errno": 2, "subject": hex(b"no-such-\xff") })),
    ]
}

/// [RUN-4]
#[test]
fn result_files_are_what_readers_were_promised() {
    for (name, result, described) in results() {
        let file = result_file(&result);
        hold(&format!("result/{name}.bin"), &file);
        hold_json(&format!("result/{name}.json"), &json!({ "whole": true, "result": described }));
        if name != "killed" {
            continue;
        }
        let mut flipped = file.clone();
        *flipped.last_mut().expect("bytes") ^= 1;
        let longer = [file.clone(), vec![0]].concat();
        let body = [0xff; 3];
        let length = u32::try_from(body.len()).expect("short").to_le_bytes();
        let no_message = [&file[..8], &length, &crc32fast::hash(&body).to_le_bytes(), &body].concat();
        for (name, torn) in [
            ("torn", &file[..file.len() - 1]),
            ("torn-in-header", &file[..15]),
            ("flipped-bit", &flipped),
            ("a-byte-too-long", &longer),
            ("no-message", &no_message),
        ] {
            hold(&format!("result/{name}.bin"), torn);
            hold_json(&format!("result/{name}.json"), &json!({ "whole": false }));
        }
    }
}

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
