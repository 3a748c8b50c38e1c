import type { ServerResponse } from 'node:http';
import type { Hold } from './held-bytes.ts';
import { isGone, type Response } from './respond.ts';

/** What stays in memory beside what is to be sent: the block of output that a follower has read, and the call itself. */
const besideBytes = 300 * 1024;

/**
 * The body of a response, at the pace of its reader. While one part is on its way the next may be made and handed over, so that the network waits neither for the disk nor for what is made of it, and no more than that.
 * Where callers hold much already, nothing is made before the last part was taken.
 */
export class PacedBody {
  readonly #response: Response;
  readonly #hold: Hold;
  /** Parts that were handed over and not taken. */
  #parts = 0;
  #isOver = false;
  #wake = () => {};

  constructor(response: Response, hold: Hold) {
    this.#response = response;
    this.#hold = hold;
    const over = () => {
      this.#isOver = true;
      this.#wake();
    };
    // Errors are told to whoever writes; here they end the wait.
    response.once('close', over).on('error', over);
  }

  /**
   * Writes a part that lies in several pieces, without joining them, and waits until there is room for the next. Returns early when the reader is gone.
   *
   * @param onSent Called when the pieces are not needed any more; not at all when they could not be sent.
   */
  async write(pieces: readonly Uint8Array[], onSent?: () => void): Promise<void> {
    const response = this.#response;
    if (response.writableEnded || isGone(response)) return;
    // A response of either kind takes bytes; their types differ in the overloads alone.
    const writable = response as ServerResponse;
    const last = pieces.length - 1;
    this.#parts += 1;
    response.cork();
    for (const [index, piece] of pieces.entries()) {
      if (index < last) writable.write(piece);
      else {
        writable.write(piece, (error) => {
          this.#taken();
          if (!error) onSent?.();
        });
      }
    }
    response.uncork();
    if (!response.writableNeedDrain) return;
    this.#account();
    await this.#until(() => this.#parts <= (this.#hold.isScarce ? 0 : 1));
  }

  /** Until the reader has taken all of much, or is gone. Of little, nobody waits for that. */
  async taken(): Promise<void> {
    if (this.#response.writableNeedDrain) await this.#until(() => this.#parts === 0);
  }

  /** What is not taken now is the connection's. */
  leave(): void {
    this.#isOver = true;
    this.#hold.set(0);
  }

  #taken(): void {
    this.#parts -= 1;
    this.#account();
    this.#wake();
  }

  #account(): void {
    if (this.#isOver) return;
    const { writableNeedDrain, writableLength } = this.#response;
    this.#hold.set(this.#parts > 0 && writableNeedDrain ? writableLength + besideBytes : 0);
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!this.#isOver && !isDone()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
