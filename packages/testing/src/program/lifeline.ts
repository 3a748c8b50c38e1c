import { closeSync, constants, openSync, readSync } from 'node:fs';
import { makeFifo } from './make-fifo.ts';

/**
 * Tells without a race whether any process of a job lives, however it hides. The job's first process opens the FIFO for writing (`exec 9>"$LIFELINE"`), all that
 * descend from it by fork inherit the descriptor, and the kernel answers "end of file" to the reader only when the last of them is gone. A scan of /proc can miss a
 * process that forks while it looks; this cannot.
 */
export class Lifeline implements Disposable {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string) {
    makeFifo(path);
    this.path = path;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** Whether somebody holds it now. False before the job opened it. */
  held(): boolean {
    try {
      return readSync(this.#fd, Buffer.alloc(1)) > 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return true;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
