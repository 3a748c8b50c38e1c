//! One job, as core sees it: its directory, its shim's socket, its files.

use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use prost::Message;
use sha2::{Digest, Sha256};
use worker_supervisor::output::frame::{self, FILE_HEADER, Frame, Kind, Stream};
use worker_supervisor::sys::{lock, signal};
use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{
    EndCause, OutputTaken, Result as JobResult, ShimEvent, ShimHello, ShimRequest, Signal, Stop, result, shim_event, shim_request,
};

use super::{DEADLINE, alive, parent, read_frame, wait_for};

#[derive(Debug)]
pub struct Job {
    pub dir: PathBuf,
    pub shim: i32,
}

pub struct Connection {
    pub stream: UnixStream,
    pub hello: ShimHello,
    sequence: u64,
}

impl Job {
    pub fn new(dir: PathBuf, shim: i32) -> Self {
        Self { dir, shim }
    }

    /// `None` when no shim and no guard lives any more, or they leave right now.
    pub fn try_connect(&self) -> Option<Connection> {
        let mut stream = wait_for("the shim to listen, or to leave", || match UnixStream::connect(self.dir.join("shim.sock")) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.is_locked() => None,
            connected => Some(connected),
        })
        .ok()?;
        stream.set_read_timeout(Some(*DEADLINE)).expect("timeout");
        let event = ShimEvent::decode(read_frame(&mut stream)?.as_slice()).expect("an event");
        let Some(shim_event::Event::Hello(hello)) = event.event else { panic!("the shim must speak first, with a hello") };
        Some(Connection { stream, hello, sequence: 0 })
    }

    pub fn connect(&self) -> Connection {
        self.try_connect().expect("a living shim")
    }

    pub fn refuses(&self) -> bool {
        match UnixStream::connect(self.dir.join("shim.sock")) {
            Err(error) if error.kind() == ErrorKind::NotFound => !self.is_locked(),
            connected => connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused),
        }
    }

    /// Kills its shim and its guard at one blow, and waits until neither lives: only then does nobody hold its lock.
    pub fn kill_shim_and_guard(&self) {
        let both = [parent(self.shim), self.shim];
        for pid in both {
            signal::send(pid, libc::SIGKILL).expect("kill");
        }
        wait_for("shim and guard to die", || both.iter().all(|pid| !alive(*pid)).then_some(()));
    }

    /// Whether its shim or its guard lives.
    pub fn is_locked(&self) -> bool {
        std::fs::File::open(&self.dir).is_ok_and(|dir| !lock::hold(dir.as_fd(), false).expect("flock"))
    }

    /// Waits for the end and returns the result, from the event or from the directory.
    pub fn end(&self) -> JobResult {
        if let Some(mut connection) = self.try_connect()
            && let Some(result) = connection.ended()
        {
            assert_eq!(self.result().as_ref(), Some(&result), "what the last event tells stands in the directory");
        }
        wait_for("the shim to leave", || self.refuses().then_some(()));
        self.result().expect("a result")
    }

    /// What stands in the directory; `None` when there is nothing whole.
    pub fn result(&self) -> Option<JobResult> {
        parse_result(&std::fs::read(self.dir.join("result")).ok()?)
    }

    pub fn frames(&self) -> Vec<(Frame, Vec<u8>)> {
        let Ok(file) = std::fs::read(self.dir.join("output")) else { return Vec::new() };
        let (frames, end) = parse_output(&file);
        assert_eq!(end, file.len(), "an ended job's file ends with a whole frame");
        frames
    }

    pub fn stream(&self, stream: Stream) -> Vec<u8> {
        self.frames().into_iter().filter(|(frame, _)| frame.kind == Kind::Data(stream)).flat_map(|(_, bytes)| bytes).collect()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stream(Stream::Stdout)).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stream(Stream::Stderr)).into_owned()
    }

    /// Waits until the job has written a line and returns it.
    pub fn first_line(&self) -> String {
        wait_for("the first line", || {
            let file = std::fs::read(self.dir.join("output")).ok()?;
            let bytes: Vec<u8> = parse_output(&file).0.into_iter().flat_map(|(_, bytes)| bytes).collect();
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
        })
    }

    pub fn exit_code(&self) -> Option<i32> {
        match self.end().outcome {
            Some(result::Outcome::ExitCode(code)) => Some(code),
            _ => None,
        }
    }

    /// Every byte is accounted for: offsets without a hole, lengths and digest as the result says.
    pub fn audit(&self) -> JobResult {
        let result = self.end();
        let output = result.output.clone().expect("a summary");
        let (mut offset, mut whole, mut digest) = (0, true, Sha256::new());
        for (frame, bytes) in self.frames() {
            assert_eq!(frame.offset, offset);
            match frame.kind {
                Kind::Data(_) => {
                    digest.update(&bytes);
                    offset += bytes.len() as u64;
                }
                Kind::Gap(_) => {
                    whole = false;
                    offset += gap_length(&bytes);
                }
            }
        }
        if let Some(gap) = &output.final_gap {
            assert_eq!(gap.offset, offset);
            whole = false;
            offset += gap.stdout_bytes + gap.stderr_bytes;
        }
        assert_eq!(output.produced, offset);
        assert_eq!(output.complete, whole);
        if whole {
            assert_eq!(output.sha256, digest.finalize().to_vec());
        }
        let length = std::fs::metadata(self.dir.join("output")).map_or(0, |file| file.len());
        assert_eq!(output.file_length, length);
        result
    }
}

pub fn gap_length(payload: &[u8]) -> u64 {
    payload.chunks(8).map(|word| u64::from_le_bytes(word.try_into().expect("16 bytes"))).sum()
}

pub fn parse_output(file: &[u8]) -> (Vec<(Frame, Vec<u8>)>, usize) {
    let (mut frames, mut at) = (Vec::new(), FILE_HEADER.min(file.len()));
    while let Some(frame) = frame::parse(file, at) {
        at = frame.payload.end;
        let bytes = file[frame.payload.clone()].to_vec();
        frames.push((frame, bytes));
    }
    (frames, at)
}

pub fn parse_result(file: &[u8]) -> Option<JobResult> {
    let (header, message) = file.split_at_checked(16)?;
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let whole = &header[..8] == b"WKRRES\x00\x01" && word(8) as usize == message.len() && word(12) == crc32fast::hash(message);
    whole.then(|| JobResult::decode(message).expect("a result"))
}

impl Connection {
    pub fn send(&mut self, request: shim_request::Request) -> u64 {
        self.sequence += 1;
        let mut bytes = Vec::new();
        encode(&ShimRequest { sequence: self.sequence, request: Some(request) }, &mut bytes);
        self.stream.write_all(&bytes).expect("send");
        self.sequence
    }

    pub fn stop(&mut self, grace_ms: u64) -> u64 {
        let stop = Stop { grace_ms, signal: libc::SIGTERM, cause: EndCause::StopRequested.into(), requested_by: "somebody".to_owned() };
        self.send(shim_request::Request::Stop(stop))
    }

    pub fn signal(&mut self, signal: i32) -> i32 {
        let sequence = self.send(shim_request::Request::Signal(Signal { signal }));
        loop {
            let event = self.event().expect("an answer");
            if let Some(shim_event::Event::SignalSent(sent)) = event.event {
                assert_eq!(event.sequence, sequence);
                return sent.errno;
            }
        }
    }

    pub fn take_output(&mut self) {
        self.send(shim_request::Request::OutputTaken(OutputTaken {}));
    }

    /// The next event; `None` at the end of the connection.
    pub fn event(&mut self) -> Option<ShimEvent> {
        read_frame(&mut self.stream).map(|bytes| ShimEvent::decode(bytes.as_slice()).expect("an event"))
    }

    pub fn started(&mut self) -> i32 {
        if let Some(started) = &self.hello.started {
            return started.pid;
        }
        loop {
            if let Some(shim_event::Event::Started(started)) = self.event().expect("the start").event {
                return started.pid;
            }
        }
    }

    /// Reads to the end; the result that the last event told.
    pub fn ended(&mut self) -> Option<JobResult> {
        let mut last = None;
        while let Some(event) = self.event() {
            if let Some(shim_event::Event::Ended(ended)) = event.event {
                last = ended.result;
            }
        }
        last
    }
}
