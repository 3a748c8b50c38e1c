import type { Frame } from './decode-frames.ts';

/**
 * Moves payloads of one stream together, over the headers that stood between them, so that what several frames make one chunk of is one piece of memory. Moving 256 KiB within a block that was just read costs a hundredth
 * of sending it; joining it in new memory makes the collector of V8 take a third of the time of a follower.
 */
export function closeUp(block: Buffer, frames: (Frame & { payload: Buffer | undefined })[]): void {
  let before: Frame | undefined;
  for (const frame of frames) {
    const { payload, head } = frame;
    if (before?.payload !== undefined && payload !== undefined && continues(before, frame)) {
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
