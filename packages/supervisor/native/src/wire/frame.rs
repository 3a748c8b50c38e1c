//! Frames: a little-endian u32, the length, and that many bytes of protobuf.

use std::io;
use std::os::fd::BorrowedFd;

use prost::Message;

use crate::sys::socket;

/// The longest message, in bytes.
pub const MAX_FRAME: usize = 4 << 20;
const PREFIX: usize = 4;
// One read takes this much; a Launch of ordinary size fits many times over.
const READ: usize = 16 << 10;

/// A length that no message has.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong(pub usize);

/// Appends a message, framed.
pub fn encode(message: &impl Message, out: &mut Vec<u8>) {
    let length = message.encoded_len();
    out.reserve(PREFIX + length);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    message.encode_raw(out);
}

/// What a read of a socket brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes; there may be more.
    Some,
    /// Nothing for now.
    Nothing,
    /// The peer has closed.
    Closed,
}

/// Bytes received and not yet taken.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_taken();
        self.bytes.extend_from_slice(bytes);
    }

    fn forget_taken(&mut self) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
    }

    /// Reads once from a socket.
    ///
    /// # Errors
    /// As recv(2).
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<Received> {
        self.forget_taken();
        Ok(match socket::receive(socket, &mut self.bytes, READ)? {
            None => Received::Nothing,
            Some(0) => Received::Closed,
            Some(_) => Received::Some,
        })
    }

    /// Takes the next whole message; `None` when there is none.
    ///
    /// # Errors
    /// A length over `MAX_FRAME`: nothing after it can be read.
    pub fn take(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let waiting = &self.bytes[self.taken..];
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(TooLong(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.taken + PREFIX;
        self.taken = start + length;
        Ok(Some(&self.bytes[start..self.taken]))
    }
}

/// Bytes to be sent.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Appends a message.
    pub fn push(&mut self, message: &impl Message) {
        encode(message, &mut self.bytes);
    }

    /// Appends bytes that are framed already.
    pub fn push_framed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes not yet sent.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Sends what the socket takes.
    ///
    /// # Errors
    /// As send(2).
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        while self.pending() > 0 {
            match socket::send(socket, &self.bytes[self.sent..])? {
                0 => break,
                length => self.sent += length,
            }
        }
        self.bytes.drain(..self.sent);
        self.sent = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1::{LauncherHello, Survivors};

    fn two_messages() -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&LauncherHello { protocol_version: 1, release: "r".to_owned(), pid: 7, host: None }, &mut bytes);
        encode(&Survivors { pids: vec![] }, &mut bytes);
        bytes
    }

    #[test]
    fn messages_cut_at_any_byte_arrive_whole() {
        let bytes = two_messages();
        for cut in 0..=bytes.len() {
            let (mut inbox, mut taken) = (Inbox::default(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]] {
                inbox.push(part);
                while let Some(message) = inbox.take().expect("no message is too long") {
                    taken.push(message.to_vec());
                }
            }
            assert_eq!(taken.len(), 2, "cut at {cut}");
            assert_eq!(LauncherHello::decode(taken[0].as_slice()).expect("hello").pid, 7);
            assert!(taken[1].is_empty());
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_are_kept() {
        let mut inbox = Inbox::default();
        let longest = u32::try_from(MAX_FRAME).expect("a u32");
        inbox.push(&longest.to_le_bytes());
        assert_eq!(inbox.take(), Ok(None));
        let mut inbox = Inbox::default();
        inbox.push(&(longest + 1).to_le_bytes());
        assert_eq!(inbox.take(), Err(TooLong(MAX_FRAME + 1)));
    }
}
