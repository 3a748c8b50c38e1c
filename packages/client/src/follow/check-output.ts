import { createHash } from 'node:crypto';
import { WorkerError } from '../worker-error.ts';
import type { OutputEvent } from './output-event.ts';

/**
 * Holds a stream to what it promises: no hole, no overlap, the length it ends with, and, where it began at the first byte and nothing is missing, the digest.
 * A stream filtered to one of the two has holes by nature; of it only the order is checked.
 *
 * Errors: `data-loss`, which is a fault of the server or of something between.
 */
export function outputChecker(start: number, filtered: boolean): (event: OutputEvent) => void {
  let next = start;
  let hash = start === 0 && !filtered ? createHash('sha256') : undefined;
  const advance = (offset: number, length: number): void => {
    if (offset < next || (offset > next && !filtered)) throw broken(`goes on at offset ${offset} where ${next} was due`);
    next = offset + length;
  };
  return (event) => {
    switch (event.kind) {
      case 'chunk':
        advance(event.offset, event.data.length);
        hash?.update(event.data);
        return;
      case 'gap':
        advance(event.offset, event.length);
        hash = undefined;
        return;
      case 'heartbeat':
        return;
      case 'end':
        if (event.length < next || (event.length > next && !filtered))
          throw broken(`ends at offset ${next} where ${event.length} was said to be the end`);
        if (event.sha256 !== '' && hash !== undefined && hash.digest('hex') !== event.sha256)
          throw broken('does not have the digest that its end names');
    }
  };
}

function broken(what: string): WorkerError {
  return new WorkerError('data-loss', `the stream of output ${what}`, {
    reason: 'OUTPUT_INCONSISTENT',
    advice: 'fetch the output again; if it persists, tell the operator of the server',
  });
}
