//! The framing of both wires against a reader that has all bytes at once.

use worker_supervisor::wire::{Inbox, MAX_FRAME, TooLong};

use crate::mutate::Random;

/// Feeds the stream in pieces whose lengths follow from `pattern`, checks that what is taken does not depend on them, and returns the messages.
#[must_use]
pub fn messages(pattern: u8, stream: &[u8]) -> Vec<Vec<u8>> {
    let expected = whole(stream);
    let mut random = Random(u64::from(pattern));
    let longest = 1 + usize::from(pattern) * usize::from(pattern);
    let (mut inbox, mut taken, mut rest) = (Inbox::default(), Vec::new(), stream);
    let failure = loop {
        match inbox.take() {
            Ok(Some(message)) => {
                taken.push(message.to_vec());
                continue;
            }
            Ok(None) => {}
            Err(too_long) => break Some(too_long),
        }
        if rest.is_empty() {
            break None;
        }
        let (piece, later) = rest.split_at(rest.len().min(1 + random.below(longest)));
        inbox.push(piece);
        rest = later;
    };
    assert_eq!((&taken, &failure), (&expected.0, &expected.1), "the pieces of a stream must not matter");
    taken
}

fn whole(mut stream: &[u8]) -> (Vec<Vec<u8>>, Option<TooLong>) {
    let mut messages = Vec::new();
    while let Some((prefix, rest)) = stream.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return (messages, Some(TooLong(length)));
        }
        let Some((message, later)) = rest.split_at_checked(length) else { break };
        messages.push(message.to_vec());
        stream = later;
    }
    (messages, None)
}

/// Whether a message survives being written and read.
pub fn round_trip<M: prost::Message + Default + PartialEq>(message: &M) {
    assert!(M::decode(message.encode_to_vec().as_slice()).as_ref() == Ok(message), "a message must read as it was written");
}
