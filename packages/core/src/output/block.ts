import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import type { Frame } from './decode-frames.ts';
import type { FramePlace } from './frame.ts';

export interface BlockContents {
  readonly start: FramePlace;
  /** One after the other, all payloads read and checked. */
  readonly frames: readonly Frame[];
  readonly end: FramePlace;
  /** What stands at the end is no frame. */
  readonly isBroken: boolean;
}

/** Whole frames of an output file that were read together. All who stand in it use it; when the last is through, its memory is used for something else. */
export class Block {
  readonly contents: BlockContents;
  /** Of memory. */
  readonly bytes: number;
  /** What was made of all its frames, by the most bytes of a chunk. */
  readonly made = new Map<number, readonly (OutputChunkEvent | OutputGapEvent)[]>();
  readonly #onFree: () => void;
  #users = 1;

  /** Used by whoever makes it. */
  constructor(contents: BlockContents, bytes: number, onFree: () => void) {
    this.contents = contents;
    this.bytes = bytes;
    this.#onFree = onFree;
  }

  /** One more uses it, until that calls what this answers; a second call does nothing. Whoever never calls costs the memory no second use, and nothing else. */
  use(): () => void {
    this.#users += 1;
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      this.leave();
    };
  }

  /** Its memory may hold something else by now. */
  get isFree(): boolean {
    return this.#users === 0;
  }

  /** Of whoever made it, once. */
  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#onFree();
  }

  /** The index of the frame at a place; -1 where none of its frames begins there. */
  indexOf({ position, offset }: FramePlace): number {
    const { frames } = this.contents;
    let low = 0;
    let high = frames.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const frame = frames[middle];
      if (frame === undefined) return -1;
      if (frame.position === position) return frame.head.offset === offset ? middle : -1;
      if (frame.position < position) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
