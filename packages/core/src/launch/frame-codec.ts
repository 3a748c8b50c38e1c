import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';

/** The most bytes in one message of the wires to launcher and shims. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const PREFIX_BYTES = 4;

/** A message with its length before it, as the wires to launcher and shims want it. */
export function encodeFrame<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  const body = toBinary(schema, message);
  if (body.length > MAX_MESSAGE_BYTES) throw new RangeError(`a message of ${body.length} bytes does not fit into a frame`);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  frame.writeUInt32LE(body.length, 0);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

/** Puts messages together from whatever pieces the socket brings. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #missing = 0;

  /** The messages that are whole now. Throws for one that is longer than any may be: the peer does not speak this wire, and nothing after it can be understood. */
  *push(piece: Buffer): Generator<Uint8Array> {
    this.#pieces.push(piece);
    // A long message comes in many pieces: they are put together once.
    if (piece.length < this.#missing) {
      this.#missing -= piece.length;
      return;
    }
    let bytes = this.#pieces.length === 1 && this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, ...this.#pieces]);
    this.#pieces = [];
    while (bytes.length >= PREFIX_BYTES) {
      const length = bytes.readUInt32LE(0);
      if (length > MAX_MESSAGE_BYTES) throw new RangeError(`a frame of ${length} bytes is longer than any may be`);
      const end = PREFIX_BYTES + length;
      if (bytes.length < end) {
        this.#missing = end - bytes.length;
        this.#rest = bytes;
        return;
      }
      yield bytes.subarray(PREFIX_BYTES, end);
      bytes = bytes.subarray(end);
    }
    this.#missing = 0;
    this.#rest = bytes;
  }
}
