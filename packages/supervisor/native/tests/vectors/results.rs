//! Files of results.

use serde_json::{Value, json};
use worker_supervisor::shim::result_file;
use worker_supervisor::wire::v1::{EndCause, Gap, GapReason, OutputSummary, ResourceUsage, Result as JobResult, StartFailed, result};

use crate::held::{hex, hold, hold_json};
use crate::{ID, TIME};

pub fn results() -> Vec<(&'static str, JobResult, Value)> {
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
