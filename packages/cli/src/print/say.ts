import { writeSync } from 'node:fs';

/**
 * A line of our own to stderr, at once: it may be the last thing before the process leaves. A stderr that nobody reads, or whose terminal is gone, is no
 * reason to fail.
 */
export function say(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest));
    } catch (error) {
      // A full pipe that somebody set to non-blocking: its reader is slow, and the line is short.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        continue;
      }
      return;
    }
  }
}
