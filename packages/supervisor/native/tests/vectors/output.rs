//! Output files and their indexes.

use serde_json::{Value, json};
use worker_supervisor::output::frame::{FILE_HEADER, Kind, Missing, Stream, file_header, frame_header, gap_payload, parse};
use worker_supervisor::output::index::{INDEX_ENTRY, INDEX_HEADER, Tally, index_entry, index_header};

use crate::TIME;
use crate::held::{folder, hex, hold, hold_json};

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
