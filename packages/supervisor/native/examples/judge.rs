//! Says what this side makes of bytes, for tests that compare it with the other: records on stdin, each a kind, a little-endian u32 and so many bytes; one line for each on
//! stdout. `o`, an output file: where its whole frames end, then of each its offset, what it is, and its bytes or what is missing. `l`, a framed request to the launcher: `ok`,
//! or why nothing would be started.

use std::fmt::Write as _;
use std::io::{Read, Write};

use prost::Message;
use worker_supervisor::launcher::check;
use worker_supervisor::output::frame::{FILE_HEADER, Kind, Missing, file_header, parse};
use worker_supervisor::wire::Inbox;
use worker_supervisor::wire::v1::{LauncherRequest, launcher_request};

// As docs/output-format.md has it: what is beyond cannot be told exactly by every reader.
const OFFSET_END: u64 = 1 << 53;

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let (mut rest, mut lines) = (input.as_slice(), String::new());
    while let Some(([kind, length @ ..], after)) = rest.split_first_chunk::<5>() {
        let (bytes, later) = after.split_at(u32::from_le_bytes(*length) as usize);
        rest = later;
        lines += &if *kind == b'o' { output(bytes) } else { launch(bytes).unwrap_or_else(str::to_owned) };
        lines.push('\n');
    }
    std::io::stdout().write_all(lines.as_bytes())
}

fn output(file: &[u8]) -> String {
    if file.len() < FILE_HEADER || file[..8] != file_header(0)[..8] {
        return "0".to_owned();
    }
    let (mut at, mut offset, mut frames) = (FILE_HEADER, 0_u64, String::new());
    while let Some(frame) = parse(file, at).filter(|frame| frame.offset == offset) {
        let payload = &file[frame.payload.clone()];
        let (taken, text) = match frame.kind {
            Kind::Data(stream) => (Some(payload.len() as u64), format!("{} {} {}", format!("{stream:?}").to_lowercase(), frame.time, hex(payload))),
            Kind::Gap(missing) => {
                let count = |from: usize| u64::from_le_bytes(payload[from..from + 8].try_into().expect("8 of 16 bytes"));
                (
                    count(0).checked_add(count(8)),
                    format!("{} {} {}", if missing == Missing::Limit { "output-limit" } else { "write-failed" }, count(0), count(8)),
                )
            }
        };
        let Some(end) = taken.and_then(|taken| offset.checked_add(taken)).filter(|end| *end < OFFSET_END) else { break };
        let _ = write!(frames, ";{offset} {text}");
        (at, offset) = (frame.payload.end, end);
    }
    format!("{at}{frames}")
}

fn launch(stream: &[u8]) -> Result<String, &'static str> {
    let mut inbox = Inbox::default();
    inbox.push(stream);
    let message = inbox.take().map_err(|_| "too long")?.ok_or("not whole")?;
    let request = LauncherRequest::decode(message).map_err(|_| "malformed")?;
    let Some(launcher_request::Request::Launch(launch)) = request.request else { return Err("unknown") };
    check(&launch, true)?;
    Ok("ok".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
