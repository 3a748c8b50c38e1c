import type { FrameHead, FramePlace } from './frame.ts';
import { FRAME_HEADER_BYTES, framePayload, frameTimeNs, parseFrameHead, parseGap } from './frame.ts';

/** One frame, as it was found. */
export interface Frame {
  readonly head: FrameHead;
  readonly position: number;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** Undefined when it was not wanted, or its checksum fails. */
  readonly payload: Buffer | undefined;
  /** How many bytes of each stream it takes up. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

export interface Walk {
  /** Where whole frames end. */
  readonly fileLength: number;
  /** Whether somebody needs the bytes of a data frame, which are not read for nothing. */
  readonly wants: (head: FrameHead) => boolean;
  /** A data frame whose payload is spoiled ends the walk, as in a file of which nobody knows how much was written; it must be wanted to be seen. */
  readonly strict?: boolean;
}

export interface Decoded {
  readonly frames: Frame[];
  /** Behind the last of them. */
  readonly end: FramePlace;
  /** How many bytes the next block needs at least, or that what follows is no frame. */
  readonly needed: number | 'broken';
}

/** The whole frames in a block that was read from a place on. */
export function decodeFrames(block: Buffer, place: FramePlace, walk: Walk): Decoded {
  const frames: Frame[] = [];
  let { position, offset } = place;
  const upTo = (needed: number | 'broken'): Decoded => ({ frames, end: { position, offset }, needed });
  for (let at = 0; at < block.length;) {
    if (position + FRAME_HEADER_BYTES > walk.fileLength) return upTo('broken');
    if (block.length - at < FRAME_HEADER_BYTES) return upTo(FRAME_HEADER_BYTES);
    const head = parseFrameHead(block, at, offset);
    if (head === undefined) return upTo('broken');
    const size = FRAME_HEADER_BYTES + head.length;
    if (position + size > walk.fileLength) return upTo('broken');
    const isWanted = head.kind === 'gap' || walk.wants(head);
    // The bytes of a frame that nobody wants may lie in the next block: its end is where that begins.
    if (isWanted && block.length - at < size) return upTo(size);
    const payload = isWanted ? framePayload(block, at, head) : undefined;
    if (isWanted && payload === undefined && walk.strict === true) return upTo('broken');
    const bytes = bytesOf(head, payload);
    if (bytes === undefined) return upTo('broken');
    frames.push({ head, position, timeNs: frameTimeNs(block, at), payload, ...bytes });
    position += size;
    offset += bytes.stdoutBytes + bytes.stderrBytes;
    at += size;
  }
  return upTo(0);
}

/** How far a gap reaches stands in its payload: without it nothing that follows can be placed. */
function bytesOf(head: FrameHead, payload: Buffer | undefined): { readonly stdoutBytes: number; readonly stderrBytes: number } | undefined {
  if (head.kind === 'gap') return payload === undefined ? undefined : parseGap(payload, head.offset);
  return head.stream === 'stdout' ? { stdoutBytes: head.length, stderrBytes: 0 } : { stdoutBytes: 0, stderrBytes: head.length };
}
