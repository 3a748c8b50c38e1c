import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { makeFifo } from './make-fifo.ts';

/** Holds a job's program at `read _ <"$GATE"` until the test lets it pass. A FIFO: neither side polls. */
export class Gate implements Disposable {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string) {
    makeFifo(path);
    this.path = path;
    // Opened both ways: the open does not wait for a reader, and a reader's open does not wait for us.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** Lets `count` waiters pass, those that are there or the next to come. */
  open(count = 1): void {
    writeSync(this.#fd, '\n'.repeat(count));
  }

  /** Lets every waiter pass: they read the end of the file. */
  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
