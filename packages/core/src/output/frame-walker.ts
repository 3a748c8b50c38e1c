import type { Frame, Walk } from './decode-frames.ts';
import { decodeFrames } from './decode-frames.ts';
import type { FramePlace } from './frame.ts';
import { FIRST_FRAME, FRAME_HEADER_BYTES } from './frame.ts';
import type { OutputFile } from './output-file.ts';

/** Read at a time by who is behind: two whole frames of a job that writes fast, for a cut one is read again. What a reader holds in memory is this, or one frame where that is longer. */
export const BLOCK_BYTES = 2 * (128 * 1024 + FRAME_HEADER_BYTES);

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
      const { frames, end, needed } = decodeFrames(block, this.#place, walk);
      this.#place = end;
      if (frames.length > 0) yield frames;
      const fileEnds = block.length < length && frames.length === 0;
      if (needed === 'broken' || fileEnds) return 'broken';
      wanted = Math.max(BLOCK_BYTES, needed);
    }
    return 'end';
  }
}
