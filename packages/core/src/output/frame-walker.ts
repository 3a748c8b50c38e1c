import type { FrameHead, FramePlace } from './frame.ts';
import { FIRST_FRAME, FRAME_HEADER_BYTES, framePayload, frameTimeNs, parseFrameHead, parseGap } from './frame.ts';
import type { OutputFile } from './output-file.ts';

/** Read at a time by who is behind: four whole frames of a job that writes fast, for a cut one is read again. What a reader holds in memory is this, or one frame where that is longer. */
const BLOCK_BYTES = 4 * (128 * 1024 + FRAME_HEADER_BYTES);

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

interface Walk {
  /** Where whole frames end. */
  readonly fileLength: number;
  /** Whether somebody needs the bytes of a data frame, which are not read for nothing. */
  readonly wants: (head: FrameHead) => boolean;
  /** A data frame whose payload is spoiled ends the walk, as in a file of which nobody knows how much was written; it must be wanted to be seen. */
  readonly strict?: boolean;
}

/** Goes from frame to frame. */
export class FrameWalker {
  readonly #file: OutputFile;
  #place: FramePlace;

  constructor(file: OutputFile, place: FramePlace = FIRST_FRAME) {
    this.#file = file;
    this.#place = place;
  }

  /** Behind the last frame that was passed. */
  get place(): FramePlace {
    return this.#place;
  }

  set place(place: FramePlace) {
    this.#place = place;
  }

  /** The whole frames from here on, those of a block together. Answers whether all were passed, or what stands here is no frame. */
  async *blocks(walk: Walk): AsyncGenerator<Frame[], 'end' | 'broken', undefined> {
    let wanted = BLOCK_BYTES;
    while (this.#place.position < walk.fileLength) {
      const { position } = this.#place;
      const length = Math.min(wanted, walk.fileLength - position);
      const block = await this.#file.read(position, length);
      const frames: Frame[] = [];
      const needed = this.#take(block, walk, frames);
      if (frames.length > 0) yield frames;
      const fileEnds = block.length < length && frames.length === 0;
      if (needed === 'broken' || fileEnds) return 'broken';
      wanted = Math.max(BLOCK_BYTES, needed);
    }
    return 'end';
  }

  /** Answers how many bytes the next block needs at least, or that what follows is no frame. */
  #take(block: Buffer, walk: Walk, frames: Frame[]): number | 'broken' {
    for (let at = 0; at < block.length;) {
      const { position, offset } = this.#place;
      if (position + FRAME_HEADER_BYTES > walk.fileLength) return 'broken';
      if (block.length - at < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
      const head = parseFrameHead(block, at, offset);
      if (head === undefined) return 'broken';
      const size = FRAME_HEADER_BYTES + head.length;
      if (position + size > walk.fileLength) return 'broken';
      const isWanted = head.kind === 'gap' || walk.wants(head);
      // The bytes of a frame that nobody wants may lie in the next block: its end is where that begins.
      if (isWanted && block.length - at < size) return size;
      const payload = isWanted ? framePayload(block, at, head) : undefined;
      if (isWanted && payload === undefined && walk.strict === true) return 'broken';
      const bytes = bytesOf(head, payload);
      if (bytes === undefined) return 'broken';
      frames.push({ head, position, timeNs: frameTimeNs(block, at), payload, ...bytes });
      this.#place = { position: position + size, offset: offset + bytes.stdoutBytes + bytes.stderrBytes };
      at += size;
    }
    return 0;
  }
}

/** How far a gap reaches stands in its payload: without it nothing that follows can be placed. */
function bytesOf(head: FrameHead, payload: Buffer | undefined): { readonly stdoutBytes: number; readonly stderrBytes: number } | undefined {
  if (head.kind === 'gap') return payload === undefined ? undefined : parseGap(payload, head.offset);
  return head.stream === 'stdout' ? { stdoutBytes: head.length, stderrBytes: 0 } : { stdoutBytes: 0, stderrBytes: head.length };
}
