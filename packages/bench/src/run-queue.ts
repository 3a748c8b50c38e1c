import { closeSync, openSync, readSync } from 'node:fs';

/** How long the main thread of this process could have run and had no processor, by the kernel's own account, which is exact to the nanosecond whenever the thread itself asks. */
export class RunQueue {
  readonly #file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  readonly #text = Buffer.alloc(64);

  /** In milliseconds, since the thread began. */
  waitedMs(): number {
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0);
    // Nanoseconds on a processor, nanoseconds of waiting for one, turns on one.
    return Number(this.#text.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  }

  close(): void {
    closeSync(this.#file);
  }
}
