//! The writer of output files against what was given to it, on a disk that fills up and empties.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use worker_supervisor::output::Writer;
use worker_supervisor::output::frame::{FILE_HEADER, FRAME_HEADER, Kind, Stream, parse};
use worker_supervisor::wire::v1::{OutputCommitted, OutputSummary};

use crate::disk::with_room;

/// Each byte that was given to the writer, and on which stream.
type Produced = Vec<(Stream, u8)>;

/// Two bytes of limit, then a script: an operation and its number.
pub fn run(data: &[u8]) {
    let Some((&[low, high], script)) = data.split_first_chunk::<2>() else { return };
    let max_kept = u64::from(u16::from_le_bytes([low, high])).max(1);
    let path = folder();
    let _ = fs::remove_file(path.join("output"));
    let job = OwnedFd::from(File::open(&path).expect("open"));
    let mut writer = Writer::new(max_kept);
    let (mut produced, mut room, mut ever_full): (Produced, Option<u64>, bool) = (Vec::new(), None, false);
    let mut before = writer.committed();
    for &[operation, number] in script.as_chunks::<2>().0 {
        let stream = if operation & 8 == 0 { Stream::Stdout } else { Stream::Stderr };
        match operation % 8 {
            0..=4 => {
                let length = 1 + usize::from(number) * usize::from(operation >> 4 | 1);
                let mut buffer = vec![0; FRAME_HEADER];
                buffer.extend((0..length).map(|at| number ^ at.to_le_bytes()[0]));
                produced.extend(buffer[FRAME_HEADER..].iter().map(|byte| (stream, *byte)));
                with_room(room, || writer.take(job.as_fd(), stream, &mut buffer));
            }
            5 => with_room(room, || writer.write_due_gap(job.as_fd())),
            6 => {
                room = Some(before.file_length + u64::from(number));
                ever_full = true;
            }
            _ => room = None,
        }
        let now = writer.committed();
        assert!(now.file_length >= before.file_length && now.produced >= before.produced, "what was committed stays so");
        before = now;
        let file = fs::read(path.join("output")).unwrap_or_default();
        assert_eq!(read(&file, now, &produced).told, now.produced, "the committed length must hold what is committed");
    }
    let finished = with_room(room, || writer.finish(job.as_fd()));
    assert!(finished.is_ok(), "a file that could not grow can still be synced");
    let file = fs::read(path.join("output")).unwrap_or_default();
    let read = read(&file, writer.committed(), &produced);
    check_summary(&writer.summary(), &read, &produced);
    if !ever_full {
        assert_eq!(read.kept, max_kept.min(produced.len() as u64), "without a failure as much is kept as may be");
    }
    assert!(read.kept <= max_kept);
    assert_eq!(writer.over_limit(), read.kept == max_kept && produced.len() as u64 > max_kept);
}

struct Read {
    told: u64,
    kept: u64,
}

fn read(file: &[u8], committed: OutputCommitted, produced: &Produced) -> Read {
    let length = usize::try_from(committed.file_length).expect("a length in memory");
    let (mut at, mut told, mut kept) = (FILE_HEADER, 0, 0);
    while at < length {
        let frame = parse(&file[..length], at).expect("only whole frames up to the committed length");
        assert_eq!(frame.offset, told as u64);
        let payload = &file[frame.payload.clone()];
        match frame.kind {
            Kind::Data(stream) => {
                let meant = &produced[told..told + payload.len()];
                assert!(meant.iter().zip(payload).all(|((from, byte), read)| *from == stream && byte == read), "a wrong byte at {told}");
                told += payload.len();
                kept += payload.len() as u64;
            }
            Kind::Gap(_) => {
                let count = |from: usize| u64::from_le_bytes(payload[from..from + 8].try_into().expect("8"));
                told += check_gap(&produced[told..], count(0), count(8));
            }
        }
        at = frame.payload.end;
    }
    Read { told: told as u64, kept }
}

/// Returns the length of a gap that tells exactly what was lost.
fn check_gap(lost: &[(Stream, u8)], stdout: u64, stderr: u64) -> usize {
    let length = usize::try_from(stdout + stderr).expect("a length in memory");
    assert!(length > 0, "a gap of nothing");
    let from_stdout = lost[..length].iter().filter(|(stream, _)| *stream == Stream::Stdout).count();
    assert_eq!(from_stdout as u64, stdout, "a gap must count each stream");
    length
}

fn check_summary(summary: &OutputSummary, read: &Read, produced: &Produced) {
    let final_gap = summary.final_gap.as_ref().map_or(0, |gap| {
        assert_eq!(gap.offset, read.told);
        let told = usize::try_from(read.told).expect("a length in memory");
        check_gap(&produced[told..], gap.stdout_bytes, gap.stderr_bytes)
    });
    assert_eq!((summary.produced, read.told + final_gap as u64), (produced.len() as u64, produced.len() as u64), "every byte is kept or declared missing");
    assert_eq!(summary.complete, read.kept == summary.produced);
    let bytes: Vec<u8> = produced.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(summary.sha256, Sha256::digest(bytes).to_vec());
}

/// Where this process writes its files.
#[must_use]
pub fn folder() -> PathBuf {
    let path = std::env::temp_dir().join(format!("worker-fuzz-{}", std::process::id()));
    fs::create_dir_all(&path).expect("mkdir");
    path
}
