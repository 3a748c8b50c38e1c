//! The reader of output files, under bytes that no writer wrote.

use worker_supervisor::output::frame::{FILE_HEADER, FRAME_HEADER, Kind, Missing, Stream, file_header, frame_header, parse};

/// An even first byte: the rest is the file. An odd one: it is made into frames with good checksums, some spoiled, so that what lies behind the checksums is reached too.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let file = if mode % 2 == 0 { rest.to_vec() } else { sealed(rest) };
    let mut at = FILE_HEADER.min(file.len());
    while let Some(frame) = parse(&file, at) {
        assert_eq!(frame.payload.start, at + FRAME_HEADER);
        assert!(frame.payload.end > frame.payload.start && frame.payload.end <= file.len());
        let written = frame_header(frame.kind, frame.offset, frame.time, &file[frame.payload.clone()]);
        assert_eq!(written, file[at..at + FRAME_HEADER], "a frame that is read must be one that is written");
        at = frame.payload.end;
    }
    for anywhere in 0..file.len() {
        if let Some(frame) = parse(&file, anywhere) {
            assert!(frame.payload.end <= file.len());
        }
    }
}

/// Each frame: kind, length, offset, payload; a high bit of the kind spoils one byte of the header and seals it again.
#[must_use]
pub fn sealed(mut script: &[u8]) -> Vec<u8> {
    let mut file = file_header(1).to_vec();
    while let Some((&[kind, length, offset, spoil], rest)) = script.split_first_chunk::<4>() {
        let (payload, later) = rest.split_at(rest.len().min(usize::from(length).max(1)));
        script = later;
        let shape = match kind % 4 {
            0 => Kind::Data(Stream::Stdout),
            1 => Kind::Data(Stream::Stderr),
            2 => Kind::Gap(Missing::Limit),
            _ => Kind::Gap(Missing::WriteFailed),
        };
        let mut header = frame_header(shape, u64::from(offset), 2, payload);
        if kind >= 0x80 {
            header[usize::from(kind % 28)] = spoil;
            let own = crc32(&header[..28]);
            header[28..].copy_from_slice(&own.to_le_bytes());
        }
        file.extend_from_slice(&header);
        file.extend_from_slice(payload);
    }
    file
}

/// Written once more, slowly, so that the checksum is not compared with itself.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())))
}
