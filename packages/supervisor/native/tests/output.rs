//! What a job writes, to the last byte.

mod harness;

use harness::{Lab, wait_for};
use sha2::{Digest, Sha256};
use worker_supervisor::output::frame::{FILE_HEADER, Kind, Missing, Stream, parse};
use worker_supervisor::output::index::{INDEX_ENTRY, INDEX_EVERY, INDEX_HEADER, Tally, index_entry, index_header};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{Launch, shim_event};

/// [OUT-1] [OUT-3]
#[test]
fn random_bytes_arrive_as_they_were_written() {
    let mut lab = Lab::new();
    let source = lab.dir.join("source");
    let script = format!("head -c 33554433 /dev/urandom > {0}; cat {0}; sha256sum < {0} >&2", source.display());
    let launch = lab.shell(&script);
    let job = lab.run(launch);
    let result = job.audit();
    let bytes = job.stream(Stream::Stdout);
    assert_eq!(bytes, std::fs::read(source).expect("source"));
    let told = job.stderr();
    let digest: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&told[at..at + 2], 16).expect("hex")).collect();
    assert_eq!(digest, Sha256::digest(&bytes).to_vec());
    assert!(result.output.expect("summary").complete);
}

/// [OUT-1]
#[test]
fn the_last_byte_of_a_job_that_ends_at_once_is_not_lost() {
    let mut lab = Lab::new();
    for _ in 0..50 {
        let launch = lab.shell("head -c 200000 /dev/zero; printf end");
        let job = lab.run(launch);
        assert_eq!(job.audit().output.expect("summary").produced, 200_003);
    }
}

/// [OUT-1]
#[test]
fn what_a_job_wrote_is_read_to_its_end_though_the_time_to_drain_it_was_over_before() {
    let mut lab = Lab::new();
    let go_on = lab.dir.join("go-on");
    let done = lab.dir.join("done");
    // The first burst fills the pipe, which is then given room for the second, longer than one read.
    let script =
        format!("head -c 300000 /dev/zero; while ! test -e {0}; do sleep 0.01; done; head -c 250000 /dev/zero; : > {1}", go_on.display(), done.display());
    let launch = Launch { drain_ms: 0, ..lab.shell(&script) };
    let job = lab.launch(launch);
    let mut connection = job.connect();
    let program = connection.started();
    wait_for("the first burst", || (std::fs::metadata(job.dir.join("output")).ok()?.len() > 300_000).then_some(()));
    // A disk that stalls holds the shim up as this does.
    signal::send(job.shim, libc::SIGSTOP).expect("stop");
    std::fs::write(go_on, "").expect("write");
    wait_for("the second burst", || done.exists().then_some(()));
    wait_for("the program to end", || (!harness::alive(program)).then_some(()));
    signal::send(job.shim, libc::SIGCONT).expect("continue");
    let output = job.audit().output.expect("summary");
    assert_eq!((output.produced, output.complete), (550_000, true));
}

#[test]
fn a_job_that_writes_nothing_has_no_file() {
    let mut lab = Lab::new();
    let launch = lab.job(&["true"]);
    let job = lab.run(launch);
    assert!(!job.dir.join("output").exists());
    assert_eq!(job.audit().output.expect("summary").file_length, 0);
}

/// [OUT-12]
#[test]
fn a_long_output_has_an_index_that_tells_the_truth_and_a_short_one_has_none() {
    let mut lab = Lab::new();
    let launch = lab.shell("head -c 500000 /dev/zero");
    let short = lab.run(launch);
    assert_eq!(short.audit().output.expect("summary").produced, 500_000);
    assert!(!short.dir.join("index").exists());
    let launch = lab.shell("seq 300000; seq 100000 >&2; seq 300000");
    let job = lab.run(launch);
    job.audit();
    let file = std::fs::read(job.dir.join("output")).expect("output");
    let index = std::fs::read(job.dir.join("index")).expect("index");
    assert_eq!(index[..INDEX_HEADER], index_header(u64::from_le_bytes(file[8..16].try_into().expect("8"))));
    let (mut expected, mut tally, mut at, mut last) = (Vec::new(), Tally::default(), FILE_HEADER, 0);
    while let Some(frame) = parse(&file, at) {
        if at - last >= usize::try_from(INDEX_EVERY).expect("small") {
            expected.extend_from_slice(&index_entry(frame.offset, at as u64, &tally));
            last = at;
        }
        tally.add(frame.kind, frame.time, &file[frame.payload.clone()]);
        at = frame.payload.end;
    }
    assert!(expected.len() >= 7 * INDEX_ENTRY);
    assert_eq!(index[INDEX_HEADER..], expected);
    assert_eq!(tally.newlines, [600_000, 100_000]);
}

/// [OUT-6]
#[test]
fn beyond_the_limit_bytes_are_counted_and_the_job_runs_on() {
    let mut lab = Lab::new();
    let launch = Launch { output_bytes: 10, ..lab.shell("printf 1234567890abc; sleep 0.1; printf de >&2; sleep 0.1; printf f; exit 3") };
    let job = lab.run(launch);
    let result = job.audit();
    assert_eq!(job.exit_code(), Some(3));
    assert_eq!(job.stdout(), "1234567890");
    assert_eq!(job.stderr(), "");
    let output = result.output.expect("summary");
    assert_eq!((output.produced, output.complete, output.final_gap), (16, false, None));
    assert_eq!(output.sha256, Sha256::digest(b"1234567890abcdef").to_vec());
    let gaps: Vec<_> = job.frames().into_iter().filter(|(frame, _)| frame.kind == Kind::Gap(Missing::Limit)).collect();
    let count = |at: usize| -> u64 { gaps.iter().map(|(_, payload)| u64::from_le_bytes(payload[at..at + 8].try_into().expect("8"))).sum() };
    assert_eq!((count(0), count(8)), (4, 2));
    assert!(gaps.len() <= 2, "gaps are told together: {}", gaps.len());
}

/// [OUT-6]
#[test]
fn exactly_the_limit_is_no_gap() {
    let mut lab = Lab::new();
    let launch = Launch { output_bytes: 10, ..lab.shell("printf 1234567890") };
    assert!(lab.run(launch).audit().output.expect("summary").complete);
}

/// [OUT-6]
#[test]
fn a_gap_is_told_while_the_job_still_runs() {
    let mut lab = Lab::new();
    let launch = Launch { output_bytes: 1, ..lab.shell("printf ab; sleep 0.2; printf c; while :; do sleep 1; done") };
    let job = lab.launch(launch);
    let mut connection = job.connect();
    let mut told = connection.hello.output.expect("output").produced;
    while told < 3 {
        if let Some(shim_event::Event::OutputCommitted(committed)) = connection.event().expect("an event").event {
            assert!(committed.produced > told);
            told = committed.produced;
            connection.take_output();
        }
    }
    connection.stop(0);
    connection.ended();
}

/// [OUT-10]
#[test]
fn committed_lengths_end_with_whole_frames_and_come_one_at_a_time() {
    let mut lab = Lab::new();
    let launch = lab.shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.02; done; sleep 1000");
    let job = lab.launch(launch);
    let mut connection = job.connect();
    let first = connection.hello.output.expect("output").produced;
    wait_for("all to be written", || (job_length(&job) == 16 + 9 * 34).then_some(()));
    // Not taken: exactly one was told, however much was written since.
    connection.signal(libc::SIGCONT);
    let told = std::cell::Cell::new(first);
    let mut other = job.connect();
    assert_eq!(other.hello.output.expect("output").produced, 18);
    connection.take_output();
    while told.get() < 18 {
        match connection.event().expect("an event").event {
            Some(shim_event::Event::OutputCommitted(committed)) => {
                let file = std::fs::read(job.dir.join("output")).expect("output");
                let (_, end) = harness::parse_output(&file[..usize::try_from(committed.file_length).expect("length")]);
                assert_eq!(end as u64, committed.file_length);
                told.set(committed.produced);
                connection.take_output();
            }
            _ => break,
        }
    }
    other.stop(0);
    other.ended();
}

fn job_length(job: &harness::Job) -> u64 {
    std::fs::metadata(job.dir.join("output")).map_or(0, |file| file.len())
}
