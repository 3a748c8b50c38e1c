import { BLOCK_BYTES } from './frame-walker.ts';

/** Kept for what is read next. */
const MOST_FREE_BYTES = 16 * 1024 * 1024;

/**
 * Buffers of one block each, used again and again. A buffer that is made for each block is memory outside the heap, and a reader of a hundred megabytes a second makes so much of it that the collector of V8
 * is at work all the time.
 */
export class BlockPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Nobody looks at it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < MOST_FREE_BYTES / BLOCK_BYTES) this.#free.push(buffer);
  }

  /** Nothing is read for now. */
  clear(): void {
    this.#free.length = 0;
  }
}
