import type { Frame } from './decode-frames.ts';

/** A longer payload stays where it is: it makes a chunk by itself, and moving it costs more than it gives. */
const MOVED_BELOW_BYTES = 64 * 1024;

/** Moves short payloads of one stream together, over the headers that stood between them, so that what many frames make one chunk of is one piece of memory. */
export function closeUp(block: Buffer, frames: (Frame & { payload: Buffer | undefined })[]): void {
  let before: Frame | undefined;
  for (const frame of frames) {
    const { payload, head } = frame;
    if (before?.payload !== undefined && payload !== undefined && payload.length < MOVED_BELOW_BYTES && continues(before, frame)) {
      const at = before.payload.byteOffset - block.byteOffset + before.payload.length;
      payload.copy(block, at);
      frame.payload = block.subarray(at, at + payload.length);
    }
    before = head.kind === 'data' ? frame : undefined;
  }
}

function continues({ head: before }: Frame, { head }: Frame): boolean {
  return before.kind === 'data' && head.kind === 'data' && before.stream === head.stream;
}
