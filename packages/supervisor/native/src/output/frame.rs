//! The bytes of the output file: its header and its frames.

use std::ops::Range;

/// Length of the file's header.
pub const FILE_HEADER: usize = 16;
/// Length of a frame's header.
pub const FRAME_HEADER: usize = 32;
/// The longest payload.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Length of a gap's payload.
pub const GAP_PAYLOAD: usize = 16;

const MAGIC: &[u8; 6] = b"WKROUT";
const VERSION: u16 = 1;
const KIND_DATA: u8 = 1;
const KIND_GAP: u8 = 2;

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// File descriptor 1.
    Stdout = 1,
    /// File descriptor 2.
    Stderr = 2,
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The output limit was reached.
    Limit = 1,
    /// The disk refused the write.
    WriteFailed = 2,
}

/// What a frame's header tells, next to length and checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a stream.
    Data(Stream),
    /// Bytes that are missing.
    Gap(Missing),
}

/// The header of a file made at this time, nanoseconds since 1970.
#[must_use]
pub fn file_header(time: u64) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..6].copy_from_slice(MAGIC);
    header[6..8].copy_from_slice(&VERSION.to_le_bytes());
    header[8..].copy_from_slice(&time.to_le_bytes());
    header
}

/// The header of a frame with this payload of 1 to `MAX_PAYLOAD` bytes.
#[must_use]
pub fn frame_header(kind: Kind, offset: u64, time: u64, payload: &[u8]) -> [u8; FRAME_HEADER] {
    let mut header = [0; FRAME_HEADER];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    header[..4].copy_from_slice(&length.to_le_bytes());
    (header[4], header[5], header[6]) = match kind {
        Kind::Data(stream) => (KIND_DATA, stream as u8, 0),
        Kind::Gap(missing) => (KIND_GAP, 0, missing as u8),
    };
    header[8..16].copy_from_slice(&offset.to_le_bytes());
    header[16..24].copy_from_slice(&time.to_le_bytes());
    header[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let own = crc32fast::hash(&header[..28]);
    header[28..].copy_from_slice(&own.to_le_bytes());
    header
}

/// The payload of a gap.
#[must_use]
pub fn gap_payload(stdout: u64, stderr: u64) -> [u8; GAP_PAYLOAD] {
    let mut payload = [0; GAP_PAYLOAD];
    payload[..8].copy_from_slice(&stdout.to_le_bytes());
    payload[8..].copy_from_slice(&stderr.to_le_bytes());
    payload
}

/// One whole frame as it stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// The offset of its first byte.
    pub offset: u64,
    /// When it was read, nanoseconds since 1970.
    pub time: u64,
    /// Where its payload lies in the file.
    pub payload: Range<usize>,
}

/// The frame at this place of a file's bytes; `None` where no whole frame with two good checksums stands.
#[must_use]
pub fn parse(file: &[u8], at: usize) -> Option<Frame> {
    let header: &[u8; FRAME_HEADER] = file.get(at..)?.first_chunk()?;
    let word = |from: usize| u32::from_le_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
    let long = |from: usize| u64::from(word(from)) | u64::from(word(from + 4)) << 32;
    let length = word(0) as usize;
    if crc32fast::hash(&header[..28]) != word(28) || length == 0 || length > MAX_PAYLOAD {
        return None;
    }
    let kind = match (header[4], header[5], header[6], header[7]) {
        (KIND_DATA, 1, 0, 0) => Kind::Data(Stream::Stdout),
        (KIND_DATA, 2, 0, 0) => Kind::Data(Stream::Stderr),
        (KIND_GAP, 0, 1, 0) if length == GAP_PAYLOAD => Kind::Gap(Missing::Limit),
        (KIND_GAP, 0, 2, 0) if length == GAP_PAYLOAD => Kind::Gap(Missing::WriteFailed),
        _ => return None,
    };
    let start = at + FRAME_HEADER;
    let payload = start..start + length;
    let bytes = file.get(payload.clone())?;
    (crc32fast::hash(bytes) == word(24)).then(|| Frame { kind, offset: long(8), time: long(16), payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut file = file_header(1).to_vec();
        file.extend_from_slice(&frame_header(Kind::Data(Stream::Stderr), 0, 2, b"abc"));
        file.extend_from_slice(b"abc");
        file.extend_from_slice(&frame_header(Kind::Gap(Missing::Limit), 3, 4, &gap_payload(5, 6)));
        file.extend_from_slice(&gap_payload(5, 6));
        file
    }

    fn whole_frames(file: &[u8]) -> usize {
        let mut at = FILE_HEADER;
        std::iter::from_fn(|| {
            let frame = parse(file, at)?;
            at = frame.payload.end;
            Some(frame)
        })
        .count()
    }

    #[test]
    fn a_file_cut_at_any_byte_yields_its_whole_frames_and_nothing_else() {
        let file = file();
        let first_end = FILE_HEADER + FRAME_HEADER + 3;
        for cut in 0..file.len() {
            assert_eq!(whole_frames(&file[..cut]), usize::from(cut >= first_end), "cut at {cut}");
        }
        assert_eq!(whole_frames(&file), 2);
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_frame_is_seen() {
        let good = file();
        for at in FILE_HEADER..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(whole_frames(&bad) < 2, "byte {at}, bit {bit}");
            }
        }
    }
}
