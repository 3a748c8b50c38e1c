//! What core sends to a shim, up to the point where a process would be signalled.

use prost::Message;
use worker_supervisor::wire::v1::ShimRequest;

use crate::framing;

/// The first byte says how the stream is cut, the rest is the stream.
pub fn run(data: &[u8]) {
    let Some((pattern, stream)) = data.split_first() else { return };
    for message in framing::messages(*pattern, stream) {
        if let Ok(request) = ShimRequest::decode(message.as_slice()) {
            framing::round_trip(&request);
        }
    }
}
